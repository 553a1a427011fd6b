/* convert_run.c - the session from the first state to the end, as steps of a script. */
#include "harness/capture/convert_core.h"

#include "harness/script/script.h"
#include "impl/wire/ierr.h"
#include "impl/wire/state.h"

#include <inttypes.h>
#include <string.h>

#define PAUSE_MIN_NS UINT64_C(20000000) /* shorter ones are the machine's, not the session's */
#define PIECES_MAX   20                 /* of the data phase */

static uint64_t stretched_ms(const struct conversion *c, uint64_t ns)
{
    return (uint64_t)((double)ns * c->request->stretch / 1e6);
}

/* --- when it spoke ---------------------------------------------------------------------------- */

/* What the language calls that message of the honest run; NULL: it has no say over it. */
static const char *moment_of(const struct conversion *c, const struct session_message *m,
                             unsigned n_texts)
{
    if (m->kind == SESSION_JSON)
        return c->is_client && n_texts == 0 ? "params" : "results";
    if (m->kind != SESSION_STATE || m->state < TEST_START || m->state > IPERF_DONE ||
        m->state == TEST_END || m->state == CLIENT_TERMINATE || m->state == SERVER_TERMINATE)
        return NULL; /* the data phase has its own pauses */
    if (m->state == IPERF_DONE && !observer_completed(c->s->observer))
        return NULL; /* before its time, or into the void: a matter of add_end() */
    return state_name(m->state);
}

/* A message that came later than the one before it by itself explains is late in the play too. */
static void add_delays(const struct conversion *c)
{
    uint64_t last_ns = 0;
    unsigned n_texts = 0;

    for (size_t i = 0; i < c->list->n; i++) {
        const struct session_message *m = &c->list->messages[i];
        if (m->kind == SESSION_DATA)
            continue;
        uint64_t late_ns = m->at_ns - MIN(last_ns, m->at_ns);
        last_ns = m->at_ns;
        if (m->from != SESSION_US)
            continue;
        const char *moment = moment_of(c, m, n_texts);
        n_texts += m->kind == SESSION_JSON;
        if (moment != NULL && late_ns >= PAUSE_MIN_NS && stretched_ms(c, late_ns) > 0) {
            convert_comment(c, m->at_ns, "%s was %.3f s behind what came before it", moment,
                            (double)late_ns / 1e9);
            text_addf(c->out, "wire %s after %" PRIu64 "ms\n", moment, stretched_ms(c, late_ns));
        }
    }
}

/* --- the data phase --------------------------------------------------------------------------- */

/* Of a stream with so many bytes (or datagrams): those that had gone when n spans were over. All
 * streams of a side are taken to have gone at the same pace. */
static uint64_t gone(const struct conversion *c, unsigned n, uint64_t all)
{
    const struct track_volume *v = &c->s->volume;
    const uint64_t *bytes = v->bytes[c->request->us];
    uint64_t sum = 0, part = 0;

    for (unsigned i = 0; i < v->n; i++) {
        sum += bytes[i];
        part += i < n ? bytes[i] : 0;
    }
    return n >= v->n || sum == 0 ? all : (uint64_t)((double)all * (double)part / (double)sum);
}

/* More was lost on the way to the point of capture than came there, as of a sender without a limit:
 * as many as came are played, and the last number. */
static bool is_sparse(const struct stream_udp *u)
{
    return u->account.packets > 2 * u->n;
}

/* What the side that is played sent: bytes, or the highest number of a datagram. */
static uint64_t total(const struct conversion *c, const struct track_stream *stream)
{
    enum observer_side us = c->request->us;
    const struct stream_udp *u = &stream->udp[us];

    if (!stream->is_udp)
        return stream->tcp[us].sent;
    return is_sparse(u) ? u->n - 1 : u->account.packets;
}

static unsigned n_senders(const struct conversion *c)
{
    unsigned n = 0;

    for (size_t i = 0; i < c->s->n_streams; i++)
        n += total(c, c->s->streams[i]) > 0;
    return n;
}

/* Up to at_ns of the data phase, of which *told_ns have passed. By the session's clock, so that the
 * time that sending takes does not add up. */
static void add_until(const struct conversion *c, uint64_t *told_ns, uint64_t at_ns)
{
    if (stretched_ms(c, at_ns) <= stretched_ms(c, *told_ns))
        return;
    text_addf(c->out, " until %" PRIu64 "ms after TEST_RUNNING", stretched_ms(c, at_ns));
    *told_ns = at_ns;
}

static void add_pause(const struct conversion *c, uint64_t *told_ns, uint64_t at_ns)
{
    if (at_ns < *told_ns + PAUSE_MIN_NS || stretched_ms(c, at_ns) <= stretched_ms(c, *told_ns))
        return;
    text_adds(c->out, "pause   ");
    add_until(c, told_ns, at_ns);
    text_adds(c->out, "\n");
}

