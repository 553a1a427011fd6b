#include "harness/load/load.h"

#include "harness/session/clock.h"
#include "harness/session/tcpmem.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define NS_PER_SEC   1e9
#define PAUSE_MIN_NS UINT64_C(1000000) /* before another try, doubled each time */
#define PAUSE_MAX_NS UINT64_C(50000000)
#define TURN_NS      UINT64_C(10000000) /* between two readings of what the subject prints */
#define TURNS_A_LOOK 20                 /* ... before its memory and descriptors are looked at */
#define BACK_S       10                 /* for the subject to give back what the tests had */
#define SETTLED_MS   50                 /* in which it then changes no more */

/* A client's place: it plays one test after the other. */
struct seat {
    struct load *load;
    struct load_client *client; /* NULL: none now */
    const struct load_mode *mode;
    struct loop_timer again;
    uint64_t begun_ns, pause_ns; /* its first try; before the next one */
};

struct load {
    const struct load_request *request;
    struct load_result *result;
    struct loop *loop;
    struct load_setting setting;
    struct seat *seats;
    uint64_t n_begun;
    unsigned n_seated;  /* with a test that is not over */
    uint64_t served_ns; /* when a test last got on */
    struct loop_timer turn;
    unsigned turns;
};

static void seat_begin(struct seat *seat);

/* --- what became of them --------------------------------------------------------------------- */

static void note_time(struct load_times *times, uint64_t ns)
{
    if (times->n == times->cap) {
        times->cap = times->cap ? 2 * times->cap : 1024;
        times->at = text_realloc(times->at, times->cap * sizeof *times->at);
    }
    times->at[times->n++] = ns;
}

static struct load_cause *cause_of(struct load_result *r, const char *text)
{
    for (size_t i = 0; i < r->n_causes; i++)
        if (strcmp(r->causes[i].text, text) == 0)
            return &r->causes[i];
    if (r->n_causes == LOAD_CAUSES_MAX)
        return &r->causes[LOAD_CAUSES_MAX - 1];
    struct load_cause *cause = &r->causes[r->n_causes++];
    snprintf(cause->text, sizeof cause->text, "%s",
             r->n_causes < LOAD_CAUSES_MAX ? text : "something else");
    return cause;
}

static void note_failure(struct load_result *r, const struct load_mode *mode,
                         const struct load_report *report)
{
    struct load_cause *cause = cause_of(r, report->cause);

    r->failed++;
    if (cause->n++ > 0)
        return;
    text_addf(&cause->detail, "mode '%s'", mode->text);
    if (report->detail.len > 0)
        text_addf(&cause->detail, ": %s", text_string(&report->detail));
    text_make_plain(&cause->detail); /* a peer has a word in it */
}

static void note_good(struct load_result *r, const struct load_report *report, uint64_t begun_ns)
{
    r->good++;
    r->sent += report->sent;
    r->received += report->received;
    r->datagrams += report->datagrams;
    r->lost += report->lost;
    note_time(&r->set_up, report->running_ns - begun_ns);
    note_time(&r->whole, report->over_ns - begun_ns);
}

/* --- one test after the other ---------------------------------------------------------------- */

static void stop(struct load *l, const char *why)
{
    if (why && l->result->trouble.len == 0)
        text_adds(&l->result->trouble, why);
    loop_stop(l->loop);
}

/* For so long no test has got on, and none is under way. */
static bool is_patience_over(const struct load *l, uint64_t now_ns)
{
    return l->result->gauge.now == 0 &&
           (double)(now_ns - l->served_ns) > l->request->patience_s * NS_PER_SEC;
}

/* The test is not over: the same again, a little later. */
static void try_again(struct seat *seat, const struct load_report *report)
{
    struct load *l = seat->load;
    struct load_result *r = l->result;
    uint64_t now = loop_now();

    *(report->end == LOAD_BUSY ? &r->busy : report->end == LOAD_AWAY ? &r->away : &r->no_room) += 1;
    if (is_patience_over(l, now)) {
        stop(l, report->end == LOAD_NO_ROOM ? "no port or descriptor is left here"
                : report->end == LOAD_BUSY  ? "the server stays busy"
                                            : "the server cannot be reached");
        return;
    }
    seat->pause_ns = MIN(MAX(2 * seat->pause_ns, PAUSE_MIN_NS), PAUSE_MAX_NS);
    loop_timer_set(l->loop, &seat->again, now + seat->pause_ns);
}

