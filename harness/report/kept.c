#include "harness/report/kept.h"

#include "harness/report/report.h"
#include "harness/report/shape.h"
#include "harness/report/split.h"
#include "impl/wire/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is read, and what to say if it is no good. */
struct reading {
    struct bytes text; /* the whole file, for the numbers of lines */
    const char *path;
    struct text *why;
    struct kept *kept;
    bool takes_record; /* of reactions, in place of a run */
};

/* --- what is wrong, and where ----------------------------------------------------------------- */

/* "x.json:3: " */
static void say_place(const struct reading *r, const uint8_t *at)
{
    size_t line = 1;

    for (const uint8_t *c = r->text.at; c < at; c++)
        line += *c == '\n';
    text_addf(r->why, "%s:%zu: ", r->path, line);
}

/* Flaws that do a report no harm: numbers above 2^53, which a seed may be, and what only iperf3's
 * own messages must not have. */
static bool is_let_pass(enum scan_flaw flaw)
{
    return flaw == SCAN_BIG_NUMBER || flaw == SCAN_DUPLICATE || flaw == SCAN_CASE ||
           flaw == SCAN_NOT_OBJECT;
}

/* Whether it is JSON and nothing else, so that its parts are; if not, the first flaw is told. */
static bool is_json(const struct reading *r)
{
    struct scan_report report;
    enum scan_flaw first = SCAN_N_FLAWS;

    scan_json(r->text, NULL, 0, &report);
    for (int i = 0; i < SCAN_N_FLAWS; i++)
        if ((report.flaws >> i & 1) && !is_let_pass((enum scan_flaw)i) &&
            (first == SCAN_N_FLAWS || report.at[i] < report.at[first]))
            first = (enum scan_flaw)i;
    if (first == SCAN_N_FLAWS)
        return true;
    say_place(r, r->text.at + report.at[first]);
    text_addf(r->why, "%s, at byte %zu", scan_flaw_text(first), report.at[first]);
    return false;
}

/* Of a text that is JSON. */
static bool parse(const struct reading *r, struct bytes text, json_value **root)
{
    if (json_parse(text, root) == SPEC_OK)
        return true;
    say_place(r, text.at);
    text_addf(r->why, "more than %u values in one piece", JSON_VALUES_LIMIT);
    return false;
}

static bool refuse(const struct reading *r, const uint8_t *at, const char *what)
{
    say_place(r, at);
    text_adds(r->why, what);
    return false;
}

/* What is wrong with a shape, behind its place. */
static bool refuse_shape(const struct reading *r, const uint8_t *at, struct text *what)
{
    refuse(r, at, text_string(what));
    text_fini(what);
    return false;
}

/* --- a run ------------------------------------------------------------------------------------ */

static void add_result(const struct reading *r, struct kept_run *run, const json_value *root,
                       struct bytes text)
{
    const char *id = report_text_of(root, "id");

    if ((run->n & (run->n - 1)) == 0) /* grows at powers of two */
        run->results = text_realloc(run->results, MAX(2 * run->n, 1) * sizeof *run->results);
    struct kept_result *result = &run->results[run->n++];
    *result = (struct kept_result){arena_copy(&r->kept->arena, id, strlen(id)), SUITE_GOOD, text};
    shape_find_standing(report_text_of(root, "standing"), &result->standing);
}

static bool take_results(const struct reading *r, struct kept_run *run, struct bytes list,
                         struct shape_counts *counts)
{
    struct text what = {0};
    struct bytes key, value;
    struct split s;
    json_value *root;
    bool ok = true;

    if (!split_begin(&s, list) || s.is_object)
        return refuse(r, list.at, "results is no array");
    while (ok && split_next(&s, &key, &value)) {
        if (!parse(r, value, &root))
            return false;
        ok = shape_is_result(root, counts, &what);
        if (ok)
            add_result(r, run, root, value);
        json_free(root);
    }
    return ok || refuse_shape(r, value.at, &what);
}

static void add_member(struct text *members, struct bytes key, struct bytes value)
{
    text_adds(members, members->len ? ",\"" : "{\"");
    text_add(members, key.at, key.len);
    text_adds(members, "\":");
    text_add(members, value.at, value.len);
}

/* What a report is made of: lists, as text, and all else as a tree of its own. */
struct parts {
    const uint8_t *at;
    json_value *head;
    struct bytes results, runs; /* NULL if it is not there */
};

static bool take_apart(const struct reading *r, struct bytes text, struct parts *parts)
{
    struct text members = {0};
    struct bytes key, value;
    struct split s;

    *parts = (struct parts){.at = text.at};
    if (!split_begin(&s, text) || !s.is_object)
        return refuse(r, text.at, "no report of `iperfspec test --json`");
    while (split_next(&s, &key, &value))
        if (split_is(key, "results"))
            parts->results = value;
        else if (split_is(key, "runs"))
            parts->runs = value;
        else
            add_member(&members, key, value);
    text_adds(&members, members.len ? "}" : "{}");
    bool ok = json_parse((struct bytes){(const uint8_t *)members.at, members.len}, &parts->head) ==
              SPEC_OK;
    text_fini(&members);
    return ok || refuse(r, text.at, "too many values beside the results");
}

