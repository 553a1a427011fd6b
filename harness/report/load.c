/* load.c - reports as `iperfspec test --json` writes them, for the writers of the other formats. */
#include "harness/report/kept.h"
#include "harness/report/model.h"
#include "harness/report/report.h"
#include "harness/report/shape.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *copy(struct report *r, const char *text)
{
    return *text ? arena_copy(&r->arena, text, strlen(text)) : "";
}

static const char *copy_member(struct report *r, const json_value *object, const char *key)
{
    return copy(r, report_text_of(object, key));
}

static double number_of(const json_value *object, const char *key)
{
    const json_value *v = json_member(object, key);

    return json_type_of(v) == JSON_NUMBER ? json_double(v) : 0;
}

static unsigned count_of(const json_value *object, const char *key)
{
    double n = number_of(object, key);

    return n >= 1 && n <= 1e9 ? (unsigned)n : 0;
}

/* --- one result ------------------------------------------------------------------------------- */

static const struct member {
    const char *key;
    size_t at;
} members[] = {
#define M(member, key)                                                                             \
    {                                                                                              \
        key, offsetof(struct report_result, member)                                                \
    }
    M(id, "id"),         M(title, "title"),       M(judges, "judges"),   M(cause, "cause"),
    M(clause, "clause"), M(known, "known"),       M(skip, "skip"),       M(identity, "identity"),
    M(file, "file"),     M(step, "step"),         M(got, "got"),         M(branches, "branches"),
    M(said, "stderr"),   M(timeline, "timeline"), M(command, "command"), M(capture, "capture"),
    M(script, "script"),
#undef M
};

static void take_clauses(struct report *report, struct report_result *r, const json_value *list)
{
    size_t n = 0;

    for (const json_value *v = json_next(list, NULL); v; v = json_next(list, v))
        n++;
    const char **all = arena_alloc(&report->arena, (n + 1) * sizeof *all);
    for (const json_value *v = json_next(list, NULL); v; v = json_next(list, v))
        if (json_type_of(v) == JSON_STRING)
            all[r->n_clauses++] = copy(report, json_text(v));
    r->clauses = all;
}

static void take_lines(struct report *report, struct report_result *r, const json_value *list)
{
    size_t n = 0;

    for (const json_value *v = json_next(list, NULL); v; v = json_next(list, v))
        n++;
    unsigned *all = arena_alloc(&report->arena, (n + 1) * sizeof *all);
    for (const json_value *v = json_next(list, NULL); v; v = json_next(list, v))
        all[r->n_script_lines++] =
            json_type_of(v) == JSON_NUMBER ? (unsigned)MIN(MAX(json_int(v), 0), INT32_MAX) : 0;
    r->script_lines = all;
}

/* "pass", or "fail:crash", of {"verdict": ..., "cause": ...}. */
static const char *judgement(struct report *report, const json_value *j)
{
    struct text words = {0};
    const char *cause = report_text_of(j, "cause");

    text_adds(&words, report_text_of(j, "verdict"));
    if (*cause && strcmp(cause, "ok") != 0)
        text_addf(&words, ":%s", cause);
    const char *out = copy(report, text_string(&words));
    text_fini(&words);
    return out;
}

static void name_area(struct report *report, struct report_result *r)
{
    char identity[REPORT_IDENTITY + 1];

    r->area = arena_copy(&report->arena, r->id, report_area(r->id));
    bool has_one = strlen(r->identity) == REPORT_IDENTITY &&
                   strspn(r->identity, "0123456789abcdef") == REPORT_IDENTITY;
    if (has_one || r->standing == SUITE_GOOD)
        return;
    report_identify(r->id, r->step, r->cause, identity); /* a report of before */
    r->identity = copy(report, identity);
}

static void take_result(struct report *report, struct report_result *r, const json_value *v)
{
    const json_value *words = json_member(v, "clauses"), *session = json_member(v, "session");

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        *(const char **)(void *)((char *)r + members[i].at) =
            copy_member(report, v, members[i].key);
    if (!*r->cause)
        r->cause = "ok";
    r->line = count_of(v, "line");
    take_lines(report, r, json_member(v, "script_lines"));
    r->seconds = number_of(v, "seconds");
    r->again = judgement(report, json_member(v, "again"));
    r->session = r->change = r->beside = "";
    r->clauses = NULL;
    if (json_type_of(words) == JSON_ARRAY)
        take_clauses(report, r, words);
    if (json_type_of(session) == JSON_ARRAY) {
        char *text = json_print(session);
        r->session = text ? copy(report, text) : "";
        free(text);
    }
    shape_find_verdict(report_text_of(v, "verdict"), &r->verdict);
    shape_find_standing(report_text_of(v, "standing"), &r->standing);
    name_area(report, r);
}

/* --- one run ---------------------------------------------------------------------------------- */

static struct report_result *add_result(struct report *report)
{
    if ((report->n & (report->n - 1)) == 0)
        report->results =
            text_realloc(report->results, MAX(2 * report->n, 1) * sizeof *report->results);
    struct report_result *r = &report->results[report->n++];
    *r = (struct report_result){0};
    return r;
}

static void take_results(struct report *report, const struct kept_run *run)
{
    for (size_t i = 0; i < run->n; i++) {
        json_value *root = kept_parse(&run->results[i]);
        struct report_result *r = add_result(report);
        take_result(report, r, root);
        report->verdicts[r->verdict]++;
        report->standings[r->standing]++;
        json_free(root);
    }
}

