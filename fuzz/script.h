/* script.h - the input of the machine targets: what a peer sends and what happens, as records that
 * stay meaningful under mutation.
 *
 * Records are separated by a byte 1e. The first byte of a record says what it is, the rest is its
 * payload. The peer:
 *   B  bytes as they are          C  a cookie: 37 bytes, padded with 'a', the last one NUL
 *   J  a text behind its length   L  the same, the length off by the first byte (-128 to 127)
 *   E  end of the connection      X  reset, errno in the first byte
 * The shell:
 *   U  all streams are up         u  one of them
 *   A  answer a question          N  answer it with no
 *   T  time passes until the next deadline       P  data has arrived
 *   O  the test is over (client)  K  we are ended by a signal
 *   F  something of ours fails, with an error number of the table
 * Anything else is nothing. Two bytes stand before the first record: the pieces in which the peer's
 * bytes arrive, and flags for the set-up. */
#pragma once
#include "fuzz/shell.h"
#include "fuzz/watch.h"

#define SCRIPT_RECORDS 64

/* A machine, and an observer at its side. */
struct scene {
    struct shell shell;
    struct watch watch;
    struct fuzz_cuts cuts;
    size_t n_sent;           /* by the peer */
    bool has_end, has_reset; /* the peer's */
};

static inline enum observer_side scene_peer(const struct scene *x)
{
    return x->shell.role == MACHINE_CLIENT ? OBSERVER_SERVER : OBSERVER_CLIENT;
}

/* What the machine sent goes by the observer. */
static inline void scene_show(struct scene *x)
{
    struct shell *s = &x->shell;

    watch_bytes(&x->watch, shell_side(s), s->now_ns, fuzz_noted(&s->out));
    s->out.len = 0;
    if (shell_is_over(s))
        observer_end(x->watch.o, shell_side(s), s->now_ns, false);
}

static inline void scene_settle(struct scene *x)
{
    shell_settle(&x->shell);
    scene_show(x);
}

/* The peer's bytes that are there, as far as the machine wants them. */
static inline void scene_read(struct scene *x)
{
    struct shell *s = &x->shell;
    struct bytes all = fuzz_noted(&s->unread);

    while (all.len > 0 && !machine_is_waiting(s->m)) {
        struct bytes rest = all, piece = fuzz_piece(&x->cuts, &rest);
        struct bytes left = piece;
        shell_bytes(s, &left);
        size_t taken = piece.len - left.len;
        x->n_sent += taken;
        watch_bytes(&x->watch, scene_peer(x), s->now_ns, (struct bytes){all.at, taken});
        all = (struct bytes){all.at + taken, all.len - taken};
        scene_settle(x);
    }
    if (all.len > 0)
        memmove(s->unread.at, all.at, all.len);
    s->unread.len = all.len;
    if (s->unread.len == 0 && s->has_eof) {
        s->has_eof = false;
        observer_end(x->watch.o, scene_peer(x), s->now_ns, false);
        machine_eof(s->m, s->now_ns);
        scene_settle(x);
    }
}

/* --- the peer ----------------------------------------------------------------------------------
 */

static inline void scene_send(struct scene *x, struct bytes bytes)
{
    if (x->has_end)
        return;
    fuzz_note(&x->shell.unread, bytes.at, bytes.len);
    scene_read(x);
}

static inline void scene_send_text(struct scene *x, struct bytes text, int off)
{
    uint8_t length[4];

    store_be32(length, (uint32_t)((int64_t)text.len + off));
    if (!x->has_end)
        fuzz_note(&x->shell.unread, length, sizeof length);
    scene_send(x, text);
}

static inline void scene_send_cookie(struct scene *x, struct bytes text)
{
    uint8_t cookie[COOKIE_LEN];

    memset(cookie, 'a', COOKIE_LEN - 1);
    cookie[COOKIE_LEN - 1] = '\0';
    memcpy(cookie, text.at, MIN(text.len, COOKIE_LEN - 1));
    scene_send(x, (struct bytes){cookie, COOKIE_LEN});
}

static inline void scene_end(struct scene *x)
{
    x->shell.has_eof = x->shell.has_eof || !x->has_end;
    x->has_end = true;
    scene_read(x);
}

static inline void scene_reset(struct scene *x, int os_errno)
{
    struct shell *s = &x->shell;

    if (x->has_end)
        return;
    x->has_end = x->has_reset = true;
    s->unread.len = 0;
    observer_end(x->watch.o, scene_peer(x), s->now_ns, true);
    machine_reset(s->m, s->now_ns, os_errno);
    scene_settle(x);
}

/* --- the shell ---------------------------------------------------------------------------------
 */

static inline void scene_fail(struct scene *x, uint8_t which)
{
    static const int numbers[] = {
#define X(number, name, since, text) number,
#include "impl/wire/ierr.def"
#undef X
    };

    machine_failed(x->shell.m, x->shell.now_ns, numbers[which % ARRAY_LEN(numbers)], which);
    scene_settle(x);
}

