#include "harness/load/mode.h"

#include "harness/session/text.h"
#include "impl/sign.h"
#include "impl/wire/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64
#define ETHERNET_MSS                                                                               \
    1448 /* what a UDP test without -l would find (PARAM-31), between two hosts                    \
          */

static bool complain(const char *mode, const char *what)
{
    fprintf(stderr, "iperfspec load: mode '%s': %s\n", mode, what);
    return false;
}

/* What a client of this program does not do; NULL if there is none of it. */
static const char *left_out(const struct options *opt)
{
    const struct account_end end = {.bytes = (uint64_t)MAX(opt->params.num, 0),
                                    .blocks = (uint64_t)MAX(opt->params.blockcount, 0)};
    uint64_t blocks = account_blocks(&end, (uint64_t)opt->params.len);

    if (opt->params.sctp)
        return "--sctp is not played";
    if (blocks < (uint64_t)opt->params.parallel)
        return "fewer blocks than streams";
    /* A stock server stops at the limit in its omit period too (END-8), and what it sends between
     * the end of its own and of ours is not sent again: who counts since the latter may wait for
     * ever. */
    if (opt->params.omit > 0 && opt->params.reverse && blocks != UINT64_MAX)
        return "-O and -R with -n or -k need not end";
    if (opt->file)
        return "-F is not played";
    if (opt->logfile || opt->pidfile || opt->transcript || opt->output != OPTIONS_TEXT)
        return "the clients of a load print nothing";
    return NULL;
}

/* Divide at blanks; line is changed, and words are in it. -1: there are too many. */
static int divide(char *line, char *words[static WORDS_MAX])
{
    int n = 0;

    for (char *at = strtok(line, " \t"); at; at = strtok(NULL, " \t")) {
        if (n == WORDS_MAX - 1)
            return -1;
        words[n++] = at;
    }
    words[n] = NULL;
    return n;
}

/* The key of a client that authenticates, which user and password must suit. */
static bool load_key(struct load_mode *mode)
{
    struct params trial = {0};
    char why[256];

    mode->key = auth_load_public(mode->opt.public_key, why, sizeof why);
    if (!mode->key)
        return complain(mode->text, why);
    enum spec_err err = sign_params(&mode->opt, mode->key, &trial);
    params_fini(&trial);
    return err == SPEC_OK || complain(mode->text, spec_err_text(err));
}

static bool read_options(struct load_mode *mode)
{
    char *words[WORDS_MAX];
    struct text line = {0};
    const char *wrong;

    text_addf(&line, "iperf3 -c load %s", mode->text);
    int n = divide(line.at, words);
    if (n < 0) {
        text_fini(&line);
        return complain(mode->text, "too many words");
    }
    bool ok = options_parse(&mode->opt, n, words, stderr, stderr) == -1;
    options_set_mss(&mode->opt, ETHERNET_MSS);
    wrong = ok ? left_out(&mode->opt) : "no options of a client";
    text_fini(&line);
    if (wrong)
        return complain(mode->text, wrong);
    return !mode->opt.username || load_key(mode);
}

/* "3:" before the options; 1 without, 0 for a weight that is none. */
static unsigned take_weight(const char **text)
{
    char *end;
    unsigned long weight = strtoul(*text, &end, 10);

    if (end == *text || *end != ':')
        return 1;
    *text = end + 1;
    return weight <= LOAD_WEIGHT_MAX ? (unsigned)weight : 0;
}

bool load_modes_add(struct load_modes *modes, const char *text)
{
    const char *options = text;
    unsigned weight = take_weight(&options);

    if (weight == 0)
        return complain(text, "a weight is a number from 1 to 1000");
    if (modes->n == LOAD_MODES_MAX)
        return complain(text, "one mode too many");
    struct load_mode *mode = &modes->at[modes->n++];
    *mode = (struct load_mode){.text = text_dup(options), .weight = weight};
    modes->weight += weight;
    return read_options(mode);
}

bool load_modes_read(struct load_modes *modes, const char *path)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    bool ok = f != NULL;

    if (!f)
        fprintf(stderr, "iperfspec load: %s: %s\n", path, strerror(errno));
    while (ok && getline(&line, &cap, f) >= 0) {
        line[strcspn(line, "#\r\n")] = '\0';
        if (line[strspn(line, " \t")] != '\0')
            ok = load_modes_add(modes, line + strspn(line, " \t"));
    }
    if (f && ferror(f)) {
        fprintf(stderr, "iperfspec load: %s: %s\n", path, strerror(errno));
        ok = false;
    }
    free(line);
    if (f)
        fclose(f);
    return ok;
}

bool load_modes_add_usual(struct load_modes *modes)
{
    static const char *const usual[] = {
        "-k 4 -l 10K",         "-R -k 4 -l 10K",          "-P 3 -k 6 -l 10K",
        "--bidir -k 4 -l 10K", "-u -b 10M -k 20 -l 1000", "-u -R -b 10M -k 20 -l 1000",
    };

    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        if (!load_modes_add(modes, usual[i]))
            return false;
    return true;
}

void load_modes_fini(struct load_modes *modes)
{
    for (size_t i = 0; i < modes->n; i++) {
        free(modes->at[i].text);
        options_fini(&modes->at[i].opt);
        auth_key_free(modes->at[i].key);
    }
    *modes = (struct load_modes){0};
}

const struct load_mode *load_modes_pick(const struct load_modes *modes, uint64_t number)
{
    uint64_t left = number % modes->weight;
    const struct load_mode *mode = modes->at;

    while (left >= mode->weight)
        left -= mode++->weight;
    return mode;
}
