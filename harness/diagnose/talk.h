/* talk.h - a short session with a server that may be anything: each step has a time limit, and says
 * what came instead.
 *
 * Blocking, for one session at a time. Messages are those of impl/wire. */
#pragma once
#include "harness/session/text.h"
#include "impl/wire/frame.h"
#include "impl/wire/json.h"

#include <sys/socket.h>

enum talk_result {
    TALK_OK,
    TALK_REFUSED,     /* connect: nobody listens */
    TALK_UNREACHABLE, /* connect: no way there; errno says more */
    TALK_SILENT,      /* nothing came in time */
    TALK_CLOSED,      /* the connection ended, or was reset */
    TALK_ERROR,       /* SERVER_ERROR: ierr and os_errno */
    TALK_DENIED,      /* ACCESS_DENIED */
    TALK_OTHER,       /* another byte, in other; what is behind it can be read */
    TALK_BROKEN,      /* a message that cannot be read */
};

struct talk_place {
    struct sockaddr_storage at;
    socklen_t len;
    unsigned timeout_ms; /* for each step */
    bool was_ours;       /* its last test was one of ours: a denial may be about that one still */
};

struct talk {
    const struct talk_place *place;
    int fd, data; /* control and stream, -1: none */
    uint8_t cookie[COOKIE_LEN];
    int8_t other;
    int32_t ierr, os_errno;
    int error;      /* errno of a failed connect */
    double took_ms; /* the connect */
};

/* A TCP connection, not yet more. TALK_OK, _REFUSED, _UNREACHABLE or _SILENT. talk_close() in any
 * case. A server that opens its listener anew after a test (CONN-5) is given time to. */
enum talk_result talk_connect(struct talk *t, const struct talk_place *place);
void talk_close(struct talk *t);
/* The last state of a session, and its end: IPERF_DONE, or CLIENT_TERMINATE for one that is not to
 * go on. Waits a moment for the server to be free. */
void talk_end(struct talk *t, int8_t state);

bool talk_send(struct talk *t, const void *bytes, size_t len);
bool talk_send_state(struct talk *t, int8_t state);
bool talk_send_json(struct talk *t, const char *text);
/* Await that state; TALK_OK only if it came. */
enum talk_result talk_await(struct talk *t, int8_t state);
/* A JSON text; *root is the caller's to json_free(). */
enum talk_result talk_read_json(struct talk *t, json_value **root);
/* Whatever comes within a time, at most cap bytes; how many there are. */
size_t talk_read_some(struct talk *t, char *out, size_t cap, unsigned ms);

/* Say the cookie and await PARAM_EXCHANGE. */
enum talk_result talk_greet(struct talk *t);
/* Connect and greet. A denial is tried again if was_ours, a connection that ends before the
 * server's first byte in any case: a stock server that is done with a test refuses the next one for
 * a moment (CONN-5). */
enum talk_result talk_begin(struct talk *t, const struct talk_place *place);
/* The stream of a session over TCP, or over UDP with its connect message; a reply's kind (enum
 * datagram_reply) goes to *kind. False: it could not be opened, or no reply came. */
bool talk_open_stream(struct talk *t);
bool talk_open_udp(struct talk *t, int *kind);
