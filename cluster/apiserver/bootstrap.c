/* SPDX-License-Identifier: Apache-2.0
 *
 * Post-start hooks (bootstrap.h). Objects of a fresh cluster are created one after the other by the
 * server's own write path; what is there already, made by another server or long ago, stays as it
 * is. When the last one is through, the server is ready.
 *
 * Endpoints of Service kubernetes: "the lease reconciler": every 10 s each server renews a lease of
 * 15 s on an entry of its own in etcd and writes the addresses of all entries it finds into
 * Endpoints and EndpointSlice. A dead server's entry runs out and the others take its address away.
 * The entries live in etcd beside the objects, under the row of componentstatuses, which has no
 * stored objects of its own (upstream: /registry/masterleases/<ip>).
 *
 * DEVIATION: in a run there are no APIServices, FlowSchemas have no condition, and the ConfigMaps
 * extension-apiserver-authentication and kube-apiserver-legacy-service-account-token-tracking of
 * kube-system are missing: nothing in the simulation reads them. When people look (serve), these
 * are made; but APIServices of custom kinds, and the conditions of FlowSchemas that somebody makes,
 * are not kept by a controller.
 *
 * Compaction: every 5 min to the revision of 5 min ago, so that watches and continue tokens have
 * that long.
 *
 * Roles and bindings that are there are reconciled (bootstrap_reconcile.c). DEVIATION: the hooks
 * run one after the other instead of all at once.
 *
 * Source: pkg/controlplane/{instance,reconcilers/lease}.go,
 * plugin/pkg/auth/authorizer/rbac/bootstrappolicy.
 */
#include "cluster/apiserver/bootstrap.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/apiserver/registry.h"

#define RENEW_S 10
#define MASTER_LEASE_TTL_S 15
#define IDENTITY_LEASE_S 3600
#define HOOK_RETRY_MS 1000
#define MASTER_LEASE_PREFIX "masterlease-"

static const struct {
    const char *kind, *namespace, *name, *labels, *aggregated, *content;
} policies[] = {
#define POLICY(kind, namespace, name, labels, aggregated, content)                                 \
    {kind, namespace, name, labels, aggregated, content},
#include "cluster/apiserver/bootstrap_policy.def"
#undef POLICY
};
static const struct {
    enum resource_known resource;
    const char *name, *spec;
} flowcontrol[] = {
#define FLOWCONTROL(resource, name, spec) {RESOURCE_##resource, name, spec},
#include "cluster/apiserver/bootstrap_flowcontrol.def"
#undef FLOWCONTROL
};
static const struct {
    const char *group, *version;
    int group_priority, version_priority;
} api_services[] = {
#define API_SERVICE(group, version, group_priority, version_priority)                              \
    {group, version, group_priority, version_priority},
#include "cluster/apiserver/bootstrap_apiservices.def"
#undef API_SERVICE
};
static const char *const namespaces[] = {"kube-system", "kube-public", "kube-node-lease",
                                         "default"};
static const struct {
    const char *name, *description;
    int64_t value;
} priority_classes[] = {
    {"system-node-critical",
     "Used for system critical pods that must not be moved from their current node.", 2000001000},
    {"system-cluster-critical",
     "Used for system critical pods that must run in the cluster, but can be moved to another node "
     "if necessary.",
     2000000000},
};

struct hooks {
    size_t next; /* the object in turn */
    bool is_done;
    char *identity; /* "apiserver-<hash>" */
    struct value holder;
};

static struct value hook_object(struct apiserver *s, struct step *step, size_t index,
                                const struct resource **ret_resource);
static void hook_next(struct apiserver *s, struct step *step);
static void hook_answered(struct call *c, struct step *step, int code, struct value body);
static void endpoints_renew(struct apiserver *s, struct step *step);
static void identity_renew(struct apiserver *s, struct step *step);
static void compact(struct apiserver *s, struct step *step);

/* ---- the life of the hooks ---- */

static char *identity_of(struct str name)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    char out[26];
    uint64_t h = hash_bytes(name);
    for (size_t i = 0; i < sizeof(out); i++) {
        if (i % 12 == 0)
            h = hash_pair(h, i);
        out[i] = digits[h & 31];
        h >>= 5;
    }
    AUTO(text) struct text t = {0};
    text_add(&t, S("apiserver-"));
    text_add(&t, (struct str){out, sizeof(out)});
    return mem_copy_string(text_str(&t));
}

