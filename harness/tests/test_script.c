/* test_script.c - the .peer language: reading, printing, checking. */
#include "harness/script/script.h"

#include "impl/tests/unit.h"
#include "impl/wire/state.h"

#define HEAD "case x\nclause ST-1\nplays client\n\n"

static struct script_list read_ok(const char *text)
{
    struct script_list list = {0};
    struct script_error error;

    if (!script_read(&list, "t.peer", text, &error))
        fail_msg("line %u: expected %s, found %s", error.line, error.expected, error.found);
    return list;
}

/* Each step in its canonical form. */
static const char *const steps[] = {
    "open",
    "open second",
    "advance TEST_RUNNING",
    "finish",
    "first finish within 5000ms",
    "send state IPERF_DONE",
    "send state 0x11",
    "send hex fe 00 00",
    "send hex \"\"",
    "send hex 00 00 00 00 first 2 bytes",
    "send cookie first 20 bytes",
    "send params first 10 bytes",
    "send results",
    "send server-error",
    "send server-error IEAUTHTEST",
    "send server-error IESTREAMWRITE errno 32",
    "send server-error 7777 errno -1",
    "stream 3 send data 8192",
    "b stream 1 send datagrams 1 2 3 3 5 6 7",
    "stream 1 reset",
    "wire params.length = 4294967295",
    "wire params.len = \"x\"",
    "wire params.title = absent",
    "wire results.streams[0].bytes = wrong-type",
    "wire params raw \"{\\\"a\\\":1}\"",
    "wire cookie raw \"\\x00\\xff\"",
    "params {\"parallel\": 3}",
    "expect state CREATE_STREAMS or server-error or end",
    "expect server-error IERECVPARAMS ints 2",
    "expect end within 9000ms..45000ms",
    "expect close",
    "expect reset",
    "second expect denied",
    "expect nothing until end",
    "expect nothing for 200ms",
    "expect alive",
    "expect alive meanwhile",
    "expect exit 1",
    "expect failure",
    "expect output json where .error exists",
    "expect output text \"busy\"",
    "expect results where .streams[id == 1].bytes == sent(1)",
    "expect params where not .udp exists (PARAM-5)",
    "ignore server-error or state IPERF_DONE",
    "hold",
    "split 1",
    "close",
    "half-close",
    "reset",
    "subject signal INT",
};

static void test_script_print_gives_back_each_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct text source = {0}, printed = {0};
        text_addf(&source, HEAD "%s\n", steps[i]);
        struct script_list list = read_ok(text_string(&source));
        assert_int_equal(list.at[0]->steps.n, 1);
        script_print_step(&list.at[0]->steps.at[0], &printed);
        assert_string_equal(text_string(&printed), steps[i]);
        text_fini(&source);
        text_fini(&printed);
        script_list_fini(&list);
    }
}

static const struct row {
    const char *name, *source, *canonical;
} shorter[] = {
    {"byte",       "send byte 0x0c",                    "send hex 0c"                         },
    {"byte -2",    "send byte -2",                      "send hex fe"                         },
    {"text",       "send text \"a\\n\"",                "send hex 61 0a"                      },
    {"hex joined", "send hex fe0000",                   "send hex fe 00 00"                   },
    {"seconds",    "expect end within 1.5s",            "expect end within 1500ms"            },
    {"ranges",     "stream 1 send datagrams 1..3 5 x3", "stream 1 send datagrams 1 2 3 5 5 5" },
    {"repeat",     "wire params raw '[' x 3",           "wire params raw \"[[[\""             },
    {"long text",  "wire params.title = text 'ab' x 2", "wire params.title = \"abab\""        },
    {"one param",  "a params len = 8192",               "a params {\"len\": 8192}"            },
    {"without",    "expect results without .a.b",       "expect results where not .a.b exists"},
    {"with",       "expect results with .a",            "expect results where .a exists"      },
    {"number",     "send server-error 114",             "send server-error IERECVPARAMS"      },
    {"comment",    "close  # and more",                 "close"                               },
    {"no comment", "send text 'a # b'",                 "send hex 61 20 23 20 62"             },
};

static void test_script_read_takes_short_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shorter); i++) {
        struct text source = {0}, printed = {0};
        text_addf(&source, HEAD "%s\n", shorter[i].source);
        struct script_list list = read_ok(text_string(&source));
        script_print_step(&list.at[0]->steps.at[0], &printed);
        if (strcmp(text_string(&printed), shorter[i].canonical) != 0)
            fail_msg("%s: %s", shorter[i].name, text_string(&printed));
        text_fini(&source);
        text_fini(&printed);
        script_list_fini(&list);
    }
}

