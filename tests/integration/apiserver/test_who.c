/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may do what, from the attacker's side: tokens forged, tampered with, expired, meant for
 * others or outliving what they were bound to; nodes that ask for what other nodes' pods use;
 * certificates out of their time; acting as others; requests that are malformed and forbidden.
 *
 * Each story makes what it needs as the administrator, then tries as somebody else.
 */
#include "sim/base/base.h"

#include "tests/integration/apiserver/world.h"

#include "cluster/api/status.h"
#include "cluster/api/yaml.h"
#include "cluster/keys/keys.h"
#include "sim/base/base64.h"

/* Made with OpenSSL: O=dev, O=ops, CN=alice; O=system:masters, CN=eve. */
#define REQUEST_ALICE                                                                              \
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlJQkZUQ0J1d0lCQURBc01Rd3dDZ1lE"             \
    "VlFRS0RBTmtaWFl4RERBS0JnTlZCQW9NQTI5d2N6RU9NQXdHQTFVRQpBd3dGWVd4cFkyVXdXVEFUQmdj"             \
    "cWhrak9QUUlCQmdncWhrak9QUU1CQndOQ0FBU0hoV0RjT3g0a3lPa1AxTWpmCnhZbG93UTNtei92RjFQ"             \
    "MWFGR3hhemFJeFU0SG93RnVVWXkxaU04aXlKdWRyZDlCS0tYeExXNytDdUNMeUNEdnIKS3pGZm9DMHdL"             \
    "d1lKS29aSWh2Y05BUWtPTVI0d0hEQWFCZ05WSFJFRUV6QVJnZ2xoTG1WNFlXMXdiR1dIQkFvQQpBQUV3"             \
    "Q2dZSUtvWkl6ajBFQXdJRFNRQXdSZ0loQUs1ZHpNdEZvUUczdW5QU1U1dmVTQzNLdUlPQVh5Wmtub2M1"             \
    "CjlPeWdvemVGQWlFQXJVMmNYQ2YwcWYrcnZjZzFQQ2tsaGdhTVN2eE1qT2xkaFVXVkhSSXpZcms9Ci0t"             \
    "LS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo="
#define REQUEST_MASTER                                                                             \
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIaE1JR0pBZ0VBTUNjeEZ6QVZCZ05W"             \
    "QkFvTURuTjVjM1JsYlRwdFlYTjBaWEp6TVF3d0NnWURWUVFEREFObApkbVV3V1RBVEJnY3Foa2pPUFFJ"             \
    "QkJnZ3Foa2pPUFFNQkJ3TkNBQVQ1cGgyZ1lSZTZpWjU1bmU4VDRCaGlaVFpQCmxLTlVXR21waHJWc0Yx"             \
    "Q01ZUFZSOTdtK3k0Nmt0cXEyalFBMmpWSXVsb3pXb3h5SzdnUXRTSHQ3cnVlTW9BQXcKQ2dZSUtvWkl6"             \
    "ajBFQXdJRFJ3QXdSQUlnUXYrYUJpNE9yZmttK25VaDB1RTJXT3RGVTZON3Bza0UvdTZvdkttQgovd3ND"             \
    "SUdJVjdkQWN4NFJUcmFiYW1OZlQwOVJuSTdVbjRqcGIyQTA2RE1oMFZ4dzMKLS0tLS1FTkQgQ0VSVElG"             \
    "SUNBVEUgUkVRVUVTVC0tLS0tCg=="

static struct value yaml(const char *text)
{
    struct value v = VALUE_ABSENT;
    struct errmsg m;
    CU_ASSERT_EQUAL_FATAL(yaml_parse_one(str_from(text), &v, &m), ERR_OK);
    return v;
}

static struct request *make(enum resource_known resource, const char *namespace, const char *text)
{
    struct request *r = request_new(VERB_CREATE, resource_get(resource));
    r->body = yaml(text);
    if (namespace)
        r->namespace = value_string(str_from(namespace));
    return r;
}

static void create(struct world *w, enum resource_known resource, const char *namespace,
                   const char *text)
{
    expect_ok(ask(w, make(resource, namespace, text)), 201);
}

static void account(struct world *w, const char *name)
{
    AUTO(text) struct text t = {0};
    text_printf(&t, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: %s}}", name);
    create(w, RESOURCE_serviceaccounts, "default", text_c(&t));
}

/* A pod bound to a node, with one volume from a secret of its own name. */
static void pod_on(struct world *w, const char *name, const char *node, const char *more)
{
    AUTO(text) struct text t = {0};
    text_printf(&t,
                "{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {nodeName: %s, "
                "containers: [{name: c, image: nginx}], volumes: [{name: s, secret: {secretName: "
                "%s}}]%s}}",
                name, node, name, more);
    create(w, RESOURCE_pods, "default", text_c(&t));
    world_run(w, 50);
}

/* A token request; `spec` in YAML. */
static const struct response *token(struct world *w, const char *name, const char *spec)
{
    AUTO(text) struct text t = {0};
    struct request *r = on_key(VERB_CREATE, RESOURCE_serviceaccounts, "default", name);
    r->subresource = SUBRESOURCE_TOKEN;
    text_printf(&t, "{apiVersion: authentication.k8s.io/v1, kind: TokenRequest, spec: %s}", spec);
    r->body = yaml(text_c(&t));
    return ask(w, r);
}

static const struct credential *token_of(const struct response *r)
{
    expect_ok(r, 201);
    return credential_token(VALUE_STR(r->body, status, token));
}

