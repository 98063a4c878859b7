/* SPDX-License-Identifier: Apache-2.0
 *
 * Pods and pod templates, and what may change in a pod (ValidatePodSpec, ValidatePodUpdate
 * upstream).
 *
 * A pod's spec is fixed but for images, a shorter deadline, more tolerations; a gated pod may lose
 * gates and gain node selectors. The check makes the old spec take over what may change, and
 * compares the rest.
 *
 * DEVIATION: the refusal of any other change ends upstream with a diff of Go structs; here it ends
 * before it.
 */
#include "sim/base/base.h"

#include "cluster/api/validate.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"

static void check_pod_resources(struct value spec, path_t path, errors_t *errors);
static void check_dns(struct value spec, path_t path, errors_t *errors);
static void check_host_network(struct value spec, path_t path, errors_t *errors);
static void check_names(struct value spec, path_t path, errors_t *errors);
static void check_gates(struct value spec, path_t path, errors_t *errors);

void validate_pod_spec(struct value spec, path_t path, errors_t *errors)
{
    struct field_path selector = path_child(path, "nodeSelector");
    validate_volumes(spec, path, errors);
    validate_containers(spec, value_get(spec, ATOM_volumes), path, errors);
    check_pod_resources(spec, path, errors);
    check_host_network(spec, path, errors);
    check_choice(errors, path, "restartPolicy", value_get(spec, ATOM_restartPolicy),
                 "Always|Never|OnFailure");
    check_choice(errors, path, "dnsPolicy", value_get(spec, ATOM_dnsPolicy),
                 "ClusterFirst|ClusterFirstWithHostNet|Default|None");
    check_labels(errors, &selector, value_get(spec, ATOM_nodeSelector));
    validate_pod_security(spec, path, errors);
    check_dns(spec, path, errors);
    check_gates(spec, path, errors);
    validate_scheduling(spec, path, errors);
    check_names(spec, path, errors);
    validate_pod_os(spec, path, errors);
}

/* ---- parts ---- */

/* What the pod requests as a whole holds what its containers request; none may take more than the
 * pod is limited to. */
static void check_sums(struct value spec, struct value own, path_t path, errors_t *errors)
{
    struct value requests = VALUE_GET(own, requests), limits = VALUE_GET(own, limits);
    struct value list = VALUE_GET(spec, containers);
    struct field_path requests_path = path_child(path, "requests"),
                      containers = path_child(path, "containers");
    for (size_t i = 0; i < value_count(requests); i++) {
        struct str name = value_key_at(requests, i);
        struct field_path item = {&requests_path, name, PATH_KEY};
        AUTO(value) struct value sum = podspec_container_request(spec, name);
        if (value_is_present(sum) && quantity_compare(sum, value_member_at(requests, i)) > 0)
            field_error_at(errors, FIELD_INVALID, &item, value_member_at(requests, i),
                           "must be greater than or equal to aggregate container requests of %.*s",
                           STR_ARG(value_str(sum)));
    }
    for (size_t c = 0; c < value_count(list); c++) {
        struct value own_limits = VALUE_GET(value_at(list, c), resources, limits);
        /* The path hangs below the pod's resources: so upstream. */
        struct field_path container = path_index(&containers, c);
        for (size_t i = 0; i < value_count(own_limits); i++) {
            struct str name = value_key_at(own_limits, i);
            struct value limit = value_get_key(limits, name);
            struct field_path item = {&container, name, PATH_KEY};
            if (value_is_present(limit) &&
                quantity_compare(value_member_at(own_limits, i), limit) > 0)
                child_error(errors, FIELD_INVALID, &item, "limits", value_member_at(own_limits, i),
                            "must be less than or equal to pod limits of %.*s",
                            STR_ARG(value_str(limit)));
        }
    }
}

static void check_pod_resources(struct value spec, path_t path, errors_t *errors)
{
    struct value own = VALUE_GET(spec, resources);
    struct field_path here = path_child(path, "resources");
    if (!value_is_present(own))
        return;
    if (VALUE_IS(spec, "windows", os, name))
        field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                       "may not be set for a windows pod");
    if (value_is_present(VALUE_GET(own, claims)))
        child_error(errors, FIELD_FORBIDDEN, &here, "claims", VALUE_ABSENT,
                    "claims may not be set for Resources at pod-level");
    validate_resources(own, &here, errors);
    check_sums(spec, own, &here, errors);
}

