#include "harness/suite/serve.h"
#include "harness/session/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN_PORT      5201  /* in a network of our own */
#define READY_MS      10000 /* stock takes 2 ms */
#define PORT_ATTEMPTS 5     /* where the port is not ours alone */
#define STOP_MS       10000 /* for --stop-cmd */
#define SAID_MAX      160   /* of what it printed instead of listening */
#define VACANT_MS     5000  /* for a server of another machine to be gone, with its last case */
#define PAUSE_MS      50    /* between two looks */
#define ANSWER_MS     1000  /* from there, to a connect */

bool serve_trouble(struct suite_run *run, enum sim_cause cause, const char *format, ...)
{
    va_list args;

    run->cause = cause;
    text_fini(&run->got);
    va_start(args, format);
    text_vaddf(&run->got, format, args);
    va_end(args);
    return false;
}

/* --- starting -------------------------------------------------------------------------------- */

static void set_command(struct text *command, char *const *argv)
{
    text_fini(command);
    for (; *argv; argv++) {
        text_adds(command, command->len ? " " : "");
        text_add_word(command, *argv);
    }
}

/* The build's environment, the password of a client that authenticates, and which case it is: for
 * what a build writes about itself, such as its coverage. */
static void set_environment(const struct subject_build *build, const char *which, const char **env)
{
    static const char password[] = "IPERF3_PASSWORD=rossi";
    size_t n = 0;

    env[n++] = which;
    env[n++] = password; /* an --env of the same name comes later, and counts */
    for (size_t i = 0; build->env[i]; i++)
        env[n++] = build->env[i];
    env[n] = NULL;
}

bool serve_launch(const struct serve *serve, const char *host, unsigned port, const char *options,
                  struct subject *subject, struct text *command, struct suite_run *run)
{
    const struct subject_build *build = &serve->settings->build;
    const char *env[SUBJECT_ENV_MAX + 3];
    struct text why = {0}, expanded = {0}, which = {0};

    text_addf(&which, "IPERFSPEC_CASE=%s", serve->which ? serve->which : "");
    set_environment(build, text_string(&which), env);
    subject_keys_expand(&serve->keys, options, &expanded);
    char **argv = subject_argv(build, host, port, text_string(&expanded));
    set_command(command, argv);
    bool ok = subject_start(subject, argv, env, &why);
    if (!ok)
        serve_trouble(run, SIM_TROUBLE, "%s", text_string(&why));
    subject_argv_free(argv);
    text_fini(&expanded);
    text_fini(&which);
    text_fini(&why);
    return ok;
}

/* The first line of what it printed that is not empty, on stderr rather than on stdout. */
static void quote(struct subject *s, struct text *out)
{
    struct text *said = s->err.len ? &s->err : &s->out;

    text_make_plain(said);
    const char *at = text_string(said);

    at += strspn(at, "\n");
    size_t len = strcspn(at, "\n");
    if (!*at)
        text_adds(out, said->len ? "and printed empty lines" : "and printed nothing");
    else
        text_addf(out, "and printed \"%.*s\"%s", (int)MIN(len, SAID_MAX), at,
                  at[MIN(len, SAID_MAX)] && at[MIN(len, SAID_MAX) + 1] ? " and more" : "");
}

/* A command that cannot know where to listen. */
static const char *without_port(const struct serve *serve)
{
    const char *command = serve->settings->build.server_cmd;

    return *command && !strstr(command, "{port}") ? " (its command has no {port})" : "";
}

/* ssh's own, of which the far machine knows nothing. */
static bool is_ssh_trouble(const struct serve *serve)
{
    return serve->settings->build.server_cmd[0] && WEXITSTATUS(serve->subject.status) == 255;
}

