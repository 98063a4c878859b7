/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON patch, merge patch and strategic merge patch of a stored object, and what is told of a patch
 * that is wrong (endpoints/handlers/patch.go upstream).
 *
 * What the patch makes is decoded like any body. Of a body a mistake is a BadRequest; of a patch it
 * is Invalid, an error of a field "patch" of no object, which shows the result (of a JSON or merge
 * patch) or the patch (of a strategic one). Strict mistakes are fields that come twice in the patch
 * or that the result has and the kind has not; with validation Warn they are warnings.
 *
 * The result is shown as it stands between decoding and encoding in Go: what the patch has touched
 * has sorted keys, all else the order of the kind.
 *
 * A strategic patch is not read through JSON but by reflection, which has its own words for a wrong
 * type and knows no path.
 */
#include "cluster/apiserver/machinery.h"

#include "cluster/api/custom/object.h"
#include "cluster/api/decode.h"
#include "cluster/api/decode_scalar.h"
#include "cluster/api/go_text.h"
#include "cluster/api/json.h"
#include "cluster/api/patch.h"
#include "cluster/api/schema.h"
#include "cluster/api/strategic.h"

/* ---- refusals ---- */

static struct value refuse(int code, const char *reason, struct str why)
{
    struct value status =
        status_make(code, str_from(reason), why, code == 400 ? VALUE_ABSENT : value_object());
    if (*reason == '\0')
        status =
            value_set(value_set(status, ATOM_reason, VALUE_ABSENT), ATOM_details, VALUE_ABSENT);
    return status;
}

/* 422 without a word about the reason. */
static struct value refuse_silently(void)
{
    return refuse(422, "Invalid",
                  S("the server rejected our request due to an error in our request"));
}

static struct value refuse_result(struct str shown, struct str why)
{
    const struct resource nothing = {.kind = S("")};
    struct field_errors errors = {0};
    AUTO(value) struct value v = value_string(shown);
    field_error_add(&errors, FIELD_INVALID, S("patch"), v, "%.*s", STR_ARG(why));
    struct value status = status_invalid(&nothing, S(""), &errors);
    field_errors_release(&errors);
    return status;
}

/* ---- showing the result ---- */

static void show_touched(const struct type_schema *t, struct value v, struct value touched,
                         struct text *out);

static void show_member(const struct field_schema *f, struct value v, struct value touched,
                        struct text *out)
{
    const struct type_schema *t = f && f->container == SCHEMA_NONE ? schema_type_of(f) : NULL;
    if (value_kind(touched) == VALUE_OBJECT && value_kind(v) == VALUE_OBJECT)
        show_touched(t, v, touched, out);
    else if (f)
        schema_write_field(f, v, out);
    else
        json_write(v, out);
}

/* The object with the zeros that Go writes, unless the patch has taken them away. Owned. */
static struct value with_zeros(const struct type_schema *t, struct value v, struct value touched)
{
    struct value all = value_keep(v);
    for (uint32_t i = 0; t && i < t->count; i++) {
        const struct field_schema *f = &t->fields[i];
        if ((f->flags & SCHEMA_ALWAYS) && !value_is_present(value_get(v, f->key)) &&
            !value_is_present(value_get(touched, f->key)))
            all = value_set(all, f->key, value_null());
    }
    return all;
}

static void show_touched(const struct type_schema *t, struct value v, struct value touched,
                         struct text *out)
{
    AUTO(value) struct value all = with_zeros(t, v, touched);
    text_add_byte(out, '{');
    for (size_t i = 0; i < value_count(all); i++) {
        struct str key = value_key_at(all, i);
        if (i > 0)
            text_add_byte(out, ',');
        json_write_string(key, out);
        text_add_byte(out, ':');
        show_member(t ? schema_field(t, atom_of(key)) : NULL, value_member_at(all, i),
                    value_get_key(touched, key), out);
    }
    text_add_byte(out, '}');
}

/* What the operations of a JSON patch walk through, as nested objects. Owned. */
static struct value touched_by(struct value operations)
{
    struct value touched = value_object();
    for (size_t i = 0; i < value_count(operations); i++) {
        struct str rest = VALUE_STR(value_at(operations, i), path);
        atom path[32];
        size_t count = 0;
        (void)str_cut(rest, '/', &rest);
        while (rest.size > 0 && count < ARRAY_COUNT(path)) {
            struct str part = str_cut(rest, '/', &rest);
            if (rest.size == 0)
                break; /* the last part is no container */
            path[count++] = atom_of(part);
        }
        if (count > 0 && !value_is_present(value_path(touched, path, count)))
            touched = value_set_path(touched, value_object(), path, count);
    }
    return touched;
}

