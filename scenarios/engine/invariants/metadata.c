/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariants of what all objects have in common: uids, versions, deletion, generation, owners.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "scenarios/engine/invariants/table.h"
#include "sim/base/mem.h"

/* ---- I41 ---- */

static void *hash_set_new(struct run *r)
{
    (void)r;
    return mem_new(struct hash_set);
}

static void hash_set_free(void *memory)
{
    hash_set_release(memory);
    mem_free(memory);
}

static void uid_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    if (!value_is_present(change->after))
        return;
    struct value uid = object_uid(change->after);
    if (!value_is_present(uid))
        return;
    (*v->checked)++;
    if (is_update(change)) {
        if (!value_equal(uid, object_uid(change->before)))
            text_add(v->violation, S("its uid changed"));
    } else if (!hash_set_add(memory, value_hash(uid)))
        text_printf(v->violation, "uid %.*s was in use before", STR_ARG(value_str(uid)));
}

const struct invariant invariant_uid_unique = {
    .id = "I41",
    .name = "uid-unique",
    .help = "a uid belongs to one object for ever",
    .changed = uid_changed,
    .memory_new = hash_set_new,
    .memory_free = hash_set_free,
};

static void resource_version_changed(struct verdict *v, void *memory,
                                     const struct view_change *change)
{
    (void)memory;
    if (!value_is_present(change->after))
        return;
    (*v->checked)++;
    int64_t now = object_version(change->after);
    if (now != change->revision)
        text_printf(v->violation, "resourceVersion %" PRId64 " at revision %" PRId64, now,
                    change->revision);
    else if (is_update(change) && now <= object_version(change->before))
        text_printf(v->violation, "resourceVersion %" PRId64 " follows %" PRId64, now,
                    object_version(change->before));
}

const struct invariant invariant_version_increases = {
    .id = "I41b",
    .name = "resource-version-increases",
    .help = "an object's resourceVersion is the revision of its last write and grows",
    .changed = resource_version_changed,
};

/* ---- I42 ---- */

static void deletion_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_update(change) || !object_is_deleting(change->before))
        return;
    (*v->checked)++;
    if (!object_is_deleting(change->after))
        text_add(v->violation, S("its deletionTimestamp was taken back"));
}

const struct invariant invariant_deletion_is_final = {
    .id = "I42",
    .name = "deletion-is-final",
    .help = "a deletionTimestamp is never taken back",
    .changed = deletion_changed,
};

static void finalizer_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_update(change) || !object_is_deleting(change->before))
        return;
    struct value finalizers = VALUE_GET(change->after, metadata, finalizers);
    if (value_is_same(finalizers, VALUE_GET(change->before, metadata, finalizers)))
        return;
    (*v->checked)++;
    for (size_t i = 0; i < value_count(finalizers); i++) {
        struct str name = value_str(value_at(finalizers, i));
        if (!object_has_finalizer(change->before, name))
            text_printf(v->violation, "finalizer %.*s came after the deletion", STR_ARG(name));
    }
}

const struct invariant invariant_no_late_finalizer = {
    .id = "I42b",
    .name = "no-late-finalizer",
    .help = "no finalizer is added once an object is being deleted",
    .changed = finalizer_changed,
};

static void gone_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (value_is_present(change->after) || !value_is_present(change->before))
        return;
    struct value finalizers = VALUE_GET(change->before, metadata, finalizers);
    (*v->checked)++;
    /* The write that takes the last finalizer away deletes at once: one may be left in what was
     * stored. */
    if (value_count(finalizers) > 1)
        text_printf(v->violation, "it is gone with %zu finalizers", value_count(finalizers));
}

const struct invariant invariant_gone_when_free = {
    .id = "I42c",
    .name = "gone-when-free",
    .help = "an object does not go while finalizers hold it",
    .changed = gone_changed,
};

/* ---- I43 ---- */

static bool counts_generations(const struct view_change *change)
{
    static const enum resource_known kinds[] = {
        RESOURCE_deployments, RESOURCE_replicasets, RESOURCE_statefulsets,
        RESOURCE_daemonsets,  RESOURCE_cronjobs,    RESOURCE_poddisruptionbudgets};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (is_of(change, kinds[i]))
            return true;
    }
    return false;
}

