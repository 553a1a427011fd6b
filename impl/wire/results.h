/* results.h - the results object that both ends send on EXCHANGE_RESULTS (RES-1 to RES-29). */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"
#include "impl/wire/jwrite.h"
#include "impl/wire/remark.h"

#include <stdbool.h>

#define RESULTS_STREAMS_LIMIT 4096 /* ours: more entries than this in `streams` are refused */

/* One entry of `streams` (RES-10 to RES-28). Counts are what the wire says. */
struct results_stream {
    int64_t id;          /* STR-6 */
    int64_t bytes;       /* without the omit period (RES-20) */
    int64_t retransmits; /* -1: no counts (RES-12); 18446744073709551615 is read as -1 (JSON-14) */
    double jitter;       /* s */
    int64_t errors;      /* lost datagrams, whole test (RES-14) */
    int64_t omitted_errors;      /* RES-15 */
    int64_t packets;             /* whole test (RES-16) */
    int64_t omitted_packets;     /* RES-17 */
    double start_time, end_time; /* s; 0 where missing (RES-28) */
    bool has_omitted;            /* the omitted pair was there (RES-18) */
    bool has_times;              /* both times were there */
};

struct results {
    double cpu_util_total, cpu_util_user, cpu_util_system; /* percent */
    int64_t sender_has_retransmits;                        /* -1, 0, 1 (RES-5) */
    char *congestion_used;                                 /* NULL: not sent (RES-6); ours */
    char *server_output_text;                              /* NULL: not sent (RES-7); ours */
    char *server_output_json; /* printed JSON object, or NULL (RES-8); ours */
    size_t n_streams;
    struct results_stream *streams; /* ours */
};

/* All zero, no streams. results_fini() frees what it holds (also of a zeroed struct). */
void results_init(struct results *r);
void results_fini(struct results *r);

/* Make room for n streams, all zero. SPEC_OK or SPEC_E_NOMEM. */
enum spec_err results_set_streams(struct results *r, size_t n);

/* The entry with that id, or NULL. */
struct results_stream *results_find(const struct results *r, int64_t id);

/* Read a results text. Required members: RES-2..5, 9, and per stream RES-10..14, 16 (RES-21); of
 * the omitted pair both or none (RES-18); wrong types count as missing (JSON-12); doubles and
 * exponents are accepted for integers, values above 2^63 - 1 are taken as two's complement for
 * sender_has_retransmits, retransmits, errors, packets (JSON-14, INT-6). Of two entries with one id
 * the last counts, as in stock; out->streams holds each id once.
 *   ids, n_ids  the streams that the reader has; an id outside is SPEC_E_STREAM_ID (RES-22). With
 *               ids NULL any id is taken.
 *   out         initialised by this call on every return; the caller's to results_fini()
 *   remarks     NULL, or a judge's: the reason of an error names key, expected and found; also what
 *               passes although no sender should send it (RES-5's values, negative counts, ...)
 * Returns SPEC_OK, SPEC_E_JSON, SPEC_E_MISSING, SPEC_E_TYPE, SPEC_E_RANGE (too many streams),
 * SPEC_E_STREAM_ID, SPEC_E_NOMEM. */
enum spec_err results_decode(struct bytes json, const int64_t *ids, size_t n_ids,
                             struct results *out, struct remarks *remarks);

/* Write the object with every member that INT-5 asks for, in the order of section 5. */
void results_encode(const struct results *r, struct jwrite *w);

/* The keys, for scripts and mutators; NULL-terminated, static. */
extern const char *const results_keys[], *const results_stream_keys[];
