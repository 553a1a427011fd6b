/* query.c - claims, and what joins them: reading them. */
#include "harness/script/query_tree.h"

#include <string.h>

static struct query *new_node(struct cursor *c, enum query_kind kind)
{
    struct query *q = arena_alloc(c->arena, sizeof *q);

    q->kind = kind;
    return q;
}

static bool type_at(struct cursor *c, enum json_type *type)
{
    static const struct {
        const char *word;
        enum json_type type;
    } types[] = {
#define X(word, type) {word, type},
        QUERY_TYPES(X)
#undef X
    };

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
    struct query_value fold = {0};

    cursor_blanks(c);
    if (query_read_fold(c, &fold) || query_read_fact(c, &fold)) {
        q->fold = arena_alloc(c->arena, sizeof *q->fold);
        *q->fold = fold;
        return query_read_op(c, &q->op) && query_read_value(c, &q->value);
    }
    if (c->error->line || !query_read_path(c, &q->path))
        return false;
    cursor_blanks(c);
    if (strncmp(c->text + c->at, "exists", 6) == 0) {
        c->at += 6;
        q->kind = QUERY_EXISTS;
        return true;
    }
    if (cursor_take(c, "is")) {
        q->kind = QUERY_IS;
        cursor_blanks(c);
        return type_at(c, &q->type);
    }
    if (!cursor_take(c, "contains"))
        return query_read_op(c, &q->op) && query_read_value(c, &q->value);
    q->kind = QUERY_CONTAINS;
    size_t at = (cursor_blanks(c), c->at);
    return query_read_constant(c, &q->value) &&
           (q->value.kind == VALUE_TEXT || cursor_fail(c, at, "a text in quotes"));
}

static struct query *or_at(struct cursor *c, int depth);

static struct query *not_at(struct cursor *c, int depth)
{
    if (depth == QUERY_DEPTH_MAX) {
        cursor_fail(c, c->at, "at most %d brackets and nots inside each other", QUERY_DEPTH_MAX);
        return NULL;
    }
    if (cursor_take(c, "not")) {
        struct query *q = new_node(c, QUERY_NOT);
        q->left = not_at(c, depth + 1);
        return q->left ? q : NULL;
    }
    cursor_blanks(c);
    if (c->text[c->at] == '(') {
        c->at++;
        struct query *q = or_at(c, depth + 1);
        cursor_blanks(c);
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

/* `or` may also be the next event's: `results where .a exists or end`. */
static bool goes_on(struct cursor *c, const char *word)
{
    struct cursor look = *c;

    if (!cursor_take(&look, word))
        return false;
    size_t behind = look.at;
    bool is_claim =
        query_at_operand(&look) || look.text[look.at] == '(' || cursor_take(&look, "not");
    if (is_claim || strcmp(word, "or") != 0)
        c->at = behind;
    return is_claim || strcmp(word, "or") != 0;
}

static struct query *chain(struct cursor *c, int depth, const char *word, enum query_kind kind,
                           struct query *(*inner)(struct cursor *, int))
{
    struct query *q = inner(c, depth);

    for (int n = 0; q && goes_on(c, word); n++) {
        struct query *both = new_node(c, kind);
        if (n == QUERY_DEPTH_MAX) {
            cursor_fail(c, c->at, "at most %d in a row", QUERY_DEPTH_MAX);
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

struct query *query_parse_exists(struct cursor *c, bool is_not)
{
    struct query *q = new_node(c, QUERY_EXISTS), *outer = is_not ? new_node(c, QUERY_NOT) : q;

    if (!query_read_path(c, &q->path))
        return NULL;
    if (is_not)
        outer->left = q;
    return outer;
}

struct query *query_parse(struct cursor *c)
{
    return or_at(c, 0);
}
