/* print.c - a script in canonical form. */
#include "harness/script/parse.h"

#include "impl/wire/ierr.h"
#include "impl/wire/state.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

void print_state(int8_t state, struct text *out)
{
    const char *name = state_name(state);

    if (name)
        text_adds(out, name);
    else
        text_addf(out, "0x%02x", (uint8_t)state);
}

void print_until(const struct script_until *until, struct text *out)
{
    text_adds(out, "until ");
    text_add_ms(out, until->ms);
    text_adds(out, " after ");
    print_state(until->state, out);
}

void print_ierr(int32_t ierr, struct text *out)
{
    const char *name = ierr_name(ierr);

    if (name)
        text_adds(out, name);
    else
        text_addf(out, "%d", (int)ierr);
}

static const char *const event_words[] = {
    [SCRIPT_EV_STATE] = "state",
    [SCRIPT_EV_END] = "end",
    [SCRIPT_EV_CLOSE] = "close",
    [SCRIPT_EV_RESET] = "reset",
    [SCRIPT_EV_DENIED] = "denied",
    [SCRIPT_EV_ERROR] = "server-error",
    [SCRIPT_EV_PARAMS] = "params",
    [SCRIPT_EV_RESULTS] = "results",
    [SCRIPT_EV_STREAM] = "stream",
    [SCRIPT_EV_STREAM_DATA] = "stream",
    [SCRIPT_EV_STREAM_END] = "stream",
    [SCRIPT_EV_STREAM_CLOSE] = "stream",
    [SCRIPT_EV_STREAM_RESET] = "stream",
    [SCRIPT_EV_STREAM_BEGIN] = "stream",
    [SCRIPT_EV_STREAM_DATAGRAM] = "stream",
    [SCRIPT_EV_STREAM_DATAGRAMS] = "datagrams",
};

/* 1 2 3 7 as "1..3 7" */
static void print_seqs(const struct script_event *event, struct text *out)
{
    for (size_t i = 0, run; i < event->n_seqs; i += run) {
        for (run = 1;
             i + run < event->n_seqs && event->seqs[i + run] == event->seqs[i] + (int64_t)run;)
            run++;
        if (run < 3)
            run = 1;
        text_addf(out, " %lld", (long long)event->seqs[i]);
        if (run > 1)
            text_addf(out, "..%lld", (long long)event->seqs[i + run - 1]);
    }
}

static void print_stream_event(const struct script_event *event, struct text *out)
{
    static const char *const ends[] = {
        [SCRIPT_EV_STREAM_END] = " end",
        [SCRIPT_EV_STREAM_CLOSE] = " close",
        [SCRIPT_EV_STREAM_RESET] = " reset",
    };

    if (event->kind == SCRIPT_EV_STREAM_DATAGRAMS) {
        print_seqs(event, out);
        text_addf(out, " on stream %lld", (long long)event->stream);
        return;
    }
    text_addf(out, " %lld", (long long)event->stream);
    switch (event->kind) {
    case SCRIPT_EV_STREAM:
        if (event->port)
            text_addf(out, " from port %lld", (long long)event->port);
        text_adds(out, event->any_cookie ? " with any cookie" : "");
        break;
    case SCRIPT_EV_STREAM_DATA:
        text_addf(out, " data %s%llu bytes", event->at_least ? "at least " : "",
                  (unsigned long long)event->count);
        break;
    case SCRIPT_EV_STREAM_BEGIN:
    case SCRIPT_EV_STREAM_DATAGRAM:
        text_adds(out, event->kind == SCRIPT_EV_STREAM_BEGIN ? " data hex " : " datagram hex ");
        text_add_hex(out, event->raw, SIZE_MAX);
        text_adds(out, event->repeated ? " repeated" : "");
        break;
    default:
        text_adds(out, ends[event->kind]);
    }
}

