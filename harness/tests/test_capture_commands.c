/* What the subcommands that read captures do with their files: what they print and where, and that
 * a file that is not theirs stays as it was. */
#include "harness/cli/cli.h"
#include "impl/tests/unit.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS   8
#define CAPTURE "pcaps/3.22-3.22-tcp.pcap.gz"

static char dir[UNIT_PATH_MAX];

/* DIR/name; the same text for the same name until the end. */
static const char *path_of(const char *name)
{
    static char paths[16][UNIT_PATH_MAX + 32];
    char *path = paths[0], wanted[sizeof paths[0]];

    snprintf(wanted, sizeof wanted, "%s/%s", dir, name);
    while (*path != '\0' && strcmp(path, wanted) != 0)
        path += sizeof paths[0];
    return strcpy(path, wanted);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "wbe");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static char *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rbe");
    size_t cap = 1u << 22;
    char *text = malloc(cap);

    assert_non_null(f);
    assert_non_null(text);
    *len = fread(text, 1, cap - 1, f);
    text[*len] = '\0';
    fclose(f);
    return text;
}

/* What a subcommand printed, the caller's to free; returns its exit status. */
struct printed {
    char *out, *err;
};

static int run(int command(int, char **), const char *const words[WORDS], struct printed *p)
{
    char *argv[WORDS + 1] = {NULL};
    int argc = 0, status;
    size_t len;

    while (argc < WORDS && words[argc] != NULL) {
        argv[argc] = (char *)(uintptr_t)words[argc];
        argc++;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen(path_of("out"), "w", stdout) || !freopen(path_of("err"), "w", stderr))
            _exit(99);
        status = command(argc, argv);
        fflush(NULL);
        _exit(status);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    p->out = read_file(path_of("out"), &len);
    p->err = read_file(path_of("err"), &len);
    return WEXITSTATUS(status);
}

static void printed_fini(struct printed *p)
{
    free(p->out);
    free(p->err);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(unit_temporary(dir, "capture")) == NULL;
}

