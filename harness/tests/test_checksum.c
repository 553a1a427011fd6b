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

#define SEEN(text)               (const uint8_t *)(text), sizeof(text) - 1
#define IPV4_TO(total, protocol) "\x45\0\0" total "\0\1\0\0\x40" protocol "\0\0\xc0\0\2\1\xc0\0\2\2"
#define IPV6_TO(len, protocol)                                                                     \
    "\x60\0\0\0\0" len protocol "\x40"                                                             \
    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define TCP_WITH(check, text)      "\x12\x34\x14\x51\0\0\0\1\0\0\0\2\x50\x18\1\0" check "\0\0" text
#define UDP_WITH(len, check, text) "\x12\x34\x14\x51\0" len check text

/* The sums were made by other means (tshark takes them for good). */
static const struct {
    const char *name;
    const uint8_t *frame;
    size_t len;
    uint32_t more; /* on the wire */
    enum checksum is;
} rows[] = {
    {"TCP",                              SEEN(IPV4_TO("\x2d", "\x06") TCP_WITH("\xc0\x69",                    "hello")),0,         CHECKSUM_GOOD    },
    {"TCP, another byte",                SEEN(IPV4_TO("\x2d", "\x06") TCP_WITH("\xc0\x69",                    "hallo")),0,
     CHECKSUM_BAD},
    {"TCP, unfilled",                    SEEN(IPV4_TO("\x2d", "\x06") TCP_WITH("\x84\x23",                    "hallo")),0,
     CHECKSUM_UNFILLED},
    {"TCP, unfilled without the length",
     SEEN(IPV4_TO("\x2d",                                     "\x06") TCP_WITH("\x84\x0a",                    "hello")),0,         CHECKSUM_UNFILLED},
    {"TCP, none",                        SEEN(IPV4_TO("\x2d", "\x06") TCP_WITH("\x00\x00",                    "hello")),0,         CHECKSUM_NONE    },
    {"UDP",                              SEEN(IPV4_TO("\x21", "\x11") UDP_WITH("\x0d",                        "\x11\x79","hello")), 0,                 CHECKSUM_GOOD},
    {"UDP, another byte",                                  SEEN(IPV4_TO("\x21",                                   "\x11") UDP_WITH("\x0d",                             "\x11\x79","hallo")),0,
     CHECKSUM_BAD},
    {"UDP, unfilled",                       SEEN(IPV4_TO("\x21",                                          "\x11") UDP_WITH("\x0d",                                                                          "\x84\x22","hallo")),0,
     CHECKSUM_UNFILLED},
    {"UDP, unfilled without the length",
     SEEN(IPV4_TO("\x21",                                       "\x11") UDP_WITH("\x0d",                                                                                     "\x84\x15","hello")),0,CHECKSUM_UNFILLED},
    {"UDP, none",                         SEEN(IPV4_TO("\x21",                                           "\x11") UDP_WITH("\x0d",                                                                        "\x00\x00",                     "hello")),                                                                          0,
     CHECKSUM_NONE},
    {"TCP, IPv6",                        SEEN(IPV6_TO("\x19",                                  "\x06") TCP_WITH("\xe8\xf8",        "hello")),0,CHECKSUM_GOOD},
    {"TCP, IPv6, another byte",       SEEN(IPV6_TO("\x19","\x06") TCP_WITH("\xe8\xf8",                      "hallo")),0,
     CHECKSUM_BAD           },
    {"TCP, IPv6, unfilled",       SEEN(IPV6_TO("\x19",                                  "\x06") TCP_WITH("\x5b\x94",                                                          "hallo")),0,
     CHECKSUM_UNFILLED},
    {"TCP, IPv6, unfilled without the length",
     SEEN(IPV6_TO("\x19","\x06") TCP_WITH("\x5b\x7b","hello")),0,CHECKSUM_UNFILLED},
    {"TCP, IPv6, none",       SEEN(IPV6_TO("\x19",                                  "\x06") TCP_WITH("\x00\x00",                                                                                                            "hello")),   0,
     CHECKSUM_NONE                                                                               },
    {"UDP, IPv6",       SEEN(IPV6_TO("\x0d","\x11") UDP_WITH("\x0d","\x3a\x08","hello")),0,
     CHECKSUM_GOOD},
    {"UDP, IPv6, another byte",           SEEN(IPV6_TO("\x0d",                                     "\x11") UDP_WITH("\x0d",                                                                                                                                                         "\x3a\x08",                                                            "hallo")),
     0,CHECKSUM_BAD},
    {"UDP, IPv6, unfilled",     SEEN(IPV6_TO("\x0d","\x11") UDP_WITH("\x0d","\x5b\x93","hallo")),0,
     CHECKSUM_UNFILLED},
    {"UDP, IPv6, unfilled without the length",
     SEEN(IPV6_TO("\x0d",          "\x11") UDP_WITH("\x0d",                                                                     "\x5b\x86",                                                            "hello")),                                                                                                                                                                                                                                                                                                                                                                                                                                               0,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   CHECKSUM_UNFILLED},
    {"UDP, IPv6, none",                                  SEEN(IPV6_TO("\x0d",              "\x11") UDP_WITH("\x0d",                                                                                     "\x00\x00","hello")),0,
     CHECKSUM_NONE},
    {"TCP, cut",                 SEEN(IPV4_TO("\x34",                                    "\x06") TCP_WITH("\x12\x34",                                                                  "hello")),7,CHECKSUM_NONE},
};

static void test_checksum_of_a_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dissected p = {0};
        struct bytes frame = {rows[i].frame, rows[i].len};
        enum dissect_kind kind =
            dissect_frame(DLT_RAW, frame, (uint32_t)frame.len + rows[i].more, &p);
        bool is_udp = kind == DISSECT_UDP;
        assert_true(is_udp || kind == DISSECT_TCP);
        if (checksum_of(&p, is_udp) != rows[i].is)
            fail_msg("%s: %d", rows[i].name, checksum_of(&p, is_udp));
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
