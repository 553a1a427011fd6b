/* server_fuzzer.c - iperf3's server, as libiperf has it, against any client.
 *
 * Input: script.h, played as fuzz/libiperf/peer.h says. Flags: 64 JSON output, 128 verbose. */
#include "fuzz/fuzz.h"
#include "fuzz/libiperf/run.h"
#include "harness/fuzz/form.h"

const enum form fuzz_form = FORM_RECORDS;

static void prepare(struct iperf_test *test, uint8_t flags)
{
    iperf_set_test_role(test, 's');
    iperf_set_test_one_off(test, 1);
    iperf_set_test_json_output(test, (flags & 64) != 0);
    iperf_set_verbose(test, (flags & 128) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct run_setup server = {prepare, iperf_run_server, false};

    run_session(&server, (struct bytes){data, size});
    return 0;
}
