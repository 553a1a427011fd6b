#include "harness/report/shards.h"

#include "impl/wire/jwrite.h"

void shards_put_one(struct jwrite *w, unsigned i, unsigned n)
{
    if (n == 0)
        return;
    jwrite_object(w, "shards");
    jwrite_uint(w, "of", n);
    jwrite_array(w, "parts");
    jwrite_uint(w, NULL, i);
    jwrite_end(w);
    jwrite_end(w);
}

bool shards_add(struct shards *s, const json_value *head, struct text *why)
{
    const json_value *shards = json_member(head, "shards"), *part = NULL,
                     *parts = json_member(shards, "parts");
    int64_t of = shards ? json_int(json_member(shards, "of")) : 0;

    if (!shards)
        return true;
    if (of < 1 || of > SHARDS_MAX || (s->of && s->of != of)) {
        text_addf(why, "a shard of %lld parts", (long long)of);
        if (s->of)
            text_addf(why, " beside one of %u", s->of);
        return false;
    }
    s->of = (unsigned)of;
    while ((part = json_next(parts, part))) {
        int64_t i = json_int(part);
        if (i < 1 || i > of) {
            text_addf(why, "shard %lld of %lld", (long long)i, (long long)of);
            return false;
        }
        s->has[i] = true;
    }
    return true;
}

bool shards_are_whole(const struct shards *s, struct text *why)
{
    struct text list = {0};
    unsigned n = 0;

    for (unsigned i = 1; i <= s->of; i++)
        if (!s->has[i])
            text_addf(&list, "%s%u", n++ ? ", " : "", i);
    if (n > 0)
        text_addf(why, "shard%s %s of %u %s missing", text_plural(n), text_string(&list), s->of,
                  n == 1 ? "is" : "are");
    text_fini(&list);
    return n == 0;
}

void shards_put(struct jwrite *w, const struct shards *s)
{
    struct text missing = {0};

    if (!shards_are_whole(s, &missing)) {
        jwrite_object(w, "shards");
        jwrite_uint(w, "of", s->of);
        jwrite_array(w, "parts");
        for (unsigned i = 1; i <= s->of; i++)
            if (s->has[i])
                jwrite_uint(w, NULL, i);
        jwrite_end(w);
        jwrite_end(w);
    }
    text_fini(&missing);
}
