/* SPDX-License-Identifier: Apache-2.0
 *
 * A value on the command line has the type that the fault's shape says: a list is written with
 * commas, parts of a mapping with dots (delay.latency=10ms, selector.labelSelectors.app=web).
 */
#include "sim/base/base.h"

#include "tui/ctl/operations.h"

#include <stdio.h>

#include "cluster/api/json.h"
#include "scenarios/engine/faults.h"
#include "scenarios/engine/steps.h"
#include "sim/base/mem.h"

/* ---- values of words ---- */

static struct value list_of(const struct shape *item, struct str text);

static struct value value_of(const struct shape *shape, struct str text)
{
    int64_t n;
    bool may_be_number = !shape || shape->kind == SHAPE_INTEGER || shape->kind == SHAPE_SCALAR;
    if (shape && shape->kind == SHAPE_LIST)
        return list_of(shape->item, text);
    if (shape && shape->kind == SHAPE_BOOL && str_equal(text, S("true")))
        return value_bool(true);
    if (shape && shape->kind == SHAPE_BOOL && str_equal(text, S("false")))
        return value_bool(false);
    return may_be_number && str_to_int64(text, &n) ? value_integer(n) : value_string(text);
}

static struct value list_of(const struct shape *item, struct str text)
{
    struct value list = value_array();
    while (text.size > 0) {
        struct str one = str_cut(text, ',', &text);
        list = value_append(list, value_of(item, one));
    }
    return list;
}

/* The shape below a key; NULL: unknown (the check will say so). */
static const struct shape *shape_below(const struct shape *shape, struct str key)
{
    struct shape_field field;
    if (!shape)
        return NULL;
    if (shape->kind == SHAPE_MAP)
        return shape->item;
    for (size_t i = 0; shape_field_at(shape, i, &field); i++) {
        if (str_equal(str_from(field.name), key))
            return field.shape;
    }
    return NULL;
}

/* Puts the value at a path with dots. The last part of a map's key may have dots of its own
 * (labelSelectors.app.kubernetes.io/name=web). */
static struct value with_word(struct value own_object, const struct shape *shape, struct str path,
                              struct str text)
{
    struct str rest;
    struct str key = shape && shape->kind == SHAPE_MAP ? path : str_cut(path, '.', &rest);
    if (key.size == path.size)
        return value_set_key(own_object, key, value_of(shape_below(shape, key), text));
    struct value part = value_keep(value_get_key(own_object, key));
    if (value_kind(part) != VALUE_OBJECT) {
        value_drop(part);
        part = value_object();
    }
    part = with_word(part, shape_below(shape, key), rest, text);
    return value_set_key(own_object, key, part);
}

/* ---- checking and writing ---- */

static enum err add_operation(const struct document *d, struct value operation, struct str path,
                              struct text *out, struct errmsg *message)
{
    enum err e = shape_check(&step_operation_shape, operation, d, path, message);
    if (e)
        return e;
    if (out->size)
        text_add(out, S("\n---\n"));
    json_write(operation, out);
    return ERR_OK;
}

/* A value that was made of words: mistakes have no place but the words. */
static enum err add_made(struct value operation, struct text *out, struct errmsg *message)
{
    struct document d = {.file = S("wavetank ctl"), .root = operation};
    return add_operation(&d, operation, S(""), out, message);
}

static const struct fault_kind *fault_find(struct str name)
{
    for (size_t i = 0; i < fault_kind_count; i++) {
        if (str_equal(name, str_from(fault_kinds[i]->name)))
            return fault_kinds[i];
    }
    return NULL;
}

enum err operation_inject(char **words, size_t count, struct text *out, struct errmsg *message)
{
    const struct fault_kind *kind = fault_find(str_from(words[0]));
    if (!kind) {
        const char *names[16];
        size_t known = 0;
        for (; known < fault_kind_count && known < ARRAY_COUNT(names); known++)
            names[known] = fault_kinds[known]->name;
        const char *near = nearest_word(str_from(words[0]), names, known);
        return errmsg_set(message, ERR_UNKNOWN,
                          "%s is neither a file nor a kind of fault%s%s; wavetank ctl inject -h "
                          "lists them",
                          words[0], near ? "; did you mean " : "", near ? near : "");
    }
    struct value arguments = value_object(), operation = value_object();
    enum err e = ERR_OK;
    for (size_t i = 1; i < count && !e; i++) {
        struct str text, key = str_cut(str_from(words[i]), '=', &text);
        if (key.size == strlen(words[i]) || key.size == 0)
            e = errmsg_set(message, ERR_SYNTAX, "%s: expected KEY=VALUE", words[i]);
        else if (str_equal(key, S("name")) || str_equal(key, S("duration")))
            operation = value_set_key(operation, key, value_string(text));
        else
            arguments = with_word(arguments, kind->shape, key, text);
    }
    operation = value_set_key(operation, str_from(kind->name), arguments);
    operation = value_set_key(value_object(), S("inject"), operation);
    if (!e)
        e = add_made(operation, out, message);
    value_drop(operation);
    return e;
}

