#include "impl/net/chan.h"

#include "impl/tests/alloc.h"
#include "impl/tests/iofail.h"
#include "impl/tests/loopback.h"

#include <fcntl.h>

static struct loop *loop;
static struct chan *chan;
static int peer = -1;

/* What the owner saw, and how it behaves. */
static struct owner {
    uint8_t got[200000];
    size_t n_got, n_offers, last_offer;
    size_t take; /* at most so many bytes per call */
    bool eof, was_reset, gone;
    int os_errno;
    void (*then)(struct bytes *in); /* at the end of each callback; in is NULL for eof and reset */
} owner;

static void on_bytes(void *context, struct bytes *in)
{
    size_t n = MIN(in->len, owner.take);

    assert_ptr_equal(context, &owner);
    assert_true(in->len > 0);
    owner.n_offers++;
    owner.last_offer = in->len;
    memcpy(owner.got + owner.n_got, in->at, n);
    owner.n_got += n;
    *in = (struct bytes){in->at + n, in->len - n};
    if (owner.then != NULL)
        owner.then(in);
}

static void on_eof(void *context)
{
    (void)context;
    assert_false(owner.eof);
    owner.eof = true;
    if (owner.then != NULL)
        owner.then(NULL);
}

static void on_reset(void *context, int os_errno)
{
    (void)context;
    assert_false(owner.was_reset);
    owner.was_reset = true;
    owner.os_errno = os_errno;
    if (owner.then != NULL)
        owner.then(NULL);
}

static const struct chan_events events = {on_bytes, on_eof, on_reset};

static void on_gone(void *context)
{
    assert_ptr_equal(context, &owner);
    owner.gone = true;
    chan = NULL;
}

static void close_chan(void)
{
    chan_close(chan, on_gone, &owner);
}

static int set_up(void **state)
{
    int fd[2];

    (void)state;
    memset(&owner, 0, sizeof owner);
    owner.take = SIZE_MAX;
    loop = loop_new();
    tcp_pair(fd);
    peer = fd[0];
    chan = chan_new(loop, fd[1], &events, &owner);
    return chan == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    io_fail_at(0, IO_FAIL, 0);
    io_limit(0);
    chan_abort(chan);
    chan = NULL;
    if (peer >= 0)
        close(peer);
    peer = -1;
    loop_free(loop);
    return 0;
}

/* Turn until the owner has n bytes. */
static void until_got(size_t n)
{
    while (owner.n_got < n)
        turn(loop);
}

/* --- receiving
 * ------------------------------------------------------------------------------------ */

static void test_chan_keeps_what_was_not_taken_and_offers_it_again(void **state)
{
    (void)state;
    owner.take = 2;
    peer_write(peer, WIRE("abcde"));
    until_got(2);
    turns(loop, 3);
    assert_int_equal(owner.n_offers, 1); /* not again and again */
    chan_resume(chan);
    assert_int_equal(owner.n_offers, 1); /* not from inside the call */
    turn(loop);
    assert_int_equal(owner.n_got, 4);
    peer_write(peer, WIRE("f"));
    until_got(6);
    assert_memory_equal(owner.got, "abcdef", 6);
}

static void resume_once(struct bytes *in)
{
    owner.then = NULL;
    assert_non_null(in);
    chan_resume(chan);
}

static void test_chan_resume_from_inside_a_callback_offers_once_more(void **state)
{
    (void)state;
    owner.take = 2;
    owner.then = resume_once;
    peer_write(peer, WIRE("abcde"));
    until_got(2);
    assert_int_equal(owner.n_got, 4);
}

static void test_chan_reads_no_further_than_it_keeps(void **state)
{
    static uint8_t much[CHAN_KEEP_MAX + 5000];

    (void)state;
    owner.take = 0;
    peer_write(peer, (struct bytes){much, sizeof much});
    while (owner.last_offer < CHAN_KEEP_MAX)
        turn(loop);
    turns(loop, 5);
    assert_int_equal(owner.last_offer, CHAN_KEEP_MAX);
    owner.take = SIZE_MAX;
    chan_resume(chan);
    until_got(sizeof much);
}

