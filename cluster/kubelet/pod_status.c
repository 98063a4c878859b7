/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a worker knows to the pod's status: phase, conditions, container statuses.
 *
 * The phase is a function of the containers and of the deletion, nothing else; once Succeeded or
 * Failed it stays. Conditions come in the order of 1.36: PodReadyToStartContainers, Initialized,
 * Ready, ContainersReady, PodScheduled, then what others own (readiness gates, DisruptionTarget). A
 * condition keeps its lastTransitionTime while its status is the same. A pod whose phase is
 * terminal is never Ready. [doc:pod-lifecycle#pod-conditions]
 *
 * Upstream: kubelet_pods.go (getPhase, convertStatusToAPIStatus), status/generate.go,
 * status_manager.go.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include "cluster/api/podspec.h"
#include "runtime/image.h"
#include "runtime/traffic.h"

/* ---- phase ---- */

static struct str ended_phase(const struct pod_worker *w)
{
    bool all_succeeded = true, any_main = false;
    for (size_t i = 0; i < w->container_count; i++) {
        const struct pod_container *c = &w->containers[i];
        if (c->kind == CONTAINER_SIDECAR || c->kind == CONTAINER_EPHEMERAL ||
            (c->kind == CONTAINER_INIT && c->completed))
            continue;
        any_main = any_main || c->kind == CONTAINER_MAIN;
        all_succeeded =
            all_succeeded && c->step == CONTAINER_ENDED && c->ended && container_exit_code(c) == 0;
    }
    return all_succeeded && any_main ? S("Succeeded") : S("Failed");
}

struct str pod_phase(const struct pod_worker *w)
{
    struct str before = VALUE_STR(w->pod, status, phase);
    if (str_equal(before, S("Succeeded")))
        return S("Succeeded");
    if (str_equal(before, S("Failed")) || (w->reason && w->stage == WORKER_TERMINATED))
        return S("Failed");
    if (w->stage == WORKER_TERMINATED)
        return ended_phase(w);
    size_t waiting = 0;
    for (size_t i = 0; i < w->container_count; i++) {
        const struct pod_container *c = &w->containers[i];
        if (c->kind == CONTAINER_INIT && !c->completed)
            return S("Pending");
        if (c->kind == CONTAINER_SIDECAR && !c->is_started && !c->has_run)
            return S("Pending");
        waiting += c->kind == CONTAINER_MAIN && !c->has_run;
    }
    return waiting > 0 ? S("Pending") : S("Running");
}

/* ---- container statuses ---- */

static struct value container_id(const struct pod_worker *w, uint32_t container)
{
    AUTO(text) struct text id = {0};
    text_add(&id, S("containerd://"));
    cri_id_text(w->kubelet->boot, container, &id);
    return value_string(text_str(&id));
}

static struct value terminated(const struct pod_worker *w, const struct termination *t)
{
    struct value id = t->id ? value_string(str_from(t->id)) : container_id(w, t->container);
    if (t->message)
        return value_pack("{terminated: {containerID: %v, exitCode: %d, finishedAt: %v, message: "
                          "%s, reason: %s, startedAt: %v}}",
                          id, t->exit_code, time_value(t->finished), t->message, t->reason,
                          time_value(t->started));
    return value_pack(
        "{terminated: {containerID: %v, exitCode: %d, finishedAt: %v, reason: %s, startedAt: %v}}",
        id, t->exit_code, time_value(t->finished), t->reason, time_value(t->started));
}

static struct value waiting(const char *reason, const char *message)
{
    if (message)
        return value_pack("{waiting: {message: %s, reason: %s}}", message, reason);
    return value_pack("{waiting: {reason: %s}}", reason);
}

static bool has_uncompleted_init(const struct pod_worker *w)
{
    for (size_t i = 0; i < w->init_count; i++) {
        const struct pod_container *c = &w->containers[i];
        if (c->kind == CONTAINER_INIT ? !c->completed : !c->is_started)
            return true;
    }
    return false;
}

static bool is_over(const struct pod_worker *w)
{
    return w->stage != WORKER_SYNCING;
}

static struct value state_of(const struct pod_worker *w, size_t i, struct value *ret_last)
{
    const struct pod_container *c = &w->containers[i];
    const char *idle = i >= w->main_end ? "ContainerCreating"
                       : i >= w->init_count
                           ? (has_uncompleted_init(w) ? "PodInitializing" : "ContainerCreating")
                           : "PodInitializing";
    bool restarts = c->step != CONTAINER_RUNNING && c->ended && !is_over(w) &&
                    worker_restarts(w, c, container_exit_code(c));
    *ret_last =
        c->last && !(restarts && c->waiting_reason) ? terminated(w, c->last) : value_object();
    if (c->step == CONTAINER_RUNNING || c->step == CONTAINER_STOPPING)
        return value_pack("{running: {startedAt: %v}}", time_value(c->started));
    if (restarts &&
        c->waiting_reason) { /* waits for its restart: the end has become the last state */
        value_drop(*ret_last);
        *ret_last = terminated(w, c->ended);
        return waiting(c->waiting_reason, c->waiting_message);
    }
    if (c->ended)
        return terminated(w, c->ended);
    return waiting(c->waiting_reason ? c->waiting_reason : idle, c->waiting_message);
}

/* volumeMounts of the spec with recursiveReadOnly where they are read-only. */
static struct value mounts_of(struct value spec)
{
    struct value mounts = VALUE_GET(spec, volumeMounts), list = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(mounts); i++) {
        struct value m = value_at(mounts, i);
        struct value out =
            value_pack("{mountPath: %v, name: %v}", value_keep(VALUE_GET(m, mountPath)),
                       value_keep(VALUE_GET(m, name)));
        if (VALUE_BOOL_AT(m, readOnly)) {
            out = value_set(out, ATOM_readOnly, value_bool(true));
            out = value_set(out, ATOM_recursiveReadOnly, value_string(S("Disabled")));
        }
        list = value_append(list, out);
    }
    return list;
}

