/* SPDX-License-Identifier: Apache-2.0
 *
 * ImageLocality: prefers nodes that have the pod's images already. An image counts with its size
 * times the share of the nodes that have it, so that one popular node is not flooded; the sum is
 * scaled from [23 MiB, 1000 MiB a container] to 0..100.
 *
 * DEVIATION: the share is kept in integers of 1e-6, where Kubernetes uses floating point.
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

#define MIB (INT64_C(1024) * 1024)
#define THRESHOLD_LOW (23 * MIB)
#define THRESHOLD_HIGH (1000 * MIB)
#define IMAGES_MAX 32

static enum fit pre_score(struct cycle *c);
static int64_t score(struct cycle *c, const struct node_info *n);

const struct plugin image_locality_plugin = {
    .name = "ImageLocality",
    .pre_score = pre_score,
    .score = score,
    .weight = 1,
};

struct image_state {
    uint32_t ids[IMAGES_MAX];
    uint32_t count;
    int64_t containers, nodes;
};

static struct str with_tag(struct cycle *c, struct str image)
{
    size_t slash = 0;
    for (size_t i = 0; i < image.size; i++)
        if (image.bytes[i] == '/')
            slash = i;
    struct str last = str_slice(image, slash, image.size);
    if (str_find(last, ':') < last.size || str_find(last, '@') < last.size)
        return image;
    return arena_printf(c->arena, "%.*s:latest", STR_ARG(image));
}

static void collect(struct cycle *c, struct image_state *s, struct value containers)
{
    for (size_t i = 0; i < value_count(containers); i++) {
        struct str image = VALUE_STR(value_at(containers, i), image);
        s->containers++;
        uint32_t id = cache_image(c->cache, with_tag(c, image));
        if (c->cache->images.items[id]->nodes > 0 && s->count < IMAGES_MAX)
            s->ids[s->count++] = id;
    }
}

static enum fit pre_score(struct cycle *c)
{
    struct image_state *s = arena_new(c->arena, struct image_state);
    collect(c, s, VALUE_GET(c->spec, initContainers));
    collect(c, s, VALUE_GET(c->spec, containers));
    size_t nodes;
    cache_order(c->cache, &nodes);
    s->nodes = (int64_t)nodes;
    c->images = s;
    return s->count > 0 ? FIT : FIT_SKIP; /* nowhere: 0 for all */
}

static int64_t score(struct cycle *c, const struct node_info *n)
{
    const struct image_state *s = c->images;
    int64_t sum = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        for (size_t j = 0; j < n->images.count; j++) {
            if (n->images.items[j] != s->ids[i])
                continue;
            const struct image_info *image = c->cache->images.items[s->ids[i]];
            int64_t share = (int64_t)image->nodes * 1000000 / s->nodes;
            sum += image->size_bytes / 1000 * share / 1000;
            break;
        }
    }
    int64_t high = THRESHOLD_HIGH * s->containers;
    sum = sum < THRESHOLD_LOW ? THRESHOLD_LOW : sum > high ? high : sum;
    return SCHEDULER_SCORE_MAX * (sum - THRESHOLD_LOW) / (high - THRESHOLD_LOW);
}
