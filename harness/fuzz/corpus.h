/* corpus.h - the sessions that others are made from, each with a name: our own seeds, what a folder
 * holds, and what has shown something new. */
#pragma once
#include "harness/fuzz/play.h"
#include "impl/wire/machine.h"

struct corpus_entry {
    char name[64]; /* "seed-3", or the file's without .peer */
    struct fuzz_case what;
    enum machine_state state; /* the furthest in which it shows something */
};

struct corpus {
    struct corpus_entry *at;
    size_t n, n_seeds; /* our own seeds come first */
    const char *dir;   /* NULL: nothing is read or written */
    bool servers, clients;
};

/* Our seeds for the roles that are judged, then the scripts of the folder for them in the order of
 * their names; it is made if it is not there. Scripts that are not of the raw form are left out.
 * False: see errno. */
bool corpus_open(struct corpus *c, const char *dir, bool servers, bool clients);
void corpus_close(struct corpus *c);

/* Add a copy, and a file of that name. False: it could not be written; see errno. */
bool corpus_add(struct corpus *c, const char *name, const struct fuzz_case *what);
/* Take in what others have written to the folder since. */
void corpus_refresh(struct corpus *c);
/* Which scripts of the folder are left out of the corpus, a line with the reason for each. */
void corpus_left_out(const char *dir, struct text *out);
const struct fuzz_case *corpus_find(const struct corpus *c, const char *name);

/* One of the entries. However many come to a state, states are drawn alike, the further of two;
 * then one of its entries, the youngest more often; and now and then a seed. */
const struct corpus_entry *corpus_draw(const struct corpus *c, uint64_t *seed);
