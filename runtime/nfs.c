/* SPDX-License-Identifier: Apache-2.0
 *
 * The NFS server's process: answers which paths it exports. A path below an export can be mounted
 * too.
 */
#include "sim/base/base.h"

#include "runtime/nfs.h"

#include "sim/base/mem.h"

#include <stdio.h>

static void mount_release(struct message *m)
{
    struct nfs_mount *n = CONTAINER_OF(m, struct nfs_mount, message);
    mem_free(n->path);
    mem_free(n);
}

static uint64_t mount_digest(const struct message *m)
{
    const struct nfs_mount *n = (const struct nfs_mount *)(const void *)m;
    return hash_pair(hash_bytes(str_from(n->path)), n->is_exported);
}

const struct message_type nfs_mount_message = {.name = "nfs-mount",
                                               .kind = RUNTIME_MESSAGE_NFS_MOUNT,
                                               .release = mount_release,
                                               .digest = mount_digest};

struct nfs_mount *nfs_mount_new(struct str path)
{
    struct nfs_mount *n = mem_new(struct nfs_mount);
    message_init(&n->message, &nfs_mount_message, 200);
    n->path = mem_copy_string(path);
    return n;
}

address_id nfs_address(struct sim *sim, struct str host)
{
    char buffer[300];
    int size = snprintf(buffer, sizeof(buffer), "%.*s:2049", STR_ARG(host));
    CHECK(size > 0);
    return sim_address(
        sim,
        (struct str){buffer, (size_t)size < sizeof(buffer) ? (size_t)size : sizeof(buffer) - 1});
}

struct nfs_server {
    const struct nfs_config *config;
};

static void *start(struct step *step, const void *config)
{
    struct nfs_server *s = mem_new(struct nfs_server);
    s->config = config;
    step_listen(step, nfs_address(step->sim, str_from(s->config->host)));
    return s;
}

static void input(void *state, struct step *step, const struct input *in)
{
    struct nfs_server *s = state;
    if (in->kind == INPUT_TERMINATE)
        step_exit(step, 0);
    if (in->kind != INPUT_MESSAGE || in->message->type != &nfs_mount_message)
        return;
    const struct nfs_mount *question = CONTAINER_OF(in->message, struct nfs_mount, message);
    struct str path = str_from(question->path);
    struct nfs_mount *answer = nfs_mount_new(path);
    answer->is_answer = true;
    for (size_t i = 0; i < s->config->export_count; i++) {
        struct str export = str_from(s->config->exports[i]);
        bool below = str_starts_with(path, export) &&
                     (path.size == export.size || path.bytes[export.size] == '/');
        answer->is_exported = answer->is_exported || below;
    }
    step_send(step, in->stream, &answer->message);
}

static void release(void *state)
{
    mem_free(state);
}

const struct process_type nfs_process = {
    .kind = "nfs", .start = start, .input = input, .release = release};
