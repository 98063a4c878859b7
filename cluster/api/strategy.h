/* SPDX-License-Identifier: Apache-2.0
 *
 * What the registry of a kind does to an object before it is validated: on create the status is
 * dropped and the generation starts; on update the parts that another endpoint owns are put back,
 * and the generation counts changes. Which kind does what: the column `strategy` of resource.h.
 *
 *     object = strategy_prepare_create(resource, object);             before validate_create
 *     next = strategy_prepare_update(resource, next, old);            before validate_update
 *
 * Upstream: pkg/registry/<group>/<kind>/strategy.go.
 */
#ifndef CLUSTER_API_STRATEGY_H
#define CLUSTER_API_STRATEGY_H

#include "cluster/api/resource.h"
#include "cluster/api/value.h"

struct value strategy_prepare_create(const struct resource *r, struct value own_object);
/* AppArmor profiles of a new pod that are annotations become fields; who needs that is warned. */
#define APPARMOR_NAME_MAX 4095
struct value strategy_fill_apparmor(struct value own_pod, struct value *warnings);
/* PUT or PATCH of the object itself: status is old's (for kinds that have the subresource),
 * generation grows when object_spec_changed. */
struct value strategy_prepare_update(const struct resource *r, struct value own_new,
                                     struct value old);
/* PUT or PATCH of the status: everything is old's but status and what metadata may change. */
struct value strategy_prepare_status_update(const struct resource *r, struct value own_new,
                                            struct value old);
/* How often the template of a daemon set has changed: a field of the internal form, an annotation of
 * apps/v1. */
#define DAEMON_SET_TEMPLATE_GENERATION "deprecated.daemonset.template.generation"
/* True when the change is one that metadata.generation counts. */
bool object_spec_changed(const struct resource *r, struct value old, struct value new);

#endif
