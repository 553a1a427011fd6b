/* observer_core.h - what observer.c, observer_view.c and observer_judge.c share; private to them.
 */
#pragma once
#include "impl/wire/frame.h"
#include "impl/wire/observer.h"
#include "impl/wire/remark.h"

/* --- order (observer_view.c) ------------------------------------------------------------------ */

/* What one side can send, as the other side's view takes it: a state byte, or one of these. */
enum view_message { VIEW_COOKIE = 1000, VIEW_JSON, VIEW_END, VIEW_RESET, VIEW_ILLEGAL };

#define VIEW_LOG                                                                                   \
    512 /* messages of one side that are kept; a session has ten. Beyond, order is not judged */
#define VIEW_SETS 64 /* ways in which a side may have got where it is */

/* One way: what the side is doing, having read that many of the other's messages. */
struct view_way {
    uint8_t step; /* of its role, in observer_view.c */
    uint16_t n_read;
};

/* One side's sight of the session. */
struct view {
    enum observer_side of;
    struct view_way ways[VIEW_SETS]; /* all that are possible; none: its order is not judged */
    unsigned n_ways;
    int log[VIEW_LOG]; /* what it sent: enum view_message or a state byte */
    unsigned n_log;
};

/* The sight of that side before its first message. Nothing to free. */
void view_init(struct view *v, enum observer_side of);
/* Stop judging this side's order. */
void view_give_up(struct view *v);

/* The side sends message, having read some prefix of what other sent. If no way allows it, *clause
 * is the one that it breaks and *expected says what would have been right; then the side's order is
 * given up and the message is logged as illegal. Returns whether it is legal (or not judged). */
bool view_send(struct view *v, const struct view *other, int message, const char **clause,
               const char **expected);

/* The clause against a byte that the side has no right to send in any state, NULL if there is none.
 */
const char *view_never_sends(enum observer_side side, int message);

/* --- one direction ---------------------------------------------------------------------------- */

enum lane_mode {
    LANE_COOKIE,
    LANE_STATE,
    LANE_ERROR,
    LANE_JSON,
    LANE_BLIND, /* nothing can be told apart any more */
};

struct lane {
    enum observer_side from;
    enum lane_mode mode;
    struct frame_decoder dec;
    uint64_t last_ns;     /* when its last byte came */
    uint64_t offset;      /* of the next byte */
    uint64_t item_offset; /* of the first byte of the message being read */
    unsigned sent[256];   /* how many of each state byte, by its unsigned value */
    unsigned n_texts[2];  /* JSON texts: parameters, results */
    bool is_results;      /* which of them is being read */
    bool has_hole;        /* bytes are missing in the message being read */
    uint32_t hole_len;    /* bytes missing of the text at hand */
    bool is_broken;       /* a message out of order, or a length that nobody can follow */
    bool is_over;         /* FIN or reset */
    bool is_reset;
    bool said_late;      /* bytes behind the last message were reported */
    int8_t last_state;   /* the last state byte; 0: none */
    const char *last_of; /* it sent its last message: clause that forbids more; else NULL */
    struct view view;
};

struct observer {
    struct observer_config config;
    struct lane lanes[2]; /* by enum observer_side */
    struct params params;
    struct results results[2];
    bool has_params, has_results[2], is_complete;
    bool order_is_known; /* no gap, no message that could not be followed */
};

static inline struct lane *observer_other(struct observer *o, const struct lane *lane)
{
    return &o->lanes[lane->from == OBSERVER_CLIENT ? OBSERVER_SERVER : OBSERVER_CLIENT];
}

/* --- verdicts (observer_judge.c) -------------------------------------------------------------- */

/* Report a violation by lane's side, unless it is not to be judged. offset: of the message at
 * fault. */
void observer_blame(struct observer *o, const struct lane *lane, uint64_t at_ns, uint64_t offset,
                    const char *clause, const char *expected, const char *found_format, ...)
    __attribute__((format(printf, 7, 8)));
/* The same for the message at hand, which is wrong whatever the other side has said. */
void observer_blame_never_right(struct observer *o, const struct lane *lane, uint64_t at_ns,
                                const char *clause, const char *expected, const char *found);

/* Judge and keep the contents. SPEC_OK or SPEC_E_NOMEM. */
void observer_judge_cookie(struct observer *o, struct lane *lane, uint64_t at_ns,
                           struct bytes cookie);
enum spec_err observer_judge_text(struct observer *o, struct lane *lane, uint64_t at_ns,
                                  struct bytes text);
void observer_judge_error(struct observer *o, struct lane *lane, uint64_t at_ns, int n_ints,
                          int32_t ierr, bool is_ragged);
