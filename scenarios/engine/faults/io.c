/* SPDX-License-Identifier: Apache-2.0
 *
 * ioChaos: what happens to the disk of single components: slow syncs, a full disk, syncs that make
 * nothing durable, a torn record at power loss.
 */
#include "sim/base/base.h"

#include "scenarios/engine/faults.h"
#include "sim/fault.h"

static const char *const actions[] = {"latency", "fault", "full", "fsync-lost", "torn-write", NULL};
static const char *const disk_faults[] = {"full", "fsync-lost", "torn-write", NULL};
static const struct shape action_shape = {.kind = SHAPE_ENUM, .choices = actions};
static const struct shape fault_shape = {.kind = SHAPE_ENUM, .choices = disk_faults};

static bool has_settings(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    struct value action = VALUE_GET(v, action);
    text_add(expected, value_is(action, "latency") ? S("\"delay\" with the action latency")
                                                   : S("\"fault\" with the action fault"));
    if (value_is(action, "latency"))
        return value_is_present(value_get_key(v, S("delay")));
    return !value_is(action, "fault") || value_is_present(value_get_key(v, S("fault")));
}
static const struct shape_field fields[] = {
    {"action", &action_shape, true, "latency, or fault with one of full, fsync-lost, torn-write"},
    {"fault", &fault_shape, false, "with the action fault: full, fsync-lost or torn-write"},
    {"components", &shape_strings, true, "etcd-0, ..."},
    {"delay", &shape_duration, false, "with latency: how long each sync takes"},
};
static const struct shape shape = {.kind = SHAPE_OBJECT,
                                   .fields = fields,
                                   .field_count = ARRAY_COUNT(fields),
                                   .holds = has_settings};

static bool names(const struct active_fault *f, process_id process)
{
    for (size_t i = 0; i < f->handles.count; i++) {
        if (f->handles.items[i] == process)
            return true;
    }
    return false;
}

static void add_to(const struct active_fault *f, struct disk_fault *disk)
{
    struct value action = VALUE_GET(f->arguments, action);
    struct value kind =
        value_is(action, "fault") ? value_get_key(f->arguments, S("fault")) : action;
    struct duration delay = value_duration(f->arguments, S("delay"), (struct duration){0});
    disk->is_full |= value_is(kind, "full");
    disk->loses_syncs |= value_is(kind, "fsync-lost");
    disk->tears_writes |= value_is(kind, "torn-write");
    if (value_is(kind, "latency") && delay.ns > disk->sync_latency.ns)
        disk->sync_latency = delay;
}

/* Several faults of one disk add up, so what a process sees is put together anew whenever one
 * comes or goes. `changed` itself may be in the list or not. */
static void set_all(struct run *r, const struct active_fault *changed, bool is_active)
{
    for (size_t i = 0; i < changed->handles.count; i++) {
        process_id process = changed->handles.items[i];
        struct disk_fault disk = {0};
        if (is_active)
            add_to(changed, &disk);
        for (size_t j = 0; j < r->faults.count; j++) {
            const struct active_fault *f = r->faults.items[j];
            if (f != changed && f->kind == &fault_io && names(f, process))
                add_to(f, &disk);
        }
        r->has_lying_disk |= disk.loses_syncs;
        sim_disk_fault_set(r->sim, sim_process_host(r->sim, process), process, &disk);
        fault_tell_kubelet(r, sim_process_host(r->sim, process));
    }
}

static bool inject(struct run *r, struct active_fault *f, struct value arguments,
                   struct text *message)
{
    if (!fault_processes(r, value_get_key(arguments, S("components")), f, message))
        return false;
    set_all(r, f, true);
    return true;
}

static void heal(struct run *r, struct active_fault *f)
{
    set_all(r, f, false);
}

const struct fault_kind fault_io = {
    .name = "ioChaos",
    .help = "disks of single components: latency, full, fsync-lost, torn-write",
    .example = "ioChaos: {action: latency, delay: 200ms, components: [etcd-0]}",
    .shape = &shape,
    .inject = inject,
    .heal = heal,
};
