/* SPDX-License-Identifier: Apache-2.0
 *
 * Priority: "uses the priorityClassName field and populates the integer value of the priority. If
 * the priority class is not found, the Pod is rejected." Without a class: the global default one
 * (the smallest value when several), else 0. And only one PriorityClass may be the global default.
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"

static struct value global_default(struct apiserver *s)
{
    struct value best = VALUE_ABSENT;
    for (struct cache_cursor k = watch_cache_of_known(s, RESOURCE_priorityclasses, S("")); k.kv;
         watch_cache_next(&k)) {
        struct value class = k.kv->value;
        if (VALUE_BOOL_AT(class, globalDefault) &&
            (!value_is_present(best) || VALUE_INT(class, 0, value) < VALUE_INT(best, 0, value)))
            best = class;
    }
    return best;
}

static void mutate(struct admission *a)
{
    struct str name = VALUE_STR(a->object, spec, priorityClassName);
    struct value class = name.size > 0
                             ? watch_cache_find(a->server, RESOURCE_priorityclasses, S(""), name)
                             : global_default(a->server);
    AUTO(text) struct text why = {0};
    if (name.size > 0 && !value_is_present(class)) {
        text_printf(&why, "no PriorityClass with name %.*s was found", STR_ARG(name));
        admission_refuse(a, text_str(&why));
        return;
    }
    int64_t priority = VALUE_INT(class, 0, value);
    struct value given = VALUE_GET(a->object, spec, priority);
    if (value_kind(given) == VALUE_INTEGER && value_as_integer(given, 0) != priority) {
        text_printf(&why,
                    "the integer value of priority (%" PRId64
                    ") must not be provided in pod spec; priority admission controller "
                    "computed %" PRId64 " from the given PriorityClass name",
                    value_as_integer(given, 0), priority);
        admission_refuse(a, text_str(&why));
        return;
    }
    struct value policy = VALUE_GET(class, preemptionPolicy);
    policy =
        value_str(policy).size > 0 ? value_keep(policy) : value_string(S("PreemptLowerPriority"));
    struct str given_policy = VALUE_STR(a->object, spec, preemptionPolicy);
    if (given_policy.size > 0 && !str_equal(given_policy, value_str(policy))) {
        struct str computed = value_str(policy);
        text_printf(&why,
                    "the string value of PreemptionPolicy (%.*s) must not be provided in pod spec; "
                    "priority admission controller "
                    "computed %.*s from the given PriorityClass name",
                    STR_ARG(given_policy), STR_ARG(computed));
        value_drop(policy);
        admission_refuse(a, text_str(&why));
        return;
    }
    if (name.size == 0 && value_is_present(class))
        a->object = VALUE_SET(a->object, value_keep(object_name(class)), spec, priorityClassName);
    a->object = VALUE_SET(a->object, value_integer(priority), spec, priority);
    a->object = VALUE_SET(a->object, policy, spec, preemptionPolicy);
}

const struct admission_plugin admission_priority = {
    .name = "Priority",
    .resource = RESOURCE_pods,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate,
};
