/* The session machine: whole sessions, between two of them and with recorded stock peers; memory.
 */
#include "impl/wire/machine.h"

#include "impl/tests/alloc.h"
#include "impl/tests/drive.h"
#include "impl/tests/vector.h"
#include "impl/wire/ierr.h"

/* --- whole sessions --------------------------------------------------------------------------- */

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

/* --- recorded stock sessions ------------------------------------------------------------------ */

/* A record cut in two at one byte, or (0) into single bytes. */
static void feed_cut(struct end *e, const struct vector_record *r, size_t cut)
{
    if (cut == 0) {
        end_feed(e, (struct bytes){r->bytes, r->len}, 1);
        return;
    }
    size_t head = MIN(cut, r->len);
    end_feed(e, (struct bytes){r->bytes, head}, 0);
    end_feed(e, (struct bytes){r->bytes + head, r->len - head}, 0);
}

static bool is_from(const struct vector_record *r, char from)
{
    return r->from == from && r->kind == VECTOR_BYTES && r->len > 0;
}

/* A stock client against our server: its bytes as recorded, streams when its server had them. */
static void replay_client(const struct vector *v, size_t cut)
{
    struct machine_config config;
    static struct end e;

    machine_config_init(&config, MACHINE_SERVER);
    config.auth_required = strncmp(v->mode, "auth", 4) == 0;
    end_init(&e, &config);
    machine_start(e.m, e.now_ns);
    for (size_t i = 0; i < v->n; i++) {
        const struct vector_record *r = &v->records[i];
        if (is_from(r, 'C'))
            feed_cut(&e, r, cut);
        if (is_from(r, 'S') && r->bytes[0] == TEST_START)
            end_streams_up(&e);
    }
    if (strcmp(v->mode, "client-terminate") == 0 ? !e.end.terminated : !e.end.ok)
        fail_msg("%s cut at %zu: number %d, %s", v->name, cut, e.end.ierr, e.did);
    end_fini(&e);
}

/* A stock server against our client, which does what the recorded client did. */
static void replay_server(const struct vector *v, const struct params *p, size_t cut)
{
    struct machine_config config;
    static struct end e;

    machine_config_init(&config, MACHINE_CLIENT);
    memcpy(config.cookie, cookie, COOKIE_LEN);
    config.params = p;
    end_init(&e, &config);
    machine_start(e.m, e.now_ns);
    end_drain(&e);
    for (size_t i = 0; i < v->n; i++) {
        const struct vector_record *r = &v->records[i];
        if (is_from(r, 'S'))
            feed_cut(&e, r, cut);
        if (is_from(r, 'S') && r->bytes[0] == CREATE_STREAMS)
            end_streams_up(&e);
        if (is_from(r, 'C') && r->bytes[0] == TEST_END)
            machine_test_over(e.m, e.now_ns);
        end_drain(&e);
    }
    if (strcmp(v->mode, "server-terminate") == 0 ? e.end.ierr != IESERVERTERM : !e.end.ok)
        fail_msg("%s cut at %zu: number %d, %s", v->name, cut, e.end.ierr, e.did);
    end_fini(&e);
}

/* The parameters that the recorded client sent: behind 37 bytes of cookie and 4 of length. */
static bool recorded_params(const struct vector *v, struct params *p)
{
    static uint8_t sent[16384];
    size_t len = 0;

    for (size_t i = 0; i < v->n; i++) {
        const struct vector_record *r = &v->records[i];
        if (!is_from(r, 'C') || len + r->len > sizeof sent)
            continue;
        memcpy(sent + len, r->bytes, r->len);
        len += r->len;
    }
    uint32_t n = len < COOKIE_LEN + 4 ? UINT32_MAX : load_be32(sent + COOKIE_LEN);
    return n <= len - COOKIE_LEN - 4 &&
           params_decode((struct bytes){sent + COOKIE_LEN + 4, n}, p, NULL) == SPEC_OK;
}

static void replay(const struct vector *v)
{
    bool all_cuts = strstr(v->name, "-tcp.") != NULL;
    size_t longest = 0;
    struct params p;

    if (!vector_succeeded(v) && strstr(v->mode, "terminate") == NULL)
        return;
    if (!recorded_params(v, &p))
        fail_msg("%s: no parameters", v->name);
    for (size_t i = 0; i < v->n; i++)
        longest = MAX(longest, v->records[i].len);
    for (size_t cut = 0; cut <= (all_cuts ? longest : 5); cut++) {
        if (strcmp(v->mode, "server-terminate") != 0)
            replay_client(v, cut);
        if (strcmp(v->mode, "client-terminate") != 0)
            replay_server(v, &p, cut);
    }
    params_fini(&p);
}

static void test_machine_understands_stock_at_every_cut(void **unused)
{
    (void)unused;
    assert_true(vector_each(replay) > 50);
}

/* --- memory ----------------------------------------------------------------------------------- */

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

/* The integers of SERVER_ERROR, with no memory left for them. */
static void test_client_fails_when_it_cannot_read_an_error(void **unused)
{
    static struct end e;

    (void)unused;
    for (unsigned n = 1; n < 100; n++) {
        to_state(&e, CLI_START);
        alloc_fail_at(n);
        end_feed(&e, WIRE("\xfe\0\0\0\x72\0\0\0\0"), 0);
        bool reached = alloc_failed();
        alloc_fail_at(0);
        assert_int_equal(e.n_ends, 1);
        assert_int_equal(e.end.ierr, reached ? IERECVMESSAGE : IERECVPARAMS);
        end_fini(&e);
        if (!reached)
            return;
    }
    fail_msg("it never ends");
}

/* ERR-4: once fe was read the client sends nothing more, whatever becomes of its test. */
static void test_client_says_nothing_behind_an_error(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, CLI_RUN);
    e.out_len = 0;
    end_feed(&e, WIRE("\xfe\0\0"), 0);
    machine_test_over(e.m, e.now_ns);
    end_drain(&e);
    assert_int_equal(e.out_len, 0);
    end_feed(&e, WIRE("\0\x72\0\0\0\0"), 0);
    assert_int_equal(e.n_ends, 1);
    assert_int_equal(e.end.ierr, IERECVPARAMS);
    assert_int_equal(e.out_len, 0);
    end_fini(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_machines_make_a_session_at_any_piece_size),
        cmocka_unit_test(test_server_exchanges_results_again),
        cmocka_unit_test(test_machine_understands_stock_at_every_cut),
        cmocka_unit_test(test_each_failed_allocation_ends_the_session),
        cmocka_unit_test(test_client_fails_when_it_cannot_read_an_error),
        cmocka_unit_test(test_client_says_nothing_behind_an_error),
    };

    fill_client_params();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
