/* SPDX-License-Identifier: Apache-2.0
 *
 * Pods and what makes them. The STATUS of a pod is not its phase: it is the reason of the container
 * that a person would want to hear about, found by walking the statuses in a stated order.
 */
#include "sim/base/base.h"

#include "cluster/api/printers/printers.h"

#include "cluster/api/object.h"

/* ---- pods ---- */

struct pod_summary {
    struct text reason;
    int64_t restarts, sidecar_restarts;
    struct value last_restart, last_sidecar_restart; /* times, borrowed */
    size_t ready, total;
    bool is_initializing;
};

static bool is_sidecar(struct value spec, struct value status)
{
    struct value containers = VALUE_GET(spec, initContainers);
    for (size_t i = 0; i < value_count(containers); i++) {
        struct value c = value_at(containers, i);
        if (value_equal(VALUE_GET(c, name), VALUE_GET(status, name)))
            return VALUE_IS(c, "Always", restartPolicy);
    }
    return false;
}

/* The later of two times. */
static struct value later(struct value a, struct value b)
{
    struct wall_time x, y;
    if (!value_is_present(b) || !time_parse(b, &y))
        return a;
    if (!value_is_present(a) || !time_parse(a, &x))
        return b;
    return y.unix_ns > x.unix_ns ? b : a;
}

static void set_reason(struct pod_summary *s, const char *prefix, struct str reason)
{
    text_clear(&s->reason);
    text_add(&s->reason, str_from(prefix));
    text_add(&s->reason, reason);
}

static void set_exit(struct pod_summary *s, const char *prefix, struct value terminated)
{
    struct str reason = VALUE_STR(terminated, reason);
    int64_t signal = VALUE_INT(terminated, 0, signal);
    int64_t code = VALUE_INT(terminated, 0, exitCode);
    set_reason(s, prefix, reason);
    if (reason.size == 0 && signal != 0)
        text_printf(&s->reason, "Signal:%" PRId64, signal);
    else if (reason.size == 0)
        text_printf(&s->reason, "ExitCode:%" PRId64, code);
}

/* True: the walk goes on. */
static bool init_container(struct pod_summary *s, struct value pod, struct value status, size_t i)
{
    struct value spec = VALUE_GET(pod, spec);
    struct value terminated = VALUE_GET(status, state, terminated);
    struct str waiting = VALUE_STR(status, state, waiting, reason);
    struct value finished = VALUE_GET(status, lastState, terminated, finishedAt);
    bool sidecar = is_sidecar(spec, status);
    s->restarts += VALUE_INT(status, 0, restartCount);
    s->last_restart = later(s->last_restart, finished);
    if (sidecar) {
        s->sidecar_restarts += VALUE_INT(status, 0, restartCount);
        s->last_sidecar_restart = later(s->last_sidecar_restart, finished);
    }
    if (value_is_present(terminated) && VALUE_INT(terminated, 0, exitCode) == 0)
        return true;
    if (sidecar && VALUE_BOOL_AT(status, started)) {
        s->ready += VALUE_BOOL_AT(status, ready);
        return true;
    }
    if (value_is_present(terminated)) {
        set_exit(s, "Init:", terminated);
    } else if (waiting.size > 0 && !str_equal(waiting, S("PodInitializing"))) {
        set_reason(s, "Init:", waiting);
    } else {
        text_clear(&s->reason);
        text_printf(&s->reason, "Init:%zu/%zu", i, value_count(VALUE_GET(spec, initContainers)));
    }
    s->is_initializing = true;
    return false;
}

