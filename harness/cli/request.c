/* request.c - the command line of `iperfspec test`: a table of options, and defaults. */
#include "harness/cli/request.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DETAILS  20 /* failures that are shown in full */
#define MAX_JOBS 64

static const char usage[] =
    "usage: iperfspec test --build PATH [OPTIONS]\n"
    "       iperfspec test --server-cmd 'CMD {port}' --client-cmd 'CMD {host} {port}' [OPTIONS]\n"
    "       iperfspec test --server HOST:PORT [OPTIONS]\n"
    "Start an iperf3-compatible build as server and as client, play cases against it, judge it.\n"
    "What is judged:\n"
    "  --build PATH       a program with iperf3's own options, both roles\n"
    "  --server-cmd CMD   a line for sh that starts a server; {port} is replaced, and {options} "
    "by\n"
    "                     those of the case (without it they go behind the line)\n"
    "  --client-cmd CMD   the same of a client; {host} is replaced too\n"
    "  --server HOST:PORT  a server that runs elsewhere; cases that need its process are skipped\n"
    "  --listen ADDR:PORT  clients that a person starts, on a phone or a router: says how\n"
    "Commands that start it on another machine, such as\n"
    "--server-cmd 'ssh dut \"iperf3 -s -p {port}; exit $?\"' (a shell there tells of a crash):\n"
    "  --dut-addr ADDR    where its servers are to be reached\n"
    "  --harness-addr ADDR  our address there, which is {host} for its clients\n"
    "  --port-range A-B   ports that may be used, in turn\n"
    "  --stop-cmd CMD     run when a case is over, such as 'ssh dut pkill iperf3'; {port} is "
    "replaced\n"
    "  --version-cmd CMD  prints what --version and --help print there; without the help a server "
    "is\n"
    "                     asked by short sessions for what it has built in\n"
    "  --env NAME=VALUE   for its environment (again for more)\n"
    "  --wrap 'CMD {}'    run it below another program, such as\n"
    "                     'valgrind -q --trace-children=yes {}'\n"
    "  --profile P        what it is, in place of what --version and INFO say:\n"
    "                     NAME/VERSION[@VENDOR] such as iperf/3.12@deb12u2, or any\n"
    "Which cases:\n" CLI_CHOICE_HELP "How they are played:\n"
    "  --jobs N           cases at the same time (default 4 per CPU; 1 with --server); above 1\n"
    "                     those that wait go on beside them\n"
    "  --fail-fast        stop at the first verdict that is not expected; slow cases come last\n"
    "  --repeat N         play each case N times; a verdict that changes is flaky\n"
    "  --until-fail       repeat until a case counts against the build, or --limit\n"
    "  --budget TIME      end then, such as 60s, with no case begun that is not expected to be\n"
    "                     over; those come first that are worth most (docs/judging.md)\n"
    "  --limit TIME       end everything then, such as 10m; what has no verdict is trouble\n"
    "  --shuffle          in an order of --seed\n"
    "  --timeout-scale X  longer deadlines (default 1)\n"
    "  --segment HOW      cut what is sent otherwise, whole being the default: bytes, random (see\n"
    "                     --seed) or coalesced; the verdicts should be the same\n"
    "  --share-network    no network namespaces\n"
    "  --no-probe         even if it completes no correct session\n"
    "  --soak TIME        correct and faulty sessions on one server process for so long, such as "
    "8h,\n"
    "                     and whether memory, descriptors, threads or service time grow\n"
    "  --persistent       then play all server cases against one process, in an order of its own;\n"
    "                     a verdict that differs is a finding, with the fewest cases that show it\n"
    "  --seed N           of that order, of --shuffle and --segment random (default: a new one,\n"
    "                     which is printed)\n"
    "  --in-order         with --persistent: the cases as --case names them, and no other order\n"
    "What is expected:\n"
    "  --base PATH        what that build does: unexpected is only what --build makes worse, each\n"
    "                     time that both play it again (docs/ci.md)\n"
    "  --base-server-cmd CMD\n"
    "  --base-client-cmd CMD\n"
    "  --base-version-cmd CMD  the same of a program that commands start, as above\n"
    "  --bisect           exit for `git bisect run`: 0 good, 1 bad, 125 cannot tell, 128 bad "
    "usage;\n"
    "                     without --base or --expect no failure is a known one\n"
    "  --expect PATH      known verdicts, in place of the program's own (harness/cases/expect): a\n"
    "                     file, or a folder of *.expect files\n"
    "  --update-expectations  write what was seen into that file: sorted, comments kept, stale\n"
    "                     entries out, new ones in with a reason to fill in; exit 0, or 3\n"
    "  --strict-asbuilt   drift is unexpected too\n"
    "  --require LIST     what must be there, such as auth,udp\n"
    "  --max-skip N       at most so many skipped cases\n"
    "What is told:\n"
    "  -q, --quiet        only what was not expected, and the counts\n"
    "  -v, --verbose      on a terminal too a line for each case; there else only what was not\n"
    "                     expected has one, and below them is how far the run is\n"
    "  --details N        show so many failures in full (default 20), the rest on two lines\n"
    "  --keep DIR         leave what failed cases left there: script, output, timeline\n"
    "  --record FILE      what the build does in each state, for `iperfspec compare`\n"
    "  --json FILE        the whole run as JSON (- for stdout), docs/report-schema.md\n"
    "  --tap FILE         the run as Test Anything Protocol\n"
    "  --junit FILE       the run as JUnit XML\n"
    "  --sarif FILE       the findings as SARIF 2.1.0\n"
    "  --markdown FILE    a summary in Markdown\n"
    "  --html DIR         a folder of pages that opens from disk; without --keep what failed "
    "cases\n"
    "                     left is in DIR/kept\n"
    "  --github           annotations for GitHub Actions, and the step summary\n"
    "A verdict that is not expected is played once more, alone; one that changes is flaky, which\n"
    "counts as unexpected unless an expectation names it as `fail?`, at times.\n"
    "example: iperfspec test --build build/stock/3.18/iperf3 --clause CLOSE-10\n"
    "exit:    0 all as expected\n"
    "         1 unexpected, flaky or unexpectedly passing cases, stale expectations, verdicts\n"
    "           that depend on earlier cases, more skips or less capabilities than asked for\n"
    "         2 bad usage, a case or expectation file with a mistake\n"
    "         3 harness trouble: cases not judged, or all of them skipped, more than 2 % of\n"
    "           connects repeated, a subject that cannot be started, a file that cannot be\n"
    "           written\n";

