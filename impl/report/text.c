/* text.c - a report in lines, laid out as iperf3's. */
#include "impl/report/state.h"
#include "impl/units.h"
#include "impl/version.h"
#include "impl/wire/account.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#define RULE       "- - - - - - - - - - - - - - - - - - - - - - - - -"
#define THICK_RULE "-----------------------------------------------------------"

/* --- lines --------------------------------------------------------------------------------------
 */

/* --timestamps; buf is "" without. The format is the user's own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static const char *timestamp(const struct report_config *config, char *buf, size_t cap)
{
    time_t now = time(NULL);
    struct tm tm;

    buf[0] = '\0';
    if (config->timestamps != NULL && localtime_r(&now, &tm) != NULL &&
        strftime(buf, cap, config->timestamps, &tm) == 0)
        buf[0] = '\0';
    return buf;
}
#pragma GCC diagnostic pop

/* Some of what is shown comes from the peer: it must not drive the terminal. */
static void disarm(char *text)
{
    for (; *text != '\0'; text++)
        if (iscntrl((unsigned char)*text) && *text != '\n' && *text != '\t')
            *text = '?';
}

/* One line, or several in one piece, with what -T and --timestamps put before it. */
__attribute__((format(printf, 2, 3))) static void line(struct report *r, const char *format, ...)
{
    char stamp[256], *text;
    const char *title = r->config.server ? NULL : r->params.title;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        return;
    disarm(text);
    timestamp(&r->config, stamp, sizeof stamp);
    fprintf(r->config.out, "%s%s%s%s\n", stamp, title != NULL ? title : "",
            title != NULL ? ":  " : "", text);
    if (r->tee != NULL)
        fprintf(r->tee, "%s%s\n", stamp, text);
    free(text);
}

void text_banner(const struct report_config *config)
{
    struct utsname u;
    char stamp[256];

    timestamp(config, stamp, sizeof stamp);
    fprintf(config->out, "%s%s\n", stamp, VERSION_BANNER);
    if (uname(&u) == 0)
        fprintf(config->out, "%s%s %s %s %s %s\n", stamp, u.sysname, u.nodename, u.release,
                u.version, u.machine);
}

void text_listening(const struct report_config *config, unsigned port, uint64_t test_number)
{
    char stamp[256];

    timestamp(config, stamp, sizeof stamp);
    fprintf(config->out,
            "%s" THICK_RULE "\n%sServer listening on %u (test #%" PRIu64 ")\n%s" THICK_RULE "\n",
            stamp, stamp, port, test_number, stamp);
    fflush(config->out);
}

void text_note(struct report *r, const char *text)
{
    line(r, "%s", text);
}

/* --- the beginning ------------------------------------------------------------------------------
 */

static void show_time(struct report *r)
{
    time_t seconds = (time_t)(r->connection.wall_ms / 1000);
    struct tm tm;
    char text[64];

    if (gmtime_r(&seconds, &tm) == NULL)
        return;
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    line(r, "Time: %s", text);
}

/* What -V adds once the parameters are known. */
static void show_limits(struct report *r)
{
    const struct params *p = &r->params;

    if (report_protocol(r) == PARAMS_TCP && p->MSS != 0)
        line(r, "      TCP MSS: %" PRId64, p->MSS);
    else if (report_protocol(r) == PARAMS_TCP)
        line(r, "      TCP MSS: %d (default)", r->connection.control_mss);
    if (p->bandwidth > 0)
        line(r, "      Target Bitrate: %" PRId64, p->bandwidth);
}

static void text_accepted(struct report *r)
{
    if (r->config.verbose)
        show_time(r);
    line(r, "Accepted connection from %s, port %u", r->host, r->connection.port);
    if (r->config.verbose && r->cookie[0] != '\0')
        line(r, "      Cookie: %s", r->cookie);
}

