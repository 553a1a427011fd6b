/* datagrams.c - `datagrams 1..5 7 { seq 8 sec +1 } x3`: runs of datagrams, and header fields. */
#include "harness/script/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_EXPECTED "seq, sec, usec or len and a number such as 8, +1 or -1"

static struct script_field *field_of(struct script_fields *fields, const char *word)
{
    const struct {
        const char *word;
        struct script_field *field;
    } all[] = {
        {"seq",  &fields->seq },
        {"sec",  &fields->sec },
        {"usec", &fields->usec},
        {"len",  &fields->len },
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i].word, word) == 0)
            return all[i].field;
    return NULL;
}

bool parse_fields(struct cursor *c, struct script_fields *fields)
{
    while (!cursor_take(c, "}")) {
        size_t at = (cursor_at_end(c), c->at);
        char *word = cursor_need(c, "a closing }");
        struct script_field *field = word ? field_of(fields, word) : NULL;
        if (!word)
            return false;
        if (!field)
            return cursor_fail(c, at, FIELD_EXPECTED);
        cursor_at_end(c);
        field->given = true;
        field->relative = c->text[c->at] == '+' || c->text[c->at] == '-';
        if (!cursor_int(c, FIELD_EXPECTED, INT64_MIN, INT64_MAX, &field->value))
            return false;
    }
    return true;
}

/* 5, or 1..5. */
static bool read_range(struct cursor *c, struct script_datagrams *run)
{
    size_t at = (cursor_at_end(c), c->at);
    char *word = cursor_word(c), *end, *last;

    errno = 0;
    run->from = run->to = strtoll(word, &end, 0);
    if (strncmp(end, "..", 2) == 0) {
        run->to = strtoll(end + 2, &last, 0);
        end = last > end + 2 ? last : end;
    }
    if (*end || errno || run->from < 0 || run->to < run->from)
        return cursor_fail(c, at, "a sequence number, or a range such as 1..5");
    return true;
}

/* at: where the run stands. */
static bool add_run(struct cursor *c, size_t at, struct script_send *send,
                    const struct script_datagrams *run, int64_t *total)
{
    /* The range itself may be longer than any number of datagrams. */
    int64_t room = SCRIPT_DATAGRAMS_MAX - *total;

    if (run->to - run->from >= room || (run->to - run->from + 1) * run->times > room)
        return cursor_fail(c, at, "at most %d datagrams in one step", SCRIPT_DATAGRAMS_MAX);
    *total += (run->to - run->from + 1) * run->times;
    send->datagrams =
        arena_grow(c->arena, send->datagrams, send->n_datagrams, sizeof *send->datagrams);
    send->datagrams[send->n_datagrams++] = *run;
    return true;
}

int64_t script_n_datagrams(const struct script_send *send)
{
    int64_t n = 0;

    for (size_t i = 0; i < send->n_datagrams; i++)
        n += (send->datagrams[i].to - send->datagrams[i].from + 1) * send->datagrams[i].times;
    return n;
}

bool parse_datagrams(struct cursor *c, struct script_send *send)
{
    int64_t total = 0;

    for (;;) {
        struct script_datagrams run = {.times = 1};
        size_t at = (cursor_at_end(c), c->at);
        run.has_fields = cursor_take(c, "{");
        if (run.has_fields                           ? !parse_fields(c, &run.fields)
            : isdigit((unsigned char)c->text[c->at]) ? !read_range(c, &run)
                                                     : true)
            break;
        cursor_at_end(c);
        char *again = cursor_peek(c);
        if (again && again[0] == 'x' && isdigit((unsigned char)again[1])) {
            c->at++;
            if (!cursor_int(c, "how often", 1, SCRIPT_DATAGRAMS_MAX, &run.times))
                return false;
        }
        if (!add_run(c, at, send, &run, &total))
            return false;
    }
    if (c->error->line)
        return false;
    return send->n_datagrams > 0 ||
           cursor_fail(c, SIZE_MAX, "sequence numbers such as 1..5, or { seq 8 sec +1 }");
}

void print_fields(const struct script_fields *fields, struct text *out)
{
    const struct {
        const char *word;
        const struct script_field *field;
    } all[] = {
        {"seq",  &fields->seq },
        {"sec",  &fields->sec },
        {"usec", &fields->usec},
        {"len",  &fields->len },
    };

    text_adds(out, "{");
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i].field->given)
            text_addf(out, all[i].field->relative ? " %s %+lld" : " %s %lld", all[i].word,
                      (long long)all[i].field->value);
    text_adds(out, " }");
}

void print_datagrams(const struct script_send *send, struct text *out)
{
    for (size_t i = 0; i < send->n_datagrams; i++) {
        const struct script_datagrams *run = &send->datagrams[i];
        text_adds(out, " ");
        if (run->has_fields)
            print_fields(&run->fields, out);
        else if (run->from == run->to)
            text_addf(out, "%lld", (long long)run->from);
        else
            text_addf(out, "%lld..%lld", (long long)run->from, (long long)run->to);
        if (run->times > 1)
            text_addf(out, " x%lld", (long long)run->times);
    }
}
