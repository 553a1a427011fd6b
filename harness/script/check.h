/* check.h - inside the check of a script that can be read: what its files share. */
#pragma once
#include "harness/script/script.h"

struct check {
    const struct script *script;
    script_report *report;
    void *context;
    unsigned found;
    void *wrong; /* the steps that were told, as tsearch() keeps them */
};

/* A step that is wrong; the format says what would be right. Of a step only the first is told: the
 * others may follow from it. */
void check_wrong_step(struct check *check, const struct script_step *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same anywhere: e says where, and what is there. */
void check_wrong(struct check *check, struct script_error *e, const char *expected);

/* check_names.c: {NAME} that no foreach has. */
void check_names(struct check *check);

/* check_either.c: branches whose first events could be the same thing, and steps of `any order`. */
void check_either(struct check *check, const struct script_step *either);
void check_any_order(struct check *check, const struct script_steps *block);
/* Which ends of a connection, or of a stream, an event stands for. */
enum { CHECK_FIN = 1, CHECK_RST = 2 };
unsigned check_ends(const struct script_event *event);

/* check_pairs.c: an end of what was never begun, and the other way round. */
void check_pairs(struct check *check);

/* check_effect.c: deviations that can change nothing. */
void check_effect(struct check *check);

/* check_streams.c: streams that nobody opens. */
void check_streams(struct check *check);

/* check_time.c: `within` where nothing is waited for. */
void check_time(struct check *check);

/* check_run.c: steps that can never run, or do nothing. */
void check_run(struct check *check);
