/* SPDX-License-Identifier: Apache-2.0
 *
 * The API server against a real etcd in the simulation: exact answers, optimistic concurrency,
 * deletion, lists and watches, quota under a race, service addresses, eviction. Each test is one
 * small world.
 */
#include "sim/base/base.h"

#include "tests/integration/apiserver/world.h"

#define POD(name)                                                                                  \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name                       \
    "\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}"
#define CONFIG_MAP(name, data)                                                                     \
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" name                 \
    "\"},\"data\":{\"a\":\"" data "\"}}"
#define ACCOUNT                                                                                    \
    "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"default\"}}"

static void a_namespace(struct world *w)
{
    expect_ok(ask(w, create_of(RESOURCE_namespaces, NULL,
                               "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{"
                               "\"name\":\"default\"}}")),
              201);
    expect_ok(ask(w, create_of(RESOURCE_serviceaccounts, "default", ACCOUNT)), 201);
}

/* A fresh cluster has its objects and the server says that it is ready. */
static void test_bootstrap(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.servers = 2});

    CU_ASSERT_TRUE(apiserver_is_ready(world_server(&w, 0)));
    CU_ASSERT_TRUE(apiserver_is_ready(world_server(&w, 1)));
    static const struct {
        enum resource_known resource;
        const char *namespace, *name;
    } wanted[] = {{RESOURCE_namespaces, "", "kube-node-lease"},
                  {RESOURCE_clusterroles, "", "cluster-admin"},
                  {RESOURCE_priorityclasses, "", "system-node-critical"},
                  {RESOURCE_servicecidrs, "", "kubernetes"},
                  {RESOURCE_services, "default", "kubernetes"},
                  {RESOURCE_endpoints, "default", "kubernetes"},
                  {RESOURCE_flowschemas, "", "catch-all"},
                  {RESOURCE_ipaddresses, "", "10.96.0.1"},
                  {RESOURCE_rolebindings, "kube-system", "system:controller:token-cleaner"}};
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++)
        expect_ok(
            ask(&w, on_key(VERB_GET, wanted[i].resource, wanted[i].namespace, wanted[i].name)),
            200);
    world_run(&w, 15000);
    const struct response *r =
        ask(&w, on_key(VERB_GET, RESOURCE_endpoints, "default", "kubernetes"));
    struct value subset = value_at(VALUE_GET(r->body, subsets), 0);
    CU_ASSERT_EQUAL(value_count(VALUE_GET(subset, addresses)), 2);

    world_end(&w);
}

/* What a real server answers to the verbs of a ConfigMap. */
static void test_errors(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true});
    a_namespace(&w);

    expect_ok(ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("e-cm", "1"))), 201);
    expect_refusal(ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("e-cm", "1"))), 409,
                   "AlreadyExists", "configmaps \"e-cm\" already exists");
    expect_refusal(ask(&w, update_of(RESOURCE_configmaps, "default", "nope",
                                     parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
                                           "\"metadata\":{\"name\":\"nope\"}}"))),
                   404, "NotFound", "configmaps \"nope\" not found");
    expect_refusal(ask(&w, update_of(RESOURCE_configmaps, "default", "e-cm",
                                     parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
                                           "\"metadata\":{\"name\":\"other\"}}"))),
                   400, "BadRequest",
                   "the name of the object (other) does not match the name on the URL (e-cm)");
    expect_refusal(
        ask(&w, update_of(RESOURCE_configmaps, "default", "e-cm",
                          parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
                                "\"name\":\"e-cm\",\"resourceVersion\":\"1\"}}"))),
        409, "Conflict",
        "Operation cannot be fulfilled on configmaps \"e-cm\": the object has been modified; "
        "please apply your changes to the latest version and try again");
    expect_refusal(ask(&w, patch_of(RESOURCE_configmaps, "default", "e-cm",
                                    "{\"metadata\":{\"resourceVersion\":\"1\"}}")),
                   409, "Conflict",
                   "Operation cannot be fulfilled on configmaps \"e-cm\": the object has been "
                   "modified; please apply your changes to the latest version and try again");
    expect_refusal(ask(&w, patch_of(RESOURCE_configmaps, "default", "nonono", "{}")), 404,
                   "NotFound", "configmaps \"nonono\" not found");
    expect_refusal(
        ask(&w,
            patch_of(RESOURCE_configmaps, "default", "e-cm", "{\"metadata\":{\"uid\":\"zz\"}}")),
        422, "Invalid",
        "ConfigMap \"e-cm\" is invalid: metadata.uid: Invalid value: \"zz\": field is immutable");
    struct request *d = on_key(VERB_DELETE, RESOURCE_configmaps, "default", "e-cm");
    request_delete_options(d)->precondition_uid = value_string(S("zzz"));
    const struct response *r = ask(&w, d);
    CU_ASSERT_EQUAL(r->code, 409);
    CU_ASSERT_TRUE(str_starts_with(response_message_text(r),
                                   S("Operation cannot be fulfilled on ConfigMap \"e-cm\": the UID "
                                     "in the precondition (zzz) does not match")));
    struct request *c = create_of(RESOURCE_configmaps, "default",
                                  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
                                  "\"name\":\"z\",\"namespace\":\"other\"}}");
    expect_refusal(
        ask(&w, c), 400, "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request");
    c = create_of(RESOURCE_configmaps, "nowhere", CONFIG_MAP("z", "1"));
    expect_refusal(ask(&w, c), 404, "NotFound", "namespaces \"nowhere\" not found");
    r = ask(&w, on_key(VERB_DELETE, RESOURCE_configmaps, "default", "e-cm"));
    expect_ok(r, 200);
    CU_ASSERT_TRUE(VALUE_IS(r->body, "Success", status));
    CU_ASSERT_TRUE(VALUE_IS(r->body, "configmaps", details, kind));
    expect_refusal(ask(&w, on_key(VERB_DELETE, RESOURCE_namespaces, "", "default")), 403,
                   "Forbidden",
                   "namespaces \"default\" is forbidden: this namespace may not be deleted");

    world_end(&w);
}

