/* script.h - the .peer language: text in, a tree of steps out, and back.
 *
 * A file is a header (one word and its value a line), a blank line, and steps, one a line.
 * `foreach` makes several scripts of one file: {NAME} is replaced in the text before anything else
 * is read. No sockets here: the simulator plays the tree. */
#pragma once
#include "harness/script/cursor.h"
#include "harness/script/query.h"
#include "harness/session/arena.h"

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
    X(SCRIPT_ANY_ORDER, "any")               /* any order: all of it, in whatever order */         \
    X(SCRIPT_REPEAT, "repeat")               /* the block, so many times */                        \
    X(SCRIPT_IGNORE, "ignore")               /* what may come at any time from now on */           \
    X(SCRIPT_STOP_IGNORING, "stop ignoring") /* what `ignore` named, or all of it */               \
    X(SCRIPT_DRAINED, "drained")             /* wait until all we sent was read (RES-11) */        \
    X(SCRIPT_HOLD, "hold")                   /* do not close when the peer closes */               \
    X(SCRIPT_SPLIT, "split")                 /* how bytes are cut into writes from now on */       \
    X(SCRIPT_CORK, "cork")                   /* keep what is sent until uncork */                  \
    X(SCRIPT_UNCORK, "uncork")               /* and send it in one piece */                        \
    X(SCRIPT_PAUSE, "pause")                 /* do nothing for a time */                           \
    X(SCRIPT_STALL, "stall")                 /* stop reading */                                    \
    X(SCRIPT_RESUME, "resume")               /* read again */                                      \
    X(SCRIPT_LOSE, "lose")                   /* for a time, what comes on a stream */              \
    X(SCRIPT_BACKGROUND, "background")       /* send again and again, while later steps run */     \
    X(SCRIPT_STOP, "stop")                   /* end that */                                        \
    X(SCRIPT_CLOSE, "close")                 /* FIN, both halves */                                \
    X(SCRIPT_HALF_CLOSE, "half-close")       /* FIN, and go on reading */                          \
    X(SCRIPT_RESET, "reset")                                                                       \
    X(SCRIPT_DEAF, "deaf")       /* as server: connects are refused from now on */                 \
    X(SCRIPT_SUBJECT, "subject") /* a signal, or a limit, for its process */

/* Limits on what a file may ask for. */
#define SCRIPT_DEPTH_MAX 8      /* blocks inside each other */
#define SCRIPT_STEPS_MAX 100000 /* steps of one case, each repetition counted */

enum script_verb {
#define X(name, word) name,
    SCRIPT_VERBS(X)
#undef X
        SCRIPT_N_VERBS
};
const char *script_verb_word(enum script_verb verb);
bool script_is_block(enum script_verb verb); /* steps up to `end` belong to it: step.branches */

/* Bytes as they were written: '[' x 500 ']' x 500. Short here, long only on the wire. */
struct script_piece {
    struct bytes once;
    int64_t times;
};
struct script_text {
    struct script_piece *at;
    size_t n;
    size_t len; /* of all, made long: at most SCRIPT_TEXT_MAX */
};
#define SCRIPT_TEXT_MAX (64u << 20)
void script_text_add(const struct script_text *pieces, struct text *out);

/* A number in a datagram's header, or the datagram's length; `+1` is relative: in a list to the
 * datagram before, in `wire datagram` to what an honest peer says. */
struct script_field {
    bool given, relative;
    int64_t value;
};
struct script_fields {
    struct script_field seq, sec, usec, len;
};
/* A run of datagrams: the numbers from..to, or one with these fields; the whole `times` times. */
struct script_datagrams {
    bool has_fields;
    int64_t from, to;
    struct script_fields fields;
    int64_t times;
};
#define SCRIPT_DATAGRAMS_MAX 1000000 /* in one step */

enum script_send_kind {
    SCRIPT_SEND_STATE,  /* text: one byte */
    SCRIPT_SEND_BYTES,  /* text: as it stands (`byte`, `hex`, `text`) */
    SCRIPT_SEND_COOKIE, /* text: this one, from now on the connection's; none: the connection's */
    SCRIPT_SEND_PARAMS,
    SCRIPT_SEND_RESULTS,
    SCRIPT_SEND_JSON, /* text: behind a length prefix */
    SCRIPT_SEND_ERROR,
    SCRIPT_SEND_DATA,      /* on a stream: count bytes, until blocked, or for a time */
    SCRIPT_SEND_DATAGRAMS, /* on a stream, in this order */
};

/* `until 3s after TEST_RUNNING`: after it was said last, by either side. */
struct script_until {
    bool given;
    int64_t ms;
    int8_t state;
};

