/* SPDX-License-Identifier: Apache-2.0
 *
 * Services, endpoints, ingresses, network policies. Whether an address or a port is free is asked
 * by the allocators of the API server, not here.
 */
#include "sim/base/base.h"

#include "cluster/api/validate.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/json.h"

#define SLICE_ENDPOINTS_MAX 1000
#define SLICE_ADDRESSES_MAX 100
#define SLICE_PORTS_MAX 20000
#define KUBELET_PORT 10250

static void check_ip(errors_t *errors, path_t path, struct value v)
{
    bool is_v6 = false;
    if (!text_is_ip(value_str(v), &is_v6))
        field_error_at(errors, FIELD_INVALID, path, v, IP_TEXT);
}

/* An address that somebody can be reached at. */
static void check_endpoint_ip(errors_t *errors, path_t path, struct value v)
{
    struct str s = value_str(v);
    bool is_v6 = false;
    check_ip(errors, path, v);
    if (!text_is_ip(s, &is_v6))
        return;
    if (str_equal(s, S("0.0.0.0")) || str_equal(s, S("::")))
        field_error_at(errors, FIELD_INVALID, path, v, "may not be unspecified (%.*s)", STR_ARG(s));
    if (str_starts_with(s, S("127.")) || str_equal(s, S("::1")))
        field_error_at(errors, FIELD_INVALID, path, v,
                       "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    if (str_starts_with(s, S("169.254.")) || (is_v6 && str_starts_with(s, S("fe80:"))))
        field_error_at(errors, FIELD_INVALID, path, v,
                       "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    if (str_starts_with(s, S("224.0.0.")) || (is_v6 && str_starts_with(s, S("ff02:"))))
        field_error_at(errors, FIELD_INVALID, path, v,
                       "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
}

bool text_is_cidr(struct str s)
{
    struct str bits, address = str_cut(s, '/', &bits);
    bool is_v6 = false;
    int64_t n = -1;
    return address.size < s.size && text_is_ip(address, &is_v6) && str_to_int64(bits, &n) &&
           n >= 0 && n <= (is_v6 ? 128 : 32);
}

/* ---- Service ---- */

static void check_service_port(struct value ports, size_t index, path_t item, errors_t *errors)
{
    struct value p = value_at(ports, index), name = value_get(p, ATOM_name);
    if (!text_is_set(name)) {
        if (value_count(ports) > 1)
            child_error(errors, FIELD_REQUIRED, item, "name", VALUE_ABSENT, NO_DETAIL);
    } else {
        check_child_rule(errors, item, "name", name, name_dns_label);
        if (is_repeated_before(ports, index, ATOM_name))
            child_error(errors, FIELD_DUPLICATE, item, "name", name, NO_DETAIL);
    }
    struct value number = VALUE_GET(p, port), target = VALUE_GET(p, targetPort);
    check_port_number(errors, item, "port", value_is_present(number) ? number : value_integer(0));
    check_choice(errors, item, "protocol", VALUE_GET(p, protocol), "SCTP|TCP|UDP");
    check_port_number_or_name(errors, item, "targetPort", target);
    if (text_is_set(VALUE_GET(p, appProtocol)))
        check_child_rule(errors, item, "appProtocol", VALUE_GET(p, appProtocol), name_qualified);
}

static bool is_same_port(struct value a, struct value b, atom number)
{
    return value_equal(value_get(a, number), value_get(b, number)) &&
           value_equal(value_get(a, ATOM_protocol), value_get(b, ATOM_protocol));
}

static void check_service_ports(struct value spec, path_t path, errors_t *errors)
{
    struct value ports = VALUE_GET(spec, ports);
    struct field_path list = path_child(path, "ports");
    for (size_t i = 0; i < value_count(ports); i++) {
        struct field_path item = path_index(&list, i);
        check_service_port(ports, i, &item, errors);
    }
}

/* Those that the service's type forbids, and those that are there twice. */
static void check_node_ports(struct value spec, path_t path, errors_t *errors)
{
    struct value ports = VALUE_GET(spec, ports);
    struct field_path list = path_child(path, "ports");
    for (size_t i = 0; VALUE_IS(spec, "ClusterIP", type) && i < value_count(ports); i++) {
        struct field_path item = path_index(&list, i);
        if (VALUE_INT(value_at(ports, i), 0, nodePort) != 0)
            child_error(errors, FIELD_FORBIDDEN, &item, "nodePort", VALUE_ABSENT,
                        "may not be used when `type` is 'ClusterIP'");
    }
    for (size_t i = 0; i < value_count(ports); i++) {
        struct field_path item = path_index(&list, i);
        struct value p = value_at(ports, i);
        bool is_taken = false;
        for (size_t k = 0; i < LIST_COMPARED_MAX && k < i; k++)
            is_taken |= is_same_port(p, value_at(ports, k), ATOM_nodePort);
        if (is_taken && VALUE_INT(p, 0, nodePort) != 0)
            child_error(errors, FIELD_DUPLICATE, &item, "nodePort", VALUE_GET(p, nodePort),
                        NO_DETAIL);
    }
    for (size_t i = 0; i < value_count(ports); i++) {
        struct field_path item = path_index(&list, i);
        struct value p = value_at(ports, i);
        bool is_repeated = false;
        for (size_t k = 0; i < LIST_COMPARED_MAX && k < i; k++)
            is_repeated |= is_same_port(p, value_at(ports, k), ATOM_port);
        if (!is_repeated)
            continue;
        AUTO(value)
        struct value key =
            value_pack("{protocol: %v, port: %v}", value_keep(VALUE_GET(p, protocol)),
                       value_keep(VALUE_GET(p, port)));
        field_error_at(errors, FIELD_DUPLICATE, &item, key, NO_DETAIL);
    }
}

static void check_session_affinity(struct value spec, path_t path, errors_t *errors)
{
    struct value config = VALUE_GET(spec, sessionAffinityConfig);
    struct value seconds = VALUE_GET(config, clientIP, timeoutSeconds);
    struct field_path affinity = path_child(path, "sessionAffinityConfig"),
                      client = path_child(&affinity, "clientIP");
    check_choice(errors, path, "sessionAffinity", VALUE_GET(spec, sessionAffinity),
                 "ClientIP|None");
    if (VALUE_IS(spec, "None", sessionAffinity) && value_is_present(config))
        field_error_at(errors, FIELD_FORBIDDEN, &affinity, VALUE_ABSENT,
                       "must not be set when session affinity is None");
    if (!VALUE_IS(spec, "ClientIP", sessionAffinity))
        return;
    if (!value_is_present(config))
        field_error_at(errors, FIELD_REQUIRED, &affinity, VALUE_ABSENT,
                       "when session affinity type is ClientIP");
    else if (value_as_integer(seconds, 0) <= 0 || value_as_integer(seconds, 0) > 86400)
        child_error(errors, FIELD_INVALID, &client, "timeoutSeconds",
                    value_is_present(seconds) ? seconds : value_integer(0),
                    "must be greater than 0 and less than 86400");
}

static void check_cluster_ips(struct value spec, path_t path, errors_t *errors)
{
    struct value families = VALUE_GET(spec, ipFamilies), ip = VALUE_GET(spec, clusterIP);
    AUTO(value) struct value ips = value_keep(VALUE_GET(spec, clusterIPs));
    if (value_count(ips) == 0 && text_is_set(ip)) {
        value_drop(ips);
        ips = value_append(value_array(), value_keep(ip));
    }
    struct field_path ips_path = path_child(path, "clusterIPs"),
                      families_path = path_child(path, "ipFamilies");
    if (VALUE_IS(spec, "ExternalName", type))
        return;
    if (value_count(ips) > 0 && !text_is_set(ip))
        field_error_at(errors, FIELD_INVALID, &ips_path, ips,
                       "must be empty when `clusterIP` is not specified");
    else if (value_count(ips) > 0 && !value_equal(value_at(ips, 0), ip))
        field_error_at(errors, FIELD_INVALID, &ips_path, ips, "first value must match `clusterIP`");
    for (size_t i = 0; i < value_count(families); i++) {
        struct field_path item = path_index(&families_path, i);
        if (!is_one_of(value_at(families, i), "IPv4|IPv6"))
            field_error_at(errors, FIELD_NOT_SUPPORTED, &item, value_at(families, i),
                           "supported values: \"IPv4\", \"IPv6\"");
        if (is_repeated_before(families, i, ATOM_NONE))
            field_error_at(errors, FIELD_DUPLICATE, &item, value_at(families, i), NO_DETAIL);
    }
    check_optional_choice(errors, path, "ipFamilyPolicy", VALUE_GET(spec, ipFamilyPolicy),
                          "PreferDualStack|RequireDualStack|SingleStack");
    if (value_count(ips) > 2)
        field_error_at(errors, FIELD_INVALID, &ips_path, ips, "may only hold up to 2 values");
    for (size_t i = 0; i < value_count(ips); i++) {
        struct field_path item = path_index(&ips_path, i);
        struct value a = value_at(ips, i), family = value_at(families, i);
        bool is_v6 = false;
        if (value_is(a, "None")) {
            if (value_count(ips) > 1)
                field_error_at(errors, FIELD_INVALID, &ips_path, ips,
                               "'None' must be the first and only value");
            continue;
        }
        check_ip(errors, &item, a);
        if (text_is_ip(value_str(a), &is_v6) && text_is_set(family) &&
            is_v6 != value_is(family, "IPv6"))
            field_error_at(errors, FIELD_INVALID, &item, a,
                           "expected an %.*s value as indicated by `ipFamilies[%zu]`",
                           STR_ARG(value_str(family)), i);
    }
}

void validate_service_addresses(struct value service, struct field_errors *errors)
{
    struct field_path path = path_child(NULL, "spec");
    check_cluster_ips(VALUE_GET(service, spec), &path, errors);
}

static void check_source_ranges(struct value spec, path_t path, errors_t *errors)
{
    struct value ranges = VALUE_GET(spec, loadBalancerSourceRanges);
    struct field_path list = path_child(path, "loadBalancerSourceRanges");
    if (value_count(ranges) > 0 && !VALUE_IS(spec, "LoadBalancer", type)) {
        field_error_at(errors, FIELD_FORBIDDEN, &list, VALUE_ABSENT,
                       "may only be used when `type` is 'LoadBalancer'");
        return;
    }
    for (size_t i = 0; i < value_count(ranges); i++) {
        struct field_path item = path_index(&list, i);
        if (!text_is_cidr(str_trim(value_str(value_at(ranges, i)))))
            field_error_at(errors, FIELD_INVALID, &item, value_at(ranges, i), CIDR_TEXT);
    }
}

static void check_service_type(struct value spec, path_t path, errors_t *errors)
{
    struct value type = VALUE_GET(spec, type);
    bool is_headless = VALUE_IS(spec, "None", clusterIP);
    struct field_path ips = path_child(path, "clusterIPs"), first = path_index(&ips, 0);
    struct value ports = VALUE_GET(spec, ports);
    struct field_path list = path_child(path, "ports");
    AUTO(value) struct value none = value_string(S("None"));
    if (value_count(ports) == 0 && !is_headless && !value_is(type, "ExternalName"))
        field_error_at(errors, FIELD_REQUIRED, &list, VALUE_ABSENT, NO_DETAIL);
    for (size_t i = 0; value_is(type, "LoadBalancer") && i < value_count(ports); i++) {
        struct field_path item = path_index(&list, i);
        if (VALUE_INT(value_at(ports, i), 0, port) == KUBELET_PORT)
            field_error_at(errors, FIELD_INVALID, &item, VALUE_GET(value_at(ports, i), port),
                           "may not expose port %d externally since it is used by kubelet",
                           KUBELET_PORT);
    }
    if (value_is(type, "LoadBalancer") && is_headless)
        field_error_at(errors, FIELD_INVALID, &first, none,
                       "may not be set to 'None' for LoadBalancer services");
    if (value_is(type, "NodePort") && is_headless)
        field_error_at(errors, FIELD_INVALID, &first, none,
                       "may not be set to 'None' for NodePort services");
    if (value_is(type, "ExternalName")) {
        if (value_count(VALUE_GET(spec, clusterIPs)) > 0)
            field_error_at(errors, FIELD_FORBIDDEN, &ips, VALUE_ABSENT,
                           "may not be set for ExternalName services");
        if (value_count(VALUE_GET(spec, ipFamilies)) > 0)
            child_error(errors, FIELD_FORBIDDEN, path, "ipFamilies", VALUE_ABSENT,
                        "may not be set for ExternalName services");
        if (value_is_present(VALUE_GET(spec, ipFamilyPolicy)))
            child_error(errors, FIELD_FORBIDDEN, path, "ipFamilyPolicy", VALUE_ABSENT,
                        "may not be set for ExternalName services");
        if (check_required(errors, path, "externalName", VALUE_GET(spec, externalName)))
            check_child_rule(errors, path, "externalName", VALUE_GET(spec, externalName),
                             name_dns_subdomain);
    }
}

static void check_traffic(struct value spec, path_t path, errors_t *errors)
{
    struct value external = VALUE_GET(spec, externalTrafficPolicy);
    bool is_external = is_one_of(VALUE_GET(spec, type), "NodePort|LoadBalancer") ||
                       value_count(VALUE_GET(spec, externalIPs)) > 0;
    if (!is_external && text_is_set(external))
        child_error(errors, FIELD_INVALID, path, "externalTrafficPolicy", external,
                    "may only be set for externally-accessible services");
    else
        check_optional_choice(errors, path, "externalTrafficPolicy", external, "Cluster|Local");
    bool needs_check = VALUE_IS(spec, "LoadBalancer", type) && value_is(external, "Local");
    if (!needs_check && VALUE_INT(spec, 0, healthCheckNodePort) != 0)
        child_error(errors, FIELD_INVALID, path, "healthCheckNodePort",
                    VALUE_GET(spec, healthCheckNodePort),
                    "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is "
                    "'Local'");
    check_optional_choice(errors, path, "internalTrafficPolicy",
                          VALUE_GET(spec, internalTrafficPolicy), "Cluster|Local");
    check_optional_choice(errors, path, "trafficDistribution", VALUE_GET(spec, trafficDistribution),
                          "PreferClose|PreferSameNode|PreferSameZone");
}

void validate_service(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), ips = VALUE_GET(spec, externalIPs);
    struct field_path path = path_child(NULL, "spec"), selector = path_child(&path, "selector"),
                      external = path_child(&path, "externalIPs");
    check_service_type(spec, &path, errors);
    check_service_ports(spec, &path, errors);
    check_labels(errors, &selector, VALUE_GET(spec, selector));
    check_session_affinity(spec, &path, errors);
    check_cluster_ips(spec, &path, errors);
    for (size_t i = 0; i < value_count(ips); i++) {
        struct field_path item = path_index(&external, i);
        check_endpoint_ip(errors, &item, value_at(ips, i));
    }
    check_choice(errors, &path, "type", VALUE_GET(spec, type),
                 "ClusterIP|ExternalName|LoadBalancer|NodePort");
    check_node_ports(spec, &path, errors);
    check_source_ranges(spec, &path, errors);
    check_traffic(spec, &path, errors);
    if (!VALUE_IS(spec, "LoadBalancer", type)) {
        if (value_is_present(VALUE_GET(spec, loadBalancerClass)))
            child_error(errors, FIELD_FORBIDDEN, &path, "loadBalancerClass", VALUE_ABSENT,
                        "may only be used when `type` is 'LoadBalancer'");
        if (value_is_present(VALUE_GET(spec, allocateLoadBalancerNodePorts)))
            child_error(errors, FIELD_FORBIDDEN, &path, "allocateLoadBalancerNodePorts",
                        VALUE_ABSENT, "may only be used when `type` is 'LoadBalancer'");
    }
}

void validate_service_update(struct value new_service, struct value old_service, errors_t *errors)
{
    struct value new = value_get(new_service, ATOM_spec), old = value_get(old_service, ATOM_spec);
    struct field_path path = path_child(NULL, "spec"), ips = path_child(&path, "clusterIPs"),
                      families = path_child(&path, "ipFamilies"), first = path_index(&ips, 0),
                      first_family = path_index(&families, 0);
    if (VALUE_IS(new, "ExternalName", type) || VALUE_IS(old, "ExternalName", type))
        return;
    struct value was = value_at(VALUE_GET(old, clusterIPs), 0);
    struct value is = value_at(VALUE_GET(new, clusterIPs), 0);
    if (text_is_set(was) && !text_is_set(is))
        field_error_at(errors, FIELD_INVALID, &first, VALUE_GET(new, clusterIPs),
                       "primary clusterIP can not be unset");
    else if (text_is_set(was) && !value_equal(was, is))
        field_error_at(errors, FIELD_INVALID, &first, VALUE_GET(new, clusterIPs),
                       "may not change once set");
    was = value_at(VALUE_GET(old, ipFamilies), 0);
    is = value_at(VALUE_GET(new, ipFamilies), 0);
    if (text_is_set(was) && text_is_set(is) && !value_equal(was, is))
        field_error_at(errors, FIELD_INVALID, &first_family, VALUE_GET(new, ipFamilies),
                       "may not change once set");
    if (VALUE_INT(old, 0, healthCheckNodePort) != 0 &&
        VALUE_IS(new, "Local", externalTrafficPolicy) &&
        !value_equal(VALUE_GET(old, healthCheckNodePort), VALUE_GET(new, healthCheckNodePort)))
        child_error(errors, FIELD_FORBIDDEN, &path, "healthCheckNodePort", VALUE_ABSENT,
                    "field is immutable");
    if (VALUE_IS(old, "LoadBalancer", type) && VALUE_IS(new, "LoadBalancer", type) &&
        !value_equal(VALUE_GET(old, loadBalancerClass), VALUE_GET(new, loadBalancerClass)))
        child_error(errors, FIELD_INVALID, &path, "loadBalancerClass",
                    VALUE_GET(new, loadBalancerClass), "may not change once set");
}

/* ---- Endpoints, EndpointSlice ---- */

void validate_endpoints(struct value o, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name;
    } lists[] = {{ATOM_addresses, "addresses"}, {ATOM_notReadyAddresses, "notReadyAddresses"}};
    struct value subsets = VALUE_GET(o, subsets);
    struct field_path path = path_child(NULL, "subsets");
    for (size_t i = 0; i < value_count(subsets); i++) {
        struct field_path item = path_index(&path, i), port_list = path_child(&item, "ports");
        struct value s = value_at(subsets, i), ports = VALUE_GET(s, ports);
        if (value_count(VALUE_GET(s, addresses)) + value_count(VALUE_GET(s, notReadyAddresses)) ==
            0)
            field_error_at(errors, FIELD_REQUIRED, &item, VALUE_ABSENT,
                           "must specify `addresses` or `notReadyAddresses`");
        for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
            struct value list = value_get(s, lists[l].key);
            struct field_path list_path = path_child(&item, lists[l].name);
            for (size_t k = 0; k < value_count(list); k++) {
                struct field_path address = path_index(&list_path, k),
                                  ip = path_child(&address, "ip");
                check_endpoint_ip(errors, &ip, VALUE_GET(value_at(list, k), ip));
            }
        }
        for (size_t k = 0; k < value_count(ports); k++) {
            struct field_path port = path_index(&port_list, k);
            struct value p = value_at(ports, k);
            if (value_count(ports) > 1)
                check_required(errors, &port, "name", VALUE_GET(p, name));
            check_port_number(errors, &port, "port", value_integer(VALUE_INT(p, 0, port)));
            check_choice(errors, &port, "protocol", VALUE_GET(p, protocol), "SCTP|TCP|UDP");
        }
    }
}

