#include "impl/console.h"

#include "impl/tests/alloc.h"
#include "impl/tests/unit.h"

static FILE *out;
static char *shown;
static size_t len;
static struct console *console;

static int set_up(void **state)
{
    (void)state;
    out = open_memstream(&shown, &len);
    console = console_new(out);
    return console == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    console_free(console);
    fclose(out);
    free(shown);
    return 0;
}

static void say(struct console_slot *slot, const char *text)
{
    fputs(text, console_file(slot));
}

static void expect(const char *text)
{
    fflush(out);
    assert_string_equal(shown, text);
}

static void test_console_shows_a_single_test_as_it_goes(void **state)
{
    struct console_slot *slot = console_open(console);

    (void)state;
    say(slot, "one\n");
    expect("one\n");
    say(slot, "half");
    expect("one\n");
    console_close(slot);
    expect("one\nhalf");
}

static void test_console_does_not_mix_the_lines_of_tests(void **state)
{
    struct console_slot *a = console_open(console), *b = console_open(console),
                        *c = console_open(console);

    (void)state;
    say(b, "b1\n");
    say(a, "a1\n");
    say(c, "c1\n");
    expect("a1\n");
    say(b, "b2\n");
    console_close(a); /* passes the floor on */
    expect("a1\nb1\nb2\n");
    say(b, "b3\n");
    say(c, "c2\n");
    expect("a1\nb1\nb2\nb3\n");
    console_close(b);
    console_close(c);
    expect("a1\nb1\nb2\nb3\nc1\nc2\n");
}

static void test_console_shows_a_test_that_ends_while_it_waits_whole(void **state)
{
    struct console_slot *a = console_open(console), *b = console_open(console),
                        *c = console_open(console);

    (void)state;
    say(a, "a1\n");
    say(b, "b1\n");
    say(c, "c1\n");
    say(b, "b2\n");
    console_close(b);
    expect("a1\nb1\nb2\n");
    say(a, "a2\n");
    console_close(a);
    expect("a1\nb1\nb2\na2\nc1\n");
    console_close(c);
}

/* A test that waits for hours must not fill the memory. */
static void test_console_shows_in_blocks_what_is_too_much_to_hold(void **state)
{
    struct console_slot *a = console_open(console), *b = console_open(console);
    char line[1001];

    (void)state;
    memset(line, 'x', sizeof line - 2);
    strcpy(line + sizeof line - 2, "\n");
    for (int i = 0; i < 3000; i++)
        say(b, line);
    fflush(out);
    assert_true(len >= 2000000 && len < 3000000);
    say(a, "a1\n");
    console_close(b);
    assert_int_equal(len, 3000 * 1000 + strlen("a1\n"));
    console_close(a);
}

static void test_console_survives_an_output_that_is_full(void **state)
{
    FILE *full = fopen("/dev/full", "w");
    struct console *other = console_new(full);
    struct console_slot *a = console_open(other), *b = console_open(other);

    (void)state;
    say(a, "a1\n");
    say(b, "b1\n");
    console_close(a);
    console_close(b);
    assert_true(ferror(full));
    console_free(other);
    fclose(full);
}

static void test_console_without_memory_says_so(void **state)
{
    struct console_slot *a = console_open(console), *b = console_open(console);

    (void)state;
    alloc_fail_at(1);
    assert_null(console_new(out));
    alloc_fail_at(1);
    assert_null(console_open(console));
    alloc_fail_at(1); /* what it can't hold is lost, and nothing else */
    say(b, "b1\n");
    alloc_fail_at(0);
    say(b, "b2\n");
    say(a, "a1\n");
    console_close(a);
    console_close(b);
    fflush(out);
    assert_non_null(strstr(shown, "a1\n"));
    assert_non_null(strstr(shown, "b2\n"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_console_shows_a_single_test_as_it_goes),
        T(test_console_does_not_mix_the_lines_of_tests),
        T(test_console_shows_a_test_that_ends_while_it_waits_whole),
        T(test_console_shows_in_blocks_what_is_too_much_to_hold),
        T(test_console_survives_an_output_that_is_full),
        T(test_console_without_memory_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
