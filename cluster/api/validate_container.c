/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers of a pod or template: names, images, ports, environment, mounts, resources, probes,
 * hooks, security (validateContainerCommon, validateContainers, validateInitContainers upstream),
 * and the pod's volumes.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"

static void check_container(struct value c, struct value volumes, bool has_host_users, path_t path,
                            errors_t *errors);
static void check_ports(struct value c, path_t path, errors_t *errors);
static void check_environment(struct value c, path_t path, errors_t *errors);
static void check_mounts(struct value c, struct value volumes, path_t path, errors_t *errors);
static void check_devices(struct value c, struct value volumes, path_t path, errors_t *errors);
static void check_probe(struct value c, atom key, const char *name, path_t path, errors_t *errors);
static void check_lifecycle(struct value c, path_t path, errors_t *errors);
static void check_host_ports(struct value containers, path_t path, errors_t *errors);
static void check_init_containers(struct value spec, struct value volumes, path_t path,
                                  errors_t *errors);

static bool has_host_users(struct value spec)
{
    struct value users = VALUE_GET(spec, hostUsers);
    return value_kind(users) != VALUE_BOOL || value_as_bool(users);
}

void validate_containers(struct value spec, struct value volumes, path_t path, errors_t *errors)
{
    struct value list = value_get(spec, ATOM_containers);
    struct field_path list_path = path_child(path, "containers");
    if (value_count(list) == 0)
        field_error_at(errors, FIELD_REQUIRED, &list_path, VALUE_ABSENT, NO_DETAIL);
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&list_path, i);
        struct value c = value_at(list, i);
        check_container(c, volumes, has_host_users(spec), &item, errors);
        if (text_is_set(value_get(c, ATOM_name)) && is_repeated_before(list, i, ATOM_name))
            child_error(errors, FIELD_DUPLICATE, &item, "name", value_get(c, ATOM_name), NO_DETAIL);
        check_lifecycle(c, &item, errors);
        check_probe(c, ATOM_livenessProbe, "livenessProbe", &item, errors);
        check_probe(c, ATOM_readinessProbe, "readinessProbe", &item, errors);
        check_probe(c, ATOM_startupProbe, "startupProbe", &item, errors);
    }
    check_host_ports(list, &list_path, errors);
    check_init_containers(spec, volumes, path, errors);
}

static bool is_name_of_container(struct value list, struct value name)
{
    for (size_t i = 0; i < value_count(list); i++) {
        if (value_equal(value_get(value_at(list, i), ATOM_name), name))
            return true;
    }
    return false;
}

static void check_init_containers(struct value spec, struct value volumes, path_t path,
                                  errors_t *errors)
{
    static const struct {
        atom key;
        const char *name;
    } barred[] = {{ATOM_lifecycle, "lifecycle"},
                  {ATOM_livenessProbe, "livenessProbe"},
                  {ATOM_readinessProbe, "readinessProbe"},
                  {ATOM_startupProbe, "startupProbe"}};
    struct value list = value_get(spec, ATOM_initContainers);
    struct field_path list_path = path_child(path, "initContainers");
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&list_path, i);
        struct value c = value_at(list, i), name = value_get(c, ATOM_name);
        check_container(c, volumes, has_host_users(spec), &item, errors);
        bool is_sidecar = container_is_sidecar(c);
        if (is_sidecar) {
            check_lifecycle(c, &item, errors);
            check_probe(c, ATOM_livenessProbe, "livenessProbe", &item, errors);
            check_probe(c, ATOM_readinessProbe, "readinessProbe", &item, errors);
            check_probe(c, ATOM_startupProbe, "startupProbe", &item, errors);
        }
        if (text_is_set(name) && (is_repeated_before(list, i, ATOM_name) ||
                                  is_name_of_container(value_get(spec, ATOM_containers), name)))
            child_error(errors, FIELD_DUPLICATE, &item, "name", name, NO_DETAIL);
        for (size_t k = 0; !is_sidecar && k < ARRAY_COUNT(barred); k++) {
            if (value_is_present(value_get(c, barred[k].key)))
                child_error(errors, FIELD_FORBIDDEN, &item, barred[k].name, VALUE_ABSENT,
                            "may not be set for init containers without restartPolicy=Always");
        }
    }
    check_host_ports(list, &list_path, errors);
}

