/* SPDX-License-Identifier: Apache-2.0
 *
 * The kubeconfig that `serve` writes: a cluster, a user and a context of one name. A file that is
 * there keeps everything else that is in it.
 */
#ifndef TUI_KUBECONFIG_H
#define TUI_KUBECONFIG_H

#include "cluster/apiserver/http/crypto.h"

#define KUBECONFIG_NAME "wavetank"

struct kubeconfig_entry {
    struct str server;    /* "https://127.0.0.1:6443" */
    struct str authority; /* PEM */
    const struct identity *identity;
};
/* *ret_is_current: it is the context that kubectl takes by itself. */
enum err kubeconfig_write(const char *file, const struct kubeconfig_entry *entry,
                          bool *ret_is_current, struct errmsg *message) MUST_CHECK;

#endif
