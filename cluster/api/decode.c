/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed decoding with the manners of Go's encoding/json, as the API server uses it.
 *
 * - A wrong type is remembered (the first one only) and decoding goes on; the message names the
 * innermost struct, the path of fields without indices, and the Go type: "json: cannot unmarshal
 * string into Go struct field DeploymentSpec.spec.replicas of type int32".
 * - A value that a type's own decoder refuses (a quantity, a time) ends decoding at once with that
 * decoder's text.
 * - null leaves a field as it was: absent.
 * - Unknown fields are pruned. Strict and Warn collect their paths, with indices:
 * "spec.rules[1].tls", at most 100.
 * - Names are matched exactly, case included.
 *
 * The result shares everything with the document that was in canonical form already.
 *
 * DEVIATION: Go reports in the order of the text; a value's members are sorted. kubectl sorts keys
 * before sending, so only hand-made JSON can tell. DEVIATION: Go names a named string type
 * (v1.Protocol) where this says "string".
 */
#include "sim/base/base.h"

#include "cluster/api/decode.h"

#include "cluster/api/decode_scalar.h"
#include "cluster/api/json.h"
#include "cluster/api/status.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"

#define STRICT_ERRORS_MAX 100

/* Where the walk is: the chain of fields, items and keys, with the struct that a field belongs to.
 */
struct decode_place {
    const struct decode_place *parent;
    const struct type_schema *owner;  /* of the field */
    const struct field_schema *field; /* NULL: an item or a key */
    int64_t index;                    /* of an item; -1: key */
    struct str key;
};
struct decoder {
    const struct decode_options *options;
    struct text error; /* the first wrong type, or what ended it */
    bool has_ended;
    struct value strict; /* texts: unknown field "x" */
    size_t strict_count;
};

static struct value decode_struct(struct decoder *d, const struct type_schema *t, struct value v,
                                  const struct decode_place *place);
static struct value decode_field(struct decoder *d, const struct field_schema *f, struct value v,
                                 const struct decode_place *place);
static struct value decode_list(struct decoder *d, const struct field_schema *f, struct value v,
                                const struct decode_place *place);
static struct value decode_map(struct decoder *d, const struct field_schema *f, struct value v,
                               const struct decode_place *place);
static struct value decode_element(struct decoder *d, const struct field_schema *f, struct value v,
                                   const struct decode_place *place);
static struct value wrong_type(struct decoder *d, const struct field_schema *f, bool is_container,
                               struct value v, const struct decode_place *place);
static void unknown_field(struct decoder *d, struct str key, const struct decode_place *place);
static void add_duplicates(struct decoder *d);
static void sort_strict(struct decoder *d);
static void join_strict(const struct decoder *d, struct text *out);

struct value decode_bare(const struct type_schema *type, struct value own_document,
                         const struct decode_options *options, struct text *ret_message,
                         struct value *warnings)
{
    struct decoder d = {.options = options};
    struct value typed = VALUE_ABSENT;
    add_duplicates(&d);
    if (value_kind(own_document) == VALUE_OBJECT)
        typed = decode_struct(&d, type, own_document, NULL);
    else
        text_printf(&d.error, "json: cannot unmarshal %s into Go value of type %s.%s",
                    json_kind_text(own_document), type->version, type->name);
    value_drop(own_document);
    sort_strict(&d);
    bool is_refused = d.error.size > 0;
    if (is_refused) {
        text_add(ret_message, text_str(&d.error));
    } else if (d.strict_count > 0 && options->validation == FIELD_VALIDATION_STRICT) {
        is_refused = true;
        text_add(ret_message, S("strict decoding error: "));
        join_strict(&d, ret_message);
    } else if (d.strict_count > 0 && warnings != NULL) {
        for (size_t i = 0; i < value_count(d.strict); i++)
            *warnings = value_append(*warnings, value_keep(value_at(d.strict, i)));
    }
    text_release(&d.error);
    value_drop(d.strict);
    if (is_refused) {
        value_drop(typed);
        return VALUE_ABSENT;
    }
    CHECK(value_is_present(typed));
    return typed;
}

struct value decode(const struct type_schema *type, struct value own_document,
                    const struct decode_options *options, struct value *ret_status,
                    struct value *warnings)
{
    AUTO(text) struct text message = {0};
    struct value typed = decode_bare(type, own_document, options, &message, warnings);
    if (value_is_present(typed))
        return typed;
    AUTO(text) struct text t = {0};
    text_printf(&t, "%s in version \"%s\" cannot be handled as a %s: %.*s", type->name,
                type->version, type->name, STR_ARG(text_str(&message)));
    *ret_status = status_bad_request(text_str(&t));
    return VALUE_ABSENT;
}