static void test_chan_that_waits_for_nothing_is_not_woken_by_a_reset(void **state)
{
    static uint8_t much[CHAN_KEEP_MAX];
    size_t n_offers;

    (void)state;
    owner.take = 0;
    peer_write(peer, (struct bytes){much, sizeof much});
    while (owner.last_offer < CHAN_KEEP_MAX)
        turn(loop);
    n_offers = owner.n_offers;
    peer_reset(peer);
    peer = -1;
    turns(loop, 5);
    assert_int_equal(owner.n_offers, n_offers);
    owner.take = SIZE_MAX;
    chan_resume(chan);
    turn_until(loop, &owner.was_reset);
    assert_int_equal(owner.n_got, CHAN_KEEP_MAX);
}

static void test_chan_tells_eof_behind_the_last_byte(void **state)
{
    (void)state;
    owner.take = 0;
    peer_write(peer, WIRE("abc"));
    shutdown(peer, SHUT_WR);
    while (owner.n_offers == 0)
        turn(loop);
    turns(loop, 5);
    assert_false(owner.eof);
    owner.take = SIZE_MAX;
    chan_resume(chan);
    turn_until(loop, &owner.eof);
    assert_int_equal(owner.n_got, 3);
    turns(loop, 5); /* told once: on_eof() asserts it */
}

static void test_chan_tells_a_reset_behind_the_last_byte(void **state)
{
    (void)state;
    peer_write(peer, WIRE("abc"));
    peer_reset(peer);
    peer = -1;
    turn_until(loop, &owner.was_reset);
    assert_int_equal(owner.n_got, 3);
    assert_int_equal(owner.os_errno, ECONNRESET);
}

static void test_chan_tells_a_reset_found_by_writing(void **state)
{
    (void)state;
    shutdown(peer, SHUT_WR);
    turn_until(loop, &owner.eof);
    peer_reset(peer);
    peer = -1;
    assert_int_equal(chan_send(chan, WIRE("x")), SPEC_OK);
    turn_until(loop, &owner.was_reset);
    assert_true(owner.os_errno == ECONNRESET || owner.os_errno == EPIPE);
    assert_int_equal(chan_send(chan, WIRE("x")), SPEC_OK); /* swallowed */
}

static void test_chan_collect_reads_no_byte_too_many_and_leaves_the_rest_in_the_socket(void **state)
{
    char rest[8];
    int fd;

    (void)state;
    owner.take = 0;
    chan_collect(chan, 3);
    peer_write(peer, WIRE("abcdef"));
    while (owner.last_offer < 3)
        turn(loop);
    turns(loop, 3);
    assert_int_equal(chan_kept(chan).len, 3);
    fd = chan_release(chan);
    chan = NULL;
    assert_int_equal(peer_read(fd, rest, sizeof rest), 3);
    assert_memory_equal(rest, "def", 3);
    close(fd);
}

static void test_chan_collect_tells_eof_at_once(void **state)
{
    (void)state;
    owner.take = 0;
    chan_collect(chan, 37);
    peer_write(peer, WIRE("abc"));
    shutdown(peer, SHUT_WR);
    turn_until(loop, &owner.eof);
    assert_int_equal(chan_kept(chan).len, 3);
}

static struct owner_two {
    size_t n;
    bool eof;
} second;

static void second_bytes(void *context, struct bytes *in)
{
    assert_ptr_equal(context, &second);
    second.n += in->len;
    *in = (struct bytes){in->at + in->len, 0};
}

static void second_eof(void *context)
{
    ((struct owner_two *)context)->eof = true;
}

static const struct chan_events second_events = {second_bytes, second_eof, on_reset};

static void hand_over(struct bytes *in)
{
    if (in == NULL || in->len < 3)
        return;
    chan_collect(chan, 0);
    chan_set_events(chan, &second_events, &second);
    chan_resume(chan);
}

static void test_chan_hands_what_was_collected_to_the_next_owner(void **state)
{
    (void)state;
    owner.take = 0;
    owner.then = hand_over;
    chan_collect(chan, 3);
    peer_write(peer, WIRE("abcdef"));
    shutdown(peer, SHUT_WR);
    turn_until(loop, &second.eof);
    assert_int_equal(second.n, 6);
}

static void hand_over_at_the_end(struct bytes *in)
{
    if (in != NULL)
        return;
    chan_collect(chan, 0);
    chan_set_events(chan, &second_events, &second);
    chan_resume(chan);
}

