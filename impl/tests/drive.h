/* drive.h - brings a machine into any of its states, and tells what it did there, for tests. */
#pragma once
#include "impl/tests/end.h"

#define SECONDS UINT64_C(1000000000)

static const char cookie[COOKIE_LEN] = "mpczabcdefghijklmnopqrstuvwxyz234567";

/* Texts as stock clients and servers send them (EX-1). Two streams; one named 5 does not exist. */
#define HEAD                                                                                       \
    "{\"cpu_util_total\":1.5,\"cpu_util_user\":0.5,\"cpu_util_system\":1,"                         \
    "\"sender_has_retransmits\":1,\"streams\":["
#define ENTRY(id)                                                                                  \
    "{\"id\":" id ",\"bytes\":131072,\"retransmits\":0,\"jitter\":0,\"errors\":0,"                 \
    "\"omitted_errors\":0,\"packets\":0,\"omitted_packets\":0,\"start_time\":0,\"end_time\":1}"
__attribute__((unused)) static const char *params_text =
    "{\"tcp\":true,\"omit\":0,\"time\":1,\"num\":0,\"blockcount\":0,"
    "\"parallel\":2,\"len\":131072,\"client_version\":\"3.18\"}";
__attribute__((unused)) static const char *results_text = HEAD ENTRY("1") "," ENTRY("3") "]}";
static const char *const unknown_id_text = HEAD ENTRY("5") "]}";
static const char *const no_streams_text = HEAD "],\"extra\":[1]}";

static inline struct bytes json(const char *text)
{
    static uint8_t message[2048];
    size_t len = strlen(text);

    store_be32(message, (uint32_t)len);
    memcpy(message + 4, text, len);
    return (struct bytes){message, len + 4};
}

static inline void feed_json(struct end *e, const char *text)
{
    end_feed(e, json(text), 0);
}

static inline void feed_byte(struct end *e, int byte)
{
    end_feed(e, (struct bytes){(const uint8_t[]){(uint8_t)byte}, 1}, 0);
}

/* --- into each state -------------------------------------------------------------------------- */

static struct params client_params; /* fill_client_params() before all else */

static inline void fill_client_params(void)
{
    params_init(&client_params);
    client_params.tcp = true;
    params_mark(&client_params, PARAM_tcp);
    client_params.parallel = 2;
    params_mark(&client_params, PARAM_parallel);
    client_params.time = 1;
    params_mark(&client_params, PARAM_time);
}

static inline void to_server_state(struct end *e, enum machine_state state)
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

static inline void to_client_state(struct end *e, enum machine_state state)
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

static inline void to_state(struct end *e, enum machine_state state)
{
    if (table_role(state) == MACHINE_SERVER)
        to_server_state(e, state);
    else
        to_client_state(e, state);
    assert_int_equal(machine_state(e->m), state);
    e->out_len = 0;
    e->did[0] = '\0';
}

/* --- time ------------------------------------------------------------------------------------- */

/* Let time pass until the machine wakes up, at most once. */
static inline void wait_once(struct end *e)
{
    uint64_t at = machine_deadline(e->m);

    if (at == UINT64_MAX)
        return;
    e->now_ns = at;
    machine_tick(e->m, at);
    end_drain(e);
}

/* Silence on control, while data flows or not: the timers must not be taken for each other. */
static inline void be_silent(struct end *e, uint64_t for_ns, bool data)
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

/* --- each reaction, told from what came out --------------------------------------------------- */

static inline bool out_is(const struct end *e, struct bytes want)
{
    return e->out_len == want.len && memcmp(e->out, want.at, want.len) == 0;
}

/* What the step into a state puts on the wire. */
static inline bool advanced(const struct end *e, enum machine_state state, enum machine_state next)
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

static inline bool failed_with(const struct end *e, const struct table_cell *cell)
{
    return e->n_ends == 1 && !e->end.ok && (cell->ierr == 0 || e->end.ierr == cell->ierr);
}

static inline bool said_error(const struct end *e)
{
    return e->out_len == 9 && (int8_t)e->out[0] == SERVER_ERROR &&
           (int)load_be32(e->out + 1) == e->end.ierr;
}

static inline bool reacted(const struct end *e, enum machine_state state,
                           const struct table_cell *cell)
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
