/* SPDX-License-Identifier: Apache-2.0
 *
 * Workloads of apps/v1, replication controllers and disruption budgets: replicas, selectors that
 * match their templates, update strategies, and what of them never changes.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/json.h"

static void check_selector(struct value spec, path_t path, const char *kind, errors_t *errors);
static void check_template(struct value spec, path_t path, const char *kind, errors_t *errors);
static void check_int_or_percent(errors_t *errors, path_t path, const char *name, struct value v);
static void check_at_most_100_percent(errors_t *errors, path_t path, const char *name,
                                      struct value v);
static bool is_zero_amount(struct value v);

/* ---- Deployment ---- */

static void check_deployment_strategy(struct value s, path_t path, errors_t *errors)
{
    struct value rolling = value_get(s, ATOM_rollingUpdate);
    struct field_path here = path_child(path, "rollingUpdate");
    if (VALUE_IS(s, "Recreate", type)) {
        if (value_is_present(rolling))
            field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                           "may not be specified when strategy `type` is 'Recreate'");
        return;
    }
    if (!VALUE_IS(s, "RollingUpdate", type)) {
        struct field_path spec = path_child(path->parent, "strategy");
        field_error_at(errors, FIELD_NOT_SUPPORTED, &spec, s,
                       "supported values: \"Recreate\", \"RollingUpdate\"");
        return;
    }
    struct value unavailable = value_get(rolling, ATOM_maxUnavailable);
    struct value surge = value_get(rolling, ATOM_maxSurge);
    check_int_or_percent(errors, &here, "maxUnavailable", unavailable);
    check_int_or_percent(errors, &here, "maxSurge", surge);
    if (is_zero_amount(unavailable) && is_zero_amount(surge))
        child_error(errors, FIELD_INVALID, &here, "maxUnavailable", unavailable,
                    "may not be 0 when `maxSurge` is 0");
    check_at_most_100_percent(errors, &here, "maxUnavailable", unavailable);
}

void validate_deployment(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec);
    struct field_path path = path_child(NULL, "spec"), strategy = path_child(&path, "strategy");
    check_nonnegative(errors, &path, "replicas", value_get(spec, ATOM_replicas));
    check_selector(spec, &path, "deployment", errors);
    check_template(spec, &path, "ReplicaSet", errors);
    check_deployment_strategy(value_get(spec, ATOM_strategy), &strategy, errors);
    check_nonnegative(errors, &path, "minReadySeconds", value_get(spec, ATOM_minReadySeconds));
    check_nonnegative(errors, &path, "revisionHistoryLimit",
                      value_get(spec, ATOM_revisionHistoryLimit));
    struct value deadline = value_get(spec, ATOM_progressDeadlineSeconds);
    check_nonnegative(errors, &path, "progressDeadlineSeconds", deadline);
    if (value_is_present(deadline) &&
        value_as_integer(deadline, 0) <= VALUE_INT(spec, 0, minReadySeconds))
        child_error(errors, FIELD_INVALID, &path, "progressDeadlineSeconds", deadline,
                    "must be greater than minReadySeconds");
}

void validate_selector_update(struct value new, struct value old, errors_t *errors)
{
    struct field_path path = path_child(NULL, "spec");
    check_immutable(errors, &path, "selector", VALUE_GET(new, spec, selector),
                    VALUE_GET(old, spec, selector));
}

/* ---- ReplicaSet, ReplicationController ---- */

void validate_replica_set(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec);
    struct field_path path = path_child(NULL, "spec");
    check_nonnegative(errors, &path, "replicas", value_get(spec, ATOM_replicas));
    check_nonnegative(errors, &path, "minReadySeconds", value_get(spec, ATOM_minReadySeconds));
    check_selector(spec, &path, "deployment", errors); /* so the original says */
    check_template(spec, &path, "ReplicaSet", errors);
}

