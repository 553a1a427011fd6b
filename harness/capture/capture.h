/* capture.h - reads a whole capture: packets from a source, through the fragments, to the sessions
 * in it. */
#pragma once
#include "harness/capture/source.h"
#include "harness/capture/track.h"

#include <signal.h>

struct capture_counts {
    uint64_t packets, bytes; /* bytes on the wire */
    uint64_t cut;            /* in their headers, or nonsense there */
    uint64_t bare, filled;   /* TCP segments with bytes: of which none, or some, were captured */
    uint64_t unread;         /* what they carry is not looked into */
    uint64_t unread_number;  /* the first of these, */
    const char *unread_name; /* and what it is; static */
    uint64_t first_ns, last_ns;
};

/* Each TCP segment and UDP datagram, put together where it came in fragments. */
typedef void capture_take(void *context, enum dissect_kind kind, const struct dissected *packet);

/* Read until the end, or until *stop is set, which a signal handler may do; it may be NULL. False,
 * with the reason, if the file is damaged before its end; what came before was handed on. *was_cut:
 * its last packet is not whole, as when a capture was ended in mid-write. */
bool capture_each(struct source *source, capture_take *take, void *context,
                  const volatile sig_atomic_t *stop, struct capture_counts *counts, bool *was_cut,
                  struct text *why);

/* What of it was not looked into, in words; nothing, if there was nothing. */
void capture_tell_unread(const struct capture_counts *counts, struct text *out);

/* What the sessions say that go on where a file is damaged. */
#define CAPTURE_DAMAGED "the file is damaged from here on"
/* The same, for a tracker; where the file is damaged, the sessions that go on there say so. */
bool capture_read(struct source *source, struct track *track, const volatile sig_atomic_t *stop,
                  struct capture_counts *counts, bool *was_cut, struct text *why);

/* A live source, read in turns. frame, which may be NULL, gets each packet first, and ends it by
 * returning false. */
typedef bool capture_frame(void *context, const struct pcap_pkthdr *header, const u_char *bytes);
struct capture_live;
/* NULL, with the reason, if it cannot be read so. source and track are borrowed. */
struct capture_live *capture_live_new(struct source *source, struct track *track, struct text *why);
void capture_live_free(struct capture_live *live); /* NULL is allowed */
void capture_live_frames(struct capture_live *live, capture_frame *frame, void *context);
int capture_live_fd(const struct capture_live *live); /* to be polled for reading */
const struct capture_counts *capture_live_counts(const struct capture_live *live);
/* Take what has come; sessions that are over by the clock are handed out. False, with the reason,
 * if the source fails; without one, if frame has ended it. */
bool capture_live_turn(struct capture_live *live, struct text *why);
