/* SPDX-License-Identifier: Apache-2.0
 *
 * x-kubernetes-validations (rules.h): the rules of each node of a schema, on the value that stands
 * there.
 *
 * A rule that speaks of oldSelf is a transition rule: it is left out when there is no old value to
 * compare with, unless optionalOldSelf says that it copes. The old value of a part is found by the
 * names of fields and the keys of maps, and in lists only when they are maps by keys.
 *
 * Ratcheting: a rule without oldSelf is not held against a value that has not changed.
 *
 * DEVIATION: the cost of a rule is not estimated when the definition is written; a rule that takes
 * a million steps fails as one beyond the real budget does.
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/schema/cel/{compilation,validation}.go.
 */
#include "sim/base/base.h"

#include "cluster/api/cel/rules.h"

#include "cluster/api/cel/cel.h"
#include "cluster/api/custom/definition.h"
#include "cluster/api/custom/lists.h"
#include "cluster/api/json.h"
#include "cluster/api/validate_parts.h"

bool schema_has_rules(struct value schema)
{
    if (value_count(VALUE_GET(schema, x_kubernetes_validations)) > 0)
        return true;
    struct value properties = VALUE_GET(schema, properties);
    for (size_t i = 0; i < value_count(properties); i++)
        if (schema_has_rules(value_member_at(properties, i)))
            return true;
    struct value items = schema_items(schema), additional = schema_additional(schema);
    return (value_is_present(items) && schema_has_rules(items)) ||
           (value_is_present(additional) && schema_has_rules(additional));
}

/* ---- when the definition is written ---- */

/* The rule as the API server's internal type is shown. */
static void rule_show(struct value rule, struct text *out)
{
    static const char *const texts[][2] = {{"rule", "Rule"},
                                           {"message", "Message"},
                                           {"messageExpression", "MessageExpression"},
                                           {"reason", "Reason"},
                                           {"fieldPath", "FieldPath"},
                                           {"optionalOldSelf", "OptionalOldSelf"}};
    text_add_byte(out, '{');
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct value v = value_get_key(rule, str_from(texts[i][0]));
        bool is_pointer = i == 3 || i == 5;
        text_printf(out, "%s\"%s\":", i > 0 ? "," : "", texts[i][1]);
        if (!value_is_present(v))
            text_add(out, is_pointer ? S("null") : S("\"\""));
        else
            json_write(v, out);
    }
    text_add_byte(out, '}');
}

static void refuse(errors_t *errors, path_t rule_path, const char *child, struct value rule,
                   const char *head, const struct text *why)
{
    AUTO(text) struct text shown = {0};
    AUTO(text) struct text detail = {0};
    struct field_path path = path_child(rule_path, child);
    rule_show(rule, &shown);
    text_printf(&detail, "%s%.*s", head, STR_ARG(text_str(why)));
    field_error_shown(errors, FIELD_INVALID, &path, text_str(&shown), text_c(&detail));
}

/* ".spec.a['b'].c": the schema there; absent: no such place. */
static struct value schema_of_path(struct value schema, struct str path)
{
    while (path.size > 0 && value_is_present(schema)) {
        struct str name;
        if (path.bytes[0] == '.') {
            size_t end = 1;
            while (end < path.size && path.bytes[end] != '.' && path.bytes[end] != '[')
                end++;
            name = str_slice(path, 1, end);
            path = str_slice(path, end, path.size);
        } else if (str_starts_with(path, S("['"))) {
            size_t end = str_find(path, ']');
            if (end < 4 || end == path.size)
                return VALUE_ABSENT;
            name = str_slice(path, 2, end - 1);
            path = str_slice(path, end + 1, path.size);
        } else {
            return VALUE_ABSENT;
        }
        struct value property = schema_property(schema, name);
        schema = value_is_present(property) ? property : schema_additional(schema);
    }
    return schema;
}

