/* test_examples.c - every statement of the .peer language stands in a whole example: those are
 * played against stock builds (scripts/check-language). */
#include "harness/suite/suite.h"
#include "harness/tests/document.h"

#include <stdlib.h>

#define DOC    "docs/peer-language.md"
#define FOLDER "harness/examples"

static struct script_list examples;

/* Everything that can be said, and whether an example says it. */
static struct thing {
    const char *name;
    bool is_said;
} things[300];
static size_t n_things;

static void mark(const char *name, bool is_said)
{
    size_t i = 0;

    while (i < n_things && strcmp(things[i].name, name) != 0)
        i++;
    assert_true(i < ARRAY_LEN(things));
    n_things = MAX(n_things, i + 1);
    things[i].name = name;
    things[i].is_said |= is_said;
}

/* One of several words. */
static void mark_one(const char *const *names, size_t n, size_t which)
{
    for (size_t i = 0; i < n; i++)
        mark(names[i], i == which);
}

static void note_send(const struct script_step *step)
{
    static const char *const control[] = {
        [SCRIPT_SEND_STATE] = "send state",       [SCRIPT_SEND_BYTES] = "send hex",
        [SCRIPT_SEND_COOKIE] = "send cookie",     [SCRIPT_SEND_PARAMS] = "send params",
        [SCRIPT_SEND_RESULTS] = "send results",   [SCRIPT_SEND_JSON] = "send json",
        [SCRIPT_SEND_ERROR] = "send server-error"};
    const struct script_send *send = &step->send;

    if (step->stream) {
        mark("stream N send hex", send->kind == SCRIPT_SEND_BYTES);
        mark("stream N send data B", send->kind == SCRIPT_SEND_DATA && send->count);
        mark("send data until blocked", send->until_blocked);
        mark("send data for T", send->for_ms);
        mark("every T", send->every_ms);
        mark("send datagrams", send->kind == SCRIPT_SEND_DATAGRAMS);
        for (size_t i = 0; i < send->n_datagrams; i++) {
            mark("datagrams { fields }", send->datagrams[i].has_fields);
            mark("datagrams xN", send->datagrams[i].times > 1);
        }
        return;
    }
    mark_one(control, ARRAY_LEN(control), send->kind);
    mark("send cookie TEXT", send->kind == SCRIPT_SEND_COOKIE && send->text.n);
    mark("send json length", send->kind == SCRIPT_SEND_JSON && send->announced >= 0);
    mark("send server-error N", send->n_ints == 1);
    mark("send server-error N errno M", send->n_ints == 2);
    mark("first N bytes", send->first >= 0 && !send->parts);
    mark("first N of M parts", send->parts);
    for (size_t i = 0; i < send->text.n; i++)
        mark("x N", send->text.at[i].times > 1);
}

static void note_wire(const struct script_wire *wire)
{
    static const char *const kinds[] = {
        [SCRIPT_WIRE_SET] = "wire = VALUE",
        [SCRIPT_WIRE_ABSENT] = "wire = absent",
        [SCRIPT_WIRE_WRONG_TYPE] = "wire = wrong-type",
        [SCRIPT_WIRE_LITERAL] = "wire = raw",
        [SCRIPT_WIRE_STRING] = "wire = text",
        [SCRIPT_WIRE_TOKEN] = "wire = token",
        [SCRIPT_WIRE_AS] = "wire as",
        [SCRIPT_WIRE_AGAIN] = "wire member twice",
        [SCRIPT_WIRE_LENGTH] = "wire .length",
        [SCRIPT_WIRE_RAW] = "wire raw",
        [SCRIPT_WIRE_TRAILING] = "wire trailing",
        [SCRIPT_WIRE_NEVER] = "wire never",
        [SCRIPT_WIRE_TWICE] = "wire twice",
        [SCRIPT_WIRE_LATE] = "wire after TIME",
        [SCRIPT_WIRE_BEFORE] = "wire before",
        [SCRIPT_WIRE_AFTER] = "wire after",
        [SCRIPT_WIRE_STATE] = "wire = STATE",
        [SCRIPT_WIRE_COUNT] = "wire streams = N",
        [SCRIPT_WIRE_FIELDS] = "wire datagram",
    };
    static const char *const moments[] = {"cookie", "params",   "streams", "connect", "reply",
                                          "data",   "datagram", "results", "close"};

    mark_one(kinds, ARRAY_LEN(kinds), wire->kind);
    for (size_t i = 0; i < ARRAY_LEN(moments); i++)
        mark(moments[i], strcmp(wire->what, moments[i]) == 0);
    mark("stream N wire", wire->stream);
    mark("raw meaning", wire->meaning);
}

