/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes are "k8s\0", then a message `Unknown`: its type (apiVersion and kind) in field 1, the
 * object in field 2. A message is fields, each a varint of number and wire type, then the value:
 * a varint, eight bytes, four bytes, or a length and so many bytes. Fields that are not known are
 * passed over, as protobuf demands; of a field that comes again the last counts, and repeated ones
 * grow.
 *
 * Where Go embeds one struct in another, JSON shows the fields of both side by side while protobuf
 * has a message within the message. The table `embedded` says where: the schema's rows are in the
 * order of JSON and have the numbers of the inner message.
 */
#include "sim/base/base.h"

#include "cluster/api/protobuf.h"

#include <math.h>

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/protobuf_parts.h"
#include "cluster/api/value_heap.h"
#include "sim/base/base64.h"

#define SECOND UINT64_C(1000000000)
#define YEAR_1 INT64_C(-62135596800)
#define YEAR_10000 INT64_C(253402300800)

struct bytes {
    const uint8_t *at, *end;
};
struct wire {
    uint64_t number;
    unsigned type;
    uint64_t scalar;
    struct bytes bytes; /* of wire type 2 */
};

#define LOCAL_REFERENCE(type)                                                                      \
    {                                                                                              \
        TYPE_##type, 1, TYPE_##type, ATOM_name, ATOM_name                                          \
    }
static const struct embedding embedded[] = {
    {TYPE_core_v1_Volume, 2, TYPE_core_v1_Volume, ATOM_hostPath, ATOM_image},
    {TYPE_core_v1_PersistentVolumeSpec, 2, TYPE_core_v1_PersistentVolumeSpec,
     ATOM_gcePersistentDisk, ATOM_csi},
    {TYPE_core_v1_Probe, 1, TYPE_core_v1_Probe, ATOM_exec, ATOM_grpc},
    {TYPE_core_v1_EphemeralContainer, 1, TYPE_core_v1_EphemeralContainer, ATOM_name, ATOM_tty},
    LOCAL_REFERENCE(core_v1_ConfigMapEnvSource),
    LOCAL_REFERENCE(core_v1_ConfigMapKeySelector),
    LOCAL_REFERENCE(core_v1_ConfigMapProjection),
    LOCAL_REFERENCE(core_v1_ConfigMapVolumeSource),
    LOCAL_REFERENCE(core_v1_SecretEnvSource),
    LOCAL_REFERENCE(core_v1_SecretKeySelector),
    LOCAL_REFERENCE(core_v1_SecretProjection),
    {TYPE_networking_v1_IngressRule, 2, TYPE_networking_v1_IngressRule, ATOM_http, ATOM_http},
    {TYPE_admissionregistration_v1_RuleWithOperations, 2,
     TYPE_admissionregistration_v1_RuleWithOperations, ATOM_apiGroups, ATOM_scope},
    {TYPE_admissionregistration_v1_NamedRuleWithOperations, 2,
     TYPE_admissionregistration_v1_RuleWithOperations, ATOM_operations, ATOM_scope},
    {TYPE_resource_v1_DeviceAllocationConfiguration, 3,
     TYPE_resource_v1_DeviceAllocationConfiguration, ATOM_opaque, ATOM_opaque},
    {TYPE_resource_v1_DeviceClaimConfiguration, 2, TYPE_resource_v1_DeviceClaimConfiguration,
     ATOM_opaque, ATOM_opaque},
    {TYPE_resource_v1_DeviceClassConfiguration, 1, TYPE_resource_v1_DeviceClassConfiguration,
     ATOM_opaque, ATOM_opaque},
};

struct reader {
    struct errmsg *message;
    const struct field_schema *field; /* being read, for messages */
    int depth;
};

static bool message_read(struct reader *r, const struct type_schema *t,
                         const struct embedding *within, struct bytes b, struct value *object);
static bool union_read(struct reader *r, enum protobuf_union either, struct bytes b,
                       struct value *ret_value);

static bool broken(struct reader *r, const char *what)
{
    (void)errmsg_set(r->message, ERR_SYNTAX, "%s", what);
    return false;
}

static bool wrong_wire_type(struct reader *r, unsigned type)
{
    (void)errmsg_set(r->message, ERR_SYNTAX, "proto: wrong wireType = %u for field %.*s", type,
                     STR_ARG(atom_text(r->field ? r->field->key : ATOM_metadata)));
    return false;
}

