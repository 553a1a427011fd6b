/* timeline_text.c - a session and its events for people. */
#include "harness/capture/digest.h"
#include "harness/capture/timeline.h"
#include "impl/wire/ierr.h"
#include "impl/wire/remark.h"
#include "impl/wire/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- one event -------------------------------------------------------------------------------- */

/* Text of a peer's on one line. What else could lead a terminal astray is made harmless where an
 * event is printed. */
static void print_safe(FILE *out, const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)at[i];
        if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\x%02x", c);
        else
            putc(c, out);
    }
}

#define PRETTY_INDENT 26
#define PRETTY_DEPTH  40

static void break_line(FILE *out, unsigned depth)
{
    fprintf(out, "\n%*s", (int)(PRETTY_INDENT + 2 * MIN(depth, PRETTY_DEPTH)), "");
}

/* The peer's own text with line breaks between its tokens, whether it is JSON or not. */
static void print_pretty(FILE *out, struct bytes text)
{
    unsigned depth = 0;
    bool in_string = false;

    break_line(out, 0);
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.at[i];
        bool is_escape = in_string && c == '\\' && i + 1 < text.len;
        in_string ^= c == '"';
        if (!in_string && (c == '}' || c == ']') && depth > 0)
            break_line(out, --depth);
        print_safe(out, &c, 1);
        if (is_escape)
            print_safe(out, (const char *)&text.at[++i], 1);
        else if (!in_string && (c == '{' || c == '['))
            break_line(out, ++depth);
        else if (!in_string && c == ',')
            break_line(out, depth);
        else if (!in_string && c == ':')
            putc(' ', out);
    }
}

/* Zeroes stand where bytes were not captured. */
static void print_with_holes(FILE *out, struct bytes text)
{
    while (text.len > 0) {
        size_t seen = strnlen((const char *)text.at, text.len);
        print_safe(out, (const char *)text.at, seen);
        text = (struct bytes){text.at + seen, text.len - seen};
        if (text.len > 0)
            fputs(" [...] ", out);
        while (text.len > 0 && text.at[0] == 0)
            text = (struct bytes){text.at + 1, text.len - 1};
    }
}

static void print_text(FILE *out, const struct track_event *event, bool is_pretty)
{
    const struct observer_message *m = event->message;

    if (m->text.len == 0) {
        uint32_t seen = m->len > 4 ? m->len - 4 : 0;
        fprintf(out, "JSON, cut short: %u byte%s for a length of %u", seen, text_plural(seen),
                m->announced);
        return;
    }
    fprintf(out, "JSON, %zu byte%s%s: ", m->text.len, text_plural(m->text.len),
            event->has_hole ? " (not all captured)" : "");
    if (event->has_hole)
        print_with_holes(out, m->text);
    else if (is_pretty)
        print_pretty(out, m->text);
    else
        print_safe(out, (const char *)m->text.at, m->text.len);
}

static void print_error(FILE *out, const struct observer_message *m)
{
    const char *name = ierr_name(m->ierr);

    fputs("fe SERVER_ERROR", out);
    if (m->n_ints > 0)
        fprintf(out, " %d %s", (int)m->ierr, name != NULL ? name : "(unknown)");
    if (m->n_ints > 1)
        fprintf(out, ", errno %d", (int)m->os_errno);
    if (m->n_ints < 2)
        fprintf(out, " (%s)", m->n_ints == 1 ? "one number only" : "no number");
}

static void print_message(FILE *out, const struct track_event *event, bool is_pretty)
{
    const struct observer_message *m = event->message;
    const char *name = state_name(m->state);
    char shown[96];

    switch (m->kind) {
    case OBSERVER_COOKIE:
        remark_escape(shown, sizeof shown, m->text.at,
                      strnlen((const char *)m->text.at, m->text.len));
        fprintf(out, "cookie %s%s", shown, event->has_hole ? " (not all captured)" : "");
        break;
    case OBSERVER_STATE:
        fprintf(out, "%02x %s", (unsigned)(uint8_t)m->state, name != NULL ? name : "(no state)");
        break;
    case OBSERVER_ERROR:
        print_error(out, m);
        break;
    case OBSERVER_JSON:
        print_text(out, event, is_pretty);
        break;
    case OBSERVER_END:
        fputs("end", out);
        break;
    case OBSERVER_RESET:
        fputs("reset", out);
        break;
    case OBSERVER_STRAY:
        fprintf(out, "%u stray byte%s", m->len, text_plural(m->len));
        break;
    }
}

