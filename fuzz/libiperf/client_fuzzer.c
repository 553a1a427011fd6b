/* client_fuzzer.c - iperf3's client, as libiperf has it, against any server.
 *
 * Input: script.h, played as fuzz/libiperf/peer.h says. Flags: as in client_fuzzer.c, but 1 the
 * first second is omitted; and 2 the server's output is asked for, 64 JSON output, 128 verbose. */
#include "fuzz/fuzz.h"
#include "fuzz/libiperf/run.h"
#include "harness/fuzz/form.h"

const enum form fuzz_form = FORM_RECORDS;

int set_protocol(struct iperf_test *test, int protocol);

static void prepare(struct iperf_test *test, uint8_t flags)
{
    iperf_set_test_role(test, 'c');
    iperf_set_test_server_hostname(test, "127.0.0.1");
    iperf_set_test_duration(test, 1);
    iperf_set_test_omit(test, flags & 1);
    iperf_set_test_blksize(test, 1024);
    iperf_set_test_num_streams(test, flags & 32 ? 4 : 1);
    if (flags & 16) {
        set_protocol(test, Pudp);
        iperf_set_test_rate(test, 1 << 20);
    }
    if (flags & 8)
        iperf_set_test_bidirectional(test, 1);
    else if (flags & 4)
        iperf_set_test_reverse(test, 1);
    iperf_set_test_get_server_output(test, (flags & 2) != 0);
    iperf_set_test_json_output(test, (flags & 64) != 0);
    iperf_set_verbose(test, (flags & 128) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct run_setup client = {prepare, iperf_run_client, true};

    run_session(&client, (struct bytes){data, size});
    return 0;
}
