#include "impl/wire/frame.h"

#include "impl/tests/alloc.h"
#include "impl/tests/unit.h"

#define COOKIE "mpczabcdefghijklmnopqrstuvwxyz234567\0"

/* One direction of a control channel: what the reader expects, letter by letter (c cookie, s state,
 * e error pair, j JSON text), and what it must get: the frames, or the error behind them. */
static const struct row {
    const char *name;
    const char *expect;
    size_t limit;
    struct bytes wire;
    const char *events;
} rows[] = {
    {"EX-1 client",                      "cjsjs",   8192,
     WIRE(COOKIE "\0\0\0\x0c{\"tcp\":true}"
                 "\x04"
                 "\0\0\0\x0e{\"streams\":[]}"
                 "\x10"),
     "cookie 37;json {\"tcp\":true};state 4;json {\"streams\":[]};state 16;"                                                                },
    {"EX-1 server",                      "sssssjs", 8192,              WIRE("\x09\x0a\x01\x02\x0d\0\0\0\x02{}\x0e"),
     "state 9;state 10;state 1;state 2;state 13;json {};state 14;"                                                                          },
    {"EX-5 server error",                "se",      8192,              WIRE("\xfe\0\0\0\x72\0\0\0\0"),               "state -2;error 114 0;"},
    {"ERR-1 signed integers",            "e",       8192,              WIRE("\xff\xff\xff\xff\x80\0\0\0"),
     "error -1 -2147483648;"                                                                                                                },
    {"ERR-3 pair cut short",             "e",       8192,              WIRE("\0\0\0\x8e\0"),                         "partial 5 ints 142;"  },
    {"ERR-3 no integer",                 "e",       8192,              WIRE("\0\0\0"),                               "partial 3 ints;"      },
    {"CTL-6 cookie cut short",           "c",       8192,              WIRE("mpcz"),                                 "partial 4 ints;"      },
    {"CTL-5 any 37 bytes",               "cs",      8192,
     WIRE("0000000000000000000000000000000000000"
          "\x09"),
     "cookie 37;state 9;"                                                                                                                   },
    {"JSON-11 length cut short",         "j",       8192,              WIRE("\0\0\0"),                               "partial 3 ints;"      },
    {"JSON-10 text cut short",           "j",       8192,              WIRE("\0\0\0\x05{}"),                         "partial 6 ints;"      },
    {"JSON-7 text of 0",                 "sj",      8192,              WIRE("\x09\0\0\0\0{}"),                       "state 9;length 0;"    },
    {"JSON-7 text of 1",                 "jj",      8192,
     WIRE("\0\0\0\1"
          "1"
          "\0\0\0\1"
          "2"),
     "json 1;json 2;"                                                                                                                       },
    {"JSON-7 text of the limit",         "j",       3,                 WIRE("\0\0\0\3[1]"),                          "json [1];"            },
    {"JSON-7 text of limit + 1",         "j",       3,                 WIRE("\0\0\0\4[12]"),                         "length 4;"            },
    {"JSON-7 text of 2^31 - 1",          "j",       8192,              WIRE("\x7f\xff\xff\xff{}"),                   "length 2147483647;"   },
    {"JSON-9 text of 2^32 - 1",          "j",       RESULTS_LEN_LIMIT, WIRE("\xff\xff\xff\xff{}"),
     "length 4294967295;"                                                                                                                   },
    {"JSON-9 2^32 - 1 within the limit", "j",       UINT32_MAX,        WIRE("\xff\xff\xff\xff{}"),
     "partial 6 ints;"                                                                                                                      },
};

static enum frame_kind kind_of(char letter)
{
    return letter == 'c'   ? FRAME_COOKIE
           : letter == 's' ? FRAME_STATE
           : letter == 'e' ? FRAME_ERROR
                           : FRAME_JSON;
}

/* A reader that writes down what it gets. */
struct reader {
    struct frame_decoder dec;
    const struct row *row;
    const char *expect;
    bool is_broken;
    char events[256];
};

static void note(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct reader *r, const char *format, ...)
{
    size_t len = strlen(r->events);
    va_list args;

    va_start(args, format);
    vsnprintf(r->events + len, sizeof r->events - len, format, args);
    va_end(args);
}

