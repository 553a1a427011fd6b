/* expect.c - `expect WHAT` and lists of events: reading them. */
#include "harness/script/parse.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_ID_MAX 100000
#define SEQS_MAX      100000
#define FIRST_MAX     64 /* bytes of a stream or a datagram that can be asked about */
#define PATTERN_MAX   256
#define COPIES_MAX    1000ul

static bool read_state(struct cursor *c, struct script_event *event)
{
    return parse_state(c, &event->state);
}

static bool read_plain(struct cursor *c, struct script_event *event)
{
    (void)c, (void)event;
    return true;
}

/* server-error [NAME] [ints 1|2] [errno N] */
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
    if (cursor_take(c, "errno")) {
        int64_t number;
        if (!cursor_int(c, "an errno number", INT32_MIN, INT32_MAX, &number))
            return false;
        event->has_errno = true;
        event->os_errno = (int32_t)number;
    }
    return true;
}

/* with token ...: what the parameters' authtoken says, once opened. */
static bool read_token(struct cursor *c, struct script_event *event)
{
    event->token = arena_alloc(c->arena, sizeof *event->token);
    return parse_token(c, event->token);
}

/* [where QUERY | with PATH | without PATH | with token ...] */
static bool read_json(struct cursor *c, struct script_event *event)
{
    bool with = cursor_take(c, "with"), without = !with && cursor_take(c, "without");

    if (!with && !without && !cursor_take(c, "where"))
        return true;
    if (with && event->kind == SCRIPT_EV_PARAMS && cursor_take(c, "token"))
        return read_token(c, event);
    event->where = with || without ? query_parse_exists(c, without) : query_parse(c);
    return event->where != NULL;
}

/* --- streams --------------------------------------------------------------------------------- */

static bool read_first_bytes(struct cursor *c, struct script_event *event)
{
    return cursor_hex(c, &event->raw) &&
           ((event->raw.len > 0 && event->raw.len <= FIRST_MAX) ||
            cursor_fail(c, SIZE_MAX, "1 to %d bytes in front of this", FIRST_MAX));
}

/* data hex BYTES [repeated] | data [at least] N bytes */
static bool read_stream_data(struct cursor *c, struct script_event *event)
{
    int64_t count;

    if (cursor_take(c, "hex")) {
        event->kind = SCRIPT_EV_STREAM_BEGIN;
        if (!read_first_bytes(c, event))
            return false;
        event->repeated = cursor_take(c, "repeated");
        return true;
    }
    event->kind = SCRIPT_EV_STREAM_DATA;
    event->at_least = cursor_take(c, "at");
    if (event->at_least && !cursor_need_word(c, "least"))
        return false;
    if (!cursor_int(c, "a number of bytes", 1, INT64_MAX, &count))
        return false;
    event->count = (uint64_t)count;
    return cursor_take(c, "bytes") || cursor_need_word(c, "byte");
}

static bool read_stream_datagram(struct cursor *c, struct script_event *event)
{
    event->kind = SCRIPT_EV_STREAM_DATAGRAM;
    return cursor_need_word(c, "hex") && read_first_bytes(c, event);
}

/* [from port P] [with any cookie] */
static bool read_stream_open(struct cursor *c, struct script_event *event)
{
    if (cursor_take(c, "from") &&
        (!cursor_need_word(c, "port") || !cursor_int(c, "a port", 1, 65535, &event->port)))
        return false;
    event->any_cookie = cursor_take(c, "with");
    return !event->any_cookie || (cursor_need_word(c, "any") && cursor_need_word(c, "cookie"));
}

/* stream N ... */
static bool read_stream(struct cursor *c, struct script_event *event)
{
    static const struct {
        const char *word;
        enum script_event_kind kind;
    } ends[] = {
        {"end",   SCRIPT_EV_STREAM_END  },
        {"close", SCRIPT_EV_STREAM_CLOSE},
        {"reset", SCRIPT_EV_STREAM_RESET},
    };

    if (!cursor_int(c, "the id of a stream", 1, STREAM_ID_MAX, &event->stream))
        return false;
    if (cursor_take(c, "data"))
        return read_stream_data(c, event);
    if (cursor_take(c, "datagram"))
        return read_stream_datagram(c, event);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (cursor_take(c, ends[i].word)) {
            event->kind = ends[i].kind;
            return true;
        }
    }
    return read_stream_open(c, event);
}

