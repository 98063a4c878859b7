/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps metadata.managedFields: what a request has changed belongs to its manager, whom the option
 * fieldManager names, or else its user agent up to the first slash.
 *
 * The comparison is between what is stored and what the client sends, defaulted and in the version
 * of the request, before admission and the strategies: what these fill in is nobody's.
 */
#ifndef CLUSTER_APISERVER_FIELD_MANAGER_H
#define CLUSTER_APISERVER_FIELD_MANAGER_H

#include "cluster/apiserver/server.h"

/* Both objects as the request's version shows them; `live` absent: a create. Consumes the new one.
 * */
struct value field_manager_update(struct call *c, struct step *step, struct value live,
                                  struct value own_new);
/* A server-side apply onto `live`, borrowed; absent: there is nothing yet. Returns the object as
 * the request's version shows it, decoded; or absent, and the status. */
struct value field_manager_apply(struct call *c, struct step *step, struct value live,
                                 struct value *ret_status);

/* A Scale as its managers see it, to be written with the functions above: those of its parent's
 * replicas. Consumes the scale. */
struct value field_manager_scale(struct call *c, struct value parent, struct value own_scale);
/* The parent with the managers that its replicas have after its scale was written. Consumes it. */
struct value field_manager_scaled(struct call *c, struct value own_parent, struct value scale);

/* What the server itself writes while it serves another request: an address, a quota's use. Live
 * absent: a create. Consumes the new one. */
struct value field_manager_own(struct apiserver *s, struct step *step, const struct resource *r,
                               enum subresource subresource, struct value live,
                               struct value own_new);

/* What a request that is only answered, never stored, says of its managers. Consumes. */
struct value field_manager_answer(struct call *c, struct step *step, struct value own_object);

#endif
