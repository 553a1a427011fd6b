/* send.c - steps that send: on a control connection, on a stream, and from the background. */
#include "harness/sim/peer.h"

#include <string.h>

#define BLOCKED_MS 500 /* without a byte taken by the peer: it reads no more */
#define CHUNK      (1u << 18)

/* The client has ended the test: it may read no more (FLOW-6), and a server sends no more (FLOW-7).
 */
static bool test_is_over(const struct control *c)
{
    const struct event *e = control_head(c);

    return c->is_server && e && e->kind == EVENT_STATE && e->state == TEST_END;
}

bool send_await_flushed(struct control *c, const struct lane *st)
{
    uint64_t deadline = sim_patience(c->sim, WAIT_MS);
    size_t left = c->out.len;

    while (!(st ? lane_is_flushed(st) : control_is_flushed(c)) && !sim_failed(c->sim)) {
        if (!st && c->out.len != left) { /* pieces with a delay may take as long as they are many */
            left = c->out.len;
            deadline = sim_patience(c->sim, WAIT_MS);
        }
        if (now_ns() >= deadline)
            return sim_fail(c->sim, SIM_TIMEOUT, "the subject does not read");
        sim_pump(c->sim, deadline);
    }
    return !sim_failed(c->sim);
}

/* As much data as that takes as long as the peer goes on reading. */
static bool await_read(struct control *c, struct lane *st)
{
    uint64_t left = st->todo, since = now_ns(), deadline = sim_patience(c->sim, WAIT_MS);

    while (!lane_is_flushed(st) && !sim_failed(c->sim)) {
        bool is_over = test_is_over(c);
        uint64_t until = is_over ? since + (uint64_t)BLOCKED_MS * 1000000u : deadline;
        sim_pump(c->sim, until);
        if (st->todo != left) {
            left = st->todo;
            since = now_ns();
            deadline = sim_patience(c->sim, WAIT_MS);
        } else if (is_over && now_ns() >= until) {
            st->todo = 0;
        } else if (now_ns() >= deadline) {
            return sim_fail(c->sim, SIM_TIMEOUT, "the subject does not read");
        }
    }
    return !sim_failed(c->sim);
}

/* --- on the control connection --------------------------------------------------------------- */

/* Leave the beginning that the step asks for. False: some of the places where the bytes can be cut
 * lie between its parts. */
static bool cut_first(struct control *c, const struct script_send *send, struct text *bytes)
{
    if (send->first < 0)
        return true;
    if (send->parts == 0) {
        bytes->len = MIN(bytes->len, (size_t)send->first);
        return true;
    }
    if (bytes->len > (size_t)send->parts)
        return sim_fail(c->sim, SIM_TROUBLE, "%lld parts of %zu bytes leave places out",
                        (long long)send->parts, bytes->len);
    bytes->len = (size_t)send->first * bytes->len / (size_t)send->parts;
    return true;
}

static bool send_message(struct control *c, const struct script_send *send,
                         enum script_message message)
{
    struct text bytes = {0};
    struct session_message m;
    bool cut = send->first >= 0;

    if (!message_build(c, message, &bytes, &m)) {
        text_fini(&bytes);
        return sim_fail(c->sim, SIM_TROUBLE, "%s", text_string(&c->why));
    }
    if (!cut_first(c, send, &bytes)) {
        text_fini(&bytes);
        return false;
    }
    struct bytes out = {(uint8_t *)bytes.at, bytes.len};
    size_t prefix = message == SCRIPT_MSG_COOKIE ? 0 : 4;
    m.body = cut ? out : (struct bytes){out.at + prefix, out.len - prefix};
    flow_skip(c, 0, (int)message);
    control_send(c, cut && prefix ? SESSION_BYTES : m.kind, &m, out);
    text_fini(&bytes);
    return true;
}

/* Its own text, or the connection's cookie; the streams that are opened later follow it. */
static void send_cookie(struct control *c, const struct script_send *send)
{
    struct session_message m = {0};
    struct text bytes = {0};

    if (send->text.n == 0) {
        send_message(c, send, SCRIPT_MSG_COOKIE);
        return;
    }
    script_text_add(&send->text, &bytes);
    if (bytes.len == COOKIE_LEN)
        memcpy(c->cookie, bytes.at, COOKIE_LEN);
    m.body = (struct bytes){(const uint8_t *)text_string(&bytes), bytes.len};
    flow_skip(c, 0, SCRIPT_MSG_COOKIE);
    control_send(c, SESSION_COOKIE, &m, m.body);
    text_fini(&bytes);
}

