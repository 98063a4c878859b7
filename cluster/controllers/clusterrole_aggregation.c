/* SPDX-License-Identifier: Apache-2.0
 *
 * "You can aggregate several ClusterRoles into one combined ClusterRole. A controller ... watches
 * for ClusterRole objects with an aggregationRule set" [doc:rbac#aggregated-clusterroles]. The
 * rules of such a role are those of all others whose labels match one of its selectors, in the
 * order of selectors and then of names, each different rule once; whatever a user wrote there is
 * replaced. The default roles admin, edit and view get their rules this way.
 *
 * Upstream: pkg/controller/clusterroleaggregation. Any change of a ClusterRole wakes every one that
 * aggregates, since the labels before it may have matched too.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/controllers/claim.h"

static enum sync_result aggregation_sync(struct sync *s);
static void wake_aggregating(struct controller *c, struct step *step, const struct object_key *key,
                             struct value before, struct value after);

const struct controller_info clusterrole_aggregation_controller = {
    .name = "clusterrole-aggregation-controller",
    .primary = RESOURCE_clusterroles,
    .watches = {{RESOURCE_clusterroles, wake_aggregating}},
    .watch_count = 1,
    .sync = aggregation_sync,
    .workers = 5,
};

static void wake_aggregating(struct controller *c, struct step *step, const struct object_key *key,
                             struct value before, struct value after)
{
    (void)key;
    (void)before;
    (void)after;
    struct informer *roles = controller_informer(c, RESOURCE_clusterroles);
    for (struct informer_cursor i = informer_first(roles, S("")); i.key; informer_next(&i))
        if (value_is_present(VALUE_GET(i.object, aggregationRule)))
            controller_enqueue(c, step, i.key);
}

static struct value rules_for(struct sync *s)
{
    struct value selectors = VALUE_GET(s->object, aggregationRule, clusterRoleSelectors);
    struct informer *roles = controller_informer(s->controller, RESOURCE_clusterroles);
    struct value all = value_array();
    for (size_t n = 0; n < value_count(selectors); n++) {
        for (struct informer_cursor i = informer_first(roles, S("")); i.key; informer_next(&i)) {
            if (i.key == s->key ||
                !selector_matches(value_at(selectors, n), object_labels(i.object)))
                continue;
            struct value rules = VALUE_GET(i.object, rules);
            for (size_t j = 0; j < value_count(rules); j++)
                if (!value_has_item(all, value_at(rules, j)))
                    all = value_append(all, value_keep(value_at(rules, j)));
        }
    }
    return all;
}

static enum sync_result aggregation_sync(struct sync *s)
{
    if (s->phase == 1) {
        const struct answer *a = &s->answers[0];
        return answer_ok(a) || a->code == 404 ? SYNC_DONE : sync_retry_answer(s, a);
    }
    if (!value_is_present(s->object) || !value_is_present(VALUE_GET(s->object, aggregationRule)))
        return SYNC_DONE;
    struct value rules = rules_for(s), present = VALUE_GET(s->object, rules);
    bool is_same =
        value_count(rules) == 0 ? value_count(present) == 0 : value_equal(rules, present);
    if (is_same) {
        value_drop(rules);
        return SYNC_DONE;
    }
    struct request *r = request_for_key(VERB_PATCH, s->key);
    r->patch_type = PATCH_APPLY;
    r->force = true;
    r->field_manager = value_string(S("clusterrole-aggregation-controller"));
    r->body = value_pack("{apiVersion: \"rbac.authorization.k8s.io/v1\", kind: ClusterRole, "
                         "metadata: {name: %S}, rules: %v}",
                         s->key->name, rules);
    sync_send(s, r, 0);
    return sync_wait(s, 1);
}