static void text_connecting(struct report *r)
{
    if (r->config.verbose) {
        line(r, "Control connection MSS %d", r->connection.control_mss);
        if (r->connection.len_from_mss)
            line(r, "Setting UDP block size to %" PRId64, r->params.len);
        show_time(r);
    }
    line(r, "Connecting to host %s, port %u", r->host, r->connection.port);
    if (r->params.reverse)
        line(r, "Reverse mode, remote host %s is sending", r->host);
    if (r->config.verbose) {
        line(r, "      Cookie: %s", r->cookie);
        show_limits(r);
    }
}

void text_connected(struct report *r)
{
    if (r->config.server)
        text_accepted(r);
    else
        text_connecting(r);
}

void text_params(struct report *r)
{
    if (r->config.verbose)
        show_limits(r);
}

void text_streams(struct report *r)
{
    for (size_t i = 0; i < r->n_streams; i++) {
        const struct report_stream *s = &r->streams[i];
        line(r, "[%3d] local %s port %u connected to %s port %u", s->socket, s->local_host,
             s->local_port, s->remote_host, s->remote_port);
    }
}

void text_start(struct report *r)
{
    static const char *const names[] = {
        [PARAMS_TCP] = "TCP", [PARAMS_UDP] = "UDP", [PARAMS_SCTP] = "SCTP"};
    const struct params *p = &r->params;
    char length[64];

    if (!r->config.verbose)
        return;
    if (p->num > 0)
        snprintf(length, sizeof length, "%" PRId64 " bytes to send", p->num);
    else if (p->blockcount > 0)
        snprintf(length, sizeof length, "%" PRId64 " blocks to send", p->blockcount);
    else
        snprintf(length, sizeof length, "%" PRIu64 " second test", r->start.duration_s);
    line(r,
         "Starting Test: protocol: %s, %" PRId64 " streams, %" PRId64
         " byte blocks, omitting %" PRId64 " seconds, %s, tos %" PRId64,
         names[report_protocol(r)], p->parallel, p->len, p->omit, length, p->TOS);
}

/* --- columns ------------------------------------------------------------------------------------
 */

/* "[  5][TX-C]   0.00-1.00   sec  1.25 GBytes  10.7 Gbits/sec", without what follows. */
struct columns {
    char text[160];
};

static struct columns columns(const struct report *r, int socket, const struct report_half *half,
                              double start_s, double end_s, uint64_t bytes)
{
    static const char *const roles[2][2] = {
        {"[RX-C]", "[TX-C]"},
        {"[RX-S]", "[TX-S]"}
    };
    struct columns c;
    char id[16], amount[32], rate[32];

    if (socket >= 0)
        snprintf(id, sizeof id, "[%3d]", socket);
    else
        snprintf(id, sizeof id, "[SUM]");
    units_format(amount, sizeof amount, (double)bytes, 'A');
    units_format(rate, sizeof rate, summary_bps(bytes, end_s - start_s) / 8, r->config.format);
    snprintf(c.text, sizeof c.text, "%s%s %6.2f-%-6.2f sec  %s  %s/sec", id,
             r->params.bidirectional ? roles[r->config.server][half->sender] : "", start_s, end_s,
             amount, rate);
    return c;
}

static void show_header(struct report *r, const char *columns_behind)
{
    line(r, "[ ID]%s Interval           Transfer     Bitrate%s",
         r->params.bidirectional ? "[Role]" : "", columns_behind);
}

#define UDP_COLUMNS "         Jitter    Lost/Total Datagrams"

/* --- intervals ----------------------------------------------------------------------------------
 */

static void show_interval_header(struct report *r, bool sender)
{
    bool bidir = r->params.bidirectional;

    if (report_protocol(r) == PARAMS_UDP)
        show_header(r, sender && !bidir ? "         Total Datagrams" : UDP_COLUMNS);
    else
        show_header(r, report_protocol(r) == PARAMS_TCP && (sender || bidir) ? "         Retr  Cwnd"
                                                                             : "");
}

