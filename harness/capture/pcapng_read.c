#include "harness/capture/pcapng_read.h"

#include "impl/wire/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define NS_PER_S         UINT64_C(1000000000)
#define BODY_STEP        ((size_t)64 << 10) /* bytes that are waited for at once */

enum block {
    BLOCK_SECTION = 0x0a0d0d0a, /* the same in either byte order */
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2,
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_PACKET = 6,
};
enum option { OPTION_END = 0, OPTION_RESOLUTION = 9, OPTION_OFFSET = 14 };

struct interface {
    int link;
    uint32_t snap_len;
    uint64_t units;   /* of time, in a second */
    int64_t offset_s; /* to be added */
};

struct pcapng_reader {
    FILE *file;
    bool is_swapped; /* the section has the other byte order */
    struct interface *interfaces;
    size_t n_interfaces;
    uint8_t *body; /* of the block at hand: all behind type and length, without the length again */
    size_t body_cap;
    uint32_t type, len; /* of the body */
    bool has_first;     /* the block at hand is the first packet, not yet taken */
    char error[128];
};

/* Where the fields of a packet block stand, in its body. */
static const struct packet_form {
    uint32_t type;
    int interface_len; /* bytes of the interface's number, at 0; 0: it is the first */
    int time;          /* -1: none */
    int captured;      /* -1: as much as was on the wire, or the snap length */
    int original;
    uint32_t head;
} packet_forms[] = {
    {BLOCK_PACKET,        4, 4,  12, 16, 20},
    {BLOCK_SIMPLE_PACKET, 0, -1, -1, 0,  4 },
    {BLOCK_OLD_PACKET,    2, 4,  12, 16, 20},
};

bool pcapng_is_first_byte(int byte)
{
    return byte == (BLOCK_SECTION & 0xff);
}

struct pcapng_reader *pcapng_reader_new(FILE *file)
{
    struct pcapng_reader *r = text_realloc(NULL, sizeof *r);

    *r = (struct pcapng_reader){.file = file};
    return r;
}

void pcapng_reader_free(struct pcapng_reader *r)
{
    if (r == NULL)
        return;
    fclose(r->file);
    free(r->interfaces);
    free(r->body);
    free(r);
}

const char *pcapng_reader_error(const struct pcapng_reader *r)
{
    return r->error;
}

/* --- blocks ----------------------------------------------------------------------------------- */

static uint32_t get32(const struct pcapng_reader *r, const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return r->is_swapped ? __builtin_bswap32(value) : value;
}

static uint16_t get16(const struct pcapng_reader *r, const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof value);
    return r->is_swapped ? __builtin_bswap16(value) : value;
}

static uint64_t get64(const struct pcapng_reader *r, const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return r->is_swapped ? __builtin_bswap64(value) : value;
}

static enum pcapng_result damaged(struct pcapng_reader *r, const char *how)
{
    snprintf(r->error, sizeof r->error, "%s", how);
    return PCAPNG_DAMAGED;
}

/* n bytes; PCAPNG_END before the first of them. */
static enum pcapng_result take(struct pcapng_reader *r, uint8_t *out, size_t n)
{
    size_t got = fread(out, 1, n, r->file);

    if (got == n)
        return PCAPNG_PACKET;
    if (ferror(r->file))
        return damaged(r, strerror(errno));
    return got == 0 ? PCAPNG_END : PCAPNG_CUT;
}

/* A section's length is in the byte order that it is about to tell. */
static enum pcapng_result take_magic(struct pcapng_reader *r, uint8_t magic[4])
{
    enum pcapng_result result = take(r, magic, 4);

    if (result != PCAPNG_PACKET)
        return result == PCAPNG_END ? PCAPNG_CUT : result;
    r->is_swapped = false;
    r->is_swapped = get32(r, magic) != BYTE_ORDER_MAGIC;
    return get32(r, magic) == BYTE_ORDER_MAGIC ? PCAPNG_PACKET
                                               : damaged(r, "a section without its magic number");
}

static void make_room(struct pcapng_reader *r, size_t len)
{
    if (len <= r->body_cap)
        return;
    r->body_cap = MAX(len, 2 * r->body_cap);
    r->body = text_realloc(r->body, r->body_cap);
}

/* The rest of a body, of which some is there: room is made as it comes, whatever length was said.
 */
static enum pcapng_result take_body(struct pcapng_reader *r, size_t have, size_t len)
{
    enum pcapng_result result = PCAPNG_PACKET;

    while (result == PCAPNG_PACKET && have < len) {
        size_t n = MIN(len - have, MAX(have, BODY_STEP));
        make_room(r, have + n);
        result = take(r, r->body + have, n);
        have += n;
    }
    return result == PCAPNG_END ? PCAPNG_CUT : result;
}

/* The next block, whole. */
static enum pcapng_result next_block(struct pcapng_reader *r)
{
    uint8_t head[8], magic[4];
    size_t have = 0;
    enum pcapng_result result = take(r, head, sizeof head);

    if (result != PCAPNG_PACKET)
        return result;
    r->type = get32(r, head);
    if (r->type == BLOCK_SECTION) {
        if ((result = take_magic(r, magic)) != PCAPNG_PACKET)
            return result;
        have = sizeof magic;
    }
    uint32_t whole = get32(r, head + 4);
    if (whole < 12 + have || whole > PCAPNG_BLOCK_MAX)
        return damaged(r, "a block of a length that cannot be");
    r->len = whole - 12;
    uint32_t padded = (r->len + 3) & ~3u; /* which a length should be already */
    make_room(r, sizeof magic);
    memcpy(r->body, magic, have);
    result = take_body(r, have, padded + 4);
    if (result == PCAPNG_PACKET && get32(r, r->body + padded) != whole)
        return damaged(r, "a block whose two lengths differ");
    return result;
}

