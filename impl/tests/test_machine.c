/* The session machine: every cell of both tables, whole sessions between two machines, time,
 * memory. */
#include "impl/wire/machine.h"

#include "impl/tests/alloc.h"
#include "impl/tests/end.h"
#include "impl/tests/vector.h"
#include "impl/wire/ierr.h"

#define SECONDS UINT64_C(1000000000)

static const char cookie[COOKIE_LEN] = "mpczabcdefghijklmnopqrstuvwxyz234567";

/* Texts as stock clients and servers send them (EX-1). Two streams; one named 5 does not exist. */
#define HEAD                                                                                       \
    "{\"cpu_util_total\":1.5,\"cpu_util_user\":0.5,\"cpu_util_system\":1,"                         \
    "\"sender_has_retransmits\":1,\"streams\":["
#define ENTRY(id)                                                                                  \
    "{\"id\":" id ",\"bytes\":131072,\"retransmits\":0,\"jitter\":0,\"errors\":0,"                 \
    "\"omitted_errors\":0,\"packets\":0,\"omitted_packets\":0,\"start_time\":0,\"end_time\":1}"
static const char *params_text = "{\"tcp\":true,\"omit\":0,\"time\":1,\"num\":0,\"blockcount\":0,"
                                 "\"parallel\":2,\"len\":131072,\"client_version\":\"3.18\"}";
static const char *results_text = HEAD ENTRY("1") "," ENTRY("3") "]}";
static const char *const unknown_id_text = HEAD ENTRY("5") "]}";
static const char *const no_streams_text = HEAD "],\"extra\":[1]}";

static struct bytes json(const char *text)
{
    static uint8_t message[2048];
    size_t len = strlen(text);

    store_be32(message, (uint32_t)len);
    memcpy(message + 4, text, len);
    return (struct bytes){message, len + 4};
}

static void feed_json(struct end *e, const char *text)
{
    end_feed(e, json(text), 0);
}

static void feed_byte(struct end *e, int byte)
{
    end_feed(e, (struct bytes){(const uint8_t[]){(uint8_t)byte}, 1}, 0);
}

/* --- into each state
 * ------------------------------------------------------------------------------ */

static struct params client_params;

static void fill_client_params(void)
{
    params_init(&client_params);
    client_params.tcp = true;
    params_mark(&client_params, PARAM_tcp);
    client_params.parallel = 2;
    params_mark(&client_params, PARAM_parallel);
    client_params.time = 1;
    params_mark(&client_params, PARAM_time);
}

static void to_server_state(struct end *e, enum machine_state state)
{
    struct machine_config config;

    machine_config_init(&config, MACHINE_SERVER);
    end_init(e, &config);
    machine_start(e->m, e->now_ns);
    if (state > SRV_COOKIE)
        end_feed(e, (struct bytes){(const uint8_t *)cookie, COOKIE_LEN}, 0);
    if (state > SRV_PARAMS)
        feed_json(e, params_text);
    if (state > SRV_CREATE)
        end_streams_up(e);
    if (state > SRV_RUN)
        feed_byte(e, TEST_END);
    if (state > SRV_RESULTS)
        feed_json(e, results_text);
}

static void to_client_state(struct end *e, enum machine_state state)
{
    static const int8_t bytes[] = {PARAM_EXCHANGE, CREATE_STREAMS, TEST_START, TEST_RUNNING};
    struct machine_config config;

    machine_config_init(&config, MACHINE_CLIENT);
    memcpy(config.cookie, cookie, COOKIE_LEN);
    config.params = &client_params;
    client_params.reverse = true; /* so that TMO-5 counts */
    end_init(e, &config);
    machine_start(e->m, e->now_ns);
    end_drain(e);
    for (size_t i = 0; i < sizeof bytes && (int)(CLI_START + i) < (int)state; i++) {
        feed_byte(e, bytes[i]);
        if (bytes[i] == CREATE_STREAMS)
            end_streams_up(e);
    }
    if (state > CLI_RUN) {
        machine_test_over(e->m, e->now_ns);
        end_drain(e);
    }
    if (state > CLI_END)
        feed_byte(e, EXCHANGE_RESULTS);
    if (state > CLI_RESULTS)
        feed_json(e, results_text);
}

static void to_state(struct end *e, enum machine_state state)
{
    if (table_role(state) == MACHINE_SERVER)
        to_server_state(e, state);
    else
        to_client_state(e, state);
    assert_int_equal(machine_state(e->m), state);
    e->out_len = 0;
    e->did[0] = '\0';
}

/* --- each event
 * ------------------------------------------------------------------------------------ */

/* Let time pass until the machine wakes up, at most once. */
static void wait_once(struct end *e)
{
    uint64_t at = machine_deadline(e->m);

    if (at == UINT64_MAX)
        return;
    e->now_ns = at;
    machine_tick(e->m, at);
    end_drain(e);
}

