/* peer.h - inside the simulator: what its files share. */
#pragma once
#include "harness/session/clock.h"
#include "harness/sim/sim.h"
#include "impl/wire/account.h"
#include "impl/wire/datagram.h"
#include "impl/wire/frame.h"
#include "impl/wire/params.h"
#include "impl/wire/results.h"
#include "impl/wire/state.h"

/* Default deadline of every wait, times the scale. Below the 10 s after which builds end what
 * hangs: that end is no reaction (TMO-1). */
#define WAIT_MS          8000
#define ALIVE_MS         45000 /* of `expect alive`: fixed builds may serve again after 20 s */
#define HONEST_BLOCKS    4     /* TCP blocks that an honest sender sends on each stream */
#define HONEST_DATAGRAMS 8

struct sim;

/* What came over a control connection, in order. */
enum event_kind { EVENT_COOKIE, EVENT_STATE, EVENT_ERROR, EVENT_JSON, EVENT_END, EVENT_RESET };
struct event {
    enum event_kind kind;
    uint64_t at_ns;
    int8_t state;
    int n_ints;
    int32_t ierr, os_errno;
    uint32_t too_long; /* JSON: this length was announced, and nothing of it was read; 0: it was */
    struct text body;  /* the event's own */
};

/* What may come at any time. */
struct ignored {
    const struct script_event **at;
    size_t n;
};

#define STREAM_FIRST_MAX 64
#define STREAM_SEQS_MAX  100000

struct lane {
    int64_t id;
    int fd; /* -1: closed, or a UDP stream of a server: `peer` tells it apart */
    uint64_t begun_ns;
    bool udp, we_send;
    bool connecting, up, reset, ended; /* up: the peer can be expected to know it */
    bool stalled;                      /* nothing is read from it */
    bool is_shut;                      /* half-closed by us */
    struct text head;                  /* cookie, and bytes of the script's, still to be written */
    uint64_t todo;                     /* data bytes still to be written (TCP) */
    uint64_t sent, received, datagrams;
    uint64_t due; /* of the bytes sent: read by the subject before TEST_END */
    struct {
        uint64_t bytes, packets, errors;
    } omitted;            /* of them, in the omit period */
    uint64_t stray;       /* bytes received where we are the sender */
    struct bytes pattern; /* the script asks whether all that comes on it is this, repeated */
    bool is_odd;          /* and it is not: at byte odd_at something else came */
    uint64_t odd_at;
    struct text first; /* what came first (UDP: the first datagram), at most STREAM_FIRST_MAX */
    int tos;           /* of the datagram that came last (UDP) */
    uint64_t *seqs;    /* of the datagrams that came, in order; at most STREAM_SEQS_MAX */
    size_t n_seqs, seen;
    struct account_udp count;
    struct datagram_header last; /* the header that was sent last, or came last */
    uint64_t last_at_ns;         /* when it came */
    int64_t first_us, last_us;   /* the times in the first and the last that came */
    struct tap_flow tap;
    struct sockaddr_storage peer;
    socklen_t peer_len;
};

struct control {
    struct sim *sim;
    char name[24];
    bool is_server;                 /* we are */
    const struct script_open *open; /* how it was asked for, or NULL */
    int fd;
    bool is_bare; /* a third party: no flow of its own */
    bool is_udp;  /* and that of datagrams */
    bool connecting, opened, hold, at_end, got_byte;
    bool is_probe; /* of `expect alive` */
    bool is_over;  /* it is counted in sim.sessions */
    int connect_errno;
    unsigned retries;
    uint64_t retry_until_ns;

    struct frame_decoder dec; /* what comes in */
    bool ints_due;            /* the integers behind fe */
    bool in_json;
    bool is_lost;      /* behind a text that was not read: what comes is no message we could tell */
    unsigned json_due; /* texts that may come next */
    uint64_t ints_since_ns;
    struct event *events; /* what came, from first_event on, and was not taken yet */
    size_t first_event, n_events, events_cap;

    struct text out;                  /* still to be written */
    const struct script_split *split; /* NULL: whole */
    int64_t *cuts;                    /* offsets in out where a write ends, growing */
    size_t n_cuts;
    uint64_t next_piece_ns; /* not before */
    bool corked, stalled;
    bool shut_after; /* half-close once out is written */
    bool is_shut;    /* that was asked for: nothing more can be sent */

