/* SPDX-License-Identifier: Apache-2.0
 *
 * NamespaceLifecycle: "enforces that a Namespace that is undergoing termination cannot have new
 * objects created in it, and ensures that requests in a non-existent Namespace are rejected [and]
 * prevents deletion of three system reserved namespaces".
 *
 * Whether the namespace exists has been looked up before the chain (admission.c).
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"

static void refuse_terminating(struct admission *a, struct str namespace)
{
    AUTO(text) struct text why = {0};
    text_printf(&why,
                "unable to create new content in namespace %.*s because it is being terminated",
                STR_ARG(namespace));
    admission_refuse(a, text_str(&why));
    struct value cause =
        value_pack("{reason: NamespaceTerminating, message: %v, field: \"metadata.namespace\"}",
                   value_printf("namespace %.*s is being terminated", STR_ARG(namespace)));
    a->status = VALUE_SET(a->status, value_append(value_array(), cause), details, causes);
}

static void mutate(struct admission *a)
{
    if (!a->resource->is_namespaced)
        return;
    struct value namespace = watch_cache_find(a->server, RESOURCE_namespaces, S(""), a->namespace);
    if (VALUE_IS(namespace, "Terminating", status, phase) || object_is_deleting(namespace))
        refuse_terminating(a, a->namespace);
}

static void validate(struct admission *a)
{
    static const char *const immortal[] = {"default", "kube-system", "kube-public"};
    if (a->operation != ADMIT_DELETE || a->resource != resource_get(RESOURCE_namespaces))
        return;
    for (size_t i = 0; i < ARRAY_COUNT(immortal); i++)
        if (str_equal(a->name, str_from(immortal[i])))
            admission_refuse(a, S("this namespace may not be deleted"));
}

const struct admission_plugin admission_namespace_lifecycle = {
    .name = "NamespaceLifecycle",
    .resource = ADMIT_EVERY_RESOURCE,
    .operations = ADMIT_ON(ADMIT_CREATE) | ADMIT_ON(ADMIT_DELETE),
    .mutate = mutate,
    .validate = validate,
};
