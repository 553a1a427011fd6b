#include "harness/session/witness.h"

#include "impl/tests/unit.h"
#include "impl/wire/state.h"

#include <string.h>

/* A session in a line: who, `>` ours or `<` the subject's, what. A word each; a number in front is
 * the time in seconds. */
#define COOKIE "abcdefghijklmnopqrstuvwxyz234567abcd"

#define ALIEN                                                                                      \
    {                                                                                              \
        (const uint8_t *)"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCD", sizeof COOKIE                     \
    }
#define TYPED                                                                                      \
    "{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"                             \
    "\"sender_has_retransmits\":-1,\"congestion_used\":7,\"streams\":[{\"id\":1,\"bytes\":1,"      \
    "\"retransmits\":-1,\"jitter\":0,\"errors\":0,\"packets\":0}]}"

static const struct {
    const char *word;
    struct session_message message;
} words[] = {
    {"cookie", {.kind = SESSION_COOKIE, .body = {(const uint8_t *)COOKIE, sizeof COOKIE}}         },
    {"json",   {.kind = SESSION_JSON, .announced = 2, .body = {(const uint8_t *)"{}", 2}}         },
    {"broken", {.kind = SESSION_JSON, .announced = 2, .body = {(const uint8_t *)"{[", 2}}         },
    {"error",  {.kind = SESSION_ERROR, .n_ints = 2, .ierr = 121}                                  },
    {"one",    {.kind = SESSION_ERROR, .n_ints = 1, .ierr = 142}                                  },
    {"fe",     {.kind = SESSION_ERROR}                                                            },
    {"end",    {.kind = SESSION_END}                                                              },
    {"close",  {.kind = SESSION_CLOSE}                                                            },
    {"reset",  {.kind = SESSION_RESET}                                                            },
    {"stream", {.kind = SESSION_STREAM, .stream = 1}                                              },
    {"data",   {.kind = SESSION_DATA, .stream = 1, .len = 100}                                    },
    {"open",   {.kind = SESSION_OPEN}                                                             },
    {"udp",    {.kind = SESSION_OPEN, .transport = SESSION_BARE_UDP}                              },
    {"tcp",    {.kind = SESSION_OPEN, .transport = SESSION_BARE_TCP}                              },
    {"dgram",  {.kind = SESSION_DATAGRAM, .len = 4}                                               },
    {"reply",  {.kind = SESSION_DATAGRAM, .stream = 1, .len = 4}                                  },
    {"denied", {.kind = SESSION_DATA, .stream = 1, .len = 1, .body = {(const uint8_t *)"\xff", 1}}},
    {"deaf",   {.kind = SESSION_NOTE, .body = {(const uint8_t *)"deaf", 4}}                       },
    {"nodata", {.kind = SESSION_ERROR, .n_ints = 2, .ierr = 144}                                  },
    {"gone",   {.kind = SESSION_END, .stream = 1}                                                 },
    {"alien",  {.kind = SESSION_STREAM, .stream = 1, .says_own = true, .body = ALIEN}             },
    {"16K",
     {.kind = SESSION_JSON, .announced = 13, .body = {(const uint8_t *)"{\"num\":16384}", 13}}    },
    {"asks",
     {.kind = SESSION_JSON, .announced = 16, .body = {(const uint8_t *)"{\"reverse\":true}", 16}} },
    {"block",  {.kind = SESSION_DATA, .stream = 1, .len = 16384}                                  },
    {"typed",
     {.kind = SESSION_JSON,
      .announced = sizeof TYPED - 1,
      .body = {(const uint8_t *)TYPED, sizeof TYPED - 1}}                                         },
    {"signal", {.kind = SESSION_NOTE, .body = {(const uint8_t *)"signal INT", 10}}                },
};

static const struct session_message *find(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, word) == 0)
            return &words[i].message;
    fail_msg("no such word: %s", word);
    return NULL;
}

