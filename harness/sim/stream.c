/* stream.c - expectations on the data streams: that they are there, what came on them, their end.
 */
#include "harness/sim/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static unsigned peer_port(const struct lane *st)
{
    struct sockaddr_storage peer = st->peer;
    socklen_t len = sizeof peer;

    if (st->fd >= 0)
        getpeername(st->fd, (struct sockaddr *)&peer, &len);
    return peer.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&peer)->sin6_port)
                                      : ntohs(((struct sockaddr_in *)&peer)->sin_port);
}

static enum stream_result __attribute__((format(printf, 3, 4)))
miss(struct control *c, const struct lane *st, const char *format, ...)
{
    va_list args;

    text_fini(&c->why);
    text_addf(&c->why, "stream %lld ", (long long)st->id);
    va_start(args, format);
    text_vaddf(&c->why, format, args);
    va_end(args);
    return STREAM_FAILED;
}

/* A server of ours takes the connections that wait, as the flow would in its place. */
static enum stream_result await_stream(struct control *c, const struct script_event *want)
{
    struct lane *st;

    while (!(st = lane_find(c, want->stream)) && server_awaits_stream(c)) {
        enum flow_result taken = server_take_stream(c, want->any_cookie);
        if (taken == FLOW_WAIT)
            return STREAM_NOT_YET;
        if (taken == FLOW_FAILED)
            return STREAM_FAILED;
    }
    if (!st || !st->up)
        return STREAM_NOT_YET;
    if (want->port && peer_port(st) != want->port)
        return miss(c, st, "comes from port %u", peer_port(st));
    return STREAM_HOLDS;
}

static enum stream_result data_came(struct control *c, const struct lane *st,
                                    const struct script_event *want)
{
    uint64_t got = st->received + st->stray;

    if (got < want->count)
        return STREAM_NOT_YET;
    if (got == want->count || want->at_least)
        return STREAM_HOLDS;
    return miss(c, st, "got %llu bytes, more than that", (unsigned long long)got);
}

static enum stream_result ended(struct control *c, const struct lane *st,
                                const struct script_event *want)
{
    if (!st->ended && !st->reset)
        return STREAM_NOT_YET;
    if (want->kind == SCRIPT_EV_STREAM_END || (want->kind == SCRIPT_EV_STREAM_RESET) == st->reset)
        return STREAM_HOLDS;
    return miss(c, st, "%s", st->reset ? "was reset" : "was closed");
}

static enum stream_result began_otherwise(struct control *c, const struct lane *st)
{
    struct text hex = {0};

    text_add_hex(&hex, (struct bytes){(uint8_t *)st->first.at, st->first.len}, 16);
    miss(c, st, "began with %s", text_string(&hex));
    text_fini(&hex);
    return STREAM_FAILED;
}

/* They may come one by one. */
static enum stream_result begins(struct control *c, const struct lane *st,
                                 const struct script_event *want)
{
    size_t n = MIN(want->raw.len, st->first.len);

    if (memcmp(text_string(&st->first), want->raw.at, n) != 0)
        return began_otherwise(c, st);
    if (want->repeated && st->is_odd)
        return miss(c, st, "has another byte at %llu", (unsigned long long)st->odd_at);
    return n < want->raw.len ? STREAM_NOT_YET : STREAM_HOLDS;
}

static enum stream_result first_datagram(struct control *c, const struct lane *st,
                                         const struct script_event *want)
{
    if (st->first.len == 0)
        return STREAM_NOT_YET;
    if (st->first.len >= want->raw.len && memcmp(st->first.at, want->raw.at, want->raw.len) == 0)
        return STREAM_HOLDS;
    return began_otherwise(c, st);
}

/* Those that came so far must agree; all of them must have come. */
static enum stream_result datagrams_came(struct control *c, struct lane *st,
                                         const struct script_event *want)
{
    size_t n = MIN(want->n_seqs, st->n_seqs - st->seen);

    for (size_t i = 0; i < n; i++)
        if (st->seqs[st->seen + i] != (uint64_t)want->seqs[i])
            return miss(c, st, "got datagram %llu where %lld was expected",
                        (unsigned long long)st->seqs[st->seen + i], (long long)want->seqs[i]);
    if (n < want->n_seqs)
        return STREAM_NOT_YET;
    st->seen += n;
    return STREAM_HOLDS;
}

enum stream_result stream_check(struct control *c, const struct script_event *want)
{
    if (want->kind == SCRIPT_EV_STREAM)
        return await_stream(c, want);
    struct lane *st = lane_find(c, want->stream);
    if (!st)
        return STREAM_NOT_YET;
    switch (want->kind) {
    case SCRIPT_EV_STREAM_DATA:
        return data_came(c, st, want);
    case SCRIPT_EV_STREAM_BEGIN:
        return begins(c, st, want);
    case SCRIPT_EV_STREAM_DATAGRAM:
        return first_datagram(c, st, want);
    case SCRIPT_EV_STREAM_DATAGRAMS:
        return datagrams_came(c, st, want);
    default:
        return ended(c, st, want);
    }
}

void stream_note_datagram(struct lane *st, uint64_t seq)
{
    if (st->n_seqs == STREAM_SEQS_MAX)
        return;
    if ((st->n_seqs & (st->n_seqs - 1)) == 0)
        st->seqs = text_realloc(st->seqs, MAX(2 * st->n_seqs, 16) * sizeof *st->seqs);
    st->seqs[st->n_seqs++] = seq;
}
