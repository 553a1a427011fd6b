/* capture_fuzzer.c - captures: packets found, connections put together, sessions judged.
 *
 * Input: a file as `iperfspec check` takes it: pcap or pcapng, packed or not. */
#include "fuzz/file.h"
#include "fuzz/fuzz.h"
#include "fuzz/watch.h"

#include "harness/capture/capture.h"
#include "harness/capture/checksum.h"
#include "harness/capture/digest.h"
#include "harness/capture/timeline.h"
#include "impl/wire/scan.h"

#define SESSIONS     64           /* of a file, that are compared */
#define ZSTD_BYTES   (130u << 20) /* what a frame may ask of its reader */
#define BASE_BYTES   (4u << 20)   /* the file's buffer, tables, fragments, a page of text */
#define PACKET_BYTES (1u << 19)   /* one may begin a session, with its observer and its spans */

/* Numbers beyond the digits or the range of a double, keys that stand twice, half a character in an
 * escape: what is told of a text is what was sent. */
#define COPIED                                                                                     \
    (1u << SCAN_BIG_NUMBER | 1u << SCAN_HUGE_NUMBER | 1u << SCAN_DUPLICATE | 1u << SCAN_SURROGATE)

struct told {
    struct fuzz_log messages;
    bool is_open;
};

struct reading {
    struct track *track;
    uint64_t n_begun, n_done, n_whole;
    uint64_t number; /* of the latest packet */
    bool in_halves;  /* segments go in in two pieces */
    struct told told[SESSIONS];
};

static struct fuzz_file file;

/* --- what is told of sessions ------------------------------------------------------------------
 */

static void note_message(struct reading *r, const struct track_session *s,
                         const struct observer_message *m)
{
    if (s->number > SESSIONS || m->kind == OBSERVER_STRAY) /* which is told in pieces */
        return;
    watch_note(&r->told[s->number - 1].messages, m);
}

static void on_event(void *context, struct track_session *s, const struct track_event *e)
{
    struct reading *r = context;

    FUZZ_CHECK(e->number <= r->number, "packet %llu", (unsigned long long)e->number);
    if (e->kind == TRACK_BEGIN) {
        FUZZ_CHECK(s->number == ++r->n_begun, "session %llu", (unsigned long long)s->number);
        if (s->number <= SESSIONS)
            r->told[s->number - 1].is_open = true;
    }
    FUZZ_CHECK(s->number > SESSIONS || r->told[s->number - 1].is_open,
               "event %d of a session that is not open", e->kind);
    if (e->kind == TRACK_MESSAGE)
        note_message(r, s, e->message);
    bool was_on = fuzz_memory.is_on;
    fuzz_memory.is_on = false; /* what is kept to be printed is not the reader's memory */
    timeline_collect(s, e);
    fuzz_memory.is_on = was_on;
}

static void check_violation(const struct reading *r, const struct track_violation *v)
{
    FUZZ_CHECK(v->clause != NULL && v->clause->level != CLAUSE_IS, "no clause to judge by");
    FUZZ_CHECK(v->expected[0] != '\0' && v->found[0] != '\0', "%s without words", v->clause->id);
    FUZZ_CHECK(v->number > 0 && v->number <= r->number, "%s in packet %llu", v->clause->id,
               (unsigned long long)v->number);
}

/* Whatever bytes it holds: for people there are no control characters, */
static void check_words(FILE *out, char **text, const size_t *len, struct track_session *s)
{
    timeline_print(out, timeline_of(s), s, true);
    timeline_print_numbers(out, s);
    if (fflush(out) != 0)
        abort();
    for (size_t i = 0; i < *len; i++)
        FUZZ_CHECK((uint8_t)(*text)[i] >= ' ' || (*text)[i] == '\n', "byte %02x in %s",
                   (uint8_t)(*text)[i], *text);
}

/* and for programs JSON, whose flaws are those that a peer's text has as well. */
static void check_json(FILE *out, char **text, const size_t *len, struct track_session *s)
{
    struct scan_report report;

    if (!timeline_print_json(out, timeline_of(s), s, true) || fflush(out) != 0)
        abort();
    scan_json((struct bytes){(const uint8_t *)*text, *len}, NULL, 0, &report);
    FUZZ_CHECK((report.flaws & ~COPIED) == 0, "flaws %x in %s", report.flaws, *text);
}

static void check_print(struct track_session *s,
                        void (*check)(FILE *, char **, const size_t *, struct track_session *))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        abort();
    check(out, &text, &len, s);
    fclose(out);
    free(text);
}

/* Nothing is missing, nothing came twice in two ways, and each message's beginning is known: behind
 * what can't be told apart one is taken to begin with each segment. */
static bool is_whole(const struct track_session *s)
{
    return !s->is_late && !s->is_contested && s->n_gaps == 0 &&
           !observer_is_blind(s->observer, OBSERVER_CLIENT) &&
           !observer_is_blind(s->observer, OBSERVER_SERVER);
}

