/* scan.h - a strict JSON scanner (RFC 8259) that reports what cJSON lets pass.
 *
 * cJSON decides what we act on, because stock iperf3 acts on it (JSON-3 to JSON-6); this scanner
 * says how far the text departs from what a sender must produce (JSON-2, JSON-4). It builds no
 * tree. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"

#include <stdbool.h>

#define SCAN_DEPTH_LIMIT 1000 /* JSON-6 */

/* X(name, text)  Each flaw is reported with the offset of its first occurrence. */
#define SCAN_FLAWS(X)                                                                              \
    X(SCAN_SYNTAX, "not well-formed JSON")                                                         \
    X(SCAN_EMPTY, "no JSON value")                                                                 \
    X(SCAN_NOT_OBJECT, "the top-level value is not an object")                                     \
    X(SCAN_TRAILING, "bytes after the first value")                                                \
    X(SCAN_BOM, "a byte order mark at the start")                                                  \
    X(SCAN_NUL, "a NUL, raw or as \\u0000")                                                        \
    X(SCAN_CONTROL, "a raw control character in a string")                                         \
    X(SCAN_UTF8, "bytes that are not UTF-8")                                                       \
    X(SCAN_SURROGATE, "a lone surrogate escape")                                                   \
    X(SCAN_SPACE, "white space that is not JSON's")                                                \
    X(SCAN_LEADING_ZERO, "a number with a leading zero")                                           \
    X(SCAN_NUMBER_FORM, "a number that JSON does not allow, such as 1. or .5")                     \
    X(SCAN_BIG_NUMBER, "an integer beyond 2^53, where a double loses digits")                      \
    X(SCAN_HUGE_NUMBER, "a number beyond the range of a double")                                   \
    X(SCAN_DEPTH, "nested deeper than 1000 levels")                                                \
    X(SCAN_DUPLICATE, "a key that stands twice in one object")                                     \
    X(SCAN_CASE, "a known key in another case")

enum scan_flaw {
#define X(name, text) name,
    SCAN_FLAWS(X)
#undef X
        SCAN_N_FLAWS
};

struct scan_report {
    uint32_t flaws;          /* bit 1u << enum scan_flaw */
    size_t at[SCAN_N_FLAWS]; /* byte offset of the first occurrence of each set flaw */
    size_t end;              /* offset behind the first value (or of the syntax error) */
    unsigned depth;          /* deepest nesting seen; a scalar has 0 */
};

/* Scan text.
 *   known    keys whose spelling is checked at any depth (SCAN_CASE); n_known may be 0
 *   report   written always
 * Linear time and memory in text.len (n log n for keys); recursion-free.
 * Returns SPEC_OK       no flaw
 *         SPEC_E_JSON   at least one flaw; report says which
 *         SPEC_E_NOMEM  duplicates could not be looked for; the rest of report is valid */
enum spec_err scan_json(struct bytes text, const char *const *known, size_t n_known,
                        struct scan_report *report);

/* The flaw in words, static. */
const char *scan_flaw_text(enum scan_flaw flaw);
