#include "harness/interop/fact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLAIM_MAX 256

static const struct {
    char letter;
    const char *name;
} names[FACT_N_SOURCES] = {
    [FACT_CLIENT_REPORT] = {'J', "client's report" },
    [FACT_PARAMS] = {'P', "parameters"      },
    [FACT_CLIENT_RESULTS] = {'C', "client's results"},
    [FACT_SERVER_RESULTS] = {'S', "server's results"},
};

static size_t count(const json_value *container)
{
    size_t n = 0;

    for (const json_value *v = NULL; (v = json_next(container, v));)
        n++;
    return n;
}

static const json_value *element(const json_value *array, size_t index)
{
    const json_value *v = json_next(array, NULL);

    while (v && index-- > 0)
        v = json_next(array, v);
    return v;
}

/* Follow a path of keys and numbers, parted by dots; path is taken apart. */
static const json_value *find(const json_value *at, char *path)
{
    char *rest = NULL;

    for (char *key = strtok_r(path, ".", &rest); key && at; key = strtok_r(NULL, ".", &rest))
        at = json_type_of(at) == JSON_ARRAY ? element(at, strtoul(key, NULL, 10))
                                            : json_member(at, key);
    return at;
}

static bool is_number(double value, const char *wanted)
{
    char *end;
    double number = strtod(wanted, &end);

    return end != wanted && *end == '\0' && fabs(value - number) < 1e-9;
}

static bool is_value(const json_value *value, const char *wanted)
{
    switch (json_type_of(value)) {
    case JSON_NUMBER:
        return is_number(json_double(value), wanted);
    case JSON_BOOL:
        return is_number(json_bool(value), wanted);
    case JSON_STRING:
        return strcmp(json_text(value), wanted) == 0;
    default:
        return false;
    }
}

static bool complain(enum fact_source source, const char *claim, const json_value *value,
                     struct text *why)
{
    char *found = value ? json_print(value) : NULL;

    text_addf(why, "expected %s in the %s, found %.80s", claim + 2, names[source].name,
              value ? (found ? found : "?") : "no such member");
    free(found);
    return false;
}

static bool holds(const char *claim, enum fact_source source, const json_value *root,
                  struct text *why)
{
    char path[CLAIM_MAX];
    size_t len = strcspn(claim, "=");
    const char *wanted = claim[len] == '=' ? claim + len + 1 : NULL;
    bool counts = wanted && len > 0 && claim[len - 1] == '#';

    memcpy(path, claim + 2, len - 2);
    path[len - 2 - counts] = '\0';
    const json_value *value = find(root, path);
    bool ok = counts   ? value && is_number((double)count(value), wanted)
              : wanted ? is_value(value, wanted)
                       : value != NULL;
    return ok || complain(source, claim, value, why);
}

static bool check_one(const char *claim, const json_value *const sources[FACT_N_SOURCES],
                      struct text *why)
{
    for (enum fact_source s = 0; s < FACT_N_SOURCES; s++)
        if (names[s].letter == claim[0] && claim[1] == ':')
            return !sources[s] || holds(claim, s, sources[s], why);
    text_addf(why, "no such claim: %s", claim);
    return false;
}

bool fact_check(const char *claims, const json_value *const sources[FACT_N_SOURCES],
                struct text *why)
{
    char claim[CLAIM_MAX];

    while (*(claims += strspn(claims, " "))) {
        size_t len = strcspn(claims, " ");
        if (len >= sizeof claim) {
            text_addf(why, "too long: %s", claims);
            return false;
        }
        memcpy(claim, claims, len);
        claim[len] = '\0';
        if (!check_one(claim, sources, why))
            return false;
        claims += len;
    }
    return true;
}
