/* sim.h - plays a script on real sockets, as client or as server.
 *
 * One thread, one poll loop; every wait has a deadline. The simulator judges what the subject does
 * on the wire and, through struct sim_process, how its process fares; it neither starts nor ends
 * it. */
#pragma once
#include "harness/script/script.h"
#include "harness/session/session.h"
#include "harness/sim/tap.h"
#include "impl/wire/profile.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

/* A listening socket for a client to be judged, and the UDP socket on the same port. */
#define SIM_BACKLOG 64
struct sim_listener {
    int tcp, udp;
    unsigned port;
};
/* On the address (IPv4 or IPv6 text), at a port of the kernel's choice if port is 0. False: see
 * errno. */
bool sim_listen(struct sim_listener *listener, const char *address, unsigned port);
/* Turns away whoever came and was not taken: what the client of one case leaves behind, such as the
 * streams that it opened while it was told that all is over, is not the next one's. */
void sim_listener_clear(const struct sim_listener *listener);
void sim_listener_close(struct sim_listener *listener);
/* The socket address of an IPv4 or IPv6 text. False and errno if it is none. */
bool sim_address(const char *text, unsigned port, struct sockaddr_storage *out, socklen_t *len);
/* The port of an IPv4 or IPv6 address. */
unsigned sim_port(const struct sockaddr_storage *address);

/* Why a case did not go well. X(name, word, text) */
#define SIM_CAUSES(X)                                                                              \
    X(SIM_OK, "ok", "as expected")                                                                 \
    X(SIM_MISS, "miss", "the subject did something else")                                          \
    X(SIM_TIMEOUT, "timeout", "nothing came in time")                                              \
    X(SIM_CRASH, "crash", "the subject was killed by a signal of its own making")                  \
    X(SIM_EXIT, "exit", "the subject's process ended by itself")                                   \
    X(SIM_HANG, "hang", "the subject did not come to an end")                                      \
    X(SIM_NO_SERVICE, "no-service", "the subject does not serve a client")                         \
    X(SIM_SPIN, "spin", "the subject uses the processor while it should wait")                     \
    X(SIM_LEAK, "leak", "the subject keeps more and more")                                         \
    X(SIM_SANITIZER, "sanitizer", "a sanitizer reported on the subject's stderr")                  \
    X(SIM_DRIFT, "drift", "anybody may do this, but of this build something else is known")        \
    X(SIM_TROUBLE, "trouble", "the harness could not do its part")

enum sim_cause {
#define X(name, word, text) name,
    SIM_CAUSES(X)
#undef X
        SIM_N_CAUSES
};
const char *sim_cause_word(enum sim_cause cause);
/* SIM_N_CAUSES: none is called so. */
enum sim_cause sim_cause_of_word(const char *word);
const char *sim_cause_text(enum sim_cause cause);
/* What it is that a subject which was to go on ended with such a status of waitpid(): a crash, an
 * exit, or trouble of ours; and in words. */
enum sim_cause sim_cause_of_end(int status, struct text *what);

/* The subject's process as the simulator sees it; whoever started it fills this in. */
struct sim_process {
    void *context;
    /* Descriptors to wait for, at most max; returns how many. turn() then reads what is ready. */
    size_t (*watch)(void *context, struct pollfd *fds, size_t max);
    void (*turn)(void *context);
    bool (*ended)(void *context, int *wait_status); /* true once it has ended */
    bool (*signal)(void *context, int signo);
    /* From now on it may have so many descriptors at most; 0: as many as at first. Or NULL. */
    bool (*limit)(void *context, int64_t descriptors);
    const struct text *(*output)(void *context);       /* its stdout so far */
    const struct text *(*error_output)(void *context); /* its stderr so far */
    bool (*sleeps)(void *context); /* none of its threads runs; NULL: it cannot be known */
    /* Whether it comes to rest, now that nothing is asked of it, and keeps no more while it waits:
     * SIM_OK, SIM_SPIN or SIM_LEAK, and why. NULL: it cannot be known. */
    enum sim_cause (*rests)(void *context, double scale, struct text *why);
    /* It has ended with status 0, but others that it started run on: one of them may be the real
     * subject. NULL: it cannot be known. */
    bool (*goes_on)(void *context);
    /* A connection of its came from this port: whoever holds that is the real subject. Or NULL. */
    void (*met)(void *context, unsigned port);
};

