/* control.c - one control connection: bytes in become events, messages out become bytes.
 *
 * Which frame comes next is known from the bytes themselves once the cookie is read: the first byte
 * of a JSON length is 00 below 16 MiB, and no state is 00. So a subject that sends an error where
 * results are due is understood as it meant it, and who announces more than that is told so. */
#include "harness/sim/peer.h"

#include "impl/wire/ierr.h"
#include "impl/wire/json.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define EVENTS_MAX   10000    /* of a subject that never stops talking */
#define JSON_LEN_MAX 0xffffff /* the lengths that begin with 00 */
#define INTS_MS      3000     /* from fe to its integers; who sends none may stay */

static void make_cookie(uint8_t cookie[COOKIE_LEN])
{
    uint8_t random[COOKIE_LEN - 1] = {0};

    if (getrandom(random, sizeof random, 0) != sizeof random)
        snprintf((char *)random, sizeof random, "%llx", (unsigned long long)now_ns());
    frame_make_cookie(cookie, random);
}

/* What an honest client of ours asks for unless the script says otherwise: a short plain test. */
static void default_params(struct params *p)
{
    params_init(p);
    for (int key = 0; key < PARAM_N_KEYS; key++)
        if (script_param_is_sent(key))
            params_mark(p, (enum param_key)key);
    p->tcp = true;
    p->time = 10;
    p->parallel = 1;
    p->len = 16384;
    p->pacing_timer = 1000;
    if (params_set_text(p, PARAM_client_version, "3.18") != SPEC_OK)
        p->present &= ~(UINT64_C(1) << PARAM_client_version);
}

struct control *control_new(struct sim *s, const char *name)
{
    struct control *c = text_realloc(NULL, sizeof *c);

    *c = (struct control){.sim = s, .fd = -1, .is_server = s->config->script->plays_server};
    snprintf(c->name, sizeof c->name, "%s", name);
    frame_init(&c->dec);
    make_cookie(c->cookie);
    default_params(&c->params);
    if (s->config->script->params)
        message_set_params(&c->params, s->config->script->params, &c->why);
    s->controls = text_realloc(s->controls, (s->n_controls + 1) * sizeof *s->controls);
    s->controls[s->n_controls++] = c;
    return c;
}

struct control *control_get(struct sim *s, const char *name)
{
    for (size_t i = s->n_controls; i-- > 0;) /* the last of that name: `open` can make it anew */
        if (strcmp(s->controls[i]->name, name) == 0)
            return s->controls[i];
    return control_new(s, name);
}

void control_free(struct control *c)
{
    control_close(c, false);
    lanes_close(c);
    for (size_t i = 0; i < c->n_streams; i++)
        lane_free(c->streams[i]);
    while (c->n_events > 0)
        control_pop(c);
    free(c->streams);
    free(c->events);
    free(c->wires);
    free(c->cuts);
    free(c->ignored.at);
    frame_fini(&c->dec);
    params_fini(&c->params);
    text_fini(&c->out);
    text_fini(&c->peer_params);
    text_fini(&c->peer_results);
    text_fini(&c->why);
    free(c);
}

/* --- events ---------------------------------------------------------------------------------- */

static void push(struct control *c, struct event e)
{
    e.at_ns = now_ns();
    if (c->n_events == EVENTS_MAX) {
        struct text first = {0};
        event_describe(control_head(c), &first);
        sim_fail(c->sim, SIM_MISS, "more than %d messages that nobody asked for, the first %s",
                 EVENTS_MAX, text_string(&first));
        text_fini(&first);
        text_fini(&e.body);
        return;
    }
    if (c->first_event > c->n_events) { /* seldom enough that an event is moved once in the mean */
        memmove(c->events, c->events + c->first_event, c->n_events * sizeof *c->events);
        c->first_event = 0;
    }
    if (c->first_event + c->n_events == c->events_cap) {
        c->events_cap = c->events_cap ? 2 * c->events_cap : 8;
        c->events = text_realloc(c->events, c->events_cap * sizeof *c->events);
    }
    c->events[c->first_event + c->n_events++] = e;
}

