/* test_script_mistake.c - scripts that cannot be read: the place, what stands there, what should.
 */
#include "harness/script/script.h"

#include "impl/tests/unit.h"

#define HEAD "case x\nclause ST-1\nplays client\n\n"

#define SERVES "case x\nclause ST-1\nplays server\n\n"

#define ONLY_EVENTS                                                                                \
    "an event: state end close reset denied server-error params results stream datagrams"

static const struct bad {
    const char *text;
    unsigned line, column;
    const char *expected, *found; /* the beginning of what is said */
} bads[] = {
    {HEAD "expect state FOO",                                                 5, 14, "a state such as",                           "'FOO'"              },
    {HEAD "advance RESULT_REQUEST",                                           5, 9,  "a state of a correct run",                  "'RESULT_REQUEST'"   },
    {HEAD "advance SERVER_ERROR",                                             5, 9,  "a state of a correct run",                  "'SERVER_ERROR'"     },
    {HEAD "advance 0x11",                                                     5, 9,  "a state of a correct run",                  "'0x11'"             },
    {HEAD "shout",                                                            5, 1,  "a verb such as",                            "'shout'"            },
    {HEAD "finish now",                                                       5, 8,  "the end of the line",                       "'now'"              },
    {HEAD "send hex fe0",                                                     5, 10, "pairs of hex digits",                       "'fe0'"              },
    {HEAD "send data 5",                                                      5, 6,  "'stream N' in front",                       "'data'"             },
    {HEAD "expect end within 5",                                              5, 19, "a time such as 5s",                         "'5'"                },
    {HEAD "expect end (NO-1)",                                                5, 12, "the id of a clause",                        "'(NO-1)'"           },
    {HEAD "params {\"a\":",                                                   5, 13, "a JSON value",                              "the end of the line"},
    {HEAD "wire params.len 5",                                                5, 17, "'= VALUE', 'as",                            "'5'"                },
    {HEAD "wire shout never",                                                 5, 6,  "a moment of the run",                       "'shout'"            },
    {HEAD "wire data twice",                                                  5, 11, "what becomes of data: never",               "'twice'"            },
    {HEAD "wire TEST_END before TEST_END",                                    5, 22, "another moment of the run",                 "'TEST_END'"         },
    {HEAD "wire TEST_END after",                                              5, 20, "a moment of the run",                       "the end of the line"},
    {HEAD "wire streams = many",                                              5, 16, "a number of streams (0 to",                 "'many'"             },
    {HEAD "wire cookie.x = 1",                                                5, 6,  "params.KEY or results.KEY",                 "'cookie.x'"         },
    {HEAD "wire params. = 1",                                                 5, 6,  "a moment of the run",                       "'params.'"          },
    {HEAD "wire params.length = x",                                           5, 22, "a length, or +N or -N",                     "'x'"                },
    {HEAD "wire results.streams[0] as \"x\"",                                 5, 25, "'= VALUE'",                                 "'as'"               },
    {HEAD "stream 1 wire params never",                                       5, 15, "cookie, connect, reply or",                 "'params'"           },
    {HEAD "stream 1 finish",                                                  5, 10, "open, send, wire, stall",                   "'finish'"           },
    {HEAD "wire params raw 'a' x 99999999999",                                5, 23, "how often (0 to 67108864)",                 "'99999999999'"      },
    {HEAD "wire params raw 'ab' x 67108864",                                  5, 22, "at most 67108864 bytes",                    "'x'"                },
    {HEAD "send params first 7 of 7 parts",                                   5, 24, "a greater number of parts",                 "'7'"                },
    {HEAD "wire params.authtoken = token 5",                                  5, 31, "'user'",                                    "'5'"                },
    {HEAD "wire params.authtoken = token user 'a' password 'b' at then",      5, 56, "now, now-60s",
     "'then'"                                                                                                                                          },
    {HEAD "wire params.authtoken = token user 'a' password 'b' padding none", 5, 61,
     "'pkcs1' or 'oaep'",                                                                                                         "'none'"             },
    {HEAD "wire datagram { seq }",                                            5, 21, "seq, sec, usec or len",                     "'}'"                },
    {HEAD "wire datagram { seq 1",                                            5, 22, "a closing }",                               "the end of the line"},
    {HEAD "wire datagram { colour 1 }",                                       5, 17, "seq, sec, usec or len",                     "'colour'"           },
    {HEAD "stream 1 send datagrams 5..3",                                     5, 25, "a sequence number, or a r",                 "'5..3'"             },
    {HEAD "stream 1 send datagrams",                                          5, 24, "sequence numbers such as",                  "the end of the line"},
    {HEAD "stream 1 send datagrams 1..9999999",                               5, 25, "at most 1000000 datagrams",                 "'1..9999999'"       },
    {HEAD "stream 1 send datagrams 0..9223372036854775807",                   5, 25, "at most 1000000 datagrams",
     "'0..9223372036854775807'"                                                                                                                        },
    {HEAD "stream 1 send data until tired",                                   5, 26, "'blocked'",                                 "'tired'"            },
    {HEAD "stream 1 send data for 0s",                                        5, 24, "a time above 0",                            "'0s'"               },
    {HEAD "open a from nowhere",                                              5, 13, "an address such as 127.0.0.2, or",          "'nowhere'"          },
    {HEAD "open a to 127.0.0.1:80",                                           5, 11, "an address such as 127.0.0.2 or",           "'127.0.0.1:80'"     },
    {HEAD "open a with b",                                                    5, 13, "'cookie'",                                  "'b'"                },
    {HEAD "split at 5 3",                                                     5, 12, "an offset above the one",                   "'3'"                },
    {HEAD "split many",                                                       5, 7,  "bytes per write, or 'at'",                  "'many'"             },
    {HEAD "pause a while",                                                    5, 7,  "a time such as 5s",                         "'a'"                },
    {HEAD "pause until 3s",                                                   5, 15, "'after'",                                   "the end of the line"},
    {HEAD "pause until 3s after a while",                                     5, 22, "a state",                                   "'a'"                },
    {HEAD "background a every 2s finish",                                     5, 23, "send and what",                             "'finish'"           },
    {HEAD "background a send byte 0",                                         5, 14, "'every'",                                   "'send'"             },
    {HEAD "background a every 0s send byte 0",                                5, 20, "a time of at least 1ms",                    "'0s'"               },
    {HEAD "background a every 1s stream 1 send data until blocked",           5, 23, "a number of bytes",
     "'stream'"                                                                                                                                        },
    {HEAD "background a every 1s stream 1 send datagrams 1 every 1ms",        5, 23,
     "datagrams that go at once",                                                                                                 "'stream'"           },
    {HEAD "background a every 1s stream 1 send datagrams 1 until 1s after 1", 5, 23,
     "datagrams that go at once",                                                                                                 "'stream'"           },
    {HEAD "stop",                                                             5, 5,  "the name of an action",                     "the end of the line"},
    {HEAD "include /etc/passwd",                                              5, 9,  "a file *.peer",                             "'/etc/passwd'"      },
    {HEAD "include none.peer",                                                5, 9,  "a readable file",                           "'none.peer'"        },
    {HEAD "include t.peer",                                                   5, 9,  "a file that does not incl",                 "'t.peer'"           },
    {"case x\naddress here\n",                                                2, 9,  "an address such as",                        "'here'"             },
    {"case x\nforeach A in keys(params, odd)\n",                              2, 14, "keys(params), keys(par",                    "'keys(params,'"     },
    {"case x\nforeach A in 1..99999\nforeach B in 1..99999\n\nfinish",        1, 1,  "at most 100000 cases",
     "'case'"                                                                                                                                          },
    {"case x\nforeach A in 0..9223372036854775807\n\nfinish {A}",             2, 14, "FIRST..LAST, upwards",
     ""                                                                                                                                                },
    {HEAD "expect stderr matches \"(\"",                                      5, 23, "an extended regular expression",            ""                   },
    {HEAD "expect stderr matches \"(((a{9}){9}){9}){9}\"",                    5, 23, "a regular expression of at most",
     ""                                                                                                                                                },
    {HEAD "expect stderr matches \"(a{999}){2,}\"",                           5, 23, "a regular expression of at most",           ""                   },
    {HEAD "expect stderr matches \"((((((((((a+)+)+)+)+)+)+)+)+)+\"",         5, 23,
     "a regular expression of at most",                                                                                           ""                   },
    {HEAD "expect stderr matches \"(a*)*\\\\1\"",                             5, 23, "a regular expression of at most",           ""                   },
    {HEAD "send server-error IEFOO",                                          5, 19, "an error such as",                          "'IEFOO'"            },
    {HEAD "either\nsend state TEST_END\nend",                                 6, 1,  "a branch that starts",                      "'send'"             },
    {HEAD "either\nexpect end\nor\n  close\nend",                             8, 3,  "a branch that starts",                      "'close'"            },
    {HEAD "either\nend",                                                      6, 1,  "a branch that starts",                      "'end'"              },
    {HEAD "either\nexpect end",                                               6, 11, "'end' of the either in line 5",             "the end of the file"},
    {HEAD "repeat 2\n  finish\n\n# no end\n\n",                               6, 9,  "'end' of the repeat in line 5",
     "the end of the file"                                                                                                                             },
    {"",                                                                      1, 1,  "a header with a line 'cas",                 "the end of the file"},
    {"# nothing\n\n",                                                         1, 1,  "a header with a line 'cas",                 "the end of the file"},
    {"case x\nplays client\n\nfinish",                                        1, 1,  "a header with a line 'cla",                 "'case'"             },
    {"# x\nneeds udp\n# x\ncase x\nplays client\n\n",                         4, 1,  "a header with a line 'cla",                 "'case'"             },
    {"# of x\n\n  clause ST-1\n\nfinish",                                     3, 3,  "a header with a line 'cas",                 "'clause'"           },
    {"case x\ntitle\nclause ST-1\n\nfinish",                                  2, 6,  "a title",                                   "the end of the line"},
    {"case x\ncolour red\n",                                                  2, 1,  "one of case title",                         "'colour'"           },
    {"case x\nplays both\n",                                                  2, 7,  "'client' or 'server'",                      "'both'"             },
    {"case x\nforeach A in\n",                                                2, 13, "values",                                    "the end of the line"},
    {"case x\nforeach A in\nforeach B in 1\n",                                2, 13, "values",                                    "the end of the line"},
    {"case x\nforeach A in 1\n  'b\n",                                        3, 5,  "a closing '",                               "the end of the line"},
    {"case x\nforeach\n",                                                     2, 8,  "the name of a variable",                    "the end of the line"},
 /* of two times, and of runs: the one that is wrong */
    {HEAD "expect end within 5s..2s",                                         5, 23, "a later end than the beginning",            "'2s'"               },
    {HEAD "expect end within x..2s",                                          5, 19, "a time such as 5s",                         "'x..2s'"            },
    {HEAD "expect end within 5s..x",                                          5, 23, "a time such as 5s",                         "'x'"                },
    {HEAD "stream 1 send datagrams 1 2 1..4294967295 x100000",                5, 29, "at most 1000000 datagrams",
     "'1..4294967295'"                                                                                                                                 },
 /* JSON: where it goes wrong */
    {HEAD "params { \"parallel\": 2,, }",                                     5, 24, "a key in double quotes",                    "','"                },
    {HEAD "params { parallel: 2 }",                                           5, 10, "a key in double quotes",                    "'parallel:'"        },
    {HEAD "params { \"parallel\" 2 }",                                        5, 21, "':' and a value",                           "'2'"                },
    {HEAD "params { \"title\": \"\\q\" }",                                    5, 20, "an escape such as",                         "'\\q\"'"            },
    {HEAD "params { \"title\": \"\\u12g4\" }",                                5, 20, "\\u and four hex digits",                   ""                   },
    {HEAD "params { \"len\": 1 \"num\": 1 }",                                 5, 19, "',' or '}'",                                "'\"num\":'"         },
    {HEAD "wire params.len = [1 2]",                                          5, 22, "',' or ']'",                                "'2]'"               },
    {HEAD "wire params.len = 5x",                                             5, 20, "nothing behind the JSON value",             "'x'"                },
    {HEAD "wire params.len = truth",                                          5, 19, "a JSON value",                              "'truth'"            },
    {HEAD "wire params.len = {\"a\":-}",                                      5, 24, "a number",                                  "'-}'"               },
 /* what a peer can mean */
    {HEAD "params { \"paralel\": 3 }",                                        5, 10, "a parameter such as parallel",              "'\"paralel\":'"     },
    {HEAD "params { \"len\": 5, \"parallel\": \"x\" }",                       5, 32,
     "a number for parallel (`wire params.parallel`",                                                                             "'\"x\"'"            },
    {HEAD "params udp = 1",                                                   5, 14, "true or false for udp",                     "'1'"                },
    {HEAD "params title = 1",                                                 5, 16, "a text in quotes for title",                "'1'"                },
    {HEAD "params Parallel = 1",                                              5, 8,  "a parameter such as parallel",              "'Parallel'"         },
    {HEAD "wire params raw 'x' meaning { \"udp\": null }",                    5, 38, "true or false for udp",
     "'null'"                                                                                                                                          },
    {HEAD "wire params raw 'x' meaning 5",                                    5, 29, "a JSON object",                             "'5'"                },
    {"case x\nparams { \"udp\": 1 }\n",                                       2, 17, "true or false for udp",                     "'1'"                },
 /* the wrong role */
    {SERVES "open x udp",                                                     5, 1,  "`plays client`: a server does not connect", "'open'"             },
    {SERVES "open x from 127.0.0.2",                                          5, 1,  "`plays client`: a server does",             "'open'"             },
    {SERVES "finish\nx stream 3 open",                                        6, 1,  "`plays client`: a server does",             "'x'"                },
 /* what no connection does */
    {HEAD "b pause 100ms",                                                    5, 1,  "'pause' without a name in front",           "'b'"                },
    {HEAD "b open",                                                           5, 1,  "'open' without a name in front",            "'b'"                },
    {HEAD "b stop noise",                                                     5, 1,  "'stop' without a name in front",            "'b'"                },
    {HEAD "b repeat 2\nfinish\nend",                                          5, 1,  "'repeat' without a name in front",          "'b'"                },
 /* the header says each thing once */
    {"case x\ncase y\n",                                                      2, 1,  "one line 'case': line 1 is the first",      "'case'"             },
    {"case x\nplays client\nclause ST-1\nplays server\n",                     4, 1,  "one line 'plays': line 2 is",
     "'plays'"                                                                                                                                         },
    {"case x\ntitle a\ntitle a\n",                                            3, 1,  "one line 'title': line 2 is",               "'title'"            },
    {"case x\nparams {}\nparams {}\n",                                        3, 1,  "one line 'params': line 2 is",              "'params'"           },
    {"case x\nsubject -J\nsubject -d\n",                                      3, 1,  "one line 'subject': line 2 is",             "'subject'"          },
    {"case x\naddress ::1\naddress ::1\n",                                    3, 1,  "one line 'address': line 2 is",             "'address'"          },
    {"case x\nforeach A in keys(x)\n",                                        2, 14, "keys(params)",                              "'keys(x)'"          },
    {"case x\nforeach A,B in 1 2\n",                                          2, 16, "2 values, divided by commas",               "'1'"                },
    {"case x\nforeach A,B in 1,2\n  3,4 5\n",                                 3, 7,  "2 values, divided by commas",               "'5'"                },
    {"case x\nforeach A,B in 1,',2' 4,5,6\n",                                 2, 23, "2 values, divided by commas",               "'4,5,6'"            },
    {"case x\nforeach A,B in 1,{\"a\":1,\"b\":2},3\n",                        2, 16, "2 values, divided by commas",
     "'1,{"                                                                                                                                            },
    {"case x\nforeach A,B in 1..3\n",                                         2, 16, "2 values, divided by commas",               "'1..3'"             },
    {"case x\nforeach A,B in keys(params)\n",                                 2, 16, "2 values, divided by commas",
     "'keys(params)'"                                                                                                                                  },
    {"case x\nforeach A in 1,2\n",                                            2, 14, "1 value ('...' holds commas)",              "'1,2'"              },
 /* a range without an end, an open quote */
    {"case x\nforeach A in 1..\n",                                            2, 14, "FIRST..LAST, upwards",                      "'1..'"              },
    {"case x\nforeach A in a 0x1..x\n",                                       2, 16, "FIRST..LAST, upwards",                      "'0x1..x'"           },
    {"case x\nforeach A in 1...3\n",                                          2, 14, "FIRST..LAST, upwards",                      "'1...3'"            },
    {"case x\nsubject -t 5 'x\n",                                             2, 16, "a closing '",                               "the end of the line"},
    {"case x\nsubject -t 5 'it' \"it's\n",                                    2, 24, "a closing \"",                              "the end of the line"},
 /* one meaning */
    {HEAD "params { \"len\": 5, \"udp\": true, \"len\": 5 }",                 5, 33, "len only once",                             "'\"len\":'"         },
    {"case x\nparams {\"len\":5,\"len\":6}\n",                                2, 17, "len only once",                             "'\"len\":6}'"       },
 /* only events have alternatives */
    {HEAD "expect nothin",                                                    5, 8,
     "one of state end close reset denied server-error params "
     "results stream datagrams nothing reaction",                                                                                 "'nothin'"           },
    {HEAD "expect end or nothing for 1s",                                     5, 15, ONLY_EVENTS,                                 "'nothing'"          },
    {HEAD "ignore alive",                                                     5, 8,  ONLY_EVENTS,                                 "'alive'"            },
    {HEAD "stop ignoring rest",                                               5, 15, ONLY_EVENTS,                                 "'rest'"             },
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
    assert_false(script_read(&list, "t.peer", HEAD "\tsend\t\033[2J", &e));
    script_error_format(&e, &out);
    assert_non_null(strstr(text_string(&out), ", found '?[2J'\n    \tsend\t?[2J\n    \t    \t^\n"));
    text_fini(&out);
    script_list_fini(&list);
}