static const struct response *who_am_i(struct world *w, const struct credential *who)
{
    w->who = who;
    const struct response *r =
        ask(w, make(RESOURCE_selfsubjectreviews, NULL,
                    "{apiVersion: authentication.k8s.io/v1, kind: SelfSubjectReview}"));
    w->who = NULL;
    return r;
}

static void expect_nobody(struct world *w, const struct credential *who)
{
    expect_refusal(who_am_i(w, who), 401, "Unauthorized", "Unauthorized");
}

/* The error of a TokenReview; empty: authenticated. */
static void expect_review(struct world *w, struct str token, const char *audiences,
                          const char *error)
{
    struct request *r = make(RESOURCE_tokenreviews, NULL,
                             "{apiVersion: authentication.k8s.io/v1, kind: TokenReview, spec: {}}");
    r->body = VALUE_SET(r->body, value_string(token), spec, token);
    if (audiences)
        r->body = VALUE_SET(r->body, yaml(audiences), spec, audiences);
    const struct response *a = ask(w, r);
    expect_ok(a, 201);
    CU_ASSERT_EQUAL(VALUE_BOOL_AT(a->body, status, authenticated), error[0] == 0);
    AUTO(text) struct text got = {0};
    text_add(&got, VALUE_STR(a->body, status, error));
    CU_ASSERT_STRING_EQUAL(text_c(&got), error);
}

/* ---- tokens ---- */

/* A token says who one is, until it runs out (a minute later, by the leeway of the check). */
static void test_token_life(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    account(&w, "robot");
    const struct credential *t = token_of(token(&w, "robot", "{expirationSeconds: 600}"));

    const struct response *r = who_am_i(&w, t);

    struct value user = VALUE_GET(r->body, status, userInfo);
    CU_ASSERT(VALUE_IS(user, "system:serviceaccount:default:robot", username));
    CU_ASSERT_EQUAL(value_count(VALUE_GET(user, groups)), 3);
    CU_ASSERT(VALUE_STR(user, uid).size > 0);
    CU_ASSERT_EQUAL(value_count(VALUE_GET(user, extra)), 1);
    world_run(&w, 655 * 1000);
    expect_ok(who_am_i(&w, t), 201);
    world_run(&w, 20 * 1000);
    expect_nobody(&w, t);
    expect_review(&w, t->token, NULL, "[invalid bearer token, service account token has expired]");
    credential_unref(t);
    world_end(&w);
}

/* What is asked of a token must make sense. */
static void test_token_requests(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    account(&w, "robot");
    account(&w, "default");
    create(&w, RESOURCE_secrets, "default", "{apiVersion: v1, kind: Secret, metadata: {name: s}}");
    pod_on(&w, "web", "n1", "");
    expect_refusal(token(&w, "robot", "{expirationSeconds: 599}"), 422, "Invalid",
                   "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: "
                   "Invalid value: 599: may not specify a duration less than 10 minutes");
    expect_refusal(token(&w, "robot", "{expirationSeconds: 4294967297}"), 422, "Invalid",
                   "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: "
                   "Invalid value: 4294967297: may not specify a duration larger than 2^32 "
                   "seconds");
    expect_refusal(token(&w, "nobody", "{}"), 404, "NotFound",
                   "serviceaccounts \"nobody\" not found");
    expect_refusal(token(&w, "robot", "{boundObjectRef: {apiVersion: v1, kind: Pod, name: web}}"),
                   400, "BadRequest",
                   "cannot bind token for serviceaccount \"robot\" to pod running with different "
                   "serviceaccount name.");
    expect_refusal(
        token(&w, "default", "{boundObjectRef: {apiVersion: v1, kind: Pod, name: web, uid: x}}"),
        409, "Conflict",
        "Operation cannot be fulfilled on Pod \"web\": the UID in the bound object reference (x) "
        "does not match the UID in record. The object might have been deleted and then "
        "recreated");
    expect_refusal(token(&w, "robot", "{boundObjectRef: {apiVersion: v1, kind: Pod, name: gone}}"),
                   404, "NotFound", "pods \"gone\" not found");
    expect_refusal(
        token(&w, "robot", "{boundObjectRef: {apiVersion: apps/v1, kind: Deployment, name: x}}"),
        400, "BadRequest", "cannot bind token to object of type apps/v1, Kind=Deployment");
    expect_ok(token(&w, "robot", "{boundObjectRef: {apiVersion: v1, kind: Secret, name: s}}"), 201);
    world_end(&w);
}

static void payload_of(struct str token, struct text *out)
{
    struct str rest, header = str_cut(token, '.', &rest);
    (void)header;
    CU_ASSERT(base64url_decode(str_cut(rest, '.', &rest), out));
}

static void expect_forged(struct world *w, const struct text *token)
{
    const struct credential *c = credential_token(text_str(token));
    expect_nobody(w, c);
    credential_unref(c);
}

/* One that signs with a key of its own, one that says it needs no signature, one that changes a
 * claim, each bit of a signature. */
