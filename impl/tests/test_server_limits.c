/* What a server was told to refuse: tests too long or too fast, clients without a valid token. */
#include "impl/net/auth.h"
#include "impl/tests/keys.h"
#include "impl/tests/serving.h"

static int stop(void **state)
{
    (void)state;
    if (serving.runs)
        serving_stop();
    return 0;
}

#define OPTIONS(...)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define ERROR(number) WIRE("\xfe\0\0\0" number "\0\0\0\0")

/* --- limits of a test ----------------------------------------------------------------------------
 */

static const struct limit {
    const char *name, *params;
    struct bytes answer;
} limits[] = {
    {"TMO-9 just so long",   "{\"time\":4,\"omit\":1}",                                  WIRE("\x0a") },
    {"TMO-9 too long",       "{\"time\":4,\"omit\":2}",                                  ERROR("\x25")},
    {"TMO-9 no end",         "{\"time\":0}",                                             ERROR("\x25")},
    {"TMO-9 default",        "{}",                                                       ERROR("\x25")},
    {"TMO-10 just so fast",  "{\"time\":1,\"bandwidth\":1000000}",                       WIRE("\x0a") },
    {"TMO-10 too fast",      "{\"time\":1,\"bandwidth\":500001,\"parallel\":2}",         ERROR("\x1b")},
    {"TMO-10 both ways",     "{\"time\":1,\"bandwidth\":500001,\"bidirectional\":true}", ERROR("\x1b")},
    {"TMO-10 by the kernel", "{\"time\":1,\"fqrate\":1000001}",                          ERROR("\x1b")},
};

static void test_server_refuses_what_is_beyond_its_limits(void **state)
{
    (void)state;
    serving_start(OPTIONS("--server-max-duration", "5", "--server-bitrate-limit", "1M"));
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct raw r = raw_open();
        raw_walk(limits[i].name, &r, NULL, 1, RAW_PARAMS);
        raw_json(r.control, limits[i].params);
        raw_expect(limits[i].name, r.control, limits[i].answer);
        raw_abandon(&r);
    }
}

/* TMO-10 (b): an unlimited test passes the first check, and is cut. */
static void test_server_cuts_a_test_that_is_too_fast(void **state)
{
    static uint8_t block[100000];
    struct raw r;

    (void)state;
    serving_start(OPTIONS("--server-bitrate-limit", "100K/0.1"));
    r = raw_open();
    raw_walk("TMO-10", &r, RAW_TCP, 1, RAW_RUN);
    peer_write(r.streams[0], (struct bytes){block, sizeof block});
    raw_expect_end("TMO-10", r.control, ERROR("\x1b"));
    raw_close(&r);
}

/* --- authentication ------------------------------------------------------------------------------
 */

/* Parameters with a token for these; the caller frees. */
static char *with_token(const char *user, const char *password, int64_t age_s)
{
    struct token_claim claim = {.time_s = time(NULL) - age_s};
    char token[TOKEN_TEXT_MAX], why[256], *params;
    struct auth_key *key = auth_load_public(keys_public, why, sizeof why);

    assert_non_null(key);
    strcpy(claim.user, user);
    strcpy(claim.password, password);
    assert_int_equal(auth_seal(key, false, &claim, token, sizeof token), SPEC_OK);
    auth_key_free(key);
    assert_true(asprintf(&params, "{\"authtoken\":\"%s\"}", token) > 0);
    return params;
}

static void present(const char *name, struct raw *r, const char *params)
{
    *r = raw_open();
    raw_walk(name, r, NULL, 1, RAW_PARAMS);
    raw_json(r->control, params);
}

static void start_with_keys(bool one_off)
{
    serving_start(OPTIONS("--rsa-private-key-path", keys_private, "--authorized-users-path",
                          keys_users, one_off ? "-1" : NULL));
}