/* Silence on control, while data flows or not: the timers must not be taken for each other. */
static void be_silent(struct end *e, uint64_t for_ns, bool data)
{
    uint64_t until = e->now_ns + for_ns;

    while (machine_deadline(e->m) <= until && e->n_ends == 0) {
        uint64_t due = machine_deadline(e->m);
        if (data)
            machine_progress(e->m, due - 1);
        if (machine_deadline(e->m) == due)
            wait_once(e);
    }
    e->now_ns = until;
}

static void give_item(struct end *e, enum machine_state state)
{
    if (state == SRV_COOKIE)
        end_feed(e, (struct bytes){(const uint8_t *)cookie, COOKIE_LEN}, 0);
    else if (state == SRV_PARAMS || state == SRV_CREATE || state == SRV_RUN)
        return; /* cannot be: SEV_ACCEPTED, or single bytes */
    else if (state == SRV_RESULTS)
        feed_json(e, results_text);
}

static bool apply_server_event(struct end *e, enum machine_state state, unsigned event)
{
    switch (event) {
    case SEV_ITEM:
        give_item(e, state);
        return true;
    case SEV_ACCEPTED:
        if (state == SRV_PARAMS)
            feed_json(e, params_text);
        return true;
    case SEV_REFUSED:
        if (state == SRV_PARAMS)
            feed_json(e, "{\"parallel\":0}");
        if (state == SRV_RESULTS)
            feed_json(e, unknown_id_text);
        return true;
    case SEV_ILL_FORMED:
        if (state == SRV_PARAMS || state == SRV_RESULTS)
            feed_json(e, "{\"streams\":");
        return true;
    case SEV_TEST_START:
        feed_byte(e, TEST_START);
        return true;
    case SEV_TEST_END:
        feed_byte(e, TEST_END);
        return true;
    case SEV_CLIENT_TERMINATE:
        feed_byte(e, CLIENT_TERMINATE);
        return true;
    case SEV_IPERF_DONE:
        feed_byte(e, IPERF_DONE);
        return true;
    case SEV_OTHER_BYTE:
        feed_byte(e, 0x7f);
        return true;
    case SEV_EOF:
        machine_eof(e->m, e->now_ns);
        break;
    case SEV_RESET:
        machine_reset(e->m, e->now_ns, 104);
        break;
    case SEV_STREAMS_UP:
        if (state == SRV_CREATE)
            end_streams_up(e);
        machine_stream_up(e->m, e->now_ns); /* one too many changes nothing */
        break;
    case SEV_SIGNAL:
        machine_terminate(e->m, e->now_ns);
        break;
    case SEV_OWN_FAILURE:
        machine_failed(e->m, e->now_ns, IESTREAMACCEPT, 5);
        break;
    default:
        return false; /* timers have tests of their own, connections and streams are the shell's */
    }
    end_drain(e);
    return true;
}

static bool apply_client_byte(struct end *e, unsigned event)
{
    for (int byte = -128; byte <= 127; byte++)
        if (byte != SERVER_ERROR && table_client_byte((int8_t)byte) == event) {
            feed_byte(e, byte);
            return true;
        }
    return false;
}

static bool apply_client_event(struct end *e, enum machine_state state, unsigned event)
{
    switch (event) {
    case CEV_SERVER_ERROR:
        end_feed(e, WIRE("\xfe\0\0\0\x77\0\0\0\x05"), 0);
        return true;
    case CEV_ERROR_ONE:
        end_feed(e, WIRE("\xfe\0\0\0\x77"), 0);
        machine_eof(e->m, e->now_ns);
        break;
    case CEV_ERROR_BARE:
        end_feed(e, WIRE("\xfe"), 0);
        machine_eof(e->m, e->now_ns);
        break;
    case CEV_ERROR_SILENCE:
        end_feed(e, WIRE("\xfe"), 0);
        be_silent(e, 11 * SECONDS, true);
        return true;
    case CEV_EOF:
        machine_eof(e->m, e->now_ns);
        break;
    case CEV_RESET:
        machine_reset(e->m, e->now_ns, 104);
        break;
    case CEV_SIGNAL:
        machine_terminate(e->m, e->now_ns);
        break;
    case CEV_TEST_OVER:
        machine_test_over(e->m, e->now_ns);
        break;
    case CEV_RESULTS:
    case CEV_RESULTS_BAD:
    case CEV_RESULTS_ID:
    case CEV_RESULTS_ODD:
        if (state == CLI_RESULTS)
            feed_json(e, event == CEV_RESULTS       ? results_text
                         : event == CEV_RESULTS_BAD ? "{}"
                         : event == CEV_RESULTS_ID  ? unknown_id_text
                                                    : no_streams_text);
        return true;
    case CEV_OWN_FAILURE:
        machine_failed(e->m, e->now_ns, IESTREAMCONNECT, 111);
        break;
    default:
        return apply_client_byte(e, event);
    }
    end_drain(e);
    return true;
}

