/* datagram_fuzzer.c - datagrams, and what is counted of them; the end of a test by bytes and
 * blocks.
 *
 * Input: a byte of flags, 8 bytes each for num, blockcount and rate, then datagrams of 17 bytes: a
 * header of 16 and the time in ms until it arrived. */
#include "fuzz/fuzz.h"

#include "impl/wire/account.h"

#include <math.h>

#define HEADERS 64 /* of one input */

static void check_kinds(struct bytes datagram)
{
    enum datagram_connect connect = datagram_connect_kind(datagram);
    enum datagram_reply reply = datagram_reply_kind(datagram);

    if (connect != DATAGRAM_NOT_CONNECT)
        FUZZ_CHECK(datagram.len == DATAGRAM_CONNECT_LEN &&
                       memcmp(datagram.at, datagram_connect_bytes(connect), 4) == 0,
                   "connect %d", connect);
    if (reply != DATAGRAM_NOT_REPLY)
        FUZZ_CHECK(datagram.len >= 4 && memcmp(datagram.at, datagram_reply_bytes(reply), 4) == 0,
                   "reply %d", reply);
}

static bool check_header(struct bytes datagram, bool wide, struct datagram_header *header)
{
    uint8_t out[DATAGRAM_HEADER64_LEN];
    size_t len = wide ? DATAGRAM_HEADER64_LEN : DATAGRAM_HEADER_LEN;
    enum spec_err err = datagram_decode(datagram, wide, header);

    FUZZ_CHECK(err == (datagram.len >= len ? SPEC_OK : SPEC_E_SHORT), "%d for %zu bytes", err,
               datagram.len);
    if (err != SPEC_OK)
        return false;
    FUZZ_CHECK(datagram_encode(out, wide, header) == len && memcmp(out, datagram.at, len) == 0,
               "not written as it was read");
    return true;
}

static void check_count(const struct account_udp *a, uint64_t n)
{
    FUZZ_CHECK(a->errors <= a->packets, "%llu of %llu", (unsigned long long)a->errors,
               (unsigned long long)a->packets);
    FUZZ_CHECK(a->packets - a->errors <= n && a->out_of_order <= n, "more than came");
    double lost = account_lost_percent((int64_t)a->errors, (int64_t)a->packets);
    FUZZ_CHECK(lost >= 0 && lost < 100.001, "%g %% lost", lost);
    FUZZ_CHECK(isfinite(a->jitter_s) && a->jitter_s >= 0, "jitter %g", a->jitter_s);
}

static void take_datagrams(bool wide, struct bytes in)
{
    struct account_udp a = {0};
    uint64_t at_ns = 0;

    for (uint64_t n = 1; in.len > 0 && n <= HEADERS; n++) {
        struct datagram_header header;
        struct bytes datagram = fuzz_take(&in, 16);
        at_ns += fuzz_u8(&in) * UINT64_C(1000000);
        check_kinds(datagram);
        if (check_header(datagram, wide, &header))
            account_udp_take(&a, &header, wide, at_ns);
        if (n % 8 == 0)
            account_udp_omit_end(&a);
        check_count(&a, n);
    }
}

/* Sending just that many blocks reaches the end, one fewer does not. */
static void check_end(uint64_t num, uint64_t blocks, uint64_t rate_bps)
{
    struct account_end end = {.bytes = num >> 8, .blocks = blocks >> 8};
    uint64_t len = 1 + (rate_bps & 0xfffff), sent = account_blocks(&end, len);

    if (rate_bps > 0)
        FUZZ_CHECK(account_pace_ns(num, rate_bps, blocks) >= num, "pace");
    FUZZ_CHECK(account_paced_bytes(num, rate_bps, blocks / 2) <=
                   account_paced_bytes(num, rate_bps, blocks),
               "less later");
    if (sent == UINT64_MAX) {
        FUZZ_CHECK(!account_end_reached(&end, 1, num, blocks), "no end, yet reached");
        return;
    }
    FUZZ_CHECK(sent > 0 && account_end_reached(&end, 0, sent * len, sent), "%llu blocks",
               (unsigned long long)sent);
    FUZZ_CHECK(!account_end_reached(&end, 0, (sent - 1) * len, sent - 1), "%llu blocks - 1",
               (unsigned long long)sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    uint8_t flags = fuzz_u8(&in);
    uint64_t num = fuzz_u64(&in), blocks = fuzz_u64(&in), rate_bps = fuzz_u64(&in);

    check_end(num, blocks, rate_bps);
    check_kinds(in);
    take_datagrams(flags & 1, in);
    return 0;
}