void bootstrap_start(struct apiserver *s, struct step *step)
{
    s->hooks = mem_new(struct hooks);
    s->hooks->identity = identity_of(s->flags.name);
    struct value uid = uid_make(step);
    struct str id = value_str(uid);
    s->hooks->holder = value_printf("%s_%.*s", s->hooks->identity, STR_ARG(id));
    value_drop(uid);
    s->compact_next = 0;
    step_timer_set(step, instant_add(step->now, s->flags.compaction_interval),
                   TIMER_TAG(TIMER_COMPACTION, 0));
    if (s->flags.no_bootstrap) {
        s->hooks->is_done = true;
        apiserver_became_ready(s, step);
        return;
    }
    hook_next(s, step);
}

void bootstrap_timer(struct apiserver *s, struct step *step, enum apiserver_timer timer)
{
    if (!s->hooks)
        return;
    if (timer == TIMER_HOOKS) {
        hook_next(s, step);
    } else if (timer == TIMER_ENDPOINTS) {
        step_timer_set(step, instant_add(step->now, duration_s(RENEW_S)),
                       TIMER_TAG(TIMER_ENDPOINTS, 0));
        endpoints_renew(s, step);
    } else if (timer == TIMER_IDENTITY) {
        step_timer_set(step, instant_add(step->now, duration_s(RENEW_S)),
                       TIMER_TAG(TIMER_IDENTITY, 0));
        identity_renew(s, step);
    } else if (timer == TIMER_COMPACTION) {
        step_timer_set(step, instant_add(step->now, s->flags.compaction_interval),
                       TIMER_TAG(TIMER_COMPACTION, 0));
        compact(s, step);
    }
}

void bootstrap_release(struct apiserver *s)
{
    if (!s->hooks)
        return;
    mem_free(s->hooks->identity);
    value_drop(s->hooks->holder);
    mem_free(s->hooks);
}

/* Who creates an object cannot give it a status: that is a write of its own. False: not needed. */
static bool status_write(struct apiserver *s, struct step *step, struct value stored)
{
    const struct resource *r;
    AUTO(value) struct value object = hook_object(s, step, s->hooks->next, &r);
    struct value status = VALUE_GET(object, status);
    if (!value_is_present(status) || value_count(VALUE_GET(stored, status, conditions)) > 0)
        return false;
    const struct object_key *key = object_key_of_object(r, object);
    struct request *q = request_for_key(VERB_UPDATE, key);
    object_key_unref(key);
    q->subresource = SUBRESOURCE_STATUS;
    q->body = value_set(value_keep(stored), ATOM_status, value_keep(status));
    call_own(s, step, q, hook_answered, NULL);
    return true;
}

static void hook_answered(struct call *c, struct step *step, int code, struct value body)
{
    struct apiserver *s = c->server;
    if (code == 201 && status_write(s, step, body))
        return;
    if (code < 300 || (code == 409 && c->request->verb == VERB_CREATE)) {
        s->hooks->next++;
        hook_next(s, step);
    } else {
        step_timer_set(step, instant_add(step->now, duration_ms(HOOK_RETRY_MS)),
                       TIMER_TAG(TIMER_HOOKS, 0));
    }
}

static void hook_next(struct apiserver *s, struct step *step)
{
    for (;; s->hooks->next++) {
        const struct resource *r;
        struct value object = hook_object(s, step, s->hooks->next, &r);
        if (!value_is_present(object))
            break;
        const struct object_key *key = object_key_of_object(r, object);
        const struct etcd_kv *kv = watch_cache_get(s, key);
        bool is_policy = str_equal(r->group, S("rbac.authorization.k8s.io"));
        if (kv) {
            struct value expected = object;
            object = is_policy ? policy_reconcile(kv->value, expected) : value_keep(kv->value);
            value_drop(expected);
        }
        if (kv && value_equal(object, kv->value)) {
            object_key_unref(key);
            value_drop(object);
            if (status_write(s, step, kv->value))
                return;
            continue;
        }
        struct request *q = request_for_key(kv ? VERB_UPDATE : VERB_CREATE, key);
        object_key_unref(key);
        q->body = object;
        call_own(s, step, q, hook_answered, NULL);
        return;
    }
    if (s->hooks->is_done)
        return;
    s->hooks->is_done = true;
    apiserver_became_ready(s, step);
    step_timer_set(step, step->now, TIMER_TAG(TIMER_ENDPOINTS, 0));
    step_timer_set(step, step->now, TIMER_TAG(TIMER_IDENTITY, 0));
}

