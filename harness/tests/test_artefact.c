/* test_artefact.c - inputs of fuzz targets as scripts, and back. */
#include "impl/tests/unit.h"

#include "harness/fuzz/artefact.h"

#define RESULTS "{\"streams\":[{\"id\":1,\"bytes\":8192}]}"
#define PARAMS  "{\"tcp\":true,\"parallel\":1,\"len\":1000}"

static const struct row {
    const char *target;
    struct bytes input;
    const char *steps; /* of the script, behind its header */
} rows[] = {
    {"server",          WIRE("\0\0C\x1eJ{\"title\":4}"),
     "open\nsend cookie \"a\" x 36 \"\\x00\"\nexpect state PARAM_EXCHANGE\n"
     "send json \"{\\\"title\\\":4}\"\n"                                },
    {"server",
     WIRE("\0\0C\x1eJ{}\x1eU\x1eP\x1e"
          "B\x04\x1eJ" RESULTS "\x1e"
          "B\x10\x1e"
          "E"),
     "open\nsend cookie \"a\" x 36 \"\\x00\"\nexpect state PARAM_EXCHANGE\nsend json \"{}\"\n"
     "expect state CREATE_STREAMS\nstream 1 open\nexpect state TEST_START\n"
     "expect state TEST_RUNNING\nstream 1 send data 1024\nsend state TEST_END\n"
     "expect state EXCHANGE_RESULTS\n"
     "send json \"{\\\"streams\\\":[{\\\"id\\\":1,\\\"bytes\\\":8192}]}\"\nexpect results\n"
     "expect state DISPLAY_RESULTS\nsend state IPERF_DONE\nhalf-close\n"},
    {"libiperf_server",
     WIRE("\0\x40"
          "B\x07\x1e"
          "C\x1eJ" PARAMS "\x1eU\x1eN\x1eK\0"),
     "open\nsend state STREAM_END\nsend cookie \"a\" x 36 \"\\x00\"\n"
     "send json \"{\\\"tcp\\\":true,\\\"parallel\\\":1,\\\"len\\\":1000}\"\nstream 1 open\n"
     "open n1\nn1 send cookie \"another0cookie0than0that0of0the0test\\x00\"\n"
     "stream 1 half-close\n"                                            },
    {"server",          WIRE("\0\0C\x1eJ{\"udp\":true}\x1eU\x1eP"),
     "open\nsend cookie \"a\" x 36 \"\\x00\"\nexpect state PARAM_EXCHANGE\n"
     "send json \"{\\\"udp\\\":true}\"\nexpect state CREATE_STREAMS\nstream 1 open\nexpect stream "
     "1\n"
     "expect state TEST_START\nexpect state TEST_RUNNING\n"
     "stream 1 send datagrams { seq 1 len 1024 }\n"                     },
    {"client",
     WIRE("\0\x04"
          "B\x09\x1e"
          "B\x0a\x1e"
          "B\x01\x1e"
          "B\x02\x1eO\x1e"
          "B\x0d\x1eJ" RESULTS "\x1e"
          "B\x0e\x1e"
          "E"),
     "open\nsend state PARAM_EXCHANGE\nexpect params\nsend state CREATE_STREAMS\n"
     "expect stream 1\nsend state TEST_START\nsend state TEST_RUNNING\npause 1500ms\n"
     "expect state TEST_END\nsend state EXCHANGE_RESULTS\nexpect results\n"
     "send json \"{\\\"streams\\\":[{\\\"id\\\":1,\\\"bytes\\\":8192}]}\"\n"
     "send state DISPLAY_RESULTS\nexpect state IPERF_DONE\nhalf-close\n"},
    {"client",
     WIRE("\0\x18"
          "B\x09\x1e"
          "B\x0a\x1e"
          "B\x01\x1eP\x1eP\x1e"
          "E"),
     "open\nsend state PARAM_EXCHANGE\nexpect params\nsend state CREATE_STREAMS\n"
     "expect stream 1\nexpect stream 3\nsend state TEST_START\n"
     "stream 1 send datagrams { seq 1 len 1024 }\nstream 3 send datagrams { seq 1 len 1024 }\n"
     "stream 1 send datagrams { seq 1 len 1024 }\nstream 3 send datagrams { seq 1 len 1024 }\n"
     "half-close\n"                                                     },
};

static struct artefact_target target_of(const char *name)
{
    struct artefact_target target;

    assert_true(artefact_target(name, &target));
    return target;
}

static void script_of(const struct artefact_target *target, struct bytes input, struct text *out)
{
    struct fuzz_case c;

    artefact_read(target, input, &c);
    fuzz_case_write(&c, "a", NULL, "INT-3", NULL, out);
    fuzz_case_fini(&c);
}

static void test_artefact_read_gives_our_messages_and_a_correct_subjects(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct artefact_target target = target_of(rows[i].target);
        struct text script = {0};
        script_of(&target, rows[i].input, &script);
        const char *steps = strstr(text_string(&script), "\n\n");
        assert_non_null(steps);
        assert_string_equal(steps + 2, rows[i].steps);
        text_fini(&script);
    }
}

static void test_artefact_write_gives_an_input_with_the_same_script(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct artefact_target target = target_of(rows[i].target);
        struct text script = {0}, again = {0}, input = {0}, why = {0};
        struct fuzz_case c;
        script_of(&target, rows[i].input, &script);
        if (!fuzz_case_read("a", text_string(&script), &c, &why))
            fail_msg("%s\n%s", text_string(&why), text_string(&script));
        artefact_write(&target, &c, &input);
        script_of(&target, (struct bytes){(const uint8_t *)input.at, input.len}, &again);
        assert_string_equal(text_string(&again), text_string(&script));
        fuzz_case_fini(&c);
        text_fini(&script);
        text_fini(&again);
        text_fini(&input);
        text_fini(&why);
    }
}

static void test_artefact_read_keeps_the_options_of_the_subject(void **state)
{
    const struct artefact_target client = target_of("libiperf_client"), plain = target_of("client");
    struct fuzz_case c;

    (void)state;
    artefact_read(&client, WIRE("\0\x6d"), &c);
    assert_string_equal(c.subject, "-t 1 -l 1024 -R --bidir -P 4 -O 1 -J");
    fuzz_case_fini(&c);
    artefact_read(&plain, WIRE("\0\x11"), &c); /* 1: answers of our machine wait */
    assert_string_equal(c.subject, "-t 1 -l 1024 -u");
    assert_string_equal(c.params, "{ \"udp\": true }");
    fuzz_case_fini(&c);
}

static void test_artefact_target_goes_by_the_name_of_the_crash_file(void **state)
{
    struct artefact_target target;

    (void)state;
    assert_true(artefact_target("libiperf_client-crash-0123", &target));
    assert_true(target.we_serve && target.of_library);
    assert_true(artefact_target("server", &target));
    assert_false(target.we_serve || target.of_library);
    assert_false(artefact_target("servers", &target));
    assert_false(artefact_target("session", &target));
    assert_false(artefact_target("", &target));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_artefact_read_gives_our_messages_and_a_correct_subjects),
        cmocka_unit_test(test_artefact_write_gives_an_input_with_the_same_script),
        cmocka_unit_test(test_artefact_read_keeps_the_options_of_the_subject),
        cmocka_unit_test(test_artefact_target_goes_by_the_name_of_the_crash_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
