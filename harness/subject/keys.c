/* keys.c - a folder with what authentication needs: a key pair made now, and one user. */
#include "harness/subject/subject.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD "{keys}"

static const char *const names[] = {"private.pem", "public.pem", "users.csv"};

/* "mario" with "rossi", the hash being the one of iperf3's own manual (AUTH-9). */
static const char users[] =
    "mario,bf7a49a846d44b454a5d11e7acfaf13d138bbe0b7483aa3e050879700572709b\n";

/* Made once per process: it takes some 100 ms. */
static EVP_PKEY *key_pair(void)
{
    static EVP_PKEY *pair;

    if (!pair)
        pair = EVP_RSA_gen(2048);
    return pair;
}

static FILE *create(const struct subject_keys *keys, int which)
{
    char path[sizeof keys->dir + 16];

    snprintf(path, sizeof path, "%s/%s", keys->dir, names[which]);
    return fopen(path, "wex");
}

static bool write_all(const struct subject_keys *keys, EVP_PKEY *pair)
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

bool subject_keys_make(struct subject_keys *keys, struct text *why)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(keys->dir, sizeof keys->dir, "%s/iperfspec-keys-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(keys->dir)) {
        text_addf(why, "%s: %s", keys->dir, strerror(errno));
        keys->dir[0] = '\0';
        return false;
    }
    EVP_PKEY *pair = key_pair();
    if (pair && write_all(keys, pair))
        return true;
    text_addf(why, "%s: %s", keys->dir, pair ? strerror(errno) : "no RSA key could be made");
    subject_keys_remove(keys);
    return false;
}

void subject_keys_remove(struct subject_keys *keys)
{
    char path[sizeof keys->dir + 16];

    for (size_t i = 0; keys->dir[0] && i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", keys->dir, names[i]);
        unlink(path);
    }
    if (keys->dir[0])
        rmdir(keys->dir);
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