static void print_violation(FILE *out, const struct track_violation *v)
{
    fprintf(out, "%s %s by the %s: expected %s, found %s", v->clause ? v->clause->id : "?",
            v->clause ? clause_level_name(v->clause->level) : "", timeline_side(v->by), v->expected,
            v->found);
}

static void print_words(FILE *out, const struct track_event *event, bool is_pretty)
{
    char address[64];

    switch (event->kind) {
    case TRACK_MESSAGE:
        print_message(out, event, is_pretty);
        break;
    case TRACK_GAP:
        fprintf(out, "... %" PRIu64 " byte%s not captured", event->len, text_plural(event->len));
        break;
    case TRACK_STREAM_OPEN:
        fprintf(out, "stream %" PRId64 " from %s%s", event->stream->id,
                track_end_text(&event->stream->client, address),
                event->stream->has_open ? "" : " (its first bytes were not captured)");
        break;
    case TRACK_VIOLATION:
        print_violation(out, event->violation);
        break;
    default:
        fputs(event->note != NULL ? event->note : "", out);
        break;
    }
}

/* As people may see it. */
static struct text plain_words(const struct track_event *event, bool is_pretty)
{
    struct text text = {0};
    char *words = NULL;
    size_t len;
    FILE *out = open_memstream(&words, &len);

    if (out != NULL) {
        print_words(out, event, is_pretty);
        fclose(out);
        text_add(&text, words, len);
        text_make_plain(&text);
    }
    free(words);
    return text;
}

char *timeline_words(const struct track_event *event)
{
    struct text text = plain_words(event, false);

    return text.at != NULL ? text.at : text_dup("");
}

/* Who spoke, or what kind of remark it is. */
static const char *mark_of(const struct track_event *event)
{
    if (event->kind == TRACK_VIOLATION)
        return "!!";
    if (event->kind == TRACK_NOTE)
        return " -";
    return event->kind == TRACK_STREAM_OPEN || event->from == OBSERVER_CLIENT ? " >" : " <";
}

void timeline_print_event(FILE *out, const struct track_event *event, const char *prefix,
                          const struct timeline_style *style)
{
    double at_s = event->at_ns >= style->zero_ns ? (double)(event->at_ns - style->zero_ns) / 1e9
                                                 : -(double)(style->zero_ns - event->at_ns) / 1e9;

    if (event->kind == TRACK_BEGIN || event->kind == TRACK_SPAN)
        return;
    struct text words = plain_words(event, style->is_pretty);
    fprintf(out, "%s%11.6f %9" PRIu64 " %s %s\n", prefix, at_s, event->number, mark_of(event),
            text_string(&words));
    text_fini(&words);
}

void timeline_follow(FILE *out, struct track_session *s, const struct track_event *event,
                     const char *prefix, const struct timeline_style *style)
{
    bool is_span = event == NULL || event->kind == TRACK_SPAN;

    if (is_span || event->kind == TRACK_MESSAGE)
        timeline_follow_volume(out, s, prefix, &timeline_of(s)->told,
                               event != NULL ? event->at_ns : s->volume.last_ns);
    if (!is_span)
        timeline_print_event(out, event, prefix, style);
}

/* --- a session -------------------------------------------------------------------------------- */

static void print_head(FILE *out, const struct track_session *s)
{
    char client[64], server[64];
    struct text mode = {0}, ending = {0};

    digest_mode(s, &mode);
    digest_ending(s, &ending);
    fprintf(out, "session %" PRIu64 ": %s > %s, client %s, %s: %s\n", s->number,
            track_end_text(&s->client, client), track_end_text(&s->server, server),
            digest_client_version(s), text_string(&mode), text_string(&ending));
    text_fini(&mode);
    text_fini(&ending);
}

static void print_copies(FILE *out, uint64_t n)
{
    if (n > 0)
        fprintf(out, ", %" PRIu64 " cop%s left out", n, n == 1 ? "y" : "ies");
}

static void print_damaged(FILE *out, uint64_t n)
{
    if (n > 0)
        fprintf(out, ", %" PRIu64 " packet%s with a wrong checksum left out", n, text_plural(n));
}

