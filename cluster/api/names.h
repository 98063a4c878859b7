/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules for names, label keys and values, with Kubernetes' texts. Each returns NULL when `s`
 * obeys and otherwise the text of the first rule that it breaks (a constant).
 *
 *     const char *why = name_dns_label(name);
 *     if (why != NULL)
 *         field_error_at(errors, FIELD_INVALID, path, value, "%s", why);
 *
 * Source: kubernetes.io/docs/concepts/overview/working-with-objects/names/
 */
#ifndef CLUSTER_API_NAMES_H
#define CLUSTER_API_NAMES_H

#include "sim/base/base.h"

typedef const char *(*name_rule_fn)(struct str s);

const char *name_dns_subdomain(struct str s); /* RFC 1123, 253 */
const char *name_dns_label(struct str s);     /* RFC 1123, 63 */
const char *name_dns_1035_label(struct str s);
const char *name_path_segment(struct str s);
const char *name_qualified(struct str s); /* [prefix/]name: keys of labels, finalizers, resources */
const char *name_label_key(struct str s);
const char *name_label_value(struct str s);
const char *name_port(struct str s); /* IANA service name */
const char *name_environment_variable(struct str s);
const char *name_config_key(struct str s); /* of a ConfigMap or Secret */
const char *name_wildcard_domain(struct str s);
const char *number_port(int64_t n); /* 1..65535 */

#endif
