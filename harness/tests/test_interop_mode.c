#include "harness/interop/mode.h"

#include "impl/tests/unit.h"

#include <ctype.h>

/* Every release from 3.1 on, and the Debian builds that the table is used with. */
static const char *const versions[] = {
    "3.1",    "3.1.3", "3.1.7", "3.2",    "3.3",  "3.4",  "3.5",  "3.6",  "3.7",
    "3.8.1",  "3.9",   "3.10",  "3.11",   "3.12", "3.13", "3.14", "3.15", "3.16",
    "3.17.1", "3.18",  "3.19",  "3.19.1", "3.20", "3.21", "3.22",
};

static struct mode_side stock(const char *version)
{
    struct mode_side side = {.has_version = true};

    assert_true(clause_version_parse(version, NULL, &side.version));
    return side;
}

static struct mode_side reference(void)
{
    struct mode_side side = {.is_reference = true};

    assert_true(clause_version_parse("3.22", NULL, &side.version));
    return side;
}

static const struct interop_mode *mode_named(const char *name)
{
    for (size_t i = 0; i < interop_n_modes; i++)
        if (strcmp(interop_modes[i].name, name) == 0)
            return &interop_modes[i];
    fail_msg("no mode %s", name);
    return NULL;
}

/* --- the table ------------------------------------------------------------------------------- */

static bool holds_for_some(const char *set)
{
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct mode_side side = stock(versions[i]);
        if (clause_versions_hold(set, &side.version))
            return true;
    }
    return false;
}

/* A set that cannot be read holds for nobody. */
static void test_the_version_sets_of_the_table_can_be_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < interop_n_modes; i++) {
        const struct interop_mode *m = &interop_modes[i];
        if (!holds_for_some(m->client_versions) || !holds_for_some(m->server_versions))
            fail_msg("%s: a set holds for no version", m->name);
    }
}

static void test_the_names_of_the_table_are_unique_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < interop_n_modes; i++) {
        const char *name = interop_modes[i].name;
        for (const char *c = name; *c; c++)
            assert_true(isalnum((unsigned char)*c) || *c == '-');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(name, interop_modes[k].name);
    }
}

static void test_the_needs_of_the_table_are_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < interop_n_modes; i++) {
        const char *needs = interop_modes[i].needs;
        assert_true(!*needs || strcmp(needs, "ipv6") == 0 || strcmp(needs, "mptcp") == 0);
    }
}

static void test_three_modes_are_the_control_group(void **state)
{
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < interop_n_modes; i++)
        n += (interop_modes[i].flags & MODE_CONTROL) != 0;
    assert_int_equal(n, 3);
}

static void test_no_placeholder_of_the_table_stays_unfilled(void **state)
{
    static const struct mode_word words[] = {
        {"cport", "1" },
        {"src",   "s" },
        {"dst",   "d" },
        {"pub",   "p" },
        {"key",   "k" },
        {"users", "u" },
        {NULL,    NULL},
    };
    struct mode_side side = reference();

    (void)state;
    for (size_t i = 0; i < interop_n_modes; i++) {
        const struct interop_mode *m = &interop_modes[i];
        struct text text = {0};
        mode_expand(m->client, &side, words, &text);
        mode_expand(m->server, &side, words, &text);
        mode_expand(m->facts, &side, words, &text);
        if (strpbrk(text_string(&text), "{}"))
            fail_msg("%s: %s", m->name, text_string(&text));
        text_fini(&text);
    }
}

/* --- who skips ------------------------------------------------------------------------------- */

