/* main.c - picks the fault before main() begins. */
#include "impl/mutants/mutant.h"

#include "impl/wire/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mutant_family *const families[] = {
    &mutant_table, &mutant_key,    &mutant_value, &mutant_said, &mutant_taken, &mutant_effect,
    &mutant_door,  &mutant_course, &mutant_data,  &mutant_flow, &mutant_fault};

static const struct mutant_family *const unlisted = &mutant_deep;

static const char *family_being_listed;

static void print(const char *id, const char *clauses)
{
    printf("%s/%s\t%s\n", family_being_listed, id, clauses);
}

static void list(const struct mutant_family *family)
{
    family_being_listed = family->name;
    family->list(print);
}

static void __attribute__((noreturn)) list_all(void)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        list(families[i]);
    exit(0);
}

static bool take(const struct mutant_family *family, const char *id)
{
    size_t len = strlen(family->name);

    return strncmp(id, family->name, len) == 0 && id[len] == '/' && family->take(id + len + 1);
}

static void __attribute__((constructor)) pick(void)
{
    const char *id = getenv("IPERFREF_MUTANT");

    if (!id)
        return;
    if (strcmp(id, "list") == 0)
        list_all();
    if (strcmp(id, "list deep") == 0) {
        list(unlisted);
        exit(0);
    }
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (take(families[i], id))
            return;
    if (take(unlisted, id))
        return;
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