static struct value user_of(int64_t uid, int64_t gid, const int64_t *groups, size_t count)
{
    struct value list = VALUE_ABSENT;
    for (size_t i = 0; i < count; i++)
        list = value_append(list, value_integer(groups[i]));
    return value_pack("{linux: {gid: %D, supplementalGroups: %v, uid: %D}}", gid, list, uid);
}

static bool add_group(int64_t *groups, size_t *count, int64_t group)
{
    size_t at = *count;
    for (size_t i = 0; i < *count; i++) {
        if (groups[i] == group)
            return false;
    }
    for (; at > 0 && groups[at - 1] > group; at--)
        groups[at] = groups[at - 1];
    groups[at] = group;
    ++*count;
    return true;
}

#define GROUPS_MAX 32

/* Whom the first process runs as: the security context, else root of the image with the groups that
 * the image's /etc/group gives it. DEVIATION: an image that sets a user of its own is taken to run
 * as root. */
static struct value container_user(const struct pod_worker *w, struct value spec,
                                   struct str reference)
{
    struct kubelet *k = w->kubelet;
    struct value own = VALUE_GET(spec, securityContext),
                 pods = VALUE_GET(worker_spec(w), securityContext);
    int64_t uid = VALUE_INT(own, VALUE_INT(pods, 0, runAsUser), runAsUser);
    int64_t gid = VALUE_INT(own, VALUE_INT(pods, 0, runAsGroup), runAsGroup);
    struct value more = VALUE_GET(pods, supplementalGroups);
    int64_t fs_group = VALUE_INT(pods, -1, fsGroup);
    size_t known = 0, count = 0;
    const uint16_t *root = image_root_groups(reference, &known);
    bool is_plain = known == 1 && uid == 0 && gid == 0 && value_count(more) == 0 && fs_group < 0;
    if (is_plain && value_is_present(k->root_user))
        return value_keep(k->root_user);
    int64_t groups[GROUPS_MAX];
    (void)add_group(groups, &count, gid);
    if (fs_group >= 0)
        (void)add_group(groups, &count, fs_group);
    for (size_t i = 0; i < value_count(more) && count < GROUPS_MAX; i++)
        (void)add_group(groups, &count, value_as_integer(value_at(more, i), 0));
    bool merges = uid == 0 && !VALUE_IS(pods, "Strict", supplementalGroupsPolicy);
    for (size_t i = 0; merges && i < known && count < GROUPS_MAX; i++)
        (void)add_group(groups, &count, root[i]);
    struct value user = value_canonical(user_of(uid, gid, groups, count));
    if (is_plain)
        k->root_user = value_keep(user);
    return user;
}

