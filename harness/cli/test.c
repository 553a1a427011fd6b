/* test.c - iperfspec test: the conformance run. */
#include "harness/cli/cli.h"

#include "harness/report/report.h"
#include "harness/suite/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: iperfspec test --build PATH [OPTIONS]\n"
    "       iperfspec test --server-cmd 'CMD {port}' --client-cmd 'CMD {host} {port}' [OPTIONS]\n"
    "Start an iperf3-compatible build as server and as client, play cases against it, judge it.\n"
    "  --build PATH       a program with iperf3's own options, both roles\n"
    "  --server-cmd CMD   how to start a server to judge; {port} is replaced\n"
    "  --client-cmd CMD   how to start a client to judge; {host} and {port} are replaced\n"
    "  --profile NAME/VERSION[@VENDOR]  what it is, in place of what --version "
    "says\n" CLI_CHOICE_HELP
    "  --expect FILE      known verdicts, in place of the program's own (harness/cases/expect)\n"
    "  --jobs N           cases at the same time (default 2)\n"
    "  --timeout-scale X  longer deadlines (default 1)\n"
    "  --share-network    no network namespaces\n"
    "  --quiet            only what was not expected, and the summary\n"
    "  --json FILE        the whole run as JSON (- for stdout)\n"
    "example: iperfspec test --build build/stock/3.18/iperf3 --clause CLOSE-10\n"
    "exit:    0 all as expected   1 something unexpected   2 bad usage   3 harness trouble\n";

struct request {
    struct suite suite;
    struct cli_choice choice;
    const char *profile, *json, *expect, *program;
    bool quiet;
};

static bool copy(char *to, size_t cap, const char *from)
{
    return snprintf(to, cap, "%s", from) < (int)cap;
}

static bool take_number(const char *text, double min, double max, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= min && *out <= max;
}

static bool take(struct request *r, int o)
{
    struct suite_settings *s = &r->suite.settings;
    double number;

    switch (o) {
    case 'b':
        return copy(s->build.path, sizeof s->build.path, optarg);
    case 'S':
        return copy(s->build.server_cmd, sizeof s->build.server_cmd, optarg);
    case 'K':
        return copy(s->build.client_cmd, sizeof s->build.client_cmd, optarg);
    case 'p':
        r->profile = optarg;
        return true;
    case 'e':
        r->expect = optarg;
        return true;
    case 'j':
        if (!take_number(optarg, 1, 64, &number))
            return false;
        s->jobs = (unsigned)number;
        return true;
    case 't':
        return take_number(optarg, 0.1, 1000, &s->timeout_scale);
    case 'n':
        s->share_network = true;
        return true;
    case 'q':
        r->quiet = true;
        return true;
    case 'J':
        r->json = optarg;
        return true;
    default:
        return cli_choice_option(&r->choice, o, optarg);
    }
}

static void progress(void *context, const struct suite_result *result)
{
    const struct request *r = context;

    if (r->quiet && result->standing < SUITE_UNEXPECTED)
        return;
    report_case(r->json && strcmp(r->json, "-") == 0 ? stderr : stdout, &r->suite, result,
                r->program, true);
    fflush(stdout);
}

static bool read_expectations(struct request *r)
{
    char own[1200], dir[1300];
    struct script_error error;
    struct text text = {0};
    const struct subject_build *build = &r->suite.settings.build;
    bool ok = true;

    if (r->expect)
        ok = suite_expectations_read(&r->suite.expectations, r->expect, build, &error);
    else if (!r->choice.cases && suite_default_cases(own, sizeof own)) {
        snprintf(dir, sizeof dir, "%s/expect", own);
        ok = suite_expectations_for(&r->suite.expectations, dir, build, &error);
    }
    if (!ok) {
        script_error_format(&error, &text);
        fprintf(stderr, "%s", text_string(&text));
        text_fini(&text);
    }
    return ok;
}

/* A program is found as the shell finds it; a path is one with a slash, so that it can be run
 * again. */
static bool can_execute(const char *path)
{
    if (!strchr(path, '/') || access(path, X_OK) == 0)
        return true;
    fprintf(stderr, "iperfspec: %s: %s\n", path, strerror(errno));
    return false;
}

static int prepare(struct request *r)
{
    struct subject_build *build = &r->suite.settings.build;
    struct text why = {0};
    int status = cli_find(&r->choice, &r->suite.cases, &r->suite.is_whole);

    if (status != CLI_OK)
        return status;
    if (build->path[0] && !can_execute(build->path))
        return CLI_TROUBLE;
    if (!subject_identify(build, r->profile, &why)) {
        fprintf(stderr, "iperfspec: %s\n", text_string(&why));
        text_fini(&why);
        return CLI_TROUBLE;
    }
    return read_expectations(r) ? CLI_OK : CLI_USAGE;
}

static int run(struct request *r)
{
    int status = prepare(r);
    FILE *out = r->json && strcmp(r->json, "-") == 0 ? stderr : stdout;
    struct text why = {0};

    if (status != CLI_OK)
        return status;
    report_head(out, &r->suite);
    fflush(out);
    r->suite.progress = progress;
    r->suite.context = r;
    if (!suite_run(&r->suite)) {
        fputs("iperfspec: not all cases could be played: no worker process\n", stderr);
        return CLI_TROUBLE;
    }
    report_summary(out, &r->suite);
    status = suite_exit_status(&r->suite, &why);
    text_fini(&why);
    if (r->json && !report_json(r->json, &r->suite)) {
        fprintf(stderr, "iperfspec: %s: %s\n", r->json, strerror(errno));
        return CLI_TROUBLE;
    }
    return status;
}

int cli_test(int argc, char **argv)
{
    static const struct option options[] = {
        CLI_CHOICE_OPTIONS,
        {"build",            required_argument, NULL, 'b'},
        {"server-cmd",              required_argument, NULL, 'S'},
        {"client-cmd",                  required_argument, NULL, 'K'},
        {"profile",required_argument, NULL, 'p'},
        {"expect",               required_argument, NULL, 'e'},
        {"jobs",       required_argument, NULL, 'j'},
        {"timeout-scale",              required_argument, NULL, 't'},
        {"share-network",                  no_argument, NULL, 'n'},
        {"quiet",              no_argument, NULL, 'q'},
        {"json",               required_argument, NULL, 'J'},
        {"help",           no_argument, NULL, 'h'},
        {0             }
    };
    struct request r = {
        .suite.settings = {.timeout_scale = 1, .jobs = 2},
          .program = "iperfspec"
    };
    const struct subject_build *build = &r.suite.settings.build;
    int o, status;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (o == '?' || !take(&r, o)) {
            if (o != '?')
                fprintf(stderr, "iperfspec test: bad value '%s'\n", optarg ? optarg : "");
            return cli_usage(usage);
        }
    }
    if (optind < argc || (!build->path[0] && !build->server_cmd[0] && !build->client_cmd[0]))
        return cli_usage(usage);
    status = run(&r);
    suite_fini(&r.suite);
    return status;
}
