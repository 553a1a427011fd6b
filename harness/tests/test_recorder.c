/* What the recorder writes, read again with libpcap: headers, numbers, checksums, lengths. */
#include "harness/capture/packet.h"
#include "harness/capture/recorder.h"
#include "harness/session/text.h"
#include "harness/sim/peer.h"
#include "impl/tests/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <unistd.h>

enum { SYN = PACKET_SYN, FIN = PACKET_FIN, RST = PACKET_RST, PSH = PACKET_PSH, ACK = PACKET_ACK };

/* --- a made-up flow -------------------------------------------------------------------------- */

struct fixture {
    struct recorder recorder;
    struct tap_flow flow;
    uint64_t now_ns;
    char path[UNIT_PATH_MAX];
};

static struct sockaddr_storage address(const char *text, unsigned port)
{
    struct sockaddr_storage s = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
    struct sockaddr_in6 *six = (void *)&s;
    struct sockaddr_in *four = (void *)&s;
    void *at = s.ss_family == AF_INET6 ? (void *)&six->sin6_addr : (void *)&four->sin_addr;

    assert_int_equal(inet_pton(s.ss_family, text, at), 1);
    four->sin_port = htons((uint16_t)port);
    return s;
}

static void set_up(struct fixture *f, const char *ours, const char *theirs, bool udp)
{
    int fd = mkstemp(unit_temporary(f->path, "capture"));

    assert_true(fd >= 0);
    close(fd);
    assert_true(recorder_open(&f->recorder, f->path, "what it is about"));
    f->recorder.epoch_ns = 1700000000000000000u;
    f->now_ns = 5;
    f->flow = (struct tap_flow){.id = 1,
                                .udp = udp,
                                .by = SESSION_US,
                                .ours = address(ours, 40000),
                                .theirs = address(theirs, 5201)};
}

static void tell(struct fixture *f, enum tap_kind kind, enum session_from from, struct bytes bytes)
{
    const struct sim_tap *tap = &f->recorder.tap;

    tap->event(
        tap->context,
        &(struct tap_event){
            .kind = kind, .from = from, .at_ns = f->now_ns++, .flow = &f->flow, .bytes = bytes});
    f->flow.sent[from] += bytes.len;
    f->flow.up |= kind == TAP_UP;
    f->flow.ended[from] |= kind == TAP_END;
}

/* --- reading it again ------------------------------------------------------------------------ */

static unsigned load16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        s += (uint32_t)p[i] << (i & 1 ? 0 : 8);
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return s;
}

/* One packet, as told by its bytes. */
struct seen {
    bool from_us, udp;
    uint8_t flags;
    uint32_t seq, ack;
    size_t payload, captured; /* bytes */
    uint64_t at_ns;
};

static struct seen dissect(const struct pcap_pkthdr *h, const uint8_t *p)
{
    bool six = p[0] >> 4 == 6;
    size_t ip = six ? 40 : 20, len = six ? load16(p + 4) : load16(p + 2) - ip;
    const uint8_t *l4 = p + ip;
    int protocol = six ? p[6] : p[9];
    size_t header = protocol == IPPROTO_UDP ? 8 : (size_t)(l4[12] >> 4) * 4;
    struct seen s = {.from_us = load16(l4) == 40000, .udp = protocol == IPPROTO_UDP};

    assert_int_equal(h->len, ip + len);
    assert_true(h->caplen <= h->len && h->caplen >= ip + header);
    if (!six)
        assert_int_equal(sum(0, p, ip), 0xffff);
    if (h->caplen == h->len) { /* else the sum is over bytes that are not in the file */
        uint32_t pseudo = sum((uint32_t)protocol, p + (six ? 8 : 12), six ? 32 : 8);
        assert_int_equal(sum(pseudo + (uint32_t)len, l4, len), 0xffff);
    }
    s.at_ns = (uint64_t)h->ts.tv_sec * 1000000000u + (uint64_t)h->ts.tv_usec;
    s.payload = len - header;
    s.captured = h->caplen - ip - header;
    if (s.udp) {
        assert_int_equal(load16(l4 + 4), len);
        return s;
    }
    s.flags = l4[13];
    s.seq = load_be32(l4 + 4);
    s.ack = load_be32(l4 + 8);
    return s;
}

