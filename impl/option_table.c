/* option_table.c - what each option takes, means and allows. */
#include "impl/option_table.h"

#include "impl/units.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- takers -------------------------------------------------------------------------------------
 */

static void *member(const struct option_draft *d, const struct option_row *row)
{
    return (char *)d->opt + row->at;
}

static void mark(const struct option_draft *d, const struct option_row *row, bool on)
{
    struct params *p = &d->opt->params;

    if (row->key < 0)
        return;
    p->present &= ~(UINT64_C(1) << row->key);
    if (on)
        params_mark(p, (enum param_key)row->key);
}

/* Says which text is no number; the error is the option's own if it has one for that. */
static int bad_value(struct option_draft *d, int error, const char *arg)
{
    if (error == IEUNITVAL)
        snprintf(d->message, sizeof d->message, "invalid unit value or suffix: '%s'", arg);
    return error;
}

static int take_flag(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)arg;
    *(bool *)member(d, row) = true;
    mark(d, row, true);
    return 0;
}

/* A parameter that is sent as 1 (PARAM-38 and others). */
static int take_one(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)arg;
    *(int64_t *)member(d, row) = 1;
    mark(d, row, true);
    return 0;
}

static int set_text(struct option_draft *d, char **to, const char *text, size_t len)
{
    char *copy = strndup(text, len);

    if (copy == NULL) {
        d->no_memory = true;
        return IEINITTEST;
    }
    free(*to);
    *to = copy;
    return 0;
}

static int take_text(struct option_draft *d, const struct option_row *row, const char *arg)
{
    mark(d, row, true);
    return set_text(d, member(d, row), arg, strlen(arg));
}

/* A plain number. Something that is none is error 38, or the option's own where stock says so. */
static int take_int(struct option_draft *d, const struct option_row *row, const char *arg)
{
    bool own = row->error == IEBADPORT || row->error == IESKEWTHRESHOLD;
    int64_t value;

    if (units_parse_int(arg, INT64_MIN, INT64_MAX, &value) != SPEC_OK)
        return bad_value(d, own ? row->error : IEUNITVAL, arg);
    if (value < row->min || value > row->max)
        return row->error;
    *(int64_t *)member(d, row) = value;
    mark(d, row, value != 0);
    return 0;
}

/* The same, in the C forms 10, 012, 0xa. */
static int take_c_int(struct option_draft *d, const struct option_row *row, const char *arg)
{
    char *end;
    long long value = strtoll(arg, &end, 0);

    if (end == arg || *end != '\0' || value < row->min || value > row->max)
        return row->error;
    *(int64_t *)member(d, row) = value;
    mark(d, row, value != 0);
    return 0;
}

static int take_count(struct option_draft *d, const struct option_row *row, const char *arg)
{
    uint64_t value;

    if (units_parse_count(arg, &value) != SPEC_OK)
        return bad_value(d, IEUNITVAL, arg);
    if (value > (uint64_t)row->max)
        return row->error;
    *(int64_t *)member(d, row) = (int64_t)value;
    mark(d, row, value != 0);
    return 0;
}

static int take_rate(struct option_draft *d, const struct option_row *row, const char *arg)
{
    uint64_t value;

    if (units_parse_rate(arg, &value) != SPEC_OK)
        return bad_value(d, IEUNITVAL, arg);
    *(int64_t *)member(d, row) = (int64_t)value;
    mark(d, row, value != 0);
    return 0;
}

/* "rate/more": reads the rate and points *more behind the slash, or at NULL. */
static int split_rate(struct option_draft *d, const char *arg, uint64_t *rate, const char **more)
{
    char text[64];
    size_t len = strcspn(arg, "/");

    *more = arg[len] == '/' ? arg + len + 1 : NULL;
    snprintf(text, sizeof text, "%.*s", (int)len, arg);
    if (len >= sizeof text || units_parse_rate(text, rate) != SPEC_OK)
        return bad_value(d, IEUNITVAL, text);
    return 0;
}

