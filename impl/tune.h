/* tune.h - gives a stream's socket what the parameters ask for.
 *
 * Both ends set the same options, the client before it connects, the server on what it accepted. */
#pragma once
#include "impl/wire/params.h"

/* Set nodelay, MSS, window, TOS, congestion, fqrate, dont_fragment as params ask, and a user
 * time-out (CONN-10; 0 = none). fd is a TCP or UDP socket, as the parameters say. An unknown
 * congestion algorithm is no failure, as since 3.2 (PARAM-36). Returns 0, or iperf3's number with
 * errno set. */
int tune_stream(int fd, const struct params *p, int snd_timeout_ms);

/* The same on a socket of no further use: whether the kernel would grant it. A server asks before
 * it sends CREATE_STREAMS, so that the refusal comes in its place (ERR-6). */
int tune_try(const struct params *p);
