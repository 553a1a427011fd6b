/* rows.h - reads the recorded vectors of impl/tests/vectors: a row a line, columns between TABs. */
#pragma once
#include "impl/tests/unit.h"

#define ROWS_MAX_COLUMNS 4

/* Call take with the columns of each row whose first column is kind ("" takes all rows),
 * NUL-terminated; those that a row lacks are "". Fails the test if the file can't be read; returns
 * the number of calls. Tests run in the root of the tree. */
static inline unsigned rows_each(const char *path, const char *kind,
                                 void (*take)(char *const column[ROWS_MAX_COLUMNS]))
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    unsigned n = 0;

    if (file == NULL)
        fail_msg("%s: cannot be read", path);
    while (getline(&line, &cap, file) > 0) {
        char *column[ROWS_MAX_COLUMNS], *rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < ROWS_MAX_COLUMNS; i++) {
            char *next = strsep(&rest, "\t");
            column[i] = next != NULL ? next : line + strlen(line);
        }
        if (kind[0] != '\0' && strcmp(column[0], kind) != 0)
            continue;
        take(column);
        n++;
    }
    free(line);
    fclose(file);
    return n;
}
