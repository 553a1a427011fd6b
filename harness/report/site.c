/* site.c - the folder: which cases there are, what the builds are called, and its files. */
#include "harness/report/site.h"

#include "harness/report/bring.h"
#include "harness/report/outfile.h"
#include "harness/report/page.h"
#include "harness/report/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Made from the files of harness/report/html when the program is built. */
static const char css[] = {
#include "site.css.inc"
    0};
static const char js[] = {
#include "site.js.inc"
    0};

/* --- the cases of all builds ------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
    const struct report_result *const *x = a, *const *y = b;

    return strverscmp((*x)->id, (*y)->id);
}

/* A name for the page of a case: what can stand in one, and a hash for the rest. */
static char *name_file(struct site *site, const char *id)
{
    char name[96], hash[REPORT_IDENTITY + 1], whole[sizeof name + sizeof hash + 8];
    size_t n = 0;

    for (const char *at = id; *at && n < sizeof name - 1; at++) {
        bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                        (*at >= '0' && *at <= '9') || *at == '_';
        name[n++] = is_plain ? *at : '-';
    }
    name[n] = '\0';
    report_identify(id, "", "", hash);
    int len = snprintf(whole, sizeof whole, "%s.%.8s.html", name, hash);
    return arena_copy(&site->arena, whole, (size_t)len);
}

static const struct report_result **find_in(struct site *site, struct report_index *const *indexes,
                                            const char *id)
{
    const struct report_result **found =
        arena_alloc(&site->arena, (site->n_builds + 1) * sizeof *found);

    for (size_t i = 0; i < site->n_builds; i++)
        found[i] = indexes[i] ? report_find(indexes[i], id) : NULL;
    return found;
}

static void add_case(struct site *site, const struct report_result *r,
                     struct report_index *const *now, struct report_index *const *before)
{
    struct site_case *c = &site->cases[site->n++];

    *c = (struct site_case){.id = r->id, .area = r->area, .title = r->title, .about = r};
    c->results = find_in(site, now, r->id);
    c->before = find_in(site, before, r->id);
    for (size_t i = 0; i < site->n_builds; i++)
        c->about = c->results[i] ? c->results[i] : c->about;
    c->title = c->about->title;
    c->file = name_file(site, r->id);
}

/* Every result of a run; how many. */
static size_t add_results(const struct report *r, const struct report_result **list)
{
    for (size_t k = 0; k < r->n; k++)
        list[k] = &r->results[k];
    return r->n;
}

/* All of the runs, and of what they are compared with: what is gone is a change, too. */
static void collect_cases(struct site *site)
{
    const struct reports *reports = site->request->reports;
    struct report_index **now = arena_alloc(&site->arena, (reports->n + 1) * sizeof *now),
                        **before = arena_alloc(&site->arena, (reports->n + 1) * sizeof *before);
    const struct reports *base_list = site->request->base;
    size_t n = 0, all = 0;

    for (size_t i = 0; i < reports->n; i++) {
        const struct report *base = report_base(base_list, &reports->at[i]);
        all += reports->at[i].n + (base ? base->n : 0);
    }
    const struct report_result **list = text_realloc(NULL, (all + 1) * sizeof *list);
    for (size_t i = 0; i < reports->n; i++) {
        const struct report *base = report_base(base_list, &reports->at[i]);
        now[i] = report_index_new(&reports->at[i]);
        before[i] = base ? report_index_new(base) : NULL;
        n += add_results(&reports->at[i], list + n);
        n += base ? add_results(base, list + n) : 0;
    }
    qsort(list, n, sizeof *list, by_id);
    site->cases = text_realloc(NULL, (n + 1) * sizeof *site->cases);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(list[i]->id, list[i - 1]->id) != 0)
            add_case(site, list[i], now, before);
    for (size_t i = 0; i < reports->n; i++) {
        report_index_free(now[i]);
        report_index_free(before[i]);
    }
    free(list);
}

/* --- what the builds are called --------------------------------------------------------------- */

static char *copy(struct site *site, const char *text)
{
    return arena_copy(&site->arena, text, strlen(text));
}

/* "3.12" where all are iperf, "ref" for iperfref: a column is narrow. */
static const char *shorten(const struct report *r)
{
    if (strcmp(r->name, "iperf") == 0 && *r->version)
        return r->version;
    if (strncmp(r->label, "iperf", 5) == 0 && r->label[5])
        return r->label + 5 + (r->label[5] == ' ');
    return r->label;
}

static void name_builds(struct site *site)
{
    const struct reports *reports = site->request->reports;

    site->n_builds = reports->n;
    site->builds = arena_alloc(&site->arena, (reports->n + 1) * sizeof *site->builds);
    for (size_t i = 0; i < reports->n; i++) {
        const struct report *r = &reports->at[i];
        struct text label = {0}, shorter = {0};
        unsigned same = 1;
        for (size_t k = 0; k < i; k++)
            same += strcmp(reports->at[k].label, r->label) == 0;
        text_adds(&label, r->label);
        text_add(&shorter, shorten(r), strnlen(shorten(r), 10));
        if (same > 1) {
            text_addf(&label, " (%u)", same);
            text_addf(&shorter, "(%u)", same);
        }
        site->builds[i] = (struct site_build){r, copy(site, text_string(&label)),
                                              copy(site, text_string(&shorter))};
        text_fini(&label);
        text_fini(&shorter);
    }
}

/* --- captures --------------------------------------------------------------------------------- */

