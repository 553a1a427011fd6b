/* The formats: what each says of the same run, whatever a peer said; and the files of a site. */
#include "harness/report/diff.h"
#include "harness/report/escape.h"
#include "harness/report/formats.h"
#include "harness/report/live.h"
#include "harness/report/site.h"
#include "impl/tests/unit.h"

#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define R(id, verdict, standing, cause, more) IN("f.peer", id, verdict, standing, cause, more)
#define IN(file, id, verdict, standing, cause, more)                                               \
    "{\"id\":\"" id                                                                                \
    "\",\"title\":\"T <b>\",\"clauses\":[\"INT-3\",\"<i>\"],\"verdict\":\"" verdict                \
    "\",\"standing\":\"" standing "\",\"unexpected\":false,\"cause\":\"" cause                     \
    "\",\"file\":\"" file "\",\"line\":7," more                                                    \
    "\"script\":\"case x\\n\\nexpect end\\n\",\"script_lines\":[0,0,7],\"clause\":\"INT-3\","      \
    "\"session\":[[0,\"us\",\"json\",\"{\",\"{\\\"a\\\":[1,{}]}\"],[2,\"subject\",\"end\",\"e\"]]" \
    "}"

#define EMPTY(subject)                                                                             \
    "{\"schema\":1,\"subject\":{" subject "},\"exit\":0,\"exit_reason\":\"\",\"totals\":{},"       \
    "\"results\":[]}"
#define OK "{\"verdict\":\"pass\",\"cause\":\"ok\"}"

static const char run[] =
    "{\"schema\":1,\"exit\":1,\"exit_reason\":\"3 "
    "bad\",\"subject\":{\"name\":\"iperf\",\"version\":"
    "\"3.12\",\"path\":\"a "
    "b\"},\"totals\":{\"cases\":5,\"pass\":1,\"fail\":3,\"skip\":1,\"unexpected\":1,\"known\":1,"
    "\"flaky\":1},\"results\":[" R("a/b/1", "pass", "as-expected", "ok", "")                    //
    "," R("a/b/2", "fail", "unexpected", "crash", "\"got\":\"\\u001b[1m<x>&]]>\",")             //
    "," R("a/b/3", "fail", "known", "miss", "\"known\":\"CVE # 1\",")                           //
    "," R("a/b/4", "skip", "as-expected", "ok", "\"skip\":\"not here\",")                       //
    "," R("c/5", "fail", "flaky", "miss", "\"again\":{\"verdict\":\"pass\",\"cause\":\"ok\"},") //
    "],\"persistent\":{\"cases\":1,\"findings\":[{\"id\":\"a/b/1\",\"got\":\"g\",\"fresh\":" OK
    ",\"kept\":" OK "}]}}";

/* Beside a base that passes a/b/2, and fails a/b/1. */
static const char beside[] =
    "{\"schema\":1,\"exit\":1,\"exit_reason\":\"1 "
    "unexpected\",\"gate\":{\"base\":{\"name\":\"iperf\","
    "\"version\":\"3.22\"},\"cases\":[{\"id\":\"a/b/2\",\"change\":\"worse\",\"base\":{\"verdict\":"
    "\"pass\",\"cause\":\"ok\"},\"build\":{\"verdict\":\"fail\",\"cause\":\"crash\"},\"worse_"
    "plays\":3,"
    "\"plays\":3},{\"id\":\"a/b/1\",\"change\":\"better\",\"base\":{\"verdict\":\"fail\",\"cause\":"
    "\"miss\"},\"build\":{\"verdict\":\"pass\",\"cause\":\"ok\"},\"worse_plays\":1,\"plays\":1},"
    "{\"id\":\"a/b/1\",\"change\":\"<odd>\",\"base\":" OK ",\"build\":" OK
    "},{\"id\":\"none\",\"change\":\"worse\",\"base\":" OK ",\"build\":" OK "}]},"
    "\"subject\":{\"name\":\"iperf\",\"version\":\"3.12\"},\"totals\":{\"cases\":3,\"pass\":1,"
    "\"fail\":2,\"unexpected\":1,\"known\":1},\"results\":["        //
    R("a/b/1", "pass", "as-expected", "ok", "")                     //
    "," R("a/b/2", "fail", "unexpected", "crash", "\"got\":\"x\",") //
    "," R("a/b/3", "fail", "known", "miss", "\"known\":\"the base does the same\",") "]}";

