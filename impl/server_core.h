/* server_core.h - what the server*.c share; private to them. */
#pragma once
#include "impl/greeter.h"
#include "impl/net/accept.h"
#include "impl/net/sctpdoor.h"
#include "impl/net/udpdoor.h"
#include "impl/server_test.h"

#define SERVER_BUCKETS 512

LIST_HEAD(server_bucket, server_test);
TAILQ_HEAD(server_queue, server_test);

struct server {
    const struct options *opt;
    FILE *out, *err;
    struct loop *loop;
    int listener;
    struct accept_door *door;
    struct greeters *greeters;
    struct udpdoor *udp;   /* open only while some test awaits UDP streams (UDPC-8) */
    struct sctpdoor *sctp; /* the same for SCTP (SCTP-4) */
    struct auth_key *key;
    struct auth_policy policy;
    struct server_shared shared;
    struct server_queue tests; /* in order of arrival */
    size_t n_tests, max_tests;
    size_t most_tests;                            /* at once, since memory was last given back */
    struct server_bucket buckets[SERVER_BUCKETS]; /* those whose cookie came, by it */
    struct server_queue waiting[SERVER_N_WAITS];  /* by what for, in order of their coming there */
    size_t n_waiting[SERVER_N_WAITS];             /* all but [SERVER_WAITS_NOT] count */
    struct admit_test *view;                      /* room for max_tests */
    struct server_test **viewed;                  /* which test is at that place of the view */
    uint64_t n_served;
    unsigned n_channels; /* not yet gone */
    struct loop_timer idle, unpark;
    bool stopping;
    int status;
};

/* Tests by what they wait for (server_index.c). init: false without memory. add: its place in all
 * lists, as one that is pending; cookie: what came of it. */
bool server_index_init(struct server *s);
void server_index_fini(struct server *s);
void server_index_add(struct server *s, struct server_test *test, struct bytes cookie);
void server_index_wait(struct server *s, struct server_test *test, enum server_wait waits);
void server_index_remove(struct server *s, struct server_test *test);

/* The tests that matter for the listener's decision about a connection with these first bytes, and
 * about a datagram or (newcomer, at place 0) about a test that wants to announce its UDP streams.
 * Borrowed until the next call. */
struct admit_view server_view_tcp(struct server *s, struct bytes first);
struct admit_view server_view_udp(struct server *s, struct server_test *newcomer);

/* Whether its parameters ask for SCTP streams. */
bool server_is_sctp_test(const struct server_test *test);

/* Somebody connected, of whom nothing is known yet. context is the server; fd is its from now on.
 */
void server_admit_guest(void *context, int fd, const struct sock_name *peer);

/* As in struct server_shared: opens the door that the test's streams will knock at. */
bool server_may_announce(void *context, struct server_test *test, int *ierr);

/* Close the doors at which nobody is awaited any more. */
void server_shut_udp(struct server *s);
void server_shut_sctp(struct server *s);

/* Of server.unpark: some set-up has ended, let in who waits for it. */
void server_unpark_all(struct loop_timer *timer, uint64_t now_ns);