/* What a run named from the folder that it was started in may have come along with its report. */
static void find_capture(const char *capture, const char *report, struct text *path)
{
    const char *slash = strrchr(report, '/');

    if (*capture != '/' && slash && access(capture, F_OK) != 0)
        text_add(path, report, (size_t)(slash - report) + 1);
    text_adds(path, capture);
}

static bool bring(const struct site *site, size_t build, const struct site_case *c, size_t *left)
{
    const struct report_result *r = c->results[build];
    struct text from = {0}, to = {0};

    if (!r || !*r->capture)
        return true;
    find_capture(r->capture, site->builds[build].report->path, &from);
    page_capture(site, build, c, &to);
    bool ok = bring_capture(text_string(&from), text_string(&to), left);
    text_fini(&from);
    text_fini(&to);
    return ok;
}

void page_capture(const struct site *site, size_t build, const struct site_case *c,
                  struct text *path)
{
    text_addf(path, "%s/capture/%.*s.%zu.pcapng", site->request->dir, (int)strlen(c->file) - 5,
              c->file, build + 1);
}

/* --- files ------------------------------------------------------------------------------------ */

static bool make_folder(const char *dir, const char *below)
{
    struct text path = {0};

    text_addf(&path, "%s%s", dir, below);
    bool ok = mkdir(text_string(&path), 0777) == 0 || errno == EEXIST;
    text_fini(&path);
    return ok;
}

/* Only if it is empty; what else is wrong with it does no harm. */
static void remove_folder(const char *dir, const char *below)
{
    struct text path = {0};
    int error = errno;

    text_addf(&path, "%s%s", dir, below);
    rmdir(text_string(&path));
    text_fini(&path);
    errno = error;
}

bool site_can(const char *dir)
{
    struct stat st;

    if (!make_folder(dir, "") || stat(dir, &st) != 0)
        return false;
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode) && access(dir, W_OK) == 0;
}

static bool write_file(const struct site *site, const char *name, struct text *page)
{
    struct text path = {0};

    text_addf(&path, "%s/%s", site->request->dir, name);
    bool ok = outfile_write(text_string(&path), page);
    text_fini(&path);
    text_fini(page);
    return ok;
}

static bool write_cases(const struct site *site)
{
    size_t left = BRING_ALL_MAX;
    bool ok = true;

    for (size_t i = 0; i < site->n && ok; i++) {
        struct text page = {0}, name = {0};
        for (size_t b = 0; b < site->n_builds && ok; b++)
            ok = bring(site, b, &site->cases[i], &left);
        text_addf(&name, "case/%s", site->cases[i].file);
        page_case(site, i, &page);
        ok = ok && write_file(site, text_string(&name), &page);
        text_fini(&name);
        text_fini(&page);
    }
    return ok;
}

/* The names of what is in the folder of captures, but for those that could not be brought. */
static size_t name_captures(const struct site *site, struct arena *arena, char **names)
{
    size_t n = 0;

    for (size_t i = 0; i < site->n; i++)
        for (size_t b = 0; b < site->n_builds; b++) {
            const struct report_result *r = site->cases[i].results[b];
            struct text path = {0};
            if (!r || !*r->capture)
                continue;
            page_capture(site, b, &site->cases[i], &path);
            const char *name = strrchr(text_string(&path), '/') + 1;
            names[n++] = arena_copy(arena, name, strlen(name));
            text_fini(&path);
        }
    return n;
}

/* Pages and captures of cases that an earlier site had in the same folder. */
static void sweep(const struct site *site)
{
    struct arena arena = {0};
    char **names = arena_alloc(&arena, (site->n * (site->n_builds + 1) + 1) * sizeof *names);
    struct text dir = {0};

    for (size_t i = 0; i < site->n; i++)
        names[i] = site->cases[i].file;
    text_addf(&dir, "%s/case", site->request->dir);
    sweep_folder(text_string(&dir), ".html", names, site->n);
    text_fini(&dir);
    text_addf(&dir, "%s/capture", site->request->dir);
    sweep_folder(text_string(&dir), ".pcapng", names, name_captures(site, &arena, names));
    text_fini(&dir);
    arena_fini(&arena);
}

static bool write_all(const struct site *site)
{
    static const struct {
        const char *name;
        void (*write)(const struct site *site, struct text *out);
    } pages[] = {
        {"clauses.html", page_clauses},
        {"cases.js",     page_cases  },
        {"index.html",   page_index  },
    };
    const char *dir = site->request->dir;
    struct text text = {0};
    bool ok = make_folder(dir, "/case") && make_folder(dir, "/capture");

    text_adds(&text, css);
    ok = ok && write_file(site, "site.css", &text);
    text_adds(&text, js);
    ok = ok && write_file(site, "site.js", &text);
    ok = ok && write_cases(site);
    for (size_t i = 0; i < ARRAY_LEN(pages) && ok; i++) {
        pages[i].write(site, &text);
        ok = write_file(site, pages[i].name, &text);
    }
    text_fini(&text);
    if (ok)
        sweep(site);
    remove_folder(dir, "/capture"); /* if no case left one */
    return ok;
}

bool site_write(const struct site_request *request)
{
    struct site site = {.request = request};

    name_builds(&site);
    collect_cases(&site);
    bool ok = write_all(&site);
    int error = errno;
    free(site.cases);
    arena_fini(&site.arena);
    errno = error;
    return ok;
}
