/* profile.c - which build of the registry a subject counts as.
 *
 * Only builds called iperf are predicted (IS clauses, profile.def, version sets of expectations);
 * any other name gets the profile `any`. A version newer than all that were watched counts as the
 * newest of them, and a vendor's patch level that nobody watched as the nearest older one. */
#include "impl/wire/profile.h"

#include "harness/suite/suite.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "deb12u2" is patch level 2 of "deb12u": so long is the part in front of the level. */
static size_t family_len(const char *vendor)
{
    size_t len = strlen(vendor);

    while (len > 0 && isdigit((unsigned char)vendor[len - 1]))
        len--;
    return len;
}

struct search {
    const struct clause_version *version; /* and vendor that is looked for */
    char best[16];
    long best_level;
};

/* Whether `V@tag` with tag behind the @ at `at` is of that version and of an older or equal level
 * of that vendor; the level in *level. */
static bool is_older_patch(const struct search *s, const char *set, const char *at, long *level)
{
    const char *wanted = s->version->vendor, *first = at;
    size_t family = family_len(wanted);
    struct clause_version version;
    char number[32];

    while (first > set && strchr("0123456789.", first[-1]))
        first--;
    snprintf(number, sizeof number, "%.*s", (int)(at - first), first);
    if (!clause_version_parse(number, NULL, &version) ||
        clause_version_compare(&version, s->version) != 0 || strncmp(at + 1, wanted, family) != 0 ||
        !isdigit((unsigned char)at[1 + family]))
        return false;
    *level = atol(at + 1 + family);
    return *level <= atol(wanted + family);
}

static void look(struct search *s, const char *set)
{
    long level;

    for (const char *at = set; (at = strchr(at, '@')); at++) {
        if (!is_older_patch(s, set, at, &level) || level <= s->best_level)
            continue;
        s->best_level = level;
        snprintf(s->best, sizeof s->best, "%.*s", (int)strcspn(at + 1, ","), at + 1);
    }
}

/* The vendor's newest patch level that was watched and that this build has, or none. */
static void nearest_patch(struct clause_version *version, struct text *note)
{
    struct search s = {.version = version, .best_level = -1};

    if (!version->vendor[0])
        return;
    for (size_t i = 0; i < n_clauses; i++)
        look(&s, clauses[i].versions);
    for (size_t i = 0; i < n_profile_rows; i++)
        look(&s, profile_rows[i].versions);
    if (strcmp(s.best, version->vendor) != 0)
        text_addf(note, "; nothing is noted of patch level %s, so it counts as %s", version->vendor,
                  s.best[0] ? s.best : "the plain version");
    memcpy(version->vendor, s.best, sizeof version->vendor);
}

static void nearest_version(struct clause_version *version, struct text *note)
{
    const struct profile *newest = &profiles[n_profiles - 1];
    struct clause_version last;

    if (!clause_version_parse(newest->version, newest->vendor, &last) ||
        clause_version_compare(version, &last) <= 0)
        return;
    text_addf(note, "; newer than any that was watched, so it counts as %s", newest->version);
    *version = last;
}

/* "3.12-1+deb12u2": "deb12u2"; "3.12-1ubuntu0.1": "ubuntu0.1"; "3.22-0.1": none. */
static void vendor_of(const char *package, char *out, size_t cap)
{
    const char *at = strrchr(package, '-');

    at = at ? at + 1 + strspn(at + 1, "0123456789.") : "";
    at += *at == '+';
    snprintf(out, cap, "%.*s", (int)strcspn(at, "~+"), at);
}

static bool read_asked(struct subject_build *build, const char *asked, char vendor[16],
                       struct text *why)
{
    char name[32] = "", version[32] = "";
    struct clause_version parsed;
    size_t name_len = strcspn(asked, "/"), version_len = strcspn(asked + name_len, "@");
    const char *slash = asked + name_len, *at = slash + version_len;

    snprintf(name, sizeof name, "%.*s", (int)name_len, asked);
    if (*slash)
        snprintf(version, sizeof version, "%.*s", (int)(at - slash - 1), slash + 1);
    if (*at)
        snprintf(vendor, 16, "%s", at + 1);
    if (strcmp(asked, "any") != 0 &&
        (!name[0] || !*slash || !clause_version_parse(version, NULL, &parsed) ||
         (*at && !vendor[0]))) {
        text_addf(why,
                  "--profile wants NAME/VERSION[@VENDOR], such as iperf/3.12@deb12u2, or any; "
                  "found '%s'",
                  asked);
        return false;
    }
    snprintf(build->name, sizeof build->name, "%s", *slash ? name : "");
    snprintf(build->version_text, sizeof build->version_text, "%s", version);
    return true;
}

/* What somebody built between two releases: "3.18rc1", "3.1b3" and "3.15-mt-beta1" come before
 * theirs, "3.22-dirty" and "3.22-4-g1a2b3c4" are taken for it. */
static bool read_version(const char *text, const char *vendor, struct clause_version *out,
                         struct text *note)
{
    static const char *const early[] = {"rc", "beta", "alpha", "pre", "b", "a"};
    char number[32], rest[32];
    size_t len = strspn(text, "0123456789.");

    snprintf(number, sizeof number, "%.*s", (int)MIN(len, sizeof number - 1), text);
    if (clause_version_parse(text, vendor, out))
        return true;
    if (!clause_version_parse(number, vendor, out))
        return false;
    snprintf(rest, sizeof rest, "%s", text + len);
    rest[strcspn(rest, "g")] = '\0'; /* what git adds: a commit's hash may hold any letters */
    for (size_t i = 0; i < ARRAY_LEN(early); i++) {
        const char *found = strstr(rest, early[i]);
        out->dev |= found && isdigit((unsigned char)found[strlen(early[i])]);
    }
    text_addf(note, "; taken for %s%s", number, out->dev ? "-dev" : "");
    return true;
}

bool suite_choose_profile(struct subject_build *build, const char *asked, struct text *note,
                          struct text *why)
{
    char vendor[16] = "";

    build->is_unnamed = !asked && build->name[0] == '\0';
    if (asked && !read_asked(build, asked, vendor, why))
        return false;
    if (!asked)
        vendor_of(build->package, vendor, sizeof vendor);
    struct text taken = {0};
    build->has_version = strcmp(build->name, "iperf") == 0 &&
                         read_version(build->version_text, vendor, &build->version, &taken);
    if (!build->has_version) {
        text_adds(note, "any: MUST and SHOULD judge it, nothing predicts it");
        return true;
    }
    text_addf(note, "iperf %s%s%s%s", build->version_text, vendor[0] ? " " : "", vendor,
              text_string(&taken));
    text_fini(&taken);
    nearest_patch(&build->version, note);
    nearest_version(&build->version, note);
    return true;
}
