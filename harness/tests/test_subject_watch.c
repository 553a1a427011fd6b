/* test_subject_watch.c - reports, rest and samples of a process. */
#include "harness/subject/leak.h"
#include "harness/subject/watch.h"
#include "harness/suite/suite.h"
#include "impl/tests/unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORD(text)     ((char *)(uintptr_t)(text))
#define SELF(kind)     ((char *[]){WORD("/proc/self/exe"), WORD(kind), NULL})
#define SHELL(command) ((char *[]){WORD("/bin/sh"), WORD("-c"), WORD(command), NULL})

/* --- helpers that are started as subjects ----------------------------------------------------- */

static void be_ready(void)
{
    if (write(1, "ready\n", 6) < 0)
        _exit(1);
}

static void be_busy_for(double seconds)
{
    for (clock_t until = clock() + (clock_t)(CLOCKS_PER_SEC * seconds); clock() < until;)
        ;
}

static void __attribute__((noreturn)) be_spinner(void)
{
    be_ready();
    for (;;)
        poll(NULL, 0, 0);
}

/* One that forks for each session. */
static void __attribute__((noreturn)) be_parent(void)
{
    if (fork() == 0)
        be_spinner();
    for (;;)
        pause();
}

/* As a server that fails to accept again and again, and says so each time. */
static void __attribute__((noreturn)) be_printer(void)
{
    for (;;)
        be_ready();
}

/* Asleep whenever one looks, and busy all the same. */
static void __attribute__((noreturn)) be_napper(void)
{
    struct timespec nap = {.tv_nsec = 1000};

    be_ready();
    for (;;) {
        be_busy_for(0.01);
        nanosleep(&nap, NULL);
    }
}

/* Busy for not quite half of its life, with naps that pass for rest. */
static void __attribute__((noreturn)) be_dozer(void)
{
    struct timespec nap = {.tv_nsec = 100000000};

    be_busy_for(1);
    be_ready();
    for (;;) {
        be_busy_for(0.08);
        nanosleep(&nap, NULL);
    }
}

/* At rest for most of the time, and busy again and again. */
static void __attribute__((noreturn)) be_restless(void)
{
    struct timespec nap = {.tv_nsec = 30000000};

    be_ready();
    for (;;) {
        be_busy_for(0.02);
        nanosleep(&nap, NULL);
    }
}

/* Looks at the clock every millisecond, as iperf3's pacing timer does, on a machine where others
 * are busy: it waits for a processor each time. */
static void __attribute__((noreturn)) be_ticker(void)
{
    struct timespec nap = {.tv_nsec = 1000000};

    be_ready();
    for (;;) {
        be_busy_for(0.00004);
        nanosleep(&nap, NULL);
    }
}

/* Busy for a while, then at rest. */
static void __attribute__((noreturn)) be_slow(void)
{
    be_ready();
    be_busy_for(0.2);
    for (;;)
        pause();
}

/* Keeps a descriptor and 5000 bytes each time it is sent SIGUSR1, and says so. */
static void __attribute__((noreturn)) be_hoarder(void)
{
    sigset_t set;
    int signo;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (;;) {
        be_ready();
        sigwait(&set, &signo);
        char *kept = malloc(5000);
        if (!kept || open("/dev/null", O_RDONLY) < 0)
            _exit(1);
        memset(kept, 1, 5000);
    }
}

/* Starts a process each time it is sent SIGUSR1, and ends them all at SIGUSR2. */
static void __attribute__((noreturn)) be_forker(void)
{
    pid_t pids[64];
    sigset_t set;
    size_t n = 0;
    int signo;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (;;) {
        be_ready();
        sigwait(&set, &signo);
        if (signo == SIGUSR1 && n < ARRAY_LEN(pids) && (pids[n++] = fork()) == 0)
            for (;;)
                pause();
        while (signo == SIGUSR2 && n > 0) {
            kill(pids[--n], SIGKILL);
            waitpid(pids[n], NULL, 0);
        }
    }
}

static const struct {
    const char *name;
    void (*be)(void);
} helpers[] = {
    {"--spinner",  be_spinner },
    {"--parent",   be_parent  },
    {"--printer",  be_printer },
    {"--napper",   be_napper  },
    {"--dozer",    be_dozer   },
    {"--restless", be_restless},
    {"--ticker",   be_ticker  },
    {"--slow",     be_slow    },
    {"--hoarder",  be_hoarder },
    {"--forker",   be_forker  },
};

