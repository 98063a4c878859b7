/* SPDX-License-Identifier: Apache-2.0
 *
 * The stages of a write for objects of custom kinds: decoded (names of fields, metadata), pruned
 * and defaulted by their schema, validated. The counterparts for built-in kinds are decode.h,
 * defaults.h, validate.h.
 *
 *     struct value o = custom_decode(kind, value_keep(body), &options, &status, &warnings);
 *     if (!value_is_present(o))
 *         return status;                                   owned, code 400
 *     custom_validate(kind, o, VALUE_ABSENT, false, &errors);
 *
 * Scale: autoscaling/v1 Scale over the paths that the definition names.
 */
#ifndef CLUSTER_API_CUSTOM_OBJECT_H
#define CLUSTER_API_CUSTOM_OBJECT_H

#include "cluster/api/custom/definition.h"
#include "cluster/api/decode.h"
#include "cluster/api/status.h"

/* The body of a request, in the version that was asked for: pruned and with its defaults. */
struct value custom_decode(const struct custom_kind *k, struct value own_document,
                           const struct decode_options *options, struct value *ret_status,
                           struct value *warnings);
/* The same of an object that a patch has made: its kind is known. */
struct value custom_decode_patched(const struct custom_kind *k, struct value own_object,
                                   const struct decode_options *options, struct value *ret_status,
                                   struct value *warnings);

/* `old` absent: a creation; `is_status`: a write of the status. In the version that was asked
 * for. */
void custom_validate(const struct custom_kind *k, struct value object, struct value old,
                     bool is_status, struct field_errors *errors);

/* ---- scale ---- */

struct value custom_scale(const struct custom_kind *k, struct value object); /* owned */
/* The object with so many replicas wished for. Consumes. */
struct value custom_scale_set(const struct custom_kind *k, struct value own_object,
                              int64_t replicas);

#endif
