/* SPDX-License-Identifier: Apache-2.0
 *
 * What a connect request may ask for and where it leads: options, the container that is meant, the
 * node's kubelet, an endpoint of a Service. What goes on from there is connect.c's.
 *
 * Upstream: pkg/registry/core/pod/strategy.go (LogLocation, streamLocation, validateContainer,
 * ResourceLocation), core/service/storage, core/node/strategy.go.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/connect.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/registry.h"
#include "runtime/traffic.h"

#define KUBELET_PORT 10250
#define TCP_GIVES_UP_S 924 /* what was sent is not acknowledged: Linux' 15 retransmissions */

static void pod_loaded(struct call *c, struct step *step);
static void service_loaded(struct call *c, struct step *step);
static void node_loaded(struct call *c, struct step *step);

/* ---- what may be asked ---- */

/* False: refused. */
static bool log_options_are_valid(struct call *c, struct step *step)
{
    static const struct resource kind = {.kind = {"PodLogOptions", 13}};
    const struct connect_options *o = c->request->connect;
    struct field_errors errors = {0};
    if (o->tail_lines < -1) {
        AUTO(value) struct value n = value_integer(o->tail_lines == INT64_MIN ? -1 : o->tail_lines);
        field_error_add(&errors, FIELD_INVALID, S("tailLines"), n,
                        "must be greater than or equal to 0");
    }
    if (o->limit_bytes != -1 && o->limit_bytes < 1) {
        AUTO(value)
        struct value n = value_integer(o->limit_bytes == INT64_MIN ? -1 : o->limit_bytes);
        field_error_add(&errors, FIELD_INVALID, S("limitBytes"), n, "must be greater than 0");
    }
    if (o->since_seconds != -1 && value_is_present(o->since_time)) {
        field_error_add(&errors, FIELD_FORBIDDEN, S(""), VALUE_ABSENT,
                        "at most one of `sinceTime` or `sinceSeconds` may be specified");
    } else if (o->since_seconds != -1 && o->since_seconds < 1) {
        AUTO(value)
        struct value n = value_integer(o->since_seconds == INT64_MIN ? -1 : o->since_seconds);
        field_error_add(&errors, FIELD_INVALID, S("sinceSeconds"), n, "must be greater than 0");
    }
    if (value_is_present(o->stream))
        field_error_add(&errors, FIELD_FORBIDDEN, S("stream"), VALUE_ABSENT,
                        "may not be specified");
    bool is_valid = errors.count == 0;
    if (!is_valid)
        call_refuse(c, step, status_invalid(&kind, c->key->name, &errors));
    field_errors_release(&errors);
    return is_valid;
}

/* Whoever comes as a WebSocket does so by GET: "create" is asked for all the same. */
static bool may_create(struct call *c, struct step *step)
{
    const struct request *r = c->request;
    struct attributes a = {.verb = S("create"),
                           .group = r->resource->group,
                           .resource = r->resource->plural,
                           .subresource = str_from(subresource_text(r->subresource)),
                           .namespace = c->key->namespace,
                           .name = c->key->name};
    AUTO(text) struct text reason = {0};
    if (r->verb == VERB_CREATE || c->is_internal ||
        authorize_reason(c->server, c->user, &a, &reason))
        return true;
    c->is_unauthorized = true;
    call_refuse(c, step, authorize_forbidden(c->user, &a, text_str(&reason)));
    return false;
}

bool connect_start(struct call *c, struct step *step)
{
    enum subresource sub = c->request->subresource;
    bool is_pod = c->resource == resource_get(RESOURCE_pods);
    if (sub < SUBRESOURCE_LOG || sub > SUBRESOURCE_PROXY)
        return false;
    if (!c->request->connect || !c->connection) {
        call_refuse(c, step, status_bad_request(S("Upgrade request required")));
    } else if (sub == SUBRESOURCE_PROXY && !is_pod) {
        if (c->resource == resource_get(RESOURCE_nodes))
            node_loaded(c, step);
        else
            service_loaded(c, step);
    } else if (sub == SUBRESOURCE_PROXY) {
        pod_loaded(c, step);
    } else if (sub == SUBRESOURCE_LOG ? log_options_are_valid(c, step) : may_create(c, step)) {
        registry_load(c, step, pod_loaded);
    }
    return true;
}

