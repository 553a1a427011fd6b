/* ask.c - queries about what the subject said, with what else is known of the session. */
#include "harness/sim/peer.h"

#include "harness/session/clock.h"
#include "impl/wire/json.h"

#include <string.h>

#define N_MESSAGES (QUERY_OURS + 1)

/* The messages that a query asked for are read once. */
struct asking {
    struct control *c;
    bool was_read[N_MESSAGES];
    json_value *root[N_MESSAGES];
};

static bool fact_of_stream(void *context, enum query_fact fact, int64_t id, double *value)
{
    const struct asking *asking = context;
    const struct lane *st = lane_find(asking->c, id);

    if (!st)
        return false;
    const double known[] = {[QUERY_SENT] = (double)st->sent,
                            [QUERY_RECEIVED] = (double)(st->received + st->stray),
                            [QUERY_DATAGRAMS] = (double)st->datagrams,
                            [QUERY_JITTER] = st->count.jitter_s,
                            [QUERY_TOS] = (double)st->tos,
                            [QUERY_CLOCK] = (double)st->last.sec,
                            [QUERY_AGE] = (double)(now_ns() - st->begun_ns) / 1e9,
                            [QUERY_SPAN] = (double)(st->last_us - st->first_us) / 1e6};
    *value = known[fact];
    return true;
}

/* The first text of the client's is its parameters; of what follows the last one of each side
 * counts, and of several connections of a name the last. */
static struct bytes find(const struct control *c, enum query_message which)
{
    const struct session *record = &c->sim->out->record;
    enum session_from client = c->is_server ? SESSION_SUBJECT : SESSION_US;
    struct bytes found[N_MESSAGES] = {{0}};

    for (size_t i = 0; i < record->n; i++) {
        const struct session_message *m = &record->messages[i];
        if (strcmp(m->who, c->name) != 0)
            continue;
        if (m->kind == SESSION_OPEN)
            memset(found, 0, sizeof found);
        if (m->kind != SESSION_JSON)
            continue;
        bool is_params = m->from == client && !found[QUERY_PARAMS].at;
        found[is_params               ? QUERY_PARAMS
              : m->from == SESSION_US ? QUERY_OURS
                                      : QUERY_RESULTS] = m->body;
    }
    return found[which];
}

static const json_value *message(void *context, enum query_message which)
{
    struct asking *asking = context;
    struct bytes text = find(asking->c, which);

    if (!asking->was_read[which] && text.len > 0 &&
        json_parse(text, &asking->root[which]) != SPEC_OK)
        asking->root[which] = NULL;
    asking->was_read[which] = true;
    return asking->root[which];
}

bool ask_value(struct control *c, const struct query *q, const json_value *root, struct text *why)
{
    struct asking asking = {.c = c};
    const struct query_facts facts = {fact_of_stream, message, &asking};
    bool ok = query_holds(q, root, c ? &facts : NULL, why);

    for (size_t i = 0; i < N_MESSAGES; i++)
        json_free(asking.root[i]);
    return ok;
}

bool ask_text(struct control *c, const struct query *q, const char *text, size_t len,
              struct text *why)
{
    const char *brace = len ? memchr(text, '{', len) : NULL;
    json_value *root = NULL;

    if (!brace ||
        json_parse((struct bytes){(const uint8_t *)brace, len - (size_t)(brace - text)}, &root)) {
        text_addf(why, "no JSON in %zu bytes", len);
        return false;
    }
    bool ok = ask_value(c, q, root, why);
    json_free(root);
    return ok;
}
