#include "harness/interop/judge.h"
#include "harness/subject/watch.h"

#include "harness/interop/fact.h"
#include "harness/interop/numbers.h"
#include "harness/interop/wire.h"
#include "impl/wire/ierr.h"

#include <string.h>
#include <sys/wait.h>

/* What was read of both ends. */
struct findings {
    json_value *client_report, *server_report, *params, *client_results, *server_results;
    struct wire_view wire[2];     /* iperfref's as client, as server */
    const struct wire_view *view; /* of either; NULL: no iperfref in the cell */
};

static struct bytes bytes_of(const struct text *t)
{
    return (struct bytes){(const uint8_t *)text_string(t), t->len};
}

static json_value *parse(const struct text *t)
{
    json_value *root = NULL;

    return t->len > 0 && json_parse(bytes_of(t), &root) == SPEC_OK ? root : NULL;
}

/* The report that a build with -J printed; the first, if there are several. 3.9 says who was
 * authorized before it begins. */
static json_value *parse_report(const struct text *out)
{
    const char *at = text_string(out);
    json_value *root = NULL;

    while (*at && *at != '{')
        at += strcspn(at, "\n") + (strchr(at, '\n') != NULL);
    struct bytes text = {(const uint8_t *)at, strlen(at)};
    return text.len > 0 && json_parse(text, &root) == SPEC_OK ? root : NULL;
}

bool judge_has_report(const struct text *out)
{
    json_value *root = parse_report(out);
    bool is_whole = root != NULL;

    json_free(root);
    return is_whole;
}

/* What a report calls an error; NULL if all was well. 3.9 has some of them on stderr only. */
static const char *error_of(const json_value *report, const struct text *err)
{
    const json_value *error = json_member(report, "error");
    const char *line = strstr(text_string(err), ": error - ");

    return json_type_of(error) == JSON_STRING ? json_text(error)
           : error                            ? "?"
           : line                             ? line + strlen(": error - ")
                                              : NULL;
}

/* --- how the two ends ended ------------------------------------------------------------------ */

static bool says_sanitizer(const char *who, const struct judge_end *e, struct text *why)
{
    struct text line = {0};
    const char *report;
    bool found = subject_report(e->subject, &line, &report);

    if (found)
        text_addf(why, "%s: %s", who, text_string(&line));
    text_fini(&line);
    return found;
}

static bool add_death(const char *who, int status, struct text *why)
{
    if (WIFSIGNALED(status))
        text_addf(why, "%s was killed by signal %d (%s)", who, WTERMSIG(status),
                  strsignal(WTERMSIG(status)));
    return WIFSIGNALED(status);
}

/* iperfref tells errors by its exit status too; stock clients are judged by .error alone, for 3.12
 * with -J exits 0 on errors. */
static bool client_ended_well(const struct judge_case *c, const struct findings *f,
                              struct text *why)
{
    const char *error = error_of(f->client_report, &c->client.subject->err);
    int status = c->client.subject->status;
    bool refused = c->mode->flags & MODE_REFUSED;
    int wanted = refused ? 1 : 0;

    if (!c->client.ended_itself)
        text_addf(why, "the client did not end");
    else if (add_death("the client", status, why))
        return false;
    else if (!f->client_report)
        text_addf(why, "the client printed no JSON (exit status %d)", WEXITSTATUS(status));
    else if (refused && !error)
        text_addf(why, "the client was not refused");
    else if (!refused && error)
        text_addf(why, "the client says: %.*s", (int)strcspn(error, "\n"), error);
    else if (c->client.end->side.is_reference && WEXITSTATUS(status) != wanted)
        text_addf(why, "the client's exit status is %d, expected %d", WEXITSTATUS(status), wanted);
    else if (!refused && WEXITSTATUS(status) != 0)
        text_addf(why, "the client's exit status is %d without an error", WEXITSTATUS(status));
    else
        return true;
    return false;
}

/* A server serves until we end it, and then ends by itself: with 1 up to 3.18, 0 later (CLOSE-6).
 */
static bool server_ended_well(const struct judge_case *c, const struct findings *f,
                              struct text *why)
{
    const char *error = error_of(f->server_report, &c->server.subject->err);
    int status = c->server.subject->status;
    bool refused = c->mode->flags & MODE_REFUSED;