/* The place in the source tree where the scheme of the recorded API server was made; part of its
 * messages. */
#define SCHEME "pkg/api/legacyscheme/scheme.go:30"

/* Whether the document claims to be another kind: then the refusal, owned. */
static struct value refuse_kind(const struct resource *r, struct value document)
{
    struct str version = VALUE_STR(document, apiVersion), kind = VALUE_STR(document, kind);
    if (version.size == 0)
        version = r->group_version;
    if (kind.size == 0)
        kind = r->kind;
    if (str_equal(version, r->group_version) && str_equal(kind, r->kind))
        return VALUE_ABSENT;
    AUTO(text) struct text t = {0};
    struct str after, group = str_cut(version, '/', &after);
    struct str bare = group.size < version.size ? after : version;
    const struct resource *other = resource_find_kind(version, kind);
    if (other != NULL && !str_equal(version, r->group_version))
        text_printf(
            &t, "the API version in the data (%.*s) does not match the expected API version (%.*s)",
            STR_ARG(version), STR_ARG(r->group_version));
    else if (other != NULL)
        text_printf(
            &t,
            "%.*s in version \"%.*s\" cannot be handled as a %.*s: converting (%.*s.%.*s) to "
            "(%.*s.%.*s): unknown conversion",
            STR_ARG(kind), STR_ARG(bare), STR_ARG(r->kind), STR_ARG(bare), STR_ARG(kind),
            STR_ARG(r->group.size ? r->group : S("core")), STR_ARG(r->kind));
    else
        text_printf(&t,
                    "%.*s in version \"%.*s\" cannot be handled as a %.*s: no kind \"%.*s\" is "
                    "registered for version \"%.*s\" in scheme \"" SCHEME "\"",
                    STR_ARG(kind), STR_ARG(bare), STR_ARG(r->kind), STR_ARG(kind),
                    STR_ARG(version));
    return status_bad_request(text_str(&t));
}

struct value decode_object(const struct resource *r, struct value own_document,
                           const struct decode_options *options, struct value *ret_status,
                           struct value *warnings)
{
    if (value_kind(own_document) == VALUE_OBJECT) {
        struct value refusal = refuse_kind(r, own_document);
        if (value_is_present(refusal)) {
            *ret_status = refusal;
            value_drop(own_document);
            return VALUE_ABSENT;
        }
    }
    struct value typed = decode(r->type, own_document, options, ret_status, warnings);
    if (!value_is_present(typed))
        return typed;
    if (!value_is_present(value_get(typed, ATOM_kind)))
        typed = value_set(typed, ATOM_kind, value_string(r->kind));
    if (!value_is_present(value_get(typed, ATOM_apiVersion)))
        typed = value_set(typed, ATOM_apiVersion, value_string(r->group_version));
    return typed;
}

/* ---- the walk: v is borrowed, what is returned is owned ---- */

static struct value decode_struct(struct decoder *d, const struct type_schema *t, struct value v,
                                  const struct decode_place *place)
{
    size_t count = value_count(v);
    /* With more members than there are fields, what is known is picked; else what is not is left
     * out, and the rest stays shared. */
    bool is_picked = count > t->count;
    struct value result = is_picked ? value_object() : value_keep(v);
    for (size_t i = 0; i < count && !d->has_ended; i++) {
        atom key = value_key_atom_at(v, i);
        const struct field_schema *f = schema_field(t, key);
        if (f == NULL) {
            unknown_field(d, atom_text(key), place);
            if (!is_picked)
                result = value_set(result, key, VALUE_ABSENT);
            continue;
        }
        struct decode_place here = {.parent = place, .owner = t, .field = f};
        struct value old = value_member_at(v, i);
        struct value new = decode_field(d, f, old, &here);
        if (value_is_same(old, new) && !is_picked)
            value_drop(new);
        else
            result = value_set(result, key, new);
    }
    return result;
}

static struct value decode_field(struct decoder *d, const struct field_schema *f, struct value v,
                                 const struct decode_place *place)
{
    if (value_kind(v) == VALUE_NULL)
        return VALUE_ABSENT;
    if (f->container != SCHEMA_NONE) {
        struct value list =
            f->container == SCHEMA_LIST ? decode_list(d, f, v, place) : decode_map(d, f, v, place);
        if (value_count(list) > 0 || (f->flags & SCHEMA_ALWAYS))
            return list;
        value_drop(list);
        return VALUE_ABSENT;
    }
    struct value element = decode_element(d, f, v, place);
    bool stays = (f->flags & SCHEMA_POINTER) || f->kind == SCHEMA_QUANTITY ||
                 f->kind == SCHEMA_ANY || f->kind == SCHEMA_RAW || f->kind == SCHEMA_INT_OR_STRING;
    if (stays || !schema_is_zero(element))
        return element;
    value_drop(element);
    return VALUE_ABSENT;
}

