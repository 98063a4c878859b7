/* SPDX-License-Identifier: Apache-2.0
 *
 * DefaultIngressClass: "observes creation of Ingress objects that do not request any specific
 * ingress class and automatically adds a default ingress class to them"; with more than one default
 * class the Ingress is refused.
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"

static void mutate(struct admission *a)
{
    if (value_is_present(VALUE_GET(a->object, spec, ingressClassName)) ||
        value_is_present(object_annotation(a->object, S("kubernetes.io/ingress.class"))))
        return;
    struct value found = VALUE_ABSENT;
    size_t count = 0;
    for (struct cache_cursor k = watch_cache_of_known(a->server, RESOURCE_ingressclasses, S(""));
         k.kv; watch_cache_next(&k)) {
        if (value_is(
                object_annotation(k.kv->value, S("ingressclass.kubernetes.io/is-default-class")),
                "true")) {
            found = k.kv->value;
            count++;
        }
    }
    if (count > 1) {
        AUTO(text) struct text why = {0};
        text_printf(&why, "%zu default IngressClasses were found, only 1 allowed", count);
        admission_refuse(a, text_str(&why));
    } else if (count == 1) {
        a->object = VALUE_SET(a->object, value_keep(object_name(found)), spec, ingressClassName);
    }
}

const struct admission_plugin admission_default_ingress_class = {
    .name = "DefaultIngressClass",
    .resource = RESOURCE_ingresses,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate,
};
