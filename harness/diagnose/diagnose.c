/* diagnose.c - the probes, in the order in which a session meets the troubles; the first one that
 * fails decides. */
#include "harness/diagnose/diagnose.h"

#include "impl/net/auth.h"
#include "impl/wire/datagram.h"
#include "impl/wire/ierr.h"
#include "impl/wire/state.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK       8192
#define TEST_BYTES  (16 * BLOCK)
#define DATA_STEPS  4    /* time for the data, in steps */
#define BANNER_MS   700  /* servers that speak first do so at once */
#define LONG_TEXT   4000 /* above any MTU of the internet, and below stock's limit of 8 KiB */
#define SKEW_STEP_S 18   /* servers allow 10 s to both sides (AUTH-8) */
#define SKEW_STEPS  16
#define SKEW_HOURS  14

const char *diagnosis_word(enum diagnosis d)
{
    static const char *const words[] = {
#define X(name, word, what, advice) word,
        DIAGNOSES(X)
#undef X
    };
    return words[d];
}

const char *diagnosis_text(enum diagnosis d)
{
    static const char *const texts[] = {
#define X(name, word, what, advice) what,
        DIAGNOSES(X)
#undef X
    };
    return texts[d];
}

const char *diagnosis_advice(enum diagnosis d)
{
    static const char *const texts[] = {
#define X(name, word, what, advice) advice,
        DIAGNOSES(X)
#undef X
    };
    return texts[d];
}

struct patient {
    const struct diagnose_request *request;
    struct talk_place place;
    struct text note;           /* what a probe found, in words */
    char token[TOKEN_TEXT_MAX]; /* that the server takes; "" none */
    struct talk first;          /* from the connect to the greeting: a server counts it as a test */
    int reply;                  /* enum datagram_reply of its UDP */
    int64_t skew_s;             /* of the token that it takes */
};

static void note(struct patient *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct patient *p, const char *format, ...)
{
    va_list args;

    text_fini(&p->note);
    va_start(args, format);
    text_vaddf(&p->note, format, args);
    va_end(args);
}

/* What came instead of a step of a session. */
static void note_result(struct patient *p, const struct talk *t, enum talk_result r,
                        const char *step)
{
    switch (r) {
    case TALK_ERROR:
        note(p, "%s: SERVER_ERROR %d %s (%s)", step, t->ierr,
             ierr_name(t->ierr) ? ierr_name(t->ierr) : "", ierr_text(t->ierr));
        break;
    case TALK_DENIED:
        note(p, "%s: ACCESS_DENIED", step);
        break;
    case TALK_OTHER:
        note(p, "%s: %s in its place", step,
             state_name(t->other) ? state_name(t->other) : "another byte");
        break;
    case TALK_SILENT:
        note(p, "%s: nothing for %.1f s", step, p->place.timeout_ms / 1e3);
        break;
    case TALK_BROKEN:
        note(p, "%s: no JSON", step);
        break;
    default:
        note(p, "%s: the connection ended", step);
    }
}

/* --- name, connection, greeting -------------------------------------------------------------- */

static enum diagnosis probe_name(struct patient *p)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char host[128] = "";
    int error = getaddrinfo(p->request->host, p->request->port, &hints, &found);

    if (error) {
        note(p, "%s", gai_strerror(error));
        return DIAGNOSE_NAME;
    }
    memcpy(&p->place.at, found->ai_addr, found->ai_addrlen);
    p->place.len = found->ai_addrlen;
    freeaddrinfo(found);
    getnameinfo((struct sockaddr *)&p->place.at, p->place.len, host, sizeof host, NULL, 0,
                NI_NUMERICHOST);
    note(p, "%s", host);
    return DIAGNOSE_NONE;
}

static enum diagnosis probe_connect(struct patient *p)
{
    struct talk *t = &p->first;
    enum talk_result r = talk_connect(t, &p->place);

    note(p, r == TALK_OK ? "after %.0f ms" : "after %.0f ms: %s", t->took_ms, strerror(t->error));
    if (r == TALK_OK)
        return DIAGNOSE_NONE;
    return r == TALK_REFUSED ? DIAGNOSE_REFUSED : DIAGNOSE_UNREACHABLE;
}

/* The first line, as a terminal may show it. */
static void note_line(struct patient *p, const char *bytes, size_t len, const char *what)
{
    struct text line = {0};
    size_t n = 0;

    while (n < len && n < 100 && bytes[n] != '\n' && bytes[n] != '\r')
        n++;
    text_add(&line, bytes, n);
    text_make_plain(&line);
    note(p, "%s \"%s\"", what, text_string(&line));
    text_fini(&line);
}

