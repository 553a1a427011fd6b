/* The door of SCTP streams. Where the kernel has no SCTP, that it says so (SCTP-5). */
#include "impl/net/sctpdoor.h"
#include "impl/tests/loopback.h"
#include "impl/wire/ierr.h"

struct caller {
    bool came;
    int fd;
    struct sock_name peer;
};

static void on_accepted(void *context, int fd, const struct sock_name *peer)
{
    struct caller *caller = context;

    *caller = (struct caller){.came = true, .fd = fd, .peer = *peer};
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);

    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The streams' port has the number of the control connection's listener, which stays open. */
static int listen_tcp(uint16_t *port)
{
    struct sock_name name;
    int fd;

    assert_int_equal(sock_listen(&(struct sock_at){0}, false, &fd), 0);
    assert_true(sock_local(fd, &name));
    *port = name.port;
    return fd;
}

static void test_sctpdoor_lets_in_beside_the_tcp_listener(void **state)
{
    struct loop *loop = loop_new();
    struct caller caller = {.fd = -1};
    struct sctpdoor *door = NULL;
    struct sock_at at = {0};
    int listener = listen_tcp(&at.port);
    int ierr = sctpdoor_open(loop, &at, NULL, on_accepted, &caller, &door);

    (void)state;
    if (!sock_has_sctp()) {
        assert_int_equal(ierr, IESTREAMLISTEN);
        assert_int_equal(errno, EPROTONOSUPPORT);
        assert_null(door);
    } else {
        assert_int_equal(ierr, 0);
        int fd = connect_to(at.port);
        assert_true(fd >= 0);
        turn_until(loop, &caller.came);
        assert_true(sock_is_sctp(caller.fd));
        assert_string_equal(caller.peer.host, "127.0.0.1");
        sctpdoor_close(door);
        assert_int_equal(connect_to(at.port), -1); /* SCTP-4 */
        close(caller.fd);
        close(fd);
    }
    close(listener);
    loop_free(loop);
}

static void test_sctpdoor_close_takes_none(void **state)
{
    (void)state;
    sctpdoor_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sctpdoor_lets_in_beside_the_tcp_listener),
        cmocka_unit_test(test_sctpdoor_close_takes_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
