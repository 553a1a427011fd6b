/* Frames of every link type, IP's headers and fragments. */
#include "harness/capture/dissect.h"
#include "harness/capture/fragment.h"
#include "impl/tests/unit.h"

#include <pcap/pcap.h>

/* 192.0.2.1:4660 > 192.0.2.2:5201, sequence 1, acknowledges 2, "hello". */
#define TCP       "\x12\x34\x14\x51\0\0\0\1\0\0\0\2\x50\x18\1\0\0\0\0\0hello"
#define UDP       "\x12\x34\x14\x51\0\x0d\0\0hello"
#define IPV4_HEAD "\0\1\0\0\x40\6\0\0\xc0\0\2\1\xc0\0\2\2"
#define IPV4      "\x45\0\0\x2d" IPV4_HEAD
#define ADDRESSES "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define IPV6      "\x60\0\0\0\0\x19\6\x40" ADDRESSES
#define MACS      "\2\0\0\0\0\1\2\0\0\0\0\2"

/* Inside GRE, or UDP to a port, between other addresses; total: of the whole packet, one byte. */
#define OUTER(total, protocol) "\x45\0\0" total "\0\1\0\0\x40" protocol "\0\0\x0a\0\0\7\x0a\0\0\x8"
#define GRE(total)             OUTER(total, "\x2f")
#define IN_UDP(total, port)    OUTER(total, "\x11") "\0\x63" port "\0\0\0\0"
#define ETHERNET               MACS "\x08\0" IPV4 TCP