static void containers(struct pod_summary *s, struct value pod)
{
    struct value statuses = VALUE_GET(pod, status, containerStatuses);
    bool has_running = false;
    AUTO(text) struct text error = {0};
    s->restarts = s->sidecar_restarts;
    s->last_restart = s->last_sidecar_restart;
    for (size_t i = value_count(statuses); i-- > 0;) {
        struct value status = value_at(statuses, i);
        struct value terminated = VALUE_GET(status, state, terminated);
        struct str waiting = VALUE_STR(status, state, waiting, reason);
        s->restarts += VALUE_INT(status, 0, restartCount);
        s->last_restart =
            later(s->last_restart, VALUE_GET(status, lastState, terminated, finishedAt));
        if (waiting.size > 0) {
            set_reason(s, "", waiting);
        } else if (value_is_present(terminated)) {
            set_exit(s, "", terminated);
            if (VALUE_INT(terminated, 0, exitCode) != 0) {
                text_clear(&error);
                text_add(&error, text_str(&s->reason));
            }
        } else if (VALUE_BOOL_AT(status, ready) &&
                   value_is_present(VALUE_GET(status, state, running))) {
            has_running = true;
            s->ready++;
        }
    }
    if (!str_equal(text_str(&s->reason), S("Completed")))
        return;
    if (has_running && condition_is_true(VALUE_GET(pod, status, conditions), "Ready"))
        set_reason(s, "", S("Running"));
    else if (error.size > 0)
        set_reason(s, "", text_str(&error));
    else if (has_running)
        set_reason(s, "", S("NotReady"));
}

static void summarize(struct value pod, struct pod_summary *s)
{
    struct value conditions = VALUE_GET(pod, status, conditions);
    struct value scheduled = condition_find(conditions, "PodScheduled");
    struct value init = VALUE_GET(pod, spec, initContainers);
    struct value init_statuses = VALUE_GET(pod, status, initContainerStatuses);
    struct str phase = VALUE_STR(pod, status, phase);
    struct str reason = VALUE_STR(pod, status, reason);
    s->total = value_count(VALUE_GET(pod, spec, containers));
    for (size_t i = 0; i < value_count(init); i++)
        s->total += VALUE_IS(value_at(init, i), "Always", restartPolicy);
    set_reason(s, "", reason.size > 0 ? reason : phase);
    if (VALUE_IS(scheduled, "SchedulingGated", reason))
        set_reason(s, "", S("SchedulingGated"));
    for (size_t i = 0; i < value_count(init_statuses); i++) {
        if (!init_container(s, pod, value_at(init_statuses, i), i))
            break;
    }
    if (!s->is_initializing || condition_is_true(conditions, "Initialized"))
        containers(s, pod);
    if (!object_is_deleting(pod))
        return;
    if (str_equal(reason, S("NodeLost")))
        set_reason(s, "", S("Unknown"));
    else if (!str_equal(phase, S("Succeeded")) && !str_equal(phase, S("Failed")))
        set_reason(s, "", S("Terminating"));
}

static void readiness_gates(struct value pod, struct cells *c)
{
    struct value gates = VALUE_GET(pod, spec, readinessGates);
    size_t met = 0;
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < value_count(gates); i++) {
        AUTO(text) struct text type = {0};
        text_add(&type, VALUE_STR(value_at(gates, i), conditionType));
        met += condition_is_true(VALUE_GET(pod, status, conditions), text_c(&type));
    }
    if (value_count(gates) > 0)
        text_printf(&t, "%zu/%zu", met, value_count(gates));
    cell_text(c, value_count(gates) > 0 ? text_str(&t) : S("<none>"));
}

static void pod(struct value object, struct cells *c)
{
    struct pod_summary s = {0};
    AUTO(text) struct text ready = {0};
    AUTO(text) struct text restarts = {0};
    summarize(object, &s);
    text_printf(&ready, "%zu/%zu", s.ready, s.total);
    text_add_int(&restarts, s.restarts);
    if (s.restarts > 0 && value_is_present(s.last_restart)) {
        text_add(&restarts, S(" ("));
        age_text(c->now, s.last_restart, &restarts);
        text_add(&restarts, S(" ago)"));
    }
    cell_name(c, object);
    cell_text(c, text_str(&ready));
    cell_text(c, text_str(&s.reason));
    cell_text(c, text_str(&restarts));
    cell_created(c, object);
    cell_value(c, VALUE_GET(value_at(VALUE_GET(object, status, podIPs), 0), ip), "<none>");
    cell_value(c, VALUE_GET(object, spec, nodeName), "<none>");
    cell_value(c, VALUE_GET(object, status, nominatedNodeName), "<none>");
    readiness_gates(object, c);
    text_release(&s.reason);
}

