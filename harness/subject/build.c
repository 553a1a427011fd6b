/* build.c - what a build says about itself: name, version, package, checksum, capabilities. */
#include "harness/subject/subject.h"

#include "harness/session/clock.h"

#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_NS 10000000000u
#define LOOK_MS   50 /* what it prints, and its end, wake us; this is for the deadline */

/* What a command prints, stdout and stderr together. One that is killed by a signal is noted. */
static bool run(struct subject_build *b, char *const argv[], uint64_t limit_ns, struct text *answer,
                struct text *why)
{
    uint64_t deadline = MIN(now_ns() + ANSWER_NS, limit_ns ? limit_ns : UINT64_MAX);
    struct subject s;
    struct sim_process p;

    if (!subject_start(&s, argv, b->env, why)) {
        subject_fini(&s);
        return false;
    }
    p = subject_process(&s);
    while (s.running && now_ns() < deadline) {
        struct pollfd fds[4];
        poll(fds, p.watch(&s, fds, 4), LOOK_MS);
        subject_turn(&s);
    }
    bool ok = !s.running;
    if (!ok)
        text_addf(why, "%s %s does not end", argv[0], argv[1]);
    else if (WIFSIGNALED(s.status))
        snprintf(b->note, sizeof b->note, "%s was killed by SIG%s", argv[1],
                 sigabbrev_np(WTERMSIG(s.status)));
    subject_end(&s);
    text_add(answer, s.out.at, s.out.len);
    text_add(answer, s.err.at, s.err.len);
    subject_fini(&s);
    return ok;
}

/* What the program prints with one option. */
static bool ask(struct subject_build *b, const char *option, uint64_t limit_ns, struct text *answer,
                struct text *why)
{
    char *const argv[] = {(char *)(uintptr_t)b->path, (char *)(uintptr_t)option, NULL};

    return run(b, argv, limit_ns, answer, why);
}

/* The same for one that only a command reaches. */
static bool ask_command(struct subject_build *b, uint64_t limit_ns, struct text *answer,
                        struct text *why)
{
    char *const argv[] = {(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t)b->version_cmd, NULL};

    return run(b, argv, limit_ns, answer, why);
}

static void add_file(EVP_MD_CTX *ctx, const char *path)
{
    static unsigned char buf[65536];
    FILE *f = fopen(path, "re");
    size_t got;

    while (f && (got = fread(buf, 1, sizeof buf, f)) > 0)
        EVP_DigestUpdate(ctx, buf, got);
    if (f)
        fclose(f);
}

/* libtool's src/iperf3 is a script: what it runs is src/.libs/iperf3, with the libraries there. */
static bool is_libtool_wrapper(const char *path)
{
    char head[512] = "";
    FILE *f = fopen(path, "re");
    size_t got = f ? fread(head, 1, sizeof head - 1, f) : 0;

    if (f)
        fclose(f);
    return got > 2 && head[0] == '#' && strstr(head, "temporary wrapper script") &&
           strstr(head, "libtool");
}

static int is_library(const struct dirent *entry)
{
    return fnmatch("*.so", entry->d_name, 0) == 0;
}

static void add_libtool(EVP_MD_CTX *ctx, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char file[1300];
    struct dirent **found = NULL;

    snprintf(file, sizeof file, "%.*s.libs/%s", (int)(name - path), path, name);
    add_file(ctx, file);
    snprintf(file, sizeof file, "%.*s.libs", (int)(name - path), path);
    int n = scandir(file, &found, is_library, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof file, "%.*s.libs/%s", (int)(name - path), path, found[i]->d_name);
        add_file(ctx, file);
        free(found[i]);
    }
    free(found);
}

static void digest(const char *path, char out[65])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (access(path, R_OK) == 0 && ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)) {
        add_file(ctx, path);
        if (is_libtool_wrapper(path))
            add_libtool(ctx, path);
        EVP_DigestFinal_ex(ctx, sum, &len);
    }
    for (unsigned i = 0; i < len && i < 32; i++)
        snprintf(out + (size_t)2 * i, 3, "%02x", sum[i]);
    EVP_MD_CTX_free(ctx);
}

/* "key: value" in the file INFO beside the program, as scripts/stock-builds writes it. */
static void info(const char *path, const char *key, char *out, size_t cap)
{
    char line[1024], file[1100];
    const char *slash = strrchr(path, '/');
    size_t len = strlen(key);

    snprintf(file, sizeof file, "%.*sINFO", slash ? (int)(slash - path) + 1 : 0, path);
    FILE *f = fopen(file, "re");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, key, len) == 0 && strncmp(line + len, ": ", 2) == 0)
            snprintf(out, cap, "%s", line + len + 2);
    }
    if (f)
        fclose(f);
}

/* "iperf 3.12 (cJSON 1.7.15)" is stock; "iperf 3.22 (iperfref 0.1)" is another program that speaks
 * as that version; in "iperf 3.12 (1 June 2016)" nobody is named. */
static void read_banner(struct subject_build *b)
{
    char brackets[32] = "";

    if (sscanf(b->banner, "iperf %31[^ ] (%31[^ )]", b->version_text, brackets) < 1)
        return;
    snprintf(b->name, sizeof b->name, "%s",
             isalpha((unsigned char)brackets[0]) && strcmp(brackets, "cJSON") != 0 ? brackets
                                                                                   : "iperf");
}

/* "3.12-1+deb12u2": what stands behind the + is the vendor's patch level in the registry. */
static void set_version(struct subject_build *b)
{
    const char *plus = strchr(b->package, '+');

    b->has_version = strcmp(b->name, "iperf") == 0 &&
                     clause_version_parse(b->version_text, plus ? plus + 1 : NULL, &b->version);
}

static void read_file(struct subject_build *b)
{
    info(b->path, "package", b->package, sizeof b->package);
    info(b->path, "sha256", b->sha256, sizeof b->sha256);
    if (!b->sha256[0])
        digest(b->path, b->sha256);
}

bool subject_identify(struct subject_build *b, uint64_t limit_ns, struct text *why)
{
    struct text version = {0}, help = {0};
    bool ok = true;

    if (b->path[0] || b->version_cmd[0]) {
        ok = b->version_cmd[0] ? ask_command(b, limit_ns, &version, why)
                               : ask(b, "--version", limit_ns, &version, why) &&
                                     ask(b, "--help", limit_ns, &help, why);
        text_make_plain(&version);
        snprintf(b->banner, sizeof b->banner, "%.*s", (int)strcspn(text_string(&version), "\n"),
                 text_string(&version));
        read_banner(b);
        if (b->path[0])
            read_file(b);
        snprintf(b->about, sizeof b->about, "%s\n%s", text_string(&version), text_string(&help));
        set_version(b);
    }
    text_fini(&version);
    text_fini(&help);
    return ok;
}

/* "  -p, --port  #  server port" is a line of a help, "- built with OpenSSL" is none. */
bool subject_has_help(const struct subject_build *b)
{
    for (const char *line = b->about; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *word = line + strspn(line, " \t");
        if (word[0] == '-' && (word[1] == '-' || isalnum((unsigned char)word[1])))
            return true;
    }
    return false;
}

bool subject_add_env(struct subject_build *build, const char *assignment)
{
    size_t n = 0;

    while (build->env[n])
        n++;
    if (n == SUBJECT_ENV_MAX || *assignment == '=' || !strchr(assignment, '='))
        return false;
    build->env[n] = assignment;
    return true;
}
