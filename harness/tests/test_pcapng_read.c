/* pcapng files of every form hold the same session; damaged ones are survived. */
#include "harness/tests/capfile.h"
#include "impl/tests/unit.h"

#include <sys/mman.h>
#include <unistd.h>

#define CAPTURE      "pcaps/3.22-3.22-udp.pcap.gz"
#define ETHERNET_LEN 14

/* A file as it is made. */
static struct {
    uint8_t bytes[1 << 20];
    size_t len;
    bool is_swapped; /* the section at hand */
} out;

static void put(const void *bytes, size_t len)
{
    assert_true(out.len + len + 4 < sizeof out.bytes);
    memcpy(out.bytes + out.len, bytes, len);
    out.len += len;
    while (out.len % 4 != 0)
        out.bytes[out.len++] = 0;
}

static void put32(uint32_t v)
{
    v = out.is_swapped ? __builtin_bswap32(v) : v;
    put(&v, 4);
}

static void put_pair(uint16_t a, uint16_t b)
{
    uint16_t pair[2] = {out.is_swapped ? __builtin_bswap16(a) : a,
                        out.is_swapped ? __builtin_bswap16(b) : b};

    put(pair, 4);
}

/* A block's type and length; returns where the length stands. */
static size_t begin(uint32_t type)
{
    put32(type);
    put32(0);
    return out.len - 4;
}

static void end(size_t at)
{
    size_t len = out.len - at + 8, behind = out.len;

    out.len = at;
    put32((uint32_t)len);
    out.len = behind;
    put32((uint32_t)len);
}

static void put_section(bool is_swapped)
{
    out.is_swapped = is_swapped;
    size_t at = begin(0x0a0d0d0a);
    put32(0x1a2b3c4d);
    put_pair(1, 0);
    put32(UINT32_MAX); /* of unknown length */
    put32(UINT32_MAX);
    end(at);
}

/* resolution 0: none is said, microseconds. */
static void put_interface(int link, uint8_t resolution)
{
    size_t at = begin(1);

    put_pair((uint16_t)link, 0);
    put32(0);
    if (resolution != 0) {
        put_pair(9, 1);
        put(&resolution, 1);
        put_pair(0, 0);
    }
    end(at);
}

/* So many of them make a second; 0: packets have no times. */
static void put_packet(const struct capfile_packet *p, uint32_t face, size_t skip, uint32_t type,
                       uint64_t units)
{
    uint64_t time = (uint64_t)((unsigned __int128)p->at_ns * units / 1000000000);
    size_t at = begin(type);

    if (type == 6)
        put32(face);
    else if (type == 2)
        put_pair((uint16_t)face, UINT16_MAX);
    if (type != 3) {
        put32((uint32_t)(time >> 32));
        put32((uint32_t)time);
        put32(p->len - (uint32_t)skip);
    }
    put32(p->wire_len - (uint32_t)skip);
    put(p->bytes + skip, p->len - skip);
    end(at);
}

static struct capfile original;

static int load(void **state)
{
    (void)state;
    return capfile_read(&original, CAPTURE) ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    capfile_fini(&original);
    return 0;
}

static const struct form {
    const char *name;
    uint8_t resolution;
    uint64_t units;
    uint32_t type; /* of the packets' blocks */
    bool is_swapped, has_raw, has_sections, has_wireless;
    unsigned parts; /* sessions of which something cannot be told */
} forms[] = {
    {"microseconds",                 0,         1000000,                 6, false, false, false, false, 0},
    {"nanoseconds",                  9,         1000000000,              6, false, false, false, false, 0},
    {"powers of two",                0x80 | 30, 1073741824,              6, false, false, false, false, 0},
    {"picoseconds",                  12,        UINT64_C(1000000000000), 6, false, false, false, false, 0},
    {"the other byte order",         9,         1000000000,              6, true,  false, false, false, 0},
    {"old packet blocks",            6,         1000000,                 2, true,  false, false, false, 0},
    {"simple packet blocks",         0,         1000000,                 3, false, false, false, false, 1},
    {"two link types",               9,         1000000000,              6, false, true,  false, false, 0},
    {"a link type that is not read", 9,         1000000000,              6, false, true,  false, true,  0},
    {"sections, each in its order",  9,         1000000000,              6, false, true,  true,  false, 0},
};

static void put_head(const struct form *form, bool is_swapped)
{
    put_section(is_swapped);
    if (form->has_wireless)
        put_interface(DLT_IEEE802_11_RADIO, form->resolution);
    put_interface(DLT_EN10MB, form->resolution);
    if (form->has_raw)
        put_interface(101, form->resolution); /* LINKTYPE_RAW */
}

