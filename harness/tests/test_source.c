/* Captures in every wrapping come out the same; what is none is refused in words. */
#include "harness/tests/capfile.h"
#include "impl/tests/unit.h"

#include <lz4frame.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define CAPTURE "pcaps/3.22-3.22-udp.pcap.gz"
#define OTHER   "pcaps/3.9-3.9-udp.pcap.gz"

/* A capture without its wrapping. */
static size_t unpacked_of(const char *path, uint8_t *out, size_t cap)
{
    gzFile file = gzopen(path, "rb");
    int len = gzread(file, out, (unsigned)cap);

    gzclose(file);
    assert_in_range(len, 1000, cap - 1);
    return (size_t)len;
}

static size_t unpacked(uint8_t *out, size_t cap)
{
    return unpacked_of(CAPTURE, out, cap);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static uint8_t plain[1 << 20], packed[1 << 20];

static size_t pack_gzip(size_t len)
{
    z_stream z = {
        .next_in = plain, .avail_in = (uInt)len, .next_out = packed, .avail_out = sizeof packed};

    deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return sizeof packed - z.avail_out;
}

static size_t pack_zstd(size_t len)
{
    return ZSTD_compress(packed, sizeof packed, plain, len, 1);
}

static size_t pack_lz4(size_t len)
{
    return LZ4F_compressFrame(packed, sizeof packed, plain, len, NULL);
}

static size_t pack_not(size_t len)
{
    memcpy(packed, plain, len);
    return len;
}

static const struct {
    const char *name;
    size_t (*pack)(size_t len);
} packings[] = {
    {"plain", pack_not },
    {"gzip",  pack_gzip},
    {"zstd",  pack_zstd},
    {"lz4",   pack_lz4 },
};

static void expect_same(const char *path, const char *what)
{
    struct capfile f, original;

    assert_true(capfile_read(&original, CAPTURE));
    if (!capfile_read(&f, path))
        fail_msg("%s: not read", what);
    if (f.n != original.n || f.packets[f.n - 1].at_ns != original.packets[f.n - 1].at_ns)
        fail_msg("%s: %zu packets of %zu", what, f.n, original.n);
    capfile_fini(&f);
    capfile_fini(&original);
}

static void test_source_open_undoes_every_packing(void **state)
{
    char path[UNIT_PATH_MAX];
    size_t len = unpacked(plain, sizeof plain);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packings); i++) {
        close(mkstemp(unit_temporary(path, "source")));
        write_file(path, packed, packings[i].pack(len));
        expect_same(path, packings[i].name);
        unlink(path);
    }
}

/* A pipe cannot be rewound: what was looked at must not be lost. */
static void test_source_open_reads_pipes(void **state)
{
    size_t len = unpacked(plain, sizeof plain);
    int saved = dup(STDIN_FILENO);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packings); i++) {
        char path[UNIT_PATH_MAX], command[UNIT_PATH_MAX + 8];
        close(mkstemp(unit_temporary(path, "source")));
        write_file(path, packed, packings[i].pack(len));
        snprintf(command, sizeof command, "cat %s", path);
        FILE *pipe = popen(command, "r");
        snprintf(command, sizeof command, "/dev/fd/%d", fileno(pipe));
        expect_same(command, packings[i].name);
        pclose(pipe);
        unlink(path);
    }
    close(saved);
}

/* What `tcpdump -U -w -` has written is there at once: nobody waits for a buffer to be full. */
static void test_source_open_waits_for_no_more_than_a_packet(void **state)
{
    struct source source;
    struct text why = {0};
    struct pcap_pkthdr *header;
    const u_char *bytes;
    char path[UNIT_PATH_MAX];
    int ends[2];

    (void)state;
    assert_true(unpacked(plain, sizeof plain) > 24 + 16 + 74); /* file header, packet header, SYN */
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], plain, 24 + 16 + 74), 24 + 16 + 74);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    alarm(60);
    assert_true(source_open(&source, path, &why));
    assert_int_equal(pcap_next_ex(source.pcap, &header, &bytes), 1);
    alarm(0);
    assert_int_equal(header->caplen, 74);
    source_close(&source);
    close(ends[0]);
    close(ends[1]);
}

