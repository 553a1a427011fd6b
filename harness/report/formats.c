/* formats.c - the table of formats. */
#include "harness/report/formats.h"

#include <string.h>

const struct report_format report_formats[REPORT_FORMATS] = {
    {"tap",      report_tap,      "Test Anything Protocol, which prove(1) reads"              },
    {"junit",    report_junit,    "JUnit XML, which GitLab, Jenkins and GitHub's actions read"},
    {"sarif",    report_sarif,    "SARIF 2.1.0, for GitHub's code scanning"                   },
    {"markdown", report_markdown, "a summary in Markdown, below 1 MiB"                        },
    {"github",   report_github,   "annotations of GitHub Actions, ten of a kind"              },
};

const struct report_format *report_format_find(const char *name)
{
    for (size_t i = 0; i < REPORT_FORMATS; i++)
        if (strcmp(report_formats[i].name, name) == 0)
            return &report_formats[i];
    return NULL;
}
