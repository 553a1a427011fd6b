/* fault.c - crash, hang, spin and leak, each when bytes come in one state of a session. */
#include "impl/mutants/mutant.h"

#include "impl/wire/bytes.h"
#include "impl/wire/machine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void __real_machine_bytes(struct machine *m, uint64_t now_ns, struct bytes *in);
void __wrap_machine_bytes(struct machine *m, uint64_t now_ns, struct bytes *in);

#define LEAK_BYTES (1u << 20)

static void crash(void)
{
    abort();
}

static void hang(void)
{
    for (;;)
        pause();
}

static void *burn(void *unused)
{
    (void)unused;
    for (volatile unsigned i = 0;; i++)
        ;
    return NULL;
}

/* It still serves, and burns a core. */
static void spin(void)
{
    static pthread_t thread;

    if (!thread)
        pthread_create(&thread, NULL, burn, NULL);
}

static void leak(void)
{
    static struct link {
        struct link *next;
        char rest[LEAK_BYTES];
    } * all;
    struct link *one = malloc(sizeof *one);

    if (!one || dup(0) < 0)
        return;
    memset(one->rest, 1, sizeof one->rest);
    one->next = all;
    all = one;
}

static const struct {
    const char *word;
    void (*act)(void);
} acts[] = {
    {"crash", crash},
    {"hang",  hang },
    {"spin",  spin },
    {"leak",  leak },
};

static struct {
    void (*act)(void);
    enum machine_state state;
} fault;

static void name(char id[64], enum machine_state state, size_t act)
{
    snprintf(id, 64, "%s/%s/%s", state < CLI_START ? "server" : "client", machine_state_name(state),
             acts[act].word);
}

static void list(mutant_emit *emit)
{
    char id[64];

    for (enum machine_state state = 0; state < MACHINE_OVER; state++)
        for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
            name(id, state, i);
            emit(id, state < CLI_START ? "INT-3" : "INT-12");
        }
}

static bool take(const char *rest)
{
    char id[64];

    for (enum machine_state state = 0; state < MACHINE_OVER; state++)
        for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
            name(id, state, i);
            if (strcmp(id, rest) != 0)
                continue;
            fault.act = acts[i].act;
            fault.state = state;
            return true;
        }
    return false;
}

void __wrap_machine_bytes(struct machine *m, uint64_t now_ns, struct bytes *in)
{
    if (fault.act && machine_state(m) == fault.state)
        fault.act();
    __real_machine_bytes(m, now_ns, in);
}

const struct mutant_family mutant_fault = {"fault", list, take};