static struct value container_status(const struct pod_worker *w, size_t i)
{
    const struct pod_container *c = &w->containers[i];
    struct value spec = worker_container_spec(w, i), last = VALUE_ABSENT;
    struct value state = state_of(w, i, &last);
    struct str image = VALUE_STR(spec, image);
    AUTO(text) struct text reference = {0};
    AUTO(text) struct text image_id = {0};
    bool known = c->container != 0 && image_normalise(image, &reference);
    if (known) {
        struct str repository =
            str_slice(text_str(&reference), 0, str_find(text_str(&reference), '@'));
        for (size_t n = repository.size; n > 0 && repository.bytes[n - 1] != '/'; n--) {
            if (repository.bytes[n - 1] == ':')
                repository = str_slice(repository, 0, n - 1);
        }
        text_printf(&image_id, "%.*s@", STR_ARG(repository));
        image_digest_text(text_str(&reference), &image_id);
    }
    bool running = c->step == CONTAINER_RUNNING || c->step == CONTAINER_STOPPING;
    bool ready = c->kind == CONTAINER_INIT ? c->completed
                                           : running && c->is_ready && c->step == CONTAINER_RUNNING;
    if (c->kind != CONTAINER_INIT && c->step == CONTAINER_STOPPING &&
        w->stage == WORKER_TERMINATING)
        ready = c->is_ready;
    bool is_probed = c->kind != CONTAINER_EPHEMERAL; /* or could be: else it is never ready */
    /* DEVIATION: of resources, only those of containers are told, not those of the whole pod
     * (status.resources, status.allocatedResources); a Node has no status.declaredFeatures. */
    struct value resources = value_keep(VALUE_GET(spec, resources));
    if (!value_is_present(resources))
        resources = value_object();
    struct value status = value_pack("{image: %S, imageID: %S, lastState: %v, name: %v, ready: %b, "
                                     "resources: %v, restartCount: %d, started: %b, state: %v}",
                                     known ? text_str(&reference) : image, text_str(&image_id),
                                     last, value_keep(VALUE_GET(spec, name)),
                                     ready && is_probed,
                                     known ? value_keep(resources) : VALUE_ABSENT, (int)c->attempt,
                                     running && c->is_started, state);
    value_drop(resources);
    if (!is_probed)
        status = VALUE_REMOVE(status, started);
    if (c->container != 0 && (c->has_run || running))
        status =
            value_set(status, ATOM_containerID,
                      container_id(w, running || !c->ended ? c->container : c->ended->container));
    if (c->container != 0 && c->has_run)
        status = value_set(status, ATOM_user, container_user(w, spec, text_str(&reference)));
    struct value requests = VALUE_GET(spec, resources, requests);
    if (known && value_count(requests) > 0)
        status = value_set(status, ATOM_allocatedResources, value_keep(requests));
    struct value mounts = mounts_of(spec);
    return value_is_present(mounts) ? value_set(status, ATOM_volumeMounts, mounts) : status;
}

static struct value statuses(const struct pod_worker *w, size_t from, size_t to)
{
    struct value list = VALUE_ABSENT;
    for (size_t i = from; i < to; i++)
        list = value_append(list, container_status(w, i));
    return list;
}

/* ---- conditions ---- */

static bool text_is(struct value v, const char *text)
{
    return text ? value_is(v, text) : !value_is_present(v);
}

/* `old` is what condition() would make: most conditions stay as they are from one status to the
 * next. */
static bool is_unchanged(struct value old, int64_t generation, const char *reason,
                         const char *message)
{
    size_t keys = 5u + (reason ? 1u : 0u) + (message ? 1u : 0u);
    return value_count(old) == keys && value_kind(VALUE_GET(old, lastProbeTime)) == VALUE_NULL &&
           VALUE_INT(old, -1, observedGeneration) == generation &&
           text_is(VALUE_GET(old, reason), reason) && text_is(VALUE_GET(old, message), message);
}

static struct value condition(const struct pod_worker *w, const char *type, bool is_true,
                              const char *reason, const char *message)
{
    message = message && message[0] ? message : NULL;
    struct value old = condition_find(VALUE_GET(w->pod, status, conditions), type);
    const char *status = is_true ? "True" : "False";
    bool same = VALUE_IS(old, status, status);
    if (same && is_unchanged(old, object_generation(w->pod), reason, message))
        return value_keep(old);
    struct value since =
        same ? value_keep(VALUE_GET(old, lastTransitionTime)) : time_value(w->kubelet->step->wall);
    struct value c = value_pack(
        "{lastProbeTime: %v, lastTransitionTime: %v, observedGeneration: %D, status: %s, type: %s}",
        value_null(), since, object_generation(w->pod), status, type);
    if (reason)
        c = value_set(c, ATOM_reason, value_string(str_from(reason)));
    if (message)
        c = value_set(c, ATOM_message, value_string(str_from(message)));
    return value_canonical(c);
}

