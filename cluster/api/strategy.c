/* SPDX-License-Identifier: Apache-2.0
 *
 * The create and update strategies (pkg/registry/... upstream) that every kind's registry applies
 * before validation: who owns the status, what metadata.generation counts, what the server fills in
 * because only it may.
 *
 * The system's metadata (uid, creationTimestamp) is there when strategy_prepare_create runs: a
 * job's selector is made of its uid.
 */
#include "sim/base/base.h"

#include "cluster/api/strategy.h"

#include "cluster/api/podspec.h"

static bool has_status(const struct resource *r)
{
    return r->subresources & (1u << SUBRESOURCE_STATUS);
}

/* ---- create ---- */

static struct value pod_status(struct value pod)
{
    struct value spec = value_get(pod, ATOM_spec);
    struct value s = value_set(value_object(), ATOM_phase, value_string(S("Pending")));
    s = value_set(s, ATOM_qosClass, value_string(podspec_qos_class(spec)));
    if (value_count(value_get(spec, ATOM_schedulingGates)) > 0)
        s = value_set(
            s, ATOM_conditions,
            value_pack("[{type: PodScheduled, status: \"False\", reason: SchedulingGated, message: "
                       "\"Scheduling is blocked due to non-empty scheduling gates\"}]"));
    return s;
}

/* The labels by which a job finds its pods, on the template and in the selector. */
static struct value generate_job_selector(struct value o)
{
    struct value uid = VALUE_GET(o, metadata, uid), name = VALUE_GET(o, metadata, name);
    if (!value_is_present(uid) || VALUE_BOOL_AT(o, spec, manualSelector))
        return o;
    struct value labels = value_keep(VALUE_GET(o, spec, template, metadata, labels));
    if (!value_is_present(labels))
        labels = value_object();
    labels = value_set_key(labels, S("batch.kubernetes.io/controller-uid"), value_keep(uid));
    labels = value_set_key(labels, S("batch.kubernetes.io/job-name"), value_keep(name));
    labels = value_set_key(labels, S("controller-uid"), value_keep(uid));
    labels = value_set_key(labels, S("job-name"), value_keep(name));
    struct value match =
        value_set_key(value_object(), S("batch.kubernetes.io/controller-uid"), value_keep(uid));
    if (value_count(VALUE_GET(o, metadata, labels)) == 0) /* the default of a job without labels */
        o = VALUE_SET(o, value_keep(labels), metadata, labels);
    o = VALUE_SET(o, labels, spec, template, metadata, labels);
    return VALUE_SET(o, match, spec, selector, matchLabels);
}

/* Daemon sets count changes of their template in an annotation, which once was a field. */
#define TEMPLATE_GENERATION S(DAEMON_SET_TEMPLATE_GENERATION)

static struct value set_template_generation(struct value o, int64_t generation)
{
    struct value annotations = value_keep(VALUE_GET(o, metadata, annotations));
    if (!value_is_present(annotations))
        annotations = value_object();
    annotations =
        value_set_key(annotations, TEMPLATE_GENERATION, value_printf("%" PRId64, generation));
    return VALUE_SET(o, annotations, metadata, annotations);
}

static struct value count_template(struct value own_new, struct value old)
{
    int64_t generation = 0;
    struct value was = value_get_key(VALUE_GET(old, metadata, annotations), TEMPLATE_GENERATION);
    (void)str_to_int64(value_str(was), &generation); /* 0 when it is none */
    struct value a = VALUE_GET(old, spec, template), b = VALUE_GET(own_new, spec, template);
    if (!value_is_same(a, b) && !value_equal(a, b))
        return set_template_generation(own_new, generation + 1);
    if (value_equal(was,
                    value_get_key(VALUE_GET(own_new, metadata, annotations), TEMPLATE_GENERATION)))
        return own_new;
    return value_is_present(was) ? set_template_generation(own_new, generation) : own_new;
}

static struct value definition_status(struct value o)
{
    struct value versions = VALUE_GET(o, spec, versions), stored = value_array();
    for (size_t i = 0; i < value_count(versions); i++) {
        if (VALUE_BOOL_AT(value_at(versions, i), storage)) /* the name may be missing as yet */
            stored = value_append(stored, value_string(VALUE_STR(value_at(versions, i), name)));
    }
    return value_pack("{storedVersions: %v}", stored);
}

