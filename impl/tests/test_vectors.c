/* The recorded sessions themselves: readable, complete, and as the protocol says at their ends. */
#include "impl/tests/vectors.h"

static bool has_mode(const struct vectors *all, const char *mode)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->at[i].mode, mode) == 0)
            return true;
    return false;
}

static void test_vectors_cover_every_mode(void **state)
{
    static const char *const modes[] = {
        "tcp",
        "time",
        "reverse",
        "bidir",
        "parallel",
        "blocks",
        "omit",
        "options",
        "udp",
        "udp-reverse",
        "udp-bidir",
        "udp-parallel",
        "udp-64bit",
        "auth",
        "auth-bad",
        "auth-none",
        "server-terminate",
        "client-terminate",
        "server-output",
        "busy",
        "bad-params",
        "bad-length",
        "bad-state",
        "params-cut",
        "server-output-json",
        "auth-pkcs1",
    };
    struct vectors all;

    (void)state;
    vectors_load(&all);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (!has_mode(&all, modes[i]))
            fail_msg("no session of mode %s", modes[i]);
    vectors_free(&all);
}

/* CTL-1, CTL-2: each client begins with 37 bytes whose last is NUL. CTL-8: each server answers 09,
 * or ff where it is busy (CLOSE-1). */
static void test_vectors_begin_as_a_control_channel_does(void **state)
{
    struct vectors all;

    (void)state;
    vectors_load(&all);
    for (size_t i = 0; i < all.n; i++) {
        const struct vector_session *session = &all.at[i];
        struct bytes client = vectors_join(session, 'C'), server = vectors_join(session, 'S');
        bool busy = strcmp(session->mode, "busy") == 0;
        if (client.len < 37 || client.at[36] != 0 || memchr(client.at, 0, 36) != NULL)
            fail_msg("CTL-2 %s: no cookie", session->name);
        if (server.len < 1 || server.at[0] != (busy ? 0xff : 9))
            fail_msg("CTL-8 %s: no PARAM_EXCHANGE", session->name);
        free((void *)(uintptr_t)client.at);
        free((void *)(uintptr_t)server.at);
    }
    vectors_free(&all);
}

static void test_vectors_keep_order_and_end(void **state)
{
    struct vectors all;

    (void)state;
    vectors_load(&all);
    for (size_t i = 0; i < all.n; i++) {
        const struct vector_session *session = &all.at[i];
        assert_true(session->n_events >= 3);
        assert_true(session->client[0] != '\0' && session->server[0] != '\0');
        for (size_t j = 1; j < session->n_events; j++)
            assert_true(session->events[j].ms >= session->events[j - 1].ms);
        assert_true(session->events[session->n_events - 1].kind != VECTOR_BYTES);
    }
    vectors_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_cover_every_mode),
        cmocka_unit_test(test_vectors_begin_as_a_control_channel_does),
        cmocka_unit_test(test_vectors_keep_order_and_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
