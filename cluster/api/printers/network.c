/* SPDX-License-Identifier: Apache-2.0
 *
 * Services, their endpoints, ingresses, policies, addresses.
 */
#include "sim/base/base.h"

#include "cluster/api/printers/printers.h"

#include "cluster/api/object.h"

#define INGRESS_MAX 64

/* ---- services ---- */

/* Addresses of status.loadBalancer.ingress, sorted, each once. */
static void ingress_addresses(struct value object, struct text *out)
{
    struct value list = VALUE_GET(object, status, loadBalancer, ingress);
    struct value sorted = value_object();
    for (size_t i = 0; i < value_count(list) && i < INGRESS_MAX; i++) {
        struct value entry = value_at(list, i);
        struct str ip = VALUE_STR(entry, ip);
        struct str name = VALUE_STR(entry, hostname);
        if (ip.size > 0 || name.size > 0)
            sorted = value_set_key(sorted, ip.size > 0 ? ip : name, value_bool(true));
    }
    for (size_t i = 0; i < value_count(sorted); i++)
        join(out, value_key_at(sorted, i));
    value_drop(sorted);
}

static void external_addresses(struct value object, struct text *out)
{
    struct value addresses = VALUE_GET(object, spec, externalIPs);
    struct str type = VALUE_STR(object, spec, type);
    bool is_balancer = str_equal(type, S("LoadBalancer"));
    if (str_equal(type, S("ExternalName"))) {
        text_add(out, VALUE_STR(object, spec, externalName));
        return;
    }
    if (!is_balancer && !str_equal(type, S("ClusterIP")) && !str_equal(type, S("NodePort"))) {
        text_add(out, S("<unknown>"));
        return;
    }
    if (is_balancer)
        ingress_addresses(object, out);
    for (size_t i = 0; i < value_count(addresses); i++)
        join(out, value_str(value_at(addresses, i)));
    if (out->size == 0)
        text_add(out, is_balancer ? S("<pending>") : S("<none>"));
}

static void service_ports(struct value object, struct text *out)
{
    struct value ports = VALUE_GET(object, spec, ports);
    for (size_t i = 0; i < value_count(ports); i++) {
        struct value p = value_at(ports, i);
        int64_t node_port = VALUE_INT(p, 0, nodePort);
        join(out, S(""));
        text_add_int(out, VALUE_INT(p, 0, port));
        if (node_port > 0)
            text_printf(out, ":%" PRId64, node_port);
        text_printf(out, "/%.*s", STR_ARG(VALUE_STR(p, protocol)));
    }
    if (value_count(ports) == 0)
        text_add(out, S("<none>"));
}

static void service(struct value object, struct cells *c)
{
    AUTO(text) struct text external = {0};
    AUTO(text) struct text ports = {0};
    AUTO(text) struct text selector = {0};
    external_addresses(object, &external);
    service_ports(object, &ports);
    labels_text(VALUE_GET(object, spec, selector), "<none>", &selector);
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, spec, type), "");
    cell_value(c, value_at(VALUE_GET(object, spec, clusterIPs), 0), "<none>");
    cell_text(c, text_str(&external));
    cell_text(c, text_str(&ports));
    cell_created(c, object);
    cell_text(c, text_str(&selector));
}

static void endpoints(struct value object, struct cells *c)
{
    struct value subsets = VALUE_GET(object, subsets);
    struct more all = {0};
    for (size_t i = 0; i < value_count(subsets); i++) {
        struct value addresses = VALUE_GET(value_at(subsets, i), addresses);
        struct value ports = VALUE_GET(value_at(subsets, i), ports);
        for (size_t p = 0; p < value_count(ports) || (p == 0 && value_count(ports) == 0); p++) {
            for (size_t a = 0; a < value_count(addresses); a++) {
                AUTO(text) struct text t = {0};
                text_add(&t, VALUE_STR(value_at(addresses, a), ip));
                if (value_count(ports) > 0)
                    text_printf(&t, ":%" PRId64, VALUE_INT(value_at(ports, p), 0, port));
                more_add(&all, text_str(&t));
            }
        }
    }
    cell_name(c, object);
    cell_more(c, &all, all.count, "<none>");
    cell_created(c, object);
}

static void slice_port(struct value port, struct more *all)
{
    AUTO(text) struct text t = {0};
    struct value number = VALUE_GET(port, port);
    struct str name = VALUE_STR(port, name);
    if (value_kind(number) == VALUE_INTEGER)
        text_add_int(&t, value_as_integer(number, 0));
    else
        text_add(&t, name.size > 0 ? name : S("*"));
    more_add(all, text_str(&t));
}

