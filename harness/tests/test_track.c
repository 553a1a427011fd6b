/* What the network, or somebody in it, puts among the packets of a session is not believed. */
#include "harness/capture/channel.h"
#include "harness/tests/doctor.h"

#define SESSION "pcaps/3.22-3.22-time.pcap.gz"

/* A copy of packet i with so many bytes of payload, put in front of packet at. */
static struct capfile_packet *insert(struct capfile *f, size_t at, size_t i, struct bytes payload)
{
    struct capfile_packet *p = &f->packets[i], copy = {.at_ns = f->packets[at].at_ns};
    struct dissected d;

    assert_int_equal(doctor_look(f, i, &d), DISSECT_TCP);
    size_t head = p->len - d.payload.len, ip = doctor_ip(f);
    copy.len = copy.wire_len = (uint32_t)(head + payload.len);
    copy.bytes = text_realloc(NULL, copy.len);
    memcpy(copy.bytes, p->bytes, head);
    memcpy(copy.bytes + head, payload.at, payload.len);
    copy.bytes[ip + 2] = (uint8_t)((copy.len - ip) >> 8);
    copy.bytes[ip + 3] = (uint8_t)(copy.len - ip);
    f->packets = text_realloc(f->packets, (f->n + 1) * sizeof *f->packets);
    memmove(&f->packets[at + 1], &f->packets[at], (f->n - at) * sizeof *f->packets);
    f->n++;
    f->packets[at] = copy;
    return &f->packets[at];
}

static uint8_t *tcp_of(const struct capfile *f, const struct capfile_packet *p)
{
    size_t ip = doctor_ip(f);

    return p->bytes + ip + (size_t)(p->bytes[ip] & 15) * 4;
}

static void expect_judged(struct capfile *f, const char *what)
{
    struct capfile_verdict v = capfile_judge(f, f->n);

    if (v.n_sessions != 1 || v.n_violations + v.n_parts > 0 || strcmp(v.ending, "completed") != 0)
        fail_msg("%s: %u sessions, %s, %s %s, %u in part", what, v.n_sessions, v.ending,
                 v.n_violations ? v.clause : "", v.found, v.n_parts);
    capfile_fini(f);
}

/* Before the first byte as well, from either end. */
static void test_a_keep_alive_with_a_byte_is_no_part_of_a_session(void **state)
{
    static const enum observer_side sides[] = {OBSERVER_CLIENT, OBSERVER_SERVER};
    static const uint8_t garbage[] = {0, 0xff, 'x'};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sides) * ARRAY_LEN(garbage); i++) {
        struct capfile f;
        assert_true(capfile_read(&f, SESSION));
        struct doctor doc = doctor_connection(&f, 0);
        size_t cookie = doctor_packet(&doc, OBSERVER_CLIENT, 0, false);
        size_t like = doctor_packet(&doc, sides[i % 2], 0, false);
        uint8_t *tcp = tcp_of(&f, insert(&f, cookie, like, (struct bytes){&garbage[i / 2], 1}));
        doctor_add_be32(tcp + 4, (uint32_t)-1);
        store_be32(tcp + 8, load_be32(tcp_of(&f, &f.packets[cookie - 1]) + (i % 2 ? 4 : 8)));
        expect_judged(&f, "a keep-alive");
    }
}

/* Blind attackers guess numbers: those outside the window, and old ones, end nothing. */
static void test_a_reset_out_of_the_window_ends_nothing(void **state)
{
    static const int32_t offsets[] = {-1, -30, -100000, 100000, 1 << 20, 1 << 29, -(1 << 29)};

    (void)state;
    for (unsigned connection = 0; connection < 2; connection++) {
        for (size_t i = 0; i < 2 * ARRAY_LEN(offsets); i++) {
            enum observer_side side = i % 2 ? OBSERVER_CLIENT : OBSERVER_SERVER;
            struct capfile f;
            assert_true(capfile_read(&f, SESSION));
            struct doctor doc = doctor_connection(&f, connection);
            bool is_silent = connection == 1 && side == OBSERVER_SERVER;
            size_t at = doctor_packet(&doc, side, 2, is_silent);
            struct capfile_packet *p = insert(&f, at, at, (struct bytes){(uint8_t *)"", 0});
            tcp_of(&f, p)[13] = 4; /* RST */
            doctor_add_be32(tcp_of(&f, p) + 4, (uint32_t)offsets[i / 2]);
            expect_judged(&f, "a reset");
        }
    }
}