static void check_container(struct value c, struct value volumes, bool has_host_users, path_t path,
                            errors_t *errors)
{
    if (check_required(errors, path, "name", value_get(c, ATOM_name)))
        check_child_rule(errors, path, "name", value_get(c, ATOM_name), name_dns_label);
    check_required(errors, path, "image", value_get(c, ATOM_image));
    check_choice(errors, path, "terminationMessagePolicy",
                 value_get(c, ATOM_terminationMessagePolicy), "FallbackToLogsOnError|File");
    check_ports(c, path, errors);
    check_environment(c, path, errors);
    check_mounts(c, volumes, path, errors);
    check_devices(c, volumes, path, errors);
    check_choice(errors, path, "imagePullPolicy", value_get(c, ATOM_imagePullPolicy),
                 "Always|IfNotPresent|Never");
    check_optional_choice(errors, path, "restartPolicy", value_get(c, ATOM_restartPolicy),
                          "Always|Never|OnFailure");
    size_t rules = value_count(VALUE_GET(c, restartPolicyRules));
    if (rules > 0 && !text_is_set(value_get(c, ATOM_restartPolicy)))
        child_error(errors, FIELD_REQUIRED, path, "restartPolicy", VALUE_ABSENT,
                    "must specify restartPolicy when restart rules are used");
    struct field_path resources = path_child(path, "resources");
    validate_resources(value_get(c, ATOM_resources), &resources, errors);
    validate_container_security(c, has_host_users, path, errors);
}

/* ---- ports ---- */

static void check_ports(struct value c, path_t path, errors_t *errors)
{
    struct value ports = value_get(c, ATOM_ports);
    struct field_path list = path_child(path, "ports");
    for (size_t i = 0; i < value_count(ports); i++) {
        struct field_path item = path_index(&list, i);
        struct value p = value_at(ports, i), name = value_get(p, ATOM_name);
        if (text_is_set(name)) {
            if (name_port(value_str(name)) != NULL)
                check_child_rule(errors, &item, "name", name, name_port);
            else if (is_repeated_before(ports, i, ATOM_name))
                child_error(errors, FIELD_DUPLICATE, &item, "name", name, NO_DETAIL);
        }
        if (check_required(errors, &item, "containerPort", value_get(p, ATOM_containerPort)))
            check_port_number(errors, &item, "containerPort", value_get(p, ATOM_containerPort));
        if (VALUE_INT(p, 0, hostPort) != 0)
            check_port_number(errors, &item, "hostPort", value_get(p, ATOM_hostPort));
        check_choice(errors, &item, "protocol", value_get(p, ATOM_protocol), "SCTP|TCP|UDP");
    }
}

static bool is_same_host_port(struct value a, struct value b)
{
    return VALUE_INT(a, 0, hostPort) == VALUE_INT(b, 0, hostPort) &&
           value_equal(value_get(a, ATOM_protocol), value_get(b, ATOM_protocol)) &&
           str_equal(VALUE_STR(a, hostIP), VALUE_STR(b, hostIP));
}

/* A host port may be taken once: by protocol, address and number, over all containers of the list.
 */
static bool is_taken_before(struct value containers, size_t container, size_t port)
{
    struct value mine = value_at(value_get(value_at(containers, container), ATOM_ports), port);
    for (size_t i = 0; i <= container; i++) {
        struct value ports = value_get(value_at(containers, i), ATOM_ports);
        size_t count = i == container ? port : value_count(ports);
        for (size_t k = 0; k < count; k++) {
            if (is_same_host_port(value_at(ports, k), mine))
                return true;
        }
    }
    return false;
}

