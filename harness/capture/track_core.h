/* track_core.h - what the track_*.c files share; private to them.
 *
 * track.c takes packets to their flows; track_control.c finds out which connections are control
 * connections; track_session.c keeps a session and has its messages judged; track_tell.c tells of
 * it; track_stream.c counts its streams. */
#pragma once
#include "harness/capture/channel.h"
#include "harness/capture/flow.h"
#include "harness/capture/track.h"

#define STREAMS_ALL    8192                  /* of all sessions; what is more is not counted */
#define USUAL_PORT     5201                  /* CONN-2 */
#define LIVE_MAX       256                   /* sessions at a time; the oldest makes room */
#define OPENING_MAX    256                   /* connections not yet known for what they are */
#define INDEX_MAX      4096                  /* packets of one direction that are remembered */
#define LINGER_NS      UINT64_C(2000000000)  /* for the streams' last packets */
#define HALF_NS        UINT64_C(30000000000) /* one side has ended */
#define ANSWER_MAX     16                    /* a server's first word is not longer */
#define SPAN_NS        UINT64_C(1000000000)
#define BACK_NS        UINT64_C(10000000) /* so far several queues may bring packets out of order */
#define KEEP_ALIVE_MAX 16                 /* bytes before the first; one is usual */

/* A connection that may be, or is, a control connection. */
struct control {
    struct track *track;
    struct flow *flow;
    struct channel *channel;
    struct track_session *session; /* NULL: not known yet */
    int client;                    /* which end of the flow */
    bool knows_server_start;
    uint8_t cookie[COOKIE_LEN];
    unsigned n_cookie;
    unsigned gap_at, gap_len; /* in the cookie */
    struct channel_origin cookie_origin;
    bool is_denied, has_denied_end, denied_is_reset; /* the server said ff first */
    struct channel_origin denied_origin;
    bool is_busy;           /* its channel is at work */
    bool is_late;           /* it began before the capture */
    bool is_dead;           /* something else */
    bool is_stream;         /* its cookie is that of session */
    uint32_t behind_cookie; /* then: the sequence number there */
};

struct track {
    struct track_user user;
    const uint16_t *ports;
    size_t n_ports;
    struct flow_table flows;
    struct track_session *live[LIVE_MAX];
    size_t n_live;
    struct control *opening[OPENING_MAX];
    size_t n_opening;
    size_t n_streams; /* of all of them */
    size_t held;      /* bytes that wait for others, in all connections */
    size_t texts;     /* bytes of long texts, in all sessions */
    uint64_t n_sessions;
    uint64_t next_due_ns; /* when a session may be closed; UINT64_MAX: none waits */
    uint64_t now_ns, number;
    struct checksum_trust trust;
    bool has_fractions; /* not all packets' times are whole seconds */
};

/* Address and port of one end of a flow. */
struct track_end track_end_of(const struct flow *flow, int end);

/* --- track_tell.c ----------------------------------------------------------------------------- */
/* Hand an event of the session to the user. */
void track_tell(struct track *t, struct track_session *s, const struct track_event *event);
/* It is copied; so many are kept (TRACK_VIOLATIONS). */
void track_add_violation(struct track *t, struct track_session *s,
                         const struct track_violation *violation);
/* Other bytes than before came in their place; or damaged ones, and no others. */
void track_contest(struct control *c, enum observer_side side, struct channel_origin origin,
                   bool is_damaged);

/* --- track_session.c -------------------------------------------------------------------------- */
/* It is known now that c is a control connection. */
void track_session_begin(struct control *c);
/* The i-th live session is over: judge it, hand it out, free it. */
void track_session_finish(struct track *t, size_t i);
/* What came next of one direction, at that place of the capture: bytes, bytes that are missing, the
 * end. Messages are judged as they become whole. */
void track_feed(struct control *c, enum observer_side side, struct channel_origin origin,
                struct bytes bytes);
void track_feed_gap(struct control *c, enum observer_side side, struct channel_origin origin,
                    uint64_t len);
