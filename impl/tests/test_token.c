#include "impl/tests/unit.h"
#include "impl/wire/token.h"

#include <openssl/sha.h>

/* RFC 4648, section 10. */
static const struct {
    const char *name, *text;
    struct bytes bytes;
} vectors[] = {
    {"AUTH-2 nothing", "",         WIRE("")                  },
    {"AUTH-2 f",       "Zg==",     WIRE("f")                 },
    {"AUTH-2 fo",      "Zm8=",     WIRE("fo")                },
    {"AUTH-2 foo",     "Zm9v",     WIRE("foo")               },
    {"AUTH-2 foob",    "Zm9vYg==", WIRE("foob")              },
    {"AUTH-2 fooba",   "Zm9vYmE=", WIRE("fooba")             },
    {"AUTH-2 foobar",  "Zm9vYmFy", WIRE("foobar")            },
    {"AUTH-2 62, 63",  "+/8A+/8=", WIRE("\xfb\xff\0\xfb\xff")},
};

static void test_token_base64_agrees_with_rfc_4648_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        char text[16];
        uint8_t bytes[8];
        size_t len;
        assert_int_equal(token_base64_encode(vectors[i].bytes, text, sizeof text), SPEC_OK);
        assert_string_equal(text, vectors[i].text);
        assert_int_equal(token_base64_decode(text, bytes, sizeof bytes, &len), SPEC_OK);
        assert_int_equal(len, vectors[i].bytes.len);
        assert_memory_equal(bytes, vectors[i].bytes.at, len);
    }
}

static void test_token_base64_needs_room_for_all_of_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        size_t text_len = strlen(vectors[i].text), len = vectors[i].bytes.len;
        char *text = malloc(text_len + 1);
        uint8_t *bytes = malloc(len + 1);
        assert_non_null(text);
        assert_non_null(bytes);
        for (size_t cap = 0; cap <= text_len; cap++)
            assert_int_equal(token_base64_encode(vectors[i].bytes, text, cap), SPEC_E_SPACE);
        assert_int_equal(token_base64_encode(vectors[i].bytes, text, text_len + 1), SPEC_OK);
        for (size_t cap = 0; cap < len; cap++)
            assert_int_equal(token_base64_decode(text, bytes, cap, &len), SPEC_E_SPACE);
        assert_int_equal(token_base64_decode(text, bytes, vectors[i].bytes.len, &len), SPEC_OK);
        free(text);
        free(bytes);
    }
}

static void test_token_base64_decode_refuses_all_else(void **state) /* AUTH-2, AUTH-12 */
{
    static const char *const texts[] = {
        "=",    "==",   "===",     "====",     "Z",        "Zg",    "Zg=",      "Zg===",
        "Z===", "Zg=a", "=Zg=",    "Zm9v=",    "Zm9v====", "Zm9v ", "Zm9v\n",   "Zm9\n",
        "Zm 9", "Zm-_", "Zm9\x80", "Zg==Zg==", "!!!!",     "Zm,v",  "AAAA=AAA", "\xffm9v",
    };
    uint8_t bytes[16];
    size_t len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (token_base64_decode(texts[i], bytes, sizeof bytes, &len) != SPEC_E_TOKEN)
            fail_msg("'%s' decodes", texts[i]);
}

static void test_token_plain_format_writes_one_two_and_three_blanks(void **state) /* AUTH-3 */
{
    const struct token_claim claim = {.user = "mario", .password = "rossi", .time_s = 1762000000};
    const char *want = "user: mario\npwd:  rossi\nts:   1762000000";
    char text[64];

    (void)state;
    assert_int_equal(token_plain_format(&claim, text, sizeof text), SPEC_OK);
    assert_string_equal(text, want);
    assert_int_equal(token_plain_format(&claim, text, strlen(want)), SPEC_E_SPACE);
    assert_int_equal(token_plain_format(&claim, text, strlen(want) + 1), SPEC_OK);
}

static void test_token_plain_format_refuses_what_no_receiver_reads(void **state) /* AUTH-5 */
{
    static const char *const words[] = {" ", "a b", "a\n", "\ta", "a\rb", "a\vb", "a\f"};
    struct token_claim nobody = {.password = "x"}, nothing = {.user = "x"}, again;
    char text[64];

    (void)state;
    assert_int_equal(token_plain_format(&nobody, text, sizeof text), SPEC_E_USAGE);
    assert_int_equal(token_plain_format(&nothing, text, sizeof text), SPEC_OK); /* as stock does */
    assert_int_equal(token_plain_parse((struct bytes){(uint8_t *)text, strlen(text)}, &again),
                     SPEC_E_TOKEN);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct token_claim user = {.password = "x"}, password = {.user = "x"};
        strcpy(user.user, words[i]);
        strcpy(password.password, words[i]);
        assert_int_equal(token_plain_format(&user, text, sizeof text), SPEC_E_USAGE);
        assert_int_equal(token_plain_format(&password, text, sizeof text), SPEC_E_USAGE);
    }
}

