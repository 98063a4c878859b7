/* SPDX-License-Identifier: Apache-2.0
 *
 * A value is its kind, then its content; arrays and objects have their count in front, members in
 * the order of their keys. What comes from a damaged journal may say anything: counts are not
 * believed until their items are there, and the depth is bounded.
 */
#include "sim/base/base.h"

#include "cluster/api/value_binary.h"

#define DEPTH_MAX 1100 /* more than any document that is let in */

void value_binary_write(struct value v, struct text *out)
{
    enum value_kind kind = value_kind(v);
    pack_number(out, kind);
    switch (kind) {
    case VALUE_NONE:
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
        pack_number(out, value_as_bool(v));
        break;
    case VALUE_INTEGER:
        pack_signed(out, value_as_integer(v, 0));
        break;
    case VALUE_DOUBLE: {
        double d = value_as_double(v, 0);
        uint64_t bits;
        memcpy(&bits, &d, sizeof(bits));
        pack_number(out, bits);
        break;
    }
    case VALUE_STRING:
        pack_text(out, value_str(v));
        break;
    case VALUE_ARRAY:
        pack_number(out, value_count(v));
        for (size_t i = 0; i < value_count(v); i++)
            value_binary_write(value_at(v, i), out);
        break;
    case VALUE_OBJECT:
        pack_number(out, value_count(v));
        for (size_t i = 0; i < value_count(v); i++) {
            pack_text(out, value_key_at(v, i));
            value_binary_write(value_member_at(v, i), out);
        }
        break;
    }
}

static struct value read_value(struct unpack *u, size_t depth);

static struct value read_array(struct unpack *u, size_t depth)
{
    struct value array = value_array();
    uint64_t count = unpack_number(u);
    for (uint64_t i = 0; i < count && !u->is_bad; i++) {
        struct value item = read_value(u, depth + 1);
        u->is_bad |= !value_is_present(item);
        if (!u->is_bad)
            array = value_append(array, item);
        else
            value_drop(item);
    }
    return array;
}

static struct value read_object(struct unpack *u, size_t depth)
{
    struct value object = value_object();
    uint64_t count = unpack_number(u);
    for (uint64_t i = 0; i < count && !u->is_bad; i++) {
        struct str key = unpack_text(u);
        struct value member = read_value(u, depth + 1);
        u->is_bad |= !value_is_present(member);
        if (!u->is_bad)
            object = value_set_key(object, key, member);
        else
            value_drop(member);
    }
    return object;
}

static struct value read_value(struct unpack *u, size_t depth)
{
    uint64_t kind = unpack_below(u, VALUE_OBJECT + 1);
    u->is_bad |= depth > DEPTH_MAX;
    if (u->is_bad)
        return VALUE_ABSENT;
    switch ((enum value_kind)kind) {
    case VALUE_NONE:
        return VALUE_ABSENT;
    case VALUE_NULL:
        return value_null();
    case VALUE_BOOL:
        return value_bool(unpack_bool(u));
    case VALUE_INTEGER:
        return value_integer(unpack_signed(u));
    case VALUE_DOUBLE: {
        uint64_t bits = unpack_number(u);
        double d;
        memcpy(&d, &bits, sizeof(d));
        return value_double(d);
    }
    case VALUE_STRING:
        return value_string(unpack_text(u));
    case VALUE_ARRAY:
        return read_array(u, depth);
    case VALUE_OBJECT:
        return read_object(u, depth);
    }
    return VALUE_ABSENT;
}

struct value value_binary_read(struct unpack *u)
{
    struct value v = read_value(u, 0);
    if (!u->is_bad)
        return v;
    value_drop(v);
    return VALUE_ABSENT;
}
