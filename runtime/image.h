/* SPDX-License-Identifier: Apache-2.0
 *
 * Image references and the registry: which images exist, how big they are, what runs in them.
 *
 *     struct image_reference r;
 *     if (!image_reference_parse(S("nginx"), &r)) ...      "invalid reference format"
 *     image_reference_text(&r, &out);                       "docker.io/library/nginx:latest"
 *
 * Source: distribution/reference (grammar); OCI image specification.
 */
#ifndef RUNTIME_IMAGE_H
#define RUNTIME_IMAGE_H

#include "sim/base/base.h"
#include "sim/base/text.h"

struct image_reference {          /* borrowed from the text that was parsed */
    struct str domain;            /* "docker.io" when none is written */
    bool is_official;             /* "library/" goes in front of the path */
    struct str path, tag, digest; /* tag empty: none written */
};
bool image_reference_parse(struct str s, struct image_reference *ret);
/* Normalised: with domain, library/ and, without tag and digest, ":latest". */
void image_reference_text(const struct image_reference *r, struct text *out);
/* As the kubelet writes it into a container's status: what was asked, with domain and default tag.
 * */
bool image_normalise(struct str s, struct text *out);

/* What runs in an image when no command is given. */
enum program_kind {
    PROGRAM_DEFAULT, /* starts, stays up, listens on the declared ports */
    PROGRAM_SERVER,  /* listens on its own ports after its start time */
    PROGRAM_NGINX,   /* a server of files, with a configuration */
    PROGRAM_ECHO,    /* answers with its pod's name (agnhost, http-echo, hello-app, whoami) */
    PROGRAM_SHELL,   /* a shell without terminal: ends at once */
    PROGRAM_SCRIPT,  /* sh -c, or a single tool as command */
    PROGRAM_SLEEP    /* pause */
};
struct image_model {
    const char *repository; /* normalised, without tag; a suffix match after '/' */
    uint32_t size_kib;
    enum program_kind program;
    uint16_t ports[4];
    uint32_t start_ms;   /* from exec to listening */
    uint32_t memory_mib; /* at rest */
    uint32_t cpu_milli;
    uint32_t stop_ms; /* from SIGTERM to the end; 0: SIGTERM has no handler */
    uint8_t
        stop_code; /* exit code after SIGTERM; without handler 143 (ignored as PID 1 by shells) */
    bool has_shell;
};
/* The model of an image by its normalised reference; never NULL (the default model for unknown
 * ones). */
const struct image_model *image_model_of(struct str normalised);

/* How a registry answers: empty when the image exists, else containerd's text, without the "failed
 * to pull" part. */
enum registry_answer { REGISTRY_OK, REGISTRY_NO_REPOSITORY, REGISTRY_NO_TAG, REGISTRY_NO_HOST };
enum registry_answer registry_look_up(struct str normalised);
/* The error of a pull as the runtime gives it; code is "NotFound" or "" (Unknown). */
void registry_error_text(struct str normalised, enum registry_answer answer, bool is_down,
                         struct text *out);
/* Size in bytes, a little different for each tag. */
int64_t image_size_bytes(struct str normalised);
/* The groups of root as /etc/group of the image has them, ascending; a constant. */
const uint16_t *image_root_groups(struct str normalised, size_t *ret_count);
/* Its shell and tools are busybox's: no bash. */
bool image_is_busybox(struct str normalised);
/* "docker.io/library/nginx": without tag and digest. */
struct str image_repository(struct str normalised);
/* "sha256:<64 hex>": a hash of the reference. */
void image_digest_text(struct str normalised, struct text *out);

#endif