static int take_bitrate(struct option_draft *d, const struct option_row *row, const char *arg)
{
    struct params *p = &d->opt->params;
    const char *burst;
    uint64_t rate;
    int error = split_rate(d, arg, &rate, &burst);

    if (error != 0)
        return error;
    if (burst != NULL) {
        if (units_parse_int(burst, 1, 1000, &p->burst) != SPEC_OK)
            return IEBURST;
        params_mark(p, PARAM_burst);
    }
    p->bandwidth = (int64_t)rate;
    mark(d, row, rate != 0);
    return 0;
}

static int take_bitrate_limit(struct option_draft *d, const struct option_row *row, const char *arg)
{
    const char *window;
    uint64_t ns;
    int error = split_rate(d, arg, &d->opt->max_bitrate_bps, &window);

    (void)row;
    if (error != 0 || window == NULL)
        return error;
    if (units_parse_seconds(window, &ns) != SPEC_OK || (ns != 0 && ns < 100000000) ||
        ns > UINT64_C(60000000000))
        return IETOTALINTERVAL;
    d->opt->max_bitrate_window_ns = ns;
    return 0;
}

static int take_interval(struct option_draft *d, const struct option_row *row, const char *arg)
{
    uint64_t ns;

    (void)row;
    if (units_parse_seconds(arg, &ns) != SPEC_OK || (ns != 0 && ns < 100000000) ||
        ns > UINT64_C(60000000000))
        return IEINTERVAL;
    d->opt->interval_ns = ns;
    return 0;
}

/* Whole milliseconds or seconds (row->min ... max of them) into a time in ns. */
static int take_time(struct option_draft *d, const struct option_row *row, const char *arg,
                     uint64_t unit_ns)
{
    int64_t value;

    if (units_parse_int(arg, row->min, row->max, &value) != SPEC_OK)
        return bad_value(d, row->error, arg);
    *(uint64_t *)member(d, row) = (uint64_t)value * unit_ns;
    return 0;
}

static int take_ms(struct option_draft *d, const struct option_row *row, const char *arg)
{
    return take_time(d, row, arg, 1000000);
}

static int take_s(struct option_draft *d, const struct option_row *row, const char *arg)
{
    return take_time(d, row, arg, 1000000000);
}

static int take_rcv_timeout(struct option_draft *d, const struct option_row *row, const char *arg)
{
    d->opt->rcv_timeout_given = true;
    return take_ms(d, row, arg);
}

static int take_format(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row;
    if (arg[0] == '\0' || arg[1] != '\0' || strchr("kmgtKMGT", arg[0]) == NULL)
        return IEBADFORMAT;
    d->opt->format = arg[0];
    return 0;
}

/* "n" or "n,m": our CPU and the server's. */
static int take_affinity(struct option_draft *d, const struct option_row *row, const char *arg)
{
    struct params *p = &d->opt->params;
    const char *comma = strchr(arg, ',');
    char own[16];

    snprintf(own, sizeof own, "%.*s", comma != NULL ? (int)(comma - arg) : 15, arg);
    if (units_parse_int(own, row->min, row->max, &d->opt->cpu) != SPEC_OK)
        return row->error;
    if (comma == NULL)
        return 0;
    d->server_cpu = true;
    if (units_parse_int(comma + 1, row->min, row->max, &p->server_affinity) != SPEC_OK)
        return row->error;
    params_mark(p, PARAM_server_affinity);
    return 0;
}

/* "host%dev" is host and --bind-dev dev; but the scope of a link-local address stays in it. */
static int take_host(struct option_draft *d, const struct option_row *row, const char *arg)
{
    const char *percent = strchr(arg, '%');
    struct in6_addr ip6;
    int error;

    if (percent == NULL || percent[1] == '\0')
        return set_text(d, member(d, row), arg, strcspn(arg, "%"));
    error = set_text(d, member(d, row), arg, (size_t)(percent - arg));
    if (error != 0)
        return error;
    if (inet_pton(AF_INET6, *(char **)member(d, row), &ip6) == 1 && IN6_IS_ADDR_LINKLOCAL(&ip6))
        return set_text(d, member(d, row), arg, strlen(arg));
    return set_text(d, &d->opt->bind_dev, percent + 1, strlen(percent + 1));
}

