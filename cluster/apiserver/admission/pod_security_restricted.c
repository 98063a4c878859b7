/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of the restricted level: what a hardened pod has to say of itself. What nobody says
 * is wrong here; a container may lean on what the pod's security context says for all of them.
 *
 * Source: kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 */
#include "cluster/apiserver/admission/pod_security.h"

/* REASON (pod or containers "a", "b" MUST): nobody says it for them. */
static void check_lacking(const struct checked_pod *p, container_is_bad_fn lacks,
                          const char *reason, const char *must, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(text) struct text who = {0};
    security_find(p, lacks, &names);
    if (words_count(&names) == 0)
        return;
    words_write_containers(&names, &who);
    violation_add(out, reason, "pod or %s %s", text_c(&who), must);
}

static bool may_escalate(struct value c)
{
    struct value v = VALUE_GET(c, securityContext, allowPrivilegeEscalation);
    return value_kind(v) != VALUE_BOOL || value_as_bool(v);
}

void security_restricted_escalation(const struct checked_pod *p, struct violations *out)
{
    security_check_containers(p, may_escalate, "allowPrivilegeEscalation != false",
                              "must set securityContext.allowPrivilegeEscalation=false", out);
}

static bool keeps_capabilities(struct value c)
{
    struct value drop = VALUE_GET(c, securityContext, capabilities, drop);
    for (size_t i = 0; i < value_count(drop); i++)
        if (value_is(value_at(drop, i), "ALL"))
            return false;
    return true;
}

void security_restricted_capabilities(const struct checked_pod *p, struct violations *out)
{
    static const char *const allowed[] = {"NET_BIND_SERVICE", NULL};
    AUTO(words) struct words keepers = {0};
    AUTO(words) struct words adders = {0};
    AUTO(words) struct words added = {0};
    AUTO(text) struct text details = {0};
    security_find(p, keeps_capabilities, &keepers);
    security_find_added(p, allowed, &adders, &added);
    if (words_count(&keepers) > 0) {
        words_write_containers(&keepers, &details);
        text_add(&details, S(" must set securityContext.capabilities.drop=[\"ALL\"]"));
    }
    if (words_count(&adders) > 0) {
        text_add(&details, details.size > 0 ? S("; ") : S(""));
        words_write_containers(&adders, &details);
        text_add(&details, S(" must not include "));
        words_write(&added, "\"", &details);
        text_add(&details, S(" in securityContext.capabilities.add"));
    }
    if (details.size > 0)
        violation_add(out, "unrestricted capabilities", "%s", text_c(&details));
}

/* ---- volumes ---- */

static bool is_allowed_volume(struct value volume)
{
    static const atom allowed[] = {
        ATOM_configMap, ATOM_csi,   ATOM_downwardAPI,           ATOM_emptyDir,
        ATOM_ephemeral, ATOM_image, ATOM_persistentVolumeClaim, ATOM_projected,
        ATOM_secret};
    for (size_t i = 0; i < ARRAY_COUNT(allowed); i++)
        if (value_is_present(value_get(volume, allowed[i])))
            return true;
    return false;
}

static const char *volume_type(struct value volume)
{
    static const char *const types[] = {"hostPath",
                                        "gcePersistentDisk",
                                        "awsElasticBlockStore",
                                        "gitRepo",
                                        "nfs",
                                        "iscsi",
                                        "glusterfs",
                                        "rbd",
                                        "flexVolume",
                                        "cinder",
                                        "cephfs",
                                        "flocker",
                                        "fc",
                                        "azureFile",
                                        "vsphereVolume",
                                        "quobyte",
                                        "azureDisk",
                                        "photonPersistentDisk",
                                        "portworxVolume",
                                        "scaleIO",
                                        "storageos"};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        if (value_is_present(value_get_key(volume, str_from(types[i]))))
            return types[i];
    return "unknown";
}

void security_restricted_volumes(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(words) struct words types = {0};
    AUTO(text) struct text who = {0};
    AUTO(text) struct text what = {0};
    struct value volumes = VALUE_GET(p->spec, volumes);
    for (size_t i = 0; i < value_count(volumes); i++) {
        struct value volume = value_at(volumes, i);
        if (is_allowed_volume(volume))
            continue;
        words_add(&names, VALUE_STR(volume, name));
        words_insert(&types, str_from(volume_type(volume)));
    }
    if (words_count(&names) == 0)
        return;
    words_write(&names, "\"", &who);
    words_write(&types, "\"", &what);
    violation_add(out, "restricted volume types", "volume%s %s %s restricted volume type%s %s",
                  words_plural(&names), text_c(&who), words_count(&names) == 1 ? "uses" : "use",
                  words_plural(&types), text_c(&what));
}

/* ---- users ---- */

static bool wants_root(struct value pod_or_container)
{
    struct value v = VALUE_GET(pod_or_container, securityContext, runAsNonRoot);
    return value_kind(v) == VALUE_BOOL && !value_as_bool(v);
}

static bool may_be_root(struct value c)
{
    return value_kind(VALUE_GET(c, securityContext, runAsNonRoot)) != VALUE_BOOL;
}

void security_restricted_non_root(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(text) struct text who = {0};
    security_find(p, wants_root, &names);
    words_write_setters(wants_root(p->spec), &names, &who);
    if (who.size > 0)
        violation_add(out, "runAsNonRoot != true",
                      "%s must not set securityContext.runAsNonRoot=false", text_c(&who));
    else if (!VALUE_BOOL_AT(p->spec, securityContext, runAsNonRoot))
        check_lacking(p, may_be_root, "runAsNonRoot != true",
                      "must set securityContext.runAsNonRoot=true", out);
}

static bool is_root(struct value pod_or_container)
{
    return VALUE_INT(pod_or_container, 1, securityContext, runAsUser) == 0;
}

void security_restricted_user(const struct checked_pod *p, struct violations *out)
{
    AUTO(words) struct words names = {0};
    AUTO(text) struct text who = {0};
    security_find(p, is_root, &names);
    words_write_setters(is_root(p->spec), &names, &who);
    if (who.size > 0)
        violation_add(out, "runAsUser=0", "%s must not set runAsUser=0", text_c(&who));
}

/* ---- seccomp ---- */

static bool lacks_seccomp(struct value pod_or_container)
{
    return !value_is_present(VALUE_GET(pod_or_container, securityContext, seccompProfile));
}

void security_restricted_seccomp(const struct checked_pod *p, struct violations *out)
{
    if (!security_seccomp_setters(p, out) && lacks_seccomp(p->spec))
        check_lacking(
            p, lacks_seccomp, "seccompProfile",
            "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
            out);
}
