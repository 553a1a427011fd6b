#include "harness/script/query.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum op { OP_EQ, OP_NE, OP_LE, OP_GE, OP_LT, OP_GT, N_OPS };
static const char *const op_names[] = {"==", "!=", "<=", ">=", "<", ">"};

enum value_kind { VALUE_NUMBER, VALUE_TEXT, VALUE_BOOL, VALUE_NULL, VALUE_SENT, VALUE_RECEIVED };
struct value {
    enum value_kind kind;
    double number;
    bool truth;
    const char *text;
};

struct step {
    enum { STEP_KEY, STEP_INDEX, STEP_MATCH } kind;
    const char *key;
    size_t index;
    enum op op;
    struct value value;
    struct step *next;
};

enum query_kind { QUERY_OR, QUERY_AND, QUERY_NOT, QUERY_EXISTS, QUERY_COMPARE };
struct query {
    enum query_kind kind;
    struct query *left, *right;
    struct step *path;
    enum op op;
    struct value value;
};

/* --- reading --------------------------------------------------------------------------------- */

static void blanks(struct cursor *c)
{
    while (c->text[c->at] == ' ' || c->text[c->at] == '\t')
        c->at++;
}

static char *name_at(struct cursor *c)
{
    size_t len = 0;
    const char *s = c->text + c->at;

    while (isalnum((unsigned char)s[len]) || s[len] == '_')
        len++;
    if (len == 0) {
        cursor_fail(c, c->at, "a key");
        return NULL;
    }
    c->at += len;
    return arena_copy(c->arena, s, len);
}

static bool op_at(struct cursor *c, enum op *op)
{
    blanks(c);
    for (unsigned i = 0; i < N_OPS; i++) {
        size_t len = strlen(op_names[i]);
        if (strncmp(c->text + c->at, op_names[i], len) == 0) {
            c->at += len;
            *op = (enum op)i;
            return true;
        }
    }
    return cursor_fail(c, SIZE_MAX, "one of == != < <= > >= or 'exists'");
}

/* sent(3), received(1) */
static bool fact_at(struct cursor *c, struct value *v)
{
    static const struct {
        const char *word;
        enum value_kind kind;
    } facts[] = {
        {"sent(",     VALUE_SENT    },
        {"received(", VALUE_RECEIVED},
    };

    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        size_t len = strlen(facts[i].word);
        char *end;
        if (strncmp(c->text + c->at, facts[i].word, len) != 0)
            continue;
        v->kind = facts[i].kind;
        v->number = (double)strtol(c->text + c->at + len, &end, 10);
        if (*end != ')')
            return cursor_fail(c, c->at, "%sID)", facts[i].word);
        c->at = (size_t)(end - c->text) + 1;
        return true;
    }
    return false;
}

static bool value_at(struct cursor *c, struct value *v)
{
    static const struct {
        const char *word;
        struct value value;
    } words[] = {
        {"true",  {.kind = VALUE_BOOL, .truth = true}},
        {"false", {.kind = VALUE_BOOL}               },
        {"null",  {.kind = VALUE_NULL}               },
    };
    char *end;

    blanks(c);
    if (c->text[c->at] == '"' || c->text[c->at] == '\'') {
        struct bytes text;
        if (!cursor_quoted(c, &text))
            return false;
        *v = (struct value){.kind = VALUE_TEXT, .text = (const char *)text.at};
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strncmp(c->text + c->at, words[i].word, strlen(words[i].word)) == 0) {
            *v = words[i].value;
            c->at += strlen(words[i].word);
            return true;
        }
    }
    if (fact_at(c, v))
        return true;
    *v = (struct value){.kind = VALUE_NUMBER, .number = strtod(c->text + c->at, &end)};
    if (end == c->text + c->at || !isfinite(v->number))
        return cursor_fail(c, SIZE_MAX,
                           "a number, a text in quotes, true, false, null or sent(ID)");
    c->at = (size_t)(end - c->text);
    return true;
}

static bool bracket(struct cursor *c, struct step *step)
{
    if (isdigit((unsigned char)c->text[c->at])) {
        char *end;
        step->kind = STEP_INDEX;
        step->index = strtoul(c->text + c->at, &end, 10);
        c->at = (size_t)(end - c->text);
    } else {
        step->kind = STEP_MATCH;
        step->key = name_at(c);
        if (!step->key || !op_at(c, &step->op) || !value_at(c, &step->value))
            return false;
        blanks(c);
    }
    if (c->text[c->at] != ']')
        return cursor_fail(c, c->at, "']'");
    c->at++;
    return true;
}

