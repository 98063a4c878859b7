/* SPDX-License-Identifier: Apache-2.0
 *
 * The images of the node: Node.status.images, which the scheduler's ImageLocality reads.
 *
 * "List of container images on this node": at most 50, the largest first, each with its names by
 * digest and by tag. The runtime is asked after each pull; the list goes out with the next
 * computation of the status, which comes every 10 s.
 *
 * Upstream: nodestatus/setters.go (Images), image_gc_manager.go (GetImageList).
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include "runtime/image.h"

#define IMAGES_MAX 50

static int larger_first(const struct cri_image *a, const struct cri_image *b)
{
    if (a->size_bytes != b->size_bytes)
        return a->size_bytes > b->size_bytes ? -1 : 1;
    return strcmp(a->reference, b->reference);
}

/* By insertion: there are few. */
static void sort_images(struct cri_image *images, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct cri_image moved = images[i];
        uint32_t at = i;
        for (; at > 0 && larger_first(&moved, &images[at - 1]) < 0; at--)
            images[at] = images[at - 1];
        images[at] = moved;
    }
}

static struct value image_entry(const struct cri_image *image)
{
    struct str reference = str_from(image->reference);
    AUTO(text) struct text digest = {0};
    text_printf(&digest, "%.*s@", STR_ARG(image_repository(reference)));
    image_digest_text(reference, &digest);
    return value_canonical(value_pack("{names: [%S, %S], sizeBytes: %D}", text_str(&digest),
                                      reference, image->size_bytes));
}

struct value node_images_list(struct cri_image *images, uint32_t count)
{
    struct value list = VALUE_ABSENT;
    sort_images(images, count);
    for (uint32_t i = 0; i < count && i < IMAGES_MAX; i++)
        list = value_append(list, image_entry(&images[i]));
    return list;
}

static void on_images(struct kubelet *k, struct pod_worker *none, size_t container,
                      const struct cri_response *r)
{
    (void)none;
    (void)container;
    struct value list = node_images_list(r->images, r->image_count);
    if (value_equal(list, k->images)) {
        value_drop(list);
        return;
    }
    value_drop(k->images);
    k->images = list;
    node_images_changed(k);
}

void node_images_ask(struct kubelet *k)
{
    kubelet_cri(k, NULL, 0, kubelet_request(k, CRI_LIST_IMAGES), on_images);
}