static const struct row {
    const char *name;
    int link;
    struct bytes frame;
    uint32_t more; /* bytes on the wire that were not captured */
    enum dissect_kind kind;
} rows[] = {
    {"Ethernet",                                    DLT_EN10MB,           WIRE(MACS "\x08\0" IPV4 TCP),                                         0,DISSECT_TCP   },
    {"Ethernet, padded",                            DLT_EN10MB,           WIRE(MACS "\x08\0" IPV4 TCP "\0\0\0\0"),                              0,DISSECT_TCP   },
    {"VLAN",                                        DLT_EN10MB,           WIRE(MACS "\x81\0\0\5\x08\0" IPV4 TCP),                               0,DISSECT_TCP   },
    {"QinQ",                                        DLT_EN10MB,           WIRE(MACS "\x88\xa8\0\5\x81\0\0\6\x86\xdd" IPV6 TCP),                 0,DISSECT_TCP   },
    {"PPPoE",                                       DLT_EN10MB,           WIRE(MACS "\x88\x64\x11\0\0\1\0\x2f\0\x21" IPV4 TCP),                 0,DISSECT_TCP   },
    {"IPv6",                                        DLT_EN10MB,           WIRE(MACS "\x86\xdd" IPV6 TCP),                                       0,DISSECT_TCP   },
    {"cooked",                                      DLT_LINUX_SLL,        WIRE("\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0" IPV4 TCP),                  0,DISSECT_TCP   },
    {"cooked v2",                                   DLT_LINUX_SLL2,       WIRE("\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0" IPV4 TCP),          0,
     DISSECT_TCP},
    {"null, little-endian",                         DLT_NULL,             WIRE("\2\0\0\0" IPV4 TCP),                                            0,DISSECT_TCP   },
    {"null, IPv6 of macOS",                         DLT_NULL,             WIRE("\x1e\0\0\0" IPV6 TCP),                                          0,DISSECT_TCP   },
    {"loop",                                        DLT_LOOP,             WIRE("\0\0\0\2" IPV4 TCP),                                            0,DISSECT_TCP   },
    {"raw",                                         DLT_RAW,              WIRE(IPV4 TCP),                                                       0,DISSECT_TCP   },
    {"raw IPv6",                                    DLT_RAW,              WIRE(IPV6 TCP),                                                       0,DISSECT_TCP   },
    {"IPv4 link",                                   DLT_IPV4,             WIRE(IPV4 TCP),                                                       0,DISSECT_TCP   },
    {"IPv6 link",                                   DLT_IPV6,             WIRE(IPV6 TCP),                                                       0,DISSECT_TCP   },
    {"PPP",                                         DLT_PPP,              WIRE("\0\x21" IPV4 TCP),                                              0,DISSECT_TCP   },
    {"PPP in HDLC",                                 DLT_PPP_SERIAL,       WIRE("\xff\3\0\x57" IPV6 TCP),                                        0,DISSECT_TCP   },
    {"PPP, one-byte protocol",                      DLT_PPP,              WIRE("\x21" IPV4 TCP),                                                0,DISSECT_TCP   },
    {"total length 0",                              DLT_RAW,              WIRE("\x45\0\0\0" IPV4_HEAD TCP),                                     0,DISSECT_TCP   },
    {"IPv4 options",                                DLT_RAW,              WIRE("\x46\0\0\x31" IPV4_HEAD "\1\1\1\1" TCP),                        0,DISSECT_TCP   },
    {"hop-by-hop and routing",                      DLT_RAW,
     WIRE("\x60\0\0\0\0\x29\0\x40" ADDRESSES "\x2b\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0" TCP),                                                         0,
     DISSECT_TCP},
    {"an atomic fragment",                          DLT_RAW,
     WIRE("\x60\0\0\0\0\x21\x2c\x40" ADDRESSES "\6\0\0\0\0\0\0\7" TCP),                                                                         0,DISSECT_TCP   },
    {"UDP",                                         DLT_RAW,              WIRE("\x45\0\0\x21\0\1\0\0\x40\x11\0\0\xc0\0\2\1\xc0\0\2\2" UDP),     0,
     DISSECT_UDP},
    {"ICMP",                                        DLT_RAW,              WIRE("\x45\0\0\x21\0\1\0\0\x40\1\0\0\xc0\0\2\1\xc0\0\2\2" UDP),       0,
     DISSECT_OTHER},
    {"ARP",                                         DLT_EN10MB,           WIRE(MACS "\x08\6" IPV4 TCP),                                         0,DISSECT_OTHER },
    {"MPLS",                                        DLT_EN10MB,           WIRE(MACS "\x88\x47\0\0\x10\x40\0\0\x21\x40" IPV4 TCP),               0,DISSECT_TCP   },
    {"MPLS, IPv6",                                  DLT_EN10MB,           WIRE(MACS "\x88\x48\0\0\x11\x40" IPV6 TCP),                           0,DISSECT_TCP   },
    {"MPLS over PPP",                               DLT_PPP,              WIRE("\x02\x81\0\0\x11\x40" IPV4 TCP),                                0,DISSECT_TCP   },
    {"MPLS, a pseudowire",                          DLT_EN10MB,
     WIRE(MACS "\x88\x47\0\0\x11\x40\0\0\0\0" MACS "\x08\0" IPV4 TCP),                                                                          0,DISSECT_UNREAD},
    {"LLC with SNAP",                               DLT_EN10MB,           WIRE(MACS "\0\x35\xaa\xaa\3\0\0\0\x08\0" IPV4 TCP),                   0,
     DISSECT_TCP},
    {"SNAP of a vendor",                            DLT_EN10MB,           WIRE(MACS "\0\x35\xaa\xaa\3\0\0\x0c\x20\0" IPV4 TCP),                 0,
     DISSECT_OTHER},
    {"spanning tree",                               DLT_EN10MB,           WIRE(MACS "\0\x26\x42\x42\3\0\0\0\0\0"),                              0,DISSECT_OTHER },
    {"IP in IP",                                    DLT_RAW,              WIRE("\x45\0\0\x41\0\1\0\0\x40\4\0\0\x0a\0\0\7\x0a\0\0\x8" IPV4 TCP), 0,
     DISSECT_TCP},
    {"IPv6 in IPv4",                                DLT_RAW,
     WIRE("\x45\0\0\x55\0\1\0\0\x40\x29\0\0\x0a\0\0\7\x0a\0\0\x8" IPV6 TCP),                                                                    0,DISSECT_TCP   },
    {"GRE",                                         DLT_RAW,
     WIRE("\x45\0\0\x45\0\1\0\0\x40\x2f\0\0\x0a\0\0\7\x0a\0\0\x8"
          "\0\0\x08\0" IPV4 TCP),
     0,DISSECT_TCP   },
    {"GRE with all there is",                       DLT_RAW,
     WIRE("\x45\0\0\x65\0\1\0\0\x40\x2f\0\0\x0a\0\0\7\x0a\0\0\x8"
          "\xb0\0\x86\xdd"
          "\1\2\0\0"
          "\0\0\0\5"
          "\0\0\0\6" IPV6 TCP),
     0,DISSECT_TCP   },
    {"GRE of PPTP",                                 DLT_RAW,
     WIRE("\x45\0\0\x45\0\1\0\0\x40\x2f\0\0\x0a\0\0\7\x0a\0\0\x8"
          "\x30\1\x88\x0b" IPV4 TCP),
     0,DISSECT_UNREAD},
    {"GRE with Ethernet",                           DLT_RAW,              WIRE(GRE("\x53") "\0\0\x65\x58" ETHERNET),                            0,DISSECT_TCP   },
    {"ERSPAN, type I",                              DLT_RAW,              WIRE(GRE("\x53") "\0\0\x88\xbe" ETHERNET),                            0,DISSECT_TCP   },
    {"ERSPAN, type II",                             DLT_RAW,
     WIRE(GRE("\x5f") "\x10\0\x88\xbe\0\0\0\1\x10\0\0\0\0\0\0\0" ETHERNET),                                                                     0,DISSECT_TCP   },
    {"ERSPAN, type III",                            DLT_RAW,
     WIRE(GRE("\x6b") "\x10\0\x22\xeb\0\0\0\1\x20\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0" ETHERNET),
     0,DISSECT_TCP   },
    {"ERSPAN, type III, IP",                        DLT_RAW,
     WIRE(GRE("\x55") "\x10\0\x22\xeb\0\0\0\1\x20\0\0\0\0\0\0\0\0\0\x08\0" IPV4 TCP),                                                           0,
     DISSECT_TCP},
    {"ERSPAN, type III, 802.11",                    DLT_RAW,
     WIRE(GRE("\x55") "\x10\0\x22\xeb\0\0\0\1\x20\0\0\0\0\0\0\0\0\0\x0c\0" IPV4 TCP),                                                           0,
     DISSECT_UNREAD},
    {"VXLAN",                                       DLT_RAW,              WIRE(IN_UDP("\x5f",                                                   "\x12\xb5") "\x08\0\0\0\0\0\1\0" ETHERNET),0,
     DISSECT_TCP},
    {"VXLAN, Linux's port",                                             DLT_RAW,                                             WIRE(IN_UDP("\x5f",                                                              "\x21\x18") "\x08\0\0\0\0\0\1\0" ETHERNET),
     0,DISSECT_TCP},
    {"Geneve with an option",                                  DLT_RAW,
     WIRE(IN_UDP("\x63",                                                                                                    "\x17\xc1") "\1\0\x65\x58\0\0\1\0\0\0\0\0" ETHERNET),0,DISSECT_TCP},
    {"Geneve with IPv6",                                            DLT_RAW,                                                     WIRE(IN_UDP("\x65",                                                                                                                         "\x17\xc1") "\0\0\x86\xdd\0\0\1\0" IPV6 TCP),
     0,                                              DISSECT_TCP},
    {"GTP", DLT_RAW,                                                                   WIRE(IN_UDP("\x51",                                                                                                                            "\x08\x68") "\x30\xff\0\x2d\0\0\0\1" IPV4 TCP),0,
     DISSECT_TCP},
    {"GTP with an extension",                           DLT_RAW,
     WIRE(IN_UDP("\x59","\x08\x68") "\x34\xff\0\x35\0\0\0\1\0\0\0\x85\1\0\5\0" IPV4 TCP),0,
     DISSECT_TCP},
    {"GTP, an empty extension",            DLT_RAW,
     WIRE(IN_UDP("\x59",                                                                                                                                                                                "\x08\x68") "\x34\xff\0\x35\0\0\0\1\0\0\0\x85\0\0\5\0" IPV4 TCP),                                               0,
     DISSECT_CUT},
    {"ESP",                     DLT_RAW,                       WIRE("\x45\0\0\x2d\0\1\0\0\x40\x32\0\0\x0a\0\0\7\x0a\0\0\x8" TCP),                                                                                                                        0,
     DISSECT_UNREAD},
    {"a link of no table",                                             DLT_USB_LINUX,                                                             WIRE(IPV4 TCP),                                                                                                      0,DISSECT_UNREAD},
    {"a header of 4 bytes",                                             DLT_RAW,                                              WIRE("\x41\0\0\x2d" IPV4_HEAD TCP),                                                         0,DISSECT_CUT                                               },
    {"a TCP header of 4 bytes",                                             DLT_RAW,
     WIRE(IPV4 "\x12\x34\x14\x51\0\0\0\1\0\0\0\2\x10\x18\1\0\0\0\0\0hello"),                                                              0,DISSECT_CUT                               },
};