#define GOOD "mario", "rossi", 1762000000, SPEC_OK
#define BAD  "", "", 0, SPEC_E_TOKEN

static const struct plain {
    const char *name;
    struct bytes text;
    const char *user, *password;
    int64_t time_s;
    enum spec_err want;
} plains[] = {
    {"AUTH-3 as sent",                     WIRE("user: mario\npwd:  rossi\nts:   1762000000"),            GOOD},
    {"AUTH-3 single blanks",               WIRE("user: mario\npwd: rossi\nts: 1762000000"),               GOOD},
    {"AUTH-3 no blanks",                   WIRE("user:mario\npwd:rossi\nts:1762000000"),                  GOOD},
    {"AUTH-3 other white space",           WIRE("user:\t\n mario\r\npwd: \v rossi\n\n ts:\f 1762000000"),
     GOOD},
    {"AUTH-13 newline behind",             WIRE("user: mario\npwd: rossi\nts: 1762000000\n"),             GOOD},
    {"AUTH-13 text behind",                WIRE("user: mario\npwd: rossi\nts: 1762000000 and x"),         GOOD},
    {"AUTH-13 NUL behind",
     WIRE("user: mario\npwd: rossi\nts: 1762000000\0"
          "9"),
     GOOD},
    {"AUTH-4 before 1970",                 WIRE("user: u\npwd: p\nts: -5"),                               "u","p", -5, SPEC_OK},
    {"AUTH-4 sign",                                  WIRE("user: u\npwd: p\nts: +5"),                                                                                        "u","p", 5, SPEC_OK},
    {"AUTH-4 latest",WIRE("user: u\npwd: p\nts: 9223372036854775807"),"u","p", INT64_MAX,
     SPEC_OK},
    {"AUTH-4 earliest",                             WIRE("user: u\npwd: p\nts: -9223372036854775808"),                                                                                          "u","p", INT64_MIN,
     SPEC_OK},
    {"AUTH-5 not UTF-8",                                 WIRE("user: \xff\npwd: \x80\nts: 0"),                                                                                                                                                     "\xff",                                                                                                                                                                 "\x80", 0, SPEC_OK},
    {"AUTH-5 label as a name",                                    WIRE("user: pwd:\npwd: ts:\nts: 1"),                                                                                 "pwd:","ts:", 1, SPEC_OK},
    {"AUTH-13 too late",                                 WIRE("user: u\npwd: p\nts: 9223372036854775808"),                                                                                     BAD},
    {"AUTH-13 far too late",                   WIRE("user: u\npwd: p\nts: 99999999999999999999999"),            BAD},
    {"AUTH-13 too early",                                   WIRE("user: u\npwd: p\nts: -9223372036854775809"),                                                                                         BAD},
    {"AUTH-13 empty",WIRE(""),BAD},
    {"AUTH-13 blank before user",                             WIRE(" user: u\npwd: p\nts: 1"),                                                                                          BAD},
    {"AUTH-13 another label",                                 WIRE("name: u\npwd: p\nts: 1"),          BAD},
    {"AUTH-13 label in capitals",                                 WIRE("User: u\npwd: p\nts: 1"),                                                                                   BAD                                                                                                                                                                                                               },
    {"AUTH-13 no user",                                 WIRE("user: \npwd: p\nts: 1"),      BAD},
    {"AUTH-13 user only",                                 WIRE("user: u"),                                                                                                                                                          BAD                                                                    },
    {"AUTH-13 cut at pwd",                                 WIRE("user: u\npw"),     BAD},
    {"AUTH-13 no password",                                 WIRE("user: u\npwd: \nts: 1"),                                                                                     BAD                                     },
    {"AUTH-13 password last",                                 WIRE("user: u\npwd: p"),            BAD},
    {"AUTH-13 order",                                 WIRE("pwd: p\nuser: u\nts: 1"),                                                                                         BAD                                        },
    {"AUTH-13 no time",                                 WIRE("user: u\npwd: p\nts: "),BAD},
    {"AUTH-13 sign only",                                 WIRE("user: u\npwd: p\nts: -"),                                                                                          BAD                                },
    {"AUTH-13 time in words",                                 WIRE("user: u\npwd: p\nts: now"),          BAD},
    {"AUTH-5 blank in the name",                                 WIRE("user: u v\npwd: p\nts: 1"),                                                                                   BAD                                                                                                                                                                                                                                                                                        },
    {"AUTH-13 NUL in the name",                                 WIRE("user: u\0v\npwd: p\nts: 1"),      BAD},
    {"AUTH-13 NUL for the name",                                 WIRE("user: \0\npwd: p\nts: 1"),                                                                                                                                                          BAD                                                                                                                                                                                                                                                                                          },
    {"AUTH-13 NUL before pwd",                                 WIRE("user: u\n\0pwd: p\nts: 1"),     BAD},
    {"AUTH-13 NUL before ts",                                 WIRE("user: u\npwd: p\0\nts: 1"),                                                                                     BAD                                                                                                             },
};

