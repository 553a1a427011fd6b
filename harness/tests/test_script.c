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
    "first finish within 5000ms",
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
    "expect end within 9000ms..45000ms",
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
    "stream 1 send data for 2000ms every 10ms",
    "stream 1 send hex 00 01",
    "stream 5 open",
    "stream 1 half-close",
    "stream 1 stall",
    "stream 1 resume",
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
    "open b with cookie of a within 5000ms",
    "split at 1 5 37 delay 5ms",
    "split 1 delay 5ms",
    "split 0",
    "cork",
    "b uncork",
    "pause 100ms",
    "stall",
    "resume",
    "background a every 2000ms send hex 00",
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

static const struct bad {
    const char *text;
    unsigned line, column;
    const char *expected, *found; /* the beginning of what is said */
} bads[] = {
    {HEAD "expect state FOO",                                                 5, 14, "a state such as",                  "'FOO'"              },
    {HEAD "advance RESULT_REQUEST",                                           5, 9,  "a state of a correct run",         "'RESULT_REQUEST'"   },
    {HEAD "shout",                                                            5, 1,  "a verb such as",                   "'shout'"            },
    {HEAD "finish now",                                                       5, 8,  "the end of the line",              "'now'"              },
    {HEAD "send hex fe0",                                                     5, 10, "pairs of hex digits",              "'fe0'"              },
    {HEAD "send data 5",                                                      5, 6,  "'stream N' in front",              "'data'"             },
    {HEAD "expect end within 5",                                              5, 19, "a time such as 5s",                "'5'"                },
    {HEAD "expect end (NO-1)",                                                5, 12, "the id of a clause",               "'(NO-1)'"           },
    {HEAD "params {\"a\":",                                                   5, 8,  "a JSON value",                     "'{\"a\":'"          },
    {HEAD "wire params.len 5",                                                5, 17, "'= VALUE', 'as",                   "'5'"                },
    {HEAD "wire shout never",                                                 5, 6,  "a moment of the run",              "'shout'"            },
    {HEAD "wire data twice",                                                  5, 11, "what becomes of data: never",      "'twice'"            },
    {HEAD "wire TEST_END before TEST_END",                                    5, 22, "another moment of the run",        "'TEST_END'"         },
    {HEAD "wire TEST_END after",                                              5, 20, "a moment of the run",              "the end of the line"},
    {HEAD "wire streams = many",                                              5, 16, "a number of streams (0 to",        "'many'"             },
    {HEAD "wire cookie.x = 1",                                                5, 6,  "params.KEY or results.KEY",        "'cookie.x'"         },
    {HEAD "wire params. = 1",                                                 5, 6,  "a moment of the run",              "'params.'"          },
    {HEAD "wire params.length = x",                                           5, 22, "a length, or +N or -N",            "'x'"                },
    {HEAD "wire results.streams[0] as \"x\"",                                 5, 25, "'= VALUE'",                        "'as'"               },
    {HEAD "stream 1 wire params never",                                       5, 15, "cookie, connect, reply or",        "'params'"           },
    {HEAD "stream 1 finish",                                                  5, 10, "open, send, wire, stall",          "'finish'"           },
    {HEAD "wire params raw 'a' x 99999999999",                                5, 23, "how often (0 to 67108864)",        "'99999999999'"      },
    {HEAD "wire params raw 'ab' x 67108864",                                  5, 22, "at most 67108864 bytes",           "'x'"                },
    {HEAD "wire params.authtoken = token 5",                                  5, 31, "'user'",                           "'5'"                },
    {HEAD "wire params.authtoken = token user 'a' password 'b' at then",      5, 56, "now, now-60s",
     "'then'"                                                                                                                                 },
    {HEAD "wire params.authtoken = token user 'a' password 'b' padding none", 5, 61,
     "'pkcs1' or 'oaep'",                                                                                                "'none'"             },
    {HEAD "wire datagram { seq }",                                            5, 21, "seq, sec, usec or len",            "'}'"                },
    {HEAD "wire datagram { seq 1",                                            5, 22, "a closing }",                      "the end of the line"},
    {HEAD "wire datagram { colour 1 }",                                       5, 17, "seq, sec, usec or len",            "'colour'"           },
    {HEAD "stream 1 send datagrams 5..3",                                     5, 25, "a sequence number, or a r",        "'5..3'"             },
    {HEAD "stream 1 send datagrams",                                          5, 24, "sequence numbers such as",         "the end of the line"},
    {HEAD "stream 1 send datagrams 1..9999999",                               5, 35, "at most 1000000 datagrams",
     "the end of the line"                                                                                                                    },
    {HEAD "stream 1 send datagrams 0..9223372036854775807",                   5, 47, "at most 1000000 datagrams",
     "the end of the line"                                                                                                                    },
    {HEAD "stream 1 send data until tired",                                   5, 26, "'blocked'",                        "'tired'"            },
    {HEAD "stream 1 send data for 0s",                                        5, 26, "a time above 0",                   "the end of the line"},
    {HEAD "open a from nowhere",                                              5, 13, "an address such as 127.0.0.2, or", "'nowhere'"          },
    {HEAD "open a to 127.0.0.1:80",                                           5, 11, "an address such as 127.0.0.2 or",  "'127.0.0.1:80'"     },
    {HEAD "open a with b",                                                    5, 13, "'cookie'",                         "'b'"                },
    {HEAD "split at 5 3",                                                     5, 12, "an offset above the one",          "'3'"                },
    {HEAD "split many",                                                       5, 7,  "bytes per write, or 'at'",         "'many'"             },
    {HEAD "pause a while",                                                    5, 7,  "a time such as 5s",                "'a'"                },
    {HEAD "background a every 2s finish",                                     5, 23, "send and what",                    "'finish'"           },
    {HEAD "background a send byte 0",                                         5, 14, "'every'",                          "'send'"             },
    {HEAD "background a every 0s send byte 0",                                5, 23, "a time of at least 1ms",           "'send'"             },
    {HEAD "background a every 1s stream 1 send data until blocked",           5, 23, "a number of bytes",
     "'stream'"                                                                                                                               },
    {HEAD "stop",                                                             5, 5,  "the name of an action",            "the end of the line"},
    {HEAD "include /etc/passwd",                                              5, 9,  "a file *.peer",                    "'/etc/passwd'"      },
    {HEAD "include none.peer",                                                5, 9,  "a readable file",                  "'none.peer'"        },
    {HEAD "include t.peer",                                                   5, 9,  "a file that does not incl",        "'t.peer'"           },
    {"case x\naddress here\n",                                                2, 9,  "an address such as",               "'here'"             },
    {"case x\nforeach A in keys(params, odd)\n",                              2, 14, "keys(params), keys(par",           "'keys(params,'"     },
    {"case x\nforeach A in 1..99999\nforeach B in 1..99999\n\nfinish",        1, 1,  "at most 100000 cases",
     "'case'"                                                                                                                                 },
    {"case x\nforeach A in 0..9223372036854775807\n\nfinish {A}",             3, 1,  "a header with a line 'cla",
     ""                                                                                                                                       },
    {HEAD "send server-error IEFOO",                                          5, 19, "an error such as",                 "'IEFOO'"            },
    {HEAD "either\nsend state TEST_END\nend",                                 7, 1,  "a branch that starts",             "'end'"              },
    {HEAD "either\nexpect end",                                               6, 1,  "'end' of the either",              ""                   },
    {"case x\nplays client\n\nfinish",                                        3, 1,  "a header with a line 'cla",        "the end of the line"},
    {"clause ST-1\n\nfinish",                                                 2, 1,  "a header with a line 'cas",        "the end of the line"},
    {"case x\ncolour red\n",                                                  2, 1,  "one of case title",                "'colour'"           },
    {"case x\nplays both\n",                                                  2, 7,  "'client' or 'server'",             "'both'"             },
    {"case x\nforeach A in\n",                                                2, 13, "values",                           "the end of the line"},
    {"case x\nforeach A in\nforeach B in 1\n",                                2, 13, "values",                           "the end of the line"},
    {"case x\nforeach A in 1\n  'b\n",                                        3, 5,  "a closing '",                      "the end of the line"},
    {"case x\nforeach\n",                                                     2, 8,  "the name of a variable",           "the end of the line"},
    {"case x\nforeach A in keys(x)\n",                                        2, 14, "keys(params)",                     "'keys(x)'"          },
};

