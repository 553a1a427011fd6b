#include "harness/fuzz/journal.h"

#include <inttypes.h>
#include <string.h>

#define JOURNALS_MAX 1024
#define LINE_LEN     256

static FILE *open_file(const char *dir, unsigned number, const char *mode)
{
    char path[1200];

    snprintf(path, sizeof path, "%s/journal-%u", dir, number);
    return fopen(path, mode);
}

static bool read_recipe(const char *line, struct recipe *r)
{
    return sscanf(line, "%" SCNu64 " %" SCNx64 " %63s %63s", &r->run, &r->seed, r->base,
                  r->other) == 4;
}

bool journal_open(struct journal *j, const char *dir, unsigned number)
{
    char line[LINE_LEN];
    struct recipe r;
    FILE *old = open_file(dir, number, "re");

    *j = (struct journal){.next = 0};
    while (old && fgets(line, sizeof line, old))
        if (read_recipe(line, &r) && r.run >= j->next)
            j->next = r.run + 1;
    if (old)
        fclose(old);
    j->file = open_file(dir, number, "ae");
    return j->file != NULL;
}

void journal_close(struct journal *j)
{
    if (j->file)
        fclose(j->file);
    j->file = NULL;
}

void journal_play(struct journal *j, const struct recipe *r)
{
    fprintf(j->file, "%" PRIu64 " %" PRIx64 " %s %s\n", r->run, r->seed, r->base, r->other);
    fflush(j->file);
    j->next = r->run + 1;
}

void journal_suspect(struct journal *j, uint64_t run)
{
    fprintf(j->file, "? %" PRIu64 "\n", run);
    fflush(j->file);
}

void journal_settle(struct journal *j, uint64_t run)
{
    fprintf(j->file, "= %" PRIu64 "\n", run);
    fflush(j->file);
}

bool journal_find(const char *dir, uint64_t run, struct recipe *r)
{
    char line[LINE_LEN];
    bool found = false;

    for (unsigned i = 0; i < JOURNALS_MAX && !found; i++) {
        FILE *f = open_file(dir, i, "re");
        if (!f)
            break;
        while (!found && fgets(line, sizeof line, f))
            found = read_recipe(line, r) && r->run == run;
        fclose(f);
    }
    return found;
}

bool journal_open_question(const char *dir, unsigned number, uint64_t *run)
{
    char line[LINE_LEN];
    bool is_open = false;
    uint64_t which;
    FILE *f = open_file(dir, number, "re");

    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "? %" SCNu64, &which) == 1) {
            is_open = true;
            *run = which;
        } else if (sscanf(line, "= %" SCNu64, &which) == 1) {
            is_open = false;
        }
    }
    if (f)
        fclose(f);
    return is_open;
}
