/* The judge: silent on every honest session, however messages cross; never silent on an illegal
 * byte. */
#include "impl/wire/observer.h"

#include "impl/tests/alloc.h"
#include "impl/tests/judge.h"

/* --- recorded stock sessions ------------------------------------------------------------------ */

static void check_honest(const struct vector *v)
{
    struct judge j;

    for (size_t step = 0; step < 3; step++) {
        judge_init(&j);
        for (size_t i = 0; i < v->n; i++)
            see_record(&j, &v->records[i], step);
        observer_finish(j.o);
        if (!vector_is_raw(v) && j.n_violations > 0)
            fail_msg("%s: %s by %d: expected %s, found %s; %s", v->name, j.first.clause, j.first.by,
                     j.first.expected, j.first.found, j.seen);
        if (vector_is_raw(v) && (j.n_violations == 0 || j.first.by != OBSERVER_CLIENT))
            fail_msg("%s: nothing against the client; %s", v->name, j.seen);
        if (observer_completed(j.o) != vector_succeeded(v))
            fail_msg("%s: completed %d; %s", v->name, observer_completed(j.o), j.seen);
        if (vector_succeeded(v)) {
            assert_non_null(observer_params(j.o));
            assert_non_null(observer_results(j.o, OBSERVER_CLIENT));
            assert_non_null(observer_results(j.o, OBSERVER_SERVER));
        }
        judge_fini(&j);
    }
}

static void test_observer_is_silent_on_stock_sessions(void **unused)
{
    (void)unused;
    assert_true(vector_each(check_honest) > 50);
}

/* --- one byte too many ------------------------------------------------------------------------ */

/* The bytes of one direction of a session, with the record and the place of each. */
static void see_with_insertion(struct judge *j, const struct vector *v, size_t record, size_t at,
                               uint8_t byte)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct vector_record *r = &v->records[i];
        if (i != record) {
            see_record(j, r, 0);
            continue;
        }
        see(j, r->from, (struct bytes){r->bytes, at}, 0);
        see(j, r->from, (struct bytes){&byte, 1}, 0);
        see(j, r->from, (struct bytes){r->bytes + at, r->len - at}, 0);
    }
    observer_finish(j->o);
}

static bool is_last_of_lane(const struct vector *v, size_t record)
{
    for (size_t i = record + 1; i < v->n; i++)
        if (v->records[i].from == v->records[record].from && v->records[i].kind == VECTOR_BYTES)
            return false;
    return true;
}

/* A server may be stopped at any time: 0b behind all it said is legal. So is a byte put before an
 * equal one: the same session. */
static bool is_legal_insertion(const struct vector *v, size_t record, size_t at, uint8_t byte)
{
    const struct vector_record *r = &v->records[record];

    return r->from == 'S' && byte == SERVER_TERMINATE && at == r->len && is_last_of_lane(v, record);
}

static void check_insertion(const struct vector *v, size_t record, size_t at, uint8_t byte)
{
    struct judge j;

    if (is_legal_insertion(v, record, at, byte))
        return;
    judge_init(&j);
    see_with_insertion(&j, v, record, at, byte);
    /* The other side goes on as recorded, and may be blamed for that as well. */
    if (j.n_against[side_of(v->records[record].from)] == 0)
        fail_msg("%s: %02x at byte %zu of record %zu (%c) passes; %s", v->name, byte, at, record,
                 v->records[record].from, j.seen);
    judge_fini(&j);
}

static void check_insertions(const struct vector *v)
{
    static const uint8_t inside[] = {0, 1, 4, 0x0c, 0x10, ' ', '"', '1', '}', 0xfe, 0xff};

    if (strcmp(v->name, "3.18-3.18-tcp.session") != 0 &&
        strcmp(v->name, "3.12-3.12-udp-bidir.session") != 0)
        return;
    for (size_t i = 0; i < v->n; i++) {
        const struct vector_record *r = &v->records[i];
        if (r->kind != VECTOR_BYTES)
            continue;
        for (int byte = 0; byte < 256; byte++) {
            check_insertion(v, i, 0, (uint8_t)byte);
            check_insertion(v, i, r->len, (uint8_t)byte);
        }
        for (size_t at = 1; at < r->len; at++)
            for (size_t k = 0; k < sizeof inside; k++)
                check_insertion(v, i, at, inside[k]);
    }
}

static void test_observer_reports_every_illegal_byte(void **unused)
{
    (void)unused;
    vector_each(check_insertions);
}

/* --- rows ------------------------------------------------------------------------------------- */

#define COOKIE       "mpczabcdefghijklmnopqrstuvwxyz234567\0"
#define PARAMS       "\0\0\0\x32{\"tcp\":true,\"time\":1,\"parallel\":1,\"len\":131072   }"
#define RESULTS_HEAD "{" RESULTS_NUMBERS
#define RESULTS_NUMBERS                                                                            \
    "\"cpu_util_total\":1,\"cpu_util_user\":0,\"cpu_util_system\":1,"                              \
    "\"sender_has_retransmits\":-1,\"streams\":["
