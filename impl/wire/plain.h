/* plain.h - bytes of a JSON string that mean nothing but themselves: ASCII without control
 * characters, quote and backslash. Most are: whoever reads or writes strings passes them quickly.
 */
#pragma once
#include <stdbool.h>

static const bool is_plain[256] = {
    [0x20 ... '"' - 1] = true, ['"' + 1 ... '\\' - 1] = true, ['\\' + 1 ... 0x7f] = true};