static void make(const struct form *form)
{
    uint32_t first = form->has_wireless ? 1 : 0;

    out.len = 0;
    put_head(form, form->is_swapped);
    for (size_t i = 0; i < original.n; i++) {
        bool is_raw = form->has_raw && i % 2 == 1;
        if (form->has_sections && i > 0 && i % 20 == 0)
            put_head(form, i % 40 == 20);
        if (form->has_wireless && i % 10 == 3)
            put_packet(&original.packets[i], 0, 0, form->type, form->units);
        put_packet(&original.packets[i], first + is_raw, is_raw ? ETHERNET_LEN : 0, form->type,
                   form->units);
    }
}

struct outcome {
    bool is_open, is_good, was_cut;
    struct capture_counts counts;
    struct capfile_verdict verdict;
};

static struct outcome read_it(const char *filter)
{
    char path[64];
    struct outcome o = {0};
    struct source source;
    struct text why = {0};
    int fd = memfd_create("pcapng", MFD_CLOEXEC);

    assert_int_equal(write(fd, out.bytes, out.len), out.len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct track *track = track_new(&(struct track_user){NULL, capfile_done, &o.verdict}, NULL, 0);
    o.is_open = source_open(&source, path, &why) && source_filter(&source, filter, &why);
    if (o.is_open) {
        o.is_good = capture_read(&source, track, NULL, &o.counts, &o.was_cut, &why);
        source_close(&source);
    }
    track_finish(track);
    track_free(track);
    text_fini(&why);
    close(fd);
    return o;
}

static void test_pcapng_of_every_form_holds_the_session(void **state)
{
    struct capfile_verdict wanted = capfile_judge(&original, original.n);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const struct form *form = &forms[i];
        make(form);
        struct outcome o = read_it("udp or tcp");
        size_t n = original.n + (form->has_wireless ? (original.n + 6) / 10 : 0);
        if (!o.is_good || o.was_cut || o.counts.packets != n)
            fail_msg("%s: %d, %llu packets of %zu", form->name, o.is_good,
                     (unsigned long long)o.counts.packets, n);
        if (o.verdict.n_sessions != 1 || o.verdict.n_violations > 0 ||
            o.verdict.n_parts != form->parts || o.verdict.bytes[0] != wanted.bytes[0])
            fail_msg("%s: %u sessions, %s %s, %u in part, %llu bytes", form->name,
                     o.verdict.n_sessions, o.verdict.clause, o.verdict.found, o.verdict.n_parts,
                     (unsigned long long)o.verdict.bytes[0]);
    }
}

/* Without a filter, which they cannot pass, they are counted. */
static void test_packets_of_a_link_type_that_is_not_read_are_counted(void **state)
{
    (void)state;
    make(&forms[8]);
    struct outcome o = read_it(NULL);
    assert_true(o.is_good);
    assert_int_equal(o.counts.unread, (original.n + 6) / 10);
    assert_string_equal(o.counts.unread_name, "another link type");
    assert_int_equal(o.counts.unread_number, 4);
}

/* As when a capture was ended in mid-write. */
static void test_pcapng_that_ends_anywhere_is_cut_and_no_more(void **state)
{
    (void)state;
    make(&forms[9]);
    size_t whole = out.len;
    for (out.len = 0; out.len < whole; out.len += out.len < 2000 ? 1 : 977) {
        struct outcome o = read_it(NULL);
        if (out.len > 100 && !(o.is_open && o.is_good))
            fail_msg("%zu bytes are damaged", out.len);
        assert_int_equal(o.verdict.n_violations, 0);
    }
}

static void test_pcapng_with_any_damage_is_survived(void **state)
{
    unsigned random = 1, n_refused = 0;

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        make(&forms[i % ARRAY_LEN(forms)]);
        random = random * 1103515245 + 12345;
        size_t at = (random >> 8) % MIN(out.len, i % 2 ? out.len : 300u);
        out.bytes[at] ^= (uint8_t)(1u << (random >> 4) % 8);
        struct outcome o = read_it(NULL);
        n_refused += !o.is_open || !o.is_good;
    }
    assert_in_range(n_refused, 1, 1999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pcapng_of_every_form_holds_the_session),
        cmocka_unit_test(test_packets_of_a_link_type_that_is_not_read_are_counted),
        cmocka_unit_test(test_pcapng_that_ends_anywhere_is_cut_and_no_more),
        cmocka_unit_test(test_pcapng_with_any_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
