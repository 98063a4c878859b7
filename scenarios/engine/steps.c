/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of step kinds and what several of them share: references, expectations of refusals,
 * matchers.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

#include "cluster/api/object.h"
#include "cluster/api/status.h"

const struct step_kind *const step_kinds[] = {
    &step_apply, &step_create, &step_update,  &step_patch,  &step_delete, &step_scale,
    &step_evict, &step_drain,  &step_assert,  &step_error,  &step_count,  &step_wait,
    &step_sleep, &step_say,    &step_request, &step_inject, &step_heal,
};
const size_t step_kind_count = ARRAY_COUNT(step_kinds);

const struct step_kind *step_kind_find(struct str name)
{
    for (size_t i = 0; i < step_kind_count; i++) {
        if (str_equal(name, str_from(step_kinds[i]->name)))
            return step_kinds[i];
    }
    return NULL;
}

static bool operation_row(size_t i, struct shape_field *ret_field)
{
    if (i >= step_kind_count)
        return false;
    *ret_field =
        (struct shape_field){step_kinds[i]->name, step_kinds[i]->shape, false, step_kinds[i]->help};
    return true;
}
const struct shape step_operation_shape = {.kind = SHAPE_ONE_OF, .row = operation_row};

static bool is_known_kind(struct value v, struct text *expected, struct text *at)
{
    text_printf(expected, "a known kind; no matches for kind \"%.*s\" in version \"%.*s\"",
                STR_ARG(VALUE_STR(v, kind)), STR_ARG(VALUE_STR(v, apiVersion)));
    text_add(at, S("kind"));
    return resource_find_kind(VALUE_STR(v, apiVersion), VALUE_STR(v, kind)) != NULL ||
           resource_may_be_custom(VALUE_STR(v, apiVersion));
}

static const struct shape_field reference_fields[] = {
    {"apiVersion", &shape_string, true, "such as apps/v1"},
    {"kind", &shape_string, true, "such as Deployment"},
    {"name", &shape_string, true, "of the object"},
    {"namespace", &shape_string, false, "default when absent"},
};
const struct shape reference_shape = {.kind = SHAPE_OBJECT,
                                      .fields = reference_fields,
                                      .field_count = ARRAY_COUNT(reference_fields),
                                      .holds = is_known_kind};

static const char *const errors[] = {"timeout", "lost", NULL};
static const struct shape error_shape = {.kind = SHAPE_ENUM, .choices = errors};
static bool is_refusal(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    text_add(expected, S("either error, or code, reason and message"));
    return !value_is_present(value_get_key(v, S("error"))) || value_count(v) == 1;
}
static const struct shape_field expect_fields[] = {
    {"code", &shape_integer, false, "the HTTP status, such as 422"},
    {"reason", &shape_string, false, "the Status' reason, such as Invalid"},
    {"message", &shape_string, false, "a part of the Status' message"},
    {"error", &error_shape, false,
     "no answer, so that the outcome is unknown: timeout, or lost (the connection broke or was "
     "refused)"},
};
const struct shape expect_shape = {.kind = SHAPE_OBJECT,
                                   .fields = expect_fields,
                                   .field_count = ARRAY_COUNT(expect_fields),
                                   .holds = is_refusal};

static bool has_one_bound(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    bool has_equals = value_is_present(value_get_key(v, S("equals")));
    bool has_range = value_is_present(value_get_key(v, S("atLeast"))) ||
                     value_is_present(value_get_key(v, S("atMost")));
    text_add(expected, S("either equals, or atLeast and/or atMost"));
    return has_equals != has_range && is_known_kind(v, expected, at);
}

static const struct shape_field count_fields[] = {
    {"apiVersion", &shape_string, true, "of the objects to count"},
    {"kind", &shape_string, true, "of the objects to count"},
    {"namespace", &shape_string, false, "only in this one; all when absent"},
    {"selector", &shape_selector, false, "labels, such as app=web"},
    {"jq", &shape_jq, false, "counts an object when this is true of it"},
    {"equals", &shape_count, false, "exactly so many"},
    {"atLeast", &shape_count, false, "so many or more"},
    {"atMost", &shape_count, false, "so many or fewer"},
    {"timeout", &shape_duration, false, "30s when absent"},
};
const struct shape count_shape = {.kind = SHAPE_OBJECT,
                                  .fields = count_fields,
                                  .field_count = ARRAY_COUNT(count_fields),
                                  .holds = has_one_bound};