void validate_replication_controller(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), selector = value_get(spec, ATOM_selector);
    struct field_path path = path_child(NULL, "spec"), here = path_child(&path, "template"),
                      meta = path_child(&here, "metadata");
    check_nonnegative(errors, &path, "minReadySeconds", value_get(spec, ATOM_minReadySeconds));
    check_required(errors, &path, "selector", selector);
    check_nonnegative(errors, &path, "replicas", value_get(spec, ATOM_replicas));
    AUTO(value)
    struct value wrapped = value_set(value_object(), ATOM_matchLabels, value_keep(selector));
    struct value labels = VALUE_GET(spec, template, metadata, labels);
    if (value_count(selector) > 0 && !selector_matches_labels(wrapped, labels))
        child_error(errors, FIELD_INVALID, &meta, "labels", labels,
                    "`selector` does not match template `labels`");
    AUTO(value) struct value without = value_set(value_keep(spec), ATOM_selector, VALUE_ABSENT);
    check_template(without, &path, "ReplicationController", errors);
}

/* ---- StatefulSet ---- */

void validate_stateful_set(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), strategy = value_get(spec, ATOM_updateStrategy);
    struct field_path path = path_child(NULL, "spec"), here = path_child(&path, "updateStrategy"),
                      rolling = path_child(&here, "rollingUpdate"),
                      retention = path_child(&path, "persistentVolumeClaimRetentionPolicy");
    struct value policy = value_get(spec, ATOM_podManagementPolicy);
    if (check_required(errors, &path, "podManagementPolicy", policy) &&
        !is_one_of(policy, "OrderedReady|Parallel"))
        child_error(errors, FIELD_INVALID, &path, "podManagementPolicy", policy,
                    "must be 'OrderedReady' or 'Parallel'");
    if (VALUE_IS(strategy, "OnDelete", type)) {
        if (value_is_present(VALUE_GET(strategy, rollingUpdate)))
            field_error_at(errors, FIELD_INVALID, &rolling, VALUE_GET(strategy, rollingUpdate),
                           "only allowed for updateStrategy 'RollingUpdate'");
    } else if (VALUE_IS(strategy, "RollingUpdate", type)) {
        check_nonnegative(errors, &rolling, "partition",
                          VALUE_GET(strategy, rollingUpdate, partition));
        check_int_or_percent(errors, &rolling, "maxUnavailable",
                             VALUE_GET(strategy, rollingUpdate, maxUnavailable));
    } else if (check_required(errors, &path, "updateStrategy", VALUE_GET(strategy, type))) {
        field_error_at(errors, FIELD_INVALID, &here, strategy,
                       "must be 'RollingUpdate' or 'OnDelete'");
    }
    struct value claims = VALUE_GET(spec, persistentVolumeClaimRetentionPolicy);
    check_optional_choice(errors, &retention, "whenDeleted", VALUE_GET(claims, whenDeleted),
                          "Retain|Delete");
    check_optional_choice(errors, &retention, "whenScaled", VALUE_GET(claims, whenScaled),
                          "Retain|Delete");
    check_nonnegative(errors, &path, "replicas", value_get(spec, ATOM_replicas));
    check_nonnegative(errors, &path, "minReadySeconds", value_get(spec, ATOM_minReadySeconds));
    check_selector(spec, &path, "statefulset", errors);
    /* Claims of templates are volumes of the pods. */
    struct value templates = value_get(spec, ATOM_volumeClaimTemplates);
    AUTO(value) struct value with_claims = value_keep(spec);
    for (size_t i = 0; i < value_count(templates); i++) {
        struct value name = VALUE_GET(value_at(templates, i), metadata, name);
        struct value volumes = value_keep(VALUE_GET(with_claims, template, spec, volumes));
        volumes = value_append(volumes, value_pack("{name: %v, emptyDir: {}}", value_keep(name)));
        with_claims = VALUE_SET(with_claims, volumes, template, spec, volumes);
    }
    check_template(with_claims, &path, "StatefulSet", errors);
}