/* "7" or "1..5" */
static bool add_seqs(struct cursor *c, struct script_event *event)
{
    cursor_at_end(c);
    char *word = cursor_peek(c), *end;
    int64_t from = strtoll(word, &end, 0), to = from;

    if (strncmp(end, "..", 2) == 0)
        to = strtoll(end + 2, &end, 0);
    if (*end || to < from)
        return cursor_fail(c, SIZE_MAX, "a sequence number or a range 1..5");
    if (to - from >= SEQS_MAX || event->n_seqs + (size_t)(to - from) >= SEQS_MAX)
        return cursor_fail(c, SIZE_MAX, "at most %d datagrams", SEQS_MAX);
    for (; from <= to; from++) {
        event->seqs = arena_grow(c->arena, event->seqs, event->n_seqs, sizeof *event->seqs);
        event->seqs[event->n_seqs++] = from;
    }
    cursor_word(c);
    return true;
}

/* datagrams 1 2 5..7 on stream N */
static bool read_datagrams(struct cursor *c, struct script_event *event)
{
    char *next;

    while ((next = cursor_peek(c)) && isdigit((unsigned char)*next))
        if (!add_seqs(c, event))
            return false;
    if (event->n_seqs == 0)
        return cursor_fail(c, SIZE_MAX, "sequence numbers such as 1 2 5..7");
    return cursor_need_word(c, "on") && cursor_need_word(c, "stream") &&
           cursor_int(c, "the id of a stream", 1, STREAM_ID_MAX, &event->stream);
}

/* --- lists of events ------------------------------------------------------------------------- */

#define EVENTS "state end close reset denied server-error params results stream datagrams"

static const struct {
    const char *word;
    enum script_event_kind kind;
    bool (*read)(struct cursor *c, struct script_event *event);
} events_of_language[] = {
    {"state",        SCRIPT_EV_STATE,            read_state    },
    {"end",          SCRIPT_EV_END,              read_plain    },
    {"close",        SCRIPT_EV_CLOSE,            read_plain    },
    {"reset",        SCRIPT_EV_RESET,            read_plain    },
    {"denied",       SCRIPT_EV_DENIED,           read_plain    },
    {"server-error", SCRIPT_EV_ERROR,            read_error    },
    {"params",       SCRIPT_EV_PARAMS,           read_json     },
    {"results",      SCRIPT_EV_RESULTS,          read_json     },
    {"stream",       SCRIPT_EV_STREAM,           read_stream   },
    {"datagrams",    SCRIPT_EV_STREAM_DATAGRAMS, read_datagrams},
};

static bool read_event(struct cursor *c, struct script_event *event)
{
    for (size_t i = 0; i < ARRAY_LEN(events_of_language); i++) {
        if (!cursor_take(c, events_of_language[i].word))
            continue;
        *event = (struct script_event){.kind = events_of_language[i].kind, .ierr = -1, .ints = -1};
        return events_of_language[i].read(c, event);
    }
    return cursor_fail(c, SIZE_MAX, "an event: " EVENTS);
}

static bool at_event(struct cursor *c)
{
    struct cursor look = *c;

    for (size_t i = 0; i < ARRAY_LEN(events_of_language); i++)
        if (cursor_take(&look, events_of_language[i].word))
            return true;
    return false;
}

