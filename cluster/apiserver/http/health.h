/* SPDX-License-Identifier: Apache-2.0
 *
 * The health of an API server (/healthz, /livez, /readyz, each check of them) and the list of all
 * paths (/).
 *
 *     if (health_document(path, &reading.target, is_ready, &code, &body))
 *         ... text/plain ...
 *
 * Source: kubernetes.io/docs/reference/using-api/health-checks/
 */
#ifndef CLUSTER_APISERVER_HTTP_HEALTH_H
#define CLUSTER_APISERVER_HTTP_HEALTH_H

#include "cluster/api/custom/definition.h"
#include "cluster/apiserver/http/target.h"
#include "sim/base/text.h"

/* False: the path is none of these. */
bool health_document(struct str path, const struct target *target, bool is_ready, int *ret_code,
                     struct text *out);
/* The paths below "/", as JSON. */
void paths_document(const struct custom_catalog *catalog, struct text *out);

#endif
