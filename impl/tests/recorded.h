/* recorded.h - for the tests of the report: members of a JSON document by path, and a report into
 * memory. */
#pragma once
#include "impl/report/report.h"
#include "impl/tests/unit.h"
#include "impl/wire/json.h"

/* --- access to a recorded document --------------------------------------------------------------
 */

static inline const json_value *at(const json_value *value, const char *path)
{
    char key[64];

    for (size_t len; value != NULL && *path != '\0'; path += len + (path[len] == '.')) {
        len = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)len, path);
        value = json_member(value, key);
    }
    return value;
}

static inline double number(const json_value *value, const char *path)
{
    const json_value *v = at(value, path);

    return json_type_of(v) == JSON_NUMBER ? json_double(v) : 0;
}

static inline int64_t integer(const json_value *value, const char *path)
{
    const json_value *v = at(value, path);

    return json_type_of(v) == JSON_NUMBER ? json_int(v) : 0;
}

static inline const char *text_at(const json_value *value, const char *path)
{
    const json_value *v = at(value, path);

    return json_type_of(v) == JSON_STRING ? json_text(v) : NULL;
}

static inline bool truth(const json_value *value, const char *path)
{
    const json_value *v = at(value, path);

    return json_type_of(v) == JSON_BOOL && json_bool(v);
}

static inline const json_value *nth(const json_value *array, size_t n)
{
    const json_value *v = json_next(array, NULL);

    while (v != NULL && n-- > 0)
        v = json_next(array, v);
    return v;
}

static inline size_t count(const json_value *array)
{
    size_t n = 0;

    for (const json_value *v = NULL; (v = json_next(array, v)) != NULL;)
        n++;
    return n;
}

struct printed {
    char *text;
    size_t len;
    FILE *out;
};

static inline struct report *start_report(struct printed *to, enum report_mode mode, bool server,
                                          bool verbose)
{
    *to = (struct printed){0};
    to->out = open_memstream(&to->text, &to->len);
    return report_new(&(struct report_config){.mode = mode,
                                              .server = server,
                                              .out = to->out,
                                              .err = to->out,
                                              .format = 'a',
                                              .verbose = verbose});
}

static inline void end_report(struct printed *to, struct report *r)
{
    report_free(r);
    fclose(to->out);
}

static inline void set_param(struct params *p, enum param_key key, int64_t *member, int64_t value)
{
    *member = value;
    if (value != 0)
        params_mark(p, key);
}
