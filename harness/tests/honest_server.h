/* honest_server.h - a server with nothing wrong, which is a subject of tests: this program itself.
 */
#pragma once
#include "harness/script/script.h"
#include "harness/sim/sim.h"

/* Serve at 127.0.0.1 for good, one client after the other; after_each() behind each, if not NULL. 9
 * if the port cannot be had. */
static inline int serve_honestly(unsigned port, void (*after_each)(void))
{
    static const char text[] = "case t\nclause FLOW-1\nplays server\n\nfinish\n";
    struct script_list list = {0};
    struct script_error error;
    struct sim_listener listener;

    if (!script_read(&list, "t", text, &error) || !sim_listen(&listener, "127.0.0.1", port))
        return 9;
    for (;;) {
        struct sim_config config = {
            .script = list.at[0], .listener = &listener, .timeout_scale = 1};
        struct sim_outcome outcome;
        sim_run(&config, &outcome);
        sim_outcome_fini(&outcome);
        if (after_each)
            after_each();
    }
}
