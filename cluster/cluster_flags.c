/* SPDX-License-Identifier: Apache-2.0
 *
 * Flags of the components by the names of the real binaries. A flag that the simulated component
 * does not heed is refused rather than ignored: a scenario must never believe that it set
 * something.
 */
#include "sim/base/base.h"

#include "cluster/cluster.h"
#include "cluster/cluster_flags.h"

#include <stddef.h>

enum setting_type {
    SETTING_INT,
    SETTING_INT64,
    SETTING_DURATION,
    SETTING_MILLISECONDS,
    SETTING_SECONDS,
    SETTING_TEXT,
    SETTING_OFF
};
struct flag {
    const char *component, *name;
    enum setting_type type;
    size_t offset; /* in struct component_settings */
};
#define AT(member) offsetof(struct component_settings, member)

static const struct flag flags[] = {
    {"etcd", "heartbeat-interval", SETTING_MILLISECONDS, AT(etcd.heartbeat)},
    {"etcd", "election-timeout", SETTING_MILLISECONDS, AT(etcd.election)},
    {"etcd", "snapshot-count", SETTING_INT64, AT(etcd.snapshot_entries)},
    {"etcd", "quota-backend-bytes", SETTING_INT64, AT(etcd.quota_bytes)},
    {"kube-apiserver", "max-requests-inflight", SETTING_INT, AT(apiserver.max_requests_inflight)},
    {"kube-apiserver", "max-mutating-requests-inflight", SETTING_INT,
     AT(apiserver.max_mutating_requests_inflight)},
    {"kube-apiserver", "request-timeout", SETTING_DURATION, AT(apiserver.request_timeout)},
    {"kube-apiserver", "min-request-timeout", SETTING_SECONDS, AT(apiserver.min_request_timeout)},
    {"kube-apiserver", "event-ttl", SETTING_DURATION, AT(apiserver.event_ttl)},
    {"kube-apiserver", "etcd-compaction-interval", SETTING_DURATION,
     AT(apiserver.compaction_interval)},
    {"kube-apiserver", "service-cluster-ip-range", SETTING_TEXT, AT(apiserver.service_cidr)},
    {"kube-scheduler", "kube-api-qps", SETTING_INT, AT(scheduler.kube_api_qps)},
    {"kube-scheduler", "kube-api-burst", SETTING_INT, AT(scheduler.kube_api_burst)},
    {"kube-scheduler", "leader-elect", SETTING_OFF, AT(scheduler.leader_elect_off)},
    {"kube-scheduler", "percentage-of-nodes-to-score", SETTING_INT,
     AT(scheduler.percentage_of_nodes_to_score)},
    {"kube-scheduler", "pod-initial-backoff", SETTING_DURATION, AT(scheduler.pod_initial_backoff)},
    {"kube-scheduler", "pod-max-backoff", SETTING_DURATION, AT(scheduler.pod_max_backoff)},
};

static enum err wrong(const struct flag *f, const char *expected, struct errmsg *message)
{
    return errmsg_set(message, ERR_TYPE, "flag --%s of %s: expected %s", f->name, f->component,
                      expected);
}

