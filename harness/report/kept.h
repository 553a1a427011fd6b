/* kept.h - reports as `iperfspec test --json` kept them, read and checked once for all who want
 * something of them.
 *
 * A report of a hundred thousand cases is never one tree in memory: its results stay the text that
 * they are, and are parsed one at a time. */
#pragma once
#include "harness/session/arena.h"
#include "harness/session/text.h"
#include "harness/suite/suite.h"
#include "impl/wire/json.h"

struct kept_result {
    const char *id; /* never "" */
    enum suite_standing standing;
    struct bytes json; /* an object with the shape of a result */
};

struct kept_run {
    json_value *head; /* every member but "results"; of the right shape */
    struct kept_result *results;
    size_t n;
};

/* Zero it to start. */
struct kept {
    struct kept_run *runs; /* one; or those of a merged report, at least one */
    size_t n;
    struct text text; /* of the file, if it was read from one */
    struct arena arena;
};

/* Read a report, merged or not; "-" is the standard input, path what why says. A byte order mark
 * is let pass. False, with one line of what is wrong and at which line, if it is none; kept_fini()
 * frees in any case. text: borrowed until then. */
bool kept_read(struct kept *kept, const char *path, struct text *why);
/* The same, and a record of `test --record` besides: a run with the member "reactions" and no
 * results. */
bool kept_read_record(struct kept *kept, const char *path, struct text *why);
bool kept_load(struct kept *kept, struct bytes text, const char *path, struct text *why);
void kept_fini(struct kept *kept);

/* A result as a tree, which is the caller's to json_free(). A process without memory ends. */
json_value *kept_parse(const struct kept_result *result);

/* Parse a file of any JSON, as strictly; *root is the caller's to json_free(). */
bool kept_read_tree(const char *path, json_value **root, struct text *why);
