/* test_suite_profile.c - which build of the registry a subject counts as. */
#include "harness/suite/suite.h"

#include "impl/tests/unit.h"

static const struct row {
    const char *name, *version, *package, *asked;
    const char *counts_as; /* "VERSION[@VENDOR]", or NULL: any */
    const char *note;      /* something that is said, or NULL */
} rows[] = {
    {"iperf",    "3.12",             "3.12-1+deb12u2",       NULL,                 "3.12@deb12u2", "iperf 3.12 deb12u2"},
    {"iperf",    "3.18",             "3.18-2+deb13u2",       NULL,                 "3.18@deb13u2", NULL                },
    {"iperf",    "3.12",             "",                     NULL,                 "3.12",         NULL                },
    {"iperf",    "3.12",             "3.12-1",               NULL,                 "3.12",         NULL                },
    {"iperf",    "3.12",             "3.12-1+deb12u3",       NULL,                 "3.12@deb12u2", "u3, so it counts"  },
    {"iperf",    "3.12",             "3.12-1+deb12u1",       NULL,                 "3.12",         "the plain version" },
    {"iperf",    "3.18",             "3.18-2+deb13u10",      NULL,                 "3.18@deb13u2", NULL                },
    {"iperf",    "3.9",              "3.9-1+deb11u1",        NULL,                 "3.9@deb11u1",  NULL                },
    {"iperf",    "3.9",              "3.9-1+deb11u0",        NULL,                 "3.9",          "the plain version" },
    {"iperf",    "3.18",             "3.18-2+deb12u9",       NULL,                 "3.18",         NULL                },
    {"iperf",    "3.12",             "3.12-1ubuntu0.1",      NULL,                 "3.12",         "ubuntu0.1"         },
    {"iperf",    "3.12",             "3.12-1+deb12u2~bpo11", NULL,                 "3.12@deb12u2", NULL                },
    {"iperf",    "3.22",             "3.22-0.1",             NULL,                 "3.22",         NULL                },
    {"iperf",    "3.17.1",           "",                     NULL,                 "3.17.1",       NULL                },
    {"iperf",    "3.30",             "",                     NULL,                 "3.22",         "counts as 3.22"    },
    {"iperf",    "3.22+",            "",                     NULL,                 "3.22",         "newer than any"    },
    {"iperf",    "3.21+",            "",                     NULL,                 "3.22-dev",     NULL                },
    {"iperf",    "odd",              "",                     NULL,                 NULL,           "any"               },
    {"iperf",    "3.18rc1",          "",                     NULL,                 "3.18-dev",     "taken for 3.18-dev"},
    {"iperf",    "3.1b3",            "",                     NULL,                 "3.1-dev",      "taken for 3.1-dev" },
    {"iperf",    "3.15-mt-beta1",    "",                     NULL,                 "3.15-dev",     NULL                },
    {"iperf",    "3.22-dirty",       "",                     NULL,                 "3.22",         "taken for 3.22"    },
    {"iperf",    "3.22-4-gb1a2b3c4", "",                     NULL,                 "3.22",         NULL                },
    {"iperf",    "3.",               "",                     NULL,                 NULL,           "any"               },
    {"iperfref", "3.22",             "",                     NULL,                 NULL,           "any"               },
    {"",         "",                 "",                     NULL,                 NULL,           "any"               },
    {"iperfref", "3.22",             "",                     "iperf/3.12@deb12u2", "3.12@deb12u2", NULL                },
    {"iperf",    "3.12",             "3.12-1+deb12u2",       "iperf/3.12",         "3.12",         NULL                },
    {"iperf",    "3.12",             "3.12-1+deb12u2",       "any",                NULL,           "any"               },
    {"iperf",    "3.12",             "3.12-1+deb12u2",       "other/3.12",         NULL,           "any"               },
};

static void format(const struct subject_build *b, char *out, size_t cap)
{
    const struct clause_version *v = &b->version;
    char patch[16] = "";

    if (v->patch)
        snprintf(patch, sizeof patch, ".%u", v->patch);
    snprintf(out, cap, "%u.%u%s%s%s%s", v->major, v->minor, patch, v->dev ? "-dev" : "",
             v->vendor[0] ? "@" : "", v->vendor);
}

static void test_suite_choose_profile_counts_only_iperf_and_takes_the_nearest_older(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct subject_build b = {.has_version = true};
        struct text note = {0}, why = {0};
        char got[64] = "any";
        snprintf(b.name, sizeof b.name, "%s", row->name);
        snprintf(b.version_text, sizeof b.version_text, "%s", row->version);
        snprintf(b.package, sizeof b.package, "%s", row->package);
        assert_true(suite_choose_profile(&b, row->asked, &note, &why));
        if (b.has_version)
            format(&b, got, sizeof got);
        if (strcmp(got, row->counts_as ? row->counts_as : "any") != 0 ||
            (row->note && !strstr(text_string(&note), row->note)))
            fail_msg("%s %s (%s) asked %s: %s, '%s'", row->name, row->version, row->package,
                     row->asked ? row->asked : "nothing", got, text_string(&note));
        text_fini(&note);
        text_fini(&why);
    }
}

static void test_suite_choose_profile_refuses_what_is_none(void **state)
{
    static const char *const bad[] = {"",           "iperf",       "iperf/",        "/3.12",
                                      "iperf/odd",  "iperf/3.12@", "iperf@deb12u2", "3.12",
                                      "iperf/3.12 "};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct subject_build b = {0};
        struct text note = {0}, why = {0};
        if (suite_choose_profile(&b, bad[i], &note, &why) ||
            !strstr(text_string(&why), "NAME/VERSION[@VENDOR]"))
            fail_msg("'%s' was taken", bad[i]);
        text_fini(&note);
        text_fini(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_choose_profile_counts_only_iperf_and_takes_the_nearest_older),
        cmocka_unit_test(test_suite_choose_profile_refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
