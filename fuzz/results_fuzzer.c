/* results_fuzzer.c - the results: what was read is written and read back as the same, and holds
 * each stream of the test at most once.
 *
 * Input: a byte for the number of streams (0: any id is taken), then the text. */
#include "fuzz/fuzz.h"

#include "impl/wire/account.h"
#include "impl/wire/results.h"

static void count(void *context, const struct remark *remark)
{
    FUZZ_CHECK(remark->clause != NULL && remark->found[0] != '\0', "a remark on %s", remark->key);
    ++*(unsigned *)context;
}

/* The object as we would send it; for free(). */
static char *encode(const struct results *r)
{
    struct jwrite w;
    struct bytes text;

    jwrite_init(&w, JWRITE_COMPACT);
    results_encode(r, &w);
    FUZZ_CHECK(jwrite_finish(&w, &text) == SPEC_OK, "writer");
    return jwrite_take(&w);
}

static bool same_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return strcmp(a, b) == 0 || strstr(b, "\xef\xbf\xbd") != NULL; /* was not UTF-8 */
}

static double real(double value)
{
    return value - value == 0 ? value : 0; /* JSON has no infinity */
}

static bool same_stream(const struct results_stream *a, const struct results_stream *b)
{
    return a->id == b->id && a->bytes == b->bytes && a->retransmits == b->retransmits &&
           real(a->jitter) == b->jitter && a->errors == b->errors &&
           a->omitted_errors == b->omitted_errors && a->packets == b->packets &&
           a->omitted_packets == b->omitted_packets && real(a->start_time) == b->start_time &&
           real(a->end_time) == b->end_time;
}

static void check_same(const struct results *a, const struct results *b)
{
    FUZZ_CHECK(real(a->cpu_util_total) == b->cpu_util_total &&
                   real(a->cpu_util_user) == b->cpu_util_user &&
                   real(a->cpu_util_system) == b->cpu_util_system &&
                   a->sender_has_retransmits == b->sender_has_retransmits,
               "the head");
    FUZZ_CHECK(same_text(a->congestion_used, b->congestion_used) &&
                   same_text(a->server_output_text, b->server_output_text) &&
                   same_text(a->server_output_json, b->server_output_json),
               "a text");
    FUZZ_CHECK(a->n_streams == b->n_streams, "%zu streams, %zu", a->n_streams, b->n_streams);
    for (size_t i = 0; i < a->n_streams; i++)
        FUZZ_CHECK(same_stream(&a->streams[i], &b->streams[i]), "stream %zu", i);
}

static void check_written(const struct results *r)
{
    struct results again;
    char *text = encode(r), *text_again;
    struct bytes in = {(uint8_t *)text, strlen(text)};

    FUZZ_CHECK(results_decode(in, NULL, 0, &again, NULL) == SPEC_OK, "%s", text);
    check_same(r, &again);
    text_again = encode(&again);
    FUZZ_CHECK(strcmp(text, text_again) == 0, "%s and %s", text, text_again);
    free(text);
    free(text_again);
    results_fini(&again);
}

static void check_streams(const struct results *r, const int64_t *ids, size_t n_ids)
{
    FUZZ_CHECK(ids == NULL || r->n_streams <= n_ids, "%zu entries for %zu", r->n_streams, n_ids);
    for (size_t i = 0; i < r->n_streams; i++) {
        const struct results_stream *s = &r->streams[i];
        int64_t index = account_stream_index(s->id);
        FUZZ_CHECK(results_find(r, s->id) == s, "id %lld twice", (long long)s->id);
        FUZZ_CHECK(ids == NULL || (index >= 0 && (size_t)index < n_ids), "id %lld",
                   (long long)s->id);
        FUZZ_CHECK(s->has_times || (s->start_time == 0 && s->end_time == 0), "times");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    int64_t room[256], *ids = NULL;
    size_t n_ids = fuzz_u8(&in);
    struct results r, silent;
    unsigned n_remarks = 0;
    struct remarks remarks = {count, &n_remarks};

    for (size_t i = 0; i < n_ids; i++)
        room[i] = account_stream_id((unsigned)i);
    if (n_ids > 0)
        ids = room;
    fuzz_memory_start();
    enum spec_err err = results_decode(in, ids, n_ids, &r, &remarks);
    fuzz_memory_stop(4096, 256, size);
    FUZZ_CHECK(err == results_decode(in, ids, n_ids, &silent, NULL), "%d, not without remarks",
               err);
    FUZZ_CHECK(err == SPEC_OK || n_remarks > 0, "%d, and no remark says why", err);
    if (err == SPEC_OK) {
        check_written(&r);
        check_streams(&r, ids, n_ids);
    }
    results_fini(&r);
    results_fini(&silent);
    return 0;
}
