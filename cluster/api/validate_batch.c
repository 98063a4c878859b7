/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs and cron jobs.
 *
 * DEVIATION: a time zone is taken to exist when it looks like one ("UTC", "Europe/Oslo"): there is
 * no whole zone database in here; the CronJob controller tells of one that it does not know.
 */
#include "sim/base/base.h"

#include "cluster/api/cron.h"
#include "cluster/api/validate_parts.h"

#define INDEXED_PARALLELISM_MAX 100000
#define COMPLETIONS_SOFT_MAX 100000
#define MANY_COMPLETIONS_MAX 10000 /* parallelism and failed indexes of those with more */
#define CRON_JOB_NAME_MAX 52       /* its jobs' names are 11 bytes longer */

static void check_job_spec(struct value spec, path_t path, errors_t *errors);

/* ---- Job ---- */

static void check_at_most(errors_t *errors, path_t path, const char *name, struct value v,
                          int64_t most, const char *when)
{
    if (value_as_integer(v, 0) > most)
        child_error(errors, FIELD_INVALID, path, name, v, "must be less than or equal to %d%s",
                    (int)most, when);
}

/* An indexed job's failed indexes are listed in its status, which may not grow without end. */
static void check_failed_indexes(struct value spec, path_t path, errors_t *errors)
{
    struct value most = VALUE_GET(spec, maxFailedIndexes);
    struct value completions = VALUE_GET(spec, completions);
    if (value_is_present(completions) &&
        value_as_integer(most, 0) > value_as_integer(completions, 0))
        child_error(errors, FIELD_INVALID, path, "maxFailedIndexes", most,
                    "must be less than or equal to completions");
    check_at_most(errors, path, "maxFailedIndexes", most, INDEXED_PARALLELISM_MAX, "");
    if (value_as_integer(completions, 0) <= COMPLETIONS_SOFT_MAX ||
        !value_is_present(VALUE_GET(spec, backoffLimitPerIndex)))
        return;
    static const char when[] =
        " when completions are above 100000 and used with backoff limit per index";
    if (!value_is_present(most))
        child_error(errors, FIELD_REQUIRED, path, "maxFailedIndexes", VALUE_ABSENT,
                    "must be specified when completions is above %d", COMPLETIONS_SOFT_MAX);
    check_at_most(errors, path, "parallelism", VALUE_GET(spec, parallelism), MANY_COMPLETIONS_MAX,
                  when);
    check_at_most(errors, path, "maxFailedIndexes", most, MANY_COMPLETIONS_MAX, when);
}

static void check_completion_mode(struct value spec, path_t path, errors_t *errors)
{
    struct value mode = VALUE_GET(spec, completionMode);
    bool is_indexed = value_is(mode, "Indexed");
    check_optional_choice(errors, path, "completionMode", mode, "NonIndexed|Indexed");
    if (is_indexed && !value_is_present(VALUE_GET(spec, completions)))
        child_error(errors, FIELD_REQUIRED, path, "completions", VALUE_ABSENT,
                    "when completion mode is Indexed");
    if (is_indexed) {
        check_at_most(errors, path, "parallelism", VALUE_GET(spec, parallelism),
                      INDEXED_PARALLELISM_MAX, " when completion mode is Indexed");
        check_failed_indexes(spec, path, errors);
        return;
    }
    if (value_is_present(VALUE_GET(spec, backoffLimitPerIndex)))
        child_error(errors, FIELD_INVALID, path, "backoffLimitPerIndex",
                    VALUE_GET(spec, backoffLimitPerIndex), "requires indexed completion mode");
    if (value_is_present(VALUE_GET(spec, maxFailedIndexes)))
        child_error(errors, FIELD_INVALID, path, "maxFailedIndexes",
                    VALUE_GET(spec, maxFailedIndexes), "requires indexed completion mode");
}

