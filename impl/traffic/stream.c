/* stream.c - see stream.h. */
#include "impl/traffic/stream.h"

#include "impl/wire/bytes.h"
#include "impl/wire/datagram.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_LEN    (size_t)(512 * 1024)
#define PAYLOAD_LEN (size_t)(256 * 1024)  /* longer, and it leaves the processor's caches */
#define TRUNC_LEN   (size_t)(1024 * 1024) /* of a read that copies nothing */

/* --- life ---------------------------------------------------------------------------------------
 */

static enum spec_err open_payload(struct stream *s, const struct stream *lender)
{
    const struct flow *flow = s->flow;

    if (s->sends && lender && lender->payload.file_fd < 0)
        return payload_borrow(&s->payload, &lender->payload);
    return payload_open(&s->payload,
                        &(struct payload_config){
                            .sender = s->sends,
                            .len = s->sends     ? flow->len
                                   : flow->file ? READ_LEN
                                                : 0,
                            .n_blocks = MIN(s->batch, MAX(PAYLOAD_LEN / flow->len, (size_t)1)),
                            .repeating = params_has(flow->params, PARAM_repeating_payload),
                            .zerocopy = flow->params->zerocopy != 0 && !flow->udp,
                            .file = flow->udp ? NULL : flow->file,
                        });
}

enum spec_err stream_open(struct stream *s, struct flow *flow, int fd, bool sends,
                          const struct stream *lender)
{
    enum spec_err err = SPEC_E_SYSTEM;
    int flags = fcntl(fd, F_GETFL);
    int saved;

    memset(s, 0, sizeof *s);
    s->flow = flow;
    s->fd = s->socket = fd;
    s->sends = sends;
    s->tally = (struct tally){.sender = sends, .udp = flow->udp};
    s->batch = sends ? flow->batch : 1;
    s->segments = flow->udp && sends ? udp_send_batch(fd, s->batch) : 1;
    s->gro = flow->udp && !sends && flow->gro && udp_receive_offload(fd);
    s->detail = flow->detailed ? calloc(1, sizeof *s->detail) : NULL;
    if (flow->detailed && !s->detail)
        err = SPEC_E_NOMEM;
    else if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
        err = open_payload(s, lender);
    if (err != SPEC_OK) {
        saved = errno;
        stream_close(s);
        stream_free_detail(s);
        errno = saved;
    }
    return err;
}

void stream_close(struct stream *s)
{
    loop_unwatch(&s->source);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    payload_close(&s->payload);
}

void stream_free_detail(struct stream *s)
{
    free(s->detail);
    s->detail = NULL;
}

/* --- for the worker -----------------------------------------------------------------------------
 */

size_t stream_read_len(const struct stream *s)
{
    const struct flow *flow = s->flow;

    if (s->sends || s->payload.buf)
        return 0;
    if (flow->udp)
        return flow->skip_rx_copy ? UDP_READS * DATAGRAM_HEADER64_LEN : UDP_READS * UDP_READ_LEN;
    if (flow->skip_rx_copy && !flow->sctp) /* SCTP always copies */
        return 0;
    return READ_LEN;
}

void stream_begin(struct stream *s, uint8_t *room, size_t room_len)
{
    s->next = STEP_AGAIN;
    if (s->sends) {
        pacer_init(&s->pacer, s->flow->start_ns, s->flow->params->bandwidth,
                   s->flow->params->burst);
        return;
    }
    s->n_reads = 1;
    s->room_len = MIN(stream_read_len(s), room_len);
    s->room = s->room_len > 0 ? room : NULL;
    if (s->payload.buf) {
        s->room = s->payload.buf;
        s->room_len = s->payload.cap;
    } else if (!s->room) {
        s->room_len = TRUNC_LEN;
    }
}

/* A sender waited for room in its buffer, and goes on. */
static void end_stall(struct detail *d)
{
    d->stalled_ns += loop_now() - d->stalled_from_ns;
    d->stalled_from_ns = 0;
}

static enum step take_step(struct stream *s)
{
    if (s->sends)
        return sender_step(s);
    return s->flow->udp ? udp_receive(s) : tcp_receive(s);
}

enum step stream_step(struct stream *s)
{
    if (s->detail && s->detail->stalled_from_ns != 0)
        end_stall(s->detail);
    s->next = take_step(s);
    if (s->next == STEP_DONE) {
        if (s->sends)
            sender_finish(s);
        atomic_store(&s->exited, true);
        stream_notify(s);
    }
    return s->next;
}

void stream_finish(struct stream *s)
{
    if (s->next == STEP_DONE)
        return;
    if (s->detail && s->detail->stalled_from_ns != 0)
        end_stall(s->detail);
    if (s->sends)
        sender_finish(s);
    else if (s->flow->udp)
        udp_receive_rest(s);
    else
        tcp_receive_rest(s);
    s->next = STEP_DONE;
}

void stream_poke(int fd)
{
    uint64_t one = 1;

    /* Can only fail when the count is at its maximum: then it is readable anyway. */
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* --- for the steps ------------------------------------------------------------------------------
 */

enum step stream_wait(struct stream *s, int fd, short events, uint64_t until_ns)
{
    s->wait.fd = fd;
    s->wait.events = events;
    s->wait.until_ns = until_ns;
    if (s->detail && fd == s->fd && events == POLLOUT)
        s->detail->stalled_from_ns = loop_now();
    return STEP_WAIT;
}

void stream_notify(struct stream *s)
{
    stream_poke(s->flow->notice_fd);
}

enum step stream_fail(struct stream *s, int os_errno)
{
    int none = 0;

    atomic_compare_exchange_strong(&s->failure, &none, os_errno);
    return STEP_DONE;
}

void stream_note_received(struct stream *s, uint64_t n, uint64_t n_datagrams, uint64_t now_ns)
{
    struct flow *flow = s->flow;
    uint64_t bytes, blocks;

    s->counts.bytes += n;
    s->counts.blocks += n_datagrams;
    stream_publish(s);
    atomic_store_explicit(&s->last_received_ns, now_ns, memory_order_relaxed);
    if (flow->receive_bytes == 0 && flow->receive_blocks == 0)
        return;
    bytes = atomic_fetch_add(&flow->received_bytes, n) + n;
    blocks = atomic_fetch_add(&flow->received_blocks, n_datagrams) + n_datagrams;
    if (!flow->udp)
        blocks = bytes / flow->len;
    if ((flow->receive_bytes > 0 && bytes >= flow->receive_bytes) ||
        (flow->receive_blocks > 0 && blocks >= flow->receive_blocks))
        stream_notify(s);
}

size_t stream_receive_buffer(const struct stream *s)
{
    int size = 0;
    socklen_t len = sizeof size;

    if (getsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &size, &len) < 0 || size < 0)
        return 0;
    return (size_t)size;
}
