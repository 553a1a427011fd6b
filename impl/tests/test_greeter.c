#include "impl/greeter.h"

#include "impl/tests/alloc.h"
#include "impl/tests/iofail.h"
#include "impl/tests/loopback.h"
#include "impl/wire/frame.h"

#define N_GUESTS 3

static struct loop *loop;
static struct greeters *greeters;
static int peers[N_GUESTS + 2];
static unsigned n_peers;

/* What the owner was asked, and what it answers: a whole cookie or the end is taken. */
static struct owner {
    unsigned n_asked, n_taken;
    size_t last_len;
    bool over, is_done;
    int fd; /* of the connection taken last */
    char host[64];
} owner;

static bool decide(void *context, const struct greeter_guest *guest)
{
    assert_ptr_equal(context, &owner);
    owner.n_asked++;
    owner.last_len = chan_kept(guest->chan).len;
    owner.over = guest->over;
    snprintf(owner.host, sizeof owner.host, "%s", guest->peer.host);
    if (owner.last_len < COOKIE_LEN && !guest->over)
        return false;
    owner.n_taken++;
    owner.fd = chan_release(guest->chan);
    owner.is_done = true;
    return true;
}

static int set_up(void **state)
{
    (void)state;
    owner = (struct owner){.fd = -1};
    n_peers = 0;
    loop = loop_new();
    greeters = greeters_new(loop, N_GUESTS, 10000000000, decide, &owner);
    return greeters == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    alloc_fail_at(0);
    greeters_free(greeters);
    while (n_peers > 0)
        close(peers[--n_peers]);
    if (owner.fd >= 0)
        close(owner.fd);
    loop_free(loop);
    return 0;
}

/* A guest; returns its far end. */
static int come(void)
{
    struct sock_name name = {.host = "192.0.2.7"};
    int fd[2];

    tcp_pair(fd);
    greeters_add(greeters, fd[1], &name);
    return peers[n_peers++] = fd[0];
}

static void expect_reset(int peer)
{
    uint8_t byte;

    assert_int_equal(peer_read(peer, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void test_greeter_asks_at_once_and_after_each_piece(void **state)
{
    int peer = come();

    (void)state;
    assert_int_equal(owner.n_asked, 1);
    assert_int_equal(owner.last_len, 0);
    assert_string_equal(owner.host, "192.0.2.7");
    for (unsigned n = 1; n <= 3; n++) {
        peer_write(peer, WIRE("x"));
        while (owner.n_asked < 1 + n)
            turn(loop);
        assert_int_equal(owner.last_len, n);
    }
    assert_false(owner.over);
    turns(loop, 3);
    assert_int_equal(owner.n_asked, 4);
}

/* What comes behind the cookie belongs to whoever takes the connection. */
static void test_greeter_reads_no_more_than_a_cookie(void **state)
{
    uint8_t rest[8];
    int peer = come();

    (void)state;
    peer_write(peer, WIRE("0123456789012345678901234567890123456abc"));
    turn_until(loop, &owner.is_done);
    assert_int_equal(owner.last_len, COOKIE_LEN);
    assert_int_equal(peer_read(owner.fd, rest, sizeof rest), 3);
}

static void test_greeter_asks_a_last_time_at_the_end(void **state)
{
    int peer = come();

    (void)state;
    peer_write(peer, WIRE("abc"));
    shutdown(peer, SHUT_WR);
    turn_until(loop, &owner.is_done);
    assert_true(owner.over);
    assert_int_equal(owner.last_len, 3);
}

/* TMO-1: the time is that of the whole cookie. */
static void test_greeter_asks_a_last_time_when_the_time_is_up(void **state)
{
    int peer = come();

    (void)state;
    io_skip_ns(9000000000);
    peer_write(peer, WIRE("abc"));
    while (owner.n_asked < 2)
        turn(loop);
    assert_false(owner.over);
    io_skip_ns(1100000000);
    turn_until(loop, &owner.is_done);
    assert_true(owner.over);
}

static void test_greeter_forgets_who_is_reset(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * N_GUESTS; i++) {
        peer_reset(come());
        n_peers = 0;
        turns(loop, 5);
    }
    assert_int_equal(owner.n_asked, 2 * N_GUESTS); /* each at its coming only */
    assert_int_equal(owner.n_taken, 0);
}

/* INT-4: a flood of silent ones costs no more than so many descriptors. */
static void test_greeter_turns_the_oldest_away_for_one_too_many(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_GUESTS + 1; i++)
        come();
    expect_reset(peers[0]);
    for (unsigned i = 1; i < N_GUESTS + 1; i++) {
        owner.is_done = false;
        shutdown(peers[i], SHUT_WR);
        turn_until(loop, &owner.is_done);
        close(owner.fd);
        owner.fd = -1;
    }
    assert_int_equal(owner.n_taken, N_GUESTS);
}

static void take(void *context, struct chan *chan)
{
    assert_ptr_equal(context, &owner);
    owner.n_taken++;
    chan_abort(chan);
}

static void test_greeter_gives_all_away(void **state)
{
    (void)state;
    come();
    come();
    greeters_dismiss(greeters, take, &owner);
    assert_int_equal(owner.n_taken, 2);
    io_skip_ns(11000000000); /* and forgets them */
    turns(loop, 2);
    assert_int_equal(owner.n_asked, 2);
}

static void test_greeter_closes_all_with_itself(void **state)
{
    (void)state;
    come();
    greeters_free(greeters);
    greeters = NULL;
    expect_reset(peers[0]);
}

static void test_greeter_without_memory_closes_the_connection(void **state)
{
    uint8_t byte;

    (void)state;
    alloc_fail_at(1);
    assert_null(greeters_new(loop, N_GUESTS, 1, decide, &owner));
    for (unsigned n = 1; n <= 2; n++) {
        int fd[2];
        tcp_pair(fd);
        alloc_fail_at(n);
        greeters_add(greeters, fd[1], &(struct sock_name){0});
        assert_true(alloc_failed());
        alloc_fail_at(0);
        assert_int_equal(peer_read(fd[0], &byte, 1), 0);
        close(fd[0]);
    }
    assert_int_equal(owner.n_asked, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_greeter_asks_at_once_and_after_each_piece),
        T(test_greeter_reads_no_more_than_a_cookie),
        T(test_greeter_asks_a_last_time_at_the_end),
        T(test_greeter_asks_a_last_time_when_the_time_is_up),
        T(test_greeter_forgets_who_is_reset),
        T(test_greeter_turns_the_oldest_away_for_one_too_many),
        T(test_greeter_gives_all_away),
        T(test_greeter_closes_all_with_itself),
        T(test_greeter_without_memory_closes_the_connection),
    };

    alarm(60); /* some wait for what may never come */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
