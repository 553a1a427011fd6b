/* needs.c - what a case needs of a build and of this machine, and whether it is there. */
#include "harness/suite/suite.h"

#include <string.h>
#include <unistd.h>

static bool needs(const struct script *s, const char *what)
{
    for (size_t i = 0; i < s->needs.n; i++)
        if (strcmp(s->needs.at[i], what) == 0)
            return true;
    return false;
}

bool suite_can_run(const struct script *script, const struct suite_settings *settings,
                   struct text *why, struct text *options)
{
    const struct subject_build *build = &settings->build;
    static const char *const never[] = {"sctp", "mptcp", "gsro"};
    bool has_role =
        build->path[0] || (script->plays_server ? build->client_cmd : build->server_cmd)[0];

    if (!has_role)
        text_addf(why, "no %s to judge was given", script->plays_server ? "client" : "server");
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (needs(script, never[i]))
            text_addf(why, "the simulator does not speak %s", never[i]);
    if (needs(script, "auth") && build->path[0] && !build->has_auth)
        text_adds(why, "auth: not built in");
    if (needs(script, "ipv6") && access("/proc/self/net/if_inet6", F_OK) != 0)
        text_adds(why, "ipv6: not in this kernel");
    if (needs(script, "single-test") && build->can_limit_tests)
        text_adds(options, "--max-tests 1");
    return why->len == 0;
}
