/* params.h - the parameters object that a client sends on PARAM_EXCHANGE (PARAM-1 to PARAM-51).
 *
 * One struct holds every key of every version. The rows of PARAM_KEYS stand in the order in which
 * they go over the wire. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"
#include "impl/wire/jwrite.h"
#include "impl/wire/remark.h"

#include <stdbool.h>

/* X(KIND, name)  name is both the key on the wire and the member of struct params.
 * FLAG: a boolean, sent as true or not at all (JSON-12); NUMBER: int64_t; STRING: char *. */
#define PARAM_KEYS(X)                                                                              \
    X(FLAG, tcp)                                                                                   \
    X(FLAG, udp)                                                                                   \
    X(FLAG, sctp)                                                                                  \
    X(NUMBER, omit)            /* s */                                                             \
    X(NUMBER, server_affinity) /* CPU number */                                                    \
    X(NUMBER, time)            /* s, 0 = no limit */                                               \
    X(NUMBER, num)             /* bytes */                                                         \
    X(NUMBER, blockcount)                                                                          \
    X(NUMBER, MSS) /* bytes */                                                                     \
    X(FLAG, nodelay)                                                                               \
    X(NUMBER, parallel)                                                                            \
    X(FLAG, reverse)                                                                               \
    X(FLAG, bidirectional)                                                                         \
    X(FLAG, mptcp)                                                                                 \
    X(NUMBER, window)       /* bytes */                                                            \
    X(NUMBER, len)          /* bytes */                                                            \
    X(NUMBER, bandwidth)    /* bit/s per stream */                                                 \
    X(NUMBER, fqrate)       /* bit/s per stream */                                                 \
    X(NUMBER, pacing_timer) /* us */                                                               \
    X(NUMBER, burst)        /* blocks */                                                           \
    X(NUMBER, gso)                                                                                 \
    X(NUMBER, gso_dg_size) /* bytes */                                                             \
    X(NUMBER, gso_bf_size) /* bytes */                                                             \
    X(NUMBER, gro)                                                                                 \
    X(NUMBER, gro_bf_size) /* bytes */                                                             \
    X(NUMBER, TOS)                                                                                 \
    X(NUMBER, flowlabel)                                                                           \
    X(STRING, title)                                                                               \
    X(STRING, extra_data)                                                                          \
    X(STRING, congestion)                                                                          \
    X(STRING, congestion_used)                                                                     \
    X(NUMBER, get_server_output)                                                                   \
    X(NUMBER, udp_counters_64bit)                                                                  \
    X(NUMBER, repeating_payload)                                                                   \
    X(NUMBER, zerocopy)                                                                            \
    X(NUMBER, dont_fragment)                                                                       \
    X(STRING, authtoken)                                                                           \
    X(NUMBER, skip_rx_copy)                                                                        \
    X(STRING, client_version)                                                                      \
    X(NUMBER, no_fq_socket_pacing)

enum param_key {
#define X(kind, name) PARAM_##name,
    PARAM_KEYS(X)
#undef X
        PARAM_N_KEYS
};

#define PARAM_MEMBER_FLAG   bool
#define PARAM_MEMBER_NUMBER int64_t
#define PARAM_MEMBER_STRING char *

struct params {
    /* Bit 1ull << enum param_key: the member was in the message (decode) or is to be sent (encode).
     * A value that is not marked holds the server's default (PARAM-2). */
    uint64_t present;
#define X(kind, name) PARAM_MEMBER_##kind name; /* strings are ours: params_fini() frees them */
    PARAM_KEYS(X)
#undef X
};

enum params_protocol { PARAMS_TCP, PARAMS_UDP, PARAMS_SCTP };

/* A server's defaults, nothing present (PARAM-2). */
void params_init(struct params *p);

/* Frees the strings; may be called twice. */
void params_fini(struct params *p);

/* A deep copy into *to, which needs no params_init() and is the caller's to params_fini() on every
 * return. SPEC_OK, or SPEC_E_NOMEM. */
