/* SPDX-License-Identifier: Apache-2.0
 *
 * HorizontalPodAutoscalers: bounds, what is scaled, metrics (one source each, the one that the type
 * names), behavior. An autoscaler of autoscaling/v1 has no metrics of its own; its bounds and its
 * target are the same.
 */
#include "sim/base/base.h"

#include "cluster/api/quantity.h"
#include "cluster/api/validate_parts.h"

#define STABILIZATION_MAX_S 3600
#define PERIOD_MAX_S 1800

static void check_reference(struct value reference, path_t path, errors_t *errors)
{
    struct value kind = VALUE_GET(reference, kind), name = VALUE_GET(reference, name);
    if (check_required(errors, path, "kind", kind))
        check_child_rule(errors, path, "kind", kind, name_path_segment);
    if (check_required(errors, path, "name", name))
        check_child_rule(errors, path, "name", name, name_path_segment);
    struct str version = VALUE_STR(reference, apiVersion), rest;
    (void)str_cut(version, '/', &rest);
    if (str_find(rest, '/') < rest.size)
        child_error(errors, FIELD_INVALID, path, "apiVersion", VALUE_GET(reference, apiVersion),
                    "unexpected GroupVersion string: %.*s", STR_ARG(version));
}

/* ---- metrics ---- */

static void check_identifier(struct value metric, path_t path, errors_t *errors)
{
    struct value name = VALUE_GET(metric, name);
    if (!text_is_set(name))
        child_error(errors, FIELD_REQUIRED, path, "name", VALUE_ABSENT,
                    "must specify a metric name");
    else
        check_child_rule(errors, path, "name", name, name_path_segment);
}

static bool is_positive(struct value quantity)
{
    return quantity_compare(quantity, VALUE_ABSENT) > 0;
}

static void check_target(struct value target, path_t path, errors_t *errors)
{
    struct value type = VALUE_GET(target, type), value = VALUE_GET(target, value);
    struct value average = VALUE_GET(target, averageValue);
    struct value utilization = VALUE_GET(target, averageUtilization);
    if (!text_is_set(type))
        child_error(errors, FIELD_REQUIRED, path, "type", VALUE_ABSENT,
                    "must specify a metric target type");
    if (!is_one_of(type, "Utilization|Value|AverageValue"))
        child_error(errors, FIELD_INVALID, path, "type",
                    value_is_present(type) ? type : value_string(S("")),
                    "must be either Utilization, Value, or AverageValue");
    if (value_is_present(value) && !is_positive(value))
        child_error(errors, FIELD_INVALID, path, "value", value, "must be positive");
    if (value_is_present(average) && !is_positive(average))
        child_error(errors, FIELD_INVALID, path, "averageValue", average, "must be positive");
    if (value_is_present(utilization) && value_as_integer(utilization, 0) < 1)
        child_error(errors, FIELD_INVALID, path, "averageUtilization", utilization,
                    "must be greater than 0");
}

static void check_object_source(struct value source, path_t path, errors_t *errors)
{
    struct field_path object = path_child(path, "describedObject"),
                      metric = path_child(path, "metric"), target = path_child(path, "target");
    check_reference(VALUE_GET(source, describedObject), &object, errors);
    check_identifier(VALUE_GET(source, metric), &metric, errors);
    check_target(VALUE_GET(source, target), &target, errors);
    if (!value_is_present(VALUE_GET(source, target, value)) &&
        !value_is_present(VALUE_GET(source, target, averageValue)))
        child_error(errors, FIELD_REQUIRED, &target, "averageValue", VALUE_ABSENT,
                    "must set either a target value or averageValue");
}

static void check_external_source(struct value source, path_t path, errors_t *errors)
{
    struct field_path metric = path_child(path, "metric"), target = path_child(path, "target");
    bool has_value = value_is_present(VALUE_GET(source, target, value));
    bool has_average = value_is_present(VALUE_GET(source, target, averageValue));
    check_identifier(VALUE_GET(source, metric), &metric, errors);
    check_target(VALUE_GET(source, target), &target, errors);
    if (!has_value && !has_average)
        child_error(errors, FIELD_REQUIRED, &target, "averageValue", VALUE_ABSENT,
                    "must set either a target value for metric or a per-pod target");
    if (has_value && has_average)
        child_error(errors, FIELD_FORBIDDEN, &target, "value", VALUE_ABSENT,
                    "may not set both a target value for metric and a per-pod target");
}

