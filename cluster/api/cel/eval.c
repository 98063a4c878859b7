/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a checked expression. A mistake of the run (a key that is not there, an overflow) is a
 * value that goes up until && or || or ?: makes it not matter.
 *
 * Values are JSON's own but for timestamps, durations, optionals and quantities; what is made on
 * the way is kept until the end of the run. The number of steps is bounded, as the real cost is.
 */
#include "sim/base/base.h"

#include "cluster/api/cel/cel_private.h"

#include "cluster/api/object.h"
#include "sim/base/mem.h"

static struct cel_value eval_binary(struct cel_run *r, struct str op, struct cel_value a,
                                    struct cel_value b);

/* ---- values ---- */

struct cel_value cel_error(struct cel_run *r, const char *format, ...)
{
    AUTO(text) struct text message = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&message, format, arguments);
    va_end(arguments);
    return (struct cel_value){.kind = CEL_ERROR,
                              .error = arena_str(&r->arena, text_str(&message)).bytes};
}

static struct cel_value no_overload(struct cel_run *r)
{
    return cel_error(r, "no such overload");
}

struct cel_value cel_bool(bool b)
{
    return (struct cel_value){.kind = CEL_BOOL, .v = value_bool(b)};
}

static enum cel_kind kind_of(struct value v)
{
    switch (value_kind(v)) {
    case VALUE_BOOL:
        return CEL_BOOL;
    case VALUE_INTEGER:
        return CEL_INT;
    case VALUE_DOUBLE:
        return CEL_DOUBLE;
    case VALUE_STRING:
        return CEL_STRING;
    case VALUE_ARRAY:
        return CEL_LIST;
    case VALUE_OBJECT:
        return CEL_MAP;
    case VALUE_NONE:
    case VALUE_NULL:
        break;
    }
    return CEL_NULL;
}

struct cel_value cel_keep(struct cel_run *r, struct value own)
{
    vec_push(&r->garbage, own);
    return (struct cel_value){.kind = kind_of(own), .v = own};
}

struct cel_value cel_int(int64_t n)
{
    return (struct cel_value){.kind = CEL_INT, .ns = n};
}

struct cel_value cel_double(double d)
{
    return (struct cel_value){.kind = CEL_DOUBLE, .number = d};
}

struct cel_value cel_string(struct cel_run *r, struct str s)
{
    return cel_keep(r, value_string(s));
}

struct cel_value cel_none(void)
{
    return (struct cel_value){.kind = CEL_OPTIONAL, .inner = CEL_ERROR};
}

struct cel_value cel_some(struct cel_run *r, struct cel_value v)
{
    struct cel_value *held = arena_new(&r->arena, struct cel_value);
    *held = v;
    return (struct cel_value){.kind = CEL_OPTIONAL, .inner = v.kind, .held = held};
}

struct cel_value cel_unwrap(struct cel_value optional)
{
    return *optional.held;
}

struct cel_value cel_from(struct cel_run *r, struct value v, const struct cel_type *type)
{
    enum cel_kind kind = type ? type->kind : CEL_DYN;
    struct wall_time t;
    struct duration d;
    if (kind == CEL_TIMESTAMP && value_kind(v) == VALUE_STRING) {
        AUTO(value) struct value midnight = VALUE_ABSENT;
        struct str s = value_str(v);
        if (s.size == 10) /* a date */
            midnight = value_printf("%.*sT00:00:00Z", STR_ARG(s));
        if (!time_parse(value_is_present(midnight) ? midnight : v, &t))
            return cel_error(r, "invalid timestamp \"%.*s\"", STR_ARG(s));
        return (struct cel_value){.kind = CEL_TIMESTAMP, .v = v, .ns = t.unix_ns};
    }
    if (kind == CEL_DURATION && value_kind(v) == VALUE_STRING) {
        if (!duration_parse(value_str(v), &d))
            return cel_error(r, "invalid duration \"%.*s\"", STR_ARG(value_str(v)));
        return (struct cel_value){.kind = CEL_DURATION, .v = v, .ns = d.ns};
    }
    if (value_kind(v) == VALUE_INTEGER)
        return kind == CEL_DOUBLE ? cel_double((double)value_as_integer(v, 0))
                                  : cel_int(value_as_integer(v, 0));
    if (value_kind(v) == VALUE_DOUBLE)
        return cel_double(value_as_double(v, 0));
    return (struct cel_value){.kind = kind_of(v), .v = v};
}

