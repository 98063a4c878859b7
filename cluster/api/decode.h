/* SPDX-License-Identifier: Apache-2.0
 *
 * From a parsed document to a typed value: names and types are checked against the schema, unknown
 * fields are pruned (and refused or warned about), quantities and times are brought into their
 * canonical form, and fields that Go's omitempty would leave out are left out. What is already so
 * is returned as it is, the same word.
 *
 *     struct decode_options o = {.validation = request->field_validation};
 *     struct value status, warnings = VALUE_ABSENT;
 *     struct value pod = decode(resource->type, value_keep(request->body), &o, &status, &warnings);
 *     if (!value_is_present(pod))
 *         return status;                                           owned, code 400
 */
#ifndef CLUSTER_API_DECODE_H
#define CLUSTER_API_DECODE_H

#include "cluster/api/request.h"
#include "cluster/api/schema.h"

struct decode_options {
    enum field_validation validation;
    /* Paths of fields that the text had twice ("data.a"), as the parser found them; of YAML one
     * array of lines ("line 3: key "a" already set in map"); absent: none. */
    struct value duplicates;
    /* The document as it was written, in JSON, where what is told shall be in its order; absent:
     * duplicates first, then as the schema is walked. */
    struct value source;
};

/* Returns the typed value, owned; or absent, and then *ret_status is a BadRequest with Go's
 * message. `warnings` is an array that grows by `unknown field "x"` when validation is Warn; may be
 * NULL. */
struct value decode(const struct type_schema *type, struct value own_document,
                    const struct decode_options *options, struct value *ret_status,
                    struct value *warnings);

/* The body of a request for `r`: first its apiVersion and kind, where it has them, must be those of
 * the row. What is returned has both. */
struct value decode_object(const struct resource *r, struct value own_document,
                           const struct decode_options *options, struct value *ret_status,
                           struct value *warnings);

/* The same without a sentence around it, for a part of a document or a kind unknown to Go's scheme:
 * the bare message is put into `ret_message`. */
struct value decode_bare(const struct type_schema *type, struct value own_document,
                         const struct decode_options *options, struct text *ret_message,
                         struct value *warnings);

/* What is told of one of the duplicates; false: nothing, as the lines do not go into a header. */
bool decode_duplicate_text(struct value duplicate, enum field_validation validation,
                           struct text *out);

#endif