/* --- each reaction, told from what came out
 * --------------------------------------------------------- */

static bool out_is(const struct end *e, struct bytes want)
{
    return e->out_len == want.len && memcmp(e->out, want.at, want.len) == 0;
}

/* What the step into a state puts on the wire. */
static bool advanced(const struct end *e, enum machine_state state, enum machine_state next)
{
    if (machine_state(e->m) != next)
        return false;
    switch (next) {
    case SRV_PARAMS:
        return out_is(e, WIRE("\x09"));
    case SRV_CREATE:
        return out_is(e, WIRE("\x0a")) && strcmp(e->did, "Pas") == 0;
    case SRV_RUN:
        return out_is(e, WIRE("\x01\x02")) && strcmp(e->did, "isr") == 0;
    case SRV_RESULTS: /* the report is made once */
        return out_is(e, WIRE("\x0d")) && strcmp(e->did, state == SRV_DISPLAY ? "s" : "CRs") == 0;
    case SRV_DISPLAY:
        return e->out_len > 5 && e->out[4] == '{' && e->out[e->out_len - 1] == DISPLAY_RESULTS &&
               strcmp(e->did, "pss") == 0;
    case CLI_PARAM:
        return e->out_len > 5 && e->out[4] == '{' && strcmp(e->did, "s") == 0;
    case CLI_CREATE:
        return e->out_len == 0 && strcmp(e->did, "o") == 0;
    case CLI_TSTART:
        return e->out_len == 0 && strcmp(e->did, "i") == 0;
    case CLI_RUN:
        return e->out_len == 0 && strcmp(e->did, "r") == 0;
    case CLI_END:
        return out_is(e, WIRE("\x04"));
    case CLI_RESULTS:
        return e->out_len > 5 && e->out[4] == '{' && strcmp(e->did, "ps") == 0;
    case CLI_XCHG:
        return e->out_len == 0 && e->did[0] == '\0';
    default:
        return out_is(e, WIRE("\x10")) && strcmp(e->did, "CRsE") == 0 && e->end.ok;
    }
}

static bool failed_with(const struct end *e, const struct table_cell *cell)
{
    return e->n_ends == 1 && !e->end.ok && (cell->ierr == 0 || e->end.ierr == cell->ierr);
}

static bool said_error(const struct end *e)
{
    return e->out_len == 9 && (int8_t)e->out[0] == SERVER_ERROR &&
           (int)load_be32(e->out + 1) == e->end.ierr;
}

static bool reacted(const struct end *e, enum machine_state state, const struct table_cell *cell)
{
    switch (cell->ours) {
    case TABLE_NONE:
    case TABLE_PART:
    case TABLE_IGNORE:
    case TABLE_WAIT:
        return machine_state(e->m) == state && e->out_len == 0 && e->n_ends == 0;
    case TABLE_ADVANCE:
        return advanced(e, state, cell->next);
    case TABLE_CLOSE:
    case TABLE_FAIL:
        return failed_with(e, cell) && e->out_len == 0;
    case TABLE_ERROR:
        return failed_with(e, cell) && said_error(e);
    case TABLE_END_OK:
        return e->n_ends == 1 && e->end.ok && e->out_len == 0;
    case TABLE_FAIL_DONE:
        return failed_with(e, cell) && out_is(e, WIRE("\x10"));
    case TABLE_TERMINATE:
        return failed_with(e, cell) && e->end.terminated &&
               out_is(e, table_role(state) == MACHINE_SERVER ? WIRE("\x0b") : WIRE("\x0c"));
    default:
        return false;
    }
}

static void check_cell(enum machine_state state, unsigned event)
{
    const struct table_cell *cell = table_cell(state, event);
    static struct end e;

    to_state(&e, state);
    bool applied = table_role(state) == MACHINE_SERVER ? apply_server_event(&e, state, event)
                                                       : apply_client_event(&e, state, event);
    if (applied && !reacted(&e, state, cell))
        fail_msg("%s x %s: want %s %d, got actions \"%s\", %zu bytes, %s %d",
                 machine_state_name(state), table_event_name(table_role(state), event),
                 table_reaction_name(cell->ours), cell->ierr, e.did, e.out_len,
                 machine_state_name(machine_state(e.m)), e.end.ierr);
    if (e.n_ends > 0 && (e.end.clause == NULL || strcmp(e.end.clause, cell->clause) != 0))
        fail_msg("%s x %s: says %s", machine_state_name(state),
                 table_event_name(table_role(state), event), e.end.clause);
    end_fini(&e);
}

static void test_machine_does_what_every_cell_says(void **unused)
{
    (void)unused;
    for (enum machine_state state = SRV_COOKIE; state < MACHINE_OVER; state++)
        for (unsigned event = 0; event < table_n_events(table_role(state)); event++)
            check_cell(state, event);
}

