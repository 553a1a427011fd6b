#include "impl/wire/knock.h"

#include "impl/wire/datagram.h"

int64_t knock_budget(bool reverse, int64_t len)
{
    return reverse ? DATAGRAM_CONNECT_LEN + 2 * len : DATAGRAM_CONNECT_LEN;
}

enum knock_answer knock_take(int64_t *budget, struct bytes datagram)
{
    if (datagram_reply_kind(datagram) != DATAGRAM_NOT_REPLY)
        return KNOCK_ANSWERED;
    *budget -= (int64_t)MIN(datagram.len, (size_t)DATAGRAM_CONNECT_LEN);
    return *budget > 0 ? KNOCK_NOT_YET : KNOCK_GIVE_UP;
}