static void pod_template(struct value object, struct cells *c)
{
    AUTO(text) struct text labels = {0};
    labels_text(VALUE_GET(object, template, metadata, labels), "<none>", &labels);
    cell_name(c, object);
    cell_containers(c, VALUE_GET(object, template, spec));
    cell_text(c, text_str(&labels));
}

/* ---- controllers ---- */

static void cell_selector(struct cells *c, struct value selector, const char *otherwise)
{
    AUTO(text) struct text t = {0};
    selector_text(selector, otherwise, &t);
    cell_text(c, text_str(&t));
}

static void replica_counts(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_int(c, VALUE_INT(object, 0, spec, replicas));
    cell_int(c, VALUE_INT(object, 0, status, replicas));
    cell_int(c, VALUE_INT(object, 0, status, readyReplicas));
    cell_created(c, object);
    cell_containers(c, VALUE_GET(object, spec, template, spec));
}

static void replica_set(struct value object, struct cells *c)
{
    replica_counts(object, c);
    cell_selector(c, VALUE_GET(object, spec, selector), "<none>");
}

static void replication_controller(struct value object, struct cells *c)
{
    AUTO(text) struct text t = {0};
    replica_counts(object, c);
    labels_text(VALUE_GET(object, spec, selector), "<none>", &t);
    cell_text(c, text_str(&t));
}

static void cell_ready(struct cells *c, struct value object)
{
    AUTO(text) struct text t = {0};
    text_printf(&t, "%" PRId64 "/%" PRId64, VALUE_INT(object, 0, status, readyReplicas),
                VALUE_INT(object, 0, spec, replicas));
    cell_text(c, text_str(&t));
}

static void deployment(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_ready(c, object);
    cell_int(c, VALUE_INT(object, 0, status, updatedReplicas));
    cell_int(c, VALUE_INT(object, 0, status, availableReplicas));
    cell_created(c, object);
    cell_containers(c, VALUE_GET(object, spec, template, spec));
    cell_selector(c, VALUE_GET(object, spec, selector), "");
}

static void stateful_set(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_ready(c, object);
    cell_created(c, object);
    cell_containers(c, VALUE_GET(object, spec, template, spec));
}

static void daemon_set(struct value object, struct cells *c)
{
    struct value status = VALUE_GET(object, status);
    AUTO(text) struct text nodes = {0};
    labels_text(VALUE_GET(object, spec, template, spec, nodeSelector), "<none>", &nodes);
    cell_name(c, object);
    cell_int(c, VALUE_INT(status, 0, desiredNumberScheduled));
    cell_int(c, VALUE_INT(status, 0, currentNumberScheduled));
    cell_int(c, VALUE_INT(status, 0, numberReady));
    cell_int(c, VALUE_INT(status, 0, updatedNumberScheduled));
    cell_int(c, VALUE_INT(status, 0, numberAvailable));
    cell_text(c, text_str(&nodes));
    cell_created(c, object);
    cell_containers(c, VALUE_GET(object, spec, template, spec));
    cell_selector(c, VALUE_GET(object, spec, selector), "<none>");
}

static struct str job_state(struct value object)
{
    struct value conditions = VALUE_GET(object, status, conditions);
    if (condition_is_true(conditions, "Complete"))
        return S("Complete");
    if (condition_is_true(conditions, "Failed"))
        return S("Failed");
    if (object_is_deleting(object))
        return S("Terminating");
    static const char *const types[] = {"Suspended", "FailureTarget", "SuccessCriteriaMet"};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if (condition_is_true(conditions, types[i]))
            return str_from(types[i]);
    }
    return S("Running");
}

static void job_completions(struct value object, struct text *out)
{
    int64_t succeeded = VALUE_INT(object, 0, status, succeeded);
    int64_t parallelism = VALUE_INT(object, 0, spec, parallelism);
    struct value completions = VALUE_GET(object, spec, completions);
    if (value_kind(completions) == VALUE_INTEGER)
        text_printf(out, "%" PRId64 "/%" PRId64, succeeded, value_as_integer(completions, 0));
    else if (parallelism > 1)
        text_printf(out, "%" PRId64 "/1 of %" PRId64, succeeded, parallelism);
    else
        text_printf(out, "%" PRId64 "/1", succeeded);
}

