/* SPDX-License-Identifier: Apache-2.0
 *
 * What an API server answers on paths that are no resources: its version, the discovery documents
 * (which groups, versions and resources there are), its health.
 *
 *     struct document d = {0};
 *     if (!document_find(&reading, &facts, &d))
 *         ... "404 page not found" ...
 *     ... d.content_type, d.body ...
 *     document_release(&d);
 *
 * Source: kubernetes.io/docs/concepts/overview/kubernetes-api/ ("Discovery API") and
 * kubernetes.io/docs/reference/using-api/health-checks/
 */
#ifndef CLUSTER_APISERVER_HTTP_DOCUMENTS_H
#define CLUSTER_APISERVER_HTTP_DOCUMENTS_H

#include "cluster/apiserver/http/openapi/openapi.h"
#include "cluster/apiserver/http/reader.h"
#include "cluster/keys/keys.h"

/* What is true of the server at this moment. */
struct document_facts {
    struct str address; /* "127.0.0.1:6443" */
    struct instant now;
    struct wall_time wall;
    struct value served; /* the API server's answer: a text, or whether it is ready */
    const struct custom_catalog *catalog; /* of the API server that was asked; NULL: none */
    const struct keys *keys; /* NULL: tokens cannot be checked by others */
    struct str accept; /* the header */
    struct openapi *openapi;
    struct protobuf_writer *writer;
};
struct document {
    int code;
    struct str content_type;
    struct text body;
    struct str cache_control;
    struct text etag;     /* empty: none */
    struct text location; /* of a redirection */
    bool varies;          /* by Accept */
    bool expires;         /* in a year */
    bool is_compressed;   /* for those who accept it, and then it varies by that, too */
    bool is_sniffable;
    int64_t modified_s; /* in Unix time; 0: not said */
};
bool document_find(const struct reading *reading, const struct document_facts *facts,
                   struct document *ret_document);
void document_release(struct document *d);
/* openid.c: who issues tokens, and the keys to check them with. False: another path. */
bool openid_document(struct str path, const struct document_facts *facts, struct document *d);


#endif
