/* units.h - numbers with a unit, as iperf3 reads and prints them: "1.5M", "9.42 Gbits/sec".
 *
 * K, M, G, T are powers of 1024 for bytes and counts, of 1000 for rates. No locale, no allocation.
 */
#pragma once
#include "impl/wire/err.h"

#include <stddef.h>
#include <stdint.h>

/* Read "10", "1.5K", "0x10", "100Mbps": a number and, right behind it, one of kKmMgGtT; what
 * follows that letter means nothing. Whole numbers are exact. Returns SPEC_OK, or SPEC_E_USAGE: no
 * number, another letter behind it, negative, or above 2^63 - 1. */
enum spec_err units_parse_count(const char *text, uint64_t *out);
enum spec_err units_parse_rate(const char *text, uint64_t *out);

/* A whole decimal number in min..max and nothing else. SPEC_OK or SPEC_E_USAGE. */
enum spec_err units_parse_int(const char *text, int64_t min, int64_t max, int64_t *out);

/* Whole or fractional seconds, not negative, at most 10^9. SPEC_OK or SPEC_E_USAGE. */
enum spec_err units_parse_seconds(const char *text, uint64_t *out_ns);

/* Print an amount of bytes.
 *   format  k m g t: in bits, with factors of 1000; K M G T: in bytes, with factors of 1024;
 *           a: in bits, A: in bytes, with the factor that keeps the number short
 * "1.23 MBytes", "12.3 Gbits", " 123 Kbits": at least 4 places. Returns buf, NUL-terminated. */
const char *units_format(char *buf, size_t cap, double bytes, char format);
