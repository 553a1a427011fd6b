/* option.c - reading a command line: options, numbers, and one line about what is wrong with it. */
#include "harness/cli/cli.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The usage's lines up to the first that is no part of the synopsis. */
int cli_usage(const char *usage)
{
    const char *end = usage;

    do
        end = strchrnul(end, '\n') + (*end != '\0');
    while (*end == ' ');
    fprintf(stderr, "%.*s", (int)(end - usage), usage);
    fputs("--help tells more\n", stderr);
    return CLI_USAGE;
}

bool cli_is_single(int argc, char **argv)
{
    if (optind + 1 < argc)
        fprintf(stderr, "iperfspec %s: one FILE at a time, please: '%s' is another one\n", argv[0],
                argv[optind + 1]);
    return optind + 1 >= argc;
}

bool cli_number(const char *text, double min, double max, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= min && *out <= max; /* NaN is neither */
}

bool cli_count(const char *text, uint64_t max, uint64_t *out)
{
    char *end;

    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out > 0 && *out <= max;
}

bool cli_is_place(const char *text)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;

    return colon != NULL && colon != text && cli_count(colon + 1, UINT16_MAX, &port);
}

bool cli_duration(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {
        {"",   1   },
        {"ms", 1e-3},
        {"s",  1   },
        {"m",  60  },
        {"h",  3600},
    };
    char *end;

    *seconds = strtod(text, &end);
    for (size_t i = 0; end != text && i < ARRAY_LEN(units); i++)
        if (strcmp(end, units[i].unit) == 0) {
            *seconds *= units[i].seconds;
            return *seconds > 0 && *seconds <= CLI_DURATION_MAX;
        }
    return false;
}

static bool begins_with_word(const char *text, const char *word)
{
    size_t len = strlen(word);

    return strncmp(text, word, len) == 0 && text[len] != '-' && !isalnum((unsigned char)text[len]);
}

/* Where the spellings of an option end: at two blanks, or with the line. */
static const char *end_of_head(const char *at)
{
    while (*at && *at != '\n' && strncmp(at, "  ", 2) != 0)
        at++;
    return at;
}

/* What the usage says about the option, from its spelling on; NULL: nothing. What the help of
 * others says about it is not meant. */
static const char *find_help(const char *usage, const char *name)
{
    for (const char *at = strstr(usage, "\n  -"); at; at = strstr(at + 1, "\n  -")) {
        const char *end = end_of_head(at + 3), *word = strstr(at, "--");
        while (word && word < end && !begins_with_word(word + 2, name))
            word = strstr(word + 2, "--");
        if (word && word < end)
            return at + 3;
    }
    return NULL;
}

/* "--name X    what it is\n    for" as one line, "--name X: what it is for". */
static void print_help(const char *at, FILE *out)
{
    const char *gap = end_of_head(at);

    fprintf(out, "%.*s:", (int)(gap - at), at);
    for (at = gap; *at && (*at != '\n' || strncmp(at + 1, "      ", 6) == 0);) {
        size_t blanks = strspn(at, " \n");
        fputc(blanks ? ' ' : *at, out);
        at += blanks ? blanks : 1;
    }
}

int cli_refuse(const char *program, const struct option *options, int option, const char *usage)
{
    const struct option *o = options;

    if (option == '?')
        return CLI_USAGE; /* cli_option() has said it */
    while (o->name && o->val != option)
        o++;
    const char *name = o->name ? o->name : "", *help = find_help(usage, name);
    fprintf(stderr, "iperfspec %s: bad value '%s' for ", program, optarg);
    print_help(help ? help : name, stderr);
    fputs("\n", stderr);
    return CLI_USAGE;
}

/* How many letters two words begin with in common: enough to guess what was meant. */
static size_t common(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] && a[n] == b[n])
        n++;
    return n;
}

static void suggest(const char *word, const struct option *options)
{
    const struct option *best = NULL;
    size_t most = 1;

    for (const struct option *o = options; o->name; o++) {
        if (common(word, o->name) > most) {
            most = common(word, o->name);
            best = o;
        }
    }
    fprintf(stderr, best ? "; did you mean --%s?\n" : "\n", best ? best->name : "");
}

/* For completion, and for tests: the table itself, "--case=" where a value is wanted. */
static void __attribute__((noreturn)) list_options(const struct option *options)
{
    for (const struct option *o = options; o->name; o++)
        printf("--%s%s\n", o->name, o->has_arg == required_argument ? "=" : "");
    exit(fflush(stdout) == 0 ? CLI_OK : CLI_TROUBLE);
}

/* `--quiet=3`, where no value is wanted. */
static bool has_a_value_too_many(const char *word, const struct option *options)
{
    const char *end = strchr(word, '=');

    for (const struct option *o = options; o->name && end && strncmp(word, "--", 2) == 0; o++)
        if (o->has_arg == no_argument && strncmp(o->name, word + 2, (size_t)(end - word) - 2) == 0)
            return true;
    return false;
}

/* A letter may stand among others, `-vj2`: then getopt has not gone on to the next word. */
static void complain_of_option(char *const *argv, const struct option *options)
{
    const char *word = argv[optind - 1];

    if (has_a_value_too_many(word, options)) {
        fprintf(stderr, "iperfspec %s: %.*s takes no value\n", argv[0], (int)strcspn(word, "="),
                word);
    } else if (optopt) {
        fprintf(stderr, "iperfspec %s: unknown option -%c\n", argv[0], optopt);
    } else {
        fprintf(stderr, "iperfspec %s: unknown option %s", argv[0], word);
        suggest(word + strspn(word, "-"), options);
    }
}

int cli_option(int argc, char **argv, const struct option *options)
{ /* Spellings as common as the long ones. */
    static const struct {
        const char *name, *letter;
    } letters[] = {
        {"define",    "D:"},
        {"interface", "i:"},
        {"quiet",     "q" },
        {"verbose",   "v" },
        {"write",     "w:"}
    };
    char shorts[16] = ":h";

    for (const struct option *o = options; o->name; o++)
        for (size_t i = 0; i < ARRAY_LEN(letters); i++)
            if (strcmp(o->name, letters[i].name) == 0)
                strcat(shorts, letters[i].letter);
    if (argc == 2 && strcmp(argv[1], "--list-options") == 0)
        list_options(options);
    opterr = 0;
    int option = getopt_long(argc, argv, shorts, options, NULL);

    if (option == ':') {
        fprintf(stderr, "iperfspec %s: %s wants a value\n", argv[0], argv[optind - 1]);
        return '?';
    }
    if (option == '?')
        complain_of_option(argv, options);
    return option;
}
