/* schema.c - the three objects of iperf3's JSON; keys and their order are those of 3.22. */
#include "impl/report/detail.h"
#include "impl/report/state.h"
#include "impl/version.h"
#include "impl/wire/account.h"
#include "impl/wire/bytes.h"

#include <math.h>
#include <sys/utsname.h>
#include <time.h>

/* --- start --------------------------------------------------------------------------------------
 */

static void write_streams(const struct report *r, struct jwrite *w)
{
    jwrite_array(w, "connected");
    for (size_t i = 0; i < r->n_streams; i++) {
        const struct report_stream *s = &r->streams[i];
        jwrite_object(w, NULL);
        jwrite_int(w, "socket", s->socket);
        jwrite_string(w, "local_host", s->local_host);
        jwrite_int(w, "local_port", s->local_port);
        jwrite_string(w, "remote_host", s->remote_host);
        jwrite_int(w, "remote_port", s->remote_port);
        jwrite_end(w);
    }
    jwrite_end(w);
}

static void write_system(struct jwrite *w)
{
    struct utsname u;
    char text[sizeof u];

    jwrite_string(w, "version", VERSION_BANNER);
    if (uname(&u) != 0)
        return;
    snprintf(text, sizeof text, "%s %s %s %s %s", u.sysname, u.nodename, u.release, u.version,
             u.machine);
    jwrite_string(w, "system_info", text);
}

static void write_connection(const struct report *r, struct jwrite *w)
{
    const struct report_connection *c = &r->connection;
    time_t seconds = (time_t)(c->wall_ms / 1000);
    char text[64] = "";
    struct tm tm;

    if (gmtime_r(&seconds, &tm) != NULL)
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    jwrite_object(w, "timestamp");
    jwrite_string(w, "time", text);
    jwrite_int(w, "timesecs", seconds);
    jwrite_int(w, "timemillisecs", c->wall_ms);
    jwrite_end(w);
    jwrite_object(w, r->config.server ? "accepted_connection" : "connecting_to");
    jwrite_string(w, "host", c->host);
    jwrite_int(w, "port", c->port);
    jwrite_end(w);
    jwrite_string(w, "cookie", c->cookie);
}

static void write_limits(const struct report *r, struct jwrite *w)
{
    const struct params *p = &r->params;

    if (report_protocol(r) == PARAMS_TCP && p->MSS != 0)
        jwrite_int(w, "tcp_mss", p->MSS);
    else if (report_protocol(r) == PARAMS_TCP)
        jwrite_int(w, "tcp_mss_default", r->connection.control_mss);
    jwrite_int(w, "target_bitrate", p->bandwidth);
    jwrite_int(w, "fq_rate", p->fqrate);
}

static void write_buffers(const struct report *r, struct jwrite *w)
{
    const struct report_buffers *buffers = &r->start.buffers;

    jwrite_int(w, "sock_bufsize", buffers->sock_bufsize);
    jwrite_int(w, "sndbuf_actual", buffers->sndbuf_actual);
    jwrite_int(w, "rcvbuf_actual", buffers->rcvbuf_actual);
}

static void write_test(const struct report *r, struct jwrite *w)
{
    static const char *const names[] = {
        [PARAMS_TCP] = "TCP", [PARAMS_UDP] = "UDP", [PARAMS_SCTP] = "SCTP"};
    const struct params *p = &r->params;

    jwrite_object(w, "test_start");
    jwrite_string(w, "protocol", names[report_protocol(r)]);
    jwrite_int(w, "num_streams", p->parallel);
    jwrite_int(w, "blksize", p->len);
    jwrite_int(w, "omit", p->omit);
    jwrite_uint(w, "duration", r->start.duration_s);
    jwrite_int(w, "bytes", p->num);
    jwrite_int(w, "blocks", p->blockcount);
    jwrite_int(w, "reverse", p->reverse && !p->bidirectional);
    jwrite_int(w, "tos", p->TOS);
    jwrite_int(w, "target_bitrate", p->bandwidth);
    jwrite_int(w, "bidir", p->bidirectional);
    jwrite_int(w, "fqrate", p->fqrate);
    jwrite_double(w, "interval", r->start.interval_s);
    jwrite_int(w, "gso", p->gso != 0);
    jwrite_int(w, "gro", p->gro != 0);
    jwrite_end(w);
}

