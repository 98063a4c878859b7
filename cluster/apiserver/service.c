/* SPDX-License-Identifier: Apache-2.0
 *
 * Services: cluster addresses and node ports. Upstream:
 * registry/core/service/{ipallocator,portallocator,storage}.
 *
 * Each cluster address is an IPAddress object (networking.k8s.io/v1) that is created before the
 * service: whoever creates it has the address (I52). The range is split: addresses that are chosen
 * come from the upper part first, so that the lower part (offset = min(max(16, size/16), 256))
 * stays for those that ask for one. Node ports are split likewise (min(max(16, size/32), 128)).
 *
 * On update, what was allocated and is left out stays ("patchAllocatedValues"). A service that
 * becomes ExternalName gives its address back; a deleted one gives back everything.
 *
 * DEVIATION: node ports are reserved by a key each (under the row of componentstatuses) instead of
 * one bitmap. IPv4 only. The ranges of additional ServiceCIDR objects are not used. A server that
 * dies between reserving and writing leaks the reservation: there is no repair loop.
 *
 * Source: kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
 */
#include "cluster/apiserver/registry.h"

#include "cluster/api/object.h"
#include "cluster/api/validate.h"
#include "cluster/apiserver/field_manager.h"

#define CANDIDATES_MAX 64

struct allocation {
    call_fn then;
    struct value wanted; /* addresses and ports are put here as they are got */
    bool needs_address, address_is_asked_for;
    uint32_t candidate; /* offset into the range */
    size_t port;        /* index in spec.ports; beyond: the health check port */
    int tries;
    VEC(const struct object_key *) reserved; /* to be given back when the write fails */
};

struct range {
    uint32_t first, size; /* of addresses, network address included */
};

static void next_step(struct call *c, struct step *step);
static void refuse(struct call *c, struct step *step, const char *field, struct value own_shown,
                   const char *why, struct str extra);
static void reserve(struct call *c, struct step *step, const struct object_key *own_key,
                    struct value own_value);

/* ---- addresses ---- */

static bool address_parse(struct str text, uint32_t *ret_address)
{
    uint32_t a = 0;
    for (int i = 0; i < 4; i++) {
        int64_t n;
        struct str part = str_cut(text, '.', &text);
        if (!str_to_int64(part, &n) || n < 0 || n > 255)
            return false;
        a = (a << 8) | (uint32_t)n;
    }
    *ret_address = a;
    return text.size == 0;
}

static struct range range_of(const struct apiserver *s)
{
    struct range r = {0};
    struct str bits, network = str_cut(s->flags.service_cidr, '/', &bits);
    int64_t n = 12;
    CHECK(address_parse(network, &r.first) && str_to_int64(bits, &n) && n >= 8 && n <= 30);
    r.size = UINT32_C(1) << (32 - n);
    return r;
}

static void address_text(uint32_t a, struct text *out)
{
    text_printf(out, "%u.%u.%u.%u", a >> 24, (a >> 16) & 255, (a >> 8) & 255, a & 255);
}

void service_address_text(struct apiserver *s, uint32_t offset, struct text *out)
{
    address_text(range_of(s).first + offset, out);
}

static uint32_t static_part(uint32_t size, uint32_t divisor, uint32_t most)
{
    uint32_t part = size / divisor < 16 ? 16 : size / divisor;
    return part > most ? most : part;
}

static const struct object_key *port_key(int64_t port)
{
    AUTO(text) struct text name = {0};
    text_printf(&name, "nodeport-%" PRId64, port);
    return object_key_of(resource_get(RESOURCE_componentstatuses), S(""), text_str(&name));
}

/* ---- what is asked for ---- */

static bool is_external_name(struct value service)
{
    return VALUE_IS(service, "ExternalName", spec, type);
}

static bool has_type(struct value service, const char *type)
{
    return VALUE_IS(service, type, spec, type);
}

static bool wants_ports(struct value service)
{
    if (has_type(service, "NodePort"))
        return true;
    struct value allocate = VALUE_GET(service, spec, allocateLoadBalancerNodePorts);
    return has_type(service, "LoadBalancer") &&
           (!value_is_present(allocate) || value_as_bool(allocate));
}

