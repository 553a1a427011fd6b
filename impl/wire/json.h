/* json.h - the one door to cJSON: bounded reading, with iperf3's own look-up rules.
 *
 * What it accepts is what stock iperf3 accepts: trailing bytes behind the first value (JSON-3),
 * keys in any ASCII case, the first of duplicates (JSON-4), a top-level value of any type, which
 * counts as an object without members if it is none (JSON-5), at most 1000 levels (JSON-6). */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"

#include <stdbool.h>

struct cJSON;
typedef struct cJSON json_value; /* cJSON's own node; borrowed from the tree it is in */

enum json_type {
    JSON_ABSENT,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

#define JSON_VALUES_LIMIT                                                                          \
    (4u << 20) /* ours: about 500 MB of tree; an iperf3 text of 64 MiB has less */

/* Parse text. *root is ours to json_free() (which takes NULL); written on SPEC_OK only.
 * Returns SPEC_OK, SPEC_E_JSON (not parsable as stock parses) or SPEC_E_NOMEM (no memory, or more
 * values than JSON_VALUES_LIMIT). */
enum spec_err json_parse(struct bytes text, json_value **root);
void json_free(json_value *root);

/* How many values json_parse() would find in text, at most: what parsing may cost, for one pass. */
size_t json_count(struct bytes text);

/* Member of an object by key (JSON-4), or NULL: also when object is NULL or no object. */
const json_value *json_member(const json_value *object, const char *key);

/* The same, for one who asks an object for one key after the other, and for none twice: quick where
 * its members stand in that order. *passed is NULL at first, and then the last of the members at
 * the front that were found: behind it the search begins, since those have other keys. */
const json_value *json_member_behind(const json_value *object, const char *key,
                                     const json_value **passed);

bool json_is_same_key(const char *a, const char *b);  /* JSON-4 */
enum json_type json_type_of(const json_value *value); /* JSON_ABSENT for NULL */
const char *json_type_name(enum json_type type);      /* "number", "string", ...; static */

/* Number as a signed 64-bit integer, saturating at both ends (JSON-13); a fraction is cut off, NaN
 * gives 0. value must be a number. */
int64_t json_int(const json_value *value);
double json_double(const json_value *value); /* value must be a number */
bool json_bool(const json_value *value);     /* value must be a boolean */

/* Text of a string value, NUL-terminated, borrowed from the tree. */
const char *json_text(const json_value *value);

/* Array and object elements in order: first with NULL as before, then with the last one; NULL at
 * the end. json_key() is the key of a member of an object. */
const json_value *json_next(const json_value *container, const json_value *before);
const char *json_key(const json_value *member);

/* Print a value without white space; the text is the caller's to free(). NULL without memory.
 * For showing and for handing a peer's own object on; our own messages are made by jwrite.h. */
char *json_print(const json_value *value);
