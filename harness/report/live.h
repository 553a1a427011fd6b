/* live.h - how far a run is: one line that is written over, where somebody looks on. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct live {
    FILE *out; /* a terminal that can write over a line; NULL: nobody looks on */
    size_t total, done, bad;
    const char *hunted; /* a case whose verdict depends on those before it, or NULL */
    uint64_t began_ns, shown_ns;
    bool is_shown;
};

/* total: cases. The line goes to stdout, or else to stderr, if that is a terminal, and not a dumb
 * one; else these functions do nothing. */
void live_begin(struct live *l, size_t total);
/* One more case is done. now_ns: as clock.h gives it. */
void live_step(struct live *l, bool is_bad, uint64_t now_ns);
/* In persistent mode: so many cases of total are done in this order; hunted, which is borrowed: the
 * case for which the fewest others are being looked for that bring its verdict about, or NULL. */
void live_place(struct live *l, size_t done, size_t total, const char *hunted, uint64_t now_ns);
/* Take the line away, since others are to be printed; live_step() brings it back. */
void live_clear(struct live *l);
/* "[120/4675] 2 unexpected, about 40 s left", or "[120/3242] what brings server/udp/omit about?",
 * at most cap bytes. */
void live_format(const struct live *l, uint64_t now_ns, char *out, size_t cap);
