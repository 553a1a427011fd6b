/* option_take.c - what each kind of option makes of its argument. */
#include "impl/option_take.h"

#include "impl/units.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

int option_take_flag(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)arg;
    *(bool *)member(d, row) = true;
    mark(d, row, true);
    return 0;
}

/* A parameter that is sent as 1 (PARAM-38 and others). */
int option_take_one(struct option_draft *d, const struct option_row *row, const char *arg)
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

int option_take_text(struct option_draft *d, const struct option_row *row, const char *arg)
{
    mark(d, row, true);
    return set_text(d, member(d, row), arg, strlen(arg));
}

/* A plain number. Something that is none is error 38, or the option's own where stock says so. */
int option_take_int(struct option_draft *d, const struct option_row *row, const char *arg)
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
int option_take_c_int(struct option_draft *d, const struct option_row *row, const char *arg)
{
    char *end;
    long long value = strtoll(arg, &end, 0);

    if (end == arg || *end != '\0' || value < row->min || value > row->max)
        return row->error;
    *(int64_t *)member(d, row) = value;
    mark(d, row, value != 0);
    return 0;
}

int option_take_count(struct option_draft *d, const struct option_row *row, const char *arg)
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

int option_take_rate(struct option_draft *d, const struct option_row *row, const char *arg)
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

int option_take_bitrate(struct option_draft *d, const struct option_row *row, const char *arg)
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

int option_take_bitrate_limit(struct option_draft *d, const struct option_row *row, const char *arg)
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

int option_take_interval(struct option_draft *d, const struct option_row *row, const char *arg)
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

int option_take_ms(struct option_draft *d, const struct option_row *row, const char *arg)
{
    return take_time(d, row, arg, 1000000);
}

int option_take_s(struct option_draft *d, const struct option_row *row, const char *arg)
{
    return take_time(d, row, arg, 1000000000);
}

int option_take_format(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row;
    if (arg[0] == '\0' || arg[1] != '\0' || strchr("kmgtKMGT", arg[0]) == NULL)
        return IEBADFORMAT;
    d->opt->format = arg[0];
    return 0;
}

/* "n" or "n,m": our CPU and the server's. */
int option_take_affinity(struct option_draft *d, const struct option_row *row, const char *arg)
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
int option_take_host(struct option_draft *d, const struct option_row *row, const char *arg)
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

int option_take_client(struct option_draft *d, const struct option_row *row, const char *arg)
{
    if (d->opt->server)
        return IESERVCLIENT;
    d->client = true;
    return option_take_host(d, row, arg);
}

int option_take_server(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    if (d->client)
        return IESERVCLIENT;
    d->opt->server = true;
    return 0;
}

/* Each -X adds one address. */
int option_take_xbind(struct option_draft *d, const struct option_row *row, const char *arg)
{
    char **list = member(d, row), *longer;

    if (*list == NULL)
        return option_take_text(d, row, arg);
    if (asprintf(&longer, "%s,%s", *list, arg) < 0) {
        d->no_memory = true;
        return IEINITTEST;
    }
    free(*list);
    *list = longer;
    return 0;
}

int option_take_ipv4(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    d->opt->family = AF_INET;
    return 0;
}

int option_take_ipv6(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    d->opt->family = AF_INET6;
    return 0;
}

int option_take_json(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    if (d->opt->output != OPTIONS_JSON_STREAM)
        d->opt->output = OPTIONS_JSON;
    return 0;
}

int option_take_json_stream(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    d->opt->output = OPTIONS_JSON_STREAM;
    return 0;
}

int option_take_timestamps(struct option_draft *d, const struct option_row *row, const char *arg)
{
    return option_take_text(d, row, arg != NULL ? arg : "%c ");
}

int option_take_debug(struct option_draft *d, const struct option_row *row, const char *arg)
{
    return option_take_int(d, row, arg != NULL ? arg : "4");
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

int option_take_keepalive(struct option_draft *d, const struct option_row *row, const char *arg)
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

int option_take_udp(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    return set_protocol(d, PARAM_udp);
}

int option_take_sctp(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    return set_protocol(d, PARAM_sctp);
}

int option_take_no_fq(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)arg;
    d->opt->params.fqrate = 0;
    mark(d, row, false);
    return 0;
}

int option_take_gsro(struct option_draft *d, const struct option_row *row, const char *arg)
{
    (void)row, (void)arg;
    d->gsro = true;
    return 0;
}

/* A code point by number or name (RFC 2474, 2597, 3246, 5865), or a type of service of RFC 1349. */
int option_take_dscp(struct option_draft *d, const struct option_row *row, const char *arg)
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
    error = option_take_c_int(d, row, arg);
    *tos = error == 0 ? *tos * 4 : 0;
    return error;
}
