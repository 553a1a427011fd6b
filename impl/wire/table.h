/* table.h - the state x event tables of section 10 of docs/protocol.md, as data.
 *
 * Each cell answers four questions, in columns of their own:
 *   1. may a correct peer do this here?             forbidden (the judge: observer.h)
 *   2. which reactions are allowed to anyone?       allowed (a set)
 *   3. what do we do?                               ours, ierr, next (the reference: machine.h)
 *   4. by which clause, and who has seen it?        clause, evidence, builds
 * The rows are in table_server.def and table_client.def; a cell that is missing, stands twice, or
 * lets us do what is not allowed does not compile. What stock builds do where several reactions are
 * allowed is in profile.h. */
#pragma once
#include "impl/wire/machine.h"

#include <stdio.h>

/* X(name, words)  The closed list of reactions, seen from outside. */
#define TABLE_REACTIONS(X)                                                                         \
    X(NONE, "-")              /* the event cannot occur here */                                    \
    X(ADVANCE, "advance")     /* the step that the event asks for, in its proper place */          \
    X(OBEY, "obey")           /* what the byte asks for, although out of place (ST-4) */           \
    X(PART, "part-of-item")   /* the byte belongs to the cookie, length or text being read */      \
    X(IGNORE, "ignore")       /* nothing that anyone could see */                                  \
    X(WAIT, "wait")           /* nothing yet */                                                    \
    X(CLOSE, "close")         /* the test ends without a message */                                \
    X(ERROR, "error")         /* fe, number, errno; the test ends (ERR-1) */                       \
    X(ERROR_ONE, "error-one") /* fe and the number alone; the test ends (ERR-2) */                 \
    X(END_OK, "end-ok")       /* the test ends, as a success */                                    \
    X(DENY, "deny")           /* ff on the connection in question; the test goes on */             \
    X(TAKE, "take")           /* the connection or datagram becomes a stream */                    \
    X(FAIL, "fail")           /* client: ends with an error, sends nothing */                      \
    X(FAIL_DONE, "fail+10")   /* client: ends with an error, sends 10 first (CLOSE-9) */           \
    X(TERMINATE, "terminate") /* sends 0b or 0c and ends (CLOSE-6) */                              \
    X(CRASH, "crash")         /* the process dies: allowed nowhere, seen on some builds */         \
    X(HANG, "hang")           /* nothing where something is due, for good: the same */

enum table_reaction_bit {
#define X(name, words) TABLE_BIT_##name,
    TABLE_REACTIONS(X)
#undef X
        TABLE_N_REACTIONS
};

enum table_reaction {
#define X(name, words) TABLE_##name = 1 << TABLE_BIT_##name,
    TABLE_REACTIONS(X)
#undef X
};

/* Whose deed an event is. */
enum table_actor { TABLE_PEER, TABLE_THIRD, TABLE_SELF };

/* X(name, actor, row, words)  What can happen to a server: the rows of section 10.1, and below them
 * what comes from the server itself. */