const struct event *control_head(const struct control *c)
{
    return c->n_events ? &c->events[c->first_event] : NULL;
}

void control_pop(struct control *c)
{
    text_fini(&c->events[c->first_event++].body);
    c->n_events--;
}

static bool is_object(const struct event *e)
{
    json_value *root = NULL;
    bool ok =
        json_parse((struct bytes){(const uint8_t *)e->body.at, e->body.len}, &root) == SPEC_OK &&
        json_type_of(root) == JSON_OBJECT;

    json_free(root);
    return ok;
}

/* Its text was read, whatever it is. */
static bool is_whole(const struct event *e, const char *what, struct text *why)
{
    if (e->too_long)
        text_addf(why, "%s of length %u, more than the limit of %u", what, e->too_long,
                  JSON_LEN_MAX);
    return !e->too_long;
}

bool event_is_read(const struct event *e, const char *what, struct text *why)
{
    if (!is_whole(e, what, why))
        return false;
    if (is_object(e))
        return true;
    text_addf(why, "%s of length %zu that are no JSON object", what, e->body.len);
    return false;
}

void event_describe(const struct event *e, struct text *out)
{
    const char *name;

    switch (e->kind) {
    case EVENT_STATE:
        name = state_name(e->state);
        text_addf(out, "%02x %s", (uint8_t)e->state, name ? name : "(no state of iperf3's)");
        break;
    case EVENT_ERROR:
        name = ierr_name(e->ierr);
        text_adds(out, "SERVER_ERROR");
        if (e->n_ints > 0)
            text_addf(out, " %d %s", (int)e->ierr, name ? name : "");
        break;
    case EVENT_JSON:
        if (is_whole(e, "a JSON message", out))
            text_addf(out, "a JSON message of %zu bytes", e->body.len);
        break;
    case EVENT_COOKIE:
        text_adds(out, "a cookie");
        break;
    case EVENT_END:
        text_adds(out, "the end of the connection");
        break;
    case EVENT_RESET:
        text_adds(out, "a reset of the connection");
        break;
    }
}

static void push_state(struct control *c, int8_t state)
{
    sim_record(
        c->sim, c,
        (struct session_message){.kind = SESSION_STATE, .from = SESSION_SUBJECT, .state = state});
    push(c, (struct event){.kind = EVENT_STATE, .state = state});
    if (!c->is_server && state == EXCHANGE_RESULTS)
        c->json_due++;
}

static void push_error(struct control *c, int n_ints, int32_t ierr, int32_t os_errno)
{
    sim_record(c->sim, c,
               (struct session_message){.kind = SESSION_ERROR,
                                        .from = SESSION_SUBJECT,
                                        .n_ints = n_ints,
                                        .ierr = ierr,
                                        .os_errno = os_errno});
    push(c,
         (struct event){.kind = EVENT_ERROR, .n_ints = n_ints, .ierr = ierr, .os_errno = os_errno});
    c->ints_due = false;
}

/* Without a body, of a length of 0 or above the limit. */
static void push_json(struct control *c, struct bytes body)
{
    struct event e = {.kind = EVENT_JSON};

    if (frame_announced(&c->dec) > JSON_LEN_MAX)
        e.too_long = frame_announced(&c->dec);
    c->is_lost |= e.too_long > 0;

    sim_record(c->sim, c,
               (struct session_message){.kind = SESSION_JSON,
                                        .from = SESSION_SUBJECT,
                                        .body = body,
                                        .announced = frame_announced(&c->dec)});
    text_add(&e.body, body.at, body.len);
    push(c, e);
    c->in_json = false;
    if (c->json_due > 0)
        c->json_due--;
}

/* A length that is too long where a text is due: nobody says such a state, or anything behind ff.
 */
static bool looks_like_length(const struct control *c, struct bytes in)
{
    static const int8_t of_servers[] = {TEST_START,      TEST_RUNNING,     PARAM_EXCHANGE,
                                        CREATE_STREAMS,  SERVER_TERMINATE, EXCHANGE_RESULTS,
                                        DISPLAY_RESULTS, SERVER_ERROR};
    static const int8_t of_clients[] = {TEST_END, CLIENT_TERMINATE, IPERF_DONE};
    const int8_t *states = c->is_server ? of_clients : of_servers;
    size_t n = c->is_server ? ARRAY_LEN(of_clients) : ARRAY_LEN(of_servers);

    return c->json_due > 0 && in.len >= 4 && !memchr(states, in.at[0], n);
}

