/* SPDX-License-Identifier: Apache-2.0
 *
 * What the status subresources take: counts that are no less than zero and do not exceed each
 * other, counters that only grow, phases that fit (Validate<Kind>StatusUpdate upstream). Jobs and
 * pods have more rules, in files of their own.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#define FIELDS_MAX 9

static const struct counted {
    enum resource_known resource;
    struct {
        const char *name;
        atom key;
    } counts[FIELDS_MAX];
    atom parts[4];       /* none of which exceeds `replicas` */
    const char *ready;   /* what availableReplicas does not exceed, in words */
    bool has_collisions; /* which are never fewer */
} counted[] = {
    {RESOURCE_deployments,
     {{"observedGeneration", ATOM_observedGeneration},
      {"replicas", ATOM_replicas},
      {"updatedReplicas", ATOM_updatedReplicas},
      {"readyReplicas", ATOM_readyReplicas},
      {"availableReplicas", ATOM_availableReplicas},
      {"unavailableReplicas", ATOM_unavailableReplicas},
      {"terminatingReplicas", ATOM_terminatingReplicas},
      {"collisionCount", ATOM_collisionCount}},
     {ATOM_updatedReplicas, ATOM_readyReplicas, ATOM_availableReplicas},
     "readyReplicas",
     true},
    {RESOURCE_replicasets,
     {{"replicas", ATOM_replicas},
      {"fullyLabeledReplicas", ATOM_fullyLabeledReplicas},
      {"readyReplicas", ATOM_readyReplicas},
      {"availableReplicas", ATOM_availableReplicas},
      {"terminatingReplicas", ATOM_terminatingReplicas},
      {"observedGeneration", ATOM_observedGeneration}},
     {ATOM_fullyLabeledReplicas, ATOM_readyReplicas, ATOM_availableReplicas},
     "readyReplicas",
     false},
    {RESOURCE_replicationcontrollers,
     {{"replicas", ATOM_replicas},
      {"fullyLabeledReplicas", ATOM_fullyLabeledReplicas},
      {"readyReplicas", ATOM_readyReplicas},
      {"availableReplicas", ATOM_availableReplicas},
      {"observedGeneration", ATOM_observedGeneration}},
     {ATOM_fullyLabeledReplicas, ATOM_readyReplicas, ATOM_availableReplicas},
     "readyReplicas",
     false},
    {RESOURCE_statefulsets,
     {{"replicas", ATOM_replicas},
      {"readyReplicas", ATOM_readyReplicas},
      {"currentReplicas", ATOM_currentReplicas},
      {"updatedReplicas", ATOM_updatedReplicas},
      {"availableReplicas", ATOM_availableReplicas},
      {"observedGeneration", ATOM_observedGeneration},
      {"collisionCount", ATOM_collisionCount}},
     {ATOM_readyReplicas, ATOM_currentReplicas, ATOM_updatedReplicas, ATOM_availableReplicas},
     "status.readyReplicas",
     true},
    {RESOURCE_daemonsets,
     {{"currentNumberScheduled", ATOM_currentNumberScheduled},
      {"numberMisscheduled", ATOM_numberMisscheduled},
      {"desiredNumberScheduled", ATOM_desiredNumberScheduled},
      {"numberReady", ATOM_numberReady},
      {"observedGeneration", ATOM_observedGeneration},
      {"updatedNumberScheduled", ATOM_updatedNumberScheduled},
      {"numberAvailable", ATOM_numberAvailable},
      {"numberUnavailable", ATOM_numberUnavailable},
      {"collisionCount", ATOM_collisionCount}},
     {0},
     NULL,
     true},
    {RESOURCE_poddisruptionbudgets,
     {{"disruptionsAllowed", ATOM_disruptionsAllowed},
      {"currentHealthy", ATOM_currentHealthy},
      {"desiredHealthy", ATOM_desiredHealthy},
      {"expectedPods", ATOM_expectedPods}},
     {0},
     NULL,
     false},
    {RESOURCE_horizontalpodautoscalers,
     {{"currentReplicas", ATOM_currentReplicas}, {"desiredReplicas", ATOM_desiredReplicas}},
     {0},
     NULL,
     false},
    {RESOURCE_jobs,
     {{"active", ATOM_active},
      {"succeeded", ATOM_succeeded},
      {"failed", ATOM_failed},
      {"ready", ATOM_ready},
      {"terminating", ATOM_terminating}},
     {0},
     NULL,
     false},
};

