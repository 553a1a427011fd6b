/* bring.h - captures that a report names, copied beside its pages. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define BRING_ONE_MAX (64u << 20) /* of one capture: those of cases are below 1 MiB */
#define BRING_ALL_MAX (1u << 30)  /* of all in one site */

/* Copy the pcapng file `from` to `to`. A report is not trusted: what is no regular file, does not
 * begin as pcapng does, or is larger than BRING_ONE_MAX or *left, is not even read; there is no
 * copy then. left: how much may still be brought. False if the copy could not be written: see
 * errno. */
bool bring_capture(const char *from, const char *to, size_t *left);
