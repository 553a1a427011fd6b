#include "harness/fuzz/play.h"
#include "harness/session/clock.h"

#include "harness/script/raw.h"
#include "harness/session/place.h"
#include "harness/session/write.h"
#include "harness/subject/watch.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define SETTLE_MS 100 /* for a server to be done with a test; then it is started anew */
#define HANG_S    3u  /* for a client to end without a server: then it is looked into */
#define NAME      "session"

/* --- cases ----------------------------------------------------------------------------------- */

void fuzz_case_fini(struct fuzz_case *c)
{
    session_fini(&c->session);
}

void fuzz_case_copy(const struct fuzz_case *from, struct fuzz_case *to)
{
    memcpy(to->subject, from->subject, sizeof to->subject);
    memcpy(to->params, from->params, sizeof to->params);
    session_copy(&from->session, &to->session);
}

/* What comes when it comes, and in amounts of its own. */
static bool is_volatile(const struct session_message *m)
{
    return m->from == SESSION_SUBJECT &&
           (m->kind == SESSION_DATA || m->kind == SESSION_DATAGRAM ||
            (m->stream && (m->kind == SESSION_END || m->kind == SESSION_RESET)));
}

void fuzz_case_of_record(const struct fuzz_case *c, const struct session *record, size_t n,
                         struct fuzz_case *out)
{
    fuzz_case_copy(c, out);
    session_fini(&out->session);
    out->session = (struct session){.we_serve = record->we_serve};
    for (size_t i = 0; i < n; i++) {
        struct session_message m = record->messages[i];
        bool is_first_open = i == 0 && m.kind == SESSION_OPEN && m.from == SESSION_US;
        if (m.from == SESSION_SUBJECT) /* which error it was depends on who was quicker */
            m.n_ints = 0;
        if (!session_is_probe(&m) && !is_volatile(&m) && !is_first_open)
            session_add(&out->session, &m);
    }
}

bool fuzz_case_read(const char *name, const char *text, struct fuzz_case *out, struct text *why)
{
    struct script_list list = {0};
    struct script_error error = {0};

    *out = (struct fuzz_case){.subject = ""};
    bool ok = script_read(&list, name, text, &error) && list.n > 0 &&
              script_session(list.at[0], &out->session, &error);
    if (ok && out->session.we_serve)
        snprintf(out->params, sizeof out->params, "%s",
                 list.at[0]->params ? list.at[0]->params : "");
    if (ok)
        snprintf(out->subject, sizeof out->subject, "%s", list.at[0]->subject);
    else
        script_error_format(&error, why);
    script_list_fini(&list);
    return ok;
}

const char *fuzz_clause(bool we_serve)
{
    return we_serve ? "FLOW-1" : "INT-3"; /* INT-3 does not bind clients */
}

void fuzz_case_write(const struct fuzz_case *c, const char *id, const char *title,
                     const char *clause, const char *tag, struct text *out)
{
    const struct session_about about = {.id = id ? id : NAME,
                                        .title = title,
                                        .clauses = clause,
                                        .tags = tag,
                                        .subject = c->subject,
                                        .params = c->params};

    session_write(&c->session, &about, out);
}

/* --- what it comes to ------------------------------------------------------------------------ */

static void add_key(struct verdict *v, const char *word, size_t len)
{
    size_t at = strlen(v->key);

    if (len > 0 && at + len + 2 < sizeof v->key)
        snprintf(v->key + at, sizeof v->key - at, "%s%.*s", at ? " " : "", (int)len, word);
}

/* "SIGSEGV", wherever it stands. */
static void add_signal(struct verdict *v)
{
    const char *at = strstr(text_string(&v->got), "SIG");

    if (at)
        add_key(v, at, strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"));
}

/* Where the name of the function begins that a line of a stack tells: "#1 0x5f in NAME FILE:LINE"
 * of a sanitizer, "by 0x5f: NAME (FILE:LINE)" of valgrind. NULL if it is no such line. */
static const char *function_of(const char *line)
{
    static const char *const marks[][2] = {
        {"#",     " in "},
        {"at 0x", ": "  },
        {"by 0x", ": "  }
    };
    size_t len = strcspn(line, "\n");

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        const char *frame = memmem(line, len, marks[i][0], strlen(marks[i][0]));
        const char *at = frame ? strstr(frame, marks[i][1]) : NULL;
        if (at && at < line + len)
            return at + strlen(marks[i][1]);
    }
    return NULL;
}

/* The kind of the report, as its first line tells it: "heap-use-after-free", "iperf_api.c:12:3",
 * "Invalid read of size 4". */
static void add_kind(struct verdict *v)
{
    const char *line = text_string(&v->got), *at;

    if ((at = strstr(line, "Sanitizer: "))) {
        at += strlen("Sanitizer: ");
        add_key(v, at, strcspn(at, " \n"));
    } else if ((at = strstr(line, ": runtime error: "))) {
        const char *folder = memrchr(line, '/', (size_t)(at - line));
        const char *file = folder ? folder + 1 : line;
        add_key(v, file, (size_t)(at - file));
    } else if ((at = strstr(line, "== "))) {
        add_key(v, at + 3, MIN(strcspn(at + 3, "\n"), 60u));
    }
}