static void compile_message(struct value rule, const struct cel_environment *e, path_t here,
                            errors_t *errors)
{
    AUTO(text) struct text why = {0};
    struct str expression = VALUE_STR(rule, messageExpression);
    if (expression.size == 0)
        return;
    struct cel_program *p = cel_compile(expression, e, &why);
    if (!p)
        refuse(errors, here, "messageExpression", rule,
               "messageExpression compilation failed: ", &why);
    else if (!cel_is_string(p))
        refuse(errors, here, "messageExpression", rule,
               "messageExpression must evaluate to a string", &why);
    cel_free(p);
}

static void compile_rule(struct value schema, bool is_root, struct value rule, path_t here,
                         const char *uncorrelatable, errors_t *errors)
{
    AUTO(text) struct text why = {0};
    struct value optional = VALUE_GET(rule, optionalOldSelf);
    struct value field = VALUE_GET(rule, fieldPath);
    const struct cel_environment e = {
        .schema = schema, .is_resource = is_root, .has_optional_old = value_as_bool(optional)};
    if (text_is_set(field) && !value_is_present(schema_of_path(schema, value_str(field))))
        child_error(errors, FIELD_INVALID, here, "fieldPath", field,
                    "fieldPath must be a valid path");
    struct cel_program *p = cel_compile(VALUE_STR(rule, rule), &e, &why);
    if (!p)
        refuse(errors, here, "rule", rule, "compilation failed: ", &why);
    else if (!cel_is_bool(p))
        refuse(errors, here, "rule", rule, "cel expression must evaluate to a bool", &why);
    compile_message(rule, &e, here, errors);
    if (p && cel_uses_old(p) && uncorrelatable)
        child_error(errors, FIELD_INVALID, here, "rule", VALUE_GET(rule, rule),
                    "oldSelf cannot be used on the uncorrelatable portion of the schema within %s",
                    uncorrelatable);
    if (p && !cel_uses_old(p) && value_is_present(optional))
        child_error(errors, FIELD_INVALID, here, "optionalOldSelf", optional,
                    "may not be set if oldSelf is not used in rule");
    cel_free(p);
}

void rules_compile(struct value schema, bool is_root, const struct field_path *path,
                   const char *uncorrelatable, struct field_errors *errors)
{
    struct value rules = VALUE_GET(schema, x_kubernetes_validations);
    struct field_path list = path_child(path, "x-kubernetes-validations");
    for (size_t i = 0; i < value_count(rules); i++) {
        struct field_path here = path_index(&list, i);
        compile_rule(schema, is_root, value_at(rules, i), &here, uncorrelatable, errors);
    }
}

/* ---- when an object is written ---- */

struct place {
    struct value schema, v, old;
    bool is_root;
    path_t path;
};

static void message_of(struct value rule, const struct cel_environment *e,
                       const struct cel_bindings *b, struct text *out)
{
    AUTO(text) struct text why = {0};
    struct str expression = VALUE_STR(rule, messageExpression);
    struct str message = str_trim(VALUE_STR(rule, message));
    struct cel_program *p = expression.size > 0 ? cel_compile(expression, e, &why) : NULL;
    if (p) {
        struct cel_result result;
        cel_evaluate(p, b, &result);
        struct str text = str_trim(text_str(&result.text));
        if (!result.has_failed && str_find(text, '\n') == text.size)
            text_add(out, text);
        cel_result_release(&result);
    }
    cel_free(p);
    if (out->size == 0 && message.size > 0)
        text_add(out, message);
    if (out->size == 0)
        text_printf(out, "failed rule: %.*s", STR_ARG(str_trim(VALUE_STR(rule, rule))));
}

static void failed_text(struct value rule, const struct cel_result *r, struct text *out)
{
    struct str message = str_trim(VALUE_STR(rule, message));
    struct str shown = message.size > 0 ? message : str_trim(VALUE_STR(rule, rule));
    bool is_mismatch = str_equal(text_str(&r->error), S("no such overload"));
    if (is_mismatch)
        text_printf(out,
                    "'no such overload': call arguments did not match a supported operator, "
                    "function or macro signature for rule: %.*s",
                    STR_ARG(shown));
    else
        text_printf(out, "%.*s evaluating rule: %.*s", STR_ARG(text_str(&r->error)),
                    STR_ARG(shown));
}