static bool wants_health_port(struct value service)
{
    return has_type(service, "LoadBalancer") &&
           VALUE_IS(service, "Local", spec, externalTrafficPolicy);
}

static int64_t old_node_port(struct value old, struct value port)
{
    struct value ports = VALUE_GET(old, spec, ports);
    for (size_t i = 0; i < value_count(ports); i++) {
        struct value p = value_at(ports, i);
        if (value_equal(VALUE_GET(p, port), VALUE_GET(port, port)) &&
            value_equal(VALUE_GET(p, protocol), VALUE_GET(port, protocol)))
            return VALUE_INT(p, 0, nodePort);
    }
    return 0;
}

/* What was allocated before and is left out comes back. */
static struct value patch_allocated(struct value own_new, struct value old)
{
    if (has_type(own_new, "ExternalName") || has_type(old, "ExternalName"))
        return own_new;
    if (VALUE_STR(own_new, spec, clusterIP).size == 0 && VALUE_STR(old, spec, clusterIP).size > 0) {
        own_new = VALUE_SET(own_new, value_keep(VALUE_GET(old, spec, clusterIP)), spec, clusterIP);
        own_new =
            VALUE_SET(own_new, value_keep(VALUE_GET(old, spec, clusterIPs)), spec, clusterIPs);
    }
    struct value ip = VALUE_GET(own_new, spec, clusterIP);
    if (value_is_present(ip) && !value_equal(ip, VALUE_GET(old, spec, clusterIP)) &&
        value_equal(VALUE_GET(own_new, spec, clusterIPs), VALUE_GET(old, spec, clusterIPs)))
        own_new = VALUE_SET(own_new, value_append(value_array(), value_keep(ip)), spec, clusterIPs);
    static const atom kept[] = {ATOM_clusterIPs, ATOM_ipFamilies, ATOM_ipFamilyPolicy};
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
        struct value spec = VALUE_GET(own_new, spec),
                     before = value_get(VALUE_GET(old, spec), kept[i]);
        if (!value_is_present(value_get(spec, kept[i])) && value_is_present(before))
            own_new =
                VALUE_SET(own_new, value_set(value_keep(spec), kept[i], value_keep(before)), spec);
    }
    if (!wants_ports(own_new) || !wants_ports(old))
        return own_new;
    struct value ports = value_keep(VALUE_GET(own_new, spec, ports));
    for (size_t i = 0; i < value_count(ports); i++) {
        struct value p = value_at(ports, i);
        int64_t before = old_node_port(old, p);
        if (VALUE_INT(p, 0, nodePort) == 0 && before > 0)
            ports =
                value_set_at(ports, i, VALUE_SET(value_keep(p), value_integer(before), nodePort));
    }
    own_new = VALUE_SET(own_new, ports, spec, ports);
    if (wants_health_port(own_new) && VALUE_INT(own_new, 0, spec, healthCheckNodePort) == 0 &&
        VALUE_INT(old, 0, spec, healthCheckNodePort) > 0)
        own_new = VALUE_SET(own_new, value_keep(VALUE_GET(old, spec, healthCheckNodePort)), spec,
                            healthCheckNodePort);
    return own_new;
}

/* ---- a service of another type ---- */

/* True where no node port is new: then none was asked for. */
static bool has_node_ports_of(struct value new, struct value old)
{
    struct value ports = VALUE_GET(new, spec, ports), before = VALUE_GET(old, spec, ports);
    for (size_t i = 0; i < value_count(ports); i++) {
        struct value number = VALUE_GET(value_at(ports, i), nodePort);
        bool is_old = !value_is_present(number);
        for (size_t k = 0; k < value_count(before) && !is_old; k++)
            is_old = value_equal(number, VALUE_GET(value_at(before, k), nodePort));
        if (!is_old)
            return false;
    }
    return true;
}

static bool is_seen_outside(struct value service)
{
    return has_type(service, "NodePort") || has_type(service, "LoadBalancer") ||
           (has_type(service, "ClusterIP") &&
            value_count(VALUE_GET(service, spec, externalIPs)) > 0);
}

static struct value drop_if_same(struct value own_new, struct value old, atom field)
{
    const atom path[] = {ATOM_spec, field};
    return value_equal(value_path(own_new, path, 2), value_path(old, path, 2))
               ? value_set_path(own_new, VALUE_ABSENT, path, 2)
               : own_new;
}

