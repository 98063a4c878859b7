/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of the baseline level: what gives a container power over its node. Each names, in
 * Kubernetes' words, the containers (of all three kinds, in order) or the fields that break it.
 *
 * Sets of values are listed by their bytes and without repeats; containers in the order of the pod,
 * but for those with hosts in probes, which are a set, too.
 *
 * Source: kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
 */
#include "cluster/apiserver/admission/pod_security.h"
#include "cluster/apiserver/authentication.h"

#include <stdio.h>
#include <string.h>

/* NAME="VALUE" */
static void annotation_insert(struct words *list, struct str name, struct str value)
{
    AUTO(text) struct text shown = {0};
    text_printf(&shown, "%.*s=", STR_ARG(name));
    quote_add(value, &shown);
    words_insert(list, text_str(&shown));
}

bool security_is_profile_bad(struct value profile, struct words *types)
{
    struct value type = VALUE_GET(profile, type);
    if (!value_is_present(profile) || value_is(type, "RuntimeDefault") ||
        value_is(type, "Localhost"))
        return false;
    words_insert(types, value_str(type));
    return true;
}

/* ---- AppArmor ---- */

static void find_apparmor_annotations(const struct checked_pod *p, struct words *found)
{
    struct value annotations = VALUE_GET(p->metadata, annotations);
    for (size_t i = 0; i < value_count(annotations); i++) {
        struct str name = value_key_at(annotations, i);
        struct str profile = value_str(value_member_at(annotations, i));
        if (str_starts_with(name, S("container.apparmor.security.beta.kubernetes.io/")) &&
            profile.size > 0 && !str_equal(profile, S("runtime/default")) &&
            !str_starts_with(profile, S("localhost/")))
            annotation_insert(found, name, profile);
    }
}

void security_baseline_apparmor(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(words) struct words values = {0};
    AUTO(words) struct words annotations = {0};
    AUTO(text) struct text who = {0};
    AUTO(text) struct text what = {0};
    struct value c;
    bool is_pod_bad =
        security_is_profile_bad(VALUE_GET(p->spec, securityContext, appArmorProfile), &values);
    for (size_t i = 0; value_is_present(c = security_container(p, i)); i++)
        if (security_is_profile_bad(VALUE_GET(c, securityContext, appArmorProfile), &values))
            words_add(&names, VALUE_STR(c, name));
    words_write_setters(is_pod_bad, &names, &who);
    find_apparmor_annotations(p, &annotations);
    if (words_count(&annotations) > 0)
        text_printf(&who, "%sannotation%s", who.size > 0 ? " and " : "",
                    words_plural(&annotations));
    if (who.size == 0)
        return;
    for (size_t i = 0; i < words_count(&annotations); i++)
        words_add(&values, value_str(value_at(annotations.list, i)));
    words_write(&values, "\"", &what);
    violation_add(out,
                  words_count(&values) == 1 ? "forbidden AppArmor profile"
                                            : "forbidden AppArmor profiles",
                  "%s must not set AppArmor profile type to %s", text_c(&who), text_c(&what));
}

/* ---- capabilities ---- */

void security_find_added(const struct checked_pod *p, const char *const *allowed,
                         struct words *names, struct words *added)
{
    struct value c;
    for (size_t i = 0; value_is_present(c = security_container(p, i)); i++) {
        struct value add = VALUE_GET(c, securityContext, capabilities, add);
        bool is_bad = false;
        for (size_t k = 0; k < value_count(add); k++) {
            struct value capability = value_at(add, k);
            size_t a = 0;
            while (allowed[a] && !value_is(capability, allowed[a]))
                a++;
            if (allowed[a])
                continue;
            words_insert(added, value_str(capability));
            is_bad = true;
        }
        if (is_bad)
            words_add(names, VALUE_STR(c, name));
    }
}

