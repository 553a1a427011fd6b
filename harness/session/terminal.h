/* terminal.h - a line of a terminal that is written over. */
#pragma once
#include <stdio.h>
#include <sys/ioctl.h>

/* The columns for it: it has to be one line, whose last column stays free. */
static inline int terminal_room(FILE *out)
{
    struct winsize size;
    int is_known = ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;

    return is_known ? size.ws_col - 1 : 79;
}
