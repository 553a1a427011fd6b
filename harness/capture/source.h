/* source.h - opens a capture: a file, a pipe, compressed or not, or a live interface.
 *
 * libpcap reads pcap, and interfaces; pcapng_read.c reads pcapng, whose interfaces may differ in
 * their link types. gzip, zstd and lz4 are known by their first bytes and undone on the way; files
 * may stand one behind the other. */
#pragma once
#include "harness/capture/pcapng_read.h"
#include "harness/session/text.h"

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>

#define SOURCE_FILTERS 16 /* link types of one file that a filter is made for */

struct source {
    pcap_t *pcap; /* NULL: it is pcapng */
    struct pcapng_reader *blocks;
    int link;           /* of the packet at hand, DLT_*; before the first: of the first interface */
    uint32_t interface; /* its number, pcapng only */
    const char *filter; /* borrowed; NULL: all packets pass */
    struct source_filter {
        int link;
        bool is_good; /* false: no packet of the link type can pass */
        struct bpf_program program;
    } filters[SOURCE_FILTERS];
    size_t n_filters;
    const char *name; /* borrowed; "stdin" for "-" */
    bool is_live, is_stopped;
    bool has_misfit; /* a file of another kind stands behind the first */
    /* A buffer of our own makes reading large files faster than libpcap's default. */
    char *buffer;
};

/* path "-" is standard input. False, with the reason in why: no such file, not a capture, a link
 * type that is not read (802.11, for one). */
bool source_open(struct source *s, const char *path, struct text *why);
/* The same of a path that stands for another, whose name people know. */
bool source_open_as(struct source *s, const char *path, const char *name, struct text *why);

/* Live packets of an interface. filter: a pcap filter expression or NULL. False with the reason,
 * which names the capability that is missing where that is the trouble. */
bool source_open_live(struct source *s, const char *interface, const char *filter,
                      struct text *why);

/* Whether a pcap filter expression means anything, for one link type or another. */
bool source_filter_is_sound(const char *filter);
/* Only packets that the filter lets pass are handed on; their numbers stay. NULL: all. False with
 * the reason for a bad expression. */
bool source_filter(struct source *s, const char *filter, struct text *why);
/* Whether the filter of a file, if there is one, lets the packet at hand pass. */
bool source_passes(struct source *s, const struct pcap_pkthdr *header, const u_char *bytes);

/* What a read ended with: the end of the file, a packet that is cut short there, or damage. */
enum source_end { SOURCE_EOF, SOURCE_CUT, SOURCE_DAMAGED };
/* Hand each packet of a file to take, its link type in s->link, until the end or source_stop(). */
enum source_end source_each(struct source *s, pcap_handler take, u_char *context);
/* Whether that is no packet, but the beginning of another pcap file behind the first, as `cat` puts
 * them: take asks first, and the packets behind it come next. Where that file is of another kind,
 * none do, and it is damage. */
bool source_takes_next_file(struct source *s, const struct pcap_pkthdr *header);
/* No more packets; take may call it. */
void source_stop(struct source *s);
/* What was damaged, in words. */
const char *source_error(const struct source *s);

/* Close what source_open() or source_open_live() opened. */
void source_close(struct source *s);
