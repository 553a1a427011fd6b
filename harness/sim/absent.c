/* absent.c - why there is no session with a client: what it did in its place, in words that tell a
 * program that is no iperf3 from one that is. */
#include "harness/sim/peer.h"

#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#define SAID_MAX 160 /* bytes of what it printed */
#define LOOKS    100 /* 1 ms apart: more than are needed to be sure that nobody is left */

/* The first line of what it printed: on stderr rather than on stdout. */
static void tell_output(const struct sim_process *p, struct text *why)
{
    struct text said = {0};

    p->turn(p->context); /* the last of it */
    const struct text *from = p->error_output(p->context);
    if (from->len == 0)
        from = p->output(p->context);
    const char *all = text_string(from);
    size_t len = MIN(strcspn(all, "\n"), SAID_MAX);
    text_add(&said, all, len);
    text_make_plain(&said);
    if (from->len == 0)
        text_adds(why, ", and printed nothing");
    else
        text_addf(why, ", and printed \"%s\"%s", text_string(&said),
                  from->len > len + 1 ? " and more" : "");
    text_fini(&said);
}

void absent_tell_end(const struct sim_process *p, int status, struct text *why)
{
    text_adds(why, "the client ended before it connected");
    if (WIFEXITED(status))
        text_addf(why, ", with status %d", WEXITSTATUS(status));
    else
        text_addf(why, ", killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
    tell_output(p, why);
}

/* The time may be over before it was looked at often enough: one look alone proves nothing. */
static bool goes_on(const struct sim_process *p)
{
    for (int looks = 0; looks < LOOKS; looks++) {
        if (!p->goes_on || !p->goes_on(p->context))
            return false;
        poll(NULL, 0, 1);
    }
    return true;
}

/* Its first process has ended. */
static void tell_ended(const struct sim_process *p, int status, struct text *why)
{
    if (!goes_on(p)) {
        absent_tell_end(p, status, why);
        return;
    }
    text_adds(why, "the client's first process ended with status 0; what it started runs on, and "
                   "does not connect");
    tell_output(p, why);
}

static void tell_silence(const struct control *c, struct text *why)
{
    const struct sim *s = c->sim;
    const struct pending *p = s->n_pending > 0 ? &s->pending[0] : NULL;
    int status;

    if (p && p->have > 0) {
        text_addf(why,
                  "the client connected, and sent no more than %zu of the %d bytes of a cookie: ",
                  p->have, COOKIE_LEN);
        text_add_quoted(why, (struct bytes){p->cookie, p->have});
    } else if (p) {
        text_adds(why, "the client connected, and said nothing");
    } else if (s->config->process &&
               s->config->process->ended(s->config->process->context, &status)) {
        tell_ended(s->config->process, status, why);
    } else if (s->config->process) {
        text_adds(why, "the client runs on and does not connect");
        tell_output(s->config->process, why);
    } else {
        text_adds(why, "no client connected");
    }
}

bool absent_fail(const struct control *c, const char *clause)
{
    struct text why = {0};

    tell_silence(c, &why);
    bool ok = sim_fail(c->sim, SIM_TIMEOUT, "%s (%s)", text_string(&why), clause);
    text_fini(&why);
    return ok;
}

void absent_tell_cookie(const struct control *c, struct text *why)
{
    const char *due = "where a cookie of 36 characters and a NUL is due";

    if (c->cookie_len == 0) {
        text_addf(why, "the client closed its connection without a byte, %s", due);
        return;
    }
    if (c->cookie_len < COOKIE_LEN)
        text_addf(why, "the client closed its connection behind %zu byte%s, %s: ", c->cookie_len,
                  text_plural(c->cookie_len), due);
    else
        text_addf(why, "the client sent something else %s: ", due);
    text_add_quoted(why, (struct bytes){c->cookie, c->cookie_len});
}