/* ---- the objects ---- */

static struct value texts(struct str list)
{
    struct value out = value_array();
    while (list.size > 0) {
        struct str item = str_cut(list, ',', &list);
        out = value_append(out, value_string(str_equal(item, S("\"\"")) ? S("") : item));
    }
    return out;
}

struct value policy_rules(struct str content)
{
    struct value rules = value_array();
    while (content.size > 0) {
        size_t end = 0;
        while (end < content.size &&
               !str_starts_with(str_slice(content, end, content.size), S(" ; ")))
            end++;
        struct str rule = str_slice(content, 0, end);
        content = str_slice(content, end + 3 < content.size ? end + 3 : content.size, content.size);
        size_t blank = rule.size;
        while (blank > 0 && rule.bytes[blank - 1] != ' ')
            blank--;
        struct str verbs = str_slice(rule, blank, rule.size),
                   what = str_slice(rule, 0, blank > 0 ? blank - 1 : 0);
        struct value out = value_pack("{verbs: %v}", texts(verbs));
        if (str_starts_with(what, S("url:"))) {
            out = value_set(out, ATOM_nonResourceURLs, texts(str_slice(what, 4, what.size)));
        } else {
            struct str resources, names = {"", 0}, groups = str_cut(what, '/', &resources);
            size_t bracket = str_find(resources, '[');
            if (bracket < resources.size) {
                names = str_slice(resources, bracket + 1, resources.size - 1);
                resources = str_slice(resources, 0, bracket);
            }
            out = value_set(out, ATOM_apiGroups, texts(groups));
            out = value_set(out, ATOM_resources, texts(resources));
            if (names.size > 0)
                out = value_set(out, ATOM_resourceNames, texts(names));
        }
        rules = value_append(rules, out);
    }
    return rules;
}

static struct value subject_of(struct str text)
{
    struct str name, kind = str_cut(text, ':', &name);
    if (!str_equal(kind, S("ServiceAccount")))
        return value_pack("{kind: %S, apiGroup: \"rbac.authorization.k8s.io\", name: %S}", kind,
                          name);
    struct str account, namespace = str_cut(name, '/', &account);
    return value_pack("{kind: ServiceAccount, name: %S, namespace: %S}", account, namespace);
}

static struct value binding_parts(struct value own_object, struct str content)
{
    size_t arrow = 0;
    while (arrow < content.size &&
           !str_starts_with(str_slice(content, arrow, content.size), S(" <- ")))
        arrow++;
    struct str name, kind = str_cut(str_slice(content, 0, arrow), '/', &name);
    struct str rest =
        str_slice(content, arrow + 4 < content.size ? arrow + 4 : content.size, content.size);
    own_object = value_set(
        own_object, ATOM_roleRef,
        value_pack("{apiGroup: \"rbac.authorization.k8s.io\", kind: %S, name: %S}", kind, name));
    struct value subjects = value_array();
    while (rest.size > 0)
        subjects = value_append(subjects, subject_of(str_trim(str_cut(rest, ',', &rest))));
    if (value_count(subjects) > 0)
        return value_set(own_object, ATOM_subjects, subjects);
    value_drop(subjects);
    return own_object;
}

static struct value policy_object(size_t i, const struct resource **ret_resource)
{
    struct str kind = str_from(policies[i].kind), content = str_from(policies[i].content);
    *ret_resource = resource_find_kind(S("rbac.authorization.k8s.io/v1"), kind);
    struct value labels = value_set_key(value_object(), S("kubernetes.io/bootstrapping"),
                                        value_string(S("rbac-defaults")));
    struct str value, key = str_cut(str_from(policies[i].labels), '=', &value);
    if (key.size > 0)
        labels = value_set_key(labels, key, value_string(value));
    struct value annotations = value_set_key(
        value_object(), S("rbac.authorization.kubernetes.io/autoupdate"), value_string(S("true")));
    struct value metadata = value_pack("{name: %s, labels: %v, annotations: %v}", policies[i].name,
                                       labels, annotations);
    if (policies[i].namespace[0])
        metadata =
            value_set(metadata, ATOM_namespace, value_string(str_from(policies[i].namespace)));
    struct value object = value_pack(
        "{apiVersion: \"rbac.authorization.k8s.io/v1\", kind: %S, metadata: %v}", kind, metadata);
    if (str_ends_with(kind, S("Binding")))
        return binding_parts(object, content);
    key = str_cut(str_from(policies[i].aggregated), '=', &value);
    if (key.size > 0) {
        struct value selector = value_pack("{matchLabels: %v}",
                                           value_set_key(value_object(), key, value_string(value)));
        object = value_set(object, ATOM_aggregationRule,
                           value_pack("{clusterRoleSelectors: [%v]}", selector));
    }
    if (content.size > 0)
        object = value_set(object, ATOM_rules, policy_rules(content));
    return object;
}

