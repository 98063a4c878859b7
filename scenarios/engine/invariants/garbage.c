/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariants of the garbage collector, judged by what is committed rather than by what it saw.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "scenarios/engine/invariants/table.h"
#include "scenarios/engine/run.h"

#define FOREGROUND S("foregroundDeletion")

static bool is_by_collector(const struct view_change *change)
{
    return str_ends_with(change->by, S(":generic-garbage-collector"));
}

/* The owner that a reference names, as it is now; absent when it is gone or another object has its
 * name. */
static struct value owner_of(const struct verdict *v, struct value reference, struct str namespace)
{
    const struct resource *r =
        view_find_kind(v->run->view, VALUE_STR(reference, apiVersion), VALUE_STR(reference, kind));
    if (!r)
        return VALUE_ABSENT;
    struct value owner = view_get_named(
        v->run->view, r->storage, r->is_namespaced ? namespace : S(""), VALUE_STR(reference, name));
    bool is_it =
        value_is_present(owner) && value_equal(object_uid(owner), VALUE_GET(reference, uid));
    return is_it ? owner : VALUE_ABSENT;
}

/* ---- I73 ---- */

static void collected_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    bool is_gone = !value_is_present(change->after);
    bool begins =
        is_gone || (object_is_deleting(change->after) && !object_is_deleting(change->before));
    struct value owners = VALUE_GET(change->before, metadata, ownerReferences);
    if (!begins || object_is_deleting(change->before) || !is_by_collector(change))
        return;
    (*v->checked)++;
    for (size_t i = 0; i < value_count(owners); i++) {
        struct value reference = value_at(owners, i);
        struct value owner = owner_of(v, reference, change->key->namespace);
        bool waits = object_is_deleting(owner) && object_has_finalizer(owner, FOREGROUND);
        if (value_is_present(owner) && !waits)
            text_printf(v->violation,
                        "the garbage collector deletes it although its owner %.*s %.*s is there",
                        STR_ARG(VALUE_STR(reference, kind)), STR_ARG(VALUE_STR(reference, name)));
    }
    if (value_count(owners) == 0)
        text_add(v->violation, S("the garbage collector deletes it although it has no owner"));
}

const struct invariant invariant_collected_without_owner = {
    .id = "I73",
    .name = "collected-without-owner",
    .help = "the garbage collector deletes nothing that has an owner, nor what never had one",
    .changed = collected_changed,
};

/* ---- I74 ---- */

static bool blocks(struct value dependent, struct value owner)
{
    struct value references = VALUE_GET(dependent, metadata, ownerReferences);
    for (size_t i = 0; i < value_count(references); i++) {
        struct value r = value_at(references, i);
        if (value_equal(VALUE_GET(r, uid), object_uid(owner)) &&
            VALUE_BOOL_AT(r, blockOwnerDeletion))
            return true;
    }
    return false;
}

/* Was there before the deletion began (times have whole seconds): a later one may have slipped
 * past. */
static bool is_older(struct value dependent, struct value owner)
{
    struct wall_time made, deleted;
    return time_parse(VALUE_GET(dependent, metadata, creationTimestamp), &made) &&
           time_parse(VALUE_GET(owner, metadata, deletionTimestamp), &deleted) &&
           made.unix_ns < deleted.unix_ns;
}

static void foreground_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    static const enum resource_known kinds[] = {RESOURCE_pods, RESOURCE_replicasets, RESOURCE_jobs};
    (void)memory;
    if (value_is_present(change->after) || !object_is_deleting(change->before) ||
        !is_by_collector(change) || !object_has_finalizer(change->before, FOREGROUND))
        return;
    (*v->checked)++;
    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        struct view_cursor c =
            view_first(v->run->view, resource_get(kinds[k]), change->key->namespace);
        for (; c.key; view_next(&c)) {
            if (blocks(c.object, change->before) && is_older(c.object, change->before))
                text_printf(v->violation, "it went before its dependent %.*s %.*s",
                            STR_ARG(c.key->resource->qualified), STR_ARG(c.key->name));
        }
    }
}

const struct invariant invariant_foreground_order = {
    .id = "I74",
    .name = "foreground-order",
    .help = "what is deleted in the foreground goes after the dependents that block it",
    .changed = foreground_changed,
};
