/* SPDX-License-Identifier: Apache-2.0
 *
 * Horizontal pod autoscalers as autoscaling/v1 shows them. What is stored is autoscaling/v2; v1 has
 * fields for a CPU utilisation alone, so that all else travels in annotations, from which it comes
 * back when such an object is written:
 *
 *     autoscaling.alpha.kubernetes.io/metrics           all other metrics that are aimed at
 *     autoscaling.alpha.kubernetes.io/current-metrics   all metrics that were seen
 *     autoscaling.alpha.kubernetes.io/conditions
 *     autoscaling.alpha.kubernetes.io/behavior
 *
 * The metrics there have the names of the version before v2: `metricName` for `metric.name`.
 *
 * Upstream: pkg/apis/autoscaling/v1/conversion.go.
 */
#include "cluster/apiserver/machinery.h"

#include <string.h>

#include "cluster/api/decode.h"
#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/schema.h"

#define PREFIX "autoscaling.alpha.kubernetes.io/"
static const char *const annotations[] = {PREFIX "metrics", PREFIX "current-metrics",
                                          PREFIX "conditions", PREFIX "behavior"};

/* A field of v2, as a path below the metric's member, and its name in the annotation, where Go
 * writes some quantities even when there are none: as zero. */
struct field_pair {
    const char *path, *name;
    bool is_always;
};
struct metric_shape {
    const char *type, *member;
    struct field_pair target[5], current[5]; /* in the order of output */
};
static const struct metric_shape shapes[] = {
    {"Object",
     "object",
     {{"describedObject", "target", false},
      {"metric/name", "metricName", false},
      {"target/value", "targetValue", true},
      {"metric/selector", "selector", false},
      {"target/averageValue", "averageValue", false}},
     {{"describedObject", "target", false},
      {"metric/name", "metricName", false},
      {"current/value", "currentValue", true},
      {"metric/selector", "selector", false},
      {"current/averageValue", "averageValue", false}}},
    {"Pods",
     "pods",
     {{"metric/name", "metricName", false},
      {"target/averageValue", "targetAverageValue", false},
      {"metric/selector", "selector", false}},
     {{"metric/name", "metricName", false},
      {"current/averageValue", "currentAverageValue", true},
      {"metric/selector", "selector", false}}},
    {"Resource",
     "resource",
     {{"name", "name", false},
      {"target/averageUtilization", "targetAverageUtilization", false},
      {"target/averageValue", "targetAverageValue", false}},
     {{"name", "name", false},
      {"current/averageUtilization", "currentAverageUtilization", false},
      {"current/averageValue", "currentAverageValue", true}}},
    {"ContainerResource",
     "containerResource",
     {{"name", "name", false},
      {"target/averageUtilization", "targetAverageUtilization", false},
      {"target/averageValue", "targetAverageValue", false},
      {"container", "container", false}},
     {{"name", "name", false},
      {"current/averageUtilization", "currentAverageUtilization", false},
      {"current/averageValue", "currentAverageValue", true},
      {"container", "container", false}}},
    {"External",
     "external",
     {{"metric/name", "metricName", false},
      {"metric/selector", "metricSelector", false},
      {"target/value", "targetValue", false},
      {"target/averageValue", "targetAverageValue", false}},
     {{"metric/name", "metricName", false},
      {"metric/selector", "metricSelector", false},
      {"current/value", "currentValue", true},
      {"current/averageValue", "currentAverageValue", false}}},
};

static const struct metric_shape *shape_of(struct value metric)
{
    for (size_t i = 0; i < ARRAY_COUNT(shapes); i++)
        if (VALUE_IS(metric, shapes[i].type, type))
            return &shapes[i];
    return NULL;
}

static struct value get_at(struct value v, const char *path)
{
    struct str rest = str_from(path);
    while (rest.size > 0)
        v = value_get_key(v, str_cut(rest, '/', &rest));
    return v;
}

static struct value set_at(struct value own_object, const char *path, struct value own_part)
{
    struct str rest, first = str_cut(str_from(path), '/', &rest);
    if (rest.size == 0)
        return value_set_key(own_object, first, own_part);
    struct value member = value_keep(value_get_key(own_object, first));
    member = value_is_present(member) ? member : value_object();
    return value_set_key(own_object, first, value_set_key(member, rest, own_part));
}

static bool is_cpu_utilization(struct value metric, bool is_current)
{
    return VALUE_IS(metric, "Resource", type) && VALUE_IS(metric, "cpu", resource, name) &&
           value_is_present(is_current
                                ? VALUE_GET(metric, resource, current, averageUtilization)
                                : VALUE_GET(metric, resource, target, averageUtilization));
}

/* ---- to v1 ---- */

