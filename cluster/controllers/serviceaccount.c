/* SPDX-License-Identifier: Apache-2.0
 *
 * "A ServiceAccount controller manages the ServiceAccounts inside namespaces, and ensures a
 * ServiceAccount named \"default\" exists in every active namespace"
 * [doc:service-accounts-admin#serviceaccount-controller]. It wakes for namespaces, and for a
 * default ServiceAccount that goes. A namespace that is being deleted gets none.
 *
 * Upstream: pkg/controller/serviceaccount/serviceaccounts_controller.go.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/api/status.h"

static enum sync_result serviceaccount_sync(struct sync *s);
static void wake_namespace(struct controller *c, struct step *step, const struct object_key *key,
                           struct value before, struct value after);

const struct controller_info serviceaccount_controller = {
    .name = "serviceaccount-controller",
    .account = "service-account-controller",
    .event_source = "serviceaccount-controller",
    .primary = RESOURCE_namespaces,
    .watches = {{RESOURCE_namespaces, controller_wake_itself},
                {RESOURCE_serviceaccounts, wake_namespace}},
    .watch_count = 2,
    .sync = serviceaccount_sync,
    .workers = 1,
};

static void wake_namespace(struct controller *c, struct step *step, const struct object_key *key,
                           struct value before, struct value after)
{
    (void)before;
    if (value_is_present(after))
        return;
    const struct object_key *namespace =
        object_key_of(resource_get(RESOURCE_namespaces), S(""), key->namespace);
    controller_enqueue(c, step, namespace);
    object_key_unref(namespace);
}

static enum sync_result serviceaccount_sync(struct sync *s)
{
    if (s->phase == 1) {
        const struct answer *a = &s->answers[0];
        /* A namespace that terminates takes nothing new; any other refusal may pass, as roles that
         * are yet to be made. */
        bool is_terminating = status_has_cause(a->body, "NamespaceTerminating");
        bool is_settled = answer_ok(a) || a->code == 409 || a->code == 404 || is_terminating;
        return is_settled ? SYNC_DONE : sync_retry_answer(s, a);
    }
    struct informer *accounts = controller_informer(s->controller, RESOURCE_serviceaccounts);
    if (!VALUE_IS(s->object, "Active", status, phase) ||
        value_is_present(informer_get_named(accounts, s->key->name, S("default"))))
        return SYNC_DONE;
    sync_trace(s, "the namespace has no ServiceAccount default -> creates it");
    sync_create(
        s, RESOURCE_serviceaccounts,
        value_pack(
            "{kind: ServiceAccount, apiVersion: v1, metadata: {name: default, namespace: %S}}",
            s->key->name),
        0);
    return sync_wait(s, 1);
}
