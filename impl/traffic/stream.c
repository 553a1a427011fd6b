/* stream.c - see stream.h. */
#include "impl/traffic/stream.h"

#include "impl/wire/bytes.h"
#include "impl/wire/datagram.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_LEN   (size_t)(128 * 1024)
#define STACK_LEN  (size_t)(256 * 1024)
#define NS_PER_SEC UINT64_C(1000000000)

/* How long the payload's buffer must be. */
static size_t buffer_len(const struct flow *flow, bool sends)
{
    if (sends)
        return flow->len;
    if (flow->udp)
        return flow->skip_rx_copy ? DATAGRAM_HEADER64_LEN : 65536;
    if (flow->skip_rx_copy && !flow->file && !flow->sctp) /* SCTP always copies */
        return 0;
    return MAX(flow->len, READ_LEN);
}

static enum spec_err open_payload(struct stream *s)
{
    const struct flow *flow = s->flow;

    return payload_open(&s->payload,
                        &(struct payload_config){
                            .sender = s->sends,
                            .len = buffer_len(flow, s->sends),
                            .repeating = params_has(flow->params, PARAM_repeating_payload),
                            .zerocopy = flow->params->zerocopy != 0 && !flow->udp,
                            .file = flow->udp ? NULL : flow->file,
                        });
}

enum spec_err stream_open(struct stream *s, struct flow *flow, int fd, bool sends)
{
    enum spec_err err = SPEC_E_SYSTEM;
    int flags = fcntl(fd, F_GETFL);
    int saved;

    memset(s, 0, sizeof *s);
    s->flow = flow;
    s->fd = s->socket = fd;
    s->sends = sends;
    s->tally = (struct tally){.sender = sends, .udp = flow->udp};
    s->batch = flow->udp && sends ? udp_send_batch(fd, flow->batch) : 1;
    s->gro = flow->udp && !sends && flow->gro && udp_receive_offload(fd);
    s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->wake_fd >= 0 && flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
        err = open_payload(s);
    if (err != SPEC_OK) {
        saved = errno;
        stream_close(s);
        errno = saved;
    }
    return err;
}

void stream_close(struct stream *s)
{
    loop_unwatch(&s->drain);
    if (s->fd >= 0)
        close(s->fd);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    s->fd = s->wake_fd = -1;
    payload_close(&s->payload);
}

static void *work(void *arg)
{
    struct stream *s = arg;

    prctl(PR_SET_TIMERSLACK, 1UL); /* pacing wants its sleeps exact */
    if (s->sends)
        sender_run(s);
    else if (s->flow->udp)
        udp_receive(s);
    else
        tcp_receive(s);
    atomic_store(&s->exited, true);
    stream_notify(s);
    return NULL;
}

/* 0, or an errno: EINVAL for what can be no CPU. Whether it exists turns out when the thread
 * starts. */
static int bind_cpu(pthread_attr_t *attr, int cpu)
{
    cpu_set_t set;

    if (cpu < 0)
        return 0;
    if (cpu >= CPU_SETSIZE)
        return EINVAL;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return pthread_attr_setaffinity_np(attr, sizeof set, &set);
}

enum spec_err stream_start(struct stream *s)
{
    pthread_attr_t attr;
    sigset_t all, old;
    int err;

    /* Signals are the loop's. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_LEN);
    err = bind_cpu(&attr, s->flow->affinity);
    if (err == 0)
        err = pthread_create(&s->thread, &attr, work, s);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    s->running = err == 0;
    errno = err;
    if (err == EINVAL && s->flow->affinity >= 0)
        return SPEC_E_RANGE;
    return err == 0 ? SPEC_OK : SPEC_E_SYSTEM;
}

static void poke(int fd)
{
    uint64_t one = 1;

    /* Can only fail when the count is at its maximum: then it is readable anyway. */
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void stream_wake(struct stream *s)
{
    poke(s->wake_fd);
}

void stream_ask_stop(struct stream *s)
{
    atomic_store_explicit(&s->stop, true, memory_order_release);
    stream_wake(s);
}

void stream_join(struct stream *s)
{
    if (s->running)
        pthread_join(s->thread, NULL);
    s->running = false;
}

void stream_wait(struct stream *s, int fd, short events, uint64_t until_ns)
{
    struct pollfd fds[2] = {
        {.fd = s->wake_fd, .events = POLLIN},
        {.fd = fd,         .events = events}
    };
    uint64_t now_ns = until_ns == UINT64_MAX ? 0 : loop_now();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left_ns / NS_PER_SEC),
                               .tv_nsec = (long)(left_ns % NS_PER_SEC)};
    uint64_t count;

    /* EINTR and the like: the caller looks again. */
    if (ppoll(fds, 2, until_ns == UINT64_MAX ? NULL : &timeout, NULL) > 0 && fds[0].revents &&
        read(s->wake_fd, &count, sizeof count) < 0)
        return;
}

void stream_notify(struct stream *s)
{
    poke(s->flow->notice_fd);
}

void stream_fail(struct stream *s, int os_errno)
{
    int none = 0;

    atomic_compare_exchange_strong(&s->failure, &none, os_errno);
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