/* ---- which container, where ---- */

static void names_add(struct text *out, struct value list)
{
    for (size_t i = 0; i < value_count(list); i++)
        text_printf(out, "%s%.*s", out->size > 0 ? " " : "",
                    STR_ARG(VALUE_STR(value_at(list, i), name)));
}

static bool has_container(struct value list, struct value name)
{
    for (size_t i = 0; i < value_count(list); i++) {
        if (value_equal(VALUE_GET(value_at(list, i), name), name))
            return true;
    }
    return false;
}

/* Owned; absent: refused. */
static struct value container_choose(struct call *c, struct step *step, struct value pod)
{
    struct value wanted = c->request->connect->container;
    struct value containers = VALUE_GET(pod, spec, containers);
    struct value inits = VALUE_GET(pod, spec, initContainers);
    struct value ephemeral = VALUE_GET(pod, spec, ephemeralContainers);
    AUTO(text) struct text message = {0};
    if (value_is_present(wanted)) {
        if (has_container(containers, wanted) || has_container(inits, wanted) ||
            has_container(ephemeral, wanted))
            return value_keep(wanted);
        text_printf(&message, "container %.*s is not valid for pod %.*s",
                    STR_ARG(value_str(wanted)), STR_ARG(c->key->name));
    } else if (value_count(containers) == 1) {
        return value_keep(VALUE_GET(value_at(containers, 0), name));
    } else {
        AUTO(text) struct text names = {0};
        names_add(&names, inits);
        names_add(&names, containers);
        names_add(&names, ephemeral);
        text_printf(&message,
                    "a container name must be specified for pod %.*s, choose one of: [%s]",
                    STR_ARG(c->key->name), text_c(&names));
    }
    call_refuse(c, step, status_bad_request(text_str(&message)));
    return VALUE_ABSENT;
}

/* Borrowed; absent: refused. */
static struct value node_find(struct call *c, struct step *step, struct str name)
{
    const struct object_key *key = object_key_of(resource_get(RESOURCE_nodes), S(""), name);
    const struct etcd_kv *kv = watch_cache_get(c->server, key);
    object_key_unref(key);
    if (kv)
        return kv->value;
    call_refuse(c, step, status_not_found(resource_get(RESOURCE_nodes), name));
    return VALUE_ABSENT;
}

/* As kubeadm sets --kubelet-preferred-address-types: InternalIP, ExternalIP, Hostname. */
static bool node_host(struct value node, struct text *out)
{
    static const char *const preferred[] = {"InternalIP", "ExternalIP", "Hostname"};
    struct value addresses = VALUE_GET(node, status, addresses);
    for (size_t p = 0; p < ARRAY_COUNT(preferred); p++) {
        for (size_t i = 0; i < value_count(addresses); i++) {
            struct value a = value_at(addresses, i);
            if (!value_is(VALUE_GET(a, type), preferred[p]))
                continue;
            text_printf(
                out, "%.*s:%" PRId64, STR_ARG(VALUE_STR(a, address)),
                VALUE_INT(node, KUBELET_PORT, status, daemonEndpoints, kubeletEndpoint, Port));
            return true;
        }
    }
    return false;
}

/* ---- to a kubelet ---- */

static void query_add(struct text *url, const char *name, struct str value)
{
    text_printf(url, "%c%s=", str_find(text_str(url), '?') < url->size ? '&' : '?', name);
    for (size_t i = 0; i < value.size; i++) {
        char b = value.bytes[i];
        bool is_plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || is_digit(b) ||
                        b == '-' || b == '_' || b == '.' || b == '~';
        if (is_plain)
            text_add_byte(url, b);
        else if (b == ' ')
            text_add_byte(url, '+');
        else
            text_printf(url, "%%%02X", (unsigned)(unsigned char)b);
    }
}