/* A new object has identity, defaults and what admission adds. */
static void test_create_pod(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true});
    a_namespace(&w);

    const struct response *r = ask(&w, create_of(RESOURCE_pods, "default", POD("web")));

    expect_ok(r, 201);
    struct value pod = r->body;
    CU_ASSERT_EQUAL(VALUE_STR(pod, metadata, uid).size, 36);
    CU_ASSERT_EQUAL(object_generation(pod), 1);
    CU_ASSERT_TRUE(object_version(pod) > 0);
    CU_ASSERT_TRUE(VALUE_IS(pod, "Pending", status, phase));
    CU_ASSERT_TRUE(VALUE_IS(pod, "BestEffort", status, qosClass));
    CU_ASSERT_TRUE(VALUE_IS(pod, "default", spec, serviceAccountName));
    CU_ASSERT_EQUAL(VALUE_INT(pod, -1, spec, priority), 0);
    CU_ASSERT_EQUAL(value_count(VALUE_GET(pod, spec, tolerations)), 2);
    CU_ASSERT_TRUE(
        str_starts_with(value_str(VALUE_GET(value_at(VALUE_GET(pod, spec, volumes), 0), name)),
                        S("kube-api-access-")));
    r = ask(&w,
            create_of(RESOURCE_pods, "default",
                      "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"generateName\":"
                      "\"web-\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}"));
    expect_ok(r, 201);
    CU_ASSERT_EQUAL(VALUE_STR(r->body, metadata, name).size, 9);

    world_end(&w);
}

static struct request *node_update(struct value own_pod)
{
    return update_of(RESOURCE_pods, "default", "web", own_pod);
}

/* A bound pod is deleted gracefully, then for good with grace 0; an unbound one at once. Binding
 * twice is a conflict. */
static void test_pod_life(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true});
    a_namespace(&w);
    expect_ok(ask(&w, create_of(RESOURCE_pods, "default", POD("web"))), 201);
    const char *binding = "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":"
                          "\"web\"},\"target\":{\"kind\":\"Node\",\"name\":\"node-1\"}}";
    struct request *b = on_key(VERB_CREATE, RESOURCE_pods, "default", "web");
    b->subresource = SUBRESOURCE_BINDING;
    b->body = parse(binding);
    expect_ok(ask(&w, b), 201);
    b = on_key(VERB_CREATE, RESOURCE_pods, "default", "web");
    b->subresource = SUBRESOURCE_BINDING;
    b->body = parse(binding);
    expect_refusal(ask(&w, b), 409, "Conflict",
                   "Operation cannot be fulfilled on pods/binding \"web\": pod web is already "
                   "assigned to node \"node-1\"");
    const struct response *r = ask(&w, on_key(VERB_GET, RESOURCE_pods, "default", "web"));
    CU_ASSERT_TRUE(VALUE_IS(r->body, "node-1", spec, nodeName));
    CU_ASSERT_TRUE(condition_is_true(VALUE_GET(r->body, status, conditions), "PodScheduled"));
    CU_ASSERT_EQUAL(object_generation(r->body), 1);
    expect_refusal(ask(&w, node_update(VALUE_SET(value_keep(r->body), value_string(S("node-2")),
                                                 spec, nodeName))),
                   422, "Invalid",
                   "Pod \"web\" is invalid: spec: Forbidden: pod updates may not change fields "
                   "other than `spec.containers[*].image`,"
                   "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
                   "(only additions to existing tolerations),"
                   "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                   "previously negative)");

    r = ask(&w, on_key(VERB_DELETE, RESOURCE_pods, "default", "web"));
    expect_ok(r, 200);
    CU_ASSERT_TRUE(object_is_deleting(r->body));
    CU_ASSERT_EQUAL(VALUE_INT(r->body, -1, metadata, deletionGracePeriodSeconds), 30);
    CU_ASSERT_EQUAL(object_generation(r->body), 2);
    struct request *d = on_key(VERB_DELETE, RESOURCE_pods, "default", "web");
    request_delete_options(d)->grace_period_seconds = 0;
    expect_ok(ask(&w, d), 200);
    expect_refusal(ask(&w, on_key(VERB_GET, RESOURCE_pods, "default", "web")), 404, "NotFound",
                   "pods \"web\" not found");

    expect_ok(ask(&w, create_of(RESOURCE_pods, "default", POD("web2"))), 201);
    expect_ok(ask(&w, on_key(VERB_DELETE, RESOURCE_pods, "default", "web2")), 200);
    expect_refusal(ask(&w, on_key(VERB_GET, RESOURCE_pods, "default", "web2")), 404, "NotFound",
                   "pods \"web2\" not found");

    world_end(&w);
}

