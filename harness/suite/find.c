#include "harness/suite/suite.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name), tail = strlen(suffix);

    return len > tail && strcmp(name + len - tail, suffix) == 0;
}

/* The path as seen from here, if it leads down: reports name it, and whoever reads them looks for
 * it in a checkout. */
static const char *below_here(const char *path)
{
    static char here[PATH_MAX];
    size_t len = getcwd(here, sizeof here) ? strlen(here) : 0;

    if (len > 1 && strncmp(path, here, len) == 0 && path[len] == '/')
        path += len + 1;
    while (strncmp(path, "./", 2) == 0)
        path += 2 + strspn(path + 2, "/");
    return path;
}

static bool read_one(struct script_list *list, const char *path, struct text *why)
{
    struct script_error error;

    if (script_read_file(list, path, &error))
        return true;
    script_error_format(&error, why);
    return false;
}

static void say(void *context, const struct script_error *problem)
{
    script_error_format(problem, context);
}

/* Where FTS_XDEV does not go. */
static bool is_elsewhere(const FTSENT *entry)
{
    return entry->fts_level > 0 && entry->fts_statp->st_dev != entry->fts_parent->fts_statp->st_dev;
}

static unsigned find_below(struct script_list *list, const char *path, struct text *why)
{
    char *paths[] = {(char *)(uintptr_t)path, NULL};
    /* The links of /proc and /sys lead everywhere, over and over. */
    FTS *fts = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR | FTS_XDEV, by_name);
    FTSENT *entry;
    size_t before = list->n;
    unsigned wrong = 0;

    while (fts && (entry = fts_read(fts))) {
        if (entry->fts_info == FTS_D && strcmp(entry->fts_name, "lib") == 0) {
            fts_set(fts, entry, FTS_SKIP);
        } else if (entry->fts_info == FTS_D && is_elsewhere(entry)) {
            text_addf(why, "%s: on another file system than %s, and so not searched: name it too\n",
                      entry->fts_path, path);
            wrong++;
        } else if (entry->fts_info == FTS_F &&
                   (entry->fts_level == 0 || has_suffix(entry->fts_name, ".peer"))) {
            wrong += !read_one(list, below_here(entry->fts_path), why);
        } else if (entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR ||
                   entry->fts_info == FTS_ERR) {
            text_addf(why, "%s: %s\n", entry->fts_path, strerror(entry->fts_errno));
            wrong++;
        }
    }
    if (fts)
        fts_close(fts);
    if (wrong == 0 && list->n == before) {
        text_addf(why, "%s: no cases there\n", path);
        wrong++;
    }
    return wrong;
}

unsigned suite_find(struct script_list *list, const char *const paths[], size_t n, struct text *why)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < n; i++)
        wrong += find_below(list, paths[i], why);
    return wrong + script_check_ids(list, say, why);
}

bool suite_default_cases(char *out, size_t cap)
{
    /* From build, build/VARIANT or build/tests, build/VARIANT/tests, PREFIX/bin. */
    static const char *const places[] = {"/../harness/cases", "/../../harness/cases",
                                         "/../../../harness/cases", "/../share/iperfspec/cases"};
    char self[1024];
    struct stat st;
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    self[MAX(len, 0)] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char place[1200], real[PATH_MAX];
        snprintf(place, sizeof place, "%s%s", self, places[i]);
        if (!realpath(place, real) || stat(real, &st) != 0 || !S_ISDIR(st.st_mode))
            continue;
        snprintf(out, cap, "%s", below_here(real));
        return true;
    }
    return false;
}
