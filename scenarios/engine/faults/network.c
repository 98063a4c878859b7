/* SPDX-License-Identifier: Apache-2.0
 *
 * networkChaos: what happens between machines. `selector` and `target` name the two sides; an empty
 * side is everything. Direction `to` means traffic from the selector to the target, `from` the way
 * back, `both` (the default) both.
 */
#include "sim/base/base.h"

#include "scenarios/engine/faults.h"
#include "sim/base/mem.h"
#include "sim/fault.h"

static const char *const actions[] = {"partition", "delay",     "loss", "duplicate",
                                      "reorder",   "bandwidth", NULL};
static const char *const directions[] = {"to", "from", "both", NULL};
static const struct shape action_shape = {.kind = SHAPE_ENUM, .choices = actions};
static const struct shape direction_shape = {.kind = SHAPE_ENUM, .choices = directions};
static const struct shape_field side_fields[] = {
    {"nodes", &shape_strings, false, "machines by name; outside: where users sit"},
    {"zones", &shape_strings, false, "all machines of these zones"},
    {"components", &shape_strings, false, "single components"},
};
static const struct shape side_shape = {
    .kind = SHAPE_OBJECT, .fields = side_fields, .field_count = ARRAY_COUNT(side_fields)};
static const struct shape_field delay_fields[] = {
    {"latency", &shape_duration, true, "added one way"},
    {"jitter", &shape_duration, false, "added, uniform"},
};
static const struct shape delay_shape = {
    .kind = SHAPE_OBJECT, .fields = delay_fields, .field_count = ARRAY_COUNT(delay_fields)};
static bool is_percent(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    text_add(expected, S("0 to 100"));
    return value_as_integer(v, -1) >= 0 && value_as_integer(v, -1) <= 100;
}
static const struct shape percent_value_shape = {.kind = SHAPE_INTEGER, .holds = is_percent};
static const struct shape_field percent_fields[] = {
    {"percent", &percent_value_shape, true, "of what is sent"}};
static const struct shape percent_shape = {
    .kind = SHAPE_OBJECT, .fields = percent_fields, .field_count = ARRAY_COUNT(percent_fields)};
static const struct shape_field bandwidth_fields[] = {
    {"bytesPerSecond", &shape_count, true, "shared by all that is meant"}};
static const struct shape bandwidth_shape = {
    .kind = SHAPE_OBJECT, .fields = bandwidth_fields, .field_count = ARRAY_COUNT(bandwidth_fields)};

/* partition needs no more, duplicate and reorder mean everything when they say nothing; each other
 * action has its settings under its own name. */
static bool has_settings(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    struct value action = VALUE_GET(v, action);
    text_printf(expected, "\"%.*s\" with the settings of the action", STR_ARG(value_str(action)));
    return value_is(action, "partition") || value_is(action, "duplicate") ||
           value_is(action, "reorder") || value_is_present(value_get_key(v, value_str(action)));
}
static const struct shape_field fields[] = {
    {"action", &action_shape, true, "what happens"},
    {"direction", &direction_shape, false, "to, from or both; both when absent"},
    {"selector", &side_shape, true, "one side"},
    {"target", &side_shape, false, "the other side; everything when absent"},
    {"delay", &delay_shape, false, "{latency, jitter}"},
    {"loss", &percent_shape, false, "{percent}: streams are late, datagrams gone"},
    {"duplicate", &percent_shape, false, "{percent} of datagrams; all when absent"},
    {"reorder", &percent_shape, false, "{percent} of datagrams; all when absent"},
    {"bandwidth", &bandwidth_shape, false, "{bytesPerSecond}"},
};
static const struct shape shape = {.kind = SHAPE_OBJECT,
                                   .fields = fields,
                                   .field_count = ARRAY_COUNT(fields),
                                   .holds = has_settings};

struct side {
    VEC(host_id) hosts;
    VEC(process_id) processes;
};

