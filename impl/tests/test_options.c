#include "impl/options.h"

#include "impl/tests/alloc.h"
#include "impl/tests/unit.h"

#include <sys/socket.h>

/* What stock 3.22 sends for, or says about, each command line; made by scripts/record-params. */
#define STOCK     "impl/tests/vectors/params-3.22.tsv"
#define STOCK_MSS 32768 /* of the loopback it was recorded on */

#define ARGS_MAX 48

struct outcome {
    int status;
    struct options opt;
    char out[8192], err[1024];
};

/* Parse the words of line behind the program's name. The words must outlive opt: they are copied.
 */
static void parse(struct outcome *o, const char *line)
{
    char name[] = "iperfref", words[512], *argv[ARGS_MAX + 1] = {name}, *save = NULL;
    int argc = 1;
    FILE *out = fmemopen(o->out, sizeof o->out, "w"), *err = fmemopen(o->err, sizeof o->err, "w");

    snprintf(words, sizeof words, "%s", line);
    for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
        if (argc < ARGS_MAX)
            argv[argc++] = w;
    memset(o->out, 0, sizeof o->out);
    memset(o->err, 0, sizeof o->err);
    o->status = options_parse(&o->opt, argc, argv, out, err);
    fclose(out);
    fclose(err);
}

/* --- against stock ------------------------------------------------------------------------------
 */

static void cut(char *text, const char *part)
{
    char *at = strstr(text, part);

    if (at != NULL)
        memmove(at, at + strlen(part), strlen(at + strlen(part)) + 1);
}

/* INT-1: stock sends these although they are off; the version is everyone's own. */
static void cut_what_is_off(char *json)
{
    char *version;

    cut(json, ",\"gso\":0,\"gso_dg_size\":0,\"gso_bf_size\":65507,\"gro\":0,\"gro_bf_size\":65507");
    version = strstr(json, ",\"client_version\"");
    if (version != NULL)
        strcpy(version, "}");
}

static void check_params(const char *words, char *want)
{
    char line[2100], got[2048];
    struct outcome o;
    struct jwrite w;
    struct bytes text;

    snprintf(line, sizeof line, "-c 127.0.0.1 %s", words);
    parse(&o, line);
    if (o.status != -1)
        fail_msg("%s: status %d: %s", words, o.status, o.err);
    options_set_mss(&o.opt, STOCK_MSS);
    jwrite_init(&w, JWRITE_COMPACT);
    params_encode(&o.opt.params, &w);
    assert_int_equal(jwrite_finish(&w, &text), SPEC_OK);
    snprintf(got, sizeof got, "%s", (const char *)text.at);
    cut_what_is_off(got);
    cut_what_is_off(want);
    if (strcmp(got, want) != 0)
        fail_msg("%s:\n got  %s\n want %s", words, got, want);
    jwrite_fini(&w);
    options_fini(&o.opt);
}

static void check_error(const char *words, const char *want)
{
    char line[2100], *said;
    const char *text = strstr(want, "parameter error - ");
    struct outcome o;
    size_t len;

    assert_non_null(text);
    len = strcspn(text, "\n");
    snprintf(line, sizeof line, "-c 127.0.0.1 %s", words);
    parse(&o, line);
    said = strstr(o.err, "parameter error - ");
    if (o.status != 1 || said == NULL || strncmp(said, text, len) != 0 || said[len] != '\n')
        fail_msg("%s: status %d\n got  %s\n want %s", words, o.status, o.err, text);
    options_fini(&o.opt);
}

static void test_options_parse_sends_and_refuses_what_stock_does(void **state)
{
    FILE *file = fopen(STOCK, "r");
    char line[2048];
    unsigned n = 0;

    (void)state;
    if (file == NULL)
        fail_msg("%s: run this from the root of the project", STOCK);
    while (fgets(line, sizeof line, file) != NULL) {
        char *answer = strchr(line, '\t');

        assert_non_null(answer);
        *answer++ = '\0';
        answer[strcspn(answer, "\n")] = '\0';
        answer[0] == '{' ? check_params(line, answer) : check_error(line, answer);
        n++;
    }
    fclose(file);
    assert_true(n > 200);
}

/* --- where we are stricter than stock, which takes these for other values ------------------------
 */

