/* cli.c - what narrows a list of cases, and how captures are read: options that subcommands share.
 */
#include "harness/cli/cli.h"

#include "harness/suite/suite.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool add_port(struct cli_source *source, const char *value)
{
    uint64_t port;

    if (source->n_ports == CLI_PORTS || !cli_count(value, UINT16_MAX, &port))
        return false;
    source->ports[source->n_ports++] = (uint16_t)port;
    return true;
}

bool cli_source_option(struct cli_source *source, int option, const char *value)
{
    if (option == 'f')
        source->filter = value;
    else if (option == 'Z')
        source->is_scrubbed = true;
    else
        return option == 'p' && add_port(source, value);
    return true;
}

static bool add_word(struct cli_words *words, const char *word)
{
    if (words->n == ARRAY_LEN(words->at))
        return false;
    words->at[words->n++] = word;
    return true;
}

bool cli_choice_option(struct cli_choice *choice, int option, const char *value)
{
    switch (option) {
    case 'c':
        return add_word(&choice->ids, value);
    case 'C':
        return add_word(&choice->clauses, value);
    case 'T':
        return add_word(&choice->tags, value);
    case 'W':
        return add_word(&choice->without, value);
    case 'N':
        return add_word(&choice->needs, value);
    case 'r':
        choice->only_server = strcmp(value, "server") == 0;
        choice->only_client = strcmp(value, "client") == 0;
        return choice->only_server || choice->only_client;
    case 'd':
        choice->cases = value;
        return true;
    default:
        return false;
    }
}

/* Whether one of the words stands in the case's header; no word asks for nothing. */
static bool names_one(const struct cli_words *words, const struct script_words *header)
{
    for (size_t i = 0; i < words->n; i++)
        for (size_t k = 0; k < header->n; k++)
            if (strcmp(words->at[i], header->at[k]) == 0)
                return true;
    return words->n == 0;
}

static bool fits_id(const char *id, const struct script *s)
{
    return strcmp(id, s->id) == 0 || fnmatch(id, s->id, 0) == 0;
}

static bool fits_any_id(const struct cli_words *ids, const struct script *s)
{
    for (size_t i = 0; i < ids->n; i++)
        if (fits_id(ids->at[i], s))
            return true;
    return ids->n == 0;
}

static bool is_chosen(const struct cli_choice *choice, const struct script *s)
{
    return fits_any_id(&choice->ids, s) && names_one(&choice->clauses, &s->clauses) &&
           names_one(&choice->tags, &s->tags) &&
           (choice->without.n == 0 || !names_one(&choice->without, &s->tags)) &&
           names_one(&choice->needs, &s->needs) && !(choice->only_server && s->plays_server) &&
           !(choice->only_client && !s->plays_server);
}

/* As the ids stand on the command line; those of one glob as they stood. */
static void put_in_order(const struct cli_choice *choice, struct script_list *list)
{
    struct script **sorted = text_realloc(NULL, (list->n + 1) * sizeof *sorted);
    size_t n = 0;

    for (size_t k = 0; k < choice->ids.n; k++)
        for (size_t i = 0; i < list->n; i++)
            if (list->at[i] && fits_id(choice->ids.at[k], list->at[i])) {
                sorted[n++] = list->at[i];
                list->at[i] = NULL;
            }
    free(choice->ids.n ? list->at : sorted);
    list->at = choice->ids.n ? sorted : list->at;
}

/* Take out what was not chosen. */
static void narrow(const struct cli_choice *choice, struct script_list *list)
{
    struct script_list rest = {0}, kept = {0};

    rest.at = text_realloc(NULL, (list->n + 1) * sizeof *rest.at);
    kept.at = text_realloc(NULL, (list->n + 1) * sizeof *kept.at);
    for (size_t i = 0; i < list->n; i++) {
        struct script_list *to = is_chosen(choice, list->at[i]) ? &kept : &rest;
        to->at[to->n++] = list->at[i];
    }
    free(list->at);
    *list = kept;
    script_list_fini(&rest);
}

static bool is_file(const char *path)
{
    struct stat st;

    return path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int cli_find(const struct cli_choice *choice, struct script_list *list, bool *is_whole)
{
    char own[1200];
    const char *path = choice->cases;
    struct text why = {0};

    if (!path && !suite_default_cases(own, sizeof own)) {
        fputs("iperfspec: no folder of cases beside this program; name one with --cases\n", stderr);
        return CLI_TROUBLE;
    }
    if (suite_find(list, path ? path : own, &why) > 0) {
        fprintf(stderr, "%s", text_string(&why));
        text_fini(&why);
        return CLI_USAGE;
    }
    size_t all = list->n;
    narrow(choice, list);
    if (choice->in_order)
        put_in_order(choice, list);
    *is_whole = list->n == all && !is_file(choice->cases);
    if (list->n > 0)
        return CLI_OK;
    fputs("iperfspec: no case fits the choice\n", stderr);
    return CLI_USAGE;
}
