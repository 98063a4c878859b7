/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as the API server writes it: the fields of a struct in the order in which Go declares them,
 * maps sorted by key, fields of zero left out where Go's omitempty does so, and written where it
 * does not ("status":{}).
 */
#include "sim/base/base.h"

#include "cluster/api/schema.h"

#include "cluster/api/fields/set.h"
#include "cluster/api/json.h"

static void write_struct(const struct type_schema *t, struct value v, struct text *out);
static void write_members(const struct type_schema *t, struct value v, bool is_item,
                          struct text *out);
static void write_element(const struct field_schema *f, struct value v, struct text *out);
static void write_zero(const struct field_schema *f, struct text *out);
static bool is_left_out(const struct field_schema *f, struct value v);

void schema_write_json(const struct type_schema *type, struct value v, struct text *out)
{
    if (type != NULL && value_kind(v) == VALUE_OBJECT)
        write_struct(type, v, out);
    else
        json_write(v, out);
}

void schema_write_json_item(const struct type_schema *type, struct value v, struct text *out)
{
    CHECK(type != NULL);
    if (value_kind(v) == VALUE_OBJECT)
        write_members(type, v, true, out);
    else
        json_write(v, out);
}

bool schema_is_zero(struct value v)
{
    switch (value_kind(v)) {
    case VALUE_NONE:
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return !value_as_bool(v);
    case VALUE_INTEGER:
        return value_as_integer(v, 0) == 0;
    case VALUE_DOUBLE: {
        double d = value_as_double(v, 0);
        return !(d < 0) && !(d > 0);
    }
    case VALUE_STRING:
        return value_str(v).size == 0;
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        return value_count(v) == 0;
    }
    return true;
}

static void write_struct(const struct type_schema *t, struct value v, struct text *out)
{
    write_members(t, v, false, out);
}

static void write_members(const struct type_schema *t, struct value v, bool is_item,
                          struct text *out)
{
    bool is_first = true;
    text_add_byte(out, '{');
    for (uint32_t i = 0; i < t->count; i++) {
        const struct field_schema *f = &t->fields[i];
        struct value member = value_get(v, f->key);
        if (is_left_out(f, member) ||
            (is_item && (f->key == ATOM_kind || f->key == ATOM_apiVersion)))
            continue;
        if (!is_first)
            text_add_byte(out, ',');
        is_first = false;
        text_add_byte(out, '"');
        text_add(out, atom_text(f->key));
        text_add(out, S("\":"));
        schema_write_field(f, member, out);
    }
    text_add_byte(out, '}');
}

static bool is_left_out(const struct field_schema *f, struct value v)
{
    if (f->flags & SCHEMA_ALWAYS)
        return false;
    if (value_kind(v) == VALUE_NONE || value_kind(v) == VALUE_NULL)
        return true;
    if (f->container != SCHEMA_NONE)
        return value_count(v) == 0;
    return !(f->flags & SCHEMA_POINTER) && f->kind != SCHEMA_QUANTITY && schema_is_zero(v);
}

void schema_write_field(const struct field_schema *f, struct value v, struct text *out)
{
    enum value_kind kind = value_kind(v);
    if (kind == VALUE_NONE || kind == VALUE_NULL) {
        write_zero(f, out);
    } else if (f->container == SCHEMA_LIST && kind == VALUE_ARRAY) {
        text_add_byte(out, '[');
        size_t count = value_count(v);
        for (size_t i = 0; i < count; i++) {
            if (i > 0)
                text_add_byte(out, ',');
            write_element(f, value_at(v, i), out);
        }
        text_add_byte(out, ']');
    } else if (f->container == SCHEMA_MAP && kind == VALUE_OBJECT) {
        text_add_byte(out, '{');
        size_t count = value_count(v);
        for (size_t i = 0; i < count; i++) {
            if (i > 0)
                text_add_byte(out, ',');
            json_write_string(value_key_at(v, i), out);
            text_add_byte(out, ':');
            write_element(f, value_member_at(v, i), out);
        }
        text_add_byte(out, '}');
    } else {
        write_element(f, v, out);
    }
}

static void write_element(const struct field_schema *f, struct value v, struct text *out)
{
    const struct type_schema *t = schema_type_of(f);
    if (t != NULL && value_kind(v) == VALUE_OBJECT)
        write_struct(t, v, out);
    else if (f->key == ATOM_fieldsV1)
        fields_write_json(v, out);
    else
        json_write(v, out);
}

static void write_zero(const struct field_schema *f, struct text *out)
{
    if (f->container != SCHEMA_NONE || (f->flags & SCHEMA_POINTER)) {
        text_add(out, S("null"));
        return;
    }
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_STRING:
        text_add(out, S("\"\""));
        break;
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_DOUBLE:
    case SCHEMA_INT_OR_STRING:
        text_add_byte(out, '0');
        break;
    case SCHEMA_BOOL:
        text_add(out, S("false"));
        break;
    case SCHEMA_QUANTITY:
        text_add(out, S("\"0\""));
        break;
    case SCHEMA_DURATION:
        text_add(out, S("\"0s\""));
        break;
    case SCHEMA_STRUCT:
        write_struct(schema_type_of(f), VALUE_ABSENT, out);
        break;
    case SCHEMA_BYTES:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
    case SCHEMA_RAW:
    case SCHEMA_ANY:
    case SCHEMA_LIST_OF_STRING:
        text_add(out, S("null"));
        break;
    }
}
