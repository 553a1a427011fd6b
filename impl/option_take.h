/* option_take.h - the functions that option_table.c puts into its rows.
 *
 * Each takes one option: sets members of struct options, marks parameters as present, and returns 0
 * or the number of what is wrong with the argument. Those that are used by several options go by
 * the row's at, key, min, max and error. */
#pragma once
#include "impl/option_table.h"

typedef int option_taker(struct option_draft *draft, const struct option_row *row, const char *arg);

option_taker option_take_flag, option_take_one, option_take_text, option_take_int,
    option_take_c_int, option_take_count, option_take_rate, option_take_bitrate,
    option_take_bitrate_limit, option_take_interval, option_take_ms, option_take_s,
    option_take_format, option_take_affinity, option_take_host, option_take_client,
    option_take_server, option_take_xbind, option_take_ipv4, option_take_ipv6, option_take_json,
    option_take_json_stream, option_take_timestamps, option_take_debug, option_take_keepalive,
    option_take_udp, option_take_sctp, option_take_no_fq, option_take_gsro, option_take_dscp;
