/* The sessions of captures as runs, in every format. */
#include "harness/capture/timeline.h"
#include "harness/report/captured.h"
#include "harness/report/formats.h"
#include "harness/report/page.h"
#include "harness/tests/doctor.h"

static void on_done(void *context, struct track_session *s)
{
    captured_add(context, s);
}

/* A session that is good; one that breaks off; one whose client and server report too little. */
static void make(struct reports *reports)
{
    struct track_user user = {NULL, on_done, reports};
    struct capfile f;
    size_t at = 0;

    assert_true(capfile_read(&f, "pcaps/3.22-3.22-tcp.pcap.gz"));
    captured_begin(reports, "a folder/good.pcap");
    capfile_feed(&f, f.n, &user);
    captured_end(reports, 0, "");
    captured_begin(reports, "cut.pcap");
    capfile_feed(&f, f.n / 2, &user);
    captured_end(reports, 0, "");
    struct doctor doc = doctor_connection(&f, 0);
    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        size_t i = doctor_find(&doc, (enum observer_side)side, WIRE("131072,\"re"), 0, &at);
        doctor_splice(&doc, (enum observer_side)side, i, at, 6, WIRE("131071"));
    }
    captured_begin(reports, "bad.pcap");
    capfile_feed(&f, f.n, &user);
    captured_end(reports, 1, "not as the protocol has it");
    capfile_fini(&f);
}

static void test_captured_runs_are_told_in_every_format(void **state)
{
    static const struct {
        const char *format, *part;
    } rows[] = {
        {"tap",      "1..4\n"                                                                },
        {"tap",      "ok 1 - a folder/good.pcap: good.pcap/session-1\n"                      },
        {"tap",      "ok 2 - cut.pcap: cut.pcap/session-1 # SKIP the session was not over"   },
        {"tap",      "not ok 3 - bad.pcap: bad.pcap/session-1/RES-11\n"                      },
        {"tap",      "not ok 4 - bad.pcap: bad.pcap/session-1/RES-11-2\n"                    },
        {"junit",    "tests=\"4\" failures=\"2\" errors=\"0\" skipped=\"1\""                 },
        {"junit",    "classname=\"bad_pcap.bad.pcap.session-1\" name=\"RES-11\""             },
        {"junit",    "by the client expected stream 1: 131072 bytes, as on the wire\ngot "   },
        {"sarif",    "\"ruleId\":\t\"RES-11\""                                               },
        {"sarif",    "got 131071 bytes reported as received (miss)"                          },
        {"markdown", "| bad.pcap | **unexpected** | 0 | 0 | 0 | 2 | 0 | 0 | 0 | 2 |"         },
        {"markdown", "Clause RES-11. File bad.pcap. Identity"                                },
        {"github",   "::error file=bad.pcap,line=1,title=bad.pcap%3A FAIL bad.pcap/session-1"},
    };
    struct reports reports = {0};

    (void)state;
    make(&reports);
    assert_int_equal(reports.n, 3);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text out = {0};
        report_format_find(rows[i].format)->write(&reports, &out);
        if (strstr(text_string(&out), rows[i].part) == NULL)
            fail_msg("%s has no '%s':\n%s", rows[i].format, rows[i].part, text_string(&out));
        text_fini(&out);
    }
    reports_fini(&reports);
}

/* What a page says of builds, captures have not. */
static void test_a_page_of_captures_names_no_builds(void **state)
{
    struct reports reports = {0};
    struct text out = {0};

    (void)state;
    make(&reports);
    char label[] = "x";
    struct site_build build = {.report = &reports.at[0], .label = label, .shorter = label};
    struct site_request request = {.reports = &reports};
    page_index(&(struct site){.request = &request, .builds = &build, .n_builds = 1}, &out);
    assert_non_null(strstr(text_string(&out), "<h2>Captures</h2>"));
    assert_null(strstr(text_string(&out), "\">, "));
    text_fini(&out);
    reports_fini(&reports);
}

/* The same finding in another capture: packets and numbers may be others. */
static void test_captured_findings_have_an_identity(void **state)
{
    struct reports reports = {0};

    (void)state;
    make(&reports);
    const struct report_result *r = reports.at[2].results;
    assert_int_equal(strlen(r[0].identity), REPORT_IDENTITY);
    assert_string_not_equal(r[0].identity, r[1].identity); /* client and server */
    reports_fini(&reports);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captured_runs_are_told_in_every_format),
        cmocka_unit_test(test_a_page_of_captures_names_no_builds),
        cmocka_unit_test(test_captured_findings_have_an_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
