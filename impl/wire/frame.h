/* frame.h - cuts the byte stream of the control connection into frames, and makes frames.
 *
 * Four shapes travel there: a cookie of 37 bytes (CTL-1), a one-byte state (ST-1), the one or two
 * 4-byte integers behind SERVER_ERROR (ERR-1 to ERR-3), and a JSON text behind a 4-byte big-endian
 * length (JSON-1). The bytes do not say which comes next: whoever reads knows, and tells the
 * decoder. Segment boundaries mean nothing (ST-3). No socket, no clock. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"

#include <stdbool.h>

#define COOKIE_LEN        37          /* 36 characters and a NUL (CTL-1, CTL-2) */
#define PARAMS_LEN_LIMIT  8192        /* JSON-7: longest parameters text of 3.18+ */
#define RESULTS_LEN_LIMIT (64u << 20) /* ours; stock has none (JSON-8) */

enum frame_kind { FRAME_COOKIE, FRAME_STATE, FRAME_ERROR, FRAME_JSON };

/* Memory grows with the bytes that really came (at most doubled), never with what a length prefix
 * claims: a hostile prefix costs nothing. No allocation per byte. */
struct frame_decoder {
    enum frame_kind kind; /* what comes next; set by frame_expect() */
    size_t limit;         /* longest JSON text accepted, in bytes */
    uint8_t *buf;         /* ours: cap bytes, have of them filled */
    size_t cap, have;
    uint8_t prefix[4];
    size_t prefix_have;
};

/* An empty decoder that expects a cookie. frame_fini() gives its memory back and may be called on a
 * decoder that was zeroed or already finished. */
void frame_init(struct frame_decoder *dec);
void frame_fini(struct frame_decoder *dec);

/* Say what comes next. Only between frames (after SPEC_OK, or before the first byte).
 *   limit  for FRAME_JSON: longest text accepted, at least 1; otherwise ignored */
void frame_expect(struct frame_decoder *dec, enum frame_kind kind, size_t limit);

/* Take bytes up to the end of one frame.
 *   in    bytes, in any split the network chose; moved past those taken
 *   body  written on SPEC_OK only: the frame without its length prefix; borrowed from dec until
 *         the next call on it. A JSON text has a NUL behind it that body.len does not count.
 * Returns SPEC_OK        a whole frame; in may still hold the start of the next
 *         SPEC_MORE      in is used up and the frame is not whole
 *         SPEC_E_LENGTH  the prefix says 0 or more than limit (JSON-7, JSON-8); it is taken, and
 *                        dec is of no more use for this stream
 *         SPEC_E_NOMEM   no memory; nothing is lost, the call can be repeated */
enum spec_err frame_feed(struct frame_decoder *dec, struct bytes *in, struct bytes *body);

/* The length that the prefix of the last JSON frame announced (also after SPEC_E_LENGTH); 0 while
 * the prefix is not whole. */
uint32_t frame_announced(const struct frame_decoder *dec);

/* Bytes of an unfinished frame taken so far, prefix included: 0 means "between frames". */
size_t frame_partial(const struct frame_decoder *dec);

/* The integers of an unfinished FRAME_ERROR at the end of the connection (ERR-3: EOF after 4 or 0
 * bytes means that integers are missing). Writes those that are whole into out.
 * Returns how many: 0 or 1 (2 would have been a frame). */
int frame_error_at_end(const struct frame_decoder *dec, int32_t out[2]);

/* Split the 8 bytes of a whole FRAME_ERROR (ERR-1): first iperf3's number, then errno. */
void frame_error_pair(struct bytes body, int32_t *ierr, int32_t *os_errno);

/* Write a message into out and return its length in bytes.
 *   frame_put_error: SERVER_ERROR with n_ints (0, 1 or 2) integers: 1, 5 or 9 bytes (ERR-1, ERR-2)
 *   frame_put_json_length: the 4 bytes in front of a JSON text of len bytes; len < 2^32 */
size_t frame_put_error(uint8_t out[9], int n_ints, int32_t ierr, int32_t os_errno);
size_t frame_put_json_length(uint8_t out[4], size_t len);

/* Make a cookie in the form of CTL-3 from 36 random bytes: characters a-z and 2-7, then NUL. */
void frame_make_cookie(uint8_t out[COOKIE_LEN], const uint8_t random[COOKIE_LEN - 1]);

/* Whether 37 bytes have the form that every client since 3.0.1 sends (CTL-2): 36 non-NUL, NUL. */
bool frame_cookie_is_well_formed(const uint8_t cookie[COOKIE_LEN]);
