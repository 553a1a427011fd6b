#include "harness/fuzz/corpus.h"

#include "harness/fuzz/draw.h"
#include "harness/fuzz/seeds.h"
#include "harness/session/witness.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENDING     ".peer"
#define SEED       "seed-"
#define SEED_SHARE 3 /* each of so many draws: breaches show in correct sessions alone */
#define YOUNG      8 /* entries of a state that are preferred */

static void take_state(void *context, const struct witness *w)
{
    struct corpus_entry *entry = context;

    entry->state = MAX(entry->state, w->state);
}

/* The furthest state in which something is known to have been met. */
static void find_state(struct corpus_entry *entry)
{
    static const struct witness_end unknown = {.is_known = false};

    entry->state = entry->what.session.we_serve ? CLI_START : SRV_COOKIE;
    witness_read(&entry->what.session, &unknown, take_state, entry);
}

static void add(struct corpus *c, const char *name, const struct fuzz_case *what)
{
    c->at = text_realloc(c->at, (c->n + 1) * sizeof *c->at);
    struct corpus_entry *entry = &c->at[c->n++];
    snprintf(entry->name, sizeof entry->name, "%s", name);
    fuzz_case_copy(what, &entry->what);
    find_state(entry);
}

static void add_seeds(struct corpus *c, bool servers, bool clients)
{
    struct text script = {0}, why = {0};

    for (size_t i = 0; fuzz_seed(i, &script); i++) {
        struct fuzz_case what;
        char name[32];
        snprintf(name, sizeof name, SEED "%zu", i);
        if (fuzz_case_read(name, text_string(&script), &what, &why) &&
            (what.session.we_serve ? clients : servers))
            add(c, name, &what);
        fuzz_case_fini(&what);
        text_fini(&script);
        text_fini(&why);
    }
    c->n_seeds = c->n;
}

const struct fuzz_case *corpus_find(const struct corpus *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->at[i].name, name) == 0)
            return &c->at[i].what;
    return NULL;
}

static void path_of(const struct corpus *c, const char *name, char *out, size_t cap)
{
    snprintf(out, cap, "%s/%s" ENDING, c->dir, name);
}

/* Why the journal could not name it; NULL if it could. */
static const char *flaw_of_name(const char *name)
{
    for (const char *at = name; *at; at++)
        if ((unsigned char)*at < ' ')
            return "there is a control character in its name";
    if (strlen(name) >= sizeof((struct corpus_entry *)NULL)->name)
        return "its name is too long";
    return strncmp(name, SEED, strlen(SEED)) == 0 ? "our own are called so" : NULL;
}

/* A script of the folder; false, with the reason, if it is none to begin with. */
static bool read_file(const char *dir, const char *name, struct fuzz_case *what, struct text *why)
{
    struct text text = {0};
    char path[1200];

    *what = (struct fuzz_case){.subject = ""};
    snprintf(path, sizeof path, "%s/%s" ENDING, dir, name);
    const char *flaw = flaw_of_name(name);
    bool is_read = !flaw && text_read_file(&text, path);
    bool ok = is_read && fuzz_case_read(name, text_string(&text), what, why);
    if (!is_read)
        text_adds(why, flaw ? flaw : strerror(errno));
    text_fini(&text);
    return ok;
}

static void add_file(struct corpus *c, const char *name)
{
    struct text why = {0};
    struct fuzz_case what;

    if (read_file(c->dir, name, &what, &why) && (what.session.we_serve ? c->clients : c->servers))
        add(c, name, &what);
    fuzz_case_fini(&what);
    text_fini(&why);
}

static int is_script(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > strlen(ENDING) && strcmp(entry->d_name + len - strlen(ENDING), ENDING) == 0;
}

