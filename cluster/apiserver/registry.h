/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage: how each verb changes what etcd has. The generic registry does what all kinds have in
 * common; the few kinds and subresources with rules of their own have files of their own
 * (registry_*.c).
 *
 * A write starts from the object in the watch cache, as the real GuaranteedUpdate does, and is a
 * compare-and-swap on its revision. When that fails, or when the attempt itself fails on a copy
 * that may be old, etcd is asked and the write tried again.
 */
#ifndef CLUSTER_APISERVER_REGISTRY_H
#define CLUSTER_APISERVER_REGISTRY_H

#include "cluster/apiserver/server.h"

void registry_get(struct call *c, struct step *step);
void registry_create(struct call *c, struct step *step);
void registry_update(struct call *c, struct step *step);
void registry_delete(struct call *c, struct step *step);
void registry_delete_collection(struct call *c, struct step *step);
/* A Status if what is there is not what the preconditions say ("": none); else absent. */
struct value precondition_conflict(const struct call *c, struct str uid, struct str version);

/* An object as the version that was asked for shows it. Consumes. */
struct value registry_show(const struct call *c, struct value own_object);
/* Ends the call with an object in the version that was asked for. */
void registry_answer_object(struct call *c, struct step *step, int code, struct value own_object);

/* Reads c->key into c->existing from etcd and goes on. */
void registry_fetch(struct call *c, struct step *step, call_fn then);
/* c->existing from the cache, or from etcd when it is not there, and goes on. */
void registry_load(struct call *c, struct step *step, call_fn then);
/* On an error of a try that began with a cached copy: reads etcd's and tries again, true. */
bool registry_try_again(struct call *c, struct step *step, struct value own_status, call_fn again);
/* Writes c->object over c->existing. `done` hears of success with the stored version; a lost race
 * tries `again`. */
void registry_put(struct call *c, struct step *step, call_etcd_fn done, call_fn again);
/* The body in storage form: decoded, defaulted, converted. False: refused. */
bool registry_decode(struct call *c, struct step *step, struct value *ret_object);

/* ---- shared by create and update ---- */

static inline bool request_is_apply(const struct request *r)
{
    return r->verb == VERB_PATCH && r->patch_type == PATCH_APPLY;
}
struct value registry_to_storage(const struct call *c, struct value own_object);
/* The row that says how the kind's registry treats its objects. */
const struct resource *registry_strategy_row(const struct call *c);
/* Do the names in the object agree with the URL's? False: refused. */
bool registry_identity_check(struct call *c, struct step *step, struct value object);
/* An object that names no namespace has the request's. */
struct value registry_namespace_fill(const struct call *c, struct value object);
/* From the object as the request's version has it, defaulted. */
void registry_create_object(struct call *c, struct step *step, struct value own_object);
/* Reservations are given back only when it is sure that nothing was written. */
void registry_store_failed(struct call *c, struct step *step, const struct etcd_response *r);
void registry_update_try(struct call *c, struct step *step); /* over c->existing */

/* metadata of a new object: uid, creationTimestamp, name. */
struct value registry_fill_system(struct call *c, struct step *step, struct value own_object);
struct value uid_make(struct step *step); /* a UUIDv4 */

/* Subresources and virtual resources. */
void pod_bind(struct call *c, struct step *step);
void pod_evict(struct call *c, struct step *step);
void scale_get(struct call *c, struct step *step);
void scale_update(struct call *c, struct step *step);
/* A CertificateSigningRequest says who asks, whatever its sender wrote there. */
struct value csr_name_requester(struct call *c, struct value own_object);
struct value csr_prepare_update(struct call *c, struct step *step, struct value own_new,
                                struct value old);
bool component_status_answer(struct call *c, struct step *step); /* false: another resource */
bool review_answer(struct call *c,
                   struct step *step); /* tokenreviews and their kin; false: another resource */
void token_request(struct call *c, struct step *step);
/* Cluster addresses and ports of a service; `then` goes on with c->object filled in, or the call is
 * refused. */
void service_allocate(struct call *c, struct step *step, call_fn then);
void service_release_reservations(struct call *c, struct step *step); /* the write has failed */
void service_allocation_free(struct call *c); /* forgets them: they are the service's now */
/* After a write: what the old one had and the new one (absent: deleted) has not is given back. */
void service_changed(struct apiserver *s, struct step *step, struct value old, struct value new);
void service_address_text(struct apiserver *s, uint32_t offset,
                          struct text *out); /* of the service range */
/* Says how big the value of a write is that came from outside: the store takes 1.5 MiB at most. */
void registry_measure(const struct call *c, struct etcd_request *r);
/* Charges the quotas of the namespace for c->object and goes on, or refuses. */
void quota_charge(struct call *c, struct step *step, call_fn then);

/* ---- deletion, pure ---- */

enum deletion_step {
    DELETE_NOW,      /* remove it */
    DELETE_MARK,     /* write the marked object; it stays */
    DELETE_MARK_NOW, /* write the marked object, then remove it: grace 0 */
    DELETE_PENDING   /* being deleted already: nothing changes */
};
struct deletion_request {
    int64_t grace_period_seconds; /* -1: unset */
    enum propagation propagation;
    struct wall_time now;
};
enum deletion_step deletion_plan(
    const struct resource *r, struct value object, const struct deletion_request *d,
    struct value *ret_object /* owned; what to write, for DELETE_MARK* */);

#endif