/* Foreground and orphan deletion leave finalizers; the last finalizer taken off removes the object.
 */
static void test_finalizers(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true});
    a_namespace(&w);
    expect_ok(ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("held", "1"))), 201);

    struct request *d = on_key(VERB_DELETE, RESOURCE_configmaps, "default", "held");
    request_delete_options(d)->propagation = PROPAGATION_FOREGROUND;
    const struct response *r = ask(&w, d);
    expect_ok(r, 200);
    CU_ASSERT_TRUE(object_has_finalizer(r->body, S("foregroundDeletion")));
    CU_ASSERT_TRUE(object_is_deleting(r->body));
    CU_ASSERT_EQUAL(VALUE_INT(r->body, -1, metadata, deletionGracePeriodSeconds), 0);
    world_run(&w, 100);
    expect_ok(ask(&w, patch_of(RESOURCE_configmaps, "default", "held",
                               "{\"metadata\":{\"finalizers\":null}}")),
              200);
    expect_refusal(ask(&w, on_key(VERB_GET, RESOURCE_configmaps, "default", "held")), 404,
                   "NotFound", "configmaps \"held\" not found");

    world_end(&w);
}

/* Two servers: an update from an old copy is a conflict, a patch goes through, an update of a stale
 * cache is decided by etcd. */
static void test_concurrency(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true, .servers = 2});
    a_namespace(&w);
    const struct response *r =
        ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("m", "0")));
    struct value first = r->body;

    uint64_t a = send_to(&w, 0,
                         update_of(RESOURCE_configmaps, "default", "m",
                                   VALUE_SET(value_keep(first), parse("{\"a\":\"1\"}"), data)));
    uint64_t b = send_to(&w, 1,
                         update_of(RESOURCE_configmaps, "default", "m",
                                   VALUE_SET(value_keep(first), parse("{\"a\":\"2\"}"), data)));
    world_run(&w, 200);
    const struct response *ra = answer_to(&w, 0, a), *rb = answer_to(&w, 1, b);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ra);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rb);
    CU_ASSERT_EQUAL((ra->code == 200) + (rb->code == 200), 1);
    CU_ASSERT_EQUAL((ra->code == 409) + (rb->code == 409), 1);
    a = send_to(&w, 0, patch_of(RESOURCE_configmaps, "default", "m", "{\"data\":{\"x\":\"1\"}}"));
    b = send_to(&w, 1, patch_of(RESOURCE_configmaps, "default", "m", "{\"data\":{\"y\":\"2\"}}"));
    world_run(&w, 200);
    CU_ASSERT_EQUAL(answer_to(&w, 0, a)->code, 200);
    CU_ASSERT_EQUAL(answer_to(&w, 1, b)->code, 200);
    r = ask(&w, on_key(VERB_GET, RESOURCE_configmaps, "default", "m"));
    CU_ASSERT_EQUAL(value_count(VALUE_GET(r->body, data)), 3);
    int64_t version = object_version(r->body);
    r = ask(&w, patch_of(RESOURCE_configmaps, "default", "m", "{\"data\":{\"x\":\"1\"}}"));
    CU_ASSERT_EQUAL(object_version(r->body), version); /* nothing changed, nothing written */

    world_end(&w);
}

static struct request *list_of(enum resource_known resource, const char *namespace)
{
    struct request *r = request_new(VERB_LIST, resource_get(resource));
    if (namespace)
        r->namespace = value_string(str_from(namespace));
    (void)request_list_options(r);
    return r;
}

