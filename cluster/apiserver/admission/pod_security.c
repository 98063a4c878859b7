/* SPDX-License-Identifier: Apache-2.0
 *
 * PodSecurity: the Pod Security Standards, chosen by labels of the namespace,
 * pod-security.kubernetes.io/enforce, /audit, /warn (levels privileged, baseline, restricted;
 * privileged when absent), each with a -version ("latest", or "v1.x": the checks as they were
 * then).
 *
 * enforce refuses pods, with all that is wrong. warn tells the writer, of pods that are admitted
 * and of the templates of workloads, which are never refused. Who only says what is enforced is
 * warned by the same. A label that cannot be read counts as restricted for enforce and as
 * privileged for the others; new ones are refused.
 *
 * Of updates of pods only new images and new containers are looked at. A namespace whose enforced
 * policy changes is told of the pods that are there: those with the same reasons in one line, at
 * most 3000 of them, one of each controller first.
 *
 * The checks are in pod_security_table.c.
 *
 * DEVIATION: the levels of audit are checked for their form only, as no annotations of the audit
 * log are written. Nobody is exempt and nothing is the default, as there is no
 * PodSecurityConfiguration; and existing pods are looked at without a limit of time.
 *
 * Source: kubernetes.io/docs/concepts/security/pod-security-admission/
 */
#include "cluster/apiserver/admission/pod_security.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/admission.h"
#include "sim/base/vec.h"

#define LABEL "pod-security.kubernetes.io/"
#define EXISTING_PODS_MAX 3000

/* ---- what the labels say ---- */

enum mode { MODE_ENFORCE, MODE_AUDIT, MODE_WARN, MODE_COUNT };

static const struct mode_labels {
    const char *level, *version;
} mode_labels[MODE_COUNT] = {{LABEL "enforce", LABEL "enforce-version"},
                             {LABEL "audit", LABEL "audit-version"},
                             {LABEL "warn", LABEL "warn-version"}};
static const char *const level_names[] = {"privileged", "baseline", "restricted"};

static bool parse_level(struct str s, enum security_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_COUNT(level_names); i++) {
        if (!str_equal(s, str_from(level_names[i])))
            continue;
        *ret_level = (enum security_level)i;
        return true;
    }
    return false;
}

/* v1.0, v1.36, not v1.036 nor v1.+3 */
static bool parse_version(struct str s, int64_t *ret_minor)
{
    *ret_minor = SECURITY_LATEST;
    if (str_equal(s, S("latest")))
        return true;
    int64_t minor;
    if (s.size < 4 || !str_starts_with(s, S("v1.")) || !is_digit(s.bytes[3]) ||
        (s.bytes[3] == '0' && s.size > 4) || !str_to_int64(str_slice(s, 3, s.size), &minor))
        return false;
    *ret_minor = minor;
    return true;
}

static void label_error(struct field_errors *errors, const char *label, struct value value,
                        const char *must)
{
    AUTO(text) struct text path = {0};
    text_printf(&path, "metadata.labels[%s]", label);
    if (errors)
        field_error_add(errors, FIELD_INVALID, text_str(&path), value, "%s", must);
}

/* The policies of a namespace; all that cannot be read is an error (errors may be NULL). */
static void read_policies(struct value namespace, struct security_policy policies[MODE_COUNT],
                          struct field_errors *errors)
{
    bool has_level[MODE_COUNT] = {false}, has_version[MODE_COUNT] = {false}, is_read = true;
    for (size_t m = 0; m < MODE_COUNT; m++) {
        const struct mode_labels *names = &mode_labels[m];
        struct value level = object_label(namespace, str_from(names->level));
        struct value version = object_label(namespace, str_from(names->version));
        policies[m] = (struct security_policy){SECURITY_PRIVILEGED, SECURITY_LATEST};
        has_level[m] = value_is_present(level);
        has_version[m] = value_is_present(version);
        if (has_level[m] && !parse_level(value_str(level), &policies[m].level)) {
            policies[m].level = m == MODE_ENFORCE ? SECURITY_RESTRICTED : SECURITY_PRIVILEGED;
            is_read &= m != MODE_ENFORCE;
            label_error(errors, names->level, level,
                        "must be one of privileged, baseline, restricted");
        }
        if (has_version[m] && !parse_version(value_str(version), &policies[m].minor))
            label_error(errors, names->version, version, "must be \"latest\" or \"v1.x\"");
    }
    struct security_policy *enforce = &policies[MODE_ENFORCE], *warn = &policies[MODE_WARN];
    if (!has_level[MODE_ENFORCE] || !is_read || has_level[MODE_WARN] ||
        enforce->level <= warn->level)
        return;
    warn->level = enforce->level;
    if (!has_version[MODE_WARN])
        warn->minor = enforce->minor;
}

/* Most namespaces have no such labels. */
static bool has_policies(struct value namespace)
{
    struct value labels = object_labels(namespace);
    for (size_t i = 0; i < value_count(labels); i++)
        if (str_starts_with(value_key_at(labels, i), S(LABEL)))
            return true;
    return false;
}

