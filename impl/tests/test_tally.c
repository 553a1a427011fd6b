/* Intervals and totals out of running counts. */
#include "impl/tests/unit.h"
#include "impl/traffic/tally.h"

static struct tally_point udp_point(uint64_t bytes, uint64_t packets, uint64_t errors,
                                    uint64_t out_of_order, double jitter_s)
{
    return (struct tally_point){
        .counts = {bytes, packets, packets, errors, out_of_order, jitter_s}
    };
}

static struct tally_point tcp_point(uint64_t bytes, uint64_t retransmits, uint64_t cwnd,
                                    uint32_t rtt)
{
    return (struct tally_point){
        .counts = {.bytes = bytes},
        .tcp = { .valid = true, .retransmits = retransmits, .snd_cwnd = cwnd, .rtt_us = rtt},
    };
}

static void test_an_interval_is_the_difference_to_the_last_one(void **state)
{
    struct tally t = {.udp = true};
    struct tally_point first = udp_point(1000, 10, 3, 1, 0.5);
    struct tally_point second = udp_point(1500, 16, 1, 4, 0.25);
    struct interval row;

    (void)state;
    tally_interval(&t, &first);
    row = tally_interval(&t, &second);
    assert_int_equal(row.bytes, 500);
    assert_int_equal(row.packets, 6);
    assert_int_equal(row.lost, -2); /* late arrivals took losses back (UDP-7) */
    assert_int_equal(row.out_of_order, 3);
    assert_true(row.jitter_s == 0.25);
    assert_int_equal(row.retransmits, -1);
}

static void test_a_stretch_is_limited_by_what_the_kernel_added_meanwhile(void **state)
{
    struct tally t = {.sender = true};
    struct tally_point first = tcp_point(10, 0, 0, 0), second = tcp_point(20, 0, 0, 0);
    struct interval row;

    (void)state;
    first.tcp.busy_us = 100, first.tcp.rwnd_limited_us = 10;
    second.tcp.busy_us = 350, second.tcp.rwnd_limited_us = 40, second.tcp.sndbuf_limited_us = 5;
    tally_interval(&t, &first);
    row = tally_interval(&t, &second);
    assert_int_equal(row.limits.busy_us, 250);
    assert_int_equal(row.limits.rwnd_limited_us, 30);
    assert_int_equal(row.limits.sndbuf_limited_us, 5);
    assert_int_equal(tally_total(&t).counted.limits.busy_us, 350);
}

static void test_a_sender_counts_retransmits_only_where_the_kernel_does(void **state)
{
    struct tally sender = {.sender = true}, receiver = {0}, blind = {.sender = true};
    struct tally_point first = tcp_point(10, 2, 0, 0), second = tcp_point(20, 7, 0, 0);
    struct tally_point unreadable = {.counts = {.bytes = 5}};

    (void)state;
    tally_interval(&sender, &first);
    assert_int_equal(tally_interval(&sender, &second).retransmits, 5);
    assert_int_equal(tally_interval(&receiver, &second).retransmits, -1);
    assert_int_equal(tally_interval(&blind, &unreadable).retransmits, -1);
}

static void test_totals_leave_out_the_omit_period(void **state)
{
    struct tally t = {.udp = true};
    struct tally_point omitted = udp_point(1000, 10, 3, 1, 0.5);
    struct tally_point end = udp_point(4000, 50, 7, 2, 0.125);
    struct interval_total total;

    (void)state;
    tally_interval(&t, &omitted);
    tally_omit_end(&t);
    tally_interval(&t, &end);
    total = tally_total(&t);
    assert_int_equal(total.counted.bytes, 3000); /* RES-20 */
    assert_int_equal(total.counted.packets, 40);
    assert_int_equal(total.counted.lost, 4);
    assert_int_equal(total.packets, 50); /* RES-16 */
    assert_int_equal(total.lost, 7);     /* RES-14 */
    assert_int_equal(total.omitted_packets, 10);
    assert_int_equal(total.omitted_lost, 3);
    assert_int_equal(tally_bytes(&t, &end.counts), 3000);
    assert_int_equal(tally_blocks(&t, &end.counts), 40);
}

static void test_totals_keep_the_extremes_of_tcp(void **state)
{
    struct tally t = {.sender = true};
    struct tally_point a = tcp_point(1, 4, 9000, 30), b = tcp_point(2, 5, 7000, 10),
                       c = tcp_point(3, 9, 8000, 50);
    struct interval_total total;

    (void)state;
    tally_interval(&t, &a);
    tally_omit_end(&t);
    tally_interval(&t, &b);
    tally_interval(&t, &c);
    total = tally_total(&t);
    assert_int_equal(total.counted.retransmits, 5); /* RES-12 */
    assert_int_equal(total.max_snd_cwnd, 9000);
    assert_int_equal(total.max_rtt_us, 50);
    assert_int_equal(total.min_rtt_us, 10);
    assert_int_equal(total.mean_rtt_us, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_interval_is_the_difference_to_the_last_one),
        cmocka_unit_test(test_a_stretch_is_limited_by_what_the_kernel_added_meanwhile),
        cmocka_unit_test(test_a_sender_counts_retransmits_only_where_the_kernel_does),
        cmocka_unit_test(test_totals_leave_out_the_omit_period),
        cmocka_unit_test(test_totals_keep_the_extremes_of_tcp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
