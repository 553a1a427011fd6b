/* err.h - how a function of this project can fail.
 *
 * These are our own results, inside one process. The numbers that iperf3 puts on the wire are in
 * ierr.h. */
#pragma once

/* From SPEC_E_LENGTH on it is the peer who is at fault, from SPEC_E_NOMEM on our own surroundings,
 * which is never held against a peer. */
#define SPEC_ERRORS(X)                                                                             \
    X(SPEC_OK, "ok")                                                                               \
    X(SPEC_MORE, "more bytes are needed")                                                          \
    X(SPEC_E_LENGTH, "length is 0 or above the limit")                                             \
    X(SPEC_E_SHORT, "ended before it was complete")                                                \
    X(SPEC_E_JSON, "not a JSON text")                                                              \
    X(SPEC_E_MISSING, "a required member is missing")                                              \
    X(SPEC_E_TYPE, "a member has the wrong type")                                                  \
    X(SPEC_E_RANGE, "a value is out of range")                                                     \
    X(SPEC_E_STREAM_ID, "an unknown stream id")                                                    \
    X(SPEC_E_TOKEN, "an authentication token that does not open")                                  \
    X(SPEC_E_VALUE, "an unexpected value")                                                         \
    X(SPEC_E_CLOSED, "connection closed by the peer")                                              \
    X(SPEC_E_RESET, "connection reset by the peer")                                                \
    X(SPEC_E_TIMEOUT, "no answer in time")                                                         \
    X(SPEC_E_NOMEM, "out of memory")                                                               \
    X(SPEC_E_SPACE, "a buffer is too small")                                                       \
    X(SPEC_E_SYSTEM, "a system call failed")                                                       \
    X(SPEC_E_USAGE, "bad usage")

enum spec_err {
#define X(name, text) name,
    SPEC_ERRORS(X)
#undef X
        SPEC_N_ERRORS
};

/* e in words, without a full stop; "unknown error" for a value outside of the enum. Static. */
const char *spec_err_text(enum spec_err e);
