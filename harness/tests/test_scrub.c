/* Captures without what is private: nothing of it is left, and all else is as it was. */
#include "harness/capture/scrub.h"
#include "harness/capture/scrub_core.h"
#include "harness/tests/doctor.h"
#include "impl/tests/unit.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <glob.h>
#include <unistd.h>

static const struct scrub_salt salt = {
    {1, 2, 3}
};

/* --- texts ------------------------------------------------------------------------------------ */

static void test_scrub_words_keeps_shape_and_forgets_words(void **state)
{
    char text[] = "host-a.Example.COM 192.0.2.7 \xc3\xa9t\xc3\xa9 host";
    const char before[] = "host-a.Example.COM 192.0.2.7 \xc3\xa9t\xc3\xa9 host";

    (void)state;
    scrub_words(&salt, (uint8_t *)text, strlen(text));
    assert_int_equal(strlen(text), strlen(before));
    for (size_t i = 0; before[i] != '\0'; i++) {
        assert_int_equal(!isdigit((unsigned char)before[i]), !isdigit((unsigned char)text[i]));
        assert_int_equal(!isupper((unsigned char)before[i]), !isupper((unsigned char)text[i]));
        assert_int_equal(!ispunct((unsigned char)before[i]), !ispunct((unsigned char)text[i]));
        assert_true((unsigned char)text[i] < 0x80);
    }
    assert_null(strstr(text, "host"));
    assert_null(strstr(text, "Example"));
    assert_memory_equal(text, text + strlen(text) - 4, 4); /* the same word, the same other one */
}

static void test_scrub_words_depends_on_the_salt(void **state)
{
    static const struct scrub_salt another = {{9}};
    uint8_t a[] = "a secret of some length", b[] = "a secret of some length";

    (void)state;
    scrub_words(&salt, a, sizeof a - 1);
    scrub_words(&another, b, sizeof b - 1);
    assert_memory_not_equal(a, b, sizeof a);
}

static const struct json_row {
    const char *name, *text;
    const char *gone, *kept; /* NULL: nothing to look for */
} json_rows[] = {
    {"a title",                            "{\"title\":\"secret\",\"len\":8192}",                                     "secret", "{\"title\":\""               },
    {"numbers",                            "{\"len\":8192,\"x\":-1.5e+3}",                                            NULL,     "{\"len\":8192,\"x\":-1.5e+3}"},
    {"JSON's words",                       "{\"a\":true,\"b\":false,\"c\":null}",                                     NULL,
     "{\"a\":true,\"b\":false,\"c\":null}"                                                                                                                    },
    {"a version",                          "{\"client_version\":\"3.18+\"}",                                          NULL,     "\"3.18+\""                   },
    {"an escaped quote",                   "{\"title\":\"a\\\"secret\"}",                                             "secret", "\\\""                        },
    {"an escaped letter",                  "{\"title\":\"\\u0073ecret\"}",                                            "0073",   "\\u0078"                     },
    {"nested",                             "{\"server_output_json\":{\"start\":[\"secret\",{\"host\":\"secret\"}]}}", "secret",
     "host"                                                                                                                                                   },
    {"spaces around the colon",            "{\"title\" : \"secret\"}",                                                "secret", "\"title\" : "                },
    {"an open string",                     "{\"title\":\"secret",                                                     "secret", NULL                          },
    {"a word outside of strings",          "{\"title\":secret}",                                                      "secret", NULL                          },
    {"a key that is too long to be known",
     "{\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\":\"secret\"}",                    "secret", NULL                          },
    {"no JSON at all",                     "secret secret",                                                           "secret", NULL                          },
    {"a backslash at the end",             "{\"title\":\"secret\\",                                                   "secret", NULL                          },
    {"half an escape",                     "{\"title\":\"secret\\u00",                                                "secret", NULL                          },
    {"nothing",                            "",                                                                        NULL,     NULL                          },
};

static void test_scrub_json_takes_texts_and_leaves_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_rows); i++) {
        const struct json_row *row = &json_rows[i];
        size_t len = strlen(row->text);
        char *text = text_realloc(NULL, len + 1); /* of just that size: the next byte is not ours */
        memcpy(text, row->text, len + 1);
        scrub_json(&salt, (uint8_t *)text, len);
        if (strlen(text) != len || (row->gone && strstr(text, row->gone)) ||
            (row->kept && !strstr(text, row->kept)))
            fail_msg("%s: %s", row->name, text);
        free(text);
    }
}

