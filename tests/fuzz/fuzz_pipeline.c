/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a request to a whole cluster of one node, as its administrator: read, authorized,
 * decoded, admitted, validated, stored through Raft, answered, watched. The input is that of
 * fuzz_http_request. No crash; each request is answered, with 2xx or 4xx, or with one of the few
 * 5xx that a real server has for what a client did.
 *
 * Mutations know the form: a value of the body becomes another JSON value, a member is doubled or
 * left out, a segment of the path another resource, an option is added.
 */
#define FUZZ_MUTATE mutate_request
#include "tests/fuzz/driver.h"

#include <stdio.h>

#include "cluster/api/status.h"
#include "cluster/apiserver/http/answer.h"
#include "cluster/apiserver/http/gateway.h"
#include "cluster/cluster.h"

#define REQUESTS_PER_CLUSTER 1500
#define EVENTS_MAX 200000 /* until an answer must be there */
#define JSON "\napplication/json\napplication/json\nfuzz/1\n"
#define NAMESPACED "/namespaces/default/"

static const char *const seeds[] = {
    "GET /api/v1" NAMESPACED "pods?limit=5&labelSelector=a%3Db\n"
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json\n\nkubectl/v1.36.2\n",
    "GET /api/v1/pods?watch=1&resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=5\n"
    "application/vnd.kubernetes.protobuf\n\n\n",
    "GET /api/v1/nodes?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&"
    "allowWatchBookmarks=true\napplication/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io\n\n\n",
    "GET /apis\napplication/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList\n\n\n",
    "GET /api/v1/nodes/node-0\napplication/yaml\n\n\n",
    "POST /api/v1" NAMESPACED "configmaps?fieldManager=x&fieldValidation=Strict" JSON
    "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"generateName\":\"a-\","
    "\"labels\":{\"a\":\"b\"}},\"data\":{\"a\":\"b\"},\"immutable\":false}",
    "POST /api/v1" NAMESPACED "pods" JSON
    "{\"metadata\":{\"generateName\":\"p-\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
    "\"nginx\",\"ports\":[{\"containerPort\":80}],\"resources\":{\"limits\":{\"cpu\":\"1\"}},"
    "\"env\":[{\"name\":\"A\",\"value\":\"b\"}],\"livenessProbe\":{\"httpGet\":{\"port\":80}}}],"
    "\"tolerations\":[{\"operator\":\"Exists\"}],\"restartPolicy\":\"Never\",\"volumes\":"
    "[{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}}]}}",
    "POST /apis/apps/v1" NAMESPACED "deployments?dryRun=All" JSON
    "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":{\"a\":"
    "\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":"
    "[{\"name\":\"c\",\"image\":\"i\"}]}},\"strategy\":{\"rollingUpdate\":{\"maxSurge\":\"25%\"}}}"
    "}",
    "POST /api/v1" NAMESPACED "services" JSON
    "{\"metadata\":{\"generateName\":\"s-\"},\"spec\":{\"type\":\"NodePort\",\"selector\":{\"a\":"
    "\"b\"},\"ports\":[{\"port\":80,\"targetPort\":\"http\",\"protocol\":\"TCP\"}]}}",
    "POST /apis/batch/v1" NAMESPACED "cronjobs" JSON
    "{\"metadata\":{\"name\":\"j\"},\"spec\":{\"schedule\":\"*/5 * * * "
    "*\",\"timeZone\":\"Etc/UTC\","
    "\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":"
    "[{\"name\":\"c\",\"image\":\"i\"}]}}}}}}",
    "POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions" JSON
    "{\"metadata\":{\"name\":\"as.x.io\"},\"spec\":{\"group\":\"x.io\",\"names\":{\"kind\":\"A\","
    "\"plural\":\"as\"},\"scope\":\"Namespaced\",\"versions\":[{\"name\":\"v1\",\"served\":true,"
    "\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{"
    "\"spec\":"
    "{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}}}}}]}}",
    "POST /apis/x.io/v1" NAMESPACED "as" JSON
    "{\"apiVersion\":\"x.io/v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"a\":1}}",
    "POST /apis/rbac.authorization.k8s.io/v1/clusterroles" JSON
    "{\"metadata\":{\"name\":\"r\"},\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],"
    "\"verbs\":[\"get\"]}]}",
    "POST /apis/authorization.k8s.io/v1/subjectaccessreviews" JSON
    "{\"spec\":{\"user\":\"a\",\"groups\":[\"g\"],\"resourceAttributes\":{\"verb\":\"get\","
    "\"resource\":\"pods\"}}}",
    "POST /api/v1" NAMESPACED "serviceaccounts/default/token" JSON
    "{\"spec\":{\"audiences\":[\"a\"],\"expirationSeconds\":3600}}",
    "POST /api/v1" NAMESPACED "pods/p/eviction" JSON
    "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"p\"}}",
    "POST /api/v1" NAMESPACED "pods/p/binding" JSON
    "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"p\"},\"target\":{"
    "\"kind\":"
    "\"Node\",\"name\":\"node-0\"}}",
    "PUT /api/v1/nodes/node-0\napplication/json\napplication/yaml\nx\n"
    "apiVersion: v1\nkind: Node\nmetadata: {name: node-0, labels: {a: b}}\nspec:\n  taints:\n"
    "  - {key: a, effect: NoSchedule}\n",
    "PUT /api/v1" NAMESPACED "configmaps/kube-root-ca.crt" JSON
    "{\"metadata\":{\"name\":\"kube-root-ca.crt\",\"resourceVersion\":\"1\"},\"data\":{}}",
    "PATCH /api/v1" NAMESPACED "configmaps/kube-root-ca.crt\n*/*\napplication/merge-patch+json\n\n"
    "{\"metadata\":{\"annotations\":{\"a\":\"b\"}},\"data\":{\"x\":null}}",
    "PATCH /api/v1/nodes/node-0\n*/*\napplication/strategic-merge-patch+json\n\n"
    "{\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":\"NoSchedule\",\"$patch\":\"delete\"}]},"
    "\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"x\"]}}",
    "PATCH /api/v1" NAMESPACED "configmaps/kube-root-ca.crt\n*/*\napplication/json-patch+json\n\n"
    "[{\"op\":\"add\",\"path\":\"/data/a~1b\",\"value\":\"c\"},{\"op\":\"move\",\"from\":\"/data/"
    "a~1b\","
    "\"path\":\"/data/c\"},{\"op\":\"test\",\"path\":\"/kind\",\"value\":\"ConfigMap\"}]",
    "PATCH /api/v1" NAMESPACED "configmaps/s?fieldManager=m&force=true\napplication/json\n"
    "application/apply-patch+yaml\n\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\n"
    "data: {a: b}\n",
    "PATCH /apis/apps/v1" NAMESPACED "deployments/d/scale\n*/*\napplication/merge-patch+json\n\n"
    "{\"spec\":{\"replicas\":3}}",
    "DELETE /api/v1" NAMESPACED "configmaps?labelSelector=a%3Db&propagationPolicy=Foreground" JSON
    "{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"x\"}}",
    "DELETE /api/v1" NAMESPACED "pods/p?gracePeriodSeconds=0\n\n\n\n",
    "POST /api/v1" NAMESPACED "configmaps\n\napplication/vnd.kubernetes.protobuf\n\n"
    "k8s\t\n\n\x0f\n\x02v1\x12\tConfigMap",
    "GET /api/v1" NAMESPACED "pods/p/log?container=c&tailLines=5&timestamps=true\n\n\n\n",
};

#ifndef LIBFUZZER

static void replace(struct text *input, size_t from, size_t to, struct str with)
{
    AUTO(text) struct text rest = {0};
    text_add(&rest, str_slice(text_str(input), to, input->size));
    input->size = from;
    text_add(input, with);
    text_add(input, text_str(&rest));
}

/* The end of the JSON value that begins here, as far as brackets and quotes tell. */
static size_t value_end(struct str s, size_t at)
{
    int depth = 0;
    bool is_in_string = false;
    for (; at < s.size; at++) {
        char c = s.bytes[at];
        if (is_in_string && c == '\\')
            at++;
        else if (c == '"')
            is_in_string = !is_in_string;
        else if (!is_in_string && (c == '{' || c == '['))
            depth++;
        else if (!is_in_string && (c == '}' || c == ']') && --depth < 0)
            return at;
        else if (!is_in_string && c == ',' && depth == 0)
            return at;
    }
    return s.size;
}

/* The place behind the n-th such byte, counted round; 0: there is none. */
static size_t place_behind(struct random_stream *random, struct str s, char byte, size_t from)
{
    size_t count = 0;
    for (size_t i = from; i < s.size; i++)
        count += s.bytes[i] == byte;
    if (count == 0)
        return 0;
    uint64_t wanted = random_below(random, count);
    for (size_t i = from; i < s.size; i++) {
        if (s.bytes[i] == byte && wanted-- == 0)
            return i + 1;
    }
    return 0;
}

#define ONE_OF(random, list) str_from((list)[random_below((random), ARRAY_COUNT(list))])

/* A JSON value of the body becomes another. */
static bool mutate_value(struct random_stream *random, struct text *input, size_t head)
{
    static const char *const values[] = {"null",        "true",
                                         "0",           "-1",
                                         "1e400",       "99999999999999999999",
                                         "0.5",         "\"\"",
                                         "[]",          "{}",
                                         "\"a\"",       "\"100m\"",
                                         "\"25%\"",     "\"2026-01-01T00:00:00Z\"",
                                         "\"node-0\"",  "[null]",
                                         "[{}]",        "{\"a\":\"b\"}",
                                         "\"\\ud800\"", "\"\\u0000\"",
                                         "\"a.b/c\"",   "2147483648"};
    size_t at = place_behind(random, text_str(input), ':', head);
    if (at)
        replace(input, at, value_end(text_str(input), at), ONE_OF(random, values));
    return at != 0;
}

/* A member or an item twice, or not at all. */
static bool mutate_member(struct random_stream *random, struct text *input, size_t head)
{
    size_t at = place_behind(random, text_str(input), ',', head);
    if (!at)
        return false;
    size_t end = value_end(text_str(input), at);
    AUTO(text) struct text again = {0};
    text_add(&again, str_slice(text_str(input), at - 1, end));
    if (random_below(random, 2))
        replace(input, at - 1, end, S(""));
    else
        replace(input, at - 1, at - 1, text_str(&again));
    return true;
}

/* Another segment of the path. */
static bool mutate_path(struct random_stream *random, struct text *input, size_t line)
{
    static const char *const segments[] = {
        "pods",        "nodes",        "services",
        "deployments", "status",       "scale",
        "default",     "kube-system",  "namespaces",
        "api",         "apis",         "v1",
        "apps",        "watch",        "",
        "..",          "%2F",          "node-0",
        "jobs",        "secrets",      "events",
        "leases",      "clusterroles", "horizontalpodautoscalers",
        "ingresses"};
    size_t at = place_behind(random, str_slice(text_str(input), 0, line), '/', 0), end = at;
    while (end < line && input->bytes[end] != '/' && input->bytes[end] != '?')
        end++;
    if (at)
        replace(input, at, end, ONE_OF(random, segments));
    return at != 0;
}

/* One option more. */
static bool mutate_options(struct random_stream *random, struct text *input, size_t line)
{
    static const char *const options[] = {"watch=1",
                                          "limit=1",
                                          "resourceVersion=0",
                                          "resourceVersion=1",
                                          "dryRun=All",
                                          "force=true",
                                          "fieldManager=f",
                                          "fieldValidation=Strict",
                                          "fieldSelector=metadata.name%3Da",
                                          "pretty=1",
                                          "labelSelector=a+in+(b)",
                                          "timeoutSeconds=1",
                                          "propagationPolicy=Orphan",
                                          "continue=e30"};
    AUTO(text) struct text option = {0};
    bool is_first = str_find(str_slice(text_str(input), 0, line), '?') == line;
    text_add_byte(&option, is_first ? '?' : '&');
    text_add(&option, ONE_OF(random, options));
    replace(input, line, line, text_str(&option));
    return true;
}

static bool mutate_request(struct random_stream *random, struct text *input)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    struct str s = text_str(input);
    size_t line = str_find(s, '\n'), head = line;
    for (int i = 0; i < 4 && head < s.size; i++)
        head += 1 + str_find(str_slice(s, head + 1, s.size), '\n');
    if (input->size > FUZZ_INPUT_MAX)
        return false;
    switch (random_below(random, 5)) {
    case 0:
        return mutate_value(random, input, head);
    case 1:
        return mutate_member(random, input, head);
    case 2:
        return mutate_path(random, input, line);
    case 3:
        return mutate_options(random, input, line);
    default:
        replace(input, 0, str_find(s, ' '), ONE_OF(random, methods));
        return true;
    }
}