static void show_result(const struct request *r, const struct type_schema *type,
                        struct value result, struct text *out)
{
    if (r->patch_type == PATCH_STRATEGIC) {
        go_text(r->body, out);
        return;
    }
    AUTO(value)
    struct value touched = r->patch_type == PATCH_JSON ? touched_by(r->body) : value_keep(r->body);
    show_touched(type, result, touched, out);
}

/* ---- what reflection says of a wrong type ---- */

static bool is_reflected(const struct field_schema *f, struct value v, struct text *why);

static bool are_members_reflected(const struct type_schema *t, struct value v, struct text *why)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (!is_reflected(&t->fields[i], value_get(v, t->fields[i].key), why))
            return false;
    return true;
}

static bool is_scalar_reflected(const char *wanted, struct value v, struct text *why)
{
    const char *kind = go_kind(v);
    bool is_number = value_kind(v) == VALUE_INTEGER || value_kind(v) == VALUE_DOUBLE;
    bool wants_number = strcmp(wanted, "string") != 0 && strcmp(wanted, "bool") != 0;
    if (strcmp(kind, wanted) == 0 || (value_kind(v) == VALUE_INTEGER && wants_number))
        return true;
    if (value_kind(v) == VALUE_DOUBLE && wants_number) {
        double d = value_as_double(v, 0);
        if (strcmp(wanted, "float64") == 0 || !((double)(int64_t)d < d || (double)(int64_t)d > d))
            return true;
    }
    /* Go converts between numbers, and from integers to strings, where it can; but is not asked
     * to. */
    bool is_convertible =
        is_number &&
        (wants_number || (value_kind(v) == VALUE_INTEGER && strcmp(wanted, "string") == 0));
    if (is_convertible)
        text_printf(why, "cannot convert %s to %s", kind, wanted);
    else
        text_printf(why, "unrecognized type: %s", wanted);
    return false;
}

static bool is_element_reflected(const struct field_schema *f, struct value v, struct text *why)
{
    if (value_kind(v) == VALUE_NONE || value_kind(v) == VALUE_NULL)
        return true;
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_STRING:
        return is_scalar_reflected("string", v, why);
    case SCHEMA_INT32:
        return is_scalar_reflected("int32", v, why);
    case SCHEMA_INT64:
        return is_scalar_reflected("int64", v, why);
    case SCHEMA_DOUBLE:
        return is_scalar_reflected("float64", v, why);
    case SCHEMA_BOOL:
        return is_scalar_reflected("bool", v, why);
    case SCHEMA_BYTES:
        if (value_kind(v) == VALUE_STRING)
            return true;
        text_printf(why, "cannot restore slice from %s", go_kind(v));
        return false;
    case SCHEMA_STRUCT:
        if (value_kind(v) == VALUE_OBJECT)
            return are_members_reflected(schema_type_of(f), v, why);
        text_printf(why, "cannot restore struct from: %s", go_kind(v));
        return false;
    case SCHEMA_QUANTITY:
    case SCHEMA_INT_OR_STRING:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
    case SCHEMA_DURATION:
    case SCHEMA_RAW:
    case SCHEMA_ANY:
    case SCHEMA_LIST_OF_STRING:
        break; /* read themselves from JSON */
    }
    return true;
}

/* False: no, and why. */
static bool is_reflected(const struct field_schema *f, struct value v, struct text *why)
{
    if (value_kind(v) == VALUE_NONE || value_kind(v) == VALUE_NULL)
        return true;
    if (f->container == SCHEMA_NONE)
        return is_element_reflected(f, v, why);
    bool is_list = f->container == SCHEMA_LIST;
    if (value_kind(v) != (is_list ? VALUE_ARRAY : VALUE_OBJECT)) {
        text_printf(why, "cannot restore %s from %s", is_list ? "slice" : "map", go_kind(v));
        return false;
    }
    for (size_t i = 0; i < value_count(v); i++)
        if (!is_element_reflected(f, is_list ? value_at(v, i) : value_member_at(v, i), why))
            return false;
    return true;
}

/* ---- strict mistakes ---- */