static void write_metric(struct value metric, bool is_current, struct text *out)
{
    const struct metric_shape *s = shape_of(metric);
    const struct field_pair *fields = is_current ? s->current : s->target;
    bool is_first = true;
    text_printf(out, "{\"type\":\"%s\",\"%s\":{", s->type, s->member);
    for (size_t i = 0; i < ARRAY_COUNT(s->target) && fields[i].path; i++) {
        struct value part = get_at(value_get_key(metric, str_from(s->member)), fields[i].path);
        if (!value_is_present(part) && !fields[i].is_always)
            continue;
        text_printf(out, "%s\"%s\":", is_first ? "" : ",", fields[i].name);
        if (value_is_present(part))
            json_write(part, out);
        else
            text_add(out, S("\"0\""));
        is_first = false;
    }
    text_add(out, S("}}"));
}

/* The metrics as an annotation's text; nothing when there are none. */
static void write_metrics(struct value metrics, bool is_current, struct text *out)
{
    for (size_t i = 0; i < value_count(metrics); i++) {
        struct value metric = value_at(metrics, i);
        if (!shape_of(metric) || (!is_current && is_cpu_utilization(metric, false)))
            continue;
        text_add(out, out->size > 0 ? S(",") : S("["));
        write_metric(metric, is_current, out);
    }
    if (out->size > 0)
        text_add(out, S("]"));
}

static void write_conditions(struct value conditions, struct text *out)
{
    const enum schema_type_id type = TYPE_autoscaling_v2_HorizontalPodAutoscalerCondition;
    for (size_t i = 0; i < value_count(conditions); i++) {
        text_add(out, i > 0 ? S(",") : S("["));
        schema_write_json(&schema_types[type], value_at(conditions, i), out);
    }
    if (out->size > 0)
        text_add(out, S("]"));
}

static struct value annotate(struct value own_object, const char *name, const struct text *text)
{
    if (text->size == 0)
        return own_object;
    struct value all = value_keep(VALUE_GET(own_object, metadata, annotations));
    all = value_is_present(all) ? all : value_object();
    all = value_set_key(all, str_from(name), value_string(text_str(text)));
    return VALUE_SET(own_object, all, metadata, annotations);
}

static struct value without_annotations(struct value own_object)
{
    struct value all = value_keep(VALUE_GET(own_object, metadata, annotations));
    if (!value_is_present(all))
        return own_object;
    for (size_t i = 0; i < ARRAY_COUNT(annotations); i++)
        if (value_is_present(value_get_key(all, str_from(annotations[i]))))
            all = value_set_key(all, str_from(annotations[i]), VALUE_ABSENT);
    if (value_count(all) > 0)
        return VALUE_SET(own_object, all, metadata, annotations);
    value_drop(all);
    return VALUE_REMOVE(own_object, metadata, annotations);
}

struct value autoscaler_to_v1(struct value own_object)
{
    struct text texts[ARRAY_COUNT(annotations)] = {0};
    struct value metrics = VALUE_GET(own_object, spec, metrics),
                 current = VALUE_GET(own_object, status, currentMetrics),
                 behavior = VALUE_GET(own_object, spec, behavior);
    struct value target = VALUE_ABSENT, utilization = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(metrics); i++)
        if (is_cpu_utilization(value_at(metrics, i), false))
            target = VALUE_GET(value_at(metrics, i), resource, target, averageUtilization);
    for (size_t i = 0; i < value_count(current); i++)
        if (is_cpu_utilization(value_at(current, i), true))
            utilization = VALUE_GET(value_at(current, i), resource, current, averageUtilization);
    write_metrics(metrics, false, &texts[0]);
    write_metrics(current, true, &texts[1]);
    write_conditions(VALUE_GET(own_object, status, conditions), &texts[2]);
    if (value_is_present(behavior))
        schema_write_json(&schema_types[TYPE_autoscaling_v2_HorizontalPodAutoscalerBehavior],
                          behavior, &texts[3]);
    target = value_keep(target);
    utilization = value_keep(utilization);

    own_object = without_annotations(own_object);
    for (size_t i = 0; i < ARRAY_COUNT(annotations); i++)
        own_object = annotate(own_object, annotations[i], &texts[i]);
    for (size_t i = 0; i < ARRAY_COUNT(annotations); i++)
        text_release(&texts[i]);
    own_object = VALUE_REMOVE(own_object, spec, metrics);
    own_object = VALUE_REMOVE(own_object, spec, behavior);
    own_object = VALUE_REMOVE(own_object, status, currentMetrics);
    own_object = VALUE_REMOVE(own_object, status, conditions);
    if (value_is_present(target))
        own_object = VALUE_SET(own_object, target, spec, targetCPUUtilizationPercentage);
    if (value_is_present(utilization))
        own_object = VALUE_SET(own_object, utilization, status, currentCPUUtilizationPercentage);
    return own_object;
}

/* ---- to v2 ----
 *
 * Annotations are anybody's to write: what is not of the type it should be is left out. */

static struct value typed(enum schema_type_id type, struct value own_part)
{
    const struct decode_options options = {.validation = FIELD_VALIDATION_IGNORE};
    AUTO(text) struct text ignored = {0};
    return decode_bare(&schema_types[type], own_part, &options, &ignored, NULL);
}