static const struct skip_row {
    const char *name, *mode;
    const char *client, *server; /* NULL: iperfref */
    bool no_mptcp;
    const char *why; /* NULL: played */
} skip_rows[] = {
    {"MPTCP-1 client without",          "tcp-mptcp",      "3.18",   NULL,   false, "clients of 3.19+"     },
    {"MPTCP-1 client with",             "tcp-mptcp",      "3.22",   NULL,   false, NULL                   },
    {"MPTCP-1 the kernel falls back",   "tcp-mptcp",      NULL,     "3.9",  false, NULL                   },
    {"MPTCP-1 no such kernel",          "tcp-mptcp",      NULL,     NULL,   true,  "no mptcp"             },
    {"AUTH-7 OAEP before 3.17",         "auth-oaep",      "3.12",   NULL,   false, "clients of 3.17+"     },
    {"AUTH-7 OAEP server before 3.17",  "auth-oaep",      NULL,     "3.12", false, "servers of 3.17+"     },
    {"AUTH-7 PKCS1 client by option",   "auth-pkcs1",     "3.19.1", NULL,   false, NULL                   },
    {"AUTH-7 PKCS1 no client any more", "auth-pkcs1",     "3.20",   NULL,   false, "clients of 3.2-3.19.1"},
    {"AUTH-7 PKCS1 server by option",   "auth-pkcs1",     NULL,     "3.22", false, NULL                   },
    {"PARAM-51 bidir before 3.7",       "tcp-bidir",      NULL,     "3.6",  false, "servers of 3.7+"      },
    {"PARAM-35 extra data before 3.6",  "tcp-extra-data", "3.5",    NULL,   false, "clients of 3.6+"      },
    {"CTL-8 everybody has tcp",         "tcp",            "3.1",    "3.1",  false, NULL                   },
};

static void test_only_what_the_table_says_is_skipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(skip_rows); i++) {
        const struct skip_row *row = &skip_rows[i];
        struct mode_side client = row->client ? stock(row->client) : reference();
        struct mode_side server = row->server ? stock(row->server) : reference();
        struct mode_kernel kernel = {.ipv6 = true, .mptcp = !row->no_mptcp};
        struct text why = {0};
        bool skipped = mode_is_skipped(mode_named(row->mode), &client, &server, &kernel, &why);
        if (skipped != (row->why != NULL) || (row->why && !strstr(text_string(&why), row->why)))
            fail_msg("%s: %d, '%s'", row->name, skipped, text_string(&why));
        text_fini(&why);
    }
}

static void test_iperfref_and_strangers_skip_nothing_but_for_the_kernel(void **state)
{
    struct mode_side sides[] = {reference(), {0}};
    struct mode_kernel kernel = {.ipv6 = true, .mptcp = true};
    struct text why = {0};

    (void)state;
    for (size_t i = 0; i < interop_n_modes; i++)
        for (size_t k = 0; k < ARRAY_LEN(sides); k++)
            assert_false(mode_is_skipped(&interop_modes[i], &sides[k], &sides[k], &kernel, &why));
    text_fini(&why);
}

/* --- templates ------------------------------------------------------------------------------- */

static const struct expand_row {
    const char *template, *version, *want;
} expand_rows[] = {
    {"-t 1",                          "3.12", "-t 1"       },
    {"-F {src} -p {port}",            "3.12", "-F a -p 7"  },
    {"x{3.17+? --pkcs1}",             "3.16", "x"          },
    {"x{3.17+? --pkcs1}",             "3.17", "x --pkcs1"  },
    {"{3.2-3.9,3.12?yes}{3.10+?no}.", "3.12", "yesno."     },
    {"{unknown} {",                   "3.12", "{unknown} {"},
    {"{'a':1}",                       "3.12", "{'a':1}"    },
    {"",                              "3.12", ""           },
};

static void test_mode_expand_fills_in_words_and_what_the_version_has(void **state)
{
    static const struct mode_word words[] = {
        {"src",  "a" },
        {"port", "7" },
        {NULL,   NULL}
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expand_rows); i++) {
        struct mode_side side = stock(expand_rows[i].version);
        struct text out = {0};
        mode_expand(expand_rows[i].template, &side, words, &out);
        assert_string_equal(text_string(&out), expand_rows[i].want);
        text_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_version_sets_of_the_table_can_be_read),
        cmocka_unit_test(test_the_names_of_the_table_are_unique_words),
        cmocka_unit_test(test_the_needs_of_the_table_are_known),
        cmocka_unit_test(test_three_modes_are_the_control_group),
        cmocka_unit_test(test_no_placeholder_of_the_table_stays_unfilled),
        cmocka_unit_test(test_only_what_the_table_says_is_skipped),
        cmocka_unit_test(test_iperfref_and_strangers_skip_nothing_but_for_the_kernel),
        cmocka_unit_test(test_mode_expand_fills_in_words_and_what_the_version_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
