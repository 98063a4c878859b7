/* SPDX-License-Identifier: Apache-2.0
 *
 * Values to Kubernetes' protobuf, as the code that gogo-proto generates for Go's types writes it:
 * fields in the order of their numbers; those that are no pointers always, even when they are zero
 * or empty; lists element by element, never packed; maps in the order of their keys, key and value
 * of an entry always.
 *
 * Everything is written from the end towards the front (wire.h): one walk over the value, nothing
 * is measured or moved. The order of the fields of a type is worked out when it is first met (a
 * plan), and kept with the writer.
 */
#include "sim/base/base.h"

#include "cluster/api/protobuf.h"

#include "cluster/api/fields/set.h"
#include "cluster/api/json.h"
#include "cluster/api/protobuf_parts.h"
#include "cluster/api/value_heap.h"
#include "cluster/api/wire.h"
#include "sim/base/base64.h"
#include "sim/base/mem.h"

#define TAG_SIZE_MAX 3

struct plan;
struct entry {
    const struct field_schema *field; /* NULL: the embedded message */
    struct plan *embedded;            /* owned unless it is that of a type */
    bool is_of_type;
    enum protobuf_union either;
    uint16_t number;
    uint8_t tag_size;
    uint8_t tag[TAG_SIZE_MAX];
};
/* The fields of a message, the highest number first. */
struct plan {
    uint32_t count;
    struct entry *entries;
};
struct protobuf_writer {
    struct wire_buffer wire;
    struct text scratch;
    struct plan *plans[TYPE_COUNT];
};

static void write_message(struct protobuf_writer *w, const struct plan *p, struct value v);
static void write_field(struct protobuf_writer *w, const struct entry *e, struct value v);
static void write_element(struct protobuf_writer *w, const struct field_schema *f,
                          enum protobuf_union either, struct value v);
static struct plan *plan_of(struct protobuf_writer *w, const struct type_schema *t);

/* ---- life ---- */

struct protobuf_writer *protobuf_writer_new(void)
{
    return mem_new(struct protobuf_writer);
}

static void plan_free(struct plan *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->count; i++) {
        if (!p->entries[i].is_of_type)
            plan_free(p->entries[i].embedded);
    }
    mem_free(p->entries);
    mem_free(p);
}

void protobuf_writer_free(struct protobuf_writer *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < TYPE_COUNT; i++)
        plan_free(w->plans[i]);
    text_release(&w->scratch);
    wire_release(&w->wire);
    mem_free(w);
}

/* ---- plans ---- */

static enum wire_type wire_type_of(const struct field_schema *f)
{
    if (f->container == SCHEMA_MAP)
        return WIRE_BYTES;
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_BOOL:
        return WIRE_VARINT;
    case SCHEMA_DOUBLE:
        return WIRE_FIXED64;
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
    return WIRE_BYTES;
}

/* Puts the entry where its number belongs. */
static void plan_add(struct plan *p, struct entry e, enum wire_type type)
{
    uint32_t tag = (uint32_t)e.number << 3 | type;
    for (; tag >= 0x80; tag >>= 7)
        e.tag[e.tag_size++] = (uint8_t)(tag | 0x80);
    e.tag[e.tag_size++] = (uint8_t)tag;
    uint32_t at = p->count++;
    for (; at > 0 && p->entries[at - 1].number < e.number; at--)
        p->entries[at] = p->entries[at - 1];
    p->entries[at] = e;
}

static struct plan *plan_new(const struct type_schema *t, const struct embedding *e, bool is_inner)
{
    struct plan *p = mem_new(struct plan);
    p->entries = mem_array(struct entry, t->count + 1);
    for (uint32_t i = protobuf_has_type_meta(t) ? 2 : 0; i < t->count; i++) {
        const struct field_schema *f = &t->fields[i];
        if (f->number == 0 || (e && protobuf_is_embedded(t, e, i)) != is_inner)
            continue;
        plan_add(p,
                 (struct entry){.field = f, .number = f->number, .either = protobuf_union_of(t, f)},
                 wire_type_of(f));
    }
    return p;
}

