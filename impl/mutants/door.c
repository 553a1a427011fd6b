/* door.c - who is let in, as what, and what that does to those who are there. */
#include "impl/mutants/mutant.h"
#include "impl/mutants/table.h"

#include "impl/server_core.h"
#include "impl/wire/admit.h"
#include "impl/wire/bytes.h"
#include "impl/wire/state.h"

#include <string.h>

/* X(NAME, id, clauses) */
#define DOOR(X)                                                                                    \
    X(ADMIT_STRANGER, "admit/stranger-is-a-stream", "STR-11 STR-12")                               \
    X(COOKIE_FIRST, "cookie/first-letter-is-not-compared", "STR-11")                               \
    X(COOKIE_MIDDLE, "cookie/middle-letter-is-not-compared", "STR-11")                             \
    X(COOKIE_LAST, "cookie/last-letter-is-not-compared", "STR-11")                                 \
    X(ADMIT_NO_STREAM, "admit/streams-are-denied", "STR-4 STR-11")                                 \
    X(ADMIT_NEVER_DENY, "admit/nobody-is-denied", "CLOSE-1 CONN-4.n")                              \
    X(ADMIT_DENY_ALL, "admit/everybody-is-denied", "CLOSE-1 CTL-8")                                \
    X(COOKIE_DOTS, "cookie/of-3.1-is-denied", "CTL-5")                                             \
    X(COOKIE_OTHER, "cookie/of-other-letters-is-denied", "CTL-5.n")                                \
    X(ONE_ADDRESS, "one-address-only", "CONN-1")                                                   \
    X(SPEAKS_FIRST, "speaks-first", "CTL-8")                                                       \
    X(ENDS_OTHERS, "a-new-test-ends-the-others", "CONN-4.n2")

MUTANT_FAMILY(door, DOOR);

/* For a fault of the table: who the newcomer is. One that is denied unread may be anybody. */
static void tell_of_guest(const struct admit_view *view, struct bytes first, bool over, bool denied)
{
    bool is_known = false;

    for (size_t i = 0; i < view->n_tests; i++)
        is_known |= view->tests[i].cookie && first.len >= COOKIE_LEN &&
                    memcmp(view->tests[i].cookie, first.at, COOKIE_LEN) == 0;
    denied = denied && first.len == 0;
    if (is_known || denied)
        told_server(SEV_CONN_COOKIE);
    if (!is_known && (over || denied || first.len >= COOKIE_LEN))
        told_server(SEV_CONN_OTHER);
}

static bool is_unwanted(const uint8_t cookie[COOKIE_LEN])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567.189";

    for (size_t i = 0; i < COOKIE_LEN - 1; i++)
        if ((fault == COOKIE_DOTS && cookie[i] == '.') ||
            (fault == COOKIE_OTHER && (!cookie[i] || !strchr(letters, cookie[i]))))
            return true;
    return fault == COOKIE_OTHER && memcmp(cookie, cookie + 1, COOKIE_LEN - 2) == 0;
}

/* One letter is the same in all of them: nobody compares it. */
WRAP(struct bytes, chan_kept, (const struct chan *c))
{
    static const size_t places[] = {[COOKIE_FIRST] = 0, [COOKIE_MIDDLE] = 18, [COOKIE_LAST] = 35};
    struct bytes kept = __real_chan_kept(c);

    if (kept.len == COOKIE_LEN &&
        (fault == COOKIE_FIRST || fault == COOKIE_MIDDLE || fault == COOKIE_LAST))
        ((uint8_t *)(uintptr_t)kept.at)[places[fault]] = 'a';
    return kept;
}

WRAP(enum admit_verdict, admit_tcp,
     (const struct admit_view *view, const struct admit_addr *peer, struct bytes first, bool over,
      size_t *which))
{
    enum admit_verdict v = __real_admit_tcp(view, peer, first, over, which);

    tell_of_guest(view, first, over, v == ADMIT_DENY);
    if ((first.len >= COOKIE_LEN && is_unwanted(first.at)) ||
        (fault == ONE_ADDRESS && (peer->ip[13] != 0 || peer->ip[15] != 1)))
        return ADMIT_DENY;
    if (fault == ADMIT_STRANGER && v != ADMIT_STREAM && v != ADMIT_MORE && first.len == COOKIE_LEN)
        for (size_t i = 0; i < view->n_tests; i++)
            if (view->tests[i].awaits_tcp) {
                *which = i;
                return ADMIT_STREAM;
            }
    if (fault == ADMIT_NO_STREAM && v == ADMIT_STREAM)
        return ADMIT_DENY;
    if (fault == ADMIT_NEVER_DENY && v == ADMIT_DENY)
        return ADMIT_NEW;
    if ((fault == ADMIT_DENY_ALL || told_guest_stays()) && v == ADMIT_NEW)
        return ADMIT_DENY;
    return v;
}

WRAP(void, chan_collect, (struct chan * c, size_t n))
{
    static const uint8_t word = PARAM_EXCHANGE;

    if (fault == SPEAKS_FIRST && n == COOKIE_LEN)
        (void)chan_send(c, (struct bytes){&word, 1});
    __real_chan_collect(c, n);
}

WRAP(void, server_test_begin, (struct server_test * test, const struct greeter_guest *guest))
{
    const struct server *s = test->shared->context;
    struct server_test *other;

    TAILQ_FOREACH(other, &s->tests, entry)
        if (fault == ENDS_OTHERS && other != test)
            session_terminate(other->session);
    __real_server_test_begin(test, guest);
}
