/* Doctored copies of captured sessions: each is judged by the clause that it breaks, in the packet
 * that breaks it. */
#include "harness/capture/timeline.h"
#include "harness/tests/doctor.h"

enum edit {
    REPLACE, /* text (nth occurrence) by another */
    BYTE,    /* the last byte of the nth packet with payload: another value */
    INSERT,  /* bytes behind the nth packet with payload, in the same packet */
    DELETE,  /* the last n bytes of the nth packet with payload */
};

#define C OBSERVER_CLIENT
#define S OBSERVER_SERVER

/* Which packet is blamed, beside the one that was edited. */
enum blamed {
    EDITED,
    EARLIER,   /* where the message begins: another packet of that side's */
    ELSEWHERE, /* where a stream does what was not said: a packet behind it */
};

static const struct row {
    const char *name, *capture;
    enum edit edit;
    enum observer_side side;
    unsigned nth;
    const char *what, *with; /* REPLACE; BYTE, INSERT: with */
    size_t with_len;         /* 0: strlen(with); DELETE: how many */
    const char *clause;
    enum blamed blamed;
} rows[] = {
#include "harness/tests/doctored.def"
};

static size_t edit(const struct doctor *doc, const struct row *row)
{
    struct bytes with = {(const uint8_t *)row->with, row->with_len};
    struct dissected d;
    size_t at = 0, i;

    if (row->edit == REPLACE) {
        struct bytes what = {(const uint8_t *)row->what, strlen(row->what)};
        with.len = strlen(row->with);
        i = doctor_find(doc, row->side, what, row->nth, &at);
        doctor_splice(doc, row->side, i, at, what.len, with);
        if (with.len != what.len)
            doctor_fix_length(doc, row->side, i, (int32_t)(with.len - what.len));
        return i;
    }
    i = doctor_packet(doc, row->side, row->nth, false);
    doctor_look(doc->f, i, &d);
    if (row->edit == BYTE)
        doctor_splice(doc, row->side, i, d.len - 1, 1, with);
    else if (row->edit == INSERT)
        doctor_splice(doc, row->side, i, d.len, 0, with);
    else
        doctor_splice(doc, row->side, i, d.len - row->with_len, row->with_len,
                      (struct bytes){d.payload.at, 0});
    return i;
}

static bool is_blamed(const struct doctor *doc, const struct row *row, size_t edited,
                      uint64_t number)
{
    struct dissected d;

    if (row->blamed == EDITED)
        return number == edited + 1;
    if (row->blamed == ELSEWHERE)
        return number > edited + 1;
    if (number == 0 || number > doc->f->n ||
        doctor_look(doc->f, (size_t)number - 1, &d) != DISSECT_TCP ||
        !doctor_is(doc, &d, row->side))
        return false;
    return number <= edited && d.len > 0;
}

/* --- as text: what `decode` shows of it ------------------------------------------------------ */

static void collect(void *context, struct track_session *s, const struct track_event *event)
{
    (void)context;
    timeline_collect(s, event);
}

static void print_and_discard(void *context, struct track_session *s)
{
    timeline_print(context, s->user, s, false);
    timeline_discard(s);
}

static void check_text(const struct capfile *f, const char *clause)
{
    char *text = NULL, wanted[64];
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    capfile_feed(f, f->n, &(struct track_user){collect, print_and_discard, out});
    fclose(out);
    snprintf(wanted, sizeof wanted, "!! %s ", clause);
    if (!strstr(text, wanted))
        fail_msg("no '%s' in\n%s", wanted, text);
    free(text);
}

