/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of the Pod Security Standards: a table (pod_security_table.c) of functions that look
 * at a pod and say what is wrong with it. The plugin (pod_security.c) asks for a level and version.
 *
 *     struct security_policy policy = {SECURITY_BASELINE, SECURITY_LATEST};
 *     AUTO(violations) struct violations bad = {0};
 *     security_evaluate(&policy, metadata, spec, &bad);
 *     if (bad.details.size > 0) ...
 */
#ifndef CLUSTER_APISERVER_ADMISSION_POD_SECURITY_H
#define CLUSTER_APISERVER_ADMISSION_POD_SECURITY_H

#include "cluster/api/value.h"
#include "sim/base/text.h"

enum security_level { SECURITY_PRIVILEGED, SECURITY_BASELINE, SECURITY_RESTRICTED };

#define SECURITY_LATEST INT64_MAX
struct security_policy {
    enum security_level level;
    int64_t minor; /* of v1.x, or SECURITY_LATEST */
};

/* What was found, of each check that failed: "hostPort, privileged", and with the details in
 * brackets. */
struct violations {
    struct text reasons, details;
};
void violations_release(struct violations *v);
void violation_add(struct violations *v, const char *reason, const char *detail_format, ...)
    PRINTF_LIKE(3, 4);

/* All checks of the policy, in order. */
void security_evaluate(const struct security_policy *policy, struct value metadata,
                       struct value spec, struct violations *out);

/* ---- what the checks share ---- */

struct checked_pod {
    struct value metadata, spec;
    int64_t minor;
};
/* The init containers, the containers, the ephemeral ones; absent behind the last. */
struct value security_container(const struct checked_pod *p, size_t i);

/* A list of words that will be shown. */
struct words {
    struct value list;
};
void words_release(struct words *w);
void words_add(struct words *w, struct str word);    /* at the end */
void words_insert(struct words *w, struct str word); /* in order, once */
size_t words_count(const struct words *w);
const char *words_plural(const struct words *w); /* "" of one word, else "s" */
/* a, b; with a quote: "a", "b". */
void words_write(const struct words *w, const char *quote, struct text *out);
/* container "a"; containers "a", "b". */
void words_write_containers(const struct words *containers, struct text *out);
/* pod and containers "a", "b": who sets something wrong. */
void words_write_setters(bool is_pod_bad, const struct words *containers, struct text *out);

/* The containers of which `is_bad` holds. */
typedef bool (*container_is_bad_fn)(struct value container);
void security_find(const struct checked_pod *p, container_is_bad_fn is_bad, struct words *names);
/* One that fails when there are such: REASON (containers "a", "b" MUST). */
void security_check_containers(const struct checked_pod *p, container_is_bad_fn is_bad,
                               const char *reason, const char *must, struct violations *out);
/* What is added beyond `allowed` (NULL behind the last), by whom. */
void security_find_added(const struct checked_pod *p, const char *const *allowed,
                         struct words *names, struct words *added);
/* A profile (seccomp's, AppArmor's) that is neither RuntimeDefault nor Localhost; its type is
 * noted. */
bool security_is_profile_bad(struct value profile, struct words *types);
/* Bad seccomp profiles that somebody sets; true: told of. */
bool security_seccomp_setters(const struct checked_pod *p, struct violations *out);

/* ---- the checks ---- */

typedef void (*security_check_fn)(const struct checked_pod *p, struct violations *out);
void security_baseline_apparmor(const struct checked_pod *p, struct violations *out);
void security_baseline_capabilities(const struct checked_pod *p, struct violations *out);
void security_baseline_host_namespaces(const struct checked_pod *p, struct violations *out);
void security_baseline_host_path(const struct checked_pod *p, struct violations *out);
void security_baseline_host_ports(const struct checked_pod *p, struct violations *out);
void security_baseline_host_probes(const struct checked_pod *p, struct violations *out);
void security_baseline_privileged(const struct checked_pod *p, struct violations *out);
void security_baseline_proc_mount(const struct checked_pod *p, struct violations *out);
void security_baseline_selinux(const struct checked_pod *p, struct violations *out);
void security_baseline_seccomp_annotations(const struct checked_pod *p, struct violations *out);
void security_baseline_seccomp(const struct checked_pod *p, struct violations *out);
void security_baseline_sysctls(const struct checked_pod *p, struct violations *out);
void security_baseline_host_process(const struct checked_pod *p, struct violations *out);

void security_restricted_escalation(const struct checked_pod *p, struct violations *out);
void security_restricted_capabilities(const struct checked_pod *p, struct violations *out);
void security_restricted_volumes(const struct checked_pod *p, struct violations *out);
void security_restricted_non_root(const struct checked_pod *p, struct violations *out);
void security_restricted_user(const struct checked_pod *p, struct violations *out);
void security_restricted_seccomp(const struct checked_pod *p, struct violations *out);

#endif