static void test_forgeries(void)
{
    struct world w;
    struct secret other;
    world_start(&w, &(struct world_options){0});
    account(&w, "robot");
    const struct credential *good = token_of(token(&w, "robot", "{}"));
    AUTO(text) struct text payload = {0};
    payload_of(good->token, &payload);

    secret_of_seed(1, &other);
    struct keys *keys = keys_new(&other);
    AUTO(text) struct text forged = {0};
    keys_sign_token(keys, text_str(&payload), &forged);
    expect_forged(&w, &forged);
    expect_review(&w, text_str(&forged), NULL,
                  "[invalid bearer token, invalid signature, no keys found]");
    keys_free(keys);

    static const char *const headers[] = {"{\"alg\":\"none\"}", "{\"alg\":\"HS256\"}",
                                          "{\"alg\":\"ES256\",\"kid\":\"\"}", "{}", ""};
    for (size_t i = 0; i < ARRAY_COUNT(headers); i++) {
        AUTO(text) struct text t = {0};
        base64url_add((const uint8_t *)headers[i], strlen(headers[i]), &t);
        text_add_byte(&t, '.');
        base64url_add((const uint8_t *)payload.bytes, payload.size, &t);
        text_add_byte(&t, '.');
        expect_forged(&w, &t);
    }
    struct str rest, header = str_cut(good->token, '.', &rest);
    struct str signature, claims = str_cut(rest, '.', &signature);
    (void)claims;
    for (size_t i = 0; i < signature.size; i += 7) {
        AUTO(text) struct text t = {0};
        text_add(&t, good->token);
        size_t at = (size_t)(signature.bytes - good->token.bytes) + i;
        t.bytes[at] = t.bytes[at] == 'A' ? 'B' : 'A';
        expect_forged(&w, &t);
    }
    AUTO(text) struct text changed = {0};
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < payload.size; i++) {
        if (str_starts_with(str_slice(text_str(&payload), i, payload.size), S("robot"))) {
            text_add(&changed, S("admin"));
            i += 4;
        } else {
            text_add_byte(&changed, payload.bytes[i]);
        }
    }
    text_add(&t, header);
    text_add_byte(&t, '.');
    base64url_add((const uint8_t *)changed.bytes, changed.size, &t);
    text_add_byte(&t, '.');
    text_add(&t, signature);
    expect_forged(&w, &t);
    expect_review(&w, text_str(&t), NULL,
                  "[invalid bearer token, go-jose/go-jose: error in cryptographic primitive]");
    expect_ok(who_am_i(&w, good), 201);
    credential_unref(good);
    world_end(&w);
}

/* A token for somebody else is none for the API server. */
static void test_audiences(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    account(&w, "robot");
    const struct credential *t = token_of(token(&w, "robot", "{audiences: [vault, x]}"));
    expect_nobody(&w, t);
    expect_review(&w, t->token, NULL,
                  "[invalid bearer token, token audiences [\"vault\" \"x\"] is invalid for the "
                  "target audiences [\"https://kubernetes.default.svc\"]]");
    expect_review(&w, t->token, "[other, vault]", "");
    expect_review(&w, S("nonsense"), NULL, "invalid bearer token");
    credential_unref(t);
    world_end(&w);
}

static void delete_now(struct world *w, enum resource_known resource, const char *name)
{
    struct request *r = on_key(VERB_DELETE, resource, "default", name);
    request_delete_options(r)->grace_period_seconds = 0;
    expect_ok(ask(w, r), 200);
}

/* With its pod, its secret or its account a token dies: at the latest after the 10 s for which a
 * server believes what it found out. One for a new account of the same name is not the old one's.
 */
static void test_bound_tokens(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    account(&w, "default");
    account(&w, "robot");
    create(&w, RESOURCE_secrets, "default", "{apiVersion: v1, kind: Secret, metadata: {name: s}}");
    create(&w, RESOURCE_nodes, NULL, "{apiVersion: v1, kind: Node, metadata: {name: n1}}");
    pod_on(&w, "web", "n1", "");
    const struct credential *of_pod = token_of(
        token(&w, "default",
              "{expirationSeconds: 3607, boundObjectRef: {apiVersion: v1, kind: Pod, name: web}}"));
    const struct credential *of_secret =
        token_of(token(&w, "robot", "{boundObjectRef: {apiVersion: v1, kind: Secret, name: s}}"));
    const struct credential *of_node =
        token_of(token(&w, "robot", "{boundObjectRef: {apiVersion: v1, kind: Node, name: n1}}"));
    const struct credential *plain = token_of(token(&w, "robot", "{}"));

    const struct response *r = who_am_i(&w, of_pod);
    struct value extra = VALUE_GET(r->body, status, userInfo, extra);
    struct value pod = value_get_key(extra, S("authentication.kubernetes.io/pod-name"));
    struct value node = value_get_key(extra, S("authentication.kubernetes.io/node-name"));
    CU_ASSERT(value_is(value_at(pod, 0), "web"));
    CU_ASSERT(value_is(value_at(node, 0), "n1"));
    CU_ASSERT_EQUAL(value_count(extra), 5);
    expect_ok(who_am_i(&w, of_secret), 201);
    expect_ok(who_am_i(&w, of_node), 201);

    delete_now(&w, RESOURCE_pods, "web");
    delete_now(&w, RESOURCE_secrets, "s");
    expect_ok(ask(&w, on_key(VERB_DELETE, RESOURCE_nodes, "", "n1")), 200);
    world_run(&w, 11 * 1000);
    expect_nobody(&w, of_pod);
    expect_nobody(&w, of_secret);
    expect_nobody(&w, of_node);
    expect_review(&w, of_pod->token, NULL,
                  "[invalid bearer token, service account token has been invalidated]");
    expect_ok(who_am_i(&w, plain), 201);

    delete_now(&w, RESOURCE_serviceaccounts, "robot");
    world_run(&w, 11 * 1000);
    expect_nobody(&w, plain);
    account(&w, "robot");
    world_run(&w, 100);
    expect_nobody(&w, plain);
    credential_unref(of_pod);
    credential_unref(of_secret);
    credential_unref(of_node);
    credential_unref(plain);
    world_end(&w);
}