/* ST-5, ST-2, ST-4: all 256 values, in every state in which single bytes are read. */
static void test_machine_knows_every_byte_in_every_state(void **unused)
{
    static struct end e;

    (void)unused;
    for (enum machine_state state = SRV_CREATE; state < MACHINE_OVER; state++) {
        if (state == SRV_RESULTS || state == CLI_RESULTS)
            continue;
        for (int byte = -128; byte <= 127; byte++) {
            bool is_server = table_role(state) == MACHINE_SERVER;
            if (!is_server && byte == SERVER_ERROR)
                continue;
            unsigned event =
                is_server ? table_server_byte((int8_t)byte) : table_client_byte((int8_t)byte);
            to_state(&e, state);
            feed_byte(&e, byte);
            if (!reacted(&e, state, table_cell(state, event)))
                fail_msg("%s: byte %02x", machine_state_name(state), (unsigned)(uint8_t)byte);
            end_fini(&e);
        }
    }
}

/* Nothing is done after the end, whatever comes. */
static void test_machine_is_deaf_after_its_end(void **unused)
{
    static struct end e;

    (void)unused;
    for (enum machine_state state = SRV_COOKIE; state < MACHINE_OVER; state++) {
        bool is_server = table_role(state) == MACHINE_SERVER;
        to_state(&e, state);
        machine_terminate(e.m, e.now_ns);
        end_drain(&e);
        assert_int_equal(machine_state(e.m), MACHINE_OVER);
        assert_int_equal(machine_deadline(e.m), UINT64_MAX);
        for (unsigned event = 0; event < table_n_events(table_role(state)); event++)
            is_server ? apply_server_event(&e, state, event) : apply_client_event(&e, state, event);
        machine_results(e.m, e.now_ns, NULL);
        machine_authorized(e.m, e.now_ns, true);
        machine_prepared(e.m, e.now_ns, 0, 0);
        machine_tick(e.m, UINT64_MAX - 1);
        machine_start(e.m, e.now_ns);
        end_drain(&e); /* asserts that MACHINE_END was the last action */
        assert_int_equal(e.n_ends, 1);
        end_fini(&e);
    }
}

/* --- silence
 * -------------------------------------------------------------------------------------- */

static const struct silence_row {
    const char *name;
    enum machine_state state;
    const char *params; /* server: instead of the usual ones */
    bool data;          /* streams keep moving */
    uint64_t after_s;   /* the session ends then; 0: it never does */
    int ierr;
    enum table_reaction reaction;
} silence_rows[] = {
    {"TMO-2 cookie",                 SRV_COOKIE,  NULL,                                  true,  10,  106, TABLE_ERROR    },
    {"TMO-2 parameters",             SRV_PARAMS,  NULL,                                  true,  10,  114, TABLE_ERROR    },
    {"TMO-4 no streams",             SRV_CREATE,  NULL,                                  false, 120, 144, TABLE_ERROR    },
    {"DEF-29 no streams, reverse",   SRV_CREATE,  "{\"reverse\":true}",                  false, 120, 144, TABLE_ERROR    },
    {"TMO-8 41 s for time 1",        SRV_RUN,     NULL,                                  true,  41,  160, TABLE_ERROR    },
    {"TMO-8 omit counts",            SRV_RUN,     "{\"time\":1,\"omit\":2}",             true,  43,  160, TABLE_ERROR    },
    {"TMO-8 no time means 10",       SRV_RUN,     "{}",                                  true,  50,  160, TABLE_ERROR    },
    {"INT-2 no time, but num",       SRV_RUN,     "{\"num\":1000000}",                   true,  0,   0,   TABLE_WAIT     },
    {"PARAM-47 time 0",              SRV_RUN,     "{\"time\":0}",                        true,  0,   0,   TABLE_WAIT     },
    {"TMO-4 no data",                SRV_RUN,     "{\"time\":0}",                        false, 120, 144, TABLE_ERROR    },
    {"TMO-4 bidir no data",          SRV_RUN,     "{\"time\":0,\"bidirectional\":true}", false, 120, 144,
     TABLE_ERROR                                                                                                         },
    {"TMO-4 not in reverse",         SRV_RUN,     "{\"time\":0,\"reverse\":true}",       false, 0,   0,   TABLE_WAIT     },
    {"TMO-2 results",                SRV_RESULTS, NULL,                                  true,  10,  117, TABLE_ERROR    },
    {"TMO-8 in DISPLAY",             SRV_DISPLAY, NULL,                                  true,  41,  160, TABLE_CLOSE    },
    {"ST-SRV-12 no IPERF_DONE",      SRV_DISPLAY, "{\"time\":0,\"reverse\":true}",       true,  120, 144,
     TABLE_CLOSE                                                                                                         },
    {"ST-CLI-18 START",              CLI_START,   NULL,                                  true,  0,   0,   TABLE_WAIT     },
    {"ST-CLI-18 PARAM",              CLI_PARAM,   NULL,                                  true,  0,   0,   TABLE_WAIT     },
    {"ST-CLI-18 CREATE",             CLI_CREATE,  NULL,                                  true,  0,   0,   TABLE_WAIT     },
    {"ST-CLI-18 TSTART",             CLI_TSTART,  NULL,                                  true,  0,   0,   TABLE_WAIT     },
    {"ST-CLI-18 RUN with data",      CLI_RUN,     NULL,                                  true,  0,   0,   TABLE_WAIT     },
    {"TMO-5 no data",                CLI_RUN,     NULL,                                  false, 120, 144, TABLE_FAIL_DONE},
    {"FLOW-13 END fails without 10", CLI_END,     NULL,                                  true,  120, 112, TABLE_FAIL     },
    {"TMO-3 results",                CLI_RESULTS, NULL,                                  true,  10,  117, TABLE_FAIL_DONE},
    {"ST-CLI-18 no 0e",              CLI_XCHG,    NULL,                                  true,  120, 112, TABLE_FAIL_DONE},
};

