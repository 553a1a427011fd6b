/* run.c - see run.h. The loop's side of the data phase: timers, intervals, the end. The workers'
 * side is stream.c; what the results message says is in run_results.c. */
#include "impl/traffic/run.h"

#include "impl/traffic/run_state.h"
#include "impl/traffic/tcpinfo.h"
#include "impl/wire/bytes.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NS_PER_SEC     UINT64_C(1000000000)
#define SAMPLE_NS      UINT64_C(20000000)
#define SAMPLE_STREAMS 8

/* --- looking at the streams ---------------------------------------------------------------------
 */

static struct tally_point look(struct stream *s)
{
    struct tally_point point = {.counts = counters_read(&s->counters)};

    if (!s->flow->udp)
        point.tcp = tcpinfo_read(s->fd);
    if (atomic_load(&s->omit_over)) /* nothing arrived since */
        point.counts.jitter_s = 0;
    return point;
}

struct sums {
    uint64_t bytes, blocks;
};

/* Counted period only. */
static struct sums sum(const struct run *run, bool sender)
{
    struct sums sums = {0};

    for (size_t i = 0; i < run->n_streams; i++) {
        struct stream *s = run->streams[i];
        struct counts now = counters_read(&s->counters);
        if (s->sends != sender)
            continue;
        sums.bytes += tally_bytes(&s->tally, &now);
        sums.blocks += tally_blocks(&s->tally, &now);
    }
    if (!sender && !run->flow.udp) /* reads mean nothing (END-1): bytes in terms of blocks */
        sums.blocks = sums.bytes / run->flow.len;
    return sums;
}

static uint64_t all_bytes(const struct run *run)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < run->n_streams; i++)
        bytes += counters_read(&run->streams[i]->counters).bytes;
    return bytes;
}

/* --- round trip times: sampled, since the kernel tells the last one only -----------------------
 */

static bool is_sampled(const struct stream *s)
{
    return s->detail && s->sends && !s->flow->udp && s->fd >= 0;
}

static void forget(struct spread *samples)
{
    memset(samples, 0, sizeof *samples);
}

static void note_rtt(struct stream *s, const struct interval_tcp *tcp)
{
    if (!is_sampled(s) || !tcp->valid || tcp->rtt_us == 0)
        return;
    spread_add(&s->detail->rtt_us, tcp->rtt_us, 1);
    spread_add(&s->detail->row_rtt_us, tcp->rtt_us, 1);
}

static void sample(struct loop_timer *timer, uint64_t now_ns)
{
    struct run *run = LOOP_OWNER(struct run, sample, timer);
    bool any = false;

    for (size_t i = 0; i < run->n_streams; i++) {
        struct stream *s = run->streams[i];
        struct interval_tcp tcp = is_sampled(s) ? tcpinfo_read(s->fd) : (struct interval_tcp){0};
        any = any || tcp.valid;
        note_rtt(s, &tcp);
    }
    /* Many streams are asked less often: each costs a call of the kernel. */
    if (any)
        loop_timer_set(run->config.loop, timer,
                       now_ns + SAMPLE_NS * (1 + run->n_streams / SAMPLE_STREAMS));
}

/* --- intervals ----------------------------------------------------------------------------------
 */

static bool is_worth_a_row(const struct run *run, uint64_t len_ns)
{
    if (len_ns >= run->interval_ns / 10)
        return true;
    for (size_t i = 0; i < run->n_streams; i++)
        if (run->rows[i].bytes > 0)
            return true;
    return false;
}

/* Close the current stretch of all streams, and report it unless it is negligible. */
static void close_stretch(struct run *run, uint64_t now_ns)
{
    bool omitted = run->counted_from_ns == 0;
    uint64_t origin_ns = omitted ? run->start_ns : run->counted_from_ns;
    uint64_t from_ns = run->stretch_from_ns;

    for (size_t i = 0; i < run->n_streams; i++) {
        struct stream *s = run->streams[i];
        struct tally_point point = look(s);
        run->rows[i] = tally_interval(&s->tally, &point);
        run->rows[i].id = account_stream_id((unsigned)i);
        run->rows[i].socket = s->socket;
        run->rows[i].omitted = omitted;
        run->rows[i].rtt_us = s->detail ? &s->detail->row_rtt_us : NULL;
        note_rtt(s, &point.tcp);
        run->rows[i].start_s = (double)(from_ns - origin_ns) / (double)NS_PER_SEC;
        run->rows[i].end_s = (double)(now_ns - origin_ns) / (double)NS_PER_SEC;
    }
    run->stretch_from_ns = now_ns;
    if (run->started && !run->quiet && is_worth_a_row(run, now_ns - from_ns))
        run->config.interval(run->config.context, run->rows, run->n_streams);
    for (size_t i = 0; i < run->n_streams; i++)
        if (run->streams[i]->detail)
            forget(&run->streams[i]->detail->row_rtt_us);
}