/* ---- the wire ---- */

static bool varint_read(struct bytes *b, uint64_t *ret_value)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && b->at < b->end; shift += 7) {
        uint8_t byte = *b->at++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_value = v;
            return true;
        }
    }
    return false;
}

static bool fixed_read(struct bytes *b, unsigned size, uint64_t *ret_value)
{
    if ((size_t)(b->end - b->at) < size)
        return false;
    *ret_value = 0;
    for (unsigned i = 0; i < size; i++)
        *ret_value |= (uint64_t)*b->at++ << (8 * i);
    return true;
}

/* A group, which nobody writes any more: up to its end, unread. */
static bool group_skip(struct reader *r, struct bytes *b)
{
    unsigned depth = 1;
    while (depth > 0 && b->at < b->end) {
        uint64_t head, n;
        if (!varint_read(b, &head))
            break;
        unsigned type = (unsigned)(head & 7);
        bool is_skipped = type == 0   ? varint_read(b, &n)
                          : type == 1 ? fixed_read(b, 8, &n)
                          : type == 5 ? fixed_read(b, 4, &n)
                          : type == 2 ? varint_read(b, &n) && n <= (uint64_t)(b->end - b->at)
                                      : type == 3 || type == 4;
        if (!is_skipped)
            break;
        b->at += type == 2 ? n : 0;
        depth += type == 3;
        depth -= type == 4;
    }
    return depth == 0 || broken(r, "unexpected EOF");
}

static bool field_read(struct reader *r, struct bytes *b, struct wire *ret_field)
{
    uint64_t head, length;
    *ret_field = (struct wire){0};
    if (!varint_read(b, &head))
        return broken(r, "unexpected EOF");
    ret_field->number = head >> 3;
    ret_field->type = (unsigned)(head & 7);
    bool is_read = false;
    if (ret_field->number == 0 || ret_field->number > INT32_MAX) {
        (void)errmsg_set(r->message, ERR_SYNTAX, "proto: illegal tag %" PRId32 " (wire type %u)",
                         (int32_t)(uint32_t)ret_field->number, ret_field->type);
        return false;
    }
    if (ret_field->type == 3)
        return group_skip(r, b);
    if (ret_field->type == 4 || ret_field->type > 5) {
        (void)errmsg_set(r->message, ERR_SYNTAX,
                         ret_field->type == 4 ? "proto: wiretype end group for non-group"
                                              : "proto: illegal wireType %u",
                         ret_field->type);
        return false;
    }
    if (ret_field->type == 0)
        is_read = varint_read(b, &ret_field->scalar);
    else if (ret_field->type == 1)
        is_read = fixed_read(b, 8, &ret_field->scalar);
    else if (ret_field->type == 5)
        is_read = fixed_read(b, 4, &ret_field->scalar);
    else if (ret_field->type == 2 && varint_read(b, &length) &&
             length <= (uint64_t)(b->end - b->at)) {
        ret_field->bytes = (struct bytes){b->at, b->at + length};
        b->at += length;
        is_read = true;
    }
    return is_read || broken(r, "unexpected EOF");
}

static struct str bytes_str(struct bytes b)
{
    if (!b.at)
        return S("");
    return (struct str){(const char *)b.at, (size_t)(b.end - b.at)};
}

/* Field `number` of a small message, of any kind; the last one. False when it is broken. */
static bool member_read(struct reader *r, struct bytes b, uint64_t number, struct wire *ret_field,
                        bool *ret_present)
{
    struct wire f;
    *ret_present = false;
    *ret_field = (struct wire){0};
    while (b.at < b.end) {
        if (!field_read(r, &b, &f))
            return false;
        if (f.number == number) {
            *ret_field = f;
            *ret_present = true;
        }
    }
    return true;
}

/* ---- scalars and the messages that are one value in JSON ---- */

