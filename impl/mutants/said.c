/* said.c - what iperfref says is not quite what it should be: state bytes, numbers, keys, tokens.
 */
#include "impl/mutants/mutant.h"

#include "impl/net/auth.h"
#include "impl/wire/bytes.h"
#include "impl/wire/frame.h"
#include "impl/wire/machine_core.h"
#include "impl/wire/state.h"

#include <ctype.h>
#include <string.h>

#define SHORT_NAME 16

/* X(NAME, id, clauses) */
#define SAID(X)                                                                                    \
    X(LENGTH_LITTLE, "json-length/little-endian", "JSON-1")                                        \
    X(LENGTH_PLUS, "json-length/plus-one", "JSON-1")                                               \
    X(LENGTH_MINUS, "json-length/minus-one", "JSON-1")                                             \
    X(LENGTH_SELF, "json-length/counts-itself", "JSON-1")                                          \
    X(TEXT_NUL, "json-text/nul-behind", "JSON-2")                                                  \
    X(TEXT_NEWLINE, "json-text/newline-behind", "JSON-2")                                          \
    X(ERROR_ORDER, "server-error/errno-first", "ERR-1 ERR-8")                                      \
    X(ERROR_ONE, "server-error/one-integer", "ERR-1 ERR-8")                                        \
    X(ERROR_BARE, "server-error/no-integers", "ERR-1 ERR-8")                                       \
    X(COOKIE_NO_NUL, "cookie/no-nul", "CTL-2")                                                     \
    X(COOKIE_NULS, "cookie/nul-inside", "CTL-2")                                                   \
    X(COOKIE_SAME, "cookie/always-the-same", "CTL-3")                                              \
    X(TOKEN_PADDING, "token/other-padding", "AUTH-7.v1 AUTH-7.v2")                                 \
    X(TOKEN_TIME, "token/an-hour-ahead", "AUTH-4")                                                 \
    X(TOKEN_SWAPPED, "token/user-and-password-swapped", "AUTH-3")                                  \
    X(TOKEN_CUT, "token/base64-without-padding", "AUTH-2")                                         \
    X(TOKEN_LONG, "token/only-short-ones", "AUTH-6")                                               \
    X(STATE_WIDE, "state/as-4-bytes", "ST-1")                                                      \
    X(ERROR_NUMBER, "server-error/number-plus-one", "ERRNO-1")                                     \
    X(CLIENT_START, "client/says-TEST_START", "ST-6.n")                                            \
    X(KEYS_LOWER, "params/keys-in-lower-case", "JSON-4.n")                                         \
    X(FLAG_FALSE, "params/flag-as-false", "JSON-12.n")                                             \
    X(CONGESTION_TYPE, "params/congestion_used-as-a-number", "PARAM-37")                           \
    X(PACING_TYPE, "params/no_fq_socket_pacing-as-a-string", "PARAM-46")                           \
    X(TWO_TRANSPORTS, "params/tcp-and-udp", "PARAM-29")                                            \
    X(NO_TRANSPORT, "params/no-transport", "PARAM-29")                                             \
    X(NO_LEN, "params/udp-without-len", "PARAM-31.n")                                              \
    X(NO_NUM, "params/num-of-0-left-out", "INT-1")                                                 \
    X(OFF_IS_SAID, "params/what-is-off-is-said", "INT-1")                                          \
    X(OUTPUT_UNASKED, "results/output-unasked", "RES-7 INT-10")                                    \
    X(OUTPUT_OTHER, "results/output-under-another-key", "RES-7.i PARAM-38.s")                      \
    X(MINUS_UNSIGNED, "results/minus-one-unsigned", "INT-6")

MUTANT_FAMILY(said, SAID);

WRAP(size_t, frame_put_json_length, (uint8_t out[4], size_t len))
{
    size_t n =
        __real_frame_put_json_length(out, len + (fault == LENGTH_PLUS) - (fault == LENGTH_MINUS) +
                                              (fault == LENGTH_SELF ? 4 : 0));

    if (fault == LENGTH_LITTLE)
        memcpy(out, (uint8_t[]){out[3], out[2], out[1], out[0]}, 4);
    return n;
}

/* --- the text of a JSON message: something is put into its object, taken out, or replaced -------
 */

static const struct edit {
    const char *only; /* in objects with this member */
    const char *put, *remove;
} edits[] = {
    [FLAG_FALSE] = {"parallel", "\"reverse\":false,",             NULL       },
    [CONGESTION_TYPE] = {"parallel", "\"congestion_used\":1,",         NULL       },
    [PACING_TYPE] = {"parallel", "\"no_fq_socket_pacing\":\"1\",", NULL       },
    [TWO_TRANSPORTS] = {"udp",      "\"tcp\":true,",                  NULL       },
    [NO_TRANSPORT] = {"tcp",      NULL,                             "\"tcp\":" },
    [NO_LEN] = {"udp",      NULL,                             "\"len\":" },
    [NO_NUM] = {"parallel", NULL,                             "\"num\":0"},
    [OUTPUT_UNASKED] = {"streams",  "\"server_output_text\":\"\",",   NULL       },
    [OFF_IS_SAID] = {"parallel", "\"TOS\":0,",                     NULL       },
};