/* Fields that come twice in the patch, and those that no operation of a JSON patch has. Owned. */
static struct value mistakes_of_patch(const struct request *r)
{
    static const char *const known[] = {"op", "path", "from", "value"};
    struct value mistakes = value_array();
    bool is_json = r->patch_type == PATCH_JSON;
    for (size_t i = 0; i < value_count(r->duplicates); i++) {
        struct str path = value_str(value_at(r->duplicates, i));
        mistakes =
            value_append(mistakes, value_printf("%sduplicate field \"%.*s\"",
                                                is_json ? "json patch " : "", STR_ARG(path)));
    }
    for (size_t i = 0; is_json && i < value_count(r->body); i++) {
        struct value operation = value_at(r->body, i);
        for (size_t k = 0; k < value_count(operation); k++) {
            struct str key = value_key_at(operation, k);
            bool is_known = false;
            for (size_t n = 0; n < ARRAY_COUNT(known); n++)
                is_known |= str_equal(key, str_from(known[n]));
            if (!is_known)
                mistakes =
                    value_append(mistakes, value_printf("json patch unknown field \"[%zu].%.*s\"",
                                                        i, STR_ARG(key)));
        }
    }
    return mistakes;
}

/* Adds what the decoder found; of a strategic patch it is sorted. */
static struct value add_mistakes(const struct request *r, struct value own_mistakes,
                                 struct value found)
{
    size_t first = value_count(own_mistakes);
    for (size_t i = 0; i < value_count(found); i++) {
        struct value text = value_at(found, i);
        size_t at = value_count(own_mistakes);
        while (r->patch_type == PATCH_STRATEGIC && at > first &&
               value_compare(value_at(own_mistakes, at - 1), text) > 0)
            at--;
        own_mistakes = value_insert_at(own_mistakes, at, value_keep(text));
    }
    return own_mistakes;
}

static void join(struct value texts, struct text *out)
{
    for (size_t i = 0; i < value_count(texts); i++) {
        if (i > 0)
            text_add(out, S(", "));
        text_add(out, value_str(value_at(texts, i)));
    }
}

/* ---- the patched object ---- */

/* What is behind "Boat in version "v1" cannot be handled as a Boat: "; false: it is another
 * refusal. */
static bool bare_reason(struct value status, struct text *out)
{
    struct str rest = VALUE_STR(status, message), sentence = S("cannot be handled as a ");
    while (rest.size > 0 && !str_starts_with(rest, sentence))
        rest = str_slice(rest, 1, rest.size);
    size_t colon = str_find(rest, ':');
    if (colon + 2 > rest.size)
        return false;
    text_add(out, str_slice(rest, colon + 2, rest.size));
    return true;
}

/* Decoded; or absent, and the status. Consumes. */
static struct value read_result(const struct request *r, const struct custom_kind *kind,
                                const struct type_schema *type, struct value own_result,
                                struct value *ret_status, struct value *warnings)
{
    bool is_ignored = r->field_validation == FIELD_VALIDATION_IGNORE;
    const struct decode_options options = {.validation = is_ignored ? FIELD_VALIDATION_IGNORE
                                                                    : FIELD_VALIDATION_WARN};
    AUTO(value) struct value result = own_result;
    AUTO(value) struct value found = VALUE_ABSENT;
    AUTO(text) struct text why = {0};
    AUTO(text) struct text shown = {0};
    struct value object;
    if (kind && !type)
        object = custom_decode_patched(kind, value_keep(result), &options, ret_status, &found);
    else
        object = decode_bare(type, value_keep(result), &options, &why, &found);
    if (!value_is_present(object)) {
        AUTO(text) struct text reflected = {0};
        if (kind && !type && !bare_reason(*ret_status, &why))
            return VALUE_ABSENT;
        value_release(ret_status);
        if (type && r->patch_type == PATCH_STRATEGIC &&
            !are_members_reflected(type, result, &reflected)) {
            text_clear(&why);
            text_add(&why, text_str(&reflected));
        }
        show_result(r, type, result, &shown);
        *ret_status = refuse_result(text_str(&shown), text_str(&why));
        return VALUE_ABSENT;
    }
    if (is_ignored)
        return object;
    AUTO(value) struct value mistakes = add_mistakes(r, mistakes_of_patch(r), found);
    if (value_count(mistakes) > 0 && r->field_validation == FIELD_VALIDATION_STRICT) {
        value_drop(object);
        show_result(r, type, result, &shown);
        text_add(&why, S("strict decoding error: "));
        join(mistakes, &why);
        *ret_status = refuse_result(text_str(&shown), text_str(&why));
        return VALUE_ABSENT;
    }
    for (size_t i = 0; i < value_count(mistakes); i++)
        *warnings = value_append(*warnings, value_keep(value_at(mistakes, i)));
    return object;
}

