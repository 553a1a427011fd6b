/* convert.c - the head of the script, its first messages, and what keeps it from being played. */
#include "harness/capture/convert_core.h"

#include "harness/capture/digest.h"
#include "harness/script/script.h"
#include "impl/net/auth.h"
#include "impl/wire/json.h"
#include "impl/wire/state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

const struct session_message *convert_find(const struct conversion *c, enum session_kind kind,
                                           enum session_from from, unsigned nth)
{
    for (size_t i = 0; i < c->list->n; i++) {
        const struct session_message *m = &c->list->messages[i];
        if (m->kind == kind && m->from == from && nth-- == 0)
            return m;
    }
    return NULL;
}

void convert_comment(const struct conversion *c, uint64_t at_ns, const char *format, ...)
{
    va_list args;
    char words[512];

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    text_addf(c->out, "# %.3f s: %s\n", (double)at_ns / 1e9, words);
}

bool convert_is_stale(const struct conversion *c)
{
    return c->is_client && c->params != NULL && c->params->authtoken != NULL && !c->has_claim;
}

#define PACING_TIMER_USUAL 1000

/* --- texts ------------------------------------------------------------------------------------ */

/* As it stands, if it can. */
static bool add_plain(struct text *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < 0x20 || text.at[i] >= 0x7f || text.at[i] == '\'')
            return false;
    text_addf(out, "'%.*s'", (int)text.len, (const char *)text.at);
    return true;
}

static void add_quoted(struct text *out, struct bytes text)
{
    if (add_plain(out, text))
        return;
    text_adds(out, "\"");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c == '"' || c == '\\')
            text_addf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            text_addf(out, "\\x%02x", c);
        else
            text_add(out, &c, 1);
    }
    text_adds(out, "\"");
}

void convert_raw(const struct conversion *c, const char *moment, const struct session_message *m)
{
    text_addf(c->out, "wire %s raw ", moment);
    add_quoted(c->out, m->body);
}

/* --- the head --------------------------------------------------------------------------------- */

static void add_number(struct text *out, const char *option, int64_t value)
{
    if (value > 0)
        text_addf(out, " %s %" PRId64, option, value);
}

static void add_flag(struct text *out, const char *option, bool given)
{
    if (given)
        text_addf(out, " %s", option);
}

/* As the reader of `subject` takes words apart: quotes hold them together, and nothing is escaped.
 */
static const char *quote_for(const char *value)
{
    return value[0] != '\0' && value[strcspn(value, " #\"'")] == '\0' ? ""
           : strchr(value, '\'') == NULL                              ? "'"
                                                                      : "\"";
}

bool convert_holds_word(const char *value)
{
    const char *quote = quote_for(value);

    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '{' || *c == '\\' ||
            (quote[0] != '\0' && *c == quote[0]))
            return false;
    return true;
}

/* Returns whether it can be. */
static bool add_word(struct text *out, const char *option, const char *value)
{
    if (value == NULL)
        return true;
    const char *quote = quote_for(value);
    if (!convert_holds_word(value))
        return false;
    text_addf(out, " %s %s%s%s", option, quote, value, quote);
    return true;
}