static void interval_due(struct run *run, uint64_t now_ns)
{
    close_stretch(run, now_ns);
    /* A late tick moves no later boundary. */
    run->next_row_ns += ((now_ns - run->next_row_ns) / run->interval_ns + 1) * run->interval_ns;
}

static void start_intervals(struct run *run, uint64_t now_ns)
{
    run->stretch_from_ns = now_ns;
    run->next_row_ns = run->interval_ns > 0 ? now_ns + run->interval_ns : UINT64_MAX;
}

/* OMIT-1, END-8: from here on everything counts anew. */
static void omit_end(struct run *run, uint64_t now_ns)
{
    bool quiet = run->quiet;

    /* Before the new base is taken: what is received in between may only be added up twice, never
     * be missed. */
    atomic_store(&run->flow.received_bytes, 0);
    atomic_store(&run->flow.received_blocks, 0);
    run->quiet = quiet || run->interval_ns == 0; /* -i 0 reports the counted period only */
    close_stretch(run, now_ns);
    run->quiet = quiet;
    for (size_t i = 0; i < run->n_streams; i++) {
        tally_omit_end(&run->streams[i]->tally);
        if (run->streams[i]->detail)
            forget(&run->streams[i]->detail->rtt_us);
        atomic_store(&run->streams[i]->omit_over, true);
    }
    run->omit_at_ns = UINT64_MAX;
    run->counted_from_ns = now_ns;
    budget_set(&run->flow.budget, account_blocks(&run->end, run->flow.len));
    start_intervals(run, now_ns);
}

/* --- the end ------------------------------------------------------------------------------------
 */

static void end_counting(struct run *run)
{
    bool client = run->config.role == MACHINE_CLIENT;

    loop_timer_cancel(&run->sample);
    run_stop_workers(run);
    loop_unwatch(&run->notice);
    run->ended = true;
    run->ended_ns = loop_now();
    getrusage(RUSAGE_SELF, &run->usage_end);
    if (!run->flow.udp && !run->flow.sctp && run->n_streams > 0)
        tcpinfo_congestion(run->streams[0]->fd, run->congestion);
    run->drain_at_ns = client && !run->flow.udp ? run->ended_ns + RUN_DRAIN_NS : UINT64_MAX;
    loop_timer_set(run->config.loop, &run->timer, run->drain_at_ns);
    if (run->ended_ns >= run->omit_at_ns) /* nobody has looked at the clock since */
        omit_end(run, run->omit_at_ns);
    close_stretch(run, run->ended_ns);
}

/* Every sender has sent its file, or failed on the way. */
static bool files_are_sent(const struct run *run)
{
    bool any = false;

    for (size_t i = 0; i < run->n_streams; i++) {
        struct stream *s = run->streams[i];
        if (s->sends && !atomic_load(&s->exited))
            return false;
        any |= atomic_load(&s->finished);
    }
    return any;
}

static bool end_holds(const struct run *run, uint64_t now_ns)
{
    int64_t counted_ns = run->counted_from_ns == 0 ? -1 : (int64_t)(now_ns - run->counted_from_ns);
    struct sums sent = sum(run, true), received = sum(run, false);

    if (run->config.role != MACHINE_CLIENT)
        return false;
    return account_end_reached(&run->end, counted_ns, sent.bytes, sent.blocks) ||
           account_end_reached(&run->end, counted_ns, received.bytes, received.blocks) ||
           (counted_ns >= 0 && files_are_sent(run));
}

/* A client's test without a time limit of which no stream is left: errno of a failed sender, else
 * 0. */
static int hopeless_errno(const struct run *run)
{
    int failure = 0;

    if (run->config.role != MACHINE_CLIENT || run->end.time_ns > 0)
        return 0;
    for (size_t i = 0; i < run->n_streams; i++) {
        struct stream *s = run->streams[i];
        if (!atomic_load(&s->exited))
            return 0;
        if (s->sends && failure == 0)
            failure = atomic_load(&s->failure);
    }
    return failure;
}

