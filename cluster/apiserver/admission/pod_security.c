/* SPDX-License-Identifier: Apache-2.0
 *
 * PodSecurity: the Pod Security Standards, chosen by labels of the namespace:
 * pod-security.kubernetes.io/enforce, /warn (levels privileged, baseline, restricted; privileged
 * when absent).
 *
 * Each check looks at the pod and the containers of all kinds and says what is wrong in upstream's
 * words; all that fail are listed in one refusal. The restricted level includes baseline's checks.
 *
 * DEVIATION: built are the checks that pods commonly meet: host namespaces, host ports, hostPath
 * volumes, privileged, added capabilities, procMount; restricted: privilege escalation, dropped
 * capabilities, runAsNonRoot, runAsUser 0, seccomp profile, volume types. Not built: AppArmor,
 * SELinux, sysctls, hostProcess; and versions: every check is that of "latest". Nothing is audited.
 *
 * Source: kubernetes.io/docs/concepts/security/pod-security-standards/
 */
#include "cluster/apiserver/admission.h"

#include <stdio.h>
#include <string.h>

#include "cluster/api/object.h"

#define PORTS_SHOWN_MAX 64
#define WORDS_MAX 512
#define REASONS_MAX 64
#define DEFAULT_CAPABILITIES                                                                       \
    "AUDIT_WRITE|CHOWN|DAC_OVERRIDE|FOWNER|FSETID|KILL|MKNOD|NET_BIND_SERVICE|SETFCAP|SETGID|"     \
    "SETPCAP|SETUID|SYS_CHROOT"
#define LABEL "pod-security.kubernetes.io/"

/* What one check found: names of containers, in order. */
struct finding {
    struct text containers;
    size_t count;
};

static void finding_add(struct finding *f, struct value container)
{
    struct str name = VALUE_STR(container, name);
    text_printf(&f->containers, "%s\"%.*s\"", f->count > 0 ? ", " : "", STR_ARG(name));
    f->count++;
}

typedef bool (*container_fn)(struct value container, struct value pod_context);

static void find(struct value spec, container_fn is_bad, struct finding *ret_finding)
{
    struct value context = VALUE_GET(spec, securityContext);
    const struct value lists[] = {VALUE_GET(spec, initContainers), VALUE_GET(spec, containers),
                                  VALUE_GET(spec, ephemeralContainers)};
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++)
        for (size_t i = 0; i < value_count(lists[l]); i++)
            if (is_bad(value_at(lists[l], i), context))
                finding_add(ret_finding, value_at(lists[l], i));
}

static void check_containers(struct text *out, struct value spec, container_fn is_bad,
                             const char *title, const char *pod_or, const char *must)
{
    struct finding f = {0};
    find(spec, is_bad, &f);
    if (f.count > 0)
        admission_reason(out, "%s (%scontainer%s %s %s)", title, pod_or, f.count > 1 ? "s" : "",
                         text_c(&f.containers), must);
    text_release(&f.containers);
}

static bool is_privileged(struct value c, struct value pod)
{
    (void)pod;
    return VALUE_BOOL_AT(c, securityContext, privileged);
}

/* "a" -> "\"a\"", then ", \"b\"": each once. */
static void quote_once(struct text *list, size_t *count, struct str word)
{
    AUTO(text) struct text quoted = {0};
    text_printf(&quoted, "\"%.*s\"", STR_ARG(word));
    if (*count >= WORDS_MAX || str_contains(text_str(list), text_str(&quoted)))
        return;
    text_printf(list, "%s%s", (*count)++ > 0 ? ", " : "", text_c(&quoted));
}

