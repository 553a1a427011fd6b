/* tune.h - gives a stream's socket what the parameters ask for.
 *
 * Both ends set the same options, the client before it connects, the server on what it accepted. */
#pragma once
#include "impl/wire/params.h"

/* Set nodelay, MSS, window, TOS, fqrate, dont_fragment as params ask, and a user time-out (CONN-10;
 * 0 = none). fd is a TCP or UDP socket, as the parameters say. Returns 0, or iperf3's number with
 * errno set. */
int tune_stream(int fd, const struct params *p, int snd_timeout_ms);

/* The same for the congestion algorithm, of TCP only: 0 or IESETCONGESTION. A client that can't
 * give what its user asked for fails; a server goes on with its own (PARAM-36). */
int tune_congestion(int fd, const struct params *p);

/* The server's part for a TCP stream, which it accepted before it knew the window (CONN-6 opens the
 * listener anew, which other tests would notice): what the peer may send at a time fits into its
 * buffer. Smaller, and each segment would wait for the peer's persist timer. Returns as above. */
int tune_accepted(int fd, const struct params *p);

/* The client's part for SCTP: nodelay, MSS, nstreams streams outbound (0: the system's number), and
 * the local addresses of a list besides (NULL: none) (SCTP-3). */
int tune_sctp(int fd, const struct params *p, int64_t nstreams, const char *addresses);

/* The same on a socket of no further use: whether the kernel would grant it. A server asks before
 * it sends CREATE_STREAMS, so that the refusal comes in its place (ERR-6). */
int tune_try(const struct params *p);
