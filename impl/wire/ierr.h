/* ierr.h - iperf3's own error numbers, as SERVER_ERROR carries them (ERR-1, ERRNO-1).
 *
 * The table (ierr.def) holds every number of section 9 of docs/protocol.md:
 * X(number, name, "since", "text"), the text being the meaning in one phrase. */
#pragma once

enum ierr {
#define X(number, name, since, text) name = (number),
#include "impl/wire/ierr.def"
#undef X
};

/* "IERECVPARAMS", or NULL for a number that is not in the table. Static. */
const char *ierr_name(int number);

/* Meaning of the number in words, without a full stop; "unknown error" for one that is not in the
 * table (ERRNO-2). Static. */
const char *ierr_text(int number);

/* Number for a name (exact spelling), or -1. */
int ierr_from_name(const char *name);