static int take_client(struct option_draft *d, const struct option_row *row, const char *arg)
{
    if (d->opt->server)
        return IESERVCLIENT;
    d->client = true;
    return take_host(d, row, arg);
}

static int take_server(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    if (d->client)
        return IESERVCLIENT;
    d->opt->server = true;
    return 0;
}

/* Each -X adds one address. */
static int take_xbind(struct option_draft *d, const struct option_row *row, const char *arg)
{
    char **list = member(d, row), *longer;

    if (*list == NULL)
        return take_text(d, row, arg);
    if (asprintf(&longer, "%s,%s", *list, arg) < 0) {
        d->no_memory = true;
        return IEINITTEST;
    }
    free(*list);
    *list = longer;
    return 0;
}

static int take_ipv4(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    d->opt->family = AF_INET;
    return 0;
}

static int take_ipv6(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    d->opt->family = AF_INET6;
    return 0;
}

static int take_json(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    if (d->opt->output != OPTIONS_JSON_STREAM)
        d->opt->output = OPTIONS_JSON;
    return 0;
}

static int take_json_stream(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    d->opt->output = OPTIONS_JSON_STREAM;
    return 0;
}

static int take_timestamps(struct option_draft *d, const struct option_row *row, const char *arg)
{
    return take_text(d, row, arg != NULL ? arg : "%c ");
}

static int take_debug(struct option_draft *d, const struct option_row *row, const char *arg)
{
    return take_int(d, row, arg != NULL ? arg : "4");
}

/* One of the slash-separated numbers of --cntl-ka; empty is the system's value. */
static int take_keepalive_part(struct option_draft *d, const char **at, int64_t *out)
{
    char text[16];
    size_t len = strcspn(*at, "/");

    snprintf(text, sizeof text, "%.*s", (int)len, *at);
    if (len > 0 && (len >= sizeof text || units_parse_int(text, 0, 32767, out) != SPEC_OK))
        return bad_value(d, IEUNITVAL, text);
    *at += len + ((*at)[len] == '/');
    return 0;
}

static int take_keepalive(struct option_draft *d, const struct option_row *row, const char *arg)
{
    struct options *opt = d->opt;
    int error = 0;

    (void)row;
    opt->keepalive = true;
    if (arg == NULL)
        return 0;
    if ((error = take_keepalive_part(d, &arg, &opt->keepalive_idle_s)) != 0 ||
        (error = take_keepalive_part(d, &arg, &opt->keepalive_interval_s)) != 0 ||
        (error = take_keepalive_part(d, &arg, &opt->keepalive_count)) != 0)
        return error;
    if (*arg != '\0')
        return bad_value(d, IEUNITVAL, arg);
    if (opt->keepalive_idle_s > 0 && opt->keepalive_interval_s > 0 && opt->keepalive_count > 0 &&
        opt->keepalive_idle_s <= opt->keepalive_interval_s * opt->keepalive_count)
        return IECNTLKA;
    return 0;
}

static int set_protocol(struct option_draft *d, enum param_key key)
{
    struct params *p = &d->opt->params;

    p->tcp = key == PARAM_tcp;
    p->udp = key == PARAM_udp;
    p->sctp = key == PARAM_sctp;
    p->present &=
        ~(UINT64_C(1) << PARAM_tcp | UINT64_C(1) << PARAM_udp | UINT64_C(1) << PARAM_sctp);
    params_mark(p, key);
    return 0;
}

static int take_udp(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    return set_protocol(d, PARAM_udp);
}

static int take_sctp(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    return set_protocol(d, PARAM_sctp);
}

static int take_no_fq(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)arg;
    d->opt->params.fqrate = 0;
    mark(d, row, false);
    return 0;
}

static int take_gsro(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    d->gsro = true;
    return 0;
}

