/* test_fuzz.c - what a fuzzing run remembers, and how it tells. */
#include "impl/tests/unit.h"

#include "harness/fuzz/corpus.h"
#include "harness/fuzz/finding.h"
#include "harness/fuzz/journal.h"
#include "harness/fuzz/novelty.h"
#include "harness/fuzz/umpire.h"
#include "harness/session/edit.h"

#include "impl/wire/state.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_folder(char dir[UNIT_PATH_MAX])
{
    assert_non_null(mkdtemp(unit_temporary(dir, "fuzz")));
}

static struct text text_of(const char *string)
{
    return (struct text){.at = (char *)(uintptr_t)string, .len = strlen(string)};
}

static void test_novelty_take_counts_what_is_new_and_remembers_it(void **state)
{
    const struct text none = text_of(""), one = text_of("RUN SEV_TEST_END advance 0\n");
    const struct text two = text_of("RUN SEV_TEST_END advance 0\nRESULTS SEV_EOF close 0\n");
    const struct text said = text_of("error 12 at 7\n"), again = text_of("error 5 at 1234\n");
    char dir[UNIT_PATH_MAX], path[UNIT_PATH_MAX + 8];
    struct novelty n;

    (void)state;
    make_folder(dir);
    snprintf(path, sizeof path, "%s/seen", dir);
    assert_true(novelty_open(&n, path));
    assert_int_equal(novelty_take(&n, &one, &none), 1);
    assert_int_equal(novelty_take(&n, &one, &none), 0);
    assert_int_equal(novelty_take(&n, &two, &none), 2); /* the second, and both in a row */
    assert_int_equal(novelty_take(&n, &none, &said), 1);
    assert_int_equal(novelty_take(&n, &none, &again), 0); /* other numbers only */
    novelty_close(&n);
    assert_true(novelty_open(&n, path));
    assert_int_equal(n.n, 6);
    assert_int_equal(n.n_reactions, 2);
    assert_int_equal(n.n_states, 2);
    assert_int_equal(novelty_take(&n, &two, &said), 0);
    novelty_close(&n);
}

static void test_novelty_holds_many(void **state)
{
    struct novelty n;

    (void)state;
    assert_true(novelty_open(&n, NULL));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            char line[32];
            snprintf(line, sizeof line, "reaction %d\n", i);
            const struct text none = text_of(""), one = text_of(line);
            assert_int_equal(novelty_take(&n, &one, &none), round == 0);
        }
    novelty_close(&n);
}

static void test_novelty_take_edges_tells_edges_from_how_often_they_were_taken(void **state)
{
    const uint32_t first[] = {8 * 5, 8 * 6}, then[] = {8 * 5 + 3, 8 * 6};
    const struct text a = {.at = (char *)(uintptr_t)first, .len = sizeof first};
    const struct text b = {.at = (char *)(uintptr_t)then, .len = sizeof then};
    struct novelty n;

    (void)state;
    assert_true(novelty_open(&n, NULL));
    assert_int_equal(novelty_take_edges(&n, &a), 4);
    assert_int_equal(novelty_take_edges(&n, &b), 1); /* one of them more often */
    assert_int_equal(novelty_take_edges(&n, &b), 0);
    assert_int_equal(n.n_edges, 2);
    novelty_close(&n);
}

static void test_journal_find_gives_back_what_was_played(void **state)
{
    struct recipe made = {.run = 7, .seed = 0xfedcba9876543210u, .base = "seed-1", .other = "my s"};
    struct recipe found;
    char dir[UNIT_PATH_MAX];
    struct debt question;
    struct journal j;

    (void)state;
    make_folder(dir);
    assert_true(journal_open(&j, dir, 0));
    assert_true(journal_play(&j, &made));
    journal_suspect(&j, 7, "leak");
    assert_true(journal_open_question(dir, 0, &question));
    assert_int_equal(question.run, 7);
    assert_string_equal(question.cause, "leak");
    journal_settle(&j, 7);
    assert_false(journal_open_question(dir, 0, &question));
    journal_close(&j);
    assert_true(journal_find(dir, 7, &found));
    assert_true(found.seed == made.seed);
    assert_string_equal(found.base, "seed-1");
    assert_string_equal(found.other, "my s");
    assert_false(journal_find(dir, 6, &found));
}

