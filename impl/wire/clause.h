/* clause.h - the registry of clauses, generated from docs/clauses.tsv. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Levels and roles as in the registry's head. */
enum clause_level {
    CLAUSE_MUST,
    CLAUSE_MUST_NOT,
    CLAUSE_SHOULD,
    CLAUSE_SHOULD_NOT,
    CLAUSE_MAY,
    CLAUSE_IS,
    CLAUSE_INFO
};

struct clause {
    const char *id; /* "ST-SRV-10.c" */
    enum clause_level level;
    const char *binds;    /* "C" "S" "B" "snd" "rcv" "-" */
    const char *versions; /* "3.2+", "3.0.1-3.1.2,3.4+", "all", "new", "-3.12@deb12u2" */
    const char *visible;  /* "wire" "exit" "output" "process" "timing" "no" */
    const char *needs;    /* "" or comma-separated */
    const char *text;
};

/* All clauses, in the order of the protocol text; n entries. */
extern const struct clause clauses[];
extern const size_t n_clauses;

/* The entry with exactly that id; or, for an id without suffix that has only suffixed entries (a
 * table row such as ST-SRV-10), the first of them. NULL if there is none. */
const struct clause *clause_find(const char *id);

/* Whether the clause is that of the id, or a part of the row with that id. */
bool clause_is_of(const struct clause *clause, const char *id);
/* Whether it says something about a server, or about a client. "snd" and "rcv" are either. */
bool clause_binds(const struct clause *clause, bool server);

/* The registry's word for a level: "MUST", "MUST NOT", ... Static. */
const char *clause_level_name(enum clause_level level);

/* A build's place among the versions. */
struct clause_version {
    unsigned major, minor, patch;
    bool dev;        /* X-dev, just before X */
    char vendor[16]; /* "deb12u2" or "" */
};

/* Parse "3.12", "3.17.1", "3.22-dev", "3.21+" (a development tree just after: read as the next
 * minor's -dev); vendor may be NULL. False if text is no version. */
bool clause_version_parse(const char *text, const char *vendor, struct clause_version *out);
/* Negative, 0 or positive, as strcmp(); the vendor is not looked at. */
int clause_version_compare(const struct clause_version *a, const struct clause_version *b);

/* Whether text is a set in the registry's notation, each range with its lower end first. */
bool clause_versions_valid(const char *set);
/* Whether a set in the registry's notation (column versions) holds that build. */
bool clause_versions_hold(const char *set, const struct clause_version *version);