/* A stream that gave up may have left blocks to the others. */
static void wake_after_exit(struct run *run)
{
    size_t n_exited = 0;

    for (size_t i = 0; i < run->n_streams; i++)
        n_exited += atomic_load(&run->streams[i]->exited);
    if (n_exited == run->n_exited)
        return;
    run->n_exited = n_exited;
    run_wake_workers(run);
}

/* --- reading on after the end (FLOW-6) -----------------------------------------------------------
 */

static void drain_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    if (!tcp_discard(LOOP_OWNER(struct stream, source, source)))
        loop_unwatch(source);
}

static void start_drain(struct run *run)
{
    for (size_t i = 0; i < run->n_streams; i++) {
        struct stream *s = run->streams[i];
        s->source = (struct loop_source){.fd = s->fd, .ready = drain_ready};
        if (!s->sends && s->fd >= 0)
            (void)loop_watch(run->config.loop, &s->source,
                             EPOLLIN); /* a favour: without it no harm */
    }
}

/* --- time and notices ----------------------------------------------------------------------------
 */

static void arm(struct run *run)
{
    uint64_t at_ns = MIN(run->omit_at_ns, run->next_row_ns);

    at_ns = MIN(MIN(at_ns, run->rate.next_ns), run->listen_at_ns);
    if (run->config.role == MACHINE_CLIENT && run->end.time_ns > 0 && run->counted_from_ns > 0 &&
        run->started)
        at_ns = MIN(at_ns, run->counted_from_ns + run->end.time_ns);
    loop_timer_set(run->config.loop, &run->timer, at_ns);
}

void run_give_up(struct run *run, int ierr, int os_errno)
{
    run->gave_up = true;
    run->rate.next_ns = run->listen_at_ns = UINT64_MAX;
    arm(run);
    run->config.failed(run->config.context, ierr, os_errno); /* may free the run */
}

/* Everything that time or a worker's notice can bring about. The run may be gone afterwards. */
static void tick(struct run *run, uint64_t now_ns)
{
    int os_errno;

    if (now_ns >= run->omit_at_ns)
        omit_end(run, now_ns);
    if (run->started && !run->ended && !run->gave_up &&
        (end_holds(run, now_ns) || run_sender_stopped(run, now_ns))) {
        end_counting(run);
        run->config.over(run->config.context);
        return;
    }
    if (!run->ended && now_ns >= run->next_row_ns)
        interval_due(run, now_ns);
    if (run->ended) /* the owner stopped us when it saw the interval */
        return;
    os_errno = run->started && !run->gave_up ? hopeless_errno(run) : 0;
    if (os_errno != 0) {
        run_give_up(run, IESTREAMWRITE, os_errno);
        return;
    }
    if (now_ns >= run->rate.next_ns && ratelimit_is_exceeded(&run->rate, now_ns, all_bytes(run))) {
        run_give_up(run, IETOTALRATE, 0);
        return;
    }
    arm(run);
}

static void timer_fired(struct loop_timer *timer, uint64_t now_ns)
{
    struct run *run = LOOP_OWNER(struct run, timer, timer);

    if (run->ended)
        start_drain(run);
    else
        tick(run, now_ns);
}

static void notice_ready(struct loop_source *source, uint32_t events)
{
    struct run *run = LOOP_OWNER(struct run, notice, source);
    uint64_t count;

    (void)events;
    if (read(source->fd, &count, sizeof count) < 0)
        return;
    wake_after_exit(run);
    tick(run, loop_now());
}

/* --- life ----------------------------------------------------------------------------------------
 */

struct run *run_new(const struct run_config *config)
{
    struct run *run = calloc(1, sizeof *run);

    if (!run)
        return NULL;
    run->config = *config;
    run->interval_ns =
        config->interval_s > 0 ? (uint64_t)llround(config->interval_s * (double)NS_PER_SEC) : 0;
    run->omit_at_ns = run->next_row_ns = run->drain_at_ns = run->rate.next_ns = run->listen_at_ns =
        UINT64_MAX;
    run->timer.fire = timer_fired;
    run->sample.fire = sample;
    run_plan(run);
    run->flow.notice_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    run->notice = (struct loop_source){.fd = run->flow.notice_fd, .ready = notice_ready};
    if (run->flow.notice_fd < 0 || loop_watch(config->loop, &run->notice, EPOLLIN) != SPEC_OK) {
        run_free(run);
        return NULL;
    }
    return run;
}

