/* run.h - the data phase of one test: streams that send and receive, timers, intervals, totals.
 *
 * Client and server use it alike. Worker threads, no more than pay (worker.h), move the bytes of
 * the streams; everything here is called on the loop's thread, and every callback comes on it.
 * The sockets come in connected; messages of the control channel are the business of
 * impl/wire/machine.h.
 *
 *   run_new, run_add_stream x n   CREATE_STREAMS
 *   run_init                      TEST_START (MACHINE_INIT): omit and end timers start (OMIT-1)
 *   run_start                     TEST_RUNNING (MACHINE_RUN): data flows (FLOW-5)
 *   -> interval(), over()         over: client only, call machine_test_over()
 *   run_stop                      client: not needed before the results; server: at TEST_END
 *   run_close                     MACHINE_CLOSE_STREAMS (it stops first)
 *   run_fill_results, run_totals  any time after run_stop or over() (MACHINE_PACK)
 *   run_free
 *
 * When counting ends (the client's over(), the server's run_stop()) every worker is stopped and
 * joined. A receiver first counts what lies in its receive queue at that moment, at most one
 * receive buffer's worth: it came while the test was running (RES-26). A client that receives TCP
 * then leaves its streams alone, so that the peer's count stays within the socket buffers of ours;
 * if run_close() is not called within RUN_DRAIN_NS it reads on and throws away, to free a server
 * that is blocked in a stream write (FLOW-6). */
#pragma once
#include "impl/net/loop.h"
#include "impl/traffic/interval.h"
#include "impl/wire/err.h"
#include "impl/wire/machine.h"
#include "impl/wire/params.h"
#include "impl/wire/results.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_DRAIN_NS UINT64_C(500000000)

struct run;

struct run_config {
    struct loop *loop;           /* borrowed */
    const struct params *params; /* borrowed for the life of the run */
    enum machine_role role;      /* only a client has end conditions (PARAM-48) */
    double interval_s;           /* between reports; 0: one at the end */
    const char *file;  /* -F, or NULL; borrowed. As stock's: each stream opens it for itself.
                          A sender sends all of it and is then done; a client is over when
                          all its senders are. A receiver truncates and writes it, so several
                          receivers overwrite each other */
    int affinity;      /* CPU for the workers; -1: any */
    bool loop_first;   /* a server's few unpaced streams are served by the loop until it shows that
                          they need threads (run_workers.c) */
    bool skip_rx_copy; /* receivers let the kernel throw the bytes away */
    bool detailed;     /* keep what only JSON tells (detail.h), and sample round trip times */
    uint64_t bitrate_limit_bps;      /* server: all streams together, TMO-10 (b); 0 = none */
    double bitrate_limit_interval_s; /* averaged over so long; 0: 5 s */

    void *context; /* of the callbacks; none may be NULL but over (server) */
    /* One row per stream in creation order; borrowed for the call. At every interval_s from the
     * start of the test, then anew from the end of the omit period (the omit period's rest comes
     * just before, marked omitted), and the rest at the end: rests shorter than 10 % of an interval
     * are left out unless bytes were moved in them, as iperf3 does. May stop or close the run, must
     * not free it. */
    void (*interval)(void *context, const struct interval *rows, size_t n);
    /* Client: the end condition holds (END-1), our workers have stopped (END-6) and the last
     * interval was reported. Once. May free the run. */
    void (*over)(void *context);
    /* The test can't go on: IETOTALRATE (27) the bit rate limit is exceeded; IESTREAMWRITE (205)
     * all sending streams of a client without a time limit have failed. Counting goes on until
     * run_stop(). Once. May free the run. Any other failure of a stream only stops that stream
     * (DATA-6). */
    void (*failed)(void *context, int ierr, int os_errno);
};

/* NULL without memory or descriptors (errno). config is copied. */
struct run *run_new(const struct run_config *config);

/* Stop, close and free. NULL is allowed. */
void run_free(struct run *run);

/* Take over a connected data socket (closed by run_close(), or by this call if it fails). The order
 * of the calls gives the stream ids (STR-6). Makes its buffers and opens the file.
 * SPEC_OK, SPEC_E_NOMEM, SPEC_E_SYSTEM (errno: descriptor or file). */
enum spec_err run_add_stream(struct run *run, int fd, bool sender);

/* TEST_START at now_ns (loop_now()). */
void run_init(struct run *run, uint64_t now_ns);

/* TEST_RUNNING: start the workers. SPEC_OK; SPEC_E_RANGE if there is no such CPU as affinity
 * (IEAFFINITY); SPEC_E_SYSTEM if a thread can't be started (errno; IEPTHREADCREATE). After a
 * failure no worker runs. */
enum spec_err run_start(struct run *run, uint64_t now_ns);

/* End of counting: stops and joins all workers (does not wait for the peer), takes the final counts
 * and reports the last interval (through interval(), before it returns). Does nothing after over()
 * or a second time, or before run_start(). */
void run_stop(struct run *run);

/* run_stop(), then close the stream sockets. */
void run_close(struct run *run);

/* Streams added so far. */
size_t run_n_streams(const struct run *run);
/* Descriptor of stream i, 0-based; -1 after run_close(). */
int run_stream_fd(const struct run *run, size_t i);

/* Bytes that TCP streams have written and the peer's system has not yet acknowledged. SCTP: the
 * memory they take, 0 once nothing is left. */
uint64_t run_unacknowledged(const struct run *run);

/* When stream data was last received, loop_now() time; 0: none yet. For machine_progress(). */
uint64_t run_last_received_ns(const struct run *run);

/* When the test started by run_init(); 0: not yet. */
uint64_t run_start_ns(const struct run *run);

/* Final counts of stream i; meaningful once counting has ended. */
struct interval_total run_totals(const struct run *run, size_t i);

/* Everything of the results message but the server's output (RES-2 to RES-28). cpu_util is that of
 * the process from run_init() to the end of counting.
 *   out  initialised by results_init(); the caller's to results_fini()
 * SPEC_OK or SPEC_E_NOMEM. */
enum spec_err run_fill_results(const struct run *run, struct results *out);
