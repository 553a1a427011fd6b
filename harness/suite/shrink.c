#include "harness/suite/shrink.h"

#include "harness/session/text.h"

#include <stdlib.h>
#include <string.h>

struct work {
    size_t *items, *n;
    size_t *part; /* room for one candidate */
    unsigned *trials_left;
    shrink_trial *trial;
    void *context;
};

/* Whether the items without those in [from, to) show it as well; then they are what is left. */
static bool does_without(struct work *w, size_t from, size_t to)
{
    size_t n = *w->n - (to - from);

    if (*w->trials_left == 0)
        return false;
    --*w->trials_left;
    memcpy(w->part, w->items, from * sizeof *w->part);
    memcpy(w->part + from, w->items + to, (*w->n - to) * sizeof *w->part);
    if (!w->trial(w->context, w->part, n))
        return false;
    memcpy(w->items, w->part, n * sizeof *w->part);
    *w->n = n;
    return true;
}

/* One pass over the list in chunks; true if something was taken out. */
static bool pass(struct work *w, size_t chunk)
{
    bool any = false;

    /* From the front: what stands last before the finding is most often what it takes. */
    for (size_t at = 0; at < *w->n;) {
        if (does_without(w, at, MIN(at + chunk, *w->n)))
            any = true;
        else
            at += chunk;
    }
    return any;
}

bool shrink(size_t *items, size_t *n, unsigned *trials_left, shrink_trial *trial, void *context)
{
    struct work w = {items, n, NULL, trials_left, trial, context};

    w.part = text_realloc(NULL, (*n + 1) * sizeof *w.part);
    for (size_t chunk = (*n + 1) / 2; chunk > 0 && *n > 0 && *trials_left > 0;) {
        bool any = pass(&w, chunk);
        if (chunk == 1 && !any)
            break;
        chunk = chunk > 1 ? (MIN(chunk, *n) + 1) / 2 : 1;
    }
    bool all_needed = *trials_left > 0 || *n == 0;
    free(w.part);
    return all_needed;
}
