/* client_core.h - what is inside a client; for client*.c alone. */
#pragma once
#include "harness/load/client.h"
#include "harness/load/flow.h"
#include "impl/net/chan.h"
#include "impl/net/dial.h"
#include "impl/net/udpknock.h"
#include "impl/wire/machine.h"
#include "impl/wire/observer.h"

struct load_client {
    const struct load_setting *setting;
    const struct load_mode *mode;
    void *context;
    const struct params *params; /* the mode's, or ours */
    struct params signed_params; /* the mode's with a token of our own; else unused */
    uint8_t cookie[COOKIE_LEN];
    struct dial *dial;
    struct chan *chan;
    struct machine *machine;
    struct observer *observer;
    struct loop_timer timer; /* the machine's */
    struct loop_timer limit;
    struct loop_timer
        due; /* ends of the omit period, of the data, and of waiting for its arrival */
    struct load_report report;
    enum machine_state reached; /* before the last input */
    bool driving, ended, channel_gone, peer_closed;

    /* streams */
    unsigned n_wanted, n_flows;
    struct load_flow *flows; /* room for all */
    struct udpknock knock;   /* of the one that is being opened */

    /* the data phase */
    struct load_flow_owner owner;
    struct account_end end;
    bool running, over;
    uint64_t counted_from_ns;                              /* 0: the omit period lasts */
    uint64_t sent, sent_blocks, received, received_blocks; /* counted */
    uint64_t ended_ns, settle_until_ns;
    struct timespec cpu;
    int stream_ierr, stream_errno; /* of a stream that failed before the end; 0: none */
    struct results mine;           /* once packed */
};

/* client.c: go on with what the machine wants. */
void load_client_drive(struct load_client *c);
void load_client_failed(struct load_client *c, int ierr, int os_errno);
/* Note why it failed, if nothing is noted yet. cause is for all of the kind, detail for this one.
 */
void load_client_blame(struct load_client *c, const char *cause, const char *detail);

/* client_streams.c: opens n streams, one after the other (STR-1). */
void load_client_open(struct load_client *c, unsigned n);

/* client_data.c: starts all flows; takes the results; stops and closes them. */
void load_client_run(struct load_client *c);
bool load_client_pack(struct load_client *c);
void load_client_close_flows(struct load_client *c);
void load_client_due(struct loop_timer *timer, uint64_t now_ns); /* of client.due */

/* client_judge.c: compares the two results, and fills in the report's numbers. */
void load_client_judge(struct load_client *c);
