/* capfile.h - a capture in memory for tests: read, changed, judged. */
#pragma once
#include "harness/capture/capture.h"
#include "harness/capture/digest.h"
#include "harness/capture/fragment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct capfile_packet {
    uint64_t at_ns;
    uint32_t len, wire_len;
    uint8_t *bytes;
    bool is_dropped;
    uint32_t snap; /* captured bytes; 0: all */
};

struct capfile {
    int link;
    size_t n;
    struct capfile_packet *packets;
};

/* What judging it brought. */
struct capfile_verdict {
    unsigned n_sessions, n_violations, n_completed, n_parts;
    char clause[24], found[128]; /* of the first violation */
    uint64_t number;
    enum observer_side by;
    uint64_t bytes[2];            /* by sender: data of all streams */
    uint64_t n_datagrams, n_lost; /* of UDP streams: seen, and late or missing where they were */
    uint64_t stream_bytes[TRACK_STREAMS][2];
    uint64_t n_repeated;        /* segments of streams whose bytes had been seen */
    char ending[96], note[160]; /* the note: the first */
    unsigned n_streams;
};

static void capfile_keep(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct capfile *f = (struct capfile *)context;

    if ((f->n & (f->n - 1)) == 0)
        f->packets = text_realloc(f->packets, MAX(2 * f->n, 1) * sizeof *f->packets);
    struct capfile_packet *p = &f->packets[f->n++];
    *p = (struct capfile_packet){.at_ns = (uint64_t)header->ts.tv_sec * UINT64_C(1000000000) +
                                          (uint64_t)header->ts.tv_usec,
                                 .len = header->caplen,
                                 .wire_len = header->len};
    p->bytes = text_realloc(NULL, p->len);
    memcpy(p->bytes, bytes, p->len);
}

static inline bool capfile_read(struct capfile *f, const char *path)
{
    struct source source;
    struct text why = {0};

    *f = (struct capfile){0};
    if (!source_open(&source, path, &why)) {
        fprintf(stderr, "%s\n", text_string(&why));
        text_fini(&why);
        return false;
    }
    f->link = pcap_datalink(source.pcap);
    int status = pcap_loop(source.pcap, -1, capfile_keep, (u_char *)f);
    source_close(&source);
    return status == 0;
}

static inline void capfile_fini(struct capfile *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->packets[i].bytes);
    free(f->packets);
}

static void capfile_done(void *context, struct track_session *s)
{
    struct capfile_verdict *v = context;
    struct text ending = {0};

    v->n_sessions++;
    v->n_parts += digest_verdict(s) == DIGEST_PART;
    v->n_completed += observer_completed(s->observer);
    if (v->n_violations == 0 && s->n_violations > 0) {
        snprintf(v->clause, sizeof v->clause, "%s", s->violations[0].clause->id);
        snprintf(v->found, sizeof v->found, "%s", s->violations[0].found);
        v->number = s->violations[0].number;
        v->by = s->violations[0].by;
    }
    v->n_violations += (unsigned)s->n_violations;
    if (s->n_notes > 0 && v->note[0] == '\0')
        snprintf(v->note, sizeof v->note, "%s", text_string(&s->notes[0]));
    digest_ending(s, &ending);
    snprintf(v->ending, sizeof v->ending, "%s", text_string(&ending));
    text_fini(&ending);
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream_udp *udp = s->streams[i]->udp;
        for (int side = 0; side < 2 && s->streams[i]->is_udp; side++) {
            v->n_datagrams += udp[side].n;
            v->n_lost += udp[side].account.errors + udp[side].account.out_of_order;
        }
        for (int side = 0; side < 2; side++) {
            uint64_t bytes = s->streams[i]->is_udp ? s->streams[i]->udp[side].bytes
                                                   : s->streams[i]->tcp[side].sent;
            v->bytes[side] += bytes;
            v->n_repeated += s->streams[i]->is_udp ? 0 : s->streams[i]->tcp[side].repeated;
            v->stream_bytes[i][side] = bytes;
        }
    }
    v->n_streams = (unsigned)s->n_streams;
}

/* Hand the first n packets, as they stand or as changed, to a tracker. */
static inline void capfile_feed(const struct capfile *f, size_t n, const struct track_user *user)
{
    struct track *track = track_new(user, NULL, 0);
    struct fragments fragments = {0};

    for (size_t i = 0; i < n; i++) {
        const struct capfile_packet *p = &f->packets[i];
        struct dissected d = {.at_ns = p->at_ns, .number = i + 1};
        uint32_t len = p->snap ? MIN(p->snap, p->len) : p->len;
        /* Memory of exactly that size, so that reading beyond it is caught. */
        uint8_t *copy = p->bytes;
        if (len < p->len)
            copy = memcpy(text_realloc(NULL, len), p->bytes, len);
        enum dissect_kind kind = DISSECT_OTHER;
        if (!p->is_dropped)
            kind = dissect_frame(f->link, (struct bytes){copy, len}, p->wire_len, &d);
        if (kind == DISSECT_FRAGMENT)
            kind = fragments_take(&fragments, &d);
        if (kind == DISSECT_TCP)
            track_tcp(track, &d);
        else if (kind == DISSECT_UDP)
            track_udp(track, &d);
        if (copy != p->bytes)
            free(copy);
    }
    track_finish(track);
    track_free(track);
    fragments_fini(&fragments);
}

static inline struct capfile_verdict capfile_judge(const struct capfile *f, size_t n)
{
    struct capfile_verdict v = {0};

    capfile_feed(f, n, &(struct track_user){NULL, capfile_done, &v});
    return v;
}