#endif

static struct cluster *cluster;
static process_id gateway;
static uint64_t requests;
static struct expectation {
    uint64_t id;
    struct answer_shape *shape;
    int code; /* -1: no answer yet */
    bool is_watch, is_path;
} expected;

/* What a real server has 500, 503 and 504 for when a client asks for it. */
static void check_answer(const struct response *r)
{
    static const char *const reasons[] = {
        "resourceVersion should not be set on objects to be created",
        "Timeout: Too large resource version",
        "Too large resource version",
        "strconv.ParseUint",
        "invalid resource version",
        "failed to create typed patch object",
        "Internal error occurred",
        "error dialing backend",
        "no endpoints available",
        "container",
    };
    if (r->code < 500)
        return;
    struct str message = VALUE_STR(r->body, message);
    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++) {
        struct str reason = str_from(reasons[i]);
        for (size_t j = 0; j + reason.size <= message.size; j++)
            if (str_equal(str_slice(message, j, j + reason.size), reason))
                return;
    }
    fprintf(stderr, "answered %d: %.*s\n", r->code, STR_ARG(message));
    CHECK(r->code < 500);
}

static void on_response(void *owner, uint64_t id, const struct response *r)
{
    (void)owner;
    if (id != expected.id)
        return;
    AUTO(text) struct text out = {0};
    expected.code = r->code;
    CHECK(r->code == 0 || r->code == 101 || (r->code >= 200 && r->code < 600));
    expected.is_watch = r->code == 200 && !value_is_present(r->body);
    answer_shape_set_kind(expected.shape, r->kind);
    if (!value_is_present(r->body) || (expected.is_path && r->code == 200))
        return; /* of a path: what the edge makes its document with */
    check_answer(r);
    (void)answer_body(expected.shape, r->body, sim_wall(cluster_sim(cluster)), &out);
    CHECK(out.size > 0);
}

