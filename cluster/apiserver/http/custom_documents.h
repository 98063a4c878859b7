/* SPDX-License-Identifier: Apache-2.0
 *
 * Discovery of custom kinds: their parts of the documents that documents.c makes of the constant
 * rows. Each appends elements to a JSON array that is open, with the comma they need.
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/customresource_discovery_controller.go.
 */
#ifndef CLUSTER_APISERVER_HTTP_CUSTOM_DOCUMENTS_H
#define CLUSTER_APISERVER_HTTP_CUSTOM_DOCUMENTS_H

#include "cluster/api/custom/definition.h"
#include "sim/base/text.h"

/* Elements of an APIGroupList; groups by name, as their APIServices have one priority. */
void custom_group_list(const struct custom_catalog *c, struct text *out);
/* Elements of an APIGroupDiscoveryList. */
void custom_aggregated(const struct custom_catalog *c, struct text *out);
/* Whole documents; false: no such group or version is served. */
bool custom_group_document(const struct custom_catalog *c, struct str group, struct text *out);
bool custom_resource_list(const struct custom_catalog *c, struct str group, struct str version,
                          struct text *out);

/* The versions of a group that is served, best first; each once. Texts live as long as the
 * catalogue. Returns how many, at most `most`. */
size_t custom_versions(const struct custom_catalog *c, struct str group, struct str *ret_versions,
                       size_t most);
#define CUSTOM_VERSIONS_MAX 64

#endif
