/* Captured sessions of stock builds (pcaps/): what they are known to hold, and that nothing that
 * can happen to a capture is held against the peers. */
#include "harness/capture/digest.h"
#include "harness/capture/fragment.h"
#include "harness/tests/capfile.h"
#include "impl/tests/unit.h"
#include "impl/wire/json.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

static glob_t captures;

static int find_captures(void **state)
{
    (void)state;
    return glob("pcaps/*.pcap.gz", 0, NULL, &captures);
}

static int free_captures(void **state)
{
    (void)state;
    globfree(&captures);
    return 0;
}

static const char *name_of(size_t i)
{
    return captures.gl_pathv[i];
}

static void load(struct capfile *f, size_t i)
{
    if (!capfile_read(f, name_of(i)))
        fail_msg("%s cannot be read", name_of(i));
}

static void expect_clean(const struct capfile_verdict *v, const char *name, const char *what,
                         size_t at)
{
    if (v->n_violations > 0)
        fail_msg("%s, %s %zu: %s in packet %llu: %s", name, what, at, v->clause,
                 (unsigned long long)v->number, v->found);
}

/* --- what the manifests say ------------------------------------------------------------------- */

static json_value *manifest_of(const char *capture)
{
    static char text[1 << 20];
    char path[512];
    json_value *root = NULL;

    snprintf(path, sizeof path, "%.*s.json", (int)(strlen(capture) - strlen(".pcap.gz")), capture);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    assert_int_equal(json_parse((struct bytes){(const uint8_t *)text, len}, &root), SPEC_OK);
    return root;
}

/* tshark's count of the payload bytes that way, over all connections of the protocol; without
 * losses and retransmissions that is what the sequence numbers say. */
static int64_t tshark_bytes(const json_value *manifest, const char *protocol, const char *way)
{
    const json_value *flows = json_member(json_member(manifest, "tshark"), protocol);
    int64_t sum = 0;

    for (const json_value *flow = json_next(flows, NULL); flow != NULL;
         flow = json_next(flows, flow)) {
        const json_value *first = json_next(json_member(flow, way), NULL);
        sum += json_int(json_next(json_member(flow, way), first));
    }
    return sum;
}

static void compare_udp(const struct capfile_verdict *v, const json_value *manifest,
                        const char *name)
{
    static const char *const ways[] = {"client", "server"};

    for (int side = 0; side < 2; side++) {
        /* tshark counted the four bytes of each stream's opening as well */
        int64_t expected = tshark_bytes(manifest, "udp", ways[side]) - 4 * (int64_t)v->n_streams;
        if ((int64_t)v->bytes[side] != expected)
            fail_msg("%s: %lld bytes of datagrams by the %s, tshark has %lld", name,
                     (long long)v->bytes[side], ways[side], (long long)expected);
    }
}

static void test_captures_are_as_their_manifests_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        load(&f, i);
        struct capfile_verdict v = capfile_judge(&f, f.n);
        json_value *manifest = manifest_of(name_of(i));
        const json_value *client = json_member(manifest, "client");
        bool failed = json_int(json_member(client, "exit")) != 0 ||
                      json_member(json_member(client, "reported"), "error") != NULL;
        expect_clean(&v, name_of(i), "whole", f.n);
        if (v.n_sessions == 0 || (!failed && v.n_completed == 0))
            fail_msg("%s: %u sessions, %s", name_of(i), v.n_sessions, v.ending);
        if (json_member(json_member(manifest, "tshark"), "udp") != NULL)
            compare_udp(&v, manifest, name_of(i));
        json_free(manifest);
        capfile_fini(&f);
    }
}

/* --- what can happen to a capture ------------------------------------------------------------- */

static void test_a_capture_cut_at_any_packet_blames_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        load(&f, i);
        for (size_t n = 0; n < f.n; n++) {
            struct capfile_verdict v = capfile_judge(&f, n);
            expect_clean(&v, name_of(i), "cut behind packet", n);
        }
        capfile_fini(&f);
    }
}