void schema_start(const struct report *r, struct jwrite *w, const char *key)
{
    jwrite_object(w, key);
    write_streams(r, w);
    write_system(w);
    if (r->has_connection)
        write_connection(r, w);
    if (r->has_connection && r->has_params)
        write_limits(r, w);
    if (r->has_buffers)
        write_buffers(r, w);
    if (r->has_start)
        write_test(r, w);
    jwrite_end(w);
}

/* --- what all rows begin with -------------------------------------------------------------------
 */

/* iperf3 counts in microseconds; more digits would be noise. */
static double whole_us(double seconds)
{
    return round(seconds * 1e6) / 1e6;
}

static void write_rate(struct jwrite *w, double start_s, double end_s, uint64_t bytes)
{
    jwrite_double(w, "start", whole_us(start_s));
    jwrite_double(w, "end", whole_us(end_s));
    jwrite_double(w, "seconds", whole_us(end_s - start_s));
    jwrite_uint(w, "bytes", bytes);
    jwrite_double(w, "bits_per_second", summary_bps(bytes, end_s - start_s));
}

static void write_loss(struct jwrite *w, double jitter_s, int64_t lost, int64_t packets)
{
    jwrite_double(w, "jitter_ms", jitter_s * 1000);
    jwrite_int(w, "lost_packets", lost);
    jwrite_int(w, "packets", packets);
    jwrite_double(w, "lost_percent", account_lost_percent(lost, packets));
}

/* --- intervals ----------------------------------------------------------------------------------
 */

static void write_stretch(const struct report *r, struct jwrite *w, const struct summary_stretch *s,
                          const struct interval *row)
{
    write_rate(w, s->start_s, s->end_s, s->bytes);
    if (report_protocol(r) == PARAMS_UDP && row->sender)
        jwrite_int(w, "packets", s->packets);
    else if (report_protocol(r) == PARAMS_UDP)
        write_loss(w, s->jitter_s, s->lost, s->packets);
    else if (s->retransmits >= 0)
        jwrite_int(w, "retransmits", s->retransmits);
}

static void write_row(const struct report *r, struct jwrite *w, size_t i,
                      const struct interval *row)
{
    struct summary_stretch s = summary_stretch(row, 1);

    jwrite_object(w, NULL);
    jwrite_int(w, "socket", report_socket(r, i, row));
    write_stretch(r, w, &s, row);
    if (row->retransmits >= 0 && report_protocol(r) == PARAMS_TCP) {
        jwrite_uint(w, "snd_cwnd", row->tcp.snd_cwnd);
        jwrite_uint(w, "snd_wnd", row->tcp.snd_wnd);
        jwrite_uint(w, "rtt", row->tcp.rtt_us);
        jwrite_uint(w, "rttvar", row->tcp.rttvar_us);
        jwrite_uint(w, "pmtu", row->tcp.pmtu);
        jwrite_uint(w, "reorder", row->tcp.reorder);
    }
    jwrite_bool(w, "omitted", row->omitted);
    jwrite_bool(w, "sender", row->sender);
    detail_row(w, row);
    jwrite_end(w);
}

void schema_interval(const struct report *r, struct jwrite *w, const char *key,
                     const struct interval *rows, size_t n)
{
    static const char *const sums[] = {"sum", "sum_bidir_reverse"};
    struct report_half halves[2];
    size_t n_halves = report_halves(r, n, rows[0].sender, halves);

    jwrite_object(w, key);
    jwrite_array(w, "streams");
    for (size_t i = 0; i < n; i++)
        write_row(r, w, i, &rows[i]);
    jwrite_end(w);
    for (size_t h = 0; h < MIN(n_halves, ARRAY_LEN(sums)); h++) {
        const struct interval *first = &rows[halves[h].first];
        struct summary_stretch s = summary_stretch(first, halves[h].count);

        /* As in stock, the first stream's time stands for both sums. */
        s.start_s = rows[0].start_s;
        s.end_s = rows[0].end_s;
        jwrite_object(w, sums[h]);
        write_stretch(r, w, &s, first);
        jwrite_bool(w, "omitted", first->omitted);
        jwrite_bool(w, "sender", first->sender);
        jwrite_end(w);
    }
    jwrite_end(w);
}

