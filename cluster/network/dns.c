/* SPDX-License-Identifier: Apache-2.0
 *
 * coredns: answers names of the zone cluster.local from Services and EndpointSlices.
 *
 *   <service>.<namespace>.svc.cluster.local              the cluster IP; of a headless Service
 *                                                        the addresses of its ready endpoints
 *   <hostname>.<service>.<namespace>.svc.cluster.local   one endpoint of a headless Service
 *
 * A pod's resolver tries the search list first when the name has fewer than five dots (ndots:5):
 * <namespace>.svc.cluster.local, svc.cluster.local, cluster.local, then the name itself. That is
 * done here in one question, as all its answers come from this server.
 *
 * DEVIATION: the server is a process of the control plane, not a Deployment; names outside of the
 * zone do not exist, so ExternalName Services lead nowhere.
 *
 * Source: kubernetes.io/docs/concepts/services-networking/dns-pod-service/
 */
#include "sim/base/base.h"

#include "cluster/network/network.h"

#include "cluster/api/object.h"
#include "cluster/client/informer.h"
#include "runtime/traffic.h"
#include "sim/base/mem.h"

#define ZONE ".svc.cluster.local"
#define SERVICE_LABEL "kubernetes.io/service-name"

struct dns {
    const struct dns_config *config;
    struct client *client;
    struct informer_factory *informers;
    struct informer *services, *slices;
};

static void *dns_start(struct step *step, const void *config)
{
    struct dns *d = mem_new(struct dns);
    d->config = config;
    d->client = client_new(&(struct client_options){.server = d->config->server,
                                                    .credential = d->config->credential,
                                                    .user_agent = "coredns",
                                                    .qps = 5,
                                                    .burst = 10});
    d->informers = informer_factory_new(d->client);
    d->services = informer_factory_get(d->informers, RESOURCE_services);
    d->slices = informer_factory_get(d->informers, RESOURCE_endpointslices);
    informer_factory_start(d->informers, step);
    step_listen(step, d->config->address);
    return d;
}

static void dns_release(void *state)
{
    struct dns *d = state;
    informer_factory_free(d->informers);
    client_free(d->client);
    mem_free(d);
}

/* ---- answers ---- */

static void add_address(struct text *out, struct str address)
{
    if (out->size > 0)
        text_add_byte(out, '\n');
    text_add(out, address);
}

static void add_endpoints(struct dns *d, struct str namespace, struct str service,
                          struct str hostname, struct text *out)
{
    for (struct informer_cursor c = informer_first(d->slices, namespace); c.key;
         informer_next(&c)) {
        if (!str_equal(value_str(object_label(c.object, S(SERVICE_LABEL))), service))
            continue;
        struct value endpoints = VALUE_GET(c.object, endpoints);
        for (size_t i = 0; i < value_count(endpoints); i++) {
            struct value e = value_at(endpoints, i);
            bool named = hostname.size == 0 || str_equal(VALUE_STR(e, hostname), hostname);
            if (named && VALUE_BOOL_AT(e, conditions, ready))
                add_address(out, value_str(value_at(VALUE_GET(e, addresses), 0)));
        }
    }
}

/* "web.default" or "host.web.default", without the zone. False: there is no such name. */
static bool answer_service(struct dns *d, struct str name, struct text *out)
{
    struct str parts[3];
    size_t count = 0;
    struct str rest = name;
    while (rest.size > 0 && count < 3)
        parts[count++] = str_cut(rest, '.', &rest);
    if (count < 2 || rest.size > 0)
        return false;
    struct str hostname = count == 3 ? parts[0] : S("");
    struct str service_name = parts[count - 2], namespace = parts[count - 1];
    struct value service = informer_get_named(d->services, namespace, service_name);
    if (!value_is_present(service))
        return false;
    struct str ip = VALUE_STR(service, spec, clusterIP);
    if (str_equal(ip, S("None")))
        add_endpoints(d, namespace, service_name, hostname, out);
    else if (hostname.size == 0 && ip.size > 0)
        add_address(out, ip);
    return out->size > 0;
}

static bool try_name(struct dns *d, struct str name, struct text *out)
{
    if (name.size > 0 && name.bytes[name.size - 1] == '.')
        name.size--;
    if (!str_ends_with(name, S(ZONE)))
        return false;
    return answer_service(d, str_slice(name, 0, name.size - (sizeof(ZONE) - 1)), out);
}

static bool resolve(struct dns *d, struct str host, struct str namespace, struct text *out)
{
    bool is_absolute = host.size > 0 && host.bytes[host.size - 1] == '.';
    AUTO(text) struct text full = {0};
    if (!is_absolute && namespace.size > 0) {
        text_printf(&full, "%.*s.%.*s" ZONE, STR_ARG(host), STR_ARG(namespace));
        if (try_name(d, text_str(&full), out))
            return true;
    }
    static const char *const suffixes[] = {ZONE, ".cluster.local", ""};
    for (size_t i = is_absolute ? 2 : 0; i < ARRAY_COUNT(suffixes); i++) {
        text_clear(&full);
        text_printf(&full, "%.*s%s", STR_ARG(host), suffixes[i]);
        if (try_name(d, text_str(&full), out))
            return true;
    }
    return false;
}

static void dns_input(void *state, struct step *step, const struct input *in)
{
    struct dns *d = state;
    if (in->kind == INPUT_TERMINATE) {
        step_exit(step, 0);
        return;
    }
    if (client_input(d->client, step, in))
        return;
    if (in->kind != INPUT_DATAGRAM || in->message->type != &traffic_request_message)
        return;
    const struct traffic_request *r = (const struct traffic_request *)in->message;
    if (r->kind != TRAFFIC_DNS || !r->host)
        return;
    AUTO(text) struct text addresses = {0};
    bool found =
        resolve(d, str_from(r->host), str_from(r->namespace ? r->namespace : ""), &addresses);
    struct traffic_response *a = traffic_response_new(r->id, found ? TRAFFIC_OK : TRAFFIC_NO_NAME);
    if (found)
        a->body = mem_copy_string(text_str(&addresses));
    step_send_datagram(step, r->reply_to, &a->message);
}

const struct process_type dns_process = {
    .kind = "coredns",
    .start = dns_start,
    .input = dns_input,
    .release = dns_release,
};