static struct value decode_list(struct decoder *d, const struct field_schema *f, struct value v,
                                const struct decode_place *place)
{
    if (value_kind(v) != VALUE_ARRAY)
        return wrong_type(d, f, true, v, place);
    struct value result = value_keep(v);
    for (size_t i = 0; i < value_count(v) && !d->has_ended; i++) {
        struct decode_place here = {.parent = place, .index = (int64_t)i};
        struct value old = value_at(v, i), new = decode_element(d, f, old, &here);
        if (value_is_same(old, new))
            value_drop(new);
        else /* an item of the wrong type: the whole is refused, the place must be filled */
            result = value_set_at(result, i, value_is_present(new) ? new : value_null());
    }
    return result;
}

static struct value decode_map(struct decoder *d, const struct field_schema *f, struct value v,
                               const struct decode_place *place)
{
    if (value_kind(v) != VALUE_OBJECT)
        return wrong_type(d, f, true, v, place);
    struct value result = value_keep(v);
    for (size_t i = 0; i < value_count(v) && !d->has_ended; i++) {
        struct decode_place here = {.parent = place, .index = -1, .key = value_key_at(v, i)};
        struct value old = value_member_at(v, i), new = decode_element(d, f, old, &here);
        if (value_is_same(old, new))
            value_drop(new);
        else
            result = value_set_key(result, here.key, new);
    }
    return result;
}

static struct value zero_element(const struct field_schema *f)
{
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_DOUBLE:
    case SCHEMA_INT_OR_STRING:
        return value_integer(0);
    case SCHEMA_BOOL:
        return value_bool(false);
    case SCHEMA_STRUCT:
        return value_object();
    case SCHEMA_QUANTITY:
        return value_string(S("0"));
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
        return value_string(S(""));
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
    case SCHEMA_DURATION:
    case SCHEMA_RAW:
    case SCHEMA_ANY:
    case SCHEMA_LIST_OF_STRING:
        break;
    }
    return value_null();
}

static bool has_kind(const struct field_schema *f, enum value_kind kind)
{
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
        return kind == VALUE_STRING;
    case SCHEMA_INT32:
    case SCHEMA_INT64:
        return kind == VALUE_INTEGER;
    case SCHEMA_DOUBLE:
        return kind == VALUE_INTEGER || kind == VALUE_DOUBLE;
    case SCHEMA_BOOL:
        return kind == VALUE_BOOL;
    case SCHEMA_STRUCT:
        return kind == VALUE_OBJECT;
    case SCHEMA_LIST_OF_STRING:
        return kind == VALUE_ARRAY;
    case SCHEMA_QUANTITY:
    case SCHEMA_INT_OR_STRING:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
    case SCHEMA_DURATION:
    case SCHEMA_RAW:
    case SCHEMA_ANY:
        break;
    }
    return true;
}

static struct value decode_element(struct decoder *d, const struct field_schema *f, struct value v,
                                   const struct decode_place *place)
{
    enum value_kind kind = value_kind(v);
    if (kind == VALUE_NULL)
        return zero_element(f);
    if (!has_kind(f, kind))
        return wrong_type(d, f, false, v, place);
    if (f->kind == SCHEMA_STRUCT)
        return decode_struct(d, schema_type_of(f), v, place);
    if (f->kind == SCHEMA_STRING || f->kind == SCHEMA_BOOL || f->kind == SCHEMA_INT64)
        return value_keep(v);
    int64_t n = value_as_integer(v, 0);
    if (f->kind == SCHEMA_INT32 && (n > INT32_MAX || n < INT32_MIN))
        return wrong_type(d, f, false, v, place);
    AUTO(text) struct text error = {0};
    struct value result = decode_scalar((enum schema_kind)f->kind, v, &error);
    if (error.size == 0)
        return result;
    if (f->kind != SCHEMA_BYTES)
        d->has_ended = true;
    if (d->error.size == 0 || d->has_ended) {
        text_clear(&d->error);
        text_add(&d->error, text_str(&error));
    }
    value_drop(result);
    return VALUE_ABSENT;
}

/* ---- messages ---- */

static void add_field_names(const struct decode_place *place, struct text *out)
{
    if (place == NULL)
        return;
    add_field_names(place->parent, out);
    if (place->field != NULL) {
        text_add_byte(out, '.');
        text_add(out, atom_text(place->field->key));
    }
}

