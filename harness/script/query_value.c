/* query_value.c - operands of a query and paths: reading them. */
#include "harness/script/query_tree.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const query_op_words[N_OPS] = {"==", "!=", "<=", ">=", "<", ">"};
const char *const query_fact_words[] = {
#define X(name, word) word,
    QUERY_FACTS(X)
#undef X
};

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

bool query_read_op(struct cursor *c, enum query_op *op)
{
    cursor_blanks(c);
    for (unsigned i = 0; i < N_OPS; i++) {
        size_t len = strlen(query_op_words[i]);
        if (strncmp(c->text + c->at, query_op_words[i], len) == 0) {
            c->at += len;
            *op = (enum query_op)i;
            return true;
        }
    }
    return cursor_fail(c, SIZE_MAX, "one of == != < <= > >= or 'exists'");
}

/* sent(3), jitter(1) */
bool query_read_fact(struct cursor *c, struct query_value *v)
{
    for (size_t i = 0; i < ARRAY_LEN(query_fact_words); i++) {
        size_t len = strlen(query_fact_words[i]);
        char *end;
        if (strncmp(c->text + c->at, query_fact_words[i], len) != 0 || c->text[c->at + len] != '(')
            continue;
        v->kind = VALUE_FACT;
        v->fact = (enum query_fact)i;
        v->number = (double)strtol(c->text + c->at + len + 1, &end, 10);
        if (*end != ')')
            return cursor_fail(c, c->at, "%s(ID)", query_fact_words[i]);
        c->at = (size_t)(end - c->text) + 1;
        return true;
    }
    return false;
}

/* sent stream 3 bytes */
static bool long_fact_at(struct cursor *c, struct query_value *v)
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

static bool path_at(struct cursor *c, bool all, struct query_step **path);

/* "params", if a path goes on behind it. */
static bool message_at(const struct cursor *c, enum query_message *message, size_t *len)
{
    static const char *const words[] = {
#define X(name, word) word,
        QUERY_MESSAGES(X)
#undef X
    };
    const char *at = c->text + c->at;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        *len = strlen(words[i]);
        *message = (enum query_message)i;
        if (strncmp(at, words[i], *len) == 0 && (at[*len] == '.' || at[*len] == '['))
            return true;
    }
    return false;
}

static bool is_at_path(struct cursor *c)
{
    enum query_message message;
    size_t len;

    cursor_blanks(c);
    return c->text[c->at] == '.' || c->text[c->at] == '[' || message_at(c, &message, &len);
}

/* sum(PATH), count(PATH), len(PATH) */
bool query_read_fold(struct cursor *c, struct query_value *v)
{
    static const struct {
        const char *word;
        enum query_value_kind kind;
    } folds[] = {
#define X(word, kind) {word, kind},
        QUERY_FOLDS(X)
#undef X
    };

    for (size_t i = 0; i < ARRAY_LEN(folds); i++) {
        size_t len = strlen(folds[i].word);
        if (strncmp(c->text + c->at, folds[i].word, len) != 0)
            continue;
        c->at += len;
        v->kind = folds[i].kind;
        if (!path_at(c, v->kind != VALUE_LEN, &v->path))
            return false;
        cursor_blanks(c);
        if (c->text[c->at] != ')')
            return cursor_fail(c, c->at, "')'");
        c->at++;
        return true;
    }
    return false;
}

bool query_read_constant(struct cursor *c, struct query_value *v)
{
    static const struct {
        const char *word;
        struct query_value value;
    } words[] = {
        {"true",  {.kind = VALUE_BOOL, .truth = true}},
        {"false", {.kind = VALUE_BOOL}               },
        {"null",  {.kind = VALUE_NULL}               },
    };
    char *end;

    cursor_blanks(c);
    if (c->text[c->at] == '"' || c->text[c->at] == '\'') {
        struct bytes text;
        if (!cursor_quoted(c, &text))
            return false;
        *v = (struct query_value){.kind = VALUE_TEXT, .text = text};
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strncmp(c->text + c->at, words[i].word, strlen(words[i].word)) == 0) {
            *v = words[i].value;
            c->at += strlen(words[i].word);
            return true;
        }
    }
    *v = (struct query_value){0};
    if (is_at_path(c)) {
        v->kind = VALUE_PATH;
        return path_at(c, false, &v->path);
    }
    if (query_read_fact(c, v) || long_fact_at(c, v) || query_read_fold(c, v))
        return true;
    if (c->error->line)
        return false;
    *v = (struct query_value){.kind = VALUE_NUMBER, .number = strtod(c->text + c->at, &end)};
    if (end == c->text + c->at || !isfinite(v->number))
        return cursor_fail(
            c, SIZE_MAX,
            "a number, a text in quotes, true, false, null, a path, sent(ID) or sum(PATH)");
    c->at = (size_t)(end - c->text);
    return true;
}