static void check_job_spec(struct value spec, path_t path, errors_t *errors)
{
    struct field_path template_path = path_child(path, "template"),
                      pod = path_child(&template_path, "spec");
    check_nonnegative(errors, path, "parallelism", VALUE_GET(spec, parallelism));
    check_nonnegative(errors, path, "completions", VALUE_GET(spec, completions));
    check_nonnegative(errors, path, "activeDeadlineSeconds",
                      VALUE_GET(spec, activeDeadlineSeconds));
    check_nonnegative(errors, path, "backoffLimit", VALUE_GET(spec, backoffLimit));
    check_nonnegative(errors, path, "ttlSecondsAfterFinished",
                      VALUE_GET(spec, ttlSecondsAfterFinished));
    check_nonnegative(errors, path, "backoffLimitPerIndex", VALUE_GET(spec, backoffLimitPerIndex));
    check_nonnegative(errors, path, "maxFailedIndexes", VALUE_GET(spec, maxFailedIndexes));
    if (value_is_present(VALUE_GET(spec, maxFailedIndexes)) &&
        !value_is_present(VALUE_GET(spec, backoffLimitPerIndex)))
        child_error(errors, FIELD_REQUIRED, path, "backoffLimitPerIndex", VALUE_ABSENT,
                    "when maxFailedIndexes is specified");
    check_completion_mode(spec, path, errors);
    validate_job_policies(spec, path, errors);
    check_optional_choice(
        errors, path, "podReplacementPolicy", VALUE_GET(spec, podReplacementPolicy),
        value_is_present(VALUE_GET(spec, podFailurePolicy)) ? "Failed"
                                                            : "Failed|TerminatingOrFailed");
    validate_pod_template(value_get(spec, ATOM_template), &template_path, errors);
    struct value restart = VALUE_GET(spec, template, spec, restartPolicy);
    if (!text_is_set(restart) || value_is(restart, "Always"))
        child_error(errors, FIELD_REQUIRED, &pod, "restartPolicy", VALUE_ABSENT,
                    "valid values: \"OnFailure\", \"Never\"");
    else if (!is_one_of(restart, "OnFailure|Never"))
        check_optional_choice(errors, &pod, "restartPolicy", restart, "OnFailure|Never");
    else if (value_is_present(VALUE_GET(spec, podFailurePolicy)) && !value_is(restart, "Never"))
        child_error(errors, FIELD_INVALID, &pod, "restartPolicy", restart,
                    "only \"Never\" is supported when podFailurePolicy is specified");
}

/* The selector that the server made names the job's own uid. */
static void check_generated_selector(struct value o, errors_t *errors)
{
    struct value uid = VALUE_GET(o, metadata, uid);
    struct value labels = VALUE_GET(o, spec, selector, matchLabels);
    if (VALUE_BOOL_AT(o, spec, manualSelector))
        return;
    if (!text_is_set(uid)) {
        field_error_add(errors, FIELD_REQUIRED, S("metadata.uid"), VALUE_ABSENT, NO_DETAIL);
        return;
    }
    struct value own = value_get_key(labels, S("batch.kubernetes.io/controller-uid"));
    if (!value_is_present(own))
        own = value_get_key(labels, S("controller-uid"));
    if (!value_equal(own, uid))
        field_error_add(errors, FIELD_INVALID, S("spec.selector"), VALUE_GET(o, spec, selector),
                        "`selector` not auto-generated");
}

/* Pods of an indexed job are hosts by name and index. */
static void check_host_names(struct value o, errors_t *errors)
{
    int64_t completions = VALUE_INT(o, 0, spec, completions);
    struct value name = VALUE_GET(o, metadata, name);
    if (!VALUE_IS(o, "Indexed", spec, completionMode) || completions <= 0)
        return;
    AUTO(text) struct text host = {0};
    text_printf(&host, "%.*s-%" PRId64, STR_ARG(value_str(name)), completions - 1);
    if (name_dns_label(text_str(&host)) != NULL)
        field_error_add(errors, FIELD_INVALID, S("metadata.name"), name,
                        "will not able to create pod with invalid DNS label: %s", text_c(&host));
}

void validate_job(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), selector = VALUE_GET(spec, selector);
    struct field_path path = path_child(NULL, "spec"),
                      selector_path = path_child(&path, "selector"),
                      template_path = path_child(&path, "template"),
                      meta = path_child(&template_path, "metadata");
    check_generated_selector(o, errors);
    check_job_spec(spec, &path, errors);
    if (!value_is_present(selector)) {
        field_error_at(errors, FIELD_REQUIRED, &selector_path, VALUE_ABSENT, NO_DETAIL);
        check_host_names(o, errors);
        return;
    }
    check_label_selector(errors, &selector_path, selector);
    struct value labels = VALUE_GET(spec, template, metadata, labels);
    if (!selector_matches_labels(selector, labels))
        child_error(errors, FIELD_INVALID, &meta, "labels", labels,
                    "`selector` does not match template `labels`");
    check_host_names(o, errors);
}

