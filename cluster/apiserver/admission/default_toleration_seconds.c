/* SPDX-License-Identifier: Apache-2.0
 *
 * DefaultTolerationSeconds: "sets the default forgiveness toleration for pods to tolerate the
 * taints notready:NoExecute and unreachable:NoExecute [for 5 minutes] if the pods don't already
 * have a toleration for [them]".
 */
#include "cluster/apiserver/admission.h"

#define SECONDS 300

static bool tolerates(struct value tolerations, const char *key)
{
    for (size_t i = 0; i < value_count(tolerations); i++) {
        struct value t = value_at(tolerations, i);
        struct str has = VALUE_STR(t, key), effect = VALUE_STR(t, effect);
        if ((has.size == 0 || str_equal(has, str_from(key))) &&
            (effect.size == 0 || str_equal(effect, S("NoExecute"))))
            return true;
    }
    return false;
}

static void mutate(struct admission *a)
{
    static const char *const keys[] = {"node.kubernetes.io/not-ready",
                                       "node.kubernetes.io/unreachable"};
    struct value tolerations = value_keep(VALUE_GET(a->object, spec, tolerations));
    bool lacks[ARRAY_COUNT(keys)];
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
        lacks[i] = !tolerates(tolerations, keys[i]);
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
        if (lacks[i])
            tolerations = value_append(
                tolerations,
                value_pack("{key: %s, operator: Exists, effect: NoExecute, tolerationSeconds: %d}",
                           keys[i], SECONDS));
    if (value_is_present(tolerations))
        a->object = VALUE_SET(a->object, tolerations, spec, tolerations);
}

const struct admission_plugin admission_default_toleration_seconds = {
    .name = "DefaultTolerationSeconds",
    .resource = RESOURCE_pods,
    .operations = ADMIT_ON(ADMIT_CREATE) | ADMIT_ON(ADMIT_UPDATE),
    .mutate = mutate,
};
