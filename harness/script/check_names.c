/* check_names.c - {NAME} that no foreach of the file has: it would be sent as it stands. */
#include "harness/script/check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The next word of capitals in braces; *len is that of the braces too. */
static const char *next_name(const char *line, size_t *len)
{
    while ((line = strchr(line, '{'))) {
        size_t n = strspn(line + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
        *len = n + 2;
        if (n > 0 && isupper((unsigned char)line[1]) && line[1 + n] == '}')
            return line;
        line++;
    }
    return NULL;
}

static void check_line(struct check *check, const char *file, unsigned number, const char *line)
{
    size_t len;

    for (const char *at = line; (at = next_name(at, &len)); at += len) {
        struct script_error e = {.line = number, .column = (unsigned)(at - line) + 1};
        snprintf(e.file, sizeof e.file, "%s", file);
        snprintf(e.found, sizeof e.found, "'%.*s'", (int)MIN(len, 70), at);
        script_error_show(&e, line);
        check_wrong(check, &e, "the name of a foreach of this file");
    }
}

static void check_steps(struct check *check, const struct script_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        check_line(check, step->file, step->line, step->text);
        for (size_t k = 0; script_is_block(step->verb) && k < step->branches.n; k++)
            check_steps(check, &step->branches.at[k]);
    }
}

void check_names(struct check *check)
{
    const struct script *s = check->script;
    bool has_foreach = false;

    for (size_t i = 0; i < s->n_header; i++)
        has_foreach |= strncmp(s->header[i].text, "foreach", strlen("foreach")) == 0;
    if (!has_foreach)
        return;
    for (size_t i = 0; i < s->n_header; i++)
        check_line(check, s->file, s->header[i].line, s->header[i].text);
    check_steps(check, &s->steps);
}
