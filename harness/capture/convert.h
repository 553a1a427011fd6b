/* convert.h - a captured session as a script that plays one side of it.
 *
 * Two steps: the session as a list of messages (harness/session), then the script. */
#pragma once
#include "harness/capture/timeline.h"
#include "harness/session/session.h"

/* The messages of a session, SESSION_US being the side that shall be played; streams and their
 * volumes are added. The caller's to session_fini(). */
void convert_list(const struct timeline *timeline, const struct track_session *s,
                  enum observer_side us, struct session *list);

/* Whether the command line of a `subject` can hold that word; else it is left out. */
bool convert_holds_word(const char *value);

struct auth_key;

struct convert_request {
    enum observer_side us;
    const char *file; /* where it was captured, for the comments */
    const char *id;   /* of the case */
    double stretch;   /* of the times between messages: 1 keeps them, 0 leaves them out */
    /* The private key of the captured server and the path of its file, by which tokens are signed
     * again. NULL: a token is sent as it is, and expected to be refused (AUTH-8). */
    const struct auth_key *key;
    const char *key_path;
    const char *users_path; /* credentials file of that server; NULL: none is known */
};

/* Write the script. False, with the reason in why, if what is missing in the capture keeps it from
 * being played, or if its token does not open with the key. */
bool convert_script(const struct convert_request *request, const struct timeline *timeline,
                    const struct track_session *s, struct text *out, struct text *why);
