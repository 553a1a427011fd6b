/* loopback.h - for tests with a loop and with sockets on the loopback interface. */
#pragma once
#include "impl/net/loop.h"
#include "impl/tests/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct loopback_stop {
    struct loop_timer timer;
    struct loop *loop;
};

static inline void loopback_stop(struct loop_timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    loop_stop(((struct loopback_stop *)timer)->loop);
}

/* One turn of the loop, without waiting. */
static inline void turn(struct loop *loop)
{
    struct loopback_stop stop = {.timer = {.fire = loopback_stop}, .loop = loop};

    loop_timer_set(loop, &stop.timer, 0);
    assert_int_equal(loop_run(loop), SPEC_OK);
}

/* Turns until *flag; a test that waits for 20 s has failed. */
static inline void turn_until(struct loop *loop, const bool *flag)
{
    time_t start = time(NULL);

    while (!*flag) {
        turn(loop);
        sched_yield();
        if (time(NULL) - start > 20)
            fail_msg("what was waited for did not come");
    }
}

static inline void turns(struct loop *loop, int n)
{
    while (n-- > 0)
        turn(loop);
}

/* Two ends of a TCP connection. */
static inline void tcp_pair(int fd[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd[0], (struct sockaddr *)&at, sizeof at), 0);
    fd[1] = accept(listener, NULL, NULL);
    assert_true(fd[1] >= 0);
    close(listener);
}

/* The peer's own reading and writing, which no test makes fail (iofail.h). */
static inline ssize_t peer_read(int fd, void *buf, size_t len)
{
    return readv(fd, &(struct iovec){buf, len}, 1);
}

static inline void peer_write(int fd, struct bytes bytes)
{
    struct iovec piece = {(void *)(uintptr_t)bytes.at, bytes.len};

    struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};

    assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), (ssize_t)bytes.len);
}

static inline void peer_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}
