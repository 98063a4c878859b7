/* SPDX-License-Identifier: Apache-2.0
 *
 * One immutable, shared, reference-counted tree type for every API object (null, bool, 64-bit
 * integer, double, string, array, object). A `struct value` is one opaque 8-byte word, passed by
 * value.
 *
 * Layout (value.c): objects are shapes (an interned, sorted key list) plus packed words; short
 * strings, timestamps and decimals live inside the word; objects whose keys are data are dicts. No
 * caller can tell.
 *
 * Ownership. Reading borrows: what a reader returns is valid while the root is held. Writing
 * consumes: value_set, value_append and their kin take the tree and the new part and return the new
 * tree; a sole owner is changed in place, everybody else's copy stays as it was. To keep the old
 * one, value_keep it first:
 *
 *     struct value next = VALUE_SET(value_keep(pod), value_string(S("node-1")), spec, nodeName);
 *     if (VALUE_IS(pod, "Running", status, phase)) ...
 *     struct str name = value_str(VALUE_GET(pod, metadata, name));     valid until the end of the
 *     block
 *     value_drop(next);
 *
 * Atoms, shapes and the arena of nodes are the process-wide heap of values, as malloc's is: they
 * influence memory and speed, never results. Atom numbers depend on arrival: order is always by
 * bytes.
 */
#ifndef CLUSTER_API_VALUE_H
#define CLUSTER_API_VALUE_H

#include "sim/base/base.h"
#include "sim/base/text.h"

struct value {
    uint64_t word; /* opaque */
};
enum value_kind {
    VALUE_NONE, /* absent; distinct from null */
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INTEGER,
    VALUE_DOUBLE,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_OBJECT,
};

/* ---- atoms: interned keys; those of atoms.def are constants ATOM_<name> ---- */

typedef uint32_t atom;
enum {
    ATOM_NONE = 0,
#define ATOM(name, text) ATOM_##name,
#include "cluster/api/atoms.def"
#undef ATOM
    ATOM_KNOWN_COUNT
};
atom atom_of(struct str text); /* interns */
struct str atom_text(atom a);  /* for ever */
atom atom_field(atom a);       /* that of "f:name", as field sets have it */

/* ---- life ---- */

#define VALUE_ABSENT ((struct value){0})
struct value value_keep(struct value v); /* one more reference; returns v */
struct value value_keep_n(struct value v, uint32_t n);
void value_drop(struct value v);     /* VALUE_ABSENT is fine */
void value_release(struct value *v); /* for AUTO(value): drops and makes absent */

/* ---- making: returned owned ---- */

struct value value_null(void);
struct value value_bool(bool b);
struct value value_integer(int64_t n);
struct value value_double(double d);
struct value value_string(struct str s);
struct value value_printf(const char *format, ...) PRINTF_LIKE(1, 2); /* a string */
struct value value_decimal(int64_t n); /* a string, as resourceVersions are */
struct value value_object(void);       /* {} */
struct value value_array(void);        /* [] */
/* From relaxed JSON with holes; a bug in the text aborts. Keys need no quotes, nor do words as
 * values. The text is a literal: it is read once and found again by its address.
 *   %s C string   %S struct str   %d int   %D int64_t   %b bool (int)   %v value (consumed; absent:
 *   key left out)
 *   value_pack("{metadata: {name: %S, labels: %v}, spec: {replicas: %d, paused: false, type:
 *   \"ClusterIP\"}}", ...) */
struct value value_pack(const char *template_text, ...);

/* ---- reading: borrowed ---- */

enum value_kind value_kind(struct value v);
static inline bool value_is_present(struct value v)
{
    return v.word != 0;
}
static inline bool value_is_same(struct value a, struct value b)
{
    return a.word == b.word;
} /* same word: equal; else unknown */
bool value_equal(struct value a, struct value b);  /* by content; absent equals absent only */
int value_compare(struct value a, struct value b); /* a total order by content */
uint64_t value_hash(struct value v);               /* of the content, the same in every run */

struct value value_get(struct value object, atom key); /* absent when missing or no object */
struct value value_get_key(struct value object, struct str key);
struct value value_path(struct value v, const atom *path, size_t count);
size_t value_count(struct value v);                  /* members or items; 0 for anything else */
struct value value_at(struct value array, size_t i); /* an array's item; absent beyond the end */
bool value_has_item(struct value array, struct value item); /* an equal one */
bool value_has_string(struct value array, const char *string);
/* Members in order of their keys' bytes. */
struct value value_member_at(struct value object, size_t i);
atom value_key_atom_at(struct value object, size_t i);
struct str value_key_at(struct value object, size_t i); /* while the object is held */