static bool read_side(struct run *r, struct value v, struct side *side, struct text *message)
{
    struct value nodes = value_get_key(v, S("nodes")), zones = value_get_key(v, S("zones"));
    struct value components = value_get_key(v, S("components"));
    for (size_t i = 0; i < value_count(nodes); i++) {
        host_id host;
        if (value_is(value_at(nodes, i), "outside"))
            host = cluster_outside(r->cluster);
        else if (!fault_find_host(r, value_str(value_at(nodes, i)), &host, message))
            return false;
        vec_push(&side->hosts, host);
    }
    for (size_t i = 0; i < value_count(zones); i++) {
        size_t before = side->hosts.count;
        for (size_t j = 0; j < cluster_host_count(r->cluster); j++) {
            if (str_equal(cluster_host_zone(r->cluster, j), value_str(value_at(zones, i))))
                vec_push(&side->hosts, cluster_host_id(r->cluster, j));
        }
        if (side->hosts.count == before) {
            text_printf(message, "no machine is in zone \"%.*s\"",
                        STR_ARG(value_str(value_at(zones, i))));
            return false;
        }
    }
    for (size_t i = 0; i < value_count(components); i++) {
        process_id process;
        if (!fault_find_process(r, value_str(value_at(components, i)), &process, message))
            return false;
        vec_push(&side->processes, process);
    }
    return true;
}

static struct fault_set set_of(const struct side *s)
{
    return (struct fault_set){s->hosts.items, s->hosts.count, s->processes.items,
                              s->processes.count};
}

static uint32_t percent_of(struct value arguments, struct str action)
{
    return (uint32_t)value_as_integer(value_get_key(value_get_key(arguments, action), S("percent")),
                                      100);
}

static bool inject(struct run *r, struct active_fault *f, struct value arguments,
                   struct text *message)
{
    struct side selector = {0}, target = {0};
    bool found = read_side(r, VALUE_GET(arguments, selector), &selector, message) &&
                 read_side(r, value_get_key(arguments, S("target")), &target, message);
    if (found) {
        struct value direction = value_get_key(arguments, S("direction")),
                     action = VALUE_GET(arguments, action);
        struct value delay = value_get_key(arguments, S("delay"));
        bool is_from = value_is(direction, "from");
        struct network_rule rule = {
            .from = set_of(is_from ? &target : &selector),
            .to = set_of(is_from ? &selector : &target),
            .both_ways = !is_from && !value_is(direction, "to"),
            .is_cut = value_is(action, "partition"),
        };
        if (value_is(action, "delay")) {
            rule.delay = value_duration(delay, S("latency"), (struct duration){0});
            rule.jitter = value_duration(delay, S("jitter"), (struct duration){0});
        }
        rule.loss_percent = value_is(action, "loss") ? percent_of(arguments, S("loss")) : 0;
        rule.duplicate_percent =
            value_is(action, "duplicate") ? percent_of(arguments, S("duplicate")) : 0;
        rule.reorder_percent =
            value_is(action, "reorder") ? percent_of(arguments, S("reorder")) : 0;
        struct value bandwidth =
            value_get_key(value_get_key(arguments, S("bandwidth")), S("bytesPerSecond"));
        rule.bytes_per_second =
            value_is(action, "bandwidth") ? (uint64_t)value_as_integer(bandwidth, 0) : 0;
        vec_push(&f->handles, sim_network_rule_add(r->sim, &rule));
    }
    vec_release(&selector.hosts);
    vec_release(&selector.processes);
    vec_release(&target.hosts);
    vec_release(&target.processes);
    return found;
}

static void heal(struct run *r, struct active_fault *f)
{
    for (size_t i = 0; i < f->handles.count; i++)
        sim_network_rule_remove(r->sim, f->handles.items[i]);
}

const struct fault_kind fault_network = {
    .name = "networkChaos",
    .help = "between machines: partition, delay, loss, duplicate, reorder, bandwidth",
    .example =
        "networkChaos: {action: partition, selector: {zones: [zone-a]}, target: {zones: [zone-b]}}",
    .shape = &shape,
    .inject = inject,
    .heal = heal,
};
