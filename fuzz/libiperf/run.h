/* run.h - one session of libiperf's, in either role, with a peer of the input's. */
#pragma once
#include "impl/wire/bytes.h"

#include <iperf_api.h>
#include <stdbool.h>

struct run_setup {
    void (*prepare)(struct iperf_test *test, uint8_t flags); /* role and options */
    int (*run)(struct iperf_test *test);
    bool is_client;
};

/* Play the input (fuzz/script.h: two bytes of set-up, then records). What all runs reached is
 * printed when the process ends; FUZZ_COUNTS in the environment names a file in which processes
 * count together.
 *
 * What is no finding by itself is counted: descriptors that the library lost, which are closed;
 * memory that it lost; runs that would never end. With FUZZ_LEAKS or FUZZ_WAITS in the environment
 * these two are findings, too. */
void run_session(const struct run_setup *setup, struct bytes input);
