/* list.c - iperfspec list: the cases, or how many there are of each kind. */
#include "harness/cli/cli.h"

#include "impl/wire/clause.h"
#include "impl/wire/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_WIDTH 52

static const char usage[] =
    "usage: iperfspec list [OPTIONS]\n"
    "One line per case: id, title, clauses, and what it needs.\n" CLI_CHOICE_HELP
    "  --by KIND          how many cases for each clause, tag, needs, role or folder\n"
    "  --count            only how many\n"
    "  --json             the cases as JSON: id, title, judges, clauses, needs, tags, file, line\n"
    "example: iperfspec list --clause CLOSE-10\n"
    "         iperfspec list --by clause --role client\n"
    "exit:    0 listed (none, where none failed in a --failed-in)\n"
    "         2 bad usage, or no case fits   3 no cases found\n";

static void print_words(const char *before, const struct script_words *words, const char *after)
{
    for (size_t i = 0; i < words->n; i++)
        printf("%s%s", i ? " " : before, words->at[i]);
    fputs(words->n ? after : "", stdout);
}

static void print_case(const struct script *s)
{
    printf("%-*s  %s", ID_WIDTH, s->id, s->title ? s->title : "");
    print_words("  (", &s->clauses, ")");
    print_words("  needs ", &s->needs, "");
    print_words("  tag ", &s->tags, "");
    fputs("\n", stdout);
}

/* --- counts ---------------------------------------------------------------------------------- */

struct tally {
    const char *word;
    size_t len; /* of the word */
    unsigned servers, clients;
};

struct tallies {
    struct tally *at;
    size_t n;
};

static void count(struct tallies *t, const char *word, size_t len, const struct script *s)
{
    size_t i = 0;

    while (i < t->n && (t->at[i].len != len || memcmp(t->at[i].word, word, len) != 0))
        i++;
    if (i == t->n) {
        t->at = text_realloc(t->at, (t->n + 1) * sizeof *t->at);
        t->at[t->n++] = (struct tally){.word = word, .len = len};
    }
    t->at[i].servers += !s->plays_server;
    t->at[i].clients += s->plays_server;
}

static void count_words(struct tallies *t, const struct script_words *words, const struct script *s)
{
    for (size_t i = 0; i < words->n; i++)
        count(t, words->at[i], strlen(words->at[i]), s);
}

static void by_clause(struct tallies *t, const struct script *s)
{
    count_words(t, &s->clauses, s);
}

static void by_tag(struct tallies *t, const struct script *s)
{
    count_words(t, &s->tags, s);
}

static void by_need(struct tallies *t, const struct script *s)
{
    count_words(t, &s->needs, s);
}

static void by_role(struct tallies *t, const struct script *s)
{
    const char *role = s->plays_server ? "client" : "server";

    count(t, role, strlen(role), s);
}

/* Ids begin with two words that name what they are about: server/params/... */
static void by_folder(struct tallies *t, const struct script *s)
{
    const char *slash = strchr(s->id, '/'), *second = slash ? strchr(slash + 1, '/') : NULL;

    count(t, s->id, second ? (size_t)(second - s->id) : strlen(s->id), s);
}

static const struct kind {
    const char *name;
    void (*count)(struct tallies *tallies, const struct script *script);
} kinds[] = {
    {"clause", by_clause},
    {"tag",    by_tag   },
    {"needs",  by_need  },
    {"role",   by_role  },
    {"folder", by_folder},
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    fprintf(stderr, "iperfspec list: --by wants clause, tag, needs, role or folder, not '%s'\n",
            name);
    return NULL;
}

/* Clauses in the order of the protocol text, other words by the alphabet. */
static int by_word(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;
    const struct clause *left = clause_find(x->word), *right = clause_find(y->word);

    if (left && right)
        return left < right ? -1 : left > right;
    int order = strncmp(x->word, y->word, MIN(x->len, y->len));
    return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

static void print_tallies(struct tallies *t)
{
    if (t->n > 0)
        qsort(t->at, t->n, sizeof *t->at, by_word);
    printf("%-28s %7s %7s\n", "", "server", "client");
    for (size_t i = 0; i < t->n; i++) {
        const struct tally *row = &t->at[i];
        const struct clause *clause = clause_find(row->word);
        printf("%-28.*s %7u %7u", (int)row->len, row->word, row->servers, row->clients);
        if (clause)
            printf("  %-10s %s", clause_level_name(clause->level), clause->text);
        fputs("\n", stdout);
    }
}

/* --- the command ----------------------------------------------------------------------------- */

static void put_words(struct jwrite *w, const char *key, const struct script_words *words)
{
    jwrite_array(w, key);
    for (size_t i = 0; i < words->n; i++)
        jwrite_string(w, NULL, words->at[i]);
    jwrite_end(w);
}

static void put_case(struct jwrite *w, const struct script *s)
{
    jwrite_object(w, NULL);
    jwrite_string(w, "id", s->id);
    jwrite_string(w, "title", s->title ? s->title : "");
    jwrite_string(w, "judges", s->plays_server ? "client" : "server");
    put_words(w, "clauses", &s->clauses);
    put_words(w, "needs", &s->needs);
    put_words(w, "tags", &s->tags);
    jwrite_string(w, "file", s->file);
    jwrite_int(w, "line", s->line);
    jwrite_end(w);
}

static int list_json(const struct script_list *cases)
{
    struct jwrite w;
    struct bytes json;

    jwrite_init(&w, JWRITE_PRETTY);
    jwrite_object(&w, NULL);
    jwrite_array(&w, "cases");
    for (size_t i = 0; i < cases->n; i++)
        put_case(&w, cases->at[i]);
    jwrite_end(&w);
    jwrite_end(&w);
    bool ok = jwrite_finish(&w, &json) == SPEC_OK;
    if (ok)
        printf("%.*s\n", (int)json.len, (const char *)json.at);
    jwrite_fini(&w);
    return ok ? CLI_OK : CLI_TROUBLE;
}

static void list(const struct script_list *cases, const struct kind *kind, bool only_count)
{
    struct tallies t = {0};
    size_t servers = 0;

    for (size_t i = 0; i < cases->n; i++) {
        servers += !cases->at[i]->plays_server;
        if (kind)
            kind->count(&t, cases->at[i]);
        else if (!only_count)
            print_case(cases->at[i]);
    }
    if (kind)
        print_tallies(&t);
    printf("%zu case%s: %zu judge a server, %zu a client\n", cases->n, text_plural(cases->n),
           servers, cases->n - servers);
    free(t.at);
}

int cli_list(int argc, char **argv)
{
    static const struct option options[] = {
        CLI_CHOICE_OPTIONS,
        {"by",         required_argument, NULL, 'b'},
        {"count",        no_argument, NULL, 'n'},
        {"json",            no_argument, NULL, 'j'},
        {"help",no_argument, NULL, 'h'},
        {0        }
    };
    struct cli_choice choice = {0};
    struct script_list cases = {0};
    const struct kind *kind = NULL;
    bool only_count = false, as_json = false, is_whole;
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (o == 'n')
            only_count = true;
        else if (o == 'j')
            as_json = true;
        else if (o == 'b' ? !(kind = find_kind(optarg)) : !cli_choice_option(&choice, o, optarg))
            return cli_refuse(argv[0], options, o, usage);
    }
    int status = optind < argc ? cli_usage(usage) : cli_find(&choice, &cases, NULL, &is_whole);
    if (status == CLI_OK && as_json)
        status = list_json(&cases);
    else if (status == CLI_OK)
        list(&cases, kind, only_count);
    script_list_fini(&cases);
    return status;
}
