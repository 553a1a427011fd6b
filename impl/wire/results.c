#include "impl/wire/results.h"

#include "impl/wire/jread.h"

#include <float.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_KEYS                                                                                  \
    "cpu_util_total", "cpu_util_user", "cpu_util_system", "sender_has_retransmits",                \
        "congestion_used", "server_output_text", "server_output_json", "streams"
#define STREAM_KEYS                                                                                \
    "id", "bytes", "retransmits", "jitter", "errors", "omitted_errors", "packets",                 \
        "omitted_packets", "start_time", "end_time"

const char *const results_keys[] = {HEAD_KEYS, NULL};
const char *const results_stream_keys[] = {STREAM_KEYS, NULL};
static const char *const all_keys[] = {HEAD_KEYS, STREAM_KEYS};

#define N_HEAD   (ARRAY_LEN(results_keys) - 1)
#define N_STREAM (ARRAY_LEN(results_stream_keys) - 1)

enum form {
    REAL,
    INTEGER,
    SIGNED, /* an integer that 3.12 and 3.13 print as unsigned (JSON-14) */
};

/* A number of the message: where it goes and what an honest sender can send. */
struct number {
    const char *key;
    enum form form;
    bool required;
    size_t at; /* offset in struct results or results_stream */
    double min, max;
    const char *clause;
};

#define HEAD(key)   offsetof(struct results, key)
#define STREAM(key) offsetof(struct results_stream, key)

static const struct number head_numbers[] = {
    {"cpu_util_total",         REAL,   true, HEAD(cpu_util_total),         0,  DBL_MAX, "RES-2"},
    {"cpu_util_user",          REAL,   true, HEAD(cpu_util_user),          0,  DBL_MAX, "RES-3"},
    {"cpu_util_system",        REAL,   true, HEAD(cpu_util_system),        0,  DBL_MAX, "RES-4"},
    {"sender_has_retransmits", SIGNED, true, HEAD(sender_has_retransmits), -1, 1,       "RES-5"},
};

enum {
    ID,
    BYTES,
    RETRANSMITS,
    JITTER,
    ERRORS,
    OMITTED_ERRORS,
    PACKETS,
    OMITTED_PACKETS,
    START_TIME,
    END_TIME
};

static const struct number stream_numbers[] = {
    [ID] = {"id",              INTEGER, true,  STREAM(id),              1,  DBL_MAX, "RES-10"},
    [BYTES] = {"bytes",           INTEGER, true,  STREAM(bytes),           0,  DBL_MAX, "RES-11"},
    [RETRANSMITS] = {"retransmits",     SIGNED,  true,  STREAM(retransmits),     -1, DBL_MAX, "RES-12"},
    [JITTER] = {"jitter",          REAL,    true,  STREAM(jitter),          0,  DBL_MAX, "RES-13"},
    [ERRORS] = {"errors",          SIGNED,  true,  STREAM(errors),          0,  DBL_MAX, "RES-14"},
 /* -1: an echo of RES-29 */
    [OMITTED_ERRORS] = {"omitted_errors",  INTEGER, false, STREAM(omitted_errors),  -1, DBL_MAX,
            "RES-15"                                                                         },
    [PACKETS] = {"packets",         SIGNED,  true,  STREAM(packets),         0,  DBL_MAX, "RES-16"},
    [OMITTED_PACKETS] = {"omitted_packets", INTEGER, false, STREAM(omitted_packets), 0,  DBL_MAX,
            "RES-17"                                                                         },
    [START_TIME] = {"start_time",      REAL,    false, STREAM(start_time),      0,  DBL_MAX, "RES-19"},
    [END_TIME] = {"end_time",        REAL,    false, STREAM(end_time),        0,  DBL_MAX, "RES-28"},
};

void results_init(struct results *r)
{
    *r = (struct results){0};
}

void results_fini(struct results *r)
{
    free(r->congestion_used);
    free(r->server_output_text);
    free(r->server_output_json);
    free(r->streams);
    results_init(r);
}

enum spec_err results_set_streams(struct results *r, size_t n)
{
    struct results_stream *streams = NULL;

    if (n > 0) {
        streams = calloc(n, sizeof *streams);
        if (streams == NULL)
            return SPEC_E_NOMEM;
    }
    free(r->streams);
    r->streams = streams;
    r->n_streams = n;
    return SPEC_OK;
}

struct results_stream *results_find(const struct results *r, int64_t id)
{
    for (size_t i = 0; i < r->n_streams; i++)
        if (r->streams[i].id == id)
            return &r->streams[i];
    return NULL;
}

/* ---- reading ---- */

/* Two's complement for a double above 2^63; 18446744073709551615 reads as 2^64 and means -1. */
static int64_t as_signed(double number)
{
    if (number > 0x1p64)
        return INT64_MAX;
    return number == 0x1p64 ? -1 : (int64_t)(number - 0x1p64);
}

