/* SPDX-License-Identifier: Apache-2.0
 *
 * LimitRanger: the LimitRange objects of the namespace give containers their default requests and
 * limits, and bound what containers, pods and claims may ask for (min, max, maxLimitRequestRatio).
 *
 * What was filled in is said in the annotation kubernetes.io/limit-ranger: "LimitRanger plugin set:
 * cpu, memory request for container x; cpu, memory limit for container x". All violations are
 * reported at once, in brackets.
 *
 * Source: kubernetes.io/docs/concepts/policy/limit-range/ and plugin/pkg/admission/limitranger.
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"

/* ---- defaults ---- */

/* Adds to the container's limits or requests what it lacks; the names of what was added go to
 * `added`. */
static struct value fill(struct value own_container, atom kind, struct value defaults,
                         struct text *added)
{
    struct value has = value_get(VALUE_GET(own_container, resources), kind);
    struct value next = value_keep(has);
    for (size_t i = 0; i < value_count(defaults); i++) {
        struct str name = value_key_at(defaults, i);
        if (value_is_present(value_get_key(has, name)))
            continue;
        next = value_set_key(value_is_present(next) ? next : value_object(), name,
                             value_keep(value_member_at(defaults, i)));
        text_printf(added, "%s%.*s", added->size > 0 ? ", " : "", STR_ARG(name));
    }
    if (added->size == 0) {
        value_drop(next);
        return own_container;
    }
    struct value resources = value_keep(VALUE_GET(own_container, resources));
    resources = value_set(value_is_present(resources) ? resources : value_object(), kind, next);
    return VALUE_SET(own_container, resources, resources);
}

static void note(struct text *notes, struct text *added, const char *what, struct str container)
{
    if (added->size > 0)
        text_printf(notes, "%s%s %s container %.*s", notes->size > 0 ? "; " : "", text_c(added),
                    what, STR_ARG(container));
}

/* What the container-type limits of the namespace say of one name, merged over all LimitRanges. */
static struct value merged(struct admission *a, atom kind)
{
    struct value all = VALUE_ABSENT;
    for (struct cache_cursor k =
             watch_cache_of_known(a->server, RESOURCE_limitranges, a->namespace);
         k.kv; watch_cache_next(&k)) {
        struct value limits = VALUE_GET(k.kv->value, spec, limits);
        for (size_t i = 0; i < value_count(limits); i++) {
            struct value part = value_get(value_at(limits, i), kind);
            if (!VALUE_IS(value_at(limits, i), "Container", type))
                continue;
            for (size_t m = 0; m < value_count(part); m++)
                all = value_set_key(value_is_present(all) ? all : value_object(),
                                    value_key_at(part, m), value_keep(value_member_at(part, m)));
        }
    }
    return all;
}

static struct value fill_containers(struct value own_containers, struct value requests,
                                    struct value limits, struct text *notes)
{
    for (size_t i = 0; i < value_count(own_containers); i++) {
        struct value container = value_keep(value_at(own_containers, i));
        struct str name = VALUE_STR(container, name);
        AUTO(text) struct text limit = {0};
        AUTO(text) struct text request = {0};
        container = fill(container, ATOM_limits, limits, &limit);
        container = fill(container, ATOM_requests, requests, &request);
        note(notes, &request, "request for", name);
        note(notes, &limit, "limit for", name);
        if (limit.size > 0 || request.size > 0)
            own_containers = value_set_at(own_containers, i, container);
        else
            value_drop(container);
    }
    return own_containers;
}

static bool has_ranges(struct admission *a)
{
    return watch_cache_of_known(a->server, RESOURCE_limitranges, a->namespace).kv != NULL;
}

