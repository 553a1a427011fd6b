/* The listener's decision: streams, new tests, denials (CONN-4, CLOSE-1, STR-12, UDPC-10). */
#include "impl/wire/admit.h"

#include "impl/tests/unit.h"

static const uint8_t red[COOKIE_LEN] = "redredredredredredredredredredredred";
static const uint8_t blue[COOKIE_LEN] = "bluebluebluebluebluebluebluebluebl30";

static struct admit_addr host(uint8_t last)
{
    return (struct admit_addr){
        .ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last}
    };
}

/* A test in a few words: cookie, last byte of its peer's address, what it awaits:
 * 't' TCP streams, 'u' UDP streams, 'a' nothing, it has all; '-' nothing yet. */
struct brief {
    const uint8_t *cookie;
    uint8_t peer;
    char awaits;
};

#define MAX_TESTS 4

static const struct tcp_row {
    const char *name;
    struct brief tests[MAX_TESTS]; /* in order of arrival; peer 0 ends the list */
    size_t max_tests;
    uint8_t from;
    const uint8_t *cookie; /* what the connection sends */
    size_t len;
    bool over;
    enum admit_verdict want;
    size_t which;
} tcp_rows[] = {
    {"CONN-4 first of all",             {{NULL, 0, 0}},   1, 1, red,  37, false, ADMIT_NEW,    0},
    {"CTL-1 half a cookie",             {{NULL, 0, 0}},   1, 1, red,  20, false, ADMIT_MORE,   0},
    {"CTL-6 half a cookie, end",        {{NULL, 0, 0}},   1, 1, red,  20, true,  ADMIT_NEW,    0},
    {"CLOSE-2 busy, unread",            {{red, 1, 'a'}},  1, 2, blue, 0,  false, ADMIT_DENY,   0},
    {"CLOSE-1 busy, cookie",            {{red, 1, 'a'}},  1, 2, blue, 37, false, ADMIT_DENY,   0},
    {"CLOSE-4 busy before its cookie",  {{NULL, 1, '-'}}, 1, 2, blue, 37, false, ADMIT_DENY,   0},
    {"CLOSE-5 busy, UDP test",          {{red, 1, 'u'}},  1, 1, red,  37, false, ADMIT_DENY,   0},
    {"ST-SRV-14.b stream",              {{red, 1, 't'}},  1, 1, red,  37, false, ADMIT_STREAM, 0},
    {"STR-8 stream from elsewhere",     {{red, 1, 't'}},  1, 2, red,  37, false, ADMIT_STREAM, 0},
    {"ST-SRV-13.a silent in CREATE",    {{red, 1, 't'}},  1, 2, red,  0,  false, ADMIT_MORE,   0},
    {"STR-12 silent for too long",      {{red, 1, 't'}},  1, 2, red,  0,  true,  ADMIT_DENY,   0},
    {"STR-12 short cookie",             {{red, 1, 't'}},  1, 1, red,  36, true,  ADMIT_DENY,   0},
    {"STR-12 wrong cookie",             {{red, 1, 't'}},  1, 1, blue, 37, false, ADMIT_DENY,   0},
    {"CONN-4 below the limit",          {{red, 1, 't'}},  2, 1, blue, 37, false, ADMIT_NEW,    0},
    {"CONN-4 second of two",
     {{red, 1, 'a'}, {blue, 2, 't'}},
     3,                                                      2,
     blue,                                                            37,
     false,                                                                      ADMIT_STREAM,
     1                                                                                          },
    {"CONN-4 at the limit of two",
     {{red, 1, 'a'}, {blue, 2, 't'}},
     2,                                                      2,
     blue,                                                            37,
     false,                                                                      ADMIT_STREAM,
     1                                                                                          },
    {"ST-SRV-14.c one too many",        {{red, 1, 'a'}},  9, 1, red,  37, false, ADMIT_DENY,   0},
    {"CONN-4 a stranger's same cookie", {{red, 1, 'a'}},  9, 2, red,  37, false, ADMIT_NEW,    0},
    {"CONN-4 same cookie, by address",
     {{red, 1, 't'}, {red, 2, 't'}},
     9,                                                      2,
     red,                                                             37,
     false,                                                                      ADMIT_STREAM,
     1                                                                                          },
    {"CONN-4 same cookie, by order",
     {{red, 1, 't'}, {red, 1, 't'}},
     9,                                                      1,
     red,                                                             37,
     false,                                                                      ADMIT_STREAM,
     0                                                                                          },
    {"CONN-4 same cookie, the next",
     {{red, 1, 'a'}, {red, 1, 't'}},
     9,                                                      1,
     red,                                                             37,
     false,                                                                      ADMIT_STREAM,
     1                                                                                          },
    {"CONN-4 address before order",
     {{red, 1, 't'}, {red, 2, 't'}, {red, 2, 't'}},
     9,                                                      2,
     red,                                                             37,
     false,                                                                      ADMIT_STREAM,
     1                                                                                          },
};

static size_t fill(struct admit_test tests[MAX_TESTS], const struct brief briefs[MAX_TESTS])
{
    size_t n = 0;

    for (; n < MAX_TESTS && briefs[n].peer != 0; n++)
        tests[n] = (struct admit_test){
            .cookie = briefs[n].cookie,
            .peer = host(briefs[n].peer),
            .awaits_tcp = briefs[n].awaits == 't',
            .awaits_udp = briefs[n].awaits == 'u',
            .has_all = briefs[n].awaits == 'a',
            .order = n + 7,
        };
    return n;
}

