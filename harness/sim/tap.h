/* tap.h - lets others listen in on the simulator's sockets.
 *
 * The session's record holds messages as they were meant. A tap is told what passed the sockets, at
 * the time of the call: each connection asked for, each send() and recv(), each end; and, beside
 * the bytes, each message as it is recorded. Nothing is kept here but the counts of each flow. */
#pragma once
#include "harness/session/session.h"

#include <stdbool.h>
#include <sys/socket.h>

struct sim;

/* One pair of sockets. UDP streams are flows as well, each peer address one. */
struct tap_flow {
    struct sim *sim;
    unsigned id; /* 1, 2, ... in the order in which they were opened; 0: never opened */
    bool udp, wide /* datagrams with 64-bit sequence numbers (UDP-2) */;
    char who[24];         /* name of the control connection, "" for the first */
    int64_t stream;       /* id of the stream; 0: control connection, or not known yet */
    enum session_from by; /* who asked for it */
    struct sockaddr_storage ours, theirs;
    uint64_t opened_ns; /* CLOCK_MONOTONIC */
    bool up, reset;
    bool ended[2];    /* by enum session_from: has sent its FIN */
    uint64_t sent[2]; /* by enum session_from: bytes up to now, those of this event left out */
};

enum tap_kind {
    TAP_OPEN,    /* from asks for a connection; of UDP, its first datagram is next */
    TAP_UP,      /* the connection that from asked for is accepted (TCP) */
    TAP_BYTES,   /* one send(), recv() or datagram: bytes */
    TAP_END,     /* FIN */
    TAP_RESET,   /* RST; before TAP_UP it refuses the connection */
    TAP_MESSAGE, /* message was recorded; ours is sent after this, the subject's was received */
};

/* Everything here is borrowed for the time of the call. */
struct tap_event {
    enum tap_kind kind;
    enum session_from from;
    uint64_t at_ns;              /* CLOCK_MONOTONIC */
    const struct tap_flow *flow; /* NULL for TAP_MESSAGE; it may move, its id stays */
    struct bytes bytes;
    const struct session_message *message;
};

/* Who listens; several are a list. Filled in by the listener, and its own. */
struct sim_tap {
    void *context;
    void (*event)(void *context, const struct tap_event *event);
    const struct sim_tap *next;
};

/* --- for the simulator: each does nothing while nobody listens --- */

/* What the flow is for; before its opening if that is known. */
void tap_name(struct tap_flow *flow, const char *who, int64_t stream, bool wide);
/* A flow on the connected, connecting or accepted socket fd. */
void tap_open(struct sim *s, struct tap_flow *flow, int fd, bool udp, enum session_from by);
/* A flow of one peer of an unconnected UDP socket. near, the test's control connection, tells our
 * address where the socket is bound to any. */
void tap_open_datagrams(struct sim *s, struct tap_flow *flow, int fd, int near,
                        const struct sockaddr_storage *peer);
/* How a connect() came out: an errno, 0 for success. */
void tap_connected(struct tap_flow *flow, int error);
/* What send() or recv() returned: bytes, an end (0, of a recv() alone) or an error. Retryable
 * errors tell nothing. */
void tap_sent(struct tap_flow *flow, const void *bytes, ssize_t n, int error);
void tap_received(struct tap_flow *flow, const void *bytes, ssize_t n, int error);
void tap_shut(struct tap_flow *flow); /* our FIN alone */
/* fd is about to be closed, by RST if reset. The kernel sends one as well where bytes are unread.
 */
void tap_close(struct tap_flow *flow, int fd, bool reset);
void tap_message(struct sim *s, const struct session_message *message);