static void check(const struct row *row)
{
    char path[256];
    struct capfile f;

    snprintf(path, sizeof path, "pcaps/%s.pcap.gz", row->capture);
    if (!capfile_read(&f, path))
        fail_msg("%s cannot be read", path);
    struct doctor doc = doctor_connection(&f, 0);
    size_t edited = edit(&doc, row);
    struct capfile_verdict v = capfile_judge(&f, f.n);
    if (strstr(row->name, "behind 10") != NULL && strcmp(v.ending, "completed") == 0)
        fail_msg("%s: %s", row->name, v.ending);
    if (v.n_violations == 0 || strcmp(v.clause, row->clause) != 0 || v.by != row->side ||
        !is_blamed(&doc, row, edited, v.number))
        fail_msg("%s: %s by the %s in packet %llu (%s), not %s in packet %zu", row->name,
                 v.n_violations ? v.clause : "nothing", v.by == C ? "client" : "server",
                 (unsigned long long)v.number, v.found, row->clause, edited + 1);
    check_text(&f, row->clause);
    capfile_fini(&f);
}

static void test_doctored_captures_fail_by_clause_and_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i]);
}

/* --- datagrams -------------------------------------------------------------------------------- */

#define UDP_TEST "pcaps/3.22-3.22-udp.pcap.gz"

/* Index of the nth datagram of that length from (or to) the server's port. */
static size_t datagram(const struct capfile *f, bool from_server, uint32_t len, unsigned nth,
                       uint8_t **payload)
{
    for (size_t i = 0; i < f->n; i++) {
        struct dissected d;
        if (doctor_look(f, i, &d) == DISSECT_UDP && (d.from_port == 5201) == from_server &&
            d.len == len && nth-- == 0) {
            *payload = (uint8_t *)(uintptr_t)d.payload.at;
            return i;
        }
    }
    fail_msg("no such datagram");
    return 0;
}

static const struct datagram_row {
    const char *name;
    bool from_server;
    uint32_t len;
    unsigned nth;
    size_t offset;
    uint8_t bytes[4];
    const char *clause;
} datagram_rows[] = {
    {"UDPC-2 a connect message nobody knows", false, 4,    0,  0, {1, 2, 3, 4},    "UDPC-2"},
    {"UDPC-3 a reply nobody knows",           true,  4,    0,  0, {1, 2, 3, 4},    "UDPC-3"},
    {"UDP-1 a million microseconds",          false, 1000, 9,  4, {0, 15, 66, 64}, "UDP-1" },
    {"UDP-5 number 0",                        false, 1000, 0,  8, {0, 0, 0, 0},    "UDP-5" },
    {"UDP-5 a number again",                  false, 1000, 19, 8, {0, 0, 0, 15},   "UDP-5" },
};

static void test_doctored_datagrams_fail_by_clause_and_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(datagram_rows); i++) {
        const struct datagram_row *row = &datagram_rows[i];
        struct capfile f;
        uint8_t *payload;
        assert_true(capfile_read(&f, UDP_TEST));
        size_t at = datagram(&f, row->from_server, row->len, row->nth, &payload);
        memcpy(payload + row->offset, row->bytes, 4);
        struct capfile_verdict v = capfile_judge(&f, f.n);
        if (v.n_violations == 0 || strcmp(v.clause, row->clause) != 0 || v.number != at + 1)
            fail_msg("%s: %s in packet %llu, not in %zu", row->name,
                     v.n_violations ? v.clause : "nothing", (unsigned long long)v.number, at + 1);
        capfile_fini(&f);
    }
}

/* UDP-3. The IP and UDP headers say one length, the parameters another. */
static void test_a_datagram_of_another_length_is_blamed(void **state)
{
    struct capfile f;
    uint8_t *payload;

    (void)state;
    assert_true(capfile_read(&f, UDP_TEST));
    size_t at = datagram(&f, false, 1000, 4, &payload);
    payload[-4] = 900 >> 8; /* the length in the UDP header */
    payload[-3] = 900 & 255;
    struct capfile_verdict v = capfile_judge(&f, f.n);
    assert_int_equal(v.n_violations, 1);
    assert_string_equal(v.clause, "UDP-3");
    assert_int_equal(v.number, at + 1);
    capfile_fini(&f);
}