struct value cel_to_json(struct cel_run *r, struct cel_value v)
{
    switch (v.kind) {
    case CEL_INT:
        return cel_keep(r, value_integer(v.ns)).v;
    case CEL_DOUBLE:
        return cel_keep(r, value_double(v.number)).v;
    case CEL_TIMESTAMP:
        return cel_keep(r, time_value((struct wall_time){v.ns})).v;
    case CEL_DURATION:
        return cel_keep(r, value_printf("%" PRId64 "s", v.ns / 1000000000)).v;
    case CEL_OPTIONAL:
        return v.held ? cel_to_json(r, *v.held) : value_null();
    case CEL_ERROR:
        return value_null();
    case CEL_DYN:
    case CEL_NULL:
    case CEL_BOOL:
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_OBJECT:
    case CEL_QUANTITY:
    case CEL_KIND_COUNT:
        break;
    }
    return v.v;
}

/* ---- comparing ---- */

static bool is_number(struct cel_value v)
{
    return v.kind == CEL_INT || v.kind == CEL_DOUBLE;
}

static double as_double(struct cel_value v)
{
    return v.kind == CEL_INT ? (double)v.ns : v.number;
}

bool cel_compare(struct cel_value a, struct cel_value b, int *ret_order)
{
    bool is_time = a.kind == CEL_TIMESTAMP || a.kind == CEL_DURATION || a.kind == CEL_INT;
    if (is_number(a) && is_number(b) && a.kind != b.kind) {
        double x = as_double(a), y = as_double(b);
        *ret_order = x < y ? -1 : x > y;
        return true;
    }
    if (a.kind != b.kind)
        return false;
    if (is_time)
        *ret_order = a.ns < b.ns ? -1 : a.ns > b.ns;
    else if (a.kind == CEL_DOUBLE)
        *ret_order = a.number < b.number ? -1 : a.number > b.number;
    else if (a.kind == CEL_STRING || a.kind == CEL_BOOL)
        *ret_order = value_compare(a.v, b.v);
    else
        return false;
    return true;
}

bool cel_equal(struct cel_value a, struct cel_value b)
{
    int order;
    if (a.kind == CEL_OPTIONAL && b.kind == CEL_OPTIONAL)
        return (!a.held && !b.held) || (a.held && b.held && cel_equal(*a.held, *b.held));
    if (cel_compare(a, b, &order))
        return order == 0;
    return a.kind == b.kind && value_equal(a.v, b.v);
}

/* ---- selection ---- */

/* Of an object or map. */
static struct value member_of(const struct cel_node *n, struct cel_value of)
{
    AUTO(text) struct text key = {0};
    const struct cel_type *t = &n->a->type;
    if (t->kind == CEL_OPTIONAL && t->element)
        t = t->element;
    if (t->kind != CEL_OBJECT)
        return value_get_key(of.v, n->name);
    cel_unescape(n->name, &key);
    return value_get_key(of.v, text_str(&key));
}

static struct cel_value eval_select(struct cel_run *r, const struct cel_node *n,
                                    struct cel_value of)
{
    bool gives_optional = n->kind == NODE_OPT_SELECT || of.kind == CEL_OPTIONAL;
    if (of.kind == CEL_OPTIONAL && n->kind != NODE_HAS) {
        if (!of.held)
            return cel_none();
        of = *of.held;
    } else if (of.kind == CEL_OPTIONAL) {
        if (!of.held)
            return cel_bool(false);
        of = *of.held;
    }
    if (of.kind != CEL_MAP)
        return of.kind == CEL_ERROR ? of : no_overload(r);
    struct value v = member_of(n, of);
    if (n->kind == NODE_HAS)
        return cel_bool(value_is_present(v));
    if (!value_is_present(v))
        return gives_optional ? cel_none() : cel_error(r, "no such key: %.*s", STR_ARG(n->name));
    const struct cel_type *type = gives_optional ? n->type.element : &n->type;
    struct cel_value found = cel_from(r, v, type);
    return gives_optional && found.kind != CEL_ERROR ? cel_some(r, found) : found;
}

