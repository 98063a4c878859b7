/* SPDX-License-Identifier: Apache-2.0
 *
 * RuntimeClass: "if the RuntimeClass has overhead configured, sets .spec.overhead"; its
 * nodeSelector and tolerations are merged into the pod's. A pod of an unknown class, of one whose
 * selector contradicts its own, or with an overhead that is not the class' is refused.
 */
#include "cluster/apiserver/admission.h"

static void mutate_scheduling(struct admission *a, struct value scheduling)
{
    struct value selector = VALUE_GET(scheduling, nodeSelector);
    struct value merged = value_keep(VALUE_GET(a->object, spec, nodeSelector));
    for (size_t i = 0; i < value_count(selector); i++) {
        struct value own = value_get_key(merged, value_key_at(selector, i));
        if (value_is_present(own) && !value_equal(own, value_member_at(selector, i))) {
            value_drop(merged);
            struct str key = value_key_at(selector, i);
            AUTO(text) struct text why = {0};
            text_printf(&why,
                        "conflict: runtimeClass.scheduling.nodeSelector[%.*s] conflicts with "
                        "pod.spec.nodeSelector",
                        STR_ARG(key));
            admission_refuse(a, text_str(&why));
            return;
        }
        merged = value_set_key(value_is_present(merged) ? merged : value_object(),
                               value_key_at(selector, i), value_keep(value_member_at(selector, i)));
    }
    if (value_is_present(merged))
        a->object = VALUE_SET(a->object, merged, spec, nodeSelector);
    struct value more = VALUE_GET(scheduling, tolerations);
    struct value tolerations = value_keep(VALUE_GET(a->object, spec, tolerations));
    for (size_t i = 0; i < value_count(more); i++) {
        bool has = false;
        for (size_t k = 0; k < value_count(tolerations); k++)
            has |= value_equal(value_at(tolerations, k), value_at(more, i));
        if (!has)
            tolerations = value_append(tolerations, value_keep(value_at(more, i)));
    }
    if (value_is_present(tolerations))
        a->object = VALUE_SET(a->object, tolerations, spec, tolerations);
}

static void mutate(struct admission *a)
{
    struct str name = VALUE_STR(a->object, spec, runtimeClassName);
    if (name.size == 0)
        return;
    struct value class = watch_cache_find(a->server, RESOURCE_runtimeclasses, S(""), name);
    if (!value_is_present(class)) {
        AUTO(text) struct text why = {0};
        text_printf(&why, "pod rejected: RuntimeClass \"%.*s\" not found", STR_ARG(name));
        admission_refuse(a, text_str(&why));
        return;
    }
    struct value overhead = VALUE_GET(class, overhead, podFixed);
    struct value given = VALUE_GET(a->object, spec, overhead);
    if (value_count(overhead) > 0 && value_count(given) > 0 && !value_equal(overhead, given)) {
        admission_refuse(
            a, S("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"));
        return;
    }
    if (value_count(overhead) > 0)
        a->object = VALUE_SET(a->object, value_keep(overhead), spec, overhead);
    mutate_scheduling(a, VALUE_GET(class, scheduling));
}

static void validate(struct admission *a)
{
    if (VALUE_STR(a->object, spec, runtimeClassName).size == 0 &&
        value_count(VALUE_GET(a->object, spec, overhead)) > 0)
        admission_refuse(a, S("pod rejected: Pod Overhead set without corresponding RuntimeClass "
                              "defined Overhead"));
}

const struct admission_plugin admission_runtime_class = {
    .name = "RuntimeClass",
    .resource = RESOURCE_pods,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate,
    .validate = validate,
};
