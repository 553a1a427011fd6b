/* taken.c - what comes is taken for something else, or not at all. */
#include "impl/mutants/mutant.h"
#include "impl/mutants/table.h"

#include "impl/net/auth.h"
#include "impl/wire/bytes.h"
#include "impl/wire/frame.h"
#include "impl/wire/ierr.h"
#include "impl/wire/json.h"
#include "impl/wire/machine_core.h"
#include "impl/wire/state.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* X(NAME, id, clauses) */
#define TAKEN(X)                                                                                   \
    X(LIMIT_NONE, "json-limit/none", "JSON-7")                                                     \
    X(LIMIT_LESS, "json-limit/8191", "JSON-7")                                                     \
    X(ONE_SEGMENT, "item/in-one-piece-only", "ST-3")                                               \
    X(ITEM_01, "item/01-in-front-is-answered", "ST-SRV-5.a")                                       \
    X(ITEM_04, "item/04-in-front-is-answered", "ST-SRV-6.a")                                       \
    X(SHORT_IS_WHOLE, "item/cut-short-is-whole", "ST-SRV-4.b")                                     \
    X(STATE_FOR_RESULTS, "results/state-in-front-is-skipped", "ST-CLI-33.a")                       \
    X(TOO_LONG_GOOD, "results/a-great-length-is-success", "ST-CLI-31.a")                           \
    X(NOTHING_BEHIND, "json/nothing-may-follow", "JSON-3")                                         \
    X(NO_EXPONENTS, "json/no-exponents", "JSON-14.n")                                              \
    X(NO_UNSIGNED, "json/none-above-2^63", "JSON-14.n2 INT-6")                                     \
    X(KEY_BY_CASE, "json/keys-by-case", "JSON-4")                                                  \
    X(LAST_OF_TWO, "json/last-of-two-members", "JSON-4")                                           \
    X(OBJECTS_ONLY, "json/objects-only", "JSON-5")                                                 \
    X(TEN_LEVELS, "json/ten-levels", "JSON-6")                                                     \
    X(NO_MARK, "json/no-byte-order-mark", "JSON-6")                                                \
    X(ANY_DEPTH, "json/any-depth", "JSON-6")                                                       \
    X(FALSE_ABSENT, "json/false-is-absent", "JSON-12.v2")                                          \
    X(PAIR_WANTED, "results/the-omitted-pair-is-wanted", "RES-18")                                 \
    X(EOF_GOOD, "eof/is-success", "ERR-3 ST-CLI-34.a CLOSE-13.v1")                                 \
    X(ERROR_GOOD, "server-error/is-success", "ST-CLI-10.b")                                        \
    X(ERROR_NEXT, "server-error/next-number", "ERR-4")                                             \
    X(ERROR_BARE, "server-error/without-numbers-is-success", "ST-CLI-12.a")                        \
    X(TOKEN_PADDING, "token/other-padding", "AUTH-7.v1 AUTH-7.v2")                                 \
    X(BYTE_UNKNOWN, "byte/unknown-is-TEST_END", "ST-2")                                            \
    X(BYTE_TERMINATE, "byte/CLIENT_TERMINATE-is-TEST_END", "CLOSE-7")                              \
    X(BYTE_DONE, "byte/IPERF_DONE-is-TEST_END", "CLOSE-10")                                        \
    X(EOF_IS_END, "eof/is-TEST_END", "CLOSE-11")                                                   \
    X(RESULTS_END, "results/are-the-end", "ST-CLI-30")                                             \
    X(RESET_GOOD, "reset/is-success", "ST-CLI-17.a ST-CLI-34.a")                                   \
    X(ERROR_UNKNOWN, "server-error/unknown-is-success", "ERRNO-2")                                 \
    X(TOKEN_ANY, "token/any-opens", "AUTH-13 AUTH-1")                                              \
    X(TOKEN_STALE, "token/of-any-time", "AUTH-8")                                                  \
    X(TOKEN_USER, "token/of-anybody", "AUTH-9")

