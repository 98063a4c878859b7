/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread-safe store of client-go's tools/cache, without threads: objects by key and indexers.
 *
 * Items are ordered by namespace and name in one map; beyond a few dozen a hash over interned keys
 * answers single look-ups, so that a kubelet's copy of its 30 pods stays small and a copy of
 * 150,000 stays fast. An update touches neither: the item stays, its object is replaced.
 *
 * An index maps a term (a node's name, a controller's uid) to a bucket: the items that have it, in
 * the order of keys. Most updates change no term; those are noticed and leave the buckets alone.
 *
 * Invariant: an item is in the bucket of each term of its present object and in no other.
 */
#include "sim/base/base.h"

#include "cluster/client/informer_store.h"

#include "cluster/api/object.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"

#define HASH_FROM_COUNT 64
#define TERMS_MAX 64
#define TERM_TEXT_MAX 640

struct bucket {
    char *term;
    size_t size;
    struct map items; /* struct stored_item by key */
};
/* The terms of one object, copied: they may come from temporary texts. */
struct terms {
    size_t count;
    struct str items[TERMS_MAX];
    char text[TERMS_MAX * 96];
    size_t used;
};

static int key_order(const struct object_key *a, const struct object_key *b)
{
    if (a == b)
        return 0;
    int order = str_compare(a->namespace, b->namespace);
    return order ? order : str_compare(a->name, b->name);
}

static int by_key_order(const void *probe, const void *item)
{
    return key_order(((const struct stored_item *)probe)->key,
                     ((const struct stored_item *)item)->key);
}

static bool is_of_key(const void *probe, const void *item)
{
    return ((const struct stored_item *)item)->key == probe;
}

static bool is_of_term(const void *probe, const void *item)
{
    const struct bucket *b = item;
    return str_equal(*(const struct str *)probe, (struct str){b->term, b->size});
}

void informer_store_init(struct informer_store *s)
{
    *s =
        (struct informer_store){.items = {.compare = by_key_order}, .by_key = {.equal = is_of_key}};
}

void informer_store_add_index(struct informer_store *s, informer_terms_fn terms)
{
    vec_push(&s->indexes, (struct store_index){.terms = terms, .buckets = {.equal = is_of_term}});
}

struct stored_item *informer_store_find(const struct informer_store *s,
                                        const struct object_key *key)
{
    if (s->by_key.count > 0)
        return index_get(&s->by_key, key->hash, key);
    return map_get(&s->items, &(struct stored_item){.key = key});
}

/* ---- terms ---- */

static void collect_term(void *sink, struct str term)
{
    struct terms *t = sink;
    for (size_t i = 0; i < t->count; i++)
        if (str_equal(t->items[i], term))
            return;
    CHECK(t->count < TERMS_MAX && term.size <= TERM_TEXT_MAX &&
          t->used + term.size <= sizeof(t->text));
    memcpy(t->text + t->used, term.bytes, term.size);
    t->items[t->count++] = (struct str){t->text + t->used, term.size};
    t->used += term.size;
}

static void terms_of(const struct store_index *x, struct value object, struct terms *t)
{
    t->count = 0;
    t->used = 0;
    if (value_is_present(object))
        x->terms(object, collect_term, t);
}

static bool terms_equal(const struct terms *a, const struct terms *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!str_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

static void bucket_add(struct store_index *x, struct str term, struct stored_item *item)
{
    uint64_t hash = hash_bytes(term);
    struct bucket *b = index_get(&x->buckets, hash, &term);
    if (!b) {
        b = mem_new(struct bucket);
        b->term = mem_copy_string(term);
        b->size = term.size;
        b->items.compare = by_key_order;
        index_put(&x->buckets, hash, &term, b);
    }
    map_add(&b->items, item); /* the terms of an object are all different */
}

static void bucket_remove(struct store_index *x, struct str term, struct stored_item *item)
{
    uint64_t hash = hash_bytes(term);
    struct bucket *b = index_get(&x->buckets, hash, &term);
    CHECK(b);
    map_remove(&b->items, item);
    if (b->items.count > 0)
        return;
    index_remove(&x->buckets, hash, &term);
    map_release(&b->items);
    mem_free(b->term);
    mem_free(b);
}

static void reindex(struct informer_store *s, struct stored_item *item, struct value before,
                    struct value after)
{
    if (s->indexes.count == 0 || value_is_same(before, after))
        return;
    struct terms old, new;
    for (size_t i = 0; i < s->indexes.count; i++) {
        struct store_index *x = &s->indexes.items[i];
        terms_of(x, before, &old);
        terms_of(x, after, &new);
        if (terms_equal(&old, &new))
            continue;
        for (size_t n = 0; n < old.count; n++)
            bucket_remove(x, old.items[n], item);
        for (size_t n = 0; n < new.count; n++)
            bucket_add(x, new.items[n], item);
    }
}

const struct map *informer_store_with(const struct informer_store *s, informer_index index,
                                      struct str term)
{
    CHECK(index < s->indexes.count);
    const struct bucket *b = index_get(&s->indexes.items[index].buckets, hash_bytes(term), &term);
    return b ? &b->items : NULL;
}

/* ---- changes ---- */

static void hash_add(struct informer_store *s, struct stored_item *item)
{
    if (s->by_key.count > 0) {
        index_put(&s->by_key, item->key->hash, item->key, item);
        return;
    }
    if (s->items.count < HASH_FROM_COUNT)
        return;
    for (struct map_cursor c = map_first(&s->items); c.item; map_next(&c)) {
        struct stored_item *each = c.item;
        index_put(&s->by_key, each->key->hash, each->key, each);
    }
}

struct stored_item *informer_store_put(struct informer_store *s, const struct object_key *key,
                                       struct value own_object, struct value *ret_before)
{
    struct stored_item *item = informer_store_find(s, key);
    *ret_before = VALUE_ABSENT;
    if (item) {
        *ret_before = item->object;
        item->object = own_object;
    } else {
        item = mem_new(struct stored_item);
        item->key = object_key_ref(key);
        item->object = own_object;
        map_add(&s->items, item);
        hash_add(s, item);
    }
    reindex(s, item, *ret_before, own_object);
    return item;
}

bool informer_store_remove(struct informer_store *s, const struct object_key *key,
                           struct value *ret_object)
{
    struct stored_item *item = informer_store_find(s, key);
    if (!item)
        return false;
    reindex(s, item, item->object, VALUE_ABSENT);
    map_remove(&s->items, item);
    if (s->by_key.count > 0)
        index_remove(&s->by_key, key->hash, key);
    *ret_object = item->object;
    mem_free(item);
    return true;
}

static void store_index_release(struct informer_store *s, struct store_index *x)
{
    for (struct map_cursor c = map_first(&s->items); c.item; map_next(&c)) {
        struct terms t;
        terms_of(x, ((struct stored_item *)c.item)->object, &t);
        for (size_t n = 0; n < t.count; n++)
            bucket_remove(x, t.items[n], c.item);
    }
    CHECK(x->buckets.count == 0);
    index_release(&x->buckets);
}

void informer_store_release(struct informer_store *s)
{
    for (size_t i = 0; i < s->indexes.count; i++)
        store_index_release(s, &s->indexes.items[i]);
    vec_release(&s->indexes);
    for (struct map_cursor c = map_first(&s->items); c.item; map_next(&c)) {
        struct stored_item *item = c.item;
        value_drop(item->object);
        object_key_unref(item->key);
        mem_free(item);
    }
    map_release(&s->items);
    index_release(&s->by_key);
}
