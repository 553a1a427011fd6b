/* source.h - opens a capture for libpcap: a file, a pipe, compressed or not, or a live interface.
 *
 * libpcap reads pcap and pcapng, but nothing compressed; gzip, zstd and lz4 are known by their
 * first bytes and undone on the way. */
#pragma once
#include "harness/session/text.h"

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>

struct source {
    pcap_t *pcap;
    struct bpf_program filter; /* of a file: has_filter */
    bool has_filter;
    const char *name; /* borrowed; "stdin" for "-" */
    bool is_live;
    /* A buffer of our own makes reading large files faster than libpcap's default. */
    char *buffer;
};

/* path "-" is standard input. False, with the reason in why: no such file, not a capture, a link
 * type that is not read (802.11, for one). */
bool source_open(struct source *s, const char *path, struct text *why);

/* Live packets of an interface. filter: a pcap filter expression or NULL. False with the reason,
 * which names the capability that is missing where that is the trouble. */
bool source_open_live(struct source *s, const char *interface, const char *filter,
                      struct text *why);

/* Only packets that the filter lets pass are handed on; their numbers stay. NULL: all. False with
 * the reason for a bad expression. */
bool source_filter(struct source *s, const char *filter, struct text *why);
/* Whether the filter of a file, if there is one, lets it pass. */
bool source_passes(const struct source *s, const struct pcap_pkthdr *header, const u_char *bytes);

/* Close what source_open() or source_open_live() opened. */
void source_close(struct source *s);

/* libpcap's words for what went wrong, or better ones. */
const char *source_words(const char *pcap_error);

/* What a read ended with: the end of the file, a packet that is cut short there, or damage. */
enum source_end { SOURCE_EOF, SOURCE_CUT, SOURCE_DAMAGED };
enum source_end source_end(const struct source *s, int pcap_result);