static void check_pods_source(struct value source, path_t path, errors_t *errors)
{
    struct field_path metric = path_child(path, "metric"), target = path_child(path, "target");
    check_identifier(VALUE_GET(source, metric), &metric, errors);
    check_target(VALUE_GET(source, target), &target, errors);
    if (!is_positive(VALUE_GET(source, target, averageValue)))
        child_error(errors, FIELD_REQUIRED, &target, "averageValue", VALUE_ABSENT,
                    "must specify a positive target averageValue");
}

static void check_resource_source(struct value source, path_t path, errors_t *errors)
{
    struct field_path target = path_child(path, "target");
    bool has_utilization = value_is_present(VALUE_GET(source, target, averageUtilization));
    bool has_average = value_is_present(VALUE_GET(source, target, averageValue));
    if (!text_is_set(VALUE_GET(source, name)))
        child_error(errors, FIELD_REQUIRED, path, "name", VALUE_ABSENT,
                    "must specify a resource name");
    check_target(VALUE_GET(source, target), &target, errors);
    if (!has_utilization && !has_average)
        child_error(errors, FIELD_REQUIRED, &target, "averageUtilization", VALUE_ABSENT,
                    "must set either a target raw value or a target utilization");
    if (has_utilization && has_average)
        child_error(errors, FIELD_FORBIDDEN, &target, "averageValue", VALUE_ABSENT,
                    "may not set both a target raw value and a target utilization");
}

static void check_container_source(struct value source, path_t path, errors_t *errors)
{
    check_resource_source(source, path, errors);
    if (!text_is_set(VALUE_GET(source, container)))
        child_error(errors, FIELD_REQUIRED, path, "container", VALUE_ABSENT,
                    "must specify a container");
}

static const struct {
    const char *type, *name;
    atom key;
    void (*check)(struct value source, path_t path, errors_t *errors);
} sources[] = {
    {"Object", "object", ATOM_object, check_object_source},
    {"External", "external", ATOM_external, check_external_source},
    {"Pods", "pods", ATOM_pods, check_pods_source},
    {"Resource", "resource", ATOM_resource, check_resource_source},
    {"ContainerResource", "containerResource", ATOM_containerResource, check_container_source},
};

/* The first source that is there is checked; there must be one, that of the type. */
static void check_metric(struct value metric, path_t path, errors_t *errors)
{
    struct value type = VALUE_GET(metric, type);
    size_t present = 0;
    if (!text_is_set(type))
        child_error(errors, FIELD_REQUIRED, path, "type", VALUE_ABSENT,
                    "must specify a metric source type");
    if (!is_one_of(type, "ContainerResource|External|Object|Pods|Resource"))
        child_error(errors, FIELD_NOT_SUPPORTED, path, "type",
                    value_is_present(type) ? type : value_string(S("")),
                    "supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", "
                    "\"Resource\"");
    for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
        struct value source = value_get(metric, sources[i].key);
        struct field_path at = path_child(path, sources[i].name);
        if (value_is_present(source) && present++ == 0)
            sources[i].check(source, &at, errors);
    }
    for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
        bool is_present = value_is_present(value_get(metric, sources[i].key));
        if (value_is(type, sources[i].type) && !is_present)
            child_error(errors, FIELD_REQUIRED, path, sources[i].name, VALUE_ABSENT,
                        "must populate information for the given metric source");
    }
    for (size_t i = 0; present != 1 && i < ARRAY_COUNT(sources); i++) {
        bool is_present = value_is_present(value_get(metric, sources[i].key));
        if (is_present && !value_is(type, sources[i].type))
            child_error(errors, FIELD_FORBIDDEN, path, sources[i].name, VALUE_ABSENT,
                        "must populate the given metric source only");
    }
}

