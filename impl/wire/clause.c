#include "impl/wire/clause.h"

#include "impl/wire/bytes.h"

#include <ctype.h>
#include <string.h>

const struct clause clauses[] = {
#include "clauses.inc"
};
const size_t n_clauses = ARRAY_LEN(clauses);

/* The places of the rows above, by id in byte order. */
static const unsigned short sorted[] = {
#include "clauses-sorted.inc"
};
_Static_assert(ARRAY_LEN(sorted) == ARRAY_LEN(clauses), "each clause has its place");

/* The first clause whose id is not before id; n_clauses if there is none. */
static size_t first_from(const char *id)
{
    size_t first = 0, behind = n_clauses;

    while (first < behind) {
        size_t middle = first + (behind - first) / 2;
        if (strcmp(clauses[sorted[middle]].id, id) < 0)
            first = middle + 1;
        else
            behind = middle;
    }
    return first;
}

bool clause_is_of(const struct clause *clause, const char *id)
{
    size_t len = strlen(id);

    return strncmp(clause->id, id, len) == 0 && (clause->id[len] == '\0' || clause->id[len] == '.');
}

const struct clause *clause_find(const char *id)
{
    size_t at = first_from(id);

    /* The suffixed entries of a row come right behind it: '.' sorts before digits and letters. */
    const struct clause *clause = at < n_clauses ? &clauses[sorted[at]] : NULL;
    return clause && clause_is_of(clause, id) ? clause : NULL;
}

bool clause_binds(const struct clause *clause, bool server)
{
    return strcmp(clause->binds, "-") != 0 && strcmp(clause->binds, server ? "C" : "S") != 0;
}

const char *clause_level_name(enum clause_level level)
{
    static const char *const names[] = {
        [CLAUSE_MUST] = "MUST",     [CLAUSE_MUST_NOT] = "MUST NOT",
        [CLAUSE_SHOULD] = "SHOULD", [CLAUSE_SHOULD_NOT] = "SHOULD NOT",
        [CLAUSE_MAY] = "MAY",       [CLAUSE_IS] = "IS",
        [CLAUSE_INFO] = "INFO",
    };

    return names[level];
}

/* --- versions ----------------------------------------------------------------------------------
 */

/* Move *at past word, if it stands there. */
static bool take(const char **at, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*at, word, len) != 0)
        return false;
    *at += len;
    return true;
}

static bool take_number(const char **at, unsigned *number)
{
    const char *first = *at;

    *number = 0;
    while (isdigit((unsigned char)**at) && *at - first < 6)
        *number = *number * 10 + (unsigned)(*(*at)++ - '0');
    return *at > first && !isdigit((unsigned char)**at);
}

/* V of the registry: digits '.' digits ['.' digits] ['-dev']. */
static bool take_version(const char **at, struct clause_version *out)
{
    *out = (struct clause_version){0};
    if (!take_number(at, &out->major) || !take(at, ".") || !take_number(at, &out->minor))
        return false;
    if (take(at, ".") && !take_number(at, &out->patch))
        return false;
    out->dev = take(at, "-dev");
    return true;
}

bool clause_version_parse(const char *text, const char *vendor, struct clause_version *out)
{
    struct clause_version version;

    if (!take_version(&text, &version))
        return false;
    /* The tree after 3.21 announces itself as "3.21+" and is 3.22-dev in the registry. */
    if (!version.dev && take(&text, "+"))
        version = (struct clause_version){version.major, version.minor + 1, .dev = true};
    if (*text != '\0')
        return false;
    if (vendor != NULL)
        memcpy(version.vendor, vendor, strnlen(vendor, sizeof version.vendor - 1));
    *out = version;
    return true;
}

int clause_version_compare(const struct clause_version *a, const struct clause_version *b)
{
    const unsigned left[] = {a->major, a->minor, a->patch, !a->dev};
    const unsigned right[] = {b->major, b->minor, b->patch, !b->dev};

    for (size_t i = 0; i < ARRAY_LEN(left); i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

/* The tag 3.0.4 is a tree of another branch: only an item that names it covers it. */
static bool is_gap(const struct clause_version *version)
{
    static const struct clause_version gap = {3, 0, 4, .dev = false};

    return clause_version_compare(version, &gap) == 0;
}

/* item := V | V '-' V | V '+' */
static bool take_plain(const char **at, const struct clause_version *version, bool *holds)
{
    struct clause_version first, last;

    if (!take_version(at, &first))
        return false;
    int from = clause_version_compare(version, &first), to = from;
    if (take(at, "+"))
        to = -1;
    else if (take(at, "-")) {
        if (!take_version(at, &last) || clause_version_compare(&first, &last) > 0)
            return false;
        to = clause_version_compare(version, &last);
    }
    if (from == 0 || to == 0 || (from > 0 && to < 0 && !is_gap(version)))
        *holds = true;
    return true;
}

/* item := ('+' | '-') V '@' tag, the sign already taken */
static bool take_vendor(const char **at, bool adds, const struct clause_version *version,
                        bool *holds)
{
    struct clause_version number;

    if (!take_version(at, &number) || !take(at, "@"))
        return false;
    size_t len = strcspn(*at, ",");
    bool same = strlen(version->vendor) == len && memcmp(version->vendor, *at, len) == 0;
    if (same && clause_version_compare(version, &number) == 0)
        *holds = adds;
    *at += len;
    return true;
}

/* False if it is no set; else *holds. */
static bool read_set(const char *set, const struct clause_version *version, bool *holds)
{
    *holds = strcmp(set, "all") == 0;
    if (*holds || strcmp(set, "new") == 0)
        return true;
    do {
        bool well_formed = take(&set, "+")   ? take_vendor(&set, true, version, holds)
                           : take(&set, "-") ? take_vendor(&set, false, version, holds)
                                             : take_plain(&set, version, holds);
        if (!well_formed)
            return false;
    } while (take(&set, ","));
    return *set == '\0';
}

bool clause_versions_valid(const char *set)
{
    bool holds;

    return read_set(set, &(struct clause_version){.major = 3}, &holds);
}

bool clause_versions_hold(const char *set, const struct clause_version *version)
{
    bool holds;

    return read_set(set, version, &holds) && holds;
}
