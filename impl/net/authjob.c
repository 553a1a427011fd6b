/* authjob.c - one thread, a list of jobs to it and a list of answers back. */
#include "impl/net/authjob.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct authjob {
    struct authjob *next;
    char *token; /* may be NULL */
    int64_t now_s;
    void (*done)(void *context, enum auth_verdict verdict, const char *user);
    void *context;
    bool cancelled; /* loop's thread only */
    enum auth_verdict verdict;
    struct token_claim claim;
};

struct list {
    struct authjob *first, **end;
};

struct authjob_worker {
    struct loop *loop;
    const struct auth_policy *policy;
    pthread_t thread;
    size_t n_jobs;        /* loop's thread only: submitted and not yet answered */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct list todo, answered;
    bool stop;
};

static void append(struct list *list, struct authjob *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct authjob *take_first(struct list *list)
{
    struct authjob *job = list->first;

    if (job == NULL)
        return NULL;
    list->first = job->next;
    if (list->first == NULL)
        list->end = &list->first;
    return job;
}

static void free_job(struct authjob *job)
{
    if (job->token != NULL)
        explicit_bzero(job->token, strlen(job->token));
    explicit_bzero(&job->claim, sizeof job->claim);
    free(job->token);
    free(job);
}

/* --- the worker's thread
 * -------------------------------------------------------------------------- */

static void deliver(void *context);

static struct authjob *wait_for_job(struct authjob_worker *w)
{
    struct authjob *job;

    pthread_mutex_lock(&w->lock);
    while (!w->stop && w->todo.first == NULL)
        pthread_cond_wait(&w->wake, &w->lock);
    job = w->stop ? NULL : take_first(&w->todo);
    pthread_mutex_unlock(&w->lock);
    return job;
}

static bool is_stopping(struct authjob_worker *w)
{
    bool stop;

    pthread_mutex_lock(&w->lock);
    stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return stop;
}

static void answer(struct authjob_worker *w, struct authjob *job)
{
    struct timespec while_no_memory = {.tv_nsec = 10000000};

    pthread_mutex_lock(&w->lock);
    append(&w->answered, job);
    pthread_mutex_unlock(&w->lock);
    while (loop_post(w->loop, deliver, w) != SPEC_OK && !is_stopping(w))
        nanosleep(&while_no_memory, NULL);
}

static void *work(void *context)
{
    struct authjob_worker *w = context;
    struct authjob *job;

    while ((job = wait_for_job(w)) != NULL) {
        job->verdict = auth_check(w->policy, job->token, job->now_s, &job->claim);
        answer(w, job);
    }
    return NULL;
}

/* --- the loop's thread
 * ---------------------------------------------------------------------------- */

/* One letter comes for each answer, and brings one. */
static void deliver(void *context)
{
    struct authjob_worker *w = context;
    struct authjob *job;

    pthread_mutex_lock(&w->lock);
    job = take_first(&w->answered);
    pthread_mutex_unlock(&w->lock);
    if (job == NULL)
        return;
    w->n_jobs--;
    if (!job->cancelled)
        job->done(job->context, job->verdict, job->claim.user);
    free_job(job); /* done() may have stopped the worker, not the job */
}

struct authjob *authjob_submit(struct authjob_worker *w, const char *token, int64_t now_s,
                               void (*done)(void *context, enum auth_verdict verdict,
                                            const char *user),
                               void *context)
{
    struct authjob *job;

    if (w->n_jobs >= AUTHJOB_MAX || (job = calloc(1, sizeof *job)) == NULL)
        return NULL;
    *job =
        (struct authjob){.now_s = now_s, .done = done, .context = context, .verdict = AUTH_TOKEN};
    if (token != NULL && (job->token = strndup(token, TOKEN_TEXT_MAX + 1)) == NULL) {
        free(job);
        return NULL;
    }
    w->n_jobs++;
    pthread_mutex_lock(&w->lock);
    append(&w->todo, job);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    return job;
}

void authjob_cancel(struct authjob *job)
{
    if (job != NULL)
        job->cancelled = true;
}

struct authjob_worker *authjob_start(struct loop *loop, const struct auth_policy *policy)
{
    struct authjob_worker *w = calloc(1, sizeof *w);
    int failure;

    if (w == NULL)
        return NULL;
    w->loop = loop;
    w->policy = policy;
    w->todo.end = &w->todo.first;
    w->answered.end = &w->answered.first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    failure = pthread_create(&w->thread, NULL, work, w);
    if (failure != 0) {
        pthread_cond_destroy(&w->wake);
        pthread_mutex_destroy(&w->lock);
        free(w);
        errno = failure;
        return NULL;
    }
    return w;
}

void authjob_stop(struct authjob_worker *w)
{
    struct authjob *job;

    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    loop_unpost(w->loop, deliver, w);
    while ((job = take_first(&w->todo)) != NULL || (job = take_first(&w->answered)) != NULL)
        free_job(job);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
