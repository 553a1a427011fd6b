/* test_outbox.c - the outbox at pipes that are read, that nobody reads, and that are gone. */
#include "impl/outbox.h"

#include "impl/tests/alloc.h"
#include "impl/tests/iofail.h"
#include "impl/tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define A_MINUTE UINT64_C(60000000000)
#define A_BIT    UINT64_C(20000000)
#define PAGE     4096

static struct outbox *box;
static int pipes[2][2];
static FILE *lines, *notes;

static int open_with(uint64_t patience_ns)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
        assert_int_equal(fcntl(pipes[i][1], F_SETPIPE_SZ, PAGE), PAGE);
    }
    box = outbox_new(pipes[1][1], patience_ns);
    assert_non_null(box);
    lines = outbox_file(box, pipes[0][1]);
    notes = outbox_file(box, pipes[1][1]);
    return lines == NULL || notes == NULL;
}

static int patient(void **state)
{
    (void)state;
    return open_with(A_MINUTE);
}

static int impatient(void **state)
{
    (void)state;
    return open_with(A_BIT);
}

static int tear_down(void **state)
{
    (void)state;
    io_fail_at(0, IO_FAIL, 0);
    alloc_fail_at(0);
    outbox_free(box);
    for (int i = 0; i < 4; i++)
        if (pipes[i / 2][i % 2] >= 0)
            close(pipes[i / 2][i % 2]);
    return 0;
}

/* What comes out of pipe i, up to n bytes; static. */
static const char *read_pipe(int i, size_t n)
{
    static char got[64 * PAGE];
    size_t have = 0;
    ssize_t one;

    assert_true(n < sizeof got);
    while (have < n && (one = readv(pipes[i][0], &(struct iovec){got + have, n - have}, 1)) > 0)
        have += (size_t)one;
    got[have] = '\0';
    return got;
}

static void test_outbox_writes_lines_as_they_come(void **state)
{
    (void)state;
    fprintf(lines, "one\ntwo\n");
    assert_string_equal(read_pipe(0, 8), "one\ntwo\n");
    fprintf(notes, "three\n");
    assert_string_equal(read_pipe(1, 6), "three\n");
    fprintf(lines, "no end");
    assert_true(outbox_drain(box, A_MINUTE));
    assert_string_equal(read_pipe(0, 6), "no end");
}

/* Both streams on one descriptor: their lines come in the order of printing. */
static void test_outbox_keeps_the_order_of_its_streams(void **state)
{
    FILE *other = outbox_file(box, pipes[0][1]);
    char want[64 * 16 + 1] = "";

    (void)state;
    for (int i = 0; i < 64; i++) {
        fprintf(i % 2 == 0 ? lines : other, "line number %2d\n", i);
        sprintf(want + strlen(want), "line number %2d\n", i);
    }
    assert_string_equal(read_pipe(0, strlen(want)), want);
}

/* Reads pipe 0 to its end. */
static char heard[4 * OUTBOX_MAX];
static size_t n_heard;

static void *hear(void *unused)
{
    ssize_t one;

    n_heard = 0;
    while ((one = readv(pipes[0][0], &(struct iovec){heard + n_heard, sizeof heard - 1 - n_heard},
                        1)) > 0)
        n_heard += (size_t)one;
    heard[n_heard] = '\0';
    return unused;
}

/* Now somebody reads: what was said before and after, and how many lines were dropped. */
static unsigned catch_up(void)
{
    unsigned n_dropped = 0;
    pthread_t reader;

    assert_int_equal(pthread_create(&reader, NULL, hear, NULL), 0);
    assert_false(outbox_drain(box, A_MINUTE)); /* not all that was printed was written */
    fputs("heard again\n", lines);
    outbox_drain(box, A_MINUTE);
    assert_int_equal(outbox_free(box), 0);
    box = NULL;
    for (int i = 0; i < 2; i++) {
        close(pipes[i][1]);
        pipes[i][1] = -1;
    }
    pthread_join(reader, NULL);
    assert_int_equal(sscanf(read_pipe(1, PAGE), "iperfref: %u lines of output dropped", &n_dropped),
                     1);
    return n_dropped;
}

