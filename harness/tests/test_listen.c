/* The sockets on which a client finds the simulator. */
#include "harness/sim/sim.h"
#include "impl/tests/unit.h"

#include <errno.h>
#include <unistd.h>

#define GUESTS (SIM_BACKLOG / 2)

static int connect_to(const struct sim_listener *l, int type)
{
    struct sockaddr_storage at;
    socklen_t len;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    assert_true(sim_address("127.0.0.1", l->port, &at, &len));
    assert_int_equal(connect(fd, (struct sockaddr *)&at, len), 0);
    return fd;
}

static bool is_left(int fd)
{
    char byte;

    return recv(fd, &byte, sizeof byte, MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

/* Streams of the last case's client, with their cookies or without, and its datagrams. */
static void test_who_waits_is_turned_away_and_the_next_is_served(void **state)
{
    struct sim_listener l;
    int guests[2 * GUESTS];

    (void)state;
    assert_true(sim_listen(&l, "127.0.0.1", 0));
    for (size_t i = 0; i < ARRAY_LEN(guests); i++) {
        guests[i] = connect_to(&l, i % 2 ? SOCK_DGRAM : SOCK_STREAM);
        if (i % 4)
            assert_int_equal(send(guests[i], "cookie", 6, 0), 6);
    }
    sim_listener_clear(&l);
    assert_int_equal(accept(l.tcp, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    assert_false(is_left(l.udp));
    for (size_t i = 0; i < ARRAY_LEN(guests); i++)
        close(guests[i]);

    int next = connect_to(&l, SOCK_STREAM), met = accept(l.tcp, NULL, NULL);
    assert_true(met >= 0);
    close(next);
    close(met);
    sim_listener_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_waits_is_turned_away_and_the_next_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
