#include "harness/report/sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_DIGITS 8

static bool is_ours(const char *name, const char *ending)
{
    const char *dot = strchr(name, '.');

    return dot && strspn(dot + 1, "0123456789abcdef") == HASH_DIGITS &&
           dot[1 + HASH_DIGITS] == '.' && strlen(dot) >= strlen(ending) &&
           strcmp(dot + strlen(dot) - strlen(ending), ending) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void sweep_folder(const char *dir, const char *ending, char **kept, size_t n)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    if (n > 0)
        qsort(kept, n, sizeof *kept, by_name);
    while (d && (entry = readdir(d))) {
        const char *name = entry->d_name;
        if (is_ours(name, ending) && !(n && bsearch(&name, kept, n, sizeof *kept, by_name)))
            unlinkat(dirfd(d), name, 0);
    }
    if (d)
        closedir(d);
}
