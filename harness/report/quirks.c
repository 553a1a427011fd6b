#include "harness/report/quirks.h"

#include "harness/report/kept.h"
#include "harness/report/report.h"
#include "impl/wire/jwrite.h"
#include "impl/wire/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- cells ----------------------------------------------------------------------------------- */

bool quirks_cell(const struct quirk *q, enum machine_state *state, unsigned *event)
{
    for (int s = 0; s < MACHINE_OVER; s++) {
        enum machine_role role = table_role((enum machine_state)s);
        if (strcmp(machine_state_name((enum machine_state)s), q->state) != 0)
            continue;
        for (unsigned e = 0; e < table_n_events(role); e++)
            if (strcmp(table_event_name(role, e), q->event) == 0) {
                *state = (enum machine_state)s;
                *event = e;
                return true;
            }
    }
    return false;
}

/* By role, state and event as the tables have them, then by what came. */
static int by_cell(const void *a, const void *b)
{
    const struct quirk *x = a, *y = b;
    enum machine_state left = MACHINE_OVER, right = MACHINE_OVER;
    unsigned l = 0, r = 0;

    quirks_cell(x, &left, &l);
    quirks_cell(y, &right, &r);
    if (left != right)
        return left < right ? -1 : 1;
    if (l != r)
        return l < r ? -1 : 1;
    int order = strcmp(x->reaction, y->reaction);
    return order ? order : (x->error > y->error) - (x->error < y->error);
}

const char *quirk_of_line(struct quirk *q, const char *line)
{
    const char *end = strchr(line, '\n');

    if (!end || sscanf(line, "%23s %31s %23s %d", q->state, q->event, q->reaction, &q->error) != 4)
        return NULL;
    return end + 1;
}

/* --- collecting ------------------------------------------------------------------------------ */

static const char *keep(struct quirks *q, const char *text)
{
    return arena_copy(&q->arena, text, strlen(text));
}

static bool is_same(const struct quirk *a, const struct quirk *b)
{
    return a->error == b->error && strcmp(a->event, b->event) == 0 &&
           strcmp(a->state, b->state) == 0 && strcmp(a->reaction, b->reaction) == 0;
}

/* One more case that showed it. */
static void add(struct quirks *q, const struct quirk *one)
{
    for (size_t i = 0; i < q->n; i++)
        if (is_same(&q->at[i], one)) {
            q->at[i].cases += strcmp(q->at[i].example, one->example) != 0;
            return;
        }
    q->at = text_realloc(q->at, (q->n + 1) * sizeof *q->at);
    q->at[q->n++] = *one;
}

/* Rows of all that the cases showed. A row names the first of its cases. */
static void add_up(struct quirks *q)
{
    for (size_t i = 0; i < q->n_cases; i++)
        for (size_t k = 0; k < q->cases[i].n_plays; k++) {
            const char *lines = q->cases[i].plays[k];
            struct quirk one = {.cases = 1};
            snprintf(one.example, sizeof one.example, "%s", q->cases[i].id);
            while ((lines = quirk_of_line(&one, lines)))
                add(q, &one);
        }
    if (q->n > 0)
        qsort(q->at, q->n, sizeof *q->at, by_cell);
}

static struct quirk_case *add_case(struct quirks *q)
{
    q->cases = arena_grow(&q->arena, q->cases, q->n_cases, sizeof *q->cases);
    return &q->cases[q->n_cases++];
}

static void add_play(struct quirks *q, struct quirk_case *c, const char *lines, size_t len)
{
    const char **plays =
        arena_grow(&q->arena, (void *)(uintptr_t)c->plays, c->n_plays, sizeof *plays);

    plays[c->n_plays++] = arena_copy(&q->arena, lines, len);
    c->plays = plays;
}

/* The clause that decided, else the step's, else the first that the case names. */
static const char *clause_of(const struct suite_result *r)
{
    if (r->judgement.clause)
        return r->judgement.clause->id;
    if (r->run.clause.len > 0)
        return text_string(&r->run.clause);
    return r->script->clauses.n > 0 ? r->script->clauses.at[0] : "";
}

