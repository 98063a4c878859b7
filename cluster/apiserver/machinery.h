/* SPDX-License-Identifier: Apache-2.0
 *
 * What the pipeline asks of the object model (cluster/api), in the pipeline's words: selectors,
 * versions, decoding, defaults, patches, validation. Nothing here has state.
 */
#ifndef CLUSTER_APISERVER_MACHINERY_H
#define CLUSTER_APISERVER_MACHINERY_H

#include "cluster/api/request.h"
#include "cluster/api/status.h"

/* ---- field selectors: terms "path=value" and "path!=value", all of which must hold ---- */

struct custom_kind;
struct field_selector;
/* NULL and *ret_status set (400) when the text is malformed or the kind does not have such a field.
 * */
struct field_selector *field_selector_new(const struct resource *r, struct str text,
                                          struct value *ret_status);
void field_selector_free(struct field_selector *f);
bool field_selector_matches(const struct field_selector *f, struct value object);
/* The value that a path must have exactly, when the selector says so. */
bool field_selector_requires(const struct field_selector *f, const char *path,
                             struct str *ret_value);

/* ---- versions: the same stored object seen as another row ---- */

/* Consumes; returns the object as `to` shows it. The same row, or one of the same shape, changes
 * apiVersion and kind only. */
struct value version_convert(struct value own_object, const struct resource *from,
                             const struct resource *to);

/* Of horizontal pod autoscalers (version_autoscaler.c). Both consume. */
struct value autoscaler_to_v1(struct value own_object);
struct value autoscaler_to_v2(struct value own_object);

/* A copy that says another resourceVersion. */
struct value object_with_version(struct value own_object, int64_t revision);

/* A patch of the request over the object as its version shows it. Consumes the object; absent and
 * *ret_status when refused. */
struct value patch_object(const struct request *r, const struct custom_kind *kind,
                          struct value own_object,
                          struct value *ret_status, struct value *warnings);

/* What is wrong with the options of a create, update or patch (owned); absent: nothing. */
struct value write_options_refusal(const struct request *r);

/* What etcd's client in an API server says of a write whose uid is not the stored object's (empty:
 * there is none). */
void uid_conflict_text(const struct object_key *key, struct str wanted, struct str stored,
                       struct text *out);

/* Invalid, of a kind of options: `ListOptions.meta.k8s.io "" is invalid: ...`. */
struct value status_options_invalid(const char *kind, const struct field_errors *errors);

#endif
