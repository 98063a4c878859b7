/* SPDX-License-Identifier: Apache-2.0
 *
 * podChaos: pod-kill deletes pods without grace, as Chaos Mesh does through the API; pod-failure
 * makes their programs answer nothing until it is healed; container-kill kills containers where
 * they run, so that the kubelet starts them again. Which pods: the selector's, thinned out by the
 * mode with random numbers of the run's seed and the fault's name.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "runtime/cri.h"
#include "scenarios/engine/faults.h"
#include "sim/base/hash.h"
#include "sim/fault.h"

#define EXIT_SIGKILL 137

static const char *const actions[] = {"pod-kill", "pod-failure", "container-kill", NULL};
static const char *const modes[] = {"one", "all", "fixed", "fixed-percent", "random-max-percent",
                                    NULL};
static const struct shape action_shape = {.kind = SHAPE_ENUM, .choices = actions};
static const struct shape mode_shape = {.kind = SHAPE_ENUM, .choices = modes};
static const struct shape pods_shape = {.kind = SHAPE_MAP, .item = &shape_strings};
static const struct shape_field selector_fields[] = {
    {"namespaces", &shape_strings, false, "only in these; default when absent"},
    {"labelSelectors", &shape_labels, false, "labels that a pod must have"},
    {"nodes", &shape_strings, false, "only on these nodes"},
    {"pods", &pods_shape, false, "by name: {namespace: [name]}"},
};
static const struct shape selector_shape = {
    .kind = SHAPE_OBJECT, .fields = selector_fields, .field_count = ARRAY_COUNT(selector_fields)};
static const struct shape_field fields[] = {
    {"action", &action_shape, true, "pod-kill, pod-failure or container-kill"},
    {"mode", &mode_shape, false, "how many of the selected; one when absent"},
    {"value", &shape_scalar, false, "of the modes fixed (a number) and the percents"},
    {"selector", &selector_shape, true, "which pods"},
    {"containerNames", &shape_strings, false, "of container-kill; all when absent"},
};
static bool has_value(struct value v, struct text *expected, struct text *at)
{
    struct value mode = VALUE_GET(v, mode);
    bool is_plain = !value_is_present(mode) || value_is(mode, "one") || value_is(mode, "all");
    text_add(at, S("value"));
    text_add(expected, S("a number with this mode"));
    struct value number = VALUE_GET(v, value);
    int64_t n;
    return is_plain || value_kind(number) == VALUE_INTEGER || str_to_int64(value_str(number), &n);
}
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields), .holds = has_value};

static bool list_has(struct value list, struct str name)
{
    for (size_t i = 0; i < value_count(list); i++) {
        if (str_equal(value_str(value_at(list, i)), name))
            return true;
    }
    return false;
}

static bool is_selected(struct value selector, const struct object_key *key, struct value pod)
{
    struct value namespaces = value_get_key(selector, S("namespaces")),
                 nodes = value_get_key(selector, S("nodes"));
    struct value labels = value_get_key(selector, S("labelSelectors")),
                 named = VALUE_GET(selector, pods);
    if (value_is_present(named) && !list_has(value_get_key(named, key->namespace), key->name))
        return false;
    if (!value_is_present(named)) {
        bool is_there = value_is_present(namespaces) ? list_has(namespaces, key->namespace)
                                                     : str_equal(key->namespace, S("default"));
        if (!is_there)
            return false;
    }
    if (value_is_present(nodes) && !list_has(nodes, VALUE_STR(pod, spec, nodeName)))
        return false;
    return !value_is_present(labels) || partial_matches(labels, object_labels(pod));
}

static size_t how_many(const struct run *r, const struct active_fault *f, size_t count)
{
    struct value mode = VALUE_GET(f->arguments, mode), given = VALUE_GET(f->arguments, value);
    int64_t number = value_as_integer(given, 0);
    if (value_kind(given) == VALUE_STRING)
        (void)str_to_int64(value_str(given), &number); /* the shape has seen that it is a number */
    size_t n = number < 0 ? 0 : (size_t)number;
    if (value_is(mode, "all"))
        return count;
    if (value_is(mode, "fixed"))
        return n < count ? n : count;
    if (value_is(mode, "random-max-percent"))
        n = random_at(r->seed, hash_bytes(str_from(f->name)), 0, 0, 0) % (n + 1);
    if (value_is(mode, "fixed-percent") || value_is(mode, "random-max-percent"))
        return count * (n > 100 ? 100 : n) / 100;
    return 1;
}