void track_feed_end(struct control *c, enum observer_side side, struct channel_origin origin,
                    bool is_reset);
/* Whether more may come for it. */
bool track_is_live(const struct track_session *s);
/* Finish what is due at that time; when the next one will be. */
void track_finish_due(struct track *t, uint64_t now_ns);
void track_find_due(struct track *t);

/* --- track_text.c ----------------------------------------------------------------------------- */
/* Whether the next bytes of that side may be held with the unfinished text that they go on with. */
bool track_text_fits(const struct track *t, struct track_session *s, enum observer_side side,
                     struct bytes bytes);
/* They were read: what that holds, and keeps, is counted; and that nothing is any more. */
void track_text_count(struct track *t, struct track_session *s, enum observer_side side,
                      size_t len);
void track_text_forget(struct track *t, const struct track_session *s);

/* --- track_control.c -------------------------------------------------------------------------- */
/* Whether the user named one of its ports, or it has the usual one. */
bool track_is_port(const struct track *t, const struct flow *flow);
/* Whether the first bytes seen of a connection may be those of a control connection; client is
 * known if the handshake was seen. */
bool track_control_may_be(const struct track *t, const struct flow *flow, int from,
                          const struct dissected *p);
/* Watch a connection that may be one, from packet p of end `from` on; its next packet; and that it
 * is freed with all that waited. */
void track_control_begin(struct track *t, struct flow *flow, int from, const struct dissected *p);
void track_control_take(struct track *t, struct flow *flow, int from, const struct dissected *p);
/* It is none: the flow is of that kind. */
void track_control_drop(struct flow *flow, enum flow_kind kind);
void track_control_free(struct control *c);
/* It is no longer among those that are not known. */
void track_control_decided(struct control *c);
/* No more packets will come for those that are not known: what waits tells. */
void track_control_finish(struct track *t);
/* The live session that a stream with this cookie belongs to, or NULL. Of several, as where a
 * capture holds both sides of an address translation, the one between the same hosts. */
struct track_session *track_session_with_cookie(const struct track *t, const struct flow *flow,
                                                int client, const uint8_t *cookie);

/* --- track_udp.c ------------------------------------------------------------------------------ */
/* A datagram: one of a stream, counted, or the start of a stream, or something else. */
void track_datagram(struct track *t, struct flow *flow, int from, const struct dissected *p);

/* --- track_stream.c --------------------------------------------------------------------------- */
/* A session whose streams go between these ends: the one that waits for streams, if there are
 * several; then nobody knows which stream is whose. NULL: none. */
struct track_session *track_session_between(const struct track *t, const struct flow *flow,
                                            int *client);
/* The cookie stands whole in the first packet, as it does nearly always. */
void track_stream_open(struct track *t, struct track_session *s, struct flow *flow, int from,
                       const struct dissected *p);
/* A TCP stream from here on: the next byte of either end is known, or (NULL) learnt from p. */
void track_stream_become(struct track *t, struct track_session *s, struct flow *flow, int from,
                         const struct dissected *p, const uint32_t *next, bool has_open);
/* One more packet of a stream, counted. */
void track_stream_take_tcp(struct flow *flow, int from, const struct dissected *p);
/* A stream of the session from this packet on; NULL if it has too many. It is told with the second.
 */
struct track_stream *track_stream_add(struct track *t, struct track_session *s, struct flow *flow,
                                      const struct dissected *p, bool has_open);
void track_stream_tell(struct track *t, struct track_session *s, const struct track_stream *stream);
/* Bytes that side has sent, and how many of them were not seen; less than 0: so many that were
 * missing came late. */
void track_stream_count(struct track_session *s, enum observer_side from, uint64_t at_ns,
                        uint64_t bytes, int64_t unseen);
/* Whether not all of its streams were seen; or perhaps not, where some that were may be another
 * session's. */
bool track_lacks_streams(const struct track_session *s);
/* Whether a session goes between the ends of the flow, with that one as its client. */
bool track_is_between(const struct track_session *s, const struct flow *flow, int client);