static void check_silence(const struct silence_row *row)
{
    const char *usual_params = params_text, *usual_results = results_text;
    static struct end e;

    if (row->params != NULL) {
        params_text = row->params;
        results_text = no_streams_text;
    }
    to_state(&e, row->state);
    params_text = usual_params;
    results_text = usual_results;
    uint64_t start = e.now_ns, limit_s = row->after_s == 0 ? 100000 : row->after_s;
    be_silent(&e, limit_s * SECONDS - 1, row->data);
    if (e.n_ends != 0 || machine_state(e.m) != row->state)
        fail_msg("%s: ended before its time", row->name);
    be_silent(&e, start + limit_s * SECONDS - e.now_ns, row->data);
    const struct table_cell want = {.ours = row->reaction, .ierr = row->ierr};
    if (!reacted(&e, row->state, &want))
        fail_msg("%s: want %s %d, got %d", row->name, table_reaction_name(row->reaction), row->ierr,
                 e.end.ierr);
    end_fini(&e);
}

static void test_silence_is_bounded_as_the_protocol_says(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(silence_rows); i++)
        check_silence(&silence_rows[i]);
}

/* TMO-1: the 10 s hold for a whole item, not from byte to byte. */
static void test_a_slow_item_does_not_stretch_its_time(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, SRV_PARAMS);
    end_feed(&e, WIRE("\0\0\0\x20{\"tcp\""), 0);
    for (int i = 0; i < 9; i++) {
        be_silent(&e, SECONDS, true);
        feed_byte(&e, ' ');
    }
    assert_int_equal(e.n_ends, 0);
    be_silent(&e, SECONDS, true);
    assert_int_equal(e.end.ierr, IERECVPARAMS);
    assert_true(said_error(&e));
    end_fini(&e);
}

/* A limit of 0 is none. */
static void test_time_outs_can_be_switched_off(void **unused)
{
    struct machine_config config = {.role = MACHINE_SERVER};
    static struct end e;

    (void)unused;
    end_init(&e, &config);
    machine_start(e.m, e.now_ns);
    assert_int_equal(machine_deadline(e.m), UINT64_MAX);
    end_feed(&e, (struct bytes){(const uint8_t *)cookie, COOKIE_LEN}, 0);
    feed_json(&e, params_text);
    end_streams_up(&e);
    assert_int_equal(machine_state(e.m), SRV_RUN);
    assert_int_equal(machine_deadline(e.m), UINT64_MAX);
    machine_progress(e.m, 5);
    assert_int_equal(machine_deadline(e.m), UINT64_MAX);
    end_fini(&e);
}

/* --- refusals, answers of the shell's
 * ---------------------------------------------------------------- */

static const struct refusal_row {
    const char *name, *params;
    size_t announced; /* instead of the length of params, unless 0 */
    bool auth_required, authorizes;
    int ierr; /* 0: accepted */
    const char *did;
} refusal_rows[] = {
    {"EX-2 smallest parameters", "{}",                    0,          false, false, 0,   "Pas" },
    {"JSON-5 not an object",     "[1]",                   0,          false, false, 0,   "Pas" },
    {"JSON-3 trailing bytes",    "{}xxxxx",               0,          false, false, 0,   "Pas" },
    {"JSON-12 wrong type",       "{\"title\":7}",         0,          false, false, 0,   "Pas" },
    {"JSON-7 N = 0",             "",                      0,          false, false, 114, "sE"  },
    {"JSON-7 N = 8193",          "",                      8193,       false, false, 114, "sE"  },
    {"DEF-6 N = ffffffff",       "",                      0xffffffff, false, false, 114, "sE"  },
    {"PARAM-7 omit 601",         "{\"omit\":601}",        0,          false, false, 12,  "sE"  },
    {"PARAM-14 parallel 129",    "{\"parallel\":129}",    0,          false, false, 6,   "sE"  },
    {"AUTH-11 no token",         "{}",                    0,          true,  true,  142, "sE"  },
    {"AUTH-11 wrong type",       "{\"authtoken\":1}",     0,          true,  true,  142, "sE"  },
    {"AUTH-11 bad token",        "{\"authtoken\":\"x\"}", 0,          true,  false, 142, "AsE" },
    {"AUTH-1 good token",        "{\"authtoken\":\"x\"}", 0,          true,  true,  0,   "APas"},
    {"AUTH-1 token not wanted",  "{\"authtoken\":\"x\"}", 0,          false, false, 0,   "Pas" },
};