struct script_send {
    enum script_send_kind kind;
    struct script_text text;
    int n_ints;
    int32_t ierr, os_errno;
    int64_t announced;         /* JSON: the length prefix; -1: the true length */
    int64_t count;             /* DATA: bytes; 0: see the next two */
    bool until_blocked;        /* DATA: until the peer reads no more */
    int64_t for_ms;            /* DATA: for so long; 0: no */
    int64_t every_ms;          /* DATA for a time, DATAGRAMS: between two; 0: at once */
    struct script_until until; /* DATAGRAMS: all of them, at an even pace; else see every_ms */
    int64_t first;             /* send only so many bytes of the message; -1: all */
    int64_t parts;             /* of these parts, and not bytes; 0: bytes */
    size_t n_datagrams;        /* DATAGRAMS: runs */
    struct script_datagrams *datagrams;
};

/* Of DATAGRAMS: how many, at most SCRIPT_DATAGRAMS_MAX. */
int64_t script_n_datagrams(const struct script_send *send);

enum script_message { SCRIPT_MSG_PARAMS, SCRIPT_MSG_RESULTS, SCRIPT_MSG_COOKIE };

enum script_wire_kind {
    /* of a member of params or results, at path */
    SCRIPT_WIRE_SET, /* value: a JSON text */
    SCRIPT_WIRE_ABSENT,
    SCRIPT_WIRE_WRONG_TYPE,
    SCRIPT_WIRE_LITERAL, /* text: put there as it stands, JSON or not */
    SCRIPT_WIRE_STRING,  /* text: as a JSON string */
    SCRIPT_WIRE_TOKEN,   /* an authentication token */
    SCRIPT_WIRE_AS,      /* value: another key for it */
    SCRIPT_WIRE_AGAIN,   /* a second member of that key: value, or NULL for the same */
    /* of the text of a message */
    SCRIPT_WIRE_LENGTH,   /* number: the length prefix; relative: added to the true one */
    SCRIPT_WIRE_RAW,      /* text: instead of the message */
    SCRIPT_WIRE_TRAILING, /* text: behind it; the length prefix counts it */
    /* of a moment of the honest run */
    SCRIPT_WIRE_NEVER,
    SCRIPT_WIRE_TWICE,
    SCRIPT_WIRE_LATE,   /* number: ms */
    SCRIPT_WIRE_BEFORE, /* anchor: that moment */
    SCRIPT_WIRE_AFTER,
    SCRIPT_WIRE_STATE,  /* number: another state byte */
    SCRIPT_WIRE_COUNT,  /* number: of streams */
    SCRIPT_WIRE_FIELDS, /* fields: of every datagram */
};

enum script_padding {
    SCRIPT_PADDING_OF_SUBJECT, /* what its version expects unless told (AUTH-7) */
    SCRIPT_PADDING_PKCS1,
    SCRIPT_PADDING_OAEP
};

struct script_token {
    const char *user, *password; /* user NULL: the last token that was made, once more */
    bool is_relative;            /* at_s is added to the time of the clock */
    enum script_padding padding;
    int64_t at_s;
    const char *key; /* file of the public key; NULL: public.pem of {keys} */
};

struct script_wire {
    enum script_wire_kind kind;
    const char *what; /* a moment: "params", "TEST_END"; one of script_moments */
    int64_t stream;   /* only of this stream; 0: of all */
    const char *path; /* "len", "streams[0].bytes", or "" */
    const char *value;
    bool relative;
    int64_t number;
    struct script_text text;
    const char *meaning; /* RAW params: what the peer means by it, or NULL */
    const char *anchor;
    struct script_token token;
    struct script_fields fields;
};

/* What can be said about a moment of the honest run. */
enum script_moment_can {
    SCRIPT_CAN_MEMBERS = 1, /* it is a JSON message */
    SCRIPT_CAN_TEXT = 2,    /* raw, first */
    SCRIPT_CAN_STATE = 4,   /* = STATE */
    SCRIPT_CAN_COUNT = 8,   /* = N */
    SCRIPT_CAN_NEVER = 16,
    SCRIPT_CAN_TWICE = 32,
    SCRIPT_CAN_MOVE = 64,    /* after TIME, before and after another moment */
    SCRIPT_CAN_FIELDS = 128, /* { seq ... } */
    SCRIPT_CAN_STREAM = 256, /* `stream N` in front */
};
struct script_moment {
    const char *name;
    bool of_client, of_server; /* whose act it is */
    unsigned can;
};
/* The row of a name, or NULL. */
const struct script_moment *script_moment_find(const char *name);
/* Why a peer of that role cannot do this, or NULL. Static. */
const char *script_wire_problem(const struct script_wire *wire, bool plays_server);

