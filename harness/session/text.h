/* text.h - a growing run of bytes, and memory that is given back all at once.
 *
 * The harness cannot go on without memory and says so: these functions end the process with status
 * 3 (harness trouble) instead of returning an error. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/jwrite.h"

#include <stdarg.h>
#include <stdbool.h>

/* Zero it to start; text_fini() frees. The bytes always have a NUL behind them that len does not
 * count. */
struct text {
    char *at;
    size_t len, cap;
};

/* Add len bytes, so many times, a string, or what printf() would print. A process without memory
 * ends. */
void text_add(struct text *t, const void *bytes, size_t len);
void text_add_times(struct text *t, const void *bytes, size_t len, size_t times);
void text_adds(struct text *t, const char *string);
void text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* In as few digits as read back as the same number: 0.9, and 4294967296 without an exponent. */
void text_add_number(struct text *t, double number);
void text_vaddf(struct text *t, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Bytes as "fe 00 00", at most max of them, then "... (N bytes)". */
void text_add_hex(struct text *t, struct bytes bytes, size_t max);
/* As the .peer language quotes it: "a\\x00", and a long run of one byte as "a" x 8000. */
void text_add_quoted(struct text *t, struct bytes bytes);
void text_add_pieces(struct text *t, struct bytes bytes);
/* A time as the .peer language has it: "5s", "1500ms". */
void text_add_ms(struct text *t, int64_t ms);
/* As a shell reads one word: in quotes where it needs them. */
void text_add_word(struct text *t, const char *word);
/* At most max bytes of it: what is longer is cut behind a word, with "...". */
void text_add_cut(struct text *t, const char *string, size_t max);
/* Whether a character of UTF-8 (len bytes) moves what stands around it: a mark of direction, an
 * override or isolate of it, or a separator of lines that is none of ASCII. */
bool text_is_mover(const char *at, size_t len);
/* Control characters of it, C1 and NUL as well, those of text_is_mover(), and bytes that are not
 * UTF-8 become \xNN, and so does the head of `##[`; newlines and tabs stay. A terminal, and
 * GitHub's runner, take no orders from what a peer or a program wrote. */
void text_make_plain(struct text *t);
/* What a word takes behind a number: "1 byte", "2 bytes". */
static inline const char *text_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}
/* Behind the byte order mark with which some editors begin a file of UTF-8. */
const char *text_behind_mark(const char *file);
const char *text_string(const struct text *t); /* "" while nothing was added */
/* Add what the writer holds, and free it. False: it had no memory. */
bool text_add_json(struct text *t, struct jwrite *w);
/* Add a file's bytes, at most 1 GiB. False: see errno. */
bool text_read_file(struct text *t, const char *path);
void text_fini(struct text *t);

/* As realloc and strdup; never NULL. */
void *text_realloc(void *at, size_t size);
char *text_dup(const char *string);
