#include "impl/tests/unit.h"
#include "impl/wire/datagram.h"
#include "impl/wire/knock.h"

#define WIDE   true
#define NARROW false

/* The columns of UDPC-2 and UDPC-3, little-endian, then big-endian hosts. */
static const struct {
    const char *name;
    struct bytes datagram;
    enum datagram_connect connect;
    enum datagram_reply reply;
} kinds[] = {
    {"UDPC-2 3.12+",             WIRE("\x39\x38\x37\x36"),          DATAGRAM_CONNECT,           DATAGRAM_REPLY_BE       },
    {"UDPC-2 legacy",            WIRE("\x15\xcd\x5b\x07"),          DATAGRAM_CONNECT_LEGACY,    DATAGRAM_NOT_REPLY      },
    {"UDPC-2 3.12-3.16 BE",      WIRE("\x36\x37\x38\x39"),          DATAGRAM_CONNECT_BE,        DATAGRAM_REPLY          },
    {"UDPC-2 legacy BE",         WIRE("\x07\x5b\xcd\x15"),          DATAGRAM_CONNECT_LEGACY_BE, DATAGRAM_NOT_REPLY      },
    {"UDPC-3 legacy",            WIRE("\xb1\x68\xde\x3a"),          DATAGRAM_NOT_CONNECT,       DATAGRAM_REPLY_LEGACY   },
    {"UDPC-3 legacy BE",         WIRE("\x3a\xde\x68\xb1"),          DATAGRAM_NOT_CONNECT,       DATAGRAM_REPLY_LEGACY_BE},
    {"UDPC-10 one byte more",    WIRE("\x39\x38\x37\x36\0"),        DATAGRAM_NOT_CONNECT,       DATAGRAM_REPLY_BE       },
    {"UDPC-4 reply and more",    WIRE("\x36\x37\x38\x39 and more"), DATAGRAM_NOT_CONNECT,
     DATAGRAM_REPLY                                                                                                     },
    {"UDPC-10 one byte less",    WIRE("\x39\x38\x37"),              DATAGRAM_NOT_CONNECT,       DATAGRAM_NOT_REPLY      },
    {"UDPC-10 empty",            WIRE(""),                          DATAGRAM_NOT_CONNECT,       DATAGRAM_NOT_REPLY      },
    {"UDPC-10 four other bytes", WIRE("9875"),                      DATAGRAM_NOT_CONNECT,       DATAGRAM_NOT_REPLY      },
};

static void test_datagram_kind_knows_every_value_of_every_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (datagram_connect_kind(kinds[i].datagram) != kinds[i].connect)
            fail_msg("%s: not the connect message", kinds[i].name);
        if (datagram_reply_kind(kinds[i].datagram) != kinds[i].reply)
            fail_msg("%s: not the reply", kinds[i].name);
    }
}

static void test_datagram_bytes_are_what_kind_reads(void **state)
{
    (void)state;
    for (int k = 0; k < DATAGRAM_N_CONNECTS; k++) {
        struct bytes sent = {datagram_connect_bytes((enum datagram_connect)k),
                             DATAGRAM_CONNECT_LEN};
        assert_int_equal(datagram_connect_kind(sent), k);
    }
    for (int k = 0; k < DATAGRAM_N_REPLIES; k++) {
        struct bytes sent = {datagram_reply_bytes((enum datagram_reply)k), DATAGRAM_CONNECT_LEN};
        assert_int_equal(datagram_reply_kind(sent), k);
    }
}

static void test_datagram_first_values_are_what_we_send(void **state) /* INT-8 */
{
    (void)state;
    assert_memory_equal(datagram_connect_bytes(0), "9876", 4);
    assert_memory_equal(datagram_reply_bytes(0), "6789", 4);
}

