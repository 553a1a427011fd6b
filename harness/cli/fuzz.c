/* fuzz.c - iperfspec fuzz: sessions that nobody wrote, against a running build. */
#include "harness/cli/cli.h"

#include "harness/fuzz/corpus.h"
#include "harness/fuzz/fuzz.h"
#include "harness/fuzz/journal.h"
#include "harness/fuzz/seeds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_JOBS   64
#define MINIMISE_S 120

static const char usage[] =
    "usage: iperfspec fuzz --build PATH [OPTIONS]\n"
    "       iperfspec fuzz --server-cmd 'CMD {port}' --client-cmd 'CMD {host} {port}' [OPTIONS]\n"
    "       iperfspec fuzz --server HOST:PORT [OPTIONS]\n"
    "Make sessions out of others, message by message, play them against a build, and watch it:\n"
    "crash, report of a sanitizer, hang, processor use, growth, no service to the next client, "
    "and\n"
    "what the protocol forbids. What shows again against a new process is a finding: it is made\n"
    "small and written as a script that `iperfspec test --cases FILE` plays.\n"
    "  --build, --server-cmd, --client-cmd, --server, --env, --wrap  as of `iperfspec test`\n"
    "  --role ROLE        judge it as `server`, as `client`, or as `both` (default: what there "
    "is)\n"
    "  --time T           for so long: 90, 90s, 10m, 2h (default 10m)\n"
    "  --runs N           at most so many sessions\n"
    "  --seed S           of the random numbers (default: a new one, which is printed)\n"
    "  --jobs N           at the same time (default 1)\n"
    "  --blind            what sessions show has no influence on the next: with --jobs 1 and the\n"
    "                     same seed the same sessions\n"
    "  --corpus DIR       sessions to begin with, scripts in the raw form; new ones are added\n"
    "                     (default: `corpus` in the folder of findings)\n"
    "  --findings DIR     journal, findings, README.md (default `fuzz-findings`)\n"
    "  --resume           go on with that folder\n"
    "  --stop-at-first    finding\n"
    "  --minimise-time T  at most so long to make a finding small (default 2m)\n"
    "  --rerun N          print session N of the folder's journal and play it again\n"
    "  --timeout-scale X  longer deadlines (default 1)\n"
    "  --share-network    no network namespaces\n"
    "example: iperfspec fuzz --build build/stock/3.12/iperf3 --role server --time 1m --seed 1\n"
    "exit:    0 nothing found   1 findings   2 bad usage   3 trouble   130 interrupted: all that "
    "is\n"
    "         known is on disk, see --resume\n";

struct request {
    struct fuzz_settings fuzz;
    struct debt *debts; /* ours to free */
    const char *role;
    bool has_seed, reruns, has_limit;
    uint64_t run;
};

/* --- values ---------------------------------------------------------------------------------- */

/* "90", "90s", "10m", "2h" in seconds. */
static bool take_time(const char *text, double *seconds)
{
    char *end;

    *seconds = strtod(text, &end);
    double unit = strcmp(end, "") == 0 || strcmp(end, "s") == 0 ? 1
                  : strcmp(end, "m") == 0                       ? 60
                  : strcmp(end, "h") == 0                       ? 3600
                                                                : 0;
    *seconds *= unit;
    return end != text && *seconds > 0;
}

