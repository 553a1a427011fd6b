/* read_capture.c - a capture file for the subcommands that read one. */
#include "harness/capture/capture.h"
#include "harness/capture/scrub.h"
#include "harness/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void tell_unread(const char *program, const char *name, const struct capture_counts *counts)
{
    struct text words = {0};

    capture_tell_unread(counts, &words);
    if (words.len > 0)
        fprintf(stderr, "iperfspec %s: %s: %s\n", program, name, text_string(&words));
    text_fini(&words);
}

static bool read_all(const char *program, struct source *source, const struct cli_source *from,
                     const struct track_user *user, bool *was_cut, struct text *why)
{
    struct capture_counts counts;

    if (!source_filter(source, from->filter, why))
        return false;
    struct track *track = track_new(user, from->ports, from->n_ports);
    bool is_good = capture_read(source, track, NULL, &counts, was_cut, why);
    track_finish(track);
    track_free(track);
    tell_unread(program, source->name, &counts);
    return is_good;
}

static bool read_file(const char *program, const char *path, const char *name,
                      const struct cli_source *from, const struct track_user *user, bool *was_cut,
                      struct text *why)
{
    struct source source;

    if (!source_open(&source, path, why))
        return false;
    source.name = name;
    bool is_good = read_all(program, &source, from, user, was_cut, why);
    if (*was_cut)
        fprintf(stderr, "iperfspec %s: %s: the last packet is cut short\n", program, name);
    source_close(&source);
    return is_good;
}

bool cli_spool(const char *path, FILE **spool, char *own, size_t cap)
{
    char buf[65536];
    size_t n;

    *spool = NULL;
    snprintf(own, cap, "%s", path);
    if (strcmp(path, "-") != 0)
        return true;
    *spool = tmpfile();
    if (*spool == NULL)
        return false;
    while ((n = fread(buf, 1, sizeof buf, stdin)) > 0)
        if (fwrite(buf, 1, n, *spool) != n)
            return false;
    snprintf(own, cap, "/proc/self/fd/%d", fileno(*spool));
    return fflush(*spool) == 0;
}

/* First without what is private, into a file of no name. */
static bool read_scrubbed(const char *program, const char *path, const struct cli_source *from,
                          const struct track_user *user, bool *was_cut, struct text *why)
{
    char own[4096], scrubbed[32];
    FILE *spool, *file = tmpfile();
    bool is_good = cli_spool(path, &spool, own, sizeof own) && file != NULL;

    if (!is_good)
        text_addf(why, "a temporary file: %s", strerror(errno));
    is_good = is_good && scrub_file(own, from->ports, from->n_ports, file, why);
    if (is_good) {
        snprintf(scrubbed, sizeof scrubbed, "/proc/self/fd/%d", fileno(file));
        is_good = read_file(program, scrubbed, path, from, user, was_cut, why);
    }
    if (spool != NULL)
        fclose(spool);
    if (file != NULL)
        fclose(file);
    return is_good;
}

int cli_read_capture(const char *program, const char *path, const struct cli_source *from,
                     const struct track_user *user, bool *was_cut)
{
    struct text why = {0};
    bool is_cut = false, is_good;

    if (from->is_scrubbed)
        is_good = read_scrubbed(program, path, from, user, &is_cut, &why);
    else
        is_good = read_file(program, path, strcmp(path, "-") == 0 ? "stdin" : path, from, user,
                            &is_cut, &why);
    if (!is_good)
        fprintf(stderr, "iperfspec %s: %s\n", program, text_string(&why));
    text_fini(&why);
    if (was_cut != NULL)
        *was_cut = is_cut;
    return is_good ? CLI_OK : CLI_TROUBLE;
}
