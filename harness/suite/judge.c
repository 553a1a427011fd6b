#include "harness/suite/suite.h"

#include <string.h>

const char *suite_verdict_word(enum suite_verdict verdict)
{
    static const char *const words[] = {
#define X(name, word) word,
        SUITE_VERDICTS(X)
#undef X
    };
    return words[verdict];
}

/* What missing this clause means for the build; SUITE_PASS: it makes no claim. */
static enum suite_verdict weight(const struct clause *clause, const struct script *script,
                                 const struct subject_build *build)
{
    if (!clause_binds(clause, !script->plays_server))
        return SUITE_PASS;
    switch (clause->level) {
    case CLAUSE_MUST:
    case CLAUSE_MUST_NOT:
        return SUITE_FAIL;
    case CLAUSE_SHOULD:
    case CLAUSE_SHOULD_NOT:
        return SUITE_WARN;
    case CLAUSE_IS:
        return build->has_version && clause_versions_hold(clause->versions, &build->version)
                   ? SUITE_DRIFT
                   : SUITE_PASS;
    default:
        return SUITE_PASS;
    }
}

/* What anybody should do counts for more than what this build was seen to do. */
static int gravity(enum suite_verdict v)
{
    return v == SUITE_FAIL ? 3 : v == SUITE_WARN ? 2 : v == SUITE_DRIFT ? 1 : 0;
}

/* The gravest of the clauses of that id that says something about this build. */
static void weigh_id(const char *id, const struct script *script, const struct subject_build *build,
                     struct suite_judgement *j)
{
    for (size_t i = 0; i < n_clauses; i++) {
        if (!clause_is_of(&clauses[i], id))
            continue;
        enum suite_verdict v = weight(&clauses[i], script, build);
        if (gravity(v) > gravity(j->verdict)) {
            j->verdict = v;
            j->clause = &clauses[i];
        }
    }
}

/* The step's own clause, or the gravest of the case. */
static void weigh(const struct script *script, const struct suite_run *run,
                  const struct subject_build *build, struct suite_judgement *j)
{
    const char *own = text_string(&run->clause);

    if (*own)
        weigh_id(own, script, build, j);
    for (size_t i = 0; i < script->clauses.n && !*own; i++)
        weigh_id(script->clauses.at[i], script, build, j);
}

/* Crash, hang and the like are causes of their own on every case, whatever its clauses say. INT-3
 * is what they break in the end; CLOSE-14, if the case names it, is the same thing for stock
 * builds. */
static const struct clause *service_clause(const struct script *script,
                                           const struct subject_build *build)
{
    const struct clause *survives = clause_find("CLOSE-14");

    for (size_t i = 0; i < script->clauses.n; i++)
        if (clause_is_of(survives, script->clauses.at[i]) &&
            weight(survives, script, build) != SUITE_PASS)
            return survives;
    return script->plays_server ? NULL : clause_find("INT-3");
}

/* What a case is about that says something about this build: where a crash is, that tells more than
 * the rule that forbids any. */
static const struct clause *clause_about(const struct script *script,
                                         const struct subject_build *build)
{
    const struct clause *survives = clause_find("INT-3"), *first = NULL;

    for (size_t i = 0; i < script->clauses.n; i++)
        for (size_t k = 0; k < n_clauses; k++) {
            if (!clause_is_of(&clauses[k], script->clauses.at[i]) || &clauses[k] == survives ||
                weight(&clauses[k], script, build) == SUITE_PASS)
                continue;
            if (strcmp(clauses[k].visible, "process") == 0)
                return &clauses[k]; /* what becomes of the process is its very subject */
            first = first ? first : &clauses[k];
        }
    return first;
}

/* Of a server that hangs INT-3 says all; of a client no clause does, but those of the case. */
static bool is_about_the_case(const struct script *script, enum sim_cause cause)
{
    return cause == SIM_CRASH || cause == SIM_SANITIZER ||
           (cause == SIM_HANG && script->plays_server);
}

struct suite_judgement suite_judge(const struct script *script, const struct suite_run *run,
                                   const struct subject_build *build)
{
    struct suite_judgement j = {.verdict = SUITE_PASS, .cause = run->cause};

    switch (run->cause) {
    case SIM_OK:
        break;
    case SIM_TROUBLE:
        j.verdict = SUITE_ERROR;
        break;
    case SIM_DRIFT:
        j.verdict = SUITE_DRIFT;
        j.clause = clause_find(text_string(&run->clause));
        break;
    case SIM_MISS:
    case SIM_TIMEOUT:
        weigh(script, run, build, &j);
        if (j.verdict == SUITE_PASS)
            j.verdict = SUITE_SKIP; /* no clause of it speaks about this build */
        break;
    default:
        j.verdict = SUITE_FAIL;
        if (run->line > 0 && is_about_the_case(script, run->cause))
            j.clause = clause_about(script, build);
        if (run->line > 0 && !j.clause) /* line 0: it never began */
            j.clause = service_clause(script, build);
    }
    return j;
}