void security_baseline_capabilities(const struct checked_pod *p, struct violations *out)
{
    static const char *const allowed[] = {
        "AUDIT_WRITE", "CHOWN",  "DAC_OVERRIDE",     "FOWNER",  "FSETID", "KILL",       "MKNOD",
        "SETFCAP",     "SETGID", "NET_BIND_SERVICE", "SETPCAP", "SETUID", "SYS_CHROOT", NULL};
    AUTO(words) struct words names = {0};
    AUTO(words) struct words added = {0};
    AUTO(text) struct text who = {0};
    AUTO(text) struct text what = {0};
    security_find_added(p, allowed, &names, &added);
    if (words_count(&names) == 0)
        return;
    words_write_containers(&names, &who);
    words_write(&added, "\"", &what);
    violation_add(out, "non-default capabilities",
                  "%s must not include %s in securityContext.capabilities.add", text_c(&who),
                  text_c(&what));
}

/* ---- the node's namespaces, volumes, ports ---- */

void security_baseline_host_namespaces(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words which = {0};
    AUTO(text) struct text shown = {0};
    if (VALUE_BOOL_AT(p->spec, hostNetwork))
        words_add(&which, S("hostNetwork=true"));
    if (VALUE_BOOL_AT(p->spec, hostPID))
        words_add(&which, S("hostPID=true"));
    if (VALUE_BOOL_AT(p->spec, hostIPC))
        words_add(&which, S("hostIPC=true"));
    words_write(&which, "", &shown);
    if (shown.size > 0)
        violation_add(out, "host namespaces", "%s", text_c(&shown));
}

void security_baseline_host_path(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(text) struct text shown = {0};
    struct value volumes = VALUE_GET(p->spec, volumes);
    for (size_t i = 0; i < value_count(volumes); i++)
        if (value_is_present(VALUE_GET(value_at(volumes, i), hostPath)))
            words_add(&names, VALUE_STR(value_at(volumes, i), name));
    if (words_count(&names) == 0)
        return;
    words_write(&names, "\"", &shown);
    violation_add(out, "hostPath volumes", "volume%s %s", words_plural(&names), text_c(&shown));
}

/* The numbers in the order of their text. */
void security_baseline_host_ports(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(words) struct words numbers = {0};
    AUTO(text) struct text who = {0};
    AUTO(text) struct text shown = {0};
    struct value c;
    for (size_t i = 0; value_is_present(c = security_container(p, i)); i++) {
        struct value ports = VALUE_GET(c, ports);
        bool is_bad = false;
        for (size_t k = 0; k < value_count(ports); k++) {
            char number[24];
            int64_t port = VALUE_INT(value_at(ports, k), 0, hostPort);
            if (port == 0)
                continue;
            snprintf(number, sizeof(number), "%" PRId64, port);
            words_insert(&numbers, str_from(number));
            is_bad = true;
        }
        if (is_bad)
            words_add(&names, VALUE_STR(c, name));
    }
    if (words_count(&names) == 0)
        return;
    words_write_containers(&names, &who);
    words_write(&numbers, "", &shown);
    violation_add(out, "hostPort", "%s %s hostPort%s %s", text_c(&who),
                  words_count(&names) == 1 ? "uses" : "use", words_plural(&numbers),
                  text_c(&shown));
}

/* ---- probes and hooks that go to another host ---- */

static bool find_hosts(struct value handler, struct words *hosts)
{
    const struct value found[] = {VALUE_GET(handler, httpGet, host),
                                  VALUE_GET(handler, tcpSocket, host)};
    bool is_bad = false;
    for (size_t i = 0; i < ARRAY_COUNT(found); i++) {
        struct str host = value_str(found[i]);
        if (host.size > 0)
            words_insert(hosts, host);
        is_bad |= host.size > 0;
    }
    return is_bad;
}

void security_baseline_host_probes(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(words) struct words hosts = {0};
    AUTO(text) struct text who = {0};
    AUTO(text) struct text shown = {0};
    struct value c;
    for (size_t i = 0; value_is_present(c = security_container(p, i)); i++) {
        const struct value handlers[] = {
            VALUE_GET(c, livenessProbe), VALUE_GET(c, readinessProbe), VALUE_GET(c, startupProbe),
            VALUE_GET(c, lifecycle, postStart), VALUE_GET(c, lifecycle, preStop)};
        for (size_t h = 0; h < ARRAY_COUNT(handlers); h++)
            if (find_hosts(handlers[h], &hosts))
                words_insert(&names, VALUE_STR(c, name));
    }
    if (words_count(&names) == 0)
        return;
    words_write_containers(&names, &who);
    words_write(&hosts, "\"", &shown);
    violation_add(out, "probe or lifecycle host", "%s %s probe or lifecycle host%s %s",
                  text_c(&who), words_count(&names) == 1 ? "uses" : "use", words_plural(&hosts),
                  text_c(&shown));
}