enum kind { FLAG, POINTER, NUMBER, DURATION, PATH };

#define ROW(name, kind, member, min, max, again)                                                   \
    {                                                                                              \
        name, kind, offsetof(struct test_request, member), min, max, again                         \
    }
static const struct row {
    const char *name;
    enum kind kind;
    size_t at;
    double min, max; /* NUMBER */
    bool again;      /* part of a command line that plays a case again */
} rows[] = {
    ROW("build", PATH, suite.settings.build.path, 0, 0, true),
    ROW("server-cmd", PATH, suite.settings.build.server_cmd, 0, 0, true),
    ROW("client-cmd", PATH, suite.settings.build.client_cmd, 0, 0, true),
    ROW("wrap", PATH, suite.settings.build.wrap, 0, 0, true),
    ROW("server", POINTER, suite.settings.remote, 0, 0, true),
    ROW("listen", POINTER, suite.settings.far.listen, 0, 0, true),
    ROW("dut-addr", POINTER, suite.settings.far.dut, 0, 0, true),
    ROW("harness-addr", POINTER, suite.settings.far.harness, 0, 0, true),
    ROW("port-range", POINTER, ports, 0, 0, true),
    ROW("stop-cmd", POINTER, suite.settings.far.stop_cmd, 0, 0, true),
    ROW("version-cmd", PATH, suite.settings.build.version_cmd, 0, 0, true),
    ROW("keep", POINTER, suite.settings.keep, 0, 0, false),
    ROW("profile", POINTER, profile, 0, 0, true),
    ROW("expect", POINTER, expect, 0, 0, true),
    ROW("base", PATH, base.path, 0, 0, true),
    ROW("base-server-cmd", PATH, base.server_cmd, 0, 0, true),
    ROW("base-client-cmd", PATH, base.client_cmd, 0, 0, true),
    ROW("base-version-cmd", PATH, base.version_cmd, 0, 0, true),
    ROW("require", POINTER, required, 0, 0, false),
    ROW("json", POINTER, tell.json, 0, 0, false),
    ROW("tap", POINTER, tell.files[0], 0, 0, false),
    ROW("junit", POINTER, tell.files[1], 0, 0, false),
    ROW("sarif", POINTER, tell.files[2], 0, 0, false),
    ROW("markdown", POINTER, tell.files[3], 0, 0, false),
    ROW("html", POINTER, tell.html, 0, 0, false),
    ROW("github", FLAG, tell.github, 0, 0, false),
    ROW("segment", POINTER, segment, 0, 0, true),
    ROW("record", POINTER, record, 0, 0, false),
    ROW("jobs", NUMBER, jobs, 1, MAX_JOBS, false),
    ROW("max-skip", NUMBER, max_skip, 0, 1e6, false),
    ROW("seed", NUMBER, seed, 0, UINT_MAX, false),
    ROW("details", NUMBER, details, 0, 1e6, false),
    ROW("repeat", NUMBER, rounds, 1, 1e6, false),
    ROW("budget", DURATION, budget_s, 0, 0, false),
    ROW("limit", DURATION, limit_s, 0, 0, false),
    ROW("soak", DURATION, soak_s, 0, 0, false),
    ROW("timeout-scale", NUMBER, suite.settings.timeout_scale, 0.1, 1000, true),
    ROW("share-network", FLAG, suite.settings.share_network, 0, 0, true),
    ROW("strict-asbuilt", FLAG, suite.demands.strict_asbuilt, 0, 0, true),
    ROW("update-expectations", FLAG, suite.demands.accepts_all, 0, 0, false),
    ROW("in-order", FLAG, suite.in_order, 0, 0, false),
    ROW("fail-fast", FLAG, suite.demands.fail_fast, 0, 0, false),
    ROW("until-fail", FLAG, suite.demands.until_fail, 0, 0, false),
    ROW("bisect", FLAG, bisect, 0, 0, false),
    ROW("shuffle", FLAG, suite.is_shuffled, 0, 0, false),
    ROW("persistent", FLAG, persistent, 0, 0, false),
    ROW("no-probe", FLAG, no_probe, 0, 0, true),
};
#define FIRST_ROW 256 /* the rows' numbers among the options; letters are below */