#define RESULTS_STREAM(id)                                                                         \
    "{\"id\":" id ",\"bytes\":0,\"retransmits\":-1,\"jitter\":0,\"errors\":0,\"packets\":0,"       \
    "\"omitted_errors\":0,\"omitted_packets\":0,\"start_time\":0,\"end_time\":1}]}"

/* A session as pieces: 'C' or 'S' and bytes; "" with an end: 'c', 's' FIN, 'x', 'y' reset of C, S.
 * 'J' and 'K': a results text of the client, of the server, with the length in front. */
struct piece {
    char what;
    struct bytes bytes;
};

/* clang-format off */
static const struct row {
    const char *name;
    const char *clause; /* of the first violation; NULL: none */
    char by;
    bool judge_new;
    struct piece pieces[20];
} rows[] = {
#define END(what) {what, {NULL, 0}}
#define START {'C', WIRE(COOKIE)}, {'S', WIRE("\x09")}, {'C', WIRE(PARAMS)}
#define TO_RUN START, {'S', WIRE("\x0a")}, {'S', WIRE("\x01\x02")}
#define GOOD_RESULTS(what) {what, WIRE(RESULTS_HEAD RESULTS_STREAM("1"))}
#define TO_DISPLAY TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), GOOD_RESULTS('K'), {'S', WIRE("\x0e")}
    {"FLOW-1 a whole session", NULL, 0, true, {TO_DISPLAY, {'C', WIRE("\x10")}, END('c'), END('s')}},
    /* honest oddities */
    {"FLOW-10 EOF in place of 10", NULL, 0, true, {TO_DISPLAY, END('c'), END('s')}},
    {"ERR-7 stale error after 10", NULL, 0, false, {TO_DISPLAY, {'C', WIRE("\x10")}, {'S', WIRE("\xfe\0\0\0\xcd\0\0\0\0")}, END('c'), END('s')}},
    {"ERR-8 the same from a new server", "ERR-8", 'S', true, {TO_DISPLAY, {'C', WIRE("\x10")}, {'S', WIRE("\xfe\0\0\0\xcd\0\0\0\0")}, END('c'), END('s')}},
    {"DEF-27 error twice", NULL, 0, false, {TO_RUN, {'S', WIRE("\xfe\0\0\0\x1b\0\0\0\0\xfe\0\0\0\x1b\0\0\0\0")}, END('s'), END('c')}},
    {"DEF-27 three times", "ERR-1", 'S', false, {TO_RUN, {'S', WIRE("\xfe\0\0\0\x1b\0\0\0\0\xfe\0\0\0\x1b\0\0\0\0\xfe")}, END('s'), END('c')}},
    {"ERR-2 one integer with 142", NULL, 0, false, {START, {'S', WIRE("\xfe\0\0\0\x8e")}, END('s'), END('c')}},
    {"ERR-1 from a new server", "ERR-1", 'S', true, {START, {'S', WIRE("\xfe\0\0\0\x8e")}, END('s'), END('c')}},
    {"CLOSE-2 busy, before the cookie", NULL, 0, true, {{'S', WIRE("\xff")}, {'C', WIRE(COOKIE)}, END('y'), END('c')}},
    {"TMO-2 106 before the cookie", "CTL-1", 'C', true, {{'C', WIRE("mpcz")}, {'S', WIRE("\xfe\0\0\0\x6a\0\0\0\0")}, END('s'), END('c')}},
    {"CTL-7 a short cookie is answered", "CTL-1", 'C', false, {{'C', WIRE("mpcz")}, END('c'), {'S', WIRE("\x09")}, END('s')}},
    {"ST-SRV-20 0b before the cookie", NULL, 0, true, {{'S', WIRE("\x0b")}, END('s'), {'C', WIRE(COOKIE)}, END('c')}},
    {"CONN-5 nothing at all", NULL, 0, true, {END('c'), END('s')}},
    {"CLOSE-9 10 after 0b", NULL, 0, true, {TO_RUN, {'S', WIRE("\x0b")}, {'C', WIRE("\x10")}, END('c'), END('s')}},
    {"CLOSE-9 10 after 0b, in END", NULL, 0, true, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0b")}, END('s'), {'C', WIRE("\x10")}, END('c')}},
    {"CLOSE-9 3.9 says 10 to ff", NULL, 0, true, {{'C', WIRE(COOKIE)}, {'S', WIRE("\xff")}, {'C', WIRE("\x10")}, END('c')}},
    {"CLOSE-10 10 in CREATE", NULL, 0, true, {START, {'S', WIRE("\x0a")}, {'C', WIRE("\x10")}, END('c'), END('s')}},
    {"CLOSE-7 119 after 0c", NULL, 0, true, {TO_RUN, {'C', WIRE("\x0c")}, {'S', WIRE("\xfe\0\0\0\x77\0\0\0\0")}, END('s'), END('c')}},
    {"CLOSE-6 0c in END", NULL, 0, true, {TO_RUN, {'C', WIRE("\x04")}, {'C', WIRE("\x0c")}, END('c'), {'S', WIRE("\x0d")}, {'S', WIRE("\xfe\0\0\0\x75\0\0\0\0")}, END('s')}},
    {"CLOSE-6 0c in PARAMS", NULL, 0, true, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x09")}, {'C', WIRE("\x0c")}, END('c'), {'S', WIRE("\xfe\0\0\0\x72\0\0\0\0")}, END('s')}},
    {"FLOW-12 04 in CREATE", NULL, 0, true, {START, {'S', WIRE("\x0a")}, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), GOOD_RESULTS('K'), {'S', WIRE("\x0e")}, {'C', WIRE("\x10")}}},
    {"FLOW-12 the same, crossing 01 02", NULL, 0, true, {START, {'S', WIRE("\x0a")}, {'C', WIRE("\x04")}, {'S', WIRE("\x01\x02\x0d")}, GOOD_RESULTS('J'), GOOD_RESULTS('K'), {'S', WIRE("\x0e")}, {'C', WIRE("\x10")}}},
    {"FLOW-12 a second exchange", NULL, 0, true, {TO_DISPLAY, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), GOOD_RESULTS('K'), {'S', WIRE("\x0e")}, {'C', WIRE("\x10")}}},
    {"FLOW-12 a second exchange fails", NULL, 0, true, {TO_DISPLAY, {'C', WIRE("\x04")}, {'S', WIRE("\x0d\xfe\0\0\0\x75\0\0\0\0")}, END('s'), END('c')}},
    {"FLOW-12 no streams were made", NULL, 0, true, {START, {'S', WIRE("\x0a")}, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, {'J', WIRE(RESULTS_HEAD "]}")}, {'K', WIRE(RESULTS_HEAD "]}")}, {'S', WIRE("\x0e")}, {'C', WIRE("\x10")}}},
    {"RES-15 without the omitted pair", NULL, 0, false, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, {'J', WIRE(RESULTS_HEAD "{\"id\":1,\"bytes\":0,\"retransmits\":-1,\"jitter\":0,\"errors\":0,\"packets\":0}]}")}}},
    {"RES-18 one of the pair", "RES-18", 'C', false, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, {'J', WIRE(RESULTS_HEAD "{\"id\":1,\"bytes\":0,\"retransmits\":-1,\"jitter\":0,\"errors\":0,\"packets\":0,\"omitted_errors\":0}]}")}}},
    {"JSON-14 unsigned -1", NULL, 0, false, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, {'J', WIRE(RESULTS_HEAD "{\"id\":1,\"bytes\":0,\"retransmits\":18446744073709551615,\"jitter\":0,\"errors\":0,\"packets\":0}]}")}}},
    {"ST-3 EX-6 110", NULL, 0, true, {TO_RUN, {'S', WIRE("\xfe\0\0\0\x6e\0\0\0\0")}, END('s'), END('c')}},
    {"CLOSE-11 EOF in RUN", NULL, 0, true, {TO_RUN, END('c'), {'S', WIRE("\xfe\0\0\0\x6d\0\0\0\0")}, END('s')}},
    {"CLOSE-12 reset in the parameters", NULL, 0, true, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x09")}, {'C', WIRE("\0\0")}, END('x'), END('s')}},
    {"ERR-6 117 in place of results", NULL, 0, true, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), {'S', WIRE("\xfe\0\0\0\x75\0\0\0\0")}, END('s'), {'C', WIRE("\x10")}, END('c')}},
    {"TMO-3 10 while results are due", NULL, 0, true, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), {'C', WIRE("\x10")}, END('c'), GOOD_RESULTS('K'), {'S', WIRE("\x0e")}, END('s')}},
    /* the server's faults */
    {"CTL-8 09 before the cookie", "CTL-8", 'S', false, {{'S', WIRE("\x09")}, {'C', WIRE(COOKIE)}}},
    {"CTL-8 0a before the cookie", "CTL-8", 'S', false, {{'S', WIRE("\x0a")}, {'C', WIRE(COOKIE)}}},
    {"FLOW-3 0a before the parameters", "FLOW-3", 'S', false, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x09\x0a")}, {'C', WIRE(PARAMS)}}},
    {"FLOW-1 09 twice", "FLOW-1", 'S', false, {START, {'S', WIRE("\x09")}, {'C', WIRE(PARAMS)}}},
    {"FLOW-4 01 without 02", "FLOW-4", 'S', false, {START, {'S', WIRE("\x0a\x01\x01")}}},
    {"FLOW-2 0d without 04", "FLOW-2", 'S', false, {TO_RUN, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), END('c')}},
    {"FLOW-8 results before the client's", "FLOW-8", 'S', false, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('K'), GOOD_RESULTS('J')}},
    {"FLOW-9 no 0e", "FLOW-9", 'S', false, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), GOOD_RESULTS('K'), {'S', WIRE("\x0d")}}},
    {"ST-2 a byte that is none", "ST-2", 'S', false, {TO_RUN, {'S', WIRE("\x7f")}}},
    {"ST-2 03", "ST-2", 'S', false, {TO_RUN, {'S', WIRE("\x03")}}},
    {"ST-1 10 from the server", "ST-1", 'S', false, {TO_RUN, {'S', WIRE("\x10")}}},
    {"CLOSE-1 ff in RUN", "CLOSE-1", 'S', false, {TO_RUN, {'S', WIRE("\xff")}}},
    {"CLOSE-1 more than ff", "CLOSE-1", 'S', false, {{'C', WIRE(COOKIE)}, {'S', WIRE("\xff\x09")}}},
    {"ST-1 more than 0b", "ST-1", 'S', false, {TO_RUN, {'S', WIRE("\x0b\x0d")}}},
    {"ERR-1 more than two integers", "ERR-1", 'S', false, {START, {'S', WIRE("\xfe\0\0\0\x72\0\0\0\0\0")}}},
    {"ERR-1 none", "ERR-1", 'S', false, {START, {'S', WIRE("\xfe")}, END('s')}},
    {"ERR-1 one, not 142", "ERR-1", 'S', false, {START, {'S', WIRE("\xfe\0\0\0\x72")}, END('s')}},
    {"ERR-1 one and a half", "ERR-1", 'S', false, {START, {'S', WIRE("\xfe\0\0\0\x8e\0\0")}, END('s')}},
    {"ERR-1 cut by a reset proves nothing", NULL, 0, true, {START, {'S', WIRE("\xfe")}, END('y')}},
    {"ERRNO-1 no such number", "ERRNO-1", 'S', false, {START, {'S', WIRE("\xfe\0\0\x27\x0f\0\0\0\0")}, END('s')}},
    {"RES-22 an unknown stream", "RES-22", 'S', false, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), {'K', WIRE(RESULTS_HEAD RESULTS_STREAM("2"))}}},
    {"RES-6 congestion_used is a number", "RES-1", 'C', false, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, {'J', WIRE("{\"congestion_used\":5," RESULTS_NUMBERS RESULTS_STREAM("1"))}}},
    {"RES-7 the server's output is a number", "RES-1", 'S', false, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), {'K', WIRE("{\"server_output_text\":5," RESULTS_NUMBERS RESULTS_STREAM("1"))}}},
    {"RES-2 a member is missing", "RES-2", 'S', false, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), {'K', WIRE("{}")}}},
    /* the client's */
    {"CTL-1 half a cookie", "CTL-1", 'C', false, {{'C', WIRE("mpcz")}, END('c'), END('s')}},
    {"CTL-2 no NUL", "CTL-2", 'C', false, {{'C', WIRE("mpczabcdefghijklmnopqrstuvwxyz2345678")}, {'S', WIRE("\x09")}}},
    {"FLOW-1 parameters before 09", "FLOW-1", 'C', false, {{'C', WIRE(COOKIE)}, {'C', WIRE(PARAMS)}, {'S', WIRE("\x09")}}},
    {"FLOW-1 04 in PARAMS", "FLOW-1", 'C', false, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x09")}, {'C', WIRE("\x04")}}},
    {"FLOW-13 a byte behind 04", "FLOW-13", 'C', false, {TO_RUN, {'C', WIRE("\x04\x10")}}},
    {"FLOW-13 results before 0d", "FLOW-13", 'C', false, {TO_RUN, {'C', WIRE("\x04")}, GOOD_RESULTS('J'), {'S', WIRE("\x0d")}}},
    {"ST-6 01 from the client", "ST-6.n", 'C', false, {TO_RUN, {'C', WIRE("\x01")}}},
    {"ST-1 09 from the client", "ST-1", 'C', false, {TO_RUN, {'C', WIRE("\x09")}}},
    {"ST-2 00 from the client", "ST-2", 'C', false, {TO_RUN, {'C', WIRE("\x00")}}},
    {"CLOSE-8 04 again, after 0b", "FLOW-1", 'C', false, {TO_RUN, {'C', WIRE("\x04")}, {'S', WIRE("\x0b")}, {'C', WIRE("\x04")}}},
    {"FLOW-1 more than 10", "FLOW-1", 'C', false, {TO_DISPLAY, {'C', WIRE("\x10\x10")}}},
    {"FLOW-1 more than 0c", "FLOW-1", 'C', false, {TO_RUN, {'C', WIRE("\x0c\x04")}}},
    {"PARAM-1 no length", "PARAM-1", 'C', false, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x09")}, {'C', WIRE("\0\0\0\0")}}},
    {"PARAM-50 too long", "PARAM-50", 'C', false, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x09")}, {'C', WIRE("\0\0\x20\x01")}}},
    {"PARAM-1 no JSON", "PARAM-1", 'C', false, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x09")}, {'C', WIRE("\0\0\0\x04" "oops")}}},
    {"JSON-1 cut short", "JSON-1", 'C', false, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x09")}, {'C', WIRE("\0\0\0\x20{\"tcp\":")}, END('c')}},
    {"JSON-12 a false flag", "JSON-12.n", 'C', false, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x09")}, {'C', WIRE("\0\0\0\x1f{\"tcp\":true,\"reverse\":  false }")}}},
    {"PARAM-14 out of range", "PARAM-14", 'C', false, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x09")}, {'C', WIRE("\0\0\0\x1b{\"tcp\":true,\"parallel\": 0 }")}}},
    /* what follows another's fault is not judged */
    {"ST-4 a client obeys 0e in START", "FLOW-1", 'S', false, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x0e")}, {'C', WIRE("\x10")}, END('c')}},
    {"ST-4 a client obeys 0d in RUN", "FLOW-2", 'S', false, {TO_RUN, {'S', WIRE("\x0d")}, {'J', WIRE(RESULTS_HEAD "]}")}, {'C', WIRE("\x10")}, END('c')}},
    {"ST-4 a client sends parameters again", "FLOW-1", 'S', false, {TO_RUN, {'S', WIRE("\x09")}, {'C', WIRE(PARAMS)}, {'C', WIRE("\x04")}}},
    {"ST-6 a server after 01", "ST-6.n", 'C', false, {TO_RUN, {'C', WIRE("\x01")}, {'S', WIRE("\x0d")}, GOOD_RESULTS('J'), GOOD_RESULTS('K')}},
};
/* clang-format on */

