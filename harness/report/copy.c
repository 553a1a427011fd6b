#include "harness/report/copy.h"

#include "harness/report/report.h"
#include "impl/wire/jwrite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16     /* a report has 5 levels */
#define WHOLE_MAX 0x1p53 /* above, cJSON's doubles lose digits */

static void copy_number(struct jwrite *w, const char *key, double value)
{
    if (value == trunc(value) && fabs(value) <= WHOLE_MAX)
        jwrite_int(w, key, (int64_t)value);
    else
        jwrite_double(w, key, value);
}

static void copy_deep(struct jwrite *w, const char *key, const json_value *v, unsigned depth)
{
    enum json_type type = json_type_of(v);
    const json_value *child = NULL;

    switch (depth > DEPTH_MAX ? JSON_NULL : type) {
    case JSON_BOOL:
        jwrite_bool(w, key, json_bool(v));
        break;
    case JSON_NUMBER:
        copy_number(w, key, json_double(v));
        break;
    case JSON_STRING:
        jwrite_string(w, key, json_text(v));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        (type == JSON_ARRAY ? jwrite_array : jwrite_object)(w, key);
        while ((child = json_next(v, child)))
            copy_deep(w, type == JSON_OBJECT ? json_key(child) : NULL, child, depth + 1);
        jwrite_end(w);
        break;
    default:
        jwrite_null(w, key);
    }
}

void copy_value(struct jwrite *w, const char *key, const json_value *value)
{
    copy_deep(w, key, value, 0);
}

static void add(struct copy_list *list, struct copy_item item)
{
    if (list->n == list->cap) {
        list->cap = 2 * list->cap + 64;
        list->at = text_realloc(list->at, list->cap * sizeof *list->at);
    }
    list->at[list->n++] = item;
}

void copy_list_add_results(struct copy_list *list, const struct kept_run *run)
{
    for (size_t i = 0; i < run->n; i++)
        add(list, (struct copy_item){run->results[i].id, &run->results[i], NULL});
}

void copy_list_add(struct copy_list *list, const json_value *objects)
{
    for (const json_value *v = NULL; (v = json_next(objects, v));)
        add(list, (struct copy_item){report_text_of(v, "id"), NULL, v});
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct copy_item *)a)->id, ((const struct copy_item *)b)->id);
}

void copy_list_sort(struct copy_list *list)
{
    if (list->n > 0)
        qsort(list->at, list->n, sizeof *list->at, by_id);
}

const char *copy_list_twice(const struct copy_list *list)
{
    for (size_t i = 1; i < list->n; i++)
        if (by_id(&list->at[i - 1], &list->at[i]) == 0)
            return list->at[i].id;
    return NULL;
}

void copy_list_put(struct copy_list *list, struct jwrite *w, const char *key,
                   void (*put)(struct jwrite *w, const char *key, const json_value *object))
{
    jwrite_array(w, key);
    for (size_t i = 0; i < list->n; i++) {
        json_value *parsed = list->at[i].kept ? kept_parse(list->at[i].kept) : NULL;
        put(w, NULL, parsed ? parsed : list->at[i].tree);
        json_free(parsed);
    }
    jwrite_end(w);
    free(list->at);
    *list = (struct copy_list){0};
}
