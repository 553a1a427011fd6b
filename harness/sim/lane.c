/* lane.c - the data streams of one session: opening, sending, counting. */
#include "harness/sim/peer.h"
#include "harness/sim/tos.h"

#include "impl/wire/datagram.h"

#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIECE   65536
#define LEAP_US 10000000 /* of the times in datagrams, beyond what has passed here */

/* What a step asks of this stream's bytes, all of them. */
static struct bytes find_pattern(const struct script_steps *steps, const char *who, int64_t id)
{
    struct bytes found = {0};

    for (size_t i = 0; i < steps->n && found.len == 0; i++) {
        const struct script_step *step = &steps->at[i];
        bool has_branches = step->verb == SCRIPT_EITHER || step->verb == SCRIPT_ANY_ORDER ||
                            step->verb == SCRIPT_REPEAT;
        for (size_t k = 0; has_branches && k < step->branches.n && found.len == 0; k++)
            found = find_pattern(&step->branches.at[k], who, id);
        if (step->verb != SCRIPT_EXPECT || strcmp(step->who, who) != 0)
            continue;
        for (size_t k = 0; k < step->expect.events.n; k++) {
            const struct script_event *event = &step->expect.events.at[k];
            if (event->repeated && event->stream == id)
                found = event->raw;
        }
    }
    return found;
}

static struct lane *add(struct control *c, int fd, int64_t id)
{
    struct lane *st = text_realloc(NULL, sizeof *st);
    unsigned index = (unsigned)c->n_streams;

    *st = (struct lane){.fd = fd,
                        .begun_ns = now_ns(),
                        .id = id ? id : account_stream_id(index),
                        .udp = params_protocol(&c->params) == PARAMS_UDP,
                        .we_send = params_client_sends(&c->params, index) != c->is_server};
    c->streams = text_realloc(c->streams, (c->n_streams + 1) * sizeof *c->streams);
    c->streams[c->n_streams++] = st;
    st->pattern = find_pattern(&c->sim->config->script->steps, c->name, st->id);
    tap_name(&st->tap, c->name, st->id, params_has(&c->params, PARAM_udp_counters_64bit));
    return st;
}

static void record(struct control *c, const struct lane *st, enum session_kind kind,
                   enum session_from from, uint64_t len)
{
    sim_record(c->sim, c,
               (struct session_message){.kind = kind, .from = from, .stream = st->id, .len = len});
}

static void record_bytes(struct control *c, const struct lane *st, enum session_kind kind,
                         struct bytes bytes)
{
    sim_record(
        c->sim, c,
        (struct session_message){.kind = kind, .stream = st->id, .len = bytes.len, .body = bytes});
}

static void record_datagram(struct control *c, const struct lane *st, enum session_from from,
                            const struct datagram_header *header, size_t len)
{
    sim_record(c->sim, c,
               (struct session_message){
                   .kind = SESSION_DATAGRAM,
                   .from = from,
                   .stream = st->id,
                   .len = len,
                   .header = {header->seq, from == SESSION_US, header->sec, header->usec}
    });
}

struct lane *lane_find(const struct control *c, int64_t id)
{
    for (size_t i = 0; i < c->n_streams; i++)
        if (c->streams[i]->id == id)
            return c->streams[i];
    return NULL;
}

/* A server's streams share one socket. */
static ssize_t put_datagram(struct control *c, struct lane *st, const void *bytes, size_t len)
{
    int fd = c->is_server ? c->sim->config->listener->udp : st->fd;

    control_flush_all(c->sim);
    ssize_t sent = c->is_server ? sendto(fd, bytes, len, MSG_NOSIGNAL,
                                         (const struct sockaddr *)&st->peer, st->peer_len)
                                : send(fd, bytes, len, MSG_NOSIGNAL);

    tap_sent(&st->tap, bytes, sent, errno);
    return sent;
}

/* --- opening --------------------------------------------------------------------------------- */

/* A stream of ours, and what it says first unless that is the honest thing, once. */
static void record_open(struct control *c, const struct lane *st, struct bytes honest,
                        const struct text *said, unsigned times)
{
    struct session_message m = {.kind = SESSION_STREAM, .from = SESSION_US, .stream = st->id};
    struct text all = {0};

    for (unsigned i = 0; i < times; i++)
        text_add(&all, said->at, said->len);
    m.says_own = all.len != honest.len || memcmp(all.at, honest.at, honest.len) != 0;
    if (m.says_own)
        m.body = (struct bytes){(const uint8_t *)text_string(&all), all.len};
    sim_record(c->sim, c, m);
    text_fini(&all);
}

