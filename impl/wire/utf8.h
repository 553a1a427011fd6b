/* utf8.h - the length of one UTF-8 sequence (RFC 3629), shared by those who read and write JSON. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Length in bytes, 1 to 4, of the character at at; 0 if the bytes before end are not UTF-8: cut
 * short, overlong, a surrogate, or above U+10FFFF. at < end. */
static inline size_t utf8_length(const uint8_t *at, const uint8_t *end)
{
    uint8_t lead = at[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    if (lead > 0xf4 || (size_t)(end - at) < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* The second byte is where overlong forms, surrogates and the end of Unicode show. */
    if ((lead == 0xe0 && at[1] < 0xa0) || (lead == 0xed && at[1] > 0x9f) ||
        (lead == 0xf0 && at[1] < 0x90) || (lead == 0xf4 && at[1] > 0x8f))
        return 0;
    return len;
}
