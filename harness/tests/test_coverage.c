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

#define MISSED(subject, clause)                                                                    \
    "{\"schema\":1,\"exit\":1,\"exit_reason\":\"\",\"subject\":{" subject                          \
    "},\"totals\":{\"cases\":1,\"fail\":1,\"unexpected\":1},\"results\":[{\"id\":\"a\",\"cause\":" \
    "\"miss\","                                                                                    \
    "\"standing\":\"unexpected\",\"unexpected\":true,\"verdict\":\"fail\",\"clause\":\"" clause    \
    "\",\"clauses\":[\"CTL-1\",\"CTL-2\",\"UDPC-6\"],\"reactions\":[]}]}"

/* clang-format off */
static const struct row {
    const char *name, *report, *proofs;
    const char *line, *is; /* a line begins so, and the first words behind that are these */
    const char *listed, *unlisted; /* among what is missing, and not there */
} rows[] = {
    {"a clause that was judged", REPORT(OURS, "pass", "\"CTL-1\"", ""), "CTL-1 a x\n",
     "clauses, MUST and SHOULD", "219 1 0.5 % 0", "missing: CTL-2\n", ": CTL-1\n"},
    {"a clause on a stock build", REPORT(OLD, "pass", "\"CTL-1\"", ""), "# by a fault\nCTL-1 a x\n",
     "clauses, MUST and SHOULD", "219 1 0.5 % 1", NULL, ": CTL-1\n"},
    {"a clause that was skipped", REPORT(OLD, "skip", "\"CTL-1\"", ""), "CTL-1 a x\n",
     "clauses, MUST and SHOULD", "219 0 0.0 %", "missing: CTL-1\n", NULL},
    {"a clause that is only named", REPORT(OURS, "pass", "\"CTL-1\"", ""), "CTL-1 b x\nCTL-2 a x\n",
     "clauses, MUST and SHOULD", "219 0 0.0 %", "unproved: CTL-1\n", NULL},
    {"a clause that a stock build misses", MISSED(OLD, "CTL-2"), "",
     "clauses, MUST and SHOULD", "219 1 0.5 % 1", "unproved: CTL-1\n", ": CTL-2\n"},
    {"a clause that another build misses", MISSED(OURS, "CTL-2"), "",
     "clauses, MUST and SHOULD", "219 0 0.0 %", "unproved: CTL-2\n", NULL},
    {"a cell", REPORT(OURS, "pass", "", CLOSED("fail")), "",
     "cells of the client's table", "177 1 0.6 % 0", NULL, "missing: client/RUN/CEV_EOF\n"},
    {"a reaction", REPORT(OURS, "pass", "", CLOSED("fail") "," CLOSED("fail+10")), "",
     "reactions that cells allow", "612 2 0.3 %", NULL, NULL},
    {"a reaction that is not allowed", REPORT(OURS, "pass", "", CLOSED("obey")), "",
     "reactions that cells allow", "612 0 0.0 %", NULL, NULL},
    {"a prediction", REPORT(OLD, "pass", "\"UDPC-6\"", ""), "UDPC-6 a x\n",
     "clauses, IS, of these builds", "158 1 0.6 % 1", "not predicted: UDPC-2.v1\n", ": UDPC-2.v2\n"},
    {"a prediction that is only named", REPORT(OLD, "pass", "\"UDPC-6\"", ""), "",
     "clauses, IS, of these builds", "158 0 0.0 % 0", "unproved: UDPC-6\n", NULL},
    {"a prediction that does not hold", MISSED(OLD, "CTL-2"), "",
     "clauses, IS, of these builds", "158 1 0.6 % 1", NULL, ": UDPC-6\n"},
    {"a prediction of other versions", REPORT(OLD, "pass", "\"UDPC-2.v2\"", ""), "UDPC-2.v2 a x\n",
     "clauses, IS, of these builds", "158 0 0.0 %", "not predicted: UDPC-2.v1\n", ": UDPC-2.v2\n"},
    {"what a vendor repaired", REPORT(VENDOR, "pass", "", ""), "",
     "clauses, IS, of these builds", "165 0 0.0 %", "not predicted: JSON-9.v1\n", ": JSON-9.v2\n"},
    {"no stock build", REPORT(OURS, "pass", "\"UDPC-6\"", ""), "UDPC-6 a x\n",
     "clauses, IS, of these builds", "0 0 100.0 %", NULL, "not predicted"},
};

