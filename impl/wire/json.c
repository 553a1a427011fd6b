#include "impl/wire/json.h"

#include "impl/wire/scan.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <string.h>

/* What reading text would cost, seen from outside of strings: cJSON takes some 100 bytes of memory
 * per value, fifty times the text of the worst one. Both figures are upper bounds for the first
 * value; what follows it is not looked at (JSON-3). A text that is not JSON may get any figures. */
static void survey(struct bytes text, size_t *depth, size_t *values)
{
    size_t level = 0;
    bool in_string = false;

    *depth = *values = 0;
    for (size_t i = 0; i < text.len; i++) {
        switch (text.at[i]) {
        case '\\':
            i += in_string;
            break;
        case '"':
            in_string = !in_string;
            break;
        case '[':
        case '{':
            level += !in_string;
            *depth = MAX(*depth, level);
            *values += !in_string;
            break;
        case ',':
            *values += !in_string;
            break;
        case ']':
        case '}':
            level -= !in_string && level > 0;
            break;
        default:
            continue;
        }
        if (level == 0 && !in_string)
            return;
    }
}

enum spec_err json_parse(struct bytes text, json_value **root)
{
    if (text.len > SCAN_DEPTH_LIMIT) { /* a shorter text can't exceed any limit */
        size_t depth, values;
        survey(text, &depth, &values);
        if (depth > SCAN_DEPTH_LIMIT)
            return SPEC_E_JSON;
        if (values > JSON_VALUES_LIMIT)
            return SPEC_E_NOMEM;
    }
    /* cJSON does not say why it gives up, but malloc() does. */
    errno = 0;
    cJSON *tree = cJSON_ParseWithLengthOpts((const char *)text.at, text.len, NULL, 0);
    if (tree == NULL)
        return errno == ENOMEM ? SPEC_E_NOMEM : SPEC_E_JSON;
    *root = tree;
    return SPEC_OK;
}

size_t json_count(struct bytes text)
{
    size_t depth, values;

    survey(text, &depth, &values);
    return values + 1; /* commas and brackets: one less than the values */
}

void json_free(json_value *root)
{
    cJSON_Delete(root);
}

static int lower(char c)
{
    return (unsigned)c - 'A' < 26 ? c + ('a' - 'A') : c;
}

static bool is_same_but_case(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

/* ASCII alone: cJSON's own comparison follows the process's locale. */
bool json_is_same_key(const char *a, const char *b)
{
    /* Most differ in the first byte, which is compared here to save the calls. */
    return ((a[0] ^ b[0]) & ~0x20) == 0 && (strcmp(a, b) == 0 || is_same_but_case(a, b));
}

static const cJSON *find(const cJSON *member, const char *key)
{
    while (member != NULL && !json_is_same_key(member->string, key))
        member = member->next;
    return member;
}

const json_value *json_member(const json_value *object, const char *key)
{
    return json_type_of(object) == JSON_OBJECT ? find(object->child, key) : NULL;
}

const json_value *json_member_behind(const json_value *object, const char *key,
                                     const json_value **passed)
{
    if (json_type_of(object) != JSON_OBJECT)
        return NULL;
    const cJSON *first = *passed != NULL ? (*passed)->next : object->child;
    const cJSON *found = find(first, key);
    if (found != NULL && found == first)
        *passed = found;
    return found;
}

enum json_type json_type_of(const json_value *value)
{
    switch (value != NULL ? value->type & 0xff : cJSON_Invalid) { /* flags stand above */
    case cJSON_Invalid:
        return JSON_ABSENT;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_False:
    case cJSON_True:
        return JSON_BOOL;
    case cJSON_Object:
        return JSON_OBJECT;
    case cJSON_Array:
        return JSON_ARRAY;
    default:
        return JSON_NULL;
    }
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {
        [JSON_ABSENT] = "nothing", [JSON_NULL] = "null",     [JSON_BOOL] = "boolean",
        [JSON_NUMBER] = "number",  [JSON_STRING] = "string", [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object",
    };

    return names[type];
}

int64_t json_int(const json_value *value)
{
    const double limit = 0x1p63;
    double number = value->valuedouble; /* valueint has only 32 bits */

    if (isnan(number))
        return 0;
    if (number >= limit)
        return INT64_MAX;
    return number <= -limit ? INT64_MIN : (int64_t)number;
}

double json_double(const json_value *value)
{
    return value->valuedouble;
}

bool json_bool(const json_value *value)
{
    return cJSON_IsTrue(value);
}

const char *json_text(const json_value *value)
{
    return value->valuestring;
}

const json_value *json_next(const json_value *container, const json_value *before)
{
    if (before != NULL)
        return before->next;
    return container != NULL ? container->child : NULL;
}

const char *json_key(const json_value *member)
{
    return member->string;
}

char *json_print(const json_value *value)
{
    return cJSON_PrintUnformatted(value);
}