enum script_transport { SCRIPT_CONTROL, SCRIPT_BARE_TCP, SCRIPT_BARE_UDP };
struct script_open {
    enum script_transport transport; /* bare: a third party that says nothing by itself */
    const char *from, *to;           /* addresses, or NULL */
    unsigned from_port;              /* 0: any */
    const char *cookie_of;           /* connection whose cookie it has; NULL: one of its own */
};

struct script_split {
    int64_t every;    /* bytes in one write; 0: see offsets */
    size_t n;         /* offsets in each message where a write ends */
    int64_t *at;      /* growing */
    int64_t delay_ms; /* between two writes */
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
    /* Of a stream, not of the control connection. */
    SCRIPT_EV_STREAM,           /* it is there */
    SCRIPT_EV_STREAM_DATA,      /* so many bytes came on it */
    SCRIPT_EV_STREAM_BEGIN,     /* the first bytes that came on it (TCP) */
    SCRIPT_EV_STREAM_END,       /* FIN or reset */
    SCRIPT_EV_STREAM_CLOSE,     /* FIN */
    SCRIPT_EV_STREAM_RESET,     /* RST, or refused */
    SCRIPT_EV_STREAM_DATAGRAM,  /* the first one: a connect message or the reply to it */
    SCRIPT_EV_STREAM_DATAGRAMS, /* the next ones have these sequence numbers */
};

struct script_event {
    enum script_event_kind kind;
    int8_t state;
    int ierr, ints; /* -1: any */
    bool has_errno;
    int32_t os_errno;
    const struct query *where;  /* NULL: any */
    struct script_token *token; /* what PARAMS' authtoken must say; NULL: anything */
    int64_t stream;             /* SCRIPT_EV_STREAM...: its id */
    int64_t port;               /* the peer's; 0: any */
    bool any_cookie;            /* need not be the test's (STR-10) */
    bool at_least;              /* DATA: count bytes or more */
    uint64_t count;             /* DATA: bytes */
    struct bytes raw;           /* BEGIN, DATAGRAM: the first bytes */
    bool repeated;              /* BEGIN: and all behind them are the same, again and again */
    int64_t *seqs;              /* DATAGRAMS: n_seqs of them, in this order */
    size_t n_seqs;
};
bool script_event_is_of_stream(const struct script_event *event);

struct script_events {
    struct script_event *at;
    size_t n;
};

enum script_expect_kind {
    SCRIPT_EXPECT_EVENT,    /* one of the events */
    SCRIPT_EXPECT_NOTHING,  /* until the end of the connection, or for a time */
    SCRIPT_EXPECT_REACTION, /* to our last bytes, as the state x event table has it */
    SCRIPT_EXPECT_ALIVE,
    SCRIPT_EXPECT_REST, /* the process waits, and keeps no more while it does */
    SCRIPT_EXPECT_EXIT,
    SCRIPT_EXPECT_SIGNAL, /* the process ends by that signal */
    SCRIPT_EXPECT_OUTPUT,
    SCRIPT_EXPECT_FAILURE, /* a client says that it failed: status not 0, or .error in its JSON */
};

enum script_output {
    SCRIPT_OUTPUT_JSON,        /* the object in it */
    SCRIPT_OUTPUT_JSON_STREAM, /* one of its lines */
    SCRIPT_OUTPUT_TEXT,
    SCRIPT_OUTPUT_STDERR,
};

struct script_expect {
    enum script_expect_kind kind;
    struct script_events events;
    bool meanwhile;            /* ALIVE: with the script's connections open */
    int64_t for_ms;            /* NOTHING: for so long; -1: until the end */
    int status;                /* EXIT; SIGNAL: its number */
    bool is_not;               /* EXIT: any other status */
    enum script_output output; /* OUTPUT */
    const struct query *where; /* OUTPUT json where ... */
    const char *contains;      /* OUTPUT text "..." */
    const char *matches;       /* OUTPUT text matches "...": an extended regular expression */
};

struct script_steps {
    struct script_step *at;
    size_t n;
};