static const char whole[] = "# at the top\n\n"
                            "case     server/x/{STATE}/{BYTE}\n"
                            "title    Byte {BYTE} in {STATE}\n"
                            "# among the header\n"
                            "clause   ST-2 {CLAUSE}\n"
                            "plays    client\n"
                            "needs    udp slow\n"
                            "params   { \"len\": 8192 }\n"
                            "foreach  STATE,CLAUSE in CREATE_STREAMS,ST-5 'TEST_RUNNING,ST-6'\n"
                            "foreach  BYTE in 0x03..0x05 0xfd\n"
                            "\n"
                            "advance  {STATE}\n"
                            "send     byte {BYTE}\n"
                            "either\n"
                            "    expect  server-error\n"
                            "    close\n"
                            "or\n"
                            "    expect  end\n"
                            "end\n"
                            "expect   alive\n";

static void test_script_foreach_makes_a_script_of_each_row(void **state)
{
    struct script_list list = read_ok(whole);

    (void)state;
    assert_int_equal(list.n, 8);
    assert_string_equal(list.at[0]->id, "server/x/CREATE_STREAMS/0x03-RESULT_REQUEST");
    assert_string_equal(list.at[1]->id, "server/x/CREATE_STREAMS/0x04-TEST_END");
    assert_string_equal(list.at[7]->id, "server/x/TEST_RUNNING/0xfd");
    assert_string_equal(list.at[7]->title, "Byte 0xfd in TEST_RUNNING");
    assert_string_equal(list.at[7]->clauses.at[1], "ST-6");
    assert_int_equal(list.at[7]->steps.at[0].state, TEST_RUNNING);
    assert_int_equal(list.at[7]->steps.at[1].send.bytes.at[0], 0xfd);
    assert_int_equal(list.at[0]->steps.at[2].line, 15);
    script_list_fini(&list);
}

static void test_script_print_reads_back_as_the_same(void **state)
{
    struct script_list list = read_ok(whole);

    (void)state;
    for (size_t i = 0; i < list.n; i++) {
        struct text once = {0}, twice = {0};
        script_print(list.at[i], &once);
        struct script_list again = read_ok(text_string(&once));
        script_print(again.at[0], &twice);
        assert_string_equal(text_string(&once), text_string(&twice));
        script_list_fini(&again);
        text_fini(&once);
        text_fini(&twice);
    }
    script_list_fini(&list);
}

static const struct bad {
    const char *text;
    unsigned line, column;
    const char *expected, *found; /* the beginning of what is said */
} bads[] = {
    {HEAD "expect state FOO",                 5, 14, "a state such as",           "'FOO'"              },
    {HEAD "advance TEST_END",                 5, 9,  "a state that the server",   "'TEST_END'"         },
    {HEAD "shout",                            5, 1,  "a verb such as",            "'shout'"            },
    {HEAD "finish now",                       5, 8,  "the end of the line",       "'now'"              },
    {HEAD "send hex fe0",                     5, 10, "pairs of hex digits",       "'fe0'"              },
    {HEAD "send data 5",                      5, 6,  "'stream N' in front",       "'data'"             },
    {HEAD "expect end within 5",              5, 19, "a time such as 5s",         "'5'"                },
    {HEAD "expect end (NO-1)",                5, 12, "the id of a clause",        "'(NO-1)'"           },
    {HEAD "params {\"a\":",                   5, 8,  "a JSON value",              "'{\"a\":'"          },
    {HEAD "wire params.len 5",                5, 17, "'='",                       "'5'"                },
    {HEAD "send server-error IEFOO",          5, 19, "an error such as",          "'IEFOO'"            },
    {HEAD "either\nsend state TEST_END\nend", 7, 1,  "a branch that starts",      "'end'"              },
    {HEAD "either\nexpect end",               6, 1,  "'end' of the either",       ""                   },
    {"case x\nplays client\n\nfinish",        3, 1,  "a header with a line 'cla", "the end of the line"},
    {"clause ST-1\n\nfinish",                 2, 1,  "a header with a line 'cas", "the end of the line"},
    {"case x\ncolour red\n",                  2, 1,  "one of case title",         "'colour'"           },
    {"case x\nplays both\n",                  2, 7,  "'client' or 'server'",      "'both'"             },
    {"case x\nforeach A in\n",                2, 13, "values",                    "the end of the line"},
    {"case x\nforeach A in keys(x)\n",        2, 14, "keys(params)",              "'keys(x)'"          },
};