void validate_stateful_set_update(struct value new_object, struct value old_object,
                                  errors_t *errors)
{
    static const atom free_fields[] = {ATOM_replicas,
                                       ATOM_ordinals,
                                       ATOM_template,
                                       ATOM_updateStrategy,
                                       ATOM_revisionHistoryLimit,
                                       ATOM_persistentVolumeClaimRetentionPolicy,
                                       ATOM_minReadySeconds};
    struct value new = value_get(new_object, ATOM_spec);
    AUTO(value) struct value allowed = value_keep(value_get(old_object, ATOM_spec));
    for (size_t i = 0; i < ARRAY_COUNT(free_fields); i++)
        allowed = value_set(allowed, free_fields[i], value_keep(value_get(new, free_fields[i])));
    if (!value_equal(allowed, new))
        field_error_add(
            errors, FIELD_FORBIDDEN, S("spec"), VALUE_ABSENT,
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', "
            "'template', 'updateStrategy', 'revisionHistoryLimit', "
            "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
}

/* ---- DaemonSet ---- */

void validate_daemon_set(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), strategy = value_get(spec, ATOM_updateStrategy);
    struct field_path path = path_child(NULL, "spec"), here = path_child(&path, "updateStrategy"),
                      rolling_path = path_child(&here, "rollingUpdate");
    check_selector(spec, &path, "daemonset", errors);
    check_template(spec, &path, "DaemonSet", errors);
    check_nonnegative(errors, &path, "minReadySeconds", value_get(spec, ATOM_minReadySeconds));
    if (VALUE_IS(strategy, "RollingUpdate", type)) {
        struct value rolling = value_get(strategy, ATOM_rollingUpdate);
        struct value unavailable = value_get(rolling, ATOM_maxUnavailable);
        struct value surge = value_get(rolling, ATOM_maxSurge);
        check_int_or_percent(errors, &rolling_path, "maxUnavailable", unavailable);
        check_int_or_percent(errors, &rolling_path, "maxSurge", surge);
        if (!is_zero_amount(unavailable) && !is_zero_amount(surge))
            child_error(errors, FIELD_INVALID, &rolling_path, "maxSurge", surge,
                        "may not be set when maxUnavailable is non-zero");
        if (is_zero_amount(unavailable) && is_zero_amount(surge))
            child_error(errors, FIELD_REQUIRED, &rolling_path, "maxUnavailable", VALUE_ABSENT,
                        "cannot be 0 when maxSurge is 0");
        check_at_most_100_percent(errors, &rolling_path, "maxUnavailable", unavailable);
        check_at_most_100_percent(errors, &rolling_path, "maxSurge", surge);
    } else if (!VALUE_IS(strategy, "OnDelete", type)) {
        field_error_at(errors, FIELD_NOT_SUPPORTED, &here, strategy,
                       "supported values: \"OnDelete\", \"RollingUpdate\"");
    }
    check_nonnegative(errors, &path, "revisionHistoryLimit",
                      value_get(spec, ATOM_revisionHistoryLimit));
}

/* ---- ControllerRevision ---- */

void validate_controller_revision(struct value o, errors_t *errors)
{
    struct value data = value_get(o, ATOM_data);
    if (!value_is_present(data))
        field_error_add(errors, FIELD_REQUIRED, S("data"), VALUE_ABSENT, "data is mandatory");
    if (VALUE_INT(o, 0, revision) < 0)
        field_error_add(errors, FIELD_INVALID, S("revision"), value_get(o, ATOM_revision),
                        "must be greater than or equal to 0");
}

void validate_controller_revision_update(struct value new, struct value old, errors_t *errors)
{
    check_immutable(errors, NULL, "data", value_get(new, ATOM_data), value_get(old, ATOM_data));
}

/* ---- PodDisruptionBudget ---- */

/* As Go prints the internal type: every field in its order, no JSON names. */
static void internal_budget(struct value spec, struct text *out)
{
    static const struct {
        const char *name;
        atom key;
    } fields[] = {{"MinAvailable", ATOM_minAvailable},
                  {"Selector", ATOM_selector},
                  {"MaxUnavailable", ATOM_maxUnavailable},
                  {"UnhealthyPodEvictionPolicy", ATOM_unhealthyPodEvictionPolicy}};
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        text_printf(out, "%s\"%s\":", i ? "," : "{", fields[i].name);
        json_write(value_get(spec, fields[i].key), out);
    }
    text_add_byte(out, '}');
}

