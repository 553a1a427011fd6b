/* cursor.h - reads one line of a script, word by word, and says what was wrong with it.
 *
 * Every function that can fail fills the error and returns false or NULL; the first error of a line
 * stands. */
#pragma once
#include "harness/session/arena.h"
#include "harness/session/text.h"

#include <stdbool.h>

/* What was wrong, and where; formatted by script_error_format(). */
struct script_error {
    char file[256];
    unsigned line, column; /* from 1; column 0: the whole line */
    char found[80];
    char expected[200];
    char text[400];   /* the line, after {NAME} was replaced */
    unsigned skipped; /* characters of a long line in front of text */
};

/* Let the message show the line; of a long one the part around the column, which is set. */
void script_error_show(struct script_error *error, const char *line);

/* "FILE:LINE:COL: expected a state, found 'FOO'", the line, and a caret. */
void script_error_format(const struct script_error *error, struct text *out);

struct cursor {
    const char *file;
    unsigned line;
    const char *text; /* one line, NUL-terminated, without comment */
    size_t at;        /* next character */
    struct arena *arena;
    struct script_error *error;
};

/* Remove a comment (a # at the start or behind a blank, outside quotes) and blanks at the end. */
void cursor_strip(char *line);

void cursor_blanks(struct cursor *c); /* move past them */

/* Whether nothing but blanks is left; fail unless so. */
bool cursor_at_end(struct cursor *c);
bool cursor_end(struct cursor *c);

/* The next word (up to a blank), or NULL at the end of the line; peek does not move. In the arena.
 */
char *cursor_word(struct cursor *c);
char *cursor_peek(struct cursor *c);

/* Take the word if it is next. */
bool cursor_take(struct cursor *c, const char *word);

/* A word that must be there; `expected` says in words what it is. NULL and the error if not. */
char *cursor_need(struct cursor *c, const char *expected);
bool cursor_need_word(struct cursor *c, const char *word);

/* An integer, decimal or 0x, in [min, max]. */
bool cursor_int(struct cursor *c, const char *expected, int64_t min, int64_t max, int64_t *out);
/* "5s", "200ms": milliseconds. */
bool cursor_duration(struct cursor *c, int64_t *ms);
/* The same, or two of them as "5s..9s"; without the first *from stays as it is. */
bool cursor_durations(struct cursor *c, int64_t *from, int64_t *to);
/* '...' as it stands, or "..." with the escapes \" \\ \n \0 \xNN. */
bool cursor_quoted(struct cursor *c, struct bytes *out);
/* The text of one JSON value, as it stands. */
char *cursor_json(struct cursor *c);
/* Bytes in hex, blanks between them allowed, up to the end of the line or a word that is not hex.
 */
bool cursor_hex(struct cursor *c, struct bytes *out);

/* Record an error at column `at` (an offset in text; SIZE_MAX: the next word). Returns false. */
bool cursor_fail(struct cursor *c, size_t at, const char *expected, ...)
    __attribute__((format(printf, 3, 4)));
/* The same behind the line, where `what` (a header, a file) ends and should not. */
bool cursor_fail_behind(struct cursor *c, const char *what, const char *expected, ...)
    __attribute__((format(printf, 3, 4)));
