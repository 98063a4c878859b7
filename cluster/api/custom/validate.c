/* SPDX-License-Identifier: Apache-2.0
 *
 * Validation by OpenAPI v3 (validate.h): one walk of schema and value together. The messages name
 * the field twice, as kube-openapi's do: "spec.size: Invalid value: 11: spec.size in body should be
 * less than or equal to 10". Those of anyOf and its kin belong to no field, which Go prints as
 * "<nil>".
 *
 * Order at one value: type, anyOf, oneOf, allOf, not, strings, numbers, lists, enumeration,
 * objects.
 *
 * Upstream: kube-openapi/pkg/validation/validate, apiextensions-apiserver/pkg/apiserver/validation.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/validate.h"

#include "cluster/api/cel/rules.h"
#include "cluster/api/custom/definition.h"
#include "cluster/api/custom/format.h"
#include "cluster/api/custom/lists.h"
#include "cluster/api/custom/pattern.h"
#include "cluster/api/json.h"
#include "cluster/api/utf8.h"
#include "sim/base/mem.h"

static void check(struct value schema, struct value v, struct value old,
                  const struct field_path *path, struct field_errors *errors);

/* ---- messages ---- */

static void PRINTF_LIKE(5, 6)
    fail(struct field_errors *errors, enum field_error_type type, const struct field_path *path,
         struct value v, const char *format, ...)
{
    AUTO(text) struct text name = {0};
    AUTO(text) struct text what = {0};
    va_list arguments;
    field_path_text(path, &name);
    va_start(arguments, format);
    text_vprintf(&what, format, arguments);
    va_end(arguments);
    field_error_at(errors, type, path, v, "%s in body %s", text_c(&name), text_c(&what));
}

/* Of no field. */
static void fail_whole(struct field_errors *errors, const struct field_path *path, const char *what)
{
    AUTO(text) struct text name = {0};
    AUTO(value) struct value empty = value_string(S(""));
    field_path_text(path, &name);
    field_error_add(errors, FIELD_INVALID, S("<nil>"), empty, "\"%s\" %s", text_c(&name), what);
}

/* ---- types ---- */

static const char *type_text(struct value v)
{
    switch (value_kind(v)) {
    case VALUE_BOOL:
        return "boolean";
    case VALUE_INTEGER:
        return "integer";
    case VALUE_DOUBLE:
        return "number";
    case VALUE_STRING:
        return "string";
    case VALUE_ARRAY:
        return "array";
    case VALUE_OBJECT:
        return "object";
    case VALUE_NONE:
    case VALUE_NULL:
        break;
    }
    return "null";
}

static double number_of(struct value v)
{
    return value_kind(v) == VALUE_INTEGER ? (double)value_as_integer(v, 0) : value_as_double(v, 0);
}

static bool is_whole(struct value v)
{
    double d = number_of(v);
    return value_kind(v) == VALUE_INTEGER ||
           (d < 9.2e18 && d > -9.2e18 && !(d < (double)(int64_t)d) && !(d > (double)(int64_t)d));
}

/* False: wrong. */
static bool check_type(struct value schema, struct value v, const struct field_path *path,
                       struct field_errors *errors)
{
    struct str wanted = VALUE_STR(schema, type);
    const char *has = type_text(v);
    bool is_number = value_kind(v) == VALUE_INTEGER || value_kind(v) == VALUE_DOUBLE;
    bool fits = wanted.size == 0 || str_equal(wanted, str_from(has)) ||
                (str_equal(wanted, S("number")) && is_number) ||
                (str_equal(wanted, S("integer")) && is_number && is_whole(v));
    if (schema_flag(schema, ATOM_x_kubernetes_int_or_string)) {
        wanted = S("integer,string");
        fits = value_kind(v) == VALUE_STRING || (is_number && is_whole(v));
    }
    if (fits || (value_kind(v) == VALUE_NULL && schema_flag(schema, ATOM_nullable)))
        return true;
    AUTO(value) struct value shown = value_string(str_from(has));
    fail(errors, FIELD_TYPE_INVALID, path, shown, "must be of type %.*s: \"%s\"", STR_ARG(wanted),
         has);
    return false;
}

/* ---- strings ---- */