void run_free(struct run *run)
{
    if (!run)
        return;
    run->quiet = true;
    run_close(run);
    loop_timer_cancel(&run->timer);
    loop_unwatch(&run->notice);
    if (run->flow.notice_fd >= 0)
        close(run->flow.notice_fd);
    for (size_t i = 0; i < run->n_streams; i++) {
        stream_free_detail(run->streams[i]);
        free(run->streams[i]);
    }
    for (size_t i = 0; i < run->n_workers; i++)
        worker_free(run->workers[i]);
    free(run->workers);
    free(run->streams);
    free(run->rows);
    free(run);
}

static enum spec_err make_room(struct run *run)
{
    size_t n = run->n_streams + 1;
    struct stream **streams = realloc(run->streams, n * sizeof *streams);
    struct interval *rows;

    if (!streams)
        return SPEC_E_NOMEM;
    run->streams = streams;
    rows = realloc(run->rows, n * sizeof *rows);
    if (!rows)
        return SPEC_E_NOMEM;
    run->rows = rows;
    return SPEC_OK;
}

/* The worker of the next stream: a new one as long as that pays. */
static enum spec_err next_worker(struct run *run, struct worker **out)
{
    struct worker **workers;
    size_t most = worker_most(run->config.affinity, run->config.params->bandwidth > 0);
    enum spec_err err;

    if (run->n_workers == most) {
        *out = run->workers[run->n_streams % run->n_workers];
        return SPEC_OK;
    }
    workers = realloc(run->workers, (run->n_workers + 1) * sizeof(struct worker *));
    if (!workers)
        return SPEC_E_NOMEM;
    run->workers = workers;
    err = worker_new(out);
    if (err == SPEC_OK)
        workers[run->n_workers++] = *out;
    return err;
}

/* Open the stream on the worker that is to serve it. */
static enum spec_err add(struct run *run, struct stream *s, int fd, bool sender, struct worker *w)
{
    enum spec_err err = stream_open(s, &run->flow, fd, sender, worker_lender(w));
    int saved;

    if (err != SPEC_OK)
        return err;
    err = worker_add(w, s);
    if (err == SPEC_OK)
        return SPEC_OK;
    saved = errno;
    stream_close(s);
    stream_free_detail(s);
    errno = saved;
    return err;
}

enum spec_err run_add_stream(struct run *run, int fd, bool sender)
{
    struct stream *s = malloc(sizeof *s);
    struct worker *w;
    enum spec_err err = s ? make_room(run) : SPEC_E_NOMEM;

    if (err == SPEC_OK)
        err = next_worker(run, &w);
    if (err != SPEC_OK) {
        close(fd);
        free(s);
        return err;
    }
    err = add(run, s, fd, sender, w);
    if (err != SPEC_OK) {
        free(s);
        return err;
    }
    run->streams[run->n_streams++] = s;
    return SPEC_OK;
}

void run_init(struct run *run, uint64_t now_ns)
{
    run->start_ns = now_ns;
    getrusage(RUSAGE_SELF, &run->usage_start);
    start_intervals(run, now_ns);
    if (run->config.params->omit > 0) {
        run->omit_at_ns = now_ns + run_seconds(run->config.params->omit);
    } else {
        run->counted_from_ns = now_ns;
        budget_set(&run->flow.budget, account_blocks(&run->end, run->flow.len));
    }
    arm(run);
}

enum spec_err run_start(struct run *run, uint64_t now_ns)
{
    enum spec_err err;

    run->flow.start_ns = now_ns;
    err = run_start_workers(run, now_ns);
    if (err != SPEC_OK)
        return err;
    run->started = true;
    if (run->flow.detailed)
        loop_timer_set(run->config.loop, &run->sample, now_ns + SAMPLE_NS);
    ratelimit_init(&run->rate, run->config.bitrate_limit_bps, run->config.bitrate_limit_interval_s,
                   now_ns);
    run_listen_for_silence(run, now_ns);
    arm(run);
    return SPEC_OK;
}

void run_stop(struct run *run)
{
    if (run->started && !run->ended)
        end_counting(run);
}

void run_close(struct run *run)
{
    run_stop(run);
    loop_timer_cancel(&run->timer);
    run->drain_at_ns = UINT64_MAX;
    for (size_t i = 0; i < run->n_streams; i++)
        stream_close(run->streams[i]);
}