/* restricted:latest, baseline:v1.20 */
static void write_policy(const struct security_policy *p, struct text *out)
{
    text_printf(out, "%s:", level_names[p->level]);
    if (p->minor == SECURITY_LATEST)
        text_add(out, S("latest"));
    else
        text_printf(out, "v1.%" PRId64, p->minor);
}

static void warn(struct admission *a, struct str text)
{
    *a->warnings = value_append(*a->warnings, value_string(text));
}

/* ---- namespaces: the pods that are there ---- */

struct survey {
    const struct security_policy *policy;
    VEC(struct {
        struct text reasons;
        struct value first; /* the least of the names; borrowed */
        size_t count;
    })
    groups;
    VEC(struct value) controllers; /* uids of which a pod has been looked at */
    VEC(struct value) later;       /* pods of theirs */
    size_t checked;
};

static void survey_pod(struct survey *s, struct value pod)
{
    AUTO(violations) struct violations bad = {0};
    struct value name = object_name(pod);
    size_t i = 0;
    if (s->checked == EXISTING_PODS_MAX)
        return;
    s->checked++;
    security_evaluate(s->policy, VALUE_GET(pod, metadata), VALUE_GET(pod, spec), &bad);
    if (bad.reasons.size == 0)
        return;
    while (i < s->groups.count &&
           !str_equal(text_str(&s->groups.items[i].reasons), text_str(&bad.reasons)))
        i++;
    if (i == s->groups.count) {
        vec_reserve(&s->groups, i + 1);
        s->groups.items[s->groups.count++].reasons = bad.reasons;
        s->groups.items[i].first = name;
        s->groups.items[i].count = 0;
        bad.reasons = (struct text){0};
    } else if (str_compare(value_str(name), value_str(s->groups.items[i].first)) < 0) {
        s->groups.items[i].first = name;
    }
    s->groups.items[i].count++;
}

/* Is it the second of its controller? */
static bool can_wait(struct survey *s, struct value pod)
{
    struct value uid = VALUE_GET(object_controller_ref(pod), uid);
    if (!value_is_present(uid))
        return false;
    for (size_t i = 0; i < s->controllers.count; i++)
        if (value_equal(s->controllers.items[i], uid))
            return true;
    vec_push(&s->controllers, uid);
    return false;
}

static void survey_tell(struct admission *a, struct survey *s, size_t total)
{
    AUTO(words) struct words lines = {0};
    AUTO(text) struct text head = {0};
    if (s->checked < total) {
        AUTO(text) struct text some = {0};
        text_printf(&some,
                    "new PodSecurity enforce level only checked against the first %zu of %zu "
                    "existing pods",
                    s->checked, total);
        warn(a, text_str(&some));
    }
    if (s->groups.count == 0)
        return;
    text_printf(&head,
                "existing pods in namespace \"%.*s\" violate the new PodSecurity enforce level \"",
                STR_ARG(a->name));
    write_policy(s->policy, &head);
    text_add_byte(&head, '"');
    warn(a, text_str(&head));
    for (size_t i = 0; i < s->groups.count; i++) {
        AUTO(text) struct text line = {0};
        size_t others = s->groups.items[i].count - 1;
        text_add(&line, value_str(s->groups.items[i].first));
        if (others > 0)
            text_printf(&line, " (and %zu other pod%s)", others, others > 1 ? "s" : "");
        text_printf(&line, ": %s", text_c(&s->groups.items[i].reasons));
        words_insert(&lines, text_str(&line));
    }
    for (size_t i = 0; i < words_count(&lines); i++)
        *a->warnings = value_append(*a->warnings, value_keep(value_at(lines.list, i)));
}

static void warn_of_existing(struct admission *a, const struct security_policy *policy)
{
    struct survey s = {.policy = policy};
    size_t total = 0;
    struct cache_cursor c = watch_cache_of_known(a->server, RESOURCE_pods, a->name);
    for (; c.kv; watch_cache_next(&c))
        total++;
    c = watch_cache_of_known(a->server, RESOURCE_pods, a->name);
    for (; c.kv && s.checked < EXISTING_PODS_MAX; watch_cache_next(&c)) {
        if (total > EXISTING_PODS_MAX && can_wait(&s, c.kv->value))
            vec_push(&s.later, c.kv->value);
        else
            survey_pod(&s, c.kv->value);
    }
    for (size_t i = 0; i < s.later.count; i++)
        survey_pod(&s, s.later.items[i]);
    survey_tell(a, &s, total);
    for (size_t i = 0; i < s.groups.count; i++)
        text_release(&s.groups.items[i].reasons);
    vec_release(&s.groups);
    vec_release(&s.controllers);
    vec_release(&s.later);
}

static bool are_same_errors(const struct field_errors *a, const struct field_errors *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!str_equal(text_str(&a->items[i].path), text_str(&b->items[i].path)) ||
            !str_equal(text_str(&a->items[i].body), text_str(&b->items[i].body)))
            return false;
    return true;
}

