#include "harness/capture/source.h"

#include "harness/capture/dissect.h"
#include "harness/capture/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUFFER_LEN (256u << 10)
#define SNAP_LEN   262144

/* A link type whose packets we can't read: say so once, before the first packet. */
static void refuse_link(const struct source *s, int link, struct text *why)
{
    const char *name = pcap_datalink_val_to_name(link);

    if (link == DLT_IEEE802_11 || link == DLT_PRISM_HEADER || link == DLT_IEEE802_11_RADIO ||
        link == DLT_IEEE802_11_RADIO_AVS)
        text_addf(why,
                  "%s: 802.11 frames (%s) are not read: capture on the interface itself, "
                  "not in monitor mode",
                  s->name, name);
    else
        text_addf(why, "%s: link type %d (%s) is not read", s->name, link, name ? name : "unknown");
}

static bool take_link(struct source *s, struct text *why)
{
    s->link = pcap_datalink(s->pcap);
    if (dissect_can_read(s->link))
        return true;
    refuse_link(s, s->link, why);
    source_close(s);
    return false;
}

/* The file as it is, or the stream that was packed into it. Takes raw. */
static FILE *plain(FILE *raw, const char *name, struct text *why)
{
    return unpack_is_plain(raw) ? raw : unpack(raw, name, why);
}

/* libpcap's words for what went wrong, or better ones. */
static const char *words_of(const char *error)
{
    if (strstr(error, strerror(EBADMSG))) /* unpack.c's */
        return "the compressed data is damaged, or ends before its end";
    if (strcmp(error, "unknown file format") == 0) /* libpcap's */
        return "neither pcap nor pcapng; `editcap -F pcap FILE OUT` reads many other captures";
    return error;
}

const char *source_error(const struct source *s)
{
    if (s->has_misfit)
        return "a pcap file of another kind begins there; `mergecap -a` puts both into one";
    return words_of(s->blocks != NULL ? pcapng_reader_error(s->blocks) : pcap_geterr(s->pcap));
}

/* One of its first interfaces has to be of use; packets of others are counted as unread. */
static bool take_interfaces(struct source *s, struct text *why)
{
    int link;

    if (pcapng_reader_begin(s->blocks) == PCAPNG_DAMAGED) {
        text_addf(why, "%s: %s", s->name, source_error(s));
        return false;
    }
    s->link = DLT_EN10MB; /* as good as any, where there is none */
    for (size_t i = 0; pcapng_reader_link(s->blocks, i, &link); i++) {
        if (i == 0 || dissect_can_read(link))
            s->link = link;
        if (dissect_can_read(link))
            break;
    }
    if (!dissect_can_read(s->link))
        refuse_link(s, s->link, why);
    return dissect_can_read(s->link);
}

/* Takes the file. */
static bool open_blocks(struct source *s, FILE *file, struct text *why)
{
    s->blocks = pcapng_reader_new(file);
    if (take_interfaces(s, why))
        return true;
    source_close(s);
    return false;
}

static bool open_pcap(struct source *s, FILE *file, struct text *why)
{
    char error[PCAP_ERRBUF_SIZE] = "";

    s->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
    if (s->pcap != NULL)
        return take_link(s, why);
    text_addf(why, "%s: %s", s->name, words_of(error));
    fclose(file);
    source_close(s);
    return false;
}

/* The file, which may be opened but not read if it is a directory. */
static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    struct stat st;

    if (file == NULL || fstat(fileno(file), &st) != 0 || !S_ISDIR(st.st_mode))
        return file;
    fclose(file);
    errno = EISDIR;
    return NULL;
}

bool source_open(struct source *s, const char *path, struct text *why)
{
    return source_open_as(s, path, strcmp(path, "-") == 0 ? "stdin" : path, why);
}

bool source_open_as(struct source *s, const char *path, const char *name, struct text *why)
{
    *s = (struct source){.name = name};
    FILE *file = strcmp(path, "-") == 0 ? stdin : open_file(path);
    if (file == NULL) {
        text_addf(why, "%s: %s", name, strerror(errno));
        return false;
    }
    file = plain(file, s->name, why);
    if (file == NULL)
        return false;
    if (file != stdin) { /* which outlives us, and its buffer */
        s->buffer = text_realloc(NULL, BUFFER_LEN);
        setvbuf(file, s->buffer, _IOFBF, BUFFER_LEN);
    }
    int first = getc(file);
    if (first != EOF)
        ungetc(first, file);
    return (pcapng_is_first_byte(first) ? open_blocks : open_pcap)(s, file, why);
}