static bool path_at(struct cursor *c, struct step **path)
{
    blanks(c);
    if (c->text[c->at] != '.' && c->text[c->at] != '[')
        return cursor_fail(c, SIZE_MAX, "a path such as .streams[0].bytes");
    while (c->text[c->at] == '.' || c->text[c->at] == '[') {
        struct step *step = arena_alloc(c->arena, sizeof *step);
        if (c->text[c->at++] == '[') {
            if (!bracket(c, step))
                return false;
        } else if (!(step->key = name_at(c))) {
            return false;
        }
        *path = step;
        path = &step->next;
    }
    return true;
}

static struct query *new_node(struct cursor *c, enum query_kind kind)
{
    struct query *q = arena_alloc(c->arena, sizeof *q);

    q->kind = kind;
    return q;
}

static struct query *not_at(struct cursor *c)
{
    if (cursor_take(c, "not")) {
        struct query *q = new_node(c, QUERY_NOT);
        q->left = not_at(c);
        return q->left ? q : NULL;
    }
    blanks(c);
    if (c->text[c->at] == '(') {
        c->at++;
        struct query *q = query_parse(c);
        blanks(c);
        if (q && c->text[c->at] != ')') {
            cursor_fail(c, c->at, "')'");
            return NULL;
        }
        c->at++;
        return q;
    }
    struct query *q = new_node(c, QUERY_COMPARE);
    if (!path_at(c, &q->path))
        return NULL;
    blanks(c);
    if (strncmp(c->text + c->at, "exists", 6) == 0) {
        c->at += 6;
        q->kind = QUERY_EXISTS;
        return q;
    }
    return op_at(c, &q->op) && value_at(c, &q->value) ? q : NULL;
}

static struct query *chain(struct cursor *c, const char *word, enum query_kind kind,
                           struct query *(*inner)(struct cursor *))
{
    struct query *q = inner(c);

    while (q && cursor_take(c, word)) {
        struct query *both = new_node(c, kind);
        both->left = q;
        both->right = inner(c);
        q = both->right ? both : NULL;
    }
    return q;
}

static struct query *and_at(struct cursor *c)
{
    return chain(c, "and", QUERY_AND, not_at);
}

struct query *query_parse(struct cursor *c)
{
    return chain(c, "or", QUERY_OR, and_at);
}

/* --- judging --------------------------------------------------------------------------------- */

static bool ordered(enum op op, int sign)
{
    switch (op) {
    case OP_EQ:
        return sign == 0;
    case OP_NE:
        return sign != 0;
    case OP_LT:
        return sign < 0;
    case OP_LE:
        return sign <= 0;
    case OP_GT:
        return sign > 0;
    default:
        return sign >= 0;
    }
}

static bool number_is(double found, enum op op, double wanted)
{
    return ordered(op, (found > wanted) - (found < wanted));
}

static bool compare(const json_value *found, enum op op, const struct value *v,
                    const struct query_facts *facts)
{
    double known;

    switch (v->kind) {
    case VALUE_NUMBER:
        return json_type_of(found) == JSON_NUMBER && number_is(json_double(found), op, v->number);
    case VALUE_SENT:
    case VALUE_RECEIVED:
        return json_type_of(found) == JSON_NUMBER && facts &&
               facts->bytes(facts->context, v->kind == VALUE_SENT, (int64_t)v->number, &known) &&
               number_is(json_double(found), op, known);
    case VALUE_TEXT:
        return json_type_of(found) == JSON_STRING && ordered(op, strcmp(json_text(found), v->text));
    case VALUE_BOOL:
        return json_type_of(found) == JSON_BOOL && ordered(op, json_bool(found) - v->truth);
    default:
        return ordered(op, json_type_of(found) == JSON_NULL ? 0 : 1);
    }
}

static const json_value *member(const json_value *in, const char *key)
{
    const json_value *at = NULL;

    if (json_type_of(in) != JSON_OBJECT)
        return NULL;
    while ((at = json_next(in, at)))
        if (strcmp(json_key(at), key) == 0)
            return at;
    return NULL;
}