static void check_host_ports(struct value containers, path_t path, errors_t *errors)
{
    for (size_t i = 0; i < value_count(containers); i++) {
        struct value ports = value_get(value_at(containers, i), ATOM_ports);
        for (size_t k = 0; k < value_count(ports); k++) {
            struct value p = value_at(ports, k);
            if (VALUE_INT(p, 0, hostPort) == 0 || !is_taken_before(containers, i, k))
                continue;
            struct field_path container = path_index(path, i),
                              list = path_child(&container, "ports"), item = path_index(&list, k);
            AUTO(value)
            struct value text =
                value_printf("%.*s/%.*s/%d", STR_ARG(VALUE_STR(p, protocol)),
                             STR_ARG(VALUE_STR(p, hostIP)), (int)VALUE_INT(p, 0, hostPort));
            child_error(errors, FIELD_DUPLICATE, &item, "hostPort", text, NO_DETAIL);
        }
    }
}

/* ---- environment ---- */

static void check_field_ref(struct value ref, path_t path, errors_t *errors)
{
    static const char allowed[] = "metadata.name|metadata.namespace|metadata.uid|spec.nodeName|"
                                  "spec.serviceAccountName|status.hostIP|status.hostIPs|"
                                  "status.podIP|status.podIPs";
    struct value field = value_get(ref, ATOM_fieldPath);
    check_required(errors, path, "apiVersion", value_get(ref, ATOM_apiVersion));
    if (!check_required(errors, path, "fieldPath", field))
        return;
    struct str s = value_str(field);
    if (str_starts_with(s, S("metadata.labels['")) ||
        str_starts_with(s, S("metadata.annotations['")))
        return;
    if (is_one_of(field,
                  "metadata.labels|metadata.annotations|spec.restartPolicy|spec.schedulerName|"
                  "status.phase|spec.hostNetwork|status.nominatedNodeName"))
        check_optional_choice(errors, path, "fieldPath", field, allowed);
    else if (!is_one_of(field, allowed))
        child_error(errors, FIELD_INVALID, path, "fieldPath", field,
                    "error converting fieldPath: field label not supported: %.*s", STR_ARG(s));
}

static void check_value_from(struct value env, path_t path, errors_t *errors)
{
    struct value from = value_get(env, ATOM_valueFrom);
    AUTO(value) struct value empty = value_string(S(""));
    size_t sources = value_count(from);
    struct field_path field = path_child(path, "fieldRef"),
                      config = path_child(path, "configMapKeyRef"),
                      secret = path_child(path, "secretKeyRef"),
                      resource = path_child(path, "resourceFieldRef");
    if (value_is_present(value_get(from, ATOM_fieldRef)))
        check_field_ref(value_get(from, ATOM_fieldRef), &field, errors);
    struct value ref = value_get(from, ATOM_resourceFieldRef);
    if (value_is_present(ref))
        validate_resource_ref(ref, false, &resource, errors);
    ref = value_get(from, ATOM_configMapKeyRef);
    if (value_is_present(ref) && check_required(errors, &config, "key", value_get(ref, ATOM_key)))
        check_child_rule(errors, &config, "key", value_get(ref, ATOM_key), name_config_key);
    ref = value_get(from, ATOM_secretKeyRef);
    if (value_is_present(ref) && check_required(errors, &secret, "key", value_get(ref, ATOM_key)))
        check_child_rule(errors, &secret, "key", value_get(ref, ATOM_key), name_config_key);
    if (sources == 0)
        field_error_at(errors, FIELD_INVALID, path, empty,
                       "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
                       "`secretKeyRef` or `fileKeyRef`");
    else if (text_is_set(value_get(env, ATOM_value)))
        field_error_at(errors, FIELD_INVALID, path, empty,
                       "may not be specified when `value` is not empty");
    else if (sources > 1)
        field_error_at(errors, FIELD_INVALID, path, empty,
                       "may not have more than one field specified at a time");
}

