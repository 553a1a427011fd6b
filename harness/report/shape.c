#include "harness/report/shape.h"

#include "harness/report/model.h"
#include "harness/report/report.h"

#include <string.h>

/* --- words ------------------------------------------------------------------------------------ */

bool shape_find_verdict(const char *word, enum suite_verdict *out)
{
    for (int v = 0; v < SUITE_N_VERDICTS; v++)
        if (strcmp(word, suite_verdict_word((enum suite_verdict)v)) == 0)
            return *out = (enum suite_verdict)v, true;
    return false;
}

bool shape_find_standing(const char *word, enum suite_standing *out)
{
    for (int s = 0; s < SUITE_N_STANDINGS; s++)
        if (strcmp(word, suite_standing_word((enum suite_standing)s)) == 0)
            return *out = (enum suite_standing)s, true;
    return false;
}

static bool is_verdict(const char *word)
{
    enum suite_verdict verdict;

    return shape_find_verdict(word, &verdict);
}

static bool is_standing(const char *word)
{
    enum suite_standing standing;

    return shape_find_standing(word, &standing);
}

static bool is_id(const char *word)
{
    return *word != '\0';
}

/* --- what a report has to hold ---------------------------------------------------------------- */

struct member {
    const char *key;
    enum json_type type;
    bool must;                     /* be there */
    enum json_type element;        /* of an array; JSON_ABSENT: any */
    const struct shape *inner;     /* of the object, or of the array's objects; NULL: any */
    bool (*is_good)(const char *); /* of a string; NULL: any */
};

struct shape {
    const struct member *members;
    size_t n;
};
#define ROW(k, ...)                                                                                \
    {                                                                                              \
        .key = k, __VA_ARGS__                                                                      \
    }
#define TEXT(k)           ROW(k, .type = JSON_STRING)
#define NUMBER(k)         ROW(k, .type = JSON_NUMBER)
#define BOOL(k)           ROW(k, .type = JSON_BOOL)
#define OBJECT(k, of)     ROW(k, .type = JSON_OBJECT, .inner = of)
#define LIST(k, t)        ROW(k, .type = JSON_ARRAY, .element = t)
#define HAS(k, t)         ROW(k, .type = t, .must = true)
#define HAS_LIST(k, t)    ROW(k, .type = JSON_ARRAY, .must = true, .element = t)
#define HAS_WORD(k, is)   ROW(k, .type = JSON_STRING, .must = true, .is_good = is)
#define HAS_OBJECT(k, of) ROW(k, .type = JSON_OBJECT, .must = true, .inner = of)
#define HAS_OBJECTS(k, of)                                                                         \
    ROW(k, .type = JSON_ARRAY, .must = true, .element = JSON_OBJECT, .inner = of)
