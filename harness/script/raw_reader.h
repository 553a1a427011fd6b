/* raw_reader.h - inside the reading of scripts in the raw form: what its files share. */
#pragma once
#include "harness/script/raw.h"

/* What was read of one connection, or of one stream, so far. */
struct raw_place {
    const char *who;
    int64_t stream;
    const struct script_split *split; /* NULL: whole messages */
    bool corked;
    const struct script_wire *greeting; /* what the stream says when it is opened, or NULL */
    uint64_t came;                      /* bytes on the stream */
    struct session_header last;         /* of the datagram before */
};

struct raw_reader {
    struct session *session;
    struct script_error *error;
    struct raw_place *places;
    size_t n;
    size_t bytes; /* of all bodies */
    bool udp;
};

/* raw.c */
struct raw_place *raw_place_of(struct raw_reader *r, const char *who, int64_t stream);
/* The step is none of the raw form; `expected` would be. Returns false. */
bool raw_fail(struct raw_reader *r, const struct script_step *step, const char *expected);
bool raw_add(struct raw_reader *r, const struct script_step *step, struct session_message m);
/* Room for a body of that many bytes, before it is made. */
bool raw_take_room(struct raw_reader *r, const struct script_step *step, size_t len);
bool raw_pause(struct raw_reader *r, const struct script_step *step, int64_t ms); /* 0: none */

/* raw_send.c: on a control connection */
bool raw_send(struct raw_reader *r, const struct script_step *step);
bool raw_cork(struct raw_reader *r, const struct script_step *step); /* and uncork */
bool raw_split(struct raw_reader *r, const struct script_step *step);

/* raw_stream.c */
bool raw_stream_send(struct raw_reader *r, const struct script_step *step);
bool raw_greeting(struct raw_reader *r, const struct script_step *step); /* stream N wire ... */
bool raw_open(struct raw_reader *r, const struct script_step *step);     /* a connection too */

/* raw_expect.c: what the subject did */
bool raw_expect(struct raw_reader *r, const struct script_step *step);