static const struct strict {
    const char *name, *words, *message;
} strict[] = {
    {"PARAM-9 not a number",                        "-t x",                                            "invalid unit value or suffix: 'x'"                  },
    {"PARAM-9 a fraction: stock tests without end", "-t 0.5",
     "invalid unit value or suffix: '0.5'"                                                                                                                  },
    {"PARAM-9 trailing letters",                    "-t 10s",                                          "invalid unit value or suffix: '10s'"                },
    {"PARAM-10 negative",                           "-n -5",                                           "invalid unit value or suffix: '-5'"                 },
    {"PARAM-10 not a number",                       "-n nan",                                          "invalid unit value or suffix: 'nan'"                },
    {"PARAM-10 too large",                          "-n 99999999999G",                                 "invalid unit value or suffix: '99999999999G'"       },
    {"PARAM-12 a suffix that stock drops",          "-M 1K",                                           "invalid unit value or suffix: '1K'"                 },
    {"PARAM-14 trailing letters",                   "-P 3x",                                           "invalid unit value or suffix: '3x'"                 },
    {"PARAM-17 over UDP",                           "-u -m",                                           "--mptcp works with TCP only"                        },
    {"PARAM-20 negative",                           "-b -5",                                           "invalid unit value or suffix: '-5'"                 },
    {"PARAM-32 trailing letters",                   "-S 16x",                                          "bad TOS value (must be between 0 and 255 inclusive)"},
    {"PARAM-8 no CPU",                              "-A 0,x",                                          "unable to set CPU affinity: "                       },
    {"OPT-33 no such file",                         "-F /nonexistent/file",
     "unable to open -F file: No such file or directory"                                                                                                    },
    {"OPT-31 a key that is not there",              "--username u --rsa-public-key-path /nonexistent",
     "you must specify a username, password, and path to a valid RSA public key"                                                                            },
    {"OPT-50 port",                                 "-p 5x",                                           "port number must be between 1 and 65535 inclusive"  },
    {"OPT-40 too many parts",                       "--cntl-ka=40/5/3/1",                              "invalid unit value or suffix: '1'"                  },
};

static void test_options_parse_refuses_what_it_would_misread(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strict); i++) {
        char want[300];

        snprintf(want, sizeof want, "x parameter error - %s", strict[i].message);
        check_error(strict[i].words, want);
    }
}

/* --- roles, help, single members ----------------------------------------------------------------
 */

static const struct said {
    const char *name, *line;
    int status;
    const char *out, *err; /* parts of what is printed */
} said[] = {
    {"no role",                      "",                                                               1,  "",                                   "must either be a client (-c) or server (-s)"},
    {"both roles",                   "-s -c x",                                                        1,  "",                                   "cannot be both server and client"           },
    {"both roles, other order",      "-c x -s",                                                        1,  "",                                   "cannot be both server and client"           },
    {"server with -t",               "-s -t 5",                                                        1,  "",                                   "client only"                                },
    {"server with the client's CPU", "-s -A 0,1",                                                      1,  "",                                   "client only"                                },
    {"server with half of the keys", "-s --rsa-private-key-path /dev/null",                            1,  "",
     "path to a valid RSA private key and a user credential file"                                                                                                                             },
    {"server without its users",     "-s --rsa-private-key-path /dev/null --authorized-users-path /n",
     1,                                                                                                    "",                                   "cannot access authorized users file"        },
    {"unknown long",                 "-s --bogus",                                                     1,  "",                                   "'--bogus'"                                  },
    {"unknown short",                "-s -Y",                                                          1,  "",                                   "invalid option -- 'Y'"                      },
    {"no argument",                  "-s -p",                                                          1,  "",                                   "requires an argument -- 'p'"                },
    {"an argument too much",         "-s --verbose=3",                                                 1,  "",                                   "doesn't allow an argument"                  },
    {"hint",                         "-s -Y",                                                          1,  "",                                   "--help' for more information."              },
    {"a word too much",              "-s word",                                                        -1, "",                                   "'word' is no option"                        },
    {"help",                         "--help",                                                         0,  "-c, --client host[%dev]",            ""                                           },
    {"help names the long ones",     "-h",                                                             0,  "  --json-stream-full-output\n",      ""                                           },
    {"version",                      "-v",                                                             0,  "\nOptional features available: CPU", ""                                           },
};

static void test_options_parse_says_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct outcome o;

        parse(&o, said[i].line);
        if (o.status != said[i].status || strstr(o.out, said[i].out) == NULL ||
            strstr(o.err, said[i].err) == NULL)
            fail_msg("%s: status %d\n%s%s", said[i].name, o.status, o.out, o.err);
        options_fini(&o.opt);
    }
}

static void test_options_parse_server(void **state)
{
    struct outcome o;

    (void)state;
    parse(&o, "-s -p 6000 -1 -D -4 --server-bitrate-limit 10M/2 --server-max-duration 60 "
              "--idle-timeout 7 --time-skew-threshold 3 --max-tests 5 -I pid --transcript t");
    assert_int_equal(o.status, -1);
    assert_true(o.opt.server && o.opt.one_off && o.opt.daemon);
    assert_int_equal(o.opt.port, 6000);
    assert_int_equal(o.opt.family, AF_INET);
    assert_int_equal(o.opt.max_bitrate_bps, 10000000);
    assert_int_equal(o.opt.max_bitrate_window_ns, 2000000000);
    assert_int_equal(o.opt.max_duration_s, 60);
    assert_int_equal(o.opt.idle_timeout_ns, 7000000000);
    assert_int_equal(o.opt.time_skew_s, 3);
    assert_int_equal(o.opt.max_tests, 5);
    assert_string_equal(o.opt.pidfile, "pid");
    assert_string_equal(o.opt.transcript, "t");
    options_fini(&o.opt);
}