/* What the new type has no use for goes, where the client left it as it was: it need not have been
 * its own doing ("dropTypeDependentFields"). */
static struct value drop_type_dependent(struct value own_new, struct value old)
{
    if (is_external_name(own_new) && !is_external_name(old)) {
        if (value_equal(VALUE_GET(own_new, spec, clusterIP), VALUE_GET(old, spec, clusterIP)) &&
            value_equal(VALUE_GET(own_new, spec, clusterIPs), VALUE_GET(old, spec, clusterIPs)))
            own_new = VALUE_REMOVE(VALUE_REMOVE(own_new, spec, clusterIPs), spec, clusterIP);
        own_new = drop_if_same(own_new, old, ATOM_ipFamilies);
        own_new = drop_if_same(own_new, old, ATOM_ipFamilyPolicy);
    }
    if (wants_ports(old) && !wants_ports(own_new) && has_node_ports_of(own_new, old)) {
        struct value ports = value_keep(VALUE_GET(own_new, spec, ports));
        for (size_t i = 0; i < value_count(ports); i++)
            ports = value_set_at(ports, i, VALUE_REMOVE(value_keep(value_at(ports, i)), nodePort));
        own_new = VALUE_SET(own_new, ports, spec, ports);
    }
    if (wants_health_port(old) && !wants_health_port(own_new))
        own_new = drop_if_same(own_new, old, ATOM_healthCheckNodePort);
    if (is_seen_outside(old) && !is_seen_outside(own_new))
        own_new = drop_if_same(own_new, old, ATOM_externalTrafficPolicy);
    if (has_type(own_new, "LoadBalancer"))
        return own_new;
    if (has_type(old, "LoadBalancer")) {
        own_new = drop_if_same(own_new, old, ATOM_allocateLoadBalancerNodePorts);
        own_new = drop_if_same(own_new, old, ATOM_loadBalancerClass);
    }
    if (value_count(VALUE_GET(own_new, status, loadBalancer)) > 0)
        own_new = VALUE_SET(own_new, value_object(), status, loadBalancer);
    return own_new;
}

/* Which families of addresses it has: this cluster has IPv4. False: it asks for others. A headless
 * service without a selector may have any, its endpoints are somebody else's. */
static bool families_are_possible(struct call *c, struct step *step, bool is_headless)
{
    struct value families = VALUE_GET(c->object, spec, ipFamilies);
    struct value ips = VALUE_GET(c->object, spec, clusterIPs);
    struct value policy = VALUE_GET(c->object, spec, ipFamilyPolicy);
    bool is_free = is_headless && value_count(VALUE_GET(c->object, spec, selector)) == 0;
    struct field_errors errors = {0};
    validate_service_addresses(c->object, &errors);
    if (errors.count > 0) {
        struct value status =
            status_invalid(c->request->resource, c->key ? c->key->name : S(""), &errors);
        field_errors_release(&errors);
        call_refuse(c, step, status);
        return false;
    }
    if (!is_free && !value_is_present(policy) &&
        (value_count(ips) > 1 || value_count(families) > 1)) {
        refuse(c, step, "spec.ipFamilyPolicy", VALUE_ABSENT,
               "must be 'RequireDualStack' or 'PreferDualStack' when multiple ",
               value_count(ips) > 1 ? S("cluster IPs are specified")
                                    : S("IP families are specified"));
        return false;
    }
    if (!is_free && VALUE_IS(c->object, "RequireDualStack", spec, ipFamilyPolicy)) {
        refuse(c, step, "spec.ipFamilyPolicy", value_keep(policy),
               "this cluster is not configured for dual-stack services", S(""));
        return false;
    }
    for (size_t i = 0; !is_free && i < value_count(families); i++) {
        if (str_equal(value_str(value_at(families, i)), S("IPv4")))
            continue;
        refuse(c, step, i > 0 ? "spec.ipFamilies[1]" : "spec.ipFamilies[0]",
               value_keep(value_at(families, i)), "not configured on this cluster", S(""));
        return false;
    }
    if (!value_is_present(policy))
        c->object =
            VALUE_SET(c->object, value_string(is_free ? S("RequireDualStack") : S("SingleStack")),
                      spec, ipFamilyPolicy);
    if (value_count(families) == 0)
        c->object = VALUE_SET(c->object,
                              is_free && !VALUE_IS(c->object, "SingleStack", spec, ipFamilyPolicy)
                                  ? value_pack("[IPv4, IPv6]")
                                  : value_pack("[IPv4]"),
                              spec, ipFamilies);
    return true;
}

