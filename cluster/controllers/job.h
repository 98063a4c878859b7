/* SPDX-License-Identifier: Apache-2.0
 *
 * The Job controller: job.c (loop, creating and deleting), job_policy.c (pure rules: back-off,
 * indexes, failure and success policies), job_removal.c (which pods go), job_status.c (counting
 * through finalizers, conditions).
 */
#ifndef CLUSTER_CONTROLLERS_JOB_H
#define CLUSTER_CONTROLLERS_JOB_H

#include "cluster/client/controller.h"
#include "sim/base/map.h"

#define JOB_FINALIZER "batch.kubernetes.io/job-tracking"
#define JOB_INDEX "batch.kubernetes.io/job-completion-index"
#define JOB_INDEX_FAILURES "batch.kubernetes.io/job-index-failure-count"

/* State of the controller. */
struct job_state {
    struct expectations *expectations;
    struct expectations
        *finalizers;     /* removals that the cache has not shown: those pods are counted already */
    struct map backoffs; /* by job; in memory only, as upstream's */
};

/* Failures in a row and when the last pod failed. */
struct job_backoff {
    int64_t failures;
    int64_t last_failure_ns; /* unix */
};
/* 10 s * 2^(failures - 1), at most 10 min, from the last failure on; 0: none is left. */
struct duration job_backoff_left(struct job_backoff b, struct wall_time now);

/* A set of completion indexes; text as in status.completedIndexes: "0,2-4". */
struct index_set {
    bool *has;
    int64_t size, count;
};
struct index_set index_set_new(struct arena *scratch, int64_t size);
void index_set_parse(struct index_set *s, struct str text);
void index_set_add(struct index_set *s, int64_t index); /* outside [0, size): nothing */
struct value index_set_text(const struct index_set *s);

enum failure_action { FAILURE_COUNT, FAILURE_IGNORE, FAILURE_FAIL_JOB, FAILURE_FAIL_INDEX };
/* The first rule of spec.podFailurePolicy that the failed pod matches; *ret_message for
 * FAILURE_FAIL_JOB (scratch). */
enum failure_action job_failure_action(struct arena *scratch, struct value job, struct value pod,
                                       struct str *ret_message);
/* Index of the matching rule of spec.successPolicy, or -1. */
int job_success_rule(struct arena *scratch, struct value job, const struct index_set *succeeded);
int64_t job_pod_index(struct value pod); /* -1: none */
/* When it ended: the last container's end, else the deletion, else `now`. */
int64_t job_pod_finished_ns(struct value pod, struct wall_time now);

/* An active pod that may have to go. */
struct job_candidate {
    const struct object_key *key; /* borrowed, as the pod */
    struct value pod;
    int64_t index; /* -1: none */
    bool is_superfluous, is_assigned, is_ready;
    int phase; /* 0 Pending, 1 Unknown, 2 Running */
    int64_t ready_since_ns, restarts, created_ns;
};
struct job_candidate job_candidate_of(const struct object_key *key, struct value pod);
/* How many must go: they come to stand first. indexes: completions of an Indexed Job, else -1;
 * excess: at least so many. */
size_t job_pods_to_remove(struct job_candidate *pods, size_t count, int64_t indexes,
                          int64_t excess);

/* What one look at the pods gives. */
struct job_view {
    struct value job; /* borrowed */
    bool is_indexed, is_per_index, replaces_failed_only, is_suspended;
    int64_t completions, parallelism; /* completions -1: unset */
    int64_t active, ready, terminating;
    int64_t succeeded, failed; /* counted, uncounted and new ones */
    int64_t counted_failures;  /* towards the back-off limit */
    struct index_set succeeded_indexes, failed_indexes, busy_indexes;
    int64_t *index_failures,
        *index_failed_ns; /* by index: highest failure count so far + 1, and when; per-index only */
    struct value new_succeeded, new_failed; /* owned arrays of uids, to become uncounted */
    struct job_backoff backoff;
    const char *target_reason; /* of FailureTarget or SuccessCriteriaMet; NULL: neither */
    struct str target_message;
    bool is_success;
};
struct job_view job_observe(struct sync *s, struct job_backoff backoff);
void job_view_release(struct job_view *v);
bool job_is_finished(struct value job);

/* Owned new status after this look; `is_final` adds Complete or Failed. */
struct value job_status(struct sync *s, const struct job_view *v);
struct value job_set_condition(struct value own_conditions, struct step *step, const char *type,
                               const char *status, const char *reason, struct str message);

#endif
