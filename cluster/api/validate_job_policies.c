/* SPDX-License-Identifier: Apache-2.0
 *
 * A job's podFailurePolicy and successPolicy, and the lists of indexes in the latter ("1,3-5").
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#define RULES_MAX 20
#define EXIT_CODES_MAX 255
#define INDEXES_SIZE_MAX (64 * 1024)

/* Required with the choices in the detail, as %q prints a list: ["A" "B"]. */
static void check_listed(errors_t *errors, path_t path, const char *name, struct value v,
                         const char *choices, const char *printed)
{
    if (text_is_set(v))
        check_optional_choice(errors, path, name, v, choices);
    else
        child_error(errors, FIELD_REQUIRED, path, name, VALUE_ABSENT, "valid values: %s", printed);
}

static void check_count(errors_t *errors, path_t path, struct value list, int most)
{
    AUTO(value) struct value count = value_integer((int64_t)value_count(list));
    if ((int)value_count(list) > most)
        field_error_at(errors, FIELD_TOO_MANY, path, count, "must have at most %d items", most);
}

/* ---- podFailurePolicy ---- */

static bool is_container(struct value spec, struct value name)
{
    const struct value lists[] = {VALUE_GET(spec, template, spec, containers),
                                  VALUE_GET(spec, template, spec, initContainers)};
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        for (size_t i = 0; i < value_count(lists[l]); i++) {
            if (value_equal(VALUE_GET(value_at(lists[l], i), name), name))
                return true;
        }
    }
    return false;
}

static void check_exit_codes(struct value spec, struct value codes, path_t path, errors_t *errors)
{
    struct value operator= VALUE_GET(codes, operator), values = VALUE_GET(codes, values);
    struct value container = VALUE_GET(codes, containerName);
    struct field_path list = path_child(path, "values");
    bool is_ordered = true;
    check_listed(errors, path, "operator", operator, "In|NotIn", "[\"In\" \"NotIn\"]");
    if (value_is_present(container) && !is_container(spec, container))
        child_error(errors, FIELD_INVALID, path, "containerName", container,
                    "must be one of the container or initContainer names in the pod template");
    if (value_count(values) == 0)
        field_error_at(errors, FIELD_INVALID, &list, values, "at least one value is required");
    check_count(errors, &list, values, EXIT_CODES_MAX);
    for (size_t i = 0; i < value_count(values); i++) {
        struct field_path item = path_index(&list, i);
        struct value code = value_at(values, i);
        if (value_is(operator, "In") && value_as_integer(code, 0) == 0)
            field_error_at(errors, FIELD_INVALID, &item, code, "must not be 0 for the In operator");
        bool is_repeated = false;
        for (size_t k = 0; i < LIST_COMPARED_MAX && k < i; k++)
            is_repeated |= value_equal(value_at(values, k), code);
        if (is_repeated)
            field_error_at(errors, FIELD_DUPLICATE, &item, code, NO_DETAIL);
        if (i > 0 && value_as_integer(value_at(values, i - 1), 0) > value_as_integer(code, 0))
            is_ordered = false;
    }
    if (!is_ordered)
        field_error_at(errors, FIELD_INVALID, &list, values, "must be ordered");
}

static void check_conditions(struct value conditions, path_t path, errors_t *errors)
{
    check_count(errors, path, conditions, RULES_MAX);
    for (size_t i = 0; i < value_count(conditions); i++) {
        struct field_path item = path_index(path, i);
        struct value c = value_at(conditions, i);
        check_child_rule(errors, &item, "type", VALUE_GET(c, type), name_qualified);
        check_listed(errors, &item, "status", VALUE_GET(c, status), "False|True|Unknown",
                     "[\"False\" \"True\" \"Unknown\"]");
    }
}

static void check_failure_rule(struct value spec, struct value rule, path_t path, errors_t *errors)
{
    struct value action = VALUE_GET(rule, action), codes = VALUE_GET(rule, onExitCodes);
    struct value conditions = VALUE_GET(rule, onPodConditions);
    struct field_path codes_path = path_child(path, "onExitCodes"),
                      conditions_path = path_child(path, "onPodConditions");
    if (!value_is(action, "FailIndex"))
        check_listed(errors, path, "action", action, "Count|FailIndex|FailJob|Ignore",
                     "[\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]");
    else if (!value_is_present(VALUE_GET(spec, backoffLimitPerIndex)))
        child_error(errors, FIELD_INVALID, path, "action", action,
                    "requires the backoffLimitPerIndex to be set");
    if (value_is_present(codes))
        check_exit_codes(spec, codes, &codes_path, errors);
    if (value_count(conditions) > 0)
        check_conditions(conditions, &conditions_path, errors);
    if (value_is_present(codes) && value_count(conditions) > 0)
        field_error_shown(errors, FIELD_INVALID, path, S(""),
                          "specifying both OnExitCodes and OnPodConditions is not supported");
    else if (!value_is_present(codes) && value_count(conditions) == 0)
        field_error_shown(errors, FIELD_INVALID, path, S(""),
                          "specifying one of OnExitCodes and OnPodConditions is required");
}