/* A finding of persistent mode, as a result of its own. */
static void take_finding(struct report *report, const json_value *v)
{
    struct report_result *r = add_result(report);
    struct text id = {0}, got = {0};
    static const char *const none[1];

    text_addf(&id, "persistent/%s", report_text_of(v, "id"));
    text_addf(&got, "%s after other cases, %s with a fresh process; ",
              judgement(report, json_member(v, "kept")),
              judgement(report, json_member(v, "fresh")));
    text_adds(&got, report_text_of(v, "got"));
    *r = (struct report_result){
        .id = copy(report, text_string(&id)),
        .title = "A verdict that earlier cases on the same process change",
        .judges = "server",
        .cause = "carried",
        .clause = "",
        .known = copy_member(report, v, "known"),
        .skip = "",
        .identity = copy_member(report, v, "identity"),
        .file = "",
        .step = "",
        .got = copy(report, text_string(&got)),
        .branches = "",
        .timeline = "",
        .said = "",
        .command = "",
        .capture = "",
        .again = "",
        .script = "",
        .session = "",
        .change = "",
        .beside = "",
        .clauses = none,
        .verdict = SUITE_FAIL,
        .standing = *report_text_of(v, "known") ? SUITE_KNOWN : SUITE_UNEXPECTED,
        .is_carried = true,
    };
    report->standings[r->standing]++;
    name_area(report, r);
    text_fini(&id);
    text_fini(&got);
}

/* The subject alone: what a report of before says. */
static void add_subject_options(struct text *line, const json_value *subject)
{
    static const char *const options[][2] = {
        {"path",       "build"     },
        {"server_cmd", "server-cmd"},
        {"client_cmd", "client-cmd"},
        {"server",     "server"    }
    };

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (*report_text_of(subject, options[i][0])) {
            text_addf(line, " --%s ", options[i][1]);
            text_add_word(line, report_text_of(subject, options[i][0]));
        }
}

/* Words, each of which is quoted: whoever made the report orders no shell about. */
static void name_rerun(struct report *r, const json_value *head)
{
    const json_value *options = json_member(head, "options"), *word = NULL;
    struct text line = {0};

    text_adds(&line, "iperfspec test");
    if (!options)
        add_subject_options(&line, json_member(head, "subject"));
    while ((word = json_next(options, word))) {
        text_adds(&line, " ");
        text_add_word(&line, json_text(word));
    }
    r->rerun = copy(r, text_string(&line));
    text_fini(&line);
}

/* Its program, or the command or address that stands for it; "" if nothing does. */
static const char *program_of(const json_value *subject)
{
    static const char *const keys[] = {"path", "server_cmd", "client_cmd", "server"};
    const char *program = "";

    for (size_t i = 0; i < ARRAY_LEN(keys) && !*program; i++)
        program = report_text_of(subject, keys[i]);
    return program;
}

void reports_label(const json_value *subject, struct text *out)
{
    const char *name = report_text_of(subject, "name"), *program = program_of(subject);

    if (*name)
        text_addf(out, "%s %s", name, report_text_of(subject, "version"));
    else
        text_adds(out, *program ? basename(program) : "a build");
}

static void take_subject(struct report *r, const json_value *v)
{
    struct text label = {0};

    r->name = copy_member(r, v, "name");
    r->version = copy_member(r, v, "version");
    r->package = copy_member(r, v, "package");
    r->banner = copy_member(r, v, "banner");
    r->sha256 = copy_member(r, v, "sha256");
    r->profile = copy_member(r, v, "profile");
    r->program = copy(r, program_of(v));
    reports_label(v, &label);
    r->label = copy(r, text_string(&label));
    text_fini(&label);
}

static void take_run(struct report *r, const struct kept_run *run)
{
    const json_value *gate = json_member(run->head, "gate"), *f = NULL,
                     *findings = json_member(json_member(run->head, "persistent"), "findings");

    take_subject(r, json_member(run->head, "subject"));
    name_rerun(r, run->head);
    r->exit = (int)json_int(json_member(run->head, "exit"));
    r->exit_reason = copy_member(r, run->head, "exit_reason");
    r->seconds = number_of(run->head, "seconds");
    take_results(r, run);
    if (gate)
        report_take_gate(r, gate);
    while ((f = json_next(findings, f)))
        take_finding(r, f);
}

static struct report *add_report(struct reports *list, const char *path)
{
    list->at = text_realloc(list->at, (list->n + 1) * sizeof *list->at);
    struct report *r = &list->at[list->n++];
    *r = (struct report){
        .exit_reason = "", .sha256 = "", .profile = "", .program = "", .base = "", .beside = ""};
    r->path = copy(r, path);
    return r;
}

static void take_kept(struct reports *list, const struct kept *kept, const char *path)
{
    for (size_t i = 0; i < kept->n; i++)
        take_run(add_report(list, path), &kept->runs[i]);
}

bool reports_load(struct reports *list, struct bytes text, const char *path, struct text *why)
{
    struct kept kept = {0};
    bool ok = kept_load(&kept, text, path, why);

    if (ok)
        take_kept(list, &kept, path);
    kept_fini(&kept);
    return ok;
}

bool reports_read(struct reports *list, const char *path, struct text *why)
{
    struct kept kept = {0};
    bool ok = kept_read(&kept, path, why);

    if (ok)
        take_kept(list, &kept, path);
    kept_fini(&kept);
    return ok;
}

/* They are few, and those of one label stay as they stood. */
void reports_sort(struct reports *list)
{
    for (size_t i = 1; i < list->n; i++) {
        struct report one = list->at[i];
        size_t k = i;
        for (; k > 0 && strverscmp(list->at[k - 1].label, one.label) > 0; k--)
            list->at[k] = list->at[k - 1];
        list->at[k] = one;
    }
}

void reports_fini(struct reports *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->at[i].results);
        arena_fini(&list->at[i].arena);
    }
    free(list->at);
    *list = (struct reports){0};
}
