#include "impl/net/auth.h"

#include "impl/sign.h"
#include "impl/tests/alloc.h"
#include "impl/tests/keys.h"

static struct auth_key *private_key, *public_key;
static struct auth_policy policy;
static char why[256];

static int set_up(void **state)
{
    (void)state;
    keys_make();
    private_key = auth_load_private(keys_private, why, sizeof why);
    public_key = auth_load_public(keys_public, why, sizeof why);
    policy =
        (struct auth_policy){.private_key = private_key, .users_path = keys_users, .skew_s = 10};
    return private_key == NULL || public_key == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    auth_key_free(private_key);
    auth_key_free(public_key);
    keys_remove();
    return 0;
}

static const struct token_claim mario = {
    .user = "mario", .password = "rossi", .time_s = 1700000000};

/* --- tokens
 * --------------------------------------------------------------------------------------- */

static const struct check_row {
    const char *name;
    struct token_claim claim;
    bool pkcs1, server_pkcs1;
    int64_t now_s;
    enum auth_verdict want;
} check_rows[] = {
    {"AUTH-7 OAEP",            {"mario", "rossi", 1000}, false, false, 1000, AUTH_OK   },
    {"AUTH-7 PKCS#1",          {"mario", "rossi", 1000}, true,  true,  1000, AUTH_OK   },
    {"AUTH-7 PKCS#1 for OAEP", {"mario", "rossi", 1000}, true,  false, 1000, AUTH_TOKEN},
    {"AUTH-7 OAEP for PKCS#1", {"mario", "rossi", 1000}, false, true,  1000, AUTH_TOKEN},
    {"AUTH-8 equal, later",    {"mario", "rossi", 1000}, false, false, 1010, AUTH_OK   },
    {"AUTH-8 beyond, later",   {"mario", "rossi", 1000}, false, false, 1011, AUTH_STALE},
    {"AUTH-8 equal, earlier",  {"mario", "rossi", 1000}, false, false, 990,  AUTH_OK   },
    {"AUTH-8 beyond, earlier", {"mario", "rossi", 1000}, false, false, 989,  AUTH_STALE},
    {"AUTH-9 wrong password",  {"mario", "verdi", 1000}, false, false, 1000, AUTH_USER },
    {"AUTH-9 unknown user",    {"luigi", "rossi", 1000}, false, false, 1000, AUTH_USER },
};

static void test_auth_check_gives_the_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(check_rows); i++) {
        const struct check_row *row = &check_rows[i];
        char token[TOKEN_TEXT_MAX];
        struct token_claim claim = {0};
        assert_int_equal(auth_seal(public_key, row->pkcs1, &row->claim, token, sizeof token),
                         SPEC_OK);
        assert_int_equal(strlen(token), 344); /* AUTH-2 */
        policy.pkcs1 = row->server_pkcs1;
        enum auth_verdict got = auth_check(&policy, token, row->now_s, &claim);
        if (got != row->want)
            fail_msg("%s: %s", row->name, auth_verdict_text(got));
        assert_string_equal(claim.user, got == AUTH_TOKEN ? "" : row->claim.user);
    }
}

static void test_auth_check_refuses_what_is_no_token(void **state)
{
    static const char *const tokens[] = {"", "x", "not base64!", "AAAA", NULL};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
        assert_int_equal(auth_check(&policy, tokens[i], 0, NULL),
                         AUTH_TOKEN); /* AUTH-12, AUTH-13 */
}

static void test_auth_check_refuses_a_token_for_another_key(void **state)
{
    char token[TOKEN_TEXT_MAX];

    (void)state;
    assert_int_equal(auth_seal(public_key, false, &mario, token, sizeof token), SPEC_OK);
    EVP_PKEY *other = EVP_RSA_gen(1024);
    keys_save(other, keys_private, keys_public, NULL);
    EVP_PKEY_free(other);
    policy.private_key = auth_load_private(keys_private, why, sizeof why);
    assert_int_equal(auth_check(&policy, token, mario.time_s, NULL), AUTH_TOKEN);
    auth_key_free((struct auth_key *)(uintptr_t)policy.private_key);
}

static void test_sign_params_makes_a_token_of_this_moment(void **state)
{
    struct options opt = {.username = (char[]){"mario"}, .password = (char[]){"rossi"}};
    struct params params = {0};
    struct token_claim claim;

    (void)state;
    assert_int_equal(sign_params(&opt, public_key, &params), SPEC_OK);
    assert_int_equal(auth_check(&policy, params.authtoken, time(NULL), &claim), AUTH_OK);
    assert_string_equal(claim.user, "mario");
    params_fini(&params);
}

static void test_auth_seal_refuses_more_than_the_key_holds(void **state)
{
    struct token_claim claim = mario;
    char token[TOKEN_TEXT_MAX];

    (void)state;
    memset(claim.user, 'u', 120);
    memset(claim.password, 'p', 120);
    assert_int_equal(auth_seal(public_key, false, &claim, token, sizeof token),
                     SPEC_E_TOKEN); /* AUTH-6 */
    strcpy(claim.user, "two words");
    strcpy(claim.password, "x");
    assert_int_equal(auth_seal(public_key, false, &claim, token, sizeof token),
                     SPEC_E_USAGE); /* AUTH-5 */
    assert_int_equal(auth_seal(public_key, false, &mario, token, 100), SPEC_E_SPACE);
}

