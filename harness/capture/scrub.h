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

struct scrub_from {
    const char *path; /* is read twice: no pipe */
    const char *name; /* for people */
    const uint16_t *ports;
    size_t n_ports; /* as of track_new() */
};

enum scrub_result {
    SCRUB_WHOLE,
    SCRUB_CUT,     /* the last packet is cut short: all before it was written */
    SCRUB_DAMAGED, /* behind some packets: those were written; why says how */
    SCRUB_FAILED,  /* it cannot be read, or out not be written; why says which */
};

/* Write the other capture (pcap, raw IP, nanoseconds) to out. */
enum scrub_result scrub_file(const struct scrub_from *from, FILE *out, struct text *why);
