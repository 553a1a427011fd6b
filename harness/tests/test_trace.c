/* The trace's layout: events told by hand, and the very lines that they make. */
#include "harness/report/trace.h"
#include "impl/tests/unit.h"
#include "impl/wire/frame.h"
#include "impl/wire/state.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define MS UINT64_C(1000000)

struct fixture {
    struct trace trace;
    struct tap_flow control, stream;
    char *out;
    size_t len;
    FILE *file;
    uint64_t now_ns;
};

static struct sockaddr_storage loopback(unsigned port)
{
    struct sockaddr_storage s = {.ss_family = AF_INET};
    struct sockaddr_in *four = (void *)&s;

    four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    four->sin_port = htons((uint16_t)port);
    return s;
}

static void begin(struct fixture *f, unsigned columns)
{
    *f = (struct fixture){.now_ns = 1000 * MS};
    f->file = open_memstream(&f->out, &f->len);
    assert_non_null(f->file);
    f->control = (struct tap_flow){
        .id = 1, .by = SESSION_US, .ours = loopback(40000), .theirs = loopback(5201)};
    f->stream = f->control;
    f->stream.id = 2;
    f->stream.stream = 1;
    trace_init(&f->trace, f->file, columns, f->now_ns);
}

static void event(struct fixture *f, struct tap_event e)
{
    e.at_ns = f->now_ns += MS;
    f->trace.tap.event(f->trace.tap.context, &e);
}

static void socket_event(struct fixture *f, struct tap_flow *flow, enum tap_kind kind,
                         enum session_from from, struct bytes bytes)
{
    event(f, (struct tap_event){.kind = kind, .from = from, .flow = flow, .bytes = bytes});
    flow->sent[from] += bytes.len;
    flow->up |= kind == TAP_UP;
}

static void message(struct fixture *f, struct session_message m)
{
    event(f, (struct tap_event){.kind = TAP_MESSAGE, .from = m.from, .message = &m});
}

static void expect(struct fixture *f, const char *wanted)
{
    trace_fini(&f->trace, f->now_ns + MS);
    fclose(f->file);
    assert_string_equal(f->out, wanted);
    free(f->out);
}

static void test_trace_puts_ours_left_and_the_subjects_right(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 80);
    trace_head(&f.trace, "ours", "theirs");
    socket_event(&f, &f.control, TAP_OPEN, SESSION_US, (struct bytes){0});
    socket_event(&f, &f.control, TAP_UP, SESSION_US, (struct bytes){0});
    socket_event(&f, &f.control, TAP_BYTES, SESSION_SUBJECT, WIRE("\x09"));
    message(&f, (struct session_message){
                    .kind = SESSION_STATE, .from = SESSION_SUBJECT, .state = PARAM_EXCHANGE});
    socket_event(&f, &f.control, TAP_BYTES, SESSION_SUBJECT, WIRE("\xfe\0\0\0\x72\0\0\0\0"));
    message(&f, (struct session_message){
                    .kind = SESSION_ERROR, .from = SESSION_SUBJECT, .n_ints = 2, .ierr = 114});
    socket_event(&f, &f.control, TAP_END, SESSION_SUBJECT, (struct bytes){0});
    socket_event(&f, &f.control, TAP_RESET, SESSION_US, (struct bytes){0});
    expect(&f, " seconds ours                               | theirs\n"
               "  0.0010 connects from 127.0.0.1:40000      |\n"
               "  0.0020                                    | accepts\n"
               "  0.0040                                    | 09 PARAM_EXCHANGE\n"
               "  0.0060                                    | fe 00 00 00 72 00 00 00 00\n"
               "                                            | SERVER_ERROR 114 IERECVPARAMS,\n"
               "                                            | errno 0\n"
               "  0.0070                                    | FIN\n"
               "  0.0080 RST                                |\n");
}

static void test_trace_counts_the_writes_of_a_split_message(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 100);
    message(&f, (struct session_message){
                    .kind = SESSION_BYTES, .from = SESSION_US, .body = WIRE("abc")});
    for (int i = 0; i < 3; i++)
        socket_event(&f, &f.control, TAP_BYTES, SESSION_US, WIRE("a"));
    message(&f,
            (struct session_message){.kind = SESSION_STATE, .from = SESSION_US, .state = TEST_END});
    socket_event(&f, &f.control, TAP_BYTES, SESSION_US, WIRE("\x04"));
    expect(&f, "  0.0010 61 62 63                                     |\n"
               "  0.0040 (3 bytes in 3 writes, 0.0030 s)              |\n"
               "  0.0050 04 TEST_END                                  |\n");
}

static void test_trace_says_at_the_end_what_is_neither_written_nor_a_message(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 100);
    message(&f, (struct session_message){
                    .kind = SESSION_BYTES, .from = SESSION_US, .body = WIRE("abc")});
    socket_event(&f, &f.control, TAP_BYTES, SESSION_US, WIRE("a"));
    socket_event(&f, &f.control, TAP_BYTES, SESSION_SUBJECT, WIRE("\0\0"));
    expect(&f,
           "  0.0010 61 62 63                                     |\n"
           "  0.0040 (2 bytes were never written)                 |\n"
           "  0.0040                                              | (2 more bytes came, and are "
           "no message)\n");
}

