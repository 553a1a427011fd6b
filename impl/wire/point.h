/* point.h - undoes what a locale does to the decimal point of printf(). */
#pragma once
#include <string.h>

/* Put a point into a number that "%g" printed where the locale has a decimal sign of its own, of
 * one byte or several. A number without one stays as it is. */
static inline void point_restore(char *text)
{
    size_t before = strspn(text, "-0123456789");

    if (text[before] == '\0' || text[before] == 'e')
        return;

    size_t after = before + strcspn(text + before, "0123456789");
    text[before] = '.';
    memmove(text + before + 1, text + after, strlen(text + after) + 1);
}
