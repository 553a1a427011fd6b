/* units.c - see units.h. */
#include "impl/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "KMGT"; /* factor to the power of index + 1 */

/* The factor behind a number: 1 at the end of text, 0 for a letter that is none. */
static uint64_t factor(const char *suffix, uint64_t base)
{
    const char *letter;
    uint64_t f = base;

    if (*suffix == '\0')
        return 1;
    letter = strchr(letters, toupper((unsigned char)*suffix));
    if (letter == NULL)
        return 0;
    for (; letter > letters; letter--)
        f *= base;
    return f;
}

/* The digits of text as a whole number, if that is all that stands before end. */
static bool whole(const char *text, const char *end, uint64_t *out)
{
    char *stop;

    errno = 0;
    *out = strtoull(text, &stop, 10);
    return stop == end && errno == 0;
}

static enum spec_err parse(const char *text, uint64_t base, uint64_t *out)
{
    char *end;
    double value = strtod(text, &end);
    uint64_t f = factor(end, base), n;

    if (end == text || f == 0 || !isfinite(value) || value < 0)
        return SPEC_E_USAGE;
    if (!whole(text, end, &n)) {
        if (value * (double)f >= 0x1p63)
            return SPEC_E_USAGE;
        *out = (uint64_t)(value * (double)f);
        return SPEC_OK;
    }
    if (__builtin_mul_overflow(n, f, &n) || n > INT64_MAX)
        return SPEC_E_USAGE;
    *out = n;
    return SPEC_OK;
}

enum spec_err units_parse_count(const char *text, uint64_t *out)
{
    return parse(text, 1024, out);
}

enum spec_err units_parse_rate(const char *text, uint64_t *out)
{
    return parse(text, 1000, out);
}

enum spec_err units_parse_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max)
        return SPEC_E_USAGE;
    *out = value;
    return SPEC_OK;
}

enum spec_err units_parse_seconds(const char *text, uint64_t *out_ns)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= 0 && value <= 1e9))
        return SPEC_E_USAGE;
    *out_ns = (uint64_t)(value * 1e9 + 0.5);
    return SPEC_OK;
}

/* How often the factor goes into value, as the format says or as often as value stays above 1. */
static unsigned power(double value, double base, char format)
{
    const char *letter = strchr(letters, toupper((unsigned char)format));
    unsigned n = 0;

    if (format != '\0' && letter != NULL)
        return (unsigned)(letter - letters) + 1;
    while (value >= base && n < sizeof letters - 1) {
        value /= base;
        n++;
    }
    return n;
}

const char *units_format(char *buf, size_t cap, double bytes, char format)
{
    static const char *const names[2][sizeof letters] = {
        {"bits",  "Kbits",  "Mbits",  "Gbits",  "Tbits" },
        {"Bytes", "KBytes", "MBytes", "GBytes", "TBytes"},
    };
    bool in_bytes = isupper((unsigned char)format);
    double base = in_bytes ? 1024 : 1000, value = in_bytes ? bytes : bytes * 8;
    unsigned n = power(value, base, format);

    for (unsigned i = 0; i < n; i++)
        value /= base;
    /* The limits keep 9.995, which %.2f would print as 10.00, at three digits. */
    snprintf(buf, cap, "%4.*f %s",
             value < 9.995   ? 2
             : value < 99.95 ? 1
                             : 0,
             value, names[in_bytes][n]);
    return buf;
}