static void check_host_network(struct value spec, path_t path, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name;
    } lists[] = {{ATOM_containers, "containers"}, {ATOM_initContainers, "initContainers"}};
    if (!VALUE_BOOL_AT(spec, hostNetwork))
        return;
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        struct value list = value_get(spec, lists[l].key);
        struct field_path list_path = path_child(path, lists[l].name);
        for (size_t i = 0; i < value_count(list); i++) {
            struct value ports = value_get(value_at(list, i), ATOM_ports);
            struct field_path container = path_index(&list_path, i),
                              port_list = path_child(&container, "ports");
            for (size_t k = 0; k < value_count(ports); k++) {
                struct value p = value_at(ports, k);
                struct field_path item = path_index(&port_list, k);
                int64_t host = VALUE_INT(p, 0, hostPort);
                if (host != VALUE_INT(p, 0, containerPort))
                    child_error(errors, FIELD_INVALID, &item, "hostPort", value_integer(host),
                                "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

static void check_dns(struct value spec, path_t path, errors_t *errors)
{
    struct value config = value_get(spec, ATOM_dnsConfig), servers, searches;
    struct field_path here = path_child(path, "dnsConfig");
    servers = value_get(config, ATOM_nameservers);
    searches = value_get(config, ATOM_searches);
    if (VALUE_IS(spec, "None", dnsPolicy)) {
        if (!value_is_present(config))
            field_error_at(errors, FIELD_REQUIRED, &here, VALUE_ABSENT,
                           "must provide `dnsConfig` when `dnsPolicy` is None");
        else if (value_count(servers) == 0)
            child_error(errors, FIELD_REQUIRED, &here, "nameservers", VALUE_ABSENT,
                        "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
    if (value_count(servers) > 3)
        child_error(errors, FIELD_INVALID, &here, "nameservers", servers,
                    "must not have more than 3 nameservers");
    for (size_t i = 0; i < value_count(servers); i++) {
        struct field_path list = path_child(&here, "nameservers"), item = path_index(&list, i);
        bool is_v6 = false;
        if (!text_is_ip(value_str(value_at(servers, i)), &is_v6))
            field_error_at(errors, FIELD_INVALID, &item, value_at(servers, i), IP_TEXT);
    }
    if (value_count(searches) > 32)
        child_error(errors, FIELD_INVALID, &here, "searches", searches,
                    "must not have more than 32 search paths");
}

static void check_gates(struct value spec, path_t path, errors_t *errors)
{
    struct value gates = value_get(spec, ATOM_schedulingGates);
    struct field_path list = path_child(path, "schedulingGates");
    for (size_t i = 0; i < value_count(gates); i++) {
        struct field_path item = path_index(&list, i);
        struct value name = value_get(value_at(gates, i), ATOM_name);
        check_rule(errors, &item, name, name_qualified);
        if (is_repeated_before(gates, i, ATOM_name))
            field_error_at(errors, FIELD_DUPLICATE, &item, name, NO_DETAIL);
    }
}

static void check_names(struct value spec, path_t path, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name;
        name_rule_fn rule;
    } names[] = {{ATOM_serviceAccountName, "serviceAccountName", name_dns_subdomain},
                 {ATOM_nodeName, "nodeName", name_dns_subdomain},
                 {ATOM_hostname, "hostname", name_dns_label},
                 {ATOM_subdomain, "subdomain", name_dns_label},
                 {ATOM_priorityClassName, "priorityClassName", name_dns_subdomain},
                 {ATOM_runtimeClassName, "runtimeClassName", name_dns_subdomain}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct value v = value_get(spec, names[i].key);
        if (text_is_set(v))
            check_child_rule(errors, path, names[i].name, v, names[i].rule);
    }
    struct value deadline = value_get(spec, ATOM_activeDeadlineSeconds);
    int64_t n = value_as_integer(deadline, 1);
    if (n < 1 || n > INT32_MAX)
        child_error(errors, FIELD_INVALID, path, "activeDeadlineSeconds", deadline,
                    "must be between 1 and 2147483647, inclusive");
    check_optional_choice(errors, path, "preemptionPolicy", value_get(spec, ATOM_preemptionPolicy),
                          "Never|PreemptLowerPriority");
}

/* ---- Pod ---- */

static void check_images(struct value list, const char *name, path_t spec, errors_t *errors)
{
    struct field_path list_path = path_child(spec, name);
    for (size_t i = 0; i < value_count(list); i++) {
        struct value image = value_get(value_at(list, i), ATOM_image);
        struct str s = value_str(image);
        struct field_path item = path_index(&list_path, i);
        if (s.size != str_trim(s).size)
            child_error(errors, FIELD_INVALID, &item, "image", image,
                        "must not have leading or trailing whitespace");
    }
}

#define DELETION_COST "controller.kubernetes.io/pod-deletion-cost"
#define MIRROR "kubernetes.io/config.mirror"

/* What a ReplicaSet reads when it picks pods to delete: no plus sign, no leading zeros. */
static bool is_deletion_cost(struct str s)
{
    int64_t n = 0;
    bool is_plain = s.size > 0 && s.bytes[0] != '+' && (s.bytes[0] != '0' || s.size == 1);
    return is_plain && str_to_int64(s, &n) && n >= INT32_MIN && n <= INT32_MAX;
}

static void check_annotations(struct value o, errors_t *errors)
{
    struct value list = VALUE_GET(o, metadata, annotations);
    struct field_path meta = path_child(NULL, "metadata"), here = path_child(&meta, "annotations"),
                      mirror_path = path_key(&here, S(MIRROR)),
                      cost_path = path_key(&here, S(DELETION_COST));
    struct value mirror = value_get_key(list, S(MIRROR));
    struct value cost = value_get_key(list, S(DELETION_COST));
    if (value_is_present(mirror) && !text_is_set(VALUE_GET(o, spec, nodeName)))
        field_error_at(errors, FIELD_INVALID, &mirror_path, mirror,
                       "must set spec.nodeName if mirror pod annotation is set");
    if (value_is_present(cost) && !is_deletion_cost(value_str(cost)))
        field_error_at(errors, FIELD_INVALID, &cost_path, cost, "must be a 32bit integer");
}

/* A mirror stays one, and no other pod becomes one. */
static void check_mirror_update(struct value new, struct value old, errors_t *errors)
{
    struct field_path meta = path_child(NULL, "metadata"), here = path_child(&meta, "annotations"),
                      item = path_key(&here, S(MIRROR));
    struct value is = value_get_key(VALUE_GET(new, metadata, annotations), S(MIRROR));
    struct value was = value_get_key(VALUE_GET(old, metadata, annotations), S(MIRROR));
    if (value_is_same(is, was) || value_equal(is, was))
        return;
    field_error_at(errors, FIELD_FORBIDDEN, &item, VALUE_ABSENT,
                   value_is_present(was) ? "may not remove or update mirror pod annotation"
                                         : "may not add mirror pod annotation");
}

void validate_pod_annotations_update(struct value new, struct value old, errors_t *errors)
{
    check_annotations(new, errors);
    check_mirror_update(new, old, errors);
}

void validate_pod(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec);
    struct field_path path = path_child(NULL, "spec");
    if (!value_is_present(VALUE_GET(o, metadata, resourceVersion)))
        check_annotations(o, errors);
    validate_pod_spec(spec, &path, errors);
    check_images(value_get(spec, ATOM_containers), "containers", &path, errors);
    check_images(value_get(spec, ATOM_initContainers), "initContainers", &path, errors);
    if (!value_is_present(VALUE_GET(o, metadata, resourceVersion))) {
        if (value_count(value_get(spec, ATOM_ephemeralContainers)) > 0)
            child_error(errors, FIELD_FORBIDDEN, &path, "ephemeralContainers", VALUE_ABSENT,
                        "cannot be set on create");
        if (value_count(value_get(spec, ATOM_schedulingGates)) > 0 &&
            text_is_set(value_get(spec, ATOM_nodeName)))
            child_error(errors, FIELD_FORBIDDEN, &path, "nodeName", VALUE_ABSENT,
                        "cannot be set until all schedulingGates have been cleared");
    }
}

void validate_pod_template(struct value template_value, path_t path, errors_t *errors)
{
    /* Below the template itself, not its metadata: so upstream. */
    struct field_path labels = path_child(path, "labels"),
                      annotations = path_child(path, "annotations"),
                      spec = path_child(path, "spec");
    struct value list = VALUE_GET(template_value, metadata, annotations);
    check_labels(errors, &labels, VALUE_GET(template_value, metadata, labels));
    for (size_t i = 0; i < value_count(list); i++) {
        const char *why = name_qualified(value_key_at(list, i));
        AUTO(value) struct value key = value_string(value_key_at(list, i));
        if (why != NULL)
            field_error_at(errors, FIELD_INVALID, &annotations, key, "%s", why);
    }
    validate_pod_spec(value_get(template_value, ATOM_spec), &spec, errors);
    if (value_count(VALUE_GET(template_value, spec, ephemeralContainers)) > 0)
        child_error(errors, FIELD_FORBIDDEN, &spec, "ephemeralContainers", VALUE_ABSENT,
                    "ephemeral containers not allowed in pod template");
}

void validate_template_object(struct value o, errors_t *errors)
{
    struct field_path path = path_child(NULL, "template");
    validate_pod_template(value_get(o, ATOM_template), &path, errors);
}

/* ---- update ---- */

/* The images of `from`'s containers in `own_to`, where there are as many. */
static struct value take_images(struct value own_to, struct value from, atom list_key)
{
    struct value to_list = value_get(own_to, list_key), from_list = value_get(from, list_key);
    if (value_is_same(to_list, from_list) || value_count(to_list) != value_count(from_list))
        return own_to;
    struct value changed = value_keep(to_list);
    for (size_t i = 0; i < value_count(from_list); i++) {
        struct value image = value_keep(value_get(value_at(from_list, i), ATOM_image));
        changed = value_set_at(changed, i,
                               value_set(value_keep(value_at(changed, i)), ATOM_image, image));
    }
    return value_set(own_to, list_key, changed);
}

static void check_tolerations_grow(struct value new, struct value old, path_t path,
                                   errors_t *errors)
{
    for (size_t i = 0; i < value_count(old); i++) {
        AUTO(value)
        struct value a =
            value_set(value_keep(value_at(old, i)), ATOM_tolerationSeconds, VALUE_ABSENT);
        bool is_kept = false;
        for (size_t k = 0; k < value_count(new) && !is_kept; k++) {
            AUTO(value)
            struct value b =
                value_set(value_keep(value_at(new, k)), ATOM_tolerationSeconds, VALUE_ABSENT);
            is_kept = value_equal(a, b);
        }
        if (!is_kept) {
            child_error(errors, FIELD_FORBIDDEN, path, "tolerations", VALUE_ABSENT,
                        "existing toleration can not be modified except its tolerationSeconds");
            return;
        }
    }
}

static void check_deadline(struct value new, struct value old, path_t path, errors_t *errors)
{
    struct value was = value_get(old, ATOM_activeDeadlineSeconds);
    struct value is = value_get(new, ATOM_activeDeadlineSeconds);
    if (!value_is_present(was))
        return;
    if (!value_is_present(is))
        child_error(errors, FIELD_INVALID, path, "activeDeadlineSeconds", VALUE_ABSENT,
                    "must not update from a positive integer to nil value");
    else if (value_as_integer(is, 0) > value_as_integer(was, 0))
        child_error(errors, FIELD_INVALID, path, "activeDeadlineSeconds", is,
                    "must be less than or equal to previous value");
}

/* A gated pod: gates may go, node selectors may come. */
static struct value take_scheduling(struct value own_to, struct value new, path_t path,
                                    errors_t *errors)
{
    struct value was = value_get(own_to, ATOM_schedulingGates);
    struct value gates = value_get(new, ATOM_schedulingGates);
    struct field_path list = path_child(path, "schedulingGates");
    for (size_t i = 0; i < value_count(gates); i++) {
        bool is_old = false;
        for (size_t k = 0; k < value_count(was); k++)
            is_old |= value_equal(value_at(gates, i), value_at(was, k));
        struct field_path item = path_index(&list, i);
        if (!is_old)
            child_error(errors, FIELD_FORBIDDEN, &item, "name", VALUE_ABSENT,
                        "only deletion is allowed, but found new scheduling gate '%.*s'",
                        STR_ARG(VALUE_STR(value_at(gates, i), name)));
    }
    bool was_gated = value_count(was) > 0;
    own_to = value_set(own_to, ATOM_schedulingGates, value_keep(gates));
    if (!was_gated)
        return own_to;
    struct value selector = value_get(own_to, ATOM_nodeSelector);
    for (size_t i = 0; i < value_count(selector); i++) {
        if (!value_equal(value_get_key(VALUE_GET(new, nodeSelector), value_key_at(selector, i)),
                         value_member_at(selector, i))) {
            child_error(
                errors, FIELD_INVALID, path, "nodeSelector", VALUE_GET(new, nodeSelector),
                "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
            break;
        }
    }
    own_to = value_set(own_to, ATOM_nodeSelector, value_keep(VALUE_GET(new, nodeSelector)));
    return value_set(own_to, ATOM_affinity, value_keep(value_get(new, ATOM_affinity)));
}

void validate_pod_update(struct value new_pod, struct value old_pod, errors_t *errors)
{
    struct value new = value_get(new_pod, ATOM_spec), old = value_get(old_pod, ATOM_spec);
    struct field_path path = path_child(NULL, "spec");
    if (value_is_same(new, old))
        return;
    if (value_count(VALUE_GET(new, containers)) != value_count(VALUE_GET(old, containers)) ||
        value_count(VALUE_GET(new, initContainers)) !=
            value_count(VALUE_GET(old, initContainers))) {
        child_error(errors, FIELD_FORBIDDEN, &path,
                    value_count(VALUE_GET(new, containers)) !=
                            value_count(VALUE_GET(old, containers))
                        ? "containers"
                        : "initContainers",
                    VALUE_ABSENT, "pod updates may not add or remove containers");
        return;
    }
    check_deadline(new, old, &path, errors);
    check_tolerations_grow(value_get(new, ATOM_tolerations), value_get(old, ATOM_tolerations),
                           &path, errors);
    struct value allowed = take_images(value_keep(old), new, ATOM_containers);
    allowed = take_images(allowed, new, ATOM_initContainers);
    allowed = value_set(allowed, ATOM_activeDeadlineSeconds,
                        value_keep(value_get(new, ATOM_activeDeadlineSeconds)));
    allowed = value_set(allowed, ATOM_tolerations, value_keep(value_get(new, ATOM_tolerations)));
    if (VALUE_INT(old, 0, terminationGracePeriodSeconds) < 0 &&
        VALUE_INT(new, 0, terminationGracePeriodSeconds) == 1)
        allowed = value_set(allowed, ATOM_terminationGracePeriodSeconds, value_integer(1));
    allowed = take_scheduling(allowed, new, &path, errors);
    if (!value_equal(allowed, new))
        field_error_at(errors, FIELD_FORBIDDEN, &path, VALUE_ABSENT,
                       "pod updates may not change fields other than `spec.containers[*].image`,"
                       "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
                       "`spec.tolerations` (only additions to existing tolerations),"
                       "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                       "previously negative)");
    value_drop(allowed);
}

/* ---- subresources ---- */

static bool is_container_name(struct value pod, struct value name)
{
    const struct value lists[] = {VALUE_GET(pod, spec, containers),
                                  VALUE_GET(pod, spec, initContainers)};
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        for (size_t i = 0; i < value_count(lists[l]); i++) {
            if (value_equal(VALUE_GET(value_at(lists[l], i), name), name))
                return true;
        }
    }
    return false;
}

/* What an ephemeral container may not have. */
static void check_ephemeral(struct value pod, struct value c, const struct field_path *item,
                            struct field_errors *errors)
{
    static const struct {
        atom key;
        const char *name;
    } fields[] = {{ATOM_ports, "ports"},
                  {ATOM_resources, "resources"},
                  {ATOM_livenessProbe, "livenessProbe"},
                  {ATOM_readinessProbe, "readinessProbe"},
                  {ATOM_startupProbe, "startupProbe"},
                  {ATOM_lifecycle, "lifecycle"},
                  {ATOM_restartPolicy, "restartPolicy"},
                  {ATOM_resizePolicy, "resizePolicy"}};
    struct value target = VALUE_GET(c, targetContainerName);
    struct value mounts = VALUE_GET(c, volumeMounts);
    if (value_is_present(target) && !is_container_name(pod, target))
        child_error(errors, FIELD_NOT_FOUND, item, "targetContainerName", target, NO_DETAIL);
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        struct value field = value_get(c, fields[i].key);
        if (value_count(field) > 0 || value_kind(field) == VALUE_STRING)
            child_error(errors, FIELD_FORBIDDEN, item, fields[i].name, VALUE_ABSENT,
                        "cannot be set for an Ephemeral Container");
    }
    for (size_t i = 0; i < value_count(mounts); i++) {
        struct field_path list = path_child(item, "volumeMounts"), m = path_index(&list, i);
        static const char *const forbidden[] = {"subPath", "subPathExpr"};
        for (size_t k = 0; k < ARRAY_COUNT(forbidden); k++) {
            if (value_is_present(value_get_key(value_at(mounts, i), str_from(forbidden[k]))))
                child_error(errors, FIELD_FORBIDDEN, &m, forbidden[k], VALUE_ABSENT,
                            "cannot be set for an Ephemeral Container");
        }
    }
}

void validate_pod_ephemeral_containers(struct value new_pod, struct value old_pod,
                                       struct field_errors *errors)
{
    struct value new = VALUE_GET(new_pod, spec, ephemeralContainers);
    struct value old = VALUE_GET(old_pod, spec, ephemeralContainers);
    struct field_path spec = path_child(NULL, "spec"),
                      list = path_child(&spec, "ephemeralContainers");
    if (value_is_present(value_get_key(VALUE_GET(old_pod, metadata, annotations), S(MIRROR)))) {
        field_error_add(errors, FIELD_FORBIDDEN, S(""), VALUE_ABSENT,
                        "static pods do not support ephemeral containers");
        return;
    }
    for (size_t i = 0; i < value_count(old); i++) {
        struct value was = value_at(old, i), is = VALUE_ABSENT;
        for (size_t k = 0; k < value_count(new); k++) {
            if (value_equal(VALUE_GET(value_at(new, k), name), VALUE_GET(was, name)))
                is = value_at(new, k);
        }
        if (!value_equal(is, was))
            field_error_at(errors, FIELD_FORBIDDEN, &list, VALUE_ABSENT,
                           "existing ephemeral containers \"%.*s\" may not be %s",
                           STR_ARG(VALUE_STR(was, name)),
                           value_is_present(is) ? "changed" : "removed");
    }
    for (size_t i = 0; i < value_count(new); i++) {
        struct field_path item = path_index(&list, i);
        struct value c = value_at(new, i);
        if (check_required(errors, &item, "name", VALUE_GET(c, name)))
            check_child_rule(errors, &item, "name", VALUE_GET(c, name), name_dns_label);
        check_required(errors, &item, "image", VALUE_GET(c, image));
        if (is_repeated_before(new, i, ATOM_name) || is_container_name(new_pod, VALUE_GET(c, name)))
            child_error(errors, FIELD_DUPLICATE, &item, "name", VALUE_GET(c, name), NO_DETAIL);
        check_ephemeral(new_pod, c, &item, errors);
    }
}

/* ---- warnings ---- */

struct value validate_warnings(const struct resource *r, struct value object,
                               struct value own_warnings)
{
    if (r->index == RESOURCE_endpoints)
        own_warnings = value_append(
            own_warnings,
            value_string(S("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 "
                           "EndpointSlice")));
    else if (r->index == RESOURCE_componentstatuses)
        own_warnings = value_append(own_warnings,
                                    value_string(S("v1 ComponentStatus is deprecated in v1.19+")));
    else if (r->index == RESOURCE_pods &&
             VALUE_INT(object, 0, spec, terminationGracePeriodSeconds) < 0)
        own_warnings = value_append(
            own_warnings,
            value_string(S("spec.terminationGracePeriodSeconds: must be >= 0; negative "
                           "values are invalid and will be treated as 1")));
    return own_warnings;
}
