/* peer.c - the peer of a session with libiperf. */
#include "fuzz/libiperf/peer.h"

#include "fuzz/fuzz.h"
#include "impl/wire/datagram.h"
#include "impl/wire/frame.h"
#include "impl/wire/state.h"

#include <errno.h>
#include <unistd.h>

#define RECORD      0x1e
#define STREAMS_MAX 32
#define OTHERS_MAX  8
#define BLOCK_MAX   8192 /* of one block of data */
#define NOVELTIES   4096

/* A stream, or -1. A client's datagrams all come to one socket: then `to` is where it is. */
struct stream {
    int fd;
    struct peer_address to;
    uint64_t seq;
};

/* What the library says on the control connection, cut at what the bytes themselves tell: a state
 * is never 0, a length always begins with it, SERVER_ERROR has two numbers. */
struct reader {
    uint8_t prefix[4];
    size_t have;   /* of the prefix */
    uint64_t skip; /* bytes of a text or of numbers still to come */
    size_t cookie; /* bytes of a client's cookie still to come */
};

/* What the peer's parameters say, whoever made them. */
struct agreed {
    bool udp, wide;
    unsigned n_streams;
    size_t len;
};

static struct {
    bool serves;
    struct bytes records;
    struct fuzz_cuts cuts;
    struct fuzz_log unsent;
    int listeners[2], control;
    struct peer_address ours[2], theirs[2]; /* connections, datagrams */
    char cookie[COOKIE_LEN];
    struct stream streams[STREAMS_MAX];
    size_t n_streams;
    int others[OTHERS_MAX];
    size_t n_others;
    struct agreed agreed;
    struct reader reader;
    bool is_ending;
    unsigned n_resets;
    struct peer_seen saw;
    uint8_t said, last; /* the latest record, the latest state byte */
} peer;

/* Behaviour is news to libFuzzer also where the library has no instrumentation: what was said, and
 * what the library says then. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t novelty[NOVELTIES];

static void note_reaction(uint8_t what)
{
    unsigned place = peer.said * 31u + peer.last * 1009u + what * 257u;

    novelty[place % NOVELTIES] = 1;
    peer.last = what;
}

/* --- sockets --------------------------------------------------------------------------------- */

static int kind(int type)
{
    return type == SOCK_DGRAM;
}

/* A socket with a name that the kernel chose. */
static int make(int type)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof any.sun_family) != 0)
        abort();
    return fd;
}

/* The listeners stay for all runs: the connections of the last one are taken and closed. */
static void listen_once(void)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

    for (int i = 0; i < 2 && peer.listeners[i] == 0; i++) {
        struct peer_address *a = &peer.ours[i];
        peer.listeners[i] = make(types[i]);
        a->len = sizeof a->at;
        if (getsockname(peer.listeners[i], (struct sockaddr *)&a->at, &a->len) != 0)
            abort();
        if (i == 0)
            listen(peer.listeners[i], STREAMS_MAX);
    }
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int dial(int type)
{
    const struct peer_address *to = &peer.theirs[kind(type)];
    int fd = make(type);

    if (to->len == 0 || connect(fd, (const struct sockaddr *)&to->at, to->len) != 0)
        shut(&fd);
    return fd;
}