static void query_add_number(struct text *url, const char *name, int64_t n)
{
    AUTO(text) struct text t = {0};
    text_add_int(&t, n);
    if (n >= 0)
        query_add(url, name, text_str(&t));
}

/* Sorted by name, as Go encodes a query. */
static void add_query(struct text *url, const struct request *r)
{
    const struct connect_options *o = r->connect;
    if (r->subresource == SUBRESOURCE_LOG) {
        if (o->follow)
            query_add(url, "follow", S("true"));
        query_add_number(url, "limitBytes", o->limit_bytes);
        if (o->previous)
            query_add(url, "previous", S("true"));
        query_add_number(url, "sinceSeconds", o->since_seconds);
        if (value_is_present(o->since_time))
            query_add(url, "sinceTime", value_str(o->since_time));
        query_add_number(url, "tailLines", o->tail_lines);
        if (o->timestamps)
            query_add(url, "timestamps", S("true"));
        return;
    }
    for (size_t i = 0; i < value_count(o->command); i++)
        query_add(url, "command", value_str(value_at(o->command, i)));
    if (o->has_stderr)
        query_add(url, "error", S("1"));
    if (o->has_stdin)
        query_add(url, "input", S("1"));
    if (o->has_stdout)
        query_add(url, "output", S("1"));
    if (o->has_terminal)
        query_add(url, "tty", S("1"));
}

static const char *path_of(enum subresource sub)
{
    return sub == SUBRESOURCE_LOG      ? "containerLogs"
           : sub == SUBRESOURCE_EXEC   ? "exec"
           : sub == SUBRESOURCE_ATTACH ? "attach"
                                       : "portForward";
}

static void options_copy(struct connect_options *to, const struct connect_options *from)
{
    *to = *from;
    struct value *held[] = {&to->container, &to->command, &to->since_time, &to->stream,
                            &to->ports,     &to->method,  &to->path,       &to->content_type,
                            &to->content,   &to->subject};
    for (size_t i = 0; i < ARRAY_COUNT(held); i++)
        *held[i] = value_keep(*held[i]);
}

static const struct credential *kubelet_client(void)
{
    static const struct str groups[] = {{"kubeadm:cluster-admins", 22}};
    return credential_certificate(S("kube-apiserver-kubelet-client"), groups, 1);
}

/* Connects and asks; the call ends here. */
static void dial_kubelet(struct call *c, struct step *step, struct tunnel *t,
                         struct node_request *own_request)
{
    options_copy(own_request->options, c->request->connect);
    own_request->credential = kubelet_client();
    t->stream = step_connect(step, sim_address(step->sim, text_str(&t->host)));
    step_send(step, t->stream, &own_request->message);
    if (t->kind == TUNNEL_COMMAND || t->kind == TUNNEL_FORWARD)
        step_stream_silence(step, t->stream, duration_s(TCP_GIVES_UP_S));
    t->is_direct = t->kind == TUNNEL_COMMAND && c->request->connect->is_spdy;
    if (t->kind == TUNNEL_COMMAND && !t->is_direct)
        tunnel_respond(step, t, 101, VALUE_ABSENT, S(""));
    call_abandon(c, step);
}

/* False: refused. */
static bool is_upgrade(struct call *c, struct step *step)
{
    const struct connect_options *o = c->request->connect;
    if (!o->is_upgrade && !o->is_spdy)
        call_refuse(c, step, status_bad_request(S("Upgrade request required")));
    return o->is_upgrade || o->is_spdy;
}