static void check_environment(struct value c, path_t path, errors_t *errors)
{
    struct value env = value_get(c, ATOM_env), from = value_get(c, ATOM_envFrom);
    struct field_path list = path_child(path, "env"), from_list = path_child(path, "envFrom");
    for (size_t i = 0; i < value_count(env); i++) {
        struct field_path item = path_index(&list, i), value_from = path_child(&item, "valueFrom");
        struct value e = value_at(env, i);
        if (check_required(errors, &item, "name", value_get(e, ATOM_name)))
            check_child_rule(errors, &item, "name", value_get(e, ATOM_name),
                             name_environment_variable);
        if (value_is_present(value_get(e, ATOM_valueFrom)))
            check_value_from(e, &value_from, errors);
    }
    for (size_t i = 0; i < value_count(from); i++) {
        struct field_path item = path_index(&from_list, i);
        struct value e = value_at(from, i), empty = value_string(S(""));
        bool map = value_is_present(value_get(e, ATOM_configMapRef));
        bool secret = value_is_present(value_get(e, ATOM_secretRef));
        struct field_path map_ref = path_child(&item, "configMapRef"),
                          secret_ref = path_child(&item, "secretRef");
        if (text_is_set(value_get(e, ATOM_prefix)))
            check_child_rule(errors, &item, "prefix", value_get(e, ATOM_prefix),
                             name_environment_variable);
        if (map)
            check_required(errors, &map_ref, "name", VALUE_GET(e, configMapRef, name));
        if (secret)
            check_required(errors, &secret_ref, "name", VALUE_GET(e, secretRef, name));
        if (!map && !secret)
            field_error_at(errors, FIELD_INVALID, &from_list, empty,
                           "must specify one of: `configMapRef` or `secretRef`");
        else if (map && secret)
            field_error_at(errors, FIELD_INVALID, &from_list, empty,
                           "may not have more than one field specified at a time");
        value_drop(empty);
    }
}

/* ---- mounts ---- */

static void check_recursive_read_only(struct value mount, path_t list, errors_t *errors)
{
    struct value mode = VALUE_GET(mount, recursiveReadOnly);
    struct value propagation = value_get(mount, ATOM_mountPropagation);
    if (!is_one_of(mode, "Enabled|IfPossible")) {
        check_optional_choice(errors, list, "recursiveReadOnly", mode,
                              "Disabled|Enabled|IfPossible");
        return;
    }
    if (!VALUE_BOOL_AT(mount, readOnly))
        child_error(errors, FIELD_FORBIDDEN, list, "recursiveReadOnly", VALUE_ABSENT,
                    "may only be specified when readOnly is true");
    if (text_is_set(propagation) && !value_is(propagation, "None"))
        child_error(errors, FIELD_FORBIDDEN, list, "recursiveReadOnly", VALUE_ABSENT,
                    "may only be specified when mountPropagation is None or not specified");
}

static void check_mounts(struct value c, struct value volumes, path_t path, errors_t *errors)
{
    struct value mounts = value_get(c, ATOM_volumeMounts);
    struct field_path list = path_child(path, "volumeMounts");
    for (size_t i = 0; i < value_count(mounts); i++) {
        struct field_path item = path_index(&list, i);
        struct value m = value_at(mounts, i), name = value_get(m, ATOM_name);
        if (check_required(errors, &item, "name", name) && !is_name_of_container(volumes, name))
            child_error(errors, FIELD_NOT_FOUND, &item, "name", name, NO_DETAIL);
        if (check_required(errors, &item, "mountPath", value_get(m, ATOM_mountPath)) &&
            is_repeated_before(mounts, i, ATOM_mountPath))
            child_error(errors, FIELD_INVALID, &item, "mountPath", value_get(m, ATOM_mountPath),
                        "must be unique");
        if (text_is_set(value_get(m, ATOM_subPath)) && text_is_set(value_get(m, ATOM_subPathExpr)))
            child_error(errors, FIELD_INVALID, &item, "subPathExpr", value_get(m, ATOM_subPathExpr),
                        "subPathExpr and subPath are mutually exclusive");
        struct str sub = VALUE_STR(m, subPath);
        if (sub.size > 0 && sub.bytes[0] == '/')
            child_error(errors, FIELD_INVALID, &item, "subPath", value_get(m, ATOM_subPath),
                        "must be a relative path");
        else if (str_contains(sub, S("..")))
            child_error(errors, FIELD_INVALID, &item, "subPath", value_get(m, ATOM_subPath),
                        "must not contain '..'");
        /* upstream leaves the index out for these two */
        struct value propagation = value_get(m, ATOM_mountPropagation);
        check_optional_choice(errors, &list, "mountPropagation", propagation,
                              "Bidirectional|HostToContainer|None");
        if (value_is(propagation, "Bidirectional") &&
            !VALUE_BOOL_AT(c, securityContext, privileged))
            child_error(errors, FIELD_FORBIDDEN, &list, "mountPropagation", VALUE_ABSENT,
                        "Bidirectional mount propagation is available only to privileged "
                        "containers");
        check_recursive_read_only(m, &list, errors);
    }
}