static void job(struct value object, struct cells *c)
{
    AUTO(text) struct text completions = {0};
    AUTO(text) struct text duration = {0};
    struct wall_time start, end = c->now;
    job_completions(object, &completions);
    if (time_parse(VALUE_GET(object, status, startTime), &start)) {
        struct value completed = VALUE_GET(object, status, completionTime);
        if (value_is_present(completed) && !time_parse(completed, &end))
            end = c->now;
        human_duration(end.unix_ns - start.unix_ns, &duration);
    }
    cell_name(c, object);
    cell_text(c, job_state(object));
    cell_text(c, text_str(&completions));
    cell_text(c, text_str(&duration));
    cell_created(c, object);
    cell_containers(c, VALUE_GET(object, spec, template, spec));
    cell_selector(c, VALUE_GET(object, spec, selector), "<none>");
}

static void cron_job(struct value object, struct cells *c)
{
    struct value last = VALUE_GET(object, status, lastScheduleTime);
    struct value template = VALUE_GET(object, spec, jobTemplate, spec);
    struct value suspend = VALUE_GET(object, spec, suspend);
    AUTO(text) struct text age = {0};
    if (value_is_present(last))
        age_text(c->now, last, &age);
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, spec, schedule), "");
    cell_value(c, VALUE_GET(object, spec, timeZone), "<none>");
    cell_text(c, !value_is_present(suspend) ? S("<unset>")
                 : value_as_bool(suspend)   ? S("True")
                                            : S("False"));
    cell_int(c, (int64_t)value_count(VALUE_GET(object, status, active)));
    cell_text(c, value_is_present(last) ? text_str(&age) : S("<none>"));
    cell_created(c, object);
    cell_containers(c, VALUE_GET(template, template, spec));
    struct value selector = VALUE_GET(template, selector);
    if (value_is_present(selector))
        cell_selector(c, selector, "<none>");
    else
        cell_text(c, S("<none>"));
}

static void controller_revision(struct value object, struct cells *c)
{
    struct value owner = object_controller_ref(object);
    struct str group_version = VALUE_STR(owner, apiVersion);
    struct str kind = VALUE_STR(owner, kind);
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < kind.size; i++)
        text_add_byte(&t, kind.bytes[i] >= 'A' && kind.bytes[i] <= 'Z' ? (char)(kind.bytes[i] + 32)
                                                                       : kind.bytes[i]);
    size_t slash = str_find(group_version, '/');
    if (slash < group_version.size)
        text_printf(&t, ".%.*s", STR_ARG(str_slice(group_version, 0, slash)));
    text_printf(&t, "/%.*s", STR_ARG(VALUE_STR(owner, name)));
    cell_name(c, object);
    cell_text(c, value_is_present(owner) ? text_str(&t) : S("<none>"));
    cell_int(c, VALUE_INT(object, 0, revision)); /* though its column is of text */
    cell_created(c, object);
}

/* ---- autoscaling and scale ---- */

static void number_or(struct text *out, struct value v, const char *otherwise, const char *unit)
{
    if (value_kind(v) == VALUE_INTEGER)
        text_printf(out, "%" PRId64 "%s", value_as_integer(v, 0), unit);
    else
        text_add(out, str_from(otherwise));
}

/* What the metric of this name is now. */
static struct value current_of(struct value object, size_t index)
{
    return value_at(VALUE_GET(object, status, currentMetrics), index);
}

static void resource_target(struct value object, struct value metric, size_t index,
                            struct text *out)
{
    bool is_container = VALUE_IS(metric, "ContainerResource", type);
    struct value m =
        is_container ? VALUE_GET(metric, containerResource) : VALUE_GET(metric, resource);
    struct value now = current_of(object, index);
    struct value current = VALUE_GET(
        is_container ? VALUE_GET(now, containerResource) : VALUE_GET(now, resource), current);
    struct str average = VALUE_STR(m, target, averageValue);
    text_printf(out, "%.*s: ", STR_ARG(VALUE_STR(m, name)));
    if (average.size > 0) {
        struct str is = VALUE_STR(current, averageValue);
        text_printf(out, "%.*s/%.*s", STR_ARG(is.size > 0 ? is : S("<unknown>")), STR_ARG(average));
        return;
    }
    number_or(out, VALUE_GET(current, averageUtilization), "<unknown>", "%");
    text_add_byte(out, '/');
    number_or(out, VALUE_GET(m, target, averageUtilization), "<auto>", "%");
}