static bool is_numeric(const struct query_value *v)
{
    return v->kind == VALUE_NUMBER || v->kind >= VALUE_FACT;
}

/* What follows an operand: * and / bind more than + and -. */
static bool arith_at(struct cursor *c, struct query_value *v, const char *signs)
{
    const char *inner = *signs == '+' ? "*/" : NULL;

    for (int n = 0;; n++) {
        cursor_blanks(c);
        char sign = c->text[c->at];
        if (!sign || !strchr(signs, sign) || !is_numeric(v))
            return true;
        if (n == QUERY_DEPTH_MAX)
            return cursor_fail(c, c->at, "at most %d operands", QUERY_DEPTH_MAX);
        c->at++;
        struct query_value *left = arena_alloc(c->arena, sizeof *left);
        struct query_value *right = arena_alloc(c->arena, sizeof *right);
        *left = *v;
        size_t at = (cursor_blanks(c), c->at);
        if (!query_read_constant(c, right) || (inner && !arith_at(c, right, inner)))
            return false;
        if (!is_numeric(right))
            return cursor_fail(c, at, "a number, or what stands for one");
        *v = (struct query_value){.kind = VALUE_ARITH, .left = left, .right = right, .arith = sign};
    }
}

bool query_read_value(struct cursor *c, struct query_value *v)
{
    return query_read_constant(c, v) && arith_at(c, v, "*/") && arith_at(c, v, "+-");
}

static bool bracket(struct cursor *c, bool all, struct query_step *step)
{
    if (c->text[c->at] == ']') {
        step->kind = STEP_ALL;
        if (!all)
            return cursor_fail(c, c->at, "an index, or a search such as [id == 1]");
    } else if (isdigit((unsigned char)c->text[c->at])) {
        char *end;
        unsigned long index = strtoul(c->text + c->at, &end, 10);
        if (index > INT32_MAX)
            return cursor_fail(c, c->at, "an index of at most %d", INT32_MAX);
        step->kind = STEP_INDEX;
        step->index = index;
        c->at = (size_t)(end - c->text);
    } else {
        step->kind = STEP_MATCH;
        step->key = name_at(c);
        if (!step->key || !query_read_op(c, &step->op) || !query_read_value(c, &step->value))
            return false;
        cursor_blanks(c);
    }
    if (c->text[c->at] != ']')
        return cursor_fail(c, c->at, "']'");
    c->at++;
    return true;
}

static bool path_at(struct cursor *c, bool all, struct query_step **path)
{
    enum query_message message;
    size_t len;

    if (!is_at_path(c))
        return cursor_fail(c, SIZE_MAX, "a path such as .streams[0].bytes");
    if (message_at(c, &message, &len)) {
        *path = arena_alloc(c->arena, sizeof **path);
        **path = (struct query_step){.kind = STEP_MESSAGE, .message = message};
        path = &(*path)->next;
        c->at += len;
    }
    while (c->text[c->at] == '.' || c->text[c->at] == '[') {
        struct query_step *step = arena_alloc(c->arena, sizeof *step);
        step->kind = STEP_KEY;
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

static bool begins_with(const struct cursor *c, const char *word, char behind)
{
    size_t len = strlen(word);
    const char *at = c->text + c->at;

    return strncmp(at, word, len) == 0 && (!behind || at[len] == behind);
}

bool query_at_operand(struct cursor *c)
{
    bool is = is_at_path(c);

    for (size_t i = 0; i < ARRAY_LEN(query_fact_words); i++)
        is |= begins_with(c, query_fact_words[i], '(');
#define X(word, kind) is |= begins_with(c, word, 0);
    QUERY_FOLDS(X)
#undef X
    return is;
}

bool query_read_path(struct cursor *c, struct query_step **path)
{
    return path_at(c, false, path);
}