    if (!c->listens_again)
        text_addf(why, "the server does not listen any more");
    else if (add_death("the server", status, why))
        return false;
    else if (WEXITSTATUS(status) > (c->server.end->side.is_reference ? 0 : 1))
        text_addf(why, "the server's exit status is %d", WEXITSTATUS(status));
    else if (!refused && !(c->mode->flags & MODE_TEXT) && !f->server_report)
        text_addf(why, "the server printed no JSON");
    else if (!refused && error)
        text_addf(why, "the server says: %.*s", (int)strcspn(error, "\n"), error);
    else
        return true;
    return false;
}

/* --- the wire -------------------------------------------------------------------------------- */

static bool wire_is_well(const struct judge_case *c, const struct wire_view *v, struct text *why)
{
    bool refused = c->mode->flags & MODE_REFUSED;

    if (v->violations > 0)
        text_addf(why, "%s%s", text_string(&v->first),
                  v->violations > 1 ? " (and more violations)" : "");
    else if (!refused && !v->completed)
        text_addf(why, "the session did not come to a good end");
    else if (refused && (v->completed || v->client_results.len > 0 || v->server_results.len > 0))
        text_addf(why, "the test was run all the same");
    else if (refused && c->server.transcript && v->refused_with != IEAUTHTEST)
        text_addf(why, "expected SERVER_ERROR %d (AUTH-11), found %d", IEAUTHTEST, v->refused_with);
    else
        return true;
    return false;
}

static bool read_wire(const struct judge_case *c, struct findings *f, struct text *why)
{
    const char *files[2] = {c->client.transcript, c->server.transcript};

    for (int i = 0; i < 2; i++) {
        if (!files[i])
            continue;
        if (!wire_read(&f->wire[i], files[i], why) || !wire_is_well(c, &f->wire[i], why))
            return false;
        f->view = &f->wire[i];
    }
    if (f->view) {
        f->params = parse(&f->view->params);
        f->client_results = parse(&f->view->client_results);
        f->server_results = parse(&f->view->server_results);
    }
    return true;
}

/* --- the numbers ----------------------------------------------------------------------------- */

static uint64_t number(const json_value *object, const char *key)
{
    const json_value *v = json_member(object, key);

    return json_type_of(v) == JSON_NUMBER && json_int(v) > 0 ? (uint64_t)json_int(v) : 0;
}

/* What both buffers of a stream hold, as reported. */
static uint64_t reported_buffers(const struct findings *f)
{
    const json_value *client = json_member(f->client_report, "start");
    const json_value *server = json_member(f->server_report, "start");

    return MAX(number(client, "sndbuf_actual"), number(server, "sndbuf_actual")) +
           MAX(number(client, "rcvbuf_actual"), number(server, "rcvbuf_actual"));
}

/* Or as far as they grow for an unpaced sender. */
static uint64_t in_flight(const struct judge_case *c, const struct findings *f)
{
    uint64_t reported = reported_buffers(f);

    return c->mode->flags & MODE_FLOOD || c->may_be_late ? MAX(reported, c->buffers_grow)
                                                         : reported;
}

/* Stock builds with threads end a sender in the middle of what it writes (END-6, RES-30). */
static bool cuts(const struct mode_side *side)
{
    return !side->is_reference && clause_versions_hold("3.16+", &side->version);
}

static bool wire_numbers_agree(const struct judge_case *c, const struct findings *f,
                               struct text *why)
{
    struct params params;
    struct results client, server;
    bool ok = params_decode(bytes_of(&f->view->params), &params, NULL) == SPEC_OK;

    ok &= results_decode(bytes_of(&f->view->client_results), NULL, 0, &client, NULL) == SPEC_OK;
    ok &= results_decode(bytes_of(&f->view->server_results), NULL, 0, &server, NULL) == SPEC_OK;
    struct numbers_test test = {
        .params = &params,
        .client = &client,
        .server = &server,
        .in_flight = in_flight(c, f),
        .omits = c->mode->flags & MODE_OMIT,
        .client_cuts = cuts(&c->client.end->side),
        .server_cuts = cuts(&c->server.end->side),
        .client_counts_all = c->client.end->side.is_reference,
        .server_counts_all = c->server.end->side.is_reference,
        .whole = c->mode->flags & MODE_FILE ? KIT_PAYLOAD_SIZE : 0,
    };
    if (!ok)
        text_addf(why, "parameters or results cannot be read");
    ok = ok && numbers_agree(&test, why);
    params_fini(&params);
    results_fini(&client);
    results_fini(&server);
    return ok;
}

