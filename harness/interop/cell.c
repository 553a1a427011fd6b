#include "harness/interop/cell.h"
#include "harness/session/clock.h"

#include "harness/interop/judge.h"
#include "harness/interop/packets.h"
#include "harness/session/tcpmem.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT  5201 /* in a network of its own */
#define CPORT 5301u
#define READY_MS                                                                                   \
    10000 /* until the server listens, and listens again: 3.21+ can take 10 s (CLOSE-16) */
#define CLIENT_MS 30000 /* for tests of 1 or 2 s */
#define REPORT_MS 12000
#define NS_PER_MS 1000000u

const char *interop_verdict_word(enum interop_verdict verdict)
{
    static const char *const words[] = {
        [CELL_OPEN] = "open",       [CELL_GREEN] = "green",     [CELL_RED] = "red",
        [CELL_SKIPPED] = "skipped", [CELL_TROUBLE] = "trouble",
    };

    return words[verdict];
}

/* A cell that is being played. */
struct play {
    const struct interop_cell *cell;
    const struct kit *kit;
    struct interop_outcome *outcome;
    struct subject client, server;
    unsigned port;
    char cport[16], received[320];
    char client_transcript[320], server_transcript[320]; /* "" : not iperfref */
    bool started;                                        /* both programs could be run at all */
    bool has_network, client_ended, listens_again;
    struct packets *packets; /* NULL: nobody watches them */
};

static uint64_t in_ms(unsigned ms)
{
    return now_ns() + (uint64_t)ms * NS_PER_MS;
}

/* --- command lines --------------------------------------------------------------------------- */

static void fill_in(const struct play *p, const struct interop_end *end, const char *template,
                    struct text *out)
{
    const struct mode_word words[] = {
        {"cport", p->cport     },
        {"src",   p->kit->src  },
        {"dst",   p->received  },
        {"pub",   p->kit->pub  },
        {"key",   p->kit->key  },
        {"users", p->kit->users},
        {NULL,    NULL         },
    };

    mode_expand(template, &end->side, words, out);
}

static char **command(const struct play *p, bool client)
{
    const struct interop_mode *mode = p->cell->mode;
    const struct interop_end *end = client ? p->cell->client : p->cell->server;
    const char *transcript = client ? p->client_transcript : p->server_transcript;
    const char *host = strcmp(mode->needs, "ipv6") == 0 ? "::1" : "127.0.0.1";
    struct text options = {0};

    text_adds(&options, client || !(mode->flags & MODE_TEXT) ? "-J " : "--forceflush ");
    if (*transcript)
        text_addf(&options, "--transcript %s ", transcript);
    fill_in(p, end, client ? mode->client : mode->server, &options);
    char **argv = subject_argv(&end->build, client ? host : NULL, p->port, text_string(&options));
    text_fini(&options);
    return argv;
}

/* The command line as one can type it. */
static void write_line(char *out, size_t cap, char **argv, const char *password)
{
    struct text line = {0};

    if (password) {
        text_adds(&line, "IPERF3_PASSWORD=");
        text_add_word(&line, password);
    }
    for (; *argv; argv++) {
        text_adds(&line, line.len ? " " : "");
        text_add_word(&line, *argv);
    }
    snprintf(out, cap, "%s", text_string(&line));
    text_fini(&line);
}

/* --- playing --------------------------------------------------------------------------------- */

static void settle(struct play *p)
{
    size_t n = p->cell->number;

    p->port = PORT;
    snprintf(p->cport, sizeof p->cport, "%u", CPORT);
    p->has_network = subject_enter_own_network();
    if (!p->has_network) {
        p->port = subject_free_port();
        snprintf(p->cport, sizeof p->cport, "%u", subject_free_port());
    }
    snprintf(p->received, sizeof p->received, "%s/%zu.received", p->kit->dir, n);
    if (p->cell->client->side.is_reference)
        snprintf(p->client_transcript, sizeof p->client_transcript, "%s/%zu.client", p->kit->dir,
                 n);
    if (p->cell->server->side.is_reference)
        snprintf(p->server_transcript, sizeof p->server_transcript, "%s/%zu.server", p->kit->dir,
                 n);
}

/* A listener that is gone before its owner was found looks foreign: CONN-5 and CONN-6 make that
 * happen. */
static bool await_listening(struct play *p)
{
    uint64_t deadline = in_ms(READY_MS);
    enum subject_ready ready;

    while ((ready = subject_await_listening(&p->server, p->port, deadline)) == SUBJECT_FOREIGN &&
           now_ns() < deadline)
        poll(NULL, 0, 1);
    return ready == SUBJECT_READY;
}

static bool start_server(struct play *p, struct text *why)
{
    char **argv = command(p, false);

    write_line(p->outcome->server_line, sizeof p->outcome->server_line, argv, NULL);
    p->started = subject_start(&p->server, argv, NULL, why);
    subject_argv_free(argv);
    bool ok = p->started && await_listening(p);
    if (p->started && !ok)
        text_addf(why, "the server does not listen on port %u", p->port);
    return ok;
}

static bool start_client(struct play *p, struct text *why)
{
    unsigned flags = p->cell->mode->flags;
    const char *password = !(flags & MODE_AUTH)     ? NULL
                           : (flags & MODE_REFUSED) ? KIT_WRONG
                                                    : KIT_PASSWORD;
    char **argv = command(p, true);

    if (password)
        setenv("IPERF3_PASSWORD", password, 1);
    write_line(p->outcome->client_line, sizeof p->outcome->client_line, argv, password);
    p->started = subject_start(&p->client, argv, NULL, why);
    subject_argv_free(argv);
    return p->started;
}