static bool time_read(struct reader *r, struct bytes b, bool is_micro, struct value *ret_value)
{
    struct wire seconds, nanos;
    bool has_seconds, has_nanos;
    if (!member_read(r, b, 1, &seconds, &has_seconds) || !member_read(r, b, 2, &nanos, &has_nanos))
        return false;
    int64_t s = (int64_t)seconds.scalar;
    *ret_value = value_null();
    if ((!has_seconds && !has_nanos) || s == YEAR_1) /* the zero time */
        return true;
    if (s < YEAR_1 || s >= YEAR_10000)
        return broken(r, "Time.MarshalJSON: year outside of range [0,9999]");
    char bytes[MICRO_TIME_TEXT_SIZE];
    size_t size = TIME_TEXT_SIZE - 1;
    time_text_write(s, bytes);
    if (is_micro) {
        bytes[size] = '.';
        digits_write(bytes + size + 1, (int64_t)(nanos.scalar % SECOND / 1000), 6);
        size = MICRO_TIME_TEXT_SIZE - 1;
    }
    bytes[size] = 'Z';
    *ret_value = value_string((struct str){bytes, size + 1});
    return true;
}

static bool int_or_string_read(struct reader *r, struct bytes b, struct value *ret_value)
{
    struct wire type, number, string;
    bool has_type, has_number, has_string;
    if (!member_read(r, b, 1, &type, &has_type) || !member_read(r, b, 2, &number, &has_number) ||
        !member_read(r, b, 3, &string, &has_string))
        return false;
    *ret_value = type.scalar == 1 ? value_string(bytes_str(string.bytes))
                                  : value_integer((int32_t)(uint32_t)number.scalar);
    return true;
}

/* Any JSON: RawExtension, FieldsV1. */
static bool raw_read(struct reader *r, struct bytes b, struct value *ret_value)
{
    struct wire raw;
    bool has_raw;
    if (!member_read(r, b, 1, &raw, &has_raw))
        return false;
    *ret_value = value_null();
    return !has_raw || raw.bytes.at == raw.bytes.end ||
           json_parse(bytes_str(raw.bytes), NULL, ret_value, r->message) == ERR_OK;
}

static bool strings_read(struct reader *r, struct bytes b, struct value *ret_value)
{
    struct wire f;
    *ret_value = value_array();
    while (b.at < b.end) {
        if (!field_read(r, &b, &f)) {
            value_drop(*ret_value);
            return false;
        }
        if (f.number == 1 && f.type == WIRE_BYTES)
            *ret_value = value_append(*ret_value, value_string(bytes_str(f.bytes)));
    }
    return true;
}

/* A message that is one value; false: broken. */
static bool small_message_read(struct reader *r, const struct field_schema *f, struct bytes b,
                               struct value *ret_value)
{
    struct wire member;
    bool is_present;
    AUTO(text) struct text t = {0};
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        return time_read(r, b, f->kind == SCHEMA_MICRO_TIME, ret_value);
    case SCHEMA_INT_OR_STRING:
        return int_or_string_read(r, b, ret_value);
    case SCHEMA_RAW:
    case SCHEMA_ANY:
        return raw_read(r, b, ret_value);
    case SCHEMA_LIST_OF_STRING:
        return strings_read(r, b, ret_value);
    case SCHEMA_QUANTITY:
        if (!member_read(r, b, 1, &member, &is_present))
            return false;
        *ret_value = value_string(is_present ? bytes_str(member.bytes) : S("0"));
        return true;
    case SCHEMA_DURATION:
        if (!member_read(r, b, 1, &member, &is_present))
            return false;
        text_add_duration(&t, duration_ns((int64_t)member.scalar));
        *ret_value = value_string(text_str(&t));
        return true;
    case SCHEMA_BYTES:
        base64_add(b.at, (size_t)(b.end - b.at), &t);
        *ret_value = value_string(text_str(&t));
        return true;
    case SCHEMA_STRING:
        *ret_value = value_string(bytes_str(b));
        return true;
    case SCHEMA_STRUCT:
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_BOOL:
    case SCHEMA_DOUBLE:
        break;
    }
    return wrong_wire_type(r, WIRE_BYTES);
}

static bool scalar_read(struct reader *r, const struct field_schema *f, uint64_t scalar,
                        struct value *ret_value)
{
    double d;
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_INT32:
        *ret_value = value_integer((int32_t)(uint32_t)scalar);
        return true;
    case SCHEMA_INT64:
        *ret_value = value_integer((int64_t)scalar);
        return true;
    case SCHEMA_BOOL:
        *ret_value = value_bool(scalar != 0);
        return true;
    case SCHEMA_DOUBLE:
        memcpy(&d, &scalar, sizeof(d));
        if (!isfinite(d))
            return broken(r, "json: unsupported value: a number that is none");
        *ret_value = value_double(d);
        return true;
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_QUANTITY:
    case SCHEMA_INT_OR_STRING:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
    case SCHEMA_DURATION:
    case SCHEMA_RAW:
    case SCHEMA_ANY:
    case SCHEMA_STRUCT:
    case SCHEMA_LIST_OF_STRING:
        break;
    }
    return wrong_wire_type(r, WIRE_VARINT);
}