static void test_options_parse_defaults(void **state)
{
    struct outcome o;

    (void)state;
    parse(&o, "-s");
    assert_int_equal(o.opt.port, 5201);
    assert_int_equal(o.opt.interval_ns, 1000000000);
    assert_int_equal(o.opt.rcv_timeout_ns, 120000000000);
    assert_int_equal(o.opt.max_bitrate_window_ns, 5000000000);
    assert_int_equal(o.opt.max_tests, OPTIONS_MAX_TESTS);
    assert_int_equal(o.opt.time_skew_s, 10);
    assert_int_equal(o.opt.cpu, -1);
    assert_int_equal(o.opt.format, 'a');
    assert_int_equal(o.opt.output, OPTIONS_TEXT);
    options_fini(&o.opt);
}

static void test_options_parse_client(void **state)
{
    struct outcome o;

    (void)state;
    setenv("IPERF3_PASSWORD", "secret", 1);
    parse(&o, "-c host%eth0 -B fe80::1%eth1 --cport 7 -i 0.5 -A 3 -X a -X b --connect-timeout 50 "
              "-R --rcv-timeout 200 --snd-timeout 9 --cntl-ka=50/5/3 --username u "
              "--rsa-public-key-path /dev/null --use-pkcs1-padding -f M --timestamps --json-stream "
              "-J -d");
    unsetenv("IPERF3_PASSWORD");
    assert_int_equal(o.status, -1);
    assert_string_equal(o.opt.host, "host");
    assert_string_equal(o.opt.bind_dev, "eth0");
    assert_string_equal(o.opt.bind_address, "fe80::1%eth1");
    assert_int_equal(o.opt.client_port, 7);
    assert_int_equal(o.opt.interval_ns, 500000000);
    assert_int_equal(o.opt.cpu, 3);
    assert_string_equal(o.opt.xbind, "a,b");
    assert_int_equal(o.opt.connect_timeout_ns, 50000000);
    assert_int_equal(o.opt.rcv_timeout_ns, 200000000);
    assert_int_equal(o.opt.snd_timeout_ms, 9);
    assert_true(o.opt.keepalive && o.opt.keepalive_idle_s == 50);
    assert_true(o.opt.keepalive_interval_s == 5 && o.opt.keepalive_count == 3);
    assert_string_equal(o.opt.password, "secret");
    assert_true(o.opt.pkcs1);
    assert_int_equal(o.opt.format, 'M');
    assert_string_equal(o.opt.timestamps, "%c ");
    assert_int_equal(o.opt.output, OPTIONS_JSON_STREAM);
    assert_int_equal(o.opt.debug, 4);
    options_fini(&o.opt);
}

/* PARAM-31 */
static void test_options_set_mss_gives_udp_its_length(void **state)
{
    static const struct {
        const char *line;
        int mss;
        int64_t len;
    } rows[] = {
        {"-c x -u",         1448,  1448  },
        {"-c x -u",         0,     1460  },
        {"-c x -u",         65508, 1460  },
        {"-c x -u -l 1000", 1448,  1000  },
        {"-c x -u -l 0",    1448,  1448  },
        {"-c x",            1448,  131072},
        {"-c x --sctp",     1448,  65536 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o;

        parse(&o, rows[i].line);
        options_set_mss(&o.opt, rows[i].mss);
        assert_int_equal(o.opt.params.len, rows[i].len);
        assert_true(params_has(&o.opt.params, PARAM_len));
        options_fini(&o.opt);
    }
}

static void test_options_parse_survives_lack_of_memory(void **state)
{
    (void)state;
    for (unsigned n = 1;; n++) {
        struct outcome o;

        alloc_fail_at(n);
        parse(
            &o,
            "-c host%dev -X a -X b -T title -C cubic --timestamps --logfile x -B y%z -F /dev/null");
        bool failed = alloc_failed();
        alloc_fail_at(0);
        if (!failed) {
            assert_int_equal(o.status, -1);
            options_fini(&o.opt);
            break;
        }
        assert_int_equal(o.status, 1);
        assert_non_null(strstr(o.err, "out of memory"));
        options_fini(&o.opt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_parse_sends_and_refuses_what_stock_does),
        cmocka_unit_test(test_options_parse_refuses_what_it_would_misread),
        cmocka_unit_test(test_options_parse_says_what_is_wrong),
        cmocka_unit_test(test_options_parse_server),
        cmocka_unit_test(test_options_parse_defaults),
        cmocka_unit_test(test_options_parse_client),
        cmocka_unit_test(test_options_set_mss_gives_udp_its_length),
        cmocka_unit_test(test_options_parse_survives_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
