/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON text to values and back, as Kubernetes' own codec (sigs.k8s.io/json) does it: integers stay
 * 64-bit integers, other numbers are doubles, invalid UTF-8 becomes U+FFFD, the last of duplicate
 * keys counts (and is reported). Writing is canonical: keys sorted by their bytes, Go's escapes and
 * number format.
 *
 *     AUTO(value) struct value v = VALUE_ABSENT;
 *     struct errmsg message;
 *     if (json_parse(text, NULL, &v, &message) != ERR_OK)
 *         return ...;                         "line 3, column 7: ..."
 *     json_write(v, &out);
 */
#ifndef CLUSTER_API_JSON_H
#define CLUSTER_API_JSON_H

#include "cluster/api/value.h"

#define JSON_DEPTH_MAX 1000
#define JSON_SIZE_MAX ((size_t)64 * 1024 * 1024)

struct json_limits {
    size_t size_max;  /* bytes; 0: JSON_SIZE_MAX */
    size_t depth_max; /* 0: JSON_DEPTH_MAX */
    /* Called for each key that appears again in its object, with the path as Kubernetes' strict
     * decoding has it: "spec.containers[0].name". NULL: nobody asks. */
    void (*duplicate_key)(void *owner, struct str path);
    void *owner;
    bool has_bare_messages; /* Go's message alone, without "line 1, column 2: " in front */
};

/* One value and nothing but blanks behind it. `limits` may be NULL. */
enum err json_parse(struct str text, const struct json_limits *limits, struct value *ret_value,
                    struct errmsg *message) MUST_CHECK;

/* Where the field with this path ("spec.containers[0].name") stands in a text that has been parsed,
 * at its n-th appearance; the end of the text when it does not. */
size_t json_place(struct str json, struct str path, unsigned nth);

void json_write(struct value v, struct text *out); /* compact; absent writes null */
void json_write_pretty(struct value v, unsigned indent,
                       struct text *out);               /* as kubectl -o json: 4 */
void json_write_string(struct str s, struct text *out); /* with its quotes */
void json_write_double(double d, struct text *out);

#endif
