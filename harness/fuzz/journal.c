#include "harness/fuzz/journal.h"

#include "harness/session/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define JOURNALS_MAX 1024
#define LINE_LEN     256

static FILE *open_file(const char *dir, unsigned number, const char *mode)
{
    char path[1200];

    snprintf(path, sizeof path, "%s/journal-%u", dir, number);
    return fopen(path, mode);
}

bool journal_claim(const char *dir)
{
    char path[1200];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    snprintf(path, sizeof path, "%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    bool ok =
        fd >= 0 && fcntl(fd, F_SETLK, &whole) == 0; /* ends with this process, not its children */
    if (fd >= 0 && !ok) {
        int why = errno;
        close(fd);
        errno = why;
    }
    return ok;
}

/* Tabs stand between what may hold blanks: names of a user's files. */
static bool read_recipe(const char *line, struct recipe *r)
{
    return sscanf(line, "%" SCNu64 "\t%" SCNx64 "\t%63[^\t\n]\t%63[^\t\n]", &r->run, &r->seed,
                  r->base, r->other) == 4;
}

bool journal_open(struct journal *j, const char *dir, unsigned number)
{
    j->file = open_file(dir, number, "a+e");
    if (!j->file)
        return false;
    bool is_cut = fseek(j->file, -1, SEEK_END) == 0 && fgetc(j->file) != '\n';
    fseek(j->file, 0, SEEK_END);
    if (is_cut) /* by a full disk, or an end in the middle */
        fputc('\n', j->file);
    return true;
}

void journal_close(struct journal *j)
{
    if (j->file)
        fclose(j->file);
    j->file = NULL;
}

bool journal_play(struct journal *j, const struct recipe *r)
{
    fprintf(j->file, "%" PRIu64 "\t%" PRIx64 "\t%s\t%s\n", r->run, r->seed, r->base, r->other);
    return fflush(j->file) == 0;
}

void journal_suspect(struct journal *j, uint64_t run, const char *cause)
{
    fprintf(j->file, "? %" PRIu64 " %s\n", run, cause);
    fflush(j->file);
}

void journal_settle(struct journal *j, uint64_t run)
{
    fprintf(j->file, "= %" PRIu64 "\n", run);
    fflush(j->file);
}

void journal_owe(struct journal *j, uint64_t run, const char *cause)
{
    fprintf(j->file, "> %" PRIu64 " %s\n", run, cause);
    fflush(j->file);
}

void journal_pay(struct journal *j, uint64_t run)
{
    fprintf(j->file, "< %" PRIu64 "\n", run);
    fflush(j->file);
}

unsigned journal_count(const char *dir, uint64_t *next)
{
    char line[LINE_LEN];
    unsigned n = 0;
    struct recipe r;

    *next = 0;
    for (FILE *f; n < JOURNALS_MAX && (f = open_file(dir, n, "re")); n++) {
        while (fgets(line, sizeof line, f))
            if (read_recipe(line, &r) && r.run >= *next)
                *next = r.run + 1;
        fclose(f);
    }
    return n;
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

bool journal_open_question(const char *dir, unsigned number, struct debt *question)
{
    char line[LINE_LEN];
    bool is_open = false;
    struct debt debt;
    FILE *f = open_file(dir, number, "re");

    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "? %" SCNu64 " %31s", &debt.run, debt.cause) == 2) {
            is_open = true;
            *question = debt;
        } else if (sscanf(line, "= %" SCNu64, &debt.run) == 1) {
            is_open = false;
        }
    }
    if (f)
        fclose(f);
    return is_open;
}

static void add_debt(struct debt **debts, size_t *n, const struct debt *debt)
{
    *debts = text_realloc(*debts, (*n + 1) * sizeof **debts);
    (*debts)[(*n)++] = *debt;
}

static void forget_debt(struct debt *debts, size_t *n, uint64_t run)
{
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++)
        if (debts[i].run != run)
            debts[kept++] = debts[i];
    *n = kept;
}

/* One journal's line may pay what stands in another: a later run may have other workers. */
size_t journal_debts(const char *dir, struct debt **out)
{
    char line[LINE_LEN];
    struct debt debt;
    size_t n = 0;

    *out = NULL;
    for (unsigned pays = 0; pays < 2; pays++) {
        FILE *f;
        for (unsigned i = 0; i < JOURNALS_MAX && (f = open_file(dir, i, "re")); i++) {
            while (fgets(line, sizeof line, f))
                if (pays && sscanf(line, "< %" SCNu64, &debt.run) == 1)
                    forget_debt(*out, &n, debt.run);
                else if (!pays && sscanf(line, "> %" SCNu64 " %31s", &debt.run, debt.cause) == 2)
                    add_debt(out, &n, &debt);
            fclose(f);
        }
    }
    return n;
}