/* From memory of its own size, so that a read past the end shows. */
static enum spec_err parse(struct bytes text, struct token_claim *claim)
{
    uint8_t *copy = malloc(text.len + (text.len == 0));
    assert_non_null(copy);
    memcpy(copy, text.at, text.len);
    enum spec_err e = token_plain_parse((struct bytes){copy, text.len}, claim);
    free(copy);
    return e;
}

static void test_token_plain_parse_takes_the_grammar_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plains); i++) {
        struct token_claim claim = {0};
        if (parse(plains[i].text, &claim) != plains[i].want)
            fail_msg("%s", plains[i].name);
        if (strcmp(claim.user, plains[i].user) != 0 ||
            strcmp(claim.password, plains[i].password) != 0 || claim.time_s != plains[i].time_s)
            fail_msg("%s: read '%s', '%s', %lld", plains[i].name, claim.user, claim.password,
                     (long long)claim.time_s);
    }
}

static void test_token_plain_parse_bears_a_cut_anywhere(void **state)
{
    struct bytes whole = plains[0].text;

    (void)state;
    for (size_t len = 0; len <= whole.len; len++) {
        struct token_claim claim;
        bool has_digit = len > sizeof "user: mario\npwd:  rossi\nts:   " - 1;
        assert_int_equal(parse((struct bytes){whole.at, len}, &claim),
                         has_digit ? SPEC_OK : SPEC_E_TOKEN);
    }
}

static void test_token_plain_parse_takes_words_up_to_the_size_of_the_claim(void **state)
{
    (void)state;
    for (int user = 254; user <= 257; user++) {
        for (int password = 254; password <= 257; password++) {
            char text[600];
            struct token_claim claim;
            int len = snprintf(text, sizeof text, "user: %0*d\npwd:  %0*d\nts:   1", user, 1,
                               password, 2);
            bool fits = user < 256 && password < 256;
            assert_int_equal(parse((struct bytes){(uint8_t *)text, (size_t)len}, &claim),
                             fits ? SPEC_OK : SPEC_E_TOKEN);
            if (fits)
                assert_int_equal(strlen(claim.user), user);
        }
    }
}

/* Stands in for RSA: turns every bit over, and can fail or give nothing. */
struct mirror {
    enum spec_err result;
    bool empty;
};

static enum spec_err mirror_run(void *context, struct bytes in, uint8_t *out, size_t cap,
                                size_t *out_len)
{
    const struct mirror *mirror = context;

    assert_true(in.len <= cap);
    for (size_t i = 0; i < in.len; i++)
        out[i] = (uint8_t)~in.at[i];
    *out_len = mirror->empty ? 0 : in.len;
    return mirror->result;
}

static void test_token_seal_and_open_are_each_others_reverse(void **state)
{
    struct mirror mirror = {SPEC_OK, false};
    const struct token_rsa rsa = {mirror_run, &mirror};
    struct token_claim claim = {.time_s = 1762000000}, got;
    char text[TOKEN_TEXT_MAX];

    (void)state;
    memset(claim.user, 'u', sizeof claim.user - 1);
    memset(claim.password, 'p', sizeof claim.password - 1);
    assert_int_equal(token_seal(&claim, &rsa, text, sizeof text), SPEC_OK);
    assert_int_equal(token_open(text, &rsa, &got), SPEC_OK);
    assert_string_equal(got.user, claim.user);
    assert_string_equal(got.password, claim.password);
    assert_int_equal(got.time_s, claim.time_s);
}

