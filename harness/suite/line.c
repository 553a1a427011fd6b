/* line.c - what a worker is told, and answers: numbers and texts on a stream between two processes
 * of one program, and so in the layout that they both have. */
#include "harness/suite/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_MAX (64u << 20) /* bytes of one text */
#define N_TEXTS    11

bool line_put(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool line_get(int fd, void *bytes, size_t len)
{
    char *at = bytes;

    while (len > 0) {
        ssize_t got = recv(fd, at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

/* The numbers of a suite_run, and the lengths of its texts behind them. */
struct answer {
    unsigned cause, service, line, connects, retries, process, own_network;
    uint64_t duration_ns, served_ns;
    uint32_t lens[N_TEXTS];
};

static void texts_of(struct suite_run *run, struct text *texts[N_TEXTS])
{
    struct text *const all[N_TEXTS] = {
        &run->clause,  &run->step, &run->got,    &run->branches,  &run->timeline, &run->said,
        &run->command, &run->kept, &run->unkept, &run->reactions, &run->session};

    memcpy(texts, all, sizeof all);
}

bool line_put_run(int fd, struct suite_run *run)
{
    struct answer a = {run->cause,     run->service, run->line,        run->connects,
                       run->retries,   run->process, run->own_network, run->duration_ns,
                       run->served_ns, {0}};
    struct text *texts[N_TEXTS];
    bool ok;

    texts_of(run, texts);
    for (int i = 0; i < N_TEXTS; i++)
        a.lens[i] = (uint32_t)texts[i]->len;
    ok = line_put(fd, &a, sizeof a);
    for (int i = 0; i < N_TEXTS && ok; i++)
        ok = line_put(fd, text_string(texts[i]), texts[i]->len);
    return ok;
}

bool line_get_run(int fd, struct suite_run *run)
{
    struct answer a;
    struct text *texts[N_TEXTS];

    *run = (struct suite_run){0};
    if (!line_get(fd, &a, sizeof a))
        return false;
    run->cause = a.cause < SIM_N_CAUSES ? (enum sim_cause)a.cause : SIM_TROUBLE;
    run->service = (enum suite_service)a.service;
    run->line = a.line;
    run->connects = a.connects;
    run->retries = a.retries;
    run->process = a.process;
    run->own_network = a.own_network;
    run->duration_ns = a.duration_ns;
    run->served_ns = a.served_ns;
    texts_of(run, texts);
    for (int i = 0; i < N_TEXTS; i++) {
        if (a.lens[i] > ANSWER_MAX)
            return false;
        char *bytes = text_realloc(NULL, a.lens[i]);
        bool ok = line_get(fd, bytes, a.lens[i]);
        if (ok)
            text_add(texts[i], bytes, a.lens[i]);
        free(bytes);
        if (!ok)
            return false;
    }
    return true;
}
