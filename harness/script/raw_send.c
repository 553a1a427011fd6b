/* raw_send.c - reading what we send on a control connection, and where its writes end. */
#include "harness/script/raw_reader.h"

#include <stdlib.h>
#include <string.h>

static int64_t wire_len(const struct session_message *m)
{
    struct text bytes = {0};

    session_encode(m, &bytes);
    int64_t len = (int64_t)bytes.len;
    text_fini(&bytes);
    return len;
}

/* Where its writes end, as the setting has it. The caller frees cuts.at. */
static void cut(struct session_message *m, const struct script_split *split)
{
    int64_t len = wire_len(m);

    if (!split || len == 0)
        return;
    size_t n = split->every ? (size_t)MIN((len - 1) / split->every, SESSION_CUTS_MAX) : split->n;
    m->cuts.at = text_realloc(NULL, n * sizeof *m->cuts.at);
    for (size_t i = 0; i < n; i++) {
        int64_t at = split->every ? (int64_t)(i + 1) * split->every : split->at[i];
        if (at < len)
            m->cuts.at[m->cuts.n++] = at;
    }
    m->cuts.delay_ms = m->cuts.n ? split->delay_ms : 0;
}

/* The first bytes of a message are no message. */
static void shorten(struct session_message *m, int64_t first, struct text *bytes)
{
    struct text whole = {0};

    session_encode(m, &whole);
    text_add(bytes, whole.at, MIN(whole.len, (size_t)first));
    text_fini(&whole);
    *m = (struct session_message){
        .kind = SESSION_BYTES, .body = {(const uint8_t *)text_string(bytes), bytes->len}
    };
}

bool raw_send(struct raw_reader *r, const struct script_step *step)
{
    static const int kinds[] = {
        [SCRIPT_SEND_STATE] = SESSION_STATE,
        [SCRIPT_SEND_BYTES] = SESSION_BYTES,
        [SCRIPT_SEND_COOKIE] = SESSION_COOKIE,
        [SCRIPT_SEND_ERROR] = SESSION_ERROR,
        [SCRIPT_SEND_JSON] = SESSION_JSON,
        [SCRIPT_SEND_PARAMS] = -1,
        [SCRIPT_SEND_RESULTS] = -1,
    };
    const struct script_send *send = &step->send;
    struct raw_place *place = raw_place_of(r, step->who, 0);
    struct text body = {0}, part = {0};

    if (kinds[send->kind] < 0 || (send->kind == SCRIPT_SEND_COOKIE && send->text.n == 0))
        return raw_fail(r, step, "the bytes themselves: send cookie TEXT, send json TEXT");
    if (place->corked && place->split && place->split->every)
        return raw_fail(r, step, "split at OFFSETS, as a message is kept by cork");
    if (!raw_take_room(r, step, send->text.len))
        return false;
    script_text_add(&send->text, &body);
    struct session_message m = {
        .kind = (enum session_kind)kinds[send->kind],
        .n_ints = send->n_ints,
        .ierr = send->ierr,
        .os_errno = send->os_errno,
        .body = {(const uint8_t *)text_string(&body), body.len},
    };
    if (m.kind == SESSION_JSON)
        m.announced = send->announced < 0 ? (uint32_t)body.len : (uint32_t)send->announced;
    if (m.kind == SESSION_STATE) {
        m.state = (int8_t)body.at[0];
        m.body.len = 0;
    }
    if (send->first >= 0)
        shorten(&m, send->first, &part);
    m.joined = place->corked;
    cut(&m, place->split);
    bool ok = raw_add(r, step, m);
    free(m.cuts.at);
    text_fini(&body);
    text_fini(&part);
    return ok;
}

/* The last message that was kept is joined with none. */
bool raw_cork(struct raw_reader *r, const struct script_step *step)
{
    struct raw_place *place = raw_place_of(r, step->who, 0);

    place->corked = step->verb == SCRIPT_CORK;
    for (size_t i = r->session->n; i-- > 0 && !place->corked;) {
        struct session_message *m = &r->session->messages[i];
        if (!m->joined || strcmp(m->who, step->who) != 0)
            continue;
        m->joined = false;
        break;
    }
    return true;
}

bool raw_split(struct raw_reader *r, const struct script_step *step)
{
    const struct script_split *split = &step->split;

    raw_place_of(r, step->who, 0)->split = split->every || split->n ? split : NULL;
    return true;
}