struct value arguments_namespace(struct value arguments)
{
    return value_get_key(arguments, S("namespace"));
}

void unknown_kind_text(struct str api_version, struct str kind, struct text *out)
{
    text_printf(out, "no matches for kind \"%.*s\" in version \"%.*s\"", STR_ARG(kind),
                STR_ARG(api_version));
    if (resource_may_be_custom(api_version))
        text_add(out, S(": its CustomResourceDefinition has to be established first"));
}

const struct object_key *reference_key(const struct run *run, struct value ref,
                                       struct text *message)
{
    const struct resource *r =
        view_find_kind(run->view, VALUE_STR(ref, apiVersion), VALUE_STR(ref, kind));
    if (!r) {
        unknown_kind_text(VALUE_STR(ref, apiVersion), VALUE_STR(ref, kind), message);
        return NULL;
    }
    struct str namespace = S("");
    char small[VALUE_SMALL_SIZE]; /* outlives the block below */
    if (r->is_namespaced) {
        namespace = value_str_in(VALUE_GET(ref, namespace), small);
        if (namespace.size == 0)
        namespace = S("default");
    }
    return object_key_of(r->storage, namespace, VALUE_STR(ref, name));
}

/* ---- what a write answered ---- */

static enum outcome result_judge(struct value expect, const struct user_result *result,
                                 struct str what, struct text *message);

static void status_text(const struct user_result *result, struct text *out)
{
    struct str reason = VALUE_STR(result->body, reason), what = VALUE_STR(result->body, message);
    if (result->error.size)
        text_printf(out, "error: %s", text_c(&result->error));
    else if (result->code == 0)
        text_add(out,
                 S("the connection to the API server was lost or refused; the outcome is unknown"));
    else if (reason.size)
        text_printf(out, "Error from server (%.*s): %.*s", STR_ARG(reason), STR_ARG(what));
    else
        text_printf(out, "Error from server: %.*s", STR_ARG(what));
}

/* `expect: {error: ...}`: the answer must not come. NULL: it has not, within the time-out. */
static enum outcome judge_silence(struct str error, const struct user_result *result,
                                  struct str what, struct text *message)
{
    const char *found = !result ? "timeout" : result->code == 0 ? "lost" : NULL;
    text_clear(message);
    if (found && str_equal(error, str_from(found))) {
        text_printf(message, "%.*s: no answer, as expected: %.*s", STR_ARG(what), STR_ARG(error));
        return OUTCOME_PASSED;
    }
    text_printf(message, "%.*s: expected no answer (%.*s); found ", STR_ARG(what), STR_ARG(error));
    if (!result)
        text_add(message, S("none within the time-out"));
    else if (result->code >= 200 && result->code < 300)
        text_printf(message, "%d: %s", result->code, result->done);
    else
        status_text(result, message);
    return OUTCOME_FAILED;
}

enum outcome act_and_judge(struct run *r, struct user_action *own_action, struct value arguments,
                           struct str what, struct text *message)
{
    const struct user_result *result =
        run_action(r, own_action, run_deadline(r, arguments), message);
    struct value expect = value_get_key(arguments, S("expect"));
    struct value error = value_get_key(expect, S("error"));
    if (value_is_present(error) && !r->is_stopped)
        return judge_silence(value_str(error), result, what, message);
    return result ? result_judge(expect, result, what, message) : OUTCOME_FAILED;
}

static enum outcome result_judge(struct value expect, const struct user_result *result,
                                 struct str what, struct text *message)
{
    bool is_good = result->code >= 200 && result->code < 300;
    int64_t code = VALUE_INT(expect, -1, code);
    struct str reason = VALUE_STR(expect, reason), part = VALUE_STR(expect, message);

