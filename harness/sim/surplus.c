/* surplus.c - what a client opened and no step asked for: one stream too many, or a connection or
 * datagrams of another kind.
 *
 * A script asks for one control connection, and with each CREATE_STREAMS for the streams of the
 * parameters; what of these it leaves untaken is its own affair, and so is what it ignores. Where
 * the subject's process is out of reach, whoever comes without the test's cookie may be somebody
 * else. */
#include "harness/sim/peer.h"

#include "harness/session/place.h"

#include <string.h>

#define ROUNDS_MAX 1000 /* of a client that never stops connecting */

/* How often the script has asked for streams, as bytes of its own too. */
static int64_t times_asked(const struct control *c)
{
    const struct session *record = &c->sim->out->record;
    int64_t n = 0;

    for (size_t i = 0; i < record->n; i++) {
        const struct session_message *m = &record->messages[i];
        if (m->from != SESSION_US || !session_is_of(m, c->name))
            continue;
        n += m->kind == SESSION_STATE && m->state == CREATE_STREAMS;
        for (size_t k = 0; m->kind == SESSION_BYTES && k < m->body.len; k++)
            n += m->body.at[k] == CREATE_STREAMS;
    }
    return n;
}

/* How many streams it may have: any number if we never learnt what it was to open. */
static int64_t n_asked(const struct control *c)
{
    int64_t times = times_asked(c);
    int64_t each = MAX(params_n_streams(&c->params), moment_n_streams(c));

    if (times > 0 && c->peer_params.len == 0)
        return INT64_MAX;
    return times > 0 && each > INT64_MAX / times ? INT64_MAX : times * each;
}

static bool ignores_stream(const struct ignored *list, int64_t id, bool is_ours)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->at[i]->kind == SCRIPT_EV_STREAM && list->at[i]->stream == id &&
            (is_ours || list->at[i]->any_cookie))
            return true;
    return false;
}

/* The index-th stream of c, had somebody taken it. */
static bool may_have(const struct control *c, size_t index, bool is_ours)
{
    int64_t id = account_stream_id((unsigned)index);

    return (is_ours && (int64_t)index < n_asked(c)) ||
           ignores_stream(&c->sim->ignored, id, is_ours) ||
           ignores_stream(&c->ignored, id, is_ours);
}

/* Whether what came of its cookie, if anything, is the test's: a client may be stopped meanwhile.
 */
static bool is_of(const struct control *c, const struct pending *p)
{
    return c && c->opened && memcmp(p->cookie, c->cookie, p->have) == 0;
}

/* The connection whose test it belongs to; else the first, whose script may ignore it. */
static const struct control *owner_of(const struct sim *s, const struct pending *p)
{
    for (size_t i = 0; i < s->n_controls; i++)
        if (is_of(s->controls[i], p))
            return s->controls[i];
    return s->n_controls > 0 ? s->controls[0] : NULL;
}

static bool awaits_first(const struct sim *s)
{
    for (size_t i = 0; i < s->n_controls; i++)
        if (s->controls[i]->opened)
            return false;
    return true;
}

static bool refuse_connection(struct sim *s, const struct control *c, const struct pending *p)
{
    if (p->have == COOKIE_LEN && is_of(c, p))
        return sim_fail(s, SIM_MISS,
                        "one stream more than was asked for, with this test's cookie (asked for: "
                        "%lld, taken: %zu)",
                        (long long)n_asked(c), c->n_streams);
    return sim_fail(s, SIM_MISS, "a connection that no step asked for, %s",
                    p->have == COOKIE_LEN ? "with another cookie than this test's"
                    : p->have > 0         ? "with something else than a cookie"
                                          : "on which nothing came");
}

static bool check_connections(struct sim *s, bool waits)
{
    size_t n_first = awaits_first(s); /* it asks for that one */

    for (size_t i = n_first; i < s->n_pending; i++) {
        const struct pending *p = &s->pending[i];
        const struct control *c = owner_of(s, p);
        size_t index = c ? c->n_streams : 0;
        for (size_t k = n_first; k < i && c; k++)
            index += owner_of(s, &s->pending[k]) == c;
        bool is_ours = is_of(c, p);
        if ((c && may_have(c, index, is_ours)) || (!is_ours && !s->config->process) ||
            (waits && !p->over))
            continue;
        return refuse_connection(s, c, p);
    }
    return true;
}

/* --- datagrams ------------------------------------------------------------------------------- */

static bool is_same(const struct stranger *a, const struct sockaddr_storage *peer, socklen_t len)
{
    return a->peer_len == len && memcmp(&a->peer, peer, len) == 0;
}

void surplus_note_datagram(struct sim *s, const struct sockaddr_storage *peer, socklen_t len)
{
    for (size_t i = 0; i < s->n_strangers; i++)
        if (is_same(&s->strangers[i], peer, len))
            return;
    if (s->n_strangers < STRANGERS_MAX)
        s->strangers[s->n_strangers++] = (struct stranger){*peer, len};
}

/* It may have been too early, and was taken since. */
static bool is_lane(const struct sim *s, const struct stranger *a)
{
    for (size_t i = 0; i < s->n_controls; i++)
        for (size_t k = 0; k < s->controls[i]->n_streams; k++) {
            const struct lane *st = s->controls[i]->streams[k];
            if (st->udp && is_same(a, &st->peer, st->peer_len))
                return true;
        }
    return false;
}

/* Datagrams have no cookie: they are held for the first test's. */
static bool check_datagrams(struct sim *s)
{
    const struct control *c = s->n_controls > 0 ? s->controls[0] : NULL;
    size_t index = c ? c->n_streams : 0;

    for (size_t i = 0; i < s->n_strangers && s->config->process; i++) {
        if (is_lane(s, &s->strangers[i]) || (c && may_have(c, index++, true)))
            continue;
        return sim_fail(s, SIM_MISS,
                        "datagrams from one port more than was asked for, %u (streams asked for: "
                        "%lld, taken: %zu)",
                        sim_port(&s->strangers[i].peer), c ? (long long)n_asked(c) : 0,
                        c ? c->n_streams : 0);
    }
    return true;
}

bool surplus_check(struct sim *s, bool waits)
{
    if (!s->config->script->plays_server || s->config->is_lenient || sim_failed(s))
        return !sim_failed(s);
    return check_connections(s, waits) && check_datagrams(s);
}

bool surplus_check_end(struct sim *s)
{
    if (!s->config->script->plays_server)
        return true;
    /* Of a listener that serves others as well, who comes now is the next client. */
    for (int i = 0; s->config->process && i < ROUNDS_MAX && sim_pump(s, now_ns()); i++)
        ;
    return surplus_check(s, false);
}
