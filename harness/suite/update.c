/* update.c - writes what a run showed into an expectation file: --update-expectations.
 *
 * The file stays what people made of it: a row that still holds is kept as it stands, comments move
 * with the row below them, and those that a blank line parts from the first row stay above it. Only
 * rows that apply to the build are touched; below a `builds` line that holds other builds too, a
 * row goes only if it speaks about no case at all. */
#include "harness/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct row {
    char *lead; /* comments and blank lines above it; "" for none */
    char *text; /* the line; NULL: taken out */
    char *glob;
    unsigned line; /* in the file that was read; 0: a new one */
};

/* A `builds` line and what stands below it; the first section has none. */
struct section {
    char *head;  /* comments above the `builds` line, and that line */
    char *intro; /* comments below it that are about no row, up to a blank line */
    struct row *rows;
    size_t n;
    bool applies, is_ours; /* to the build; and to no other */
};

struct file {
    struct section *at;
    size_t n;
    char *tail; /* comments below the last row */
};

/* --- reading --------------------------------------------------------------------------------- */

static char *word_of(const char *line, char *word, size_t cap)
{
    line += strspn(line, " \t");
    snprintf(word, cap, "%.*s", (int)strcspn(line, " \t\r\n"), line);
    return word;
}

static struct section *add_section(struct file *file, const char *head)
{
    file->at = text_realloc(file->at, (file->n + 1) * sizeof *file->at);
    file->at[file->n] = (struct section){.head = text_dup(head), .intro = text_dup("")};
    return &file->at[file->n++];
}

static struct row *add_row(struct section *s, const char *lead, const char *text, const char *glob,
                           unsigned line)
{
    s->rows = text_realloc(s->rows, (s->n + 1) * sizeof *s->rows);
    s->rows[s->n] = (struct row){text_dup(lead), text_dup(text), text_dup(glob), line};
    return &s->rows[s->n++];
}

/* Everything up to the last blank line stays above the first row, whichever that will be. Returns
 * the rest. */
static const char *take_intro(struct section *s, const char *lead)
{
    const char *rest = lead;

    for (const char *at = lead; *at; at += strcspn(at, "\n") + 1)
        if (*at == '\n')
            rest = at + 1;
    free(s->intro);
    s->intro = text_dup(lead);
    s->intro[rest - lead] = '\0';
    return rest;
}

static void read_builds_line(struct file *file, struct text *lead, const char *line,
                             const struct subject_build *build)
{
    char own[80], *copy = text_dup(line), *rest = copy, *set;
    unsigned n = 0;

    text_adds(lead, line);
    struct section *s = add_section(file, text_string(lead));
    suite_own_set(build, own, sizeof own);
    cursor_strip(copy);
    strsep(&rest, " \t");
    while (rest && (set = strsep(&rest, " \t"))) {
        if (!*set)
            continue;
        n++;
        s->applies |= suite_set_holds(set, build);
        s->is_ours = n == 1 && strcmp(set, own) == 0;
    }
    s->is_ours &= n == 1;
    free(copy);
    text_fini(lead);
}

static void read_line(struct file *file, struct text *lead, const char *line, unsigned number,
                      const struct subject_build *build)
{
    struct section *s = &file->at[file->n - 1];
    char word[256];

    word_of(line, word, sizeof word);
    if (strcmp(word, "builds") == 0) {
        read_builds_line(file, lead, line, build);
    } else if (word[0] == '#' || word[0] == '\0') {
        text_adds(lead, word[0] ? line : "\n");
    } else {
        const char *own = s->n == 0 ? take_intro(s, text_string(lead)) : text_string(lead);
        add_row(s, own, line, word, number);
        text_fini(lead);
    }
}

static void read_file(struct file *file, FILE *in, const struct subject_build *build)
{
    struct text lead = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    struct section *s = add_section(file, "");
    s->applies = s->is_ours = true;
    for (unsigned number = 1; in && (len = getline(&line, &cap, in)) > 0; number++) {
        struct text whole = {0};
        text_addf(&whole, "%s%s", number == 1 ? text_behind_mark(line) : line,
                  line[len - 1] == '\n' ? "" : "\n");
        read_line(file, &lead, text_string(&whole), number, build);
        text_fini(&whole);
    }
    s = &file->at[file->n - 1];
    if (s->n == 0) {
        free(s->intro);
        s->intro = text_dup(text_string(&lead));
    }
    file->tail = text_dup(s->n == 0 ? "" : text_string(&lead));
    text_fini(&lead);
    free(line);
}

