/* tell.c - where a run is told: each format once the run is over, from one and the same report. */
#include "harness/cli/tell.h"

#include "harness/report/outfile.h"
#include "harness/report/report.h"
#include "harness/report/site.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

bool tell_takes_stdout(const struct tell *t)
{
    bool takes = is_stdout(t->json);

    for (size_t i = 0; i < REPORT_FORMATS; i++)
        takes |= is_stdout(t->files[i]);
    return takes;
}

/* Under any name: what is written last would be all that is left. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;

    if (strcmp(a, b) == 0)
        return strcmp(a, "/dev/null") != 0;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

bool tell_is_sensible(const struct tell *t, const char *program)
{
    const char *names[REPORT_FORMATS + 2] = {"json", "html"},
                                       *paths[REPORT_FORMATS + 2] = {t->json, t->html};

    for (size_t i = 0; i < REPORT_FORMATS; i++) {
        names[2 + i] = report_formats[i].name;
        paths[2 + i] = t->files[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        for (size_t k = 0; k < i; k++)
            if (paths[i] && paths[k] && is_same_file(paths[i], paths[k])) {
                fprintf(stderr, "iperfspec %s: --%s and --%s would both write to %s\n", program,
                        names[k], names[i], is_stdout(paths[i]) ? "standard output" : paths[i]);
                return false;
            }
    return true;
}

static bool complain(const char *option, const char *path)
{
    fprintf(stderr, "iperfspec: --%s %s: %s\n", option, path, strerror(errno));
    return false;
}

bool tell_can(const struct tell *t)
{
    if (t->json && !outfile_can(t->json))
        return complain("json", t->json);
    for (size_t i = 0; i < REPORT_FORMATS; i++)
        if (t->files[i] && !outfile_can(t->files[i]))
            return complain(report_formats[i].name, t->files[i]);
    if (t->html && !site_can(t->html))
        return complain("html", t->html);
    return true;
}

bool tell_formats(const struct tell *t, const struct reports *reports, FILE *annotations)
{
    struct text text = {0};
    bool ok = true;

    for (size_t i = 0; i < REPORT_FORMATS; i++) {
        if (!t->files[i])
            continue;
        report_formats[i].write(reports, &text);
        if (!outfile_write(t->files[i], &text))
            ok = complain(report_formats[i].name, t->files[i]);
        text_fini(&text);
    }
    if (t->github) {
        report_github(reports, &text);
        fwrite(text_string(&text), 1, text.len, annotations);
        text_fini(&text);
        if (!report_step_summary(reports))
            ok = complain("github", "GITHUB_STEP_SUMMARY");
    }
    if (t->html && !site_write(&(struct site_request){.reports = reports, .dir = t->html}))
        ok = complain("html", t->html);
    return ok;
}

bool tell_wants_formats(const struct tell *t)
{
    bool more = t->github || t->html;

    for (size_t i = 0; i < REPORT_FORMATS; i++)
        more |= t->files[i] != NULL;
    return more;
}

static struct bytes bytes_of(const struct text *text)
{
    return (struct bytes){(const uint8_t *)text_string(text), text->len};
}

bool tell_all(const struct tell *t, const struct suite *suite, FILE *annotations)
{
    struct reports reports = {0};
    struct text json = {0}, why = {0};
    bool ok = true;

    if (!t->json && !tell_wants_formats(t))
        return true;
    report_json(suite, bytes_of(&t->options), &json);
    text_adds(&json, "\n");
    if (t->json && !outfile_write(t->json, &json))
        ok = complain("json", t->json);
    if (tell_wants_formats(t)) {
        if (reports_load(&reports, bytes_of(&json), "this run", &why))
            ok = tell_formats(t, &reports, annotations) && ok;
        else
            ok = (fprintf(stderr, "iperfspec: %s\n", text_string(&why)), false);
    }
    reports_fini(&reports);
    text_fini(&json);
    text_fini(&why);
    return ok;
}