static void note_frame(struct reader *r, struct bytes body)
{
    int32_t ierr, os_errno;

    switch (r->dec.kind) {
    case FRAME_COOKIE:
        note(r, "cookie %zu;", body.len);
        break;
    case FRAME_STATE:
        note(r, "state %d;", (int8_t)body.at[0]);
        break;
    case FRAME_ERROR:
        frame_error_pair(body, &ierr, &os_errno);
        note(r, "error %d %d;", ierr, os_errno);
        break;
    case FRAME_JSON:
        assert_int_equal(frame_announced(&r->dec), body.len);
        assert_int_equal(body.at[body.len], '\0');
        note(r, "json %.*s;", (int)body.len, (const char *)body.at);
        break;
    }
}

static void expect_next(struct reader *r)
{
    if (*r->expect != '\0')
        frame_expect(&r->dec, kind_of(*r->expect++), r->row->limit);
}

static void feed(struct reader *r, struct bytes piece)
{
    while (piece.len > 0 && !r->is_broken) {
        struct bytes body = {NULL, 0};
        enum spec_err e = frame_feed(&r->dec, &piece, &body);
        if (e == SPEC_OK) {
            assert_int_equal(frame_partial(&r->dec), 0);
            note_frame(r, body);
            expect_next(r);
        } else if (e == SPEC_E_LENGTH) {
            r->is_broken = true;
            note(r, "length %u;", frame_announced(&r->dec));
        } else {
            assert_int_equal(e, SPEC_MORE);
            assert_int_equal(piece.len, 0);
        }
    }
}

static void start(struct reader *r, const struct row *row)
{
    *r = (struct reader){.row = row, .expect = row->expect};
    frame_init(&r->dec);
    expect_next(r);
}

static void finish(struct reader *r)
{
    int32_t ints[2];

    if (frame_partial(&r->dec) > 0 && !r->is_broken) {
        note(r, "partial %zu ints", frame_partial(&r->dec));
        for (int i = 0; i < frame_error_at_end(&r->dec, ints); i++)
            note(r, " %d", ints[i]);
        note(r, ";");
    }
    frame_fini(&r->dec);
    if (strcmp(r->events, r->row->events) != 0)
        fail_msg("%s: got %s", r->row->name, r->events);
}

static struct bytes part(struct bytes wire, size_t from, size_t to)
{
    return (struct bytes){wire.at + from, to - from};
}

static void test_frame_feed_gives_the_same_at_any_piece_size(void **unused) /* ST-3 */
{
    struct reader r;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t step = 1; step <= rows[i].wire.len; step++) {
            start(&r, &rows[i]);
            for (size_t at = 0; at < rows[i].wire.len; at += step)
                feed(&r, part(rows[i].wire, at, MIN(at + step, rows[i].wire.len)));
            finish(&r);
        }
    }
}

static void test_frame_feed_gives_the_same_at_any_two_cuts(void **unused) /* ST-3 */
{
    struct reader r;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes wire = rows[i].wire;
        for (size_t a = 0; a <= wire.len; a++) {
            for (size_t b = a; b <= wire.len; b++) {
                start(&r, &rows[i]);
                feed(&r, part(wire, 0, a));
                feed(&r, part(wire, a, b));
                feed(&r, part(wire, b, wire.len));
                finish(&r);
            }
        }
    }
}

static void test_frame_feed_refuses_a_bad_length_again_and_takes_nothing(void **unused)
{
    struct frame_decoder dec;
    struct bytes in = WIRE("\0\0\0\0abc"), body;

    (void)unused;
    frame_init(&dec);
    frame_expect(&dec, FRAME_JSON, 10);
    assert_int_equal(frame_feed(&dec, &in, &body), SPEC_E_LENGTH);
    assert_int_equal(frame_feed(&dec, &in, &body), SPEC_E_LENGTH);
    assert_int_equal(in.len, 3);
    assert_int_equal(frame_partial(&dec), 4);
    assert_null(dec.buf);
    frame_fini(&dec);
    frame_fini(&dec);
}

