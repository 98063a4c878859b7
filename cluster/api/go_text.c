/* SPDX-License-Identifier: Apache-2.0
 *
 * fmt's view of a document that encoding/json has read into interface{} (go_text.h).
 */
#include "sim/base/base.h"

#include "cluster/api/go_text.h"

#include "cluster/api/json.h"

static void show(struct value v, bool as_source, struct text *out)
{
    bool is_map = value_kind(v) == VALUE_OBJECT;
    switch (value_kind(v)) {
    case VALUE_NONE:
    case VALUE_NULL:
        text_add(out, as_source ? S("interface {}(nil)") : S("<nil>"));
        return;
    case VALUE_STRING:
        if (as_source)
            json_write(v, out);
        else
            text_add(out, value_str(v));
        return;
    case VALUE_BOOL:
    case VALUE_INTEGER:
    case VALUE_DOUBLE:
        json_write(v, out);
        return;
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        break;
    }
    if (as_source)
        text_add(out, is_map ? S("map[string]interface {}{") : S("[]interface {}{"));
    else
        text_add(out, is_map ? S("map[") : S("["));
    for (size_t i = 0; i < value_count(v); i++) {
        if (i > 0)
            text_add(out, as_source ? S(", ") : S(" "));
        if (is_map && as_source)
            json_write_string(value_key_at(v, i), out);
        else if (is_map)
            text_add(out, value_key_at(v, i));
        if (is_map)
            text_add_byte(out, ':');
        show(is_map ? value_member_at(v, i) : value_at(v, i), as_source, out);
    }
    text_add_byte(out, as_source ? '}' : ']');
}

void go_text(struct value v, struct text *out)
{
    show(v, false, out);
}

void go_source(struct value v, struct text *out)
{
    show(v, true, out);
}

static const struct {
    const char *kind, *type;
} names[] = {
    [VALUE_NONE] = {"invalid", "<nil>"},
    [VALUE_NULL] = {"invalid", "<nil>"},
    [VALUE_BOOL] = {"bool", "bool"},
    [VALUE_INTEGER] = {"int64", "int64"},
    [VALUE_DOUBLE] = {"float64", "float64"},
    [VALUE_STRING] = {"string", "string"},
    [VALUE_ARRAY] = {"slice", "[]interface {}"},
    [VALUE_OBJECT] = {"map", "map[string]interface {}"},
};

const char *go_kind(struct value v)
{
    return names[value_kind(v)].kind;
}

const char *go_type(struct value v)
{
    return names[value_kind(v)].type;
}
