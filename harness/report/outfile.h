/* outfile.h - a file that is there whole, or not at all.
 *
 * What is written goes to PATH.part, which takes PATH's place once all of it is on the disk; a
 * disk that is full leaves an older PATH as it was. "-" is the standard output, and what is no
 * regular file (a pipe, a device, a link such as /dev/stdout) is written to as it stands. */
#pragma once
#include "harness/session/text.h"

#include <limits.h>
#include <stdio.h>

struct outfile {
    FILE *out; /* write to it; errors are kept until outfile_end() */
    const char *path;
    char part[PATH_MAX];
};

/* path: borrowed until outfile_end(). False: see errno. */
bool outfile_begin(struct outfile *f, const char *path);
/* Put it in place. False if anything of it could not be written: see errno. */
bool outfile_end(struct outfile *f);

/* Something went wrong: PATH stays as it was. */
void outfile_drop(struct outfile *f);

/* Both for bytes that are there already. */
bool outfile_write(const char *path, const struct text *text);
/* Whether that will work, as far as can be told before; leaves nothing behind. False: see errno. */
bool outfile_can(const char *path);
