/* server_core.h - what server.c and server_doors.c share; private to them. */
#pragma once
#include "impl/greeter.h"
#include "impl/net/accept.h"
#include "impl/net/sctpdoor.h"
#include "impl/net/udpdoor.h"
#include "impl/server_test.h"

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
    TAILQ_HEAD(, server_test) tests; /* in order of arrival */
    size_t n_tests, max_tests;
    struct admit_test *view; /* room for max_tests */
    uint64_t n_served;
    unsigned n_channels; /* not yet gone */
    struct loop_timer idle, unpark;
    bool stopping;
    int status;
};

/* The running tests as the listener's decision sees them, in order of arrival; borrowed until the
 * next call. */
struct admit_view server_view_tests(struct server *s);

/* The test at that place of the view. */
struct server_test *server_nth(struct server *s, size_t which);

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
