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

static void check_written(const struct results *r)
{
    struct results again;
    char *text = encode(r), *text_again;
    struct bytes in = {(uint8_t *)text, strlen(text)};

    FUZZ_CHECK(results_decode(in, NULL, 0, &again, NULL) == SPEC_OK, "%s", text);
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