static struct bytes with_length(struct bytes text)
{
    static uint8_t message[1024];

    assert_true(text.len + 4 <= sizeof message);
    store_be32(message, (uint32_t)text.len);
    memcpy(message + 4, text.at, text.len);
    return (struct bytes){message, text.len + 4};
}

static void see_piece(struct judge *j, const struct piece *piece, size_t step)
{
    switch (piece->what) {
    case 'C':
    case 'S':
        see(j, piece->what, piece->bytes, step);
        break;
    case 'J':
        see(j, 'C', with_length(piece->bytes), step);
        break;
    case 'K':
        see(j, 'S', with_length(piece->bytes), step);
        break;
    case 'c':
    case 's':
        observer_end(j->o, piece->what == 'c' ? OBSERVER_CLIENT : OBSERVER_SERVER, 1, false);
        break;
    default:
        observer_end(j->o, piece->what == 'x' ? OBSERVER_CLIENT : OBSERVER_SERVER, 1, true);
        break;
    }
}

static void check_row(const struct row *row, size_t step)
{
    struct judge j;

    judge_init_new(&j, row->judge_new);
    for (size_t i = 0; i < ARRAY_LEN(row->pieces) && row->pieces[i].what != 0; i++)
        see_piece(&j, &row->pieces[i], step);
    observer_finish(j.o);
    if (row->clause == NULL && j.n_violations > 0)
        fail_msg("%s: false alarm %s, expected %s, found %s; %s", row->name, j.first.clause,
                 j.first.expected, j.first.found, j.seen);
    if (row->clause != NULL && (j.n_violations == 0 || strcmp(j.first.clause, row->clause) != 0 ||
                                j.first.by != side_of(row->by)))
        fail_msg("%s: want %s, got %s; %s", row->name, row->clause,
                 j.n_violations > 0 ? j.first.clause : "nothing", j.seen);
    for (unsigned i = 1; i < j.n_violations; i++)
        assert_int_equal(j.first.by, side_of(row->by));
    judge_fini(&j);
}