/* Puts a number among those that are there, in the order of their text, once. */
static void insert_port(char ports[][8], size_t *count, int64_t port)
{
    char text[8];
    size_t at = 0;
    snprintf(text, sizeof(text), "%d", (int)port);
    while (at < *count && strcmp(ports[at], text) < 0)
        at++;
    if (*count == PORTS_SHOWN_MAX || (at < *count && strcmp(ports[at], text) == 0))
        return;
    memmove(ports[at + 1], ports[at], (*count - at) * sizeof(*ports));
    memcpy(ports[at], text, sizeof(text));
    (*count)++;
}

/* hostPort (containers "a", "b" use hostPorts 80, 81): the numbers in the order of their text. */
static void check_host_ports(struct text *out, struct value spec)
{
    const struct value lists[] = {VALUE_GET(spec, initContainers), VALUE_GET(spec, containers),
                                  VALUE_GET(spec, ephemeralContainers)};
    AUTO(text) struct text names = {0};
    AUTO(text) struct text numbers = {0};
    char sorted[PORTS_SHOWN_MAX + 1][8];
    size_t containers = 0, ports = 0;
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        for (size_t i = 0; i < value_count(lists[l]); i++) {
            struct value c = value_at(lists[l], i), list = VALUE_GET(c, ports);
            for (size_t k = 0; k < value_count(list); k++) {
                int64_t port = VALUE_INT(value_at(list, k), 0, hostPort);
                if (port == 0)
                    continue;
                quote_once(&names, &containers, VALUE_STR(c, name));
                if (port > 0 && port < 65536)
                    insert_port(sorted, &ports, port);
            }
        }
    }
    if (containers == 0)
        return;
    for (size_t n = 0; n < ports; n++)
        text_printf(&numbers, "%s%s", n > 0 ? ", " : "", sorted[n]);
    admission_reason(out, "hostPort (container%s %s %s hostPort%s %s)", containers > 1 ? "s" : "",
                     text_c(&names), containers > 1 ? "use" : "uses", ports > 1 ? "s" : "",
                     text_c(&numbers));
}

/* What is added beyond `allowed` ("A|B"), by whom. */
static size_t find_capabilities(struct value spec, const char *allowed, struct text *names,
                                struct text *added)
{
    const struct value lists[] = {VALUE_GET(spec, initContainers), VALUE_GET(spec, containers),
                                  VALUE_GET(spec, ephemeralContainers)};
    size_t containers = 0, capabilities = 0;
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        for (size_t i = 0; i < value_count(lists[l]); i++) {
            struct value c = value_at(lists[l], i);
            struct value add = VALUE_GET(c, securityContext, capabilities, add);
            for (size_t k = 0; k < value_count(add); k++) {
                struct str rest = str_from(allowed), word = value_str(value_at(add, k));
                bool is_fine = false;
                while (rest.size > 0)
                    is_fine |= str_equal(str_cut(rest, '|', &rest), word);
                if (is_fine)
                    continue;
                quote_once(names, &containers, VALUE_STR(c, name));
                quote_once(added, &capabilities, word);
            }
        }
    }
    return containers;
}

static void check_added(struct text *out, struct value spec)
{
    AUTO(text) struct text names = {0};
    AUTO(text) struct text added = {0};
    size_t count = find_capabilities(spec, DEFAULT_CAPABILITIES, &names, &added);
    if (count > 0)
        admission_reason(out,
                         "non-default capabilities (container%s %s must not include %s in "
                         "securityContext.capabilities.add)",
                         count > 1 ? "s" : "", text_c(&names), text_c(&added));
}

static bool has_proc_mount(struct value c, struct value pod)
{
    (void)pod;
    struct str mount = VALUE_STR(c, securityContext, procMount);
    return mount.size > 0 && !str_equal(mount, S("Default"));
}

static bool may_escalate(struct value c, struct value pod)
{
    (void)pod;
    struct value v = VALUE_GET(c, securityContext, allowPrivilegeEscalation);
    return value_kind(v) != VALUE_BOOL || value_as_bool(v);
}

