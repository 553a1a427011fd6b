/* The bytes of a TCP stream are counted by their sequence numbers, whatever was captured of them.
 */
#include "harness/capture/stream.h"
#include "impl/tests/unit.h"

#define START UINT32_C(0xfffffff0) /* sequence numbers wrap soon */
#define N     8

/* A segment of the sender's, or (len 0) how far the reader has acknowledged. */
struct step {
    uint32_t at, len, ack;
    uint8_t flags;
};

#define SEGMENT(at, len)                                                                           \
    {                                                                                              \
        at, len, 0, 0                                                                              \
    }
#define END(at)                                                                                    \
    {                                                                                              \
        at, 0, 0, DISSECT_FIN                                                                      \
    }
#define ACK(ack)                                                                                   \
    {                                                                                              \
        0, 0, ack, 0                                                                               \
    }

static const struct row {
    const char *name;
    struct step steps[N];
    uint64_t sent, missing, unseen, repeated;
} rows[] = {
    {"all of it",                             {SEGMENT(0, 100), SEGMENT(100, 100), ACK(200)}, 200, 0,   0,   0},
    {"one is not captured",                   {SEGMENT(0, 100), SEGMENT(200, 100), ACK(300)}, 300, 100, 100, 0},
    {"one is not captured, nor acknowledged",
     {SEGMENT(0, 100), SEGMENT(200, 100), ACK(100)},
     300,                                                                                          100,
     0,                                                                                                      0},
    {"one is acknowledged in part",
     {SEGMENT(0, 100), SEGMENT(200, 100), ACK(130)},
     300,                                                                                          100,
     30,                                                                                                     0},
    {"one comes late",
     {SEGMENT(0, 100), SEGMENT(200, 100), SEGMENT(100, 100), ACK(300)},
     300,                                                                                          0,
     0,                                                                                                      0},
    {"one comes behind its acknowledgement",
     {SEGMENT(0, 100), ACK(200), SEGMENT(100, 100)},
     200,                                                                                          0,
     0,                                                                                                      0},
    {"one comes twice",                       {SEGMENT(0, 100), SEGMENT(0, 100), ACK(100)},   100, 0,   0,   1},
    {"the middle of a hole comes late",
     {SEGMENT(0, 100), SEGMENT(400, 100), SEGMENT(200, 50), ACK(500)},
     500,                                                                                          250,
     250,                                                                                                    0},
    {"both ends of a hole come late",
     {SEGMENT(0, 100), SEGMENT(400, 100), SEGMENT(200, 50), SEGMENT(250, 150), SEGMENT(100, 100),
      ACK(500)},
     500,                                                                                          0,
     0,                                                                                                      0},
    {"one fills two holes",
     {SEGMENT(0, 10), SEGMENT(20, 10), SEGMENT(40, 10), SEGMENT(10, 30), ACK(50)},
     50,                                                                                           0,
     0,                                                                                                      0},
    {"one fills a hole and goes on",
     {SEGMENT(0, 10), SEGMENT(20, 10), SEGMENT(10, 40), ACK(50)},
     50,                                                                                           0,
     0,                                                                                                      0},
    {"its end is acknowledged",               {SEGMENT(0, 100), END(100), ACK(101)},          100, 0,   0,   0},
    {"its end was not captured",              {SEGMENT(0, 100), ACK(101)},                    100, 0,   0,   0},
    {"its end is captured late",              {SEGMENT(0, 100), ACK(101), END(100)},          100, 0,   0,   0},
    {"the last byte may be the end",          {SEGMENT(0, 100), ACK(200)},                    199, 99,  99,  0},
};

static void take(struct stream_tcp both[2], const struct step *step)
{
    bool is_reader = step->ack != 0;
    struct dissected p = {.seq = is_reader ? 1 : START + step->at,
                          .len = step->len,
                          .flags = DISSECT_ACK | step->flags,
                          .ack = is_reader ? START + step->ack : 1,
                          .window = 1000,
                          .at_ns = 1};

    stream_tcp_take(&both[is_reader], &both[!is_reader], &p);
}

static void begin(struct stream_tcp both[2])
{
    stream_tcp_begin(&both[0], START, 0);
    stream_tcp_begin(&both[1], 1, 0);
}

