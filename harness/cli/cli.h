/* cli.h - the subcommands of iperfspec, and what they share.
 *
 * Exit status everywhere: 0 as expected, 1 something unexpected, 2 bad usage, 3 harness trouble. */
#pragma once
#include "harness/script/script.h"

#include <getopt.h>
#include <stdio.h>

enum { CLI_OK = 0, CLI_UNEXPECTED = 1, CLI_USAGE = 2, CLI_TROUBLE = 3 };

struct cli_command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand */
    const char *help;                  /* one line */
};
extern const struct cli_command cli_commands[]; /* ends with name NULL */

/* A subcommand each, in a file of its name: argv[0] is the subcommand; returns the exit status. */
int cli_test(int argc, char **argv);
int cli_report(int argc, char **argv);
int cli_report_diff(int argc, char **argv);
int cli_report_merge(int argc, char **argv);
int cli_report_normalise(int argc, char **argv);
int cli_diagnose(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_show(int argc, char **argv);
int cli_lint(int argc, char **argv);
int cli_play(int argc, char **argv);
int cli_interop(int argc, char **argv);
int cli_decode(int argc, char **argv);
int cli_coverage(int argc, char **argv);
int cli_compare(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_convert(int argc, char **argv);
/* Put '-' for what the id of a case cannot have. */
void cli_make_id(char *id);
/* convert --target: FILE is an input, or a script that ends in .peer; id: NULL for one made of the
 * file's name. */
int cli_convert_input(const char *target, const char *path, const char *id);
int cli_replay(int argc, char **argv);
int cli_scrub(int argc, char **argv);
int cli_capture(int argc, char **argv);
int cli_fuzz(int argc, char **argv);
int cli_load(int argc, char **argv);

/* Print the synopsis, the usage's first lines, to stderr and return CLI_USAGE. */
int cli_usage(const char *usage);
/* Whether no more than one word is left behind the options: a FILE. Else one line says so. */
bool cli_is_single(int argc, char **argv);
/* One line on stderr about the value (optarg) of an option that was refused, with the usage's own
 * line about it; nothing for '?', of which cli_option() has spoken. Returns CLI_USAGE. */
int cli_refuse(const char *program, const struct option *options, int option, const char *usage);
/* The whole text as a number in [min, max], or as a count in [1, max]; false: it is none. */
bool cli_number(const char *text, double min, double max, double *out);
bool cli_count(const char *text, uint64_t max, uint64_t *out);
/* "90", "500ms", "60s", "10m", "8h" in seconds, above 0 and at most CLI_DURATION_MAX; false: it is
 * none. */
#define CLI_DURATION_MAX (30 * 86400.0)
bool cli_duration(const char *text, double *seconds);
/* Whether it is HOST:PORT, the port a number from 1 to 65535. */
bool cli_is_place(const char *text);

/* The next option as getopt_long() gives it; a bad one is answered with its name and the nearest
 * good one, and '?' is returned. */
int cli_option(int argc, char **argv, const struct option *options);

/* How captures are read: --port, --filter, --scrub. */
#define CLI_PORTS 16
struct cli_source {
    uint16_t ports[CLI_PORTS];
    size_t n_ports;
    const char *filter; /* a pcap filter, NULL: none */
    bool is_scrubbed;   /* without what is private: scrub.h */
};
#define CLI_SOURCE_OPTIONS                                                                         \
    {"port", required_argument, NULL, 'p'}, {"filter", required_argument, NULL, 'f'},              \
    {                                                                                              \
        "scrub", no_argument, NULL, 'Z'                                                            \
    }
#define CLI_SOURCE_HELP                                                                            \
    "  --port P     take every connection to that port for a control connection or a stream, "     \
    "even\n"                                                                                       \
    "               if it does not begin like one (again for more)\n"                              \
    "  --filter X   only packets that this pcap filter lets pass, such as 'host 192.0.2.1'\n"      \
    "  --scrub      with tokens, names, addresses, titles and server output replaced, data "       \
    "blanked\n"
/* An option of CLI_SOURCE_OPTIONS; false if it is none, or its value is bad. */
bool cli_source_option(struct cli_source *source, int option, const char *value);

struct track_user;
/* Read a capture file ("-": standard input) and hand its sessions to user. What is wrong with it is
 * said on stderr.
 *   was_cut  whether its last packet is not whole; may be NULL
 * CLI_OK, or CLI_TROUBLE: it cannot be opened, or is damaged before its end. */
int cli_read_capture(const char *program, const char *path, const struct cli_source *from,
                     const struct track_user *user, bool *was_cut);
/* Standard input, or a pipe, as a file that can be read twice; other paths as they are. *spool, if
 * it is not NULL then, is to be closed when the path is of no more use. False: see errno. */
bool cli_spool(const char *path, FILE **spool, char *own, size_t cap);

/* What `convert` and `replay` are told of the conversion: an option of CLI_CONVERT_OPTIONS; false
 * if it is none, or its value is bad. */
struct convert_request;
bool cli_convert_option(struct convert_request *request, int option, const char *value);
#define CLI_CONVERT_OPTIONS                                                                        \
    {"as", required_argument, NULL, 'a'}, {"speed", required_argument, NULL, 'x'},                 \
        {"key", required_argument, NULL, 'k'},                                                     \
    {                                                                                              \
        "users", required_argument, NULL, 'u'                                                      \
    }
/* Load request->key if there is a path of one; *key is the caller's to auth_key_free(). False after
 * a message. */
struct auth_key;
bool cli_convert_key(struct convert_request *request, struct auth_key **key);

/* Words of one kind that narrow a list of cases. The words are borrowed; at is the process's, for
 * its life. */
struct cli_words {
    const char **at;
    size_t n;
};

/* What narrows a list of cases: ids (globs), clauses, tags, tags that it has not, needs, levels of
 * clauses, reports in which it failed, roles, and at last the shard. */
struct cli_choice {
    struct cli_words ids, clauses, tags, without, needs, failed_in;
    unsigned levels;          /* set of 1 << enum clause_level; 0: any */
    unsigned shard, n_shards; /* the shard, from 1; 0: no shards */
    bool only_server, only_client;
    bool in_order;          /* as the ids stand, in place of the order of the files */
    struct cli_words cases; /* folders and files; none: the program's own */
};
/* Take an option that concerns the choice; false if it does not. */
bool cli_choice_option(struct cli_choice *choice, int option, const char *value);
/* getopt rows of the choice, for the option tables. */
#define CLI_CHOICE_OPTIONS                                                                         \
    {"case", required_argument, NULL, 'c'}, {"clause", required_argument, NULL, 'C'},              \
        {"level", required_argument, NULL, 'L'}, {"failed-in", required_argument, NULL, 'F'},      \
        {"shard", required_argument, NULL, 'S'}, {"role", required_argument, NULL, 'r'},           \
        {"tag", required_argument, NULL, 'T'}, {"without", required_argument, NULL, 'W'},          \
        {"needs", required_argument, NULL, 'N'},                                                   \
    {                                                                                              \
        "cases", required_argument, NULL, 'd'                                                      \
    }
#define CLI_CHOICE_HELP                                                                            \
    "  --case GLOB        only cases whose id matches (again for more); 2 if there is none\n"      \
    "  --clause ID        only cases that name the clause (again for more)\n"                      \
    "  --level LEVEL      only cases with a clause of the level: MUST, SHOULD, IS ... (again "     \
    "for\n"                                                                                        \
    "                     more)\n"                                                                 \
    "  --tag WORD         only cases with this tag (again for more)\n"                             \
    "  --without WORD     only cases without this tag, such as slow (again for more)\n"            \
    "  --needs WORD       only cases that need it, such as auth (again for more)\n"                \
    "  --role ROLE        only cases that judge a `server`, or a `client`\n"                       \
    "  --failed-in FILE   only cases that count against the build in a report of --json\n"         \
    "  --shard I/N        only the I-th of N parts; a case stays in its part for good\n"           \
    "  --cases PATH       folder or file with cases, in place of the program's own (again for "    \
    "more)\n"
/* Find and choose. elsewhere, if it is not NULL, takes the cases of the other shards. is_whole
 * tells whether nothing was left out, shards aside. CLI_OK, with an empty list where nothing failed
 * or falls to the shard; or a status after a message. */
int cli_find(const struct cli_choice *choice, struct script_list *list,
             struct script_list *elsewhere, bool *is_whole);
