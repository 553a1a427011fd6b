#include "impl/wire/remark.h"

#include "impl/tests/unit.h"

#include <wchar.h>

static const struct row {
    const char *name;
    struct bytes bytes;
    size_t cap;
    const char *want;
} rows[] = {
    {"plain",                     WIRE("cubic ~"),         16, "cubic ~"              },
    {"nothing",                   WIRE(""),                16, ""                     },
    {"bytes that are not ASCII",  WIRE("a\0\x1f\x7f\xff"), 32, "a\\x00\\x1f\\x7f\\xff"},
    {"a backslash stays",         WIRE("\\x00"),           16, "\\x00"                },
    {"just fits",                 WIRE("12345678"),        9,  "12345678"             },
    {"one too many",              WIRE("123456789"),       9,  "12345..."             },
    {"an escape is never halved",
     WIRE("1234\xff"
          "678"),
     9,                                                        "1234..."              },
    {"an escape just fits",       WIRE("1234\xff"),        9,  "1234\\xff"            },
    {"room for dots alone",       WIRE("12345"),           4,  "..."                  },
    {"room for less than dots",   WIRE("12345"),           3,  ".."                   },
    {"room for the NUL",          WIRE("12345"),           1,  ""                     },
};

static void test_remark_escape_gives_printable_text_that_fits(void **unused)
{
    char out[64];

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        memset(out, '#', sizeof out);
        assert_ptr_equal(remark_escape(out, rows[i].cap, rows[i].bytes.at, rows[i].bytes.len), out);
        if (strcmp(out, rows[i].want) != 0)
            fail_msg("%s: got %s", rows[i].name, out);
        assert_int_equal(out[rows[i].cap], '#');
    }
    out[0] = '#';
    remark_escape(out, 0, "x", 1);
    assert_int_equal(out[0], '#');
}

static struct remark last;
static int n_taken;

static void take(void *context, const struct remark *remark)
{
    assert_ptr_equal(context, &n_taken);
    last = *remark;
    n_taken++;
}

static const struct remarks judge = {take, &n_taken};

static void test_remark_add_formats_what_was_found(void **unused)
{
    (void)unused;
    n_taken = 0;
    remark_add(&judge, "JSON-12", "streams[1].bytes", "a number", "%s %d", "string", 5);
    assert_int_equal(n_taken, 1);
    assert_string_equal(last.clause, "JSON-12");
    assert_string_equal(last.key, "streams[1].bytes");
    assert_string_equal(last.expected, "a number");
    assert_string_equal(last.found, "string 5");
    assert_int_equal(last.offset, (size_t)-1);
}

static void test_remark_add_escapes_a_peers_bytes_once(void **unused)
{
    char escaped[32];

    (void)unused;
    remark_add(&judge, "RES-1", "k\x1b[2J", "", "%s", "\x07\xc3\xa4");
    assert_string_equal(last.key, "k\\x1b[2J");
    assert_string_equal(last.found, "\\x07\\xc3\\xa4");
    remark_add(&judge, "RES-1", "", "", "%s", remark_escape(escaped, sizeof escaped, "\x07", 1));
    assert_string_equal(last.found, "\\x07");
}

static void test_remark_add_cuts_what_is_too_long(void **unused)
{
    static char huge[5000];

    (void)unused;
    memset(huge, 'k', sizeof huge - 1);
    remark_add(&judge, "RES-1", huge, huge, "%s", huge);
    assert_string_equal(last.key + sizeof last.key - 6, "kk...");
    assert_string_equal(last.expected + sizeof last.expected - 6, "kk...");
    assert_string_equal(last.found + sizeof last.found - 6, "kk...");
}

static void test_remark_add_survives_a_format_that_fails(void **unused)
{
    (void)unused;
    /* A wide character outside of the C locale's. */
    remark_add(&judge, "RES-1", "", "", "%lc", (wint_t)0x20ac);
    assert_string_equal(last.found, "");
}

static void test_remark_add_without_a_judge_does_nothing(void **unused)
{
    (void)unused;
    n_taken = 0;
    remark_add(NULL, "RES-1", "key", "this", "%s", "that");
    assert_int_equal(n_taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remark_escape_gives_printable_text_that_fits),
        cmocka_unit_test(test_remark_add_formats_what_was_found),
        cmocka_unit_test(test_remark_add_escapes_a_peers_bytes_once),
        cmocka_unit_test(test_remark_add_cuts_what_is_too_long),
        cmocka_unit_test(test_remark_add_survives_a_format_that_fails),
        cmocka_unit_test(test_remark_add_without_a_judge_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
