/* SPDX-License-Identifier: Apache-2.0
 *
 * jq expressions on objects: whether the first result is neither false nor null.
 *
 * Conditions as most scenarios write them (expression.h) are answered by reading the value;
 * everything else goes through libjq.
 *
 *     struct jq_filter *f = jq_filter_new(S(".status.phase == \"Running\""), &message);
 *     if (jq_filter_holds(f, pod)) ...
 */
#ifndef SCENARIOS_ENGINE_JQ_H
#define SCENARIOS_ENGINE_JQ_H

#include "cluster/api/value.h"

struct jq_filter;
struct jq_filter *jq_filter_new(
    struct str expression, struct text *ret_why); /* NULL: does not compile; `why` may be NULL */
void jq_filter_free(struct jq_filter *f);
bool jq_filter_holds(struct jq_filter *f, struct value v);
bool jq_filter_is_simple(const struct jq_filter *f); /* answered without libjq */
bool jq_check(struct str expression, struct text *ret_why);

#endif
