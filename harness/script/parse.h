/* parse.h - inside the parser: what its files share. */
#pragma once
#include "harness/script/script.h"

/* A script's text as lines: comments gone, {NAME} replaced. */
struct parse_lines {
    const char *file;
    char **at;        /* n lines */
    unsigned *number; /* of each in the file, from 1 */
    size_t n, next;
};

/* foreach.c: the rows of a file. Calls row() with the lines of each; stops at the first false. */
bool parse_foreach(const char *file, const char *text, struct script_error *error,
                   bool (*row)(void *context, struct parse_lines *lines), void *context);

/* header.c: up to the blank line. */
bool parse_header(struct script *s, struct parse_lines *lines, struct script_error *error);

/* steps.c: up to one of the words in `until` (NULL-terminated; not taken), or the end. */
bool parse_steps(struct script *s, struct parse_lines *lines, const char *const *until,
                 struct script_steps *steps, struct script_error *error);

/* A cursor at the start of a line. */
struct cursor parse_cursor(struct script *s, const struct parse_lines *lines, size_t i,
                           struct script_error *error);

/* send.c, expect.c: what stands behind the verb. */
bool parse_send(struct cursor *c, struct script_step *step);
bool parse_wire(struct cursor *c, struct script_step *step);
bool parse_expect(struct cursor *c, struct script_step *step);
bool parse_events(struct cursor *c, struct script_events *events);
bool parse_state(struct cursor *c, int8_t *state);
bool parse_ierr(struct cursor *c, int32_t *ierr);
