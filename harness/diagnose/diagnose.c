/* diagnose.c - the probes, in the order in which a session meets the troubles; the first one that
 * fails decides. Those of whole tests are in trial.c. */
#include "harness/diagnose/patient.h"

#include "harness/session/clock.h"
#include "impl/net/auth.h"
#include "impl/wire/ierr.h"
#include "impl/wire/state.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BANNER_MS   700 /* servers that speak first do so at once */
#define SKEW_STEP_S 18  /* servers allow 10 s to both sides (AUTH-8) */
#define SKEW_STEPS  16
#define SKEW_ZONES  56    /* quarters of an hour: no two places are further apart */
#define SKEW_MS     60000 /* for all of it: each attempt is a session */

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

enum diagnosis diagnosis_of_error(int32_t ierr)
{
    switch (ierr) {
    case IEMAXSERVERTESTDURATIONEXCEEDED:
        return DIAGNOSE_DURATION;
    case IETOTALRATE:
        return DIAGNOSE_RATE;
    default:
        return DIAGNOSE_BROKEN;
    }
}

void patient_note(struct patient *p, const char *format, ...)
{
    va_list args;

    text_fini(&p->note);
    va_start(args, format);
    text_vaddf(&p->note, format, args);
    va_end(args);
}

/* What came instead of a step of a session. */
void patient_note_result(struct patient *p, const struct talk *t, enum talk_result r,
                         const char *step)
{
    switch (r) {
    case TALK_ERROR:
        patient_note(p, "%s: SERVER_ERROR %d %s (%s)", step, t->ierr,
                     ierr_name(t->ierr) ? ierr_name(t->ierr) : "", ierr_text(t->ierr));
        break;
    case TALK_DENIED:
        patient_note(p, "%s: ACCESS_DENIED", step);
        break;
    case TALK_OTHER:
        patient_note(p, "%s: byte 0x%02x%s%s in its place", step, (uint8_t)t->other,
                     state_name(t->other) ? " " : "",
                     state_name(t->other) ? state_name(t->other) : "");
        break;
    case TALK_SILENT:
        patient_note(p, "%s: nothing for %.1f s", step, p->place.timeout_ms / 1e3);
        break;
    case TALK_BROKEN:
        patient_note(p, "%s: no JSON", step);
        break;
    default:
        patient_note(p, "%s: the connection ended", step);
    }
}

enum talk_result patient_offer(struct patient *p, struct talk *t, const char *more,
                               const char *token)
{
    struct text params = {0};
    enum talk_result r = talk_begin(t, &p->place);

    text_addf(&params,
              "{%s,\"omit\":0,\"time\":0,\"num\":%d,\"blockcount\":0,\"parallel\":1,"
              "\"pacing_timer\":1000,\"client_version\":\"3.22\"",
              more, PATIENT_BYTES);
    if (*token)
        text_addf(&params, ",\"authtoken\":\"%s\"", token);
    text_adds(&params, "}");
    if (r == TALK_OK)
        r = talk_send_json(t, text_string(&params)) ? talk_await(t, CREATE_STREAMS) : TALK_CLOSED;
    text_fini(&params);
    return r;
}

/* --- name, connection, greeting -------------------------------------------------------------- */

static bool wants_scope(const struct sockaddr_storage *at)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)at;

    return at->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr) &&
           six->sin6_scope_id == 0;
}

static void use_address(struct talk_place *place, const struct addrinfo *found)
{
    memcpy(&place->at, found->ai_addr, found->ai_addrlen);
    place->len = found->ai_addrlen;
}

static void name_address(const struct talk_place *place, char *out, socklen_t cap)
{
    getnameinfo((const struct sockaddr *)&place->at, place->len, out, cap, NULL, 0, NI_NUMERICHOST);
}

static int resolve(const struct patient *p, struct addrinfo **found)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

    return getaddrinfo(p->request->host, p->request->port, &hints, found);
}

static enum diagnosis probe_name(struct patient *p)
{
    struct addrinfo *found = NULL;
    char host[128] = "";
    int error = resolve(p, &found);

