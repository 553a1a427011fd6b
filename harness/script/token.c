/* token.c - `token user "mario" password "rossi" at now-60s padding pkcs1 key FILE`. */
#include "harness/script/parse.h"

#include <stdlib.h>
#include <string.h>

#define AT_EXPECTED "now, now-60s, now+60s or a Unix time"

static bool read_string(struct cursor *c, const char **out)
{
    struct bytes text;

    if (!cursor_quoted(c, &text))
        return false;
    *out = (const char *)text.at; /* NUL behind it */
    return true;
}

/* now, now-60s, now+1.5s (whole seconds count), 1700000000. */
static bool read_at(struct cursor *c, struct script_token *token)
{
    size_t at = (cursor_at_end(c), c->at);
    char *word = cursor_need(c, AT_EXPECTED);
    int64_t ms;

    if (!word)
        return false;
    token->is_relative = strncmp(word, "now", 3) == 0;
    if (!token->is_relative) {
        c->at = at;
        return cursor_int(c, AT_EXPECTED, INT64_MIN, INT64_MAX, &token->at_s);
    }
    token->at_s = 0;
    if (word[3] == '\0')
        return true;
    if (word[3] != '-' && word[3] != '+')
        return cursor_fail(c, at, AT_EXPECTED);
    c->at = at + 4;
    if (!cursor_duration(c, &ms))
        return false;
    token->at_s = (word[3] == '-' ? -ms : ms) / 1000;
    return true;
}

bool parse_token(struct cursor *c, struct script_token *token)
{
    *token = (struct script_token){.is_relative = true};
    if (!cursor_need_word(c, "user") || !read_string(c, &token->user) ||
        !cursor_need_word(c, "password") || !read_string(c, &token->password))
        return false;
    if (cursor_take(c, "at") && !read_at(c, token))
        return false;
    if (cursor_take(c, "padding")) {
        token->padding = cursor_take(c, "pkcs1")  ? SCRIPT_PADDING_PKCS1
                         : cursor_take(c, "oaep") ? SCRIPT_PADDING_OAEP
                                                  : SCRIPT_PADDING_OF_SUBJECT;
        if (token->padding == SCRIPT_PADDING_OF_SUBJECT)
            return cursor_fail(c, SIZE_MAX, "'pkcs1' or 'oaep'");
    }
    return !cursor_take(c, "key") || (token->key = cursor_need(c, "a file"));
}

void print_token(const struct script_token *token, struct text *out)
{
    static const char *const paddings[] = {"", " padding pkcs1", " padding oaep"};

    if (!token->user) {
        text_adds(out, "token again");
        return;
    }
    text_adds(out, "token user ");
    text_add_quoted(out, (struct bytes){(const uint8_t *)token->user, strlen(token->user)});
    text_adds(out, " password ");
    text_add_quoted(out, (struct bytes){(const uint8_t *)token->password, strlen(token->password)});
    if (!token->is_relative)
        text_addf(out, " at %lld", (long long)token->at_s);
    else if (token->at_s)
        text_addf(out, " at now%+llds", (long long)token->at_s);
    text_adds(out, paddings[token->padding]);
    if (token->key)
        text_addf(out, " key %s", token->key);
}
