/* test_subject_keeper.c - nothing that a subject started outlives us, whoever is killed. */
#include "harness/session/text.h"
#include "harness/subject/subject.h"
#include "harness/subject/tree.h"
#include "harness/suite/suite.h"
#include "harness/tests/refuse.h"
#include "impl/tests/unit.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORD(text)     ((char *)(uintptr_t)(text))
#define SHELL(command) ((char *[]){WORD("/bin/sh"), WORD("-c"), WORD(command), NULL})
#define SEEN_MAX       512
#define N_SUBJECTS     16
#define LONG_MS        60000 /* nothing here takes that long, unless it fails */

/* --- processes seen from outside ------------------------------------------------------------- */

struct seen {
    int pidfds[SEEN_MAX];
    size_t n;
};

static void see(struct seen *all, pid_t pid)
{
    int fd = all->n < SEEN_MAX ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

    if (fd >= 0)
        all->pidfds[all->n++] = fd;
}

static void await_all_gone(struct seen *all)
{
    for (size_t i = 0; i < all->n; i++) {
        struct pollfd fd = {.fd = all->pidfds[i], .events = POLLIN};
        assert_int_equal(poll(&fd, 1, LONG_MS), 1);
        close(all->pidfds[i]);
    }
    all->n = 0;
}

static bool has_mark(pid_t pid, const char *mark)
{
    static char text[65536];
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    FILE *f = fopen(path, "re");
    size_t len = f ? fread(text, 1, sizeof text, f) : 0;
    if (f)
        fclose(f);
    return memmem(text, len, mark, strlen(mark)) != NULL;
}

/* Every process of this machine that has the mark in its environment. */
static size_t marked(const char *mark, struct seen *all)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    size_t n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (pid <= 0 || !has_mark(pid, mark))
            continue;
        n++;
        if (all)
            see(all, pid);
    }
    closedir(dir);
    return n;
}

static void await_marked(const char *mark, size_t n)
{
    for (int waited = 0; marked(mark, NULL) < n; waited++) {
        assert_in_range(waited, 0, LONG_MS / 10);
        poll(NULL, 0, 10); /* /proc has no event for this */
    }
}

static void make_mark(char *mark, size_t cap)
{
    static unsigned number;

    snprintf(mark, cap, "TEST_MARK=%d.%u.", (int)getpid(), number++);
}

/* --- one subject ----------------------------------------------------------------------------- */

/* Starts a daemon (fork, setsid, fork), a child in the background and a shell in a shell: with
 * itself 5 processes, each of which ignores what can be ignored. */
static const char family[] = "trap '' TERM HUP INT; "
                             "(setsid sh -c 'sleep 100 & exec sleep 100' &); "
                             "sleep 100 & "
                             "sh -c 'sleep 100; :'; :";
#define N_FAMILY 6

static void start_family(struct subject *s, const char *mark)
{
    const char *const env[] = {mark, NULL};
    struct text why = {0};

    if (!subject_start(s, SHELL(family), env, &why))
        fail_msg("%s", text_string(&why));
    await_marked(mark, N_FAMILY);
}

static void test_subject_end_ends_a_whole_family(void **state)
{
    struct subject s;
    char mark[64];

    (void)state;
    make_mark(mark, sizeof mark);
    start_family(&s, mark);
    subject_end(&s);
    assert_int_equal(marked(mark, NULL), 0);
    assert_true(s.ended && !s.left_behind && !s.lost);
    subject_fini(&s);
}

/* With a namespace the kernel ends all; without one the subject dies with the keeper, and the rest
 * comes to us. */
static void test_subject_end_after_its_keeper_was_killed(void **state)
{
    struct subject s;
    struct seen all = {.n = 0};
    char mark[64];

    (void)state;
    subject_adopt_orphans();
    make_mark(mark, sizeof mark);
    start_family(&s, mark);
    marked(mark, &all);
    kill(s.keeper, SIGKILL);
    while (s.running) {
        struct sim_process p = subject_process(&s);
        struct pollfd fds[4];
        poll(fds, (nfds_t)p.watch(&s, fds, 4), LONG_MS);
        subject_turn(&s);
    }
    assert_true(s.lost && !s.ended);
    subject_end(&s);
    subject_fini(&s);
    assert_true(tree_end_children(LONG_MS));
    await_all_gone(&all);
}

/* --- those who fork on and on ---------------------------------------------------------------- */

#define OVER_S 20 /* should they get away, they end by themselves */

/* Always one process, never the same: each forks, leaves the session and ends. */
static void __attribute__((noreturn)) be_hydra(void)
{
    time_t over = time(NULL) + OVER_S;

    while (time(NULL) < over) {
        if (fork() > 0)
            _exit(0);
        setsid();
    }
    _exit(0);
}

/* 256 processes in sessions of their own, being born while we are busy with ending them. */
static void __attribute__((noreturn)) be_bomb(void)
{
    for (int depth = 0; depth < 8; depth++) {
        poll(NULL, 0, 1);
        fork();
        setsid();
    }
    poll(NULL, 0, OVER_S * 1000);
    _exit(0);
}

