/* observer.c - cuts both directions into messages, as their senders meant them, and has them
 * judged. */
#include "impl/wire/observer.h"

#include "impl/wire/observer_core.h"
#include "impl/wire/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct observer *observer_new(const struct observer_config *config)
{
    struct observer *o = calloc(1, sizeof *o);

    if (o == NULL)
        return NULL;
    o->config = *config;
    o->order_is_known = true;
    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        struct lane *lane = &o->lanes[side];
        lane->from = (enum observer_side)side;
        lane->mode = side == OBSERVER_CLIENT ? LANE_COOKIE : LANE_STATE;
        frame_init(&lane->dec);
        view_init(&lane->view, lane->from);
        results_init(&o->results[side]);
    }
    return o;
}

void observer_free(struct observer *o)
{
    if (o == NULL)
        return;
    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        frame_fini(&o->lanes[side].dec);
        results_fini(&o->results[side]);
    }
    if (o->has_params)
        params_fini(&o->params);
    free(o);
}

/* --- telling ---------------------------------------------------------------------------------- */

/* What the session is doing: the server's last word tells. */
static const char *phase(const struct observer *o)
{
    int8_t state = o->lanes[OBSERVER_SERVER].last_state;
    const char *name = state_name(state == 0 ? IPERF_START : state);

    return name != NULL ? name : "unknown state";
}

static void tell(struct observer *o, const struct lane *lane, struct observer_message *message)
{
    if (o->config.message == NULL)
        return;
    message->from = lane->from;
    message->phase = phase(o);
    o->config.message(o->config.context, message);
}

/* --- order ------------------------------------------------------------------------------------ */

static void give_up_order(struct observer *o)
{
    o->order_is_known = false;
    view_give_up(&o->lanes[OBSERVER_CLIENT].view);
    view_give_up(&o->lanes[OBSERVER_SERVER].view);
}

static const char *name_of(int message, char out[32])
{
    const char *name = message < VIEW_COOKIE ? state_name((int8_t)message) : NULL;

    if (message == VIEW_JSON)
        return "a JSON text";
    snprintf(out, 32, "%02x %s", (unsigned)(uint8_t)message, name != NULL ? name : "");
    return out;
}

/* The side sends message: is it its turn? */
static void place(struct observer *o, struct lane *lane, int message, uint64_t at_ns)
{
    const char *never = view_never_sends(lane->from, message), *clause = never;
    const char *expected = "a state that this side tells";
    bool is_legal =
        view_send(&lane->view, &observer_other(o, lane)->view, message, &clause, &expected);
    char name[32];

    /* What the other side did wrong may lead to any message but to such a byte. */
    if (is_legal && never != NULL && o->order_is_known && !lane->is_broken)
        is_legal = false;
    if (!is_legal) {
        lane->is_broken = true;
        if (never != NULL)
            observer_blame_never_right(o, lane, at_ns, clause, expected, name_of(message, name));
        else
            observer_blame(o, lane, at_ns, lane->item_offset, clause, expected, "%s",
                           name_of(message, name));
    }
    if (lane->view.n_log == VIEW_LOG)
        give_up_order(o); /* more than anybody reads: no session is that long */
}

/* Bytes behind a last message. Reported once. */
static void judge_late(struct observer *o, struct lane *lane, uint64_t at_ns)
{
    if (lane->last_of == NULL || lane->said_late)
        return;
    lane->said_late = true;
    if (lane->from == OBSERVER_CLIENT)
        o->is_complete = false; /* the end was none */
    observer_blame_never_right(o, lane, at_ns, lane->last_of, "nothing after a last message",
                               "more bytes");
}

/* --- the messages ----------------------------------------------------------------------------- */

static void expect_states(struct lane *lane)
{
    lane->mode = LANE_STATE;
    lane->has_hole = false;
    lane->hole_len = 0;
}

static void end_cookie(struct observer *o, struct lane *lane, uint64_t at_ns, struct bytes cookie)
{
    place(o, lane, VIEW_COOKIE, at_ns);
    observer_judge_cookie(o, lane, at_ns, cookie);
    tell(o, lane,
         &(struct observer_message){.kind = OBSERVER_COOKIE,
                                    .at_ns = at_ns,
                                    .offset = lane->item_offset,
                                    .len = COOKIE_LEN,
                                    .text = cookie});
    expect_states(lane);
}