void script_print_event(const struct script_event *event, struct text *out)
{
    text_adds(out, event_words[event->kind]);
    if (script_event_is_of_stream(event))
        print_stream_event(event, out);
    if (event->kind == SCRIPT_EV_STATE) {
        text_adds(out, " ");
        print_state(event->state, out);
    }
    if (event->ierr != -1) {
        text_adds(out, " ");
        print_ierr(event->ierr, out);
    }
    if (event->ints >= 0)
        text_addf(out, " ints %d", event->ints);
    if (event->has_errno)
        text_addf(out, " errno %d", (int)event->os_errno);
    if (event->token) {
        text_adds(out, " with ");
        print_token(event->token, out);
    }
    if (event->where) {
        text_adds(out, " where ");
        query_print(event->where, out);
    }
}

static void print_events(const struct script_events *events, struct text *out)
{
    for (size_t i = 0; i < events->n; i++) {
        text_adds(out, i ? " or " : "");
        script_print_event(&events->at[i], out);
    }
}

static void print_said(const struct script_expect *expect, struct text *out)
{
    const char *text = expect->matches ? expect->matches : expect->contains;

    text_adds(out, expect->matches ? " matches " : " ");
    text_add_quoted(out, (struct bytes){(const uint8_t *)text, strlen(text)});
}

static void print_output(const struct script_expect *expect, struct text *out)
{
    static const char *const words[] = {
        [SCRIPT_OUTPUT_JSON] = "output json where ",
        [SCRIPT_OUTPUT_JSON_STREAM] = "output json-stream where ",
        [SCRIPT_OUTPUT_TEXT] = "output text",
        [SCRIPT_OUTPUT_STDERR] = "stderr",
    };

    text_adds(out, words[expect->output]);
    if (expect->where)
        query_print(expect->where, out);
    else
        print_said(expect, out);
}

static void print_expect(const struct script_expect *expect, struct text *out)
{
    switch (expect->kind) {
    case SCRIPT_EXPECT_EVENT:
        print_events(&expect->events, out);
        break;
    case SCRIPT_EXPECT_NOTHING:
        if (expect->for_ms < 0) {
            text_adds(out, "nothing until end");
        } else {
            text_adds(out, "nothing for ");
            text_add_ms(out, expect->for_ms);
        }
        break;
    case SCRIPT_EXPECT_REACTION:
        text_adds(out, "reaction");
        break;
    case SCRIPT_EXPECT_ALIVE:
        text_adds(out, expect->meanwhile ? "alive meanwhile" : "alive");
        break;
    case SCRIPT_EXPECT_REST:
        text_adds(out, "rest");
        break;
    case SCRIPT_EXPECT_FAILURE:
        text_adds(out, "failure");
        break;
    case SCRIPT_EXPECT_EXIT:
        text_addf(out, "exit %s%d", expect->is_not ? "not " : "", expect->status);
        break;
    case SCRIPT_EXPECT_SIGNAL:
        text_addf(out, "signal %s", sigabbrev_np(expect->status));
        break;
    case SCRIPT_EXPECT_OUTPUT:
        print_output(expect, out);
        break;
    }
}

static void print_what(const struct script_step *step, struct text *out)
{
    switch (step->verb) {
    case SCRIPT_ADVANCE:
        print_state(step->state, out);
        break;
    case SCRIPT_SEND:
        print_send(&step->send, out);
        break;
    case SCRIPT_WIRE:
        print_wire(&step->wire, out);
        break;
    case SCRIPT_PARAMS:
        text_adds(out, step->params);
        break;
    case SCRIPT_EXPECT:
        print_expect(&step->expect, out);
        break;
    case SCRIPT_IGNORE:
        print_events(&step->ignore, out);
        break;
    case SCRIPT_OPEN:
        print_open(&step->open, out);
        break;
    case SCRIPT_STOP_IGNORING:
        print_events(&step->ignore, out);
        break;
    case SCRIPT_ANY_ORDER:
        text_adds(out, "order");
        break;
    case SCRIPT_REPEAT:
        text_addf(out, "%lld", (long long)step->branches.times);
        break;
    case SCRIPT_SPLIT:
        print_split(&step->split, out);
        break;
    case SCRIPT_PAUSE:
    case SCRIPT_LOSE:
        if (step->pause.until.given)
            print_until(&step->pause.until, out);
        else
            text_add_ms(out, step->pause.ms);
        break;
    case SCRIPT_BACKGROUND:
        text_addf(out, "%s every ", step->background.name);
        text_add_ms(out, step->background.every_ms);
        text_adds(out, " ");
        script_print_step(step->background.step, out);
        break;
    case SCRIPT_STOP:
        text_adds(out, step->background.name);
        break;
    case SCRIPT_SUBJECT:
        if (step->subject.signo)
            text_addf(out, "signal %s", sigabbrev_np(step->subject.signo));
        else if (step->subject.descriptors)
            text_addf(out, "descriptors %" PRId64, step->subject.descriptors);
        else
            text_adds(out, "descriptors all");
        break;
    default:
        break;
    }
}

