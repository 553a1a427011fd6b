/* test_script.c - the .peer language: reading, printing, checking. */
#include "harness/script/script.h"

#include "impl/tests/unit.h"
#include "impl/wire/state.h"

#define HEAD "case x\nclause ST-1\nplays client\n\n"

static struct script_list read_ok(const char *text)
{
    struct script_list list = {0};
    struct script_error error;

    if (!script_read(&list, "t.peer", text, &error))
        fail_msg("line %u: expected %s, found %s", error.line, error.expected, error.found);
    return list;
}

/* Each step in its canonical form. */
static const char *const steps[] = {
    "open",
    "open second",
    "advance TEST_RUNNING",
    "finish",
    "first finish within 5s",
    "send state IPERF_DONE",
    "send state 0x11",
    "send hex fe 00 00",
    "send hex \"\"",
    "send hex 00 00 00 00 first 2 bytes",
    "send cookie first 20 bytes",
    "send cookie \"x\" x 36 \"\\x00\"",
    "b send json \"{}\"",
    "send json length 4294967295 \"[\" x 500 first 20 bytes",
    "send params first 10 bytes",
    "send params first 10 of 140 parts",
    "send results",
    "send server-error",
    "send server-error IEAUTHTEST",
    "send server-error IESTREAMWRITE errno 32",
    "send server-error 7777 errno -1",
    "stream 3 send data 8192",
    "b stream 1 send datagrams 1 2 3 3 5 6 7",
    "stream 1 reset",
    "wire params.length = 4294967295",
    "wire params.len = \"x\"",
    "wire params.title = absent",
    "wire results.streams[0].bytes = wrong-type",
    "wire params raw \"{\\\"a\\\":1}\"",
    "wire cookie raw \"\\x00\\xff\"",
    "params {\"parallel\": 3}",
    "expect state CREATE_STREAMS or server-error or end",
    "expect server-error IERECVPARAMS ints 2",
    "expect end within 9s..45s",
    "expect close",
    "expect reset",
    "second expect denied",
    "expect nothing until end",
    "expect reaction",
    "expect server-error IESTREAMWRITE ints 2 errno 32",
    "expect stream 3",
    "expect stream 3 from port 5300 with any cookie",
    "b expect stream 1 data 81920 bytes or end",
    "expect stream 1 data at least 1 bytes",
    "expect stream 1 end",
    "expect stream 1 close or stream 3 reset",
    "expect stream 1 data hex 30 31",
    "expect stream 1 data hex 30 31 repeated",
    "expect stream 1 datagram hex 36 37 38 39",
    "expect datagrams 1..5 7 9 on stream 1",
    "expect exit not 0",
    "expect signal INT",
    "expect output json-stream where .event == 'end'",
    "expect output text matches \"bits/sec\"",
    "expect stderr \"busy\"",
    "expect stderr matches \"^iperf3: error\"",
    "b ignore state IPERF_DONE",
    "b stop ignoring state IPERF_DONE or end",
    "stop ignoring",
    "drained",
    "expect nothing for 200ms",
    "expect alive",
    "expect alive meanwhile",
    "expect rest",
    "expect exit 1",
    "expect failure",
    "expect output json where .error exists",
    "expect output text \"busy\"",
    "expect results where .streams[id == 1].bytes == sent(1)",
    "expect params where not .udp exists (PARAM-5)",
    "ignore server-error or state IPERF_DONE",
    "hold",
    "split 1",
    "stream 1 send datagrams 1..5 7 4294967295 x3 { seq 8 sec +1 usec 0 }",
    "stream 1 send datagrams { seq +1 sec -1 } x10 every 100ms",
    "stream 1 send data until blocked",
    "stream 1 send data for 2s every 10ms",
    "stream 1 send hex 00 01",
    "stream 5 open",
    "stream 1 half-close",
    "stream 1 stall",
    "stream 1 resume",
    "stream 1 lose 300ms",
    "stream 3 wire cookie raw \"x\" x 37",
    "stream 3 wire connect never",
    "wire connect twice",
    "wire datagram { seq +1000 len 20 }",
    "wire params.len = raw \"1e999\"",
    "wire params.title = text \"a\" x 8000",
    "wire params.len as \"LEN\"",
    "wire params.len twice 5",
    "wire results.streams[0] twice",
    "wire params.length = -4",
    "wire params.length = +1",
    "wire params raw \"[\" x 500 \"]\" x 500",
    "wire params raw \"{\" meaning {\"parallel\": 2}",
    "wire results trailing \"x\" x 5",
    ("wire params.authtoken = token user \"mario\" password \"rossi\" at now-60s padding pkcs1 key "
     "k.pem"),
    "expect params with token user \"a\" password \"b\" padding pkcs1",
    "wire params.authtoken = token user \"a\" password \"b\" at 1700000000",
    "wire params.authtoken = token user \"a\" password \"b\"",
    "wire results never",
    "wire TEST_END twice",
    "wire TEST_END after 500ms",
    "wire params before PARAM_EXCHANGE",
    "a wire IPERF_DONE after close",
    "wire TEST_END = IPERF_DONE",
    "wire TEST_END raw \"\\x0c\\x0c\"",
    "wire streams = 3",
    "wire close never",
    "open thief udp",
    "open thief tcp",
    "open a from 127.0.0.2:5300 to 127.0.0.3",
    "open from [::1]:5300 to ::1",
    "open b with cookie of a within 5s",
    "split at 1 5 37 delay 5ms",
    "split 1 delay 5ms",
    "split 0",
    "cork",
    "b uncork",
    "pause 100ms",
    "pause until 3s after TEST_RUNNING",
    "stream 1 send datagrams 1..5 7 until 200ms after TEST_RUNNING",
    "pause until 200ms after 0x55",
    "pause until 200ms after 0x00",
    "stall",
    "resume",
    "background a every 2s send hex 00",
    "background tick every 10ms b stream 1 send datagrams { seq +1 }",
    "stop tick",
    "close",
    "half-close",
    "reset",
    "subject signal INT",
};