static void check(const struct row *row)
{
    struct dissected p = {0};
    uint32_t len = (uint32_t)row->frame.len + row->more;
    enum dissect_kind kind = dissect_frame(row->link, row->frame, len, &p);

    if (kind != row->kind)
        fail_msg("%s: kind %d", row->name, kind);
    if (kind != DISSECT_TCP && kind != DISSECT_UDP)
        return;
    if (p.from_port != 4660 || p.to_port != 5201 || p.len != 5 || p.payload.len != 5 ||
        memcmp(p.payload.at, "hello", 5) != 0)
        fail_msg("%s: ports %u %u, %u bytes", row->name, p.from_port, p.to_port, p.len);
    if (kind == DISSECT_TCP && (p.seq != 1 || p.ack != 2 || p.window != 256))
        fail_msg("%s: sequence %u, acknowledges %u", row->name, p.seq, p.ack);
    if (p.from[15] != 1 || p.to[15] != 2)
        fail_msg("%s: addresses", row->name);
}

static void test_dissect_frame_finds_what_was_carried(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i]);
}

/* Whatever the snap length: the length on the wire stays known, nothing beyond the bytes is read
 * (the sanitizer looks at the copy's end). */
static void test_dissect_frame_knows_what_was_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t len = 0; len < rows[i].frame.len; len++) {
            uint8_t *copy = malloc(len ? len : 1);
            struct dissected p = {0};
            memcpy(copy, rows[i].frame.at, len);
            enum dissect_kind kind = dissect_frame(rows[i].link, (struct bytes){copy, len},
                                                   (uint32_t)rows[i].frame.len, &p);
            if (kind == DISSECT_TCP && rows[i].kind == DISSECT_TCP &&
                (p.len < 5 || p.payload.len > 5))
                fail_msg("%s, %zu bytes: %u on the wire", rows[i].name, len, p.len);
            free(copy);
        }
    }
}

