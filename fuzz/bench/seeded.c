/* seeded.c - the faults of impl/mutants/deep.c in a fuzz target of the machines, one at a time
 * (FUZZ_FAULT=server/nested/crash): what a mutator is worth shows in how soon it meets them
 * (scripts/fuzz-worth). Whatever a fault does to a process, here it aborts. */
#include "impl/mutants/mutant.h"
#include "impl/wire/machine.h"

#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void choose(void)
{
    const char *id = getenv("FUZZ_FAULT");

    if (id == NULL || !mutant_deep.take(id)) {
        fputs("FUZZ_FAULT: expected a fault of impl/mutants/deep.c\n", stderr);
        exit(2);
    }
}

void mutant_fault_act(const char *word)
{
    fprintf(stderr, "the fault was met: %s\n", word);
    abort();
}

WRAP(void, machine_bytes, (struct machine * m, uint64_t now_ns, struct bytes *in))
{
    mutant_deep_bytes(m, *in);
    __real_machine_bytes(m, now_ns, in);
}

WRAP(bool, machine_next, (struct machine * m, struct machine_action *action))
{
    return mutant_deep_next(m, action, __real_machine_next);
}
