#include "harness/cli/save.h"

#include "harness/session/write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void add_words(struct text *out, const struct script_words *words)
{
    for (size_t i = 0; i < words->n; i++)
        text_addf(out, "%s%s", i ? " " : "", words->at[i]);
}

/* Ends of the subject's streams, which come when they come: they hold nothing up. */
static bool is_left_out(const struct session_message *m)
{
    return m->from == SESSION_SUBJECT && m->stream &&
           (m->kind == SESSION_END || m->kind == SESSION_RESET);
}

/* The session without the service check's own messages; in their place that it is wanted. */
static void copy_session(const struct session *from, bool we_serve, struct session *to)
{
    bool is_probed = false;

    *to = (struct session){.we_serve = we_serve};
    for (size_t i = 0; i < from->n; i++) {
        bool is_probe = strcmp(from->messages[i].who, SIM_PROBE) == 0;
        if (is_probe && !is_probed)
            session_add(to,
                        &(struct session_message){.kind = SESSION_ALIVE, .from = SESSION_SUBJECT});
        struct session_message m = from->messages[i];
        if (m.from == SESSION_SUBJECT) /* which error it was depends on who was quicker */
            m.n_ints = 0;
        if (!is_probe && !is_left_out(&m))
            session_add(to, &m);
        is_probed = is_probe;
    }
}

static bool write_file(const char *path, const struct text *text)
{
    FILE *f = fopen(path, "we");
    bool ok = f && fwrite(text->at, 1, text->len, f) == text->len;
    int error = errno;

    if (f && fclose(f) != 0 && ok) {
        ok = false;
        error = errno;
    }
    errno = error;
    return ok;
}

bool save_session(const char *path, const struct script *script, const struct sim_outcome *outcome)
{
    struct text clauses = {0}, needs = {0}, tags = {0}, out = {0};
    struct session session;

    add_words(&clauses, &script->clauses);
    add_words(&needs, &script->needs);
    add_words(&tags, &script->tags);
    const struct session_about about = {.id = script->id,
                                        .title = script->title,
                                        .clauses = text_string(&clauses),
                                        .needs = text_string(&needs),
                                        .tags = text_string(&tags),
                                        .subject = script->subject};
    copy_session(&outcome->record, script->plays_server, &session);
    session_write(&session, &about, &out);
    bool ok = write_file(path, &out);
    int error = errno;
    session_fini(&session);
    text_fini(&clauses);
    text_fini(&needs);
    text_fini(&tags);
    text_fini(&out);
    errno = error;
    return ok;
}
