/* SPDX-License-Identifier: Apache-2.0
 *
 * The Pod Security Standards as a table: which check belongs to which level, from which version of
 * the policy on, and whom it spares.
 *
 * Rows of one name follow each other with rising versions; the last that is not newer than the
 * policy's version holds. "latest", and every version beyond the newest row, is the newest. A check
 * of the restricted level may take the place of a weaker one of the baseline level. The table is in
 * the order in which failures are listed: baseline first, each level by the names of the checks.
 *
 * From v1.25 on, pods of Windows are spared the checks of what Windows does not have; from v1.35
 * on, pods in a user namespace (hostUsers: false) may be root in it and see its whole /proc.
 *
 * Source: kubernetes.io/docs/concepts/security/pod-security-standards/
 */
#include "cluster/apiserver/admission/pod_security.h"

#include <string.h>

typedef bool (*pod_is_exempt_fn)(struct value spec);

static bool is_of_windows(struct value spec)
{
    return VALUE_IS(spec, "windows", os, name);
}

static bool has_user_namespace(struct value spec)
{
    struct value host_users = VALUE_GET(spec, hostUsers);
    return value_kind(host_users) == VALUE_BOOL && !value_as_bool(host_users);
}

struct check {
    const char *name;
    enum security_level level;
    int64_t since; /* 1.x */
    security_check_fn run;
    const char *instead_of; /* of the baseline level; NULL: of none */
    pod_is_exempt_fn is_exempt;
    int64_t exempt_since;
};

#define BASELINE SECURITY_BASELINE
#define RESTRICTED SECURITY_RESTRICTED
#define WINDOWS is_of_windows, 25
#define USER_NAMESPACE has_user_namespace, 35
#define NOBODY NULL, 0
static const struct check checks[] = {
    {"appArmorProfile", BASELINE, 0, security_baseline_apparmor, NULL, NOBODY},
    {"capabilities_baseline", BASELINE, 0, security_baseline_capabilities, NULL, NOBODY},
    {"hostNamespaces", BASELINE, 0, security_baseline_host_namespaces, NULL, NOBODY},
    {"hostPathVolumes", BASELINE, 0, security_baseline_host_path, NULL, NOBODY},
    {"hostPorts", BASELINE, 0, security_baseline_host_ports, NULL, NOBODY},
    {"hostProbesAndHostLifecycle", BASELINE, 34, security_baseline_host_probes, NULL, NOBODY},
    {"privileged", BASELINE, 0, security_baseline_privileged, NULL, NOBODY},
    {"procMount", BASELINE, 0, security_baseline_proc_mount, NULL, USER_NAMESPACE},
    {"seLinuxOptions", BASELINE, 0, security_baseline_selinux, NULL, NOBODY},
    {"seccompProfile_baseline", BASELINE, 0, security_baseline_seccomp_annotations, NULL, NOBODY},
    {"seccompProfile_baseline", BASELINE, 19, security_baseline_seccomp, NULL, NOBODY},
    {"sysctls", BASELINE, 0, security_baseline_sysctls, NULL, NOBODY},
    {"windowsHostProcess", BASELINE, 0, security_baseline_host_process, NULL, NOBODY},

    {"allowPrivilegeEscalation", RESTRICTED, 8, security_restricted_escalation, NULL, WINDOWS},
    {"capabilities_restricted", RESTRICTED, 22, security_restricted_capabilities,
     "capabilities_baseline", WINDOWS},
    {"procMount_restricted", RESTRICTED, 35, security_baseline_proc_mount, "procMount", NOBODY},
    {"restrictedVolumes", RESTRICTED, 0, security_restricted_volumes, "hostPathVolumes", NOBODY},
    {"runAsNonRoot", RESTRICTED, 0, security_restricted_non_root, NULL, USER_NAMESPACE},
    {"runAsUser", RESTRICTED, 23, security_restricted_user, NULL, USER_NAMESPACE},
    {"seccompProfile_restricted", RESTRICTED, 19, security_restricted_seccomp,
     "seccompProfile_baseline", WINDOWS},
};

static bool holds(size_t row, int64_t minor)
{
    const struct check *next = &checks[row + 1];
    if (checks[row].since > minor)
        return false;
    return row + 1 == ARRAY_COUNT(checks) || strcmp(next->name, checks[row].name) != 0 ||
           next->since > minor;
}