/* Whom the other side's fault has led astray still has states of its own, and an end. */
static void test_observer_tells_what_is_never_right_behind_the_others_fault(void **unused)
{
    /* clang-format off */
    static const struct {
        char by;
        unsigned n; /* violations of that kind */
        struct piece pieces[10];
    } after[] = {
        {'S', 1, {TO_RUN, {'C', WIRE("\x7f")}, {'S', WIRE("\x7f\x7f")}}},
        {'S', 1, {TO_RUN, {'C', WIRE("\x7f")}, {'S', WIRE("\x10")}}},
        {'S', 1, {TO_RUN, {'C', WIRE("\x7f")}, {'S', WIRE("\x0b")}, {'S', WIRE("\x0d")}}},
        {'S', 1, {TO_RUN, {'C', WIRE("\x7f")}, {'S', WIRE("\xfe\0\0\0\x6e\0\0\0\0\0")}}},
        {'S', 0, {TO_RUN, {'C', WIRE("\x7f")}, {'S', WIRE("\x0e\x09\xfe\0\0\0\x6e\0\0\0\0")}, END('s')}},
        {'C', 1, {TO_RUN, {'S', WIRE("\x7f")}, {'C', WIRE("\x7f")}}},
        {'C', 1, {TO_RUN, {'S', WIRE("\x7f")}, {'C', WIRE("\x10\x10")}}},
        {'C', 0, {TO_RUN, {'S', WIRE("\x7f")}, {'C', WIRE("\x0c")}, END('c')}},
        /* what it may have read of a text that cannot be is not known */
        {'C', 0, {{'C', WIRE(COOKIE)}, {'S', WIRE("\x0d\0\0\0\0\x0d")}, {'C', WIRE("\0\0\0\2{}")}, {'C', WIRE("\0\0\0\2{}")}}},
    };
    /* clang-format on */

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(after); i++) {
        struct judge j;
        judge_init(&j);
        for (size_t k = 0; k < ARRAY_LEN(after[i].pieces) && after[i].pieces[k].what != 0; k++)
            see_piece(&j, &after[i].pieces[k], 0);
        if (j.n_never_right[side_of(after[i].by)] != after[i].n)
            fail_msg("row %zu: %u times never right; %s", i, j.n_never_right[side_of(after[i].by)],
                     j.seen);
        judge_fini(&j);
    }
}

