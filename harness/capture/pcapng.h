/* pcapng.h - writes a pcapng file: one section, one interface of raw IP packets, nanoseconds.
 *
 * A block is one write(), and one that does not fit is cut off again: the file is whole at any
 * time, whatever ends the program. */
#pragma once
#include "impl/wire/bytes.h"

#include <stdbool.h>

#define PCAPNG_LEN_MAX (UINT64_C(1) << 30) /* a file grows no further than this */
#define PCAPNG_SNAPLEN 262144              /* the longest packet */

struct pcapng {
    int fd;
    uint64_t len;
    int error; /* errno of the first write that failed, EFBIG at the limit; nothing after it */
};

struct pcapng_packet {
    uint64_t at_ns;          /* since the epoch */
    bool inbound;            /* the direction, as the one sees it who captured */
    struct bytes head, body; /* what was captured of it, in two runs */
    size_t len;              /* of the packet as it was, at least that of both */
    const char *comment;     /* UTF-8, or NULL */
};

/* Make the file (or cut an old one to nothing) with its section header and interface. application
 * and comment are UTF-8. False: see errno. */
bool pcapng_open(struct pcapng *p, const char *path, const char *application, const char *comment);
/* False once anything has failed. */
bool pcapng_write(struct pcapng *p, const struct pcapng_packet *packet);
/* 0, or the errno of the first failure; the file holds every packet before it. */
int pcapng_close(struct pcapng *p);