/* Why a server never listened: it ended, it does something else, or somebody else has the port. */
static bool not_ready(struct serve *serve, enum subject_ready ready, struct suite_run *run)
{
    char where[96];
    struct subject *s = &serve->subject;
    struct text said = {0};
    unsigned other;

    snprintf(where, sizeof where, "does not listen on the port it was given%s",
             without_port(serve));
    quote(s, &said);
    if (ready == SUBJECT_FOREIGN)
        serve_trouble(run, SIM_TROUBLE, "another process listens on the port");
    else if (s->lost)
        serve_trouble(run, SIM_TROUBLE, "the process that keeps the subject was killed");
    else if (!s->ended && (other = subject_port(s)))
        serve_trouble(run, SIM_NO_SERVICE, "%s, but on %u, %s", where, other, text_string(&said));
    else if (!s->ended)
        serve_trouble(run, SIM_NO_SERVICE, "%s: runs on, %s", where, text_string(&said));
    else if (WIFSIGNALED(s->status))
        serve_trouble(run, WTERMSIG(s->status) == SIGKILL ? SIM_TROUBLE : SIM_CRASH,
                      "%s: was killed by SIG%s, %s", where, sigabbrev_np(WTERMSIG(s->status)),
                      text_string(&said));
    else
        serve_trouble(run, is_ssh_trouble(serve) ? SIM_TROUBLE : SIM_EXIT,
                      "%s: ended with status %d, %s", where, WEXITSTATUS(s->status),
                      text_string(&said));
    text_fini(&said);
    return false;
}

/* --- on another machine ---------------------------------------------------------------------- */

unsigned serve_far_port(const struct suite_far *far)
{
    static unsigned turn;

    return far->port_lo ? far->port_lo + turn++ % (far->port_hi - far->port_lo + 1) : 0;
}

void serve_far_stop(const struct suite_far *far, unsigned port)
{
    struct subject_build build = {0};
    struct subject s;
    struct text why = {0};
    uint64_t deadline = now_ns() + STOP_MS * 1000000ull;

    if (!far->stop_cmd)
        return;
    snprintf(build.server_cmd, sizeof build.server_cmd, "%s", far->stop_cmd);
    char **argv = subject_argv(&build, NULL, port, "");
    if (subject_start(&s, argv, NULL, &why))
        while (s.running && now_ns() < deadline) {
            struct pollfd fd = {.fd = s.line, .events = POLLIN};
            poll(&fd, 1, 50);
            subject_turn(&s);
        }
    subject_end(&s);
    subject_fini(&s);
    subject_argv_free(argv);
    text_fini(&why);
}

void serve_far_begin(const struct serve *serve, unsigned port)
{
    if (serve->busy_port)
        *serve->busy_port = port;
}

void serve_far_end(const struct serve *serve, unsigned port)
{
    serve_far_stop(&serve->settings->far, port);
    serve_far_begin(serve, 0);
}

bool serve_is_elsewhere(const struct serve *serve)
{
    return serve->settings->remote || serve->settings->far.dut;
}

bool serve_split(const char *text, struct sockaddr_storage *at, socklen_t *len)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';
    char host[64], *end;

    if (n == 0 || n >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? n - 2 : n), text + brackets);
    unsigned long port = strtoul(colon + 1, &end, 10);
    return end != colon + 1 && *end == '\0' && port <= 65535 &&
           sim_address(host, (unsigned)port, at, len);
}

