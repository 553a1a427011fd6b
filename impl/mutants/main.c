/* main.c - picks the fault before main() begins. */
#include "impl/mutants/mutant.h"

#include "impl/wire/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mutant_family *const families[] = {&mutant_table, &mutant_key,  &mutant_value,
                                                       &mutant_data,  &mutant_flow, &mutant_fault};

static const char *family_being_listed;

static void print(const char *id, const char *clauses)
{
    printf("%s/%s\t%s\n", family_being_listed, id, clauses);
}

static void __attribute__((noreturn)) list(void)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        family_being_listed = families[i]->name;
        families[i]->list(print);
    }
    exit(0);
}

static void __attribute__((constructor)) pick(void)
{
    const char *id = getenv("IPERFREF_MUTANT");

    if (!id)
        return;
    if (strcmp(id, "list") == 0)
        list();
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        size_t len = strlen(families[i]->name);
        if (strncmp(id, families[i]->name, len) == 0 && id[len] == '/' &&
            families[i]->take(id + len + 1))
            return;
    }
    fprintf(stderr, "iperfref: no mutant '%s'\n", id);
    exit(2);
}

int mutant_row_find(const struct mutant_row *rows, size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].id, id) == 0)
            return (int)i;
    return -1;
}
