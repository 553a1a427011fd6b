/* payload.h - where a sender's bytes come from and a receiver's bytes go.
 *
 * Random bytes filled once, the digit pattern, or a file (DATA-2). With zero copy the kernel takes
 * the bytes from a descriptor: the file itself, or memory filled in the same way (DATA-3). They go
 * through a pipe, which holds pages, not bytes: sendfile() does the same with a pipe of the
 * kernel's own, of 16 pages, and pushes each pipeful out by itself. A
 * descriptor that is not ready (a pipe given as file) is reported as EAGAIN. */
#pragma once
#include "impl/wire/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct payload {
    uint8_t *buf; /* cap bytes; NULL where there are none, or the kernel has them */
    size_t cap;
    size_t block;   /* sender: bytes of a block */
    size_t have;    /* sender with file: bytes of the next block so far */
    int file_fd;    /* -1: none */
    int kernel_fd;  /* zero copy: sent from here; -1: from buf */
    off_t at;       /* zero copy: where in kernel_fd the block begins */
    int pipe[2];    /* zero copy: from kernel_fd to the socket; else -1 */
    size_t piped;   /* bytes in it */
    bool is_memory; /* kernel_fd is no file of the user's: it begins anew at its end */
    bool borrowed;  /* buf and kernel_fd are another's */
};

struct payload_config {
    bool sender;
    size_t len;       /* sender: of a block; receiver: of a read, 0 if it needs no buffer */
    size_t n_blocks;  /* sender without file: blocks that lie behind each other; 0 is 1 */
    bool repeating;   /* DATA-2 */
    bool zerocopy;    /* sender */
    const char *file; /* or NULL */
};

/* SPEC_OK, SPEC_E_NOMEM, SPEC_E_SYSTEM (errno: the file, random bytes, memory descriptor). After a
 * failure payload_close() is not needed. */
enum spec_err payload_open(struct payload *p, const struct payload_config *config);

/* The same bytes, for a sender without a file on the same thread: from must outlive it. SPEC_OK or
 * SPEC_E_SYSTEM (errno: pipe). */
enum spec_err payload_borrow(struct payload *p, const struct payload *from);

/* Does nothing on a payload that is zeroed or was closed. */
void payload_close(struct payload *p);

/* Make the next n blocks ready, at most n_blocks (of a file one; of memory with zero copy any
 * number): their length is *len, 0 at the end of the file (a file's last block may be short).
 * SPEC_OK, or SPEC_E_SYSTEM (errno; on EAGAIN wait for file_fd and call again). */
enum spec_err payload_next(struct payload *p, size_t n, size_t *len);

/* Zero copy: send bytes of what is ready, from an offset, to a socket. Returns like sendfile(2):
 * less than len may go, 0 is the end of the file. What it took from the file and the socket did not
 * take is the first of the next call. */
ssize_t payload_splice(struct payload *p, int socket, size_t from, size_t len);

/* Write what a receiver read. Returns like write(2). */
ssize_t payload_store(struct payload *p, size_t from, size_t len);
