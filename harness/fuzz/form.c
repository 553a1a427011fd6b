#include "harness/fuzz/form.h"

#include "harness/fuzz/draw.h"
#include "harness/fuzz/mutate.h"

#include <string.h>

#define SEPARATOR 0x1e
#define STEP_PUT  15 /* a step that puts a message on the channel */
#define PUT_MAX   255

static const size_t head_lens[] = {[FORM_RECORDS] = 2, [FORM_STEPS] = 3};

/* --- records --------------------------------------------------------------------------------- */

static struct session_message json_of(struct bytes body, int off)
{
    return (struct session_message){
        .kind = SESSION_JSON, .body = body, .announced = (uint32_t)((int64_t)body.len + off)};
}

static struct session_message read_record(struct bytes record)
{
    struct bytes rest = {record.at + 1, record.len - 1};

    switch (record.at[0]) {
    case 'B':
        if (rest.len == 1)
            return (struct session_message){.kind = SESSION_STATE, .state = (int8_t)rest.at[0]};
        return (struct session_message){.kind = SESSION_BYTES, .body = rest};
    case 'C':
        return (struct session_message){.kind = SESSION_COOKIE, .body = rest};
    case 'J':
        return json_of(rest, 0);
    case 'L':
        if (rest.len > 0)
            return json_of((struct bytes){rest.at + 1, rest.len - 1}, (int8_t)rest.at[0]);
        return json_of(rest, 0);
    case 'E':
        return (struct session_message){.kind = SESSION_END};
    case 'X':
        return (struct session_message){.kind = SESSION_RESET, .body = rest};
    default:
        return (struct session_message){.kind = SESSION_NOTE, .body = record};
    }
}

static void read_records(struct bytes in, struct session *s)
{
    while (in.len > 0) {
        const uint8_t *end = memchr(in.at, SEPARATOR, in.len);
        size_t len = end ? (size_t)(end - in.at) : in.len;
        if (len > 0) {
            struct session_message m = read_record((struct bytes){in.at, len});
            session_add(s, &m);
        }
        len += end != NULL;
        in = (struct bytes){in.at + len, in.len - len};
    }
}

static void add_record(struct text *out, char what, struct bytes payload)
{
    text_add(out, &what, 1);
    text_add(out, payload.at, payload.len);
}

static void write_json_record(const struct session_message *m, struct text *out)
{
    int64_t off = (int64_t)m->announced - (int64_t)m->body.len;
    struct text bytes = {0};

    if (off == 0) {
        add_record(out, 'J', m->body);
    } else if (off >= INT8_MIN && off <= INT8_MAX) {
        text_add(out, (const char[]){'L', (char)off}, 2);
        text_add(out, m->body.at, m->body.len);
    } else {
        session_encode(m, &bytes);
        add_record(out, 'B', (struct bytes){(const uint8_t *)bytes.at, bytes.len});
        text_fini(&bytes);
    }
}

static void write_record(const struct session_message *m, struct text *out)
{
    struct text bytes = {0};

    switch (m->kind) {
    case SESSION_JSON:
        write_json_record(m, out);
        break;
    case SESSION_COOKIE:
        add_record(out, 'C', m->body);
        break;
    case SESSION_END:
    case SESSION_CLOSE:
        text_adds(out, "E");
        break;
    case SESSION_RESET:
        add_record(out, 'X', m->body);
        break;
    case SESSION_NOTE:
        text_add(out, m->body.at, m->body.len);
        break;
    default:
        session_encode(m, &bytes);
        if (bytes.len > 0)
            add_record(out, 'B', (struct bytes){(const uint8_t *)bytes.at, bytes.len});
        text_fini(&bytes);
    }
}

/* What a record holds cannot hold the separator. */
static void write_records(const struct session *s, struct text *out)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t from = out->len;
        write_record(&s->messages[i], out);
        for (size_t k = from; k < out->len; k++)
            out->at[k] = (char)(out->at[k] == SEPARATOR ? SEPARATOR + 1 : out->at[k]);
        if (out->len > from)
            text_add(out, &(char){SEPARATOR}, 1);
    }
}

/* --- steps ----------------------------------------------------------------------------------- */

/* Of a message that was put on the channel, whatever it looks like: 's' is the server's end. */
static struct session_message read_put(struct bytes bytes, bool is_servers)
{
    struct session_message m = {.kind = SESSION_BYTES, .body = bytes};