/* --- sections and interfaces ------------------------------------------------------------------ */

/* A negative power of ten, or of two. */
static bool set_resolution(struct interface *face, uint8_t resolution)
{
    unsigned power = resolution & 0x7f;

    if (resolution & 0x80 ? power > 63 : power > 19)
        return false;
    face->units = resolution & 0x80 ? UINT64_C(1) << power : 1;
    for (unsigned i = 0; i < power && !(resolution & 0x80); i++)
        face->units *= 10;
    return true;
}

static bool read_options(const struct pcapng_reader *r, struct interface *face)
{
    for (uint32_t at = 8; at + 4 <= r->len;) {
        uint16_t code = get16(r, r->body + at), len = get16(r, r->body + at + 2);
        const uint8_t *value = r->body + at + 4;
        if (code == OPTION_END || at + 4 + len > r->len)
            break;
        if (code == OPTION_RESOLUTION && len == 1 && !set_resolution(face, value[0]))
            return false;
        if (code == OPTION_OFFSET && len == 8)
            face->offset_s = (int64_t)get64(r, value);
        at += 4 + ((len + 3u) & ~3u);
    }
    return true;
}

static enum pcapng_result add_interface(struct pcapng_reader *r)
{
    struct interface face = {.units = 1000000};
    size_t n = r->n_interfaces;

    if (r->len < 8)
        return damaged(r, "an interface block that is too short");
    if (n == PCAPNG_INTERFACES_MAX)
        return damaged(r, "too many interfaces in a section");
    face.link = get16(r, r->body);
    face.snap_len = get32(r, r->body + 4);
    if (!read_options(r, &face))
        return damaged(r, "times of a resolution that cannot be");
    if ((n & (n - 1)) == 0) /* grows at powers of two */
        r->interfaces = text_realloc(r->interfaces, MAX(2 * n, 1) * sizeof *r->interfaces);
    r->interfaces[r->n_interfaces++] = face;
    return PCAPNG_PACKET;
}

/* Raw IP has one number in files and several as DLT_*. */
#define LINK_RAW 101

bool pcapng_reader_link(const struct pcapng_reader *r, size_t i, int *link)
{
    if (i >= r->n_interfaces)
        return false;
    *link = r->interfaces[i].link == LINK_RAW ? DLT_RAW : r->interfaces[i].link;
    return true;
}

/* --- packets ---------------------------------------------------------------------------------- */

static const struct packet_form *form_of(uint32_t type)
{
    for (size_t i = 0; i < ARRAY_LEN(packet_forms); i++)
        if (packet_forms[i].type == type)
            return &packet_forms[i];
    return NULL;
}

/* Up to a block with a packet. */
static enum pcapng_result find_packet(struct pcapng_reader *r)
{
    for (;;) {
        enum pcapng_result result = next_block(r);
        if (result == PCAPNG_PACKET && r->type == BLOCK_SECTION)
            r->n_interfaces = 0;
        else if (result == PCAPNG_PACKET && r->type == BLOCK_INTERFACE)
            result = add_interface(r);
        else if (result == PCAPNG_PACKET && form_of(r->type) != NULL)
            return result;
        if (result != PCAPNG_PACKET)
            return result;
    }
}

enum pcapng_result pcapng_reader_begin(struct pcapng_reader *r)
{
    enum pcapng_result result = find_packet(r);

    r->has_first = result == PCAPNG_PACKET;
    return result;
}

static struct timeval time_of(const struct pcapng_reader *r, const struct packet_form *form,
                              const struct interface *face)
{
    struct timeval at = {0, 0};

    if (form->time < 0)
        return at;
    uint64_t units =
        (uint64_t)get32(r, r->body + form->time) << 32 | get32(r, r->body + form->time + 4);
    unsigned __int128 rest = units % face->units;
    at.tv_sec = (time_t)(units / face->units + (uint64_t)face->offset_s);
    at.tv_usec = (suseconds_t)(rest * NS_PER_S / face->units);
    return at;
}

enum pcapng_result pcapng_reader_next(struct pcapng_reader *r, struct pcap_pkthdr *header,
                                      const u_char **bytes, uint32_t *interface)
{
    enum pcapng_result result = r->has_first ? PCAPNG_PACKET : find_packet(r);

    r->has_first = false;
    if (result != PCAPNG_PACKET)
        return result;
    const struct packet_form *form = form_of(r->type);
    if (r->len < form->head)
        return damaged(r, "a packet block that is too short");
    *interface = form->interface_len == 4   ? get32(r, r->body)
                 : form->interface_len == 2 ? get16(r, r->body)
                                            : 0;
    if (*interface >= r->n_interfaces)
        return damaged(r, "a packet of an interface that is not described");
    const struct interface *face = &r->interfaces[*interface];
    header->ts = time_of(r, form, face);
    header->len = get32(r, r->body + form->original);
    header->caplen = form->captured >= 0  ? get32(r, r->body + form->captured)
                     : face->snap_len > 0 ? MIN(header->len, face->snap_len)
                                          : header->len;
    if (header->caplen > r->len - form->head)
        return damaged(r, "a packet longer than its block");
    *bytes = r->body + form->head;
    return PCAPNG_PACKET;
}
