/* threads.c - coroutines, for libiperf's calls of pthreads. */
#include "fuzz/libiperf/threads.h"

#include "fuzz/libiperf/world.h"
#include "impl/wire/bytes.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#ifndef __has_feature
#define __has_feature(what) 0
#endif
#if __has_feature(address_sanitizer) || defined __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else /* nobody has to know of stacks */
#define __sanitizer_start_switch_fiber(frames, stack, bytes)  ((void)(frames))
#define __sanitizer_finish_switch_fiber(frames, stack, bytes) ((void)(frames))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes)                ((void)0)
#endif

#define STACK_BYTES ((size_t)256 << 10) /* AddressSanitizer's frames are large */
#define TICK_US     5000
#define SPINS_MAX   10 /* 1024 turns are missed at most */

enum thread_state { THREAD_NONE, THREAD_RUNS, THREAD_ENDED, THREAD_CANCELLED };

static struct thread {
    enum thread_state state;
    void *(*run)(void *argument);
    void *argument, *result;
    ucontext_t context;
    void *stack;       /* kept for the next one */
    void *asan_frames; /* while another one runs */
    unsigned n_calls;  /* of this turn */
    unsigned n_locks;  /* that it holds */
    unsigned n_spins;  /* how often it was interrupted */
    unsigned n_misses; /* turns that it does not get for that */
} threads[THREADS_MAX];

static struct {
    struct thread *one; /* that runs; NULL: the main thread */
    void (*leaves)(void);
    ucontext_t context;
    const void *stack;
    size_t stack_bytes;
    uint64_t n_calls, n_calls_at_tick; /* of all threads */
} world_of_main;

void threads_reset(void)
{
    for (size_t i = 0; i < THREADS_MAX; i++)
        threads[i].state = THREAD_NONE;
    world_of_main.one = NULL;
    world_of_main.leaves = NULL;
}

bool threads_is_one(void)
{
    return world_of_main.one != NULL;
}

/* --- switching ------------------------------------------------------------------------------- */

/* From a thread to the main one; it comes back with the next turn. */
static void to_main(struct thread *t)
{
    bool is_last = t->state != THREAD_RUNS;

    __sanitizer_start_switch_fiber(is_last ? NULL : &t->asan_frames, world_of_main.stack,
                                   world_of_main.stack_bytes);
    swapcontext(&t->context, &world_of_main.context);
    __sanitizer_finish_switch_fiber(t->asan_frames, &world_of_main.stack,
                                    &world_of_main.stack_bytes);
}

static void begin(void)
{
    struct thread *t = world_of_main.one;

    __sanitizer_finish_switch_fiber(NULL, &world_of_main.stack, &world_of_main.stack_bytes);
    t->result = t->run(t->argument);
    t->state = THREAD_ENDED;
    to_main(t);
}

static void to_thread(struct thread *t)
{
    void *frames;

    world_of_main.n_calls++;
    world_of_main.one = t;
    t->n_calls = 0;
    __sanitizer_start_switch_fiber(&frames, t->stack, STACK_BYTES);
    swapcontext(&world_of_main.context, &t->context);
    __sanitizer_finish_switch_fiber(frames, NULL, NULL);
    world_of_main.one = NULL;
}

void threads_give_way(void)
{
    to_main(world_of_main.one);
}

void threads_count_call(void)
{
    world_of_main.n_calls++;
    if (++world_of_main.one->n_calls >= THREADS_CALLS && world_of_main.one->n_locks == 0)
        threads_give_way();
}

_Noreturn void threads_leave(void (*how)(void))
{
    struct thread *t = world_of_main.one;

    world_of_main.leaves = how;
    t->state = THREAD_CANCELLED;
    to_main(t);
    abort(); /* it has no more turns */
}

void threads_turn(void)
{
    for (size_t i = 0; i < THREADS_MAX && !world_of_main.leaves; i++)
        if (threads[i].state == THREAD_RUNS && threads[i].n_misses > 0)
            threads[i].n_misses--;
        else if (threads[i].state == THREAD_RUNS)
            to_thread(&threads[i]);
    if (world_of_main.leaves)
        world_of_main.leaves();
}

/* --- threads that call nobody ---------------------------------------------------------------- */

/* The section that the library's code was put into (see the Makefile). */
extern const char __start_libiperf_text[], __stop_libiperf_text[];

