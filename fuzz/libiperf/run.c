/* run.c - a session of libiperf's from a fresh start, and what is counted of all. */
#include "fuzz/libiperf/run.h"

#include "fuzz/fuzz.h"
#include "fuzz/kept.h"
#include "fuzz/libiperf/memory.h"
#include "fuzz/libiperf/peer.h"
#include "fuzz/libiperf/world.h"
#include "harness/session/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define FDS_MAX    512 /* descriptors that are looked after */
#define PLACES_MAX 12  /* where memory was lost: that many are printed */

/* Of all processes that share it (FUZZ_COUNTS): libFuzzer's fork mode has one after the other. */
struct counts {
    size_t n, n_exited, n_stuck, n_running, n_exchanged, n_displayed, n_fds, n_leaky;
};

static struct counts *counts;
static uint64_t since_ns;
static bool leaks_are_findings, waits_are_findings;

static double cpu_s(int whose)
{
    struct rusage used;

    getrusage(whose, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void tell(void)
{
    double s = (double)(now_ns() - since_ns) / 1e9;
    double cpu = cpu_s(RUSAGE_SELF) + cpu_s(RUSAGE_CHILDREN);

    fprintf(stderr,
            "libiperf: %zu sessions, %.0f a second, %.0f a second of processor time; TEST_RUNNING "
            "%zu, EXCHANGE_RESULTS %zu, "
            "DISPLAY_RESULTS %zu; exit() %zu, endless %zu; lost descriptors %zu, lost memory in "
            "%zu\n",
            counts->n, (double)counts->n / s, (double)counts->n / cpu, counts->n_running,
            counts->n_exchanged, counts->n_displayed, counts->n_exited, counts->n_stuck,
            counts->n_fds, counts->n_leaky);
    memory_tell(PLACES_MAX);
}

static void open_counts(const char *path)
{
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    int flags = path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;

    if (path && (fd < 0 || ftruncate(fd, sizeof *counts) != 0)) {
        fprintf(stderr, "libiperf: FUZZ_COUNTS: %s: %m\n", path);
        exit(2);
    }
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (counts == MAP_FAILED)
        abort();
    if (fd >= 0)
        close(fd);
}

__attribute__((constructor)) static void start(void)
{
    since_ns = now_ns();
    leaks_are_findings = getenv("FUZZ_LEAKS") != NULL;
    waits_are_findings = getenv("FUZZ_WAITS") != NULL;
    open_counts(getenv("FUZZ_COUNTS"));
    signal(SIGPIPE, SIG_IGN); /* as iperf3's main() does */
    atexit(tell);
}

/* Count the states that both ends went through; whether they came to the last one. A client says
 * that it is done whatever was before. */
static bool count_states(const struct run_setup *setup)
{
    const struct peer_seen *saw = peer_saw();
    bool has_results = saw->n_texts > 1;
    bool is_displayed =
        setup->is_client ? has_results && saw->states[IPERF_DONE] : saw->states[DISPLAY_RESULTS];

    counts->n_running += saw->states[setup->is_client ? TEST_END : TEST_RUNNING];
    counts->n_exchanged += setup->is_client ? has_results : saw->states[EXCHANGE_RESULTS];
    counts->n_displayed += is_displayed;
    return is_displayed;
}

static bool was_open[FDS_MAX];

/* Which descriptors are open, into is_open. */
static void look_at_fds(bool *is_open)
{
    struct pollfd fds[FDS_MAX];

    for (int i = 0; i < FDS_MAX; i++)
        fds[i] = (struct pollfd){.fd = i};
    if (poll(fds, FDS_MAX, 0) < 0)
        abort();
    for (int i = 0; i < FDS_MAX; i++)
        is_open[i] = !(fds[i].revents & POLLNVAL);
}

/* Close those that were not open at the start; how many there were. */
static size_t close_fds(void)
{
    bool is_open[FDS_MAX];
    size_t n = 0;

    look_at_fds(is_open);
    for (int i = 0; i < FDS_MAX; i++)
        if (is_open[i] && !was_open[i]) {
            close(i);
            n++;
        }
    return n;
}

struct session_of {
    const struct run_setup *setup;
    uint8_t flags;
};

static int run_test(void *context)
{
    const struct session_of *s = context;
    struct iperf_test *test = iperf_new_test();

    if (!test)
        return -1;
    iperf_defaults(test);
    s->setup->prepare(test, s->flags);
    int result = s->setup->run(test);
    iperf_free_test(test);
    return result;
}

static void judge(enum world_end end)
{
    size_t n_fds = close_fds();

    counts->n++;
    counts->n_exited += end == WORLD_EXITED;
    counts->n_stuck += end == WORLD_STUCK;
    FUZZ_CHECK(end != WORLD_STUCK || !waits_are_findings,
               "it waits for ever for a peer that is gone");
    if (end != WORLD_RETURNED)
        return;
    counts->n_fds += n_fds;
    size_t n_blocks = memory_lost();
    counts->n_leaky += n_blocks > 0;
    FUZZ_CHECK(n_blocks == 0 || !leaks_are_findings, "%zu blocks of memory are lost", n_blocks);
}

void run_session(const struct run_setup *setup, struct bytes input)
{
    struct bytes whole = input;
    uint8_t cuts = fuzz_u8(&input);
    struct session_of s = {setup, fuzz_u8(&input)};
    int result = 0;

    memory_reset();
    peer_start(setup->is_client, cuts, input);
    look_at_fds(was_open);
    enum world_end end = world_run(run_test, &s, &result);
    peer_stop();
    if (count_states(setup))
        kept_add(whole.at, whole.len);
    judge(end);
}