static void check_slice_endpoint(struct value e, struct value type, path_t path, errors_t *errors)
{
    struct value addresses = VALUE_GET(e, addresses);
    struct field_path list = path_child(path, "addresses");
    if (value_count(addresses) == 0)
        field_error_at(errors, FIELD_REQUIRED, &list, VALUE_ABSENT,
                       "must contain at least 1 address");
    if (value_count(addresses) > SLICE_ADDRESSES_MAX)
        field_error_at(errors, FIELD_TOO_MANY, &list,
                       value_integer((int64_t)value_count(addresses)), "must have at most %d items",
                       SLICE_ADDRESSES_MAX);
    for (size_t i = 0; i < value_count(addresses); i++) {
        struct field_path item = path_index(&list, i);
        struct value a = value_at(addresses, i);
        bool is_v6 = false, is_ip = text_is_ip(value_str(a), &is_v6);
        if (value_is(type, "FQDN"))
            check_rule(errors, &item, a, name_dns_subdomain);
        else if (!is_ip)
            field_error_at(errors, FIELD_INVALID, &item, a, IP_TEXT);
        else if (is_v6 != value_is(type, "IPv6"))
            field_error_at(errors, FIELD_INVALID, &item, a, "must be an %s address",
                           is_v6 ? "IPv4" : "IPv6");
        if (is_ip && !value_is(type, "FQDN"))
            check_endpoint_ip(errors, &item, a);
    }
}