static bool report_stream_agrees(const struct judge_case *c, const struct findings *f,
                                 const json_value *stream, struct text *why)
{
    const json_value *udp = json_member(stream, "udp");
    const json_value *start = json_member(f->client_report, "start");
    uint64_t block = number(json_member(start, "test_start"), "blksize");
    uint64_t missing = in_flight(c, f) + block;
    bool may_cut = cuts(&c->client.end->side) || cuts(&c->server.end->side);
    uint64_t excess = c->mode->flags & MODE_OMIT ? missing : may_cut ? block : 0;

    if (!udp)
        return numbers_stream_agrees((int64_t)number(json_member(stream, "sender"), "bytes"),
                                     (int64_t)number(json_member(stream, "receiver"), "bytes"),
                                     missing, excess, why);
    uint64_t packets = number(udp, "packets"), lost = number(udp, "lost_packets");
    if (packets > 0 && lost < packets)
        return true;
    text_addf(why, "the client's report has %llu datagrams, %llu of them lost",
              (unsigned long long)packets, (unsigned long long)lost);
    return false;
}

/* Between stock builds there is only the client's report. */
static bool report_numbers_agree(const struct judge_case *c, const struct findings *f,
                                 struct text *why)
{
    const json_value *streams = json_member(json_member(f->client_report, "end"), "streams");
    bool ok = json_next(streams, NULL) != NULL;

    if (!ok)
        text_addf(why, "the client's report has no streams");
    for (const json_value *s = NULL; ok && (s = json_next(streams, s));)
        ok = report_stream_agrees(c, f, s, why);
    return ok;
}

/* --- all of it ------------------------------------------------------------------------------- */

/* iperfref writes all that was sent. Stock builds stop at TEST_END, whatever is on its way or part
 * of a block (RES-25, RES-26). */
static bool file_has_arrived(const struct judge_case *c, const struct findings *f, struct text *why)
{
    const json_value *reverse = json_member(f->params, "reverse");
    const struct judge_end *receiver = reverse ? &c->client : &c->server;
    uint64_t may_lack = reported_buffers(f) + number(f->params, "len");

    return kit_has_arrived(c->kit, c->received, receiver->end->side.is_reference ? 0 : may_lack,
                           why);
}

static bool test_went_well(const struct judge_case *c, const struct findings *f, struct text *why)
{
    const json_value *const sources[FACT_N_SOURCES] = {
        [FACT_CLIENT_REPORT] = f->client_report,
        [FACT_PARAMS] = f->params,
        [FACT_CLIENT_RESULTS] = f->client_results,
        [FACT_SERVER_RESULTS] = f->server_results,
    };
    bool refused = c->mode->flags & MODE_REFUSED;

    return fact_check(c->facts, sources, why) &&
           (refused || (f->view ? wire_numbers_agree : report_numbers_agree)(c, f, why)) &&
           (!(c->mode->flags & MODE_FILE) || file_has_arrived(c, f, why));
}

bool judge_cell(const struct judge_case *c, struct text *why)
{
    struct findings f = {
        .client_report = parse_report(&c->client.subject->out),
        .server_report = parse_report(&c->server.subject->out),
    };

    bool ok = !says_sanitizer("the client", &c->client, why) &&
              !says_sanitizer("the server", &c->server, why) && client_ended_well(c, &f, why) &&
              server_ended_well(c, &f, why) && read_wire(c, &f, why) && test_went_well(c, &f, why);
    for (int i = 0; i < 2; i++)
        wire_view_fini(&f.wire[i]);
    json_free(f.client_report);
    json_free(f.server_report);
    json_free(f.params);
    json_free(f.client_results);
    json_free(f.server_results);
    return ok;
}