static void on_event(void *owner, uint64_t id, const struct watch_event *e)
{
    (void)owner;
    AUTO(text) struct text out = {0};
    if (id == expected.id && e->type != WATCH_END)
        answer_watch_event(expected.shape, e, sim_wall(cluster_sim(cluster)), &out);
}

static void on_bytes(void *owner, uint64_t id, const struct channel_bytes *b)
{
    (void)owner;
    (void)id;
    (void)b;
}

static void cluster_renew(void)
{
    static const struct gateway_sink sink = {on_response, on_event, on_bytes};
    static struct gateway_config config;
    const struct cluster_node nodes[] = {{.name = S("node-0")}};
    struct errmsg message = {{0}};
    cluster_free(cluster);
    cluster = cluster_new(&(struct cluster_options){.seed = 1,
                                                    .is_served = true,
                                                    .tracks_fields = true,
                                                    .start = {INT64_C(1790000000000000000)},
                                                    .nodes = nodes,
                                                    .node_count = 1},
                          &message);
    CHECK(cluster);
    struct sim *sim = cluster_sim(cluster);
    config = (struct gateway_config){sim_address(sim, S(CLUSTER_API_ADDRESS)), &sink, NULL};
    gateway = gateway_add(sim, cluster_outside(cluster), S(GATEWAY_NAME), &config);
    sim_run_until(sim, instant_add(sim_now(sim), duration_s(40)));
}

