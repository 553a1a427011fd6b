/* frame_fuzzer.c - the control channel's frames: the same in any pieces, and written back as read.
 *
 * Input: a byte for the pieces, one for the limit of JSON texts, two for the kinds that are
 * expected (2 bits each, over and over), then the stream. */
#include "fuzz/fuzz.h"

#include "impl/wire/frame.h"

struct plan {
    size_t limit;
    unsigned kinds;
};

static enum frame_kind kind_of(const struct plan *plan, unsigned n)
{
    return (enum frame_kind)(plan->kinds >> 2 * (n % 8) & 3);
}

static void encode(enum frame_kind kind, struct bytes body, struct fuzz_log *wire)
{
    uint8_t head[9];
    int32_t ierr, os_errno;

    switch (kind) {
    case FRAME_JSON:
        fuzz_note(wire, head, frame_put_json_length(head, body.len));
        FUZZ_CHECK(body.at[body.len] == '\0', "no NUL behind a text of %zu", body.len);
        break;
    case FRAME_ERROR:
        frame_error_pair(body, &ierr, &os_errno);
        fuzz_note(wire, head + 1, frame_put_error(head, 2, ierr, os_errno) - 1);
        return;
    default:
        break;
    }
    fuzz_note(wire, body.at, body.len);
}

static void note_rest(const struct frame_decoder *dec, enum spec_err err, struct fuzz_log *events)
{
    int32_t ints[2] = {0};

    fuzz_note_u64(events, err);
    fuzz_note_u64(events, frame_partial(dec));
    fuzz_note_u64(events, frame_announced(dec));
    fuzz_note_u64(events, (uint64_t)frame_error_at_end(dec, ints));
    fuzz_note_u64(events, (uint32_t)ints[0]);
}

/* Read the stream in pieces; *wire gets all whole frames as we would send them. */
static void decode(const struct plan *plan, struct fuzz_cuts cuts, struct bytes in,
                   struct fuzz_log *events, struct fuzz_log *wire)
{
    struct frame_decoder dec;
    enum spec_err err = SPEC_MORE;
    size_t given = 0;
    unsigned n = 0;

    frame_init(&dec);
    frame_expect(&dec, kind_of(plan, 0), plan->limit);
    while (in.len > 0 && err != SPEC_E_LENGTH) {
        struct bytes body, piece = fuzz_piece(&cuts, &in);
        given += piece.len;
        while (piece.len > 0 && err != SPEC_E_LENGTH) {
            size_t before = piece.len;
            err = frame_feed(&dec, &piece, &body);
            FUZZ_CHECK(piece.len < before, "nothing taken of %zu", before);
            FUZZ_CHECK(dec.cap <= 2 * given + 64, "%zu bytes of memory for %zu", dec.cap, given);
            if (err != SPEC_OK)
                continue;
            FUZZ_CHECK(dec.kind != FRAME_JSON || (body.len > 0 && body.len <= plan->limit),
                       "a text of %zu", body.len);
            encode(dec.kind, body, wire);
            fuzz_note_u64(events, dec.kind);
            fuzz_note(events, body.at, body.len);
            frame_expect(&dec, kind_of(plan, ++n), plan->limit);
        }
    }
    note_rest(&dec, err, events);
    frame_fini(&dec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    struct fuzz_cuts cuts = {.seed = fuzz_u8(&in)}, whole = {0};
    struct plan plan = {.limit = (size_t)1 << fuzz_u8(&in) % 16};
    struct fuzz_log seen[2] = {{0}}, wire[2] = {{0}};

    plan.kinds = fuzz_u8(&in);
    plan.kinds = plan.kinds << 8 | fuzz_u8(&in);
    decode(&plan, whole, in, &seen[0], &wire[0]);
    decode(&plan, cuts, in, &seen[1], &wire[1]);
    FUZZ_CHECK(fuzz_equal(fuzz_noted(&seen[0]), fuzz_noted(&seen[1])), "pieces of up to %d",
               cuts.seed);
    FUZZ_CHECK(wire[0].len <= in.len &&
                   fuzz_equal(fuzz_noted(&wire[0]), (struct bytes){in.at, wire[0].len}),
               "frames are not written as they were read");
    for (int i = 0; i < 2; i++) {
        fuzz_log_fini(&seen[i]);
        fuzz_log_fini(&wire[i]);
    }
    return 0;
}
