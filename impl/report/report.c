/* report.c - keeps what a report needs to know, and passes each call on to text.c or doc.c. */
#include "impl/report/report.h"

#include "impl/report/state.h"
#include "impl/version.h"
#include "impl/wire/bytes.h"
#include "impl/wire/ierr.h"

#include <stdlib.h>
#include <string.h>

static bool is_text(const struct report *r)
{
    return r->config.mode == REPORT_TEXT;
}

size_t report_halves(const struct report *r, size_t n, bool first_sends,
                     struct report_half halves[2])
{
    size_t count = r->params.bidirectional && n >= 2 ? n / 2 : n;

    halves[0] = (struct report_half){0, count, first_sends};
    halves[1] = (struct report_half){count, n - count, !first_sends};
    return count < n ? 2 : 1;
}

int report_socket(const struct report *r, size_t i, const struct interval *row)
{
    return i < r->n_streams ? r->streams[i].socket : row->socket;
}

enum params_protocol report_protocol(const struct report *r)
{
    return params_protocol(&r->params);
}

static void flush(struct report *r)
{
    if (r->config.forceflush || r->config.mode == REPORT_JSON_STREAM)
        fflush(r->config.out);
}

/* --- life ---------------------------------------------------------------------------------------
 */

struct report *report_new(const struct report_config *config)
{
    struct report *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->config = *config;
    params_init(&r->params);
    jwrite_init(&r->doc, JWRITE_PRETTY);
    if (config->server && is_text(r))
        r->tee = open_memstream(&r->tee_text, &r->tee_len);
    return r;
}

static void drop_tee(struct report *r)
{
    if (r->tee != NULL)
        fclose(r->tee);
    r->tee = NULL;
    free(r->tee_text);
    r->tee_text = NULL;
}

void report_free(struct report *r)
{
    if (r == NULL)
        return;
    drop_tee(r);
    jwrite_fini(&r->doc);
    params_fini(&r->params);
    free(r->streams);
    free(r->server_text);
    free(r->server_json);
    free(r->answer);
    free(r);
}

void report_banner(const struct report_config *config)
{
    if (config->mode == REPORT_TEXT && config->verbose)
        text_banner(config);
}

void report_listening(const struct report_config *config, unsigned port, uint64_t test_number)
{
    if (config->mode == REPORT_TEXT)
        text_listening(config, port, test_number);
}

/* --- the test -----------------------------------------------------------------------------------
 */

void report_connected(struct report *r, const struct report_connection *c)
{
    r->connection = *c;
    snprintf(r->host, sizeof r->host, "%s", c->host != NULL ? c->host : "");
    snprintf(r->cookie, sizeof r->cookie, "%s", c->cookie != NULL ? c->cookie : "");
    r->connection.host = r->host;
    r->connection.cookie = r->cookie;
    r->has_connection = true;
    if (is_text(r))
        text_connected(r);
    flush(r);
}

static void keep_params(struct report *r, const struct params *p)
{
    struct params copy;

    if (params_copy(&copy, p) != SPEC_OK)
        return;
    params_fini(&r->params);
    r->params = copy;
    r->has_params = true;
}

void report_params(struct report *r, const struct params *p)
{
    keep_params(r, p);
    if (!params_has(&r->params, PARAM_get_server_output))
        drop_tee(r);
    if (is_text(r) && r->config.server)
        text_params(r);
}

void report_buffers(struct report *r, const struct report_buffers *buffers)
{
    r->start.buffers = *buffers;
    r->has_buffers = true;
}

void report_streams(struct report *r, const struct report_stream *streams, size_t n)
{
    struct report_stream *copy = n > 0 ? malloc(n * sizeof *copy) : NULL;

    if (copy == NULL)
        return;
    memcpy(copy, streams, n * sizeof *copy);
    free(r->streams);
    r->streams = copy;
    r->n_streams = n;
    if (is_text(r))
        text_streams(r);
}

void report_start(struct report *r, const struct report_start *start)
{
    keep_params(r, start->params);
    r->start = *start;
    r->start.params = NULL;
    r->has_buffers = r->has_start = true;
    if (is_text(r))
        text_start(r);
    else
        doc_start(r);
    flush(r);
}

void report_interval(struct report *r, const struct interval *rows, size_t n)
{
    if (n == 0)
        return;
    if (is_text(r))
        text_interval(r, rows, n);
    else
        doc_interval(r, rows, n);
    flush(r);
}

void report_end(struct report *r, const struct report_end *end)
{
    if (end->n == 0)
        return;
    if (is_text(r))
        text_end(r, end);
    else
        doc_end(r, end);
    flush(r);
}

void report_note(struct report *r, const char *line)
{
    if (is_text(r))
        text_note(r, line);
}

/* --- errors -------------------------------------------------------------------------------------
 */

/* Keep text, which JSON prints as it is; err shows it behind our name and head. */
static void set_error(struct report *r, const char *head, const char *text)
{
    snprintf(r->error, sizeof r->error, "%s", text);
    if (is_text(r) && r->config.err != NULL)
        fprintf(r->config.err, VERSION_PROGRAM ": %s%s\n", head, text);
}

void report_error(struct report *r, int ierr, int os_errno)
{
    char text[sizeof r->error];

    /* A server says these two in its own words, and does not call them errors. */
    if (r->config.server && ierr == IECLIENTTERM)
        set_error(r, "", "the client has terminated");
    else if (r->config.server && ierr == IECTRLCLOSE)
        set_error(r, "", "the client has unexpectedly closed the connection");
    else {
        report_error_format(text, sizeof text, ierr, os_errno);
        set_error(r, "error - ", text);
    }
}

void report_interrupted(struct report *r, int signo)
{
    char text[sizeof r->error];

    snprintf(text, sizeof text, "interrupt - the %s has terminated by signal %s(%d)",
             r->config.server ? "server" : "client", strsignal(signo), signo);
    set_error(r, "", text);
}

/* --- the end ------------------------------------------------------------------------------------
 */

void report_finish(struct report *r)
{
    if (r->finished)
        return;
    r->finished = true;
    if (is_text(r))
        text_finish(r);
    else
        doc_finish(r);
    fflush(r->config.out);
}

const char *report_output_text(struct report *r)
{
    if (r->tee == NULL || fflush(r->tee) != 0)
        return NULL;
    return r->tee_text;
}

const char *report_output_json(struct report *r)
{
    if (is_text(r))
        return NULL;
    free(r->answer);
    r->answer = doc_so_far(r);
    return r->answer;
}
