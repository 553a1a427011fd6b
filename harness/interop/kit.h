/* kit.h - the files that cells need: payload, RSA keys, credentials; in a folder of their own. */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>
#include <stddef.h>

#define KIT_USER         "user"
#define KIT_PASSWORD     "right-password"
#define KIT_WRONG        "wrong-password"
#define KIT_PAYLOAD_SIZE 656360 /* five blocks of 128 KiB and a part of one */

struct kit {
    bool is_captured; /* each cell is judged from its packets too */
    char dir[256];
    char src[300], key[300], pub[300], users[300];
};

/* Make the folder under TMPDIR and fill it. False and a reason. */
bool kit_make(struct kit *kit, struct text *why);

/* Remove the folder and all files in it. */
void kit_remove(const struct kit *kit);

/* Whether the file begins with the payload, of which the last bytes, may_lack at most, can be
 * missing. */
bool kit_has_arrived(const struct kit *kit, const char *path, uint64_t may_lack, struct text *why);
