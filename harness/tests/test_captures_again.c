/* The same ports again: sessions one behind the other, as a client with --cport opens them. */
#include "harness/tests/doctor.h"

#include <glob.h>

/* So long behind the last packet of the first session the second one begins: within the time in
 * which stragglers of the first are waited for. */
static const uint64_t pauses_ns[] = {1000000, 500000000, 1900000000, 5000000000};

/* The same session, its control connection from another port and its datagrams from another time:
 * only that they come from where they came before is as it was. */
static struct capfile again(const char *path)
{
    struct capfile f;

    assert_true(capfile_read(&f, path));
    for (size_t i = 0; i < f.n; i++) {
        struct dissected d;
        enum dissect_kind kind = doctor_look(&f, i, &d);
        uint8_t *ip = f.packets[i].bytes + doctor_ip(&f);
        uint8_t *port = ip + (ip[0] >> 4 == 4 ? (ip[0] & 15) * 4 : 40);
        if (kind == DISSECT_TCP)
            port[d.from_port == 5201 ? 2 : 0] ^= 0x40;
        else if (kind == DISSECT_UDP && d.len > DATAGRAM_CONNECT_LEN)
            doctor_add_be32((uint8_t *)(uintptr_t)d.payload.at, 100);
    }
    doctor_seal(&f);
    return f;
}

/* All packets of a, then all of b, from pause_ns behind the last one on. */
static struct capfile joined(const struct capfile *a, const struct capfile *b, uint64_t pause_ns)
{
    struct capfile both = {.link = a->link,
                           .n = a->n + b->n,
                           .packets = text_realloc(NULL, (a->n + b->n) * sizeof *a->packets)};
    uint64_t later = a->packets[a->n - 1].at_ns + pause_ns - b->packets[0].at_ns;

    memcpy(both.packets, a->packets, a->n * sizeof *a->packets);
    memcpy(both.packets + a->n, b->packets, b->n * sizeof *b->packets);
    for (size_t i = a->n; i < both.n; i++)
        both.packets[i].at_ns += later;
    return both;
}

static void expect_clean(const struct capfile_verdict *v, const char *name, size_t dropped)
{
    if (v->n_violations > 0)
        fail_msg("%s again, without packet %zu: %s in packet %llu: %s", name, dropped, v->clause,
                 (unsigned long long)v->number, v->found);
}

static void check_twice(const char *name)
{
    struct capfile f = again(name), g;
    struct capfile_verdict once = capfile_judge(&f, f.n);

    assert_true(capfile_read(&g, name));
    for (size_t i = 0; i < ARRAY_LEN(pauses_ns); i++) {
        struct capfile both = joined(&f, &g, pauses_ns[i]);
        struct capfile_verdict v = capfile_judge(&both, both.n);
        expect_clean(&v, name, 0);
        for (int side = 0; side < 2; side++)
            assert_int_equal(v.bytes[side], 2 * once.bytes[side]);
        if (v.n_sessions != 2 * once.n_sessions || v.n_completed != 2 * once.n_completed ||
            v.n_parts != 2 * once.n_parts)
            fail_msg("%s twice: %u sessions, %u completed, %u in part", name, v.n_sessions,
                     v.n_completed, v.n_parts);
        free(both.packets);
    }
    capfile_fini(&f);
    capfile_fini(&g);
}

static void test_a_session_on_the_ports_of_the_one_before_is_one_of_its_own(void **state)
{
    glob_t captures;

    (void)state;
    assert_int_equal(glob("pcaps/3.*-udp*.pcap.gz", 0, NULL, &captures), 0);
    for (size_t i = 0; i < captures.gl_pathc; i++)
        check_twice(captures.gl_pathv[i]);
    globfree(&captures);
}

/* Also where the opening of the second one's stream, or the answer to it, is among what was lost.
 */
static void test_ports_used_again_blame_nobody_where_packets_are_missing(void **state)
{
    static const char *const names[] = {
        "pcaps/3.22-3.22-udp-bidir.pcap.gz",
        "pcaps/3.12-3.12-udp-reverse.pcap.gz",
        "pcaps/3.9-3.9-udp-parallel.pcap.gz",
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        struct capfile f = again(names[k]), g;
        assert_true(capfile_read(&g, names[k]));
        struct capfile both = joined(&f, &g, pauses_ns[0]);
        for (size_t i = f.n; i < both.n; i++)
            for (size_t width = 1; width <= 4 && i + width <= both.n; width++) {
                for (size_t n = 0; n < width; n++)
                    both.packets[i + n].is_dropped = true;
                struct capfile_verdict v = capfile_judge(&both, both.n);
                expect_clean(&v, names[k], i + 1);
                for (size_t n = 0; n < width; n++)
                    both.packets[i + n].is_dropped = false;
            }
        free(both.packets);
        capfile_fini(&f);
        capfile_fini(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_session_on_the_ports_of_the_one_before_is_one_of_its_own),
        cmocka_unit_test(test_ports_used_again_blame_nobody_where_packets_are_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