static void test_a_capture_without_any_one_packet_blames_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        load(&f, i);
        for (size_t n = 0; n < f.n; n++) {
            f.packets[n].is_dropped = true;
            struct capfile_verdict v = capfile_judge(&f, f.n);
            expect_clean(&v, name_of(i), "without packet", n + 1);
            if (v.n_sessions == 0)
                fail_msg("%s: no session without packet %zu", name_of(i), n + 1);
            f.packets[n].is_dropped = false;
        }
        capfile_fini(&f);
    }
}

static void test_a_capture_that_starts_at_any_packet_blames_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        load(&f, i);
        for (size_t n = 0; n < f.n; n++) {
            f.packets[n].is_dropped = true;
            struct capfile_verdict v = capfile_judge(&f, f.n);
            expect_clean(&v, name_of(i), "from behind packet", n + 1);
        }
        capfile_fini(&f);
    }
}

static void test_a_capture_with_two_packets_swapped_blames_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        load(&f, i);
        for (size_t n = 0; n + 1 < f.n; n++) {
            struct capfile_packet p = f.packets[n];
            f.packets[n] = f.packets[n + 1];
            f.packets[n + 1] = p;
            struct capfile_verdict v = capfile_judge(&f, f.n);
            expect_clean(&v, name_of(i), "swapped behind packet", n);
            f.packets[n + 1] = f.packets[n];
            f.packets[n] = p;
        }
        capfile_fini(&f);
    }
}

/* Every second or third packet is gone, as in an unthrottled capture. */
static void test_a_capture_with_many_holes_blames_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        load(&f, i);
        for (unsigned seed = 1; seed <= 40; seed++) {
            unsigned random = seed;
            for (size_t n = 0; n < f.n; n++) {
                random = random * 1103515245 + 12345;
                f.packets[n].is_dropped = (random >> 16) % 10 < 1 + seed % 6;
            }
            struct capfile_verdict v = capfile_judge(&f, f.n);
            expect_clean(&v, name_of(i), "holes of seed", seed);
        }
        capfile_fini(&f);
    }
}

static void test_a_capture_with_any_snap_length_blames_nobody(void **state)
{
    static const uint32_t lengths[] = {1,  14, 20,  34,  40,  54,  60,  66,  67,  68,  70,  74,
                                       80, 96, 100, 103, 104, 128, 160, 200, 256, 400, 1000};
    (void)state;
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        load(&f, i);
        for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
            for (size_t n = 0; n < f.n; n++)
                f.packets[n].snap = lengths[k];
            struct capfile_verdict v = capfile_judge(&f, f.n);
            expect_clean(&v, name_of(i), "snap length", lengths[k]);
        }
        capfile_fini(&f);
    }
}

/* Damage may look like a peer's fault; it must not bring down the judge. Each packet gets its turn,
 * with bytes spread over headers and payload. */
static void test_damaged_packets_are_survived(void **state)
{
    unsigned random = 1, n_sessions = 0;

    (void)state;
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        load(&f, i);
        for (size_t n = 0; n < f.n; n++) {
            uint8_t *bytes = f.packets[n].bytes;
            for (unsigned k = 0; k < 4; k++) {
                random = random * 1103515245 + 12345;
                size_t at = (random >> 8) % MIN(f.packets[n].len, 120u);
                uint8_t before = bytes[at];
                bytes[at] ^= (uint8_t)(1u << (random >> 4) % 8);
                n_sessions += capfile_judge(&f, f.n).n_sessions;
                bytes[at] = before;
            }
        }
        capfile_fini(&f);
    }
    assert_true(n_sessions > captures.gl_pathc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captures_are_as_their_manifests_say),
        cmocka_unit_test(test_a_capture_cut_at_any_packet_blames_nobody),
        cmocka_unit_test(test_a_capture_without_any_one_packet_blames_nobody),
        cmocka_unit_test(test_a_capture_that_starts_at_any_packet_blames_nobody),
        cmocka_unit_test(test_a_capture_with_two_packets_swapped_blames_nobody),
        cmocka_unit_test(test_a_capture_with_many_holes_blames_nobody),
        cmocka_unit_test(test_a_capture_with_any_snap_length_blames_nobody),
        cmocka_unit_test(test_damaged_packets_are_survived),
    };
    return cmocka_run_group_tests(tests, find_captures, free_captures);
}
