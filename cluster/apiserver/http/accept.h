/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client wants to get: Accept negotiated as Kubernetes does it, and the media types of
 * bodies.
 *
 *     struct accepted a;
 *     if (!accept_negotiate(S("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
 *                           ACCEPT_OBJECT, &a))
 *         ... 406 ...
 *     a.form == FORM_TABLE, a.encoding == ENCODING_JSON
 *
 * Source: kubernetes.io/docs/reference/using-api/api-concepts/ ("Receiving resources as Tables",
 * "Alternate representations of resources").
 */
#ifndef CLUSTER_APISERVER_HTTP_ACCEPT_H
#define CLUSTER_APISERVER_HTTP_ACCEPT_H

#include "cluster/api/request.h"

enum encoding { ENCODING_JSON, ENCODING_YAML };
enum form {
    FORM_OBJECT,
    FORM_TABLE,
    FORM_PARTIAL,      /* PartialObjectMetadata */
    FORM_PARTIAL_LIST, /* PartialObjectMetadataList */
    FORM_DISCOVERY,    /* APIGroupDiscoveryList */
};
struct accepted {
    enum encoding encoding;
    enum form form;
    bool is_beta;   /* v1beta1 of meta.k8s.io */
    bool is_pretty; /* asked for by "pretty=1" within the media type */
};
enum accept_what {
    ACCEPT_OBJECT,
    ACCEPT_WATCH,
    ACCEPT_DISCOVERY, /* /api and /apis, which have the aggregated form */
    ACCEPT_PLAIN      /* other documents: no forms */
};
/* An empty header accepts everything. False: nothing that is served is accepted. *ret_bad_form: a
 * media type was known, but not the form asked for. */
bool accept_negotiate(struct str header, enum accept_what what, struct accepted *ret_accepted,
                      bool *ret_bad_form);

enum body_type { BODY_JSON, BODY_YAML, BODY_PROTOBUF, BODY_UNKNOWN };
/* Of create, update and delete; no header: JSON. */
enum body_type body_type_of(struct str content_type);
/* Of a patch; PATCH_NONE: unknown. */
enum patch_type patch_type_of(struct str content_type);
/* "gzip" is among the codings accepted. */
bool accepts_gzip(struct str accept_encoding);
/* The media type without parameters and blanks around it: "application/json". */
struct str media_type_of(struct str content_type);

#endif