static void take_result(struct quirks *q, const struct suite_result *r)
{
    const char *others = text_string(&r->others), *end;
    const char *own = text_string(&r->run.reactions);
    struct text got = {0};

    if (r->run.duration_ns == 0 || r->judgement.verdict == SUITE_ERROR)
        return;
    struct quirk_case *c = add_case(q);
    *c = (struct quirk_case){.id = r->script->id,
                             .title = r->script->title,
                             .clause = clause_of(r),
                             .cause = sim_cause_word(r->judgement.cause),
                             .at_times = r->expectation && r->expectation->at_times};
    text_adds(&got, text_string(&r->run.got));
    text_make_plain(&got);
    c->got = arena_copy(&q->arena, text_string(&got), strcspn(text_string(&got), "\n"));
    text_fini(&got);
    add_play(q, c, own, strlen(own));
    for (; (end = strstr(others, "\n\n")); others = end + 2)
        if (strncmp(others, own, (size_t)(end - others) + 1) != 0)
            add_play(q, c, others, (size_t)(end - others) + 1);
}

void quirks_collect(struct quirks *q, const struct suite *suite)
{
    snprintf(q->banner, sizeof q->banner, "%.150s", suite->settings.build.banner);
    snprintf(q->name, sizeof q->name, "%s", suite->settings.build.name);
    for (size_t i = 0; i < suite->cases.n; i++)
        take_result(q, &suite->results[i]);
    add_up(q);
}

