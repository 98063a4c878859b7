/* SPDX-License-Identifier: Apache-2.0
 *
 * managedFields after a create, an update or a patch (managedfields/internal upstream: the chain
 * that begins in FieldManager.Update).
 *
 * Whoever changes a field owns it; nobody else does any longer, and nobody owns a field that is
 * gone. The writer's own entry keeps what it had, grows by what it changed, and its time moves
 * only then. "If the managedFields of the request are empty or cannot be read, those of the object
 * count, so that a client that knows nothing of them does not delete them"; [] or [{}] resets
 * them. An object whose managedFields are empty is not tracked again by an update, only by an
 * apply.
 *
 * At most ten entries of updates stay: beyond, the oldest of one version become one of the manager
 * "ancient-changes".
 *
 * The scale subresource shows the managers of the parent's replicas as those of a Scale. What comes
 * back: a manager that has lost spec.replicas loses the parent's path, a new one gets it. The two
 * know an update's entry by different versions, so one that comes back from the scale is always a
 * new one to the parent, and has no time.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/entries.h"

#include "cluster/api/object.h"
#include "sim/base/arena.h"
#include "sim/base/sort.h"

/* ---- whose entries count ---- */

static bool resets(struct value entries)
{
    if (value_kind(entries) != VALUE_ARRAY)
        return false;
    return value_count(entries) == 0 ||
           (value_count(entries) == 1 && value_count(value_at(entries, 0)) == 0);
}

static void take_live(struct value live, struct managed_entries *ret_entries)
{
    struct value entries = VALUE_GET(live, metadata, managedFields);
    entries_take(entries, ret_entries);
}

static void choose_entries(const struct managed_scope *s, struct value live, struct value new,
                           struct managed_entries *ret_entries)
{
    struct value own = VALUE_GET(live, metadata, managedFields);
    struct value sent = VALUE_GET(new, metadata, managedFields);
    AUTO(text) struct text why = {0};
    *ret_entries = (struct managed_entries){0};
    if (s->subresource.size > 0 || !value_is_present(sent) || value_is_same(sent, own) ||
        value_equal(sent, own)) {
        take_live(live, ret_entries);
        return;
    }
    if (resets(sent))
        return;
    if (value_kind(sent) != VALUE_ARRAY || !entries_read(sent, ret_entries, &why))
        take_live(live, ret_entries);
}

bool managed_are_valid(struct value entries, struct text *ret_why)
{
    struct managed_entries e;
    if (!entries_read(entries, &e, ret_why))
        return false;
    entries_release(&e);
    return true;
}

/* ---- the cap ---- */

struct updater {
    size_t at;
    int64_t seconds;
    struct str identifier;
};

static int by_age(const void *a, const void *b, void *context)
{
    (void)context;
    const struct updater *x = a, *y = b;
    if (x->seconds != y->seconds)
        return x->seconds < y->seconds ? -1 : 1;
    return str_compare(x->identifier, y->identifier);
}

static size_t updaters_of(struct managed_entries *e, struct arena *arena, struct updater *out)
{
    size_t count = 0;
    for (size_t i = 0; i < e->items.count; i++) {
        const struct managed_entry *m = &e->items.items[i];
        struct wall_time t = {0};
        AUTO(text) struct text identifier = {0};
        if (m->is_apply || !value_is_present(m->set))
            continue;
        if (value_is_present(m->time))
            (void)time_parse(m->time, &t);
        entry_identifier(m, &identifier);
        out[count++] = (struct updater){i, t.unix_ns / duration_s(1).ns,
                                        arena_str(arena, text_str(&identifier))};
    }
    return count;
}

/* One version's oldest updates. */
struct bucket {
    size_t first; /* the oldest, which becomes the bucket when there is a second */
    size_t at;    /* of the bucket's entry; SIZE_MAX: none yet */
};

