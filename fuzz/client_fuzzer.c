/* client_fuzzer.c - the client's machine against any server, with an observer beside it.
 *
 * Input: script.h. Flags: 1 answers wait, 4 reverse, 8 both directions, 16 UDP, 32 four streams. */
#include "fuzz/kept.h"
#include "fuzz/script.h"
#include "harness/fuzz/form.h"

const enum form fuzz_form = FORM_RECORDS;

static void set_flag(struct params *p, enum param_key key, bool *member)
{
    *member = true;
    params_mark(p, key);
}

static void set_number(struct params *p, enum param_key key, int64_t *member, int64_t value)
{
    *member = value;
    params_mark(p, key);
}

static void fill(struct params *p, uint8_t flags)
{
    params_init(p);
    if (flags & 16)
        set_flag(p, PARAM_udp, &p->udp);
    else
        set_flag(p, PARAM_tcp, &p->tcp);
    if (flags & 8)
        set_flag(p, PARAM_bidirectional, &p->bidirectional);
    else if (flags & 4)
        set_flag(p, PARAM_reverse, &p->reverse);
    set_number(p, PARAM_time, &p->time, 1);
    set_number(p, PARAM_parallel, &p->parallel, flags & 32 ? 4 : 1);
    set_number(p, PARAM_len, &p->len, 1024);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    uint8_t seed = fuzz_u8(&in), flags = fuzz_u8(&in);
    struct machine_config config;
    struct params p;

    fill(&p, flags);
    machine_config_init(&config, MACHINE_CLIENT);
    memset(config.cookie, 'c', COOKIE_LEN - 1);
    config.params = &p;
    if (scene_run(&config, in, seed, flags & 1))
        kept_add(data, size);
    params_fini(&p);
    return 0;
}
