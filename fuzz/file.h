/* file.h - an input as a file, for what reads files: in memory, and with a path. */
#pragma once
#include "impl/wire/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Zero it to start; it stays for all runs. */
struct fuzz_file {
    int fd;
    char path[32];
};

static inline void fuzz_file_fill(struct fuzz_file *file, struct bytes bytes)
{
    if (file->fd == 0) {
        file->fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
    }
    if (ftruncate(file->fd, 0) != 0 ||
        pwrite(file->fd, bytes.at, bytes.len, 0) != (ssize_t)bytes.len)
        abort();
}
