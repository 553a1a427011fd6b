/* transcript_fuzzer.c - files of --transcript: what is read can be written, and is read again.
 *
 * Input: the file. */
#include "fuzz/fuzz.h"

#include "impl/net/transcript.h"

#include <sys/mman.h>
#include <unistd.h>

#define SESSIONS 16 /* of one file; more are not compared */

/* A file in memory, with a path. */
struct file {
    int fd;
    char path[32];
};

static struct file files[2];

static void fill(struct file *file, struct bytes bytes)
{
    if (file->fd == 0) {
        file->fd = memfd_create("transcript", MFD_CLOEXEC);
        snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
    }
    if (ftruncate(file->fd, 0) != 0 ||
        pwrite(file->fd, bytes.at, bytes.len, 0) != (ssize_t)bytes.len)
        abort();
}

/* --- what was read, without times, session by session --------------------------------------------
 */

struct reading {
    struct fuzz_log log;
    struct transcript *out; /* NULL: nothing is written */
    struct transcript_session *open[SESSIONS];
    enum observer_side role[SESSIONS];
    unsigned n_begun;
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
    r->n_begun++;
    r->open[i] = transcript_begin(r->out, e->side, e->local, e->local_port, e->peer, e->peer_port);
}

static enum spec_err check_event(void *context, const struct transcript_event *e)
{
    struct reading *r = context;

    FUZZ_CHECK(e->kind != TRANSCRIPT_BYTES ||
                   (e->bytes.len > 0 && e->bytes.len <= TRANSCRIPT_LINE_BYTES + 128),
               "%zu bytes", e->bytes.len);
    FUZZ_CHECK(e->kind != TRANSCRIPT_SESSION || (*e->local != '\0' && *e->peer != '\0'), "names");
    if (r->out == NULL)
        note(&r->log, e);
    return SPEC_OK;
}

/* Write an event down again, if it is one that a writer makes: its own bytes, the peer's end. */
static enum spec_err copy_event(void *context, const struct transcript_event *e)
{
    struct reading *r = context;
    unsigned i = (unsigned)(e->session % SESSIONS);
    bool is_own = r->open[i] != NULL && e->side == r->role[i];

    if (e->kind == TRANSCRIPT_SESSION)
        begin(r, i, e);
    if (e->kind == TRANSCRIPT_BYTES && is_own)
        transcript_sent(r->open[i], e->bytes);
    if (e->kind == TRANSCRIPT_BYTES && !is_own)
        transcript_received(r->open[i], e->bytes);
    if ((e->kind == TRANSCRIPT_EOF || e->kind == TRANSCRIPT_RESET) && !is_own)
        transcript_over(r->open[i], e->kind == TRANSCRIPT_RESET, e->os_errno);
    if (e->kind == TRANSCRIPT_END) {
        transcript_end(r->open[i]);
        r->open[i] = NULL;
    }
    return check_event(context, e);
}

/* Returns how many sessions there were. */
static unsigned copy(const char *from, const char *to)
{
    struct reading r = {.out = transcript_open(to)};
    unsigned long line;

    if (r.out == NULL)
        abort();
    transcript_read(from, copy_event, &r, &line);
    FUZZ_CHECK(transcript_close(r.out) == SPEC_OK, "writer");
    return r.n_begun;
}

/* A written file reads to its end, and its copy says the same. */
static void check_copy(void)
{
    struct reading one = {.out = NULL}, two = {.out = NULL};
    unsigned long line;

    unsigned n_sessions = copy(files[0].path, files[1].path);
    FUZZ_CHECK(transcript_read(files[1].path, check_event, &one, &line) == SPEC_OK, "line %lu",
               line);
    copy(files[1].path, files[0].path);
    FUZZ_CHECK(transcript_read(files[0].path, check_event, &two, &line) == SPEC_OK, "line %lu",
               line);
    FUZZ_CHECK(n_sessions >= SESSIONS || fuzz_equal(fuzz_noted(&one.log), fuzz_noted(&two.log)),
               "not the same");
    fuzz_log_fini(&one.log);
    fuzz_log_fini(&two.log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading r = {.out = NULL};
    unsigned long line = 0, n_lines = 1;

    fill(&files[0], (struct bytes){data, size});
    fill(&files[1], (struct bytes){data, 0});
    for (size_t i = 0; i < size; i++)
        n_lines += data[i] == '\n';
    enum spec_err err = transcript_read(files[0].path, check_event, &r, &line);
    FUZZ_CHECK(err == SPEC_OK || err == SPEC_E_VALUE, "%d", err);
    FUZZ_CHECK(line <= n_lines, "line %lu of %lu", line, n_lines);
    fuzz_log_fini(&r.log);
    check_copy();
    return 0;
}