static void test_token_seal_says_what_went_wrong(void **state)
{
    struct mirror mirror = {SPEC_E_TOKEN, false};
    const struct token_rsa rsa = {mirror_run, &mirror};
    struct token_claim claim = {.user = "u", .password = "p w"};
    char text[64];

    (void)state;
    assert_int_equal(token_seal(&claim, &rsa, text, sizeof text), SPEC_E_USAGE);
    strcpy(claim.password, "pw");
    assert_int_equal(token_seal(&claim, &rsa, text, sizeof text), SPEC_E_TOKEN);
    mirror.result = SPEC_OK;
    assert_int_equal(token_seal(&claim, &rsa, text, 8), SPEC_E_SPACE);
    assert_int_equal(token_seal(&claim, &rsa, text, sizeof text), SPEC_OK);
}

static void test_token_open_refuses_whatever_is_no_token(void **state) /* AUTH-12, AUTH-13 */
{
    struct mirror mirror = {SPEC_OK, false};
    const struct token_rsa rsa = {mirror_run, &mirror};
    struct token_claim claim;
    char *huge = malloc(TOKEN_TEXT_MAX + 4);

    (void)state;
    assert_non_null(huge);
    memset(huge, 'A', TOKEN_TEXT_MAX + 3);
    huge[TOKEN_TEXT_MAX + 3] = '\0';
    assert_int_equal((TOKEN_TEXT_MAX + 3) % 4, 0);
    assert_int_equal(token_open(huge, &rsa, &claim), SPEC_E_TOKEN);
    free(huge);
    assert_int_equal(token_open("", &rsa, &claim), SPEC_E_TOKEN);
    assert_int_equal(token_open("=", &rsa, &claim), SPEC_E_TOKEN);
    assert_int_equal(token_open("AAAA", &rsa, &claim), SPEC_E_TOKEN);
    mirror.empty = true;
    assert_int_equal(token_open("AAAA", &rsa, &claim), SPEC_E_TOKEN);
    mirror.result = SPEC_E_NOMEM;
    assert_int_equal(token_open("AAAA", &rsa, &claim), SPEC_E_TOKEN);
}

/* AUTH-8; ts - 9, ts +- 12 and ts - 50 with a threshold of 60 were observed. */
static const struct {
    const char *name;
    int64_t now_s, time_s, threshold_s;
    bool want;
} ages[] = {
    {"AUTH-8 now",              1762000000, 1762000000,      10,        true },
    {"AUTH-8 9 s old",          1762000000, 1762000000 - 9,  10,        true },
    {"AUTH-8 equal, old",       1762000000, 1762000000 - 10, 10,        true },
    {"AUTH-8 equal, early",     1762000000, 1762000000 + 10, 10,        true },
    {"AUTH-8 11 s old",         1762000000, 1762000000 - 11, 10,        false},
    {"AUTH-8 12 s old",         1762000000, 1762000000 - 12, 10,        false},
    {"AUTH-8 12 s early",       1762000000, 1762000000 + 12, 10,        false},
    {"AUTH-8 50 s old of 60",   1762000000, 1762000000 - 50, 60,        true },
    {"AUTH-8 threshold 0",      1762000000, 1762000000,      0,         true },
    {"AUTH-8 threshold 0, 1 s", 1762000000, 1762000001,      0,         false},
    {"AUTH-8 no threshold",     0,          0,               INT64_MIN, false},
    {"AUTH-8 latest",           0,          INT64_MAX,       10,        false},
    {"AUTH-8 earliest",         1762000000, INT64_MIN,       INT64_MAX, false},
    {"AUTH-8 ends of time",     INT64_MIN,  INT64_MAX,       INT64_MAX, false},
};

static void test_token_is_fresh_within_the_threshold_both_ends_included(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        struct token_claim claim = {.time_s = ages[i].time_s};
        if (token_is_fresh(&claim, ages[i].now_s, ages[i].threshold_s) != ages[i].want)
            fail_msg("%s", ages[i].name);
    }
}

static void sha256(struct bytes in, uint8_t digest[32])
{
    SHA256(in.at, in.len, digest);
}

/* Of {mario}rossi, as sha256sum prints it. */
#define HASH       "bf7a49a846d44b454a5d11e7acfaf13d138bbe0b7483aa3e050879700572709b"
#define HASH_UPPER "BF7A49A846D44B454A5D11E7ACFAF13D138BBE0B7483AA3E050879700572709B"