MUTANT_FAMILY(taken, TAKEN);

/* --- items of several bytes --------------------------------------------------------------------
 */

WRAP(void, frame_expect, (struct frame_decoder * dec, enum frame_kind kind, size_t limit))
{
    if (kind == FRAME_JSON && limit == PARAMS_LEN_LIMIT && fault == LIMIT_NONE)
        limit = 1u << 30;
    if (kind == FRAME_JSON && limit == PARAMS_LEN_LIMIT && fault == LIMIT_LESS)
        limit--;
    __real_frame_expect(dec, kind, limit);
}

WRAP(enum spec_err, frame_feed, (struct frame_decoder * dec, struct bytes *in, struct bytes *body))
{
    enum spec_err err = __real_frame_feed(dec, in, body);
    return fault == ONE_SEGMENT && err == SPEC_MORE ? SPEC_E_LENGTH : err;
}

/* A state byte is taken for one where an item is due. */
static bool answers(struct machine *m, struct bytes *in)
{
    bool hits = (fault == ITEM_01 && in->at[0] == TEST_START) ||
                (fault == ITEM_04 && in->at[0] == TEST_END);

    if (!hits || frame_partial(&m->dec) > 0 || m->state == SRV_CREATE || m->state == SRV_RUN ||
        m->state == SRV_DISPLAY)
        return false;
    *in = (struct bytes){in->at + 1, in->len - 1};
    machine_send_state(m, fault == ITEM_01 ? TEST_RUNNING : EXCHANGE_RESULTS);
    return true;
}

WRAP(void, machine_server_bytes, (struct machine * m, struct bytes *in))
{
    if (!mutant_course_is_deaf(m) && !answers(m, in) && !table_fault_takes(m, in))
        __real_machine_server_bytes(m, in);
}

WRAP(void, machine_server_event,
     (struct machine * m, enum table_server_event event, int ierr, int os_errno))
{
    if (fault == SHORT_IS_WHOLE && event == SEV_EOF && m->state == SRV_PARAMS) {
        m->has_params = true;
        event = SEV_ACCEPTED;
    }
    if (fault == EOF_IS_END && event == SEV_EOF && m->state == SRV_RUN)
        event = SEV_TEST_END;
    __real_machine_server_event(m, event, ierr, os_errno);
}

WRAP(void, machine_client_bytes, (struct machine * m, struct bytes *in))
{
    int8_t byte = (int8_t)in->at[0];
    bool awaits_results = m->state == CLI_RESULTS;

    if (fault == TOO_LONG_GOOD && awaits_results && frame_partial(&m->dec) == 0 && in->len >= 4 &&
        in->at[0] > 0)
        exit(0);
    if (fault == STATE_FOR_RESULTS && awaits_results && frame_partial(&m->dec) == 0 && byte > 0)
        *in = (struct bytes){in->at + 1, in->len - 1};
    if (in->len > 0 && !table_fault_takes(m, in))
        __real_machine_client_bytes(m, in);
    if (fault == RESULTS_END && awaits_results && m->state == CLI_XCHG)
        machine_send_state(m, IPERF_DONE);
}

WRAP(void, machine_client_eof, (struct machine * m))
{
    if (fault == EOF_GOOD || (fault == ERROR_BARE && m->reading_error))
        exit(0);
    __real_machine_client_eof(m);
}