enum err operation_heal(const char *name, struct text *out, struct errmsg *message)
{
    AUTO(value)
    struct value operation = value_pack("{heal: {name: %s}}", name);
    return add_made(operation, out, message);
}

/* ---- files ---- */

static enum err load(const char *file, struct documents *ret, struct errmsg *message)
{
    if (strcmp(file, "-") != 0)
        return documents_load(str_from(file), ret, message);
    AUTO(text) struct text input = {0};
    char block[4096];
    size_t size;
    while ((size = fread(block, 1, sizeof(block), stdin)) > 0 && input.size < DOCUMENT_BYTES_MAX)
        text_add(&input, (struct str){block, size});
    return documents_parse(S("standard input"), text_str(&input), ret, message);
}

/* All objects of a manifest as one List. */
static enum err list_of_file(const struct document *d, struct str path, struct str file,
                             struct value *ret, struct errmsg *message)
{
    AUTO(text) struct text full = {0};
    struct documents manifest = {0};
    size_t slash = d->file.size;
    while (slash > 0 && d->file.bytes[slash - 1] != '/')
        slash--;
    if (!str_starts_with(file, S("/")))
        text_add(&full, str_slice(d->file, 0, slash));
    text_add(&full, file);
    enum err e = documents_load(text_str(&full), &manifest, message);
    if (e == ERR_IO) {
        struct errmsg why = *message;
        return place_error(d, path, e, message, "%s", why.text);
    }
    if (e)
        return e;
    struct value items = value_array();
    for (size_t i = 0; i < manifest.count; i++)
        items = value_append(items, value_keep(manifest.items[i].root));
    documents_release(&manifest);
    *ret = value_pack("{apiVersion: v1, kind: List, items: %v}", items);
    return ERR_OK;
}

static enum err add_whole(const struct document *d, struct value operation, struct str path,
                          struct text *out, struct errmsg *message)
{
    struct value arguments = value_member_at(operation, 0), list = VALUE_ABSENT;
    struct value file = value_get_key(arguments, S("file"));
    if (!value_is_present(file))
        return add_operation(d, operation, path, out, message);
    enum err e = shape_check(&step_operation_shape, operation, d, path, message);
    e = e ? e : list_of_file(d, path, value_str(file), &list, message);
    if (e)
        return e;
    struct value next = value_set_key(value_keep(arguments), S("file"), VALUE_ABSENT);
    next = value_set_key(next, S("resource"), list);
    next = value_set_key(value_object(), value_key_at(operation, 0), next);
    e = add_operation(d, next, S(""), out, message);
    value_drop(next);
    return e;
}

/* An operation, or a step: the operations under its `try`. */
static enum err add_document(const struct document *d, struct text *out, struct errmsg *message)
{
    struct value operations = value_get_key(d->root, S("try"));
    if (!value_is_present(operations))
        return add_whole(d, d->root, S(""), out, message);
    enum err e = shape_check(&scenario_step_shape, d->root, d, S(""), message);
    if (!e && (value_is_present(value_get_key(d->root, S("catch"))) ||
               value_is_present(value_get_key(d->root, S("finally")))))
        e = place_error(d, S(""), ERR_UNSUPPORTED, message,
                        "only `try` can be done from outside, no `catch` or `finally`");
    for (size_t i = 0; i < value_count(operations) && !e; i++) {
        AUTO(text) struct text path = {0};
        text_printf(&path, "try[%zu]", i);
        e = add_whole(d, value_at(operations, i), text_str(&path), out, message);
    }
    return e;
}

static enum err add_documents(struct documents *d, struct text *out, struct errmsg *message)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < d->count && !e; i++)
        e = add_document(&d->items[i], out, message);
    if (!e && out->size == 0)
        e = errmsg_set(message, ERR_MISSING, "there is nothing to do in it");
    documents_release(d);
    return e;
}

enum err operations_of_file(const char *file, struct text *out, struct errmsg *message)
{
    struct documents d = {0};
    enum err e = load(file, &d, message);
    return e ? e : add_documents(&d, out, message);
}

enum err operations_of_text(const char *name, struct str text, struct text *out,
                            struct errmsg *message)
{
    struct documents d = {0};
    enum err e = documents_parse(str_from(name), text, &d, message);
    return e ? e : add_documents(&d, out, message);
}

enum err operation_inject_file(const char *file, struct text *out, struct errmsg *message)
{
    struct documents d = {0};
    enum err e = load(file, &d, message);
    for (size_t i = 0; i < d.count && !e; i++) {
        struct document *one = &d.items[i];
        bool is_wrapped = value_is_present(value_get_key(one->root, S("inject")));
        if (!is_wrapped)
            e = shape_check(&inject_shape, one->root, one, S(""), message);
        AUTO(value)
        struct value operation =
            is_wrapped ? value_keep(one->root)
                       : value_set_key(value_object(), S("inject"), value_keep(one->root));
        if (!e)
            e = add_operation(one, operation, S(""), out, message);
    }
    documents_release(&d);
    return e || out->size ? e : errmsg_set(message, ERR_MISSING, "%s: no fault in it", file);
}