/* Services that speak first, or answer one of these questions. */
static bool is_foreign(struct patient *p)
{
    static const char http[] = "GET / HTTP/1.0\r\n\r\n";
    char answer[256];
    struct talk t;
    size_t n = 0;

    if (talk_connect(&t, &p->place) == TALK_OK)
        n = talk_read_some(&t, answer, sizeof answer, BANNER_MS);
    if (n == 0 && t.fd >= 0 && talk_send(&t, http, sizeof http - 1))
        n = talk_read_some(&t, answer, sizeof answer, BANNER_MS);
    talk_close(&t);
    /* A server that takes the question for a cookie of 18 characters says nothing yet. */
    if (n > 1)
        note_line(p, answer, n, "it says");
    return n > 1;
}

/* iperf 2.0.13 and later acknowledge the header of a client that asks who is there. */
static bool is_iperf2(struct patient *p)
{
    static const uint8_t hello[60] = {
        [0] = 0x46, 0x01, 0x00, 0x78, [7] = 1, [22] = 0x04, [37] = 0x02,
        0x00,       0x01, 0x00, 0x08, 0x00,    0x03};
    static const uint8_t ack[8] = {0, 0, 0, 2, 0, 0, 0, 28};
    char answer[28];
    struct talk t;
    bool is = talk_connect(&t, &p->place) == TALK_OK && talk_send(&t, hello, sizeof hello) &&
              talk_read_some(&t, answer, sizeof answer, p->place.timeout_ms) == sizeof answer &&
              memcmp(answer, ack, sizeof ack) == 0;

    talk_close(&t);
    if (is)
        note(p, "it acknowledges the header of iperf 2");
    return is;
}

static enum diagnosis probe_greeting(struct patient *p)
{
    struct talk t = p->first;
    enum talk_result r = talk_greet(&t);

    p->first.fd = -1;
    if (r == TALK_CLOSED) { /* it may be done with somebody else's test just now */
        talk_close(&t);
        r = talk_begin(&t, &p->place);
    }
    if (r == TALK_OK)
        talk_end(&t, CLIENT_TERMINATE);
    talk_close(&t);
    p->place.was_ours = r == TALK_OK;
    switch (r) {
    case TALK_OK:
        note(p, "it takes the cookie of a client");
        return DIAGNOSE_NONE;
    case TALK_DENIED:
        note(p, "ACCESS_DENIED");
        return DIAGNOSE_BUSY;
    default:
        break;
    }
    note_result(p, &t, r, "after the cookie");
    if (is_iperf2(p)) /* first: it answers other questions too, in its own way */
        return DIAGNOSE_IPERF2;
    if (is_foreign(p))
        return DIAGNOSE_FOREIGN;
    if (r == TALK_ERROR)
        return DIAGNOSE_BROKEN;
    return r == TALK_SILENT ? DIAGNOSE_MUTE : DIAGNOSE_CLOSES;
}

/* --- parameters, and who may test ------------------------------------------------------------ */

/* Send parameters and await that streams are wanted. `more` are further members. */
static enum talk_result offer(struct patient *p, struct talk *t, const char *more,
                              const char *token)
{
    struct text params = {0};
    enum talk_result r = talk_begin(t, &p->place);

    text_addf(&params,
              "{%s,\"omit\":0,\"time\":0,\"num\":%d,\"blockcount\":0,\"parallel\":1,"
              "\"pacing_timer\":1000,\"client_version\":\"3.22\"",
              more, TEST_BYTES);
    if (*token)
        text_addf(&params, ",\"authtoken\":\"%s\"", token);
    text_adds(&params, "}");
    if (r == TALK_OK)
        r = talk_send_json(t, text_string(&params)) ? talk_await(t, CREATE_STREAMS) : TALK_CLOSED;
    text_fini(&params);
    return r;
}

#define TCP "\"tcp\":true,\"len\":8192"
#define UDP "\"udp\":true,\"len\":1000,\"bandwidth\":1048576"