/* Datagrams first+1..last at an even pace, up to until_ns of the data phase. */
static void add_datagrams(const struct conversion *c, int64_t id, uint64_t first, uint64_t last,
                          uint64_t *told_ns, uint64_t until_ns)
{
    uint64_t ns = until_ns - MIN(*told_ns, until_ns), all = last - first;

    while (first < last) {
        uint64_t to = MIN(last, first + SCRIPT_DATAGRAMS_MAX);
        text_addf(c->out, "stream %" PRId64 " send datagrams %" PRIu64 "..%" PRIu64, id, first + 1,
                  to);
        add_until(c, told_ns,
                  until_ns - (uint64_t)((double)ns * (double)(last - to) / (double)all));
        text_adds(c->out, "\n");
        first = to;
    }
}

/* Spans from..to of the data phase, at at_ns of it and ns long. Datagrams go at an even pace, one
 * stream behind the other; bytes at once. */
static void add_piece(const struct conversion *c, unsigned from, unsigned to, uint64_t *told_ns,
                      uint64_t at_ns, uint64_t ns)
{
    uint64_t share_ns = ns / MAX(n_senders(c), 1u);

    for (size_t i = 0; i < c->s->n_streams; i++) {
        const struct track_stream *stream = c->s->streams[i];
        uint64_t all = total(c, stream);
        uint64_t first = from == 0 ? 0 : gone(c, from, all), last = gone(c, to, all);
        if (first == last)
            continue;
        add_pause(c, told_ns, at_ns);
        if (!stream->is_udp) {
            text_addf(c->out, "stream %" PRId64 " send data %" PRIu64 "\n", stream->id,
                      last - first);
            continue;
        }
        at_ns += share_ns;
        add_datagrams(c, stream->id, first, last, told_ns, at_ns);
    }
}

static void add_last_numbers(const struct conversion *c)
{
    for (size_t i = 0; i < c->s->n_streams; i++) {
        const struct track_stream *stream = c->s->streams[i];
        const struct stream_udp *u = &stream->udp[c->request->us];
        if (!stream->is_udp || u->n == 0 || !is_sparse(u))
            continue;
        text_addf(c->out,
                  "# most were lost on the way\n"
                  "stream %" PRId64 " send datagrams %" PRIu64 "..%" PRIu64 "\n",
                  stream->id, u->account.packets, u->account.packets);
    }
}

