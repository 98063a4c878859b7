/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: log, exec and attach, from a client through an API server and a kubelet to a container and
 * back; and what a client hears when something on that way is gone. Method: a whole cluster, a
 * client that is the gateway's sink, faults of processes and hosts; no HTTP, no kubectl.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/http/gateway.h"
#include "cluster/cluster.h"
#include "sim/base/mem.h"
#include "sim/fault.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

struct client {
    int code;
    struct text output, errors, status; /* of channels 1, 2 and 3 */
    struct text refusal;                /* of a Status */
    bool has_ended, is_broken;
};

static struct cluster *cluster;
static struct sim *sim;
static process_id gateway;
static uint64_t last_id;
static struct client client; /* of the last request */

static void on_response(void *owner, uint64_t id, const struct response *r)
{
    (void)owner;
    if (id != last_id)
        return;
    client.code = r->code;
    text_clear(&client.refusal);
    text_add(&client.refusal, response_message_text(r));
}
static void on_event(void *owner, uint64_t id, const struct watch_event *e)
{
    (void)owner;
    (void)id;
    (void)e;
}
static void on_bytes(void *owner, uint64_t id, const struct channel_bytes *b)
{
    (void)owner;
    if (id != last_id)
        return;
    client.has_ended |= b->is_last;
    client.is_broken |= b->is_broken;
    text_add(b->channel == CHANNEL_ERROR    ? &client.status
             : b->channel == CHANNEL_STDERR ? &client.errors
                                            : &client.output,
             channel_str(b));
}
static const struct gateway_sink sink = {on_response, on_event, on_bytes};
static struct gateway_config config;

static void client_clear(void)
{
    text_release(&client.output);
    text_release(&client.errors);
    text_release(&client.status);
    text_release(&client.refusal);
    client = (struct client){0};
}

static void run_for(struct duration d)
{
    sim_run_until(sim, instant_add(sim_now(sim), d));
}

static void send(struct request *own_request)
{
    static const struct str masters[] = {{"system:masters", 14}};
    client_clear();
    own_request->credential = credential_certificate(S("admin"), masters, 1);
    last_id++;
    gateway_send(sim, gateway, last_id, last_id, own_request);
}

static struct request *request_of(enum verb verb, const char *name, enum subresource subresource)
{
    const struct object_key *key =
        object_key_of(resource_get(RESOURCE_pods), S("default"), str_from(name));
    struct request *r = request_for_key(verb, key);
    object_key_unref(key);
    r->namespace = value_string(S("default"));
    r->subresource = subresource;
    return r;
}

static void create(const char *name, const char *node, const char *script)
{
    struct request *r = request_of(VERB_CREATE, name, SUBRESOURCE_NONE);
    r->body = value_pack(
        "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: default}, spec: {nodeName: "
        "%s, terminationGracePeriodSeconds: 1, containers: [{name: main, image: busybox, command: "
        "[sh, \"-c\", %s]}]}}",
        name, node, script);
    send(r);
    run_for(duration_s(10));
    CU_ASSERT_EQUAL(client.code, 201);
}

static void exec(const char *pod, const char *script, bool has_stdin)
{
    struct request *r = request_of(VERB_GET, pod, SUBRESOURCE_EXEC);
    struct connect_options *o = request_connect_options(r);
    o->is_upgrade = o->has_stdout = o->has_stderr = true;
    o->has_stdin = has_stdin;
    o->command = value_pack("[sh, \"-c\", %s]", script);
    send(r);
}

static void read_log(const char *pod, bool follow)
{
    struct request *r = request_of(VERB_GET, pod, SUBRESOURCE_LOG);
    request_connect_options(r)->follow = follow;
    send(r);
}

static process_id process(const char *name)
{
    process_id p = 0;
    CU_ASSERT_FATAL(sim_find_process(sim, str_from(name), &p));
    return p;
}

static int set_up(void)
{
    static const struct cluster_node nodes[] = {{.name = {"node-0", 6}}, {.name = {"node-1", 6}}};
    struct errmsg message = {{0}};
    cluster = cluster_new(&(struct cluster_options){.seed = 3, .nodes = nodes, .node_count = 2},
                          &message);
    if (!cluster)
        return 1;
    sim = cluster_sim(cluster);
    config = (struct gateway_config){sim_address(sim, S(CLUSTER_API_ADDRESS)), &sink, NULL};
    gateway = gateway_add(sim, cluster_outside(cluster), S(GATEWAY_NAME), &config);
    run_for(duration_s(30));
    return 0;
}

static int tear_down(void)
{
    client_clear();
    cluster_free(cluster);
    return 0;
}

/* ---- tests ---- */

static void test_pods(void)
{
    create("ticker", "node-0", "i=0; while true; do echo tick $i; i=$((i+1)); sleep 1; done");
    create("other", "node-1", "echo from other; sleep 100000");
}

static void test_exec(void)
{
    exec("other", "echo out; echo err >&2; exit 3", false);
    run_for(duration_s(1));
    CU_ASSERT_EQUAL(client.code, 101);
    CU_ASSERT_STRING_EQUAL(text_c(&client.output), "out\n");
    CU_ASSERT_STRING_EQUAL(text_c(&client.errors), "err\n");
    CU_ASSERT_STRING_EQUAL(
        text_c(&client.status),
        "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with non-zero "
        "exit code: command terminated with exit code 3\",\"reason\":\"NonZeroExitCode\","
        "\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"3\"}]}}");
    CU_ASSERT(client.has_ended && !client.is_broken);

    exec("other", "cat; echo end", true);
    run_for(duration_s(1));
    gateway_bytes(sim, gateway, last_id, last_id, CHANNEL_STDIN, S("one "));
    run_for(duration_s(1));
    CU_ASSERT_STRING_EQUAL(text_c(&client.output), "one ");
    gateway_bytes(sim, gateway, last_id, last_id, CHANNEL_STDIN, S("two "));
    gateway_bytes(sim, gateway, last_id, last_id, CHANNEL_CLOSE, (struct str){"\0", 1});
    run_for(duration_s(1));
    CU_ASSERT_STRING_EQUAL(text_c(&client.output), "one two end\n");
    CU_ASSERT_STRING_EQUAL(text_c(&client.status), "{\"metadata\":{},\"status\":\"Success\"}");
}

