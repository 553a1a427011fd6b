/* trial.c - the probes that are whole tests: data in both directions, over TCP and UDP. */
#include "harness/diagnose/patient.h"

#include "impl/net/sock.h"
#include "impl/wire/datagram.h"
#include "impl/wire/state.h"

#include <inttypes.h>
#include <poll.h>

#define BLOCK      8192
#define DATA_STEPS 4    /* time for the data, in steps */
#define LONG_TEXT  4000 /* above any MTU of the internet, and below stock's limit of 8 KiB */
#define DATAGRAMS  5
#define SMALL      1000 /* bytes: one packet each */
#define LARGE      4000 /* bytes: several */

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

/* The bytes of all streams. */
static int64_t bytes_in(const json_value *results)
{
    const json_value *streams = json_member(results, "streams"), *s = NULL;
    int64_t sum = 0;

    while ((s = json_next(streams, s))) {
        const json_value *bytes = json_member(s, "bytes");
        sum += json_type_of(bytes) == JSON_NUMBER ? MIN(MAX(json_int(bytes), 0), INT32_MAX) : 0;
    }
    return sum;
}

/* From the end of the data to the end of the session. arrived: bytes, by the server's results. */
static enum talk_result finish(struct talk *t, size_t bytes, unsigned packets, int64_t *arrived,
                               const char **step)
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
    *arrived = bytes_in(results);
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
    for (size_t sent = 0; sent < PATIENT_BYTES; sent += BLOCK)
        if (!talk_send(&data, block, BLOCK))
            return false;
    return true;
}

/* In one time for all: a server may dribble. */
static size_t read_data(struct talk *t)
{
    static char bytes[PATIENT_BYTES];
    struct talk data = *t;

    data.fd = t->data;
    return talk_read_some(&data, bytes, sizeof bytes, DATA_STEPS * t->place->timeout_ms);
}

/* A limit that the server names is the cause, whatever it breaks. */
static enum diagnosis broken(struct patient *p, struct talk *t, enum talk_result r,
                             const char *step, enum diagnosis d)
{
    enum diagnosis named = r == TALK_ERROR ? diagnosis_of_error(t->ierr) : DIAGNOSE_BROKEN;

    patient_note_result(p, t, r, step);
    talk_end(t, CLIENT_TERMINATE);
    return named == DIAGNOSE_BROKEN ? d : named;
}

enum diagnosis trial_test(struct patient *p)
{
    struct talk t;
    const char *step;
    int64_t arrived;
    enum talk_result r = patient_offer(p, &t, PATIENT_TCP, p->token);

    if (r != TALK_OK)
        return broken(p, &t, r, "after the parameters", DIAGNOSE_BROKEN);
    if (!talk_open_stream(&t))
        return broken(p, &t, TALK_CLOSED, "the stream", DIAGNOSE_STREAM);
    if ((r = await_running(&t)) != TALK_OK)
        return broken(p, &t, r, "after the stream was opened", DIAGNOSE_STREAM);
    /* What cannot be sent within the time is on its way somewhere. */
    if (!send_data(&t))
        return broken(p, &t, TALK_SILENT, "sending data", DIAGNOSE_MTU);
    bool is_stuck = (r = finish(&t, PATIENT_BYTES, 0, &arrived, &step)) != TALK_OK;
    if (is_stuck)
        return broken(p, &t, r, step, DIAGNOSE_BROKEN);
    patient_note(p, "%d bytes, results and all", PATIENT_BYTES);
    talk_close(&t);
    return DIAGNOSE_NONE;
}

enum diagnosis trial_long(struct patient *p)
{
    struct text more = {0};
    struct talk t;

    text_adds(&more, PATIENT_TCP ",\"title\":\"");
    for (int i = 0; i < LONG_TEXT; i++)
        text_adds(&more, "x");
    text_adds(&more, "\"");
    enum talk_result r = patient_offer(p, &t, text_string(&more), p->token);
    uint64_t left = sock_unacknowledged(t.fd);
    text_fini(&more);
    if (r == TALK_OK)
        patient_note(p, "%d bytes of parameters are taken", LONG_TEXT);
    else if (r == TALK_SILENT && left > 0)
        patient_note(
            p, "of %d bytes of parameters %" PRIu64 " are not acknowledged by the other machine",
            LONG_TEXT, left);
    else
        patient_note_result(p, &t, r, "after long parameters");
    if (left > 0)
        talk_close(&t);
    else
        talk_end(&t, CLIENT_TERMINATE);
    if (r == TALK_OK)
        return DIAGNOSE_NONE;
    return r == TALK_SILENT && left > 0 ? DIAGNOSE_MTU : DIAGNOSE_BROKEN;
}

enum diagnosis trial_reverse(struct patient *p)
{
    struct talk t;
    const char *step;
    int64_t arrived;
    enum talk_result r = patient_offer(p, &t, PATIENT_TCP ",\"reverse\":true", p->token);

    if (r != TALK_OK)
        return broken(p, &t, r, "after the parameters", DIAGNOSE_BROKEN);
    if (!talk_open_stream(&t) || (r = await_running(&t)) != TALK_OK)
        return broken(p, &t, r, "the stream", DIAGNOSE_STREAM);
    size_t got = read_data(&t);
    if (got < PATIENT_BYTES) {
        patient_note(p, "%zu of %d bytes arrived", got, PATIENT_BYTES);
        talk_end(&t, CLIENT_TERMINATE);
        return got == 0 || got < BLOCK ? DIAGNOSE_MTU : DIAGNOSE_REVERSE;
    }
    if ((r = finish(&t, got, 0, &arrived, &step)) != TALK_OK)
        return broken(p, &t, r, step, DIAGNOSE_BROKEN);
    patient_note(p, "%zu bytes arrived", got);
    talk_close(&t);
    return DIAGNOSE_NONE;
}

