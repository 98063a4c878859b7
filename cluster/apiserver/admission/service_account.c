/* SPDX-License-Identifier: Apache-2.0
 *
 * ServiceAccount: a pod without a service account gets "default"; the account must exist; its
 * imagePullSecrets are copied; and unless automounting is off, a projected volume
 * kube-api-access-xxxxx with a token, the cluster's CA and the namespace is mounted at
 * /var/run/secrets/kubernetes.io/serviceaccount in every container that has no mount there.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"

#define TOKEN_MOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_SECONDS 3607

static uint64_t next_draw(void *owner)
{
    return step_random(owner, RANDOM_TOKEN_VOLUME);
}

static struct value token_volume(struct str name)
{
    return value_pack(
        "{name: %S, projected: {defaultMode: 420, sources: ["
        "{serviceAccountToken: {expirationSeconds: %d, path: token}}, "
        "{configMap: {items: [{key: \"ca.crt\", path: \"ca.crt\"}], name: \"kube-root-ca.crt\"}}, "
        "{downwardAPI: {items: [{path: namespace, fieldRef: {apiVersion: v1, fieldPath: "
        "\"metadata.namespace\"}}]}}]}}",
        name, TOKEN_SECONDS);
}

/* An existing volume of that kind (of a pod read from elsewhere), or a new name. */
static struct value volume_name(struct admission *a, bool *ret_exists)
{
    struct value volumes = VALUE_GET(a->object, spec, volumes);
    for (size_t i = 0; i < value_count(volumes); i++) {
        struct value name = VALUE_GET(value_at(volumes, i), name);
        if (str_starts_with(value_str(name), S("kube-api-access-"))) {
            *ret_exists = true;
            return value_keep(name);
        }
    }
    *ret_exists = false;
    char suffix[NAME_SUFFIX_SIZE];
    name_suffix(next_draw, a->step, suffix);
    return value_printf("kube-api-access-%.*s", NAME_SUFFIX_SIZE, suffix);
}

static bool has_token_mount(struct value container)
{
    struct value mounts = VALUE_GET(container, volumeMounts);
    for (size_t i = 0; i < value_count(mounts); i++)
        if (VALUE_IS(value_at(mounts, i), TOKEN_MOUNT, mountPath))
            return true;
    return false;
}

/* Containers with the mount added where it lacks; counts what was added. */
static struct value add_mounts(struct value own_containers, struct str volume, size_t *added)
{
    for (size_t i = 0; i < value_count(own_containers); i++) {
        struct value container = value_keep(value_at(own_containers, i));
        if (has_token_mount(container)) {
            value_drop(container);
            continue;
        }
        struct value mount =
            value_pack("{name: %S, readOnly: true, mountPath: %s}", volume, TOKEN_MOUNT);
        struct value mounts = value_append(value_keep(VALUE_GET(container, volumeMounts)), mount);
        own_containers =
            value_set_at(own_containers, i, VALUE_SET(container, mounts, volumeMounts));
        (*added)++;
    }
    return own_containers;
}

static void mount_token(struct admission *a)
{
    bool exists;
    struct value name = volume_name(a, &exists);
    struct str volume = value_str(name);
    size_t added = 0;
    struct value containers =
        add_mounts(value_keep(VALUE_GET(a->object, spec, containers)), volume, &added);
    struct value inits = VALUE_GET(a->object, spec, initContainers);
    if (value_count(inits) > 0)
        a->object = VALUE_SET(a->object, add_mounts(value_keep(inits), volume, &added), spec,
                              initContainers);
    a->object = VALUE_SET(a->object, containers, spec, containers);
    if (added > 0 && !exists) {
        struct value volumes =
            value_append(value_keep(VALUE_GET(a->object, spec, volumes)), token_volume(volume));
        a->object = VALUE_SET(a->object, volumes, spec, volumes);
    }
    value_drop(name);
}

static void mutate(struct admission *a)
{
    if (value_is_present(object_annotation(a->object, S("kubernetes.io/config.mirror")))) {
        if (VALUE_STR(a->object, spec, serviceAccountName).size > 0)
            admission_refuse(a, S("a mirror pod may not reference service accounts"));
        return;
    }
    if (VALUE_STR(a->object, spec, serviceAccountName).size == 0) {
        a->object = VALUE_SET(a->object, value_string(S("default")), spec, serviceAccountName);
        a->object = VALUE_SET(a->object, value_string(S("default")), spec, serviceAccount);
    }
    struct str name = VALUE_STR(a->object, spec, serviceAccountName);
    struct value account =
        watch_cache_find(a->server, RESOURCE_serviceaccounts, a->namespace, name);
    if (!value_is_present(account))
        account = a->account;
    if (!value_is_present(account)) {
        AUTO(text) struct text why = {0};
        text_printf(&why,
                    "error looking up service account %.*s/%.*s: serviceaccount \"%.*s\" not found",
                    STR_ARG(a->namespace), STR_ARG(name), STR_ARG(name));
        admission_refuse(a, text_str(&why));
        return;
    }
    struct value of_pod = VALUE_GET(a->object, spec, automountServiceAccountToken);
    struct value of_account = VALUE_GET(account, automountServiceAccountToken);
    struct value automount = value_is_present(of_pod) ? of_pod : of_account;
    if (!value_is_present(automount) || value_as_bool(automount))
        mount_token(a);
    struct value secrets = VALUE_GET(account, imagePullSecrets);
    if (value_count(VALUE_GET(a->object, spec, imagePullSecrets)) == 0 && value_count(secrets) > 0)
        a->object = VALUE_SET(a->object, value_keep(secrets), spec, imagePullSecrets);
}

const struct admission_plugin admission_service_account = {
    .name = "ServiceAccount",
    .resource = RESOURCE_pods,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate,
};
