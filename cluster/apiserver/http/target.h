/* SPDX-License-Identifier: Apache-2.0
 *
 * The target of an HTTP request taken apart, as Kubernetes' RequestInfo does it: which resource, in
 * which namespace, which object, which subresource; or a path that is no resource ("/version"). And
 * the query, decoded.
 *
 *     struct target t;
 *     if (!target_parse(S("/api/v1/namespaces/default/pods/web?pretty=true"), &arena, &t))
 *         ... 400 ...
 *     t.kind == TARGET_RESOURCE, t.version "v1", t.plural "pods", t.namespace "default", t.name
 *     "web"
 *     struct str pretty = target_option(&t, "pretty");
 *
 * All texts live as long as the arena.
 *
 * Source: kubernetes.io/docs/reference/using-api/api-concepts/ ("Resource URIs").
 */
#ifndef CLUSTER_APISERVER_HTTP_TARGET_H
#define CLUSTER_APISERVER_HTTP_TARGET_H

#include "sim/base/arena.h"
#include "sim/base/base.h"
#include "sim/base/text.h"

#define TARGET_SIZE_MAX 32768
#define TARGET_OPTIONS_MAX 400 /* a connection that asks with more is closed */

enum target_kind { TARGET_PATH, TARGET_RESOURCE };

struct option {
    struct str name, value;
};
struct target {
    enum target_kind kind;
    struct str path; /* decoded, without the query */
    struct str group, version, namespace, plural, name;
    struct str subresource; /* all that follows the name: "status", "proxy/metrics" */
    bool is_legacy_watch;   /* "/api/v1/watch/pods" */
    struct option *options; /* in the order of the query */
    size_t option_count;
};

/* False when the target is no URL: bad escapes, no leading slash, too long. */
bool target_parse(struct str target, struct arena *arena, struct target *ret_target);
/* A text with its percent signs resolved; false: one has no two digits behind it. */
bool target_unescape(struct str s, struct text *out);
/* The first value of an option; empty when it is not there (or is empty). */
struct str target_option(const struct target *t, const char *name);
bool target_has_option(const struct target *t, const char *name);

#endif
