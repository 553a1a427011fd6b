/* report.c - what a sanitizer or valgrind has to say of a subject, among what it prints. A line
 * that only speaks of one does not stand in the form that theirs have. */
#include "harness/subject/watch.h"

#include <pthread.h>
#include <regex.h>
#include <string.h>

#define COLOUR "(\x1b\\[[0-9;]*m)*"
#define PID    "==[0-9:. ]*[0-9]==" COLOUR /* valgrind may put the time before the number */

/* Extended regular expressions, any of which is a report. */
static const char any[] = PID
    "ERROR: ((HW)?Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer"
    "|" PID "WARNING: MemorySanitizer"
    "|^" COLOUR "WARNING: ThreadSanitizer:"
    /* behind FILE:LINE: or FILE:LINE:COLUMN:, an address, or neither where they are not known */
    "|([^[:space:]]:[0-9]+|0x[0-9a-f]+\\)?|<unknown>):" COLOUR " runtime error: "
    "|" PID " (Invalid (read|write) of size|(Invalid|Mismatched) free\\(\\)|Syscall param "
    "|Conditional jump or move|Use of uninitialised value|Source and destination ov"
    "|Jump to the invalid address|Process terminating with|Possible data race)";

static regex_t form;
static pthread_once_t is_made = PTHREAD_ONCE_INIT; /* which takes longer than most texts do */
static bool is_usable;

static void make_form(void)
{
    is_usable = regcomp(&form, any, REG_EXTENDED | REG_NEWLINE) == 0;
}

/* Where the first report begins in a text, which may hold any bytes; -1 if there is none. */
static regoff_t find(const char *text, size_t len)
{
    regmatch_t found = {.rm_so = 0, .rm_eo = (regoff_t)len};

    pthread_once(&is_made, make_form);
    return is_usable && regexec(&form, text, 1, &found, REG_STARTEND) == 0 ? found.rm_so : -1;
}

bool subject_report(const struct subject *s, struct text *line, const char **at)
{
    const char *text = text_string(&s->err);
    regoff_t place = find(text, s->err.len);

    if (place < 0)
        return false;
    while (place > 0 && text[place - 1] != '\n')
        place--;
    *at = text + place;
    text_add(line, *at, strcspn(*at, "\n"));
    return true;
}