static struct cel_value eval_index(struct cel_run *r, const struct cel_node *n, struct cel_value of,
                                   struct cel_value index)
{
    bool gives_optional = n->kind == NODE_OPT_INDEX || of.kind == CEL_OPTIONAL;
    struct value v = VALUE_ABSENT;
    if (of.kind == CEL_OPTIONAL) {
        if (!of.held)
            return cel_none();
        of = *of.held;
    }
    if (of.kind == CEL_LIST && is_number(index)) {
        int64_t at = index.kind == CEL_INT ? index.ns : (int64_t)index.number;
        if (at >= 0 && (uint64_t)at < value_count(of.v))
            v = value_at(of.v, (size_t)at);
        else if (!gives_optional)
            return cel_error(r, "index out of bounds: %" PRId64, at);
    } else if (of.kind == CEL_MAP && index.kind == CEL_STRING) {
        v = value_get_key(of.v, value_str(index.v));
        if (!value_is_present(v) && !gives_optional)
            return cel_error(r, "no such key: %.*s", STR_ARG(value_str(index.v)));
    } else {
        return no_overload(r);
    }
    if (!value_is_present(v))
        return cel_none();
    struct cel_value found = cel_from(r, v, gives_optional ? n->type.element : &n->type);
    return gives_optional && found.kind != CEL_ERROR ? cel_some(r, found) : found;
}

/* ---- operators ---- */

static struct cel_value integer_op(struct cel_run *r, char op, int64_t a, int64_t b)
{
    int64_t n = 0;
    bool overflows = false;
    if ((op == '/' || op == '%') && b == 0)
        return cel_error(r, op == '/' ? "division by zero" : "modulus by zero");
    if (op == '+')
        overflows = __builtin_add_overflow(a, b, &n);
    else if (op == '-')
        overflows = __builtin_sub_overflow(a, b, &n);
    else if (op == '*')
        overflows = __builtin_mul_overflow(a, b, &n);
    else if (a == INT64_MIN && b == -1)
        overflows = true;
    else
        n = op == '/' ? a / b : a % b;
    return overflows ? cel_error(r, "integer overflow") : cel_int(n);
}

static struct cel_value double_op(struct cel_run *r, char op, double a, double b)
{
    switch (op) {
    case '+':
        return cel_double(a + b);
    case '-':
        return cel_double(a - b);
    case '*':
        return cel_double(a * b);
    case '/':
        return cel_double(a / b);
    default:
        return no_overload(r);
    }
}

static struct cel_value time_op(struct cel_run *r, char op, struct cel_value a, struct cel_value b)
{
    struct cel_value n = integer_op(r, op, a.ns, b.ns);
    if (n.kind == CEL_ERROR || (op != '+' && op != '-'))
        return n.kind == CEL_ERROR ? n : no_overload(r);
    bool gives_time = (a.kind == CEL_TIMESTAMP) != (b.kind == CEL_TIMESTAMP);
    return (struct cel_value){.kind = gives_time ? CEL_TIMESTAMP : CEL_DURATION, .ns = n.ns};
}

static struct cel_value concatenate(struct cel_run *r, struct cel_value a, struct cel_value b)
{
    if (a.kind == CEL_STRING) {
        AUTO(text) struct text t = {0};
        text_add(&t, value_str(a.v));
        text_add(&t, value_str(b.v));
        return cel_string(r, text_str(&t));
    }
    struct value list = value_keep(a.v);
    for (size_t i = 0; i < value_count(b.v); i++)
        list = value_append(list, value_keep(value_at(b.v, i)));
    return cel_keep(r, list);
}

static struct cel_value eval_in(struct cel_run *r, struct cel_value a, struct cel_value b)
{
    if (b.kind == CEL_MAP && a.kind == CEL_STRING)
        return cel_bool(value_is_present(value_get_key(b.v, value_str(a.v))));
    if (b.kind != CEL_LIST)
        return no_overload(r);
    for (size_t i = 0; i < value_count(b.v); i++) {
        const struct cel_type as = {.kind = a.kind == CEL_INT ? CEL_DYN : a.kind};
        if (cel_equal(cel_from(r, value_at(b.v, i), &as), a))
            return cel_bool(true);
    }
    return cel_bool(false);
}