/* One message, or the part of one that is there. */
static void feed_one(struct control *c, struct bytes *in)
{
    struct bytes body = {0};
    int32_t ints[2];
    enum spec_err e;

    if (!c->ints_due && !c->in_json) {
        if ((*in->at == 0 && c->json_due > 0) || looks_like_length(c, *in)) {
            c->in_json = true;
            frame_expect(&c->dec, FRAME_JSON, JSON_LEN_MAX);
        } else if (!c->is_server && (int8_t)*in->at == SERVER_ERROR) {
            c->ints_due = true;
            c->ints_since_ns = now_ns();
            frame_expect(&c->dec, FRAME_ERROR, 0);
            *in = (struct bytes){in->at + 1, in->len - 1};
        } else {
            push_state(c, (int8_t)*in->at);
            *in = (struct bytes){in->at + 1, in->len - 1};
            return;
        }
    }
    e = frame_feed(&c->dec, in, &body);
    if (e == SPEC_OK && c->in_json) {
        push_json(c, body);
    } else if (e == SPEC_OK) {
        frame_error_pair(body, &ints[0], &ints[1]);
        push_error(c, 2, ints[0], ints[1]);
    } else if (e != SPEC_MORE) { /* a length of 0 or above the limit */
        push_json(c, (struct bytes){NULL, 0});
        frame_fini(&c->dec);
        frame_init(&c->dec);
    }
}

static void take_end(struct control *c, bool reset)
{
    int32_t ints[2] = {0};

    if (c->ints_due) {
        int n = frame_error_at_end(&c->dec, ints);
        push_error(c, n, ints[0], ints[1]);
    }
    c->at_end = true;
    sim_record(c->sim, c,
               (struct session_message){.kind = reset ? SESSION_RESET : SESSION_END,
                                        .from = SESSION_SUBJECT});
    push(c, (struct event){.kind = reset ? EVENT_RESET : EVENT_END});
    /* A 3.21+ peer has shut down its half and waits for ours (CLOSE-16). */
    if (reset || !c->hold)
        control_close(c, false);
}

static uint64_t ints_over_ns(const struct control *c)
{
    return c->ints_due && !c->at_end ? c->ints_since_ns + sim_scaled_ns(c->sim, INTS_MS)
                                     : UINT64_MAX;
}

uint64_t control_tick_ns(const struct control *c)
{
    uint64_t omit_end = c->counted_from_ns ? 0 : flow_omit_end(c);

    return MIN(ints_over_ns(c), omit_end ? omit_end : UINT64_MAX);
}

void control_tick(struct control *c)
{
    int32_t ints[2] = {0};

    lanes_omit(c);
    if (now_ns() < ints_over_ns(c))
        return;
    int n = frame_error_at_end(&c->dec, ints);
    push_error(c, n, ints[0], ints[1]);
    frame_fini(&c->dec);
    frame_init(&c->dec);
}

/* A third party that speaks UDP is told nothing that it could be asked about. */
static void read_datagrams(struct control *c)
{
    static uint8_t buf[65536];
    ssize_t got;

    while ((got = recv(c->fd, buf, sizeof buf, 0)) >= 0) {
        struct session_message m = {
            .kind = SESSION_DATAGRAM, .from = SESSION_SUBJECT, .len = (uint64_t)got};
        tap_received(&c->tap, buf, got, errno);
        sim_record(c->sim, c, m);
    }
}

static void read_all(struct control *c)
{
    static uint8_t buf[65536];

    if (c->is_udp) {
        read_datagrams(c);
        return;
    }
    while (c->fd >= 0 && !c->at_end && !sim_failed(c->sim)) {
        ssize_t got = recv(c->fd, buf, sizeof buf, 0);
        tap_received(&c->tap, buf, got, errno);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            take_end(c, got < 0);
            return;
        }
        c->got_byte = true;
        /* Builds up to 3.9 leave Nagle's algorithm on (CONN-9): a late ACK would cost 40 ms. */
        setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
        struct bytes in = {buf, (size_t)got};
        while (in.len > 0 && !c->is_lost)
            feed_one(c, &in);
    }
}

