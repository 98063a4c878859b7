/* SPDX-License-Identifier: Apache-2.0
 *
 * Types: what a schema's values are in CEL, and whether an expression fits them. What is not known
 * (int-or-string, lists of different things) is dyn, which fits everything and is looked at when
 * the expression runs.
 *
 * Upstream: apiserver/pkg/cel/common (SchemaDeclType), cel-go's checker.
 */
#include "sim/base/base.h"

#include "cluster/api/cel/cel_private.h"

#include "cluster/api/custom/definition.h"

struct scope {
    struct str name;
    struct cel_type type;
    const struct scope *outer;
};
struct checker {
    struct cel_program *program;
    struct text *why;
    bool has_failed;
};

static void check(struct checker *c, struct cel_node *n, const struct scope *scope);

/* ---- types of schemas ---- */

struct cel_type cel_type_of_schema(struct arena *arena, struct value schema, bool is_resource)
{
    static const struct {
        const char *type, *format;
        enum cel_kind kind;
    } scalars[] = {
        {"string", "byte", CEL_BYTES},     {"string", "date-time", CEL_TIMESTAMP},
        {"string", "date", CEL_TIMESTAMP}, {"string", "duration", CEL_DURATION},
        {"string", NULL, CEL_STRING},      {"integer", NULL, CEL_INT},
        {"number", NULL, CEL_DOUBLE},      {"boolean", NULL, CEL_BOOL},
    };
    struct value type = VALUE_GET(schema, type), format = VALUE_GET(schema, format);
    struct value items = schema_items(schema), additional = schema_additional(schema);
    struct value element = value_is(type, "array") ? items : additional;
    if (schema_flag(schema, ATOM_x_kubernetes_int_or_string))
        return (struct cel_type){.kind = CEL_DYN};
    for (size_t i = 0; i < ARRAY_COUNT(scalars); i++)
        if (value_is(type, scalars[i].type) &&
            (!scalars[i].format || value_is(format, scalars[i].format)))
            return (struct cel_type){.kind = scalars[i].kind};
    if (!value_is(type, "array") && !value_is(type, "object"))
        return (struct cel_type){.kind = CEL_DYN};
    if (value_is(type, "object") && !value_is_present(additional))
        return (struct cel_type){
            .kind = CEL_OBJECT,
            .schema = schema,
            .is_resource = is_resource || schema_flag(schema, ATOM_x_kubernetes_embedded_resource)};
    struct cel_type *inner = arena_new(arena, struct cel_type);
    *inner = cel_type_of_schema(arena, element, false);
    return (struct cel_type){.kind = value_is(type, "array") ? CEL_LIST : CEL_MAP,
                             .element = inner};
}

bool cel_type_member(struct arena *arena, const struct cel_type *object, struct str key,
                     struct cel_type *ret_type)
{
    struct value property = schema_property(object->schema, key);
    if (object->is_resource && (str_equal(key, S("apiVersion")) || str_equal(key, S("kind")))) {
        *ret_type = (struct cel_type){.kind = CEL_STRING};
        return true;
    }
    if (object->is_resource && str_equal(key, S("metadata"))) {
        *ret_type = (struct cel_type){.kind = CEL_OBJECT, .schema = VALUE_ABSENT};
        return true;
    }
    /* metadata itself: its name is all that there is */
    if (!value_is_present(object->schema) &&
        (str_equal(key, S("name")) || str_equal(key, S("generateName")))) {
        *ret_type = (struct cel_type){.kind = CEL_STRING};
        return true;
    }
    if (!value_is_present(property))
        return false;
    *ret_type = cel_type_of_schema(arena, property, false);
    return true;
}