/* Also where the file ends too early, and however it ends. */
static void test_script_error_points_behind_the_last_line(void **state)
{
    static const char *const ends[] = {"", "\n", "\n\n\n# done\n\n"};
    struct script_list list = {0};
    struct script_error e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct text file = {0}, out = {0};
        text_addf(&file, HEAD "any order\n  expect end%s", ends[i]);
        assert_false(script_read(&list, "t.peer", text_string(&file), &e));
        script_error_format(&e, &out);
        assert_string_equal(
            text_string(&out),
            "t.peer:6:13: expected 'end' of the any in line 5, found the end of the file\n"
            "      expect end\n"
            "                ^\n");
        text_fini(&file);
        text_fini(&out);
    }
    script_list_fini(&list);
}

/* Of a line too long to be shown: what stands around the place. */
static void test_script_error_shows_where_a_long_line_goes_wrong(void **state)
{
    struct script_list list = {0};
    struct script_error e;
    struct text file = {0}, out = {0};

    (void)state;
    text_adds(&file, HEAD "expect results where ");
    for (int i = 0; i < 300; i++)
        text_adds(&file, "not ");
    assert_false(script_read(&list, "t.peer", text_string(&file), &e));
    assert_int_equal(e.column, sizeof "expect results where " + 64 * 4);
    assert_string_equal(e.found, "'not'");
    text_fini(&file);
    text_adds(&file, HEAD "send hex");
    for (int i = 0; i < 1000; i++)
        text_adds(&file, " 00");
    text_adds(&file, " zz");
    assert_false(script_read(&list, "t.peer", text_string(&file), &e));
    assert_int_equal(e.column, 3010);
    script_error_format(&e, &out);
    const char *shown = strchr(text_string(&out), '\n') + 1, *caret = strchr(shown, '\n') + 1;
    assert_memory_equal(shown, "    ...", 7);
    assert_int_equal(strchr(caret, '^') - caret, strstr(shown, "zz") - shown);
    text_fini(&file);
    text_fini(&out);
    script_list_fini(&list);
}

