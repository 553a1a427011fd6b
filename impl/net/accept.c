#include "impl/net/accept.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define BATCH 64 /* connections before other sources get their turn */
#define PAUSE_NS                                                                                   \
    50000000 /* without descriptors or memory: a listener stays readable, and would spin */

struct accept_door {
    struct loop_source source;
    struct loop_timer pause;
    struct loop *loop;
    void (*accepted)(void *context, int fd, const struct sock_name *peer);
    void *context;
    bool in_callback, dead;
};

static void pause_over(struct loop_timer *timer, uint64_t now_ns)
{
    struct accept_door *door = LOOP_OWNER(struct accept_door, pause, timer);

    if (loop_watch(door->loop, &door->source, EPOLLIN) != SPEC_OK)
        loop_timer_set(door->loop, timer, now_ns + PAUSE_NS);
}

static void take_all(struct accept_door *door)
{
    for (int n = 0; n < BATCH && !door->dead; n++) {
        struct sock_name peer;
        int fd = sock_accept(door->source.fd, &peer);
        if (fd >= 0) {
            door->accepted(door->context, fd, &peer);
        } else if (errno == EAGAIN) {
            return;
        } else {
            loop_unwatch(&door->source);
            loop_timer_set(door->loop, &door->pause, loop_now() + PAUSE_NS);
            return;
        }
    }
}

static void ready(struct loop_source *source, uint32_t events)
{
    struct accept_door *door = LOOP_OWNER(struct accept_door, source, source);

    (void)events;
    door->in_callback = true;
    take_all(door);
    door->in_callback = false;
    if (door->dead)
        free(door);
}

struct accept_door *
accept_new(struct loop *loop, int listener,
           void (*accepted)(void *context, int fd, const struct sock_name *peer), void *context)
{
    struct accept_door *door = calloc(1, sizeof *door);

    if (door == NULL)
        return NULL;
    *door = (struct accept_door){
        .source = {.fd = listener, .ready = ready},
        .pause = {.fire = pause_over             },
        .loop = loop,
        .accepted = accepted,
        .context = context
    };
    if (loop_watch(loop, &door->source, EPOLLIN) != SPEC_OK) {
        free(door);
        return NULL;
    }
    return door;
}

void accept_free(struct accept_door *door)
{
    if (door == NULL)
        return;
    loop_unwatch(&door->source);
    loop_timer_cancel(&door->pause);
    door->dead = true;
    if (!door->in_callback)
        free(door);
}