void cel_unescape(struct str name, struct text *out)
{
    static const struct {
        const char *escape, *text;
    } escapes[] = {
        {"__underscores__", "__"}, {"__dot__", "."}, {"__dash__", "-"}, {"__slash__", "/"}};
    static const char *const reserved[] = {
        "true", "false",    "null", "in",     "as",  "break", "const",   "continue",  "else",
        "for",  "function", "if",   "import", "let", "loop",  "package", "namespace", "return"};
    for (size_t i = 0; i < ARRAY_COUNT(reserved); i++) {
        AUTO(text) struct text whole = {0};
        text_printf(&whole, "__%s__", reserved[i]);
        if (str_equal(name, text_str(&whole))) {
            text_add(out, str_from(reserved[i]));
            return;
        }
    }
    for (size_t i = 0; i < name.size;) {
        bool is_escape = false;
        for (size_t k = 0; k < ARRAY_COUNT(escapes) && !is_escape; k++) {
            struct str escape = str_from(escapes[k].escape);
            if (!str_starts_with(str_slice(name, i, name.size), escape))
                continue;
            text_add(out, str_from(escapes[k].text));
            i += escape.size;
            is_escape = true;
        }
        if (!is_escape)
            text_add_byte(out, name.bytes[i++]);
    }
}

void cel_type_text(const struct cel_type *t, struct text *out)
{
    static const char *const names[CEL_KIND_COUNT] = {[CEL_DYN] = "dyn",
                                                      [CEL_NULL] = "null",
                                                      [CEL_BOOL] = "bool",
                                                      [CEL_INT] = "int",
                                                      [CEL_DOUBLE] = "double",
                                                      [CEL_STRING] = "string",
                                                      [CEL_BYTES] = "bytes",
                                                      [CEL_LIST] = "list",
                                                      [CEL_MAP] = "map",
                                                      [CEL_OBJECT] = "object",
                                                      [CEL_TIMESTAMP] = "google.protobuf.Timestamp",
                                                      [CEL_DURATION] = "google.protobuf.Duration",
                                                      [CEL_OPTIONAL] = "optional_type",
                                                      [CEL_QUANTITY] = "kubernetes.Quantity",
                                                      [CEL_ERROR] = "error"};
    static const struct cel_type dyn = {.kind = CEL_DYN};
    text_add(out, str_from(names[t->kind]));
    if (t->kind != CEL_LIST && t->kind != CEL_MAP && t->kind != CEL_OPTIONAL)
        return;
    text_add(out, t->kind == CEL_MAP ? S("(string, ") : S("("));
    cel_type_text(t->element ? t->element : &dyn, out);
    text_add_byte(out, ')');
}

/* ---- helpers ---- */

static void PRINTF_LIKE(3, 4) fail(struct checker *c, size_t at, const char *format, ...)
{
    AUTO(text) struct text message = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&message, format, arguments);
    va_end(arguments);
    c->has_failed = true;
    cel_issue(c->program, at, c->why, "%s", text_c(&message));
}

static struct cel_type simple(enum cel_kind kind)
{
    return (struct cel_type){.kind = kind};
}

static struct cel_type element_of(const struct cel_type *t)
{
    return t->element ? *t->element : simple(CEL_DYN);
}

static struct cel_type wrapped(struct checker *c, enum cel_kind kind, struct cel_type element)
{
    struct cel_type *inner = arena_new(&c->program->arena, struct cel_type);
    *inner = element;
    return (struct cel_type){.kind = kind, .element = inner};
}

static bool is_number(enum cel_kind k)
{
    return k == CEL_INT || k == CEL_DOUBLE;
}

/* May values of the two be one another's? */
static bool fits(const struct cel_type *a, const struct cel_type *b)
{
    if (a->kind == CEL_DYN || b->kind == CEL_DYN)
        return true;
    if (a->kind != b->kind)
        return (a->kind == CEL_MAP && b->kind == CEL_OBJECT) ||
               (a->kind == CEL_OBJECT && b->kind == CEL_MAP) ||
               (a->kind == CEL_NULL && b->kind == CEL_OBJECT) ||
               (a->kind == CEL_OBJECT && b->kind == CEL_NULL);
    if (!a->element || !b->element)
        return true;
    return fits(a->element, b->element);
}

