/* test_suite_needs.c - what a script needs of a build, asked of its --help. */
#include "harness/suite/suite.h"

#include "impl/tests/unit.h"

#include <stdio.h>

#define HELP "  -s, --server\n  --rsa-private-key-path\n  --idle-timeout #\n"

static const struct row {
    const char *name, *header, *about, *why; /* "": it can be played */
} rows[] = {
    {"no options",                  "",                              "",   ""                                      },
    {"an option it has",            "subject -d --idle-timeout 5\n", HELP, ""                                      },
    {"with = and its value",        "subject --idle-timeout=5\n",    HELP, ""                                      },
    {"the beginning of another",    "subject --idle 5\n",            HELP, "--idle: not an option of this build"   },
    {"one it does not have",        "subject -d --no-such\n",        HELP,
     "--no-such: not an option of this build"                                                                      },
    {"of a build without help",     "subject --no-such\n",           "",
     "--no-such: not known, without --help, as an option of this build"                                            },
    {"short options are not asked", "subject -Q\n",                  HELP, ""                                      },
    {"a need",                      "needs --no-such\n",             HELP, "--no-such: not an option of this build"},
};

static void test_suite_can_run_asks_the_build_for_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct suite_settings settings;
        struct text file = {0}, why = {0}, options = {0};
        struct script_list list = {0};
        struct script_error e;
        settings = (struct suite_settings){0};
        snprintf(settings.build.path, sizeof settings.build.path, "/bin/true");
        snprintf(settings.build.about, sizeof settings.build.about, "%s", rows[i].about);
        text_addf(&file, "case x\nclause ST-1\nplays client\n%s\nfinish\n", rows[i].header);
        assert_true(script_read(&list, "t.peer", text_string(&file), &e));
        bool can = suite_can_run(list.at[0], &settings, &why, &options);
        if (can != !*rows[i].why || strcmp(text_string(&why), rows[i].why) != 0)
            fail_msg("%s: %s", rows[i].name, text_string(&why));
        text_fini(&file);
        text_fini(&why);
        text_fini(&options);
        script_list_fini(&list);
    }
}

/* A leak or a crash that is known and cannot be seen is no news when it does not show; what earlier
 * cases leave in a process that serves them all is none when it does. */
static void test_suite_compare_knows_what_shows_of_a_server_elsewhere(void **state)
{
    static const struct {
        enum sim_cause cause;
        enum suite_standing here, there;
    } all[] = {
        {SIM_LEAK,       SUITE_XPASS, SUITE_GOOD },
        {SIM_SPIN,       SUITE_XPASS, SUITE_GOOD },
        {SIM_CRASH,      SUITE_XPASS, SUITE_GOOD },
        {SIM_EXIT,       SUITE_XPASS, SUITE_GOOD },
        {SIM_SANITIZER,  SUITE_XPASS, SUITE_GOOD },
        {SIM_NO_SERVICE, SUITE_XPASS, SUITE_XPASS},
        {SIM_N_CAUSES,   SUITE_XPASS, SUITE_XPASS},
    };
    static struct suite suite;
    struct script script = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct suite_expectation known = {.verdict = SUITE_FAIL, .cause = all[i].cause};
        struct suite_result passed = {.script = &script, .expectation = &known};
        passed.judgement.verdict = SUITE_PASS;
        suite.settings.remote = NULL;
        assert_int_equal(suite_compare(&suite, &passed), all[i].here);
        suite.settings.remote = "192.0.2.7:5201";
        assert_int_equal(suite_compare(&suite, &passed), all[i].there);
    }
    struct suite_expectation carried = {.carried = true, .cause = SIM_N_CAUSES};
    struct suite_result r = {.script = &script, .expectation = &carried};
    r.judgement.verdict = SUITE_PASS;
    assert_int_equal(suite_compare(&suite, &r), SUITE_GOOD);
    r.judgement.verdict = SUITE_FAIL;
    assert_int_equal(suite_compare(&suite, &r), SUITE_KNOWN);
    r.judgement.verdict = SUITE_ERROR;
    assert_int_equal(suite_compare(&suite, &r), SUITE_UNEXPECTED);
}

#define VERSION                                                                                    \
    "iperf 3.12 (cJSON 1.7.15)\nLinux dut 6.1\n"                                                   \
    "Optional features available: SCTP, sendfile / zerocopy, authentication\n"

static const struct {
    const char *name, *build, *about;
    enum script_need need;
    const char *why;
} told[] = {
    {"a help without it",       "",       HELP,                SCRIPT_NEED_UDP,  "udp: not built in"             },
    {"a help with it",          "",       HELP "  --udp\n",    SCRIPT_NEED_UDP,  "udp: built in, as --help says" },
    {"a version is no help",    "vendor", VERSION,             SCRIPT_NEED_UDP,  "udp: not known to be built in" },
    {"nor is a list",           "vendor", "x 1\n- no --y\n",   SCRIPT_NEED_UDP,
     "udp: not known to be built in"                                                                             },
    {"nothing at all",          "",       "",                  SCRIPT_NEED_GSRO, "gsro: not known to be built in"},
    {"what each iperf has",     "iperf",  VERSION,             SCRIPT_NEED_UDP,  "udp: each iperf 3 has it"      },
    {"but for its help",        "iperf",  VERSION HELP,        SCRIPT_NEED_UDP,  "udp: not built in"             },
    {"a version that names it", "iperf",  VERSION,             SCRIPT_NEED_AUTH,
     "auth: built in, as --version says"                                                                         },
    {"a help that does not",    "iperf",  VERSION "  --udp\n", SCRIPT_NEED_AUTH, "auth: not built in"            },
};

