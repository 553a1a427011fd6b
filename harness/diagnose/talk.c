#include "harness/diagnose/talk.h"

#include "impl/wire/datagram.h"
#include "impl/wire/state.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define JSON_MAX     (1u << 20)
#define REOPEN_TRIES 20 /* a listener that is being opened anew */
#define REOPEN_MS    50
#define END_MS       300 /* for the server's end of a session */
#define UDP_TRIES    3   /* a datagram may be lost; three are not */

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Wait for the descriptor until the deadline; false when it has passed. */
static bool await(int fd, short events, uint64_t deadline)
{
    for (;;) {
        uint64_t now = now_ms();
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, now < deadline ? (int)(deadline - now) : 0);
        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

static enum talk_result result_of(int error)
{
    if (error == 0)
        return TALK_OK;
    if (error == ETIMEDOUT || error == EINPROGRESS)
        return TALK_SILENT;
    return error == ECONNREFUSED || error == ECONNRESET ? TALK_REFUSED : TALK_UNREACHABLE;
}

/* A connected socket, or -1 and errno. */
static int dial(const struct talk_place *place)
{
    int on = 1, error = 0,
        fd = socket(place->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof error;

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&place->at, place->len) < 0 && errno != EINPROGRESS)
        error = errno;
    else if (!await(fd, POLLOUT, now_ms() + place->timeout_ms))
        error = ETIMEDOUT;
    else
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

enum talk_result talk_connect(struct talk *t, const struct talk_place *place)
{
    *t = (struct talk){.place = place, .fd = -1, .data = -1};
    for (int i = 0; t->fd < 0 && i < REOPEN_TRIES; i++) {
        uint64_t began = now_ms();
        t->fd = dial(place);
        t->error = t->fd < 0 ? errno : 0;
        t->took_ms = (double)(now_ms() - began);
        if (t->fd >= 0 || result_of(t->error) != TALK_REFUSED)
            break;
        poll(NULL, 0, REOPEN_MS); /* nothing tells when it is there again */
    }
    return result_of(t->error);
}

void talk_close(struct talk *t)
{
    if (t->fd >= 0)
        close(t->fd);
    if (t->data >= 0)
        close(t->data);
    t->fd = t->data = -1;
}

void talk_end(struct talk *t, int8_t state)
{
    char rest[512];

    if (t->data >= 0)
        close(t->data);
    t->data = -1;
    if (t->fd >= 0 && talk_send_state(t, state)) {
        shutdown(t->fd, SHUT_WR);
        talk_read_some(t, rest, sizeof rest, END_MS);
    }
    talk_close(t);
}

static bool send_all(int fd, const void *bytes, size_t len, uint64_t deadline)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t sent = await(fd, POLLOUT, deadline) ? send(fd, at, len, MSG_NOSIGNAL) : -1;
        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool talk_send(struct talk *t, const void *bytes, size_t len)
{
    return send_all(t->fd, bytes, len, now_ms() + t->place->timeout_ms);
}

bool talk_send_state(struct talk *t, int8_t state)
{
    return talk_send(t, &state, 1);
}

/* Length and text apart, as stock clients send them: what stops the one may let the other pass. */
bool talk_send_json(struct talk *t, const char *text)
{
    uint8_t prefix[4];
    size_t len = strlen(text);

    return talk_send(t, prefix, frame_put_json_length(prefix, len)) && talk_send(t, text, len);
}

static enum talk_result read_all(struct talk *t, void *bytes, size_t len, uint64_t deadline)
{
    char *at = bytes;

    while (len > 0) {
        if (!await(t->fd, POLLIN, deadline))
            return TALK_SILENT;
        ssize_t got = recv(t->fd, at, len, 0);
        if (got <= 0)
            return TALK_CLOSED;
        at += got;
        len -= (size_t)got;
    }
    return TALK_OK;
}

enum talk_result talk_await(struct talk *t, int8_t state)
{
    uint8_t pair[8];
    int8_t byte = 0;
    uint64_t deadline = now_ms() + t->place->timeout_ms;
    enum talk_result r = read_all(t, &byte, 1, deadline);

    t->other = byte;
    if (r != TALK_OK)
        return r;
    if (byte == ACCESS_DENIED)
        return TALK_DENIED;
    if (byte == SERVER_ERROR) {
        memset(pair, 0, sizeof pair);
        read_all(t, pair, sizeof pair, deadline); /* some send less of it (ERR-2) */
        frame_error_pair((struct bytes){pair, sizeof pair}, &t->ierr, &t->os_errno);
        return TALK_ERROR;
    }
    return byte == state ? TALK_OK : TALK_OTHER;
}

enum talk_result talk_read_json(struct talk *t, json_value **root)
{
    struct frame_decoder dec;
    struct bytes in = {0}, body;
    enum spec_err e = SPEC_MORE;
    enum talk_result r = TALK_OK;
    uint64_t deadline = now_ms() + t->place->timeout_ms; /* of all of it: a peer may dribble */
    uint8_t byte;

    frame_init(&dec);
    frame_expect(&dec, FRAME_JSON, JSON_MAX);
    while (e == SPEC_MORE && (r = read_all(t, &byte, 1, deadline)) == TALK_OK) {
        in = (struct bytes){&byte, 1};
        e = frame_feed(&dec, &in, &body);
    }
    if (r == TALK_OK && (e != SPEC_OK || json_parse(body, root) != SPEC_OK))
        r = TALK_BROKEN;
    frame_fini(&dec);
    return r;
}

size_t talk_read_some(struct talk *t, char *out, size_t cap, unsigned ms)
{
    uint64_t deadline = now_ms() + ms;
    size_t have = 0;

    while (have < cap && await(t->fd, POLLIN, deadline)) {
        ssize_t got = recv(t->fd, out + have, cap - have, 0);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    return have;
}

enum talk_result talk_greet(struct talk *t)
{
    uint8_t random[COOKIE_LEN - 1];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        memset(random, 0x5a, sizeof random);
    frame_make_cookie(t->cookie, random);
    return talk_send(t, t->cookie, COOKIE_LEN) ? talk_await(t, PARAM_EXCHANGE) : TALK_CLOSED;
}

enum talk_result talk_begin(struct talk *t, const struct talk_place *place)
{
    enum talk_result r = TALK_CLOSED;

    for (int i = 0; i < REOPEN_TRIES && (r == TALK_CLOSED || (r == TALK_DENIED && place->was_ours));
         i++) {
        if (i > 0) {
            talk_close(t);
            poll(NULL, 0, REOPEN_MS);
        }
        r = talk_connect(t, place);
        if (r == TALK_OK)
            r = talk_greet(t);
    }
    return r;
}

bool talk_open_stream(struct talk *t)
{
    t->data = dial(t->place);
    return t->data >= 0 &&
           send_all(t->data, t->cookie, COOKIE_LEN, now_ms() + t->place->timeout_ms);
}

bool talk_open_udp(struct talk *t, int *kind)
{
    uint8_t reply[64];

    t->data = socket(t->place->at.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->data < 0 || connect(t->data, (const struct sockaddr *)&t->place->at, t->place->len) < 0)
        return false;
    for (int i = 0; i < UDP_TRIES; i++) {
        if (send(t->data, datagram_connect_bytes(DATAGRAM_CONNECT), DATAGRAM_CONNECT_LEN, 0) < 0 &&
            errno != ECONNREFUSED)
            continue;
        if (!await(t->data, POLLIN, now_ms() + t->place->timeout_ms / UDP_TRIES))
            continue;
        ssize_t got = recv(t->data, reply, sizeof reply, 0);
        *kind = got > 0 ? (int)datagram_reply_kind((struct bytes){reply, (size_t)got})
                        : DATAGRAM_NOT_REPLY;
        if (*kind != DATAGRAM_NOT_REPLY)
            return true;
    }
    return false;
}