/* ---- devices ---- */

static bool has_item(struct value list, atom key, struct value text)
{
    for (size_t i = 0; text_is_set(text) && i < value_count(list) && i < LIST_COMPARED_MAX; i++) {
        if (value_equal(value_get(value_at(list, i), key), text))
            return true;
    }
    return false;
}

static bool is_block_source(struct value volumes, struct value name)
{
    for (size_t i = 0; i < value_count(volumes) && i < LIST_COMPARED_MAX; i++) {
        struct value v = value_at(volumes, i);
        if (value_equal(VALUE_GET(v, name), name))
            return value_is_present(VALUE_GET(v, persistentVolumeClaim)) ||
                   value_is_present(VALUE_GET(v, ephemeral));
    }
    return false;
}

static void check_devices(struct value c, struct value volumes, path_t path, errors_t *errors)
{
    struct value devices = VALUE_GET(c, volumeDevices), mounts = value_get(c, ATOM_volumeMounts);
    struct field_path list = path_child(path, "volumeDevices");
    for (size_t i = 0; i < value_count(devices); i++) {
        struct field_path item = path_index(&list, i);
        struct value d = value_at(devices, i), name = VALUE_GET(d, name);
        struct value file = VALUE_GET(d, devicePath);
        check_required(errors, &item, "name", name);
        if (text_is_set(name) && is_repeated_before(devices, i, ATOM_name))
            child_error(errors, FIELD_INVALID, &item, "name", name, "must be unique");
        if (!is_name_of_container(volumes, name))
            child_error(errors, FIELD_NOT_FOUND, &item, "name", name, NO_DETAIL);
        else if (!is_block_source(volumes, name))
            child_error(errors, FIELD_INVALID, &item, "name", name,
                        "can only use volume source type of PersistentVolumeClaim or Ephemeral "
                        "for block mode");
        if (check_required(errors, &item, "devicePath", file) &&
            is_repeated_before(devices, i, ATOM_devicePath))
            child_error(errors, FIELD_INVALID, &item, "devicePath", file, "must be unique");
        if (str_contains(value_str(file), S("..")))
            child_error(errors, FIELD_INVALID, &item, "devicePath", file,
                        "can not contain backsteps ('..')");
        if (has_item(mounts, ATOM_name, name))
            child_error(errors, FIELD_INVALID, &item, "name", name,
                        "must not already exist in volumeMounts");
        if (has_item(mounts, ATOM_mountPath, file))
            child_error(errors, FIELD_INVALID, &item, "devicePath", file,
                        "must not already exist as a path in volumeMounts");
    }
    for (size_t i = 0; i < value_count(mounts) && value_count(devices) > 0; i++) {
        struct field_path mount_list = path_child(path, "volumeMounts"),
                          item = path_index(&mount_list, i);
        struct value m = value_at(mounts, i);
        if (has_item(devices, ATOM_name, VALUE_GET(m, name)))
            child_error(errors, FIELD_INVALID, &item, "name", VALUE_GET(m, name),
                        "must not already exist in volumeDevices");
        if (has_item(devices, ATOM_devicePath, VALUE_GET(m, mountPath)))
            child_error(errors, FIELD_INVALID, &item, "mountPath", VALUE_GET(m, mountPath),
                        "must not already exist as a path in volumeDevices");
    }
}

