#include "harness/report/bring.h"

#include "harness/report/outfile.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A descriptor at the start of the file, or -1. O_NONBLOCK: what was a file when it was looked at
 * may be a FIFO by now. */
static int open_capture(const char *path, size_t most)
{
    static const char magic[4] = "\x0a\x0d\x0d\x0a";
    struct stat st;
    char head[sizeof magic];

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size > most)
        return -1;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
        memcmp(head, magic, sizeof head) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool bring_capture(const char *from, const char *to, size_t *left)
{
    size_t most = *left < BRING_ONE_MAX ? *left : BRING_ONE_MAX, total = 0;
    int fd = open_capture(from, most);
    struct outfile f;
    char buf[65536];
    ssize_t got;

    unlink(to); /* of an earlier site */
    if (fd < 0)
        return true;
    if (!outfile_begin(&f, to)) {
        close(fd);
        return false;
    }
    /* It may grow while it is read. */
    while (total < most && (got = read(fd, buf, MIN(sizeof buf, most - total))) > 0)
        total += fwrite(buf, 1, (size_t)got, f.out);
    close(fd);
    *left -= total;
    return outfile_end(&f);
}
