/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as Go's fmt prints them in messages: %v is map[a:1 b:[x y]], %#v is Go source.
 */
#ifndef CLUSTER_API_GO_TEXT_H
#define CLUSTER_API_GO_TEXT_H

#include "cluster/api/value.h"

void go_text(struct value v, struct text *out);   /* %v of what JSON becomes in Go */
void go_source(struct value v, struct text *out); /* %#v */
/* "string", "int64", "float64", "bool", "slice", "map": its kind in reflection; "invalid" for
 * null. */
const char *go_kind(struct value v);
const char *go_type(struct value v); /* the same as a type: "[]interface {}"; "<nil>" for null */

#endif