/* A connection that is closed before it said what it is: whoever takes it must learn of the end. */
static void test_chan_tells_the_ending_to_the_next_owner_too(void **state)
{
    static const char *const sent[] = {"", "abc"};

    for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
        tear_down(state);
        assert_int_equal(set_up(state), 0);
        second = (struct owner_two){0};
        owner.take = 0;
        owner.then = hand_over_at_the_end;
        chan_collect(chan, 37);
        peer_write(peer, (struct bytes){(const uint8_t *)sent[i], strlen(sent[i])});
        shutdown(peer, SHUT_WR);
        turn_until(loop, &second.eof);
        assert_int_equal(second.n, strlen(sent[i]));
    }
}

/* --- every call interrupted, short, or not ready
 * --------------------------------------------------- */

static uint8_t text[3000];

/* Both ways through the channel, and a clean end; how many bytes the peer got. */
static void exchange(void)
{
    uint8_t echo[sizeof text + 1];
    size_t n = 0;
    ssize_t one;

    peer_write(peer, (struct bytes){text, sizeof text});
    assert_int_equal(chan_send(chan, (struct bytes){text, 1000}), SPEC_OK);
    assert_int_equal(chan_send(chan, (struct bytes){text + 1000, sizeof text - 1000}), SPEC_OK);
    until_got(sizeof text);
    shutdown(peer, SHUT_WR);
    turn_until(loop, &owner.eof);
    close_chan();
    turn_until(loop, &owner.gone);
    while ((one = peer_read(peer, echo + n, sizeof echo - n)) > 0)
        n += (size_t)one;
    assert_int_equal(one, 0);
    assert_int_equal(n, sizeof text);
    assert_memory_equal(echo, text, n);
    assert_memory_equal(owner.got, text, n);
}

static void walk(enum io_trouble trouble, int os_errno, unsigned limit)
{
    bool hit = true;

    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7);
    for (unsigned n = 1; hit && n < 100; n++) {
        tear_down(NULL);
        assert_int_equal(set_up(NULL), 0);
        io_fail_at(n, trouble, os_errno);
        io_limit(limit);
        exchange();
        hit = io_failed();
    }
}

static void test_chan_survives_each_call_interrupted(void **state)
{
    (void)state;
    walk(IO_FAIL, EINTR, 0);
    walk(IO_FAIL, EINTR, 700);
}

static void test_chan_survives_each_call_falling_short(void **state)
{
    (void)state;
    walk(IO_SHORT, 0, 0);
    walk(IO_SHORT, 0, 700);
}

static void test_chan_survives_pieces_of_one_byte(void **state)
{
    (void)state;
    io_limit(1);
    exchange();
}

static void test_chan_tells_any_other_failure_of_a_read(void **state)
{
    (void)state;
    peer_write(peer, WIRE("abc"));
    io_fail_at(2, IO_FAIL, ETIMEDOUT); /* the first is the wait */
    turn_until(loop, &owner.was_reset);
    assert_int_equal(owner.os_errno, ETIMEDOUT);
}

static void test_chan_tells_any_other_failure_of_a_write_behind_what_was_read(void **state)
{
    (void)state;
    peer_write(peer, WIRE("abc"));
    io_fail_at(1, IO_FAIL, EHOSTUNREACH);
    assert_int_equal(chan_send(chan, WIRE("x")), SPEC_OK);
    assert_true(io_failed());
    turn_until(loop, &owner.was_reset);
    assert_int_equal(owner.n_got, 3);
    assert_int_equal(owner.os_errno, EHOSTUNREACH);
}

/* --- sending
 * -------------------------------------------------------------------------------------- */

static void test_chan_queues_what_the_socket_does_not_take(void **state)
{
    static uint8_t much[8 * 1024 * 1024], got[65536];
    size_t n = 0;

    (void)state;
    assert_int_equal(chan_send(chan, (struct bytes){much, sizeof much}), SPEC_OK);
    while (n < sizeof much) {
        n += (size_t)peer_read(peer, got, sizeof got);
        turn(loop);
    }
}

