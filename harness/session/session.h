/* session.h - a session as a typed list of messages, in the order in which one end saw them.
 *
 * The one form that the simulator's record, scripts made from captures, the mutator and the
 * minimiser share. Messages are owned copies; stream data is kept as a length only. */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>

/* X(name, word) */
#define SESSION_KINDS(X)                                                                           \
    X(SESSION_OPEN, "open")          /* a control connection was made */                           \
    X(SESSION_COOKIE, "cookie")      /* body: 37 bytes, or fewer */                                \
    X(SESSION_STATE, "state")        /* state */                                                   \
    X(SESSION_ERROR, "server-error") /* fe with n_ints integers */                                 \
    X(SESSION_JSON, "json")          /* announced, body */                                         \
    X(SESSION_BYTES, "hex")          /* body: bytes that are part of no message */                 \
    X(SESSION_STREAM, "stream")      /* stream id was opened */                                    \
    X(SESSION_DATA, "data")          /* len bytes on a stream */                                   \
    X(SESSION_DATAGRAM, "datagram")  /* one datagram of len bytes on a stream */                   \
    X(SESSION_END, "end")            /* FIN */                                                     \
    X(SESSION_RESET, "reset")                                                                      \
    X(SESSION_PAUSE, "pause") /* len ns without a byte */                                          \
    X(SESSION_NOTE, "note")   /* body: words for people; nothing on the wire */

enum session_kind {
#define X(name, word) name,
    SESSION_KINDS(X)
#undef X
};

enum session_from { SESSION_US, SESSION_SUBJECT };

struct session_message {
    enum session_kind kind;
    enum session_from from;
    uint64_t at_ns; /* since the start of the session */
    char who[24];   /* name of the control connection, "" for the first */
    int64_t stream; /* id, 0 for the control connection */
    int8_t state;
    int n_ints;
    int32_t ierr, os_errno;
    uint32_t announced; /* length prefix of SESSION_JSON */
    uint64_t len;
    struct bytes body; /* session_add() copies it */
};

struct session {
    struct session_message *messages;
    size_t n, cap;
};

void session_add(struct session *s, const struct session_message *message);
void session_fini(struct session *s);

/* The bytes of a control message as they go over the wire; nothing for other kinds. */
void session_encode(const struct session_message *message, struct text *out);

/* One message for people: "> 04 TEST_END", "< fe 00 00 00 72 ... SERVER_ERROR 114 IERECVPARAMS". */
void session_describe(const struct session_message *message, struct text *out);

/* The list as a timeline: "0.001 < 09 PARAM_EXCHANGE", a line each, `indent` in front. At most
 * `max` lines from the end; what is left out is said. Adjacent data of one stream is added up. */
void session_timeline(const struct session *s, const char *indent, size_t max, struct text *out);
