/* command.c - command lines of a build: its own options, or a template; wrapped or not. */
#include "harness/subject/subject.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_arg(char ***argv, size_t *n, const char *arg)
{
    *argv = text_realloc(*argv, (*n + 2) * sizeof **argv);
    (*argv)[(*n)++] = text_dup(arg);
    (*argv)[*n] = NULL;
}

/* Divide at blanks; '...' and "..." hold words together. */
static void add_options(char ***argv, size_t *n, const char *options)
{
    while (*(options += strspn(options, " \t"))) {
        struct text word = {0};
        char quote = 0;
        for (; *options && (quote || !isspace((unsigned char)*options)); options++) {
            if (quote ? *options == quote : *options == '\'' || *options == '"')
                quote = quote ? 0 : *options;
            else
                text_add(&word, options, 1);
        }
        add_arg(argv, n, text_string(&word));
        text_fini(&word);
    }
}

/* What stands in a template for what, and options behind it where {options} has no place in it. */
static void expand(const char *pattern, const char *host, const char *port, const char *options,
                   struct text *out)
{
    const struct {
        const char *name, *value;
    } holes[] = {
        {"{host}",    host ? host : ""},
        {"{port}",    port            },
        {"{options}", options         },
    };
    bool has_place = strstr(pattern, "{options}");

    while (*pattern) {
        size_t i = 0;
        while (i < ARRAY_LEN(holes) && strncmp(pattern, holes[i].name, strlen(holes[i].name)) != 0)
            i++;
        if (i < ARRAY_LEN(holes)) {
            text_adds(out, holes[i].value);
            pattern += strlen(holes[i].name);
        } else {
            text_add(out, pattern++, 1);
        }
    }
    if (!has_place && *options)
        text_addf(out, " %s", options);
}

/* Whether a character outside of quotes is one of the set. */
static bool has_outside_quotes(const char *text, const char *set)
{
    char quote = 0;

    for (; *text; text++) {
        if (*text == '\\' && quote != '\'' && text[1])
            text++;
        else if (quote ? *text == quote : *text == '\'' || *text == '"')
            quote = quote ? 0 : *text;
        else if (!quote && strchr(set, *text))
            return true;
    }
    return false;
}

/* Whether a shell can be told to exec a command, as far as can be seen: a program with arguments,
 * nothing that a shell does itself. */
static bool is_simple(const char *command)
{
    static const char *const builtins[] = {"exec", "eval", "command", "."};
    const char *first = command + strspn(command, " \t");
    size_t len = strcspn(first, " \t");

    for (size_t i = 0; i < ARRAY_LEN(builtins); i++)
        if (len == strlen(builtins[i]) && strncmp(first, builtins[i], len) == 0)
            return false;
    return !memchr(first, '=', len) && !has_outside_quotes(command, "\n;&|(){}!#`");
}

/* Put the command into `wrap` where it says {}, or behind it. */
static void wrap_text(const char *wrap, const char *command, struct text *out)
{
    const char *hole = strstr(wrap, "{}");
    size_t before = hole ? (size_t)(hole - wrap) : strlen(wrap);

    text_add(out, wrap, before);
    text_addf(out, "%s%s%s", hole || !*wrap ? "" : " ", command, hole ? hole + 2 : "");
}

static char **wrap_argv(const char *wrap, char **argv)
{
    char **words = NULL, **out = NULL;
    size_t n_words = 0, n = 0;
    bool put = false;

    add_options(&words, &n_words, wrap);
    for (size_t i = 0; i <= n_words; i++) {
        bool hole = !put && (i == n_words || strcmp(words[i], "{}") == 0);
        for (size_t k = 0; hole && argv[k]; k++)
            add_arg(&out, &n, argv[k]);
        if (!hole && i < n_words)
            add_arg(&out, &n, words[i]);
        put |= hole;
    }
    subject_argv_free(words);
    subject_argv_free(argv);
    return out;
}

char **subject_argv(const struct subject_build *build, const char *host, unsigned port,
                    const char *options)
{
    const char *template = host ? build->client_cmd : build->server_cmd;
    char **argv = NULL, number[16];
    size_t n = 0;

    snprintf(number, sizeof number, "%u", port);
    if (*template) {
        struct text command = {0};
        struct text own = {0}, line = {0};
        expand(template, host, number, options, &own);
        wrap_text(build->wrap, text_string(&own), &line);
        text_addf(&command, "%s%s", is_simple(text_string(&line)) ? "exec " : "",
                  text_string(&line));
        text_fini(&line);
        text_fini(&own);
        add_arg(&argv, &n, "/bin/sh");
        add_arg(&argv, &n, "-c");
        add_arg(&argv, &n, text_string(&command));
        text_fini(&command);
        return argv;
    }
    add_arg(&argv, &n, build->path);
    add_arg(&argv, &n, host ? "-c" : "-s");
    if (host)
        add_arg(&argv, &n, host);
    add_arg(&argv, &n, "-p");
    add_arg(&argv, &n, number);
    add_options(&argv, &n, options);
    return wrap_argv(build->wrap, argv);
}

void subject_argv_free(char **argv)
{
    for (size_t i = 0; argv && argv[i]; i++)
        free(argv[i]);
    free(argv);
}