static void pod_to_kubelet(struct call *c, struct step *step, struct value pod)
{
    static const enum node_verb verbs[] = {NODE_LOGS, NODE_EXEC, NODE_ATTACH, NODE_PORTFORWARD};
    enum subresource sub = c->request->subresource;
    struct str node_name = VALUE_STR(pod, spec, nodeName);
    AUTO(text) struct text message = {0};
    AUTO(value) struct value container = VALUE_ABSENT;
    if (sub != SUBRESOURCE_PORTFORWARD) {
        container = container_choose(c, step, pod);
        if (!value_is_present(container))
            return;
    }
    if (node_name.size == 0 && sub == SUBRESOURCE_LOG) {
        call_finish(c, step, 204, VALUE_ABSENT); /* there is no log yet */
        return;
    }
    if (node_name.size == 0) {
        text_printf(&message, "pod %.*s does not have a host assigned", STR_ARG(c->key->name));
        call_refuse(c, step, status_bad_request(text_str(&message)));
        return;
    }
    struct value node = node_find(c, step, node_name);
    if (!value_is_present(node) || (sub != SUBRESOURCE_LOG && !is_upgrade(c, step)))
        return;
    struct tunnel *t = tunnel_new(c, sub == SUBRESOURCE_LOG           ? TUNNEL_LOG
                                     : sub == SUBRESOURCE_PORTFORWARD ? TUNNEL_FORWARD
                                                                      : TUNNEL_COMMAND);
    (void)node_host(node, &t->host);
    text_printf(&t->url, "https://%s/%s/%.*s/%.*s%s%.*s", text_c(&t->host), path_of(sub),
                STR_ARG(c->key->namespace), STR_ARG(c->key->name),
                value_is_present(container) ? "/" : "", STR_ARG(value_str(container)));
    add_query(&t->url, c->request);
    struct node_request *r = node_request_new(verbs[sub - SUBRESOURCE_LOG]);
    r->namespace = value_string(c->key->namespace);
    r->pod = value_string(c->key->name);
    r->container = value_keep(container);
    dial_kubelet(c, step, t, r);
}

/* ---- proxies ---- */

/* "https:web:443", "web:80", "web". */
static struct str subject_name(const struct call *c, struct str *ret_port)
{
    struct str second, first = str_cut(c->key->name, ':', &second);
    *ret_port = S("");
    if (first.size == c->key->name.size)
        return first;
    if (str_find(second, ':') < second.size)
        return str_cut(second, ':', ret_port);
    *ret_port = second;
    return first;
}

static void node_loaded(struct call *c, struct step *step)
{
    struct str port, name = subject_name(c, &port);
    struct value node = node_find(c, step, name);
    if (!value_is_present(node))
        return;
    if (port.size > 0 && !str_equal(port, S("10250"))) {
        call_refuse(c, step,
                    status_service_unavailable(S("error trying to reach service: only the "
                                                 "kubelet of a node can be reached")));
        return;
    }
    struct tunnel *t = tunnel_new(c, TUNNEL_NODE);
    (void)node_host(node, &t->host);
    text_printf(&t->url, "https://%s", text_c(&t->host));
    dial_kubelet(c, step, t, node_request_new(NODE_GET));
}

/* Sends one request of HTTP to a pod's address; the call ends here. */
static void dial_pod(struct call *c, struct step *step, struct str ip, int64_t port,
                     struct str node)
{
    const struct connect_options *o = c->request->connect;
    struct tunnel *t = tunnel_new(c, TUNNEL_POD);
    text_printf(&t->host, "%.*s:%" PRId64, STR_ARG(ip), port);
    struct traffic_request *r = traffic_request_new(TRAFFIC_HTTP, t->id);
    (void)traffic_ip_parse(ip, &r->ip);
    r->port = (uint16_t)port;
    r->host = mem_copy_string(ip);
    r->method = mem_copy_string(value_str(o->method));
    r->path = mem_copy_string(value_str(o->path));
    t->stream = step_connect(step, traffic_address(step->sim, node));
    step_send(step, t->stream, &r->message);
    call_abandon(c, step);
}

static int64_t first_port(struct value pod)
{
    struct value containers = VALUE_GET(pod, spec, containers);
    for (size_t i = 0; i < value_count(containers); i++) {
        int64_t port =
            VALUE_INT(value_at(VALUE_GET(value_at(containers, i), ports), 0), 0, containerPort);
        if (port > 0)
            return port;
    }
    return 80;
}