static void say(int fd, const void *bytes, size_t len)
{
    if (fd >= 0)
        (void)send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* --- what the library sent ------------------------------------------------------------------- */

static void read_byte(uint8_t byte)
{
    struct reader *r = &peer.reader;

    if (r->cookie > 0) {
        peer.cookie[COOKIE_LEN - r->cookie--] = (char)byte;
    } else if (r->skip > 0) {
        r->skip--;
    } else if (r->have > 0 || byte == 0) {
        r->prefix[r->have++] = byte;
        if (r->have == sizeof r->prefix) {
            r->skip = load_be32(r->prefix);
            r->have = 0;
            peer.saw.n_texts++;
            note_reaction('J');
        }
    } else {
        peer.saw.states[byte] = true;
        note_reaction(byte);
        r->skip = (int8_t)byte == SERVER_ERROR ? 8 : 0;
    }
}

static void read_control(void)
{
    uint8_t bytes[4096];
    ssize_t n;

    while (peer.control >= 0 && (n = recv(peer.control, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        for (ssize_t i = 0; i < n; i++)
            read_byte(bytes[i]);
}

static void discard(int fd)
{
    static uint8_t bytes[1 << 18];

    while (fd >= 0 && recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

static void add_stream(int fd, const struct peer_address *to)
{
    if (peer.n_streams == STREAMS_MAX) {
        shut(&fd);
        return;
    }
    peer.streams[peer.n_streams++] =
        (struct stream){.fd = fd, .to = to ? *to : (struct peer_address){.len = 0}};
}

/* A client's first connection is the control connection, the others are streams. */
static void take_connections(void)
{
    int fd;

    while ((fd = accept4(peer.listeners[0], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (peer.control < 0 && !peer.is_ending)
            peer.control = fd;
        else
            add_stream(fd, NULL);
    }
}

static bool is_known(const struct peer_address *a)
{
    for (size_t i = 0; i < peer.n_streams; i++)
        if (peer.streams[i].to.len == a->len && memcmp(&peer.streams[i].to.at, &a->at, a->len) == 0)
            return true;
    return false;
}

/* A datagram from elsewhere opens a stream, and is answered. */
static void take_datagrams(void)
{
    struct peer_address a = {.len = sizeof a.at};
    uint8_t bytes[64];

    for (; recvfrom(peer.listeners[1], bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&a.at,
                    &a.len) >= 0;
         a.len = sizeof a.at) {
        if (is_known(&a) || peer.is_ending || !peer.serves)
            continue;
        add_stream(-1, &a);
        (void)sendto(peer.listeners[1], datagram_reply_bytes(DATAGRAM_REPLY), DATAGRAM_CONNECT_LEN,
                     MSG_DONTWAIT, (struct sockaddr *)&a.at, a.len);
    }
}

void peer_drain(void)
{
    take_connections();
    take_datagrams();
    read_control();
    for (size_t i = 0; i < peer.n_streams; i++)
        discard(peer.streams[i].fd);
    for (size_t i = 0; i < peer.n_others; i++)
        discard(peer.others[i]);
}

/* --- what it is told ------------------------------------------------------------------------- */

static size_t number_behind(const char *text, const char *key, size_t otherwise)
{
    const char *at = strstr(text, key);

    return at ? strtoull(at + strlen(key), NULL, 10) : otherwise;
}

/* As far as the peer has to behave like it; that the text is one is not asked. */
static void agree(struct bytes params)
{
    char *text = fuzz_text(params);

    peer.agreed.udp = strstr(text, "\"udp\":true") != NULL;
    peer.agreed.wide = number_behind(text, "\"udp_counters_64bit\":", 0) != 0;
    peer.agreed.len = number_behind(text, "\"len\":", 1024);
    peer.agreed.n_streams = (unsigned)number_behind(text, "\"parallel\":", 1);
    if (strstr(text, "\"bidirectional\":true"))
        peer.agreed.n_streams *= 2;
    free(text);
}

static void send_control(struct bytes bytes)
{
    fuzz_note(&peer.unsent, bytes.at, bytes.len);
}

static void send_text(struct bytes text, int off)
{
    uint8_t length[4];

    if (!peer.serves && memmem(text.at, text.len, "\"streams\"", 9) == NULL)
        agree(text);
    store_be32(length, (uint32_t)((int64_t)text.len + off));
    send_control((struct bytes){length, sizeof length});
    send_control(text);
}

static void send_cookie(struct bytes text)
{
    memset(peer.cookie, 'a', COOKIE_LEN - 1);
    memcpy(peer.cookie, text.at, MIN(text.len, COOKIE_LEN - 1));
    send_control((struct bytes){(const uint8_t *)peer.cookie, COOKIE_LEN});
}

static void end_stream(struct bytes which, bool is_reset)
{
    if (peer.n_streams == 0)
        return;
    struct stream *s = &peer.streams[fuzz_u8(&which) % peer.n_streams];
    if (is_reset) {
        peer.n_resets += s->fd >= 0;
        shut(&s->fd);
    } else if (s->fd >= 0) {
        shutdown(s->fd, SHUT_WR);
    }
}

static void open_stream(struct bytes greeting)
{
    int fd = peer.n_streams < STREAMS_MAX ? dial(peer.agreed.udp ? SOCK_DGRAM : SOCK_STREAM) : -1;

    if (fd < 0)
        return;
    add_stream(fd, NULL);
    if (greeting.len > 0)
        say(fd, greeting.at, greeting.len);
    else if (peer.agreed.udp)
        say(fd, datagram_connect_bytes(DATAGRAM_CONNECT), DATAGRAM_CONNECT_LEN);
    else
        say(fd, peer.cookie, COOKIE_LEN);
}

static void open_streams(void)
{
    for (size_t n = peer.n_streams; n < peer.agreed.n_streams && n < STREAMS_MAX; n++)
        open_stream((struct bytes){0});
}

static void send_datagram(struct stream *s, uint8_t *block, size_t len)
{
    const struct datagram_header header = {.sec = 1, .usec = (uint32_t)s->seq, .seq = ++s->seq};

    len = MAX(len, (size_t)DATAGRAM_LEN_MIN);
    datagram_encode(block, peer.agreed.wide, &header);
    if (s->fd >= 0)
        say(s->fd, block, len);
    else
        (void)sendto(peer.listeners[1], block, len, MSG_DONTWAIT, (struct sockaddr *)&s->to.at,
                     s->to.len);
}

static void send_data(struct bytes payload)
{
    static uint8_t block[BLOCK_MAX];

    for (size_t i = 0; i < peer.n_streams; i++) {
        struct stream *s = &peer.streams[i];
        size_t len = MIN(peer.agreed.len, sizeof block);
        if (payload.len > 0 && s->fd >= 0)
            say(s->fd, payload.at, payload.len);
        else if (peer.agreed.udp || s->to.len > 0)
            send_datagram(s, block, len);
        else
            say(s->fd, block, len);
    }
}

static void meet_another(struct bytes says)
{
    static const char cookie[COOKIE_LEN] = "another0cookie0than0that0of0the0test";
    int fd = peer.n_others < OTHERS_MAX && !peer.serves ? dial(SOCK_STREAM) : -1;

    if (fd < 0)
        return;
    peer.others[peer.n_others++] = fd;
    if (says.len > 0)
        say(fd, says.at, says.len);
    else
        say(fd, cookie, sizeof cookie);
}

static void reset_control(void)
{
    peer.n_resets += peer.control >= 0;
    peer.unsent.len = 0;
    shut(&peer.control);
}

/* --- steps ----------------------------------------------------------------------------------- */

static void end_control(void)
{
    if (peer.control >= 0)
        shutdown(peer.control, SHUT_WR);
}

static enum peer_did do_record(struct bytes record)
{
    char what = (char)fuzz_u8(&record);

    peer.said = (uint8_t)(what == 'B' && record.len == 1 ? record.at[0] : what);
    switch (what) {
    case 'B':
        send_control(record);
        break;
    case 'C':
        send_cookie(record);
        break;
    case 'J':
        send_text(record, 0);
        break;
    case 'L':
        what = (char)fuzz_u8(&record);
        send_text(record, (int8_t)what);
        break;
    case 'E':
        end_control();
        break;
    case 'X':
        reset_control();
        break;
    case 'U':
        if (!peer.serves)
            open_streams();
        break;
    case 'u':
        if (!peer.serves)
            open_stream(record);
        break;
    case 'P':
        send_data(record);
        break;
    case 'K':
    case 'F':
        end_stream(record, what == 'F');
        break;
    case 'N':
        meet_another(record);
        break;
    case 'T':
        return PEER_WAITED;
    case 'O':
        return PEER_OUTWAITED;
    default:
        break;
    }
    return PEER_ACTED;
}

/* First the control connection's half, then everything; then there is nothing more to do. */
static enum peer_did end_all(void)
{
    if (!peer.is_ending) {
        peer.is_ending = true;
        end_control();
        return PEER_ACTED;
    }
    if (peer.control < 0 && peer.n_streams == 0 && peer.n_others == 0)
        return PEER_IS_DONE;
    shut(&peer.control);
    for (; peer.n_streams > 0; peer.n_streams--)
        shut(&peer.streams[peer.n_streams - 1].fd);
    for (; peer.n_others > 0; peer.n_others--)
        shut(&peer.others[peer.n_others - 1]);
    return PEER_ACTED;
}

static void send_piece(void)
{
    struct bytes all = fuzz_noted(&peer.unsent), piece = fuzz_piece(&peer.cuts, &all);

    say(peer.control, piece.at, piece.len);
    memmove(peer.unsent.at, all.at, all.len);
    peer.unsent.len = all.len;
}

enum peer_did peer_step(void)
{
    if (!peer.serves && peer.control < 0 && !peer.is_ending && peer.said == 0)
        peer.control = dial(SOCK_STREAM);
    if (peer.unsent.len == 0) {
        if (peer.records.len == 0)
            return end_all();
        const uint8_t *end = memchr(peer.records.at, RECORD, peer.records.len);
        size_t len = end ? (size_t)(end - peer.records.at) : peer.records.len;
        struct bytes record = fuzz_take(&peer.records, len);
        fuzz_u8(&peer.records);
        enum peer_did did = do_record(record);
        if (peer.unsent.len == 0)
            return did;
    }
    send_piece();
    return PEER_ACTED;
}

/* --- the whole ------------------------------------------------------------------------------- */

void peer_heard(int type, const struct peer_address *where)
{
    peer.theirs[kind(type)] = *where;
}

const struct peer_address *peer_listens(int type)
{
    return &peer.ours[kind(type)];
}

bool peer_took_reset(void)
{
    return peer.n_resets > 0 && peer.n_resets--;
}

const struct peer_seen *peer_saw(void)
{
    return &peer.saw;
}

void peer_start(bool serves, uint8_t cuts, struct bytes records)
{
    listen_once();
    peer.serves = serves;
    peer.cuts = (struct fuzz_cuts){.seed = cuts};
    peer.records = records;
    peer.control = -1;
    peer.theirs[0].len = peer.theirs[1].len = 0;
    peer.agreed = (struct agreed){.n_streams = 1, .len = 1024};
    peer.reader = (struct reader){.cookie = serves ? COOKIE_LEN : 0};
    peer.is_ending = false;
    peer.n_resets = 0;
    peer.said = peer.last = 0;
    peer.saw = (struct peer_seen){.n_texts = 0};
    memset(peer.cookie, 'a', COOKIE_LEN - 1);
    peer.cookie[COOKIE_LEN - 1] = '\0';
}

void peer_stop(void)
{
    peer.is_ending = true;
    peer_drain();
    while (end_all() != PEER_IS_DONE)
        ;
    peer.unsent.len = 0;
}
