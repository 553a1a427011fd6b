#include "impl/wire/params.h"

#include "impl/wire/ierr.h"
#include "impl/wire/jread.h"

#include <float.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 8192 /* PARAM-50 */
#define LEN_MAX     1048576
#define UDP_LEN_MIN 16 /* UDP-3 */
#define UDP_LEN_MAX 65507

/* What the value of a number says beside the number itself. */
enum meaning {
    AS_SENT,
    PRESENCE, /* being there means 1, whatever the value (PARAM-38 to -40) */
    TRUTH,    /* anything but 0 means 1 (3.22) */
};

struct rule {
    struct params_row row;
    size_t at; /* offset in struct params */
    enum meaning meaning;
    int64_t low, high; /* what a 3.22 server takes */
    int refusal;       /* its number for all else; 0: it does not check */
};

/* The table of section 4, column by column: since, clause, client range, server default, and the
 * server's check. Where the client range has no upper end, MOST stands for it. */
#define MOST INT64_MAX
/* clang-format off */
#define ROW(name, kind_, since_, clause_, min_, max_, default_, ...)                               \
    [PARAM_##name] = {.row = {#name, kind_, since_, min_, max_, default_, clause_},                \
                      .at = offsetof(struct params, name), __VA_ARGS__}
/* clang-format on */
#define NUMBER(name, since, clause, min, max, server_default, ...)                                 \
    ROW(name, PARAMS_NUMBER, since, clause, min, max, server_default, __VA_ARGS__)
