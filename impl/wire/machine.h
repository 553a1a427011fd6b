/* machine.h - one session of the protocol, in either role, without sockets, clocks or globals.
 *
 * Events go in, actions come out. After every input call the shell takes all actions with
 * machine_next() and carries them out in order, before the next input. Time is an input: any
 * monotonic clock in ns. What happens in which state is the table in table.h; this file is how a
 * shell drives it.
 *
 *   server: machine_start -> bytes ... -> MACHINE_AUTHORIZE? -> MACHINE_PREPARE -> MACHINE_ACCEPT
 *           -> stream_up x n -> MACHINE_INIT, MACHINE_RUN -> (04) MACHINE_CLOSE_STREAMS,
 *           MACHINE_REPORT -> (results) MACHINE_PACK -> MACHINE_END
 *   client: machine_start -> (0a) MACHINE_OPEN -> stream_up x n -> (01) MACHINE_INIT -> (02)
 *           MACHINE_RUN -> test_over -> (0d) MACHINE_PACK -> (results) -> (0e)
 *           MACHINE_CLOSE_STREAMS, MACHINE_REPORT -> MACHINE_END */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"
#include "impl/wire/frame.h"
#include "impl/wire/params.h"
#include "impl/wire/results.h"

#include <stdbool.h>

enum machine_role { MACHINE_CLIENT, MACHINE_SERVER };

/* X(name)  The states of section 10 of docs/protocol.md. */
#define SERVER_STATES(X)                                                                           \
    X(SRV_COOKIE) X(SRV_PARAMS) X(SRV_CREATE) X(SRV_RUN) X(SRV_RESULTS) X(SRV_DISPLAY)
#define CLIENT_STATES(X)                                                                           \
    X(CLI_START)                                                                                   \
    X(CLI_PARAM) X(CLI_CREATE) X(CLI_TSTART) X(CLI_RUN) X(CLI_END) X(CLI_RESULTS) X(CLI_XCHG)

enum machine_state {
#define X(name) name,
    SERVER_STATES(X) CLIENT_STATES(X)
#undef X
        MACHINE_OVER, /* after MACHINE_END: every input is ignored */
    MACHINE_N_STATES
};

struct machine_config {
    enum machine_role role;
    uint64_t
        item_timeout_ns; /* cookie, parameters, results, error integers: each whole item (TMO-1) */
    uint64_t
        rcv_timeout_ns; /* no data for so long ends the test with 144 (TMO-4, TMO-5); 0 = off */
    uint64_t streams_timeout_ns; /* server: all streams must be there this long after 0a (ours,
                                    DEF-29) */
    uint64_t finish_timeout_ns;  /* server: IPERF_DONE must come this long after 0e; client: 0d, 0e
                                    (ours) */
    uint64_t grace_ns;           /* server: ends the test at time + omit + grace (TMO-8); 0 = off */
    struct params_limits limits; /* server */
    bool auth_required;          /* server (AUTH-1) */
    uint8_t cookie[COOKIE_LEN];  /* client */
    const struct params *params; /* client: what to send; borrowed for the machine's life */
};

/* Values as iperf3 has them: 10 s items, 120 s receive, 40 s grace; ours for the rest. */
void machine_config_init(struct machine_config *config, enum machine_role role);

enum machine_action_kind {
    MACHINE_SEND,      /* bytes: write to the control channel */
    MACHINE_AUTHORIZE, /* server: check params->authtoken; answer with machine_authorized() */
    MACHINE_PREPARE,   /* server: make ready to accept streams; answer with machine_prepared() */
    MACHINE_ACCEPT,    /* server: from now on connections are streams; n of them */
    MACHINE_OPEN,      /* client: open n streams, one after the other (STR-1); answer each with
                          machine_stream_up() or once with machine_failed() */
    MACHINE_INIT,      /* TEST_START: initialise the test; the omit period starts (OMIT-1) */
    MACHINE_RUN,       /* TEST_RUNNING: data may flow (FLOW-5) */
    MACHINE_CLOSE_STREAMS, /* stop all workers, take the final counts, close the stream sockets */
    MACHINE_REPORT,        /* show the final report */
    MACHINE_PACK, /* answer with machine_results(): our own counts. Client: stop the receivers
                     first. The peer's are in machine_peer_results() (server only) */
    MACHINE_END,  /* the session is over: flush what was sent, close the control channel */
};

