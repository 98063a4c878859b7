/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `wait`: kubectl wait. `for` is `delete`, `create`, `condition=TYPE[=STATUS]` (status True
 * when absent, compared without regard to case) or `jsonpath={.path}=VALUE` (without a value: the
 * path is there).
 *
 * DEVIATION: of JSONPath only plain paths with `.key` and `[index]` are understood.
 *
 * Source: kubernetes.io/docs/reference/kubectl/generated/kubectl_wait/
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "scenarios/engine/steps.h"

static bool is_for(struct value v, struct text *expected, struct text *at);
static const struct shape for_shape = {.kind = SHAPE_STRING, .holds = is_for};
static const struct shape_field fields[] = {
    {"ref", &reference_shape, true, "the object"},
    {"for", &for_shape, true, "delete, create, condition=TYPE[=STATUS] or jsonpath={.path}=VALUE"},
    {"timeout", &shape_duration, false, "30s when absent"},
};
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};

struct wait {
    const struct run *run;
    const struct object_key *key;
    struct str what;
};

static bool is_for(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    struct str s = value_str(v);
    text_add(expected, S("delete, create, condition=TYPE[=STATUS] or jsonpath={.path}[=VALUE]"));
    return str_equal(s, S("delete")) || str_equal(s, S("create")) ||
           (str_starts_with(s, S("condition=")) && s.size > 10) ||
           (str_starts_with(s, S("jsonpath={.")) && str_find(s, '}') < s.size) ||
           (str_starts_with(s, S("jsonpath='{.")) && str_find(s, '}') < s.size);
}

static bool equal_without_case(struct str a, struct str b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        char x = a.bytes[i], y = b.bytes[i];
        x = x >= 'A' && x <= 'Z' ? (char)(x + 32) : x;
        y = y >= 'A' && y <= 'Z' ? (char)(y + 32) : y;
        if (x != y)
            return false;
    }
    return true;
}

static bool has_condition(struct value object, struct str what)
{
    struct str wanted = S("");
    struct str type = str_cut(what, '=', &wanted);
    if (wanted.size == 0)
        wanted = S("True");
    struct value conditions = VALUE_GET(object, status, conditions);
    for (size_t i = 0; i < value_count(conditions); i++) {
        struct value c = value_at(conditions, i);
        if (equal_without_case(VALUE_STR(c, type), type))
            return equal_without_case(VALUE_STR(c, status), wanted);
    }
    return false;
}

static struct value value_at_path(struct value v, struct str path)
{
    while (path.size && value_is_present(v)) {
        size_t n = 1;
        if (path.bytes[0] == '[') {
            int64_t index = -1;
            n = str_find(path, ']');
            if (n == path.size || !str_to_int64(str_slice(path, 1, n), &index) || index < 0)
                return VALUE_ABSENT;
            v = value_at(v, (size_t)index);
            n++;
        } else if (path.bytes[0] == '.') {
            while (n < path.size && path.bytes[n] != '.' && path.bytes[n] != '[')
                n++;
            v = value_get_key(v, str_slice(path, 1, n));
        } else
            return VALUE_ABSENT;
        path = str_slice(path, n, path.size);
    }
    return v;
}

static bool has_path(struct value object, struct str what)
{
    struct str rest, wanted;
    str_cut(what, '{', &rest);
    struct str path = str_cut(rest, '}', &wanted);
    if (str_starts_with(wanted, S("'")))
        wanted = str_slice(wanted, 1, wanted.size);
    struct value v = value_at_path(object, path);
    if (wanted.size == 0 || !value_is_present(v))
        return value_is_present(v);
    wanted = str_slice(wanted, 1, wanted.size);
    AUTO(text) struct text found = {0};
    if (value_kind(v) == VALUE_INTEGER)
        text_add_int(&found, value_as_integer(v, 0));
    else if (value_kind(v) == VALUE_BOOL)
        text_add(&found, value_as_bool(v) ? S("true") : S("false"));
    else
        text_add(&found, value_str(v));
    return str_equal(text_str(&found), wanted);
}

static bool has_come(void *owner)
{
    const struct wait *w = owner;
    struct value object = view_get(w->run->view, w->key);
    if (str_equal(w->what, S("delete")))
        return !value_is_present(object);
    if (!value_is_present(object))
        return false;
    if (str_equal(w->what, S("create")))
        return true;
    struct str rest;
    struct str kind = str_cut(w->what, '=', &rest);
    return str_equal(kind, S("condition")) ? has_condition(object, rest) : has_path(object, rest);
}

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    const struct object_key *key = reference_key(r, value_get_key(arguments, S("ref")), message);
    if (!key)
        return OUTCOME_FAILED;
    struct value what = value_get_key(arguments, S("for"));
    struct wait w = {r, key, value_str(what)};
    bool came = run_until(r, has_come, &w, run_deadline(r, arguments));
    if (!came) {
        text_printf(message, "timed out waiting for %.*s on %.*s/%.*s", STR_ARG(w.what),
                    STR_ARG(key->resource->qualified), STR_ARG(key->name));
        run_explain(r, key->name, message);
    }
    object_key_unref(key);
    return came ? OUTCOME_PASSED : OUTCOME_FAILED;
}

const struct step_kind step_wait = {
    .name = "wait",
    .help = "waits for a condition, a value or the deletion of one object, as kubectl wait does",
    .example = "wait: {ref: {apiVersion: apps/v1, kind: Deployment, name: web}, for: "
               "condition=Available, timeout: 2m}",
    .shape = &shape,
    .run = run_step,
};
