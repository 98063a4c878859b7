/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML files as documents with places: a thin layer over cluster/api/yaml that names the file in
 * every message and refuses keys that stand twice in one mapping, since one of them would silently
 * not count.
 */
#include "sim/base/base.h"

#include "scenarios/engine/document.h"

#include "cluster/api/yaml.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

struct places {
    struct yaml_stream stream; /* of the whole file */
};
struct duplicates {
    struct text path;
    size_t line, column;
};

static void note_duplicate(void *owner, struct str path, struct str key, size_t line, size_t column)
{
    struct duplicates *d = owner;
    (void)key;
    if (d->path.size)
        return;
    text_add(&d->path, path);
    d->line = line;
    d->column = column;
}

/* "line 3, column 7: what" becomes "file:3:7: what". */
static void name_file(struct str file, struct errmsg *message)
{
    int line = 1, column = 1;
    struct str text = str_from(message->text), rest = text, number;
    int64_t n;
    if (str_starts_with(text, S("line "))) {
        rest = str_slice(text, 5, text.size);
        number = str_cut(rest, ',', &rest);
        line = str_to_int64(number, &n) ? (int)n : 1;
        if (str_starts_with(rest, S(" column "))) {
            rest = str_slice(rest, 8, rest.size);
            number = str_cut(rest, ':', &rest);
            column = str_to_int64(number, &n) ? (int)n : 1;
        }
    }
    char what[ERRMSG_SIZE];
    struct str trimmed = str_trim(rest);
    memcpy(what, trimmed.bytes, trimmed.size);
    (void)errmsg_set(message, ERR_SYNTAX, "%.*s:%d:%d: %.*s", STR_ARG(file), line, column,
                     (int)trimmed.size, what);
}

/* ---- the store of files ---- */

void file_store_add(struct file_store *store, struct str name, struct str text)
{
    struct stored_file f = {.name = mem_copy_string(name)};
    text_add(&f.text, text);
    vec_push(store, f);
}

void file_store_release(struct file_store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        mem_free(store->items[i].name);
        text_release(&store->items[i].text);
    }
    vec_release(store);
}

static const struct text *file_store_find(const struct file_store *store, struct str name)
{
    for (size_t i = 0; i < store->count; i++) {
        if (str_equal(str_from(store->items[i].name), name))
            return &store->items[i].text;
    }
    return NULL;
}

enum err documents_load_through(struct file_store *store, struct str file,
                                struct documents *ret_documents, struct errmsg *message)
{
    const struct text *stored = store ? file_store_find(store, file) : NULL;
    if (stored)
        return documents_parse(file, text_str(stored), ret_documents, message);
    if (store && store->is_closed)
        return errmsg_set(message, ERR_MISSING, "the recording does not hold %.*s", STR_ARG(file));
    char *bytes = NULL;
    size_t size = 0;
    enum err e = file_read(file, &bytes, &size, message);
    if (e)
        return e;
    e = documents_parse(file, (struct str){bytes, size}, ret_documents, message);
    if (!e && store)
        file_store_add(store, file, (struct str){bytes, size});
    mem_free(bytes);
    return e;
}

enum err documents_load(struct str file, struct documents *ret_documents, struct errmsg *message)
{
    return documents_load_through(NULL, file, ret_documents, message);
}

/* ---- documents ---- */

enum err documents_parse(struct str file, struct str text, struct documents *ret_documents,
                         struct errmsg *message)
{
    struct documents d = {.file = mem_copy_string(file), .places = mem_new(struct places)};
    struct duplicates duplicates = {0};
    struct yaml_limits limits = {
        .size_max = DOCUMENT_BYTES_MAX, .duplicate_key = note_duplicate, .owner = &duplicates};
    struct yaml_stream *stream = &d.places->stream;
    enum err e = yaml_parse(text, &limits, stream, message);
    if (e)
        name_file(file, message);
    else if (duplicates.path.size)
        e = errmsg_set(message, ERR_VALUE, "%.*s:%zu:%zu: %s: this key stands here twice",
                       STR_ARG(file), duplicates.line, duplicates.column, text_c(&duplicates.path));
    text_release(&duplicates.path);
    if (!e)
        d.items = mem_array(struct document, stream->count);
    for (size_t i = 0; i < stream->count && !e; i++) {
        d.items[d.count++] =
            (struct document){str_from(d.file), stream->items[i].value, &stream->items[i]};
        if (value_kind(stream->items[i].value) != VALUE_OBJECT)
            e = errmsg_set(message, ERR_TYPE, "%.*s:%zu:1: expected a mapping", STR_ARG(file),
                           stream->items[i].line);
    }
    if (e)
        documents_release(&d);
    else
        *ret_documents = d;
    return e;
}

void documents_release(struct documents *d)
{
    if (d->places)
        yaml_stream_release(&d->places->stream);
    mem_free(d->places);
    mem_free(d->items);
    mem_free(d->file);
    *d = (struct documents){0};
}

struct place document_place(const struct document *d, struct str path)
{
    size_t line = 1, column = 1;
    if (d->yaml)
        (void)yaml_place(d->yaml, path, &line, &column); /* the nearest thing around it is fine */
    return (struct place){(int)line, (int)column};
}