/* --- addresses -------------------------------------------------------------------------------- */

static void expect_address(struct scrub_map *map, const char *in, const char *out)
{
    uint8_t address[16] = {[10] = 0xff, [11] = 0xff}, as[16];
    struct track_end end = {.port = 1};
    char text[64], wanted[64];

    if (strchr(in, ':'))
        inet_pton(AF_INET6, in, address);
    else
        inet_pton(AF_INET, in, address + 12);
    scrub_address(map, address, as);
    memcpy(end.address, as, 16);
    snprintf(wanted, sizeof wanted, strchr(out, ':') ? "[%s]:1" : "%s:1", out);
    assert_string_equal(track_end_text(&end, text), wanted);
}

static void test_scrub_address_maps_each_to_its_own(void **state)
{
    struct scrub_map map = {0};

    (void)state;
    expect_address(&map, "10.1.2.3", "192.0.2.1");
    expect_address(&map, "2a00::1", "2001:db8::2");
    expect_address(&map, "10.1.2.4", "192.0.2.3");
    expect_address(&map, "10.1.2.3", "192.0.2.1");
    expect_address(&map, "127.0.0.1", "127.0.0.1");
    expect_address(&map, "::1", "::1");
    for (unsigned i = 0; i < 300; i++) {
        char address[32];
        snprintf(address, sizeof address, "10.9.%u.%u", i / 256, i % 256);
        char as[32];
        snprintf(as, sizeof as, i + 4 <= 254 ? "192.0.2.%u" : "198.18.0.%u",
                 i + 4 <= 254 ? i + 4 : i + 4 - 254);
        expect_address(&map, address, as);
    }
    free(map.from);
}

/* --- whole captures --------------------------------------------------------------------------- */

/* Write what is left of the capture to a file of its own, and scrub that. */
static FILE *scrubbed(const struct capfile *f)
{
    FILE *in = tmpfile(), *out = tmpfile();
    pcap_t *dead =
        pcap_open_dead_with_tstamp_precision(f->link, 262144, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t *dumper = pcap_dump_fopen(dead, in);
    struct text why = {0};
    char path[64];

    for (size_t i = 0; i < f->n; i++) {
        const struct capfile_packet *p = &f->packets[i];
        struct pcap_pkthdr header = {
            .ts = {(time_t)(p->at_ns / 1000000000u), (suseconds_t)(p->at_ns % 1000000000u)},
            .caplen = p->snap ? MIN(p->snap, p->len) : p->len,
            .len = p->wire_len
        };
        if (!p->is_dropped)
            pcap_dump((u_char *)dumper, &header, p->bytes);
    }
    pcap_dump_flush(dumper);
    pcap_close(dead);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(in));
    if (scrub_file(&(struct scrub_from){.path = path, .name = "x"}, out, &why) != SCRUB_WHOLE)
        fail_msg("%s", text_string(&why));
    fclose(in);
    return out;
}

static void read_back(FILE *file, struct capfile *f)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    assert_true(capfile_read(f, path));
}

static void expect_gone(FILE *file, const char *name, const void *what, size_t len)
{
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    uint8_t *bytes = text_realloc(NULL, size);

    rewind(file);
    assert_int_equal(fread(bytes, 1, size, file), size);
    if (memmem(bytes, size, what, len) != NULL)
        fail_msg("%s: '%.*s' is still there", name, (int)len, (const char *)what);
    free(bytes);
}

struct secrets {
    FILE *file;
    const char *name;
};

/* Called for the capture as it was. */
static void look_for(void *context, struct track_session *s)
{
    const struct secrets *secrets = context;
    const struct params *params = observer_params(s->observer);

    expect_gone(secrets->file, secrets->name, s->cookie, 20);
    if (params != NULL && params->authtoken != NULL)
        expect_gone(secrets->file, secrets->name, params->authtoken, 30);
}

