/* wire.h - what iperfref's --transcript shows of a cell: violations, parameters, both results. */
#pragma once
#include "harness/session/text.h"
#include "impl/net/transcript.h"

#include <stdbool.h>

struct wire_view {
    unsigned sessions, violations;
    bool completed;    /* DISPLAY_RESULTS was reached and the end was good */
    int refused_with;  /* first number behind a SERVER_ERROR; 0: none was sent */
    struct text first; /* the first violation in words */
    /* JSON texts, empty where none went over the wire. */
    struct text params, client_results, server_results;
};

/* Read a transcript and have the observer judge it. Zeroed by this call; the caller's to
 * wire_view_fini() also on failure. False and a reason if the file cannot be read. */
bool wire_read(struct wire_view *view, const char *path, struct text *why);
void wire_view_fini(struct wire_view *view);
