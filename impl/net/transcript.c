/* transcript.c - writing and reading the text form. */
#include "impl/net/transcript.h"

#include "impl/net/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "# iperfspec transcript 1\n"

struct transcript {
    FILE *file;
    uint64_t start_ns, n_sessions;
    int os_errno; /* of the first write that failed; nothing is written after it */
    struct transcript_session *open;
};

struct transcript_session {
    struct transcript *t;
    uint64_t number;
    enum observer_side role;
    uint64_t written[2]; /* bytes by side */
    uint64_t missing[2]; /* gap at the end of it, not yet on a line */
    struct transcript_session *next, **at;
};

/* --- writing
 * -------------------------------------------------------------------------------------- */

static enum observer_side peer_of(const struct transcript_session *s)
{
    return s->role == OBSERVER_SERVER ? OBSERVER_CLIENT : OBSERVER_SERVER;
}

static char letter(enum observer_side side)
{
    return side == OBSERVER_CLIENT ? 'C' : 'S';
}

static void check(struct transcript *t)
{
    if (t->os_errno == 0 && ferror(t->file))
        t->os_errno = errno != 0 ? errno : EIO;
}

/* "number time ", the time being now. False: the file is not written any more. */
static bool begin_line(struct transcript_session *s)
{
    if (s->t->os_errno != 0)
        return false;
    fprintf(s->t->file, "%" PRIu64 " %" PRIu64 " ", s->number, loop_now() - s->t->start_ns);
    return true;
}

static void put_hex(FILE *file, struct bytes bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        putc(digits[bytes.at[i] >> 4], file);
        putc(digits[bytes.at[i] & 15], file);
    }
    putc('\n', file);
}

static void put_bytes(struct transcript_session *s, enum observer_side side, struct bytes bytes)
{
    size_t room = (size_t)(TRANSCRIPT_SESSION_MAX - s->written[side]);
    size_t keep = MIN(bytes.len, room);

    s->written[side] += keep;
    s->missing[side] += bytes.len - keep;
    for (size_t at = 0; at < keep; at += TRANSCRIPT_LINE_BYTES) {
        if (!begin_line(s))
            return;
        fprintf(s->t->file, "%c ", letter(side));
        put_hex(s->t->file,
                (struct bytes){bytes.at + at, MIN(keep - at, (size_t)TRANSCRIPT_LINE_BYTES)});
    }
    check(s->t);
}

static void put_gap(struct transcript_session *s, enum observer_side side)
{
    if (s->missing[side] == 0 || !begin_line(s))
        return;
    fprintf(s->t->file, "%c gap %" PRIu64 "\n", letter(side), s->missing[side]);
    s->missing[side] = 0;
}

struct transcript *transcript_open(const char *path)
{
    struct transcript *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->file = fopen(path, "we");
    if (t->file == NULL) {
        free(t);
        return NULL;
    }
    t->start_ns = loop_now();
    errno = 0;
    if (fputs(FIRST_LINE, t->file) == EOF || fflush(t->file) != 0)
        check(t);
    return t;
}

enum spec_err transcript_close(struct transcript *t)
{
    int os_errno;

    if (t == NULL)
        return SPEC_OK;
    while (t->open != NULL)
        transcript_end(t->open);
    os_errno = t->os_errno;
    if (fclose(t->file) != 0 && os_errno == 0)
        os_errno = errno;
    free(t);
    errno = os_errno;
    return os_errno == 0 ? SPEC_OK : SPEC_E_SYSTEM;
}

struct transcript_session *transcript_begin(struct transcript *t, enum observer_side role,
                                            const char *local, uint16_t local_port,
                                            const char *peer, uint16_t peer_port)
{
    struct transcript_session *s = t != NULL ? calloc(1, sizeof *s) : NULL;

    if (s == NULL)
        return NULL;
    *s = (struct transcript_session){
        .t = t, .number = ++t->n_sessions, .role = role, .next = t->open, .at = &t->open};
    if (s->next != NULL)
        s->next->at = &s->next;
    t->open = s;
    if (begin_line(s))
        fprintf(t->file, "session %s %s %u %s %u\n", role == OBSERVER_CLIENT ? "client" : "server",
                local, local_port, peer, peer_port);
    check(t);
    return s;
}

void transcript_sent(struct transcript_session *s, struct bytes bytes)
{
    if (s != NULL)
        put_bytes(s, s->role, bytes);
}

void transcript_received(struct transcript_session *s, struct bytes bytes)
{
    if (s != NULL)
        put_bytes(s, peer_of(s), bytes);
}

void transcript_over(struct transcript_session *s, bool reset, int os_errno)
{
    if (s == NULL)
        return;
    put_gap(s, peer_of(s));
    if (!begin_line(s))
        return;
    if (reset)
        fprintf(s->t->file, "%c reset %d\n", letter(peer_of(s)), os_errno);
    else
        fprintf(s->t->file, "%c eof\n", letter(peer_of(s)));
    check(s->t);
}