static void add_data(const struct conversion *c)
{
    const struct track_session *s = c->s;
    uint64_t last_ns = s->end_ns != 0 ? s->end_ns : s->last_ns;
    uint64_t lasted_ns = last_ns - MIN(last_ns, s->running_ns);
    unsigned n = MAX(s->volume.n, 1u), step = (n + PIECES_MAX - 1) / PIECES_MAX;
    uint64_t sent = 0, at_ns = 0, told_ns = 0;

    for (unsigned i = 0; i < s->volume.n; i++)
        sent += s->volume.bytes[c->request->us][i];
    convert_comment(c, s->running_ns - s->first_ns,
                    "the test runs for %.3f s, in which it sends %" PRIu64 " byte%s",
                    (double)lasted_ns / 1e9, sent, text_plural(sent));
    for (unsigned from = 0; from < n; from += step) {
        uint64_t end_ns = from + step >= n ? lasted_ns : (from + step) * s->volume.span_ns;
        end_ns = MAX(at_ns, MIN(end_ns, lasted_ns));
        add_piece(c, from, from + step, &told_ns, at_ns, end_ns - at_ns);
        at_ns = end_ns;
    }
    add_pause(c, &told_ns, at_ns);
    add_last_numbers(c);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* The state in which the session ended. */
static int8_t reached(const struct conversion *c)
{
    int8_t state = 0;

    for (size_t i = 0; i < c->list->n; i++) {
        const struct session_message *m = &c->list->messages[i];
        bool is_server = (m->from == SESSION_US) != c->is_client;
        if (m->kind == SESSION_STATE && is_server && m->state != SERVER_TERMINATE &&
            m->state != ACCESS_DENIED)
            state = m->state;
    }
    return state;
}

/* Our end, and theirs; what they still say does not matter any more. */
static void add_farewell(const struct conversion *c)
{
    text_addf(c->out, "half-close\nignore   %s\nexpect   end\n",
              c->is_client ? "server-error" : "state IPERF_DONE");
}

static void add_error(const struct conversion *c)
{
    const struct session_message *m = convert_find(c, SESSION_ERROR, SESSION_US, 0);
    const char *name = ierr_name(c->s->ierr);

    if (m == NULL) {
        text_adds(c->out, "# the server gave up; without its reason it may just be gone\n"
                          "expect   server-error");
        if (c->s->n_ints > 0 && name != NULL)
            text_addf(c->out, " %s", name);
        text_adds(c->out, " or end\n");
        return;
    }
    convert_comment(c, m->at_ns, "the server gives up: %s",
                    m->n_ints > 0 && name != NULL ? name : "no reason told");
    text_adds(c->out, "send     server-error");
    if (m->n_ints > 0)
        text_addf(c->out, " %d", (int)m->ierr);
    if (m->n_ints > 1)
        text_addf(c->out, " errno %d", (int)m->os_errno);
    text_adds(c->out, "\n");
    add_farewell(c);
}

/* An end that one side chose: ours is played, the subject's is asked for by a signal. */
static void add_termination(const struct conversion *c, enum observer_side by)
{
    const char *state = by == OBSERVER_CLIENT ? "CLIENT_TERMINATE" : "SERVER_TERMINATE";

    if (by != c->request->us)
        text_addf(c->out,
                  "# it was interrupted, and said so\n"
                  "subject  signal INT\nexpect   state %s\nexpect   end\n",
                  state);
    else if (by == OBSERVER_CLIENT)
        text_addf(c->out,
                  "# it is interrupted; a server may answer with an error\n"
                  "send     state %s\nexpect   server-error or end\n",
                  state);
    else
        text_addf(c->out,
                  "# it is interrupted; a client may still say goodbye\n"
                  "send     state %s\nignore   state IPERF_DONE\nexpect   end\n",
                  state);
}

/* It gave up, as a client does that cannot open its streams. */
static void add_leave(const struct conversion *c)
{
    text_adds(c->out, "# it leaves before its time; a server may answer with an error\n"
                      "send     state IPERF_DONE\nexpect   server-error or end\n");
}

static void add_close(const struct conversion *c)
{
    if (c->s->first_over == c->request->us) {
        text_adds(c->out, "# gone without a word\n");
        if (c->s->is_reset[c->request->us])
            text_adds(c->out, "reset\n");
        else
            add_farewell(c);
        return;
    }
    if (reached(c) == TEST_RUNNING) /* nobody goes in the middle of a test by itself */
        text_adds(c->out, "# it was killed\nsubject  signal KILL\n");
    text_adds(c->out, "expect   end\n");
}

static void add_refusal(const struct conversion *c)
{
    text_adds(c->out, "send     params\n");
    text_adds(c->out, convert_is_stale(c)
                          ? "# a server that knows users refuses a token as old as this (AUTH-8)\n"
                          : "# the server refused user or password\n");
    text_adds(c->out, "expect   server-error IEAUTHTEST or end\n");
}

/* A token that was refused. */
static bool was_refused(const struct conversion *c)
{
    return c->is_client && c->params != NULL && c->params->authtoken != NULL &&
           reached(c) == PARAM_EXCHANGE;
}

static void add_end(const struct conversion *c)
{
    int8_t server = c->s->last_state[OBSERVER_SERVER], client = c->s->last_state[OBSERVER_CLIENT];
    bool was_left = c->s->first_over == OBSERVER_CLIENT; /* errors of the server's came after it */

    if (observer_completed(c->s->observer)) /* with it goes an error behind the results (DEF-31) */
        text_adds(c->out, "# TEST_END, results both ways, IPERF_DONE, as in any run\nfinish\n");
    else if (c->s->has_left)
        add_leave(c);
    else if (client == CLIENT_TERMINATE)
        add_termination(c, OBSERVER_CLIENT);
    else if (server == SERVER_TERMINATE)
        add_termination(c, OBSERVER_SERVER);
    else if (server == SERVER_ERROR && !was_left)
        add_error(c);
    else
        add_close(c);
}

/* --- all of it -------------------------------------------------------------------------------- */

void convert_denial(const struct conversion *c)
{
    if (c->is_client)
        text_adds(c->out, "open\nexpect   denied\n");
    else
        text_adds(c->out,
                  "# the server is busy; a client may still say goodbye\n"
                  "send     state ACCESS_DENIED\nignore   state IPERF_DONE\nexpect   end\n");
}

/* Up to the end, in the honest run's own order. */
void convert_run(const struct conversion *c)
{
    const struct session_message *results =
        convert_find(c, SESSION_JSON, SESSION_US, c->is_client ? 1 : 0);
    int8_t state = reached(c);

    if (convert_is_stale(c) || was_refused(c)) {
        text_adds(c->out, "advance  PARAM_EXCHANGE\n");
        add_refusal(c);
        return;
    }
    if (results != NULL && results->body.len > 0) {
        convert_comment(c, results->at_ns, "its results as they were, whatever the streams carry");
        convert_raw(c, "results", results);
        text_adds(c->out, "\n");
    }
    add_delays(c);
    if (state != 0) { /* else it got no answer to its cookie */
        bool has_run = c->s->running_ns != 0;
        text_adds(c->out, "# cookie, states, parameters, streams: as in any run\n");
        text_addf(c->out, "advance  %s\n", has_run ? "TEST_RUNNING" : state_name(state));
        if (has_run)
            add_data(c);
        else if (state == PARAM_EXCHANGE && c->params != NULL)
            text_addf(c->out, "%s   params\n", c->is_client ? "send  " : "expect");
    }
    add_end(c);
}