void validate_endpoint_slice(struct value o, errors_t *errors)
{
    struct value type = VALUE_GET(o, addressType), endpoints = VALUE_GET(o, endpoints);
    struct value ports = VALUE_GET(o, ports);
    struct field_path list = path_child(NULL, "endpoints"), port_list = path_child(NULL, "ports");
    check_choice(errors, NULL, "addressType", type, "FQDN|IPv4|IPv6");
    if (value_count(endpoints) > SLICE_ENDPOINTS_MAX)
        field_error_at(errors, FIELD_TOO_MANY, &list,
                       value_integer((int64_t)value_count(endpoints)), "must have at most %d items",
                       SLICE_ENDPOINTS_MAX);
    for (size_t i = 0; i < value_count(endpoints); i++) {
        struct field_path item = path_index(&list, i);
        check_slice_endpoint(value_at(endpoints, i), type, &item, errors);
    }
    if (value_count(ports) > SLICE_PORTS_MAX)
        field_error_at(errors, FIELD_TOO_MANY, &port_list,
                       value_integer((int64_t)value_count(ports)), "must have at most %d items",
                       SLICE_PORTS_MAX);
    for (size_t i = 0; i < value_count(ports) && i < SLICE_ADDRESSES_MAX; i++) {
        struct field_path item = path_index(&port_list, i);
        struct value p = value_at(ports, i);
        if (text_is_set(VALUE_GET(p, name)))
            check_child_rule(errors, &item, "name", VALUE_GET(p, name), name_dns_label);
        if (is_repeated_before(ports, i, ATOM_name))
            child_error(errors, FIELD_DUPLICATE, &item, "name", VALUE_GET(p, name), NO_DETAIL);
        check_choice(errors, &item, "protocol", VALUE_GET(p, protocol), "SCTP|TCP|UDP");
    }
}