static struct plan *plan_of(struct protobuf_writer *w, const struct type_schema *t)
{
    struct plan **slot = &w->plans[t - schema_types];
    if (LIKELY(*slot))
        return *slot;
    const struct embedding *e = protobuf_embedding(t);
    *slot = plan_new(t, e, false);
    if (!e)
        return *slot;
    const struct type_schema *inner = &schema_types[e->inner];
    bool is_of_type = inner != t;
    struct plan *embedded = is_of_type ? plan_of(w, inner) : plan_new(t, e, true);
    plan_add(*slot,
             (struct entry){
                 .embedded = embedded, .is_of_type = is_of_type, .number = (uint16_t)e->number},
             WIRE_BYTES);
    return *slot;
}

static void put_tag(struct protobuf_writer *w, const struct entry *e)
{
    wire_put(&w->wire, e->tag, e->tag_size);
}

/* ---- elements that are one value in JSON: their content, without length and tag ---- */

static void write_base64(struct protobuf_writer *w, struct str s)
{
    text_clear(&w->scratch);
    (void)base64_decode(s, &w->scratch); /* it has been checked when it came in */
    wire_put(&w->wire, w->scratch.bytes, w->scratch.size);
}

static void write_time(struct protobuf_writer *w, struct value v)
{
    struct str s = value_str(v);
    int64_t seconds, nanos = 0;
    if (s.size < TIME_TEXT_SIZE - 1 || !time_text_parse(s.bytes, &seconds))
        return; /* the zero time is an empty message */
    for (size_t i = TIME_TEXT_SIZE, scale = 100000000; i < s.size && scale > 0; i++, scale /= 10) {
        if (s.bytes[i] < '0' || s.bytes[i] > '9')
            break;
        nanos += (s.bytes[i] - '0') * (int64_t)scale;
    }
    wire_put_varint_field(&w->wire, 2, (uint64_t)nanos);
    wire_put_varint_field(&w->wire, 1, (uint64_t)seconds);
}

static void write_int_or_string(struct protobuf_writer *w, struct value v)
{
    bool is_string = value_kind(v) == VALUE_STRING;
    wire_put_bytes_field(&w->wire, 3, value_str(v));
    wire_put_varint_field(&w->wire, 2, (uint64_t)value_as_integer(v, 0));
    wire_put_varint_field(&w->wire, 1, is_string);
}

static void write_raw(struct protobuf_writer *w, struct value v, bool is_field_set)
{
    if (!value_is_present(v))
        return;
    text_clear(&w->scratch);
    if (is_field_set) /* in its own order */
        fields_write_json(v, &w->scratch);
    else
        json_write(v, &w->scratch);
    wire_put_bytes_field(&w->wire, 1, text_str(&w->scratch));
}

static void write_duration(struct protobuf_writer *w, struct value v)
{
    struct duration d = {0};
    if (!duration_parse(value_str(v), &d))
        d.ns = 0;
    wire_put_varint_field(&w->wire, 1, (uint64_t)d.ns);
}

static void write_strings(struct protobuf_writer *w, unsigned number, struct value list)
{
    for (size_t i = value_count(list); i > 0; i--)
        wire_put_bytes_field(&w->wire, number, value_str(value_at(list, i - 1)));
}

static void write_schema_field(struct protobuf_writer *w, unsigned number, struct value schema)
{
    size_t since = wire_mark(&w->wire);
    write_message(w, plan_of(w, &schema_types[TYPE_apiextensions_v1_JSONSchemaProps]), schema);
    wire_put_length(&w->wire, since);
    wire_put_byte(&w->wire, (uint8_t)(number << 3 | WIRE_BYTES));
}

static void write_union(struct protobuf_writer *w, enum protobuf_union either, struct value v)
{
    bool is_schema = value_kind(v) == VALUE_OBJECT;
    if (either == UNION_EMPTY)
        return;
    if (either == UNION_BOOL) {
        if (is_schema)
            write_schema_field(w, 2, v);
        wire_put_varint_field(&w->wire, 1, is_schema || value_as_bool(v));
    } else if (is_schema) {
        write_schema_field(w, 1, v);
    } else if (either == UNION_STRINGS) {
        write_strings(w, 2, v);
    } else {
        for (size_t i = value_count(v); i > 0; i--)
            write_schema_field(w, 2, value_at(v, i - 1));
    }
}

