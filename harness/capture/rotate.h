/* rotate.h - writes captured packets to files that take turns, the oldest making room.
 *
 * PREFIX-00001.pcap, PREFIX-00002.pcap, ...: each is called so once it is whole; until then it has
 * .part behind its name. */
#pragma once
#include "harness/session/text.h"

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct rotate {
    const char *prefix;  /* borrowed */
    uint64_t file_bytes; /* a file that has so many is whole */
    unsigned keep;       /* files; 0: all */
    bool is_scrubbed;    /* each is scrubbed (scrub.h) before it gets its name */
    pcap_t *pcap;        /* whose link type and clock the packets have; borrowed */
    /* ours */
    pcap_dumper_t *dumper;
    uint64_t bytes;
    unsigned number; /* of the file that is written */
    pid_t scrubber;  /* a process that scrubs the one before; 0: none */
};

/* Set the first group, zero the rest; then make the first file. False, with the reason in why. */
bool rotate_open(struct rotate *r, struct text *why);
/* False, with the reason, if it cannot be written, or the file before could not be scrubbed. */
bool rotate_put(struct rotate *r, const struct pcap_pkthdr *header, const u_char *bytes,
                struct text *why);
/* Whole, as far as it came. */
bool rotate_close(struct rotate *r, struct text *why);
