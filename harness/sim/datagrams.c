/* datagrams.c - what a sender of datagrams puts into them: times, numbers, length. */
#include "harness/sim/peer.h"

/* Between two looks at the peer's queue: less than the least buffer of a socket holds. */
#define PACE     16
#define PACE_LEN 4096
#define LOOK_NS  50000u /* at 1 Gbit/s 5000 looks a second are due */

static int64_t changed(const struct script_field *field, int64_t base)
{
    if (!field->given)
        return base;
    return field->relative ? (int64_t)((uint64_t)base + (uint64_t)field->value) : field->value;
}

static struct datagram_header change(const struct script_fields *fields,
                                     const struct datagram_header *base)
{
    return (struct datagram_header){(uint32_t)changed(&fields->sec, base->sec),
                                    (uint32_t)changed(&fields->usec, base->usec),
                                    (uint64_t)changed(&fields->seq, (int64_t)base->seq)};
}

static struct datagram_header honest(uint64_t seq)
{
    uint64_t us = now_ns() / 1000;

    return (struct datagram_header){(uint32_t)(us / 1000000), (uint32_t)(us % 1000000), seq};
}

static size_t honest_len(const struct control *c)
{
    return (size_t)MIN(MAX(c->params.len, DATAGRAM_LEN_MIN), DATAGRAM_LEN_MAX);
}

static size_t len_of(const struct control *c, const struct script_fields *fields)
{
    int64_t len = changed(&fields->len, (int64_t)honest_len(c));

    return (size_t)MIN(MAX(len, 0), DATAGRAM_LEN_MAX);
}

bool datagram_send_next(struct control *c, struct lane *st, uint64_t seq)
{
    const struct script_wire *wire = moment_wire(c, "datagram", st->id, SCRIPT_WIRE_FIELDS);
    const struct script_fields none = {0}, *fields = wire ? &wire->fields : &none;
    struct datagram_header base = honest(seq), header = change(fields, &base);

    return lane_send_datagram(c, st, &header, len_of(c, fields));
}

/* Fields are relative to the datagram before; one without them is an honest one of that number. */
static bool send_one(struct control *c, struct lane *st, const struct script_datagrams *run,
                     int64_t seq)
{
    struct datagram_header base = st->datagrams ? st->last : honest(0);

    if (!run->has_fields)
        return datagram_send_next(c, st, (uint64_t)seq);
    if (!run->fields.seq.given)
        base.seq++;
    if (!run->fields.sec.given && !run->fields.usec.given)
        base = honest(base.seq);
    base = change(&run->fields, &base);
    return lane_send_datagram(c, st, &base, len_of(c, &run->fields));
}

/* What has been played of a step that sends datagrams until a moment, which may be over. */
struct progress {
    uint64_t n, all, began_ns, until_ns;
};

/* An even pace: who is late catches up. */
static void keep_pace(struct sim *s, const struct progress *p)
{
    double share = (double)p->n / (double)p->all;
    uint64_t ns = p->until_ns - MIN(p->began_ns, p->until_ns), now = now_ns();
    uint64_t due = p->began_ns + (uint64_t)((double)ns * share);

    if (due > now)
        sim_pause(s, (int64_t)((due - now) / 1000000));
}

/* So that none is lost on the way: the peer has read what was sent. */
static void pace(struct control *c, const struct lane *st, const struct script_send *send,
                 struct progress *p, uint64_t len)
{
    uint64_t deadline = sim_deadline(c->sim, 1000);

    p->n++;
    if (send->until.given)
        keep_pace(c->sim, p);
    if (send->every_ms)
        sim_pause(c->sim, send->every_ms);
    else if ((st->datagrams % PACE == 0 || len > PACE_LEN) && c->sim->config->is_local &&
             st->fd >= 0)
        while (!drained(st->fd, true) && now_ns() < deadline && !sim_failed(c->sim))
            sim_pump(c->sim, now_ns() + LOOK_NS);
}

static bool send_waiting(struct control *c, struct lane *st, const struct script_datagrams *run,
                         int64_t seq)
{
    uint64_t deadline = sim_patience(c->sim, WAIT_MS);

    while (!send_one(c, st, run, seq)) {
        if (now_ns() >= deadline || sim_failed(c->sim))
            return sim_fail(c->sim, SIM_TROUBLE, "datagrams cannot be sent");
        sim_pause(c->sim, 1);
    }
    return true;
}

static bool send_run_of(struct control *c, struct lane *st, const struct script_send *send,
                        const struct script_datagrams *run, struct progress *p, bool may_wait)
{
    for (int64_t n = 0; n < run->times; n++) {
        for (int64_t seq = run->from; seq <= run->to; seq++) {
            uint64_t before = st->sent;
            if (sim_failed(c->sim))
                return false;
            if (!may_wait)
                send_one(c, st, run, seq);
            else if (!send_waiting(c, st, run, seq))
                return false;
            else
                pace(c, st, send, p, st->sent - before);
        }
    }
    return true;
}

bool datagrams_send(struct control *c, struct lane *st, const struct script_send *send,
                    bool may_wait)
{
    struct progress progress = {.all = (uint64_t)script_n_datagrams(send), .began_ns = now_ns()};
    bool is_paced = may_wait && send->until.given;
    bool ok = !is_paced || pause_find_deadline(c->sim, &send->until, &progress.until_ns);

    for (size_t i = 0; i < send->n_datagrams && ok; i++)
        ok = send_run_of(c, st, send, &send->datagrams[i], &progress, may_wait);
    return ok;
}
