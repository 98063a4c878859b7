/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishes the certificate of the cluster's authority as ConfigMap kube-root-ca.crt in every
 * namespace, where the projected token volume of each pod takes it from
 * [doc:service-accounts-admin#bound-service-account-token-volume]. A changed or deleted copy is put
 * right. A namespace that is being deleted is left alone.
 *
 * Upstream: pkg/controller/certificates/rootcacertpublisher.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/api/status.h"
#include "cluster/controllers/manager.h"

#define CONFIG_MAP "kube-root-ca.crt"
#define DESCRIPTION                                                                                \
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "      \
    "endpoints such as the internal "                                                              \
    "service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of "  \
    "Kubernetes clusters."

static enum sync_result root_ca_publisher_sync(struct sync *s);
static void wake_namespace(struct controller *c, struct step *step, const struct object_key *key,
                           struct value before, struct value after);

const struct controller_info root_ca_publisher_controller = {
    .name = "root-ca-certificate-publisher-controller",
    .account = "root-ca-cert-publisher",
    .primary = RESOURCE_namespaces,
    .watches = {{RESOURCE_namespaces, controller_wake_itself},
                {RESOURCE_configmaps, wake_namespace}},
    .watch_count = 2,
    .sync = root_ca_publisher_sync,
    .workers = 1,
};

static void wake_namespace(struct controller *c, struct step *step, const struct object_key *key,
                           struct value before, struct value after)
{
    (void)before;
    (void)after;
    if (!str_equal(key->name, S(CONFIG_MAP)))
        return;
    const struct object_key *namespace =
        object_key_of(resource_get(RESOURCE_namespaces), S(""), key->namespace);
    controller_enqueue(c, step, namespace);
    object_key_unref(namespace);
}

static struct str certificate(const struct sync *s)
{
    const struct controller_flags *flags = s->controller->flags;
    return flags && flags->root_ca.size
               ? flags->root_ca
               : S("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
}

static enum sync_result root_ca_publisher_sync(struct sync *s)
{
    if (s->phase == 1) {
        const struct answer *a = &s->answers[0];
        bool is_terminating = status_has_cause(a->body, "NamespaceTerminating");
        bool is_settled = answer_ok(a) || a->code == 409 || a->code == 404 || is_terminating;
        return is_settled ? SYNC_DONE : sync_retry_answer(s, a);
    }
    if (!VALUE_IS(s->object, "Active", status, phase))
        return SYNC_DONE;
    struct informer *maps = controller_informer(s->controller, RESOURCE_configmaps);
    struct value present = informer_get_named(maps, s->key->name, S(CONFIG_MAP));
    struct value data = value_set_key(value_object(), S("ca.crt"), value_string(certificate(s)));
    if (value_is_present(present)) {
        if (value_equal(value_get(present, ATOM_data), data)) {
            value_drop(data);
            return SYNC_DONE;
        }
        sync_trace(s, "ConfigMap " CONFIG_MAP " was changed -> puts it right");
        sync_update(s, RESOURCE_configmaps, VALUE_SET(value_keep(present), data, data), 0);
        return sync_wait(s, 1);
    }
    struct value annotations =
        value_set_key(value_object(), S("kubernetes.io/description"), value_string(S(DESCRIPTION)));
    sync_trace(s, "the namespace has no ConfigMap " CONFIG_MAP " -> creates it");
    sync_create(s, RESOURCE_configmaps,
                value_pack("{kind: ConfigMap, apiVersion: v1, metadata: {name: %s, namespace: %S, "
                           "annotations: %v}, data: %v}",
                           CONFIG_MAP, s->key->name, annotations, data),
                0);
    return sync_wait(s, 1);
}
