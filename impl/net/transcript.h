/* transcript.h - `--transcript FILE`: the control bytes of each session with their times, as text.
 *
 * One line per event, fields parted by one blank:
 *
 *   # iperfspec transcript 1                          the first line
 *   3 1200345 session server 10.0.0.1 5201 10.0.0.2 40  the writer's role and address, the peer's
 *   3 1201345 C 6a6f...                               bytes of the client, at most 4096 a line
 *   3 1203345 S 09                                    bytes of the server
 *   3 1204345 C gap 123456                            so many bytes were not written down
 *   3 1205345 C eof                                   the client's FIN
 *   3 1206345 S reset 104                             reset by that side; the errno
 *   3 1207345 end                                     the session's last line
 *
 * The first field is the number of the session, from 1; the second the time in ns since the file
 * was begun (CLOCK_MONOTONIC). Lines of several sessions may alternate. Of one session at most
 * TRANSCRIPT_SESSION_MAX bytes are written down in each direction. One thread. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"
#include "impl/wire/observer.h"

#include <stdbool.h>
#include <stdint.h>

#define TRANSCRIPT_SESSION_MAX (4 * 1024 * 1024)
#define TRANSCRIPT_LINE_BYTES  4096 /* longest run of bytes on one line, before it becomes hex */

struct transcript;
struct transcript_session;

/* Begin a file (what it held is lost). NULL: see errno. */
struct transcript *transcript_open(const char *path);

/* Ends what was left open, flushes. SPEC_OK, or SPEC_E_SYSTEM if anything could not be written (see
 * errno; the first failure ends the writing, never the program). */
enum spec_err transcript_close(struct transcript *t);

/* Begin a session, after its first line. The addresses are text without blanks, copied. NULL
 * without memory, or if t is NULL; every function below does nothing with a NULL session. */
struct transcript_session *transcript_begin(struct transcript *t, enum observer_side role,
                                            const char *local, uint16_t local_port,
                                            const char *peer, uint16_t peer_port);

/* Events, at the time of the call. */
void transcript_sent(struct transcript_session *s, struct bytes bytes);
void transcript_received(struct transcript_session *s, struct bytes bytes);
void transcript_over(struct transcript_session *s, bool reset, int os_errno); /* the peer's end */

/* Last line, flush, free. */
void transcript_end(struct transcript_session *s);

/* --- reading -------------------------------------------------------------------------------------
 */

enum transcript_kind {
    TRANSCRIPT_SESSION,
    TRANSCRIPT_BYTES,
    TRANSCRIPT_GAP,
    TRANSCRIPT_EOF,
    TRANSCRIPT_RESET,
    TRANSCRIPT_END,
};

/* Borrowed for the call that brings it. */
struct transcript_event {
    enum transcript_kind kind;
    uint64_t session, at_ns;
    enum observer_side side;  /* SESSION: role of the writer; else whose bytes or whose end */
    struct bytes bytes;       /* BYTES */
    uint64_t gap;             /* GAP: bytes missing */
    int os_errno;             /* RESET */
    const char *local, *peer; /* SESSION: addresses */
    uint16_t local_port, peer_port;
};

/* Read a whole file and call take() for each line in order. take returns SPEC_OK to go on; anything
 * else ends the reading and is returned. A file cut short in the middle of a line ends there:
 * SPEC_OK.
 *   line  where the reading ended, from 1, for messages; may be NULL
 * Returns SPEC_OK; SPEC_E_SYSTEM (cannot be read, see errno); SPEC_E_NOMEM; SPEC_E_VALUE (a line is
 * none of the above); or what take returned. */
enum spec_err transcript_read(const char *path,
                              enum spec_err (*take)(void *context,
                                                    const struct transcript_event *e),
                              void *context, unsigned long *line);