    if (!value_is_present(expect)) {
        if (is_good)
            return OUTCOME_PASSED;
        text_printf(message, "%.*s: ", STR_ARG(what));
        status_text(result, message);
        return OUTCOME_FAILED;
    }
    bool holds = code >= 0 ? code == result->code : !is_good;
    holds = holds && (reason.size == 0 || str_equal(reason, VALUE_STR(result->body, reason)));
    holds = holds && (part.size == 0 || str_contains(VALUE_STR(result->body, message), part));
    text_printf(message, "%.*s: ", STR_ARG(what));
    if (holds) {
        text_add(message, S("refused as expected: "));
        status_text(result, message);
        return OUTCOME_PASSED;
    }
    text_add(message, S("expected a refusal with"));
    if (code >= 0)
        text_printf(message, " code %" PRId64, code);
    if (reason.size)
        text_printf(message, " reason %.*s", STR_ARG(reason));
    if (part.size)
        text_printf(message, " message containing \"%.*s\"", STR_ARG(part));
    text_printf(message, "; the answer was %d: ", result->code);
    if (is_good)
        text_printf(message, "%s", result->done);
    else
        status_text(result, message);
    return OUTCOME_FAILED;
}

/* ---- matchers ---- */

/* The row of a matcher, or what a later look will find it by. */
static const struct resource *matcher_kind(const struct run *run, struct value of,
                                           struct matcher *ret)
{
    const struct resource *r =
        view_find_kind(run->view, VALUE_STR(of, apiVersion), VALUE_STR(of, kind));
    *ret = (struct matcher){.resource = r};
    if (!r) {
        ret->api_version = value_keep(VALUE_GET(of, apiVersion));
        ret->kind = value_keep(VALUE_GET(of, kind));
    }
    return r;
}

void matcher_of_resource(const struct run *run, struct value resource, struct value jq,
                         struct matcher *ret)
{
    const struct resource *r = matcher_kind(run, resource, ret);
    if (value_is_present(object_name(resource)))
        ret->name = value_keep(object_name(resource));
    if (!r) {
        ret->namespace = value_keep(object_namespace(resource));
    } else if (r->is_namespaced) {
        struct value namespace = object_namespace(resource);
        ret->namespace =
            value_is_present(namespace) ? value_keep(namespace) : value_string(S("default"));
    }
    /* The version asked for may not be the one that is stored: what picks the row is no part of the
     * comparison. */
    struct value partial = value_set(value_keep(resource), ATOM_apiVersion, VALUE_ABSENT);
    ret->partial = value_set(partial, ATOM_kind, VALUE_ABSENT);
    if (value_is_present(jq))
        ret->filter = jq_filter_new(value_str(jq), NULL);
}

void matcher_of_kind(const struct run *run, struct value arguments, struct matcher *ret)
{
    (void)matcher_kind(run, arguments, ret);
    struct value namespace = arguments_namespace(arguments), jq = value_get_key(arguments, S("jq"));
    if (value_is_present(namespace))
        ret->namespace = value_keep(namespace);
    struct value selector = value_get_key(arguments, S("selector"));
    if (value_is_present(selector))
        ret->selector = label_selector_parse(value_str(selector), NULL);
    if (value_is_present(jq))
        ret->filter = jq_filter_new(value_str(jq), NULL);
}

void count_bounds(struct value arguments, int64_t *ret_least, int64_t *ret_most)
{
    int64_t equals = value_as_integer(value_get_key(arguments, S("equals")), -1);
    *ret_least = equals >= 0 ? equals : value_as_integer(value_get_key(arguments, S("atLeast")), 0);
    *ret_most =
        equals >= 0 ? equals : value_as_integer(value_get_key(arguments, S("atMost")), INT64_MAX);
}

void count_text(int64_t least, int64_t most, struct text *out)
{
    if (least == most)
        text_printf(out, "exactly %" PRId64, least);
    else if (most == INT64_MAX)
        text_printf(out, "at least %" PRId64, least);
    else if (least == 0)
        text_printf(out, "at most %" PRId64, most);
    else
        text_printf(out, "%" PRId64 " to %" PRId64, least, most);
}
