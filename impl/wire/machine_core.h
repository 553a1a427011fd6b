/* machine_core.h - what machine.c, machine_server.c and machine_client.c share; private to them. */
#pragma once
#include "impl/wire/machine.h"
#include "impl/wire/table.h"

/* What the machine may wait for, each with a deadline of its own. */
enum machine_timer {
    TIMER_ITEM,     /* an item that is being read (TMO-1) */
    TIMER_RCV,      /* data on the streams (TMO-4, TMO-5) */
    TIMER_PEER,     /* streams, IPERF_DONE, 0d, 0e: limits of our own */
    TIMER_DURATION, /* the server's own end of the test (TMO-8) */
    N_TIMERS
};

/* An answer of the shell's that is due. While one is, no bytes are taken. */
enum machine_waiting { WAITING_NOT, WAITING_AUTHORIZED, WAITING_PREPARED, WAITING_RESULTS };

#define MACHINE_STREAMS_MAX 256 /* 128 in each direction (PARAM-14) */
#define MACHINE_QUEUE       16  /* no input makes more actions than this */
#define MACHINE_SCRATCH     64  /* a cookie and an error, at most, between two inputs */

struct machine {
    struct machine_config config;
    enum machine_state state;
    enum machine_waiting waiting;
    struct frame_decoder dec;
    uint64_t now_ns; /* of the input being handled */
    uint64_t at_ns[N_TIMERS];

    struct machine_action queue[MACHINE_QUEUE];
    unsigned n_queued, n_taken;
    uint8_t scratch[MACHINE_SCRATCH]; /* short messages that the queue points to */
    size_t scratch_len;
    uint8_t *message; /* the last JSON message, with its length; ours */

    uint8_t cookie[COOKIE_LEN];
    bool has_cookie, has_params, has_results;
    struct params params; /* server: the client's */
    struct results peer_results;
    unsigned n_streams, n_up;
    bool streams_open;      /* there is something for MACHINE_CLOSE_STREAMS */
    bool reading_error;     /* client: fe was read, its integers are due */
    bool init_due, run_due; /* client: 01, 02 came before the last stream was up */
    bool eof_due;           /* the end came while an answer of the shell's was awaited */
};

/* The two roles. event is SEV_* or CEV_*; ierr and os_errno go with it where it brings a number. */
void machine_server_event(struct machine *m, enum table_server_event event, int ierr, int os_errno);
void machine_client_event(struct machine *m, enum table_client_event event, int ierr, int os_errno);
void machine_client_failed(struct machine *m, int ierr, int os_errno);
void machine_server_authorized(struct machine *m, bool ok);
void machine_server_results(struct machine *m, const struct results *r);
void machine_client_results(struct machine *m, const struct results *r);
void machine_client_stream_up(struct machine *m);
void machine_server_bytes(struct machine *m, struct bytes *in);
void machine_client_bytes(struct machine *m, struct bytes *in);
void machine_server_timer(struct machine *m, enum machine_timer timer);
void machine_client_timer(struct machine *m, enum machine_timer timer);
/* The client's ends inside SERVER_ERROR (ERR-3). */
void machine_client_eof(struct machine *m);
void machine_client_reset(struct machine *m, int os_errno);

/* Queue an action, or bytes to send. */
void machine_do(struct machine *m, enum machine_action_kind kind, unsigned n);
void machine_send(struct machine *m, const void *bytes, size_t len);
void machine_send_state(struct machine *m, int8_t state);

/* Queue the length and text of what w holds, in one piece, and finish w. SPEC_OK, SPEC_E_NOMEM, or
 * SPEC_E_LENGTH for a text above limit; nothing is queued then. */
enum spec_err machine_send_json(struct machine *m, struct jwrite *w, size_t limit);
enum spec_err machine_send_results(struct machine *m, const struct results *r);

void machine_set_timer(struct machine *m, enum machine_timer timer, uint64_t after_ns); /* 0: off */
void machine_stop_timer(struct machine *m, enum machine_timer timer);
/* Whether our end of some stream receives. */
bool machine_receives(const struct machine *m, const struct params *params);

/* Read the peer's results out of text, into m->peer_results. */
enum spec_err machine_take_results(struct machine *m, struct bytes text);

/* Close the streams, if there are any. */
void machine_close_streams(struct machine *m);
/* Queue the end; the machine is over. */
void machine_finish(struct machine *m, const struct machine_end *end);
