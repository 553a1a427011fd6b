/* query_judge.c - whether a query holds for a message, and what was found where it does not. */
#include "harness/script/query_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool ordered(enum query_op op, int sign)
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

static bool number_is(double found, enum query_op op, double wanted)
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

static bool compare(const json_value *found, enum query_op op, const struct query_value *v,
                    const struct asked *asked);

static const json_value *element(const json_value *in, const struct query_step *step,
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

/* Where a path begins; moves it past the name of a message. */
static const json_value *top_of(const struct query_step **path, const struct asked *asked)
{
    const struct query_facts *facts = asked->facts;
    const struct query_step *first = *path;

    if (!first || first->kind != STEP_MESSAGE)
        return asked->root;
    *path = first->next;
    return facts && facts->message ? facts->message(facts->context, first->message) : NULL;
}

static const json_value *follow(const struct query_step *path, const struct asked *asked)
{
    const json_value *at = top_of(&path, asked);

    for (; path && at; path = path->next)
        at = path->kind == STEP_KEY ? member(at, path->key) : element(at, path, asked);
    return at;
}

/* Every value at a path that may fan out. */
static void fold(const struct query_step *path, const json_value *at, const struct asked *asked,
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
static bool number_of(const struct query_value *v, const struct asked *asked, double *out)
{
    double left, right, sum = 0, count = 0;
    const struct query_step *path;
    const json_value *at;

    switch (v->kind) {
    case VALUE_NUMBER:
        *out = v->number;
        return true;
    case VALUE_FACT:
        return asked->facts && asked->facts->of_stream &&
               asked->facts->of_stream(asked->facts->context, v->fact, (int64_t)v->number, out);
    case VALUE_PATH:
    case VALUE_LEN:
        at = follow(v->path, asked);
        if (!at || (v->kind == VALUE_PATH && json_type_of(at) != JSON_NUMBER))
            return false;
        *out = v->kind == VALUE_PATH ? json_double(at) : length_of(at);
        return true;
    case VALUE_SUM:
    case VALUE_COUNT:
        path = v->path;
        at = top_of(&path, asked);
        fold(path, at, asked, &sum, &count);
        *out = v->kind == VALUE_SUM ? sum : count;
        return true;
    case VALUE_ARITH:
        if (!number_of(v->left, asked, &left) || !number_of(v->right, asked, &right))
            return false;
        *out = arithmetic(v->arith, left, right);
        return isfinite(*out); /* a subject may say 0, by which is divided */
    default:
        return false;
    }
}

static bool same_type(const json_value *found, enum query_op op, const json_value *other)
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

static bool compare(const json_value *found, enum query_op op, const struct query_value *v,
                    const struct asked *asked)
{
    double known;

    switch (v->kind) {
    case VALUE_TEXT:
        return json_type_of(found) == JSON_STRING &&
               ordered(op, strcmp(json_text(found), (const char *)v->text.at));
    case VALUE_BOOL:
        return json_type_of(found) == JSON_BOOL && ordered(op, json_bool(found) - v->truth);
    case VALUE_NULL:
        return ordered(op, json_type_of(found) == JSON_NULL ? 0 : 1);
    case VALUE_PATH:
        return same_type(found, op, follow(v->path, asked));
    default:
        return json_type_of(found) == JSON_NUMBER && number_of(v, asked, &known) &&
               number_is(json_double(found), op, known);
    }
}

static void add_known(struct text *why, double known)
{
    text_adds(why, " is ");
    text_add_number(why, known);
}

/* What was found where the claim failed. */
static void explain(const struct query *q, const json_value *found, const struct asked *asked,
                    struct text *why)
{
    double known;

    if (!why || why->len > 0)
        return;
    if (q->fold) {
        query_print_value(q->fold, why);
        if (number_of(q->fold, asked, &known))
            add_known(why, known);
    } else {
        query_print_path(q->path, why);
        char *shown = found ? json_print(found) : NULL;
        text_addf(why, " is %.200s", shown ? shown : "missing");
        free(shown);
    }
    if (q->kind != QUERY_COMPARE || q->value.kind < VALUE_FACT)
        return;
    if (!number_of(&q->value, asked, &known)) {
        if (q->value.kind != VALUE_ARITH)
            return;
        text_adds(why, ", and ");
        query_print_value(&q->value, why);
        text_adds(why, " is no number");
    } else if (q->value.kind == VALUE_FACT && q->value.fact <= QUERY_RECEIVED) {
        text_addf(why, ", and we %s %.0f", query_fact_words[q->value.fact], known);
    } else {
        text_adds(why, ", and ");
        query_print_value(&q->value, why);
        add_known(why, known);
    }
}

/* What was found where something holds that must not. */
static void explain_not(const struct query *q, const struct asked *asked, struct text *why)
{
    if (q->kind >= QUERY_EXISTS) {
        explain(q, q->fold ? NULL : follow(q->path, asked), asked, why);
        return;
    }
    if (!why || why->len > 0)
        return;
    text_adds(why, "it holds that ");
    query_print(q, why);
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
               strstr(json_text(found), (const char *)q->value.text.at) != NULL;
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
        if (!holds)
            explain_not(q->left, &asked, why);
        return holds;
    default:
        found = q->fold ? NULL : follow(q->path, &asked);
        holds = claim_holds(q, found, &asked);
        if (!holds)
            explain(q, found, &asked, why);
        return holds;
    }
}
