/* Every cell of both tables through the machine: into the state, the event, what came of it. */
#include "impl/wire/machine.h"

#include "impl/tests/drive.h"
#include "impl/wire/ierr.h"

/* --- each event ------------------------------------------------------------------------------- */

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
        machine_failed(e->m, e->now_ns, IESETCONGESTION, 2);
        break;
    case CEV_CONNECT_FAILED:
    case CEV_UDP_REPLY_BAD:
        if (state != CLI_CREATE)
            return false;
        machine_failed(e->m, e->now_ns,
                       event == CEV_CONNECT_FAILED ? IESTREAMCONNECT : IESTREAMREAD, 111);
        break;
    default:
        return apply_client_byte(e, event);
    }
    end_drain(e);
    return true;
}

/* --- the cells -------------------------------------------------------------------------------- */

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
            unsigned event = is_server ? (unsigned)table_server_byte((int8_t)byte)
                                       : (unsigned)table_client_byte((int8_t)byte);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_does_what_every_cell_says),
        cmocka_unit_test(test_machine_knows_every_byte_in_every_state),
        cmocka_unit_test(test_machine_is_deaf_after_its_end),
    };

    fill_client_params();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
