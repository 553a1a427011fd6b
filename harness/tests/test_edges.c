/* test_edges.c - counters of edges, read out of a process that has some. */
#include "impl/tests/unit.h"

#include "harness/subject/edges.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define N 64

/* As clang lays them out: this program counts, though nobody instrumented it. */
__attribute__((section("__sancov_cntrs"), used)) static volatile uint8_t counters[N];

struct seen {
    unsigned buckets[N]; /* bucket + 1; 0: not taken */
    unsigned n;
};

static void take(void *context, size_t edge, unsigned bucket)
{
    struct seen *seen = context;

    assert_in_range(edge, 0, N - 1);
    seen->buckets[edge] = bucket + 1;
    seen->n++;
}

static const struct row {
    uint8_t times;
    unsigned bucket;
} rows[] = {
    {1,   0},
    {2,   1},
    {3,   2},
    {4,   3},
    {7,   3},
    {8,   4},
    {31,  5},
    {32,  6},
    {127, 6},
    {128, 7},
    {255, 7},
};

/* A process of its own counts on when it reads a byte, and tells when it has. */
static void count_on(int asks, int tells)
{
    char byte;

    while (read(asks, &byte, 1) == 1) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            counters[i] = (uint8_t)(counters[i] + rows[i].times);
        if (write(tells, &byte, 1) != 1)
            break;
    }
    _exit(0);
}

static void test_edges_look_tells_what_was_taken_since_the_last(void **state)
{
    int asks[2], tells[2];
    char byte = 0;
    struct edges e;

    (void)state;
    assert_int_equal(pipe(asks) | pipe(tells), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(asks[1]);
        count_on(asks[0], tells[1]);
    }
    assert_true(edges_open(&e, pid));
    assert_int_equal(e.n, N);
    for (int round = 0; round < 3; round++) { /* counters go round */
        struct seen seen = {.n = 0};
        assert_int_equal(write(asks[1], &byte, 1), 1);
        assert_int_equal(read(tells[0], &byte, 1), 1);
        assert_true(edges_look(&e, take, &seen));
        assert_int_equal(seen.n, ARRAY_LEN(rows));
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            assert_int_equal(seen.buckets[i], rows[i].bucket + 1);
        assert_true(edges_look(&e, take, &seen));
        assert_int_equal(seen.n, ARRAY_LEN(rows)); /* none was taken since */
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(edges_look(&e, take, NULL));
    edges_close(&e);
    for (int i = 0; i < 2; i++) {
        close(asks[i]);
        close(tells[i]);
    }
}

static void test_edges_open_finds_none_where_there_are_none(void **state)
{
    int in[2], out[2];
    char byte = 'x';
    struct edges e;

    (void)state;
    assert_int_equal(pipe(in) | pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        execl("/bin/cat", "cat", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(write(in[1], &byte, 1), 1);
    assert_int_equal(read(out[0], &byte, 1), 1); /* it is cat now */
    assert_false(edges_open(&e, pid));
    assert_false(edges_look(&e, take, NULL));
    edges_close(&e);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(edges_open(&e, pid));
    edges_close(&e);
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges_look_tells_what_was_taken_since_the_last),
        cmocka_unit_test(test_edges_open_finds_none_where_there_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
