/* server_index.c - which of a thousand tests a newcomer may be meant for, without asking each.
 *
 * Who belongs where is decided in impl/wire/admit.c; here it is only kept from having to look at
 * tests that cannot matter: those with another cookie, and those that await no datagram. */
#include "impl/server_core.h"

#include <stdlib.h>

bool server_index_init(struct server *s)
{
    TAILQ_INIT(&s->tests);
    for (size_t i = 0; i < SERVER_N_WAITS; i++)
        TAILQ_INIT(&s->waiting[i]);
    s->view = calloc(s->max_tests, sizeof *s->view);
    s->viewed = calloc(s->max_tests, sizeof(struct server_test *));
    return s->view && s->viewed;
}

void server_index_fini(struct server *s)
{
    free(s->view);
    free(s->viewed);
}

/* FNV-1a. Who sends cookies that collide gets what all had without the index. */
static struct server_bucket *bucket_of(struct server *s, const uint8_t *cookie)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < COOKIE_LEN; i++)
        hash = (hash ^ cookie[i]) * 16777619u;
    return &s->buckets[hash % SERVER_BUCKETS];
}

void server_index_add(struct server *s, struct server_test *test, struct bytes cookie)
{
    TAILQ_INSERT_TAIL(&s->tests, test, entry);
    s->n_tests++;
    s->most_tests = MAX(s->most_tests, s->n_tests);
    test->has_cookie = cookie.len >= COOKIE_LEN;
    if (test->has_cookie)
        LIST_INSERT_HEAD(bucket_of(s, cookie.at), test, same);
    server_index_wait(s, test, SERVER_PENDING);
}

void server_index_wait(struct server *s, struct server_test *test, enum server_wait waits)
{
    if (test->waits == waits)
        return;
    if (test->waits != SERVER_WAITS_NOT)
        TAILQ_REMOVE(&s->waiting[test->waits], test, waiting);
    if (waits != SERVER_WAITS_NOT)
        TAILQ_INSERT_TAIL(&s->waiting[waits], test, waiting);
    s->n_waiting[test->waits]--;
    s->n_waiting[waits]++;
    test->waits = waits;
}

void server_index_remove(struct server *s, struct server_test *test)
{
    server_index_wait(s, test, SERVER_WAITS_NOT);
    if (test->has_cookie)
        LIST_REMOVE(test, same);
    TAILQ_REMOVE(&s->tests, test, entry);
    s->n_tests--;
}

/* --- views ------------------------------------------------------------------------------------ */

static void add_to_view(struct server *s, struct admit_view *view, struct server_test *test)
{
    server_test_view(test, &s->view[view->n_tests]);
    s->viewed[view->n_tests++] = test;
}

static struct admit_view view_all(struct server *s)
{
    struct admit_view view = {.tests = s->view, .max_tests = s->max_tests};
    struct server_test *test;

    TAILQ_FOREACH(test, &s->tests, entry)
        add_to_view(s, &view, test);
    return view;
}

/* At the limit what all tests do decides (CLOSE-2); below it there is as much room as in truth. */
struct admit_view server_view_tcp(struct server *s, struct bytes first)
{
    struct admit_view view = {.tests = s->view};
    struct server_test *test;

    if (s->n_tests >= s->max_tests)
        return view_all(s);
    if (first.len >= COOKIE_LEN)
        LIST_FOREACH(test, bucket_of(s, first.at), same)
    add_to_view(s, &view, test);
    view.max_tests = view.n_tests + (s->max_tests - s->n_tests);
    return view;
}

struct admit_view server_view_udp(struct server *s, struct server_test *newcomer)
{
    struct admit_view view = {.tests = s->view, .max_tests = s->max_tests};
    struct server_test *test;

    if (newcomer)
        add_to_view(s, &view, newcomer);
    TAILQ_FOREACH(test, &s->waiting[SERVER_AWAITING_UDP], waiting)
        if (test != newcomer)
            add_to_view(s, &view, test);
    return view;
}