static void test_script_read_names_place_and_cure_of_a_mistake(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        struct script_list list = {0};
        struct script_error e;
        const struct bad *b = &bads[i];
        bool ok = script_read(&list, "t.peer", b->text, &e);
        if (ok || list.n != 0 || e.line != b->line || (e.column != b->column && *b->found) ||
            strncmp(e.expected, b->expected, strlen(b->expected)) != 0 ||
            strncmp(e.found, b->found, strlen(b->found)) != 0)
            fail_msg("%s\n%s: %u:%u: expected %s, found %s", b->text, ok ? "was read" : "error",
                     e.line, e.column, e.expected, e.found);
        script_list_fini(&list);
    }
}

static void test_script_error_points_with_a_caret(void **state)
{
    struct script_list list = {0};
    struct script_error e;
    struct text out = {0};

    (void)state;
    assert_false(script_read(&list, "t.peer", HEAD "expect state FOO # why", &e));
    script_error_format(&e, &out);
    assert_string_equal(
        text_string(&out),
        "t.peer:5:14: expected a state such as TEST_RUNNING, or a byte such as 0x11, found 'FOO'\n"
        "    expect state FOO\n"
        "                 ^\n");
    text_fini(&out);
    script_list_fini(&list);
}

/* Whatever text comes: an answer, no crash, no leak. */
static void test_script_read_survives_any_cut_and_any_byte(void **state)
{
    struct script_error e;
    char copy[sizeof whole];

    (void)state;
    for (size_t len = 0; len < sizeof whole; len++) {
        struct script_list list = {0};
        memcpy(copy, whole, len);
        copy[len] = '\0';
        script_read(&list, "t", copy, &e);
        script_list_fini(&list);
    }
    for (size_t at = 0; at + 1 < sizeof whole; at++) {
        for (const char *byte = "\n '\"{}#x\xff"; *byte; byte++) {
            struct script_list list = {0};
            memcpy(copy, whole, sizeof whole);
            copy[at] = *byte;
            script_read(&list, "t", copy, &e);
            script_list_fini(&list);
        }
    }
}

static const struct lint {
    const char *text;
    const char *problem; /* NULL: none */
} lints[] = {
    {HEAD "finish\nexpect alive",                                                NULL                      },
    {"case x\nclause NO-7\nplays client\n\nfinish",                              "unknown clause NO-7"     },
    {"case x\nclause ST-1\nplays client\nneeds magic\n\nfinish",                 "unknown need 'magic'"    },
    {"case x\nclause ST-1\nplays client\n\n",                                    "the case has no steps"   },
    {HEAD "either\nexpect end\nor\nexpect reset\nend",                           "overlaps with the branch"},
    {HEAD "either\nexpect server-error\nor\nexpect server-error IEMESSAGE\nend",
     "overlaps with the branch"                                                                            },
    {HEAD "either\nexpect denied\nor\nexpect state ACCESS_DENIED\nend",          "overlaps with the branch"},
    {HEAD "either\nexpect server-error IEMESSAGE\nor\nexpect server-error IERECVPARAMS\nor\nexpect "
          "end\nend",                                                       NULL                      },
    {HEAD "either\na expect end\nor\nb expect end\nend",                         NULL                      },
    {HEAD "close\nsend state TEST_END",                                          "can never run"           },
    {HEAD "finish\nexpect alive\nsend state TEST_END",                           "can never run"           },
    {HEAD "finish\nexpect alive\nexpect results where .a exists",                NULL                      },
    {HEAD "expect alive meanwhile\nfinish",                                      NULL                      },
    {HEAD "close\nopen b\nb finish",                                             NULL                      },
    {"case x\nclause ST-1\nplays server\n\nfinish\nexpect alive",                "asks for a server"       },
    {HEAD "expect failure",                                                      "asks for a client"       },
};

static void take_problem(void *context, const struct script *s, unsigned line, const char *problem)
{
    char *text = context;

    (void)s;
    (void)line;
    snprintf(text, 256, "%s", problem);
}

static void test_script_check_finds_what_a_reader_can(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lints); i++) {
        struct script_list list = read_ok(lints[i].text);
        char problem[256] = "";
        unsigned n = script_check(list.at[0], take_problem, problem);
        if (n != (lints[i].problem ? 1 : 0) || (n && !strstr(problem, lints[i].problem)))
            fail_msg("%s\n%u problems: %s", lints[i].text, n, problem);
        script_list_fini(&list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script_print_gives_back_each_step),
        cmocka_unit_test(test_script_read_takes_short_forms),
        cmocka_unit_test(test_script_foreach_makes_a_script_of_each_row),
        cmocka_unit_test(test_script_print_reads_back_as_the_same),
        cmocka_unit_test(test_script_read_names_place_and_cure_of_a_mistake),
        cmocka_unit_test(test_script_error_points_with_a_caret),
        cmocka_unit_test(test_script_read_survives_any_cut_and_any_byte),
        cmocka_unit_test(test_script_check_finds_what_a_reader_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