#define SHAPE(name, ...)                                                                           \
    static const struct member name##_members[] = {__VA_ARGS__};                                   \
    static const struct shape name = {name##_members, ARRAY_LEN(name##_members)}

SHAPE(judgement, HAS_WORD("verdict", is_verdict), HAS("cause", JSON_STRING));
SHAPE(subject, TEXT("path"), TEXT("server_cmd"), TEXT("client_cmd"), TEXT("server"), TEXT("banner"),
      TEXT("name"), TEXT("version"), TEXT("package"), TEXT("sha256"), TEXT("profile"));
SHAPE(gate_case, HAS_WORD("id", is_id), HAS("change", JSON_STRING), HAS_OBJECT("base", &judgement),
      HAS_OBJECT("build", &judgement), NUMBER("plays"), NUMBER("worse_plays"));
SHAPE(gate, HAS_OBJECT("base", &subject), HAS_OBJECTS("cases", &gate_case));
SHAPE(finding, HAS_WORD("id", is_id), HAS_OBJECT("fresh", &judgement),
      HAS_OBJECT("kept", &judgement), TEXT("identity"), TEXT("got"), TEXT("known"), NUMBER("line"),
      LIST("sequence", JSON_STRING), BOOL("shows_again"), BOOL("shortest"));
SHAPE(persistent, HAS("cases", JSON_NUMBER), NUMBER("runs"), NUMBER("seed"),
      HAS_OBJECTS("findings", &finding));
SHAPE(shards, HAS("of", JSON_NUMBER), HAS_LIST("parts", JSON_NUMBER));
SHAPE(run, HAS("schema", JSON_NUMBER), HAS_OBJECT("subject", &subject), HAS("exit", JSON_NUMBER),
      HAS("exit_reason", JSON_STRING), HAS("totals", JSON_OBJECT), OBJECT("needs", NULL),
      NUMBER("seconds"), NUMBER("seed"), NUMBER("rounds"), LIST("options", JSON_STRING),
      OBJECT("gate", &gate), OBJECT("persistent", &persistent), OBJECT("shards", &shards));
SHAPE(result, HAS_WORD("id", is_id), HAS_WORD("verdict", is_verdict), HAS("cause", JSON_STRING),
      HAS_WORD("standing", is_standing), HAS("unexpected", JSON_BOOL), BOOL("at_times"),
      TEXT("title"), TEXT("judges"), TEXT("identity"), TEXT("clause"), TEXT("known"), TEXT("skip"),
      TEXT("file"), TEXT("step"), TEXT("got"), TEXT("branches"), TEXT("script"), TEXT("timeline"),
      TEXT("stderr"), TEXT("command"), TEXT("capture"), NUMBER("round"), NUMBER("line"),
      NUMBER("retries"), NUMBER("service_seconds"), NUMBER("seconds"), LIST("clauses", JSON_STRING),
      LIST("script_lines", JSON_NUMBER), LIST("session", JSON_ARRAY),
      LIST("reactions", JSON_OBJECT), OBJECT("again", &judgement));
SHAPE(record_case, HAS_WORD("id", is_id), HAS("cause", JSON_STRING), TEXT("title"), TEXT("clause"),
      TEXT("got"), BOOL("at_times"), HAS_LIST("plays", JSON_ARRAY));
SHAPE(record, HAS_OBJECT("subject", &subject), HAS_LIST("reactions", JSON_OBJECT),
      HAS_OBJECTS("cases", &record_case));

/* --- whether it does -------------------------------------------------------------------------- */

/* Where in a report something stands: "results[3].again.verdict". */
struct place {
    const struct place *outer;
    const char *key; /* NULL: of the run itself */
    bool is_element;
    size_t i;
};

static void say_place(struct text *why, const struct place *at)
{
    if (at->outer && at->outer->key) {
        say_place(why, at->outer);
        text_adds(why, ".");
    }
    text_adds(why, at->key);
    if (at->is_element)
        text_addf(why, "[%zu]", at->i);
}

static bool has_type(const json_value *v, enum json_type type, const struct place *at,
                     struct text *why)
{
    if (json_type_of(v) == type)
        return true;
    say_place(why, at);
    if (v)
        text_addf(why, " is of type %s, expected %s", json_type_name(json_type_of(v)),
                  json_type_name(type));
    else
        text_adds(why, " is missing");
    return false;
}

static bool has_shape(const json_value *object, const struct shape *shape, const struct place *at,
                      struct text *why);

static bool are_elements(const json_value *list, const struct member *m, const struct place *of,
                         struct text *why)
{
    struct place at = {of->outer, m->key, .is_element = true};
    const json_value *v = NULL;

    for (; m->element != JSON_ABSENT && (v = json_next(list, v)); at.i++)
        if (!has_type(v, m->element, &at, why) || (m->inner && !has_shape(v, m->inner, &at, why)))
            return false;
    return true;
}

static bool is_word(const json_value *v, const struct member *m, const struct place *at,
                    struct text *why)
{
    const char *word = json_text(v);

    if (!m->is_good || m->is_good(word))
        return true;
    say_place(why, at);
    text_adds(why, " is ");
    text_add_quoted(why, (struct bytes){(const uint8_t *)word, strnlen(word, 40)});
    text_adds(why, *word ? ", a word that there is not" : "");
    return false;
}

static bool has_member(const json_value *object, const struct member *m, const struct place *of,
                       struct text *why)
{
    const struct place at = {of, m->key, false, 0};
    const json_value *v = json_member(object, m->key);

    if (!v && !m->must)
        return true;
    if (!has_type(v, m->type, &at, why))
        return false;
    if (m->type == JSON_ARRAY)
        return are_elements(v, m, &at, why);
    if (m->type == JSON_STRING)
        return is_word(v, m, &at, why);
    return !m->inner || has_shape(v, m->inner, &at, why);
}

static bool has_shape(const json_value *object, const struct shape *shape, const struct place *at,
                      struct text *why)
{
    for (size_t i = 0; i < shape->n; i++)
        if (!has_member(object, &shape->members[i], at, why))
            return false;
    return true;
}

bool shape_is_result(const json_value *value, struct shape_counts *counts, struct text *why)
{
    const struct place at = {NULL, "results", true, counts->n};
    enum suite_verdict verdict = SUITE_PASS;
    enum suite_standing standing = SUITE_GOOD;

    if (!has_type(value, JSON_OBJECT, &at, why) || !has_shape(value, &result, &at, why))
        return false;
    shape_find_verdict(report_text_of(value, "verdict"), &verdict);
    shape_find_standing(report_text_of(value, "standing"), &standing);
    counts->n++;
    counts->verdicts[verdict]++;
    counts->standings[standing]++;
    return true;
}

/* A count of the totals is what the results add up to: a file that lost some of them makes nothing
 * green. One that is not there is 0. */
static bool agrees(const json_value *totals, const char *word, size_t n, struct text *why)
{
    const json_value *v = json_member(totals, word);
    const struct place top = {0}, at = {&top, "totals", false, 0}, count = {&at, word, false, 0};

    if (v && !has_type(v, JSON_NUMBER, &count, why))
        return false;
    if ((v ? json_double(v) : 0) == (double)n)
        return true;
    text_addf(why, "totals.%s is %.15g, the results have %zu", word, v ? json_double(v) : 0, n);
    return false;
}

static bool are_totals(const json_value *totals, const struct shape_counts *counts,
                       struct text *why)
{
    bool ok = agrees(totals, "cases", counts->n, why);

    for (int i = 0; ok && i < SUITE_N_VERDICTS; i++)
        ok = agrees(totals, suite_verdict_word((enum suite_verdict)i), counts->verdicts[i], why);
    for (int i = SUITE_GOOD + 1; ok && i < SUITE_N_STANDINGS; i++)
        ok = agrees(totals, suite_standing_word((enum suite_standing)i), counts->standings[i], why);
    return ok;
}

bool shape_is_schema(const json_value *head, struct text *why)
{
    const struct place top = {0}, at = {&top, "schema", false, 0};
    const json_value *schema = json_member(head, "schema");

    if (!has_type(schema, JSON_NUMBER, &at, why))
        return false;
    if (json_double(schema) == REPORT_SCHEMA)
        return true;
    text_addf(why, "schema is %.15g, expected %d", json_double(schema), REPORT_SCHEMA);
    return false;
}

bool shape_is_run(const json_value *head, const struct shape_counts *counts, struct text *why)
{
    return shape_is_schema(head, why) && has_shape(head, &run, &(struct place){0}, why) &&
           are_totals(json_member(head, "totals"), counts, why);
}

bool shape_is_record(const json_value *head, struct text *why)
{
    return has_shape(head, &record, &(struct place){0}, why);
}