static const struct {
    const char *name;
    struct bytes line;
    bool want;
} lines[] = {
    {"AUTH-9 name and hash",      WIRE("mario," HASH),        true },
    {"AUTH-9 trailing CR",        WIRE("mario," HASH "\r"),   true },
    {"AUTH-9 trailing blanks",    WIRE("mario," HASH " \t "), true },
    {"AUTH-9 upper case",         WIRE("mario," HASH_UPPER),  false},
    {"AUTH-9 another name",       WIRE("luigi," HASH),        false},
    {"AUTH-9 part of the name",   WIRE("mari," HASH),         false},
    {"AUTH-9 more than the name", WIRE("marios," HASH),       false},
    {"AUTH-9 name in capitals",   WIRE("Mario," HASH),        false},
    {"AUTH-9 blank before",       WIRE(" mario," HASH),       false},
    {"AUTH-9 blank in between",   WIRE("mario, " HASH),       false},
    {"AUTH-9 hash cut short",     WIRE("mario,bf7a49a8"),     false},
    {"AUTH-9 hash too long",      WIRE("mario," HASH "0"),    false},
    {"AUTH-9 another hash",       WIRE("mario,0" HASH),       false},
    {"AUTH-9 third field",        WIRE("mario," HASH ",x"),   false},
    {"AUTH-9 no hash",            WIRE("mario,"),             false},
    {"AUTH-9 no name",            WIRE("," HASH),             false},
    {"AUTH-9 no comma",           WIRE("mario"),              false},
    {"AUTH-9 comment",            WIRE("#mario," HASH),       false},
    {"AUTH-9 empty",              WIRE(""),                   false},
    {"AUTH-9 blanks",             WIRE(" \t\r"),              false},
    {"AUTH-9 NUL in the name",    WIRE("mario\0," HASH),      false},
    {"AUTH-9 NUL behind",         WIRE("mario," HASH "\0"),   false},
};

static void test_token_line_matches_name_and_hash_together(void **state)
{
    const struct token_claim claim = {.user = "mario", .password = "rossi"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (token_line_matches(lines[i].line, &claim, sha256) != lines[i].want)
            fail_msg("%s", lines[i].name);
}

static void test_token_line_of_a_comment_matches_no_name_with_a_hash(void **state)
{
    const struct token_claim claim = {.user = "#mario", .password = "rossi"};

    (void)state;
    assert_false(token_line_matches(
        WIRE("#mario,131d88e9860c025aee7ec7cb118666f66a1a1de4c1fdf61e31017572cda6e2c2"), &claim,
        sha256));
}

/* AUTH-9: of several lines with one name each password is accepted. */
static void test_token_lines_of_one_name_each_have_their_own_password(void **state)
{
    const struct bytes file[] = {
        WIRE("# users"),
        WIRE("mario,e17c7b5ad21cef3dde0309e7bc33c97686f3887405dd73457e7268cafd10131b"),
        WIRE("mario," HASH),
    };
    const struct token_claim luigi = {.user = "mario", .password = "luigi"};
    const struct token_claim rossi = {.user = "mario", .password = "rossi"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(file); i++) {
        assert_int_equal(token_line_matches(file[i], &luigi, sha256), i == 1);
        assert_int_equal(token_line_matches(file[i], &rossi, sha256), i == 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_base64_agrees_with_rfc_4648_both_ways),
        cmocka_unit_test(test_token_base64_needs_room_for_all_of_it),
        cmocka_unit_test(test_token_base64_decode_refuses_all_else),
        cmocka_unit_test(test_token_plain_format_writes_one_two_and_three_blanks),
        cmocka_unit_test(test_token_plain_format_refuses_what_no_receiver_reads),
        cmocka_unit_test(test_token_plain_parse_takes_the_grammar_and_nothing_else),
        cmocka_unit_test(test_token_plain_parse_bears_a_cut_anywhere),
        cmocka_unit_test(test_token_plain_parse_takes_words_up_to_the_size_of_the_claim),
        cmocka_unit_test(test_token_seal_and_open_are_each_others_reverse),
        cmocka_unit_test(test_token_seal_says_what_went_wrong),
        cmocka_unit_test(test_token_open_refuses_whatever_is_no_token),
        cmocka_unit_test(test_token_is_fresh_within_the_threshold_both_ends_included),
        cmocka_unit_test(test_token_line_matches_name_and_hash_together),
        cmocka_unit_test(test_token_line_of_a_comment_matches_no_name_with_a_hash),
        cmocka_unit_test(test_token_lines_of_one_name_each_have_their_own_password),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
