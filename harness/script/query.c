#include "harness/script/query.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum op { OP_EQ, OP_NE, OP_LE, OP_GE, OP_LT, OP_GT, N_OPS };
static const char *const op_names[] = {"==", "!=", "<=", ">=", "<", ">"};

enum value_kind {
    VALUE_NUMBER,
    VALUE_TEXT,
    VALUE_BOOL,
    VALUE_NULL,
    VALUE_FACT,  /* of a stream: sent(3) */
    VALUE_PATH,  /* what stands there in the same message */
    VALUE_SUM,   /* of the numbers at the path: .streams[].bytes */
    VALUE_COUNT, /* how many values are there */
    VALUE_LEN,   /* members, elements or characters of the one value there */
    VALUE_ARITH, /* left (+ - * /) right */
};
struct value {
    enum value_kind kind;
    double number; /* FACT: the stream's id */
    enum query_fact fact;
    bool truth;
    const char *text;
    struct step *path;
    struct value *left, *right;
    char arith;
};

#define DEPTH_MAX 64 /* of brackets and nots, and operands in one sum */

struct step {
    enum { STEP_KEY, STEP_INDEX, STEP_MATCH, STEP_ALL } kind;
    const char *key;
    size_t index;
    enum op op;
    struct value value;
    struct step *next;
};

enum query_kind {
    QUERY_OR,
    QUERY_AND,
    QUERY_NOT,
    QUERY_EXISTS,
    QUERY_IS,       /* of a type */
    QUERY_CONTAINS, /* a text in a text */
    QUERY_COMPARE,
};
struct query {
    enum query_kind kind;
    struct query *left, *right;
    struct step *path;
    struct value *fold; /* COMPARE: sum(), sent() and the like in place of a path; or NULL */
    enum op op;
    enum json_type type; /* IS */
    struct value value;  /* COMPARE, CONTAINS */
};

static const struct {
    const char *word;
    enum json_type type;
} types[] = {
    {"number",  JSON_NUMBER},
    {"string",  JSON_STRING},
    {"boolean", JSON_BOOL  },
    {"object",  JSON_OBJECT},
    {"array",   JSON_ARRAY },
    {"null",    JSON_NULL  },
};

static const struct {
    const char *word;
    enum value_kind kind;
} folds[] = {
    {"sum(",   VALUE_SUM  },
    {"count(", VALUE_COUNT},
    {"len(",   VALUE_LEN  },
};

static const char *const fact_words[] = {
#define X(name, word) word,
    QUERY_FACTS(X)
#undef X
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

/* sent(3), jitter(1) */
static bool fact_at(struct cursor *c, struct value *v)
{
    for (size_t i = 0; i < ARRAY_LEN(fact_words); i++) {
        size_t len = strlen(fact_words[i]);
        char *end;
        if (strncmp(c->text + c->at, fact_words[i], len) != 0 || c->text[c->at + len] != '(')
            continue;
        v->kind = VALUE_FACT;
        v->fact = (enum query_fact)i;
        v->number = (double)strtol(c->text + c->at + len + 1, &end, 10);
        if (*end != ')')
            return cursor_fail(c, c->at, "%s(ID)", fact_words[i]);
        c->at = (size_t)(end - c->text) + 1;
        return true;
    }
    return false;
}

/* sent stream 3 bytes */
static bool long_fact_at(struct cursor *c, struct value *v)
{
    int64_t id;

    if (!cursor_take(c, "sent") && !cursor_take(c, "received"))
        return false;
    v->kind = VALUE_FACT;
    v->fact = c->text[c->at - 1] == 't' ? QUERY_SENT : QUERY_RECEIVED;
    if (!cursor_need_word(c, "stream") || !cursor_int(c, "the id of a stream", 1, 100000, &id) ||
        !cursor_need_word(c, "bytes"))
        return false;
    v->number = (double)id;
    return true;
}

static bool path_at(struct cursor *c, bool all, struct step **path);

/* sum(PATH), count(PATH), len(PATH) */
static bool fold_at(struct cursor *c, struct value *v)
{
    for (size_t i = 0; i < ARRAY_LEN(folds); i++) {
        size_t len = strlen(folds[i].word);
        if (strncmp(c->text + c->at, folds[i].word, len) != 0)
            continue;
        c->at += len;
        v->kind = folds[i].kind;
        if (!path_at(c, v->kind != VALUE_LEN, &v->path))
            return false;
        blanks(c);
        if (c->text[c->at] != ')')
            return cursor_fail(c, c->at, "')'");
        c->at++;
        return true;
    }
    return false;
}

static bool constant_at(struct cursor *c, struct value *v)
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
    *v = (struct value){0};
    if (c->text[c->at] == '.' || c->text[c->at] == '[') {
        v->kind = VALUE_PATH;
        return path_at(c, false, &v->path);
    }
    if (fact_at(c, v) || long_fact_at(c, v) || fold_at(c, v))
        return true;
    if (c->error->line)
        return false;
    *v = (struct value){.kind = VALUE_NUMBER, .number = strtod(c->text + c->at, &end)};
    if (end == c->text + c->at || !isfinite(v->number))
        return cursor_fail(
            c, SIZE_MAX,
            "a number, a text in quotes, true, false, null, a path, sent(ID) or sum(PATH)");
    c->at = (size_t)(end - c->text);
    return true;
}

