/* params_fuzzer.c - the parameters: what was read is written and read back as the same; what an
 * honest client can send, a server without limits accepts.
 *
 * Input: 17 bytes for the server's limits, then the text. */
#include "fuzz/fuzz.h"

#include "impl/wire/ierr.h"
#include "impl/wire/params.h"

static void count(void *context, const struct remark *remark)
{
    FUZZ_CHECK(remark->clause != NULL && remark->found[0] != '\0', "a remark on %s", remark->key);
    ++*(unsigned *)context;
}

/* The object as we would send it; for free(). */
static char *encode(const struct params *p)
{
    struct jwrite w;
    struct bytes text;

    jwrite_init(&w, JWRITE_COMPACT);
    params_encode(p, &w);
    FUZZ_CHECK(jwrite_finish(&w, &text) == SPEC_OK, "writer");
    return jwrite_take(&w);
}

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* A text that is not UTF-8 is written changed. */
static bool same_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return strcmp(a, b) == 0 || strstr(b, "\xef\xbf\xbd") != NULL;
}

static void check_same(const struct params *a, const struct params *b)
{
#define SAME_FLAG(name)   a->name == b->name
#define SAME_NUMBER(name) a->name == b->name
#define SAME_STRING(name) same_text(a->name, b->name)
#define X(kind, name)                                                                              \
    FUZZ_CHECK(params_has(a, PARAM_##name) == params_has(b, PARAM_##name) && SAME_##kind(name),    \
               #name);
    PARAM_KEYS(X)
#undef X
}

static void check_written(const struct params *p)
{
    struct params again, copy;
    char *text = encode(p), *texts[2];

    FUZZ_CHECK(params_decode(bytes_of(text), &again, NULL) == SPEC_OK, "%s", text);
    FUZZ_CHECK(params_copy(&copy, p) == SPEC_OK, "copy");
    check_same(p, &again);
    check_same(p, &copy);
    texts[0] = encode(&again);
    texts[1] = encode(&copy);
    FUZZ_CHECK(strcmp(text, texts[0]) == 0, "%s and %s", text, texts[0]);
    FUZZ_CHECK(strcmp(text, texts[1]) == 0, "%s and %s", text, texts[1]);
    free(text);
    free(texts[0]);
    free(texts[1]);
    params_fini(&again);
    params_fini(&copy);
}

static void check_accepted(const struct params *p)
{
    int64_t n = params_n_streams(p);

    FUZZ_CHECK(n >= 1 && n <= 256, "%lld streams", (long long)n);
    FUZZ_CHECK(params_time_limit(p) >= 0 && params_time_limit(p) <= 86400, "%lld s",
               (long long)params_time_limit(p));
    FUZZ_CHECK(p->omit >= 0 && p->len > 0, "omit %lld, len %lld", (long long)p->omit,
               (long long)p->len);
    FUZZ_CHECK(p->len <= (params_protocol(p) == PARAMS_UDP ? 65507 : 1048576), "len %lld",
               (long long)p->len); /* PARAM-19 */
    if (p->bidirectional)
        FUZZ_CHECK(params_client_sends(p, 0) && !params_client_sends(p, (unsigned)n - 1), "bidir");
}

static void check_judged(const struct params *p, const struct params_limits *limits,
                         unsigned n_remarks)
{
    static const struct params_limits none;
    unsigned n = 0;
    struct remarks remarks = {count, &n};
    int refusal = params_check(p, limits, NULL);

    FUZZ_CHECK(refusal == params_check(p, limits, &remarks), "%d, but not with remarks", refusal);
    FUZZ_CHECK((refusal != 0) == (n > 0), "%d with %u remarks", refusal, n);
    FUZZ_CHECK(refusal == 0 || ierr_name(refusal) != NULL, "%d", refusal);
    if (refusal == 0)
        check_accepted(p);
    refusal = params_check(p, &none, NULL);
    FUZZ_CHECK(n_remarks > 0 || refusal == 0, "honest parameters are refused with %d", refusal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    uint8_t flags = fuzz_u8(&in);
    struct params_limits limits = {
        .max_duration_s = flags & 1 ? (int64_t)(fuzz_u64(&in) >> 1) : 0,
        .max_bitrate_bps = flags & 2 ? fuzz_u64(&in) : 0,
        .file_given = flags & 4,
        .no_sctp = flags & 8,
    };
    struct params p, silent;
    unsigned n_remarks = 0;
    struct remarks remarks = {count, &n_remarks};

    fuzz_memory_start();
    enum spec_err err = params_decode(in, &p, &remarks);
    fuzz_memory_stop(4096, 160, size);
    FUZZ_CHECK(err == params_decode(in, &silent, NULL), "%d, but not without remarks", err);
    FUZZ_CHECK(err == SPEC_OK || (err == SPEC_E_JSON && n_remarks > 0), "%d, %u remarks", err,
               n_remarks);
    if (err == SPEC_OK) {
        check_written(&p);
        check_judged(&p, &limits, n_remarks);
    }
    params_fini(&p);
    params_fini(&silent);
    return 0;
}