struct script_step {
    enum script_verb verb;
    const char *file; /* where it stands: the script's own, or one that it includes */
    unsigned line, column;
    const char *text;           /* the line as it was read */
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
        struct script_events ignore; /* STOP_IGNORING too; none: all */
        struct script_open open;
        struct script_split split;
        struct {
            int64_t ms;
            struct script_until until; /* PAUSE: instead of ms */
        } pause;                       /* LOSE too */
        struct {
            const char *name; /* of the action; STOP too */
            int64_t every_ms;
            struct script_step *step; /* a send */
        } background;
        struct {
            int signo;           /* 0: not that, but this */
            int64_t descriptors; /* the most that it may have; 0: as many as at first */
        } subject;
        struct {
            struct script_steps *at;
            size_t n;
            int64_t times; /* REPEAT */
        } branches;        /* EITHER: each starts with an expect; ANY_ORDER, REPEAT: one */
    };
};

/* X(name, word)  What a case may need of a build or of the machine (header `needs`). Beside these
 * words an option such as --dscp, which the build's --help has to name. */
#define SCRIPT_NEEDS(X)                                                                            \
    X(SCRIPT_NEED_UDP, "udp")                                                                      \
    X(SCRIPT_NEED_SCTP, "sctp")                                                                    \
    X(SCRIPT_NEED_MPTCP, "mptcp")                                                                  \
    X(SCRIPT_NEED_AUTH, "auth")                                                                    \
    X(SCRIPT_NEED_IPV6, "ipv6")                                                                    \
    X(SCRIPT_NEED_GSRO, "gsro") /* segmentation and coalescing of datagrams */                     \
    X(SCRIPT_NEED_BIDIR, "bidir")                                                                  \
    X(SCRIPT_NEED_ZERO_COPY, "zero-copy")                                                          \
    X(SCRIPT_NEED_UDP_64BIT, "udp-64bit") /* 64-bit counters in datagrams */                       \
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
/* Whether a word of `needs` is an option of the build's. */
bool script_need_is_option(const char *word);

struct script_words {
    const char **at;
    size_t n;
};
bool script_words_have(const struct script_words *words, const char *word);

struct script {
    const char *file;
    const char *id, *title;
    struct script_words clauses, needs, tags;
    const char *address; /* `address ::1`: where both meet; NULL: 127.0.0.1 */
    bool plays_server;   /* the simulator is the server, a client is judged */
    const char *subject; /* options for the subject, or "" */
    const char *params;  /* header `params { ... }`, or NULL */
    unsigned line;       /* of `case` */
    struct script_header {
        unsigned line;
        const char *text;
    } * header; /* its lines, n_header of them */
    size_t n_header;
    struct script_steps steps;
    struct arena *arena; /* its list's */
};

/* What a peer can mean of the parameters that it said, as an object for `params` and `meaning`:
 * each by its own name and of its own type, the first of duplicates, in any ASCII case (JSON-4).
 * What is no object means nothing: {}. */
void script_add_meaning(const json_value *said, struct text *out);

/* All scripts of one file, in the order of its `foreach` rows. Zero it to start. */
struct script_list {
    struct script **at;
    size_t n;
    struct arena arena; /* all that they hold */
};

/* Whether an honest client of the simulator's sends this parameter (enum param_key) in every test.
 */
bool script_param_is_sent(int key);

/* Read text (a file named `file`; both are copied) and add its scripts to list. False and *error if
 * something is wrong; the list then holds what it held. */
bool script_read(struct script_list *list, const char *file, const char *text,
                 struct script_error *error);
/* The same for a file; an unreadable one is an error of line 0 whose `found` says why. */
bool script_read_file(struct script_list *list, const char *path, struct script_error *error);
/* Whether a file's bytes can be a script: no NUL, at most 1 MiB; else *error says where not. */
bool script_is_text(const char *file, const char *at, size_t len, struct script_error *error);
void script_list_fini(struct script_list *list);

/* In canonical form: reading it again gives the same tree. */
void script_print(const struct script *script, struct text *out);
/* The same; for each of its lines the line of the file that it comes from goes to *lines, as a JSON
 * array: 0 for those that come from none. */
void script_print_numbered(const struct script *script, struct text *out, struct text *lines);
void script_print_step(const struct script_step *step, struct text *out); /* one line, no newline */
void script_print_event(const struct script_event *event, struct text *out);

/* What a reader of the tree alone can find: unknown clauses and needs, branches of `either` that
 * overlap, steps that can never run, connections that do nothing, {NAME} that no foreach has, a
 * case that cannot fail. Calls report for each. Returns how many. */
typedef void script_report(void *context, const struct script_error *problem);
unsigned script_check(const struct script *script, script_report *report, void *context);
/* The same of the clauses alone: one that there is not judges nothing. */
unsigned script_check_clauses(const struct script *script, script_report *report, void *context);
/* The same for what only several files can show: an id that is not unique. */
unsigned script_check_ids(const struct script_list *list, script_report *report, void *context);
