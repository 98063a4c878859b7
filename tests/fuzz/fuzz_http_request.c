/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an HTTP request: the first line is method and target, the next ones Accept,
 * Content-Type and User-Agent, the rest the body. No crash, nothing leaks; what is read is either a
 * request, a refusal with a code, or a document; a refusal can be written in every form.
 */
#include "tests/fuzz/driver.h"

#include "cluster/api/status.h"
#include "cluster/api/value_heap.h"
#include "cluster/apiserver/http/answer.h"

static const char *const seeds[] = {
    "GET /api/v1/namespaces/default/pods?limit=500&labelSelector=a%3Db\n"
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json\n\nkubectl/v1.36.2\n",
    "POST /api/v1/namespaces/default/configmaps?fieldManager=x&dryRun=All\napplication/json\n"
    "application/json\nx\n{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}",
    "PATCH /apis/apps/v1/namespaces/a/deployments/b/scale\n*/*\napplication/merge-patch+json\n\n"
    "{\"spec\":{\"replicas\":3}}",
    "PUT /api/v1/nodes/n\napplication/yaml\napplication/yaml\n\nmetadata: {name: n}",
    "DELETE /api/v1/namespaces/a/pods/b?gracePeriodSeconds=0&propagationPolicy=Orphan\n\n\n\n"
    "{\"preconditions\":{\"uid\":\"x\"}}",
    "GET /apis?timeout=32s\napplication/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList\n",
    "POST /apis/apps/v1/namespaces/a/deployments\n\napplication/vnd.kubernetes.protobuf\n\n"
    "k8s\t\n\n\aapps/v1",
};

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
    uint64_t nodes = value_heap_stats().nodes;
    struct arena arena = {0};
    struct protobuf_writer *writer = protobuf_writer_new();
    struct reading r;
    http_read(&h, &arena, &r);
    bool is_refused = value_is_present(r.refusal);
    CHECK(!is_refused || (status_code(r.refusal) >= 400 && status_code(r.refusal) < 500));
    AUTO(text) struct text out = {0};
    struct answer_shape shape = answer_shape_of(&r, writer);
    if (is_refused)
        (void)answer_body(&shape, r.refusal, (struct wall_time){0}, &out);
    if (!r.is_malformed)
        reading_defer(&h, &r);
    CHECK(r.is_malformed || r.request);
    reading_release(&r);
    arena_release(&arena);
    protobuf_writer_free(writer);
    CHECK(value_heap_stats().nodes == nodes);
    return 0;
}

FUZZ_MAIN(seeds)
