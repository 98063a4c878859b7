/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks over objects along their types (fields/type.h): which fields an object has, how two
 * versions of it differ, one merged into the other, parts taken out. Results are owned, arguments
 * borrowed.
 *
 * Source: kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
 */
#ifndef CLUSTER_API_FIELDS_TYPED_H
#define CLUSTER_API_FIELDS_TYPED_H

#include "cluster/api/fields/set.h"
#include "cluster/api/fields/type.h"

/* Disjoint; all empty: the objects are equal. */
struct fields_change {
    struct value added, modified, removed; /* sets */
};
void fields_change_release(struct fields_change *c);
struct fields_change fields_compare(struct fields_type t, struct value old, struct value new);

/* Each leaf of the object, each item of a list that has keys, each member of a map. */
struct value fields_of(struct fields_type t, struct value object);

/* `patch` over `object`: no field goes, the patch's leaves win; a list is in the order of the patch
 * where that says one. */
struct value fields_merge(struct fields_type t, struct value object, struct value patch);

/* The object without the fields of the set. What was emptied becomes null. */
struct value fields_remove(struct fields_type t, struct value object, struct value set);

/* The set with each field that has a name in the schema and of which the set has parts. */
struct value fields_with_named(struct fields_type t, struct value set);

/* The set as the type has it now: below what has become atomic there is nothing to own, so who
 * owned a part owns the whole. */
struct value fields_reconcile(struct fields_type t, struct value set);

/* Is the object of its type? If not, why: ".spec.ports: element 0: ...". */
bool fields_validate(struct fields_type t, struct value object, bool allows_duplicates,
                     struct text *ret_why);

/* ---- items of lists, shared by the walks ---- */

/* The element of a list's item: k:{...} of its keys (their defaults filled in), or v:value. False:
 * it has none, and why. */
bool fields_item_element(const struct fields_type *list, const struct fields_shape *shape,
                         struct value item, struct text *ret_element, struct text *ret_why);

/* The items of a list that have an element, in the order of the list, and sorted by element (then
 * by their place). Memory is the arena's, values are borrowed. */
struct fields_item {
    struct str element;
    struct value item;
    size_t at;
    bool is_second, is_duplicated; /* one before, or any other, has the same element */
    struct fields_item *other;     /* for the walk: its first peer on the other side */
    bool is_merged;                /* for the walk */
};
struct fields_items {
    struct fields_item *items, **sorted;
    size_t count;
};
struct arena;
struct fields_items fields_items_of(const struct fields_type *list,
                                    const struct fields_shape *shape, struct value v,
                                    struct arena *arena);

/* What a value is taken for where several are possible; FIELDS_AS_NOTHING: the type fits none. */
enum fields_as { FIELDS_AS_NOTHING, FIELDS_AS_MAP, FIELDS_AS_SCALAR, FIELDS_AS_LIST };
enum fields_as fields_taken_as(const struct fields_shape *shape, struct value v);
/* The type of a member; one that the schema does not have is deduced. */
struct fields_type fields_member_type(const struct fields_type *t, struct str key,
                                      bool *ret_is_declared);

#endif
