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
    "seconds",   "service_seconds", "timeline", "stderr",   "branches",
    "reactions", "connects",        "retries",  "repeated", "seed",
    "rounds",    "session",         "capture",  "plays",    "worse_plays",
};

/* Where it was noticed that the process is gone, which one step or the next may do. */
static const char *const places[] = {"line", "step"};

/* Words in texts that are others in each run, and what stands for them. */
static const struct {
    const char *pattern, *word;
} masks[] = {
    {"[a-z2-7]{36}",                                                       "COOKIE"   },
    {"[^ ']*/iperfspec-keys-[A-Za-z0-9]{6}",                               "KEYS"     },
    {"(-p|port) [0-9]+",                                                   "-p PORT"  },
    {"(127\\.0\\.0\\.1|::1\\]?|localhost):[0-9]+",                         "HOST:PORT"},
    {"pid [0-9]+",                                                         "pid PID"  },
    {"[0-9]+(\\.[0-9]+)? (ns|us|ms|s|seconds|bytes|packets|datagrams)\\b", "N"        },
    {"is -?[0-9]+(\\.[0-9]+)?",                                            "is N"     },
    {"[0-9]{5,}",                                                          "N"        },
    {", N after line [0-9]+",                                              ""         },
};

static void mask(const char *text, const char *pattern, const char *word, struct text *out)
{
    regex_t compiled;
    regmatch_t m;

    if (regcomp(&compiled, pattern, REG_EXTENDED) != 0) {
        text_adds(out, text);
        return;
    }
    for (int flags = 0; *text && regexec(&compiled, text, 1, &m, flags) == 0; flags = REG_NOTBOL) {
        text_add(out, text, (size_t)m.rm_so);
        text_adds(out, word);
        text += m.rm_eo;
    }
    text_adds(out, text);
    regfree(&compiled);
}

static void put_masked(struct jwrite *w, const char *key, const char *text)
{
    struct text from = {0};

    text_adds(&from, text);
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        struct text to = {0};
        mask(text_string(&from), masks[i].pattern, masks[i].word, &to);
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

/* Members of an object, those with words of a run in them masked. */
static void put_members(struct jwrite *w, const json_value *object)
{
    static const char *const masked[] = {"got", "step", "command", "skip", "why", "exit_reason"};
    const json_value *m = NULL;

    while ((m = json_next(object, m))) {
        const char *key = json_key(m);
        if (is_dropped(object, key))
            continue;
        if (json_type_of(m) == JSON_STRING && is_among(key, masked, ARRAY_LEN(masked)))
            put_masked(w, key, json_text(m));
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

/* Results, or the cases of a gate: by id. */
static void put_list(struct jwrite *w, const char *key, const json_value *results)
{
    struct copy_list list = {0};

    copy_list_add(&list, results);
    copy_list_sort(&list);
    jwrite_array(w, key);
    for (size_t i = 0; i < list.n; i++)
        put_object(w, NULL, list.at[i]);
    jwrite_end(w);
    free(list.at);
}

static void put_gate(struct jwrite *w, const json_value *gate)
{
    jwrite_object(w, "gate");
    copy_value(w, "base", json_member(gate, "base"));
    put_list(w, "cases", json_member(gate, "cases"));
    jwrite_end(w);
}

static void put_run(struct jwrite *w, const json_value *report)
{
    const json_value *m = NULL;

    jwrite_object(w, NULL);
    while ((m = json_next(report, m))) {
        const char *key = json_key(m);
        if (strcmp(key, "results") == 0)
            put_list(w, key, m);
        else if (strcmp(key, "gate") == 0)
            put_gate(w, m);
        else if (strcmp(key, "totals") == 0)
            put_object(w, key, m);
        else if (strcmp(key, "exit_reason") == 0 && json_type_of(m) == JSON_STRING)
            put_masked(w, key, json_text(m));
        else if (!is_dropped(report, key))
            copy_value(w, key, m);
    }
    jwrite_end(w);
}

bool merge_put_normal(struct jwrite *w, const json_value *report, struct text *why)
{
    const json_value *runs = json_member(report, "runs"), *r = NULL;

    if (json_type_of(json_member(report, "results")) == JSON_ARRAY) {
        put_run(w, report);
        return true;
    }
    if (json_type_of(runs) != JSON_ARRAY) {
        text_adds(why, "no report of `iperfspec test --json`");
        return false;
    }
    jwrite_object(w, NULL);
    jwrite_int(w, "schema", 1);
    jwrite_array(w, "runs");
    while ((r = json_next(runs, r)))
        put_run(w, r);
    jwrite_end(w);
    jwrite_end(w);
    return true;
}