static void no_overload(struct checker *c, const struct cel_node *n, const char *name,
                        const struct cel_type *receiver, const struct cel_node *const *args,
                        size_t count)
{
    AUTO(text) struct text types = {0};
    if (receiver) {
        cel_type_text(receiver, &types);
        text_add_byte(&types, '.');
    }
    text_add_byte(&types, '(');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_add(&types, S(", "));
        cel_type_text(&args[i]->type, &types);
    }
    text_add_byte(&types, ')');
    fail(c, n->at, "found no matching overload for '%s' applied to '%s'", name, text_c(&types));
}

/* ---- selection ---- */

static void check_ident(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    for (const struct scope *s = scope; s; s = s->outer) {
        if (str_equal(s->name, n->name)) {
            n->type = s->type;
            return;
        }
    }
    if (str_equal(n->name, S("self"))) {
        n->type = c->program->self;
    } else if (str_equal(n->name, S("oldSelf"))) {
        c->program->uses_old = true;
        n->type = c->program->environment.has_optional_old
                      ? wrapped(c, CEL_OPTIONAL, c->program->self)
                      : c->program->self;
    } else {
        fail(c, n->at, "undeclared reference to '%.*s' (in container '')", STR_ARG(n->name));
    }
}

/* The member `name` of a value of type t. False: refused. */
static bool member_type(struct checker *c, const struct cel_node *n, struct cel_type t,
                        struct cel_type *ret_type)
{
    AUTO(text) struct text key = {0};
    AUTO(text) struct text shown = {0};
    if (t.kind == CEL_OBJECT) {
        cel_unescape(n->name, &key);
        if (cel_type_member(&c->program->arena, &t, text_str(&key), ret_type))
            return true;
        fail(c, n->at, "undefined field '%.*s'", STR_ARG(n->name));
        return false;
    }
    *ret_type = element_of(&t);
    if (t.kind == CEL_MAP || t.kind == CEL_DYN)
        return true;
    cel_type_text(&t, &shown);
    fail(c, n->at, "type '%s' does not support field selection", text_c(&shown));
    return false;
}

static void check_select(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    check(c, n->a, scope);
    struct cel_type of = n->a->type, member = simple(CEL_DYN);
    bool is_optional = of.kind == CEL_OPTIONAL || n->kind == NODE_OPT_SELECT;
    if (of.kind == CEL_OPTIONAL)
        of = element_of(&of);
    if (c->has_failed || !member_type(c, n, of, &member))
        return;
    n->type = n->kind == NODE_HAS ? simple(CEL_BOOL)
              : is_optional       ? wrapped(c, CEL_OPTIONAL, member)
                                  : member;
}

static void check_index(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    check(c, n->a, scope);
    check(c, n->b, scope);
    struct cel_type of = n->a->type;
    bool is_optional = of.kind == CEL_OPTIONAL || n->kind == NODE_OPT_INDEX;
    if (of.kind == CEL_OPTIONAL)
        of = element_of(&of);
    enum cel_kind index = n->b->type.kind;
    bool is_fine = of.kind == CEL_DYN || index == CEL_DYN ||
                   (of.kind == CEL_LIST && is_number(index)) ||
                   (of.kind == CEL_MAP && index == CEL_STRING);
    const struct cel_node *const args[] = {n->a, n->b};
    if (c->has_failed)
        return;
    if (!is_fine) {
        no_overload(c, n, "_[_]", NULL, args, 2);
        return;
    }
    n->type = is_optional ? wrapped(c, CEL_OPTIONAL, element_of(&of)) : element_of(&of);
}

/* ---- operators ---- */