static bool is_numeric(const struct value *v)
{
    return v->kind == VALUE_NUMBER || v->kind >= VALUE_FACT;
}

/* What follows an operand: * and / bind more than + and -. */
static bool arith_at(struct cursor *c, struct value *v, const char *signs)
{
    const char *inner = *signs == '+' ? "*/" : NULL;

    for (int n = 0;; n++) {
        blanks(c);
        char sign = c->text[c->at];
        if (!sign || !strchr(signs, sign) || !is_numeric(v))
            return true;
        if (n == DEPTH_MAX)
            return cursor_fail(c, c->at, "at most %d operands", DEPTH_MAX);
        c->at++;
        struct value *left = arena_alloc(c->arena, sizeof *left);
        struct value *right = arena_alloc(c->arena, sizeof *right);
        *left = *v;
        size_t at = (blanks(c), c->at);
        if (!constant_at(c, right) || (inner && !arith_at(c, right, inner)))
            return false;
        if (!is_numeric(right))
            return cursor_fail(c, at, "a number, or what stands for one");
        *v = (struct value){.kind = VALUE_ARITH, .left = left, .right = right, .arith = sign};
    }
}

static bool value_at(struct cursor *c, struct value *v)
{
    return constant_at(c, v) && arith_at(c, v, "*/") && arith_at(c, v, "+-");
}

