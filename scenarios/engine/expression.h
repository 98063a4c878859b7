/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of jq that conditions on objects are written in, evaluated in place: paths, literals,
 * comparisons, and, or, not, //, |, any, all, length, has. Each of these expressions has exactly
 * one result.
 *
 * The evaluation never guesses: where jq would report an error, or compares by rules of its own
 * (fractions, whole lists), it says EXPRESSION_UNDECIDED and jq itself must be asked.
 *
 *     struct expression *e = expression_new(S(".status.conditions | any(.type == \"Ready\")"));
 *     if (e && expression_holds(e, object) == EXPRESSION_HOLDS) ...
 *     expression_free(e);
 */
#ifndef SCENARIOS_ENGINE_EXPRESSION_H
#define SCENARIOS_ENGINE_EXPRESSION_H

#include "cluster/api/value.h"

enum expression_answer { EXPRESSION_FAILS, EXPRESSION_HOLDS, EXPRESSION_UNDECIDED };

struct expression;
struct expression *expression_new(struct str text); /* NULL: more than this part of jq */
void expression_free(struct expression *e);
/* Holds: the result is neither false nor null. */
enum expression_answer expression_holds(const struct expression *e, struct value input);

#endif
