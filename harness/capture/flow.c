#include "harness/capture/flow.h"

#include "harness/session/text.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 256u

static void make_buckets(struct flow_table *t, size_t n)
{
    t->n_buckets = n;
    t->buckets = text_realloc(t->buckets, n * sizeof(struct flow *));
    memset(t->buckets, 0, n * sizeof(struct flow *));
}

void flow_table_init(struct flow_table *t, void (*forget)(void *context, struct flow *flow),
                     void *context)
{
    *t = (struct flow_table){.forget = forget, .context = context};
    make_buckets(t, FIRST_BUCKETS);
}

static void free_list(struct flow *flow)
{
    while (flow != NULL) {
        struct flow *next = flow->newer;
        free(flow);
        flow = next;
    }
}

void flow_table_fini(struct flow_table *t)
{
    free_list(t->oldest);
    free_list(t->spare);
    free(t->buckets);
    *t = (struct flow_table){0};
}

/* The end with the smaller address and port is 0; returns which end sent the packet. */
static int key_of(struct flow_key *key, const struct dissected *p, bool is_udp)
{
    int order = memcmp(p->from, p->to, 16);
    int from = order != 0 ? order > 0 : p->from_port > p->to_port;

    memcpy(key->address[from], p->from, 16);
    memcpy(key->address[!from], p->to, 16);
    key->port[from] = p->from_port;
    key->port[!from] = p->to_port;
    key->is_udp = is_udp;
    return from;
}

static size_t hash(const struct flow_table *t, const struct flow_key *key)
{
    uint64_t words[sizeof *key / 8], h = 0;

    memcpy(words, key, sizeof words);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        h = (h ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15), h ^= h >> 29;
    return (size_t)(h >> 20) & (t->n_buckets - 1);
}

static bool is_same(const struct flow_key *a, const struct flow_key *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void unlink_age(struct flow_table *t, struct flow *f)
{
    *(f->older ? &f->older->newer : &t->oldest) = f->newer;
    *(f->newer ? &f->newer->older : &t->newest) = f->older;
}

static void link_newest(struct flow_table *t, struct flow *f)
{
    f->older = t->newest;
    f->newer = NULL;
    *(t->newest ? &t->newest->newer : &t->oldest) = f;
    t->newest = f;
}

void flow_table_remove(struct flow_table *t, struct flow *f)
{
    struct flow **at = &t->buckets[hash(t, &f->key)];

    while (*at != f)
        at = &(*at)->chain;
    *at = f->chain;
    unlink_age(t, f);
    if (t->last == f)
        t->last = NULL;
    t->n--;
    f->newer = t->spare;
    t->spare = f;
}

/* Twice as many buckets. */
static void grow(struct flow_table *t)
{
    make_buckets(t, 2 * t->n_buckets);
    for (struct flow *f = t->oldest; f != NULL; f = f->newer) {
        struct flow **bucket = &t->buckets[hash(t, &f->key)];
        f->chain = *bucket;
        *bucket = f;
    }
}

static struct flow *add(struct flow_table *t, const struct flow_key *key, uint64_t number)
{
    if (t->n == FLOW_MAX) {
        struct flow *old = t->oldest;
        t->forget(t->context, old);
        if (t->n == FLOW_MAX) /* forget() may have removed it, and others */
            flow_table_remove(t, old);
    }
    if (t->n == t->n_buckets)
        grow(t);
    struct flow *f = t->spare;
    if (f != NULL)
        t->spare = f->newer;
    else
        f = text_realloc(NULL, sizeof *f);
    struct flow **bucket = &t->buckets[hash(t, key)];
    *f = (struct flow){
        .key = *key,
        .chain = *bucket,
        .client = -1,
        .syn_from = -1,
        .scale = {DISSECT_NO_SCALE, DISSECT_NO_SCALE},
        .first_number = number
    };
    *bucket = f;
    link_newest(t, f);
    t->n++;
    return f;
}

struct flow *flow_table_get(struct flow_table *t, const struct dissected *p, bool is_udp, int *from)
{
    struct flow_key key = {0};

    *from = key_of(&key, p, is_udp);
    if (t->last != NULL && is_same(&t->last->key, &key))
        return t->last; /* as most packets: of the same flow as the one before */
    struct flow *f = t->buckets[hash(t, &key)];
    while (f != NULL && !is_same(&f->key, &key))
        f = f->chain;
    if (f == NULL) {
        f = add(t, &key, p->number);
    } else if (f != t->newest) {
        unlink_age(t, f);
        link_newest(t, f);
    }
    t->last = f;
    return f;
}
