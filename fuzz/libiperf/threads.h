/* threads.h - libiperf's threads (3.16 and later have one for each stream) as coroutines of the one
 * thread there is: one runs at a time, and gives way where it would wait, or has done a few calls.
 * So the same input does the same, and nobody is interrupted between two of its own steps but where
 * a real thread could be. */
#pragma once
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#define THREADS_MAX   260 /* 128 streams in each direction */
#define THREADS_CALLS 16  /* of one turn */

/* Before a run, and behind it: there are none, however far they were. */
void threads_reset(void);

/* Whether one of them runs now, and not the library's main thread. */
bool threads_is_one(void);

/* In a thread: let the others go on. Does not come back once it was cancelled. */
void threads_give_way(void);
/* In a thread: one more call of the library's; those that never wait give way after some. */
void threads_count_call(void);
/* In a thread: it ends, and how() is called in the main thread's place, from threads_turn(). */
_Noreturn void threads_leave(void (*how)(void));

/* In the main thread: each has a turn. */
void threads_turn(void);

/* What the library calls in place of its pthread_create() and so on. A thread is cancelled wherever
 * it has given way; who joins one that runs waits with world_wait(). */
int libiperf_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                            void *(*run)(void *), void *argument);
int libiperf_pthread_cancel(pthread_t thread);
int libiperf_pthread_join(pthread_t thread, void **result);
int libiperf_pthread_mutex_lock(pthread_mutex_t *lock);
int libiperf_pthread_mutex_unlock(pthread_mutex_t *lock);
int libiperf_pthread_setcancelstate(int state, int *old);
int libiperf_pthread_setcanceltype(int type, int *old);
int libiperf_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