static bool is_replaced(const char *name, int64_t minor)
{
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++)
        if (checks[i].instead_of && strcmp(checks[i].instead_of, name) == 0 && holds(i, minor))
            return true;
    return false;
}

void security_evaluate(const struct security_policy *policy, struct value metadata,
                       struct value spec, struct violations *out)
{
    const struct checked_pod pod = {metadata, spec, policy->minor};
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++) {
        const struct check *c = &checks[i];
        if (c->level > policy->level || !holds(i, policy->minor))
            continue;
        if (policy->level == SECURITY_RESTRICTED && is_replaced(c->name, policy->minor))
            continue;
        if (c->is_exempt && policy->minor >= c->exempt_since && c->is_exempt(spec))
            continue;
        c->run(&pod, out);
    }
}

/* ---- what was found ---- */

void violations_release(struct violations *v)
{
    text_release(&v->reasons);
    text_release(&v->details);
}

void violation_add(struct violations *v, const char *reason, const char *detail_format, ...)
{
    if (v->reasons.size > 0) {
        text_add(&v->reasons, S(", "));
        text_add(&v->details, S(", "));
    }
    text_printf(&v->reasons, "%s", reason);
    text_printf(&v->details, "%s (", reason);
    va_list arguments;
    va_start(arguments, detail_format);
    text_vprintf(&v->details, detail_format, arguments);
    va_end(arguments);
    text_add_byte(&v->details, ')');
}

void words_release(struct words *w)
{
    value_drop(w->list);
    w->list = VALUE_ABSENT;
}

size_t words_count(const struct words *w)
{
    return value_count(w->list);
}

const char *words_plural(const struct words *w)
{
    return words_count(w) == 1 ? "" : "s";
}

void words_add(struct words *w, struct str word)
{
    w->list = value_append(w->list, value_string(word));
}

void words_insert(struct words *w, struct str word)
{
    size_t at = 0, count = words_count(w);
    int order = 1;
    while (at < count && (order = str_compare(value_str(value_at(w->list, at)), word)) < 0)
        at++;
    if (at == count)
        words_add(w, word);
    else if (order != 0)
        w->list = value_insert_at(w->list, at, value_string(word));
}

void words_write(const struct words *w, const char *quote, struct text *out)
{
    for (size_t i = 0; i < words_count(w); i++) {
        struct str word = value_str(value_at(w->list, i));
        text_printf(out, "%s%s%.*s%s", i > 0 ? ", " : "", quote, STR_ARG(word), quote);
    }
}

void words_write_containers(const struct words *containers, struct text *out)
{
    text_printf(out, "container%s ", words_plural(containers));
    words_write(containers, "\"", out);
}

void words_write_setters(bool is_pod_bad, const struct words *containers, struct text *out)
{
    bool is_container_bad = words_count(containers) > 0;
    if (is_pod_bad)
        text_add(out, is_container_bad ? S("pod and ") : S("pod"));
    if (is_container_bad)
        words_write_containers(containers, out);
}

/* ---- containers ---- */

struct value security_container(const struct checked_pod *p, size_t i)
{
    const struct value lists[] = {VALUE_GET(p->spec, initContainers),
                                  VALUE_GET(p->spec, containers),
                                  VALUE_GET(p->spec, ephemeralContainers)};
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        size_t count = value_count(lists[l]);
        if (i < count)
            return value_at(lists[l], i);
        i -= count;
    }
    return VALUE_ABSENT;
}

void security_find(const struct checked_pod *p, container_is_bad_fn is_bad, struct words *names)
{
    struct value c;
    for (size_t i = 0; value_is_present(c = security_container(p, i)); i++)
        if (is_bad(c))
            words_add(names, VALUE_STR(c, name));
}

void security_check_containers(const struct checked_pod *p, container_is_bad_fn is_bad,
                               const char *reason, const char *must, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(text) struct text who = {0};
    security_find(p, is_bad, &names);
    if (words_count(&names) == 0)
        return;
    words_write_containers(&names, &who);
    violation_add(out, reason, "%s %s", text_c(&who), must);
}
