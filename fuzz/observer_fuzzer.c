/* observer_fuzzer.c - the observer on any two directions: the same verdicts in any pieces, in
 * bounded memory.
 *
 * Input: a byte for the pieces, one of flags (1 clauses for new implementations, 2 and 4 the side
 * that is not judged), then records as in script.h. The first byte of a record is what it is:
 *   C S  bytes of that side       K  a cookie of the client's
 *   J j  a text behind its length, of the client, of the server
 *   c s  FIN                      x y  reset
 *   g h  a gap, its length in two bytes
 * A side is judged no more behind its end. */
#include "fuzz/watch.h"

#define RECORDS 96

static void see(struct watch *w, struct fuzz_cuts *cuts, enum observer_side from, uint64_t at_ns,
                struct bytes bytes)
{
    while (bytes.len > 0)
        watch_bytes(w, from, at_ns, fuzz_piece(cuts, &bytes));
}

static void see_text(struct watch *w, struct fuzz_cuts *cuts, enum observer_side from,
                     uint64_t at_ns, struct bytes text)
{
    uint8_t length[4];

    store_be32(length, (uint32_t)text.len);
    see(w, cuts, from, at_ns, (struct bytes){length, sizeof length});
    see(w, cuts, from, at_ns, text);
}

/* A gap counts as input: inside a text it is filled. */
static void see_gap(struct watch *w, enum observer_side from, uint64_t at_ns, struct bytes payload)
{
    uint64_t len = fuzz_u8(&payload);

    len = len << 8 | fuzz_u8(&payload);
    observer_gap(w->o, from, at_ns, len);
    w->n_missing += len;
}

static void see_record(struct watch *w, struct fuzz_cuts *cuts, uint64_t at_ns, struct bytes record)
{
    static const uint8_t cookie[] = "mpczabcdefghijklmnopqrstuvwxyz234567";
    char what = (char)fuzz_u8(&record);

    if (what == 'C' || what == 'S')
        see(w, cuts, what == 'C' ? OBSERVER_CLIENT : OBSERVER_SERVER, at_ns, record);
    if (what == 'K')
        see(w, cuts, OBSERVER_CLIENT, at_ns, (struct bytes){cookie, sizeof cookie});
    if (what == 'J' || what == 'j')
        see_text(w, cuts, what == 'J' ? OBSERVER_CLIENT : OBSERVER_SERVER, at_ns, record);
    if (what == 'c' || what == 's')
        observer_end(w->o, what == 'c' ? OBSERVER_CLIENT : OBSERVER_SERVER, at_ns, false);
    if (what == 'x' || what == 'y')
        observer_end(w->o, what == 'x' ? OBSERVER_CLIENT : OBSERVER_SERVER, at_ns, true);
    if (what == 'g' || what == 'h')
        see_gap(w, what == 'g' ? OBSERVER_CLIENT : OBSERVER_SERVER, at_ns, record);
}

static void observe(struct watch *w, uint8_t seed, uint8_t flags, struct bytes in)
{
    struct fuzz_cuts cuts = {.seed = seed};

    watch_init(w, flags & 1, !(flags & 2), !(flags & 4));
    for (uint64_t n = 0; in.len > 0 && n < RECORDS; n++) {
        const uint8_t *end = memchr(in.at, 0x1e, in.len);
        see_record(w, &cuts, n, fuzz_take(&in, end != NULL ? (size_t)(end - in.at) : in.len));
        fuzz_u8(&in);
    }
    observer_finish(w->o);
}

static void check(const struct watch *w)
{
    if (observer_completed(w->o))
        FUZZ_CHECK(w->n_messages > 0, "complete without a message");
    if (observer_params(w->o) != NULL)
        FUZZ_CHECK(params_time_limit(observer_params(w->o)) >= 0, "time limit");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    uint8_t seed = fuzz_u8(&in), flags = fuzz_u8(&in);
    struct watch whole, pieces;

    fuzz_memory_start();
    observe(&whole, 0, flags, in);
    fuzz_memory_stop(1 << 17, 512, size + whole.n_missing);
    observe(&pieces, seed, flags, in);
    check(&whole);
    if (flags & 2)
        FUZZ_CHECK(whole.n_violations[OBSERVER_CLIENT] == 0, "the client is not to be judged");
    if (flags & 4)
        FUZZ_CHECK(whole.n_violations[OBSERVER_SERVER] == 0, "the server is not to be judged");
    FUZZ_CHECK(fuzz_equal(fuzz_noted(&whole.log), fuzz_noted(&pieces.log)),
               "other verdicts in pieces of up to %d", seed);
    watch_fini(&whole);
    watch_fini(&pieces);
    return 0;
}