bool value_as_bool(struct value v); /* false unless true */
int64_t value_as_integer(struct value v, int64_t otherwise);
double value_as_double(struct value v, double otherwise);
/* A string's bytes, empty for anything else. Valid until the end of the block and while the root is
 * held. */
#define value_str(v) value_str_in((v), (char[VALUE_SMALL_SIZE]){0})
#define VALUE_SMALL_SIZE 40
struct str value_str_in(struct value v, char small[VALUE_SMALL_SIZE]);
bool value_is(struct value v, const char *string); /* a string with these bytes */

/* ---- writing: consumes the tree and the part, returns the tree, owned ---- */

struct value value_set(struct value object, atom key,
                       struct value part); /* part absent: removes the key */
struct value value_set_key(struct value object, struct str key, struct value part);
struct value value_set_path(struct value v, struct value part, const atom *path,
                            size_t count);                        /* makes objects on the way */
struct value value_append(struct value array, struct value item); /* on absent: makes the array */
struct value value_set_at(struct value array, size_t i, struct value item);
struct value value_insert_at(struct value array, size_t i, struct value item);
struct value value_remove_at(struct value array, size_t i);

/* ---- sharing: memory only, never the content ---- */

struct value value_share(struct value own_new, struct value old); /* equal subtrees become old's */
struct value value_canonical(
    struct value own_v); /* through a small lossy cache: conditions, labels, ownerReferences */

/* ---- paths in words: VALUE_GET(pod, spec, nodeName) ---- */

#define VALUE_GET(v, ...) value_path((v), VALUE_PATH_(__VA_ARGS__), VALUE_COUNT_(__VA_ARGS__))
#define VALUE_SET(v, part, ...)                                                                    \
    value_set_path((v), (part), VALUE_PATH_(__VA_ARGS__), VALUE_COUNT_(__VA_ARGS__))
#define VALUE_REMOVE(v, ...)                                                                       \
    VALUE_SET((v), VALUE_ABSENT, __VA_ARGS__) /* makes no objects on the way */
#define VALUE_IS(v, string, ...) value_is(VALUE_GET((v), __VA_ARGS__), (string))
#define VALUE_INT(v, otherwise, ...) value_as_integer(VALUE_GET((v), __VA_ARGS__), (otherwise))
#define VALUE_BOOL_AT(v, ...) value_as_bool(VALUE_GET((v), __VA_ARGS__))
#define VALUE_STR(v, ...) value_str(VALUE_GET((v), __VA_ARGS__))

#define VALUE_COUNT_(...) VALUE_COUNT_PICK_(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define VALUE_COUNT_PICK_(a, b, c, d, e, f, g, h, n, ...) n
#define VALUE_PATH_(...) VALUE_PATH_EXPAND_(VALUE_COUNT_(__VA_ARGS__), __VA_ARGS__)
#define VALUE_PATH_EXPAND_(n, ...) VALUE_PATH_PASTE_(n, __VA_ARGS__)
#define VALUE_PATH_PASTE_(n, ...) ((const atom[]){VALUE_PATH_##n##_(__VA_ARGS__)})
#define VALUE_PATH_1_(a) ATOM_##a
#define VALUE_PATH_2_(a, ...) ATOM_##a, VALUE_PATH_1_(__VA_ARGS__)
#define VALUE_PATH_3_(a, ...) ATOM_##a, VALUE_PATH_2_(__VA_ARGS__)
#define VALUE_PATH_4_(a, ...) ATOM_##a, VALUE_PATH_3_(__VA_ARGS__)
#define VALUE_PATH_5_(a, ...) ATOM_##a, VALUE_PATH_4_(__VA_ARGS__)
#define VALUE_PATH_6_(a, ...) ATOM_##a, VALUE_PATH_5_(__VA_ARGS__)
#define VALUE_PATH_7_(a, ...) ATOM_##a, VALUE_PATH_6_(__VA_ARGS__)
#define VALUE_PATH_8_(a, ...) ATOM_##a, VALUE_PATH_7_(__VA_ARGS__)

#endif
