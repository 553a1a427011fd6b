/* normalise.c - a report without what differs from one run to the next. */
#include "harness/report/copy.h"
#include "harness/report/merge.h"
#include "harness/report/model.h"
#include "harness/report/report.h"
#include "impl/wire/jwrite.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* Members that tell how a run went, not what came of it. */
static const char *const dropped[] = {
    "seconds",  "service_seconds", "timeline",    "stderr",  "branches", "reactions",
    "connects", "retries",         "repeated",    "seed",    "rounds",   "session",
    "capture",  "plays",           "worse_plays", "options",
};

/* Where it was noticed that the process is gone, which one step or the next may do. */
static const char *const places[] = {"line", "step"};

/* Words in texts that are others in each run, and what stands for them. At which message of a step
 * that has several an end is noticed is a race. */
static const struct {
    const char *pattern, *word;
    bool is_of_command; /* elsewhere a slash may be what came */
} masks[] = {
    {"(the end of the connection instead of|stream [0-9]+ was refused) .*",
     "the end of the connection",                                                                        false},
    {"a reset of the connection instead of .*",                             "a reset of the connection", false},
    {"[a-z2-7]{36}",                                                        "COOKIE",                    false},
    {"[^ ']*/iperfspec-keys-[A-Za-z0-9]{6}",                                "KEYS",                      false},
    {"[^ '=]*/",                                                            "",                          true },
    {"(-p|port) [0-9]+",                                                    "-p PORT",                   false},
    {"(127\\.0\\.0\\.1|::1\\]?|localhost):[0-9]+",                          "HOST:PORT",                 false},
    {"pid [0-9]+",                                                          "pid PID",                   false},
    {"[0-9]+(\\.[0-9]+)? (ns|us|ms|s|seconds|bytes|packets|datagrams)\\b",  "N",                         false},
    {"is -?[0-9]+(\\.[0-9]+)?",                                             "is N",                      false},
    {"[0-9]{5,}",                                                           "N",                         false},
    {", N after line [0-9]+",                                               "",                          false},
};

/* Compiled once for as long as the process is there: it takes longer than to use them. */
static const regex_t *pattern_of(size_t mask)
{
    static regex_t compiled[ARRAY_LEN(masks)];
    static bool is_compiled[ARRAY_LEN(masks)];

    if (!is_compiled[mask])
        is_compiled[mask] = regcomp(&compiled[mask], masks[mask].pattern, REG_EXTENDED) == 0;
    return is_compiled[mask] ? &compiled[mask] : NULL;
}

static void mask_words(const char *text, size_t mask, struct text *out)
{
    const regex_t *pattern = pattern_of(mask);
    regmatch_t m;

    for (int flags = 0; pattern && *text && regexec(pattern, text, 1, &m, flags) == 0;
         flags = REG_NOTBOL) {
        text_add(out, text, (size_t)m.rm_so);
        text_adds(out, masks[mask].word);
        text += m.rm_eo;
    }
    text_adds(out, text);
}

static void put_masked(struct jwrite *w, const char *key, const char *text)
{
    struct text from = {0};

    text_adds(&from, text);
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        if (masks[i].is_of_command && strcmp(key, "command") != 0)
            continue;
        struct text to = {0};
        mask_words(text_string(&from), i, &to);
        text_fini(&from);
        from = to;
    }
    jwrite_string(w, key, text_string(&from));
    text_fini(&from);
}

static bool is_among(const char *key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], key) == 0)
            return true;
    return false;
}

/* Of which object, as a result that names its cause may leave out more. */
static bool is_dropped(const json_value *object, const char *key)
{
    return is_among(key, dropped, ARRAY_LEN(dropped)) ||
           (is_among(key, places, ARRAY_LEN(places)) &&
            report_is_of_process(report_text_of(object, "cause")));
}

/* The program or the case's file, wherever a machine has it. */
static void put_base_name(struct jwrite *w, const char *key, const char *path)
{
    const char *slash = strrchr(path, '/');

    jwrite_string(w, key, slash ? slash + 1 : path);
}

/* Members of an object, those with words of a run in them masked. */
static void put_members(struct jwrite *w, const json_value *object)
{
    static const char *const paths[] = {"path", "file"};
    static const char *const masked[] = {"got", "step", "command", "skip", "why", "exit_reason"};
    const json_value *m = NULL;

    while ((m = json_next(object, m))) {
        const char *key = json_key(m);
        if (is_dropped(object, key))
            continue;
        if (json_type_of(m) == JSON_STRING && is_among(key, masked, ARRAY_LEN(masked)))
            put_masked(w, key, json_text(m));
        else if (json_type_of(m) == JSON_STRING && is_among(key, paths, ARRAY_LEN(paths)))
            put_base_name(w, key, json_text(m));
        else
            copy_value(w, key, m);
    }
}

static void put_object(struct jwrite *w, const char *key, const json_value *object)
{
    jwrite_object(w, key);
    put_members(w, object);
    jwrite_end(w);
}

static void put_gate(struct jwrite *w, const json_value *gate)
{
    struct copy_list cases = {0};

    copy_list_add(&cases, json_member(gate, "cases"));
    copy_list_sort(&cases);
    jwrite_object(w, "gate");
    put_object(w, "base", json_member(gate, "base"));
    copy_list_put(&cases, w, "cases", put_object);
    jwrite_end(w);
}

/* What was found, and not on which way: each run has an order of its own, in which another sequence
 * shows it. */
static void put_finding(struct jwrite *w, const char *key, const json_value *finding)
{
    static const char *const stay[] = {"id", "identity", "fresh", "kept", "shows_again", "known"};
    const json_value *m = NULL;

    jwrite_object(w, key);
    while ((m = json_next(finding, m)))
        if (is_among(json_key(m), stay, ARRAY_LEN(stay)))
            copy_value(w, json_key(m), m);
    jwrite_end(w);
}

static void put_persistent(struct jwrite *w, const json_value *persistent)
{
    struct copy_list findings = {0};

    copy_list_add(&findings, json_member(persistent, "findings"));
    copy_list_sort(&findings);
    jwrite_object(w, "persistent");
    copy_value(w, "cases", json_member(persistent, "cases"));
    copy_list_put(&findings, w, "findings", put_finding);
    jwrite_end(w);
}

static void put_run(struct jwrite *w, const struct kept_run *run)
{
    struct copy_list results = {0};
    const json_value *m = NULL;

    jwrite_object(w, NULL);
    while ((m = json_next(run->head, m))) {
        const char *key = json_key(m);
        if (strcmp(key, "gate") == 0)
            put_gate(w, m);
        else if (strcmp(key, "persistent") == 0)
            put_persistent(w, m);
        else if (strcmp(key, "totals") == 0 || strcmp(key, "subject") == 0)
            put_object(w, key, m);
        else if (strcmp(key, "exit_reason") == 0)
            put_masked(w, key, json_text(m));
        else if (!is_dropped(run->head, key))
            copy_value(w, key, m);
    }
    copy_list_add_results(&results, run);
    copy_list_sort(&results);
    copy_list_put(&results, w, "results", put_object);
    jwrite_end(w);
}

void merge_put_normal(struct jwrite *w, const struct kept *report)
{
    if (report->n == 1) {
        put_run(w, &report->runs[0]);
        return;
    }
    jwrite_object(w, NULL);
    jwrite_int(w, "schema", REPORT_SCHEMA);
    jwrite_array(w, "runs");
    for (size_t i = 0; i < report->n; i++)
        put_run(w, &report->runs[i]);
    jwrite_end(w);
    jwrite_end(w);
}
