/* SPDX-License-Identifier: Apache-2.0
 *
 * Pure rules of Jobs: the delay before a failed pod is replaced
 * [doc:job#pod-backoff-failure-policy], sets of completion indexes, which failures count
 * [doc:job#pod-failure-policy], and what makes a Job succeed early [doc:job#success-policy].
 *
 * Upstream: backoff_utils.go, indexed_job_utils.go, pod_failure_policy.go, success_policy.go.
 */
#include "sim/base/base.h"

#include "cluster/controllers/job.h"

#include "cluster/api/object.h"

#define BACKOFF_FIRST_SECONDS 10
#define BACKOFF_MAX_SECONDS 600

struct duration job_backoff_left(struct job_backoff b, struct wall_time now)
{
    if (b.failures == 0)
        return duration_ns(0);
    int64_t seconds = BACKOFF_MAX_SECONDS;
    if (b.failures <= 6)
        seconds = (int64_t)BACKOFF_FIRST_SECONDS << (b.failures - 1);
    int64_t left_ns = b.last_failure_ns + duration_s(seconds).ns - now.unix_ns;
    return duration_ns(left_ns > 0 ? left_ns : 0);
}

/* ---- index sets ---- */

struct index_set index_set_new(struct arena *scratch, int64_t size)
{
    CHECK(size >= 0);
    return (struct index_set){.has = arena_array(scratch, bool, (size_t)size + 1), .size = size};
}

void index_set_add(struct index_set *s, int64_t index)
{
    if (index < 0 || index >= s->size || s->has[index])
        return;
    s->has[index] = true;
    s->count++;
}

void index_set_parse(struct index_set *s, struct str text)
{
    while (text.size > 0) {
        struct str last, first = str_cut(str_cut(text, ',', &text), '-', &last);
        int64_t from, to;
        if (!str_to_int64(first, &from))
            continue;
        if (!str_to_int64(last, &to))
            to = from;
        for (int64_t i = from; i <= to && i < s->size; i++)
            index_set_add(s, i);
    }
}

struct value index_set_text(const struct index_set *s)
{
    AUTO(text) struct text t = {0};
    for (int64_t i = 0; i < s->size; i++) {
        if (!s->has[i])
            continue;
        int64_t from = i;
        while (i + 1 < s->size && s->has[i + 1])
            i++;
        if (t.size)
            text_add_byte(&t, ',');
        text_add_int(&t, from);
        if (i > from) {
            text_add_byte(&t, i == from + 1 ? ',' : '-');
            text_add_int(&t, i);
        }
    }
    return value_string(text_str(&t));
}

int64_t job_pod_index(struct value pod)
{
    int64_t n;
    return str_to_int64(value_str(object_annotation(pod, S(JOB_INDEX))), &n) ? n : -1;
}

int64_t job_pod_finished_ns(struct value pod, struct wall_time now)
{
    struct value statuses = VALUE_GET(pod, status, containerStatuses);
    struct wall_time t;
    int64_t last = 0;
    for (size_t i = 0; i < value_count(statuses); i++)
        if (time_parse(VALUE_GET(value_at(statuses, i), state, terminated, finishedAt), &t) &&
            t.unix_ns > last)
            last = t.unix_ns;
    if (last)
        return last;
    return time_parse(VALUE_GET(pod, metadata, deletionTimestamp), &t) ? t.unix_ns : now.unix_ns;
}

/* ---- failure policy ---- */

static bool exit_code_matches(struct value rule, int64_t code)
{
    struct value values = value_get(rule, ATOM_values);
    bool is_among = false;
    for (size_t i = 0; i < value_count(values) && !is_among; i++)
        is_among = value_as_integer(value_at(values, i), -1) == code;
    return VALUE_IS(rule, "NotIn", operator) ? !is_among : is_among;
}

