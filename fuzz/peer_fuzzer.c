/* peer_fuzzer.c - scripts in the .peer language: read, printed and read again they are the same.
 *
 * Input: a script's text, up to its first NUL. */
#include "fuzz/fuzz.h"

#include "harness/script/query.h"
#include "harness/script/raw.h"
#include "harness/session/write.h"
#include "impl/wire/json.h"

#define FILE_NAME "/nowhere/fuzz.peer" /* an `include` finds nothing beside it */
#define SOME      4                    /* scripts of a file that are looked at */
#define LONG      (1u << 18)           /* a text printed on one line, and not in pieces */

static unsigned count(const char *text, const char *word)
{
    unsigned n = 0;

    while ((text = strstr(text, word))) {
        text += strlen(word);
        n++;
    }
    return n;
}

static bool has_number_of(const char *text, size_t n)
{
    size_t digits = 0;

    for (; *text && digits < n; text++)
        digits = *text >= '0' && *text <= '9' ? digits + 1 : 0;
    return digits == n;
}

/* A hundred thousand cases are allowed, and megabytes of one text: both take their time. Files are
 * not to be read. */
static bool is_slow(const char *text)
{
    unsigned n = count(text, "foreach");

    return strstr(text, "include") || (n > 0 && has_number_of(text, 4)) || n > 2 ||
           (strstr(text, " x ") && has_number_of(text, 5)) ||
           (n > 1 && (strstr(text, "..") || strlen(text) > 600));
}

static void check_error(const struct script_error *e, const char *text)
{
    struct text words = {0};

    FUZZ_CHECK(e->expected[0], "no word on what was expected");
    FUZZ_CHECK(e->line <= count(text, "\n") + 1, "line %u of %u", e->line, count(text, "\n") + 1);
    FUZZ_CHECK(e->column <= strlen(text) + 1 || e->text[0], "column %u", e->column);
    script_error_format(e, &words);
    text_fini(&words);
}

static void take_problem(void *context, const struct script_error *problem)
{
    FUZZ_CHECK(problem->line > 0 && problem->expected[0] && problem->found[0], "line %u",
               problem->line);
    ++*(unsigned *)context;
}

static void check_lint(const struct script *script)
{
    unsigned told = 0, found = script_check(script, take_problem, &told);

    FUZZ_CHECK(found == told, "%u problems, %u told", found, told);
}

/* Some of what a subject may have sent. */
static const char results[] =
    "{\"cpu_util_total\":12.5,\"sender_has_retransmits\":-1,\"congestion_used\":\"cubic\",\"on\":"
    "true,"
    "\"none\":null,\"streams\":[{\"id\":1,\"bytes\":131072,\"jitter\":0,\"packets\":7},"
    "{\"id\":3,\"bytes\":65536,\"errors\":2,\"title\":\"a\"}],\"a\":{\"b\":[0,[1],\"x\"],\"c\":{}}"
    "}";

static bool some_fact(void *context, enum query_fact fact, int64_t id, double *value)
{
    (void)context;
    *value = (double)(id * 65536 + (int64_t)fact);
    return id < 4;
}

static const json_value *some_message(void *context, enum query_message which)
{
    return which == QUERY_PARAMS ? NULL : context;
}

/* What holds holds again; what does not says why. */
static void check_query(const struct query *query)
{
    json_value *root = NULL;
    struct text why = {0};

    if (json_parse((struct bytes){(const uint8_t *)results, sizeof results - 1}, &root) != SPEC_OK)
        abort();
    const struct query_facts facts = {some_fact, some_message, root};
    bool holds = query_holds(query, root, &facts, &why);
    FUZZ_CHECK(holds || why.len > 0, "it does not hold, nobody knows why");
    FUZZ_CHECK(holds == query_holds(query, root, &facts, NULL), "once %d, and then not", holds);
    query_holds(query, NULL, NULL, NULL);
    json_free(root);
    text_fini(&why);
}

static void check_queries(const struct script *script)
{
    for (size_t i = 0; i < script->steps.n; i++) {
        const struct script_step *step = &script->steps.at[i];
        for (size_t k = 0; step->verb == SCRIPT_EXPECT && k < step->expect.events.n; k++)
            if (step->expect.events.at[k].where)
                check_query(step->expect.events.at[k].where);
    }
}

static struct script_list read_again(const struct text *text)
{
    struct script_list list = {0};
    struct script_error e;

    FUZZ_CHECK(script_read(&list, FILE_NAME, text_string(text), &e),
               "line %u: expected %s, found %s, in\n%s", e.line, e.expected, e.found,
               text_string(text));
    FUZZ_CHECK(list.n == 1, "%zu scripts of what was one", list.n);
    return list;
}

static void check_print(const struct script *script)
{
    struct text once = {0}, twice = {0};

    script_print(script, &once);
    if (once.len < LONG) {
        struct script_list list = read_again(&once);
        script_print(list.at[0], &twice);
        FUZZ_CHECK(strcmp(text_string(&once), text_string(&twice)) == 0, "\n%s\nprinted again\n%s",
                   text_string(&once), text_string(&twice));
        script_list_fini(&list);
    }
    text_fini(&once);
    text_fini(&twice);
}

/* The session that a script in the raw form is, as a script. */
static bool write_session(const struct script *script, struct text *out)
{
    static const struct session_about about = {.id = "x", .clauses = "ST-1"};
    struct session session;
    struct script_error e;
    bool ok = script_session(script, &session, &e);

    FUZZ_CHECK(ok || (e.line > 0 && e.expected[0]), "refused at line %u", e.line);
    if (ok)
        session_write(&session, &about, out);
    session_fini(&session);
    return ok;
}

static void check_session(const struct script *script)
{
    struct text once = {0}, twice = {0};

    if (write_session(script, &once) && once.len < LONG) {
        struct script_list list = read_again(&once);
        FUZZ_CHECK(write_session(list.at[0], &twice), "not of the raw form any more:\n%s",
                   text_string(&once));
        FUZZ_CHECK(strcmp(text_string(&once), text_string(&twice)) == 0, "\n%s\nwritten again\n%s",
                   text_string(&once), text_string(&twice));
        script_list_fini(&list);
    }
    text_fini(&once);
    text_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text((struct bytes){data, size});
    struct script_list list = {0};
    struct script_error e;
    unsigned n_told = 0;

    FUZZ_CHECK(script_is_text(FILE_NAME, (const char *)data, size, &e) || strlen(text) < size,
               "line %u: no text", e.line);
    if (!is_slow(text) && !script_read(&list, FILE_NAME, text, &e)) {
        FUZZ_CHECK(list.n == 0, "%zu scripts of a file with a mistake", list.n);
        check_error(&e, text);
    }
    for (size_t i = 0; i < MIN(list.n, SOME); i++) {
        check_lint(list.at[i]);
        check_queries(list.at[i]);
        check_print(list.at[i]);
        check_session(list.at[i]);
    }
    if (list.n > 0)
        FUZZ_CHECK(script_check_ids(&list, take_problem, &n_told) == n_told, "%u told", n_told);
    script_list_fini(&list);
    free(text);
    return 0;
}
