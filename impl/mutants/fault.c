/* fault.c - crash and hang, when bytes come in one state of a session; spin and leak, from the
 * moment on that it has come to that state. */
#include "impl/mutants/mutant.h"

#include "impl/wire/bytes.h"
#include "impl/wire/machine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAK_BYTES (64u << 10)
#define HOARD_US   2000

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

static void start(void *(*work)(void *))
{
    static pthread_t thread;

    if (!thread)
        pthread_create(&thread, NULL, work, NULL);
}

/* It still serves, and burns a core. */
static void spin(void)
{
    start(burn);
}

static void keep_one(void)
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

static void *hoard(void *unused)
{
    for (;;) {
        keep_one();
        usleep(HOARD_US);
    }
    return unused;
}

/* Of a server each session keeps something for ever; a client has one session, and keeps more and
 * more while that lasts. */
static void leak(void);

static const struct act {
    const char *word;
    void (*act)(void);
    bool lasts; /* begins with the state, not with bytes in it */
} acts[] = {
    {"crash", crash, false},
    {"hang",  hang,  false},
    {"spin",  spin,  true },
    {"leak",  leak,  true },
};

void mutant_fault_act(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(acts); i++)
        if (strcmp(acts[i].word, word) == 0)
            acts[i].act();
}

static struct {
    const struct act *act;
    enum machine_state state;
} fault;

static void leak(void)
{
    if (fault.state < CLI_START)
        keep_one();
    else
        start(hoard);
}

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
            emit(id, state < CLI_START ? "INT-3 CLOSE-14" : "INT-12 ST-CLI-18");
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
            fault.act = &acts[i];
            fault.state = state;
            return true;
        }
    return false;
}

WRAP(void, machine_bytes, (struct machine * m, uint64_t now_ns, struct bytes *in))
{
    if (fault.act && !fault.act->lasts && machine_state(m) == fault.state)
        fault.act->act();
    mutant_deep_bytes(m, *in);
    __real_machine_bytes(m, now_ns, in);
}

/* The shell asks for this after every input. */
WRAP(uint64_t, machine_deadline, (const struct machine *m))
{
    static const struct machine *seen;
    bool is_there = machine_state(m) == fault.state;

    if (fault.act && fault.act->lasts && is_there && seen != m)
        fault.act->act();
    seen = is_there ? m : NULL;
    return __real_machine_deadline(m);
}

const struct mutant_family mutant_fault = {"fault", list, take};
