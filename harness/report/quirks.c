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

void quirks_cell_text(const struct quirk *q, struct text *out)
{
    enum machine_state state;
    unsigned event;

    if (!quirks_cell(q, &state, &event))
        return;
    enum machine_role role = table_role(state);
    text_addf(out, "%s in %s, %s (%s)", role == MACHINE_SERVER ? "server" : "client", q->state,
              table_event_text(role, event), table_event_row(role, event));
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

void quirks_add(struct quirks *q, const struct quirk *one)
{
    for (size_t i = 0; i < q->n; i++)
        if (by_cell(&q->at[i], one) == 0) {
            q->at[i].cases += one->cases;
            return;
        }
    q->at = text_realloc(q->at, (q->n + 1) * sizeof *q->at);
    q->at[q->n++] = *one;
}

static void sort(struct quirks *q)
{
    if (q->n > 0)
        qsort(q->at, q->n, sizeof *q->at, by_cell);
}

void quirks_collect(struct quirks *q, const struct suite *suite)
{
    snprintf(q->banner, sizeof q->banner, "%.150s", suite->settings.build.banner);
    snprintf(q->name, sizeof q->name, "%s", suite->settings.build.name);
    for (size_t i = 0; i < suite->cases.n; i++) {
        const char *lines = text_string(&suite->results[i].run.reactions);
        struct quirk one = {.cases = 1};
        snprintf(one.example, sizeof one.example, "%s", suite->cases.at[i]->id);
        while ((lines = quirk_of_line(&one, lines)))
            quirks_add(q, &one);
    }
    sort(q);
}

void quirks_fini(struct quirks *q)
{
    free(q->at);
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

static int take_int(const json_value *object, const char *key, int otherwise)
{
    const json_value *v = json_member(object, key);

    return json_type_of(v) == JSON_NUMBER ? (int)json_int(v) : otherwise;
}

static void take_reactions(struct quirks *q, const json_value *list, const char *id)
{
    enum machine_state state;
    unsigned event;

    for (const json_value *v = NULL; (v = json_next(list, v));) {
        struct quirk one = {.error = take_int(v, "error", 0), .cases = 1};
        take_text(v, "state", one.state, sizeof one.state);
        take_text(v, "event", one.event, sizeof one.event);
        take_text(v, "reaction", one.reaction, sizeof one.reaction);
        take_text(v, "example", one.example, sizeof one.example);
        if (id)
            snprintf(one.example, sizeof one.example, "%s", id);
        else
            one.cases = (unsigned)take_int(v, "cases", 1);
        if (quirks_cell(&one, &state, &event))
            quirks_add(q, &one);
    }
}

static void take_run(struct quirks *q, const struct kept_run *run)
{
    const json_value *subject = json_member(run->head, "subject");

    take_text(subject, "banner", q->banner, sizeof q->banner);
    take_text(subject, "name", q->name, sizeof q->name);
    take_reactions(q, json_member(run->head, "reactions"), NULL);
    for (size_t i = 0; i < run->n; i++) {
        json_value *result = kept_parse(&run->results[i]);
        take_reactions(q, json_member(result, "reactions"), run->results[i].id);
        json_free(result);
    }
    sort(q);
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
