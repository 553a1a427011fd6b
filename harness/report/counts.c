/* counts.c - the counts of a run as members of its report: written, read again, and added up. */
#include "harness/report/counts.h"

#include "impl/wire/jwrite.h"

#include <stddef.h>

/* How the counts of two shards are joined. */
enum how { SUM, MOST };

#define ROW(name, member, how)                                                                     \
    {                                                                                              \
        name, offsetof(struct suite_totals, member), how                                           \
    }
static const struct row {
    const char *name;
    size_t at;
    enum how how;
} rows[] = {
    ROW("cases", cases, SUM),
    ROW("pass", verdicts[SUITE_PASS], SUM),
    ROW("warn", verdicts[SUITE_WARN], SUM),
    ROW("drift", verdicts[SUITE_DRIFT], SUM),
    ROW("fail", verdicts[SUITE_FAIL], SUM),
    ROW("skip", verdicts[SUITE_SKIP], SUM),
    ROW("error", verdicts[SUITE_ERROR], SUM),
    ROW("known", standings[SUITE_KNOWN], SUM),
    ROW("unexpected", standings[SUITE_UNEXPECTED], SUM),
    ROW("xpass", standings[SUITE_XPASS], SUM),
    ROW("flaky", standings[SUITE_FLAKY], SUM),
    ROW("carried", carried, SUM),
    ROW("once", once, SUM),
    ROW("persistent_trouble", persistent_trouble, SUM),
    ROW("persistent_cut", persistent_cut, SUM),
    ROW("stale", stale, MOST), /* each shard looks at all of them */
    ROW("missing", missing, MOST),
    ROW("unkept", unkept, SUM),
    ROW("cut", cut, SUM),
    ROW("dead", dead, SUM),
    ROW("base_trouble", base_trouble, SUM),
    ROW("repeated", repeated, SUM),
    ROW("connects", connects, SUM),
    ROW("retries", retries, SUM),
};

static unsigned *count_of(struct suite_totals *t, const struct row *row)
{
    return (unsigned *)(void *)((char *)t + row->at);
}

void counts_put(struct jwrite *w, const struct suite_totals *totals)
{
    struct suite_totals t = *totals;

    jwrite_object(w, "totals");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        jwrite_uint(w, rows[i].name, *count_of(&t, &rows[i]));
    if (t.limits_skips)
        jwrite_uint(w, "max_skip", t.max_skip);
    if (t.accepts_all)
        jwrite_bool(w, "accepts_all", true);
    if (t.failures_first)
        jwrite_bool(w, "failures_first", true);
    jwrite_end(w);
}

/* A count that is none, in a file that somebody else wrote, is 0. */
static unsigned number(const json_value *totals, const char *name)
{
    const json_value *v = json_member(totals, name);
    int64_t n = json_type_of(v) == JSON_NUMBER ? json_int(v) : 0;

    return n < 0 ? 0 : (unsigned)MIN(n, (int64_t)1 << 30);
}

static bool is_set(const json_value *totals, const char *name)
{
    const json_value *v = json_member(totals, name);

    return json_type_of(v) == JSON_BOOL && json_bool(v);
}

void counts_add(struct suite_totals *t, const json_value *report)
{
    const json_value *totals = json_member(report, "totals");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned *count = count_of(t, &rows[i]), n = number(totals, rows[i].name);
        *count = rows[i].how == SUM ? *count + n : MAX(*count, n);
    }
    if (json_member(totals, "max_skip")) {
        t->limits_skips = true;
        t->max_skip = number(totals, "max_skip");
    }
    t->accepts_all |= is_set(totals, "accepts_all");
    t->failures_first |= is_set(totals, "failures_first");
}
