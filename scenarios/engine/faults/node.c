/* SPDX-License-Identifier: Apache-2.0
 *
 * nodeChaos: what happens to whole machines. Power that goes is silence: no connection is closed,
 * what was not synced is lost; peers learn of it by their time-outs.
 */
#include "sim/base/base.h"

#include "scenarios/engine/faults.h"
#include "sim/fault.h"

#define REBOOT_SECONDS 30

static const char *const actions[] = {"power-off", "reboot", "pause", "disk-full", NULL};
static const struct shape action_shape = {.kind = SHAPE_ENUM, .choices = actions};
static const struct shape_field fields[] = {
    {"action", &action_shape, true,
     "power-off, reboot (30 s), pause (the machine stands still) or disk-full"},
    {"nodes", &shape_strings, true, "machines: nodes, or hosts of the control plane"},
};
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};

static bool inject(struct run *r, struct active_fault *f, struct value arguments,
                   struct text *message)
{
    struct value action = VALUE_GET(arguments, action);
    if (!fault_hosts(r, value_get_key(arguments, S("nodes")), f, message))
        return false;
    for (size_t i = 0; i < f->handles.count; i++) {
        host_id host = f->handles.items[i];
        if (value_is(action, "power-off"))
            sim_host_power_off(r->sim, host);
        else if (value_is(action, "reboot"))
            sim_host_reboot(r->sim, host, duration_s(REBOOT_SECONDS));
        else if (value_is(action, "pause"))
            sim_host_pause(r->sim, host);
        else {
            sim_disk_fault_set(r->sim, host, 0, &(struct disk_fault){.is_full = true});
            fault_tell_kubelet(r, host);
        }
    }
    return true;
}

static void heal(struct run *r, struct active_fault *f)
{
    struct value action = VALUE_GET(f->arguments, action);
    for (size_t i = 0; i < f->handles.count; i++) {
        host_id host = f->handles.items[i];
        if (value_is(action, "power-off"))
            sim_host_power_on(r->sim, host);
        else if (value_is(action, "pause"))
            sim_host_resume(r->sim, host);
        else if (value_is(action, "disk-full")) {
            sim_disk_fault_set(r->sim, host, 0, &(struct disk_fault){0});
            fault_tell_kubelet(r, host);
        }
    }
}

const struct fault_kind fault_node = {
    .name = "nodeChaos",
    .help = "whole machines: power, pause, disk",
    .example = "nodeChaos: {action: power-off, nodes: [node-1]}",
    .shape = &shape,
    .inject = inject,
    .heal = heal,
};