/* Each script of the folder, by its name without the ending. */
static void each_file(const char *dir, void (*take)(void *context, const char *name), void *context)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_script, alphasort);

    for (int i = 0; i < n; i++) {
        names[i]->d_name[strlen(names[i]->d_name) - strlen(ENDING)] = '\0';
        take(context, names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

static void take_new(void *context, const char *name)
{
    struct corpus *c = context;

    if (!corpus_find(c, name))
        add_file(c, name);
}

void corpus_refresh(struct corpus *c)
{
    if (c->dir)
        each_file(c->dir, take_new, c);
}

struct left_out {
    const char *dir;
    struct text *out;
};

static void look_at(void *context, const char *name)
{
    const struct left_out *l = context;
    struct text why = {0};
    struct fuzz_case what;

    if (!read_file(l->dir, name, &what, &why))
        text_addf(l->out, "%s/%s" ENDING " is left out: %s\n", l->dir, name, text_string(&why));
    fuzz_case_fini(&what);
    text_fini(&why);
}

void corpus_left_out(const char *dir, struct text *out)
{
    each_file(dir, look_at, &(struct left_out){dir, out});
}

static bool has_folder(const char *dir)
{
    if (mkdir(dir, 0777) == 0)
        return true;
    DIR *folder = errno == EEXIST ? opendir(dir) : NULL;
    return folder && closedir(folder) == 0;
}

bool corpus_open(struct corpus *c, const char *dir, bool servers, bool clients)
{
    *c = (struct corpus){.dir = dir, .servers = servers, .clients = clients};
    add_seeds(c, servers, clients);
    if (dir && !has_folder(dir))
        return false;
    corpus_refresh(c);
    return true;
}

void corpus_close(struct corpus *c)
{
    for (size_t i = 0; i < c->n; i++)
        fuzz_case_fini(&c->at[i].what);
    free(c->at);
    *c = (struct corpus){.dir = NULL};
}

static bool write_file(const struct corpus *c, const char *name, const struct text *text)
{
    char path[1200], made[1210];

    path_of(c, name, path, sizeof path);
    snprintf(made, sizeof made, "%s.new", path);
    FILE *f = fopen(made, "we");
    bool ok = f && fwrite(text->at, 1, text->len, f) == text->len;
    if (f)
        ok = fclose(f) == 0 && ok;
    return ok && rename(made, path) == 0; /* others never see half of it */
}

bool corpus_add(struct corpus *c, const char *name, const struct fuzz_case *what)
{
    struct text text = {0}, why = {0};
    struct fuzz_case again;

    fuzz_case_write(what, name, NULL, fuzz_clause(what->session.we_serve), NULL, &text);
    if (fuzz_case_read(name, text_string(&text), &again, &why)) /* as --resume will find it */
        add(c, name, &again);
    bool ok = !c->dir || write_file(c, name, &text);
    fuzz_case_fini(&again);
    text_fini(&text);
    text_fini(&why);
    return ok;
}

/* Any of those that some entry comes to. */
static enum machine_state draw_state(const struct corpus *c, uint64_t *seed)
{
    bool is_met[MACHINE_N_STATES] = {false};
    enum machine_state drawn = c->at[0].state;
    size_t n_met = 0;

    for (size_t i = 0; i < c->n; i++) {
        enum machine_state state = c->at[i].state;
        if (!is_met[state] && draw(seed, ++n_met) == 0)
            drawn = state;
        is_met[state] = true;
    }
    return drawn;
}

const struct corpus_entry *corpus_draw(const struct corpus *c, uint64_t *seed)
{
    if (draw(seed, SEED_SHARE) == 0)
        return &c->at[draw(seed, c->n_seeds)];
    enum machine_state one = draw_state(c, seed), other = draw_state(c, seed);
    enum machine_state state = MAX(one, other);
    size_t most = draw(seed, 3) ? c->n : YOUNG, seen = 0;
    const struct corpus_entry *drawn = NULL;

    for (size_t i = c->n; i-- > 0 && seen < most;)
        if (c->at[i].state == state && draw(seed, ++seen) == 0)
            drawn = &c->at[i];
    return drawn;
}