/* Behind them the line ends. */
static void add_words(struct text *out, const struct params *p)
{
    const struct {
        const char *option, *value;
    } rows[] = {
        {"-C",           p->congestion},
        {"-T",           p->title     },
        {"--extra-data", p->extra_data},
    };
    bool is_held[ARRAY_LEN(rows)];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        is_held[i] = add_word(out, rows[i].option, rows[i].value);
    text_adds(out, "\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!is_held[i])
            text_addf(out, "# left out: %s and a word that this line cannot hold\n",
                      rows[i].option);
}

/* The command line of a client that sends these parameters. */
static void add_options(struct text *out, const struct params *p)
{
    add_flag(out, "-u", p->udp);
    add_flag(out, "--sctp", p->sctp);
    add_flag(out, "-R", p->reverse && !p->bidirectional);
    add_flag(out, "--bidir", p->bidirectional);
    if (p->num == 0 && p->blockcount == 0)
        text_addf(out, " -t %" PRId64, params_time_limit(p));
    add_number(out, "-n", p->num);
    add_number(out, "-k", p->blockcount);
    add_number(out, "-O", p->omit);
    add_number(out, "-P", p->parallel > 1 ? p->parallel : 0);
    add_number(out, "-l", p->len);
    add_number(out, "-w", p->window);
    add_number(out, "-M", p->MSS);
    add_number(out, "-S", p->TOS);
    add_number(out, "-L", p->flowlabel);
    if (params_has(p, PARAM_server_affinity)) /* its own is not told; the first is always there */
        text_addf(out, " -A 0,%" PRId64, p->server_affinity);
    if (p->bandwidth > 0 && p->burst > 0)
        text_addf(out, " -b %" PRId64 "/%" PRId64, p->bandwidth, p->burst);
    else if (p->bandwidth > 0 || p->udp) /* UDP has a limit unless it is told otherwise */
        text_addf(out, " -b %" PRId64, p->bandwidth);
    add_number(out, "--pacing-timer", p->pacing_timer == PACING_TIMER_USUAL ? 0 : p->pacing_timer);
    add_number(out, "--fq-rate", p->fqrate);
    add_flag(out, "-m", p->mptcp != 0);
    add_flag(out, "-N", p->nodelay);
    add_flag(out, "-Z", p->zerocopy != 0);
    add_flag(out, "--skip-rx-copy", p->skip_rx_copy != 0);
    add_flag(out, "--udp-counters-64bit", p->udp_counters_64bit != 0);
    add_flag(out, "--gsro", p->gso != 0 || p->gro != 0);
    add_flag(out, "--dont-fragment", p->dont_fragment != 0);
    add_flag(out, "--no-fq-socket-pacing", p->no_fq_socket_pacing != 0);
    add_flag(out, "--repeating-payload", p->repeating_payload != 0);
    add_flag(out, "--get-server-output", p->get_server_output != 0);
    add_words(out, p);
}

/* Its output went to the client as JSON: it was started with -J. */
static bool has_json_output(const struct conversion *c)
{
    static const char key[] = "\"server_output_json\"";
    const struct session_message *results = convert_find(c, SESSION_JSON, SESSION_SUBJECT, 0);

    return results != NULL && results->body.len > 0 &&
           memmem(results->body.at, results->body.len, key, sizeof key - 1) != NULL;
}

/* What the other side is started with: a client asks for what was asked for; a server knows users
 * if the client has a token. */
static void add_subject(const struct conversion *c)
{
    if (c->params == NULL)
        return;
    if (!c->is_client) {
        text_adds(c->out, "subject ");
        add_options(c->out, c->params);
        if (c->params->flowlabel > 0)
            text_adds(c->out, "needs    ipv6\naddress  ::1\n");
    } else if (c->params->authtoken != NULL) {
        const char *users = c->request->users_path;
        text_addf(c->out, "subject  --rsa-private-key-path %s --authorized-users-path %s\n",
                  c->has_claim ? c->request->key_path : "{keys}/private.pem",
                  c->has_claim && users != NULL ? users : "{keys}/users.csv");
    } else if (has_json_output(c)) {
        text_adds(c->out, "subject  -J\n");
    }
}

/* In a comment, which a line feed would end. */
static void add_name(struct text *out, const char *file)
{
    for (const char *at = file; *at != '\0'; at++)
        text_addf(out, "%c", (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at);
}

static void add_head(const struct conversion *c)
{
    struct text mode = {0}, ending = {0};
    char client[64], server[64];

    digest_mode(c->s, &mode);
    digest_ending(c->s, &ending);
    text_addf(c->out, "# Session %" PRIu64 " of ", c->s->number);
    add_name(c->out, c->request->file);
    text_addf(c->out, ": %s > %s.\n", track_end_text(&c->s->client, client),
              track_end_text(&c->s->server, server));
    text_adds(c->out, "# Times are those of the capture, since the start of the session.\n");
    text_addf(c->out, "case     %s\n", c->request->id);
    text_addf(c->out, "title    The %s of a captured session (client %s, %s): %s\n",
              c->is_client ? "client" : "server", digest_client_version(c->s), text_string(&mode),
              text_string(&ending));
    bool is_denied = c->s->last_state[OBSERVER_SERVER] == ACCESS_DENIED;
    text_addf(c->out, "clause   %s\n",
              !is_denied     ? "FLOW-1"
              : c->is_client ? "CLOSE-2"
                             : "ST-CLI-9.a");
    if (c->is_client && c->params != NULL && c->params->authtoken != NULL)
        text_adds(c->out, "needs    auth\n");
    text_addf(c->out, "plays    %s\n", c->is_client ? "client" : "server");
    add_subject(c);
    text_adds(c->out, "\n");
    text_fini(&mode);
    text_fini(&ending);
}

/* --- cookie and parameters -------------------------------------------------------------------- */

/* The same for the control connection and for every stream that has one. A script that is refused
 * for its token comes to no streams. */
static void add_cookies(const struct conversion *c, const struct session_message *m)
{
    convert_comment(c, m->at_ns, "the cookie, which every TCP stream repeats (CTL-2, STR-1)");
    convert_raw(c, "cookie", m);
    text_adds(c->out, "\n");
    for (size_t i = 0; i < c->s->n_streams && !convert_is_stale(c); i++) {
        if (c->s->streams[i]->is_udp || c->s->streams[i]->was_denied)
            continue;
        text_addf(c->out, "stream %" PRId64 " ", c->s->streams[i]->id);
        convert_raw(c, "cookie", m);
        text_adds(c->out, "\n");
    }
}

static void add_token(const struct conversion *c)
{
    const struct token_claim *claim = &c->claim;

    text_adds(c->out, "# the token, signed again at the time of the play\n"
                      "wire params.authtoken = token user ");
    add_quoted(c->out, (struct bytes){(const uint8_t *)claim->user, strlen(claim->user)});
    text_adds(c->out, " password ");
    add_quoted(c->out, (struct bytes){(const uint8_t *)claim->password, strlen(claim->password)});
    text_addf(c->out, " at now padding %s key %s\n", c->is_pkcs1 ? "pkcs1" : "oaep",
              c->request->key_path);
}

/* What it means by its parameters is what it said, as far as a peer can mean it: also where the
 * text has what a reader lets pass. */
static void add_params(const struct conversion *c, const struct session_message *m)
{
    json_value *value;

    convert_comment(c, m->at_ns, "what it says of the test, and acts by");
    convert_raw(c, "params", m);
    if (json_parse(m->body, &value) == SPEC_OK) {
        text_adds(c->out, " meaning ");
        script_add_meaning(value, c->out);
        json_free(value);
    }
    text_adds(c->out, "\n");
    if (c->has_claim)
        add_token(c);
}

/* --- whether it can be played ----------------------------------------------------------------- */

/* Why it cannot, or NULL. */
static const char *obstacle(const struct conversion *c)
{
    const struct session_message *cookie = convert_find(c, SESSION_COOKIE, SESSION_US, 0);

    if (c->s->is_late)
        return "the session began before the capture";
    if (!c->s->is_over[0] && !c->s->is_over[1])
        return "the session was not over when the capture ended";
    if (c->is_client && (cookie == NULL || cookie->body.len == 0))
        return "its cookie was not captured whole";
    for (size_t i = 0; i < c->list->n; i++) {
        const struct session_message *m = &c->list->messages[i];
        if (m->kind == SESSION_JSON && m->from == SESSION_US && m->body.len == 0)
            return "a message of the side to be played was not captured whole";
    }
    if (c->s->n_gaps > 0)
        return "bytes of the control connection were not captured";
    if (c->params != NULL && (int64_t)c->s->n_streams > params_n_streams(c->params))
        return "more streams were captured than its parameters ask for";
    if (!c->is_client && c->s->has_left && !observer_completed(c->s->observer))
        return "the client left before its time, and what made it leave is not in a capture";
    if (!c->is_client && c->params == NULL && c->s->last_state[OBSERVER_SERVER] != ACCESS_DENIED)
        return "there are no parameters that tell what the client was asked to do";
    return NULL;
}

/* The claim in its token, with either padding (AUTH-7). */
static bool open_token(struct conversion *c)
{
    struct auth_rsa rsa = {.key = c->request->key};
    struct token_rsa decrypt = {auth_decrypt, &rsa};

    for (int i = 0; i < 2 && !c->has_claim; i++) {
        rsa.pkcs1 = i == 1;
        c->has_claim = token_open(c->params->authtoken, &decrypt, &c->claim) == SPEC_OK;
        c->is_pkcs1 = rsa.pkcs1;
    }
    return c->has_claim;
}

static void write_script(const struct conversion *c)
{
    const struct session_message *cookie = convert_find(c, SESSION_COOKIE, SESSION_US, 0);
    bool was_denied = c->s->last_state[OBSERVER_SERVER] == ACCESS_DENIED;

    add_head(c);
    if (was_denied && c->is_client)
        text_adds(c->out, "# the server was busy with another client\n"
                          "open     other\n"
                          "other    advance TEST_RUNNING\n");
    if (cookie != NULL)
        add_cookies(c, cookie);
    if (c->is_client && c->params != NULL)
        add_params(c, convert_find(c, SESSION_JSON, SESSION_US, 0));
    if (was_denied)
        convert_denial(c);
    else
        convert_run(c);
}

bool convert_script(const struct convert_request *request, const struct timeline *timeline,
                    const struct track_session *s, struct text *out, struct text *why)
{
    struct session list;
    struct conversion c = {.request = request,
                           .s = s,
                           .params = observer_params(s->observer),
                           .list = &list,
                           .is_client = request->us == OBSERVER_CLIENT,
                           .out = out};

    convert_list(timeline, s, request->us, &list);
    const char *reason = obstacle(&c);
    if (reason == NULL && c.is_client && request->key != NULL && c.params != NULL &&
        c.params->authtoken != NULL && !open_token(&c))
        reason = "its token does not open with the key";
    if (reason == NULL)
        write_script(&c);
    else
        text_adds(why, reason);
    session_fini(&list);
    return reason == NULL;
}
