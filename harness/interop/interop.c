#include "harness/interop/interop.h"
#include "harness/session/clock.h"

#include "harness/interop/pool.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_AT_MOST 4 /* a busy machine makes the same cell late twice */

/* --- builds ---------------------------------------------------------------------------------- */

static void name_end(const struct interop_matrix *m, struct interop_end *end)
{
    const struct subject_build *b = &end->build;
    bool known = strcmp(b->name, "iperf") == 0 && b->version_text[0];
    const char *name = known ? b->version_text : b->name[0] ? b->name : "?";
    unsigned same = 1;

    for (const struct interop_end *e = m->ends; e < end; e++)
        same += strncmp(e->label, name, strlen(name)) == 0 &&
                strchr("#", e->label[strlen(name)]) != NULL;
    if (same == 1)
        snprintf(end->label, sizeof end->label, "%.27s", name);
    else
        snprintf(end->label, sizeof end->label, "%.27s#%u", name, same);
}

static bool add_end(struct interop_matrix *m, const char *path, struct text *why)
{
    m->ends = text_realloc(m->ends, (m->n_ends + 1) * sizeof *m->ends);
    struct interop_end *end = &m->ends[m->n_ends];

    *end = (struct interop_end){0};
    if (strlen(path) >= sizeof end->build.path) {
        text_addf(why, "path too long");
        return false;
    }
    strcpy(end->build.path, path);
    if (!subject_identify(&end->build, 0, why))
        return false;
    end->side.is_reference = strcmp(end->build.name, "iperfref") == 0;
    end->side.has_version = end->build.has_version;
    end->side.version = end->build.version;
    if (!end->build.has_version)
        clause_version_parse(end->build.version_text, NULL, &end->side.version);
    name_end(m, end);
    m->n_ends++;
    return true;
}

/* The one beside this program, unless a --build already is one. */
static void add_own_reference(struct interop_matrix *m)
{
    char path[1024];
    struct text why = {0};
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof "iperfref");
    char *slash;

    for (size_t i = 0; i < m->n_ends; i++)
        if (m->ends[i].side.is_reference)
            return;
    path[MAX(len, 0)] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        return;
    strcpy(slash + 1, "iperfref");
    if (access(path, X_OK) == 0)
        add_end(m, path, &why);
    text_fini(&why);
}

static int is_reference_last(const void *a, const void *b)
{
    const struct interop_end *left = a, *right = b;

    return (int)left->side.is_reference - (int)right->side.is_reference;
}

static bool find_ends(struct interop_matrix *m, const struct interop_settings *settings)
{
    for (size_t i = 0; i < settings->n_builds; i++) {
        struct text why = {0};
        bool ok = add_end(m, settings->builds[i], &why);
        if (!ok)
            fprintf(stderr, "iperfspec interop: %s: %s\n", settings->builds[i], text_string(&why));
        text_fini(&why);
        if (!ok)
            return false;
    }
    add_own_reference(m);
    if (m->n_ends > 0)
        qsort(m->ends, m->n_ends, sizeof *m->ends, is_reference_last);
    for (size_t i = 0; i < m->n_ends && !m->reference; i++)
        if (m->ends[i].side.is_reference)
            m->reference = &m->ends[i];
    return true;
}

/* --- cells ----------------------------------------------------------------------------------- */

static void add_cell(struct interop_matrix *m, const struct interop_mode *mode,
                     const struct interop_end *client, const struct interop_end *server)
{
    m->cells = text_realloc(m->cells, (m->n_cells + 1) * sizeof *m->cells);
    m->cells[m->n_cells] = (struct interop_cell){
        .mode = mode,
        .client = client,
        .server = server,
        .is_control = client != m->reference && server != m->reference,
        .number = m->n_cells,
    };
    m->n_cells++;
}

static void add_mode(struct interop_matrix *m, const struct interop_mode *mode)
{
    for (size_t i = 0; m->reference && i < m->n_ends; i++) {
        add_cell(m, mode, &m->ends[i], m->reference);
        if (&m->ends[i] != m->reference)
            add_cell(m, mode, m->reference, &m->ends[i]);
    }
    for (size_t i = 0; mode->flags & MODE_CONTROL && i < m->n_ends; i++)
        for (size_t k = 0; k < m->n_ends; k++)
            if (!m->ends[i].side.is_reference && !m->ends[k].side.is_reference)
                add_cell(m, mode, &m->ends[i], &m->ends[k]);
}