/* The token of a pod's volume is good for a year, though it says an hour. */
static void test_extended_token(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    account(&w, "default");
    pod_on(&w, "web", "n1", "");
    const struct response *r =
        token(&w, "default",
              "{expirationSeconds: 3607, boundObjectRef: {apiVersion: v1, kind: Pod, name: web}}");
    const struct credential *t = token_of(r);
    AUTO(text) struct text payload = {0};
    payload_of(t->token, &payload);
    AUTO(value) struct value claims = parse(text_c(&payload));
    int64_t exp = value_as_integer(value_get_key(claims, S("exp")), 0),
            iat = value_as_integer(value_get_key(claims, S("iat")), 0);
    struct value own = value_get_key(claims, S("kubernetes.io"));
    CU_ASSERT_EQUAL(exp - iat, 365 * 24 * 3600);
    CU_ASSERT_EQUAL(value_as_integer(value_get_key(own, S("warnafter")), 0) - iat, 3607);
    CU_ASSERT_EQUAL(VALUE_INT(r->body, 0, spec, expirationSeconds), 3607);
    world_run(&w, 2 * 3600 * 1000);
    expect_ok(who_am_i(&w, t), 201);
    credential_unref(t);
    world_end(&w);
}

/* ---- certificates ---- */

/* A certificate is good in its time by the cluster's clock, also on a connection that was opened
 * before its end. */
static void test_certificate_times(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    int64_t now_s = sim_wall(w.sim).unix_ns / 1000000000;
    struct credential facts = {
        .kind = CREDENTIAL_CERTIFICATE, .user = S("alice"), .id = S("X509SHA256=00")};
    facts.not_before_s = now_s - 10;
    facts.not_after_s = now_s + 60;
    const struct credential *now = credential_copy(&facts);
    facts.not_before_s = now_s + 3600;
    facts.not_after_s = now_s + 7200;
    const struct credential *later = credential_copy(&facts);

    const struct response *r = who_am_i(&w, now);
    struct value extra = VALUE_GET(r->body, status, userInfo, extra);
    struct value id = value_get_key(extra, S("authentication.kubernetes.io/credential-id"));
    CU_ASSERT(value_is(value_at(id, 0), "X509SHA256=00"));
    expect_nobody(&w, later);
    world_run(&w, 61 * 1000);
    expect_nobody(&w, now);
    world_run(&w, 3600 * 1000);
    expect_ok(who_am_i(&w, later), 201);
    credential_unref(now);
    credential_unref(later);
    world_end(&w);
}

/* ---- nodes ---- */

static void read_secret(struct world *w, const char *name, bool may)
{
    const struct response *r = ask(w, on_key(VERB_GET, RESOURCE_secrets, "default", name));
    AUTO(text) struct text message = {0};
    text_printf(&message,
                "secrets \"%s\" is forbidden: User \"system:node:n1\" cannot get resource "
                "\"secrets\" in API group \"\" in the namespace \"default\": no relationship found "
                "between node 'n1' and this object",
                name);
    if (may)
        expect_ok(r, 200);
    else
        expect_refusal(r, 403, "Forbidden", text_c(&message));
}

/* A node reads what its pods name, and gets tokens for its pods alone. */
static void test_node(void)
{
    static const char *const secrets[] = {"mine", "theirs", "env", "pull", "free"};
    struct world w;
    struct str nodes = S("system:nodes");
    const struct credential *n1 = credential_certificate(S("system:node:n1"), &nodes, 1);
    world_start(&w, &(struct world_options){0});
    account(&w, "default");
    for (size_t i = 0; i < ARRAY_COUNT(secrets); i++) {
        AUTO(text) struct text t = {0};
        text_printf(&t, "{apiVersion: v1, kind: Secret, metadata: {name: %s}}", secrets[i]);
        create(&w, RESOURCE_secrets, "default", text_c(&t));
    }
    pod_on(&w, "mine", "n1", ", imagePullSecrets: [{name: pull}]");
    pod_on(&w, "theirs", "n2", "");
    create(&w, RESOURCE_pods, "default",
           "{apiVersion: v1, kind: Pod, metadata: {name: env}, spec: {nodeName: n1, containers: "
           "[{name: c, image: i, env: [{name: A, valueFrom: {secretKeyRef: {name: env, key: k}}}]}]"
           "}}");
    world_run(&w, 100);
    struct value mine = VALUE_ABSENT;

    w.who = n1;
    read_secret(&w, "mine", true);
    read_secret(&w, "env", true);
    read_secret(&w, "pull", true);
    read_secret(&w, "theirs", false);
    read_secret(&w, "free", false);
    expect_ok(ask(&w, on_key(VERB_GET, RESOURCE_pods, "default", "mine")), 200);
    CU_ASSERT_EQUAL(ask(&w, on_key(VERB_GET, RESOURCE_pods, "default", "theirs"))->code, 403);
    expect_refusal(token(&w, "default", "{}"), 403, "Forbidden",
                   "serviceaccounts \"default\" is forbidden: node requested token not bound to a "
                   "pod");
    mine = ask(&w, on_key(VERB_GET, RESOURCE_pods, "default", "mine"))->body;
    AUTO(text) struct text spec = {0};
    text_printf(&spec,
                "{audiences: [evil], boundObjectRef: {apiVersion: v1, kind: Pod, name: mine, uid: "
                "%.*s}}",
                STR_ARG(VALUE_STR(mine, metadata, uid)));
    expect_refusal(token(&w, "default", text_c(&spec)), 403, "Forbidden",
                   "serviceaccounts \"default\" is forbidden: audience \"evil\" not found in pod "
                   "spec volume, system:node:n1 is not authorized to request tokens for this "
                   "audience");
    text_clear(&spec);
    text_printf(&spec, "{boundObjectRef: {apiVersion: v1, kind: Pod, name: mine, uid: %.*s}}",
                STR_ARG(VALUE_STR(mine, metadata, uid)));
    expect_ok(token(&w, "default", text_c(&spec)), 201);
    w.who = NULL;
    const struct response *theirs = ask(&w, on_key(VERB_GET, RESOURCE_pods, "default", "theirs"));
    text_clear(&spec);
    text_printf(&spec, "{boundObjectRef: {apiVersion: v1, kind: Pod, name: theirs, uid: %.*s}}",
                STR_ARG(VALUE_STR(theirs->body, metadata, uid)));
    w.who = n1;
    expect_refusal(token(&w, "default", text_c(&spec)), 403, "Forbidden",
                   "serviceaccounts \"default\" is forbidden: node requested token bound to a pod "
                   "scheduled on a different node");
    w.who = NULL;
    delete_now(&w, RESOURCE_pods, "mine");
    world_run(&w, 100);
    w.who = n1;
    read_secret(&w, "mine", false);
    w.who = NULL;
    credential_unref(n1);
    world_end(&w);
}