static void test_scrub_file_leaves_sessions_as_they_were_without_their_secrets(void **state)
{
    glob_t found;

    (void)state;
    assert_int_equal(glob("pcaps/*.pcap.gz", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct capfile f, g;
        assert_true(capfile_read(&f, found.gl_pathv[i]));
        FILE *file = scrubbed(&f);
        struct secrets secrets = {file, found.gl_pathv[i]};
        capfile_feed(&f, f.n, &(struct track_user){NULL, look_for, &secrets});
        expect_gone(file, found.gl_pathv[i], "Accepted connection", 19);
        expect_gone(file, found.gl_pathv[i], "\"title\":\"title\"", 15);
        expect_gone(file, found.gl_pathv[i], "0123456789012", 13); /* --repeating-payload */
        read_back(file, &g);
        struct capfile_verdict a = capfile_judge(&f, f.n), b = capfile_judge(&g, g.n);
        if (a.n_sessions != b.n_sessions || b.n_violations > 0 || a.n_completed != b.n_completed ||
            strcmp(a.ending, b.ending) != 0 || a.n_streams != b.n_streams ||
            memcmp(a.bytes, b.bytes, sizeof a.bytes) != 0)
            fail_msg("%s: %u sessions, %s, %s", found.gl_pathv[i], b.n_sessions, b.ending, b.found);
        fclose(file);
        capfile_fini(&f);
        capfile_fini(&g);
    }
    globfree(&found);
}

/* What was damaged on its way is so in the copy: it does not become right there. */
static void test_scrub_file_leaves_damaged_packets_damaged(void **state)
{
    static const char *const filled[] = {"pcaps/3.12-3.12-udp-lossy-reverse.pcap.gz",
                                         "pcaps/3.22-3.22-lossy.pcap.gz"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(filled); i++) {
        struct capfile f, g;
        assert_true(capfile_read(&f, filled[i]));
        struct capfile_verdict whole = capfile_judge(&f, f.n);
        size_t last = 0;
        for (size_t n = 20; n + 20 < f.n; n++)
            if (n - last >= 5 && f.packets[n].len > 900) /* data: the number of it */
                f.packets[last = n].bytes[doctor_ip(&f) + (i == 0 ? 37 : 26)] ^= 0x20;
        FILE *file = scrubbed(&f);
        read_back(file, &g);
        struct capfile_verdict a = capfile_judge(&f, f.n), b = capfile_judge(&g, g.n);
        assert_true(last > 0);
        assert_int_equal(a.n_violations, 0);
        assert_int_equal(b.n_violations, 0);
        assert_memory_equal(a.stream_bytes, b.stream_bytes, sizeof a.stream_bytes);
        if (i == 0)
            assert_true(a.n_datagrams < whole.n_datagrams);
        fclose(file);
        capfile_fini(&f);
        capfile_fini(&g);
    }
}

/* Holes, cuts and damage: nothing private gets out that way, and nothing breaks. */
static void test_scrub_file_survives_damage(void **state)
{
    unsigned random = 7;
    glob_t found;

    (void)state;
    assert_int_equal(glob("pcaps/3.22-3.22-*.pcap.gz", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        for (unsigned round = 0; round < 12; round++) {
            struct capfile f, g;
            assert_true(capfile_read(&f, found.gl_pathv[i]));
            for (size_t n = 0; n < f.n; n++) {
                random = random * 1103515245 + 12345;
                f.packets[n].is_dropped = round < 4 && (random >> 16) % 8 < round;
                f.packets[n].snap = round >= 4 && round < 8 ? 40 + (random >> 16) % 200 : 0;
                if (round >= 8 && f.packets[n].len >= 54)
                    f.packets[n].bytes[14 + (random >> 12) % 40] ^= (uint8_t)(random >> 20);
            }
            FILE *file = scrubbed(&f);
            if (round < 8)
                expect_gone(file, found.gl_pathv[i], "0123456789012", 13);
            read_back(file, &g);
            assert_true(g.n <= f.n);
            fclose(file);
            capfile_fini(&f);
            capfile_fini(&g);
        }
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scrub_words_keeps_shape_and_forgets_words),
        cmocka_unit_test(test_scrub_words_depends_on_the_salt),
        cmocka_unit_test(test_scrub_json_takes_texts_and_leaves_the_rest),
        cmocka_unit_test(test_scrub_address_maps_each_to_its_own),
        cmocka_unit_test(test_scrub_file_leaves_sessions_as_they_were_without_their_secrets),
        cmocka_unit_test(test_scrub_file_leaves_damaged_packets_damaged),
        cmocka_unit_test(test_scrub_file_survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