/* ---- successPolicy ---- */

static bool read_index(struct str text, int64_t completions, int64_t *ret_index, struct text *why)
{
    if (!str_to_int64(text, ret_index))
        text_printf(why, "cannot convert string to integer for index: \"%.*s\"", STR_ARG(text));
    else if (*ret_index >= completions)
        text_printf(why, "too large index: \"%.*s\"", STR_ARG(text));
    return why->size == 0;
}

int64_t count_job_indexes(struct str list, int64_t completions, struct text *why)
{
    int64_t total = 0, last = -1;
    struct str rest = list;
    while (rest.size > 0) {
        struct str high, fragment = str_cut(rest, ',', &rest);
        bool is_range = str_find(fragment, '-') < fragment.size;
        struct str low = str_cut(fragment, '-', &high);
        int64_t x, y;
        if (str_find(high, '-') < high.size)
            text_printf(why,
                        "the fragment \"%.*s\" violates the requirement that an index interval "
                        "can have at most two parts separated by '-'",
                        STR_ARG(fragment));
        if (why->size > 0 || !read_index(low, completions, &x, why))
            return 0;
        if (last >= x)
            text_printf(why, "non-increasing order, previous: %d, current: %d", (int)last, (int)x);
        y = x;
        if (why->size > 0 || (is_range && !read_index(high, completions, &y, why)))
            return 0;
        if (is_range && x >= y)
            text_printf(why, "non-increasing order, previous: %d, current: %d", (int)x, (int)y);
        if (why->size > 0)
            return 0;
        total += y - x + 1;
        last = y;
    }
    if (str_ends_with(list, S(",")))
        (void)read_index(S(""), completions, &last, why);
    return why->size > 0 ? 0 : total;
}

static void check_success_rule(struct value spec, struct value rule, path_t path, errors_t *errors)
{
    struct value count = VALUE_GET(rule, succeededCount);
    struct value indexes = VALUE_GET(rule, succeededIndexes);
    int64_t completions = VALUE_INT(spec, 0, completions), total = 0;
    AUTO(text) struct text why = {0};
    if (!value_is_present(count) && !value_is_present(indexes))
        field_error_at(errors, FIELD_REQUIRED, path, VALUE_ABSENT,
                       "at least one of succeededCount or succeededIndexes must be specified");
    if (value_is_present(indexes)) {
        if (value_str(indexes).size > INDEXES_SIZE_MAX)
            child_error(errors, FIELD_TOO_LONG, path, "succeededIndexes", VALUE_ABSENT,
                        "may not be more than %d bytes", INDEXES_SIZE_MAX);
        total = count_job_indexes(value_str(indexes), completions, &why);
        if (why.size > 0)
            child_error(errors, FIELD_INVALID, path, "succeededIndexes", indexes,
                        "error parsing succeededIndexes: %s", text_c(&why));
    }
    check_nonnegative(errors, path, "succeededCount", count);
    if (value_as_integer(count, 0) > completions)
        child_error(errors, FIELD_INVALID, path, "succeededCount", count,
                    "must be less than or equal to %d (the number of specified completions)",
                    (int)completions);
    if (value_is_present(indexes) && value_as_integer(count, 0) > total)
        child_error(errors, FIELD_INVALID, path, "succeededCount", count,
                    "must be less than or equal to %d (the number of indexes in the specified "
                    "succeededIndexes field)",
                    (int)total);
}

void validate_job_policies(struct value spec, path_t path, errors_t *errors)
{
    struct value failure = VALUE_GET(spec, podFailurePolicy);
    struct value success = VALUE_GET(spec, successPolicy);
    struct field_path failure_path = path_child(path, "podFailurePolicy"),
                      failure_list = path_child(&failure_path, "rules"),
                      success_path = path_child(path, "successPolicy"),
                      success_list = path_child(&success_path, "rules");
    struct value rules = VALUE_GET(failure, rules);
    check_count(errors, &failure_list, rules, RULES_MAX);
    for (size_t i = 0; i < value_count(rules); i++) {
        struct field_path item = path_index(&failure_list, i);
        check_failure_rule(spec, value_at(rules, i), &item, errors);
    }
    if (!value_is_present(success))
        return;
    if (!VALUE_IS(spec, "Indexed", completionMode)) {
        field_error_at(errors, FIELD_INVALID, &success_path, success,
                       "requires indexed completion mode");
        return;
    }
    rules = VALUE_GET(success, rules);
    if (value_count(rules) == 0)
        field_error_at(errors, FIELD_REQUIRED, &success_list, VALUE_ABSENT,
                       "at least one rules must be specified when the successPolicy is specified");
    check_count(errors, &success_list, rules, RULES_MAX);
    for (size_t i = 0; i < value_count(rules); i++) {
        struct field_path item = path_index(&success_list, i);
        check_success_rule(spec, value_at(rules, i), &item, errors);
    }
}