static void note_query(const struct query *query)
{
    static const char *const words[] = {
        " exists",    " contains ", " == ", " < ",    " and ", " or ",  "not ",
        "[id == ",    "[0]",        "sum(", "count(", "len(",  "sent(", "received(",
        "datagrams(", "jitter(",    "tos(", "clock(", "age(",  "span(", "params.",
        "ours.",      "results.",   " is ", " * ",    " + "};
    struct text printed = {0};

    query_print(query, &printed);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        mark(words[i], strstr(text_string(&printed), words[i]));
    text_fini(&printed);
}

static void note_event(const struct script_event *e)
{
    static const char *const kinds[] = {
        [SCRIPT_EV_STATE] = "expect state",
        [SCRIPT_EV_END] = "expect end",
        [SCRIPT_EV_CLOSE] = "expect close",
        [SCRIPT_EV_RESET] = "expect reset",
        [SCRIPT_EV_DENIED] = "expect denied",
        [SCRIPT_EV_ERROR] = "expect server-error",
        [SCRIPT_EV_PARAMS] = "expect params",
        [SCRIPT_EV_RESULTS] = "expect results",
        [SCRIPT_EV_STREAM] = "expect stream",
        [SCRIPT_EV_STREAM_DATA] = "expect stream data",
        [SCRIPT_EV_STREAM_BEGIN] = "expect stream data hex",
        [SCRIPT_EV_STREAM_END] = "expect stream end",
        [SCRIPT_EV_STREAM_CLOSE] = "expect stream close",
        [SCRIPT_EV_STREAM_RESET] = "expect stream reset",
        [SCRIPT_EV_STREAM_DATAGRAM] = "expect stream datagram hex",
        [SCRIPT_EV_STREAM_DATAGRAMS] = "expect datagrams on stream",
    };

    mark_one(kinds, ARRAY_LEN(kinds), e->kind);
    mark("from port", e->port);
    mark("with any cookie", e->any_cookie);
    mark("data at least", e->at_least);
    mark("data hex repeated", e->repeated);
    mark("server-error NAME", e->ierr != -1);
    mark("server-error ints", e->ints >= 0);
    mark("server-error errno", e->has_errno);
    mark("params with token", e->token);
    if (e->where)
        note_query(e->where);
}

static void note_events(const struct script_events *events)
{
    for (size_t i = 0; i < events->n; i++)
        note_event(&events->at[i]);
}

static void note_expect(const struct script_expect *expect)
{
    static const char *const kinds[] = {[SCRIPT_EXPECT_EVENT] = "expect",
                                        [SCRIPT_EXPECT_NOTHING] = "expect nothing",
                                        [SCRIPT_EXPECT_REACTION] = "expect reaction",
                                        [SCRIPT_EXPECT_ALIVE] = "expect alive",
                                        [SCRIPT_EXPECT_REST] = "expect rest",
                                        [SCRIPT_EXPECT_EXIT] = "expect exit",
                                        [SCRIPT_EXPECT_SIGNAL] = "expect signal",
                                        [SCRIPT_EXPECT_OUTPUT] = "expect output",
                                        [SCRIPT_EXPECT_FAILURE] = "expect failure"};
    static const char *const outputs[] = {[SCRIPT_OUTPUT_JSON] = "output json",
                                          [SCRIPT_OUTPUT_JSON_STREAM] = "output json-stream",
                                          [SCRIPT_OUTPUT_TEXT] = "output text",
                                          [SCRIPT_OUTPUT_STDERR] = "stderr"};

    mark_one(kinds, ARRAY_LEN(kinds), expect->kind);
    mark("alive meanwhile", expect->meanwhile);
    mark("nothing for T", expect->kind == SCRIPT_EXPECT_NOTHING && expect->for_ms >= 0);
    mark("nothing until end", expect->kind == SCRIPT_EXPECT_NOTHING && expect->for_ms < 0);
    mark("exit not", expect->is_not);
    mark("matches", expect->matches);
    if (expect->kind == SCRIPT_EXPECT_OUTPUT)
        mark_one(outputs, ARRAY_LEN(outputs), expect->output);
    if (expect->where)
        note_query(expect->where);
    note_events(&expect->events);
}

