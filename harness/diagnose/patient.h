/* patient.h - a server under examination, and what all probes do with it. */
#pragma once
#include "harness/diagnose/diagnose.h"

#include "impl/net/auth.h"

struct patient {
    const struct diagnose_request *request;
    struct talk_place place;
    struct text note;           /* what a probe found, in words */
    char token[TOKEN_TEXT_MAX]; /* that the server takes; "" none */
    struct talk first;          /* from the connect to the greeting: a server counts it as a test */
    int reply;                  /* enum datagram_reply of its UDP */
    bool counts_datagrams;      /* its results name what came of the small ones */
    int64_t skew_s;             /* of the token that it takes */
};

/* What a probe found, in words, in place of what was there. */
void patient_note(struct patient *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What came instead of a step of a session. */
void patient_note_result(struct patient *p, const struct talk *t, enum talk_result r,
                         const char *step);

#define PATIENT_BYTES 131072 /* of a test */
#define PATIENT_TCP   "\"tcp\":true,\"len\":8192"

/* Begin a session: send parameters and await that streams are wanted. `more` are their first
 * members. talk_end() or talk_close() in any case. */
enum talk_result patient_offer(struct patient *p, struct talk *t, const char *more,
                               const char *token);

/* --- trial.c: the probes that are whole tests --- */
enum diagnosis trial_test(struct patient *p);
enum diagnosis trial_long(struct patient *p);
enum diagnosis trial_reverse(struct patient *p);
enum diagnosis trial_udp(struct patient *p);
/* Behind trial_udp(): datagrams that take more than one packet. */
enum diagnosis trial_fragments(struct patient *p);
enum diagnosis trial_idle(struct patient *p);
enum diagnosis trial_version(struct patient *p);