bool script_event_is_of_stream(const struct script_event *event)
{
    return event->kind >= SCRIPT_EV_STREAM;
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

/* exit N | exit not N */
static bool read_exit(struct cursor *c, struct script_expect *expect)
{
    int64_t status;

    expect->is_not = cursor_take(c, "not");
    if (!cursor_int(c, "an exit status", 0, 255, &status))
        return false;
    expect->status = (int)status;
    return true;
}

static bool read_signal(struct cursor *c, struct script_expect *expect)
{
    return parse_signal(c, &expect->status);
}

/* How often regcomp() copies what stands before a bound, "+" being {1,}. */
static unsigned long n_copies(const char *bound)
{
    char *end;

    if (*bound == '+')
        return 2;
    unsigned long least = strtoul(bound + 1, &end, 10);
    unsigned long most = *end == ',' ? strtoul(end + 1, NULL, 10) : 0;
    return MIN(MAX(least, most), COPIES_MAX) + (*end == ',' && most == 0);
}

/* Can be compiled and matched in bounded time and stack: copies of copies multiply, and back
 * references are tried in every way. */
static bool is_tame(const char *pattern)
{
    unsigned long copies = 1;

    for (const char *at = pattern; *at && copies <= COPIES_MAX; at++) {
        if (*at == '\\' && at[1]) {
            if (isdigit((unsigned char)*++at))
                return false;
        } else if (*at == '{' || *at == '+') {
            copies *= MAX(n_copies(at), 1);
        }
    }
    return copies <= COPIES_MAX && strlen(pattern) <= PATTERN_MAX;
}

/* "TEXT", or matches "REGEX" */
static bool read_text(struct cursor *c, struct script_expect *expect)
{
    struct bytes text;
    regex_t regex;
    bool matches = cursor_take(c, "matches");
    size_t at = (cursor_at_end(c), c->at);

    if (!cursor_quoted(c, &text))
        return false;
    if (memchr(text.at, '\0', text.len))
        return cursor_fail(c, at, "a text without NUL");
    if (!matches) {
        expect->contains = (const char *)text.at;
        return true;
    }
    expect->matches = (const char *)text.at;
    if (!is_tame(expect->matches))
        return cursor_fail(c, at,
                           "a regular expression of at most 256 characters that copies "
                           "nothing more than 1000 times, without back references");
    if (regcomp(&regex, expect->matches, REG_EXTENDED | REG_NOSUB) != 0)
        return cursor_fail(c, at, "an extended regular expression");
    regfree(&regex);
    return true;
}

/* output json where QUERY | output json-stream where QUERY | output text TEXT */
static bool read_output(struct cursor *c, struct script_expect *expect)
{
    if (cursor_take(c, "text")) {
        expect->output = SCRIPT_OUTPUT_TEXT;
        return read_text(c, expect);
    }
    if (cursor_take(c, "json-stream"))
        expect->output = SCRIPT_OUTPUT_JSON_STREAM;
    else if (!cursor_take(c, "json"))
        return cursor_fail(c, SIZE_MAX, "json, json-stream or text");
    if (!cursor_need_word(c, "where"))
        return false;
    expect->where = query_parse(c);
    return expect->where != NULL;
}

static bool read_stderr(struct cursor *c, struct script_expect *expect)
{
    expect->output = SCRIPT_OUTPUT_STDERR;
    return read_text(c, expect);
}

static bool read_as_it_is(struct cursor *c, struct script_expect *expect)
{
    (void)c, (void)expect;
    return true;
}

/* Not behind `or` and `ignore`. */
#define MORE "nothing reaction alive rest exit signal output stderr failure"

static const struct {
    const char *word;
    enum script_expect_kind kind;
    bool (*read)(struct cursor *c, struct script_expect *expect);
} kinds[] = {
    {"nothing",  SCRIPT_EXPECT_NOTHING,  read_nothing },
    {"reaction", SCRIPT_EXPECT_REACTION, read_as_it_is},
    {"alive",    SCRIPT_EXPECT_ALIVE,    read_alive   },
    {"rest",     SCRIPT_EXPECT_REST,     read_as_it_is},
    {"exit",     SCRIPT_EXPECT_EXIT,     read_exit    },
    {"signal",   SCRIPT_EXPECT_SIGNAL,   read_signal  },
    {"output",   SCRIPT_EXPECT_OUTPUT,   read_output  },
    {"stderr",   SCRIPT_EXPECT_OUTPUT,   read_stderr  },
    {"failure",  SCRIPT_EXPECT_FAILURE,  read_as_it_is},
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
    if (!at_event(c))
        return cursor_fail(c, SIZE_MAX, "one of " EVENTS " " MORE);
    return parse_events(c, &step->expect.events);
}
