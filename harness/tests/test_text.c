#include "harness/session/arena.h"
#include "harness/session/text.h"
#include "impl/tests/unit.h"

static void test_text_grows_and_keeps_a_nul_behind_it(void **state)
{
    struct text t = {0};

    (void)state;
    assert_string_equal(text_string(&t), "");
    for (int i = 0; i < 1000; i++)
        text_addf(&t, "%d,", i % 10);
    assert_int_equal(t.len, 2000);
    assert_int_equal(t.at[2000], '\0');
    text_fini(&t);
    assert_null(t.at);
}

static void test_text_add_times_is_text_add_that_often(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 3; len++)
        for (size_t times = 0; times <= 9; times++) {
            struct text all = {0}, one_by_one = {0};
            text_adds(&all, "before");
            text_adds(&one_by_one, "before");
            text_add_times(&all, "abc", len, times);
            for (size_t i = 0; i < times; i++)
                text_add(&one_by_one, "abc", len);
            assert_string_equal(text_string(&all), text_string(&one_by_one));
            text_fini(&all);
            text_fini(&one_by_one);
        }
}

static void test_text_add_hex_says_what_it_left_out(void **state)
{
    struct text t = {0};

    (void)state;
    text_add_hex(&t, WIRE("\xfe\x00\x8e"), 2);
    assert_string_equal(text_string(&t), "fe 00 ... (3 bytes)");
    text_fini(&t);
}

static const struct number_row {
    double number;
    const char *out;
} number_rows[] = {
    {0.9,                    "0.9"                    },
    {0.1 + 0.2,              "0.30000000000000004"    },
    {-2.5,                   "-2.5"                   },
    {0,                      "0"                      },
    {100,                    "100"                    },
    {4294967296,             "4294967296"             },
    {9007199254740992.0,     "9007199254740992"       },
    {1e17,                   "1e+17"                  },
    {1e300,                  "1e+300"                 },
    {5e-324,                 "5e-324"                 },
    {1.7976931348623157e308, "1.7976931348623157e+308"},
};

static void test_text_add_number_is_as_short_as_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(number_rows); i++) {
        struct text t = {0};
        text_add_number(&t, number_rows[i].number);
        assert_string_equal(text_string(&t), number_rows[i].out);
        text_fini(&t);
    }
}

static const struct cut_row {
    const char *in;
    size_t max;
    const char *out;
} cut_rows[] = {
    {"it ended at once",         16, "it ended at once"},
    {"it ended at once",         15, "it ended at..."  },
    {"it ended at once",         11, "it ended at..."  },
    {"it ended at once",         10, "it ended..."     },
    {"it ended  at once",        10, "it ended..."     },
    {"unexpectedly",             4,  "unex..."         },
    {"\xc3\xa9\xc3\xa9\xc3\xa9", 3,  "\xc3\xa9..."     },
    {"",                         0,  ""                },
};

static void test_text_add_cut_ends_behind_a_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cut_rows); i++) {
        struct text t = {0};
        text_add_cut(&t, cut_rows[i].in, cut_rows[i].max);
        assert_string_equal(text_string(&t), cut_rows[i].out);
        text_fini(&t);
    }
}

static const struct plain_row {
    const char *name, *in, *out;
} plain_rows[] = {
    {"text",              "iperf 3.22\t(a)\n",     "iperf 3.22\t(a)\n"                  },
    {"nothing",           "",                      ""                                   },
    {"an order",          "\033[2Ja\a",            "\\x1b[2Ja\\x07"                     },
    {"GitHub's orders",   "a ##[error]b ##c [",    "a \\x23#[error]b ##c ["             },
    {"line written over", "a\rb\177",              "a\\x0db\\x7f"                       },
    {"writing turned",    "a\u202egnp\u2066b",     "a\\xe2\\x80\\xaegnp\\xe2\\x81\\xa6b"},
    {"UTF-8",             "\xc3\xa9 \xe2\x82\xac", "\xc3\xa9 \xe2\x82\xac"              },
    {"C1 in UTF-8",
     "\xc2\x9b"
     "2J",                                         "\\xc2\\x9b2J"                       },
    {"no UTF-8",
     "\x9b"
     "2J\xff\xc3",                                 "\\x9b2J\\xff\\xc3"                  },
};

