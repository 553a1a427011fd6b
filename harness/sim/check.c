/* check.c - the peer's results against what went over the sockets (RES-11, RES-16, RES-22). */
#include "harness/sim/peer.h"

#include <stdlib.h>

#define UDP_BATCH_MAX 65535 /* bytes that UDP_SEGMENT takes in one call */

static void first_remark(void *context, const struct remark *r)
{
    struct text *why = context;

    if (why->len == 0)
        text_addf(why, "%s%sexpected %s, found %s (%s)", r->key, *r->key ? ": " : "", r->expected,
                  r->found, r->clause);
}

/* Counts agree where nothing can have been on its way: all we sent was read before TEST_END. A
 * block that is not whole need not be counted (RES-25). */
static bool sent_agrees(const struct control *c, const struct lane *st,
                        const struct results_stream *r, struct text *why)
{
    uint64_t len = (uint64_t)MAX(c->params.len, 1);
    /* The omit periods of the two sides are not synchronised (OMIT-3). */
    bool exact = c->drained && st->due % len == 0 && !st->reset && c->params.omit <= 0;
    uint64_t sent = exact ? st->due : st->sent;

    if ((uint64_t)r->bytes > sent || (exact && (uint64_t)r->bytes != sent)) {
        text_addf(why, "stream %lld has %lld bytes, and we sent %llu (RES-11)", (long long)st->id,
                  (long long)r->bytes, (unsigned long long)sent);
        return false;
    }
    if (st->udp && exact && !c->own_data && (uint64_t)r->packets != st->datagrams) {
        text_addf(why, "stream %lld has %lld packets, and we sent %llu (RES-16)", (long long)st->id,
                  (long long)r->packets, (unsigned long long)st->datagrams);
        return false;
    }
    return true;
}

/* What a sender hands to the kernel at once: a block, or with gso all datagrams of 64 KiB. */
static uint64_t written_at_once(const struct control *c, const struct lane *st)
{
    uint64_t len = (uint64_t)MAX(c->params.len, 1);

    return st->udp && c->params.gso ? MAX(UDP_BATCH_MAX / len, 1) * len : len;
}

/* A sender that is stopped in the middle of a write may not have counted what it wrote last: 3.16+
 * ends its sending threads wherever they are (observed: 626 datagrams came, 625 were reported). */
static bool received_agrees(const struct control *c, const struct lane *st,
                            const struct results_stream *r, struct text *why)
{
    if ((uint64_t)r->bytes + written_at_once(c, st) >= st->received ||
        c->params.omit > 0) /* OMIT-3 */
        return true;
    text_addf(why, "stream %lld has %lld bytes sent, and we received %llu (RES-11)",
              (long long)st->id, (long long)r->bytes, (unsigned long long)st->received);
    return false;
}

static bool check_streams(const struct control *c, const struct results *r, struct text *why)
{
    bool ok = true;

    for (size_t i = 0; i < c->n_streams && ok; i++) {
        const struct lane *st = c->streams[i];
        const struct results_stream *theirs = results_find(r, st->id);
        if (!theirs) {
            text_addf(why, "stream %lld is missing (RES-1)", (long long)st->id);
            return false;
        }
        ok = st->we_send ? sent_agrees(c, st, theirs, why) : received_agrees(c, st, theirs, why);
    }
    return ok;
}

bool check_text(struct bytes text, struct text *why)
{
    uint8_t last = text.len > 0 ? text.at[text.len - 1] : ' ';

    if (last != 0 && last != '\n')
        return true;
    text_addf(why, "a %s behind the JSON text (JSON-2)", last ? "newline" : "NUL");
    return false;
}

bool check_results(struct control *c, const char *json, size_t len, struct text *why)
{
    struct results r;
    struct remarks remarks = {first_remark, why};
    int64_t *ids;

    if (!check_text((struct bytes){(const uint8_t *)json, len}, why))
        return false;
    ids = text_realloc(NULL, (c->n_streams + 1) * sizeof *ids);
    for (size_t i = 0; i < c->n_streams; i++)
        ids[i] = c->streams[i]->id;
    enum spec_err e =
        results_decode((struct bytes){(const uint8_t *)json, len}, ids, c->n_streams, &r, &remarks);
    free(ids);
    if (e != SPEC_OK && why->len == 0)
        text_adds(why, spec_err_text(e));
    else if (e == SPEC_OK)
        text_fini(why); /* remarks on a message that is good enough */
    bool ok = e == SPEC_OK && check_streams(c, &r, why);
    results_fini(&r);
    return ok;
}
