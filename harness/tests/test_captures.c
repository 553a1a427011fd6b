/* Captured sessions of stock builds (pcaps/): what they are known to hold, and that nothing that
 * can happen to a capture is held against the peers. */
#include "harness/capture/digest.h"
#include "harness/capture/fragment.h"
#include "harness/capture/timeline.h"
#include "harness/tests/capfile.h"
#include "impl/tests/unit.h"
#include "impl/wire/json.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

static glob_t captures;

static int find_captures(void **state)
{
    (void)state;
    return glob("pcaps/*.pcap.gz", 0, NULL, &captures);
}

static int free_captures(void **state)
{
    (void)state;
    globfree(&captures);
    return 0;
}

static const char *name_of(size_t i)
{
    return captures.gl_pathv[i];
}

static void load(struct capfile *f, size_t i)
{
    if (!capfile_read(f, name_of(i)))
        fail_msg("%s cannot be read", name_of(i));
}

static void expect_clean(const struct capfile_verdict *v, const char *name, const char *what,
                         size_t at)
{
    if (v->n_violations > 0)
        fail_msg("%s, %s %zu: %s in packet %llu: %s", name, what, at, v->clause,
                 (unsigned long long)v->number, v->found);
}

/* --- what the manifests say ------------------------------------------------------------------- */

static json_value *manifest_of(const char *capture)
{
    static char text[1 << 20];
    char path[512];
    json_value *root = NULL;

    snprintf(path, sizeof path, "%.*s.json", (int)(strlen(capture) - strlen(".pcap.gz")), capture);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    assert_int_equal(json_parse((struct bytes){(const uint8_t *)text, len}, &root), SPEC_OK);
    return root;
}

/* tshark's count of the payload bytes that way, over all connections of the protocol; without
 * losses and retransmissions that is what the sequence numbers say. */
static int64_t tshark_bytes(const json_value *manifest, const char *protocol, const char *way)
{
    const json_value *flows = json_member(json_member(manifest, "tshark"), protocol);
    int64_t sum = 0;

    for (const json_value *flow = json_next(flows, NULL); flow != NULL;
         flow = json_next(flows, flow)) {
        const json_value *first = json_next(json_member(flow, way), NULL);
        sum += json_int(json_next(json_member(flow, way), first));
    }
    return sum;
}

static void compare_udp(const struct capfile_verdict *v, const json_value *manifest,
                        const char *name)
{
    static const char *const ways[] = {"client", "server"};

    for (int side = 0; side < 2; side++) {
        /* tshark counted the four bytes of each stream's opening as well */
        int64_t expected = tshark_bytes(manifest, "udp", ways[side]) - 4 * (int64_t)v->n_streams;
        if ((int64_t)v->bytes[side] != expected)
            fail_msg("%s: %lld bytes of datagrams by the %s, tshark has %lld", name,
                     (long long)v->bytes[side], ways[side], (long long)expected);
    }
}

static void test_captures_are_as_their_manifests_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        load(&f, i);
        struct capfile_verdict v = capfile_judge(&f, f.n);
        json_value *manifest = manifest_of(name_of(i));
        const json_value *client = json_member(manifest, "client");
        bool failed = json_int(json_member(client, "exit")) != 0 ||
                      json_member(json_member(client, "reported"), "error") != NULL;
        expect_clean(&v, name_of(i), "whole", f.n);
        if (v.n_sessions == 0 || (!failed && v.n_completed == 0))
            fail_msg("%s: %u sessions, %s", name_of(i), v.n_sessions, v.ending);
        if (json_member(json_member(manifest, "tshark"), "udp") != NULL)
            compare_udp(&v, manifest, name_of(i));
        json_free(manifest);
        capfile_fini(&f);
    }
}

/* --- what can happen to a capture ------------------------------------------------------------- */

#define NEAR_AN_END 64 /* packets: the control channel's are there */
#define STRIDE      11 /* among the data between them, each like the others */

static size_t to_next(const struct capfile *f, size_t k)
{
    return k >= NEAR_AN_END && k + STRIDE + NEAR_AN_END < f->n ? STRIDE : 1;
}

/* Have check() look at every capture, with k from 0 to n - 1; n 0: for its packets. */
static void each(void (*check)(struct capfile *f, const char *name, size_t k), size_t n)
{
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        load(&f, i);
        for (size_t k = 0; k < (n ? n : f.n); k += n == 0 ? to_next(&f, k) : 1)
            check(&f, name_of(i), k);
        capfile_fini(&f);
    }
}

