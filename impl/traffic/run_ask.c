/* run_ask.c - what a run can be asked while it goes on. */
#include "impl/net/sock.h"
#include "impl/traffic/run_state.h"
#include "impl/wire/bytes.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>

size_t run_n_streams(const struct run *run)
{
    return run->n_streams;
}

int run_stream_fd(const struct run *run, size_t i)
{
    return run->streams[i]->fd;
}

/* SCTP can't say how many bytes; the memory of what it still holds will do. */
static uint64_t unacknowledged(int fd, bool sctp)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof memory;

    if (!sctp)
        return sock_unacknowledged(fd);
    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len) == 0
               ? memory[SK_MEMINFO_WMEM_QUEUED]
               : 0;
}

uint64_t run_unacknowledged(const struct run *run)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < run->n_streams && !run->flow.udp; i++)
        if (run->streams[i]->sends)
            bytes += unacknowledged(run->streams[i]->fd, run->flow.sctp);
    return bytes;
}

uint64_t run_last_received_ns(const struct run *run)
{
    uint64_t last_ns = 0;

    for (size_t i = 0; i < run->n_streams; i++) {
        uint64_t at_ns =
            atomic_load_explicit(&run->streams[i]->last_received_ns, memory_order_relaxed);
        last_ns = MAX(last_ns, at_ns);
    }
    return last_ns;
}

uint64_t run_start_ns(const struct run *run)
{
    return run->start_ns;
}
