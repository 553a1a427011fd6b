/* convert_core.h - what convert.c and convert_run.c share; private to them. */
#pragma once
#include "harness/capture/convert.h"
#include "impl/wire/token.h"

struct conversion {
    const struct convert_request *request;
    const struct track_session *s;
    const struct params *params; /* NULL: none were sent */
    const struct session *list;
    bool is_client;           /* the side to be played */
    bool has_claim;           /* the token is signed again */
    struct token_claim claim; /* what it says */
    bool is_pkcs1;            /* the padding of the captured one, else OAEP (AUTH-7) */
    struct text *out;
};

/* The nth (from 0) such message, or NULL. */
const struct session_message *convert_find(const struct conversion *c, enum session_kind kind,
                                           enum session_from from, unsigned nth);
/* A comment, a line of its own: when, and what for. */
void convert_comment(const struct conversion *c, uint64_t at_ns, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* `wire MOMENT raw '...'`, without a newline. */
void convert_raw(const struct conversion *c, const char *moment, const struct session_message *m);
/* A token that is sent as it was captured: it is too old by now. */
bool convert_is_stale(const struct conversion *c);

/* Everything behind the header and what `wire` says of the first messages. */
void convert_run(const struct conversion *c);
/* The same for a client that was turned away, or a server that did so. */
void convert_denial(const struct conversion *c);