#define TABLE_SERVER_EVENTS(X)                                                                     \
    X(SEV_ITEM, PEER, "ST-SRV-1", "the awaited item")                                              \
    X(SEV_ACCEPTED, PEER, "ST-SRV-2", "acceptable parameters")                                     \
    X(SEV_REFUSED, PEER, "ST-SRV-3", "well-formed JSON that is refused")                           \
    X(SEV_ILL_FORMED, PEER, "ST-SRV-4", "ill-formed JSON")                                         \
    X(SEV_TEST_START, PEER, "ST-SRV-5", "01 TEST_START")                                           \
    X(SEV_TEST_END, PEER, "ST-SRV-6", "04 TEST_END")                                               \
    X(SEV_CLIENT_TERMINATE, PEER, "ST-SRV-7", "0c CLIENT_TERMINATE")                               \
    X(SEV_IPERF_DONE, PEER, "ST-SRV-8", "10 IPERF_DONE")                                           \
    X(SEV_OTHER_BYTE, PEER, "ST-SRV-9", "any other byte")                                          \
    X(SEV_EOF, PEER, "ST-SRV-10", "end of the control connection")                                 \
    X(SEV_RESET, PEER, "ST-SRV-11", "reset of the control connection")                             \
    X(SEV_SILENCE, PEER, "ST-SRV-12", "silence on the control connection")                         \
    X(SEV_NO_DATA, PEER, "TMO-4", "no data within the receive time-out")                           \
    X(SEV_DURATION, SELF, "TMO-8", "time + omit + grace are over")                                 \
    X(SEV_CONN_SILENT, THIRD, "ST-SRV-13", "another connection, silent")                           \
    X(SEV_CONN_COOKIE, THIRD, "ST-SRV-14", "another connection with the right cookie")             \
    X(SEV_CONN_OTHER, THIRD, "ST-SRV-15", "another connection with a wrong or short cookie")       \
    X(SEV_CONN_RESET, THIRD, "ST-SRV-16", "another connection that is reset")                      \
    X(SEV_DATAGRAM, THIRD, "ST-SRV-17", "a UDP datagram to the port")                              \
    X(SEV_STREAM_EOF, PEER, "ST-SRV-18", "end of a stream")                                        \
    X(SEV_STREAM_RESET, PEER, "ST-SRV-19", "reset of a stream")                                    \
    X(SEV_SIGNAL, SELF, "ST-SRV-20", "signal to the server")                                       \
    X(SEV_STREAMS_UP, SELF, "STR-4", "the last stream is accepted")                                \
    X(SEV_AUTH_FAILED, PEER, "AUTH-11", "parameters without a valid token")                        \
    X(SEV_OWN_FAILURE, SELF, "ERR-8", "a failure of the server's own")

/* The same for a client, section 10.2. */
#define TABLE_CLIENT_EVENTS(X)                                                                     \
    X(CEV_PARAM_EXCHANGE, PEER, "ST-CLI-1", "09 PARAM_EXCHANGE")                                   \
    X(CEV_CREATE_STREAMS, PEER, "ST-CLI-2", "0a CREATE_STREAMS")                                   \
    X(CEV_TEST_START, PEER, "ST-CLI-3", "01 TEST_START")                                           \
    X(CEV_TEST_RUNNING, PEER, "ST-CLI-4", "02 TEST_RUNNING")                                       \
    X(CEV_EXCHANGE_RESULTS, PEER, "ST-CLI-5", "0d EXCHANGE_RESULTS")                               \
    X(CEV_DISPLAY_RESULTS, PEER, "ST-CLI-6", "0e DISPLAY_RESULTS")                                 \
    X(CEV_IPERF_DONE, PEER, "ST-CLI-7", "10 IPERF_DONE")                                           \
    X(CEV_SERVER_TERMINATE, PEER, "ST-CLI-8", "0b SERVER_TERMINATE")                               \
    X(CEV_ACCESS_DENIED, PEER, "ST-CLI-9", "ff ACCESS_DENIED")                                     \
    X(CEV_SERVER_ERROR, PEER, "ST-CLI-10", "fe SERVER_ERROR and 8 bytes")                          \
    X(CEV_ERROR_ONE, PEER, "ST-CLI-11", "fe, 4 bytes, end")                                        \
    X(CEV_ERROR_BARE, PEER, "ST-CLI-12", "fe, end")                                                \
    X(CEV_ERROR_SILENCE, PEER, "ST-CLI-13", "fe, silence")                                         \
    X(CEV_POSITIVE_BYTE, PEER, "ST-CLI-14", "another positive byte")                               \
    X(CEV_NEGATIVE_BYTE, PEER, "ST-CLI-15", "00 or another negative byte")                         \
    X(CEV_EOF, PEER, "ST-CLI-16", "end of the control connection")                                 \
    X(CEV_RESET, PEER, "ST-CLI-17", "reset of the control connection")                             \
    X(CEV_SILENCE, PEER, "ST-CLI-18", "silence on the control connection")                         \
    X(CEV_NO_DATA, PEER, "TMO-5", "no data within the receive time-out")                           \
    X(CEV_STREAM_REFUSED, PEER, "ST-CLI-19", "ff and close on a stream")                           \
    X(CEV_CONNECT_FAILED, PEER, "ST-CLI-20", "a stream that cannot be connected")                  \
    X(CEV_UDP_REPLY_BAD, PEER, "ST-CLI-21", "UDP reply wrong or missing")                          \
    X(CEV_STREAM_LOST, PEER, "ST-CLI-22", "end or reset of a stream")                              \
    X(CEV_SIGNAL, SELF, "ST-CLI-24", "signal to the client")                                       \
    X(CEV_TEST_OVER, SELF, "ST-CLI-25", "the end condition holds")                                 \
    X(CEV_RESULTS, PEER, "ST-CLI-30", "well-formed results")                                       \
    X(CEV_RESULTS_BAD, PEER, "ST-CLI-31", "unusable results")                                      \
    X(CEV_RESULTS_ID, PEER, "ST-CLI-32", "results with an unknown stream id")                      \
    X(CEV_RESULTS_ODD, PEER, "ST-CLI-35", "results with no streams, extra members, long output")   \
    X(CEV_OWN_FAILURE, SELF, "CLOSE-9", "a failure of the client's own")