static bool arithmetic_type(struct str op, enum cel_kind a, enum cel_kind b, enum cel_kind *ret)
{
    static const struct {
        const char *op;
        enum cel_kind a, b, result;
    } rules[] = {
        {"+", CEL_INT, CEL_INT, CEL_INT},
        {"+", CEL_DOUBLE, CEL_DOUBLE, CEL_DOUBLE},
        {"+", CEL_STRING, CEL_STRING, CEL_STRING},
        {"+", CEL_LIST, CEL_LIST, CEL_LIST},
        {"+", CEL_TIMESTAMP, CEL_DURATION, CEL_TIMESTAMP},
        {"+", CEL_DURATION, CEL_TIMESTAMP, CEL_TIMESTAMP},
        {"+", CEL_DURATION, CEL_DURATION, CEL_DURATION},
        {"-", CEL_INT, CEL_INT, CEL_INT},
        {"-", CEL_DOUBLE, CEL_DOUBLE, CEL_DOUBLE},
        {"-", CEL_TIMESTAMP, CEL_TIMESTAMP, CEL_DURATION},
        {"-", CEL_TIMESTAMP, CEL_DURATION, CEL_TIMESTAMP},
        {"-", CEL_DURATION, CEL_DURATION, CEL_DURATION},
        {"*", CEL_INT, CEL_INT, CEL_INT},
        {"*", CEL_DOUBLE, CEL_DOUBLE, CEL_DOUBLE},
        {"/", CEL_INT, CEL_INT, CEL_INT},
        {"/", CEL_DOUBLE, CEL_DOUBLE, CEL_DOUBLE},
        {"%", CEL_INT, CEL_INT, CEL_INT},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
        if (!str_equal(op, str_from(rules[i].op)))
            continue;
        bool fits_a = a == CEL_DYN || a == rules[i].a, fits_b = b == CEL_DYN || b == rules[i].b;
        if (fits_a && fits_b) {
            *ret = a == CEL_DYN && b == CEL_DYN ? CEL_DYN : rules[i].result;
            return true;
        }
    }
    return false;
}

static bool has_order(enum cel_kind k)
{
    return k == CEL_DYN || is_number(k) || k == CEL_STRING || k == CEL_BOOL || k == CEL_TIMESTAMP ||
           k == CEL_DURATION || k == CEL_BYTES;
}

static void check_binary(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    AUTO(text) struct text name = {0};
    check(c, n->a, scope);
    check(c, n->b, scope);
    const struct cel_type *a = &n->a->type, *b = &n->b->type;
    const struct cel_node *const args[] = {n->a, n->b};
    enum cel_kind kind = CEL_BOOL;
    bool is_fine, is_in = str_equal(n->name, S("in"));
    if (c->has_failed)
        return;
    if (is_in)
        is_fine = b->kind == CEL_DYN ||
                  (b->kind == CEL_LIST && (!b->element || fits(a, b->element) ||
                                           (is_number(a->kind) && is_number(b->element->kind)))) ||
                  (b->kind == CEL_MAP && (a->kind == CEL_STRING || a->kind == CEL_DYN));
    else if (str_equal(n->name, S("==")) || str_equal(n->name, S("!=")))
        is_fine = fits(a, b);
    else if (n->name.bytes[0] == '<' || n->name.bytes[0] == '>')
        is_fine = has_order(a->kind) && has_order(b->kind) &&
                  (fits(a, b) || (is_number(a->kind) && is_number(b->kind)));
    else
        is_fine = arithmetic_type(n->name, a->kind, b->kind, &kind);
    if (!is_fine) {
        text_printf(&name, is_in ? "@in" : "_%.*s_", STR_ARG(n->name));
        no_overload(c, n, text_c(&name), NULL, args, 2);
        return;
    }
    n->type = kind == CEL_LIST ? *a : simple(kind);
}

static void check_logic(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    AUTO(text) struct text name = {0};
    check(c, n->a, scope);
    check(c, n->b, scope);
    const struct cel_node *const args[] = {n->a, n->b};
    text_printf(&name, "_%.*s_", STR_ARG(n->name));
    n->type = simple(CEL_BOOL);
    for (size_t i = 0; i < 2 && !c->has_failed; i++)
        if (args[i]->type.kind != CEL_BOOL && args[i]->type.kind != CEL_DYN)
            no_overload(c, n, text_c(&name), NULL, args, 2);
}

