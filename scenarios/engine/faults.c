/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of faults, their names and durations. A fault acts between two events; its end is an
 * instant like any other: the harness runs the simulation up to it and heals.
 */
#include "sim/base/base.h"

#include "scenarios/engine/faults.h"

#include "cluster/kubelet/kubelet.h"
#include "sim/base/mem.h"

const struct fault_kind *const fault_kinds[] = {&fault_node, &fault_process, &fault_network,
                                                &fault_io,   &fault_time,    &fault_pod};
const size_t fault_kind_count = ARRAY_COUNT(fault_kinds);

static bool kind_row(size_t i, struct shape_field *ret_field)
{
    if (i >= fault_kind_count)
        return false;
    *ret_field = (struct shape_field){fault_kinds[i]->name, fault_kinds[i]->shape, false,
                                      fault_kinds[i]->help};
    return true;
}

static const struct fault_kind *kind_of(struct value arguments)
{
    const struct fault_kind *found = NULL;
    for (size_t i = 0; i < fault_kind_count; i++) {
        if (!value_is_present(value_get_key(arguments, str_from(fault_kinds[i]->name))))
            continue;
        if (found)
            return NULL;
        found = fault_kinds[i];
    }
    return found;
}

static bool has_one_kind(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    text_add(expected, S("exactly one fault: "));
    for (size_t i = 0; i < fault_kind_count; i++)
        text_printf(expected, "%s%s", i ? ", " : "", fault_kinds[i]->name);
    return kind_of(v) != NULL;
}

static const struct shape_field fields[] = {
    {"name", &shape_string, false, "for heal; fault-1, fault-2, ... when absent"},
    {"duration", &shape_duration, false,
     "after which it heals by itself; until healed when absent"},
};
const struct shape inject_shape = {.kind = SHAPE_OBJECT,
                                   .fields = fields,
                                   .field_count = ARRAY_COUNT(fields),
                                   .row = kind_row,
                                   .holds = has_one_kind};

static void fault_free(struct active_fault *f)
{
    mem_free(f->name);
    value_drop(f->arguments);
    value_drop(f->pods);
    vec_release(&f->handles);
    mem_free(f);
}

bool fault_inject(struct run *r, struct value arguments, struct text *message)
{
    struct active_fault *f = mem_new(struct active_fault);
    AUTO(text) struct text name = {0};
    struct value given = value_get_key(arguments, S("name"));
    text_printf(&name, "fault-%" PRIu64, ++r->fault_count);
    f->name = mem_copy_string(value_is_present(given) ? value_str(given) : text_str(&name));
    f->kind = kind_of(arguments);
    f->arguments = value_keep(value_get_key(arguments, str_from(f->kind->name)));
    f->ends = INSTANT_NEVER;
    struct duration d = value_duration(arguments, S("duration"), (struct duration){0});
    if (d.ns > 0)
        f->ends = instant_add(sim_now(r->sim), d);
    for (size_t i = 0; i < r->faults.count; i++) {
        if (strcmp(r->faults.items[i]->name, f->name) == 0) {
            text_printf(message, "a fault with the name \"%s\" is active", f->name);
            fault_free(f);
            return false;
        }
    }
    if (!f->kind->inject(r, f, f->arguments, message)) {
        fault_free(f);
        return false;
    }
    vec_push(&r->faults, f);
    return true;
}

static void heal_at(struct run *r, size_t i)
{
    struct active_fault *f = r->faults.items[i];
    vec_remove(&r->faults, i);
    if (f->kind->heal)
        f->kind->heal(r, f);
    fault_free(f);
}

bool fault_heal(struct run *r, struct str name, struct text *message)
{
    AUTO(text) struct text active = {0};
    for (size_t i = 0; i < r->faults.count; i++) {
        if (str_equal(str_from(r->faults.items[i]->name), name)) {
            heal_at(r, i);
            return true;
        }
        text_printf(&active, "%s%s", i ? ", " : "", r->faults.items[i]->name);
    }
    text_printf(message, "no fault with the name \"%.*s\" is active (active: %s)", STR_ARG(name),
                active.size ? text_c(&active) : "none");
    return false;
}

void faults_free(struct run *r)
{
    for (size_t i = 0; i < r->faults.count; i++)
        fault_free(r->faults.items[i]);
    vec_release(&r->faults);
}

struct instant faults_next_end(const struct run *r)
{
    struct instant next = INSTANT_NEVER;
    for (size_t i = 0; i < r->faults.count; i++) {
        if (instant_before(r->faults.items[i]->ends, next))
            next = r->faults.items[i]->ends;
    }
    return next;
}

void faults_end_due(struct run *r)
{
    for (size_t i = 0; i < r->faults.count;) {
        if (instant_before(sim_now(r->sim), r->faults.items[i]->ends))
            i++;
        else
            heal_at(r, i);
    }
}

/* ---- names ---- */

static void list_machines(struct run *r, struct text *out)
{
    size_t shown = 0;
    for (size_t k = 0; k < COMPONENT_KIND_COUNT; k++) {
        enum component_kind kind = (enum component_kind)k;
        bool is_beside_kubelet =
            kind == COMPONENT_RUNTIME || kind == COMPONENT_PROXY || kind == COMPONENT_NETWORK;
        if (is_beside_kubelet)
            continue;
        for (size_t i = 0; i < cluster_component_count(r->cluster, kind) && shown < 24;
             i++, shown++) {
            host_id host = sim_process_host(r->sim, cluster_component(r->cluster, kind, i));
            text_printf(out, "%s%.*s", shown ? ", " : "", STR_ARG(sim_host_name(r->sim, host)));
        }
    }
}

bool fault_find_host(struct run *r, struct str name, host_id *ret_host, struct text *message)
{
    if (!str_equal(name, S("outside")) && sim_find_host(r->sim, name, ret_host))
        return true;
    text_printf(message, "no machine has the name \"%.*s\"; there are: ", STR_ARG(name));
    list_machines(r, message);
    return false;
}

bool fault_find_process(struct run *r, struct str name, process_id *ret_process,
                        struct text *message)
{
    if (cluster_find_component(r->cluster, name, ret_process))
        return true;
    text_printf(message, "no component has the name \"%.*s\"; there are: ", STR_ARG(name));
    cluster_component_names(r->cluster, 24, message);
    return false;
}

void fault_tell_kubelet(struct run *r, host_id host)
{
    AUTO(text) struct text name = {0};
    process_id kubelet;
    text_printf(&name, "kubelet@%.*s", STR_ARG(sim_host_name(r->sim, host)));
    if (sim_find_process(r->sim, text_str(&name), &kubelet) &&
        sim_process_is_running(r->sim, kubelet))
        sim_command(r->sim, kubelet, kubelet_look_new());
}

bool fault_hosts(struct run *r, struct value names, struct active_fault *f, struct text *message)
{
    for (size_t i = 0; i < value_count(names); i++) {
        host_id host;
        if (!fault_find_host(r, value_str(value_at(names, i)), &host, message))
            return false;
        vec_push(&f->handles, host);
    }
    return true;
}

bool fault_processes(struct run *r, struct value names, struct active_fault *f,
                     struct text *message)
{
    for (size_t i = 0; i < value_count(names); i++) {
        process_id process;
        if (!fault_find_process(r, value_str(value_at(names, i)), &process, message))
            return false;
        vec_push(&f->handles, process);
    }
    return true;
}
