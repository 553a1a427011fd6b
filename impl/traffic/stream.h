/* stream.h - one data stream and its worker thread; private to this room.
 *
 * The worker moves the bytes (sender.c with tcp.c and udp_send.c, udp_receive.c) and publishes its
 * counts; the loop's thread reads them, wakes the worker and joins it (run.c). What both touch is
 * atomic; all else has one owner, named below. A worker waits only in stream_wait(), which ends at
 * a wake-up. */
#pragma once
#include "impl/net/loop.h"
#include "impl/traffic/budget.h"
#include "impl/traffic/counters.h"
#include "impl/traffic/payload.h"
#include "impl/traffic/tally.h"
#include "impl/wire/params.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What the streams of a run share. Fixed while workers run, but for the atomics. */
struct flow {
    const struct params *params;
    bool udp, sctp; /* neither: TCP */
    bool wide;      /* 64-bit sequence numbers */
    size_t len;     /* of a block */
    const char *file;
    bool skip_rx_copy;
    size_t batch; /* UDP: datagrams per send at most (PARAM-24, PARAM-26) */
    bool gro;     /* UDP: several datagrams per read (PARAM-27) */
    int affinity;
    uint64_t start_ns; /* of the pacing */
    struct budget budget;
    /* Client with a limit on what it receives: workers add up and tell when it is reached. */
    uint64_t receive_bytes, receive_blocks; /* 0: no limit */
    _Atomic uint64_t received_bytes, received_blocks;
    int notice_fd; /* eventfd to the loop */
};

struct stream {
    struct flow *flow; /* borrowed */
    int fd;            /* non-blocking; ours */
    int socket;        /* its number while it was open */
    bool sends;
    int wake_fd; /* eventfd to the worker */
    pthread_t thread;
    bool running; /* loop's: thread is to be joined */

    atomic_bool stop;      /* loop -> worker */
    atomic_bool omit_over; /* loop -> worker: jitter starts anew; taken back once that is done */
    atomic_bool exited;    /* worker -> loop: it does nothing any more */
    atomic_bool finished;  /* worker -> loop: the file was sent */
    atomic_int failure;    /* worker -> loop: errno, 0 = none */
    _Atomic uint64_t last_received_ns;
    struct counters counters; /* worker -> loop */

    size_t batch;           /* worker's: datagrams per send, 1 where there is no offload */
    bool gro;               /* worker's: the kernel may hand over several datagrams at once */
    struct counts counts;   /* worker's */
    struct payload payload; /* worker's */

    struct tally tally;       /* loop's */
    struct loop_source drain; /* loop's, after the worker was joined */
};

/* Make a stream of a connected socket. It takes fd over in any case.
 * SPEC_OK, SPEC_E_NOMEM, SPEC_E_SYSTEM (errno). */
enum spec_err stream_open(struct stream *s, struct flow *flow, int fd, bool sends);
void stream_close(struct stream *s); /* socket and buffers; the worker is not running */

/* Loop's side of the worker. stream_start: SPEC_OK, SPEC_E_RANGE (no such
 * CPU) or SPEC_E_SYSTEM (errno). */
enum spec_err stream_start(struct stream *s);
void stream_wake(struct stream *s);     /* look again at budget and flags */
void stream_ask_stop(struct stream *s); /* and return soon */
void stream_join(struct stream *s);

/* Worker's side. */
static inline bool stream_is_stopping(struct stream *s)
{
    return atomic_load_explicit(&s->stop, memory_order_acquire);
}
/* Publish s->counts. */
static inline void stream_publish(struct stream *s)
{
    counters_write(&s->counters, &s->counts);
}
/* Sleep until fd is ready for events (poll(2); -1: no descriptor), the loop wakes us, or until_ns
 * has come (UINT64_MAX: never). */
void stream_wait(struct stream *s, int fd, short events, uint64_t until_ns);
/* Have the loop look whether the test is over. */
void stream_notify(struct stream *s);
/* Note why the stream ends; the first reason stays. */
void stream_fail(struct stream *s, int os_errno);
/* Note n bytes received at now_ns, in so many datagrams. */
void stream_note_received(struct stream *s, uint64_t n, uint64_t n_datagrams, uint64_t now_ns);
/* What a receiver may still read when it is told to stop: no more than its receive buffer holds. */
size_t stream_receive_buffer(const struct stream *s);

/* The workers. They return when told to stop, at the end of the stream, or after a failure. */
void sender_run(struct stream *s);
void tcp_receive(struct stream *s);
void udp_receive(struct stream *s);

/* Send one block, whole; false if that was not to be (stop or failure). */
bool tcp_send_block(struct stream *s, size_t len);
/* Send *left datagrams, at most UDP_BATCH_MAX in one call; false if that was not to be, and *left
 * says how many were not sent. */
bool udp_send_blocks(struct stream *s, size_t *left);

/* What the kernel can do for a UDP socket. How many of the wanted datagrams one send may carry: 1
 * without segmentation offload. And whether it agreed to hand over several in one read. */
#define UDP_BATCH_MAX 128
size_t udp_send_batch(int fd, size_t wanted);
bool udp_receive_offload(int fd);

/* Read and throw away, without counting; false when the stream has ended. For the loop. */
bool tcp_discard(struct stream *s);
