#include "impl/console.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* A waiting test that prints more than this is shown in blocks: memory stays bounded. */
#define WAITING_MAX ((size_t)1 << 20)

struct console {
    FILE *out;
    struct console_slot *first; /* in the order of opening; the first one holds the floor */
};

struct console_slot {
    struct console *console;
    struct console_slot *next;
    FILE *file;
    char *held;
    size_t len, cap;
};

static void show_held(struct console_slot *slot)
{
    if (slot->len == 0)
        return;
    (void)fwrite(slot->held, 1, slot->len, slot->console->out);
    (void)fflush(slot->console->out);
    slot->len = 0;
}

static int hold(struct console_slot *slot, const char *text, size_t len)
{
    if (slot->len + len > slot->cap) {
        size_t cap = (slot->len + len) * 2;
        char *grown = realloc(slot->held, cap);

        if (!grown)
            return -1;
        slot->held = grown;
        slot->cap = cap;
    }
    memcpy(slot->held + slot->len, text, len);
    slot->len += len;
    if (slot->len > WAITING_MAX)
        show_held(slot);
    return 0;
}

static ssize_t slot_write(void *cookie, const char *text, size_t len)
{
    struct console_slot *slot = cookie;

    if (slot->console->first != slot)
        return hold(slot, text, len) == 0 ? (ssize_t)len : -1;
    size_t written = fwrite(text, 1, len, slot->console->out);
    (void)fflush(slot->console->out);
    return written > 0 ? (ssize_t)written : -1;
}

struct console *console_new(FILE *out)
{
    struct console *c = calloc(1, sizeof *c);

    if (c)
        c->out = out;
    return c;
}

void console_free(struct console *c)
{
    free(c);
}

struct console_slot *console_open(struct console *c)
{
    struct console_slot *slot = calloc(1, sizeof *slot);
    struct console_slot **end = &c->first;

    if (!slot)
        return NULL;
    slot->console = c;
    slot->file = fopencookie(slot, "w", (cookie_io_functions_t){.write = slot_write});
    if (!slot->file) {
        free(slot);
        return NULL;
    }
    setvbuf(slot->file, NULL, _IOLBF, 0);
    while (*end)
        end = &(*end)->next;
    *end = slot;
    return slot;
}

FILE *console_file(struct console_slot *slot)
{
    return slot->file;
}

void console_close(struct console_slot *slot)
{
    struct console *c = slot->console;
    struct console_slot **link = &c->first;

    (void)fclose(slot->file); /* flushes into slot_write */
    show_held(slot);
    while (*link != slot)
        link = &(*link)->next;
    *link = slot->next;
    if (c->first)
        show_held(c->first);
    free(slot->held);
    free(slot);
}