/* ---- resources ---- */

static bool is_standard_container_resource(struct str name)
{
    return str_equal(name, S("cpu")) || str_equal(name, S("memory")) ||
           str_equal(name, S("ephemeral-storage")) || str_starts_with(name, S("hugepages-"));
}

bool resource_name_is_standard(struct str name)
{
    AUTO(value) struct value v = value_string(name);
    return is_standard_container_resource(name) || str_starts_with(name, S("requests.")) ||
           is_one_of(v, "pods|services|replicationcontrollers|resourcequotas|secrets|configmaps|"
                        "persistentvolumeclaims|storage|limits.cpu|limits.memory|"
                        "limits.ephemeral-storage|services.nodeports|services.loadbalancers");
}

/* Neither overcommitted nor divided: what a device plugin offers, and huge pages. */
static bool is_extended_resource(struct str name)
{
    return str_starts_with(name, S("hugepages-")) ||
           (str_find(name, '/') < name.size && !str_contains(name, S("kubernetes.io/")));
}

static void check_resource_name(struct str name, path_t path, errors_t *errors)
{
    if (is_standard_container_resource(name))
        return;
    AUTO(value) struct value text = value_string(name);
    const char *why = name_qualified(name);
    if (why != NULL) {
        field_error_at(errors, FIELD_INVALID, path, text, "%s", why);
    } else if (str_find(name, '/') == name.size) {
        if (!resource_name_is_standard(name))
            field_error_at(errors, FIELD_INVALID, path, text,
                           "must be a standard resource type or fully qualified");
        field_error_at(errors, FIELD_INVALID, path, text,
                       "must be a standard resource for containers");
    }
}

static void check_resource(struct str name, struct value quantity, path_t path, errors_t *errors)
{
    check_resource_name(name, path, errors);
    if (str_starts_with(value_str(quantity), S("-"))) /* canonical text: no need to count */
        field_error_at(errors, FIELD_INVALID, path, quantity, "must be greater than or equal to 0");
    if (is_extended_resource(name) && quantity_milli(quantity) % 1000 != 0)
        field_error_at(errors, FIELD_INVALID, path, quantity, "must be an integer");
}

void validate_resources(struct value resources, path_t path, errors_t *errors)
{
    struct value limits = value_get(resources, ATOM_limits),
                 requests = value_get(resources, ATOM_requests);
    struct field_path limit_path = path_child(path, "limits"),
                      request_path = path_child(path, "requests");
    for (size_t i = 0; i < value_count(limits); i++) {
        struct field_path key = path_key(&limit_path, value_key_at(limits, i));
        check_resource(value_key_at(limits, i), value_member_at(limits, i), &key, errors);
    }
    for (size_t i = 0; i < value_count(requests); i++) {
        struct str name = value_key_at(requests, i);
        struct field_path key = path_key(&request_path, name);
        struct value quantity = value_member_at(requests, i), limit = value_get_key(limits, name);
        check_resource(name, quantity, &key, errors);
        if (!value_is_present(limit)) {
            if (is_extended_resource(name))
                field_error_at(errors, FIELD_REQUIRED, &limit_path, VALUE_ABSENT,
                               "Limit must be set for non overcommitable resources");
            continue;
        }
        int order = value_equal(quantity, limit) ? 0 : quantity_compare(quantity, limit);
        if (order != 0 && is_extended_resource(name))
            field_error_at(errors, FIELD_INVALID, &request_path, quantity,
                           "must be equal to %.*s limit of %.*s", STR_ARG(name),
                           STR_ARG(value_str(limit)));
        else if (order > 0)
            field_error_at(errors, FIELD_INVALID, &request_path, quantity,
                           "must be less than or equal to %.*s limit of %.*s", STR_ARG(name),
                           STR_ARG(value_str(limit)));
    }
}

/* ---- probes and hooks ---- */