/* The content of an element whose wire type is bytes. */
static void write_content(struct protobuf_writer *w, const struct field_schema *f,
                          enum protobuf_union either, struct value v)
{
    if (either != UNION_NONE) {
        write_union(w, either, v);
        return;
    }
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_STRUCT:
        write_message(w, plan_of(w, &schema_types[f->type]), v);
        break;
    case SCHEMA_STRING: {
        struct str s = value_str(v);
        wire_put(&w->wire, s.bytes, s.size);
        break;
    }
    case SCHEMA_BYTES:
        write_base64(w, value_str(v));
        break;
    case SCHEMA_QUANTITY:
        wire_put_bytes_field(&w->wire, 1, value_kind(v) == VALUE_STRING ? value_str(v) : S("0"));
        break;
    case SCHEMA_INT_OR_STRING:
        write_int_or_string(w, v);
        break;
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        write_time(w, v);
        break;
    case SCHEMA_DURATION:
        write_duration(w, v);
        break;
    case SCHEMA_RAW:
    case SCHEMA_ANY:
        write_raw(w, v, f->key == ATOM_fieldsV1);
        break;
    case SCHEMA_LIST_OF_STRING:
        write_strings(w, 1, v);
        break;
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_BOOL:
    case SCHEMA_DOUBLE:
        CHECK(false); /* a number has no length */
    }
}

/* ---- fields ---- */

/* With its length, without its tag. */
static void write_element(struct protobuf_writer *w, const struct field_schema *f,
                          enum protobuf_union either, struct value v)
{
    if (f->kind == SCHEMA_INT32 || f->kind == SCHEMA_INT64) {
        wire_put_varint(&w->wire, (uint64_t)value_as_integer(v, 0));
    } else if (f->kind == SCHEMA_BOOL) {
        wire_put_byte(&w->wire, value_as_bool(v));
    } else if (f->kind == SCHEMA_DOUBLE) {
        wire_put_double(&w->wire, value_as_double(v, 0));
    } else {
        size_t since = wire_mark(&w->wire);
        write_content(w, f, either, v);
        wire_put_length(&w->wire, since);
    }
}

static bool is_number(const struct field_schema *f)
{
    return f->kind == SCHEMA_INT32 || f->kind == SCHEMA_INT64 || f->kind == SCHEMA_BOOL;
}

static void write_map(struct protobuf_writer *w, const struct entry *e, struct value map)
{
    enum wire_type type = is_number(e->field)               ? WIRE_VARINT
                          : e->field->kind == SCHEMA_DOUBLE ? WIRE_FIXED64
                                                            : WIRE_BYTES;
    for (size_t i = value_count(map); i > 0; i--) {
        size_t since = wire_mark(&w->wire);
        write_element(w, e->field, e->either, value_member_at(map, i - 1));
        wire_put_byte(&w->wire, (uint8_t)(2 << 3 | type));
        wire_put_bytes_field(&w->wire, 1, value_key_at(map, i - 1));
        wire_put_length(&w->wire, since);
        put_tag(w, e);
    }
}

/* A field that is not there and no pointer is written as its zero. */
static bool is_left_out(const struct field_schema *f, struct value v)
{
    enum value_kind kind = value_kind(v);
    if (kind != VALUE_NONE && kind != VALUE_NULL)
        return false;
    return (f->flags & SCHEMA_POINTER) || f->kind == SCHEMA_BYTES;
}

static void write_field(struct protobuf_writer *w, const struct entry *e, struct value v)
{
    const struct field_schema *f = e->field;
    if (e->either == UNION_ITEMS) {
        size_t since = wire_mark(&w->wire);
        write_strings(w, 1, v);
        wire_put_length(&w->wire, since);
        put_tag(w, e);
    } else if (f->container == SCHEMA_MAP) {
        write_map(w, e, v);
    } else if (f->container == SCHEMA_LIST) {
        for (size_t i = value_count(v); i > 0; i--) {
            write_element(w, f, e->either, value_at(v, i - 1));
            put_tag(w, e);
        }
    } else if (!is_left_out(f, v)) {
        write_element(w, f, e->either, v);
        put_tag(w, e);
    }
}