static void note_open(const struct script_open *open)
{
    mark("open tcp", open->transport == SCRIPT_BARE_TCP);
    mark("open udp", open->transport == SCRIPT_BARE_UDP);
    mark("open from", open->from);
    mark("open to", open->to);
    mark("open with cookie of", open->cookie_of);
}

static void note_steps(const struct script_steps *steps);

static void note_step(const struct script_step *step)
{
    for (int v = 0; v < SCRIPT_N_VERBS; v++)
        mark(script_verb_word((enum script_verb)v), (int)step->verb == v);
    mark("a connection's name", step->who[0]);
    mark("within T", step->within_ms >= 0);
    mark("within T1..T2", step->from_ms >= 0);
    mark("(CLAUSE)", step->clause);
    mark("stream N open", step->stream && step->verb == SCRIPT_OPEN);
    if (step->verb == SCRIPT_SEND)
        note_send(step);
    else if (step->verb == SCRIPT_WIRE)
        note_wire(&step->wire);
    else if (step->verb == SCRIPT_EXPECT)
        note_expect(&step->expect);
    else if (step->verb == SCRIPT_IGNORE)
        note_events(&step->ignore);
    else if (step->verb == SCRIPT_OPEN && !step->stream)
        note_open(&step->open);
    else if (step->verb == SCRIPT_SPLIT)
        mark("split at", step->split.n), mark("delay", step->split.delay_ms);
    for (size_t k = 0; script_is_block(step->verb) && k < step->branches.n; k++)
        note_steps(&step->branches.at[k]);
}

static void note_steps(const struct script_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++)
        note_step(&steps->at[i]);
}

static void note_header(const struct script *s)
{
    mark("plays server", s->plays_server);
    mark("plays client", !s->plays_server);
    mark("header params", s->params);
    mark("header subject", s->subject[0]);
    mark("header address", s->address);
    mark("header needs", s->needs.n);
    mark("header tag", s->tags.n);
    mark("header title", s->title[0]);
}

static void test_every_statement_stands_in_an_example(void **state)
{
    unsigned missing = 0;

    (void)state;
    for (size_t i = 0; i < examples.n; i++) {
        note_header(examples.at[i]);
        note_steps(&examples.at[i]->steps);
    }
    assert_true(n_things > 150);
    for (size_t i = 0; i < n_things; i++)
        if (!things[i].is_said)
            missing++, print_error("in no example: %s\n", things[i].name);
    assert_int_equal(missing, 0);
}

/* Those of the document that are whole, and all of the folder. */
static bool read_examples(void)
{
    struct text doc = document_read(DOC), why = {0};
    const char *at = text_string(&doc), *end;
    char *folder = document_path(FOLDER);
    struct script_error e;
    bool ok =
        doc.len > 0 && folder && suite_find(&examples, (const char *[]){folder}, 1, &why) == 0;

    while (ok && (at = strstr(at, "```peer\n"))) {
        at += strlen("```peer\n");
        end = strstr(at, "```");
        char *example = strndup(at, (size_t)(end - at));
        if (strncmp(example, "case", 4) == 0)
            ok = script_read(&examples, DOC, example, &e);
        free(example);
        at = end;
    }
    free(folder);
    text_fini(&doc);
    text_fini(&why);
    return ok;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_statement_stands_in_an_example),
    };
    int failed = read_examples() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;

    script_list_fini(&examples);
    return failed;
}