void validate_endpoint_slice_update(struct value new, struct value old, errors_t *errors)
{
    check_immutable(errors, NULL, "addressType", VALUE_GET(new, addressType),
                    VALUE_GET(old, addressType));
}

/* ---- Ingress ---- */

static void check_backend(struct value b, path_t path, errors_t *errors)
{
    struct value service = VALUE_GET(b, service), number = VALUE_GET(service, port, number);
    struct value name = VALUE_GET(service, port, name);
    struct field_path here = path_child(path, "service"), port = path_child(&here, "port");
    if (!value_is_present(service)) {
        if (!value_is_present(VALUE_GET(b, resource)))
            field_error_shown(errors, FIELD_INVALID, path, S("\"\""),
                              "resource or service backend is required");
        return;
    }
    if (value_is_present(VALUE_GET(b, resource)))
        field_error_shown(errors, FIELD_INVALID, path, S("\"\""),
                          "cannot set both resource and service backends");
    if (check_required(errors, &here, "name", VALUE_GET(service, name)))
        check_child_rule(errors, &here, "name", VALUE_GET(service, name), name_dns_label);
    if (text_is_set(name) && value_as_integer(number, 0) != 0)
        field_error_shown(errors, FIELD_INVALID, path, S("\"\""),
                          "cannot set both port name & port number");
    else if (text_is_set(name))
        check_child_rule(errors, &port, "name", name, name_port);
    else if (value_as_integer(number, 0) != 0)
        check_port_number(errors, &port, "number", number);
    else
        field_error_at(errors, FIELD_REQUIRED, path, VALUE_ABSENT,
                       "port name or number is required");
}

