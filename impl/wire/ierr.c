#include "impl/wire/ierr.h"

#include "impl/wire/bytes.h"

#include <string.h>

static const struct row {
    int number;
    const char *name, *text;
} rows[] = {
#define X(number, name, since, text) {(number), #name, text},
#include "impl/wire/ierr.def"
#undef X
};

static const struct row *find(int number)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].number == number)
            return &rows[i];
    return NULL;
}

const char *ierr_name(int number)
{
    const struct row *row = find(number);

    return row != NULL ? row->name : NULL;
}

const char *ierr_text(int number)
{
    const struct row *row = find(number);

    return row != NULL ? row->text : "unknown error";
}

int ierr_from_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].number;
    return -1;
}