static void test_frame_announced_is_0_until_the_prefix_is_whole(void **unused)
{
    struct frame_decoder dec;
    struct bytes first = WIRE("\0\0\0\x01"
                              "1\0\0"),
                 second = WIRE("\0\x02"), body;

    (void)unused;
    frame_init(&dec);
    assert_int_equal(frame_announced(&dec), 0);
    frame_expect(&dec, FRAME_JSON, 10);
    assert_int_equal(frame_feed(&dec, &first, &body), SPEC_OK);
    assert_int_equal(frame_announced(&dec), 1);
    assert_int_equal(frame_feed(&dec, &first, &body), SPEC_MORE);
    assert_int_equal(frame_announced(&dec), 0);
    assert_int_equal(frame_feed(&dec, &second, &body), SPEC_MORE);
    assert_int_equal(frame_announced(&dec), 2);
    frame_fini(&dec);
}

static void test_frame_memory_follows_the_bytes_that_came(void **unused)
{
    static const uint8_t byte = '1';
    struct frame_decoder dec;
    struct bytes in = WIRE("\x7f\xff\xff\xff"), body;

    (void)unused;
    frame_init(&dec);
    frame_expect(&dec, FRAME_JSON, UINT32_MAX);
    alloc_fail_at(0);
    assert_int_equal(frame_feed(&dec, &in, &body), SPEC_MORE);
    assert_int_equal(alloc_count(), 0);
    for (size_t n = 1; n <= 100000; n++) {
        in = (struct bytes){&byte, 1};
        assert_int_equal(frame_feed(&dec, &in, &body), SPEC_MORE);
        assert_true(dec.cap <= MAX(2 * (n + 1), 64));
    }
    assert_true(alloc_count() <= 12); /* 64, 128, ... 131072 */
    frame_fini(&dec);
}

static void test_frame_memory_is_never_more_than_one_text_and_a_NUL(void **unused)
{
    uint8_t prefix[4], text[1000] = {0};
    struct frame_decoder dec;
    struct bytes in = {prefix, frame_put_json_length(prefix, sizeof text)}, body;

    (void)unused;
    frame_init(&dec);
    frame_expect(&dec, FRAME_JSON, sizeof text);
    assert_int_equal(frame_feed(&dec, &in, &body), SPEC_MORE);
    in = (struct bytes){text, 600};
    assert_int_equal(frame_feed(&dec, &in, &body), SPEC_MORE);
    in = (struct bytes){text, 400};
    assert_int_equal(frame_feed(&dec, &in, &body), SPEC_OK);
    assert_int_equal(dec.cap, 1001);
    frame_fini(&dec);
}

static void test_frame_feed_has_room_for_the_NUL_at_any_length(void **unused)
{
    static uint8_t wire[4 + 300];

    (void)unused;
    for (size_t len = 1; len <= 300; len++) {
        struct frame_decoder dec;
        enum spec_err e = SPEC_MORE;
        struct bytes body = {NULL, 0};
        frame_init(&dec);
        frame_expect(&dec, FRAME_JSON, 300);
        frame_put_json_length(wire, len);
        for (size_t at = 0; at < 4 + len; at++) {
            struct bytes in = {wire + at, 1};
            e = frame_feed(&dec, &in, &body);
        }
        assert_int_equal(e, SPEC_OK);
        assert_int_equal(body.len, len);
        assert_true(dec.cap > len);
        frame_fini(&dec);
    }
}

static void test_frame_feed_allocates_once_for_the_small_frames(void **unused)
{
    struct reader r;

    (void)unused;
    start(&r, &rows[1]);
    alloc_fail_at(0);
    feed(&r, rows[1].wire);
    assert_int_equal(alloc_count(), 1);
    finish(&r);
}

