/* SPDX-License-Identifier: Apache-2.0
 *
 * Kubeconfigs: a context, its cluster and its user are put into a file, beside what is there. What
 * others have written keeps its place, its order and its comments; a file that cannot be read as a
 * kubeconfig is left as it is.
 *
 *     kubeconfig_choose(getenv("KUBECONFIG"), "wavetank", &file);
 *     kubeconfig_write(text_c(&file), &entry, &is_current, &message);
 */
#ifndef TUI_KUBECONFIG_H
#define TUI_KUBECONFIG_H

#include "cluster/api/value.h"
#include "cluster/apiserver/http/crypto.h"

struct kubeconfig_entry {
    struct str name;      /* of the context and of the user */
    struct str cluster;   /* of the cluster */
    struct str server;    /* "https://127.0.0.1:6443" */
    struct str authority; /* PEM */
    const struct identity *identity;
};
/* The file of a list "FILE:FILE" that is to be changed, as kubectl chooses: the one that has this
 * context, else the first that is there, else the last. */
void kubeconfig_choose(const char *list, const char *context, struct text *ret_file);
/* *ret_is_current: it is the context that kubectl takes by itself. */
enum err kubeconfig_write(const char *file, const struct kubeconfig_entry *entry,
                          bool *ret_is_current, struct errmsg *message) MUST_CHECK;

/* ---- the parts of it that touch no file ---- */

/* The text of a kubeconfig (may be empty) with the entry in it. */
enum err kubeconfig_merge(struct str old, const struct kubeconfig_entry *entry, struct text *out,
                          bool *ret_is_current, struct errmsg *message) MUST_CHECK;
/* kubeconfig_text.c: the item of `list` ("users") that has the name of `item`, in place of the one
 * of that name or behind the last; other lines stay as they are. False: not in a text laid out like
 * this one. */
bool kubeconfig_splice(struct str old, const char *list, struct value item, struct text *out);
/* Sets a key of the top, likewise. */
bool kubeconfig_splice_key(struct str old, const char *key, struct str value, struct text *out);

#endif
