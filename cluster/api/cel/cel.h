/* SPDX-License-Identifier: Apache-2.0
 *
 * The Common Expression Language as validation rules of custom resources use it: parsed, checked
 * against the types of a schema, evaluated on values.
 *
 *     struct cel_program *p = cel_compile(S("self.min <= self.max"), &environment, &why);
 *     if (!p)
 *         ... why: "ERROR: <input>:1:6: undefined field 'min'\n | ..." ...
 *     struct cel_result r;
 *     cel_evaluate(p, &bindings, &r);
 *     ... r.error, r.is_true, r.text ...
 *     cel_result_release(&r);
 *     cel_free(p);
 *
 * Built: literals, operators, field selection with has() and .?, indexing, the macros all, exists,
 * exists_one, map, filter and cel.bind, optional values, the functions of functions.c. Not built,
 * and refused when an expression is compiled: maps with keys that are no strings, bytes beyond
 * comparison and size, unsigned integers, url, ip, cidr, format and semver libraries, comprehensions
 * of two variables.
 *
 * Source: github.com/google/cel-spec, kubernetes.io/docs/reference/using-api/cel/
 */
#ifndef CLUSTER_API_CEL_CEL_H
#define CLUSTER_API_CEL_CEL_H

#include "cluster/api/value.h"
#include "sim/base/text.h"

struct cel_program;

struct cel_environment {
    struct value schema;   /* of self and oldSelf */
    bool is_resource;      /* self has apiVersion, kind and metadata whatever its schema says */
    bool has_optional_old; /* oldSelf is optional(self's type) */
};
/* NULL, and `why` is set as cel-go says it. */
struct cel_program *cel_compile(struct str source, const struct cel_environment *e,
                                struct text *why);
void cel_free(struct cel_program *p);
bool cel_uses_old(const struct cel_program *p);
bool cel_is_bool(const struct cel_program *p); /* the result's type; dyn counts */
bool cel_is_string(const struct cel_program *p);

struct cel_bindings {
    struct value self, old; /* old absent: none */
};
struct cel_result {
    bool has_failed, is_true;
    struct text error; /* when it has failed */
    struct text text;  /* of a string */
};
void cel_evaluate(const struct cel_program *p, const struct cel_bindings *b,
                  struct cel_result *ret_result);
void cel_result_release(struct cel_result *r);

#endif