static bool take_number(const char *text, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

static bool take_jobs(const char *text, unsigned *jobs)
{
    uint64_t n;

    if (!take_number(text, &n) || n == 0 || n > MAX_JOBS)
        return false;
    *jobs = (unsigned)n;
    return true;
}

static bool copy_text(char *to, size_t cap, const char *value)
{
    return (size_t)snprintf(to, cap, "%s", value) < cap;
}

static bool take(struct request *r, int o, const char *value)
{
    struct fuzz_settings *f = &r->fuzz;
    struct subject_build *b = &f->suite.build;

    switch (o) {
    case 'b':
        return copy_text(b->path, sizeof b->path, value);
    case 'S':
        return copy_text(b->server_cmd, sizeof b->server_cmd, value);
    case 'C':
        return copy_text(b->client_cmd, sizeof b->client_cmd, value);
    case 'w':
        return copy_text(b->wrap, sizeof b->wrap, value);
    case 'E':
        return subject_add_env(b, value);
    case 'R':
        f->suite.remote = value;
        return cli_is_place(value);
    case 'r':
        r->role = value;
        return strcmp(value, "server") == 0 || strcmp(value, "client") == 0 ||
               strcmp(value, "both") == 0;
    case 't':
        r->has_limit = true;
        return take_time(value, &f->seconds);
    case 'n':
        r->has_limit = true;
        return take_number(value, &f->runs);
    case 's':
        r->has_seed = true;
        return take_number(value, &f->seed);
    case 'j':
        return take_jobs(value, &f->jobs);
    case 'B':
        f->is_blind = true;
        return true;
    case 'c':
        f->corpus = value;
        return true;
    case 'f':
        f->findings = value;
        return true;
    case 'e':
        f->resumes = true;
        return true;
    case '1':
        f->stops_at_first = true;
        return true;
    case 'm':
        return take_time(value, &f->minimise_s);
    case 'N':
        r->reruns = true;
        return take_number(value, &r->run);
    case 'x':
        return cli_number(value, 0.1, 1000, &f->suite.timeout_scale);
    case 'W':
        f->suite.share_network = true;
        return true;
    default:
        return false;
    }
}

/* --- before the first session ---------------------------------------------------------------- */

static int complain(struct text *why, int status)
{
    fprintf(stderr, "iperfspec fuzz: %s\n", text_string(why));
    text_fini(why);
    return status;
}

/* Which roles there are to judge, and which of them are asked for. */
static bool choose_roles(struct request *r, struct text *why)
{
    struct fuzz_settings *f = &r->fuzz;
    const struct subject_build *b = &f->suite.build;
    bool has_server = b->path[0] || b->server_cmd[0] || f->suite.remote;
    bool has_client = b->path[0] || b->client_cmd[0];
    bool wants_server = !r->role || strcmp(r->role, "client") != 0;
    bool wants_client = !r->role || strcmp(r->role, "server") != 0;

    f->servers = has_server && wants_server;
    f->clients = has_client && wants_client;
    if (!has_server && !has_client)
        text_adds(why, "nothing to fuzz: --build, --server-cmd, --client-cmd or --server");
    else if (r->role && ((wants_server && !has_server) || (wants_client && !has_client)))
        text_addf(why, "--role %s: there is no command for it", r->role);
    else if (f->suite.remote && (b->path[0] || b->server_cmd[0]))
        text_adds(why, "--server is the server to fuzz: no --build or --server-cmd with it");
    return why->len == 0;
}

/* The folder of findings: new, or gone on with. */
static bool open_folder(const struct request *r, struct text *why)
{
    const char *dir = r->fuzz.findings;
    char journal[1200];

    snprintf(journal, sizeof journal, "%s/journal-0", dir);
    bool is_used = access(journal, F_OK) == 0; /* worker 0 there is always */
    if (r->reruns && !is_used)
        text_addf(why, "%s: there is no journal", dir);
    else if (!r->reruns && is_used && !r->fuzz.resumes)
        text_addf(why, "%s holds an earlier run: --resume to go on with it, or another --findings",
                  dir);
    else if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        text_addf(why, "%s: %s", dir, strerror(errno));
    else if (!r->reruns && !journal_claim(dir))
        text_addf(why, "%s: %s", dir,
                  errno == EAGAIN ? "another run is at work in it" : strerror(errno));
    return why->len == 0;
}

/* What of the user's corpus is of no use. */
static void tell_left_out(const char *dir)
{
    struct text lines = {0};

    corpus_left_out(dir, &lines);
    text_make_plain(&lines);
    fputs(text_string(&lines), stderr);
    text_fini(&lines);
}

/* Whether it is an iperf3 at all, asked with the seeds of its roles. */
static bool probe(const struct fuzz_settings *f, struct text *why)
{
    struct script_list list = {0};
    struct script_error error;
    struct text script = {0};

    for (size_t i = 0; fuzz_seed(i, &script); i++) {
        bool is_client = strstr(text_string(&script), "\nsubject ") != NULL;
        if (is_client ? f->clients : f->servers)
            script_read(&list, "seed", text_string(&script), &error);
        text_fini(&script);
    }
    bool ok = suite_probe(&f->suite, &list, why) >= SUITE_REFUSES;
    script_list_fini(&list);
    return ok;
}

static int run(struct request *r)
{
    struct fuzz_settings *f = &r->fuzz;
    struct text why = {0}, note = {0};

    if (!choose_roles(r, &why) || !open_folder(r, &why))
        return complain(&why, CLI_USAGE);
    bool ok = suite_has_descriptors(&why) && suite_has_temporary(&why) &&
              subject_identify(&f->suite.build, 0, &why) &&
              suite_choose_profile(&f->suite.build, NULL, &note, &why);
    text_fini(&note);
    if (!ok)
        return complain(&why, CLI_TROUBLE);
    if (f->resumes) {
        f->n_journals = journal_count(f->findings, &f->first);
        f->n_debts = journal_debts(f->findings, &r->debts);
        f->debts = r->debts;
    }
    if (r->reruns) {
        subject_adopt_orphans();
        return fuzz_rerun(f, r->run);
    }
    if (!probe(f, &why))
        return complain(&why, CLI_TROUBLE);
    /* What AddressSanitizer keeps of freed memory, 256 MiB, looks like a leak of each session. */
    setenv("ASAN_OPTIONS", "quarantine_size_mb=1", 0);
    if (f->corpus)
        tell_left_out(f->corpus);
    printf("seed %llu\n", (unsigned long long)f->seed);
    return fuzz_run(f);
}

int cli_fuzz(int argc, char **argv)
{
    static const struct option options[] = {
        {"build",            required_argument, NULL, 'b'},
        {"server-cmd",              required_argument, NULL, 'S'},
        {"client-cmd",                  required_argument, NULL, 'C'},
        {"server",required_argument, NULL, 'R'},
        {"env",               required_argument, NULL, 'E'},
        {"wrap",       required_argument, NULL, 'w'},
        {"role",              required_argument, NULL, 'r'},
        {"time",                  required_argument, NULL, 't'},
        {"runs",              required_argument, NULL, 'n'},
        {"seed",               required_argument, NULL, 's'},
        {"jobs",              required_argument, NULL, 'j'},
        {"blind",              no_argument, NULL, 'B'},
        {"corpus",                  required_argument, NULL, 'c'},
        {"findings",required_argument, NULL, 'f'},
        {"resume",               no_argument, NULL, 'e'},
        {"stop-at-first",             no_argument, NULL, '1'},
        {"minimise-time",              required_argument, NULL, 'm'},
        {"rerun",                  required_argument, NULL, 'N'},
        {"timeout-scale",required_argument, NULL, 'x'},
        {"share-network",               no_argument, NULL, 'W'},
        {"help",             no_argument, NULL, 'h'},
        {0             },
    };
    struct request r = {
        .fuzz = {.suite = {.timeout_scale = 1, .jobs = 1},
                 .jobs = 1,
                 .runs = UINT64_MAX,
                 .minimise_s = MINIMISE_S,
                 .findings = "fuzz-findings"}
    };
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (!take(&r, o, optarg))
            return cli_refuse(argv[0], options, o, usage);
    }
    if (optind != argc)
        return cli_usage(usage);
    if (!r.has_limit)
        r.fuzz.seconds = 600;
    if (!r.has_seed)
        r.fuzz.seed = (uint64_t)time(NULL) * 1000003u ^ (uint64_t)getpid();
    int status = run(&r);
    free(r.debts);
    return status;
}