#define CHECK(low_, high_, refusal_) .low = low_, .high = high_, .refusal = refusal_
#define NO_CHECK                     .refusal = 0
#define FLAG(name, since, clause)    ROW(name, PARAMS_FLAG, since, clause, 0, 0, 0, NO_CHECK)
/* What is left of a message that holds only this member: {"key":""} */
#define STRING(name, since, clause)                                                                \
    ROW(name, PARAMS_STRING, since, clause, 0, MESSAGE_MAX - 7 - (int64_t)(sizeof #name - 1), 0,   \
        NO_CHECK)

static const struct rule rules[PARAM_N_KEYS] = {
    FLAG(tcp, "3.0.1", "PARAM-4"),
    FLAG(udp, "3.0.1", "PARAM-5"),
    FLAG(sctp, "3.1", "PARAM-6"),
    NUMBER(omit, "3.0.1", "PARAM-7", 0, 600, 0, CHECK(0, 600, IEOMIT)),
    NUMBER(server_affinity, "3.0.1", "PARAM-8", 0, 1024, -1, CHECK(0, 1024, IEAFFINITY)),
    NUMBER(time, "3.0.1", "PARAM-9", 0, 86400, 10, CHECK(0, 86400, IEDURATION)),
    NUMBER(num, "3.0.1", "PARAM-10", 0, MOST, 0, CHECK(0, MOST, IERECVPARAMS)),
    NUMBER(blockcount, "3.0.1", "PARAM-11", 0, MOST, 0, CHECK(0, MOST, IERECVPARAMS)),
    NUMBER(MSS, "3.0.1", "PARAM-12", 0, 32767, 0, CHECK(0, 32767, IEMSS)),
    FLAG(nodelay, "3.0.1", "PARAM-13"),
    NUMBER(parallel, "3.0.1", "PARAM-14", 1, 128, 1, CHECK(1, 128, IENUMSTREAMS)),
    FLAG(reverse, "3.0.1", "PARAM-15"),
    FLAG(bidirectional, "3.7", "PARAM-16"),
    FLAG(mptcp, "3.19", "PARAM-17"),
    NUMBER(window, "3.0.1", "PARAM-18", 0, 536870912, 0, CHECK(0, 536870912, IEBUFSIZE)),
    /* Here only the sign; the rest follows behind all members (refuse_len). */
    NUMBER(len, "3.0.1", "PARAM-19", 1, LEN_MAX, 131072, CHECK(0, MOST, IEBLOCKSIZE)),
    NUMBER(bandwidth, "3.0.1", "PARAM-20", 0, MOST, 0, CHECK(0, MOST, IERECVPARAMS)),
    NUMBER(fqrate, "3.1.5", "PARAM-21", 0, MOST, 0, CHECK(0, MOST, IERECVPARAMS)),
    NUMBER(pacing_timer, "3.2", "PARAM-22", 0, MOST, 1000, CHECK(0, MOST, IERECVPARAMS)),
    NUMBER(burst, "3.0.1", "PARAM-23", 1, 1000, 0, CHECK(1, 1000, IEBURST)),
    NUMBER(gso, "3.21", "PARAM-24", 0, 1, 0, CHECK(0, MOST, IERECVPARAMS)),
    NUMBER(gso_dg_size, "3.21", "PARAM-25", 0, UDP_LEN_MAX, 0, CHECK(0, MOST, IERECVPARAMS)),
    NUMBER(gso_bf_size, "3.21", "PARAM-26", 0, UDP_LEN_MAX, 65507, CHECK(0, MOST, IERECVPARAMS)),
    NUMBER(gro, "3.21", "PARAM-27", 0, 1, 0, CHECK(0, 1, IERECVPARAMS)),
    NUMBER(gro_bf_size, "3.21", "PARAM-28", 0, UDP_LEN_MAX, 65507, CHECK(0, MOST, IERECVPARAMS)),
    NUMBER(TOS, "3.0.1", "PARAM-32", 0, 255, 0, CHECK(0, 255, IEBADTOS)),
    NUMBER(flowlabel, "3.0.1", "PARAM-33", 1, 1048575, 0, CHECK(1, 1048575, IESETFLOW)),
    STRING(title, "3.0.1", "PARAM-34"),
    STRING(extra_data, "3.6", "PARAM-35"),
    STRING(congestion, "3.0.1", "PARAM-36"),
    STRING(congestion_used, "3.1.4", "PARAM-37"),
    NUMBER(get_server_output, "3.0.4", "PARAM-38", 1, 1, 0, NO_CHECK, .meaning = PRESENCE),
    NUMBER(udp_counters_64bit, "3.1", "PARAM-39", 1, 1, 0, NO_CHECK, .meaning = PRESENCE),
    NUMBER(repeating_payload, "3.7", "PARAM-40", 1, 1, 0, NO_CHECK, .meaning = PRESENCE),
    NUMBER(zerocopy, "3.11", "PARAM-41", 1, 1, 0, NO_CHECK, .meaning = TRUTH),
    NUMBER(dont_fragment, "3.10", "PARAM-42", 1, 1, 0, NO_CHECK, .meaning = TRUTH),
    STRING(authtoken, "3.2", "PARAM-43"),
    NUMBER(skip_rx_copy, "3.19", "PARAM-44", 1, 1, 0, NO_CHECK, .meaning = TRUTH),
    STRING(client_version, "3.1", "PARAM-45"),
    NUMBER(no_fq_socket_pacing, "3.1.3", "PARAM-46", 1, 1, 0, NO_CHECK, .meaning = AS_SENT),
};

static const char *const keys[] = {
#define X(kind, name) #name,
    PARAM_KEYS(X)
#undef X
};

static bool *flag_of(struct params *p, const struct rule *rule)
{
    return (bool *)((char *)p + rule->at);
}

static int64_t *number_of(struct params *p, const struct rule *rule)
{
    return (int64_t *)((char *)p + rule->at);
}

static char **text_of(struct params *p, const struct rule *rule)
{
    return (char **)((char *)p + rule->at);
}

void params_init(struct params *p)
{
    memset(p, 0, sizeof *p);
    for (size_t i = 0; i < PARAM_N_KEYS; i++)
        if (rules[i].row.kind == PARAMS_NUMBER)
            *number_of(p, &rules[i]) = rules[i].row.server_default;
}

void params_fini(struct params *p)
{
    for (size_t i = 0; i < PARAM_N_KEYS; i++) {
        if (rules[i].row.kind != PARAMS_STRING)
            continue;
        free(*text_of(p, &rules[i]));
        *text_of(p, &rules[i]) = NULL;
    }
}

enum spec_err params_copy(struct params *to, const struct params *from)
{
    struct params source = *from; /* its strings are from's */

    *to = source;
    for (size_t i = 0; i < PARAM_N_KEYS; i++)
        if (rules[i].row.kind == PARAMS_STRING)
            *text_of(to, &rules[i]) = NULL;
    for (size_t i = 0; i < PARAM_N_KEYS; i++) {
        if (rules[i].row.kind != PARAMS_STRING || *text_of(&source, &rules[i]) == NULL)
            continue;
        *text_of(to, &rules[i]) = strdup(*text_of(&source, &rules[i]));
        if (*text_of(to, &rules[i]) == NULL) {
            params_fini(to);
            return SPEC_E_NOMEM;
        }
    }
    return SPEC_OK;
}

enum spec_err params_set_text(struct params *p, enum param_key key, const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL)
        return SPEC_E_NOMEM;
    free(*text_of(p, &rules[key]));
    *text_of(p, &rules[key]) = copy;
    params_mark(p, key);
    return SPEC_OK;
}

