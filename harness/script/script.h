/* script.h - the .peer language: text in, a tree of steps out, and back.
 *
 * A file is a header (one word and its value a line), a blank line, and steps, one a line.
 * `foreach` makes several scripts of one file: {NAME} is replaced in the text before anything else
 * is read. No sockets here: the simulator plays the tree. */
#pragma once
#include "harness/script/cursor.h"
#include "harness/script/query.h"

#include <stdbool.h>

/* X(name, word)  What a step does. */
#define SCRIPT_VERBS(X)                                                                            \
    X(SCRIPT_OPEN, "open")       /* make the control connection, nothing else */                   \
    X(SCRIPT_ADVANCE, "advance") /* play correctly until the state was received or sent */         \
    X(SCRIPT_FINISH, "finish")   /* play correctly to the end */                                   \
    X(SCRIPT_SEND, "send")                                                                         \
    X(SCRIPT_WIRE, "wire")     /* what the peer only says */                                       \
    X(SCRIPT_PARAMS, "params") /* what the peer means */                                           \
    X(SCRIPT_EXPECT, "expect")                                                                     \
    X(SCRIPT_EITHER, "either")                                                                     \
    X(SCRIPT_IGNORE, "ignore")         /* what may come at any time from now on */                 \
    X(SCRIPT_HOLD, "hold")             /* do not close when the peer closes */                     \
    X(SCRIPT_SPLIT, "split")           /* at most N bytes in one write from now on */              \
    X(SCRIPT_CLOSE, "close")           /* FIN, both halves */                                      \
    X(SCRIPT_HALF_CLOSE, "half-close") /* FIN, and go on reading */                                \
    X(SCRIPT_RESET, "reset")                                                                       \
    X(SCRIPT_SUBJECT, "subject") /* subject signal NAME */

enum script_verb {
#define X(name, word) name,
    SCRIPT_VERBS(X)
#undef X
        SCRIPT_N_VERBS
};
const char *script_verb_word(enum script_verb verb);

enum script_send_kind {
    SCRIPT_SEND_STATE, /* bytes: one */
    SCRIPT_SEND_BYTES, /* bytes: as they stand (`byte`, `hex`, `text`) */
    SCRIPT_SEND_COOKIE,
    SCRIPT_SEND_PARAMS,
    SCRIPT_SEND_RESULTS,
    SCRIPT_SEND_ERROR,
    SCRIPT_SEND_DATA,      /* count bytes on a stream */
    SCRIPT_SEND_DATAGRAMS, /* numbers, in this order, on a stream */
};

struct script_send {
    enum script_send_kind kind;
    struct bytes bytes;
    int n_ints;
    int32_t ierr, os_errno;
    int64_t count; /* SCRIPT_SEND_DATA */
    int64_t first; /* send only so many bytes of the message; -1: all */
    size_t n_seqs; /* SCRIPT_SEND_DATAGRAMS */
    int64_t *seqs;
};

enum script_wire_kind {
    SCRIPT_WIRE_SET, /* value: a JSON text */
    SCRIPT_WIRE_ABSENT,
    SCRIPT_WIRE_WRONG_TYPE,
    SCRIPT_WIRE_LENGTH, /* number: the length prefix */
    SCRIPT_WIRE_RAW,    /* raw: the whole text of the message */
};

enum script_message { SCRIPT_MSG_PARAMS, SCRIPT_MSG_RESULTS, SCRIPT_MSG_COOKIE };

struct script_wire {
    enum script_wire_kind kind;
    enum script_message message;
    const char *path; /* "len", "streams[0].bytes" */
    const char *value;
    int64_t number;
    struct bytes raw;
};

enum script_event_kind {
    SCRIPT_EV_STATE,
    SCRIPT_EV_END,   /* FIN or reset */
    SCRIPT_EV_CLOSE, /* FIN */
    SCRIPT_EV_RESET,
    SCRIPT_EV_DENIED, /* ff and end, or a bare reset */
    SCRIPT_EV_ERROR,
    SCRIPT_EV_PARAMS,
    SCRIPT_EV_RESULTS,
};

struct script_event {
    enum script_event_kind kind;
    int8_t state;
    int ierr, ints;            /* -1: any */
    const struct query *where; /* NULL: any */
};

struct script_events {
    struct script_event *at;
    size_t n;
};

enum script_expect_kind {
    SCRIPT_EXPECT_EVENT,   /* one of the events */
    SCRIPT_EXPECT_NOTHING, /* until the end of the connection, or for a time */
    SCRIPT_EXPECT_ALIVE,
    SCRIPT_EXPECT_EXIT,
    SCRIPT_EXPECT_OUTPUT,
    SCRIPT_EXPECT_FAILURE, /* a client says that it failed: status not 0, or .error in its JSON */
};