static void test_script_print_gives_back_each_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct text source = {0}, printed = {0};
        text_addf(&source, HEAD "%s\n", steps[i]);
        struct script_list list = read_ok(text_string(&source));
        assert_int_equal(list.at[0]->steps.n, 1);
        script_print_step(&list.at[0]->steps.at[0], &printed);
        assert_string_equal(text_string(&printed), steps[i]);
        text_fini(&source);
        text_fini(&printed);
        script_list_fini(&list);
    }
}

static const struct row {
    const char *name, *source, *canonical;
} shorter[] = {
    {"byte",       "send byte 0x0c",                          "send hex 0c"                         },
    {"byte -2",    "send byte -2",                            "send hex fe"                         },
    {"text",       "send text \"a\\n\"",                      "send hex 61 0a"                      },
    {"line ends",  "send text \"a\\tb\\r\\n\"",               "send hex 61 09 62 0d 0a"             },
    {"hex joined", "send hex fe0000",                         "send hex fe 00 00"                   },
    {"seconds",    "expect end within 1.5s",                  "expect end within 1500ms"            },
    {"repeat",     "wire params raw '[' x 3 hex 5d",          "wire params raw \"[\" x 3 \"]\""     },
    {"text x 2",   "send text 'a' x 2 \"b\"",                 "send text \"a\" x 2 \"b\""           },
    {"literal",    "wire params.len = raw 1e999",             "wire params.len = raw \"1e999\""     },
    {"fields",     "stream 1 send datagrams { len 4 seq 1 }",
     "stream 1 send datagrams { seq 1 len 4 }"                                                      },
    {"one param",  "a params len = 8192",                     "a params {\"len\": 8192}"            },
    {"without",    "expect results without .a.b",             "expect results where not .a.b exists"},
    {"with",       "expect results with .a",                  "expect results where .a exists"      },
    {"number",     "send server-error 114",                   "send server-error IERECVPARAMS"      },
    {"comment",    "close  # and more",                       "close"                               },
    {"no comment", "send text 'a # b'",                       "send hex 61 20 23 20 62"             },
};

