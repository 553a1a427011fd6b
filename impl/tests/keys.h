/* keys.h - RSA keys and a credentials file for tests, made anew in a directory of their own. */
#pragma once
#include "impl/tests/unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <unistd.h>

static char keys_dir[UNIT_PATH_MAX];
static char keys_private[UNIT_PATH_MAX + 16], keys_public[UNIT_PATH_MAX + 16],
    keys_users[UNIT_PATH_MAX + 16];

static inline void keys_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Write a key; passphrase may be NULL. */
static inline void keys_save(EVP_PKEY *key, const char *private_path, const char *public_path,
                             const char *passphrase)
{
    FILE *file = fopen(private_path, "w");

    assert_int_equal(PEM_write_PrivateKey(file, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
                                          (const unsigned char *)passphrase,
                                          passphrase != NULL ? (int)strlen(passphrase) : 0, NULL,
                                          NULL),
                     1);
    fclose(file);
    file = fopen(public_path, "w");
    assert_int_equal(PEM_write_PUBKEY(file, key), 1);
    fclose(file);
}

/* "mario" with "rossi", the hash being the one of iperf3's own manual (AUTH-9). */
#define KEYS_MARIO "mario,bf7a49a846d44b454a5d11e7acfaf13d138bbe0b7483aa3e050879700572709b\n"

static inline void keys_make(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);

    assert_non_null(mkdtemp(unit_temporary(keys_dir, "keys")));
    snprintf(keys_private, sizeof keys_private, "%s/private.pem", keys_dir);
    snprintf(keys_public, sizeof keys_public, "%s/public.pem", keys_dir);
    snprintf(keys_users, sizeof keys_users, "%s/users.csv", keys_dir);
    keys_save(key, keys_private, keys_public, NULL);
    EVP_PKEY_free(key);
    keys_write(keys_users, KEYS_MARIO);
}

static inline void keys_remove(void)
{
    unlink(keys_private);
    unlink(keys_public);
    unlink(keys_users);
    rmdir(keys_dir);
}
