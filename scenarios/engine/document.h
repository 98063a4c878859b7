/* SPDX-License-Identifier: Apache-2.0
 *
 * A YAML file as documents whose values know where they stand in the text.
 *
 *     struct documents docs = {0};
 *     if (documents_load(S("web.yaml"), &docs, &message)) ...
 *     struct place p = document_place(&docs.items[0], S("spec.steps[0].try[1]"));
 *     documents_release(&docs);
 */
#ifndef SCENARIOS_ENGINE_DOCUMENT_H
#define SCENARIOS_ENGINE_DOCUMENT_H

#include "cluster/api/value.h"
#include "sim/base/text.h"

struct place {
    int line, column; /* from 1; 0: unknown */
};
struct places; /* private to document.c */
struct yaml_document;
struct document {
    struct str file;   /* as the user named it; NUL-terminated */
    struct value root; /* borrowed while the documents live */
    const struct yaml_document *yaml;
};
struct documents {
    struct document *items;
    size_t count;
    char *file; /* this and what follows: private */
    struct places *places;
};
#define DOCUMENT_BYTES_MAX (256u << 20)

enum err documents_load(struct str file, struct documents *ret_documents,
                        struct errmsg *message) MUST_CHECK;
/* The same from text; `file` is only a name. */
enum err documents_parse(struct str file, struct str text, struct documents *ret_documents,
                         struct errmsg *message) MUST_CHECK;
void documents_release(struct documents *d);
/* The place of what stands at `path`, or of the nearest thing around it. */
struct place document_place(const struct document *d, struct str path);

/* The texts of files that have been read, so that they can be read again when they are not there
 * any more. */
struct stored_file {
    char *name;
    struct text text;
};
struct file_store {
    struct stored_file *items;
    size_t count, capacity;
    bool is_closed; /* nothing else may be read */
};
void file_store_add(struct file_store *store, struct str name, struct str text);
void file_store_release(struct file_store *store);
/* As documents_load, through the store; NULL: straight from the file. */
enum err documents_load_through(struct file_store *store, struct str file,
                                struct documents *ret_documents,
                                struct errmsg *message) MUST_CHECK;

/* Reads a whole file; the caller frees *ret_bytes. */
enum err file_read(struct str file, char **ret_bytes, size_t *ret_size,
                   struct errmsg *message) MUST_CHECK;

#endif
