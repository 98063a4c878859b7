/* SPDX-License-Identifier: Apache-2.0
 *
 * The resize subresource of a pod (ValidatePodResize upstream): cpu and memory of containers, init
 * containers and of the pod itself may change while it runs, nothing else. What is requested or
 * limited stays so, containers keep their places, and the pod keeps its quality of service. Pods
 * of Windows and mirrors of static pods have no such thing.
 */
#include "sim/base/base.h"

#include "cluster/api/validate.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"

static const struct container_list {
    atom key;
    const char *name;
} lists[] = {{ATOM_containers, "containers"}, {ATOM_initContainers, "initContainers"}};

static bool keeps_order(const struct container_list *list, struct value new_spec,
                        struct value old_spec, path_t spec, errors_t *errors)
{
    struct value new = value_get(new_spec, list->key), old = value_get(old_spec, list->key);
    struct field_path list_path = path_child(spec, list->name);
    bool is_kept = true;
    if (value_count(new) != value_count(old)) {
        field_error_at(errors, FIELD_FORBIDDEN, &list_path, VALUE_ABSENT,
                       "%s may not be added or removed on resize", list->name);
        return false;
    }
    for (size_t i = 0; i < value_count(new); i++) {
        struct field_path item = path_index(&list_path, i);
        if (value_equal(VALUE_GET(value_at(new, i), name), VALUE_GET(value_at(old, i), name)))
            continue;
        child_error(errors, FIELD_FORBIDDEN, &item, "name", VALUE_ABSENT,
                    "%s may not be renamed or reordered on resize", list->name);
        is_kept = false;
    }
    return is_kept;
}

static bool is_resizable(struct str name)
{
    return str_equal(name, S("cpu")) || str_equal(name, S("memory"));
}

static bool loses_names(struct value new, struct value old)
{
    for (size_t i = 0; i < value_count(old); i++) {
        if (!value_is_present(value_get_key(new, value_key_at(old, i))))
            return true;
    }
    return false;
}

/* Amounts of anything but cpu and memory, where the old list had any. */
static bool changes_others(struct value new, struct value old)
{
    if (!value_is_present(old))
        return false;
    const struct value both[] = {new, old};
    for (size_t b = 0; b < ARRAY_COUNT(both); b++) {
        for (size_t i = 0; i < value_count(both[b]); i++) {
            struct str name = value_key_at(both[b], i);
            struct value x = value_get_key(new, name), y = value_get_key(old, name);
            if (!is_resizable(name) &&
                (value_is_present(x) != value_is_present(y) || quantity_compare(x, y) != 0))
                return true;
        }
    }
    return false;
}

/* Upstream a container with claims is always found to differ, since its check leaves them out. */
static bool changes_more_than_size(struct value new, struct value old)
{
    AUTO(value) struct value a = value_set(value_keep(new), ATOM_resources, VALUE_ABSENT);
    AUTO(value) struct value b = value_set(value_keep(old), ATOM_resources, VALUE_ABSENT);
    return !value_equal(a, b) || value_count(VALUE_GET(old, resources, claims)) > 0 ||
           changes_others(VALUE_GET(new, resources, limits), VALUE_GET(old, resources, limits)) ||
           changes_others(VALUE_GET(new, resources, requests), VALUE_GET(old, resources, requests));
}

static void check_removals(struct value new, struct value old, path_t container, errors_t *errors)
{
    struct field_path here = path_child(container, "resources");
    if (loses_names(VALUE_GET(new, resources, requests), VALUE_GET(old, resources, requests)))
        child_error(errors, FIELD_FORBIDDEN, &here, "requests", VALUE_ABSENT,
                    "resource requests cannot be removed");
    if (loses_names(VALUE_GET(new, resources, limits), VALUE_GET(old, resources, limits)))
        child_error(errors, FIELD_FORBIDDEN, &here, "limits", VALUE_ABSENT,
                    "resource limits cannot be removed");
}

static void check_list_removals(const struct container_list *list, struct value new,
                                struct value old, path_t spec, errors_t *errors)
{
    struct field_path list_path = path_child(spec, list->name);
    for (size_t i = 0; i < value_count(value_get(old, list->key)); i++) {
        struct field_path item = path_index(&list_path, i);
        check_removals(value_at(value_get(new, list->key), i),
                       value_at(value_get(old, list->key), i), &item, errors);
    }
}

static bool restarts_on_resize(struct value container)
{
    struct value list = VALUE_GET(container, resizePolicy);
    for (size_t i = 0; i < value_count(list); i++) {
        if (VALUE_IS(value_at(list, i), "RestartContainer", restartPolicy))
            return true;
    }
    return false;
}

