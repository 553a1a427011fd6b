/* remark.h - notes about a peer's message, for a judge: where, which clause, expected, found.
 *
 * The code that reads a message tolerates what stock tolerates and goes on; whoever judges passes a
 * struct remarks and gets told what it let pass. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct remark {
    const char *clause; /* "JSON-12"; static */
    char key[64];       /* member, "streams[1].bytes", or ""; cut if longer */
    char expected[96];
    char found[96]; /* printable ASCII; other bytes of the peer's are escaped */
    size_t offset;  /* byte offset in the text, or (size_t)-1 where none is known */
};

/* Takes each remark as it is made; the remark is borrowed for the call. */
struct remarks {
    void (*take)(void *context, const struct remark *remark);
    void *context;
};

/* Make a remark: formats found from a printf format. Does nothing if to is NULL. */
void remark_add(const struct remarks *to, const char *clause, const char *key, const char *expected,
                const char *found_format, ...) __attribute__((format(printf, 5, 6)));

/* Escape len bytes of a peer's into out (cap bytes, NUL-terminated, cut with "..." if too long):
 * printable ASCII stays, all else becomes \xNN. Returns out. */
char *remark_escape(char *out, size_t cap, const void *bytes, size_t len);
