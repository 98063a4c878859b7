/* SPDX-License-Identifier: Apache-2.0
 *
 * wavetank as a library: a whole Kubernetes cluster under virtual time, for tests written in C (or
 * in anything that can call C). Needs no other header. One cluster is one handle; handles share
 * nothing but memory for values: use them from one thread.
 *
 *     char error[1024];
 *     struct wavetank *w = wavetank_new("{nodes: [{count: 5}]}", 1, error, sizeof(error));
 *     wavetank_apply(w, deployment_yaml, error, sizeof(error));
 *     wavetank_do(w, "wait: {ref: {apiVersion: apps/v1, kind: Deployment, name: web},"
 *                    " for: condition=Available}", error, sizeof(error));
 *     wavetank_inject(w, "{name: power, nodeChaos: {action: power-off, nodes: [node-1]}}",
 *                     error, sizeof(error));
 *     wavetank_run_for(w, "6m", error, sizeof(error));
 *     char *json = wavetank_get(w, "v1", "Node", "", "node-1");
 *     free(json);
 *     wavetank_free(w);
 *
 * Functions that can fail answer 0, or one of enum wavetank_error with the reason as text in
 * `error` (which may be NULL).
 */
#ifndef WAVETANK_H
#define WAVETANK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum wavetank_error {
    WAVETANK_OK = 0,
    WAVETANK_FAILED = 1,    /* an expectation, a write, a check or an invariant failed */
    WAVETANK_BAD_INPUT = 2, /* the text is wrong: where, and what was expected */
};

struct wavetank;

/* A cluster; `cluster` is YAML as spec.cluster of a scenario file (NULL or "{}": three nodes, one
 * of each component). It is brought up: API servers answer, nodes are Ready. NULL with the reason
 * in `error`. */
struct wavetank *wavetank_new(const char *cluster, uint64_t seed, char *error, size_t error_size);
void wavetank_free(struct wavetank *w);

/* ---- acting: each waits, in virtual time, until it is done ---- */

/* Applies every document as kubectl apply does. */
int wavetank_apply(struct wavetank *w, const char *yaml, char *error, size_t error_size);
/* One operation of a step, as scenario files have it: apply, create, update, patch, delete, scale,
 * evict, drain, assert, error, count, wait, sleep, request, inject, heal. */
int wavetank_do(struct wavetank *w, const char *yaml, char *error, size_t error_size);
int wavetank_inject(struct wavetank *w, const char *yaml, char *error, size_t error_size);
int wavetank_heal(struct wavetank *w, const char *name, char *error, size_t error_size);

/* ---- running ---- */

int wavetank_run_for(struct wavetank *w, const char *duration, char *error,
                     size_t error_size); /* "30s" */
int wavetank_run_until(struct wavetank *w, const char *instant, char *error,
                       size_t error_size); /* since the start */
int64_t wavetank_now_ns(const struct wavetank *w);

/* ---- looking ---- */

/* The object as JSON, NULL when there is none; the caller frees it with free(). Namespace "" for
 * cluster-scoped kinds. */
char *wavetank_get(const struct wavetank *w, const char *api_version, const char *kind,
                   const char *namespace_, const char *name);
/* All objects of a kind (namespace "": of all) as a JSON array; NULL when the kind is unknown. */
char *wavetank_list(const struct wavetank *w, const char *api_version, const char *kind,
                    const char *namespace_);
/* The last lines of the timeline (at most 1,000), one a line; the caller frees it with free(). */
char *wavetank_timeline(const struct wavetank *w);
/* Of everything that happened so far: equal for equal runs. */
uint64_t wavetank_trace_hash(const struct wavetank *w);

/* ---- invariants: checked all the time; a violation makes every later call fail ---- */

size_t wavetank_violation_count(const struct wavetank *w);
const char *wavetank_violation(const struct wavetank *w, size_t index); /* while the handle lives */

#ifdef __cplusplus
}
#endif

#endif
