/* person.c - --listen: a person starts the client, on a phone or a router. */
#include "harness/suite/person.h"

#include "harness/session/clock.h"
#include "impl/wire/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COOKIE_MS 10000 /* from the connect of somebody to the cookie of a client */

/* Whether what comes looks like a cookie, 36 characters and a NUL (CTL-2). Browsers and scanners
 * reach a port on a network, too. */
static bool begins_with_cookie(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    uint64_t end = now_ns() + COOKIE_MS * 1000000ull;
    char cookie[COOKIE_LEN];
    ssize_t got = 0;

    for (uint64_t now = now_ns(); got < COOKIE_LEN && now < end; now = now_ns()) {
        int lowat = COOKIE_LEN; /* with less of it a poll would return at once, again and again */
        setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof lowat);
        poll(&readable, 1, (int)((end - now) / 1000000) + 1);
        ssize_t more = recv(fd, cookie, sizeof cookie, MSG_PEEK | MSG_DONTWAIT);
        if (more == 0 || (more == got && readable.revents & (POLLHUP | POLLERR)) ||
            (more < 0 && errno != EAGAIN && errno != EINTR))
            break;
        if (more > 0 && more < COOKIE_LEN && readable.revents)
            break; /* it ended within */
        got = MAX(more, 0);
    }
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
    return got == COOKIE_LEN && memchr(cookie, '\0', COOKIE_LEN) == cookie + COOKIE_LEN - 1 &&
           strpbrk(cookie, " \r\n") == NULL;
}

int person_await(const struct script *script, const char *host, unsigned port, int tcp)
{
    struct pollfd fd = {.fd = tcp, .events = POLLIN};
    int client = -1;

    fprintf(stderr, "%s: on the client, type\n    iperf3 -c %s -p %u%s%s\n", script->id, host, port,
            script->subject[0] ? " " : "", script->subject);
    while (client < 0) {
        while (poll(&fd, 1, -1) < 0)
            ;
        client = accept4(tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0 && !begins_with_cookie(client)) {
            fprintf(stderr, "%s: somebody else connected, and sent no cookie; still waiting\n",
                    script->id);
            close(client);
            client = -1;
        }
    }
    return client;
}