static void test_frame_feed_without_memory_loses_nothing(void **unused)
{
    static uint8_t wire[4 + 300];
    struct bytes body = {NULL, 0};

    (void)unused;
    frame_put_json_length(wire, 300);
    memset(wire + 4, '7', 300);
    for (unsigned n = 1;; n++) {
        struct frame_decoder dec;
        enum spec_err e = SPEC_MORE;
        frame_init(&dec);
        frame_expect(&dec, FRAME_JSON, 300);
        alloc_fail_at(n);
        for (size_t at = 0; at < sizeof wire; at += 8) {
            struct bytes in = part((struct bytes){wire, sizeof wire}, at, at + 8);
            e = frame_feed(&dec, &in, &body);
            if (e == SPEC_E_NOMEM)
                e = frame_feed(&dec, &in, &body);
        }
        bool failed = alloc_failed();
        assert_int_equal(e, SPEC_OK);
        assert_int_equal(body.len, 300);
        assert_memory_equal(body.at, wire + 4, 300);
        frame_fini(&dec);
        if (!failed) {
            assert_int_equal(n, 5); /* 64, 128, 256, 301, and none */
            break;
        }
    }
    alloc_fail_at(0);
}

static void test_frame_put_error_has_the_length_of_its_integers(void **unused)
{
    uint8_t out[9];

    (void)unused;
    assert_int_equal(frame_put_error(out, 0, 142, 9), 1);
    assert_memory_equal(out, "\xfe", 1);
    assert_int_equal(frame_put_error(out, 1, 142, 9), 5); /* ERR-2 */
    assert_memory_equal(out, "\xfe\0\0\0\x8e", 5);
    assert_int_equal(frame_put_error(out, 2, 27, -1), 9); /* ERR-1 */
    assert_memory_equal(out, "\xfe\0\0\0\x1b\xff\xff\xff\xff", 9);
}

static void test_frame_put_json_length_is_big_endian(void **unused) /* JSON-1 */
{
    uint8_t out[4];

    (void)unused;
    assert_int_equal(frame_put_json_length(out, 124), 4);
    assert_memory_equal(out, "\0\0\0\x7c", 4); /* EX-1 */
    frame_put_json_length(out, UINT32_MAX);
    assert_memory_equal(out, "\xff\xff\xff\xff", 4);
}

static void test_frame_make_cookie_uses_the_alphabet_of_CTL_3(void **unused)
{
    uint8_t random[COOKIE_LEN - 1], cookie[COOKIE_LEN];
    bool seen[256] = {false};
    int n = 0;

    (void)unused;
    for (int base = 0; base < 256; base += 36) {
        for (int i = 0; i < 36; i++)
            random[i] = (uint8_t)(base + i);
        frame_make_cookie(cookie, random);
        assert_true(frame_cookie_is_well_formed(cookie));
        for (int i = 0; i < 36; i++) {
            assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz234567", cookie[i]));
            n += !seen[cookie[i]];
            seen[cookie[i]] = true;
        }
    }
    assert_int_equal(n, 32);
}

static void test_frame_cookie_is_well_formed_as_CTL_2_says(void **unused)
{
    uint8_t cookie[COOKIE_LEN] = COOKIE;

    (void)unused;
    assert_true(frame_cookie_is_well_formed(cookie));
    cookie[36] = 'x';
    assert_false(frame_cookie_is_well_formed(cookie));
    cookie[36] = cookie[35] = '\0';
    assert_false(frame_cookie_is_well_formed(cookie));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame_feed_gives_the_same_at_any_piece_size),
        cmocka_unit_test(test_frame_feed_gives_the_same_at_any_two_cuts),
        cmocka_unit_test(test_frame_feed_refuses_a_bad_length_again_and_takes_nothing),
        cmocka_unit_test(test_frame_announced_is_0_until_the_prefix_is_whole),
        cmocka_unit_test(test_frame_memory_follows_the_bytes_that_came),
        cmocka_unit_test(test_frame_memory_is_never_more_than_one_text_and_a_NUL),
        cmocka_unit_test(test_frame_feed_has_room_for_the_NUL_at_any_length),
        cmocka_unit_test(test_frame_feed_allocates_once_for_the_small_frames),
        cmocka_unit_test(test_frame_feed_without_memory_loses_nothing),
        cmocka_unit_test(test_frame_put_error_has_the_length_of_its_integers),
        cmocka_unit_test(test_frame_put_json_length_is_big_endian),
        cmocka_unit_test(test_frame_make_cookie_uses_the_alphabet_of_CTL_3),
        cmocka_unit_test(test_frame_cookie_is_well_formed_as_CTL_2_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