/* "containers with unready status: [a b]"; false when there are none. */
static bool unready(const struct pod_worker *w, bool init, struct text *out)
{
    size_t count = 0;
    for (size_t i = 0; i < w->container_count; i++) {
        const struct pod_container *c = &w->containers[i];
        bool bad =
            init ? i < w->init_count &&
                       (c->kind == CONTAINER_INIT ? !c->completed : !c->is_started && !c->has_run)
                 : c->kind != CONTAINER_INIT && c->kind != CONTAINER_EPHEMERAL &&
                       !(c->is_ready && (c->step == CONTAINER_RUNNING ||
                                                                  c->step == CONTAINER_STOPPING));
        char small[VALUE_SMALL_SIZE];
        if (bad && count == 0)
            text_printf(out, "containers with %s status: [", init ? "incomplete" : "unready");
        if (bad)
            text_printf(out, "%s%.*s", count++ ? " " : "",
                        STR_ARG(worker_container_name(w, i, small)));
    }
    if (count > 0)
        text_add_byte(out, ']');
    return count > 0;
}

/* A readiness gate that is not True. */
static bool gate_closed(const struct pod_worker *w, struct text *out)
{
    struct value gates = VALUE_GET(w->pod, spec, readinessGates),
                 conditions = VALUE_GET(w->pod, status, conditions);
    for (size_t i = 0; i < value_count(gates); i++) {
        struct str type = VALUE_STR(value_at(gates, i), conditionType);
        bool found = false, is_true = false;
        for (size_t n = 0; n < value_count(conditions); n++) {
            if (str_equal(VALUE_STR(value_at(conditions, n), type), type)) {
                found = true;
                is_true = VALUE_IS(value_at(conditions, n), "True", status);
            }
        }
        if (!found)
            text_printf(out,
                        "corresponding condition of pod readiness gate \"%.*s\" does not exist.",
                        STR_ARG(type));
        else if (!is_true)
            text_printf(out, "the status of pod readiness gate \"%.*s\" is not \"True\", but False",
                        STR_ARG(type));
        if (!is_true)
            return true;
    }
    return false;
}

static bool is_own_condition(struct str type)
{
    return str_equal(type, S("PodReadyToStartContainers")) || str_equal(type, S("Initialized")) ||
           str_equal(type, S("Ready")) || str_equal(type, S("ContainersReady")) ||
           str_equal(type, S("PodScheduled"));
}

static struct value conditions_of(const struct pod_worker *w, struct str phase)
{
    AUTO(text) struct text incomplete = {0};
    AUTO(text) struct text not_ready = {0};
    AUTO(text) struct text gate = {0};
    bool succeeded = str_equal(phase, S("Succeeded")), failed = str_equal(phase, S("Failed"));
    bool init_waits = unready(w, true, &incomplete), bad = unready(w, false, &not_ready),
         closed = gate_closed(w, &gate);
    const char *end = succeeded ? "PodCompleted" : failed ? "PodFailed" : NULL;
    struct value list = value_array();
    list =
        value_append(list, condition(w, "PodReadyToStartContainers", w->sandbox_is_up, NULL, NULL));
    if (succeeded)
        list = value_append(list, condition(w, "Initialized", true, "PodCompleted", NULL));
    else
        list = value_append(list, condition(w, "Initialized", !init_waits,
                                            init_waits ? "ContainersNotInitialized" : NULL,
                                            init_waits ? text_c(&incomplete) : NULL));
    bool containers_ready = !end && !bad, is_ready = containers_ready && !closed;
    list = value_append(list, condition(w, "Ready", is_ready,
                                        end      ? end
                                        : bad    ? "ContainersNotReady"
                                        : closed ? "ReadinessGatesNotReady"
                                                 : NULL,
                                        end   ? NULL
                                        : bad ? text_c(&not_ready)
                                              : text_c(&gate)));
    list = value_append(list, condition(w, "ContainersReady", containers_ready,
                                        end   ? end
                                        : bad ? "ContainersNotReady"
                                              : NULL,
                                        end || !bad ? NULL : text_c(&not_ready)));
    list = value_append(list, condition(w, "PodScheduled", true, NULL, NULL));
    bool evicted = w->reason && strcmp(w->reason, "Evicted") == 0;
    if (evicted)
        list = value_append(
            list, condition(w, "DisruptionTarget", true, "TerminationByKubelet", w->message));
    struct value before = VALUE_GET(w->pod, status, conditions);
    for (size_t i = 0; i < value_count(before); i++) {
        if (evicted && VALUE_IS(value_at(before, i), "DisruptionTarget", type))
            continue;
        if (!is_own_condition(VALUE_STR(value_at(before, i), type)))
            list = value_append(list, value_keep(value_at(before, i)));
    }
    return list;
}