static void test_stream_tcp_take_counts_by_sequence_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct stream_tcp both[2] = {0}, *own = &both[0];
        begin(both);
        for (const struct step *s = row->steps; s->len + s->flags + s->ack > 0; s++)
            take(both, s);
        if (own->sent != row->sent || own->missing != row->missing ||
            stream_tcp_unseen(own) != row->unseen || own->repeated != row->repeated ||
            both[1].sent != 0)
            fail_msg("%s: %llu sent, %llu missing, %llu unseen, %llu repeated", row->name,
                     (unsigned long long)own->sent, (unsigned long long)own->missing,
                     (unsigned long long)stream_tcp_unseen(own), (unsigned long long)own->repeated);
    }
}

/* Every second segment comes a round later than its neighbours: that many holes at a time. */
static void test_stream_tcp_take_fills_many_holes(void **state)
{
    struct stream_tcp both[2] = {0};

    (void)state;
    begin(both);
    for (unsigned late = 0; late < 2; late++)
        for (unsigned i = 1; i <= STREAM_HOLES; i++)
            take(both, &(struct step)SEGMENT((2 * i - late) * 100, 100));
    take(both, &(struct step)SEGMENT(0, 100));
    assert_int_equal(both[0].missing, 0);
    assert_int_equal(both[0].repeated, 0);
}

/* --- sent twice ------------------------------------------------------------------------------- */

/* A packet of the sender's, with its identification, at a point of capture. */
struct sent {
    uint32_t at, len;
    uint16_t id;
    uint32_t place;
};

static const struct resent_row {
    const char *name;
    struct sent packets[N];
    uint64_t resent, repeated, copies;
} resent_rows[] = {
    {"sent again",                          {{0, 100, 7, 1}, {100, 100, 8, 1}, {0, 100, 9, 1}},   1, 1, 0},
    {"copied by the network",               {{0, 100, 7, 1}, {100, 100, 8, 1}, {0, 100, 7, 1}},   0, 1, 0},
    {"copied at another point",             {{0, 100, 7, 1}, {100, 100, 8, 1}, {0, 100, 9, 2}},   0, 0, 1},
    {"lost at the first point, not behind",
     {{0, 100, 7, 1}, {200, 100, 9, 1}, {100, 100, 8, 2}, {100, 100, 10, 1}},
     1,                                                                                              1,
     0                                                                                                   },
    {"first seen at another point",         {{0, 100, 7, 1}, {100, 100, 8, 2}, {100, 100, 8, 1}}, 0, 1, 0},
    {"pieces of a large one",
     {{0, 400, 7, 1}, {0, 100, 7, 1}, {100, 100, 8, 1}, {200, 100, 9, 1}, {300, 100, 10, 1}},
     0,                                                                                              4,
     0                                                                                                   },
    {"larger pieces of a large one",        {{0, 350, 7, 1}, {0, 200, 7, 1}, {200, 150, 9, 1}},   0, 2, 0},
    {"the last of three pieces sent again", {{0, 300, 7, 1}, {200, 100, 10, 1}},                  1, 1, 0},
    {"a large one sent again",              {{0, 400, 7, 1}, {0, 400, 11, 1}},                    1, 1, 0},
    {"no identifications",                  {{0, 100, 0, 1}, {0, 100, 0, 1}},                     0, 1, 0},
    {"identifications by chance",
     {{0, 100, 7, 1}, {100, 100, 9000, 1}, {0, 100, 9001, 1}},
     0,                                                                                              1,
     0                                                                                                   },
};

static void test_stream_tcp_take_counts_what_was_surely_sent_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(resent_rows); i++) {
        const struct resent_row *row = &resent_rows[i];
        struct stream_tcp both[2] = {0}, *own = &both[0];
        begin(both);
        for (const struct sent *s = row->packets; s->len > 0; s++)
            stream_tcp_take(own, &both[1],
                            &(struct dissected){.seq = START + s->at,
                                                .len = s->len,
                                                .ip_id = s->id,
                                                .place = s->place,
                                                .at_ns = 1});
        uint64_t resent = stream_resent_before(&own->resent, UINT64_MAX);
        if (resent != row->resent || own->repeated != row->repeated || own->copies != row->copies)
            fail_msg("%s: %llu resent, %llu repeated, %llu copies", row->name,
                     (unsigned long long)resent, (unsigned long long)own->repeated,
                     (unsigned long long)own->copies);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_tcp_take_counts_by_sequence_numbers),
        cmocka_unit_test(test_stream_tcp_take_fills_many_holes),
        cmocka_unit_test(test_stream_tcp_take_counts_what_was_surely_sent_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
