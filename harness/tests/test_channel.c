/* Both directions of a connection come out in an order in which the ends can have sent them. */
#include "harness/capture/channel.h"
#include "impl/tests/unit.h"

/* What came out, as text: "a" bytes of end 0, "B" (upper case) of end 1, "[3]" a gap, "." a FIN,
 * "!" a reset, "#" in front of bytes that are other ones than before, or damaged. */
struct heard {
    char text[256];
    size_t len;
};

static void say(struct heard *h, const char *text, size_t len)
{
    assert_true(h->len + len < sizeof h->text);
    memcpy(h->text + h->len, text, len);
    h->len += len;
}

static void on_bytes(void *context, int from, struct channel_origin origin, struct bytes bytes)
{
    (void)origin;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = (char)(from ? bytes.at[i] - 'a' + 'A' : bytes.at[i]);
        say(context, &c, 1);
    }
}

static void on_gap(void *context, int from, struct channel_origin origin, uint64_t len)
{
    char text[32];

    (void)origin;
    say(context, text,
        (size_t)snprintf(text, sizeof text, "%s%llu]", from ? "[S" : "[", (unsigned long long)len));
}

static void on_end(void *context, int from, struct channel_origin origin, bool is_reset)
{
    (void)origin;
    (void)from;
    say(context, is_reset ? "!" : ".", 1);
}

static void on_other(void *context, int from, struct channel_origin origin, bool is_damaged)
{
    (void)is_damaged;
    (void)origin;
    (void)from;
    say(context, "#", 1);
}

struct segment {
    int from;
    uint32_t seq, ack;
    const char *text;
    uint8_t flags; /* beside ACK; DAMAGED */
    uint32_t more; /* on the wire, not captured */
};

#define DAMAGED 0x80
#define ISN     4294967290u /* both ends': six bytes before the numbers wrap */

