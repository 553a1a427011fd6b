/* recorder.h - a tap that keeps what it hears as a pcapng file.
 *
 * Addresses, ports, bytes, their order and times are real; the headers around them are made up, as
 * the network could have carried them: a handshake where connect() or accept() returned, a segment
 * (or several) for each send() and recv(), FIN and RST where they were seen, and now and then an
 * acknowledgement. It needs no privilege, and no memory that grows: of a stream only the head of
 * each segment is kept. */
#pragma once
#include "harness/capture/pcapng.h"
#include "harness/sim/tap.h"

#define RECORDER_STREAM_SNAP 128 /* bytes kept of each segment or datagram of a stream */

struct recorder {
    struct sim_tap tap; /* give its address to sim_config.tap; set tap.next to chain another */
    struct pcapng file;
    uint64_t epoch_ns; /* to be added to CLOCK_MONOTONIC */
    char comment[512]; /* for the next packet, "" for none */
};

/* Make the file at path; comment says in its header what it is about. False: see errno. */
bool recorder_open(struct recorder *r, const char *path, const char *comment);
/* What comes next, as a comment at its first packet (cut to what fits). */
void recorder_note(struct recorder *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* 0, or the errno of the first packet that could not be written: EFBIG at PCAPNG_LEN_MAX. */
int recorder_close(struct recorder *r);