static void test_text_make_plain_leaves_no_order_for_a_terminal(void **state)
{
    struct text t = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plain_rows); i++) {
        text_adds(&t, plain_rows[i].in);
        text_make_plain(&t);
        if (strcmp(text_string(&t), plain_rows[i].out) != 0)
            fail_msg("%s: %s", plain_rows[i].name, text_string(&t));
        text_fini(&t);
    }
    text_add(&t, "a\0b", 3);
    text_make_plain(&t);
    assert_string_equal(text_string(&t), "a\\x00b");
    text_fini(&t);
}

static void fill(struct arena *a)
{
    int *numbers = NULL;

    for (int i = 0; i < 100000; i++) {
        numbers = arena_grow(a, numbers, (size_t)i, sizeof *numbers);
        numbers[i] = i;
    }
    for (int i = 0; i < 100000; i++)
        assert_int_equal(numbers[i], i);
}

static void test_text_add_word_gives_a_shell_that_word(void **state)
{
    static const char *const rows[][2] = {
        {"build/iperf3",            "build/iperf3"             },
        {"a b",                     "'a b'"                    },
        {"",                        "''"                       },
        {"it's $(here)`",           "'it'\\''s $(here)`'"      },
        {"server/close/*",          "'server/close/*'"         },
        {"'",                       "''\\'''"                  },
        {"~",                       "'~'"                      },
        {"A=$HOME \\ \"x\" ! {} ;", "'A=$HOME \\ \"x\" ! {} ;'"},
        {"two\nlines\t",            "'two\nlines\t'"           },
        {"\xc3\xa9t\xc3\xa9",       "'\xc3\xa9t\xc3\xa9'"      },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text word = {0}, command = {0};
        char said[100];
        text_add_word(&word, rows[i][0]);
        assert_string_equal(text_string(&word), rows[i][1]);
        text_addf(&command, "printf '%%s\\0' %s", text_string(&word));
        FILE *shell = popen(text_string(&command), "re");
        assert_non_null(shell);
        size_t len = fread(said, 1, sizeof said, shell);
        assert_int_equal(pclose(shell), 0);
        assert_int_equal(len, strlen(rows[i][0]) + 1);
        assert_string_equal(said, rows[i][0]);
        text_fini(&word);
        text_fini(&command);
    }
}

static void test_arena_grow_keeps_what_is_there(void **state)
{
    (void)state;
    for (int is_shared = 0; is_shared <= 1; is_shared++) {
        struct arena a = {.is_shared = is_shared};
        fill(&a);
        arena_fini(&a);
        fill(&a); /* it is as good as new */
        arena_fini(&a);
    }
}

static void test_arena_alloc_gives_zeroes_and_hands_out_nothing_twice(void **state)
{
    (void)state;
    for (int is_shared = 0; is_shared <= 1; is_shared++) {
        struct arena a = {.is_shared = is_shared};
        unsigned char *at[64];
        for (size_t i = 0; i < ARRAY_LEN(at); i++) {
            size_t size = i * i * i; /* the last is more than the first blocks hold */
            at[i] = arena_alloc(&a, size);
            assert_int_equal((uintptr_t)at[i] % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < size; k++)
                assert_int_equal(at[i][k], 0);
            memset(at[i], (int)i, size);
        }
        for (size_t i = 0; i < ARRAY_LEN(at); i++)
            for (size_t k = 0; k < i * i * i; k++)
                assert_int_equal(at[i][k], i);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows_and_keeps_a_nul_behind_it),
        cmocka_unit_test(test_text_add_times_is_text_add_that_often),
        cmocka_unit_test(test_text_add_hex_says_what_it_left_out),
        cmocka_unit_test(test_text_add_number_is_as_short_as_reads_back),
        cmocka_unit_test(test_text_add_cut_ends_behind_a_word),
        cmocka_unit_test(test_text_make_plain_leaves_no_order_for_a_terminal),
        cmocka_unit_test(test_text_add_word_gives_a_shell_that_word),
        cmocka_unit_test(test_arena_grow_keeps_what_is_there),
        cmocka_unit_test(test_arena_alloc_gives_zeroes_and_hands_out_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
