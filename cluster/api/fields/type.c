/* SPDX-License-Identifier: Apache-2.0
 *
 * The two schemas that are always there: the constant tables (cluster/api/schema.h), and the
 * deduced one, for what no schema describes.
 *
 * A table's place is a struct type, a field with its container, or one element of a field. A list
 * says in its row whether it is atomic (the default), a set or a map; a struct is atomic by its
 * type (LabelSelector) or by the field that holds it. The defaults of map keys are those of OpenAPI
 * ("protocol": "TCP").
 *
 * Deduced: scalars of any kind, maps granular, lists atomic; inside an atomic thing all is atomic.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/type.h"

/* ---- deduced ---- */

enum deduced_part { DEDUCED_GRANULAR, DEDUCED_ATOMIC, DEDUCED_MAP /* RawExtension: no other */ };

static void deduced_shape(const struct fields_type *t, struct fields_shape *ret_shape)
{
    *ret_shape = (struct fields_shape){
        .scalar = t->part == DEDUCED_MAP ? FIELDS_NO_SCALAR : FIELDS_UNTYPED,
        .list = t->part == DEDUCED_MAP ? FIELDS_NO_LIST : FIELDS_LIST_ATOMIC,
        .map = t->part == DEDUCED_ATOMIC ? FIELDS_MAP_ATOMIC : FIELDS_MAP_GRANULAR};
}

static struct fields_type deduced(enum deduced_part part);

static bool deduced_member(const struct fields_type *t, struct str key,
                           struct fields_type *ret_type, bool *ret_is_declared)
{
    (void)key;
    *ret_type = deduced(t->part == DEDUCED_ATOMIC ? DEDUCED_ATOMIC : DEDUCED_GRANULAR);
    *ret_is_declared = false;
    return true;
}

static void deduced_item(const struct fields_type *t, struct fields_type *ret_type)
{
    (void)t;
    *ret_type = deduced(DEDUCED_ATOMIC);
}

static struct value deduced_key_default(const struct fields_type *t, struct str key)
{
    (void)t;
    (void)key;
    return VALUE_ABSENT;
}

static const struct fields_schema deduced_schema = {
    deduced_shape, deduced_member, deduced_item, deduced_key_default, NULL, NULL};

static struct fields_type deduced(enum deduced_part part)
{
    return (struct fields_type){.schema = &deduced_schema, .part = (uint64_t)part};
}

struct fields_type fields_type_deduced(void)
{
    return deduced(DEDUCED_GRANULAR);
}

/* ---- the tables ---- */

enum table_part { TABLE_STRUCT, TABLE_FIELD, TABLE_ELEMENT };

static const struct field_schema *field_of(const struct fields_type *t)
{
    CHECK(t->part != TABLE_STRUCT);
    return t->at;
}

/* The struct at this place; NULL: there is none. */
static const struct type_schema *struct_of(const struct fields_type *t)
{
    if (t->part == TABLE_STRUCT)
        return t->at;
    const struct field_schema *f = field_of(t);
    bool is_element = t->part == TABLE_ELEMENT || f->container == SCHEMA_NONE;
    return is_element ? schema_type_of(f) : NULL;
}

static void element_shape(const struct fields_type *t, const struct field_schema *f,
                          struct fields_shape *ret)
{
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_DURATION:
        ret->scalar = FIELDS_STRING;
        break;
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_DOUBLE:
        ret->scalar = FIELDS_NUMERIC;
        break;
    case SCHEMA_BOOL:
        ret->scalar = FIELDS_BOOLEAN;
        break;
    case SCHEMA_QUANTITY:
    case SCHEMA_INT_OR_STRING:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        ret->scalar = FIELDS_UNTYPED;
        break;
    case SCHEMA_STRUCT: {
        bool is_atomic = (struct_of(t)->flags & SCHEMA_ATOMIC) ||
                         (f->container == SCHEMA_NONE && (f->flags & SCHEMA_ATOMIC));
        ret->map = is_atomic ? FIELDS_MAP_ATOMIC : FIELDS_MAP_GRANULAR;
        break;
    }
    case SCHEMA_LIST_OF_STRING:
        ret->list = FIELDS_LIST_ATOMIC;
        break;
    case SCHEMA_RAW:
    case SCHEMA_ANY:
        CHECK(false); /* its shape is deduced from values */
        break;
    }
}

static void table_shape(const struct fields_type *t, struct fields_shape *ret_shape)
{
    *ret_shape = (struct fields_shape){0};
    if (t->part == TABLE_STRUCT) {
        bool is_atomic = (struct_of(t)->flags & SCHEMA_ATOMIC) != 0;
        ret_shape->map = is_atomic ? FIELDS_MAP_ATOMIC : FIELDS_MAP_GRANULAR;
        return;
    }
    const struct field_schema *f = field_of(t);
    if (t->part == TABLE_ELEMENT || f->container == SCHEMA_NONE) {
        element_shape(t, f, ret_shape);
    } else if (f->container == SCHEMA_MAP) {
        ret_shape->map = f->flags & SCHEMA_ATOMIC ? FIELDS_MAP_ATOMIC : FIELDS_MAP_GRANULAR;
    } else if (f->list == SCHEMA_LIST_MAP) {
        ret_shape->list = FIELDS_LIST_MAP;
        ret_shape->keys = str_from(f->map_keys);
    } else {
        ret_shape->list = f->list == SCHEMA_LIST_SET ? FIELDS_LIST_SET : FIELDS_LIST_ATOMIC;
    }
}

