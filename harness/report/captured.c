#include "harness/report/captured.h"

#include "harness/capture/digest.h"
#include "harness/capture/timeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct report *last_of(struct reports *list)
{
    return &list->at[list->n - 1];
}

static const char *keep(struct report *r, const struct text *text)
{
    return text->len > 0 ? arena_copy(&r->arena, text_string(text), text->len) : "";
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

void captured_begin(struct reports *list, const char *path)
{
    list->at = text_realloc(list->at, (list->n + 1) * sizeof *list->at);
    struct report *r = &list->at[list->n++];
    *r = (struct report){.exit_reason = "",
                         .name = "",
                         .version = "",
                         .package = "",
                         .banner = "",
                         .sha256 = "",
                         .profile = "",
                         .program = "",
                         .base = "",
                         .beside = "",
                         .is_capture = true};
    r->path = r->label = arena_copy(&r->arena, path, strlen(path));
    r->rerun = "iperfspec check";
}

/* --- results ---------------------------------------------------------------------------------- */

/* What is the same for all results of a session. */
static struct report_result result_of(struct report *r, const struct track_session *s)
{
    static const char *const none[1];
    struct text title = {0}, story = {0};
    char client[64], server[64], *words = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&words, &len);

    text_addf(&title, "%s > %s, client %s, ", track_end_text(&s->client, client),
              track_end_text(&s->server, server), digest_client_version(s));
    digest_mode(s, &title);
    text_adds(&title, ": ");
    digest_ending(s, &title);
    if (out != NULL) {
        timeline_print_numbers(out, s);
        timeline_print_findings(out, s);
        fclose(out);
        text_add(&story, words, len);
        free(words);
    }
    struct report_result result = {
        .title = keep(r, &title),
        .judges = "session",
        .cause = "ok",
        .clause = "",
        .known = "",
        .skip = "",
        .identity = "",
        .file = r->path,
        .step = "",
        .got = "",
        .branches = "",
        .timeline = keep(r, &story),
        .said = "",
        .command = "",
        .capture = "",
        .again = "",
        .change = "",
        .beside = "",
        .script = "",
        .session = "",
        .clauses = none,
        .seconds = s->last_ns > s->first_ns ? (double)(s->last_ns - s->first_ns) / 1e9 : 0,
    };
    text_fini(&title);
    text_fini(&story);
    return result;
}

/* FILE/session-N, and behind it, where it is not NULL, the clause. */
static void put(struct report *r, struct report_result *result, const struct track_session *s,
                const char *clause, unsigned nth)
{
    struct text id = {0};

    text_addf(&id, "%s/session-%" PRIu64, name_of(r->path), s->number);
    if (clause != NULL)
        text_addf(&id, "/%s", clause);
    if (nth > 1) /* the same clause again */
        text_addf(&id, "-%u", nth);
    result->id = keep(r, &id);
    result->area = arena_copy(&r->arena, result->id, report_area(result->id));
    text_fini(&id);
    if ((r->n & (r->n - 1)) == 0) /* grows at powers of two */
        r->results = text_realloc(r->results, MAX(2 * r->n, 1) * sizeof *r->results);
    r->results[r->n++] = *result;
    r->verdicts[result->verdict]++;
    r->standings[result->standing]++;
}

static void add_violation(struct report *r, const struct track_session *s, size_t i,
                          struct report_result result)
{
    const struct track_violation *v = &s->violations[i];
    char identity[REPORT_IDENTITY + 1];
    struct text step = {0}, got = {0};
    unsigned nth = 1;

    for (size_t k = 0; k < i; k++)
        nth += s->violations[k].clause == v->clause;
    result.clause = v->clause != NULL ? v->clause->id : "?";
    result.verdict = digest_is_must(v) ? SUITE_FAIL : SUITE_WARN;
    result.standing = result.verdict == SUITE_FAIL ? SUITE_UNEXPECTED : SUITE_GOOD;
    result.judges = timeline_side(v->by);
    result.cause = "miss";
    text_addf(&step, "packet %" PRIu64 ": by the %s expected %s", v->number, timeline_side(v->by),
              v->expected);
    text_adds(&got, v->found);
    result.step = keep(r, &step);
    result.got = keep(r, &got);
    /* Packet and numbers differ from capture to capture. */
    report_identify(result.clause, result.judges, result.cause, identity);
    result.identity = arena_copy(&r->arena, identity, REPORT_IDENTITY);
    put(r, &result, s, result.clause, nth);
    text_fini(&step);
    text_fini(&got);
}

/* Nothing was wrong; perhaps not all was seen. */
static void add_good(struct report *r, const struct track_session *s, struct report_result result)
{
    struct text notes = {0};

    for (size_t i = 0; i < s->n_notes; i++)
        text_addf(&notes, "%s%s", i > 0 ? "; " : "", text_string(&s->notes[i]));
    result.verdict = s->n_notes > 0 ? SUITE_SKIP : SUITE_PASS;
    result.standing = SUITE_GOOD;
    result.skip = keep(r, &notes);
    put(r, &result, s, NULL, 1);
    text_fini(&notes);
}

void captured_add(struct reports *list, const struct track_session *s)
{
    struct report *r = last_of(list);
    struct report_result result = result_of(r, s);

    r->seconds += result.seconds;
    for (size_t i = 0; i < s->n_violations; i++)
        add_violation(r, s, i, result);
    if (s->n_violations == 0)
        add_good(r, s, result);
}

void captured_end(struct reports *list, int exit, const char *reason)
{
    struct report *r = last_of(list);

    r->exit = exit;
    r->exit_reason = arena_copy(&r->arena, reason, strlen(reason));
}
