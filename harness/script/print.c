/* print.c - a script in canonical form. */
#include "harness/script/script.h"

#include "impl/wire/ierr.h"
#include "impl/wire/state.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void print_state(int8_t state, struct text *out)
{
    const char *name = state_name(state);

    if (name)
        text_adds(out, name);
    else
        text_addf(out, "0x%02x", (uint8_t)state);
}

static void print_ierr(int32_t ierr, struct text *out)
{
    const char *name = ierr_name(ierr);

    if (name)
        text_adds(out, name);
    else
        text_addf(out, "%d", (int)ierr);
}

static void print_quoted(struct bytes text, struct text *out)
{
    text_adds(out, "\"");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t ch = text.at[i];
        if (ch == '"' || ch == '\\')
            text_addf(out, "\\%c", ch);
        else if (ch < ' ' || ch > '~')
            text_addf(out, "\\x%02x", ch);
        else
            text_add(out, &ch, 1);
    }
    text_adds(out, "\"");
}

static void print_hex(struct bytes bytes, struct text *out)
{
    if (bytes.len == 0)
        text_adds(out, "\"\"");
    else
        text_add_hex(out, bytes, SIZE_MAX);
}

static void print_send(const struct script_send *send, struct text *out)
{
    static const char *const plain[] = {[SCRIPT_SEND_COOKIE] = "cookie",
                                        [SCRIPT_SEND_PARAMS] = "params",
                                        [SCRIPT_SEND_RESULTS] = "results"};

    switch (send->kind) {
    case SCRIPT_SEND_STATE:
        text_adds(out, "state ");
        print_state((int8_t)send->bytes.at[0], out);
        break;
    case SCRIPT_SEND_BYTES:
        text_adds(out, "hex ");
        print_hex(send->bytes, out);
        break;
    case SCRIPT_SEND_ERROR:
        text_adds(out, "server-error");
        if (send->n_ints >= 1) {
            text_adds(out, " ");
            print_ierr(send->ierr, out);
        }
        if (send->n_ints >= 2)
            text_addf(out, " errno %d", (int)send->os_errno);
        break;
    case SCRIPT_SEND_DATA:
        text_addf(out, "data %lld", (long long)send->count);
        break;
    case SCRIPT_SEND_DATAGRAMS:
        text_adds(out, "datagrams");
        for (size_t i = 0; i < send->n_seqs; i++)
            text_addf(out, " %lld", (long long)send->seqs[i]);
        break;
    default:
        text_adds(out, plain[send->kind]);
    }
    if (send->first >= 0)
        text_addf(out, " first %lld bytes", (long long)send->first);
}

static void print_wire(const struct script_wire *wire, struct text *out)
{
    static const char *const messages[] = {"params", "results", "cookie"};

    text_adds(out, messages[wire->message]);
    if (wire->kind == SCRIPT_WIRE_RAW) {
        text_adds(out, " raw ");
        print_quoted(wire->raw, out);
        return;
    }
    text_addf(out, ".%s = ", wire->path);
    if (wire->kind == SCRIPT_WIRE_LENGTH)
        text_addf(out, "%lld", (long long)wire->number);
    else if (wire->kind == SCRIPT_WIRE_ABSENT)
        text_adds(out, "absent");
    else if (wire->kind == SCRIPT_WIRE_WRONG_TYPE)
        text_adds(out, "wrong-type");
    else
        text_adds(out, wire->value);
}

void script_print_event(const struct script_event *event, struct text *out)
{
    static const char *const words[] = {"state",  "end",          "close",  "reset",
                                        "denied", "server-error", "params", "results"};

    text_adds(out, words[event->kind]);
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

static void print_expect(const struct script_expect *expect, struct text *out)
{
    switch (expect->kind) {
    case SCRIPT_EXPECT_EVENT:
        print_events(&expect->events, out);
        break;
    case SCRIPT_EXPECT_NOTHING:
        if (expect->for_ms < 0)
            text_adds(out, "nothing until end");
        else
            text_addf(out, "nothing for %lldms", (long long)expect->for_ms);
        break;
    case SCRIPT_EXPECT_ALIVE:
        text_adds(out, expect->meanwhile ? "alive meanwhile" : "alive");
        break;
    case SCRIPT_EXPECT_FAILURE:
        text_adds(out, "failure");
        break;
    case SCRIPT_EXPECT_EXIT:
        text_addf(out, "exit %d", expect->status);
        break;
    case SCRIPT_EXPECT_OUTPUT:
        if (expect->contains) {
            text_adds(out, "output text ");
            print_quoted(
                (struct bytes){(const uint8_t *)expect->contains, strlen(expect->contains)}, out);
        } else {
            text_adds(out, "output json where ");
            query_print(expect->where, out);
        }
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
    case SCRIPT_SPLIT:
        text_addf(out, "%lld", (long long)step->split);
        break;
    case SCRIPT_SUBJECT:
        text_addf(out, "signal %s", sigabbrev_np(step->signo));
        break;
    default:
        break;
    }
}

void script_print_step(const struct script_step *step, struct text *out)
{
    bool open = step->verb == SCRIPT_OPEN;

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
    if (step->from_ms >= 0)
        text_addf(out, " within %lldms..%lldms", (long long)step->from_ms,
                  (long long)step->within_ms);
    else if (step->within_ms >= 0)
        text_addf(out, " within %lldms", (long long)step->within_ms);
    if (step->clause)
        text_addf(out, " (%s)", step->clause);
}

static void print_steps(const struct script_steps *steps, int depth, struct text *out)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        text_addf(out, "%*s", depth * 4, "");
        script_print_step(step, out);
        text_adds(out, "\n");
        for (size_t k = 0; step->verb == SCRIPT_EITHER && k < step->branches.n; k++) {
            if (k > 0)
                text_addf(out, "%*sor\n", depth * 4, "");
            print_steps(&step->branches.at[k], depth + 1, out);
        }
        if (step->verb == SCRIPT_EITHER)
            text_addf(out, "%*send\n", depth * 4, "");
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

void script_print(const struct script *s, struct text *out)
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
    if (s->params)
        text_addf(out, "params   %s\n", s->params);
    text_adds(out, "\n");
    print_steps(&s->steps, 0, out);
}
