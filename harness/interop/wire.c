#include "harness/interop/wire.h"

#include <errno.h>
#include <string.h>

struct reading {
    struct wire_view *view;
    struct observer *observer;
    uint64_t session; /* the one that is judged: the first */
};

static void note_json(struct wire_view *view, const struct observer_message *m)
{
    struct text *to = m->from == OBSERVER_SERVER ? &view->server_results
                      : view->params.len == 0    ? &view->params
                                                 : &view->client_results;

    if (to->len == 0)
        text_add(to, m->text.at, m->text.len);
}

static void take_message(void *context, const struct observer_message *m)
{
    struct wire_view *view = context;

    if (m->kind == OBSERVER_JSON)
        note_json(view, m);
    if (m->kind == OBSERVER_ERROR && m->n_ints > 0)
        view->refused_with = m->ierr;
}

static void take_violation(void *context, const struct observer_violation *v)
{
    struct wire_view *view = context;

    if (view->violations++ == 0)
        text_addf(&view->first, "%s at byte %llu of the %s: expected %s, found %s", v->clause,
                  (unsigned long long)v->offset, v->by == OBSERVER_CLIENT ? "client" : "server",
                  v->expected, v->found);
}

static enum spec_err begin(struct reading *r, const struct transcript_event *e)
{
    struct observer_config config = {
        .vantage = e->side == OBSERVER_CLIENT ? OBSERVER_AT_CLIENT : OBSERVER_AT_SERVER,
        .message = take_message,
        .violation = take_violation,
        .context = r->view,
        .judge_client = true,
        .judge_server = true,
    };

    if (r->view->sessions++ > 0)
        return SPEC_OK;
    r->session = e->session;
    r->observer = observer_new(&config);
    return r->observer ? SPEC_OK : SPEC_E_NOMEM;
}

static enum spec_err take_event(void *context, const struct transcript_event *e)
{
    struct reading *r = context;

    if (e->kind == TRANSCRIPT_SESSION)
        return begin(r, e);
    if (!r->observer || e->session != r->session)
        return SPEC_OK;
    switch (e->kind) {
    case TRANSCRIPT_BYTES:
        return observer_bytes(r->observer, e->side, e->at_ns, e->bytes);
    case TRANSCRIPT_GAP:
        observer_gap(r->observer, e->side, e->at_ns, e->gap);
        return SPEC_OK;
    case TRANSCRIPT_EOF:
    case TRANSCRIPT_RESET:
        return observer_end(r->observer, e->side, e->at_ns, e->kind == TRANSCRIPT_RESET);
    case TRANSCRIPT_END:
        observer_finish(r->observer);
        r->view->completed = observer_completed(r->observer);
        return SPEC_OK;
    default:
        return SPEC_OK;
    }
}

bool wire_read(struct wire_view *view, const char *path, struct text *why)
{
    struct reading r = {.view = view};
    unsigned long line = 0;

    *view = (struct wire_view){0};
    enum spec_err err = transcript_read(path, take_event, &r, &line);
    observer_free(r.observer);
    if (err != SPEC_OK)
        text_addf(why, "%s, line %lu: %s", path, line,
                  err == SPEC_E_SYSTEM ? strerror(errno) : spec_err_text(err));
    else if (view->sessions != 1)
        text_addf(why, "%u sessions in iperfref's transcript", view->sessions);
    return err == SPEC_OK && view->sessions == 1;
}

void wire_view_fini(struct wire_view *view)
{
    text_fini(&view->first);
    text_fini(&view->params);
    text_fini(&view->client_results);
    text_fini(&view->server_results);
}
