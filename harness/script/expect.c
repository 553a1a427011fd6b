/* expect.c - `expect WHAT` and lists of events: reading them. */
#include "harness/script/parse.h"

#include <string.h>

static bool read_state(struct cursor *c, struct script_event *event)
{
    return parse_state(c, &event->state);
}

static bool read_plain(struct cursor *c, struct script_event *event)
{
    (void)c, (void)event;
    return true;
}

/* server-error [NAME] [ints 1|2] */
static bool read_error(struct cursor *c, struct script_event *event)
{
    char *next = cursor_peek(c);
    int32_t ierr;
    int64_t ints;

    if (next && (strncmp(next, "IE", 2) == 0 || strchr("0123456789-", *next))) {
        if (!parse_ierr(c, &ierr))
            return false;
        event->ierr = ierr;
    }
    if (cursor_take(c, "ints")) {
        if (!cursor_int(c, "how many integers", 0, 2, &ints))
            return false;
        event->ints = (int)ints;
    }
    return true;
}

/* [where QUERY | with PATH | without PATH] */
static bool read_json(struct cursor *c, struct script_event *event)
{
    bool with = cursor_take(c, "with"), without = !with && cursor_take(c, "without");

    if (with || without) {
        struct text query = {0};
        char *path = cursor_need(c, "a path such as .server_output_text");
        if (!path)
            return false;
        text_addf(&query, "%s%s exists", without ? "not " : "", path);
        struct cursor inner = {c->file, c->line, text_string(&query), 0, c->arena, c->error};
        event->where = query_parse(&inner);
        bool ok = event->where && cursor_end(&inner);
        text_fini(&query);
        return ok;
    }
    if (!cursor_take(c, "where"))
        return true;
    event->where = query_parse(c);
    return event->where != NULL;
}

static const struct {
    const char *word;
    enum script_event_kind kind;
    bool (*read)(struct cursor *c, struct script_event *event);
} events_of_language[] = {
    {"state",        SCRIPT_EV_STATE,   read_state},
    {"end",          SCRIPT_EV_END,     read_plain},
    {"close",        SCRIPT_EV_CLOSE,   read_plain},
    {"reset",        SCRIPT_EV_RESET,   read_plain},
    {"denied",       SCRIPT_EV_DENIED,  read_plain},
    {"server-error", SCRIPT_EV_ERROR,   read_error},
    {"params",       SCRIPT_EV_PARAMS,  read_json },
    {"results",      SCRIPT_EV_RESULTS, read_json },
};

static bool read_event(struct cursor *c, struct script_event *event)
{
    for (size_t i = 0; i < ARRAY_LEN(events_of_language); i++) {
        if (!cursor_take(c, events_of_language[i].word))
            continue;
        *event = (struct script_event){.kind = events_of_language[i].kind, .ierr = -1, .ints = -1};
        return events_of_language[i].read(c, event);
    }
    return cursor_fail(c, SIZE_MAX,
                       "one of state end close reset denied server-error params results "
                       "nothing alive exit output failure");
}

bool parse_events(struct cursor *c, struct script_events *events)
{
    do {
        events->at = arena_grow(c->arena, events->at, events->n, sizeof *events->at);
        if (!read_event(c, &events->at[events->n++]))
            return false;
    } while (cursor_take(c, "or"));
    return true;
}

static bool read_nothing(struct cursor *c, struct script_expect *expect)
{
    expect->for_ms = -1;
    if (cursor_take(c, "for"))
        return cursor_duration(c, &expect->for_ms);
    return cursor_need_word(c, "until") && cursor_need_word(c, "end");
}

static bool read_alive(struct cursor *c, struct script_expect *expect)
{
    expect->meanwhile = cursor_take(c, "meanwhile");
    return true;
}

static bool read_exit(struct cursor *c, struct script_expect *expect)
{
    int64_t status;

    if (!cursor_int(c, "an exit status", 0, 255, &status))
        return false;
    expect->status = (int)status;
    return true;
}

/* output json [where QUERY] | output text "..." */
static bool read_output(struct cursor *c, struct script_expect *expect)
{
    struct bytes text;

    if (cursor_take(c, "text")) {
        if (!cursor_quoted(c, &text))
            return false;
        expect->contains = (const char *)text.at;
        return true;
    }
    if (!cursor_need_word(c, "json") || !cursor_need_word(c, "where"))
        return false;
    expect->where = query_parse(c);
    return expect->where != NULL;
}

static bool read_failure(struct cursor *c, struct script_expect *expect)
{
    (void)c, (void)expect;
    return true;
}

static const struct {
    const char *word;
    enum script_expect_kind kind;
    bool (*read)(struct cursor *c, struct script_expect *expect);
} kinds[] = {
    {"nothing", SCRIPT_EXPECT_NOTHING, read_nothing},
    {"alive",   SCRIPT_EXPECT_ALIVE,   read_alive  },
    {"exit",    SCRIPT_EXPECT_EXIT,    read_exit   },
    {"output",  SCRIPT_EXPECT_OUTPUT,  read_output },
    {"failure", SCRIPT_EXPECT_FAILURE, read_failure},
};

bool parse_expect(struct cursor *c, struct script_step *step)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (cursor_take(c, kinds[i].word)) {
            step->expect.kind = kinds[i].kind;
            return kinds[i].read(c, &step->expect);
        }
    }
    step->expect.kind = SCRIPT_EXPECT_EVENT;
    return parse_events(c, &step->expect.events);
}