static uintptr_t place_of(const ucontext_t *at)
{
#if defined __x86_64__
    return (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined __aarch64__
    return (uintptr_t)at->uc_mcontext.pc;
#else
    (void)at;
    return 0; /* libFuzzer's own limit of time ends it */
#endif
}

/* A loop without a call, from one tick to the next: the others go on, and it gets a turn at times.
 * In the library's own code nothing is held that they could need. */
static void on_tick(int signal, siginfo_t *info, void *context)
{
    struct thread *t = world_of_main.one;
    uintptr_t at = place_of(context);
    bool spins = world_of_main.n_calls == world_of_main.n_calls_at_tick;

    (void)signal;
    (void)info;
    world_of_main.n_calls_at_tick = world_of_main.n_calls;
    if (t == NULL || !spins || t->n_locks > 0 || at < (uintptr_t)__start_libiperf_text ||
        at >= (uintptr_t)__stop_libiperf_text)
        return;
    t->n_misses = 1u << MIN(t->n_spins, SPINS_MAX);
    t->n_spins++;
    threads_give_way();
}

/* By processor time, from the first thread on. */
static void start_ticks(void)
{
    static bool has_started;
    const struct itimerval ticks = {.it_interval.tv_usec = TICK_US, .it_value.tv_usec = TICK_US};
    struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};

    if (has_started)
        return;
    has_started = true;
    sigaction(SIGVTALRM, &action, NULL);
    setitimer(ITIMER_VIRTUAL, &ticks, NULL);
}

/* --- what the library calls ------------------------------------------------------------------ */

/* Numbers from 1: 0 is none to iperf3. */
static pthread_t name_of(const struct thread *t)
{
    return (pthread_t)(t - threads) + 1;
}

static struct thread *find(pthread_t name)
{
    struct thread *t = name >= 1 && name <= THREADS_MAX ? &threads[name - 1] : NULL;

    return t && t->state != THREAD_NONE ? t : NULL;
}

static bool has_stack(struct thread *t)
{
    if (t->stack == NULL) {
        void *at = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        t->stack = at == MAP_FAILED ? NULL : at;
    }
    if (t->stack != NULL) /* frames of one that was cancelled may have lain there */
        ASAN_UNPOISON_MEMORY_REGION(t->stack, STACK_BYTES);
    return t->stack != NULL;
}

static struct thread *find_free(void)
{
    for (size_t i = 0; i < THREADS_MAX; i++)
        if (threads[i].state == THREAD_NONE)
            return &threads[i];
    return NULL;
}

int libiperf_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                            void *(*run)(void *), void *argument)
{
    struct thread *const t = find_free();

    (void)attributes;
    if (t == NULL || !has_stack(t))
        return EAGAIN;
    t->state = THREAD_RUNS;
    t->run = run;
    t->argument = argument;
    t->result = NULL;
    t->n_locks = t->n_spins = t->n_misses = 0;
    getcontext(&t->context);
    t->context.uc_stack.ss_sp = t->stack;
    t->context.uc_stack.ss_size = STACK_BYTES;
    t->context.uc_link = NULL;
    makecontext(&t->context, begin, 0);
    start_ticks();
    *thread = name_of(t);
    return 0;
}

/* Wherever it has given way: there its own kind of cancelling would meet it, too. */
int libiperf_pthread_cancel(pthread_t thread)
{
    struct thread *t = find(thread);

    if (t == NULL)
        return ESRCH;
    if (t->state != THREAD_RUNS)
        return 0;
    t->state = THREAD_CANCELLED;
    t->result = PTHREAD_CANCELED;
    if (t == world_of_main.one)
        threads_give_way();
    return 0;
}

int libiperf_pthread_join(pthread_t thread, void **result)
{
    struct thread *t = find(thread);

    if (t == NULL)
        return ESRCH;
    while (t->state == THREAD_RUNS)
        world_wait();
    if (result != NULL)
        *result = t->result;
    t->state = THREAD_NONE;
    return 0;
}

/* Who holds a lock does not give way before it waits, so that nobody meets a lock that is held. */
int libiperf_pthread_mutex_lock(pthread_mutex_t *lock)
{
    (void)lock;
    if (world_of_main.one != NULL)
        world_of_main.one->n_locks++;
    return 0;
}

int libiperf_pthread_mutex_unlock(pthread_mutex_t *lock)
{
    (void)lock;
    if (world_of_main.one != NULL && world_of_main.one->n_locks > 0)
        world_of_main.one->n_locks--;
    return 0;
}

/* Signals are for this process, whose thread this is. */
int libiperf_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    (void)how;
    (void)set;
    if (old != NULL)
        sigemptyset(old);
    return 0;
}

int libiperf_pthread_setcancelstate(int state, int *old)
{
    (void)state;
    if (old != NULL)
        *old = PTHREAD_CANCEL_ENABLE;
    return 0;
}

int libiperf_pthread_setcanceltype(int type, int *old)
{
    (void)type;
    if (old != NULL)
        *old = PTHREAD_CANCEL_DEFERRED;
    return 0;
}