void quirks_fini(struct quirks *q)
{
    free(q->at);
    arena_fini(&q->arena);
    *q = (struct quirks){0};
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_quirk(struct jwrite *w, const struct quirk *q)
{
    enum machine_state state;
    unsigned event;

    if (!quirks_cell(q, &state, &event))
        return;
    enum machine_role role = table_role(state);
    jwrite_object(w, NULL);
    jwrite_string(w, "role", role == MACHINE_SERVER ? "server" : "client");
    jwrite_string(w, "state", q->state);
    jwrite_string(w, "event", q->event);
    jwrite_string(w, "row", table_event_row(role, event));
    jwrite_string(w, "reaction", q->reaction);
    jwrite_int(w, "error", q->error);
    jwrite_int(w, "cases", q->cases);
    jwrite_string(w, "example", q->example);
    jwrite_end(w);
}

/* Each play an array of lines as suite_run.reactions has them. */
static void put_case(struct jwrite *w, const struct quirk_case *c)
{
    jwrite_object(w, NULL);
    jwrite_string(w, "id", c->id);
    jwrite_string(w, "title", c->title);
    jwrite_string(w, "clause", c->clause);
    jwrite_string(w, "cause", c->cause);
    jwrite_string(w, "got", c->got);
    if (c->at_times)
        jwrite_bool(w, "at_times", true);
    jwrite_array(w, "plays");
    for (size_t i = 0; i < c->n_plays; i++) {
        jwrite_array(w, NULL);
        for (const char *at = c->plays[i], *end; (end = strchr(at, '\n')); at = end + 1) {
            char line[128];
            snprintf(line, sizeof line, "%.*s", (int)(end - at), at);
            jwrite_string(w, NULL, line);
        }
        jwrite_end(w);
    }
    jwrite_end(w);
    jwrite_end(w);
}

bool quirks_write(const char *path, const struct suite *suite)
{
    struct quirks q = {0};
    struct jwrite w;

    quirks_collect(&q, suite);
    jwrite_init(&w, JWRITE_PRETTY);
    jwrite_object(&w, NULL);
    jwrite_int(&w, "schema", 1);
    report_put_subject(&w, suite);
    jwrite_array(&w, "reactions");
    for (size_t i = 0; i < q.n; i++)
        put_quirk(&w, &q.at[i]);
    jwrite_end(&w);
    jwrite_array(&w, "cases");
    for (size_t i = 0; i < q.n_cases; i++)
        put_case(&w, &q.cases[i]);
    jwrite_end(&w);
    jwrite_end(&w);
    bool ok = report_put_file(path, &w);
    jwrite_fini(&w);
    quirks_fini(&q);
    return ok;
}

/* --- reading --------------------------------------------------------------------------------- */

/* A record is a file that anybody may have written, and this is shown on a terminal, in a line. */
static void take_text(const json_value *object, const char *key, char *out, size_t cap)
{
    struct text plain = {0};

    text_adds(&plain, report_text_of(object, key));
    text_make_plain(&plain);
    snprintf(out, cap, "%.*s", (int)strcspn(text_string(&plain), "\n"), text_string(&plain));
    text_fini(&plain);
}

static const char *keep_text(struct quirks *q, const json_value *object, const char *key)
{
    char line[512];

    take_text(object, key, line, sizeof line);
    return keep(q, line);
}

/* What stands in no table is dropped: another version's, or nothing that may be shown. */
static void add_line(struct text *lines, const struct quirk *one)
{
    enum machine_state state;
    unsigned event, bit = 0;

    while (bit < TABLE_N_REACTIONS &&
           strcmp(table_reaction_name((enum table_reaction)(1u << bit)), one->reaction) != 0)
        bit++;
    if (bit < TABLE_N_REACTIONS && quirks_cell(one, &state, &event))
        text_addf(lines, "%s %s %s %d\n", one->state, one->event, one->reaction, one->error);
}

/* A play of a record. */
static void take_play(struct quirks *q, struct quirk_case *c, const json_value *play)
{
    struct text lines = {0};

    for (const json_value *v = NULL; (v = json_next(play, v));) {
        struct quirk one;
        struct text line = {0};
        text_addf(&line, "%s\n", json_type_of(v) == JSON_STRING ? json_text(v) : "");
        if (quirk_of_line(&one, text_string(&line)))
            add_line(&lines, &one);
        text_fini(&line);
    }
    add_play(q, c, text_string(&lines), lines.len);
    text_fini(&lines);
}

/* The one play of a report's result. */
static void take_reactions(struct quirks *q, struct quirk_case *c, const json_value *list)
{
    struct text lines = {0};

    for (const json_value *v = NULL; (v = json_next(list, v));) {
        const json_value *error = json_member(v, "error");
        struct quirk one = {.error = json_type_of(error) == JSON_NUMBER ? (int)json_int(error) : 0};
        take_text(v, "state", one.state, sizeof one.state);
        take_text(v, "event", one.event, sizeof one.event);
        take_text(v, "reaction", one.reaction, sizeof one.reaction);
        add_line(&lines, &one);
    }
    add_play(q, c, text_string(&lines), lines.len);
    text_fini(&lines);
}

static struct quirk_case *take_case(struct quirks *q, const json_value *v)
{
    struct quirk_case *c = add_case(q);
    const json_value *times = json_member(v, "at_times");

    *c = (struct quirk_case){.id = keep_text(q, v, "id"),
                             .title = keep_text(q, v, "title"),
                             .clause = keep_text(q, v, "clause"),
                             .cause = keep_text(q, v, "cause"),
                             .got = keep_text(q, v, "got"),
                             .at_times = json_type_of(times) == JSON_BOOL && json_bool(times)};
    return c;
}

/* What was not played, or left without a verdict, shows nothing. */
static bool is_played(const json_value *result)
{
    const char *verdict = report_text_of(result, "verdict");

    return strcmp(verdict, "error") != 0 &&
           (strcmp(verdict, "skip") != 0 || json_member(result, "session"));
}

static void take_run(struct quirks *q, const struct kept_run *run)
{
    const json_value *subject = json_member(run->head, "subject");
    const json_value *cases = json_member(run->head, "cases");

    take_text(subject, "banner", q->banner, sizeof q->banner);
    take_text(subject, "name", q->name, sizeof q->name);
    for (const json_value *v = NULL; (v = json_next(cases, v));) {
        struct quirk_case *c = take_case(q, v);
        const json_value *plays = json_member(v, "plays");
        for (const json_value *play = NULL; (play = json_next(plays, play));)
            take_play(q, c, play);
    }
    for (size_t i = 0; i < run->n; i++) {
        json_value *result = kept_parse(&run->results[i]);
        const json_value *named = json_next(json_member(result, "clauses"), NULL);
        if (is_played(result)) {
            struct quirk_case *c = take_case(q, result);
            if (!*c->clause && json_type_of(named) == JSON_STRING)
                c->clause = keep(q, json_text(named));
            take_reactions(q, c, json_member(result, "reactions"));
        }
        json_free(result);
    }
    add_up(q);
}

bool quirks_read(struct quirks *q, const char *path, struct text *why)
{
    struct kept kept = {0};
    bool ok = kept_read_record(&kept, path, why);

    if (ok && kept.n != 1) {
        text_addf(why, "%s: the runs of %zu builds, expected one", path, kept.n);
        ok = false;
    }
    if (ok)
        take_run(q, &kept.runs[0]);
    kept_fini(&kept);
    return ok;
}
