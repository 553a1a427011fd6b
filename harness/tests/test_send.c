/* test_send.c - the bytes that a script puts on the wire, as the other end reads them. */
#include "harness/sim/sim.h"

#include "impl/tests/unit.h"
#include "impl/wire/state.h"

#include <arpa/inet.h>
#include <sys/wait.h>
#include <unistd.h>

/* The other end: accepts one connection and reads what came until its end. */
static struct text received(int listener)
{
    struct text all = {0};
    char piece[65536];
    ssize_t got;
    int fd = accept(listener, NULL, NULL);

    while (fd >= 0 && (got = recv(fd, piece, sizeof piece, 0)) > 0)
        text_add(&all, piece, (size_t)got);
    close(fd);
    return all;
}

static struct text play(const char *header, const char *steps)
{
    struct script_list list = {0};
    struct script_error e;
    struct sim_listener there;
    struct sim_config config = {.timeout_scale = 1};
    struct sim_outcome outcome;
    struct text source = {0};

    text_addf(&source, "case x\nclause ST-1\nplays client\n%s\n%s\n", header, steps);
    if (!script_read(&list, "t.peer", text_string(&source), &e))
        fail_msg("line %u: expected %s, found %s", e.line, e.expected, e.found);
    assert_true(sim_listen(&there, "127.0.0.1", 0));
    assert_true(sim_address("127.0.0.1", there.port, &config.server, &config.server_len));
    config.script = list.at[0];
    sim_run(&config, &outcome);
    if (outcome.cause != SIM_OK)
        fail_msg("%s: %s", steps, text_string(&outcome.got));
    struct text all = received(there.tcp);
    sim_listener_close(&there);
    sim_outcome_fini(&outcome);
    text_fini(&source);
    script_list_fini(&list);
    return all;
}

/* --- what becomes of a JSON message ----------------------------------------------------------- */

#define SAYS "wire params raw '{\"tcp\":true,\"len\":16384}'\n"

static const struct change {
    const char *name, *steps, *body;
    int off; /* what the prefix says beyond the true length */
} changes[] = {
    {"raw",          SAYS,                                                               "{\"tcp\":true,\"len\":16384}",              0 },
    {"JSON-1 off",   SAYS "wire params.length = -4\n",                                   "{\"tcp\":true,\"len\":16384}",              -4},
    {"JSON-1 other", SAYS "wire params.length = 25\n",                                   "{\"tcp\":true,\"len\":16384}",              1 },
    {"set",          SAYS "wire params.len = \"x\"\n",                                   "{\"tcp\":true,\"len\":\"x\"}",              0 },
    {"added",        "wire params raw '{}'\nwire params.a = 1\n",                        "{\"a\":1}",                                 0 },
    {"absent",       SAYS "wire params.len = absent\n",                                  "{\"tcp\":true}",                            0 },
    {"wrong type",   SAYS "wire params.len = wrong-type\n",                              "{\"tcp\":true,\"len\":\"x\"}",              0 },
    {"as it stands", SAYS "wire params.len = raw 1e999\n",                               "{\"tcp\":true,\"len\":1e999}",              0 },
    {"nested",       SAYS "wire params.len = raw '[' x 3 ']' x 3\n",                     "{\"tcp\":true,\"len\":[[[]]]}",             0 },
    {"string",       SAYS "wire params.len = text \"a\\\"\\n\" x 2\n",
     "{\"tcp\":true,\"len\":\"a\\\"\\u000aa\\\"\\u000a\"}",                                                                           0 },
    {"JSON-4 key",   SAYS "wire params.len as \"LEN\"\n",                                "{\"tcp\":true,\"LEN\":16384}",              0 },
    {"no key",       SAYS "wire params.tcp as \"\"\n",                                   "{\"\":true,\"len\":16384}",                 0 },
    {"twice",        SAYS "wire params.tcp twice\n",                                     "{\"tcp\":true,\"tcp\":true,\"len\":16384}", 0 },
    {"twice, other", SAYS "wire params.len twice 5\n",                                   "{\"tcp\":true,\"len\":16384,\"len\":5}",    0 },
    {"in an array",  "wire params raw '{\"a\":[1,2]}'\nwire params.a[1] twice\n",        "{\"a\":[1,2,2]}",
     0                                                                                                                                  },
    {"trailing",     SAYS "wire params trailing 'x' x 3\n",                              "{\"tcp\":true,\"len\":16384}xxx",           0 },
    {"all together",
     SAYS "wire params.len as \"a\"\nwire params.a twice 0\nwire params trailing ' '\n",
     "{\"tcp\":true,\"a\":16384,\"a\":0} ",                                                                                           0 },
};

