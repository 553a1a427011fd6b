/* parse.h - inside the parser: what its files share. */
#pragma once
#include "harness/script/script.h"
#include "harness/session/arena.h"

/* A script's text as lines: comments gone, {NAME} replaced. */
struct parse_lines {
    const char *file;
    char **at;          /* n lines */
    const char **where; /* the file of each: an included one has a name of its own */
    unsigned *number;   /* of each in its file, from 1 */
    size_t n, next;
    unsigned depth; /* of blocks */
};

/* include.c: the lines of a text, and in place of each `include FILE` those of that file. Comments
 * go, and blank lines at the top. */
bool parse_include(struct arena *arena, const char *file, const char *text,
                   struct parse_lines *lines, struct script_error *error);

/* foreach.c: the rows of a file. Calls row() with the lines of each; stops at the first false. */
bool parse_foreach(const char *file, const char *text, struct script_error *error,
                   bool (*row)(void *context, struct parse_lines *lines), void *context);

/* header.c: up to the blank line. */
bool parse_header(struct script *s, struct parse_lines *lines, struct script_error *error);

/* steps.c: up to one of the words in `until` (NULL-terminated; not taken), or the end. */
bool parse_steps(struct script *s, struct parse_lines *lines, const char *const *until,
                 struct script_steps *steps, struct script_error *error);

/* A cursor at the start of a line; of an empty text's, which has none, at nothing. */
struct cursor parse_cursor(struct script *s, const struct parse_lines *lines, size_t i,
                           struct script_error *error);
/* The same at the last line with words in front of the i-th. */
struct cursor parse_cursor_before(struct script *s, const struct parse_lines *lines, size_t i,
                                  struct script_error *error);

/* steps.c: whether what the step says ends here: the end of the line, `within` or a clause. */
bool parse_at_tail(struct cursor *c);

/* pieces.c: '...' or "..." or `hex 00 01`, each with `x N` behind it, one after the other. */
bool parse_text(struct cursor *c, struct script_text *out);
bool parse_at_text(struct cursor *c);                           /* whether one begins here */
bool parse_hex_text(struct cursor *c, struct script_text *out); /* as behind `hex` */
/* print.c */
void print_state(int8_t state, struct text *out);
void print_until(const struct script_until *until, struct text *out);
void print_ierr(int32_t ierr, struct text *out);

/* One run of bytes as such a text. */
struct script_text parse_plain(struct arena *arena, struct bytes bytes);
void print_text(const struct script_text *text, struct text *out);

/* datagrams.c */
bool parse_datagrams(struct cursor *c, struct script_send *send);
bool parse_fields(struct cursor *c, struct script_fields *fields); /* behind the { */
void print_datagrams(const struct script_send *send, struct text *out);
void print_fields(const struct script_fields *fields, struct text *out);

/* meaning.c: an object of parameters, and `K = V` as such an object; each by its own name and of
 * its own type. */
bool parse_meaning(struct cursor *c, const char **object);
bool parse_member_meant(struct cursor *c, const char **object);

/* token.c: behind the word `token`. */
bool parse_token(struct cursor *c, struct script_token *token);
void print_token(const struct script_token *token, struct text *out);

/* open.c: the words behind `open [NAME]`, `split` and `background NAME`. */
bool parse_open(struct cursor *c, struct script_open *open);
/* ADDRESS, and with port not NULL also ADDRESS:PORT and [ADDRESS]:PORT. */
bool parse_address(struct cursor *c, const char **address, unsigned *port);
bool parse_split(struct cursor *c, struct script_split *split);
void print_open(const struct script_open *open, struct text *out);
void print_split(const struct script_split *split, struct text *out);

/* send.c, wire.c, expect.c: what stands behind the verb. */
bool parse_send(struct cursor *c, struct script_step *step);
bool parse_wire(struct cursor *c, struct script_step *step);
void print_send(const struct script_send *send, struct text *out);
void print_wire(const struct script_wire *wire, struct text *out);
bool parse_expect(struct cursor *c, struct script_step *step);
bool parse_events(struct cursor *c, struct script_events *events);
bool parse_state(struct cursor *c, int8_t *state);
bool parse_until(struct cursor *c, struct script_until *until); /* behind `until` */
bool parse_signal(struct cursor *c, int *signo);
bool parse_ierr(struct cursor *c, int32_t *ierr);
