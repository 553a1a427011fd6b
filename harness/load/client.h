/* client.h - one honest client of a load: from its connect to its result, on the loop.
 *
 * The protocol is impl/wire's machine; the observer judges what the server says meanwhile; and at
 * the end the numbers of both ends are compared. All on the loop's thread. */
#pragma once
#include "harness/load/mode.h"
#include "harness/session/text.h"
#include "impl/net/loop.h"

enum load_end {
    LOAD_GOOD,
    LOAD_FAILED,
    LOAD_BUSY,    /* refused with ACCESS_DENIED before it began: the server has a test (CLOSE-1) */
    LOAD_AWAY,    /* no connection, or closed before a first byte: no listener just now (CONN-5) */
    LOAD_NO_ROOM, /* no port or descriptor left here */
};

/* What became of a client. Times are loop_now()'s; 0: did not come to that. */
struct load_report {
    enum load_end end;
    bool timed_out;                         /* failed: at its limit */
    uint64_t began_ns, running_ns, over_ns; /* connect; TEST_RUNNING; both ends closed */
    uint64_t sent, received;                /* bytes, by the receivers' counts */
    uint64_t datagrams, lost;               /* sent, and of them not received */
    char cause[160];                        /* failed: of which kind, the same for all of a kind */
    struct text detail;                     /* failed: with the numbers of this one */
};

/* Clients whose data flows: now, and at the most. */
struct load_gauge {
    unsigned now, most;
};

/* What all clients of a load share; borrowed. */
struct load_setting {
    struct loop *loop;
    const char *host; /* numeric */
    uint16_t port;
    uint64_t limit_ns; /* for a test, on top of what it asks for with -t */
    bool counts_all;   /* the server counts every byte that it got (INT-7) */
    double max_loss;   /* part of the datagrams that may be lost, 0 to 1 */
    uint64_t buffers;  /* bytes that the two socket buffers of a stream may hold at most */
    struct load_gauge *gauge;
    /* A client is over: it is gone when this returns. From the loop, never from inside
     * load_client_new(). context is the client's. */
    void (*done)(void *context, const struct load_report *report);
};

struct load_client;

/* Begin a test. NULL without memory, or where no token can be made of what the mode has. */
struct load_client *load_client_new(const struct load_setting *setting,
                                    const struct load_mode *mode, void *context);
/* End it without a word; no done(). */
void load_client_free(struct load_client *c);