static void check_string(struct value schema, struct value v, const struct field_path *path,
                         struct field_errors *errors)
{
    struct str s = value_str(v), pattern = VALUE_STR(schema, pattern);
    struct str format = VALUE_STR(schema, format);
    struct value most = VALUE_GET(schema, maxLength), least = VALUE_GET(schema, minLength);
    if (value_is_present(most) && utf8_count(s) > value_as_integer(most, 0))
        field_error_at(errors, FIELD_TOO_LONG, path, VALUE_ABSENT,
                       value_as_integer(most, 0) == 1 ? "may not be more than %" PRId64 " byte"
                                                      : "may not be more than %" PRId64 " bytes",
                       value_as_integer(most, 0));
    if (value_is_present(least) && utf8_count(s) < value_as_integer(least, 0))
        fail(errors, FIELD_INVALID, path, v, "should be at least %" PRId64 " chars long",
             value_as_integer(least, 0));
    if (pattern.size > 0 && !pattern_matches(pattern, s))
        fail(errors, FIELD_INVALID, path, v, "should match '%.*s'", STR_ARG(pattern));
    if (format.size > 0 && !format_holds(format, s)) {
        AUTO(text) struct text shown = {0};
        json_write_string(s, &shown);
        fail(errors, FIELD_TYPE_INVALID, path, v, "must be of type %.*s: %s", STR_ARG(format),
             text_c(&shown));
    }
}

/* ---- numbers ---- */

/* Exact for whole numbers. */
static int number_compare(struct value a, struct value b)
{
    if (value_kind(a) == VALUE_INTEGER && value_kind(b) == VALUE_INTEGER) {
        int64_t x = value_as_integer(a, 0), y = value_as_integer(b, 0);
        return x < y ? -1 : x > y;
    }
    double x = number_of(a), y = number_of(b);
    return x < y ? -1 : x > y;
}

static bool is_multiple(struct value v, struct value of)
{
    if (value_kind(v) == VALUE_INTEGER && value_kind(of) == VALUE_INTEGER &&
        value_as_integer(of, 0) != 0)
        return value_as_integer(v, 0) % value_as_integer(of, 0) == 0;
    double divisor = number_of(of);
    if (!(divisor > 0))
        return true;
    double times = number_of(v) / divisor;
    if (times > 9e15 || times < -9e15)
        return true;
    double rest = times - (double)(int64_t)times;
    return !(rest > 0) && !(rest < 0);
}

static void check_bound(struct value schema, struct value v, bool is_maximum,
                        const struct field_path *path, struct field_errors *errors)
{
    struct value bound = is_maximum ? VALUE_GET(schema, maximum) : VALUE_GET(schema, minimum);
    bool is_exclusive = is_maximum ? VALUE_BOOL_AT(schema, exclusiveMaximum)
                                   : VALUE_BOOL_AT(schema, exclusiveMinimum);
    if (!value_is_present(bound))
        return;
    int order = number_compare(v, bound) * (is_maximum ? 1 : -1);
    if (order < 0 || (order == 0 && !is_exclusive))
        return;
    AUTO(text) struct text shown = {0};
    json_write(bound, &shown);
    fail(errors, FIELD_INVALID, path, v, "should be %s than %s%s", is_maximum ? "less" : "greater",
         is_exclusive ? "" : "or equal to ", text_c(&shown));
}

static void check_number(struct value schema, struct value v, const struct field_path *path,
                         struct field_errors *errors)
{
    struct value of = VALUE_GET(schema, multipleOf);
    struct str format = VALUE_STR(schema, format);
    if (value_is_present(of) && !is_multiple(v, of)) {
        AUTO(text) struct text shown = {0};
        json_write(of, &shown);
        fail(errors, FIELD_INVALID, path, v, "should be a multiple of %s", text_c(&shown));
    }
    check_bound(schema, v, true, path, errors);
    check_bound(schema, v, false, path, errors);
    if (str_equal(format, S("int32")) && value_kind(v) == VALUE_INTEGER &&
        (value_as_integer(v, 0) > INT32_MAX || value_as_integer(v, 0) < INT32_MIN)) {
        AUTO(value) struct value empty = value_string(S(""));
        AUTO(text) struct text name = {0};
        field_path_text(path, &name);
        field_error_add(errors, FIELD_INVALID, S("<nil>"), empty,
                        "Checked value must be of type integer with format int32 in %s",
                        text_c(&name));
    }
}

/* ---- lists and objects ---- */

/* Upstream calls properties items, too, where there are too many. */
static void check_count(struct value v, struct value least, struct value most, const char *what,
                        const struct field_path *path, struct field_errors *errors)
{
    int64_t count = (int64_t)value_count(v);
    if (value_is_present(least) && count < value_as_integer(least, 0))
        fail(errors, FIELD_INVALID, path, value_integer(count),
             "should have at least %" PRId64 " %s", value_as_integer(least, 0), what);
    if (value_is_present(most) && count > value_as_integer(most, 0))
        field_error_at(errors, FIELD_TOO_MANY, path, value_integer(count),
                       "must have at most %" PRId64 " items", value_as_integer(most, 0));
}