static void report(const struct doctor *doc, enum observer_side side, const char *what,
                   const char *with)
{
    size_t at = 0;
    size_t i = doctor_find(doc, side, (struct bytes){(const uint8_t *)what, strlen(what)}, 0, &at);

    doctor_splice(doc, side, i, at, strlen(what),
                  (struct bytes){(const uint8_t *)with, strlen(with)});
    doctor_fix_length(doc, side, i, (int32_t)(strlen(with) - strlen(what)));
}

/* RES-29: on a stream on which a server sends, it says what it was told, whatever that is; the
 * client is blamed alone. */
static void test_what_a_server_echoes_is_not_its_own(void **state)
{
    static const char *const values[][2] = {
        {"\"jitter\":0",  "\"jitter\":7" },
        {"\"errors\":0",  "\"errors\":7" },
        {"\"packets\":0", "\"packets\":7"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct capfile f;
        assert_true(capfile_read(&f, "pcaps/3.22-3.22-reverse.pcap.gz"));
        struct doctor doc = doctor_connection(&f, 0);
        report(&doc, C, values[i][0], values[i][1]);
        report(&doc, S, values[i][0], values[i][1]);
        struct capfile_verdict v = capfile_judge(&f, f.n);
        assert_int_equal(v.n_violations, 1);
        assert_int_equal(v.by, C);
        capfile_fini(&f);
    }
}

/* A network that doubles datagrams may do so behind the point of capture, and lose others there:
 * more received than sent is told, and held against nobody. */
static void test_copies_behind_the_point_of_capture_blame_nobody(void **state)
{
    static const char *const reports[][2] = {
        {"\"bytes\":50000", "\"bytes\":53000" },
        {"\"errors\":0",    "\"errors\":5"    },
        {"\"bytes\":50000", "\"bytes\":800000"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reports); i++) {
        struct capfile f;
        assert_true(capfile_read(&f, UDP_TEST));
        struct doctor doc = doctor_connection(&f, 0);
        report(&doc, S, reports[i][0], reports[i][1]);
        struct capfile_verdict v = capfile_judge(&f, f.n);
        if (v.n_violations != 0 || v.n_parts != 1 || strstr(v.note, "more received") == NULL)
            fail_msg("%s: %s %s, note '%s'", reports[i][1], v.clause, v.found, v.note);
        capfile_fini(&f);
    }
}

/* UDPC-7: a server takes a connect message that the network doubles for data, and its numbers are
 * what they are by that. That is its fault, but says where it comes from. */
static void test_a_doubled_connect_message_is_named_as_the_reason(void **state)
{
    (void)state;
    for (unsigned is_doubled = 0; is_doubled < 2; is_doubled++) {
        struct capfile f;
        struct dissected d;
        size_t i = 0;
        assert_true(capfile_read(&f, UDP_TEST));
        struct doctor doc = doctor_connection(&f, 0);
        report(&doc, S, "\"packets\":50", "\"packets\":59199");
        report(&doc, S, "\"errors\":0", "\"errors\":59149");
        while (doctor_look(&f, i, &d) != DISSECT_UDP)
            i++;
        if (is_doubled) { /* its answer gives way to a copy */
            f.packets[i + 1] = (struct capfile_packet){
                .at_ns = f.packets[i].at_ns + 1,
                .len = f.packets[i].len,
                .wire_len = f.packets[i].wire_len,
                .bytes = memcpy(f.packets[i + 1].bytes, f.packets[i].bytes, f.packets[i].len)};
        }
        struct capfile_verdict v = capfile_judge(&f, f.n);
        assert_string_equal(v.clause, "RES-16");
        assert_int_equal(strstr(v.found, "UDPC-7") != NULL, is_doubled);
        capfile_fini(&f);
    }
}

/* Bytes that came once each and in order show nothing of a segment that was sent again. */
static void test_retransmits_that_nothing_shows_are_told(void **state)
{
    static const struct {
        const char *capture;
        enum observer_side sender;
        const char *what, *with;
        bool is_told;
    } counts[] = {
        {"time",          C, "\"retransmits\":0",  "\"retransmits\":1",    true },
        {"time",          C, "\"retransmits\":0",  "\"retransmits\":5000", true },
        {"reverse",       S, "\"retransmits\":0",  "\"retransmits\":3",    true },
        {"lossy",         C, "\"retransmits\":8",  "\"retransmits\":9000", true },
        {"lossy",         C, "\"retransmits\":8",  "\"retransmits\":20",   false}, /* eight came */
        {"lossy-reverse", S, "\"retransmits\":26", "\"retransmits\":60",   false}, /* gaps came */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        char path[64];
        struct capfile f;
        snprintf(path, sizeof path, "pcaps/%s-%s.pcap.gz",
                 strcmp(counts[i].capture, "lossy-reverse") == 0 ? "3.12-3.12" : "3.22-3.22",
                 counts[i].capture);
        assert_true(capfile_read(&f, path));
        struct doctor doc = doctor_connection(&f, 0);
        report(&doc, counts[i].sender, counts[i].what, counts[i].with);
        struct capfile_verdict v = capfile_judge(&f, f.n);
        bool is_told = strstr(v.note, "retransmit") != NULL;
        if (v.n_violations != 0 || is_told != counts[i].is_told || (is_told && v.n_parts != 1))
            fail_msg("%s %s: %s %s, note '%s'", path, counts[i].with, v.clause, v.found, v.note);
        capfile_fini(&f);
    }
}

/* Three are lost in front of the point of capture, and three others doubled there. */
static void test_copies_that_were_seen_came(void **state)
{
    struct capfile f, s;
    unsigned n = 0;

    (void)state;
    assert_true(capfile_read(&f, UDP_TEST));
    s = (struct capfile){.link = f.link,
                         .packets = text_realloc(NULL, 2 * f.n * sizeof *f.packets)};
    for (size_t i = 0; i < f.n; i++) {
        struct dissected d;
        bool is_data = doctor_look(&f, i, &d) == DISSECT_UDP && d.len == 1000;
        n += is_data;
        if (!is_data || n < 10 || n > 12)
            s.packets[s.n++] = f.packets[i];
        if (is_data && n >= 20 && n < 23)
            s.packets[s.n++] = f.packets[i];
    }
    struct capfile_verdict v = capfile_judge(&s, s.n);
    assert_int_equal(v.n_violations, 0);
    assert_string_equal(v.note, "");
    free(s.packets);
    capfile_fini(&f);
}

/* --- streams and times ------------------------------------------------------------------------ */

static void test_data_against_the_direction_of_a_stream_is_blamed(void **state)
{
    static const struct {
        const char *capture, *clause;
        unsigned connection;
        enum observer_side side;
    } wrong[] = {
        {"pcaps/3.22-3.22-time.pcap.gz",    "STR-16", 1, S},
        {"pcaps/3.22-3.22-reverse.pcap.gz", "STR-16", 1, C},
        {"pcaps/3.22-3.22-bidir.pcap.gz",   "STR-3",  1, S},
        {"pcaps/3.22-3.22-bidir.pcap.gz",   "STR-2",  2, C},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct capfile f;
        assert_true(capfile_read(&f, wrong[i].capture));
        struct doctor doc = doctor_connection(&f, wrong[i].connection);
        size_t at = doctor_packet(&doc, wrong[i].side, 4, true);
        doctor_splice(&doc, wrong[i].side, at, 0, 0, WIRE("wrong way"));
        struct capfile_verdict v = capfile_judge(&f, f.n);
        assert_int_equal(v.n_violations, 1);
        assert_string_equal(v.clause, wrong[i].clause);
        assert_int_equal(v.number, at + 1);
        capfile_fini(&f);
    }
}

/* OMIT-4: the same packets in a quarter of the time. */
static void test_an_end_in_the_omit_period_is_blamed(void **state)
{
    struct capfile f;

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-omit.pcap.gz"));
    for (size_t i = 0; i < f.n; i++)
        f.packets[i].at_ns = f.packets[0].at_ns + (f.packets[i].at_ns - f.packets[0].at_ns) / 4;
    struct capfile_verdict v = capfile_judge(&f, f.n);
    assert_true(v.n_violations > 0); /* the durations in the results do not fit either */
    assert_string_equal(v.clause, "OMIT-4");
    capfile_fini(&f);
}

/* A kernel that resets nothing offers less of a window with its FIN, where something lies unread:
 * then the receiver may not have had it all. */
static void test_a_server_that_left_something_unread_may_count_less(void **state)
{
    (void)state;
    for (int is_full = 0; is_full < 2; is_full++) {
        struct capfile f;
        size_t at = 0;
        assert_true(capfile_read(&f, "pcaps/3.22-3.22-tcp.pcap.gz"));
        struct doctor control = doctor_connection(&f, 0), data = doctor_connection(&f, 1);
        size_t i = doctor_find(&control, S, WIRE("\"bytes\":131072"), 0, &at);
        doctor_splice(&control, S, i, at, 14, WIRE("\"bytes\":131071"));
        for (size_t k = 0; k < f.n; k++) {
            struct dissected d;
            if (doctor_look(&f, k, &d) == DISSECT_TCP && doctor_is(&data, &d, S) &&
                d.flags & DISSECT_FIN && !is_full)
                f.packets[k].bytes[14 + 20 + 14] = f.packets[k].bytes[14 + 20 + 15] = 0;
        }
        struct capfile_verdict v = capfile_judge(&f, f.n);
        assert_int_equal(v.n_violations, is_full);
        capfile_fini(&f);
    }
}

/* What lets durations be judged is the capture's clock: where it goes back that is said, and
 * nothing held against the peers. */
static void test_a_clock_that_goes_back_is_told(void **state)
{
    struct capfile f;

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-time.pcap.gz"));
    for (size_t i = f.n / 2; i < f.n; i++)
        f.packets[i].at_ns -= UINT64_C(3600000000000);
    struct capfile_verdict v = capfile_judge(&f, f.n);
    assert_int_equal(v.n_violations, 0);
    assert_int_equal(v.n_parts, 1);
    capfile_fini(&f);
}

/* Forward, both ends tell of less time than passed by it. */
/* A clock that is slow, for both ends tell of more; and one that counts seconds. */
static void test_a_clock_that_is_slow_or_coarse_is_told(void **state)
{
    static const struct {
        const char *capture;
        uint64_t slower, step_ns; /* by one in so many; 0: it is not */
    } clocks[] = {
        {"pcaps/3.18-3.18-bidir.pcap.gz",  20, 0         },
        {"pcaps/3.22-3.22-udp.pcap.gz",    20, 0         },
        {"pcaps/3.9-3.9-parallel.pcap.gz", 0,  1000000000},
        {"pcaps/3.22-3.22-time.pcap.gz",   0,  1000000000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
        struct capfile f;
        assert_true(capfile_read(&f, clocks[i].capture));
        uint64_t start_ns = f.packets[0].at_ns;
        for (size_t n = 0; n < f.n; n++) {
            uint64_t *at_ns = &f.packets[n].at_ns;
            *at_ns -= clocks[i].slower > 0 ? (*at_ns - start_ns) / clocks[i].slower : 0;
            *at_ns -= clocks[i].step_ns > 0 ? *at_ns % clocks[i].step_ns : 0;
        }
        struct capfile_verdict v = capfile_judge(&f, f.n);
        if (v.n_violations != 0 || v.n_parts != 1 || strstr(v.note, "the times") == NULL)
            fail_msg("%s: %s %s, note '%s'", clocks[i].capture, v.clause, v.found, v.note);
        capfile_fini(&f);
    }
}

static void test_a_clock_that_goes_forward_is_told(void **state)
{
    static const char *const captures[] = {"pcaps/3.22-3.22-time.pcap.gz",
                                           "pcaps/3.12-3.12-udp.pcap.gz",
                                           "pcaps/3.22-3.22-omit.pcap.gz"};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(captures); k++) {
        struct capfile f;
        assert_true(capfile_read(&f, captures[k]));
        for (size_t i = f.n / 2; i < f.n; i++)
            f.packets[i].at_ns += UINT64_C(20000000000);
        struct capfile_verdict v = capfile_judge(&f, f.n);
        if (v.n_violations != 0 || v.n_parts != 1 || strstr(v.note, "clock") == NULL)
            fail_msg("%s: %s %s, '%s'", captures[k], v.clause, v.found, v.note);
        capfile_fini(&f);
    }
}

/* By a microsecond, as several queues of an interface do; and re-ordered, each with its time. */
static void test_packets_that_are_a_little_out_of_order_are_judged(void **state)
{
    struct capfile f;

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-time.pcap.gz"));
    for (size_t i = 9; i < f.n; i += 5)
        f.packets[i].at_ns = f.packets[i - 1].at_ns - 1000;
    struct capfile_verdict v = capfile_judge(&f, f.n);
    assert_int_equal(v.n_violations, 0);
    assert_int_equal(v.n_parts, 0);
    capfile_fini(&f);
}

/* Whatever a peer calls itself, says, or names its members. */
static void test_what_peers_say_gives_no_orders_to_a_terminal(void **state)
{
    static const char *const hostile[] = {"\xc2\x9b[J", "\x1b[2J", "\n    0.1  1  < 0e", "\x9b\xff",
                                          "\\u009b2J"};

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(hostile); i++) {
        struct bytes with = {(const uint8_t *)hostile[i / 2], strlen(hostile[i / 2])};
        struct capfile f;
        char *text = NULL;
        size_t at = 0, len;
        assert_true(capfile_read(&f, "pcaps/3.22-3.22-tcp.pcap.gz"));
        struct doctor doc = doctor_connection(&f, 0);
        size_t packet = doctor_find(&doc, C, i % 2 ? WIRE("3.22\"}") : WIRE("parallel"), 0, &at);
        doctor_splice(&doc, C, packet, at, 4, with);
        doctor_fix_length(&doc, C, packet, (int32_t)with.len - 4);
        FILE *out = open_memstream(&text, &len);
        capfile_feed(&f, f.n, &(struct track_user){collect, print_and_discard, out});
        fclose(out);
        for (size_t k = 0; k < len; k++)
            if ((uint8_t)text[k] >= 0x7f || ((uint8_t)text[k] < 0x20 && text[k] != '\n'))
                fail_msg("%02x in %s", (uint8_t)text[k], text);
        assert_null(strstr(text, "\n    0.1"));
        free(text);
        capfile_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doctored_captures_fail_by_clause_and_packet),
        cmocka_unit_test(test_doctored_datagrams_fail_by_clause_and_packet),
        cmocka_unit_test(test_a_datagram_of_another_length_is_blamed),
        cmocka_unit_test(test_what_a_server_echoes_is_not_its_own),
        cmocka_unit_test(test_copies_behind_the_point_of_capture_blame_nobody),
        cmocka_unit_test(test_a_doubled_connect_message_is_named_as_the_reason),
        cmocka_unit_test(test_retransmits_that_nothing_shows_are_told),
        cmocka_unit_test(test_copies_that_were_seen_came),
        cmocka_unit_test(test_data_against_the_direction_of_a_stream_is_blamed),
        cmocka_unit_test(test_an_end_in_the_omit_period_is_blamed),
        cmocka_unit_test(test_a_server_that_left_something_unread_may_count_less),
        cmocka_unit_test(test_what_peers_say_gives_no_orders_to_a_terminal),
        cmocka_unit_test(test_a_clock_that_goes_back_is_told),
        cmocka_unit_test(test_a_clock_that_goes_forward_is_told),
        cmocka_unit_test(test_a_clock_that_is_slow_or_coarse_is_told),
        cmocka_unit_test(test_packets_that_are_a_little_out_of_order_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
