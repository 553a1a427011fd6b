/* witness_core.h - the parts of the witness: a control connection's messages, those of streams and
 * third parties, and what each of ours is to the subject. */
#pragma once
#include "harness/session/session.h"
#include "harness/session/witness.h"
#include "impl/wire/params.h"

struct witness_reader {
    const struct session *s;
    const struct witness_end *end;
    bool *is_dead;   /* its crash was told: it dies once */
    const char *who; /* the control connection that is read */
    void (*found)(void *context, const struct witness *w);
    void *context;
};

#define WITNESS_SILENCE_NS 5000000000u /* nobody waits that long for anything but a time-out */

/* Message i; NULL: there is none. */
const struct session_message *witness_peek(const struct witness_reader *r, size_t i);
/* What is said behind message i on the control connection; s->n: nothing. */
size_t witness_next(const struct witness_reader *r, size_t i);
/* Bytes on a control connection, or its end. */
bool witness_is_said(const struct session_message *m);
/* FIN, of one half or of both. */
bool witness_is_end(const struct session_message *m);

/* What our message `at` is to the subject that is in `state`, the next one on that connection being
 * `behind` (NULL: none): SEV_* or CEV_*. False: nothing that a single cell is about. */
bool witness_event(const struct session *s, size_t at, enum machine_state state,
                   const struct session_message *behind, unsigned *event);

/* What the subject's message is as an answer to an event of that cell; NONE: cannot be told. */
enum table_reaction witness_reaction(const struct witness_reader *r,
                                     const struct session_message *reply,
                                     const struct table_cell *cell);

/* Pass it on, unless the reaction is NONE. */
void witness_tell(const struct witness_reader *r, enum machine_state state, unsigned event,
                  enum table_reaction reaction, int ierr, size_t i);

/* Whether we have ended a stream between the two: what comes then may be about that. */
bool witness_loses_stream(const struct witness_reader *r, size_t from, size_t to);
/* Whether the subject got a signal between the two messages. */
bool witness_is_signalled(const struct witness_reader *r, size_t from, size_t to);
/* Whether so much time lies between them that only a time-out can have been waited for. */
bool witness_is_silence(const struct witness_reader *r, size_t from, size_t to);

/* The subject's message that tells of its crash: the end of a connection, and nothing behind it. */
bool witness_is_death(const struct witness_reader *r, const struct session_message *reply);
/* Whether the client on this connection has sent, or received, all that it was told to. */
bool witness_is_test_over(const struct witness_reader *r);
/* The parameters on this connection as they were said before message `to`; false: none that can be
 * read. With true they are the caller's to params_fini(). */
bool witness_params(const struct witness_reader *r, size_t to, struct params *params);

/* Whether the test that the server runs is beyond its time at message i (TMO-8). */
bool witness_is_overdue(const struct witness_reader *r, size_t i);

/* Why a client has failed at message `to`, asked for its streams at `from`: CEV_*. */
unsigned witness_lost_streams(const struct witness_reader *r, size_t from, size_t to);

/* The subject's message at i: what it did without a message of ours on the control connection,
 * where the last one, whoever's, is `before`. */
void witness_own(const struct witness_reader *r, enum machine_state state, size_t before, size_t i);

/* What the session shows beside the control connection: streams that end, and third parties. */
void witness_others(const struct witness_reader *r);