static void test_chan_send_refuses_more_than_the_limit(void **state)
{
    (void)state;
    assert_int_equal(chan_send(chan, (struct bytes){text, CHAN_QUEUE_MAX + 1}), SPEC_E_SPACE);
    assert_int_equal(recv(peer, text, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN); /* nothing of it was sent */
}

static void test_chan_without_memory_says_so(void **state)
{
    int fd[2];

    (void)state;
    tcp_pair(fd);
    alloc_fail_at(1);
    assert_null(chan_new(loop, fd[1], &events, &owner));
    alloc_fail_at(1);
    assert_int_equal(chan_send(chan, WIRE("x")), SPEC_E_NOMEM);
    alloc_fail_at(0);
    assert_true(fcntl(fd[1], F_GETFD) >= 0); /* still the caller's */
    close(fd[0]);
    close(fd[1]);
}

/* --- the end
 * -------------------------------------------------------------------------------------- */

static void test_chan_close_does_not_lose_the_last_bytes_to_unread_ones(void **state)
{
    static uint8_t unread[100000];
    uint8_t got[16];

    (void)state;
    peer_write(peer, (struct bytes){unread, sizeof unread});
    assert_int_equal(chan_send(chan, WIRE("\xfe\0\0\0\x65\0\0\0\0")), SPEC_OK);
    close_chan();
    turns(loop, 20);
    assert_false(owner.gone);
    assert_int_equal(peer_read(peer, got, sizeof got), 9);
    assert_int_equal(peer_read(peer, got, sizeof got), 0); /* FIN, no reset (CLOSE-2, INT-13) */
    shutdown(peer, SHUT_WR);
    turn_until(loop, &owner.gone);
    assert_int_equal(owner.n_got, 0);
}

static void test_chan_close_waits_for_a_silent_peer_no_longer_than_its_limit(void **state)
{
    (void)state;
    close_chan();
    turns(loop, 3);
    io_skip_ns(CHAN_LINGER_NS - 1000000000);
    turns(loop, 3);
    assert_false(owner.gone);
    io_skip_ns(1000000001);
    turns(loop, 3);
    assert_true(owner.gone);
}

static void test_chan_close_writes_no_longer_than_its_limit(void **state)
{
    static uint8_t much[8 * 1024 * 1024];

    (void)state;
    chan_send(chan, (struct bytes){much, sizeof much});
    close_chan();
    turns(loop, 3);
    io_skip_ns(CHAN_LINGER_NS);
    turns(loop, 3);
    assert_false(owner.gone);
    io_skip_ns(CHAN_FLUSH_NS);
    turns(loop, 3);
    assert_true(owner.gone);
}

static void test_chan_close_reads_no_more_than_its_limit(void **state)
{
    static uint8_t flood[65536];
    size_t sent = 0;

    (void)state;
    fcntl(peer, F_SETFL, O_NONBLOCK);
    close_chan();
    while (!owner.gone) {
        struct iovec piece = {flood, sizeof flood};
        ssize_t n = writev(peer, &piece, 1);
        sent += n > 0 ? (size_t)n : 0;
        turn(loop);
        assert_true(sent < 64 * 1024 * 1024);
    }
    assert_true(sent >= CHAN_DISCARD_MAX);
}

static void close_then(struct bytes *in)
{
    (void)in;
    owner.then = NULL;
    chan_send(chan, WIRE("bye"));
    close_chan();
}

static void abort_then(struct bytes *in)
{
    (void)in;
    owner.then = NULL;
    chan_abort(chan);
    chan = NULL;
}

static void test_chan_close_from_inside_each_callback(void **state)
{
    uint8_t got[8];

    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        tear_down(NULL);
        set_up(NULL);
        owner.then = close_then;
        if (kind == 0)
            peer_write(peer, WIRE("abc"));
        else if (kind == 1)
            shutdown(peer, SHUT_WR);
        else
            peer_reset(peer), peer = -1;
        if (kind == 0) {
            turns(loop, 5);
            shutdown(peer, SHUT_WR);
        }
        turn_until(loop, &owner.gone);
        assert_int_equal(owner.n_got, kind == 0 ? 3 : 0);
        assert_true(kind == 1 ? owner.eof : !owner.eof);
        if (kind < 2)
            assert_int_equal(peer_read(peer, got, sizeof got), 3);
    }
}

static void test_chan_abort_from_inside_each_callback(void **state)
{
    uint8_t got[8];

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        tear_down(NULL);
        set_up(NULL);
        owner.then = abort_then;
        if (kind == 0)
            peer_write(peer, WIRE("abc"));
        else
            shutdown(peer, SHUT_WR);
        while (chan != NULL)
            turn(loop);
        assert_int_equal(peer_read(peer, got, sizeof got), -1);
        assert_int_equal(errno, ECONNRESET);
    }
}

