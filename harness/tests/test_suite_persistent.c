/* test_suite_persistent.c - a server that carries state over is found out, with the fewest cases
 * that show it; one that does not is left alone. */
#include "harness/suite/suite.h"
#include "impl/tests/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the server ------------------------------------------------------------------------------ */

/* Clients are told apart by the titles that they send. Once all of these were served, in this
 * order, the server gives its output to whoever comes. */
static const struct fault {
    const char *name, *titles[3];
} faults[] = {
    {"none",      {"nobody"}     },
    {"after-one", {"red"}        },
    {"after-two", {"red", "blue"}},
};

static const char *const manners[] = {
    "case good\nclause FLOW-1\nplays server\n\nfinish\n",
    "case bad\nclause FLOW-1\nplays server\n\n"
    "wire results.server_output_text = \"kept\"\nfinish\n",
};

/* The parameters with that title, or with any (NULL); empty if there are none. */
static struct bytes params_with(const struct session *record, const char *title)
{
    char member[64];

    snprintf(member, sizeof member, title ? "\"title\":\"%s\"" : "\"title\":", title);
    for (size_t i = 0; i < record->n; i++) {
        struct bytes body = record->messages[i].body;
        if (body.len > 0 && memmem(body.at, body.len, member, strlen(member)))
            return body;
    }
    return (struct bytes){NULL, 0};
}

static int be_server(const struct fault *fault, unsigned port)
{
    struct script_list list = {0};
    struct script_error error;
    struct sim_listener listener;
    const char *const *awaited = fault->titles;

    if (!script_read(&list, "good", manners[0], &error) ||
        !script_read(&list, "bad", manners[1], &error) || !sim_listen(&listener, "127.0.0.1", port))
        return 9;
    for (;;) {
        struct sim_config config = {
            .script = list.at[*awaited == NULL], .listener = &listener, .timeout_scale = 1};
        struct sim_outcome outcome;
        sim_run(&config, &outcome);
        awaited += *awaited && params_with(&outcome.record, *awaited).len > 0;
        struct bytes said = params_with(&outcome.record, NULL);
        if (said.len > 0 && write(STDOUT_FILENO, said.at, said.len) < 0)
            return 9;
        sim_outcome_fini(&outcome);
    }
}

/* --- the cases ------------------------------------------------------------------------------- */

/* Every title has a case, in this order, which finds its own title in what the server writes of
 * each session; green looks whether the server gave its output. */
static void make_cases(struct script_list *list)
{
    static const char *const titles[] = {"one",  "red",  "two",   "three",
                                         "blue", "four", "green", "5"};

    for (size_t i = 0; i < ARRAY_LEN(titles); i++) {
        struct text text = {0};
        struct script_error error;
        text_addf(&text,
                  "case x/%s\nclause RES-7\nplays client\n\nparams title = \"%s\"\nfinish\n"
                  "expect output json where .title == \"%s\"\n%s",
                  titles[i], titles[i], titles[i],
                  strcmp(titles[i], "green") == 0 ? "expect results without .server_output_text\n"
                                                  : "");
        if (!script_read(list, "t", text_string(&text), &error))
            fail_msg("line %u: expected %s, found %s", error.line, error.expected, error.found);
        text_fini(&text);
    }
}

/* --- the tests ------------------------------------------------------------------------------- */

static void start(struct suite *suite, const char *self, const char *fault)
{
    struct subject_build *build = &suite->settings.build;

    *suite = (struct suite){
        .settings = {.timeout_scale = 1, .jobs = 4}
    };
    snprintf(build->server_cmd, sizeof build->server_cmd, "%s --be %s {port}", self, fault);
    make_cases(&suite->cases);
}

/* "red blue green": the ids behind the slash. */
static void put_sequence(const struct suite *suite, const struct suite_finding *f, struct text *out)
{
    for (size_t i = 0; i < f->n; i++)
        text_addf(out, "%s%s", i ? " " : "", strchr(suite->cases.at[f->sequence[i]]->id, '/') + 1);
}

static const struct row {
    const char *fault;
    bool in_order;        /* else an order made from a seed, and its reverse: red is first in one */
    const char *sequence; /* NULL: nothing is found */
    bool is_known;        /* an expectation names it */
} rows[] = {
    {"none",      true,  NULL,             false},
    {"none",      false, NULL,             false},
    {"after-one", true,  "red green",      false},
    {"after-one", false, "red green",      false},
    {"after-two", true,  "red blue green", false},
    {"after-one", true,  "red green",      true },
};

