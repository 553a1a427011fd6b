#include "impl/wire/jread.h"

#include "impl/wire/scan.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

const char *jread_name(struct jread *r, const char *key)
{
    snprintf(r->name, sizeof r->name, "%s%s", r->path, key);
    return r->name;
}

/* The clause that a flaw breaks; NULL: the one that asks for a well-formed object. */
static const char *const flaw_clauses[SCAN_N_FLAWS] = {
    [SCAN_TRAILING] = "JSON-2",    [SCAN_NUL] = "JSON-2",          [SCAN_BOM] = "JSON-6",
    [SCAN_DEPTH] = "JSON-6",       [SCAN_CASE] = "JSON-4.n",       [SCAN_DUPLICATE] = "JSON-4",
    [SCAN_BIG_NUMBER] = "JSON-13", [SCAN_HUGE_NUMBER] = "JSON-13",
};

enum spec_err jread_flaws(struct jread *r, struct bytes text, const char *form,
                          const char *const *known, size_t n_known)
{
    struct scan_report report;

    if (r->to == NULL)
        return SPEC_OK;
    enum spec_err e = scan_json(text, known, n_known, &report);
    for (unsigned i = 0; i < SCAN_N_FLAWS; i++) {
        if (!(report.flaws >> i & 1))
            continue;
        struct remark remark = {
            .clause = flaw_clauses[i] != NULL ? flaw_clauses[i] : form,
            .expected = "a well-formed JSON object",
            .offset = report.at[i],
        };
        snprintf(remark.found, sizeof remark.found, "%s", scan_flaw_text((enum scan_flaw)i));
        r->to->take(r->to->context, &remark);
    }
    return e == SPEC_E_NOMEM ? e : SPEC_OK;
}

const json_value *jread_member(struct jread *r, const json_value *object, const char *key,
                               enum json_type type, const char *clause)
{
    const json_value *member = json_member_behind(object, key, &r->passed);
    enum json_type found = json_type_of(member);

    if (found == type)
        return member;
    if (found != JSON_ABSENT)
        remark_add(r->to, clause, jread_name(r, key), json_type_name(type), "%s",
                   json_type_name(found));
    return NULL;
}

void jread_judge(struct jread *r, const json_value *number, const char *key, bool whole, double min,
                 double max, const char *clause)
{
    double value = json_double(number);
    char expected[96];

    if (r->to == NULL)
        return;
    if (whole && value != trunc(value))
        remark_add(r->to, clause, jread_name(r, key), "an integer", "%.17g", value);
    if (value >= min && value <= max)
        return;
    if (max == DBL_MAX)
        snprintf(expected, sizeof expected, "at least %.17g", min);
    else
        snprintf(expected, sizeof expected, "%.17g to %.17g", min, max);
    remark_add(r->to, clause, jread_name(r, key), expected, "%.17g", value);
}

/* The key's place in the table, n_known if it has none. from: where to begin to look. */
static size_t find_known(const char *key, const char *const *known, size_t n_known, size_t from)
{
    for (size_t i = 0; i < n_known; i++) {
        size_t at = (from + i) % n_known;
        if (json_is_same_key(key, known[at]))
            return at;
    }
    return n_known;
}

void jread_unknown(struct jread *r, const json_value *object, const char *const *known,
                   size_t n_known, const char *clause)
{
    size_t next = 0; /* members mostly stand in the order of the table */

    if (r->to == NULL || json_type_of(object) != JSON_OBJECT)
        return;
    for (const json_value *m = json_next(object, NULL); m != NULL; m = json_next(object, m)) {
        size_t at = find_known(json_key(m), known, n_known, next);
        if (at == n_known)
            remark_add(r->to, clause, jread_name(r, json_key(m)), "a member of the table",
                       "an unknown one");
        else
            next = at + 1;
    }
}