static void exchange_one(struct request *own_request)
{
    static const struct str masters[] = {{"system:masters", 14}};
    struct sim *sim = cluster_sim(cluster);
    expected.is_path = !own_request->resource;
    own_request->credential = credential_certificate(S("fuzz"), masters, 1);
    gateway_send(sim, gateway, requests, expected.id, own_request);
    for (int i = 0; expected.code < 0 && i < EVENTS_MAX; i++)
        CHECK(sim_run_one(sim));
    CHECK(expected.code >= 0);
    for (int i = 0; expected.is_watch && !expected.is_path && i < 200; i++)
        CHECK(sim_run_one(sim));
    gateway_cancel(sim, gateway, requests, expected.id);
    gateway_close(sim, gateway, requests);
    for (int i = 0; i < 20; i++)
        CHECK(sim_run_one(sim));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str target, line = str_cut(rest, '\n', &rest);
    struct http_request h = {.method = str_cut(line, ' ', &target)};
    h.target = target;
    h.accept = str_cut(rest, '\n', &rest);
    h.content_type = str_cut(rest, '\n', &rest);
    h.user_agent = str_cut(rest, '\n', &rest);
    h.body = rest;
    if (requests++ % REQUESTS_PER_CLUSTER == 0)
        cluster_renew();
    struct arena arena = {0};
    struct protobuf_writer *writer = protobuf_writer_new();
    struct reading r;
    http_read(&h, &arena, &r);
    struct answer_shape shape = answer_shape_of(&r, writer);
    if (!r.is_malformed) {
        reading_defer(&h, &r);
        expected = (struct expectation){.id = requests, .shape = &shape, .code = -1};
        struct request *q = r.request;
        r.request = NULL;
        exchange_one(q);
        expected = (struct expectation){0};
    }
    reading_release(&r);
    answer_shape_release(&shape);
    arena_release(&arena);
    protobuf_writer_free(writer);
    return 0;
}

FUZZ_MAIN(seeds)
