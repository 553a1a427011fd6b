/* tos.c - datagrams with the TOS that they came with. */
#include "harness/sim/tos.h"

#include <netinet/in.h>
#include <string.h>

void tos_ask(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);
}

/* IPv4 has a byte of it, IPv6 an int. */
static int tos_of(const struct cmsghdr *header)
{
    int wide;

    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS)
        return *CMSG_DATA(header);
    if (header->cmsg_level != IPPROTO_IPV6 || header->cmsg_type != IPV6_TCLASS)
        return -1;
    memcpy(&wide, CMSG_DATA(header), sizeof wide);
    return wide;
}

ssize_t tos_receive(int fd, void *at, size_t len, struct sockaddr_storage *peer,
                    socklen_t *peer_len, int *tos)
{
    union {
        char room[2 * CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec piece = {at, len};
    struct msghdr message = {.msg_name = peer,
                             .msg_namelen = peer ? sizeof *peer : 0,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);

    if (got < 0)
        return got;
    *tos = -1;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h && *tos < 0; h = CMSG_NXTHDR(&message, h))
        *tos = tos_of(h);
    if (peer)
        *peer_len = message.msg_namelen;
    return got;
}
