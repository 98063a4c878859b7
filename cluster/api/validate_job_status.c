/* SPDX-License-Identifier: Apache-2.0
 *
 * The status of a Job (ValidateJobStatusUpdate upstream). Since a Job may be managed by a
 * controller from outside (spec.managedBy), the server guards what a status may say:
 *
 * - a job ends once: Failed and Complete exclude each other, are announced by FailureTarget and
 *   SuccessCriteriaMet, and never go away again;
 * - a finished job has no active or terminating pods and has counted them all;
 * - its times fit each other, and its counters do not shrink.
 *
 * Most rules are tried only where what they speak of changes, so that a status that breaks one
 * (after a change of the spec, say) can still be written in other respects.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/json.h"

struct job_view {
    struct value spec, status;
    bool is_complete, is_failed, is_failing, is_successful; /* the four conditions */
};

static bool has_condition(struct value status, const char *type)
{
    struct value list = VALUE_GET(status, conditions);
    for (size_t i = 0; i < value_count(list); i++) {
        struct value c = value_at(list, i);
        if (VALUE_IS(c, "True", status) && VALUE_IS(c, type, type))
            return true;
    }
    return false;
}

static struct job_view view_of(struct value job)
{
    struct value status = VALUE_GET(job, status);
    return (struct job_view){.spec = VALUE_GET(job, spec),
                             .status = status,
                             .is_complete = has_condition(status, "Complete"),
                             .is_failed = has_condition(status, "Failed"),
                             .is_failing = has_condition(status, "FailureTarget"),
                             .is_successful = has_condition(status, "SuccessCriteriaMet")};
}

static bool has_changed(const struct job_view *new, const struct job_view *old, atom key)
{
    return !value_equal(value_get(new->status, key), value_get(old->status, key));
}

static void refuse_conditions(errors_t *errors, path_t path, const char *why)
{
    struct field_path conditions = path_child(path, "conditions");
    field_error_shown(errors, FIELD_INVALID, &conditions, S(""), why);
}

/* ---- one status ---- */

static void check_uncounted(struct value status, path_t path, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name;
    } lists[] = {{ATOM_succeeded, "succeeded"}, {ATOM_failed, "failed"}};
    struct value uncounted = VALUE_GET(status, uncountedTerminatedPods);
    struct field_path here = path_child(path, "uncountedTerminatedPods");
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        struct value list = value_get(uncounted, lists[l].key);
        struct field_path list_path = path_child(&here, lists[l].name);
        for (size_t i = 0; i < value_count(list); i++) {
            struct field_path item = path_index(&list_path, i);
            bool is_repeated = is_repeated_before(list, i, ATOM_NONE);
            for (size_t k = 0; l > 0 && k < value_count(VALUE_GET(uncounted, succeeded)); k++)
                is_repeated |=
                    value_equal(value_at(VALUE_GET(uncounted, succeeded), k), value_at(list, i));
            if (value_str(value_at(list, i)).size == 0)
                field_error_at(errors, FIELD_INVALID, &item, value_at(list, i),
                               "must not be empty");
            else if (is_repeated)
                field_error_at(errors, FIELD_DUPLICATE, &item, value_at(list, i), NO_DETAIL);
        }
    }
}

static void check_ends(const struct job_view *new, const struct job_view *old, path_t path,
                       errors_t *errors)
{
    bool complete_changes = new->is_complete != old->is_complete;
    bool failed_changes = new->is_failed != old->is_failed;
    bool failing_changes = new->is_failing != old->is_failing;
    bool ends_changes = complete_changes || has_changed(new, old, ATOM_completionTime);
    struct value started = VALUE_GET(new->status, startTime);
    struct value completed = VALUE_GET(new->status, completionTime);
    bool times_change =
        has_changed(new, old, ATOM_completionTime) || has_changed(new, old, ATOM_startTime);
    if ((complete_changes || failed_changes) && new->is_complete &&new->is_failed)
        refuse_conditions(errors, path, "cannot set Complete=True and Failed=true conditions");
    if ((complete_changes || failing_changes) && new->is_complete &&new->is_failing)
        refuse_conditions(errors, path,
                          "cannot set Complete=True and FailureTarget=true conditions");
    if (ends_changes && value_is_present(completed) && !new->is_complete)
        child_error(errors, FIELD_INVALID, path, "completionTime", completed,
                    "cannot set completionTime when there is no Complete=True condition");
    if (ends_changes && !value_is_present(completed) && new->is_complete)
        child_error(errors, FIELD_REQUIRED, path, "completionTime", VALUE_ABSENT,
                    "completionTime is required for Complete jobs");
    if (times_change && value_is_present(started) && value_is_present(completed) &&
        str_compare(value_str(completed), value_str(started)) < 0)
        child_error(errors, FIELD_INVALID, path, "completionTime", completed,
                    "must be equal to or after `startTime`");
    if ((failed_changes || failing_changes) && new->is_failed && !new->is_failing)
        refuse_conditions(errors, path,
                          "cannot set Failed=True condition without the FailureTarget=true "
                          "condition");
    if ((complete_changes || new->is_successful != old->is_successful) && new->is_complete &&
        !new->is_successful)
        refuse_conditions(errors, path,
                          "cannot set Complete=True condition without the "
                          "SuccessCriteriaMet=true condition");
}