/* Moves one of the candidates after another to the chosen, in random order. */
static struct value choose(const struct run *r, const struct active_fault *f,
                           struct value own_candidates)
{
    struct value chosen = value_array();
    size_t wanted = how_many(r, f, value_count(own_candidates));
    for (uint64_t i = 1; i <= wanted && value_count(own_candidates) > 0; i++) {
        uint64_t random = random_at(r->seed, hash_bytes(str_from(f->name)), i, 0, 0);
        size_t at = (size_t)(random % value_count(own_candidates));
        chosen = value_append(chosen, value_keep(value_at(own_candidates, at)));
        own_candidates = value_remove_at(own_candidates, at);
    }
    value_drop(own_candidates);
    return chosen;
}

static void tell_runtime(struct run *r, struct value pod, enum runtime_fault_kind kind,
                         struct value container, int64_t number)
{
    AUTO(text) struct text name = {0};
    process_id runtime;
    text_printf(&name, "containerd@%.*s", STR_ARG(value_str(value_get_key(pod, S("node")))));
    if (!sim_find_process(r->sim, text_str(&name), &runtime) ||
        !sim_process_is_running(r->sim, runtime))
        return;
    struct runtime_fault *fault = runtime_fault_new(
        kind, VALUE_STR(pod, namespace), VALUE_STR(pod, name), value_str(container), number);
    sim_command(r->sim, runtime, &fault->message);
}

static void act(struct run *r, struct active_fault *f, struct value pod)
{
    struct value action = VALUE_GET(f->arguments, action);
    struct value containers = value_get_key(f->arguments, S("containerNames"));
    if (value_is(action, "pod-kill")) {
        struct user_action *a = user_action_new(
            USER_DELETE, object_key_of(resource_get(RESOURCE_pods), VALUE_STR(pod, namespace),
                                       VALUE_STR(pod, name)));
        a->grace_seconds = 0;
        a->id = ++r->last_action;
        user_post(r->sim, r->user, a);
    } else if (value_is(action, "pod-failure"))
        tell_runtime(r, pod, RUNTIME_FAULT_PROGRAM_HANG, VALUE_ABSENT, 1);
    else if (value_count(containers) == 0)
        tell_runtime(r, pod, RUNTIME_FAULT_KILL_CONTAINER, VALUE_ABSENT, EXIT_SIGKILL);
    for (size_t i = 0; i < value_count(containers) && value_is(action, "container-kill"); i++)
        tell_runtime(r, pod, RUNTIME_FAULT_KILL_CONTAINER, value_at(containers, i), EXIT_SIGKILL);
}

static bool inject(struct run *r, struct active_fault *f, struct value arguments,
                   struct text *message)
{
    struct value candidates = value_array();
    for (struct view_cursor c = view_first(r->view, resource_get(RESOURCE_pods), S("")); c.key;
         view_next(&c)) {
        if (is_selected(VALUE_GET(arguments, selector), c.key, c.object))
            candidates = value_append(candidates, value_pack("{namespace: %S, name: %S, node: %S}",
                                                             c.key->namespace, c.key->name,
                                                             VALUE_STR(c.object, spec, nodeName)));
    }
    if (value_count(candidates) == 0) {
        value_drop(candidates);
        text_add(message, S("no pod is selected"));
        return false;
    }
    f->pods = choose(r, f, candidates);
    for (size_t i = 0; i < value_count(f->pods); i++)
        act(r, f, value_at(f->pods, i));
    return true;
}

static void heal(struct run *r, struct active_fault *f)
{
    for (size_t i = 0; i < value_count(f->pods) && VALUE_IS(f->arguments, "pod-failure", action);
         i++)
        tell_runtime(r, value_at(f->pods, i), RUNTIME_FAULT_PROGRAM_HANG, VALUE_ABSENT, 0);
}

const struct fault_kind fault_pod = {
    .name = "podChaos",
    .help = "pods: kill, failure, container-kill",
    .example = "podChaos: {action: pod-kill, mode: one, selector: {labelSelectors: {app: web}}}",
    .shape = &shape,
    .inject = inject,
    .heal = heal,
};
