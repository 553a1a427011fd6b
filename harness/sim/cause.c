/* cause.c - why a case did not go well, in words. */
#include "harness/sim/sim.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

const char *sim_cause_word(enum sim_cause cause)
{
    static const char *const words[] = {
#define X(name, word, text) word,
        SIM_CAUSES(X)
#undef X
    };
    return words[cause];
}

enum sim_cause sim_cause_of_word(const char *word)
{
    unsigned cause = 0;

    while (cause < SIM_N_CAUSES && strcmp(word, sim_cause_word((enum sim_cause)cause)) != 0)
        cause++;
    return (enum sim_cause)cause;
}

const char *sim_cause_text(enum sim_cause cause)
{
    static const char *const texts[] = {
#define X(name, word, text) text,
        SIM_CAUSES(X)
#undef X
    };
    return texts[cause];
}

enum sim_cause sim_cause_of_end(int status, struct text *what)
{
    int signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (signo == 0) {
        text_addf(what, "the subject's process ended by itself, status %d", WEXITSTATUS(status));
        return SIM_EXIT;
    }
    if (signo == SIGXFSZ || signo == SIGXCPU) {
        text_addf(what, "a limit that it has from us (ulimit) ended the subject: SIG%s",
                  sigabbrev_np(signo));
        return SIM_TROUBLE;
    }
    text_addf(what, "the subject was killed by SIG%s", sigabbrev_np(signo));
    if (signo != SIGKILL)
        return SIM_CRASH;
    text_adds(what, ": by the kernel for want of memory, by somebody else or by itself, which "
                    "cannot be told apart");
    return SIM_TROUBLE;
}
