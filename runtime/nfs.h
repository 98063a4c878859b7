/* SPDX-License-Identifier: Apache-2.0
 *
 * An NFS server: a process that listens at "<host>:2049" and knows its exported paths. Mounting is
 * one question and one answer on a stream; reads and writes of mounted files are not sent over the
 * network.
 *
 *     static const char *const exports[] = {"/export/content", "/export/certs"};
 *     static const struct nfs_config config = {.host = "nas.domain.lan", .exports = exports,
 *     .export_count = 2};
 *     sim_process_add(sim, &(struct process_options){.name = S("nfs@nas.domain.lan"), .type =
 *     &nfs_process, .config = &config, ...});
 */
#ifndef RUNTIME_NFS_H
#define RUNTIME_NFS_H

#include "runtime/cri.h"

enum { RUNTIME_MESSAGE_NFS_MOUNT = RUNTIME_MESSAGE_FAULT + 1 };

struct nfs_config {
    const char *host;
    const char *const *exports;
    size_t export_count;
};
extern const struct process_type nfs_process;
address_id nfs_address(struct sim *sim, struct str host);

struct nfs_mount { /* the question, and the answer with is_answer */
    struct message message;
    char *path; /* owned */
    bool is_answer, is_exported;
};
extern const struct message_type nfs_mount_message;
struct nfs_mount *nfs_mount_new(struct str path);

#endif
