/* digest.h - a session in a few words: what was tested, how it ended, what is to be said of it. */
#pragma once
#include "harness/capture/track.h"

/* X(name, word) */
#define DIGEST_VERDICTS(X)                                                                         \
    X(DIGEST_PASS, "pass")                                                                         \
    X(DIGEST_PART, "part") /* nothing wrong in what was captured, but not all was */               \
    X(DIGEST_WARN, "warn") /* a SHOULD was missed */                                               \
    X(DIGEST_FAIL, "fail")

enum digest_verdict {
#define X(name, word) name,
    DIGEST_VERDICTS(X)
#undef X
        DIGEST_N_VERDICTS
};

/* The verdict on a session that is over, and as a word: static. */
const char *digest_verdict_word(enum digest_verdict verdict);
enum digest_verdict digest_verdict(const struct track_session *s);

/* Whether it makes a session fail; else it is a SHOULD, and warns. */
struct track_violation;
bool digest_is_must(const struct track_violation *v);

/* "tcp reverse, 2 streams, 10 s", as far as the parameters were captured. */
void digest_mode(const struct track_session *s, struct text *out);
/* "completed", "server error 142 IEAUTHTEST", "closed by the client in TEST_RUNNING", ... */
void digest_ending(const struct track_session *s, struct text *out);
/* Version that the client announces, or "?", also where that is no word of the kind. Borrowed from
 * the session. */
const char *digest_client_version(const struct track_session *s);