static void add(struct session *s, const char *word, uint64_t *now)
{
    struct session_message m;
    unsigned byte;
    int len = 0;

    if (sscanf(word, "+%u", &byte) == 1) {
        *now += byte * 1000000000ull;
        return;
    }
    enum session_from from = *word++ == '<' ? SESSION_SUBJECT : SESSION_US;
    const char *who = *word == '*' ? "b" : *word == '?' ? SESSION_PROBE : ""; /* or another one */
    word += *who != 0;
    if (sscanf(word, "%2x%n", &byte, &len) == 1 && len == 2 && !word[2])
        m = (struct session_message){.kind = SESSION_STATE, .state = (int8_t)byte};
    else
        m = *find(word);
    m.from = from;
    strcpy(m.who, who);
    m.at_ns = *now += 1000;
    session_add(s, &m);
}

#define TO_RUN  ">cookie <09 >json <0a >stream <01 <02 "
#define TO_SHOW TO_RUN "<data >04 <0d >json <json <0e "
#define FROM_C  "<cookie >09 <json >0a <stream >01 >02 <data "

static const struct row {
    const char *name;
    bool we_serve;
    struct witness_end end;
    const char *session, *shown; /* among the rest; with ! nowhere */
} rows[] = {
    {"ST-SRV-6 TEST_END in its place",                            false, {0},                                        TO_RUN ">04 <0d",                     "RUN SEV_TEST_END advance 0"          },
    {"ST-SRV-9 an unknown byte",
     false,                                                              {0},
     TO_RUN ">11 <error <end",
     "RUN SEV_OTHER_BYTE error 121"                                                                                                                                                              },
    {"ST-SRV-5 ignored: the barrier is answered",
     false,                                                              {0},
     TO_RUN ">01 >04 <0d",
     "RUN SEV_TEST_START ignore 0; RUN SEV_TEST_END advance 0"                                                                                                                                   },
    {"ERR-1 the barrier comes too late",
     false,                                                              {0},
     TO_RUN ">01 >04 <error",
     "RUN SEV_TEST_START error 121"                                                                                                                                                              },
    {"02 answers nothing",
     false,                                                              {0},
     ">cookie <09 >json <0a >stream <01 >11 <02 <error",                                                                                                   "RUN SEV_OTHER_BYTE error 121"        },
    {"ST-SRV-3 refused",                                          false, {0},                                        ">cookie <09 >json <error",           "PARAMS SEV_REFUSED error 121"        },
    {"ST-SRV-4 ill-formed",
     false,                                                              {0},
     ">cookie <09 >broken <error",                                                                                                                         "PARAMS SEV_ILL_FORMED error 121"     },
    {"AUTH-11 no token",
     false,                                                              {0},
     ">cookie <09 >json <one",                                                                                                                             "PARAMS SEV_AUTH_FAILED error-one 142"},
    {"ST-SRV-10 half-closed",                                     false, {0},                                        TO_RUN ">end <end",                   "RUN SEV_EOF close 0"                 },
    {"ST-SRV-11 seen by the next client",
     false,                                                              {.serves_on = true},
     TO_RUN ">reset",
     "RUN SEV_RESET close 0"                                                                                                                                                                     },
    {"closed, and nobody looked",                                 false, {0},                                        TO_RUN ">close",                      "!SEV_EOF"                            },
    {"ST-SRV-8 the good end",                                     false, {0},                                        TO_SHOW ">10 <end",                   "DISPLAY SEV_IPERF_DONE end-ok 0"     },
    {"ST-SRV-12 silence",                                         false, {0},                                        ">cookie <09 +10 <error",             "PARAMS SEV_SILENCE error 121"        },
    {"ST-SRV-14 the same cookie",
     false,                                                              {0},
     TO_RUN ">*tcp >*cookie <*ff <*end",
     "RUN SEV_CONN_COOKIE deny 0"                                                                                                                                                                },
    {"ST-SRV-15 a cookie before the client's",
     false,                                                              {0},
     ">open >*tcp >*broken <*ff >cookie <09",                                                                                                              "COOKIE SEV_CONN_OTHER deny 0"        },
    {"ST-SRV-13 the next in the queue waits",
     false,                                                              {0},
     ">cookie <09 >*tcp >json <0a",                                                                                                                        "PARAMS SEV_CONN_SILENT wait 0"       },
    {"ST-SRV-13 denied in which state?",
     false,                                                              {0},
     TO_RUN ">*tcp >04 <*ff <0d",
     "!SEV_CONN_SILENT"                                                                                                                                                                          },
    {"ST-SRV-16 a stranger ends the test",
     false,                                                              {0},
     ">cookie <09 >json <0a >*tcp >*reset <error",                                                                                                         "CREATE SEV_CONN_RESET error 121"     },
    {"ST-SRV-17 taken as a stream",
     false,                                                              {0},
     ">cookie <09 >json <0a >*udp >*dgram <01",                                                                                                            "CREATE SEV_DATAGRAM take 0"          },
    {"ST-SRV-17 between the honest ones",
     false,                                                              {0},
     TO_RUN ">*udp >*dgram >04 <0d",
     "RUN SEV_DATAGRAM ignore 0"                                                                                                                                                                 },
    {"TMO-4 no data",                                             false, {0},                                        TO_RUN "<nodata",                     "RUN SEV_NO_DATA error 144"           },
    {"ST-SRV-12 RUN waits",                                       false, {0},                                        TO_RUN "+6 >04 <0d",                  "RUN SEV_SILENCE wait 0"              },
    {"ERR-8 a failure of its own",
     false,                                                              {0},
     ">cookie <09 >json <0a >stream <error",                                                                                                               "CREATE SEV_OWN_FAILURE error 121"    },
    {"ST-CLI-19 a stream refused",
     true,                                                               {0},
     FROM_C ">denied >gone <04",
     "RUN CEV_STREAM_REFUSED ignore 0"                                                                                                                                                           },
    {"ST-CLI-21 not the reply",
     true,                                                               {.is_known = true, .status = 1},
     "<cookie >09 <json >0a <stream >reply <10 <end",                                                                                                      "CREATE CEV_UDP_REPLY_BAD fail+10 0"  },
    {"ST-CLI-20 nobody listens",
     true,                                                               {.is_known = true, .status = 1},
     "<cookie >09 <json >deaf >0a <stream <10 <end",                                                                                                       "CREATE CEV_CONNECT_FAILED fail+10 0" },
    {"ST-CLI-22 a lost stream that ends the test",
     true,                                                               {.is_known = true, .status = 1},
     FROM_C ">gone <10 <end",
     "RUN CEV_STREAM_LOST fail+10 0"                                                                                                                                                             },
    {"ST-SRV-20 a signal",                                        false, {0},                                        TO_RUN ">signal <0b <end",            "RUN SEV_SIGNAL terminate 0"          },
    {"a crash",                                                   false, {.has_crashed = true},                      TO_RUN ">11",                         "RUN SEV_OTHER_BYTE crash 0"          },
    {"ST-SRV-18 a stream's end, and it goes on",
     false,                                                              {0},
     TO_RUN ">gone >04 <0d",
     "RUN SEV_STREAM_EOF ignore 0"                                                                                                                                                               },
    {"ST-CLI-9 denied",
     true,                                                               {.is_known = true, .status = 1},
     "<cookie >ff <end",                                                                                                                                   "START CEV_ACCESS_DENIED fail 0"      },
    {"CLOSE-9 says 10 first",
     true,                                                               {.is_known = true, .status = 1},
     FROM_C ">0b <10 <end",
     "RUN CEV_SERVER_TERMINATE fail+10 0"                                                                                                                                                        },
    {"ST-CLI-25 its own end",                                     true,  {0},                                        FROM_C "<04",                         "RUN CEV_TEST_OVER advance 0"         },
    {"ST-CLI-24 a signal",                                        true,  {0},                                        FROM_C ">signal <0c <end",            "RUN CEV_SIGNAL terminate 0"          },
    {"parameters are no answer to an early byte",
     true,                                                               {.is_known = true, .status = 1},
     "<cookie >09 >11 <json <end",                                                                                                                         "PARAM CEV_POSITIVE_BYTE fail 0"      },
    {"ST-CLI-12 fe and the end",
     true,                                                               {.is_known = true, .status = 1},
     FROM_C ">fe >end <end",
     "RUN CEV_ERROR_BARE fail 0"                                                                                                                                                                 },
    {"who asks whether it serves on is no case",                  false, {0},                                        ">?open >?cookie <?09",               "!SEV_ITEM"                           },
    {"... nor a third party",                                     false, {0},                                        TO_RUN ">?tcp >?broken <?ff >04 <0d", "!SEV_CONN_OTHER"                     },
    {"DEF-8 denied, and the test ends all the same",
     false,                                                              {0},
     ">cookie <09 >json <0a >*tcp >*broken <end <*ff <*end",                                                                                               "CREATE SEV_CONN_OTHER close 0"       },
    {"DEF-8 a stream with another cookie is no stream",
     false,                                                              {0},
     ">cookie <09 >json <0a >alien >gone <end",                                                                                                            "CREATE SEV_CONN_OTHER close 0"       },
    {"... nor is its end that of one",
     false,                                                              {0},
     ">cookie <09 >json <0a >alien >gone <end",                                                                                                            "!SEV_STREAM_EOF"                     },
    {"STR-12 it is denied",
     false,                                                              {0},
     ">cookie <09 >json <0a >alien <denied >stream <01 >04 <0d",                                                                                           "CREATE SEV_CONN_OTHER deny 0"        },
    {"DEF-18 the end of who has crashed is no answer",
     false,                                                              {.has_crashed = true},
     ">cookie <09 >json <end",                                                                                                                             "PARAMS SEV_ACCEPTED crash 0"         },
    {"what came before it is one",
     false,                                                              {.has_crashed = true},
     TO_RUN ">11 <error <end",
     "RUN SEV_OTHER_BYTE error 121"                                                                                                                                                              },
    {"it dies once",
     true,                                                               {.has_crashed = true},
     FROM_C "<04 >0d <json >json >0e <reset",
     "!DISPLAY_RESULTS crash"                                                                                                                                                                    },
    {"results of another type are odd",
     true,                                                               {.has_crashed = true},
     "<cookie >09 <json >0a <stream >01 >02 <data <04 >0d <json >typed >0e <reset",                                                                        "RESULTS CEV_RESULTS_ODD crash 0"     },
    {"a client that we left does not fail on what was said last",
     true,                                                               {.is_known = true, .status = 1},
     FROM_C,                                                                                                                                               "!fail"                               },
    {"... nor one that ends behind it",
     true,                                                               {.is_known = true, .status = 1},
     FROM_C "<10 <end",
     "!CEV_TEST_RUNNING fail"                                                                                                                                                                    },
    {"TMO-5 no data on 02",
     true,                                                               {.is_known = true, .status = 1},
     "<cookie >09 <asks >0a <stream >01 >02 <10 <end",                                                                                                     "RUN CEV_NO_DATA fail+10 0"           },
    {"whether it says 10 to who does not listen is not known",
     true,                                                               {.is_known = true, .status = 1},
     FROM_C ">end",
     "!CEV_EOF"                                                                                                                                                                                  },
    {"results are not to blame for what comes behind them",
     true,                                                               {.is_known = true, .status = 1},
     FROM_C "<04 >0d <json >json >ff <end",
     "!CEV_RESULTS"                                                                                                                                                                              },
    {"DEF-16 all is sent, and it does not end",
     true,                                                               {.has_hung = true, .over_ns = 9000000000},
     "<cookie >09 <16K >0a <stream >01 >02 <block",                                                                                                        "RUN CEV_TEST_OVER hang 0"            },
    {"not all is sent",
     true,                                                               {.has_hung = true, .over_ns = 9000000000},
     "<cookie >09 <16K >0a <stream >01 >02 <data",                                                                                                         "!hang"                               },
    {"no answer where one is due",
     false,                                                              {.has_hung = true, .over_ns = 9000000000},
     ">cookie <09 >json <0a >11",                                                                                                                          "CREATE SEV_OTHER_BYTE hang 0"        },
    {"DEF-4 waits for ever",
     false,                                                              {.has_hung = true, .over_ns = 60000000000},
     ">cookie <09",                                                                                                                                        "PARAMS SEV_SILENCE wait 0"           },
    {"parameters are no answer to a byte that is overtaken",
     true,                                                               {.is_known = true},
     "<cookie >09 >10 >0e <json <end",                                                                                                                     "PARAM CEV_IPERF_DONE end-ok 0"       },
    {"a reset may have overtaken the 10",
     true,                                                               {.is_known = true},
     "<cookie >0e <reset",                                                                                                                                 "!DISPLAY_RESULTS"                    },
    {"CONN-5 the next attempt counts",
     false,                                                              {0},
     ">open >cookie <reset >open >cookie <09",                                                                                                             "!SEV_ITEM close"                     },
    {"how it ended is not known",                                 true,  {0},                                        FROM_C ">ff <end",                    "!CEV_ACCESS_DENIED"                  },
};

