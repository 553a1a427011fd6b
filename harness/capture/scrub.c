/* scrub.c - first the sessions are found, then their packets are written. */
#include "harness/capture/scrub.h"

#include "harness/capture/capture.h"
#include "harness/capture/scrub_core.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SNAP_LEN 262144

struct scrubber {
    struct scrub_salt salt;
    struct scrub_map addresses;
    struct scrub_flow *flows; /* sorted by ends and first packet for the second pass */
    size_t n;
    pcap_dumper_t *dumper;
};

/* The pieces of a control channel while its session lasts: at track_session.user. */
struct channel_pieces {
    struct scrub_piece *at[2];
    size_t n[2];
};

/* --- the messages ----------------------------------------------------------------------------- */

static void add_piece(struct channel_pieces *p, enum observer_side side, uint64_t offset,
                      const struct text *wire)
{
    size_t n = p->n[side];

    if (wire->len == 0)
        return;
    if ((n & (n - 1)) == 0)
        p->at[side] = text_realloc(p->at[side], MAX(2 * n, 1u) * sizeof(struct scrub_piece));
    uint8_t *copy = text_realloc(NULL, wire->len);
    memcpy(copy, wire->at, wire->len);
    p->at[side][p->n[side]++] = (struct scrub_piece){offset, copy, wire->len};
}

/* As it goes over the wire, scrubbed. Of a message that was not captured whole what is no text. */
static void encode(const struct scrubber *s, const struct track_event *event, struct text *wire)
{
    const struct observer_message *m = event->message;
    uint8_t head[9];

    if (m->kind == OBSERVER_STATE)
        text_add(wire, &m->state, 1);
    else if (m->kind == OBSERVER_ERROR)
        text_add(wire, head, frame_put_error(head, m->n_ints, m->ierr, m->os_errno));
    else if (m->kind == OBSERVER_JSON && m->len >= 4)
        text_add(wire, head, frame_put_json_length(head, m->announced));
    size_t start = wire->len;
    if (event->has_hole || (m->kind != OBSERVER_JSON && m->kind != OBSERVER_COOKIE))
        return;
    text_add(wire, m->text.at, m->text.len);
    uint8_t *text = (uint8_t *)wire->at + start;
    if (m->kind == OBSERVER_JSON)
        scrub_json(&s->salt, text, m->text.len);
    else
        scrub_words(&s->salt, text, m->text.len);
}

static void on_event(void *context, struct track_session *session, const struct track_event *event)
{
    struct text wire = {0};

    if (event->kind != TRACK_MESSAGE)
        return;
    if (session->user == NULL)
        session->user = memset(text_realloc(NULL, sizeof(struct channel_pieces)), 0,
                               sizeof(struct channel_pieces));
    encode(context, event, &wire);
    add_piece(session->user, event->from, event->message->offset, &wire);
    text_fini(&wire);
}

/* --- the flows -------------------------------------------------------------------------------- */

static struct scrub_flow *add_flow(struct scrubber *s, const struct scrub_flow *flow)
{
    if ((s->n & (s->n - 1)) == 0)
        s->flows = text_realloc(s->flows, MAX(2 * s->n, 1u) * sizeof *s->flows);
    struct scrub_flow *f = &s->flows[s->n++];
    *f = *flow;
    scrub_address(&s->addresses, f->client.address, f->as[OBSERVER_CLIENT]);
    scrub_address(&s->addresses, f->server.address, f->as[OBSERVER_SERVER]);
    return f;
}

/* A stream begins with the cookie, or a datagram with its header; its data is blanked. */
static void add_stream(struct scrubber *s, const struct track_session *session,
                       const struct track_stream *stream)
{
    const struct params *params = observer_params(session->observer);
    struct scrub_flow *f = add_flow(s, &(struct scrub_flow){.client = stream->client,
                                                            .server = session->server,
                                                            .is_udp = stream->is_udp,
                                                            .first_number = stream->number});
    const struct stream_tcp *sent = &stream->tcp[OBSERVER_CLIENT];

    if (stream->is_udp) {
        bool is_wide = params != NULL && params->udp_counters_64bit != 0;
        f->header = is_wide ? 16 : 12;
        f->datagram = params != NULL && params->len > 0 ? (uint32_t)params->len : 0;
    } else if (stream->has_open && session->has_cookie && sent->is_known) {
        f->base[OBSERVER_CLIENT] = sent->next - (uint32_t)sent->sent - COOKIE_LEN;
        f->has_base[OBSERVER_CLIENT] = true;
        f->n[OBSERVER_CLIENT] = 1;
        f->pieces[OBSERVER_CLIENT] = text_realloc(NULL, sizeof(struct scrub_piece));
        uint8_t *cookie = text_realloc(NULL, COOKIE_LEN);
        memcpy(cookie, session->cookie, COOKIE_LEN);
        scrub_words(&s->salt, cookie, COOKIE_LEN);
        f->pieces[OBSERVER_CLIENT][0] = (struct scrub_piece){0, cookie, COOKIE_LEN};
    }
}

static void on_done(void *context, struct track_session *session)
{
    struct scrubber *s = context;
    struct channel_pieces *pieces = session->user;
    struct scrub_flow *f = add_flow(s, &(struct scrub_flow){.client = session->client,
                                                            .server = session->server,
                                                            .is_control = true,
                                                            .first_number = session->first_number});

    for (int side = 0; side < 2; side++) {
        f->has_base[side] = session->has_base[side];
        f->base[side] = session->base[side];
        f->pieces[side] = pieces != NULL ? pieces->at[side] : NULL;
        f->n[side] = pieces != NULL ? pieces->n[side] : 0;
    }
    free(pieces);
    session->user = NULL;
    for (size_t i = 0; i < session->n_streams; i++)
        add_stream(s, session, session->streams[i]);
}