/* Lists: fresh, chunked, of the past, of the future. */
static void test_lists(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true});
    a_namespace(&w);
    const struct response *r =
        ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("a", "1")));
    struct value version = value_keep(VALUE_GET(r->body, metadata, resourceVersion));
    ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("b", "1")));
    ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("c", "1")));

    r = ask(&w, list_of(RESOURCE_configmaps, "default"));
    expect_ok(r, 200);
    CU_ASSERT_EQUAL(value_count(VALUE_GET(r->body, items)), 3);
    struct request *q = list_of(RESOURCE_configmaps, "default");
    q->list->limit = 2;
    r = ask(&w, q);
    CU_ASSERT_EQUAL(value_count(VALUE_GET(r->body, items)), 2);
    CU_ASSERT_EQUAL(VALUE_INT(r->body, 0, metadata, remainingItemCount), 1);
    struct value token = VALUE_GET(r->body, metadata, continue);
    ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("d", "1")));
    q = list_of(RESOURCE_configmaps, "default");
    q->list->limit = 2;
    q->list->continue_token = value_keep(token);
    r = ask(&w, q);
    expect_ok(r, 200);
    CU_ASSERT_EQUAL(value_count(VALUE_GET(r->body, items)), 1); /* c, of the same revision: no d */
    CU_ASSERT_FALSE(value_is_present(VALUE_GET(r->body, metadata, continue)));
    q = list_of(RESOURCE_configmaps, "default");
    q->list->resource_version = version;
    q->list->version_match = VERSION_MATCH_EXACT;
    r = ask(&w, q);
    CU_ASSERT_EQUAL(value_count(VALUE_GET(r->body, items)), 1);
    q = list_of(RESOURCE_configmaps, "default");
    q->list->resource_version = value_string(S("99999999"));
    r = ask(&w, q);
    CU_ASSERT_EQUAL(r->code, 504);
    CU_ASSERT_TRUE(str_starts_with(response_message_text(r),
                                   S("Timeout: Too large resource version: 99999999, current: ")));
    q = list_of(RESOURCE_configmaps, "default");
    q->list->resource_version = value_string(S("abc"));
    expect_refusal(ask(&w, q), 400, "BadRequest",
                   "invalid resource version: resourceVersion: Invalid value: \"abc\": "
                   "strconv.ParseUint: parsing \"abc\": invalid syntax");
    q = list_of(RESOURCE_configmaps, "default");
    q->list->field_selector = value_string(S("data.a=x"));
    expect_refusal(
        ask(&w, q), 400, "BadRequest",
        "\"data.a\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"");

    world_end(&w);
}

static const struct watch_event *event_at(struct world *w, uint64_t id, size_t n)
{
    struct client_state *c = world_client(w, 0);
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i]->id == id && n-- == 0)
            return c->events.items[i];
    return NULL;
}

static void expect_event(struct world *w, uint64_t id, size_t n, enum watch_event_type type,
                         const char *name)
{
    const struct watch_event *e = event_at(w, id, n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_EQUAL(e->type, type);
    if (name)
        CU_ASSERT_TRUE(VALUE_IS(e->object, name, metadata, name));
}

/* Watches: initial objects and their bookmark; selectors and leaving them; the past and the
 * forgotten past. */
static void test_watches(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true});
    a_namespace(&w);
    ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("a", "1")));
    struct request *q = request_new(VERB_WATCH, resource_get(RESOURCE_configmaps));
    request_list_options(q)->allow_bookmarks = true;
    q->list->resource_version = value_string(S("0"));
    uint64_t all = send_to(&w, 0, q);
    q = request_new(VERB_WATCH, resource_get(RESOURCE_configmaps));
    request_list_options(q)->label_selector = value_string(S("app=web"));
    uint64_t web = send_to(&w, 0, q);
    world_run(&w, 100);

    expect_event(&w, all, 0, WATCH_ADDED, "a");
    expect_event(&w, all, 1, WATCH_BOOKMARK, NULL);
    CU_ASSERT_TRUE(value_is(
        object_annotation(event_at(&w, all, 1)->object, S("k8s.io/initial-events-end")), "true"));
    CU_ASSERT_PTR_NULL(event_at(&w, web, 0));
    ask(&w, patch_of(RESOURCE_configmaps, "default", "a",
                     "{\"metadata\":{\"labels\":{\"app\":\"web\"}}}"));
    ask(&w, patch_of(RESOURCE_configmaps, "default", "a", "{\"data\":{\"a\":\"2\"}}"));
    const struct response *r = ask(&w, patch_of(RESOURCE_configmaps, "default", "a",
                                                "{\"metadata\":{\"labels\":{\"app\":\"db\"}}}"));
    world_run(&w, 100);
    expect_event(&w, web, 0, WATCH_ADDED, "a");
    expect_event(&w, web, 1, WATCH_MODIFIED, "a");
    expect_event(&w, web, 2, WATCH_DELETED, "a");
    CU_ASSERT_TRUE(
        value_is(object_label(event_at(&w, web, 2)->object, S("app")), "web")); /* the old object */
    CU_ASSERT_EQUAL(object_version(event_at(&w, web, 2)->object),
                    object_version(r->body)); /* at the new version */
    expect_event(&w, all, 4, WATCH_MODIFIED, "a");
    world_run(&w, 61000);
    expect_event(&w, all, 5, WATCH_BOOKMARK, NULL);

    sim_process_kill(
        w.sim,
        w.server_process[0]); /* its successor knows nothing of what was before its first list */
    world_run(&w, 5000);
    q = request_new(VERB_WATCH, resource_get(RESOURCE_configmaps));
    request_list_options(q)->resource_version = value_string(S("1"));
    q->list->timeout = duration_s(5);
    uint64_t old = send_to(&w, 0, q);
    world_run(&w, 100);
    expect_event(&w, old, 0, WATCH_ERROR, NULL);
    CU_ASSERT_EQUAL(VALUE_INT(event_at(&w, old, 0)->object, 0, code), 410);
    q = request_new(VERB_WATCH, resource_get(RESOURCE_configmaps));
    request_list_options(q)->send_initial_events = 1;
    expect_refusal(ask(&w, q), 422, "Invalid",
                   "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
                   "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");

    world_end(&w);
}

