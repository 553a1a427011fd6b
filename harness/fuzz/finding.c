#include "harness/fuzz/finding.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define ALIVE   "expect alive\n"
#define SETTLED "pause 100ms\n" /* what it keeps of a session it keeps once it has read it */
/* Whoever does it right may end, or wait for us. */
#define QUIET "ignore end\nexpect nothing for 1s\n"

/* --- names ----------------------------------------------------------------------------------- */

void finding_name(const char *key, char *out, size_t cap)
{
    size_t n = 0;

    for (; *key && n + 1 < cap; key++) {
        bool is_word = isalnum((unsigned char)*key);
        if (is_word)
            out[n++] = (char)tolower((unsigned char)*key);
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    out[n] = '\0';
}

static void path_of(const char *dir, const char *key, char *out, size_t cap)
{
    char name[160];

    finding_name(key, name, sizeof name);
    snprintf(out, cap, "%s/%s.peer", dir, name);
}

bool finding_is_known(const char *dir, const char *key)
{
    char path[1300];

    path_of(dir, key, path, sizeof path);
    return access(path, F_OK) == 0;
}

/* --- the script ------------------------------------------------------------------------------ */

/* Where the subject's byte at that offset of its control connection stands in the record. */
static size_t place_of_byte(const struct session *record, uint64_t offset)
{
    uint64_t at = 0;

    for (size_t i = 0; i < record->n; i++) {
        const struct session_message *m = &record->messages[i];
        struct text bytes = {0};
        if (m->from != SESSION_SUBJECT || m->stream || m->who[0])
            continue;
        session_encode(m, &bytes);
        at += bytes.len;
        text_fini(&bytes);
        if (at > offset)
            return i;
    }
    return record->n;
}

/* Without the subject's end at the end: it tells nothing that the last line does not. What it says
 * before is waited for: else the script would go on before it has read all. */
static size_t end_of_talk(const struct session *record)
{
    size_t end = 0;

    for (size_t i = 0; i < record->n && !session_is_probe(&record->messages[i]); i++) {
        const struct session_message *m = &record->messages[i];
        if (m->from == SESSION_US || (m->kind != SESSION_END && m->kind != SESSION_RESET))
            end = i + 1;
    }
    return end;
}

void finding_script(const struct finding *f, const struct fuzz_case *c,
                    const struct session *record, struct text *out)
{
    struct fuzz_case script;
    char id[200], name[160];
    bool is_violation = f->cause == SIM_MISS;
    const char *tag = f->cause == SIM_LEAK ? "leak" : NULL;
    size_t end = is_violation ? place_of_byte(record, f->offset) : end_of_talk(record);

    finding_name(f->key, name, sizeof name);
    snprintf(id, sizeof id, "finding/%s", name);
    fuzz_case_of_record(c, record, end, &script);
    fuzz_case_write(&script, id, f->got, is_violation ? f->clause : fuzz_clause(record->we_serve),
                    tag, out);
    if (is_violation)
        text_adds(out, QUIET);
    else if (!record->we_serve)
        text_adds(out, f->cause == SIM_LEAK ? SETTLED ALIVE : ALIVE);
    fuzz_case_fini(&script);
}

/* --- files ----------------------------------------------------------------------------------- */

static bool write_file(const char *path, const struct text *text)
{
    char made[1310];

    snprintf(made, sizeof made, "%s.new", path);
    FILE *f = fopen(made, "we");
    bool ok = f && fwrite(text_string(text), 1, text->len, f) == text->len;
    if (f)
        ok = fclose(f) == 0 && ok;
    return ok && rename(made, path) == 0;
}

/* The list without the finding's own row. */
static void read_list(const char *path, const char *name, struct text *list)
{
    struct text old = {0};
    char mark[200];

    snprintf(mark, sizeof mark, "| [%s](", name);
    if (!text_read_file(&old, path)) {
        text_fini(&old);
        text_adds(&old, "# Findings\n\nEach script shows its finding again: "
                        "`iperfspec test --build PATH --cases FILE`.\n\n"
                        "| finding | what | run | shown | lines |\n"
                        "| --- | --- | --- | --- | --- |\n");
    }
    for (const char *at = text_string(&old); *at;) {
        size_t len = strcspn(at, "\n") + 1;
        len = MIN(len, strlen(at));
        if (strncmp(at, mark, strlen(mark)) != 0)
            text_add(list, at, len);
        at += len;
    }
    text_fini(&old);
}

static unsigned count_lines(const struct text *script)
{
    unsigned n = 0;

    for (size_t i = 0; i < script->len; i++)
        n += script->at[i] == '\n';
    return n;
}

/* As a cell of a table. */
static void add_cell(struct text *row, const char *words)
{
    for (; *words; words++) {
        if (*words == '|')
            text_adds(row, "\\");
        text_add(row, *words == '\n' ? " " : words, 1);
    }
}

bool finding_write(const char *dir, const struct finding *f, const struct text *script)
{
    struct text list = {0};
    char path[1300], name[160], readme[1300];

    /* Another worker may have the list in hand. */
    int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock >= 0)
        flock(lock, LOCK_EX);
    path_of(dir, f->key, path, sizeof path);
    finding_name(f->key, name, sizeof name);
    snprintf(readme, sizeof readme, "%s/README.md", dir);
    read_list(readme, name, &list);
    text_addf(&list, "| [%s](%s.peer) | ", name, name);
    add_cell(&list, f->got);
    text_addf(&list, " | %" PRIu64 " | %u of %u%s | %u |\n", f->run, f->n_shown, f->n_played,
              f->is_minimal ? "" : ", not minimised", count_lines(script));
    bool ok = write_file(path, script) && write_file(readme, &list);
    text_fini(&list);
    if (lock >= 0)
        close(lock);
    return ok;
}
