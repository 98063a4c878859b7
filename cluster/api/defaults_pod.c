/* SPDX-License-Identifier: Apache-2.0
 *
 * Defaults of pods and of pod templates (SetDefaults_PodSpec, _Container, _Probe, _Volume ...
 * upstream). A Pod gets more than a template: service links, requests from limits, host ports on
 * the host's network.
 */
#include "sim/base/base.h"

#include "cluster/api/defaults.h"

#include "cluster/api/defaults_parts.h"
#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"

static struct value default_container(struct value c);
static struct value default_volume_of_pod(struct value v);

/* ---- containers ---- */

static struct value default_field_ref(struct value v)
{
    return default_text(v, ATOM_apiVersion, "v1");
}

static struct value default_value_from(struct value v)
{
    return default_member(v, ATOM_fieldRef, default_field_ref);
}

static struct value default_env(struct value v)
{
    return default_member(v, ATOM_valueFrom, default_value_from);
}

static struct value default_port(struct value v)
{
    return default_text(v, ATOM_protocol, "TCP");
}

static struct value default_http_get(struct value v)
{
    static const struct scalar_default table[] = {TEXT_DEFAULT(path, "/"),
                                                  TEXT_DEFAULT(scheme, "HTTP")};
    return DEFAULT_SCALARS(v, table);
}

static struct value default_grpc(struct value v)
{
    static const struct scalar_default table[] = {TEXT_POINTER(service, "")};
    return DEFAULT_SCALARS(v, table);
}

static struct value default_probe(struct value v)
{
    static const struct scalar_default table[] = {
        NUMBER_DEFAULT(timeoutSeconds, 1), NUMBER_DEFAULT(periodSeconds, 10),
        NUMBER_DEFAULT(successThreshold, 1), NUMBER_DEFAULT(failureThreshold, 3)};
    v = DEFAULT_SCALARS(v, table);
    v = default_member(v, ATOM_httpGet, default_http_get);
    return default_member(v, ATOM_grpc, default_grpc);
}

static struct value default_handler(struct value v)
{
    return default_member(v, ATOM_httpGet, default_http_get);
}

static struct value default_lifecycle(struct value v)
{
    v = default_member(v, ATOM_postStart, default_handler);
    return default_member(v, ATOM_preStop, default_handler);
}

static const char *pull_policy(struct value image)
{
    return image_is_latest(value_str(image)) ? "Always" : "IfNotPresent";
}

static struct value default_container(struct value c)
{
    static const struct scalar_default table[] = {
        TEXT_DEFAULT(terminationMessagePath, "/dev/termination-log"),
        TEXT_DEFAULT(terminationMessagePolicy, "File")};
    if (is_unset(value_get(c, ATOM_imagePullPolicy)))
        c = default_text(c, ATOM_imagePullPolicy, pull_policy(value_get(c, ATOM_image)));
    c = DEFAULT_SCALARS(c, table);
    c = default_items(c, ATOM_ports, default_port);
    c = default_items(c, ATOM_env, default_env);
    c = default_member(c, ATOM_livenessProbe, default_probe);
    c = default_member(c, ATOM_readinessProbe, default_probe);
    c = default_member(c, ATOM_startupProbe, default_probe);
    return default_member(c, ATOM_lifecycle, default_lifecycle);
}

/* ---- volumes ---- */

static struct value default_mode(struct value v)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(defaultMode, 420)};
    return DEFAULT_SCALARS(v, table);
}

static struct value default_downward_item(struct value v)
{
    return default_member(v, ATOM_fieldRef, default_field_ref);
}

static struct value default_downward_api(struct value v)
{
    return default_items(default_mode(v), ATOM_items, default_downward_item);
}

static struct value default_projected_downward(struct value v)
{
    return default_items(v, ATOM_items, default_downward_item);
}

static struct value default_projected_token(struct value v)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(expirationSeconds, 3600)};
    return DEFAULT_SCALARS(v, table);
}

static struct value default_projection(struct value v)
{
    v = default_member(v, ATOM_serviceAccountToken, default_projected_token);
    return default_member(v, ATOM_downwardAPI, default_projected_downward);
}

static struct value default_projected(struct value v)
{
    return default_items(default_mode(v), ATOM_sources, default_projection);
}

static struct value default_host_path(struct value v)
{
    static const struct scalar_default table[] = {TEXT_POINTER(type, "")};
    return DEFAULT_SCALARS(v, table);
}

static struct value default_iscsi(struct value v)
{
    return default_text(v, ATOM_iscsiInterface, "default");
}

static struct value default_rbd(struct value v)
{
    static const struct scalar_default table[] = {TEXT_DEFAULT(pool, "rbd"),
                                                  TEXT_DEFAULT(user, "admin"),
                                                  TEXT_DEFAULT(keyring, "/etc/ceph/keyring")};
    return DEFAULT_SCALARS(v, table);
}

static struct value default_azure_disk(struct value v)
{
    static const struct scalar_default table[] = {
        TEXT_POINTER(cachingMode, "ReadWrite"), TEXT_POINTER(fsType, "ext4"),
        FALSE_POINTER(readOnly), TEXT_POINTER(kind, "Shared")};
    return DEFAULT_SCALARS(v, table);
}

static struct value default_scale_io(struct value v)
{
    static const struct scalar_default table[] = {TEXT_DEFAULT(storageMode, "ThinProvisioned"),
                                                  TEXT_DEFAULT(fsType, "xfs")};
    return DEFAULT_SCALARS(v, table);
}

struct value default_volume_source(struct value v)
{
    v = default_member(v, ATOM_hostPath, default_host_path);
    v = default_member(v, ATOM_iscsi, default_iscsi);
    v = default_member(v, ATOM_rbd, default_rbd);
    v = default_member(v, ATOM_azureDisk, default_azure_disk);
    return default_member(v, ATOM_scaleIO, default_scale_io);
}