/* What reading the bytes of `packed` as a file brings. */
struct outcome {
    bool is_good, was_cut;
    struct capture_counts counts;
    struct capfile_verdict verdict;
    char why[256], unread[256];
};

static struct outcome read_bytes(const void *bytes, size_t len)
{
    char path[UNIT_PATH_MAX];
    struct outcome o = {0};
    struct source source;
    struct text why = {0}, unread = {0};
    struct track *track = track_new(&(struct track_user){NULL, capfile_done, &o.verdict}, NULL, 0);

    close(mkstemp(unit_temporary(path, "source")));
    write_file(path, bytes, len);
    if (source_open(&source, path, &why)) {
        o.is_good = capture_read(&source, track, NULL, &o.counts, &o.was_cut, &why);
        source_close(&source);
    }
    track_finish(track);
    track_free(track);
    capture_tell_unread(&o.counts, &unread);
    snprintf(o.why, sizeof o.why, "%s", text_string(&why));
    snprintf(o.unread, sizeof o.unread, "%s", text_string(&unread));
    text_fini(&why);
    text_fini(&unread);
    unlink(path);
    return o;
}

/* Packed or not, a file that ends in mid-packet gives what came before. */
static void test_capture_read_says_that_the_end_is_cut(void **state)
{
    size_t len = unpacked(plain, sizeof plain) - 7;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packings); i++) {
        struct outcome o = read_bytes(packed, packings[i].pack(len));
        assert_true(o.is_good && o.was_cut);
        assert_int_equal(o.verdict.n_sessions, 1);
        assert_int_equal(o.verdict.n_violations, 0);
    }
}

/* `cat ONE OTHER`, packed or not: the sessions of both, as long as the files are of a kind. */
static void test_capture_read_reads_files_behind_one_another(void **state)
{
    static uint8_t both[2 * sizeof packed];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packings); i++) {
        size_t n = packings[i].pack(unpacked(plain, sizeof plain));
        memcpy(both, packed, n);
        struct outcome one = read_bytes(packed, n);
        size_t m = packings[i].pack(unpacked_of(OTHER, plain, sizeof plain));
        memcpy(both + n, packed, m);
        struct outcome other = read_bytes(packed, m), o = read_bytes(both, n + m);
        if (!o.is_good || o.verdict.n_sessions != 2 || o.verdict.n_parts > 0 ||
            o.verdict.n_violations > 0 ||
            o.counts.packets != one.counts.packets + other.counts.packets)
            fail_msg("%s: %u sessions, %u in part, %llu packets: %s", packings[i].name,
                     o.verdict.n_sessions, o.verdict.n_parts, (unsigned long long)o.counts.packets,
                     o.why);
    }
}

/* As rotated files are: each has the first one's header. */
static void test_capture_read_puts_pieces_of_a_session_together(void **state)
{
    enum { HEADER = 24, RECORD = 16, PIECES = 3 };
    size_t len = unpacked(plain, sizeof plain), at = HEADER, made = 0;

    (void)state;
    for (unsigned i = 1; i <= PIECES; i++) {
        size_t from = at;
        while (at < len && at < len * i / PIECES) {
            at += RECORD + (plain[at + 8] | (size_t)plain[at + 9] << 8); /* little-endian */
        }
        memcpy(packed + made, plain, HEADER);
        memcpy(packed + made + HEADER, plain + from, at - from);
        made += HEADER + at - from;
    }
    struct outcome o = read_bytes(packed, made);
    assert_true(o.is_good && made == len + (PIECES - 1) * HEADER);
    assert_int_equal(o.verdict.n_sessions, 1);
    assert_int_equal(o.verdict.n_parts + o.verdict.n_violations, 0);
}