static const struct fields_schema table_schema;

static struct fields_type table_part(const struct field_schema *f, enum table_part part)
{
    bool is_element = part == TABLE_ELEMENT || f->container == SCHEMA_NONE;
    if (is_element && f->kind == SCHEMA_RAW)
        return deduced(DEDUCED_MAP);
    if (is_element && f->kind == SCHEMA_ANY)
        return deduced(DEDUCED_GRANULAR);
    return (struct fields_type){.schema = &table_schema, .at = f, .part = (uint64_t)part};
}

static bool table_member(const struct fields_type *t, struct str key, struct fields_type *ret_type,
                         bool *ret_is_declared)
{
    const struct type_schema *s = struct_of(t);
    *ret_is_declared = s != NULL;
    if (!s) {
        *ret_type = table_part(field_of(t), TABLE_ELEMENT);
        return true;
    }
    const struct field_schema *f = schema_field(s, atom_of(key));
    if (f)
        *ret_type = table_part(f, TABLE_FIELD);
    return f != NULL;
}

static void table_item(const struct fields_type *t, struct fields_type *ret_type)
{
    const struct field_schema *f = field_of(t);
    if (t->part == TABLE_ELEMENT) /* a list of texts in a map */
        *ret_type = deduced(DEDUCED_ATOMIC);
    else
        *ret_type = table_part(f, TABLE_ELEMENT);
}

static struct value table_key_default(const struct fields_type *t, struct str key)
{
    const struct type_schema *s = schema_type_of(field_of(t));
    const struct field_schema *f = s ? schema_field(s, atom_of(key)) : NULL;
    if (!f || !f->default_text)
        return VALUE_ABSENT;
    int64_t number;
    struct str text = str_from(f->default_text);
    if (f->kind == SCHEMA_INT32 || f->kind == SCHEMA_INT64)
        return str_to_int64(text, &number) ? value_integer(number) : VALUE_ABSENT;
    return f->kind == SCHEMA_STRING ? value_string(text) : VALUE_ABSENT;
}

static struct value zero_of(const struct field_schema *f)
{
    if (f->container != SCHEMA_NONE || (f->flags & SCHEMA_POINTER))
        return value_null();
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_STRING:
        return value_string(S(""));
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_DOUBLE:
    case SCHEMA_INT_OR_STRING:
        return value_integer(0);
    case SCHEMA_BOOL:
        return value_bool(false);
    case SCHEMA_QUANTITY:
        return value_string(S("0"));
    case SCHEMA_DURATION:
        return value_string(S("0s"));
    case SCHEMA_STRUCT:
        return value_object();
    case SCHEMA_BYTES:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
    case SCHEMA_RAW:
    case SCHEMA_ANY:
    case SCHEMA_LIST_OF_STRING:
        return value_null();
    }
    return VALUE_ABSENT;
}

static bool table_always(const struct fields_type *t, size_t i, atom *ret_key,
                         struct value *ret_zero)
{
    const struct type_schema *s = struct_of(t);
    for (uint32_t k = 0; s && k < s->count; k++) {
        if (!(s->fields[k].flags & SCHEMA_ALWAYS) || i-- > 0)
            continue;
        *ret_key = s->fields[k].key;
        *ret_zero = zero_of(&s->fields[k]);
        return true;
    }
    return false;
}

static enum fields_presence presence_of(const struct field_schema *f)
{
    if (f->flags & SCHEMA_ALWAYS)
        return FIELDS_ALWAYS;
    bool is_plain =
        f->container != SCHEMA_NONE || (!(f->flags & SCHEMA_POINTER) && f->kind != SCHEMA_QUANTITY);
    return is_plain ? FIELDS_UNLESS_ZERO : FIELDS_UNLESS_NIL;
}

static bool table_known(const struct fields_type *t, atom key, struct fields_known *ret_field)
{
    const struct type_schema *s = struct_of(t);
    const struct field_schema *f = s ? schema_field(s, key) : NULL;
    if (!f)
        return false;
    *ret_field = (struct fields_known){table_part(f, TABLE_FIELD), presence_of(f), zero_of(f)};
    return true;
}

static const struct fields_schema table_schema = {table_shape,       table_member, table_item,
                                                  table_key_default, table_always, table_known};

struct fields_type fields_type_of(const struct type_schema *type)
{
    if (!type)
        return deduced(DEDUCED_GRANULAR);
    return (struct fields_type){.schema = &table_schema, .at = type, .part = TABLE_STRUCT};
}