static void check_refusal(const struct refusal_row *row)
{
    struct machine_config config;
    uint8_t message[256];
    static struct end e;
    size_t len = strlen(row->params);

    machine_config_init(&config, MACHINE_SERVER);
    config.auth_required = row->auth_required;
    end_init(&e, &config);
    e.authorizes = row->authorizes;
    machine_start(e.m, e.now_ns);
    end_feed(&e, (struct bytes){(const uint8_t *)cookie, COOKIE_LEN}, 0);
    e.did[0] = '\0';
    e.out_len = 0;
    store_be32(message, (uint32_t)(row->announced != 0 ? row->announced : len));
    memcpy(message + 4, row->params, len);
    end_feed(&e, (struct bytes){message, len + 4}, 0);
    if (strcmp(e.did, row->did) != 0 || e.end.ierr != row->ierr ||
        (row->ierr == 0 ? !out_is(&e, WIRE("\x0a")) : !said_error(&e)))
        fail_msg("%s: did %s, number %d", row->name, e.did, e.end.ierr);
    end_fini(&e);
}

static void test_server_refuses_parameters_with_both_integers(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(refusal_rows); i++)
        check_refusal(&refusal_rows[i]);
}

/* FLOW-3: no 0a before the listener is ready; the failure to be ready is told in its place. */
static void test_server_waits_for_its_shell(void **unused)
{
    static struct end e;
    struct bytes more = WIRE("\x04");

    (void)unused;
    to_state(&e, SRV_PARAMS);
    e.answers = false;
    feed_json(&e, params_text);
    assert_string_equal(e.did, "P");
    assert_true(machine_is_waiting(e.m));
    assert_int_equal(machine_deadline(e.m), UINT64_MAX); /* we keep it waiting, not it us */
    machine_bytes(e.m, e.now_ns, &more);
    assert_int_equal(more.len, 1); /* nothing is taken meanwhile */
    machine_eof(e.m, e.now_ns);
    machine_prepared(e.m, e.now_ns, 202, 93);
    end_drain(&e);
    assert_true(out_is(&e, WIRE("\xfe\0\0\0\xca\0\0\0\x5d")));
    assert_int_equal(e.end.ierr, 202);
    end_fini(&e);
}

/* An end of the connection that comes while we wait is dealt with afterwards: a client that
 * half-closes behind its results still gets ours, and that is a good end (FLOW-10). */
static void test_an_end_waits_for_the_answer(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, SRV_RESULTS);
    e.answers = false;
    feed_json(&e, results_text);
    assert_string_equal(e.did, "p");
    machine_eof(e.m, e.now_ns);
    end_drain(&e);
    assert_int_equal(e.n_ends, 0);
    end_pack(&e);
    end_drain(&e);
    assert_string_equal(e.did, "pssE");
    assert_true(e.end.ok);
    end_fini(&e);
}

/* 01 and 02 may be read before the shell has told of its last stream. */
static void test_client_starts_when_its_streams_are_up(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, CLI_PARAM);
    e.answers = false;
    end_feed(&e, WIRE("\x0a\x01\x02"), 0);
    assert_int_equal(machine_state(e.m), CLI_RUN);
    assert_string_equal(e.did, "o");
    machine_stream_up(e.m, e.now_ns);
    machine_test_over(e.m, e.now_ns); /* too early to be true */
    end_drain(&e);
    assert_string_equal(e.did, "o");
    machine_stream_up(e.m, e.now_ns);
    end_drain(&e);
    assert_string_equal(e.did, "oir");
    end_fini(&e);
}

/* --- SERVER_ERROR at the client
 * ------------------------------------------------------------------------ */