static void ends_one_who_forks(const char *kind)
{
    char *argv[] = {WORD("/proc/self/exe"), WORD(kind), NULL};
    struct subject s;
    struct text why = {0};
    char mark[64], *env[] = {mark, NULL};

    make_mark(mark, sizeof mark);
    /* NOLINTNEXTLINE: as subject_start() has it */
    assert_true(subject_start(&s, argv, (const char *const *)env, &why));
    poll(NULL, 0, 5); /* somewhere in the middle of it */
    subject_end(&s);
    assert_int_equal(marked(mark, NULL), 0);
    assert_false(s.left_behind);
    subject_fini(&s);
}

static void test_subject_end_ends_one_who_forks_without_end(void **state)
{
    (void)state;
    ends_one_who_forks("--hydra");
    ends_one_who_forks("--bomb");
}

/* --- the harness is killed ------------------------------------------------------------------- */

static bool ignore(void *context, size_t index, struct suite_run *run)
{
    (void)context;
    (void)index;
    suite_run_fini(run);
    return true;
}

/* N_SUBJECTS cases at the same time, each with a family that never listens. */
static void __attribute__((noreturn)) be_harness(const char *mark)
{
    static struct suite_settings settings = {.timeout_scale = 100, .jobs = N_SUBJECTS};
    struct script_list list = {0};
    struct script_error error;
    char text[128];

    snprintf(settings.build.server_cmd, sizeof settings.build.server_cmd, "/bin/sh -c \"%s\"",
             family);
    subject_add_env(&settings.build, mark);
    for (int i = 0; i < N_SUBJECTS; i++) {
        snprintf(text, sizeof text, "case x%d\nclause ST-1\nplays client\n\nfinish\n", i);
        script_read(&list, "t", text, &error);
    }
    suite_run_all(&list, &settings, ignore, NULL);
    _exit(0);
}

static void test_harness_killed_leaves_nothing_of_16_subjects(void **state)
{
    struct seen all = {.n = 0};
    char mark[64];

    (void)state;
    make_mark(mark, sizeof mark);
    pid_t harness = fork();
    if (harness == 0)
        be_harness(mark);
    assert_true(harness > 0);
    await_marked(mark, (size_t)N_SUBJECTS * N_FAMILY);
    assert_in_range(marked(mark, &all), (size_t)N_SUBJECTS * N_FAMILY, SEEN_MAX);
    kill(harness, SIGKILL);
    assert_int_equal(waitpid(harness, NULL, 0), harness);
    await_all_gone(&all);
    assert_int_equal(marked(mark, NULL), 0);
}

static bool is_there(const struct subject_keys *keys)
{
    return access(keys->dir, F_OK) == 0;
}

static void test_subject_keys_are_removed(void **state)
{
    struct subject_keys keys = {.dir = ""};
    struct text why = {0};

    (void)state;
    assert_true(subject_keys_make(&keys, &why));
    struct subject_keys made = keys;
    assert_true(is_there(&made));
    subject_keys_remove(&keys);
    assert_false(is_there(&made));
    subject_keys_remove(&keys);
}

static void test_harness_killed_leaves_no_keys(void **state)
{
    struct subject_keys *keys =
        mmap(NULL, sizeof *keys, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct text why = {0};
    int made[2] = {-1, -1};

    (void)state;
    assert_true(keys != MAP_FAILED && pipe(made) == 0);
    pid_t harness = fork();
    if (harness == 0) {
        bool ok = subject_keys_make(keys, &why);
        _exit(write(made[1], &ok, 1) == 1 ? pause() : 1);
    }
    bool ok = false;
    assert_true(harness > 0 && read(made[0], &ok, 1) == 1 && ok && is_there(keys));
    int remover = (int)syscall(SYS_pidfd_open, keys->remover, 0);
    struct pollfd ended = {.fd = remover, .events = POLLIN};
    assert_true(keys->remover > 1 && kill(keys->remover, SIGTERM) == 0); /* in vain */
    kill(harness, SIGKILL);
    assert_int_equal(waitpid(harness, NULL, 0), harness);
    assert_int_equal(poll(&ended, 1, LONG_MS), 1);
    assert_false(is_there(keys));
    close(remover);
    close(made[0]);
    close(made[1]);
    munmap(keys, sizeof *keys);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subject_end_ends_a_whole_family),
        cmocka_unit_test(test_subject_end_after_its_keeper_was_killed),
        cmocka_unit_test(test_subject_end_ends_one_who_forks_without_end),
        cmocka_unit_test(test_harness_killed_leaves_nothing_of_16_subjects),
        cmocka_unit_test(test_subject_keys_are_removed),
        cmocka_unit_test(test_harness_killed_leaves_no_keys),
    };

    if (argc > 1 && strcmp(argv[1], "--hydra") == 0)
        be_hydra();
    if (argc > 1 && strcmp(argv[1], "--bomb") == 0)
        be_bomb();
    int failed = cmocka_run_group_tests_name("as the system allows", tests, NULL, NULL);
    if (!refuse_namespaces())
        return 1;
    return failed + cmocka_run_group_tests_name("without namespaces", tests, NULL, NULL);
}