static void send_datagrams(struct talk *t, unsigned n, size_t len)
{
    static uint8_t datagram[LARGE];

    for (unsigned i = 1; i <= n; i++) {
        datagram_encode(datagram, false, &(struct datagram_header){.seq = i});
        (void)!send(t->data, datagram, len, 0);
    }
}

/* A test of datagrams of that length: how many bytes of them the server counts. */
static enum diagnosis try_datagrams(struct patient *p, size_t len, int pause_ms, int64_t *arrived)
{
    struct talk t;
    struct text more = {0};
    const char *step;

    text_addf(&more, "\"udp\":true,\"len\":%zu,\"bandwidth\":1048576", len);
    enum talk_result r = patient_offer(p, &t, text_string(&more), p->token);
    text_fini(&more);
    if (r != TALK_OK)
        return broken(p, &t, r, "after the parameters", DIAGNOSE_BROKEN);
    if (!talk_open_udp(&t, &p->reply)) {
        patient_note(p, "no answer to three datagrams");
        talk_end(&t, CLIENT_TERMINATE);
        return DIAGNOSE_UDP;
    }
    if ((r = await_running(&t)) != TALK_OK)
        return broken(p, &t, r, "after the stream was opened", DIAGNOSE_BROKEN);
    send_datagrams(&t, DATAGRAMS, len);
    poll(NULL, 0, pause_ms); /* nothing tells that they were read, and the end overtakes them */
    if ((r = finish(&t, DATAGRAMS * len, DATAGRAMS, arrived, &step)) != TALK_OK)
        return broken(p, &t, r, step, DIAGNOSE_BROKEN);
    talk_close(&t);
    return DIAGNOSE_NONE;
}

/* A server that is slow to read them gets more time. */
static enum diagnosis count_datagrams(struct patient *p, size_t len, int64_t *arrived)
{
    static const int pauses_ms[] = {30, 300, 1000};
    enum diagnosis d = DIAGNOSE_NONE;

    *arrived = 0;
    for (size_t i = 0; d == DIAGNOSE_NONE && *arrived == 0 && i < ARRAY_LEN(pauses_ms); i++)
        d = try_datagrams(p, len, pauses_ms[i], arrived);
    return d;
}

enum diagnosis trial_udp(struct patient *p)
{
    int64_t arrived;
    enum diagnosis d = count_datagrams(p, SMALL, &arrived);

    p->counts_datagrams = arrived > 0;
    if (d == DIAGNOSE_NONE)
        patient_note(p, "datagrams come through, and are answered");
    return d;
}

enum diagnosis trial_fragments(struct patient *p)
{
    int64_t arrived = 0;
    enum diagnosis d = p->counts_datagrams ? count_datagrams(p, LARGE, &arrived) : DIAGNOSE_NONE;

    if (d != DIAGNOSE_NONE)
        return d;
    if (!p->counts_datagrams)
        patient_note(p, "not known: it counts no datagrams");
    else if (arrived > 0)
        patient_note(p, "datagrams of %d bytes come through", LARGE);
    else
        patient_note(p, "of %d bytes none comes through, of %d they do", LARGE, SMALL);
    return p->counts_datagrams && arrived == 0 ? DIAGNOSE_FRAGMENTS : DIAGNOSE_NONE;
}

/* The stream has something to do, the control connection has not. */
enum diagnosis trial_idle(struct patient *p)
{
    struct talk t;
    const char *step;
    int64_t arrived;
    size_t sent = 0;
    enum talk_result r = patient_offer(p, &t, PATIENT_TCP, p->token);

    if (r != TALK_OK || !talk_open_stream(&t) || (r = await_running(&t)) != TALK_OK)
        return broken(p, &t, r, "the session", DIAGNOSE_BROKEN);
    for (unsigned s = 0; s < p->request->idle_s; s++) {
        struct pollfd fd = {.fd = t.fd, .events = POLLIN};
        sent += send(t.data, "x", 1, MSG_NOSIGNAL) == 1;
        if (poll(&fd, 1, 1000) > 0)
            break;
    }
    r = finish(&t, sent, 0, &arrived, &step);
    if (r == TALK_CLOSED || r == TALK_SILENT)
        return broken(p, &t, r, "after a pause", DIAGNOSE_IDLE);
    if (r != TALK_OK)
        return broken(p, &t, r, step, DIAGNOSE_BROKEN);
    patient_note(p, "the control connection lives after %u s of silence", p->request->idle_s);
    talk_close(&t);
    return DIAGNOSE_NONE;
}

enum diagnosis trial_version(struct patient *p)
{
    bool is_old = p->reply == DATAGRAM_REPLY_LEGACY || p->reply == DATAGRAM_REPLY_LEGACY_BE;

    patient_note(p, "it answers datagrams as %s do",
                 is_old ? "versions up to 3.11" : "versions from 3.12 on");
    return is_old ? DIAGNOSE_OLD : DIAGNOSE_NONE;
}
