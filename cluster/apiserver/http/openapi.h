/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenAPI v3 from the schema table: an index of documents at /openapi/v3, and one document for each
 * group and version. What kubectl reads of them: the fields of kinds (explain), how lists are
 * merged
 * (strategic merge patches), and whether fieldValidation is known.
 *
 * Source: kubernetes.io/docs/concepts/overview/kubernetes-api/ ("OpenAPI V3").
 */
#ifndef CLUSTER_APISERVER_HTTP_OPENAPI_H
#define CLUSTER_APISERVER_HTTP_OPENAPI_H

#include "sim/base/text.h"

void openapi_index(struct text *out);
/* "apis/apps/v1" or "api/v1"; false: there is none. */
bool openapi_document(struct str path, struct text *out);

#endif
