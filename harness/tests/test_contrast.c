/* test_contrast.c - what two records say of two builds, in words. */
#include "harness/report/contrast.h"
#include "harness/report/contrast_words.h"
#include "impl/tests/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a play showed, by a word. */
static const struct {
    const char *word, *reaction;
} words[] = {
    {"close",   "RUN SEV_OTHER_BYTE close 0"                                 },
    {"110",     "RUN SEV_OTHER_BYTE error 110"                               },
    {"121",     "RUN SEV_OTHER_BYTE error 121"                               },
    {"takes",   "PARAMS SEV_ACCEPTED advance 0"                              },
    {"silent",  "PARAMS SEV_ACCEPTED close 0"                                },
    {"refuses", "PARAMS SEV_REFUSED error 8"                                 },
    {"unknown", "PARAMS SEV_AUTH_FAILED error-one 142"                       },
    {"dies",    "RUN SEV_SIGNAL crash 0"                                     },
    {"0b",      "RUN SEV_SIGNAL terminate 0"                                 },
    {"both",    "RUN SEV_OTHER_BYTE close 0\",\"RUN SEV_OTHER_BYTE error 110"},
    {"more",    "RUN SEV_OTHER_BYTE close 0\",\"COOKIE SEV_ITEM advance 0"   },
};

/* Cases of two builds: `ID=WORD` each, with `~` in place of `=` where the verdict is known to
 * change, `+` between the words of two plays, `!` behind what the case does not ask for. */
static const struct row {
    const char *name, *a, *b;
    unsigned differ, misses, chance;
    const char *told; /* part of what is printed; with ! none of it */
} rows[] = {
    {"nothing differs",                             "x=close",               "x=close",             0, 0, 0, "!x"                           },
    {"state, event and reactions in words",         "x=close",               "x=110",               1, 0, 0,
     "server in TEST_RUNNING: any other byte (ST-SRV-9); 1 case\n"
     "  A  ends the test without a message\n"
     "  B  SERVER_ERROR 110 IEMESSAGE\n"
     "  x: title of x\n"                                                                                                                    },
    {"DEF-28 parameters that another refuses",      "len=takes y=takes",     "len=refuses y=takes", 1, 0, 0,
     "server in PARAM_EXCHANGE: parameters (ST-SRV-2, ST-SRV-3); 1 case\n"
     "  A  goes on with the test\n"
     "  B  SERVER_ERROR 8 IEBUFSIZE\n"
     "  len: title of len\n"                                                                                                                },
    {"DEF-25 who says what was wrong",              "x=unknown",             "x=silent",            1, 0, 0,
     "SERVER_ERROR without errno 142 IEAUTHTEST"                                                                                            },
    {"a case that only one of them has",            "x=close",               "y=110",               0, 0, 0, "!x"                           },
    {"both do both: chance",                        "x=close y=110",         "x=110 y=close",       0, 0, 2, "!x"                           },
    {"one of them alone does both",                 "x=close y=close",       "x=110 y=close",       1, 0, 0, "x:"                           },
    {"of texts each case has its own",              "x=takes y=refuses",     "x=refuses y=takes",   2, 0, 0, "y:"                           },
    {"numbers count as well",                       "x=110",                 "x=121",               1, 0, 0, "121 IEACCESSDENIED"           },
    {"who dies does not do so by chance",           "x=dies! y=0b",          "x=0b y=dies!",        2, 0, 0, "crashes"                      },
    {"... unless that is known",                    "x~dies!",               "x~0b",                0, 0, 1, "!x"                           },
    {"one that varies, and the other does neither", "x=close+110",           "x=121",               1, 0, 0,
     "1 case, at times\n"
     "  A  ends the test without a message; or SERVER_ERROR 110 IEMESSAGE\n"
     "  B  SERVER_ERROR 121 IEACCESSDENIED\n"                                                                                               },
    {"both in one play",                            "x=both",                "x=121",               1, 0, 0, "message; and SERVER_ERROR 110"},
    {"a play in which both did the same",           "x=close+110",           "x=110",               0, 0, 0, "!x"                           },
    {"what no reaction tells",                      "d/x=close! d/y=close!", "d/x=close d/y=close", 0, 1, 0,
     "by ST-SRV-9, where no reaction tells; 2 cases\n"
     "  A  what came\n"
     "  B  as the case asks\n"
     "  d/x: title of d/x\n"                                                                                                                },
    {"what one of them misses at times",            "x~close!",              "x=close",             0, 1, 0, "1 case, at times\n"           },
    {"what both of them miss at times",             "x~close!",              "x~close",             0, 0, 1, "!x:"                          },
    {"folder by folder",                            "d/x=close! e/y=close!", "d/x=close e/y=close", 0, 2, 0, "e/y:"                         },
    {"a case that is about it goes first",          "simple=close it=more!", "simple=110 it=110",   1, 0, 0,
     "it:"                                                                                                                                  },
};

