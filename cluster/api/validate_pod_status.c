/* SPDX-License-Identifier: Apache-2.0
 *
 * The status of a pod (ValidatePodStatusUpdate upstream).
 *
 * A container that has terminated stays so unless it is one that is started again: by a rule for
 * its exit code, by its own restart policy, else by the pod's. Ephemeral containers never are. The
 * class of quality of service never changes, and addresses are one of a family each.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

static const struct container_list {
    atom statuses;
    const char *name;
    atom containers; /* ATOM_NONE: of those that never run again */
} lists[] = {{ATOM_containerStatuses, "containerStatuses", ATOM_containers},
             {ATOM_initContainerStatuses, "initContainerStatuses", ATOM_initContainers},
             {ATOM_ephemeralContainerStatuses, "ephemeralContainerStatuses", ATOM_NONE}};

static struct value find_named(struct value list, struct value name)
{
    for (size_t i = 0; i < value_count(list); i++) {
        if (value_equal(VALUE_GET(value_at(list, i), name), name))
            return value_at(list, i);
    }
    return VALUE_ABSENT;
}

/* True when the first rule for this exit code says so. */
static bool is_restarted_by_rule(struct value container, int64_t exit_code)
{
    struct value rules = VALUE_GET(container, restartPolicyRules);
    for (size_t i = 0; i < value_count(rules); i++) {
        struct value codes = VALUE_GET(value_at(rules, i), exitCodes);
        struct value list = VALUE_GET(codes, values);
        bool is_listed = false;
        for (size_t k = 0; k < value_count(list); k++)
            is_listed |= value_as_integer(value_at(list, k), -1) == exit_code;
        if (value_is_present(codes) && is_listed == VALUE_IS(codes, "In", operator))
            return true; /* both actions start the container again */
    }
    return false;
}

static bool is_restarted(struct value spec, atom list, struct value name, int64_t exit_code)
{
    struct value container = find_named(value_get(spec, list), name);
    if (list == ATOM_NONE || !value_is_present(container))
        return false;
    struct value policy = VALUE_GET(container, restartPolicy);
    if (text_is_set(policy) && is_restarted_by_rule(container, exit_code))
        return true;
    if (!text_is_set(policy))
        policy = VALUE_GET(spec, restartPolicy);
    return value_is(policy, "OnFailure") ? exit_code != 0 : !value_is(policy, "Never");
}

static void check_transitions(const struct container_list *list, struct value new_pod,
                              struct value old_pod, path_t path, errors_t *errors)
{
    struct value old = value_get(VALUE_GET(old_pod, status), list->statuses);
    struct value new = value_get(VALUE_GET(new_pod, status), list->statuses);
    struct field_path list_path = path_child(path, list->name);
    if (value_is_same(new, old))
        return;
    for (size_t i = 0; i < value_count(old); i++) {
        struct value ended = VALUE_GET(value_at(old, i), state, terminated);
        struct value name = VALUE_GET(value_at(old, i), name), now = find_named(new, name);
        struct field_path item = path_index(&list_path, i);
        if (value_is_present(ended) && value_is_present(now) &&
            !value_is_present(VALUE_GET(now, state, terminated)) &&
            !is_restarted(VALUE_GET(old_pod, spec), list->containers, name,
                          VALUE_INT(ended, 0, exitCode)))
            child_error(errors, FIELD_FORBIDDEN, &item, "state", VALUE_ABSENT,
                        "may not be transitioned to non-terminated state");
    }
}

static void check_conditions(struct value status, errors_t *errors)
{
    /* So upstream: below metadata, though the conditions are the status's. */
    struct field_path meta = path_child(NULL, "metadata"),
                      list_path = path_child(&meta, "conditions");
    struct value list = VALUE_GET(status, conditions);
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&list_path, i);
        struct value type = VALUE_GET(value_at(list, i), type);
        struct value generation = VALUE_GET(value_at(list, i), observedGeneration);
        if (value_as_integer(generation, 0) < 0)
            child_error(errors, FIELD_INVALID, &item, "observedGeneration", generation,
                        "must be a non-negative integer");
        if (!is_one_of(type, "PodScheduled|Ready|Initialized"))
            check_child_rule(errors, &item, "Type", type, name_qualified);
    }
}