static bool keeps_capabilities(struct value c, struct value pod)
{
    (void)pod;
    struct value drop = VALUE_GET(c, securityContext, capabilities, drop);
    for (size_t i = 0; i < value_count(drop); i++)
        if (value_is(value_at(drop, i), "ALL"))
            return false;
    return true;
}

static void check_dropped(struct text *out, struct value spec)
{
    AUTO(text) struct text names = {0};
    AUTO(text) struct text added = {0};
    AUTO(text) struct text details = {0};
    struct finding f = {0};
    size_t count = find_capabilities(spec, "NET_BIND_SERVICE", &names, &added);
    find(spec, keeps_capabilities, &f);
    if (f.count > 0)
        text_printf(&details, "container%s %s must set securityContext.capabilities.drop=[\"ALL\"]",
                    f.count > 1 ? "s" : "", text_c(&f.containers));
    if (count > 0)
        text_printf(&details,
                    "%scontainer%s %s must not include %s in securityContext.capabilities.add",
                    f.count > 0 ? "; " : "", count > 1 ? "s" : "", text_c(&names), text_c(&added));
    if (details.size > 0)
        admission_reason(out, "unrestricted capabilities (%s)", text_c(&details));
    text_release(&f.containers);
}

static bool may_be_root(struct value c, struct value pod)
{
    struct value v = VALUE_GET(c, securityContext, runAsNonRoot);
    return value_kind(v) != VALUE_BOOL && !VALUE_BOOL_AT(pod, runAsNonRoot);
}

static bool wants_root(struct value c, struct value pod)
{
    (void)pod;
    struct value v = VALUE_GET(c, securityContext, runAsNonRoot);
    return value_kind(v) == VALUE_BOOL && !value_as_bool(v);
}

static bool is_root(struct value c, struct value pod)
{
    (void)pod;
    return VALUE_INT(c, 1, securityContext, runAsUser) == 0;
}

static bool lacks_seccomp(struct value c, struct value pod)
{
    return VALUE_STR(c, securityContext, seccompProfile, type).size == 0 &&
           VALUE_STR(pod, seccompProfile, type).size == 0;
}

static bool is_seccomp_bad(struct value profile)
{
    struct str type = value_str(VALUE_GET(profile, type));
    return type.size > 0 && !str_equal(type, S("RuntimeDefault")) &&
           !str_equal(type, S("Localhost"));
}

static bool sets_bad_seccomp(struct value c, struct value pod)
{
    (void)pod;
    return is_seccomp_bad(VALUE_GET(c, securityContext, seccompProfile));
}

/* TITLE (pod and containers "a", "b" MUST): those that set something themselves. */
static bool check_setters(struct text *out, struct value spec, bool is_pod_bad, container_fn is_bad,
                          const char *title, const char *must)
{
    AUTO(text) struct text who = {0};
    struct finding f = {0};
    find(spec, is_bad, &f);
    if (is_pod_bad)
        text_add(&who, f.count > 0 ? S("pod and ") : S("pod"));
    if (f.count > 0)
        text_printf(&who, "container%s %s", f.count > 1 ? "s" : "", text_c(&f.containers));
    text_release(&f.containers);
    if (who.size > 0)
        admission_reason(out, "%s (%s %s)", title, text_c(&who), must);
    return who.size > 0;
}

static bool check_seccomp_setters(struct text *out, struct value spec)
{
    return check_setters(out, spec,
                         is_seccomp_bad(VALUE_GET(spec, securityContext, seccompProfile)),
                         sets_bad_seccomp, "seccompProfile",
                         "must not set securityContext.seccompProfile.type to \"Unconfined\"");
}

static void check_host_namespaces(struct text *out, struct value spec)
{
    AUTO(text) struct text which = {0};
    if (VALUE_BOOL_AT(spec, hostNetwork))
        text_add(&which, S("hostNetwork=true"));
    if (VALUE_BOOL_AT(spec, hostPID))
        text_printf(&which, "%shostPID=true", which.size > 0 ? ", " : "");
    if (VALUE_BOOL_AT(spec, hostIPC))
        text_printf(&which, "%shostIPC=true", which.size > 0 ? ", " : "");
    if (which.size > 0)
        admission_reason(out, "host namespaces (%s)", text_c(&which));
}

