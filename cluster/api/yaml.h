/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML text to values and back, as kubectl does it (sigs.k8s.io/yaml: YAML 1.1, then JSON): yes,
 * no, on, off are booleans, 0777 and 0x1f are numbers, timestamps stay texts, 1e3 is the integer
 * 1000. Writing is kubectl's -o yaml: block style, keys in go-yaml's order (a2 before a10).
 *
 *     struct yaml_stream s = {0};
 *     if (yaml_parse(text, NULL, &s, &message) != ERR_OK)
 *         return ...;                          "line 3, column 7: did not find expected key"
 *     for (size_t i = 0; i < s.count; i++)
 *         use(s.items[i].value);
 *     yaml_place(&s.items[0], S("spec.steps[0].wait"), &line, &column);
 *     yaml_stream_release(&s);
 */
#ifndef CLUSTER_API_YAML_H
#define CLUSTER_API_YAML_H

#include "cluster/api/value.h"

#define YAML_DEPTH_MAX 500
#define YAML_SIZE_MAX ((size_t)64 * 1024 * 1024)
#define YAML_EXPANDED_NODES_MAX 1000000 /* with aliases written out */

struct yaml_limits {
    size_t size_max, depth_max; /* 0: the defaults */
    /* Called for each key that its mapping has already. NULL: nobody asks; the last one counts
     * either way. */
    void (*duplicate_key)(void *owner, struct str path, struct str key, size_t line, size_t column);
    void *owner;
};
struct yaml_places;
struct yaml_document {
    struct value value;         /* owned by the stream */
    size_t line;                /* where it starts, from 1 */
    struct yaml_places *places; /* private to yaml.c */
};
struct arena;
struct yaml_stream {
    struct yaml_document *items; /* empty documents are left out */
    size_t count, capacity;
    struct arena *keys; /* private to yaml.c */
};
enum err yaml_parse(struct str text, const struct yaml_limits *limits,
                    struct yaml_stream *ret_stream, struct errmsg *message) MUST_CHECK;
/* One document, at most; none is null. */
enum err yaml_parse_one(struct str text, struct value *ret_value,
                        struct errmsg *message) MUST_CHECK;
enum err yaml_parse_one_within(struct str text, const struct yaml_limits *limits,
                               struct value *ret_value, struct errmsg *message) MUST_CHECK;
void yaml_stream_release(struct yaml_stream *stream);
/* Where a path ("spec.steps[0].wait", "" for the document) begins, from 1: a member at its key. A
 * path that is not there: its nearest ancestor, and false. */
bool yaml_place(const struct yaml_document *document, struct str path, size_t *ret_line,
                size_t *ret_column);

void yaml_write(struct value v, struct text *out);

#endif
