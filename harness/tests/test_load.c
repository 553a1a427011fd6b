/* Loads against servers that are scripts: what is judged, what is tried again, what is counted. */
#include "harness/load/load.h"

#include "harness/script/script.h"
#include "harness/sim/sim.h"
#include "impl/tests/keys.h"
#include "impl/tests/unit.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAD "case t\nclause FLOW-1\nplays server\n\n"

/* --- modes ----------------------------------------------------------------------------------- */

static void test_load_modes_pick_gives_each_its_weight(void **state)
{
    struct load_modes modes = {0};
    unsigned n[3] = {0};

    (void)state;
    assert_true(load_modes_add(&modes, "2:-k 1"));
    assert_true(load_modes_add(&modes, "-u -k 1"));
    assert_true(load_modes_add(&modes, "5:-R -n 1M"));
    for (uint64_t i = 0; i < 80; i++)
        n[load_modes_pick(&modes, i) - modes.at]++;
    assert_int_equal(n[0], 20);
    assert_int_equal(n[1], 10);
    assert_int_equal(n[2], 50);
    load_modes_fini(&modes);
}

static void test_load_modes_add_refuses_what_no_client_of_a_load_does(void **state)
{
    static const char *const refused[] = {
        "-s", "--nonsense", "-R -k 1 -O 1", "-F /dev/null", "0:-k 1", "1001:-k 1", "-n 1M -J",
        "-k 1 -l 1M -u", "-P 3 -k 2",
        /* a word more than there is room for */
        "-k 1 -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V "
        "-V -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V "
        "-V -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V -V "
        "-V -V -V -V -R"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct load_modes modes = {0};
        if (load_modes_add(&modes, refused[i]))
            fail_msg("'%s' was taken", refused[i]);
        load_modes_fini(&modes);
    }
}

static bool read_modes(const char *text, struct load_modes *modes)
{
    char path[UNIT_PATH_MAX];
    int fd = mkstemp(unit_temporary(path, "modes"));

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    bool ok = load_modes_read(modes, path);
    unlink(path);
    return ok;
}

static void test_load_modes_read_takes_a_mode_from_each_line(void **state)
{
    struct load_modes modes = {0};
    char text[3000];

    (void)state;
    snprintf(text, sizeof text, "# none\n\n-k 1 # one\n 2:-k 1%2000s-R\n-u -k 1", "");
    assert_true(read_modes(text, &modes));
    assert_int_equal(modes.n, 3);
    assert_int_equal(modes.weight, 4);
    assert_true(modes.at[1].opt.params.reverse);
    load_modes_fini(&modes);
}

static void test_load_modes_read_tells_what_it_cannot_read(void **state)
{
    struct load_modes modes = {0};

    (void)state;
    assert_false(load_modes_read(&modes, "/nonexistent"));
    assert_false(load_modes_read(&modes, "/")); /* opens well */
    assert_false(read_modes("-k 1\n--nonsense\n", &modes));
    load_modes_fini(&modes);
}

static void test_load_modes_add_needs_a_key_that_suits_the_user(void **state)
{
    struct load_modes modes = {0};
    char mode[UNIT_PATH_MAX + 100];

    (void)state;
    keys_make();
    setenv("IPERF3_PASSWORD", "rossi", 1);
    snprintf(mode, sizeof mode, "-k 1 --username mario --rsa-public-key-path %s", keys_public);
    assert_true(load_modes_add(&modes, mode));
    assert_non_null(modes.at[0].key);
    setenv("IPERF3_PASSWORD", "ros si", 1); /* AUTH-5 */
    assert_false(load_modes_add(&modes, mode));
    setenv("IPERF3_PASSWORD", "rossi", 1);
    snprintf(mode, sizeof mode, "-k 1 --username mario --rsa-public-key-path %s", keys_users);
    assert_false(load_modes_add(&modes, mode));
    unsetenv("IPERF3_PASSWORD");
    load_modes_fini(&modes);
    keys_remove();
}

/* --- times ----------------------------------------------------------------------------------- */