static void load(struct reports *reports, const char *text)
{
    struct text why = {0};

    if (!reports_load(reports, (struct bytes){(const uint8_t *)text, strlen(text)}, "x", &why))
        fail_msg("%s", text_string(&why));
}

struct part {
    const char *format, *part;
};

static void expect_parts(const char *json, const struct part *rows, size_t n)
{
    struct reports reports = {0};

    load(&reports, json);
    for (size_t i = 0; i < n; i++) {
        struct text out = {0};
        report_format_find(rows[i].format)->write(&reports, &out);
        if (!strstr(text_string(&out), rows[i].part))
            fail_msg("%s has no '%s':\n%s", rows[i].format, rows[i].part, text_string(&out));
        if (strchr(text_string(&out), '\x1b'))
            fail_msg("%s orders a terminal about", rows[i].format);
        text_fini(&out);
    }
    reports_fini(&reports);
}

static void test_formats_say_what_is_expected_of_them(void **state)
{
    static const struct part rows[] = {
        {"tap",      "1..6\n"                                                              },
        {"tap",      "\nok 1 - a/b/1\n"                                                    },
        {"tap",      "\nnot ok 2 - a/b/2\n"                                                },
        {"tap",      "\nnot ok 3 - a/b/3 # TODO known: CVE \\# 1\n"                        },
        {"tap",      "\nok 4 - a/b/4 # SKIP not here\n"                                    },
        {"tap",      "\nnot ok 5 - c/5\n"                                                  },
        {"tap",      "\nnot ok 6 - persistent/a/b/1\n"                                     },
        {"tap",      "  got: \"\\\\x1b[1m<x>&]]>\"\n"                                      },
        {"junit",    "tests=\"6\" failures=\"3\" errors=\"0\" skipped=\"2\""               },
        {"junit",    "<testcase classname=\"a.b\" name=\"2\""                              },
        {"junit",    "<testcase classname=\"c\" name=\"5\""                                },
        {"junit",    "message=\"got \\x1b[1m&lt;x&gt;&amp;]]&gt; (crash)\" type=\"crash\"" },
        {"sarif",    "\"ruleId\":\t\"INT-3\""                                              },
        {"sarif",    "\"justification\":\t\"CVE # 1\""                                     },
        {"markdown", "| iperf 3.12 |"                                                      },
        {"github",   "::error file=f.peer,line=7,title=iperf 3.12%3A FAIL a/b/2::got \\x1b"},
        {"github",   "::warning file=f.peer,line=7,title=iperf 3.12%3A FLAKY c/5::"        },
    };

    (void)state;
    expect_parts(run, rows, ARRAY_LEN(rows));
}

/* Of an installed iperfspec: a place that is in no checkout is told in words. */
static void test_formats_place_what_is_in_the_checkout(void **state)
{
    static const char installed[] =
        "{\"schema\":1,\"exit\":1,\"exit_reason\":\"\",\"subject\":{\"name\":\"iperf\",\"version\":"
        "\"3.12\"},\"totals\":{\"cases\":1,\"fail\":1,\"unexpected\":1},\"results\":[" IN(
            "/usr/share/x.peer", "a/1", "fail", "unexpected", "crash", "\"got\":\"g\",") "]}";
    static const struct part rows[] = {
        {"github", "::error title=iperf 3.12%3A FAIL a/1::got g (crash), at /usr/share/x.peer:7 ["},
        {"sarif",  "\"uri\":\t\"file:///usr/share/x.peer\""                                       },
    };

    (void)state;
    expect_parts(installed, rows, ARRAY_LEN(rows));
}

static void test_formats_say_what_is_another_with_the_base(void **state)
{
    static const struct part rows[] = {
        {"tap",      "# beside iperf 3.22: 1 worse, 1 better\n"                              },
        {"tap",      "  change: \"worse\"\n  beside: \"pass -> fail:crash, 3 of 3 plays\"\n" },
        {"junit",    "<property name=\"base\" value=\"iperf 3.22\"/>"                        },
        {"junit",    "<property name=\"beside\" value=\"1 worse, 1 better\"/>"               },
        {"junit",    "(crash); beside the base: worse, pass -&gt; fail:crash, 3 of 3 plays\""},
        {"sarif",    "\"baselineState\":\t\"new\""                                           },
        {"sarif",    "\"baselineState\":\t\"unchanged\""                                     },
        {"markdown", "Beside iperf 3.22: **1 worse, 1 better**"                              },
        {"markdown", "| better | a/b/1 | fail&#58;miss -&gt; pass |"                         },
        {"github",   "beside the base: worse, pass -> fail:crash, 3 of 3 plays"              },
        {"github",   "::notice title=iperf 3.12::beside iperf 3.22: 1 worse, 1 better\n"     },
    };

    (void)state;
    expect_parts(beside, rows, ARRAY_LEN(rows));
}

