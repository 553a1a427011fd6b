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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_can_run_asks_the_build_for_options),
        cmocka_unit_test(test_suite_find_needs_takes_no_version_for_a_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