static void test_wire_changes_what_is_said_and_no_other_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct text steps = {0};
        size_t len = strlen(changes[i].body);
        text_addf(&steps, "%sopen\nsend params", changes[i].steps);
        struct text all = play("", text_string(&steps));
        if (all.len != len + 4 || memcmp(all.at + 4, changes[i].body, len) != 0 ||
            load_be32((uint8_t *)all.at) != (uint32_t)((int)len + changes[i].off))
            fail_msg("%s: length %u: %.*s", changes[i].name, load_be32((uint8_t *)all.at),
                     (int)all.len - 4, all.at + 4);
        text_fini(&steps);
        text_fini(&all);
    }
}

/* --- other bytes ------------------------------------------------------------------------------ */

static const struct row {
    const char *name, *steps;
    struct bytes wire;
} rows[] = {
    {"CTL-1 cookie",  "wire cookie raw 'a' x 3 hex 00\nopen\nsend cookie",                       WIRE("aaa\0")                   },
    {"cut short",     SAYS "open\nsend params first 6 bytes",                                    WIRE("\0\0\0\x18{\"")           },
    {"cut at a part", SAYS "open\nsend params first 7 of 32 parts",                              WIRE("\0\0\0\x18{\"")           },
    {"generator",     "open\nsend text 'ab' x 2 hex 00 x 2 'c'",                                 WIRE("abab\0\0c")               },
    {"corked",        "cork\nopen\nsend byte 4\nsend hex 00 01\nuncork",                         WIRE("\x04\0\x01")              },
    {"in pieces",     "split at 1 3 delay 2ms\nopen\nsend hex 01 02 03 04 05",
     WIRE("\x01\x02\x03\x04\x05")                                                                                                },
    {"one by one",    "split 1\nopen\nsend hex 01 02 03",                                        WIRE("\x01\x02\x03")            },
    {"ERR-1 pair",    "open\nsend server-error 114 errno 2",                                     WIRE("\xfe\0\0\0\x72\0\0\0\x02")},
    {"bare",          "open a tcp\na send hex ff",                                               WIRE("\xff")                    },
    {"in background", "open\nbackground a every 20s send hex 05\npause 20ms\nstop a\npause 5ms",
     WIRE("\x05")                                                                                                                },
};

static void test_send_puts_these_bytes_on_the_wire(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text all = play("", rows[i].steps);
        if (all.len != rows[i].wire.len || memcmp(all.at, rows[i].wire.at, all.len) != 0) {
            struct text hex = {0};
            text_add_hex(&hex, (struct bytes){(uint8_t *)all.at, all.len}, 100);
            fail_msg("%s: %s", rows[i].name, text_string(&hex));
        }
        text_fini(&all);
    }
}

/* --- moments ---------------------------------------------------------------------------------- */

static struct script *read_role(struct script_list *list, const char *role, const char *steps)
{
    struct script_error e;
    struct text source = {0};

    text_addf(&source, "case x\nclause ST-1\nplays %s\n\n%s\n", role, steps);
    if (!script_read(list, "t.peer", text_string(&source), &e))
        fail_msg("line %u: expected %s, found %s", e.line, e.expected, e.found);
    text_fini(&source);
    return list->at[list->n - 1];
}

static void __attribute__((noreturn))
be_the_other(const struct script *script, const struct sim_listener *there)
{
    struct sim_config config = {.script = script, .listener = there, .timeout_scale = 1};
    struct sim_outcome outcome;

    if (!script->plays_server) {
        config.listener = NULL;
        sim_address("127.0.0.1", there->port, &config.server, &config.server_len);
    }
    sim_run(&config, &outcome);
    _exit(outcome.cause == SIM_OK ? 0 : 1);
}