static void test_script_is_text_tells_where_a_file_is_none(void **state)
{
    static char large[(1 << 20) + 1];
    struct script_error e;

    (void)state;
    assert_true(script_is_text("t.peer", HEAD, sizeof HEAD - 1, &e));
    assert_true(script_is_text("t.peer", "", 0, &e));
    assert_false(script_is_text("t.peer", "case x\ntitle a\0b\n", 17, &e));
    assert_int_equal(e.line, 2);
    assert_int_equal(e.column, 8);
    assert_string_equal(e.found, "a NUL byte");
    assert_string_equal(e.text, "title a");
    memset(large, 'a', sizeof large);
    assert_true(script_is_text("t.peer", large, sizeof large - 1, &e));
    assert_false(script_is_text("t.peer", large, sizeof large, &e));
    assert_int_equal(e.line, 1);
    assert_int_equal(e.column, sizeof large);
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
        cmocka_unit_test(test_script_read_names_place_and_cure_of_a_mistake),
        cmocka_unit_test(test_script_error_points_with_a_caret),
        cmocka_unit_test(test_script_error_points_behind_the_last_line),
        cmocka_unit_test(test_script_error_shows_where_a_long_line_goes_wrong),
        cmocka_unit_test(test_script_is_text_tells_where_a_file_is_none),
        cmocka_unit_test(test_script_read_limits_what_a_file_may_ask_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