static void check_ingress_path(struct value p, path_t path, errors_t *errors)
{
    static const char *const forbidden[] = {"//", "/./", "/../", "%2f", "%2F"};
    static const char *const endings[] = {"/..", "/."};
    struct value type = VALUE_GET(p, pathType);
    struct str s = VALUE_STR(p, path);
    struct field_path backend = path_child(path, "backend");
    if (!text_is_set(type)) {
        child_error(errors, FIELD_REQUIRED, path, "pathType", VALUE_ABSENT,
                    "pathType must be specified");
    } else if (is_one_of(type, "Exact|Prefix")) {
        if (!str_starts_with(s, S("/"))) {
            AUTO(value) struct value shown = value_string(s);
            child_error(errors, FIELD_INVALID, path, "path", shown, "must be an absolute path");
        }
        for (size_t i = 0; i < ARRAY_COUNT(forbidden); i++) {
            if (str_contains(s, str_from(forbidden[i])))
                child_error(errors, FIELD_INVALID, path, "path", VALUE_GET(p, path),
                            "must not contain '%s'", forbidden[i]);
        }
        for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
            if (str_ends_with(s, str_from(endings[i])))
                child_error(errors, FIELD_INVALID, path, "path", VALUE_GET(p, path),
                            "cannot end with '%s'", endings[i]);
        }
    } else if (value_is(type, "ImplementationSpecific")) {
        if (s.size > 0 && s.bytes[0] != '/')
            child_error(errors, FIELD_INVALID, path, "path", VALUE_GET(p, path),
                        "must be an absolute path");
    } else {
        check_optional_choice(errors, path, "pathType", type,
                              "Exact|ImplementationSpecific|Prefix");
    }
    check_backend(VALUE_GET(p, backend), &backend, errors);
}