void validate_disruption_budget(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec);
    struct field_path path = path_child(NULL, "spec"), selector = path_child(&path, "selector");
    struct value min = value_get(spec, ATOM_minAvailable),
                 max = value_get(spec, ATOM_maxUnavailable);
    if (value_is_present(min) && value_is_present(max)) {
        AUTO(text) struct text all = {0};
        internal_budget(spec, &all);
        field_error_shown(errors, FIELD_INVALID, &path, text_str(&all),
                          "minAvailable and maxUnavailable cannot be both set");
    }
    check_int_or_percent(errors, &path, "minAvailable", min);
    check_at_most_100_percent(errors, &path, "minAvailable", min);
    check_int_or_percent(errors, &path, "maxUnavailable", max);
    check_at_most_100_percent(errors, &path, "maxUnavailable", max);
    check_label_selector(errors, &selector, value_get(spec, ATOM_selector));
    check_optional_choice(errors, &path, "unhealthyPodEvictionPolicy",
                          value_get(spec, ATOM_unhealthyPodEvictionPolicy),
                          "AlwaysAllow|IfHealthyBudget");
}

/* ---- shared ---- */

static void check_selector(struct value spec, path_t path, const char *kind, errors_t *errors)
{
    struct value selector = value_get(spec, ATOM_selector);
    struct field_path here = path_child(path, "selector");
    if (!value_is_present(selector)) {
        bool has_own_text = strcmp(kind, "daemonset") == 0;
        if (!has_own_text)
            field_error_at(errors, FIELD_REQUIRED, &here, VALUE_ABSENT, NO_DETAIL);
        return;
    }
    check_label_selector(errors, &here, selector);
    if (value_count(value_get(selector, ATOM_matchLabels)) +
            value_count(value_get(selector, ATOM_matchExpressions)) ==
        0)
        field_error_at(errors, FIELD_INVALID, &here, selector, "empty selector is invalid for %s",
                       kind);
}

static void check_template(struct value spec, path_t path, const char *kind, errors_t *errors)
{
    struct value template_value = value_get(spec, ATOM_template),
                 selector = value_get(spec, ATOM_selector);
    struct value labels = VALUE_GET(template_value, metadata, labels);
    struct field_path here = path_child(path, "template"), meta = path_child(&here, "metadata"),
                      pod = path_child(&here, "spec");
    /* No selector selects nothing; an empty one everything. */
    bool is_controller = strcmp(kind, "ReplicationController") == 0;
    if (!is_controller &&
        (!value_is_present(selector) || !selector_matches_labels(selector, labels)))
        child_error(errors, FIELD_INVALID, &meta, "labels", labels,
                    "`selector` does not match template `labels`");
    validate_pod_template(template_value, &here, errors);
    struct value restart = VALUE_GET(template_value, spec, restartPolicy);
    if (text_is_set(restart) && is_one_of(restart, "Never|OnFailure"))
        check_optional_choice(errors, &pod, "restartPolicy", restart, "Always");
    if (value_is_present(VALUE_GET(template_value, spec, activeDeadlineSeconds)))
        child_error(errors, FIELD_FORBIDDEN, &pod, "activeDeadlineSeconds", VALUE_ABSENT,
                    "activeDeadlineSeconds in %s is not Supported", kind);
}

/* "25%": 25; -1 when it is no percentage. */
static int64_t percent_of(struct value v)
{
    struct str s = value_str(v);
    int64_t n = -1;
    if (!str_ends_with(s, S("%")) || !str_to_int64(str_slice(s, 0, s.size - 1), &n))
        return -1;
    return n;
}

static void check_int_or_percent(errors_t *errors, path_t path, const char *name, struct value v)
{
    if (value_kind(v) == VALUE_INTEGER)
        check_nonnegative(errors, path, name, v);
    else if (value_kind(v) == VALUE_STRING && percent_of(v) < 0)
        child_error(
            errors, FIELD_INVALID, path, name, v,
            "a valid percent string must be a numeric string followed by an ending '%%' (e.g. "
            "'1%%',  or '93%%', regex used for validation is '[0-9]+%%')");
}

static void check_at_most_100_percent(errors_t *errors, path_t path, const char *name,
                                      struct value v)
{
    if (value_kind(v) == VALUE_STRING && percent_of(v) > 100)
        child_error(errors, FIELD_INVALID, path, name, v, "must not be greater than 100%%");
}

static bool is_zero_amount(struct value v)
{
    return value_kind(v) == VALUE_STRING ? percent_of(v) == 0 : value_as_integer(v, 0) == 0;
}