/* FLOW-10: what goes on behind its end was no end. */
static void test_observer_completed_takes_no_bytes_behind_the_end(void **unused)
{
    static const struct piece good[] = {
        TO_DISPLAY, {'C', WIRE("\x10")}
    };

    (void)unused;
    for (size_t step = 0; step < 4; step++) {
        struct judge j;
        judge_init(&j);
        for (size_t i = 0; i < ARRAY_LEN(good); i++)
            see_piece(&j, &good[i], step);
        assert_true(observer_completed(j.o));
        see(&j, 'C', WIRE("\x04"), step);
        assert_false(observer_completed(j.o));
        assert_string_equal(j.first.clause, "FLOW-1");
        judge_fini(&j);
    }
}

static void test_observer_names_the_clause(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t step = 0; step < 4; step++)
            check_row(&rows[i], step);
}

/* Whatever the network made of it: behind a stray byte there is no second error, right or wrong. */
static void test_observer_finds_no_error_behind_stray_bytes(void **unused)
{
    (void)unused;
    for (size_t step = 0; step < 4; step++) {
        struct judge j;
        judge_init(&j);
        see(&j, 'C', WIRE(COOKIE), 0);
        see(&j, 'S', WIRE("\x09\xfe\0\0\0\x72\0\0\0\0\xff\xfe\0\0\x7f\xff\0\0\0\0"), step);
        observer_finish(j.o);
        assert_int_equal(j.n_violations, 1);
        assert_string_equal(j.first.clause, "ERR-1");
        judge_fini(&j);
    }
}