static size_t read_again(struct fixture *f, struct seen *seen, size_t max)
{
    char why[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    size_t n = 0;
    int got;

    assert_int_equal(recorder_close(&f->recorder), 0);
    pcap_t *p = pcap_open_offline_with_tstamp_precision(f->path, PCAP_TSTAMP_PRECISION_NANO, why);
    if (!p)
        fail_msg("%s", why);
    assert_int_equal(pcap_datalink(p), DLT_RAW);
    while ((got = pcap_next_ex(p, &header, &bytes)) == 1) {
        assert_true(n < max);
        seen[n++] = dissect(header, bytes);
    }
    assert_int_equal(got, PCAP_ERROR_BREAK); /* the end of the file, not an error */
    pcap_close(p);
    unlink(f->path);
    return n;
}

static void expect(const struct seen *s, bool from_us, int flags, size_t payload)
{
    assert_int_equal(s->from_us, from_us);
    assert_int_equal(s->flags, flags);
    assert_int_equal(s->payload, payload);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void session_between(const char *ours, const char *theirs)
{
    struct fixture f;
    struct seen s[16];

    set_up(&f, ours, theirs, false);
    tell(&f, TAP_OPEN, SESSION_US, (struct bytes){0});
    tell(&f, TAP_UP, SESSION_US, (struct bytes){0});
    tell(&f, TAP_BYTES, SESSION_US, WIRE("hello"));
    tell(&f, TAP_BYTES, SESSION_SUBJECT, WIRE("\x09"));
    tell(&f, TAP_END, SESSION_SUBJECT, (struct bytes){0});
    tell(&f, TAP_BYTES, SESSION_US, WIRE("rest"));
    tell(&f, TAP_RESET, SESSION_US, (struct bytes){0});
    assert_int_equal(read_again(&f, s, ARRAY_LEN(s)), 8);
    expect(&s[0], true, SYN, 0);
    expect(&s[1], false, SYN | ACK, 0);
    expect(&s[2], true, ACK, 0);
    expect(&s[3], true, PSH | ACK, 5);
    expect(&s[4], false, PSH | ACK, 1);
    expect(&s[5], false, FIN | ACK, 0);
    expect(&s[6], true, PSH | ACK, 4);
    expect(&s[7], true, RST | ACK, 0);
    assert_int_equal(s[1].ack, s[0].seq + 1);
    assert_int_equal(s[3].seq, s[0].seq + 1);
    assert_int_equal(s[4].ack, s[3].seq + 5);
    assert_int_equal(s[5].seq, s[1].seq + 2);
    assert_int_equal(s[6].ack, s[5].seq + 1);
    assert_int_equal(s[7].seq, s[6].seq + 4);
    assert_int_equal(s[0].at_ns, 1700000000000000005u);
    assert_int_equal(s[7].at_ns, 1700000000000000011u);
}

static void test_recorder_numbers_both_directions(void **state)
{
    (void)state;
    session_between("127.0.0.1", "10.1.2.3");
    session_between("::1", "2001:db8::7");
    session_between("::ffff:192.0.2.1", "::ffff:192.0.2.2");
}

/* The simulator counts its flows anew in every session; ports come again as soon as they may. */
static void test_recorder_tells_connections_on_the_same_ports_apart(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct fixture f;
    struct seen s[4];

    (void)state;
    assert_true(fd >= 0);
    set_up(&f, "127.0.0.1", "127.0.0.1", false);
    struct sim_config config = {.tap = &f.recorder.tap, .server = f.flow.theirs};
    for (int i = 0; i < 2; i++) {
        struct sim sim = {.config = &config};
        struct tap_flow flow = {0};
        tap_open(&sim, &flow, fd, false, SESSION_US);
        for (uint64_t then = now_ns(); now_ns() < then + 64;) /* the clock's step */
            continue;
    }
    close(fd);
    assert_int_equal(read_again(&f, s, ARRAY_LEN(s)), 2);
    assert_int_equal(s[0].flags, SYN);
    assert_int_equal(s[1].flags, SYN);
    assert_int_not_equal(s[0].seq, s[1].seq);
}

static void test_recorder_shows_a_refusal_as_the_answer_to_a_syn(void **state)
{
    struct fixture f;
    struct seen s[4];

    (void)state;
    set_up(&f, "127.0.0.1", "127.0.0.1", false);
    tell(&f, TAP_OPEN, SESSION_US, (struct bytes){0});
    tell(&f, TAP_RESET, SESSION_SUBJECT, (struct bytes){0});
    assert_int_equal(read_again(&f, s, ARRAY_LEN(s)), 2);
    expect(&s[1], false, RST | ACK, 0);
    assert_int_equal(s[1].ack, s[0].seq + 1);
}

static void test_recorder_keeps_all_of_control_and_the_head_of_streams(void **state)
{
    static uint8_t block[200000];
    struct fixture f;
    struct seen s[16];

    (void)state;
    memset(block, 0xa5, sizeof block);
    for (int64_t stream = 0; stream < 2; stream++) {
        set_up(&f, "127.0.0.1", "127.0.0.1", false);
        f.flow.stream = stream;
        f.flow.up = true;
        tell(&f, TAP_BYTES, SESSION_US, (struct bytes){block, sizeof block});
        tell(&f, TAP_BYTES, SESSION_US, (struct bytes){block, 7});
        assert_int_equal(read_again(&f, s, ARRAY_LEN(s)), 5);
        for (int i = 0; i < 3; i++)
            assert_int_equal(s[i].payload, PACKET_TCP_MAX);
        assert_int_equal(s[3].payload, sizeof block - 3 * PACKET_TCP_MAX);
        assert_int_equal(s[0].captured, stream ? RECORDER_STREAM_SNAP : PACKET_TCP_MAX);
        assert_int_equal(s[4].seq, s[0].seq + sizeof block);
    }
}

static void test_recorder_acknowledges_long_before_the_window_is_full(void **state)
{
    static uint8_t block[1 << 20];
    struct fixture f;
    struct seen s[20];

    (void)state;
    set_up(&f, "127.0.0.1", "127.0.0.1", false);
    f.flow.stream = 1;
    f.flow.up = true;
    tell(&f, TAP_BYTES, SESSION_US, (struct bytes){block, sizeof block});
    assert_int_equal(read_again(&f, s, ARRAY_LEN(s)), 18);
    expect(&s[17], false, ACK, 0);
    assert_int_equal(s[17].ack, s[0].seq + sizeof block);
}

static void test_recorder_makes_datagrams_up_to_the_longest(void **state)
{
    static uint8_t block[65507];
    struct fixture f;
    struct seen s[4];

    (void)state;
    set_up(&f, "127.0.0.1", "127.0.0.1", true);
    tell(&f, TAP_OPEN, SESSION_US, (struct bytes){0});
    tell(&f, TAP_BYTES, SESSION_US, WIRE("6789"));
    tell(&f, TAP_BYTES, SESSION_SUBJECT, (struct bytes){block, sizeof block});
    tell(&f, TAP_BYTES, SESSION_SUBJECT, (struct bytes){block, 0});
    assert_int_equal(read_again(&f, s, ARRAY_LEN(s)), 3);
    assert_true(s[0].udp && s[0].from_us && s[0].payload == 4);
    assert_int_equal(s[1].payload, sizeof block);
    assert_int_equal(s[2].payload, 0);
}

static uint8_t *slurp(const char *path, size_t *len)
{
    FILE *f = fopen(path, "re");
    uint8_t *bytes = malloc(1 << 20);

    assert_non_null(f);
    assert_non_null(bytes);
    *len = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    return bytes;
}

/* The walk that any reader does: each block says its length in front and behind. */
static void test_pcapng_blocks_say_their_length_twice_and_hold_their_options(void **state)
{
    static const uint32_t types[] = {0x0A0D0D0A, 1, 6, 6};
    struct fixture f;
    size_t len, at = 0, n = 0;

    (void)state;
    set_up(&f, "127.0.0.1", "127.0.0.1", false);
    recorder_note(&f.recorder, "case %d", 7);
    tell(&f, TAP_OPEN, SESSION_US, (struct bytes){0});
    tell(&f, TAP_RESET, SESSION_SUBJECT, (struct bytes){0});
    assert_int_equal(recorder_close(&f.recorder), 0);
    uint8_t *bytes = slurp(f.path, &len);
    for (uint32_t block, type; at < len; at += block, n++) {
        memcpy(&type, bytes + at, 4);
        memcpy(&block, bytes + at + 4, 4);
        assert_true(n < ARRAY_LEN(types));
        assert_int_equal(type, types[n]);
        assert_true(block % 4 == 0 && block >= 12 && block <= len - at);
        assert_memory_equal(bytes + at + 4, bytes + at + block - 4, 4);
    }
    assert_int_equal(n, ARRAY_LEN(types));
    assert_non_null(memmem(bytes, len, "what it is about", 16));
    assert_non_null(memmem(bytes, len,
                           "\x01\x00\x06\x00"
                           "case 7",
                           10));
    free(bytes);
    unlink(f.path);
}

static void test_pcapng_open_and_write_report_what_the_system_refuses(void **state)
{
    struct pcapng p;
    struct pcapng_packet packet = {.len = 1, .head = WIRE("\x45")};

    (void)state;
    assert_false(pcapng_open(&p, "/nowhere/at/all", "x", "y"));
    assert_int_equal(errno, ENOENT);
    assert_false(pcapng_open(&p, "/dev/full", "x", "y"));
    assert_int_equal(errno, ENOSPC);
    assert_true(pcapng_open(&p, "/dev/null", "x", "y"));
    p.len = PCAPNG_LEN_MAX - 8;
    assert_false(pcapng_write(&p, &packet));
    assert_int_equal(pcapng_close(&p), EFBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorder_numbers_both_directions),
        cmocka_unit_test(test_recorder_tells_connections_on_the_same_ports_apart),
        cmocka_unit_test(test_recorder_shows_a_refusal_as_the_answer_to_a_syn),
        cmocka_unit_test(test_recorder_keeps_all_of_control_and_the_head_of_streams),
        cmocka_unit_test(test_recorder_acknowledges_long_before_the_window_is_full),
        cmocka_unit_test(test_recorder_makes_datagrams_up_to_the_longest),
        cmocka_unit_test(test_pcapng_blocks_say_their_length_twice_and_hold_their_options),
        cmocka_unit_test(test_pcapng_open_and_write_report_what_the_system_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
