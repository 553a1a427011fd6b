/* unpack.h - undoes gzip, zstd and lz4 while a file is read. */
#pragma once
#include "harness/session/text.h"

#include <stdio.h>

enum unpack_kind { UNPACK_NONE, UNPACK_GZIP, UNPACK_ZSTD, UNPACK_LZ4 };

/* What the next bytes of the file look like; moves its position by a few bytes. */
enum unpack_kind unpack_kind(FILE *raw);

/* A stream of the unpacked bytes, or of the bytes themselves where nothing was packed. Takes raw,
 * which is closed with the stream, or here on failure (NULL and the reason). A packed stream that
 * is damaged reads as one that ends early. */
FILE *unpack(FILE *raw, struct text *why);