void transcript_end(struct transcript_session *s)
{
    if (s == NULL)
        return;
    put_gap(s, OBSERVER_CLIENT);
    put_gap(s, OBSERVER_SERVER);
    if (begin_line(s))
        fputs("end\n", s->t->file);
    errno = 0;
    fflush(s->t->file);
    check(s->t);
    *s->at = s->next;
    if (s->next != NULL)
        s->next->at = s->at;
    free(s);
}

/* --- reading
 * -------------------------------------------------------------------------------------- */

/* Cut the next blank-separated field off *rest; NULL if there is none or it is empty. */
static char *field(char **rest)
{
    char *at = strsep(rest, " ");

    return at != NULL && *at != '\0' ? at : NULL;
}

static bool number(const char *text, uint64_t max, uint64_t *value)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *value <= max;
}

static bool port_field(char **rest, uint16_t *port)
{
    uint64_t value;

    if (!number(field(rest), UINT16_MAX, &value))
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool parse_session(char *rest, struct transcript_event *e)
{
    const char *role = field(&rest);

    if (role == NULL || (strcmp(role, "client") != 0 && strcmp(role, "server") != 0))
        return false;
    e->kind = TRANSCRIPT_SESSION;
    e->side = *role == 'c' ? OBSERVER_CLIENT : OBSERVER_SERVER;
    return (e->local = field(&rest)) != NULL && port_field(&rest, &e->local_port) &&
           (e->peer = field(&rest)) != NULL && port_field(&rest, &e->peer_port) && rest == NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place: two digits make room for one byte. */
static bool parse_bytes(char *text, struct transcript_event *e)
{
    uint8_t *out = (uint8_t *)text;
    size_t n = 0;

    for (const char *at = text; *at != '\0'; at += 2) {
        int high = hex_value(at[0]), low = high < 0 ? -1 : hex_value(at[1]);
        if (low < 0)
            return false;
        out[n++] = (uint8_t)(high << 4 | low);
    }
    e->kind = TRANSCRIPT_BYTES;
    e->bytes = (struct bytes){out, n};
    return n > 0;
}

static bool parse_side(char *rest, struct transcript_event *e)
{
    char *word = field(&rest);
    uint64_t value;

    if (word == NULL)
        return false;
    if (strcmp(word, "eof") == 0) {
        e->kind = TRANSCRIPT_EOF;
    } else if (strcmp(word, "gap") == 0) {
        e->kind = TRANSCRIPT_GAP;
        if (!number(field(&rest), UINT64_MAX, &e->gap))
            return false;
    } else if (strcmp(word, "reset") == 0) {
        e->kind = TRANSCRIPT_RESET;
        if (!number(field(&rest), INT32_MAX, &value))
            return false;
        e->os_errno = (int)value;
    } else if (!parse_bytes(word, e)) {
        return false;
    }
    return rest == NULL;
}

static bool parse_line(char *line, struct transcript_event *e)
{
    char *rest = line, *word;

    if (!number(field(&rest), UINT64_MAX, &e->session) ||
        !number(field(&rest), UINT64_MAX, &e->at_ns) || (word = field(&rest)) == NULL)
        return false;
    if (strcmp(word, "session") == 0)
        return rest != NULL && parse_session(rest, e);
    if (strcmp(word, "end") == 0) {
        e->kind = TRANSCRIPT_END;
        return rest == NULL;
    }
    if (strcmp(word, "C") != 0 && strcmp(word, "S") != 0)
        return false;
    e->side = *word == 'C' ? OBSERVER_CLIENT : OBSERVER_SERVER;
    return rest != NULL && parse_side(rest, e);
}

static enum spec_err
take_line(char *line, enum spec_err (*take)(void *, const struct transcript_event *), void *context)
{
    struct transcript_event e = {0};

    return parse_line(line, &e) ? take(context, &e) : SPEC_E_VALUE;
}

enum spec_err transcript_read(const char *path,
                              enum spec_err (*take)(void *context,
                                                    const struct transcript_event *e),
                              void *context, unsigned long *line)
{
    static const size_t cap = 2 * TRANSCRIPT_LINE_BYTES + 256; /* nothing longer is ever written */
    FILE *file = fopen(path, "re");
    char *text = malloc(cap);
    enum spec_err e = file == NULL ? SPEC_E_SYSTEM : text == NULL ? SPEC_E_NOMEM : SPEC_OK;
    unsigned long n = 0;

    while (e == SPEC_OK && fgets(text, (int)cap, file) != NULL) {
        char *end = strchr(text, '\n');
        n++;
        if (end == NULL) { /* cut short, or too long */
            e = feof(file) ? SPEC_OK : SPEC_E_VALUE;
            break;
        }
        if (n == 1) {
            e = strcmp(text, FIRST_LINE) == 0 ? SPEC_OK : SPEC_E_VALUE;
            continue;
        }
        *end = '\0';
        e = take_line(text, take, context);
    }
    if (e == SPEC_OK && ferror(file))
        e = SPEC_E_SYSTEM;
    if (line != NULL)
        *line = n;
    free(text);
    if (file != NULL) {
        int saved = errno;
        fclose(file);
        errno = saved;
    }
    return e;
}