static char edited[1u << 16];

static void replace(char *at, size_t len, const char *by)
{
    memmove(at + strlen(by), at + len, strlen(at + len) + 1);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): in the midst of a text */
    memcpy(at, by, strlen(by));
}

static void lower_keys(void)
{
    for (char *key = edited; (key = strpbrk(key, "{,")) && key[1] == '"'; key++)
        for (char *c = key + 2; *c && *c != '"'; c++)
            *c = (char)tolower((unsigned char)*c);
}

static void edit_object(const struct edit *e)
{
    char *member = e->remove ? strstr(edited, e->remove) : NULL;

    if (e->put)
        replace(edited + 1, 0, e->put);
    if (member)
        replace(member, strcspn(member, ",}") + 1, "");
}

static bool has_member(const char *key)
{
    const char *at = strstr(edited, key);

    return at && at[-1] == '"' && at[strlen(key)] == '"';
}

static void edit_text(void)
{
    static const char minus[] = ":-1";
    const struct edit *e = fault < ARRAY_LEN(edits) ? &edits[fault] : NULL;

    if (e && e->only && has_member(e->only)) /* some faults edit nothing here */
        edit_object(e);
    if (fault == KEYS_LOWER && has_member("parallel"))
        lower_keys();
    for (char *at; fault == MINUS_UNSIGNED && (at = strstr(edited, minus));)
        replace(at, strlen(minus), ":18446744073709551615");
    char *output = strstr(edited, "\"server_output_text\":");
    if (fault == OUTPUT_OTHER && output)
        output[1] = 'S';
    if (fault == TEXT_NEWLINE)
        strcat(edited, "\n");
}

/* Room for what is put in. */
#define EDIT_ROOM 4096

WRAP(enum spec_err, jwrite_finish, (struct jwrite * w, struct bytes *text))
{
    enum spec_err err = __real_jwrite_finish(w, text);

    if (err != SPEC_OK || w->layout != JWRITE_COMPACT || fault == NO_FAULT ||
        text->len > sizeof edited - EDIT_ROOM)
        return err;
    memcpy(edited, text->at, text->len);
    edited[text->len] = '\0';
    edit_text();
    *text = (struct bytes){(const uint8_t *)edited, strlen(edited) + (fault == TEXT_NUL)};
    return err;
}

/* --- bytes ------------------------------------------------------------------------------------ */

WRAP(void, machine_send_state, (struct machine * m, int8_t state))
{
    const uint8_t wide[] = {0, 0, 0, (uint8_t)state};

    if (fault == STATE_WIDE)
        machine_send(m, wide, sizeof wide);
    else
        __real_machine_send_state(m, state);
}

WRAP(void, machine_stream_up, (struct machine * m, uint64_t now_ns))
{
    __real_machine_stream_up(m, now_ns);
    if (fault == CLIENT_START && m->config.role == MACHINE_CLIENT)
        __real_machine_send_state(m, TEST_START);
}

WRAP(size_t, frame_put_error, (uint8_t out[9], int n_ints, int32_t ierr, int32_t os_errno))
{
    if (fault == ERROR_ORDER)
        return __real_frame_put_error(out, n_ints, os_errno, ierr);
    ierr += fault == ERROR_NUMBER;
    return __real_frame_put_error(out,
                                  fault == ERROR_ONE    ? 1
                                  : fault == ERROR_BARE ? 0
                                                        : n_ints,
                                  ierr, os_errno);
}

WRAP(void, frame_make_cookie, (uint8_t out[COOKIE_LEN], const uint8_t random[COOKIE_LEN - 1]))
{
    __real_frame_make_cookie(out, random);
    if (fault == COOKIE_NO_NUL)
        out[COOKIE_LEN - 1] = 'a';
    if (fault == COOKIE_NULS)
        out[7] = 0;
    if (fault == COOKIE_SAME)
        memset(out, 'a', COOKIE_LEN - 1);
}

WRAP(enum spec_err, auth_seal,
     (const struct auth_key *key, bool pkcs1, const struct token_claim *claim, char *out,
      size_t cap))
{
    struct token_claim said = *claim;

    if (fault == TOKEN_TIME)
        said.time_s += 3600;
    if (fault == TOKEN_SWAPPED) {
        memcpy(said.user, claim->password, sizeof said.user);
        memcpy(said.password, claim->user, sizeof said.password);
    }
    if (fault == TOKEN_LONG)
        said.user[SHORT_NAME] = '\0';
    enum spec_err err = __real_auth_seal(key, pkcs1 != (fault == TOKEN_PADDING), &said, out, cap);
    if (fault == TOKEN_CUT && err == SPEC_OK)
        out[strcspn(out, "=")] = '\0';
    return err;
}