static const json_value *element(const json_value *in, const struct step *step,
                                 const struct query_facts *facts)
{
    const json_value *at = NULL;
    size_t i = 0;

    if (json_type_of(in) != JSON_ARRAY)
        return NULL;
    while ((at = json_next(in, at))) {
        if (step->kind == STEP_INDEX
                ? i++ == step->index
                : compare(member(at, step->key), step->op, &step->value, facts))
            return at;
    }
    return NULL;
}

static const json_value *follow(const struct step *path, const json_value *at,
                                const struct query_facts *facts)
{
    for (; path && at; path = path->next)
        at = path->kind == STEP_KEY ? member(at, path->key) : element(at, path, facts);
    return at;
}

static void print_value(const struct value *v, struct text *out)
{
    if (v->kind == VALUE_NUMBER)
        text_addf(out, "%.17g", v->number);
    else if (v->kind == VALUE_TEXT)
        text_addf(out, "'%s'", v->text);
    else if (v->kind == VALUE_BOOL)
        text_adds(out, v->truth ? "true" : "false");
    else if (v->kind == VALUE_NULL)
        text_adds(out, "null");
    else
        text_addf(out, "%s(%.0f)", v->kind == VALUE_SENT ? "sent" : "received", v->number);
}

static void print_path(const struct step *path, struct text *out)
{
    for (; path; path = path->next) {
        if (path->kind == STEP_KEY) {
            text_addf(out, ".%s", path->key);
        } else if (path->kind == STEP_INDEX) {
            text_addf(out, "[%zu]", path->index);
        } else {
            text_addf(out, "[%s %s ", path->key, op_names[path->op]);
            print_value(&path->value, out);
            text_adds(out, "]");
        }
    }
}

static void explain(const struct query *q, const json_value *found, const struct query_facts *facts,
                    struct text *why)
{
    double known;

    if (!why || why->len > 0)
        return;
    print_path(q->path, why);
    char *shown = found ? json_print(found) : NULL;
    text_addf(why, " is %.200s", shown ? shown : "missing");
    free(shown);
    if (q->kind == QUERY_COMPARE &&
        (q->value.kind == VALUE_SENT || q->value.kind == VALUE_RECEIVED) && facts &&
        facts->bytes(facts->context, q->value.kind == VALUE_SENT, (int64_t)q->value.number, &known))
        text_addf(why, ", and we %s %.0f", q->value.kind == VALUE_SENT ? "sent" : "received",
                  known);
}

bool query_holds(const struct query *q, const json_value *root, const struct query_facts *facts,
                 struct text *why)
{
    const json_value *found;
    bool holds;

    switch (q->kind) {
    case QUERY_OR:
        return query_holds(q->left, root, facts, NULL) || query_holds(q->right, root, facts, why);
    case QUERY_AND:
        return query_holds(q->left, root, facts, why) && query_holds(q->right, root, facts, why);
    case QUERY_NOT:
        holds = !query_holds(q->left, root, facts, NULL);
        if (!holds && why && why->len == 0)
            text_adds(why, "the opposite holds");
        return holds;
    default:
        found = follow(q->path, root, facts);
        holds = q->kind == QUERY_EXISTS ? found != NULL
                                        : found && compare(found, q->op, &q->value, facts);
        if (!holds)
            explain(q, found, facts, why);
        return holds;
    }
}

static void print_inner(const struct query *q, bool wrap, struct text *out)
{
    text_adds(out, wrap ? "(" : "");
    query_print(q, out);
    text_adds(out, wrap ? ")" : "");
}

void query_print(const struct query *q, struct text *out)
{
    switch (q->kind) {
    case QUERY_OR:
    case QUERY_AND:
        print_inner(q->left, q->kind == QUERY_AND && q->left->kind == QUERY_OR, out);
        text_adds(out, q->kind == QUERY_OR ? " or " : " and ");
        print_inner(q->right, q->right->kind == QUERY_OR || q->right->kind == q->kind, out);
        break;
    case QUERY_NOT:
        text_adds(out, "not ");
        print_inner(q->left, q->left->kind == QUERY_OR || q->left->kind == QUERY_AND, out);
        break;
    default:
        print_path(q->path, out);
        if (q->kind == QUERY_EXISTS) {
            text_adds(out, " exists");
        } else {
            text_addf(out, " %s ", op_names[q->op]);
            print_value(&q->value, out);
        }
    }
}
