/* Captures that hold each packet twice: of a router on all of its interfaces, of a bridge, of both
 * ends merged into one. What a router cuts or joins has other identifications behind it. */
#include "harness/tests/doctor.h"

#include <glob.h>

enum { PIECES_MAX = 4, PIECE = 400 }; /* so many, of so many bytes, of a segment */

/* The second point of capture, as seen from the first. */
static const struct scene {
    const char *name;
    int64_t later_ns; /* by the clock of the file */
    unsigned hops;    /* fewer */
    bool cuts_before; /* segments are whole at the second point alone */
    bool cuts_behind; /* they are at the first */
} scenes[] = {
    {"a router",                          100000,     1, false, false},
    {"a router that cuts",                100000,     1, false, true },
    {"a router that joins",               100000,     1, true,  false},
    {"a bridge",                          100000,     0, false, false},
    {"a bridge that cuts",                100000,     0, false, true },
    {"a bridge that joins",               100000,     0, true,  false},
    {"a router with a queue",             40000000,   1, false, true },
    {"a host with a queue",               40000000,   0, false, true },
    {"the receiver, its clock ahead",     700000000,  1, false, true },
    {"the receiver, its clock behind",    -700000000, 1, false, true },
    {"its neighbour's, its clock behind", -20000000,  0, false, true },
    {"the receiver, its clock far ahead", 3000000000, 1, false, false},
};

struct making {
    const struct capfile *f;
    struct capfile out;
};

static struct capfile_packet copy_of(const struct capfile_packet *p)
{
    struct capfile_packet copy = *p;

    copy.bytes = memcpy(text_realloc(NULL, p->len), p->bytes, p->len);
    return copy;
}

static void store_be16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void add(struct making *m, struct capfile_packet p, int64_t later_ns, unsigned hops)
{
    uint8_t *ip = p.bytes + doctor_ip(m->f);

    ip[ip[0] >> 4 == 4 ? 8 : 7] -= (uint8_t)hops;
    p.at_ns = (uint64_t)((int64_t)p.at_ns + later_ns);
    m->out.packets[m->out.n++] = p;
}

/* The k-th piece of a segment, as a kernel or a card cuts it. */
static struct capfile_packet piece_of(const struct making *m, const struct capfile_packet *whole,
                                      const struct dissected *d, uint32_t k)
{
    struct capfile_packet p = copy_of(whole);
    size_t head = (size_t)(d->payload.at - whole->bytes), from = k * PIECE;
    size_t len = MIN(d->len - from, (size_t)PIECE);
    uint8_t *ip = p.bytes + doctor_ip(m->f), *tcp = ip + (ip[0] & 15) * 4;

    memmove(p.bytes + head, p.bytes + head + from, len);
    p.len = p.wire_len = (uint32_t)(head + len);
    store_be16(ip + 2, p.len - doctor_ip(m->f));
    store_be16(ip + 4, d->ip_id + k);
    doctor_add_be32(tcp + 4, (uint32_t)from);
    if (from + len < d->len)
        tcp[13] &= (uint8_t)~DISSECT_FIN;
    return p;
}

/* Packet i as it is at one point of capture. */
static void add_at(struct making *m, size_t i, bool cuts, int64_t later_ns, unsigned hops)
{
    struct capfile_packet *whole = &m->f->packets[i];
    struct dissected d;
    bool is_tcp = doctor_look(m->f, i, &d) == DISSECT_TCP;

    if (!cuts || !is_tcp || d.ip_id == 0 || d.len <= PIECE || d.len > PIECES_MAX * PIECE ||
        d.payload.len < d.len) {
        add(m, copy_of(whole), later_ns, hops);
        return;
    }
    for (uint32_t k = 0; k * PIECE < d.len; k++)
        add(m, piece_of(m, whole, &d, k), later_ns, hops);
}

