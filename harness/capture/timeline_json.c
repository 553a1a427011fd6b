/* timeline_json.c - a session and its events for programs. */
#include "harness/capture/digest.h"
#include "harness/capture/timeline.h"
#include "impl/wire/frame.h"
#include "impl/wire/json.h"
#include "impl/wire/jwrite.h"
#include "impl/wire/remark.h"
#include "impl/wire/scan.h"
#include "impl/wire/state.h"

#include <stdlib.h>
#include <string.h>

static double seconds_of(const struct track_session *s, uint64_t at_ns)
{
    return (double)(int64_t)(at_ns - s->first_ns) / 1e9;
}

/* What JSON allows, though iperf3 does not: a text with these can stand as it was sent. */
#define HARMLESS                                                                                   \
    (1u << SCAN_NOT_OBJECT | 1u << SCAN_TRAILING | 1u << SCAN_UTF8 | 1u << SCAN_SURROGATE |        \
     1u << SCAN_BIG_NUMBER | 1u << SCAN_HUGE_NUMBER | 1u << SCAN_DUPLICATE | 1u << SCAN_CASE)

/* Without the white space between its values. The caller frees it. */
static char *without_space(struct bytes text)
{
    char *out = text_realloc(NULL, text.len + 1);
    bool in_string = false;
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.at[i];
        if (!in_string && strchr(" \t\r\n", c) != NULL)
            continue;
        out[n++] = c;
        if (c == '"')
            in_string = !in_string;
        else if (c == '\\' && in_string && i + 1 < text.len)
            out[n++] = (char)text.at[++i];
    }
    out[n] = '\0';
    return out;
}

/* The text as JSON, or NULL if it is none: as it was sent, with every digit of its numbers, or
 * where strict readers would not take that, as iperf3 understands it. The caller frees it. */
static char *as_json(struct bytes text)
{
    struct scan_report report;
    json_value *value;

    scan_json(text, NULL, 0, &report);
    if ((report.flaws & ~HARMLESS) == 0)
        return without_space((struct bytes){text.at, report.end});
    if (json_parse(text, &value) != SPEC_OK)
        return NULL;
    char *printed = json_print(value);
    json_free(value);
    return printed;
}

static void write_text(struct jwrite *w, const struct track_event *event)
{
    const struct observer_message *m = event->message;

    jwrite_uint(w, "announced", m->announced);
    if (event->has_hole || m->text.len == 0) {
        jwrite_bool(w, "whole", false);
        return;
    }
    char *printed = as_json(m->text);
    if (printed != NULL)
        jwrite_raw(w, "json", printed);
    else
        jwrite_string(w, "text", (const char *)m->text.at);
    free(printed);
}

static void write_message(struct jwrite *w, const struct track_event *event)
{
    static const char *const kinds[] = {
        [OBSERVER_COOKIE] = "cookie", [OBSERVER_STATE] = "state", [OBSERVER_ERROR] = "error",
        [OBSERVER_JSON] = "json",     [OBSERVER_END] = "end",     [OBSERVER_RESET] = "reset",
        [OBSERVER_STRAY] = "stray"};
    const struct observer_message *m = event->message;
    char shown[160];

    jwrite_string(w, "kind", kinds[m->kind]);
    jwrite_uint(w, "offset", m->offset);
    jwrite_uint(w, "len", m->len);
    if (m->kind == OBSERVER_STATE || m->kind == OBSERVER_ERROR) {
        jwrite_int(w, "value", m->state);
        if (state_name(m->state) != NULL)
            jwrite_string(w, "name", state_name(m->state));
    }
    if (m->kind == OBSERVER_ERROR && m->n_ints > 0)
        jwrite_int(w, "ierr", m->ierr);
    if (m->kind == OBSERVER_ERROR && m->n_ints > 1)
        jwrite_int(w, "errno", m->os_errno);
    if (m->kind == OBSERVER_COOKIE)
        jwrite_string(
            w, "cookie",
            remark_escape(shown, sizeof shown, m->text.at, m->text.len > 0 ? m->text.len - 1 : 0));
    if (m->kind == OBSERVER_JSON)
        write_text(w, event);
}

