/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client wants to get: Accept negotiated as Kubernetes does it, and the media types of
 * bodies.
 *
 *     struct accepted a;
 *     if (accept_negotiate(S("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
 *                          ACCEPT_LIST, false, &a) != ACCEPTED)
 *         ... 406: accept_refusal ...
 *     a.form == FORM_TABLE, a.encoding == ENCODING_JSON
 *
 * Source: kubernetes.io/docs/reference/using-api/api-concepts/ ("Receiving resources as Tables",
 * "Alternate representations of resources").
 */
#ifndef CLUSTER_APISERVER_HTTP_ACCEPT_H
#define CLUSTER_APISERVER_HTTP_ACCEPT_H

#include "cluster/api/request.h"

enum encoding { ENCODING_JSON, ENCODING_YAML, ENCODING_PROTOBUF };
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
    ACCEPT_LIST,
    ACCEPT_WATCH,
    ACCEPT_DISCOVERY,  /* groups and versions */
    ACCEPT_AGGREGATED, /* /api and /apis, which have the aggregated form as well */
    ACCEPT_ERROR,      /* a Status: whatever form is asked for, none will do */
    ACCEPT_PLAIN       /* other documents: no forms */
};
enum accept_result {
    ACCEPTED,
    ACCEPT_NO_TYPE, /* no media type that is served: the route itself refuses */
    ACCEPT_NO_FORM  /* a media type is, but not as it is asked for */
};
/* An empty header accepts everything. `is_custom`: a custom resource has no protobuf. */
enum accept_result accept_negotiate(struct str header, enum accept_what what, bool is_custom,
                                    struct accepted *ret_accepted);
/* The first of the names that a clause of the header asks for, as documents without forms are
 * negotiated; `count`: none. */
size_t accept_choose(struct str header, const struct str *names, size_t count);
struct str encoding_media_type(enum encoding e);
/* The refusal: a Status, owned. */
struct value accept_refusal(enum accept_result result, enum accept_what what);

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
