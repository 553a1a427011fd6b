/* report.h - what iperf3 prints about one test: text, -J, --json-stream; the same calls for all
 * three.
 *
 * One report per test, driven by one thread in the order of the calls below. It is given measured
 * numbers and prints them, with iperf3's sums and summaries; it opens nothing and knows no socket.
 * Text goes to config.out line by line, JSON as one text at report_finish(), a JSON stream as one
 * line per event. Failed allocations only cost the text they were for. */
#pragma once
#include "impl/traffic/interval.h"
#include "impl/wire/params.h"
#include "impl/wire/results.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum report_mode { REPORT_TEXT, REPORT_JSON, REPORT_JSON_STREAM };

struct report_config {
    enum report_mode mode;
    bool server;
    FILE *out;   /* not closed */
    FILE *err;   /* errors in text mode; may be NULL */
    char format; /* -f: one of kmgtKMGT, or 'a' */
    bool verbose, forceflush;
    bool full_output;       /* --json-stream-full-output */
    const char *timestamps; /* strftime format before each line, or NULL; borrowed */
};

/* One data connection. Addresses are numeric text. */
struct report_stream {
    int64_t id;
    int socket; /* the number that stands in [ ] and in "socket" */
    char local_host[64], remote_host[64];
    uint16_t local_port, remote_port;
};

/* The control connection is up. */
struct report_connection {
    const char *host; /* client: as given with -c; server: numeric address of the peer */
    uint16_t port;
    const char *cookie; /* 36 characters, or NULL */
    int control_mss;    /* of the control connection; 0 = not known */
    int64_t wall_ms;    /* Unix time of the start */
    bool len_from_mss;  /* client: UDP without -l (PARAM-31) */
};

/* Of the first stream's socket, in bytes. */
struct report_buffers {
    int sock_bufsize; /* asked for */
    int sndbuf_actual, rcvbuf_actual;
};

/* What is known when the test starts (TEST_START). Numbers 0 where they don't apply. */
struct report_start {
    const struct params *params; /* as sent or received; borrowed for the call; len is filled in */
    uint64_t duration_s;         /* time as shown: params->time, or 10 where a server got none */
    double interval_s;           /* -i; 0 = none */
    struct report_buffers buffers;
};

/* The end, from both sides. */
struct report_end {
    const struct interval_total *totals; /* our view, one per stream, in order of creation */
    size_t n;
    const struct results *peer;             /* NULL: none came (the test was cut short) */
    double cpu_total, cpu_user, cpu_system; /* our own, percent */
    const char *congestion;                 /* our own algorithm, or NULL */
    const char *file;                       /* -F, or NULL */
    uint64_t file_size;                     /* of it, now */
};

struct report;

/* NULL without memory. The strings in config are borrowed for the report's life. report_free(NULL)
 * is allowed; it prints nothing. */
struct report *report_new(const struct report_config *config);
void report_free(struct report *r);

/* With -V, text only: who we are. Once, before the first connection. Needs no report. */
void report_banner(const struct report_config *config);

/* Server, text only: the lines around "Server listening on 5201 (test #1)". Needs no report. */
void report_listening(const struct report_config *config, unsigned port, uint64_t test_number);

/* In this order; a test that fails leaves out what it did not reach. */
void report_connected(struct report *r, const struct report_connection *c);
/* Server: parameters have come. Client: before report_connected(), so that title and rates are
 * known. */
void report_params(struct report *r, const struct params *p);
/* Client: the first stream has its socket; for who fails before report_start(). */
void report_buffers(struct report *r, const struct report_buffers *buffers);
void report_streams(struct report *r, const struct report_stream *streams, size_t n);
void report_start(struct report *r, const struct report_start *start);
/* One stretch, one row per stream in order of creation. */
void report_interval(struct report *r, const struct interval *rows, size_t n);
/* Summary lines; with the peer's results also what it measured and the server's output (RES-7, -8).
 */
void report_end(struct report *r, const struct report_end *end);
/* A remark ("warning: ..."), one line without its newline: text to out; ignored in JSON. */
void report_note(struct report *r, const char *line);

/* The test failed: iperf3's number and the system's errno (0 = none), by which iperf3's text is
 * made. Text mode prints "iperfref: error - ..." to err at once; JSON keeps it as "error". Last
 * call wins. */
void report_error(struct report *r, int ierr, int os_errno);
/* We were ended by this signal: "interrupt - the client has terminated by signal Interrupt(2)". */
void report_interrupted(struct report *r, int signo);

/* Everything was said: prints the JSON text, or the client's "iperf Done.". Once. */
void report_finish(struct report *r);

/* Server, for results (RES-7, RES-8), borrowed until the next call: the text lines so far
 * (no longer collected once report_params() has seen no get_server_output), or "start", "intervals"
 * and "end" so far as one JSON object. NULL if there is none or memory ran out. */
const char *report_output_text(struct report *r);
const char *report_output_json(struct report *r);

/* iperf3's message for a number, word for word since scripts look for it; behind it that of
 * os_errno where iperf3 adds one: "unable to connect to server ...: Connection refused"; nothing
 * behind the colon if it is 0. A number that is not in the table gives "int_errno=N", as with
 * iperf3. buf is NUL-terminated, cap > 0. */
void report_error_format(char *buf, size_t cap, int ierr, int os_errno);
