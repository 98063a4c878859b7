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
 * SELinux, sysctls, hostProcess; and versions: every check is that of "latest". Workload templates
 * are not warned about, nor is anything audited.
 *
 * Source: kubernetes.io/docs/concepts/security/pod-security-standards/
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"

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

static bool has_host_port(struct value c, struct value pod)
{
    (void)pod;
    struct value ports = VALUE_GET(c, ports);
    for (size_t i = 0; i < value_count(ports); i++)
        if (VALUE_INT(value_at(ports, i), 0, hostPort) != 0)
            return true;
    return false;
}

static bool adds_capabilities(struct value c, struct value pod)
{
    static const char *const allowed[] = {
        "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",      "MKNOD",
        "NET_BIND_SERVICE", "SETFCAP", "SETGID",       "SETPCAP", "SETUID", "SYS_CHROOT"};
    (void)pod;
    struct value add = VALUE_GET(c, securityContext, capabilities, add);
    for (size_t i = 0; i < value_count(add); i++) {
        bool is_fine = false;
        for (size_t k = 0; k < ARRAY_COUNT(allowed); k++)
            is_fine |= value_is(value_at(add, i), allowed[k]);
        if (!is_fine)
            return true;
    }
    return false;
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

static bool may_be_root(struct value c, struct value pod)
{
    struct value v = VALUE_GET(c, securityContext, runAsNonRoot);
    return value_kind(v) == VALUE_BOOL ? !value_as_bool(v) : !VALUE_BOOL_AT(pod, runAsNonRoot);
}

static bool is_root(struct value c, struct value pod)
{
    (void)pod;
    return VALUE_INT(c, 1, securityContext, runAsUser) == 0;
}

static bool lacks_seccomp(struct value c, struct value pod)
{
    struct value own = VALUE_GET(c, securityContext, seccompProfile, type),
                 of_pod = VALUE_GET(pod, seccompProfile, type);
    struct str type = value_str(value_is_present(own) ? own : of_pod);
    return !str_equal(type, S("RuntimeDefault")) && !str_equal(type, S("Localhost"));
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
    size_t count = 0;
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
    }
    if (count > 0)
        admission_reason(out, "%s (volume%s %s)",
                         is_restricted ? "restricted volume types" : "hostPath volumes",
                         count > 1 ? "s" : "", text_c(&names));
}

static void check_level(struct value spec, struct str level, struct text *out)
{
    if (str_equal(level, S("privileged")) || level.size == 0)
        return;
    bool is_restricted = str_equal(level, S("restricted"));
    check_host_namespaces(out, spec);
    if (!is_restricted)
        check_volumes(out, spec, false);
    check_containers(out, spec, has_host_port, "hostPort", "", "uses hostPorts");
    check_containers(out, spec, is_privileged, "privileged", "",
                     "must not set securityContext.privileged=true");
    check_containers(out, spec, has_proc_mount, "procMount", "",
                     "must not set securityContext.procMount to \"Unmasked\"");
    if (!is_restricted) {
        check_containers(out, spec, adds_capabilities, "non-default capabilities", "",
                         "must not include them in securityContext.capabilities.add");
        return;
    }
    check_containers(out, spec, may_escalate, "allowPrivilegeEscalation != false", "",
                     "must set securityContext.allowPrivilegeEscalation=false");
    check_containers(out, spec, keeps_capabilities, "unrestricted capabilities", "",
                     "must set securityContext.capabilities.drop=[\"ALL\"]");
    check_volumes(out, spec, true);
    check_containers(out, spec, may_be_root, "runAsNonRoot != true", "pod or ",
                     "must set securityContext.runAsNonRoot=true");
    check_containers(out, spec, is_root, "runAsUser=0", "", "must not set runAsUser=0");
    check_containers(
        out, spec, lacks_seccomp, "seccompProfile", "pod or ",
        "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"");
}

static void validate(struct admission *a)
{
    struct value namespace = watch_cache_find(a->server, RESOURCE_namespaces, S(""), a->namespace);
    struct str enforce =
        value_str(object_label(namespace, S("pod-security.kubernetes.io/enforce")));
    struct str warn = value_str(object_label(namespace, S("pod-security.kubernetes.io/warn")));
    if (enforce.size == 0 && warn.size == 0)
        return;
    if (a->operation == ADMIT_UPDATE &&
        value_is_same(VALUE_GET(a->object, spec), VALUE_GET(a->old, spec)))
        return;
    struct value spec = VALUE_GET(a->object, spec);
    AUTO(text) struct text bad = {0};
    AUTO(text) struct text why = {0};
    check_level(spec, enforce, &bad);
    if (bad.size > 0) {
        text_printf(&why, "violates PodSecurity \"%.*s:latest\": %s", STR_ARG(enforce),
                    text_c(&bad));
        admission_refuse(a, text_str(&why));
        return;
    }
    check_level(spec, warn, &bad);
    if (bad.size > 0)
        *a->warnings =
            value_append(*a->warnings, value_printf("would violate PodSecurity \"%.*s:latest\": %s",
                                                    STR_ARG(warn), text_c(&bad)));
}

const struct admission_plugin admission_pod_security = {
    .name = "PodSecurity",
    .resource = RESOURCE_pods,
    .operations = ADMIT_ON(ADMIT_CREATE) | ADMIT_ON(ADMIT_UPDATE),
    .validate = validate,
};
