/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON patch and JSON merge patch, with the messages of the library that the API server uses
 * (evanphx/json-patch v4). Its habits are kept: negative indices count from the end of an array,
 * `test` takes a missing member for null, the whole document cannot be replaced.
 *
 * DEVIATION: `test` compares numbers by value and type (1 and 1.0 differ, 1.0 and 1.00 do not), not
 * by their text.
 */
#include "sim/base/base.h"

#include "cluster/api/patch.h"

#include <stdarg.h>

#include "cluster/api/json.h"

#define MISSING ": missing value"

/* A place: a container, borrowed, and the last part of the path. */
struct place {
    struct value container;
    struct text key; /* decoded */
};
struct patcher {
    struct value document;
    struct text *why;
    size_t copied_bytes;
};

static void place_release(struct place *p)
{
    text_release(&p->key);
}

static bool refuse(struct patcher *p, const char *format, ...) PRINTF_LIKE(2, 3);
static bool refuse(struct patcher *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(p->why, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- JSON pointers ---- */

/* ~1 is a slash, ~0 a tilde. */
static void decode_part(struct str part, struct text *out)
{
    text_clear(out);
    for (size_t i = 0; i < part.size; i++) {
        bool is_escape = part.bytes[i] == '~' && i + 1 < part.size;
        char next = is_escape ? part.bytes[i + 1] : '\0';
        if (is_escape && (next == '0' || next == '1')) {
            text_add_byte(out, next == '1' ? '/' : '~');
            i++;
        } else {
            text_add_byte(out, part.bytes[i]);
        }
    }
}

/* strconv.Atoi. */
static bool part_number(struct str part, int64_t *ret_n)
{
    if (part.size > 1 && part.bytes[0] == '+')
        part = str_slice(part, 1, part.size);
    return str_to_int64(part, ret_n);
}

/* An index into `count` items, negative ones from the end. */
static bool part_index(struct str part, size_t count, size_t *ret_index)
{
    int64_t n;
    if (!part_number(part, &n))
        return false;
    if (n < 0)
        n += (int64_t)count;
    if (n < 0 || n >= (int64_t)count)
        return false;
    *ret_index = (size_t)n;
    return true;
}

static struct value step_into(struct value container, struct str key)
{
    size_t index;
    if (value_kind(container) == VALUE_OBJECT)
        return value_get_key(container, key);
    return part_index(key, value_count(container), &index) ? value_at(container, index)
                                                           : VALUE_ABSENT;
}

static bool is_container(struct value v)
{
    return value_kind(v) == VALUE_OBJECT || value_kind(v) == VALUE_ARRAY;
}

/* The container that the path leads to, but for its last part. */
static bool find(const struct patcher *p, struct str path, struct place *ret_place)
{
    if (str_find(path, '/') == path.size)
        return false;
    (void)str_cut(path, '/', &path);
    struct value v = p->document;
    while (str_find(path, '/') < path.size) {
        decode_part(str_cut(path, '/', &path), &ret_place->key);
        v = step_into(v, text_str(&ret_place->key));
        if (!is_container(v))
            return false;
    }
    decode_part(path, &ret_place->key);
    ret_place->container = v;
    return true;
}

/* The document with another container at the end of the path. */
static struct value rebuild(struct value own_v, struct str path, struct value own_container)
{
    if (str_find(path, '/') == path.size) {
        value_drop(own_v);
        return own_container;
    }
    AUTO(text) struct text key = {0};
    decode_part(str_cut(path, '/', &path), &key);
    struct value child = rebuild(value_keep(step_into(own_v, text_str(&key))), path, own_container);
    size_t index = 0;
    if (value_kind(own_v) == VALUE_OBJECT)
        return value_set_key(own_v, text_str(&key), child);
    bool is_there = part_index(text_str(&key), value_count(own_v), &index);
    CHECK(is_there);
    return value_set_at(own_v, index, child);
}

static void put_container(struct patcher *p, struct str path, struct value own_container)
{
    (void)str_cut(path, '/', &path);
    p->document = rebuild(p->document, path, own_container);
}

/* ---- what an operation does to its container; false: *why has the cause ---- */

static bool fail_index(struct patcher *p, struct str key)
{
    int64_t n;
    if (!part_number(key, &n))
        return refuse(p, "strconv.Atoi: parsing \"%.*s\": invalid syntax", STR_ARG(key));
    return refuse(p, "Unable to access invalid index: %" PRId64 ": invalid index referenced", n);
}

static bool container_add(struct patcher *p, const struct place *at, struct str path,
                          struct value own_part)
{
    struct str key = text_str(&at->key);
    size_t index = value_count(at->container);
    if (value_kind(at->container) == VALUE_OBJECT) {
        put_container(p, path, value_set_key(value_keep(at->container), key, own_part));
        return true;
    }
    int64_t n;
    if (!str_equal(key, S("-")) && !part_index(key, value_count(at->container) + 1, &index)) {
        value_drop(own_part);
        if (!part_number(key, &n))
            text_printf(p->why, "value was not a proper array index: '%.*s': ", STR_ARG(key));
        return fail_index(p, key);
    }
    put_container(p, path, value_insert_at(value_keep(at->container), index, own_part));
    return true;
}

static bool container_remove(struct patcher *p, const struct place *at, struct str path)
{
    struct str key = text_str(&at->key);
    size_t index;
    if (value_kind(at->container) == VALUE_OBJECT) {
        if (!value_is_present(value_get_key(at->container, key)))
            return refuse(p, "Unable to remove nonexistent key: %.*s" MISSING, STR_ARG(key));
        put_container(p, path, value_set_key(value_keep(at->container), key, VALUE_ABSENT));
        return true;
    }
    if (!part_index(key, value_count(at->container), &index))
        return fail_index(p, key);
    put_container(p, path, value_remove_at(value_keep(at->container), index));
    return true;
}

/* ---- the operations ---- */

static struct value part_of(struct value operation)
{
    struct value part = value_get(operation, ATOM_value);
    return value_is_present(part) ? value_keep(part) : value_null();
}

static bool do_add(struct patcher *p, struct value operation, struct str path)
{
    AUTO(place) struct place at = {0};
    if (!find(p, path, &at))
        return refuse(p, "add operation does not apply: doc is missing path: \"%.*s\"" MISSING,
                      STR_ARG(path));
    text_printf(p->why, "error in add for path: '%.*s': ", STR_ARG(path));
    return container_add(p, &at, path, part_of(operation));
}

static bool do_remove(struct patcher *p, struct str path)
{
    AUTO(place) struct place at = {0};
    if (!find(p, path, &at))
        return refuse(p, "remove operation does not apply: doc is missing path: \"%.*s\"" MISSING,
                      STR_ARG(path));
    text_printf(p->why, "error in remove for path: '%.*s': ", STR_ARG(path));
    return container_remove(p, &at, path);
}

static bool do_replace(struct patcher *p, struct value operation, struct str path)
{
    AUTO(place) struct place at = {0};
    if (!find(p, path, &at))
        return refuse(p, "replace operation does not apply: doc is missing path: %.*s" MISSING,
                      STR_ARG(path));
    struct str key = text_str(&at.key);
    if (!value_is_present(step_into(at.container, key)))
        return refuse(p, "replace operation does not apply: doc is missing key: %.*s" MISSING,
                      STR_ARG(path));
    size_t index;
    struct value container = value_keep(at.container);
    if (value_kind(container) == VALUE_ARRAY && part_index(key, value_count(container), &index))
        container = value_set_at(container, index, part_of(operation));
    else
        container = value_set_key(container, key, part_of(operation));
    put_container(p, path, container);
    return true;
}

/* The value at `from`, borrowed; absent when there is none, and why says so. */
static bool find_source(struct patcher *p, const char *name, struct str from,
                        struct place *ret_place, struct value *ret_part)
{
    if (!find(p, from, ret_place))
        return refuse(p, "%s operation does not apply: doc is missing from path: %.*s" MISSING,
                      name, STR_ARG(from));
    struct str key = text_str(&ret_place->key);
    *ret_part = step_into(ret_place->container, key);
    if (value_is_present(*ret_part))
        return true;
    bool is_move = strcmp(name, "move") == 0;
    struct str shown = is_move ? key : from;
    text_printf(p->why, "error in %s for %s: '%.*s': ", name, is_move ? "path" : "from",
                STR_ARG(shown));
    if (value_kind(ret_place->container) == VALUE_ARRAY)
        return fail_index(p, key);
    return refuse(p, "unable to get nonexistent key: %.*s" MISSING, STR_ARG(key));
}

static bool do_move(struct patcher *p, struct str from, struct str path)
{
    AUTO(place) struct place source = {0};
    AUTO(place) struct place target = {0};
    struct value part;
    if (!find_source(p, "move", from, &source, &part))
        return false;
    value_keep(part);
    if (!container_remove(p, &source, from)) {
        value_drop(part);
        return false;
    }
    if (!find(p, path, &target)) {
        value_drop(part);
        return refuse(
            p, "move operation does not apply: doc is missing destination path: %.*s" MISSING,
            STR_ARG(path));
    }
    text_printf(p->why, "error in move for path: '%.*s': ", STR_ARG(path));
    return container_add(p, &target, path, part);
}

static bool do_copy(struct patcher *p, struct str from, struct str path)
{
    AUTO(place) struct place source = {0};
    AUTO(place) struct place target = {0};
    struct value part;
    if (!find_source(p, "copy", from, &source, &part))
        return false;
    if (!find(p, path, &target))
        return refuse(
            p, "copy operation does not apply: doc is missing destination path: %.*s" MISSING,
            STR_ARG(path));
    AUTO(text) struct text size = {0};
    json_write(part, &size);
    p->copied_bytes += size.size;
    if (p->copied_bytes > JSON_PATCH_COPY_BYTES_MAX)
        return refuse(p,
                      "Unable to complete the copy, the accumulated size increase of copy is %zu, "
                      "exceeding the limit %d",
                      p->copied_bytes, JSON_PATCH_COPY_BYTES_MAX);
    text_add(p->why, S("error while adding value during copy: "));
    return container_add(p, &target, path, value_keep(part));
}

static bool do_test(struct patcher *p, struct value operation, struct str path)
{
    AUTO(place) struct place at = {0};
    if (!find(p, path, &at))
        return refuse(p, "test operation does not apply: is missing path: %.*s" MISSING,
                      STR_ARG(path));
    struct str key = text_str(&at.key);
    struct value found = step_into(at.container, key);
    if (value_kind(at.container) == VALUE_ARRAY && !value_is_present(found)) {
        text_printf(p->why, "error in test for path: '%.*s': ", STR_ARG(path));
        return fail_index(p, key);
    }
    struct value wanted = value_get(operation, ATOM_value);
    bool is_nothing = value_kind(found) <= VALUE_NULL && value_kind(wanted) <= VALUE_NULL;
    return is_nothing || value_equal(found, wanted) ||
           refuse(p, "testing value %.*s failed: test failed", STR_ARG(path));
}

/* ---- the patch ---- */

static bool apply_operation(struct patcher *p, struct value operation)
{
    struct str kind = value_str(value_get_key(operation, S("op")));
    struct value path_value = value_get(operation, ATOM_path),
                 from_value = value_get(operation, ATOM_from);
    struct str path = value_str(path_value), from = value_str(from_value);
    bool needs_from = str_equal(kind, S("move")) || str_equal(kind, S("copy"));
    bool is_short = str_equal(kind, S("add")) || str_equal(kind, S("remove"));
    bool is_known =
        needs_from || is_short || str_equal(kind, S("replace")) || str_equal(kind, S("test"));
    if (!is_known)
        return refuse(p, "Unexpected kind: %.*s", STR_ARG(kind.size ? kind : S("unknown")));
    if (needs_from && !value_is_present(from_value))
        return refuse(p,
                      "%.*s operation failed to decode from: operation, missing from field" MISSING,
                      STR_ARG(kind));
    if (!value_is_present(path_value))
        return refuse(p, "%.*s operation failed to decode path: %smissing value", STR_ARG(kind),
                      is_short ? "" : "operation missing path field: ");
    if (str_equal(kind, S("add")))
        return do_add(p, operation, path);
    if (str_equal(kind, S("remove")))
        return do_remove(p, path);
    if (str_equal(kind, S("replace")))
        return do_replace(p, operation, path);
    if (str_equal(kind, S("test")))
        return do_test(p, operation, path);
    return str_equal(kind, S("move")) ? do_move(p, from, path) : do_copy(p, from, path);
}

static const char *go_kind(struct value v)
{
    static const char *const names[] = {
        [VALUE_NONE] = "null",      [VALUE_NULL] = "null",     [VALUE_BOOL] = "bool",
        [VALUE_INTEGER] = "number", [VALUE_DOUBLE] = "number", [VALUE_STRING] = "string",
        [VALUE_ARRAY] = "array",    [VALUE_OBJECT] = "object",
    };
    return names[value_kind(v)];
}

static bool is_well_formed(struct value patch, struct text *why)
{
    static const char *const fields[] = {"op", "path", "from"};
    if (value_kind(patch) != VALUE_ARRAY) {
        text_printf(why,
                    "error decoding patch: json: cannot unmarshal %s into Go value of type "
                    "[]handlers.jsonPatchOp",
                    go_kind(patch));
        return false;
    }
    for (size_t i = 0; i < value_count(patch); i++) {
        struct value operation = value_at(patch, i);
        if (value_kind(operation) != VALUE_OBJECT) {
            text_printf(why,
                        "error decoding patch: json: cannot unmarshal %s into Go value of type "
                        "handlers.jsonPatchOp",
                        go_kind(operation));
            return false;
        }
        for (size_t f = 0; f < ARRAY_COUNT(fields); f++) {
            struct value field = value_get_key(operation, str_from(fields[f]));
            if (value_kind(field) > VALUE_NULL && value_kind(field) != VALUE_STRING) {
                text_printf(why,
                            "error decoding patch: json: cannot unmarshal %s into Go struct field "
                            "jsonPatchOp.%s of type string",
                            go_kind(field), fields[f]);
                return false;
            }
        }
    }
    return true;
}

enum patch_result json_patch_apply(struct value own_original, struct value patch,
                                   struct value *ret_value, struct text *why)
{
    AUTO(text) struct text operation_why = {0};
    struct patcher p = {.document = own_original, .why = &operation_why};
    enum patch_result result = PATCH_APPLIED;
    size_t count = value_count(patch);
    if (!is_well_formed(patch, &operation_why)) {
        result = PATCH_MALFORMED;
    } else if (count > JSON_PATCH_OPERATIONS_MAX) {
        text_printf(&operation_why, "The allowed maximum operations in a JSON patch is %d, got %zu",
                    JSON_PATCH_OPERATIONS_MAX, count);
        result = PATCH_TOO_LARGE;
    }
    for (size_t i = 0; i < count && result == PATCH_APPLIED; i++) {
        text_clear(&operation_why);
        if (!apply_operation(&p, value_at(patch, i)))
            result = PATCH_FAILED;
    }
    if (result == PATCH_APPLIED) {
        *ret_value = p.document;
        return result;
    }
    value_drop(p.document);
    text_add(why, text_str(&operation_why));
    return result;
}

/* ---- merge patch ---- */

/* The patch as a value of its own: members that are null are left out, at any depth of objects. */
static struct value without_nulls(struct value patch)
{
    if (value_kind(patch) != VALUE_OBJECT)
        return value_keep(patch);
    struct value v = value_keep(patch);
    for (size_t i = 0; i < value_count(patch); i++) {
        struct value part = value_member_at(patch, i);
        if (value_kind(part) == VALUE_NULL)
            v = value_set_key(v, value_key_at(patch, i), VALUE_ABSENT);
        else if (value_kind(part) == VALUE_OBJECT)
            v = value_set_key(v, value_key_at(patch, i), without_nulls(part));
    }
    return v;
}

struct value merge_patch_apply(struct value own_original, struct value patch)
{
    if (value_kind(patch) != VALUE_OBJECT || value_kind(own_original) != VALUE_OBJECT) {
        value_drop(own_original);
        return without_nulls(patch);
    }
    for (size_t i = 0; i < value_count(patch); i++) {
        struct str key = value_key_at(patch, i);
        struct value part = value_member_at(patch, i), old = value_get_key(own_original, key);
        if (value_kind(part) == VALUE_NULL)
            own_original = value_set_key(own_original, key, VALUE_ABSENT);
        else if (value_kind(part) == VALUE_OBJECT)
            own_original =
                value_set_key(own_original, key, merge_patch_apply(value_keep(old), part));
        else if (!value_equal(old, part))
            own_original = value_set_key(own_original, key, value_keep(part));
    }
    return own_original;
}

struct value merge_patch_make(struct value from, struct value to)
{
    if (value_kind(from) != VALUE_OBJECT || value_kind(to) != VALUE_OBJECT)
        return value_keep(to);
    struct value patch = value_object();
    for (size_t i = 0; i < value_count(to); i++) {
        struct str key = value_key_at(to, i);
        struct value old = value_get_key(from, key), new = value_member_at(to, i);
        if (value_equal(old, new))
            continue;
        bool is_deeper = value_kind(old) == VALUE_OBJECT && value_kind(new) == VALUE_OBJECT;
        patch = value_set_key(patch, key, is_deeper ? merge_patch_make(old, new) : value_keep(new));
    }
    for (size_t i = 0; i < value_count(from); i++)
        if (!value_is_present(value_get_key(to, value_key_at(from, i))))
            patch = value_set_key(patch, value_key_at(from, i), value_null());
    return patch;
}