static void on_again(struct loop_timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    seat_begin(LOOP_OWNER(struct seat, again, timer));
}

static void next_test(struct seat *seat)
{
    struct load *l = seat->load;

    if (l->n_begun < l->request->n_tests) {
        seat->mode = load_modes_pick(&l->request->modes, l->n_begun++);
        seat->pause_ns = 0;
        seat->begun_ns = loop_now();
        seat_begin(seat);
    } else if (--l->n_seated == 0) {
        stop(l, NULL);
    }
}

static void on_done(void *context, const struct load_report *report)
{
    struct seat *seat = context;
    struct load *l = seat->load;
    uint64_t now_ns = loop_now();

    seat->client = NULL;
    if (report->end != LOAD_GOOD && report->end != LOAD_FAILED) {
        try_again(seat, report);
        return;
    }
    l->served_ns = MAX(l->served_ns, report->timed_out ? report->running_ns : now_ns);
    if (report->end == LOAD_GOOD)
        note_good(l->result, report, seat->begun_ns);
    else
        note_failure(l->result, seat->mode, report);
    if (report->timed_out && is_patience_over(l, now_ns))
        stop(l, "the server does not answer");
    else
        next_test(seat);
}

static void seat_begin(struct seat *seat)
{
    seat->client = load_client_new(&seat->load->setting, seat->mode, seat);
    if (!seat->client)
        stop(seat->load, "no memory");
}

/* --- the subject ----------------------------------------------------------------------------- */

static void sample(struct load *l)
{
    struct load_result *r = l->result;
    struct subject_sample now;

    if (!subject_sample(l->request->subject, &now))
        return;
    r->most.memory = MAX(r->most.memory, now.memory);
    r->most.descriptors = MAX(r->most.descriptors, now.descriptors);
    r->most.threads = MAX(r->most.threads, now.threads);
    r->after = now;
}

static void stop_at_its_end(struct load *l)
{
    int status = l->request->subject->status;
    char why[64];

    if (WIFSIGNALED(status))
        snprintf(why, sizeof why, "the server was killed by signal %d", WTERMSIG(status));
    else
        snprintf(why, sizeof why, "the server ended with status %d", WEXITSTATUS(status));
    l->result->after = (struct subject_sample){0};
    stop(l, why);
}

static void on_turn(struct loop_timer *timer, uint64_t now_ns)
{
    struct load *l = LOOP_OWNER(struct load, turn, timer);

    subject_turn(l->request->subject); /* or it would wait for somebody to read what it prints */
    if (!l->request->subject->running) {
        stop_at_its_end(l);
        return;
    }
    if (++l->turns % TURNS_A_LOOK == 0)
        sample(l);
    loop_timer_set(l->loop, timer, now_ns + TURN_NS);
}

static void watch_subject(struct load *l)
{
    struct load_result *r = l->result;

    l->turn.fire = on_turn;
    if (!l->request->subject)
        return;
    r->has_samples = subject_sample(l->request->subject, &r->before);
    r->most = r->after = r->before;
    loop_timer_set(l->loop, &l->turn, loop_now());
}

bool load_server_is_back(const struct load_result *r)
{
    return !r->has_samples || (r->after.descriptors <= r->before.descriptors + LOAD_KEPT_MAX &&
                               r->after.threads <= r->before.threads + LOAD_KEPT_MAX);
}

static bool is_settled(const struct subject_sample *last, const struct subject_sample *now)
{
    return now->memory == last->memory && now->processes == last->processes &&
           now->descriptors == last->descriptors && now->threads == last->threads;
}