static void judge_clean(const struct capfile *f, const char *name, const char *what, size_t n)
{
    struct capfile_verdict v = capfile_judge(f, f->n);

    expect_clean(&v, name, what, n);
}

static void cut_behind(struct capfile *f, const char *name, size_t n)
{
    struct capfile_verdict v = capfile_judge(f, n);

    expect_clean(&v, name, "cut behind packet", n);
}

static void test_a_capture_cut_at_any_packet_blames_nobody(void **state)
{
    (void)state;
    each(cut_behind, 0);
}

static void without(struct capfile *f, const char *name, size_t n)
{
    f->packets[n].is_dropped = true;
    struct capfile_verdict v = capfile_judge(f, f->n);
    expect_clean(&v, name, "without packet", n + 1);
    if (v.n_sessions == 0)
        fail_msg("%s: no session without packet %zu", name, n + 1);
    f->packets[n].is_dropped = false;
}

static void test_a_capture_without_any_one_packet_blames_nobody(void **state)
{
    (void)state;
    each(without, 0);
}

static void from_behind(struct capfile *f, const char *name, size_t n)
{
    for (size_t i = 0; i <= n; i++)
        f->packets[i].is_dropped = true;
    judge_clean(f, name, "from behind packet", n + 1);
}

static void test_a_capture_that_starts_at_any_packet_blames_nobody(void **state)
{
    (void)state;
    each(from_behind, 0);
}

static void swap(struct capfile *f, size_t n)
{
    struct capfile_packet p = f->packets[n];

    f->packets[n] = f->packets[n + 1];
    f->packets[n + 1] = p;
}

static void swapped(struct capfile *f, const char *name, size_t n)
{
    if (n + 1 == f->n)
        return;
    swap(f, n);
    judge_clean(f, name, "swapped behind packet", n);
    swap(f, n);
}

static void test_a_capture_with_two_packets_swapped_blames_nobody(void **state)
{
    (void)state;
    each(swapped, 0);
}

/* The nth packet that carries so many bytes is not there. */
static void drop_nth(struct capfile *f, enum dissect_kind kind, uint32_t len, unsigned nth)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct capfile_packet *p = &f->packets[i];
        struct dissected d = {0};
        if (dissect_frame(f->link, (struct bytes){p->bytes, p->len}, p->wire_len, &d) != kind ||
            d.len != len || nth-- > 0)
            continue;
        f->packets[i].is_dropped = true;
        return;
    }
    fail_msg("no such packet");
}