static bool is_number(const struct field_schema *f)
{
    return f->kind == SCHEMA_INT32 || f->kind == SCHEMA_INT64 || f->kind == SCHEMA_BOOL ||
           f->kind == SCHEMA_DOUBLE;
}

/* `own_before` is what a message is read over: of a field that comes twice the parts are merged. */
static bool element_read(struct reader *r, const struct type_schema *owner,
                         const struct field_schema *f, const struct wire *w,
                         struct value own_before, struct value *ret_value)
{
    unsigned wanted = f->kind == SCHEMA_DOUBLE ? WIRE_FIXED64
                      : is_number(f)           ? WIRE_VARINT
                                               : WIRE_BYTES;
    enum protobuf_union either = protobuf_union_of(owner, f);
    r->field = f;
    if (w->type != wanted) {
        value_drop(own_before);
        return wrong_wire_type(r, w->type);
    }
    if (f->kind != SCHEMA_STRUCT || either != UNION_NONE)
        value_drop(own_before);
    if (either == UNION_EMPTY)
        *ret_value = value_object();
    if (either != UNION_NONE)
        return either == UNION_EMPTY || union_read(r, either, w->bytes, ret_value);
    if (is_number(f))
        return scalar_read(r, f, w->scalar, ret_value);
    if (f->kind != SCHEMA_STRUCT)
        return small_message_read(r, f, w->bytes, ret_value);
    *ret_value = value_is_present(own_before) ? own_before : value_object();
    if (message_read(r, schema_type_of(f), NULL, w->bytes, ret_value))
        return true;
    value_drop(*ret_value);
    return false;
}

static bool schema_read(struct reader *r, struct bytes b, struct value *ret_value)
{
    *ret_value = value_object();
    if (message_read(r, &schema_types[TYPE_apiextensions_v1_JSONSchemaProps], NULL, b, ret_value))
        return true;
    value_drop(*ret_value);
    return false;
}

/* One of the things that a part of a schema may be. */
static bool union_read(struct reader *r, enum protobuf_union either, struct bytes b,
                       struct value *ret_value)
{
    unsigned schema_number = either == UNION_BOOL ? 2 : 1;
    bool is_read = true, allows = false;
    struct value v = VALUE_ABSENT, list = VALUE_ABSENT;
    while (is_read && b.at < b.end) {
        struct wire w;
        struct value schema = VALUE_ABSENT;
        if (!field_read(r, &b, &w)) {
            is_read = false;
        } else if (w.number == 1 && either == UNION_BOOL && w.type == WIRE_VARINT) {
            allows = w.scalar != 0;
        } else if (w.type == WIRE_BYTES && w.number == schema_number) {
            is_read = schema_read(r, w.bytes, &schema);
            value_drop(v);
            v = is_read ? schema : VALUE_ABSENT;
        } else if (w.type == WIRE_BYTES && w.number == 2 && either == UNION_STRINGS) {
            list = value_append(list, value_string(bytes_str(w.bytes)));
        } else if (w.type == WIRE_BYTES && w.number == 2) {
            is_read = schema_read(r, w.bytes, &schema);
            if (is_read)
                list = value_append(list, schema);
        }
    }
    if (is_read && value_count(list) > 0) {
        value_drop(v);
        v = list;
    } else {
        value_drop(list);
        if (is_read && !value_is_present(v))
            v = either == UNION_BOOL ? value_bool(allows) : value_null();
    }
    if (is_read)
        *ret_value = v;
    else
        value_drop(v);
    return is_read;
}

/* ---- fields ---- */

/* The value of an entry that says none. */
static struct wire zero_wire(const struct field_schema *f, const uint8_t *end)
{
    return (struct wire){.type = f->kind == SCHEMA_DOUBLE ? WIRE_FIXED64
                                 : is_number(f)           ? WIRE_VARINT
                                                          : WIRE_BYTES,
                         .bytes = {end, end}};
}