static bool is_taken(struct patient *p, const struct auth_key *key, bool pkcs1, int64_t skew_s)
{
    struct token_claim claim = {.time_s = (int64_t)time(NULL) + skew_s};
    struct talk t;

    snprintf(claim.user, sizeof claim.user, "%s", p->request->user);
    snprintf(claim.password, sizeof claim.password, "%s", p->request->password);
    if (auth_seal(key, pkcs1, &claim, p->token, sizeof p->token) != SPEC_OK)
        return false;
    bool is = offer(p, &t, TCP, p->token) == TALK_OK;
    if (is)
        talk_end(&t, CLIENT_TERMINATE);
    talk_close(&t);
    p->skew_s = is ? skew_s : 0;
    return is;
}

/* The clock that a server goes by, within what is tried: minutes in small steps, and whole hours.
 */
static bool find_skew(struct patient *p, const struct auth_key *key, bool pkcs1)
{
    for (int64_t i = 1; i <= SKEW_STEPS; i++)
        if (is_taken(p, key, pkcs1, i * SKEW_STEP_S) || is_taken(p, key, pkcs1, -i * SKEW_STEP_S))
            return true;
    for (int64_t h = 1; h <= SKEW_HOURS; h++)
        if (is_taken(p, key, pkcs1, h * 3600) || is_taken(p, key, pkcs1, -h * 3600))
            return true;
    return false;
}

static enum diagnosis try_credentials(struct patient *p, const struct auth_key *key)
{
    if (is_taken(p, key, false, 0)) {
        note(p, "it takes name and password");
        return DIAGNOSE_NONE;
    }
    if (is_taken(p, key, true, 0)) {
        note(p, "it takes name and password with PKCS#1 padding, and not with OAEP");
        return DIAGNOSE_PADDING;
    }
    if (find_skew(p, key, false) || find_skew(p, key, true)) {
        note(p, "it takes a time stamp that is %lld s %s ours", (long long)llabs(p->skew_s),
             p->skew_s > 0 ? "after" : "before");
        return DIAGNOSE_CLOCK;
    }
    note(p, "neither padding, and no time within %d s or some hours, is taken",
         SKEW_STEPS * SKEW_STEP_S);
    return DIAGNOSE_CREDENTIALS;
}

static enum diagnosis probe_credentials(struct patient *p)
{
    char why[256] = "";
    struct auth_key *key =
        p->request->key ? auth_load_public(p->request->key, why, sizeof why) : NULL;

    if (!p->request->user || !p->request->password || !key) {
        struct text last = {0};
        text_adds(&last, text_string(&p->note));
        note(p, "%s%s%s", text_string(&last), *why ? "; the key: " : "", why);
        text_fini(&last);
        return DIAGNOSE_AUTH;
    }
    enum diagnosis d = try_credentials(p, key);
    auth_key_free(key);
    return d;
}

/* Servers say that they want a password by one number or another, by the end of the connection, or
 * by a denial, as their version has it; there is nothing else in these parameters to object to. */
static enum diagnosis probe_parameters(struct patient *p)
{
    struct talk t;
    enum talk_result r = offer(p, &t, TCP, "");

    if (r == TALK_OK) {
        note(p, "accepted");
        talk_end(&t, CLIENT_TERMINATE);
        talk_close(&t);
        return DIAGNOSE_NONE;
    }
    note_result(p, &t, r, "after the parameters");
    talk_close(&t);
    bool may_be_auth = r == TALK_CLOSED || r == TALK_DENIED ||
                       (r == TALK_ERROR && (t.ierr == IEAUTHTEST || t.ierr == IERECVPARAMS));
    return may_be_auth ? probe_credentials(p) : DIAGNOSE_BROKEN;
}

/* --- whole tests ----------------------------------------------------------------------------- */

static bool send_results(struct talk *t, size_t bytes, unsigned packets)
{
    struct text text = {0};

    text_addf(&text,
              "{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"
              "\"sender_has_retransmits\":-1,\"streams\":[{\"id\":1,\"bytes\":%zu,"
              "\"retransmits\":-1,\"jitter\":0,\"errors\":0,\"packets\":%u,\"start_time\":0,"
              "\"end_time\":0.1}]}",
              bytes, packets);
    bool ok = talk_send_json(t, text_string(&text));
    text_fini(&text);
    return ok;
}

/* From the end of the data to the end of the session. */
static enum talk_result finish(struct talk *t, size_t bytes, unsigned packets, const char **step)
{
    json_value *results = NULL;
    enum talk_result r;

