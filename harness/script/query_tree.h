/* query_tree.h - inside queries: the tree that is read (query.c, query_value.c), judged
 * (query_judge.c) and printed (query_print.c). */
#pragma once
#include "harness/script/query.h"

#define QUERY_DEPTH_MAX 64 /* of brackets and nots, and operands in one sum */

enum query_op { OP_EQ, OP_NE, OP_LE, OP_GE, OP_LT, OP_GT, N_OPS };
extern const char *const query_op_words[N_OPS];

enum query_value_kind {
    VALUE_NUMBER,
    VALUE_TEXT,
    VALUE_BOOL,
    VALUE_NULL,
    VALUE_FACT,  /* of a stream: sent(3); from here on: what stands for a number */
    VALUE_PATH,  /* what stands there */
    VALUE_SUM,   /* of the numbers at the path: .streams[].bytes */
    VALUE_COUNT, /* how many values are there */
    VALUE_LEN,   /* members, elements or characters of the one value there */
    VALUE_ARITH, /* left (+ - * /) right */
};

struct query_value {
    enum query_value_kind kind;
    double number; /* FACT: the stream's id */
    enum query_fact fact;
    bool truth;
    struct bytes text;
    struct query_step *path;
    struct query_value *left, *right;
    char arith;
};

/* One step of a path. */
struct query_step {
    enum {
        STEP_MESSAGE, /* the first: from the top of another message */
        STEP_KEY,
        STEP_INDEX,
        STEP_MATCH,
        STEP_ALL
    } kind;
    enum query_message message;
    const char *key;
    size_t index;
    enum query_op op;
    struct query_value value;
    struct query_step *next;
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
    struct query_step *path;
    struct query_value *fold; /* COMPARE: sum(), sent() and the like in place of a path; or NULL */
    enum query_op op;
    enum json_type type;      /* IS */
    struct query_value value; /* COMPARE, CONTAINS */
};

/* query_value.c: at the cursor's place. False and the cursor's error, except where said. */
bool query_read_op(struct cursor *c, enum query_op *op);
bool query_read_value(struct cursor *c, struct query_value *value);    /* with what + - * / add */
bool query_read_constant(struct cursor *c, struct query_value *value); /* one operand */
/* sum() and the like, sent() and the like; false also, without an error, if none stands there. */
bool query_read_fold(struct cursor *c, struct query_value *value);
bool query_read_fact(struct cursor *c, struct query_value *value);
bool query_read_path(struct cursor *c, struct query_step **path);
bool query_at_operand(struct cursor *c); /* whether a path, a fold or a fact begins here */

/* query_print.c */
void query_print_path(const struct query_step *path, struct text *out);
void query_print_value(const struct query_value *value, struct text *out);

/* Words of the language, and what they stand for. */
extern const char *const query_fact_words[];
#define QUERY_TYPES(X)                                                                             \
    X("number", JSON_NUMBER)                                                                       \
    X("string", JSON_STRING)                                                                       \
    X("boolean", JSON_BOOL)                                                                        \
    X("object", JSON_OBJECT)                                                                       \
    X("array", JSON_ARRAY)                                                                         \
    X("null", JSON_NULL)
#define QUERY_FOLDS(X)                                                                             \
    X("sum(", VALUE_SUM)                                                                           \
    X("count(", VALUE_COUNT)                                                                       \
    X("len(", VALUE_LEN)