struct script_expect {
    enum script_expect_kind kind;
    struct script_events events;
    bool meanwhile;            /* ALIVE: with the script's connections open */
    int64_t for_ms;            /* NOTHING: for so long; -1: until the end */
    int status;                /* EXIT */
    const struct query *where; /* OUTPUT json where ... */
    const char *contains;      /* OUTPUT text "..." */
};

struct script_steps {
    struct script_step *at;
    size_t n;
};

struct script_step {
    enum script_verb verb;
    unsigned line;
    const char *who;            /* connection; "" is the first */
    int64_t stream;             /* `stream N` in front; 0: none */
    const char *clause;         /* (CLAUSE) at the end, or NULL: the case's own */
    int64_t from_ms, within_ms; /* within T1..T2; -1: not given */
    union {
        int8_t state; /* ADVANCE */
        struct script_send send;
        struct script_wire wire;
        const char *params; /* PARAMS: a JSON object */
        struct script_expect expect;
        struct script_events ignore;
        int64_t split; /* bytes; 0: off */
        int signo;     /* SUBJECT */
        struct {
            struct script_steps *at;
            size_t n;
        } branches; /* EITHER: each starts with an expect */
    };
};

/* X(name, word)  What a case may need of a build or of the machine (header `needs`). */
#define SCRIPT_NEEDS(X)                                                                            \
    X(SCRIPT_NEED_UDP, "udp")                                                                      \
    X(SCRIPT_NEED_SCTP, "sctp")                                                                    \
    X(SCRIPT_NEED_MPTCP, "mptcp")                                                                  \
    X(SCRIPT_NEED_AUTH, "auth")                                                                    \
    X(SCRIPT_NEED_IPV6, "ipv6")                                                                    \
    X(SCRIPT_NEED_GSRO, "gsro")               /* segmentation and coalescing of datagrams */       \
    X(SCRIPT_NEED_BIDIR, "bidir")                                                                  \
    X(SCRIPT_NEED_ZERO_COPY, "zero-copy")                                                          \
    X(SCRIPT_NEED_UDP_64BIT, "udp-64bit")     /* 64-bit counters in datagrams */                   \
    X(SCRIPT_NEED_SERVER_OUTPUT, "get-server-output")                                              \
    X(SCRIPT_NEED_JSON_OUTPUT, "json-output") /* of a client */                                    \
    X(SCRIPT_NEED_SINGLE_TEST, "single-test") /* a server at its limit of one */                   \
    X(SCRIPT_NEED_THIRD_PARTY, "third-party") /* more than one control connection */               \
    X(SCRIPT_NEED_SIGNAL, "signal")           /* a process that can be signalled */                \
    X(SCRIPT_NEED_SLOW, "slow")               /* waits for long */

enum script_need {
#define X(name, word) name,
    SCRIPT_NEEDS(X)
#undef X
        SCRIPT_N_NEEDS
};
const char *script_need_word(enum script_need need);
/* False if there is no such word. */
bool script_need_find(const char *word, enum script_need *need);

struct script_words {
    const char **at;
    size_t n;
};

struct script {
    const char *file;
    const char *id, *title;
    struct script_words clauses, needs, tags;
    bool plays_server;   /* the simulator is the server, a client is judged */
    const char *subject; /* options for the subject, or "" */
    const char *params;  /* header `params { ... }`, or NULL */
    unsigned line;       /* of `case` */
    struct script_steps steps;
    struct arena arena;
};

/* All scripts of one file, in the order of its `foreach` rows. */
struct script_list {
    struct script **at;
    size_t n;
};

/* Read text (a file named `file`; both are copied) and add its scripts to list. False and *error if
 * something is wrong; the list then holds what it held. */
bool script_read(struct script_list *list, const char *file, const char *text,
                 struct script_error *error);
/* The same for a file; an unreadable one is an error of line 0 whose `found` says why. */
bool script_read_file(struct script_list *list, const char *path, struct script_error *error);
void script_list_fini(struct script_list *list);

/* In canonical form: reading it again gives the same tree. */
void script_print(const struct script *script, struct text *out);
void script_print_step(const struct script_step *step, struct text *out); /* one line, no newline */
void script_print_event(const struct script_event *event, struct text *out);

/* What a reader of the tree alone can find: unknown clauses and needs, branches of `either` that
 * overlap, steps that can never run. Calls report for each. Returns how many. */
typedef void script_report(void *context, const struct script *script, unsigned line,
                           const char *problem);
unsigned script_check(const struct script *script, script_report *report, void *context);