static inline void scene_answer(struct scene *x, bool refuses)
{
    x->shell.refuses = x->shell.refuses || refuses;
    shell_answer(&x->shell);
    scene_show(x);
    scene_read(x);
}

static inline void scene_streams_up(struct scene *x, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        shell_stream_up(&x->shell);
        scene_show(x);
    }
}

static inline void scene_happen(struct scene *x, char what, struct bytes payload)
{
    struct shell *s = &x->shell;

    switch (what) {
    case 'U':
        scene_streams_up(x, s->n_streams - s->n_up);
        break;
    case 'u':
        scene_streams_up(x, 1);
        break;
    case 'A':
    case 'N':
        scene_answer(x, what == 'N');
        break;
    case 'T':
        shell_tick(s);
        scene_show(x);
        break;
    case 'P':
        machine_progress(s->m, s->now_ns);
        break;
    case 'O':
        machine_test_over(s->m, s->now_ns);
        scene_settle(x);
        break;
    case 'K':
        machine_terminate(s->m, s->now_ns);
        scene_settle(x);
        break;
    case 'F':
        scene_fail(x, fuzz_u8(&payload));
        break;
    default:
        break;
    }
}

static inline void scene_play_record(struct scene *x, struct bytes record)
{
    char what = (char)fuzz_u8(&record);
    int8_t off;

    x->shell.now_ns += 1000;
    switch (what) {
    case 'B':
        scene_send(x, record);
        break;
    case 'C':
        scene_send_cookie(x, record);
        break;
    case 'J':
        scene_send_text(x, record, 0);
        break;
    case 'L':
        off = (int8_t)fuzz_u8(&record);
        scene_send_text(x, record, off);
        break;
    case 'E':
        scene_end(x);
        break;
    case 'X':
        scene_reset(x, fuzz_u8(&record));
        break;
    default:
        scene_happen(x, what, record);
        break;
    }
}

/* Play the records, then end the peer's connection and answer what is open: the session must end.
 */
static inline void scene_play(struct scene *x, struct bytes script)
{
    for (unsigned n = 0; script.len > 0 && n < SCRIPT_RECORDS; n++) {
        const uint8_t *end = memchr(script.at, 0x1e, script.len);
        size_t len = end != NULL ? (size_t)(end - script.at) : script.len;
        scene_play_record(x, fuzz_take(&script, len));
        fuzz_u8(&script);
    }
    x->shell.is_slow = false;
    scene_end(x);
    while (x->shell.asked >= 0)
        scene_answer(x, false);
    FUZZ_CHECK(shell_is_over(&x->shell), "%s after the end of the connection",
               machine_state_name(machine_state(x->shell.m)));
    observer_finish(x->watch.o);
}

/* --- verdicts ----------------------------------------------------------------------------------
 */

/* What the machine does is never held against it; what it holds against its peer, the observer
 * holds too. */
static inline void scene_check(const struct scene *x)
{
    enum observer_side us = shell_side(&x->shell), peer = scene_peer(x);

    FUZZ_CHECK(x->watch.n_violations[us] == 0, "our side: %s", watch_words(&x->watch, us));
    /* A connection without a byte breaks CTL-1, but who made it need not be a client. And what a
     * reset cut off may have been sent. */
    if (shell_blames_peer(&x->shell) && x->n_sent > 0 && !x->has_reset)
        FUZZ_CHECK(x->watch.n_violations[peer] > 0,
                   "%s in %s (error %d), and the observer is silent", x->shell.end.clause,
                   machine_state_name(x->shell.last), x->shell.end.ierr);
}

/* Play input twice, in one piece and as it asks for; both must come to the same. */
static inline bool scene_run(const struct machine_config *config, struct bytes in, uint8_t seed,
                             uint8_t flags)
{
    struct scene runs[2];

    fuzz_memory_start();
    for (int i = 0; i < 2; i++) {
        struct scene *x = &runs[i];
        *x = (struct scene){.cuts = {.seed = i == 0 ? 0 : seed}};
        shell_init(&x->shell, config);
        watch_init(&x->watch, true, true, true);
        x->shell.is_slow = flags & 1;
        x->shell.refuses = flags & 2;
        machine_start(x->shell.m, x->shell.now_ns);
        scene_settle(x);
        scene_play(x, in);
    }
    fuzz_memory_stop(1 << 20, 1024, in.len);
    scene_check(&runs[0]);
    FUZZ_CHECK(fuzz_equal(fuzz_noted(&runs[0].shell.did), fuzz_noted(&runs[1].shell.did)),
               "other actions in pieces of up to %d", seed);
    FUZZ_CHECK(fuzz_equal(fuzz_noted(&runs[0].watch.log), fuzz_noted(&runs[1].watch.log)),
               "other verdicts in pieces of up to %d", seed);
    bool is_good = runs[0].shell.end.ok && !runs[0].shell.end.terminated;
    for (int i = 0; i < 2; i++) {
        shell_fini(&runs[i].shell);
        watch_fini(&runs[i].watch);
    }
    return is_good;
}
