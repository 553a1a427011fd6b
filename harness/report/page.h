/* page.h - what the pages of a site share: escaped text, heads, names of files, verdicts as people
 * see them. */
#pragma once
#include "harness/report/ladder.h"
#include "harness/report/site.h"
#include "harness/session/arena.h"

/* One case, as the builds met it. */
struct site_case {
    const char *id, *area, *title;
    const struct report_result *const *results; /* by build; NULL: not in its run */
    const struct report_result *const *before;  /* in the base of that build, or NULL */
    const struct report_result *about;          /* the newest of them, for what all share */
    char *file;                                 /* "server-close-half.1f2e3d4c.html" */
};

struct site_build {
    const struct report *report;
    char *label, *shorter; /* unlike those of the other builds: "iperf 3.12", "3.12" */
};

struct site {
    const struct site_request *request;
    struct site_build *builds;
    struct site_case *cases; /* by id, numbers in it as numbers */
    size_t n_builds, n;
    struct arena arena;
};

/* --- page.c --- */
/* printf() of which nothing can be injected: %s is escaped, %r is a string as it stands, %u
 * unsigned, %z size_t, %% itself. */
void page_addf(struct text *out, const char *format, ...);
/* Everything up to <main>, and behind it. to_top: "" or "../". */
void page_begin(struct text *out, const char *title, const char *to_top);
void page_end(struct text *out);
/* The part of an id behind its area. */
const char *page_rest(const struct site_case *c);

/* A verdict's class and letter ('.' for none), the mark that shows it, the word for it. */
char page_code(const struct report_result *r);
const char *page_mark(char code);
const char *page_code_word(char code);
#define PAGE_CODES "ufxkdsp." /* worst first */

/* Whether the builds are compared with anything: another run, or what `test --base` named. */
bool page_has_base(const struct site *site);
/* How the case is beside that, as report_change() has it; "" for the same. */
const char *page_change(const struct site *site, const struct site_case *c, size_t build);

/* JSON over several lines; what is none as it stands. */
void page_add_json(struct text *out, const char *json);

/* --- site.c --- */
/* Where the capture of a case is in the site, if there is one. */
void page_capture(const struct site *site, size_t build, const struct site_case *c,
                  struct text *path);

/* --- the pages --- */
void page_index(const struct site *site, struct text *out);
/* cases.js: what index.html searches. */
void page_cases(const struct site *site, struct text *out);
void page_case(const struct site *site, size_t i, struct text *out);
void page_clauses(const struct site *site, struct text *out);

/* --- page_beside.c --- */
/* The section of index.html on what is another than with the base; nothing if there is none. */
void page_beside(const struct site *site, struct text *out);

/* --- page_ladder.c --- */
/* A result's session as a ladder of the width of the page, and its JSON messages below. */
void page_add_ladder(struct text *out, const struct report_result *r, const char *build);
