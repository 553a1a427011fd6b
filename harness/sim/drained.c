#include "harness/sim/peer.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>

static unsigned port_of(const struct sockaddr_storage *address)
{
    const struct sockaddr_in6 *in6 = (const void *)address;
    const struct sockaddr_in *in = (const void *)address;

    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): the system call filled it in */
    return ntohs(address->ss_family == AF_INET6 ? in6->sin6_port : in->sin_port);
}

/* The receive queue of the socket from port `local` to port `remote`; 0 if there is none. */
static unsigned long queue_in(const char *table, unsigned local, unsigned remote)
{
    char line[512];
    unsigned local_port, remote_port;
    unsigned long found = 0, queue;
    FILE *f = fopen(table, "re");

    while (f && found == 0 && fgets(line, sizeof line, f))
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x %*x %*[0-9A-Fa-f]:%lx",
                   &local_port, &remote_port, &queue) == 3 &&
            local_port == local && remote_port == remote)
            found = queue;
    if (f)
        fclose(f);
    return found;
}

bool drained(int fd, bool udp)
{
    static const char *const tables[2][2] = {
        {"/proc/self/net/tcp", "/proc/self/net/tcp6"},
        {"/proc/self/net/udp", "/proc/self/net/udp6"},
    };
    struct sockaddr_storage ours = {0}, theirs = {0};
    socklen_t len = sizeof ours;
    int unsent = 0;

    if (ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent > 0)
        return false;
    if (getsockname(fd, (struct sockaddr *)&ours, &len) < 0)
        return true;
    len = sizeof theirs;
    if (getpeername(fd, (struct sockaddr *)&theirs, &len) < 0)
        return true;
    for (int i = 0; i < 2; i++)
        if (queue_in(tables[udp][i], port_of(&theirs), port_of(&ours)) > 0)
            return false;
    return true;
}