static void test_load_times_at_is_the_nearest_rank(void **state)
{
    uint64_t at[] = {1000000000, 2000000000, 3000000000, 4000000000};
    struct load_times times = {.at = at, .n = 4, .cap = 4}, none = {0};

    (void)state;
    assert_true(load_times_at(&times, 0.5) == 2);
    assert_true(load_times_at(&times, 0.75) == 3);
    assert_true(load_times_at(&times, 0.76) == 4);
    assert_true(load_times_at(&times, 1) == 4);
    assert_true(load_times_at(&none, 0.5) == 0);
}

/* --- servers --------------------------------------------------------------------------------- */

/* Play the scripts, one after the other, and then the last for good. */
static void serve(const struct sim_listener *listener, const char *const *scripts)
{
    struct script_list list = {0};
    struct script_error error;
    size_t n = 0;

    for (; scripts[n]; n++)
        if (!script_read(&list, "t", scripts[n], &error))
            _exit(9);
    for (size_t i = 0;; i += i + 1 < n) {
        struct sim_config config = {.script = list.at[i], .listener = listener, .timeout_scale = 1};
        struct sim_outcome outcome;
        sim_run(&config, &outcome);
        sim_outcome_fini(&outcome);
    }
}

static pid_t start(const char *const *scripts, unsigned *port)
{
    struct sim_listener listener;

    assert_true(sim_listen(&listener, "127.0.0.1", 0));
    pid_t pid = fork();
    if (pid == 0)
        serve(&listener, scripts);
    *port = listener.port;
    sim_listener_close(&listener);
    return pid;
}

static void load(const char *const *scripts, const char *mode, uint64_t n_tests,
                 struct load_result *result)
{
    struct load_request request = {
        .host = "127.0.0.1",
        .n_tests = n_tests,
        .at_once = 1,
        .limit_s = 60,
        .patience_s = 60,
        .max_loss = 0,
        .counts_all = true,
    };
    struct text why = {0};
    pid_t pid = start(scripts, &request.port);

    assert_true(load_modes_add(&request.modes, mode));
    *result = (struct load_result){0};
    assert_true(load_run(&request, result, &why));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    load_modes_fini(&request.modes);
}

static const struct row {
    const char *name, *mode, *script, *cause; /* cause: NULL: all is well */
} rows[] = {
    {"FLOW-1 an honest server",             "-k 3 -l 1000",        HEAD "finish\n",                                       NULL                                                                                  },
    {"FLOW-1 in reverse",                   "-R -k 3 -l 1000",     HEAD "finish\n",                                       NULL                                                                                  },
    {"UDP-7 an honest server of datagrams", "-u -k 5 -l 100 -b 0", HEAD "finish\n",                                       NULL                                                                                  },
    {"RES-11 more bytes than were sent",    "-k 3 -l 1000",
     HEAD "wire results.streams[0].bytes = 3001\nfinish\n",                                                               "the two ends' numbers disagree"                                                      },
    {"INT-7 a byte less",                   "-k 3 -l 1000",        HEAD "wire results.streams[0].bytes = 2999\nfinish\n",
     "the server does not count every byte (INT-7)"                                                                                                                                                             },
    {"RES-28 longer than it can have been", "-k 3 -l 1000",
     HEAD "wire results.streams[0].end_time = 1000000\nfinish\n",
     "the server's time cannot be (RES-28)"                                                                                                                                                                     },
    {"UDP-7 a datagram that was not there", "-u -k 5 -l 100 -b 0",
     HEAD "wire results.streams[0].packets = 6\nfinish\n",                                                                "the two ends' numbers disagree"                                                      },
    {"UDP-7 loss",                          "-u -k 5 -l 100 -b 0",
     HEAD "wire results.streams[0].bytes = 400\nwire results.streams[0].errors = 1\nfinish\n",
     "more loss than --max-loss allows"                                                                                                                                                                         },
    {"RES-22 a stream that nobody has",     "-k 3 -l 1000",
     HEAD "wire results.streams[0].id = 7\nfinish\n",                                                                     "the server breaks RES-22"                                                            },
    {"ERR-1 an error",                      "-t 100 -b 8K -l 100",
     HEAD
     "advance TEST_RUNNING\nsend server-error IESTREAMWRITE errno 32\nhalf-close\nexpect end\n",                          "in RUN: the server says: unable to write to stream socket: Broken pipe (ST-CLI-10.a)"},
};