static struct value default_claim_template(struct value v)
{
    return default_member(v, ATOM_spec, default_claim_spec);
}

static struct value default_ephemeral(struct value v)
{
    return default_member(v, ATOM_volumeClaimTemplate, default_claim_template);
}

static struct value default_image_volume(struct value v)
{
    if (is_unset(value_get(v, ATOM_pullPolicy)))
        v = default_text(v, ATOM_pullPolicy, pull_policy(value_get(v, ATOM_reference)));
    return v;
}

static struct value default_volume_of_pod(struct value v)
{
    size_t sources = value_count(v) - value_is_present(value_get(v, ATOM_name));
    if (sources == 0)
        return value_set(v, ATOM_emptyDir, value_object());
    v = default_member(v, ATOM_configMap, default_mode);
    v = default_member(v, ATOM_secret, default_mode);
    v = default_member(v, ATOM_projected, default_projected);
    v = default_member(v, ATOM_downwardAPI, default_downward_api);
    v = default_member(v, ATOM_ephemeral, default_ephemeral);
    v = default_member(v, ATOM_image, default_image_volume);
    return default_volume_source(v);
}

/* ---- the spec ---- */

struct value default_pod_spec(struct value s)
{
    static const struct scalar_default table[] = {
        TEXT_DEFAULT(dnsPolicy, "ClusterFirst"), TEXT_DEFAULT(restartPolicy, "Always"),
        NUMBER_POINTER(terminationGracePeriodSeconds, 30),
        TEXT_DEFAULT(schedulerName, "default-scheduler"), EMPTY_POINTER(securityContext)};
    s = DEFAULT_SCALARS(s, table);
    struct value name = value_get(s, ATOM_serviceAccountName);
    struct value deprecated = value_get(s, ATOM_serviceAccount);
    if (is_unset(name) && !is_unset(deprecated))
        s = value_set(s, ATOM_serviceAccountName, value_keep(deprecated));
    else if (!is_unset(name) && !value_equal(name, deprecated))
        s = value_set(s, ATOM_serviceAccount, value_keep(name));
    s = default_items(s, ATOM_volumes, default_volume_of_pod);
    s = default_items(s, ATOM_initContainers, default_container);
    s = default_items(s, ATOM_containers, default_container);
    return default_items(s, ATOM_ephemeralContainers, default_container);
}

struct value default_pod_template(struct value own_template)
{
    return default_made_member(own_template, ATOM_spec, default_pod_spec);
}

/* ---- Pods ---- */

/* What is limited but not requested is requested as it is limited. */
static struct value default_requests(struct value resources)
{
    struct value limits = value_get(resources, ATOM_limits);
    struct value requests = value_get(resources, ATOM_requests), changed = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(limits); i++) {
        struct str name = value_key_at(limits, i);
        if (value_is_present(value_get_key(requests, name)))
            continue;
        if (!value_is_present(changed))
            changed = value_is_present(requests) ? value_keep(requests) : value_object();
        changed = value_set_key(changed, name, value_keep(value_member_at(limits, i)));
    }
    return value_is_present(changed) ? value_set(resources, ATOM_requests, changed) : resources;
}

static struct value default_container_requests(struct value c)
{
    return default_member(c, ATOM_resources, default_requests);
}

static struct value default_host_port(struct value port)
{
    if (is_unset(value_get(port, ATOM_hostPort)))
        port = value_set(port, ATOM_hostPort, value_keep(value_get(port, ATOM_containerPort)));
    return port;
}

static struct value default_host_ports(struct value c)
{
    return default_items(c, ATOM_ports, default_host_port);
}

/* Pod-level requests: the sum over containers of what the pod limits, else the pod's own limits. */
static struct value default_pod_level(struct value s)
{
    struct value resources = value_get(s, ATOM_resources);
    struct value limits = value_get(resources, ATOM_limits);
    struct value requests = value_get(resources, ATOM_requests), changed = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(limits); i++) {
        struct str name = value_key_at(limits, i);
        if (value_is_present(value_get_key(requests, name)) ||
            !(str_equal(name, S("cpu")) || str_equal(name, S("memory")) ||
              str_starts_with(name, S("hugepages-"))))
            continue;
        struct value sum = podspec_container_request(s, name);
        if (!value_is_present(sum))
            sum = value_keep(value_member_at(limits, i));
        if (!value_is_present(changed))
            changed = value_is_present(requests) ? value_keep(requests) : value_object();
        changed = value_set_key(changed, name, sum);
    }
    return value_is_present(changed) ? VALUE_SET(s, changed, resources, requests) : s;
}

static struct value default_spec_of_pod(struct value s)
{
    static const struct scalar_default table[] = {TRUE_POINTER(enableServiceLinks)};
    s = default_pod_spec(s);
    s = DEFAULT_SCALARS(s, table);
    s = default_items(s, ATOM_containers, default_container_requests);
    s = default_items(s, ATOM_initContainers, default_container_requests);
    if (value_is_present(value_get(s, ATOM_resources)))
        s = default_pod_level(s);
    if (VALUE_BOOL_AT(s, hostNetwork)) {
        s = default_items(s, ATOM_containers, default_host_ports);
        s = default_items(s, ATOM_initContainers, default_host_ports);
    }
    return s;
}

struct value default_pod(struct value own_pod)
{
    return default_made_member(own_pod, ATOM_spec, default_spec_of_pod);
}

struct value default_template_object(struct value own_object)
{
    return default_made_member(own_object, ATOM_template, default_pod_template);
}
