/* doc.c - a report as JSON: one document at the end (-J), or one line per event (--json-stream).
 *
 * The same functions write both; keys and their order are those of 3.22. The document is written as
 * the test goes: "start" when the first interval comes, "end" with the totals, the rest at the
 * finish. */
#include "impl/report/state.h"
#include "impl/wire/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_stream(const struct report *r)
{
    return r->config.mode == REPORT_JSON_STREAM;
}

/* Whether the document is needed: as the output, or for the peer (RES-8). */
static bool keeps_document(const struct report *r)
{
    return !is_stream(r) || r->config.full_output ||
           (r->config.server && params_has(&r->params, PARAM_get_server_output));
}

/* --- events of --json-stream --------------------------------------------------------------------
 */

static void print(const struct report *r, struct bytes text)
{
    fwrite(text.at, 1, text.len, r->config.out);
    fputc('\n', r->config.out);
}

static void event_begin(struct jwrite *w, const char *event)
{
    jwrite_init(w, JWRITE_COMPACT);
    jwrite_object(w, NULL);
    jwrite_string(w, "event", event);
}

static void event_end(struct report *r, struct jwrite *w)
{
    struct bytes text;

    jwrite_end(w);
    if (jwrite_finish(w, &text) == SPEC_OK)
        print(r, text);
    jwrite_fini(w);
}

static void say(struct report *r, const char *event, const char *text)
{
    struct jwrite w;

    event_begin(&w, event);
    jwrite_string(&w, "data", text);
    event_end(r, &w);
}

static void say_server_output(struct report *r, const struct results *peer)
{
    struct jwrite w;

    if (peer != NULL && peer->server_output_text != NULL)
        say(r, "server_output_text", peer->server_output_text);
    if (peer == NULL || peer->server_output_json == NULL)
        return;
    event_begin(&w, "server_output_json");
    jwrite_raw(&w, "data", peer->server_output_json);
    event_end(r, &w);
}

/* --- the document -------------------------------------------------------------------------------
 */

/* Go on to that part: what lies before it is closed or, if the test never came so far, left empty.
 */
static void advance(struct report *r, enum report_part part)
{
    struct jwrite *w = &r->doc;

    if (r->part < REPORT_INTERVALS && part >= REPORT_INTERVALS) {
        jwrite_object(w, NULL);
        schema_start(r, w, "start");
        jwrite_array(w, "intervals");
        r->part = REPORT_INTERVALS;
    }
    if (r->part < REPORT_END && part >= REPORT_END) {
        jwrite_end(w);
        r->part = REPORT_END;
    }
}

void doc_start(struct report *r)
{
    struct jwrite w;

    if (!is_stream(r))
        return;
    event_begin(&w, "start");
    schema_start(r, &w, "data");
    event_end(r, &w);
}

void doc_interval(struct report *r, const struct interval *rows, size_t n)
{
    struct jwrite w;

    if (keeps_document(r) && r->part <= REPORT_INTERVALS) {
        advance(r, REPORT_INTERVALS);
        schema_interval(r, &r->doc, NULL, rows, n);
    }
    if (!is_stream(r))
        return;
    event_begin(&w, "interval");
    schema_interval(r, &w, "data", rows, n);
    event_end(r, &w);
}

static char *copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

void doc_end(struct report *r, const struct report_end *end)
{
    struct jwrite w;

    if (r->part >= REPORT_CLOSED)
        return;
    if (end->peer != NULL && r->server_text == NULL && r->server_json == NULL) {
        r->server_text = copy(end->peer->server_output_text);
        r->server_json = copy(end->peer->server_output_json);
    }
    if (keeps_document(r)) {
        advance(r, REPORT_END);
        schema_end(r, &r->doc, "end", end);
    }
    r->part = REPORT_CLOSED;
    if (!is_stream(r))
        return;
    say_server_output(r, end->peer);
    event_begin(&w, "end");
    schema_end(r, &w, "data", end);
    event_end(r, &w);
}

/* An "end" without totals, if there was none. */
static void close_end(struct report *r)
{
    advance(r, REPORT_END);
    if (r->part == REPORT_CLOSED)
        return;
    jwrite_object(&r->doc, "end");
    jwrite_end(&r->doc);
    r->part = REPORT_CLOSED;
}

static void finish_document(struct report *r)
{
    struct jwrite *w = &r->doc;
    struct bytes text;

    close_end(r);
    if (r->params.title != NULL)
        jwrite_string(w, "title", r->params.title);
    if (r->params.extra_data != NULL)
        jwrite_string(w, "extra_data", r->params.extra_data);
    if (r->server_text != NULL)
        jwrite_string(w, "server_output_text", r->server_text);
    if (r->server_json != NULL)
        jwrite_raw(w, "server_output_json", r->server_json);
    if (r->error[0] != '\0')
        jwrite_string(w, "error", r->error);
    jwrite_end(w);
    if (jwrite_finish(w, &text) != SPEC_OK)
        fputs("{\"error\":\"out of memory\"}\n", r->config.out);
    else
        print(r, text);
}

void doc_finish(struct report *r)
{
    struct jwrite w;

    if (is_stream(r) && r->error[0] != '\0')
        say(r, "error", r->error);
    if (is_stream(r) && r->part < REPORT_CLOSED) {
        event_begin(&w, "end");
        jwrite_object(&w, "data");
        jwrite_end(&w);
        event_end(r, &w);
    }
    if (!is_stream(r) || r->config.full_output)
        finish_document(r);
}

/* --- for the peer -------------------------------------------------------------------------------
 */

/* Take out the white space between the tokens of a JSON text. */
static void compact(char *text)
{
    bool quoted = false;
    char *to = text;

    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"')
            quoted = !quoted;
        if (!quoted && (*at == ' ' || *at == '\t' || *at == '\n'))
            continue;
        if (quoted && *at == '\\')
            *to++ = *at++;
        *to++ = *at;
    }
    *to = '\0';
}

char *doc_so_far(struct report *r)
{
    char *text = NULL;

    if (!keeps_document(r))
        return NULL;
    close_end(r);
    if (r->doc.err != SPEC_OK || asprintf(&text, "%s}", r->doc.buf) < 0)
        return NULL;
    compact(text);
    return text;
}