static void generation_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_update(change) || !counts_generations(change))
        return;
    struct value before = VALUE_GET(change->before, spec), after = VALUE_GET(change->after, spec);
    int64_t was = object_generation(change->before), is = object_generation(change->after);
    bool is_same = value_is_same(before, after) || value_equal(before, after);
    /* A Deployment's annotations go on to its ReplicaSets, so they count, but not with a status. */
    bool may_grow = is_of(change, RESOURCE_deployments) && is == was + 1 &&
                    !value_equal(VALUE_GET(change->before, metadata, annotations),
                                 VALUE_GET(change->after, metadata, annotations));
    bool begins_deletion = object_is_deleting(change->after) && !object_is_deleting(change->before);
    (*v->checked)++;
    if (is < was)
        text_printf(v->violation, "generation went from %" PRId64 " to %" PRId64, was, is);
    else if (!is_same && is != was + 1)
        text_printf(v->violation, "the spec changed, generation went from %" PRId64 " to %" PRId64,
                    was, is);
    else if (is_same && is != was && !begins_deletion && !may_grow)
        text_printf(v->violation,
                    "the spec did not change, generation went from %" PRId64 " to %" PRId64, was,
                    is);
}

const struct invariant invariant_generation_follows_spec = {
    .id = "I43",
    .name = "generation-follows-spec",
    .help = "generation grows by one with each change of the spec, and only then (or as a deletion "
            "begins, or with a Deployment's annotations)",
    .changed = generation_changed,
};

static void observed_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    struct value observed = VALUE_GET(change->after, status, observedGeneration);
    if (!value_is_present(observed))
        return;
    (*v->checked)++;
    if (value_as_integer(observed, 0) > object_generation(change->after))
        text_printf(v->violation, "observedGeneration %" PRId64 " is ahead of generation %" PRId64,
                    value_as_integer(observed, 0), object_generation(change->after));
}

const struct invariant invariant_observed_generation = {
    .id = "I43b",
    .name = "observed-generation",
    .help = "observedGeneration is never ahead of generation",
    .changed = observed_changed,
};

/* ---- I44 ---- */

static void metadata_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_update(change))
        return;
    (*v->checked)++;
    if (!value_equal(VALUE_GET(change->before, metadata, creationTimestamp),
                     VALUE_GET(change->after, metadata, creationTimestamp)))
        text_add(v->violation, S("its creationTimestamp changed"));
}

const struct invariant invariant_immutable_metadata = {
    .id = "I44",
    .name = "immutable-metadata",
    .help = "creationTimestamp never changes",
    .changed = metadata_changed,
};

static void selector_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    bool is_workload = is_of(change, RESOURCE_deployments) || is_of(change, RESOURCE_replicasets) ||
                       is_of(change, RESOURCE_statefulsets) || is_of(change, RESOURCE_daemonsets) ||
                       is_of(change, RESOURCE_jobs);
    if (!is_update(change) || !is_workload)
        return;
    (*v->checked)++;
    if (!value_equal(VALUE_GET(change->before, spec, selector),
                     VALUE_GET(change->after, spec, selector)))
        text_add(v->violation, S("its selector changed"));
}

const struct invariant invariant_immutable_selector = {
    .id = "I44b",
    .name = "immutable-selector",
    .help = "the selector of a workload never changes",
    .changed = selector_changed,
};

/* ---- I65 ---- */

static void owner_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    struct value owners = VALUE_GET(change->after, metadata, ownerReferences);
    if (value_count(owners) == 0 ||
        value_is_same(owners, VALUE_GET(change->before, metadata, ownerReferences)))
        return;
    size_t controllers = 0;
    for (size_t i = 0; i < value_count(owners); i++)
        controllers += VALUE_BOOL_AT(value_at(owners, i), controller);
    (*v->checked)++;
    if (controllers > 1)
        text_printf(v->violation, "%zu controllers own it", controllers);
}

const struct invariant invariant_one_controller = {
    .id = "I65",
    .name = "one-controller",
    .help = "at most one owner reference of an object is its controller",
    .changed = owner_changed,
};
