/* SPDX-License-Identifier: Apache-2.0
 *
 * The admission chain (admission.h). The order of the table is that of kube-apiserver's plugins.
 *
 * A namespace that is not in the cache may have been created a moment ago: etcd is asked before the
 * create is refused, as NamespaceLifecycle does with its live look-up; likewise the service
 * account of a new pod. Everything else is decided from the caches at once.
 *
 * ResourceQuota, the last of the chain, writes (its compare-and-swap on the quota) and has a file
 * of its own, quota.c. PodTopologyLabels acts where a pod is bound (registry_pod.c).
 *
 * DEVIATION: admission webhooks and admission policies (validating and mutating) are stored but not
 * called.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/registry.h"

static const struct admission_plugin *const chain[] = {
    &admission_namespace_lifecycle,
    &admission_node_restriction,
    &admission_limit_ranger,
    &admission_service_account,
    &admission_taint_nodes_by_condition,
    &admission_pod_security,
    &admission_priority,
    &admission_default_toleration_seconds,
    &admission_default_storage_class,
    &admission_pvc_protection,
    &admission_pv_protection,
    &admission_vac_protection,
    &admission_pvc_resize,
    &admission_runtime_class,
    &admission_certificate_approval,
    &admission_certificate_signing,
    &admission_certificate_subject_restriction,
    &admission_default_ingress_class,
    &admission_pod_topology_labels,
    &admission_rbac_escalation,
};

static struct admission admission_of(struct call *c, struct step *step,
                                     enum admission_operation operation,
                                     char small[VALUE_SMALL_SIZE])
{
    struct admission a = {.server = c->server,
                          .step = step,
                          .operation = operation,
                          .resource = c->resource,
                          .asked = c->request->resource,
                          .subresource = c->request->subresource,
                          .user = c->user,
                          .old = c->existing ? c->existing->value : VALUE_ABSENT,
                          .account = c->looked_up ? c->looked_up->value : VALUE_ABSENT,
                          .warnings = &c->warnings};
    if (c->key) {
        a.namespace = c->key->namespace;
        a.name = c->key->name;
    } else if (c->resource->is_namespaced) {
        a.namespace = value_str_in(VALUE_GET(c->object, metadata, namespace), small);
    }
    return a;
}

static bool concerns(const struct admission_plugin *p, const struct admission *a)
{
    return (p->resource == ADMIT_EVERY_RESOURCE || (uint32_t)p->resource == a->resource->index) &&
           (p->operations & ADMIT_ON(a->operation)) &&
           (a->subresource == SUBRESOURCE_NONE || p->sees_subresources);
}

static void run_mutating(struct call *c, struct step *step)
{
    char small[VALUE_SMALL_SIZE] = {0};
    struct admission a = admission_of(c, step, (enum admission_operation)c->operation, small);
    a.object = c->object;
    c->object = VALUE_ABSENT;
    for (size_t i = 0; i < ARRAY_COUNT(chain) && !value_is_present(a.status); i++)
        if (chain[i]->mutate && concerns(chain[i], &a))
            chain[i]->mutate(&a);
    c->object = a.object;
    if (value_is_present(a.status))
        call_refuse(c, step, a.status);
    else
        c->admitted(c, step);
}

static void account_looked_up(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (call_etcd_failed(c, step, r))
        return;
    if (r->count > 0)
        c->looked_up = etcd_kv_ref(r->kvs[0]);
    run_mutating(c, step);
}

/* The cache may not have heard of an account that was made a moment ago. */
static void look_up_account(struct call *c, struct step *step)
{
    struct str namespace = VALUE_STR(c->object, metadata, namespace);
    struct str asked = VALUE_STR(c->object, spec, serviceAccountName);
    struct str name = asked.size > 0 ? asked : S("default");
    if (c->operation != ADMIT_CREATE || c->resource != resource_get(RESOURCE_pods) ||
        value_is_present(watch_cache_find(c->server, RESOURCE_serviceaccounts, namespace, name))) {
        run_mutating(c, step);
        return;
    }
    struct etcd_request *r = etcd_request_new(ETCD_RANGE);
    r->key = object_key_of(resource_get(RESOURCE_serviceaccounts), namespace, name);
    call_etcd(c, step, r, account_looked_up);
}

static void namespace_looked_up(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (call_etcd_failed(c, step, r))
        return;
    if (r->count == 0) {
        call_refuse(c, step,
                    status_not_found(resource_get(RESOURCE_namespaces),
                                     VALUE_STR(c->object, metadata, namespace)));
        return;
    }
    look_up_account(c, step);
}

void admission_start(struct call *c, struct step *step, enum admission_operation operation,
                     call_fn then)
{
    c->operation = (uint8_t)operation;
    c->admitted = then;
    if (operation == ADMIT_CREATE && c->resource->is_namespaced) {
        struct str namespace = VALUE_STR(c->object, metadata, namespace);
        if (!value_is_present(watch_cache_find(c->server, RESOURCE_namespaces, S(""), namespace))) {
            struct etcd_request *r = etcd_request_new(ETCD_RANGE);
            r->key = object_key_of(resource_get(RESOURCE_namespaces), S(""), namespace);
            call_etcd(c, step, r, namespace_looked_up);
            return;
        }
    }
    look_up_account(c, step);
}

struct value admission_validate(struct call *c, struct step *step,
                                enum admission_operation operation)
{
    char small[VALUE_SMALL_SIZE] = {0};
    struct admission a = admission_of(c, step, operation, small);
    a.object = c->object;
    for (size_t i = 0; i < ARRAY_COUNT(chain) && !value_is_present(a.status); i++)
        if (chain[i]->validate && concerns(chain[i], &a))
            chain[i]->validate(&a);
    return a.status;
}

void admission_refuse(struct admission *a, struct str why)
{
    struct str given = VALUE_STR(a->object, metadata, name);
    struct str prefix = VALUE_STR(a->object, metadata, generateName);
    struct str name = a->name.size > 0 ? a->name : given.size > 0 ? given : prefix;
    a->status = status_forbidden(a->asked, name, why);
}

void admission_reason(struct text *out, const char *format, ...)
{
    if (out->size > 0)
        text_add(out, S(", "));
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(out, format, arguments);
    va_end(arguments);
}
