/* keys.c - a folder with what authentication needs: a key pair made now, and one user. */
#include "harness/subject/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORD "{keys}"

static const char *const names[] = {"private.pem", "public.pem", "users.csv"};

/* "mario" with "rossi", the hash being the one of iperf3's own manual, or with "verdi"; a name of
 * 40 letters with "rossi"; and "luigi" with "rossi", whose hash is in capitals and so matches
 * nothing (AUTH-9). */
static const char users[] =
    "# name,hash\n"
    "a line without a comma\n"
    "mario,bf7a49a846d44b454a5d11e7acfaf13d138bbe0b7483aa3e050879700572709b\n"
    "mario,f2cbee7bd2b04aaa91899849fe0911592ca0bd6c4fdfdec13d5c38aa1e8b63d1\n"
    "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm,"
    "c2e001e5582bb4412d579865084471caf0efceb12b0a8d104ab2ca3eb0b38eaa\n"
    "luigi,AE0323CDA970BFE7AA9C54678B4B3B4E8B4E5EFCD4653D9F6A78444241E41827\n";

static EVP_PKEY *pair; /* made once: it takes some 100 ms */

void subject_keys_prepare(void)
{
    if (!pair)
        pair = EVP_RSA_gen(2048);
}

static FILE *create(const struct subject_keys *keys, int which)
{
    char path[sizeof keys->dir + 16];

    snprintf(path, sizeof path, "%s/%s", keys->dir, names[which]);
    return fopen(path, "wex");
}

static bool write_all(const struct subject_keys *keys)
{
    FILE *files[3] = {create(keys, 0), create(keys, 1), create(keys, 2)};
    bool ok = files[0] && files[1] && files[2];

    ok = ok && PEM_write_PrivateKey(files[0], pair, NULL, NULL, 0, NULL, NULL) == 1 &&
         PEM_write_PUBKEY(files[1], pair) == 1 && fputs(users, files[2]) >= 0;
    for (int i = 0; i < 3; i++)
        if (files[i])
            ok = fclose(files[i]) == 0 && ok;
    return ok;
}

static void unlink_all(const struct subject_keys *keys)
{
    char path[sizeof keys->dir + 16];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", keys->dir, names[i]);
        unlink(path);
    }
    rmdir(keys->dir);
}

/* Wait until the other end of the line is closed by whoever holds it, or by its death. */
static void __attribute__((noreturn)) be_remover(const struct subject_keys *keys, int line)
{
    char byte;

    setsid(); /* what the terminal sends to us all is not for it */
    prctl(PR_SET_NAME, "key-remover");
    dup2(line, 0);
    close_range(1, ~0u, 0); /* nothing else may be kept open here */
    while (read(0, &byte, 1) < 0 && errno == EINTR)
        ;
    unlink_all(keys);
    _exit(0);
}

static bool start_remover(struct subject_keys *keys)
{
    sigset_t all, before;
    int line[2];

    if (pipe2(line, O_CLOEXEC) < 0)
        return false;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* it never lets one through */
    pid_t pid = fork();
    if (pid == 0)
        be_remover(keys, line[0]);
    keys->remover = pid;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(line[0]);
    keys->line = line[1];
    if (pid > 0)
        return true;
    close(line[1]);
    return false;
}

/* False after the reason was added to why. */
static bool make_folder(struct subject_keys *keys, struct text *why)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(keys->dir, sizeof keys->dir, "%s/iperfspec-keys-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (mkdtemp(keys->dir)) {
        if (start_remover(keys))
            return true;
        rmdir(keys->dir);
    }
    text_addf(why, "%s: %s", keys->dir, strerror(errno));
    keys->dir[0] = '\0';
    return false;
}

bool subject_keys_make(struct subject_keys *keys, struct text *why)
{
    if (!make_folder(keys, why))
        return false;
    subject_keys_prepare();
    if (pair && write_all(keys))
        return true;
    text_addf(why, "%s: %s", keys->dir, pair ? strerror(errno) : "no RSA key could be made");
    subject_keys_remove(keys);
    return false;
}

void subject_keys_remove(struct subject_keys *keys)
{
    if (!keys->dir[0])
        return;
    close(keys->line);
    while (waitpid(keys->remover, NULL, 0) < 0 && errno == EINTR)
        ;
    keys->dir[0] = '\0';
}

void subject_keys_expand(const struct subject_keys *keys, const char *options, struct text *out)
{
    for (const char *at; keys->dir[0] && (at = strstr(options, WORD));
         options = at + strlen(WORD)) {
        text_add(out, options, (size_t)(at - options));
        text_adds(out, keys->dir);
    }
    text_adds(out, options);
}
