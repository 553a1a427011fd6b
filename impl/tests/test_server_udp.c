/* The server's UDP set-up: who gets a stream, and who has to wait (UDPC-3, UDPC-7 to UDPC-10). */
#include "impl/tests/serving.h"

#define HELLO WIRE("\x39\x38\x37\x36")
#define REPLY WIRE("\x36\x37\x38\x39")
#define TWO   RAW_PARAMS_OF(",\"udp\":true,\"parallel\":2")

static int stop(void **state)
{
    (void)state;
    if (serving.runs)
        serving_stop();
    return 0;
}

/* Nothing can be sent to nobody: then the answer is ICMP. */
static int knock_from(const char *from, struct bytes hello)
{
    int fd = raw_reach(SOCK_DGRAM, from);

    peer_write(fd, hello);
    return fd;
}

static int knock(struct bytes hello)
{
    return knock_from("127.0.0.1", hello);
}

static void test_server_takes_each_known_connect_message(void **state)
{
    static const struct bytes hellos[] = {
        {(const uint8_t *)"\x39\x38\x37\x36", 4},
        {(const uint8_t *)"\x36\x37\x38\x39", 4},
        {(const uint8_t *)"\x15\xcd\x5b\x07", 4},
        {(const uint8_t *)"\x07\x5b\xcd\x15", 4},
    };

    (void)state;
    serving_start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(hellos); i++) {
        struct raw r = raw_open();
        raw_walk("UDPC-2", &r, RAW_UDP, 1, RAW_CREATE);
        r.streams[r.n_streams++] = knock(hellos[i]);
        raw_expect("UDPC-3", r.streams[0], REPLY);
        raw_expect("STR-4", r.control, WIRE("\x01\x02"));
        raw_abandon(&r);
    }
}

/* UDPC-10: neither junk nor a stranger gets a stream, and a message that comes twice gets one. */
static void test_server_gives_streams_to_its_client_only_and_once(void **state)
{
    struct raw r;
    int others[4];

    (void)state;
    serving_start(NULL);
    r = raw_open();
    raw_walk("UDPC-10", &r, TWO, 2, RAW_CREATE);
    others[0] = knock(WIRE(""));
    others[1] = knock(WIRE("9876x"));
    others[2] = knock(WIRE("abcd"));
    others[3] = knock_from("127.0.0.2", HELLO);
    for (int i = 0; i < 2; i++) {
        r.streams[r.n_streams++] = knock(HELLO);
        peer_write(r.streams[i], HELLO);
        raw_expect("UDPC-3", r.streams[i], REPLY);
    }
    raw_expect("STR-4", r.control, WIRE("\x01\x02"));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        uint8_t byte;
        assert_int_equal(recv(others[i], &byte, 1, MSG_DONTWAIT), -1);
        close(others[i]);
    }
    raw_abandon(&r);
}

static void test_server_shuts_its_udp_port_behind_the_last_stream(void **state)
{
    struct raw r;
    uint8_t byte;
    int late;

    (void)state;
    serving_start(NULL);
    r = raw_open();
    raw_walk("UDPC-8", &r, RAW_UDP, 1, RAW_CREATE);
    r.streams[r.n_streams++] = knock(HELLO);
    raw_expect("UDPC-8", r.control, WIRE("\x01\x02"));
    late = knock(HELLO);
    assert_int_equal(recv(late, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(late);
    raw_abandon(&r);
}

/* Ready to hear 0a, which does not come before the other test of this address has its streams. */
static struct raw open_waiting(void)
{
    struct raw r = raw_open();

    raw_walk("DEF-22", &r, RAW_UDP, 1, RAW_PARAMS);
    raw_json(r.control, RAW_UDP);
    serving_is_well("DEF-22"); /* the server has read it */
    return r;
}

static bool is_silent(const struct raw *r)
{
    uint8_t byte;

    return recv(r->control, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

static void finish_set_up(struct raw *r)
{
    r->streams[r->n_streams++] = knock(HELLO);
    raw_expect("UDPC-3", r->streams[0], REPLY);
    raw_expect("STR-4", r->control, WIRE("\x01\x02"));
}

static const struct turn_taking {
    const char *name;
    struct bytes
        says; /* how the first one's set-up ends: this, and nothing means its streams came */
    unsigned seconds; /* or so much silence */
} turn_takings[] = {
    {"streams came",   {NULL, 0},                    0 },
    {"FLOW-12 04",     {(const uint8_t *)"\x04", 1}, 0 },
    {"CLOSE-10 10",    {(const uint8_t *)"\x10", 1}, 0 },
    {"ST-SRV-9 00",    {(const uint8_t *)"\0", 1},   0 },
    {"DEF-29 silence", {NULL, 0},                    21},
};

static void test_server_puts_set_ups_of_one_address_one_after_the_other(void **state)
{
    (void)state;
    serving_start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(turn_takings); i++) {
        const struct turn_taking *row = &turn_takings[i];
        struct raw first = raw_open(), second, gone, other;

        raw_walk(row->name, &first, RAW_UDP, 1, RAW_CREATE);
        gone = open_waiting();
        raw_close(&gone);
        second = open_waiting();
        assert_true(is_silent(&second));
        other = raw_open_from("127.0.0.2"); /* another address waits for nobody */
        raw_walk(row->name, &other, RAW_UDP, 1, RAW_CREATE);
        if (row->seconds)
            serving_skip(row->seconds);
        else if (row->says.len > 0)
            peer_write(first.control, row->says);
        else
            finish_set_up(&first);
        raw_expect(row->name, second.control, WIRE("\x0a"));
        finish_set_up(&second);
        raw_abandon(&second);
        raw_abandon(&first);
        raw_abandon(&other);
    }
}

/* DEF-29: the wait itself has an end, too. */
static void test_server_lets_nobody_wait_for_ever(void **state)
{
    struct raw stalled[4], waiting;

    (void)state;
    serving_start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(stalled); i++) {
        stalled[i] = raw_open();
        if (i == 0)
            raw_walk("DEF-29", &stalled[0], RAW_UDP, 1, RAW_CREATE);
        else
            stalled[i] = (raw_close(&stalled[i]), open_waiting());
    }
    waiting = open_waiting();
    for (size_t i = 1; i < 3; i++) {
        serving_skip(21);
        raw_expect("DEF-29", stalled[i].control, WIRE("\x0a"));
    }
    serving_skip(19);
    raw_expect_end("DEF-29", waiting.control,
                   WIRE("\xfe\0\0\0\xca\0\0\0\x62")); /* 202, EADDRINUSE */
    raw_close(&waiting);
    for (size_t i = 0; i < ARRAY_LEN(stalled); i++)
        raw_close(&stalled[i]);
}

#define T(test) cmocka_unit_test_teardown(test, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_server_takes_each_known_connect_message),
        T(test_server_gives_streams_to_its_client_only_and_once),
        T(test_server_shuts_its_udp_port_behind_the_last_stream),
        T(test_server_puts_set_ups_of_one_address_one_after_the_other),
        T(test_server_lets_nobody_wait_for_ever),
    };

    alarm(120); /* some wait for what may never come */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
