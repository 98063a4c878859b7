/* SPDX-License-Identifier: Apache-2.0
 *
 * Gives the rows of schema/ their addresses. The rows are read three times by the preprocessor: for
 * the numbers of the fields (so that each type knows where its own begin), for the fields, for the
 * types. Nothing is built at run time.
 *
 * Lookup: the keys of a type's fields stand close together in an array of their own (the largest
 * type has some fifty: two cache lines), which is searched from its front.
 */
#include "sim/base/base.h"

#include "cluster/api/schema.h"

/* The number of each field over all types; a type's first field has the number START_<type>. */
enum field_number {
#define TYPE(identifier, ...) START_##identifier, BEFORE_##identifier = START_##identifier - 1,
#define FIELD(type, name, ...) NUMBER_##type##_##name,
#define END(identifier) END_##identifier, AFTER_##identifier = END_##identifier - 1,
#include "cluster/api/schema/types.def"
#undef TYPE
#undef FIELD
#undef END
    FIELD_NUMBER_COUNT
};

static const struct field_schema fields[] = {
#define TYPE(identifier, ...)
#define FIELD(type_, name, kind_, flags_, ...)                                                     \
    {.key = ATOM_##name, .kind = SCHEMA_##kind_, .flags = (flags_), __VA_ARGS__},
#define END(identifier)
#include "cluster/api/schema/types.def"
#undef TYPE
#undef FIELD
#undef END
};

static const uint16_t keys[] = {
#define TYPE(identifier, ...)
#define FIELD(type_, name, ...) ATOM_##name,
#define END(identifier)
#include "cluster/api/schema/types.def"
#undef TYPE
#undef FIELD
#undef END
};

const struct type_schema schema_types[TYPE_COUNT] = {
#define TYPE(identifier, version_, name_, flags_)                                                  \
    [TYPE_##identifier] = {.version = (version_),                                                  \
                           .name = (name_),                                                        \
                           .flags = (flags_),                                                      \
                           .count = (uint32_t)END_##identifier - (uint32_t)START_##identifier,     \
                           .fields = &fields[START_##identifier]},
#define FIELD(...)
#define END(identifier)
#include "cluster/api/schema/types.def"
#undef TYPE
#undef FIELD
#undef END
};
_Static_assert((int)ATOM_KNOWN_COUNT < UINT16_MAX, "atoms of fields fit 16 bits");

const struct field_schema *schema_field(const struct type_schema *t, atom key)
{
    if (key >= ATOM_KNOWN_COUNT)
        return NULL;
    size_t first = (size_t)(t->fields - fields);
    for (size_t i = first; i < first + t->count; i++) {
        if (keys[i] == key)
            return &fields[i];
    }
    return NULL;
}

const struct type_schema *schema_for_subresource(const struct resource *r, enum subresource s)
{
    switch (s) {
    case SUBRESOURCE_SCALE:
        return &schema_types[TYPE_autoscaling_v1_Scale];
    case SUBRESOURCE_BINDING:
        return &schema_types[TYPE_core_v1_Binding];
    case SUBRESOURCE_EVICTION:
        return &schema_types[TYPE_policy_v1_Eviction];
    case SUBRESOURCE_TOKEN:
        return &schema_types[TYPE_authentication_v1_TokenRequest];
    case SUBRESOURCE_NONE:
    case SUBRESOURCE_STATUS:
    case SUBRESOURCE_FINALIZE:
    case SUBRESOURCE_APPROVAL:
    case SUBRESOURCE_RESIZE:
    case SUBRESOURCE_EPHEMERALCONTAINERS:
    case SUBRESOURCE_LOG:
    case SUBRESOURCE_EXEC:
    case SUBRESOURCE_ATTACH:
    case SUBRESOURCE_PORTFORWARD:
    case SUBRESOURCE_PROXY:
    case SUBRESOURCE_COUNT:
        break;
    }
    return r->type;
}
