/* cli.c - how captures are read: options that subcommands share. */
#include "harness/cli/cli.h"

static bool add_port(struct cli_source *source, const char *value)
{
    uint64_t port;

    if (source->n_ports == CLI_PORTS || !cli_count(value, UINT16_MAX, &port))
        return false;
    source->ports[source->n_ports++] = (uint16_t)port;
    return true;
}

bool cli_source_option(struct cli_source *source, int option, const char *value)
{
    if (option == 'f')
        source->filter = value;
    else if (option == 'Z')
        source->is_scrubbed = true;
    else
        return option == 'p' && add_port(source, value);
    return true;
}
