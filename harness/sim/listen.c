/* listen.c - the sockets on which a client to be judged finds the simulator. */
#include "harness/sim/sim.h"
#include "harness/sim/tos.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

unsigned sim_port(const struct sockaddr_storage *address)
{
    /* At the same place in sockaddr_in6. */
    return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

bool sim_address(const char *address, unsigned port, struct sockaddr_storage *out, socklen_t *len)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    struct sockaddr_in *four = (struct sockaddr_in *)out;

    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        *len = sizeof *four;
        return true;
    }
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    *len = sizeof *six;
    errno = EINVAL;
    return inet_pton(AF_INET6, address, &six->sin6_addr) == 1;
}

/* Datagrams are to wait for us rather than be lost; the kernel gives what it may. */
#define ROOM (4 << 20)

static int bound(int type, const struct sockaddr_storage *address, socklen_t len)
{
    int on = 1, room = ROOM,
        fd = socket(address->ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (type == SOCK_DGRAM) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        tos_ask(fd);
    }
    if (bind(fd, (const struct sockaddr *)address, len) == 0 &&
        (type != SOCK_STREAM || listen(fd, SIM_BACKLOG) == 0))
        return fd;
    close(fd);
    return -1;
}

static bool listen_once(struct sim_listener *l, const char *address, unsigned port)
{
    struct sockaddr_storage at;
    socklen_t len;

    if (!sim_address(address, port, &at, &len) || (l->tcp = bound(SOCK_STREAM, &at, len)) < 0)
        return false;
    getsockname(l->tcp, (struct sockaddr *)&at, &len);
    l->port = ntohs(((struct sockaddr_in *)&at)->sin_port); /* at the same place in sockaddr_in6 */
    if ((l->udp = bound(SOCK_DGRAM, &at, len)) >= 0)
        return true;
    close(l->tcp);
    return false;
}

bool sim_listen(struct sim_listener *listener, const char *address, unsigned port)
{
    /* The kernel may choose a port whose UDP twin is taken. */
    for (int i = 0; i < 20; i++)
        if (listen_once(listener, address, port))
            return true;
        else if (port)
            return false;
    return false;
}

void sim_listener_clear(const struct sim_listener *listener)
{
    char byte;
    int fd;

    for (int i = 0; i <= SIM_BACKLOG && (fd = accept(listener->tcp, NULL, NULL)) >= 0; i++)
        close(fd);
    for (int i = 0; i < ROOM / 1024 && recv(listener->udp, &byte, sizeof byte, 0) >= 0; i++)
        ;
}

void sim_listener_close(struct sim_listener *listener)
{
    close(listener->tcp);
    close(listener->udp);
}
