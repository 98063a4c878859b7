/* SPDX-License-Identifier: Apache-2.0
 *
 * What a writer of a definition or of a custom object is told though it is stored: formats that
 * nothing checks, finalizers whose names may collide.
 *
 *     c->warnings = definition_warnings(new, old, c->warnings);
 */
#ifndef CLUSTER_API_CUSTOM_WARNINGS_H
#define CLUSTER_API_CUSTOM_WARNINGS_H

#include "cluster/api/value.h"

/* `old` absent: a creation. What the old one had already is not told again. */
struct value definition_warnings(struct value new, struct value old, struct value own_warnings);
struct value finalizer_warnings(struct value new, struct value old, struct value own_warnings);

#endif