static enum spec_err end_text(struct observer *o, struct lane *lane, uint64_t at_ns,
                              struct bytes text)
{
    place(o, lane, VIEW_JSON, at_ns);
    enum spec_err err = observer_judge_text(o, lane, at_ns, text);
    lane->n_texts[lane->is_results]++;
    tell(o, lane,
         &(struct observer_message){.kind = OBSERVER_JSON,
                                    .at_ns = at_ns,
                                    .offset = lane->item_offset,
                                    .len = (uint32_t)text.len + 4,
                                    .text = text,
                                    .announced = (uint32_t)text.len});
    expect_states(lane);
    return err;
}

static void end_error(struct observer *o, struct lane *lane, uint64_t at_ns, int n_ints,
                      const int32_t ints[2], size_t len)
{
    observer_judge_error(o, lane, at_ns, n_ints, n_ints > 0 ? ints[0] : 0, len % 4 != 1);
    tell(o, lane,
         &(struct observer_message){.kind = OBSERVER_ERROR,
                                    .at_ns = at_ns,
                                    .offset = lane->item_offset,
                                    .len = (uint32_t)len,
                                    .state = SERVER_ERROR,
                                    .n_ints = n_ints,
                                    .ierr = n_ints > 0 ? ints[0] : 0,
                                    .os_errno = n_ints > 1 ? ints[1] : 0});
    expect_states(lane);
}

/* The clause that lets nothing follow the byte; NULL if something may. */
static const char *last_of(const struct lane *lane, int8_t byte)
{
    if (lane->from == OBSERVER_CLIENT)
        return byte == IPERF_DONE || byte == CLIENT_TERMINATE ? "FLOW-1" : NULL;
    return byte == ACCESS_DENIED      ? "CLOSE-1"
           : byte == SERVER_ERROR     ? "ERR-1"
           : byte == SERVER_TERMINATE ? "ST-1"
                                      : NULL;
}

static void note_good_end(struct observer *o, const struct lane *lane, bool says_done)
{
    const struct lane *server = &o->lanes[OBSERVER_SERVER];

    if (lane->from == OBSERVER_CLIENT && (says_done || lane->last_of == NULL) &&
        server->last_state == DISPLAY_RESULTS && !lane->is_broken && !server->is_broken)
        o->is_complete = true; /* 10, or the end of the connection (FLOW-10) */
}

static void take_state(struct observer *o, struct lane *lane, uint64_t at_ns, int8_t byte)
{
    place(o, lane, byte, at_ns);
    note_good_end(o, lane, byte == IPERF_DONE);
    lane->sent[(uint8_t)byte]++;
    lane->last_state = byte;
    lane->last_of = last_of(lane, byte);
    if (lane->from == OBSERVER_SERVER && byte == SERVER_ERROR) {
        lane->mode = LANE_ERROR; /* told with its integers */
        frame_expect(&lane->dec, FRAME_ERROR, 0);
        return;
    }
    tell(o, lane,
         &(struct observer_message){.kind = OBSERVER_STATE,
                                    .at_ns = at_ns,
                                    .offset = lane->item_offset,
                                    .len = 1,
                                    .state = byte});
}

/* --- which shape comes next ------------------------------------------------------------------- */

/* Whether the byte begins a length rather than being a state. A sender that owes a text and sends a
 * byte that no side ever sends as a state means the text: lengths begin with 00, a server's output
 * apart. */
static bool begins_text(const struct observer *o, struct lane *lane, uint8_t byte)
{
    const struct lane *server = &o->lanes[OBSERVER_SERVER];
    unsigned results_due = MAX(server->sent[EXCHANGE_RESULTS], lane->sent[TEST_END]);

    lane->is_results = lane->from == OBSERVER_SERVER || lane->n_texts[0] > 0;
    if (lane->from == OBSERVER_SERVER)
        return byte < 4 && server->sent[EXCHANGE_RESULTS] > lane->n_texts[1];
    if (byte != 0)
        return false;
    if (results_due <=
        lane->n_texts[1]) { /* parameters: once, or as often as they were asked for */
        lane->is_results = false;
        return MAX(server->sent[PARAM_EXCHANGE], 1) > lane->n_texts[0];
    }
    return true;
}

/* DEF-27, ERR-7: a stock server may say fe twice. Behind stray bytes nothing is a message. */
static bool is_second_error(const struct observer *o, const struct lane *lane, uint8_t byte)
{
    return (int8_t)byte == SERVER_ERROR && lane->last_state == SERVER_ERROR &&
           lane->sent[(uint8_t)SERVER_ERROR] == 1 && !lane->said_late && !o->config.judge_new;
}