    uint8_t cookie[COOKIE_LEN];
    size_t cookie_len;    /* we are server: what came of it */
    bool cookie_is_good;  /* we are server: 37 bytes came, as CTL-2 has them */
    struct params params; /* as meant */
    const struct script_wire **wires;
    size_t n_wires;
    size_t position;   /* in the flow of an honest peer */
    unsigned stage;    /* within that row */
    bool ended;        /* the honest run sent TEST_END, which the script may have moved */
    bool finished;     /* the honest run sent or read IPERF_DONE */
    bool own_data;     /* the script sends data itself */
    unsigned looks;    /* for a subject that sleeps (drained.c) */
    uint64_t looks_ns; /* the first of them */
    uint64_t acked_ns; /* since when a subject elsewhere has all of ours; 0: it does not */
    bool drained;      /* queues were seen empty before TEST_END */
    uint64_t running_ns;
    uint64_t counted_from_ns; /* the omit period was over, and lanes know what it had; 0: not yet */
    uint64_t done;    /* rows of the flow whose message the script has sent ahead of its time */
    uint64_t wake_ns; /* the flow wants to run again then, whatever happens; 0: no */
    struct lane **streams;
    size_t n_streams;
    struct ignored ignored;
    struct text peer_params, peer_results; /* the last ones that came */
    struct text why;                       /* of the last failure in the flow */
    struct tap_flow tap;
};

struct sim;
/* What was accepted before the script began (config->first_fd): the first of its connections. */
void sim_take_first(struct sim *s);
struct pending { /* accepted, cookie not yet read */
    int fd;
    uint8_t cookie[COOKIE_LEN];
    size_t have;
    bool over;
    struct tap_flow tap;
    struct sockaddr_storage peer;
    socklen_t peer_len;
};

/* Whose datagrams nobody took (a client's). */
#define STRANGERS_MAX 16
struct stranger {
    struct sockaddr_storage peer;
    socklen_t peer_len;
};

struct background {
    const struct script_step *step; /* NULL: stopped */
    uint64_t next_ns;
};

/* The step that runs, within its block and those around it. */
struct place {
    const struct script_steps *steps;
    size_t at;
    const struct place *outer; /* NULL: the script's own steps */
};

struct sim {
    const struct sim_config *config;
    struct sim_outcome *out;
    uint64_t start_ns;
    const struct place *place;
    unsigned done_line; /* of the last step that is done, 0: none; and when that was */
    uint64_t done_ns;
    unsigned segment_state; /* of SIM_RANDOM */
    struct control **controls;
    size_t n_controls;
    struct pending *pending;
    size_t n_pending;
    struct stranger strangers[STRANGERS_MAX];
    size_t n_strangers;
    struct ignored ignored; /* on every connection */
    uint64_t until_ns;      /* when the step that runs has to be over; 0: nobody said */
    uint64_t waiting_since; /* a block began to wait then for what the next step takes; 0: none */
    uint64_t came_ns;       /* when the event came that the step took; 0: it took none */
    struct text drift;      /* what a profile did not predict, at the step `drift_step` */
    const struct script_step *drift_step;
    const char *drift_clause;
    struct background *backgrounds;
    size_t n_backgrounds;
    unsigned n_flows;       /* that the tap was told of */
    unsigned sessions;      /* control connections of ours that are over */
    struct text last_token; /* that a script had made, quotes included */
    bool is_probing;        /* within `expect alive` */
    bool was_lenient;       /* a step was left out (sim_config.is_lenient) */
    bool is_deaf;           /* our port takes no connection */
    bool end_is_wanted;     /* the subject may end: it was told to, or is a client */
    bool is_limited;        /* it may have few descriptors */
};

