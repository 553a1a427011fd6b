#include "impl/tests/alloc.h"
#include "impl/tests/recorded.h"
#include "impl/wire/ierr.h"

#include <ctype.h>
#include <math.h>

/* What stock 3.22 printed, mode by mode, as text and with -J (two runs); made by
 * scripts/compare-output --record. The numbers of the JSON are given to our report, which must
 * print the same JSON, and the same lines but for the numbers. */
#define STOCK "impl/tests/vectors/report-3.22.ndjson"

#define STREAMS_MAX 8
#define LINES_MAX   200

/* --- from the document back to the calls --------------------------------------------------------
 */

static void fill_params(const json_value *doc, struct params *p)
{
    const json_value *t = at(doc, "start.test_start");

    params_init(p);
    p->tcp = strcmp(text_at(t, "protocol"), "TCP") == 0;
    p->udp = !p->tcp;
    p->parallel = integer(t, "num_streams");
    p->len = integer(t, "blksize");
    p->omit = integer(t, "omit");
    p->time = integer(t, "duration");
    p->num = integer(t, "bytes");
    p->reverse = integer(t, "reverse");
    p->bidirectional = integer(t, "bidir");
    set_param(p, PARAM_bandwidth, &p->bandwidth, integer(t, "target_bitrate"));
    if (text_at(doc, "title") != NULL)
        assert_int_equal(params_set_text(p, PARAM_title, text_at(doc, "title")), SPEC_OK);
}

static void fill_row(const json_value *doc, const json_value *v, struct interval *row)
{
    *row = (struct interval){
        .socket = (int)integer(v, "socket"),
        .sender = truth(v, "sender"),
        .omitted = truth(v, "omitted"),
        .start_s = number(v, "start"),
        .end_s = number(v, "start") + number(v, "seconds"),
        .bytes = (uint64_t)integer(v, "bytes"),
        .retransmits = at(v, "retransmits") != NULL ? integer(v, "retransmits") : -1,
        .packets = integer(v, "packets"),
        .lost = integer(v, "lost_packets"),
        .jitter_s = number(v, "jitter_ms") / 1000,
        .tcp = {.valid = true,
                .snd_cwnd = (uint64_t)integer(v, "snd_cwnd"),
                .snd_wnd = (uint64_t)integer(v, "snd_wnd"),
                .rtt_us = (uint32_t)integer(v, "rtt"),
                .rttvar_us = (uint32_t)integer(v, "rttvar"),
                .pmtu = (uint32_t)integer(v, "pmtu"),
                .reorder = (uint32_t)integer(v, "reorder")},
    };
    (void)doc;
}

static void give_intervals(struct report *r, const json_value *doc)
{
    for (const json_value *v = NULL; (v = json_next(at(doc, "intervals"), v)) != NULL;) {
        const json_value *streams = at(v, "streams");
        struct interval rows[STREAMS_MAX];
        size_t n = count(streams);

        assert_in_range(n, 1, STREAMS_MAX);
        for (size_t i = 0; i < n; i++)
            fill_row(doc, nth(streams, i), &rows[i]);
        report_interval(r, rows, n);
    }
}

/* The two ends of stream i, as far as the document tells: of UDP only the sums have both. */
static void fill_ends(const json_value *doc, size_t i, bool second, struct interval *sent,
                      struct interval *received)
{
    const json_value *s = nth(at(doc, "end.streams"), i), *udp = at(s, "udp");
    const json_value *sum = at(doc, second ? "end.sum_received_bidir_reverse" : "end.sum_received");
    int64_t n = integer(doc, "start.test_start.num_streams");

    *sent = *received = (struct interval){.retransmits = -1};
    sent->end_s = number(s, udp != NULL ? "udp.end" : "sender.end");
    sent->bytes = (uint64_t)integer(s, udp != NULL ? "udp.bytes" : "sender.bytes");
    if (at(s, "sender.retransmits") != NULL)
        sent->retransmits = integer(s, "sender.retransmits");
    sent->packets = integer(udp, "packets");
    received->end_s = number(sum, "end");
    received->bytes = (uint64_t)(udp ? integer(sum, "bytes") / n : integer(s, "receiver.bytes"));
    received->packets = integer(sum, "packets") / n;
    received->lost = integer(udp, "lost_packets");
    received->out_of_order = integer(udp, "out_of_order");
    received->jitter_s = number(udp, "jitter_ms") / 1000;
}