static void test_admit_tcp_tells_streams_from_tests(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(tcp_rows); i++) {
        const struct tcp_row *row = &tcp_rows[i];
        struct admit_test tests[MAX_TESTS];
        struct admit_view view = {tests, fill(tests, row->tests), row->max_tests};
        struct admit_addr from = host(row->from);
        size_t which = 99;
        enum admit_verdict got =
            admit_tcp(&view, &from, (struct bytes){row->cookie, row->len}, row->over, &which);
        if (got != row->want || (got == ADMIT_STREAM && which != row->which))
            fail_msg("%s: verdict %d, test %zu", row->name, got, which);
        if (got != ADMIT_STREAM)
            assert_int_equal(which, 99);
    }
}

/* The order of the list does not matter, that of arrival does. */
static void test_admit_takes_the_oldest_wherever_it_stands(void **unused)
{
    struct admit_test tests[] = {
        {red, host(1), true, false, false, 9},
        {red, host(1), true, false, false, 4}
    };
    struct admit_view view = {tests, 2, 9};
    struct admit_addr from = host(1);
    size_t which;

    (void)unused;
    assert_int_equal(admit_tcp(&view, &from, (struct bytes){red, COOKIE_LEN}, false, &which),
                     ADMIT_STREAM);
    assert_int_equal(which, 1);
    tests[0].awaits_udp = tests[1].awaits_udp = true;
    assert_true(admit_udp(&view, &from, WIRE("\x39\x38\x37\x36"), &which));
    assert_int_equal(which, 1);
}

static const struct udp_row {
    const char *name;
    struct brief tests[MAX_TESTS];
    uint8_t from;
    struct bytes datagram;
    bool want;
    size_t which;
} udp_rows[] = {
    {"UDPC-2 3.12+",                  {{red, 1, 'u'}},                 1, WIRE("\x39\x38\x37\x36"),     true,  0},
    {"UDPC-2 3.0.1-3.11",             {{red, 1, 'u'}},                 1, WIRE("\x15\xcd\x5b\x07"),     true,  0},
    {"UDPC-10 3.0.1-3.11 big-endian", {{red, 1, 'u'}},                 1, WIRE("\x07\x5b\xcd\x15"),     true,  0},
    {"UDPC-10 3.12-3.16 big-endian",  {{red, 1, 'u'}},                 1, WIRE("\x36\x37\x38\x39"),     true,  0},
    {"UDPC-10 something else",        {{red, 1, 'u'}},                 1, WIRE("\x39\x38\x37\x35"),     false, 0},
    {"UDPC-10 too long",              {{red, 1, 'u'}},                 1, WIRE("\x39\x38\x37\x36\x00"), false, 0},
    {"UDPC-10 empty",                 {{red, 1, 'u'}},                 1, WIRE(""),                     false, 0},
    {"UDPC-10 a stranger",            {{red, 1, 'u'}},                 2, WIRE("\x39\x38\x37\x36"),     false, 0},
    {"ST-SRV-17 a TCP test",          {{red, 1, 't'}},                 1, WIRE("\x39\x38\x37\x36"),     false, 0},
    {"ST-SRV-17 in RUN",              {{red, 1, 'a'}},                 1, WIRE("\x39\x38\x37\x36"),     false, 0},
    {"CONN-4 of two hosts",           {{red, 1, 'u'}, {blue, 2, 'u'}}, 2, WIRE("\x39\x38\x37\x36"),     true,  1},
    {"CONN-4 the older first",
     {{red, 2, 'u'}, {blue, 2, 'u'}},
     2,                                                                   WIRE("\x39\x38\x37\x36"),
     true,                                                                                                     0},
};

static void test_admit_udp_takes_connect_messages_of_the_peer(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(udp_rows); i++) {
        const struct udp_row *row = &udp_rows[i];
        struct admit_test tests[MAX_TESTS];
        struct admit_view view = {tests, fill(tests, row->tests), 9};
        struct admit_addr from = host(row->from);
        size_t which = 0;
        if (admit_udp(&view, &from, row->datagram, &which) != row->want || which != row->which)
            fail_msg("%s: test %zu", row->name, which);
    }
}

/* No datagram tells two UDP set-ups of one address apart: one after the other. */
static void test_admit_udp_setups_of_one_address_take_turns(void **unused)
{
    struct brief briefs[MAX_TESTS] = {
        {red,  1, 'u'},
        {blue, 1, '-'},
        {red,  2, '-'}
    };
    struct admit_test tests[MAX_TESTS];
    struct admit_view view = {tests, fill(tests, briefs), 9};

    (void)unused;
    assert_true(admit_udp_may_start(&view, 0));
    assert_false(admit_udp_may_start(&view, 1));
    assert_true(admit_udp_may_start(&view, 2));
    tests[0].awaits_udp = false;
    assert_true(admit_udp_may_start(&view, 1));
    /* An older test whose parameters came late finds a younger one at it. */
    tests[1].awaits_udp = true;
    assert_false(admit_udp_may_start(&view, 0));
}

static void test_admit_addresses_differ_by_scope(void **unused)
{
    struct admit_addr a = host(1), b = host(1);

    (void)unused;
    assert_true(admit_addr_equal(&a, &b));
    b.scope = 3;
    assert_false(admit_addr_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admit_tcp_tells_streams_from_tests),
        cmocka_unit_test(test_admit_takes_the_oldest_wherever_it_stands),
        cmocka_unit_test(test_admit_udp_takes_connect_messages_of_the_peer),
        cmocka_unit_test(test_admit_udp_setups_of_one_address_take_turns),
        cmocka_unit_test(test_admit_addresses_differ_by_scope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