static void expect_it(struct suite *suite)
{
    static const char row[] = "x/green carried DEF-12 as everybody knows\n";
    char path[UNIT_PATH_MAX];
    struct script_error error;
    int fd = mkstemp(unit_temporary(path, "expect"));

    assert_int_equal(write(fd, row, strlen(row)), strlen(row));
    close(fd);
    assert_true(suite_expectations_read(&suite->expectations, path, NULL, &error));
    unlink(path);
}

static void check(const struct row *row, const char *self, uint64_t seed)
{
    struct suite suite;
    struct text got = {0};
    struct suite_totals totals;

    start(&suite, self, row->fault);
    suite.in_order = row->in_order;
    suite.seed = seed;
    if (row->is_known)
        expect_it(&suite);
    assert_true(suite_run(&suite));
    for (size_t i = 0; i < suite.cases.n; i++)
        assert_int_equal(suite.results[i].judgement.verdict, SUITE_PASS);
    assert_true(suite_run_persistent(&suite));
    if (suite.n_findings > 0)
        put_sequence(&suite, &suite.findings[0], &got);
    if (suite.n_findings != (row->sequence != NULL) ||
        strcmp(text_string(&got), row->sequence ? row->sequence : "") != 0)
        fail_msg("%s, seed %u: %zu findings: %s", row->fault, (unsigned)seed, suite.n_findings,
                 text_string(&got));
    if (row->sequence) {
        const struct suite_finding *f = &suite.findings[0];
        assert_true(f->shows_again && f->is_shortest);
        assert_int_equal(f->fresh.verdict, SUITE_PASS);
        assert_int_not_equal(f->kept.verdict, SUITE_PASS);
        suite_count(&suite, &totals);
        assert_int_equal(totals.carried, !row->is_known);
        assert_int_equal(totals.once, 0);
    }
    text_fini(&got);
    suite_fini(&suite);
}

/* What was not played on one process had no verdict there that could differ. */
static void test_suite_run_persistent_that_is_interrupted_finds_nothing(void **state)
{
    volatile sig_atomic_t interrupted = 0;
    struct suite suite;

    start(&suite, *state, "none");
    suite.settings.interrupted = &interrupted;
    assert_true(suite_run(&suite));
    suite.results[0].judgement.verdict = SUITE_FAIL;
    interrupted = SIGINT;
    suite_run_persistent(&suite);
    assert_int_equal(suite.n_persistent, 0);
    assert_int_equal(suite.n_findings, 0);
    suite_fini(&suite);
}

/* One that flickers with a process of its own, and would be the same with any case before it. */
static void test_suite_run_persistent_that_needs_no_case_before_it_finds_a_flaky_one(void **state)
{
    struct suite suite;

    start(&suite, *state, "none");
    suite.seed = 1;
    assert_true(suite_run(&suite));
    suite.results[3].judgement.verdict = SUITE_FAIL;
    assert_true(suite_run_persistent(&suite));
    assert_int_equal(suite.n_findings, 0);
    for (size_t i = 0; i < suite.cases.n; i++)
        assert_int_equal(suite.results[i].standing, i == 3 ? SUITE_FLAKY : SUITE_GOOD);
    assert_int_equal(suite.results[3].again.verdict, SUITE_PASS);
    suite_fini(&suite);
}

static void test_suite_run_persistent_finds_the_fewest_cases_that_carry_state_over(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (uint64_t seed = 1; seed <= (rows[i].in_order ? 1 : 3); seed++)
            check(&rows[i], *state, seed);
}

int main(int argc, char **argv)
{
    char self[1024];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(
            test_suite_run_persistent_finds_the_fewest_cases_that_carry_state_over, self),
        cmocka_unit_test_prestate(test_suite_run_persistent_that_is_interrupted_finds_nothing,
                                  self),
        cmocka_unit_test_prestate(
            test_suite_run_persistent_that_needs_no_case_before_it_finds_a_flaky_one, self),
    };

    for (size_t i = 0; argc >= 4 && strcmp(argv[1], "--be") == 0 && i < ARRAY_LEN(faults); i++)
        if (strcmp(argv[2], faults[i].name) == 0)
            return be_server(&faults[i], (unsigned)strtoul(argv[3], NULL, 10));
    self[MAX(len, 0)] = '\0';
    subject_adopt_orphans();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
