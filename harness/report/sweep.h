/* sweep.h - what an earlier site in the same folder left, and this one has not. */
#pragma once
#include <stddef.h>

/* Remove the files of the folder whose names are as site.c makes them, NAME.XXXXXXXX and the
 * ending, X being hex digits, and are none of the n that are kept, which it sorts. What else is
 * there is not ours, and stays; so does what cannot be removed, which does no harm. */
void sweep_folder(const char *dir, const char *ending, char **kept, size_t n);
