/* read.c - reports, and what is read of them. */
#include "harness/report/report.h"

#include "impl/wire/json.h"

#include <errno.h>
#include <string.h>

bool report_read(const char *path, json_value **root, struct text *why)
{
    struct text text = {0};
    bool ok = false;

    if (!text_read_file(&text, path))
        text_addf(why, "%s: %s", path, strerror(errno));
    else if (json_parse((struct bytes){(const uint8_t *)text_string(&text), text.len}, root) !=
             SPEC_OK)
        text_addf(why, "%s: no JSON", path);
    else
        ok = true;
    text_fini(&text);
    return ok;
}

const char *report_text_of(const json_value *object, const char *key)
{
    const json_value *v = json_member(object, key);

    return json_type_of(v) == JSON_STRING ? json_text(v) : "";
}