/* The type of a target follows from what it says. */
static const char *target_type(struct value target, const char *otherwise)
{
    if (value_is_present(value_get_key(target, S("averageUtilization"))))
        return "Utilization";
    if (value_is_present(value_get_key(target, S("value"))))
        return "Value";
    return value_is_present(value_get_key(target, S("averageValue"))) ? "AverageValue" : otherwise;
}

static struct value read_metric(struct value metric, bool is_current)
{
    const struct metric_shape *s = shape_of(metric);
    const struct field_pair *fields = is_current ? s->current : s->target;
    struct value part = value_get_key(metric, str_from(s->member)), own = value_object();
    for (size_t i = 0; i < ARRAY_COUNT(s->target) && fields[i].path; i++) {
        struct value field = value_get_key(part, str_from(fields[i].name));
        bool is_zero = fields[i].is_always && !is_current && value_is(field, "0");
        if (value_is_present(field) && !is_zero)
            own = set_at(own, fields[i].path, value_keep(field));
    }
    if (!is_current)
        own = set_at(own, "target/type",
                     value_printf("%s", target_type(value_get_key(own, S("target")), "Value")));
    own = value_set_key(value_pack("{type: %s}", s->type), str_from(s->member), own);
    return typed(is_current ? TYPE_autoscaling_v2_MetricStatus : TYPE_autoscaling_v2_MetricSpec,
                 own);
}

/* What an annotation holds, of the kind it must be; absent when it is missing or no such JSON. */
static struct value read_annotation(struct value object, const char *name, enum value_kind kind)
{
    char small[VALUE_SMALL_SIZE];
    struct errmsg ignored = {0};
    struct value parsed = VALUE_ABSENT;
    struct value text =
        value_get_key(VALUE_GET(object, metadata, annotations), str_from(name));
    if (!value_is_present(text) ||
        json_parse(value_str_in(text, small), NULL, &parsed, &ignored) != ERR_OK)
        return VALUE_ABSENT;
    if (value_kind(parsed) == kind)
        return parsed;
    value_drop(parsed);
    return VALUE_ABSENT;
}

/* The metrics of an annotation, all or, when one is malformed, none; then the one for which v1 has
 * a field. Absent: there are none. */
static struct value read_metrics(struct value object, const char *name, bool is_current,
                                 struct value own_last)
{
    AUTO(value) struct value read = read_annotation(object, name, VALUE_ARRAY);
    struct value metrics = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(read); i++) {
        struct value metric = value_at(read, i);
        const struct metric_shape *s = shape_of(metric);
        bool is_whole = s && value_kind(value_get_key(metric, str_from(s->member))) == VALUE_OBJECT;
        metric = is_whole ? read_metric(metric, is_current) : VALUE_ABSENT;
        if (!value_is_present(metric)) {
            value_release(&metrics);
            break;
        }
        metrics = value_append(metrics, metric);
    }
    return value_is_present(own_last) ? value_append(metrics, own_last) : metrics;
}

static struct value read_conditions(struct value object)
{
    AUTO(value) struct value read = read_annotation(object, annotations[2], VALUE_ARRAY);
    struct value conditions = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(read); i++) {
        struct value condition = typed(TYPE_autoscaling_v2_HorizontalPodAutoscalerCondition,
                                       value_keep(value_at(read, i)));
        conditions = value_is_present(condition) ? value_append(conditions, condition) : conditions;
    }
    return conditions;
}

struct value autoscaler_to_v2(struct value own_object)
{
    struct value target = value_keep(VALUE_GET(own_object, spec, targetCPUUtilizationPercentage));
    if (value_is_present(target))
        target = value_pack("{type: Resource, resource: {name: cpu, target: {type: Utilization, "
                            "averageUtilization: %v}}}",
                            target);
    struct value metrics = read_metrics(own_object, annotations[0], false, target),
                 current = read_metrics(own_object, annotations[1], true, VALUE_ABSENT),
                 conditions = read_conditions(own_object),
                 behavior = read_annotation(own_object, annotations[3], VALUE_OBJECT);
    if (value_is_present(behavior))
        behavior = typed(TYPE_autoscaling_v2_HorizontalPodAutoscalerBehavior, behavior);
    own_object = without_annotations(own_object);
    own_object = VALUE_REMOVE(own_object, spec, targetCPUUtilizationPercentage);
    own_object = VALUE_REMOVE(own_object, status, currentCPUUtilizationPercentage);
    if (value_is_present(metrics))
        own_object = VALUE_SET(own_object, metrics, spec, metrics);
    if (value_is_present(behavior))
        own_object = VALUE_SET(own_object, behavior, spec, behavior);
    if (value_is_present(current))
        own_object = VALUE_SET(own_object, current, status, currentMetrics);
    if (value_is_present(conditions))
        own_object = VALUE_SET(own_object, conditions, status, conditions);
    return own_object;
}
