/* admit.c - chooses among the running tests; see admit.h. */
#include "impl/wire/admit.h"

#include "impl/wire/datagram.h"

#include <string.h>

bool admit_addr_equal(const struct admit_addr *a, const struct admit_addr *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0 && a->scope == b->scope;
}

static bool has_cookie(const struct admit_test *test, struct bytes first)
{
    return test->cookie != NULL && memcmp(test->cookie, first.at, COOKIE_LEN) == 0;
}

/* Whether a is the better of two tests with one cookie: its peer's own first, then the older. */
static bool is_better(const struct admit_test *a, const struct admit_test *b,
                      const struct admit_addr *peer)
{
    bool a_near = admit_addr_equal(&a->peer, peer), b_near = admit_addr_equal(&b->peer, peer);

    return a_near != b_near ? a_near : a->order < b->order;
}

static bool any_awaits_tcp(const struct admit_view *view)
{
    for (size_t i = 0; i < view->n_tests; i++)
        if (view->tests[i].awaits_tcp)
            return true;
    return false;
}

/* The test that the connection is a stream of, or NULL. */
static const struct admit_test *find_stream(const struct admit_view *view,
                                            const struct admit_addr *peer, struct bytes first)
{
    const struct admit_test *best = NULL;

    for (size_t i = 0; i < view->n_tests; i++) {
        const struct admit_test *test = &view->tests[i];
        if (test->awaits_tcp && has_cookie(test, first) &&
            (best == NULL || is_better(test, best, peer)))
            best = test;
    }
    return best;
}

/* A connection of a test that has all its streams (ST-SRV-14). A stranger may have the same cookie.
 */
static bool is_extra(const struct admit_view *view, const struct admit_addr *peer,
                     struct bytes first)
{
    for (size_t i = 0; i < view->n_tests; i++) {
        const struct admit_test *test = &view->tests[i];
        if (test->has_all && has_cookie(test, first) && admit_addr_equal(&test->peer, peer))
            return true;
    }
    return false;
}

enum admit_verdict admit_tcp(const struct admit_view *view, const struct admit_addr *peer,
                             struct bytes first, bool over, size_t *which)
{
    enum admit_verdict otherwise = view->n_tests < view->max_tests ? ADMIT_NEW : ADMIT_DENY;

    if (otherwise == ADMIT_DENY && !any_awaits_tcp(view))
        return ADMIT_DENY; /* unread (CLOSE-2) */
    if (first.len < COOKIE_LEN)
        return over ? otherwise : ADMIT_MORE;

    const struct admit_test *test = find_stream(view, peer, first);
    if (test != NULL) {
        *which = (size_t)(test - view->tests);
        return ADMIT_STREAM;
    }
    return is_extra(view, peer, first) ? ADMIT_DENY : otherwise;
}

bool admit_udp(const struct admit_view *view, const struct admit_addr *peer, struct bytes datagram,
               size_t *which)
{
    const struct admit_test *best = NULL;

    if (datagram_connect_kind(datagram) == DATAGRAM_NOT_CONNECT)
        return false;
    for (size_t i = 0; i < view->n_tests; i++) {
        const struct admit_test *test = &view->tests[i];
        if (test->awaits_udp && admit_addr_equal(&test->peer, peer) &&
            (best == NULL || test->order < best->order))
            best = test;
    }
    if (best != NULL)
        *which = (size_t)(best - view->tests);
    return best != NULL;
}

bool admit_udp_may_start(const struct admit_view *view, size_t which)
{
    const struct admit_test *mine = &view->tests[which];

    for (size_t i = 0; i < view->n_tests; i++) {
        const struct admit_test *test = &view->tests[i];
        if (i != which && test->awaits_udp && admit_addr_equal(&test->peer, &mine->peer))
            return false;
    }
    return true;
}