static void check(const struct row *row, uint64_t n)
{
    const char *const scripts[] = {row->script, NULL};
    struct load_result r;

    load(scripts, row->mode, n, &r);
    const char *cause = r.n_causes > 0 ? r.causes[0].text : "";
    if (r.good != (row->cause ? 0 : n) || r.failed != (row->cause ? n : 0) ||
        strcmp(cause, row->cause ? row->cause : "") != 0)
        fail_msg("%s: %u good, %u failed, '%s' %s", row->name, (unsigned)r.good, (unsigned)r.failed,
                 cause, r.n_causes ? text_string(&r.causes[0].detail) : "");
    load_result_fini(&r);
}

static void test_load_run_judges_each_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i], 2);
}

/* A second each. */
static const struct row omit_rows[] = {
    {"OMIT-1 what comes in it counts no more", "-O 1 -t 1 -b 80K -l 1000",      HEAD "finish\n", NULL},
    {"OMIT-4 -k begins behind it",             "-O 1 -k 3 -l 1000 -b 80K",      HEAD "finish\n", NULL},
    {"UDP-7 datagrams",                        "-u -O 1 -k 3 -l 100 -b 80K",    HEAD "finish\n", NULL},
    {"UDP-7 datagrams in reverse",             "-u -R -O 1 -t 1 -l 100 -b 80K", HEAD "finish\n", NULL},
    {"RES-17 nothing was omitted",             "-u -O 1 -k 3 -l 100 -b 80K",
     HEAD "wire results.streams[0].omitted_packets = 0\nfinish\n",
     "the two ends' numbers disagree"                                                                },
};

static void test_load_run_omits_the_start(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(omit_rows); i++)
        check(&omit_rows[i], 1);
}

static void test_load_run_tries_again_where_the_server_is_busy_or_away(void **state)
{
    static const char *const scripts[] = {HEAD "send state ACCESS_DENIED\nhalf-close\nexpect end\n",
                                          HEAD "half-close\nexpect end\n", HEAD "finish\n", NULL};
    struct load_result r;

    (void)state;
    load(scripts, "-k 3 -l 1000", 3, &r);
    assert_int_equal(r.good, 3);
    assert_int_equal(r.busy, 1);
    assert_int_equal(r.away, 1);
    load_result_fini(&r);
}

/* So many that, each waiting for its own limit, they would take all day. */
static void test_load_run_stops_where_nobody_answers(void **state)
{
    struct load_request request = {
        .host = "127.0.0.1",
        .n_tests = 1000000,
        .at_once = 2,
        .limit_s = 0.1,
        .patience_s = 0.15,
    };
    struct sim_listener mute;
    struct load_result r = {0};
    struct text why = {0};

    (void)state;
    assert_true(sim_listen(&mute, "127.0.0.1", 0)); /* nobody accepts */
    request.port = mute.port;
    assert_true(load_modes_add(&request.modes, "-k 1"));
    assert_true(load_run(&request, &r, &why));
    assert_string_equal(text_string(&r.trouble), "the server does not answer");
    assert_true(r.good == 0 && r.failed > 0 && r.failed + r.unplayed == request.n_tests);
    assert_int_equal(load_exit_status(&request, &r), 1);
    load_result_fini(&r);
    load_modes_fini(&request.modes);
    sim_listener_close(&mute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_modes_pick_gives_each_its_weight),
        cmocka_unit_test(test_load_modes_add_refuses_what_no_client_of_a_load_does),
        cmocka_unit_test(test_load_modes_read_takes_a_mode_from_each_line),
        cmocka_unit_test(test_load_modes_read_tells_what_it_cannot_read),
        cmocka_unit_test(test_load_modes_add_needs_a_key_that_suits_the_user),
        cmocka_unit_test(test_load_times_at_is_the_nearest_rank),
        cmocka_unit_test(test_load_run_judges_each_result),
        cmocka_unit_test(test_load_run_omits_the_start),
        cmocka_unit_test(test_load_run_tries_again_where_the_server_is_busy_or_away),
        cmocka_unit_test(test_load_run_stops_where_nobody_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