/* A packet has as many identifications as it may have pieces. */
static void spread_identifications(struct capfile *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct dissected d;
        if (doctor_look(f, i, &d) == DISSECT_TCP && d.ip_id != 0)
            store_be16(f->packets[i].bytes + doctor_ip(f) + 4, d.ip_id * (unsigned)PIECES_MAX);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct capfile_packet *x = a, *y = b;

    return x->at_ns != y->at_ns ? (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns)
                                : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* In the order of its own packets where times are the same. */
static void in_order(struct capfile *f)
{
    for (size_t i = 1; i < f->n; i++) /* times of one point may be the same, or go back a little */
        f->packets[i].at_ns = MAX(f->packets[i].at_ns, f->packets[i - 1].at_ns + 1);
}

static struct capfile seen_twice(struct capfile *f, const struct scene *scene)
{
    size_t cap = 2 * PIECES_MAX * f->n;
    struct making m = {.f = f, .out = {.link = f->link}};

    m.out.packets = text_realloc(NULL, cap * sizeof *m.out.packets);
    spread_identifications(f);
    for (size_t i = 0; i < f->n; i++)
        add_at(&m, i, scene->cuts_before, 0, 0);
    in_order(&m.out);
    struct capfile first = m.out;
    m.out.packets += first.n;
    m.out.n = 0;
    for (size_t i = 0; i < f->n; i++)
        add_at(&m, i, scene->cuts_behind, scene->later_ns, scene->hops);
    in_order(&m.out);
    first.n += m.out.n;
    qsort(first.packets, first.n, sizeof *first.packets, by_time);
    return first;
}

/* Whether what is told of retransmits holds no more: of a segment that is four at the point where
 * they are counted. A sender would have told four. */
static bool counts_pieces(const char *path, const struct scene *scene)
{
    return strstr(path, "lossy") != NULL &&
           (scene->cuts_before || (scene->cuts_behind && scene->later_ns < 0));
}

static void test_packets_that_were_captured_twice_blame_nobody(void **state)
{
    glob_t captures;

    (void)state;
    assert_int_equal(glob("pcaps/3.[12]*.pcap.gz", 0, NULL, &captures), 0);
    for (size_t i = 0; i < captures.gl_pathc; i++)
        for (size_t k = 0; k < ARRAY_LEN(scenes); k++) {
            struct capfile f;
            if (counts_pieces(captures.gl_pathv[i], &scenes[k]))
                continue;
            assert_true(capfile_read(&f, captures.gl_pathv[i]));
            struct capfile s = seen_twice(&f, &scenes[k]);
            struct capfile_verdict v = capfile_judge(&s, s.n);
            if (v.n_violations > 0)
                fail_msg("%s, %s: %s in packet %llu: %s", captures.gl_pathv[i], scenes[k].name,
                         v.clause, (unsigned long long)v.number, v.found);
            capfile_fini(&s);
            capfile_fini(&f);
        }
    globfree(&captures);
}

/* What is not told in the results, and found wherever its packets were captured. */
static const struct row {
    const char *capture;
    enum observer_side side;
    const char *what, *with, *clause;
} rows[] = {
    {"3.22-3.22-lossy",         OBSERVER_CLIENT, "\"retransmits\":8",  "\"retransmits\":2", "RES-12"},
    {"3.12-3.12-lossy-reverse", OBSERVER_SERVER, "\"retransmits\":26", "\"retransmits\":6",
     "RES-12"                                                                                       },
    {"3.22-3.22-udp",           OBSERVER_CLIENT, "\"bytes\":50000",    "\"bytes\":48000",   "RES-11"},
    {"3.22-3.22-udp",           OBSERVER_CLIENT, "\"packets\":50",     "\"packets\":40",    "RES-16"},
};

static void test_what_is_not_told_is_found_at_two_points_as_at_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t k = 0; k < ARRAY_LEN(scenes); k++) {
            const struct row *row = &rows[i];
            char path[64];
            struct capfile f;
            size_t at = 0;
            snprintf(path, sizeof path, "pcaps/%s.pcap.gz", row->capture);
            assert_true(capfile_read(&f, path));
            struct doctor doc = doctor_connection(&f, 0);
            struct bytes what = {(const uint8_t *)row->what, strlen(row->what)};
            size_t packet = doctor_find(&doc, row->side, what, 0, &at);
            doctor_splice(&doc, row->side, packet, at, what.len,
                          (struct bytes){(const uint8_t *)row->with, strlen(row->with)});
            if (strlen(row->with) != what.len)
                doctor_fix_length(&doc, row->side, packet, (int32_t)(strlen(row->with) - what.len));
            struct capfile s = seen_twice(&f, &scenes[k]);
            struct capfile_verdict v = capfile_judge(&s, s.n);
            if (v.n_violations == 0 || strcmp(v.clause, row->clause) != 0)
                fail_msg("%s, %s: %s", row->capture, scenes[k].name,
                         v.n_violations ? v.clause : "nothing");
            capfile_fini(&s);
            capfile_fini(&f);
        }
}

static bool is_datagram(const struct capfile *f, size_t i)
{
    struct dissected d;

    return i < f->n && doctor_look(f, i, &d) == DISSECT_UDP && d.len == 1000;
}

/* One buffer of segmentation offload for both datagrams, of which the snap length leaves the first:
 * nobody knows the number of the other. */
static struct capfile_packet joined_and_cut(const struct capfile *f,
                                            const struct capfile_packet *first)
{
    struct capfile_packet p = copy_of(first);
    uint8_t *ip = p.bytes + doctor_ip(f);

    p.wire_len += 1000;
    store_be16(ip + 2, p.wire_len - doctor_ip(f));
    store_be16(ip + 20 + 4, 8 + 2 * 1000);
    return p;
}

static void test_datagrams_that_were_cut_off_count_once_at_two_points(void **state)
{
    struct capfile f;

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-udp.pcap.gz"));
    struct making m = {.f = &f, .out = {.link = f.link}};
    unsigned n_joined = 0;
    m.out.packets = text_realloc(NULL, 2 * f.n * sizeof *m.out.packets);
    for (size_t i = 0; i < f.n; i++) {
        if (is_datagram(&f, i) && is_datagram(&f, i + 1)) {
            add(&m, joined_and_cut(&f, &f.packets[i]), 0, 0);
            add(&m, copy_of(&f.packets[i]), 1, 1);
            i++;
            n_joined++;
        }
        add(&m, copy_of(&f.packets[i]), 2, 1);
    }
    assert_true(n_joined > 20);
    struct capfile_verdict v = capfile_judge(&m.out, m.out.n);
    if (v.n_violations > 0)
        fail_msg("%s in packet %llu: %s", v.clause, (unsigned long long)v.number, v.found);
    capfile_fini(&m.out);
    capfile_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_that_were_captured_twice_blame_nobody),
        cmocka_unit_test(test_what_is_not_told_is_found_at_two_points_as_at_one),
        cmocka_unit_test(test_datagrams_that_were_cut_off_count_once_at_two_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
