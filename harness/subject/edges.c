#include "harness/subject/edges.h"

#include "harness/session/text.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTION      "__sancov_cntrs"
#define SECTIONS_MAX 4096
#define NAMES_MAX    (1 << 16)

/* --- where a file has its counters ----------------------------------------------------------- */

struct section {
    uint64_t address, len; /* len 0: there is none */
    bool is_fixed;         /* address is where it lies in memory; else from the file's first byte */
};

static bool read_at(int fd, uint64_t at, void *to, size_t len)
{
    return at <= INT64_MAX && pread(fd, to, len, (off_t)at) == (ssize_t)len;
}

static bool is_counters(const char *names, size_t len, const Elf64_Shdr *section)
{
    return section->sh_name + sizeof SECTION <= len &&
           memcmp(names + section->sh_name, SECTION, sizeof SECTION) == 0;
}

static void find_section(int fd, const Elf64_Ehdr *head, struct section *found)
{
    size_t n = head->e_shnum, len = n * sizeof(Elf64_Shdr);
    Elf64_Shdr *sections = text_realloc(NULL, len);
    char *names = NULL;

    if (read_at(fd, head->e_shoff, sections, len) && head->e_shstrndx < n) {
        const Elf64_Shdr *strings = &sections[head->e_shstrndx];
        size_t names_len = strings->sh_size;
        names = text_realloc(NULL, names_len <= NAMES_MAX ? names_len + 1 : 1);
        bool ok = names_len <= NAMES_MAX && read_at(fd, strings->sh_offset, names, names_len);
        for (size_t i = 0; ok && i < n; i++)
            if (is_counters(names, names_len, &sections[i])) {
                found->address = sections[i].sh_addr;
                found->len = sections[i].sh_size;
            }
    }
    free(names);
    free(sections);
}

static struct section section_of(const char *path)
{
    struct section found = {.len = 0};
    Elf64_Ehdr head;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return found;
    if (read_at(fd, 0, &head, sizeof head) && memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
        head.e_ident[EI_CLASS] == ELFCLASS64 && head.e_shentsize == sizeof(Elf64_Shdr) &&
        head.e_shnum > 0 && head.e_shnum <= SECTIONS_MAX) {
        found.is_fixed = head.e_type == ET_EXEC;
        find_section(fd, &head, &found);
    }
    close(fd);
    return found;
}

/* --- where they are in the process ----------------------------------------------------------- */

static void add_file(struct edges *e, const char *path, uintptr_t start)
{
    char seen_by_it[1200];

    snprintf(seen_by_it, sizeof seen_by_it, "/proc/%d/root%s", (int)e->pid, path);
    struct section s = section_of(seen_by_it);
    if (s.len == 0 || s.len > EDGES_MAX - e->n || e->n_parts == EDGES_FILES_MAX)
        return;
    e->parts[e->n_parts].at = (s.is_fixed ? 0 : start) + (uintptr_t)s.address;
    e->parts[e->n_parts++].n = (size_t)s.len;
    e->n += (size_t)s.len;
}

/* Each file is looked at where its first byte is mapped. */
static void find_parts(struct edges *e)
{
    char name[64], path[1100], line[1300];
    uintptr_t start;
    uint64_t offset;

    snprintf(name, sizeof name, "/proc/%d/maps", (int)e->pid);
    FILE *maps = fopen(name, "re");
    while (maps && fgets(line, sizeof line, maps))
        if (sscanf(line, "%" SCNxPTR "-%*x %*s %" SCNx64 " %*s %*u /%1090[^\n]", &start, &offset,
                   path + 1) == 3 &&
            offset == 0) {
            path[0] = '/';
            add_file(e, path, start);
        }
    if (maps)
        fclose(maps);
}

static bool read_memory(const struct edges *e, uint8_t *to)
{
    for (size_t i = 0; i < e->n_parts; i++) {
        struct iovec ours = {.iov_base = to, .iov_len = e->parts[i].n};
        struct iovec its = {.iov_base = (void *)e->parts[i].at, .iov_len = e->parts[i].n};
        if (process_vm_readv(e->pid, &ours, 1, &its, 1, 0) != (ssize_t)e->parts[i].n)
            return false;
        to += e->parts[i].n;
    }
    return true;
}

bool edges_open(struct edges *e, pid_t pid)
{
    *e = (struct edges){.pid = pid};
    find_parts(e);
    e->last = text_realloc(NULL, e->n + 1);
    e->next = text_realloc(NULL, e->n + 1);
    memset(e->last, 0, e->n + 1);
    if (!read_memory(e, e->next))
        e->n = 0;
    return e->n > 0;
}

void edges_close(struct edges *e)
{
    free(e->last);
    free(e->next);
    *e = (struct edges){.pid = 0};
}

/* --- looks ----------------------------------------------------------------------------------- */

static unsigned bucket_of(uint8_t times)
{
    static const uint8_t floors[] = {1, 2, 3, 4, 8, 16, 32, 128};
    unsigned bucket = 0;

    while (bucket + 1 < sizeof floors && times >= floors[bucket + 1])
        bucket++;
    return bucket;
}

bool edges_look(struct edges *e, void (*taken)(void *context, size_t edge, unsigned bucket),
                void *context)
{
    if (e->n == 0 || !read_memory(e, e->next))
        return false;
    for (size_t i = 0; i < e->n; i++) {
        uint8_t times = (uint8_t)(e->next[i] - e->last[i]);
        if (times > 0)
            taken(context, i, bucket_of(times));
    }
    uint8_t *last = e->last;
    e->last = e->next;
    e->next = last;
    return true;
}
