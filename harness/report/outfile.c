/* outfile.c - a file that is there whole, or not at all. */
#include "harness/report/outfile.h"

#include <errno.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_regular_or_new(const char *path)
{
    struct stat st;

    return lstat(path, &st) != 0 || S_ISREG(st.st_mode);
}

bool outfile_begin(struct outfile *f, const char *path)
{
    *f = (struct outfile){.path = path};
    if (strcmp(path, "-") == 0)
        f->out = stdout;
    else if (!is_regular_or_new(path))
        f->out = fopen(path, "we");
    else if (snprintf(f->part, sizeof f->part, "%s.part", path) >= (int)sizeof f->part)
        errno = ENAMETOOLONG;
    else
        f->out = fopen(f->part, "we");
    if (f->out)
        errno = 0; /* what it is in outfile_end() is of a write */
    return f->out != NULL;
}

bool outfile_end(struct outfile *f)
{
    int error = 0;

    if (fflush(f->out) != 0 || ferror(f->out))
        error = errno ? errno : EIO;
    if (f->out != stdout && fclose(f->out) != 0 && error == 0)
        error = errno;
    if (f->out == stdout && error != 0) { /* the caller tells, and nobody once more at the end */
        __fpurge(stdout);
        clearerr(stdout);
    }
    f->out = NULL;
    if (f->part[0] != '\0' && error == 0 && rename(f->part, f->path) != 0)
        error = errno;
    if (f->part[0] != '\0' && error != 0)
        unlink(f->part);
    errno = error;
    return error == 0;
}

void outfile_drop(struct outfile *f)
{
    if (f->out != stdout)
        fclose(f->out);
    if (f->part[0] != '\0')
        unlink(f->part);
}

bool outfile_write(const char *path, const struct text *text)
{
    struct outfile f;

    if (!outfile_begin(&f, path))
        return false;
    fwrite(text_string(text), 1, text->len, f.out);
    return outfile_end(&f);
}

bool outfile_can(const char *path)
{
    struct outfile f;

    if (strcmp(path, "-") == 0 || !is_regular_or_new(path))
        return true;
    if (!outfile_begin(&f, path))
        return false;
    outfile_drop(&f);
    return true;
}
