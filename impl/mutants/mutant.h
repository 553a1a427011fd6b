/* mutant.h - iperfref with one fault at a time, to measure how many of them the suite notices.
 *
 * The faults stand between the sources of iperfref, not in them: each family takes the place of a
 * few functions with the linker's --wrap and calls the real one. The build is one of its own
 * (VARIANT=mutants); the normal one has nothing of this.
 *
 *   IPERFREF_MUTANT=list iperfref    prints every mutant: its id, a tab, the clauses that it breaks
 *   IPERFREF_MUTANT='list deep' ...  prints those that a fuzzer is to find (deep.c)
 *   IPERFREF_MUTANT=ID iperfref ...  runs with that one fault; an unknown id is exit status 2 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* A line of the list. clauses: ids, divided by blanks. */
typedef void mutant_emit(const char *id, const char *clauses);

/* One kind of fault. list() tells all of them, take() picks the one of that id (the part behind the
 * family's name and a slash) for this process; false if there is none. */
struct mutant_family {
    const char *name;
    void (*list)(mutant_emit *emit);
    bool (*take)(const char *rest);
};

extern const struct mutant_family mutant_table, mutant_key, mutant_value, mutant_said, mutant_taken,
    mutant_effect, mutant_door, mutant_course, mutant_data, mutant_flow, mutant_fault, mutant_deep;

struct machine;
struct bytes;
void mutant_fault_act(const char *word); /* fault.c: "crash", "hang", "spin" or "leak", now */
void mutant_deep_bytes(const struct machine *m, struct bytes bytes); /* deep.c: they came */
/* course.c: whether its control connection is not to be read now. */
bool mutant_course_is_deaf(const struct machine *m);
bool mutant_data_is_omit_over(void); /* data.c: of any stream */
struct params;
void mutant_effect_forget(struct params *p); /* effect.c: a server has taken them */
struct machine_action;
/* deep.c, in front of machine_next(). */
bool mutant_deep_next(struct machine *m, struct machine_action *action,
                      bool (*next)(struct machine *m, struct machine_action *action));

/* A row of a family that is a plain list: its id and clauses; the row's index is what is taken. */
struct mutant_row {
    const char *id, *clauses;
};
#define MUTANT_ROW(name, id, clauses)  {id, clauses},
#define MUTANT_NAME(name, id, clauses) name,
/* A family that is such a list, LIST(X) of X(NAME, id, clauses): defines `fault`, which is NAME
 * while that one is taken and NO_FAULT else, and mutant_FAMILY. */
#define MUTANT_FAMILY(family, LIST)                                                                \
    enum fault { NO_FAULT, LIST(MUTANT_NAME) };                                                    \
    static const struct mutant_row rows[] = {LIST(MUTANT_ROW)};                                    \
    static enum fault fault;                                                                       \
    static void list(mutant_emit *emit)                                                            \
    {                                                                                              \
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)                                  \
            emit(rows[i].id, rows[i].clauses);                                                     \
    }                                                                                              \
    static bool take(const char *rest)                                                             \
    {                                                                                              \
        fault = (enum fault)(mutant_row_find(rows, sizeof rows / sizeof rows[0], rest) + 1);       \
        return fault != NO_FAULT;                                                                  \
    }                                                                                              \
    const struct mutant_family mutant_##family = {#family, list, take}

int mutant_row_find(const struct mutant_row *rows, size_t n, const char *id); /* -1: none */

/* WRAP(int, f, (int a, int b)) declares the real f and begins the one in its place. */
#define WRAP(type, name, arguments)                                                                \
    type __real_##name arguments;                                                                  \
    type __wrap_##name arguments;                                                                  \
    type __wrap_##name arguments