static bool map_entry_read(struct reader *r, const struct type_schema *owner,
                           const struct field_schema *f, struct bytes b, struct value *map)
{
    struct wire key, w;
    bool has_key, has_value;
    struct value v = VALUE_ABSENT;
    if (!member_read(r, b, 1, &key, &has_key) || !member_read(r, b, 2, &w, &has_value))
        return false;
    if (!has_key || key.type != WIRE_BYTES)
        key.bytes = (struct bytes){b.end, b.end};
    if (!has_value)
        w = zero_wire(f, b.end);
    if (!element_read(r, owner, f, &w, VALUE_ABSENT, &v))
        return false;
    *map = value_set_key(value_is_present(*map) ? *map : value_object(), bytes_str(key.bytes), v);
    return true;
}

/* Numbers one behind the other in one field. */
static bool packed_read(struct reader *r, const struct field_schema *f, struct bytes b,
                        struct value *list)
{
    while (b.at < b.end) {
        uint64_t scalar;
        struct value v = VALUE_ABSENT;
        bool is_read =
            f->kind == SCHEMA_DOUBLE ? fixed_read(&b, 8, &scalar) : varint_read(&b, &scalar);
        if (!is_read || !scalar_read(r, f, scalar, &v))
            return broken(r, "unexpected EOF");
        *list = value_append(*list, v);
    }
    return true;
}

/* Schemas of custom resources stand where JSON may be anything, so nobody takes their zeros out
 * later. */
static bool is_part_of_schema(const struct type_schema *owner)
{
    return owner == &schema_types[TYPE_apiextensions_v1_JSONSchemaProps];
}

/* Puts the field into the object. */
static bool value_read(struct reader *r, const struct type_schema *owner,
                       const struct field_schema *f, const struct wire *w, struct value *object)
{
    struct value v = VALUE_ABSENT, old = value_keep(value_get(*object, f->key));
    if (f->container == SCHEMA_NONE) {
        if (!element_read(r, owner, f, w, old, &v))
            return false;
        if (is_part_of_schema(owner) && !(f->flags & SCHEMA_POINTER) && schema_is_zero(v)) {
            value_drop(v);
            v = VALUE_ABSENT;
        }
        *object = value_set(*object, f->key, v);
        return true;
    }
    bool is_read;
    *object = value_set(*object, f->key, VALUE_ABSENT); /* so that it grows in place */
    r->field = f;
    if (f->container == SCHEMA_MAP) {
        is_read = w->type == WIRE_BYTES ? map_entry_read(r, owner, f, w->bytes, &old)
                                        : wrong_wire_type(r, w->type);
    } else if (w->type == WIRE_BYTES && is_number(f)) {
        is_read = packed_read(r, f, w->bytes, &old);
    } else {
        is_read = element_read(r, owner, f, w, VALUE_ABSENT, &v);
        if (is_read)
            old = value_append(old, v);
    }
    *object = value_set(*object, f->key, old);
    return is_read;
}

bool protobuf_has_type_meta(const struct type_schema *t)
{
    if (t->count < 3 || t->fields[0].key != ATOM_kind || t->fields[1].key != ATOM_apiVersion)
        return false;
    for (uint32_t i = 2; i < t->count; i++) { /* else they are fields like others */
        if (t->fields[i].number == 1)
            return true;
    }
    return false;
}

const struct embedding *protobuf_embedding(const struct type_schema *t)
{
    for (size_t i = 0; i < ARRAY_COUNT(embedded); i++) {
        if (&schema_types[embedded[i].type] == t)
            return &embedded[i];
    }
    return NULL;
}

bool protobuf_is_embedded(const struct type_schema *t, const struct embedding *e, uint32_t index)
{
    uint32_t from = 0, to = 0;
    while (from < t->count && t->fields[from].key != e->first)
        from++;
    for (to = from; to < t->count && t->fields[to].key != e->last; to++)
        continue;
    return index >= from && index <= to;
}

enum protobuf_union protobuf_union_of(const struct type_schema *owner, const struct field_schema *f)
{
    if (owner == &schema_types[TYPE_meta_v1_APIResource] && f->key == ATOM_verbs)
        return UNION_ITEMS;
    if (owner == &schema_types[TYPE_apiextensions_v1_CustomResourceSubresources] &&
        f->key == ATOM_status)
        return UNION_EMPTY;
    if (owner != &schema_types[TYPE_apiextensions_v1_JSONSchemaProps])
        return UNION_NONE;
    return f->key == ATOM_additionalProperties || f->key == ATOM_additionalItems ? UNION_BOOL
           : f->key == ATOM_items                                                ? UNION_SCHEMAS
           : f->key == ATOM_dependencies                                         ? UNION_STRINGS
                                                                                 : UNION_NONE;
}