static void check_list(struct value schema, struct value v, struct value old,
                       const struct field_path *path, struct field_errors *errors)
{
    struct value items = schema_items(schema);
    for (size_t i = 0; value_is_present(items) && i < value_count(v); i++) {
        struct field_path here = path_index(path, i);
        struct value item = value_at(v, i);
        check(items, item, list_counterpart(schema, old, item), &here, errors);
    }
    check_count(v, VALUE_GET(schema, minItems), VALUE_GET(schema, maxItems), "items", path, errors);
}

static void check_members(struct value schema, struct value v, struct value old,
                          const struct field_path *path, struct field_errors *errors)
{
    struct value additional = schema_additional(schema);
    for (size_t i = 0; i < value_count(v); i++) {
        struct str key = value_key_at(v, i);
        struct value property = schema_property(schema, key);
        struct field_path here = {path, key, PATH_NAME};
        if (!value_is_present(property))
            property = additional;
        if (value_is_present(property))
            check(property, value_member_at(v, i), value_get(old, value_key_atom_at(v, i)), &here,
                  errors);
    }
}

static void check_object(struct value schema, struct value v, struct value old,
                         const struct field_path *path, struct field_errors *errors)
{
    struct value required = VALUE_GET(schema, required);
    check_count(v, VALUE_GET(schema, minProperties), VALUE_GET(schema, maxProperties), "properties",
                path, errors);
    for (size_t i = 0; i < value_count(required); i++) {
        struct str key = value_str(value_at(required, i));
        struct field_path here = {path, key, PATH_NAME};
        if (!value_is_present(value_get_key(v, key)))
            field_error_at(errors, FIELD_REQUIRED, &here, VALUE_ABSENT, NO_DETAIL);
    }
    check_members(schema, v, old, path, errors);
}

static void check_enumeration(struct value schema, struct value v, const struct field_path *path,
                              struct field_errors *errors)
{
    struct value choices = VALUE_GET(schema, enum);
    if (value_count(choices) == 0 || value_has_item(choices, v))
        return;
    AUTO(text) struct text list = {0};
    for (size_t i = 0; i < value_count(choices); i++) {
        AUTO(text) struct text plain = {0};
        if (value_kind(value_at(choices, i)) == VALUE_STRING)
            text_add(&plain, value_str(value_at(choices, i)));
        else
            json_write(value_at(choices, i), &plain);
        if (i > 0)
            text_add(&list, S(", "));
        json_write_string(text_str(&plain), &list);
    }
    field_error_at(errors, FIELD_NOT_SUPPORTED, path, v, "supported values: %s", text_c(&list));
}

/* ---- allOf and its kin ---- */

static void errors_move(struct field_errors *from, struct field_errors *to)
{
    for (size_t i = 0; i < from->count; i++) {
        if (to->count == to->capacity) {
            size_t capacity = to->capacity ? 2 * to->capacity : 4;
            to->items = mem_resize(to->items, struct field_error, to->capacity, capacity);
            to->capacity = capacity;
        }
        to->items[to->count++] = from->items[i];
        from->items[i] = (struct field_error){0};
    }
    field_errors_release(from);
}

/* How many of the schemas hold; the mistakes of the one that fails least go to `ret_least`. */
static size_t count_holding(struct value schemas, struct value v, const struct field_path *path,
                            struct field_errors *ret_least)
{
    size_t holding = 0;
    bool has_least = false;
    for (size_t i = 0; i < value_count(schemas); i++) {
        struct field_errors own = {0};
        check(value_at(schemas, i), v, VALUE_ABSENT, path, &own);
        holding += own.count == 0;
        if (own.count > 0 && (!has_least || own.count < ret_least->count)) {
            field_errors_release(ret_least);
            *ret_least = own;
            has_least = true;
        } else {
            field_errors_release(&own);
        }
    }
    return holding;
}