/* An iperf3 server may listen on a tunnel's port: its datagrams begin with the time. */
static void test_dissect_frame_takes_no_stream_for_a_tunnel(void **state)
{
    static const char *const ports[] = {"\x12\xb5", "\x21\x18", "\x17\xc1", "\x08\x68"};
    uint8_t frame[] = OUTER("\x2c", "\x11") "\0\x63..\0\x18\0\0\x67\x01\x02\x03\0\0\0\0\0\0\0\1";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        struct dissected p = {0};
        memcpy(frame + 22, ports[i], 2);
        struct bytes whole = {frame, sizeof frame - 1};
        assert_int_equal(dissect_frame(DLT_RAW, whole, (uint32_t)whole.len, &p), DISSECT_UDP);
        assert_int_equal(p.len, 12);
    }
}

static void test_dissect_can_read_no_80211(void **state)
{
    (void)state;
    assert_false(dissect_can_read(DLT_IEEE802_11_RADIO));
    assert_true(dissect_can_read(DLT_EN10MB));
}

/* --- fragments -------------------------------------------------------------------------------- */

#define PART(flags_offset, total)                                                                  \
    "\x45\0\0" total "\0\7" flags_offset "\x40\x11\0\0\xc0\0\2\1\xc0\0\2\2"

static const struct bytes parts[] = {
    WIRE(PART("\x20\0", "\x1c") "\x12\x34\x14\x51\0\x15\0\0"), /* the UDP header alone */
    WIRE(PART("\x20\1", "\x1c") "01234567"),
    WIRE(PART("\0\2", "\x19") "hello"),
};