static void store(const struct number *number, const json_value *value, void *into, struct jread *r)
{
    void *at = (char *)into + number->at;
    bool wraps = number->form == SIGNED && json_double(value) > 0x1p63;

    if (wraps)
        remark_add(r->to, "INT-6", jread_name(r, number->key), "a signed number", "%.17g",
                   json_double(value));
    else
        jread_judge(r, value, number->key, number->form != REAL, number->min, number->max,
                    number->clause);
    if (number->form == REAL)
        *(double *)at = json_double(value);
    else
        *(int64_t *)at = wraps ? as_signed(json_double(value)) : json_int(value);
}

/* Why a required member can't be had: it is missing, or (already remarked) of another type. */
static enum spec_err lacks(const json_value *object, const char *key, const char *clause,
                           struct jread *r)
{
    if (json_member(object, key) != NULL)
        return SPEC_E_TYPE;
    remark_add(r->to, clause, jread_name(r, key), "a required member", "nothing");
    return SPEC_E_MISSING;
}

/* *seen: bit i for each numbers[i] that was there. */
static enum spec_err read_numbers(const struct number *numbers, size_t n, const json_value *object,
                                  void *into, unsigned *seen, struct jread *r)
{
    *seen = 0;
    for (size_t i = 0; i < n; i++) {
        const json_value *value =
            jread_member(r, object, numbers[i].key, JSON_NUMBER, numbers[i].clause);
        if (value == NULL && numbers[i].required)
            return lacks(object, numbers[i].key, numbers[i].clause, r);
        if (value == NULL)
            continue;
        store(&numbers[i], value, into, r);
        *seen |= 1u << i;
    }
    return SPEC_OK;
}

/* What may be left out, but only in pairs. */
static enum spec_err read_pairs(struct results_stream *stream, unsigned seen, struct jread *r)
{
    bool errors = seen >> OMITTED_ERRORS & 1, packets = seen >> OMITTED_PACKETS & 1;

    if (errors != packets) {
        remark_add(r->to, "RES-18", jread_name(r, errors ? "omitted_packets" : "omitted_errors"),
                   "both omitted_errors and omitted_packets", "one of them");
        return SPEC_E_MISSING;
    }
    stream->has_omitted = errors;
    stream->has_times = (seen >> START_TIME & 1) && (seen >> END_TIME & 1);
    if (!stream->has_times)
        stream->start_time = stream->end_time = 0;
    if (!stream->has_omitted)
        remark_add(r->to, "RES-18", jread_name(r, "omitted_errors"),
                   "both omitted_errors and omitted_packets", "none of them");
    if (!stream->has_times)
        remark_add(r->to, "INT-5", jread_name(r, "end_time"), "start_time and end_time",
                   "not both");
    return SPEC_OK;
}

static bool is_among(int64_t id, const int64_t *ids, size_t n_ids)
{
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] == id)
            return true;
    return ids == NULL;
}

static enum spec_err read_stream(const json_value *entry, const int64_t *ids, size_t n_ids,
                                 struct results *out, struct jread *r)
{
    struct results_stream stream = {0};
    unsigned seen;

    if (json_type_of(entry) != JSON_OBJECT) {
        remark_add(r->to, "RES-9", jread_name(r, ""), "object", "%s",
                   json_type_name(json_type_of(entry)));
        return SPEC_E_TYPE;
    }
    jread_unknown(r, entry, results_stream_keys, N_STREAM, "RES-1");
    enum spec_err e = read_numbers(stream_numbers, N_STREAM, entry, &stream, &seen, r);
    if (e == SPEC_OK)
        e = read_pairs(&stream, seen, r);
    if (e != SPEC_OK)
        return e;
    if (!is_among(stream.id, ids, n_ids)) {
        remark_add(r->to, "RES-22", jread_name(r, "id"), "the id of a stream of the test", "%lld",
                   (long long)stream.id);
        return SPEC_E_STREAM_ID;
    }
    /* Stock takes each entry as it comes, so that of two with one id the last counts. */
    struct results_stream *slot = results_find(out, stream.id);
    if (slot != NULL)
        remark_add(r->to, "RES-1", jread_name(r, "id"), "an entry per stream", "%lld again",
                   (long long)stream.id);
    else
        slot = &out->streams[out->n_streams++];
    *slot = stream; /* NOLINT(clang-analyzer-core.NullDereference): there is room for every entry */
    return SPEC_OK;
}

static void judge_ids(const struct results *out, const int64_t *ids, size_t n_ids,
                      const struct remarks *to)
{
    bool same = ids == NULL || out->n_streams == n_ids;

    for (size_t i = 0; ids != NULL && same && i < n_ids; i++)
        same = out->streams[i].id == ids[i];
    if (!same)
        remark_add(to, "RES-1", "streams", "an entry per stream, in order of creation",
                   "%zu entries for %zu streams", out->n_streams, n_ids);
}