/* What a node may not write. */
static void test_node_restriction(void)
{
    static const struct {
        enum resource_known resource;
        const char *namespace, *text, *why;
    } rows[] = {
        {RESOURCE_pods, "default",
         "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {nodeName: n1, containers: "
         "[{name: "
         "c, image: i}]}}",
         "pods \"p\" is forbidden: pod does not have \"kubernetes.io/config.mirror\" annotation, "
         "node \"n1\" can only create mirror pods"},
        {RESOURCE_nodes, NULL,
         "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: "
         "{node-restriction.kubernetes.io/secure: a, node.kubernetes.io/mine: a, "
         "node-role.kubernetes.io/master: x, my.io/x: a}}}",
         "nodes \"n1\" is forbidden: node \"n1\" is not allowed to set the following labels: "
         "node-restriction.kubernetes.io/secure, node-role.kubernetes.io/master"},
        {RESOURCE_nodes, NULL, "{apiVersion: v1, kind: Node, metadata: {name: n2}}",
         "nodes \"n2\" is forbidden: node \"n1\" is not allowed to modify node \"n2\""},
        {RESOURCE_leases, "kube-node-lease",
         "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: n2}, spec: {}}",
         "leases.coordination.k8s.io \"n2\" is forbidden: can only access node lease with the same "
         "name as the requesting node"},
    };
    struct world w;
    struct str nodes = S("system:nodes");
    const struct credential *n1 = credential_certificate(S("system:node:n1"), &nodes, 1);
    world_start(&w, &(struct world_options){0});
    account(&w, "default");
    w.who = n1;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        expect_refusal(ask(&w, make(rows[i].resource, rows[i].namespace, rows[i].text)), 403,
                       "Forbidden", rows[i].why);
    expect_ok(ask(&w, make(RESOURCE_nodes, NULL,
                           "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: "
                           "{kubernetes.io/hostname: n1}}}")),
              201);
    expect_refusal(ask(&w, patch_of(RESOURCE_nodes, "", "n1",
                                    "{\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":"
                                    "\"NoSchedule\"}]}}")),
                   403, "Forbidden",
                   "nodes \"n1\" is forbidden: node \"n1\" is not allowed to modify taints");
    w.who = NULL;
    credential_unref(n1);
    world_end(&w);
}

/* ---- certificate requests ---- */

static void grant(struct world *w, const char *name, const char *rules)
{
    AUTO(text) struct text t = {0};
    text_printf(&t,
                "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: "
                "%s}, rules: %s}",
                name, rules);
    create(w, RESOURCE_clusterroles, NULL, text_c(&t));
    text_clear(&t);
    text_printf(&t,
                "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: "
                "{name: %s}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, "
                "name: %s}, subjects: [{kind: User, name: %s}]}",
                name, name, name);
    create(w, RESOURCE_clusterrolebindings, NULL, text_c(&t));
    world_run(w, 100);
}

static struct request *signing_request(const char *name, const char *request, const char *signer)
{
    AUTO(text) struct text t = {0};
    text_printf(&t,
                "{apiVersion: certificates.k8s.io/v1, kind: CertificateSigningRequest, metadata: "
                "{name: %s}, spec: {request: %s, signerName: %s, usages: [client auth], username: "
                "kubernetes-admin, groups: [\"system:masters\"]}, status: {conditions: [{type: "
                "Approved, status: \"True\"}]}}",
                name, request, signer);
    return make(RESOURCE_certificatesigningrequests, NULL, text_c(&t));
}

static const struct response *change(struct world *w, enum subresource subresource,
                                     const char *json)
{
    struct request *r = patch_of(RESOURCE_certificatesigningrequests, "", "alice", json);
    r->subresource = subresource;
    return ask(w, r);
}