/* --- holes, limits, memory -------------------------------------------------------------------- */

static void feed_start(struct judge *j)
{
    see(j, 'C', WIRE(COOKIE), 0);
    see(j, 'S', WIRE("\x09"), 0);
}

/* A length and a hole are two packets: they must not cost what they announce. */
static void test_observer_fills_no_hole_beyond_its_limit(void **unused)
{
    static const struct {
        uint64_t holes[2];
        bool is_blind;
    } holes_of[] = {
        {{OBSERVER_HOLES_MAX, 0},         false},
        {{OBSERVER_HOLES_MAX / 2, 30000}, false},
        {{OBSERVER_HOLES_MAX + 1, 0},     true },
        {{OBSERVER_HOLES_MAX, 1},         true },
        {{14u << 20, 0},                  true },
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(holes_of); i++) {
        struct judge j;
        judge_init(&j);
        feed_start(&j);
        see(&j, 'C', WIRE("\0\0\0\x32{\"tcp\":true,\"time\":1,\"parallel\":1,\"len\":131072   }"),
            0);
        see(&j, 'S', WIRE("\x0a\x01\x02"), 0);
        see(&j, 'C', WIRE("\x04"), 0);
        see(&j, 'S', WIRE("\x0d"), 0);
        see(&j, 'C', WIRE("\x00\xf0\0\0{"), 0); /* 15 MiB */
        for (size_t k = 0; k < 2; k++)
            observer_gap(j.o, OBSERVER_CLIENT, 1, holes_of[i].holes[k]);
        assert_int_equal(observer_is_blind(j.o, OBSERVER_CLIENT), holes_of[i].is_blind);
        assert_int_equal(j.n_violations, 0);
        judge_fini(&j);
    }
}

