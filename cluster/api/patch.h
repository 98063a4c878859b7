/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON patch (RFC 6902) and JSON merge patch (RFC 7386) on values. Strategic merge patch:
 * strategic.h.
 *
 *     struct value next;
 *     switch (json_patch_apply(value_keep(object), patch, &next, &why)) ...
 */
#ifndef CLUSTER_API_PATCH_H
#define CLUSTER_API_PATCH_H

#include "cluster/api/value.h"

#define JSON_PATCH_OPERATIONS_MAX 10000
#define JSON_PATCH_COPY_BYTES_MAX (3 * 1024 * 1024)

/* Also what the API server answers with. */
enum patch_result {
    PATCH_APPLIED,
    PATCH_MALFORMED = 400, /* no array of operations */
    PATCH_TOO_LARGE = 413, /* too many operations */
    PATCH_FAILED = 422     /* an operation does not apply */
};
/* The original is consumed; *ret_value is set, owned, when PATCH_APPLIED. `why` gets the API
 * server's words. */
enum patch_result json_patch_apply(struct value own_original, struct value patch,
                                   struct value *ret_value, struct text *why) MUST_CHECK;

/* Null removes; anything but an object replaces. What does not change stays the same word. */
struct value merge_patch_apply(struct value own_original, struct value patch);
/* The patch that leads from one to the other; {} when they are equal. Owned. */
struct value merge_patch_make(struct value from, struct value to);

#endif