static void show_udp_stretch(struct report *r, const struct columns *c,
                             const struct report_half *half, const struct summary_stretch *s,
                             const char *omitted)
{
    if (half->sender)
        line(r, "%s  %s%" PRId64 "  %s", c->text, r->params.bidirectional ? "          " : "",
             s->packets, omitted);
    else
        line(r, "%s  %5.3f ms  %" PRId64 "/%" PRId64 " (%.2g%%)  %s", c->text, s->jitter_s * 1000,
             s->lost, s->packets, account_lost_percent(s->lost, s->packets), omitted);
}

/* One line: of a stream, or (row NULL) of a sum. */
static void show_stretch(struct report *r, int socket, const struct report_half *half,
                         const struct summary_stretch *s, const struct interval *row,
                         const char *omitted)
{
    struct columns c = columns(r, socket, half, s->start_s, s->end_s, s->bytes);
    char cwnd[32] = "";

    if (report_protocol(r) == PARAMS_UDP) {
        show_udp_stretch(r, &c, half, s, omitted);
        return;
    }
    if (s->retransmits < 0) {
        line(r, "%s                  %s", c.text, omitted);
        return;
    }
    if (row != NULL && row->tcp.valid)
        units_format(cwnd, sizeof cwnd, (double)row->tcp.snd_cwnd, 'A');
    if (row != NULL)
        line(r, "%s  %3" PRId64 "   %s       %s", c.text, s->retransmits, cwnd, omitted);
    else
        line(r, "%s  %3" PRId64 "             %s", c.text, s->retransmits, omitted);
}

static void show_half(struct report *r, const struct interval *rows, const struct report_half *half)
{
    const struct interval *first = &rows[half->first];
    const char *omitted = first->omitted ? "(omitted)" : "";
    struct summary_stretch s;

    for (size_t i = 0; i < half->count; i++) {
        s = summary_stretch(&first[i], 1);
        show_stretch(r, report_socket(r, half->first + i, &first[i]), half, &s, &first[i], omitted);
    }
    if (half->count < 2)
        return;
    s = summary_stretch(first, half->count);
    show_stretch(r, -1, half, &s, NULL, omitted);
}

void text_interval(struct report *r, const struct interval *rows, size_t n)
{
    struct report_half halves[2];
    size_t n_halves = report_halves(r, n, rows[0].sender, halves);

    if (!r->header_shown)
        show_interval_header(r, rows[0].sender);
    else if (halves[0].count > 1)
        line(r, RULE);
    r->header_shown = true;
    for (size_t i = 0; i < n_halves; i++)
        show_half(r, rows, &halves[i]);
}

/* --- the end ------------------------------------------------------------------------------------
 */

/* One line of the summary: one end of a stream or (socket -1) of a sum. */
static void show_end(struct report *r, int socket, const struct report_half *half,
                     const struct summary_end *e, bool sender)
{
    struct columns c = columns(r, socket, half, 0, e->seconds, e->bytes);
    const char *who = sender ? "sender" : "receiver";

    if (report_protocol(r) == PARAMS_UDP)
        line(r, "%s  %5.3f ms  %" PRId64 "/%" PRId64 " (%.2g%%)  %s", c.text, e->jitter_s * 1000,
             e->lost, e->packets, account_lost_percent(e->lost, e->packets), who);
    else if (e->retransmits >= 0)
        line(r, "%s  %3" PRId64 "            %s%s", c.text, e->retransmits, socket < 0 ? " " : "",
             who);
    else
        line(r, "%s                  %s", c.text, who);
}

static void show_absence(struct report *r, int socket, const char *who)
{
    if (!r->config.verbose)
        return;
    if (socket >= 0)
        line(r, "[%3d] (%s statistics not available)", socket, who);
    else
        line(r, "[SUM] (%s statistics not available)", who);
}

static void show_file(struct report *r, const struct report_end *end, uint64_t bytes)
{
    char moved[32], size[32];
    int percent = end->file_size > 0 ? (int)(100.0 * (double)bytes / (double)end->file_size) : 100;

    units_format(moved, sizeof moved, (double)bytes, 'A');
    units_format(size, sizeof size, (double)end->file_size, 'A');
    line(r, "        Sent %s / %s (%d%%) of %s", moved, size, percent, end->file);
}