/* Each of the built-in ones refers to a level that is built in as well. */
static struct value flow_schema_status(struct value spec, struct step *step)
{
    struct str level = VALUE_STR(spec, priorityLevelConfiguration, name);
    AUTO(text) struct text message = {0};
    text_printf(&message,
                "This FlowSchema references the PriorityLevelConfiguration object named \"%.*s\" "
                "and it exists",
                STR_ARG(level));
    return value_pack("{conditions: [{type: Dangling, status: \"False\", lastTransitionTime: %v, "
                      "reason: Found, message: %S}]}",
                      time_value(step->wall), text_str(&message));
}

static struct value flowcontrol_object(const struct apiserver *s, struct step *step, size_t i,
                                       const struct resource **ret_resource)
{
    *ret_resource = resource_get(flowcontrol[i].resource);
    struct value spec = VALUE_ABSENT;
    struct errmsg message;
    CHECK(json_parse(str_from(flowcontrol[i].spec), NULL, &spec, &message) == ERR_OK);
    struct value annotations = value_set_key(value_object(), S("apf.kubernetes.io/autoupdate-spec"),
                                             value_string(S("true")));
    struct value status = VALUE_ABSENT;
    if (s->flags.publishes_trust && flowcontrol[i].resource == RESOURCE_flowschemas)
        status = flow_schema_status(spec, step);
    struct value object =
        value_pack("{apiVersion: %S, kind: %S, metadata: {name: %s, annotations: %v}, spec: %v}",
                   (*ret_resource)->group_version, (*ret_resource)->kind, flowcontrol[i].name,
                   annotations, spec);
    return value_is_present(status) ? value_set(object, ATOM_status, status) : object;
}

/* The server itself answers for it. */
static struct value api_service(struct step *step, size_t i, const struct resource **ret_resource)
{
    AUTO(text) struct text name = {0};
    text_printf(&name, "%s.%s", api_services[i].version, api_services[i].group);
    struct value labels = value_set_key(
        value_object(), S("kube-aggregator.kubernetes.io/automanaged"), value_string(S("onstart")));
    struct value spec = value_pack("{groupPriorityMinimum: %d, version: %s, versionPriority: %d}",
                                   api_services[i].group_priority, api_services[i].version,
                                   api_services[i].version_priority);
    if (api_services[i].group[0])
        spec = value_set(spec, ATOM_group, value_string(str_from(api_services[i].group)));
    *ret_resource = resource_get(RESOURCE_apiservices);
    return value_pack("{apiVersion: \"apiregistration.k8s.io/v1\", kind: APIService, metadata: "
                      "{name: %S, labels: %v}, spec: %v, status: {conditions: [{type: Available, "
                      "status: \"True\", lastTransitionTime: %v, reason: Local, message: %s}]}}",
                      text_str(&name), labels, spec, time_value(step->wall),
                      "Local APIServices are always available");
}

/* For aggregated API servers, and the day since when the use of legacy tokens is noted. */
static struct value trust_object(struct apiserver *s, struct step *step, size_t index)
{
    struct value day = time_value(step->wall);
    struct str text = value_str(day), data_key = index == 0 ? S("client-ca-file") : S("since");
    struct str content = index == 0 ? authority_certificate(s->flags.keys->authority)
                                    : str_slice(text, 0, str_find(text, 'T'));
    struct value data = value_set_key(value_object(), data_key, value_string(content));
    value_drop(day);
    return value_pack("{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, namespace: "
                      "\"kube-system\"}, data: %v}",
                      index == 0 ? "extension-apiserver-authentication"
                                 : "kube-apiserver-legacy-service-account-token-tracking",
                      data);
}