/* --- end ----------------------------------------------------------------------------------------
 */

/* Whether an end of a stream in that direction is our own, or the peer told us about it. */
static bool knows(const struct report *r, bool half_sends, bool sent)
{
    return !r->config.server || half_sends == sent;
}

static void write_udp_stream(const struct report *r, struct jwrite *w, int socket, bool sender,
                             const struct summary_stream *s)
{
    int64_t packets = knows(r, sender, true) ? s->sent.packets : s->received.packets;

    jwrite_object(w, "udp");
    jwrite_int(w, "socket", socket);
    write_rate(w, 0, s->sent.seconds, s->sent.bytes);
    write_loss(w, s->received.jitter_s, s->received.lost, packets);
    jwrite_int(w, "out_of_order", s->received.out_of_order);
    jwrite_bool(w, "sender", sender);
    jwrite_end(w);
}

static void write_tcp_end(struct jwrite *w, const char *key, int socket, bool sender,
                          const struct summary_end *e, const struct interval_total *t)
{
    jwrite_object(w, key);
    jwrite_int(w, "socket", socket);
    write_rate(w, 0, e->seconds, e->bytes);
    if (e->retransmits >= 0) {
        jwrite_int(w, "retransmits", e->retransmits);
        jwrite_uint(w, "reorder", t->reorder);
        jwrite_uint(w, "max_snd_cwnd", t->max_snd_cwnd);
        jwrite_uint(w, "max_snd_wnd", t->max_snd_wnd);
        jwrite_uint(w, "max_rtt", t->max_rtt_us);
        jwrite_uint(w, "min_rtt", t->min_rtt_us);
        jwrite_uint(w, "mean_rtt", t->mean_rtt_us);
    }
    jwrite_bool(w, "sender", sender);
    jwrite_end(w);
}

static int64_t percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (int64_t)(100.0 * (double)part / (double)whole) : 0;
}

static void write_file(struct jwrite *w, const struct report_end *end,
                       const struct summary_stream *s)
{
    jwrite_object(w, "diskfile");
    jwrite_uint(w, "sent", s->sent.bytes);
    jwrite_uint(w, "received", s->received.bytes);
    jwrite_uint(w, "size", end->file_size);
    jwrite_int(w, "percent_sent", percent(s->sent.bytes, end->file_size));
    jwrite_int(w, "percent_received", percent(s->received.bytes, end->file_size));
    jwrite_string(w, "filename", end->file);
    jwrite_end(w);
}

static void write_total(const struct report *r, struct jwrite *w, const struct report_end *end,
                        size_t i)
{
    const struct interval_total *t = &end->totals[i];
    struct summary_stream s = summary_stream(t, end->peer);
    int socket = report_socket(r, i, &t->counted);
    bool sender = t->counted.sender;

    jwrite_object(w, NULL);
    if (report_protocol(r) == PARAMS_UDP)
        write_udp_stream(r, w, socket, sender, &s);
    else {
        write_tcp_end(w, "sender", socket, sender, &s.sent, t);
        if (end->file != NULL)
            write_file(w, end, &s);
        write_tcp_end(w, "receiver", socket, sender, &s.received, t);
    }
    detail_stream(w, t, report_protocol(r) == PARAMS_UDP);
    jwrite_end(w);
}

static void write_sum(struct jwrite *w, const char *name, bool second, const struct summary_end *e)
{
    char key[64];

    snprintf(key, sizeof key, "%s%s", name, second ? "_bidir_reverse" : "");
    jwrite_object(w, key);
    write_rate(w, 0, e->seconds, e->bytes);
}

