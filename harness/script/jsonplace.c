#include "harness/script/jsonplace.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 1000 /* as json.h has it */

struct scan {
    const char *text;
    size_t at; /* in front of what is wrong, once something is */
    const char *expected;
    unsigned depth;
};

static bool value(struct scan *s);

static bool wrong(struct scan *s, const char *expected)
{
    s->expected = expected;
    return false;
}

static void blanks(struct scan *s)
{
    while (s->text[s->at] && (unsigned char)s->text[s->at] <= ' ')
        s->at++;
}

static bool escape(struct scan *s)
{
    const char *what = s->text + s->at + 1;

    if (*what == '\0' || !strchr("\"\\/bfnrtu", *what))
        return wrong(s, "an escape such as \\n or \\u0041");
    for (int i = 1; *what == 'u' && i <= 4; i++)
        if (!isxdigit((unsigned char)what[i]))
            return wrong(s, "\\u and four hex digits");
    s->at += 2;
    return true;
}

static bool string(struct scan *s, const char *expected)
{
    if (s->text[s->at] != '"')
        return wrong(s, expected);
    s->at++;
    while (s->text[s->at] && s->text[s->at] != '"') {
        if (s->text[s->at] != '\\')
            s->at++;
        else if (!escape(s))
            return false;
    }
    if (!s->text[s->at])
        return wrong(s, "a closing \"");
    s->at++;
    return true;
}

static bool number(struct scan *s)
{
    const char *from = s->text + s->at;
    size_t most = strspn(from, "0123456789+-.eE");
    char *end;

    strtod(from, &end);
    if (end == from)
        return wrong(s, "a number");
    s->at += (size_t)(end - from) < most ? (size_t)(end - from) : most;
    return true;
}

static bool member(struct scan *s)
{
    if (!string(s, "a key in double quotes"))
        return false;
    blanks(s);
    if (s->text[s->at] != ':')
        return wrong(s, "':' and a value");
    s->at++;
    return value(s);
}

/* An object or an array. */
static bool container(struct scan *s)
{
    bool is_object = s->text[s->at] == '{';
    char close = is_object ? '}' : ']';

    if (s->depth == DEPTH_MAX)
        return wrong(s, "at most 1000 levels of JSON");
    s->depth++;
    s->at++;
    blanks(s);
    bool more = s->text[s->at] != close;
    while (more) {
        blanks(s);
        if (!(is_object ? member(s) : value(s)))
            return false;
        blanks(s);
        more = s->text[s->at] == ',';
        s->at += more;
    }
    if (s->text[s->at] != close)
        return wrong(s, is_object ? "',' or '}'" : "',' or ']'");
    s->at++;
    s->depth--;
    return true;
}

static bool value(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};

    blanks(s);
    const char *at = s->text + s->at;
    if (*at == '{' || *at == '[')
        return container(s);
    if (*at == '"')
        return string(s, "a text");
    if (*at == '-' || isdigit((unsigned char)*at))
        return number(s);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strncmp(at, words[i], strlen(words[i])) != 0)
            continue;
        s->at += strlen(words[i]);
        return true;
    }
    return wrong(s, "a JSON value");
}

bool jsonplace_is_value(const char *text, size_t *at, const char **expected)
{
    struct scan s = {.text = text};
    bool ok = value(&s);

    blanks(&s);
    ok = ok && (!text[s.at] || wrong(&s, "nothing behind the JSON value"));
    *at = s.at;
    *expected = s.expected;
    return ok;
}

bool jsonplace_member(const char *text, size_t n, size_t *key, size_t *at)
{
    struct scan s = {.text = text};

    blanks(&s);
    if (text[s.at] != '{')
        return false;
    for (size_t i = 0;; i++) {
        s.at++; /* the { or the comma */
        blanks(&s);
        *key = s.at;
        if (!string(&s, ""))
            return false;
        s.at += strcspn(text + s.at, ":");
        s.at += text[s.at] == ':';
        blanks(&s);
        *at = s.at;
        if (i == n)
            return true;
        if (!value(&s))
            return false;
        blanks(&s);
        if (text[s.at] != ',')
            return false;
    }
}