static void check_host(errors_t *errors, path_t path, const char *name, struct value host)
{
    struct str s = value_str(host);
    bool is_v6 = false;
    if (s.size == 0)
        return;
    if (text_is_ip(s, &is_v6))
        child_error(errors, FIELD_INVALID, path, name, host,
                    "must be a DNS name, not an IP address");
    else
        check_child_rule(errors, path, name, host,
                         str_find(s, '*') < s.size ? name_wildcard_domain : name_dns_subdomain);
}

/* As Go prints the internal type, when it has neither rules nor a default backend. */
static void internal_ingress(struct value spec, struct text *out)
{
    struct value tls = VALUE_GET(spec, tls);
    text_add(out, S("{\"IngressClassName\":"));
    json_write(VALUE_GET(spec, ingressClassName), out);
    text_add(out, S(",\"DefaultBackend\":null,\"TLS\":"));
    text_add(out, value_is_present(tls) ? S("[") : S("null"));
    for (size_t i = 0; i < value_count(tls); i++) {
        text_add(out, i > 0 ? S(",{\"Hosts\":") : S("{\"Hosts\":"));
        json_write(VALUE_GET(value_at(tls, i), hosts), out);
        text_add(out, S(",\"SecretName\":"));
        json_write_string(VALUE_STR(value_at(tls, i), secretName), out);
        text_add_byte(out, '}');
    }
    text_add(out, value_is_present(tls) ? S("],\"Rules\":null}") : S(",\"Rules\":null}"));
}

