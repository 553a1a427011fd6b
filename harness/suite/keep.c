#include "harness/suite/keep.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Every file's ending. */
static const char capture[] = "pcapng", story[] = "txt", printed[] = "stdout", said[] = "stderr",
                  played[] = "peer";

static void name_file(const struct keep *k, const char *ending, char *out, size_t cap)
{
    snprintf(out, cap, "%s.%s", k->path, ending);
}

/* The first that fails is named; the others have the same cause. */
static void note(struct suite_run *run, const char *path, int error)
{
    if (run->unkept.len == 0)
        text_addf(&run->unkept, "%s: %s", path, strerror(error));
}

static void write_file(const struct keep *k, const char *ending, const struct text *text,
                       struct suite_run *run)
{
    char path[1300];

    name_file(k, ending, path, sizeof path);
    errno = 0;
    FILE *f = fopen(path, "we");
    bool ok = f && fwrite(text_string(text), 1, text->len, f) == text->len;
    if (f)
        ok = fclose(f) == 0 && ok;
    if (!ok)
        note(run, path, errno);
}

void keep_begin(struct keep *k, const char *dir, const struct script *script,
                struct sim_config *config)
{
    char path[1300];

    *k = (struct keep){.is_on = dir != NULL};
    if (!dir)
        return;
    int start = snprintf(k->path, sizeof k->path, "%s/", dir);
    snprintf(k->path + start, sizeof k->path - (size_t)start, "%s", script->id);
    for (char *at = k->path + start; *at; at++)
        if (*at == '/')
            *at = '-';
    name_file(k, capture, path, sizeof path);
    k->records = recorder_open(&k->recorder, path, script->id);
    k->error = k->records ? 0 : errno;
    if (k->records) {
        k->recorder.tap.next = config->tap;
        config->tap = &k->recorder.tap;
    }
}

/* Of a case that went well nobody needs it. */
static void end_capture(struct keep *k, struct suite_run *run)
{
    char path[1300];
    int error = k->records ? recorder_close(&k->recorder) : k->error;

    name_file(k, capture, path, sizeof path);
    if (run->cause == SIM_OK && k->records)
        unlink(path);
    else if (run->cause != SIM_OK && error)
        note(run, path, error);
    else if (run->cause != SIM_OK)
        text_adds(&run->kept, path);
}

void keep_end(struct keep *k, const struct script *script, const struct subject *subject,
              struct suite_run *run)
{
    struct text text = {0};

    if (!k->is_on)
        return;
    end_capture(k, run);
    if (run->cause == SIM_OK)
        return;
    text_addf(&text,
              "case     %s\nfile     %s:%u\ncommand  %s\nline %-4u%s\ngot      %s  <- %s\n%s",
              script->id, script->file, script->line, text_string(&run->command), run->line,
              text_string(&run->step), text_string(&run->got), sim_cause_word(run->cause),
              text_string(&run->timeline));
    write_file(k, story, &text, run);
    text_fini(&text);
    script_print(script, &text);
    write_file(k, played, &text, run);
    text_fini(&text);
    write_file(k, printed, &subject->out, run);
    write_file(k, said, &subject->err, run);
}
