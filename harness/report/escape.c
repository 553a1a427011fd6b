/* escape.c - texts of peers and programs, made harmless for the format that they go into. */
#include "harness/report/escape.h"

#include "impl/wire/jwrite.h"

#include <string.h>

size_t escape_character(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;
    size_t len = c[0] < 0x80       ? 1
                 : c[0] >> 5 == 6  ? 2
                 : c[0] >> 4 == 14 ? 3
                 : c[0] >> 3 == 30 ? 4
                                   : 0;

    if (len == 1)
        return (c[0] >= ' ' && c[0] != 0x7f) || c[0] == '\n' || c[0] == '\t' ? 1 : 0;
    for (size_t i = 1; i < len; i++)
        if (c[i] >> 6 != 2)
            return 0;
    bool is_c1 = len == 2 && c[0] == 0xc2 && c[1] < 0xa0;
    bool is_surrogate = len == 3 && c[0] == 0xed && c[1] >= 0xa0;
    bool is_no_character = len == 3 && c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe;
    bool is_overlong = (len == 2 && c[0] < 0xc2) || (len == 3 && c[0] == 0xe0 && c[1] < 0xa0) ||
                       (len == 4 && c[0] == 0xf0 && c[1] < 0x90);
    bool is_beyond = len == 4 && (c[0] > 0xf4 || (c[0] == 0xf4 && c[1] > 0x8f));
    bool is_bad = is_c1 || is_surrogate || is_no_character || is_overlong || is_beyond;
    return is_bad || text_is_mover(at, len) ? 0 : len;
}

/* How one format writes a character that is ASCII; NULL: as it is. */
typedef const char *spelling(char c);

static void add_spelt(struct text *out, const char *text, size_t max, spelling *spell,
                      const char *backslash)
{
    size_t n = 0;

    for (const char *at = text; *at != '\0'; n++) {
        if (n == max) {
            text_adds(out, "\u2026");
            return;
        }
        size_t len = escape_character(at);
        const char *word = len == 1 ? spell(*at) : NULL;
        if (len == 0)
            text_addf(out, "%sx%02x", backslash, (unsigned char)*at);
        else if (word)
            text_adds(out, word);
        else
            text_add(out, at, len);
        at += MAX(len, 1u);
    }
}

static const char *in_xml(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

void escape_xml(struct text *out, const char *text, size_t max)
{
    add_spelt(out, text, max, in_xml, "\\");
}

static const char *in_line(char c)
{
    return c == '\n' || c == '\t' ? " " : NULL;
}

void escape_line(struct text *out, const char *text, size_t max)
{
    add_spelt(out, text, max, in_line, "\\");
}

void escape_json(struct jwrite *w, const char *key, const char *text, size_t max)
{
    struct text plain = {0};

    escape_line(&plain, text, max);
    jwrite_string(w, key, text_string(&plain));
    text_fini(&plain);
}

/* What begins no markup can stay; the rest as HTML has it, which Markdown takes literally. */
static const char *in_markdown(char c)
{
    static const struct {
        char c;
        const char *word;
    } words[] = {
        {'<',  "&lt;"  },
        {'>',  "&gt;"  },
        {'&',  "&amp;" },
        {'"',  "&quot;"},
        {'|',  "&#124;"},
        {'`',  "&#96;" },
        {'*',  "&#42;" },
        {'_',  "&#95;" },
        {'[',  "&#91;" },
        {']',  "&#93;" },
        {'~',  "&#126;"},
        {'#',  "&#35;" },
        {'!',  "&#33;" },
        {'@',  "&#64;" },
        {':',  "&#58;" },
        {'\\', "&#92;" },
        {'$',  "&#36;" },
        {'\n', " "     },
        {'\t', " "     },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].c == c)
            return words[i].word;
    return NULL;
}

void escape_markdown(struct text *out, const char *text, size_t max)
{
    add_spelt(out, text, max, in_markdown, "&#92;");
}

static const char *in_yaml(char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

void escape_yaml(struct text *out, const char *text)
{
    text_adds(out, "\"");
    add_spelt(out, text, ESCAPE_ALL, in_yaml, "\\\\");
    text_adds(out, "\"");
}

static const char *in_command(char c)
{
    return c == '%' ? "%25" : c == '\n' ? "%0A" : NULL;
}

static const char *in_property(char c)
{
    return c == ':' ? "%3A" : c == ',' ? "%2C" : in_command(c);
}

void escape_command(struct text *out, const char *text, bool is_property)
{
    add_spelt(out, text, ESCAPE_ALL, is_property ? in_property : in_command, "\\");
}

/* What RFC 3986 allows in a path as it stands; but no colon, which would make a scheme of what is
 * in front of it. */
static bool is_in_path(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~/!$&'()*+,;=@", c));
}

void escape_uri(struct text *out, const char *path)
{
    if (*path == '/')
        text_adds(out, "file://");
    for (const char *at = path; *at; at++)
        text_addf(out, is_in_path(*at) ? "%c" : "%%%02X", (unsigned char)*at);
}