static void test_formats_of_no_run_are_whole(void **state)
{
    struct reports none = {0};

    (void)state;
    for (size_t i = 0; i < REPORT_FORMATS; i++) {
        struct text out = {0};
        report_formats[i].write(&none, &out);
        text_fini(&out);
    }
}

static void expect_file(const char *dir, const char *name, const char *part)
{
    struct text path = {0}, bytes = {0};

    text_addf(&path, "%s/%s", dir, name);
    if (!text_read_file(&bytes, text_string(&path)) || !strstr(text_string(&bytes), part))
        fail_msg("%s: no '%s'", name, part);
    text_fini(&path);
    text_fini(&bytes);
}

static void test_site_write_makes_pages_of_builds_and_a_base(void **state)
{
    struct reports reports = {0}, base = {0};
    struct text remove = {0};
    char dir[] = "/tmp/site-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(dir));
    load(&reports, run);
    load(&reports, run); /* a second of the same name */
    load(&base, EMPTY(""));
    assert_true(site_can(dir));
    assert_true(site_write(&(struct site_request){.reports = &reports, .base = &base, .dir = dir}));
    expect_file(dir, "index.html", "2 builds, 6 cases, 12 verdicts; 6 not expected.");
    expect_file(dir, "index.html", "iperf 3.12 (2)");
    expect_file(dir, "cases.js", "[\"a/b/2\",\"T <b>\",");
    expect_file(dir, "cases.js", "\"uu\"");
    expect_file(dir, "clauses.html", "id=\"INT-3\"");
    expect_file(dir, "site.css", ":root");
    assert_false(site_can("/dev/null"));
    assert_false(site_can("/no/such/folder"));
    text_addf(&remove, "rm -rf %s", dir);
    assert_int_equal(system(text_string(&remove)), 0);
    text_fini(&remove);
    reports_fini(&reports);
    reports_fini(&base);
}

static void test_site_write_shows_what_is_another_with_the_base(void **state)
{
    struct reports reports = {0};
    struct text remove = {0};
    char dir[] = "/tmp/site-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(dir));
    load(&reports, beside);
    assert_true(site_write(&(struct site_request){.reports = &reports, .dir = dir}));
    expect_file(dir, "index.html", "beside iperf 3.22: 1 worse, 1 better");
    expect_file(dir, "index.html", "value=\"worse\"");
    expect_file(dir, "cases.js", "\"p\",\"INT-3 <i>\",\"b\"");
    expect_file(dir, "cases.js", "\"u\",\"INT-3 <i> crash");
    text_addf(&remove, "rm -rf %s", dir);
    assert_int_equal(system(text_string(&remove)), 0);
    text_fini(&remove);
    reports_fini(&reports);
}

static void test_diffs_tell_what_changed(void **state)
{
    struct reports old = {0}, now = {0};
    struct diffs diffs = {0};
    struct text why = {0}, out = {0};

    (void)state;
    load(&old,
         "{\"schema\":1,\"subject\":{},\"exit\":0,\"exit_reason\":\"\",\"totals\":{\"cases\":2,"
         "\"pass\":2},\"results\":[" R("a/b/2", "pass", "as-expected", "ok",
                                       "") "," R("gone", "pass", "as-expected", "ok", "") "]}");
    load(&now, run);
    assert_true(diffs_make(&diffs, &old, &now, &why));
    assert_int_equal(diffs.n_worse, 1);
    diffs_text(&diffs, &out);
    assert_non_null(strstr(text_string(&out), "worse   a/b/2  pass -> FAIL (crash)\n"));
    assert_non_null(strstr(text_string(&out), "gone    gone  pass -> nothing\n"));
    diffs_json(&diffs, &out);
    diffs_fini(&diffs);
    load(&old, EMPTY("\"name\":\"x\""));
    assert_false(diffs_make(&diffs, &old, &now, &why)); /* which of two? */
    assert_non_null(strstr(text_string(&why), "iperf 3.12"));
    diffs_fini(&diffs);
    text_fini(&why);
    text_fini(&out);
    reports_fini(&old);
    reports_fini(&now);
}