static void fill_peer(struct results_stream *to, int64_t id, const struct interval *from)
{
    *to = (struct results_stream){
        .id = id,
        .bytes = (int64_t)from->bytes,
        .retransmits = from->retransmits,
        .jitter = from->jitter_s,
        .errors = from->lost + 3,
        .omitted_errors = 3, /* must be taken off again */
        .packets = from->packets + 5,
        .omitted_packets = 5,
        .end_time = from->end_s,
        .has_omitted = true,
        .has_times = true,
    };
}

static void fill_total(const json_value *s, struct interval_total *t)
{
    t->max_snd_cwnd = (uint64_t)integer(s, "sender.max_snd_cwnd");
    t->max_snd_wnd = (uint64_t)integer(s, "sender.max_snd_wnd");
    t->max_rtt_us = (uint32_t)integer(s, "sender.max_rtt");
    t->min_rtt_us = (uint32_t)integer(s, "sender.min_rtt");
    t->mean_rtt_us = (uint32_t)integer(s, "sender.mean_rtt");
    t->reorder = (uint32_t)integer(s, "sender.reorder");
}

static char *own_copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

static void give_end(struct report *r, const json_value *doc, bool server)
{
    const json_value *cpu = at(doc, "end.cpu_utilization_percent"), *last;
    size_t n = count(at(doc, "end.streams")), half = n;
    struct interval_total totals[STREAMS_MAX] = {0};
    struct results peer;
    bool sends = false;

    assert_in_range(n, 1, STREAMS_MAX);
    results_init(&peer);
    assert_int_equal(results_set_streams(&peer, n), SPEC_OK);
    if (integer(doc, "start.test_start.bidir"))
        half = n / 2;
    for (size_t i = 0; i < n; i++) {
        const json_value *s = nth(at(doc, "end.streams"), i);
        bool sender = truth(s, at(s, "udp") != NULL ? "udp.sender" : "sender.sender");
        struct interval sent, received;

        sends |= sender;
        fill_ends(doc, i, i >= half, &sent, &received);
        fill_total(s, &totals[i]);
        totals[i].counted = sender ? sent : received;
        totals[i].counted.sender = sender;
        totals[i].counted.id = (int64_t)i + 7;
        fill_peer(&peer.streams[i], (int64_t)i + 7, sender ? &received : &sent);
    }
    peer.cpu_util_total = number(cpu, "remote_total");
    peer.cpu_util_user = number(cpu, "remote_user");
    peer.cpu_util_system = number(cpu, "remote_system");
    last = at(doc, sends ? "end.receiver_tcp_congestion" : "end.sender_tcp_congestion");
    peer.congestion_used = last != NULL ? own_copy(json_text(last)) : NULL;
    report_end(r, &(struct report_end){
                      .totals = totals,
                      .n = n,
                      .peer = server ? NULL : &peer,
                      .cpu_total = number(cpu, "host_total"),
                      .cpu_user = number(cpu, "host_user"),
                      .cpu_system = number(cpu, "host_system"),
                      .congestion = text_at(doc, sends ? "end.sender_tcp_congestion"
                                                       : "end.receiver_tcp_congestion"),
                  });
    results_fini(&peer);
}

static void give_streams(struct report *r, const json_value *doc)
{
    struct report_stream streams[STREAMS_MAX] = {0};
    size_t n = count(at(doc, "start.connected"));

    for (size_t i = 0; i < n; i++) {
        const json_value *v = nth(at(doc, "start.connected"), i);
        struct report_stream *s = &streams[i];

        s->socket = (int)integer(v, "socket");
        strncpy(s->local_host, text_at(v, "local_host"), sizeof s->local_host - 1);
        strncpy(s->remote_host, text_at(v, "remote_host"), sizeof s->remote_host - 1);
        s->local_port = (uint16_t)integer(v, "local_port");
        s->remote_port = (uint16_t)integer(v, "remote_port");
    }
    report_streams(r, streams, n);
}

static void give_connection(struct report *r, const json_value *doc, bool verbose)
{
    bool server = at(doc, "start.accepted_connection") != NULL;
    const json_value *c = at(doc, server ? "start.accepted_connection" : "start.connecting_to");

    report_connected(
        r, &(struct report_connection){
               .host = text_at(c, "host"),
               .port = (uint16_t)integer(c, "port"),
               .cookie = text_at(doc, "start.cookie"),
               .control_mss = (int)integer(doc, "start.tcp_mss_default"),
               .wall_ms = integer(doc, "start.timestamp.timemillisecs"),
               .len_from_mss = verbose && integer(doc, "start.test_start.blksize") == 32768,
           });
}

