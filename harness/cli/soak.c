/* soak.c - iperfspec test --soak: told while it lasts, and at the end. */
#include "harness/cli/soak.h"

#include "harness/report/report.h"
#include "impl/wire/jwrite.h"

#include <errno.h>
#include <string.h>

static void tell(void *context, const struct soak *k)
{
    FILE *out = context;

    fprintf(out, "%llu:%02llu:%02llu  %u sessions", (unsigned long long)k->seconds / 3600,
            (unsigned long long)k->seconds / 60 % 60, (unsigned long long)k->seconds % 60,
            k->sessions);
    fprintf(
        out, "  memory %.0f KiB  descriptors %.0f  threads %.0f  processes %.0f  service %.2f ms\n",
        k->series[SOAK_MEMORY].last / 1024, k->series[SOAK_DESCRIPTORS].last,
        k->series[SOAK_THREADS].last, k->series[SOAK_PROCESSES].last, k->series[SOAK_SERVICE].last);
    fflush(out);
}

static void print(FILE *out, const struct soak *k)
{
    fprintf(out, "\n%-12s %12s %12s %14s  %s\n", "", "first", "last", "each session",
            "99 % of what that may be");
    for (int q = 0; q < SOAK_N_QUANTITIES; q++) {
        int digits = q == SOAK_SERVICE ? 2 : 0; /* the others are counted */
        fprintf(out, "%-12s %12.*f %12.*f %14.4g  %.4g to %.4g %s%s\n",
                soak_word((enum soak_quantity)q), digits, k->series[q].first, digits,
                k->series[q].last, k->slopes[q].per_session, k->slopes[q].low, k->slopes[q].high,
                soak_unit((enum soak_quantity)q), k->grows[q] ? "  GROWS" : "");
    }
}

static void print_good_end(FILE *out, const struct soak *k)
{
    bool any = false;

    for (int q = 0; q < SOAK_N_QUANTITIES; q++) {
        if (k->may_grow[q])
            fprintf(out, "%s %s", any ? "," : "cannot tell yet:", soak_word((enum soak_quantity)q));
        any |= k->may_grow[q];
    }
    fputs(any ? " may grow, for all that this run shows; a longer one tells. The process served to "
                "the end\n"
              : "steady: nothing grows for certain, and the process served to the end\n",
          out);
}

static bool write_json(const char *path, const struct suite *suite, const struct soak *k,
                       int status, const struct text *why)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_PRETTY);
    jwrite_object(&w, NULL);
    jwrite_int(&w, "schema", 1);
    report_put_subject(&w, suite);
    jwrite_int(&w, "exit", status);
    jwrite_string(&w, "exit_reason", text_string(why));
    jwrite_object(&w, "soak");
    jwrite_uint(&w, "seconds", k->seconds);
    jwrite_uint(&w, "seed", suite->seed);
    jwrite_uint(&w, "sessions", k->sessions);
    jwrite_uint(&w, "correct", k->correct);
    jwrite_uint(&w, "restarts", k->restarts);
    jwrite_string(&w, "culprit", k->culprit);
    for (int q = 0; q < SOAK_N_QUANTITIES; q++) {
        jwrite_object(&w, soak_word((enum soak_quantity)q));
        jwrite_string(&w, "unit", soak_unit((enum soak_quantity)q));
        jwrite_double(&w, "first", k->series[q].first);
        jwrite_double(&w, "last", k->series[q].last);
        jwrite_double(&w, "per_session", k->slopes[q].per_session);
        jwrite_double(&w, "low", k->slopes[q].low);
        jwrite_double(&w, "high", k->slopes[q].high);
        jwrite_bool(&w, "grows", k->grows[q]);
        jwrite_end(&w);
    }
    jwrite_end(&w);
    jwrite_end(&w);
    bool ok = report_put_file(path, &w);
    jwrite_fini(&w);
    return ok;
}

int cli_soak(struct suite *suite, double seconds, const char *json, FILE *out)
{
    static struct soak k; /* 130 KB */
    struct text why = {0};

    fprintf(out, "soak     --seed %llu\n", (unsigned long long)suite->seed);
    fflush(out);
    if (!soak_run(suite, (struct soak_limits){.seconds = seconds}, &k, tell, out, &why)) {
        fprintf(stderr, "iperfspec test --soak: %s\n", text_string(&why));
        text_fini(&why);
        return CLI_TROUBLE;
    }
    int status = soak_exit_status(&k, &why);
    print(out, &k);
    fprintf(out, "%u sessions in %llu s, %u of them correct, on one process\n", k.sessions,
            (unsigned long long)k.seconds, k.correct);
    if (status)
        fprintf(out, "exit %d: %s\n", status, text_string(&why));
    else
        print_good_end(out, &k);
    if (json && !write_json(json, suite, &k, status, &why)) {
        fprintf(stderr, "iperfspec: %s: %s\n", json, strerror(errno));
        status = CLI_TROUBLE;
    }
    text_fini(&why);
    return status;
}