static void await_return(struct load *l)
{
    uint64_t limit_ns = now_ns() + BACK_S * UINT64_C(1000000000);
    struct subject_sample last;

    do {
        last = l->result->after;
        poll(NULL, 0, SETTLED_MS);
        subject_turn(l->request->subject);
        sample(l);
    } while (l->request->subject->running && now_ns() < limit_ns &&
             (!load_server_is_back(l->result) || !is_settled(&last, &l->result->after)));
}

/* --- life ------------------------------------------------------------------------------------ */

static void on_signal(void *context, int signo)
{
    struct load *l = context;

    (void)signo;
    l->result->interrupted = true;
    stop(l, "interrupted");
}

/* As many descriptors as we may have. */
static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool set_up(struct load *l, struct text *why)
{
    const struct load_request *r = l->request;
    sigset_t signals;

    raise_limit();
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    l->loop = loop_new();
    if (!l->loop || loop_signals(l->loop, &signals, on_signal, l) != SPEC_OK) {
        text_addf(why, "cannot start: %s", strerror(errno));
        return false;
    }
    l->seats = text_realloc(NULL, r->at_once * sizeof *l->seats);
    l->setting = (struct load_setting){
        .loop = l->loop,
        .host = r->host,
        .port = (uint16_t)r->port,
        .limit_ns = (uint64_t)(r->limit_s * NS_PER_SEC),
        .counts_all = r->counts_all,
        .max_loss = r->max_loss,
        .buffers = tcpmem_most(),
        .gauge = &l->result->gauge,
        .done = on_done,
    };
    return true;
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_SEC;
}

static void play(struct load *l)
{
    const struct load_request *r = l->request;
    double start_s = now_s(), cpu_s = cpu_seconds();

    watch_subject(l);
    l->served_ns = loop_now();
    l->n_seated = (unsigned)MIN(r->at_once, r->n_tests);
    for (unsigned i = 0, n = l->n_seated; i < n; i++) {
        l->seats[i] = (struct seat){.load = l, .again.fire = on_again};
        next_test(&l->seats[i]);
    }
    if (loop_run(l->loop) != SPEC_OK && l->result->trouble.len == 0)
        text_addf(&l->result->trouble, "epoll_wait: %s", strerror(errno));
    l->result->seconds = now_s() - start_s;
    l->result->cpu_s = cpu_seconds() - cpu_s;
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

bool load_run(const struct load_request *request, struct load_result *result, struct text *why)
{
    struct load l = {.request = request, .result = result};
    unsigned n = (unsigned)MIN(request->at_once, request->n_tests);

    if (!set_up(&l, why)) {
        loop_free(l.loop);
        return false;
    }
    prctl(PR_SET_TIMERSLACK, 1UL); /* pauses and paces are shorter than what it rounds to */
    play(&l);
    for (unsigned i = 0; i < n; i++) {
        loop_timer_cancel(&l.seats[i].again);
        load_client_free(l.seats[i].client);
    }
    loop_timer_cancel(&l.turn);
    loop_free(l.loop);
    free(l.seats);
    result->unplayed = request->n_tests - result->good - result->failed;
    if (result->has_samples)
        await_return(&l);
    if (result->set_up.n > 0) {
        qsort(result->set_up.at, result->set_up.n, sizeof *result->set_up.at, compare_times);
        qsort(result->whole.at, result->whole.n, sizeof *result->whole.at, compare_times);
    }
    return true;
}

void load_result_fini(struct load_result *result)
{
    free(result->set_up.at);
    free(result->whole.at);
    for (size_t i = 0; i < result->n_causes; i++)
        text_fini(&result->causes[i].detail);
    text_fini(&result->trouble);
}

double load_times_at(const struct load_times *times, double part)
{
    if (times->n == 0)
        return 0;
    size_t rank = (size_t)ceil(part * (double)times->n);
    return (double)times->at[MIN(MAX(rank, 1), times->n) - 1] / NS_PER_SEC;
}

int load_exit_status(const struct load_request *request, const struct load_result *result)
{
    bool server_died = request->subject && !request->subject->running;

    if (result->failed > 0 || server_died || !load_server_is_back(result))
        return 1;
    return result->unplayed > 0 ? 3 : 0;
}
