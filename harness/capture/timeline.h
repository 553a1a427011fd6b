/* timeline.h - what happened in a session, for people and for programs. */
#pragma once
#include "harness/capture/track.h"

#include <stdio.h>

struct timeline_entry {
    struct track_event event; /* its pointers: into this entry, or of the session */
    struct observer_message message;
    char *text; /* of a JSON message, or the cookie */
};

/* The data that timeline_follow() has told of, by sender. */
struct timeline_told {
    uint64_t ns; /* until when; 0: none yet */
    uint64_t bytes[2], unseen[2];
};

/* The events of one session, kept until it is printed. Zero it to start. */
struct timeline {
    struct timeline_entry *entries;
    size_t n, n_lost; /* entries beyond the limit */
    struct timeline_told told;
};

/* Keep a copy of the event; beyond the limit it is only counted. */
void timeline_add(struct timeline *t, const struct track_event *event);
void timeline_fini(struct timeline *t);
/* An entry's event; its pointers are the entry's and the session's. */
struct track_event timeline_event(const struct timeline_entry *entry);

/* A timeline of the session's own: the first call puts it at s->user, where it stays until
 * timeline_discard(). */
struct timeline *timeline_of(struct track_session *s);
void timeline_collect(struct track_session *s, const struct track_event *event);
void timeline_discard(struct track_session *s);

/* "client", "server". */
const char *timeline_side(enum observer_side side);

struct timeline_style {
    bool is_pretty;   /* JSON over several lines */
    uint64_t zero_ns; /* times are shown from here on */
};

/* What happened, in one line without time and direction; the caller's to free(). */
char *timeline_words(const struct track_event *event);
/* One event, on a line (or more). prefix goes in front of each. */
void timeline_print_event(FILE *out, const struct track_event *event, const char *prefix,
                          const struct timeline_style *style);
/* The same of a session that goes on, with the data that went since the last call in front of
 * messages, and with each span of data that is over. NULL: the session is over. Its timeline is
 * begun as by timeline_collect(). */
void timeline_follow(FILE *out, struct track_session *s, const struct track_event *event,
                     const char *prefix, const struct timeline_style *style);
/* Data in the spans that began before until_ns, from *next on. The last may be cut short there, or
 * where the data ended. */
void timeline_print_volume(FILE *out, const struct track_session *s, unsigned *next,
                           uint64_t until_ns);
/* Data that went since it was told last, all on one line. */
void timeline_follow_volume(FILE *out, const struct track_session *s, const char *prefix,
                            struct timeline_told *told, uint64_t now_ns);
/* Head, events, data volumes, verdict. */
void timeline_print(FILE *out, const struct timeline *t, const struct track_session *s,
                    bool is_pretty);
/* One line. */
void timeline_print_summary(FILE *out, const struct track_session *s);
/* What each stream carried, as counted and as both sides report it, a line each. */
void timeline_print_numbers(FILE *out, const struct track_session *s);
/* Violations and what was not judged, a line each. */
void timeline_print_findings(FILE *out, const struct track_session *s);
/* The session as a JSON object without a newline; t may be NULL. with_bytes: each message also as
 * it went over the wire, in hex. False without memory. */
bool timeline_print_json(FILE *out, const struct timeline *t, const struct track_session *s,
                         bool with_bytes);