static void test_log(void)
{
    read_log("other", false);
    run_for(duration_s(1));
    CU_ASSERT_EQUAL(client.code, 200);
    CU_ASSERT_STRING_EQUAL(text_c(&client.output), "from other\n");
    CU_ASSERT(client.has_ended && !client.is_broken);

    read_log("ticker", true);
    run_for(duration_ms(500));
    size_t before = client.output.size;
    run_for(duration_s(3));
    CU_ASSERT(before > 0 && client.output.size > before && !client.has_ended);
    gateway_cancel(sim, gateway, last_id, last_id);
    run_for(duration_s(1));
    before = client.output.size;
    run_for(duration_s(3));
    CU_ASSERT_EQUAL(client.output.size, before);
}

static void test_refusals(void)
{
    read_log("gone", false);
    run_for(duration_s(1));
    CU_ASSERT_EQUAL(client.code, 404);
    CU_ASSERT_STRING_EQUAL(text_c(&client.refusal), "pods \"gone\" not found");

    struct request *r = request_of(VERB_GET, "other", SUBRESOURCE_LOG);
    request_connect_options(r)->container = value_string(S("side"));
    send(r);
    run_for(duration_s(1));
    CU_ASSERT_EQUAL(client.code, 400);
    CU_ASSERT_STRING_EQUAL(text_c(&client.refusal), "container side is not valid for pod other");

    r = request_of(VERB_GET, "other", SUBRESOURCE_EXEC);
    (void)request_connect_options(r);
    send(r);
    run_for(duration_s(1));
    CU_ASSERT_STRING_EQUAL(text_c(&client.refusal), "Upgrade request required");
}

/* A kubelet that dies ends what goes through it; the containers know nothing of it. */
static void test_kubelet_dies(void)
{
    read_log("ticker", true);
    run_for(duration_s(1));
    sim_process_kill(sim, process("kubelet@node-0"));
    run_for(duration_s(1));
    CU_ASSERT(client.has_ended && client.is_broken);

    read_log("ticker", false);
    run_for(duration_s(1));
    CU_ASSERT_EQUAL(client.code, 500);
    CU_ASSERT_STRING_EQUAL(text_c(&client.refusal),
                           "Get \"https://10.0.1.1:10250/containerLogs/default/ticker/main\": dial "
                           "tcp 10.0.1.1:10250: connect: connection refused");
    exec("ticker", "true", false);
    run_for(duration_s(1));
    CU_ASSERT_EQUAL(client.code, 101);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text_c(&client.status), "dial tcp 10.0.1.1:10250: connect: connection refused"));

    run_for(duration_s(15));
    read_log("ticker", false);
    run_for(duration_s(1));
    CU_ASSERT_EQUAL(client.code, 200);
    CU_ASSERT_NSTRING_EQUAL(text_c(&client.output), "tick 0\n", 7);
}

static void test_container_goes(void)
{
    create("victim", "node-1", "sleep 100000");
    exec("victim", "sleep 1000", false);
    run_for(duration_s(1));
    uint64_t id = last_id;
    struct request *r = request_of(VERB_DELETE, "victim", SUBRESOURCE_NONE);
    static const struct str masters[] = {{"system:masters", 14}};
    r->credential = credential_certificate(S("admin"), masters, 1);
    gateway_send(sim, gateway, id + 1000, id + 1000, r);
    run_for(duration_s(5));
    CU_ASSERT_PTR_NOT_NULL(strstr(text_c(&client.status), "exit code 137"));
    CU_ASSERT(client.has_ended);
}

static void test_api_server_dies(void)
{
    exec("other", "sleep 1000", false);
    run_for(duration_s(1));
    CU_ASSERT_EQUAL(client.code, 101);
    sim_process_kill(sim, process("kube-apiserver-0"));
    run_for(duration_s(1));
    CU_ASSERT_EQUAL(client.code, 0); /* the connection is lost, and no word why */
    CU_ASSERT_EQUAL(client.status.size, 0);
    run_for(duration_s(20));
}

/* Nobody refuses when the machine has no power: it takes until the caller gives up. */
static void test_node_without_power(void)
{
    host_id host = 0;
    CU_ASSERT_FATAL(sim_find_host(sim, S("node-1"), &host));
    sim_host_power_off(sim, host);
    read_log("other", false);
    run_for(duration_s(20));
    CU_ASSERT_EQUAL(client.code, 0);
    run_for(duration_s(15));
    CU_ASSERT_EQUAL(client.code, 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(text_c(&client.refusal), "dial tcp 10.0.1.2:10250: i/o timeout"));
}

int main(void)
{
    static CU_TestInfo tests[] = {{"pods", test_pods},
                                  {"exec", test_exec},
                                  {"log", test_log},
                                  {"refusals", test_refusals},
                                  {"the kubelet dies", test_kubelet_dies},
                                  {"the container goes", test_container_goes},
                                  {"the API server dies", test_api_server_dies},
                                  {"a node without power", test_node_without_power},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"connect", set_up, tear_down, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
