/* outbox.c - a queue of pieces of text, and the thread that writes them. */
#include "impl/outbox.h"

#include "impl/version.h"
#include "impl/wire/bytes.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define REST_MS  1

struct piece {
    STAILQ_ENTRY(piece) entry;
    int fd;
    size_t len;
    char text[];
};

struct face {
    SLIST_ENTRY(face) entry;
    struct outbox *box;
    FILE *file;
    int fd;
    bool is_inside; /* what was queued last ends inside a line */
    bool is_cut;    /* the same, and the rest of that line was dropped */
    bool is_lost;   /* the line that is being printed is dropped */
};

struct outbox {
    SLIST_HEAD(, face) faces;
    uint64_t patience_ns;
    int notes_fd;
    int stop_fd; /* eventfd to the thread */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t filled, emptied;
    STAILQ_HEAD(, piece) pieces; /* the first is being written */
    size_t len;                  /* of all pieces */
    uint64_t n_written;          /* pieces */
    uint64_t n_dropped;          /* lines, not yet told */
    bool has_dropped;            /* ever */
    bool stop;
    int os_errno;
};

/* --- the thread ---------------------------------------------------------------------------------
 */

/* Some of the text that waits: a piece, or several for one descriptor that fit into a write. */
struct bundle {
    int fd;
    const char *text;
    size_t len, n_pieces;
    char room[PIPE_BUF];
};

/* Write it, in parts of which none blocks where a pipe is said to have room. 0, or an errno; what
 * is left when the box is stopped is dropped. */
static int write_all(const struct outbox *box, const struct bundle *bundle)
{
    struct pollfd on[] = {
        {.fd = bundle->fd,   .events = POLLOUT},
        {.fd = box->stop_fd, .events = POLLIN },
    };
    size_t at = 0;

    while (at < bundle->len) {
        ssize_t n = poll(on, ARRAY_LEN(on), -1);
        if (n > 0 && on[1].revents)
            return 0;
        if (n > 0)
            n = write(bundle->fd, bundle->text + at, MIN(bundle->len - at, (size_t)PIPE_BUF));
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return errno;
        at += (size_t)MAX(n, 0);
    }
    return 0;
}

/* The pieces stay in the queue, and are not touched there, until they are written. */
static void tie(const struct outbox *box, struct bundle *bundle)
{
    const struct piece *piece = STAILQ_FIRST(&box->pieces);

    bundle->fd = piece->fd;
    bundle->text = piece->len > PIPE_BUF ? piece->text : bundle->room;
    bundle->len = piece->len > PIPE_BUF ? piece->len : 0;
    bundle->n_pieces = piece->len > PIPE_BUF;
    for (; piece != NULL && bundle->text == bundle->room && piece->fd == bundle->fd &&
           piece->len <= PIPE_BUF - bundle->len;
         piece = STAILQ_NEXT(piece, entry)) {
        memcpy(bundle->room + bundle->len, piece->text, piece->len);
        bundle->len += piece->len;
        bundle->n_pieces++;
    }
}

