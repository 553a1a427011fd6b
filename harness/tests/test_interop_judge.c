#include "harness/interop/judge.h"
#include "impl/net/transcript.h"
#include "impl/tests/vector.h"

#include <signal.h>
#include <unistd.h>

#define SESSION "impl/tests/vectors/3.22-3.22-time.session"
#define REFUSED "impl/tests/vectors/3.12-3.12-auth-bad.session"
#define REPORT                                                                                     \
    "{\"start\":{\"sndbuf_actual\":16384,\"rcvbuf_actual\":131072},"                               \
    "\"end\":{\"streams\":[{\"sender\":{\"bytes\":9000},\"receiver\":{\"bytes\":8000}}]}}"
#define LATE                                                                                       \
    "{\"start\":{},\"end\":{\"streams\":[{\"sender\":{\"bytes\":2000000},"                         \
    "\"receiver\":{\"bytes\":8000}}]}}"
#define CUT                                                                                        \
    "{\"start\":{\"test_start\":{\"blksize\":2000}},"                                              \
    "\"end\":{\"streams\":[{\"sender\":{\"bytes\":8000},\"receiver\":{\"bytes\":9000}}]}}"
#define GROWN       (4 << 20)
#define INTERRUPTED "{\"error\":\"interrupt - the server has terminated\"}"

enum { EXIT_0 = 0, EXIT_1 = 1 << 8, EXIT_2 = 2 << 8 };

/* clang-format off */

/* A cell as it was played: recorded session, stock client, iperfref as server. Every row differs
 * from a good cell in what it names. */
static const struct row {
    const char *name;
    const char *why; /* part of it; NULL: green */
    unsigned flags;
    const char *session; /* NULL: between stock builds */
    int leave_out;       /* so many records at its end */
    const char *insert;  /* a state byte of the client's in place of TEST_END's record */
    const char *client_out, *client_err, *server_out, *server_err;
    int client_status, server_status;
    bool client_hangs, server_is_deaf, may_be_late;
    unsigned client_minor; /* its version: 3.x */
    const char *facts;
} rows[] = {
    {.name = "good", .session = SESSION},
    {.name = "good, between stock builds"},
    {.name = "3.9 says who was authorized first",
     .session = SESSION,
     .server_out = "Authentication successed for user 'user' ts 1\n" REPORT},
    {.name = "the server's report is the first", .session = SESSION,
     .server_out = REPORT "\n" INTERRUPTED},
    {.name = "CLOSE-6 a stock server ends with 1", .server_status = EXIT_1},
    {.name = "CLOSE-6 iperfref ends with 0",
     .session = SESSION,
     .server_status = EXIT_1,
     .why = "the server's exit status is 1"},
    {.name = "no server ends with 2", .server_status = EXIT_2, .why = "exit status is 2"},
    {.name = "client hangs", .client_hangs = true, .why = "the client did not end"},
    {.name = "client killed", .client_status = SIGSEGV, .why = "the client was killed by signal 11"},
    {.name = "client without a report", .client_out = "", .why = "the client printed no JSON"},
    {.name = "client with half a report", .client_out = "{\"start\":{", .why = "no JSON"},
    {.name = "an error, although 3.12 exits with 0",
     .client_out = "{\"error\":\"some error\"}",
     .why = "the client says: some error"},
    {.name = "3.9 has it on stderr",
     .client_err = "iperf3: error - some error\nmore\n",
     .why = "the client says: some error"},
    {.name = "exit status 1", .client_status = EXIT_1, .why = "status is 1 without an error"},
    {.name = "server deaf", .server_is_deaf = true, .why = "does not listen any more"},
    {.name = "server killed", .server_status = SIGKILL, .why = "the server was killed by signal 9"},
    {.name = "server says an error",
     .server_out = "{\"error\":\"some error\"}",
     .why = "the server says: some error"},
    {.name = "server without a report", .server_out = "", .why = "the server printed no JSON"},
    {.name = "server that reports as text", .flags = MODE_TEXT, .server_out = "Server listening"},
    {.name = "sanitizer",
     .server_err = "x.c:1:2: runtime error: signed integer overflow\n",
     .why = "the server: x.c:1:2: runtime error"},
    {.name = "ST-2 a byte that nobody sends", .session = SESSION, .insert = "\x05", .why = "ST-"},
    {.name = "FLOW-1 no IPERF_DONE",
     .session = SESSION,
     .leave_out = 3,
     .why = "did not come to a good end"},
    {.name = "a mode without effect",
     .session = SESSION,
     .facts = "P:omit=1",
     .why = "expected omit=1 in the parameters, found 0"},
    {.name = "INT-14 numbers of a report",
     .client_out = "{\"start\":{},\"end\":{\"streams\":[{\"sender\":{\"bytes\":8000},"
                   "\"receiver\":{\"bytes\":9000}}]}}",
     .why = "9000 bytes received, only 8000 sent"},
    {.name = "RES-30 part of a block more received than sent", .client_out = CUT, .client_minor = 16},
    {.name = "RES-30 nothing is cut before 3.16", .client_out = CUT, .client_minor = 15,
     .why = "9000 bytes received, only 8000 sent"},
    {.name = "INT-14 more missing than the buffers hold",
     .client_out = LATE,
     .why = "1992000 missing"},
    {.name = "INT-14 but not more than they grow to", .client_out = LATE, .may_be_late = true},
    {.name = "a crash is not late",
     .client_out = LATE,
     .client_status = SIGSEGV,
     .may_be_late = true,
     .why = "the client was killed by signal 11"},
    {.name = "INT-14 more missing than they can ever grow to",
     .client_out = "{\"start\":{},\"end\":{\"streams\":[{\"sender\":{\"bytes\":9000000},"
                   "\"receiver\":{\"bytes\":8000}}]}}",
     .may_be_late = true,
     .why = "8992000 missing"},
    {.name = "a report without streams",
     .client_out = "{\"end\":{\"streams\":[]}}",
     .why = "no streams"},
    {.name = "UDP-7 all of a report lost",
     .client_out = "{\"end\":{\"streams\":[{\"udp\":{\"packets\":3,\"lost_packets\":3}}]}}",
     .why = "3 datagrams, 3 of them lost"},
    {.name = "AUTH-11 refused",
     .flags = MODE_AUTH | MODE_REFUSED,
     .session = REFUSED,
     .client_out = "{\"error\":\"test authorization failed\"}",
     .server_out = INTERRUPTED},
    {.name = "AUTH-11 not refused",
     .flags = MODE_AUTH | MODE_REFUSED,
     .session = SESSION,
     .why = "the client was not refused"},
    {.name = "AUTH-11 refused only afterwards",
     .flags = MODE_AUTH | MODE_REFUSED,
     .session = SESSION,
     .client_out = "{\"error\":\"test authorization failed\"}",
     .why = "the test was run all the same"},
};

