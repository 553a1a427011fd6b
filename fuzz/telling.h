/* telling.h - what reached one end of a session in process, as an input of that end's own target:
 * with FUZZ_TELL=server (or client) in the environment that of the first run goes to stdout, record
 * by record, before the machine hears of it. From there `iperfspec convert --target server` makes a
 * script of it.
 *
 * A message that was not there as a whole when the end came, or the machine died, is left out; so
 * is a byte 1e inside of one, which parts records (script.h). */
#pragma once
#include "fuzz/fuzz.h"

#include "impl/wire/frame.h"
#include "impl/wire/observer.h"
#include "impl/wire/state.h"

#include <string.h>

#define TELLING_TEXT_MAX (1u << 20)

enum telling_next { TELLING_COOKIE, TELLING_TEXT, TELLING_STATE };

struct telling {
    bool is_on;
    enum observer_side to;
    enum telling_next next;
    struct fuzz_log pending; /* of a message that is not whole */
};

/* A run begins. head: the set-up's flags, as both targets have them. */
static inline void telling_start(struct telling *t, uint8_t flags)
{
    static bool is_told;
    const char *to = is_told ? NULL : getenv("FUZZ_TELL");
    uint8_t head[2] = {0, 0};

    *t = (struct telling){.is_on = to != NULL};
    is_told = true;
    if (!t->is_on)
        return;
    t->to = strcmp(to, "client") == 0 ? OBSERVER_CLIENT : OBSERVER_SERVER;
    t->next = t->to == OBSERVER_CLIENT ? TELLING_STATE : TELLING_COOKIE;
    head[1] = t->to == OBSERVER_CLIENT ? flags & (4 | 8 | 16) : 0;
    fwrite(head, 1, sizeof head, stdout);
}

static inline void telling_record(char kind, struct bytes payload)
{
    fputc(kind, stdout);
    for (size_t i = 0; i < payload.len; i++)
        if (payload.at[i] != 0x1e)
            fputc(payload.at[i], stdout);
    fputc(0x1e, stdout);
    fflush(stdout);
}

/* What happens at that end besides. */
static inline void telling_note(const struct telling *t, enum observer_side at, char kind)
{
    if (t->is_on && at == t->to)
        telling_record(kind, (struct bytes){0});
}

/* A state byte; SERVER_ERROR with its two numbers. 0: not whole. */
static inline size_t telling_state(struct telling *t, struct bytes all)
{
    int8_t state = (int8_t)all.at[0];
    size_t len = state == SERVER_ERROR && t->to == OBSERVER_CLIENT ? 9 : 1;

    if (all.len < len)
        return 0;
    telling_record('B', (struct bytes){all.at, len});
    if (state == (t->to == OBSERVER_CLIENT ? EXCHANGE_RESULTS : TEST_END))
        t->next = TELLING_TEXT;
    return len;
}

static inline size_t telling_text(struct telling *t, struct bytes all)
{
    if (all.len < 4)
        return 0;
    size_t len =
        (size_t)all.at[0] << 24 | (size_t)all.at[1] << 16 | (size_t)all.at[2] << 8 | all.at[3];
    if (len > TELLING_TEXT_MAX) { /* nothing behind it can be told apart */
        telling_record('B', all);
        return all.len;
    }
    if (all.len - 4 < len)
        return 0;
    telling_record('J', (struct bytes){all.at + 4, len});
    t->next = TELLING_STATE;
    return 4 + len;
}

static inline size_t telling_cookie(struct telling *t, struct bytes all)
{
    if (all.len < COOKIE_LEN)
        return 0;
    bool is_cookie = memchr(all.at, '\0', COOKIE_LEN) == all.at + COOKIE_LEN - 1;
    telling_record(is_cookie ? 'C' : 'B', (struct bytes){all.at, COOKIE_LEN - is_cookie});
    t->next = TELLING_TEXT;
    return COOKIE_LEN;
}

/* Bytes are about to reach an end. */
static inline void telling_bytes(struct telling *t, enum observer_side at, struct bytes bytes)
{
    static size_t (*const take[])(struct telling *, struct bytes) = {
        [TELLING_COOKIE] = telling_cookie,
        [TELLING_TEXT] = telling_text,
        [TELLING_STATE] = telling_state,
    };
    struct fuzz_log *log = &t->pending;
    size_t taken = 1;

    if (!t->is_on || at != t->to)
        return;
    fuzz_note(log, bytes.at, bytes.len);
    while (log->len > 0 && taken > 0) {
        taken = take[t->next](t, fuzz_noted(log));
        memmove(log->at, log->at + taken, log->len - taken);
        log->len -= taken;
    }
}

static inline void telling_stop(struct telling *t)
{
    fuzz_log_fini(&t->pending);
}
