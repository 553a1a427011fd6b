#include "impl/net/dial.h"

#include "impl/tests/alloc.h"
#include "impl/tests/iofail.h"
#include "impl/tests/loopback.h"
#include "impl/wire/ierr.h"

static struct loop *loop;
static int listener;
static uint16_t port;

static struct result {
    bool done;
    int fd, ierr, os_errno;
} result;

static void done(void *context, int fd, int ierr, int os_errno)
{
    struct result *r = context;

    assert_false(r->done);
    *r = (struct result){true, fd, ierr, os_errno};
}

static int set_up(void **state)
{
    struct sock_name name;

    (void)state;
    memset(&result, 0, sizeof result);
    result.fd = -1;
    loop = loop_new();
    if (sock_listen(&(struct sock_at){0}, false, &listener) != 0 || !sock_local(listener, &name))
        return 1;
    port = name.port;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    io_fail_at(0, IO_FAIL, 0);
    if (result.fd >= 0)
        close(result.fd);
    close(listener);
    loop_free(loop);
    return 0;
}

static struct dial_to to_host(const char *host)
{
    return (struct dial_to){
        .host = host, .port = port, .failure = IECONNECT, .done = done, .context = &result};
}

static void dial(const struct dial_to *to)
{
    assert_non_null(dial_new(loop, to));
    assert_false(result.done); /* never from inside */
    turn_until(loop, &result.done);
}

static void test_dial_connects(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1", "localhost"};
    struct sock_name name;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct dial_to to = to_host(hosts[i]);
        if (result.fd >= 0)
            close(result.fd);
        result.done = false;
        dial(&to);
        assert_int_equal(result.ierr, 0);
        assert_true(sock_peer(result.fd, &name));
        assert_int_equal(name.port, port);
    }
}

static void test_dial_udp_connects_too(void **state)
{
    struct dial_to to = to_host("127.0.0.1");
    struct sock_name name;

    (void)state;
    to.kind = SOCK_KIND_UDP;
    dial(&to);
    assert_int_equal(result.ierr, 0);
    assert_true(sock_peer(result.fd, &name));
}

static void test_dial_tells_why_a_connect_failed_at_once(void **state)
{
    struct dial_to to = to_host("127.0.0.1");

    (void)state;
    io_fail_at(2, IO_FAIL, ECONNREFUSED); /* the first is the wait */
    dial(&to);
    assert_true(io_failed());
    assert_int_equal(result.ierr, IECONNECT);
    assert_int_equal(result.os_errno, ECONNREFUSED);
}

static const struct row {
    const char *name, *host;
    struct sock_at from;
    int ierr, os_errno;
} rows[] = {
    {"no such name",              "no such name", {0},                     IECONNECT, 0            },
    {"no address of that family", "127.0.0.1",    {.family = AF_INET6},    IECONNECT, 0            },
    {"no such near end",          "127.0.0.1",    {.host = "192.0.2.1"},   IECONNECT, EADDRNOTAVAIL},
    {"no such device",            "127.0.0.1",    {.device = "nosuchdev"}, IEBINDDEV, ENODEV       },
};

static void test_dial_gives_the_numbers_of_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dial_to to = to_host(rows[i].host);
        to.from = rows[i].from;
        result.done = false;
        dial(&to);
        if (result.ierr != rows[i].ierr ||
            (rows[i].os_errno && result.os_errno != rows[i].os_errno))
            fail_msg("%s: %d, %s", rows[i].name, result.ierr, strerror(result.os_errno));
        assert_int_equal(result.fd, -1);
    }
}

static void test_dial_refused_says_so(void **state)
{
    struct dial_to to = to_host("127.0.0.1");
    struct sock_name name;
    int bound = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in any = {.sin_family = AF_INET};

    (void)state;
    assert_int_equal(bind(bound, (struct sockaddr *)&any, sizeof any), 0); /* and does not listen */
    assert_true(sock_local(bound, &name));
    to.port = name.port;
    to.failure = IESTREAMCONNECT;
    dial(&to);
    assert_int_equal(result.ierr, IESTREAMCONNECT);
    assert_int_equal(result.os_errno, ECONNREFUSED);
    close(bound);
}

static int refuse(void *context, int fd)
{
    (*(int *)context)++;
    assert_true(fd >= 0);
    errno = EPERM;
    return IESETMSS;
}

static int n_refused;
static struct result of_refused;