void service_allocate(struct call *c, struct step *step, call_fn then)
{
    struct value old = c->existing ? c->existing->value : VALUE_ABSENT;
    service_release_reservations(c, step);
    if (value_is_present(old))
        c->object = drop_type_dependent(patch_allocated(c->object, old), old);
    struct allocation *x = mem_new(struct allocation);
    c->allocation = x;
    x->then = then;
    struct str ip = VALUE_STR(c->object, spec, clusterIP), before = VALUE_STR(old, spec, clusterIP);
    if (has_type(c->object, "ExternalName")) {
        if (ip.size > 0 && value_is_present(old) && str_equal(ip, before)) {
            c->object = VALUE_REMOVE(c->object, spec, clusterIP);
            c->object = VALUE_REMOVE(c->object, spec, clusterIPs);
        }
    } else {
        if (!families_are_possible(c, step, str_equal(ip, S("None"))))
            return;
        if (str_equal(ip, S("None")))
            c->object = VALUE_SET(c->object, value_pack("[None]"), spec, clusterIPs);
        else if (!str_equal(ip, before) || ip.size == 0)
            x->needs_address = true;
        x->address_is_asked_for = ip.size > 0;
    }
    next_step(c, step);
}

/* ---- one reservation after the other ---- */

static void refuse(struct call *c, struct step *step, const char *field, struct value own_shown,
                   const char *why, struct str extra)
{
    struct field_errors errors = {0};
    field_error_add(&errors, FIELD_INVALID, str_from(field), own_shown, "%s%.*s", why,
                    STR_ARG(extra));
    value_drop(own_shown);
    struct value status =
        status_invalid(c->request->resource, c->key ? c->key->name : S(""), &errors);
    field_errors_release(&errors);
    call_refuse(c, step, status);
}

static struct value address_object(struct call *c, struct step *step, struct str ip)
{
    struct value labels = value_set_key(value_object(), S("ipaddress.kubernetes.io/ip-family"),
                                        value_string(S("IPv4")));
    labels = value_set_key(labels, S("ipaddress.kubernetes.io/managed-by"),
                           value_string(S("ipallocator.k8s.io")));
    struct value address =
        value_pack("{apiVersion: \"networking.k8s.io/v1\", kind: IPAddress, metadata: {name: "
                   "%S, uid: %v, creationTimestamp: %v, labels: %v}, "
                   "spec: {parentRef: {resource: services, name: %v, namespace: %v}}}",
                   ip, uid_make(step), time_value(step->wall), labels,
                   value_keep(object_name(c->object)), value_keep(object_namespace(c->object)));
    return field_manager_own(c->server, step, resource_get(RESOURCE_ipaddresses), SUBRESOURCE_NONE,
                             VALUE_ABSENT, address);
}

static void address_step(struct call *c, struct step *step)
{
    struct allocation *x = c->allocation;
    struct range r = range_of(c->server);
    AUTO(text) struct text ip = {0};
    if (x->address_is_asked_for) {
        uint32_t a;
        text_add(&ip, VALUE_STR(c->object, spec, clusterIP));
        if (!address_parse(text_str(&ip), &a) || a - r.first >= r.size) {
            AUTO(text) struct text why = {0};
            text_printf(&why, "failed to allocate IP %s: ", text_c(&ip));
            refuse(c, step, "spec.clusterIPs", value_pack("[%S]", text_str(&ip)), text_c(&why),
                   S("the provided network does not match the current range"));
            return;
        }
    } else if (c->request->dry_run) { /* the range's own address: nothing is taken */
        address_text(r.first, &ip);
    } else {
        uint32_t low = static_part(r.size - 2, 16, 256), upper = r.size - 2 - low;
        if (x->tries == 0)
            x->candidate = (uint32_t)step_random_below(step, RANDOM_CLUSTER_IP, upper);
        address_text(r.first + 1 + low + (x->candidate + (uint32_t)x->tries) % upper, &ip);
    }
    const struct object_key *key =
        object_key_of(resource_get(RESOURCE_ipaddresses), S(""), text_str(&ip));
    x->wanted = value_string(text_str(&ip));
    reserve(c, step, key, address_object(c, step, text_str(&ip)));
}