/* A message that was captured whole, as it went over the wire. */
static void write_bytes(struct jwrite *w, const struct track_event *event)
{
    const struct observer_message *m = event->message;
    struct text wire = {0}, hex = {0};
    uint8_t head[9];

    if (event->has_hole)
        return;
    if (m->kind == OBSERVER_STATE)
        text_add(&wire, &m->state, 1);
    else if (m->kind == OBSERVER_ERROR)
        text_add(&wire, head, frame_put_error(head, m->n_ints, m->ierr, m->os_errno));
    else if (m->kind == OBSERVER_JSON && m->text.len > 0)
        text_add(&wire, head, frame_put_json_length(head, m->announced));
    if (m->kind == OBSERVER_JSON || m->kind == OBSERVER_COOKIE)
        text_add(&wire, m->text.at, m->text.len);
    for (size_t i = 0; i < wire.len; i++)
        text_addf(&hex, "%02x", (uint8_t)wire.at[i]);
    if (wire.len > 0)
        jwrite_string(w, "hex", text_string(&hex));
    text_fini(&wire);
    text_fini(&hex);
}

static void write_violation(struct jwrite *w, const struct track_violation *v)
{
    if (v->clause != NULL) {
        jwrite_string(w, "clause", v->clause->id);
        jwrite_string(w, "level", clause_level_name(v->clause->level));
    }
    jwrite_string(w, "by", timeline_side(v->by));
    jwrite_string(w, "expected", v->expected);
    jwrite_string(w, "found", v->found);
}

static void write_event(struct jwrite *w, const struct track_session *s,
                        const struct track_event *event, bool with_bytes)
{
    if (event->kind == TRACK_BEGIN || event->kind == TRACK_NOTE || event->kind == TRACK_VIOLATION)
        return; /* said elsewhere */
    jwrite_object(w, NULL);
    jwrite_double(w, "time", seconds_of(s, event->at_ns));
    jwrite_uint(w, "packet", event->number);
    if (event->kind == TRACK_STREAM_OPEN) {
        jwrite_string(w, "kind", "stream");
        jwrite_int(w, "id", event->stream->id);
    } else {
        jwrite_string(w, "from", timeline_side(event->from));
    }
    if (event->kind == TRACK_GAP) {
        jwrite_string(w, "kind", "gap");
        jwrite_uint(w, "len", event->len);
    }
    if (event->kind == TRACK_MESSAGE)
        write_message(w, event);
    if (event->kind == TRACK_MESSAGE && with_bytes)
        write_bytes(w, event);
    jwrite_end(w);
}

static void write_direction(struct jwrite *w, const struct track_stream *stream, int side)
{
    jwrite_object(w, timeline_side((enum observer_side)side));
    if (stream->is_udp) {
        const struct stream_udp *u = &stream->udp[side];
        jwrite_uint(w, "datagrams", u->n);
        jwrite_uint(w, "bytes", u->bytes);
        jwrite_uint(w, "highest", u->account.packets);
        jwrite_uint(w, "missing", u->account.errors);
        jwrite_uint(w, "out_of_order", u->account.out_of_order);
        jwrite_uint(w, "copies", u->copies);
        jwrite_uint(w, "stragglers", u->stragglers);
        jwrite_uint(w, "headless", u->headless);
        jwrite_double(w, "jitter_s", u->account.jitter_s);
    } else {
        const struct stream_tcp *tcp = &stream->tcp[side];
        jwrite_uint(w, "bytes", tcp->sent);
        jwrite_uint(w, "not_captured", tcp->missing);
        jwrite_uint(w, "repeated_segments", tcp->repeated);
        jwrite_uint(w, "copies", tcp->copies);
    }
    jwrite_uint(w, "damaged", stream->n_damaged[side]);
    jwrite_end(w);
}

/* What a side says of the stream in its results. */
static void write_report(struct jwrite *w, const struct track_session *s,
                         const struct track_stream *stream, enum observer_side side)
{
    const struct results *results = observer_results(s->observer, side);
    const struct results_stream *told = results != NULL ? results_find(results, stream->id) : NULL;

    if (told == NULL)
        return;
    jwrite_object(w, timeline_side(side));
    jwrite_int(w, "bytes", told->bytes);
    if (stream->is_udp) {
        jwrite_int(w, "packets", told->packets);
        jwrite_int(w, "lost", told->errors);
        jwrite_double(w, "jitter_s", told->jitter);
    } else if (told->retransmits >= 0) {
        jwrite_int(w, "retransmits", told->retransmits);
    }
    if (told->has_times)
        jwrite_double(w, "seconds", told->end_time - told->start_time);
    jwrite_end(w);
}