static void test_script_read_takes_short_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shorter); i++) {
        struct text source = {0}, printed = {0};
        text_addf(&source, HEAD "%s\n", shorter[i].source);
        struct script_list list = read_ok(text_string(&source));
        script_print_step(&list.at[0]->steps.at[0], &printed);
        if (strcmp(text_string(&printed), shorter[i].canonical) != 0)
            fail_msg("%s: %s", shorter[i].name, text_string(&printed));
        text_fini(&source);
        text_fini(&printed);
        script_list_fini(&list);
    }
}

static const char whole[] = "# at the top\n\n"
                            "case     server/x/{STATE}/{BYTE}\n"
                            "title    Byte {BYTE} in {STATE}\n"
                            "# among the header\n"
                            "clause   ST-2 {CLAUSE}\n"
                            "plays    client\n"
                            "needs    udp slow\n"
                            "params   { \"len\": 8192 }\n"
                            "foreach  STATE,CLAUSE in CREATE_STREAMS,ST-5\n"
                            "    # a table\n"
                            "    'TEST_RUNNING,ST-6'\n"
                            "foreach  BYTE in 0x03..0x05 0xfd\n"
                            "\n"
                            "advance  {STATE}\n"
                            "send     byte {BYTE}\n"
                            "either\n"
                            "    expect  server-error\n"
                            "    close\n"
                            "or\n"
                            "    expect  end\n"
                            "end\n"
                            "expect   alive\n";

static void test_script_foreach_makes_a_script_of_each_row(void **state)
{
    struct script_list list = read_ok(whole);

    (void)state;
    assert_int_equal(list.n, 8);
    assert_string_equal(list.at[0]->id, "server/x/CREATE_STREAMS/0x03-RESULT_REQUEST");
    assert_string_equal(list.at[1]->id, "server/x/CREATE_STREAMS/0x04-TEST_END");
    assert_string_equal(list.at[7]->id, "server/x/TEST_RUNNING/0xfd");
    assert_string_equal(list.at[7]->title, "Byte 0xfd in TEST_RUNNING");
    assert_string_equal(list.at[7]->clauses.at[1], "ST-6");
    assert_int_equal(list.at[7]->steps.at[0].state, TEST_RUNNING);
    assert_int_equal(list.at[7]->steps.at[1].send.text.at[0].once.at[0], 0xfd);
    assert_int_equal(list.at[0]->steps.at[2].line, 17);
    script_list_fini(&list);
}

