/* SPDX-License-Identifier: Apache-2.0
 *
 * Field sets in and out: what a client sends as managedFields, JSON in the order in which a real
 * server writes it, and the paths that messages show.
 *
 * A value's members are sorted by the bytes of their keys; the elements of a set have an order of
 * their own: f: before k: before v: before i:, names by bytes, keys field by field with numbers by
 * their value ({"port":80} before {"port":443}). Only who writes text needs it.
 *
 * Reading is as lenient as upstream's: an element of an unknown sort is ignored with what is below
 * it, null is {}; a key without a colon or a value that is no object makes the whole unreadable.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/set.h"

#include "cluster/api/json.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"

/* ---- the order of elements ---- */

static int rank(struct str element)
{
    switch (element.size > 0 ? element.bytes[0] : '\0') {
    case '.':
        return 0;
    case 'f':
        return 1;
    case 'k':
        return 2;
    case 'v':
        return 3;
    default:
        return 4;
    }
}

/* Numbers, strings, booleans, lists, maps, null. */
static int sort_of(struct value v)
{
    switch (value_kind(v)) {
    case VALUE_INTEGER:
    case VALUE_DOUBLE:
        return 0;
    case VALUE_STRING:
        return 1;
    case VALUE_BOOL:
        return 2;
    case VALUE_ARRAY:
        return 3;
    case VALUE_OBJECT:
        return 4;
    case VALUE_NONE:
    case VALUE_NULL:
        break;
    }
    return 5;
}

static int scalar_compare(struct value a, struct value b)
{
    int order = sort_of(a) - sort_of(b);
    if (order != 0)
        return order;
    if (value_kind(a) == VALUE_DOUBLE || value_kind(b) == VALUE_DOUBLE) {
        double x =
            value_kind(a) == VALUE_DOUBLE ? value_as_double(a, 0) : (double)value_as_integer(a, 0);
        double y =
            value_kind(b) == VALUE_DOUBLE ? value_as_double(b, 0) : (double)value_as_integer(b, 0);
        return x < y ? -1 : x > y;
    }
    return value_compare(a, b);
}

static struct value part_parse(struct str element)
{
    struct errmsg message;
    struct value v = VALUE_ABSENT;
    if (json_parse(str_slice(element, 2, element.size), NULL, &v, &message) != ERR_OK)
        return value_null();
    return v;
}

static int keys_compare(struct value a, struct value b)
{
    for (size_t i = 0; i < value_count(a) && i < value_count(b); i++) {
        int order = str_compare(value_key_at(a, i), value_key_at(b, i));
        if (order == 0)
            order = scalar_compare(value_member_at(a, i), value_member_at(b, i));
        if (order != 0)
            return order;
    }
    size_t m = value_count(a), n = value_count(b);
    return m < n ? -1 : m > n;
}

int fields_element_compare(struct str a, struct str b)
{
    int order = rank(a) - rank(b);
    if (order != 0 || rank(a) < 2)
        return order != 0 ? order : str_compare(a, b);
    AUTO(value) struct value x = part_parse(a);
    AUTO(value) struct value y = part_parse(b);
    bool has_keys = value_kind(x) == VALUE_OBJECT && value_kind(y) == VALUE_OBJECT;
    order = has_keys ? keys_compare(x, y) : scalar_compare(x, y);
    return order != 0 ? order : str_compare(a, b);
}

static int element_order(const void *a, const void *b, void *set)
{
    struct value s = *(const struct value *)set;
    size_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return fields_element_compare(value_key_at(s, x), value_key_at(s, y));
}

/* The members' positions in the order of elements; NULL when they stand in it. The caller's. */
static uint32_t *order_of(struct value set)
{
    size_t count = value_count(set), data = 0;
    for (size_t i = 0; i < count; i++)
        data += rank(value_key_at(set, i)) >= 2;
    if (data < 2)
        return NULL;
    uint32_t *order = mem_array(uint32_t, count);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    sort_stable(order, count, sizeof(order[0]), element_order, &set);
    return order;
}

/* ---- out ---- */

void fields_write_json(struct value set, struct text *out)
{
    if (value_kind(set) != VALUE_OBJECT) {
        json_write(set, out);
        return;
    }
    uint32_t *order = order_of(set);
    text_add_byte(out, '{');
    for (size_t i = 0; i < value_count(set); i++) {
        size_t at = order ? order[i] : i;
        if (i > 0)
            text_add_byte(out, ',');
        json_write_string(value_key_at(set, at), out);
        text_add_byte(out, ':');
        fields_write_json(value_member_at(set, at), out);
    }
    text_add_byte(out, '}');
    mem_free(order);
}

/* As Go's %q. */
static void quote(struct str s, struct text *out)
{
    static const char escapes[] = "abtnvfr"; /* 7 to 13 */
    text_add_byte(out, '"');
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if (c == '"' || c == '\\')
            text_printf(out, "\\%c", c);
        else if (c >= 7 && c <= 13)
            text_printf(out, "\\%c", escapes[c - 7]);
        else if ((c >= 0 && c < ' ') || c == 0x7f)
            text_printf(out, "\\x%02x", (unsigned)c);
        else
            text_add_byte(out, c);
    }
    text_add_byte(out, '"');
}

