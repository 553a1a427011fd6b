/* play.h - plays a session against the subject, with the means of the conformance suite, and says
 * what is wrong with the subject. */
#pragma once
#include "harness/fuzz/umpire.h"
#include "harness/subject/edges.h"
#include "harness/subject/watch.h"
#include "harness/suite/serve.h"

/* A session, the options of the client that it is for, and what our server means by it. */
struct fuzz_case {
    struct session session;
    char subject[256], params[256];
};
void fuzz_case_fini(struct fuzz_case *c);
void fuzz_case_copy(const struct fuzz_case *from, struct fuzz_case *to);
/* The case as it went: the first n messages of the record of its play, without the probes, and
 * without what comes when it comes and in amounts of its own. */
void fuzz_case_of_record(const struct fuzz_case *c, const struct session *record, size_t n,
                         struct fuzz_case *out);
/* Read a script of the raw form; false, with the reason, if it is none. */
bool fuzz_case_read(const char *name, const char *text, struct fuzz_case *out, struct text *why);
/* The clause that a subject breaks which does not live through a session. */
const char *fuzz_clause(bool we_serve);
/* As a script. id and title may be NULL. */
void fuzz_case_write(const struct fuzz_case *c, const char *id, const char *title,
                     const char *clause, const char *tag, struct text *out);

/* What is to be found out. */
struct play_how {
    bool is_kept;     /* a server process that other sessions have met, or will; else a new one */
    bool is_strict;   /* as the script is written, not as a proposal */
    bool is_repeated; /* many times against one process: does it grow? */
    unsigned alive_s; /* whether it serves the next client within that, or, if it is a client, ends
                         without a server; 0: not asked, or not for long */
};

/* What came of it. */
struct verdict {
    enum sim_cause cause;  /* SIM_OK: nothing is wrong; SIM_MISS: a clause is broken */
    char clause[24];       /* that is broken, "" for none */
    uint64_t offset;       /* of the byte that breaks it, on the control connection */
    char key[200];         /* the same for the same fault: cause, signal, state, place */
    struct text got, said; /* in words; the end of its stderr */
    struct text reactions; /* a line each: what it did in which state (witness.h) */
    struct text edges;     /* of a kept process, if it counts them: uint32_t each, 8 * the edge's
                              number + the bucket (edges.h) */
    struct session record; /* what was done and came */
    bool was_silent;       /* a server that had our cookie has not said a word */
    struct subject_sample before, after; /* of a kept process; 0 where there was none */
};
void verdict_fini(struct verdict *v);
/* Make the key of all else that is known. */
void verdict_make_key(struct verdict *v);

struct player {
    struct suite_settings settings;
    struct serve serve;
    struct umpire umpire;
    struct edges edges; /* of the kept process */
    size_t said;        /* bytes of a kept subject's stderr that were looked at */
};

/* settings is copied. It must not move. */
void player_init(struct player *p, const struct suite_settings *settings, bool own_network);
void player_fini(struct player *p);

/* Play it. A kept server that is not ready for the next session soon is ended. */
void player_play(struct player *p, const struct fuzz_case *c, struct play_how how,
                 struct verdict *v);
/* Play a script as it is written against a new process: the cause it comes to. */
enum sim_cause player_play_script(struct player *p, const char *script);
/* Whether a kept server serves the next client within that time. */
bool player_serves(struct player *p, unsigned within_s);
/* The next session meets a new process. */
void player_renew(struct player *p);