static void check_node(struct value new_pod, struct value old_status, path_t path, errors_t *errors)
{
    struct value node = VALUE_GET(new_pod, status, nominatedNodeName);
    if (!text_is_set(node) || value_equal(node, VALUE_GET(old_status, nominatedNodeName)))
        return;
    check_child_rule(errors, path, "nominatedNodeName", node, name_dns_subdomain);
    if (text_is_set(VALUE_GET(new_pod, spec, nodeName)))
        child_error(errors, FIELD_FORBIDDEN, path, "nominatedNodeName", VALUE_ABSENT,
                    "may not be set on pods that are already bound to a node");
}

static void check_claims(struct value pod, path_t path, errors_t *errors)
{
    struct value list = VALUE_GET(pod, status, resourceClaimStatuses);
    struct field_path list_path = path_child(path, "resourceClaimStatuses");
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&list_path, i);
        struct value name = VALUE_GET(value_at(list, i), name);
        struct value claim = VALUE_GET(value_at(list, i), resourceClaimName);
        if (!value_is_present(find_named(VALUE_GET(pod, spec, resourceClaims), name)))
            child_error(errors, FIELD_INVALID, &item, "name", name,
                        "must match the name of an entry in `spec.resourceClaims`");
        if (is_repeated_before(list, i, ATOM_name))
            child_error(errors, FIELD_DUPLICATE, &item, "name", name, NO_DETAIL);
        if (value_is_present(claim))
            check_child_rule(errors, &item, "name", claim, name_dns_subdomain);
    }
}

/* Of podIPs and hostIPs: an address that was there before may stay whatever it is. */
static void check_addresses(struct value new, struct value old, path_t path, errors_t *errors)
{
    size_t of_family[2] = {0};
    bool all_known = true;
    for (size_t i = 0; i < value_count(new); i++) {
        struct field_path item = path_index(path, i);
        struct value ip = VALUE_GET(value_at(new, i), ip);
        bool is_v6 = false, is_old = false;
        for (size_t k = 0; k < value_count(old); k++)
            is_old |= value_equal(VALUE_GET(value_at(old, k), ip), ip);
        if (text_is_ip(value_str(ip), &is_v6))
            of_family[is_v6]++;
        else if (all_known = false, !is_old)
            field_error_at(errors, FIELD_INVALID, &item, ip, IP_TEXT);
    }
    if (value_count(new) > 1 && (!all_known || of_family[0] != 1 || of_family[1] != 1))
        field_error_at(errors, FIELD_INVALID, path, new,
                       "may specify no more than one IP for each IP family");
}

static void check_host_addresses(struct value new, struct value old, path_t path, errors_t *errors)
{
    struct value ips = VALUE_GET(new, hostIPs);
    struct field_path here = path_child(path, "hostIPs"), first = path_index(&here, 0);
    struct value ip = value_count(ips) > 0 ? VALUE_GET(value_at(ips, 0), ip) : VALUE_ABSENT;
    if (value_count(ips) == 0)
        return;
    if (!str_equal(VALUE_STR(new, hostIP), value_str(ip)))
        child_error(errors, FIELD_INVALID, &first, "ip", ip, "must be equal to `hostIP`");
    check_addresses(ips, VALUE_GET(old, hostIPs), &here, errors);
}

void validate_pod_status(struct value new_pod, struct value old_pod, path_t path, errors_t *errors)
{
    struct value new = VALUE_GET(new_pod, status), old = VALUE_GET(old_pod, status);
    struct field_path ips = path_child(path, "podIPs");
    if (!value_is_same(VALUE_GET(new, conditions), VALUE_GET(old, conditions)))
        check_conditions(new, errors);
    check_node(new_pod, old, path, errors);
    if (VALUE_INT(new, 0, observedGeneration) < 0)
        child_error(errors, FIELD_INVALID, path, "observedGeneration",
                    VALUE_GET(new, observedGeneration), "must be a non-negative integer");
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        check_transitions(&lists[i], new_pod, old_pod, path, errors);
    check_claims(new_pod, path, errors);
    if (!value_is_same(VALUE_GET(new, podIPs), VALUE_GET(old, podIPs)))
        check_addresses(VALUE_GET(new, podIPs), VALUE_GET(old, podIPs), &ips, errors);
    check_host_addresses(new, old, path, errors);
}