static const struct option *options(void)
{
    static const struct option others[] = {
        CLI_CHOICE_OPTIONS,
        {"env",        required_argument, NULL, 'E'},
        {"quiet",        no_argument, NULL, 'q'},
        {"verbose",            no_argument, NULL, 'v'},
        {"help",no_argument, NULL, 'h'},
        {0        }
    };
    static struct option all[ARRAY_LEN(rows) + ARRAY_LEN(others)];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        all[i] =
            (struct option){rows[i].name, rows[i].kind == FLAG ? no_argument : required_argument,
                            NULL, FIRST_ROW + (int)i};
    memcpy(all + ARRAY_LEN(rows), others, sizeof others);
    return all;
}

static void note_word(struct test_request *r, const char *word)
{
    text_adds(&r->again, " ");
    text_add_word(&r->again, word);
    text_add(&r->tell.options, word, strlen(word) + 1);
}

/* For the command line that plays a case again, in what is printed and in what is kept. */
static void note_again(struct test_request *r, const char *name)
{
    char option[32];

    snprintf(option, sizeof option, "--%s", name);
    note_word(r, option);
    if (optarg)
        note_word(r, optarg);
}

static bool take_row(struct test_request *r, const struct row *row)
{
    char *at = (char *)r + row->at;

    if (row->again)
        note_again(r, row->name);
    switch (row->kind) {
    case FLAG:
        *(bool *)(void *)at = true;
        return true;
    case POINTER:
        *(const char **)(void *)at = optarg;
        return true;
    case DURATION:
        return cli_duration(optarg, (double *)(void *)at);
    case PATH:
        return snprintf(at, sizeof r->suite.settings.build.path, "%s", optarg) <
               (int)sizeof r->suite.settings.build.path;
    default:
        return cli_number(optarg, row->min, row->max, (double *)(void *)at);
    }
}

static bool take(struct test_request *r, int o)
{
    if (o >= FIRST_ROW)
        return take_row(r, &rows[o - FIRST_ROW]);
    if (o == 'E') {
        note_again(r, "env");
        return subject_add_env(&r->suite.settings.build, optarg);
    }
    if (o == 'q' || o == 'v')
        return *(o == 'q' ? &r->quiet : &r->verbose) = true;
    if (o == 'd')
        note_again(r, "cases");
    return cli_choice_option(&r->choice, o, optarg);
}

/* Read the command line: CLI_OK, or CLI_USAGE after a message; *help if that is what was asked. */
static int read_options(struct test_request *r, int argc, char **argv, bool *help)
{
    int o;

    while ((o = cli_option(argc, argv, options())) != -1) {
        *help = o == 'h';
        if (*help)
            return CLI_OK;
        if (o == '?' || !take(r, o))
            return cli_refuse(argv[0], options(), o, usage);
    }
    if (optind < argc)
        fprintf(stderr, "iperfspec test: what is '%s' for?\n", argv[optind]);
    /* Cases at the same time would disturb one another on the one server elsewhere. */
    r->suite.settings.jobs =
        r->suite.settings.remote || suite_is_far(&r->suite.settings.far) ? 1 : (unsigned)r->jobs;
    r->suite.seed = r->seed >= 0 ? (uint64_t)r->seed : (uint64_t)time(NULL) % 1000000;
    r->choice.in_order = r->suite.in_order;
    r->suite.demands.rounds = (unsigned)r->rounds;
    r->suite.demands.limits_skips = r->max_skip >= 0;
    r->suite.demands.max_skip = r->max_skip >= 0 ? (unsigned)r->max_skip : 0;
    r->suite.settings.segment_seed = (unsigned)r->suite.seed;
    return optind == argc && request_check(r) ? CLI_OK : CLI_USAGE;
}

/* A case waits most of its time, for the subject or to see it idle: four share a CPU without
 * getting into each other's way. */
static double default_jobs(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return (double)MIN(MAX(cpus, 1) * 4, MAX_JOBS);
}

int request_read(struct test_request *r, int argc, char **argv, bool *help)
{
    *r = (struct test_request){.suite.settings = {.timeout_scale = 1},
                               .jobs = default_jobs(),
                               .max_skip = -1,
                               .details = DETAILS,
                               .seed = -1};
    text_adds(&r->again, "iperfspec test");
    int status = read_options(r, argc, argv, help);
    if (*help)
        fputs(usage, stdout);
    return status;
}

void request_fini(struct test_request *r)
{
    gate_fini(&r->gate);
    suite_fini(&r->beside);
    suite_fini(&r->suite);
    text_fini(&r->again);
    text_fini(&r->tell.options);
    text_fini(&r->kept);
}
