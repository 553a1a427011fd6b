/* serve.h - the server that cases are played against: a process of its own for each, one for many,
 * or one that runs elsewhere. Inside of a worker. */
#pragma once
#include "harness/suite/suite.h"

struct serve {
    const struct suite_settings *settings;
    bool own_network;
    const char *which; /* id of the case that is played, or NULL */
    struct subject subject;
    struct text options; /* it was started with */
    struct text command;
    struct subject_keys keys; /* what {keys} in options stands for; the caller makes them */
    unsigned port;
    struct sockaddr_storage at;
    socklen_t at_len;
    unsigned number; /* of the process, from 1; 0: there was none */
    /* NULL, or shared with who may end us: the port there that is in use, or 0. */
    unsigned *busy_port;
    bool is_mute;     /* ports there that nobody has give no answer: none is asked any more */
    bool is_littered; /* a case's server stayed there for good: the next are not waited for */
    bool is_hasty;    /* one that is kept is not asked in between whether it serves and rests */
    bool is_measured; /* who keeps it looks at what it holds: a session is no reason to */
};

/* No process yet. settings is borrowed for its life. */
void serve_init(struct serve *serve, const struct suite_settings *settings, bool own_network);
/* Have a server with these options that listens: the one that runs, if it was started with the
 * same, else a new one. It is to be reached at the address (text): serve->at. False, with cause and
 * got in run, if there is none. */
bool serve_start(struct serve *serve, const char *options, const char *address,
                 struct suite_run *run);
/* Whether it is one on another machine, or one that runs already: its process and its sockets are
 * out of sight. */
bool serve_is_elsewhere(const struct serve *serve);
/* End its process with all that it started; what it printed stays until the next start. */
void serve_end(struct serve *serve);
void serve_fini(struct serve *serve); /* its keys too */

/* Play a case. keep: a server is left running for the next if it still serves; without, every case
 * has a process of its own, and they share the keys. */
void suite_run_case_on(struct serve *serve, bool keep, const struct script *script,
                       struct suite_run *run);

/* HOST:PORT or [HOST]:PORT with an address for HOST. False: it is none. */
bool serve_split(const char *text, struct sockaddr_storage *at, socklen_t *len);
/* A port of the range that a subject elsewhere may use: the next one each time. 0: any. */
unsigned serve_far_port(const struct suite_far *far);
/* A command is about to start a subject on another machine. */
void serve_far_begin(const struct serve *serve, unsigned port);
/* It is over: what is left of it there ends. */
void serve_far_end(const struct serve *serve, unsigned port);
/* Run the command that ends what is left on the other machine, if there is one. */
void serve_far_stop(const struct suite_far *far, unsigned port);

/* Note a failed start of either role, or a cause of its own, in place of what the case found;
 * returns false. */
bool serve_trouble(struct suite_run *run, enum sim_cause cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Start a command line for a role (host NULL: server), noting it in *command. */
bool serve_launch(const struct serve *serve, const char *host, unsigned port, const char *options,
                  struct subject *subject, struct text *command, struct suite_run *run);