/* The internal type has no JSON names. */
static void refuse_uncounted(errors_t *errors, path_t path, struct value uncounted)
{
    AUTO(text) struct text shown = {0};
    struct field_path here = path_child(path, "uncountedTerminatedPods");
    static const struct {
        atom key;
        const char *name;
    } lists[] = {{ATOM_succeeded, "{\"Succeeded\":"}, {ATOM_failed, ",\"Failed\":"}};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        text_add(&shown, str_from(lists[i].name));
        if (value_is_present(value_get(uncounted, lists[i].key)))
            json_write(value_get(uncounted, lists[i].key), &shown);
        else
            text_add(&shown, S("null"));
    }
    text_add_byte(&shown, '}');
    field_error_shown(errors, FIELD_INVALID, &here, text_str(&shown),
                      "must be empty for finished job");
}

static void check_finished(const struct job_view *new, const struct job_view *old, path_t path,
                           errors_t *errors)
{
    bool is_finished = new->is_complete || new->is_failed;
    bool changes = is_finished != (old->is_complete || old->is_failed);
    struct value uncounted = VALUE_GET(new->status, uncountedTerminatedPods);
    if (!is_finished)
        return;
    if ((changes || has_changed(new, old, ATOM_active)) && VALUE_INT(new->status, 0, active) > 0)
        child_error(errors, FIELD_INVALID, path, "active", VALUE_GET(new->status, active),
                    "active>0 is invalid for finished job");
    if ((changes || has_changed(new, old, ATOM_startTime)) &&
        !value_is_present(VALUE_GET(new->status, startTime)))
        child_error(errors, FIELD_REQUIRED, path, "startTime", VALUE_ABSENT,
                    "startTime is required for finished job");
    if ((changes || has_changed(new, old, ATOM_uncountedTerminatedPods)) &&
        value_count(VALUE_GET(uncounted, succeeded)) + value_count(VALUE_GET(uncounted, failed)) >
            0)
        refuse_uncounted(errors, path, uncounted);
}

/* The next interval of "1,3-5" with sound bounds; false at the end. */
static bool next_interval(struct str *rest, int64_t completions, int64_t *ret_low,
                          int64_t *ret_high)
{
    while (rest->size > 0) {
        struct str high, low = str_cut(str_cut(*rest, ',', rest), '-', &high);
        if (!str_to_int64(low, ret_low) || *ret_low >= completions)
            continue;
        *ret_high = *ret_low;
        if (high.size == 0 ||
            (str_to_int64(high, ret_high) && *ret_high < completions && *ret_low < *ret_high))
            return true;
    }
    return false;
}

static void check_overlap(const struct job_view *job, path_t path, errors_t *errors)
{
    struct value indexes = VALUE_GET(job->status, failedIndexes);
    struct str done = VALUE_STR(job->status, completedIndexes), failed = value_str(indexes);
    int64_t completions = VALUE_INT(job->spec, 0, completions), a, b, c, d;
    bool has_done = next_interval(&done, completions, &a, &b);
    bool has_failed = next_interval(&failed, completions, &c, &d);
    while (has_done && has_failed) {
        if (a <= d && c <= b) {
            child_error(errors, FIELD_INVALID, path, "failedIndexes", indexes,
                        "failedIndexes and completedIndexes overlap at index: %d",
                        (int)(a > c ? a : c));
            return;
        }
        if (a <= c)
            has_done = next_interval(&done, completions, &a, &b);
        else
            has_failed = next_interval(&failed, completions, &c, &d);
    }
}

static void check_index_format(errors_t *errors, path_t path, const char *name,
                               struct value indexes, int64_t completions)
{
    AUTO(text) struct text why = {0};
    count_job_indexes(value_str(indexes), completions, &why);
    if (why.size > 0)
        child_error(errors, FIELD_INVALID, path, name, indexes, "error parsing %s: %s", name,
                    text_c(&why));
}

static void check_indexes(const struct job_view *new, const struct job_view *old, path_t path,
                          errors_t *errors)
{
    bool done_changes = has_changed(new, old, ATOM_completedIndexes);
    bool failed_changes = has_changed(new, old, ATOM_failedIndexes);
    struct value done = VALUE_GET(new->status, completedIndexes);
    struct value failed = VALUE_GET(new->status, failedIndexes);
    bool has_completions = value_is_present(VALUE_GET(new->spec, completions));
    bool is_per_index = value_is_present(VALUE_GET(new->spec, backoffLimitPerIndex));
    int64_t completions = VALUE_INT(new->spec, 0, completions);
    if (done_changes && has_completions)
        check_index_format(errors, path, "completedIndexes", done, completions);
    if (failed_changes && has_completions && is_per_index)
        check_index_format(errors, path, "failedIndexes", failed, completions);
    if (done_changes && text_is_set(done) && !VALUE_IS(new->spec, "Indexed", completionMode))
        child_error(errors, FIELD_INVALID, path, "completedIndexes", done,
                    "cannot set non-empty completedIndexes when non-indexed completion mode");
    if (failed_changes && !is_per_index && value_is_present(failed))
        child_error(errors, FIELD_INVALID, path, "failedIndexes", failed,
                    "cannot set non-null failedIndexes when backoffLimitPerIndex is null");
    if ((done_changes || failed_changes) && has_completions)
        check_overlap(new, path, errors);
}

