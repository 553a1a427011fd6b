#include "impl/net/accept.h"

#include "impl/tests/alloc.h"
#include "impl/tests/iofail.h"
#include "impl/tests/loopback.h"

#include <sys/resource.h>

static struct loop *loop;
static struct accept_door *door;
static int listener;
static unsigned n_accepted, free_after;
static int starved_by;

static void accepted(void *context, int fd, const struct sock_name *peer)
{
    assert_ptr_equal(context, &n_accepted);
    assert_string_equal(peer->host, "127.0.0.1");
    close(fd);
    if (++n_accepted == free_after) {
        accept_free(door);
        door = NULL;
    }
}

static void starved(void *context, int os_errno)
{
    assert_ptr_equal(context, &n_accepted);
    starved_by = os_errno;
}

static const struct accept_ops ops = {accepted, starved};

static int set_up(void **state)
{
    (void)state;
    n_accepted = free_after = 0;
    starved_by = 0;
    loop = loop_new();
    if (sock_listen(&(struct sock_at){0}, false, &listener) != 0)
        return 1;
    door = accept_new(loop, listener, &ops, &n_accepted);
    return door == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    io_fail_at(0, IO_FAIL, 0);
    accept_free(door);
    close(listener);
    loop_free(loop);
    return 0;
}

static void reach(int n)
{
    struct sock_name name;

    assert_true(sock_local(listener, &name));
    for (int i = 0; i < n; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(name.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        close(fd);
    }
}

static void until_accepted(unsigned n)
{
    while (n_accepted < n)
        turn(loop);
}

static void test_accept_takes_all_that_wait(void **state)
{
    (void)state;
    reach(150);
    until_accepted(150);
    turns(loop, 3);
    assert_int_equal(n_accepted, 150);
}

static void test_accept_may_be_freed_from_inside(void **state)
{
    (void)state;
    free_after = 2;
    reach(5);
    until_accepted(2);
    turns(loop, 3);
    assert_int_equal(n_accepted, 2);
}

static void test_accept_pauses_without_descriptors_and_goes_on(void **state)
{
    (void)state;
    reach(1);
    io_fail_at(2, IO_FAIL, EMFILE); /* the first is the wait */
    while (!io_failed())
        turn(loop);
    turns(loop, 3);
    assert_int_equal(n_accepted, 0); /* nor does it spin: the listener is not watched */
    io_skip_ns(1000000000);
    until_accepted(1);
}

static void test_accept_without_descriptors_for_a_second_says_so(void **state)
{
    struct rlimit had, none;

    (void)state;
    reach(1);
    int lowest = dup(listener);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    none = (struct rlimit){(rlim_t)lowest, had.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    uint64_t began_ns = loop_now();
    while (starved_by == 0) {
        turn(loop);
        io_skip_ns(10000000);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
    assert_int_equal(starved_by, EMFILE);
    assert_true(loop_now() - began_ns >= 950000000); /* it has been tried 20 times */
    until_accepted(1);
}

static void test_accept_without_memory_says_so(void **state)
{
    (void)state;
    alloc_fail_at(1);
    assert_null(accept_new(loop, listener, &ops, NULL));
    alloc_fail_at(0);
    assert_null(accept_new(loop, -1, &ops, NULL));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_accept_takes_all_that_wait),
        T(test_accept_may_be_freed_from_inside),
        T(test_accept_pauses_without_descriptors_and_goes_on),
        T(test_accept_without_descriptors_for_a_second_says_so),
        T(test_accept_without_memory_says_so),
    };

    alarm(60); /* some wait for what may never come */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
