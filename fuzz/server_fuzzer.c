/* server_fuzzer.c - the server's machine against any client, with an observer beside it.
 *
 * Input: script.h. Flags: 1 answers wait, 2 answers are no, 4 a token is asked for, 8 limits. */
#include "fuzz/kept.h"
#include "fuzz/script.h"
#include "harness/fuzz/form.h"

const enum form fuzz_form = FORM_RECORDS;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    uint8_t seed = fuzz_u8(&in), flags = fuzz_u8(&in);
    struct machine_config config;

    machine_config_init(&config, MACHINE_SERVER);
    config.auth_required = flags & 4;
    if (flags & 8)
        config.limits = (struct params_limits){.max_duration_s = 60, .max_bitrate_bps = 1000000};
    if (scene_run(&config, in, seed, flags))
        kept_add(data, size);
    return 0;
}