static struct cel_value eval_binary(struct cel_run *r, struct str op, struct cel_value a,
                                    struct cel_value b)
{
    int order;
    bool is_time = a.kind == CEL_TIMESTAMP || a.kind == CEL_DURATION;
    if (str_equal(op, S("==")) || str_equal(op, S("!=")))
        return cel_bool(cel_equal(a, b) == str_equal(op, S("==")));
    if (str_equal(op, S("in")))
        return eval_in(r, a, b);
    if (op.bytes[0] == '<' || op.bytes[0] == '>') {
        if (!cel_compare(a, b, &order))
            return no_overload(r);
        bool is_strict = op.size == 1;
        return cel_bool(op.bytes[0] == '<' ? (is_strict ? order < 0 : order <= 0)
                                           : (is_strict ? order > 0 : order >= 0));
    }
    if (a.kind == CEL_INT && b.kind == CEL_INT)
        return integer_op(r, op.bytes[0], a.ns, b.ns);
    if (a.kind == CEL_DOUBLE && b.kind == CEL_DOUBLE)
        return double_op(r, op.bytes[0], a.number, b.number);
    if (op.bytes[0] == '+' && a.kind == b.kind && (a.kind == CEL_STRING || a.kind == CEL_LIST))
        return concatenate(r, a, b);
    if (is_time && (b.kind == CEL_TIMESTAMP || b.kind == CEL_DURATION))
        return time_op(r, op.bytes[0], a, b);
    return no_overload(r);
}

static struct cel_value eval_logic(struct cel_run *r, const struct cel_node *n,
                                   const struct cel_variable *variables)
{
    bool decides = n->kind == NODE_OR; /* true ends an or, false an and */
    struct cel_value a = cel_eval(r, n->a, variables);
    if (a.kind == CEL_BOOL && value_as_bool(a.v) == decides)
        return a;
    struct cel_value b = cel_eval(r, n->b, variables);
    if (b.kind == CEL_BOOL && value_as_bool(b.v) == decides)
        return b;
    if (a.kind == CEL_ERROR)
        return a;
    if (b.kind == CEL_ERROR)
        return b;
    return a.kind == CEL_BOOL && b.kind == CEL_BOOL ? cel_bool(!decides) : no_overload(r);
}

static struct cel_value eval_unary(struct cel_run *r, const struct cel_node *n, struct cel_value a)
{
    if (a.kind == CEL_ERROR)
        return a;
    if (n->kind == NODE_NOT)
        return a.kind == CEL_BOOL ? cel_bool(!value_as_bool(a.v)) : no_overload(r);
    if (a.kind == CEL_DOUBLE)
        return cel_double(-a.number);
    return a.kind == CEL_INT ? integer_op(r, '-', 0, a.ns) : no_overload(r);
}

/* ---- lists, maps, macros ---- */

static struct cel_value eval_list(struct cel_run *r, const struct cel_node *n,
                                  const struct cel_variable *variables)
{
    bool is_map = n->kind == NODE_MAP;
    struct value made = is_map ? value_object() : value_array();
    struct cel_value key = {0};
    for (size_t i = 0; i < n->arg_count; i++) {
        struct cel_value v = cel_eval(r, n->args[i], variables);
        bool is_key = is_map && i % 2 == 0;
        if (v.kind == CEL_ERROR || (is_key && v.kind != CEL_STRING)) {
            value_drop(made);
            return v.kind == CEL_ERROR ? v : no_overload(r);
        }
        if (is_key)
            key = v;
        else if (is_map)
            made = value_set_key(made, value_str(key.v), value_keep(cel_to_json(r, v)));
        else
            made = value_append(made, value_keep(cel_to_json(r, v)));
    }
    return cel_keep(r, made);
}

/* What a macro has found so far. */
struct macro {
    struct str name;
    size_t holding;
    struct value list; /* of map and filter */
    struct cel_value error;
    bool is_decided;
};

static bool macro_is(const struct macro *m, const char *name)
{
    return str_equal(m->name, str_from(name));
}