static void other_target(struct value object, struct value metric, size_t index, struct text *out)
{
    struct value now = current_of(object, index);
    bool is_pods = VALUE_IS(metric, "Pods", type);
    bool is_object = VALUE_IS(metric, "Object", type);
    struct value m = is_pods     ? VALUE_GET(metric, pods)
                     : is_object ? VALUE_GET(metric, object)
                                 : VALUE_GET(metric, external);
    struct value current = VALUE_GET(is_pods     ? VALUE_GET(now, pods)
                                     : is_object ? VALUE_GET(now, object)
                                                 : VALUE_GET(now, external),
                                     current);
    struct str average = VALUE_STR(m, target, averageValue);
    struct str target = average.size > 0 ? average : VALUE_STR(m, target, value);
    struct str is = average.size > 0 ? VALUE_STR(current, averageValue) : VALUE_STR(current, value);
    text_printf(out, "%.*s/%.*s%s", STR_ARG(is.size > 0 ? is : S("<unknown>")), STR_ARG(target),
                average.size > 0 && !is_pods ? " (avg)" : "");
}

/* DEVIATION: In autoscaling/v1 this is the CPU's target alone, since cells are made from the
 * version that is asked for; a real server makes them from its internal form. */
static void autoscaler_targets(struct value object, struct text *out)
{
    struct value metrics = VALUE_GET(object, spec, metrics);
    struct value utilization = VALUE_GET(object, spec, targetCPUUtilizationPercentage);
    size_t count = value_count(metrics);
    for (size_t i = 0; i < count && i < 2; i++) {
        struct value metric = value_at(metrics, i);
        text_add(out, i > 0 ? S(", ") : S(""));
        if (VALUE_IS(metric, "Resource", type) || VALUE_IS(metric, "ContainerResource", type))
            resource_target(object, metric, i, out);
        else
            other_target(object, metric, i, out);
    }
    if (count > 2)
        text_printf(out, " + %zu more...", count - 2);
    if (count == 0 && value_is_present(utilization)) { /* as autoscaling/v1 shows it */
        text_add(out, S("cpu: "));
        number_or(out, VALUE_GET(object, status, currentCPUUtilizationPercentage), "<unknown>",
                  "%");
        text_add_byte(out, '/');
        number_or(out, utilization, "<auto>", "%");
    }
    if (out->size == 0)
        text_add(out, S("<none>"));
}

static void autoscaler(struct value object, struct cells *c)
{
    struct value reference = VALUE_GET(object, spec, scaleTargetRef);
    AUTO(text) struct text target = {0};
    AUTO(text) struct text metrics = {0};
    AUTO(text) struct text least = {0};
    text_printf(&target, "%.*s/%.*s", STR_ARG(VALUE_STR(reference, kind)),
                STR_ARG(VALUE_STR(reference, name)));
    autoscaler_targets(object, &metrics);
    number_or(&least, VALUE_GET(object, spec, minReplicas), "<unset>", "");
    cell_name(c, object);
    cell_text(c, text_str(&target));
    cell_text(c, text_str(&metrics));
    cell_text(c, text_str(&least));
    cell_int(c, VALUE_INT(object, 0, spec, maxReplicas));
    cell_int(c, VALUE_INT(object, 0, status, currentReplicas));
    cell_created(c, object);
}

static void scale(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_int(c, VALUE_INT(object, 0, spec, replicas));
    cell_int(c, VALUE_INT(object, 0, status, replicas));
    cell_created(c, object);
}

const struct printer workload_printers[] = {
    {"Pod", pod},
    {"PodTemplate", pod_template},
    {"ReplicaSet", replica_set},
    {"ReplicationController", replication_controller},
    {"Deployment", deployment},
    {"StatefulSet", stateful_set},
    {"DaemonSet", daemon_set},
    {"Job", job},
    {"CronJob", cron_job},
    {"ControllerRevision", controller_revision},
    {"HorizontalPodAutoscaler", autoscaler},
    {"Scale", scale},
    {NULL, NULL},
};