static void port_reserve(struct call *c, struct step *step, int64_t asked)
{
    struct allocation *x = c->allocation;
    int64_t first = c->server->flags.node_port_first, last = c->server->flags.node_port_last,
            port = asked;
    uint32_t size = (uint32_t)(last - first + 1), low = static_part(size, 32, 128),
             upper = size - low;
    if (asked > 0 && (asked < first || asked > last)) {
        AUTO(text) struct text field = {0};
        AUTO(text) struct text why = {0};
        text_printf(&field, "spec.ports[%zu].nodePort", x->port);
        text_printf(&why,
                    "provided port is not in the valid range. The range of valid ports is %" PRId64
                    "-%" PRId64,
                    first, last);
        refuse(c, step, text_c(&field), value_integer(asked), text_c(&why), S(""));
        return;
    }
    if (asked == 0) {
        if (x->tries == 0)
            x->candidate = (uint32_t)step_random_below(step, RANDOM_NODE_PORT, upper);
        port = first + low + (x->candidate + (uint32_t)x->tries) % upper;
    }
    x->wanted = value_integer(port);
    reserve(c, step, port_key(port),
            value_pack("{apiVersion: v1, kind: RangeAllocation, metadata: {name: %v}}",
                       value_keep(object_name(c->object))));
}

/* Looks for the next thing that is still to be got. */
static void next_step(struct call *c, struct step *step)
{
    struct allocation *x = c->allocation;
    struct value old = c->existing ? c->existing->value : VALUE_ABSENT;
    if (x->needs_address) {
        address_step(c, step);
        return;
    }
    struct value ports = VALUE_GET(c->object, spec, ports);
    for (; wants_ports(c->object) && x->port < value_count(ports); x->port++) {
        struct value p = value_at(ports, x->port);
        int64_t asked = VALUE_INT(p, 0, nodePort),
                before = wants_ports(old) ? old_node_port(old, p) : 0;
        bool is_shared = false; /* the same number for TCP and UDP is one reservation */
        for (size_t i = 0; i < x->port; i++)
            is_shared |= asked > 0 && VALUE_INT(value_at(ports, i), 0, nodePort) == asked;
        if (is_shared || (asked > 0 && asked == before))
            continue;
        port_reserve(c, step, asked);
        return;
    }
    size_t count = value_count(ports);
    if (wants_health_port(c->object) && x->port <= count) {
        x->port = count;
        int64_t asked = VALUE_INT(c->object, 0, spec, healthCheckNodePort);
        if (asked == 0 || asked != VALUE_INT(old, 0, spec, healthCheckNodePort)) {
            port_reserve(c, step, asked);
            return;
        }
    }
    x->then(c, step);
}

static void reserved_put(struct call *c)
{
    struct allocation *x = c->allocation;
    struct value ports = VALUE_GET(c->object, spec, ports);
    if (x->needs_address) {
        x->needs_address = false;
        struct value list = value_append(value_array(), value_keep(x->wanted));
        c->object = VALUE_SET(c->object, list, spec, clusterIPs);
        c->object = VALUE_SET(c->object, x->wanted, spec, clusterIP);
    } else if (x->port < value_count(ports)) {
        struct value p = VALUE_SET(value_keep(value_at(ports, x->port)), x->wanted, nodePort);
        c->object = VALUE_SET(c->object, value_set_at(value_keep(ports), x->port, p), spec, ports);
        x->port++;
    } else {
        c->object = VALUE_SET(c->object, x->wanted, spec, healthCheckNodePort);
        x->port++;
    }
    x->wanted = VALUE_ABSENT;
    x->tries = 0;
}

static bool is_asked_for(struct call *c)
{
    struct allocation *x = c->allocation;
    struct value ports = VALUE_GET(c->object, spec, ports);
    if (x->needs_address)
        return x->address_is_asked_for;
    if (x->port < value_count(ports))
        return VALUE_INT(value_at(ports, x->port), 0, nodePort) > 0;
    return VALUE_INT(c->object, 0, spec, healthCheckNodePort) > 0;
}