static const struct error_row {
    const char *name;
    enum machine_state state;
    struct bytes wire;
    char then; /* 'e' EOF, 'r' reset, 's' silence, 0 nothing */
    int ierr, os_errno;
    bool peer_said;
} error_rows[] = {
    {"ERR-1 both integers",           CLI_PARAM,   WIRE("\xfe\0\0\0\x72\0\0\0\x16"), 0,   114,  22, true },
    {"ERRNO-2 an unknown number",     CLI_RUN,     WIRE("\xfe\0\0\x27\x0f\0\0\0\0"), 0,   9999, 0,  true },
    {"ERR-3 one integer, EOF",        CLI_PARAM,   WIRE("\xfe\0\0\0\x8e"),           'e', 142,  0,  true },
    {"ERR-3 one integer, reset",      CLI_PARAM,   WIRE("\xfe\0\0\0\x8e"),           'r', 142,  0,  true },
    {"ERR-3 one and a half, EOF",     CLI_PARAM,   WIRE("\xfe\0\0\0\x8e\0\0"),       'e', 142,  0,  true },
    {"ERR-3 none, EOF",               CLI_PARAM,   WIRE("\xfe"),                     'e', 109,  0,  false},
    {"ERR-3 half of one, EOF",        CLI_PARAM,   WIRE("\xfe\0\0"),                 'e', 109,  0,  false},
    {"ERR-3 none, reset",             CLI_START,   WIRE("\xfe"),                     'r', 109,  0,  false},
    {"ST-CLI-13 none, silence",       CLI_RUN,     WIRE("\xfe"),                     's', 112,  0,  false},
    {"ST-CLI-13 one, silence",        CLI_RUN,     WIRE("\xfe\0\0\0\x77"),           's', 119,  0,  true },
    {"ERR-6 in place of the results", CLI_RESULTS, WIRE("\xfe\0\0\0\xd0\0\0\0\0"),   0,   208,  0,  true },
    {"ERR-6 crossing TEST_END",       CLI_END,     WIRE("\xfe\0\0\0\xa0\0\0\0\0"),   0,   160,  0,  true },
};

static void check_error(const struct error_row *row, size_t step)
{
    static struct end e;

    to_state(&e, row->state);
    end_feed(&e, row->wire, step);
    if (row->then == 'e')
        machine_eof(e.m, e.now_ns);
    if (row->then == 'r')
        machine_reset(e.m, e.now_ns, 104);
    if (row->then == 's')
        be_silent(&e, 60 * SECONDS, true);
    end_drain(&e);
    if (e.n_ends != 1 || e.end.ok || e.end.ierr != row->ierr || e.end.os_errno != row->os_errno ||
        e.end.peer_said != row->peer_said || e.out_len != 0)
        fail_msg("%s: number %d, errno %d", row->name, e.end.ierr, e.end.os_errno);
    end_fini(&e);
}

static void test_client_reports_the_servers_number(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(error_rows); i++)
        for (size_t step = 0; step <= error_rows[i].wire.len; step++)
            check_error(&error_rows[i], step);
}

/* ST-CLI-13: each of the two integers has 10 s of its own. */
static void test_each_integer_has_its_own_time(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, CLI_RUN);
    end_feed(&e, WIRE("\xfe"), 0);
    be_silent(&e, 9 * SECONDS, true);
    end_feed(&e, WIRE("\0\0\0\x77"), 0);
    be_silent(&e, 9 * SECONDS, true);
    assert_int_equal(e.n_ends, 0);
    end_feed(&e, WIRE("\0\0\0\x05"), 0);
    assert_int_equal(e.end.ierr, 119);
    assert_int_equal(e.end.os_errno, 5);
    end_fini(&e);
}

/* --- whole sessions
 * -------------------------------------------------------------------------------------- */

static const struct session_row {
    const char *name;
    bool udp, reverse, bidir;
    int64_t parallel;
} session_rows[] = {
    {"FLOW-1 forward",        false, false, false, 1  },
    {"FLOW-2 reverse",        false, true,  false, 2  },
    {"FLOW-2 bidir",          false, false, true,  2  },
    {"FLOW-2 UDP",            true,  false, false, 1  },
    {"FLOW-2 UDP bidir",      true,  false, true,  3  },
    {"PARAM-14 many streams", false, false, true,  128},
};

static void flag(struct params *p, enum param_key key, bool *member, bool value)
{
    *member = value;
    if (value)
        params_mark(p, key);
}

static void make_params(struct params *p, const struct session_row *row)
{
    params_init(p);
    flag(p, PARAM_tcp, &p->tcp, !row->udp);
    flag(p, PARAM_udp, &p->udp, row->udp);
    flag(p, PARAM_reverse, &p->reverse, row->reverse);
    flag(p, PARAM_bidirectional, &p->bidirectional, row->bidir);
    p->parallel = row->parallel;
    p->len = 1000;
    params_mark(p, PARAM_parallel);
    params_mark(p, PARAM_len);
}

/* Carry what one end has sent to the other, step bytes at a time. */
static bool carry(struct end *from, struct end *to, size_t step)
{
    static uint8_t wire[END_CAP];
    size_t len = from->out_len;

    memcpy(wire, from->out, len);
    from->out_len = 0;
    end_feed(to, (struct bytes){wire, len}, step);
    return len > 0;
}

