/* SPDX-License-Identifier: Apache-2.0
 *
 * The algebra of field sets (fieldpath.Set upstream): recursive walks over two trees whose members
 * are sorted by their keys. Whatever is the same word on both sides needs no walk.
 *
 * Inside, a `child` differs from a set only in that it may be in the set itself; the root of a set
 * never is. So the operations below work on children, and a set is a child that is not itself.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/set.h"

#include "cluster/api/value_heap.h"

/* ---- one child ---- */

bool fields_is_itself(struct value child)
{
    if (!value_is_present(child))
        return false;
    return value_count(child) == 0 || value_is_present(value_get(child, ATOM_itself));
}

bool fields_has_parts(struct value child)
{
    size_t count = value_count(child);
    return count > 1 || (count == 1 && !value_is_present(value_get(child, ATOM_itself)));
}

struct value fields_child(struct value set, struct str element)
{
    return value_get_key(set, element);
}

struct value fields_add_itself(struct value own_child)
{
    if (!value_is_present(own_child))
        return value_object();
    if (value_count(own_child) == 0)
        return own_child;
    return value_set(own_child, ATOM_itself, value_object());
}

/* A child that gets a part: {} says "itself alone" and must say so otherwise. */
static struct value open_for_parts(struct value own_child)
{
    if (value_is_present(own_child) && value_count(own_child) == 0)
        return value_set(own_child, ATOM_itself, value_object());
    return own_child;
}

struct value fields_add(struct value own_set, struct str element, struct value own_child)
{
    if (!value_is_present(own_child))
        return own_set;
    return value_set_key(open_for_parts(own_set), element, own_child);
}

struct value fields_add_field(struct value own_set, atom name, struct value own_child)
{
    if (!value_is_present(own_child))
        return own_set;
    return value_set(open_for_parts(own_set), atom_field(name), own_child);
}

/* A child after parts were taken from it: what remains may be nothing, or itself alone. */
static struct value close(struct value own_child)
{
    size_t count = value_count(own_child);
    if (count > 1 || (count == 1 && !value_is_present(value_get(own_child, ATOM_itself))))
        return own_child;
    value_drop(own_child);
    return count == 1 ? value_object() : VALUE_ABSENT;
}

/* ---- many children ---- */

void fields_build_field(struct fields_builder *b, atom name, struct value own_child)
{
    if (value_is_present(own_child))
        vec_push(&b->parts, (struct value_member){.key = atom_field(name), .part = own_child});
}

void fields_build(struct fields_builder *b, struct str element, struct value own_child)
{
    if (!value_is_present(own_child))
        return;
    atom key = atom_of_key(element);
    if (key == ATOM_NONE) {
        vec_push(&b->texts, mem_copy_string(element));
        element.bytes = vec_last(&b->texts);
    }
    vec_push(&b->parts, (struct value_member){.key = key, .text = element, .part = own_child});
}

void fields_build_key(struct fields_builder *b, struct str name, struct value own_child)
{
    char small[128];
    if (!value_is_present(own_child))
        return;
    if (name.size + 2 <= sizeof(small)) {
        memcpy(small, "f:", 2);
        memcpy(small + 2, name.bytes, name.size);
        fields_build(b, (struct str){small, name.size + 2}, own_child);
        return;
    }
    AUTO(text) struct text element = {0};
    text_printf(&element, "f:%.*s", STR_ARG(name));
    fields_build(b, text_str(&element), own_child);
}

struct value fields_built(struct fields_builder *b)
{
    struct value child = VALUE_ABSENT;
    if (b->parts.count > 0) {
        if (b->is_itself)
            vec_push(&b->parts, (struct value_member){.key = ATOM_itself, .part = value_object()});
        bool has_data = false;
        for (size_t i = 0; i < b->parts.count; i++)
            has_data |= b->parts.items[i].key == ATOM_NONE;
        child = value_from_members(b->parts.items, b->parts.count, has_data);
    } else if (b->is_itself) {
        child = value_object();
    }
    for (size_t i = 0; i < b->texts.count; i++)
        mem_free(b->texts.items[i]);
    vec_release(&b->parts);
    vec_release(&b->texts);
    b->is_itself = false;
    return child;
}

/* ---- the algebra: few parts are looked up and put in one by one, many are laid side by side ----
 * */

#define FEW 16

/* The order of a's member i and b's member k; beyond the end comes last. */
static int side_order(struct value a, size_t i, struct value b, size_t k)
{
    if (i >= value_count(a))
        return 1;
    return k >= value_count(b) ? -1 : str_compare(value_key_at(a, i), value_key_at(b, k));
}

/* A part under the key of the set's member i; nothing when it is absent. */
static void build_like(struct fields_builder *b, struct value set, size_t i, struct value own_child)
{
    if (!value_is_present(own_child))
        return;
    struct str key = value_key_at(set, i);
    atom a = word_tag(set) == TAG_STRUCT ? value_key_atom_at(set, i) : atom_of_key(key);
    vec_push(&b->parts, (struct value_member){.key = a, .text = key, .part = own_child});
}

static struct value union_of_many(struct value a, struct value b)
{
    struct fields_builder r = {0};
    for (size_t i = 0, k = 0; i < value_count(a) || k < value_count(b);) {
        int order = side_order(a, i, b, k);
        if (order == 0)
            build_like(&r, a, i, fields_union(value_member_at(a, i), value_member_at(b, k)));
        else
            build_like(&r, order < 0 ? a : b, order < 0 ? i : k,
                       value_keep(order < 0 ? value_member_at(a, i) : value_member_at(b, k)));
        i += order <= 0;
        k += order >= 0;
    }
    return fields_built(&r);
}

