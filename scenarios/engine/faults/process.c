/* SPDX-License-Identifier: Apache-2.0
 *
 * processChaos: what happens to single components. A killed process closes its connections at once
 * and is started again by its supervisor; a stopped one stays down until the fault is healed.
 */
#include "sim/base/base.h"

#include "runtime/cri.h"
#include "scenarios/engine/faults.h"
#include "sim/fault.h"

#define RUNTIME_RESTART_SECONDS 5 /* containerd: RestartSec=5 */

static const char *const actions[] = {"kill", "stop", "pause", "hang", NULL};
static const struct shape action_shape = {.kind = SHAPE_ENUM, .choices = actions};
static const struct shape_field fields[] = {
    {"action", &action_shape, true,
     "kill (is started again), stop (stays down), pause (SIGSTOP) or hang (answers nothing)"},
    {"components", &shape_strings, true,
     "etcd-0, kube-apiserver-1, kube-scheduler-0, kubelet@node-1, ..."},
};
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};

static bool is_of_kind(const struct run *r, process_id process, enum component_kind kind)
{
    for (size_t i = 0; i < cluster_component_count(r->cluster, kind); i++) {
        if (cluster_component(r->cluster, kind, i) == process)
            return true;
    }
    return false;
}

/* The containers of a machine live in its runtime's process here, while real ones are children of
 * shims: of the runtime only its service fails. */
static void act_on_runtime(struct run *r, process_id process, struct value action, bool is_end)
{
    bool is_silent = value_is(action, "pause") || value_is(action, "hang");
    int64_t number = is_end                     ? 0
                     : is_silent                ? 1
                     : value_is(action, "kill") ? duration_s(RUNTIME_RESTART_SECONDS).ns
                                                : -1;
    if (!sim_process_is_running(r->sim, process) || (is_end && value_is(action, "kill")))
        return;
    struct runtime_fault *fault = runtime_fault_new(
        is_silent ? RUNTIME_FAULT_HANG : RUNTIME_FAULT_DOWN, S(""), S(""), S(""), number);
    sim_command(r->sim, process, &fault->message);
    fault_tell_kubelet(r, sim_process_host(r->sim, process));
}

static bool inject(struct run *r, struct active_fault *f, struct value arguments,
                   struct text *message)
{
    struct value action = VALUE_GET(arguments, action);
    if (!fault_processes(r, value_get_key(arguments, S("components")), f, message))
        return false;
    for (size_t i = 0; i < f->handles.count; i++) {
        if (!is_of_kind(r, f->handles.items[i], COMPONENT_NETWORK))
            continue;
        text_printf(message, "%.*s stands for the kernel of its machine: use nodeChaos",
                    STR_ARG(sim_process_name(r->sim, f->handles.items[i])));
        return false;
    }
    for (size_t i = 0; i < f->handles.count; i++) {
        process_id process = f->handles.items[i];
        if (is_of_kind(r, process, COMPONENT_RUNTIME))
            act_on_runtime(r, process, action, false);
        else if (value_is(action, "kill"))
            sim_process_kill(r->sim, process);
        else if (value_is(action, "stop"))
            sim_process_stop(r->sim, process, (struct duration){0});
        else if (value_is(action, "pause"))
            sim_process_pause(r->sim, process);
        else
            sim_process_hang(r->sim, process);
    }
    return true;
}

static void heal(struct run *r, struct active_fault *f)
{
    struct value action = VALUE_GET(f->arguments, action);
    for (size_t i = 0; i < f->handles.count; i++) {
        process_id process = f->handles.items[i];
        if (is_of_kind(r, process, COMPONENT_RUNTIME))
            act_on_runtime(r, process, action, true);
        else if (value_is(action, "stop"))
            sim_process_start(r->sim, process);
        else if (!value_is(action, "kill"))
            sim_process_resume(r->sim, process);
    }
}

const struct fault_kind fault_process = {
    .name = "processChaos",
    .help = "single components: kill, stop, pause, hang",
    .example = "processChaos: {action: kill, components: [kube-apiserver-0]}",
    .shape = &shape,
    .inject = inject,
    .heal = heal,
};
