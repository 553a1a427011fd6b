/* session.h - a session as a typed list of messages, in the order in which one end saw them.
 *
 * The one form that the simulator's record, scripts made from captures, the mutator and the
 * minimiser share. Messages are owned copies. session_write() (write.h) makes a .peer script of a
 * session, script_session() (harness/script/raw.h) reads it back. */
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
    X(SESSION_STREAM, "stream")      /* stream id was opened; with says_own, greeted by body */    \
    X(SESSION_DATA, "data")          /* len bytes on a stream; body: which, or empty */            \
    X(SESSION_DATAGRAM, "datagram")  /* one of len bytes on a stream: header, or body */           \
    X(SESSION_END, "end")            /* FIN */                                                     \
    X(SESSION_CLOSE, "close")        /* both halves: FIN, and nothing is read any more */          \
    X(SESSION_RESET, "reset")                                                                      \
    X(SESSION_HOLD, "hold")     /* we do not close when the subject does */                        \
    X(SESSION_STALL, "stall")   /* nothing is read */                                              \
    X(SESSION_RESUME, "resume") /* ... again */                                                    \
    X(SESSION_PAUSE, "pause")   /* len ns without a byte */                                        \
    X(SESSION_ALIVE, "alive")   /* the subject serves the next client */                           \
    X(SESSION_NOTE, "note")     /* body: words for people; nothing on the wire */

enum session_kind {
#define X(name, word) name,
    SESSION_KINDS(X)
#undef X
};

const char *session_kind_word(enum session_kind kind);

/* Name of the connections that only ask whether a server serves on (`expect alive`). */
#define SESSION_PROBE "alive"

enum session_from { SESSION_US, SESSION_SUBJECT };

/* What SESSION_OPEN opens: a control connection, or a third party's that says nothing by itself. */
enum session_transport { SESSION_CONTROL, SESSION_BARE_TCP, SESSION_BARE_UDP };

/* The header of a datagram (UDP-1). Without times they are those of the moment it is sent. */
struct session_header {
    uint64_t seq;
    bool has_times;
    uint32_t sec, usec;
};

/* Where the writes of one message end; it has n of them besides its own end. */
struct session_cuts {
    int64_t *at; /* offsets in the message's bytes, prefix included: growing, from 1 */
    size_t n;
    int64_t delay_ms; /* between two of these writes */
};
#define SESSION_CUTS_MAX 65536 /* of one message */

struct session_message {
    enum session_kind kind;
    enum session_from from;
    uint64_t at_ns; /* since the start of the session */
    char who[24];   /* name of the control connection, "" for the first */
    int64_t stream; /* id, 0 for the control connection */
    enum session_transport transport;
    int8_t state;
    int n_ints;
    int32_t ierr, os_errno;
    uint32_t announced; /* length prefix of SESSION_JSON */
    uint64_t len;       /* DATAGRAM: 0 is what the parameters say */
    struct session_header header;
    bool says_own;     /* STREAM: body is sent in place of the cookie or the connect datagram */
    struct bytes body; /* session_add() copies it */
    /* Of what we send on a control connection: */
    struct session_cuts cuts; /* session_add() copies them */
    bool joined;              /* leaves in one write with our next message on that connection */
};

struct session {
    struct session_message *messages;
    size_t n, cap;
    bool we_serve; /* we are the server, a client is the subject */
};

/* Append a copy of the message. */
void session_add(struct session *s, const struct session_message *message);
void session_fini(struct session *s);

/* Whether it belongs to such a question, and not to the case. */
bool session_is_probe(const struct session_message *message);

/* Put a copy of the message before the at-th (at <= n); take the at-th out. */
void session_insert(struct session *s, size_t at, const struct session_message *message);
void session_remove(struct session *s, size_t at);
/* A deep copy into *to, which is overwritten. */
void session_copy(const struct session *from, struct session *to);
/* Bytes of all bodies. */
size_t session_size(const struct session *s);

/* Whether the other side can tell: bytes or an end, and no setting of our own, pause or remark. */
bool session_is_said(const struct session_message *message);

/* The bytes of a control message as they go over the wire; nothing for other kinds. */
void session_encode(const struct session_message *message, struct text *out);

/* One message for people: "> 04 TEST_END", "< fe 00 00 00 72 ... SERVER_ERROR 114 IERECVPARAMS". */
void session_describe(const struct session_message *message, struct text *out);

/* The list as a timeline: "0.001 < 09 PARAM_EXCHANGE", a line each, `indent` in front. At most
 * `max` lines from the end; what is left out is said. Adjacent data of one stream is added up. */
void session_timeline(const struct session *s, const char *indent, size_t max, struct text *out);

/* The same for programs, as one JSON array of at most `max` rows from the end: seconds, "us" or
 * "subject", the word of the kind, the message as session_describe() has it; and, if max_body is
 * not 0, so many bytes of a JSON message's text. */
void session_rows(const struct session *s, size_t max, size_t max_body, struct text *out);