static void test_trace_adds_up_data_and_shows_datagrams_where_numbers_jump(void **state)
{
    static const struct datagram {
        struct bytes bytes;
    } datagrams[] = {
        {WIRE("\0\0\0\x07\0\0\0\x01\0\0\0\x01pppp")},
        {WIRE("\0\0\0\x07\0\0\0\x02\0\0\0\x02pppp")},
        {WIRE("\0\0\0\x07\0\0\0\x03\0\0\0\x05pppp")},
    };
    struct fixture f;

    (void)state;
    begin(&f, 120);
    f.stream.up = true;
    socket_event(&f, &f.stream, TAP_BYTES, SESSION_US,
                 WIRE("123456789012345678901234567890123456"
                      "\0"));
    for (int i = 0; i < 3; i++)
        socket_event(&f, &f.stream, TAP_BYTES, SESSION_US, WIRE("0123456789"));
    f.stream = (struct tap_flow){.id = 3, .udp = true, .stream = 3, .by = SESSION_US};
    socket_event(&f, &f.stream, TAP_BYTES, SESSION_US, WIRE("9876"));
    socket_event(&f, &f.stream, TAP_BYTES, SESSION_SUBJECT, WIRE("6789"));
    for (size_t i = 0; i < ARRAY_LEN(datagrams); i++)
        socket_event(&f, &f.stream, TAP_BYTES, SESSION_US, datagrams[i].bytes);
    expect(&f,
           "  0.0010 stream 1 cookie, 37 bytes                              |\n"
           "  0.0020 stream 1 data, 30 bytes in 3 writes, 0.0020 s          |\n"
           "  0.0050 stream 3 connect message 39 38 37 36                   |\n"
           "  0.0060                                                        | stream 3 reply 36 37 "
           "38 39\n"
           "  0.0070 stream 3 datagrams 1..2, 32 bytes, stamped 7.000001    |\n"
           "         to 7.000002                                            |\n"
           "  0.0090 stream 3 datagram 5, 16 bytes, stamped 7.000003        |\n");
}

/* A third party's: no stream, no control connection, and no header that could be meant. */
static void test_trace_shows_the_datagrams_of_a_third_party(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 120);
    f.stream = (struct tap_flow){
        .id = 3, .udp = true, .who = "x", .by = SESSION_US, .ours = loopback(4444)};
    socket_event(&f, &f.stream, TAP_OPEN, SESSION_US, (struct bytes){0});
    for (int i = 0; i < 3; i++)
        socket_event(&f, &f.stream, TAP_BYTES, SESSION_US, WIRE("abc"));
    socket_event(&f, &f.stream, TAP_BYTES, SESSION_SUBJECT, WIRE("0123456789abcdefg"));
    message(&f,
            (struct session_message){.kind = SESSION_STATE, .from = SESSION_US, .state = TEST_END});
    socket_event(&f, &f.control, TAP_BYTES, SESSION_US, WIRE("\x04"));
    socket_event(&f, &f.stream, TAP_BYTES, SESSION_US, (struct bytes){0});
    expect(
        &f,
        "  0.0010 [x] UDP from 127.0.0.1:4444                            |\n"
        "  0.0020 [x] 3 datagrams, 9 bytes, the first: 61 62 63          |\n"
        "  0.0050                                                        | [x] datagram, 17 bytes: "
        "30 31 32 33 34 35 36 37 38 39\n"
        "                                                                | 61 62 63 64 65 66 ... "
        "(17 bytes)\n"
        "  0.0060 04 TEST_END                                            |\n"
        "  0.0080 [x] datagram, 0 bytes                                  |\n");
}

static void test_trace_shortens_what_is_longer_than_four_lines(void **state)
{
    struct fixture f;
    char note[600];

    (void)state;
    begin(&f, 1); /* as narrow as it gets */
    memset(note, 'x', sizeof note);
    message(&f,
            (struct session_message){
                .kind = SESSION_NOTE, .from = SESSION_US, .body = {(uint8_t *)note, sizeof note}
    });
    expect(&f, "  0.0010 xxxxxxxxxxxxxxxxxxxxxxxx |\n"
               "         xxxxxxxxxxxxxxxxxxxxxxxx |\n"
               "         xxxxxxxxxxxxxxxxxxxxxxxx |\n"
               "         xxxxxxxxxxxxxxxxxxxxx... |\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trace_puts_ours_left_and_the_subjects_right),
        cmocka_unit_test(test_trace_counts_the_writes_of_a_split_message),
        cmocka_unit_test(test_trace_says_at_the_end_what_is_neither_written_nor_a_message),
        cmocka_unit_test(test_trace_adds_up_data_and_shows_datagrams_where_numbers_jump),
        cmocka_unit_test(test_trace_shows_the_datagrams_of_a_third_party),
        cmocka_unit_test(test_trace_shortens_what_is_longer_than_four_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