static void remove_written(struct outbox *box, size_t n_pieces)
{
    while (n_pieces-- > 0) {
        struct piece *piece = STAILQ_FIRST(&box->pieces);
        STAILQ_REMOVE_HEAD(&box->pieces, entry);
        box->len -= piece->len;
        box->n_written++;
        free(piece);
    }
    pthread_cond_signal(&box->emptied);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Lines that come fast go together: less than REST_MS after the last write, wait so long. */
static void rest(const struct outbox *box, uint64_t written_ns)
{
    struct pollfd stop = {.fd = box->stop_fd, .events = POLLIN};

    if (now_ns() - written_ns < REST_MS * NS_PER_S / 1000)
        (void)poll(&stop, 1, REST_MS);
}

/* The lock is held but while something is written. */
static void *run(void *context)
{
    struct outbox *box = context;
    uint64_t written_ns = 0;
    struct bundle bundle;
    int os_errno;

    pthread_mutex_lock(&box->lock);
    for (;;) {
        while (STAILQ_EMPTY(&box->pieces) && !box->stop)
            pthread_cond_wait(&box->filled, &box->lock);
        if (box->stop)
            break;
        pthread_mutex_unlock(&box->lock);
        rest(box, written_ns);
        pthread_mutex_lock(&box->lock);
        tie(box, &bundle);
        pthread_mutex_unlock(&box->lock);
        os_errno = write_all(box, &bundle);
        written_ns = now_ns();
        pthread_mutex_lock(&box->lock);
        if (box->os_errno == 0)
            box->os_errno = os_errno;
        remove_written(box, bundle.n_pieces);
    }
    pthread_mutex_unlock(&box->lock);
    return NULL;
}

/* Signals are the loop's. */
static int start_thread(struct outbox *box)
{
    sigset_t all, before;
    int os_errno;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    os_errno = pthread_create(&box->thread, NULL, run, box);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return os_errno;
}

/* --- the queue; under the lock ------------------------------------------------------------------
 */

/* Wait until what the thread does lets ready(box, n) hold; false if it did not for so long. */
static bool await(struct outbox *box, bool (*ready)(const struct outbox *box, uint64_t n),
                  uint64_t n, uint64_t patience_ns)
{
    uint64_t at_ns = now_ns() + patience_ns;
    struct timespec until = {(time_t)(at_ns / NS_PER_S), (long)(at_ns % NS_PER_S)};
    int error = 0;

    while (!ready(box, n) && error == 0)
        error = pthread_cond_clockwait(&box->emptied, &box->lock, CLOCK_MONOTONIC, &until);
    return ready(box, n);
}

/* One piece larger than the box goes in alone. */
static bool has_room(const struct outbox *box, uint64_t len)
{
    return STAILQ_EMPTY(&box->pieces) || box->len + len <= OUTBOX_MAX;
}

static bool has_written(const struct outbox *box, uint64_t n)
{
    return STAILQ_EMPTY(&box->pieces) || box->n_written >= n;
}

static bool queue(struct outbox *box, int fd, const char *text, size_t len)
{
    struct piece *piece = malloc(sizeof *piece + len);

    if (piece == NULL)
        return false;
    piece->fd = fd;
    piece->len = len;
    memcpy(piece->text, text, len);
    if (STAILQ_EMPTY(&box->pieces)) /* only then the thread waits for it */
        pthread_cond_signal(&box->filled);
    STAILQ_INSERT_TAIL(&box->pieces, piece, entry);
    box->len += len;
    return true;
}

static void tell_dropped(struct outbox *box)
{
    char line[128];
    int len = snprintf(line, sizeof line,
                       VERSION_PROGRAM ": %llu lines of output dropped: nobody read them\n",
                       (unsigned long long)box->n_dropped);

    if (box->n_dropped > 0 && queue(box, box->notes_fd, line, (size_t)len))
        box->n_dropped = 0;
}

/* Behind a line that was cut the next one starts on a line of its own. */
static bool keep(struct face *face, const char *text, size_t len)
{
    if (face->is_cut && !queue(face->box, face->fd, "\n", 1))
        return false;
    face->is_cut = false;
    if (!queue(face->box, face->fd, text, len))
        return false;
    face->is_inside = text[len - 1] != '\n';
    return true;
}

static void drop(struct face *face, const char *text, size_t len)
{
    struct outbox *box = face->box;

    for (size_t i = 0; i < len; i++)
        box->n_dropped += text[i] == '\n';
    box->has_dropped = true;
    face->is_cut = face->is_cut || face->is_inside;
    face->is_inside = false;
    face->is_lost = text[len - 1] != '\n';
}

/* Once something was dropped, everything is, until the reader has caught up. */
static void put(struct face *face, const char *text, size_t len)
{
    struct outbox *box = face->box;

    if (STAILQ_EMPTY(&box->pieces))
        tell_dropped(box);
    if (box->n_dropped > 0 || face->is_lost || !await(box, has_room, len, box->patience_ns) ||
        !keep(face, text, len))
        drop(face, text, len);
}

static ssize_t face_write(void *cookie, const char *text, size_t len)
{
    struct face *face = cookie;

    if (len == 0)
        return 0;
    pthread_mutex_lock(&face->box->lock);
    put(face, text, len);
    pthread_mutex_unlock(&face->box->lock);
    return (ssize_t)len;
}

/* --- life ---------------------------------------------------------------------------------------
 */

static void free_box(struct outbox *box)
{
    int saved = errno;

    if (box->stop_fd >= 0)
        close(box->stop_fd);
    pthread_cond_destroy(&box->filled);
    pthread_cond_destroy(&box->emptied);
    pthread_mutex_destroy(&box->lock);
    free(box);
    errno = saved;
}

struct outbox *outbox_new(int notes_fd, uint64_t patience_ns)
{
    struct outbox *box = calloc(1, sizeof *box);

    if (box == NULL)
        return NULL;
    box->patience_ns = patience_ns;
    box->notes_fd = notes_fd;
    SLIST_INIT(&box->faces);
    STAILQ_INIT(&box->pieces);
    pthread_mutex_init(&box->lock, NULL);
    pthread_cond_init(&box->filled, NULL);
    pthread_cond_init(&box->emptied, NULL);
    box->stop_fd = eventfd(0, EFD_CLOEXEC);
    errno = box->stop_fd < 0 ? errno : start_thread(box);
    if (errno == 0)
        return box;
    free_box(box);
    return NULL;
}

FILE *outbox_file(struct outbox *box, int fd)
{
    struct face *face = calloc(1, sizeof *face);

    if (face == NULL)
        return NULL;
    face->box = box;
    face->fd = fd;
    face->file = fopencookie(face, "w", (cookie_io_functions_t){.write = face_write});
    if (face->file == NULL) {
        free(face);
        return NULL;
    }
    setvbuf(face->file, NULL, _IOLBF, 0);
    SLIST_INSERT_HEAD(&box->faces, face, entry);
    return face->file;
}

bool outbox_drain(struct outbox *box, uint64_t patience_ns)
{
    struct face *face;
    bool is_empty;

    SLIST_FOREACH(face, &box->faces, entry)
    fflush(face->file);
    pthread_mutex_lock(&box->lock);
    tell_dropped(box);
    while (!STAILQ_EMPTY(&box->pieces) && await(box, has_written, box->n_written + 1, patience_ns))
        ;
    is_empty = STAILQ_EMPTY(&box->pieces) && !box->has_dropped;
    pthread_mutex_unlock(&box->lock);
    return is_empty;
}

int outbox_free(struct outbox *box)
{
    struct face *face;
    struct piece *piece;
    int os_errno;

    if (box == NULL)
        return 0;
    while ((face = SLIST_FIRST(&box->faces)) != NULL) {
        SLIST_REMOVE_HEAD(&box->faces, entry);
        fclose(face->file); /* flushes into face_write */
        free(face);
    }
    pthread_mutex_lock(&box->lock);
    box->stop = true;
    pthread_cond_signal(&box->filled);
    pthread_mutex_unlock(&box->lock);
    eventfd_write(box->stop_fd, 1); /* out of the wait for who does not read */
    pthread_join(box->thread, NULL);
    while ((piece = STAILQ_FIRST(&box->pieces)) != NULL) {
        STAILQ_REMOVE_HEAD(&box->pieces, entry);
        free(piece);
    }
    os_errno = box->os_errno;
    free_box(box);
    return os_errno;
}
