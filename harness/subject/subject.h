/* subject.h - the build under test: what it is, and its process from start to end.
 *
 * Every process has a session of its own and a keeper above it (keeper.h), which ends all that it
 * started, grandchildren and daemons too: in subject_end(), or when the harness is gone. */
#pragma once
#include "harness/session/text.h"
#include "harness/sim/sim.h"
#include "impl/wire/clause.h"

#include <stdbool.h>
#include <sys/types.h>

#define SUBJECT_ENV_MAX 64

/* --- build.c: what a build says about itself --- */
struct subject_build {
    char path[1024];                      /* program, or "" with command templates */
    char server_cmd[1024];                /* "CMD ... {port}", any line for sh, or "" */
    char client_cmd[1024];                /* "CMD ... {host} {port}", or "" */
    char version_cmd[1024];               /* prints what --version and --help would, or "" */
    char wrap[1024];                      /* "valgrind {}": how to run any of the commands; or "" */
    const char *env[SUBJECT_ENV_MAX + 1]; /* more "NAME=VALUE", borrowed; NULL behind the last */
    char banner[256];                     /* first line of --version */
    char note[64];         /* that it was killed when it was asked for its version, or "" */
    char name[32];         /* "iperf", "iperfref", ... ; "" unknown */
    char version_text[32]; /* "3.12" */
    char package[64];      /* "3.12-1+deb12u2", from INFO beside it */
    char sha256[65];
    bool is_unnamed;  /* neither it nor anybody else says what it is */
    bool has_version; /* version holds, and IS clauses predict this build */
    struct clause_version version;
    char about[16384]; /* what --version and --help print: tells what is built in */
};

/* Run the program and read what it tells. False and a reason if it cannot be run, or does not end
 * in time: in ten seconds, or when CLOCK_MONOTONIC comes to limit_ns (0: it does not matter). */
bool subject_identify(struct subject_build *build, uint64_t limit_ns, struct text *why);
/* Whether it told its options at all, as --help does: where it did not, one that is missing in
 * about may be there. */
bool subject_has_help(const struct subject_build *build);
/* Add "NAME=VALUE" (borrowed); false if it is none, or one too many. */
bool subject_add_env(struct subject_build *build, const char *assignment);

/* --- process.c --- */
struct subject {
    pid_t pid, keeper;        /* as our /proc shows them */
    uint64_t had_descriptors; /* its limit of them at first; 0: it has not been changed */
    int pidfd, line, out_fd, err_fd;
    bool running, ended;
    bool lost;           /* its keeper was killed: by nobody here */
    bool own_pids;       /* it lives in a PID namespace */
    bool has_hung;       /* it did not serve any more: it gets little time to end */
    bool left_behind;    /* by subject_end(): what it started could not be ended */
    unsigned deserted;   /* looks at what it left, in a row, that found nobody */
    uint64_t started_ns; /* CLOCK_MONOTONIC */
    int status;          /* once ended: as waitpid() tells it; a shell's 139 is SIGSEGV */
    uint64_t max_rss;    /* once ended: bytes, at the most */
    struct text out, err;
};

/* Become the parent of whatever loses its parent and its keeper below us; tree_end_children() ends
 * it. Once per process. */
void subject_adopt_orphans(void);

/* No process: what subject_end() and subject_fini() leave alone. */
void subject_init(struct subject *subject);

/* Start a command line. env is NULL, or "NAME=VALUE" strings to add, NULL-terminated. Sanitizers
 * that were told to report into a file report on stderr, where subject_report() finds it. False and
 * a reason if there is no process; then only subject_fini() is left to do, if anything. */
bool subject_start(struct subject *subject, char *const argv[], const char *const env[],
                   struct text *why);

/* The process heir, somewhere below the subject, does its work: should the subject end with status
 * 0, or have ended so, heir is the subject from then on. What a server with -D does, and a client
 * that a wrapper leaves in the background. */
void subject_follow(struct subject *subject, pid_t heir);

/* Read what it wrote and see whether it has ended. */
void subject_turn(struct subject *subject);

/* What it wrote so far was another's case. */
void subject_forget_output(struct subject *subject);

/* Wait for it to end by itself, at most so many milliseconds; whether it has. */
bool subject_await_end(struct subject *subject, double ms);

/* Ask it to end, then make it; its children and grandchildren too. The output stays readable until
 * subject_fini(). */
void subject_end(struct subject *subject);
void subject_fini(struct subject *subject);

/* The simulator's view of it. */
struct sim_process subject_process(struct subject *subject);

/* A command line for a build: as server (host NULL) or as client, with more options; free with
 * subject_argv_free(). Options are divided at blanks outside of quotes; in a template they replace
 * {options}, or go behind it. A template is run by /bin/sh, which its program replaces where it is
 * a simple command. The build's wrap stands around it, {} in it being the command. */
char **subject_argv(const struct subject_build *build, const char *host, unsigned port,
                    const char *options);
void subject_argv_free(char **argv);

/* --- keys.c --- */
/* A folder of its own below TMPDIR: private.pem, public.pem, and users.csv with "mario" whose
 * password is "rossi". A process of its own removes it once we are gone, however that comes. */
struct subject_keys {
    char dir[256]; /* "": none */
    int line;      /* the remover waits for the end of it */
    pid_t remover;
};
/* The key pair, which all folders of this process and of those it forks later have in common.
 * Without it the first folder makes it. */
void subject_keys_prepare(void);
/* False after the reason was added to why. */
bool subject_keys_make(struct subject_keys *keys, struct text *why);
/* Nothing where there is no folder. */
void subject_keys_remove(struct subject_keys *keys);
/* Options with {keys} replaced by the folder. */
void subject_keys_expand(const struct subject_keys *keys, const char *options, struct text *out);

/* --- sockets.c: the socket tables --- */
enum subject_ready { SUBJECT_READY, SUBJECT_NOT_YET, SUBJECT_FOREIGN };
/* Whether the subject (or a process below it) listens on the TCP port; FOREIGN: somebody else does.
 */
enum subject_ready subject_listens(const struct subject *subject, unsigned port);
/* As of struct sim_process, context being the subject. */
bool subject_goes_on(void *context);
void subject_met(void *context, unsigned port);
/* A TCP port on which it listens, whichever; 0: on none. */
unsigned subject_port(const struct subject *subject);
/* A port that is free for TCP and UDP now; 0 if there is none. */
unsigned subject_free_port(void);

/* Wait until it listens, at most until deadline_ns (CLOCK_MONOTONIC). Returns SUBJECT_READY,
 * _FOREIGN, or _NOT_YET when it ended or the time is up. If a process below it listens, it is
 * followed (subject_follow()). */
enum subject_ready subject_await_listening(struct subject *subject, unsigned port,
                                           uint64_t deadline_ns);

/* Wait, at most until deadline_ns, until it listens on the port and every thread of it waits: a
 * server that opens its listener anew for each test (CONN-5) is done with the last one. */
void subject_await_settled(struct subject *subject, unsigned port, uint64_t deadline_ns);

/* --- room.c --- */
/* A network of our own with nothing but loopback, where the system allows it. */
bool subject_enter_own_network(void);
