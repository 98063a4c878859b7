/* SPDX-License-Identifier: Apache-2.0
 *
 * resource.Quantity: fixed-point numbers with a suffix ("100m", "1.5Gi", "1e3"), in values as text
 * in canonical form. Reading rounds up, as Kubernetes does (Value(), MilliValue()), and stops at
 * the limits of int64.
 *
 *     int64_t cpu_milli = quantity_milli(VALUE_GET(resources, requests, cpu));
 */
#ifndef CLUSTER_API_QUANTITY_H
#define CLUSTER_API_QUANTITY_H

#include "cluster/api/value.h"

/* The canonical form of what is written: "1000m" -> "1", "0.5" -> "500m", "1024Mi" -> "1Gi"; false
 * when it is no quantity. */
bool quantity_canonical(struct str written, struct text *out);
/* NULL when it is a quantity, else Kubernetes' error text. */
const char *quantity_check(struct str written);
int64_t quantity_milli(struct value v); /* 0 when absent or no quantity; numbers are accepted */
int64_t quantity_value(struct value v); /* whole units */
int quantity_compare(struct value a, struct value b); /* exact; absent is zero */
struct value quantity_sum(struct value a,
                          struct value b); /* owned; the format of a, or of b when a is absent */
struct value quantity_difference(struct value a, struct value b);
/* Owned, canonical text: 1500 -> "1500m", 2000 -> "2"; bytes in binary units: 1073741824 -> "1Gi".
 * */
struct value quantity_of_milli(int64_t milli);
struct value quantity_of_binary(int64_t bytes);

#endif
