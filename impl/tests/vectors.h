/* vectors.h - reads the recorded stock sessions in impl/tests/vectors for the unit tests.
 *
 *     struct vectors all;
 *     vectors_load(&all);
 *     for (size_t i = 0; i < all.n; i++)
 *         for (size_t j = 0; j < all.at[i].n_events; j++)
 *             feed(all.at[i].events[j].side, all.at[i].events[j].bytes);
 *     vectors_free(&all);
 *
 * Fails the running test when a file is not as its README says, or when there is none. Tests run
 * from the root of the tree; IPERFSPEC_VECTORS names another folder. Knows nothing of impl/wire
 * but struct bytes. */
#pragma once
#include "impl/tests/unit.h"

#include <dirent.h>

enum vector_kind { VECTOR_BYTES, VECTOR_EOF, VECTOR_RESET };

struct vector_event {
    double ms;             /* since the connection was accepted */
    char side;             /* who sent it: 'C' or 'S' */
    enum vector_kind kind; /* bytes is set for VECTOR_BYTES only */
    struct bytes bytes;    /* owned by the session */
};

struct vector_session {
    char name[128];  /* "3.12-3.18-udp": client, server, mode */
    char mode[64];   /* "udp" */
    char client[32]; /* version: "3.12", or "raw" for a hand-written one */
    char server[32]; /* version */
    char client_command[512], server_command[512]; /* empty where the header has none */
    char client_exit[32], server_exit[32];
    struct vector_event *events; /* in the order of the relay between both */
    size_t n_events;
};

struct vectors {
    struct vector_session *at; /* by name */
    size_t n;
};

static inline uint8_t vectors_nibble(char c, const char *name)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

    if (at == NULL)
        fail_msg("%s: '%c' is no hex digit", name, c);
    return (uint8_t)(at - digits);
}

/* "<ms> C|S <hex>|eof|reset", without the newline. */
static inline struct vector_event vectors_event(const char *line, const char *name)
{
    struct vector_event event = {0};
    int used = 0;

    if (sscanf(line, "%lf %c %n", &event.ms, &event.side, &used) != 2 || used == 0)
        fail_msg("%s: no event: %s", name, line);
    const char *what = line + used;
    if (strcmp(what, "eof") == 0 || strcmp(what, "reset") == 0) {
        event.kind = *what == 'e' ? VECTOR_EOF : VECTOR_RESET;
        return event;
    }
    size_t len = strlen(what) / 2;
    uint8_t *bytes = malloc(len + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(vectors_nibble(what[2 * i], name) << 4 |
                             vectors_nibble(what[2 * i + 1], name));
    event.bytes = (struct bytes){bytes, len};
    return event;
}

/* "key: value" into the member that keeps it; keys that no test wants are passed over. */
static inline void vectors_header(struct vector_session *session, const char *line)
{
    char peer[32] = "";

    sscanf(line, "mode: %63[^\n]", session->mode);
    sscanf(line, "client-command: %511[^\n]", session->client_command);
    sscanf(line, "server-command: %511[^\n]", session->server_command);
    sscanf(line, "client-exit: %31[^\n]", session->client_exit);
    sscanf(line, "server-exit: %31[^\n]", session->server_exit);
    if (sscanf(line, "client: iperf3 %31s", peer) == 1 || sscanf(line, "client: %31s", peer) == 1)
        memcpy(session->client, peer, sizeof peer);
    if (sscanf(line, "server: iperf3 %31s", peer) == 1)
        memcpy(session->server, peer, sizeof peer);
}

static inline void vectors_read(struct vector_session *session, const char *path, const char *name)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    bool in_header = true;

    if (file == NULL)
        fail_msg("%s: can't be read", path);
    snprintf(session->name, sizeof session->name, "%.*s", (int)(strlen(name) - 8), name);
    for (ssize_t len; (len = getline(&line, &cap, file)) > 0;) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        if (in_header) {
            in_header = line[0] != '\0';
            vectors_header(session, line);
            continue;
        }
        size_t size = (session->n_events + 1) * sizeof *session->events;
        session->events = realloc(session->events, size);
        assert_non_null(session->events);
        session->events[session->n_events++] = vectors_event(line, name);
    }
    free(line);
    fclose(file);
}

static inline int vectors_is_session(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 8 && strcmp(entry->d_name + len - 8, ".session") == 0;
}

/* Read every session; free with vectors_free. */
static inline void vectors_load(struct vectors *all)
{
    const char *folder = getenv("IPERFSPEC_VECTORS");
    struct dirent **names;
    char path[1024];

    if (folder == NULL)
        folder = "impl/tests/vectors";
    int n = scandir(folder, &names, vectors_is_session, alphasort);
    if (n <= 0)
        fail_msg("no sessions in %s (run the test from the root)", folder);
    all->n = (size_t)n;
    all->at = calloc(all->n, sizeof *all->at);
    assert_non_null(all->at);
    for (size_t i = 0; i < all->n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        vectors_read(&all->at[i], path, names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

static inline void vectors_free(struct vectors *all)
{
    for (size_t i = 0; i < all->n; i++) {
        for (size_t j = 0; j < all->at[i].n_events; j++)
            free((void *)(uintptr_t)all->at[i].events[j].bytes.at);
        free(all->at[i].events);
    }
    free(all->at);
}

/* All bytes that one side sent, in one piece (its length in the result); the caller frees .at. */
static inline struct bytes vectors_join(const struct vector_session *session, char side)
{
    uint8_t *whole = NULL;
    size_t len = 0;

    for (size_t i = 0; i < session->n_events; i++) {
        const struct vector_event *event = &session->events[i];
        if (event->side != side || event->kind != VECTOR_BYTES)
            continue;
        whole = realloc(whole, len + event->bytes.len);
        assert_non_null(whole);
        memcpy(whole + len, event->bytes.at, event->bytes.len);
        len += event->bytes.len;
    }
    return (struct bytes){whole, len};
}
