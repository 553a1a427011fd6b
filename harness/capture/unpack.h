/* unpack.h - undoes gzip, zstd and lz4 while a file is read. */
#pragma once
#include "harness/session/text.h"

#include <stdio.h>

/* Whether a file is not packed and can be read as it is; false for a pipe, of which nobody can know
 * without taking something. Of raw nothing has been read, and nothing is after it. */
bool unpack_is_plain(FILE *raw);

/* A stream of the unpacked bytes, or of the bytes themselves where nothing was packed. Takes raw,
 * which is closed with the stream, or here on failure (NULL and the reason: no
 * memory, or packed in another way, with the command that undoes it). A packed stream that
 * is damaged reads as one that ends early. */
FILE *unpack(FILE *raw, const char *name, struct text *why);
