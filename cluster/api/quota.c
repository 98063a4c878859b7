/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums for ResourceQuota; see quota.h.
 *
 * A pod that has ended counts only as an object (count/pods); "pods" and all compute resources are
 * those of pods that have not. [doc:resource-quotas]
 */
#include "sim/base/base.h"

#include "cluster/api/quota.h"

#include "cluster/api/object.h"
#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"

static struct value add(struct value own_used, struct str name, struct value own_amount)
{
    struct value before = value_get_key(own_used, name);
    struct value sum =
        value_is_present(before) ? quantity_sum(before, own_amount) : value_keep(own_amount);
    value_drop(own_amount);
    return value_set_key(own_used, name, sum);
}

static struct value add_count(struct value own_used, struct str name, int64_t count)
{
    return add(own_used, name, quantity_of_milli(count * 1000));
}

static struct value amount_of(struct str name, int64_t milli, int64_t units)
{
    if (str_equal(name, S("cpu")))
        return quantity_of_milli(milli);
    bool is_bytes = str_equal(name, S("memory")) || str_equal(name, S("ephemeral-storage")) ||
                    str_starts_with(name, S("hugepages-"));
    return is_bytes ? quantity_of_binary(units) : quantity_of_milli(units * 1000);
}

/* cpu counts as "cpu" and "requests.cpu", its limit as "limits.cpu"; an extended resource as
 * "requests.x" only. */
static struct value add_pod(struct value used, struct value pod)
{
    used = add_count(used, S("pods"), 1);
    struct value spec = VALUE_GET(pod, spec), names = podspec_resource_names(spec);
    for (size_t i = 0; i < value_count(names); i++) {
        struct str name = value_str(value_at(names, i));
        bool is_compute = str_equal(name, S("cpu")) || str_equal(name, S("memory")) ||
                          str_equal(name, S("ephemeral-storage"));
        AUTO(text) struct text requests = {0}, limits = {0};
        text_printf(&requests, "requests.%.*s", STR_ARG(name));
        text_printf(&limits, "limits.%.*s", STR_ARG(name));
        int64_t milli = podspec_request_milli(spec, name),
                units = podspec_request_value(spec, name);
        if (units != 0) {
            used = add(used, text_str(&requests), amount_of(name, milli, units));
            if (is_compute)
                used = add(used, name, amount_of(name, milli, units));
        }
        milli = podspec_limit_milli(spec, name);
        units = podspec_limit_value(spec, name);
        if (units != 0 && is_compute)
            used = add(used, text_str(&limits), amount_of(name, milli, units));
    }
    value_drop(names);
    return used;
}

static struct value add_service(struct value used, struct value service)
{
    struct value ports = VALUE_GET(service, spec, ports);
    bool balanced = VALUE_IS(service, "LoadBalancer", spec, type);
    int64_t node_ports = 0;
    for (size_t i = 0; i < value_count(ports); i++)
        node_ports += VALUE_INT(value_at(ports, i), 0, nodePort) > 0;
    if (VALUE_IS(service, "NodePort", spec, type))
        node_ports = (int64_t)value_count(ports);
    if (balanced)
        used = add_count(used, S("services.loadbalancers"), 1);
    return node_ports > 0 ? add_count(used, S("services.nodeports"), node_ports) : used;
}

static struct value add_claim(struct value used, struct value claim)
{
    struct value storage = VALUE_GET(claim, spec, resources, requests, storage);
    if (!value_is_present(storage))
        return used;
    used = add(used, S("requests.storage"), value_keep(storage));
    struct str class = VALUE_STR(claim, spec, storageClassName);
    if (class.size == 0)
        return used;
    AUTO(text) struct text name = {0};
    text_printf(&name, "%.*s.storageclass.storage.k8s.io/requests.storage", STR_ARG(class));
    used = add(used, text_str(&name), value_keep(storage));
    text_clear(&name);
    text_printf(&name, "%.*s.storageclass.storage.k8s.io/persistentvolumeclaims", STR_ARG(class));
    return add_count(used, text_str(&name), 1);
}