/* A code point by number or name (RFC 2474, 2597, 3246, 5865), or a type of service of RFC 1349. */
static int take_dscp(struct option_draft *d, const struct option_row *row, const char *arg)
{
    static const struct {
        const char *name;
        int64_t tos;
    } names[] = {
        {"af11",        40 },
        {"af12",        48 },
        {"af13",        56 },
        {"af21",        72 },
        {"af22",        80 },
        {"af23",        88 },
        {"af31",        104},
        {"af32",        112},
        {"af33",        120},
        {"af41",        136},
        {"af42",        144},
        {"af43",        152},
        {"cs0",         0  },
        {"cs1",         32 },
        {"cs2",         64 },
        {"cs3",         96 },
        {"cs4",         128},
        {"cs5",         160},
        {"cs6",         192},
        {"cs7",         224},
        {"ef",          184},
        {"va",          176},
        {"lowdelay",    16 },
        {"throughput",  8  },
        {"reliability", 4  },
    };
    int64_t *tos = &d->opt->params.TOS;
    int error;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcasecmp(names[i].name, arg) == 0) {
            *tos = names[i].tos;
            mark(d, row, *tos != 0);
            return 0;
        }
    error = take_c_int(d, row, arg);
    *tos = error == 0 ? *tos * 4 : 0;
    return error;
}

/* --- the table ----------------------------------------------------------------------------------
 */

#define AT(name)    .at = offsetof(struct options, name), .key = -1
#define PARAM(name) .at = offsetof(struct options, params.name), .key = PARAM_##name
#define NONE        .at = 0, .key = -1

