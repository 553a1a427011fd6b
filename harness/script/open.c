/* open.c - how a connection is made and its bytes are cut: the words behind `open` and `split`. */
#include "harness/script/parse.h"

#include "harness/session/session.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_address(const char *text)
{
    uint8_t bytes[16];

    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

bool parse_address(struct cursor *c, const char **address, unsigned *port)
{
    size_t at = (cursor_at_end(c), c->at);
    char *word = cursor_need(c, "an address such as 127.0.0.2 or ::1"), *end;

    if (!word)
        return false;
    *address = word;
    if (is_address(word))
        return true;
    char *colon = strrchr(word, ':');
    long value = colon && isdigit((unsigned char)colon[1]) ? strtol(colon + 1, &end, 10) : 0;
    if (!port || value < 1 || value > 65535 || *end)
        return cursor_fail(c, at,
                           port ? "an address such as 127.0.0.2, or with a port: [::1]:5300"
                                : "an address such as 127.0.0.2 or ::1");
    *colon = '\0';
    if (*word == '[' && colon > word && colon[-1] == ']') {
        colon[-1] = '\0';
        ++*address;
    }
    *port = (unsigned)value;
    return is_address(*address) || cursor_fail(c, at, "an address such as 127.0.0.2 or ::1");
}

static bool read_cookie(struct cursor *c, struct script_open *open)
{
    if (!cursor_need_word(c, "cookie") || !cursor_need_word(c, "of"))
        return false;
    open->cookie_of = cursor_need(c, "the name of a connection, or 'first'");
    return open->cookie_of != NULL;
}

bool parse_open(struct cursor *c, struct script_open *open)
{
    if (cursor_take(c, "tcp"))
        open->transport = SCRIPT_BARE_TCP;
    else if (cursor_take(c, "udp"))
        open->transport = SCRIPT_BARE_UDP;
    for (;;) {
        if (cursor_take(c, "from")) {
            if (!parse_address(c, &open->from, &open->from_port))
                return false;
        } else if (cursor_take(c, "to")) {
            if (!parse_address(c, &open->to, NULL))
                return false;
        } else if (cursor_take(c, "with")) {
            if (!read_cookie(c, open))
                return false;
        } else {
            return true;
        }
    }
}

void print_open(const struct script_open *open, struct text *out)
{
    static const char *const words[] = {"", " tcp", " udp"};
    struct text all = {0};

    text_adds(&all, words[open->transport]);
    if (open->from)
        text_addf(&all, open->from_port && strchr(open->from, ':') ? " from [%s]" : " from %s",
                  open->from);
    if (open->from_port)
        text_addf(&all, ":%u", open->from_port);
    if (open->to)
        text_addf(&all, " to %s", open->to);
    if (open->cookie_of)
        text_addf(&all, " with cookie of %s", open->cookie_of);
    if (all.len > 0)
        text_adds(out, all.at + 1);
    text_fini(&all);
}

/* `at 1 5 37`: growing. */
static bool read_offsets(struct cursor *c, struct script_split *split)
{
    int64_t last = 0, offset;

    do {
        if (split->n == SESSION_CUTS_MAX)
            return cursor_fail(c, SIZE_MAX, "at most %d offsets", SESSION_CUTS_MAX);
        if (!cursor_int(c, "an offset above the one before", last + 1, 1 << 30, &offset))
            return false;
        split->at = arena_grow(c->arena, split->at, split->n, sizeof *split->at);
        split->at[split->n++] = last = offset;
        cursor_at_end(c);
    } while (isdigit((unsigned char)c->text[c->at]));
    return true;
}

bool parse_split(struct cursor *c, struct script_split *split)
{
    bool ok = cursor_take(c, "at") ? read_offsets(c, split)
                                   : cursor_int(c, "bytes per write, or 'at' and offsets", 0,
                                                1 << 20, &split->every);

    return ok && (!cursor_take(c, "delay") || cursor_duration(c, &split->delay_ms));
}

void print_split(const struct script_split *split, struct text *out)
{
    text_addf(out, split->n ? "at" : "%lld", (long long)split->every);
    for (size_t i = 0; i < split->n; i++)
        text_addf(out, " %lld", (long long)split->at[i]);
    if (split->delay_ms) {
        text_adds(out, " delay ");
        text_add_ms(out, split->delay_ms);
    }
}