static enum spec_err read_streams(const json_value *root, const int64_t *ids, size_t n_ids,
                                  struct results *out, struct jread *r)
{
    const json_value *array = jread_member(r, root, "streams", JSON_ARRAY, "RES-9");
    size_t n = 0;

    if (array == NULL)
        return lacks(root, "streams", "RES-9", r);
    for (const json_value *e = json_next(array, NULL); e != NULL; e = json_next(array, e))
        n++;
    if (n > RESULTS_STREAMS_LIMIT) {
        remark_add(r->to, "RES-9", "streams", "at most 4096 entries", "%zu", n);
        return SPEC_E_RANGE;
    }
    enum spec_err e = results_set_streams(out, n);
    out->n_streams = 0; /* grows with the entries */
    const json_value *entry = json_next(array, NULL);
    for (n = 0; entry != NULL && e == SPEC_OK; entry = json_next(array, entry), n++) {
        char path[32];
        snprintf(path, sizeof path, "streams[%zu].", n);
        e = read_stream(entry, ids, n_ids, out, &(struct jread){.to = r->to, .path = path});
    }
    if (e == SPEC_OK)
        judge_ids(out, ids, n_ids, r->to);
    return e;
}

static enum spec_err read_text(const json_value *root, const char *key, const char *clause,
                               char **text, struct jread *r)
{
    const json_value *value = jread_member(r, root, key, JSON_STRING, clause);

    if (value == NULL)
        return SPEC_OK;
    *text = strdup(json_text(value));
    return *text != NULL ? SPEC_OK : SPEC_E_NOMEM;
}

static enum spec_err read_output(const json_value *root, struct results *out, struct jread *r)
{
    const json_value *value = jread_member(r, root, "server_output_json", JSON_OBJECT, "RES-8");

    if (value == NULL)
        return SPEC_OK;
    out->server_output_json = json_print(value);
    return out->server_output_json != NULL ? SPEC_OK : SPEC_E_NOMEM;
}

static enum spec_err read_root(const json_value *root, const int64_t *ids, size_t n_ids,
                               struct results *out, struct jread *r)
{
    unsigned seen;

    jread_unknown(r, root, results_keys, N_HEAD, "RES-1");
    enum spec_err e = read_numbers(head_numbers, ARRAY_LEN(head_numbers), root, out, &seen, r);
    if (e == SPEC_OK)
        e = read_text(root, "congestion_used", "RES-6", &out->congestion_used, r);
    if (e == SPEC_OK)
        e = read_text(root, "server_output_text", "RES-7", &out->server_output_text, r);
    if (e == SPEC_OK)
        e = read_output(root, out, r);
    return e == SPEC_OK ? read_streams(root, ids, n_ids, out, r) : e;
}

enum spec_err results_decode(struct bytes json, const int64_t *ids, size_t n_ids,
                             struct results *out, struct remarks *remarks)
{
    struct jread r = {.to = remarks, .path = ""};
    json_value *root;

    results_init(out);
    enum spec_err e = jread_flaws(&r, json, "RES-1", all_keys, ARRAY_LEN(all_keys));
    if (e == SPEC_OK)
        e = json_parse(json, &root);
    if (e != SPEC_OK)
        return e;
    e = read_root(root, ids, n_ids, out, &r);
    json_free(root);
    return e;
}

/* ---- writing ---- */

static void write_stream(const struct results_stream *s, struct jwrite *w)
{
    jwrite_object(w, NULL);
    jwrite_int(w, "id", s->id);
    jwrite_int(w, "bytes", s->bytes);
    jwrite_int(w, "retransmits", s->retransmits);
    jwrite_double(w, "jitter", s->jitter);
    jwrite_int(w, "errors", s->errors);
    jwrite_int(w, "omitted_errors", s->omitted_errors);
    jwrite_int(w, "packets", s->packets);
    jwrite_int(w, "omitted_packets", s->omitted_packets);
    jwrite_double(w, "start_time", s->start_time);
    jwrite_double(w, "end_time", s->end_time);
    jwrite_end(w);
}

void results_encode(const struct results *r, struct jwrite *w)
{
    jwrite_object(w, NULL);
    jwrite_double(w, "cpu_util_total", r->cpu_util_total);
    jwrite_double(w, "cpu_util_user", r->cpu_util_user);
    jwrite_double(w, "cpu_util_system", r->cpu_util_system);
    jwrite_int(w, "sender_has_retransmits", r->sender_has_retransmits);
    if (r->congestion_used != NULL)
        jwrite_string(w, "congestion_used", r->congestion_used);
    if (r->server_output_text != NULL)
        jwrite_string(w, "server_output_text", r->server_output_text);
    if (r->server_output_json != NULL)
        jwrite_raw(w, "server_output_json", r->server_output_json);
    jwrite_array(w, "streams");
    for (size_t i = 0; i < r->n_streams; i++)
        write_stream(&r->streams[i], w);
    jwrite_end(w);
    jwrite_end(w);
}