/* Nobody says that somebody else asks, approves or signs without the right to, or becomes an
 * administrator by a certificate. */
static void test_signing_requests(void)
{
    static const char approved[] = "{\"status\":{\"conditions\":[{\"type\":\"Approved\","
                                   "\"status\":\"True\",\"reason\":\"x\"}]}}";
    static const char both[] = "{\"status\":{\"conditions\":[{\"type\":\"Approved\",\"status\":"
                               "\"True\",\"reason\":\"x\"},{\"type\":\"Denied\",\"status\":"
                               "\"True\",\"reason\":\"y\"}]}}";
    struct world w;
    world_start(&w, &(struct world_options){0});
    const struct credential *mallory = credential_certificate(S("mallory"), NULL, 0);
    grant(
        &w, "mallory",
        "[{apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests, "
        "certificatesigningrequests/approval, certificatesigningrequests/status], verbs: [create, "
        "get, update, patch]}]");
    w.who = mallory;
    const struct response *r =
        ask(&w, signing_request("alice", REQUEST_ALICE, "kubernetes.io/kube-apiserver-client"));
    expect_ok(r, 201);
    CU_ASSERT(VALUE_IS(r->body, "mallory", spec, username));
    CU_ASSERT_EQUAL(value_count(VALUE_GET(r->body, spec, groups)), 1);
    CU_ASSERT_EQUAL(value_count(VALUE_GET(r->body, status, conditions)), 0);
    expect_refusal(
        ask(&w, signing_request("eve", REQUEST_MASTER, "kubernetes.io/kube-apiserver-client")), 403,
        "Forbidden",
        "certificatesigningrequests.certificates.k8s.io \"eve\" is forbidden: use of "
        "kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed");
    expect_refusal(
        change(&w, SUBRESOURCE_APPROVAL, approved), 403, "Forbidden",
        "certificatesigningrequests.certificates.k8s.io \"alice\" is forbidden: user not "
        "permitted to approve requests with signerName "
        "\"kubernetes.io/kube-apiserver-client\"");
    expect_refusal(
        change(&w, SUBRESOURCE_STATUS,
               "{\"status\":{\"certificate\":\"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==\"}}"),
        403, "Forbidden",
        "certificatesigningrequests.certificates.k8s.io \"alice\" is forbidden: user not "
        "permitted to sign requests with signerName "
        "\"kubernetes.io/kube-apiserver-client\"");
    /* What is not the endpoint's is left as it is. */
    r = change(&w, SUBRESOURCE_NONE,
               "{\"spec\":{\"signerName\":\"a.b/c\"},\"status\":{\"certificate\":\"eA==\"}}");
    expect_ok(r, 200);
    CU_ASSERT(VALUE_IS(r->body, "kubernetes.io/kube-apiserver-client", spec, signerName));
    CU_ASSERT_FALSE(value_is_present(VALUE_GET(r->body, status, certificate)));
    w.who = NULL;
    CU_ASSERT_EQUAL(change(&w, SUBRESOURCE_STATUS, approved)->code, 422);
    CU_ASSERT_EQUAL(change(&w, SUBRESOURCE_APPROVAL, both)->code, 422);
    r = change(&w, SUBRESOURCE_APPROVAL, approved);
    expect_ok(r, 200);
    struct value condition = value_at(VALUE_GET(r->body, status, conditions), 0);
    CU_ASSERT(VALUE_STR(condition, lastUpdateTime).size > 0);
    CU_ASSERT(VALUE_STR(condition, lastTransitionTime).size > 0);
    CU_ASSERT_EQUAL(change(&w, SUBRESOURCE_APPROVAL, "{\"status\":{\"conditions\":[]}}")->code,
                    422);
    credential_unref(mallory);
    world_end(&w);
}

/* ---- acting as others ---- */

static const struct response *list_pods_as(struct world *w, const struct credential *who,
                                           const char *impersonate)
{
    struct request *r = request_new(VERB_LIST, resource_get(RESOURCE_pods));
    r->namespace = value_string(S("default"));
    r->impersonate = yaml(impersonate);
    w->who = who;
    const struct response *a = ask(w, r);
    w->who = NULL;
    return a;
}

/* Without the right, nobody; with the old right, whom it names; with the new ones, only for what
 * they allow, and never the administrators' group. */
