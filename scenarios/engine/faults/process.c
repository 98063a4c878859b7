/* SPDX-License-Identifier: Apache-2.0
 *
 * processChaos: what happens to single components. A killed process closes its connections at once
 * and is started again by its supervisor; a stopped one stays down until the fault is healed.
 */
#include "sim/base/base.h"

#include "scenarios/engine/faults.h"
#include "sim/fault.h"

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

static bool inject(struct run *r, struct active_fault *f, struct value arguments,
                   struct text *message)
{
    struct value action = VALUE_GET(arguments, action);
    if (!fault_processes(r, value_get_key(arguments, S("components")), f, message))
        return false;
    for (size_t i = 0; i < f->handles.count; i++) {
        process_id process = f->handles.items[i];
        if (value_is(action, "kill"))
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
        if (value_is(action, "stop"))
            sim_process_start(r->sim, f->handles.items[i]);
        else if (!value_is(action, "kill"))
            sim_process_resume(r->sim, f->handles.items[i]);
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