static void show_value(struct value v, struct text *out)
{
    if (value_kind(v) == VALUE_STRING)
        quote(value_str(v), out);
    else
        json_write(v, out);
}

static void show_element(struct str element, struct text *out)
{
    if (rank(element) == 1) {
        text_add_byte(out, '.');
        text_add(out, str_slice(element, 2, element.size));
        return;
    }
    AUTO(value) struct value part = part_parse(element);
    bool has_keys = rank(element) == 2;
    text_add(out, has_keys ? S("[") : rank(element) == 3 ? S("[=") : S("["));
    for (size_t i = 0; has_keys && i < value_count(part); i++) {
        if (i > 0)
            text_add_byte(out, ',');
        text_add(out, value_key_at(part, i));
        text_add_byte(out, '=');
        show_value(value_member_at(part, i), out);
    }
    if (!has_keys)
        show_value(part, out);
    text_add_byte(out, ']');
}

struct path_visit {
    struct text path;
    void (*visit)(void *owner, struct str path);
    void *owner;
};

static void visit_below(struct path_visit *v, struct value set, bool goes_down)
{
    uint32_t *order = order_of(set);
    for (size_t i = 0; i < value_count(set); i++) {
        size_t at = order ? order[i] : i;
        struct value child = value_member_at(set, at);
        if (str_equal(value_key_at(set, at), S(".")) ||
            !(goes_down ? fields_has_parts(child) : fields_is_itself(child)))
            continue;
        size_t size = v->path.size;
        show_element(value_key_at(set, at), &v->path);
        if (goes_down) {
            visit_below(v, child, false);
            visit_below(v, child, true);
        } else {
            v->visit(v->owner, text_str(&v->path));
        }
        v->path.size = size;
    }
    mem_free(order);
}

void fields_each_path(struct value set, void (*visit)(void *owner, struct str path), void *owner)
{
    struct path_visit v = {.visit = visit, .owner = owner};
    visit_below(&v, set, false);
    visit_below(&v, set, true);
    text_release(&v.path);
}

/* ---- in ---- */

/* The element's canonical text is put into `out`; empty: of an unknown sort. False: it is none. */
static bool element_read(struct str key, struct text *out, struct text *why)
{
    text_clear(out);
    if (key.size < 2 || key.bytes[1] != ':') {
        if (key.size < 2)
            text_add(why, S("key must be 2 characters long:"));
        else
            text_printf(why, "missing colon: %.*s", STR_ARG(key));
        return false;
    }
    char sort = key.bytes[0];
    struct str rest = str_slice(key, 2, key.size);
    int64_t index;
    if (sort == 'f' || (sort == 'i' && str_to_int64(rest, &index))) {
        text_add(out, key);
        return true;
    }
    if (sort == 'i')
        text_printf(why, "strconv.Atoi: parsing \"%.*s\": invalid syntax", STR_ARG(rest));
    if (sort != 'k' && sort != 'v')
        return sort != 'i';
    struct errmsg message;
    AUTO(value) struct value part = VALUE_ABSENT;
    if (json_parse(rest, NULL, &part, &message) != ERR_OK) {
        text_printf(why, "%s", message.text);
        return false;
    }
    if (sort == 'k' && value_kind(part) == VALUE_NULL)
        part = value_object();
    if (sort == 'k' && value_kind(part) != VALUE_OBJECT) {
        text_add(why, S("expected an object of keys"));
        return false;
    }
    text_add_byte(out, sort);
    text_add_byte(out, ':');
    json_write(part, out);
    return true;
}

static bool child_read(struct value v, bool is_root, struct value *ret_child, struct text *why)
{
    struct value child = VALUE_ABSENT;
    AUTO(text) struct text element = {0};
    bool is_itself = false;
    *ret_child = VALUE_ABSENT;
    if (value_kind(v) != VALUE_OBJECT && value_kind(v) != VALUE_NULL) {
        text_add(why, S("expected an object"));
        return false;
    }
    for (size_t i = 0; i < value_count(v); i++) {
        struct str key = value_key_at(v, i);
        struct value part;
        if (str_equal(key, S("."))) {
            is_itself = true;
            continue;
        }
        if (!element_read(key, &element, why) ||
            (element.size > 0 && !child_read(value_member_at(v, i), false, &part, why))) {
            value_drop(child);
            return false;
        }
        if (element.size > 0) {
            struct value before = fields_child(child, text_str(&element));
            struct value both = fields_union(before, part);
            value_drop(part);
            child = fields_add(child, text_str(&element), both);
        }
    }
    if (!is_root && (is_itself || !value_is_present(child)))
        child = fields_add_itself(child);
    *ret_child = child;
    return true;
}

bool fields_read(struct value v, struct value *ret_set, struct text *ret_why)
{
    if (!value_is_present(v)) {
        *ret_set = VALUE_ABSENT;
        return true;
    }
    return child_read(v, true, ret_set, ret_why);
}