static struct value wrong_type(struct decoder *d, const struct field_schema *f, bool is_container,
                               struct value v, const struct decode_place *place)
{
    if (d->error.size > 0)
        return VALUE_ABSENT;
    const struct decode_place *field = place;
    while (field->field == NULL)
        field = field->parent;
    text_printf(&d->error, "json: cannot unmarshal %s", json_kind_text(v));
    enum value_kind kind = value_kind(v);
    bool is_out_of_range = !is_container && (kind == VALUE_INTEGER || kind == VALUE_DOUBLE) &&
                           (f->kind == SCHEMA_INT32 || f->kind == SCHEMA_INT64);
    if (is_out_of_range) {
        text_add_byte(&d->error, ' ');
        schema_write_json(NULL, v, &d->error);
    }
    text_printf(&d->error, " into Go struct field %s", field->owner->name);
    add_field_names(place, &d->error);
    text_add(&d->error, S(" of type "));
    if (is_container)
        text_add(&d->error, f->container == SCHEMA_LIST ? S("[]") : S("map[string]"));
    go_type_text(f, &d->error);
    return VALUE_ABSENT;
}

static void add_strict_path(const struct decode_place *place, struct text *out)
{
    if (place == NULL)
        return;
    add_strict_path(place->parent, out);
    if (place->field != NULL)
        text_printf(out, "%s%.*s", out->size ? "." : "", STR_ARG(atom_text(place->field->key)));
    else if (place->index >= 0)
        text_printf(out, "[%" PRId64 "]", place->index);
    else
        text_printf(out, "%s%.*s", out->size ? "." : "", STR_ARG(place->key));
}

static void add_strict(struct decoder *d, struct str what)
{
    if (d->options->validation == FIELD_VALIDATION_IGNORE || d->strict_count >= STRICT_ERRORS_MAX)
        return;
    d->strict = value_append(d->strict, value_string(what));
    d->strict_count++;
}

static void unknown_field(struct decoder *d, struct str key, const struct decode_place *place)
{
    AUTO(text) struct text path = {0}, told = {0};
    add_strict_path(place, &path);
    text_printf(&told, "unknown field \"%s%s%.*s\"", text_c(&path), path.size ? "." : "",
                STR_ARG(key));
    add_strict(d, text_str(&told));
}

bool decode_duplicate_text(struct value duplicate, enum field_validation validation,
                           struct text *out)
{
    if (value_kind(duplicate) == VALUE_STRING) {
        text_printf(out, "duplicate field \"%.*s\"", STR_ARG(value_str(duplicate)));
        return true;
    }
    text_add(out, S("yaml: unmarshal errors:"));
    for (size_t i = 0; i < value_count(duplicate); i++)
        text_printf(out, "\n  %.*s", STR_ARG(value_str(value_at(duplicate, i))));
    return validation == FIELD_VALIDATION_STRICT;
}

static void add_duplicates(struct decoder *d)
{
    for (size_t i = 0; i < value_count(d->options->duplicates); i++) {
        AUTO(text) struct text told = {0};
        if (decode_duplicate_text(value_at(d->options->duplicates, i), d->options->validation,
                                  &told))
            add_strict(d, text_str(&told));
    }
}

struct strict_place {
    size_t place, index;
};

static int by_place(const void *a, const void *b, void *context)
{
    (void)context;
    const struct strict_place *x = a, *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* What is wrong, in the order of the document. */
static void sort_strict(struct decoder *d)
{
    size_t count = value_count(d->strict);
    struct str source = value_str(d->options->source);
    if (count < 2 || source.size == 0)
        return;
    struct strict_place *places = mem_array(struct strict_place, count);
    for (size_t i = 0; i < count; i++) {
        struct str message = value_str(value_at(d->strict, i));
        size_t quote = str_find(message, '"');
        struct str path = str_slice(message, quote + 1, message.size - 1);
        unsigned nth = str_starts_with(message, S("duplicate")) ? 2 : 1;
        places[i] = (struct strict_place){json_place(source, path, nth), i};
    }
    sort_stable(places, count, sizeof(places[0]), by_place, NULL);
    struct value sorted = value_array();
    for (size_t i = 0; i < count; i++)
        sorted = value_append(sorted, value_keep(value_at(d->strict, places[i].index)));
    value_drop(d->strict);
    d->strict = sorted;
    mem_free(places);
}

static void join_strict(const struct decoder *d, struct text *out)
{
    for (size_t i = 0; i < value_count(d->strict); i++) {
        if (i > 0)
            text_add(out, S(", "));
        text_add(out, value_str(value_at(d->strict, i)));
    }
}