/* Further commas are the last value's, in quotes or in JSON. */
static void test_script_foreach_divides_values_at_commas(void **state)
{
    static const struct {
        const char *row, *title;
    } rows[] = {
        {"a,b",                     "a|b"                    },
        {"a,",                      "a|"                     },
        {",",                       "|"                      },
        {"'a b,c d'",               "a b|c d"                },
        {"'a,b,c'",                 "a|b,c"                  },
        {"a,',b,c'",                "a|,b,c"                 },
        {"{\"x\":1},[1,{\"y\":2}]", "{\"x\":1}|[1,{\"y\":2}]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text file = {0};
        text_addf(&file, "case x\nclause ST-1\nplays client\nforeach A,B in %s\ntitle {A}|{B}\n\n",
                  rows[i].row);
        struct script_list list = read_ok(text_string(&file));
        assert_int_equal(list.n, 1);
        assert_string_equal(list.at[0]->title, rows[i].title);
        script_list_fini(&list);
        text_fini(&file);
    }
}

static void test_script_foreach_takes_a_range_in_quotes_as_a_word(void **state)
{
    struct script_list list =
        read_ok("case x\nclause ST-1\nplays client\nsubject -T 'it\"s' \"it's\"\n"
                "foreach A in '1..5' '1..5 7' 1..2 a..b\ntitle {A}\n\n");

    (void)state;
    assert_int_equal(list.n, 5);
    assert_string_equal(list.at[0]->title, "1..5");
    assert_string_equal(list.at[1]->title, "1..5 7");
    assert_string_equal(list.at[3]->title, "2");
    assert_string_equal(list.at[4]->title, "a..b");
    assert_string_equal(list.at[4]->subject, "-T 'it\"s' \"it's\"");
    script_list_fini(&list);
}

/* Whatever a peer has said: what it means by it can be read. */
static void test_script_add_meaning_leaves_out_what_nobody_means(void **state)
{
    static const struct {
        const char *said, *meant;
    } rows[] = {
        {"{\"len\":5,\"len\":6,\"LEN\":7}",               "{\"len\":5}"                         },
        {"{\"PARALLEL\":2}",                              "{\"parallel\":2}"                    },
        {"{\"colour\":7,\"udp\":0,\"title\":5}",          "{}"                                  },
        {"{\"title\":\"a\\\"}b\",\"udp\":true,\"x\":{}}", "{\"udp\":true,\"title\":\"a\\\"}b\"}"},
        {"{}",                                            "{}"                                  },
        {"[1]",                                           "{}"                                  },
        {"5",                                             "{}"                                  },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text file = {0}, meaning = {0};
        json_value *said;
        assert_int_equal(
            json_parse((struct bytes){(const uint8_t *)rows[i].said, strlen(rows[i].said)}, &said),
            SPEC_OK);
        script_add_meaning(said, &meaning);
        assert_string_equal(text_string(&meaning), rows[i].meant);
        text_addf(&file, "case x\nclause ST-1\nplays client\n\nwire params raw 'x' meaning %s\n",
                  text_string(&meaning));
        struct script_list list = read_ok(text_string(&file));
        assert_string_equal(list.at[0]->steps.at[0].wire.meaning, rows[i].meant);
        script_list_fini(&list);
        json_free(said);
        text_fini(&meaning);
        text_fini(&file);
    }
}

static void test_script_print_reads_back_as_the_same(void **state)
{
    struct script_list list = read_ok(whole);

    (void)state;
    for (size_t i = 0; i < list.n; i++) {
        struct text once = {0}, twice = {0};
        script_print(list.at[i], &once);
        struct script_list again = read_ok(text_string(&once));
        script_print(again.at[0], &twice);
        assert_string_equal(text_string(&once), text_string(&twice));
        script_list_fini(&again);
        text_fini(&once);
        text_fini(&twice);
    }
    script_list_fini(&list);
}

/* Whatever text comes: an answer, no crash, no leak. */
static void test_script_read_survives_any_cut_and_any_byte(void **state)
{
    struct script_error e;
    char copy[sizeof whole];

    (void)state;
    for (size_t len = 0; len < sizeof whole; len++) {
        struct script_list list = {0};
        memcpy(copy, whole, len);
        copy[len] = '\0';
        script_read(&list, "t", copy, &e);
        script_list_fini(&list);
    }
    for (size_t at = 0; at + 1 < sizeof whole; at++) {
        for (const char *byte = "\n '\"{}#x\xff"; *byte; byte++) {
            struct script_list list = {0};
            memcpy(copy, whole, sizeof whole);
            copy[at] = *byte;
            script_read(&list, "t", copy, &e);
            script_list_fini(&list);
        }
    }
}

static const char *const blocks[] = {
    "any order\n    expect stream 1 end\n    b expect end\nend\n",
    "repeat 3\n    either\n        expect close\n    or\n        expect reset\n    end\nend\n",
};

static void test_script_print_gives_back_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        struct text source = {0}, printed = {0};
        text_addf(&source, HEAD "%s", blocks[i]);
        struct script_list list = read_ok(text_string(&source));
        script_print(list.at[0], &printed);
        assert_non_null(strstr(text_string(&printed), blocks[i]));
        text_fini(&source);
        text_fini(&printed);
        script_list_fini(&list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script_print_gives_back_each_step),
        cmocka_unit_test(test_script_read_takes_short_forms),
        cmocka_unit_test(test_script_foreach_makes_a_script_of_each_row),
        cmocka_unit_test(test_script_foreach_divides_values_at_commas),
        cmocka_unit_test(test_script_foreach_takes_a_range_in_quotes_as_a_word),
        cmocka_unit_test(test_script_add_meaning_leaves_out_what_nobody_means),
        cmocka_unit_test(test_script_print_reads_back_as_the_same),
        cmocka_unit_test(test_script_read_survives_any_cut_and_any_byte),
        cmocka_unit_test(test_script_print_gives_back_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
