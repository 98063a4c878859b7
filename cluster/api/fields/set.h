/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of fields of one object. A set is a value in the form FieldsV1 in which managedFields store
 * it, so a set that did not change is the same word, and equal parts of sets are shared like any
 * other parts of objects:
 *
 *     {"f:spec": {"f:ports": {"k:{\"port\":80}": {".": {}, "f:name": {}}}}}
 *
 * The key of a child says which part of its parent it is: f:name, a member of a struct or map;
 * k:{...}, the item of a list that has these keys; v:value, the item of a set; i:number, an index.
 * A child is itself in the set when it is {} or has a "."; else only what is below it is. The empty
 * set is VALUE_ABSENT, and no child of a set is empty in this sense.
 *
 * Arguments are borrowed, results owned; a result that equals the first argument is the first
 * argument.
 */
#ifndef CLUSTER_API_FIELDS_SET_H
#define CLUSTER_API_FIELDS_SET_H

#include "cluster/api/value.h"
#include "sim/base/vec.h"

struct value_member;
struct value fields_union(struct value a, struct value b);
struct value fields_intersection(struct value a, struct value b);
struct value fields_difference(struct value a, struct value b);
/* The same, and what is below a field of b goes with it. */
struct value fields_difference_deep(struct value a, struct value b);
bool fields_meet(struct value a, struct value b); /* is their intersection not empty? */
bool fields_has(struct value set, const char *const *names, size_t count); /* f:... elements */
size_t fields_count(struct value set);

/* ---- one child ---- */

struct value fields_child(struct value set, struct str element); /* borrowed; absent: none */
bool fields_is_itself(struct value child);                       /* is it in the set? */
bool fields_has_parts(struct value child);                       /* is anything below it? */
/* The set with `own_child` under the element; an absent child changes nothing. */
struct value fields_add(struct value own_set, struct str element, struct value own_child);
struct value fields_add_field(struct value own_set, atom name, struct value own_child);
struct value fields_add_itself(struct value own_child); /* the child is in the set, too */

/* ---- many children ---- */

/* A child is built at once of its parts, in any order; zeroed is empty and valid. */
struct fields_builder {
    VEC(struct value_member) parts; /* value_heap.h */
    VEC(char *) texts; /* of elements that are no atoms */
    bool is_itself;
};
void fields_build_field(struct fields_builder *b, atom name, struct value own_child);
void fields_build_key(struct fields_builder *b, struct str name, struct value own_child);
void fields_build(struct fields_builder *b, struct str element, struct value own_child);
struct value fields_built(struct fields_builder *b); /* owned; the builder is empty again */

/* ---- in and out ---- */

/* A set that came from outside in its canonical form: elements of unknown sorts left out, "." and
 * {} as above. False: it is none, and why. */
bool fields_read(struct value v, struct value *ret_set, struct text *ret_why);
/* JSON with the elements in their own order: fields, keys (numbers by value), values, indices. */
void fields_write_json(struct value set, struct text *out);
/* Each field of the set as messages have it: .spec.ports[port=80,protocol="TCP"].name. Fields of
 * one parent first, then what is below them. */
void fields_each_path(struct value set, void (*visit)(void *owner, struct str path), void *owner);
int fields_element_compare(struct str a, struct str b);

#endif
