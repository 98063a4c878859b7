/* SPDX-License-Identifier: Apache-2.0
 *
 * What `serve` keeps on the disk. With --data-dir a folder that is nobody else's:
 *
 *     lock           held by the program that uses the folder
 *     pki/           the secret of the cluster's keys, ca.crt (crypto.h)
 *     kubeconfig     of the administrator
 *     journal        what came in (session.h)
 *     ctl.sock       for `wavetank ctl`
 *
 * And, whether or not there is a folder, a folder for sockets of this user, where `wavetank ctl`
 * finds what runs: $XDG_RUNTIME_DIR/wavetank, else /tmp/wavetank-UID.
 */
#ifndef TUI_SERVE_FOLDER_H
#define TUI_SERVE_FOLDER_H

#include "sim/base/text.h"

struct folder {
    struct text path;         /* of --data-dir; empty: none */
    int lock, journal;        /* file descriptors; -1 (or 0, before folder_init): none */
    struct text journal_path; /* empty: none is written */
    uint64_t journal_bytes;
    bool has_failed; /* the journal cannot be written any more */
    char *loaded;    /* a journal that was there; freed with the folder */
    size_t loaded_size;
};
void folder_init(struct folder *f);
void folder_release(struct folder *f);
/* Makes the folder and takes its lock. */
enum err folder_open(struct folder *f, const char *path, struct errmsg *message) MUST_CHECK;
/* The journal of the folder that is there, into `loaded`; nothing: there is none. */
enum err folder_load_journal(struct folder *f, struct errmsg *message) MUST_CHECK;
/* Opens a journal for writing: a new file (it must not be there), or behind `good` bytes of one. */
enum err folder_open_journal(struct folder *f, const char *path, size_t good,
                             struct errmsg *message) MUST_CHECK;
/* Appends; a failure is said once, and kept in has_failed. */
void folder_append(struct folder *f, struct str bytes);
void folder_sync(struct folder *f);
/* Puts a journal aside as journal.old. */
enum err folder_reset(struct folder *f, struct errmsg *message) MUST_CHECK;

/* Any file, whole. */
enum err file_load(const char *path, char **ret_bytes, size_t *ret_size,
                   struct errmsg *message) MUST_CHECK;

/* The folder for sockets, made when it is not there; one that is somebody else's is refused. */
enum err run_folder(bool make, struct text *ret_path, struct errmsg *message) MUST_CHECK;

#endif