/* What we said, a word for each message. */
static void add_ours(const struct session *record, struct text *out)
{
    for (size_t i = 0; i < record->n; i++) {
        const struct session_message *m = &record->messages[i];
        const char *state = m->kind == SESSION_STATE ? state_name(m->state) : NULL;
        if (m->from != SESSION_US || m->kind == SESSION_OPEN)
            continue;
        static const char *const words[] = {
#define X(name, word) word,
            SESSION_KINDS(X)
#undef X
        };
        text_addf(out, "%s%s", out->len ? " " : "", state ? state : words[m->kind]);
    }
}

static const struct moment {
    const char *steps; /* ours; both sides finish */
    bool we_serve;
    const char *said;
} moments[] = {
    {"wire data never",                                                                    false, "cookie json stream TEST_END json IPERF_DONE"                },
    {"wire params before PARAM_EXCHANGE",                                                  false,
     "cookie json stream data TEST_END json IPERF_DONE"                                                                                                        },
    {"wire IPERF_DONE never",                                                              false, "cookie json stream data TEST_END json"                      },
    {"wire IPERF_DONE twice",                                                              false, "cookie json stream data TEST_END json IPERF_DONE IPERF_DONE"},
    {"wire IPERF_DONE never\nwire IPERF_DONE twice\nwire IPERF_DONE before close",         false,
     "cookie json stream data TEST_END json IPERF_DONE"                                                                                                        },
    {"wire params after 30ms\nwire streams after 30ms",                                    false,
     "cookie json stream data TEST_END json IPERF_DONE"                                                                                                        },
    {"open\nsend cookie\nsend params\nexpect state PARAM_EXCHANGE",                        false,
     "cookie json stream data TEST_END json IPERF_DONE"                                                                                                        },
    {"wire data never",                                                                    true,
     "PARAM_EXCHANGE CREATE_STREAMS TEST_START TEST_RUNNING EXCHANGE_RESULTS json DISPLAY_RESULTS"                                                             },
    {"wire TEST_RUNNING after TEST_START\nwire TEST_START after 20ms",                     true,
     "PARAM_EXCHANGE CREATE_STREAMS TEST_START TEST_RUNNING EXCHANGE_RESULTS json DISPLAY_RESULTS"                                                             },
    {"advance PARAM_EXCHANGE\nexpect params\nadvance TEST_RUNNING\nexpect state TEST_END", true,
     "PARAM_EXCHANGE CREATE_STREAMS TEST_START TEST_RUNNING EXCHANGE_RESULTS json DISPLAY_RESULTS"                                                             },
};

static void check_moment(const struct moment *m)
{
    struct script_list list = {0};
    struct sim_listener there;
    struct sim_outcome outcome;
    struct sim_config config = {.timeout_scale = 1};
    struct text steps = {0}, said = {0};
    int status;

    text_addf(&steps, "%s\nfinish", m->steps);
    config.script = read_role(&list, m->we_serve ? "server" : "client", text_string(&steps));
    const struct script *other = read_role(&list, m->we_serve ? "client" : "server", "finish");
    assert_true(sim_listen(&there, "127.0.0.1", 0));
    config.listener = m->we_serve ? &there : NULL;
    sim_address("127.0.0.1", there.port, &config.server, &config.server_len);
    pid_t pid = fork();
    if (pid == 0)
        be_the_other(other, &there);
    sim_run(&config, &outcome);
    if (outcome.cause != SIM_OK)
        print_error("%s: %s\n", m->steps, text_string(&outcome.got));
    add_ours(&outcome.record, &said);
    waitpid(pid, &status, 0);
    assert_string_equal(text_string(&said), m->said);
    assert_int_equal(status, 0);
    sim_listener_close(&there);
    sim_outcome_fini(&outcome);
    script_list_fini(&list);
    text_fini(&steps);
    text_fini(&said);
}

static void test_wire_moves_leaves_out_and_doubles_moments(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(moments); i++)
        check_moment(&moments[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_changes_what_is_said_and_no_other_byte),
        cmocka_unit_test(test_send_puts_these_bytes_on_the_wire),
        cmocka_unit_test(test_wire_moves_leaves_out_and_doubles_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
