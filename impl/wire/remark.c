#include "impl/wire/remark.h"

#include "impl/wire/bytes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool is_printable(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7f;
}

/* Whether len bytes fit into room characters once escaped; looks at no more than it must. */
static bool fits(const uint8_t *bytes, size_t len, size_t room)
{
    size_t total = 0;

    for (size_t i = 0; i < len && total <= room; i++)
        total += is_printable(bytes[i]) ? 1 : 4;
    return total <= room;
}

char *remark_escape(char *out, size_t cap, const void *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *at = bytes;
    size_t used = 0;

    if (cap == 0)
        return out;

    size_t room = cap - 1;
    size_t dots = fits(at, len, room) ? 0 : MIN(room, 3);
    for (size_t i = 0; i < len; i++) {
        bool plain = is_printable(at[i]);
        if (used + (plain ? 1 : 4) > room - dots)
            break;
        if (plain)
            out[used++] = (char)at[i];
        else {
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = hex[at[i] >> 4];
            out[used++] = hex[at[i] & 15];
        }
    }
    memset(out + used, '.', dots);
    out[used + dots] = '\0';
    return out;
}

void remark_add(const struct remarks *to, const char *clause, const char *key, const char *expected,
                const char *found_format, ...)
{
    struct remark remark = {.clause = clause, .offset = (size_t)-1};
    char found[512]; /* more than fits once escaped, so that a cut shows */
    va_list args;

    if (to == NULL)
        return;
    va_start(args, found_format);
    if (vsnprintf(found, sizeof found, found_format, args) < 0)
        found[0] = '\0';
    va_end(args);
    /* Keys and found values can hold a peer's bytes. What a caller escaped already stays as it is.
     */
    remark_escape(remark.key, sizeof remark.key, key, strlen(key));
    remark_escape(remark.expected, sizeof remark.expected, expected, strlen(expected));
    remark_escape(remark.found, sizeof remark.found, found, strlen(found));
    to->take(to->context, &remark);
}
