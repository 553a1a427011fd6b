/* turnstile.c - see turnstile.h. */
#include "impl/traffic/turnstile.h"

#include "impl/traffic/stream.h"

void turnstile_init(struct turnstile *turnstile, unsigned places, unsigned crowd)
{
    *turnstile = (struct turnstile){.n_free = places, .crowd = crowd};
    pthread_mutex_init(&turnstile->lock, NULL);
    TAILQ_INIT(&turnstile->waiting);
}

void turnstile_fini(struct turnstile *turnstile)
{
    pthread_mutex_destroy(&turnstile->lock);
}

void turnstile_expect(struct turnstile *turnstile)
{
    atomic_fetch_add(&turnstile->n_known, 1);
}

void turnstile_forget(struct turnstile *turnstile)
{
    atomic_fetch_sub(&turnstile->n_known, 1);
}

bool turnstile_is_open(const struct turnstile_visitor *v)
{
    return atomic_load(&v->inside);
}

bool turnstile_enter(struct turnstile *turnstile, struct turnstile_visitor *v)
{
    bool enters;

    if (atomic_load_explicit(&turnstile->n_known, memory_order_relaxed) <= turnstile->crowd)
        return true;
    v->asked = true;
    pthread_mutex_lock(&turnstile->lock);
    enters = turnstile->n_free > 0;
    turnstile->n_free -= enters;
    atomic_store(&v->inside, enters);
    if (!enters)
        TAILQ_INSERT_TAIL(&turnstile->waiting, v, entry);
    pthread_mutex_unlock(&turnstile->lock);
    return enters;
}

static void give_place_on(struct turnstile *turnstile)
{
    struct turnstile_visitor *next = TAILQ_FIRST(&turnstile->waiting);

    if (!next) {
        turnstile->n_free++;
        return;
    }
    TAILQ_REMOVE(&turnstile->waiting, next, entry);
    atomic_store(&next->inside, true);
    stream_poke(next->wake_fd); /* under the lock: without it the visitor may be gone by now */
}

void turnstile_leave(struct turnstile *turnstile, struct turnstile_visitor *v)
{
    if (!v->asked)
        return;
    v->asked = false;
    pthread_mutex_lock(&turnstile->lock);
    if (atomic_exchange(&v->inside, false))
        give_place_on(turnstile);
    else
        TAILQ_REMOVE(&turnstile->waiting, v, entry);
    pthread_mutex_unlock(&turnstile->lock);
}