/* clang-format off: one row, one option */
const struct option_row option_rows[] = {
    {'p',                     "port",                            NULL,                                        "#",                                                                                            OPTION_BOTH,                                                                                                                                                                                    "port to listen on or connect to (default 5201)",
     take_int,AT(port),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         1, 65535, IEBADPORT},
    {'f',                  "format",                                          NULL,                                                                                     "[kmgtKMGT]",                                                                                                                                                                                 OPTION_BOTH,
     "unit to report in: Kbits, Mbits, ...; KBytes, MBytes, ...",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     take_format,NONE},
    {'i',            "interval",                                         NULL,                                                                                    "#",                                                                                                                                                                                OPTION_BOTH,
     "seconds between periodic reports (default 1, 0 for none)",     take_interval,NONE                                                                                                                                                                                  },
    {'I',          "pidfile",                                       NULL,                                                                                  "file",                                                                                                                                                                              OPTION_BOTH,                                                                                                                                                                                                                                                                                                                                                          "write the process id to a file",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        take_text,
     AT(pidfile)                                 },
    {'F',              "file",                                                NULL,                                                                                           "name",                                                                                                                                                                                       OPTION_BOTH,                                                                                                                                                                                                                                                                                                                                                                  "send from, or receive into, this file",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                           take_text,
     AT(file)},
    {'A',              "affinity",                                                   NULL,                                                                                              "n[,m]",                                                                                                                                                                                          OPTION_BOTH,
     "run on CPU n (client: and the server on its CPU m)",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       take_affinity,NONE,                       0, 1024,
     IEAFFINITY},
    {'B',          "bind",                                       NULL,                                                                                 "host[%dev]",                                                                                                                                                                           OPTION_BOTH,
     "bind to the address of host (%dev: as --bind-dev)",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          take_host,AT(bind_address)},
    {OPTION_BIND_DEV,           "bind-dev",                                 NULL,                                                     "dev",                                                                                                                                          OPTION_BOTH,
     "bind to a network interface with SO_BINDTODEVICE",take_text,AT(bind_dev)},
    {OPTION_CPORT,                  "cport",                                        NULL,                                                      "port",                                                                                                                                           OPTION_CLIENT,
     "bind the streams to this port and those that follow",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               take_int,                                                                                                                                                                                    AT(client_port),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        1, 65535,
     IEBADPORT},
    {'V',                 "verbose",                                     NULL,                                                   NULL,                                                                                                                                         OPTION_BOTH,                                                                                                                                                                                                                                                                                                                        "more detailed output",take_flag,AT(verbose)},
    {'J',                     "json",                             NULL,                                NULL,                                                                        OPTION_BOTH,                                                                                                                   "output in JSON",                                                                                                  take_json,NONE                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             },
    {OPTION_JSON_STREAM,                     "json-stream",                            NULL,                                       NULL,                                                                                                  OPTION_BOTH,                                                                                                                                                                                                              "output in line-delimited JSON",
     take_json_stream,NONE                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     },
    {OPTION_JSON_STREAM_FULL,      "json-stream-full-output",      NULL,                  NULL,                                                                      OPTION_BOTH,
     "with --json-stream: the whole JSON at the end as well",                                                                                                                                                                                                                                        take_flag,AT(full_output)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      },
    {OPTION_LOGFILE, "logfile",    NULL,                                      "file",                                                                                                               OPTION_BOTH,                                                                                                                                                                                                                             "append output to a file",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               take_text,
     AT(logfile)                                                                                                                                                                                                                                                                        },
    {OPTION_FORCEFLUSH,          "forceflush",                                  NULL,                                                                      NULL,                                                                                                                         OPTION_BOTH,                                                                                                                                                                                              "flush output after each interval",
     take_flag,AT(forceflush)},
    {OPTION_TIMESTAMPS,       "timestamps",                   NULL,                         "[=format]",                                              OPTION_BOTH,
     "begin each line with the time (format as for strftime(3))",                                                                                                                                                                                                      take_timestamps,AT(timestamps)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   },
    {OPTION_RCV_TIMEOUT,       "rcv-timeout",                      NULL,                                           "#",                                                                                                      OPTION_BOTH,
     "end a test without data for so many ms (default 120000)",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                           take_rcv_timeout,
     AT(rcv_timeout_ns),                                                                                                                                                                                                                                                                                           100, 86400000, IERCVTIMEOUT},
    {OPTION_SND_TIMEOUT,      "snd-timeout",                    NULL,                                      "#",                                                                                       OPTION_BOTH,
     "time-out in ms for unacknowledged TCP data",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             take_int,AT(snd_timeout_ms),0, 86400000,
     IESNDTIMEOUT},
    {OPTION_CNTL_KA,               "cntl-ka",                                    NULL,                                                                               "[=#/#/#]",                                                                                                                                                            OPTION_BOTH,
     "TCP keepalive on the control connection: idle time and\ninterval in s, number of probes; "
     "each may be left out",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             take_keepalive,NONE},
    {'m',               "mptcp",                              NULL,                                                                        NULL,                                                                                                                                                              OPTION_BOTH,                                                                                                                                                                                                                                                                                                                                                                                            "use MPTCP in place of TCP",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        take_flag,PARAM(mptcp)},
    {OPTION_PKCS1,             "use-pkcs1-padding",                                   NULL,                                                                                  NULL,                                                                                                                                                                  OPTION_BOTH,
     "authenticate with the weak padding used up to 3.16",                                            take_flag,AT(pkcs1)                                                                                                                                                                                                                                                        },
    {OPTION_TRANSCRIPT,                   "transcript",                                         NULL,"file",OPTION_BOTH,
     "write the bytes of each control connection to a file",take_text,AT(transcript)},
    {'d',                   "debug",                                         NULL,                                                    "[=#]",                                                                                                                                         OPTION_BOTH,                                                                                                                                                                                                                                                                                                                              "debugging output, level 1 to 4 (default 4)",
     take_debug,AT(debug),                                                                                                         0, 4, IEUNITVAL},
    {'v',                 "version",                                       NULL,                                                  NULL,                                                                                                                                       OPTION_BOTH,                                                                                                                                                                                                                                                                                                                       "show version and quit",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              NULL,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 NONE                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              },
    {'h',                 "help",                                       NULL,NULL,                                                                                                                                                                                              OPTION_BOTH,                                                                                                                                                                                                                                                                                                                                                                                   "show this message and quit",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              NULL,NONE                  },

    {'s',                     "server",                             NULL,                              NULL,                                                                       OPTION_SERVER,                                                                                                                    "run as server",                                                                                                   take_server,NONE},
    {'D',                     "daemon",                                NULL,                                 NULL,                                                                                                                                         OPTION_SERVER,                                                                                                                               "run in the background",                                             take_flag,AT(daemon)},
    {'1',                     "one-off",                          NULL,                                     NULL,                                                                                                  OPTION_SERVER,                                                                                                                                                                                                             "serve one client, then exit",                                                                                                                                                                                                                                                                                                                                                                                                       take_flag,
     AT(one_off)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    },
    {OPTION_MAX_TESTS,                     "max-tests",                          NULL,                                  "#",                                                                                            OPTION_SERVER,
     "tests at the same time (default 1024; 1 is iperf3's way)",                                                                                                                                                                                                                                                                                                            take_int,AT(max_tests),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  1, 65536,
     IEUNITVAL},
    {OPTION_BITRATE_LIMIT,                     "server-bitrate-limit",                         NULL,                                       "#[KMGT][/#]",                                                                                             OPTION_SERVER,
     "end tests above this total bit rate, averaged\nover so many seconds (default 5)",                                                                                                                                                                                                                                                                take_bitrate_limit,NONE},
    {OPTION_IDLE_TIMEOUT,        "idle-timeout",          NULL,                        "#",                                                                                  OPTION_SERVER,
     "start anew (-1: exit) after so many seconds without a client",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            take_s,AT(idle_timeout_ns),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      1,
     86400, IEIDLETIMEOUT},
    {OPTION_MAX_DURATION,                  "server-max-duration",                                                  NULL,                                                                                             "#",                                                                                                                                                                        OPTION_SERVER,
     "longest test in seconds that a client may ask for",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            take_int,AT(max_duration_s),0, 86400,
     IEDURATION},
    {OPTION_PRIVATE_KEY,     "rsa-private-key-path",                                  NULL,                                                                             "file",                                                                                                                                                         OPTION_SERVER,
     "RSA private key, to decrypt what clients authenticate with",                                                                                                                                                                                                                                                                                                                                                                                  take_text,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        AT(private_key)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      },
    {OPTION_USERS,                 "authorized-users-path",                               NULL,                                                                         "file",                                                                                                                                                                                                   OPTION_SERVER,
     "users and hashes of their passwords",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                take_text,AT(users)},
    {OPTION_TIME_SKEW,                    "time-skew-threshold",                                        NULL,                                                     "#",                                                                                                                                           OPTION_SERVER,
     "seconds that a client's clock may be off (default 10)",                       take_int,AT(time_skew_s),1,
     INT32_MAX, IESKEWTHRESHOLD},

    {'c',      "client",             NULL,                   "host[%dev]",                               OPTION_CLIENT,
     "run as client of that server (%dev: as --bind-dev)",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          take_client,AT(host)},
    {OPTION_SCTP,            "sctp",      NULL,               NULL,                               OPTION_CLIENT,              "use SCTP",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 take_sctp,NONE},
    {'X',        "xbind", NULL, "name",                                        OPTION_BOTH,
     "bind the SCTP association to this address; may be repeated",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               take_xbind,AT(xbind)                                                                                                                                                                                                                                                                                                                                                                                                                             },
    {OPTION_NSTREAMS,               "nstreams",                                 NULL,                                                                            "#",                                                                                                                                                                        OPTION_CLIENT,                                                                                                                                                                                                                                                                                                                                                         "number of SCTP streams",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     take_int,
     AT(nstreams),0, 65535, IESETSCTPNSTREAM},
    {'u',            "udp",                                     NULL,                                                                                NULL,                                                                                                                                                                    OPTION_CLIENT,                                                                                                                                                                                                                                                                                                                                                 "use UDP",take_udp,NONE                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                },
    {OPTION_CONNECT_TIMEOUT,              "connect-timeout",                                           NULL,                                                                                      "#",                                                                                                                                                                                  OPTION_CLIENT,
     "time-out in ms for the control connection",take_ms,            AT(connect_timeout_ns),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        0, INT32_MAX,
     IEUNITVAL},
    {'b',             "bitrate",                                     "bandwidth",                                                                                "#[KMGT][/#]",                                                                                                                                                                OPTION_CLIENT,
     "bit rate per stream (0 for no limit; default 1 Mbit/s for\nUDP, else no limit); /# is a "
     "number of blocks sent at once",take_bitrate,PARAM(bandwidth)},
    {OPTION_PACING_TIMER,               "pacing-timer",                                               NULL,                                                                                         "#[KMG]",                                                                                                                                                                                  OPTION_CLIENT,
     "microseconds between pacing decisions of old servers",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            take_count,PARAM(pacing_timer),                                                                               0,
     INT32_MAX, IEUNITVAL},
    {OPTION_FQ_RATE,                   "fq-rate",                                       NULL,"#[KMGT]",OPTION_CLIENT,
     "bit rate for the kernel's own pacing",                                                                                         take_rate,PARAM(fqrate)},
    {OPTION_NO_FQ,                    "no-fq-socket-pacing",                                        NULL,                                                             NULL,                                                                                                                                                    OPTION_CLIENT,                                                                                                                                                                                                                                                                                                                            "the same as --fq-rate 0",
     take_no_fq,PARAM(fqrate)},
    {'t',                     "time",                                 NULL,                             "#",                               OPTION_CLIENT,                                                 "seconds to test for (default 10, 0 for no end)",
     take_int,AT(params.time),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                0, 86400, IEDURATION},
    {'n',     "bytes",          NULL,   "#[KMGT]", OPTION_CLIENT, "bytes to move (instead of -t or -k)",
     take_count,AT(params.num),0, INT64_MAX, IEUNITVAL},
    {'k',               "blockcount",                                       NULL,                                                                                  "#[KMGT]",                                                                                                                                                                   OPTION_CLIENT,                                                                                                                                                                                                                                                                                                                                      "blocks to move (instead of -t or -n)",
     take_count,AT(params.blockcount),0, INT64_MAX, IEUNITVAL},
    {'l',              "length",                                  NULL,                                                                             "#[KMG]",                                                                                                                                                                OPTION_CLIENT,
     "block size (default 128K for TCP, 64K for SCTP, by MSS for UDP)",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               take_count,                                                                     PARAM(len),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    0,
     1048576, IEBLOCKSIZE},
    {'P',              "parallel",                                  NULL,                                                                             "#",                                                                                                                                                                         OPTION_CLIENT,                                                                                                                                                                                                                                                                                                                                             "number of streams",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     take_int,PARAM(parallel),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             1,
     128, IENUMSTREAMS},
    {'R',                "reverse",                                  NULL,                                                                            NULL,                                                                                                                                                                     OPTION_CLIENT,                                                                                                                                                                                                                                                                                                                                                         "the server sends",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     take_flag,PARAM(reverse)},
    {OPTION_BIDIR,              "bidir",                                  NULL,                                      NULL,                                                                                                                                                                                              OPTION_CLIENT,                                                                                                                                                                                                                                                                                                                                                                              "both ends send",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         take_flag,
     PARAM(bidirectional)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              },
    {'w',                     "window",                            NULL,                             "#[KMG]",                                 OPTION_CLIENT,                                                "socket buffer size, at both ends", take_count,
     PARAM(window),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    0, 536870912, IEBUFSIZE},
    {'C',              "congestion",                                      "linux-congestion",                                                                                 "algo",                                                                                                                                                                             OPTION_CLIENT,
     "TCP congestion control algorithm",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             take_text,PARAM(congestion)},
    {'M',             "set-mss",                                    NULL,                                                                              "#",                                                                                                                                                                                                 OPTION_CLIENT,                                                                                                                                                                                                                                                                                                                                                                                    "TCP maximum segment size",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                take_int,PARAM(MSS),0,
     32767, IEMSS},
    {'N',                    "no-delay",                                        NULL,NULL,OPTION_CLIENT,"switch off Nagle's algorithm",take_flag,
     PARAM(nodelay)},
    {'4',                     "version4",                              NULL,                                    NULL,                                                   OPTION_BOTH,                                                                "only use IPv4",                  take_ipv4,NONE},
    {'6',            "version6",                         NULL,                               NULL,                                                                                    OPTION_BOTH,                                                                        "only use IPv6",       take_ipv6,NONE},
    {'S',                     "tos",                          NULL,                                      "#",                                                                                                OPTION_CLIENT,                                                                                                                                                                                                                                                 "IP type of service, 0-255 (52, 064, 0x34)",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            take_c_int,
     PARAM(TOS),0, 255, IEBADTOS},
    {OPTION_DSCP,              "dscp",                                      NULL,                                                                                 "#|name",                                                                                                                                                                             OPTION_CLIENT,
     "differentiated services code point, 0-63 or af11 ... ef",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       take_dscp,PARAM(TOS),0, 63,
     IEBADDSCP},
    {'L',              "flowlabel",                              NULL,                                                                         "#",                                                                                                                                                                     OPTION_CLIENT,                                                                                                                                                                                                                                                                                                                                              "IPv6 flow label",take_c_int,PARAM(flowlabel),                                                                                                 1,
     1048575, IESETFLOW},
    {'Z',               "zerocopy",                                      NULL,                                                                                NULL,                                                                                                                                                                                                   OPTION_CLIENT,                                                                                                                                                                                                                                                                                                                                                                                            "send with sendfile(2)",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        take_one,
     PARAM(zerocopy)},
    {OPTION_SKIP_RX_COPY,                   "skip-rx-copy",                                       NULL,                                                                 NULL,                                                                                                                                                                                                                                                     OPTION_CLIENT,
     "have the kernel throw received data away (MSG_TRUNC)",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      take_one,PARAM(skip_rx_copy)},
    {'O',                   "omit",                                         NULL,                                  "#",                                                                     OPTION_CLIENT,                                                                                                                                                                                                "seconds at the start that do not count",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                           take_int,
     AT(params.omit),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            0, 600, IEOMIT},
    {'T',                   "title",                                         NULL,                                       "text",                                         OPTION_CLIENT,                                                                                                                                                            "begin each line with this text",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  take_text,
     PARAM(title)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       },
    {OPTION_EXTRA_DATA,                    "extra-data",                                        NULL,   "text",OPTION_CLIENT,
     "text for the JSON output of both ends",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         take_text,PARAM(extra_data)},
    {OPTION_SERVER_OUTPUT,             "get-server-output",                           NULL,                             NULL,                                   OPTION_CLIENT,
     "show the server's output too",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             take_one,PARAM(get_server_output)                                                                                   },
    {OPTION_64BIT,                     "udp-counters-64bit",                                                  NULL,                                                                                             NULL,                                                                                                                                                                                         OPTION_CLIENT,
     "64-bit counters in UDP packets",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          take_one,PARAM(udp_counters_64bit)},
    {OPTION_GSRO,             "gsro",                              NULL,                                                                        NULL,                                                                                                                                                                                                 OPTION_CLIENT,
     "UDP segmentation and receive offload, at both ends",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  take_gsro,NONE},
    {OPTION_REPEATING,                   "repeating-payload",                                       NULL,NULL,OPTION_CLIENT,
     "send a pattern of digits, not random bytes",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     take_one,PARAM(repeating_payload)},
    {OPTION_DONT_FRAGMENT,                   "dont-fragment",                                       NULL,                                                  NULL,                                                                                                                                        OPTION_CLIENT,
     "set Don't Fragment on UDP over IPv4",take_one,PARAM(dont_fragment)},
    {OPTION_USERNAME,                    "username",                                        NULL,          "name",                            OPTION_CLIENT,
     "authenticate as this user; the password is taken from\nIPERF3_PASSWORD, or asked for",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    take_text,AT(username)},
    {OPTION_PUBLIC_KEY,                     "rsa-public-key-path",                             NULL,                            "file",                                                                              OPTION_CLIENT,
     "RSA public key of the server",                                                                                                                                                                                                                                                                                                                                                        take_text,AT(public_key)},
};
/* clang-format on */

const size_t option_n_rows = ARRAY_LEN(option_rows);