/* The index-th object; absent after the last one. */
static struct value hook_object(struct apiserver *s, struct step *step, size_t index,
                                const struct resource **ret_resource)
{
    if (index < ARRAY_COUNT(namespaces)) {
        *ret_resource = resource_get(RESOURCE_namespaces);
        return value_pack("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}",
                          namespaces[index]);
    }
    index -= ARRAY_COUNT(namespaces);
    if (index < ARRAY_COUNT(flowcontrol))
        return flowcontrol_object(s, step, index, ret_resource);
    index -= ARRAY_COUNT(flowcontrol);
    if (index < ARRAY_COUNT(priority_classes)) {
        *ret_resource = resource_get(RESOURCE_priorityclasses);
        return value_pack("{apiVersion: \"scheduling.k8s.io/v1\", kind: PriorityClass, metadata: "
                          "{name: %s}, value: %D, description: %s}",
                          priority_classes[index].name, priority_classes[index].value,
                          priority_classes[index].description);
    }
    index -= ARRAY_COUNT(priority_classes);
    if (index < ARRAY_COUNT(policies))
        return policy_object(index, ret_resource);
    index -= ARRAY_COUNT(policies);
    if (index == 0) {
        *ret_resource = resource_get(RESOURCE_servicecidrs);
        return value_pack("{apiVersion: \"networking.k8s.io/v1\", kind: ServiceCIDR, metadata: "
                          "{name: kubernetes}, spec: {cidrs: [%S]}}",
                          s->flags.service_cidr);
    }
    if (index == 1) {
        *ret_resource = resource_get(RESOURCE_services);
        AUTO(text) struct text first = {0};
        service_address_text(s, 1, &first);
        return value_pack("{apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: "
                          "default, labels: {component: apiserver, "
                          "provider: kubernetes}}, spec: {clusterIP: %S, ports: [{name: https, "
                          "port: 443, protocol: TCP, targetPort: %d}], "
                          "sessionAffinity: None, type: ClusterIP, ipFamilyPolicy: SingleStack}}",
                          text_str(&first), s->flags.secure_port);
    }
    if (s->flags.publishes_trust && (index == 2 || index == 3)) {
        *ret_resource = resource_get(RESOURCE_configmaps);
        return trust_object(s, step, index - 2);
    }
    if (s->flags.publishes_trust && index - 4 < ARRAY_COUNT(api_services))
        return api_service(step, index - 4, ret_resource);
    return VALUE_ABSENT;
}

/* ---- endpoints of Service kubernetes ---- */

static const struct object_key *master_lease_key(struct str address)
{
    AUTO(text) struct text name = {0};
    text_printf(&name, MASTER_LEASE_PREFIX "%.*s", STR_ARG(address));
    return object_key_of(resource_get(RESOURCE_componentstatuses), S(""), text_str(&name));
}

/* Writes the object under its name unless it is as wanted; only the parts named differ. */
static void endpoints_write(struct apiserver *s, struct step *step, enum resource_known resource,
                            struct value own_object, atom part)
{
    const struct object_key *key = object_key_of_object(resource_get(resource), own_object);
    const struct etcd_kv *kv = watch_cache_get(s, key);
    if (kv && value_equal(value_get(kv->value, part), value_get(own_object, part))) {
        object_key_unref(key);
        value_drop(own_object);
        return;
    }
    struct request *r = request_for_key(kv ? VERB_UPDATE : VERB_CREATE, key);
    object_key_unref(key);
    r->body = own_object;
    call_own(s, step, r, NULL, NULL);
}

static void on_master_leases(struct apiserver *s, struct step *step, const struct etcd_response *r,
                             void *owner)
{
    (void)owner;
    if (!r || r->error != ETCD_OK)
        return;
    struct value addresses = value_array(), endpoints = value_array();
    for (size_t i = 0; i < r->count; i++) {
        struct str name = r->kvs[i]->key->name, prefix = S(MASTER_LEASE_PREFIX);
        if (!str_starts_with(name, prefix))
            continue;
        struct str ip = str_slice(name, prefix.size, name.size);
        addresses = value_append(addresses, value_pack("{ip: %S}", ip));
        endpoints =
            value_append(endpoints, value_pack("{addresses: [%S], conditions: {ready: true}}", ip));
    }
    struct value ports =
        value_pack("[{name: https, port: %d, protocol: TCP}]", s->flags.secure_port);
    struct value skip = value_set_key(value_object(), S("endpointslice.kubernetes.io/skip-mirror"),
                                      value_string(S("true")));
    struct value of = value_set_key(value_object(), S("kubernetes.io/service-name"),
                                    value_string(S("kubernetes")));
    endpoints_write(s, step, RESOURCE_endpoints,
                    value_pack("{apiVersion: v1, kind: Endpoints, metadata: {name: kubernetes, "
                               "namespace: default, labels: %v}, "
                               "subsets: [{addresses: %v, ports: %v}]}",
                               skip, addresses, value_keep(ports)),
                    ATOM_subsets);
    endpoints_write(s, step, RESOURCE_endpointslices,
                    value_pack("{apiVersion: \"discovery.k8s.io/v1\", kind: EndpointSlice, "
                               "metadata: {name: kubernetes, namespace: default, "
                               "labels: %v}, addressType: IPv4, endpoints: %v, ports: %v}",
                               of, endpoints, ports),
                    ATOM_endpoints);
}