/* ---- behavior ---- */

static void check_policy(struct value policy, path_t path, errors_t *errors)
{
    struct value type = VALUE_GET(policy, type), period = VALUE_GET(policy, periodSeconds);
    if (!is_one_of(type, "Percent|Pods"))
        child_error(errors, FIELD_NOT_SUPPORTED, path, "type",
                    value_is_present(type) ? type : value_string(S("")),
                    "supported values: \"Percent\", \"Pods\"");
    if (VALUE_INT(policy, 0, value) <= 0)
        child_error(errors, FIELD_INVALID, path, "value",
                    value_integer(VALUE_INT(policy, 0, value)), "must be greater than zero");
    if (value_as_integer(period, 0) <= 0)
        child_error(errors, FIELD_INVALID, path, "periodSeconds",
                    value_integer(value_as_integer(period, 0)), "must be greater than zero");
    if (value_as_integer(period, 0) > PERIOD_MAX_S)
        child_error(errors, FIELD_INVALID, path, "periodSeconds", period,
                    "must be less than or equal to %d", PERIOD_MAX_S);
}

static void check_rules(struct value rules, path_t path, errors_t *errors)
{
    struct value window = VALUE_GET(rules, stabilizationWindowSeconds);
    struct value policies = VALUE_GET(rules, policies);
    struct field_path list = path_child(path, "policies");
    if (!value_is_present(rules))
        return;
    if (value_as_integer(window, 0) < 0)
        child_error(errors, FIELD_INVALID, path, "stabilizationWindowSeconds", window,
                    "must be greater than or equal to zero");
    if (value_as_integer(window, 0) > STABILIZATION_MAX_S)
        child_error(errors, FIELD_INVALID, path, "stabilizationWindowSeconds", window,
                    "must be less than or equal to %d", STABILIZATION_MAX_S);
    check_optional_choice(errors, path, "selectPolicy", VALUE_GET(rules, selectPolicy),
                          "Disabled|Max|Min");
    if (value_count(policies) == 0)
        field_error_at(errors, FIELD_REQUIRED, &list, VALUE_ABSENT,
                       "must specify at least one Policy");
    for (size_t i = 0; i < value_count(policies); i++) {
        struct field_path item = path_index(&list, i);
        check_policy(value_at(policies, i), &item, errors);
    }
}

void validate_autoscaler(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), max = VALUE_GET(spec, maxReplicas);
    struct value metrics = VALUE_GET(spec, metrics);
    struct field_path path = path_child(NULL, "spec"), target = path_child(&path, "scaleTargetRef"),
                      list = path_child(&path, "metrics"), behavior = path_child(&path, "behavior"),
                      up = path_child(&behavior, "scaleUp"),
                      down = path_child(&behavior, "scaleDown");
    int64_t least = VALUE_INT(spec, 1, minReplicas), most = value_as_integer(max, 0);
    if (least < 1)
        child_error(errors, FIELD_INVALID, &path, "minReplicas", VALUE_GET(spec, minReplicas),
                    "must be greater than or equal to 1");
    if (most == 0)
        child_error(errors, FIELD_REQUIRED, &path, "maxReplicas", VALUE_ABSENT,
                    "must be set and greater than 0");
    else if (most < 1)
        child_error(errors, FIELD_INVALID, &path, "maxReplicas", max,
                    "must be greater than or equal to 1");
    if (most < least)
        child_error(errors, FIELD_INVALID, &path, "maxReplicas", value_integer(most),
                    "must be greater than or equal to `minReplicas`");
    check_reference(VALUE_GET(spec, scaleTargetRef), &target, errors);
    for (size_t i = 0; i < value_count(metrics); i++) {
        struct field_path item = path_index(&list, i);
        check_metric(value_at(metrics, i), &item, errors);
    }
    check_rules(VALUE_GET(spec, behavior, scaleUp), &up, errors);
    check_rules(VALUE_GET(spec, behavior, scaleDown), &down, errors);
}