static void check_volumes(struct text *out, struct value spec, bool is_restricted)
{
    static const atom allowed[] = {ATOM_configMap, ATOM_csi,       ATOM_downwardAPI,
                                   ATOM_emptyDir,  ATOM_ephemeral, ATOM_persistentVolumeClaim,
                                   ATOM_projected, ATOM_secret};
    AUTO(text) struct text names = {0};
    AUTO(text) struct text types = {0};
    size_t count = 0, type_count = 0;
    struct value volumes = VALUE_GET(spec, volumes);
    for (size_t i = 0; i < value_count(volumes); i++) {
        struct value volume = value_at(volumes, i);
        bool is_bad = value_is_present(VALUE_GET(volume, hostPath));
        if (is_restricted && !is_bad) {
            is_bad = true;
            for (size_t k = 0; k < ARRAY_COUNT(allowed); k++)
                is_bad &= !value_is_present(value_get(volume, allowed[k]));
        }
        if (!is_bad)
            continue;
        struct str name = VALUE_STR(volume, name);
        text_printf(&names, "%s\"%.*s\"", count > 0 ? ", " : "", STR_ARG(name));
        count++;
        for (size_t k = 0; k < value_count(volume); k++) {
            if (!str_equal(value_key_at(volume, k), S("name")))
                quote_once(&types, &type_count, value_key_at(volume, k));
        }
    }
    if (count > 0 && is_restricted)
        admission_reason(out,
                         "restricted volume types (volume%s %s %s restricted volume type%s %s)",
                         count > 1 ? "s" : "", text_c(&names), count > 1 ? "use" : "uses",
                         type_count > 1 ? "s" : "", text_c(&types));
    else if (count > 0)
        admission_reason(out, "hostPath volumes (volume%s %s)", count > 1 ? "s" : "",
                         text_c(&names));
}

