/* transcript_fuzzer.c - files of --transcript: what is read can be written, and is read again.
 *
 * Input: the file. */
#include "fuzz/file.h"
#include "fuzz/fuzz.h"

#include "impl/net/transcript.h"

#define SESSIONS 16 /* open at once; further ones share their places */

static struct fuzz_file files[2];

/* --- what was read, without times, session by session --------------------------------------------
 */

struct reading {
    struct fuzz_log log;
    struct transcript *out; /* NULL: nothing is written */
    struct transcript_session *open[SESSIONS];
    enum observer_side role[SESSIONS];
    bool is_long; /* a run of bytes that a writer cuts in two */
};

static void note(struct fuzz_log *log, const struct transcript_event *e)
{
    fuzz_note_u64(log, (uint64_t)e->kind << 8 | e->side);
    if (e->kind == TRANSCRIPT_BYTES)
        fuzz_note(log, e->bytes.at, e->bytes.len);
    if (e->kind == TRANSCRIPT_RESET)
        fuzz_note_u64(log, (uint64_t)e->os_errno);
    if (e->kind != TRANSCRIPT_SESSION)
        return;
    fuzz_note(log, e->local, strlen(e->local) + 1);
    fuzz_note(log, e->peer, strlen(e->peer) + 1);
    fuzz_note_u64(log, (uint64_t)e->local_port << 16 | e->peer_port);
}

static void begin(struct reading *r, unsigned i, const struct transcript_event *e)
{
    transcript_end(r->open[i]);
    r->role[i] = e->side;
    r->open[i] = transcript_begin(r->out, e->side, e->local, e->local_port, e->peer, e->peer_port);
}

static enum spec_err check_event(void *context, const struct transcript_event *e)
{
    struct reading *r = context;

    FUZZ_CHECK(e->kind != TRANSCRIPT_BYTES ||
                   (e->bytes.len > 0 && e->bytes.len <= TRANSCRIPT_LINE_BYTES + 128),
               "%zu bytes", e->bytes.len);
    FUZZ_CHECK(e->kind != TRANSCRIPT_SESSION || (*e->local != '\0' && *e->peer != '\0'), "names");
    if (r->out == NULL && e->kind != TRANSCRIPT_END)
        note(&r->log, e);
    return SPEC_OK;
}

/* Whether a writer makes such a line: of a session that is open, and the end of the peer alone. */
static bool is_written(const struct reading *r, unsigned i, const struct transcript_event *e)
{
    if (e->kind == TRANSCRIPT_SESSION)
        return true;
    if (r->open[i] == NULL || e->kind == TRANSCRIPT_GAP || e->kind == TRANSCRIPT_END)
        return false;
    return e->kind == TRANSCRIPT_BYTES || e->side != r->role[i];
}

static void put(struct reading *r, unsigned i, const struct transcript_event *e)
{
    if (e->kind == TRANSCRIPT_SESSION)
        begin(r, i, e);
    else if (e->kind != TRANSCRIPT_BYTES)
        transcript_over(r->open[i], e->kind == TRANSCRIPT_RESET, e->os_errno);
    else if (e->side == r->role[i])
        transcript_sent(r->open[i], e->bytes);
    else
        transcript_received(r->open[i], e->bytes);
}

static enum spec_err copy_event(void *context, const struct transcript_event *e)
{
    struct reading *r = context;
    unsigned i = (unsigned)(e->session % SESSIONS);

    r->is_long = r->is_long || e->bytes.len > TRANSCRIPT_LINE_BYTES;
    if (is_written(r, i, e)) {
        note(&r->log, e);
        put(r, i, e);
    }
    if (e->kind == TRANSCRIPT_END) {
        transcript_end(r->open[i]);
        r->open[i] = NULL;
    }
    return check_event(context, e);
}

/* A copy reads to its end, and says what was written into it. */
static void check_copy(void)
{
    struct reading in = {.out = transcript_open(files[1].path)}, again = {.out = NULL};
    unsigned long line;

    if (in.out == NULL)
        abort();
    transcript_read(files[0].path, copy_event, &in, &line);
    FUZZ_CHECK(transcript_close(in.out) == SPEC_OK, "writer");
    FUZZ_CHECK(transcript_read(files[1].path, check_event, &again, &line) == SPEC_OK, "line %lu",
               line);
    FUZZ_CHECK(in.is_long || fuzz_equal(fuzz_noted(&in.log), fuzz_noted(&again.log)),
               "not the same");
    fuzz_log_fini(&in.log);
    fuzz_log_fini(&again.log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading r = {.out = NULL};
    unsigned long line = 0, n_lines = 1;

    fuzz_file_fill(&files[0], (struct bytes){data, size});
    fuzz_file_fill(&files[1], (struct bytes){data, 0});
    for (size_t i = 0; i < size; i++)
        n_lines += data[i] == '\n';
    enum spec_err err = transcript_read(files[0].path, check_event, &r, &line);
    FUZZ_CHECK(err == SPEC_OK || err == SPEC_E_VALUE, "%d", err);
    FUZZ_CHECK(line <= n_lines, "line %lu of %lu", line, n_lines);
    fuzz_log_fini(&r.log);
    check_copy();
    return 0;
}