/* connect or reply: four bytes (UDPC-2, UDPC-3), or what the script says. */
static void greet_datagram(struct control *c, struct lane *st, const char *name,
                           const uint8_t *four)
{
    struct text bytes = {0};
    unsigned times =
        moment_greeting(c, name, st->id, (struct bytes){four, DATAGRAM_CONNECT_LEN}, &bytes);

    if (!c->is_server)
        record_open(c, st, (struct bytes){four, DATAGRAM_CONNECT_LEN}, &bytes, times);
    for (unsigned i = 0; i < times; i++)
        put_datagram(c, st, text_string(&bytes), bytes.len);
    text_fini(&bytes);
    st->up = st->up || times == 0; /* no reply will come */
}

static void greet_stream(struct control *c, struct lane *st)
{
    struct text cookie = {0};
    unsigned times =
        moment_greeting(c, "cookie", st->id, (struct bytes){c->cookie, COOKIE_LEN}, &cookie);

    st->connecting = true;
    record_open(c, st, (struct bytes){c->cookie, COOKIE_LEN}, &cookie, times);
    for (unsigned i = 0; i < times; i++)
        text_add(&st->head, cookie.at, cookie.len);
    text_fini(&cookie);
}

struct lane *lane_connect(struct control *c, int64_t id)
{
    const struct sim_config *config = c->sim->config;
    bool udp = params_protocol(&c->params) == PARAMS_UDP;
    int family = c->open && c->open->to && strchr(c->open->to, ':') ? AF_INET6
                 : c->open && c->open->to                           ? AF_INET
                                                                    : config->server.ss_family;
    int fd = socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct lane *st = add(c, fd, id);
    struct sockaddr_storage to = config->server;
    socklen_t len = config->server_len;

    control_flush_all(c->sim);
    /* To where the control connection went, and from where it came. */
    if (c->open && c->open->to && c->fd >= 0)
        getpeername(c->fd, (struct sockaddr *)&to, &len);
    if (fd < 0 || !control_bind(c, fd, false) ||
        (connect(fd, (const struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS)) {
        sim_fail(c->sim, SIM_TROUBLE, "stream %lld: %s", (long long)st->id, strerror(errno));
        return st;
    }
    tos_ask(fd);
    tap_open(c->sim, &st->tap, fd, udp, SESSION_US);
    if (udp)
        greet_datagram(c, st, "connect", datagram_connect_bytes(DATAGRAM_CONNECT));
    else
        greet_stream(c, st);
    return st;
}

struct lane *lane_adopt(struct control *c, int fd)
{
    struct lane *st = add(c, fd, 0);

    st->up = true;
    record(c, st, SESSION_STREAM, SESSION_SUBJECT, 0);
    return st;
}

/* --- sending --------------------------------------------------------------------------------- */

bool lane_is_flushed(const struct lane *st)
{
    return st->fd < 0 || st->reset || (st->head.len == 0 && st->todo == 0);
}

static ssize_t put(struct lane *st, const void *bytes, size_t len)
{
    ssize_t sent = send(st->fd, bytes, len, MSG_NOSIGNAL);

    tap_sent(&st->tap, bytes, sent, errno);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        st->reset = true;
    return sent;
}

static void flush(struct control *c, struct lane *st)
{
    static const uint8_t payload[PIECE];

    control_flush_all(c->sim);
    while (st->head.len > 0 && !st->reset) {
        ssize_t sent = put(st, st->head.at, st->head.len);
        if (sent < 0)
            return;
        memmove(st->head.at, st->head.at + sent, st->head.len - (size_t)sent);
        st->head.len -= (size_t)sent;
    }
    st->up = true;
    for (int pieces = 0; st->todo > 0 && !st->reset && pieces < 16; pieces++) {
        ssize_t sent = put(st, payload, MIN(st->todo, PIECE));
        if (sent < 0)
            return;
        st->todo -= (uint64_t)sent;
        st->sent += (uint64_t)sent;
        record(c, st, SESSION_DATA, SESSION_US, (uint64_t)sent);
    }
}

void lane_send(struct control *c, struct lane *st, uint64_t len)
{
    st->todo += len;
    if (st->fd >= 0 && !st->connecting)
        flush(c, st);
}

void lane_send_bytes(struct control *c, struct lane *st, struct bytes bytes)
{
    text_add(&st->head, bytes.at, bytes.len);
    st->sent += bytes.len;
    record_bytes(c, st, SESSION_DATA, bytes);
    if (st->fd >= 0 && !st->connecting)
        flush(c, st);
}

void lane_send_raw_datagram(struct control *c, struct lane *st, struct bytes bytes)
{
    record_bytes(c, st, SESSION_DATAGRAM, bytes);
    if (c->is_server || st->fd >= 0)
        put_datagram(c, st, bytes.at, bytes.len);
}

bool lane_send_datagram(struct control *c, struct lane *st, const struct datagram_header *header,
                        size_t len)
{
    static uint8_t datagram[DATAGRAM_LEN_MAX];
    bool wide = params_has(&c->params, PARAM_udp_counters_64bit);

    datagram_encode(datagram, wide, header);
    if (!c->is_server && st->fd < 0)
        return false;
    ssize_t sent = put_datagram(c, st, datagram, len);
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR))
        return false;
    st->last = *header;
    st->sent += len;
    st->datagrams++;
    record_datagram(c, st, SESSION_US, header, len);
    return true;
}