static void endpoint_slice(struct value object, struct cells *c)
{
    struct value ports = VALUE_GET(object, ports);
    struct value list = VALUE_GET(object, endpoints);
    struct more port_texts = {0};
    struct more addresses = {0};
    for (size_t i = 0; i < value_count(ports); i++)
        slice_port(value_at(ports, i), &port_texts);
    for (size_t i = 0; i < value_count(list); i++) {
        struct value of = VALUE_GET(value_at(list, i), addresses);
        for (size_t j = 0; j < value_count(of); j++)
            more_add(&addresses, value_str(value_at(of, j)));
    }
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, addressType), "");
    cell_more(c, &port_texts, port_texts.count, "<unset>");
    cell_more(c, &addresses, addresses.count, "<unset>");
    cell_created(c, object);
}

/* ---- ingresses and policies ---- */

static void ingress(struct value object, struct cells *c)
{
    struct value rules = VALUE_GET(object, spec, rules);
    struct more hosts = {0};
    AUTO(text) struct text address = {0};
    for (size_t i = 0; i < value_count(rules); i++) {
        struct str host = VALUE_STR(value_at(rules, i), host);
        if (host.size > 0)
            more_add(&hosts, host);
    }
    ingress_addresses(object, &address);
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, spec, ingressClassName), "<none>");
    cell_more(c, &hosts, value_count(rules), "*");
    cell_text(c, text_str(&address));
    cell_text(c, value_count(VALUE_GET(object, spec, tls)) > 0 ? S("80, 443") : S("80"));
    cell_created(c, object);
}

static void ingress_class(struct value object, struct cells *c)
{
    struct value parameters = VALUE_GET(object, spec, parameters);
    struct value is_default =
        object_annotation(object, S("ingressclass.kubernetes.io/is-default-class"));
    AUTO(text) struct text name = {0};
    AUTO(text) struct text reference = {0};
    struct str group = VALUE_STR(parameters, apiGroup);
    text_add(&name, value_str(object_name(object)));
    if (value_is(is_default, "true"))
        text_add(&name, S(" (default)"));
    text_add(&reference, VALUE_STR(parameters, kind));
    if (group.size > 0)
        text_printf(&reference, ".%.*s", STR_ARG(group));
    text_printf(&reference, "/%.*s", STR_ARG(VALUE_STR(parameters, name)));
    cell_text(c, text_str(&name));
    cell_value(c, VALUE_GET(object, spec, controller), "");
    cell_text(c, value_is_present(parameters) ? text_str(&reference) : S("<none>"));
    cell_created(c, object);
}

static void network_policy(struct value object, struct cells *c)
{
    AUTO(text) struct text t = {0};
    selector_text(VALUE_GET(object, spec, podSelector), "<none>", &t);
    cell_name(c, object);
    cell_text(c, text_str(&t));
    cell_created(c, object);
}

static void service_cidr(struct value object, struct cells *c)
{
    struct value cidrs = VALUE_GET(object, spec, cidrs);
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < value_count(cidrs); i++)
        join(&t, value_str(value_at(cidrs, i)));
    cell_name(c, object);
    cell_text(c, text_str(&t));
    cell_created(c, object);
}

/* Two columns are declared; a third cell, the age, is sent as the real one does. */
static void ip_address(struct value object, struct cells *c)
{
    struct value parent = VALUE_GET(object, spec, parentRef);
    AUTO(text) struct text t = {0};
    struct str group = VALUE_STR(parent, group);
    struct str namespace = VALUE_STR(parent, namespace);
    text_add(&t, VALUE_STR(parent, resource));
    if (group.size > 0)
        text_printf(&t, ".%.*s", STR_ARG(group));
    if (namespace.size > 0)
        text_printf(&t, "/%.*s", STR_ARG(namespace));
    text_printf(&t, "/%.*s", STR_ARG(VALUE_STR(parent, name)));
    cell_name(c, object);
    cell_text(c, value_is_present(parent) ? text_str(&t) : S("<none>"));
    cell_created(c, object);
}

const struct printer network_printers[] = {
    {"Service", service},
    {"Endpoints", endpoints},
    {"EndpointSlice", endpoint_slice},
    {"Ingress", ingress},
    {"IngressClass", ingress_class},
    {"NetworkPolicy", network_policy},
    {"ServiceCIDR", service_cidr},
    {"IPAddress", ip_address},
    {NULL, NULL},
};
