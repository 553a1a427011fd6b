#include "harness/cli/base.h"

#include "harness/report/report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { BISECT_GOOD = 0, BISECT_BAD = 1, BISECT_SKIP = 125, BISECT_ABORT = 128 };

/* How it is started. */
static const char *name_of(const struct subject_build *b)
{
    return b->path[0] ? b->path : b->server_cmd[0] ? b->server_cmd : b->client_cmd;
}

static int complain(const struct subject_build *b, struct text *own, struct text *why)
{
    text_addf(why, "--base %s: %s", name_of(b), text_string(own));
    text_fini(own);
    return CLI_TROUBLE;
}

/* The same settings, another program. A failure that the base is known for need not be played
 * twice, and one that it is known for at times is its own, whether it shows today or not. */
static int prepare(struct suite *base, const struct subject_build *program, const char *profile,
                   const struct cli_choice *choice, const struct suite *build, struct text *trouble)
{
    struct subject_build *b = &base->settings.build;
    struct script_error error;
    struct text why = {0};
    char own[1200], dir[1300];
    bool is_whole;

    base->settings = build->settings;
    base->demands.strict_asbuilt = build->demands.strict_asbuilt;
    base->is_shuffled = build->is_shuffled;
    base->seed = build->seed;
    *b = *program;
    memcpy(b->env, build->settings.build.env, sizeof b->env);
    memcpy(b->wrap, build->settings.build.wrap, sizeof b->wrap);
    if (strchr(b->path, '/') && access(b->path, X_OK) != 0) {
        text_adds(&why, strerror(errno));
        return complain(b, &why, trouble);
    }
    if (!subject_identify(b, base->settings.limit_ns, &why) ||
        !suite_choose_profile(b, b->path[0] ? NULL : profile, &base->profile, &why))
        return complain(b, &why, trouble);
    if (suite_default_cases(own, sizeof own)) {
        snprintf(dir, sizeof dir, "%s/expect", own);
        suite_expectations_read(&base->expectations, dir, b, &error);
    }
    return cli_find(choice, &base->cases, NULL, &is_whole);
}

int base_run(struct suite *base, const struct subject_build *program, const char *profile,
             const struct cli_choice *choice, struct suite *build, FILE *out, struct text *trouble)
{
    struct text why = {0};
    int status = prepare(base, program, profile, choice, build, trouble);

    if (status != CLI_OK)
        return status;
    if (suite_probe(&base->settings, &base->cases, &why) < SUITE_REFUSES)
        return complain(program, &why, trouble);
    fputs("base     ", out);
    report_name(&base->settings.build, out);
    fprintf(out, "  %s: %zu case%s\n", name_of(program), base->cases.n, text_plural(base->cases.n));
    fflush(out);
    if (!suite_run(base)) {
        text_adds(&why, "not all cases could be played: no worker process");
        return complain(program, &why, trouble);
    }
    gate_expect(base, build);
    return CLI_OK;
}

static int bisect_status(int status, bool was_sure)
{
    switch (status) {
    case CLI_OK:
        return was_sure ? BISECT_GOOD : BISECT_SKIP;
    case CLI_UNEXPECTED:
        return was_sure ? BISECT_BAD : BISECT_SKIP;
    case CLI_USAGE:
        return BISECT_ABORT;
    default:
        return BISECT_SKIP;
    }
}

int base_bisect_status(int status, bool was_sure, FILE *out)
{
    int bisect = bisect_status(status, was_sure);

    if (bisect != BISECT_ABORT)
        fprintf(out, "bisect %d: %s\n", bisect,
                bisect == BISECT_GOOD  ? "good"
                : bisect == BISECT_BAD ? "bad"
                                       : "cannot tell");
    return bisect;
}