/* A merge or strategic patch is an object; the refusal of one that is not, else absent. */
static struct value shape_refusal(const struct request *r)
{
    bool is_strategic = r->patch_type == PATCH_STRATEGIC;
    bool is_null = value_kind(r->body) == VALUE_NULL;
    AUTO(text) struct text why = {0};
    if (value_kind(r->body) == VALUE_OBJECT || (is_strategic && is_null))
        return VALUE_ABSENT;
    if (!is_strategic && (is_null || r->field_validation == FIELD_VALIDATION_IGNORE))
        return refuse(400, "BadRequest", S("Invalid JSON Patch"));
    text_printf(&why, "%sjson: cannot unmarshal %s into Go value of type map[string]interface {}",
                is_strategic ? "" : "error decoding patch: ", json_kind_text(r->body));
    return refuse(400, "BadRequest", text_str(&why));
}

static struct value apply_strategic(const struct request *r, const struct type_schema *type,
                                    struct value own_object, struct value *ret_status)
{
    AUTO(text) struct text why = {0};
    if (value_kind(r->body) == VALUE_NULL)
        return own_object;
    struct value next = strategic_merge(type, own_object, r->body, &why);
    if (!value_is_present(next))
        *ret_status = strategic_is_malformed(text_str(&why))
                          ? refuse(400, "BadRequest", text_str(&why))
                      : strategic_is_silent(text_str(&why)) ? refuse_silently()
                                                            : refuse(500, "", text_str(&why));
    return next;
}

/* As Go would write it: with the zeros that an operation may test, replace or remove. Consumes. */
static struct value as_written(const struct type_schema *type, struct value own_object)
{
    AUTO(text) struct text json = {0};
    struct value written = VALUE_ABSENT;
    schema_write_json(type, own_object, &json);
    CHECK(json_parse(text_str(&json), NULL, &written, NULL) == ERR_OK);
    value_drop(own_object);
    return written;
}

static struct value apply_json(const struct request *r, const struct type_schema *type,
                               struct value own_object, struct value *ret_status)
{
    AUTO(text) struct text why = {0};
    struct value next = VALUE_ABSENT;
    if (type && !r->is_typed)
        own_object = as_written(type, own_object);
    enum patch_result result = json_patch_apply(own_object, r->body, &next, &why);
    if (result == PATCH_APPLIED)
        return next;
    *ret_status = result == PATCH_FAILED ? refuse_silently()
                  : result == PATCH_MALFORMED
                      ? refuse(400, "BadRequest", text_str(&why))
                      : refuse(413, "RequestEntityTooLarge", text_str(&why));
    return VALUE_ABSENT;
}

/* Patches of components are not decoded; a list that they emptied is left out all the same, as Go's
 * omitempty does. */
static struct value without_empty_lists(struct value own_object, atom section)
{
    struct value part = value_get(own_object, section);
    for (size_t i = value_count(part); i > 0; i--) {
        struct value member = value_member_at(part, i - 1);
        if (value_kind(member) != VALUE_ARRAY || value_count(member) > 0)
            continue;
        const atom path[] = {section, value_key_atom_at(part, i - 1)};
        own_object = value_set_path(own_object, VALUE_ABSENT, path, ARRAY_COUNT(path));
        part = value_get(own_object, section);
    }
    return own_object;
}

struct value patch_object(const struct request *r, const struct custom_kind *kind,
                          struct value own_object, struct value *ret_status, struct value *warnings)
{
    struct value next = VALUE_ABSENT;
    const struct type_schema *type = schema_for_subresource(r->resource, r->subresource);
    if (r->patch_type == PATCH_NONE || r->patch_type == PATCH_APPLY) {
        value_drop(own_object);
        *ret_status = refuse(415, "UnsupportedMediaType",
                             S("the body of the request was in an unknown format - accepted media "
                               "types include: application/json-patch+json, "
                               "application/merge-patch+json, "
                               "application/strategic-merge-patch+json, "
                               "application/apply-patch+yaml"));
        return VALUE_ABSENT;
    }
    if (value_is_present(r->patch_refusal)) {
        value_drop(own_object);
        *ret_status = value_keep(r->patch_refusal);
        return VALUE_ABSENT;
    }
    if (r->patch_type == PATCH_JSON) {
        next = apply_json(r, type, own_object, ret_status);
    } else {
        *ret_status = shape_refusal(r);
        if (value_is_present(*ret_status))
            value_drop(own_object);
        else if (r->patch_type == PATCH_MERGE)
            next = merge_patch_apply(own_object, r->body);
        else
            next = apply_strategic(r, type, own_object, ret_status);
    }
    if (!value_is_present(next))
        return VALUE_ABSENT;
    if (r->is_typed)
        return without_empty_lists(without_empty_lists(next, ATOM_metadata), ATOM_spec);
    return read_result(r, kind, type, next, ret_status, warnings);
}
