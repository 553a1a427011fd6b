#include "impl/wire/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64 /* holds every frame but a JSON text */

static const struct shape {
    size_t prefix; /* bytes of length before the body */
    size_t body;   /* bytes, where no prefix says */
} shapes[] = {
    [FRAME_COOKIE] = {.body = COOKIE_LEN},
    [FRAME_STATE] = {.body = 1},
    [FRAME_ERROR] = {.body = 8},
    [FRAME_JSON] = {.prefix = 4},
};

void frame_init(struct frame_decoder *dec)
{
    *dec = (struct frame_decoder){.kind = FRAME_COOKIE};
}

void frame_fini(struct frame_decoder *dec)
{
    free(dec->buf);
    frame_init(dec);
}

void frame_expect(struct frame_decoder *dec, enum frame_kind kind, size_t limit)
{
    assert(frame_partial(dec) == 0);
    dec->kind = kind;
    dec->limit = limit;
    if (kind == FRAME_JSON)
        memset(dec->prefix, 0, sizeof dec->prefix); /* nothing announced yet */
}

/* Move bytes from in to dst until it holds need of them; true once it does. */
static bool fill(uint8_t *dst, size_t *have, size_t need, struct bytes *in)
{
    size_t n = MIN(need - *have, in->len);

    if (n > 0) {
        memcpy(dst + *have, in->at, n);
        *have += n;
        *in = (struct bytes){in->at + n, in->len - n};
    }
    return *have == need;
}

/* Make room for want bytes of a body of need, and for the NUL behind it. What is there doubles, so
 * that the cost per byte stays constant, but never beyond the body. */
static bool reserve(struct frame_decoder *dec, size_t want, size_t need)
{
    if (want < dec->cap)
        return true;

    size_t cap = MAX(want + 1, MIN(2 * dec->cap, need + 1));
    cap = MAX(cap, FIRST_CAP);
    uint8_t *buf = realloc(dec->buf, cap);
    if (buf == NULL)
        return false;
    dec->buf = buf;
    dec->cap = cap;
    return true;
}

enum spec_err frame_feed(struct frame_decoder *dec, struct bytes *in, struct bytes *body)
{
    const struct shape *shape = &shapes[dec->kind];
    size_t need = shape->body;

    if (shape->prefix > 0) {
        if (!fill(dec->prefix, &dec->prefix_have, shape->prefix, in))
            return SPEC_MORE;
        /* Checked before the first body byte: a hostile prefix costs nothing. */
        need = load_be32(dec->prefix);
        if (need == 0 || need > dec->limit)
            return SPEC_E_LENGTH;
    }
    if (in->len == 0)
        return SPEC_MORE;
    if (!reserve(dec, dec->have + MIN(need - dec->have, in->len), need))
        return SPEC_E_NOMEM;
    if (!fill(dec->buf, &dec->have, need, in))
        return SPEC_MORE;
    dec->buf[need] = '\0';
    *body = (struct bytes){dec->buf, need};
    dec->have = dec->prefix_have = 0; /* the prefix itself stays, for frame_announced() */
    return SPEC_OK;
}

uint32_t frame_announced(const struct frame_decoder *dec)
{
    bool is_partial = dec->prefix_have > 0 && dec->prefix_have < sizeof dec->prefix;

    return is_partial ? 0 : load_be32(dec->prefix);
}

size_t frame_partial(const struct frame_decoder *dec)
{
    return dec->prefix_have + dec->have;
}

int frame_error_at_end(const struct frame_decoder *dec, int32_t out[2])
{
    if (dec->kind != FRAME_ERROR || dec->have < 4)
        return 0;
    out[0] = (int32_t)load_be32(dec->buf);
    return 1;
}

void frame_error_pair(struct bytes body, int32_t *ierr, int32_t *os_errno)
{
    assert(body.len == 8);
    *ierr = (int32_t)load_be32(body.at);
    *os_errno = (int32_t)load_be32(body.at + 4);
}

size_t frame_put_error(uint8_t out[9], int n_ints, int32_t ierr, int32_t os_errno)
{
    assert(n_ints >= 0 && n_ints <= 2);
    out[0] = 0xfe; /* SERVER_ERROR */
    if (n_ints > 0)
        store_be32(out + 1, (uint32_t)ierr);
    if (n_ints > 1)
        store_be32(out + 5, (uint32_t)os_errno);
    return 1 + 4 * (size_t)n_ints;
}

size_t frame_put_json_length(uint8_t out[4], size_t len)
{
    assert(len <= UINT32_MAX);
    store_be32(out, (uint32_t)len);
    return 4;
}

void frame_make_cookie(uint8_t out[COOKIE_LEN], const uint8_t random[COOKIE_LEN - 1])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

    for (size_t i = 0; i < COOKIE_LEN - 1; i++)
        out[i] = (uint8_t)alphabet[random[i] % 32];
    out[COOKIE_LEN - 1] = '\0';
}

bool frame_cookie_is_well_formed(const uint8_t cookie[COOKIE_LEN])
{
    return memchr(cookie, '\0', COOKIE_LEN) == cookie + COOKIE_LEN - 1;
}