/* Conditions of others; absent: none. */
static struct value foreign_conditions(const struct pod_worker *w)
{
    struct value before = VALUE_GET(w->pod, status, conditions), list = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(before); i++) {
        if (!is_own_condition(VALUE_STR(value_at(before, i), type)))
            list = value_append(list, value_keep(value_at(before, i)));
    }
    return list;
}

/* ---- the whole ---- */

static struct value add_addresses(const struct pod_worker *w, struct value status)
{
    const char *host = w->kubelet->config->internal_ip;
    AUTO(text) struct text ip = {0};
    if (host) {
        status = value_set(status, ATOM_hostIP, value_string(str_from(host)));
        status = value_set(status, ATOM_hostIPs, value_pack("[{ip: %s}]", host));
    }
    if (w->ip != 0)
        traffic_ip_text(w->ip, &ip);
    else if (host && w->sandbox != 0 && VALUE_BOOL_AT(w->pod, spec, hostNetwork))
        text_add(&ip, str_from(host));
    if (ip.size > 0) {
        status = value_set(status, ATOM_podIP, value_string(text_str(&ip)));
        status = value_set(status, ATOM_podIPs, value_pack("[{ip: %S}]", text_str(&ip)));
    } else if (value_is_present(VALUE_GET(w->pod, status, podIP))) {
        status = value_set(status, ATOM_podIP, value_keep(VALUE_GET(w->pod, status, podIP)));
        status = value_set(status, ATOM_podIPs, value_keep(VALUE_GET(w->pod, status, podIPs)));
    }
    return status;
}

/* A pod that never ran here (refused, finished before) keeps the statuses it has. */
static bool keeps_old_statuses(const struct pod_worker *w)
{
    return w->was_terminal;
}

struct value pod_status(const struct pod_worker *w)
{
    if (keeps_old_statuses(w))
        return value_keep(VALUE_GET(w->pod, status));
    struct value before = VALUE_GET(w->pod, status);
    struct value status = value_kind(before) == VALUE_OBJECT ? value_keep(before) : value_object();
    struct str phase = pod_phase(w);
    status = value_set(status, ATOM_phase, value_string(phase));
    status = value_set(status, ATOM_observedGeneration,
                       object_generation(w->pod) > 0 ? value_integer(object_generation(w->pod))
                                                     : VALUE_ABSENT);
    status = value_set(status, ATOM_startTime, time_value(w->start_time));
    if (!value_is_present(VALUE_GET(before, qosClass)))
        status = value_set(status, ATOM_qosClass, value_string(podspec_qos_class(worker_spec(w))));
    if (w->reason && w->stage == WORKER_TERMINATED) {
        status = value_set(status, ATOM_reason, value_string(str_from(w->reason)));
        status = value_set(status, ATOM_message, value_string(str_from(w->message)));
    }
    bool refused = w->reason && w->sandbox == 0 && !w->mounts_ready;
    if (refused) /* the conditions that a kubelet owns go, PodScheduled too */
        return value_share(value_set(status, ATOM_conditions, foreign_conditions(w)), before);
    status = add_addresses(w, status);
    if (w->init_count > 0)
        status = value_set(status, ATOM_initContainerStatuses, statuses(w, 0, w->init_count));
    status =
        value_set(status, ATOM_containerStatuses, statuses(w, w->init_count, w->main_end));
    if (w->container_count > w->main_end)
        status = value_set(status, ATOM_ephemeralContainerStatuses,
                           statuses(w, w->main_end, w->container_count));
    status = value_set(status, ATOM_conditions, conditions_of(w, phase));
    return value_share(status, before);
}
