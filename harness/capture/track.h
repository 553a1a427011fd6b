/* track.h - finds iperf3 sessions among captured packets, and has them judged.
 *
 * Packets go in, in the order of the file; out come the sessions, each with its messages in order,
 * its streams counted, and what was wrong with it. A control connection is known by its cookie and
 * by what the server answers, on any port; streams belong to the session with their cookie, UDP
 * streams to the one between the same addresses.
 *
 * Memory is bounded: nothing of the data streams is kept but counts. */
#pragma once
#include "harness/capture/dissect.h"
#include "harness/capture/loose.h"
#include "harness/capture/stream.h"
#include "harness/session/text.h"
#include "impl/wire/clause.h"
#include "impl/wire/frame.h"
#include "impl/wire/observer.h"

#define TRACK_STREAMS    256 /* 128 in each direction (PARAM-14) */
#define TRACK_VIOLATIONS 64  /* kept of one session; more are counted */
#define TRACK_NOTES      16
#define TRACK_SPANS      512

struct track_end {
    uint8_t address[16];
    uint16_t port;
};
/* "192.0.2.1:5201", "[2001:db8::1]:5201". Returns out. */
char *track_end_text(const struct track_end *end, char out[64]);

struct track_violation {
    const struct clause *clause;
    enum observer_side by;
    uint64_t number, at_ns; /* the packet in which the message at fault begins */
    char expected[128], found[128];
};

struct track_stream {
    int64_t id; /* STR-6 */
    bool is_udp;
    bool has_open;             /* its first bytes (cookie, connect message) are in the capture */
    bool was_denied;           /* TCP: answered with ff */
    bool is_doubtful, is_told; /* UDP: perhaps it is another session's; an event has named it */
    struct track_end client;
    uint64_t at_ns, number;    /* of its first packet with payload */
    uint64_t first_number;     /* of its first packet */
    uint64_t n_connects;       /* UDP: its opening, as often as it came */
    uint64_t reply_number;     /* UDP: of the reply to its opening; 0: none */
    uint64_t n_damaged[2];     /* packets, by who sent them: left out (checksum.h) */
    uint64_t confirmed_at_end; /* bytes that a client had acknowledged when its TEST_END came */
    /* By enum observer_side of the sender. */
    union {
        struct stream_tcp tcp[2];
        struct stream_udp udp[2];
    };
    struct flow *flow; /* NULL: gone */
};

/* Data in spans of equal length from start_ns on, by sender; the spans grow with the test. Of TCP,
 * by the sequence numbers: unseen of the bytes were not captured, or are lost on the way. */
struct track_volume {
    uint64_t start_ns, span_ns, last_ns;
    unsigned n;
    uint64_t bytes[2][TRACK_SPANS], unseen[2][TRACK_SPANS];
};

struct track_session {
    uint64_t number; /* in the capture, from 1 */
    struct track_end client, server;
    bool is_late; /* it began before the capture */
    bool has_cookie;
    uint8_t cookie[COOKIE_LEN];
    uint64_t first_ns, last_ns, first_number, last_number;
    struct observer *observer;

    int8_t last_state[2]; /* by side; 0: none */
    bool has_left;        /* the client said IPERF_DONE before its time: */
    int8_t left_in;       /* the server's last state then */
    int n_ints;           /* of a SERVER_ERROR */
    int32_t ierr, os_errno;
    uint64_t start_ns, running_ns, end_ns, end_number; /* 01, 02, 04; 0: not seen */
    uint64_t params_number;
    uint64_t results_number[2], results_ns[2]; /* packets of the results; 0: none */
    unsigned n_results[2];
    bool is_over[2], is_reset[2];
    enum observer_side first_over;
    uint64_t n_gaps, gap_bytes; /* of the control channel, not captured, or */
    uint64_t unkept_bytes;      /* of them, not kept: of texts that are too much for our memory */
    /* The first packet with a time before that of the packet in front of it, or with none:
     * durations tell nothing. 0: there was no such packet. */
    uint64_t odd_clock_number;
    bool is_contested; /* bytes of it came again and were others: what follows is not judged */
    uint64_t n_repeated, n_late; /* segments of it that came again; that had to wait */
    /* By side: the sequence number of the channel's first byte, once any byte was seen. */
    bool has_base[2];
    uint32_t base[2];

    struct track_stream *streams[TRACK_STREAMS];
    size_t n_streams;
    bool order_is_sure; /* which stream has which id */
    bool is_mixed; /* not even which streams are its own: another session's may be among them */
    struct track_volume volume;

    struct track_violation violations[TRACK_VIOLATIONS];
    size_t n_violations, n_more;
    struct text notes[TRACK_NOTES]; /* what the capture can't show */
    size_t n_notes;

    void *user; /* the caller's */

    struct control *control; /* private from here on */
    uint64_t due_ns;         /* 0: not over */
    uint64_t offset[2], hole_at[2];
    struct loose loose[2]; /* where the observer is blind */
    struct track_text {
        size_t held, kept; /* long texts: not whole yet; whole */
        size_t items;      /* of the one that is not whole */
    } texts[2];
    struct track_index {
        uint64_t offset, number, at_ns;
    } * index[2]; /* which packet brought which bytes */
    size_t n_index[2];
};

enum track_event_kind {
    TRACK_BEGIN,
    TRACK_MESSAGE,
    TRACK_GAP,
    TRACK_STREAM_OPEN,
    TRACK_SPAN, /* one span of data is over (see track_volume) */
    TRACK_VIOLATION,
    TRACK_NOTE,
};

struct track_event {
    enum track_event_kind kind;
    uint64_t at_ns, number;
    enum observer_side from;
    const struct observer_message *message;
    bool has_hole; /* part of the message was not captured: zeroes stand there */
    const struct track_stream *stream;
    const struct track_violation *violation;
    uint64_t len; /* TRACK_GAP */
    const char *note;
};

struct track_user {
    /* Each thing as it is learnt; may be NULL. */
    void (*event)(void *context, struct track_session *session, const struct track_event *event);
    /* A session is over, or the capture is; it is freed behind the call. Not NULL. */
    void (*done)(void *context, struct track_session *session);
    void *context;
};

struct track;

/* ports: where control connections are looked for whatever their first bytes are; n_ports 0: known
 * by their bytes alone. Borrowed. */
struct track *track_new(const struct track_user *user, const uint16_t *ports, size_t n_ports);
/* The packets must come in the order of the file; number and at_ns are set. */
void track_tcp(struct track *t, const struct dissected *p);
void track_udp(struct track *t, const struct dissected *p);
/* No packet came, but it is now_ns: sessions that are over are handed out. */
void track_tick(struct track *t, uint64_t now_ns);
/* The capture breaks off here: sessions of which packets may be missing say so in a note. */
void track_break(struct track *t, const char *why);
/* No more will come. */
void track_finish(struct track *t);
void track_free(struct track *t);

/* For tally.c: a violation found in the numbers, and what could not be judged. */
void track_blame(struct track *t, struct track_session *s, const char *clause,
                 enum observer_side by, uint64_t number, uint64_t at_ns, const char *expected,
                 const char *found_format, ...) __attribute__((format(printf, 8, 9)));
void track_note(struct track *t, struct track_session *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