static void test_impersonation(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    const struct credential *mallory = credential_certificate(S("mallory"), NULL, 0),
                            *old = credential_certificate(S("old"), NULL, 0),
                            *new = credential_certificate(S("new"), NULL, 0);
    grant(&w, "reader", "[{apiGroups: [\"\"], resources: [pods], verbs: [list]}]");
    grant(&w, "old",
          "[{apiGroups: [\"\"], resources: [users], verbs: [impersonate], "
          "resourceNames: [reader]}]");
    grant(&w, "new",
          "[{apiGroups: [authentication.k8s.io], resources: [users, groups], verbs: "
          "[\"impersonate:user-info\"]}, {apiGroups: [\"\"], resources: [pods], verbs: "
          "[\"impersonate-on:user-info:list\"]}]");

    expect_refusal(list_pods_as(&w, mallory, "{user: reader}"), 403, "Forbidden",
                   "pods is forbidden: User \"mallory\" cannot impersonate-on:user-info:list "
                   "resource \"pods\" in API group \"\" in the namespace \"default\"");
    expect_ok(list_pods_as(&w, old, "{user: reader}"), 200);
    expect_refusal(list_pods_as(&w, old, "{user: kubernetes-admin}"), 403, "Forbidden",
                   "users \"kubernetes-admin\" is forbidden: User \"old\" cannot impersonate "
                   "resource \"users\" in API group \"\" at the cluster scope");
    CU_ASSERT_EQUAL(list_pods_as(&w, old, "{user: reader, groups: [\"system:masters\"]}")->code,
                    403);
    expect_ok(list_pods_as(&w, new, "{user: reader}"), 200);
    expect_refusal(list_pods_as(&w, new, "{user: reader, groups: [\"system:masters\"]}"), 403,
                   "Forbidden",
                   "groups.authentication.k8s.io \"system:masters\" is forbidden: User \"new\" "
                   "cannot impersonate:user-info resource \"groups\" in API group "
                   "\"authentication.k8s.io\" at the cluster scope: impersonating the "
                   "system:masters group is not allowed");
    expect_refusal(list_pods_as(&w, new, "{user: nobody}"), 403, "Forbidden",
                   "pods is forbidden: User \"nobody\" cannot list resource \"pods\" in API group "
                   "\"\" in the namespace \"default\"");
    w.who = new;
    struct request *r = on_key(VERB_GET, RESOURCE_pods, "default", "x");
    r->impersonate = yaml("{user: reader}");
    CU_ASSERT_EQUAL(ask(&w, r)->code, 403);
    expect_refusal(list_pods_as(&w, NULL, "{groups: [dev]}"), 400, "BadRequest",
                   "requested &user.DefaultInfo{Name:\"\", UID:\"\", Groups:[]string{\"dev\"}, "
                   "Extra:map[string][]string(nil)} without impersonating a user name");
    credential_unref(mallory);
    credential_unref(old);
    credential_unref(new);
    world_end(&w);
}

/* ---- malformed and forbidden ---- */

/* Whoever may not ask is not told what is wrong with the request. */
static void test_order(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    const struct credential *alice = credential_certificate(S("alice"), NULL, 0);
    for (int i = 0; i < 2; i++) {
        struct request *r = request_new(VERB_LIST, resource_get(RESOURCE_pods));
        r->refusal = status_bad_request(S("what a mess"));
        w.who = i == 0 ? alice : NULL;
        expect_refusal(ask(&w, r), i == 0 ? 403 : 400, i == 0 ? "Forbidden" : "BadRequest",
                       i == 0 ? "pods is forbidden: User \"alice\" cannot list resource \"pods\" "
                                "in API group \"\" at the cluster scope"
                              : "what a mess");
    }
    w.who = NULL;
    credential_unref(alice);
    world_end(&w);
}

static void expect_escalation(struct world *w, const char *rules, const char *lacks)
{
    AUTO(text) struct text t = {0};
    AUTO(text) struct text why = {0};
    text_printf(
        &t,
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: e}, "
        "rules: %s}",
        rules);
    text_printf(&why,
                "clusterroles.rbac.authorization.k8s.io \"e\" is forbidden: user \"maker\" "
                "(groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not "
                "currently held:%s",
                lacks);
    expect_refusal(ask(w, make(RESOURCE_clusterroles, NULL, text_c(&t))), 403, "Forbidden",
                   text_c(&why));
}

/* Nobody grants what they have not: by a role, by a label on one, by a binding, by gathering. */
static void test_escalation(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    const struct credential *maker = credential_certificate(S("maker"), NULL, 0);
    grant(&w, "maker",
          "[{apiGroups: [rbac.authorization.k8s.io], resources: [\"*\"], verbs: [create, update, "
          "patch, get]}, {apiGroups: [\"\"], resources: [pods], verbs: [get, list]}]");
    w.who = maker;
    expect_escalation(&w,
                      "[{apiGroups: [\"\"], resources: [pods, secrets], verbs: [get, watch]}, "
                      "{apiGroups: [apps], resources: [deployments], resourceNames: [a], verbs: "
                      "[get]}, {apiGroups: [\"\"], resources: [pods], verbs: [delete]}, "
                      "{nonResourceURLs: [/metrics], verbs: [get]}]",
                      "\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"watch\" \"delete\"]}"
                      "\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"watch\"]}"
                      "\n{APIGroups:[\"apps\"], Resources:[\"deployments\"], "
                      "ResourceNames:[\"a\"], Verbs:[\"get\"]}"
                      "\n{NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}");
    expect_escalation(&w, "[{apiGroups: [\"*\"], resources: [\"*\"], verbs: [\"*\"]}]",
                      "\n{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}");
    create(&w, RESOURCE_clusterroles, NULL,
           "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: own}, "
           "rules: [{apiGroups: [\"\"], resources: [pods], verbs: [list]}]}");
    expect_refusal(ask(&w, make(RESOURCE_clusterroles, NULL,
                                "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, "
                                "metadata: {name: g}, aggregationRule: {clusterRoleSelectors: "
                                "[{matchLabels: {a: b}}]}, rules: []}")),
                   403, "Forbidden",
                   "clusterroles.rbac.authorization.k8s.io \"g\" is forbidden: must have "
                   "cluster-admin privileges to use the aggregationRule");
    /* A label may make a role part of others: it needs the role's permissions too. */
    CU_ASSERT_EQUAL(ask(&w, patch_of(RESOURCE_clusterroles, "", "system:node-proxier",
                                     "{\"metadata\":{\"labels\":{\"rbac.authorization.k8s.io/"
                                     "aggregate-to-view\":\"true\"}}}"))
                        ->code,
                    403);
    expect_refusal(
        ask(&w, make(RESOURCE_clusterrolebindings, NULL,
                     "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, "
                     "metadata: {name: b}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: "
                     "ClusterRole, name: gone}, subjects: []}")),
        404, "NotFound", "clusterrole.rbac.authorization.k8s.io \"gone\" not found");
    CU_ASSERT_EQUAL(
        ask(&w, make(RESOURCE_clusterrolebindings, NULL,
                     "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, "
                     "metadata: {name: b}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: "
                     "ClusterRole, name: cluster-admin}, subjects: [{kind: User, name: maker}]}"))
            ->code,
        403);
    w.who = NULL;
    credential_unref(maker);
    world_end(&w);
}