struct value fields_union(struct value a, struct value b)
{
    if (value_is_same(a, b) || !value_is_present(b))
        return value_keep(a);
    if (!value_is_present(a))
        return value_keep(b);
    struct value result = value_keep(a);
    if (value_count(b) == 0)
        return fields_is_itself(a) ? result : fields_add_itself(result);
    if (value_count(a) == 0)
        return fields_add_itself(value_keep(b));
    if (value_count(b) > FEW) {
        value_drop(result);
        result = union_of_many(a, b);
        if (!value_equal(result, a))
            return result;
        value_drop(result);
        return value_keep(a);
    }
    for (size_t i = 0; i < value_count(b); i++) {
        struct str element = value_key_at(b, i);
        struct value mine = value_get_key(a, element), its = value_member_at(b, i);
        struct value both = fields_union(mine, its);
        if (value_is_same(both, mine))
            value_drop(both);
        else
            result = value_set_key(result, element, both);
    }
    return result;
}

struct value fields_intersection(struct value a, struct value b)
{
    if (value_is_same(a, b))
        return value_keep(a);
    if (!value_is_present(a) || !value_is_present(b))
        return VALUE_ABSENT;
    struct fields_builder r = {.is_itself = fields_is_itself(a) && fields_is_itself(b)};
    for (size_t i = 0; i < value_count(a); i++) {
        struct str element = value_key_at(a, i);
        struct value its = value_get_key(b, element);
        if (value_is_present(its) && !str_equal(element, S(".")))
            build_like(&r, a, i, fields_intersection(value_member_at(a, i), its));
    }
    struct value result = fields_built(&r);
    if (!value_equal(result, a))
        return result;
    value_drop(result);
    return value_keep(a);
}

bool fields_meet(struct value a, struct value b)
{
    if (!value_is_present(a) || !value_is_present(b))
        return false;
    if (value_is_same(a, b) || (fields_is_itself(a) && fields_is_itself(b)))
        return true;
    bool swaps = value_count(a) > value_count(b);
    struct value few = swaps ? b : a, many = swaps ? a : b;
    for (size_t i = 0; i < value_count(few); i++) {
        struct str element = value_key_at(few, i);
        if (!str_equal(element, S(".")) &&
            fields_meet(value_member_at(few, i), value_get_key(many, element)))
            return true;
    }
    return false;
}

static struct value difference(struct value a, struct value b, bool is_deep);

static struct value rest_of(struct value mine, struct value its, bool is_deep)
{
    return is_deep && fields_is_itself(its) ? VALUE_ABSENT : difference(mine, its, is_deep);
}

static struct value difference_of_many(struct value a, struct value b, bool is_deep)
{
    struct fields_builder r = {.is_itself = fields_is_itself(a) && !fields_is_itself(b)};
    for (size_t i = 0, k = 0; i < value_count(a);) {
        int order = side_order(a, i, b, k);
        struct value mine = value_member_at(a, i);
        if (order <= 0 && !str_equal(value_key_at(a, i), S(".")))
            build_like(&r, a, i,
                       order < 0 ? value_keep(mine)
                                 : rest_of(mine, value_member_at(b, k), is_deep));
        i += order <= 0;
        k += order >= 0;
    }
    struct value result = fields_built(&r);
    if (!value_equal(result, a))
        return result;
    value_drop(result);
    return value_keep(a);
}

static struct value difference(struct value a, struct value b, bool is_deep)
{
    if (!value_is_present(a) || !value_is_present(b))
        return value_keep(a);
    if (value_is_same(a, b))
        return VALUE_ABSENT;
    bool loses_itself = fields_is_itself(b) && fields_is_itself(a);
    if (value_count(a) == 0)
        return loses_itself ? VALUE_ABSENT : value_keep(a);
    if (value_count(b) > FEW)
        return difference_of_many(a, b, is_deep);
    struct value result = value_keep(a);
    for (size_t i = 0; i < value_count(b); i++) {
        struct str element = value_key_at(b, i);
        struct value mine = value_get_key(a, element), its = value_member_at(b, i);
        if (!value_is_present(mine) || str_equal(element, S(".")))
            continue;
        struct value rest =
            is_deep && fields_is_itself(its) ? VALUE_ABSENT : difference(mine, its, is_deep);
        if (value_is_same(rest, mine))
            value_drop(rest);
        else
            result = value_set_key(result, element, rest);
    }
    if (loses_itself)
        result = value_set(result, ATOM_itself, VALUE_ABSENT);
    if (value_is_same(result, a))
        return result;
    if (value_count(result) == 0) {
        value_drop(result);
        return VALUE_ABSENT;
    }
    return close(result);
}

struct value fields_difference(struct value a, struct value b)
{
    return difference(a, b, false);
}

struct value fields_difference_deep(struct value a, struct value b)
{
    return difference(a, b, true);
}

bool fields_has(struct value set, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        set = value_get(set, atom_field(atom_of(str_from(names[i]))));
    return fields_is_itself(set);
}

size_t fields_count(struct value set)
{
    size_t count = 0;
    for (size_t i = 0; i < value_count(set); i++) {
        struct value child = value_member_at(set, i);
        if (str_equal(value_key_at(set, i), S(".")))
            continue;
        count += fields_is_itself(child) + fields_count(child);
    }
    return count;
}