static void file_fini(struct file *file)
{
    for (size_t i = 0; i < file->n; i++) {
        struct section *s = &file->at[i];
        for (size_t k = 0; k < s->n; k++) {
            free(s->rows[k].lead);
            free(s->rows[k].text);
            free(s->rows[k].glob);
        }
        free(s->rows);
        free(s->head);
        free(s->intro);
    }
    free(file->at);
    free(file->tail);
}

/* --- changing -------------------------------------------------------------------------------- */

/* Words for the place of a reason: what was got, in one line without a comment sign. */
static void reason_of(const struct suite_result *r, struct text *out)
{
    text_addf(out, "(reason?) %.100s", text_string(&r->run.got));
    for (char *at = out->at; *at; at++)
        if (*at == '#' || (unsigned char)*at < ' ')
            *at = ' ';
}

/* The row that names what a case did, with the reason of the row that named it before, if any. */
static void row_of(const struct suite_result *r, struct text *out)
{
    const struct suite_judgement *j = &r->judgement;
    const struct clause *clause = j->clause;
    bool was_good = j->verdict == SUITE_PASS;
    struct text reason = {0}, verdict = {0};

    if (r->standing == SUITE_FLAKY && was_good)
        j = &r->again;
    text_addf(&verdict, "%s:%s%s", suite_verdict_word(j->verdict), sim_cause_word(j->cause),
              r->standing == SUITE_FLAKY ? "?" : "");
    if (r->expectation)
        text_adds(&reason, r->expectation->reason);
    else
        reason_of(r, &reason);
    text_addf(out, "%-42s %-12s %-8s %s", r->script->id, text_string(&verdict),
              r->expectation         ? r->expectation->clause
              : clause               ? clause->id
              : r->script->clauses.n ? r->script->clauses.at[0]
                                     : "INT-3",
              text_string(&reason));
    text_fini(&reason);
    text_fini(&verdict);
}

/* How the cases of one entry fared. */
struct fate {
    unsigned held, passed, other;
};

static struct fate fate_of(const struct suite *suite, const struct suite_expectation *e)
{
    struct fate f = {0};

    for (size_t i = 0; i < suite->cases.n; i++) {
        const struct suite_result *r = &suite->results[i];
        if (r->expectation != e)
            continue;
        f.held += r->standing == SUITE_KNOWN || r->standing == SUITE_GOOD;
        f.passed += r->standing == SUITE_XPASS;
        f.other += r->standing == SUITE_UNEXPECTED || r->standing == SUITE_FLAKY;
    }
    return f;
}

static struct suite_expectation *entry_at(const struct suite *suite, unsigned line)
{
    for (size_t i = 0; i < suite->expectations.n; i++)
        if (suite->expectations.at[i].line == line)
            return &suite->expectations.at[i];
    return NULL;
}

/* Take out the rows that do not hold any more. Their comments go to the row below. */
static void prune(struct section *s, const struct suite *suite, struct suite_update *done)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct suite_expectation *e = entry_at(suite, s->rows[i].line);
        if (!e)
            continue;
        struct fate f = fate_of(suite, e);
        bool holds = f.passed + f.other == 0 && !suite_is_stale(suite, e);
        if (holds || (!s->is_ours && !suite_is_stale(suite, e))) {
            done->left += !holds;
            continue;
        }
        done->removed++;
        free(s->rows[i].text);
        s->rows[i].text = NULL;
    }
}

static struct row *row_at(const struct file *file, unsigned line)
{
    for (size_t i = 0; i < file->n; i++)
        for (size_t k = 0; k < file->at[i].n; k++)
            if (file->at[i].rows[k].line == line && file->at[i].rows[k].text)
                return &file->at[i].rows[k];
    return NULL;
}

/* Whether the file needs a row for this case: it is not as expected, or its row was taken out. */
static bool wants_row(const struct file *file, const struct suite_result *r)
{
    if (r->standing == SUITE_UNEXPECTED || r->standing == SUITE_FLAKY)
        return r->judgement.verdict != SUITE_ERROR;
    return r->standing == SUITE_KNOWN && !row_at(file, r->expectation->line);
}