static const struct claim {
    const char *name, *user, *password;
    int64_t age_s;
    bool ok;
} claims[] = {
    {"AUTH-9 right",           "mario", "rossi", 0,   true },
    {"AUTH-8 within the time", "mario", "rossi", 9,   true },
    {"AUTH-8 too old",         "mario", "rossi", 30,  false},
    {"AUTH-8 from the future", "mario", "rossi", -30, false},
    {"AUTH-9 wrong password",  "mario", "verdi", 0,   false},
    {"AUTH-9 wrong user",      "luigi", "rossi", 0,   false},
};

static const char *const no_tokens[] = {"{}", "{\"authtoken\":\"\"}", "{\"authtoken\":5}",
                                        "{\"authtoken\":\"%%%%\"}", "{\"authtoken\":\"QUJD\"}"};

static void test_server_lets_in_who_has_a_valid_token(void **state)
{
    struct raw r;

    (void)state;
    start_with_keys(false);
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        char *params = with_token(claims[i].user, claims[i].password, claims[i].age_s);
        present(claims[i].name, &r, params);
        raw_expect(claims[i].name, r.control, claims[i].ok ? WIRE("\x0a") : ERROR("\x8e"));
        raw_abandon(&r);
        free(params);
    }
    for (size_t i = 0; i < ARRAY_LEN(no_tokens); i++) {
        present("AUTH-13", &r, no_tokens[i]);
        raw_expect_end("AUTH-13", r.control, ERROR("\x8e"));
        raw_close(&r);
    }
}

/* A hundred at once, half of them gone before they are looked at. */
static void test_server_checks_many_tokens_at_once(void **state)
{
    struct raw r[100];
    char *right = with_token("mario", "rossi", 0), *wrong = with_token("mario", "verdi", 0);

    (void)state;
    start_with_keys(false);
    for (size_t i = 0; i < ARRAY_LEN(r); i++) {
        present("AUTH-1", &r[i], i % 4 < 2 ? right : wrong);
        if (i % 2 == 1)
            peer_reset(r[i].control);
    }
    for (size_t i = 0; i < ARRAY_LEN(r); i += 2) {
        raw_expect("AUTH-1", r[i].control, i % 4 == 0 ? WIRE("\x0a") : ERROR("\x8e"));
        raw_abandon(&r[i]);
    }
    free(right);
    free(wrong);
}

static void test_server_may_be_stopped_while_it_checks(void **state)
{
    struct raw r[20];
    char *right = with_token("mario", "rossi", 0);

    (void)state;
    start_with_keys(false);
    for (size_t i = 0; i < ARRAY_LEN(r); i++)
        present("ST-SRV-20", &r[i], right);
    kill(getpid(), SIGTERM);
    for (size_t i = 0; i < ARRAY_LEN(r); i++)
        raw_abandon(&r[i]);
    assert_int_equal(serving_join(), 0);
    free(right);
}

/* CLOSE-15: a failed authorisation does not use up a server of one session. */
static void test_server_of_one_session_waits_for_an_authorised_one(void **state)
{
    char *right = with_token("mario", "rossi", 0);
    struct raw r;

    (void)state;
    start_with_keys(true);
    present("CLOSE-15", &r, "{}");
    raw_expect_end("CLOSE-15", r.control, ERROR("\x8e"));
    raw_close(&r);
    present("CLOSE-15", &r, right);
    raw_expect("CLOSE-15", r.control, WIRE("\x0a"));
    raw_abandon(&r);
    assert_int_equal(serving_join(), 0);
    free(right);
}

#define T(test) cmocka_unit_test_teardown(test, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_server_refuses_what_is_beyond_its_limits),
        T(test_server_cuts_a_test_that_is_too_fast),
        T(test_server_lets_in_who_has_a_valid_token),
        T(test_server_checks_many_tokens_at_once),
        T(test_server_may_be_stopped_while_it_checks),
        T(test_server_of_one_session_waits_for_an_authorised_one),
    };
    int status;

    alarm(120); /* some wait for what may never come */
    keys_make();
    status = cmocka_run_group_tests(tests, NULL, NULL);
    keys_remove();
    return status;
}