static void take_stray(struct observer *o, struct lane *lane, uint64_t at_ns, struct bytes *in)
{
    judge_late(o, lane, at_ns);
    tell(o, lane,
         &(struct observer_message){.kind = OBSERVER_STRAY,
                                    .at_ns = at_ns,
                                    .offset = lane->offset,
                                    .len = (uint32_t)MIN(in->len, UINT32_MAX)});
    in->at += in->len;
    in->len = 0;
}

static void repeat_error(struct lane *lane)
{
    lane->sent[(uint8_t)SERVER_ERROR]++;
    lane->mode = LANE_ERROR;
    frame_expect(&lane->dec, FRAME_ERROR, 0);
}

/* The first byte of a message. */
static void start_message(struct observer *o, struct lane *lane, uint64_t at_ns, struct bytes *in)
{
    uint8_t byte = in->at[0];

    lane->item_offset = lane->offset;
    if (lane->last_of != NULL && !is_second_error(o, lane, byte)) {
        take_stray(o, lane, at_ns, in);
        return;
    }
    if (begins_text(o, lane, byte)) {
        lane->mode = LANE_JSON;
        frame_expect(&lane->dec, FRAME_JSON,
                     lane->is_results ? RESULTS_LEN_LIMIT : PARAMS_LEN_LIMIT);
        return;
    }
    *in = (struct bytes){in->at + 1, in->len - 1};
    if (lane->last_of != NULL)
        repeat_error(lane);
    else
        take_state(o, lane, at_ns, (int8_t)byte);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void go_blind(struct observer *o, struct lane *lane)
{
    lane->mode = LANE_BLIND;
    frame_fini(&lane->dec); /* what it held is of no more use */
    give_up_order(o);
}

/* A length of 0, or one that nobody would wait for. */
static void blame_length(struct observer *o, struct lane *lane, uint64_t at_ns)
{
    uint32_t announced = frame_announced(&lane->dec);
    const char *form = lane->is_results ? "RES-1" : "PARAM-1";

    place(o, lane, VIEW_JSON, at_ns);
    if (!lane->has_hole && !lane->is_broken)
        observer_blame(o, lane, at_ns, lane->item_offset,
                       announced == 0 || lane->is_results ? form : "PARAM-50",
                       "a text of a length in range", "length %u", (unsigned)announced);
    lane->is_broken = true;
    go_blind(o, lane);
}

static enum spec_err read_on(struct observer *o, struct lane *lane, uint64_t at_ns,
                             struct bytes *in)
{
    int32_t ints[2];
    struct bytes body;
    enum spec_err err = frame_feed(&lane->dec, in, &body);

    if (err == SPEC_MORE)
        return SPEC_OK;
    if (err == SPEC_E_LENGTH) {
        blame_length(o, lane, at_ns);
        return SPEC_OK;
    }
    if (err != SPEC_OK) {
        go_blind(o, lane);
        return err;
    }
    switch (lane->mode) {
    case LANE_COOKIE:
        end_cookie(o, lane, at_ns, body);
        return SPEC_OK;
    case LANE_ERROR:
        frame_error_pair(body, &ints[0], &ints[1]);
        end_error(o, lane, at_ns, 2, ints, 9);
        return SPEC_OK;
    default:
        return end_text(o, lane, at_ns, body);
    }
}

enum spec_err observer_bytes(struct observer *o, enum observer_side from, uint64_t at_ns,
                             struct bytes bytes)
{
    struct lane *lane = &o->lanes[from];
    enum spec_err err = SPEC_OK;

    lane->last_ns = at_ns;
    while (bytes.len > 0 && err == SPEC_OK) {
        size_t before = bytes.len;
        if (lane->is_over || lane->mode == LANE_BLIND)
            bytes.len = 0;
        else if (lane->mode == LANE_STATE)
            start_message(o, lane, at_ns, &bytes);
        else
            err = read_on(o, lane, at_ns, &bytes);
        lane->offset += before - bytes.len;
    }
    lane->offset += bytes.len;
    return err;
}

/* --- ends ------------------------------------------------------------------------------------- */

/* FIN inside a message. Whom a reset of the other side's cut off had no chance to complete it. */
static void judge_cut(struct observer *o, struct lane *lane, uint64_t at_ns)
{
    size_t partial = frame_partial(&lane->dec);

    if (partial == 0 || lane->has_hole || observer_other(o, lane)->is_reset)
        return;
    if (lane->mode == LANE_COOKIE)
        observer_blame(o, lane, at_ns, lane->item_offset, "CTL-1", "37 bytes of cookie",
                       "%zu bytes", partial);
    if (lane->mode == LANE_JSON)
        observer_blame(o, lane, at_ns, lane->item_offset, "JSON-1", "a length and as many bytes",
                       "%zu bytes for a length of %u", partial,
                       (unsigned)frame_announced(&lane->dec));
}

static void end_partial_error(struct observer *o, struct lane *lane, uint64_t at_ns, bool judged)
{
    int32_t ints[2];
    size_t partial = frame_partial(&lane->dec);
    int n_ints = frame_error_at_end(&lane->dec, ints);

    lane->has_hole = lane->has_hole || !judged;
    end_error(o, lane, at_ns, n_ints, ints, 1 + partial);
}

static void tell_partial(struct observer *o, struct lane *lane, uint64_t at_ns)
{
    size_t partial = frame_partial(&lane->dec);

    if (partial > 0)
        tell(o, lane,
             &(struct observer_message){
                 .kind = lane->mode == LANE_JSON ? OBSERVER_JSON : OBSERVER_STRAY,
                 .at_ns = at_ns,
                 .offset = lane->item_offset,
                 .len = (uint32_t)partial,
                 .announced = lane->mode == LANE_JSON ? frame_announced(&lane->dec) : 0});
}

enum spec_err observer_end(struct observer *o, enum observer_side from, uint64_t at_ns, bool reset)
{
    struct lane *lane = &o->lanes[from];

    if (lane->is_over)
        return SPEC_OK;
    if (lane->mode == LANE_ERROR) {
        end_partial_error(o, lane, at_ns, !reset);
    } else if (lane->mode == LANE_COOKIE || lane->mode == LANE_JSON) {
        if (!reset)
            judge_cut(o, lane, at_ns);
        tell_partial(o, lane, at_ns);
    }
    lane->item_offset = lane->offset;
    place(o, lane, reset ? VIEW_RESET : VIEW_END, at_ns);
    if (!reset)
        note_good_end(o, lane, false);
    lane->is_over = true;
    lane->is_reset = reset;
    tell(o, lane,
         &(struct observer_message){.kind = reset ? OBSERVER_RESET : OBSERVER_END,
                                    .at_ns = at_ns,
                                    .offset = lane->offset});
    return SPEC_OK;
}

/* Bytes of a hole that surely belong to the message at hand: they leave everything behind it where
 * it was; unless so much of it is missing that a few packets would cost any amount of memory. */
static uint64_t part_of_message(const struct lane *lane, uint64_t hole)
{
    uint64_t whole = lane->mode == LANE_JSON     ? 4 + (uint64_t)frame_announced(&lane->dec)
                     : lane->mode == LANE_COOKIE ? COOKIE_LEN
                     : lane->mode == LANE_ERROR  ? 8
                                                 : 0;
    size_t partial = frame_partial(&lane->dec);

    if (whole <= partial || (lane->mode == LANE_JSON && partial < 4)) /* the length itself */
        return 0;
    uint64_t part = MIN(hole, whole - partial);
    return part > OBSERVER_HOLES_MAX - lane->hole_len ? 0 : part;
}

void observer_gap(struct observer *o, enum observer_side from, uint64_t at_ns, uint64_t len)
{
    static const uint8_t filler[64] = {0};
    struct lane *lane = &o->lanes[from];

    if (len == 0 || lane->mode == LANE_BLIND)
        return;
    uint64_t part = part_of_message(lane, len);
    lane->has_hole |= part > 0;
    lane->hole_len += (uint32_t)part;
    for (uint64_t left = part; left > 0; left -= MIN(left, sizeof filler))
        observer_bytes(o, from, at_ns, (struct bytes){filler, (size_t)MIN(left, sizeof filler)});
    if (part == len)
        return;
    lane->offset += len - part;
    go_blind(o, lane);
}

bool observer_is_blind(const struct observer *o, enum observer_side from)
{
    return o->lanes[from].mode == LANE_BLIND;
}

size_t observer_partial(const struct observer *o, enum observer_side from)
{
    return frame_partial(&o->lanes[from].dec);
}

void observer_finish(struct observer *o)
{
    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        struct lane *lane = &o->lanes[side];
        if (!lane->is_over && lane->mode == LANE_ERROR)
            end_partial_error(o, lane, lane->last_ns, false); /* the rest may still come */
    }
}

/* --- what it learnt --------------------------------------------------------------------------- */

const struct params *observer_params(const struct observer *o)
{
    return o->has_params ? &o->params : NULL;
}

const struct results *observer_results(const struct observer *o, enum observer_side of)
{
    return o->has_results[of] ? &o->results[of] : NULL;
}

bool observer_completed(const struct observer *o)
{
    return o->is_complete;
}
