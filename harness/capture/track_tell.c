/* track_tell.c - what is learnt of a session, handed to the user: violations, and what a capture
 * cannot show. */
#include "harness/capture/track_core.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void track_tell(struct track *t, struct track_session *s, const struct track_event *event)
{
    if (t->user.event != NULL)
        t->user.event(t->user.context, s, event);
}

void track_add_violation(struct track *t, struct track_session *s,
                         const struct track_violation *violation)
{
    if (s->is_contested)
        return;
    if (s->n_violations == TRACK_VIOLATIONS) {
        s->n_more++;
        return;
    }
    struct track_violation *kept = &s->violations[s->n_violations++];
    *kept = *violation;
    track_tell(t, s,
               &(struct track_event){.kind = TRACK_VIOLATION,
                                     .at_ns = kept->at_ns,
                                     .number = kept->number,
                                     .from = kept->by,
                                     .violation = kept});
}

void track_blame(struct track *t, struct track_session *s, const char *clause,
                 enum observer_side by, uint64_t number, uint64_t at_ns, const char *expected,
                 const char *found_format, ...)
{
    struct track_violation v = {
        .clause = clause_find(clause), .by = by, .number = number, .at_ns = at_ns};
    va_list args;

    snprintf(v.expected, sizeof v.expected, "%s", expected);
    va_start(args, found_format);
    vsnprintf(v.found, sizeof v.found, found_format, args);
    va_end(args);
    track_add_violation(t, s, &v);
}

void track_note(struct track *t, struct track_session *s, const char *format, ...)
{
    va_list args;

    if (s->n_notes == TRACK_NOTES)
        return;
    struct text *note = &s->notes[s->n_notes++];
    va_start(args, format);
    text_vaddf(note, format, args);
    va_end(args);
    track_tell(t, s,
               &(struct track_event){.kind = TRACK_NOTE,
                                     .at_ns = s->last_ns,
                                     .number = s->last_number,
                                     .note = text_string(note)});
}

void track_contest(struct control *c, enum observer_side side, struct channel_origin origin,
                   bool is_damaged)
{
    struct track_session *s = c->session;
    const char *who = side == OBSERVER_CLIENT ? "client" : "server";

    if (s->is_contested)
        return;
    s->is_contested = true;
    if (is_damaged)
        track_note(c->track, s,
                   "packet %" PRIu64 ", with bytes of the %s's, has a wrong checksum and did not "
                   "come again: what the %s said is not known, and what follows was not judged",
                   origin.number, who, who);
    else
        track_note(c->track, s,
                   "packet %" PRIu64 " brings other bytes of the %s's than came before in their "
                   "place: which of them were read is not known, and what follows was not judged",
                   origin.number, who);
}