static void check_unary(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    check(c, n->a, scope);
    enum cel_kind k = n->a->type.kind;
    const struct cel_node *const args[] = {n->a};
    bool is_not = n->kind == NODE_NOT;
    bool is_fine = k == CEL_DYN || (is_not ? k == CEL_BOOL : is_number(k));
    n->type = is_not ? simple(CEL_BOOL) : simple(k);
    if (!c->has_failed && !is_fine)
        no_overload(c, n, is_not ? "!_" : "-_", NULL, args, 1);
}

static void check_conditional(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    check(c, n->a, scope);
    check(c, n->b, scope);
    check(c, n->c, scope);
    const struct cel_node *const args[] = {n->a, n->b, n->c};
    enum cel_kind k = n->a->type.kind;
    if (c->has_failed)
        return;
    if ((k != CEL_BOOL && k != CEL_DYN) || !fits(&n->b->type, &n->c->type)) {
        no_overload(c, n, "_?_:_", NULL, args, 3);
        return;
    }
    n->type = n->b->type.kind == CEL_DYN ? n->c->type : n->b->type;
}

/* ---- lists, maps, macros ---- */

static void check_list(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    bool is_map = n->kind == NODE_MAP;
    struct cel_type element = simple(CEL_DYN);
    for (size_t i = 0; i < n->arg_count; i++) {
        check(c, n->args[i], scope);
        bool is_key = is_map && i % 2 == 0;
        const struct cel_type *t = &n->args[i]->type;
        if (is_key && !c->has_failed && t->kind != CEL_STRING && t->kind != CEL_DYN)
            fail(c, n->args[i]->at, "maps with keys that are no strings are not supported");
        if (is_key)
            continue;
        if (i <= 1 - (size_t)!is_map)
            element = *t;
        else if (element.kind != t->kind)
            element = simple(CEL_DYN);
    }
    n->type = wrapped(c, is_map ? CEL_MAP : CEL_LIST, element);
}

static void check_macro(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    AUTO(text) struct text shown = {0};
    check(c, n->a, scope);
    const struct cel_type *range = &n->a->type;
    if (c->has_failed)
        return;
    if (range->kind != CEL_LIST && range->kind != CEL_MAP && range->kind != CEL_DYN) {
        cel_type_text(range, &shown);
        fail(c, n->a->at,
             "expression of type '%s' cannot be range of a comprehension (must be list, map, or "
             "dynamic)",
             text_c(&shown));
        return;
    }
    const struct scope inner = {n->variable,
                                range->kind == CEL_LIST  ? element_of(range)
                                : range->kind == CEL_MAP ? simple(CEL_STRING)
                                                         : simple(CEL_DYN),
                                scope};
    bool is_map = str_equal(n->name, S("map"));
    const struct cel_node *test = is_map && !n->c ? NULL : n->b;
    check(c, n->b, &inner);
    if (n->c)
        check(c, n->c, &inner);
    if (c->has_failed)
        return;
    if (test && test->type.kind != CEL_BOOL && test->type.kind != CEL_DYN) {
        const struct cel_node *const args[] = {test};
        no_overload(c, test, "_&&_", NULL, args, 1);
        return;
    }
    n->type = is_map ? wrapped(c, CEL_LIST, n->c ? n->c->type : n->b->type)
              : str_equal(n->name, S("filter")) ? wrapped(c, CEL_LIST, inner.type)
                                                : simple(CEL_BOOL);
}

static void check_bind(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    check(c, n->a, scope);
    if (c->has_failed)
        return;
    const struct scope inner = {n->variable, n->a->type, scope};
    check(c, n->b, &inner);
    n->type = n->b->type;
}

/* ---- calls ---- */

static bool takes(const struct cel_function *f, const struct cel_node *n)
{
    size_t own = f->is_member ? 1 : 0;
    if (!str_equal(n->name, str_from(f->name)) || f->is_member != (n->a != NULL) ||
        f->count != n->arg_count + own)
        return false;
    for (size_t i = 0; i < f->count; i++) {
        enum cel_kind has = (i < own ? n->a : n->args[i - own])->type.kind;
        bool is_object = f->args[i] == CEL_MAP && has == CEL_OBJECT;
        if (f->args[i] != CEL_DYN && has != CEL_DYN && has != f->args[i] && !is_object)
            return false;
    }
    return true;
}