static void check_junctors(struct value schema, struct value v, const struct field_path *path,
                           struct field_errors *errors)
{
    struct value any = VALUE_GET(schema, anyOf), one = VALUE_GET(schema, oneOf);
    struct value all = VALUE_GET(schema, allOf), not = VALUE_GET(schema, not );
    struct field_errors least = {0};
    if (value_count(any) > 0 && count_holding(any, v, path, &least) == 0) {
        fail_whole(errors, path, "must validate at least one schema (anyOf)");
        errors_move(&least, errors);
    }
    field_errors_release(&least);
    size_t holding = value_count(one) > 0 ? count_holding(one, v, path, &least) : 1;
    if (holding == 0) {
        fail_whole(errors, path, "must validate one and only one schema (oneOf). Found none valid");
        errors_move(&least, errors);
    } else if (holding > 1) {
        AUTO(text) struct text what = {0};
        text_printf(&what,
                    "must validate one and only one schema (oneOf). Found %zu valid alternatives",
                    holding);
        fail_whole(errors, path, text_c(&what));
    }
    field_errors_release(&least);
    holding = value_count(all) > 0 ? count_holding(all, v, path, &least) : 0;
    if (holding < value_count(all)) {
        fail_whole(errors, path,
                   holding == 0 ? "must validate all the schemas (allOf). None validated"
                                : "must validate all the schemas (allOf)");
        errors_move(&least, errors);
    }
    field_errors_release(&least);
    if (value_is_present(not )) {
        check(not, v, VALUE_ABSENT, path, &least);
        if (least.count == 0)
            fail_whole(errors, path, "must not validate the schema (not)");
        field_errors_release(&least);
    }
}

/* ---- the walk ---- */

static void check(struct value schema, struct value v, struct value old,
                  const struct field_path *path, struct field_errors *errors)
{
    if (value_is_present(old) && (value_is_same(v, old) || value_equal(v, old)))
        return; /* it was there before */
    (void)check_type(schema, v, path, errors);
    if (value_kind(v) == VALUE_NULL) {
        if (!schema_flag(schema, ATOM_nullable))
            check_enumeration(schema, v, path, errors);
        return;
    }
    check_junctors(schema, v, path, errors);
    enum value_kind kind = value_kind(v);
    if (kind == VALUE_STRING)
        check_string(schema, v, path, errors);
    if (kind == VALUE_INTEGER || kind == VALUE_DOUBLE)
        check_number(schema, v, path, errors);
    if (kind == VALUE_ARRAY)
        check_list(schema, v, old, path, errors);
    check_enumeration(schema, v, path, errors);
    if (kind == VALUE_OBJECT)
        check_object(schema, v, old, path, errors);
}

void schema_validate_value(struct value schema, struct value v, const struct field_path *path,
                           struct field_errors *errors)
{
    check(schema, v, VALUE_ABSENT, path, errors);
}

/* A rule's look at a value of the wrong shape would only repeat what is said already. */
static bool blocks_rules(const struct field_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        enum field_error_type t = errors->items[i].type;
        if (t == FIELD_REQUIRED || t == FIELD_NOT_SUPPORTED || t == FIELD_TOO_LONG ||
            t == FIELD_TOO_MANY || t == FIELD_TYPE_INVALID)
            return true;
    }
    return false;
}

/* A write of the status alone: only that is looked at, and sentences begin there. */
static void check_status(struct value schema, struct value object, struct value old,
                         struct field_errors *errors)
{
    struct value part = schema_property(schema, S("status")), status = VALUE_GET(object, status);
    size_t before = errors->count;
    if (!value_is_present(part) || !value_is_present(status))
        return;
    check(part, status, VALUE_GET(old, status), NULL, errors);
    for (size_t i = before; i < errors->count; i++) {
        struct text *path = &errors->items[i].path;
        struct text whole = {0};
        bool is_whole = path->size == 0 || str_equal(text_str(path), S("<nil>"));
        text_printf(&whole, "status%s%s", is_whole ? "" : ".", is_whole ? "" : text_c(path));
        text_release(path);
        *path = whole;
    }
}

/* Who had equal keys already may keep them. */
static void check_lists(struct value schema, struct value object, struct value old,
                        struct field_errors *errors)
{
    struct field_errors had = {0};
    if (value_is_present(old))
        check_list_keys(schema, old, NULL, &had);
    if (had.count == 0)
        check_list_keys(schema, object, NULL, errors);
    field_errors_release(&had);
}

void schema_validate(struct value schema, struct value object, struct value old, bool is_status,
                     struct field_errors *errors)
{
    if (is_status)
        check_status(schema, object, old, errors);
    else if (value_is_present(schema))
        check(schema, object, old, NULL, errors);
}

void schema_validate_further(struct value schema, struct value object, struct value old,
                             bool is_status, struct field_errors *errors)
{
    if (!value_is_present(schema))
        return;
    if (!is_status)
        check_embedded(schema, object, NULL, errors);
    check_lists(schema, object, old, errors);
    if (!schema_has_rules(schema))
        return;
    if (blocks_rules(errors))
        field_error_add(errors, FIELD_INVALID, S("<nil>"), VALUE_ABSENT,
                        "some validation rules were not checked because the object was invalid; "
                        "correct the existing errors to complete validation");
    else
        rules_check(schema, object, old, errors);
}
