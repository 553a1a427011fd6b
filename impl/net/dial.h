/* dial.h - connects without blocking, to one address of a name after the other.
 *
 * The name is looked up first, which may block on DNS. */
#pragma once
#include "impl/net/loop.h"
#include "impl/net/sock.h"

struct dial_to {
    const char *host;
    uint16_t port;
    enum sock_kind kind;
    struct sock_at from; /* family also chooses among the addresses of host; port: 0 or --cport */
    uint32_t flowlabel;  /* 0 = none */
    uint64_t timeout_ns; /* for all addresses together; 0 = the system's own */
    int failure; /* iperf3's number for what has none of its own: IECONNECT, IESTREAMCONNECT */
    /* Options that must be set before the connect (MSS, window, ...): 0 or iperf3's number with
     * errno, which ends the dialling. May be NULL. */
    int (*prepare)(void *context, int fd);
    /* Once, from the loop, never from inside dial_new(). Connected: ierr 0, fd is the callee's.
     * Failed: fd -1, the number and the errno of the last address tried (sock_resolve()'s if there
     * was none). The dial is gone when it is called. */
    void (*done)(void *context, int fd, int ierr, int os_errno);
    void *context;
};

struct dial;

/* Start dialling. Everything in *to is copied, but strings are borrowed until done. NULL without
 * memory. */
struct dial *dial_new(struct loop *loop, const struct dial_to *to);

/* Give up: no done(); the dial is gone. Before done() only. */
void dial_cancel(struct dial *d);