static void explain_live(const char *interface, int status, const char *detail, struct text *why)
{
    const char *meaning = pcap_statustostr(status);
    bool is_news = detail[0] != '\0' && strcmp(detail, meaning) != 0;

    text_addf(why, "%s: %s%s%s", interface, meaning, is_news ? ": " : "", is_news ? detail : "");
    if (status == PCAP_ERROR_PERM_DENIED)
        text_adds(why, "; needs CAP_NET_RAW (setcap cap_net_raw+ep on this program, or root)");
}

static bool set_filter(struct source *s, const char *filter, struct text *why)
{
    struct bpf_program program;

    if (filter == NULL)
        return true;
    if (pcap_compile(s->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        text_addf(why, "filter '%s': %s", filter, pcap_geterr(s->pcap));
        return false;
    }
    int status = pcap_setfilter(s->pcap, &program);
    pcap_freecode(&program);
    if (status != 0)
        text_addf(why, "filter '%s': %s", filter, pcap_geterr(s->pcap));
    return status == 0;
}

bool source_open_live(struct source *s, const char *interface, const char *filter, struct text *why)
{
    char error[PCAP_ERRBUF_SIZE] = "";

    *s = (struct source){.name = interface, .is_live = true};
    s->pcap = pcap_create(interface, error);
    if (s->pcap == NULL) {
        text_addf(why, "%s: %s", interface, error);
        return false;
    }
    pcap_set_snaplen(s->pcap, SNAP_LEN);
    pcap_set_timeout(s->pcap, 100);           /* ms that packets may wait in the kernel */
    pcap_set_buffer_size(s->pcap, 64u << 20); /* unthrottled loopback loses half with 2 MiB */
    pcap_set_tstamp_precision(s->pcap, PCAP_TSTAMP_PRECISION_NANO);
    int status = pcap_activate(s->pcap);
    if (status < 0) {
        explain_live(interface, status, pcap_geterr(s->pcap), why);
        source_close(s);
        return false;
    }
    if (!set_filter(s, filter, why)) {
        source_close(s);
        return false;
    }
    return take_link(s, why);
}

/* The filter as the link type needs it; NULL: there are too many of them. */
static struct source_filter *filter_for(struct source *s, int link)
{
    for (size_t i = 0; i < s->n_filters; i++)
        if (s->filters[i].link == link)
            return &s->filters[i];
    if (s->n_filters == SOURCE_FILTERS)
        return NULL;
    struct source_filter *f = &s->filters[s->n_filters++];
    f->link = link;
    pcap_t *dead = pcap_open_dead(link, SNAP_LEN);
    f->is_good =
        dead != NULL && pcap_compile(dead, &f->program, s->filter, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (dead != NULL)
        pcap_close(dead);
    return f;
}

bool source_filter_is_sound(const char *filter)
{
    static const int links[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW, DLT_PPP, DLT_NULL};
    struct source s = {.filter = filter};
    bool is_sound = false;

    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        is_sound = is_sound || filter_for(&s, links[i])->is_good;
    source_close(&s);
    return is_sound;
}

static void explain_filter(const char *filter, int link, struct text *why)
{
    struct bpf_program program;
    pcap_t *dead = pcap_open_dead(link, SNAP_LEN);

    if (dead == NULL)
        return;
    if (pcap_compile(dead, &program, filter, 1, PCAP_NETMASK_UNKNOWN) == 0)
        pcap_freecode(&program);
    else
        text_addf(why, "filter '%s': %s", filter, pcap_geterr(dead));
    pcap_close(dead);
}

/* Whether packets of one of the first interfaces can pass. */
static bool suits_an_interface(struct source *s)
{
    const struct source_filter *f = filter_for(s, s->link);
    int link;

    for (size_t i = 0; !f->is_good && s->blocks && pcapng_reader_link(s->blocks, i, &link); i++) {
        const struct source_filter *other = filter_for(s, link);
        f = other != NULL ? other : f;
    }
    return f->is_good;
}

bool source_filter(struct source *s, const char *filter, struct text *why)
{
    s->filter = filter;
    if (filter == NULL || suits_an_interface(s))
        return true;
    explain_filter(filter, s->link, why);
    return false;
}

bool source_passes(struct source *s, const struct pcap_pkthdr *header, const u_char *bytes)
{
    if (s->filter == NULL)
        return true;
    const struct source_filter *f = filter_for(s, s->link);
    return f != NULL && f->is_good && pcap_offline_filter(&f->program, header, bytes) != 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum source_end each_of_blocks(struct source *s, pcap_handler take, u_char *context)
{
    enum pcapng_result result = PCAPNG_END;
    struct pcap_pkthdr header;
    const u_char *bytes;

    while (!s->is_stopped && (result = pcapng_reader_next(s->blocks, &header, &bytes,
                                                          &s->interface)) == PCAPNG_PACKET) {
        pcapng_reader_link(s->blocks, s->interface, &s->link);
        take(context, &header, bytes);
    }
    return result == PCAPNG_CUT       ? SOURCE_CUT
           : result == PCAPNG_DAMAGED ? SOURCE_DAMAGED
                                      : SOURCE_EOF;
}

/* The header of a file, read as one of a packet: its magic number as seconds, its version as what
 * is behind them, and nothing captured of nothing. */
static bool is_file_header(const struct pcap_pkthdr *h, bool *is_nano, unsigned *scale)
{
    enum {
        MICRO = 0xa1b2c3d4,
        NANO = 0xa1b23c4d,
        VERSION_LE = 0x00040002,
        VERSION_BE = 0x00020004
    };
    uint32_t magic = (uint32_t)h->ts.tv_sec;
    int64_t version = h->ts.tv_usec;

    if (h->caplen != 0 || h->len != 0 || (magic != MICRO && magic != NANO))
        return false;
    *is_nano = magic == NANO;
    *scale = version % VERSION_LE == 0 ? (unsigned)(version / VERSION_LE)
                                       : (unsigned)(version / VERSION_BE);
    return *scale == 1 || *scale == 1000;
}

static bool is_same_link(const struct source *s, uint32_t link)
{
    enum { LINKTYPE_RAW = 101 };

    return (int)link == s->link || (link == LINKTYPE_RAW && s->link == DLT_RAW);
}

bool source_takes_next_file(struct source *s, const struct pcap_pkthdr *header)
{
    bool is_nano;
    unsigned scale;   /* libpcap makes nanoseconds of microseconds */
    uint32_t rest[2]; /* snap length, link type: libpcap would take them for a packet's */

    if (header->len != 0 || s->pcap == NULL || s->is_live ||
        !is_file_header(header, &is_nano, &scale))
        return false;
    bool is_whole = fread(rest, sizeof rest, 1, pcap_file(s->pcap)) == 1;
    uint32_t link = pcap_is_swapped(s->pcap) ? __builtin_bswap32(rest[1]) : rest[1];
    if (is_whole && is_nano == (scale == 1) && is_same_link(s, link & 0xffff))
        return true;
    s->has_misfit = true;
    source_stop(s);
    return true;
}

enum source_end source_each(struct source *s, pcap_handler take, u_char *context)
{
    if (s->blocks != NULL)
        return each_of_blocks(s, take, context);
    int result = pcap_dispatch(s->pcap, -1, take, context);
    if (s->has_misfit)
        return SOURCE_DAMAGED;
    if (result >= 0 || result == PCAP_ERROR_BREAK)
        return SOURCE_EOF;
    return strstr(pcap_geterr(s->pcap), "truncated") ? SOURCE_CUT : SOURCE_DAMAGED;
}

void source_stop(struct source *s)
{
    s->is_stopped = true;
    if (s->pcap != NULL)
        pcap_breakloop(s->pcap);
}

void source_close(struct source *s)
{
    for (size_t i = 0; i < s->n_filters; i++)
        if (s->filters[i].is_good)
            pcap_freecode(&s->filters[i].program);
    s->n_filters = 0;
    if (s->pcap != NULL)
        pcap_close(s->pcap); /* closes the file as well */
    pcapng_reader_free(s->blocks);
    free(s->buffer);
    s->pcap = NULL;
    s->blocks = NULL;
    s->buffer = NULL;
}
