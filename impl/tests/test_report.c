#include "impl/report/report.h"

#include "impl/report/summary.h"
#include "impl/tests/recorded.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <signal.h>

/* --- tests that never came to their end ----------------------------------------------------------
 */

static const struct failed {
    const char *name;
    enum report_mode mode;
    bool server;
    int ierr, os_errno;
    const char *want;
} failed[] = {
    {"text",                          REPORT_TEXT,        false, IEACCESSDENIED, 0,
     "iperfref: error - the server is busy running a test. try again later\n"                                                       },
    {"text with the system's word",   REPORT_TEXT,        false, IECTRLREAD,     ECONNRESET,
     "iperfref: error - unable to read from the control socket: Connection reset by peer\n"                                         },
    {"text, no errno",                REPORT_TEXT,        false, IECTRLREAD,     0,
     "iperfref: error - unable to read from the control socket: \n"                                                                 },
    {"text, errno that says nothing", REPORT_TEXT,        false, IECTRLCLOSE,    ECONNRESET,
     "iperfref: error - control socket has closed unexpectedly\n"                                                                   },
    {"text, server",                  REPORT_TEXT,        true,  IECLIENTTERM,   0,          "iperfref: the client has terminated\n"},
    {"text, server, closed",          REPORT_TEXT,        true,  IECTRLCLOSE,    0,
     "iperfref: the client has unexpectedly closed the connection\n"                                                                },
    {"text, no such name",            REPORT_TEXT,        false, IELISTEN,       EAI_NONAME,
     "iperfref: error - unable to start listener for connections: Name or service not known\n"                                      },
    {"unknown number (ERRNO-2)",      REPORT_TEXT,        false, 9999,           0,          "iperfref: error - int_errno=9999\n"   },
    {"JSON stream",                   REPORT_JSON_STREAM, false, IEACCESSDENIED, 0,
     "{\"event\":\"error\",\"data\":\"the server is busy running a test. try again later\"}\n"
     "{\"event\":\"end\",\"data\":{}}\n"                                                                                            },
};

static void test_report_error_before_the_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failed); i++) {
        struct printed printed;
        struct report *r = start_report(&printed, failed[i].mode, failed[i].server, false);

        report_error(r, failed[i].ierr, failed[i].os_errno);
        report_finish(r);
        report_finish(r);
        end_report(&printed, r);
        if (strcmp(printed.text, failed[i].want) != 0)
            fail_msg("%s: got %s", failed[i].name, printed.text);
        free(printed.text);
    }
}

static void test_report_json_is_whole_after_an_early_error(void **state)
{
    struct printed printed;
    struct report *r = start_report(&printed, REPORT_JSON, false, false);
    json_value *doc;

    (void)state;
    report_interrupted(r, SIGINT);
    report_finish(r);
    end_report(&printed, r);
    assert_int_equal(json_parse((struct bytes){(const uint8_t *)printed.text, printed.len}, &doc),
                     SPEC_OK);
    assert_int_equal(count(at(doc, "start.connected")), 0);
    assert_non_null(at(doc, "start.version"));
    assert_int_equal(json_type_of(at(doc, "intervals")), JSON_ARRAY);
    assert_int_equal(json_type_of(at(doc, "end")), JSON_OBJECT);
    assert_string_equal(text_at(doc, "error"),
                        "interrupt - the client has terminated by signal Interrupt(2)");
    json_free(doc);
    free(printed.text);
}

/* --- before any test ----------------------------------------------------------------------------
 */

static void test_report_banner_stamps_each_line(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    assert_non_null(out);
    report_banner(&(struct report_config){.out = out, .verbose = true, .timestamps = "at "});
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strncmp(text, "at iperf 3.", 11), 0);
    assert_non_null(strstr(text, "\nat Linux "));
    free(text);
}

/* --- the server's output -------------------------------------------------------------------------
 */

static const struct interval one_row = {
    .socket = 5, .end_s = 1, .bytes = 1250000, .retransmits = -1};

static void give_params(struct report *r, bool want_output, const char *title)
{
    struct params p;

    params_init(&p);
    p.tcp = true;
    p.parallel = 1;
    if (want_output)
        set_param(&p, PARAM_get_server_output, &p.get_server_output, 1);
    if (title != NULL)
        assert_int_equal(params_set_text(&p, PARAM_title, title), SPEC_OK);
    report_params(r, &p);
    params_fini(&p);
}

static void test_report_output_text_is_what_was_printed(void **state)
{
    struct printed printed;
    struct report *r = start_report(&printed, REPORT_TEXT, true, false);
    static const char want[] =
        "Accepted connection from ::1, port 7\n"
        "[ ID] Interval           Transfer     Bitrate\n"
        "[  5]   0.00-1.00   sec  1.19 MBytes  10.0 Mbits/sec                  \n";

    (void)state;
    report_connected(r, &(struct report_connection){.host = "::1", .port = 7});
    give_params(r, true, "title");
    report_interval(r, &one_row, 1);
    assert_string_equal(report_output_text(r), want);
    assert_null(report_output_json(r));
    end_report(&printed, r);
    assert_string_equal(printed.text, want);
    free(printed.text);
}