void lane_shut(struct lane *st)
{
    if (st->fd < 0)
        return;
    shutdown(st->fd, SHUT_WR);
    st->is_shut = true;
    tap_shut(&st->tap);
}

/* --- receiving ------------------------------------------------------------------------------- */

/* Seconds and microseconds in each other's place make leaps; clocks that are set do so too, but not
 * by much in a test. */
static void check_time(struct control *c, struct lane *st, const struct datagram_header *header)
{
    uint64_t now = now_ns();
    int64_t at_us = (int64_t)header->sec * 1000000 + (int64_t)header->usec;
    int64_t step_us = at_us - st->last_us;

    if (header->usec >= 1000000)
        sim_fail(c->sim, SIM_MISS, "stream %lld: a datagram of %lu microseconds (UDP-1)",
                 (long long)st->id, (unsigned long)header->usec);
    if (st->last_at_ns && llabs(step_us) > (int64_t)((now - st->last_at_ns) / 1000) + LEAP_US)
        sim_fail(c->sim, SIM_MISS,
                 "stream %lld: the times of two datagrams that came %llu ms apart differ by %lld s "
                 "(UDP-1)",
                 (long long)st->id, (unsigned long long)(now - st->last_at_ns) / 1000000,
                 (long long)(step_us / 1000000));
    if (!st->last_at_ns)
        st->first_us = at_us;
    st->last = *header;
    st->last_us = at_us;
    st->last_at_ns = now;
}

void lane_take_datagram(struct control *c, struct lane *st, struct bytes datagram)
{
    bool wide = params_has(&c->params, PARAM_udp_counters_64bit);
    struct datagram_header header;

    if (st->first.len == 0)
        text_add(&st->first, datagram.at, MIN(datagram.len, STREAM_FIRST_MAX));
    if (!st->up && !c->is_server) {
        st->up = datagram_reply_kind(datagram) != DATAGRAM_NOT_REPLY;
        if (!st->up)
            sim_fail(c->sim, SIM_MISS,
                     "stream %lld: %zu bytes instead of a reply to the connect datagram (UDPC-3)",
                     (long long)st->id, datagram.len);
        return;
    }
    st->received += datagram.len;
    st->datagrams++;
    bool is_whole = datagram_decode(datagram, wide, &header) == SPEC_OK;
    if (!is_whole)
        header = (struct datagram_header){0};
    record_datagram(c, st, SESSION_SUBJECT, &header, datagram.len);
    if (!is_whole)
        return;
    check_time(c, st, &header);
    account_udp_take(&st->count, &header, wide, now_ns());
    stream_note_datagram(st, header.seq);
}

static bool same_peer(const struct lane *st, const struct sockaddr_storage *peer, socklen_t len)
{
    return st->udp && st->peer_len == len && memcmp(&st->peer, peer, len) == 0;
}

static bool awaits_udp(const struct control *c)
{
    return c->is_server && params_protocol(&c->params) == PARAMS_UDP && c->position > 0 &&
           flow_row(c) && (int64_t)c->n_streams < moment_n_streams(c);
}

