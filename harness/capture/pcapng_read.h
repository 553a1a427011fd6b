/* pcapng_read.h - reads the packets of a pcapng file, whatever its interfaces and sections.
 *
 * libpcap refuses files whose interfaces have different link types, or whose sections differ in
 * byte order; mergecap and Wireshark write such files. */
#pragma once
#include "harness/session/text.h"

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>

#define PCAPNG_BLOCK_MAX      (16u << 20) /* bytes; a longer one is damage */
#define PCAPNG_INTERFACES_MAX 4096        /* of one section */

enum pcapng_result {
    PCAPNG_PACKET,
    PCAPNG_END,
    PCAPNG_CUT,     /* the file ends in the middle of a block */
    PCAPNG_DAMAGED, /* pcapng_reader_error() says how */
};

struct pcapng_reader;

/* Whether a file that begins with this byte may be pcapng: no other capture does. */
bool pcapng_is_first_byte(int byte);
/* Never NULL; file is the reader's from now on. */
struct pcapng_reader *pcapng_reader_new(FILE *file);
void pcapng_reader_free(struct pcapng_reader *r); /* NULL is allowed */

/* Read up to the first packet, which the next call returns: the interfaces in front of it are known
 * then. PCAPNG_PACKET or as pcapng_reader_next(). */
enum pcapng_result pcapng_reader_begin(struct pcapng_reader *r);
/* The link type of the i-th interface so far (DLT_*); false: there are not so many. */
bool pcapng_reader_link(const struct pcapng_reader *r, size_t i, int *link);

/* The next packet: header with nanoseconds in tv_usec (0 where the block has no time), its bytes,
 * borrowed until the next call, and the number of its interface. */
enum pcapng_result pcapng_reader_next(struct pcapng_reader *r, struct pcap_pkthdr *header,
                                      const u_char **bytes, uint32_t *interface);
/* What is damaged, in words. */
const char *pcapng_reader_error(const struct pcapng_reader *r);