static void on_reserved(struct call *c, struct step *step, const struct etcd_response *r)
{
    struct allocation *x = c->allocation;
    if (!r || r->error != ETCD_OK) {
        service_release_reservations(c, step);
        (void)call_etcd_failed(c, step, r);
        return;
    }
    if (r->succeeded) {
        vec_push(&x->reserved, object_key_ref(r->kvs[0]->key));
        reserved_put(c);
        next_step(c, step);
        return;
    }
    struct value wanted = x->wanted;
    x->wanted = VALUE_ABSENT;
    AUTO(text) struct text why = {0};
    if (x->needs_address && x->address_is_asked_for) {
        struct str ip = value_str(wanted);
        text_printf(&why, "failed to allocate IP %.*s: provided IP is already allocated",
                    STR_ARG(ip));
        refuse(c, step, "spec.clusterIPs", value_pack("[%v]", wanted), text_c(&why), S(""));
    } else if (is_asked_for(c)) {
        text_printf(&why, "spec.ports[%zu].nodePort", x->port);
        refuse(c, step, text_c(&why), wanted, "provided port is already allocated", S(""));
    } else if (++x->tries >= CANDIDATES_MAX) {
        value_drop(wanted);
        call_refuse(c, step,
                    status_internal_error(S("failed to allocate a serviceIP: range is full")));
    } else {
        value_drop(wanted);
        next_step(c, step);
    }
}

static void reserve(struct call *c, struct step *step, const struct object_key *own_key,
                    struct value own_value)
{
    if (c->request->dry_run) {
        object_key_unref(own_key);
        value_drop(own_value);
        reserved_put(c);
        next_step(c, step);
        return;
    }
    struct etcd_request *r = etcd_request_new(ETCD_TXN);
    r->key = own_key;
    r->value = own_value;
    r->expected_revision = 0;
    call_etcd(c, step, r, on_reserved);
}

/* ---- giving back ---- */

static void give_back(struct apiserver *s, struct step *step, const struct object_key *own_key)
{
    struct etcd_request *r = etcd_request_new(ETCD_TXN);
    r->key = own_key;
    r->expected_revision = -1;
    r->is_delete = true;
    r->by = S("system:apiserver");
    etcd_link_send(s, step, r, NULL, NULL);
}

void service_allocation_free(struct call *c)
{
    struct allocation *x = c->allocation;
    if (!x)
        return;
    for (size_t i = 0; i < x->reserved.count; i++)
        object_key_unref(x->reserved.items[i]);
    vec_release(&x->reserved);
    value_drop(x->wanted);
    mem_free(x);
    c->allocation = NULL;
}

void service_release_reservations(struct call *c, struct step *step)
{
    struct allocation *x = c->allocation;
    for (size_t i = 0; x && i < x->reserved.count; i++)
        give_back(c->server, step, object_key_ref(x->reserved.items[i]));
    service_allocation_free(c);
}

static bool still_has_port(struct value service, int64_t port)
{
    struct value ports = VALUE_GET(service, spec, ports);
    for (size_t i = 0; i < value_count(ports); i++)
        if (VALUE_INT(value_at(ports, i), 0, nodePort) == port)
            return true;
    return VALUE_INT(service, 0, spec, healthCheckNodePort) == port;
}

void service_changed(struct apiserver *s, struct step *step, struct value old, struct value new)
{
    struct str ip = VALUE_STR(old, spec, clusterIP);
    struct str ip_after = VALUE_STR(new, spec, clusterIP);
    if (ip.size > 0 && !str_equal(ip, S("None")) && !str_equal(ip, ip_after))
        give_back(s, step, object_key_of(resource_get(RESOURCE_ipaddresses), S(""), ip));
    struct value ports = VALUE_GET(old, spec, ports);
    for (size_t i = 0; i < value_count(ports); i++) {
        int64_t port = VALUE_INT(value_at(ports, i), 0, nodePort);
        if (port > 0 && !still_has_port(new, port))
            give_back(s, step, port_key(port));
    }
    int64_t health = VALUE_INT(old, 0, spec, healthCheckNodePort);
    if (health > 0 && !still_has_port(new, health))
        give_back(s, step, port_key(health));
}
