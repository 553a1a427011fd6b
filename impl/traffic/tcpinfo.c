/* tcpinfo.c - see tcpinfo.h. The kernel's own header is used: libc's lacks the younger members. */
#include "impl/traffic/tcpinfo.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct interval_tcp tcpinfo_read(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    /* An older kernel writes less than we ask for, a younger one no more: what it leaves is 0. */
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
        len < offsetof(struct tcp_info, tcpi_total_retrans) + sizeof info.tcpi_total_retrans)
        return (struct interval_tcp){.valid = false};
    return (struct interval_tcp){
        .valid = true,
        .retransmits = info.tcpi_total_retrans,
        .snd_cwnd = (uint64_t)info.tcpi_snd_cwnd * info.tcpi_snd_mss,
        .snd_wnd = info.tcpi_snd_wnd,
        .rtt_us = info.tcpi_rtt,
        .rttvar_us = info.tcpi_rttvar,
        .pmtu = info.tcpi_pmtu,
        .reorder = info.tcpi_reordering,
        .min_rtt_us = info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt,
        .delivery_rate_bps = 8 * info.tcpi_delivery_rate,
        .busy_us = info.tcpi_busy_time,
        .rwnd_limited_us = info.tcpi_rwnd_limited,
        .sndbuf_limited_us = info.tcpi_sndbuf_limited,
    };
}

void tcpinfo_congestion(int fd, char name[16])
{
    socklen_t len = 15;

    memset(name, 0, 16);
    if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) < 0 || name[0] == '\0')
        strcpy(name, "unknown");
}