/* --- tests ----------------------------------------------------------------------------------- */

static void start(struct subject *s, char *const argv[])
{
    struct text why = {0};

    if (!subject_start(s, argv, NULL, &why))
        fail_msg("%s", text_string(&why));
}

static void await_output(struct subject *s, size_t len)
{
    while (s->out.len < len && s->running) {
        struct sim_process p = subject_process(s);
        struct pollfd fds[4];
        poll(fds, (nfds_t)p.watch(s, fds, 4), 1000);
        subject_turn(s);
    }
}

static const struct rest_row {
    const char *name;
    bool rests;
} rest_rows[] = {
    {"--spinner", false},
    {"--parent",  false},
    {"--napper",  false},
    {"--slow",    true },
};

static void test_subject_rests_tells_one_who_spins(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rest_rows); i++) {
        struct subject s;
        struct text used = {0};
        start(&s, SELF(rest_rows[i].name));
        await_output(&s, 6);
        if (subject_rests(&s, NULL, 0.5, &used) != rest_rows[i].rests)
            fail_msg("%s: %s", rest_rows[i].name, text_string(&used));
        assert_int_equal(used.len > 0, !rest_rows[i].rests);
        subject_end(&s);
        subject_fini(&s);
        text_fini(&used);
    }
}

/* Whoever prints without end waits for somebody to read whenever nobody does. */
static void test_subject_rests_is_not_deceived_by_a_full_pipe(void **state)
{
    struct subject s;
    struct text used = {0};
    int waiting = 0, before;

    (void)state;
    start(&s, SELF("--printer"));
    do { /* until there is no room for more */
        before = waiting;
        poll(NULL, 0, 10);
        assert_int_equal(ioctl(s.out_fd, FIONREAD, &waiting), 0);
    } while (waiting == 0 || waiting != before);
    assert_false(subject_rests(&s, NULL, 0.5, &used));
    assert_true(used.len > 0);
    subject_end(&s);
    subject_fini(&s);
    text_fini(&used);
}

/* One look may fall into a nap; not all of them. */
static void test_subject_rests_finds_one_who_naps_for_long(void **state)
{
    struct subject s;
    struct text used = {0};
    int looks = 0;

    (void)state;
    start(&s, SELF("--dozer"));
    await_output(&s, 6);
    while (looks < 100 && subject_rests(&s, NULL, 0.5, &used))
        looks++;
    assert_in_range(looks, 0, 99);
    subject_end(&s);
    subject_fini(&s);
    text_fini(&used);
}

static void test_subject_rests_believes_one_who_sleeps(void **state)
{
    struct subject s;
    struct text used = {0};

    (void)state;
    start(&s, SHELL("echo ready; exec sleep 100"));
    await_output(&s, 6);
    assert_true(subject_rests(&s, NULL, 1, &used)); /* the exec may still be under way */
    for (int i = 0; i < 100; i++)
        assert_true(subject_rests(&s, NULL, 1, &used));
    assert_int_equal(used.len, 0);
    subject_end(&s);
    subject_fini(&s);
}

static void test_subject_judge_rest_tells_one_who_is_restless(void **state)
{
    static const struct {
        const char *name;
        enum sim_cause cause;
    } each[] = {
        {"--restless", SIM_SPIN},
        {"--slow",     SIM_OK  },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(each); i++) {
        struct subject s;
        struct text why = {0};
        start(&s, SELF(each[i].name));
        await_output(&s, 6);
        if (subject_judge_rest(&s, 0.5, &why) != each[i].cause)
            fail_msg("%s: %s", each[i].name, text_string(&why));
        subject_end(&s);
        subject_fini(&s);
        text_fini(&why);
    }
}

static void test_subject_judge_rest_believes_one_who_ticks_beside_others(void **state)
{
    pid_t others[8];
    struct subject s;
    struct text why = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if ((others[i] = fork()) == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            be_busy_for(60);
            _exit(0);
        }
    start(&s, SELF("--ticker"));
    await_output(&s, 6);
    for (int i = 0; i < 5; i++)
        if (subject_judge_rest(&s, 0.02, &why) != SIM_OK)
            fail_msg("%s", text_string(&why));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        kill(others[i], SIGKILL);
        waitpid(others[i], NULL, 0);
    }
    subject_end(&s);
    subject_fini(&s);
    text_fini(&why);
}

