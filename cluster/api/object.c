/* SPDX-License-Identifier: Apache-2.0
 *
 * What all objects have in common (ObjectMeta): reading names, versions, owners, conditions and
 * times. Reading borrows.
 *
 * Source: kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"

struct value object_name(struct value o)
{
    return VALUE_GET(o, metadata, name);
}

struct value object_namespace(struct value o)
{
    return VALUE_GET(o, metadata, namespace);
}

struct value object_uid(struct value o)
{
    return VALUE_GET(o, metadata, uid);
}

struct value object_labels(struct value o)
{
    return VALUE_GET(o, metadata, labels);
}

struct value object_label(struct value o, struct str key)
{
    return value_get_key(VALUE_GET(o, metadata, labels), key);
}

struct value object_annotation(struct value o, struct str key)
{
    return value_get_key(VALUE_GET(o, metadata, annotations), key);
}

int64_t object_version(struct value o)
{
    int64_t version;
    return str_to_int64(VALUE_STR(o, metadata, resourceVersion), &version) ? version : 0;
}

int64_t object_generation(struct value o)
{
    return VALUE_INT(o, 0, metadata, generation);
}

bool object_is_deleting(struct value o)
{
    return value_kind(VALUE_GET(o, metadata, deletionTimestamp)) == VALUE_STRING;
}

bool object_has_finalizer(struct value o, struct str finalizer)
{
    struct value finalizers = VALUE_GET(o, metadata, finalizers);
    for (size_t i = 0; i < value_count(finalizers); i++)
        if (str_equal(value_str(value_at(finalizers, i)), finalizer))
            return true;
    return false;
}

/* ---- owners ---- */

struct value object_controller_ref(struct value o)
{
    struct value owners = VALUE_GET(o, metadata, ownerReferences);
    for (size_t i = 0; i < value_count(owners); i++)
        if (value_as_bool(value_get(value_at(owners, i), ATOM_controller)))
            return value_at(owners, i);
    return VALUE_ABSENT;
}

bool object_is_controlled_by(struct value o, struct value owner)
{
    struct value uid = value_get(object_controller_ref(o), ATOM_uid);
    return value_is_present(uid) && value_equal(uid, object_uid(owner));
}

struct value owner_reference_make(const struct resource *r, struct value owner)
{
    return value_pack(
        "{apiVersion: %S, kind: %S, name: %v, uid: %v, controller: true, blockOwnerDeletion: true}",
        r->group_version, r->kind, value_keep(object_name(owner)), value_keep(object_uid(owner)));
}

/* ---- conditions ---- */

struct value condition_find(struct value conditions, const char *type)
{
    for (size_t i = 0; i < value_count(conditions); i++)
        if (value_is(value_get(value_at(conditions, i), ATOM_type), type))
            return value_at(conditions, i);
    return VALUE_ABSENT;
}

bool condition_is_true(struct value conditions, const char *type)
{
    return value_is(value_get(condition_find(conditions, type), ATOM_status), "True");
}

/* ---- pods and nodes ---- */

bool pod_is_finished(struct value pod)
{
    struct value phase = VALUE_GET(pod, status, phase);
    return value_is(phase, "Succeeded") || value_is(phase, "Failed");
}

/* kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration: "A toleration "matches" a
 * taint if the keys are the same and the effects are the same"; an empty key (with Exists) matches
 * all keys, an empty effect all effects. */
bool toleration_matches(struct value toleration, struct value taint)
{
    struct str key = VALUE_STR(toleration, key), effect = VALUE_STR(toleration, effect);
    if (effect.size > 0 && !str_equal(effect, VALUE_STR(taint, effect)))
        return false;
    if (key.size > 0 && !str_equal(key, VALUE_STR(taint, key)))
        return false;
    return VALUE_IS(toleration, "Exists", operator) ||
           str_equal(VALUE_STR(toleration, value), VALUE_STR(taint, value));
}

/* ---- numbers ---- */

int64_t int_or_percent(struct value v, int64_t total, bool round_up)
{
    struct str text = value_str(v);
    int64_t percent;
    if (text.size == 0)
        return value_as_integer(v, 0);
    if (!str_ends_with(text, S("%")) || !str_to_int64(str_slice(text, 0, text.size - 1), &percent))
        return 0;
    return (percent * total + (round_up ? 99 : 0)) / 100;
}

struct value count_or_absent(int64_t n)
{
    return n ? value_integer(n) : VALUE_ABSENT;
}

/* ---- names ---- */

void name_suffix(uint64_t (*next)(void *owner), void *owner, char out[NAME_SUFFIX_SIZE])
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    _Static_assert(sizeof(alphabet) - 1 == 27, "as in k8s.io/apimachinery/pkg/util/rand");
    /* One draw gives all five: 27^5 is far below 2^64, so the bias is below 1e-12. */
    uint64_t draw = next(owner);
    for (size_t i = 0; i < NAME_SUFFIX_SIZE; i++, draw /= sizeof(alphabet) - 1)
        out[i] = alphabet[draw % (sizeof(alphabet) - 1)];
}
