/* observer.h - judges both directions of a control channel, live or captured.
 *
 * It is told the bytes in the order in which one vantage point saw them and says, clause by clause,
 * what no correct peer could have sent. Messages cross on the wire: a message is a violation only
 * if no prefix of the other side's bytes that its sender may have seen makes it legal. Where the
 * two ends read the same bytes differently (as meant by the sender, as framed by the receiver's
 * state) both readings are followed.
 *
 * What is legal is the table's first column (table.h). After a side's first message out of order,
 * that side's order is not judged any more, nor what the other side makes of it: only the form of
 * messages, that a side says no byte that is never its own, and that nothing comes after a last
 * one. Clauses of level IS are never reported. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"
#include "impl/wire/params.h"
#include "impl/wire/results.h"

#include <stdbool.h>

enum observer_side { OBSERVER_CLIENT, OBSERVER_SERVER };

/* Where the bytes were seen. The judge asks the same everywhere, because an end, too, may answer
 * one message while later ones wait in its buffer: a sender had read some prefix of what was seen
 * before. */
enum observer_vantage { OBSERVER_AT_CLIENT, OBSERVER_AT_SERVER, OBSERVER_BETWEEN };

enum observer_message_kind {
    OBSERVER_COOKIE,
    OBSERVER_STATE,
    OBSERVER_ERROR, /* the integers behind SERVER_ERROR */
    OBSERVER_JSON,  /* parameters or results; at the end of the connection perhaps cut short */
    OBSERVER_END,   /* FIN */
    OBSERVER_RESET,
    OBSERVER_STRAY, /* bytes that are part of no message */
};

/* One message as its sender meant it. */
struct observer_message {
    enum observer_side from;
    enum observer_message_kind kind;
    uint64_t at_ns;  /* time of its last byte */
    uint64_t offset; /* of its first byte, in this direction */
    uint32_t len;    /* bytes on the wire */
    int8_t state;    /* OBSERVER_STATE */
    int n_ints;      /* OBSERVER_ERROR: 0, 1, 2 */
    int32_t ierr, os_errno;
    struct bytes
        text; /* OBSERVER_JSON: the text; OBSERVER_COOKIE: 37 bytes; borrowed for the call */
    uint32_t announced; /* OBSERVER_JSON: its length prefix */
    const char *phase;  /* what the session was doing, for people: "PARAM_EXCHANGE"; static */
};

struct observer_violation {
    const char *clause; /* id in the registry; static */
    enum observer_side by;
    uint64_t at_ns, offset; /* of the message at fault */
    bool is_never_right;    /* whatever the other side has said before: a byte that no state allows,
                               bytes behind a last message */
    char expected[128], found[128];
};

struct observer_config {
    enum observer_vantage vantage;
    /* Each message, after it was judged; may be NULL. */
    void (*message)(void *context, const struct observer_message *message);
    /* Each violation; not NULL. */
    void (*violation)(void *context, const struct observer_violation *violation);
    void *context;
    bool judge_client, judge_server; /* whose violations are reported */
    bool judge_new; /* also by clauses for new implementations alone (versions "new"), such as
                       ERR-8, and without indulgence for what stock builds are known to do (ERR-2,
                       ERR-7, DEF-27, results without the omitted pair) */
};

struct observer;

/* An observer of one session, from its first byte on. config is copied. NULL without memory.
 * observer_free(NULL) is allowed. */
struct observer *observer_new(const struct observer_config *config);
void observer_free(struct observer *o);

/* What was seen, in order: bytes of one side, in any pieces, and its FIN or reset. at_ns: any clock
 * that both sides' calls share. SPEC_OK, or SPEC_E_NOMEM: what could not be kept is not judged. */
enum spec_err observer_bytes(struct observer *o, enum observer_side from, uint64_t at_ns,
                             struct bytes bytes);
enum spec_err observer_end(struct observer *o, enum observer_side from, uint64_t at_ns, bool reset);

/* Bytes of that direction are missing (capture loss, snap length): len of them. What cannot be
 * known from then on is not judged. Inside a text they cost the memory that they would have taken,
 * up to OBSERVER_HOLES_MAX; where more of a text is missing, or more than its rest, the side can't
 * be told apart from there on. */
#define OBSERVER_HOLES_MAX (64u << 10)
void observer_gap(struct observer *o, enum observer_side from, uint64_t at_ns, uint64_t len);

/* Whether that side's bytes can't be told apart any more: behind such a gap, or a length that
 * cannot be. */
bool observer_is_blind(const struct observer *o, enum observer_side from);
/* Bytes that are held of a message of that side's that is not whole yet. */
size_t observer_partial(const struct observer *o, enum observer_side from);

/* No more will come: reports what is wrong with the end (a session that stopped in the middle is a
 * violation only where a clause says so). */
void observer_finish(struct observer *o);

/* The client's parameters, and the last results of a side; NULL while there are none that can be
 * read. Borrowed until the next call that brings bytes. */
const struct params *observer_params(const struct observer *o);
const struct results *observer_results(const struct observer *o, enum observer_side of);

/* Whether DISPLAY_RESULTS was reached and the end was good (FLOW-10). */
bool observer_completed(const struct observer *o);
