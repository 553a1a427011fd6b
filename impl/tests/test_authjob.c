#include "impl/net/authjob.h"

#include "impl/tests/alloc.h"
#include "impl/tests/keys.h"
#include "impl/tests/loopback.h"

#define N_JOBS 40

static struct loop *loop;
static struct auth_key *private_key, *public_key;
static struct auth_policy policy;
static struct authjob_worker *worker;
static char token[TOKEN_TEXT_MAX], why[128];
static int n_done, n_ok;
static bool all_done;
static int wanted;

static void done(void *context, enum auth_verdict verdict, const char *user)
{
    assert_ptr_equal(context, &n_done);
    assert_string_equal(user, verdict == AUTH_OK ? "mario" : "");
    n_ok += verdict == AUTH_OK;
    all_done = ++n_done == wanted;
}

static int set_up_keys(void **state)
{
    struct token_claim claim = {.user = "mario", .password = "rossi", .time_s = 1000};

    (void)state;
    keys_make();
    private_key = auth_load_private(keys_private, why, sizeof why);
    public_key = auth_load_public(keys_public, why, sizeof why);
    policy =
        (struct auth_policy){.private_key = private_key, .users_path = keys_users, .skew_s = 10};
    return auth_seal(public_key, false, &claim, token, sizeof token) != SPEC_OK;
}

static int tear_down_keys(void **state)
{
    (void)state;
    auth_key_free(private_key);
    auth_key_free(public_key);
    keys_remove();
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    n_done = n_ok = 0;
    all_done = false;
    loop = loop_new();
    worker = authjob_start(loop, &policy);
    return worker == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    authjob_stop(worker);
    loop_free(loop);
    return 0;
}

static void test_authjob_answers_each_job_once(void **state)
{
    (void)state;
    wanted = N_JOBS;
    for (int i = 0; i < N_JOBS; i++)
        assert_non_null(authjob_submit(worker, i % 2 ? token : "junk", 1000, done, &n_done));
    assert_int_equal(n_done, 0);
    turn_until(loop, &all_done);
    turns(loop, 3);
    assert_int_equal(n_done, N_JOBS);
    assert_int_equal(n_ok, N_JOBS / 2);
}

static void test_authjob_takes_a_missing_token_for_a_bad_one(void **state)
{
    (void)state;
    wanted = 1;
    assert_non_null(authjob_submit(worker, NULL, 1000, done, &n_done));
    turn_until(loop, &all_done);
    assert_int_equal(n_ok, 0);
}

static void test_authjob_cancel_silences_a_job_and_no_other(void **state)
{
    (void)state;
    wanted = N_JOBS / 2;
    for (int i = 0; i < N_JOBS; i++) {
        struct authjob *job = authjob_submit(worker, token, 1000, done, &n_done);
        if (i % 2)
            authjob_cancel(job);
    }
    turn_until(loop, &all_done);
    turns(loop, 3);
    assert_int_equal(n_done, N_JOBS / 2);
}

static void test_authjob_stop_forgets_all_jobs(void **state)
{
    (void)state;
    for (int i = 0; i < N_JOBS; i++)
        assert_non_null(authjob_submit(worker, token, 1000, done, &n_done));
    authjob_stop(worker);
    worker = NULL;
    turns(loop, 3);
    assert_int_equal(n_done, 0);
}

static void stop_from_inside(void *context, enum auth_verdict verdict, const char *user)
{
    (void)context, (void)verdict;
    authjob_stop(worker);
    worker = NULL;
    assert_string_equal(user, "mario");
    all_done = true;
}

static void test_authjob_stop_from_inside_an_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_non_null(authjob_submit(worker, token, 1000, stop_from_inside, NULL));
    turn_until(loop, &all_done);
    turns(loop, 3);
}

static void test_authjob_refuses_more_than_its_limit(void **state)
{
    int n = 0;

    (void)state;
    wanted = -1;
    while (n <= AUTHJOB_MAX && authjob_submit(worker, "junk", 1000, done, &n_done) != NULL)
        n++;
    assert_int_equal(n, AUTHJOB_MAX);
}

static void test_authjob_without_memory_says_so(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 2; n++) {
        alloc_fail_at(n);
        assert_null(authjob_submit(worker, token, 1000, done, &n_done));
        assert_true(alloc_failed());
    }
    alloc_fail_at(1);
    assert_null(authjob_start(loop, &policy));
    alloc_fail_at(0);
}

static void test_authjob_answer_arrives_though_posting_it_fails_at_first(void **state)
{
    (void)state;
    wanted = 1;
    alloc_fail_at(3); /* the job, its token, the letter */
    assert_non_null(authjob_submit(worker, "junk", 1000, done, &n_done));
    turn_until(loop, &all_done);
    assert_true(alloc_failed());
    alloc_fail_at(0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_authjob_answers_each_job_once),
        T(test_authjob_takes_a_missing_token_for_a_bad_one),
        T(test_authjob_cancel_silences_a_job_and_no_other),
        T(test_authjob_stop_forgets_all_jobs),
        T(test_authjob_stop_from_inside_an_answer),
        T(test_authjob_refuses_more_than_its_limit),
        T(test_authjob_without_memory_says_so),
        T(test_authjob_answer_arrives_though_posting_it_fails_at_first),
    };

    return cmocka_run_group_tests(tests, set_up_keys, tear_down_keys);
}
