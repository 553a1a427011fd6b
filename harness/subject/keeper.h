/* keeper.h - the process between us and a subject, which ends whatever the subject started.
 *
 * It is the subject's parent, and the parent of all that loses its own below it: process 1 of a
 * PID namespace where the system allows one, else a child subreaper. The line between us and it is
 * a socket of which we hold the only other end. Once that closes - because we are done, or because
 * we were killed, even by SIGKILL - the keeper ends everything below itself, and then itself. In a
 * namespace the kernel does that, and does it as well when the keeper itself is killed. Without
 * one, a killed keeper takes the subject along (PR_SET_PDEATHSIG); what that had started comes to
 * the next subreaper above, see tree_end_children(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the keeper says, one message each. */
enum keeper_kind {
    KEEPER_STARTED, /* value: the subject's pid as the keeper sees it; a pidfd comes with it */
    KEEPER_NO_EXEC, /* value: errno; the keeper ends */
    KEEPER_NO_ROOM, /* no /proc of its own; the keeper ends */
    KEEPER_ENDED,   /* value: the subject's status as waitpid() tells it */
    KEEPER_NOTED,   /* answers a KEEPER_HEIR, unless KEEPER_FOLLOWS does */
    KEEPER_FOLLOWS, /* the subject has ended well, and its heir is the subject now; a pidfd comes */
};
struct keeper_word {
    enum keeper_kind kind;
    int value;
    uint64_t max_rss; /* bytes; KEEPER_ENDED */
};

/* What it is told, one message each. */
struct keeper_call {
    enum { KEEPER_SIGNAL, KEEPER_HEIR } kind;
    int value; /* a signal for the subject's process group; the pid of an heir, as the keeper has it
                */
};

struct keeper_order {
    char *const *argv;
    const char *const *env; /* more "NAME=VALUE", NULL behind the last; or NULL */
    int out, err;           /* become the subject's stdout and stderr */
    int line;               /* the keeper's end of the socket (SOCK_SEQPACKET) */
    unsigned namespaces;    /* CLONE_NEW* flags, or 0 */
};
/* Start a keeper, and below it the subject. A daemon has an heir: the process that goes on once the
 * one that was started has ended with status 0. Returns the keeper's pid, or -1 with errno. */
pid_t keeper_start(const struct keeper_order *order);