static void bucket_make(struct managed_entries *e, struct bucket *b)
{
    const struct managed_entry like = {.manager = value_string(S("ancient-changes")),
                                       .api_version = e->items.items[b->first].api_version};
    const struct managed_entry *made = entries_get(e, &like);
    value_drop(like.manager);
    b->at = (size_t)(made - e->items.items);
    if (b->at == b->first)
        return;
    struct managed_entry *bucket = &e->items.items[b->at], *first = &e->items.items[b->first];
    entry_set(bucket, fields_union(bucket->set, first->set));
    entry_set(first, VALUE_ABSENT);
}

static void bucket_take(struct managed_entries *e, struct bucket *b, size_t at)
{
    if (b->at == SIZE_MAX)
        bucket_make(e, b);
    struct managed_entry *bucket = &e->items.items[b->at], *merged = &e->items.items[at];
    entry_set(bucket, fields_union(merged->set, bucket->set));
    entry_time(bucket, merged->time);
    if (merged != bucket)
        entry_set(merged, VALUE_ABSENT);
}

static void cap_updaters(struct managed_entries *e)
{
    if (e->items.count <= MANAGED_UPDATERS_MAX)
        return;
    struct arena arena = {0};
    struct updater *u = arena_array(&arena, struct updater, e->items.count);
    size_t count = updaters_of(e, &arena, u), length = count;
    if (count > MANAGED_UPDATERS_MAX)
        sort_stable(u, count, sizeof(u[0]), by_age, NULL);
    VEC(struct bucket) buckets = {0};
    for (size_t i = 0; i < count && length > MANAGED_UPDATERS_MAX; i++) {
        struct value version = e->items.items[u[i].at].api_version;
        size_t k = 0;
        while (k < buckets.count &&
               !value_equal(e->items.items[buckets.items[k].first].api_version, version))
            k++;
        if (k == buckets.count) {
            vec_push(&buckets, (struct bucket){u[i].at, SIZE_MAX});
            continue;
        }
        bucket_take(e, &buckets.items[k], u[i].at);
        length--;
    }
    vec_release(&buckets);
    arena_release(&arena);
}

/* ---- update ---- */

/* Others lose what changed, and everybody what is gone; entries of versions that are no more go. */
static void all_lose(struct managed_entries *e, const struct managed_entry *writer,
                     struct managed_comparison *c)
{
    for (size_t i = 0; i < e->items.count; i++) {
        struct managed_entry *m = &e->items.items[i];
        const struct managed_version *v = managed_compare(c, m->api_version);
        if (!v) {
            entry_set(m, VALUE_ABSENT);
            continue;
        }
        struct value rest =
            m == writer ? value_keep(m->set) : fields_difference(m->set, v->changed);
        entry_set(m, fields_difference(rest, v->change.removed));
        value_drop(rest);
    }
}

static void lose_and_gain(struct managed_entries *e, struct managed_comparison *c,
                          struct str manager, struct value now)
{
    const struct managed_scope *s = c->scope;
    const struct managed_entry like = {
        .manager = value_string(manager.size > 0 ? manager : S("unknown")),
        .api_version = value_string(s->api_version),
        .subresource = s->subresource.size > 0 ? value_string(s->subresource) : VALUE_ABSENT};
    const struct managed_version *v = managed_compare(c, like.api_version);
    struct value own = managed_strip(value_keep(v->changed));
    struct managed_entry *writer = value_is_present(own) ? entries_get(e, &like) : NULL;
    all_lose(e, writer, c);
    if (writer) {
        entry_set(writer, fields_union(writer->set, own));
        entry_time(writer, now);
    }
    value_drop(own);
    value_drop(like.manager);
    value_drop(like.api_version);
    value_drop(like.subresource);
}

struct value managed_update(const struct managed_scope *s, struct value live, struct value own_new,
                            struct str manager, struct value now)
{
    struct value own = VALUE_GET(live, metadata, managedFields);
    struct managed_entries entries;
    choose_entries(s, live, own_new, &entries);
    entries_reconcile(s, live, &entries);
    bool is_create = !value_is_present(VALUE_GET(live, metadata, uid));
    struct value list;
    if (entries.items.count == 0 && !is_create) {
        list = VALUE_ABSENT;
    } else {
        struct managed_comparison c = {.scope = s, .old = live, .new = own_new};
        lose_and_gain(&entries, &c, manager, now);
        managed_comparison_release(&c);
        cap_updaters(&entries);
        list = entries_write(&entries, own);
    }
    entries_release(&entries);
    if (value_is_same(VALUE_GET(own_new, metadata, managedFields), list)) {
        value_drop(list);
        return own_new;
    }
    return VALUE_SET(own_new, list, metadata, managedFields);
}

