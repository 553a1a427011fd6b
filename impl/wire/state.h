/* state.h - the one-byte messages of the control channel (ST-1, ST-2).
 *
 * Names are iperf3's own. A state travels as one signed byte. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* X(name, value, sent by client, sent by server)  The values that neither side sends are numbers
 * which iperf3 reserves; receiving one is an error (ST-2). */
#define STATES(X)                                                                                  \
    X(TEST_START, 1, false, true)                                                                  \
    X(TEST_RUNNING, 2, false, true)                                                                \
    X(RESULT_REQUEST, 3, false, false)                                                             \
    X(TEST_END, 4, true, false)                                                                    \
    X(STREAM_BEGIN, 5, false, false)                                                               \
    X(STREAM_RUNNING, 6, false, false)                                                             \
    X(STREAM_END, 7, false, false)                                                                 \
    X(ALL_STREAMS_END, 8, false, false)                                                            \
    X(PARAM_EXCHANGE, 9, false, true)                                                              \
    X(CREATE_STREAMS, 10, false, true)                                                             \
    X(SERVER_TERMINATE, 11, false, true)                                                           \
    X(CLIENT_TERMINATE, 12, true, false)                                                           \
    X(EXCHANGE_RESULTS, 13, false, true)                                                           \
    X(DISPLAY_RESULTS, 14, false, true)                                                            \
    X(IPERF_START, 15, false, false)                                                               \
    X(IPERF_DONE, 16, true, false)                                                                 \
    X(ACCESS_DENIED, -1, false, true)                                                              \
    X(SERVER_ERROR, -2, false, true)

enum state {
#define X(name, value, client, server) name = (value),
    STATES(X)
#undef X
};

/* iperf3's name of the byte, or NULL for a value that is not in the table. Static. */
const char *state_name(int8_t byte);

/* Value for a name (exact spelling), into *byte; false if there is none. */
bool state_from_name(const char *name, int8_t *byte);

/* Whether a client, or a server, may ever send the byte (column "Sent by" of ST-1). False for
 * values that are not in the table. */
bool state_is_sent_by_client(int8_t byte);
bool state_is_sent_by_server(int8_t byte);
