/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenAPI documents as protobuf, in the messages of gnostic, which older kubectls ask for. The
 * document is made from its own JSON: parsed once, then each object written as the message that the
 * table gnostic.def says.
 *
 * A few messages hold one of several things; `choose` says which of them a value is. Whatever
 * begins with "x-" is an extension: its name, and its value as YAML, of which JSON is a kind.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/openapi/page.h"

#include "cluster/api/json.h"
#include "cluster/api/wire.h"

enum message_id {
    MESSAGE_NONE,
#define MESSAGE(identifier, ...) MESSAGE_##identifier,
#define FIELD(...)
#define END(identifier)
#define CHOICE(identifier) MESSAGE_##identifier,
#include "cluster/apiserver/http/openapi/gnostic.def"
#undef MESSAGE
#undef FIELD
#undef END
#undef CHOICE
    MESSAGE_COUNT
};

enum field_kind { STRING, STRINGS, BOOL, INTEGER, NUMBER, ANY, ANYS, MESSAGE, MESSAGES };
struct field {
    const char *name;
    uint8_t number;
    uint8_t kind;
    uint8_t message;
};

enum field_number {
#define MESSAGE(identifier, ...) FIRST_##identifier, BEFORE_##identifier = FIRST_##identifier - 1,
#define FIELD(message, name, number, ...) FIELD_##message##_##number,
#define END(identifier) LAST_##identifier, AFTER_##identifier = LAST_##identifier - 1,
#define CHOICE(identifier)
#include "cluster/apiserver/http/openapi/gnostic.def"
#undef MESSAGE
#undef FIELD
#undef END
#undef CHOICE
    FIELD_NUMBER_COUNT
};

static const struct field fields[] = {
#define MESSAGE(...)
#define FIELD(of, name, number, kind, message) {#name, number, kind, MESSAGE_##message},
#define END(identifier)
#define CHOICE(identifier)
#include "cluster/apiserver/http/openapi/gnostic.def"
#undef MESSAGE
#undef FIELD
#undef END
#undef CHOICE
};

static const struct message {
    const struct field *fields;
    uint32_t count;
    uint8_t extension; /* number of the fields for extensions; 0: none */
    uint8_t member;    /* of those for members that no field names; 0: none */
    uint8_t value;     /* the message that such a member is */
    bool is_message;   /* else a choice */
} messages[MESSAGE_COUNT] = {
#define MESSAGE(identifier, extension_, member_, value_)                                           \
    [MESSAGE_##identifier] = {.fields = fields + FIRST_##identifier,                               \
                              .count = (uint32_t)LAST_##identifier - (uint32_t)FIRST_##identifier, \
                              .extension = extension_,                                             \
                              .member = member_,                                                   \
                              .value = MESSAGE_##value_,                                           \
                              .is_message = true},
#define FIELD(...)
#define END(identifier)
#define CHOICE(identifier)
#include "cluster/apiserver/http/openapi/gnostic.def"
#undef MESSAGE
#undef FIELD
#undef END
#undef CHOICE
};

static void message_write(struct wire_buffer *w, enum message_id m, struct value v);

/* ---- values ---- */

static void any_write(struct wire_buffer *w, struct value v)
{
    AUTO(text) struct text yaml = {0};
    json_write(v, &yaml);
    text_add_byte(&yaml, '\n');
    wire_put_bytes_field(w, 2, text_str(&yaml));
}

/* {1: name, 2: value}: the value has been written since. */
static void name_put(struct wire_buffer *w, size_t since, struct str name, unsigned number)
{
    wire_put_length(w, since);
    wire_put_tag(w, 2, WIRE_BYTES);
    wire_put_bytes_field(w, 1, name);
    wire_put_length(w, since);
    wire_put_tag(w, number, WIRE_BYTES);
}

static void strings_write(struct wire_buffer *w, unsigned number, struct value list)
{
    for (size_t i = value_count(list); i > 0; i--)
        wire_put_bytes_field(w, number, value_str(value_at(list, i - 1)));
}

static void nested_write(struct wire_buffer *w, unsigned number, enum message_id m, struct value v)
{
    size_t since = wire_mark(w);
    if (m == MESSAGE_NONE)
        any_write(w, v);
    else
        message_write(w, m, v);
    wire_put_length(w, since);
    wire_put_tag(w, number, WIRE_BYTES);
}

static void number_write(struct wire_buffer *w, unsigned number, struct value v)
{
    wire_put_double(w, value_as_double(v, (double)value_as_integer(v, 0)));
    wire_put_tag(w, number, WIRE_FIXED64);
}

static void field_write(struct wire_buffer *w, const struct field *f, struct value v)
{
    enum message_id m = (enum message_id)f->message;
    switch ((enum field_kind)f->kind) {
    case STRING:
        if (value_str(v).size > 0)
            wire_put_bytes_field(w, f->number, value_str(v));
        break;
    case STRINGS:
        strings_write(w, f->number, v);
        break;
    case BOOL:
        if (value_as_bool(v))
            wire_put_varint_field(w, f->number, 1);
        break;
    case INTEGER:
        wire_put_varint_field(w, f->number, (uint64_t)value_as_integer(v, 0));
        break;
    case NUMBER:
        number_write(w, f->number, v);
        break;
    case ANY:
    case MESSAGE:
        nested_write(w, f->number, m, v);
        break;
    case ANYS:
    case MESSAGES:
        for (size_t i = value_count(v); i > 0; i--)
            nested_write(w, f->number, m, value_at(v, i - 1));
        break;
    }
}

/* ---- messages that hold one of several ---- */

struct choice {
    unsigned number;
    enum message_id message; /* MESSAGE_NONE: the value itself */
};

