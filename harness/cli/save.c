#include "harness/cli/save.h"

#include "harness/report/outfile.h"
#include "harness/session/write.h"

#include "impl/wire/state.h"

#include <errno.h>
#include <string.h>

#define REOPENING_NS UINT64_C(300000000) /* longer than a stock server has no listener (CONN-5) */

static void add_words(struct text *out, const struct script_words *words)
{
    for (size_t i = 0; i < words->n; i++)
        text_addf(out, "%s%s", i ? " " : "", words->at[i]);
}

/* What the subject sends on its streams, and their ends: how much comes when is the affair of its
 * clock and the machine's. */
static bool is_left_out(const struct session_message *m)
{
    return m->from == SESSION_SUBJECT && m->stream &&
           (m->kind == SESSION_END || m->kind == SESSION_RESET || m->kind == SESSION_DATA);
}

/* The end of an attempt to connect that was refused and made again (CONN-5): from the `open` at i
 * to the next of that name, without a byte of the subject's between them. i: it is none. */
static size_t attempt(const struct session *s, size_t i)
{
    const struct session_message *open = &s->messages[i];

    for (size_t k = i + 1; k < s->n; k++) {
        const struct session_message *m = &s->messages[k];
        if (strcmp(m->who, open->who) != 0)
            continue;
        if (m->kind == SESSION_OPEN)
            return k;
        if (m->from == SESSION_SUBJECT && m->kind != SESSION_END && m->kind != SESSION_RESET)
            return i;
    }
    return i;
}

/* What is kept of a session so far. */
struct copy {
    struct session *to;
    uint64_t last_ns;  /* of its last message */
    bool is_probed;    /* the service check is going on */
    bool has_left_out; /* data of the subject's since then */
    bool has_ended;    /* its last message is the end of a connection */
    const char *done;  /* name of the connection on which we sent the last IPERF_DONE, or NULL */
};

static void add_pause(struct copy *copy, uint64_t at_ns, uint64_t ns)
{
    session_add(copy->to,
                &(struct session_message){.kind = SESSION_PAUSE, .at_ns = at_ns, .len = ns});
}

/* While the subject sent data we waited: only this time is left of it. And before the next session
 * a stock server opens its listener anew (CONN-5). */
static void add_wait(struct copy *copy, const struct session_message *m)
{
    bool is_ours = m->from == SESSION_US && m->stream == 0 && m->kind != SESSION_PAUSE;

    if (m->kind == SESSION_OPEN && copy->has_ended && !copy->to->we_serve)
        add_pause(copy, m->at_ns, REOPENING_NS);
    else if (is_ours && copy->has_left_out && m->at_ns > copy->last_ns)
        add_pause(copy, m->at_ns, m->at_ns - copy->last_ns);
    copy->has_left_out = false;
    copy->last_ns = m->at_ns + (m->kind == SESSION_PAUSE ? m->len : 0);
    copy->has_ended = !m->stream && (m->kind == SESSION_END || m->kind == SESSION_RESET ||
                                     m->kind == SESSION_CLOSE);
}

/* It comes behind IPERF_DONE or does not (ERR-7); the script ignores it. */
static bool is_stale(const struct copy *copy, const struct session_message *m)
{
    return m->kind == SESSION_ERROR && m->from == SESSION_SUBJECT && copy->done &&
           !copy->to->we_serve && strcmp(copy->done, m->who) == 0;
}

static void copy_message(struct copy *copy, const struct session_message *original)
{
    struct session_message m = *original;

    if (is_left_out(&m)) {
        copy->has_left_out |= m.kind == SESSION_DATA;
        return;
    }
    if (is_stale(copy, &m))
        return;
    if (m.from == SESSION_SUBJECT) /* which error it was depends on who was quicker */
        m.n_ints = 0;
    if (m.from == SESSION_US && m.kind == SESSION_STATE && m.state == IPERF_DONE)
        copy->done = original->who;
    add_wait(copy, &m);
    session_add(copy->to, &m);
}

/* The session without the service check's own messages; in their place that it is wanted. */
static void copy_session(const struct sim_outcome *outcome, bool we_serve, struct session *to)
{
    const struct session *from = &outcome->record;
    struct copy copy = {.to = to};
    const char *vain = NULL; /* name of the connection whose attempt goes up to vain_to */
    size_t vain_to = 0;

    *to = (struct session){.we_serve = we_serve};
    for (size_t i = 0; i < from->n; i++) {
        bool is_probe = session_is_probe(&from->messages[i]);
        if (outcome->retries > 0 && from->messages[i].kind == SESSION_OPEN && i >= vain_to) {
            vain_to = attempt(from, i);
            vain = from->messages[i].who;
        }
        if (i < vain_to && strcmp(from->messages[i].who, vain) == 0)
            continue;
        if (is_probe && !copy.is_probed)
            session_add(to,
                        &(struct session_message){.kind = SESSION_ALIVE, .from = SESSION_SUBJECT});
        if (!is_probe)
            copy_message(&copy, &from->messages[i]);
        copy.is_probed = is_probe;
    }
}

bool save_session(const char *path, const struct script *script, const struct sim_outcome *outcome)
{
    struct text clauses = {0}, needs = {0}, tags = {0}, out = {0};
    struct session session;

    add_words(&clauses, &script->clauses);
    add_words(&needs, &script->needs);
    add_words(&tags, &script->tags);
    const struct session_about about = {.id = script->id,
                                        .title = script->title,
                                        .clauses = text_string(&clauses),
                                        .needs = text_string(&needs),
                                        .tags = text_string(&tags),
                                        .subject = script->subject,
                                        .ignores_stale = !script->plays_server};
    copy_session(outcome, script->plays_server, &session);
    session_write(&session, &about, &out);
    bool ok = outfile_write(path, &out);
    int error = errno;
    session_fini(&session);
    text_fini(&clauses);
    text_fini(&needs);
    text_fini(&tags);
    text_fini(&out);
    errno = error;
    return ok;
}
