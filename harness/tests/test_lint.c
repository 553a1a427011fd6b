/* test_lint.c - what is wrong with scripts that can be read: the place, and a caret below it. */
#include "harness/script/script.h"

#include "impl/tests/unit.h"

#include <stdio.h>

#define HEAD   "case x\nclause ST-1\nplays client\n\n"
#define SERVES "case x\nclause ST-1\nplays server\n\n"

static const struct row {
    const char *text;
    const char *place;   /* LINE:COLUMN; NULL: nothing is wrong */
    const char *problem; /* "expected ..., found ...", or its beginning */
} rows[] = {
  /* the header */
    {HEAD "finish\nexpect alive",                                                                       NULL,   NULL                                                                   },
    {"case x\nclause ST-1 NO-7\nplays client\n\nfinish",                                                "2:13",
     "expected a clause of docs/clauses.tsv, found 'NO-7'"                                                                                                                             },
    {"case x\nclause ST-1 CLOSE-8\nplays client\n\nfinish",                                             NULL,   NULL                                                                   },
    {"case x\nclause CLOSE-8\nplays client\n\nfinish",                                                  "2:8",
     "expected a clause that binds servers, whom the case judges, found 'CLOSE-8'"                                                                                                     },
    {"case x\nclause CLOSE-8 JSON-12\nplays server\n\nfinish",                                          NULL,   NULL                                                                   },
    {"case x\nclause ST-1\nplays client\nneeds --dscp udp\n\nfinish",                                   NULL,   NULL                                                                   },
    {"case x\nclause ST-1\nplays client\nneeds --\n\nfinish",                                           "4:7",  "expected one of udp"                                                  },
    {"case x\nclause ST-1\nplays client\nneeds udp magic\n\nfinish",                                    "4:11", "expected one of udp"                                                  },
    {"case x\nclause ST-1\nplays client\n\n",                                                           "1:6",
     "expected an expect, advance or finish in the case, found no steps"                                                                                                               },
    {HEAD "send state TEST_END\nclose",                                                                 "1:6",
     "expected an expect, advance or finish in the case, found steps that cannot fail"                                                                                                 },

 /* branches that overlap */
    {HEAD "either\n    expect end\nor\n    expect reset\nend",                                          "8:5",
     "expected a branch that does not overlap with that of line 6, found 'expect reset'"                                                                                               },
    {HEAD "either\nexpect server-error\nor\nexpect server-error IEMESSAGE\nend",                        "8:1",
     "expected a branch that does not overlap"                                                                                                                                         },
    {HEAD "either\nexpect denied\nor\nexpect state ACCESS_DENIED\nend",                                 "8:1",
     "expected a branch that does not overlap"                                                                                                                                         },
    {SERVES "either\nexpect results where .a exists\nor\nexpect params\nend",                           "8:1",
     "expected a branch that does not overlap"                                                                                                                                         },
    {HEAD "either\nexpect stream 1 end\nor\nexpect stream 1 reset\nend",                                "8:1",
     "expected a branch that does not overlap"                                                                                                                                         },
    {HEAD "either\nexpect stream 1 datagram hex 36\nor\nexpect stream 1 datagram hex 36 37\nend",
     "8:1",                                                                                                     "expected a branch that does not overlap"                              },
    {HEAD "either\nexpect stream 1 data hex 36\nor\nexpect stream 1 data hex 36 37\nend",               "8:1",
     "expected a branch that does not overlap"                                                                                                                                         },
    {HEAD "either\nexpect datagrams 1 2 3 on stream 1\nor\nexpect datagrams 1 2 on stream 1\nend",
     "8:1",                                                                                                     "expected a branch that does not overlap"                              },
    {HEAD "either\nexpect stream 1 datagram hex 36\nor\nexpect stream 1 datagram hex b1\nend",          NULL,
     NULL                                                                                                                                                                              },
    {HEAD "either\nexpect datagrams 1 2 on stream 1\nor\nexpect datagrams 1 3 on stream 1\nend",
     NULL,                                                                                                      NULL                                                                   },
    {HEAD "params parallel = 2\neither\nexpect stream 1 end\nor\nexpect stream 3 end\nend",             NULL,
     NULL                                                                                                                                                                              },
    {HEAD "either\nexpect server-error ints 1\nor\nexpect server-error ints 2\nend",                    NULL,   NULL                                                                   },
    {HEAD "either\nexpect server-error IEMESSAGE\nor\nexpect server-error IERECVPARAMS\nor\n"
          "expect end\nend",                                                                       NULL,   NULL                                                                   },
    {HEAD "any order\nexpect state 1 or state 2\nexpect state 1\nend",                                  "7:1",
     "expected an event that does not overlap with that of line 6, or the same, found 'expect "
     "state 1'"                                                                                                                                                                        },
    {HEAD "any order\nexpect server-error\nexpect server-error IEMESSAGE\nend",                         "7:1",
     "expected an event that does not overlap"                                                                                                                                         },
    {HEAD "any order\nexpect state 1\nexpect state 1\nend",                                             NULL,   NULL                                                                   },
    {HEAD "any order\nexpect state 1\nb expect state 1 or end\nend\nb send cookie",                     NULL,   NULL                                                                   },
    {HEAD "any order\nexpect results where .a exists\nexpect results\nend",                             NULL,   NULL                                                                   },
    {HEAD "either\na expect end\nor\nb expect end\nend",                                                NULL,   NULL                                                                   },

 /* steps that can never run */
    {HEAD "expect alive\nopen b\nb close\n  b send state TEST_END",                                     "8:3",
     "expected nothing more on this connection, which is over since line 7, found 'b send state "
     "TEST_END'"                                                                                                                                                                       },
    {HEAD "expect end\nsend state TEST_END",                                                            "6:1",  "expected nothing more on this connection"                             },
    {HEAD "hold\nexpect end\nsend state TEST_END",                                                      NULL,   NULL                                                                   },
    {HEAD "advance TEST_RUNNING\nhalf-close\nsend byte 4\nexpect alive",                                "7:1",
     "expected nothing more to be sent: our half is closed since line 6, found 'send byte 4'"                                                                                          },
    {HEAD "advance TEST_RUNNING\nhalf-close\nexpect end\nopen\nsend byte 4\nexpect end",                NULL,
     NULL                                                                                                                                                                              },
    {HEAD "advance TEST_RUNNING\nstream 1 half-close\nsend byte 4\nexpect end",                         NULL,   NULL                                                                   },
    {HEAD "either\nexpect state 9\nhalf-close\nor\nexpect denied\nend\nsend byte 4\nexpect alive",
     NULL,                                                                                                      NULL                                                                   },
    {HEAD "advance TEST_RUNNING\nfirst close\nexpect end",                                              "6:1",
     "expected `open first`, as it is another connection than that without a name, found 'first "
     "close'"                                                                                                                                                                          },
    {HEAD "advance TEST_RUNNING\nopen first\nfirst expect denied\nfinish",                              NULL,   NULL                                                                   },
    {HEAD "repeat 2\nfinish\nend",                                                                      "6:1",
     "expected nothing more on this connection, which is over since line 6 of the turn before, "
     "found 'finish'"                                                                                                                                                                  },
    {HEAD "repeat 1\nfinish\nend",                                                                      NULL,   NULL                                                                   },
    {HEAD "repeat 2\nopen\nadvance TEST_RUNNING\nclose\nend",                                           NULL,   NULL                                                                   },
    {HEAD "repeat 2\nfinish\nopen\nend\nexpect alive",                                                  NULL,   NULL                                                                   },
    {HEAD "first advance TEST_RUNNING\nfirst close\nexpect alive",                                      NULL,   NULL                                                                   },
    {HEAD "finish\nadvance TEST_RUNNING",                                                               "6:1",  "expected nothing more on this connection"                             },
    {HEAD "finish\nexpect alive\nsend state TEST_END",                                                  "7:1",
     "expected nothing more on this connection, which is over since line 5"                                                                                                            },
    {HEAD "either\nexpect end\nor\nexpect server-error\nclose\nend\nsend state TEST_END",               "11:1",
     "expected nothing more on this connection"                                                                                                                                        },
    {HEAD "either\nexpect end\nor\nexpect server-error\nend\nsend state TEST_END",                      NULL,   NULL                                                                   },
    {HEAD "finish\nexpect alive\nexpect results where .a exists",                                       NULL,   NULL                                                                   },
    {HEAD "expect alive meanwhile\nfinish",                                                             NULL,   NULL                                                                   },
    {HEAD "open b\nb finish\nexpect alive",                                                             NULL,   NULL                                                                   },
    {HEAD "advance TEST_RUNNING\nadvance CREATE_STREAMS",                                               "6:1",
     "expected a state that is still to come, found 'advance CREATE_STREAMS'"                                                                                                          },
    {HEAD "advance TEST_END\nadvance TEST_RUNNING",                                                     "6:1",
     "expected a state that is still to come, found 'advance TEST_RUNNING'"                                                                                                            },
    {HEAD "advance TEST_END\nadvance EXCHANGE_RESULTS",                                                 NULL,   NULL                                                                   },
    {HEAD "advance TEST_RUNNING\nb advance CREATE_STREAMS\nopen\nadvance CREATE_STREAMS",               NULL,
     NULL                                                                                                                                                                              },
    {HEAD "subject signal KILL\nexpect signal KILL\nsend state TEST_END",                               "7:1",
     "expected nothing more of a subject whose process has ended in line 6"                                                                                                            },
    {HEAD "subject signal INT\nexpect exit not 0\nexpect alive",                                        "7:1",
     "expected nothing more of a subject whose process has ended in line 6"                                                                                                            },
    {SERVES "finish\nexpect exit 0\nexpect output json where .end exists",                              NULL,   NULL                                                                   },

 /* steps that do nothing */
    {HEAD "finish\nb split 1",                                                                          "6:1",
     "expected a step that uses the connection, found 'b split 1'"                                                                                                                     },
    {HEAD "open b\nfinish",                                                                             "5:1",
     "expected a step that uses the connection, or `open NAME tcp`: to be there, found "
     "'open b'"                                                                                                                                                                        },
    {HEAD "open b tcp\nfinish",                                                                         NULL,   NULL                                                                   },
    {HEAD "open b\nbackground x every 1s b send byte 0\nfinish",                                        NULL,   NULL                                                                   },
    {HEAD "open b\nopen c with cookie of b\nc finish",                                                  NULL,   NULL                                                                   },
    {HEAD "finish\nopen c with cookie of b\nc expect end",                                              "6:1",
     "expected the cookie of another connection, which was there before"                                                                                                               },
    {HEAD "finish\nopen c with cookie of first\nc expect end",                                          NULL,   NULL                                                                   },
    {HEAD "open c with cookie of first\nc expect end",                                                  "5:1",
     "expected the cookie of another connection"                                                                                                                                       },
    {HEAD "open b\nopen b\nb finish",                                                                   "6:1",  "expected another name: that of line 5 is open"                        },
    {HEAD "open b\nexpect alive\nopen b\nb finish",                                                     NULL,   NULL                                                                   },
    {HEAD "open b udp\nb finish",                                                                       "6:1",  "expected send or expect: a third party plays no test"                 },
    {SERVES "open\nexpect exit 1",                                                                      NULL,   NULL                                                                   },
    {HEAD "stop noise\nfinish",                                                                         "5:1",
     "expected `background` of the same before it, found 'stop n"                                                                                                                      },
    {HEAD "background noise every 1s send byte 0\nstop noises\nfinish",                                 "6:1",
     "expected `background` of the same before it"                                                                                                                                     },
    {HEAD "background a every 1s send byte 0\nbackground a every 2s send byte 1\nfinish",               "6:1",
     "expected another name: that of line 5 is going on"                                                                                                                               },
    {HEAD "background a every 1s send byte 0\nstop a\nbackground a every 2s send byte 1\nfinish",
     NULL,                                                                                                      NULL                                                                   },
    {HEAD "uncork\nfinish",                                                                             "5:1",  "expected `cork` of the same before it, found 'uncork'"                },
    {HEAD "b cork\nuncork\nb uncork\nb finish\nfinish",                                                 "6:1",  "expected `cork` of the same"                                          },
    {HEAD "cork\nsend hex 00\nexpect alive",                                                            "5:1",  "expected `uncork` of the same behind it"                              },
    {HEAD "params parallel = 2\nadvance TEST_RUNNING\nstream 1 stall\nstream 3 resume\nfinish",
     "8:1",                                                                                                     "expected `stall` of the same before it, found 'stream 3 resume'"      },
    {HEAD "cork\neither\nexpect end\nor\nexpect state TEST_START\nuncork\nend\nexpect alive",           NULL,
     NULL                                                                                                                                                                              },
    {HEAD "stop ignoring\nfinish",                                                                      "5:1",
     "expected `ignore` of the same before it, found 'stop ignoring'"                                                                                                                  },
    {HEAD "ignore state TEST_START\nstop ignoring state TEST_END\nfinish",                              "6:1",
     "expected `ignore` of the same before it"                                                                                                                                         },
    {HEAD "a ignore reset\nstop ignoring\na finish",                                                    "6:1",
     "expected `ignore` of the same before it"                                                                                                                                         },
    {HEAD "ignore state TEST_START or state TEST_END\nstop ignoring state TEST_END\nfinish",            NULL,
     NULL                                                                                                                                                                              },
    {HEAD "ignore reset\nstop ignoring\nfinish",                                                        NULL,   NULL                                                                   },

 /* deviations that change nothing */
    {HEAD "advance PARAM_EXCHANGE\nwire params.len = 5\nexpect alive",                                  "6:1",
     "expected a step behind it that plays params, found 'wire params.len = 5'"                                                                                                        },
    {HEAD "advance TEST_RUNNING\nwire params.len = 5\nfinish",                                          "6:1",
     "expected it above line 5, which sends params"                                                                                                                                    },
    {HEAD "advance TEST_RUNNING\nwire params.len = 5\nsend params\nfinish",                             NULL,   NULL                                                                   },
    {HEAD "advance TEST_RUNNING\nwire results.x = 5\nb finish",                                         "6:1",
     "expected a step behind it that plays results"                                                                                                                                    },
    {HEAD "advance TEST_RUNNING\nb wire params.len = 5\nb finish",                                      NULL,   NULL                                                                   },
    {HEAD "wire TEST_END = 0x11\nadvance TEST_RUNNING\nexpect alive",                                   "5:1",
     "expected a step behind it that plays TEST_END"                                                                                                                                   },
    {HEAD "wire TEST_END = 0x11\nadvance EXCHANGE_RESULTS\nexpect alive",                               NULL,   NULL                                                                   },
    {HEAD "wire TEST_END before streams\nadvance TEST_START\nexpect alive",                             NULL,   NULL                                                                   },
    {HEAD "wire TEST_END before streams\nwire TEST_END = 0x11\nadvance TEST_START\nexpect alive",
     NULL,                                                                                                      NULL                                                                   },
    {HEAD "wire TEST_END before results\nadvance TEST_START\nexpect alive",                             "5:1",
     "expected a step behind it that plays TEST_END"                                                                                                                                   },
    {HEAD "wire TEST_END never\nadvance TEST_START\nexpect alive",                                      NULL,   NULL                                                                   },
    {HEAD "advance EXCHANGE_RESULTS\nwire TEST_END never\nfinish",                                      "6:1",
     "expected it above line 5, which sends TEST_END"                                                                                                                                  },
    {HEAD "repeat 2\nsend params first 3 bytes\nwire params.len = 5\nend\nexpect alive",                NULL,
     NULL                                                                                                                                                                              },
    {HEAD "background x every 1s send params\nwire params.len = 5\nexpect alive",                       NULL,   NULL                                                                   },
    {HEAD "either\nexpect end\nor\nexpect state PARAM_EXCHANGE\nwire params.len = 5\nend\nfinish",
     NULL,                                                                                                      NULL                                                                   },
    {HEAD "advance TEST_RUNNING\nwire datagram { len 20 }\nexpect alive",                               NULL,   NULL                                                                   },
    {HEAD "advance CREATE_STREAMS\nstream 3 wire cookie raw 'x'\nstream 3 open\nexpect alive",          NULL,
     NULL                                                                                                                                                                              },
    {HEAD "advance PARAM_EXCHANGE\nparams parallel = 2\nexpect alive",                                  "6:1",
     "expected a step behind it to which they matter"                                                                                                                                  },
    {HEAD "advance PARAM_EXCHANGE\nparams parallel = 2\nsend params\nexpect alive",                     NULL,   NULL                                                                   },
    {SERVES "wire DISPLAY_RESULTS after 2s\nadvance EXCHANGE_RESULTS\nexpect exit 1",                   "5:1",
     "expected a step behind it that plays DISPLAY_RESULTS"                                                                                                                            },
    {SERVES "advance CREATE_STREAMS\nwire reply never\nexpect nothing for 1s\nexpect exit 1",           NULL,
     NULL                                                                                                                                                                              },

    {HEAD "wire params after results\nwire results after params\nfinish",                               "6:1",
     "expected another moment: params in turn waits for results, so that neither is sent"                                                                                              },
    {HEAD "wire params after results\nb wire results after params\nb finish\nfinish",                   NULL,   NULL                                                                   },
    {HEAD
     "wire results after params\nwire TEST_END before params\nwire params after TEST_END\nfinish", "7:1",  "expected another moment: TEST_END in turn waits for params"           },
    {HEAD "wire params after results\nwire results after params\nwire params after cookie\nfinish",
     NULL,                                                                                                      NULL                                                                   },

 /* streams that nobody opens */
    {HEAD "advance TEST_RUNNING\nstream 3 send data 5\nfinish",                                         "6:1",
     "expected one of the test's streams, or `stream 3 open`: the only one is 1"                                                                                                       },
    {HEAD "params { \"parallel\": 2 }\nadvance TEST_RUNNING\nstream 5 send data 5\nfinish",             "7:1",
     "expected one of the test's streams, or `stream 5 open`: the last is 3"                                                                                                           },
    {HEAD "params parallel = 2\nparams bidirectional = true\nadvance TEST_RUNNING\nstream 5 "
          "reset\nexpect alive",                                                                   NULL,   NULL                                                                   },
    {HEAD "wire streams = 3\nadvance TEST_RUNNING\nstream 4 reset\nexpect alive",                       NULL,   NULL                                                                   },
    {HEAD "advance TEST_RUNNING\nstream 5 open\nstream 5 reset\nexpect alive",                          NULL,   NULL                                                                   },
    {HEAD "params { \"parallel\": 2 }\nadvance TEST_RUNNING\nstream 2 reset\nexpect alive",             "7:1",
     "expected one of the test's streams"                                                                                                                                              },
    {HEAD "advance TEST_RUNNING\nexpect stream 3\nexpect alive",                                        NULL,   NULL                                                                   },
    {HEAD "advance TEST_RUNNING\nexpect stream 3 end\nexpect alive",                                    "6:1",
     "expected one of the test's streams"                                                                                                                                              },
    {"case x\nclause ST-1\nplays server\nsubject -t 1 -P 2\n\nadvance TEST_RUNNING\nexpect stream "
     "4 end\nexpect exit 1",                                                                       "7:1",  "expected one of the test's streams, or `stream 4 open`: the last is 3"},
    {"case x\nclause ST-1\nplays server\nsubject -t 1 -uP2 --bidir\n\nadvance TEST_RUNNING\nexpect "
     "stream 5 end\nexpect exit 1",                                                                NULL,   NULL                                                                   },
    {"case x\nclause ST-1\nplays server\nsubject --parallel=4\n\nadvance TEST_RUNNING\nexpect "
     "stream 5 end\nexpect exit 1",                                                                NULL,   NULL                                                                   },

 /* times that nobody heeds */
    {HEAD "pause 10ms within 3s..5s\nfinish",                                                           "5:1",
     "expected no `within`: this step waits for nothing to come, found"                                                                                                                },
    {HEAD "expect rest within 3s..5s\nfinish",                                                          "5:1",
     "expected no `within`: this step waits for nothing to come, found"                                                                                                                },
    {HEAD "expect nothing for 1s within 3s..5s\nfinish",                                                "5:1",
     "expected no `within`: this step waits for nothing to come, found"                                                                                                                },
    {HEAD "send cookie within 3s..5s\nfinish",                                                          "5:1",
     "expected no `within`: this step waits for nothing to come, found"                                                                                                                },
    {HEAD "split 1 within 3s..5s\nfinish",                                                              "5:1",
     "expected no `within`: this step waits for nothing to come, found"                                                                                                                },
    {HEAD "subject signal CONT within 3s..5s\nfinish",                                                  "5:1",
     "expected no `within`: this step waits for nothing to come, found"                                                                                                                },
    {HEAD "advance CREATE_STREAMS\nstream 3 open within 5s\nexpect alive",                              "6:1",
     "expected no `within`"                                                                                                                                                            },
    {HEAD "either\nexpect end\nor\nexpect state PARAM_EXCHANGE\nclose within 3s\nend\nexpect alive",
     "9:1",                                                                                                     "expected no `within`"                                                 },
    {HEAD "open within 1s..2s\nadvance TEST_RUNNING within 1s..2s\ndrained within 1s..2s\nfinish "
          "within 1s..2s\nexpect alive within 1s..2s",                                             NULL,   NULL                                                                   },
    {HEAD "expect nothing until end within 1s..2s\nexpect exit 0 within 1s..2s",                        NULL,   NULL                                                                   },

 /* {NAME} */
    {"case x\nclause ST-1\nplays client\nforeach STATE in 1\n\nrepeat 2\n  a send text "
     "\"{STAT}\"\na finish\nopen a\nend",                                                          "7:16", "expected the name of a foreach of this file, found '{STAT}'"          },
    {"case x\ntitle of {B_2}\nclause ST-1\nplays client\nforeach B in 1\n\nfinish",                     "2:10",
     "expected the name of a foreach of this file, found '{B_2}'"                                                                                                                      },
    {"case x\nclause ST-1\nplays client\nforeach B in 1\n\nsend text '{x}' '{}' '{B' '{1}'\nfinish",
     NULL,                                                                                                      NULL                                                                   },
    {HEAD "send text '{STAT}'\nfinish",                                                                 NULL,   NULL                                                                   },

 /* the wrong role */
    {"case client/x\nclause ST-1\nplays client\n\nfinish",                                              "1:6",
     "expected an id that begins with server/, whom the case judges, found 'client/x'"                                                                                                 },
    {"case server/x\nclause ST-1\nplays server\n\nfinish",                                              "1:6",
     "expected an id that begins with client/, whom the case judges, found 'server/x'"                                                                                                 },
    {"case server/x\nclause ST-1\nplays client\n\nfinish",                                              NULL,   NULL                                                                   },
    {"case client/x\nclause ST-1\nplays server\n\nfinish",                                              NULL,   NULL                                                                   },
    {"case servers/x\nclause ST-1\nplays server\n\nfinish",                                             NULL,   NULL                                                                   },
    {HEAD "advance PARAM_EXCHANGE\nexpect params",                                                      "6:1",
     "expected `plays server`: a server sends no parameters, found 'expect params'"                                                                                                    },
    {HEAD "advance PARAM_EXCHANGE\nexpect end or params where .time == 1",                              "6:1",
     "expected `plays server`: a server sends no parameters"                                                                                                                           },
    {SERVES "expect params\nfinish",                                                                    NULL,   NULL                                                                   },
    {SERVES "finish\nexpect alive",                                                                     "6:1",
     "expected `plays client`: this asks for a server, but a client is judged, found 'expect "
     "alive'"                                                                                                                                                                          },
    {HEAD "expect failure",                                                                             "5:1",  "expected `plays server`: this asks for a client"                      },
    {HEAD "wire TEST_START never\nfinish",                                                              "5:1",
     "expected another deviation: the peer is a client, and this is a server's"                                                                                                        },
    {HEAD "finish\nwire TEST_START = 5\nexpect alive",                                                  "6:1",
     "expected another deviation: the peer is a client, and this is a server's, found 'wire "
     "TEST_START = 5'"                                                                                                                                                                 },
 /* as it stands */
    {HEAD "expect   end\n  send  byte 0 (ST-1)",                                                        "6:3",
     "expected nothing more on this connection, which is over since line 5, found 'send  byte 0 "
     "(ST-1)'"                                                                                                                                                                         },
    {SERVES "wire params.len = 5\nfinish",                                                              "5:1",
     "expected another deviation: the peer is a server, and this is a client's"                                                                                                        },
};