static void on_master_lease_put(struct apiserver *s, struct step *step,
                                const struct etcd_response *r, void *owner)
{
    (void)owner;
    if (!r || r->error != ETCD_OK)
        return;
    struct etcd_request *q = etcd_request_new(ETCD_RANGE);
    q->resource = resource_get(RESOURCE_componentstatuses);
    etcd_link_send(s, step, q, on_master_leases, NULL);
}

static void on_master_lease_granted(struct apiserver *s, struct step *step,
                                    const struct etcd_response *r, void *owner)
{
    (void)owner;
    if (!r || r->error != ETCD_OK)
        return;
    struct etcd_request *q = etcd_request_new(ETCD_TXN);
    q->key = master_lease_key(s->flags.advertise_address);
    q->expected_revision = -1;
    q->lease = r->lease;
    q->by = S("system:apiserver");
    q->value = value_pack("{apiVersion: v1, kind: Endpoints, metadata: {name: %v}}",
                          value_string(s->flags.advertise_address));
    etcd_link_send(s, step, q, on_master_lease_put, NULL);
}

static void endpoints_renew(struct apiserver *s, struct step *step)
{
    struct etcd_request *q = etcd_request_new(ETCD_LEASE_GRANT);
    q->lease = lease_id(step);
    q->ttl_seconds = MASTER_LEASE_TTL_S;
    etcd_link_send(s, step, q, on_master_lease_granted, NULL);
}

void bootstrap_stop(struct apiserver *s, struct step *step)
{
    if (!s->hooks || !s->hooks->is_done || s->flags.no_bootstrap)
        return;
    struct etcd_request *q = etcd_request_new(ETCD_TXN);
    q->key = master_lease_key(s->flags.advertise_address);
    q->expected_revision = -1;
    q->is_delete = true;
    q->by = S("system:apiserver");
    etcd_link_send(s, step, q, NULL, NULL);
}

/* ---- identity and compaction ---- */

static void identity_renew(struct apiserver *s, struct step *step)
{
    struct str name = str_from(s->hooks->identity);
    const struct object_key *key =
        object_key_of(resource_get(RESOURCE_leases), S("kube-system"), name);
    const struct etcd_kv *kv = watch_cache_get(s, key);
    struct request *r = request_for_key(kv ? VERB_UPDATE : VERB_CREATE, key);
    object_key_unref(key);
    if (kv) {
        r->body = VALUE_SET(value_keep(kv->value), micro_time_value(step->wall), spec, renewTime);
        r->body = VALUE_SET(r->body, value_keep(s->hooks->holder), spec, holderIdentity);
    } else {
        struct value labels = value_set_key(value_object(), S("apiserver.kubernetes.io/identity"),
                                            value_string(S("kube-apiserver")));
        labels = value_set_key(labels, S("kubernetes.io/hostname"), value_string(s->flags.name));
        struct value annotations = value_set_key(
            value_object(), S("kubernetes.io/peer-advertise-address"),
            value_printf("%.*s:%d", STR_ARG(s->flags.advertise_address), s->flags.secure_port));
        r->body = value_pack("{apiVersion: \"coordination.k8s.io/v1\", kind: Lease, metadata: "
                             "{name: %S, namespace: \"kube-system\", labels: %v, "
                             "annotations: %v}, spec: {holderIdentity: %v, leaseDurationSeconds: "
                             "%d, renewTime: %v}}",
                             name, labels, annotations, value_keep(s->hooks->holder),
                             IDENTITY_LEASE_S, micro_time_value(step->wall));
    }
    call_own(s, step, r, NULL, NULL);
}

static void compact(struct apiserver *s, struct step *step)
{
    if (s->compact_next > 0) {
        struct etcd_request *q = etcd_request_new(ETCD_COMPACT);
        q->revision = s->compact_next;
        etcd_link_send(s, step, q, NULL, NULL);
    }
    s->compact_next = s->caches.revision;
}
