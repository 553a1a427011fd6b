/* convert_list.c - a captured session as a list of messages, one side of which will be played. */
#include "harness/capture/convert.h"

static void add_message(struct session *list, const struct track_event *event,
                        struct session_message *to)
{
    static const enum session_kind kinds[] = {
        [OBSERVER_COOKIE] = SESSION_COOKIE, [OBSERVER_STATE] = SESSION_STATE,
        [OBSERVER_ERROR] = SESSION_ERROR,   [OBSERVER_JSON] = SESSION_JSON,
        [OBSERVER_END] = SESSION_END,       [OBSERVER_RESET] = SESSION_RESET,
        [OBSERVER_STRAY] = SESSION_BYTES};
    const struct observer_message *m = event->message;

    to->kind = kinds[m->kind];
    to->state = m->state;
    to->n_ints = m->n_ints;
    to->ierr = m->ierr;
    to->os_errno = m->os_errno;
    to->announced = m->announced;
    to->len = m->len;
    if (!event->has_hole)
        to->body = m->text;
    session_add(list, to);
}

/* What went over each stream, in one message per direction. */
static void add_volumes(struct session *list, const struct track_session *s, enum observer_side us)
{
    uint64_t end_ns = s->end_ns > s->first_ns ? s->end_ns - s->first_ns : 0;

    for (size_t i = 0; i < s->n_streams; i++) {
        const struct track_stream *stream = s->streams[i];
        for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
            struct session_message m = {
                .kind = SESSION_DATA,
                .from = (int)us == side ? SESSION_US : SESSION_SUBJECT,
                .at_ns = end_ns,
                .stream = stream->id,
                .len = stream->is_udp ? stream->udp[side].bytes : stream->tcp[side].sent,
            };
            if (m.len > 0)
                session_add(list, &m);
        }
    }
}

void convert_list(const struct timeline *timeline, const struct track_session *s,
                  enum observer_side us, struct session *list)
{
    *list = (struct session){.we_serve = us == OBSERVER_SERVER};
    for (size_t i = 0; i < timeline->n; i++) {
        struct track_event event = timeline_event(&timeline->entries[i]);
        struct session_message m = {.from = event.from == us ? SESSION_US : SESSION_SUBJECT,
                                    .at_ns = event.at_ns - MIN(event.at_ns, s->first_ns)};
        if (event.kind == TRACK_MESSAGE) {
            add_message(list, &event, &m);
        } else if (event.kind == TRACK_STREAM_OPEN) {
            m.kind = SESSION_STREAM;
            m.from = us == OBSERVER_CLIENT ? SESSION_US : SESSION_SUBJECT;
            m.stream = event.stream->id;
            session_add(list, &m);
        }
    }
    add_volumes(list, s, us);
}
