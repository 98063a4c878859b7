/* SPDX-License-Identifier: Apache-2.0
 *
 * What the discovery of built-in kinds (documents.h) and of custom ones (custom_documents.h) have in
 * common: pieces of their JSON, appended to `out`.
 */
#ifndef CLUSTER_APISERVER_HTTP_DISCOVERY_PARTS_H
#define CLUSTER_APISERVER_HTTP_DISCOVERY_PARTS_H

#include "cluster/api/resource.h"
#include "sim/base/text.h"

/* A comma, unless this is the first one of its array or object; `out` is not empty. */
void discovery_separate(struct text *out);
/* Comma-separated words as an array, behind its name and a comma; nothing when there are none. */
void discovery_words(const char *name, const char *list, struct text *out);
/* ,"storageVersionHash": of the row that is stored. */
void discovery_storage_hash(const struct resource *stored, struct text *out);
/* "responseKind": of an aggregated document. */
void discovery_response_kind(struct str group, struct str version, struct str kind,
                             struct text *out);

#endif