    if (error) {
        patient_note(p, "%s", gai_strerror(error));
        return DIAGNOSE_NAME;
    }
    use_address(&p->place, found);
    freeaddrinfo(found);
    if (wants_scope(&p->place.at)) {
        patient_note(p, "%s is an address on each interface", p->request->host);
        return DIAGNOSE_SCOPE;
    }
    name_address(&p->place, host, sizeof host);
    patient_note(p, "%s", host);
    return DIAGNOSE_NONE;
}

/* Stock clients try the first address of a name and no other: whether the first one of the other
 * family would do. */
static bool find_other_family(const struct patient *p, char *host, socklen_t cap)
{
    struct talk_place place = p->place;
    struct addrinfo *found = NULL;
    struct talk t;
    bool is = false;

    if (resolve(p, &found) != 0)
        return false;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        if (at->ai_family == p->place.at.ss_family)
            continue;
        use_address(&place, at);
        is = talk_connect(&t, &place) == TALK_OK;
        talk_close(&t);
        name_address(&place, host, cap);
        break;
    }
    freeaddrinfo(found);
    return is;
}

static enum diagnosis probe_connect(struct patient *p)
{
    struct talk *t = &p->first;
    enum talk_result r = talk_connect(t, &p->place);
    char host[128] = "";

    if (r == TALK_OK) {
        patient_note(p, "after %.0f ms", t->took_ms);
        return DIAGNOSE_NONE;
    }
    bool is_other = find_other_family(p, host, sizeof host);
    patient_note(p, "after %.0f ms: %s%s%s%s", t->took_ms, strerror(t->error), is_other ? "; " : "",
                 is_other ? host : "", is_other ? " listens" : "");
    if (is_other)
        return DIAGNOSE_FAMILY;
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
    patient_note(p, "%s \"%s\"", what, text_string(&line));
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
        patient_note(p, "it acknowledges the header of iperf 2");
    return is;
}

/* What answers the cookie so, and is nothing better known. */
static enum diagnosis judge_greeting(const struct talk *t, enum talk_result r)
{
    switch (r) {
    case TALK_ERROR:
        return DIAGNOSE_BROKEN;
    case TALK_OTHER: /* a state in the wrong place, or a word of another language */
        return state_name(t->other) ? DIAGNOSE_BROKEN : DIAGNOSE_FOREIGN;
    case TALK_SILENT:
        return DIAGNOSE_MUTE;
    default:
        return DIAGNOSE_CLOSES;
    }
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
        patient_note(p, "it takes the cookie of a client");
        return DIAGNOSE_NONE;
    case TALK_DENIED:
        patient_note(p, "ACCESS_DENIED");
        return DIAGNOSE_BUSY;
    default:
        break;
    }
    patient_note_result(p, &t, r, "after the cookie");
    if (is_iperf2(p)) /* first: it answers other questions too, in its own way */
        return DIAGNOSE_IPERF2;
    if (is_foreign(p))
        return DIAGNOSE_FOREIGN;
    return judge_greeting(&t, r);
}

/* --- parameters, and who may test ------------------------------------------------------------ */

static bool is_taken(struct patient *p, const struct auth_key *key, bool pkcs1, int64_t skew_s)
{
    struct token_claim claim = {.time_s = (int64_t)time(NULL) + skew_s};
    struct talk t;

    snprintf(claim.user, sizeof claim.user, "%s", p->request->user);
    snprintf(claim.password, sizeof claim.password, "%s", p->request->password);
    if (auth_seal(key, pkcs1, &claim, p->token, sizeof p->token) != SPEC_OK)
        return false;
    bool is = patient_offer(p, &t, PATIENT_TCP, p->token) == TALK_OK;
    if (is)
        talk_end(&t, CLIENT_TERMINATE);
    talk_close(&t);
    p->skew_s = is ? skew_s : 0;
    return is;
}

static bool is_taken_at(struct patient *p, const struct auth_key *key, int64_t skew_s)
{
    return is_taken(p, key, false, skew_s) || is_taken(p, key, true, skew_s) ||
           is_taken(p, key, false, -skew_s) || is_taken(p, key, true, -skew_s);
}

/* The clock that a server goes by, within what is tried: minutes in small steps, what a wrong time
 * zone makes of it, and a day. */