static void note(void *context, const struct witness *w)
{
    struct text *all = context;

    text_addf(all, "%s%s %s %s %d", all->len ? "; " : "", machine_state_name(w->state),
              table_event_name(table_role(w->state), w->event), table_reaction_name(w->reaction),
              w->ierr);
}

static void test_a_session_shows_what_its_subject_did(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct session s = {.we_serve = rows[i].we_serve};
        struct text shown = {0};
        char *text = text_dup(rows[i].session), *rest = text, *word;
        uint64_t now = 0;

        while ((word = strsep(&rest, " ")))
            if (*word)
                add(&s, word, &now);
        witness_read(&s, &rows[i].end, note, &shown);
        bool never = rows[i].shown[0] == '!';
        if (!strstr(text_string(&shown), rows[i].shown + never) != never)
            fail_msg("%s: %s", rows[i].name, text_string(&shown));
        text_fini(&shown);
        session_fini(&s);
        free(text);
    }
}

/* What the peer does by not doing something. */
static bool is_left_out(bool by_server, unsigned event)
{
    return by_server ? event == CEV_SILENCE || event == CEV_NO_DATA ||
                           event == CEV_CONNECT_FAILED || event == CEV_UDP_REPLY_BAD
                     : event == SEV_SILENCE || event == SEV_NO_DATA;
}

