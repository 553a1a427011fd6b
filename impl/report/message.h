/* message.h - iperf3's messages for its error numbers, word for word, since scripts look for them.
 */
#pragma once
#include <stddef.h>

/* "unable to connect to server - ...: Connection refused": the text, and behind it that of os_errno
 * where iperf3 adds one and it is not 0. A number that is not in the table gives "int_errno=N", as
 * iperf3 does. buf is NUL-terminated; cap > 0. */
void message_format(char *buf, size_t cap, int ierr, int os_errno);
