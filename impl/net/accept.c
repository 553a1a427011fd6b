#include "impl/net/accept.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define BATCH 64 /* connections before other sources get their turn */
#define PAUSE_NS                                                                                   \
    50000000       /* without descriptors or memory: a listener stays readable, and would spin */
#define STARVED 20 /* pauses: a second */

struct accept_door {
    struct loop_source source;
    struct loop_timer pause;
    struct loop *loop;
    const struct accept_ops *ops;
    void *context;
    unsigned pauses; /* in a row */
    bool in_callback, dead;
};

static void pause_over(struct loop_timer *timer, uint64_t now_ns)
{
    struct accept_door *door = LOOP_OWNER(struct accept_door, pause, timer);

    if (loop_watch(door->loop, &door->source, EPOLLIN) != SPEC_OK)
        loop_timer_set(door->loop, timer, now_ns + PAUSE_NS);
}

static void rest(struct accept_door *door, int os_errno)
{
    loop_unwatch(&door->source);
    loop_timer_set(door->loop, &door->pause, loop_now() + PAUSE_NS);
    if (++door->pauses % STARVED == 0 && door->ops->starved)
        door->ops->starved(door->context, os_errno);
}

static void take_all(struct accept_door *door)
{
    for (int n = 0; n < BATCH && !door->dead; n++) {
        struct sock_name peer;
        int fd = sock_accept(door->source.fd, &peer);
        if (fd >= 0) {
            door->pauses = 0;
            door->ops->accepted(door->context, fd, &peer);
        } else if (errno == EAGAIN) {
            door->pauses = 0;
            return;
        } else {
            rest(door, errno);
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

struct accept_door *accept_new(struct loop *loop, int listener, const struct accept_ops *ops,
                               void *context)
{
    struct accept_door *door = calloc(1, sizeof *door);

    if (door == NULL)
        return NULL;
    *door = (struct accept_door){
        .source = {.fd = listener, .ready = ready},
        .pause = {.fire = pause_over             },
        .loop = loop,
        .ops = ops,
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
