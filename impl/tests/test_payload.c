/* Where a sender's bytes come from: random, digits, a file; copied or by descriptor. */
#include "impl/tests/iofail.h"
#include "impl/tests/unit.h"
#include "impl/traffic/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A temporary file with these contents. */
static void make_file(char path[UNIT_PATH_MAX], const char *text)
{
    int fd = mkstemp(unit_temporary(path, "payload"));

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_digits_start_anew_in_each_block(void **state)
{
    struct payload p;
    size_t len;

    (void)state;
    assert_int_equal(
        payload_open(&p, &(struct payload_config){.sender = true, .len = 23, .repeating = true}),
        SPEC_OK);
    for (int block = 0; block < 2; block++) {
        assert_int_equal(payload_next(&p, 1, &len), SPEC_OK);
        assert_int_equal(len, 23);
        assert_memory_equal(p.buf, "01234567890123456789012", 23); /* DATA-2 */
    }
    payload_close(&p);
}

static void test_zerocopy_sends_the_filled_block(void **state)
{
    struct payload p;
    struct payload_config config = {.sender = true, .len = 12, .repeating = true, .zerocopy = true};
    char read_back[12];

    (void)state;
    assert_int_equal(payload_open(&p, &config), SPEC_OK);
    assert_int_equal(pread(p.kernel_fd, read_back, 12, p.at), 12);
    assert_memory_equal(read_back, "012345678901", 12); /* DATA-3 */
    payload_close(&p);
}

static void test_random_bytes_differ(void **state)
{
    struct payload a, b;
    struct payload_config config = {.sender = true, .len = 64};

    (void)state;
    assert_int_equal(payload_open(&a, &config), SPEC_OK);
    assert_int_equal(payload_open(&b, &config), SPEC_OK);
    assert_memory_not_equal(a.buf, b.buf, 64);
    payload_close(&a);
    payload_close(&b);
}

static void test_payload_borrow_gives_the_same_bytes_and_a_pipe_of_its_own(void **state)
{
    (void)state;
    for (int zerocopy = 0; zerocopy <= 1; zerocopy++) {
        struct payload_config config = {
            .sender = true, .len = 12, .n_blocks = 3, .zerocopy = zerocopy};
        struct payload a, b;

        assert_int_equal(payload_open(&a, &config), SPEC_OK);
        assert_int_equal(payload_borrow(&b, &a), SPEC_OK);
        assert_ptr_equal(a.buf, b.buf);
        assert_int_equal(a.kernel_fd, b.kernel_fd);
        assert_true(!zerocopy || a.pipe[0] != b.pipe[0]);
        payload_close(&b);
        payload_close(&b);
        assert_true(!zerocopy || fcntl(a.kernel_fd, F_GETFD) >= 0);
        payload_close(&a);
    }
}

/* What payload_next() hands out of a file, as text with a bar behind each block, though that call
 * of the system has trouble (0: none). */
static bool check_file(bool zerocopy, unsigned call, enum io_trouble trouble)
{
    char path[UNIT_PATH_MAX], got[64] = "";
    struct payload_config config = {.sender = true, .len = 4, .zerocopy = zerocopy, .file = path};
    struct payload p;
    size_t len;

    make_file(path, "abcdefghij");
    assert_int_equal(payload_open(&p, &config), SPEC_OK);
    assert_int_equal(p.kernel_fd >= 0, zerocopy);
    io_fail_at(call, trouble, EINTR);
    while (payload_next(&p, 1, &len) == SPEC_OK && len > 0) {
        if (zerocopy)
            assert_int_equal(pread(p.kernel_fd, p.buf, len, p.at), len);
        strncat(got, (char *)p.buf, len);
        strcat(got, "|");
    }
    bool hit = io_failed();
    io_fail_at(0, IO_FAIL, 0);
    assert_string_equal(got, "abcd|efgh|ij|");
    payload_close(&p);
    unlink(path);
    return hit;
}

static void test_a_file_ends_with_a_short_block(void **state)
{
    (void)state;
    check_file(false, 0, IO_FAIL);
    check_file(true, 0, IO_FAIL);
}

static void test_a_file_is_read_on_after_each_interruption_and_short_read(void **state)
{
    static const enum io_trouble troubles[] = {IO_FAIL, IO_SHORT};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(troubles); i++) {
        bool hit = true;
        for (unsigned n = 1; hit; n++) {
            hit = check_file(false, n, troubles[i]);
            assert_true(hit || n > 3);
        }
    }
}

static void test_a_pipe_without_data_is_not_at_its_end(void **state)
{
    char path[UNIT_PATH_MAX];
    struct payload_config config = {.sender = true, .len = 4, .file = path};
    struct payload p;
    size_t len;
    int writer;

    (void)state;
    make_file(path, "");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(payload_open(&p, &config), SPEC_OK);
    writer = open(path, O_WRONLY);
    assert_int_equal(write(writer, "abc", 3), 3);
    assert_int_equal(payload_next(&p, 1, &len), SPEC_E_SYSTEM);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(write(writer, "de", 2), 2);
    assert_int_equal(payload_next(&p, 1, &len), SPEC_OK);
    assert_int_equal(len, 4);
    assert_memory_equal(p.buf, "abcd", 4);
    close(writer);
    assert_int_equal(payload_next(&p, 1, &len), SPEC_OK);
    assert_int_equal(len, 1);
    assert_int_equal(payload_next(&p, 1, &len), SPEC_OK);
    assert_int_equal(len, 0);
    payload_close(&p);
    unlink(path);
}

static void test_a_missing_file_is_an_error_with_its_reason(void **state)
{
    struct payload p;
    struct payload_config config = {.sender = true, .len = 4, .file = "/nonexistent/file"};

    (void)state;
    assert_int_equal(payload_open(&p, &config), SPEC_E_SYSTEM);
    assert_int_equal(errno, ENOENT);
}

static void test_a_receiver_starts_its_file_anew(void **state)
{
    char path[UNIT_PATH_MAX], got[8] = "";
    struct payload_config config = {.len = 8, .file = path};
    struct payload p;
    int fd;

    (void)state;
    make_file(path, "what was there before");
    assert_int_equal(payload_open(&p, &config), SPEC_OK);
    memcpy(p.buf, "abcdefgh", 8);
    assert_int_equal(payload_store(&p, 2, 3), 3);
    payload_close(&p);
    fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, got, sizeof got), 3);
    assert_string_equal(got, "cde");
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payload_borrow_gives_the_same_bytes_and_a_pipe_of_its_own),
        cmocka_unit_test(test_digits_start_anew_in_each_block),
        cmocka_unit_test(test_zerocopy_sends_the_filled_block),
        cmocka_unit_test(test_random_bytes_differ),
        cmocka_unit_test(test_a_file_ends_with_a_short_block),
        cmocka_unit_test(test_a_file_is_read_on_after_each_interruption_and_short_read),
        cmocka_unit_test(test_a_pipe_without_data_is_not_at_its_end),
        cmocka_unit_test(test_a_missing_file_is_an_error_with_its_reason),
        cmocka_unit_test(test_a_receiver_starts_its_file_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