/* Every problem as `iperfspec lint` prints it. */
static void take_problem(void *context, const struct script_error *problem)
{
    script_error_format(problem, context);
}

static const char *line_of(const char *text, unsigned line)
{
    while (--line > 0)
        text = strchr(text, '\n') + 1;
    return text;
}

/* The message at the place, the line itself, and a caret below the column. */
static void expected_message(const struct row *row, struct text *out)
{
    unsigned line, column;

    assert_int_equal(sscanf(row->place, "%u:%u", &line, &column), 2);
    text_addf(out, "t.peer:%s: %s", row->place, row->problem);
    const char *at = line_of(row->text, line);
    text_addf(out, "|    %.*s\n    %*s^\n", (int)strcspn(at, "\n"), at, (int)column - 1, "");
}

/* As wanted, what stands behind the `|` of it too. */
static bool says(const char *found, char *wanted)
{
    char *rest = strchr(wanted, '|');
    const char *second = strchr(found, '\n');

    *rest++ = '\0';
    return strncmp(found, wanted, strlen(wanted)) == 0 && second && strcmp(second + 1, rest) == 0;
}

static void test_script_check_finds_what_a_reader_can(void **state)
{
    bool all = true;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_list list = {0};
        struct script_error e;
        struct text found = {0}, wanted = {0};
        if (!script_read(&list, "t.peer", rows[i].text, &e))
            fail_msg("%s\nline %u: expected %s, found %s", rows[i].text, e.line, e.expected,
                     e.found);
        unsigned n = script_check(list.at[0], take_problem, &found);
        if (rows[i].place)
            expected_message(&rows[i], &wanted);
        if (n != (rows[i].place != NULL) || (n && !says(text_string(&found), wanted.at)))
            all = false, print_error("%s\n%u problems: %s", rows[i].text, n, text_string(&found));
        text_fini(&found);
        text_fini(&wanted);
        script_list_fini(&list);
    }
    assert_true(all);
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
    const char *text = text_string(&found);
    bool first = strncmp(text, "a.peer:1:6: ", strlen("a.peer:1:6: ")) == 0;
    assert_true(first || strncmp(text, "b.peer:2:6: ", strlen("b.peer:2:6: ")) == 0);
    assert_non_null(strstr(text, first ? "an id that b.peer:2 does not have, found 'x'\n"
                                       : "an id that a.peer:1 does not have, found 'x'\n"));
    assert_non_null(strstr(text, "\n    case x\n         ^\n"));
    text_fini(&found);
    script_list_fini(&list);
}

static void test_script_check_clauses_finds_those_that_are_not_there(void **state)
{
    struct script_list list = {0};
    struct script_error e;
    struct text found = {0};

    (void)state;
    assert_true(script_read(&list, "a.peer", HEAD "send byte 0", &e));
    assert_int_equal(script_check_clauses(list.at[0], take_problem, &found), 0);
    assert_true(script_read(&list, "b.peer", "case b\nclause ST-1 NO-7\n\nsend byte 0", &e));
    assert_int_equal(script_check_clauses(list.at[1], take_problem, &found), 1);
    assert_string_equal(text_string(&found),
                        "b.peer:2:13: expected a clause of docs/clauses.tsv, found 'NO-7'\n"
                        "    clause ST-1 NO-7\n                ^\n");
    text_fini(&found);
    script_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script_check_finds_what_a_reader_can),
        cmocka_unit_test(test_script_check_clauses_finds_those_that_are_not_there),
        cmocka_unit_test(test_script_check_ids_names_both_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
