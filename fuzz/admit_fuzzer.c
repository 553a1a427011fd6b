/* admit_fuzzer.c - the listener's decision: the same however the first bytes arrive, and never a
 * stream of a test that did not ask for one.
 *
 * Input: the limit of tests, the number of them, 4 bytes each (flags, cookie, address, order), the
 * address of the newcomer, then what it sends. Cookies are runs of one letter, addresses one byte.
 */
#include "fuzz/fuzz.h"

#include "impl/wire/admit.h"
#include "impl/wire/datagram.h"

#define TESTS 6

static uint8_t cookies[256][COOKIE_LEN];

static struct admit_addr address(uint8_t byte)
{
    return (struct admit_addr){.ip = {[15] = byte & 3}, .scope = byte >> 2 & 1};
}

static void fill(struct admit_test *test, struct bytes *in)
{
    uint8_t flags = fuzz_u8(in), cookie = fuzz_u8(in);

    memset(cookies[cookie], cookie, COOKIE_LEN - 1);
    *test = (struct admit_test){
        .cookie = flags & 1 ? NULL : cookies[cookie],
        .awaits_tcp = flags & 2,
        .awaits_udp = flags & 4,
        .has_all = (flags & 10) == 8,
    };
    test->peer = address(fuzz_u8(in));
    test->order = fuzz_u8(in);
}

static void check_tcp(const struct admit_view *view, const struct admit_addr *peer,
                      struct bytes first)
{
    size_t which = SIZE_MAX, again = SIZE_MAX;
    enum admit_verdict verdict = admit_tcp(view, peer, first, true, &which), early = ADMIT_MORE;

    FUZZ_CHECK(verdict != ADMIT_MORE, "more, at the end");
    for (size_t len = 0; len <= first.len && early == ADMIT_MORE; len++)
        early = admit_tcp(view, peer, (struct bytes){first.at, len}, false, &again);
    if (early != ADMIT_MORE)
        FUZZ_CHECK(early == verdict && again == which, "%d after a part, %d after all", early,
                   verdict);
    else
        FUZZ_CHECK(first.len < COOKIE_LEN, "more than a cookie");
    if (verdict == ADMIT_NEW)
        FUZZ_CHECK(view->n_tests < view->max_tests, "one test too many");
    if (verdict != ADMIT_STREAM)
        return;
    FUZZ_CHECK(which < view->n_tests && view->tests[which].awaits_tcp &&
                   memcmp(view->tests[which].cookie, first.at, COOKIE_LEN) == 0,
               "a stream of test %zu", which);
}

static void check_udp(const struct admit_view *view, const struct admit_addr *peer,
                      struct bytes datagram)
{
    size_t which = SIZE_MAX;

    if (!admit_udp(view, peer, datagram, &which))
        return;
    FUZZ_CHECK(which < view->n_tests && view->tests[which].awaits_udp &&
                   admit_addr_equal(&view->tests[which].peer, peer) &&
                   datagram.len == DATAGRAM_CONNECT_LEN,
               "a stream of test %zu", which);
}

/* Of two tests of one address at most one may start to set UDP streams up. */
static void check_turns(struct admit_test *tests, const struct admit_view *view)
{
    for (size_t i = 0; i < view->n_tests; i++) {
        if (!admit_udp_may_start(view, i))
            continue;
        for (size_t j = 0; j < view->n_tests; j++)
            FUZZ_CHECK(i == j || !tests[j].awaits_udp ||
                           !admit_addr_equal(&tests[j].peer, &tests[i].peer),
                       "%zu beside %zu", i, j);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    struct admit_test tests[TESTS];
    struct admit_view view = {.tests = tests, .max_tests = 1 + fuzz_u8(&in) % TESTS};
    struct admit_addr peer;

    view.n_tests = fuzz_u8(&in) % (view.max_tests + 1);
    for (size_t i = 0; i < view.n_tests; i++)
        fill(&tests[i], &in);
    peer = address(fuzz_u8(&in));
    check_tcp(&view, &peer, in);
    check_udp(&view, &peer, in);
    check_turns(tests, &view);
    return 0;
}