/* Two creates race on two servers for the last pod of a quota: one wins. */
static void test_quota_race(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true, .servers = 2});
    a_namespace(&w);
    ask(&w, create_of(RESOURCE_resourcequotas, "default",
                      "{\"apiVersion\":\"v1\",\"kind\":\"ResourceQuota\",\"metadata\":{\"name\":"
                      "\"q\"},\"spec\":{\"hard\":{\"pods\":\"1\"}}}"));
    struct request *s =
        patch_of(RESOURCE_resourcequotas, "default", "q",
                 "{\"status\":{\"hard\":{\"pods\":\"1\"},\"used\":{\"pods\":\"0\"}}}");
    s->subresource = SUBRESOURCE_STATUS;
    expect_ok(ask(&w, s), 200);
    world_run(&w, 100);

    uint64_t a = send_to(&w, 0, create_of(RESOURCE_pods, "default", POD("a")));
    uint64_t b = send_to(&w, 1, create_of(RESOURCE_pods, "default", POD("b")));
    world_run(&w, 300);

    const struct response *ra = answer_to(&w, 0, a), *rb = answer_to(&w, 1, b);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ra);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rb);
    CU_ASSERT_EQUAL((ra->code == 201) + (rb->code == 201), 1);
    expect_refusal(ra->code == 201 ? rb : ra, 403, "Forbidden",
                   ra->code == 201 ? "pods \"b\" is forbidden: exceeded quota: q, requested: "
                                     "pods=1, used: pods=1, limited: pods=1"
                                   : "pods \"a\" is forbidden: exceeded quota: q, requested: "
                                     "pods=1, used: pods=1, limited: pods=1");

    world_end(&w);
}

#define SERVICE(name, extra)                                                                       \
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"" name                   \
    "\"},\"spec\":{" extra "\"selector\":{\"app\":\"x\"},\"ports\":[{\"port\":80}]}}"

/* Addresses and ports: chosen, asked for, taken, given back. */
static void test_services(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true});
    a_namespace(&w);

    const struct response *r =
        ask(&w, create_of(RESOURCE_services, "default", SERVICE("s1", "\"type\":\"NodePort\",")));
    expect_ok(r, 201);
    CU_ASSERT_TRUE(VALUE_STR(r->body, spec, clusterIP).size > 0);
    int64_t port = VALUE_INT(value_at(VALUE_GET(r->body, spec, ports), 0), 0, nodePort);
    CU_ASSERT_TRUE(port >= 30086 && port <= 32767);
    struct str ip = VALUE_STR(r->body, spec, clusterIP);
    char name[32] = {0};
    memcpy(name, ip.bytes, ip.size);
    expect_ok(ask(&w, on_key(VERB_GET, RESOURCE_ipaddresses, "", name)), 200);
    expect_ok(ask(&w, create_of(RESOURCE_services, "default",
                                SERVICE("s2", "\"clusterIP\":\"10.96.0.7\","))),
              201);
    expect_refusal(ask(&w, create_of(RESOURCE_services, "default",
                                     SERVICE("s3", "\"clusterIP\":\"10.96.0.7\","))),
                   422, "Invalid",
                   "Service \"s3\" is invalid: spec.clusterIPs: Invalid value: [\"10.96.0.7\"]: "
                   "failed to allocate IP 10.96.0.7: provided IP is already allocated");
    expect_refusal(
        ask(&w,
            create_of(RESOURCE_services, "default", SERVICE("s3", "\"clusterIP\":\"1.2.3.4\","))),
        422, "Invalid",
        "Service \"s3\" is invalid: spec.clusterIPs: Invalid value: [\"1.2.3.4\"]: failed to "
        "allocate IP 1.2.3.4: the provided network does not match the current range");
    expect_ok(ask(&w, on_key(VERB_DELETE, RESOURCE_services, "default", "s2")), 200);
    world_run(&w, 100);
    expect_ok(ask(&w, create_of(RESOURCE_services, "default",
                                SERVICE("s3", "\"clusterIP\":\"10.96.0.7\","))),
              201);

    world_end(&w);
}