/* What optional functions give depends on what the optional holds. */
static struct cel_type result_type(struct checker *c, const struct cel_node *n)
{
    const struct cel_function *f = n->function;
    struct cel_type inner = n->a ? element_of(&n->a->type) : simple(CEL_DYN);
    if (str_equal(n->name, S("orValue")))
        return inner.kind == CEL_DYN ? n->args[0]->type : inner;
    if (str_equal(n->name, S("value")) || str_equal(n->name, S("min")) ||
        str_equal(n->name, S("max")) || str_equal(n->name, S("sum")))
        return inner;
    if (str_equal(n->name, S("optional.of")) || str_equal(n->name, S("optional.ofNonZeroValue")))
        return wrapped(c, CEL_OPTIONAL, n->args[0]->type);
    if (str_equal(n->name, S("or")))
        return n->a->type;
    if (f->result == CEL_LIST && f->element != CEL_DYN)
        return wrapped(c, CEL_LIST, simple(f->element));
    return simple(f->result);
}

static void check_call(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    AUTO(text) struct text name = {0};
    bool is_known = false;
    if (n->a)
        check(c, n->a, scope);
    for (size_t i = 0; i < n->arg_count; i++)
        check(c, n->args[i], scope);
    if (c->has_failed)
        return;
    for (size_t i = 0; i < cel_function_count && !n->function; i++) {
        is_known |= str_equal(n->name, str_from(cel_functions[i].name));
        if (takes(&cel_functions[i], n))
            n->function = &cel_functions[i];
    }
    if (n->function) {
        n->type = result_type(c, n);
        return;
    }
    text_add(&name, n->name);
    if (is_known)
        no_overload(c, n, text_c(&name), n->a ? &n->a->type : NULL,
                    (const struct cel_node *const *)n->args, n->arg_count);
    else
        fail(c, n->at, "undeclared reference to '%s' (in container '')", text_c(&name));
}

/* ---- the walk ---- */

static struct cel_type literal_type(struct value v)
{
    switch (value_kind(v)) {
    case VALUE_BOOL:
        return simple(CEL_BOOL);
    case VALUE_INTEGER:
        return simple(CEL_INT);
    case VALUE_DOUBLE:
        return simple(CEL_DOUBLE);
    case VALUE_STRING:
        return simple(CEL_STRING);
    case VALUE_NONE:
    case VALUE_NULL:
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        break;
    }
    return simple(CEL_NULL);
}

static void check(struct checker *c, struct cel_node *n, const struct scope *scope)
{
    switch (n->kind) {
    case NODE_LITERAL:
        n->type = literal_type(n->literal);
        break;
    case NODE_IDENT:
        check_ident(c, n, scope);
        break;
    case NODE_SELECT:
    case NODE_OPT_SELECT:
    case NODE_HAS:
        check_select(c, n, scope);
        break;
    case NODE_INDEX:
    case NODE_OPT_INDEX:
        check_index(c, n, scope);
        break;
    case NODE_CALL:
        check_call(c, n, scope);
        break;
    case NODE_LIST:
    case NODE_MAP:
        check_list(c, n, scope);
        break;
    case NODE_NOT:
    case NODE_NEGATE:
        check_unary(c, n, scope);
        break;
    case NODE_BINARY:
        check_binary(c, n, scope);
        break;
    case NODE_AND:
    case NODE_OR:
        check_logic(c, n, scope);
        break;
    case NODE_CONDITIONAL:
        check_conditional(c, n, scope);
        break;
    case NODE_MACRO:
        check_macro(c, n, scope);
        break;
    case NODE_BIND:
        check_bind(c, n, scope);
        break;
    }
}

bool cel_check(struct cel_program *p, struct text *why)
{
    struct checker c = {.program = p, .why = why};
    p->self = cel_type_of_schema(&p->arena, p->environment.schema, p->environment.is_resource);
    check(&c, p->root, NULL);
    return !c.has_failed;
}
