/* reach.c - which lines of iperfref each case reaches, so that a fault in a line is tried with the
 * cases that come by (scripts/mutants).
 *
 * In VARIANT=reach the compiler calls us in every basic block. A bit for each byte of the program's
 * text, in the file $IPERFREF_REACH/CASE, the slashes of the case's id being bars: it is there
 * however the process ends, and the processes of a case share it. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern const char __executable_start, etext; /* the linker's */
void __sanitizer_cov_trace_pc(void);

static _Atomic(atomic_uchar *) reached;

static size_t text_len(void)
{
    return (size_t)((uintptr_t)&etext - (uintptr_t)&__executable_start);
}

static void __attribute__((constructor)) open_map(void)
{
    const char *dir = getenv("IPERFREF_REACH"), *which = getenv("IPERFSPEC_CASE");
    size_t len = text_len() / 8 + 1;
    char path[1024];

    if (!dir || !which || !*which)
        return;
    size_t at = (size_t)snprintf(path, sizeof path, "%s/", dir);
    snprintf(path + at, sizeof path - at, "%s", which);
    for (char *c = path + at; *c; c++)
        if (*c == '/')
            *c = '|';
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    void *map = ftruncate(fd, (off_t)len) == 0
                    ? mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                    : MAP_FAILED;
    close(fd);
    if (map != MAP_FAILED)
        atomic_store(&reached, map);
}

void __sanitizer_cov_trace_pc(void)
{
    uintptr_t at = (uintptr_t)__builtin_return_address(0) - (uintptr_t)&__executable_start;
    atomic_uchar *map = atomic_load_explicit(&reached, memory_order_relaxed);

    if (map && at < text_len())
        atomic_fetch_or_explicit(&map[at / 8], (unsigned char)(1u << at % 8), memory_order_relaxed);
}
