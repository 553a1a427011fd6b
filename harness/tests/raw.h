/* raw.h - what the tests of sessions as scripts share. */
#pragma once
#include "harness/script/raw.h"
#include "harness/session/write.h"

#include "impl/tests/unit.h"

static const struct session_about about = {.id = "raw/x", .clauses = "ST-1"};

/* Text and back; the list is the caller's to script_list_fini(). */
static struct script_list read_text(const struct text *text)
{
    struct script_list list = {0};
    struct script_error e;

    if (!script_read(&list, "raw.peer", text_string(text), &e))
        fail_msg("line %u: expected %s, found %s\n%s", e.line, e.expected, e.found,
                 text_string(text));
    return list;
}

static struct script_list read_steps(const char *role, const char *steps)
{
    struct text source = {0};

    text_addf(&source, "case x\nclause ST-1\nplays %s\n%s\n", role, steps);
    struct script_list list = read_text(&source);
    text_fini(&source);
    return list;
}
