/* What a captured peer said beside what another one says: what counts as a difference. */
#include "harness/capture/compare.h"
#include "impl/tests/unit.h"
#include "impl/wire/state.h"

#define JSON(from, text)                                                                           \
    {                                                                                              \
        SESSION_JSON, from, .body = {(const uint8_t *)text, sizeof text - 1 }                      \
    }
#define STATE(from, value)                                                                         \
    {                                                                                              \
        SESSION_STATE, from, .state = value                                                        \
    }
#define OF_KIND(of_kind, of_side, ...)                                                             \
    {                                                                                              \
        .kind = of_kind, .from = of_side, __VA_ARGS__                                              \
    }
#define THEIRS SESSION_SUBJECT
#define OURS   SESSION_US

/* Messages up to the first one of all zeroes. */
static struct session session_of(const struct session_message *messages)
{
    struct session s = {0};

    for (; messages->kind != SESSION_OPEN; messages++)
        session_add(&s, messages);
    return s;
}

#define MESSAGES 6
static const struct row {
    const char *name;
    struct session_message captured[MESSAGES], now[MESSAGES];
    unsigned n_different, n_volatile;
    const char *shown;
} rows[] = {
    {"the same",
     {STATE(THEIRS, PARAM_EXCHANGE), JSON(THEIRS, "{\"a\":[1,2]}")},
     {STATE(THEIRS, PARAM_EXCHANGE), JSON(THEIRS, "{ \"a\": [1, 2] }")},
     0,                                                                                                                           0,
     "  < 09 PARAM_EXCHANGE"                                                                                                                            },
    {"what is ours does not count",                             {STATE(OURS, TEST_END)},        {STATE(OURS, IPERF_DONE)},     0, 0, ""                 },
    {"another state",
     {STATE(THEIRS, PARAM_EXCHANGE), STATE(THEIRS, CREATE_STREAMS)},
     {STATE(THEIRS, PARAM_EXCHANGE), STATE(THEIRS, ACCESS_DENIED)},
     1,                                                                                                                           0,
     "! < 0a CREATE_STREAMS"                                                                                                                            },
    {"a title that a command line cannot hold",
     {JSON(THEIRS, "{\"title\":\"a\\tb\"}")},
     {JSON(THEIRS, "{}")},
     0,                                                                                                                           1,
     "~     .title"                                                                                                                                     },
    {"a title that it can hold",
     {JSON(THEIRS, "{\"title\":\"a b\"}")},
     {JSON(THEIRS, "{}")},
     1,                                                                                                                           0,
     "!     .title"                                                                                                                                     },
    {"a state is missing",
     {STATE(THEIRS, TEST_START), STATE(THEIRS, TEST_RUNNING), STATE(THEIRS, EXCHANGE_RESULTS)},
     {STATE(THEIRS, TEST_START), STATE(THEIRS, EXCHANGE_RESULTS)},
     1,                                                                                                                           0,
     "! < 02 TEST_RUNNING"                                                                                                                              },
    {"a state more at the end",
     {STATE(THEIRS, TEST_START)},
     {STATE(THEIRS, TEST_START), STATE(THEIRS, TEST_START)},
     1,                                                                                                                           0,
     "| < 01 TEST_START"                                                                                                                                },
    {"an end more",
     {STATE(THEIRS, TEST_START)},
     {STATE(THEIRS, TEST_START), OF_KIND(SESSION_END, THEIRS)},
     0,                                                                                                                           1,
     "~ "                                                                                                                                               },
    {"an end of either kind",
     {OF_KIND(SESSION_END, THEIRS)},
     {OF_KIND(SESSION_RESET, THEIRS)},
     0,                                                                                                                           1,
     "reset"                                                                                                                                            },
    {"words behind our end",
     {STATE(THEIRS, TEST_START), OF_KIND(SESSION_END, OURS)},
     {STATE(THEIRS, TEST_START), OF_KIND(SESSION_END, OURS), STATE(THEIRS, SERVER_ERROR)},
     0,                                                                                                                           1,
     "~ "                                                                                                                                               },
    {"an error behind our IPERF_DONE (ERR-7)",
     {STATE(THEIRS, DISPLAY_RESULTS), STATE(OURS, IPERF_DONE)},
     {STATE(THEIRS, DISPLAY_RESULTS), STATE(OURS, IPERF_DONE),
      OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 205)},
     0,                                                                                                                           1,
     "~ "                                                                                                                                               },
    {"an error behind our IPERF_DONE, then",
     {STATE(OURS, IPERF_DONE), OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 205)},
     {STATE(OURS, IPERF_DONE)},
     0,                                                                                                                           1,
     "~ < fe SERVER_ERROR 205"                                                                                                                          },
    {"an error in front of it",
     {STATE(THEIRS, DISPLAY_RESULTS), STATE(OURS, IPERF_DONE)},
     {STATE(THEIRS, DISPLAY_RESULTS), OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 205),
      STATE(OURS, IPERF_DONE)},
     1,                                                                                                                           0,
     "| < fe SERVER_ERROR 205"                                                                                                                          },
    {"another number behind our CLIENT_TERMINATE (ST-SRV-7.c)",
     {STATE(OURS, CLIENT_TERMINATE), OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 119)},
     {STATE(OURS, CLIENT_TERMINATE), OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 206)},
     0,                                                                                                                           1,
     "~ < fe SERVER_ERROR 119"                                                                                                                          },
    {"another number before it",
     {OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 119), STATE(OURS, CLIENT_TERMINATE)},
     {OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 206), STATE(OURS, CLIENT_TERMINATE)},
     1,                                                                                                                           0,
     "! < fe SERVER_ERROR 119"                                                                                                                          },
    {"a state behind our IPERF_DONE and our end",
     {STATE(OURS, IPERF_DONE), OF_KIND(SESSION_END, OURS)},
     {STATE(OURS, IPERF_DONE), OF_KIND(SESSION_END, OURS), STATE(THEIRS, TEST_START)},
     1,                                                                                                                           0,
     "! "                                                                                                                                               },
    {"a state behind our IPERF_DONE",
     {STATE(OURS, IPERF_DONE)},
     {STATE(OURS, IPERF_DONE), STATE(THEIRS, TEST_START)},
     1,                                                                                                                           0,
     "| < 01 TEST_START"                                                                                                                                },
    {"counters, times",
     {JSON(THEIRS, "{\"bytes\":1,\"end_time\":1.5}")},
     {JSON(THEIRS, "{\"bytes\":2,\"end_time\":2.5}")},
     0,                                                                                                                           2,
     "~     .bytes 1"                                                                                                                                   },
    {"a count that the other has not",
     {JSON(THEIRS, "{\"retransmits\":-1}")},
     {JSON(THEIRS, "{\"retransmits\":0}")},
     1,                                                                                                                           0,
     "!     .retransmits -1"                                                                                                                            },
    {"a counter of another type",
     {JSON(THEIRS, "{\"bytes\":1}")},
     {JSON(THEIRS, "{\"bytes\":\"1\"}")},
     1,                                                                                                                           0,
     ".bytes \"1\""                                                                                                                                     },
    {"a key is missing",
     {JSON(THEIRS, "{\"bytes\":1,\"id\":1}")},
     {JSON(THEIRS, "{\"id\":1}")},
     1,                                                                                                                           0,
     "!     .bytes 1"                                                                                                                                   },
    {"a key more",                                              {JSON(THEIRS, "{}")},           {JSON(THEIRS, "{\"gso\":1}")}, 1, 0, "|     .gso 1"     },
    {"another value",
     {JSON(THEIRS, "{\"streams\":[{\"id\":1}]}")},
     {JSON(THEIRS, "{\"streams\":[{\"id\":3}]}")},
     1,                                                                                                                           0,
     "!     .streams[0].id 1"                                                                                                                           },
    {"an element more",
     {JSON(THEIRS, "{\"streams\":[]}")},
     {JSON(THEIRS, "{\"streams\":[{\"id\":1}]}")},
     1,                                                                                                                           0,
     ".streams[0] {\"id\":1}"                                                                                                                           },
    {"an element less",
     {JSON(THEIRS, "{\"streams\":[1,2]}")},
     {JSON(THEIRS, "{\"streams\":[1]}")},
     1,                                                                                                                           0,
     "!     .streams[1] 2"                                                                                                                              },
    {"no JSON",                                                 {JSON(THEIRS, "{\"a\":1}")},    {JSON(THEIRS, "{\"a\"")},      1, 0, "! < JSON, 7 bytes"},
    {"another error",
     {OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 114)},
     {OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 115)},
     1,                                                                                                                           0,
     "! < fe SERVER_ERROR 114"                                                                                                                          },
    {"another errno",
     {OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 114, .os_errno = 2)},
     {OF_KIND(SESSION_ERROR, THEIRS, .n_ints = 2, .ierr = 114)},
     0,                                                                                                                           1,
     "~ < fe SERVER_ERROR 114"                                                                                                                          },
    {"another connection",
     {STATE(THEIRS, TEST_START)},
     {STATE(THEIRS, TEST_START),
      OF_KIND(SESSION_STATE, THEIRS, .who = "alive", .state = TEST_START)},
     0,                                                                                                                           0,
     "  < 01 TEST_START"                                                                                                                                },
    {"data",
     {OF_KIND(SESSION_STREAM, THEIRS, .stream = 1),
      OF_KIND(SESSION_DATA, THEIRS, .stream = 1, .len = 9)},
     {OF_KIND(SESSION_STREAM, THEIRS, .stream = 1),
      OF_KIND(SESSION_DATA, THEIRS, .stream = 1, .len = 8)},
     0,                                                                                                                           1,
     "~ < stream 1: 9 bytes in all"                                                                                                                     },
};

