/* scan_number.c - a number's form, and how large it is. */
#include "impl/wire/scan_core.h"

#include <string.h>

/* A number's digits, as far as its size depends on them. */
struct magnitude {
    char digits[24];  /* the first significant ones */
    size_t n_digits;  /* of those kept */
    int64_t exponent; /* the value is 0.DIGITS * 10^exponent */
};

static void scan_digits(struct scan *s, struct magnitude *m, bool is_fraction)
{
    for (; scan_is_digit(s); s->at++) {
        bool counts = m->n_digits > 0 || *s->at != '0';
        if (counts && m->n_digits < sizeof m->digits)
            m->digits[m->n_digits++] = (char)*s->at;
        if (is_fraction)
            m->exponent -= !counts;
        else
            m->exponent += counts;
    }
}

static void scan_exponent(struct scan *s, struct magnitude *m)
{
    bool is_negative = s->at < s->end && *s->at == '-';
    int64_t value = 0;

    if (!is_negative)
        scan_take(s, '+');
    s->at += is_negative;
    if (!scan_is_digit(s))
        scan_flag(s, SCAN_NUMBER_FORM, s->at);
    for (; scan_is_digit(s); s->at++)
        value = MIN(value * 10 + (*s->at - '0'), INT64_C(1) << 40); /* beyond any text's length */
    m->exponent += is_negative ? -value : value;
}

/* Whether the number is at least limit, which is written like a magnitude. */
static bool reaches(const struct magnitude *m, int64_t exponent, const char *limit)
{
    size_t n = strlen(limit);

    if (m->n_digits == 0 || m->exponent != exponent)
        return m->n_digits > 0 && m->exponent > exponent;
    int order = memcmp(m->digits, limit, MIN(m->n_digits, n));
    return order > 0 || (order == 0 && m->n_digits >= n);
}

bool scan_number(struct scan *s)
{
    const uint8_t *from = s->at;
    struct magnitude m = {.n_digits = 0};
    bool is_integer = true, has_digits;

    if (scan_take(s, '+'))
        scan_flag(s, SCAN_NUMBER_FORM, from);
    else
        scan_take(s, '-');
    const uint8_t *first = s->at;
    scan_digits(s, &m, false);
    has_digits = s->at > first;
    if (s->at - first > 1 && *first == '0')
        scan_flag(s, SCAN_LEADING_ZERO, first);
    if (scan_take(s, '.')) {
        is_integer = false;
        const uint8_t *fraction = s->at;
        scan_digits(s, &m, true);
        if (!has_digits || s->at == fraction)
            scan_flag(s, SCAN_NUMBER_FORM, from);
        has_digits = has_digits || s->at > fraction;
    }
    if (!has_digits)
        return scan_stop(s, SCAN_SYNTAX);
    if (scan_take(s, 'e') || scan_take(s, 'E')) {
        is_integer = false;
        scan_exponent(s, &m);
    }
    if (is_integer && reaches(&m, 16, "9007199254740993")) /* 2^53 + 1 */
        scan_flag(s, SCAN_BIG_NUMBER, from);
    /* From 2^1024 - 2^970 on, rounding gives infinity; its first digits tell it well enough. */
    if (reaches(&m, 309, "17976931348623158079"))
        scan_flag(s, SCAN_HUGE_NUMBER, from);
    return true;
}