enum spec_err params_copy(struct params *to, const struct params *from);

/* Whether the member is present. */
static inline bool params_has(const struct params *p, enum param_key key)
{
    return p->present >> key & 1;
}

/* Mark a member as present; its value is what the struct holds. */
static inline void params_mark(struct params *p, enum param_key key)
{
    p->present |= UINT64_C(1) << key;
}

/* Set a string member to a copy of text and mark it. SPEC_OK, or SPEC_E_NOMEM: it is as before. */
enum spec_err params_set_text(struct params *p, enum param_key key, const char *text);

/* Which transport the streams use: sctp wins over udp over tcp, none means TCP (PARAM-4 to -6). */
enum params_protocol params_protocol(const struct params *p);

/* Streams in all, 2 x parallel for bidir (STR-1). */
int64_t params_n_streams(const struct params *p);

/* Whether stream number index (0-based, in creation order) is sent by the client: STR-2, STR-3. */
bool params_client_sends(const struct params *p, unsigned index);

/* The time limit that a server may assume, in s; 0 = none. As PARAM-47 and INT-2: `time` absent
 * together with num or blockcount > 0 is "no limit"; absent otherwise is 10. */
int64_t params_time_limit(const struct params *p);

/* Read a parameters text as 3.18+ does: a member of the wrong type counts as absent (JSON-12); the
 * flag members are set by any boolean, false included; unknown members are ignored (PARAM-2).
 * Where only presence counts (PARAM-38 to -40) the value is read as 1, and where 3.22 takes any
 * number but 0 for on (PARAM-41, -42, -44), as 0 or 1.
 *   out      initialised by this call on every return; the caller's to params_fini()
 *   remarks  NULL, or where everything worth a judge's note goes: wrong type, `false` flags, values
 *            out of the client's range (column "client range"), more than one transport (PARAM-29),
 *            unknown members, and every flaw that scan_json() finds (JSON-2, JSON-4)
 * Returns SPEC_OK, SPEC_E_JSON (unparsable: 114), SPEC_E_NOMEM. */
enum spec_err params_decode(struct bytes json, struct params *out, struct remarks *remarks);

/* What a server allows beyond the ranges of the table. 0 = no such limit. */
struct params_limits {
    int64_t max_duration_s;   /* --server-max-duration (TMO-9) */
    uint64_t max_bitrate_bps; /* --server-bitrate-limit (TMO-10 (a)) */
    bool file_given;          /* -F on the server: UDP is refused with 34 (PARAM-5) */
    bool no_sctp;             /* refused with 202 if all else is well (SCTP-5) */
};

/* Check ranges as 3.22 does (PARAM-3, PARAM-30, column "server check"): all checks are made and the
 * number of the last failed one counts; a value that fails is not taken, so that the later checks
 * see the default in its place. Returns 0 if all is well, else the enum ierr number to refuse with.
 */
int params_check(const struct params *p, const struct params_limits *limits,
                 struct remarks *remarks);

/* Write the members that are present, in the order of PARAM_KEYS, as a whole object; but no flag
 * that is false (JSON-12). Strings that are present are not NULL. */
void params_encode(const struct params *p, struct jwrite *w);

/* Key by number (static) and number by key (exact spelling; -1 for none). */
const char *params_key_name(enum param_key key);
int params_key_find(const char *name);

/* For scripts and mutators: what kind the member is, and its client range (column "client range" of
 * section 4; for strings the length that JSON-7 leaves). */
enum params_kind { PARAMS_FLAG, PARAMS_NUMBER, PARAMS_STRING };
struct params_row {
    const char *key;
    enum params_kind kind;
    const char *since;      /* first version that sends it, "3.0.1" */
    int64_t min, max;       /* numbers: what an honest client of 3.18+ can send */
    int64_t server_default; /* numbers */
    const char *clause;     /* "PARAM-14" */
};

/* Static. */
const struct params_row *params_row(enum param_key key);