/* --- pump.c: the poll loop --- */
uint64_t sim_scaled_ns(const struct sim *s, int64_t ms);
uint64_t sim_deadline(const struct sim *s, int64_t ms); /* now + ms x scale */
/* The same for a step of the script: much sooner where a step may be left out. */
uint64_t sim_patience(const struct sim *s, int64_t ms);
/* Wait for anything to happen until deadline_ns and take it in. False: the deadline has passed. */
bool sim_pump(struct sim *s, uint64_t deadline_ns);
/* Keep pumping for that long whatever happens. */
void sim_pause(struct sim *s, int64_t ms);
/* Write what may leave now. */
void control_flush(struct control *c);
/* Write what SIM_COALESCED has kept: before anything else is done that the subject could see. */
void control_flush_all(struct sim *s);
void sim_record(struct sim *s, const struct control *c, struct session_message m);
/* Fail the case (the first failure stands). Returns false. */
bool sim_fail(struct sim *s, enum sim_cause cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool sim_failed(const struct sim *s);
/* Note what its profile does not have the subject do; the case goes on (the first note stands). */
void sim_drift(struct sim *s, const struct script_step *step, const char *clause,
               const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Fail: the subject has ended with that status (sim_cause_of_end()); of a crash, so long after our
 * last step. Returns false. */
bool sim_fail_end(struct sim *s, int status);
/* If the subject has ended (waiting up to ms for it), fail with crash or exit. */
bool sim_check_process(struct sim *s, int64_t ms);

/* --- control.c: one control connection --- */
struct control *control_get(struct sim *s, const char *name); /* made if it is not there */
struct control *control_new(struct sim *s, const char *name);
void control_free(struct control *c);
void control_connect(struct control *c); /* starts it */
/* Give a socket the address that `open from` asks for. False: see errno. */
bool control_bind(const struct control *c, int fd, bool with_port);
void control_adopt(struct control *c, int fd);
void control_send(struct control *c, enum session_kind kind, const struct session_message *m,
                  struct bytes bytes);
void control_send_state(struct control *c, int8_t state);
bool control_is_flushed(const struct control *c);
void control_close(struct control *c, bool reset);
void control_note_over(struct control *c); /* its session: the next one finds a used server */
void control_shut(struct control *c);      /* half-close */
void control_uncork(struct control *c);
/* When something is to be written; UINT64_MAX: nothing is. */
uint64_t control_writes_ns(const struct control *c);
void control_ready(struct control *c, short revents);
void control_tick(struct control *c); /* integers behind fe that do not come; the omit period */
uint64_t control_tick_ns(const struct control *c); /* when that is over: nothing else wakes us */
const struct event *control_head(const struct control *c); /* NULL: nothing came */
void control_pop(struct control *c);
void event_describe(const struct event *e, struct text *out);
/* A JSON event that was read and is an object; else false, and *why says what it is. */
bool event_is_read(const struct event *e, const char *what, struct text *why);

/* --- lane.c: the data streams --- */
struct lane *lane_connect(struct control *c, int64_t id); /* client: id 0 is the next one */
struct lane *lane_adopt(struct control *c, int fd);       /* server, TCP */
struct lane *lane_of_datagram(struct control *c, const struct sockaddr_storage *peer, socklen_t len,
                              struct bytes datagram, int tos); /* server, UDP: NULL if it is none */
/* From now on (or no longer) the kernel drops what comes on its socket, acknowledgements as well,
 * as if the network had lost it. False if it has none, as a server's UDP stream. */
bool lane_lose(struct lane *st, bool on);
struct lane *lane_find(const struct control *c, int64_t id);
void lane_ready(struct control *c, struct lane *st, short revents);
void lane_send(struct control *c, struct lane *st, uint64_t len);             /* queues TCP data */
void lane_send_bytes(struct control *c, struct lane *st, struct bytes bytes); /* TCP */
/* One datagram of len bytes; cut if the header is longer. False: not now. */
bool lane_send_datagram(struct control *c, struct lane *st, const struct datagram_header *header,
                        size_t len);
/* Bytes that are no data: what `hex` says. */
void lane_send_raw_datagram(struct control *c, struct lane *st, struct bytes bytes);
void lane_shut(struct lane *st);
void lane_take_datagram(struct control *c, struct lane *st, struct bytes datagram);
bool lane_is_flushed(const struct lane *st);
void lane_close(struct lane *st, bool reset);
void lane_free(struct lane *st);
void lanes_close(struct control *c);
void lanes_omit(struct control *c); /* once the omit period is over: what was omitted */

/* --- datagrams.c: what a sender of datagrams puts into them --- */
/* The next one of an honest sender, changed as `wire datagram` says. */
bool datagram_send_next(struct control *c, struct lane *st, uint64_t seq);
/* All of a `send datagrams` step; waiting where the peer must read first if may_wait. */
bool datagrams_send(struct control *c, struct lane *st, const struct script_send *send,
                    bool may_wait);

/* --- send.c: steps that send --- */
bool send_run(struct sim *s, const struct script_step *step);
/* From the background: without waiting, and nothing if it cannot be sent now. */
void send_in_background(struct sim *s, const struct script_step *step);
bool send_await_flushed(struct control *c, const struct lane *st);

/* --- background.c --- */
bool background_start(struct sim *s, const struct script_step *step);
bool background_stop(struct sim *s, const struct script_step *step);
void background_turn(struct sim *s);           /* what is due */
uint64_t background_next(const struct sim *s); /* UINT64_MAX: nothing */

/* --- moment.c: deviations from the honest run, by the name of the moment --- */
/* The last statement about it that says what becomes of the whole moment, or NULL. */
const struct script_wire *moment_wire(const struct control *c, const char *name, int64_t stream,
                                      enum script_wire_kind kind);
bool moment_is_never(const struct control *c, const char *name);
/* A stream's cookie, connect or reply: `honest`, or what the script says. Returns how often. */
unsigned moment_greeting(const struct control *c, const char *name, int64_t stream,
                         struct bytes honest, struct text *out);
int64_t moment_n_streams(const struct control *c);
/* The bytes of a state message: one, or what the script says. */
void moment_send_state(struct control *c, int8_t state);

/* --- absent.c: a client without a session, in words for `got` --- */
struct sim_process;
void absent_tell_end(const struct sim_process *p, int wait_status, struct text *why);
bool absent_fail(const struct control *c, const char *clause); /* in time it sent none; false */
void absent_tell_cookie(const struct control *c, struct text *why); /* and this is none */

/* --- token.c: the value of an authentication token, quoted; false and the reason --- */
bool token_make(const struct sim *s, const struct script_token *token, struct text *value,
                struct text *why);
/* Whether the subject's token opens with {keys}/private.pem, or the key that is named, and says so;
 * if not, why. */
bool token_says(const struct sim *s, const struct script_token *token, struct bytes params,
                struct text *why);

/* --- drained.c: whether both queues of the connection on fd are empty (SIOCOUTQ; the subject's in
 * /proc/self/net). A socket of the subject's that is gone counts as empty. */
bool drained(int fd, bool udp);
/* Whether the subject has also counted what it read: then all its threads wait for more. Asked
 * again and again, it says yes in the end to a subject that never rests. */
bool drained_is_counted(struct control *c);

/* Whether all was sent on c, and the subject waits: bytes that had woken it would have it run, so
 * what it has to say is there, or in our queue. */
bool drained_is_quiet(const struct control *c);

/* Whether stream id, or all of c's that we send on (0), are drained. Of a subject elsewhere: all is
 * acknowledged, and was so for a round trip and some time, with what it is asked again and again.
 */
bool drained_lanes(struct control *c, int64_t id);
/* Wait until that holds, and the subject has counted it. */
bool drained_await(struct control *c, int64_t id, uint64_t deadline_ns);
/* It holds for all of c's: counts must agree with what was sent so far. */
void drained_note(struct control *c);

/* --- message.c: the honest text with the script's changes on it --- */
/* The whole message as bytes, prefix included. False and c->why if a change does not fit. */
bool message_build(struct control *c, enum script_message message, struct text *bytes,
                   struct session_message *described);
bool message_set_params(struct params *p, const char *json, struct text *why);

/* --- pause.c --- */
/* PAUSE or LOSE. False if the session has failed. */
bool pause_run(struct sim *s, const struct script_step *step);
/* By a clock of the session's own: however long the steps before took, it does not add up. False,
 * and the session has failed, if nobody has said that state. */
bool pause_find_deadline(struct sim *s, const struct script_until *until, uint64_t *deadline_ns);

/* --- flow.c: the honest peer --- */
enum flow_result { FLOW_DONE, FLOW_WAIT, FLOW_FAILED };
struct flow {
    enum flow_result (*run)(struct control *c, const struct flow *row);
    int8_t state;       /* received or sent in this row; 0: none */
    int message;        /* enum script_message sent in this row, or -1 */
    bool is_act;        /* we send: `send` of the same thing takes its place */
    const char *clause; /* whose rule is broken if it fails */
    const char *name;   /* of the moment, for `wire`; "" where it is not ours */
};
/* One row in another's place, from its start. */
enum flow_result flow_run_row(struct control *c, const struct flow *row, uint64_t deadline);
/* moment.c: a row with all that the script says about it. */
enum flow_result moment_run(struct control *c, const struct flow *row, int64_t within_ms);
extern const struct flow client_flow[], server_flow[]; /* end with run NULL */
const struct flow *flow_row(const struct control *c);  /* NULL at the end */
/* Run rows until one that received or sent `state` is done (0: to the end). */
bool flow_advance(struct control *c, int8_t state, int64_t within_ms);
/* The script sent something itself: leave out the row that would have sent it. */
void flow_skip(struct control *c, int8_t state, int message);
void flow_skip_text(struct control *c); /* ... the next JSON message of ours */
/* A connection that ended before the server's first byte, on which the script has said its cookie
 * and nothing else, where a stock server may open its listener anew (CONN-5): connect and say it
 * again. True if it was such a one; the case may have failed then. */
bool client_flow_begin_anew(struct control *c);
/* Whether the first connection ended where a listener may have been opened anew, and was not begun
 * anew, as the script has said more on it than its cookie. */
bool client_flow_met_reopening(const struct sim *s);
/* The script has read the first event itself. If the flow waits for just that, its row takes it,
 * and is done; else false. */
bool flow_take(struct control *c);
/* When the omit period is over by our own clock; 0: it is, or there is none (OMIT-1). */
uint64_t flow_omit_end(const struct control *c);
/* The script sent `state` as bytes, ahead of the flow: go on behind the row that would have sent
 * it. With wait, what the rows before it wait for is still to come. */
bool flow_was_sent(struct control *c, int8_t state, bool wait, int64_t within_ms);
enum flow_result flow_unexpected(struct control *c, const struct flow *row, const char *wanted);
/* Helpers of both flows. */
enum flow_result flow_send_state(struct control *c, const struct flow *row);
enum flow_result flow_send_message(struct control *c, const struct flow *row);
enum flow_result flow_await_results(struct control *c, const struct flow *row);
enum flow_result flow_close(struct control *c, const struct flow *row);
/* Whether it may come at any time, as things stand. */
bool flow_is_ignored(const struct control *c, const struct event *e);
bool flow_pop_ignored(struct control *c, const struct event *e); /* if so, it is gone */

/* --- check.c: the peer's results against what went over the sockets --- */
/* Whether the JSON text is all there is (JSON-2). */
bool check_text(struct bytes text, struct text *why);
bool check_results(struct control *c, const char *json, size_t len, struct text *why);

/* --- step.c --- */
/* One step, whatever its times and clause. False if it failed. */
bool step_run(struct sim *s, const struct script_step *step);
/* Undo `deaf`. */
void step_hear_again(const struct sim_listener *listener);

/* --- run.c --- */
/* All of them, until one fails. */
bool sim_steps(struct sim *s, const struct script_steps *steps);
/* Run one step; if it fails, it is the one that is named. */
bool sim_step(struct sim *s, const struct script_step *step);
/* The step is to blame for the failure, unless one inside it was named already. */
void sim_blame(struct sim *s, const struct script_step *step);

/* --- expect.c --- */
bool expect_run(struct sim *s, const struct script_step *step);
/* Which branch it is; its steps are still to be run. */
bool expect_either(struct sim *s, const struct script_step *step, size_t *branch);
bool expect_any_order(struct sim *s, const struct script_step *step);
bool expect_event_matches(const struct script_event *want, const struct event *e);
/* Now + what the step says, or what its clauses say, or WAIT_MS; times the scale. */
uint64_t expect_deadline(const struct sim *s, const struct script_step *step);
/* --- ask.c: queries; c, which may be NULL, is the connection whose streams and messages they may
 * name --- */
/* Of the first JSON object in a text that may have other lines around it. */
bool ask_text(struct control *c, const struct query *q, const char *text, size_t len,
              struct text *why);
bool ask_value(struct control *c, const struct query *q, const json_value *root, struct text *why);
/* --- reaction.c --- */
bool reaction_run(struct control *c, const struct script_step *step);
/* --- process.c --- */
bool process_expect(struct sim *s, const struct script_step *step);
/* --- stream.c --- */
enum stream_result { STREAM_HOLDS, STREAM_NOT_YET, STREAM_FAILED /* c->why */ };
enum stream_result stream_check(struct control *c, const struct script_event *want);
void stream_note_datagram(struct lane *st, uint64_t seq);
/* --- server_flow.c: a server of ours is at the point where streams come; take the one that waits.
 * FLOW_WAIT: there is none; FLOW_FAILED: c->why. */
bool server_awaits_stream(const struct control *c);
enum flow_result server_take_stream(struct control *c, bool any_cookie);
/* --- foresee.c --- */
/* Fail if something came that no step behind the one that runs can take. */
bool foresee_check(struct sim *s);
/* --- surplus.c: what a client opened and no step asked for --- */
void surplus_note_datagram(struct sim *s, const struct sockaddr_storage *peer, socklen_t len);
/* Fail if there is any by now; if the script waits on, whoever has not told its whole cookie yet is
 * given time. At the end of the case also what still lies in the queues. */
bool surplus_check(struct sim *s, bool waits);
bool surplus_check_end(struct sim *s);
/* --- alive.c --- */
bool alive_run(struct sim *s, const struct script_step *step);
