/* raw_expect.c - reading what the subject did: expectations of single events. */
#include "harness/script/raw_reader.h"

static bool read_error_event(struct raw_reader *r, const struct script_step *step,
                             const struct script_event *event)
{
    if (event->ints >= 0 || (event->has_errno && event->ierr == -1))
        return raw_fail(r, step, "server-error, its number, and the errno at most");
    return raw_add(r, step,
                   (struct session_message){.kind = SESSION_ERROR,
                                            .from = SESSION_SUBJECT,
                                            .n_ints = event->has_errno ? 2 : event->ierr != -1,
                                            .ierr = event->ierr == -1 ? 0 : event->ierr,
                                            .os_errno = event->os_errno});
}

/* Amounts are counted from the start of the stream. */
static bool read_data_event(struct raw_reader *r, const struct script_step *step,
                            const struct script_event *event)
{
    struct raw_place *place = raw_place_of(r, step->who, event->stream);

    if (!event->at_least || event->count <= place->came)
        return raw_fail(r, step, "at least so many bytes, more than before");
    struct session_message m = {.kind = SESSION_DATA,
                                .from = SESSION_SUBJECT,
                                .stream = event->stream,
                                .len = event->count - place->came};
    place->came = event->count;
    return raw_add(r, step, m);
}

static bool read_datagrams_event(struct raw_reader *r, const struct script_step *step,
                                 const struct script_event *event)
{
    for (size_t i = 0; i < event->n_seqs; i++)
        if (!raw_add(r, step,
                     (struct session_message){.kind = SESSION_DATAGRAM,
                                              .from = SESSION_SUBJECT,
                                              .stream = event->stream,
                                              .header.seq = (uint64_t)event->seqs[i]}))
            return false;
    return true;
}

/* A stream is the client's to open; to a client of ours `expect stream N` is the reply of UDP. */
static bool read_stream_event(struct raw_reader *r, const struct script_step *step,
                              const struct script_event *event)
{
    if (event->port || event->any_cookie)
        return raw_fail(r, step, "stream N, and nothing about its port or cookie");
    return !r->session->we_serve ||
           raw_add(r, step,
                   (struct session_message){
                       .kind = SESSION_STREAM, .from = SESSION_SUBJECT, .stream = event->stream});
}

static bool read_event(struct raw_reader *r, const struct script_step *step,
                       const struct script_event *event)
{
    static const int kinds[] = {
        [SCRIPT_EV_STATE] = SESSION_STATE,        [SCRIPT_EV_PARAMS] = SESSION_JSON,
        [SCRIPT_EV_RESULTS] = SESSION_JSON,       [SCRIPT_EV_END] = SESSION_END,
        [SCRIPT_EV_CLOSE] = SESSION_END,          [SCRIPT_EV_RESET] = SESSION_RESET,
        [SCRIPT_EV_STREAM_END] = SESSION_END,     [SCRIPT_EV_STREAM_CLOSE] = SESSION_END,
        [SCRIPT_EV_STREAM_RESET] = SESSION_RESET,
    };

    switch (event->kind) {
    case SCRIPT_EV_ERROR:
        return read_error_event(r, step, event);
    case SCRIPT_EV_STREAM:
        return read_stream_event(r, step, event);
    case SCRIPT_EV_STREAM_DATA:
        return read_data_event(r, step, event);
    case SCRIPT_EV_STREAM_DATAGRAMS:
        return read_datagrams_event(r, step, event);
    case SCRIPT_EV_DENIED:
    case SCRIPT_EV_STREAM_BEGIN:
    case SCRIPT_EV_STREAM_DATAGRAM:
        return raw_fail(r, step, "one message: a state, an end, a number of bytes");
    default:
        break;
    }
    if (event->where || event->token)
        return raw_fail(r, step, "params or results without a query");
    return raw_add(r, step,
                   (struct session_message){.kind = (enum session_kind)kinds[event->kind],
                                            .from = SESSION_SUBJECT,
                                            .stream = event->stream,
                                            .state = event->state});
}

/* For so long nothing comes; or nothing but the end. */
static bool read_nothing(struct raw_reader *r, const struct script_step *step)
{
    if (step->expect.for_ms >= 0)
        return raw_pause(r, step, step->expect.for_ms);
    return raw_add(r, step, (struct session_message){.kind = SESSION_END, .from = SESSION_SUBJECT});
}

bool raw_expect(struct raw_reader *r, const struct script_step *step)
{
    const struct script_expect *expect = &step->expect;

    if (expect->kind == SCRIPT_EXPECT_ALIVE && !expect->meanwhile)
        return raw_add(r, step,
                       (struct session_message){.kind = SESSION_ALIVE, .from = SESSION_SUBJECT});
    if (expect->kind == SCRIPT_EXPECT_NOTHING)
        return read_nothing(r, step);
    if (expect->kind != SCRIPT_EXPECT_EVENT || expect->events.n != 1)
        return raw_fail(r, step, "one event, nothing, or alive");
    return read_event(r, step, &expect->events.at[0]);
}