static void write_streams(struct jwrite *w, const struct track_session *s)
{
    jwrite_array(w, "streams");
    for (size_t i = 0; i < s->n_streams; i++) {
        jwrite_object(w, NULL);
        jwrite_int(w, "id", s->streams[i]->id);
        jwrite_string(w, "protocol", s->streams[i]->is_udp ? "udp" : "tcp");
        /* what each side sent */
        write_direction(w, s->streams[i], OBSERVER_CLIENT);
        write_direction(w, s->streams[i], OBSERVER_SERVER);
        jwrite_object(w, "reported");
        write_report(w, s, s->streams[i], OBSERVER_CLIENT);
        write_report(w, s, s->streams[i], OBSERVER_SERVER);
        jwrite_end(w);
        jwrite_end(w);
    }
    jwrite_end(w);
}

static void write_findings(struct jwrite *w, const struct track_session *s)
{
    jwrite_string(w, "verdict", digest_verdict_word(digest_verdict(s)));
    jwrite_array(w, "violations");
    for (size_t i = 0; i < s->n_violations; i++) {
        jwrite_object(w, NULL);
        jwrite_uint(w, "packet", s->violations[i].number);
        write_violation(w, &s->violations[i]);
        jwrite_end(w);
    }
    jwrite_end(w);
    jwrite_array(w, "not_judged");
    for (size_t i = 0; i < s->n_notes; i++)
        jwrite_string(w, NULL, text_string(&s->notes[i]));
    jwrite_end(w);
}

static void write_counts(struct jwrite *w, unsigned n, const uint64_t counts[2][TRACK_SPANS])
{
    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        jwrite_array(w, timeline_side((enum observer_side)side));
        for (unsigned i = 0; i < n; i++)
            jwrite_uint(w, NULL, counts[side][i]);
        jwrite_end(w);
    }
}

/* Data by sender, in spans of equal length. */
static void write_volume(struct jwrite *w, const struct track_session *s)
{
    const struct track_volume *v = &s->volume;

    jwrite_object(w, "volume");
    jwrite_double(w, "start", v->n > 0 ? seconds_of(s, v->start_ns) : 0);
    jwrite_double(w, "span", (double)v->span_ns / 1e9);
    write_counts(w, v->n, v->bytes);
    jwrite_object(w, "not_captured");
    write_counts(w, v->n, v->unseen);
    jwrite_end(w);
    jwrite_end(w);
}

bool timeline_print_json(FILE *out, const struct timeline *t, const struct track_session *s,
                         bool with_bytes)
{
    struct jwrite w;
    struct text mode = {0}, ending = {0};
    char address[64];

    digest_mode(s, &mode);
    digest_ending(s, &ending);
    jwrite_init(&w, JWRITE_COMPACT);
    jwrite_object(&w, NULL);
    jwrite_uint(&w, "session", s->number);
    jwrite_string(&w, "client", track_end_text(&s->client, address));
    jwrite_string(&w, "server", track_end_text(&s->server, address));
    jwrite_string(&w, "client_version", digest_client_version(s));
    jwrite_string(&w, "mode", text_string(&mode));
    jwrite_string(&w, "ending", text_string(&ending));
    jwrite_double(&w, "began", (double)s->first_ns / 1e9);
    jwrite_uint(&w, "first_packet", s->first_number);
    write_findings(&w, s);
    write_streams(&w, s);
    write_volume(&w, s);
    if (t != NULL) {
        jwrite_array(&w, "events");
        for (size_t i = 0; i < t->n; i++) {
            struct track_event event = timeline_event(&t->entries[i]);
            write_event(&w, s, &event, with_bytes);
        }
        jwrite_end(&w);
    }
    jwrite_end(&w);
    text_fini(&mode);
    text_fini(&ending);
    char *text = jwrite_take(&w);
    if (text != NULL)
        fputs(text, out);
    bool is_good = text != NULL;
    free(text);
    return is_good;
}
