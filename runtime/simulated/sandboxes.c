/* SPDX-License-Identifier: Apache-2.0
 *
 * Sandboxes of pods, and the addresses they get: host-local IPAM, round robin over the node's
 * range; the first address is the bridge's.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"
#include "runtime/simulated/timings.h"

struct sandbox *sandbox_find(struct runtime_node *n, uint32_t id)
{
    for (size_t i = 0; i < n->sandboxes.count; i++) {
        if (n->sandboxes.items[i]->id == id)
            return n->sandboxes.items[i];
    }
    return NULL;
}

const char *containerd_pod_uid(const void *state, size_t index)
{
    const struct runtime_node *n = state;
    for (size_t i = 0; n && i < n->sandboxes.count; i++) {
        if (n->sandboxes.items[i]->is_ready && index-- == 0)
            return n->sandboxes.items[i]->config->uid;
    }
    return NULL;
}

/* ---- addresses ---- */

void sandbox_set_range(struct runtime_node *n, struct str cidr)
{
    struct str bits_text = {0};
    struct str address = str_cut(cidr, '/', &bits_text);
    uint32_t base = 0;
    int64_t bits = 0;
    if (!traffic_ip_parse(address, &base) || !str_to_int64(bits_text, &bits) || bits < 8 ||
        bits > 30)
        return;
    n->cidr_base = base;
    n->cidr_size = UINT32_C(1) << (32 - bits);
    n->cidr_next = n->cidr_next < 2 || n->cidr_next >= n->cidr_size - 1 ? 2 : n->cidr_next;
}

static bool ip_is_used(const struct runtime_node *n, uint32_t ip)
{
    for (size_t i = 0; i < n->sandboxes.count; i++) {
        if (n->sandboxes.items[i]->ip == ip)
            return true;
    }
    return false;
}

static bool ip_take(struct runtime_node *n, uint32_t *ret_ip)
{
    for (uint32_t tries = 0; n->cidr_size > 0 && tries < n->cidr_size; tries++) {
        uint32_t ip = n->cidr_base + n->cidr_next;
        n->cidr_next = n->cidr_next + 1 >= n->cidr_size - 1 ? 2 : n->cidr_next + 1;
        if (!ip_is_used(n, ip)) {
            *ret_ip = ip;
            return true;
        }
    }
    return false;
}

/* ---- verbs ---- */

void sandbox_run_begin(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    struct sandbox *s = mem_new(struct sandbox);
    s->id = ++n->last_sandbox;
    s->config = cri_sandbox_config_ref(r->sandbox_config);
    s->created = n->step->wall;
    vec_push(&n->sandboxes, s);
    struct operation *o =
        operation_new(n, stream, r, TIMING_SANDBOX_RUN_MS, TIMING_SANDBOX_RUN_SPREAD_MS);
    o->response->sandbox = s->id;
}

void sandbox_run_finish(struct runtime_node *n, struct operation *o)
{
    struct sandbox *s = sandbox_find(n, o->response->sandbox);
    if (!s) {
        cri_fail(o->response, CRI_NOT_FOUND, "sandbox is gone");
        return;
    }
    if (!s->config->host_network && !ip_take(n, &s->ip)) {
        if (n->cidr_size == 0)
            cri_fail(
                o->response, CRI_UNKNOWN,
                "rpc error: code = Unknown desc = failed to setup network for sandbox: no network "
                "config found in /etc/cni/net.d");
        else
            cri_fail(o->response, CRI_UNKNOWN,
                     "rpc error: code = Unknown desc = failed to setup network for sandbox: plugin "
                     "type=\"ptp\" failed (add): failed "
                     "to allocate for range 0: no IP addresses available in range set");
        for (size_t i = 0; i < n->sandboxes.count; i++) {
            if (n->sandboxes.items[i] == s)
                vec_remove(&n->sandboxes, i);
        }
        cri_sandbox_config_unref(s->config);
        mem_free(s);
        return;
    }
    s->is_ready = true;
    s->created = n->step->wall;
    o->response->ip = s->ip;
}

void sandbox_stop(struct runtime_node *n, uint32_t id)
{
    struct sandbox *s = sandbox_find(n, id);
    for (size_t i = 0; s && i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        if (c->sandbox == s && c->state == CRI_CONTAINER_RUNNING)
            container_end(n, c, 137, NULL);
    }
    if (s) {
        s->is_ready = false;
        s->ip = 0;
    }
}

void sandbox_remove(struct runtime_node *n, uint32_t id)
{
    for (size_t i = n->containers.count; i > 0; i--) {
        struct container *c = n->containers.items[i - 1];
        if (c->sandbox->id != id)
            continue;
        if (c->state == CRI_CONTAINER_RUNNING)
            container_end(n, c, 137, NULL);
        vec_remove(&n->containers, i - 1);
        runtime_container_free(c);
    }
    for (size_t i = 0; i < n->sandboxes.count; i++) {
        struct sandbox *s = n->sandboxes.items[i];
        if (s->id == id) {
            vec_remove(&n->sandboxes, i);
            cri_sandbox_config_unref(s->config);
            mem_free(s);
            return;
        }
    }
}

void sandbox_list(struct runtime_node *n, struct cri_response *a)
{
    a->sandboxes = mem_array(struct cri_sandbox_status, n->sandboxes.count + 1);
    for (size_t i = 0; i < n->sandboxes.count; i++) {
        const struct sandbox *s = n->sandboxes.items[i];
        a->sandboxes[a->sandbox_count++] =
            (struct cri_sandbox_status){.sandbox = s->id,
                                        .is_ready = s->is_ready,
                                        .ip = s->ip,
                                        .created = s->created,
                                        .config = cri_sandbox_config_ref(s->config)};
    }
}