/* The kind, and the first functions of its stack that are not the sanitizer's. */
static void add_stack(struct verdict *v)
{
    unsigned frames = 0;

    add_kind(v);
    for (const char *line = text_string(&v->said); *line && frames < 2;) {
        const char *function = function_of(line);
        if (function && strncmp(function, "__", 2) != 0) {
            add_key(v, function, strcspn(function, " \n("));
            frames++;
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
}

/* What the C library says before it aborts: "malloc(): corrupted top size". */
static void add_last_words(struct verdict *v)
{
    static const char *const words[] = {"malloc",   "free()",   "corrupt",
                                        "overflow", "smashing", "Assertion"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const char *at = strstr(text_string(&v->said), words[i]);
        if (!at)
            continue;
        add_key(v, at, MIN(strcspn(at, "\n"), 60u));
        return;
    }
}

static bool is_end(const struct session_message *m)
{
    return m->kind == SESSION_END || m->kind == SESSION_CLOSE || m->kind == SESSION_RESET;
}

/* The state that the subject had reached before the first end of its control connection. */
static const char *state_of(const struct verdict *v)
{
    const struct session *s = &v->record;
    size_t end = 0;

    while (end < s->n && !(session_is_of(&s->messages[end], "") && is_end(&s->messages[end])))
        end++;
    return machine_state_name(session_place(s, "", end));
}

void verdict_make_key(struct verdict *v)
{
    v->key[0] = '\0';
    add_key(v, v->record.we_serve ? "client" : "server", 6);
    if (v->cause == SIM_MISS) {
        add_key(v, "violation", 9);
        add_key(v, v->clause, strlen(v->clause));
        return;
    }
    const char *word = sim_cause_word(v->cause), *state = state_of(v);
    add_key(v, word, strlen(word));
    if (v->cause == SIM_SANITIZER) {
        add_stack(v);
        return;
    }
    add_signal(v);
    add_last_words(v);
    add_key(v, state, strlen(state));
}

static bool is_said_to(const struct session_message *m, enum session_from from)
{
    return m->from == from && m->who[0] == '\0' && m->stream == 0 && session_is_said(m);
}

/* We have said enough for an answer, and there is none. */
static bool is_silent(const struct session *s)
{
    size_t ours = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (is_said_to(&s->messages[i], SESSION_SUBJECT))
            return false;
        if (is_said_to(&s->messages[i], SESSION_US))
            ours += s->messages[i].body.len;
    }
    return !s->we_serve && ours >= 37;
}

static void take_run(struct suite_run *run, struct verdict *v)
{
    const char *when = strstr(text_string(&run->got), " ms after line"); /* of this play alone */

    v->cause = run->cause;
    text_add(&v->got, text_string(&run->got),
             when ? strcspn(text_string(&run->got), ",") : run->got.len);
    text_make_plain(&v->got);
    text_add(&v->said, run->said.at, run->said.len);
    text_add(&v->reactions, run->reactions.at, run->reactions.len);
    v->record = run->record;
    run->record = (struct session){0};
    v->was_silent = is_silent(&v->record);
}

static void take_violation(const struct umpire *u, struct verdict *v)
{
    v->cause = SIM_MISS;
    snprintf(v->clause, sizeof v->clause, "%s", u->violation.clause);
    v->offset = u->violation.offset;
    text_fini(&v->got);
    text_addf(&v->got, "expected %s, found %s (%s)", u->violation.expected, u->violation.found,
              u->violation.clause);
}

void verdict_fini(struct verdict *v)
{
    text_fini(&v->got);
    text_fini(&v->said);
    text_fini(&v->reactions);
    text_fini(&v->edges);
    session_fini(&v->record);
}

/* --- playing --------------------------------------------------------------------------------- */

void player_init(struct player *p, const struct suite_settings *settings, bool own_network)
{
    *p = (struct player){.settings = *settings};
    umpire_init(&p->umpire);
    p->settings.tap = &p->umpire.tap;
    serve_init(&p->serve, &p->settings, own_network);
    p->serve.is_hasty = true;
}

void player_fini(struct player *p)
{
    serve_fini(&p->serve);
    edges_close(&p->edges);
}

void player_renew(struct player *p)
{
    serve_end(&p->serve);
    edges_close(&p->edges);
    p->said = 0;
}

/* Whether a kept server is done with the session: it waits, with all that it was sent read. Whether
 * it listens is not looked up: that would cost more than a session, and a connect can be repeated.
 */
static bool settles(struct player *p)
{
    struct subject *s = &p->serve.subject;
    struct sim_process process = subject_process(s);
    uint64_t deadline = now_ns() + SETTLE_MS * UINT64_C(1000000);
    unsigned rests = 0;

    while (s->running && rests < 2 && now_ns() < deadline) {
        struct pollfd fds[4];
        poll(fds, (nfds_t)process.watch(s, fds, ARRAY_LEN(fds)), 1);
        subject_turn(s);
        rests = process.sleeps(s) ? rests + 1 : 0;
    }
    return s->running && rests == 2;
}

static void add_edge(void *context, size_t edge, unsigned bucket)
{
    struct verdict *v = context;
    uint32_t feature = (uint32_t)edge * 8 + bucket;

    text_add(&v->edges, &feature, sizeof feature);
}

static void take_edges(struct player *p, struct verdict *v)
{
    pid_t pid = p->serve.subject.pid;

    if (p->edges.pid != pid) {
        edges_close(&p->edges);
        edges_open(&p->edges, pid);
    }
    edges_look(&p->edges, add_edge, v);
}

/* What a kept server does behind the session belongs to it as well. */
static void watch_rest(struct player *p, struct verdict *v)
{
    struct subject *s = &p->serve.subject;
    struct sim_process process = subject_process(s);
    int status = 0;

    if (!s->running && !s->ended)
        return;
    bool is_ready = settles(p);
    take_edges(p, v);
    if (process.ended(s, &status) && v->cause == SIM_OK) {
        bool was_killed = WIFSIGNALED(status);
        v->cause = was_killed ? SIM_CRASH : SIM_EXIT;
        if (was_killed)
            text_addf(&v->got, "the subject was killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
        else
            text_addf(&v->got, "the subject's process ended by itself, status %d",
                      WEXITSTATUS(status));
        text_add(&v->said, s->err.at + MIN(p->said, s->err.len),
                 s->err.len - MIN(p->said, s->err.len));
    }
    p->said = s->err.len;
    subject_sample(s, &v->after);
    if (!is_ready && v->cause == SIM_OK &&
        !subject_rests(s, NULL, p->settings.timeout_scale, &v->got))
        v->cause = SIM_SPIN;
    if (!is_ready)
        player_renew(p);
}

static void write_script(const struct fuzz_case *c, struct play_how how, struct text *out)
{
    fuzz_case_write(c, NAME, NULL, "INT-3", how.is_repeated ? "leak" : NULL, out);
    if (how.alive_s && !c->session.we_serve)
        text_addf(out, "expect alive within %us\n", how.alive_s);
}

static bool run_text(struct player *p, const char *text, bool is_kept, struct suite_run *run)
{
    struct script_list list = {0};
    struct script_error error;

    *run = (struct suite_run){.cause = SIM_TROUBLE};
    bool ok = script_read(&list, NAME, text, &error);
    if (ok)
        suite_run_case_on(&p->serve, is_kept, list.at[0], run);
    else
        script_error_format(&error, &run->got);
    script_list_fini(&list);
    return ok;
}

void player_play(struct player *p, const struct fuzz_case *c, struct play_how how,
                 struct verdict *v)
{
    struct text text = {0};
    struct suite_run run;

    *v = (struct verdict){.cause = SIM_OK};
    p->settings.is_lenient = !how.is_strict;
    p->settings.hang_ms = MAX(how.alive_s, HANG_S) * 1000;
    p->serve.is_hasty = how.is_kept;
    if (!how.is_kept)
        player_renew(p);
    else if (p->serve.subject.running)
        subject_sample(&p->serve.subject, &v->before);
    write_script(c, how, &text);
    umpire_begin(&p->umpire, c->session.we_serve);
    run_text(p, text_string(&text), how.is_kept, &run);
    take_run(&run, v);
    v->record.we_serve = c->session.we_serve;
    if (how.is_kept && !c->session.we_serve)
        watch_rest(p, v);
    if (umpire_end(&p->umpire) && v->cause == SIM_OK)
        take_violation(&p->umpire, v);
    if (v->cause != SIM_OK && v->cause != SIM_TROUBLE)
        verdict_make_key(v);
    if (v->cause != SIM_OK || !how.is_kept)
        player_renew(p);
    suite_run_fini(&run);
    text_fini(&text);
}

enum sim_cause player_play_script(struct player *p, const char *script)
{
    struct suite_run run;

    p->settings.is_lenient = p->serve.is_hasty = false;
    p->settings.hang_ms = 0;
    player_renew(p);
    umpire_begin(&p->umpire, false);
    run_text(p, script, false, &run);
    umpire_end(&p->umpire);
    enum sim_cause cause = run.cause;
    suite_run_fini(&run);
    return cause;
}

bool player_serves(struct player *p, unsigned within_s)
{
    struct text text = {0};
    struct suite_run run;

    text_addf(&text, "case %s\nclause INT-3\nplays client\n\nexpect alive within %us\n", NAME,
              within_s);
    p->settings.is_lenient = p->serve.is_hasty = true;
    umpire_begin(&p->umpire, false);
    run_text(p, text_string(&text), true, &run);
    umpire_end(&p->umpire);
    bool ok = run.cause == SIM_OK;
    if (ok)
        settles(p);
    suite_run_fini(&run);
    text_fini(&text);
    return ok;
}
