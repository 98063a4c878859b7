/* SPDX-License-Identifier: Apache-2.0
 *
 * Defaults of services, endpoints, ingress classes and network policies. What is allocated (cluster
 * IPs, node ports, IP families) belongs to the registry of services, not here.
 */
#include "sim/base/base.h"

#include "cluster/api/defaults.h"

#include "cluster/api/defaults_parts.h"

static struct value port_protocol(struct value v)
{
    return default_text(v, ATOM_protocol, "TCP");
}

/* ---- Service ---- */

static struct value service_port(struct value v)
{
    v = port_protocol(v);
    struct value target = value_get(v, ATOM_targetPort);
    if (is_unset(target))
        v = value_set(v, ATOM_targetPort, value_integer(VALUE_INT(v, 0, port)));
    return v;
}

static struct value client_ip(struct value v)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(timeoutSeconds, 10800)};
    return DEFAULT_SCALARS(v, table);
}

static struct value affinity_config(struct value v)
{
    return default_made_member(v, ATOM_clientIP, client_ip);
}

static struct value service_spec(struct value s)
{
    s = default_text(s, ATOM_sessionAffinity, "None");
    if (VALUE_IS(s, "None", sessionAffinity))
        s = VALUE_REMOVE(s, sessionAffinityConfig);
    else if (VALUE_IS(s, "ClientIP", sessionAffinity))
        s = default_made_member(s, ATOM_sessionAffinityConfig, affinity_config);
    s = default_text(s, ATOM_type, "ClusterIP");
    s = default_items(s, ATOM_ports, service_port);
    bool balances = VALUE_IS(s, "LoadBalancer", type);
    bool has_node_ports = balances || VALUE_IS(s, "NodePort", type);
    bool is_in_cluster = has_node_ports || VALUE_IS(s, "ClusterIP", type);
    if (has_node_ports || (is_in_cluster && value_count(VALUE_GET(s, externalIPs)) > 0))
        s = default_text(s, ATOM_externalTrafficPolicy, "Cluster");
    if (is_in_cluster)
        s = default_text(s, ATOM_internalTrafficPolicy, "Cluster");
    if (balances && is_missing(value_get(s, ATOM_allocateLoadBalancerNodePorts)))
        s = value_set(s, ATOM_allocateLoadBalancerNodePorts, value_bool(true));
    return s;
}

static struct value ingress_point(struct value v)
{
    if (!is_unset(value_get(v, ATOM_ip)) && is_missing(value_get(v, ATOM_ipMode)))
        v = value_set(v, ATOM_ipMode, value_string(S("VIP")));
    return v;
}

static struct value load_balancer_status(struct value v)
{
    return default_items(v, ATOM_ingress, ingress_point);
}

static struct value service_status(struct value v)
{
    return default_member(v, ATOM_loadBalancer, load_balancer_status);
}

struct value default_service(struct value o)
{
    o = default_made_member(o, ATOM_spec, service_spec);
    return VALUE_IS(o, "LoadBalancer", spec, type) ? default_member(o, ATOM_status, service_status)
                                                   : o;
}

/* ---- Endpoints, EndpointSlice ---- */

static struct value subset(struct value v)
{
    return default_items(v, ATOM_ports, port_protocol);
}

struct value default_endpoints(struct value o)
{
    return default_items(o, ATOM_subsets, subset);
}

static struct value slice_port(struct value v)
{
    static const struct scalar_default table[] = {TEXT_POINTER(name, ""),
                                                  TEXT_POINTER(protocol, "TCP")};
    return DEFAULT_SCALARS(v, table);
}

struct value default_endpoint_slice(struct value o)
{
    return default_items(o, ATOM_ports, slice_port);
}

/* ---- IngressClass, NetworkPolicy ---- */

static struct value class_parameters(struct value v)
{
    static const struct scalar_default table[] = {TEXT_POINTER(scope, "Cluster")};
    return DEFAULT_SCALARS(v, table);
}

static struct value class_spec(struct value v)
{
    return default_member(v, ATOM_parameters, class_parameters);
}

struct value default_ingress_class(struct value o)
{
    return default_member(o, ATOM_spec, class_spec);
}

static struct value policy_port(struct value v)
{
    static const struct scalar_default table[] = {TEXT_POINTER(protocol, "TCP")};
    return DEFAULT_SCALARS(v, table);
}

static struct value policy_rule(struct value v)
{
    return default_items(v, ATOM_ports, policy_port);
}

static struct value policy_spec(struct value s)
{
    s = default_items(s, ATOM_ingress, policy_rule);
    s = default_items(s, ATOM_egress, policy_rule);
    if (value_count(value_get(s, ATOM_policyTypes)) == 0) {
        struct value types = value_append(value_array(), value_string(S("Ingress")));
        if (value_count(value_get(s, ATOM_egress)) > 0)
            types = value_append(types, value_string(S("Egress")));
        s = value_set(s, ATOM_policyTypes, types);
    }
    return s;
}

struct value default_network_policy(struct value o)
{
    return default_made_member(o, ATOM_spec, policy_spec);
}
