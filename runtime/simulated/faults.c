/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults of the runtime and of what runs in it (runtime_fault in cri.h): containers killed,
 * programs that hang or answer badly, memory that grows, a registry that is down or slow, a runtime
 * that hangs.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"
#include "runtime/simulated/timings.h"

static bool fault_names(const struct runtime_fault *f, const struct container *c)
{
    const struct cri_sandbox_config *s = c->sandbox->config;
    return f->pod && str_equal(str_from(f->pod), str_from(s->name)) &&
           (!f->namespace || str_equal(str_from(f->namespace), str_from(s->namespace))) &&
           (!f->container || str_equal(str_from(f->container), str_from(c->config->name)));
}

static void fault_container(struct runtime_node *n, const struct runtime_fault *f,
                            struct container *c)
{
    if (f->kind == RUNTIME_FAULT_KILL_CONTAINER) {
        container_end(n, c, (int)f->number, NULL);
        return;
    }
    if (f->kind == RUNTIME_FAULT_PROGRAM_HANG)
        c->is_hung = f->number != 0;
    if (f->kind == RUNTIME_FAULT_HTTP_STATUS)
        c->http_status = (int)f->number;
    if (f->kind == RUNTIME_FAULT_MEMORY) {
        container_memory_set(n, c, f->number);
        container_memory_check(n, c);
        if (c->state != CRI_CONTAINER_RUNNING)
            return;
    }
    pod_changed(n, c->sandbox);
    container_arm(n, c);
}

/* The service dies: its connections close, containers run on, for their parents are the shims.
 * DEVIATION: what it was about (pulls, creations) is brought to its end, not left halfway. */
void runtime_go_down(struct runtime_node *n, int64_t for_ns)
{
    n->is_down = for_ns != 0;
    step_trace(n->step, "containerd", str_from(n->config->node), "%s",
               n->is_down ? "the service has ended; containers run on" : "the service is back");
    if (!n->is_down)
        return;
    for (size_t i = 0; i < n->streams.count; i++)
        step_close(n->step, n->streams.items[i]);
    vec_clear(&n->streams);
    sessions_close(n);
    for (size_t i = 0; i < n->held.count; i++)
        message_unref(n->held.items[i]);
    vec_clear(&n->held);
    vec_clear(&n->held_streams);
    if (for_ns > 0)
        (void)step_timer_set(n->step, instant_add(n->step->now, duration_ns(for_ns)),
                             runtime_tag(TAG_UP, 0));
}

void runtime_handle_fault(struct runtime_node *n, const struct runtime_fault *f)
{
    if (f->kind == RUNTIME_FAULT_DOWN)
        runtime_go_down(n, f->number);
    if (f->kind == RUNTIME_FAULT_REGISTRY_DOWN)
        n->registry_is_down = f->number != 0;
    if (f->kind == RUNTIME_FAULT_REGISTRY_SLOW)
        n->pull_bytes_per_s = f->number >= 1000 ? f->number : TIMING_PULL_BYTES_PER_S;
    if (f->kind == RUNTIME_FAULT_HANG) {
        n->is_hung = f->number != 0;
        for (size_t i = 0; !n->is_hung && i < n->held.count; i++) {
            runtime_handle_request(n, n->held_streams.items[i],
                                   CONTAINER_OF(n->held.items[i], struct cri_request, message));
            message_unref(n->held.items[i]);
        }
        if (!n->is_hung) {
            vec_clear(&n->held);
            vec_clear(&n->held_streams);
            for (size_t i = 0; i < n->operations.count; i++)
                (void)step_timer_set(n->step, n->step->now,
                                     runtime_tag(TAG_OPERATION, n->operations.items[i]->id));
        }
    }
    for (size_t i = 0; f->pod && i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        if (c->state == CRI_CONTAINER_RUNNING && fault_names(f, c))
            fault_container(n, f, c);
    }
}
