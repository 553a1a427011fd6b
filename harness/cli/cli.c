/* cli.c - how captures are read: options that subcommands share. */
#include "harness/cli/cli.h"
#include "harness/capture/source.h"

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
    switch (option) {
    case 'f':
        source->filter = value;
        return source_filter_is_sound(value);
    case 'Z':
        source->is_scrubbed = true;
        return true;
    case 'p':
        return add_port(source, value);
    default:
        return false;
    }
}
