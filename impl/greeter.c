#include "impl/greeter.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

struct guest {
    struct greeter_guest seen;
    struct greeters *owner;
    struct loop_timer timer;
    TAILQ_ENTRY(guest) entry;
};

struct greeters {
    struct loop *loop;
    size_t max;
    uint64_t timeout_ns;
    bool (*decide)(void *context, const struct greeter_guest *guest);
    void *context;
    TAILQ_HEAD(, guest) guests; /* oldest first */
    size_t n;
};

static void forget(struct guest *guest)
{
    loop_timer_cancel(&guest->timer);
    TAILQ_REMOVE(&guest->owner->guests, guest, entry);
    guest->owner->n--;
    free(guest);
}

static void turn_away(struct guest *guest)
{
    chan_abort(guest->seen.chan);
    forget(guest);
}

static void ask(struct guest *guest, bool over)
{
    guest->seen.over = over;
    if (guest->owner->decide(guest->owner->context, &guest->seen))
        forget(guest);
}

static void on_bytes(void *context, struct bytes *in)
{
    (void)in; /* nothing is taken: it stays kept for whoever takes the channel */
    ask(context, false);
}

static void on_eof(void *context)
{
    ask(context, true);
}

/* Reset before it said what it is: nobody to answer and no test to end (unlike DEF-21). */
static void on_reset(void *context, int os_errno)
{
    (void)os_errno;
    turn_away(context);
}

static void on_late(struct loop_timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    ask(LOOP_OWNER(struct guest, timer, timer), true);
}

struct greeters *greeters_new(struct loop *loop, size_t max, uint64_t timeout_ns,
                              bool (*decide)(void *context, const struct greeter_guest *guest),
                              void *context)
{
    struct greeters *g = calloc(1, sizeof *g);

    if (!g)
        return NULL;
    *g = (struct greeters){
        .loop = loop, .max = max, .timeout_ns = timeout_ns, .decide = decide, .context = context};
    TAILQ_INIT(&g->guests);
    return g;
}

void greeters_free(struct greeters *g)
{
    if (!g)
        return;
    while (!TAILQ_EMPTY(&g->guests))
        turn_away(TAILQ_FIRST(&g->guests));
    free(g);
}

void greeters_dismiss(struct greeters *g, void (*take)(void *context, struct chan *chan),
                      void *context)
{
    struct guest *guest;

    while ((guest = TAILQ_FIRST(&g->guests))) {
        take(context, guest->seen.chan);
        forget(guest);
    }
}

void greeters_add(struct greeters *g, int fd, const struct sock_name *peer)
{
    static const struct chan_events events = {.bytes = on_bytes, .eof = on_eof, .reset = on_reset};
    struct guest *guest = calloc(1, sizeof *guest);

    if (guest && g->n == g->max)
        turn_away(TAILQ_FIRST(&g->guests));
    if (guest)
        guest->seen.chan = chan_new(g->loop, fd, &events, guest);
    if (!guest || !guest->seen.chan) {
        free(guest);
        close(fd);
        return;
    }
    chan_collect(guest->seen.chan, COOKIE_LEN);
    guest->owner = g;
    guest->timer.fire = on_late;
    guest->seen.peer = *peer;
    guest->seen.accepted_ns = loop_now();
    TAILQ_INSERT_TAIL(&g->guests, guest, entry);
    g->n++;
    loop_timer_set(g->loop, &guest->timer, guest->seen.accepted_ns + g->timeout_ns);
    ask(guest, false);
}
