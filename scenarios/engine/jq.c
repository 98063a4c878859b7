/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that knows libjq. Values become jq's own by a walk, not through text. An expression
 * that yields nothing, false, null or an error does not hold.
 *
 * Most expressions are of the part of jq that expression.c evaluates in place. Where it cannot
 * decide (an error of jq, a fraction, an order between lists), libjq is asked after all, so that no
 * answer depends on which way was taken.
 */
#include "sim/base/base.h"

#include "scenarios/engine/jq.h"

#include <jq.h>
#include <jv.h>

#include "scenarios/engine/expression.h"
#include "sim/base/mem.h"

struct jq_filter {
    char *expression;
    struct expression *simple; /* NULL: only jq understands it */
    jq_state *jq;              /* compiled when first needed */
};

static bool ask_jq(struct jq_filter *f, struct value v);
static jq_state *compile(const char *expression, struct text *why);
static void note_error(void *why, jv message);
static jv jv_of(struct value v);

struct jq_filter *jq_filter_new(struct str expression, struct text *ret_why)
{
    struct jq_filter *f = mem_new(struct jq_filter);
    f->expression = mem_copy_string(expression);
    f->simple = expression_new(expression);
    if (f->simple)
        return f;
    f->jq = compile(f->expression, ret_why);
    if (!f->jq) {
        jq_filter_free(f);
        return NULL;
    }
    return f;
}

void jq_filter_free(struct jq_filter *f)
{
    if (!f)
        return;
    expression_free(f->simple);
    if (f->jq)
        jq_teardown(&f->jq);
    mem_free(f->expression);
    mem_free(f);
}

bool jq_filter_holds(struct jq_filter *f, struct value v)
{
    enum expression_answer a = f->simple ? expression_holds(f->simple, v) : EXPRESSION_UNDECIDED;
    return a == EXPRESSION_UNDECIDED ? ask_jq(f, v) : a == EXPRESSION_HOLDS;
}

bool jq_filter_is_simple(const struct jq_filter *f)
{
    return f->simple != NULL;
}

bool jq_check(struct str expression, struct text *ret_why)
{
    struct jq_filter *f = jq_filter_new(expression, ret_why);
    bool is_good = f != NULL;
    jq_filter_free(f);
    return is_good;
}

/* ---- libjq ---- */

static bool ask_jq(struct jq_filter *f, struct value v)
{
    if (!f->jq) {
        f->jq = compile(f->expression, NULL);
        CHECK(f->jq);
    }
    jq_start(f->jq, jv_of(v), 0);
    jv result = jq_next(f->jq);
    bool holds = false;
    if (jv_is_valid(result)) {
        jv_kind kind = jv_get_kind(result);
        holds = kind != JV_KIND_NULL && kind != JV_KIND_FALSE;
    }
    jv_free(result);
    return holds;
}

static jq_state *compile(const char *expression, struct text *why)
{
    jq_state *jq = jq_init();
    CHECK(jq);
    jq_set_error_cb(jq, note_error, why);
    bool compiled = jq_compile(jq, expression) != 0;
    jq_set_error_cb(jq, note_error, NULL);
    if (!compiled) {
        jq_teardown(&jq);
        return NULL;
    }
    return jq;
}

static void note_error(void *why, jv message)
{
    jv line = jq_format_error(message);
    if (why && ((struct text *)why)->size == 0) {
        struct str text = {jv_string_value(line), (size_t)jv_string_length_bytes(jv_copy(line))};
        struct str rest;
        text_add(why, str_cut(text, '\n', &rest));
    }
    jv_free(line);
}

static jv jv_string_of(struct str s)
{
    CHECK(s.size < INT32_MAX);
    return jv_string_sized(s.bytes, (int)s.size);
}

static jv jv_of(struct value v)
{
    switch (value_kind(v)) {
    case VALUE_NONE:
    case VALUE_NULL:
        return jv_null();
    case VALUE_BOOL:
        return value_as_bool(v) ? jv_true() : jv_false();
    case VALUE_INTEGER:
        return jv_number((double)value_as_integer(v, 0));
    case VALUE_DOUBLE:
        return jv_number(value_as_double(v, 0));
    case VALUE_STRING:
        return jv_string_of(value_str(v));
    case VALUE_ARRAY: {
        jv array = jv_array();
        for (size_t i = 0; i < value_count(v); i++)
            array = jv_array_append(array, jv_of(value_at(v, i)));
        return array;
    }
    case VALUE_OBJECT: {
        jv object = jv_object();
        for (size_t i = 0; i < value_count(v); i++)
            object = jv_object_set(object, jv_string_of(value_key_at(v, i)),
                                   jv_of(value_member_at(v, i)));
        return object;
    }
    }
    return jv_null();
}
