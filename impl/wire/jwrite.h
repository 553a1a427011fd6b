/* jwrite.h - writes JSON with exact 64-bit integers (cJSON loses digits above 2^53).
 *
 * Calls follow the structure: begin, members, end. The writer owns a growing buffer; the first
 * failed allocation sticks, later calls do nothing, and jwrite_finish() reports it. Commas are its
 * business.
 *
 * Two layouts: JWRITE_COMPACT, as on the wire (JSON-2), and JWRITE_PRETTY, the tab-indented form in
 * which iperf3 -J prints (cJSON_Print's: "key":\tvalue, arrays on one line unless they hold
 * objects). */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"

#include <stdbool.h>

#define JWRITE_DEPTH 32 /* our own schemas are at most this deep; deeper is an assertion */

enum jwrite_layout { JWRITE_COMPACT, JWRITE_PRETTY };

struct jwrite {
    char *buf; /* ours until jwrite_take(); NUL-terminated */
    size_t len, cap;
    enum jwrite_layout layout;
    enum spec_err err;
    unsigned depth;
    struct {
        bool is_array, has_items;
    } level[JWRITE_DEPTH];
};

/* An empty writer; it allocates with the first call below. fini frees what was not taken. */
void jwrite_init(struct jwrite *w, enum jwrite_layout layout);
void jwrite_fini(struct jwrite *w);

/* Open an object or array, close the innermost one, or write a value. Failures stick in w->err.
 *   key  NULL inside arrays and at the top
 * Strings are NUL-terminated UTF-8; bytes that are not UTF-8 are written as U+FFFD, control
 * characters escaped. */
void jwrite_object(struct jwrite *w, const char *key);
void jwrite_array(struct jwrite *w, const char *key);
void jwrite_end(struct jwrite *w);
void jwrite_int(struct jwrite *w, const char *key, int64_t value);
void jwrite_uint(struct jwrite *w, const char *key, uint64_t value);
/* Shortest form that reads back as the same double ("10", "0.5", "1e+300"); NaN and infinities are
 * written as 0, since JSON has none. Independent of the locale. */
void jwrite_double(struct jwrite *w, const char *key, double value);
void jwrite_bool(struct jwrite *w, const char *key, bool value);
void jwrite_string(struct jwrite *w, const char *key, const char *value);
void jwrite_null(struct jwrite *w, const char *key);
/* A JSON text that is already printed and trusted to be well-formed, but for bytes in its strings
 * that are not UTF-8, which a peer may have sent. */
void jwrite_raw(struct jwrite *w, const char *key, const char *json);

/* What was written, without the NUL behind it; borrowed until the next call. All levels must be
 * closed. Returns SPEC_OK or SPEC_E_NOMEM. */
enum spec_err jwrite_finish(struct jwrite *w, struct bytes *text);
/* The text, NUL-terminated and the caller's to free(); NULL if an allocation failed. All levels
 * must be closed; w is empty then. */
char *jwrite_take(struct jwrite *w);