/* A blind attacker's SYN in mid-session opens nothing: nobody answers it. */
static void test_a_syn_that_nobody_answers_opens_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        enum observer_side side = i % 2 ? OBSERVER_CLIENT : OBSERVER_SERVER;
        struct capfile f;
        assert_true(capfile_read(&f, SESSION));
        struct doctor doc = doctor_connection(&f, i / 2);
        bool is_silent = i / 2 == 1 && side == OBSERVER_SERVER;
        size_t at = doctor_packet(&doc, side, 2, is_silent);
        struct capfile_packet *p = insert(&f, at, at, (struct bytes){(uint8_t *)"", 0});
        tcp_of(&f, p)[13] = 2; /* SYN */
        doctor_add_be32(tcp_of(&f, p) + 4, 123456789);
        expect_judged(&f, "a SYN");
    }
}

/* Each packet with data of the control connection in so many pieces, the last first. */
static void test_a_control_connection_whose_pieces_are_reversed_is_whole(void **state)
{
    static const size_t lens[] = {1, 3, 7, 15, 16, 100};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(lens); k++) {
        struct capfile f;
        assert_true(capfile_read(&f, SESSION));
        struct doctor doc = doctor_connection(&f, 0);
        for (size_t i = 0; i < f.n; i++) {
            struct dissected d;
            bool is_tcp = doctor_look(&f, i, &d) == DISSECT_TCP;
            if (!is_tcp || d.len <= lens[k] ||
                !(doctor_is(&doc, &d, OBSERVER_CLIENT) || doctor_is(&doc, &d, OBSERVER_SERVER)))
                continue;
            struct capfile_packet whole = f.packets[i];
            struct bytes payload = d.payload;
            size_t last = i;
            for (size_t from = 0; from < payload.len; from += lens[k], last++) {
                struct bytes piece = {payload.at + from, MIN(lens[k], payload.len - from)};
                insert(&f, i, last, piece);
                doctor_add_be32(tcp_of(&f, &f.packets[i]) + 4, (uint32_t)from);
            }
            memmove(&f.packets[last], &f.packets[last + 1], (--f.n - last) * sizeof *f.packets);
            free(whole.bytes);
            i = last - 1;
        }
        expect_judged(&f, "reversed pieces");
    }
}

static void count(void *context, struct track_session *s)
{
    (void)s;
    ++*(unsigned *)context;
}

/* Live, a packet that the kernel had no room for: its session is not watched for ever. */
static void test_track_tick_ends_a_session_whose_last_byte_was_lost(void **state)
{
    unsigned n_done = 0;
    struct track *t = track_new(&(struct track_user){NULL, count, &n_done}, NULL, 0);
    struct capfile f;
    struct dissected d;
    uint64_t last_ns = 0;

    (void)state;
    assert_true(capfile_read(&f, SESSION));
    struct doctor doc = doctor_connection(&f, 0);
    size_t lost = doctor_packet(&doc, OBSERVER_CLIENT, 6, false); /* IPERF_DONE */
    for (size_t i = 0; i < f.n; i++) {
        if (i == lost || doctor_look(&f, i, &d) != DISSECT_TCP)
            continue;
        d.at_ns = last_ns = f.packets[i].at_ns;
        track_tcp(t, &d);
    }
    track_tick(t, last_ns + CHANNEL_PATIENCE_NS / 2);
    assert_int_equal(n_done, 0);
    track_tick(t, last_ns + 2 * CHANNEL_PATIENCE_NS);
    track_tick(t, last_ns + UINT64_C(60000000000));
    assert_int_equal(n_done, 1);
    track_finish(t);
    track_free(t);
    capfile_fini(&f);
}

/* --- address translation ---------------------------------------------------------------------- */

/* The same packet on the other side of a router that gives the client another address. */
static struct capfile_packet translated(const struct capfile *f, size_t i, bool from_client)
{
    static const uint8_t address[] = {10, 9, 8, 7};
    struct capfile_packet p = f->packets[i];

    p.bytes = memcpy(text_realloc(NULL, p.len), p.bytes, p.len);
    memcpy(p.bytes + doctor_ip(f) + (from_client ? 12 : 16), address, sizeof address);
    return p;
}

/* Each packet as it comes to a router, and as it goes on. */
static struct capfile on_both_sides(const struct capfile *f)
{
    struct capfile both = {.link = f->link,
                           .packets = text_realloc(NULL, 2 * f->n * sizeof *f->packets)};

    for (size_t i = 0; i < f->n; i++) {
        struct dissected d;
        doctor_look(f, i, &d);
        bool from_client = d.to_port == 5201;
        struct capfile_packet own = f->packets[i], other = translated(f, i, from_client);
        own.bytes = memcpy(text_realloc(NULL, own.len), own.bytes, own.len);
        both.packets[both.n++] = from_client ? own : other;
        both.packets[both.n++] = from_client ? other : own;
    }
    return both;
}