/* --- the transcript
 * ------------------------------------------------------------------------------- */

static void reply_to_each(struct bytes *in)
{
    if (in == NULL)
        return;
    chan_send(chan, WIRE("\x01")); /* after the first byte was taken, before the second is */
    *in = (struct bytes){in->at + 1, in->len - 1};
    chan_send(chan, WIRE("\x02"));
    if (owner.n_got == 1)
        chan_resume(chan);
}

static char order[256];

static enum spec_err note_event(void *context, const struct transcript_event *e)
{
    char *end = order + strlen(order);

    (void)context;
    switch (e->kind) {
    case TRANSCRIPT_BYTES:
        *end++ = e->side == OBSERVER_CLIENT ? 'C' : 'S';
        for (size_t i = 0; i < e->bytes.len; i++)
            end += sprintf(end, "%02x", e->bytes.at[i]);
        sprintf(end, " ");
        break;
    case TRANSCRIPT_EOF:
        strcpy(end, e->side == OBSERVER_CLIENT ? "Ceof " : "Seof ");
        break;
    case TRANSCRIPT_RESET:
        strcpy(end, "reset ");
        break;
    case TRANSCRIPT_END:
        strcpy(end, "end");
        break;
    case TRANSCRIPT_SESSION:
    case TRANSCRIPT_GAP:
        break;
    }
    return SPEC_OK;
}

static void test_chan_records_in_the_order_of_taking_and_sending(void **state)
{
    char path[UNIT_PATH_MAX];
    struct transcript *t;

    (void)state;
    close(mkstemp(unit_temporary(path, "chan")));
    t = transcript_open(path);
    chan_set_recorder(chan, transcript_begin(t, OBSERVER_SERVER, "::1", 1, "::1", 2));
    owner.take = 1;
    owner.then = reply_to_each;
    peer_write(peer, WIRE("\x0a\x0b\x0c\x0d\x0e"));
    until_got(2);
    owner.then = NULL;
    close_chan(); /* 0e was never taken */
    shutdown(peer, SHUT_WR);
    turn_until(loop, &owner.gone);
    assert_int_equal(transcript_close(t), SPEC_OK);
    order[0] = '\0';
    assert_int_equal(transcript_read(path, note_event, NULL, NULL), SPEC_OK);
    unlink(path);
    assert_string_equal(order, "C0a S01 C0b S02 C0c S01 C0d S02 C0e Ceof end");
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_chan_keeps_what_was_not_taken_and_offers_it_again),
        T(test_chan_resume_from_inside_a_callback_offers_once_more),
        T(test_chan_reads_no_further_than_it_keeps),
        T(test_chan_that_waits_for_nothing_is_not_woken_by_a_reset),
        T(test_chan_tells_eof_behind_the_last_byte),
        T(test_chan_tells_a_reset_behind_the_last_byte),
        T(test_chan_tells_a_reset_found_by_writing),
        T(test_chan_collect_reads_no_byte_too_many_and_leaves_the_rest_in_the_socket),
        T(test_chan_collect_tells_eof_at_once),
        T(test_chan_hands_what_was_collected_to_the_next_owner),
        T(test_chan_tells_the_ending_to_the_next_owner_too),
        T(test_chan_survives_each_call_interrupted),
        T(test_chan_survives_each_call_falling_short),
        T(test_chan_survives_pieces_of_one_byte),
        T(test_chan_tells_any_other_failure_of_a_read),
        T(test_chan_tells_any_other_failure_of_a_write_behind_what_was_read),
        T(test_chan_queues_what_the_socket_does_not_take),
        T(test_chan_send_refuses_more_than_the_limit),
        T(test_chan_without_memory_says_so),
        T(test_chan_close_does_not_lose_the_last_bytes_to_unread_ones),
        T(test_chan_close_waits_for_a_silent_peer_no_longer_than_its_limit),
        T(test_chan_close_writes_no_longer_than_its_limit),
        T(test_chan_close_reads_no_more_than_its_limit),
        T(test_chan_close_from_inside_each_callback),
        T(test_chan_abort_from_inside_each_callback),
        T(test_chan_records_in_the_order_of_taking_and_sending),
    };

    alarm(120); /* some wait for what may never come */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