/* The container that makes the rule match; absent when none does. Exit code 0 never matches. */
static struct value container_matching(struct value rule, struct value statuses)
{
    struct value only = value_get(rule, ATOM_containerName);
    for (size_t i = 0; i < value_count(statuses); i++) {
        struct value status = value_at(statuses, i);
        int64_t code = VALUE_INT(status, 0, state, terminated, exitCode);
        bool is_meant = !value_is_present(only) || value_equal(only, value_get(status, ATOM_name));
        if (code != 0 && is_meant && exit_code_matches(rule, code))
            return status;
    }
    return VALUE_ABSENT;
}

static struct value condition_matching(struct value patterns, struct value pod)
{
    for (size_t i = 0; i < value_count(patterns); i++) {
        struct value pattern = value_at(patterns, i),
                     conditions = VALUE_GET(pod, status, conditions);
        for (size_t n = 0; n < value_count(conditions); n++) {
            struct value condition = value_at(conditions, n);
            if (value_equal(value_get(condition, ATOM_type), value_get(pattern, ATOM_type)) &&
                value_equal(value_get(condition, ATOM_status), value_get(pattern, ATOM_status)))
                return condition;
        }
    }
    return VALUE_ABSENT;
}

enum failure_action job_failure_action(struct arena *scratch, struct value job, struct value pod,
                                       struct str *ret_message)
{
    struct value rules = VALUE_GET(job, spec, podFailurePolicy, rules);
    struct str namespace = value_str(object_namespace(pod)), name = value_str(object_name(pod));
    for (size_t i = 0; i < value_count(rules); i++) {
        struct value rule = value_at(rules, i), action = value_get(rule, ATOM_action);
        struct value exit_codes = value_get(rule, ATOM_onExitCodes);
        struct value container =
            value_is_present(exit_codes)
                ? container_matching(exit_codes, VALUE_GET(pod, status, containerStatuses))
                : VALUE_ABSENT;
        struct value condition = condition_matching(value_get(rule, ATOM_onPodConditions), pod);
        if (!value_is_present(container) && !value_is_present(condition))
            continue;
        if (value_is(action, "Ignore"))
            return FAILURE_IGNORE;
        if (value_is(action, "FailIndex"))
            return FAILURE_FAIL_INDEX;
        if (!value_is(action, "FailJob"))
            return FAILURE_COUNT;
        struct str container_name = VALUE_STR(container, name), type = VALUE_STR(condition, type);
        if (value_is_present(container))
            *ret_message =
                arena_printf(scratch,
                             "Container %.*s for pod %.*s/%.*s failed with exit code %d matching "
                             "FailJob rule at index %d",
                             STR_ARG(container_name), STR_ARG(namespace), STR_ARG(name),
                             (int)VALUE_INT(container, 0, state, terminated, exitCode), (int)i);
        else
            *ret_message = arena_printf(
                scratch, "Pod %.*s/%.*s has condition %.*s matching FailJob rule at index %d",
                STR_ARG(namespace), STR_ARG(name), STR_ARG(type), (int)i);
        return FAILURE_FAIL_JOB;
    }
    return FAILURE_COUNT;
}

/* ---- success policy ---- */

int job_success_rule(struct arena *scratch, struct value job, const struct index_set *succeeded)
{
    struct value rules = VALUE_GET(job, spec, successPolicy, rules);
    for (size_t i = 0; i < value_count(rules); i++) {
        struct value rule = value_at(rules, i), indexes = value_get(rule, ATOM_succeededIndexes);
        struct index_set wanted = index_set_new(scratch, succeeded->size);
        index_set_parse(&wanted, value_str(indexes));
        int64_t met = 0;
        for (int64_t n = 0; n < succeeded->size; n++)
            met += succeeded->has[n] && (!value_is_present(indexes) || wanted.has[n]);
        int64_t needed = VALUE_INT(rule, value_is_present(indexes) ? wanted.count : succeeded->size,
                                   succeededCount);
        if (met >= needed)
            return (int)i;
    }
    return -1;
}
