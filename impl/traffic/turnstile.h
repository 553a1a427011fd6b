/* turnstile.h - how many workers of a process move bytes at the same time, those of all its tests
 * together.
 *
 * A thread that is always busy gets its share of a processor, and so do a thousand of them: the
 * loop, which speaks for all tests, would be one in a thousand. So where there are more workers
 * than ever pay for one test, they go through a turnstile with few places, in the order in which
 * they came; the others sleep. Below that the turnstile stands open and costs nothing.
 *
 * Who waits is told by its eventfd. No thread sleeps in here. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

/* Zeroed, then wake_fd set. */
struct turnstile_visitor {
    int wake_fd;
    bool asked;         /* the visitor's own: it has a place or waits for one */
    atomic_bool inside; /* changed under the turnstile's lock */
    TAILQ_ENTRY(turnstile_visitor) entry;
};

struct turnstile {
    pthread_mutex_t lock;
    unsigned n_free; /* places that nobody has; 0 while anybody waits */
    unsigned crowd;  /* more visitors than that, and places count */
    atomic_uint n_known;
    TAILQ_HEAD(, turnstile_visitor) waiting;
};

void turnstile_init(struct turnstile *turnstile, unsigned places, unsigned crowd);
void turnstile_fini(struct turnstile *turnstile); /* nobody is inside or waits */

/* There is one visitor more, or less, that may come at any time. */
void turnstile_expect(struct turnstile *turnstile);
void turnstile_forget(struct turnstile *turnstile);

/* Ask for a place. True: go on; there is one, or no crowd. False: wake_fd becomes readable once
 * turnstile_is_open() is true; who won't wait any longer leaves. */
bool turnstile_enter(struct turnstile *turnstile, struct turnstile_visitor *v);
bool turnstile_is_open(const struct turnstile_visitor *v);
/* Give the place to whoever waits longest, or stop waiting. Harmless for who does neither. */
void turnstile_leave(struct turnstile *turnstile, struct turnstile_visitor *v);