void script_print_step(const struct script_step *step, struct text *out)
{
    bool open = step->verb == SCRIPT_OPEN && !step->stream;

    if (step->who[0] && !open)
        text_addf(out, "%s ", step->who);
    if (step->stream)
        text_addf(out, "stream %lld ", (long long)step->stream);
    text_adds(out, script_verb_word(step->verb));
    if (open && step->who[0])
        text_addf(out, " %s", step->who);
    size_t before = out->len;
    text_adds(out, " ");
    print_what(step, out);
    if (out->len == before + 1)
        out->at[--out->len] = '\0';
    if (step->within_ms >= 0)
        text_adds(out, " within ");
    if (step->from_ms >= 0) {
        text_add_ms(out, step->from_ms);
        text_adds(out, "..");
    }
    if (step->within_ms >= 0)
        text_add_ms(out, step->within_ms);
    if (step->clause)
        text_addf(out, " (%s)", step->clause);
}

static void print_steps(const struct script_steps *steps, int depth, struct text *out,
                        struct text *lines)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        text_addf(out, "%*s", depth * 4, "");
        script_print_step(step, out);
        text_adds(out, "\n");
        text_addf(lines, ",%u", step->line);
        if (!script_is_block(step->verb))
            continue;
        for (size_t k = 0; k < step->branches.n; k++) {
            if (k > 0) {
                text_addf(out, "%*sor\n", depth * 4, "");
                text_adds(lines, ",0");
            }
            print_steps(&step->branches.at[k], depth + 1, out, lines);
        }
        text_addf(out, "%*send\n", depth * 4, "");
        text_adds(lines, ",0");
    }
}

static void print_words(const char *word, const struct script_words *words, struct text *out)
{
    if (words->n == 0)
        return;
    text_addf(out, "%-8s", word);
    for (size_t i = 0; i < words->n; i++)
        text_addf(out, " %s", words->at[i]);
    text_adds(out, "\n");
}

static void print_header(const struct script *s, struct text *out)
{
    text_addf(out, "case     %s\n", s->id);
    if (s->title[0])
        text_addf(out, "title    %s\n", s->title);
    print_words("clause", &s->clauses, out);
    text_addf(out, "plays    %s\n", s->plays_server ? "server" : "client");
    print_words("needs", &s->needs, out);
    print_words("tag", &s->tags, out);
    if (s->subject[0])
        text_addf(out, "subject  %s\n", s->subject);
    if (s->address)
        text_addf(out, "address  %s\n", s->address);
    if (s->params)
        text_addf(out, "params   %s\n", s->params);
    text_adds(out, "\n");
}

void script_print_numbered(const struct script *s, struct text *out, struct text *lines)
{
    size_t from = out->len;

    print_header(s, out);
    text_adds(lines, "[0");
    for (size_t i = from + 1; i < out->len; i++)
        if (out->at[i] == '\n' && i + 1 < out->len)
            text_adds(lines, ",0");
    print_steps(&s->steps, 0, out, lines);
    text_adds(lines, "]");
}

void script_print(const struct script *s, struct text *out)
{
    struct text lines = {0};

    script_print_numbered(s, out, &lines);
    text_fini(&lines);
}
