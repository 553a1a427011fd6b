/* jread.h - typed look-ups in a peer's object, with remarks on what departs from the protocol.
 *
 * For the messages that have a schema (params.h, results.h): what a receiver tolerates passes, and
 * whoever judges is told. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"
#include "impl/wire/json.h"
#include "impl/wire/remark.h"

/* For one object, and none of its keys twice. */
struct jread {
    const struct remarks *to; /* NULL: nobody listens */
    const char *path;         /* what stands before a key in remarks: "" or "streams[3]." */
    const json_value *passed; /* json_member_behind() */
    char name[64];            /* scratch of jread_name() */
};

/* Path and key together, cut to fit; borrowed until the next call with this r. */
const char *jread_name(struct jread *r, const char *key);

/* Remark every flaw that scan_json() finds in text; does nothing if r->to is NULL.
 *   form    clause that asks for a well-formed object ("PARAM-1", "RES-1"); flaws that have a
 *           clause of their own are remarked under that
 *   known   keys whose spelling is checked (JSON-4)
 * Returns SPEC_OK, or SPEC_E_NOMEM. */
enum spec_err jread_flaws(struct jread *r, struct bytes text, const char *form,
                          const char *const *known, size_t n_known);

/* The member, if it has that type; NULL if it is absent or, with a remark, of another type
 * (JSON-12). */
const json_value *jread_member(struct jread *r, const json_value *object, const char *key,
                               enum json_type type, const char *clause);

/* Remark a number outside of min to max, or, if whole, with a fraction. */
void jread_judge(struct jread *r, const json_value *number, const char *key, bool whole, double min,
                 double max, const char *clause);

/* Remark each member of object that is none of the known keys in any case. */
void jread_unknown(struct jread *r, const json_value *object, const char *const *known,
                   size_t n_known, const char *clause);