static void send_json(struct control *c, const struct script_send *send)
{
    size_t len = send->text.len;
    uint32_t announced = (uint32_t)(send->announced < 0 ? (int64_t)len : send->announced);
    struct session_message m = {.announced = announced};
    struct text bytes = {0};
    uint8_t prefix[4];

    frame_put_json_length(prefix, announced);
    text_add(&bytes, prefix, sizeof prefix);
    script_text_add(&send->text, &bytes);
    m.body = (struct bytes){(const uint8_t *)bytes.at + sizeof prefix, len};
    flow_skip_text(c);
    control_send(c, SESSION_JSON, &m, (struct bytes){(const uint8_t *)bytes.at, bytes.len});
    text_fini(&bytes);
}

static void send_error(struct control *c, const struct script_send *send)
{
    struct session_message m = {
        .n_ints = send->n_ints, .ierr = send->ierr, .os_errno = send->os_errno};
    uint8_t bytes[9];
    size_t len = frame_put_error(bytes, send->n_ints, send->ierr, send->os_errno);

    control_send(c, SESSION_ERROR, &m, (struct bytes){bytes, len});
}

static void send_bytes(struct control *c, const struct script_send *send)
{
    struct text bytes = {0};

    script_text_add(&send->text, &bytes);
    if (cut_first(c, send, &bytes))
        control_send(c, SESSION_BYTES, NULL,
                     (struct bytes){(const uint8_t *)text_string(&bytes), bytes.len});
    text_fini(&bytes);
}

static void send_message_of(struct control *c, const struct script_send *send)
{
    switch (send->kind) {
    case SCRIPT_SEND_STATE:
        flow_skip(c, (int8_t)send->text.at[0].once.at[0], -1);
        control_send_state(c, (int8_t)send->text.at[0].once.at[0]);
        break;
    case SCRIPT_SEND_COOKIE:
        send_cookie(c, send);
        break;
    case SCRIPT_SEND_JSON:
        send_json(c, send);
        break;
    case SCRIPT_SEND_PARAMS:
        send_message(c, send, SCRIPT_MSG_PARAMS);
        break;
    case SCRIPT_SEND_RESULTS:
        send_message(c, send, SCRIPT_MSG_RESULTS);
        break;
    case SCRIPT_SEND_ERROR:
        send_error(c, send);
        break;
    default:
        send_bytes(c, send);
    }
}

/* --- on a stream ----------------------------------------------------------------------------- */

static void send_raw(struct control *c, struct lane *st, const struct script_text *text)
{
    struct text bytes = {0};

    script_text_add(text, &bytes);
    struct bytes out = {(const uint8_t *)text_string(&bytes), bytes.len};
    if (st->udp)
        lane_send_raw_datagram(c, st, out);
    else
        lane_send_bytes(c, st, out);
    text_fini(&bytes);
}

/* One block, or datagram, as the parameters have it. */
static void send_block(struct control *c, struct lane *st, uint64_t len)
{
    if (st->udp)
        datagram_send_next(c, st, st->datagrams + 1);
    else
        lane_send(c, st, len);
}

static bool send_until_blocked(struct control *c, struct lane *st)
{
    uint64_t deadline = sim_deadline(c->sim, WAIT_MS), seen = st->sent, since = now_ns();

    if (st->udp)
        return sim_fail(c->sim, SIM_TROUBLE, "datagrams are never blocked");
    while (!sim_failed(c->sim)) {
        if (st->todo < CHUNK)
            lane_send(c, st, CHUNK);
        if (st->sent != seen) {
            seen = st->sent;
            since = now_ns();
        }
        if (st->reset || now_ns() >= since + (uint64_t)BLOCKED_MS * 1000000u)
            break;
        if (now_ns() >= deadline)
            return sim_fail(c->sim, SIM_TIMEOUT, "the subject reads on and on");
        sim_pump(c->sim, MIN(deadline, now_ns() + 10000000u));
    }
    st->todo = 0;
    return !sim_failed(c->sim);
}

static bool send_for_a_time(struct control *c, struct lane *st, const struct script_send *send)
{
    uint64_t end = now_ns() + (uint64_t)send->for_ms * 1000000u;
    uint64_t len = (uint64_t)MAX(c->params.len, 1);

    while (now_ns() < end && !sim_failed(c->sim)) {
        if (lane_is_flushed(st))
            send_block(c, st, send->every_ms ? len : MAX(CHUNK / len, 1) * len);
        if (send->every_ms || st->udp)
            sim_pause(c->sim, MAX(send->every_ms, 1));
        else
            sim_pump(c->sim, end);
    }
    return await_read(c, st);
}

