/* greeter.h - accepted connections of which nobody knows yet what they are.
 *
 * Collects the first 37 bytes of each, never more (so that whoever takes the connection finds the
 * rest in the socket), and asks its owner after each piece. A silent or slow connection holds up
 * nobody (INT-4) and goes after its time (TMO-1). */
#pragma once
#include "impl/net/chan.h"
#include "impl/net/sock.h"

struct greeter_guest {
    struct chan *chan; /* chan_kept(): what came, at most 37 bytes */
    struct sock_name peer;
    bool over; /* EOF, or the time for the cookie is up: no more will come */
    uint64_t accepted_ns;
};

struct greeters;

/* max: connections waiting at once; one more and the oldest has to go.
 * decide: true if it took over guest->chan, false to wait for more (not allowed once over). It must
 * not free the greeters. NULL without memory. */
struct greeters *greeters_new(struct loop *loop, size_t max, uint64_t timeout_ns,
                              bool (*decide)(void *context, const struct greeter_guest *guest),
                              void *context);
void greeters_free(struct greeters *g); /* closes all that wait; NULL is allowed */

/* Give all that wait away: each channel is take()'s from then on. */
void greeters_dismiss(struct greeters *g, void (*take)(void *context, struct chan *chan),
                      void *context);

/* Take over an accepted socket. Asks at once, with no bytes. */
void greeters_add(struct greeters *g, int fd, const struct sock_name *peer);