/* Labels that were wrong before may stay as they are. */
static void validate_namespace(struct admission *a)
{
    struct field_errors errors = {0}, errors_before = {0};
    struct security_policy now[MODE_COUNT], before[MODE_COUNT];
    read_policies(a->object, now, &errors);
    read_policies(a->old, before, &errors_before);
    const struct security_policy *enforce = &now[MODE_ENFORCE], *was = &before[MODE_ENFORCE];
    if (errors.count > 0 && !are_same_errors(&errors, &errors_before))
        a->status =
            status_invalid(a->asked, value_str(VALUE_GET(a->object, metadata, name)), &errors);
    else if (a->operation == ADMIT_UPDATE && enforce->level != SECURITY_PRIVILEGED &&
             (enforce->minor != was->minor || enforce->level > was->level))
        warn_of_existing(a, enforce);
    field_errors_release(&errors);
    field_errors_release(&errors_before);
}

/* ---- pods, and what makes them ---- */

static void warn_of(struct admission *a, const struct security_policy *policy,
                    struct value metadata, struct value spec)
{
    AUTO(violations) struct violations bad = {0};
    AUTO(text) struct text text = {0};
    security_evaluate(policy, metadata, spec, &bad);
    if (bad.details.size == 0)
        return;
    text_add(&text, S("would violate PodSecurity \""));
    write_policy(policy, &text);
    text_printf(&text, "\": %s", text_c(&bad.details));
    warn(a, text_str(&text));
}

/* Are there more containers than before, or other images? */
static bool is_changed(struct value containers, struct value before)
{
    if (value_count(containers) != value_count(before))
        return true;
    for (size_t i = 0; i < value_count(containers); i++)
        if (!value_equal(VALUE_GET(value_at(containers, i), image),
                         VALUE_GET(value_at(before, i), image)))
            return true;
    return false;
}

static bool is_significant(struct value spec, struct value before)
{
    return !value_is_same(spec, before) &&
           (is_changed(VALUE_GET(spec, containers), VALUE_GET(before, containers)) ||
            is_changed(VALUE_GET(spec, initContainers), VALUE_GET(before, initContainers)) ||
            is_changed(VALUE_GET(spec, ephemeralContainers),
                       VALUE_GET(before, ephemeralContainers)));
}

static void validate_pod(struct admission *a, const struct security_policy *policies)
{
    struct value metadata = VALUE_GET(a->object, metadata), spec = VALUE_GET(a->object, spec);
    const struct security_policy *enforce = &policies[MODE_ENFORCE];
    AUTO(violations) struct violations bad = {0};
    AUTO(text) struct text why = {0};
    if (a->operation == ADMIT_UPDATE && !is_significant(spec, VALUE_GET(a->old, spec)))
        return;
    security_evaluate(enforce, metadata, spec, &bad);
    if (bad.details.size == 0) {
        warn_of(a, &policies[MODE_WARN], metadata, spec);
        return;
    }
    text_add(&why, S("violates PodSecurity \""));
    write_policy(enforce, &why);
    text_printf(&why, "\": %s", text_c(&bad.details));
    admission_refuse(a, text_str(&why));
}

/* The pods that a workload will make. */
static struct value template_of(const struct admission *a)
{
    switch (a->resource->index) {
    case RESOURCE_podtemplates:
        return VALUE_GET(a->object, template);
    case RESOURCE_replicationcontrollers:
    case RESOURCE_replicasets:
    case RESOURCE_deployments:
    case RESOURCE_statefulsets:
    case RESOURCE_daemonsets:
    case RESOURCE_jobs:
        return VALUE_GET(a->object, spec, template);
    case RESOURCE_cronjobs:
        return VALUE_GET(a->object, spec, jobTemplate, spec, template);
    default:
        return VALUE_ABSENT;
    }
}

static void validate(struct admission *a)
{
    bool is_pod = a->resource->index == RESOURCE_pods;
    if (a->subresource != SUBRESOURCE_NONE &&
        !(is_pod && a->subresource == SUBRESOURCE_EPHEMERALCONTAINERS))
        return;
    if (a->resource->index == RESOURCE_namespaces) {
        validate_namespace(a);
        return;
    }
    struct value made = template_of(a);
    if (!is_pod && !value_is_present(made))
        return;
    struct value namespace = watch_cache_find(a->server, RESOURCE_namespaces, S(""), a->namespace);
    if (!has_policies(namespace))
        return;
    struct security_policy policies[MODE_COUNT];
    read_policies(namespace, policies, NULL);
    if (is_pod)
        validate_pod(a, policies);
    else
        warn_of(a, &policies[MODE_WARN], VALUE_GET(made, metadata), VALUE_GET(made, spec));
}

const struct admission_plugin admission_pod_security = {
    .name = "PodSecurity",
    .resource = ADMIT_EVERY_RESOURCE,
    .operations = ADMIT_ON(ADMIT_CREATE) | ADMIT_ON(ADMIT_UPDATE),
    .sees_subresources = true,
    .validate = validate,
};
