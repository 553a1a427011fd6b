/* read_capture.c - a capture file for the subcommands that read one. */
#include "harness/capture/capture.h"
#include "harness/cli/cli.h"

#include <stdio.h>

static bool read_all(struct source *source, const struct cli_ports *ports,
                     const struct track_user *user, bool *was_cut, struct text *why)
{
    struct capture_counts counts;
    struct track *track = track_new(user, ports->at, ports->n);
    bool is_good = capture_read(source, track, NULL, &counts, was_cut, why);

    track_finish(track);
    track_free(track);
    return is_good;
}

int cli_read_capture(const char *program, const char *path, const struct cli_ports *ports,
                     const struct track_user *user, bool *was_cut)
{
    struct source source;
    struct text why = {0};
    bool is_cut = false;

    bool is_good = source_open(&source, path, &why);
    if (is_good) {
        is_good = read_all(&source, ports, user, &is_cut, &why);
        if (is_cut)
            fprintf(stderr, "iperfspec %s: %s: the last packet is cut short\n", program,
                    source.name);
        source_close(&source);
    }
    if (!is_good)
        fprintf(stderr, "iperfspec %s: %s\n", program, text_string(&why));
    text_fini(&why);
    if (was_cut != NULL)
        *was_cut = is_cut;
    return is_good ? CLI_OK : CLI_TROUBLE;
}
