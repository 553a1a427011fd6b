/* expectation_fuzzer.c - expectation files: read for any build and for one, asked about cases.
 *
 * Input: the file, up to its first NUL. */
#include "fuzz/file.h"
#include "fuzz/fuzz.h"

#include "harness/suite/suite.h"

static struct fuzz_file files[2];

static const char *const ids[] = {"ctl/cookie-short", "params/len-2^31", "[a]", "x\\", ""};

static unsigned count_lines(const char *text)
{
    unsigned n = 1;

    while ((text = strchr(text, '\n'))) {
        text++;
        n++;
    }
    return n;
}

static void check_error(const struct script_error *e, unsigned n_lines)
{
    FUZZ_CHECK(e->expected[0] && e->found[0], "line %u: no word on what was expected", e->line);
    FUZZ_CHECK(e->line > 0 && e->line <= n_lines, "line %u of %u", e->line, n_lines);
    FUZZ_CHECK(e->column <= e->skipped + strlen(e->text) + 1, "column %u of '%s'", e->column,
               e->text);
}

static void check_row(const struct suite_expectation *e, unsigned n_lines)
{
    FUZZ_CHECK(e->glob[0] && e->reason[0] && e->clause[0], "line %u: an empty word", e->line);
    FUZZ_CHECK(e->line > 0 && e->line <= n_lines, "line %u of %u", e->line, n_lines);
    FUZZ_CHECK(e->carried || e->verdict < SUITE_N_VERDICTS, "line %u: verdict %d", e->line,
               e->verdict);
    FUZZ_CHECK(e->carried || e->cause <= SIM_N_CAUSES, "line %u: cause %d", e->line, e->cause);
}

/* Each row's glob has a row that speaks about it as a case, if it has no wildcard; and what speaks
 * about some case is counted for it. */
static void check_find(struct suite_expectations *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *id = list->at[i].glob;
        const struct suite_expectation *found = list->at[i].carried
                                                    ? suite_expectations_find_carried(list, id)
                                                    : suite_expectations_find(list, id);
        FUZZ_CHECK(found && strcmp(found->glob, id) == 0 && found->carried == list->at[i].carried,
                   "'%s' is not found", id);
    }
    for (size_t k = 0; k < ARRAY_LEN(ids); k++) {
        const struct suite_expectation *found = suite_expectations_find(list, ids[k]);
        unsigned before = found ? found->matched : 0;
        suite_expectations_mark(list, ids[k]);
        FUZZ_CHECK(!found || found->matched == before + 1, "'%s' speaks about '%s', uncounted",
                   found->glob, ids[k]);
    }
}

/* The rows as a file of their own. */
static void print(const struct suite_expectations *list, struct text *out)
{
    text_adds(out, "# a line that is no row\n");
    for (size_t i = 0; i < list->n; i++) {
        const struct suite_expectation *e = &list->at[i];
        text_addf(out, "%s ", e->glob);
        if (e->carried)
            text_adds(out, "carried");
        else
            text_addf(
                out, "%s%s%s%s", suite_verdict_word(e->verdict), e->cause < SIM_N_CAUSES ? ":" : "",
                e->cause < SIM_N_CAUSES ? sim_cause_word(e->cause) : "", e->at_times ? "?" : "");
        text_addf(out, " %s %s\n", e->clause, e->reason);
    }
}

static void check_again(const struct suite_expectations *list)
{
    struct suite_expectations again = {0};
    struct text once = {0}, twice = {0};
    struct script_error e;

    print(list, &once);
    fuzz_file_fill(&files[1], (struct bytes){(const uint8_t *)once.at, once.len});
    FUZZ_CHECK(suite_expectations_read(&again, files[1].path, NULL, &e),
               "line %u: expected %s, found %s, in\n%s", e.line, e.expected, e.found,
               text_string(&once));
    print(&again, &twice);
    FUZZ_CHECK(strcmp(text_string(&once), text_string(&twice)) == 0, "\n%s\nprinted again\n%s",
               text_string(&once), text_string(&twice));
    suite_expectations_fini(&again);
    text_fini(&once);
    text_fini(&twice);
}

/* For one build there are no more rows than for any, and no row that any build would not have. */
static void check_for_build(const struct suite_expectations *all, const char *version,
                            const char *vendor, unsigned n_lines)
{
    struct subject_build build = {.name = "iperf3", .has_version = true};
    struct suite_expectations own = {0};
    struct script_error e;

    if (!clause_version_parse(version, vendor, &build.version))
        abort();
    if (suite_expectations_read(&own, files[0].path, &build, &e)) {
        FUZZ_CHECK(own.n <= all->n, "%zu rows, of all builds' %zu", own.n, all->n);
        check_find(&own);
    } else {
        check_error(&e, n_lines);
    }
    suite_expectations_fini(&own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text((struct bytes){data, size});
    unsigned n_lines = count_lines(text);
    struct suite_expectations all = {0};
    struct script_error e;

    fuzz_file_fill(&files[0], (struct bytes){(const uint8_t *)text, strlen(text)});
    fuzz_memory_start();
    bool ok = suite_expectations_read(&all, files[0].path, NULL, &e);
    fuzz_memory_stop(1 << 16, 64, size);
    for (size_t i = 0; i < all.n; i++)
        check_row(&all.at[i], n_lines);
    if (ok) {
        check_again(&all);
        check_for_build(&all, "3.12", NULL, n_lines);
        check_for_build(&all, "3.18", "deb13u2", n_lines);
    } else {
        check_error(&e, n_lines);
    }
    suite_expectations_fini(&all);
    free(text);
    return 0;
}
