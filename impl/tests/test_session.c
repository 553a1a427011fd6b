#include "impl/session.h"

#include "impl/tests/alloc.h"
#include "impl/tests/iofail.h"
#include "impl/tests/loopback.h"
#include "impl/wire/ierr.h"

/* A server's session with a raw peer. Its operations are noted, a letter each. */
static struct shell {
    char did[64];
    bool inside; /* a call into the session is going on */
    bool is_over, is_gone, prepares_later;
    struct machine_end end;
} shell;

static struct loop *loop;
static struct report *report;
static struct session *session;
static FILE *sink;
static int peer;

static void note(char letter)
{
    size_t n = strlen(shell.did);

    assert_true(n + 1 < sizeof shell.did);
    shell.did[n] = letter;
}

static void on_prepare(void *context)
{
    assert_ptr_equal(context, &shell);
    note('p');
    if (!shell.prepares_later)
        session_prepared(session, 0, 0);
}

static void on_accept(void *context, unsigned n)
{
    (void)context;
    assert_int_equal(n, 2);
    note('a');
}

static void on_set_up(void *context)
{
    (void)context;
    note('u');
}

static void on_over(void *context, const struct machine_end *end)
{
    (void)context;
    assert_false(shell.inside);
    note('o');
    shell.is_over = true;
    shell.end = *end;
}

static void on_gone(void *context)
{
    assert_ptr_equal(context, &shell);
    shell.is_gone = true;
}

static int set_up(void **state)
{
    static const struct session_ops ops = {
        .prepare = on_prepare, .accept = on_accept, .set_up = on_set_up, .over = on_over};
    struct machine_config machine;
    int fd[2];

    (void)state;
    shell = (struct shell){0};
    loop = loop_new();
    sink = fopen("/dev/null", "w");
    report = report_new(&(struct report_config){.server = true, .out = sink, .format = 'a'});
    machine_config_init(&machine, MACHINE_SERVER);
    session = session_new(&(struct session_config){.loop = loop,
                                                   .ops = &ops,
                                                   .context = &shell,
                                                   .machine = &machine,
                                                   .report = report,
                                                   .run = {.affinity = -1},
                                                   .gone = on_gone,
                                                   .gone_context = &shell});
    assert_non_null(session);
    tcp_pair(fd);
    peer = fd[0];
    session_start(session, chan_new(loop, fd[1], NULL, NULL), loop_now());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    io_fail_at(0, IO_FAIL, 0);
    session_free(session);
    close(peer);
    if (!shell.is_gone && shell.is_over)
        turn_until(loop, &shell.is_gone);
    report_free(report);
    fclose(sink);
    loop_free(loop);
    return 0;
}

static void until_state(enum machine_state want)
{
    while (machine_state(session_machine(session)) != want)
        turn(loop);
}

static void come_to_create(void)
{
    static const char params[] = "\0\0\0\x1e{\"parallel\":2,\"bandwidth\":800}";

    peer_write(peer, WIRE("123456789012345678901234567890123456\0"));
    until_state(SRV_PARAMS);
    peer_write(peer, (struct bytes){(const uint8_t *)params, sizeof params - 1});
}

/* Add a stream; the far end of it. */
static int add_stream(void)
{
    int fd[2];

    tcp_pair(fd);
    shell.inside = true;
    session_add_stream(session, fd[1]);
    shell.inside = false;
    return fd[0];
}

static bool is_closed(int fd)
{
    uint8_t buf[64];
    ssize_t n;

    while ((n = peer_read(fd, buf, sizeof buf)) > 0)
        ;
    return n == 0 || errno == ECONNRESET;
}

static void test_session_tells_its_steps_in_order(void **state)
{
    int a, b;

    (void)state;
    come_to_create();
    until_state(SRV_CREATE);
    assert_string_equal(shell.did, "pa");
    a = add_stream();
    assert_string_equal(shell.did, "pa");
    b = add_stream();
    assert_int_equal(machine_state(session_machine(session)), SRV_RUN);
    assert_string_equal(shell.did, "pau");
    assert_int_equal(session_n_streams(session), 2);
    peer_write(peer, WIRE("\x10"));
    turn_until(loop, &shell.is_over);
    assert_true(shell.end.ok);
    close(a);
    close(b);
}

/* The end is told from the loop: who ends it from inside a callback is not freed under its own
 * feet. */
static void test_session_tells_the_end_from_the_loop(void **state)
{
    (void)state;
    come_to_create();
    until_state(SRV_CREATE);
    shell.inside = true;
    session_failed(session, IECREATESTREAM, EMFILE);
    session_terminate(session); /* comes too late */
    shell.inside = false;
    assert_false(shell.is_over);
    turn_until(loop, &shell.is_over);
    assert_int_equal(shell.end.ierr, IECREATESTREAM);
    assert_int_equal(shell.end.os_errno, EMFILE);
    assert_true(is_closed(add_stream())); /* a late one has no place to go */
}

/* FLOW-12: streams are no longer awaited, though none came, and there are results of none. */
static void test_session_packs_results_without_streams(void **state)
{
    static const char results[] =
        "\0\0\0\x63{\"cpu_util_total\":0,\"cpu_util_user\":0,"
        "\"cpu_util_system\":0,\"sender_has_retransmits\":-1,\"streams\":[]}";

    (void)state;
    come_to_create();
    until_state(SRV_CREATE);
    peer_write(peer, WIRE("\x04"));
    until_state(SRV_RESULTS);
    assert_string_equal(shell.did, "pau");
    peer_write(peer, (struct bytes){(const uint8_t *)results, sizeof results - 1});
    until_state(SRV_DISPLAY);
}

/* Bytes that come while an answer is due are not lost, and not taken too early. */
static void test_session_keeps_bytes_until_it_is_prepared(void **state)
{
    (void)state;
    shell.prepares_later = true;
    come_to_create();
    while (shell.did[0] == '\0')
        turn(loop);
    peer_write(peer, WIRE("\x10"));
    turns(loop, 5);
    assert_string_equal(shell.did, "p");
    session_prepared(session, 0, 0);
    turn_until(loop, &shell.is_over);
    assert_string_equal(shell.did, "pauo");
    assert_true(shell.end.ok);
}

/* In whatever state it is. */
static void test_session_may_be_freed_at_any_time(void **state)
{
    (void)state; /* before the cookie: tear_down */
    tear_down(state);
    set_up(state);
    come_to_create();
    until_state(SRV_CREATE);
    tear_down(state);
    set_up(state);
    come_to_create();
    until_state(SRV_CREATE);
    int a = add_stream(), b = add_stream();
    session_free(session);
    session = NULL;
    assert_true(is_closed(peer));
    close(a);
    close(b);
}

static void test_session_without_memory_is_none(void **state)
{
    struct machine_config machine;
    struct session_config config = {.loop = loop, .machine = &machine};

    (void)state;
    machine_config_init(&machine, MACHINE_SERVER);
    for (unsigned n = 1;; n++) {
        alloc_fail_at(n);
        struct session *s = session_new(&config);
        bool failed = alloc_failed();
        alloc_fail_at(0);
        session_free(s);
        if (!failed)
            break;
        assert_null(s);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_session_tells_its_steps_in_order),
        T(test_session_tells_the_end_from_the_loop),
        T(test_session_packs_results_without_streams),
        T(test_session_keeps_bytes_until_it_is_prepared),
        T(test_session_may_be_freed_at_any_time),
        T(test_session_without_memory_is_none),
    };

    alarm(60); /* some wait for what may never come */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
