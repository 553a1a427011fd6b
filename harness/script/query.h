/* query.h - predicates on a JSON value: ".streams[id == 1].bytes == 81920 and not .x exists".
 *
 *   query   = and { "or" and }
 *   and     = not { "and" not }
 *   not     = [ "not" ] ( "(" query ")" | claim )
 *   claim   = path ( "exists" | "is" type | "contains" text | compare ) | ( fold | fact ) compare
 *   compare = ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) value
 *   value   = term { ( "+" | "-" ) term }
 *   term    = operand { ( "*" | "/" ) operand }
 *   operand = number | 'text' | "text" | true | false | null | path | fold | fact
 *           | ( "sent" | "received" ) "stream" ID "bytes"
 *   fact    = word "(" ID ")"                    a word of QUERY_FACTS, below
 *   fold    = ( "sum(" | "count(" | "len(" ) path ")"
 *   path    = [ "params" | "results" | "ours" ] place { place }
 *   place   = "." NAME | "[" INT "]" | "[" NAME compare "]" | "[]"      [] in sum() and count()
 *   type    = number | string | boolean | object | array | null
 *
 * Keys are compared exactly. A path that leads nowhere makes every comparison false; "[id == 1]"
 * takes the first element of an array for which it holds; "[]" takes every element. A path begins
 * at the top of the value that is asked about, or of another message of the same session. */
#pragma once
#include "harness/script/cursor.h"
#include "harness/session/arena.h"
#include "impl/wire/json.h"

struct query;

/* NULL and the cursor's error if there is none. Lives in the cursor's arena. */
struct query *query_parse(struct cursor *c);

/* The claim that there is something at the path that comes next, or, with is_not, nothing. */
struct query *query_parse_exists(struct cursor *c, bool is_not);

/* What is known of a stream beside the message: bytes that went over it; datagrams that we sent or
 * that came; the jitter of those that came by their headers, in seconds (UDP-9); of the one that
 * came last the TOS, and the seconds in its header; the seconds since the stream was begun; those
 * between the headers of the first datagram that came and the last. */
#define QUERY_FACTS(X)                                                                             \
    X(QUERY_SENT, "sent")                                                                          \
    X(QUERY_RECEIVED, "received")                                                                  \
    X(QUERY_DATAGRAMS, "datagrams")                                                                \
    X(QUERY_JITTER, "jitter")                                                                      \
    X(QUERY_TOS, "tos")                                                                            \
    X(QUERY_CLOCK, "clock")                                                                        \
    X(QUERY_AGE, "age")                                                                            \
    X(QUERY_SPAN, "span")
enum query_fact {
#define X(name, word) name,
    QUERY_FACTS(X)
#undef X
};

/* X(name, word)  The messages that a path may begin at. */
#define QUERY_MESSAGES(X)                                                                          \
    X(QUERY_PARAMS, "params")   /* the client's parameters */                                      \
    X(QUERY_RESULTS, "results") /* the subject's results */                                        \
    X(QUERY_OURS, "ours")       /* the results that we sent */
enum query_message {
#define X(name, word) name,
    QUERY_MESSAGES(X)
#undef X
};

/* Who knows it. Any function may be NULL. */
struct query_facts {
    /* False for an unknown id. */
    bool (*of_stream)(void *context, enum query_fact fact, int64_t id, double *value);
    /* The message as it was sent, or NULL; borrowed until query_holds() returns. */
    const json_value *(*message)(void *context, enum query_message which);
    void *context;
};

/* Whether q holds for root (NULL: no value). why, if not NULL, gets what was found where the first
 * comparison failed: ".streams[0].bytes is 5". facts may be NULL. */
bool query_holds(const struct query *q, const json_value *root, const struct query_facts *facts,
                 struct text *why);

/* Whether it depends on how much the subject says to have received: on a stream's bytes, packets,
 * errors, jitter or what was omitted of them, but not on their being there or being numbers. */
bool query_claims_counts(const struct query *q);

/* As the language writes it, in canonical form: parsing it again gives the same query. */
void query_print(const struct query *q, struct text *out);