/* clang-format on */

/* --- the cell of a row ----------------------------------------------------------------------- */

static void write_record(struct transcript_session *s, const struct vector_record *r,
                         const char *insert)
{
    struct bytes bytes = {r->bytes, r->len};

    if (insert && r->kind == VECTOR_BYTES && r->len == 1 && r->bytes[0] == 4)
        bytes.at = (const uint8_t *)insert;
    if (r->kind != VECTOR_BYTES) {
        if (r->from == 'C')
            transcript_over(s, r->kind == VECTOR_RESET, 104);
    } else if (r->from == 'C') {
        transcript_received(s, bytes);
    } else {
        transcript_sent(s, bytes);
    }
}

static void write_transcript(const struct row *row, const char *path)
{
    struct vector v;
    struct transcript *t = transcript_open(path);
    struct transcript_session *s =
        transcript_begin(t, OBSERVER_SERVER, "127.0.0.1", 5201, "127.0.0.1", 40000);

    assert_non_null(s);
    vector_load(&v, row->session);
    for (size_t i = 0; i + (size_t)row->leave_out < v.n; i++)
        write_record(s, &v.records[i], row->insert);
    transcript_end(s);
    assert_int_equal(transcript_close(t), SPEC_OK);
    vector_fini(&v);
}

static struct text text_of(const char *string, const char *otherwise)
{
    struct text t = {0};

    text_adds(&t, string ? string : otherwise);
    return t;
}

static void check(const struct row *row, const char *path)
{
    struct interop_mode mode = {.name = row->name, .flags = row->flags, .needs = ""};
    struct subject client = {.status = row->client_status,
                             .out = text_of(row->client_out, REPORT),
                             .err = text_of(row->client_err, "")};
    struct subject server = {.status = row->server_status,
                             .out = text_of(row->server_out, REPORT),
                             .err = text_of(row->server_err, "")};
    struct interop_end stock = {
        .side.version = {3, row->client_minor}
    };
    struct interop_end other = {.side.is_reference = row->session != NULL};
    struct judge_case c = {
        .mode = &mode,
        .client = {&client, &stock, !row->client_hangs, NULL                      },
        .server = {&server, &other, false,              row->session ? path : NULL},
        .listens_again = !row->server_is_deaf,
        .facts = row->facts ? row->facts : "",
        .buffers_grow = GROWN,
        .may_be_late = row->may_be_late,
    };
    struct text why = {0};

    if (row->session)
        write_transcript(row, path);
    bool green = judge_cell(&c, &why);
    if (green != (row->why == NULL) || (row->why && !strstr(text_string(&why), row->why)))
        fail_msg("%s: %s, '%s'", row->name, green ? "green" : "red", text_string(&why));
    struct text *const all[] = {&client.out, &client.err, &server.out, &server.err, &why};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        text_fini(all[i]);
}

static void test_judge_cell_is_green_only_if_everything_is_well(void **state)
{
    char path[UNIT_PATH_MAX];
    int fd = mkstemp(unit_temporary(path, "interop_judge"));

    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i], path);
    close(fd);
    unlink(path);
}

static void test_a_transcript_that_cannot_be_read_is_red(void **state)
{
    (void)state;
    struct row row = {.name = "no transcript", .session = SESSION};
    struct interop_mode mode = {.name = row.name, .needs = ""};
    struct subject subject = {.out = text_of(REPORT, "")};
    struct interop_end end = {.side.is_reference = true};
    struct judge_case c = {
        .mode = &mode,
        .client = {&subject, &end, true,  NULL                     },
        .server = {&subject, &end, false, "/nonexistent/transcript"},
        .listens_again = true,
        .facts = "",
    };
    struct text why = {0};

    assert_false(judge_cell(&c, &why));
    assert_non_null(strstr(text_string(&why), "/nonexistent/transcript"));
    text_fini(&subject.out);
    text_fini(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_cell_is_green_only_if_everything_is_well),
        cmocka_unit_test(test_a_transcript_that_cannot_be_read_is_red),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
