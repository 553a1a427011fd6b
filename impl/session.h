/* session.h - one test in the shell: the protocol machine, its control channel, its data phase and
 * its report, joined. Client and server use it alike; what they do differently comes in as
 * operations.
 *
 * Everything happens on the loop's thread. */
#pragma once
#include "impl/net/chan.h"
#include "impl/net/loop.h"
#include "impl/report/report.h"
#include "impl/traffic/run.h"
#include "impl/wire/machine.h"

struct session;

/* What the role does itself; those that a role never gets may be NULL. None may free the session.
 */
struct session_ops {
    void (*authorize)(void *context); /* server; answer: session_authorized() */
    void (*prepare)(void *context);   /* server; answer: session_prepared() */
    /* Client: the first bytes have come, and may ask for the parameters: what in them tells the
     * time is made now (AUTH-4). */
    void (*asked)(void *context);
    void (*accept)(void *context, unsigned n); /* server: n streams are awaited */
    void (*open)(void *context, unsigned n);   /* client: answer each with session_add_stream() */
    /* No more streams are awaited: all are there (TEST_START), or there will be none (a client may
     * go from CREATE_STREAMS straight to the results, FLOW-12). May come again. */
    void (*set_up)(void *context);
    /* The end, once, from the loop and never from inside a call of ours: may free the session. */
    void (*over)(void *context, const struct machine_end *end);
};

struct session_config {
    struct loop *loop;
    const struct session_ops *ops;
    void *context;
    const struct machine_config *machine; /* copied */
    struct report *report;                /* borrowed; outlives the session */
    struct run_config run; /* loop, params, role and the callbacks are filled in by the session */
    bool output_is_json; /* as the report is: what get_server_output gives back (RES-7, RES-8), and
                            whether what only JSON tells is measured */
    FILE *debug;         /* -d: where each change of state is told; NULL: nowhere */
    /* The channel has written its last byte and is gone; may come long after over(). May be NULL.
     */
    void (*gone)(void *context);
    void *gone_context;
};

/* NULL without memory. */
struct session *session_new(const struct session_config *config);
/* Ends everything without a word to the peer, if it still runs. NULL is allowed. */
void session_free(struct session *s);

/* Take over a channel: what it keeps is read as the first bytes. started_ns: when the connection
 * came, from which the time for the cookie runs (TMO-1). */
void session_start(struct session *s, struct chan *chan, uint64_t started_ns);

/* Give a connected data socket to the test; it is closed in any case. */
void session_add_stream(struct session *s, int fd);

/* Answers to authorize() and prepare(): whether the token is valid; 0 or iperf3's number to refuse
 * with, and the errno that goes with it. */
void session_authorized(struct session *s, bool ok);
void session_prepared(struct session *s, int ierr, int os_errno);

/* Something of our own failed: ends the test with iperf3's number and an errno (ERR-8, CLOSE-9). */
void session_failed(struct session *s, int ierr, int os_errno);

/* The user ends us (CLOSE-6). */
void session_terminate(struct session *s);

/* Waits no longer for what is awaited: as if its deadline had come. */
void session_expire(struct session *s);

/* Borrowed for the session's life; session_params() is NULL before they are known. */
const struct machine *session_machine(const struct session *s);
const struct params *session_params(const struct session *s);

/* What the report shows of a stream's socket. */
struct report_buffers session_buffers(const struct params *p, int fd);

/* Streams given so far. */
unsigned session_n_streams(const struct session *s);