    if (bytes.len == 1)
        m = (struct session_message){.kind = SESSION_STATE, .state = (int8_t)bytes.at[0]};
    else if (bytes.len > 4 && load_be32(bytes.at) == bytes.len - 4)
        m = json_of((struct bytes){bytes.at + 4, bytes.len - 4}, 0);
    m.who[0] = is_servers ? 's' : '\0';
    return m;
}

static void read_steps(struct bytes in, struct session *s)
{
    while (in.len > 0) {
        unsigned what = in.at[0] >> 4;
        size_t len = MIN(what >= 8 && what < 12 ? 2u : 1u, in.len);
        struct session_message m = {
            .kind = SESSION_NOTE, .body = {in.at, len}
        };
        if (what == STEP_PUT && in.len > 1) {
            struct bytes put = {in.at + 2, MIN((size_t)in.at[1], in.len - 2)};
            m = read_put(put, in.at[0] & 1);
            len = 2 + put.len;
        }
        session_add(s, &m);
        in = (struct bytes){in.at + len, in.len - len};
    }
}

static void write_steps(const struct session *s, struct text *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct session_message *m = &s->messages[i];
        struct text bytes = {0};
        if (m->kind == SESSION_NOTE) {
            text_add(out, m->body.at, m->body.len);
            continue;
        }
        session_encode(m, &bytes);
        size_t len = MIN(bytes.len, PUT_MAX);
        const uint8_t head[] = {(uint8_t)(STEP_PUT << 4 | (m->who[0] != '\0')), (uint8_t)len};
        if (len > 0) {
            text_add(out, head, sizeof head);
            text_add(out, bytes.at, len);
        }
        text_fini(&bytes);
    }
}

/* --- both ------------------------------------------------------------------------------------ */

const char *form_notes(enum form form)
{
    /* Of the steps: everything moves, a stream, the end of the test, a time-out of either. */
    return form == FORM_RECORDS ? "UuANTPOKF" : "\xe0\x40\x50\x63\x73\x0f\x1f\x2f\x3f";
}

void form_read(enum form form, struct bytes input, struct text *head, struct session *s)
{
    size_t len = MIN(head_lens[form], input.len);

    *s = (struct session){.we_serve = false};
    text_add(head, input.at, len);
    text_add(head, "\0\0\0", head_lens[form] - len);
    input = (struct bytes){input.at + len, input.len - len};
    (form == FORM_RECORDS ? read_records : read_steps)(input, s);
}

size_t form_write(enum form form, const struct text *head, const struct session *s, uint8_t *out,
                  size_t cap)
{
    struct text all = {0};

    text_add(&all, head->at, head->len);
    (form == FORM_RECORDS ? write_records : write_steps)(s, &all);
    size_t len = MIN(all.len, cap);
    memcpy(out, all.at, len);
    text_fini(&all);
    return len;
}

/* The bytes of the set-up, now and then. */
static void change_head(struct mutator *m, struct text *head)
{
    if (draw(&m->seed, 8) == 0)
        head->at[draw(&m->seed, head->len)] ^= (char)(1u << draw(&m->seed, 8));
}

size_t form_mutate(enum form form, uint8_t *data, size_t size, size_t cap, unsigned seed,
                   size_t (*bytes)(uint8_t *, size_t, size_t))
{
    struct mutator m = {.seed = seed, .bytes = bytes, .notes = form_notes(form)};
    struct text head = {0};
    struct session s;

    form_read(form, (struct bytes){data, size}, &head, &s);
    change_head(&m, &head);
    mutate_session(&m, &s, &s);
    size = form_write(form, &head, &s, data, cap);
    session_fini(&s);
    text_fini(&head);
    return size;
}

size_t form_cross(enum form form, struct bytes a, struct bytes b, uint8_t *out, size_t cap,
                  unsigned seed)
{
    struct mutator m = {.seed = seed, .notes = form_notes(form)};
    struct text head = {0}, other = {0};
    struct session one, two, both;

    form_read(form, a, &head, &one);
    form_read(form, b, &other, &two);
    mutate_cross(&m, &one, &two, &both);
    size_t size = form_write(form, &head, &both, out, cap);
    session_fini(&one);
    session_fini(&two);
    session_fini(&both);
    text_fini(&head);
    text_fini(&other);
    return size;
}
