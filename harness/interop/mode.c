#include "harness/interop/mode.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define QUICK   MODE_QUICK
#define CONTROL MODE_CONTROL
#define FLOOD   MODE_FLOOD
#define OMIT    MODE_OMIT
#define TEXT    MODE_TEXT
#define FILE    MODE_FILE
#define AUTH    MODE_AUTH
#define REFUSED MODE_REFUSED
#define MODE(name, flags, client, server, client_versions, server_versions, needs, facts)          \
    {name, flags, client, server, client_versions, server_versions, needs, facts},

const struct interop_mode interop_modes[] = {
#include "harness/interop/modes.def"
};
const size_t interop_n_modes = ARRAY_LEN(interop_modes);

/* --- who has it ------------------------------------------------------------------------------ */

static bool can_listen(int family, int protocol, const void *address, socklen_t len)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
    bool ok = fd >= 0 && bind(fd, address, len) == 0 && listen(fd, 1) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

struct mode_kernel mode_probe_kernel(void)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    return (struct mode_kernel){
        .ipv6 = can_listen(AF_INET6, 0, &v6, sizeof v6),
        .mptcp = can_listen(AF_INET, IPPROTO_MPTCP, &v4, sizeof v4),
    };
}

static bool side_has(const struct mode_side *side, const char *set)
{
    return side->is_reference || !side->has_version || clause_versions_hold(set, &side->version);
}

bool mode_is_skipped(const struct interop_mode *mode, const struct mode_side *client,
                     const struct mode_side *server, const struct mode_kernel *kernel,
                     struct text *why)
{
    bool needs_met = strcmp(mode->needs, "ipv6") == 0    ? kernel->ipv6
                     : strcmp(mode->needs, "mptcp") == 0 ? kernel->mptcp
                                                         : true;

    if (!needs_met)
        text_addf(why, "this kernel has no %s", mode->needs);
    else if (!side_has(client, mode->client_versions))
        text_addf(why, "clients of %s only", mode->client_versions);
    else if (!side_has(server, mode->server_versions))
        text_addf(why, "servers of %s only", mode->server_versions);
    else
        return false;
    return true;
}

/* --- templates ------------------------------------------------------------------------------- */

/* SET?text: text if the set holds the side. False: there is no '?'. */
static bool put_conditional(const char *at, size_t len, const struct mode_side *side,
                            struct text *out)
{
    char set[64];
    const char *mark = memchr(at, '?', len);
    size_t set_len = mark ? (size_t)(mark - at) : 0;

    if (!mark || set_len >= sizeof set)
        return false;
    memcpy(set, at, set_len);
    set[set_len] = '\0';
    if (clause_versions_hold(set, &side->version))
        text_add(out, mark + 1, len - set_len - 1);
    return true;
}

static bool put_word(const char *at, size_t len, const struct mode_word *words, struct text *out)
{
    for (; words->name; words++)
        if (strlen(words->name) == len && memcmp(words->name, at, len) == 0) {
            text_adds(out, words->value);
            return true;
        }
    return false;
}

void mode_expand(const char *template, const struct mode_side *side, const struct mode_word *words,
                 struct text *out)
{
    while (*template) {
        const char *end = *template == '{' ? strchr(template, '}') : NULL;
        size_t len = end ? (size_t)(end - template - 1) : 0;

        if (end && (put_conditional(template + 1, len, side, out) ||
                    put_word(template + 1, len, words, out)))
            template = end + 1;
        else
            text_add(out, template ++, 1);
    }
}
