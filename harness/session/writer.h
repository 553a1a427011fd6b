/* writer.h - inside the writing of sessions as scripts: what its files share. */
#pragma once
#include "harness/session/write.h"

/* What was written of one connection, or of one stream, so far. */
struct write_place {
    const char *who;
    int64_t stream;
    const struct session_cuts *cuts; /* the setting; NULL: whole messages */
    bool corked;
    unsigned texts; /* JSON texts of the subject's */
    uint64_t came;  /* bytes on the stream */
};

struct writer {
    const struct session *session;
    struct text *out;
    struct write_place *places;
    size_t n;
    bool udp, ignores_stale;
};

/* write.c */
/* What was written of the message's connection or stream; made if it is new, and may move then. */
struct write_place *write_place_of(struct writer *w, const struct session_message *m);
/* "b stream 3 ", in front of a verb; and a whole line. */
void write_who(struct writer *w, const struct session_message *m);
void write_line(struct writer *w, const struct session_message *m, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* An expectation names the stream behind its verb. */
void write_expect_of(struct writer *w, const struct session_message *m, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* write_header.c */
void write_header(struct writer *w, const struct session_about *about);

/* write_message.c: of a control connection; state and error are the subject's as well */
/* What we send, with `cork` and `split` in front where they change; and the end of a cork. */
void write_sent(struct writer *w, const struct session_message *m);
void write_uncork(struct writer *w, const struct session_message *m, struct write_place *place);
void write_bytes(struct writer *w, const struct session_message *m);
void write_state(struct writer *w, const struct session_message *m);
void write_error(struct writer *w, const struct session_message *m);

/* write_stream.c */
void write_stream(struct writer *w, const struct session_message *m);
void write_data(struct writer *w, const struct session_message *m);
void write_datagrams(struct writer *w, const struct session_message *m, size_t n);
/* How many datagrams from i on are one step. */
size_t write_run(const struct session *s, size_t i);
void write_expected_json(struct writer *w, const struct session_message *m);
void write_expected_data(struct writer *w, const struct session_message *m);
void write_expected_datagrams(struct writer *w, const struct session_message *m, size_t n);