    *step = "after the data";
    if (!talk_send_state(t, TEST_END))
        return TALK_CLOSED;
    if ((r = talk_await(t, EXCHANGE_RESULTS)) != TALK_OK)
        return r;
    *step = "in place of the results";
    if (!send_results(t, bytes, packets) || (r = talk_read_json(t, &results)) != TALK_OK)
        return r == TALK_OK ? TALK_CLOSED : r;
    json_free(results);
    *step = "after the results";
    if ((r = talk_await(t, DISPLAY_RESULTS)) == TALK_OK)
        talk_end(t, IPERF_DONE);
    return r;
}

static enum talk_result await_running(struct talk *t)
{
    enum talk_result r = talk_await(t, TEST_START);

    return r == TALK_OK ? talk_await(t, TEST_RUNNING) : r;
}

static bool send_data(struct talk *t)
{
    static const char block[BLOCK];
    struct talk data = *t;

    data.fd = t->data;
    for (size_t sent = 0; sent < TEST_BYTES; sent += BLOCK)
        if (!talk_send(&data, block, BLOCK))
            return false;
    return true;
}

/* In one time for all: a server may dribble. */
static size_t read_data(struct talk *t)
{
    static char bytes[TEST_BYTES];
    struct talk data = *t;

    data.fd = t->data;
    return talk_read_some(&data, bytes, sizeof bytes, DATA_STEPS * t->place->timeout_ms);
}

static enum diagnosis broken(struct patient *p, struct talk *t, enum talk_result r,
                             const char *step, enum diagnosis d)
{
    note_result(p, t, r, step);
    talk_end(t, CLIENT_TERMINATE);
    return d;
}

static enum diagnosis probe_test(struct patient *p)
{
    struct talk t;
    const char *step;
    enum talk_result r = offer(p, &t, TCP, p->token);

    if (r != TALK_OK)
        return broken(p, &t, r, "after the parameters", DIAGNOSE_BROKEN);
    if (!talk_open_stream(&t))
        return broken(p, &t, TALK_CLOSED, "the stream", DIAGNOSE_STREAM);
    if ((r = await_running(&t)) != TALK_OK)
        return broken(p, &t, r, "after the stream was opened", DIAGNOSE_STREAM);
    /* What cannot be sent within the time is on its way somewhere. */
    if (!send_data(&t))
        return broken(p, &t, TALK_SILENT, "sending data", DIAGNOSE_MTU);
    bool is_stuck = (r = finish(&t, TEST_BYTES, 0, &step)) != TALK_OK;
    if (is_stuck)
        return broken(p, &t, r, step, DIAGNOSE_BROKEN);
    note(p, "%d bytes, results and all", TEST_BYTES);
    talk_close(&t);
    return DIAGNOSE_NONE;
}

static enum diagnosis probe_long(struct patient *p)
{
    struct text more = {0};
    struct talk t;

    text_adds(&more, TCP ",\"title\":\"");
    for (int i = 0; i < LONG_TEXT; i++)
        text_adds(&more, "x");
    text_adds(&more, "\"");
    enum talk_result r = offer(p, &t, text_string(&more), p->token);
    int left = t.fd >= 0 ? talk_unacknowledged(&t) : 0;
    text_fini(&more);
    if (r == TALK_OK)
        note(p, "%d bytes of parameters are taken", LONG_TEXT);
    else if (r == TALK_SILENT && left > 0)
        note(p, "of %d bytes of parameters %d are not acknowledged by the other machine", LONG_TEXT,
             left);
    else
        note_result(p, &t, r, "after long parameters");
    if (left > 0)
        talk_close(&t);
    else
        talk_end(&t, CLIENT_TERMINATE);
    if (r == TALK_OK)
        return DIAGNOSE_NONE;
    return r == TALK_SILENT && left > 0 ? DIAGNOSE_MTU : DIAGNOSE_BROKEN;
}

static enum diagnosis probe_reverse(struct patient *p)
{
    struct talk t;
    const char *step;
    enum talk_result r = offer(p, &t, TCP ",\"reverse\":true", p->token);

    if (r != TALK_OK)
        return broken(p, &t, r, "after the parameters", DIAGNOSE_BROKEN);
    if (!talk_open_stream(&t) || (r = await_running(&t)) != TALK_OK)
        return broken(p, &t, r, "the stream", DIAGNOSE_STREAM);
    size_t got = read_data(&t);
    if (got < TEST_BYTES) {
        note(p, "%zu of %d bytes arrived", got, TEST_BYTES);
        talk_end(&t, CLIENT_TERMINATE);
        return got == 0 || got < BLOCK ? DIAGNOSE_MTU : DIAGNOSE_REVERSE;
    }
    if ((r = finish(&t, got, 0, &step)) != TALK_OK)
        return broken(p, &t, r, step, DIAGNOSE_BROKEN);
    note(p, "%zu bytes arrived", got);
    talk_close(&t);
    return DIAGNOSE_NONE;
}

