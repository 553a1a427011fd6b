/* process.c - expectations on the subject's process: its end, and what it wrote. */
#include "harness/sim/peer.h"

#include "impl/wire/json.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define LOOK_NS 20000000u /* a pidfd wakes the loop; this is for processes that have none */

static bool await_exit(struct sim *s, const struct script_step *step, int *status)
{
    const struct sim_process *p = s->config->process;
    uint64_t deadline = expect_deadline(s, step);

    s->end_is_wanted = true;
    while (!p->ended(p->context, status)) {
        if (sim_failed(s))
            return false;
        if (now_ns() >= deadline)
            return sim_fail(s, SIM_HANG, "the subject's process is still running");
        sim_pump(s, MIN(deadline, now_ns() + LOOK_NS));
    }
    p->turn(p->context); /* the last of its output */
    return !sim_failed(s);
}

static bool expect_exit(struct sim *s, const struct script_step *step)
{
    int status;

    if (!await_exit(s, step, &status))
        return false;
    if (WIFSIGNALED(status))
        return sim_fail_end(s, status);
    if ((WEXITSTATUS(status) == step->expect.status) != step->expect.is_not)
        return true;
    return sim_fail(s, SIM_MISS, "exit status %d", WEXITSTATUS(status));
}

static bool expect_signal(struct sim *s, const struct script_step *step)
{
    int status;

    if (!await_exit(s, step, &status))
        return false;
    if (WIFSIGNALED(status) && WTERMSIG(status) == step->expect.status)
        return true;
    return WIFSIGNALED(status) ? sim_fail_end(s, status)
                               : sim_fail(s, SIM_MISS, "exit status %d", WEXITSTATUS(status));
}

/* --- what it wrote --------------------------------------------------------------------------- */

/* One of the lines is an object for which the query holds. */
static bool any_line_holds(struct control *c, const struct query *q, const struct text *output,
                           struct text *why)
{
    const char *at = text_string(output);
    size_t lines = 0;

    for (size_t len; *at; at += len + (at[len] == '\n')) {
        json_value *root;
        len = strcspn(at, "\n");
        if (json_parse((struct bytes){(const uint8_t *)at, len}, &root) != SPEC_OK)
            continue;
        bool ok = ask_value(c, q, root, NULL);
        json_free(root);
        lines++;
        if (ok)
            return true;
    }
    text_addf(why, "it holds for none of %zu objects", lines);
    return false;
}

static bool text_matches(const struct script_expect *expect, const char *text)
{
    regex_t regex;
    bool ok;

    if (expect->contains)
        return strstr(text, expect->contains) != NULL;
    if (regcomp(&regex, expect->matches, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
        return false;
    ok = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return ok;
}

static bool output_holds(struct sim *s, const struct script_step *step, const struct text *text,
                         struct text *why)
{
    const struct script_expect *expect = &step->expect;
    struct control *c = control_get(s, step->who);

    switch (expect->output) {
    case SCRIPT_OUTPUT_JSON:
        return ask_text(c, expect->where, text_string(text), text->len, why);
    case SCRIPT_OUTPUT_JSON_STREAM:
        return any_line_holds(c, expect->where, text, why);
    default:
        if (text_matches(expect, text_string(text)))
            return true;
        text_addf(why, "the text is not in its %zu bytes", text->len);
        return false;
    }
}

/* A client has said all when it has ended; a server goes on, and is waited for until it has said
 * it. */
static bool expect_output(struct sim *s, const struct script_step *step)
{
    const struct sim_process *p = s->config->process;
    const struct script_expect *expect = &step->expect;
    bool is_stderr = expect->output == SCRIPT_OUTPUT_STDERR;
    const struct text *(*read)(void *) = is_stderr ? p->error_output : p->output;
    uint64_t deadline = expect_deadline(s, step);
    struct text why = {0};
    int status;

    if (!read)
        return sim_fail(s, SIM_TROUBLE, "the subject's output is out of reach");
    if (s->config->script->plays_server && !await_exit(s, step, &status))
        return false;
    for (;;) {
        bool is_last = p->ended(p->context, &status) || now_ns() >= deadline || sim_failed(s);
        if (is_last)
            p->turn(p->context); /* what it wrote before its end may not be read yet */
        if (output_holds(s, step, read(p->context), &why) || is_last)
            break;
        text_fini(&why);
        sim_pump(s, deadline);
    }
    if (why.len > 0)
        sim_fail(s, SIM_MISS, "%s: %s", is_stderr ? "stderr" : "output", text_string(&why));
    text_fini(&why);
    return !sim_failed(s);
}

/* Judged by .error as well: 3.12 with -J exits 0 after an error. */
static bool expect_failure(struct sim *s, const struct script_step *step)
{
    const struct sim_process *p = s->config->process;
    json_value *root = NULL;
    int status;

    if (!await_exit(s, step, &status))
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        return true;
    if (WIFSIGNALED(status))
        return sim_fail_end(s, status);
    const char *brace = strchr(text_string(p->output(p->context)), '{');
    bool said =
        brace &&
        json_parse((struct bytes){(const uint8_t *)brace, strlen(brace)}, &root) == SPEC_OK &&
        json_member(root, "error");
    json_free(root);
    return said || sim_fail(s, SIM_MISS, "exit status 0, and no .error in its output");
}

static bool expect_rest(struct sim *s)
{
    const struct sim_process *p = s->config->process;
    struct text why = {0};

    if (!p->rests)
        return sim_fail(s, SIM_TROUBLE, "whether the subject rests cannot be known");
    enum sim_cause cause = p->rests(p->context, s->config->timeout_scale, &why);
    if (cause != SIM_OK)
        sim_fail(s, cause, "%s", text_string(&why));
    text_fini(&why);
    return sim_check_process(s, 0);
}

bool process_expect(struct sim *s, const struct script_step *step)
{
    if (!s->config->process)
        return sim_fail(s, SIM_TROUBLE, "the subject's process is out of reach");
    switch (step->expect.kind) {
    case SCRIPT_EXPECT_EXIT:
        return expect_exit(s, step);
    case SCRIPT_EXPECT_SIGNAL:
        return expect_signal(s, step);
    case SCRIPT_EXPECT_REST:
        return expect_rest(s);
    case SCRIPT_EXPECT_FAILURE:
        return expect_failure(s, step);
    default:
        return expect_output(s, step);
    }
}