WRAP(void, machine_client_reset, (struct machine * m, int os_errno))
{
    if (fault == RESET_GOOD)
        exit(0);
    __real_machine_client_reset(m, os_errno);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static bool is_digit_at(struct bytes text, size_t i)
{
    return i < text.len && isdigit(text.at[i]);
}

static bool has_exponent(struct bytes text)
{
    for (size_t i = 1; i < text.len; i++)
        if ((text.at[i] | 0x20) == 'e' && is_digit_at(text, i - 1) &&
            (is_digit_at(text, i + 1) || is_digit_at(text, i + 2)))
            return true;
    return false;
}

static bool has(struct bytes text, const char *word)
{
    return memmem(text.at, text.len, word, strlen(word)) != NULL;
}

static bool is_refused(struct bytes text)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};

    switch (fault) {
    case NOTHING_BEHIND:
        return text.len > 0 && text.at[text.len - 1] != '}';
    case NO_EXPONENTS:
        return has_exponent(text);
    case PAIR_WANTED:
        return has(text, "\"streams\"") && !has(text, "\"omitted_errors\"");
    case NO_UNSIGNED:
        return has(text, "18446744073709551615");
    case OBJECTS_ONLY:
        return text.len > 0 && text.at[0] != '{';
    case TEN_LEVELS:
        return has(text, "[[[[[[[[[[") || has(text, "{\"a\":{\"a\":{\"a\":");
    case NO_MARK:
        return text.len >= sizeof mark && memcmp(text.at, mark, sizeof mark) == 0;
    default:
        return false;
    }
}

WRAP(enum spec_err, json_parse, (struct bytes text, json_value **root))
{
    static const char brackets[] = "[[[[[[[[[[";
    struct bytes empty = {(const uint8_t *)"{}", 2};

    if (is_refused(text))
        return SPEC_E_JSON;
    return __real_json_parse(fault == ANY_DEPTH && has(text, brackets) ? empty : text, root);
}

WRAP(const json_value *, json_member_behind,
     (const json_value *object, const char *key, const json_value **passed))
{
    const json_value *found = NULL;

    if ((fault != KEY_BY_CASE && fault != LAST_OF_TWO) || json_type_of(object) != JSON_OBJECT) {
        found = __real_json_member_behind(object, key, passed);
        return fault == FALSE_ABSENT && json_type_of(found) == JSON_BOOL && !json_bool(found)
                   ? NULL
                   : found;
    }
    for (const json_value *v = NULL; (v = json_next(object, v));)
        if (fault == KEY_BY_CASE ? !found && strcmp(json_key(v), key) == 0
                                 : strcasecmp(json_key(v), key) == 0)
            found = v;
    return found;
}

/* --- bytes and numbers ------------------------------------------------------------------------ */

WRAP(enum table_server_event, table_server_byte, (int8_t byte))
{
    enum table_server_event event = __real_table_server_byte(byte);

    if ((fault == BYTE_UNKNOWN && event == SEV_OTHER_BYTE) ||
        (fault == BYTE_TERMINATE && event == SEV_CLIENT_TERMINATE) ||
        (fault == BYTE_DONE && event == SEV_IPERF_DONE))
        return SEV_TEST_END;
    return event;
}

WRAP(void, frame_error_pair, (struct bytes body, int32_t *ierr, int32_t *os_errno))
{
    __real_frame_error_pair(body, ierr, os_errno);
    if (fault == ERROR_NEXT)
        ++*ierr;
    if (fault == ERROR_GOOD || (fault == ERROR_UNKNOWN && !ierr_name(*ierr)))
        exit(0);
}

WRAP(enum auth_verdict, auth_check,
     (const struct auth_policy *policy, const char *token, int64_t now_s,
      struct token_claim *claim))
{
    static const struct {
        enum fault fault;
        enum auth_verdict verdict;
    } forgiven[] = {
        {TOKEN_ANY,   AUTH_TOKEN},
        {TOKEN_STALE, AUTH_STALE},
        {TOKEN_USER,  AUTH_USER },
    };
    struct auth_policy other = *policy;
    other.pkcs1 = policy->pkcs1 != (fault == TOKEN_PADDING);
    enum auth_verdict v = __real_auth_check(&other, token, now_s, claim);

    for (size_t i = 0; i < ARRAY_LEN(forgiven); i++)
        if (fault == forgiven[i].fault && v == forgiven[i].verdict)
            return AUTH_OK;
    return v;
}
