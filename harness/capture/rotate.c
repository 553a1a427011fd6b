#include "harness/capture/rotate.h"

#include "harness/capture/scrub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_LEN   4096
#define RECORD_LEN 16 /* in front of each packet */

static void name_file(const struct rotate *r, unsigned number, const char *ending, char *out)
{
    snprintf(out, PATH_LEN, "%s-%05u.pcap%s", r->prefix, number, ending);
}

static bool begin_file(struct rotate *r, struct text *why)
{
    char path[PATH_LEN];

    r->number++;
    r->bytes = 0;
    name_file(r, r->number, ".part", path);
    FILE *file = fopen(path, "wbe");
    r->dumper = file != NULL ? pcap_dump_fopen(r->pcap, file) : NULL;
    if (r->dumper == NULL)
        text_addf(why, "%s: %s", path, file != NULL ? pcap_geterr(r->pcap) : strerror(errno));
    return r->dumper != NULL;
}

/* --- scrubbing -------------------------------------------------------------------------------- */

/* In a process of its own: packets come in meanwhile. */
static void scrub_and_exit(const char *part, const char *whole)
{
    struct text why = {0};
    char next[PATH_LEN + 8];

    snprintf(next, sizeof next, "%s.new", whole);
    FILE *out = fopen(next, "wbe");
    struct scrub_from from = {.path = part, .name = part};
    bool is_good = out != NULL && scrub_file(&from, out, &why) == SCRUB_WHOLE;
    is_good = out != NULL && fclose(out) == 0 && is_good && rename(next, whole) == 0;
    if (!is_good)
        unlink(next);
    unlink(part); /* in no case is it left as it was */
    _exit(is_good ? 0 : 1);
}

static bool await_scrubber(struct rotate *r, struct text *why)
{
    int status = 0;

    if (r->scrubber > 0)
        while (waitpid(r->scrubber, &status, 0) < 0 && errno == EINTR)
            ;
    r->scrubber = 0;
    if (status != 0)
        text_addf(why, "%s: a file could not be scrubbed, and was removed", r->prefix);
    return status == 0;
}

/* --- turns ------------------------------------------------------------------------------------ */

static bool end_file(struct rotate *r, struct text *why)
{
    char part[PATH_LEN], whole[PATH_LEN];

    name_file(r, r->number, ".part", part);
    name_file(r, r->number, "", whole);
    bool is_good = pcap_dump_flush(r->dumper) == 0;
    int error = errno;
    pcap_dump_close(r->dumper);
    r->dumper = NULL;
    if (is_good && r->is_scrubbed) {
        if (!await_scrubber(r, why))
            return false;
        r->scrubber = fork();
        if (r->scrubber == 0)
            scrub_and_exit(part, whole);
        is_good = r->scrubber > 0;
        error = errno;
    } else if (is_good) {
        is_good = rename(part, whole) == 0;
        error = errno;
    }
    if (!is_good)
        text_addf(why, "%s: %s", part, strerror(error));
    return is_good;
}

static void make_room(const struct rotate *r)
{
    char path[PATH_LEN];

    if (r->keep == 0 || r->number < r->keep)
        return;
    name_file(r, r->number - r->keep + 1, "", path);
    unlink(path); /* may be gone already */
}

bool rotate_open(struct rotate *r, struct text *why)
{
    return begin_file(r, why);
}

bool rotate_put(struct rotate *r, const struct pcap_pkthdr *header, const u_char *bytes,
                struct text *why)
{
    if (r->bytes > 0 && r->bytes + header->caplen > r->file_bytes) {
        if (!end_file(r, why))
            return false;
        make_room(r);
        if (!begin_file(r, why))
            return false;
    }
    pcap_dump((u_char *)r->dumper, header, bytes);
    r->bytes += RECORD_LEN + header->caplen;
    if (ferror(pcap_dump_file(r->dumper)))
        text_addf(why, "%s: %s", r->prefix, strerror(errno));
    return !ferror(pcap_dump_file(r->dumper));
}

bool rotate_close(struct rotate *r, struct text *why)
{
    bool is_good = r->dumper == NULL || end_file(r, why);

    return await_scrubber(r, why) && is_good;
}
