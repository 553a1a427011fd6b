#include "harness/session/tcpmem.h"

#include <stdio.h>

static uint64_t third_of(const char *path)
{
    unsigned long long value = 0;
    FILE *f = fopen(path, "re");

    if (f && fscanf(f, "%*u %*u %llu", &value) != 1)
        value = 0;
    if (f)
        fclose(f);
    return value;
}

uint64_t tcpmem_most(void)
{
    return third_of("/proc/sys/net/ipv4/tcp_rmem") + third_of("/proc/sys/net/ipv4/tcp_wmem");
}