/* What a port there says to a connect: 1, somebody takes it; 0, nobody; -1, no answer in time. */
static int ask_port(const struct sockaddr_storage *at, socklen_t len)
{
    int error = 0, fd = socket(at->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd answer = {.fd = fd, .events = POLLOUT};

    if (fd < 0)
        return 0;
    if (connect(fd, (const struct sockaddr *)at, len) < 0)
        error = errno;
    if (error == EINPROGRESS && poll(&answer, 1, ANSWER_MS) > 0)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    close(fd);
    return error == EINPROGRESS ? -1 : error == 0;
}

/* What listens there before a server was started is not that server, but would be judged in its
 * place. One that was told to end may take its time. */
static bool await_vacant(struct serve *serve, struct suite_run *run)
{
    const char *dut = serve->settings->far.dut;
    uint64_t deadline = now_ns() + (serve->is_littered ? 0 : VACANT_MS * 1000000ull);
    struct sockaddr_storage at;
    socklen_t len;
    int taken = 0;

    if (serve->is_mute || !sim_address(dut, serve->port, &at, &len))
        return true;
    while ((taken = ask_port(&at, len)) == 1 && now_ns() < deadline)
        poll(NULL, 0, PAUSE_MS);
    serve->is_mute = taken < 0;
    serve->is_littered |= taken == 1;
    return taken != 1 || serve_trouble(run, SIM_TROUBLE,
                                       "something listens on %s port %u before the server is "
                                       "started: --stop-cmd is to end what a case leaves there",
                                       dut, serve->port);
}

/* There is no table to look at, and a connect is no harmless question: whoever plays the client
 * tries until the server is there (CONN-5). */
static bool start_far(struct serve *serve, const char *options, struct suite_run *run)
{
    const struct suite_far *far = &serve->settings->far;

    serve_end(serve);
    subject_fini(&serve->subject);
    serve->port = serve_far_port(far);
    if (serve->port == 0)
        serve->port = OWN_PORT;
    if (!await_vacant(serve, run))
        return false;
    serve_far_begin(serve, serve->port);
    return serve_launch(serve, NULL, serve->port, options, &serve->subject, &serve->command, run);
}

/* Start it until the port is its own. */
static bool start_new(struct serve *serve, const char *options, struct suite_run *run)
{
    enum subject_ready ready = SUBJECT_FOREIGN;
    double patience_ns = READY_MS * 1e6 * serve->settings->timeout_scale;

    for (int i = 0; ready == SUBJECT_FOREIGN && i < (serve->own_network ? 1 : PORT_ATTEMPTS); i++) {
        serve->port = serve->own_network ? OWN_PORT : subject_free_port();
        if (serve->port == 0)
            return serve_trouble(run, SIM_TROUBLE, "no port is free for TCP and UDP");
        serve_end(serve);
        subject_fini(&serve->subject);
        if (!serve_launch(serve, NULL, serve->port, options, &serve->subject, &serve->command, run))
            return false;
        ready =
            subject_await_listening(&serve->subject, serve->port, now_ns() + (uint64_t)patience_ns);
    }
    return ready == SUBJECT_READY || not_ready(serve, ready, run);
}

/* HOST:PORT or [HOST]:PORT of a server elsewhere. */
static bool find_remote(struct serve *serve, struct suite_run *run)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    const char *text = serve->settings->remote, *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
    char host[256];

    snprintf(host, sizeof host, "%.*s", (int)(brackets ? len - 2 : len), text + brackets);
    int error = len ? getaddrinfo(host, colon + 1, &hints, &found) : EAI_NONAME;
    if (error)
        return serve_trouble(run, SIM_TROUBLE, "no server at '%s' (HOST:PORT): %s", text,
                             gai_strerror(error));
    memcpy(&serve->at, found->ai_addr, found->ai_addrlen);
    serve->at_len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

/* --- the whole ------------------------------------------------------------------------------- */

void serve_init(struct serve *serve, const struct suite_settings *settings, bool own_network)
{
    *serve = (struct serve){.settings = settings, .own_network = own_network};
    subject_init(&serve->subject);
}

bool serve_start(struct serve *serve, const char *options, const char *address,
                 struct suite_run *run)
{
    bool ok = true;

    if (serve->settings->remote)
        return find_remote(serve, run);
    subject_turn(&serve->subject);
    if (!serve->subject.running || strcmp(text_string(&serve->options), options) != 0) {
        text_fini(&serve->options);
        text_adds(&serve->options, options);
        serve->number++;
        ok = serve->settings->far.dut ? start_far(serve, options, run)
                                      : start_new(serve, options, run);
    }
    text_adds(&run->command, text_string(&serve->command));
    address = serve->settings->far.dut ? serve->settings->far.dut : address;
    if (ok && !sim_address(address, serve->port, &serve->at, &serve->at_len))
        ok = serve_trouble(run, SIM_TROUBLE, "'%s' is no address", address);
    return ok;
}

void serve_end(struct serve *serve)
{
    bool was_there = serve->subject.pid > 0;

    subject_end(&serve->subject);
    if (was_there && serve->settings->far.dut)
        serve_far_end(serve, serve->port);
}

void serve_fini(struct serve *serve)
{
    subject_end(&serve->subject);
    subject_fini(&serve->subject);
    subject_keys_remove(&serve->keys);
    text_fini(&serve->options);
    text_fini(&serve->command);
}