/* --- the second pass -------------------------------------------------------------------------- */

static int compare_ends(const struct scrub_flow *a, const struct scrub_flow *b)
{
    int order = memcmp(a->client.address, b->client.address, 16);

    order = order ? order : memcmp(a->server.address, b->server.address, 16);
    order = order ? order : a->client.port - b->client.port;
    order = order ? order : a->server.port - b->server.port;
    return order ? order : a->is_udp - b->is_udp;
}

static int compare_flows(const void *left, const void *right)
{
    const struct scrub_flow *a = left, *b = right;
    int order = compare_ends(a, b);

    return order ? order
                 : (a->first_number > b->first_number) - (a->first_number < b->first_number);
}

static struct track_end end_of(const uint8_t address[16], uint16_t port)
{
    struct track_end end = {.port = port};

    memcpy(end.address, address, sizeof end.address);
    return end;
}

/* The flow between these ends that the packet belongs to: the last that had begun, else the first,
 * whose handshake it is part of. */
static const struct scrub_flow *find(const struct scrubber *s, struct scrub_flow *key)
{
    size_t low = 0, high = s->n;

    while (low < high) { /* the first that is greater than the key */
        size_t middle = (low + high) / 2;
        if (compare_flows(&s->flows[middle], key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 && compare_ends(&s->flows[low - 1], key) == 0)
        return &s->flows[low - 1];
    return low < s->n && compare_ends(&s->flows[low], key) == 0 ? &s->flows[low] : NULL;
}

static void take(void *context, enum dissect_kind kind, const struct dissected *p)
{
    struct scrubber *s = context;
    struct scrub_flow key = {.client = end_of(p->from, p->from_port),
                             .server = end_of(p->to, p->to_port),
                             .is_udp = kind == DISSECT_UDP,
                             .first_number = p->number};
    const struct scrub_flow *flow = find(s, &key);
    enum observer_side side = OBSERVER_CLIENT;
    struct text frame = {0};

    if (flow == NULL) {
        struct track_end end = key.client;
        key.client = key.server;
        key.server = end;
        flow = find(s, &key);
        side = OBSERVER_SERVER;
    }
    if (flow == NULL)
        return; /* not iperf3's */
    uint32_t len = scrub_packet(flow, p, side, &frame);
    struct pcap_pkthdr header = {
        .ts = {(time_t)(p->at_ns / 1000000000u), (suseconds_t)(p->at_ns % 1000000000u)},
        .caplen = (uint32_t)frame.len,
        .len = len
    };
    pcap_dump((u_char *)s->dumper, &header, (const u_char *)frame.at);
    text_fini(&frame);
}

/* --- both ------------------------------------------------------------------------------------- */

static enum scrub_result find_sessions(struct scrubber *s, const struct scrub_from *from,
                                       struct text *why)
{
    struct track_user user = {on_event, on_done, s};
    struct capture_counts counts;
    struct source source;
    bool was_cut;

    if (!source_open_as(&source, from->path, from->name, why))
        return SCRUB_FAILED;
    struct track *track = track_new(&user, from->ports, from->n_ports);
    bool is_good = capture_read(&source, track, NULL, &counts, &was_cut, why);
    track_finish(track);
    track_free(track);
    source_close(&source);
    if (s->n > 0)
        qsort(s->flows, s->n, sizeof *s->flows, compare_flows);
    return !is_good ? SCRUB_DAMAGED : was_cut ? SCRUB_CUT : SCRUB_WHOLE;
}

/* As far as they can be read: how far that is was told the first time. */
static bool copy_packets(struct scrubber *s, const struct scrub_from *from, FILE *out,
                         struct text *why)
{
    struct capture_counts counts;
    struct source source;
    struct text again = {0};
    bool was_cut;

    if (!source_open_as(&source, from->path, from->name, why))
        return false;
    capture_each(&source, take, s, NULL, &counts, &was_cut, &again);
    source_close(&source);
    text_fini(&again);
    if (pcap_dump_flush(s->dumper) == 0 && !ferror(out))
        return true;
    text_addf(why, "%sthe scrubbed capture could not be written", why->len > 0 ? "; " : "");
    return false;
}

static bool write_packets(struct scrubber *s, const struct scrub_from *from, FILE *out,
                          struct text *why)
{
    pcap_t *dead =
        pcap_open_dead_with_tstamp_precision(DLT_RAW, SNAP_LEN, PCAP_TSTAMP_PRECISION_NANO);

    s->dumper = dead != NULL ? pcap_dump_fopen(dead, out) : NULL;
    if (s->dumper == NULL)
        text_addf(why, "cannot write: %s", dead != NULL ? pcap_geterr(dead) : "no memory");
    bool is_good = s->dumper != NULL && copy_packets(s, from, out, why);
    if (dead != NULL)
        pcap_close(dead);
    return is_good;
}

static void fini(struct scrubber *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (int side = 0; side < 2; side++) {
            for (size_t k = 0; k < s->flows[i].n[side]; k++)
                free(s->flows[i].pieces[side][k].bytes);
            free(s->flows[i].pieces[side]);
        }
    }
    free(s->flows);
    free(s->addresses.from);
}

enum scrub_result scrub_file(const struct scrub_from *from, FILE *out, struct text *why)
{
    struct scrubber s = {0};
    enum scrub_result result = SCRUB_FAILED;

    if (getrandom(&s.salt, sizeof s.salt, 0) == (ssize_t)sizeof s.salt)
        result = find_sessions(&s, from, why);
    else
        text_adds(why, "no random numbers");
    if (result != SCRUB_FAILED && !write_packets(&s, from, out, why))
        result = SCRUB_FAILED;
    fini(&s);
    return result;
}