static void run_pair(struct end *client, struct end *server, size_t step)
{
    bool up = false, over = false;

    machine_start(server->m, server->now_ns);
    machine_start(client->m, client->now_ns);
    end_drain(client);
    end_drain(server);
    for (;;) {
        bool moved = carry(client, server, step);
        moved = carry(server, client, step) || moved;
        if (!up && client->n_streams > 0 && client->n_streams == server->n_streams) {
            up = true;
            end_streams_up(client);
            end_streams_up(server);
            moved = true;
        }
        if (!over && machine_state(client->m) == CLI_RUN) {
            over = true;
            machine_test_over(client->m, client->now_ns);
            end_drain(client);
            moved = true;
        }
        if (!moved)
            return;
    }
}

static void check_session(const struct session_row *row, size_t step)
{
    static struct end client, server;
    struct machine_config config;
    struct params p;

    make_params(&p, row);
    machine_config_init(&config, MACHINE_SERVER);
    end_init(&server, &config);
    machine_config_init(&config, MACHINE_CLIENT);
    memcpy(config.cookie, cookie, COOKIE_LEN);
    config.params = &p;
    end_init(&client, &config);
    run_pair(&client, &server, step);
    if (strcmp(client.did, "ssoirspsCRsE") != 0 || strcmp(server.did, "sPasisrCRspssE") != 0 ||
        !client.end.ok || !server.end.ok || client.n_streams != server.n_streams)
        fail_msg("%s: client %s (%d), server %s (%d)", row->name, client.did, client.end.ierr,
                 server.did, server.end.ierr);
    assert_memory_equal(machine_cookie(server.m), cookie, COOKIE_LEN);
    assert_int_equal(machine_params(server.m)->parallel, row->parallel);
    assert_ptr_equal(machine_params(client.m), &p);
    assert_int_equal(machine_peer_results(client.m)->n_streams, client.n_streams);
    assert_int_equal(machine_peer_results(server.m)->n_streams, client.n_streams);
    end_fini(&client);
    end_fini(&server);
    params_fini(&p);
}

static void test_two_machines_make_a_session_at_any_piece_size(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(session_rows); i++)
        for (size_t step = 0; step < 5; step++)
            check_session(&session_rows[i], step);
}

/* FLOW-12: a second exchange works like the first. */
static void test_server_exchanges_results_again(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, SRV_DISPLAY);
    for (int i = 0; i < 3; i++) {
        feed_byte(&e, TEST_END);
        feed_json(&e, results_text);
    }
    feed_byte(&e, IPERF_DONE);
    assert_string_equal(e.did, "spssspssspssE");
    assert_true(e.end.ok);
    end_fini(&e);
}

/* --- memory
 * ------------------------------------------------------------------------------------------------
 */

/* One session; false if either end did not come to a good end. */
static bool session_succeeds(void)
{
    static struct end client, server;
    struct machine_config server_config, client_config;

    machine_config_init(&server_config, MACHINE_SERVER);
    machine_config_init(&client_config, MACHINE_CLIENT);
    memcpy(client_config.cookie, cookie, COOKIE_LEN);
    client_params.reverse = false;
    client_config.params = &client_params;
    memset(&client, 0, sizeof client);
    memset(&server, 0, sizeof server);
    client.answers = server.answers = true;
    client.m = machine_new(&client_config);
    server.m = machine_new(&server_config);
    bool ok = client.m != NULL && server.m != NULL;
    if (ok) {
        run_pair(&client, &server, 0);
        ok = client.n_ends == 1 && client.end.ok && server.n_ends == 1 && server.end.ok;
    }
    end_fini(&client);
    end_fini(&server);
    return ok;
}

static void test_each_failed_allocation_ends_the_session(void **unused)
{
    (void)unused;
    for (unsigned n = 1; n < 1000; n++) {
        alloc_fail_at(n);
        bool ok = session_succeeds();
        bool reached = alloc_failed();
        alloc_fail_at(0);
        if (!reached) {
            assert_true(ok);
            return;
        }
    }
    fail_msg("it never ends");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_does_what_every_cell_says),
        cmocka_unit_test(test_machine_knows_every_byte_in_every_state),
        cmocka_unit_test(test_machine_is_deaf_after_its_end),
        cmocka_unit_test(test_silence_is_bounded_as_the_protocol_says),
        cmocka_unit_test(test_a_slow_item_does_not_stretch_its_time),
        cmocka_unit_test(test_time_outs_can_be_switched_off),
        cmocka_unit_test(test_server_refuses_parameters_with_both_integers),
        cmocka_unit_test(test_server_waits_for_its_shell),
        cmocka_unit_test(test_an_end_waits_for_the_answer),
        cmocka_unit_test(test_client_starts_when_its_streams_are_up),
        cmocka_unit_test(test_client_reports_the_servers_number),
        cmocka_unit_test(test_each_integer_has_its_own_time),
        cmocka_unit_test(test_two_machines_make_a_session_at_any_piece_size),
        cmocka_unit_test(test_server_exchanges_results_again),
        cmocka_unit_test(test_machine_understands_stock_at_every_cut),
        cmocka_unit_test(test_each_failed_allocation_ends_the_session),
    };

    fill_client_params();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
