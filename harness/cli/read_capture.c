/* read_capture.c - a capture file for the subcommands that read one. */
#include "harness/capture/capture.h"
#include "harness/capture/scrub.h"
#include "harness/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void tell_unread(const char *program, const char *name, const struct capture_counts *counts)
{
    struct text words = {0};

    capture_tell_unread(counts, &words);
    if (words.len > 0)
        fprintf(stderr, "iperfspec %s: %s: %s\n", program, name, text_string(&words));
    text_fini(&words);
}

/* One to be read, which may be the copy of another; as that was. */
struct file {
    const char *path, *name;
    bool is_broken, is_cut;
};

/* is_broken: it is the copy of a file that goes no further. */
static bool read_all(const char *program, struct source *source, const struct cli_source *from,
                     const struct track_user *user, bool is_broken, bool *was_cut, struct text *why)
{
    struct capture_counts counts;

    if (!source_filter(source, from->filter, why))
        return false;
    struct track *track = track_new(user, from->ports, from->n_ports);
    bool is_good = capture_read(source, track, NULL, &counts, was_cut, why);
    if (is_broken)
        track_break(track, CAPTURE_DAMAGED);
    track_finish(track);
    track_free(track);
    tell_unread(program, source->name, &counts);
    return is_good;
}

static bool read_file(const char *program, const struct file *file, const struct cli_source *from,
                      const struct track_user *user, bool *was_cut, struct text *why)
{
    struct source source;

    if (!source_open_as(&source, file->path, file->name, why))
        return false;
    bool is_good = read_all(program, &source, from, user, file->is_broken, was_cut, why);
    *was_cut = *was_cut || file->is_cut;
    if (*was_cut)
        fprintf(stderr, "iperfspec %s: %s: the last packet is cut short\n", program, file->name);
    source_close(&source);
    return is_good;
}

/* Whether it can be read but once. */
static bool is_pipe(const char *path)
{
    struct stat st;

    return strcmp(path, "-") == 0 ||
           (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

static bool copy_all(FILE *in, FILE *out)
{
    char buf[65536];
    size_t n;

    while ((n = fread(buf, 1, sizeof buf, in)) > 0)
        if (fwrite(buf, 1, n, out) != n)
            return false;
    return !ferror(in) && fflush(out) == 0;
}

bool cli_spool(const char *path, FILE **spool, char *own, size_t cap)
{
    *spool = NULL;
    snprintf(own, cap, "%s", path);
    if (!is_pipe(path))
        return true;
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    *spool = in != NULL ? tmpfile() : NULL;
    bool is_good = *spool != NULL && copy_all(in, *spool);
    if (in != NULL && in != stdin)
        fclose(in);
    if (*spool != NULL)
        snprintf(own, cap, "/proc/self/fd/%d", fileno(*spool));
    return is_good;
}

/* First without what is private, into a file of no name. */
static bool read_scrubbed(const char *program, const char *path, const char *name,
                          const struct cli_source *from, const struct track_user *user,
                          bool *was_cut, struct text *why)
{
    char own[4096], scrubbed[32];
    FILE *spool = NULL, *copy = tmpfile();
    enum scrub_result result = SCRUB_FAILED;

    if (copy != NULL && cli_spool(path, &spool, own, sizeof own))
        result = scrub_file(&(struct scrub_from){own, name, from->ports, from->n_ports}, copy, why);
    else
        text_addf(why, "%s: a temporary file: %s", name, strerror(errno));
    if (result != SCRUB_FAILED) {
        snprintf(scrubbed, sizeof scrubbed, "/proc/self/fd/%d", fileno(copy));
        struct file file = {scrubbed, name, result == SCRUB_DAMAGED, result == SCRUB_CUT};
        if (!read_file(program, &file, from, user, was_cut, why))
            result = SCRUB_FAILED;
    }
    if (spool != NULL)
        fclose(spool);
    if (copy != NULL)
        fclose(copy);
    return result == SCRUB_WHOLE || result == SCRUB_CUT;
}

int cli_read_capture(const char *program, const char *path, const struct cli_source *from,
                     const struct track_user *user, bool *was_cut)
{
    struct file file = {.path = path, .name = strcmp(path, "-") == 0 ? "stdin" : path};
    struct text why = {0};
    bool is_cut = false, is_good;

    if (from->is_scrubbed)
        is_good = read_scrubbed(program, path, file.name, from, user, &is_cut, &why);
    else
        is_good = read_file(program, &file, from, user, &is_cut, &why);
    if (!is_good)
        fprintf(stderr, "iperfspec %s: %s\n", program, text_string(&why));
    text_fini(&why);
    if (was_cut != NULL)
        *was_cut = is_cut;
    return is_good ? CLI_OK : CLI_TROUBLE;
}