static void write_tcp_sums(struct jwrite *w, bool second, bool sender,
                           const struct summary_stream *s)
{
    write_sum(w, "sum_sent", second, &s->sent);
    if (s->sent.retransmits >= 0)
        jwrite_int(w, "retransmits", s->sent.retransmits);
    jwrite_bool(w, "sender", sender);
    jwrite_end(w);
    write_sum(w, "sum_received", second, &s->received);
    jwrite_bool(w, "sender", sender);
    jwrite_end(w);
}

/* Of the three objects the first mixes both ends, as stock's does: what was sent, and the loss. */
static void write_udp_sums(const struct report *r, struct jwrite *w, bool second, bool sender,
                           const struct summary_stream *s)
{
    const struct summary_end *sent = &s->sent, *received = &s->received;
    int64_t packets = knows(r, sender, true) ? sent->packets : received->packets;

    write_sum(w, "sum", second, sent);
    write_loss(w, received->jitter_s, received->lost, packets);
    jwrite_bool(w, "sender", sender);
    jwrite_end(w);
    write_sum(w, "sum_sent", second, sent);
    write_loss(w, 0, 0, sent->packets);
    jwrite_bool(w, "sender", true);
    jwrite_end(w);
    write_sum(w, "sum_received", second, received);
    write_loss(w, received->jitter_s, received->lost, received->packets);
    jwrite_bool(w, "sender", false);
    jwrite_end(w);
}

static void write_sums(const struct report *r, struct jwrite *w, const struct report_end *end)
{
    struct report_half halves[2];
    size_t n_halves = report_halves(r, end->n, end->totals[0].counted.sender, halves);

    for (size_t h = 0; h < n_halves; h++) {
        struct summary_stream sum = {0};

        for (size_t i = 0; i < halves[h].count; i++) {
            struct summary_stream s = summary_stream(&end->totals[halves[h].first + i], end->peer);
            summary_add(&sum, &s, i, halves[h].count);
        }
        if (report_protocol(r) == PARAMS_UDP)
            write_udp_sums(r, w, h == 1, halves[h].sender, &sum);
        else
            write_tcp_sums(w, h == 1, halves[h].sender, &sum);
    }
}

static void write_cpu(struct jwrite *w, const struct report_end *end)
{
    const struct results none = {0}, *peer = end->peer != NULL ? end->peer : &none;

    jwrite_object(w, "cpu_utilization_percent");
    jwrite_double(w, "host_total", end->cpu_total);
    jwrite_double(w, "host_user", end->cpu_user);
    jwrite_double(w, "host_system", end->cpu_system);
    jwrite_double(w, "remote_total", peer->cpu_util_total);
    jwrite_double(w, "remote_user", peer->cpu_util_user);
    jwrite_double(w, "remote_system", peer->cpu_util_system);
    jwrite_end(w);
}

/* In a bidir test both ends are both; the names are then those of the sending half. */
static void write_congestion(const struct report *r, struct jwrite *w, const struct report_end *end)
{
    bool sender = end->totals[0].counted.sender || r->params.bidirectional;
    const char *peer = end->peer != NULL ? end->peer->congestion_used : NULL;
    const char *snd = sender ? end->congestion : peer, *rcv = sender ? peer : end->congestion;

    if (report_protocol(r) != PARAMS_TCP)
        return;
    if (snd != NULL)
        jwrite_string(w, "sender_tcp_congestion", snd);
    if (rcv != NULL)
        jwrite_string(w, "receiver_tcp_congestion", rcv);
}

void schema_end(const struct report *r, struct jwrite *w, const char *key,
                const struct report_end *end)
{
    jwrite_object(w, key);
    jwrite_array(w, "streams");
    for (size_t i = 0; i < end->n; i++)
        write_total(r, w, end, i);
    jwrite_end(w);
    write_sums(r, w, end);
    write_cpu(w, end);
    write_congestion(r, w, end);
    detail_end(w, end);
    jwrite_end(w);
}