/* A run has a number of its own, however many workers there were before. */
static void test_journal_count_tells_the_run_behind_all(void **state)
{
    char dir[UNIT_PATH_MAX];
    uint64_t next;

    (void)state;
    make_folder(dir);
    assert_int_equal(journal_count(dir, &next), 0);
    assert_int_equal(next, 0);
    for (unsigned i = 0; i < 3; i++) {
        struct recipe r = {.run = i == 1 ? 40 : i, .seed = 1, .base = "a", .other = "b"};
        struct journal j;
        assert_true(journal_open(&j, dir, i));
        assert_true(journal_play(&j, &r));
        journal_close(&j);
    }
    assert_int_equal(journal_count(dir, &next), 3);
    assert_int_equal(next, 41);
}

/* What an interrupted write has left is nothing that the next line goes on with. */
static void test_journal_open_begins_a_line(void **state)
{
    struct recipe r = {.run = 12, .seed = 1, .base = "a", .other = "b"}, found;
    char dir[UNIT_PATH_MAX], path[UNIT_PATH_MAX + 16];
    struct journal j;

    (void)state;
    make_folder(dir);
    snprintf(path, sizeof path, "%s/journal-0", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("11\tfe", f);
    fclose(f);
    assert_true(journal_open(&j, dir, 0));
    assert_true(journal_play(&j, &r));
    journal_close(&j);
    assert_true(journal_find(dir, 12, &found));
}

/* A full disk: what is not written is told. */
static void test_journal_play_says_what_cannot_be_written(void **state)
{
    struct recipe r = {.run = 12, .seed = 1, .base = "a", .other = "b"};
    struct journal j = {.file = fopen("/dev/full", "a")};

    (void)state;
    assert_non_null(j.file);
    assert_false(journal_play(&j, &r));
    journal_close(&j);
}

static void test_journal_debts_are_what_no_journal_has_paid(void **state)
{
    char dir[UNIT_PATH_MAX];
    struct debt *debts;
    struct journal j[2];

    (void)state;
    make_folder(dir);
    assert_int_equal(journal_debts(dir, &debts), 0);
    for (unsigned i = 0; i < ARRAY_LEN(j); i++)
        assert_true(journal_open(&j[i], dir, i));
    journal_pay(&j[0], 12); /* of the other's */
    journal_owe(&j[0], 3, "leak");
    journal_owe(&j[1], 12, "hang");
    journal_owe(&j[1], 7, "crash");
    assert_int_equal(journal_debts(dir, &debts), 2);
    assert_int_equal(debts[0].run, 3);
    assert_string_equal(debts[0].cause, "leak");
    assert_int_equal(debts[1].run, 7);
    assert_string_equal(debts[1].cause, "crash");
    free(debts);
    for (unsigned i = 0; i < ARRAY_LEN(j); i++)
        journal_close(&j[i]);
}

static void test_journal_claim_is_of_one_process(void **state)
{
    char dir[UNIT_PATH_MAX], path[UNIT_PATH_MAX + 8];
    int status, tell[2];
    char done;

    (void)state;
    make_folder(dir);
    assert_int_equal(pipe(tell), 0);
    pid_t other = fork();
    if (other == 0) {
        bool ok = journal_claim(dir);
        if (write(tell[1], &ok, 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(tell[0], &done, 1), 1);
    assert_true(done);
    assert_false(journal_claim(dir));
    assert_int_equal(errno, EAGAIN);
    kill(other, SIGKILL);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_true(journal_claim(dir));
    snprintf(path, sizeof path, "%s/nothing", dir);
    assert_false(journal_claim(path));
    assert_int_equal(errno, ENOENT);
    close(tell[0]);
    close(tell[1]);
}

static void test_corpus_open_wants_a_folder(void **state)
{
    char dir[UNIT_PATH_MAX], path[UNIT_PATH_MAX + 16];
    struct corpus c;

    (void)state;
    make_folder(dir);
    snprintf(path, sizeof path, "%s/new", dir);
    assert_true(corpus_open(&c, path, true, true));
    corpus_close(&c);
    snprintf(path, sizeof path, "%s/no/new", dir);
    assert_false(corpus_open(&c, path, true, true));
    assert_int_equal(errno, ENOENT);
    corpus_close(&c);
    assert_false(corpus_open(&c, "/dev/null", true, true));
    assert_int_equal(errno, ENOTDIR);
    corpus_close(&c);
}

static void test_corpus_open_has_correct_seeds_for_each_role(void **state)
{
    size_t both;
    struct corpus c;

    (void)state;
    assert_true(corpus_open(&c, NULL, true, true));
    both = c.n;
    corpus_close(&c);
    for (int client = 0; client < 2; client++) {
        assert_true(corpus_open(&c, NULL, !client, client));
        assert_in_range(c.n, 3, both - 3);
        both -= client ? c.n : 0;
        for (size_t i = 0; i < c.n; i++)
            assert_int_equal(c.at[i].what.session.we_serve, client);
        corpus_close(&c);
    }
}

static void test_corpus_add_is_there_when_it_is_opened_again(void **state)
{
    char dir[UNIT_PATH_MAX];
    struct corpus c;

    (void)state;
    make_folder(dir);
    assert_true(corpus_open(&c, dir, true, true));
    size_t n = c.n;
    struct fuzz_case what;
    fuzz_case_copy(&c.at[n - 1].what, &what); /* of a client: options and parameters are kept */
    assert_true(corpus_add(&c, "s00000012", &what));
    corpus_close(&c);
    assert_true(corpus_open(&c, dir, true, true));
    assert_int_equal(c.n, n + 1);
    const struct fuzz_case *again = corpus_find(&c, "s00000012");
    assert_non_null(again);
    assert_string_equal(again->subject, what.subject);
    assert_string_equal(again->params, what.params);
    assert_int_equal(again->session.n, what.session.n);
    fuzz_case_fini(&what);
    corpus_close(&c);
}

static void put_file(const char *dir, const char *name, const char *text)
{
    char path[UNIT_PATH_MAX + 100];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
}

/* Of a user's folder: what the roles can be judged by; and what is of no use is told. */
static void test_corpus_open_takes_the_scripts_of_its_roles(void **state)
{
    static const char ours[] = "case a\nclause ST-1\nplays client\n\nclose\n";
    static const char theirs[] = "case a\nclause ST-1\nplays server\nsubject -t 1\n\nclose\n";
    static const char long_name[] =
        "a-name-of-more-characters-than-a-line-of-the-journal-has-room-for.peer";
    char dir[UNIT_PATH_MAX];
    struct text left_out = {0};
    struct corpus c;

    (void)state;
    make_folder(dir);
    put_file(dir, "my own.peer", ours);
    put_file(dir, "theirs.peer", theirs);
    put_file(dir, "seed-0.peer", ours);
    put_file(dir, "broken.peer", "case a\n");
    put_file(dir, long_name, ours);
    assert_true(corpus_open(&c, dir, true, false));
    assert_int_equal(c.n, c.n_seeds + 1);
    assert_non_null(corpus_find(&c, "my own"));
    corpus_close(&c);
    corpus_left_out(dir, &left_out);
    assert_null(strstr(text_string(&left_out), "own.peer"));
    assert_null(strstr(text_string(&left_out), "theirs.peer"));
    assert_non_null(strstr(text_string(&left_out), "/seed-0.peer is left out: "));
    assert_non_null(strstr(text_string(&left_out), "/broken.peer is left out: "));
    assert_non_null(strstr(text_string(&left_out), "has-room-for.peer is left out: "));
    text_fini(&left_out);
}

/* A hundred sessions that end early do not keep the few that go on from being drawn. */
static void test_corpus_draw_gives_each_state_its_share(void **state)
{
    struct corpus c;
    struct fuzz_case early;
    uint64_t seed = 1;
    unsigned n_late = 0, n_early = 0;

    (void)state;
    assert_true(corpus_open(&c, NULL, true, false));
    fuzz_case_copy(&c.at[0].what, &early);
    while (early.session.n > 3)
        session_remove(&early.session, early.session.n - 1);
    for (int i = 0; i < 100; i++)
        assert_true(corpus_add(&c, "early", &early));
    assert_true(c.at[c.n - 1].state < c.at[0].state);
    for (int i = 0; i < 1000; i++) {
        const struct corpus_entry *drawn = corpus_draw(&c, &seed);
        n_early += drawn->state == c.at[c.n - 1].state;
        n_late += drawn->state == c.at[0].state;
    }
    assert_in_range(n_late, 400, 950);
    assert_in_range(n_early, 50, 400);
    fuzz_case_fini(&early);
    corpus_close(&c);
}

/* --- umpire ---------------------------------------------------------------------------------- */

static void pass(struct umpire *u, const struct tap_flow *flow, enum tap_kind kind,
                 enum session_from from, struct bytes bytes)
{
    const struct tap_event e = {.kind = kind, .from = from, .flow = flow, .bytes = bytes};

    u->tap.event(u->tap.context, &e);
}

/* What comes once more from a server that serves on is nothing that the session had forbidden. */
static void test_umpire_listens_to_the_first_play_alone(void **state)
{
    static const uint8_t cookie[37] = "abcdefghijklmnopqrstuvwxyz0123456789", asks = PARAM_EXCHANGE;
    const struct tap_flow flow = {.id = 1, .by = SESSION_US};
    struct umpire u;

    (void)state;
    umpire_init(&u);
    for (int twice = 0; twice < 2; twice++) { /* on one connection, on two */
        umpire_begin(&u, false);
        for (int i = 0; i < 2; i++) {
            if (i == 0 || twice)
                pass(&u, &flow, TAP_OPEN, SESSION_US, (struct bytes){0});
            if (i == 0 || twice)
                pass(&u, &flow, TAP_BYTES, SESSION_US, (struct bytes){cookie, sizeof cookie});
            pass(&u, &flow, TAP_BYTES, SESSION_SUBJECT, (struct bytes){&asks, 1});
        }
        assert_int_equal(umpire_end(&u), !twice);
    }
}

/* Behind our own fault: what we may have led it to is no breach, what nobody may ever say is. */
static void test_umpire_judges_what_is_never_right_behind_our_fault(void **state)
{
    static const uint8_t cookie[37] = "abcdefghijklmnopqrstuvwxyz0123456789", asks = PARAM_EXCHANGE;
    static const uint8_t ours = 0x7f, its[] = {CREATE_STREAMS, 0x7f};
    const struct tap_flow flow = {.id = 1, .by = SESSION_US};
    struct umpire u;

    (void)state;
    umpire_init(&u);
    for (size_t i = 0; i < ARRAY_LEN(its); i++) {
        umpire_begin(&u, false);
        pass(&u, &flow, TAP_OPEN, SESSION_US, (struct bytes){0});
        pass(&u, &flow, TAP_BYTES, SESSION_US, (struct bytes){cookie, sizeof cookie});
        pass(&u, &flow, TAP_BYTES, SESSION_SUBJECT, (struct bytes){&asks, 1});
        pass(&u, &flow, TAP_BYTES, SESSION_US, (struct bytes){&ours, 1});
        pass(&u, &flow, TAP_BYTES, SESSION_SUBJECT, (struct bytes){&its[i], 1});
        assert_int_equal(umpire_end(&u), its[i] == 0x7f);
    }
    assert_string_equal(u.violation.clause, "ST-2");
    assert_int_equal(u.violation.offset, 1);
}

/* --- verdicts -------------------------------------------------------------------------------- */

/* Two faults have two keys, whoever reports them. */
static void test_verdict_make_key_tells_reports_apart(void **state)
{
    static const struct {
        const char *got, *said, *key;
    } rows[] = {
        {"==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x60 at pc 0x5f",
         "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x60 at pc 0x5f\n"
         "READ of size 4 at 0x60 thread T0\n    #0 0x5f in __interceptor_strlen x.cpp:1\n"
         "    #1 0x5e in iperf_printf /src/iperf_api.c:3:4\n    #2 0x5d in main /src/main.c:1\n", "server sanitizer heap-use-after-free iperf_printf main"          },
        {"/src/a/iperf_api.c:12:3: runtime error: shift exponent 40 is too large",
         "/src/a/iperf_api.c:12:3: runtime error: shift exponent 40 is too large\n",              "server sanitizer iperf_api.c:12:3"                               },
        {"timer.c:9:1: runtime error: signed integer overflow: 1 + 2",                   "",
         "server sanitizer timer.c:9:1"                                                                                                                             },
        {"==7== Invalid read of size 4",
         "==7== Invalid read of size 4\n==7==    at 0x5F: JSON_read (iperf_api.c:5)\n"
         "==7==    by 0x5E: get_parameters (iperf_api.c:9)\n"
         "==7==  Address 0x0 is not stack'd, malloc'd or (recently) free'd\n",                    "server sanitizer Invalid read of size 4 JSON_read get_parameters"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict v = {.cause = SIM_SANITIZER};
        text_adds(&v.got, rows[i].got);
        text_adds(&v.said, rows[i].said);
        verdict_make_key(&v);
        assert_string_equal(v.key, rows[i].key);
        verdict_fini(&v);
    }
}

/* --- findings -------------------------------------------------------------------------------- */

static void test_finding_name_is_a_word_of_letters(void **state)
{
    char name[32];

    (void)state;
    finding_name("server crash SIGABRT malloc(): x RUN", name, sizeof name);
    assert_string_equal(name, "server-crash-sigabrt-malloc-x-r");
    finding_name("a..", name, sizeof name);
    assert_string_equal(name, "a");
}

/* Whatever was found, its script can begin the next run (--corpus). */
static void test_finding_script_is_read_as_a_session(void **state)
{
    static const enum sim_cause causes[] = {SIM_CRASH, SIM_LEAK, SIM_MISS};
    struct session_message m = {.kind = SESSION_STATE, .state = IPERF_START};

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(causes); i++) {
        struct finding f = {
            .key = "a b", .cause = causes[i / 2], .clause = "ST-1", .got = "x", .offset = 9};
        struct fuzz_case c = {.session = {.we_serve = i % 2}}, again;
        struct text script = {0}, why = {0};
        session_add(&c.session, &m);
        finding_script(&f, &c, &c.session, &script);
        if (!fuzz_case_read("x", text_string(&script), &again, &why))
            fail_msg("%s\n%s", text_string(&why), text_string(&script));
        assert_true(again.session.n >= c.session.n);
        assert_int_equal(again.session.we_serve, i % 2);
        fuzz_case_fini(&again);
        fuzz_case_fini(&c);
        text_fini(&script);
        text_fini(&why);
    }
}

static void test_finding_write_lists_each_once(void **state)
{
    struct finding f = {.key = "server crash RUN", .cause = SIM_CRASH, .got = "killed", .run = 5};
    struct text script = text_of("case a\n"), list = {0};
    char dir[UNIT_PATH_MAX], path[UNIT_PATH_MAX + 16];

    (void)state;
    make_folder(dir);
    assert_false(finding_is_known(dir, f.key));
    assert_true(finding_write(dir, &f, &script));
    assert_true(finding_is_known(dir, f.key));
    f.n_shown = f.n_played = 3;
    f.is_minimal = true;
    assert_true(finding_write(dir, &f, &script));
    f.key = "server hang RUN";
    f.got = "1 | 2";
    assert_true(finding_write(dir, &f, &script));
    snprintf(path, sizeof path, "%s/README.md", dir);
    assert_true(text_read_file(&list, path));
    const char *first = strstr(text_string(&list), "[server-crash-run]");
    assert_non_null(first);
    assert_null(strstr(first + 1, "[server-crash-run]"));
    assert_non_null(strstr(first, "| 5 | 3 of 3 | 1 |"));
    assert_non_null(strstr(first, "[server-hang-run](server-hang-run.peer) | 1 \\| 2 | 5 |"));
    text_fini(&list);
}

/* Workers find things at the same time. */
static void test_finding_write_lists_what_several_write(void **state)
{
    char dir[UNIT_PATH_MAX], path[UNIT_PATH_MAX + 16], key[32];
    struct text script = text_of("case a\n"), list = {0};
    unsigned n = 0;

    (void)state;
    make_folder(dir);
    for (int writer = 0; writer < 4; writer++)
        if (fork() == 0) {
            for (int i = 0; i < 25; i++) {
                struct finding f = {.key = key, .cause = SIM_CRASH, .got = "killed"};
                snprintf(key, sizeof key, "crash %d %d", writer, i);
                if (!finding_write(dir, &f, &script))
                    _exit(1);
            }
            _exit(0);
        }
    for (int status, i = 0; i < 4; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    snprintf(path, sizeof path, "%s/README.md", dir);
    assert_true(text_read_file(&list, path));
    for (const char *at = text_string(&list); (at = strstr(at, "\n| [crash-")); at++)
        n++;
    assert_int_equal(n, 100);
    text_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_novelty_take_counts_what_is_new_and_remembers_it),
        cmocka_unit_test(test_novelty_holds_many),
        cmocka_unit_test(test_novelty_take_edges_tells_edges_from_how_often_they_were_taken),
        cmocka_unit_test(test_journal_find_gives_back_what_was_played),
        cmocka_unit_test(test_journal_count_tells_the_run_behind_all),
        cmocka_unit_test(test_journal_open_begins_a_line),
        cmocka_unit_test(test_journal_play_says_what_cannot_be_written),
        cmocka_unit_test(test_journal_debts_are_what_no_journal_has_paid),
        cmocka_unit_test(test_journal_claim_is_of_one_process),
        cmocka_unit_test(test_corpus_open_wants_a_folder),
        cmocka_unit_test(test_corpus_open_takes_the_scripts_of_its_roles),
        cmocka_unit_test(test_corpus_open_has_correct_seeds_for_each_role),
        cmocka_unit_test(test_corpus_add_is_there_when_it_is_opened_again),
        cmocka_unit_test(test_corpus_draw_gives_each_state_its_share),
        cmocka_unit_test(test_umpire_listens_to_the_first_play_alone),
        cmocka_unit_test(test_umpire_judges_what_is_never_right_behind_our_fault),
        cmocka_unit_test(test_verdict_make_key_tells_reports_apart),
        cmocka_unit_test(test_finding_name_is_a_word_of_letters),
        cmocka_unit_test(test_finding_script_is_read_as_a_session),
        cmocka_unit_test(test_finding_write_lists_each_once),
        cmocka_unit_test(test_finding_write_lists_what_several_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