/* Eviction asks the budget. */
static void test_eviction(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true});
    a_namespace(&w);
    ask(&w, create_of(RESOURCE_pods, "default",
                      "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\","
                      "\"labels\":{\"app\":\"web\"}},\"spec\":{\"nodeName\":\"n\",\"containers\":[{"
                      "\"name\":\"c\",\"image\":\"x\"}]}}"));
    struct request *s = patch_of(RESOURCE_pods, "default", "web",
                                 "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":"
                                 "\"Ready\",\"status\":\"True\"}]}}");
    s->subresource = SUBRESOURCE_STATUS;
    expect_ok(ask(&w, s), 200);
    ask(&w,
        create_of(RESOURCE_poddisruptionbudgets, "default",
                  "{\"apiVersion\":\"policy/"
                  "v1\",\"kind\":\"PodDisruptionBudget\",\"metadata\":{\"name\":\"p\"},\"spec\":{"
                  "\"minAvailable\":1,\"selector\":{\"matchLabels\":{\"app\":\"web\"}}}}"));
    s = patch_of(RESOURCE_poddisruptionbudgets, "default", "p",
                 "{\"status\":{\"observedGeneration\":1,\"disruptionsAllowed\":0,"
                 "\"currentHealthy\":2,\"desiredHealthy\":2,\"expectedPods\":2}}");
    s->subresource = SUBRESOURCE_STATUS;
    expect_ok(ask(&w, s), 200);
    const char *body =
        "{\"apiVersion\":\"policy/"
        "v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"web\",\"namespace\":\"default\"}}";

    struct request *e = on_key(VERB_CREATE, RESOURCE_pods, "default", "web");
    e->subresource = SUBRESOURCE_EVICTION;
    e->body = parse(body);
    const struct response *r = ask(&w, e);
    expect_refusal(r, 429, "TooManyRequests",
                   "Cannot evict pod as it would violate the pod's disruption budget.");
    CU_ASSERT_TRUE(VALUE_IS(value_at(VALUE_GET(r->body, details, causes), 0),
                            "The disruption budget p needs 2 healthy pods and has 2 currently",
                            message));
    s = patch_of(RESOURCE_poddisruptionbudgets, "default", "p",
                 "{\"status\":{\"disruptionsAllowed\":1}}");
    s->subresource = SUBRESOURCE_STATUS;
    expect_ok(ask(&w, s), 200);
    world_run(&w, 50);
    e = on_key(VERB_CREATE, RESOURCE_pods, "default", "web");
    e->subresource = SUBRESOURCE_EVICTION;
    e->body = parse(body);
    expect_ok(ask(&w, e), 201);
    r = ask(&w, on_key(VERB_GET, RESOURCE_pods, "default", "web"));
    CU_ASSERT_TRUE(object_is_deleting(r->body));
    CU_ASSERT_TRUE(condition_is_true(VALUE_GET(r->body, status, conditions), "DisruptionTarget"));
    r = ask(&w, on_key(VERB_GET, RESOURCE_poddisruptionbudgets, "default", "p"));
    CU_ASSERT_EQUAL(VALUE_INT(r->body, -1, status, disruptionsAllowed), 0);

    world_end(&w);
}