static void test_data_that_was_not_captured_is_said(void **state)
{
    static const struct {
        const char *path, *note;
        enum dissect_kind kind;
        uint32_t len;
    } rows[] = {
        {"pcaps/3.22-3.22-tcp.pcap.gz", "62464 bytes of the streams were not captured", DISSECT_TCP,
         62464                                                                                           },
        {"pcaps/3.22-3.22-udp.pcap.gz", "1 datagram that came was not captured",        DISSECT_UDP, 1000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct capfile f;
        assert_true(capfile_read(&f, rows[i].path));
        drop_nth(&f, rows[i].kind, rows[i].len, 0);
        struct capfile_verdict v = capfile_judge(&f, f.n);
        assert_int_equal(v.n_violations, 0);
        assert_int_equal(v.n_parts, 1);
        assert_string_equal(v.note, rows[i].note);
        capfile_fini(&f);
    }
}

/* Every packet twice, the copy so many packets later: a capture of several interfaces, or a network
 * that makes copies. */
static const size_t lags[] = {0, 1, 5, 30};

static void doubled(struct capfile *f, const char *name, size_t k)
{
    struct capfile twice = {.link = f->link,
                            .packets = text_realloc(NULL, 2 * f->n * sizeof *f->packets)};
    size_t copied = 0;

    for (size_t n = 0; n < f->n + lags[k]; n++) {
        if (n < f->n)
            twice.packets[twice.n++] = f->packets[n];
        if (n < lags[k])
            continue;
        twice.packets[twice.n] = f->packets[copied++];
        twice.packets[twice.n++].at_ns = f->packets[MIN(n, f->n - 1)].at_ns;
    }
    struct capfile_verdict once = capfile_judge(f, f->n), both = capfile_judge(&twice, twice.n);
    expect_clean(&both, name, "each packet twice, apart", lags[k]);
    /* Of numbers that are far apart fewer are remembered. */
    if (lags[k] <= 5 && (both.n_datagrams != once.n_datagrams || both.n_lost != once.n_lost))
        fail_msg("%s, each packet twice, %zu apart: %llu datagrams, %llu lost", name, lags[k],
                 (unsigned long long)both.n_datagrams, (unsigned long long)both.n_lost);
    free(twice.packets);
}

static void test_a_capture_with_each_packet_twice_blames_nobody(void **state)
{
    (void)state;
    each(doubled, ARRAY_LEN(lags));
}

/* The packet with so many bytes of its payload only. IPv4 over Ethernet. */
static struct capfile_packet piece_of(const struct capfile_packet *p, size_t head, size_t from,
                                      size_t len)
{
    struct capfile_packet piece = {.at_ns = p->at_ns};
    uint8_t *bytes = piece.bytes = text_realloc(NULL, head + len);

    memcpy(bytes, p->bytes, head);
    memcpy(bytes + head, p->bytes + head + from, len);
    piece.len = piece.wire_len = (uint32_t)(head + len);
    bytes[14 + 2] = (uint8_t)((head + len - 14) >> 8);
    bytes[14 + 3] = (uint8_t)(head + len - 14);
    store_be32(bytes + 14 + 20 + 4, load_be32(bytes + 14 + 20 + 4) + (uint32_t)from);
    return piece;
}

/* Every cookie comes in two packets, the second first. */
static void test_a_cookie_whose_pieces_are_swapped_is_a_cookie(void **state)
{
    struct capfile f, torn;
    struct dissected d = {0};
    unsigned n_torn = 0;

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-time.pcap.gz"));
    torn = (struct capfile){.link = f.link,
                            .packets = text_realloc(NULL, 2 * f.n * sizeof *f.packets)};
    for (size_t i = 0; i < f.n; i++) {
        struct capfile_packet *p = &f.packets[i];
        bool is_tcp =
            dissect_frame(f.link, (struct bytes){p->bytes, p->len}, p->len, &d) == DISSECT_TCP;
        size_t head = p->len - d.len;
        if (!is_tcp || d.len != COOKIE_LEN) {
            torn.packets[torn.n++] = piece_of(p, p->len, 0, 0);
            continue;
        }
        torn.packets[torn.n++] = piece_of(p, head, 20, COOKIE_LEN - 20);
        torn.packets[torn.n++] = piece_of(p, head, 0, 20);
        n_torn++;
    }
    struct capfile_verdict v = capfile_judge(&torn, torn.n);
    assert_int_equal(n_torn, 2);
    assert_int_equal(v.n_sessions, 1);
    assert_int_equal(v.n_parts + v.n_violations, 0);
    capfile_fini(&torn);
    capfile_fini(&f);
}

/* --- several sessions ------------------------------------------------------------------------- */

/* The packets of both, as if b had begun so much later than a. */
static struct capfile merged(const struct capfile *a, const struct capfile *b, uint64_t delay_ns)
{
    struct capfile both = {.link = a->link,
                           .packets = text_realloc(NULL, (a->n + b->n) * sizeof *a->packets)};
    uint64_t later = b->packets[0].at_ns - a->packets[0].at_ns - delay_ns;

    for (size_t i = 0, k = 0; i + k < a->n + b->n;) {
        bool is_first =
            k == b->n || (i < a->n && a->packets[i].at_ns <= b->packets[k].at_ns - later);
        both.packets[both.n] = is_first ? a->packets[i++] : b->packets[k++];
        both.packets[both.n++].at_ns -= is_first ? 0 : later;
    }
    return both;
}

/* Between the same two hosts, to the same port. */
static void test_sessions_at_the_same_time_are_kept_apart(void **state)
{
    static const struct {
        const char *a, *b;
        uint64_t delay_ns; /* with the first, both wait for their streams at a time */
    } pairs[] = {
        {"pcaps/3.9-3.9-time.pcap.gz",      "pcaps/3.9-3.9-udp.pcap.gz",        20000000},
        {"pcaps/3.9-3.9-udp-bidir.pcap.gz", "pcaps/3.12-3.12-parallel.pcap.gz", 0       },
        {"pcaps/3.18-3.18-bidir.pcap.gz",   "pcaps/3.22-3.22-reverse.pcap.gz",  0       },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct capfile a, b;
        assert_true(capfile_read(&a, pairs[i].a) && capfile_read(&b, pairs[i].b));
        struct capfile both = merged(&a, &b, pairs[i].delay_ns);
        struct capfile_verdict v = capfile_judge(&both, both.n);
        expect_clean(&v, pairs[i].a, "together with another", i);
        assert_int_equal(v.n_sessions, 2);
        assert_int_equal(v.n_parts, 0);
        free(both.packets);
        capfile_fini(&a);
        capfile_fini(&b);
    }
}

/* UDP streams carry no cookie: where both sessions wait for streams, the lengths tell whose they
 * are, if they are not the same. */
static void test_udp_sessions_at_the_same_time_are_told_apart_by_length(void **state)
{
    static const struct {
        const char *a, *b;
        bool has_doubts;
    } pairs[] = {
        {"3.22-3.22-udp",       "3.12-3.12-udp-bytes", false},
        {"3.12-3.12-udp-bytes", "3.22-3.22-udp-bidir", false},
        {"3.22-3.22-udp",       "3.18-3.18-udp-64bit", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct capfile a, b;
        char paths[2][128];
        unsigned n_doubts = 0;
        snprintf(paths[0], sizeof paths[0], "pcaps/%s.pcap.gz", pairs[i].a);
        snprintf(paths[1], sizeof paths[1], "pcaps/%s.pcap.gz", pairs[i].b);
        assert_true(capfile_read(&a, paths[0]) && capfile_read(&b, paths[1]));
        for (uint64_t delay_ns = 0; delay_ns < 1500000; delay_ns += 10000) {
            struct capfile both = merged(&a, &b, delay_ns);
            struct capfile_verdict v = capfile_judge(&both, both.n);
            expect_clean(&v, pairs[i].a, "together, delay", (size_t)delay_ns);
            assert_int_equal(v.n_sessions, 2);
            n_doubts += v.n_parts > 0;
            free(both.packets);
        }
        if ((n_doubts > 0) != pairs[i].has_doubts)
            fail_msg("%s and %s: %u with doubts", pairs[i].a, pairs[i].b, n_doubts);
        capfile_fini(&a);
        capfile_fini(&b);
    }
}

/* --- more that can happen --------------------------------------------------------------------- */

/* Up to every second packet is gone, as in an unthrottled capture. */
static void with_holes(struct capfile *f, const char *name, size_t seed)
{
    unsigned random = (unsigned)seed + 1;

    for (size_t n = 0; n < f->n; n++) {
        random = random * 1103515245 + 12345;
        f->packets[n].is_dropped = (random >> 16) % 10 < 1 + (seed + 1) % 6;
    }
    judge_clean(f, name, "holes of seed", seed + 1);
}

static void test_a_capture_with_many_holes_blames_nobody(void **state)
{
    (void)state;
    each(with_holes, 40);
}

static const uint32_t snap_lengths[] = {1,  14, 20,  34,  40,  54,  60,  66,  67,  68,  70,  74,
                                        80, 96, 100, 103, 104, 128, 160, 200, 256, 400, 1000};

static void snapped(struct capfile *f, const char *name, size_t k)
{
    for (size_t n = 0; n < f->n; n++)
        f->packets[n].snap = snap_lengths[k];
    judge_clean(f, name, "snap length", snap_lengths[k]);
}

/* One byte of each state is enough to know how a session ended, and headers are to know what was
 * sent again. */
static void snapped_ending(struct capfile *f, const char *name, size_t k)
{
    static const uint32_t lengths[] = {88, 90, 100, 128, 200, 300};
    struct capfile_verdict whole = capfile_judge(f, f->n);

    for (size_t n = 0; n < f->n; n++)
        f->packets[n].snap = lengths[k];
    struct capfile_verdict cut = capfile_judge(f, f->n);
    if (strcmp(whole.ending, "completed") == 0 && strcmp(cut.ending, "completed") != 0)
        fail_msg("%s, snap length %u: %s", name, lengths[k], cut.ending);
    if (cut.n_repeated != whole.n_repeated)
        fail_msg("%s, snap length %u: %llu segments repeated, not %llu", name, lengths[k],
                 (unsigned long long)cut.n_repeated, (unsigned long long)whole.n_repeated);
    for (size_t n = 0; n < f->n; n++)
        f->packets[n].snap = 0;
}

static void test_a_snap_length_leaves_endings_and_repetitions_as_they_are(void **state)
{
    (void)state;
    each(snapped_ending, 6);
}

/* --- what the timeline shows ------------------------------------------------------------------ */

static void keep_event(void *context, struct track_session *s, const struct track_event *event)
{
    (void)context;
    timeline_collect(s, event);
}

struct shown {
    unsigned n_texts[2]; /* by side */
    bool is_in_order;    /* by packet */
};

static void look_at_timeline(void *context, struct track_session *s)
{
    const struct timeline *t = s->user;
    struct shown *shown = context;
    uint64_t last = 0;

    for (size_t i = 0; i < t->n; i++) {
        struct track_event event = timeline_event(&t->entries[i]);
        if (event.kind == TRACK_NOTE)
            continue;
        shown->is_in_order &= event.number >= last;
        last = event.number;
        if (event.kind == TRACK_MESSAGE && event.message->kind == OBSERVER_JSON)
            shown->n_texts[event.from]++;
    }
    timeline_discard(s);
}

/* Each text has a row, whatever is missing of it, at the packet in which it began. */
static void test_a_timeline_shows_texts_that_a_snap_length_has_cut(void **state)
{
    static const uint32_t lengths[] = {80, 90, 100, 200, 300, 0};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
        struct shown shown = {.is_in_order = true};
        struct capfile f;
        assert_true(capfile_read(&f, "pcaps/3.22-3.22-time.pcap.gz"));
        for (size_t n = 0; n < f.n; n++)
            f.packets[n].snap = lengths[k];
        capfile_feed(&f, f.n, &(struct track_user){keep_event, look_at_timeline, &shown});
        if (shown.n_texts[0] != 2 || shown.n_texts[1] != 1 || !shown.is_in_order)
            fail_msg("snap length %u: %u texts by the client, %u by the server%s", lengths[k],
                     shown.n_texts[0], shown.n_texts[1], shown.is_in_order ? "" : ", out of order");
        capfile_fini(&f);
    }
}

static void test_a_capture_with_any_snap_length_blames_nobody(void **state)
{
    (void)state;
    each(snapped, ARRAY_LEN(snap_lengths));
}

/* Damage may look like a peer's fault; it must not bring down the judge. Each packet gets its turn,
 * with bytes spread over headers and payload. */
static unsigned damaged_sessions;

static void damaged(struct capfile *f, const char *name, size_t n)
{
    static unsigned random = 1;
    uint8_t *bytes = f->packets[n].bytes;

    (void)name;
    for (unsigned k = 0; k < 4; k++) {
        random = random * 1103515245 + 12345;
        size_t at = (random >> 8) % MIN(f->packets[n].len, 120u);
        uint8_t before = bytes[at];
        bytes[at] ^= (uint8_t)(1u << (random >> 4) % 8);
        damaged_sessions += capfile_judge(f, f->n).n_sessions;
        bytes[at] = before;
    }
}

static void test_damaged_packets_are_survived(void **state)
{
    (void)state;
    damaged_sessions = 0;
    each(damaged, 0);
    assert_true(damaged_sessions > captures.gl_pathc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captures_are_as_their_manifests_say),
        cmocka_unit_test(test_a_capture_cut_at_any_packet_blames_nobody),
        cmocka_unit_test(test_a_capture_without_any_one_packet_blames_nobody),
        cmocka_unit_test(test_a_capture_that_starts_at_any_packet_blames_nobody),
        cmocka_unit_test(test_a_capture_with_two_packets_swapped_blames_nobody),
        cmocka_unit_test(test_data_that_was_not_captured_is_said),
        cmocka_unit_test(test_a_capture_with_each_packet_twice_blames_nobody),
        cmocka_unit_test(test_a_cookie_whose_pieces_are_swapped_is_a_cookie),
        cmocka_unit_test(test_sessions_at_the_same_time_are_kept_apart),
        cmocka_unit_test(test_udp_sessions_at_the_same_time_are_told_apart_by_length),
        cmocka_unit_test(test_a_capture_with_many_holes_blames_nobody),
        cmocka_unit_test(test_a_capture_with_any_snap_length_blames_nobody),
        cmocka_unit_test(test_a_snap_length_leaves_endings_and_repetitions_as_they_are),
        cmocka_unit_test(test_a_timeline_shows_texts_that_a_snap_length_has_cut),
        cmocka_unit_test(test_damaged_packets_are_survived),
    };
    return cmocka_run_group_tests(tests, find_captures, free_captures);
}
