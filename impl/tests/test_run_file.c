/* -F: what is sent comes from a file, and goes to one. */
#include "impl/tests/loopback.h"
#include "impl/tests/run_bench.h"

#include <errno.h>
#include <fcntl.h>

#define FILE_LEN 300001

static void read_file(const char *path, uint8_t content[FILE_LEN + 1], size_t *len)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, content, FILE_LEN + 1);

    assert_true(n >= 0);
    *len = (size_t)n;
    close(fd);
}

static void check_file(bool zerocopy)
{
    static uint8_t content[FILE_LEN + 1], copy[FILE_LEN + 1];
    char from[UNIT_PATH_MAX], to[UNIT_PATH_MAX];
    struct bench b;
    size_t len = 0;
    int fd = mkstemp(unit_temporary(from, "run"));

    close(mkstemp(unit_temporary(to, "run")));
    for (size_t i = 0; i < FILE_LEN; i++)
        content[i] = (uint8_t)(i * i >> 7);
    assert_int_equal(write(fd, content, FILE_LEN), FILE_LEN);
    close(fd);
    bench_init(&b);
    b.params.zerocopy = zerocopy;
    struct run_config client = config_of(&b, MACHINE_CLIENT),
                      server = config_of(&b, MACHINE_SERVER);
    client.file = from;
    server.file = to;
    make_run(&client);
    make_run(&server);
    connect_runs(&b, 1, true);
    start_at(b.server.run, loop_now());
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    assert_int_equal(b.client.n_over, 1); /* the end of the file, without any other condition */
    assert_int_equal(total_bytes(b.client.run), FILE_LEN);
    read_file(to, copy, &len);
    assert_int_equal(len, total_bytes(b.server.run));
    assert_memory_equal(content, copy, len);
    unlink(from);
    unlink(to);
    bench_fini(&b);
}

static void test_a_file_goes_over_and_ends_the_test(void **state)
{
    (void)state;
    check_file(false);
    check_file(true);
}

static void test_a_file_sent_early_ends_the_test_after_omit(void **state)
{
    char path[UNIT_PATH_MAX];
    struct bench b;
    struct run_config config;

    (void)state;
    close(mkstemp(unit_temporary(path, "run")));
    bench_init(&b);
    b.params.omit = 1;
    config = config_of(&b, MACHINE_CLIENT);
    config.file = path;
    int raw = connect_raw(make_run(&config), true);
    start_at(b.client.run, loop_now() - SECOND / 2);
    loop_run(b.loop);
    assert_int_equal(b.client.n_over, 1);
    assert_true(b.client.run->counted_from_ns > 0); /* OMIT-4 */
    close(raw);
    unlink(path);
    bench_fini(&b);
}

static void test_a_file_that_is_not_there_refuses_the_stream(void **state)
{
    struct bench b;
    struct run_config config;
    int fds[2];

    (void)state;
    bench_init(&b);
    config = config_of(&b, MACHINE_CLIENT);
    config.file = "/nonexistent/file";
    make_run(&config);
    connect_pair(fds, SOCK_STREAM);
    assert_int_equal(run_add_stream(b.client.run, fds[0], true), SPEC_E_SYSTEM);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(run_n_streams(b.client.run), 0);
    close(fds[1]);
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_goes_over_and_ends_the_test),
        cmocka_unit_test(test_a_file_sent_early_ends_the_test_after_omit),
        cmocka_unit_test(test_a_file_that_is_not_there_refuses_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