static void write_message(struct protobuf_writer *w, const struct plan *p, struct value v)
{
    for (uint32_t i = 0; i < p->count; i++) {
        const struct entry *e = &p->entries[i];
        if (e->field) {
            write_field(w, e, value_get(v, e->field->key));
            continue;
        }
        size_t since = wire_mark(&w->wire);
        write_message(w, e->embedded, v);
        wire_put_length(&w->wire, since);
        put_tag(w, e);
    }
}

/* ---- the envelope ---- */

/* Encoding and media type of the content, the last two fields of every envelope: never said. */
static void begin_envelope(struct protobuf_writer *w)
{
    wire_put_bytes_field(&w->wire, 4, S(""));
    wire_put_bytes_field(&w->wire, 3, S(""));
}

/* The envelope around the content, which has been written since. */
static void end_envelope(struct protobuf_writer *w, struct str api_version, struct str kind,
                         size_t since)
{
    wire_put_length(&w->wire, since);
    wire_put_byte(&w->wire, 2 << 3 | WIRE_BYTES);
    since = wire_mark(&w->wire);
    wire_put_bytes_field(&w->wire, 2, kind);
    wire_put_bytes_field(&w->wire, 1, api_version);
    wire_put_length(&w->wire, since);
    wire_put_byte(&w->wire, 1 << 3 | WIRE_BYTES);
    wire_put(&w->wire, "k8s", 4); /* with its zero */
}

static void write_object(struct protobuf_writer *w, const struct protobuf_head *head,
                         struct value object)
{
    begin_envelope(w);
    size_t since = wire_mark(&w->wire);
    write_message(w, plan_of(w, head->type), object);
    end_envelope(w, head->api_version, head->kind, since);
}

void protobuf_write(struct protobuf_writer *w, const struct protobuf_head *head,
                    struct value object, struct text *out)
{
    write_object(w, head, object);
    wire_take(&w->wire, out);
}

void protobuf_write_list(struct protobuf_writer *w, const struct protobuf_head *head,
                         struct value list, struct text *out)
{
    struct value items = value_get(list, ATOM_items);
    const struct plan *item = plan_of(w, head->type);
    begin_envelope(w);
    size_t since = wire_mark(&w->wire), before;
    for (size_t i = value_count(items); i > 0; i--) {
        before = wire_mark(&w->wire);
        write_message(w, item, value_at(items, i - 1));
        wire_put_length(&w->wire, before);
        wire_put_byte(&w->wire, 2 << 3 | WIRE_BYTES);
    }
    before = wire_mark(&w->wire);
    write_message(w, plan_of(w, &schema_types[TYPE_meta_v1_ListMeta]),
                  value_get(list, ATOM_metadata));
    wire_put_length(&w->wire, before);
    wire_put_byte(&w->wire, 1 << 3 | WIRE_BYTES);
    end_envelope(w, head->api_version, head->kind, since);
    wire_take(&w->wire, out);
}

void protobuf_write_event(struct protobuf_writer *w, const struct protobuf_head *head,
                          struct str event, struct value object, struct text *out)
{
    size_t frame = wire_mark(&w->wire);
    write_object(w, head, object);
    wire_put_length(&w->wire, frame); /* RawExtension, its field 1 */
    wire_put_byte(&w->wire, 1 << 3 | WIRE_BYTES);
    wire_put_length(&w->wire, frame);
    wire_put_byte(&w->wire, 2 << 3 | WIRE_BYTES);
    wire_put_bytes_field(&w->wire, 1, event);
    size_t size = wire_mark(&w->wire) - frame;
    CHECK(size <= UINT32_MAX);
    for (unsigned i = 0; i < 4; i++)
        wire_put_byte(&w->wire, (uint8_t)(size >> (8 * i)));
    wire_take(&w->wire, out);
}