/* ---- privileged, procMount, hostProcess ---- */

static bool is_privileged(struct value c)
{
    return VALUE_BOOL_AT(c, securityContext, privileged);
}

void security_baseline_privileged(const struct checked_pod *p, struct violations *out)
{
    security_check_containers(p, is_privileged, "privileged",
                              "must not set securityContext.privileged=true", out);
}

void security_baseline_proc_mount(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(words) struct words mounts = {0};
    AUTO(text) struct text who = {0};
    AUTO(text) struct text shown = {0};
    struct value c;
    for (size_t i = 0; value_is_present(c = security_container(p, i)); i++) {
        struct value mount = VALUE_GET(c, securityContext, procMount);
        if (!value_is_present(mount) || value_is(mount, "Default"))
            continue;
        words_add(&names, VALUE_STR(c, name));
        words_insert(&mounts, value_str(mount));
    }
    if (words_count(&names) == 0)
        return;
    words_write_containers(&names, &who);
    words_write(&mounts, "\"", &shown);
    violation_add(out, "procMount", "%s must not set securityContext.procMount to %s", text_c(&who),
                  text_c(&shown));
}

static bool has_host_process(struct value c)
{
    return VALUE_BOOL_AT(c, securityContext, windowsOptions, hostProcess);
}

void security_baseline_host_process(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(text) struct text who = {0};
    security_find(p, has_host_process, &names);
    words_write_setters(has_host_process(p->spec), &names, &who);
    if (who.size > 0)
        violation_add(out, "hostProcess",
                      "%s must not set securityContext.windowsOptions.hostProcess=true",
                      text_c(&who));
}

/* ---- SELinux ---- */

struct selinux_found {
    struct words types;
    bool has_user, has_role;
};

static bool is_selinux_bad(struct value options, int64_t minor, struct selinux_found *found)
{
    static const struct {
        const char *type;
        int64_t since;
    } allowed[] = {{"", 0},
                   {"container_t", 0},
                   {"container_init_t", 0},
                   {"container_kvm_t", 0},
                   {"container_engine_t", 31}};
    struct str type = VALUE_STR(options, type);
    bool is_allowed = false, has_user = VALUE_STR(options, user).size > 0,
         has_role = VALUE_STR(options, role).size > 0;
    for (size_t i = 0; i < ARRAY_COUNT(allowed); i++)
        is_allowed |= minor >= allowed[i].since && str_equal(type, str_from(allowed[i].type));
    if (!is_allowed)
        words_insert(&found->types, type);
    found->has_user |= has_user;
    found->has_role |= has_role;
    return !is_allowed || has_user || has_role;
}

void security_baseline_selinux(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(text) struct text who = {0};
    AUTO(text) struct text what = {0};
    struct selinux_found found = {0};
    struct value c;
    bool is_pod_bad =
        is_selinux_bad(VALUE_GET(p->spec, securityContext, seLinuxOptions), p->minor, &found);
    for (size_t i = 0; value_is_present(c = security_container(p, i)); i++)
        if (is_selinux_bad(VALUE_GET(c, securityContext, seLinuxOptions), p->minor, &found))
            words_add(&names, VALUE_STR(c, name));
    words_write_setters(is_pod_bad, &names, &who);
    if (words_count(&found.types) > 0) {
        text_printf(&what, "type%s ", words_plural(&found.types));
        words_write(&found.types, "\"", &what);
    }
    if (found.has_user)
        text_printf(&what, "%suser may not be set", what.size > 0 ? "; " : "");
    if (found.has_role)
        text_printf(&what, "%srole may not be set", what.size > 0 ? "; " : "");
    if (who.size > 0)
        violation_add(out, "seLinuxOptions", "%s set forbidden securityContext.seLinuxOptions: %s",
                      text_c(&who), text_c(&what));
    words_release(&found.types);
}