static void test_auth_sha256_gives_the_digest_of_the_standard(void **state)
{
    static const uint8_t of_abc[] =
        "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
        "\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad";
    uint8_t digest[32];

    (void)state;
    auth_sha256(WIRE("abc"), digest);
    assert_memory_equal(digest, of_abc, sizeof digest);
}

/* --- the credentials file
 * ------------------------------------------------------------------------- */

static enum auth_verdict check_with(const char *file)
{
    char token[TOKEN_TEXT_MAX];

    keys_write(keys_users, file);
    assert_int_equal(auth_seal(public_key, false, &mario, token, sizeof token), SPEC_OK);
    return auth_check(&policy, token, mario.time_s, NULL);
}

static const struct file_row {
    const char *name, *text;
    enum auth_verdict want;
} file_rows[] = {
    {"AUTH-9 empty",               "",                                             AUTH_USER},
    {"AUTH-9 comment before",      "# users\n" KEYS_MARIO,                         AUTH_OK  },
    {"AUTH-9 commented out",       "#" KEYS_MARIO,                                 AUTH_USER},
    {"AUTH-9 several of one name", "mario,00\nmario,01\n" KEYS_MARIO "mario,02\n", AUTH_OK  },
    {"AUTH-9 lines without comma", "mario\n\n\n" KEYS_MARIO,                       AUTH_OK  },
};

static void test_auth_check_reads_the_file_anew_each_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(file_rows); i++)
        if (check_with(file_rows[i].text) != file_rows[i].want)
            fail_msg("%s", file_rows[i].name);
    unlink(keys_users);
    char token[TOKEN_TEXT_MAX];
    auth_seal(public_key, false, &mario, token, sizeof token);
    assert_int_equal(auth_check(&policy, token, mario.time_s, NULL), AUTH_FILE);
    policy.users_path = keys_dir; /* opens, cannot be read */
    assert_int_equal(auth_check(&policy, token, mario.time_s, NULL), AUTH_FILE);
}

static void test_auth_check_takes_the_last_line_without_newline(void **state)
{
    char text[] = KEYS_MARIO;

    (void)state;
    text[sizeof text - 2] = '\0';
    assert_int_equal(check_with(text), AUTH_OK);
}

static void test_auth_check_passes_over_lines_that_are_too_long(void **state)
{
    static char text[20000];

    (void)state;
    for (size_t len = 4095; len < 9000; len += 4095) { /* where the reader's buffer ends */
        memset(text, 'x', len);
        strcpy(text + len, KEYS_MARIO);
        assert_int_equal(check_with(text), AUTH_USER);
    }
    memset(text, 'x', 9000);
    strcpy(text + 9000, "\n" KEYS_MARIO);
    assert_int_equal(check_with(text), AUTH_OK);
}

/* --- loading
 * -------------------------------------------------------------------------------------- */

static void expect_refused(struct auth_key *(*load)(const char *, char *, size_t), const char *path,
                           const char *words)
{
    struct auth_key *key = load(path, why, sizeof why);

    if (key != NULL || strstr(why, words) == NULL || strstr(why, path) == NULL)
        fail_msg("wanted '%s', got '%s'", words, why);
}

static void test_auth_load_says_what_is_wrong(void **state)
{
    EVP_PKEY *ec = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(1024);

    (void)state;
    expect_refused(auth_load_public, "/nowhere/key.pem", "No such file");
    expect_refused(auth_load_private, keys_users, "no private key in PEM form");
    expect_refused(auth_load_public, keys_users, "no public key in PEM form");
    expect_refused(auth_load_public, keys_private, "no public key");
    expect_refused(auth_load_private, keys_public, "no private key");
    keys_save(rsa, keys_private, keys_public, "secret");
    expect_refused(auth_load_private, keys_private, "passphrase");
    keys_save(ec, keys_private, keys_public, NULL);
    expect_refused(auth_load_private, keys_private, "not an RSA key");
    expect_refused(auth_load_public, keys_public, "not an RSA key");
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

static void test_auth_load_without_memory_says_so(void **state)
{
    (void)state;
    alloc_fail_at(1);
    expect_refused(auth_load_public, keys_public, "Cannot allocate memory");
    alloc_fail_at(0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_auth_check_gives_the_verdict),
        T(test_auth_check_refuses_what_is_no_token),
        T(test_auth_check_refuses_a_token_for_another_key),
        T(test_sign_params_makes_a_token_of_this_moment),
        T(test_auth_seal_refuses_more_than_the_key_holds),
        T(test_auth_sha256_gives_the_digest_of_the_standard),
        T(test_auth_check_reads_the_file_anew_each_time),
        T(test_auth_check_takes_the_last_line_without_newline),
        T(test_auth_check_passes_over_lines_that_are_too_long),
        T(test_auth_load_says_what_is_wrong),
        T(test_auth_load_without_memory_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
