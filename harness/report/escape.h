/* escape.h - texts of peers and programs, made harmless for the format that they go into.
 *
 * What a format cannot hold, or a terminal would obey, becomes \xNN: control characters but newline
 * and tab, and bytes that are not UTF-8. */
#pragma once
#include "harness/session/text.h"

/* Length of the UTF-8 character at `at`; 0 for what XML may not hold: control characters, bytes
 * that make no character, surrogates, U+FFFE and U+FFFF. */
size_t escape_character(const char *at);

/* For XML and HTML, in text and between double quotes. At most max characters, then an ellipsis. */
void escape_xml(struct text *out, const char *text, size_t max);
#define ESCAPE_ALL SIZE_MAX
/* In one line: newlines become a space. */
void escape_line(struct text *out, const char *text, size_t max);
/* For Markdown, inside of a table too: one line in which nothing is markup or HTML. */
void escape_markdown(struct text *out, const char *text, size_t max);
/* As a string of a JSON text that people look at as it stands, in one line of at most max. */
struct jwrite;
void escape_json(struct jwrite *w, const char *key, const char *text, size_t max);
/* A YAML string in double quotes. */
void escape_yaml(struct text *out, const char *text);
/* For the words of GitHub's commands; in a property `:` and `,` as well. */
void escape_command(struct text *out, const char *text, bool is_property);
/* A path as a URI: file:// if it is absolute, and else relative. */
void escape_uri(struct text *out, const char *path);