/* Both lines about a stream or a sum. A server knows its own end only. */
static void show_both_ends(struct report *r, int socket, const struct report_half *half,
                           const struct summary_stream *s, const struct report_end *end)
{
    if (half->sender || !r->config.server)
        show_end(r, socket, half, &s->sent, true);
    else
        show_absence(r, socket, "sender");
    if (end->file != NULL && socket >= 0)
        show_file(r, end, half->sender ? s->sent.bytes : s->received.bytes);
    if (!half->sender || !r->config.server)
        show_end(r, socket, half, &s->received, false);
    else
        show_absence(r, socket, "receiver");
}

static void show_cpu(struct report *r, const struct report_end *end, const char *here,
                     const char *there)
{
    const struct results none = {0}, *peer = end->peer != NULL ? end->peer : &none;

    line(r,
         "CPU Utilization: local/%s %.1f%% (%.1f%%u/%.1f%%s), remote/%s %.1f%% (%.1f%%u/%.1f%%s)",
         here, end->cpu_total, end->cpu_user, end->cpu_system, there, peer->cpu_util_total,
         peer->cpu_util_user, peer->cpu_util_system);
}

static void show_congestion(struct report *r, const struct report_end *end, bool sender)
{
    const char *peer = end->peer != NULL ? end->peer->congestion_used : NULL;
    const char *snd = sender ? end->congestion : peer, *rcv = sender ? peer : end->congestion;

    if (report_protocol(r) != PARAMS_TCP)
        return;
    if (snd != NULL)
        line(r, "snd_tcp_congestion %s", snd);
    if (rcv != NULL)
        line(r, "rcv_tcp_congestion %s", rcv);
}

static void end_half(struct report *r, const struct report_end *end, const struct report_half *half)
{
    struct summary_stream sum = {0};

    for (size_t i = 0; i < half->count; i++) {
        const struct interval_total *t = &end->totals[half->first + i];
        struct summary_stream s = summary_stream(t, end->peer);

        show_both_ends(r, report_socket(r, half->first + i, &t->counted), half, &s, end);
        summary_add(&sum, &s, i, half->count);
    }
    if (half->count > 1)
        show_both_ends(r, -1, half, &sum, end);
    if (!r->config.verbose)
        return;
    if (half->sender) {
        show_cpu(r, end, "sender", "receiver");
        if (r->params.bidirectional)
            show_cpu(r, end, "receiver", "sender");
    }
    show_congestion(r, end, half->sender);
}

/* Whether a sender's line will have a column for retransmits (RES-5). */
static bool counts_retransmits(const struct report *r, const struct report_end *end)
{
    for (size_t i = 0; i < end->n; i++)
        if (summary_stream(&end->totals[i], end->peer).sent.retransmits >= 0)
            return true;
    return r->params.bidirectional && report_protocol(r) == PARAMS_TCP;
}

static void show_server_output(struct report *r, const struct results *peer)
{
    if (peer != NULL && peer->server_output_text != NULL)
        line(r, "\nServer output:\n%s", peer->server_output_text);
    if (peer != NULL && peer->server_output_json != NULL)
        line(r, "\nServer JSON output:\n%s", peer->server_output_json);
}

void text_end(struct report *r, const struct report_end *end)
{
    struct report_half halves[2];
    size_t n_halves = report_halves(r, end->n, end->totals[0].counted.sender, halves);

    line(r, RULE);
    if (r->config.verbose)
        line(r, "Test Complete. Summary Results:");
    if (report_protocol(r) == PARAMS_UDP)
        show_header(r, UDP_COLUMNS);
    else
        show_header(r, counts_retransmits(r, end) ? "         Retr" : "");
    for (size_t i = 0; i < n_halves; i++)
        end_half(r, end, &halves[i]);
    show_server_output(r, end->peer);
}

void text_finish(struct report *r)
{
    if (r->config.server || r->error[0] != '\0')
        return;
    line(r, "%s", "");
    line(r, "iperf Done.");
}
