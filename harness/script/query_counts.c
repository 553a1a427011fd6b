/* query_counts.c - whether a query claims how much a subject has counted. */
#include "harness/script/query_tree.h"

#include <string.h>

/* Of a stream in the results, and what a client prints of that. */
static bool is_count(const char *key)
{
    static const char *const keys[] = {"bytes",          "packets",        "errors",
                                       "jitter",         "jitter_ms",      "lost_packets",
                                       "omitted_errors", "omitted_packets"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static bool leads_to_count(const struct query_step *path)
{
    const struct query_step *last = path;

    while (last && last->next)
        last = last->next;
    return last && last->kind == STEP_KEY && is_count(last->key);
}

static bool value_counts(const struct query_value *v)
{
    switch (v->kind) {
    case VALUE_PATH:
    case VALUE_SUM:
        return leads_to_count(v->path);
    case VALUE_ARITH:
        return value_counts(v->left) || value_counts(v->right);
    default:
        return false;
    }
}

bool query_claims_counts(const struct query *q)
{
    switch (q->kind) {
    case QUERY_OR:
    case QUERY_AND:
        return query_claims_counts(q->left) || query_claims_counts(q->right);
    case QUERY_NOT:
        return query_claims_counts(q->left);
    case QUERY_COMPARE:
        return (q->fold ? value_counts(q->fold) : leads_to_count(q->path)) ||
               value_counts(&q->value);
    default: /* that there is one, or of which type, does not depend on how much came */
        return false;
    }
}