static struct choice item_or_reference(struct value v, enum message_id item,
                                       enum message_id reference)
{
    bool is_reference = reference != MESSAGE_NONE && value_kind(v) == VALUE_OBJECT &&
                        value_is_present(value_get(v, ATOM_dollar_ref));
    return is_reference ? (struct choice){2, reference} : (struct choice){1, item};
}

static struct choice choose(enum message_id m, struct value v)
{
    bool is_object = value_kind(v) == VALUE_OBJECT;
    switch ((int)m) {
    case MESSAGE_PARAMETER_ITEM_2:
        return (struct choice){1, MESSAGE_PARAMETER_2};
    case MESSAGE_PARAMETER_2:
        return value_is(value_get_key(v, S("in")), "body")
                   ? (struct choice){1, MESSAGE_BODY_PARAMETER_2}
                   : (struct choice){2, MESSAGE_NON_BODY_PARAMETER_2};
    case MESSAGE_NON_BODY_PARAMETER_2:
        return value_is(value_get_key(v, S("in")), "path")
                   ? (struct choice){4, MESSAGE_PATH_PARAMETER_2}
                   : (struct choice){3, MESSAGE_QUERY_PARAMETER_2};
    case MESSAGE_RESPONSE_VALUE_2:
        return (struct choice){1, MESSAGE_RESPONSE_2};
    case MESSAGE_SCHEMA_ITEM_2:
    case MESSAGE_ITEMS_2:
        return (struct choice){1, MESSAGE_SCHEMA_2};
    case MESSAGE_ADDITIONAL_2:
        return is_object ? (struct choice){1, MESSAGE_SCHEMA_2} : (struct choice){2, MESSAGE_NONE};
    case MESSAGE_SECURITY_2:
        return (struct choice){2, MESSAGE_API_KEY_2};
    case MESSAGE_PARAMETER_ITEM:
        return item_or_reference(v, MESSAGE_PARAMETER, MESSAGE_REFERENCE);
    case MESSAGE_BODY_ITEM:
        return item_or_reference(v, MESSAGE_BODY, MESSAGE_REFERENCE);
    case MESSAGE_RESPONSE_ITEM:
        return item_or_reference(v, MESSAGE_RESPONSE, MESSAGE_REFERENCE);
    case MESSAGE_SECURITY_ITEM:
        return item_or_reference(v, MESSAGE_SECURITY, MESSAGE_REFERENCE);
    case MESSAGE_SCHEMA_ITEM:
        return item_or_reference(v, MESSAGE_SCHEMA, MESSAGE_REFERENCE);
    case MESSAGE_ITEMS:
        return (struct choice){1, MESSAGE_SCHEMA_ITEM};
    case MESSAGE_ADDITIONAL:
        return is_object ? (struct choice){1, MESSAGE_SCHEMA_ITEM}
                         : (struct choice){2, MESSAGE_NONE};
    case MESSAGE_DEFAULT:
        return (struct choice){value_kind(v) == VALUE_STRING ? 3
                               : value_kind(v) == VALUE_BOOL ? 2
                                                             : 1,
                               MESSAGE_NONE};
    default: /* lists of strings */
        return (struct choice){1, MESSAGE_NONE};
    }
}

static void choice_write(struct wire_buffer *w, enum message_id m, struct value v)
{
    struct choice c = choose(m, v);
    if (c.message != MESSAGE_NONE)
        nested_write(w, c.number, c.message, v);
    else if (value_kind(v) == VALUE_ARRAY)
        strings_write(w, c.number, v);
    else if (value_kind(v) == VALUE_STRING)
        wire_put_bytes_field(w, c.number, value_str(v));
    else if (value_kind(v) == VALUE_BOOL)
        wire_put_varint_field(w, c.number, value_as_bool(v));
    else if (value_kind(v) == VALUE_INTEGER || value_kind(v) == VALUE_DOUBLE)
        number_write(w, c.number, v);
}

/* ---- messages ---- */

/* "$ref" is written "_ref" in the table, since it is no identifier of C. */
static struct str name_of(const struct field *f)
{
    return f->name[0] == '_' ? S("$ref") : str_from(f->name);
}

static void message_write(struct wire_buffer *w, enum message_id m, struct value v)
{
    const struct message *t = &messages[m];
    if (!t->is_message) {
        choice_write(w, m, v);
        return;
    }
    for (size_t i = value_count(v); i > 0; i--) { /* extensions and members: last in the message */
        struct str key = value_key_at(v, i - 1);
        struct value member = value_member_at(v, i - 1);
        size_t since = wire_mark(w);
        bool is_extension = t->extension > 0 && str_starts_with(key, S("x-"));
        if (is_extension) {
            any_write(w, member);
            name_put(w, since, key, t->extension);
        } else if (t->member > 0) {
            message_write(w, (enum message_id)t->value, member);
            name_put(w, since, key, t->member);
        }
    }
    for (uint32_t i = t->count; i > 0; i--) {
        const struct field *f = &t->fields[i - 1];
        struct value member = value_get_key(v, name_of(f));
        if (value_is_present(member))
            field_write(w, f, member);
    }
}

void gnostic_write(bool is_v3, struct str json, struct text *out)
{
    struct wire_buffer w = {0};
    struct value v = VALUE_ABSENT;
    struct errmsg message;
    CHECK(json_parse(json, NULL, &v, &message) == ERR_OK);
    message_write(&w, is_v3 ? MESSAGE_DOCUMENT : MESSAGE_DOCUMENT_2, v);
    wire_take(&w, out);
    wire_release(&w);
    value_drop(v);
}