static void send_datagrams(struct talk *t, unsigned n)
{
    uint8_t datagram[1000] = {0};

    for (unsigned i = 1; i <= n; i++) {
        datagram_encode(datagram, false, &(struct datagram_header){.seq = i});
        (void)!send(t->data, datagram, sizeof datagram, 0);
    }
}

static enum diagnosis probe_udp(struct patient *p)
{
    struct talk t;
    const char *step;
    enum talk_result r = offer(p, &t, UDP, p->token);

    if (r != TALK_OK)
        return broken(p, &t, r, "after the parameters", DIAGNOSE_BROKEN);
    if (!talk_open_udp(&t, &p->reply)) {
        note(p, "no answer to three datagrams");
        talk_end(&t, CLIENT_TERMINATE);
        return DIAGNOSE_UDP;
    }
    if ((r = await_running(&t)) != TALK_OK)
        return broken(p, &t, r, "after the stream was opened", DIAGNOSE_BROKEN);
    send_datagrams(&t, 5);
    if ((r = finish(&t, 5000, 5, &step)) != TALK_OK)
        return broken(p, &t, r, step, DIAGNOSE_BROKEN);
    note(p, "datagrams come through, and are answered");
    talk_close(&t);
    return DIAGNOSE_NONE;
}

/* The stream has something to do, the control connection has not. */
static enum diagnosis probe_idle(struct patient *p)
{
    struct talk t;
    const char *step;
    size_t sent = 0;
    enum talk_result r = offer(p, &t, TCP, p->token);

    if (r != TALK_OK || !talk_open_stream(&t) || (r = await_running(&t)) != TALK_OK)
        return broken(p, &t, r, "the session", DIAGNOSE_BROKEN);
    for (unsigned s = 0; s < p->request->idle_s; s++) {
        struct pollfd fd = {.fd = t.fd, .events = POLLIN};
        sent += send(t.data, "x", 1, MSG_NOSIGNAL) == 1;
        if (poll(&fd, 1, 1000) > 0)
            break;
    }
    r = finish(&t, sent, 0, &step);
    if (r == TALK_CLOSED || r == TALK_SILENT)
        return broken(p, &t, r, "after a pause", DIAGNOSE_IDLE);
    if (r != TALK_OK)
        return broken(p, &t, r, step, DIAGNOSE_BROKEN);
    note(p, "the control connection lives after %u s of silence", p->request->idle_s);
    talk_close(&t);
    return DIAGNOSE_NONE;
}

static enum diagnosis probe_version(struct patient *p)
{
    bool is_old = p->reply == DATAGRAM_REPLY_LEGACY || p->reply == DATAGRAM_REPLY_LEGACY_BE;

    note(p, "it answers datagrams as %s do",
         is_old ? "versions up to 3.11" : "versions from 3.12 on");
    return is_old ? DIAGNOSE_OLD : DIAGNOSE_NONE;
}

/* --- the whole ------------------------------------------------------------------------------- */

static const struct probe {
    const char *name;
    enum diagnosis (*run)(struct patient *p);
} probes[] = {
    {"name",       probe_name      },
    {"connect",    probe_connect   },
    {"greeting",   probe_greeting  },
    {"parameters", probe_parameters},
    {"long text",  probe_long      },
    {"test",       probe_test      },
    {"reverse",    probe_reverse   },
    {"udp",        probe_udp       },
    {"idle",       probe_idle      },
    {"version",    probe_version   },
};

enum diagnosis diagnose(const struct diagnose_request *request, FILE *out)
{
    struct patient p = {
        .request = request,
        .place.timeout_ms = request->timeout_ms,
        .first = {.fd = -1, .data = -1}
    };
    enum diagnosis d = DIAGNOSE_NONE;

    for (size_t i = 0; d == DIAGNOSE_NONE && i < ARRAY_LEN(probes); i++) {
        if (probes[i].run == probe_idle && request->idle_s == 0)
            continue;
        d = probes[i].run(&p);
        fprintf(out, "%-4s %-11s %s\n", d == DIAGNOSE_NONE ? "ok" : "FAIL", probes[i].name,
                text_string(&p.note));
        fflush(out);
    }
    text_fini(&p.note);
    return d;
}