static void test_escape_holds_what_each_format_can_not(void **state)
{
    static const char hostile[] = "\x01<\"&>\n\xff\xc2\x9b\xed\xa0\x80\xef\xbf\xbe\x7f|`%:,";
    static const struct {
        void (*escape)(struct text *out, const char *text, size_t max);
        const char *want;
    } rows[] = {
        {escape_xml,
         "\\x01&lt;&quot;&amp;&gt;\n\\xff\\xc2\\x9b\\xed\\xa0\\x80\\xef\\xbf\\xbe\\x7f|`%:,"},
        {escape_line, "\\x01<\"&> \\xff\\xc2\\x9b\\xed\\xa0\\x80\\xef\\xbf\\xbe\\x7f|`%:,"  },
    };
    struct text out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rows[i].escape(&out, hostile, ESCAPE_ALL);
        assert_string_equal(text_string(&out), rows[i].want);
        text_fini(&out);
    }
    escape_xml(&out, "\u2027\u2028\u202e\u2065\u2069\u200f\u061c", ESCAPE_ALL);
    assert_string_equal(
        text_string(&out),
        "\u2027\\xe2\\x80\\xa8\\xe2\\x80\\xae\u2065\\xe2\\x81\\xa9\\xe2\\x80\\x8f\\xd8\\x9c");
    text_fini(&out);
    escape_line(&out,
                "a\xc3\xa4"
                "bc",
                3);
    assert_string_equal(text_string(&out), "a\xc3\xa4"
                                           "b\u2026");
    text_fini(&out);
    escape_command(&out, "a%\n:,", true);
    assert_string_equal(text_string(&out), "a%25%0A%3A%2C");
    text_fini(&out);
    escape_uri(&out, "/my cases/a#b%\xff.peer");
    assert_string_equal(text_string(&out), "file:///my%20cases/a%23b%25%FF.peer");
    text_fini(&out);
    escape_uri(&out, "a:b/c.peer");
    assert_string_equal(text_string(&out), "a%3Ab/c.peer");
    text_fini(&out);
}

static void test_live_format_guesses_once_it_can(void **state)
{
    struct live live = {.total = 100, .done = 25, .bad = 2};
    char line[80];

    (void)state;
    live_format(&live, 1000000000, line, sizeof line);
    assert_string_equal(line, "[25/100] 2 unexpected");
    live_format(&live, 10000000000, line, sizeof line);
    assert_string_equal(line, "[25/100] 2 unexpected, about 30 s left");
    live.hunted = "server/udp/omit";
    live_format(&live, 10000000000, line, sizeof line);
    assert_string_equal(line, "[25/100] what brings server/udp/omit about?");
}

static void test_live_step_stays_on_one_line_of_a_narrow_terminal(void **state)
{
    struct winsize size = {.ws_row = 24, .ws_col = 20};
    struct live live = {.total = 100, .done = 24, .bad = 2};
    char shown[80] = "";
    int ends[2];

    (void)state;
    assert_int_equal(openpty(&ends[0], &ends[1], NULL, NULL, &size), 0);
    live.out = fdopen(ends[1], "w");
    assert_non_null(live.out);
    live_step(&live, false, 1000000000);
    assert_in_range(read(ends[0], shown, sizeof shown - 1), 1, sizeof shown);
    assert_string_equal(shown, "\r[25/100] 2 unexpect\033[K");
    fclose(live.out);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats_say_what_is_expected_of_them),
        cmocka_unit_test(test_formats_place_what_is_in_the_checkout),
        cmocka_unit_test(test_formats_say_what_is_another_with_the_base),
        cmocka_unit_test(test_formats_of_no_run_are_whole),
        cmocka_unit_test(test_site_write_makes_pages_of_builds_and_a_base),
        cmocka_unit_test(test_site_write_shows_what_is_another_with_the_base),
        cmocka_unit_test(test_diffs_tell_what_changed),
        cmocka_unit_test(test_escape_holds_what_each_format_can_not),
        cmocka_unit_test(test_live_format_guesses_once_it_can),
        cmocka_unit_test(test_live_step_stays_on_one_line_of_a_narrow_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
