#include "harness/interop/kit.h"

#include "impl/net/auth.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define KEY_BITS 2048

/* --- making ---------------------------------------------------------------------------------- */

static bool put_payload(FILE *f)
{
    unsigned char buf[4096];

    for (size_t left = KIT_PAYLOAD_SIZE, n; left > 0; left -= n) {
        n = MIN(left, sizeof buf);
        if (getrandom(buf, n, 0) != (ssize_t)n || fwrite(buf, 1, n, f) != n)
            return false;
    }
    return true;
}

/* name,sha256("{name}password") (AUTH-9) */
static bool put_users(FILE *f)
{
    static const char text[] = "{" KIT_USER "}" KIT_PASSWORD;
    uint8_t digest[32];

    auth_sha256((struct bytes){(const uint8_t *)text, sizeof text - 1}, digest);
    fputs(KIT_USER ",", f);
    for (size_t i = 0; i < sizeof digest; i++)
        fprintf(f, "%02x", digest[i]);
    return fputs("\n", f) != EOF;
}

static EVP_PKEY *pair; /* of the run of kit_make() that is under way */

static bool put_key(FILE *f)
{
    return PEM_write_PrivateKey(f, pair, NULL, NULL, 0, NULL, NULL) == 1;
}

static bool put_pub(FILE *f)
{
    return PEM_write_PUBKEY(f, pair) == 1;
}

static bool make(const struct kit *kit, char path[300], const char *name, bool (*put)(FILE *f),
                 struct text *why)
{
    snprintf(path, 300, "%s/%s", kit->dir, name);
    FILE *f = fopen(path, "wxe");
    bool ok = f && put(f);

    if (f && fclose(f) != 0)
        ok = false;
    if (!ok)
        text_addf(why, "%s: %s", path, strerror(errno));
    return ok;
}

bool kit_make(struct kit *kit, struct text *why)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(kit->dir, sizeof kit->dir, "%s/iperfspec-interop.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(kit->dir)) {
        text_addf(why, "%s: %s", kit->dir, strerror(errno));
        return false;
    }
    pair = EVP_RSA_gen(KEY_BITS);
    if (!pair)
        text_addf(why, "no RSA key could be made");
    bool ok = pair && make(kit, kit->src, "payload", put_payload, why) &&
              make(kit, kit->key, "private.pem", put_key, why) &&
              make(kit, kit->pub, "public.pem", put_pub, why) &&
              make(kit, kit->users, "users.csv", put_users, why);
    EVP_PKEY_free(pair);
    if (!ok)
        kit_remove(kit);
    return ok;
}

void kit_remove(const struct kit *kit)
{
    DIR *dir = opendir(kit->dir);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(kit->dir);
}

/* --- comparing ------------------------------------------------------------------------------- */

bool kit_has_arrived(const struct kit *kit, const char *path, uint64_t may_lack, struct text *why)
{
    FILE *a = fopen(kit->src, "re"), *b = fopen(path, "re");
    size_t at = 0;
    int want = EOF, got = EOF;

    if (a && b)
        for (; (want = getc(a)) != EOF && want == (got = getc(b)); at++)
            ;
    bool ok = a && b && (want == EOF || (got == EOF && at + may_lack >= KIT_PAYLOAD_SIZE));
    if (!ok && (!a || !b))
        text_addf(why, "%s: %s", a ? path : kit->src, strerror(errno));
    else if (!ok && got == EOF)
        text_addf(why, "the received file ends at byte %zu of %d", at, KIT_PAYLOAD_SIZE);
    else if (!ok)
        text_addf(why, "the received file differs from byte %zu on", at);
    if (a)
        fclose(a);
    if (b)
        fclose(b);
    return ok;
}
