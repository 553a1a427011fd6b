/* journal.h - which sessions were played: written before each, so that any can be made again. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* How a session was made: the mutator's seed, and the corpus entries that it changed. */
struct recipe {
    uint64_t run, seed;
    char base[64], other[64];
};

struct journal {
    FILE *file;
};

/* The folder is this process's until it ends: two would give the same numbers to their sessions.
 * False: it is another's (EAGAIN), or see errno. */
bool journal_claim(const char *dir);

/* Append to FOLDER/journal-NUMBER. False: see errno. */
bool journal_open(struct journal *j, const char *dir, unsigned number);
void journal_close(struct journal *j);
/* False: it could not be written; see errno. */
bool journal_play(struct journal *j, const struct recipe *r);
/* The session of that run is looked into, with the word of what it is suspected of; it was. */
void journal_suspect(struct journal *j, uint64_t run, const char *cause);
void journal_settle(struct journal *j, uint64_t run);
/* A finding of that run is there to be made small, with the word of its cause; that was done. */
void journal_owe(struct journal *j, uint64_t run, const char *cause);
void journal_pay(struct journal *j, uint64_t run);

/* How many journals the folder holds, and the run behind the highest of them all. */
unsigned journal_count(const char *dir, uint64_t *next);

/* Find a run in the journals 0, 1, ... of the folder. False if there is none. */
bool journal_find(const char *dir, uint64_t run, struct recipe *r);
/* A line of the journal about a run that another settles. */
struct debt {
    uint64_t run;
    char cause[32];
};

/* What FOLDER/journal-NUMBER was looking into when the process ended; false: nothing. */
bool journal_open_question(const char *dir, unsigned number, struct debt *question);

/* What none of the folder's journals has paid, in the order of the journals. *out is the caller's
 * to free. */
size_t journal_debts(const char *dir, struct debt **out);
