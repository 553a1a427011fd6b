/* monologue.h - random sessions of a client that nobody answers, made from a seed. */
#pragma once
#include "harness/session/session.h"

#include <stdio.h>

static uint64_t seed;

static uint64_t pick(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % n;
}

static const char *const names[] = {"", "b", "thief-2"};
static uint8_t scratch[5000];
static int64_t offsets[8];

/* Bytes of any kind, long runs among them. */
static struct bytes some_bytes(size_t max)
{
    size_t len = pick(max + 1);

    for (size_t i = 0; i < len;) {
        size_t run = pick(4) ? 1 : 1 + pick(60);
        uint8_t byte = (uint8_t)pick(256);
        for (; run > 0 && i < len; run--)
            scratch[i++] = byte;
    }
    return (struct bytes){scratch, len};
}

static struct session_cuts some_cuts(size_t len)
{
    struct session_cuts cuts = {.at = offsets};
    int64_t at = 0;

    for (size_t i = 0; len > 1 && i < pick(8); i++) {
        at += 1 + (int64_t)pick(len / 2 + 1);
        if (at >= (int64_t)len)
            break;
        offsets[cuts.n++] = at;
    }
    return cuts;
}

static size_t wire_len(const struct session_message *m)
{
    struct text bytes = {0};

    session_encode(m, &bytes);
    size_t len = bytes.len;
    text_fini(&bytes);
    return len;
}

static struct session_message message_of_ours(void)
{
    static const enum session_kind kinds[] = {SESSION_COOKIE, SESSION_STATE, SESSION_ERROR,
                                              SESSION_JSON, SESSION_BYTES};
    struct session_message m = {.kind = kinds[pick(ARRAY_LEN(kinds))]};

    if (m.kind == SESSION_STATE)
        m.state = (int8_t)pick(256);
    else if (m.kind != SESSION_ERROR)
        m.body = some_bytes(pick(2) ? 40 : 900);
    if (m.kind == SESSION_ERROR) {
        m.n_ints = (int)pick(3);
        m.ierr = m.n_ints > 0 ? (int32_t)pick(300) : 0;
        m.os_errno = m.n_ints > 1 ? (int32_t)pick(9) - 4 : 0;
    }
    if (m.kind == SESSION_JSON)
        m.announced = (uint32_t)(pick(2) ? m.body.len : pick(UINT32_MAX));
    if (pick(3) == 0)
        m.cuts = some_cuts(wire_len(&m));
    if (m.cuts.n > 0 && pick(2))
        m.cuts.delay_ms = 1;
    return m;
}

/* What is joined needs a message of the same connection behind it. */
static void add_ours(struct session *s, const char *who)
{
    struct session_message m = message_of_ours();
    bool is_joined = pick(4) == 0;

    snprintf(m.who, sizeof m.who, "%s", who);
    m.joined = is_joined;
    session_add(s, &m);
    if (!is_joined)
        return;
    m = message_of_ours();
    snprintf(m.who, sizeof m.who, "%s", who);
    session_add(s, &m);
}

static struct session_message message_of_stream(bool udp, int64_t stream)
{
    struct session_message m = {.stream = stream, .kind = udp ? SESSION_DATAGRAM : SESSION_DATA};

    if (pick(3) == 0) {
        m.body = some_bytes(60);
        if (m.body.len == 0)
            m.body = (struct bytes){(const uint8_t *)"x", 1};
        m.len = m.body.len;
        return m;
    }
    m.len = 1 + pick(3000);
    if (!udp)
        return m;
    m.header.seq = pick(4) ? pick(20) : pick(INT64_MAX);
    m.header.has_times = pick(3) == 0;
    if (m.header.has_times) {
        m.header.sec = (uint32_t)pick(UINT32_MAX);
        m.header.usec = (uint32_t)pick(1000000);
    }
    return m;
}

static void add_stream_things(struct session *s, bool udp, int64_t stream)
{
    struct session_message m = message_of_stream(udp, stream);

    session_add(s, &m);
    while (udp && m.body.len == 0 && pick(3)) {
        m.header.seq++;
        session_add(s, &m);
    }
}

/* Things that have neither bytes nor fields. */
static void add_word(struct session *s)
{
    static const enum session_kind kinds[] = {SESSION_HOLD, SESSION_STALL, SESSION_RESUME,
                                              SESSION_PAUSE};
    struct session_message m = {.kind = kinds[pick(ARRAY_LEN(kinds))]};

    if (m.kind == SESSION_PAUSE)
        m.len = 1000000;
    session_add(s, &m);
}

/* What a client does, and the subject does not answer: it can be played against a socket. */
static void make_monologue(struct session *s, bool udp)
{
    int64_t streams = 1 + (int64_t)pick(3), id;

    *s = (struct session){0};
    session_add(s, &(struct session_message){.kind = SESSION_OPEN});
    for (size_t i = 1; i < ARRAY_LEN(names); i++) {
        struct session_message open = {.kind = SESSION_OPEN};
        open.transport = i == 2 ? SESSION_BARE_TCP : SESSION_CONTROL;
        snprintf(open.who, sizeof open.who, "%s", names[i]);
        session_add(s, &open);
    }
    for (int64_t i = 0; i < streams; i++) {
        struct session_message open = {.kind = SESSION_STREAM, .stream = i ? i + 2 : 1};
        open.says_own = udp || pick(3) == 0;
        if (open.says_own)
            open.body = some_bytes(50);
        session_add(s, &open);
    }
    for (size_t n = pick(20); n > 0; n--) {
        id = (int64_t)pick((uint64_t)streams);
        if (pick(3) == 0)
            add_stream_things(s, udp, id ? id + 2 : 1);
        else if (pick(8) == 0)
            add_word(s);
        else
            add_ours(s, names[pick(ARRAY_LEN(names))]);
    }
}