void validate_job_update(struct value new_job, struct value old_job, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name;
    } fixed[] = {{ATOM_completionMode, "completionMode"},
                 {ATOM_podFailurePolicy, "podFailurePolicy"},
                 {ATOM_backoffLimitPerIndex, "backoffLimitPerIndex"},
                 {ATOM_managedBy, "managedBy"},
                 {ATOM_successPolicy, "successPolicy"}};
    struct value new = value_get(new_job, ATOM_spec), old = value_get(old_job, ATOM_spec);
    struct field_path path = path_child(NULL, "spec");
    struct value was = VALUE_GET(old, completions), is = VALUE_GET(new, completions);
    if (!value_equal(was, is)) {
        if (!VALUE_IS(new, "Indexed", completionMode))
            check_immutable(errors, &path, "completions", is, was);
        else if (!value_equal(is, VALUE_GET(new, parallelism)))
            child_error(errors, FIELD_INVALID, &path, "completions", is,
                        "can only be modified in tandem with spec.parallelism");
    }
    check_immutable(errors, &path, "selector", VALUE_GET(new, selector), VALUE_GET(old, selector));
    bool may_schedule =
        VALUE_BOOL_AT(old, suspend) && !value_is_present(VALUE_GET(old_job, status, startTime));
    if (!may_schedule)
        check_immutable(errors, &path, "template", VALUE_GET(new, template),
                        VALUE_GET(old, template));
    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
        check_immutable(errors, &path, fixed[i].name, value_get(new, fixed[i].key),
                        value_get(old, fixed[i].key));
}

/* ---- CronJob ---- */

static void check_schedule(struct value spec, path_t path, errors_t *errors)
{
    struct value schedule = VALUE_GET(spec, schedule), zone = VALUE_GET(spec, timeZone);
    if (!check_required(errors, path, "schedule", schedule))
        return;
    AUTO(text) struct text why = {0};
    struct str s = value_str(schedule);
    if (str_contains(s, S("TZ"))) {
        child_error(errors, FIELD_INVALID, path, "schedule", schedule,
                    value_is_present(zone)
                        ? "cannot use both timeZone field and TZ or CRON_TZ in schedule"
                        : "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    } else {
        struct cron_schedule ignored;
        if (!cron_schedule_parse(s, &ignored, &why))
            child_error(errors, FIELD_INVALID, path, "schedule", schedule, "%s", text_c(&why));
    }
    if (!value_is_present(zone))
        return;
    struct str z = value_str(zone);
    bool looks_right = str_equal(z, S("UTC")) || str_equal(z, S("GMT")) ||
                       (z.size > 2 && z.bytes[0] >= 'A' && z.bytes[0] <= 'Z' &&
                        str_find(z, '/') > 0 && str_find(z, '/') + 1 < z.size);
    if (z.size == 0)
        child_error(errors, FIELD_INVALID, path, "timeZone", zone,
                    "timeZone must be nil or non-empty string");
    else if (str_equal(z, S("Local")))
        child_error(errors, FIELD_INVALID, path, "timeZone", zone,
                    "timeZone must be an explicit time zone as defined in "
                    "https://www.iana.org/time-zones");
    else if (!looks_right)
        child_error(errors, FIELD_INVALID, path, "timeZone", zone, "unknown time zone %.*s",
                    STR_ARG(z));
}

void validate_cron_job(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec);
    struct field_path path = path_child(NULL, "spec"), job = path_child(&path, "jobTemplate"),
                      job_spec = path_child(&job, "spec");
    check_schedule(spec, &path, errors);
    check_nonnegative(errors, &path, "startingDeadlineSeconds",
                      VALUE_GET(spec, startingDeadlineSeconds));
    check_choice(errors, &path, "concurrencyPolicy", VALUE_GET(spec, concurrencyPolicy),
                 "Allow|Forbid|Replace");
    check_job_spec(VALUE_GET(spec, jobTemplate, spec), &job_spec, errors);
    if (value_is_present(VALUE_GET(spec, jobTemplate, spec, selector)))
        child_error(errors, FIELD_INVALID, &job_spec, "selector",
                    VALUE_GET(spec, jobTemplate, spec, selector),
                    "`selector` will be auto-generated");
    if (VALUE_BOOL_AT(spec, jobTemplate, spec, manualSelector))
        child_error(errors, FIELD_NOT_SUPPORTED, &job_spec, "manualSelector", value_bool(true),
                    "supported values: \"nil\", \"false\"");
    if (!text_is_set(VALUE_GET(o, metadata, uid)) &&
        VALUE_STR(o, metadata, name).size > CRON_JOB_NAME_MAX)
        field_error_add(errors, FIELD_INVALID, S("metadata.name"), VALUE_GET(o, metadata, name),
                        "must be no more than %d characters", CRON_JOB_NAME_MAX);
    check_nonnegative(errors, &path, "successfulJobsHistoryLimit",
                      VALUE_GET(spec, successfulJobsHistoryLimit));
    check_nonnegative(errors, &path, "failedJobsHistoryLimit",
                      VALUE_GET(spec, failedJobsHistoryLimit));
}