static bool send_data(struct control *c, struct lane *st, const struct script_send *send)
{
    if (send->until_blocked)
        return send_until_blocked(c, st);
    if (send->for_ms)
        return send_for_a_time(c, st, send);
    if (!st->udp) {
        lane_send(c, st, (uint64_t)send->count);
        return await_read(c, st);
    }
    int64_t len = MAX(c->params.len, DATAGRAM_LEN_MIN);
    struct script_send all = {.n_datagrams = 1};
    struct script_datagrams run = {.from = (int64_t)st->datagrams + 1, .times = 1};
    run.to = run.from + (send->count - 1) / len;
    all.datagrams = &run;
    return datagrams_send(c, st, &all, true);
}

/* A message that cannot leave must not look as if it had; the script is to blame, not the subject.
 */
static bool fail_shut(struct sim *s)
{
    return sim_fail(s, SIM_TROUBLE, "our half was closed before this could be sent");
}

static bool send_on_stream(struct control *c, const struct script_step *step)
{
    struct lane *st = lane_find(c, step->stream);

    if (!st)
        return sim_fail(c->sim, SIM_TROUBLE, "there is no stream %lld", (long long)step->stream);
    if (st->is_shut)
        return fail_shut(c->sim);
    c->own_data = true;
    if (step->send.kind == SCRIPT_SEND_DATA)
        return send_data(c, st, &step->send);
    if (step->send.kind == SCRIPT_SEND_DATAGRAMS)
        return datagrams_send(c, st, &step->send, true);
    send_raw(c, st, &step->send.text);
    return send_await_flushed(c, st);
}

/* --- steps ----------------------------------------------------------------------------------- */

static bool asks_for_counts(const struct script_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        for (size_t k = 0; script_is_block(step->verb) && k < step->branches.n; k++)
            if (asks_for_counts(&step->branches.at[k]))
                return true;
        for (size_t k = 0; step->verb == SCRIPT_EXPECT && k < step->expect.events.n; k++)
            if (step->expect.events.at[k].kind == SCRIPT_EV_RESULTS &&
                step->expect.events.at[k].where)
                return true;
    }
    return false;
}

/* A TEST_END by hand is like that of the honest run where counts are judged: all that was sent
 * before it is read. */
static bool drain_before(struct control *c, const struct script_step *step)
{
    bool is_end = step->send.kind == SCRIPT_SEND_STATE &&
                  (int8_t)step->send.text.at[0].once.at[0] == TEST_END;

    return !is_end || c->is_server || !asks_for_counts(&c->sim->config->script->steps) ||
           drained_await(c, 0, expect_deadline(c->sim, step));
}

bool send_run(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);

    if (step->stream)
        return send_on_stream(c, step);
    if (c->fd < 0) {
        const struct event *e = control_head(c);
        struct text got = {0};
        /* A busy server denies at the accept, before it has read anything: whether our bytes were
         * faster says nothing. What was to be expected comes next. */
        if (e && e->kind == EVENT_STATE && e->state == ACCESS_DENIED)
            return true;
        if (e)
            event_describe(e, &got);
        if (sim_check_process(s, 200))
            sim_fail(s, SIM_MISS, "%s before this could be sent",
                     e ? text_string(&got) : "the end of the connection");
        text_fini(&got);
        return false;
    }
    if (c->is_shut)
        return fail_shut(s);
    if (!drain_before(c, step))
        return false;
    send_message_of(c, &step->send);
    return send_await_flushed(c, NULL);
}

void send_in_background(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);
    struct lane *st = step->stream ? lane_find(c, step->stream) : NULL;
    const struct script_send *send = &step->send;

    if (!c->opened || c->fd < 0 || c->connecting || (step->stream && (!st || st->connecting)) ||
        (st ? st->is_shut : c->is_shut))
        return;
    if (!st)
        send_message_of(c, send);
    else if (send->kind == SCRIPT_SEND_DATAGRAMS)
        datagrams_send(c, st, send, false);
    else if (send->kind == SCRIPT_SEND_DATA && lane_is_flushed(st))
        send_block(c, st, (uint64_t)send->count);
    else if (send->kind == SCRIPT_SEND_BYTES)
        send_raw(c, st, &send->text);
}
