/* stream.h - one data stream, and the steps in which a worker moves its bytes; private to this
 * room.
 *
 * A step is a call or two of the kernel that don't block (sender.c with tcp.c and udp_send.c,
 * udp_receive.c); it publishes its counts, and says what to wait for before the next. The loop's
 * thread reads the counts (run.c). What both threads touch is atomic; all else has one owner, named
 * below. */
#pragma once
#include "impl/net/loop.h"
#include "impl/traffic/budget.h"
#include "impl/traffic/counters.h"
#include "impl/traffic/detail.h"
#include "impl/traffic/inflow.h"
#include "impl/traffic/pacing.h"
#include "impl/traffic/payload.h"
#include "impl/traffic/tally.h"
#include "impl/wire/account.h"
#include "impl/wire/params.h"

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
    bool alone;    /* one stream each way: its two ends wait for each other, not for processors */
    bool detailed; /* streams have a detail */
    size_t batch;  /* blocks per step of a sender at most (PARAM-26) */
    size_t piece;  /* of a block, which keeps the pace by itself; len: blocks do */
    bool gro;      /* UDP: several datagrams per read */
    uint64_t start_ns; /* of the pacing */
    struct budget budget;
    /* Client with a limit on what it receives: workers add up and tell when it is reached. */
    uint64_t receive_bytes, receive_blocks; /* 0: no limit */
    _Atomic uint64_t received_bytes, received_blocks;
    int notice_fd; /* eventfd to the loop */
};

enum step {
    STEP_AGAIN, /* there is more to do at once */
    STEP_WAIT,  /* not before what wait says, or a wake-up */
    STEP_DONE,  /* nothing any more: end of the stream or of the file, or failure */
};

struct stream {
    struct flow *flow; /* borrowed */
    int fd;            /* non-blocking; ours */
    int socket;        /* its number while it was open */
    bool sends;

    atomic_bool omit_over; /* loop -> worker: jitter starts anew; taken back once that is done */
    atomic_bool exited;    /* worker -> loop: it does nothing any more */
    atomic_bool finished;  /* worker -> loop: the file was sent */
    atomic_int failure;    /* worker -> loop: errno, 0 = none */
    _Atomic uint64_t last_received_ns;
    struct counters counters; /* worker -> loop */

    /* The worker's. */
    enum step next;
    struct {
        int fd; /* -1: none */
        short events;
        uint64_t until_ns; /* UINT64_MAX: never */
    } wait;
    struct counts counts;
    struct payload payload;
    size_t batch; /* sender: blocks per step */

    struct pacer pacer; /* sender's */
    size_t taken;       /* sender's: blocks that left the budget and were not all sent */
    size_t load, done;  /* TCP sender's: bytes of them that are ready, and that were sent */
    size_t due;         /* TCP sender's: how many of the load may be sent by now */
    size_t segments;    /* UDP sender's: datagrams in one buffer; 1: no offload */

    uint8_t *room;    /* receiver's: where to read to; NULL: nowhere */
    size_t room_len;  /* of room, or how much to read at most */
    size_t unstored;  /* TCP receiver's: bytes at the end of what was read, not yet in the file */
    size_t read_end;  /* TCP receiver's: of what was read */
    bool gro;         /* UDP receiver's: the kernel may hand over several datagrams at once */
    unsigned n_reads; /* UDP receiver's: buffers to read next */
    struct inflow inflow; /* receiver's: UDP: single datagrams, and memory of all */
    int low_water; /* TCP receiver's: it is woken for so many bytes, or after a while; 0: for any */
    struct account_udp account; /* UDP receiver's */

    struct detail *detail;     /* NULL: nobody asked for it; ours until stream_free_detail() */
    struct tally tally;        /* loop's */
    struct loop_source source; /* loop's, while no thread has the stream */
};

/* Make a stream of a connected socket. It takes fd over in any case.
 *   lender  a sender on the same worker, which outlives it; or NULL
 * SPEC_OK, SPEC_E_NOMEM, SPEC_E_SYSTEM (errno). */
enum spec_err stream_open(struct stream *s, struct flow *flow, int fd, bool sends,
                          const struct stream *lender);
void stream_close(struct stream *s); /* socket and buffers; the worker is not running */
void stream_free_detail(struct stream *s);

/* For the worker. How long a room a receiver needs: 0 where it has one of its own, or needs none.
 */
size_t stream_read_len(const struct stream *s);
/* Before the first step; room is borrowed. */
void stream_begin(struct stream *s, uint8_t *room, size_t room_len);
/* One step: sets next, which is returned; on STEP_WAIT wait too. After the last one what was not
 * sent is given back, and the loop is told. */
enum step stream_step(struct stream *s);
/* When the worker stops: the same, after what is in the queue was taken. */
void stream_finish(struct stream *s);
/* Make an eventfd readable. */
void stream_poke(int fd);

/* --- for the steps ---------------------------------------------------------------------------- */

/* Publish s->counts. */
static inline void stream_publish(struct stream *s)
{
    counters_write(&s->counters, &s->counts);
}
/* Wait until fd is ready for events (poll(2); -1: no descriptor), the loop wakes us, or until_ns
 * has come (UINT64_MAX: never). Returns STEP_WAIT. */
enum step stream_wait(struct stream *s, int fd, short events, uint64_t until_ns);
/* Have the loop look whether the test is over. */
void stream_notify(struct stream *s);
/* Note why the stream ends; the first reason stays. Returns STEP_DONE. */
enum step stream_fail(struct stream *s, int os_errno);
/* Note n bytes received at now_ns, in so many datagrams. */
void stream_note_received(struct stream *s, uint64_t n, uint64_t n_datagrams, uint64_t now_ns);
/* What a receiver may still read when it is told to stop: no more than its receive buffer holds. */
size_t stream_receive_buffer(const struct stream *s);

enum step sender_step(struct stream *s);
void sender_finish(struct stream *s);
enum step tcp_receive(struct stream *s);
void tcp_receive_rest(struct stream *s);
enum step udp_receive(struct stream *s);
void udp_receive_rest(struct stream *s);

/* Send some of the blocks that were taken. */
enum step tcp_send(struct stream *s);
enum step udp_send(struct stream *s);

/* What the kernel can do for a UDP socket. How many of the wanted datagrams one buffer may carry: 1
 * without segmentation offload. And whether it agreed to hand over several in one read. */
#define UDP_BATCH_MAX 128
#define UDP_READ_LEN  ((size_t)65536)
#define UDP_READS     16 /* buffers that one call fills at most */
size_t udp_send_batch(int fd, size_t wanted);
bool udp_receive_offload(int fd);

/* Read and throw away, without counting; false when the stream has ended. For the loop. */
bool tcp_discard(struct stream *s);