static void rule_fail(const struct place *p, struct value rule, const struct text *detail,
                      errors_t *errors)
{
    AUTO(text) struct text path = {0};
    struct str field = VALUE_STR(rule, fieldPath), reason = VALUE_STR(rule, reason);
    enum field_error_type type = str_equal(reason, S("FieldValueRequired"))    ? FIELD_REQUIRED
                                 : str_equal(reason, S("FieldValueForbidden")) ? FIELD_FORBIDDEN
                                 : str_equal(reason, S("FieldValueDuplicate")) ? FIELD_DUPLICATE
                                                                               : FIELD_INVALID;
    field_path_text(p->path, &path);
    if (path.size == 0 && field.size > 0)
        field = str_slice(field, 1, field.size);
    text_add(&path, field);
    if (path.size == 0)
        text_add(&path, S("<nil>"));
    field_error_add(errors, type, text_str(&path), VALUE_GET(p->schema, type), "%s",
                    type == FIELD_DUPLICATE ? "" : text_c(detail));
}

static void rule_check(const struct place *p, struct value rule, errors_t *errors)
{
    AUTO(text) struct text why = {0};
    AUTO(text) struct text detail = {0};
    bool is_optional = VALUE_BOOL_AT(rule, optionalOldSelf);
    const struct cel_environment e = {
        .schema = p->schema, .is_resource = p->is_root, .has_optional_old = is_optional};
    const struct cel_bindings b = {p->v, p->old};
    struct cel_program *program = cel_compile(VALUE_STR(rule, rule), &e, &why);
    bool has_old = value_is_present(p->old);
    /* A rule of an older definition that does not compile is not run: it was refused there. */
    if (!program || (cel_uses_old(program) && !has_old && !is_optional) ||
        (!cel_uses_old(program) && has_old && value_equal(p->old, p->v))) {
        cel_free(program);
        return;
    }
    struct cel_result result;
    cel_evaluate(program, &b, &result);
    if (result.has_failed) {
        failed_text(rule, &result, &detail);
        rule_fail(p, VALUE_ABSENT, &detail, errors);
    } else if (!result.is_true) {
        message_of(rule, &e, &b, &detail);
        rule_fail(p, rule, &detail, errors);
    }
    cel_result_release(&result);
    cel_free(program);
}

static void check_place(const struct place *p, errors_t *errors)
{
    struct value rules = VALUE_GET(p->schema, x_kubernetes_validations);
    struct value items = schema_items(p->schema), additional = schema_additional(p->schema);
    bool is_atomic = VALUE_IS(p->schema, "atomic", x_kubernetes_map_type);
    for (size_t i = 0; i < value_count(rules); i++)
        rule_check(p, value_at(rules, i), errors);
    for (size_t i = 0; value_kind(p->v) == VALUE_ARRAY && i < value_count(p->v); i++) {
        struct field_path here = path_index(p->path, i);
        struct value item = value_at(p->v, i);
        const struct place inner = {.schema = items,
                                    .v = item,
                                    .old = list_counterpart(p->schema, p->old, item),
                                    .path = &here};
        if (value_is_present(items))
            check_place(&inner, errors);
    }
    for (size_t i = 0; value_kind(p->v) == VALUE_OBJECT && i < value_count(p->v); i++) {
        struct str key = value_key_at(p->v, i);
        struct value property = schema_property(p->schema, key);
        bool is_key = !value_is_present(property);
        struct field_path here = {p->path, key, is_key ? PATH_KEY : PATH_NAME};
        const struct place inner = {
            .schema = is_key ? additional : property,
            .v = value_member_at(p->v, i),
            .old = is_atomic ? VALUE_ABSENT : value_get(p->old, value_key_atom_at(p->v, i)),
            .path = &here};
        if (value_is_present(inner.schema))
            check_place(&inner, errors);
    }
}

void rules_check(struct value schema, struct value object, struct value old,
                 struct field_errors *errors)
{
    const struct place root = {.schema = schema, .v = object, .old = old, .is_root = true};
    check_place(&root, errors);
}
