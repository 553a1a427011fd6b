/* options_fuzzer.c - the command line of iperfref: a reason for every refusal, and what is taken
 * makes parameters that a server takes too.
 *
 * Input: words, each ended by a newline. */
#include "fuzz/fuzz.h"

#include "impl/options.h"
#include "impl/wire/clause.h"
#include "impl/wire/frame.h"
#include "impl/wire/jwrite.h"

#define WORDS 64

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* No terminal is asked. Files are looked at, never opened. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return setenv("IPERF3_PASSWORD", "secret", 1);
}

/* What a client must not or should not send. */
static void note(void *context, const struct remark *remark)
{
    const struct clause *clause = clause_find(remark->clause);

    if (clause == NULL || clause->level <= CLAUSE_SHOULD_NOT)
        snprintf(context, 128, "%s %s: %s", remark->clause, remark->key, remark->found);
}

static void check_params(const struct params *p)
{
    static const struct params_limits none;
    struct jwrite w;
    struct bytes text;
    struct params read;
    char first[128] = "";
    struct remarks remarks = {note, first};

    jwrite_init(&w, JWRITE_COMPACT);
    params_encode(p, &w);
    FUZZ_CHECK(jwrite_finish(&w, &text) == SPEC_OK, "writer");
    if (text.len <= PARAMS_LEN_LIMIT) {
        FUZZ_CHECK(params_decode(text, &read, &remarks) == SPEC_OK, "%s", w.buf);
        FUZZ_CHECK(first[0] == '\0', "%s in %s", first, w.buf);
        int refusal = params_check(&read, &none, NULL);
        FUZZ_CHECK(refusal == 0, "%d for %s", refusal, w.buf);
        params_fini(&read);
    }
    jwrite_fini(&w);
}

static void check_taken(struct options *opt)
{
    FUZZ_CHECK(opt->server != (opt->host != NULL), "the role");
    FUZZ_CHECK(opt->port >= 1 && opt->port <= 65535, "port %lld", (long long)opt->port);
    FUZZ_CHECK((opt->private_key == NULL) == (opt->users == NULL), "half of a server's keys");
    FUZZ_CHECK((opt->username == NULL) == (opt->public_key == NULL), "half of a client's keys");
    options_set_mss(opt, 1448);
    if (!opt->server)
        check_params(&opt->params);
}

static void parse(int argc, char **argv)
{
    struct options opt;
    char *said = NULL, *complaint = NULL;
    size_t said_len, complaint_len;
    FILE *out = open_memstream(&said, &said_len), *err = open_memstream(&complaint, &complaint_len);

    int result = options_parse(&opt, argc, argv, out, err);
    fclose(out);
    fclose(err);
    FUZZ_CHECK(result >= -1 && result <= 1, "%d", result);
    FUZZ_CHECK(result != 1 || complaint_len > 0, "no reason");
    FUZZ_CHECK(result != 0 || said_len > 0, "nothing said");
    if (result == -1)
        check_taken(&opt);
    options_fini(&opt);
    free(said);
    free(complaint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text((struct bytes){data, size}), *rest = text;
    char name[] = "iperfref", *argv[WORDS + 2] = {name};
    int argc = 1;

    while (rest != NULL && *rest != '\0' && argc <= WORDS)
        argv[argc++] = strsep(&rest, "\n");
    parse(argc, argv);
    free(text);
    return 0;
}