/* What each of some sessions left is there for good, or is given back a little later. */
static void test_subject_growth_stays_or_not(void **state)
{
    (void)state;
    for (int gives_back = 0; gives_back <= 1; gives_back++) {
        struct subject s;
        struct subject_growth growth = {.n = 0};
        struct text what = {0};
        size_t said = 6;
        start(&s, SELF("--forker"));
        for (await_output(&s, said); growth.n <= LEAK_STEADY; await_output(&s, said += 6)) {
            assert_true(subject_growth_note(&growth, &s));
            assert_true(subject_process(&s).signal(&s, SIGUSR1));
        }
        assert_true(subject_growth_is_steady(&growth));
        assert_true(subject_growth_shows(&growth, "session", &what));
        assert_string_equal(text_string(&what),
                            "each session leaves 1.00 processes more behind (each of 8)");
        if (gives_back)
            assert_true(subject_process(&s).signal(&s, SIGUSR2));
        assert_int_equal(subject_growth_stays(&growth, &s, gives_back ? 10 : 0.05), !gives_back);
        subject_end(&s);
        subject_fini(&s);
        text_fini(&what);
    }
}

static void test_subject_sample_sees_what_is_kept(void **state)
{
    double memory[64], descriptors[64];
    struct leak_slope slope;
    struct subject s;
    struct subject_sample sample;

    (void)state;
    start(&s, SELF("--hoarder"));
    for (size_t i = 0; i < ARRAY_LEN(memory); i++) {
        await_output(&s, 6 * (i + 1));
        assert_true(subject_sample(&s, &sample));
        memory[i] = (double)sample.memory;
        descriptors[i] = sample.descriptors;
        assert_true(subject_process(&s).signal(&s, SIGUSR1));
    }
    subject_end(&s);
    assert_false(subject_sample(&s, &sample));
    subject_fini(&s);
    assert_true(leak_fit(descriptors, ARRAY_LEN(descriptors), &slope));
    assert_true(slope.low > 0.99 && slope.high < 1.01);
    assert_true(leak_fit(memory, ARRAY_LEN(memory), &slope));
    assert_true(leak_is_growing(&slope, 256));
}