static void test_outbox_drops_lines_that_nobody_reads_and_says_how_many(void **state)
{
    unsigned n = (OUTBOX_MAX + PAGE) / 8 + 1000, n_heard_lines = 0;

    (void)state;
    for (unsigned i = 0; i < n; i++)
        fputs("1234567\n", lines); /* waits for room once, then no more */
    unsigned n_dropped = catch_up();
    assert_true(n_dropped >= 1000);
    for (const char *at = heard; strncmp(at, "1234567\n", 8) == 0; at += 8)
        n_heard_lines++;
    assert_int_equal(n_heard_lines + n_dropped, n);
    assert_string_equal(heard + (size_t)n_heard_lines * 8, "heard again\n");
}

static void test_outbox_that_cuts_a_line_ends_it(void **state)
{
    static char line[2 * OUTBOX_MAX];

    (void)state;
    memset(line, 'y', sizeof line - 2);
    line[sizeof line - 2] = '\n';
    fputs(line, lines);
    assert_int_equal(catch_up(), 1);
    size_t n_kept = strspn(heard, "y");
    assert_true(n_kept > 0 && n_kept < sizeof line - 2);
    assert_string_equal(heard + n_kept, "\nheard again\n");
}

static void test_outbox_waits_for_a_reader_who_is_slow(void **state)
{
    pthread_t reader;

    (void)state;
    assert_int_equal(pthread_create(&reader, NULL, hear, NULL), 0);
    for (unsigned i = 0; i < 2 * OUTBOX_MAX / 8; i++)
        fputs("1234567\n", lines);
    assert_true(outbox_drain(box, A_MINUTE));
    close(pipes[0][1]);
    pipes[0][1] = -1;
    pthread_join(reader, NULL);
    assert_int_equal(n_heard, 2 * OUTBOX_MAX);
}

static void test_outbox_free_does_not_wait_for_a_reader(void **state)
{
    (void)state;
    for (int i = 0; i < PAGE; i++)
        fputs("1234567\n", lines);
    assert_false(outbox_drain(box, A_BIT));
    assert_int_equal(outbox_free(box), 0);
    box = NULL;
}

static void test_outbox_tells_the_first_write_that_failed(void **state)
{
    (void)state;
    close(pipes[0][0]);
    pipes[0][0] = -1;
    fputs("to nobody\n", lines);
    fputs("but\n", notes);
    assert_true(outbox_drain(box, A_MINUTE));
    assert_string_equal(read_pipe(1, 4), "but\n");
    assert_int_equal(outbox_free(box), EPIPE);
    box = NULL;
}

static void test_outbox_survives_each_write_interrupted_or_falling_short(void **state)
{
    static const enum io_trouble troubles[] = {IO_FAIL, IO_SHORT};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(troubles); i++) {
        io_fail_at(1, troubles[i], EINTR);
        fputs("a whole line\n", lines);
        assert_string_equal(read_pipe(0, 13), "a whole line\n");
        assert_true(outbox_drain(box, A_MINUTE));
        assert_true(io_failed());
    }
}

static void test_outbox_without_memory_says_so(void **state)
{
    (void)state;
    alloc_fail_at(1);
    assert_null(outbox_new(1, A_BIT));
    alloc_fail_at(1);
    assert_null(outbox_file(box, 1));
    fputs("one", lines); /* its stream's buffer is there */
    alloc_fail_at(1);
    fputs("\n", lines);
    alloc_fail_at(0);
    assert_int_equal(catch_up(), 1);
    assert_string_equal(heard, "heard again\n");
}

#define T(test, patience) cmocka_unit_test_setup_teardown(test, patience, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_outbox_writes_lines_as_they_come, patient),
        T(test_outbox_keeps_the_order_of_its_streams, patient),
        T(test_outbox_drops_lines_that_nobody_reads_and_says_how_many, impatient),
        T(test_outbox_that_cuts_a_line_ends_it, impatient),
        T(test_outbox_waits_for_a_reader_who_is_slow, patient),
        T(test_outbox_free_does_not_wait_for_a_reader, patient),
        T(test_outbox_tells_the_first_write_that_failed, patient),
        T(test_outbox_survives_each_write_interrupted_or_falling_short, patient),
        T(test_outbox_without_memory_says_so, patient),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    alarm(120); /* some wait for what may never come */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