static void mutate(struct admission *a)
{
    if (!has_ranges(a))
        return;
    struct value requests = merged(a, ATOM_defaultRequest), limits = merged(a, ATOM_default);
    AUTO(text) struct text notes = {0};
    struct value containers = fill_containers(value_keep(VALUE_GET(a->object, spec, containers)),
                                              requests, limits, &notes);
    struct value inits = VALUE_GET(a->object, spec, initContainers);
    if (value_count(inits) > 0)
        a->object =
            VALUE_SET(a->object, fill_containers(value_keep(inits), requests, limits, &notes), spec,
                      initContainers);
    a->object = VALUE_SET(a->object, containers, spec, containers);
    value_drop(requests);
    value_drop(limits);
    if (notes.size == 0)
        return;
    struct value annotations = value_keep(VALUE_GET(a->object, metadata, annotations));
    annotations = value_set_key(value_is_present(annotations) ? annotations : value_object(),
                                S("kubernetes.io/limit-ranger"),
                                value_printf("LimitRanger plugin set: %s", text_c(&notes)));
    a->object = VALUE_SET(a->object, annotations, metadata, annotations);
}

/* ---- bounds ---- */

static void check_minimum(struct text *out, struct str type, struct str name, struct value minimum,
                          struct value request, struct value limit)
{
    struct str least = value_str(minimum);
    struct str shown = value_str(request), shown_limit = value_str(limit);
    if (!value_is_present(request))
        admission_reason(out, "minimum %.*s usage per %.*s is %.*s.  No request is specified",
                         STR_ARG(name), STR_ARG(type), STR_ARG(least));
    else if (quantity_compare(request, minimum) < 0)
        admission_reason(out, "minimum %.*s usage per %.*s is %.*s, but request is %.*s",
                         STR_ARG(name), STR_ARG(type), STR_ARG(least), STR_ARG(shown));
    else if (value_is_present(limit) && quantity_compare(limit, minimum) < 0)
        admission_reason(out, "minimum %.*s usage per %.*s is %.*s, but limit is %.*s",
                         STR_ARG(name), STR_ARG(type), STR_ARG(least), STR_ARG(shown_limit));
}

static void check_maximum(struct text *out, struct str type, struct str name, struct value maximum,
                          struct value request, struct value limit)
{
    struct str most = value_str(maximum);
    struct str shown = value_str(limit), shown_request = value_str(request);
    if (!value_is_present(limit))
        admission_reason(out, "maximum %.*s usage per %.*s is %.*s.  No limit is specified",
                         STR_ARG(name), STR_ARG(type), STR_ARG(most));
    else if (quantity_compare(limit, maximum) > 0)
        admission_reason(out, "maximum %.*s usage per %.*s is %.*s, but limit is %.*s",
                         STR_ARG(name), STR_ARG(type), STR_ARG(most), STR_ARG(shown));
    else if (value_is_present(request) && quantity_compare(request, maximum) > 0)
        admission_reason(out, "maximum %.*s usage per %.*s is %.*s, but request is %.*s",
                         STR_ARG(name), STR_ARG(type), STR_ARG(most), STR_ARG(shown_request));
}

static void check_ratio(struct text *out, struct str type, struct str name, struct value ratio,
                        struct value request, struct value limit)
{
    struct str most = value_str(ratio);
    int64_t of = quantity_milli(request), limit_milli = quantity_milli(limit),
            most_milli = quantity_milli(ratio);
    if (of <= 0 || !value_is_present(limit)) {
        admission_reason(
            out,
            "%.*s max limit to request ratio per %.*s is %.*s, but no request is specified or "
            "request is 0",
            STR_ARG(name), STR_ARG(type), STR_ARG(most));
        return;
    }
    int64_t micro = limit_milli / of * 1000000 + limit_milli % of * 1000000 / of;
    if (micro > most_milli * 1000)
        admission_reason(
            out,
            "%.*s max limit to request ratio per %.*s is %.*s, but provided ratio is %" PRId64
            ".%06" PRId64,
            STR_ARG(name), STR_ARG(type), STR_ARG(most), micro / 1000000, micro % 1000000);
}