static void check_containers(struct value new, struct value old, path_t spec, errors_t *errors)
{
    struct value now = VALUE_GET(new, containers), was = VALUE_GET(old, containers);
    struct field_path list_path = path_child(spec, "initContainers");
    for (size_t i = 0; i < value_count(was); i++) {
        if (changes_more_than_size(value_at(now, i), value_at(was, i)))
            field_error_at(errors, FIELD_FORBIDDEN, spec, VALUE_ABSENT,
                           "only cpu and memory resources are mutable");
    }
    now = VALUE_GET(new, initContainers), was = VALUE_GET(old, initContainers);
    for (size_t i = 0; i < value_count(was); i++) {
        struct field_path item = path_index(&list_path, i);
        struct value is = value_at(now, i);
        if (changes_more_than_size(is, value_at(was, i)))
            field_error_at(errors, FIELD_FORBIDDEN, &item, VALUE_ABSENT,
                           "only cpu and memory resources for init or sidecar containers are "
                           "mutable");
        if (!container_is_sidecar(is) && restarts_on_resize(is) &&
            !value_equal(VALUE_GET(is, resources), VALUE_GET(value_at(was, i), resources)))
            field_error_at(errors, FIELD_FORBIDDEN, &item, VALUE_ABSENT,
                           "non-sidecar init containers with a resize policy of RestartContainer "
                           "cannot be resized");
    }
}

static void check_pod_level(struct value new, struct value old, path_t spec, errors_t *errors)
{
    struct value was = VALUE_GET(old, resources), is = VALUE_GET(new, resources);
    struct field_path here = path_child(spec, "resources");
    if (!value_is_present(was))
        return;
    if (!value_is_present(is)) {
        field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                       "pod-level resources cannot be removed");
        return;
    }
    if (loses_names(VALUE_GET(is, requests), VALUE_GET(was, requests)))
        child_error(errors, FIELD_FORBIDDEN, &here, "requests", VALUE_ABSENT,
                    "pod-level resource requests cannot be removed");
    if (loses_names(VALUE_GET(is, limits), VALUE_GET(was, limits)))
        child_error(errors, FIELD_FORBIDDEN, &here, "limits", VALUE_ABSENT,
                    "pod-level resource limits cannot be removed");
    if (changes_others(VALUE_GET(is, requests), VALUE_GET(was, requests)) ||
        changes_others(VALUE_GET(is, limits), VALUE_GET(was, limits)))
        field_error_at(errors, FIELD_FORBIDDEN, spec, VALUE_ABSENT,
                       "only cpu and memory resources are mutable at pod-level");
}

static void check_other_fields(struct value new, struct value old, path_t spec, errors_t *errors)
{
    AUTO(value) struct value a = value_keep(new);
    AUTO(value) struct value b = value_keep(old);
    static const atom checked[] = {ATOM_containers, ATOM_initContainers, ATOM_resources};
    for (size_t i = 0; i < ARRAY_COUNT(checked); i++) {
        a = value_set(a, checked[i], VALUE_ABSENT);
        b = value_set(b, checked[i], VALUE_ABSENT);
    }
    if (!value_equal(a, b))
        field_error_at(errors, FIELD_FORBIDDEN, spec, VALUE_ABSENT,
                       "only cpu and memory resources are mutable");
}

/* Mirrors and pods of Windows: nothing else is said. */
static bool may_resize(struct value pod, errors_t *errors)
{
    struct value annotations = VALUE_GET(pod, metadata, annotations);
    const char *why = NULL;
    if (value_is_present(value_get_key(annotations, S("kubernetes.io/config.mirror"))))
        why = "static pods cannot be resized";
    else if (VALUE_IS(pod, "windows", spec, os, name))
        why = "windows pods cannot be resized";
    if (why == NULL)
        return true;
    field_errors_release(errors);
    field_error_add(errors, FIELD_FORBIDDEN, S(""), VALUE_ABSENT, "%s", why);
    return false;
}

void validate_pod_resize(struct value new_pod, struct value old_pod, struct field_errors *errors)
{
    struct value new = value_get(new_pod, ATOM_spec), old = value_get(old_pod, ATOM_spec);
    struct value class = VALUE_GET(old_pod, status, qosClass);
    struct field_path path = path_child(NULL, "spec");
    validate_pod(new_pod, errors);
    if (!may_resize(old_pod, errors))
        return;
    bool is_kept = true;
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        is_kept &= keeps_order(&lists[i], new, old, &path, errors);
    if (!is_kept)
        return;
    struct str was = text_is_set(class) ? value_str(class) : podspec_qos_class(old);
    if (!str_equal(was, podspec_qos_class(new))) {
        AUTO(value) struct value shown = value_string(VALUE_STR(new_pod, status, qosClass));
        field_error_at(errors, FIELD_INVALID, &path, shown,
                       "Pod QOS Class may not change as a result of resizing");
    }
    check_pod_level(new, old, &path, errors);
    check_list_removals(&lists[1], new, old, &path, errors);
    check_list_removals(&lists[0], new, old, &path, errors);
    check_containers(new, old, &path, errors);
    if (errors->count == 0)
        check_other_fields(new, old, &path, errors);
}
