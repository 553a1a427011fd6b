/* test_coverage.c - what a few results cover of the tables and of the registry. */
#include "harness/report/coverage.h"
#include "impl/tests/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPORT(subject, verdict, clauses, reactions)                                               \
    "{\"schema\":1,\"exit\":0,\"exit_reason\":\"\",\"subject\":{" subject                          \
    "},\"totals\":{\"cases\":1,\"" verdict                                                         \
    "\":1},\"results\":[{\"id\":\"a\",\"cause\":\"ok\",\"standing\":\"as-expected\","              \
    "\"unexpected\":false,\"verdict\":\"" verdict "\",\"clauses\":[" clauses                       \
    "],\"reactions\":[" reactions "]}]}"
#define OLD    "\"name\":\"iperf\",\"profile\":\"iperf 3.9 deb11u1\""
#define VENDOR "\"name\":\"iperf\",\"profile\":\"iperf 3.12 deb12u2\""
#define OURS   "\"name\":\"iperfref\",\"profile\":\"any\""
#define CLOSED(reaction)                                                                           \
    "{\"state\":\"RUN\",\"event\":\"CEV_EOF\",\"reaction\":\"" reaction "\",\"error\":0}"

/* clang-format off */
static const struct row {
    const char *name, *report;
    const char *line, *is; /* a line begins so, and the first words behind that are these */
    const char *listed, *unlisted; /* among what is missing, and not there */
} rows[] = {
    {"a clause that was judged", REPORT(OURS, "pass", "\"CTL-1\"", ""),
     "clauses, MUST and SHOULD", "219 1 0.5 % 0", "missing: CTL-2\n", "missing: CTL-1\n"},
    {"a clause on a stock build", REPORT(OLD, "pass", "\"CTL-1\"", ""),
     "clauses, MUST and SHOULD", "219 1 0.5 % 1", NULL, "missing: CTL-1\n"},
    {"a clause that was skipped", REPORT(OLD, "skip", "\"CTL-1\"", ""),
     "clauses, MUST and SHOULD", "219 0 0.0 %", "missing: CTL-1\n", NULL},
    {"a cell", REPORT(OURS, "pass", "", CLOSED("fail")),
     "cells of the client's table", "177 1 0.6 % 0", NULL, "missing: client/RUN/CEV_EOF\n"},
    {"a reaction", REPORT(OURS, "pass", "", CLOSED("fail") "," CLOSED("fail+10")),
     "reactions that cells allow", "612 2 0.3 %", NULL, NULL},
    {"a reaction that is not allowed", REPORT(OURS, "pass", "", CLOSED("obey")),
     "reactions that cells allow", "612 0 0.0 %", NULL, NULL},
    {"a prediction", REPORT(OLD, "pass", "\"UDPC-6\"", ""),
     "clauses, IS, of these builds", "158 1 0.6 % 1", "not predicted: UDPC-2.v1\n", "not predicted: UDPC-2.v2\n"},
    {"a prediction of other versions", REPORT(OLD, "pass", "\"UDPC-2.v2\"", ""),
     "clauses, IS, of these builds", "158 0 0.0 %", "not predicted: UDPC-2.v1\n", "not predicted: UDPC-2.v2\n"},
    {"what a vendor repaired", REPORT(VENDOR, "pass", "", ""),
     "clauses, IS, of these builds", "165 0 0.0 %", "not predicted: JSON-9.v1\n", "not predicted: JSON-9.v2\n"},
    {"no stock build", REPORT(OURS, "pass", "\"UDPC-6\"", ""),
     "clauses, IS, of these builds", "0 0 100.0 %", NULL, "not predicted"},
};
/* clang-format on */

static char *file_of(const char *text)
{
    char *path = strdup("/tmp/test-coverage-XXXXXX");
    int fd = mkstemp(path);

    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

/* The words behind that beginning of a line, with one blank between two. */
static void words_behind(const char *text, const char *line, char *out, size_t cap)
{
    const char *at = strstr(text, line);
    size_t n = 0;

    for (at = at ? at + strlen(line) : ""; *at && *at != '\n' && n + 1 < cap; at++)
        if (*at != ' ' || (n > 0 && out[n - 1] != ' '))
            out[n++] = *at;
    out[n] = '\0';
}

static void check(const struct row *row)
{
    char *report = file_of(row->report), *left_out = file_of("at-most 0\n"), *told, words[200];
    const char *const reports[] = {report};
    const struct coverage_files files = {
        .reports = reports, .n_reports = 1, .left_out = left_out, .lists_missing = true};
    struct text why = {0};
    size_t len;
    bool is_whole = true;
    FILE *out = open_memstream(&told, &len);

    bool ok = coverage_print(out, &files, &is_whole, &why);
    fclose(out);
    words_behind(told, row->line, words, sizeof words);
    if (!ok || is_whole || strncmp(words, row->is, strlen(row->is)) != 0 ||
        (row->listed && !strstr(told, row->listed)) ||
        (row->unlisted && strstr(told, row->unlisted)))
        fail_msg("%s: %s: %s %s\n%s", row->name, row->line, words, text_string(&why), told);
    text_fini(&why);
    free(told);
    unlink(report);
    unlink(left_out);
    free(report);
    free(left_out);
}

static void test_coverage_print_counts_what_was_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage_print_counts_what_was_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