static void check_witness(void *context, const struct witness *w)
{
    const struct session *s = context;

    assert_true(w->state < MACHINE_OVER);
    assert_int_equal(table_role(w->state), s->we_serve ? MACHINE_CLIENT : MACHINE_SERVER);
    assert_true(w->event < table_n_events(table_role(w->state)));
    assert_true(w->at < s->n);
    assert_int_not_equal(w->reaction, TABLE_NONE);
    /* What nobody sent cannot have been reacted to. */
    if (table_event_actor(table_role(w->state), w->event) == TABLE_PEER &&
        !is_left_out(s->we_serve, w->event))
        assert_true(s->messages[w->at].from == SESSION_US);
}

static void test_witnesses_of_any_messages_are_of_a_cell_and_of_a_message(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 2000; seed++) {
        struct session s = {.we_serve = seed & 1};
        unsigned random = seed;
        for (int k = 0; k < 30; k++) {
            random = random * 1103515245u + 12345u;
            struct session_message m = words[(random >> 16) % ARRAY_LEN(words)].message;
            random = random * 1103515245u + 12345u;
            m.from = random >> 20 & 1;
            if (random >> 22 & 1) {
                m = (struct session_message){.kind = SESSION_STATE, .from = m.from};
                m.state = (int8_t)(random >> 24);
            }
            session_add(&s, &m);
        }
        witness_read(&s, &(struct witness_end){.is_known = true}, check_witness, &s);
        session_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_session_shows_what_its_subject_did),
        cmocka_unit_test(test_witnesses_of_any_messages_are_of_a_cell_and_of_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
