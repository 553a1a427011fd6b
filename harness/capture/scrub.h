/* scrub.h - a capture without what is private, for others to see.
 *
 * Only packets of iperf3 sessions are written, with headers of their own: addresses become those
 * of documentation (RFC 5737, RFC 3849; loopback stays), ports, numbers, flags, windows and times
 * stay; whatever else stands in front of TCP and UDP does not. On control channels every message
 * is written anew, with its texts scrubbed; bytes that belong to no message are blanked, and so is
 * the data of the streams. Lengths stay. The same name or address becomes the same other one. */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Read the capture at path twice and write the other one (pcap, raw IP, nanoseconds) to out.
 *   ports  as of track_new()
 * False, with the reason, if it cannot be read or written. */
bool scrub_file(const char *path, const uint16_t *ports, size_t n_ports, FILE *out,
                struct text *why);