static void test_observer_judges_nothing_behind_a_hole(void **unused)
{
    struct judge j;

    (void)unused;
    judge_init(&j);
    feed_start(&j);
    observer_gap(j.o, OBSERVER_CLIENT, 1, 50);
    see(&j, 'C', WIRE("\x7f\x01\x02"), 0);
    see(&j, 'S', WIRE("\x01\x0d"), 0); /* perhaps that is right: who knows what was lost */
    observer_finish(j.o);
    assert_int_equal(j.n_violations, 0);
    see(&j, 'S', WIRE("\xfe\0\0\x27\x0f\0\0\0\0\x01"), 0); /* but that cannot be */
    assert_string_equal(j.first.clause, "ERRNO-1");
    assert_int_equal(j.n_violations, 2);
    judge_fini(&j);
}

static void test_observer_goes_on_behind_a_hole_in_a_text(void **unused)
{
    struct judge j;

    (void)unused;
    judge_init(&j);
    feed_start(&j);
    see(&j, 'C', WIRE("\0\0\0\x32{\"tcp\""), 0);
    observer_gap(j.o, OBSERVER_CLIENT, 1, 41);
    see(&j, 'C', WIRE("  }"), 0);
    see(&j, 'S', WIRE("\x0a\x01\x02"), 0);
    see(&j, 'C', WIRE("\x04"), 0);
    assert_int_equal(j.n_violations, 0);
    see(&j, 'C', WIRE("\x04"), 0);
    assert_string_equal(j.first.clause, "FLOW-13");
    assert_int_equal(j.first.offset, 37 + 54 + 1);
    assert_null(observer_params(j.o));
    judge_fini(&j);
}

/* More is missing than the rest of the text: that it was sent is known, not what came then. */
static void test_observer_tells_of_a_text_whose_end_is_in_a_hole(void **unused)
{
    struct judge j;

    (void)unused;
    judge_init(&j);
    feed_start(&j);
    see(&j, 'C', WIRE("\0\0\0\x32{\"tcp\""), 0);
    observer_gap(j.o, OBSERVER_CLIENT, 1, 45);
    assert_string_equal(j.seen, "Ccookie S09 Cjson");
    assert_true(observer_is_blind(j.o, OBSERVER_CLIENT));
    assert_int_equal(j.n_violations, 0);
    judge_fini(&j);
}

static const struct gap_row {
    const char *name;
    char from;
    struct bytes before;
    uint64_t len;
    struct bytes after;
    const char *seen; /* the messages from then on */
} gap_rows[] = {
    {"CTL-1 in the cookie",         'C', WIRE("mpcz"),        33, WIRE(""),       "Ccookie" },
    {"CTL-1 over the cookie's end", 'C', WIRE("mpcz"),        34, WIRE("\x7f"),   "Ccookie" },
    {"JSON-1 in the length",        'C', WIRE(COOKIE "\0\0"), 2,  WIRE("\x7f"),   "Ccookie" },
    {"ERR-1 in the integers",       'S', WIRE("\xfe\0"),      4,  WIRE("\0\0\0"), "Sfe2:0:0"},
    {"ERR-1 at a byte",             'S', WIRE("\x0b"),        1,  WIRE("\x7f"),   "S0b"     },
    {"nothing",                     'S', WIRE("\x0b"),        0,  WIRE(""),       "S0b"     },
};

static void test_observer_knows_what_a_hole_leaves(void **unused)
{
    struct judge j;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(gap_rows); i++) {
        const struct gap_row *row = &gap_rows[i];
        judge_init(&j);
        see(&j, row->from, row->before, 0);
        observer_gap(j.o, side_of(row->from), 1, row->len);
        see(&j, row->from, row->after, 0);
        observer_gap(j.o, side_of(row->from), 1, 0);
        if (j.n_violations > 0 || strcmp(j.seen, row->seen) != 0)
            fail_msg("%s: %u violations; %s", row->name, j.n_violations, j.seen);
        judge_fini(&j);
    }
}

/* An error that is not whole when the watch ends is told, and not held against anybody. */
static void test_observer_tells_of_an_unfinished_error(void **unused)
{
    struct judge j;

    (void)unused;
    judge_init(&j);
    feed_start(&j);
    see(&j, 'S', WIRE("\xfe\0\0\0\x72"), 0);
    observer_finish(j.o);
    assert_string_equal(j.seen, "Ccookie S09 Sfe1:114:0");
    assert_int_equal(j.n_violations, 0);
    assert_int_equal(j.last_ns, 1); /* when its last byte came */
    judge_fini(&j);
}

static void test_observer_takes_one_end_of_each_side(void **unused)
{
    struct judge j;

    (void)unused;
    judge_init(&j);
    observer_end(j.o, OBSERVER_CLIENT, 1, false);
    observer_end(j.o, OBSERVER_CLIENT, 1, true);
    see(&j, 'C', WIRE("late"), 0);
    assert_string_equal(j.seen, "Cend");
    judge_fini(&j);
}