static void test_capture_read_reads_no_file_of_another_kind_behind(void **state)
{
    static const size_t others[] = {0, 20}; /* magic number, link type */
    size_t len = unpacked(plain, sizeof plain);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        pack_not(len);
        memcpy(packed + len, packed, len);
        if (others[i] == 0)
            memcpy(packed + len, packed[0] == 0xd4 ? "\x4d\x3c" : "\xd4\xc3", 2);
        else
            packed[len + others[i]] = DLT_PPP;
        struct outcome o = read_bytes(packed, 2 * len);
        assert_false(o.is_good);
        assert_int_equal(o.verdict.n_sessions, 1);
        assert_int_equal(o.verdict.n_parts, 0);
        assert_non_null(strstr(o.why, "of another kind begins there"));
    }
}

/* What was read before is no verdict on the whole. */
static void expect_damaged(const char *name, size_t len)
{
    struct outcome o = read_bytes(packed, len);

    if (o.is_good || strstr(o.why, "the compressed data is damaged") == NULL)
        fail_msg("%s: '%s'", name, o.why);
    if (o.verdict.n_parts != o.verdict.n_sessions)
        fail_msg("%s: %u sessions, %u in part", name, o.verdict.n_sessions, o.verdict.n_parts);
}

/* A packed file that is not whole, or whose checksum is wrong, is damaged, however good what is in
 * it looks. */
static void test_capture_read_says_that_the_packing_is_damaged(void **state)
{
    size_t len = unpacked(plain, sizeof plain);

    (void)state;
    for (size_t i = 1; i < ARRAY_LEN(packings); i++) {
        expect_damaged(packings[i].name, packings[i].pack(len) - 3);
    }
    size_t packed_len = pack_gzip(len); /* the others have a checksum only if asked for one */
    packed[packed_len / 2] ^= 0x10;
    expect_damaged("gzip, a bit flipped", packed_len);
}

static void expect_refusal(const char *path, const char *words)
{
    struct source source;
    struct text why = {0};

    if (source_open(&source, path, &why))
        fail_msg("%s was opened", path);
    if (strstr(text_string(&why), words) == NULL)
        fail_msg("'%s' does not say '%s'", text_string(&why), words);
    text_fini(&why);
}

static void test_source_open_refuses_in_words(void **state)
{
    char path[UNIT_PATH_MAX];

    (void)state;
    expect_refusal("/nonexistent/file", "No such file");
    close(mkstemp(unit_temporary(path, "source")));
    expect_refusal(path, "");
    write_file(path, "no capture at all, but long enough", 34);
    expect_refusal(path, "neither pcap nor pcapng; `editcap");
    write_file(path,
               "\xfd"
               "7zXZ",
               5);
    expect_refusal(path, "`xz -dc FILE |`, and `-`");
    write_file(path, "BZh91AY", 7);
    expect_refusal(path, "`bzip2 -dc FILE |`, and `-`");
    write_file(path, "\x02\x21\x4c\x18 as `lz4 -l` makes it", 24);
    expect_refusal(path, "`lz4 -dc FILE |`, and `-`");
    write_file(path, "\x1f\x8b garbage that is no gzip stream", 32);
    expect_refusal(path, "");
    pcap_t *dead = pcap_open_dead(DLT_IEEE802_11_RADIO, 65535);
    pcap_dump_close(pcap_dump_open(dead, path));
    pcap_close(dead);
    expect_refusal(path, "802.11");
    dead = pcap_open_dead(DLT_USB_LINUX, 65535);
    pcap_dump_close(pcap_dump_open(dead, path));
    pcap_close(dead);
    expect_refusal(path, "USB");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source_open_undoes_every_packing),
        cmocka_unit_test(test_source_open_reads_pipes),
        cmocka_unit_test(test_source_open_waits_for_no_more_than_a_packet),
        cmocka_unit_test(test_capture_read_says_that_the_end_is_cut),
        cmocka_unit_test(test_capture_read_reads_files_behind_one_another),
        cmocka_unit_test(test_capture_read_puts_pieces_of_a_session_together),
        cmocka_unit_test(test_capture_read_reads_no_file_of_another_kind_behind),
        cmocka_unit_test(test_capture_read_says_that_the_packing_is_damaged),
        cmocka_unit_test(test_source_open_refuses_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
