#include "harness/session/session.h"

#include "impl/tests/unit.h"
#include "impl/wire/state.h"

static const struct row {
    const char *name;
    struct session_message message;
    struct bytes wire;
    const char *words;
} rows[] = {
    {"ST-1 a state",                    {.kind = SESSION_STATE, .state = TEST_END},             WIRE("\x04"), "> 04 TEST_END"},
    {"ST-2 no state of iperf3's",
     {.kind = SESSION_STATE, .from = SESSION_SUBJECT, .state = 0x11},
     WIRE("\x11"),
     "< 11 (no state of iperf3's)"                                                                                           },
    {"ERR-1 both integers",
     {.kind = SESSION_ERROR, .from = SESSION_SUBJECT, .n_ints = 2, .ierr = 114, .os_errno = 9},
     WIRE("\xfe\0\0\0\x72\0\0\0\x09"),
     "< fe SERVER_ERROR 114 IERECVPARAMS, errno 9"                                                                           },
    {"ERR-2 one integer",
     {.kind = SESSION_ERROR, .n_ints = 1, .ierr = 142},
     WIRE("\xfe\0\0\0\x8e"),
     "> fe SERVER_ERROR 142 IEAUTHTEST (one integer only)"                                                                   },
    {"JSON-1 a text whose length lies",
     {.kind = SESSION_JSON, .announced = 0xffffffff, .body = {(const uint8_t *)"{}", 2}},
     WIRE("\xff\xff\xff\xff{}"),
     "> ff ff ff ff {} (announced 4294967295 bytes, 2 came)"                                                                 },
    {"who and stream",
     {.kind = SESSION_DATA, .who = "b", .stream = 3, .len = 10},
     {NULL, 0},
     "> [b] stream 3 data, 10 bytes"                                                                                         },
};

static void test_session_encode_gives_the_bytes_on_the_wire(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text bytes = {0};
        session_encode(&rows[i].message, &bytes);
        if (bytes.len != rows[i].wire.len ||
            (bytes.len && memcmp(bytes.at, rows[i].wire.at, bytes.len) != 0))
            fail_msg("%s: %zu bytes", rows[i].name, bytes.len);
        text_fini(&bytes);
    }
}

static void test_session_describe_speaks_the_protocol(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text words = {0};
        session_describe(&rows[i].message, &words);
        if (strcmp(text_string(&words), rows[i].words) != 0)
            fail_msg("%s: %s", rows[i].name, text_string(&words));
        text_fini(&words);
    }
}

static void test_session_is_said_of_what_the_other_side_can_tell(void **state)
{
    static const enum session_kind settings[] = {SESSION_OPEN,   SESSION_HOLD,  SESSION_STALL,
                                                 SESSION_RESUME, SESSION_PAUSE, SESSION_ALIVE,
                                                 SESSION_NOTE};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(session_is_said(&rows[i].message));
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        assert_false(session_is_said(&(struct session_message){.kind = settings[i]}));
}

static void test_session_add_copies_the_body(void **state)
{
    struct session s = {0};
    uint8_t body[] = {1, 2, 3};

    (void)state;
    session_add(&s, &(struct session_message){
                        .kind = SESSION_BYTES, .body = {body, 3}
    });
    body[0] = 9;
    assert_int_equal(s.messages[0].body.at[0], 1);
    session_fini(&s);
}

static void test_session_timeline_adds_up_data_and_keeps_the_end(void **state)
{
    struct session s = {0};
    struct text out = {0};

    (void)state;
    session_add(&s, &(struct session_message){.kind = SESSION_OPEN});
    for (int i = 0; i < 3; i++)
        session_add(&s, &(struct session_message){.kind = SESSION_DATA, .stream = 1, .len = 5});
    session_add(&s, &(struct session_message){
                        .kind = SESSION_END, .from = SESSION_SUBJECT, .at_ns = 1500000000});
    session_timeline(&s, " ", 2, &out);
    assert_string_equal(text_string(&out), " ... 1 lines before\n"
                                           "   0.000 > stream 1 data, 15 bytes in 3 pieces\n"
                                           "   1.500 < end\n");
    text_fini(&out);
    session_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_encode_gives_the_bytes_on_the_wire),
        cmocka_unit_test(test_session_describe_speaks_the_protocol),
        cmocka_unit_test(test_session_is_said_of_what_the_other_side_can_tell),
        cmocka_unit_test(test_session_add_copies_the_body),
        cmocka_unit_test(test_session_timeline_adds_up_data_and_keeps_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