static void test_report_output_is_not_kept_if_nobody_wants_it(void **state)
{
    struct printed printed;
    struct report *r = start_report(&printed, REPORT_TEXT, true, false);

    (void)state;
    report_connected(r, &(struct report_connection){.host = "::1", .port = 7});
    give_params(r, false, NULL);
    assert_null(report_output_text(r));
    end_report(&printed, r);
    free(printed.text);
}

static void test_report_output_json_has_start_intervals_end(void **state)
{
    static const enum report_mode modes[] = {REPORT_JSON, REPORT_JSON_STREAM};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct printed printed;
        struct report *r = start_report(&printed, modes[i], true, false);
        struct interval_total total = {.counted = one_row};
        const char *text;
        json_value *doc;

        report_connected(r, &(struct report_connection){.host = "a \"b\" \\", .port = 7});
        give_params(r, true, NULL);
        report_interval(r, &one_row, 1);
        report_end(r, &(struct report_end){.totals = &total, .n = 1});
        text = report_output_json(r);
        assert_non_null(text);
        assert_null(strchr(text, '\n'));
        assert_int_equal(json_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &doc),
                         SPEC_OK);
        assert_string_equal(text_at(doc, "start.accepted_connection.host"), "a \"b\" \\");
        assert_int_equal(count(at(doc, "intervals")), 1);
        assert_int_equal(integer(doc, "end.sum_received.bytes"), 1250000);
        assert_int_equal(count(doc), 3);
        json_free(doc);
        report_finish(r);
        end_report(&printed, r);
        free(printed.text);
    }
}

/* The peer's text is shown behind the summary; it can't send commands to a terminal. */
static void test_report_end_shows_and_disarms_the_servers_output(void **state)
{
    struct printed printed;
    struct report *r = start_report(&printed, REPORT_TEXT, false, false);
    struct interval_total total = {.counted = one_row};
    char output[] = "one\n\033[2Jtwo\n";
    struct results peer = {.server_output_text = output};

    (void)state;
    give_params(r, true, NULL);
    report_end(r, &(struct report_end){.totals = &total, .n = 1, .peer = &peer});
    report_finish(r);
    end_report(&printed, r);
    assert_non_null(strstr(printed.text, "\n\nServer output:\none\n?[2Jtwo\n\n\niperf Done.\n"));
    free(printed.text);
}

/* --- exact numbers, hostile numbers
 * --------------------------------------------------------------- */

static void test_report_json_keeps_64_bits(void **state)
{
    struct printed printed;
    struct report *r = start_report(&printed, REPORT_JSON, false, false);
    struct interval row = one_row;

    (void)state;
    row.bytes = UINT64_C(9007199254740993);
    give_params(r, false, NULL);
    report_interval(r, &row, 1);
    report_finish(r);
    end_report(&printed, r);
    assert_non_null(strstr(printed.text, "\"bytes\":\t9007199254740993,"));
    free(printed.text);
}

static void test_summary_survives_absurd_counts(void **state)
{
    struct results_stream streams[2] = {
        {.id = 1,
         .bytes = -1,
         .retransmits = INT64_MAX,
         .errors = INT64_MIN,
         .omitted_errors = 1,
         .packets = INT64_MAX,
         .has_omitted = true,
         .has_times = true,
         .end_time = NAN},
        {.id = 3,
         .bytes = INT64_MAX,
         .retransmits = INT64_MAX,
         .errors = INT64_MIN,
         .packets = INT64_MAX,
         .jitter = INFINITY},
    };
    struct results peer = {.streams = streams, .n_streams = 2};
    struct summary_stream sum = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct interval_total total = {
            .counted = {.id = i == 0 ? 1 : 3, .end_s = 2}
        };
        struct summary_stream s = summary_stream(&total, &peer);

        summary_add(&sum, &s, i, 2);
    }
    assert_int_equal(sum.sent.retransmits, INT64_MAX);
    assert_int_equal(sum.sent.bytes, INT64_MAX);
    assert_true(sum.sent.seconds == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_error_before_the_test),
        cmocka_unit_test(test_report_json_is_whole_after_an_early_error),
        cmocka_unit_test(test_report_banner_stamps_each_line),
        cmocka_unit_test(test_report_output_text_is_what_was_printed),
        cmocka_unit_test(test_report_output_is_not_kept_if_nobody_wants_it),
        cmocka_unit_test(test_report_output_json_has_start_intervals_end),
        cmocka_unit_test(test_report_end_shows_and_disarms_the_servers_output),
        cmocka_unit_test(test_report_json_keeps_64_bits),
        cmocka_unit_test(test_summary_survives_absurd_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