void validate_ingress(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), rules = VALUE_GET(spec, rules),
                 tls = VALUE_GET(spec, tls);
    struct value backend = VALUE_GET(spec, defaultBackend);
    struct field_path path = path_child(NULL, "spec"), list = path_child(&path, "rules"),
                      tls_list = path_child(&path, "tls"),
                      fallback = path_child(&path, "defaultBackend");
    if (value_count(rules) == 0 && !value_is_present(backend)) {
        AUTO(text) struct text shown = {0};
        internal_ingress(spec, &shown);
        field_error_shown(errors, FIELD_INVALID, &path, text_str(&shown),
                          "either `defaultBackend` or `rules` must be specified");
    }
    if (value_is_present(backend))
        check_backend(backend, &fallback, errors);
    for (size_t i = 0; i < value_count(rules); i++) {
        struct field_path item = path_index(&list, i), http = path_child(&item, "http"),
                          path_list = path_child(&http, "paths");
        struct value r = value_at(rules, i), paths = VALUE_GET(r, http, paths);
        check_host(errors, &item, "host", VALUE_GET(r, host));
        if (value_is_present(VALUE_GET(r, http)) && value_count(paths) == 0)
            field_error_at(errors, FIELD_REQUIRED, &path_list, VALUE_ABSENT, NO_DETAIL);
        for (size_t k = 0; k < value_count(paths); k++) {
            struct field_path one = path_index(&path_list, k);
            check_ingress_path(value_at(paths, k), &one, errors);
        }
    }
    for (size_t i = 0; i < value_count(tls); i++) {
        struct field_path item = path_index(&tls_list, i), host_list = path_child(&item, "hosts");
        struct value t = value_at(tls, i), hosts = VALUE_GET(t, hosts);
        for (size_t k = 0; k < value_count(hosts); k++) {
            struct field_path one = path_index(&host_list, k);
            struct str s = value_str(value_at(hosts, k));
            check_rule(errors, &one, value_at(hosts, k),
                       str_find(s, '*') < s.size ? name_wildcard_domain : name_dns_subdomain);
        }
        if (text_is_set(VALUE_GET(t, secretName)))
            check_child_rule(errors, &item, "secretName", VALUE_GET(t, secretName),
                             name_dns_subdomain);
    }
    if (value_is_present(VALUE_GET(spec, ingressClassName)))
        check_child_rule(errors, &path, "ingressClassName", VALUE_GET(spec, ingressClassName),
                         name_dns_subdomain);
    struct value class =
        value_get_key(VALUE_GET(o, metadata, annotations), S("kubernetes.io/ingress.class"));
    bool is_new = !value_is_present(VALUE_GET(o, metadata, resourceVersion));
    if (is_new && value_is_present(class) && value_is_present(VALUE_GET(spec, ingressClassName)) &&
        !value_equal(class, VALUE_GET(spec, ingressClassName)))
        field_error_add(errors, FIELD_INVALID, S("annotations.kubernetes.io/ingress.class"), class,
                        "must match `ingressClassName` when both are specified");
}

void validate_ingress_class(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), parameters = VALUE_GET(spec, parameters);
    struct field_path path = path_child(NULL, "spec"), here = path_child(&path, "parameters");
    if (VALUE_STR(spec, controller).size > 250)
        child_error(errors, FIELD_TOO_LONG, &path, "controller", VALUE_ABSENT,
                    "may not be more than 250 bytes");
    else
        check_child_rule(errors, &path, "controller", VALUE_GET(spec, controller), name_qualified);
    if (!value_is_present(parameters))
        return;
    check_required(errors, &here, "kind", VALUE_GET(parameters, kind));
    check_required(errors, &here, "name", VALUE_GET(parameters, name));
    check_choice(errors, &here, "scope", VALUE_GET(parameters, scope), "Cluster|Namespace");
    bool is_namespaced = VALUE_IS(parameters, "Namespace", scope);
    bool has_namespace = value_is_present(VALUE_GET(parameters, namespace));
    if (is_namespaced && !has_namespace)
        child_error(errors, FIELD_REQUIRED, &here, "namespace", VALUE_ABSENT,
                    "`parameters.scope` is set to 'Namespace'");
    if (!is_namespaced && has_namespace)
        child_error(errors, FIELD_FORBIDDEN, &here, "namespace", VALUE_ABSENT,
                    "`parameters.scope` is set to 'Cluster'");
}

void validate_ingress_class_update(struct value new, struct value old, errors_t *errors)
{
    struct field_path path = path_child(NULL, "spec");
    check_immutable(errors, &path, "controller", VALUE_GET(new, spec, controller),
                    VALUE_GET(old, spec, controller));
}