/* ---- changes of times alone ---- */

struct value managed_ignore_times(struct value own_new, struct value old)
{
    struct value a = VALUE_GET(old, metadata, managedFields);
    struct value b = VALUE_GET(own_new, metadata, managedFields);
    size_t count = value_count(b);
    if (count == 0 || count != value_count(a) || value_is_same(a, b))
        return own_new;
    struct value timed = value_keep(b);
    for (size_t i = 0; i < count; i++) {
        struct value was = value_get(value_at(a, i), ATOM_time);
        struct value entry = value_at(timed, i);
        if (!value_equal(was, value_get(entry, ATOM_time)))
            timed =
                value_set_at(timed, i, value_set(value_keep(entry), ATOM_time, value_keep(was)));
    }
    if (!value_equal(timed, a)) {
        value_drop(timed);
        return own_new;
    }
    value_drop(timed);
    struct value candidate = VALUE_SET(value_keep(own_new), value_keep(a), metadata, managedFields);
    if (value_equal(candidate, old)) {
        value_drop(own_new);
        return candidate;
    }
    value_drop(candidate);
    return own_new;
}

/* ---- scale ---- */

#define SCALE_VERSION S("autoscaling/v1")
static const char *const scale_path[] = {"spec", "replicas"};

static struct value set_of_path(const char *const *path, size_t count)
{
    struct value set = value_object();
    for (size_t i = count; i > 0; i--)
        set = fields_add_field(VALUE_ABSENT, atom_of(str_from(path[i - 1])), set);
    return set;
}

struct value managed_scale_of(struct value parent_entries, const char *const *path, size_t count)
{
    struct managed_entries e;
    entries_take(parent_entries, &e);
    AUTO(value) struct value version = value_string(SCALE_VERSION);
    for (size_t i = 0; i < e.items.count; i++) {
        struct managed_entry *m = &e.items.items[i];
        bool has_replicas = fields_has(m->set, path, count);
        entry_set(m, has_replicas ? set_of_path(scale_path, 2) : VALUE_ABSENT);
        value_drop(m->api_version);
        m->api_version = value_keep(version);
        m->is_changed = true;
    }
    struct value list = entries_write(&e, VALUE_ABSENT);
    entries_release(&e);
    return list;
}

struct value managed_of_scale(struct value parent_entries, struct value scale_entries,
                              struct str parent_version, const char *const *path, size_t count)
{
    struct managed_entries parent, scale;
    AUTO(value) struct value version = value_string(parent_version);
    AUTO(value) struct value replicas = set_of_path(path, count);
    entries_take(parent_entries, &parent);
    entries_take(scale_entries, &scale);
    for (size_t i = 0; i < scale.items.count; i++) {
        value_drop(scale.items.items[i].api_version);
        scale.items.items[i].api_version = value_keep(version);
    }
    for (size_t i = 0; i < parent.items.count; i++) {
        struct managed_entry *m = &parent.items.items[i];
        bool is_kept = m->is_apply && entries_find(&scale, m);
        if (fields_has(m->set, path, count) && !is_kept)
            entry_set(m, fields_difference(m->set, replicas));
    }
    for (size_t i = 0; i < scale.items.count; i++) {
        struct managed_entry *m = &scale.items.items[i];
        if (!fields_has(m->set, scale_path, 2) || (m->is_apply && entries_find(&parent, m)))
            continue;
        entry_set(m, value_keep(replicas));
        entry_time(m, VALUE_ABSENT);
        m->is_changed = true;
        vec_push(&parent.items, *m);
        *m = (struct managed_entry){0};
    }
    struct value list = entries_write(&parent, parent_entries);
    entries_release(&parent);
    entries_release(&scale);
    return list;
}