static enum dissect_kind take_part(struct fragments *f, size_t i, struct dissected *p)
{
    *p = (struct dissected){0};
    assert_int_equal(dissect_frame(DLT_RAW, parts[i], (uint32_t)parts[i].len, p), DISSECT_FRAGMENT);
    return fragments_take(f, p);
}

static void test_fragments_come_together_in_any_order(void **state)
{
    static const size_t orders[][3] = {
        {0, 1, 2},
        {0, 2, 1},
        {1, 0, 2},
        {1, 2, 0},
        {2, 0, 1},
        {2, 1, 0}
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct fragments f = {0};
        struct dissected p;
        assert_int_equal(take_part(&f, orders[i][0], &p), DISSECT_FRAGMENT);
        assert_int_equal(take_part(&f, orders[i][0], &p), DISSECT_FRAGMENT); /* twice */
        assert_int_equal(take_part(&f, orders[i][1], &p), DISSECT_FRAGMENT);
        assert_int_equal(take_part(&f, orders[i][2], &p), DISSECT_UDP);
        assert_int_equal(p.to_port, 5201);
        assert_int_equal(p.len, 13);
        assert_memory_equal(p.payload.at, "01234567hello", 13);
        fragments_fini(&f);
    }
}

static void test_fragments_never_whole_make_room(void **state)
{
    struct fragments f = {0};
    struct dissected p;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        dissect_frame(DLT_RAW, parts[0], (uint32_t)parts[0].len, &p);
        p.fragment.id = i;
        assert_int_equal(fragments_take(&f, &p), DISSECT_FRAGMENT);
    }
    assert_int_equal(f.n_lost, 100 - FRAGMENT_SLOTS);
    fragments_fini(&f);
}

static void test_fragments_beyond_a_datagram_are_refused(void **state)
{
    struct fragments f = {0};
    struct dissected p;

    (void)state;
    dissect_frame(DLT_RAW, parts[1], (uint32_t)parts[1].len, &p);
    p.fragment.offset = 65528;
    p.len = 16;
    assert_int_equal(fragments_take(&f, &p), DISSECT_CUT);
    fragments_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dissect_frame_finds_what_was_carried),
        cmocka_unit_test(test_dissect_frame_knows_what_was_cut),
        cmocka_unit_test(test_dissect_frame_takes_no_stream_for_a_tunnel),
        cmocka_unit_test(test_dissect_can_read_no_80211),
        cmocka_unit_test(test_fragments_come_together_in_any_order),
        cmocka_unit_test(test_fragments_never_whole_make_room),
        cmocka_unit_test(test_fragments_beyond_a_datagram_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
