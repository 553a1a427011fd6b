/* state.h - what a report keeps between its calls; for the files of this room alone. */
#pragma once
#include "impl/report/report.h"
#include "impl/report/summary.h"
#include "impl/wire/jwrite.h"

/* How far the JSON document is written. */
enum report_part { REPORT_NOTHING, REPORT_INTERVALS, REPORT_END, REPORT_CLOSED };

struct report {
    struct report_config config;

    bool has_params, has_connection, has_buffers, has_start;
    struct params params;                /* a copy */
    struct report_connection connection; /* host and cookie are the two below */
    char host[256], cookie[64];
    struct report_start start; /* params is not used */
    struct report_stream *streams;
    size_t n_streams;

    char error[512]; /* "" if there is none */
    bool header_shown, finished;

    /* Text: the lines so far, for the peer; NULL once it is known that nobody wants them. */
    FILE *tee;
    char *tee_text;
    size_t tee_len;

    /* JSON: the document so far. */
    struct jwrite doc;
    enum report_part part;
    char *server_text, *server_json; /* of the peer's results, until the document is closed */
    char *answer;                    /* what report_output_json() gave last */
};

/* A direction of the test: streams from first on, count of them, all sending or all receiving. */
struct report_half {
    size_t first, count;
    bool sender; /* at this end */
};

/* The halves of n streams of which the first n / 2 (bidir) or all have the direction of
 * first_sends. Returns how many there are. */
size_t report_halves(const struct report *r, size_t n, bool first_sends,
                     struct report_half halves[2]);

/* Socket number of stream i; that of its row if we were not told. */
int report_socket(const struct report *r, size_t i, const struct interval *row);

/* TCP until the parameters are known. */
enum params_protocol report_protocol(const struct report *r);

/* text.c */
void text_banner(const struct report_config *config);
void text_listening(const struct report_config *config, unsigned port, uint64_t test_number);
void text_connected(struct report *r);
void text_params(struct report *r);
void text_streams(struct report *r);
void text_start(struct report *r);
void text_interval(struct report *r, const struct interval *rows, size_t n);
void text_end(struct report *r, const struct report_end *end);
void text_note(struct report *r, const char *line);
void text_finish(struct report *r);

/* schema.c: whole objects, as member key of the object that is open in w (NULL: in an array). */
void schema_start(const struct report *r, struct jwrite *w, const char *key);
void schema_interval(const struct report *r, struct jwrite *w, const char *key,
                     const struct interval *rows, size_t n);
void schema_end(const struct report *r, struct jwrite *w, const char *key,
                const struct report_end *end);

/* doc.c */
void doc_start(struct report *r);
void doc_interval(struct report *r, const struct interval *rows, size_t n);
void doc_end(struct report *r, const struct report_end *end);
void doc_finish(struct report *r);
char *doc_so_far(struct report *r);