/* --- the socket ------------------------------------------------------------------------------ */

static void set_up(struct control *c, int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->fd = fd;
    c->opened = true;
    c->at_end = c->got_byte = c->shut_after = c->is_shut = false;
}

void control_adopt(struct control *c, int fd)
{
    set_up(c, fd);
    sim_record(c->sim, c, (struct session_message){.kind = SESSION_OPEN, .from = SESSION_SUBJECT});
}

bool control_bind(const struct control *c, int fd, bool with_port)
{
    struct sockaddr_storage from;
    socklen_t len;
    int on = 1;

    if (!c->open || !c->open->from)
        return true;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return sim_address(c->open->from, with_port ? c->open->from_port : 0, &from, &len) &&
           bind(fd, (const struct sockaddr *)&from, len) == 0;
}

/* How a connect went. If it was not the other side that refused, or said nothing, an address or a
 * network of ours is to blame. */
static void note_connect(struct control *c, int error)
{
    c->connect_errno = error;
    if (error && error != ECONNREFUSED && error != ECONNRESET && error != ETIMEDOUT)
        sim_fail(c->sim, SIM_TROUBLE, "connect failed: %s", strerror(error));
}

void control_connect(struct control *c)
{
    const struct sim_config *config = c->sim->config;
    struct sockaddr_storage to = config->server;
    socklen_t len = config->server_len;
    int fd;

    control_flush_all(c->sim);
    c->connect_errno = 0;
    c->connecting = true;
    if (c->open && c->open->to)
        sim_address(c->open->to, sim_port(&config->server), &to, &len); /* the parser has seen it */
    fd = socket(to.ss_family, (c->is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
                0);
    if (fd < 0) {
        sim_fail(c->sim, SIM_TROUBLE, "socket: %s", strerror(errno));
        return;
    }
    set_up(c, fd);
    bool ok = control_bind(c, fd, true) && connect(fd, (const struct sockaddr *)&to, len) == 0;
    if (!ok && errno != EINPROGRESS)
        note_connect(c, errno);
    c->connecting = !c->is_udp && c->connect_errno == 0; /* TCP: the loop tells */
    tap_name(&c->tap, c->name, 0, false);
    tap_open(c->sim, &c->tap, fd, c->is_udp, SESSION_US);
    if (!c->connecting)
        tap_connected(&c->tap, c->connect_errno);
    sim_record(c->sim, c,
               (struct session_message){.kind = SESSION_OPEN,
                                        .from = SESSION_US,
                                        .transport = c->is_udp    ? SESSION_BARE_UDP
                                                     : c->is_bare ? SESSION_BARE_TCP
                                                                  : SESSION_CONTROL});
}

static void connected(struct control *c)
{
    int error = 0;
    socklen_t len = sizeof error;

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    note_connect(c, error);
    c->connecting = false;
    tap_connected(&c->tap, c->connect_errno);
}

void control_ready(struct control *c, short revents)
{
    if (c->connecting && revents & (POLLOUT | POLLERR | POLLHUP))
        connected(c);
    if (c->connecting || c->connect_errno)
        return;
    if (revents & POLLOUT)
        control_flush(c);
    if (revents & (POLLIN | POLLHUP | POLLERR))
        read_all(c);
}

void control_close(struct control *c, bool reset)
{
    struct linger now = {.l_onoff = 1};

    if (c->fd < 0)
        return;
    control_flush_all(c->sim);
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    tap_close(&c->tap, c->fd, reset);
    close(c->fd);
    c->fd = -1;
    c->connecting = false;
    c->out.len = 0;
    control_note_over(c);
}

void control_note_over(struct control *c)
{
    c->sim->sessions += !c->is_over;
    c->is_over = true;
}

void control_shut(struct control *c)
{
    c->shut_after = c->is_shut = true;
    control_flush(c);
}
