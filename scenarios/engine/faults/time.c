/* SPDX-License-Identifier: Apache-2.0
 *
 * timeChaos: clocks that are wrong (offset of the wall clock) or run wrong (drift of both clocks).
 */
#include "sim/base/base.h"

#include "scenarios/engine/faults.h"
#include "sim/fault.h"

#define DRIFT_MAX_PPM 500000

static bool names_something(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    struct value drift = value_get_key(v, S("drift"));
    int64_t ppm = value_as_integer(drift, 0);
    text_printf(expected, "timeOffset and/or drift (-%d to %d ppm), and components or nodes",
                DRIFT_MAX_PPM, DRIFT_MAX_PPM);
    bool has_effect =
        value_is_present(value_get_key(v, S("timeOffset"))) || value_is_present(drift);
    bool has_target = value_is_present(value_get_key(v, S("components"))) ||
                      value_is_present(value_get_key(v, S("nodes")));
    return has_effect && has_target && ppm >= -DRIFT_MAX_PPM && ppm <= DRIFT_MAX_PPM;
}
static const struct shape_field fields[] = {
    {"timeOffset", &shape_duration, false, "of the wall clock; may be negative"},
    {"drift", &shape_integer, false, "rate error in parts per million"},
    {"components", &shape_strings, false, "whose machines are meant"},
    {"nodes", &shape_strings, false, "machines by name"},
};
static const struct shape shape = {.kind = SHAPE_OBJECT,
                                   .fields = fields,
                                   .field_count = ARRAY_COUNT(fields),
                                   .holds = names_something};

static bool inject(struct run *r, struct active_fault *f, struct value arguments,
                   struct text *message)
{
    struct value components = value_get_key(arguments, S("components"));
    if (!fault_hosts(r, value_get_key(arguments, S("nodes")), f, message))
        return false;
    for (size_t i = 0; i < value_count(components); i++) {
        process_id process;
        if (!fault_find_process(r, value_str(value_at(components, i)), &process, message))
            return false;
        vec_push(&f->handles, sim_process_host(r->sim, process));
    }
    struct duration offset = value_duration(arguments, S("timeOffset"), (struct duration){0});
    int64_t drift = value_as_integer(value_get_key(arguments, S("drift")), 0);
    for (size_t i = 0; i < f->handles.count; i++)
        sim_clock_set(r->sim, f->handles.items[i], offset, (int32_t)drift);
    return true;
}

static void heal(struct run *r, struct active_fault *f)
{
    for (size_t i = 0; i < f->handles.count; i++)
        sim_clock_set(r->sim, f->handles.items[i], (struct duration){0}, 0);
}

const struct fault_kind fault_time = {
    .name = "timeChaos",
    .help = "clocks: offset and drift",
    .example = "timeChaos: {timeOffset: -5m, nodes: [node-1]}",
    .shape = &shape,
    .inject = inject,
    .heal = heal,
};
