/* server_test.h - one test of the server, from its cookie to its end.
 *
 * Knows its own session, report and place in the queue; which connection belongs to it is decided
 * in server.c. */
#pragma once
#include "impl/console.h"
#include "impl/greeter.h"
#include "impl/net/authjob.h"
#include "impl/options.h"
#include "impl/session.h"
#include "impl/wire/admit.h"

#include <sys/queue.h>

struct server_test;

/* What all tests of one server share. */
struct server_shared {
    const struct options *opt;
    struct loop *loop;
    FILE *err;
    struct console *console;
    struct transcript *transcript;   /* NULL: none */
    struct authjob_worker *authjobs; /* NULL: no authentication (AUTH-1) */
    void *context;
    /* A test is ready for its streams: true if it may announce them, false to ask again with
     * server_test_unpark() (two UDP set-ups of one address). ierr: written when it can't be. */
    bool (*may_announce)(void *context, struct server_test *test, int *ierr);
    /* The test's parameters have come. */
    void (*heard)(void *context, struct server_test *test);
    /* The test awaits no more streams (session.h). */
    void (*set_up)(void *context, struct server_test *test);
    /* The test is over and about to be freed: take it off the list. */
    void (*over)(void *context, struct server_test *test, const struct machine_end *end);
    void (*gone)(void *context); /* its channel too; once per test */
};

#define SERVER_TEST_STREAMS 256 /* both directions (PARAM-14) */

enum server_wait {
    SERVER_WAITS_NOT,
    SERVER_PENDING,      /* it has said no more than its cookie */
    SERVER_PARKED,       /* for others of its address, before it may announce its UDP streams */
    SERVER_AWAITING_UDP, /* for its UDP streams */
    SERVER_AWAITING_SCTP,
    SERVER_N_WAITS
};

struct server_test {
    TAILQ_ENTRY(server_test) entry, waiting; /* the server's */
    LIST_ENTRY(server_test) same;            /* the server's: those whose cookies look alike */
    bool has_cookie;                         /* it is in that list */
    enum server_wait waits;                  /* the server's: in which queue it is */
    const struct server_shared *shared;
    uint64_t order;
    struct sock_name peer;
    bool parked;     /* waits for may_announce */
    int interrupted; /* the signal that ended us; 0: none */
    struct loop_timer park_timer;
    struct console_slot *slot;
    struct report *report;
    struct session *session;
    struct authjob *authjob;
    uint16_t udp_ports[SERVER_TEST_STREAMS]; /* the peer's, of its streams */
    size_t n_udp;
};

/* A test for a connection whose first bytes say that it is one. NULL without memory.
 * server_test_begin() takes the channel over and starts it, once it is on the server's list. */
struct server_test *server_test_new(const struct server_shared *shared, uint64_t order,
                                    const struct greeter_guest *guest);
void server_test_begin(struct server_test *test, const struct greeter_guest *guest);

/* Ends it without a word to the peer, if it still runs. NULL is allowed. */
void server_test_free(struct server_test *test);

/* A connected socket that is a stream of this test. */
void server_test_add_stream(struct server_test *test, int fd);

/* The same for UDP, before its reply is sent (UDPC-11). peer: whom fd is connected to. */
void server_test_add_udp(struct server_test *test, int fd, const struct sock_name *peer);
/* Whether it has a stream from there: a connect message that came twice is no second one. */
bool server_test_has_udp(const struct server_test *test, const struct sock_name *peer);

/* Ask again for what may_announce() refused, if the test still waits for it. */
void server_test_unpark(struct server_test *test);

/* The server was told to end: says so to the peer (CLOSE-6). */
void server_test_interrupt(struct server_test *test, int signo);

/* How this server reports, to out. */
struct report_config server_test_report_config(const struct server_shared *shared, FILE *out);

/* What the listener's decision needs (borrows the cookie). */
void server_test_view(const struct server_test *test, struct admit_test *view);
