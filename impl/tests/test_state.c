#include "impl/wire/state.h"

#include "impl/tests/unit.h"

/* The table of ST-1, by hand: byte on the wire, name, sent by. */
static const struct row {
    uint8_t byte;
    const char *name;
    const char *sent_by;
} rows[] = {
    {0x01, "TEST_START",       "S"},
    {0x02, "TEST_RUNNING",     "S"},
    {0x03, "RESULT_REQUEST",   "" },
    {0x04, "TEST_END",         "C"},
    {0x05, "STREAM_BEGIN",     "" },
    {0x06, "STREAM_RUNNING",   "" },
    {0x07, "STREAM_END",       "" },
    {0x08, "ALL_STREAMS_END",  "" },
    {0x09, "PARAM_EXCHANGE",   "S"},
    {0x0a, "CREATE_STREAMS",   "S"},
    {0x0b, "SERVER_TERMINATE", "S"},
    {0x0c, "CLIENT_TERMINATE", "C"},
    {0x0d, "EXCHANGE_RESULTS", "S"},
    {0x0e, "DISPLAY_RESULTS",  "S"},
    {0x0f, "IPERF_START",      "" },
    {0x10, "IPERF_DONE",       "C"},
    {0xff, "ACCESS_DENIED",    "S"},
    {0xfe, "SERVER_ERROR",     "S"},
};

static void test_state_name_and_senders_are_those_of_ST_1(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int8_t byte = (int8_t)rows[i].byte;
        assert_string_equal(state_name(byte), rows[i].name);
        assert_int_equal(state_is_sent_by_client(byte), rows[i].sent_by[0] == 'C');
        assert_int_equal(state_is_sent_by_server(byte), rows[i].sent_by[0] == 'S');
    }
}

static void test_state_from_name_finds_every_state_by_its_exact_name(void **unused)
{
    int8_t byte = 99;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(state_from_name(rows[i].name, &byte));
        assert_int_equal((uint8_t)byte, rows[i].byte);
    }
    assert_false(state_from_name("test_start", &byte));
    assert_false(state_from_name("", &byte));
    assert_int_equal((uint8_t)byte, rows[ARRAY_LEN(rows) - 1].byte);
}

static void test_state_has_no_more_than_18_of_the_256_values(void **unused) /* ST-2 */
{
    size_t n = 0;

    (void)unused;
    for (int value = INT8_MIN; value <= INT8_MAX; value++) {
        int8_t byte = (int8_t)value;
        n += state_name(byte) != NULL;
        if (state_name(byte) == NULL)
            assert_false(state_is_sent_by_client(byte) || state_is_sent_by_server(byte));
    }
    assert_int_equal(n, ARRAY_LEN(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_name_and_senders_are_those_of_ST_1),
        cmocka_unit_test(test_state_from_name_finds_every_state_by_its_exact_name),
        cmocka_unit_test(test_state_has_no_more_than_18_of_the_256_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