/* A binding to a role that is not there is named in the refusal. */
static void test_reasons(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    const struct credential *alice = credential_certificate(S("alice"), NULL, 0);
    create(&w, RESOURCE_rolebindings, "default",
           "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b}, "
           "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: gone}, subjects: "
           "[{kind: User, name: alice}]}");
    grant(&w, "alice", "[{apiGroups: [apps], resources: [deployments], verbs: [list]}]");
    w.who = alice;
    expect_refusal(ask(&w, on_key(VERB_GET, RESOURCE_pods, "default", "x")), 403, "Forbidden",
                   "pods \"x\" is forbidden: User \"alice\" cannot get resource \"pods\" in API "
                   "group \"\" in the namespace \"default\": RBAC: role.rbac.authorization.k8s.io "
                   "\"gone\" not found");
    w.who = NULL;
    const struct response *r = ask(
        &w, make(RESOURCE_subjectaccessreviews, NULL,
                 "{apiVersion: authorization.k8s.io/v1, kind: SubjectAccessReview, spec: {user: "
                 "alice, resourceAttributes: {group: apps, resource: deployments, verb: list}}}"));
    expect_ok(r, 201);
    CU_ASSERT(VALUE_BOOL_AT(r->body, status, allowed));
    CU_ASSERT(VALUE_IS(r->body,
                       "RBAC: allowed by ClusterRoleBinding \"alice\" of ClusterRole \"alice\" to "
                       "User \"alice\"",
                       status, reason));
    credential_unref(alice);
    world_end(&w);
}

/* What somebody took from a default role or binding is back when a server starts again; what was
 * added stays; and who has opted out is left alone [doc:rbac#auto-reconciliation]. */
static void test_reconciliation(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    expect_ok(ask(&w, patch_of(RESOURCE_clusterroles, "", "system:discovery",
                               "{\"rules\":[{\"nonResourceURLs\":[\"/mine\"],\"verbs\":[\"get\"]},"
                               "{\"nonResourceURLs\":[\"/api/*\"],\"verbs\":[\"get\"]}]}")),
              200);
    expect_ok(ask(&w, patch_of(RESOURCE_clusterrolebindings, "", "system:discovery",
                               "{\"subjects\":[]}")),
              200);
    expect_ok(ask(&w, patch_of(RESOURCE_clusterroles, "", "system:basic-user",
                               "{\"metadata\":{\"annotations\":{\"rbac.authorization.kubernetes.io/"
                               "autoupdate\":\"false\"}},\"rules\":[]}")),
              200);
    const struct response *before =
        ask(&w, on_key(VERB_GET, RESOURCE_clusterroles, "", "system:public-info-viewer"));

    sim_process_kill(w.sim, w.server_process[0]);
    world_run(&w, 10 * 1000);

    const struct response *role =
        ask(&w, on_key(VERB_GET, RESOURCE_clusterroles, "", "system:discovery"));
    expect_ok(role, 200);
    struct value rules = VALUE_GET(role->body, rules);
    CU_ASSERT_EQUAL(value_count(rules), 12); /* two, and the ten that were missing */
    CU_ASSERT(value_is(value_at(VALUE_GET(value_at(rules, 0), nonResourceURLs), 0), "/mine"));
    const struct response *binding =
        ask(&w, on_key(VERB_GET, RESOURCE_clusterrolebindings, "", "system:discovery"));
    CU_ASSERT_EQUAL(value_count(VALUE_GET(binding->body, subjects)), 1);
    const struct response *basic =
        ask(&w, on_key(VERB_GET, RESOURCE_clusterroles, "", "system:basic-user"));
    CU_ASSERT_EQUAL(value_count(VALUE_GET(basic->body, rules)), 0);
    const struct response *after =
        ask(&w, on_key(VERB_GET, RESOURCE_clusterroles, "", "system:public-info-viewer"));
    CU_ASSERT(value_equal(before->body, after->body)); /* nothing to do: no write */
    world_end(&w);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"token life", test_token_life},
                                  {"token requests", test_token_requests},
                                  {"forgeries", test_forgeries},
                                  {"audiences", test_audiences},
                                  {"bound tokens", test_bound_tokens},
                                  {"extended token", test_extended_token},
                                  {"certificate times", test_certificate_times},
                                  {"node", test_node},
                                  {"node restriction", test_node_restriction},
                                  {"signing requests", test_signing_requests},
                                  {"impersonation", test_impersonation},
                                  {"order", test_order},
                                  {"escalation", test_escalation},
                                  {"reasons", test_reasons},
                                  {"reconciliation", test_reconciliation},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"who", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