static const struct row {
    const char *name, *heard;
    struct segment segments[8]; /* numbers relative to ISN + 1 */
} rows[] = {
    {"in order",                                                    "abcXYde",   {{0, 0, 0, "abc", 0, 0}, {1, 0, 3, "xy", 0, 0}, {0, 3, 2, "de", 0, 0}}                    },
    {"across the wrap",
     "abcdefghXY",                                                               {{0, 0, 0, "abcd", 0, 0}, {0, 4, 0, "efgh", 0, 0}, {1, 0, 8, "xy", 0, 0}}                 },
    {"re-ordered",                                                  "abcde",     {{0, 0, 0, "ab", 0, 0}, {0, 4, 0, "e", 0, 0}, {0, 2, 0, "cd", 0, 0}}                      },
    {"an answer captured first",                                    "abcX",      {{1, 0, 3, "x", 0, 0}, {0, 0, 0, "abc", 0, 0}}                                            },
    {"retransmitted",
     "abcd",                                                                     {{0, 0, 0, "ab", 0, 0}, {0, 0, 0, "ab", 0, 0}, {0, 2, 0, "cd", 0, 0}}                     },
    {"overlapping",                                                 "abcd",      {{0, 0, 0, "abc", 0, 0}, {0, 1, 0, "bcd", 0, 0}}                                          },
    {"a keep-alive with a byte",
     "abXcd",                                                                    {{0, 0, 0, "ab", 0, 0}, {1, 0, 2, "x", 0, 0}, {0, 1, 0, "?", 0, 0}, {0, 2, 0, "cd", 0, 0}}},
    {"retransmitted with other bytes",                              "abc#d",     {{0, 0, 0, "abc", 0, 0}, {0, 1, 0, "bxd", 0, 0}}                                          },
    {"retransmitted with other bytes, a gap in front",
     "ab[2]ef#",                                                                 {{0, 0, 0, "ab", 0, 0}, {0, 4, 0, "ef", 0, 0}, {0, 5, 0, "g", 0, 0}}                      },
    {"lost",                                                        "ab[2]ef",   {{0, 0, 0, "ab", 0, 0}, {0, 4, 0, "ef", 0, 0}}                                            },
    {"lost, but acknowledged",                                      "ab[2]X",    {{0, 0, 0, "ab", 0, 0}, {1, 0, 4, "x", 0, 0}}                                             },
    {"an answer lost",                                              "ab[S1]cd",  {{0, 0, 0, "ab", 0, 0}, {0, 2, 1, "cd", 0, 0}}                                            },
    {"the last bytes lost",                                         "ab[3]",     {{0, 0, 0, "ab", 0, 0}, {1, 0, 5, "", 0, 0}}                                              },
    {"each waits for the other",                                    "[1]b[S1]Y", {{0, 1, 0, "b", 0, 0}, {1, 1, 2, "y", 0, 0}}                                              },
    {"cut by the snap length",
     "ab[3]fX",                                                                  {{0, 0, 0, "ab", 0, 3}, {0, 5, 0, "f", 0, 0}, {1, 0, 6, "x", 0, 0}}                       },
    {"FIN with bytes",                                              "ab.X.",     {{0, 0, 0, "ab", DISSECT_FIN, 0}, {1, 0, 3, "x", DISSECT_FIN, 0}}                         },
    {"FIN twice",                                                   "ab.",       {{0, 0, 0, "ab", DISSECT_FIN, 0}, {0, 2, 0, "", DISSECT_FIN, 0}}                          },
    {"FIN before the bytes",                                        "abc.",      {{0, 3, 0, "", DISSECT_FIN, 0}, {0, 0, 0, "abc", 0, 0}}                                   },
    {"reset",                                                       "ab!",       {{0, 0, 0, "ab", 0, 0}, {0, 2, 0, "", DISSECT_RST, 0}}                                    },
    {"a reset behind lost bytes",                                   "ab[2]!",    {{0, 0, 0, "ab", 0, 0}, {0, 4, 0, "", DISSECT_RST, 0}}                                    },
    {"a reset before the bytes",
     "abc!",                                                                     {{0, 0, 0, "ab", 0, 0}, {0, 3, 0, "", DISSECT_RST, 0}, {0, 2, 0, "c", 0, 0}}              },
    {"a reset outside the window",
     "abcd.",                                                                    {{0, 0, 0, "ab", 0, 0},
      {0, 50000, 0, "", DISSECT_RST, 0},
      {0, 2, 0, "cd", 0, 0},
      {0, 4, 0, "", DISSECT_FIN, 0}}                                                                                                                          },
    {"a reset of an old number",
     "abXcd",                                                                    {{0, 0, 0, "ab", 0, 0},
      {1, 0, 2, "x", 0, 0},
      {0, 1, 0, "", DISSECT_RST, 0},
      {0, 2, 1, "cd", 0, 0}}                                                                                                                                  },
    {"a number far away",
     "abcd",                                                                     {{0, 0, 0, "ab", 0, 0}, {0, 2000000000, 0, "?", 0, 0}, {0, 2, 0, "cd", 0, 0}}             },
    {"a damaged segment that came again",
     "abCcd",                                                                    {{0, 0, 0, "ab", 0, 0},
      {0, 2, 0, "xx", DAMAGED, 0},
      {1, 0, 2, "c", 0, 0},
      {0, 2, 1, "cd", 0, 0},
      {1, 1, 4, "", 0, 0}}                                                                                                                                    },
    {"a damaged segment that did not, though the other end has it",
     "ab#cDe",                                                                   {{0, 0, 0, "ab", 0, 0},
      {0, 2, 0, "c", DAMAGED, 0},
      {1, 0, 3, "d", 0, 0},
      {0, 3, 1, "e", 0, 0}}                                                                                                                                  },
    {"a damaged segment that nobody has",
     "ab.",                                                                      {{0, 0, 0, "ab", 0, 0}, {0, 2, 0, "c", DAMAGED, 0}, {0, 2, 0, "", DISSECT_FIN, 0}}        },
    {"damaged numbers and flags",
     "ab.",                                                                      {{0, 0, 0, "ab", 0, 0},
      {0, 70000, 0, "c", DAMAGED, 0},
      {0, 1, 99, "c", DAMAGED | DISSECT_RST, 0},
      {0, 2, 0, "", DAMAGED | DISSECT_FIN, 0},
      {1, 0, 90000, "", DAMAGED, 0},
      {0, 2, 0, "", DISSECT_FIN, 0}}                                                                                                                            },
    {"an acknowledgement far away",
     "abcd",                                                                     {{0, 0, 0, "ab", 0, 0}, {0, 2, 2000000000, "?", 0, 0}, {0, 2, 0, "cd", 0, 0}}             },
};

static void take(struct channel *c, const struct segment *s, uint64_t number)
{
    size_t len = strlen(s->text);

    channel_take(c, s->from,
                 &(struct dissected){
                     .at_ns = number * 1000,
                     .number = number,
                     .flags = DISSECT_ACK | s->flags,
                     .seq = ISN + 1 + s->seq,
                     .ack = ISN + 1 + s->ack,
                     .payload = {(const uint8_t *)s->text, len},
                     .len = (uint32_t)len + s->more,
                     .is_damaged = s->flags & DAMAGED
    });
}