struct value strategy_prepare_create(const struct resource *r, struct value o)
{
    /* A kubelet registers its node with its status. */
    if (has_status(r) && r->index != RESOURCE_nodes && value_is_present(value_get(o, ATOM_status)))
        o = value_set(o, ATOM_status, VALUE_ABSENT);
    if (r->strategy & STRATEGY_GENERATION)
        o = VALUE_SET(o, value_integer(1), metadata, generation);
    else if (value_is_present(VALUE_GET(o, metadata, generation)))
        o = VALUE_REMOVE(o, metadata, generation);
    if (r->index == RESOURCE_pods) {
        /* Admission may have chosen the account; the old name of the field follows. */
        struct value account = VALUE_GET(o, spec, serviceAccountName);
        if (value_is_present(account) && !value_equal(account, VALUE_GET(o, spec, serviceAccount)))
            o = VALUE_SET(o, value_keep(account), spec, serviceAccount);
        struct value status = pod_status(o);
        return value_set(o, ATOM_status, status);
    }
    if (r->index == RESOURCE_jobs)
        return generate_job_selector(o);
    if (r->index == RESOURCE_daemonsets)
        return set_template_generation(o, 1);
    if (r->index == RESOURCE_namespaces) {
        struct value finalizers = VALUE_GET(o, spec, finalizers);
        bool has_own = false;
        for (size_t i = 0; i < value_count(finalizers); i++)
            has_own |= value_is(value_at(finalizers, i), "kubernetes");
        if (!has_own) {
            struct value list = value_append(value_keep(finalizers), value_string(S("kubernetes")));
            o = VALUE_SET(o, list, spec, finalizers);
        }
        return VALUE_SET(o, value_string(S("Active")), status, phase);
    }
    if (r->index == RESOURCE_persistentvolumes) {
        struct value now = value_keep(VALUE_GET(o, metadata, creationTimestamp));
        o = VALUE_SET(o, now, status, lastPhaseTransitionTime);
    }
    if (r->index == RESOURCE_persistentvolumes || r->index == RESOURCE_persistentvolumeclaims)
        return VALUE_SET(o, value_string(S("Pending")), status, phase);
    if (r->index == RESOURCE_customresourcedefinitions) {
        struct value status = definition_status(o);
        return value_set(o, ATOM_status, status);
    }
    return o;
}

/* ---- update ---- */

static bool differs(struct value old, struct value new)
{
    return !value_is_same(old, new) && !value_equal(old, new);
}

bool object_spec_changed(const struct resource *r, struct value old, struct value new)
{
    if (r->index == RESOURCE_priorityclasses)
        return false;
    if (r->index == RESOURCE_deployments &&
        differs(VALUE_GET(old, metadata, annotations), VALUE_GET(new, metadata, annotations)))
        return true;
    if (r->index == RESOURCE_endpointslices &&
        differs(VALUE_GET(old, metadata, labels), VALUE_GET(new, metadata, labels)))
        return true;
    const struct value sides[] = {old, new};
    for (size_t s = 0; s < ARRAY_COUNT(sides); s++) {
        for (size_t i = 0; i < value_count(sides[s]); i++) {
            atom key = value_key_atom_at(sides[s], i);
            bool is_own = key == ATOM_status && resource_is_custom(r) && !has_status(r);
            if (key != ATOM_metadata && (key != ATOM_status || is_own) && key != ATOM_kind &&
                key != ATOM_apiVersion && differs(value_get(old, key), value_get(new, key)))
                return true;
        }
    }
    return false;
}

/* `own_new` with the member of old, shared; nothing when it is the same already. */
static struct value put_back(struct value own_new, struct value old, atom key)
{
    struct value was = value_get(old, key);
    if (value_is_same(value_get(own_new, key), was))
        return own_new;
    return value_set(own_new, key, value_keep(was));
}

static struct value set_generation(struct value own_new, struct value generation)
{
    if (value_equal(VALUE_GET(own_new, metadata, generation), generation))
        return own_new;
    return value_is_present(generation)
               ? VALUE_SET(own_new, value_keep(generation), metadata, generation)
               : VALUE_REMOVE(own_new, metadata, generation);
}

/* A version that becomes the stored one is added to those that may be found in etcd. */
static struct value remember_stored_version(struct value definition)
{
    struct value versions = VALUE_GET(definition, spec, versions);
    for (size_t i = 0; i < value_count(versions); i++) {
        struct value name = VALUE_GET(value_at(versions, i), name);
        struct value stored = VALUE_GET(definition, status, storedVersions);
        if (!VALUE_BOOL_AT(value_at(versions, i), storage) || value_has_item(stored, name))
            continue;
        stored = value_append(value_keep(stored), value_keep(name));
        definition = VALUE_SET(definition, stored, status, storedVersions);
    }
    return definition;
}

struct value strategy_prepare_update(const struct resource *r, struct value own_new,
                                     struct value old)
{
    if (has_status(r))
        own_new = put_back(own_new, old, ATOM_status);
    if (r->index == RESOURCE_namespaces)
        own_new = put_back(own_new, old, ATOM_spec);
    if (r->index == RESOURCE_daemonsets)
        own_new = count_template(own_new, old);
    if (r->index == RESOURCE_customresourcedefinitions)
        own_new = remember_stored_version(own_new);
    struct value generation = VALUE_GET(old, metadata, generation);
    if ((r->strategy & STRATEGY_GENERATION) && object_spec_changed(r, old, own_new))
        generation = value_integer(value_as_integer(generation, 0) + 1);
    return set_generation(own_new, generation);
}

struct value strategy_prepare_status_update(const struct resource *r, struct value own_new,
                                            struct value old)
{
    for (size_t i = 0; i < value_count(old); i++) {
        atom key = value_key_atom_at(old, i);
        if (key != ATOM_metadata && key != ATOM_status)
            own_new = put_back(own_new, old, key);
    }
    if (r->index == RESOURCE_pods) {
        struct value owners = VALUE_GET(old, metadata, ownerReferences);
        if (!value_is_same(owners, VALUE_GET(own_new, metadata, ownerReferences)))
            own_new = VALUE_SET(own_new, value_keep(owners), metadata, ownerReferences);
        struct value qos = VALUE_GET(old, status, qosClass);
        if (!value_equal(qos, VALUE_GET(own_new, status, qosClass)))
            own_new = VALUE_SET(own_new, value_keep(qos), status, qosClass);
    }
    return set_generation(own_new, VALUE_GET(old, metadata, generation));
}