/* Nobody gives what he has not. */
static void test_escalation(struct world *w)
{
    const char *edits = "{\"apiVersion\":\"rbac.authorization.k8s.io/"
                        "v1\",\"kind\":\"Role\",\"metadata\":{\"name\":\"r\"},"
                        "\"rules\":[{\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":["
                        "\"roles\"],\"verbs\":[\"create\"]},"
                        "{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]}]}";
    const char *binding =
        "{\"apiVersion\":\"rbac.authorization.k8s.io/"
        "v1\",\"kind\":\"RoleBinding\",\"metadata\":{\"name\":\"bob\"},"
        "\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"r\"},"
        "\"subjects\":[{\"kind\":\"User\",\"name\":\"bob\"}]}";
    const char *more =
        "{\"apiVersion\":\"rbac.authorization.k8s.io/"
        "v1\",\"kind\":\"Role\",\"metadata\":{\"name\":\"s\"},"
        "\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\",\"list\"]}]}";
    expect_ok(ask(w, create_of(RESOURCE_roles, "default", edits)), 201);
    expect_ok(ask(w, create_of(RESOURCE_rolebindings, "default", binding)), 201);
    world_run(w, 50);
    const struct credential *bob = credential_certificate(S("bob"), NULL, 0);
    w->who = bob;
    expect_refusal(ask(w, create_of(RESOURCE_roles, "default", more)), 403, "Forbidden",
                   "roles.rbac.authorization.k8s.io \"s\" is forbidden: user \"bob\" "
                   "(groups=[\"system:authenticated\"]) is attempting to grant "
                   "RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"pods\"], "
                   "Verbs:[\"list\"]}");
    w->who = NULL;
    credential_unref(bob);
}

/* Who may do what: nobody, a user with a role, a node. */
static void test_authorization(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    struct str nodes = S("system:nodes");
    const struct credential *alice = credential_certificate(S("alice"), NULL, 0);
    const struct credential *node = credential_certificate(S("system:node:n1"), &nodes, 1);

    w.who = alice;
    expect_refusal(ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("q", "1"))), 403,
                   "Forbidden",
                   "configmaps is forbidden: User \"alice\" cannot create resource \"configmaps\" "
                   "in API group \"\" in the namespace \"default\"");
    w.who = NULL;
    expect_ok(
        ask(&w, create_of(
                    RESOURCE_rolebindings, "default",
                    "{\"apiVersion\":\"rbac.authorization.k8s.io/"
                    "v1\",\"kind\":\"RoleBinding\",\"metadata\":{\"name\":\"rb\"},\"roleRef\":{"
                    "\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":"
                    "\"cluster-admin\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"alice\"}]}")),
        201);
    world_run(&w, 100);
    w.who = alice;
    expect_ok(ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("q", "1"))), 201);
    expect_refusal(ask(&w, on_key(VERB_GET, RESOURCE_nodes, "", "n1")), 403, "Forbidden",
                   "nodes \"n1\" is forbidden: User \"alice\" cannot get resource \"nodes\" in API "
                   "group \"\" at the cluster scope");
    w.who = node;
    expect_ok(
        ask(&w,
            create_of(RESOURCE_nodes, NULL,
                      "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}")),
        201);
    expect_ok(ask(&w, on_key(VERB_GET, RESOURCE_nodes, "", "n1")), 200);
    expect_refusal(
        ask(&w,
            create_of(RESOURCE_nodes, NULL,
                      "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n2\"}}")),
        403, "Forbidden",
        "nodes \"n2\" is forbidden: node \"n1\" is not allowed to modify node \"n2\"");
    w.who = NULL;
    credential_unref(alice);
    credential_unref(node);
    test_escalation(&w);

    world_end(&w);
}

/* The member that a server talks to dies, under load: what was acknowledged is there, the watch
 * goes on without a gap. */
static void test_etcd_failover(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true, .members = 3});
    a_namespace(&w);
    struct request *q = request_new(VERB_WATCH, resource_get(RESOURCE_configmaps));
    (void)request_list_options(q);
    uint64_t watch = send_to(&w, 0, q);
    uint64_t ids[60];
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        text_clear(&t);
        text_printf(
            &t,
            "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m-%02zu\"}}",
            i);
        ids[i] = send_to(&w, 0, create_of(RESOURCE_configmaps, "default", text_c(&t)));
        if (i == 20)
            sim_process_kill(w.sim, w.etcd_process[0]);
        world_run(&w, i < 25 ? 1 : 100);
    }
    world_run(&w, 65000);

    size_t created = 0;
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        const struct response *r = answer_to(&w, 0, ids[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(r);
        created += r->code == 201;
        CU_ASSERT_TRUE(r->code == 201 || r->code == 500 || r->code == 504);
        if (r->code == 201) {
            text_clear(&t);
            text_printf(&t, "m-%02zu", i);
            expect_ok(ask(&w, on_key(VERB_GET, RESOURCE_configmaps, "default", text_c(&t))), 200);
        }
    }
    CU_ASSERT_TRUE(created >= 40);
    const struct response *r = ask(&w, list_of(RESOURCE_configmaps, "default"));
    size_t stored = value_count(VALUE_GET(r->body, items));
    int64_t last = 0;
    for (size_t i = 0; i < stored;
         i++) { /* each stored object was told once, in the order of revisions */
        const struct watch_event *e = event_at(&w, watch, i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(e);
        CU_ASSERT_EQUAL(e->type, WATCH_ADDED);
        CU_ASSERT_TRUE(object_version(e->object) > last);
        last = object_version(e->object);
    }
    CU_ASSERT_PTR_NULL(event_at(&w, watch, stored));

    world_end(&w);
}

/* Without etcd: what the cache has is served, the rest times out after 60 s; the server recovers by
 * itself. */
static void test_etcd_away(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true, .members = 3});
    a_namespace(&w);
    for (size_t i = 0; i < 3; i++)
        sim_process_stop(w.sim, w.etcd_process[i], duration_s(1));
    world_run(&w, 3000);

    CU_ASSERT_FALSE(apiserver_is_ready(world_server(&w, 0)));
    struct request *q = list_of(RESOURCE_namespaces, NULL);
    q->list->resource_version = value_string(S("0"));
    const struct response *r = ask(&w, q);
    expect_ok(r, 200);
    CU_ASSERT_EQUAL(value_count(VALUE_GET(r->body, items)), 1);
    uint64_t get = send_to(&w, 0, on_key(VERB_GET, RESOURCE_namespaces, "", "default"));
    uint64_t put = send_to(&w, 0, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("a", "1")));
    world_run(&w, 59000);
    CU_ASSERT_PTR_NULL(answer_to(&w, 0, get));
    world_run(&w, 2000);
    const char *message =
        "Timeout: request did not complete within requested timeout - context deadline exceeded";
    expect_refusal(answer_to(&w, 0, get), 504, "Timeout", message);
    expect_refusal(answer_to(&w, 0, put), 504, "Timeout", message);
    for (size_t i = 0; i < 3; i++)
        sim_process_start(w.sim, w.etcd_process[i]);
    world_run(&w, 8000);
    CU_ASSERT_TRUE(apiserver_is_ready(world_server(&w, 0)));
    expect_ok(ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("b", "1"))), 201);
    world_run(&w, 50);
    q = list_of(RESOURCE_configmaps, "default");
    q->list->resource_version = value_string(S("0"));
    r = ask(&w, q);
    CU_ASSERT_TRUE(value_count(VALUE_GET(r->body, items)) >= 1);

    world_end(&w);
}