static struct channel *open_channel(struct heard *heard)
{
    struct channel *c =
        channel_new(&(struct channel_user){on_bytes, on_gap, on_end, on_other, heard, NULL});

    channel_start(c, 0, ISN + 1);
    channel_start(c, 1, ISN + 1);
    return c;
}

static void test_channel_gives_what_the_ends_can_have_sent(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct heard heard = {0};
        struct channel *c = open_channel(&heard);
        for (size_t k = 0; k < ARRAY_LEN(rows[i].segments) && rows[i].segments[k].text; k++)
            take(c, &rows[i].segments[k], k + 1);
        channel_finish(c);
        if (strcmp(heard.text, rows[i].heard) != 0)
            fail_msg("%s: %s, not %s", rows[i].name, heard.text, rows[i].heard);
        channel_free(c);
    }
}

/* What is lost is given up while the connection goes on, after a number of packets. */
static void test_channel_does_not_wait_for_ever(void **state)
{
    struct heard heard = {0};
    struct channel *c = open_channel(&heard);

    (void)state;
    take(c, &(struct segment){0, 1, 0, "b", 0, 0}, 1);
    for (unsigned i = 0; i < CHANNEL_PATIENCE; i++)
        take(c, &(struct segment){1, 0, 0, "", 0, 0}, 2 + i);
    assert_string_equal(heard.text, "");
    take(c, &(struct segment){1, 0, 0, "", 0, 0}, 100);
    assert_string_equal(heard.text, "[1]b");
    channel_free(c);
}

/* A capture that turned a long text round, in segments however small. */
static void test_channel_turns_round_what_was_reversed(void **state)
{
    struct heard heard = {0};
    struct channel *c = open_channel(&heard);
    char letters[201], byte[2] = "";

    (void)state;
    for (unsigned i = 0; i < 200; i++)
        letters[i] = (char)('a' + i % 26);
    letters[200] = '\0';
    for (unsigned i = 200; i-- > 0;) {
        byte[0] = letters[i];
        take(c, &(struct segment){1, 0, i + 1, "", 0, 0}, 1); /* and as many acknowledgements */
        take(c, &(struct segment){0, i, 0, byte, 0, 0}, 1);
    }
    assert_string_equal(heard.text, letters);
    channel_free(c);
}

/* However much comes too early, little waits. */
static void test_channel_holds_little(void **state)
{
    struct heard heard = {0};
    static char big[60001];
    struct channel_user deaf = {on_bytes, on_gap, on_end, on_other, &heard, NULL};
    struct channel *c = channel_new(&deaf);

    (void)state;
    memset(big, 'a', sizeof big - 1);
    channel_start(c, 0, ISN + 1);
    for (uint32_t i = 0; i < CHANNEL_BYTES_MAX / 60000 + 1; i++)
        take(c, &(struct segment){0, 1 + i * 60000, 0, big, 0, 0}, 1);
    assert_string_equal(heard.text, "");
    channel_free(c); /* and nothing leaks */
}

static void ignore_bytes(void *context, int from, struct channel_origin origin, struct bytes bytes)
{
    (void)context, (void)from, (void)origin, (void)bytes;
}

/* However many channels there are. */
static void test_channels_together_hold_little(void **state)
{
    enum { N = 100, LEN = 60000 };
    static char big[LEN + 1];
    struct heard heard = {0};
    size_t held = 0;
    struct channel *channels[N];

    (void)state;
    memset(big, 'a', LEN);
    for (unsigned i = 0; i < N; i++) {
        channels[i] =
            channel_new(&(struct channel_user){ignore_bytes, on_gap, on_end, NULL, &heard, &held});
        channel_start(channels[i], 0, ISN + 1);
        heard.len = 0;
        for (uint32_t k = 0; k < 10; k++)
            take(channels[i], &(struct segment){0, 1 + k * LEN, 0, big, 0, 0}, 1);
        assert_in_range(held, 1, CHANNEL_HELD_MAX + LEN);
    }
    for (unsigned i = 0; i < N; i++)
        channel_free(channels[i]);
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channel_gives_what_the_ends_can_have_sent),
        cmocka_unit_test(test_channel_does_not_wait_for_ever),
        cmocka_unit_test(test_channel_turns_round_what_was_reversed),
        cmocka_unit_test(test_channel_holds_little),
        cmocka_unit_test(test_channels_together_hold_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
