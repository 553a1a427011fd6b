/* What the kernel says of sockets, against sockets of our own. */
#include "harness/sim/sim.h"
#include "harness/sim/sockdiag.h"
#include "impl/tests/unit.h"

#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTENERS_MAX 16

static socklen_t loopback(int family, struct sockaddr_storage *at)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)at;

    *at = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
    if (family == AF_INET6)
        v6->sin6_addr = in6addr_loopback;
    else
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return family == AF_INET6 ? sizeof *v6 : sizeof *v4;
}

/* A socket on a port of the kernel's choice; -1 where there is no such family. */
static int bound(int family, int type, struct sockaddr_storage *at)
{
    socklen_t len = loopback(family, at);
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    if (fd >= 0 && (bind(fd, (struct sockaddr *)at, len) < 0 ||
                    getsockname(fd, (struct sockaddr *)at, &len) < 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool lists(int family, unsigned asked, unsigned port, ino_t inode)
{
    struct sockdiag_listener at[LISTENERS_MAX];
    int n = sockdiag_listeners(family, asked, at, LISTENERS_MAX);
    bool found = false;

    if (n == SOCKDIAG_UNKNOWN)
        skip(); /* a kernel without inet_diag */
    for (int i = 0; i < n; i++)
        found |= at[i].port == port && at[i].inode == inode &&
                 strcmp(at[i].address, family == AF_INET ? "127.0.0.1" : "::1") == 0;
    return found;
}

static void test_sockdiag_lists_who_listens(void **state)
{
    static const int families[] = {AF_INET, AF_INET6};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct sockaddr_storage at;
        struct stat st;
        int fd = bound(families[i], SOCK_STREAM, &at);
        if (fd < 0)
            continue;
        unsigned port = sim_port(&at);
        assert_int_equal(fstat(fd, &st), 0);
        assert_false(lists(families[i], port, port, st.st_ino)); /* it is only bound */
        assert_int_equal(listen(fd, 1), 0);
        assert_true(lists(families[i], port, port, st.st_ino));
        assert_true(lists(families[i], 0, port, st.st_ino));
        assert_false(lists(families[i], port == 1 ? 2 : port - 1, port, st.st_ino));
        assert_false(lists(families[!i], port, port, st.st_ino));
        close(fd);
        assert_false(lists(families[i], port, port, st.st_ino));
    }
}

static void test_sockdiag_lists_no_more_than_there_is_room_for(void **state)
{
    struct sockaddr_storage at;
    struct sockdiag_listener found[1];
    int one = bound(AF_INET, SOCK_STREAM, &at), two = bound(AF_INET, SOCK_STREAM, &at);

    (void)state;
    assert_int_equal(listen(one, 1) + listen(two, 1), 0);
    int n = sockdiag_listeners(AF_INET, 0, found, 1);
    assert_true(n == 1 || n == SOCKDIAG_UNKNOWN);
    close(one);
    close(two);
}

/* theirs is sent five bytes by ours, which it does not read. */
static void expect_queue(bool udp, int ours, int theirs)
{
    struct sockaddr_storage local, remote;
    socklen_t len = sizeof local, remote_len = sizeof remote;
    uint32_t queue = 0;
    char bytes[8];

    assert_int_equal(getsockname(theirs, (struct sockaddr *)&local, &len), 0);
    assert_int_equal(getsockname(ours, (struct sockaddr *)&remote, &remote_len), 0);
    int known = sockdiag_queue(udp, &local, &remote, &queue);
    if (known == SOCKDIAG_UNKNOWN)
        skip();
    assert_int_equal(known, 1);
    assert_int_equal(queue, 0);
    assert_int_equal(send(ours, "hello", 5, 0), 5);
    assert_int_equal(sockdiag_queue(udp, &local, &remote, &queue), 1);
    assert_in_range(queue, 5, UINT32_MAX); /* of UDP the kernel counts its own buffers */
    assert_int_equal(recv(theirs, bytes, sizeof bytes, 0), 5);
    assert_int_equal(sockdiag_queue(udp, &local, &remote, &queue), 1);
    assert_int_equal(queue, 0);
    close(theirs);
    close(ours);
    assert_int_equal(sockdiag_queue(udp, &local, &remote, &queue), 0);
}

static void test_sockdiag_queue_is_what_was_not_read(void **state)
{
    struct sockaddr_storage at, other;
    int listener = bound(AF_INET, SOCK_STREAM, &at), ours = bound(AF_INET, SOCK_STREAM, &other);

    (void)state;
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(ours, (struct sockaddr *)&at, sizeof(struct sockaddr_in)), 0);
    int theirs = accept(listener, NULL, NULL);
    assert_true(theirs >= 0);
    close(listener);
    /* Theirs is the first to close, and rests in TIME_WAIT: reset it. */
    struct linger none = {1, 0};
    assert_int_equal(setsockopt(theirs, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    expect_queue(false, ours, theirs);

    ours = bound(AF_INET, SOCK_DGRAM, &other);
    theirs = bound(AF_INET, SOCK_DGRAM, &at);
    assert_int_equal(connect(ours, (struct sockaddr *)&at, sizeof(struct sockaddr_in)), 0);
    assert_int_equal(connect(theirs, (struct sockaddr *)&other, sizeof(struct sockaddr_in)), 0);
    expect_queue(true, ours, theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sockdiag_lists_who_listens),
        cmocka_unit_test(test_sockdiag_lists_no_more_than_there_is_room_for),
        cmocka_unit_test(test_sockdiag_queue_is_what_was_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