static bool add_cells(struct interop_matrix *m, const struct interop_settings *settings)
{
    for (size_t i = 0; i < interop_n_modes; i++) {
        const struct interop_mode *mode = &interop_modes[i];
        if ((!settings->quick || mode->flags & MODE_QUICK) &&
            (!settings->mode || fnmatch(settings->mode, mode->name, 0) == 0))
            add_mode(m, mode);
    }
    m->outcomes = pool_share(m->n_cells);
    if (!m->outcomes)
        fprintf(stderr, "iperfspec interop: %s\n", strerror(errno));
    return m->outcomes != NULL;
}

static void skip_by_table(struct interop_matrix *m)
{
    for (size_t i = 0; i < m->n_cells; i++) {
        const struct interop_cell *c = &m->cells[i];
        struct text why = {0};
        if (mode_is_skipped(c->mode, &c->client->side, &c->server->side, &m->kernel, &why)) {
            m->outcomes[i].verdict = CELL_SKIPPED;
            snprintf(m->outcomes[i].reason, sizeof m->outcomes[i].reason, "%s", text_string(&why));
        }
        text_fini(&why);
    }
}

/* --- running --------------------------------------------------------------------------------- */

struct progress {
    const struct interop_matrix *m;
    bool shown;
    size_t n_done, n_red;
};

static void show_progress(void *context, size_t index)
{
    struct progress *p = context;
    size_t n = p->m->n_cells - interop_count(p->m, CELL_SKIPPED);

    p->n_done++;
    p->n_red += p->m->outcomes[index].verdict != CELL_GREEN;
    if (p->shown)
        fprintf(stderr, "\r%zu of %zu cells, %zu not green ", p->n_done, n, p->n_red);
}

/* Opens those that are only late for another play: how many. */
static size_t reopen_late(struct interop_matrix *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n_cells; i++) {
        struct interop_outcome *o = &m->outcomes[i], late = *o;
        if (!late.is_late)
            continue;
        *o = (struct interop_outcome){.verdict = CELL_OPEN};
        memcpy(o->at_first, late.at_first[0] ? late.at_first : late.reason, sizeof o->at_first);
        n++;
    }
    return n;
}

/* Those that are only late, with the machine to themselves as far as we can: that a receiver waited
 * for a processor while the test ended is no fault of a build. A build that loses bytes is red each
 * time. */
static bool play_late_again(struct interop_matrix *m, const struct kit *kit,
                            struct progress *progress)
{
    bool ok = true;

    for (int i = 0; ok && i < AGAIN_AT_MOST; i++) {
        size_t n = reopen_late(m);
        if (n == 0)
            break;
        progress->n_done -= n;
        progress->n_red -= n;
        ok = pool_play(m->cells, m->outcomes, m->n_cells, kit, 1, show_progress, progress);
    }
    return ok;
}

/* Play, print, keep; m is ready. */
static int play(struct interop_matrix *m, const struct interop_settings *settings, FILE *out)
{
    struct progress progress = {.m = m, .shown = settings->progress};
    struct kit kit = {.is_captured = settings->capture};
    struct text why = {0};
    double start = now_s();

    if (!kit_make(&kit, &why)) {
        fprintf(stderr, "iperfspec interop: %s\n", text_string(&why));
        text_fini(&why);
        return 3;
    }
    bool ok = pool_play(m->cells, m->outcomes, m->n_cells, &kit, settings->n_jobs, show_progress,
                        &progress) &&
              play_late_again(m, &kit, &progress);
    m->seconds = now_s() - start;
    if (settings->progress)
        fputs("\r\033[K", stderr);
    size_t n_bad = interop_count(m, CELL_RED) + interop_count(m, CELL_TROUBLE);
    interop_print(m, n_bad > 0 ? &kit : NULL, out);
    if (n_bad == 0 || !ok)
        kit_remove(&kit);
    if (!ok)
        fputs("iperfspec interop: interrupted\n", stderr);
    if (settings->json && !interop_write_json(m, settings->json)) {
        fprintf(stderr, "iperfspec interop: %s: %s\n", settings->json, strerror(errno));
        ok = false;
    }
    ok = ok && interop_count(m, CELL_TROUBLE) == 0 && interop_count(m, CELL_OPEN) == 0;
    return ok ? n_bad > 0 : 3;
}

int interop_run(const struct interop_settings *settings, FILE *out)
{
    struct interop_matrix m = {.kernel = mode_probe_kernel()};
    int status = 3;

    subject_adopt_orphans();
    if (find_ends(&m, settings) && add_cells(&m, settings)) {
        skip_by_table(&m);
        status = play(&m, settings, out);
    }
    if (status != 3 && !m.reference) {
        fputs("iperfspec interop: no iperfref among the builds or beside this program\n", stderr);
        status = 3;
    }
    free(m.ends);
    free(m.cells);
    return status;
}
