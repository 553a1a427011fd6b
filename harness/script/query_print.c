/* query_print.c - a query as text that reads back as the same. */
#include "harness/script/query_tree.h"

/* In single quotes, which take everything as it stands, if they can. */
static void print_text(struct bytes text, struct text *out)
{
    bool is_plain = true;

    for (size_t i = 0; i < text.len; i++)
        is_plain &= text.at[i] >= ' ' && text.at[i] <= '~' && text.at[i] != '\'';
    if (is_plain)
        text_addf(out, "'%s'", (const char *)text.at);
    else
        text_add_quoted(out, text);
}

static void print_fold(const struct query_value *v, struct text *out)
{
    static const struct {
        const char *word;
        enum query_value_kind kind;
    } folds[] = {
#define X(word, kind) {word, kind},
        QUERY_FOLDS(X)
#undef X
    };

    for (size_t i = 0; i < ARRAY_LEN(folds); i++)
        if (folds[i].kind == v->kind)
            text_adds(out, folds[i].word);
    query_print_path(v->path, out);
    text_adds(out, ")");
}

/* Read from left to right, as it was: there are no brackets among operands. */
void query_print_value(const struct query_value *v, struct text *out)
{
    switch (v->kind) {
    case VALUE_NUMBER:
        text_add_number(out, v->number);
        break;
    case VALUE_TEXT:
        print_text(v->text, out);
        break;
    case VALUE_BOOL:
        text_adds(out, v->truth ? "true" : "false");
        break;
    case VALUE_NULL:
        text_adds(out, "null");
        break;
    case VALUE_FACT:
        text_addf(out, "%s(%.0f)", query_fact_words[v->fact], v->number);
        break;
    case VALUE_PATH:
        query_print_path(v->path, out);
        break;
    case VALUE_ARITH:
        query_print_value(v->left, out);
        text_addf(out, " %c ", v->arith);
        query_print_value(v->right, out);
        break;
    default:
        print_fold(v, out);
    }
}

void query_print_path(const struct query_step *path, struct text *out)
{
    static const char *const messages[] = {
#define X(name, word) word,
        QUERY_MESSAGES(X)
#undef X
    };

    for (; path; path = path->next) {
        if (path->kind == STEP_MESSAGE) {
            text_adds(out, messages[path->message]);
        } else if (path->kind == STEP_KEY) {
            text_addf(out, ".%s", path->key);
        } else if (path->kind == STEP_ALL) {
            text_adds(out, "[]");
        } else if (path->kind == STEP_INDEX) {
            text_addf(out, "[%zu]", path->index);
        } else {
            text_addf(out, "[%s %s ", path->key, query_op_words[path->op]);
            query_print_value(&path->value, out);
            text_adds(out, "]");
        }
    }
}

static void print_inner(const struct query *q, bool wrap, struct text *out)
{
    text_adds(out, wrap ? "(" : "");
    query_print(q, out);
    text_adds(out, wrap ? ")" : "");
}

static const char *type_word(enum json_type type)
{
    switch (type) {
#define X(word, value)                                                                             \
    case value:                                                                                    \
        return word;
        QUERY_TYPES(X)
#undef X
    default:
        return "";
    }
}

static void print_claim(const struct query *q, struct text *out)
{
    if (q->fold)
        query_print_value(q->fold, out);
    else
        query_print_path(q->path, out);
    if (q->kind == QUERY_EXISTS) {
        text_adds(out, " exists");
    } else if (q->kind == QUERY_IS) {
        text_addf(out, " is %s", type_word(q->type));
    } else {
        text_addf(out, " %s ", q->kind == QUERY_CONTAINS ? "contains" : query_op_words[q->op]);
        query_print_value(&q->value, out);
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