static void add_plays(struct text *out, char *plays)
{
    for (char *word; (word = strsep(&plays, "+"));)
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (strcmp(words[i].word, word) == 0)
                text_addf(out, "%s[\"%s\"]", out->at[out->len - 1] == '[' ? "" : ",",
                          words[i].reaction);
}

/* One case as a record has it. */
static void add_case(struct text *out, char *one)
{
    char *plays = one + strcspn(one, "=~");
    bool is_miss = one[strlen(one) - 1] == '!', at_times = *plays == '~';

    one[strlen(one) - is_miss] = '\0';
    *plays++ = '\0';
    text_addf(out,
              "%s{\"id\":\"%s\",\"title\":\"title of %s\",\"clause\":\"ST-SRV-9\",\"cause\":\"%s\","
              "\"got\":\"%s\",\"at_times\":%s,\"plays\":[",
              out->at[out->len - 1] == '[' ? "" : ",", one, one, is_miss ? "miss" : "ok",
              is_miss ? "what came" : "", at_times ? "true" : "false");
    add_plays(out, plays);
    text_adds(out, "]}");
}

static void add_record(struct text *out, const char *build, const char *cases)
{
    char *all = text_dup(cases), *rest = all, *one;

    text_addf(out,
              "{\"schema\":1,\"subject\":{\"name\":\"iperf\",\"banner\":\"%s\"},\"reactions\":[],"
              "\"cases\":[",
              build);
    while ((one = strsep(&rest, " ")))
        add_case(out, one);
    text_adds(out, "]}");
    free(all);
}

static void read_cases(struct quirks *q, const char *build, const char *cases)
{
    char path[UNIT_PATH_MAX];
    int fd = mkstemp(unit_temporary(path, "record"));
    struct text why = {0}, record = {0};

    add_record(&record, build, cases);
    assert_int_equal(write(fd, record.at, record.len), record.len);
    close(fd);
    bool ok = quirks_read(q, path, &why);
    unlink(path);
    if (!ok)
        fail_msg("%s", text_string(&why));
    text_fini(&why);
    text_fini(&record);
}

static void check(const struct row *row)
{
    struct quirks a = {0}, b = {0};
    char *told = NULL;
    size_t len;
    FILE *out = open_memstream(&told, &len);
    bool never = row->told[0] == '!';

    read_cases(&a, "A", row->a);
    read_cases(&b, "B", row->b);
    struct contrast c = contrast_print(out, &a, &b, false);
    fclose(out);
    if (c.differ != row->differ || c.misses != row->misses || c.chance != row->chance ||
        !strstr(told, row->told + never) != never)
        fail_msg("%s: %u %u %u\n%s", row->name, c.differ, c.misses, c.chance, told);
    free(told);
    quirks_fini(&a);
    quirks_fini(&b);
}

static void test_contrast_print_tells_what_differs_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i]);
}

static void test_contrast_words_know_every_reaction(void **state)
{
    (void)state;
    for (enum machine_state s = SRV_COOKIE; s < MACHINE_OVER; s++)
        for (unsigned bit = TABLE_BIT_NONE + 1; bit < TABLE_N_REACTIONS; bit++) {
            struct contrast_moment moment = {s, 0};
            struct contrast_reaction one = {.set = 1u << bit};
            struct text all = {0};
            contrast_reaction_text(&moment, &one, "or", &all);
            contrast_moment_text(&moment, &all);
            assert_true(all.len > 0);
            assert_null(strstr(text_string(&all), "(null)"));
            text_fini(&all);
        }
}

static void test_contrast_next_comes_by_every_cell(void **state)
{
    struct contrast_moment moment = CONTRAST_BEGIN;
    unsigned n = 0;

    (void)state;
    while (contrast_next(&moment))
        n++;
    assert_int_equal(n, TABLE_N_SERVER_STATES * SEV_N + TABLE_N_CLIENT_STATES * CEV_N);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contrast_print_tells_what_differs_in_words),
        cmocka_unit_test(test_contrast_words_know_every_reaction),
        cmocka_unit_test(test_contrast_next_comes_by_every_cell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