/* ---- NetworkPolicy ---- */

static void check_policy_port(struct value p, path_t path, errors_t *errors)
{
    struct value port = VALUE_GET(p, port), end = VALUE_GET(p, endPort);
    check_optional_choice(errors, path, "protocol", VALUE_GET(p, protocol), "TCP|UDP|SCTP");
    if (value_is_present(port))
        check_port_number_or_name(errors, path, "port", port);
    if (!value_is_present(end))
        return;
    if (!value_is_present(port))
        child_error(errors, FIELD_INVALID, path, "endPort", end,
                    "may not be specified when `port` is not specified");
    else if (value_kind(port) == VALUE_STRING)
        child_error(errors, FIELD_INVALID, path, "endPort", end,
                    "may not be specified when `port` is non-numeric");
    else if (value_as_integer(end, 0) < value_as_integer(port, 0))
        child_error(errors, FIELD_INVALID, path, "endPort", end,
                    "must be greater than or equal to `port`");
    else
        check_port_number(errors, path, "endPort", end);
}

static void check_peer(struct value p, path_t path, errors_t *errors)
{
    struct field_path pods = path_child(path, "podSelector"),
                      namespaces = path_child(path, "namespaceSelector"),
                      block_path = path_child(path, "ipBlock"),
                      list = path_child(&block_path, "except");
    struct value block = VALUE_GET(p, ipBlock);
    check_label_selector(errors, &pods, VALUE_GET(p, podSelector));
    check_label_selector(errors, &namespaces, VALUE_GET(p, namespaceSelector));
    if (value_count(p) == 0)
        field_error_at(errors, FIELD_REQUIRED, path, VALUE_ABSENT, "must specify a peer");
    if (!value_is_present(block))
        return;
    if (value_count(p) > 1)
        field_error_at(errors, FIELD_FORBIDDEN, path, VALUE_ABSENT,
                       "may not specify both ipBlock and another peer");
    if (check_required(errors, &block_path, "cidr", VALUE_GET(block, cidr)) &&
        !text_is_cidr(VALUE_STR(block, cidr)))
        child_error(errors, FIELD_INVALID, &block_path, "cidr", VALUE_GET(block, cidr), CIDR_TEXT);
    struct value except = VALUE_GET(block, except);
    for (size_t i = 0; i < value_count(except); i++) {
        struct field_path item = path_index(&list, i);
        if (!text_is_cidr(value_str(value_at(except, i))))
            field_error_at(errors, FIELD_INVALID, &item, value_at(except, i), CIDR_TEXT);
        else if (value_equal(value_at(except, i), VALUE_GET(block, cidr)))
            field_error_at(errors, FIELD_INVALID, &item, value_at(except, i),
                           "must be a strict subset of `cidr`");
    }
}

static void check_policy_rules(struct value rules, const char *name, atom peers_key,
                               const char *peers_name, path_t path, errors_t *errors)
{
    struct field_path list = path_child(path, name);
    for (size_t i = 0; i < value_count(rules); i++) {
        struct field_path item = path_index(&list, i), port_list = path_child(&item, "ports"),
                          peer_list = path_child(&item, peers_name);
        struct value r = value_at(rules, i), ports = VALUE_GET(r, ports),
                     peers = value_get(r, peers_key);
        for (size_t k = 0; k < value_count(ports); k++) {
            struct field_path one = path_index(&port_list, k);
            check_policy_port(value_at(ports, k), &one, errors);
        }
        for (size_t k = 0; k < value_count(peers); k++) {
            struct field_path one = path_index(&peer_list, k);
            check_peer(value_at(peers, k), &one, errors);
        }
    }
}

void validate_network_policy(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), types = VALUE_GET(spec, policyTypes);
    struct field_path path = path_child(NULL, "spec"), selector = path_child(&path, "podSelector"),
                      list = path_child(&path, "policyTypes");
    check_label_selector(errors, &selector, VALUE_GET(spec, podSelector));
    check_policy_rules(VALUE_GET(spec, ingress), "ingress", ATOM_from, "from", &path, errors);
    check_policy_rules(VALUE_GET(spec, egress), "egress", ATOM_to, "to", &path, errors);
    if (value_count(types) > 2)
        field_error_at(errors, FIELD_INVALID, &list, types,
                       "may not specify more than two policyTypes");
    for (size_t i = 0; i < value_count(types); i++) {
        struct field_path item = path_index(&list, i);
        if (!is_one_of(value_at(types, i), "Ingress|Egress"))
            field_error_at(errors, FIELD_NOT_SUPPORTED, &item, value_at(types, i),
                           "supported values: \"Ingress\", \"Egress\"");
    }
}