struct lane *lane_of_datagram(struct control *c, const struct sockaddr_storage *peer, socklen_t len,
                              struct bytes datagram, int tos)
{
    for (size_t i = 0; i < c->n_streams; i++) {
        if (same_peer(c->streams[i], peer, len)) {
            tap_received(&c->streams[i]->tap, datagram.at, (ssize_t)datagram.len, 0);
            c->streams[i]->tos = tos;
            lane_take_datagram(c, c->streams[i], datagram);
            return c->streams[i];
        }
    }
    if (!awaits_udp(c))
        return NULL;
    int fd = c->sim->config->listener->udp;
    struct lane *st = lane_adopt(c, -1);
    st->peer = *peer;
    st->peer_len = len;
    tap_open_datagrams(c->sim, &st->tap, fd, c->fd, peer);
    tap_received(&st->tap, datagram.at, (ssize_t)datagram.len, 0);
    text_add(&st->first, datagram.at, MIN(datagram.len, STREAM_FIRST_MAX));
    if (datagram_connect_kind(datagram) == DATAGRAM_NOT_CONNECT)
        sim_fail(c->sim, SIM_MISS, "a datagram of %zu bytes instead of a connect message (UDPC-2)",
                 datagram.len);
    greet_datagram(c, st, "reply", datagram_reply_bytes(DATAGRAM_REPLY));
    return st;
}

void lanes_omit(struct control *c)
{
    if (c->counted_from_ns || !c->running_ns || c->params.omit <= 0 || flow_omit_end(c))
        return;
    for (size_t i = 0; i < c->n_streams; i++) {
        struct lane *st = c->streams[i];
        st->omitted.bytes = st->we_send ? st->sent : st->received;
        st->omitted.packets = st->we_send ? st->datagrams : st->count.packets;
        st->omitted.errors = st->we_send ? 0 : st->count.errors;
        account_udp_omit_end(&st->count);
    }
    c->counted_from_ns = now_ns();
}

static void connected(struct lane *st)
{
    int error = 0;
    socklen_t len = sizeof error;

    getsockopt(st->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    st->connecting = false;
    st->reset = error != 0;
    tap_connected(&st->tap, error);
}

static void note_first(struct lane *st, struct bytes bytes)
{
    text_add(&st->first, bytes.at, MIN(bytes.len, STREAM_FIRST_MAX - st->first.len));
}

static void compare(struct lane *st, struct bytes bytes)
{
    uint64_t from = st->received + st->stray;

    for (size_t i = 0; i < bytes.len && st->pattern.len > 0 && !st->is_odd; i++) {
        st->is_odd = bytes.at[i] != st->pattern.at[(from + i) % st->pattern.len];
        st->odd_at = from + i;
    }
}

static void read_some(struct control *c, struct lane *st)
{
    static uint8_t buf[PIECE];

    /* A bounded number of reads a turn: a sender without pause must not keep the loop busy. */
    for (int i = 0; i < 16 && st->fd >= 0 && !st->ended; i++) {
        ssize_t got = st->udp ? tos_receive(st->fd, buf, sizeof buf, NULL, NULL, &st->tos)
                              : recv(st->fd, buf, sizeof buf, 0);
        tap_received(&st->tap, buf, got, errno);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (st->udp && got >= 0) {
            lane_take_datagram(c, st, (struct bytes){buf, (size_t)got});
            continue;
        }
        if (got <= 0) {
            st->ended = true;
            st->reset |= got < 0;
            record(c, st, got < 0 ? SESSION_RESET : SESSION_END, SESSION_SUBJECT, 0);
            return;
        }
        record(c, st, SESSION_DATA, SESSION_SUBJECT, (uint64_t)got);
        note_first(st, (struct bytes){buf, (size_t)got});
        compare(st, (struct bytes){buf, (size_t)got});
        if (st->we_send)
            st->stray += (uint64_t)got;
        else
            st->received += (uint64_t)got;
    }
}

bool lane_lose(struct lane *st, bool on)
{
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog all = {1, &nothing};

    return st->fd >= 0 && setsockopt(st->fd, SOL_SOCKET, on ? SO_ATTACH_FILTER : SO_DETACH_FILTER,
                                     &all, sizeof all) == 0;
}

void lane_ready(struct control *c, struct lane *st, short revents)
{
    if (st->connecting && revents & (POLLOUT | POLLERR | POLLHUP))
        connected(st);
    if (!st->udp && !st->connecting && revents & POLLOUT)
        flush(c, st);
    if (revents & (POLLIN | POLLHUP | POLLERR))
        read_some(c, st);
}

void lane_close(struct lane *st, bool reset)
{
    struct linger now = {.l_onoff = 1};

    if (st->fd < 0)
        return;
    if (reset)
        setsockopt(st->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    tap_close(&st->tap, st->fd, reset);
    close(st->fd);
    st->fd = -1;
    st->todo = 0;
}

void lane_free(struct lane *st)
{
    lane_close(st, false);
    text_fini(&st->head);
    text_fini(&st->first);
    free(st->seqs);
    free(st);
}

void lanes_close(struct control *c)
{
    control_flush_all(c->sim);
    for (size_t i = 0; i < c->n_streams; i++)
        lane_close(c->streams[i], false);
}