/* The head is the run's from now on. */
static bool take_run(const struct reading *r, const struct parts *parts)
{
    struct kept *kept = r->kept;
    struct shape_counts counts = {0};
    struct text what = {0};

    kept->runs = text_realloc(kept->runs, (kept->n + 1) * sizeof *kept->runs);
    struct kept_run *run = &kept->runs[kept->n++];
    *run = (struct kept_run){.head = parts->head};
    if (!shape_is_schema(run->head, &what))
        return refuse_shape(r, parts->at, &what);
    if (!parts->results.at && r->takes_record && json_member(run->head, "reactions"))
        return shape_is_record(run->head, &what) || refuse_shape(r, parts->at, &what);
    if (!parts->results.at)
        return refuse(r, parts->at,
                      json_member(run->head, "soak") ? "what --soak wrote has no results"
                                                     : "results is missing");
    return take_results(r, run, parts->results, &counts) &&
           (shape_is_run(run->head, &counts, &what) || refuse_shape(r, parts->at, &what));
}

/* --- a file ----------------------------------------------------------------------------------- */

/* Those of a merged report. */
static bool take_runs(const struct reading *r, const struct parts *merged)
{
    struct text what = {0};
    struct parts parts;
    struct bytes key, run;
    struct split s;

    if (!shape_is_schema(merged->head, &what))
        return refuse_shape(r, merged->at, &what);
    if (!split_begin(&s, merged->runs) || s.is_object)
        return refuse(r, merged->runs.at, "runs is no array");
    while (split_next(&s, &key, &run))
        if (!take_apart(r, run, &parts) || !take_run(r, &parts))
            return false;
    return r->kept->n > 0 || refuse(r, merged->runs.at, "runs is empty");
}

/* Without the byte order mark that some editors put in front, and the end of the last line. */
static struct bytes trim(struct bytes text)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t n = text.len >= 3 && memcmp(text.at, mark, 3) == 0 ? 3 : 0;

    while (text.len > n && text.at[text.len - 1] != '\0' &&
           strchr(" \t\r\n", text.at[text.len - 1]))
        text.len--;
    return (struct bytes){text.at + n, text.len - n};
}

static bool take_file(const struct reading *r)
{
    struct parts parts;

    if (!is_json(r) || !take_apart(r, r->text, &parts))
        return false;
    if (!parts.runs.at)
        return take_run(r, &parts);
    bool ok = take_runs(r, &parts);
    json_free(parts.head);
    return ok;
}

bool kept_load(struct kept *kept, struct bytes text, const char *path, struct text *why)
{
    return take_file(&(struct reading){trim(text), path, why, kept, false});
}

static bool read_file(const char *path, struct text *text, struct text *why)
{
    if (text_read_file(text, strcmp(path, "-") == 0 ? "/dev/stdin" : path))
        return true;
    text_addf(why, "%s: %s", path, strerror(errno));
    return false;
}

static struct bytes bytes_of(const struct text *text)
{
    return (struct bytes){(const uint8_t *)text_string(text), text->len};
}

static bool read_kept(struct kept *kept, const char *path, bool takes_record, struct text *why)
{
    if (!read_file(path, &kept->text, why))
        return false;
    return take_file(&(struct reading){trim(bytes_of(&kept->text)), path, why, kept, takes_record});
}

bool kept_read(struct kept *kept, const char *path, struct text *why)
{
    return read_kept(kept, path, false, why);
}

bool kept_read_record(struct kept *kept, const char *path, struct text *why)
{
    return read_kept(kept, path, true, why);
}

void kept_fini(struct kept *kept)
{
    for (size_t i = 0; i < kept->n; i++) {
        json_free(kept->runs[i].head);
        free(kept->runs[i].results);
    }
    free(kept->runs);
    text_fini(&kept->text);
    arena_fini(&kept->arena);
    *kept = (struct kept){0};
}

json_value *kept_parse(const struct kept_result *result)
{
    json_value *root;

    if (json_parse(result->json, &root) == SPEC_OK) /* as it was when it was checked */
        return root;
    fputs("iperfspec: out of memory\n", stderr);
    exit(3);
}

bool kept_read_tree(const char *path, json_value **root, struct text *why)
{
    struct text text = {0};
    bool ok = read_file(path, &text, why);

    if (ok) {
        const struct reading r = {trim(bytes_of(&text)), path, why, NULL, false};
        ok = is_json(&r) && parse(&r, r.text, root);
    }
    text_fini(&text);
    return ok;
}

const char *report_text_of(const json_value *object, const char *key)
{
    const json_value *v = json_member(object, key);

    return json_type_of(v) == JSON_STRING ? json_text(v) : "";
}