static const struct report_row {
    const char *name, *said, *line; /* line: NULL for none */
} report_rows[] = {
    {"asan",                "a\n==7==ERROR: AddressSanitizer: heap-use-after-free on x\n    #0 f\n",
     "==7==ERROR: AddressSanitizer: heap-use-after-free on x"                                                                            },
    {"ubsan",               "x.c:1:2: runtime error: shift\nlast\n",                                   "x.c:1:2: runtime error: shift"   },
    {"tsan",                "====\nWARNING: ThreadSanitizer: data race (pid=1)\n",
     "WARNING: ThreadSanitizer: data race (pid=1)"                                                                                       },
    {"msan",                "==1==WARNING: MemorySanitizer: use-of-uninitialized-value\n",
     "==1==WARNING: MemorySanitizer: use-of-uninitialized-value"                                                                         },
    {"lsan",                "==3==ERROR: LeakSanitizer: detected memory leaks",
     "==3==ERROR: LeakSanitizer: detected memory leaks"                                                                                  },
    {"valgrind",            "==9== Memcheck\n==9== Invalid read of size 4\n==9==    at f\n",
     "==9== Invalid read of size 4"                                                                                                      },
    {"valgrind with time",  "==00:00:00:00.512 9== Invalid write of size 1\n",
     "==00:00:00:00.512 9== Invalid write of size 1"                                                                                     },
    {"behind half a line",  "waiting==9== Invalid free() / delete\n",
     "waiting==9== Invalid free() / delete"                                                                                              },
    {"coloured asan",       "\x1b[1m\x1b[31m==7==ERROR: AddressSanitizer: SEGV\n",
     "\x1b[1m\x1b[31m==7==ERROR: AddressSanitizer: SEGV"                                                                                 },
    {"coloured ubsan",      "\x1b[1mx.c:1:2:\x1b[1m\x1b[31m runtime error: \x1b[0mshift\n",
     "\x1b[1mx.c:1:2:\x1b[1m\x1b[31m runtime error: \x1b[0mshift"                                                                        },
    {"coloured tsan",       "\x1b[1mWARNING: ThreadSanitizer: data race\n",
     "\x1b[1mWARNING: ThreadSanitizer: data race"                                                                                        },
    {"ubsan, no column",    "x.c:1: runtime error: shift\n",                                           "x.c:1: runtime error: shift"     },
    {"ubsan, an address",   "(/x+0x12a): runtime error: shift\n",                                      "(/x+0x12a): runtime error: shift"},
    {"ubsan, no source",    "<unknown>: runtime error: shift\n",                                       "<unknown>: runtime error: shift" },
    {"behind one like it",  "runtime error: a\nx.c:1:2: runtime error: b\n",
     "x.c:1:2: runtime error: b"                                                                                                         },
    {"the first of two",    "a.c:1:2: runtime error: b\n==1==ERROR: AddressSanitizer: c\n",
     "a.c:1:2: runtime error: b"                                                                                                         },
    {"speaks of asan",      "note: ERROR: AddressSanitizer is not enabled; runtime error: none\n",     NULL                              },
    {"speaks of tsan",      "a WARNING: ThreadSanitizer: is off\n",                                    NULL                              },
    {"another's error",     "iperf3: runtime error: no route\n",                                       NULL                              },
    {"a clock",             "at 12:30: iperf3: runtime error: no route\n",                             NULL                              },
    {"a panic of Go",       "panic: runtime error: index out of range\n",                              NULL                              },
    {"no pid",              "==x== Invalid read of size 4\n==== Invalid free()\nERROR: LeakSanitizer", NULL                              },
    {"valgrind is content", "==9== Memcheck\n==9== ERROR SUMMARY: 0 errors\n",                         NULL                              },
    {"nothing",             "",                                                                        NULL                              },
    {"all is well",         "all is well\n",                                                           NULL                              },
};

/* A byte 0 before it hides nothing. */
static void test_subject_report_finds_it_behind_any_byte(void **state)
{
    static const char said[] = "\0\x1b[m\xff\n==7==ERROR: AddressSanitizer: SEGV";
    struct subject s;
    struct text line = {0};
    const char *at = NULL;

    (void)state;
    subject_init(&s);
    text_add(&s.err, said, sizeof said - 1);
    assert_true(subject_report(&s, &line, &at));
    assert_string_equal(text_string(&line), "==7==ERROR: AddressSanitizer: SEGV");
    text_fini(&line);
    subject_fini(&s);
}

static void test_subject_report_finds_the_line_that_says_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(report_rows); i++) {
        const struct report_row *row = &report_rows[i];
        struct subject s;
        struct text line = {0};
        const char *at = NULL;
        subject_init(&s);
        text_adds(&s.err, row->said);
        bool found = subject_report(&s, &line, &at);
        if (found != (row->line != NULL) ||
            (found && (strcmp(text_string(&line), row->line) != 0 || strstr(at, row->line) != at)))
            fail_msg("%s: %s", row->name, text_string(&line));
        subject_forget_output(&s);
        assert_false(subject_report(&s, &line, &at));
        text_fini(&line);
        subject_fini(&s);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subject_rests_tells_one_who_spins),
        cmocka_unit_test(test_subject_rests_is_not_deceived_by_a_full_pipe),
        cmocka_unit_test(test_subject_rests_finds_one_who_naps_for_long),
        cmocka_unit_test(test_subject_rests_believes_one_who_sleeps),
        cmocka_unit_test(test_subject_judge_rest_tells_one_who_is_restless),
        cmocka_unit_test(test_subject_judge_rest_believes_one_who_ticks_beside_others),
        cmocka_unit_test(test_subject_growth_stays_or_not),
        cmocka_unit_test(test_subject_sample_sees_what_is_kept),
        cmocka_unit_test(test_subject_report_finds_it_behind_any_byte),
        cmocka_unit_test(test_subject_report_finds_the_line_that_says_it),
    };

    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(helpers); i++)
        if (strcmp(argv[1], helpers[i].name) == 0)
            helpers[i].be();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