/* The last section that is this build's alone; a new one at the end if there is none. Rows above
 * the first `builds` line are about any build, and may be contradicted below it. */
static struct section *own_section(struct file *file, const struct subject_build *build)
{
    struct text head = {0};
    char own[80];

    for (size_t i = file->n; i-- > 0;)
        if (file->at[i].is_ours && (*file->at[i].head || (file->n == 1 && file->at[i].n > 0)))
            return &file->at[i];
    suite_own_set(build, own, sizeof own);
    text_addf(&head, "\nbuilds   %s\n\n", own);
    struct section *s = add_section(file, text_string(&head));
    s->is_ours = s->applies = true;
    text_fini(&head);
    return s;
}

/* Comments above the row about just this case that was taken out go with it. The caller's to free.
 */
static char *take_lead(struct file *file, const char *id)
{
    for (size_t i = 0; i < file->n; i++)
        for (size_t k = 0; k < file->at[i].n; k++) {
            struct row *row = &file->at[i].rows[k];
            if (row->text || !*row->lead || strcmp(row->glob, id) != 0)
                continue;
            char *lead = row->lead;
            row->lead = text_dup("");
            return lead;
        }
    return text_dup("");
}

static void add_new(struct file *file, const struct suite *suite, struct suite_update *done)
{
    for (size_t i = 0; i < suite->cases.n; i++) {
        const struct suite_result *r = &suite->results[i];
        struct text text = {0};
        if (!wants_row(file, r))
            continue;
        row_of(r, &text);
        text_adds(&text, "\n");
        char *lead = take_lead(file, r->script->id);
        add_row(own_section(file, &suite->settings.build), lead, text_string(&text), r->script->id,
                0);
        free(lead);
        text_fini(&text);
        done->added++;
    }
}

/* --- writing --------------------------------------------------------------------------------- */

static int by_glob(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = strcmp(x->glob, y->glob);

    return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* Add lines; no blank one at the start of the file or below another. */
static void put(struct text *out, const char *lines)
{
    const char *end = text_string(out) + out->len;

    if (out->len == 0 || (out->len > 1 && end[-1] == '\n' && end[-2] == '\n'))
        lines += strspn(lines, "\n");
    text_adds(out, lines);
}

static void put_section(const struct section *s, struct text *out)
{
    put(out, s->head);
    put(out, s->intro);
    for (size_t i = 0; i < s->n; i++) {
        put(out, s->rows[i].lead);
        put(out, s->rows[i].text ? s->rows[i].text : "");
    }
}

/* All of it or nothing, beside the file and then in its place. */
static bool replace(const struct text *text, const char *path)
{
    struct text temporary = {0};

    text_addf(&temporary, "%s.new", path);
    FILE *out = fopen(text_string(&temporary), "we");
    bool ok = out && fwrite(text->at, 1, text->len, out) == text->len;
    ok = out && fclose(out) == 0 && ok;
    ok = ok && rename(text_string(&temporary), path) == 0;
    if (!ok && out) {
        int error = errno;
        unlink(text_string(&temporary));
        errno = error;
    }
    text_fini(&temporary);
    return ok;
}

/* A symbolic link stays one: what it leads to is written, which need not be there yet. */
static bool write_file(const struct text *text, const char *path)
{
    int made = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    char *target = made >= 0 ? realpath(path, NULL) : NULL;
    bool ok = target && replace(text, target);

    if (made >= 0)
        close(made);
    free(target);
    return ok;
}

bool suite_expectations_update(const struct suite *suite, const char *path,
                               struct suite_update *done)
{
    struct file file = {0};
    struct text text = {0};
    FILE *in = fopen(path, "re");

    *done = (struct suite_update){0};
    if (!in && errno != ENOENT)
        return false;
    read_file(&file, in, &suite->settings.build);
    if (in)
        fclose(in);
    for (size_t i = 0; i < file.n; i++)
        prune(&file.at[i], suite, done);
    add_new(&file, suite, done);
    for (size_t i = 0; i < file.n; i++) {
        struct section *s = &file.at[i];
        if (s->n > 0)
            qsort(s->rows, s->n, sizeof *s->rows, by_glob);
        put_section(s, &text);
    }
    put(&text, file.tail);
    bool ok = write_file(&text, path);
    text_fini(&text);
    file_fini(&file);
    return ok;
}
