/* SPDX-License-Identifier: Apache-2.0
 *
 * Types that decode themselves: quantities, times, durations, int-or-string, base64. Private to
 * decode.c.
 */
#ifndef CLUSTER_API_DECODE_SCALAR_H
#define CLUSTER_API_DECODE_SCALAR_H

#include "cluster/api/schema.h"

/* `v` is borrowed; the canonical value is returned owned (the same word when it was so). A
 * non-empty `error` says that the type refuses it; what is returned then is absent. */
struct value decode_scalar(enum schema_kind kind, struct value v, struct text *error);
const char *json_kind_text(struct value v); /* "string", "number", "bool", "array", "object" */
/* The name in Go of a field's element: "int32", "v1.PodSpec", "resource.Quantity". */
void go_type_text(const struct field_schema *f, struct text *out);

#endif