/* Goal: a server that has to list everything anew, since etcd has compacted what it missed, opens
 * no watch and serves no list meanwhile: a watch from before would never hear what happened in
 * between, a list might lack half of it. Method: the server is cut off while another one writes and
 * compacts; after the heal a client asks again every 200 us. */
static void test_caches_listed_anew(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true,
                                            .servers = 2,
                                            .flags = {.compaction_interval = duration_s(10)}});
    a_namespace(&w);
    ask(&w, create_of(RESOURCE_configmaps, "default", CONFIG_MAP("a", "1")));
    int64_t seen = apiserver_version(world_server(&w, 0));
    struct network_rule cut = {.from = {.processes = &w.server_process[0], .process_count = 1},
                               .to = {.processes = &w.etcd_process[0], .process_count = 1},
                               .both_ways = true,
                               .is_cut = true};
    network_rule_id rule = sim_network_rule_add(w.sim, &cut);
    for (int i = 0; i < 12; i++) {
        expect_ok(
            ask_server(&w, 1,
                       patch_of(RESOURCE_configmaps, "default", "a",
                                i % 2 ? "{\"data\":{\"a\":\"2\"}}" : "{\"data\":{\"a\":\"3\"}}")),
            200);
        world_run(&w, 10000);
    }
    sim_network_rule_remove(w.sim, rule);

    uint64_t watches[5000], lists[5000];
    for (size_t i = 0; i < ARRAY_COUNT(watches); i++) {
        struct request *q = request_new(VERB_WATCH, resource_get(RESOURCE_configmaps));
        request_list_options(q)->resource_version = value_printf("%" PRId64, seen);
        watches[i] = send_to(&w, 0, q);
        q = list_of(RESOURCE_configmaps, "default");
        q->list->resource_version = value_string(S("0"));
        lists[i] = send_to(&w, 0, q);
        sim_run_until(w.sim, instant_add(sim_now(w.sim), duration_us(200)));
    }
    world_run(&w, 10000);
    size_t refused = 0, expired = 0;
    for (size_t i = 0; i < ARRAY_COUNT(watches); i++) {
        const struct response *r = answer_to(&w, 0, lists[i]);
        CU_ASSERT_FATAL(r != NULL && answer_to(&w, 0, watches[i]) != NULL);
        CU_ASSERT(r->code == 429 || value_count(VALUE_GET(r->body, items)) == 1);
        bool is_open = answer_to(&w, 0, watches[i])->code == 200;
        const struct watch_event *first = is_open ? event_at(&w, watches[i], 0) : NULL;
        refused += !is_open;
        expired += first && first->type == WATCH_ERROR;
        /* One from before the heal ends with the others; what is asked later is too old. */
        CU_ASSERT(!is_open || (first && (first->type == WATCH_ERROR || first->type == WATCH_END)));
    }
    CU_ASSERT(refused > 0 && expired > 0);
    world_end(&w);
}

/* The same world twice gives the same history. */
static void test_determinism(void)
{
    uint64_t hashes[2];
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        world_start(&w, &(struct world_options){.servers = 2, .members = 3});
        ask(&w, create_of(RESOURCE_services, "default", SERVICE("s1", "\"type\":\"NodePort\",")));
        world_run(&w, 20000);
        hashes[i] = sim_trace_hash(w.sim);
        world_end(&w);
    }
    CU_ASSERT_EQUAL(hashes[0], hashes[1]);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"bootstrap", test_bootstrap},
        {"errors", test_errors},
        {"create a pod", test_create_pod},
        {"pod life", test_pod_life},
        {"finalizers", test_finalizers},
        {"concurrency", test_concurrency},
        {"lists", test_lists},
        {"watches", test_watches},
        {"quota race", test_quota_race},
        {"services", test_services},
        {"eviction", test_eviction},
        {"authorization", test_authorization},
        {"etcd failover", test_etcd_failover},
        {"etcd away", test_etcd_away},
        {"caches listed anew", test_caches_listed_anew},
        {"determinism", test_determinism},
        CU_TEST_INFO_NULL,
    };
    static CU_SuiteInfo suites[] = {{"apiserver", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