/* X(name, word)  How the bytes that a script sends on control connections are cut into segments,
 * where it does not say so itself: CTL-5 asks for the same behaviour whatever the cuts. */
#define SIM_SEGMENTS(X)                                                                            \
    X(SIM_WHOLE, "whole")         /* a message, a write */                                         \
    X(SIM_BYTES, "bytes")         /* each byte a write of its own */                               \
    X(SIM_RANDOM, "random")       /* anywhere */                                                   \
    X(SIM_COALESCED, "coalesced") /* messages without an answer in between leave in one write */

enum sim_segment {
#define X(name, word) name,
    SIM_SEGMENTS(X)
#undef X
};

struct sim_config {
    const struct script *script;
    enum sim_segment segment;
    unsigned segment_seed;             /* SIM_RANDOM */
    const struct sim_process *process; /* NULL: a subject whose process is out of reach */
    const struct sim_process *command; /* NULL, or what started that one: how it ends tells how the
                                          subject did, unless with status 0 */
    struct sockaddr_storage server;    /* plays client: where the subject listens */
    socklen_t server_len;
    const struct sim_listener *listener; /* plays server */
    bool is_local;                       /* the subject's sockets stand in our /proc/self/net */
    bool may_retry; /* CONN-5: a connect after a test may be refused or reset before the first byte
                     */
    bool was_used;  /* plays client: the server has served before this script began */
    double timeout_scale;
    bool wants_pkcs1;              /* tokens are padded so unless a script says how (AUTH-7) */
    const char *keys;              /* folder with public.pem for `token`; NULL: none */
    const struct profile *profile; /* what the subject is known to do; NULL: nothing (reaction.c) */
    const struct sim_tap *tap;     /* NULL: nobody listens */
    /* Nothing that is merely otherwise than written ends the run: a step that cannot be done or is
     * not answered is left out, whatever comes is taken, and nobody waits for a subject that rests.
     * What remains are the causes from SIM_CRASH on. For fuzzing. */
    bool is_lenient;
    int64_t patience_ms; /* ... but so long for the first thing that does not come */
    int64_t hang_ms;     /* how long a client may run on without its server; 0: 20 s */
    int64_t alive_ms;    /* how long `expect alive` waits if it does not say so; 0: 45 s */
    int first_fd;        /* plays server: a connection that was accepted before; 0: none */
    int stop_fd;         /* once it is readable the run ends, SIM_TROUBLE "interrupted"; 0: none */
};

struct sim_outcome {
    enum sim_cause cause;
    unsigned line;        /* of the step that failed, 0 if none */
    const char *clause;   /* the step's own, or NULL */
    struct text step;     /* that step as text */
    struct text got;      /* in protocol words */
    struct text branches; /* which way each `either` went: "line 12: end"; what came as reaction */
    unsigned connects;    /* control connections that were wanted */
    uint64_t served_ns;   /* how long the last `expect alive` took; 0: there was none */
    bool end_is_wanted;   /* the script told the subject to end, or expects it to */
    unsigned retries;     /* those that took more than one attempt (CONN-5), service checks aside */
    bool first_retried;   /* the first of all is among them */
    /* The first connection ended before the subject's first byte, or was denied: a stock server
     * elsewhere may not have been done with the session before (CONN-4, CONN-5); nothing tells. */
    bool met_reopening;
    struct session record;
};

/* Play it. The outcome is the caller's to sim_outcome_fini(). */
void sim_run(const struct sim_config *config, struct sim_outcome *outcome);
void sim_outcome_fini(struct sim_outcome *outcome);
