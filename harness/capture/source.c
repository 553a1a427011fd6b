#include "harness/capture/source.h"

#include "harness/capture/dissect.h"
#include "harness/capture/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_LEN (256u << 10)
#define SNAP_LEN   262144

/* A link type whose packets we can't read: say so once, before the first packet. */
static bool take_link(struct source *s, struct text *why)
{
    int link = pcap_datalink(s->pcap);
    const char *name = pcap_datalink_val_to_name(link);

    if (dissect_can_read(link))
        return true;
    if (link == DLT_IEEE802_11 || link == DLT_PRISM_HEADER || link == DLT_IEEE802_11_RADIO ||
        link == DLT_IEEE802_11_RADIO_AVS)
        text_addf(why,
                  "%s: 802.11 frames (%s) are not read: capture on the interface itself, "
                  "not in monitor mode",
                  s->name, name);
    else
        text_addf(why, "%s: link type %d (%s) is not read", s->name, link, name ? name : "unknown");
    source_close(s);
    return false;
}

/* The file as it is, or the stream that was packed into it. Takes raw. */
static FILE *plain(FILE *raw, struct text *why)
{
    return unpack_is_plain(raw) ? raw : unpack(raw, why);
}

const char *source_words(const char *pcap_error)
{
    return strstr(pcap_error, strerror(EBADMSG)) /* unpack.c's */
               ? "the compressed data is damaged, or ends before its end"
               : pcap_error;
}

bool source_open(struct source *s, const char *path, struct text *why)
{
    char error[PCAP_ERRBUF_SIZE] = "";
    bool is_stdin = strcmp(path, "-") == 0;

    *s = (struct source){.name = is_stdin ? "stdin" : path};
    FILE *file = is_stdin ? stdin : fopen(path, "rbe");
    if (file == NULL) {
        text_addf(why, "%s: %s", path, strerror(errno));
        return false;
    }
    file = plain(file, why);
    if (file == NULL)
        return false;
    if (file != stdin) { /* which outlives us, and its buffer */
        s->buffer = text_realloc(NULL, BUFFER_LEN);
        setvbuf(file, s->buffer, _IOFBF, BUFFER_LEN);
    }
    s->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
    if (s->pcap == NULL) {
        text_addf(why, "%s: %s", s->name, source_words(error));
        fclose(file);
        source_close(s);
        return false;
    }
    return take_link(s, why);
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

bool source_filter(struct source *s, const char *filter, struct text *why)
{
    if (filter == NULL)
        return true;
    s->has_filter = pcap_compile(s->pcap, &s->filter, filter, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!s->has_filter)
        text_addf(why, "filter '%s': %s", filter, pcap_geterr(s->pcap));
    return s->has_filter;
}

bool source_passes(const struct source *s, const struct pcap_pkthdr *header, const u_char *bytes)
{
    return !s->has_filter || pcap_offline_filter(&s->filter, header, bytes) != 0;
}

void source_close(struct source *s)
{
    if (s->has_filter)
        pcap_freecode(&s->filter);
    s->has_filter = false;
    if (s->pcap != NULL)
        pcap_close(s->pcap); /* closes the file as well */
    free(s->buffer);
    s->pcap = NULL;
    s->buffer = NULL;
}

enum source_end source_end(const struct source *s, int pcap_result)
{
    if (pcap_result >= 0 || pcap_result == PCAP_ERROR_BREAK)
        return SOURCE_EOF;
    return strstr(pcap_geterr(s->pcap), "truncated") ? SOURCE_CUT : SOURCE_DAMAGED;
}