enum params_protocol params_protocol(const struct params *p)
{
    if (p->sctp)
        return PARAMS_SCTP;
    return p->udp ? PARAMS_UDP : PARAMS_TCP;
}

int64_t params_n_streams(const struct params *p)
{
    int64_t parallel = MAX(p->parallel, 0);

    if (!p->bidirectional)
        return parallel;
    return parallel > INT64_MAX / 2 ? INT64_MAX : 2 * parallel;
}

bool params_client_sends(const struct params *p, unsigned index)
{
    if (p->bidirectional) /* it wins over reverse (PARAM-16) */
        return index < p->parallel;
    return !p->reverse;
}

int64_t params_time_limit(const struct params *p)
{
    if (!params_has(p, PARAM_time))
        return p->num > 0 || p->blockcount > 0 ? 0 : rules[PARAM_time].row.server_default;
    return MAX(p->time, 0);
}

/* ---- reading ---- */

static void read_flag(struct params *p, const struct rule *rule, const json_value *root,
                      struct jread *r)
{
    const json_value *value = jread_member(r, root, rule->row.key, JSON_BOOL, rule->row.clause);

    if (value == NULL)
        return;
    if (!json_bool(value))
        remark_add(r->to, "JSON-12.n", rule->row.key, "true, or no such member", "false");
    *flag_of(p, rule) = true;
    params_mark(p, (enum param_key)(rule - rules));
}

static void read_number(struct params *p, const struct rule *rule, const json_value *root,
                        struct jread *r)
{
    const struct params_row *row = &rule->row;
    const json_value *value = jread_member(r, root, row->key, JSON_NUMBER, row->clause);

    if (value == NULL)
        return;
    /* From 2^63 on a client's number is read as the highest there is (JSON-13): no remark. */
    jread_judge(r, value, row->key, true, (double)row->min,
                row->max == MOST ? DBL_MAX : (double)row->max, row->clause);
    int64_t number = json_int(value);
    if (rule->meaning != AS_SENT)
        number = rule->meaning == PRESENCE || number != 0;
    *number_of(p, rule) = number;
    params_mark(p, (enum param_key)(rule - rules));
}

static enum spec_err read_text(struct params *p, const struct rule *rule, const json_value *root,
                               struct jread *r)
{
    const json_value *value = jread_member(r, root, rule->row.key, JSON_STRING, rule->row.clause);

    if (value == NULL)
        return SPEC_OK;
    return params_set_text(p, (enum param_key)(rule - rules), json_text(value));
}

static enum spec_err read_members(struct params *p, const json_value *root, struct jread *r)
{
    enum spec_err e = SPEC_OK;