struct machine_end {
    bool ok;            /* the test came to a good end, or was ended in a way that counts as one */
    int ierr;           /* else: iperf3's number for it (section 9) */
    int os_errno;       /* the peer's or the system's; 0 = none */
    bool peer_said;     /* the number came with SERVER_ERROR */
    bool terminated;    /* by a signal of our own (CLOSE-6) or the peer's TERMINATE */
    const char *clause; /* the rule that ended it, "CLOSE-11"; static */
};

struct machine_action {
    enum machine_action_kind kind;
    struct bytes bytes;     /* MACHINE_SEND; borrowed until the next input call */
    unsigned n;             /* MACHINE_ACCEPT, MACHINE_OPEN: number of streams */
    struct machine_end end; /* MACHINE_END */
};

struct machine;

/* A machine at its start. config is copied, but for what it says is borrowed. NULL without memory.
 * machine_free(NULL) is allowed. */
struct machine *machine_new(const struct machine_config *config);
void machine_free(struct machine *m);

/* The next thing to do; false when there is none. */
bool machine_next(struct machine *m, struct machine_action *action);

/* When machine_tick() is next due, in ns; UINT64_MAX for never. */
uint64_t machine_deadline(const struct machine *m);

/* --- inputs ------------------------------------------------------------------------------------
 */

/* Client: the control connection is up (it sends the cookie). Server: it was accepted. */
void machine_start(struct machine *m, uint64_t now_ns);

/* Bytes from the peer. Takes at most one event's worth and moves *in past it; call again, after
 * taking the actions, until in->len is 0. While the machine waits for the shell's answer
 * (authorised, prepared, results) it takes nothing: keep the rest and call again after the answer.
 */
void machine_bytes(struct machine *m, uint64_t now_ns, struct bytes *in);

/* The end of the peer's bytes, after all of them were taken; while the machine waits for an answer
 * it is kept until then (ST-SRV-10, ST-CLI-16). */
void machine_eof(struct machine *m, uint64_t now_ns);

/* The control connection is gone, with that errno: ends the session at once (ST-SRV-11,
 * ST-CLI-17). */
void machine_reset(struct machine *m, uint64_t now_ns, int os_errno);

/* Server, answer to MACHINE_AUTHORIZE: whether the token is valid (AUTH-11). */
void machine_authorized(struct machine *m, uint64_t now_ns, bool ok);

/* Server, answer to MACHINE_PREPARE. ierr 0: ready; else iperf3's number to refuse with, and errno.
 */
void machine_prepared(struct machine *m, uint64_t now_ns, int ierr, int os_errno);

/* A stream is up. The client's 01 and 02 can be read before its last stream is: MACHINE_INIT and
 * MACHINE_RUN then wait for that. */
void machine_stream_up(struct machine *m, uint64_t now_ns);

/* Client: the end condition holds and our senders have stopped (END-6): sends TEST_END. */
void machine_test_over(struct machine *m, uint64_t now_ns);

/* Answer to MACHINE_PACK. r is only read during the call. */
void machine_results(struct machine *m, uint64_t now_ns, const struct results *r);

/* Something of our own failed, in any state: set-up of a stream, a limit of the server, ... */
void machine_failed(struct machine *m, uint64_t now_ns, int ierr, int os_errno);

/* The user ends us: sends CLIENT_TERMINATE or SERVER_TERMINATE (CLOSE-6). */
void machine_terminate(struct machine *m, uint64_t now_ns);

/* Stream data was last received at at_ns: restarts the receive time-out. Cheap; once per tick is
 * enough. */
void machine_progress(struct machine *m, uint64_t at_ns);

/* Time has come: call at machine_deadline() or later. */
void machine_tick(struct machine *m, uint64_t now_ns);

/* --- what it knows ------------------------------------------------------------------------------
 */

/* Where the session stands, as section 10 of docs/protocol.md counts its states. */
enum machine_state machine_state(const struct machine *m);

/* As section 10 calls it, without the role: "RUN". Static. */
const char *machine_state_name(enum machine_state state);

/* Whether it waits for an answer of the shell's, and takes no bytes. */
bool machine_is_waiting(const struct machine *m);

/* The session's cookie, 37 bytes, and parameters. Borrowed for the machine's life; a server's are
 * NULL before they came. */
const uint8_t *machine_cookie(const struct machine *m);
const struct params *machine_params(const struct machine *m);

/* The peer's results, NULL before they came; borrowed until the next exchange (FLOW-12). */
const struct results *machine_peer_results(const struct machine *m);