static void test_script_read_names_place_and_cure_of_a_mistake(void **state)
{
    bool all = true;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        struct script_list list = {0};
        struct script_error e;
        const struct bad *b = &bads[i];
        bool ok = script_read(&list, "t.peer", b->text, &e);
        if (ok || list.n != 0 || e.line != b->line || (e.column != b->column && *b->found) ||
            strncmp(e.expected, b->expected, strlen(b->expected)) != 0 ||
            strncmp(e.found, b->found, strlen(b->found)) != 0)
            all = false,
            print_error("%s\n%s: %u:%u: expected %s, found %s\n", b->text,
                        ok ? "was read" : "error", e.line, e.column, e.expected, e.found);
        script_list_fini(&list);
    }
    assert_true(all);
}

static void test_script_error_points_with_a_caret(void **state)
{
    struct script_list list = {0};
    struct script_error e;
    struct text out = {0};

    (void)state;
    assert_false(script_read(&list, "t.peer", HEAD "expect state FOO # why", &e));
    script_error_format(&e, &out);
    assert_string_equal(
        text_string(&out),
        "t.peer:5:14: expected a state such as TEST_RUNNING, or a byte such as 0x11, found 'FOO'\n"
        "    expect state FOO\n"
        "                 ^\n");
    text_fini(&out);
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

/* Whole messages, as `iperfspec lint` prints them. */
static const struct lint {
    const char *text;
    const char *problem; /* NULL: none */
} lints[] = {
    {HEAD "finish\nexpect alive",                                                         NULL                                                         },
    {"case x\nclause ST-1 NO-7\nplays client\n\nfinish",
     "t.peer:2:13: expected a clause of docs/clauses.tsv, found 'NO-7'\n"
     "    clause ST-1 NO-7\n                ^\n"                                                                                                       },
    {"case x\nclause ST-1\nplays client\nneeds --dscp udp\n\nfinish",                     NULL                                                         },
    {"case x\nclause ST-1\nplays client\nneeds --\n\nfinish",                             "t.peer:4:7: expected one of udp"                            },
    {"case x\nclause ST-1\nplays client\nneeds magic\n\nfinish",                          "t.peer:4:7: expected one of udp"                            },
    {"case x\nclause ST-1\nplays client\n\n",
     "t.peer:1:6: expected an expect, advance or finish in the case, found no steps\n"
     "    case x\n         ^\n"                                                                                                                        },
    {HEAD "send state TEST_END\nclose",
     "t.peer:1:6: expected an expect, advance or finish in the case, found steps that cannot fail\n"
     "    case x\n         ^\n"                                                                                                                        },
    {HEAD "either\n    expect end\nor\n    expect reset\nend",
     "t.peer:8:5: expected a branch that does not overlap with that of line 6, found 'expect "
     "reset'\n"
     "        expect reset\n        ^\n"                                                                                                               },
    {HEAD "either\nexpect server-error\nor\nexpect server-error IEMESSAGE\nend",
     "t.peer:8:1: expected a branch that does not overlap"                                                                                             },
    {HEAD "either\nexpect denied\nor\nexpect state ACCESS_DENIED\nend",
     "t.peer:8:1: expected a branch that does not overlap"                                                                                             },
    {HEAD "either\nexpect stream 1 end\nor\nexpect stream 1 reset\nend",
     "t.peer:8:1: expected a branch that does not overlap"                                                                                             },
    {HEAD "either\nexpect stream 1 end\nor\nexpect stream 3 end\nend",                    NULL                                                         },
    {HEAD "either\nexpect server-error ints 1\nor\nexpect server-error ints 2\nend",      NULL                                                         },
    {HEAD "either\nexpect server-error IEMESSAGE\nor\nexpect server-error IERECVPARAMS\nor\nexpect "
          "end\nend",                                                                NULL                                                         },
    {HEAD "either\na expect end\nor\nb expect end\nend",                                  NULL                                                         },
    {HEAD "expect alive\nopen b\nb close\nb send state TEST_END",
     "t.peer:8:1: expected nothing more on this connection, which is over since line 7, found 'b "
     "send state TEST_END'\n    b send state TEST_END\n    ^\n"                                                                                        },
    {HEAD "expect end\nsend state TEST_END",                                              "over since line 5"                                          },
    {HEAD "hold\nexpect end\nsend state TEST_END",                                        NULL                                                         },
    {HEAD "finish\nadvance TEST_RUNNING",                                                 "over since line 5"                                          },
    {HEAD "finish\nexpect alive\nsend state TEST_END",                                    "over since line 5"                                          },
    {HEAD "either\nexpect end\nor\nexpect server-error\nclose\nend\nsend state TEST_END",
     "t.peer:11:1: expected nothing more on this connection"                                                                                           },
    {HEAD "either\nexpect end\nor\nexpect server-error\nend\nsend state TEST_END",        NULL                                                         },
    {HEAD "finish\nexpect alive\nexpect results where .a exists",                         NULL                                                         },
    {HEAD "expect alive meanwhile\nfinish",                                               NULL                                                         },
    {HEAD "open b\nb finish\nexpect alive",                                               NULL                                                         },
    {HEAD "finish\nb split 1",
     "t.peer:6:1: expected a step that uses the connection, found 'b split 1'"                                                                         },
    {"case x\nclause ST-1\nplays server\n\nfinish\nexpect alive",
     "t.peer:6:1: expected `plays client`: this asks for a server, but a client is judged, found "
     "'expect alive'\n"                                                                                                                                },
    {HEAD "expect failure",                                                               "t.peer:5:1: expected `plays server`: this asks for a client"},
    {HEAD "wire TEST_START never\nfinish",
     "another deviation: the peer is a client, and this is a server's"                                                                                 },
    {"case x\nclause ST-1\nplays server\n\nwire params.len = 5\nfinish",
     "another deviation: the peer is a server, and this is a client's"                                                                                 },
};

static void take_problem(void *context, const struct script_error *problem)
{
    script_error_format(problem, context);
}

static void test_script_check_finds_what_a_reader_can(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lints); i++) {
        struct script_list list = read_ok(lints[i].text);
        struct text found = {0};
        unsigned n = script_check(list.at[0], take_problem, &found);
        if (n != (lints[i].problem ? 1 : 0) ||
            (n && !strstr(text_string(&found), lints[i].problem)))
            fail_msg("%s\n%u problems: %s", lints[i].text, n, text_string(&found));
        text_fini(&found);
        script_list_fini(&list);
    }
}