/* One item of a LimitRange against what something requests and limits. */
static void check_item(struct text *out, struct value item, struct value requests,
                       struct value limits)
{
    static const struct {
        atom kind;
        void (*check)(struct text *, struct str, struct str, struct value, struct value,
                      struct value);
    } bounds[] = {{ATOM_min, check_minimum},
                  {ATOM_max, check_maximum},
                  {ATOM_maxLimitRequestRatio, check_ratio}};
    struct str type = VALUE_STR(item, type);
    for (size_t b = 0; b < ARRAY_COUNT(bounds); b++) {
        struct value bound = value_get(item, bounds[b].kind);
        for (size_t i = 0; i < value_count(bound); i++) {
            struct str name = value_key_at(bound, i);
            bounds[b].check(out, type, name, value_member_at(bound, i),
                            value_get_key(requests, name), value_get_key(limits, name));
        }
    }
}

/* The sum over the containers, or absent when none states it. */
static struct value pod_sum(struct value spec, atom kind, struct str name)
{
    struct value sum = VALUE_ABSENT, containers = VALUE_GET(spec, containers);
    for (size_t i = 0; i < value_count(containers); i++) {
        struct value q =
            value_get_key(value_get(VALUE_GET(value_at(containers, i), resources), kind), name);
        if (!value_is_present(q))
            continue;
        struct value next = quantity_sum(sum, q);
        value_drop(sum);
        sum = next;
    }
    return sum;
}

static void check_pod(struct text *out, struct value item, struct value spec)
{
    struct value requests = value_object(), limits = value_object();
    struct value names = podspec_resource_names(spec);
    for (size_t i = 0; i < value_count(names); i++) {
        struct str name = value_str(value_at(names, i));
        requests = value_set_key(requests, name, pod_sum(spec, ATOM_requests, name));
        limits = value_set_key(limits, name, pod_sum(spec, ATOM_limits, name));
    }
    check_item(out, item, requests, limits);
    value_drop(names);
    value_drop(requests);
    value_drop(limits);
}

static void check_containers(struct text *out, struct value item, struct value containers)
{
    for (size_t i = 0; i < value_count(containers); i++) {
        struct value resources = VALUE_GET(value_at(containers, i), resources);
        check_item(out, item, VALUE_GET(resources, requests), VALUE_GET(resources, limits));
    }
}

static void check_object(struct admission *a, struct text *out, struct value item)
{
    bool is_pod = a->resource == resource_get(RESOURCE_pods);
    struct value spec = VALUE_GET(a->object, spec);
    if (is_pod && VALUE_IS(item, "Container", type)) {
        check_containers(out, item, VALUE_GET(spec, containers));
        check_containers(out, item, VALUE_GET(spec, initContainers));
    } else if (is_pod && VALUE_IS(item, "Pod", type)) {
        check_pod(out, item, spec);
    } else if (!is_pod && VALUE_IS(item, "PersistentVolumeClaim", type)) {
        struct value requests = VALUE_GET(spec, resources, requests);
        check_item(out, item, requests, requests);
    }
}

static void validate(struct admission *a)
{
    AUTO(text) struct text out = {0};
    for (struct cache_cursor k =
             watch_cache_of_known(a->server, RESOURCE_limitranges, a->namespace);
         k.kv; watch_cache_next(&k)) {
        struct value limits = VALUE_GET(k.kv->value, spec, limits);
        for (size_t i = 0; i < value_count(limits); i++)
            check_object(a, &out, value_at(limits, i));
    }
    if (out.size == 0)
        return;
    AUTO(text) struct text why = {0};
    /* Several are joined by ", " in brackets; one alone has none. A single text has ", but" at
     * most. */
    size_t count = 0;
    struct str rest = text_str(&out);
    for (size_t i = 0; i + 4 <= rest.size; i++)
        count += memcmp(rest.bytes + i, " per", 4) == 0;
    if (count > 1)
        text_printf(&why, "[%s]", text_c(&out));
    else
        text_add(&why, text_str(&out));
    admission_refuse(a, text_str(&why));
}

const struct admission_plugin admission_limit_ranger = {
    .name = "LimitRanger",
    .resource = RESOURCE_pods,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate,
    .validate = validate,
};