/* Two sessions with one cookie, and each has its streams. */
static void test_both_sides_of_a_translation_are_sessions_of_their_own(void **state)
{
    static const char *const captures[] = {
        "pcaps/3.22-3.22-time.pcap.gz", "pcaps/3.9-3.9-bidir.pcap.gz",
        "pcaps/3.12-3.12-parallel.pcap.gz", "pcaps/3.22-3.22-udp.pcap.gz"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(captures); i++) {
        struct capfile f;
        assert_true(capfile_read(&f, captures[i]));
        struct capfile both = on_both_sides(&f);
        struct capfile_verdict v = capfile_judge(&both, both.n);
        if (v.n_sessions != 2 || v.n_completed != 2 || v.n_parts + v.n_violations > 0)
            fail_msg("%s: %u sessions, %u completed, %u in part (%s), %s %s", captures[i],
                     v.n_sessions, v.n_completed, v.n_parts, v.note, v.clause, v.found);
        capfile_fini(&both);
        capfile_fini(&f);
    }
}

/* --- texts that are too much ------------------------------------------------------------------ */

#define SEGMENT 60000

/* The client's results go on for so many segments of that byte before they are whole. */
static struct capfile with_long_results(char byte, uint32_t n_segments)
{
    static uint8_t filler[SEGMENT];
    struct capfile f;
    size_t at = 0;

    memset(filler, byte, sizeof filler);
    assert_true(capfile_read(&f, SESSION));
    struct doctor doc = doctor_connection(&f, 0);
    size_t i = doctor_find(&doc, OBSERVER_CLIENT, WIRE("\"cpu_util_total\""), 0, &at);
    doctor_fix_length(&doc, OBSERVER_CLIENT, i, (int32_t)(SEGMENT * n_segments));
    uint32_t seq = load_be32(tcp_of(&f, &f.packets[i]) + 4);
    for (size_t k = i; k < f.n; k++) { /* the text itself comes behind them */
        struct dissected d;
        if (doctor_look(&f, k, &d) == DISSECT_TCP && doctor_is(&doc, &d, OBSERVER_CLIENT))
            doctor_add_be32(tcp_of(&f, &f.packets[k]) + 4, SEGMENT * n_segments);
        else if (doctor_is(&doc, &d, OBSERVER_SERVER) && (int32_t)(d.ack - seq) > 0)
            doctor_add_be32(tcp_of(&f, &f.packets[k]) + 8, SEGMENT * n_segments);
    }
    for (uint32_t n = n_segments; n-- > 0;) {
        struct capfile_packet *p = insert(&f, i, i, (struct bytes){filler, SEGMENT});
        store_be32(tcp_of(&f, p) + 4, seq + n * SEGMENT);
    }
    return f;
}

/* Spaces in front of a text are no harm, but nobody holds any number of them; nor as many values as
 * a small text can name. The session goes on. */
static void test_texts_that_are_too_much_are_passed_over(void **state)
{
    static const struct {
        char byte;
        uint32_t n_segments;
        bool is_held;
    } rows[] = {
        {' ', 20,  true },
        {' ', 200, false},
        {'[', 20,  false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct capfile f = with_long_results(rows[i].byte, rows[i].n_segments);
        struct capfile_verdict v = capfile_judge(&f, f.n);
        if (v.n_sessions != 1 || v.n_violations > 0 || strcmp(v.ending, "completed") != 0 ||
            (strstr(v.note, "passed over") == NULL) != rows[i].is_held)
            fail_msg("%zu: %u sessions, %s, '%s', %s %s", i, v.n_sessions, v.ending, v.note,
                     v.clause, v.found);
        capfile_fini(&f);
    }
}

/* In which state it was closed nobody knows. */
static void test_the_state_of_an_end_behind_a_gap_is_the_last_seen(void **state)
{
    struct capfile f;

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-tcp.pcap.gz"));
    struct doctor doc = doctor_connection(&f, 0);
    for (size_t i = doctor_packet(&doc, OBSERVER_CLIENT, 3, false); i < f.n; i++) {
        struct dissected d;
        if (doctor_look(&f, i, &d) == DISSECT_TCP && d.len > 0 &&
            (doctor_is(&doc, &d, OBSERVER_CLIENT) || doctor_is(&doc, &d, OBSERVER_SERVER)))
            f.packets[i].is_dropped = true;
    }
    assert_string_equal(capfile_judge(&f, f.n).ending,
                        "closed by the client, last seen in TEST_RUNNING");
    capfile_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_keep_alive_with_a_byte_is_no_part_of_a_session),
        cmocka_unit_test(test_a_reset_out_of_the_window_ends_nothing),
        cmocka_unit_test(test_track_tick_ends_a_session_whose_last_byte_was_lost),
        cmocka_unit_test(test_a_syn_that_nobody_answers_opens_nothing),
        cmocka_unit_test(test_a_control_connection_whose_pieces_are_reversed_is_whole),
        cmocka_unit_test(test_texts_that_are_too_much_are_passed_over),
        cmocka_unit_test(test_the_state_of_an_end_behind_a_gap_is_the_last_seen),
        cmocka_unit_test(test_both_sides_of_a_translation_are_sessions_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