static void test_suite_find_needs_takes_no_version_for_a_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        static struct suite_settings settings;
        struct script_list none = {0};
        settings = (struct suite_settings){0};
        snprintf(settings.build.about, sizeof settings.build.about, "%s", told[i].about);
        snprintf(settings.build.name, sizeof settings.build.name, "%s", told[i].build);
        assert_true(suite_find_needs(&settings, &none, 0));
        const struct suite_need *need = &settings.needs[told[i].need];
        if (strncmp(need->why, told[i].why, strlen(told[i].why)) != 0 ||
            need->unknown != (strstr(need->why, "not known") != NULL))
            fail_msg("%s: %s", told[i].name, need->why);
    }
}

static const struct elsewhere {
    const char *name, *header, *steps;
    bool is_judged; /* of a server that a command starts there, and of one that runs there */
} elsewhere[] = {
    {"a session",           "",                               "finish",                                                    true },
    {"drained",             "",                               "advance TEST_RUNNING\ndrained\nclose",                      false},
    {"rest",                "",                               "expect rest",                                               false},
    {"rest, in a block",    "",                               "repeat 2\nexpect rest\nend",                                false},
    {"exit",                "",                               "expect exit 0",                                             false},
    {"a signal of its own", "",                               "expect signal TERM",                                        false},
    {"a signal of ours",    "",                               "subject signal TERM",                                       false},
    {"output",              "",                               "expect output text \"x\"",                                  false},
    {"of another address",  "",                               "open a from 127.0.0.2\na finish",                           false},
    {"to another address",  "",                               "open a to 127.0.0.2\na finish",                             false},
    {"where both meet",     "address ::1\n",                  "finish",                                                    false},
    {"bytes",               "",                               "finish\nexpect results where .streams[0].bytes == 5",       false},
    {"bytes, summed up",    "",                               "finish\nexpect results where sum(.streams[].bytes) == 5",   false},
    {"bytes, on the right", "",                               "finish\nexpect results where .x == 2 * .streams[0].bytes",  false},
    {"packets, or nothing", "",
     "finish\nexpect results where .x exists or not .streams[id == 1].packets > 1",                                        false},
    {"errors, in a branch", "",
     "either\nexpect state TEST_END\nor\nexpect results where .streams[0].errors == 0\nend",                               false},
    {"that there are some", "",                               "finish\nexpect results where .streams[0].bytes exists",     true },
    {"that it is a number", "",                               "finish\nexpect results where .streams[0].jitter is number", true },
    {"what it sent",        "params { \"reverse\": true }\n",
     "finish\nexpect results where .streams[0].bytes == received(1)",                                                      true },
};

/* Takes the text of the script over. */
static bool is_judged(struct text file, const struct suite_settings *settings)
{
    struct text why = {0}, options = {0};
    struct script_list list = {0};
    struct script_error e;

    if (!script_read(&list, "t.peer", text_string(&file), &e))
        fail_msg("line %u: expected %s, found %s", e.line, e.expected, e.found);
    bool can = suite_can_run(list.at[0], settings, &why, &options);
    text_fini(&file);
    text_fini(&why);
    text_fini(&options);
    script_list_fini(&list);
    return can;
}

static bool is_judged_row(const struct elsewhere *row, const struct suite_settings *settings)
{
    struct text file = {0};

    text_addf(&file, "case x\nclause ST-1\nplays client\n%s\n%s\n", row->header, row->steps);
    return is_judged(file, settings);
}

static void test_suite_can_run_knows_what_is_out_of_reach(void **state)
{
    static struct suite_settings here, started, runs;

    (void)state;
    here = started = runs = (struct suite_settings){0};
    snprintf(here.build.path, sizeof here.build.path, "/bin/true");
    snprintf(started.build.server_cmd, sizeof started.build.server_cmd, "ssh dut iperf3 -s");
    started.far.dut = "192.0.2.7";
    runs.remote = "192.0.2.7:5201";
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
        if (!is_judged_row(&elsewhere[i], &here) ||
            is_judged_row(&elsewhere[i], &started) != elsewhere[i].is_judged ||
            is_judged_row(&elsewhere[i], &runs) != elsewhere[i].is_judged)
            fail_msg("%s", elsewhere[i].name);
    runs.remote = "127.0.0.1:5201"; /* which may be a port that leads elsewhere */
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
        if (is_judged_row(&elsewhere[i], &runs) !=
            (elsewhere[i].is_judged || strstr(elsewhere[i].steps, "open ")))
            fail_msg("by way of loopback: %s", elsewhere[i].name);
}

static bool is_judged_typed(int letters, const struct suite_settings *settings)
{
    struct text file = {0};

    text_addf(&file, "case x\nclause ST-1\nplays server\nsubject -T %0*d\n\nfinish\n", letters, 0);
    return is_judged(file, settings);
}

static void test_suite_can_run_asks_nobody_to_type_pages(void **state)
{
    static struct suite_settings person, command;

    (void)state;
    person = command = (struct suite_settings){0};
    person.far.listen = "127.0.0.1:5201";
    command.far.harness = "192.0.2.1";
    snprintf(command.build.client_cmd, sizeof command.build.client_cmd, "ssh dut iperf3");
    assert_true(is_judged_typed(80, &person));
    assert_false(is_judged_typed(1000, &person));
    assert_true(is_judged_typed(1000, &command));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_can_run_asks_nobody_to_type_pages),
        cmocka_unit_test(test_suite_can_run_asks_the_build_for_options),
        cmocka_unit_test(test_suite_find_needs_takes_no_version_for_a_help),
        cmocka_unit_test(test_suite_can_run_knows_what_is_out_of_reach),
        cmocka_unit_test(test_suite_compare_knows_what_shows_of_a_server_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