static bool find_skew(struct patient *p, const struct auth_key *key)
{
    uint64_t end = now_ns() + SKEW_MS * 1000000ull;
    bool is = false;

    for (int64_t i = 1; !is && i <= SKEW_STEPS && now_ns() < end; i++)
        is = is_taken_at(p, key, i * SKEW_STEP_S);
    for (int64_t i = 4; !is && i <= SKEW_ZONES && now_ns() < end; i += 4)
        is = is_taken_at(p, key, i * 900);
    is = is || is_taken_at(p, key, 86400);
    for (int64_t i = 1; !is && i <= SKEW_ZONES && now_ns() < end; i++)
        is = i % 4 != 0 && is_taken_at(p, key, i * 900);
    return is;
}

static enum diagnosis try_credentials(struct patient *p, const struct auth_key *key)
{
    if (is_taken(p, key, false, 0)) {
        patient_note(p, "it takes name and password");
        return DIAGNOSE_NONE;
    }
    if (is_taken(p, key, true, 0)) {
        patient_note(p, "it takes name and password with PKCS#1 padding, and not with OAEP");
        return DIAGNOSE_PADDING;
    }
    if (find_skew(p, key)) {
        patient_note(p, "it takes a time stamp that is %lld s %s ours", (long long)llabs(p->skew_s),
                     p->skew_s > 0 ? "after" : "before");
        return DIAGNOSE_CLOCK;
    }
    patient_note(p,
                 "neither padding is taken, nor a time within %d s, or a time zone or a day away",
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
        patient_note(p, "%s%s%s", text_string(&last), *why ? "; the key: " : "", why);
        text_fini(&last);
        return DIAGNOSE_AUTH;
    }
    enum diagnosis d = try_credentials(p, key);
    auth_key_free(key);
    return d;
}

/* It dropped the connection: whoever wants a password serves on. A process that dies may still take
 * one connection more. */
static bool is_gone(const struct patient *p)
{
    struct talk t;
    enum talk_result r = talk_begin(&t, &p->place);

    if (r == TALK_OK)
        talk_end(&t, CLIENT_TERMINATE);
    talk_close(&t);
    return r == TALK_REFUSED;
}

/* Servers say that they want a password by a number of its own, by a denial, or by the end of the
 * connection or the number of an older error, as their version has it (AUTH-10). The latter two may
 * as well be those of a server that breaks: only credentials that are taken tell. */
static enum diagnosis judge_refusal(struct patient *p, const struct talk *t, enum talk_result r)
{
    bool is_vague = r == TALK_CLOSED || (r == TALK_ERROR && t->ierr == IERECVPARAMS);

    if (r == TALK_REFUSED || (r == TALK_CLOSED && is_gone(p)))
        return DIAGNOSE_GONE;
    if (!is_vague && r != TALK_DENIED && (r != TALK_ERROR || t->ierr != IEAUTHTEST))
        return r == TALK_ERROR ? diagnosis_of_error(t->ierr) : DIAGNOSE_BROKEN;
    enum diagnosis d = probe_credentials(p);
    if (is_vague && d == DIAGNOSE_CREDENTIALS)
        text_adds(&p->note, "; or it refuses any client once it has its parameters");
    return is_vague && d == DIAGNOSE_AUTH ? DIAGNOSE_DROPS : d;
}

static enum diagnosis probe_parameters(struct patient *p)
{
    struct talk t;
    enum talk_result r = patient_offer(p, &t, PATIENT_TCP, "");

    if (r == TALK_OK) {
        patient_note(p, "accepted");
        talk_end(&t, CLIENT_TERMINATE);
        talk_close(&t);
        return DIAGNOSE_NONE;
    }
    patient_note_result(p, &t, r, "after the parameters");
    talk_close(&t);
    return judge_refusal(p, &t, r);
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
    {"long text",  trial_long      },
    {"test",       trial_test      },
    {"reverse",    trial_reverse   },
    {"udp",        trial_udp       },
    {"fragments",  trial_fragments },
    {"idle",       trial_idle      },
    {"version",    trial_version   },
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
        if (probes[i].run == trial_idle && request->idle_s == 0)
            continue;
        d = probes[i].run(&p);
        fprintf(out, "%-4s %-11s %s\n", d == DIAGNOSE_NONE ? "ok" : "FAIL", probes[i].name,
                text_string(&p.note));
        fflush(out);
    }
    text_fini(&p.note);
    return d;
}
