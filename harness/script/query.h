/* query.h - predicates on a JSON value: ".streams[id == 1].bytes == 81920 and not .x exists".
 *
 *   query   = and { "or" and }
 *   and     = not { "and" not }
 *   not     = [ "not" ] ( "(" query ")" | claim )
 *   claim   = path ( "exists" | "is" type | "contains" text | compare ) | fold compare
 *   compare = ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) value
 *   value   = term { ( "+" | "-" ) term }
 *   term    = operand { ( "*" | "/" ) operand }
 *   operand = number | 'text' | "text" | true | false | null | path | fold
 *           | "sent(" ID ")" | "received(" ID ")" | ( "sent" | "received" ) "stream" ID "bytes"
 *   fold    = ( "sum(" | "count(" | "len(" ) path ")"
 *   path    = { "." NAME | "[" INT "]" | "[" NAME compare "]" | "[]" }   [] inside sum() and
 * count() type    = number | string | boolean | object | array | null
 *
 * Keys are compared exactly. A path that leads nowhere makes every comparison false; "[id == 1]"
 * takes the first element of an array for which it holds; "[]" takes every element. */
#pragma once
#include "harness/script/cursor.h"
#include "impl/wire/json.h"

struct query;

/* NULL and the cursor's error if there is none. Lives in the cursor's arena. */
struct query *query_parse(struct cursor *c);

/* Bytes that went over stream id, for sent(ID) and received(ID); false for an unknown id. */
struct query_facts {
    bool (*bytes)(void *context, bool sent, int64_t id, double *value);
    void *context;
};

/* Whether q holds for root (NULL: no value). why, if not NULL, gets what was found where the first
 * comparison failed: ".streams[0].bytes is 5". facts may be NULL. */
bool query_holds(const struct query *q, const json_value *root, const struct query_facts *facts,
                 struct text *why);

void query_print(const struct query *q, struct text *out);
