/* ladder_rows.c - the rows of a ladder: from a captured session, or from one of the simulator's. */
#include "harness/report/ladder.h"

#include "harness/capture/digest.h"
#include "impl/wire/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- a captured session ----------------------------------------------------------------------- */

static bool is_trouble(int8_t state)
{
    return state == SERVER_ERROR || state == ACCESS_DENIED || state == SERVER_TERMINATE ||
           state == CLIENT_TERMINATE;
}

static enum ladder_kind kind_of(const struct track_event *event)
{
    static const enum ladder_kind messages[] = {
        [OBSERVER_COOKIE] = LADDER_MESSAGE, [OBSERVER_STATE] = LADDER_MESSAGE,
        [OBSERVER_ERROR] = LADDER_ERROR,    [OBSERVER_JSON] = LADDER_TEXT,
        [OBSERVER_END] = LADDER_END,        [OBSERVER_RESET] = LADDER_END,
        [OBSERVER_STRAY] = LADDER_ERROR,
    };

    if (event->kind == TRACK_STREAM_OPEN)
        return LADDER_STREAM;
    if (event->kind == TRACK_GAP)
        return LADDER_GAP;
    if (event->kind == TRACK_VIOLATION)
        return LADDER_FAULT;
    if (event->message->kind == OBSERVER_STATE && is_trouble(event->message->state))
        return LADDER_ERROR;
    return messages[event->message->kind];
}

/* Streams are opened by the client, whoever sends on them. */
static bool is_from_client(const struct track_event *event)
{
    return event->kind == TRACK_STREAM_OPEN || event->from == OBSERVER_CLIENT;
}

static void add_event(struct ladder *l, const struct track_session *s,
                      const struct track_event *event)
{
    char *words = timeline_words(event);
    struct text whole = {0};
    uint64_t at_ns = event->at_ns - MIN(event->at_ns, s->first_ns);

    text_addf(&whole, "packet %" PRIu64 "\n%s", event->number, words);
    ladder_add(l, kind_of(event), at_ns, is_from_client(event), words, text_string(&whole));
    text_fini(&whole);
    free(words);
}

/* Spans that were over before until_ns, from *next on, in one row a side. */
static void add_volume(struct ladder *l, const struct track_session *s, unsigned *next,
                       uint64_t until_ns)
{
    const struct track_volume *v = &s->volume;
    uint64_t bytes[2] = {0, 0}, from_ns = v->start_ns + *next * v->span_ns;
    unsigned n = 0;

    for (; *next < v->n && v->start_ns + (uint64_t)*next * v->span_ns < until_ns; ++*next, n++)
        for (int side = 0; side < 2; side++)
            bytes[side] += v->bytes[side][*next];
    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        struct text label = {0};
        if (bytes[side] == 0)
            continue;
        text_addf(&label, "data: %" PRIu64 " bytes", bytes[side]);
        ladder_add(l, LADDER_DATA, from_ns - MIN(from_ns, s->first_ns), side == OBSERVER_CLIENT,
                   text_string(&label), NULL);
        text_fini(&label);
    }
}

void ladder_of_capture(struct ladder *l, const struct timeline *t, const struct track_session *s)
{
    struct text title = {0}, mode = {0}, ending = {0}, ends[2] = {{0}, {0}};
    char address[64];
    unsigned next = 0;
    bool has_run = false;

    digest_mode(s, &mode);
    digest_ending(s, &ending);
    text_addf(&title, "Session %" PRIu64 ": %s: %s. Verdict: %s", s->number, text_string(&mode),
              text_string(&ending), digest_verdict_word(digest_verdict(s)));
    text_addf(&ends[0], "client %s", track_end_text(&s->client, address));
    text_addf(&ends[1], "server %s", track_end_text(&s->server, address));
    ladder_init(l, text_string(&title), text_string(&ends[0]), text_string(&ends[1]));
    for (size_t i = 0; i < t->n; i++) {
        struct track_event event = timeline_event(&t->entries[i]);
        if (event.kind == TRACK_BEGIN || event.kind == TRACK_NOTE)
            continue;
        if (has_run)
            add_volume(l, s, &next, event.at_ns);
        has_run |= event.kind == TRACK_MESSAGE && event.message->state == TEST_RUNNING;
        add_event(l, s, &event);
    }
    add_volume(l, s, &next, UINT64_MAX);
    l->n_lost += t->n_lost;
    text_fini(&title);
    text_fini(&mode);
    text_fini(&ending);
    text_fini(&ends[0]);
    text_fini(&ends[1]);
}

/* --- a session of the simulator's ------------------------------------------------------------- */

static enum ladder_kind kind_of_message(const struct session_message *m)
{
    switch (m->kind) {
    case SESSION_JSON:
        return LADDER_TEXT;
    case SESSION_ERROR:
    case SESSION_BYTES:
        return LADDER_ERROR;
    case SESSION_STREAM:
        return LADDER_STREAM;
    case SESSION_DATA:
    case SESSION_DATAGRAM:
        return LADDER_DATA;
    case SESSION_END:
    case SESSION_CLOSE:
    case SESSION_RESET:
        return LADDER_END;
    case SESSION_STATE:
        return is_trouble(m->state) ? LADDER_ERROR : LADDER_MESSAGE;
    default:
        return LADDER_MESSAGE;
    }
}

void ladder_of_session(struct ladder *l, const char *title, const struct session *s)
{
    ladder_init(l, title, "iperfspec", "the subject");
    for (size_t i = 0; i < s->n; i++) {
        const struct session_message *m = &s->messages[i];
        struct text words = {0};
        if (m->kind == SESSION_NOTE || m->kind == SESSION_PAUSE)
            continue;
        session_describe(m, &words);
        ladder_add(l, kind_of_message(m), m->at_ns, m->from == SESSION_US, text_string(&words) + 2,
                   NULL); /* behind "> " */
        text_fini(&words);
    }
}