static void on_done(void *context, struct track_session *s)
{
    struct reading *r = context;

    r->n_done++;
    r->n_whole += is_whole(s);
    for (size_t i = 0; i < s->n_violations; i++)
        check_violation(r, &s->violations[i]);
    if (s->number <= SESSIONS) {
        struct told *told = &r->told[s->number - 1];
        FUZZ_CHECK(told->is_open, "session %llu is over twice", (unsigned long long)s->number);
        told->is_open = false;
    }
    bool was_on = fuzz_memory.is_on;
    fuzz_memory.is_on = false;
    check_print(s, check_words);
    check_print(s, check_json);
    timeline_discard(s);
    fuzz_memory.is_on = was_on;
    FUZZ_CHECK(digest_verdict(s) < DIGEST_N_VERDICTS, "%d", digest_verdict(s));
}

/* --- packets -----------------------------------------------------------------------------------
 */

/* Where a segment may be cut: behind what may be a cookie, by which connections are known. A reset
 * carries no data; nor is a damaged one cut, whose checksum is of the whole. */
static size_t cut_of(const struct dissected *p)
{
    bool may_be = p->payload.len == p->len && p->len > COOKIE_LEN + 1 &&
                  !(p->flags & DISSECT_RST) && checksum_of(p, false) != CHECKSUM_BAD;

    return may_be ? COOKIE_LEN + (p->len - COOKIE_LEN) / 2 : 0;
}

static void take_halves(struct track *track, const struct dissected *p)
{
    size_t cut = cut_of(p);
    struct dissected first = *p, second = *p;

    if (cut > 0) {
        first.flags &= (uint8_t)~DISSECT_FIN;
        first.len = (uint32_t)(first.payload.len = cut);
        track_tcp(track, &first);
        second.seq += (uint32_t)cut + (p->flags & DISSECT_SYN ? 1 : 0);
        second.flags &= (uint8_t)~DISSECT_SYN;
        second.len -= (uint32_t)cut;
        second.payload = (struct bytes){p->payload.at + cut, p->payload.len - cut};
        second.segment.len = 0; /* its checksum is counted once */
    }
    track_tcp(track, &second);
}

static void take_packet(void *context, enum dissect_kind kind, const struct dissected *p)
{
    struct reading *r = context;

    FUZZ_CHECK(p->number > r->number, "packet %llu again", (unsigned long long)p->number);
    FUZZ_CHECK(p->payload.len <= p->len, "%zu of %u bytes", p->payload.len, p->len);
    r->number = p->number;
    if (kind == DISSECT_UDP)
        track_udp(r->track, p);
    else if (r->in_halves)
        take_halves(r->track, p);
    else
        track_tcp(r->track, p);
}

/* --- a file ------------------------------------------------------------------------------------
 */

static void read_packets(struct reading *r, struct source *source, struct capture_counts *counts,
                         struct text *why)
{
    const struct track_user user = {on_event, on_done, r};
    bool was_cut;

    r->track = track_new(&user, NULL, 0);
    bool is_good = capture_each(source, take_packet, r, NULL, counts, &was_cut, why);
    FUZZ_CHECK(is_good == (why->len == 0), "damaged without a reason, or a reason for nothing");
    FUZZ_CHECK(r->number <= counts->packets, "packet %llu", (unsigned long long)r->number);
    r->number = counts->packets;
    capture_tell_unread(counts, why);
    if (!is_good)
        track_break(r->track, "the file is damaged from here on");
    track_finish(r->track);
    track_free(r->track);
    FUZZ_CHECK(r->n_begun == r->n_done, "%llu sessions begin, %llu end",
               (unsigned long long)r->n_begun, (unsigned long long)r->n_done);
}

static uint64_t read_file(struct reading *r)
{
    struct source source;
    struct text why = {0};
    struct capture_counts counts = {0};

    if (source_open(&source, file.path, &why)) {
        read_packets(r, &source, &counts, &why);
        source_close(&source);
    } else {
        FUZZ_CHECK(why.len > 0, "refused without a reason");
    }
    text_fini(&why);
    return counts.packets;
}

/* What reading may cost whatever the packets: zstd's window is of the size that a frame says. */
static size_t base_of(struct bytes input)
{
    return memmem(input.at, input.len, "\x28\xb5\x2f\xfd", 4) ? ZSTD_BYTES : BASE_BYTES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes input = {data, size};
    struct reading whole = {0}, halves = {.in_halves = true};

    fuzz_file_fill(&file, input);
    fuzz_memory_start();
    uint64_t n_packets = read_file(&whole);
    fuzz_memory_stop(base_of(input), PACKET_BYTES, n_packets);
    read_file(&halves);
    bool is_sure = whole.n_whole == whole.n_done && halves.n_whole == halves.n_done;
    FUZZ_CHECK(!is_sure || whole.n_done == halves.n_done, "%llu sessions, in halves %llu",
               (unsigned long long)whole.n_done, (unsigned long long)halves.n_done);
    for (size_t i = 0; i < SESSIONS; i++) {
        struct told *a = &whole.told[i], *b = &halves.told[i];
        FUZZ_CHECK(!is_sure || fuzz_equal(fuzz_noted(&a->messages), fuzz_noted(&b->messages)),
                   "session %zu: other messages where segments come in halves", i + 1);
        fuzz_log_fini(&a->messages);
        fuzz_log_fini(&b->messages);
    }
    return 0;
}