/* EX-7 and UDP-6: what stands in the header, in both widths. */
static const struct {
    const char *name;
    bool wide;
    struct datagram_header header;
    struct bytes wire;
} headers[] = {
    {"EX-7 first datagram",        NARROW, {5, 999999, 1},                       WIRE("\0\0\0\5\0\x0f\x42\x3f\0\0\0\1")        },
    {"EX-7 first, 64 bits",        WIDE,   {5, 999999, 1},                       WIRE("\0\0\0\5\0\x0f\x42\x3f\0\0\0\0\0\0\0\1")},
    {"UDP-1 unsigned seconds",
     NARROW,                               {0xfedcba98, 0, 2},
     WIRE("\xfe\xdc\xba\x98\0\0\0\0\0\0\0\2")                                                                                  },
    {"UDP-6 last before the wrap",
     NARROW,                               {0, 0, UINT32_MAX},
     WIRE("\0\0\0\0\0\0\0\0\xff\xff\xff\xff")                                                                                  },
    {"UDP-2 all 64 bits",
     WIDE,                                 {0, 0, UINT64_C(0x0102030405060708)},
     WIRE("\0\0\0\0\0\0\0\0\1\2\3\4\5\6\7\x8")                                                                                 },
};

static void test_datagram_encode_writes_big_endian_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        uint8_t out[DATAGRAM_HEADER64_LEN];
        size_t len = datagram_encode(out, headers[i].wide, &headers[i].header);
        if (len != headers[i].wire.len || memcmp(out, headers[i].wire.at, len) != 0)
            fail_msg("%s", headers[i].name);
    }
}

static void test_datagram_encode_lets_only_the_low_half_travel_in_12_bytes(void **state)
{
    uint8_t out[DATAGRAM_HEADER_LEN];
    struct datagram_header header = {.seq = (UINT64_C(7) << 32) + 3};

    (void)state;
    assert_int_equal(datagram_encode(out, NARROW, &header), 12);
    assert_memory_equal(out + 8, "\0\0\0\3", 4);
}

static void test_datagram_decode_reads_what_is_whole_and_refuses_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        for (size_t len = 0; len <= headers[i].wire.len; len++) {
            /* A copy of its own, so that a read past the end shows. */
            uint8_t *copy = malloc(len + 1);
            struct datagram_header got = {0};
            assert_non_null(copy);
            memcpy(copy + 1, headers[i].wire.at, len); /* + 1: no alignment */
            enum spec_err e = datagram_decode((struct bytes){copy + 1, len}, headers[i].wide, &got);
            free(copy);
            assert_int_equal(e, len < headers[i].wire.len ? SPEC_E_SHORT : SPEC_OK);
            if (e == SPEC_OK)
                assert_memory_equal(&got, &headers[i].header, sizeof got);
        }
    }
}

/* A reply ends the wait; of what is none, two blocks and a bit more may overtake it in reverse. */
static void test_knock_gives_up_when_the_budget_is_used(void **state)
{
    static const struct {
        bool reverse;
        int64_t len;
        int not_yet; /* datagrams of `size` bytes that are passed over before it gives up */
        size_t size;
    } each[] = {
        {false, 1448, 0,   4   },
        {false, 1448, 3,   1   },
        {true,  1448, 724, 1448},
        {true,  8,    4,   4   },
    };
    uint8_t other[1448] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        int64_t budget = knock_budget(each[i].reverse, each[i].len);
        struct bytes datagram = {other, each[i].size};
        for (int k = 0; k < each[i].not_yet; k++)
            assert_int_equal(knock_take(&budget, datagram), KNOCK_NOT_YET);
        assert_int_equal(knock_take(&budget, datagram), KNOCK_GIVE_UP);
        budget = knock_budget(each[i].reverse, each[i].len);
        const uint8_t *reply = datagram_reply_bytes(DATAGRAM_REPLY);
        assert_int_equal(knock_take(&budget, (struct bytes){reply, 4}), KNOCK_ANSWERED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datagram_kind_knows_every_value_of_every_version),
        cmocka_unit_test(test_datagram_bytes_are_what_kind_reads),
        cmocka_unit_test(test_datagram_first_values_are_what_we_send),
        cmocka_unit_test(test_datagram_encode_writes_big_endian_fields),
        cmocka_unit_test(test_datagram_encode_lets_only_the_low_half_travel_in_12_bytes),
        cmocka_unit_test(test_datagram_decode_reads_what_is_whole_and_refuses_the_rest),
        cmocka_unit_test(test_knock_gives_up_when_the_budget_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