static int tear_down(void **state)
{
    char command[UNIT_PATH_MAX + 16];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

/* --- files that are written ------------------------------------------------------------------- */

static void expect_precious(const char *path)
{
    size_t len;
    char *text = read_file(path, &len);

    assert_string_equal(text, "precious");
    free(text);
    assert_int_equal(access(path_of("keep.part"), F_OK), -1);
}

static void test_what_was_there_stays_if_there_is_nothing_to_write(void **state)
{
    const char *keep = path_of("keep"), *none = path_of("none");
    const char *svg = path_of("keep.svg");
    const struct {
        int (*command)(int, char **);
        const char *words[WORDS], *kept;
        int status;
    } rows[] = {
        {cli_scrub,  {"scrub", none, keep},             keep, CLI_TROUBLE},
        {cli_scrub,  {"scrub", dir, keep},              keep, CLI_TROUBLE},
        {cli_scrub,  {"scrub", keep, keep},             keep, CLI_USAGE  },
        {cli_scrub,  {"scrub", "/dev/null", keep},      keep, CLI_TROUBLE},
        {cli_decode, {"decode", "--ladder", svg, none}, svg,  CLI_TROUBLE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct printed p;
        write_file(rows[i].kept, "precious", 8);
        if (run(rows[i].command, rows[i].words, &p) != rows[i].status)
            fail_msg("row %zu: %s", i, p.err);
        expect_precious(rows[i].kept);
        printed_fini(&p);
    }
}

/* A link may be /dev/stdout, and what it leads to is open elsewhere. */
static void test_scrub_writes_through_a_link_and_leaves_it(void **state)
{
    struct printed p;
    struct stat st;

    (void)state;
    assert_int_equal(symlink("keep", path_of("link")), 0);
    const char *words[WORDS] = {"scrub", CAPTURE, path_of("link")};
    assert_int_equal(run(cli_scrub, words, &p), CLI_OK);
    printed_fini(&p);
    assert_int_equal(lstat(path_of("link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(path_of("keep"), &st), 0);
    assert_true(st.st_size > 10000);
    const char *again[WORDS] = {"scrub", path_of("none"), path_of("link")};
    assert_int_equal(run(cli_scrub, again, &p), CLI_TROUBLE);
    printed_fini(&p);
    assert_int_equal(lstat(path_of("link"), &st), 0);
    assert_int_equal(stat(path_of("keep"), &st), 0);
    assert_true(st.st_size > 10000);
    assert_int_equal(unlink(path_of("link")), 0);
}

/* --- files that are read ---------------------------------------------------------------------- */

/* As --scrub does not, a file that ends too early tells of the session that it has. */
static void test_a_damaged_file_is_judged_the_same_when_scrubbed(void **state)
{
    const char *damaged = path_of("damaged.pcap.gz"), *copy = path_of("copy.pcap");
    const char *const words[][WORDS] = {
        {"check",    damaged},
        { "check", "--scrub", damaged},
    };
    struct printed p;
    size_t len;

    (void)state;
    char *whole = read_file(CAPTURE, &len);
    write_file(damaged, whole, 1500);
    free(whole);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        assert_int_equal(run(cli_check, words[i], &p), CLI_TROUBLE);
        assert_non_null(strstr(p.out, "0 passed, 1 captured in part, 0 warned, 0 failed"));
        assert_non_null(strstr(p.out, "the file is damaged from here on"));
        assert_non_null(strstr(p.err, "damaged.pcap.gz: behind packet"));
        printed_fini(&p);
    }
    const char *scrub[WORDS] = {"scrub", damaged, copy}, *check[WORDS] = {"check", copy};
    assert_int_equal(run(cli_scrub, scrub, &p), CLI_TROUBLE);
    assert_non_null(strstr(p.err, "has what is before that"));
    printed_fini(&p);
    assert_int_equal(run(cli_check, check, &p), CLI_OK);
    assert_non_null(strstr(p.out, "1 captured in part"));
    printed_fini(&p);
}

/* A snap length of 40: of a segment of 37 bytes its headers are there, and nothing shows a cookie.
 */
static void test_a_capture_of_headers_alone_is_told(void **state)
{
    static const char cut[] = "\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\x28\0\0\0\x65\0\0\0"
                              "\0\0\0\0\0\0\0\0\x28\0\0\0\x4d\0\0\0"
                              "\x45\0\0\x4d\0\0\0\0\x40\6\0\0\x7f\0\0\1\x7f\0\0\1"
                              "\x9c\x40\x14\x51\0\0\0\0\0\0\0\0\x50\x18\0\0\0\0\0\0";
    struct printed p;

    (void)state;
    write_file(path_of("cut.pcap"), cut, sizeof cut - 1);
    const char *words[WORDS] = {"check", path_of("cut.pcap")};
    assert_int_equal(run(cli_check, words, &p), CLI_UNEXPECTED);
    if (strstr(p.err, "snap length") == NULL)
        fail_msg("%s", p.err);
    printed_fini(&p);
}

static void test_a_folder_is_no_capture(void **state)
{
    const char *const words[][WORDS] = {
        {"check",    dir},
        { "check", "--scrub", dir},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct printed p;
        assert_int_equal(run(cli_check, words[i], &p), CLI_TROUBLE);
        assert_non_null(strstr(p.err, "Is a directory"));
        printed_fini(&p);
    }
}

/* A file that cannot be read is told of, not what is therefore not in it; of another one, what is
 * not. */
static void test_one_line_says_why_there_is_no_session(void **state)
{
    const struct {
        int (*command)(int, char **);
        const char *words[WORDS];
        int status;
        const char *said;
    } rows[] = {
        {cli_convert, {"convert", "--as", "client", dir},               CLI_TROUBLE, "Is a directory"       },
        {cli_convert,
         {"convert", "--as", "client", "--session", "2", CAPTURE},
         CLI_UNEXPECTED,                                                             "there is no session 2"},
        {cli_replay,  {"replay", "--build", "/bin/true", dir},          CLI_TROUBLE, "Is a directory"       },
        {cli_replay,
         {"replay", "--build", "/bin/true", "--session", "2", CAPTURE},
         CLI_UNEXPECTED,                                                             "there is no session 2"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct printed p;
        int status = run(rows[i].command, rows[i].words, &p);
        const char *end = strchr(p.err, '\n');
        if (status != rows[i].status || !strstr(p.err, rows[i].said) || !end || end[1] != '\0')
            fail_msg("%s, row %zu: %d: %s", rows[i].words[0], i, status, p.err);
        printed_fini(&p);
    }
}

static void test_decode_has_one_form(void **state)
{
    const char *const words[WORDS] = {"decode", "--follow", "--json", CAPTURE};
    struct printed p;

    (void)state;
    assert_int_equal(run(cli_decode, words, &p), CLI_USAGE);
    assert_string_equal(p.out, "");
    printed_fini(&p);
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* Every digit of a number that no double holds. */
static void test_decode_tells_numbers_as_they_were_sent(void **state)
{
    const char *const words[WORDS] = {"decode", "--json",
                                      "pcaps/3.12-3.12-udp-lossy-reverse.pcap.gz"};
    struct printed p;

    (void)state;
    assert_int_equal(run(cli_decode, words, &p), CLI_OK);
    assert_non_null(strstr(p.out, "\"retransmits\":18446744073709551615"));
    cJSON *root = cJSON_Parse(p.out);
    assert_non_null(root);
    cJSON_Delete(root);
    printed_fini(&p);
}

/* --- a server elsewhere ----------------------------------------------------------------------- */

static void test_replay_against_wants_a_place(void **state)
{
    static const char *const places[] = {"localhost:99999", "localhost", ":5201", "localhost:0",
                                         "localhost:http"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const char *const words[WORDS] = {"replay", "--against", places[i], CAPTURE};
        struct printed p;
        if (run(cli_replay, words, &p) != CLI_USAGE)
            fail_msg("%s: %s", places[i], p.err);
        printed_fini(&p);
    }
}

/* Takes connections and ends each at once. Returns its process; *port is where. */
static pid_t refuser(unsigned *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    pid_t pid = fork();
    for (int one; pid == 0 && (one = accept(fd, NULL, NULL)) >= 0;)
        close(one);
    close(fd);
    return pid;
}

/* How it was started is its own affair. */
static void test_replay_against_leaves_a_server_its_options(void **state)
{
    static const char *const captures[] = {
        "pcaps/3.22-3.22-auth.pcap.gz",
        "pcaps/3.22-3.22-auth-refused.pcap.gz",
        "pcaps/3.22-3.22-server-output-json.pcap.gz",
    };
    unsigned port;
    char place[32];

    (void)state;
    pid_t pid = refuser(&port);
    snprintf(place, sizeof place, "127.0.0.1:%u", port);
    for (size_t i = 0; i < ARRAY_LEN(captures); i++) {
        const char *const words[WORDS] = {"replay", "--against", place, captures[i]};
        struct printed p;
        if (run(cli_replay, words, &p) != CLI_UNEXPECTED || !strstr(p.err, "was started with `-") ||
            !strstr(p.out, "! < 09 PARAM_EXCHANGE"))
            fail_msg("%s: %s%s", captures[i], p.err, p.out);
        printed_fini(&p);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_there_stays_if_there_is_nothing_to_write),
        cmocka_unit_test(test_scrub_writes_through_a_link_and_leaves_it),
        cmocka_unit_test(test_a_damaged_file_is_judged_the_same_when_scrubbed),
        cmocka_unit_test(test_a_capture_of_headers_alone_is_told),
        cmocka_unit_test(test_a_folder_is_no_capture),
        cmocka_unit_test(test_one_line_says_why_there_is_no_session),
        cmocka_unit_test(test_decode_has_one_form),
        cmocka_unit_test(test_decode_tells_numbers_as_they_were_sent),
        cmocka_unit_test(test_replay_against_wants_a_place),
        cmocka_unit_test(test_replay_against_leaves_a_server_its_options),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