static void check_level(struct value spec, struct str level, struct text *out)
{
    if (str_equal(level, S("privileged")) || level.size == 0)
        return;
    bool is_restricted = str_equal(level, S("restricted"));
    if (!is_restricted)
        check_added(out, spec);
    check_host_namespaces(out, spec);
    if (!is_restricted)
        check_volumes(out, spec, false);
    check_host_ports(out, spec);
    check_containers(out, spec, is_privileged, "privileged", "",
                     "must not set securityContext.privileged=true");
    check_containers(out, spec, has_proc_mount, "procMount", "",
                     "must not set securityContext.procMount to \"Unmasked\"");
    if (!is_restricted) {
        check_seccomp_setters(out, spec);
        return;
    }
    check_containers(out, spec, may_escalate, "allowPrivilegeEscalation != false", "",
                     "must set securityContext.allowPrivilegeEscalation=false");
    check_dropped(out, spec);
    check_volumes(out, spec, true);
    struct value context = VALUE_GET(spec, securityContext);
    if (!check_setters(out, spec,
                       value_kind(VALUE_GET(context, runAsNonRoot)) == VALUE_BOOL &&
                           !VALUE_BOOL_AT(context, runAsNonRoot),
                       wants_root, "runAsNonRoot != true",
                       "must not set securityContext.runAsNonRoot=false"))
        check_containers(out, spec, may_be_root, "runAsNonRoot != true", "pod or ",
                         "must set securityContext.runAsNonRoot=true");
    check_setters(out, spec, VALUE_INT(context, 1, runAsUser) == 0, is_root, "runAsUser=0",
                  "must not set runAsUser=0");
    if (!check_seccomp_setters(out, spec))
        check_containers(
            out, spec, lacks_seccomp, "seccompProfile", "pod or ",
            "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"");
}

/* ---- namespaces: levels and versions that there are ---- */

static bool is_version(struct str s)
{
    int64_t minor;
    return str_equal(s, S("latest")) ||
           (str_starts_with(s, S("v1.")) && str_to_int64(str_slice(s, 3, s.size), &minor) &&
            minor >= 0 && s.bytes[3] != '+' && (s.bytes[3] != '0' || s.size == 4));
}

static void check_labels(struct value namespace, struct field_errors *errors)
{
    static const char *const names[][2] = {
        {LABEL "enforce", "level"}, {LABEL "enforce-version", "version"},
        {LABEL "audit", "level"},   {LABEL "audit-version", "version"},
        {LABEL "warn", "level"},    {LABEL "warn-version", "version"}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct value label = object_label(namespace, str_from(names[i][0]));
        struct str s = value_str(label);
        bool is_level = strcmp(names[i][1], "level") == 0;
        AUTO(text) struct text path = {0};
        if (!value_is_present(label))
            continue;
        text_printf(&path, "metadata.labels[%s]", names[i][0]);
        if (is_level && !str_equal(s, S("privileged")) && !str_equal(s, S("baseline")) &&
            !str_equal(s, S("restricted")))
            field_error_add(errors, FIELD_INVALID, text_str(&path), label,
                            "must be one of privileged, baseline, restricted");
        else if (!is_level && !is_version(s))
            field_error_add(errors, FIELD_INVALID, text_str(&path), label,
                            "must be \"latest\" or \"v1.x\"");
    }
}

static int rank_of(struct value namespace)
{
    struct str level = value_str(object_label(namespace, S(LABEL "enforce")));
    return str_equal(level, S("restricted")) ? 2 : str_equal(level, S("baseline"));
}

/* "hostPort (container "a" uses hostPort 80), privileged (...)" -> "hostPort, privileged" */
static void reasons_only(struct str checks, struct text *out)
{
    size_t depth = 0;
    for (size_t i = 0; i < checks.size; i++) {
        char c = checks.bytes[i];
        if (c == '(')
            depth++;
        if (depth == 0 && !(c == ' ' && i + 1 < checks.size && checks.bytes[i + 1] == '('))
            text_add_byte(out, c);
        if (c == ')' && depth > 0)
            depth--;
    }
}

/* The level rises: pods that are there are told of, those with the same reasons together. */
static void warn_of_existing(struct admission *a)
{
    struct str level = value_str(object_label(a->object, S(LABEL "enforce")));
    struct {
        struct text reasons, name;
        size_t count;
    } found[REASONS_MAX] = {0};
    size_t kinds = 0;
    struct cache_cursor c = watch_cache_of_known(a->server, RESOURCE_pods, a->name);
    for (; c.kv; watch_cache_next(&c)) {
        AUTO(text) struct text bad = {0};
        AUTO(text) struct text reasons = {0};
        size_t i = 0;
        check_level(VALUE_GET(c.kv->value, spec), level, &bad);
        reasons_only(text_str(&bad), &reasons);
        if (reasons.size == 0)
            continue;
        while (i < kinds && !str_equal(text_str(&found[i].reasons), text_str(&reasons)))
            i++;
        if (i == REASONS_MAX)
            continue;
        if (i == kinds) {
            kinds++;
            text_add(&found[i].reasons, text_str(&reasons));
            text_add(&found[i].name, value_str(object_name(c.kv->value)));
        }
        found[i].count++;
    }
    if (kinds > 0)
        *a->warnings = value_append(
            *a->warnings, value_printf("existing pods in namespace \"%.*s\" violate the new "
                                       "PodSecurity enforce level \"%.*s:latest\"",
                                       STR_ARG(a->name), STR_ARG(level)));
    for (size_t i = 0; i < kinds; i++) {
        AUTO(text) struct text line = {0};
        text_add(&line, text_str(&found[i].name));
        if (found[i].count > 1)
            text_printf(&line, " (and %zu other pod%s)", found[i].count - 1,
                        found[i].count > 2 ? "s" : "");
        text_printf(&line, ": %s", text_c(&found[i].reasons));
        *a->warnings = value_append(*a->warnings, value_string(text_str(&line)));
        text_release(&found[i].reasons);
        text_release(&found[i].name);
    }
}

/* Labels that were wrong before may stay so. */
static void validate_namespace(struct admission *a)
{
    struct field_errors errors = {0}, before = {0};
    check_labels(a->object, &errors);
    check_labels(a->old, &before);
    if (errors.count > 0 && before.count == 0)
        a->status =
            status_invalid(a->asked, value_str(VALUE_GET(a->object, metadata, name)), &errors);
    else if (a->operation == ADMIT_UPDATE && errors.count == 0 &&
             rank_of(a->object) > rank_of(a->old))
        warn_of_existing(a);
    field_errors_release(&errors);
    field_errors_release(&before);
}

/* ---- pods, and what makes them ---- */

static void warn_of(struct admission *a, struct value spec, struct str level)
{
    AUTO(text) struct text bad = {0};
    check_level(spec, level, &bad);
    if (bad.size > 0)
        *a->warnings =
            value_append(*a->warnings, value_printf("would violate PodSecurity \"%.*s:latest\": %s",
                                                    STR_ARG(level), text_c(&bad)));
}

/* The pods that a workload will make: told of, never refused. */
static struct value template_of(const struct admission *a)
{
    switch (a->resource->index) {
    case RESOURCE_podtemplates:
        return VALUE_GET(a->object, template, spec);
    case RESOURCE_replicationcontrollers:
    case RESOURCE_replicasets:
    case RESOURCE_deployments:
    case RESOURCE_statefulsets:
    case RESOURCE_daemonsets:
    case RESOURCE_jobs:
        return VALUE_GET(a->object, spec, template, spec);
    case RESOURCE_cronjobs:
        return VALUE_GET(a->object, spec, jobTemplate, spec, template, spec);
    default:
        return VALUE_ABSENT;
    }
}

static void validate_pod(struct admission *a, struct str enforce, struct str warn)
{
    struct value spec = VALUE_GET(a->object, spec);
    AUTO(text) struct text bad = {0};
    AUTO(text) struct text why = {0};
    if (a->operation == ADMIT_UPDATE && value_is_same(spec, VALUE_GET(a->old, spec)))
        return;
    check_level(spec, enforce, &bad);
    if (bad.size > 0) {
        text_printf(&why, "violates PodSecurity \"%.*s:latest\": %s", STR_ARG(enforce),
                    text_c(&bad));
        admission_refuse(a, text_str(&why));
        return;
    }
    warn_of(a, spec, warn);
}

static void validate(struct admission *a)
{
    if (a->resource->index == RESOURCE_namespaces) {
        validate_namespace(a);
        return;
    }
    bool is_pod = a->resource->index == RESOURCE_pods;
    struct value made = template_of(a);
    if (!is_pod && !value_is_present(made))
        return;
    struct value namespace = watch_cache_find(a->server, RESOURCE_namespaces, S(""), a->namespace);
    struct str enforce = value_str(object_label(namespace, S(LABEL "enforce")));
    struct str warn = value_str(object_label(namespace, S(LABEL "warn")));
    if (is_pod && (enforce.size > 0 || warn.size > 0))
        validate_pod(a, enforce, warn);
    else if (!is_pod && warn.size > 0)
        warn_of(a, made, warn);
}

const struct admission_plugin admission_pod_security = {
    .name = "PodSecurity",
    .resource = ADMIT_EVERY_RESOURCE,
    .operations = ADMIT_ON(ADMIT_CREATE) | ADMIT_ON(ADMIT_UPDATE),
    .validate = validate,
};