static const struct field_schema *field_find(const struct type_schema *t,
                                             const struct embedding *within, uint64_t number)
{
    const struct embedding *e = protobuf_embedding(t);
    for (uint32_t i = protobuf_has_type_meta(t) ? 2 : 0; i < t->count; i++) {
        if (t->fields[i].number != number)
            continue;
        bool is_inner = e && protobuf_is_embedded(t, e, i);
        if (is_inner == (within != NULL))
            return &t->fields[i];
    }
    return NULL;
}

/* `within`: the message is the embedded part of its own type. */
static bool message_read(struct reader *r, const struct type_schema *t,
                         const struct embedding *within, struct bytes b, struct value *object)
{
    struct wire w;
    bool is_read = true;
    const struct embedding *e = within ? NULL : protobuf_embedding(t);
    if (++r->depth > PROTOBUF_DEPTH_MAX)
        return broken(r, "nesting too deep");
    while (is_read && b.at < b.end) {
        if (!field_read(r, &b, &w))
            return false;
        if (e && w.number == e->number && w.type == WIRE_BYTES) {
            bool is_own = e->inner == e->type;
            is_read = message_read(r, &schema_types[e->inner], is_own ? e : NULL, w.bytes, object);
            continue;
        }
        const struct field_schema *f = field_find(t, within, w.number);
        if (f)
            is_read = value_read(r, t, f, &w, object);
    }
    r->depth--;
    return is_read;
}

/* ---- the envelope ---- */

bool protobuf_envelope(struct str bytes, struct str *ret_api_version, struct str *ret_kind)
{
    struct reader r = {0};
    struct wire meta, version, kind;
    bool has_meta, has_version, has_kind;
    if (bytes.size <= 4 || memcmp(bytes.bytes, "k8s", 4) != 0)
        return false;
    struct bytes b = {(const uint8_t *)bytes.bytes + 4, (const uint8_t *)bytes.bytes + bytes.size};
    if (!member_read(&r, b, 1, &meta, &has_meta) || !has_meta ||
        !member_read(&r, meta.bytes, 1, &version, &has_version) ||
        !member_read(&r, meta.bytes, 2, &kind, &has_kind))
        return false;
    *ret_api_version = bytes_str(version.bytes);
    *ret_kind = bytes_str(kind.bytes);
    return true;
}

bool protobuf_parse(struct str bytes, protobuf_type_fn type_of, void *owner,
                    struct value *ret_value, struct errmsg *message)
{
    struct reader r = {.message = message};
    struct wire meta, raw, version, kind;
    bool has_meta, has_raw, has_version, has_kind;
    if (bytes.size == 0)
        return broken(&r, "empty data");
    if (bytes.size < 4 || memcmp(bytes.bytes, "k8s", 4) != 0)
        return broken(&r, "provided data does not appear to be a protobuf message, expected "
                          "prefix [107 56 115 0]");
    if (bytes.size == 4)
        return broken(&r, "empty body");
    struct bytes b = {(const uint8_t *)bytes.bytes + 4, (const uint8_t *)bytes.bytes + bytes.size};
    if (!member_read(&r, b, 1, &meta, &has_meta) || !member_read(&r, b, 2, &raw, &has_raw) ||
        !member_read(&r, meta.bytes, 1, &version, &has_version) ||
        !member_read(&r, meta.bytes, 2, &kind, &has_kind))
        return false;
    struct str api_version = bytes_str(version.bytes), kind_text = bytes_str(kind.bytes);
    const struct type_schema *t = type_of(owner, api_version, kind_text);
    if (!t) {
        (void)errmsg_set(message, ERR_VALUE,
                         "no kind \"%.*s\" is registered for version \"%.*s\" in scheme "
                         "\"pkg/api/legacyscheme/scheme.go:30\"",
                         STR_ARG(kind_text), STR_ARG(api_version));
        return false;
    }
    struct value object = value_object();
    if (!message_read(&r, t, NULL, raw.bytes, &object)) {
        value_drop(object);
        return false;
    }
    if (kind_text.size > 0)
        object = value_set(object, ATOM_kind, value_string(kind_text));
    if (api_version.size > 0)
        object = value_set(object, ATOM_apiVersion, value_string(api_version));
    *ret_value = object;
    return true;
}