static void macro_item(struct cel_run *r, const struct cel_node *n, struct macro *m,
                       const struct cel_variable *variables)
{
    bool is_map = macro_is(m, "map");
    struct cel_value test = is_map && !n->c ? cel_bool(true) : cel_eval(r, n->b, variables);
    bool holds = test.kind == CEL_BOOL && value_as_bool(test.v);
    if (test.kind != CEL_BOOL) {
        m->error = test.kind == CEL_ERROR ? test : no_overload(r);
        m->is_decided |= is_map || macro_is(m, "filter") || macro_is(m, "exists_one");
        return;
    }
    m->holding += holds;
    m->is_decided |= (macro_is(m, "all") && !holds) || (macro_is(m, "exists") && holds);
    if (m->is_decided)
        m->error = (struct cel_value){0};
    if (!holds || (!is_map && !macro_is(m, "filter")))
        return;
    struct cel_value v = is_map ? cel_eval(r, n->c ? n->c : n->b, variables) : variables->value;
    if (v.kind == CEL_ERROR) {
        m->error = v;
        m->is_decided = true;
        return;
    }
    m->list = value_append(m->list, value_keep(cel_to_json(r, v)));
}

static struct cel_value eval_macro(struct cel_run *r, const struct cel_node *n,
                                   const struct cel_variable *variables)
{
    struct cel_value range = cel_eval(r, n->a, variables);
    struct macro m = {.name = n->name, .list = value_array()};
    size_t tried = 0;
    if (range.kind != CEL_LIST && range.kind != CEL_MAP) {
        value_drop(m.list);
        return range.kind == CEL_ERROR ? range : no_overload(r);
    }
    for (; tried < value_count(range.v) && !m.is_decided; tried++) {
        struct cel_variable item = {.name = n->variable, .outer = variables};
        item.value = range.kind == CEL_MAP
                         ? cel_string(r, value_key_at(range.v, tried))
                         : cel_from(r, value_at(range.v, tried), n->a->type.element);
        macro_item(r, n, &m, &item);
    }
    struct cel_value made = cel_keep(r, m.list);
    if (m.error.kind == CEL_ERROR)
        return m.error;
    if (macro_is(&m, "map") || macro_is(&m, "filter"))
        return made;
    if (macro_is(&m, "exists_one"))
        return cel_bool(m.holding == 1);
    return cel_bool(macro_is(&m, "all") ? m.holding == tried : m.holding > 0);
}

/* ---- the walk ---- */

static struct cel_value eval_ident(struct cel_run *r, const struct cel_node *n,
                                   const struct cel_variable *variables)
{
    for (const struct cel_variable *v = variables; v; v = v->outer)
        if (str_equal(v->name, n->name))
            return v->value;
    bool is_old = str_equal(n->name, S("oldSelf"));
    struct value v = is_old ? r->bindings->old : r->bindings->self;
    if (is_old && r->program->environment.has_optional_old)
        return value_is_present(v) ? cel_some(r, cel_from(r, v, &r->program->self)) : cel_none();
    return cel_from(r, v, &r->program->self);
}

static struct cel_value eval_call(struct cel_run *r, const struct cel_node *n,
                                  const struct cel_variable *variables)
{
    struct cel_value args[CEL_ARGS_MAX];
    size_t count = 0;
    const struct cel_function *f = n->function;
    if (n->a)
        args[count++] = cel_eval(r, n->a, variables);
    for (size_t i = 0; i < n->arg_count; i++)
        args[count++] = cel_eval(r, n->args[i], variables);
    for (size_t i = 0; i < count; i++) {
        if (args[i].kind == CEL_ERROR)
            return args[i];
    }
    /* An argument that was dyn may now choose another overload of the name. */
    for (size_t i = 0; i < count; i++) {
        if (f->args[i] == CEL_DYN || f->args[i] == args[i].kind)
            continue;
        const struct cel_function *other = NULL;
        for (size_t k = 0; k < cel_function_count && !other; k++) {
            const struct cel_function *g = &cel_functions[k];
            if (strcmp(g->name, f->name) == 0 && g->is_member == f->is_member &&
                g->count == count && g->args[i] == args[i].kind)
                other = g;
        }
        if (!other)
            return no_overload(r);
        f = other;
    }
    return f->call(r, args);
}

static struct cel_value eval_conditional(struct cel_run *r, const struct cel_node *n,
                                         const struct cel_variable *variables)
{
    struct cel_value a = cel_eval(r, n->a, variables);
    if (a.kind != CEL_BOOL)
        return a.kind == CEL_ERROR ? a : no_overload(r);
    return cel_eval(r, value_as_bool(a.v) ? n->b : n->c, variables);
}