/* What stock cannot parse is a violation also where only an IS clause says why (JSON-6). */
static void test_observer_reports_a_text_that_nobody_can_read(void **unused)
{
    static char text[2200];
    struct judge j;

    (void)unused;
    memset(text, '[', 1100);
    memset(text + 1100, ']', 1100);
    judge_init(&j);
    feed_start(&j);
    see(&j, 'C', WIRE("\0\0\x08\x98"), 0);
    see(&j, 'C', (struct bytes){(const uint8_t *)text, sizeof text}, 0);
    assert_string_equal(j.first.clause, "PARAM-1");
    judge_fini(&j);
}

/* More messages than any session has: nothing is kept without bound, and nothing is said wrongly.
 */
static void test_observer_gives_up_on_endless_sessions(void **unused)
{
    struct bytes results = WIRE(RESULTS_HEAD RESULTS_STREAM("1"));
    struct judge j;

    (void)unused;
    judge_init(&j);
    feed_start(&j);
    see(&j, 'C', WIRE(PARAMS), 0);
    see(&j, 'S', WIRE("\x0a\x01\x02"), 0);
    for (int i = 0; i < 400; i++) {
        see(&j, 'C', WIRE("\x04"), 0);
        see(&j, 'S', WIRE("\x0d"), 0);
        see(&j, 'C', with_length(results), 0);
        see(&j, 'S', with_length(results), 0);
        see(&j, 'S', WIRE("\x0e"), 0);
    }
    assert_int_equal(j.n_violations, 0);
    judge_fini(&j);
}

static void test_observer_reports_only_whom_it_is_to_judge(void **unused)
{
    struct judge j;
    struct observer_config config = {
        .violation = note_violation, .context = &j, .judge_client = true};

    (void)unused;
    memset(&j, 0, sizeof j);
    j.o = observer_new(&config);
    see(&j, 'S', WIRE("\x7f"), 0);
    assert_int_equal(j.n_violations, 0);
    see(&j, 'C', WIRE("mpcz"), 0);
    observer_end(j.o, OBSERVER_CLIENT, 1, false);
    assert_int_equal(j.n_violations, 1);
    judge_fini(&j);
}

static enum spec_err watch_session(struct observer *o)
{
    static const struct piece pieces[] = {
        TO_DISPLAY, {'C', WIRE("\x10")}
    };
    enum spec_err err = SPEC_OK;

    for (size_t i = 0; i < ARRAY_LEN(pieces) && err == SPEC_OK; i++) {
        char what = pieces[i].what;
        struct bytes bytes =
            what == 'J' || what == 'K' ? with_length(pieces[i].bytes) : pieces[i].bytes;
        err = observer_bytes(o, side_of(what == 'J' ? 'C' : what == 'K' ? 'S' : what), 1, bytes);
    }
    return err;
}

static void test_observer_survives_each_failed_allocation(void **unused)
{
    struct judge j;
    struct observer_config config = {
        .violation = note_violation, .context = &j, .judge_client = true, .judge_server = true};

    (void)unused;
    memset(&j, 0, sizeof j);
    for (unsigned n = 1; n < 1000; n++) {
        alloc_fail_at(n);
        struct observer *o = observer_new(&config);
        enum spec_err err = o == NULL ? SPEC_E_NOMEM : watch_session(o);
        bool reached = alloc_failed();
        alloc_fail_at(0);
        observer_free(o);
        assert_int_equal(j.n_violations, 0);
        if (!reached) {
            assert_int_equal(err, SPEC_OK);
            return;
        }
        assert_true(err == SPEC_E_NOMEM || err == SPEC_OK);
    }
    fail_msg("it never ends");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_observer_is_silent_on_stock_sessions),
        cmocka_unit_test(test_observer_names_the_clause),
        cmocka_unit_test(test_observer_tells_what_is_never_right_behind_the_others_fault),
        cmocka_unit_test(test_observer_completed_takes_no_bytes_behind_the_end),
        cmocka_unit_test(test_observer_finds_no_error_behind_stray_bytes),
        cmocka_unit_test(test_observer_reports_every_illegal_byte),
        cmocka_unit_test(test_observer_fills_no_hole_beyond_its_limit),
        cmocka_unit_test(test_observer_judges_nothing_behind_a_hole),
        cmocka_unit_test(test_observer_goes_on_behind_a_hole_in_a_text),
        cmocka_unit_test(test_observer_tells_of_a_text_whose_end_is_in_a_hole),
        cmocka_unit_test(test_observer_knows_what_a_hole_leaves),
        cmocka_unit_test(test_observer_tells_of_an_unfinished_error),
        cmocka_unit_test(test_observer_takes_one_end_of_each_side),
        cmocka_unit_test(test_observer_reports_a_text_that_nobody_can_read),
        cmocka_unit_test(test_observer_gives_up_on_endless_sessions),
        cmocka_unit_test(test_observer_reports_only_whom_it_is_to_judge),
        cmocka_unit_test(test_observer_survives_each_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