static enum err set(const struct flag *f, void *target, struct arena *arena, struct value v,
                    struct errmsg *message)
{
    int64_t number = value_as_integer(v, -1);
    struct duration d;
    switch (f->type) {
    case SETTING_INT:
        if (value_kind(v) != VALUE_INTEGER || number < 0 || number > INT32_MAX)
            return wrong(f, "a number of at least 0", message);
        *(int *)target = (int)number;
        return ERR_OK;
    case SETTING_INT64:
        if (value_kind(v) != VALUE_INTEGER || number < 0)
            return wrong(f, "a number of at least 0", message);
        *(int64_t *)target = number;
        return ERR_OK;
    case SETTING_MILLISECONDS:
    case SETTING_SECONDS:
        if (value_kind(v) != VALUE_INTEGER || number < 1 || number > INT32_MAX)
            return wrong(
                f, f->type == SETTING_SECONDS ? "a number of seconds" : "a number of milliseconds",
                message);
        *(struct duration *)target =
            f->type == SETTING_SECONDS ? duration_s(number) : duration_ms(number);
        return ERR_OK;
    case SETTING_DURATION:
        if (value_kind(v) != VALUE_STRING || !duration_parse(value_str(v), &d) || d.ns < 0)
            return wrong(f, "a duration such as 30s or 1h", message);
        *(struct duration *)target = d;
        return ERR_OK;
    case SETTING_TEXT:
        if (value_kind(v) != VALUE_STRING)
            return wrong(f, "a text", message);
        *(struct str *)target = arena_str(arena, value_str(v));
        return ERR_OK;
    case SETTING_OFF:
        if (value_kind(v) != VALUE_BOOL)
            return wrong(f, "true or false", message);
        *(bool *)target = !value_as_bool(v);
        return ERR_OK;
    }
    return ERR_OK;
}

/* The kubelet and the controller manager know their own flags and take them as text. */
static enum err set_as_text(struct component_settings *s, struct str component, struct str flag,
                            struct value v, struct errmsg *message)
{
    AUTO(text) struct text written = {0};
    if (value_kind(v) == VALUE_INTEGER)
        text_add_int(&written, value_as_integer(v, 0));
    else if (value_kind(v) == VALUE_BOOL)
        text_add(&written, value_as_bool(v) ? S("true") : S("false"));
    else
        text_add(&written, value_str(v));
    enum err e = str_equal(component, S("kubelet"))
                     ? kubelet_flags_set(&s->kubelet, flag, text_str(&written), message)
                     : controller_flags_set(&s->controllers, flag, text_str(&written), message);
    if (e && e != ERR_UNKNOWN)
        errmsg_prefix(message, "flag --%.*s of %.*s", STR_ARG(flag), STR_ARG(component));
    return e;
}

enum err settings_set(struct component_settings *s, struct arena *arena, struct str component,
                      struct str flag, struct value v, struct errmsg *message)
{
    bool is_component = false;
    if (str_equal(component, S("kubelet")) || str_equal(component, S("kube-controller-manager")))
        return set_as_text(s, component, flag, v, message);
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
        if (!str_equal(component, str_from(flags[i].component)))
            continue;
        is_component = true;
        if (str_equal(flag, str_from(flags[i].name)))
            return set(&flags[i], (char *)s + flags[i].offset, arena, v, message);
    }
    if (!is_component)
        return errmsg_set(
            message, ERR_UNKNOWN,
            "unknown component \"%.*s\"; expected: etcd, kube-apiserver, kube-controller-manager, "
            "kube-scheduler, kubelet",
            STR_ARG(component));
    return errmsg_set(message, ERR_UNKNOWN, "unknown flag --%.*s of %.*s", STR_ARG(flag),
                      STR_ARG(component));
}

bool cluster_flag_at(size_t i, struct cluster_flag *ret_flag, struct text *ret_name)
{
    if (i < ARRAY_COUNT(flags)) {
        *ret_flag = (struct cluster_flag){flags[i].component, ""};
        text_add(ret_name, str_from(flags[i].name));
        return true;
    }
    i -= ARRAY_COUNT(flags);
    if (i < controller_flag_count) {
        *ret_flag = (struct cluster_flag){"kube-controller-manager", controller_flag_table[i].help};
        text_add(ret_name, str_from(controller_flag_table[i].name));
        return true;
    }
    i -= controller_flag_count;
    if (i >= kubelet_flag_count)
        return false;
    *ret_flag = (struct cluster_flag){"kubelet", kubelet_flag_table[i].help};
    kubelet_flag_text(&kubelet_flag_table[i], ret_name);
    return true;
}

enum err cluster_flag_check(struct str component, struct str flag, struct value v,
                            struct errmsg *message)
{
    struct component_settings s = {0};
    struct arena arena = {0};
    enum err e = settings_set(&s, &arena, component, flag, v, message);
    arena_release(&arena);
    return e;
}