static const char *name_of(const struct counted *k, atom key)
{
    for (size_t i = 0; i < FIELDS_MAX && k->counts[i].name; i++) {
        if (k->counts[i].key == key)
            return k->counts[i].name;
    }
    return "";
}

static void check_counts(const struct counted *k, struct value new, struct value old, path_t path,
                         errors_t *errors)
{
    for (size_t i = 0; i < FIELDS_MAX && k->counts[i].name; i++)
        check_nonnegative(errors, path, k->counts[i].name, value_get(new, k->counts[i].key));
    for (size_t i = 0; i < ARRAY_COUNT(k->parts) && k->parts[i] != 0; i++) {
        struct value part = value_get(new, k->parts[i]);
        if (value_as_integer(part, 0) > VALUE_INT(new, 0, replicas))
            child_error(errors, FIELD_INVALID, path, name_of(k, k->parts[i]), part,
                        "cannot be greater than status.replicas");
    }
    if (k->ready && VALUE_INT(new, 0, availableReplicas) > VALUE_INT(new, 0, readyReplicas))
        child_error(errors, FIELD_INVALID, path, "availableReplicas",
                    VALUE_GET(new, availableReplicas), "cannot be greater than %s", k->ready);
    int64_t collisions = VALUE_INT(new, 0, collisionCount);
    if (k->has_collisions && collisions < VALUE_INT(old, 0, collisionCount))
        child_error(errors, FIELD_INVALID, path, "collisionCount", value_integer(collisions),
                    "cannot be decremented");
}

/* ---- kinds with rules of their own ---- */

static void check_namespace(struct value o, path_t path, errors_t *errors)
{
    struct value phase = VALUE_GET(o, status, phase);
    bool is_ending = value_is_present(VALUE_GET(o, metadata, deletionTimestamp));
    if (!value_is(phase, is_ending ? "Terminating" : "Active"))
        child_error(errors, FIELD_INVALID, path, "Phase", phase,
                    is_ending ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
                              : "may only be 'Active' if `deletionTimestamp` is empty");
}

static void check_load_balancer(struct value o, path_t path, errors_t *errors)
{
    struct value list = VALUE_GET(o, status, loadBalancer, ingress);
    struct field_path balancer = path_child(path, "loadBalancer"),
                      ingress = path_child(&balancer, "ingress");
    if (value_count(list) > 0 && !VALUE_IS(o, "LoadBalancer", spec, type)) {
        field_error_at(errors, FIELD_FORBIDDEN, &ingress, VALUE_ABSENT,
                       "may only be used when `spec.type` is 'LoadBalancer'");
        return;
    }
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&ingress, i);
        struct value ip = VALUE_GET(value_at(list, i), ip);
        struct value host = VALUE_GET(value_at(list, i), hostname);
        bool is_v6 = false;
        if (text_is_set(ip) && !text_is_ip(value_str(ip), &is_v6))
            child_error(errors, FIELD_INVALID, &item, "ip", ip, IP_TEXT);
        if (!text_is_set(host))
            continue;
        check_child_rule(errors, &item, "hostname", host, name_dns_subdomain);
        if (text_is_ip(value_str(host), &is_v6))
            child_error(errors, FIELD_INVALID, &item, "hostname", host,
                        "must be a DNS name, not an IP address");
    }
}

void validate_status(const struct resource *r, struct value new, struct value old, errors_t *errors)
{
    struct value new_status = value_get(new, ATOM_status), old_status = value_get(old, ATOM_status);
    struct field_path path = path_child(NULL, "status");
    if (value_is_same(new_status, old_status))
        return;
    for (size_t i = 0; i < ARRAY_COUNT(counted); i++) {
        if (r->index == counted[i].resource)
            check_counts(&counted[i], new_status, old_status, &path, errors);
    }
    if (r->index == RESOURCE_namespaces)
        check_namespace(new, &path, errors);
    else if (r->index == RESOURCE_jobs)
        validate_job_status(new, old, &path, errors);
    else if (r->index == RESOURCE_pods)
        validate_pod_status(new, old, &path, errors);
    else if (r->index == RESOURCE_services)
        check_load_balancer(new, &path, errors);
}
