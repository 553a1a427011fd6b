#include "harness/capture/digest.h"

#include "impl/wire/ierr.h"
#include "impl/wire/state.h"

#include <inttypes.h>
#include <string.h>

#define VERSION_MAX 40

static const char *const words[] = {
#define X(name, word) [name] = word,
    DIGEST_VERDICTS(X)
#undef X
};

const char *digest_verdict_word(enum digest_verdict verdict)
{
    return words[verdict];
}

/* A MAY says what something must be, if it is sent. */
bool digest_is_must(const struct track_violation *v)
{
    return v->clause == NULL || v->clause->level == CLAUSE_MUST ||
           v->clause->level == CLAUSE_MUST_NOT || v->clause->level == CLAUSE_MAY;
}

enum digest_verdict digest_verdict(const struct track_session *s)
{
    enum digest_verdict worst = s->n_notes > 0 ? DIGEST_PART : DIGEST_PASS;

    for (size_t i = 0; i < s->n_violations; i++)
        worst = MAX(worst, digest_is_must(&s->violations[i]) ? DIGEST_FAIL : DIGEST_WARN);
    return worst;
}

/* A word that looks like a version; peers may send anything. */
static bool is_version(const char *text)
{
    static const char allowed[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-_~";
    size_t len = strlen(text);

    return len > 0 && len <= VERSION_MAX && strspn(text, allowed) == len;
}

const char *digest_client_version(const struct track_session *s)
{
    const struct params *p = observer_params(s->observer);

    return p != NULL && p->client_version != NULL && is_version(p->client_version)
               ? p->client_version
               : "?";
}

static void add_limit(const struct params *p, struct text *out)
{
    int64_t seconds = params_time_limit(p);

    if (p->num > 0)
        text_addf(out, ", %" PRId64 " bytes", p->num);
    else if (p->blockcount > 0)
        text_addf(out, ", %" PRId64 " blocks", p->blockcount);
    else if (seconds > 0)
        text_addf(out, ", %" PRId64 " s", seconds);
    if (p->omit > 0)
        text_addf(out, ", %" PRId64 " s omitted", p->omit);
}

void digest_mode(const struct track_session *s, struct text *out)
{
    static const char *const protocols[] = {
        [PARAMS_TCP] = "tcp", [PARAMS_UDP] = "udp", [PARAMS_SCTP] = "sctp"};
    const struct params *p = observer_params(s->observer);

    if (p == NULL) {
        text_adds(out, "no parameters");
        return;
    }
    text_addf(out, "%s %s", protocols[params_protocol(p)],
              p->bidirectional ? "bidir"
              : p->reverse     ? "reverse"
                               : "forward");
    if (params_n_streams(p) != 1)
        text_addf(out, ", %" PRId64 " streams", params_n_streams(p));
    add_limit(p, out);
}

/* Where bytes were not captured, others may have followed it. */
static void add_state(int8_t state, bool has_gap, struct text *out)
{
    const char *name = state_name(state);

    text_addf(out, "%s in %s", has_gap ? ", last seen" : "", name != NULL ? name : "IPERF_START");
}

/* What a server says to a client that was interrupted; an error with no number may be that. */
static bool was_told_of_it(const struct track_session *s)
{
    return s->n_ints == 0 || s->ierr == IECLIENTTERM;
}

void digest_ending(const struct track_session *s, struct text *out)
{
    int8_t server = s->last_state[OBSERVER_SERVER], client = s->last_state[OBSERVER_CLIENT];
    const char *name = ierr_name(s->ierr);
    bool has_gap = s->is_late || s->n_gaps > 0; /* then the observer knows no order */

    bool has_left = s->has_left && !has_gap && !observer_completed(s->observer);

    if (server == ACCESS_DENIED)
        text_adds(out, "access denied");
    else if (has_left) {
        text_adds(out, "ended by the client with IPERF_DONE");
        add_state(s->left_in, false, out);
    } else if (client == CLIENT_TERMINATE && (server != SERVER_ERROR || was_told_of_it(s)))
        text_adds(out, "ended by the client");
    else if (server == SERVER_ERROR && s->n_ints > 0)
        text_addf(out, "server error %d %s", (int)s->ierr, name != NULL ? name : "(unknown)");
    else if (server == SERVER_ERROR)
        text_adds(out, "server error without a number");
    else if (server == SERVER_TERMINATE)
        text_adds(out, "ended by the server");
    else if (observer_completed(s->observer) ||
             (has_gap && client == IPERF_DONE)) /* which answers DISPLAY_RESULTS alone */
        text_adds(out,
                  has_gap || client == IPERF_DONE ? "completed" : "completed without IPERF_DONE");
    else if (s->is_over[OBSERVER_CLIENT] || s->is_over[OBSERVER_SERVER]) {
        enum observer_side by = s->first_over;
        text_addf(out, "%s by the %s", s->is_reset[by] ? "reset" : "closed",
                  by == OBSERVER_CLIENT ? "client" : "server");
        add_state(server, has_gap, out);
    } else {
        text_adds(out, "not over");
        add_state(server, has_gap, out);
    }
    if (server == SERVER_ERROR && observer_completed(s->observer))
        text_adds(out, " after the results (DEF-31)");
}
