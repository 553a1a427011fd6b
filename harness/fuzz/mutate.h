/* mutate.h - changes sessions: messages are put in, left out, repeated, moved, taken from another
 * session; state bytes, lengths, JSON texts, ends of writes, streams and times become others.
 *
 * The one mutator behind `iperfspec fuzz`, libFuzzer's and AFL++'s targets. It works on the typed
 * messages of harness/session, so that what comes out still has the shape of a session: it can be
 * written as a .peer script, which reads back as the same session. Messages of the subject stand
 * for waiting for it. No clock, no sockets; the same seed makes the same changes. */
#pragma once
#include "harness/session/session.h"

#define MUTATE_MESSAGES_MAX 96     /* of a session; repeating and splicing stop there */
#define MUTATE_BYTES_MAX    131072 /* of all bodies together */
#define MUTATE_PAUSE_MS_MAX 40
#define MUTATE_DATA_MAX     262144 /* bytes of one message on a stream */

struct mutator {
    uint64_t seed;    /* moves on with every number drawn */
    bool has_streams; /* connections can be opened, streams and pauses exist: not in process */
    /* Changes len bytes at `at` in place, at most cap behind; returns their number. NULL: a few
     * byte changes of our own. LLVMFuzzerMutate() fits. */
    size_t (*bytes)(uint8_t *at, size_t len, size_t cap);
    size_t from;       /* messages before it are left as they are; mutate_session() sets it */
    const char *notes; /* NULL, or characters each of which is a note to put in, now and then: what
                          happens in process besides messages */
};

/* Change the session in one to several places. other, which may be NULL or s itself, is where
 * messages are taken from. */
void mutate_session(struct mutator *m, struct session *s, const struct session *other);

/* Change values of our texts, each for another of its kind, and nothing else: of a correct session,
 * most often one that is correct as well. */
void mutate_values(struct mutator *m, struct session *s);

/* Messages of both, up to some place of the one and from some place of the other. *out is
 * overwritten. */
void mutate_cross(struct mutator *m, const struct session *a, const struct session *b,
                  struct session *out);

/* Make a session keep what every printed one keeps: offsets of writes inside of the message, a
 * joined message followed by another of ours, limits, at least one message. mutate_session() does
 * so itself. */
void mutate_tidy(struct session *s);

/* mutate_json.c: change a text in one place that means something: a key, a value's type, the edge
 * of a number, nesting, a member more or less. Text that is no JSON is changed as far as it looks
 * like some; without anything to hold on to, an object takes its place. */
void mutate_json(struct mutator *m, struct bytes text, struct text *out);

/* The same file: a number, a string or a truth value of the text for another of its kind; without
 * any, the text stays. */
void mutate_json_value(struct mutator *m, struct bytes text, struct text *out);

/* mutate_message.c: one message more, of any kind, as the role can send it. body and cuts are
 * borrowed from *room. */
struct session_message mutate_make(struct mutator *m, bool we_serve, struct text *room);
/* Some change of the message at `at` by itself; false if its kind has nothing to change. */
bool mutate_message(struct mutator *m, struct session *s, size_t at);
/* A value of the JSON message for another of its kind; a length that was true stays so. */
void mutate_message_value(struct mutator *m, struct session_message *message);
