/* payload.c - see payload.h. */
#include "impl/traffic/payload.h"

#include "impl/wire/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static enum spec_err fill_random(uint8_t *buf, size_t len)
{
    while (len > 0) {
        ssize_t n = getrandom(buf, len, 0);
        if (n < 0 && errno != EINTR)
            return SPEC_E_SYSTEM;
        buf += MAX(n, 0);
        len -= (size_t)MAX(n, 0);
    }
    return SPEC_OK;
}

/* One block, and copies of it. */
static enum spec_err fill(struct payload *p, bool repeating)
{
    enum spec_err err = repeating ? SPEC_OK : fill_random(p->buf, p->block);

    for (size_t i = 0; repeating && i < p->block; i++)
        p->buf[i] = (uint8_t)('0' + i % 10);
    for (size_t at = p->block; err == SPEC_OK && at < p->cap; at += p->block)
        memcpy(p->buf + at, p->buf, p->block);
    return err;
}

static enum spec_err open_file(struct payload *p, const char *path, bool sender)
{
    int flags = sender ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;

    /* Non-blocking, so that a pipe can't hold a worker; it makes no difference to a file. */
    p->file_fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);
    return p->file_fd < 0 ? SPEC_E_SYSTEM : SPEC_OK;
}

/* As large as an unprivileged process may have it; where that is refused the pipe stays as it is.
 */
#define PIPE_LEN (1024 * 1024)

static enum spec_err open_pipe(struct payload *p)
{
    if (pipe2(p->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return SPEC_E_SYSTEM;
    (void)fcntl(p->pipe[1], F_SETPIPE_SZ, PIPE_LEN);
    return SPEC_OK;
}

/* Put the filled blocks where the kernel can take them from. */
static enum spec_err move_to_kernel(struct payload *p)
{
    int fd = memfd_create("payload", MFD_CLOEXEC);

    if (fd < 0)
        return SPEC_E_SYSTEM;
    p->kernel_fd = fd;
    p->is_memory = true;
    for (size_t done = 0; done < p->cap;) {
        ssize_t n = write(fd, p->buf + done, p->cap - done);
        if (n <= 0 && errno != EINTR)
            return SPEC_E_SYSTEM;
        done += (size_t)MAX(n, 0);
    }
    return SPEC_OK;
}

static bool is_regular(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static enum spec_err open_all(struct payload *p, const struct payload_config *config)
{
    enum spec_err err = SPEC_OK;

    if (config->file)
        err = open_file(p, config->file, config->sender);
    if (err == SPEC_OK && p->cap > 0) {
        p->buf = malloc(p->cap);
        err = p->buf ? SPEC_OK : SPEC_E_NOMEM;
    }
    if (err != SPEC_OK || !config->sender)
        return err;
    if (!config->file)
        err = fill(p, config->repeating);
    if (err != SPEC_OK || !config->zerocopy)
        return err;
    if (!config->file)
        err = move_to_kernel(p);
    else if (is_regular(p->file_fd)) /* else it is read and copied */
        p->kernel_fd = p->file_fd;
    return err == SPEC_OK && p->kernel_fd >= 0 ? open_pipe(p) : err;
}

enum spec_err payload_open(struct payload *p, const struct payload_config *config)
{
    enum spec_err err;
    int saved;

    *p = (struct payload){
        .cap = config->len * (config->sender && !config->file ? MAX(config->n_blocks, 1) : 1),
        .block = config->len,
        .file_fd = -1,
        .kernel_fd = -1,
        .pipe = {-1, -1},
    };
    err = open_all(p, config);
    if (err != SPEC_OK) {
        saved = errno;
        payload_close(p);
        errno = saved;
    }
    return err;
}

enum spec_err payload_borrow(struct payload *p, const struct payload *from)
{
    *p = *from;
    p->borrowed = true;
    p->piped = 0;
    p->pipe[0] = p->pipe[1] = -1;
    return p->kernel_fd >= 0 ? open_pipe(p) : SPEC_OK;
}

static void close_own(struct payload *p)
{
    if (p->is_memory)
        close(p->kernel_fd);
    if (p->file_fd >= 0)
        close(p->file_fd);
    free(p->buf);
}

void payload_close(struct payload *p)
{
    if (p->cap == 0 && p->file_fd <= 0)
        return;
    for (int i = 0; i < 2; i++)
        if (p->pipe[i] >= 0)
            close(p->pipe[i]);
    if (!p->borrowed)
        close_own(p);
    *p = (struct payload){
        .file_fd = -1, .kernel_fd = -1, .pipe = {-1, -1}
    };
}

/* The next block lies in the file behind the one before. */
static enum spec_err next_in_place(struct payload *p, size_t *len)
{
    struct stat st;

    if (fstat(p->file_fd, &st) < 0)
        return SPEC_E_SYSTEM;
    p->at += (off_t)p->have;
    p->have = st.st_size > p->at ? (size_t)MIN(st.st_size - p->at, (off_t)p->cap) : 0;
    *len = p->have;
    return SPEC_OK;
}

enum spec_err payload_next(struct payload *p, size_t n, size_t *len)
{
    ssize_t got = 1;

    if (p->file_fd < 0) {
        *len = n * p->block;
        return SPEC_OK;
    }
    if (p->kernel_fd >= 0)
        return next_in_place(p, len);
    while (p->have < p->cap && got != 0) {
        got = read(p->file_fd, p->buf + p->have, p->cap - p->have);
        if (got < 0 && errno != EINTR)
            return SPEC_E_SYSTEM;
        p->have += (size_t)MAX(got, 0);
    }
    *len = p->have;
    p->have = 0;
    return SPEC_OK;
}

/* Take bytes from the file, or round and round from the memory, until the pipe has so many of them
 * or is full. */
static ssize_t fill_pipe(struct payload *p, size_t from, size_t len)
{
    ssize_t n = 1;

    while (p->piped < len && n > 0) {
        off_t offset = (off_t)(from + p->piped);
        loff_t at = p->is_memory ? offset % (off_t)p->cap : p->at + offset;
        n = splice(p->kernel_fd, &at, p->pipe[1], NULL, len - p->piped, SPLICE_F_NONBLOCK);
        p->piped += (size_t)MAX(n, 0);
    }
    return p->piped > 0 ? 1 : n;
}

ssize_t payload_splice(struct payload *p, int socket, size_t from, size_t len)
{
    ssize_t n = p->piped > 0 ? 1 : fill_pipe(p, from, len);

    if (n <= 0)
        return n;
    n = splice(p->pipe[0], NULL, socket, NULL, p->piped, SPLICE_F_NONBLOCK);
    p->piped -= (size_t)MAX(n, 0);
    return n;
}

ssize_t payload_store(struct payload *p, size_t from, size_t len)
{
    return write(p->file_fd, p->buf + from, len);
}
