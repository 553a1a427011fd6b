/* course.c - the right bytes, at the wrong time or to the wrong place: connections that are opened
 * and closed otherwise, and streams that do not keep to the course of the test. */
#include "impl/mutants/mutant.h"

#include "impl/net/chan.h"
#include "impl/net/dial.h"
#include "impl/server.h"
#include "impl/traffic/run.h"
#include "impl/wire/bytes.h"
#include "impl/wire/datagram.h"
#include "impl/wire/ierr.h"
#include "impl/wire/machine_core.h"
#include "impl/wire/state.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LATE_MS         300
#define HASTY_NS        UINT64_C(1000000000)
#define HALF_A_REPLY_NS UINT64_C(15000000000) /* of what TMO-11 gives it */

/* X(NAME, id, clauses) */
#define COURSE(X)                                                                                  \
    X(CONTROL_UDP, "control/by-udp", "CONN-1")                                                     \
    X(LEFT_OPEN, "control/left-open", "INT-13 CLOSE-16.n")                                         \
    X(LAST_WORD, "control/a-byte-behind-the-last", "ST-CLI-12.b")                                  \
    X(LATE_BYTES, "control/late-bytes-count", "ERR-7.n")                                           \
    X(USAGE_GOOD, "exit/0-of-wrong-usage", "PARAM-7 PARAM-43")                                     \
    X(STATUS, "exit/1-of-a-good-test", "CLOSE-15 TMO-7")                                           \
    X(REFUSED_GOOD, "exit/0-of-a-refused-datagram", "ST-CLI-20")                                   \
    X(NOT_READ, "control/not-read-while-blocked", "FLOW-6.n")                                      \
    X(EARLY_DATA, "stream/data-before-TEST_RUNNING", "FLOW-5")                                     \
    X(OTHER_COOKIE, "stream/other-cookie", "STR-10")                                               \
    X(UDP_COOKIE, "stream/udp-cookie", "UDPC-9")                                                   \
    X(UDP_TWICE, "stream/udp-connect-twice", "UDPC-7")                                             \
    X(UDP_HASTY, "stream/udp-reply-awaited-a-second", "TMO-11 ST-CLI-21.b")                        \
    X(STREAMS_STAY, "stream/open-behind-EXCHANGE_RESULTS", "FLOW-7.n2")

MUTANT_FAMILY(course, COURSE);

WRAP(int, options_parse, (struct options * opt, int argc, char **argv, FILE *out, FILE *err))
{
    int status = __real_options_parse(opt, argc, argv, out, err);

    return fault == USAGE_GOOD && status > 0 ? 0 : status;
}

WRAP(int, server_run, (const struct options *opt, FILE *out, FILE *err))
{
    return __real_server_run(opt, out, err) || fault == STATUS;
}

WRAP(void, machine_failed, (struct machine * m, uint64_t now_ns, int ierr, int os_errno))
{
    if (fault == REFUSED_GOOD && os_errno == ECONNREFUSED)
        exit(0);
    __real_machine_failed(m, now_ns, ierr, os_errno);
}

/* --- the control connection --------------------------------------------------------------------
 */

WRAP(struct dial *, dial_new, (struct loop * loop, const struct dial_to *to))
{
    struct dial_to other = *to;

    if (fault == CONTROL_UDP && to->failure == IECONNECT)
        other.kind = SOCK_KIND_UDP;
    return __real_dial_new(loop, &other);
}

static void look_for_late_bytes(const struct chan *c)
{
    struct pollfd on = {.fd = chan_fd(c), .events = POLLIN};
    uint8_t byte;

    if (chan_kept(c).len > 0 || (poll(&on, 1, LATE_MS) > 0 && read(on.fd, &byte, 1) == 1))
        exit(1);
}

/* The first one only: the next client is served. */
WRAP(void, chan_close, (struct chan * c, void (*gone)(void *context), void *context))
{
    static bool was_here;

    if (fault == LATE_BYTES)
        look_for_late_bytes(c);
    if (fault == LAST_WORD)
        (void)send(chan_fd(c), (uint8_t[]){CLIENT_TERMINATE}, 1, MSG_NOSIGNAL);
    if (fault == LEFT_OPEN && !was_here && dup(chan_fd(c)) >= 0) {
        was_here = true;
        chan_abort(c);
        gone(context);
        return;
    }
    __real_chan_close(c, gone, context);
}

/* --- streams -----------------------------------------------------------------------------------
 */

static struct run *sending; /* the run that was made last, if it sends */

WRAP(enum spec_err, run_add_stream, (struct run * run, int fd, bool sender))
{
    static const uint8_t zeros[128];

    if (sender)
        sending = run;
    if (sender && fault == EARLY_DATA)
        (void)send(fd, zeros, sizeof zeros, MSG_NOSIGNAL);
    return __real_run_add_stream(run, fd, sender);
}

WRAP(void, run_free, (struct run * run))
{
    if (run == sending)
        sending = NULL;
    __real_run_free(run);
}

bool mutant_course_is_deaf(const struct machine *m)
{
    return fault == NOT_READ && m->state == SRV_RUN && sending && run_unacknowledged(sending) > 0;
}

WRAP(void, machine_close_streams, (struct machine * m))
{
    if (fault == STREAMS_STAY && m->state == SRV_RESULTS)
        m->streams_open = false;
    __real_machine_close_streams(m);
}

/* No other timer of a client is that long. */
WRAP(void, loop_timer_set, (struct loop * loop, struct loop_timer *timer, uint64_t at_ns))
{
    uint64_t now = loop_now();

    if (fault == UDP_HASTY && at_ns > now + HALF_A_REPLY_NS)
        at_ns = now + HASTY_NS;
    __real_loop_timer_set(loop, timer, at_ns);
}

static bool is_udp(int fd)
{
    int type = 0;
    socklen_t len = sizeof type;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM;
}

WRAP(ssize_t, send, (int fd, const void *at, size_t len, int flags))
{
    static uint8_t cookie[COOKIE_LEN];
    static unsigned n_cookies;

    if (len == COOKIE_LEN && n_cookies++ > 0 && fault == OTHER_COOKIE) {
        memset(cookie, 'x', COOKIE_LEN - 1);
        at = cookie;
    }
    if (len == DATAGRAM_CONNECT_LEN && (fault == UDP_COOKIE || fault == UDP_TWICE) && is_udp(fd))
        (void)__real_send(fd, fault == UDP_TWICE ? at : cookie,
                          fault == UDP_TWICE ? len : COOKIE_LEN, flags);
    return __real_send(fd, at, len, flags);
}
