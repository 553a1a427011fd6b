/* table.h - what table.c and told.c share: the one cell whose reaction is wrong. */
#pragma once
#include "impl/wire/table.h"

/* Whether it is that of the event in the state. */
bool table_fault_is(enum machine_state state, unsigned event);

/* Its event alone: whether anybody has to look for it. */
bool table_fault_is_of(enum machine_role role, unsigned event);

/* Whether it is that of a byte among those of an item, and one of these is that byte: the machine,
 * which never asks what such a byte says as a state, has taken it for one. */
struct machine;
struct bytes;
bool table_fault_takes(struct machine *m, struct bytes *in);

/* The shell has seen this, and keeps it from its machines: a server test in the state that is
 * concerned reacts all the same. */
void told_server(enum table_server_event event);

/* In SRV_COOKIE there is no test yet: whether a client that reset its connection there still has
 * the server's place, so that nobody else is let in. */
bool told_guest_stays(void);