/* Files that cannot be read: behind their name comes this. */
static const struct {
    const char *left_out, *proofs, *why;
} bad[] = {
    {"CONN-5.n unseen\n",                       "", ": no line `at-most N`"},
    {"at-most 0\nCONN-5.n unseen\n",            "", ": 1 are left out, and `at-most` says 0: may only fall"},
    {"at-most 0\nat-most 1\nCONN-5.n unseen\n", "", ":2: a second `at-most`"},
    {"at-most 9\n\nCONN-5.n unseen\nCONN-5.n unseen\n", "", ":4: CONN-5.n is left out already"},
    {"at-most 9\nCONN-5.n no-sctp\n",           "", ":2: expected a clause or cell, and unseen, or no-sctp"},
    {"at-most 9\nclient/RUN/CEV_EOF slow\n",    "", ":2: expected a clause or cell, and unseen, or no-sctp"},
    {"at-most 9\nCONN-5.n dull\n",              "", ":2: expected a clause or cell, and unseen, or no-sctp"},
    {"at-most 9\nUDPC-6 unseen\n",              "", ": UDPC-6 is no clause or cell that has to be covered"},
    {"at-most 9\nCONN-999 unseen\n",            "", ": CONN-999 is no clause or cell that has to be covered"},
    {"at-most 0\n", "CTL-1 a x\nCTL-1 a\n",     ":2: expected a clause, a case and a fault"},
    {"at-most 0\n", "[{\"mutant\": 1}]\n",       ":1: expected a clause, a case and a fault"},
    {"at-most 0\n", "CTL-1 a x y\n",            ":1: expected a clause, a case and a fault"},
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

/* What is told of the report, or NULL, and why. */
static char *told_of(const char *report, const char *left_out, const char *proofs, struct text *why)
{
    char *paths[] = {file_of(report), file_of(left_out), file_of(proofs)}, *told;
    const char *const reports[] = {paths[0]};
    const struct coverage_files files = {.reports = reports,
                                         .n_reports = 1,
                                         .left_out = paths[1],
                                         .proofs = paths[2],
                                         .lists_missing = true};
    size_t len;
    bool is_whole = true;
    FILE *out = open_memstream(&told, &len);

    bool ok = coverage_print(out, &files, &is_whole, why);
    fclose(out);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        unlink(paths[i]);
        free(paths[i]);
    }
    if (ok && !is_whole)
        return told;
    free(told);
    return NULL;
}

static void test_coverage_print_counts_what_was_judged_by_cases_that_can_fail(void **state)
{
    char words[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct text why = {0};
        char *told = told_of(row->report, "at-most 0\n", row->proofs, &why);
        words_behind(told ? told : "", row->line, words, sizeof words);
        if (!told || strncmp(words, row->is, strlen(row->is)) != 0 ||
            (row->listed && !strstr(told, row->listed)) ||
            (row->unlisted && strstr(told, row->unlisted)))
            fail_msg("%s: %s: %s %s\n%s", row->name, row->line, words, text_string(&why), told);
        text_fini(&why);
        free(told);
    }
}

static void test_coverage_print_refuses_what_is_no_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct text why = {0};
        char *told = told_of(REPORT(OURS, "pass", "", ""), bad[i].left_out, bad[i].proofs, &why);
        if (told || !strstr(text_string(&why), bad[i].why))
            fail_msg("row %zu: %s", i, text_string(&why));
        text_fini(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage_print_counts_what_was_judged_by_cases_that_can_fail),
        cmocka_unit_test(test_coverage_print_refuses_what_is_no_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
