/* err.h - how a function of this project can fail, and who is to blame for it.
 *
 * These are our own results, inside one process. The numbers that iperf3 puts on the wire are in
 * ierr.h. */
#pragma once

/* The blame decides a verdict: PEER speaks against the subject (fail; for a SHOULD, warn); ENV is a
 * trouble of our own surroundings and is never held against it; NOBODY is no failure. */
enum spec_blame { SPEC_NOBODY, SPEC_PEER, SPEC_ENV };

#define SPEC_ERRORS(X)                                                                             \
    X(SPEC_OK, SPEC_NOBODY, "ok")                                                                  \
    X(SPEC_MORE, SPEC_NOBODY, "more bytes are needed")                                             \
    X(SPEC_E_LENGTH, SPEC_PEER, "length is 0 or above the limit")                                  \
    X(SPEC_E_SHORT, SPEC_PEER, "ended before it was complete")                                     \
    X(SPEC_E_JSON, SPEC_PEER, "not a JSON text")                                                   \
    X(SPEC_E_MISSING, SPEC_PEER, "a required member is missing")                                   \
    X(SPEC_E_TYPE, SPEC_PEER, "a member has the wrong type")                                       \
    X(SPEC_E_RANGE, SPEC_PEER, "a value is out of range")                                          \
    X(SPEC_E_STREAM_ID, SPEC_PEER, "an unknown stream id")                                         \
    X(SPEC_E_TOKEN, SPEC_PEER, "an authentication token that does not open")                       \
    X(SPEC_E_VALUE, SPEC_PEER, "an unexpected value")                                              \
    X(SPEC_E_CLOSED, SPEC_PEER, "connection closed by the peer")                                   \
    X(SPEC_E_RESET, SPEC_PEER, "connection reset by the peer")                                     \
    X(SPEC_E_TIMEOUT, SPEC_PEER, "no answer in time")                                              \
    X(SPEC_E_NOMEM, SPEC_ENV, "out of memory")                                                     \
    X(SPEC_E_SPACE, SPEC_ENV, "a buffer is too small")                                             \
    X(SPEC_E_SYSTEM, SPEC_ENV, "a system call failed")                                             \
    X(SPEC_E_USAGE, SPEC_ENV, "bad usage")

enum spec_err {
#define X(name, blame, text) name,
    SPEC_ERRORS(X)
#undef X
        SPEC_N_ERRORS
};

/* Text of e, static, without a full stop. */
const char *spec_err_text(enum spec_err e);
enum spec_blame spec_err_blame(enum spec_err e);