/* Read what both write until done() or the time is up. */
static bool await(struct play *p, bool (*done)(const struct play *p), unsigned ms)
{
    uint64_t deadline = in_ms(ms), now;
    struct sim_process client = subject_process(&p->client), server = subject_process(&p->server);

    while (!done(p) && (now = now_ns()) < deadline) {
        struct pollfd fds[9];
        size_t n = client.watch(client.context, fds, 4);
        n += server.watch(server.context, fds + n, 4);
        if (p->packets)
            fds[n++] = (struct pollfd){.fd = packets_fd(p->packets), .events = POLLIN};
        poll(fds, n, (int)((deadline - now) / NS_PER_MS) + 1);
        subject_turn(&p->client);
        subject_turn(&p->server);
        if (p->packets)
            packets_turn(p->packets);
    }
    return done(p);
}

static bool client_is_over(const struct play *p)
{
    return !p->client.running;
}

static bool server_has_reported(const struct play *p)
{
    return !p->server.running || judge_has_report(&p->server.out);
}

static void play(struct play *p)
{
    unsigned flags = p->cell->mode->flags;

    p->client_ended = await(p, client_is_over, CLIENT_MS);
    if (p->client_ended && !(flags & (MODE_TEXT | MODE_REFUSED)))
        await(p, server_has_reported, REPORT_MS);
    p->listens_again = await_listening(p);
}

/* --- the end of it --------------------------------------------------------------------------- */

static bool judge(struct play *p, bool may_be_late, struct text *why)
{
    struct text facts = {0};

    fill_in(p, p->cell->client, p->cell->mode->facts, &facts);
    struct judge_case c = {
        .mode = p->cell->mode,
        .kit = p->kit,
        .client = {&p->client, p->cell->client, p->client_ended,
                   *p->client_transcript ? p->client_transcript : NULL},
        .server = {&p->server, p->cell->server, false,
                   *p->server_transcript ? p->server_transcript : NULL},
        .listens_again = p->listens_again,
        .facts = text_string(&facts),
        .received = p->received,
        .buffers_grow = tcpmem_most(),
        .may_be_late = may_be_late,
    };
    bool ok = judge_cell(&c, why);
    text_fini(&facts);
    return ok;
}

/* The end of what it wrote: stderr, then stdout. */
static void quote(char *out, size_t cap, struct subject *s)
{
    size_t half = cap / 2 - 8;
    struct text *const all[] = {&s->err, &s->out};
    size_t len = 0;

    for (int i = 0; i < 2; i++) {
        text_make_plain(all[i]);
        size_t skip = all[i]->len > half ? all[i]->len - half : 0;
        if (all[i]->len > 0)
            len += (size_t)snprintf(out + len, cap - len, "%s%.*s", skip ? "..." : "",
                                    (int)(all[i]->len - skip), all[i]->at + skip);
    }
}

static void clear_away(const struct play *p)
{
    const char *const files[] = {p->received, p->client_transcript, p->server_transcript};

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (*files[i])
            unlink(files[i]);
}

/* Nothing else must go over what is watched. */
static bool watch_packets(struct play *p, struct text *why)
{
    if (!p->kit->is_captured)
        return true;
    if (p->has_network)
        p->packets = packets_new(why);
    else
        text_adds(why, "--capture: no network namespace of its own");
    p->outcome->is_captured = p->packets != NULL;
    return p->packets != NULL;
}

static bool judge_packets(struct play *p, struct text *why)
{
    return !p->packets || packets_judge(p->packets, &p->outcome->in_part, why);
}

/* Nothing is wrong but that more was on its way than the buffers were told to hold. */
static bool is_only_late(struct play *p)
{
    struct text unused = {0};
    bool ok = judge(p, true, &unused) && judge_packets(p, &unused);

    text_fini(&unused);
    return ok;
}

static enum interop_verdict judge_all(struct play *p, struct text *why)
{
    if (!p->started)
        return CELL_TROUBLE;
    if (why->len > 0)
        return CELL_RED;
    if (judge(p, false, why))
        return judge_packets(p, why) ? CELL_GREEN : CELL_RED;
    p->outcome->is_late = is_only_late(p);
    return CELL_RED;
}

void cell_play(const struct interop_cell *cell, const struct kit *kit,
               struct interop_outcome *outcome)
{
    struct play p = {.cell = cell, .kit = kit, .outcome = outcome};
    struct text why = {0};
    uint64_t start = now_ns();

    subject_adopt_orphans();
    settle(&p);
    subject_init(&p.server);
    subject_init(&p.client);
    if (watch_packets(&p, &why) && start_server(&p, &why) && start_client(&p, &why))
        play(&p);
    subject_end(&p.server); /* and whatever else is left below us: a client that did not end */
    subject_end(&p.client);
    enum interop_verdict verdict = judge_all(&p, &why);
    text_make_plain(&why);
    snprintf(outcome->reason, sizeof outcome->reason, "%s", text_string(&why));
    if (verdict == CELL_GREEN) {
        clear_away(&p);
    } else {
        quote(outcome->server_said, sizeof outcome->server_said, &p.server);
        quote(outcome->client_said, sizeof outcome->client_said, &p.client);
    }
    packets_free(p.packets);
    subject_fini(&p.client);
    subject_fini(&p.server);
    text_fini(&why);
    outcome->seconds = (double)(now_ns() - start) / 1e9;
    outcome->verdict = verdict; /* last: whoever sees it sees the rest too */
}