static void check_http_get(struct value h, path_t path, errors_t *errors)
{
    check_required(errors, path, "path", value_get(h, ATOM_path));
    check_port_number_or_name(errors, path, "port", value_get(h, ATOM_port));
    check_optional_choice(errors, path, "scheme", value_get(h, ATOM_scheme), "HTTP|HTTPS");
}

static void check_handler(struct value h, path_t path, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name;
    } handlers[] = {{ATOM_exec, "exec"},
                    {ATOM_httpGet, "httpGet"},
                    {ATOM_tcpSocket, "tcpSocket"},
                    {ATOM_grpc, "grpc"},
                    {ATOM_sleep, "sleep"}};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(handlers); i++) {
        struct value v = value_get(h, handlers[i].key);
        struct field_path here = path_child(path, handlers[i].name);
        if (!value_is_present(v))
            continue;
        if (count++ > 0) {
            field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                           "may not specify more than 1 handler type");
            continue;
        }
        if (handlers[i].key == ATOM_exec)
            check_required(errors, &here, "command", value_get(v, ATOM_command));
        else if (handlers[i].key == ATOM_httpGet)
            check_http_get(v, &here, errors);
        else if (handlers[i].key == ATOM_tcpSocket)
            check_port_number_or_name(errors, &here, "port", value_get(v, ATOM_port));
        else if (handlers[i].key == ATOM_grpc)
            check_port_number(errors, &here, "port", value_get(v, ATOM_port));
    }
    if (count == 0)
        field_error_at(errors, FIELD_REQUIRED, path, VALUE_ABSENT, "must specify a handler type");
}

static void check_probe(struct value c, atom key, const char *name, path_t path, errors_t *errors)
{
    struct value p = value_get(c, key);
    struct field_path here = path_child(path, name);
    if (!value_is_present(p))
        return;
    check_handler(p, &here, errors);
    check_nonnegative(errors, &here, "initialDelaySeconds", value_get(p, ATOM_initialDelaySeconds));
    check_nonnegative(errors, &here, "timeoutSeconds", value_get(p, ATOM_timeoutSeconds));
    check_nonnegative(errors, &here, "periodSeconds", value_get(p, ATOM_periodSeconds));
    check_nonnegative(errors, &here, "successThreshold", value_get(p, ATOM_successThreshold));
    check_nonnegative(errors, &here, "failureThreshold", value_get(p, ATOM_failureThreshold));
    struct value grace = value_get(p, ATOM_terminationGracePeriodSeconds);
    if (value_is_present(grace) && value_as_integer(grace, 0) <= 0)
        child_error(errors, FIELD_INVALID, &here, "terminationGracePeriodSeconds", grace,
                    "must be greater than 0");
    if (key != ATOM_readinessProbe && VALUE_INT(p, 1, successThreshold) != 1)
        child_error(errors, FIELD_INVALID, &here, "successThreshold",
                    value_get(p, ATOM_successThreshold), "must be 1");
    if (key == ATOM_readinessProbe && value_is_present(grace))
        child_error(errors, FIELD_INVALID, &here, "terminationGracePeriodSeconds", grace,
                    "must not be set for readinessProbes");
}

static void check_lifecycle(struct value c, path_t path, errors_t *errors)
{
    struct value l = value_get(c, ATOM_lifecycle);
    struct field_path here = path_child(path, "lifecycle"), start = path_child(&here, "postStart"),
                      stop = path_child(&here, "preStop");
    if (value_is_present(value_get(l, ATOM_postStart)))
        check_handler(value_get(l, ATOM_postStart), &start, errors);
    if (value_is_present(value_get(l, ATOM_preStop)))
        check_handler(value_get(l, ATOM_preStop), &stop, errors);
}

void check_id(errors_t *errors, path_t path, const char *name, struct value id)
{
    int64_t n = value_as_integer(id, 0);
    if (n < 0 || n > INT32_MAX)
        child_error(errors, FIELD_INVALID, path, name, id,
                    "must be between 0 and 2147483647, inclusive");
}