static void check(const struct row *row, unsigned columns)
{
    struct session captured = session_of(row->captured), now = session_of(row->now);
    struct compare c;

    compare_peers(&captured, &now, columns, &c);
    if (c.n_different != row->n_different || c.n_volatile != row->n_volatile ||
        (columns > 80 && strstr(text_string(&c.table), row->shown) == NULL))
        fail_msg("%s: %u differ, %u may, and\n%s", row->name, c.n_different, c.n_volatile,
                 text_string(&c.table));
    compare_fini(&c);
    session_fini(&captured);
    session_fini(&now);
}

static void test_compare_peers_tells_differences_from_noise(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(&rows[i], 120);
        check(&rows[i], 40);
    }
}

/* Both columns are as wide as was asked for, whatever stands in them. */
static void test_compare_peers_keeps_to_its_columns(void **state)
{
    struct session_message long_text =
        JSON(THEIRS, "{\"title\":\"a title that is very, very long\"}");
    struct session captured = {0}, now = {0};
    struct compare c;

    (void)state;
    session_add(&captured, &long_text);
    compare_peers(&captured, &now, 40, &c);
    session_add(&now, &long_text);
    for (const char *at = text_string(&c.table); *at != '\0'; at += strcspn(at, "\n") + 1)
        assert_true(strcspn(at, "\n") <= 40);
    compare_fini(&c);
    session_fini(&captured);
    session_fini(&now);
}

/* More than is compared: no more memory, no crash. */
static void test_compare_peers_is_bounded(void **state)
{
    struct session_message message = STATE(THEIRS, TEST_START);
    struct session captured = {0}, now = {0};
    struct compare c;

    (void)state;
    for (int i = 0; i < 2000; i++)
        session_add(&captured, &message);
    session_add(&now, &message);
    compare_peers(&captured, &now, 80, &c);
    assert_int_equal(c.n_different, 255);
    compare_fini(&c);
    session_fini(&captured);
    session_fini(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare_peers_tells_differences_from_noise),
        cmocka_unit_test(test_compare_peers_keeps_to_its_columns),
        cmocka_unit_test(test_compare_peers_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
