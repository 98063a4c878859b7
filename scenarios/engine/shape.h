/* SPDX-License-Identifier: Apache-2.0
 *
 * What a scenario file may contain, as data: a shape says of each key its type, whether it must be
 * there and what it is for. One checker walks a document along its shape and answers the first
 * mistake with its place and what was expected; whoever runs the document then reads values whose
 * types are known good. The reference pages come from the same tables.
 *
 *     static const struct shape_field fields[] = {
 *         {"replicas", &shape_integer, .required = true, .help = "how many"},
 *     };
 *     static const struct shape shape = {
 *         .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};
 */
#ifndef SCENARIOS_ENGINE_SHAPE_H
#define SCENARIOS_ENGINE_SHAPE_H

#include "cluster/api/value.h"
#include "scenarios/engine/document.h"

enum shape_kind {
    SHAPE_ANY,
    SHAPE_STRING,
    SHAPE_INTEGER,
    SHAPE_BOOL,
    SHAPE_DURATION, /* Go's notation; a bare 0 too */
    SHAPE_TIME,     /* RFC 3339 */
    SHAPE_SCALAR,   /* string, integer or bool */
    SHAPE_ENUM,     /* one of .choices */
    SHAPE_OBJECT,   /* .fields, no others */
    SHAPE_ONE_OF,   /* an object with exactly one of .fields */
    SHAPE_LIST,     /* of .item */
    SHAPE_MAP,      /* any keys; values of .item */
    SHAPE_RESOURCE, /* an object with a known apiVersion and kind */
    SHAPE_JQ,       /* an expression that compiles */
    SHAPE_SELECTOR, /* a label selector as text */
};
struct shape;
struct shape_field {
    const char *name;
    const struct shape *shape;
    bool required;
    const char *help;
};
struct shape {
    enum shape_kind kind;
    const struct shape_field *fields;
    size_t field_count;
    const struct shape *item;
    const char *const *choices; /* up to a NULL */
    /* Optional: what the type alone does not say; writes what was expected. `at` is the key that is
     * wrong, or "". */
    bool (*holds)(struct value v, struct text *expected, struct text *at);
    const struct shape *more; /* OBJECT: its fields are allowed too */
    /* Further fields, from a table elsewhere (steps, faults): row i, false beyond the last. */
    bool (*row)(size_t i, struct shape_field *ret_field);
};
extern const struct shape shape_any, shape_string, shape_integer, shape_count, shape_bool,
    shape_duration, shape_time, shape_scalar, shape_strings, shape_labels, shape_resource, shape_jq,
    shape_selector;

/* Checks `v`, which stands at `path` ("" is the root) of the document. */
enum err shape_check(const struct shape *shape, struct value v, const struct document *d,
                     struct str path, struct errmsg *message) MUST_CHECK;
/* Field i of an object's shape, `more` and rows included; false beyond the last. */
bool shape_field_at(const struct shape *shape, size_t i, struct shape_field *ret_field);
/* "file:line:column: spec.steps[0].try[1]: <what>". */
enum err place_error(const struct document *d, struct str path, enum err code,
                     struct errmsg *message, const char *format, ...) PRINTF_LIKE(5, 6);

/* The candidate nearest to `word`, or NULL when none is near: for "did you mean". */
const char *nearest_word(struct str word, const char *const *candidates, size_t count);

/* The duration at a key of a checked object; `otherwise` when absent. */
struct duration value_duration(struct value object, struct str key, struct duration otherwise);

#endif
