/* load.h - many honest clients against one server: so many at once, so many in all.
 *
 * One process, one loop, no thread per test. A client that finds the server busy, or between two
 * listeners (CONN-5), tries again; what becomes of the others is counted, timed and judged. */
#pragma once
#include "harness/load/client.h"
#include "harness/subject/watch.h"

#include <stdio.h>

#define LOAD_TESTS_MAX   10000000
#define LOAD_AT_ONCE_MAX 10000
#define LOAD_CAUSES_MAX  16
#define LOAD_KEPT_MAX    2 /* descriptors, and threads, that a server may open once and keep */

struct load_request {
    const char *host; /* numeric */
    unsigned port;
    struct load_modes modes;
    uint64_t n_tests;
    unsigned at_once;
    double limit_s;          /* for each test, on top of what it asks for with -t */
    double patience_s;       /* how long the server may be busy, away or mute for all clients */
    double max_loss;         /* part of the datagrams, 0 to 1 */
    bool counts_all;         /* the server counts every byte (INT-7) */
    struct subject *subject; /* NULL: the server runs elsewhere */
};

struct load_cause {
    char text[160];
    uint64_t n;
    struct text detail; /* of the first */
};

/* Times of good tests in ns, sorted. */
struct load_times {
    uint64_t *at;
    size_t n, cap;
};

struct load_result {
    uint64_t good, failed, unplayed; /* unplayed: harness trouble, or the server ended */
    uint64_t busy, away, no_room;    /* tries that were repeated */
    struct load_gauge gauge;
    uint64_t sent, received, datagrams, lost; /* of good tests, by the receivers' counts */
    double seconds, cpu_s;                    /* of the load; cpu: ours alone */
    struct load_times set_up, whole; /* from connect to TEST_RUNNING, and to the end of both */
    struct load_cause causes[LOAD_CAUSES_MAX];
    size_t n_causes; /* the last one takes what has no place */
    bool interrupted;
    bool has_samples; /* of the subject: before the first test, at the most, after the last */
    struct subject_sample before, most, after;
    struct text trouble; /* why it stopped early */
};

/* Play them all. False only without memory or descriptors for the loop; why tells. */
bool load_run(const struct load_request *request, struct load_result *result, struct text *why);
void load_result_fini(struct load_result *result);

/* The time that `part` of them do not exceed, in seconds; 0 if there are none. */
double load_times_at(const struct load_times *times, double part);

/* Exit status: 0 every test was good and the server holds no more descriptors and threads than
 * before, 1 not so, 3 not all could be played. */
int load_exit_status(const struct load_request *request, const struct load_result *result);
bool load_server_is_back(const struct load_result *result);

void load_print(FILE *out, const struct load_request *request, const struct load_result *result);
/* The same as a JSON object; times in seconds. */
void load_put_json(struct jwrite *w, const struct load_request *request,
                   const struct load_result *result);
