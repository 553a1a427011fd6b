/* options.h - iperf3's command line, read into one struct.
 *
 * What it decides: what each option means, its unit, range and default, who may use it, and which
 * options exclude each other; with iperf3's error numbers, messages and exit codes. What it leaves
 * to others: whether the kernel grants what was asked for, whether a key file holds a key. */
#pragma once
#include "impl/wire/params.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_PORT      5201
#define OPTIONS_MAX_TESTS 1024 /* --max-tests without the option */

enum options_output { OPTIONS_TEXT, OPTIONS_JSON, OPTIONS_JSON_STREAM };

/* Strings are ours (options_fini() frees them); NULL where an option was not given. */
struct options {
    bool server;
    char *host;          /* -c: without the %dev, which is in bind_dev */
    int64_t port;        /* -p, OPTIONS_PORT */
    int family;          /* -4, -6: AF_INET, AF_INET6; else AF_UNSPEC */
    char *bind_address;  /* -B */
    char *bind_dev;      /* --bind-dev, or the part of -B or -c behind % */
    int64_t client_port; /* --cport; 0 = any */

    /* Client: what to send, ready but for `authtoken` and, if len is not marked (UDP without -l),
     * `len` (PARAM-31; then also gso_dg_size, gso_bf_size with --gsro). Server: the defaults; num,
     * len and so on are what clients ask for. */
    struct params params;

    uint64_t interval_ns; /* -i; 0 = only the final report */
    int64_t cpu;          /* -A n; -1 = none. -A n,m puts m into params */
    char *file;           /* -F */
    char *xbind;          /* -X, comma-separated; SCTP */
    int64_t nstreams;     /* --nstreams, SCTP; 0 = default */

    uint64_t connect_timeout_ns; /* --connect-timeout; 0 = the system's */
    uint64_t rcv_timeout_ns;     /* --rcv-timeout, 120 s; 0 = off */
    int64_t snd_timeout_ms;      /* --snd-timeout; 0 = the system's */
    uint64_t idle_timeout_ns;    /* server --idle-timeout; 0 = off */
    bool keepalive;              /* --cntl-ka */
    int64_t keepalive_idle_s, keepalive_interval_s, keepalive_count; /* 0 = the system's */

    /* Server. */
    bool one_off, daemon;     /* -1, -D */
    uint64_t max_bitrate_bps; /* --server-bitrate-limit; 0 = none */
    uint64_t
        max_bitrate_window_ns; /* the time to average over (rate/n), 5 s; 0 = one report interval */
    int64_t max_duration_s;    /* --server-max-duration; 0 = none */
    int64_t max_tests;         /* --max-tests, ours */
    char *private_key, *users; /* --rsa-private-key-path, --authorized-users-path: both or none */
    int64_t time_skew_s;       /* --time-skew-threshold, 10 */

    /* Client authentication. */
    char *username, *password, *public_key; /* all or none */
    bool pkcs1;                             /* --use-pkcs1-padding; server too */

    /* Output. */
    enum options_output output; /* -J, --json-stream */
    bool full_output;           /* --json-stream-full-output */
    char format;                /* -f: one of kmgtKMGT, or 'a' for what suits */
    bool verbose, forceflush;
    int64_t debug;    /* -d, --debug=N; 0 = off */
    char *timestamps; /* --timestamps: strftime format, with its default filled in */
    char *logfile, *pidfile;
    char *transcript; /* --transcript FILE, ours */
};

/* Read the command line.
 *   out   stdout: --help and --version are printed there
 *   err   stderr: messages and the hint at --help
 *   opt   initialised by this call on every return; the caller's to options_fini()
 * May ask the terminal for a password (IPERF3_PASSWORD is looked at first).
 * Returns -1: go on. 0: nothing more to do (--help, --version). 1: bad usage, and the reason was
 * printed; the exit status of the program. */
int options_parse(struct options *opt, int argc, char **argv, FILE *out, FILE *err);
void options_fini(struct options *opt);

/* Client, once the control connection is up: fill in len of a UDP test that came without -l from
 * the MSS of that connection (PARAM-31; 0 = not known), and with --gsro the sizes that follow from
 * len. Does nothing else; may always be called. */
void options_set_mss(struct options *opt, int mss);

/* Print the help text that --help prints. */
void options_usage(FILE *out);