/* ---- seccomp: annotations before 1.19, fields since ---- */

static void find_seccomp_annotation(struct value metadata, struct str name, struct words *found)
{
    struct value v = value_get_key(VALUE_GET(metadata, annotations), name);
    struct str profile = value_str(v);
    if (value_is_present(v) && !str_equal(profile, S("runtime/default")) &&
        !str_equal(profile, S("docker/default")) && !str_starts_with(profile, S("localhost/")))
        annotation_insert(found, name, profile);
}

void security_baseline_seccomp_annotations(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words found = {0};
    AUTO(text) struct text shown = {0};
    struct value c;
    find_seccomp_annotation(p->metadata, S("seccomp.security.alpha.kubernetes.io/pod"), &found);
    for (size_t i = 0; value_is_present(c = security_container(p, i)); i++) {
        AUTO(text) struct text name = {0};
        text_add(&name, S("container.seccomp.security.alpha.kubernetes.io/"));
        text_add(&name, VALUE_STR(c, name));
        find_seccomp_annotation(p->metadata, text_str(&name), &found);
    }
    if (words_count(&found) == 0)
        return;
    words_write(&found, "", &shown);
    violation_add(out, "seccompProfile", "forbidden annotation%s %s", words_plural(&found),
                  text_c(&shown));
}

bool security_seccomp_setters(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(words) struct words types = {0};
    AUTO(text) struct text who = {0};
    AUTO(text) struct text shown = {0};
    struct value c;
    bool is_pod_bad =
        security_is_profile_bad(VALUE_GET(p->spec, securityContext, seccompProfile), &types);
    for (size_t i = 0; value_is_present(c = security_container(p, i)); i++)
        if (security_is_profile_bad(VALUE_GET(c, securityContext, seccompProfile), &types))
            words_add(&names, VALUE_STR(c, name));
    words_write_setters(is_pod_bad, &names, &who);
    if (who.size == 0)
        return false;
    words_write(&types, "\"", &shown);
    violation_add(out, "seccompProfile",
                  "%s must not set securityContext.seccompProfile.type to %s", text_c(&who),
                  text_c(&shown));
    return true;
}

void security_baseline_seccomp(const struct checked_pod *p, struct violations *out)
{
    (void)security_seccomp_setters(p, out);
}

/* ---- sysctls: those that stay in the pod, in the order of the pod ---- */

void security_baseline_sysctls(const struct checked_pod *p, struct violations *out)
{
    static const struct {
        const char *name;
        int64_t since;
    } allowed[] = {{"kernel.shm_rmid_forced", 0},
                   {"net.ipv4.ip_local_port_range", 0},
                   {"net.ipv4.tcp_syncookies", 0},
                   {"net.ipv4.ping_group_range", 0},
                   {"net.ipv4.ip_unprivileged_port_start", 0},
                   {"net.ipv4.ip_local_reserved_ports", 27},
                   {"net.ipv4.tcp_keepalive_time", 29},
                   {"net.ipv4.tcp_fin_timeout", 29},
                   {"net.ipv4.tcp_keepalive_intvl", 29},
                   {"net.ipv4.tcp_keepalive_probes", 29},
                   {"net.ipv4.tcp_rmem", 32},
                   {"net.ipv4.tcp_wmem", 32}};
    AUTO(words) struct words found = {0};
    AUTO(text) struct text shown = {0};
    struct value sysctls = VALUE_GET(p->spec, securityContext, sysctls);
    for (size_t i = 0; i < value_count(sysctls); i++) {
        struct value name = VALUE_GET(value_at(sysctls, i), name);
        bool is_allowed = false;
        for (size_t k = 0; k < ARRAY_COUNT(allowed); k++)
            is_allowed |= p->minor >= allowed[k].since && value_is(name, allowed[k].name);
        if (!is_allowed)
            words_add(&found, value_str(name));
    }
    if (words_count(&found) == 0)
        return;
    words_write(&found, "", &shown);
    violation_add(out, "forbidden sysctls", "%s", text_c(&shown));
}
