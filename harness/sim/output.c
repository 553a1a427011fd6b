/* output.c - what a script sends on a control connection: in which pieces it leaves, and when. */
#include "harness/sim/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BYTES_MAX 4096        /* pieces that --segment makes of one message */
#define MOVED_MAX (64u << 20) /* bytes that they move, each the rest of the message */

/* How many bytes the next write may have. */
static size_t piece(const struct control *c)
{
    if (c->n_cuts > 0)
        return MIN(c->out.len, (size_t)c->cuts[0]);
    return c->split && c->split->every ? MIN(c->out.len, (size_t)c->split->every) : c->out.len;
}

/* len bytes are gone: the cuts move forward, and those that were reached go. */
static void move_cuts(struct control *c, int64_t len)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n_cuts; i++)
        if (c->cuts[i] > len)
            c->cuts[kept++] = c->cuts[i] - len;
    c->n_cuts = kept;
}

/* Of the message that is added behind what waits in out; `every` needs none. */
static void add_cuts(struct control *c, const struct session_cuts *cuts)
{
    if (cuts->n == 0 || (c->split && c->split->every))
        return;
    c->cuts = text_realloc(c->cuts, (c->n_cuts + cuts->n) * sizeof *c->cuts);
    for (size_t i = 0; i < cuts->n; i++)
        c->cuts[c->n_cuts++] = (int64_t)c->out.len + cuts->at[i];
}

uint64_t control_writes_ns(const struct control *c)
{
    return c->out.len > 0 && !c->corked ? c->next_piece_ns : UINT64_MAX;
}

void control_flush(struct control *c)
{
    while (c->fd >= 0 && !c->connecting && control_writes_ns(c) <= now_ns()) {
        ssize_t put = send(c->fd, c->out.at, piece(c), MSG_NOSIGNAL);
        tap_sent(&c->tap, c->out.at, put, errno);
        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (put < 0) { /* the reason is read as an event */
            c->out.len = c->n_cuts = 0;
            return;
        }
        memmove(c->out.at, c->out.at + put, c->out.len - (size_t)put);
        c->out.len -= (size_t)put;
        move_cuts(c, put);
        if (c->split || c->n_cuts > 0) {
            uint64_t delay_ms = c->split ? (uint64_t)c->split->delay_ms : 0;
            c->next_piece_ns = now_ns() + delay_ms * 1000000u;
            break; /* the next piece with the next turn */
        }
    }
    if (c->out.len == 0 && c->shut_after && c->fd >= 0) {
        shutdown(c->fd, SHUT_WR);
        tap_shut(&c->tap);
        c->shut_after = false;
    }
}

/* What was kept leaves now: the last message of it is joined with none. */
static void end_of_join(const struct control *c)
{
    struct session *record = &c->sim->out->record;

    for (size_t i = record->n; i-- > 0;) {
        struct session_message *m = &record->messages[i];
        if (!m->joined || strcmp(m->who, c->name) != 0)
            continue;
        m->joined = false;
        return;
    }
}

void control_uncork(struct control *c)
{
    if (c->corked)
        end_of_join(c);
    c->corked = false;
    control_flush(c);
}

static void send_datagram(struct control *c, struct bytes bytes)
{
    struct session_message m = {
        .kind = SESSION_DATAGRAM, .from = SESSION_US, .len = bytes.len, .body = bytes};

    sim_record(c->sim, c, m);
    if (c->fd >= 0) {
        ssize_t put = send(c->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        tap_sent(&c->tap, bytes.at, put, errno);
    }
}

/* Where nothing else is said. RANDOM: some ten pieces, the short ones at the beginning. BYTES: what
 * lies behind the first 4 KiB is one piece, or megabytes would take longer than anybody waits. */
static struct session_cuts segment_cuts(struct sim *s, size_t len)
{
    bool each = s->config->segment == SIM_BYTES;
    struct session_cuts cuts = {0};
    size_t at = 0, most = MIN(BYTES_MAX, MOVED_MAX / MAX(len, 1));

    while (cuts.n < most) {
        at += each ? 1 : 1 + (size_t)rand_r(&s->segment_state) % (at == 0 ? 2 : 4 + len / 4);
        if (at >= len)
            break;
        cuts.at = text_realloc(cuts.at, (cuts.n + 1) * sizeof *cuts.at);
        cuts.at[cuts.n++] = (int64_t)at;
    }
    return cuts;
}

/* Where the writes of a message of len bytes will end. */
static struct session_cuts cuts_of(const struct control *c, size_t len)
{
    const struct script_split *split = c->split;
    struct session_cuts cuts = {0};
    size_t every = split ? (size_t)split->every : 0;
    size_t n = every > 0 && len > 0 ? MIN((len - 1) / every, SESSION_CUTS_MAX)
               : split              ? split->n
                                    : 0;

    if (!split && (c->sim->config->segment == SIM_BYTES || c->sim->config->segment == SIM_RANDOM))
        return segment_cuts(c->sim, len);
    if (n == 0)
        return cuts;
    cuts = (struct session_cuts){text_realloc(NULL, n * sizeof *cuts.at), 0, split->delay_ms};
    for (size_t i = 0; i < n; i++) {
        int64_t at = every > 0 ? (int64_t)((i + 1) * every) : split->at[i];
        if (at < (int64_t)len)
            cuts.at[cuts.n++] = at;
    }
    return cuts;
}

void control_send(struct control *c, enum session_kind kind, const struct session_message *m,
                  struct bytes bytes)
{
    struct session_message message = m ? *m : (struct session_message){.body = bytes};

    if (c->is_udp) {
        send_datagram(c, bytes);
        return;
    }
    message.kind = kind;
    message.from = SESSION_US;
    message.joined = c->corked;
    message.cuts = cuts_of(c, bytes.len);
    sim_record(c->sim, c, message);
    add_cuts(c, &message.cuts);
    free(message.cuts.at);
    text_add(&c->out, bytes.at, bytes.len);
    if (c->sim->config->segment != SIM_COALESCED || c->split)
        control_flush(c);
}

void control_send_state(struct control *c, int8_t state)
{
    struct session_message m = {.state = state};

    control_send(c, SESSION_STATE, &m, (struct bytes){(const uint8_t *)&state, 1});
    if (c->is_server && (state == PARAM_EXCHANGE || state == EXCHANGE_RESULTS))
        c->json_due++;
}

bool control_is_flushed(const struct control *c)
{
    bool kept = c->sim->config->segment == SIM_COALESCED && !c->split;

    return c->out.len == 0 || c->fd < 0 || c->corked || kept;
}

void control_flush_all(struct sim *s)
{
    for (size_t i = 0; s->config->segment == SIM_COALESCED && i < s->n_controls; i++)
        control_flush(s->controls[i]);
}
