/* main.c - iperfspec: a table of subcommands. */
#include "harness/cli/cli.h"

#include "impl/version.h"
#include "impl/wire/bytes.h"
#include "impl/wire/clause.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct cli_command cli_commands[] = {
    {"test",     cli_test,     "play the cases against a build and judge it"            },
    {"report",   cli_report,   "tell runs that were kept in other forms, such as HTML"  },
    {"diagnose", cli_diagnose, "why a client cannot work with a server, in one sentence"},
    {"compare",  cli_compare,  "where two builds were seen to react otherwise"          },
    {"coverage", cli_coverage, "what runs have met and judged, and what not"            },
    {"list",     cli_list,     "list the cases"                                         },
    {"show",     cli_show,     "print cases in canonical form"                          },
    {"lint",     cli_lint,     "check case files without playing them"                  },
    {"interop",  cli_interop,  "run every mode between iperfref and other builds"       },
    {"play",     cli_play,     "play one script against anything, as client or server"  },
    {"decode",   cli_decode,   "show the sessions in a capture file"                    },
    {"check",    cli_check,    "judge the sessions in capture files"                    },
    {"convert",  cli_convert,  "make a script that plays one side of a captured session"},
    {"replay",   cli_replay,   "play a captured session again, and compare"             },
    {"scrub",    cli_scrub,    "copy a capture without what is private"                 },
    {"capture",  cli_capture,  "judge sessions live, as they end; keep their packets"   },
    {"fuzz",     cli_fuzz,     "sessions that nobody wrote, against a running build"    },
    {"load",     cli_load,     "many honest clients at once, each result judged"        },
    {NULL,       NULL,         NULL                                                     },
};

static int help(FILE *out)
{
    fputs("usage: iperfspec COMMAND ...\n\n", out);
    for (const struct cli_command *c = cli_commands; c->name; c++)
        fprintf(out, "  %-9s%s\n", c->name, c->help);
    fputs("\niperfspec COMMAND --help tells more; iperfspec --version tells the version.\n"
          "exit: 0 as expected   1 something unexpected   2 bad usage   3 harness trouble\n",
          out);
    return out == stdout ? CLI_OK : CLI_USAGE;
}

/* How many letters of a word have to be put in, taken out or replaced to make it the name of a
 * command. */
static size_t distance(const char *word, const char *name)
{
    size_t row[16], n = MIN(strlen(name), ARRAY_LEN(row) - 1);

    for (size_t k = 0; k <= n; k++)
        row[k] = k;
    for (; *word; word++) {
        size_t corner = row[0]++;
        for (size_t k = 0; k < n; k++) {
            size_t above = row[k + 1];
            row[k + 1] = MIN(corner + (*word != name[k]), MIN(above, row[k]) + 1);
            corner = above;
        }
    }
    return row[n];
}

static int refuse(const char *word)
{
    const char *nearest = NULL;
    size_t least = 3; /* what is further off was not meant */

    for (const struct cli_command *c = cli_commands; c->name; c++) {
        size_t far = distance(word, c->name);
        if (far < least && far < strlen(c->name)) {
            least = far;
            nearest = c->name;
        }
    }
    fprintf(stderr, "iperfspec: unknown command '%s'", word);
    if (nearest)
        return fprintf(stderr, "; did you mean %s?\n", nearest), CLI_USAGE;
    fputs("\n", stderr);
    return help(stderr);
}

/* A file that is opened later must not become what somebody takes for the standard output. Where
 * there is none, what is written to it fails, as on a full disk. */
static void open_standard_ones(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return help(stdout);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)
        return printf("iperfspec %s\niperf3's protocol from 3.0.1 to 3.22, %zu clauses\n",
                      VERSION_NUMBER, n_clauses),
               CLI_OK;
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strcmp(c->name, argv[1]) == 0)
            return c->run(argc - 1, argv + 1);
    return refuse(argv[1]);
}

int main(int argc, char **argv)
{
    open_standard_ones();
    signal(SIGXFSZ, SIG_IGN); /* beyond `ulimit -f` write() fails, and is told of */
    int status = run(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fputs("iperfspec: standard output: not all of it could be written\n", stderr);
    return CLI_TROUBLE;
}
