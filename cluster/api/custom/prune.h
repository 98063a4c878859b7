/* SPDX-License-Identifier: Apache-2.0
 *
 * What a structural schema does to an object before it is validated: fields that it does not know
 * are dropped, fields that are missing get their defaults, nulls where null is no value go.
 *
 *     struct value unknown = VALUE_ABSENT;
 *     object = schema_prune(kind->schema, object, &unknown);      unknown: ["spec.colour"]
 *     object = schema_default(kind->schema, object);
 *
 * What does not change stays the same word. apiVersion, kind and metadata of an object (and of an
 * embedded one) are no business of its schema.
 */
#ifndef CLUSTER_API_CUSTOM_PRUNE_H
#define CLUSTER_API_CUSTOM_PRUNE_H

#include "cluster/api/value.h"

/* Of a whole object. `unknown` gets the paths of what was dropped, appended to an owned array (or
 * made, when absent); NULL: nobody asks. */
struct value schema_prune(struct value schema, struct value own_object, struct value *unknown);
struct value schema_default(struct value schema, struct value own_value);
/* Metadata by the type of every object's: what that does not have goes, its path appended to
 * `unknown` (NULL: nobody asks). Absent: it is no metadata, as `ret_message` says. */
struct value metadata_prune(struct value metadata, struct str path, struct value *unknown,
                            struct text *ret_message);
/* The same of a part, such as a default: no field is exempt. */
struct value schema_prune_part(struct value schema, struct value own_value);

#endif