static void check_pods_and_success(const struct job_view *new, const struct job_view *old,
                                   path_t path, errors_t *errors)
{
    bool is_finished = new->is_complete || new->is_failed;
    bool changes = is_finished != (old->is_complete || old->is_failed);
    struct value ready = VALUE_GET(new->status, ready);
    if ((changes || has_changed(new, old, ATOM_terminating)) && is_finished &&
        VALUE_INT(new->status, 0, terminating) > 0)
        child_error(errors, FIELD_INVALID, path, "terminating", VALUE_GET(new->status, terminating),
                    "terminating>0 is invalid for finished job");
    if ((has_changed(new, old, ATOM_ready) || has_changed(new, old, ATOM_active)) &&
        value_as_integer(ready, 0) > VALUE_INT(new->status, 0, active))
        child_error(errors, FIELD_INVALID, path, "ready", ready,
                    "cannot set more ready pods than active");
    if (new->is_successful &&new->is_failed)
        refuse_conditions(errors, path,
                          "cannot set SuccessCriteriaMet=True and Failed=true conditions");
    if (new->is_successful &&new->is_failing)
        refuse_conditions(errors, path,
                          "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions");
    if (value_is_present(VALUE_GET(new->spec, successPolicy)) &&
        !new->is_successful &&new->is_complete)
        refuse_conditions(errors, path,
                          "cannot set Complete=True for Job with SuccessPolicy unless "
                          "SuccessCriteriaMet=True");
}

/* ---- against the old one ---- */

static void check_terminal(errors_t *errors, path_t path, const char *type, bool was, bool is)
{
    AUTO(text) struct text why = {0};
    text_printf(&why, "cannot disable the terminal %s=True condition", type);
    if (was && !is)
        refuse_conditions(errors, path, text_c(&why));
}

static void check_change(const struct job_view *new, const struct job_view *old, path_t path,
                         errors_t *errors)
{
    struct value was, is;
    check_terminal(errors, path, "Failed", old->is_failed, new->is_failed);
    check_terminal(errors, path, "Complete", old->is_complete, new->is_complete);
    check_terminal(errors, path, "FailureTarget", old->is_failing, new->is_failing);
    if (VALUE_INT(new->status, 0, failed) < VALUE_INT(old->status, 0, failed))
        child_error(errors, FIELD_INVALID, path, "failed",
                    value_integer(VALUE_INT(new->status, 0, failed)),
                    "cannot decrease the failed counter");
    /* An indexed job scaled down loses indexes that had succeeded. */
    bool is_elastic =
        VALUE_IS(new->spec, "Indexed", completionMode) &&
        value_equal(VALUE_GET(new->spec, completions), VALUE_GET(new->spec, parallelism));
    if (!is_elastic && VALUE_INT(new->status, 0, succeeded) < VALUE_INT(old->status, 0, succeeded))
        child_error(errors, FIELD_INVALID, path, "succeeded",
                    value_integer(VALUE_INT(new->status, 0, succeeded)),
                    "cannot decrease the succeeded counter");
    was = VALUE_GET(old->status, completionTime), is = VALUE_GET(new->status, completionTime);
    if (value_is_present(was) && value_is_present(is) && !value_equal(was, is))
        child_error(errors, FIELD_INVALID, path, "completionTime", is, "field is immutable");
    was = VALUE_GET(old->status, startTime), is = VALUE_GET(new->status, startTime);
    if (value_is_present(was) && !value_equal(was, is) && !VALUE_BOOL_AT(new->spec, suspend))
        child_error(errors, FIELD_INVALID, path, "startTime", is,
                    "field is immutable for unsuspended job once set");
    if (old->is_successful && !new->is_successful)
        refuse_conditions(errors, path, "cannot disable the SuccessCriteriaMet=True condition");
    if (old->is_complete && !old->is_successful && new->is_successful)
        refuse_conditions(errors, path,
                          "cannot set SuccessCriteriaMet=True for Job already has Complete=true "
                          "conditions");
}

void validate_job_status(struct value new_job, struct value old_job, path_t path, errors_t *errors)
{
    struct job_view new = view_of(new_job), old = view_of(old_job);
    check_uncounted(new.status, path, errors);
    check_ends(&new, &old, path, errors);
    check_finished(&new, &old, path, errors);
    check_indexes(&new, &old, path, errors);
    check_pods_and_success(&new, &old, path, errors);
    check_change(&new, &old, path, errors);
}
