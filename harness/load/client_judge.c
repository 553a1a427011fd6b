/* client_judge.c - whether both ends' results can be true, and what was lost. */
#include "harness/load/client_core.h"

#include "harness/interop/numbers.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_tcp_to_the_byte(const struct load_client *c)
{
    return !c->owner.udp && c->params->omit <= 0 && (c->end.bytes > 0 || c->end.blocks > 0);
}

/* Bytes that one end may have counted and the other not: what was under way at the end, and as much
 * as moved while we omitted it, since how late a busy server begins to count nobody sees (OMIT-3).
 */
static uint64_t uncounted(const struct load_client *c)
{
    uint64_t bytes = c->setting->buffers;

    for (unsigned i = 0; i < c->n_flows; i++)
        bytes += c->flows[i].thrown_away + c->flows[i].omitted.bytes;
    return bytes;
}

static bool numbers_are_right(struct load_client *c, const struct results *server)
{
    struct numbers_test test = {
        .params = c->params,
        .client = &c->mine,
        .server = server,
        .in_flight = uncounted(c),
        .omits = c->params->omit > 0,
        .server_cuts = true, /* RES-30 */
        .may_idle = true,
    };
    struct text why = {0};
    bool ok = numbers_agree(&test, &why);

    if (!ok)
        load_client_blame(c, "the two ends' numbers disagree", text_string(&why));
    text_fini(&why);
    return ok;
}

/* All was acknowledged before TEST_END: a server that counts every byte has it all (INT-7). */
static bool every_byte_is_there(struct load_client *c, const struct results *server)
{
    char detail[160];

    for (unsigned i = 0; i < c->n_flows; i++) {
        const struct results_stream *mine = &c->mine.streams[i];
        const struct results_stream *theirs = results_find(server, mine->id);
        if (!c->flows[i].sends || theirs->bytes == mine->bytes)
            continue;
        snprintf(detail, sizeof detail,
                 "stream %" PRId64 ": %" PRId64 " bytes sent, %" PRId64 " counted", mine->id,
                 mine->bytes, theirs->bytes);
        load_client_blame(c, "the server does not count every byte (INT-7)", detail);
        return false;
    }
    return true;
}

/* RES-28: the server's counted period lies between our connect and its results, and begins after
 * the omit period (OMIT-1). */
static bool time_is_right(struct load_client *c, const struct results *server)
{
    double session = (double)(loop_now() - c->report.began_ns) / 1e9;
    double whole = session - (double)c->params->omit;
    char detail[160];

    for (size_t i = 0; i < server->n_streams; i++) {
        const struct results_stream *s = &server->streams[i];
        double told = s->end_time - s->start_time;
        if (!s->has_times || (told >= 0 && told <= whole))
            continue;
        snprintf(detail, sizeof detail, "stream %" PRId64 ": %g s, of %g s in all", s->id, told,
                 whole);
        load_client_blame(c, "the server's time cannot be (RES-28)", detail);
        return false;
    }
    return true;
}

static void add_up(struct load_client *c, const struct results *server)
{
    struct load_report *r = &c->report;

    for (unsigned i = 0; i < c->n_flows; i++) {
        bool sends = c->flows[i].sends;
        const struct results_stream *mine = &c->mine.streams[i];
        const struct results_stream *theirs = results_find(server, mine->id);
        const struct results_stream *sender = sends ? mine : theirs;
        const struct results_stream *receiver = sends ? theirs : mine;
        *(sends ? &r->sent : &r->received) += (uint64_t)receiver->bytes;
        if (!c->owner.udp)
            continue;
        /* What a server sends behind our end is not lost (END-1). */
        int64_t of = sends ? sender->packets : receiver->packets;
        int64_t lost = of - receiver->packets + receiver->errors - receiver->omitted_errors;
        r->datagrams += (uint64_t)(of - receiver->omitted_packets);
        r->lost += (uint64_t)MAX(lost, 0); /* of the omitted ones some may have come late */
    }
}

static void check_loss(struct load_client *c)
{
    const struct load_report *r = &c->report;
    char detail[160];

    if ((double)r->lost <= c->setting->max_loss * (double)r->datagrams)
        return;
    snprintf(detail, sizeof detail, "%" PRIu64 " of %" PRIu64 " datagrams", r->lost, r->datagrams);
    load_client_blame(c, "more loss than --max-loss allows", detail);
}

void load_client_judge(struct load_client *c)
{
    const struct results *server = machine_peer_results(c->machine);

    if (!server || c->mine.n_streams == 0) {
        load_client_blame(c, "the test ended without results", "");
        return;
    }
    if (!numbers_are_right(c, server) || !time_is_right(c, server))
        return;
    if (c->setting->counts_all && is_tcp_to_the_byte(c) && !every_byte_is_there(c, server))
        return;
    add_up(c, server);
    check_loss(c);
}
