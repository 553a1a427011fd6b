/* What a checksum tells: a packet that was damaged on its way is none that its receiver has read.
 */
#include "harness/tests/doctor.h"

/* --- the sum ---------------------------------------------------------------------------------- */

static uint16_t sum_of(const void *at, size_t len)
{
    return checksum_fold(checksum_add(0, (struct bytes){at, len}));
}

static void test_checksum_add_gives_the_sum_of_rfc_1071(void **state)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    (void)state;
    assert_int_equal(sum_of(bytes, sizeof bytes), 0xddf2);
    assert_int_equal(sum_of(bytes, 0), 0);
    assert_int_equal(sum_of(bytes, 1), 0);
    assert_int_equal(sum_of(bytes, 3), 0xf201);
}

/* Of any length, in any pieces of even length: as by the definition. */
static void test_checksum_add_goes_on_from_any_even_place(void **state)
{
    uint8_t bytes[67];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(0xff - 29 * i);
    for (size_t len = 1; len <= sizeof bytes; len++) {
        uint32_t plain = 0;
        for (size_t i = 0; i < len; i++)
            plain += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
        while (plain >> 16)
            plain = (plain & 0xffff) + (plain >> 16);
        for (size_t cut = 0; cut < len; cut += 2) {
            uint64_t sum = checksum_add(0, (struct bytes){bytes, cut});
            sum = checksum_add(sum, (struct bytes){bytes + cut, len - cut});
            assert_int_equal(checksum_fold(sum), plain);
        }
    }
}

/* --- of a packet ------------------------------------------------------------------------------ */

/* The sums were made by other means (tshark takes them for good). */
static const struct row {
    const char *name;
    bool is_udp, is_v6;
    uint16_t sum;
    const char *text;
    uint8_t cut; /* bytes more on the wire */
    enum checksum is;
} rows[] = {
    {"TCP",                                    false, false, 0xc069, "hello", 0, CHECKSUM_GOOD    },
    {"TCP, another byte",                      false, false, 0xc069, "hallo", 0, CHECKSUM_BAD     },
    {"TCP, unfilled",                          false, false, 0x8423, "hallo", 0, CHECKSUM_UNFILLED},
    {"TCP, unfilled without the length",       false, false, 0x840a, "hello", 0, CHECKSUM_UNFILLED},
    {"TCP, none",                              false, false, 0x0000, "hello", 0, CHECKSUM_NONE    },
    {"TCP, cut",                               false, false, 0x1234, "hello", 7, CHECKSUM_NONE    },
    {"UDP",                                    true,  false, 0x1179, "hello", 0, CHECKSUM_GOOD    },
    {"UDP, another byte",                      true,  false, 0x1179, "hallo", 0, CHECKSUM_BAD     },
    {"UDP, unfilled",                          true,  false, 0x8422, "hallo", 0, CHECKSUM_UNFILLED},
    {"UDP, unfilled without the length",       true,  false, 0x8415, "hello", 0, CHECKSUM_UNFILLED},
    {"UDP, none",                              true,  false, 0x0000, "hello", 0, CHECKSUM_NONE    },
    {"TCP, IPv6",                              false, true,  0xe8f8, "hello", 0, CHECKSUM_GOOD    },
    {"TCP, IPv6, another byte",                false, true,  0xe8f8, "hallo", 0, CHECKSUM_BAD     },
    {"TCP, IPv6, unfilled",                    false, true,  0x5b94, "hallo", 0, CHECKSUM_UNFILLED},
    {"TCP, IPv6, unfilled without the length", false, true,  0x5b7b, "hello", 0, CHECKSUM_UNFILLED},
    {"TCP, IPv6, none",                        false, true,  0x0000, "hello", 0, CHECKSUM_NONE    },
    {"UDP, IPv6",                              true,  true,  0x3a08, "hello", 0, CHECKSUM_GOOD    },
    {"UDP, IPv6, another byte",                true,  true,  0x3a08, "hallo", 0, CHECKSUM_BAD     },
    {"UDP, IPv6, unfilled",                    true,  true,  0x5b93, "hallo", 0, CHECKSUM_UNFILLED},
    {"UDP, IPv6, unfilled without the length", true,  true,  0x5b86, "hello", 0, CHECKSUM_UNFILLED},
    {"UDP, IPv6, none",                        true,  true,  0x0000, "hello", 0, CHECKSUM_NONE    },
};

/* Its bytes without a link layer; returns how many they are. */
static size_t make_packet(const struct row *row, uint8_t out[128])
{
    static const uint8_t ends4[] = {192, 0, 2, 1, 192, 0, 2, 2};
    static const uint8_t ends6[] = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
                                    0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
    static const uint8_t tcp[20] = {0x12, 0x34, 0x14, 0x51, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1};
    size_t ip = row->is_v6 ? 40 : 20, head = row->is_udp ? 8 : 20, text = strlen(row->text);
    uint8_t *transport = out + ip, len = (uint8_t)(head + text);

    memset(out, 0, ip);
    out[0] = row->is_v6 ? 0x60 : 0x45;
    out[row->is_v6 ? 5 : 3] = (uint8_t)(len + row->cut + (row->is_v6 ? 0 : ip));
    out[row->is_v6 ? 6 : 9] = row->is_udp ? 17 : 6;
    memcpy(transport - (row->is_v6 ? sizeof ends6 : sizeof ends4), row->is_v6 ? ends6 : ends4,
           row->is_v6 ? sizeof ends6 : sizeof ends4);
    memcpy(transport, tcp, head);
    if (row->is_udp)
        memcpy(transport + 4, (uint8_t[]){0, len, 0, 0}, 4);
    transport[checksum_place(row->is_udp)] = (uint8_t)(row->sum >> 8);
    transport[checksum_place(row->is_udp) + 1] = (uint8_t)row->sum;
    memcpy(transport + head, row->text, text);
    return ip + len;
}

