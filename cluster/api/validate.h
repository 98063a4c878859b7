/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether an object may be stored: the API server's validation of names, metadata, specs and what
 * may change. Objects are typed (decode.h), have their defaults (defaults.h) and have passed
 * mutating admission.
 *
 *     struct field_errors errors = {0};
 *     validate_update(resource, new, old, &errors);
 *     if (errors.count > 0)
 *         status = status_invalid(resource, name, &errors);
 *     field_errors_release(&errors);
 *
 * Parts of `new` that are the very parts of `old` (the same word) are known to be good and cost
 * nothing.
 */
#ifndef CLUSTER_API_VALIDATE_H
#define CLUSTER_API_VALIDATE_H

#include "cluster/api/resource.h"
#include "cluster/api/status.h"
#include "cluster/api/value.h"

void validate_create(const struct resource *r, struct value object, struct field_errors *errors);
void validate_update(const struct resource *r, struct value new, struct value old,
                     struct field_errors *errors);
/* The status subresource: metadata, and the status against the old one. */
void validate_status_update(const struct resource *r, struct value new, struct value old,
                            struct field_errors *errors);
/* The status and approval subresources of a CertificateSigningRequest. */
enum certificate_update { CERTIFICATE_STATUS, CERTIFICATE_APPROVAL };
void validate_certificate_request_update(struct value new, struct value old,
                                         enum certificate_update update,
                                         struct field_errors *errors);
/* clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy of a service together: before addresses are
 * taken for it. */
void validate_service_addresses(struct value service, struct field_errors *errors);
/* A new event of events.k8s.io, as stored, instead of validate_create: what the old kind had and the
 * new one has not is unset. */
void validate_new_event(struct value event, struct field_errors *errors);
/* The resize and ephemeralcontainers subresources of a pod. */
void validate_pod_resize(struct value new, struct value old, struct field_errors *errors);
void validate_pod_ephemeral_containers(struct value new, struct value old,
                                       struct field_errors *errors);

/* Headers `Warning: 299 - "..."` for what is valid but unwise: appended to an owned array of texts
 * (absent: none). */
struct value validate_warnings(const struct resource *r, struct value object,
                               struct value own_warnings);

#endif