/* Only where the packets tell. */
static void print_stream(FILE *out, const struct track_stream *stream)
{
    fprintf(out, "  stream %" PRId64 ":", stream->id);
    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        char mark = side == OBSERVER_CLIENT ? '>' : '<';
        if (stream->is_udp && stream->udp[side].n > 0) {
            const struct stream_udp *u = &stream->udp[side];
            fprintf(out,
                    "  %c %" PRIu64 " datagram%s, %" PRIu64 " byte%s, highest number %" PRIu64
                    ", %" PRIu64 " missing, %" PRIu64 " late, jitter %.3f ms",
                    mark, u->n, text_plural(u->n), u->bytes, text_plural(u->bytes),
                    u->account.packets, u->account.errors, u->account.out_of_order,
                    u->account.jitter_s * 1e3);
            print_copies(out, u->copies);
            if (u->stragglers > 0)
                fprintf(out, ", %" PRIu64 " so late that they may be copies", u->stragglers);
            if (u->headless > 0)
                fprintf(out, ", %" PRIu64 " whose headers were not captured", u->headless);
            print_damaged(out, stream->n_damaged[side]);
        } else if (!stream->is_udp && stream->tcp[side].sent > 0) {
            const struct stream_tcp *tcp = &stream->tcp[side];
            fprintf(out,
                    "  %c %" PRIu64 " byte%s, %" PRIu64 " not seen, %" PRIu64 " segment%s repeated",
                    mark, tcp->sent, text_plural(tcp->sent), tcp->missing, tcp->repeated,
                    text_plural(tcp->repeated));
            print_copies(out, tcp->copies);
            print_damaged(out, stream->n_damaged[side]);
        }
    }
    putc('\n', out);
}

/* What a side says of the stream in its results. */
static void print_report(FILE *out, const struct track_stream *stream, enum observer_side side,
                         const struct results_stream *told)
{
    fprintf(out, "    %s reports %" PRId64 " byte%s", timeline_side(side), told->bytes,
            text_plural((uint64_t)told->bytes));
    if (stream->is_udp)
        fprintf(out, ", %" PRId64 " packet%s, %" PRId64 " lost, jitter %.3f ms", told->packets,
                text_plural((uint64_t)told->packets), told->errors, told->jitter * 1e3);
    else if (told->retransmits >= 0)
        fprintf(out, ", %" PRId64 " retransmit%s", told->retransmits,
                text_plural((uint64_t)told->retransmits));
    if (told->has_times)
        fprintf(out, ", %.6g s", told->end_time - told->start_time);
    putc('\n', out);
}

void timeline_print_numbers(FILE *out, const struct track_session *s)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        print_stream(out, s->streams[i]);
        for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
            const struct results *results = observer_results(s->observer, (enum observer_side)side);
            const struct results_stream *told =
                results != NULL ? results_find(results, s->streams[i]->id) : NULL;
            if (told != NULL)
                print_report(out, s->streams[i], (enum observer_side)side, told);
        }
    }
}

void timeline_print_findings(FILE *out, const struct track_session *s)
{
    for (size_t i = 0; i < s->n_violations; i++) {
        fprintf(out, "    packet %" PRIu64 ": ", s->violations[i].number);
        print_violation(out, &s->violations[i]);
        putc('\n', out);
    }
    if (s->n_more > 0)
        fprintf(out, "    and %zu more\n", s->n_more);
    for (size_t i = 0; i < s->n_notes; i++)
        fprintf(out, "    not judged: %s\n", text_string(&s->notes[i]));
}

void timeline_print(FILE *out, const struct timeline *t, const struct track_session *s,
                    bool is_pretty)
{
    struct timeline_style style = {is_pretty, s->first_ns};
    unsigned next = 0;

    print_head(out, s);
    fputs("       time    packet\n", out);
    for (size_t i = 0; i < t->n; i++) {
        struct track_event event = timeline_event(&t->entries[i]);
        if (event.kind == TRACK_NOTE) /* stands below */
            continue;
        timeline_print_volume(out, s, &next, event.at_ns);
        timeline_print_event(out, &event, "", &style);
    }
    timeline_print_volume(out, s, &next, MAX(s->last_ns, s->volume.last_ns + 1));
    if (t->n_lost > 0)
        fprintf(out, "  and %zu more events\n", t->n_lost);
    timeline_print_numbers(out, s);
    fprintf(out, "  %s\n", digest_verdict_word(digest_verdict(s)));
    timeline_print_findings(out, s);
    putc('\n', out);
}

void timeline_print_summary(FILE *out, const struct track_session *s)
{
    struct text mode = {0}, ending = {0};
    char client[64], server[64];

    digest_mode(s, &mode);
    digest_ending(s, &ending);
    fprintf(out, "%-4s %3" PRIu64 "  %s > %s  %s  %s  %s", digest_verdict_word(digest_verdict(s)),
            s->number, track_end_text(&s->client, client), track_end_text(&s->server, server),
            digest_client_version(s), text_string(&mode), text_string(&ending));
    putc('\n', out);
    text_fini(&mode);
    text_fini(&ending);
}