struct value quota_add_usage(struct value own_used, const struct resource *resource,
                             struct value object)
{
    AUTO(text) struct text name = {0};
    text_printf(&name, "count/%.*s", STR_ARG(resource->qualified));
    struct value used = add_count(own_used, text_str(&name), 1);
    if (resource == resource_get(RESOURCE_pods))
        return pod_is_finished(object) ? used : add_pod(used, object);
    static const enum resource_known by_plural[] = {
        RESOURCE_services,       RESOURCE_configmaps,
        RESOURCE_secrets,        RESOURCE_replicationcontrollers,
        RESOURCE_resourcequotas, RESOURCE_persistentvolumeclaims,
    };
    for (size_t i = 0; i < ARRAY_COUNT(by_plural); i++)
        if (resource == resource_get(by_plural[i]))
            used = add_count(used, resource->plural, 1);
    if (resource == resource_get(RESOURCE_services))
        used = add_service(used, object);
    if (resource == resource_get(RESOURCE_persistentvolumeclaims))
        used = add_claim(used, object);
    return used;
}

struct value quota_mask(struct value used, struct value hard)
{
    struct value masked = value_object();
    for (size_t i = 0; i < value_count(hard); i++) {
        struct str name = value_key_at(hard, i);
        struct value amount = value_get_key(used, name);
        masked = value_set_key(
            masked, name, value_is_present(amount) ? value_keep(amount) : value_string(S("0")));
    }
    return masked;
}

/* ---- scopes ---- */

static bool has_cross_namespace_affinity(struct value pod)
{
    static const char *const kinds[] = {"podAffinity", "podAntiAffinity"};
    static const char *const times[] = {"requiredDuringSchedulingIgnoredDuringExecution",
                                        "preferredDuringSchedulingIgnoredDuringExecution"};
    for (size_t i = 0; i < 4; i++) {
        struct value of = value_get_key(VALUE_GET(pod, spec, affinity), str_from(kinds[i / 2]));
        struct value terms = value_get_key(of, str_from(times[i % 2]));
        for (size_t j = 0; j < value_count(terms); j++) {
            struct value term = value_at(terms, j);
            term = i % 2 ? VALUE_GET(term, podAffinityTerm) : term;
            if (value_count(VALUE_GET(term, namespaces)) > 0 ||
                value_is_present(VALUE_GET(term, namespaceSelector)))
                return true;
        }
    }
    return false;
}

static bool scope_matches(struct str scope, struct value expression, struct value pod)
{
    bool is_bounded = VALUE_INT(pod, -1, spec, activeDeadlineSeconds) >= 0;
    bool is_best_effort = str_equal(podspec_qos_class(VALUE_GET(pod, spec)), S("BestEffort"));
    if (str_equal(scope, S("Terminating")))
        return is_bounded;
    if (str_equal(scope, S("NotTerminating")))
        return !is_bounded;
    if (str_equal(scope, S("BestEffort")))
        return is_best_effort;
    if (str_equal(scope, S("NotBestEffort")))
        return !is_best_effort;
    if (str_equal(scope, S("CrossNamespacePodAffinity")))
        return has_cross_namespace_affinity(pod);
    if (!str_equal(scope, S("PriorityClass")))
        return false;
    struct value class = VALUE_GET(pod, spec, priorityClassName);
    bool has_class = VALUE_STR(pod, spec, priorityClassName).size > 0;
    if (!value_is_present(expression) || VALUE_IS(expression, "Exists", operator))
        return has_class;
    if (VALUE_IS(expression, "DoesNotExist", operator))
        return !has_class;
    bool named = has_class && value_has_item(VALUE_GET(expression, values), class);
    return VALUE_IS(expression, "NotIn", operator) ? !named : named;
}

bool quota_scopes_match(struct value quota, const struct resource *resource, struct value object)
{
    struct value scopes = VALUE_GET(quota, spec, scopes);
    struct value expressions = VALUE_GET(quota, spec, scopeSelector, matchExpressions);
    if (value_count(scopes) + value_count(expressions) == 0)
        return true;
    if (resource != resource_get(RESOURCE_pods))
        return false;
    for (size_t i = 0; i < value_count(scopes); i++)
        if (!scope_matches(value_str(value_at(scopes, i)), VALUE_ABSENT, object))
            return false;
    for (size_t i = 0; i < value_count(expressions); i++)
        if (!scope_matches(VALUE_STR(value_at(expressions, i), scopeName), value_at(expressions, i),
                           object))
            return false;
    return true;
}