enum table_server_event {
#define X(name, actor, row, words) name,
    TABLE_SERVER_EVENTS(X)
#undef X
        SEV_N
};
enum table_client_event {
#define X(name, actor, row, words) name,
    TABLE_CLIENT_EVENTS(X)
#undef X
        CEV_N
};

#define TABLE_N_SERVER_STATES 6
#define TABLE_N_CLIENT_STATES 8

enum table_evidence {
    TABLE_WITNESSED, /* provoked on the running builds named */
    TABLE_DERIVED,   /* read from the source or from another clause */
    TABLE_OURS,      /* a decision of the reference alone */
};

struct table_cell {
    const char *forbidden; /* NULL: a correct peer may; else the clause that forbids it */
    unsigned allowed;      /* set of enum table_reaction */
    enum table_reaction ours;
    int ierr;                /* number that goes with it; 0: none, or it comes with the event */
    enum machine_state next; /* where an ADVANCE leads, else the same state or MACHINE_OVER */
    const char *clause;
    enum table_evidence evidence;
    const char *builds; /* WITNESSED: which; else "" */
};

/* Role of a state; SRV_* are the server's. */
enum machine_role table_role(enum machine_state state);

/* How many events that role has: SEV_N or CEV_N. */
unsigned table_n_events(enum machine_role role);

/* The cell. state is SRV_* or CLI_*, event one of that role's. Static. */
const struct table_cell *table_cell(enum machine_state state, unsigned event);

/* What a state byte, 0 and unknown ones included, is to the role that reads it: SEV_TEST_END,
 * CEV_NEGATIVE_BYTE, ... */
enum table_server_event table_server_byte(int8_t byte);
enum table_client_event table_client_byte(int8_t byte);

/* An event's columns: its name ("SEV_TEST_END"), itself in words, and the row of section 10 that it
 * is ("ST-SRV-6"); static. And whose deed it is. */
const char *table_event_name(enum machine_role role, unsigned event);
const char *table_event_text(enum machine_role role, unsigned event);
const char *table_event_row(enum machine_role role, unsigned event);
enum table_actor table_event_actor(enum machine_role role, unsigned event);

/* Names of a set of reactions, "close|error", into out: cap bytes, NUL-terminated, cut if they
 * don't fit. Returns out. */
char *table_reactions_text(unsigned set, char *out, size_t cap);

/* Name of one reaction: "close". Static. */
const char *table_reaction_name(enum table_reaction reaction);

struct profile;

/* The whole matrix as text, a line per cell, as docs/matrix/ holds it. With a profile of a stock
 * version the last columns are what it does instead of what we do. */
void table_print(FILE *out, const struct profile *profile);
