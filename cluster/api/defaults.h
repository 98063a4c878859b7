/* SPDX-License-Identifier: Apache-2.0
 *
 * The values that the API server fills in when it decodes an object: on create, on update, and
 * (here: once, before storing) on reading. Admission, allocation (cluster IPs, ports) and the
 * strategies come later in the pipeline.
 *
 *     object = default_object(resource, object, VALUE_ABSENT);
 *
 * What lacks nothing is returned as it is, the same word; parts that are the very ones of `old`,
 * which has its defaults, are not looked at.
 */
#ifndef CLUSTER_API_DEFAULTS_H
#define CLUSTER_API_DEFAULTS_H

#include "cluster/api/resource.h"
#include "cluster/api/value.h"

/* `object` is typed (decode.h). `old` is the stored object of an update; absent on create. */
struct value default_object(const struct resource *r, struct value own_object, struct value old);

/* Fields of a pod's spec (or a template's), without what only a Pod gets. */
struct value default_pod_spec(struct value own_spec);

#endif