static void test_checksum_of_a_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t packet[128];
        struct bytes frame = {packet, make_packet(&rows[i], packet)};
        struct dissected p = {0};
        enum dissect_kind kind =
            dissect_frame(DLT_RAW, frame, (uint32_t)frame.len + rows[i].cut, &p);
        assert_int_equal(kind, rows[i].is_udp ? DISSECT_UDP : DISSECT_TCP);
        if (checksum_of(&p, rows[i].is_udp) != rows[i].is)
            fail_msg("%s: %d", rows[i].name, checksum_of(&p, rows[i].is_udp));
    }
}

/* --- of a session ----------------------------------------------------------------------------- */

/* Captured where checksums are filled in, on a link that loses packets. */
static const char *const filled[] = {
    "pcaps/3.22-3.22-lossy.pcap.gz",
    "pcaps/3.9-3.9-lossy-reverse.pcap.gz",
    "pcaps/3.18-3.18-udp-lossy.pcap.gz",
    "pcaps/3.12-3.12-udp-lossy-reverse.pcap.gz",
};

static bool is_tcp(const struct capfile *f, size_t i)
{
    struct dissected d;

    return doctor_look(f, i, &d) == DISSECT_TCP;
}

/* Each packet in turn arrives with a byte of its header or its first ones changed, and no more is
 * known than if it were lost. Not the very first: of one that opens a connection wrongly nothing is
 * known before it comes again. */
static void test_a_damaged_packet_is_held_against_nobody(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(filled); k++) {
        struct capfile f;
        assert_true(capfile_read(&f, filled[k]));
        struct capfile_verdict before = capfile_judge(&f, f.n);
        size_t ip = doctor_ip(&f);
        for (size_t i = 1; i < f.n; i++) {
            struct capfile_packet *p = &f.packets[i];
            size_t start = ip + (size_t)(p->bytes[ip] & 15) * 4;
            for (size_t at = start + i % 5; at < MIN(p->len, start + 40); at += 5) {
                if (at >= start + checksum_place(!is_tcp(&f, i)) &&
                    at < start + checksum_place(!is_tcp(&f, i)) + 2)
                    continue;
                p->bytes[at] ^= 0x10;
                struct capfile_verdict v = capfile_judge(&f, f.n);
                p->bytes[at] ^= 0x10;
                if (v.n_violations > 0 || v.n_sessions != before.n_sessions)
                    fail_msg("%s, packet %zu, byte %zu: %u sessions, %s in packet %llu: %s",
                             filled[k], i + 1, at, v.n_sessions, v.clause,
                             (unsigned long long)v.number, v.found);
            }
        }
        capfile_fini(&f);
    }
}

/* Each comes twice, the first time damaged, as where TCP sends it again: nothing is lost by that.
 * (Behind the SYN and its answer, before which nobody knows that checksums are filled in.) */
static void test_what_comes_again_makes_up_for_a_damaged_packet(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(filled); k++) {
        struct capfile f;
        assert_true(capfile_read(&f, filled[k]));
        struct capfile_verdict before = capfile_judge(&f, f.n);
        size_t ip = doctor_ip(&f);
        for (size_t i = 2; i < f.n; i++) {
            struct capfile with = f;
            struct capfile_packet *p;
            with.n = f.n + 1;
            with.packets = text_realloc(NULL, with.n * sizeof *with.packets);
            memcpy(with.packets, f.packets, (i + 1) * sizeof *f.packets);
            memcpy(with.packets + i + 1, f.packets + i, (f.n - i) * sizeof *f.packets);
            p = &with.packets[i];
            p->bytes = memcpy(text_realloc(NULL, p->len), p->bytes, p->len);
            p->bytes[ip + 20 + 4 + i % (p->len - ip - 24)] ^= 0x41;
            struct capfile_verdict v = capfile_judge(&with, with.n);
            free(p->bytes);
            free(with.packets);
            if (v.n_violations > 0 || v.n_parts != before.n_parts || strcmp(v.note, before.note))
                fail_msg("%s, packet %zu: %s, note '%s'", filled[k], i + 1, v.clause, v.note);
        }
        capfile_fini(&f);
    }
}

/* All of them are wrong: nobody has filled them in, and they tell nothing. */
static void test_checksums_that_are_all_wrong_tell_nothing(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(filled); k++) {
        struct capfile f;
        assert_true(capfile_read(&f, filled[k]));
        struct capfile_verdict before = capfile_judge(&f, f.n);
        for (size_t i = 0; i < f.n; i++) {
            size_t ip = doctor_ip(&f);
            size_t start = ip + (size_t)(f.packets[i].bytes[ip] & 15) * 4;
            f.packets[i].bytes[start + checksum_place(!is_tcp(&f, i))] ^= 0x10;
        }
        struct capfile_verdict v = capfile_judge(&f, f.n);
        assert_int_equal(v.n_sessions, 1);
        assert_int_equal(v.n_violations, before.n_violations);
        assert_int_equal(v.n_parts, before.n_parts);
        assert_memory_equal(v.stream_bytes, before.stream_bytes, sizeof v.stream_bytes);
        capfile_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum_add_gives_the_sum_of_rfc_1071),
        cmocka_unit_test(test_checksum_add_goes_on_from_any_even_place),
        cmocka_unit_test(test_checksum_of_a_packet),
        cmocka_unit_test(test_a_damaged_packet_is_held_against_nobody),
        cmocka_unit_test(test_what_comes_again_makes_up_for_a_damaged_packet),
        cmocka_unit_test(test_checksums_that_are_all_wrong_tell_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
