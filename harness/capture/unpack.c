#include "harness/capture/unpack.h"

#include <errno.h>
#include <lz4frame.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define MAGIC_LEN 4
#define IN_LEN    (64u << 10)

enum unpack_kind { UNPACK_NONE, UNPACK_GZIP, UNPACK_ZSTD, UNPACK_LZ4, UNPACK_FOREIGN };

struct unpacker {
    FILE *raw; /* read by its descriptor only: no buffer of its own is to be filled */
    enum unpack_kind kind;
    bool is_over;
    bool is_inside, is_damaged; /* in a member or frame whose end, and checksum, is still to come */
    uint8_t in[IN_LEN];         /* packed bytes: those from at to len are to be undone */
    size_t at, len;
    union {
        z_stream gzip;
        ZSTD_DStream *zstd;
        LZ4F_dctx *lz4;
    };
};

static const struct {
    uint8_t magic[MAGIC_LEN];
    size_t len;
    enum unpack_kind kind;
    const char *by; /* UNPACK_FOREIGN: the command that undoes it */
} magics[] = {
    {{0x1f, 0x8b},             2, UNPACK_GZIP,    NULL       },
    {{0x28, 0xb5, 0x2f, 0xfd}, 4, UNPACK_ZSTD,    NULL       },
    {{0x04, 0x22, 0x4d, 0x18}, 4, UNPACK_LZ4,     NULL       },
    {{0xfd, '7', 'z', 'X'},    4, UNPACK_FOREIGN, "xz -dc"   },
    {{'B', 'Z', 'h'},          3, UNPACK_FOREIGN, "bzip2 -dc"},
    {{'P', 'K', 3, 4},         4, UNPACK_FOREIGN, "unzip -p" },
    {{'7', 'z', 0xbc, 0xaf},   4, UNPACK_FOREIGN, "7z e -so" },
    {{0x02, 0x21, 0x4c, 0x18}, 4, UNPACK_FOREIGN, "lz4 -dc"  }, /* of before 2013: `lz4 -l` */
    {{0x1f, 0x9d},             2, UNPACK_FOREIGN, "gzip -dc" }, /* compress */
    {{'L', 'Z', 'I', 'P'},     4, UNPACK_FOREIGN, "lzip -dc" },
};

static enum unpack_kind kind_of(const uint8_t *at, size_t len, const char **by)
{
    for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
        if (len < magics[i].len || memcmp(at, magics[i].magic, magics[i].len) != 0)
            continue;
        *by = magics[i].by;
        return magics[i].kind;
    }
    return UNPACK_NONE;
}

bool unpack_is_plain(FILE *raw)
{
    const char *by;
    uint8_t head[MAGIC_LEN];
    ssize_t n = pread(fileno(raw), head, sizeof head, lseek(fileno(raw), 0, SEEK_CUR));

    return n >= 0 && kind_of(head, (size_t)n, &by) == UNPACK_NONE;
}

/* --- the decoders: each undoes some of what is in u->in; returns the bytes made, 0 for none ----
 */

static size_t inflate_some(struct unpacker *u, char *out, size_t cap)
{
    u->gzip.next_in = u->in + u->at;
    u->gzip.avail_in = (uInt)(u->len - u->at);
    u->gzip.next_out = (Bytef *)out;
    u->gzip.avail_out = (uInt)cap;
    int status = inflate(&u->gzip, Z_NO_FLUSH);
    u->at = u->len - u->gzip.avail_in;
    if (status == Z_STREAM_END)
        inflateReset(&u->gzip); /* members may follow one another */
    if (status == Z_STREAM_END || status == Z_OK)
        u->is_inside = status == Z_OK;
    else
        u->is_damaged = status != Z_BUF_ERROR;
    return cap - u->gzip.avail_out;
}

static size_t unzstd_some(struct unpacker *u, char *out, size_t cap)
{
    ZSTD_inBuffer in = {u->in, u->len, u->at};
    ZSTD_outBuffer made = {out, cap, 0};

    size_t status = ZSTD_decompressStream(u->zstd, &made, &in);
    u->is_damaged = ZSTD_isError(status);
    if (in.pos > u->at)
        u->is_inside = status != 0;
    u->at = in.pos;
    return made.pos;
}