/* All calls, in order. The server's parameters come after its connection. */
static void give_all(struct report *r, const json_value *doc, bool server, bool verbose)
{
    struct params p;

    fill_params(doc, &p);
    if (server)
        give_connection(r, doc, verbose);
    report_params(r, &p);
    if (!server)
        give_connection(r, doc, verbose);
    give_streams(r, doc);
    report_start(r, &(struct report_start){
                        .params = &p,
                        .duration_s = (uint64_t)p.time,
                        .interval_s = number(doc, "start.test_start.interval"),
                        .buffers = {(int)integer(doc, "start.sock_bufsize"),
                                    (int)integer(doc, "start.sndbuf_actual"),
                                    (int)integer(doc, "start.rcvbuf_actual")},
    });
    params_fini(&p);
    give_intervals(r, doc);
    give_end(r, doc, server);
    report_finish(r);
}

/* --- the same JSON -------------------------------------------------------------------------------
 */

/* Where stock's own numbers are another end's, or computed from rounded ones. */
static double tolerance(const char *path)
{
    static const char *const times[] = {"seconds", ".start", ".end", "bits_per"};

    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        if (strstr(path, times[i]) != NULL)
            return 0.02;
    return 1e-9;
}

static bool same_scalar(const char *path, const json_value *want, const json_value *got)
{
    double a, b;

    switch (json_type_of(want)) {
    case JSON_BOOL:
        return json_bool(want) == json_bool(got);
    case JSON_STRING:
        return strcmp(json_text(want), json_text(got)) == 0 || strstr(path, "version") != NULL ||
               strstr(path, "system_info") != NULL;
    case JSON_NUMBER:
        a = json_double(want);
        b = json_double(got);
        return fabs(a - b) <= tolerance(path) * fmax(fabs(a), 1e-6);
    default:
        return true;
    }
}

/* got has the members and types of want and its values; want has all members of got. */
static void check_same(const char *mode, const char *path, const json_value *want,
                       const json_value *got)
{
    char inner[256];

    if (json_type_of(want) != json_type_of(got))
        fail_msg("%s: %s: want %s, got %s", mode, path, json_type_name(json_type_of(want)),
                 json_type_name(json_type_of(got)));
    if (!same_scalar(path, want, got))
        fail_msg("%s: %s: want %s, got %s", mode, path, json_print(want), json_print(got));
    if (count(want) != count(got))
        fail_msg("%s: %s: want %zu members, got %zu", mode, path, count(want), count(got));
    for (size_t i = 0; i < count(want); i++) {
        const json_value *member = nth(want, i);
        const char *key = json_type_of(want) == JSON_OBJECT ? json_key(member) : NULL;

        snprintf(inner, sizeof inner, "%s.%s", path, key != NULL ? key : "[]");
        check_same(mode, inner, member, key != NULL ? json_member(got, key) : nth(got, i));
    }
}

static void check_json(const char *name, const json_value *doc, bool server)
{
    struct printed printed;
    struct report *r = start_report(&printed, REPORT_JSON, server, false);
    json_value *got;

    give_all(r, doc, server, false);
    end_report(&printed, r);
    assert_int_equal(json_parse((struct bytes){(const uint8_t *)printed.text, printed.len}, &got),
                     SPEC_OK);
    check_same(name, "", doc, got);
    json_free(got);
    free(printed.text);
}

/* --- the same lines ------------------------------------------------------------------------------
 */

struct lines {
    char text[LINES_MAX][160];
    size_t n;
};

/* A number with the blanks before it becomes N, a prefix of a unit goes. Widths are left to
 * scripts/compare-output. */
static void plain(const char *from, size_t len, char *to, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < len && n + 1 < cap; i++) {
        bool letter = i > 0 && isalpha((unsigned char)from[i - 1]);

        if (isdigit((unsigned char)from[i]) && !letter) {
            while (n > 0 && to[n - 1] == ' ')
                n--;
            while (i + 1 < len && (isdigit((unsigned char)from[i + 1]) || from[i + 1] == '.'))
                i++;
            to[n++] = 'N';
        } else if (strchr("KMGT", from[i]) == NULL || (strncmp(&from[i + 1], "Bytes", 5) != 0 &&
                                                       strncmp(&from[i + 1], "bits", 4) != 0)) {
            to[n++] = from[i];
        }
    }
    to[n] = '\0';
}

