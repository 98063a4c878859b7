/* SPDX-License-Identifier: Apache-2.0
 *
 * What a plain scalar of YAML 1.1 means.
 */
#ifndef CLUSTER_API_YAML_SCALAR_H
#define CLUSTER_API_YAML_SCALAR_H

#include "cluster/api/value.h"

/* Owned; a string when it means nothing else. False: infinity or not a number, which JSON has no
 * words for. */
bool yaml_scalar_value(struct str plain, struct value *ret_value);
/* Would it be read as something else than a string, or as a time? Then a writer quotes it. */
bool yaml_scalar_needs_quotes(struct str s);

#endif