    for (const struct rule *rule = rules; rule < rules + PARAM_N_KEYS && e == SPEC_OK; rule++) {
        switch (rule->row.kind) {
        case PARAMS_FLAG:
            read_flag(p, rule, root, r);
            break;
        case PARAMS_NUMBER:
            read_number(p, rule, root, r);
            break;
        case PARAMS_STRING:
            e = read_text(p, rule, root, r);
            break;
        }
    }
    return e;
}

/* What no single member shows. */
static void judge_whole(const struct params *p, size_t message_len, const struct remarks *to)
{
    int n_protocols = p->tcp + p->udp + p->sctp;

    if (message_len > MESSAGE_MAX)
        remark_add(to, "PARAM-50", "", "at most 8192 bytes", "%zu", message_len);
    if (n_protocols != 1)
        remark_add(to, "PARAM-29", "", "one of tcp, udp, sctp", "%d of them", n_protocols);
    if (p->reverse && p->bidirectional)
        remark_add(to, "PARAM-16", "bidirectional", "not with reverse", "both");
    if (params_protocol(p) != PARAMS_UDP)
        return;
    if (!params_has(p, PARAM_len))
        remark_add(to, "PARAM-31.n", "len", "sent by a UDP client", "nothing");
    else if (p->len < UDP_LEN_MIN || p->len > UDP_LEN_MAX)
        remark_add(to, "UDP-3", "len", "16 to 65507", "%lld", (long long)p->len);
}

enum spec_err params_decode(struct bytes json, struct params *out, struct remarks *remarks)
{
    struct jread r = {.to = remarks, .path = ""};
    json_value *root;

    params_init(out);
    enum spec_err e = jread_flaws(&r, json, "PARAM-1", keys, ARRAY_LEN(keys));
    if (e == SPEC_OK)
        e = json_parse(json, &root);
    if (e != SPEC_OK)
        return e;
    e = read_members(out, root, &r);
    if (e == SPEC_OK) {
        jread_unknown(&r, root, keys, ARRAY_LEN(keys), "PARAM-1");
        judge_whole(out, json.len, remarks);
    }
    json_free(root);
    return e;
}

/* ---- checking, as 3.22 does ---- */

/* PARAM-3: the order of the table, but with gso to gro_bf_size before bandwidth. */
static const enum param_key check_order[] = {
    PARAM_omit,        PARAM_server_affinity, PARAM_time,   PARAM_num,         PARAM_blockcount,
    PARAM_MSS,         PARAM_parallel,        PARAM_window, PARAM_len,         PARAM_gso,
    PARAM_gso_dg_size, PARAM_gso_bf_size,     PARAM_gro,    PARAM_gro_bf_size, PARAM_bandwidth,
    PARAM_fqrate,      PARAM_pacing_timer,    PARAM_burst,  PARAM_TOS,         PARAM_flowlabel,
};

static void remark_range(const struct remarks *to, const struct rule *rule, int64_t value)
{
    char expected[64];

    if (rule->high == MOST)
        snprintf(expected, sizeof expected, "at least %lld", (long long)rule->low);
    else
        snprintf(expected, sizeof expected, "%lld to %lld", (long long)rule->low,
                 (long long)rule->high);
    remark_add(to, rule->row.clause, rule->row.key, expected, "%lld", (long long)value);
}

/* The number of the last member that fails, or 0. A value that fails is not taken: *p, a server's
 * own parameters, keeps its default in that place, which the later checks then see (observed
 * on 3.22). */
static int refuse_members(struct params *p, const struct params_limits *limits,
                          const struct remarks *to)
{
    int refusal = 0;

    if (p->udp && limits->file_given) {
        remark_add(to, "PARAM-5.r", "udp", "no UDP on a server with a file", "udp");
        p->udp = false;
        refusal = IEUDPFILETRANSFER;
    }
    for (size_t i = 0; i < ARRAY_LEN(check_order); i++) {
        const struct rule *rule = &rules[check_order[i]];
        int64_t *value = number_of(p, rule);
        if (!params_has(p, check_order[i]) || (*value >= rule->low && *value <= rule->high))
            continue;
        remark_range(to, rule, *value);
        *value = rule->row.server_default;
        refusal = rule->refusal;
    }
    return refusal;
}

