/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as bytes and back, exactly: what JSON would lose (absent beside null, 3.0 beside 3) stays.
 * For journals.
 *
 *     value_binary_write(v, &out);
 *     struct unpack u = {text_str(&out), false};
 *     AUTO(value) struct value again = value_binary_read(&u);       u.is_bad: damaged, then absent
 */
#ifndef CLUSTER_API_VALUE_BINARY_H
#define CLUSTER_API_VALUE_BINARY_H

#include "cluster/api/value.h"
#include "sim/base/pack.h"

void value_binary_write(struct value v, struct text *out);
struct value value_binary_read(struct unpack *u); /* owned */

#endif