static bool bracket(struct cursor *c, bool all, struct step *step)
{
    if (c->text[c->at] == ']') {
        step->kind = STEP_ALL;
        if (!all)
            return cursor_fail(c, c->at, "an index, or a search such as [id == 1]");
    } else if (isdigit((unsigned char)c->text[c->at])) {
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

static bool path_at(struct cursor *c, bool all, struct step **path)
{
    blanks(c);
    if (c->text[c->at] != '.' && c->text[c->at] != '[')
        return cursor_fail(c, SIZE_MAX, "a path such as .streams[0].bytes");
    while (c->text[c->at] == '.' || c->text[c->at] == '[') {
        struct step *step = arena_alloc(c->arena, sizeof *step);
        if (c->text[c->at++] == '[') {
            if (!bracket(c, all, step))
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

static bool type_at(struct cursor *c, enum json_type *type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strncmp(c->text + c->at, types[i].word, strlen(types[i].word)) != 0)
            continue;
        c->at += strlen(types[i].word);
        *type = types[i].type;
        return true;
    }
    return cursor_fail(c, SIZE_MAX, "number, string, boolean, object, array or null");
}

/* `PATH exists`, `PATH is TYPE`, `PATH contains TEXT`, `OPERAND op VALUE` */
static bool claim_at(struct cursor *c, struct query *q)
{
    struct value fold = {0};

    blanks(c);
    if (fold_at(c, &fold) || fact_at(c, &fold)) {
        q->fold = arena_alloc(c->arena, sizeof *q->fold);
        *q->fold = fold;
        return op_at(c, &q->op) && value_at(c, &q->value);
    }
    if (c->error->line || !path_at(c, false, &q->path))
        return false;
    blanks(c);
    if (strncmp(c->text + c->at, "exists", 6) == 0) {
        c->at += 6;
        q->kind = QUERY_EXISTS;
        return true;
    }
    if (cursor_take(c, "is")) {
        q->kind = QUERY_IS;
        blanks(c);
        return type_at(c, &q->type);
    }
    if (!cursor_take(c, "contains"))
        return op_at(c, &q->op) && value_at(c, &q->value);
    q->kind = QUERY_CONTAINS;
    size_t at = (blanks(c), c->at);
    return constant_at(c, &q->value) &&
           (q->value.kind == VALUE_TEXT || cursor_fail(c, at, "a text in quotes"));
}

static struct query *or_at(struct cursor *c, int depth);

static struct query *not_at(struct cursor *c, int depth)
{
    if (depth == DEPTH_MAX) {
        cursor_fail(c, c->at, "at most %d brackets and nots inside each other", DEPTH_MAX);
        return NULL;
    }
    if (cursor_take(c, "not")) {
        struct query *q = new_node(c, QUERY_NOT);
        q->left = not_at(c, depth + 1);
        return q->left ? q : NULL;
    }
    blanks(c);
    if (c->text[c->at] == '(') {
        c->at++;
        struct query *q = or_at(c, depth + 1);
        blanks(c);
        if (q && c->text[c->at] != ')') {
            cursor_fail(c, c->at, "')'");
            return NULL;
        }
        c->at += q != NULL;
        return q;
    }
    struct query *q = new_node(c, QUERY_COMPARE);
    return claim_at(c, q) ? q : NULL;
}

static struct query *chain(struct cursor *c, int depth, const char *word, enum query_kind kind,
                           struct query *(*inner)(struct cursor *, int))
{
    struct query *q = inner(c, depth);

    for (int n = 0; q && cursor_take(c, word); n++) {
        struct query *both = new_node(c, kind);
        if (n == DEPTH_MAX) {
            cursor_fail(c, c->at, "at most %d in a row", DEPTH_MAX);
            return NULL;
        }
        both->left = q;
        both->right = inner(c, depth);
        q = both->right ? both : NULL;
    }
    return q;
}

static struct query *and_at(struct cursor *c, int depth)
{
    return chain(c, depth, "and", QUERY_AND, not_at);
}

static struct query *or_at(struct cursor *c, int depth)
{
    return chain(c, depth, "or", QUERY_OR, and_at);
}

struct query *query_parse(struct cursor *c)
{
    return or_at(c, 0);
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

/* The message that is asked, and what is known beside it. */
struct asked {
    const json_value *root;
    const struct query_facts *facts;
};

static bool compare(const json_value *found, enum op op, const struct value *v,
                    const struct asked *asked);

static const json_value *element(const json_value *in, const struct step *step,
                                 const struct asked *asked)
{
    const json_value *at = NULL;
    size_t i = 0;

    if (json_type_of(in) != JSON_ARRAY)
        return NULL;
    while ((at = json_next(in, at))) {
        if (step->kind == STEP_INDEX
                ? i++ == step->index
                : compare(member(at, step->key), step->op, &step->value, asked))
            return at;
    }
    return NULL;
}

static const json_value *follow(const struct step *path, const json_value *at,
                                const struct asked *asked)
{
    for (; path && at; path = path->next)
        at = path->kind == STEP_KEY ? member(at, path->key) : element(at, path, asked);
    return at;
}

/* Every value at a path that may fan out. */
static void fold(const struct step *path, const json_value *at, const struct asked *asked,
                 double *sum, double *count)
{
    const json_value *next = NULL;

    for (; path && at && path->kind != STEP_ALL; path = path->next)
        at = path->kind == STEP_KEY ? member(at, path->key) : element(at, path, asked);
    if (path && at && json_type_of(at) == JSON_ARRAY) {
        while ((next = json_next(at, next)))
            fold(path->next, next, asked, sum, count);
    } else if (!path && at) {
        *sum += json_type_of(at) == JSON_NUMBER ? json_double(at) : 0;
        *count += 1;
    }
}

static double length_of(const json_value *at)
{
    const json_value *next = NULL;
    double n = 0;

    if (json_type_of(at) == JSON_STRING)
        return (double)strlen(json_text(at));
    while ((json_type_of(at) == JSON_OBJECT || json_type_of(at) == JSON_ARRAY) &&
           (next = json_next(at, next)))
        n++;
    return n;
}

static double arithmetic(char sign, double left, double right)
{
    switch (sign) {
    case '+':
        return left + right;
    case '-':
        return left - right;
    case '*':
        return left * right;
    default:
        return left / right;
    }
}

/* What stands for a number; false if nothing does. */
static bool number_of(const struct value *v, const struct asked *asked, double *out)
{
    double left, right, sum = 0, count = 0;
    const json_value *at;

    switch (v->kind) {
    case VALUE_NUMBER:
        *out = v->number;
        return true;
    case VALUE_FACT:
        return asked->facts &&
               asked->facts->of_stream(asked->facts->context, v->fact, (int64_t)v->number, out);
    case VALUE_PATH:
    case VALUE_LEN:
        at = follow(v->path, asked->root, asked);
        if (!at || (v->kind == VALUE_PATH && json_type_of(at) != JSON_NUMBER))
            return false;
        *out = v->kind == VALUE_PATH ? json_double(at) : length_of(at);
        return true;
    case VALUE_SUM:
    case VALUE_COUNT:
        fold(v->path, asked->root, asked, &sum, &count);
        *out = v->kind == VALUE_SUM ? sum : count;
        return true;
    case VALUE_ARITH:
        if (!number_of(v->left, asked, &left) || !number_of(v->right, asked, &right))
            return false;
        *out = arithmetic(v->arith, left, right);
        return true;
    default:
        return false;
    }
}

static bool same_type(const json_value *found, enum op op, const json_value *other)
{
    if (json_type_of(found) != json_type_of(other))
        return op == OP_NE && other;
    switch (json_type_of(found)) {
    case JSON_NUMBER:
        return number_is(json_double(found), op, json_double(other));
    case JSON_STRING:
        return ordered(op, strcmp(json_text(found), json_text(other)));
    case JSON_BOOL:
        return ordered(op, json_bool(found) - json_bool(other));
    default:
        return json_type_of(found) == JSON_NULL && ordered(op, 0);
    }
}

static bool compare(const json_value *found, enum op op, const struct value *v,
                    const struct asked *asked)
{
    double known;

    switch (v->kind) {
    case VALUE_TEXT:
        return json_type_of(found) == JSON_STRING && ordered(op, strcmp(json_text(found), v->text));
    case VALUE_BOOL:
        return json_type_of(found) == JSON_BOOL && ordered(op, json_bool(found) - v->truth);
    case VALUE_NULL:
        return ordered(op, json_type_of(found) == JSON_NULL ? 0 : 1);
    case VALUE_PATH:
        return same_type(found, op, follow(v->path, asked->root, asked));
    default:
        return json_type_of(found) == JSON_NUMBER && number_of(v, asked, &known) &&
               number_is(json_double(found), op, known);
    }
}

static void print_path(const struct step *path, struct text *out);

static void print_value(const struct value *v, struct text *out);

static void print_fold(const struct value *v, struct text *out)
{
    for (size_t i = 0; i < ARRAY_LEN(folds); i++)
        if (folds[i].kind == v->kind)
            text_adds(out, folds[i].word);
    print_path(v->path, out);
    text_adds(out, ")");
}

/* Read from left to right, as it was: there are no brackets among operands. */
static void print_value(const struct value *v, struct text *out)
{
    switch (v->kind) {
    case VALUE_NUMBER:
        text_addf(out, "%.17g", v->number);
        break;
    case VALUE_TEXT:
        text_addf(out, "'%s'", v->text);
        break;
    case VALUE_BOOL:
        text_adds(out, v->truth ? "true" : "false");
        break;
    case VALUE_NULL:
        text_adds(out, "null");
        break;
    case VALUE_FACT:
        text_addf(out, "%s(%.0f)", fact_words[v->fact], v->number);
        break;
    case VALUE_PATH:
        print_path(v->path, out);
        break;
    case VALUE_ARITH:
        print_value(v->left, out);
        text_addf(out, " %c ", v->arith);
        print_value(v->right, out);
        break;
    default:
        print_fold(v, out);
    }
}

static void print_path(const struct step *path, struct text *out)
{
    for (; path; path = path->next) {
        if (path->kind == STEP_KEY) {
            text_addf(out, ".%s", path->key);
        } else if (path->kind == STEP_ALL) {
            text_adds(out, "[]");
        } else if (path->kind == STEP_INDEX) {
            text_addf(out, "[%zu]", path->index);
        } else {
            text_addf(out, "[%s %s ", path->key, op_names[path->op]);
            print_value(&path->value, out);
            text_adds(out, "]");
        }
    }
}

/* What was found where the claim failed. */
static void explain(const struct query *q, const json_value *found, const struct asked *asked,
                    struct text *why)
{
    double known;

    if (!why || why->len > 0)
        return;
    if (q->fold) {
        print_value(q->fold, why);
        if (number_of(q->fold, asked, &known))
            text_addf(why, " is %.17g", known);
    } else {
        print_path(q->path, why);
        char *shown = found ? json_print(found) : NULL;
        text_addf(why, " is %.200s", shown ? shown : "missing");
        free(shown);
    }
    if (q->kind != QUERY_COMPARE || q->value.kind < VALUE_FACT ||
        !number_of(&q->value, asked, &known))
        return;
    if (q->value.kind == VALUE_FACT && q->value.fact <= QUERY_RECEIVED) {
        text_addf(why, ", and we %s %.0f", fact_words[q->value.fact], known);
    } else {
        text_adds(why, ", and ");
        print_value(&q->value, why);
        text_addf(why, " is %.17g", known);
    }
}

static bool claim_holds(const struct query *q, const json_value *found, const struct asked *asked)
{
    double left, right;

    if (q->fold)
        return number_of(q->fold, asked, &left) && number_of(&q->value, asked, &right) &&
               number_is(left, q->op, right);
    switch (q->kind) {
    case QUERY_EXISTS:
        return found != NULL;
    case QUERY_IS:
        return found && json_type_of(found) == q->type;
    case QUERY_CONTAINS:
        return found && json_type_of(found) == JSON_STRING &&
               strstr(json_text(found), q->value.text) != NULL;
    default:
        return found && compare(found, q->op, &q->value, asked);
    }
}

bool query_holds(const struct query *q, const json_value *root, const struct query_facts *facts,
                 struct text *why)
{
    const struct asked asked = {root, facts};
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
        found = q->fold ? NULL : follow(q->path, root, &asked);
        holds = claim_holds(q, found, &asked);
        if (!holds)
            explain(q, found, &asked, why);
        return holds;
    }
}

static void print_inner(const struct query *q, bool wrap, struct text *out)
{
    text_adds(out, wrap ? "(" : "");
    query_print(q, out);
    text_adds(out, wrap ? ")" : "");
}

static void print_claim(const struct query *q, struct text *out)
{
    if (q->fold)
        print_value(q->fold, out);
    else
        print_path(q->path, out);
    if (q->kind == QUERY_EXISTS) {
        text_adds(out, " exists");
    } else if (q->kind == QUERY_IS) {
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
            if (types[i].type == q->type)
                text_addf(out, " is %s", types[i].word);
    } else {
        text_addf(out, " %s ", q->kind == QUERY_CONTAINS ? "contains" : op_names[q->op]);
        print_value(&q->value, out);
    }
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
        print_claim(q, out);
    }
}
