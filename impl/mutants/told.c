/* told.c - the events that iperfref's shell keeps from its machine: the end of a stream, and what
 * third parties do.
 *
 * The table says what they may do to a test (nothing, as a rule). Where that cell is the wrong one,
 * the test reacts: it says CLIENT_TERMINATE or SERVER_TERMINATE on its control connection, and ends
 * that. */
#include "impl/mutants/mutant.h"
#include "impl/mutants/table.h"

#include "impl/greeter.h"
#include "impl/session.h"
#include "impl/wire/bytes.h"
#include "impl/wire/state.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_SESSIONS 64
#define N_STREAMS  256
#define LOOK_US    500

/* A session, its control connection and its streams, by descriptor. */
static struct watched {
    const struct session *session;
    int control;
    int streams[N_STREAMS];
    unsigned n_streams;
} all[N_SESSIONS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct watched *find(const struct session *s)
{
    for (size_t i = 0; i < N_SESSIONS; i++)
        if (all[i].session == s)
            return &all[i];
    return NULL;
}

static void react(struct watched *w)
{
    bool is_server = table_role(machine_state(session_machine(w->session))) == MACHINE_SERVER;
    uint8_t word = is_server ? SERVER_TERMINATE : CLIENT_TERMINATE;

    (void)send(w->control, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(w->control, SHUT_RDWR);
    w->session = NULL;
}

void told_server(enum table_server_event event)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < N_SESSIONS; i++)
        if (all[i].session && table_fault_is(machine_state(session_machine(all[i].session)), event))
            react(&all[i]);
    pthread_mutex_unlock(&lock);
}

/* --- the end of a stream: nobody reads it before TEST_RUNNING and after TEST_END ----------------
 */

static unsigned event_of(enum machine_role role, int fd, short what)
{
    uint8_t first = 0;

    if (role == MACHINE_SERVER)
        return what & POLLERR ? SEV_STREAM_RESET : SEV_STREAM_EOF;
    (void)recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    return first == (uint8_t)ACCESS_DENIED ? CEV_STREAM_REFUSED : CEV_STREAM_LOST;
}

static bool has_lost_one(const struct watched *w)
{
    enum machine_state state = machine_state(session_machine(w->session));

    for (unsigned i = 0; i < w->n_streams && state != MACHINE_OVER; i++) {
        struct pollfd fd = {.fd = w->streams[i], .events = POLLRDHUP};
        if (poll(&fd, 1, 0) > 0 &&
            table_fault_is(state, event_of(table_role(state), fd.fd, fd.revents)))
            return true;
    }
    return false;
}

/* There is nothing to wait for: a descriptor in poll(2) would stay open behind its close(). */
static void *look(void *unused)
{
    for (;;) {
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < N_SESSIONS; i++)
            if (all[i].session && has_lost_one(&all[i]))
                react(&all[i]);
        pthread_mutex_unlock(&lock);
        usleep(LOOK_US);
    }
    return unused;
}

static void start_looking(void)
{
    static pthread_t thread;

    if (!thread && (table_fault_is_of(MACHINE_SERVER, SEV_STREAM_EOF) ||
                    table_fault_is_of(MACHINE_SERVER, SEV_STREAM_RESET) ||
                    table_fault_is_of(MACHINE_CLIENT, CEV_STREAM_REFUSED) ||
                    table_fault_is_of(MACHINE_CLIENT, CEV_STREAM_LOST)))
        pthread_create(&thread, NULL, look, NULL);
}

WRAP(void, session_start, (struct session * s, struct chan *chan, uint64_t started_ns))
{
    pthread_mutex_lock(&lock);
    struct watched *w = find(NULL);
    if (w)
        *w = (struct watched){.session = s, .control = chan_fd(chan)};
    pthread_mutex_unlock(&lock);
    start_looking();
    __real_session_start(s, chan, started_ns);
}

WRAP(void, session_add_stream, (struct session * s, int fd))
{
    pthread_mutex_lock(&lock);
    struct watched *w = find(s);
    if (w && w->n_streams < N_STREAMS)
        w->streams[w->n_streams++] = fd;
    pthread_mutex_unlock(&lock);
    __real_session_add_stream(s, fd);
}

/* Whose run it is cannot be told; its test has what it was made for. */
WRAP(void, run_close, (struct run * run))
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < N_SESSIONS; i++)
        all[i].n_streams = 0;
    pthread_mutex_unlock(&lock);
    __real_run_close(run);
}

WRAP(void, session_free, (struct session * s))
{
    pthread_mutex_lock(&lock);
    struct watched *w = s ? find(s) : NULL;
    if (w)
        w->session = NULL;
    pthread_mutex_unlock(&lock);
    __real_session_free(s);
}

/* --- third parties: a connection that has not said yet whose it is ------------------------------
 */

static int was_reset = -1; /* the descriptor that was read last */

/* Whoever reads the reset of a stream takes it away from look(). */
static void stream_was_reset(int fd)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < N_SESSIONS; i++)
        for (unsigned k = 0; all[i].session && k < all[i].n_streams; k++)
            if (all[i].streams[k] == fd &&
                table_fault_is(machine_state(session_machine(all[i].session)), SEV_STREAM_RESET))
                react(&all[i]);
    pthread_mutex_unlock(&lock);
}

WRAP(ssize_t, recv, (int fd, void *at, size_t len, int flags))
{
    ssize_t n = __real_recv(fd, at, len, flags);
    int os_errno = errno;

    was_reset = n < 0 && os_errno == ECONNRESET ? fd : -1;
    if (was_reset >= 0 && table_fault_is_of(MACHINE_SERVER, SEV_STREAM_RESET))
        stream_was_reset(fd);
    errno = os_errno;
    return n;
}

WRAP(void, greeters_add, (struct greeters * g, int fd, const struct sock_name *peer))
{
    told_server(SEV_CONN_SILENT);
    __real_greeters_add(g, fd, peer);
}

static atomic_bool guest_stays;

bool told_guest_stays(void)
{
    return guest_stays;
}

WRAP(void, chan_abort, (struct chan * c))
{
    bool is_of_a_session = false;
    int fd = chan_fd(c);

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < N_SESSIONS; i++)
        is_of_a_session |= all[i].session && all[i].control == fd;
    pthread_mutex_unlock(&lock);
    if (fd == was_reset && !is_of_a_session) {
        told_server(SEV_CONN_RESET);
        guest_stays |= table_fault_is(SRV_COOKIE, SEV_RESET);
    }
    __real_chan_abort(c);
}
