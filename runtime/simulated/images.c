/* SPDX-License-Identifier: Apache-2.0
 *
 * The images of a node: what the registry answers, what a pull costs, what is on the disk.
 *
 * A pulled image is a record in the file containerd/images and is found there after a reboot. A
 * pull takes the time to resolve the name, then what its size needs on the wire and for unpacking.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"
#include "runtime/simulated/timings.h"

struct image_record {
    struct message message;
    char *reference;
    int64_t size_bytes;
};

static void image_record_release(struct message *m)
{
    struct image_record *r = CONTAINER_OF(m, struct image_record, message);
    mem_free(r->reference);
    mem_free(r);
}
static uint64_t image_record_digest(const struct message *m)
{
    return hash_bytes(str_from(((const struct image_record *)(const void *)m)->reference));
}
static const struct message_type image_record_message = {.name = "image-record",
                                                         .kind = RUNTIME_MESSAGE_IMAGE_RECORD,
                                                         .release = image_record_release,
                                                         .digest = image_record_digest};

void runtime_record_append(struct runtime_node *n, file_id file, struct str reference,
                           int64_t size_bytes, uint32_t record_bytes)
{
    struct image_record *r = mem_new(struct image_record);
    message_init(&r->message, &image_record_message, record_bytes);
    r->reference = mem_copy_string(reference);
    r->size_bytes = size_bytes;
    step_file_append(n->step, file, &r->message, 0);
    step_file_sync(n->step, file, 0);
}

static struct cri_image *image_find(struct runtime_node *n, struct str reference)
{
    for (size_t i = 0; i < n->images.count; i++) {
        if (str_equal(str_from(n->images.items[i].reference), reference))
            return &n->images.items[i];
    }
    return NULL;
}

bool image_is_present(struct runtime_node *n, struct str reference)
{
    if (image_find(n, reference))
        return true;
    return n->config->images_preloaded && registry_look_up(reference) == REGISTRY_OK;
}

static void image_add(struct runtime_node *n, struct str reference, bool write)
{
    if (image_find(n, reference))
        return;
    struct cri_image image = {mem_copy_string(reference), image_size_bytes(reference)};
    vec_push(&n->images, image);
    if (write)
        runtime_record_append(n, n->image_file, reference, image.size_bytes, 4096);
}

void images_read(struct runtime_node *n)
{
    size_t count = step_file_count(n->step, n->image_file);
    for (size_t i = 0; i < count; i++) {
        bool torn = false;
        struct message *m = step_file_record(n->step, n->image_file, i, &torn);
        if (!m || torn)
            continue;
        const struct image_record *r = (const struct image_record *)(const void *)m;
        if (r->size_bytes >= 0)
            image_add(n, str_from(r->reference), false);
    }
}

/* ---- verbs ---- */

void pull_begin(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    struct str reference = str_from(r->text);
    if (n->registry_is_down) {
        (void)operation_new(n, stream, r, TIMING_PULL_DIAL_TIMEOUT_MS, 0);
        return;
    }
    if (registry_look_up(reference) != REGISTRY_OK) {
        (void)operation_new(n, stream, r, TIMING_PULL_FAIL_MS, TIMING_PULL_RESOLVE_SPREAD_MS);
        return;
    }
    int64_t resolve = TIMING_PULL_RESOLVE_MS;
    if (!image_is_present(n, reference)) {
        int64_t bytes = image_size_bytes(reference);
        resolve +=
            bytes / (n->pull_bytes_per_s / 1000) + bytes / (TIMING_UNPACK_BYTES_PER_S / 1000);
    }
    (void)operation_new(n, stream, r, resolve, TIMING_PULL_RESOLVE_SPREAD_MS);
}

void pull_finish(struct runtime_node *n, struct operation *o)
{
    struct str reference = str_from(o->request->text);
    enum registry_answer result = registry_look_up(reference);
    if (result != REGISTRY_OK || n->registry_is_down) {
        AUTO(text) struct text error = {0};
        registry_error_text(reference, result, n->registry_is_down, &error);
        cri_fail(o->response,
                 result == REGISTRY_NO_TAG && !n->registry_is_down ? CRI_NOT_FOUND : CRI_UNKNOWN,
                 "%s", text_c(&error));
        return;
    }
    image_add(n, reference, true);
    AUTO(text) struct text digest = {0};
    image_digest_text(reference, &digest);
    o->response->output = mem_copy_string(text_str(&digest));
    o->response->size_bytes = image_size_bytes(reference);
}

void image_answer(struct runtime_node *n, const struct cri_request *r, struct cri_response *a)
{
    if (r->verb == CRI_LIST_IMAGES) {
        a->images = mem_array(struct cri_image, n->images.count + 1);
        for (size_t i = 0; i < n->images.count; i++)
            a->images[a->image_count++] =
                (struct cri_image){mem_copy_string(str_from(n->images.items[i].reference)),
                                   n->images.items[i].size_bytes};
        return;
    }
    struct str reference = str_from(r->text);
    a->is_present = image_is_present(n, reference);
    if (r->verb == CRI_IMAGE_STATUS && a->is_present) {
        AUTO(text) struct text digest = {0};
        image_digest_text(reference, &digest);
        a->output = mem_copy_string(text_str(&digest));
        a->size_bytes = image_size_bytes(reference);
        image_add(n, reference, false);
    }
    for (size_t i = 0; r->verb == CRI_REMOVE_IMAGE && i < n->images.count; i++) {
        if (str_equal(str_from(n->images.items[i].reference), reference)) {
            mem_free(n->images.items[i].reference);
            vec_remove(&n->images, i);
            break;
        }
    }
}