/* PARAM-19. */
static int refuse_len(const struct params *p, const struct remarks *to)
{
    bool is_udp = params_protocol(p) == PARAMS_UDP;
    int64_t min = is_udp ? UDP_LEN_MIN : 1, max = is_udp ? UDP_LEN_MAX : LEN_MAX;

    if (p->len >= min && p->len <= max)
        return 0;
    remark_add(to, "PARAM-19", "len", is_udp ? "16 to 65507" : "1 to 1048576", "%lld",
               (long long)p->len);
    return is_udp && p->len <= LEN_MAX ? IEUDPBLOCKSIZE : IEBLOCKSIZE;
}

/* TMO-9. */
static bool lasts_too_long(const struct params *p, const struct params_limits *limits)
{
    return limits->max_duration_s > 0 &&
           (p->time == 0 || p->time + p->omit > limits->max_duration_s);
}

/* TMO-10 (a). In 128 bits: stock's product wraps, and lets the largest requests through. */
static bool wants_too_much(const struct params *p, int64_t rate_bps,
                           const struct params_limits *limits)
{
    unsigned __int128 total = (unsigned __int128)rate_bps * (uint64_t)params_n_streams(p);

    return limits->max_bitrate_bps > 0 && total > limits->max_bitrate_bps;
}

int params_check(const struct params *p, const struct params_limits *limits,
                 struct remarks *remarks)
{
    struct params own = *p; /* with the strings of *p */
    int refusal = refuse_members(&own, limits, remarks);
    int block = refuse_len(&own, remarks);

    if (block != 0) /* ends the checks (PARAM-30) */
        return block;
    if (lasts_too_long(&own, limits)) {
        remark_add(remarks, "TMO-9", "time", "a test that the server allows", "%lld s, omit %lld s",
                   (long long)own.time, (long long)own.omit);
        refusal = IEMAXSERVERTESTDURATIONEXCEEDED;
    }
    if (wants_too_much(&own, own.bandwidth, limits) || wants_too_much(&own, own.fqrate, limits)) {
        remark_add(remarks, "TMO-10", "bandwidth", "a rate that the server allows",
                   "%lld bit/s, fqrate %lld bit/s, %lld streams", (long long)own.bandwidth,
                   (long long)own.fqrate, (long long)params_n_streams(&own));
        refusal = IETOTALRATE;
    }
    if (refusal == 0 && own.sctp && limits->no_sctp) { /* found out when the test is set up */
        remark_add(remarks, "SCTP-5", "sctp", "a protocol that the server has", "sctp");
        refusal = IESTREAMLISTEN;
    }
    return refusal;
}

/* ---- writing ---- */

void params_encode(const struct params *p, struct jwrite *w)
{
    struct params source = *p; /* with the strings of *p */

    jwrite_object(w, NULL);
    for (size_t i = 0; i < PARAM_N_KEYS; i++) {
        const struct rule *rule = &rules[i];
        if (!params_has(p, (enum param_key)i))
            continue;
        if (rule->row.kind == PARAMS_FLAG && *flag_of(&source, rule))
            jwrite_bool(w, rule->row.key, true); /* never false (JSON-12) */
        if (rule->row.kind == PARAMS_NUMBER)
            jwrite_int(w, rule->row.key, *number_of(&source, rule));
        if (rule->row.kind == PARAMS_STRING)
            jwrite_string(w, rule->row.key, *text_of(&source, rule));
    }
    jwrite_end(w);
}

/* ---- the table, for others ---- */

const char *params_key_name(enum param_key key)
{
    return keys[key];
}

int params_key_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(keys[i], name) == 0)
            return (int)i;
    return -1;
}

const struct params_row *params_row(enum param_key key)
{
    return &rules[key].row;
}