static void refused(void *context, int fd, int ierr, int os_errno)
{
    assert_ptr_equal(context, &n_refused);
    done(&of_refused, fd, ierr, os_errno);
}

static void test_dial_ends_when_an_option_cannot_be_set(void **state)
{
    struct dial_to to = to_host("127.0.0.1,::1");

    (void)state;
    to.prepare = refuse;
    to.done = refused;
    to.context = &n_refused;
    assert_non_null(dial_new(loop, &to));
    turn_until(loop, &of_refused.done);
    assert_int_equal(of_refused.ierr, IESETMSS);
    assert_int_equal(of_refused.os_errno, EPERM);
    assert_int_equal(n_refused, 1); /* the next address would do no better */
}

static void test_dial_with_a_flow_label_needs_ipv6(void **state)
{
    struct dial_to to = to_host("127.0.0.1");

    (void)state;
    to.flowlabel = 77;
    dial(&to);
    assert_int_equal(result.ierr, IESETFLOW);
    result.done = false;
    to.host = "::1";
    dial(&to);
    assert_int_equal(result.ierr, 0);
}

/* A listener whose queue is full does not answer. */
static int full_listener(int *first, uint16_t *its_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *first = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(*first, (struct sockaddr *)&at, sizeof at), 0);
    *its_port = ntohs(at.sin_port);
    return fd;
}

static void test_dial_gives_up_at_its_time_limit_and_not_before(void **state)
{
    struct dial_to to = to_host("127.0.0.1");
    int first, fd = full_listener(&first, &to.port);

    (void)state;
    to.timeout_ns = 100000000000;
    assert_non_null(dial_new(loop, &to));
    turns(loop, 5);
    assert_false(result.done);
    io_skip_ns(100000000000);
    turn_until(loop, &result.done);
    assert_int_equal(result.ierr, IECONNECT);
    assert_int_equal(result.os_errno, ETIMEDOUT);

    to.port = port; /* one that comes to a good end has no limit any more */
    result.done = false;
    dial(&to);
    assert_int_equal(result.ierr, 0);
    io_skip_ns(100000000000);
    turns(loop, 3);
    close(first);
    close(fd);
}

static void test_dial_cancel_is_silent(void **state)
{
    struct dial_to to = to_host("127.0.0.1");
    int first, fd = full_listener(&first, &to.port);
    struct dial *d = dial_new(loop, &to);

    (void)state;
    dial_cancel(d); /* before it began */
    d = dial_new(loop, &to);
    turns(loop, 3);
    dial_cancel(d); /* while it waits */
    turns(loop, 3);
    assert_false(result.done);
    dial_cancel(NULL);
    close(first);
    close(fd);
}

static void test_dial_tries_the_next_address_when_one_fails(void **state)
{
    struct dial_to to = to_host("::1,127.0.0.1");
    struct sock_name name;
    int only_v4;

    (void)state;
    assert_int_equal(sock_listen(&(struct sock_at){.family = AF_INET}, false, &only_v4), 0);
    assert_true(sock_local(only_v4, &name));
    to.port = name.port;
    dial(&to);
    assert_int_equal(result.ierr, 0);
    assert_true(sock_peer(result.fd, &name));
    assert_string_equal(name.host, "127.0.0.1");
    close(only_v4);
}

static void test_dial_without_memory_says_so(void **state)
{
    struct dial_to to = to_host("127.0.0.1");

    (void)state;
    alloc_fail_at(1);
    assert_null(dial_new(loop, &to));
    alloc_fail_at(2); /* the list of addresses */
    assert_non_null(dial_new(loop, &to));
    turn_until(loop, &result.done);
    alloc_fail_at(0);
    assert_int_equal(result.ierr, IECONNECT);
    assert_int_equal(result.os_errno, ENOMEM);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_dial_connects),
        T(test_dial_udp_connects_too),
        T(test_dial_tells_why_a_connect_failed_at_once),
        T(test_dial_gives_the_numbers_of_failures),
        T(test_dial_refused_says_so),
        T(test_dial_ends_when_an_option_cannot_be_set),
        T(test_dial_with_a_flow_label_needs_ipv6),
        T(test_dial_gives_up_at_its_time_limit_and_not_before),
        T(test_dial_cancel_is_silent),
        T(test_dial_tries_the_next_address_when_one_fails),
        T(test_dial_without_memory_says_so),
    };

    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
