/* ladder.h - a session as a ladder diagram: two peers, time going down, an arrow for each message.
 *
 * Rows go in, SVG comes out: a picture of its own, or a page with several. Texts are a peer's own:
 * they are escaped, and cut to what fits; the whole text is shown where the pointer rests. */
#pragma once
#include "harness/capture/timeline.h"
#include "harness/session/session.h"

enum ladder_kind {
    LADDER_MESSAGE, /* of the control connection */
    LADDER_TEXT,    /* a JSON message */
    LADDER_ERROR,   /* SERVER_ERROR, ACCESS_DENIED, a termination */
    LADDER_STREAM,  /* a stream is opened */
    LADDER_DATA,    /* data of the streams, added up */
    LADDER_END,     /* FIN or RST */
    LADDER_GAP,     /* bytes that nobody captured */
    LADDER_FAULT,   /* a violation: a line of text, no arrow */
    LADDER_N_KINDS
};

struct ladder_row {
    enum ladder_kind kind;
    uint64_t at_ns; /* since the start of the session */
    bool from_left;
    char *label, *whole; /* ours; whole may be NULL */
};

struct ladder {
    char *title, *left, *right; /* ours */
    struct ladder_row *rows;
    size_t n, n_lost; /* rows beyond LADDER_ROWS_MAX */
};
#define LADDER_ROWS_MAX 2000

void ladder_init(struct ladder *l, const char *title, const char *left, const char *right);
void ladder_fini(struct ladder *l);
/* whole may be NULL. Rows are drawn in the order in which they were added. */
void ladder_add(struct ladder *l, enum ladder_kind kind, uint64_t at_ns, bool from_left,
                const char *label, const char *whole);

/* A captured session: the client stands at the left. */
void ladder_of_capture(struct ladder *l, const struct timeline *t, const struct track_session *s);
/* Messages as the simulator recorded them: we stand at the left. */
void ladder_of_session(struct ladder *l, const char *title, const struct session *s);

/* All of them below each other, as one SVG picture, or as an HTML page. */
void ladder_svg(const struct ladder *ladders, size_t n, struct text *out);
void ladder_html(const struct ladder *ladders, size_t n, const char *title, struct text *out);