static void test_script_check_ids_names_both_places(void **state)
{
    struct script_list list = {0};
    struct script_error e;
    struct text found = {0};

    (void)state;
    assert_true(script_read(&list, "a.peer", HEAD "finish", &e));
    assert_true(script_read(&list, "b.peer", "# why\n" HEAD "finish", &e));
    assert_int_equal(script_check_ids(&list, take_problem, &found), 1);
    assert_true(
        strstr(text_string(&found), "expected an id that a.peer:1 does not have, found 'x'") ||
        strstr(text_string(&found), "expected an id that b.peer:2 does not have, found 'x'"));
    text_fini(&found);
    script_list_fini(&list);
}

/* A file is hostile until it is proved otherwise. */
static void test_script_read_limits_what_a_file_may_ask_for(void **state)
{
    struct text deep = {0};
    struct script_list list = {0};
    struct script_error e;

    (void)state;
    text_adds(&deep, HEAD);
    for (int i = 0; i < 100000; i++)
        text_adds(&deep, "repeat 2\n");
    assert_false(script_read(&list, "t.peer", text_string(&deep), &e));
    assert_string_equal(e.expected, "at most 8 blocks inside each other");
    assert_false(
        script_read(&list, "t.peer", HEAD "repeat 1000\nrepeat 1000\nexpect end\nend\nend", &e));
    assert_string_equal(e.expected, "at most 100000 steps, repetitions counted");
    assert_int_equal(e.line, 5);
    assert_false(
        script_read(&list, "t.peer", HEAD "expect datagrams 1..9999999999 on stream 1", &e));
    assert_string_equal(e.expected, "at most 100000 datagrams");
    text_fini(&deep);
    script_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script_print_gives_back_each_step),
        cmocka_unit_test(test_script_read_takes_short_forms),
        cmocka_unit_test(test_script_foreach_makes_a_script_of_each_row),
        cmocka_unit_test(test_script_print_reads_back_as_the_same),
        cmocka_unit_test(test_script_read_names_place_and_cure_of_a_mistake),
        cmocka_unit_test(test_script_error_points_with_a_caret),
        cmocka_unit_test(test_script_read_survives_any_cut_and_any_byte),
        cmocka_unit_test(test_script_check_finds_what_a_reader_can),
        cmocka_unit_test(test_script_check_ids_names_both_places),
        cmocka_unit_test(test_script_print_gives_back_blocks),
        cmocka_unit_test(test_script_read_limits_what_a_file_may_ask_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
