/* write_message.c - what is said on a control connection, and where its writes end. */
#include "harness/session/writer.h"

#include "impl/wire/ierr.h"
#include "impl/wire/state.h"

#include <inttypes.h>
#include <string.h>

#define HEX_MAX 32 /* bytes that are written in hex; more are a text */

void write_bytes(struct writer *w, const struct session_message *m)
{
    write_who(w, m);
    if (m->body.len > HEX_MAX) {
        text_adds(w->out, "send text ");
        text_add_pieces(w->out, m->body);
    } else {
        text_adds(w->out, m->body.len ? "send hex " : "send hex \"\"");
        text_add_hex(w->out, m->body, SIZE_MAX);
    }
    text_adds(w->out, "\n");
}

static void write_cookie(struct writer *w, const struct session_message *m)
{
    write_who(w, m);
    text_adds(w->out, "send cookie ");
    text_add_pieces(w->out, m->body);
    text_adds(w->out, "\n");
}

static void write_json(struct writer *w, const struct session_message *m)
{
    write_who(w, m);
    text_adds(w->out, "send json ");
    if (m->announced != m->body.len)
        text_addf(w->out, "length %" PRIu32 " ", m->announced);
    text_add_pieces(w->out, m->body);
    text_adds(w->out, "\n");
}

static void add_state(struct text *out, int8_t state)
{
    const char *name = state_name(state);

    if (name)
        text_adds(out, name);
    else
        text_addf(out, "0x%02x", (uint8_t)state);
}

void write_state(struct writer *w, const struct session_message *m)
{
    write_who(w, m);
    text_adds(w->out, m->from == SESSION_US ? "send state " : "expect state ");
    add_state(w->out, m->state);
    text_adds(w->out, "\n");
}

void write_error(struct writer *w, const struct session_message *m)
{
    const char *name = ierr_name(m->ierr);

    write_who(w, m);
    text_adds(w->out, m->from == SESSION_US ? "send server-error" : "expect server-error");
    if (m->n_ints >= 1 && name)
        text_addf(w->out, " %s", name);
    else if (m->n_ints >= 1)
        text_addf(w->out, " %" PRId32, m->ierr);
    if (m->n_ints >= 2)
        text_addf(w->out, " errno %" PRId32, m->os_errno);
    text_adds(w->out, "\n");
}

static void write_of_control(struct writer *w, const struct session_message *m)
{
    static void (*const writers[])(struct writer *, const struct session_message *) = {
        [SESSION_COOKIE] = write_cookie, [SESSION_STATE] = write_state,
        [SESSION_ERROR] = write_error,   [SESSION_JSON] = write_json,
        [SESSION_BYTES] = write_bytes,
    };

    writers[m->kind](w, m);
}

static bool same_cuts(const struct session_cuts *a, const struct session_cuts *b)
{
    return a->n == b->n && a->delay_ms == b->delay_ms &&
           (a->n == 0 || memcmp(a->at, b->at, a->n * sizeof *a->at) == 0);
}

/* The setting holds from here on: only a change of it is a line. */
static void write_cuts(struct writer *w, const struct session_message *m, struct write_place *place)
{
    static const struct session_cuts whole;
    const struct session_cuts *now = place->cuts ? place->cuts : &whole, *want = &m->cuts;

    if (same_cuts(now, want))
        return;
    place->cuts = want;
    write_who(w, m);
    text_adds(w->out, want->n ? "split at" : "split 0");
    for (size_t i = 0; i < want->n; i++)
        text_addf(w->out, " %" PRId64, want->at[i]);
    if (want->n && want->delay_ms)
        text_addf(w->out, " delay %" PRId64 "ms", want->delay_ms);
    text_adds(w->out, "\n");
}

void write_uncork(struct writer *w, const struct session_message *m, struct write_place *place)
{
    if (place->corked)
        write_line(w, m, "uncork");
    place->corked = false;
}

void write_sent(struct writer *w, const struct session_message *m)
{
    struct write_place *place = write_place_of(w, m);

    if (m->joined && !place->corked)
        write_line(w, m, "cork");
    place->corked |= m->joined;
    write_cuts(w, m, place);
    write_of_control(w, m);
    if (!m->joined)
        write_uncork(w, m, place);
    if (w->ignores_stale && m->kind == SESSION_STATE && m->state == IPERF_DONE)
        write_line(w, m, "ignore server-error");
}
