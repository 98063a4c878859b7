/* SPDX-License-Identifier: Apache-2.0
 *
 * The TTL controller says on each Node for how long its kubelet may use Secrets and ConfigMaps that
 * it has looked up (annotation node.alpha.kubernetes.io/ttl, seconds): the more nodes, the longer.
 * The bounds overlap, so that a cluster at one of them does not change all of its nodes again and
 * again: a value stays while the number of nodes is within its bounds.
 *
 * A change of size is not pushed: a node learns of it when something else on it changes next.
 *
 * Upstream: pkg/controller/ttl.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"

#define TTL_ANNOTATION "node.alpha.kubernetes.io/ttl"

static void wake_later(struct controller *c, struct step *step, const struct object_key *key,
                       struct value before, struct value after);
static enum sync_result ttl_sync(struct sync *s);

const struct controller_info ttl_controller = {
    .name = "ttl-controller",
    .primary = RESOURCE_nodes,
    .watches = {{RESOURCE_nodes, wake_later}},
    .watch_count = 1,
    .sync = ttl_sync,
    .workers = 5,
};

static const struct {
    size_t nodes_min, nodes_max;
    int64_t seconds;
} bounds[] = {{0, 100, 0}, {90, 500, 15}, {450, 1000, 30}, {900, 2000, 60}, {1800, SIZE_MAX, 300}};

/* DEVIATION: a node is looked at a second after it has changed, not at once: the patches of taints
 * that a new node gets name the version they were made from, and would be made again. */
static void wake_later(struct controller *c, struct step *step, const struct object_key *key,
                       struct value before, struct value after)
{
    (void)before;
    if (value_is_present(after))
        controller_enqueue_after(c, step, key, duration_s(1));
}

static int64_t seconds_for(size_t nodes, struct value annotation)
{
    int64_t seconds;
    bool has_one = str_to_int64(value_str(annotation), &seconds);
    for (size_t i = 0; has_one && i < ARRAY_COUNT(bounds); i++) {
        if (bounds[i].seconds == seconds && nodes >= bounds[i].nodes_min &&
            nodes <= bounds[i].nodes_max)
            return seconds;
    }
    size_t step = 0;
    while (nodes > bounds[step].nodes_max)
        step++;
    return bounds[step].seconds;
}

static enum sync_result ttl_sync(struct sync *s)
{
    if (s->phase > 0)
        return answer_ok(&s->answers[0]) || s->answers[0].code == 404
                   ? SYNC_DONE
                   : sync_retry_answer(s, &s->answers[0]);
    if (!value_is_present(s->object))
        return SYNC_DONE;
    struct value now = object_annotation(s->object, S(TTL_ANNOTATION));
    size_t nodes = informer_count(controller_informer(s->controller, RESOURCE_nodes));
    int64_t seconds = seconds_for(nodes, now);
    AUTO(text) struct text wanted = {0};
    text_add_int(&wanted, seconds);
    if (str_equal(value_str(now), text_str(&wanted)))
        return SYNC_DONE;
    struct value annotations =
        value_set_key(value_object(), S(TTL_ANNOTATION), value_string(text_str(&wanted)));
    sync_patch(s, s->key, PATCH_STRATEGIC,
               VALUE_SET(value_object(), annotations, metadata, annotations), 0);
    return sync_wait(s, 1);
}