static bool has_line(const struct lines *l, const char *line)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->text[i], line) == 0)
            return true;
    return false;
}

/* The distinct lines of text in the order of their first appearance. Left out are those that differ
 * from run to run (the cookie) or are not the report's. */
static void split(struct lines *l, const char *text)
{
    static const char *const not_ours[] = {"Linux",        "iperfN", "-----", "Server listening",
                                           "      Cookie", "Time:"};

    l->n = 0;
    for (size_t len; *text != '\0'; text += len + (text[len] == '\n')) {
        char line[160];
        bool skip = false;

        len = strcspn(text, "\n");
        plain(text, len, line, sizeof line);
        for (size_t i = 0; i < ARRAY_LEN(not_ours); i++)
            skip |= strncmp(line, not_ours[i], strlen(not_ours[i])) == 0;
        if (!skip && !has_line(l, line) && l->n < LINES_MAX)
            strcpy(l->text[l->n++], line);
    }
}

static void check_text(const char *name, const json_value *doc, const char *want_text, bool server)
{
    static struct lines want, got;
    bool verbose = strstr(want_text, "Cookie") != NULL;
    struct printed printed;
    struct report *r = start_report(&printed, REPORT_TEXT, server, verbose);

    give_all(r, doc, server, verbose);
    end_report(&printed, r);
    split(&want, want_text);
    split(&got, printed.text);
    for (size_t i = 0; i < MAX(want.n, got.n); i++)
        if (i >= want.n || i >= got.n || strcmp(want.text[i], got.text[i]) != 0)
            fail_msg("%s, line %zu:\n want '%s'\n got  '%s'", name, i,
                     i < want.n ? want.text[i] : "", i < got.n ? got.text[i] : "");
    free(printed.text);
}

static void test_report_prints_what_stock_prints(void **state)
{
    static char line[65536];
    FILE *file = fopen(STOCK, "r");
    unsigned n = 0;

    (void)state;
    if (file == NULL)
        fail_msg("%s: run this from the root of the project", STOCK);
    for (; fgets(line, sizeof line, file) != NULL; n++) {
        json_value *row;
        const json_value *doc;
        char name[64];
        bool server;

        assert_int_equal(json_parse((struct bytes){(uint8_t *)line, strlen(line)}, &row), SPEC_OK);
        doc = at(row, "json");
        server = strcmp(text_at(row, "role"), "server") == 0;
        snprintf(name, sizeof name, "%s, %s", text_at(row, "mode"), text_at(row, "role"));
        check_json(name, doc, server);
        check_text(name, doc, text_at(row, "text"), server);
        json_free(row);
    }
    fclose(file);
    assert_true(n >= 26);
}

/* --- lack of memory
 * ------------------------------------------------------------------------------- */

/* A whole test from the vectors with the n-th allocation failing; false once it needs fewer than n.
 */
static bool prints_without_memory(const json_value *doc, enum report_mode mode, bool server,
                                  unsigned n)
{
    struct printed printed;
    struct report *r;
    bool failed_once;
    struct params p;

    params_init(&p);
    set_param(&p, PARAM_get_server_output, &p.get_server_output, 1);
    alloc_fail_at(n);
    r = start_report(&printed, mode, server, false);
    if (r != NULL) {
        give_connection(r, doc, false);
        report_params(r, &p);
        give_streams(r, doc);
        give_intervals(r, doc);
        report_error(r, IECTRLCLOSE, 0);
        (void)report_output_text(r);
        (void)report_output_json(r);
        report_finish(r);
    }
    failed_once = alloc_failed();
    alloc_fail_at(0);
    end_report(&printed, r);
    free(printed.text);
    params_fini(&p);
    return failed_once;
}

static void test_report_survives_lack_of_memory(void **state)
{
    static const enum report_mode modes[] = {REPORT_TEXT, REPORT_JSON, REPORT_JSON_STREAM};
    static char line[65536];
    FILE *file = fopen(STOCK, "r");
    json_value *row;

    (void)state;
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    assert_int_equal(json_parse((struct bytes){(uint8_t *)line, strlen(line)}, &row), SPEC_OK);
    for (size_t i = 0; i < 2 * ARRAY_LEN(modes); i++) {
        unsigned n = 1;

        while (prints_without_memory(at(row, "json"), modes[i / 2], i % 2 == 1, n))
            n++;
        assert_true(n > 2);
    }
    json_free(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_prints_what_stock_prints),
        cmocka_unit_test(test_report_survives_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