static size_t unlz4_some(struct unpacker *u, char *out, size_t cap)
{
    size_t used = u->len - u->at, made = cap;

    size_t status = LZ4F_decompress(u->lz4, out, &made, u->in + u->at, &used, NULL);
    u->is_damaged = LZ4F_isError(status);
    if (used > 0)
        u->is_inside = status != 0;
    u->at += used;
    return u->is_damaged ? 0 : made;
}

static size_t copy_some(struct unpacker *u, char *out, size_t cap)
{
    size_t n = MIN(cap, u->len - u->at);

    memcpy(out, u->in + u->at, n);
    u->at += n;
    return n;
}

static size_t some(struct unpacker *u, char *out, size_t cap)
{
    switch (u->kind) {
    case UNPACK_GZIP:
        return inflate_some(u, out, cap);
    case UNPACK_ZSTD:
        return unzstd_some(u, out, cap);
    case UNPACK_LZ4:
        return unlz4_some(u, out, cap);
    default:
        return copy_some(u, out, cap);
    }
}

/* What is there, if anything is: from a pipe, no more is waited for. */
static size_t read_packed(struct unpacker *u, size_t have)
{
    ssize_t n;

    do
        n = read(fileno(u->raw), u->in + have, sizeof u->in - have);
    while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

static ssize_t read_some(void *cookie, char *out, size_t cap)
{
    struct unpacker *u = cookie;
    size_t made = 0;

    while (made == 0 && !u->is_over) {
        bool is_dry = u->at == u->len;
        if (is_dry) {
            u->at = 0;
            u->len = read_packed(u, 0);
        }
        /* What a decoder still holds comes out without new input. */
        bool at_end = u->len == 0;
        made = some(u, out, MIN(cap, 1u << 30));
        u->is_damaged |= at_end && made == 0 && u->is_inside;
        u->is_over = u->is_damaged || (at_end && made == 0);
    }
    if (made > 0 || !u->is_damaged)
        return (ssize_t)made;
    errno = EBADMSG;
    return -1;
}

static int close_all(void *cookie)
{
    struct unpacker *u = cookie;

    if (u->kind == UNPACK_GZIP)
        inflateEnd(&u->gzip);
    else if (u->kind == UNPACK_ZSTD)
        ZSTD_freeDStream(u->zstd);
    else if (u->kind == UNPACK_LZ4)
        LZ4F_freeDecompressionContext(u->lz4);
    int status = u->raw == stdin ? 0 : fclose(u->raw);
    free(u);
    return status;
}

static bool start(struct unpacker *u)
{
    switch (u->kind) {
    case UNPACK_GZIP:
        return inflateInit2(&u->gzip, 16 + MAX_WBITS) == Z_OK;
    case UNPACK_ZSTD:
        u->zstd = ZSTD_createDStream();
        return u->zstd != NULL;
    case UNPACK_LZ4:
        return !LZ4F_isError(LZ4F_createDecompressionContext(&u->lz4, LZ4F_VERSION));
    default:
        return true;
    }
}

FILE *unpack(FILE *raw, const char *name, struct text *why)
{
    struct unpacker *u = text_realloc(NULL, sizeof *u);
    const char *by = NULL;

    *u = (struct unpacker){.raw = raw};
    size_t n;
    while (u->len < MAGIC_LEN && (n = read_packed(u, u->len)) > 0)
        u->len += n;
    u->kind = kind_of(u->in, u->len, &by);
    if (u->kind == UNPACK_FOREIGN || !start(u)) {
        if (u->kind == UNPACK_FOREIGN)
            text_addf(why, "%s: packed in a way that is not undone here: `%s FILE |`, and `-`",
                      name, by);
        else
            text_addf(why, "%s: no memory to unpack the capture", name);
        u->kind = UNPACK_NONE;
        close_all(u);
        return NULL;
    }
    FILE *made =
        fopencookie(u, "rb", (cookie_io_functions_t){.read = read_some, .close = close_all});
    if (made == NULL) {
        text_addf(why, "%s: %s", name, strerror(errno));
        close_all(u);
    }
    return made;
}