static struct cel_value eval_bind(struct cel_run *r, const struct cel_node *n,
                                  const struct cel_variable *variables)
{
    const struct cel_variable bound = {n->variable, cel_eval(r, n->a, variables), variables};
    return bound.value.kind == CEL_ERROR ? bound.value : cel_eval(r, n->b, &bound);
}

static struct cel_value eval_two(struct cel_run *r, const struct cel_node *n,
                                 const struct cel_variable *variables)
{
    struct cel_value a = cel_eval(r, n->a, variables);
    if (a.kind == CEL_ERROR)
        return a;
    struct cel_value b = cel_eval(r, n->b, variables);
    if (b.kind == CEL_ERROR)
        return b;
    return n->kind == NODE_BINARY ? eval_binary(r, n->name, a, b) : eval_index(r, n, a, b);
}

struct cel_value cel_eval(struct cel_run *r, const struct cel_node *n,
                          const struct cel_variable *variables)
{
    if (++r->steps > CEL_STEPS_MAX)
        return cel_error(r, "operation cancelled: actual cost limit exceeded");
    switch (n->kind) {
    case NODE_LITERAL:
        return cel_from(r, n->literal, NULL);
    case NODE_IDENT:
        return eval_ident(r, n, variables);
    case NODE_SELECT:
    case NODE_OPT_SELECT:
    case NODE_HAS:
        return eval_select(r, n, cel_eval(r, n->a, variables));
    case NODE_INDEX:
    case NODE_OPT_INDEX:
    case NODE_BINARY:
        return eval_two(r, n, variables);
    case NODE_CALL:
        return eval_call(r, n, variables);
    case NODE_LIST:
    case NODE_MAP:
        return eval_list(r, n, variables);
    case NODE_NOT:
    case NODE_NEGATE:
        return eval_unary(r, n, cel_eval(r, n->a, variables));
    case NODE_AND:
    case NODE_OR:
        return eval_logic(r, n, variables);
    case NODE_CONDITIONAL:
        return eval_conditional(r, n, variables);
    case NODE_MACRO:
        return eval_macro(r, n, variables);
    case NODE_BIND:
        return eval_bind(r, n, variables);
    }
    return no_overload(r);
}

/* ---- programs ---- */

struct cel_program *cel_compile(struct str source, const struct cel_environment *e,
                                struct text *why)
{
    struct cel_program *p = mem_new(struct cel_program);
    text_add(&p->source, source);
    (void)text_c(&p->source); /* numbers are read up to what is none: there is a NUL at the end */
    p->environment = *e;
    p->root = cel_parse(p, why);
    if (p->root && cel_check(p, why))
        return p;
    cel_free(p);
    return NULL;
}

void cel_free(struct cel_program *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->literals.count; i++)
        value_drop(p->literals.items[i]);
    vec_release(&p->literals);
    text_release(&p->source);
    arena_release(&p->arena);
    mem_free(p);
}

bool cel_uses_old(const struct cel_program *p)
{
    return p->uses_old;
}

bool cel_is_bool(const struct cel_program *p)
{
    return p->root->type.kind == CEL_BOOL || p->root->type.kind == CEL_DYN;
}

bool cel_is_string(const struct cel_program *p)
{
    return p->root->type.kind == CEL_STRING || p->root->type.kind == CEL_DYN;
}

void cel_evaluate(const struct cel_program *p, const struct cel_bindings *b,
                  struct cel_result *ret_result)
{
    struct cel_run r = {.program = p, .bindings = b};
    struct cel_value v = cel_eval(&r, p->root, NULL);
    *ret_result = (struct cel_result){.has_failed = v.kind == CEL_ERROR,
                                      .is_true = v.kind == CEL_BOOL && value_as_bool(v.v)};
    if (v.kind == CEL_ERROR)
        text_add(&ret_result->error, str_from(v.error));
    if (v.kind == CEL_STRING)
        text_add(&ret_result->text, value_str(v.v));
    for (size_t i = 0; i < r.garbage.count; i++)
        value_drop(r.garbage.items[i]);
    vec_release(&r.garbage);
    arena_release(&r.arena);
}

void cel_result_release(struct cel_result *r)
{
    text_release(&r->error);
    text_release(&r->text);
}
