#include "harness/capture/pcapng.h"

#include "harness/session/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Block types, options and values of draft-ietf-opsawg-pcapng; in the byte order of the host, which
 * the magic tells a reader. */
enum { SECTION_HEADER = 0x0A0D0D0A, INTERFACE = 1, ENHANCED_PACKET = 6 };
enum { OPT_END = 0, OPT_COMMENT = 1, SHB_USERAPPL = 4, IF_NAME = 2, IF_TSRESOL = 9, EPB_FLAGS = 2 };
enum { MAGIC = 0x1A2B3C4D, LINKTYPE_RAW = 101, INBOUND = 1, OUTBOUND = 2 };

#define OPTION_MAX 65532 /* bytes of one value */

static void put16(struct text *t, unsigned v)
{
    uint16_t v16 = (uint16_t)v;

    text_add(t, &v16, sizeof v16);
}

static void put32(struct text *t, uint64_t v)
{
    uint32_t v32 = (uint32_t)v;

    text_add(t, &v32, sizeof v32);
}

static void pad(struct text *t, size_t len)
{
    static const char zero[3];

    text_add(t, zero, -len & 3);
}

static void option(struct text *t, unsigned code, const void *value, size_t len)
{
    len = MIN(len, OPTION_MAX);
    put16(t, code);
    put16(t, (unsigned)len);
    text_add(t, value, len);
    pad(t, len);
}

static void option_text(struct text *t, unsigned code, const char *value)
{
    if (value && *value)
        option(t, code, value, strlen(value));
}

static void begin(struct text *t, uint32_t type)
{
    put32(t, type);
    put32(t, 0); /* the length, which end() knows */
}

static void end(struct text *t)
{
    uint32_t len = (uint32_t)t->len + 4;

    memcpy(t->at + 4, &len, sizeof len);
    put32(t, len);
}

static bool fail(struct pcapng *p, int error)
{
    p->error = error;
    return false;
}

/* Write one block, or nothing of it. */
static bool put_block(struct pcapng *p, struct text *block)
{
    ssize_t put = 0;
    bool ok = !p->error;

    end(block);
    if (ok && p->len + block->len > PCAPNG_LEN_MAX)
        ok = fail(p, EFBIG);
    for (size_t at = 0; ok && at < block->len; at += (size_t)MAX(put, 0)) {
        put = write(p->fd, block->at + at, block->len - at);
        if (put < 0 && errno != EINTR)
            ok = fail(p, errno);
    }
    if (ok)
        p->len += block->len;
    else if (ftruncate(p->fd, (off_t)p->len) < 0 && !p->error)
        p->error = errno;
    text_fini(block);
    return ok;
}

static bool put_section(struct pcapng *p, const char *application, const char *comment)
{
    struct text b = {0};

    begin(&b, SECTION_HEADER);
    put32(&b, MAGIC);
    put16(&b, 1); /* version 1.0 */
    put16(&b, 0);
    put32(&b, UINT32_MAX); /* 64 bits of section length: not told */
    put32(&b, UINT32_MAX);
    option_text(&b, OPT_COMMENT, comment);
    option_text(&b, SHB_USERAPPL, application);
    put32(&b, OPT_END);
    return put_block(p, &b);
}

static bool put_interface(struct pcapng *p)
{
    static const uint8_t nanoseconds = 9;
    struct text b = {0};

    begin(&b, INTERFACE);
    put16(&b, LINKTYPE_RAW);
    put16(&b, 0);
    put32(&b, PCAPNG_SNAPLEN);
    option_text(&b, IF_NAME, "sockets");
    option(&b, IF_TSRESOL, &nanoseconds, 1);
    put32(&b, OPT_END);
    return put_block(p, &b);
}

bool pcapng_open(struct pcapng *p, const char *path, const char *application, const char *comment)
{
    *p = (struct pcapng){.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (p->fd < 0)
        return false;
    if (put_section(p, application, comment) && put_interface(p))
        return true;
    errno = pcapng_close(p);
    return false;
}

bool pcapng_write(struct pcapng *p, const struct pcapng_packet *packet)
{
    size_t captured = packet->head.len + packet->body.len;
    uint32_t flags = packet->inbound ? INBOUND : OUTBOUND;
    struct text b = {0};

    if (p->error)
        return false;
    begin(&b, ENHANCED_PACKET);
    put32(&b, 0); /* the interface */
    put32(&b, packet->at_ns >> 32);
    put32(&b, packet->at_ns);
    put32(&b, captured);
    put32(&b, packet->len);
    text_add(&b, packet->head.at, packet->head.len);
    text_add(&b, packet->body.at, packet->body.len);
    pad(&b, captured);
    option_text(&b, OPT_COMMENT, packet->comment);
    option(&b, EPB_FLAGS, &flags, sizeof flags);
    put32(&b, OPT_END);
    return put_block(p, &b);
}

int pcapng_close(struct pcapng *p)
{
    if (close(p->fd) < 0 && !p->error)
        p->error = errno;
    p->fd = -1;
    return p->error;
}