static struct value cached(struct call *c, enum resource_known resource, struct str namespace,
                           struct str name)
{
    const struct object_key *key = object_key_of(resource_get(resource), namespace, name);
    const struct etcd_kv *kv = watch_cache_get(c->server, key);
    object_key_unref(key);
    return kv ? kv->value : VALUE_ABSENT;
}

static void pod_proxy(struct call *c, struct step *step)
{
    struct str port, name = subject_name(c, &port);
    struct value pod = cached(c, RESOURCE_pods, c->key->namespace, name);
    struct str ip = VALUE_STR(pod, status, podIP);
    int64_t number = 0;
    if (!value_is_present(pod)) {
        call_refuse(c, step, status_not_found(c->request->resource, name));
        return;
    }
    if (ip.size == 0) {
        call_refuse(c, step, status_bad_request(S("address not allowed")));
        return;
    }
    if (!str_to_int64(port, &number) || number < 1 || number > 65535)
        number = first_port(pod);
    dial_pod(c, step, ip, number, VALUE_STR(pod, spec, nodeName));
}

static void pod_loaded(struct call *c, struct step *step)
{
    if (c->request->subresource == SUBRESOURCE_PROXY)
        pod_proxy(c, step);
    else if (!c->existing)
        call_refuse(c, step, status_not_found(c->request->resource, c->key->name));
    else
        pod_to_kubelet(c, step, c->existing->value);
}

/* The port of the Service that is meant; absent: none. */
static struct value service_port(struct value service, struct str port)
{
    struct value ports = VALUE_GET(service, spec, ports);
    int64_t number = 0;
    for (size_t i = 0; i < value_count(ports); i++) {
        struct value p = value_at(ports, i);
        if (port.size == 0 || str_equal(VALUE_STR(p, name), port) ||
            (str_to_int64(port, &number) && VALUE_INT(p, 0, port) == number))
            return p;
    }
    return VALUE_ABSENT;
}

/* One of the endpoints that are ready, at random. */
static void service_dial(struct call *c, struct step *step, struct str name, struct value port)
{
    struct value endpoints = cached(c, RESOURCE_endpoints, c->key->namespace, name);
    struct value subsets = VALUE_GET(endpoints, subsets);
    size_t count = 0;
    for (size_t i = 0; i < value_count(subsets); i++)
        count += value_count(VALUE_GET(value_at(subsets, i), addresses));
    uint64_t pick = count > 0 ? step_random_below(step, RANDOM_PROXY, count) : 0;
    for (size_t i = 0; i < value_count(subsets); i++) {
        struct value addresses = VALUE_GET(value_at(subsets, i), addresses);
        struct value ports = VALUE_GET(value_at(subsets, i), ports);
        if (pick >= value_count(addresses)) {
            pick -= value_count(addresses);
            continue;
        }
        struct value a = value_at(addresses, (size_t)pick);
        for (size_t k = 0; k < value_count(ports); k++) {
            struct value p = value_at(ports, k);
            bool is_it =
                value_count(ports) == 1 || str_equal(VALUE_STR(p, name), VALUE_STR(port, name));
            if (!is_it)
                continue;
            dial_pod(c, step, VALUE_STR(a, ip), VALUE_INT(p, 80, port), VALUE_STR(a, nodeName));
            return;
        }
        break;
    }
    AUTO(text) struct text message = {0};
    text_printf(&message, "no endpoints available for service \"%.*s\"", STR_ARG(c->key->name));
    call_refuse(c, step, status_service_unavailable(text_str(&message)));
}

static void service_loaded(struct call *c, struct step *step)
{
    struct str port, name = subject_name(c, &port);
    struct value service = cached(c, RESOURCE_services, c->key->namespace, name);
    if (!value_is_present(service)) {
        call_refuse(c, step, status_not_found(c->request->resource, name));
        return;
    }
    struct value p = service_port(service, port);
    if (value_is_present(p)) {
        service_dial(c, step, name, p);
        return;
    }
    AUTO(text) struct text message = {0};
    text_printf(&message, "no service port \"%.*s\" found for service \"%.*s\"", STR_ARG(port),
                STR_ARG(name));
    call_refuse(c, step, status_service_unavailable(text_str(&message)));
}
